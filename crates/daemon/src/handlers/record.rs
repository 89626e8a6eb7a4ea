//! The record: checkpoints, and a session's record as a file.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use calt_api::views::{CheckpointView, Page, RedactRequest, RedactedView, StopRequest};
use calt_engine::core::EventId;
use calt_engine::store::CheckpointRow;
use futures_util::stream;
use tokio::sync::mpsc;

use super::{Administrator, At, Exporter, ListQuery, Reader, cursor, page_size, read, session_id};
use crate::app::App;
use crate::body::{Json, OptionalJson, Params};
use crate::reply::{Refused, View};

const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson; charset=utf-8");
/// Lines made ahead of a client that reads slowly. A line holds at most one artifact.
const LINES_AHEAD: usize = 4;

/// `GET /checkpoints`.
pub(crate) async fn checkpoints(
    State(app): State<App>,
    _: Reader,
    Params(query): Params<ListQuery>,
) -> Result<View<Page<CheckpointView>>, Refused> {
    let (limit, before) = (page_size(query.limit), cursor(query.cursor.as_deref())?.map(EventId));
    let (rows, more) = read(&app, move |store| {
        let rows = store.checkpoints(Some(limit), before)?;
        let last = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.event);
        let rest = last.map(|last| store.checkpoints(Some(1), Some(last))).transpose()?;
        Ok((rows, rest.is_some_and(|rest| !rest.is_empty())))
    })
    .await?;
    let next_cursor = rows.last().filter(|_| more).map(|row| row.event.to_string());
    Ok(View(Page { items: rows.into_iter().map(shown).collect(), next_cursor }))
}

/// `POST /checkpoints`.
pub(crate) async fn sign(
    State(app): State<App>,
    _: Administrator,
    OptionalJson(_): OptionalJson<StopRequest>,
) -> Result<View<CheckpointView>, Refused> {
    Ok(View(shown(app.engine.sign_checkpoint().await?)))
}

/// `POST /events/{event}/redact`.
pub(crate) async fn redact(
    State(app): State<App>,
    Administrator(by): Administrator,
    At(event): At<String>,
    Json(body): Json<RedactRequest>,
) -> Result<View<RedactedView>, Refused> {
    let event = EventId(event.parse().unwrap_or(0));
    let by = by.unlocking(body.source, body.user_id, body.message_id, body.unlock);
    let row = app.engine.redact(by, event, body.reason).await?;
    let session_id = row.session.map(|session| session.to_string());
    Ok(View(RedactedView { event_id: event.0, event_type: row.event_type, session_id, redacted: true }))
}

/// `POST /sessions/{session}/export`: made while it is sent, so that a long record takes no more memory than a short one.
pub(crate) async fn export(
    State(app): State<App>,
    Exporter(by): Exporter,
    At(session): At<String>,
    OptionalJson(body): OptionalJson<StopRequest>,
) -> Result<Response<Body>, Refused> {
    let session = session_id(&session)?;
    let by = by.claiming(body.source, body.user_id, body.message_id);
    let exported = app.engine.export_record(by, &session).await?;
    let (lines, made) = mpsc::channel::<Bytes>(LINES_AHEAD);
    let store = app.engine.store().clone();
    tokio::task::spawn_blocking(move || {
        let of = (exported.closing, &exported.checkpoint);
        let take = |line: String| lines.blocking_send(Bytes::from(line)).is_ok();
        if let Err(fault) = store.export(&exported.session, exported.last_seq, of, take) {
            // The client sees that the last line is missing.
            tracing::error!(session.id = %exported.session, "a record could not be exported: {fault}");
        }
    });
    let lines = stream::unfold(made, |mut made| async {
        let line = made.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(line), made))
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(header::CONTENT_TYPE, LINES);
    Ok(response)
}

fn shown(row: CheckpointRow) -> CheckpointView {
    CheckpointView {
        event_id: row.event.0,
        signed_at: row.signed_at.to_string(),
        size: row.size,
        root: row.root.to_string(),
        key: row.key,
        note: row.note,
    }
}
