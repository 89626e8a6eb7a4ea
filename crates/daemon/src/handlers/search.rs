//! Searching events: by words, session, type, principal and time.

use axum::extract::State;
use calt_api::views::{ExcerptView, FoundEvent, HighlightView, SearchPage, StretchView};
use calt_engine::core::event::EVENT_TYPES;
use calt_engine::core::principal::PrincipalId;
use calt_engine::core::{EventId, SessionId, Timestamp};
use calt_engine::store::{self, Excerpt, Field, Highlight, SearchQuery};
use serde::Deserialize;

use super::events::{event_view, known_session};
use super::{At, Reader, cursor, page_size, read};
use crate::app::App;
use crate::body::Params;
use crate::reply::{Refused, View};

/// What is said of a time that cannot be read.
const TIME_FORM: &str =
    "it is a date (2026-07-01) or a time as RFC 3339 says (2026-07-01T09:30:00Z; in a URL a `+` is %2B)";

/// What the query of a search may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WantedEvents {
    q: Option<String>,
    event_type: Option<String>,
    principal: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /sessions/{session}/events/search`.
pub(crate) async fn session(
    State(app): State<App>,
    _: Reader,
    At(session): At<String>,
    Params(query): Params<WantedEvents>,
) -> Result<View<SearchPage>, Refused> {
    let session = known_session(&app, &session).await?;
    search(&app, Some(session), query).await.map(View)
}

/// `GET /events/search`.
pub(crate) async fn all(
    State(app): State<App>,
    _: Reader,
    Params(query): Params<WantedEvents>,
) -> Result<View<SearchPage>, Refused> {
    search(&app, None, query).await.map(View)
}

async fn search(app: &App, session: Option<SessionId>, query: WantedEvents) -> Result<SearchPage, Refused> {
    let wanted = SearchQuery {
        session,
        event_type: known_type(query.event_type)?,
        principal: principal(query.principal.as_deref())?,
        since: time("`since`", query.since.as_deref(), Timestamp::parse_from)?,
        until: time("`until`", query.until.as_deref(), Timestamp::parse_until)?,
        text: query.q,
        limit: Some(page_size(query.limit)),
        cursor: cursor(query.cursor.as_deref())?.map(EventId),
    };
    let page = read(app, move |store| store.search(&wanted)).await?;
    Ok(SearchPage {
        next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
        items: page.items.into_iter().map(found_event).collect(),
        notice: page
            .index_unusable
            .map(|reason| format!("the search index cannot be used ({reason}); the log was read instead")),
    })
}

fn known_type(event_type: Option<String>) -> Result<Option<String>, Refused> {
    match event_type {
        Some(unknown) if !EVENT_TYPES.contains(&unknown.as_str()) => {
            Err(Refused::invalid("`event_type`", &format!("it is one of {}", EVENT_TYPES.join(", "))))
        }
        known => Ok(known),
    }
}

fn principal(text: Option<&str>) -> Result<Option<PrincipalId>, Refused> {
    let Some(text) = text else { return Ok(None) };
    let read = PrincipalId::parse(text).map(Some);
    read.ok_or_else(|| Refused::invalid("`principal`", "a principal's name is letters, digits and `_-.@`"))
}

fn time(
    what: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<Timestamp>,
) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = text else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| Refused::invalid(what, TIME_FORM))
}

fn found_event(found: store::FoundEvent) -> FoundEvent {
    FoundEvent {
        event: event_view(found.event),
        highlights: found.highlights.into_iter().map(highlight_view).collect(),
        excerpt: found.excerpt.map(excerpt_view),
    }
}

fn highlight_view(highlight: Highlight) -> HighlightView {
    HighlightView { field: field(highlight.field).to_owned(), start: highlight.at.start, end: highlight.at.end }
}

fn excerpt_view(excerpt: Excerpt) -> ExcerptView {
    ExcerptView {
        field: field(excerpt.field).to_owned(),
        text: excerpt.text,
        marks: excerpt.marks.into_iter().map(|at| StretchView { start: at.start, end: at.end }).collect(),
        cut_before: excerpt.cut_before,
        cut_after: excerpt.cut_after,
    }
}

const fn field(field: Field) -> &'static str {
    match field {
        Field::EventType => "event_type",
        Field::Summary => "summary",
        Field::PayloadText => "payload_text",
        Field::Output => "output",
    }
}
