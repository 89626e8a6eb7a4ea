//! What clients send. Fields may be left out; unknown ones are refused by name.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

macro_rules! request {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* #[serde(skip_serializing_if = "is_default")] pub $field: $kind,)* }
    };
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

request! {
    /// A new session.
    CreateSession {
        /// What it is for; at most 4,000 characters.
        goal: Option<String>,
        /// `normal` (default) or `dry_run`.
        mode: Option<String>,
        /// `strict` (default) or `dev`.
        safety_profile: Option<String>,
        /// The name of a workspace; left out, the session gets an empty one of its own. A path is refused.
        workspace: Option<String>,
        /// Whether a snapshot takes along what is not committed, as it stands in the repository's directory.
        uncommitted: bool,
        /// The ticket it belongs to; at most 200 characters.
        r#ref: Option<String>,
        /// What made it; at most 200 characters.
        origin: Option<String>,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
    }
}

request! {
    /// A workspace to give a name.
    AddWorkspace {
        /// The name: `[A-Za-z0-9_.-]{1,64}`, beginning with a letter or a digit.
        name: String,
        /// `own`, `snapshot` or `attach`.
        kind: String,
        /// The directory, as an absolute path; none of kind `own`.
        path: Option<String>,
        /// Patterns (`*`, `?`, `**`) of files a snapshot takes along as they stand in the directory, though git ignores
        /// them or they are not committed.
        include: Vec<String>,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

request! {
    /// A yes, a no or a skip.
    DecisionRequest {
        /// Who the client says decides; a claim.
        approved_by: Option<String>,
        /// The surface the client says it is.
        source: Option<String>,
        /// The digest of what was shown; compared.
        digest: Option<String>,
        /// Why not; required for a rejection, at most 4,000 characters.
        reason: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// One id for all that is decided in one look: `[A-Za-z0-9_.@-]{1,64}`; made when left out.
        decision_id: Option<String>,
        /// `prompt`, `button`, `flag` or `api` (default).
        how: Option<String>,
        /// SHA-256 of the bytes shown.
        view_digest: Option<String>,
        /// Whether anything was cut in what was shown.
        view_cut: Option<bool>,
        /// When it was shown, RFC 3339.
        shown_at: Option<String>,
        /// The locale it was shown in: `[A-Za-z0-9_.@-]{1,35}`.
        locale: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

request! {
    /// One thing of a list that is decided on: a step, or without `step_id` the plan itself.
    DecisionItem {
        /// The plan version.
        plan_version: u32,
        /// The step.
        step_id: Option<String>,
        /// The digest of what was shown; required and compared.
        digest: String,
    }
}

request! {
    /// A yes, a no or a skip to everything in a list, or to nothing.
    DecisionsRequest {
        /// `approve`, `reject` or `skip`.
        decision: String,
        /// What is decided on: 1 to 1,001 things, the plan before its steps. A rejection names one.
        items: Vec<DecisionItem>,
        /// Who the client says decides; a claim.
        approved_by: Option<String>,
        /// The surface the client says it is.
        source: Option<String>,
        /// Why not; required for a rejection, at most 4,000 characters.
        reason: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// One id for all that is decided in one look: `[A-Za-z0-9_.@-]{1,64}`; made when left out.
        decision_id: Option<String>,
        /// `prompt`, `button`, `flag` or `api` (default).
        how: Option<String>,
        /// SHA-256 of the bytes shown.
        view_digest: Option<String>,
        /// Whether anything was cut in what was shown.
        view_cut: Option<bool>,
        /// When it was shown, RFC 3339.
        shown_at: Option<String>,
        /// The locale it was shown in: `[A-Za-z0-9_.@-]{1,35}`.
        locale: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

impl DecisionsRequest {
    /// The decision alone, with the list beside it: what was seen and how it was decided holds for every item.
    pub fn into_list(self) -> (String, Vec<DecisionItem>, DecisionRequest) {
        let words = DecisionRequest {
            approved_by: self.approved_by,
            source: self.source,
            digest: None,
            reason: self.reason,
            message_id: self.message_id,
            user_id: self.user_id,
            decision_id: self.decision_id,
            how: self.how,
            view_digest: self.view_digest,
            view_cut: self.view_cut,
            shown_at: self.shown_at,
            locale: self.locale,
            unlock: self.unlock,
        };
        (self.decision, self.items, words)
    }
}

request! {
    /// An execution.
    ExecuteRequest {
        /// A person's yes to high risk.
        confirm_high_risk: bool,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

request! {
    /// What is to be taken back.
    UndoRequest {
        /// The run; without it everything since the session first wrote.
        run_id: Option<i64>,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
    }
}

request! {
    /// A stop, or any other call that needs no more.
    StopRequest {
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
    }
}

request! {
    /// An act of administration that needs no more.
    AdministrationRequest {
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

request! {
    /// The end of an event's text.
    RedactRequest {
        /// Why; kept in the log. At most 4,000 characters.
        reason: String,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

request! {
    /// A new token.
    CreateToken {
        /// Whom it proves: `[A-Za-z0-9_.@-]{1,64}`; made when nobody has that name. Left out: a name of calt's own.
        name: Option<String>,
        /// The person whom it proves, who exists already; instead of `name`.
        person: Option<String>,
        /// `agent`, `viewer`, `approver`, `relay` or `owner`. With `person` it may be left out.
        role: Option<String>,
        /// When it ends, RFC 3339.
        expires_at: Option<String>,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

request! {
    /// A new person.
    AddPerson {
        /// The name: `[A-Za-z0-9_.@-]{1,64}`.
        name: String,
        /// `approver` (default), `viewer` or `owner`.
        role: Option<String>,
        /// The name they are shown by; at most 100 characters.
        display: Option<String>,
        /// The id of their Discord account, 1 to 20 digits.
        discord: Option<String>,
        /// The surface the client says it is.
        source: Option<String>,
        /// The message that caused the call.
        message_id: Option<String>,
        /// Who the client says speaks; a claim.
        user_id: Option<String>,
        /// A key of `POST /unlock`, where a PIN stands.
        unlock: Option<String>,
    }
}

/// A PIN, to be compared.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct UnlockRequest {
    /// The PIN, as it was typed; wiped when nobody needs it any more.
    #[serde(deserialize_with = "not_repeated")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub pin: Zeroizing<String>,
    /// The session whose plan is to be decided on; left out together with `plan_version`: one act of administration.
    pub session_id: Option<String>,
    /// The newest version of its plan.
    pub plan_version: Option<u32>,
    /// The surface the client says it is.
    pub source: Option<String>,
    /// The message that caused the call.
    pub message_id: Option<String>,
    /// Who the client says speaks; a claim.
    pub user_id: Option<String>,
}

/// Reads a text that no error may repeat.
fn not_repeated<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    let serde_json::Value::String(text) = serde_json::Value::deserialize(deserializer)? else {
        return Err(serde::de::Error::custom("`pin` is a text"));
    };
    Ok(Zeroizing::new(text))
}
