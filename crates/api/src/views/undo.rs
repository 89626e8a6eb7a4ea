//! What the daemon answers when something is to be taken back.

use serde::{Deserialize, Serialize};

use crate::next::Next;

/// The plan version that takes back. Nothing is written until it is approved and executed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UndoReply {
    /// The session the plan stands in: the one that was named, or after a stop the one that goes on in its place.
    pub session_id: String,
    /// Whether that session was made for it.
    pub is_new_session: bool,
    /// The plan version.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// The files it puts back, by name.
    pub taken_back: Vec<TakenBackView>,
    /// The files it leaves alone, by name.
    pub left_alone: Vec<LeftAloneView>,
    /// What would lead on.
    pub next: Option<Next>,
}

/// A file that a plan would put back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TakenBackView {
    /// Its name afterwards.
    pub path: String,
    /// Its name now, when it gets an earlier one back.
    pub from: Option<String>,
    /// `restore`, `rename` or `delete`.
    pub action: String,
    /// It becomes what it was before this run.
    pub run_id: i64,
}

/// A file that stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct LeftAloneView {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}
