//! The log as it stands in the database: reading rows, and making a session of them again.

use calt_core::digest::Digest;
use calt_core::event::{Envelope, Fact, SALT_BYTES};
use calt_core::id::{EventId, RunId, SessionId};
use calt_core::merkle::Frontier;
use calt_core::principal::PrincipalId;
use calt_core::roster::Roster;
use calt_core::session::Session;
use calt_core::time::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

use crate::error::StoreError;

/// One row of the log, with its facts as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Dense over the whole log, from 1.
    pub id: EventId,
    /// The session; `None` for the daemon's own events.
    pub session: Option<SessionId>,
    /// Dense in the session, from 1.
    pub seq: Option<u64>,
    /// The run.
    pub run: Option<RunId>,
    /// Version of the envelope's form.
    pub schema: u32,
    /// What kind of fact.
    pub event_type: String,
    /// The surface it came by.
    pub source: String,
    /// Who it is said to be.
    pub user_id: String,
    /// Who the credential proves.
    pub principal: PrincipalId,
    /// The message that caused it.
    pub message_id: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// The facts, as JSON text.
    pub facts: String,
    /// Chance; gone when the text is.
    pub salt: Option<[u8; SALT_BYTES]>,
    /// Hash of salt and text.
    pub text_hash: Digest,
    /// One line, masked.
    pub summary: String,
    /// JSON text, masked.
    pub payload_text: String,
    /// Its leaf in the tree.
    pub leaf_hash: Digest,
}

/// The columns of [`EventRow`], in its order, for every statement that reads one.
macro_rules! event_columns {
    () => {
        "events.id, events.session_id, events.seq, events.run_id, events.schema, events.event_type, events.source, \
         events.user_id, events.principal, events.message_id, events.created_at, events.facts, events.salt, \
         events.text_hash, events.summary, events.payload_text, events.leaf_hash"
    };
}
pub(crate) use event_columns;

impl EventRow {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: EventId(row.get(0)?),
            session: optional(row, 1, SessionId::parse)?,
            seq: row.get::<_, Option<i64>>(2)?.map(|seq| seq as u64),
            run: row.get::<_, Option<i64>>(3)?.map(RunId),
            schema: row.get(4)?,
            event_type: row.get(5)?,
            source: row.get(6)?,
            user_id: row.get(7)?,
            principal: parsed(row, 8, PrincipalId::parse)?,
            message_id: row.get(9)?,
            created_at: parsed(row, 10, Timestamp::parse)?,
            facts: row.get(11)?,
            salt: row.get(12)?,
            text_hash: Digest::from_bytes(row.get(13)?),
            summary: row.get(14)?,
            payload_text: row.get(15)?,
            leaf_hash: Digest::from_bytes(row.get(16)?),
        })
    }

    /// The fact, read from its text.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when this program does not know the event type or the facts do not fit it.
    pub fn fact(&self) -> Result<Fact, StoreError> {
        Fact::read_text(&self.event_type, &self.facts)
            .map_err(|error| StoreError::Corrupt(format!("event {} (`{}`): {error}", self.id, self.event_type)))
    }

    /// The event as core knows it.
    ///
    /// # Errors
    /// As [`EventRow::fact`].
    pub fn envelope(self) -> Result<Envelope, StoreError> {
        let fact = self.fact()?;
        Ok(Envelope {
            id: self.id,
            session: self.session,
            seq: self.seq,
            run: self.run,
            schema: self.schema,
            source: self.source,
            user_id: self.user_id,
            principal: self.principal,
            message_id: self.message_id,
            created_at: self.created_at,
            fact,
            salt: self.salt,
            text_hash: self.text_hash,
            summary: self.summary,
            payload_text: self.payload_text,
        })
    }
}

/// Reads a text column that must have a form of its own.
pub(crate) fn parsed<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| unreadable(column, text))
}

/// Reads a text column that is NULL or must have a form of its own.
pub(crate) fn optional<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| unreadable(column, text))
}

fn unreadable(column: usize, text: &str) -> rusqlite::Error {
    let reason = format!("`{text}` does not have the form of its column");
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, reason.into())
}

/// The number of the newest event; 0 when there is none.
pub(crate) fn last_event(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT COALESCE(MAX(id), 0) FROM events")?.query_row([], |row| row.get(0))
}

/// An event below the first number, where none can be.
pub(crate) fn event_out_of_place(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT MIN(id) FROM events WHERE id < 1", [], |row| row.get(0))
}

/// The first event whose number is larger than a database of this many pages can hold, and the largest number it can.
pub(crate) fn event_too_far(connection: &Connection) -> rusqlite::Result<(Option<i64>, i64)> {
    /// Bytes of the smallest row: two hashes and a few words.
    const ROW_BYTES_MIN: i64 = 100;
    let bytes: i64 =
        connection.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| {
            row.get(0)
        })?;
    let most = bytes / ROW_BYTES_MIN;
    let first = connection.query_row("SELECT MIN(id) FROM events WHERE id > ?1", [most], |row| row.get(0))?;
    Ok((first, most))
}

/// Events of a session after a seq, oldest first.
pub(crate) fn events_after(
    connection: &Connection,
    session: &SessionId,
    seq: u64,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE session_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    ))?;
    collect(&mut statement, params![session.as_str(), seq as i64, limit])
}

/// Events of the whole log after an id, oldest first.
pub(crate) fn log_after(connection: &Connection, id: EventId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id > ?1 ORDER BY id LIMIT ?2"
    ))?;
    collect(&mut statement, params![id.0, limit])
}

/// One event.
pub(crate) fn event(connection: &Connection, id: i64) -> Result<Option<EventRow>, StoreError> {
    let mut statement =
        connection.prepare_cached(concat!("SELECT ", event_columns!(), " FROM events WHERE id = ?1"))?;
    Ok(statement.query_row([id], EventRow::read).optional()?)
}

pub(crate) fn collect(
    statement: &mut CachedStatement<'_>,
    arguments: impl rusqlite::Params,
) -> Result<Vec<EventRow>, StoreError> {
    Ok(statement.query_map(arguments, EventRow::read)?.collect::<Result<_, _>>()?)
}

/// Walks a session's events, oldest first, without holding them all.
pub(crate) fn each_event_of(
    connection: &Connection,
    session: &SessionId,
    mut visit: impl FnMut(Envelope) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE session_id = ?1 ORDER BY seq"
    ))?;
    let mut rows = statement.query([session.as_str()])?;
    while let Some(row) = rows.next()? {
        visit(EventRow::read(row)?.envelope()?)?;
    }
    Ok(())
}

/// Makes a session of its events; `None` when the log knows no such session.
///
/// A session may have tens of thousands, and no text of theirs is looked at: it is not read either.
pub(crate) fn replay(connection: &Connection, session: &SessionId) -> Result<Option<Session>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, session_id, seq, run_id, schema, event_type, source, user_id, principal, message_id, created_at,
                facts, NULL, text_hash, '', '', ZEROBLOB(32)
         FROM events WHERE session_id = ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([session.as_str()])?;
    let mut state = None;
    while let Some(row) = rows.next()? {
        state = Some(evolve(state.take(), &EventRow::read(row)?.envelope()?)?);
    }
    Ok(state)
}

/// Takes in a session's next event, the first one too.
pub(crate) fn evolve(session: Option<Session>, event: &Envelope) -> Result<Session, calt_core::session::Corrupt> {
    match session {
        None => Session::begin(event),
        Some(session) => session.evolve(event),
    }
}

/// Makes the roster of the daemon's own events.
///
/// What the daemon says of itself again and again is left out, in the words of the index `events_of_the_roster`.
pub(crate) fn replay_roster(connection: &Connection) -> Result<Roster, StoreError> {
    let mut statement = connection.prepare(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events
          WHERE session_id IS NULL
            AND event_type NOT IN ('daemon_started', 'access_refused', 'checkpoint_signed', 'record_exported')
          ORDER BY id"
    ))?;
    let mut rows = statement.query([])?;
    let mut roster = Roster::default();
    while let Some(row) = rows.next()? {
        let event = EventRow::read(row)?.envelope()?;
        roster = roster.evolve(&event.fact, event.created_at)?;
    }
    Ok(roster)
}

/// Makes the tree's frontier of the leaves as they are stored.
pub(crate) fn frontier_of_leaves(connection: &Connection) -> Result<Frontier, StoreError> {
    let mut statement = connection.prepare("SELECT leaf_hash FROM events ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut frontier = Frontier::default();
    while let Some(row) = rows.next()? {
        frontier.append(Digest::from_bytes(row.get(0)?));
    }
    Ok(frontier)
}

/// Walks the events of these types from the first PIN that was set on, oldest first; none where none ever was.
pub(crate) fn each_event_since_the_first_pin(
    connection: &Connection,
    types: &[&str],
    mut visit: impl FnMut(Envelope) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    // In the words of the index `events_of_the_roster`.
    let first: Option<i64> = connection.query_row(
        "SELECT MIN(id) FROM events
          WHERE session_id IS NULL
            AND event_type NOT IN ('daemon_started', 'access_refused', 'checkpoint_signed', 'record_exported')
            AND event_type = 'pin_set'",
        [],
        |row| row.get(0),
    )?;
    let Some(first) = first else { return Ok(()) };
    let types = serde_json::json!(types).to_string();
    let mut statement = connection.prepare(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id >= ?1 AND event_type IN (SELECT value FROM json_each(?2)) ORDER BY id"
    ))?;
    let mut rows = statement.query((first, types))?;
    while let Some(row) = rows.next()? {
        visit(EventRow::read(row)?.envelope()?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roster_is_read_by_its_own_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../migrations/V1__log.sql")).unwrap();
        connection.execute_batch(include_str!("../migrations/V2__indexes.sql")).unwrap();
        let source = include_str!("log.rs");
        let (_, condition) = source.split_once("WHERE session_id IS NULL\n").unwrap();
        let (condition, _) = condition.split_once("ORDER BY").unwrap();
        let sql = format!("EXPLAIN QUERY PLAN SELECT id FROM events WHERE session_id IS NULL {condition} ORDER BY id");
        let plan: String = connection.query_row(&sql, [], |row| row.get(3)).unwrap();
        assert!(plan.contains("INDEX events_of_the_roster"), "{plan}");
    }
}
