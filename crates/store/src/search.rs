//! Search over the whole log: what the index has reached by the index, the rest by reading it.

mod index;
mod query;
mod token;

use calt_core::id::{EventId, SessionId};
use rusqlite::{Connection, params};

pub(crate) use index::{forget, index_some, indexed_up_to};

use crate::error::StoreError;
use crate::files::Files;
use crate::log::{EventRow, event_columns};
use index::{Terms, each_text};
use query::Query;

/// Events on a page when the caller does not say.
pub const PAGE_EVENTS_DEFAULT: u32 = 100;
/// Most events on a page.
pub const PAGE_EVENTS_MAX: u32 = 500;

/// What is looked for. The text is data: no character of it has a meaning.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// Only in this session.
    pub session: Option<SessionId>,
    /// Words and pieces of Japanese that must all occur; without any, the newest events.
    pub text: Option<String>,
    /// Only events of this type.
    pub event_type: Option<String>,
    /// Events on the page: 100 when absent, at most 500.
    pub limit: Option<u32>,
    /// The page before's `next_cursor`.
    pub cursor: Option<EventId>,
}

/// One page, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The events.
    pub items: Vec<EventRow>,
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
    let mut page = Page { items: Vec::new(), wanted: limit + 1 };
    let mut index_unusable = None;
    if query.is_empty() && wanted.event_type.is_none() {
        newest(connection, wanted.session.as_ref(), before, &mut page)?;
    } else {
        match by_index(connection, files, wanted, &query, before, &mut page) {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the search index cannot be used; the log is read instead");
                index_unusable = Some(error.to_string());
                page.items.clear();
                scan(connection, files, wanted, &query, (0, before), &mut page)?;
            }
        }
    }
    let next_cursor = (page.items.len() > limit).then(|| page.items[limit - 1].id);
    page.items.truncate(limit);
    Ok(SearchPage { items: page.items, next_cursor, index_unusable })
}

/// A page being filled, with one event more than is shown, to know whether there is a next page.
struct Page {
    items: Vec<EventRow>,
    wanted: usize,
}

impl Page {
    fn missing(&self) -> usize {
        self.wanted - self.items.len()
    }
}

fn newest(
    connection: &Connection,
    session: Option<&SessionId>,
    before: i64,
    page: &mut Page,
) -> Result<(), StoreError> {
    let limit = page.missing() as i64;
    if let Some(session) = session {
        let mut statement = connection.prepare_cached(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events WHERE session_id = ?1 AND id < ?2 ORDER BY seq DESC LIMIT ?3"
        ))?;
        page.items = crate::log::collect(&mut statement, params![session.as_str(), before, limit])?;
        return Ok(());
    }
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
    ))?;
    page.items = crate::log::collect(&mut statement, params![before, limit])?;
    Ok(())
}

/// The tail the index has not reached is read, the rest is asked of the index. Both see one snapshot.
fn by_index(
    connection: &Connection,
    files: &Files,
    wanted: &SearchQuery,
    query: &Query,
    before: i64,
    page: &mut Page,
) -> Result<(), StoreError> {
    let indexed = indexed_up_to(connection)?;
    scan(connection, files, wanted, query, (indexed, before), page)?;
    if page.missing() == 0 {
        return Ok(());
    }
    let mut expression = query.expression(|prefix| index::words_with_prefix(connection, prefix))?;
    if let Some(session) = &wanted.session {
        Terms::session(session).and(&mut expression);
    }
    if let Some(event_type) = &wanted.event_type {
        Terms::event_type(event_type).and(&mut expression);
    }
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events_fts CROSS JOIN events ON events.id = events_fts.rowid
          WHERE events_fts MATCH ?1 AND events_fts.rowid < ?2
          ORDER BY events_fts.rowid DESC"
    ))?;
    let mut rows = statement.query(params![expression, before.min(indexed + 1)])?;
    while page.missing() > 0
        && let Some(row) = rows.next()?
    {
        let event = EventRow::read(row)?;
        // The terms of session and type are hashes and squeezed words; the columns decide.
        if is_in_scope(wanted, &event) {
            page.items.push(event);
        }
    }
    Ok(())
}

fn is_in_scope(wanted: &SearchQuery, event: &EventRow) -> bool {
    wanted.session.as_ref().is_none_or(|session| event.session.as_ref() == Some(session))
        && wanted.event_type.as_ref().is_none_or(|event_type| event.event_type == *event_type)
}

/// Reads events between two ids (both excluded), newest first, and keeps what matches.
fn scan(
    connection: &Connection,
    files: &Files,
    wanted: &SearchQuery,
    query: &Query,
    (after, before): (i64, i64),
    page: &mut Page,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id > ?1 AND id < ?2 ORDER BY id DESC"
    ))?;
    let mut rows = statement.query(params![after, before])?;
    let mut matcher = query.matcher();
    while page.missing() > 0
        && let Some(row) = rows.next()?
    {
        if !in_scope_by_columns(wanted, row)? {
            continue;
        }
        matcher.restart();
        let event = EventRow::read(row)?;
        each_text(connection, files, &event, |text| matcher.take_in(text))?;
        if matcher.is_satisfied() {
            page.items.push(event);
        }
    }
    Ok(())
}

/// Leaves events of other sessions and types out before anything of them is copied.
fn in_scope_by_columns(wanted: &SearchQuery, row: &rusqlite::Row<'_>) -> Result<bool, StoreError> {
    if let Some(session) = &wanted.session
        && row.get_ref(1)?.as_str_or_null().map_err(rusqlite::Error::from)? != Some(session.as_str())
    {
        return Ok(false);
    }
    if let Some(event_type) = &wanted.event_type
        && row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)? != event_type
    {
        return Ok(false);
    }
    Ok(true)
}
