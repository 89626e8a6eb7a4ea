//! Events: paged and streamed.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse as _;
use calt_api::views::{EventView, Page};
use calt_engine::core::SessionId;
use calt_engine::store::EventRow;
use serde::Deserialize;
use serde_json::Value;

use super::{At, Reader, cursor, page_size, read, session_id, session_missing};
use crate::app::App;
use crate::body::Params;
use crate::limits::PAGE_TEXT_BYTES_MAX;
use crate::reply::{Refused, View};
use crate::stream::{self, Followed};

/// What the query of a page of events may say. `cursor` is the same as `after`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventsQuery {
    after: Option<u64>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /sessions/{session}/events`.
pub(crate) async fn of_session(
    State(app): State<App>,
    _: Reader,
    At(session): At<String>,
    headers: HeaderMap,
    Params(query): Params<EventsQuery>,
) -> Result<Response<Body>, Refused> {
    let session = known_session(&app, &session).await?;
    answer(app, &headers, Followed::Session(session), &query).await
}

/// `GET /events`.
pub(crate) async fn of_all(
    State(app): State<App>,
    _: Reader,
    headers: HeaderMap,
    Params(query): Params<EventsQuery>,
) -> Result<Response<Body>, Refused> {
    answer(app, &headers, Followed::Log, &query).await
}

pub(super) async fn known_session(app: &App, session: &str) -> Result<SessionId, Refused> {
    let session = session_id(session)?;
    let id = session.clone();
    let known = read(app, move |store| store.session(&id)).await?;
    known.map(|_| session.clone()).ok_or_else(|| session_missing(session.as_str()))
}

async fn answer(
    app: App,
    headers: &HeaderMap,
    followed: Followed,
    query: &EventsQuery,
) -> Result<Response<Body>, Refused> {
    let after = cursor(query.cursor.as_deref())?.or(query.after);
    if stream::is_wanted(headers) {
        return stream::open(&app, headers, followed, stream::resume_after(headers, after));
    }
    let limit = page_size(query.limit);
    let (counted, after) = (followed.clone(), after.unwrap_or_default());
    let (rows, more) = read(&app, move |store| {
        let rows = followed.page(store, after, limit)?;
        let last = rows.last().filter(|_| rows.len() == limit as usize).map(|row| followed.number(row));
        let more = last.map(|last| followed.page(store, last, 1)).transpose()?.is_some_and(|rest| !rest.is_empty());
        Ok((rows, more))
    })
    .await?;
    let (rows, cut) = fitting(rows);
    let next_cursor = rows.last().filter(|_| more || cut).map(|row| counted.number(row).to_string());
    Ok(View(Page { items: rows.into_iter().map(event_view).collect(), next_cursor }).into_response())
}

/// The events that fit into one page, at least one; and whether some did not.
fn fitting(mut rows: Vec<EventRow>) -> (Vec<EventRow>, bool) {
    let mut bytes = 0;
    let fit = rows.iter().take_while(|row| {
        let is_first = bytes == 0;
        bytes += row.payload_text.len() + row.facts.len();
        is_first || bytes <= PAGE_TEXT_BYTES_MAX
    });
    let fit = fit.count();
    let cut = fit < rows.len();
    rows.truncate(fit);
    (rows, cut)
}

/// An event as it is shown.
pub(crate) fn event_view(row: EventRow) -> EventView {
    EventView {
        id: row.id.0,
        session_id: row.session.map(|session| session.to_string()),
        seq: row.seq,
        run_id: row.run.map(|run| run.0),
        schema: row.schema,
        event_type: row.event_type,
        source: row.source,
        user_id: row.user_id,
        principal: row.principal.to_string(),
        message_id: row.message_id,
        created_at: row.created_at.to_string(),
        facts: without_path(serde_json::from_str(&row.facts).unwrap_or_default()),
        summary: row.summary,
        payload_text: row.payload_text,
        leaf_hash: row.leaf_hash.to_string(),
    }
}

/// Where a named directory lies is told by the list of workspaces, to those who may approve. Everybody reads events.
fn without_path(mut facts: Value) -> Value {
    if let Some(directory) = facts.get_mut("directory").and_then(Value::as_object_mut) {
        directory.remove("path");
    }
    facts
}
