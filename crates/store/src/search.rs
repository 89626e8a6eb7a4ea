//! Search over the whole log: what the index has reached by the index, the rest by reading it.

mod called;
mod highlight;
mod index;
mod query;
mod scope;
mod spans;
mod spoken;
mod token;

use calt_core::id::{EventId, SessionId};
use calt_core::principal::PrincipalId;
use calt_core::time::Timestamp;
use rusqlite::{Connection, params};

pub use called::event_called;
pub use highlight::{Excerpt, Field, FoundEvent, Highlight, Stretch};
pub(crate) use index::{forget, index_some, indexed_up_to};

use crate::error::StoreError;
use crate::files::Files;
use crate::log::{EventRow, event_columns};
use highlight::Highlighter;
use index::each_text;
use query::Query;
use scope::Scope;
use spans::{Span, spans};

/// Events on a page when the caller does not say.
pub const PAGE_EVENTS_DEFAULT: u32 = 100;
/// Most events on a page.
pub const PAGE_EVENTS_MAX: u32 = 500;
/// Text of events on a page, in bytes; a page that would hold more ends earlier and has a cursor.
const PAGE_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is looked for. The text is data: no character of it has a meaning. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// Only in this session.
    pub session: Option<SessionId>,
    /// Words and pieces of Japanese that must all occur; without any, the newest events.
    pub text: Option<String>,
    /// Only events of this type.
    pub event_type: Option<String>,
    /// Only events this principal's credential caused.
    pub principal: Option<PrincipalId>,
    /// Only events of this time or later.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Events on the page: 100 when absent, at most 500.
    pub limit: Option<u32>,
    /// The page before's `next_cursor`.
    pub cursor: Option<EventId>,
}

/// Whether the index finds an event by the words of its type and its summary.
pub(crate) fn finds(connection: &Connection, event: &EventRow) -> Result<bool, StoreError> {
    let query = Query::read(&format!("{} {}", event.event_type, event.summary));
    if query.is_empty() {
        return Ok(true);
    }
    // The very words: what begins like them would be a walk over the whole index each time.
    let expression = query.expression(|word| Ok(Some(vec![word.to_owned()])))?;
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM events_fts WHERE events_fts MATCH ?1 AND rowid = ?2")?;
    Ok(statement.exists(params![expression, event.id.0])?)
}

/// One page, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The events.
    pub items: Vec<FoundEvent>,
    /// Where the next page begins; `None` when there is nothing more.
    pub next_cursor: Option<EventId>,
    /// Why the log was read instead of the index, when it was: the index is missing or damaged.
    pub index_unusable: Option<String>,
}

/// Answers a search, in the caller's read transaction.
pub(crate) fn search(connection: &Connection, files: &Files, wanted: &SearchQuery) -> Result<SearchPage, StoreError> {
    let limit = wanted.limit.unwrap_or(PAGE_EVENTS_DEFAULT).clamp(1, PAGE_EVENTS_MAX) as usize;
    let before = wanted.cursor.map_or(i64::MAX, |cursor| cursor.0);
    let query = Query::read(wanted.text.as_deref().unwrap_or_default());
    let scope = Scope::of(wanted);
    let mut page = Page::new(limit);
    let mut index_unusable = None;
    if query.is_empty() && !scope.narrows_beyond_session() {
        newest(connection, wanted.session.as_ref(), before, &mut page)?;
    } else {
        match by_index(connection, files, &scope, &query, before, &mut page) {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the search index cannot be used; the log is read instead");
                index_unusable = Some(error.to_string());
                page = Page::new(limit);
                scan(connection, files, &scope, &query, Span { after: 0, before }, &mut page)?;
            }
        }
    }
    let next_cursor = page.goes_on.then(|| page.items.last().map(|event| event.id)).flatten();
    let mut highlighter = Highlighter::new(&query);
    let found = page.items.into_iter().map(|event| highlighter.found(connection, files, event));
    Ok(SearchPage { items: found.collect::<Result<_, _>>()?, next_cursor, index_unusable })
}

/// A page being filled, up to the first event that belongs to the next one.
struct Page {
    items: Vec<EventRow>,
    limit: usize,
    bytes: usize,
    /// Whether there is a next page; then nothing more is wanted.
    goes_on: bool,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { items: Vec::new(), limit, bytes: 0, goes_on: false }
    }

    fn push(&mut self, event: EventRow) {
        let bytes = event.payload_text.len() + event.facts.len();
        let fits = self.bytes + bytes <= PAGE_TEXT_BYTES_MAX || self.items.is_empty();
        if self.items.len() == self.limit || !fits {
            self.goes_on = true;
            return;
        }
        self.bytes += bytes;
        self.items.push(event);
    }

    fn take(
        &mut self,
        statement: &mut rusqlite::Statement<'_>,
        arguments: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        let mut rows = statement.query(arguments)?;
        while !self.goes_on
            && let Some(row) = rows.next()?
        {
            self.push(EventRow::read(row)?);
        }
        Ok(())
    }
}

fn newest(
    connection: &Connection,
    session: Option<&SessionId>,
    before: i64,
    page: &mut Page,
) -> Result<(), StoreError> {
    if let Some(session) = session {
        // A cursor is an event of the session; its seq is where the index of the session goes on.
        let mut statement = connection.prepare_cached(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events WHERE session_id = ?1 AND seq < COALESCE(
                  (SELECT seq FROM events WHERE id = ?2 AND session_id = ?1),
                  (SELECT MAX(seq) + 1 FROM events WHERE session_id = ?1 AND id < ?2)
              ) ORDER BY seq DESC"
        ))?;
        return page.take(&mut statement, params![session.as_str(), before]);
    }
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id < ?1 ORDER BY id DESC"
    ))?;
    page.take(&mut statement, params![before])
}

/// The tail the index has not reached is read, the rest is asked of the index. Both see one snapshot.
fn by_index(
    connection: &Connection,
    files: &Files,
    scope: &Scope<'_>,
    query: &Query,
    before: i64,
    page: &mut Page,
) -> Result<(), StoreError> {
    let indexed = indexed_up_to(connection)?;
    scan(connection, files, scope, query, Span { after: indexed, before }, page)?;
    let mut expression = query.expression(|prefix| index::words_with_prefix(connection, prefix))?;
    for term in scope.terms() {
        term.and(&mut expression);
    }
    for span in spans(connection, scope.since(), scope.until())? {
        let span = Span { after: span.after, before: span.before.min(before).min(indexed + 1) };
        if page.goes_on {
            break;
        }
        if span.before <= span.after + 1 {
            continue;
        }
        if expression.is_empty() {
            // Only a time is wanted, and every event of the span may be of it.
            scan(connection, files, scope, query, span, page)?;
        } else {
            ask_index(connection, scope, &expression, span, page)?;
        }
    }
    Ok(())
}

fn ask_index(
    connection: &Connection,
    scope: &Scope<'_>,
    expression: &str,
    span: Span,
    page: &mut Page,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events_fts CROSS JOIN events ON events.id = events_fts.rowid
          WHERE events_fts MATCH ?1 AND events_fts.rowid < ?2 AND events_fts.rowid > ?3
          ORDER BY events_fts.rowid DESC"
    ))?;
    let mut rows = statement.query(params![expression, span.before, span.after])?;
    while !page.goes_on
        && let Some(row) = rows.next()?
    {
        // The terms of session, type and principal are hashes and squeezed words, and a block holds events of
        // other times; the columns decide.
        if scope.holds(row)? {
            page.push(EventRow::read(row)?);
        }
    }
    Ok(())
}

/// Reads events of a span, newest first, and keeps what matches.
fn scan(
    connection: &Connection,
    files: &Files,
    scope: &Scope<'_>,
    query: &Query,
    span: Span,
    page: &mut Page,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id > ?1 AND id < ?2 ORDER BY id DESC"
    ))?;
    let mut rows = statement.query(params![span.after, span.before])?;
    let mut matcher = query.matcher();
    while !page.goes_on
        && let Some(row) = rows.next()?
    {
        if !scope.holds(row)? {
            continue;
        }
        matcher.restart();
        let event = EventRow::read(row)?;
        if !query.is_empty() {
            each_text(connection, files, &event, |text| matcher.take_in(text))?;
        }
        if matcher.is_satisfied() {
            page.push(event);
        }
    }
    Ok(())
}
