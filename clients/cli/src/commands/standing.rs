//! What still stands of what a session wrote, and how it is looked at and taken over.

use calt_api::client::Client;
use calt_api::endpoint;
use serde_json::Value;

use super::workspace;
use crate::context::Context;
use crate::hint;
use crate::render;

/// What still stands of what a session wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Files are other than before it.
    Something,
    /// Nothing was written, or all of it was taken back.
    Nothing,
    /// The workspace cannot be compared now.
    Unknown,
}

/// The ways from a success on a copy to where somebody works.
pub(super) struct Ways {
    /// The command that shows the patch.
    pub(super) look: String,
    /// The command that lands it, for who is given every byte.
    pub(super) land: Option<String>,
}

/// Looks whether anything still stands.
pub(super) async fn of(context: &Context, client: &Client, session: &str) -> Standing {
    let Ok(diff) = context.fetch(client, &endpoint::SESSION_DIFF, &[session], &[]).await else {
        return Standing::Unknown;
    };
    let is_empty = |name: &str| render::items(&diff[name]).is_empty();
    if is_empty("files") && is_empty("changed_since") { Standing::Nothing } else { Standing::Something }
}

/// The ways on from a session that succeeded on a copy of a repository and left something there; `None` elsewhere.
pub(super) async fn ways(context: &Context, client: &Client, session: &Value) -> Option<Ways> {
    let name = session["id"].as_str()?;
    if session["status"] != "succeeded" || session["workspace"]["kind"] != "snapshot" {
        return None;
    }
    if of(context, client, name).await != Standing::Something {
        return None;
    }
    Some(Ways {
        look: hint::here(&format!("calt session diff {name}")),
        land: if context.may_decide() { Some(hint::here(&land(context, client, session).await)) } else { None },
    })
}

/// The command that lands what a session wrote, with the repository that its workspace is a copy of, where that is told.
pub(super) async fn land(context: &Context, client: &Client, session: &Value) -> String {
    let known = workspace::known(context, client).await.unwrap_or_default();
    let of_session = known.iter().find(|known| known["name"] == session["workspace"]["name"]);
    let path = of_session.and_then(|known| known["path"].as_str());
    let repository = path.map_or_else(|| "DIR".to_owned(), hint::quoted);
    format!("calt land {} --repo {repository}", render::word(&session["id"]))
}
