//! What a session waits for, and the event since which it does.

use calt_core::id::{EventId, SessionId, StepId};
use calt_core::session::{Session, WaitsFor};
use rusqlite::{Connection, params};

/// What a session waits for while its events are taken in one by one.
pub(crate) struct Waiting {
    now: Option<WaitsFor>,
    version: Option<u32>,
    changed_by: Option<EventId>,
}

impl Waiting {
    /// As it stands before the events.
    pub(crate) fn before(session: Option<&Session>) -> Self {
        Self {
            now: session.and_then(Session::waits_for),
            version: session.and_then(Session::plan_version),
            changed_by: None,
        }
    }

    /// Takes in one event, of which this session is the outcome. The same wait for another version is a new one.
    pub(crate) fn after(&mut self, event: EventId, session: &Session) {
        let (now, version) = (session.waits_for(), session.plan_version());
        if (&now, version) != (&self.now, self.version) {
            *self = Self { now, version, changed_by: Some(event) };
        }
    }

    /// Writes it into the session's row, if it changed.
    pub(crate) fn note(&self, connection: &Connection, session: &SessionId) -> rusqlite::Result<()> {
        let Some(event) = self.changed_by else { return Ok(()) };
        let waits = self.now.as_ref();
        connection
            .prepare_cached("UPDATE sessions SET waits_for = ?2, waits_step = ?3, waits_since = ?4 WHERE id = ?1")?
            .execute(params![
                session.as_str(),
                waits.map(WaitsFor::as_str),
                waits.and_then(WaitsFor::step).map(StepId::as_str),
                waits.map(|_| event.0),
            ])?;
        Ok(())
    }
}
