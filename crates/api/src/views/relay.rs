//! What a chat surface keeps at the daemon: its buttons, and whom it refused.

use serde::{Deserialize, Serialize};

/// Something a button decides on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ButtonItem {
    /// The step; without it the plan itself.
    pub step_id: Option<String>,
    /// The digest that was shown.
    pub digest: String,
}

/// What a button stands for: ids and digests of what was shown beside it, and no text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ButtonSubject {
    /// A word of the chat's own: `[a-z_]{1,32}`.
    pub action: String,
    /// The session.
    pub session_id: String,
    /// The plan version.
    pub plan_version: Option<u32>,
    /// What it decides on, at most 1,001 items.
    pub items: Vec<ButtonItem>,
    /// What it leaves out first, at most 1,001 items.
    pub left_out: Vec<ButtonItem>,
    /// The run.
    pub run_id: Option<i64>,
    /// SHA-256 of the bytes shown.
    pub view_digest: Option<String>,
    /// Whether anything was cut in what was shown.
    pub view_cut: Option<bool>,
    /// When it was shown, RFC 3339.
    pub shown_at: Option<String>,
}

/// Buttons to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MakeButtons {
    /// What they stand for, at most 25: as many as a message can hold.
    pub buttons: Vec<ButtonSubject>,
}

/// Buttons that are kept. They outlive restarts of chat and daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ButtonsMade {
    /// Their opaque ids, at most 40 characters each, in the order they were asked for.
    pub ids: Vec<String>,
}

/// A button.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ButtonView {
    /// Its opaque id.
    pub id: String,
    /// What it stands for.
    pub subject: ButtonSubject,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// Somebody whom a chat refused because it does not list them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RefusedInChat {
    /// The account's id in the chat, 1 to 20 digits.
    pub user_id: String,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RefusalCounted {
    /// The account.
    pub user_id: String,
    /// True: it will be in the log within a minute, with others of the same account as one event.
    pub counted: bool,
}

/// Whose clicks can decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChatApprovers {
    /// The accounts that are bound to people who may decide from a chat, by number.
    pub user_ids: Vec<String>,
}
