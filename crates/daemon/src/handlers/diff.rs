//! What a session wrote, as one patch: masked for every reader, raw for who may decide.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::HeaderMap;
use calt_api::endpoint::UNLOCK_HEADER;
use calt_api::views::{DiffFileView, SessionDiffView};
use calt_engine::SessionDiff;
use calt_engine::core::SessionId;
use calt_engine::core::policy::Act;
use calt_engine::tools::SinceFile;
use serde::Deserialize;
use serde_json::json;

use super::events::known_session;
use super::sessions::left_alone;
use super::{At, By, Reader, may, read};
use crate::app::App;
use crate::body::Params;
use crate::reply::{Refused, View};

/// What the query of a diff may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DiffQuery {
    raw: bool,
    source: Option<String>,
    user_id: Option<String>,
    message_id: Option<String>,
}

/// `GET /sessions/{session}/diff`.
pub(crate) async fn show(
    State(app): State<App>,
    _: Reader,
    by: By,
    At(session): At<String>,
    Params(query): Params<DiffQuery>,
    headers: HeaderMap,
) -> Result<View<SessionDiffView>, Refused> {
    if query.raw {
        may(&by, Act::ReleaseContent)?;
    }
    let session = known_session(&app, &session).await?;
    let diff = if query.raw {
        let key = headers.get(UNLOCK_HEADER).and_then(|key| key.to_str().ok()).map(str::to_owned);
        let by = by.unlocking(query.source, query.user_id, query.message_id, key);
        app.engine.release_diff(by, &session).await?
    } else {
        app.engine.session_diff(&session).await?
    };
    let id = session.clone();
    let row = read(&app, move |store| store.session(&id)).await?;
    let commit = row.and_then(|row| Some(json!(row.workspace).get("commit")?.as_str()?.to_owned()));
    Ok(View(shown(&session, diff, commit)))
}

fn shown(session: &SessionId, diff: SessionDiff, base_commit: Option<String>) -> SessionDiffView {
    let others_wrote = diff.others_wrote;
    SessionDiffView {
        session_id: session.to_string(),
        diff: diff.patch,
        masked: diff.masked,
        files: diff.files.into_iter().map(|file| shown_file(file, &others_wrote)).collect(),
        changed_since: diff.changed_since.into_iter().map(left_alone).collect(),
        base_commit,
    }
}

fn shown_file(file: SinceFile, others_wrote: &BTreeSet<String>) -> DiffFileView {
    DiffFileView {
        others_wrote: others_wrote.contains(&file.path)
            || file.from.as_ref().is_some_and(|from| others_wrote.contains(from)),
        path: file.path,
        from: file.from,
        old_sha256: file.old.map(|digest| digest.to_string()),
        new_sha256: file.new.map(|digest| digest.to_string()),
        new_mode: file.new_mode.map(str::to_owned),
    }
}
