//! Artifacts: what runs left behind, listed and given out.

use std::path::Path;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use calt_api::Next;
use calt_api::views::{ArtifactView, Page};
use calt_engine::core::{ArtifactId, Refusal, SessionId};
use calt_engine::store::ArtifactRow;

use super::{At, ListQuery, Reader, cursor, page_size, read, session_id, session_missing};
use crate::app::App;
use crate::body::Params;
use crate::reply::{Refused, View};

/// `GET /sessions/{session}/artifacts`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reader,
    At(session): At<String>,
    Params(query): Params<ListQuery>,
) -> Result<View<Page<ArtifactView>>, Refused> {
    let session = session_id(&session)?;
    let (limit, after) = (page_size(query.limit), cursor(query.cursor.as_deref())?.map(ArtifactId));
    let id = session.clone();
    let found = read(&app, move |store| {
        if store.session(&id)?.is_none() {
            return Ok(None);
        }
        let rows = store.artifacts(&id, Some(limit), after)?;
        let last = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.id);
        let rest = last.map(|last| store.artifacts(&id, Some(1), Some(last))).transpose()?;
        Ok(Some((rows, rest.is_some_and(|rest| !rest.is_empty()))))
    })
    .await?;
    let (rows, more) = found.ok_or_else(|| session_missing(session.as_str()))?;
    let next_cursor = rows.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(View(Page { items: rows.into_iter().map(shown).collect(), next_cursor }))
}

/// `GET /sessions/{session}/artifacts/{artifact}`: the bytes, tagged with their digest.
pub(crate) async fn bytes(
    State(app): State<App>,
    _: Reader,
    At((session, artifact)): At<(String, String)>,
    headers: HeaderMap,
) -> Result<Response<Body>, Refused> {
    let session = session_id(&session)?;
    let id = ArtifactId(artifact.parse().unwrap_or(0));
    let row = read(&app, move |store| store.artifact(id)).await?;
    let row = row.filter(|row| row.session_id == session).ok_or_else(|| missing(&session, id))?;
    let tag = format!("\"{}\"", row.sha256);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok(tagged(Body::empty(), StatusCode::NOT_MODIFIED, &row, &tag));
    }
    let bytes = read(&app, move |store| store.artifact_bytes(id)).await?;
    // It is listed, so it was there once.
    let bytes = bytes.ok_or_else(|| redacted(&session, id))?;
    Ok(tagged(Body::from(bytes), StatusCode::OK, &row, &tag))
}

fn missing(session: &SessionId, artifact: ArtifactId) -> Refused {
    let missing = Refused::from(Refusal::ArtifactNotFound { artifact: artifact.0 });
    missing.leading_to(Next::ListArtifacts { session: session.to_string() })
}

fn redacted(session: &SessionId, artifact: ArtifactId) -> Refused {
    let redacted = Refused::from(Refusal::ArtifactRedacted { artifact: artifact.0 });
    redacted.leading_to(Next::ListArtifacts { session: session.to_string() })
}

fn tagged(body: Body, status: StatusCode, row: &ArtifactRow, tag: &str) -> Response<Body> {
    let is_json = Path::new(&row.path).extension().is_some_and(|extension| extension == "json");
    let content_type = if is_json { "application/json" } else { "application/octet-stream" };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn shown(row: ArtifactRow) -> ArtifactView {
    ArtifactView {
        id: row.id.0,
        run_id: row.run.0,
        step_id: row.step.to_string(),
        kind: row.kind,
        path: row.path,
        sha256: row.sha256.to_string(),
        bytes: row.bytes,
        created_at: row.created_at.to_string(),
    }
}
