//! What still stands of what a session wrote, and how it is looked at and taken over.

use calt_api::client::Client;
use calt_api::endpoint;
use serde_json::Value;

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
    (of(context, client, name).await == Standing::Something).then(|| Ways {
        look: hint::here(&format!("calt session diff {name}")),
        land: context.may_decide().then(|| hint::here(&land(name))),
    })
}

/// The command that lands what a session wrote.
pub(super) fn land(session: &str) -> String {
    format!("calt land {session} --repo DIR")
}
