//! The promises of the gate, read from the log alone: the oracle's second opinion, session by session.

use std::collections::BTreeMap;

use calt_core::event::{Envelope, Fact, WorkspaceIdentity};
use calt_core::id::SessionId;
use calt_core::oracle::{self, Broken};
use rusqlite::Connection;

use super::whole::Check;
use crate::error::StoreError;
use crate::log;

/// `sessions` are the ids of the events that made them.
pub(super) fn look(connection: &Connection, sessions: &[i64]) -> Result<Check, StoreError> {
    let mut check = Check::new("promises");
    // Sessions that share the workspace of another, by that one.
    let mut shared: BTreeMap<SessionId, Vec<SessionId>> = BTreeMap::new();
    for created in sessions {
        let Some(session) = session_of(connection, *created)? else { continue };
        check.looked_at += 1;
        let events = events_of(connection, &session, *created, &mut check)?;
        tell(&mut check, oracle::judge_session(&events));
        if let Some(home) = home_of(&events) {
            shared.entry(home).or_default().push(session);
        }
    }
    for (home, others) in shared {
        let mut events = Vec::new();
        for session in std::iter::once(&home).chain(&others) {
            log::each_event_of(connection, session, |event| {
                events.push(without_text(event));
                Ok(())
            })?;
        }
        events.sort_by_key(|event| event.id);
        tell(&mut check, oracle::judge(&events));
    }
    Ok(check)
}

fn tell(check: &mut Check, judged: Result<(), Broken>) {
    if let Err(broken) = judged {
        check.found(Some(broken.event.0), broken.what);
    }
}

/// The events of a session, in the order of their `seq`, as far as they can be read.
fn events_of(
    connection: &Connection,
    session: &SessionId,
    created: i64,
    check: &mut Check,
) -> Result<Vec<Envelope>, StoreError> {
    let mut events: Vec<Envelope> = Vec::new();
    let mut gap = None;
    let walked = log::each_event_of(connection, session, |event| {
        let due = events.len() as u64 + 1;
        if event.seq != Some(due) {
            gap.get_or_insert((event.id.0, format!("event {due} of {session} is missing or stands elsewhere")));
        }
        events.push(without_text(event));
        Ok(())
    });
    match walked {
        Ok(()) => {}
        Err(StoreError::Corrupt(why)) => check.found(Some(created), why),
        Err(error) => return Err(error),
    }
    if let Some((event, what)) = gap {
        check.found(Some(event), what);
    }
    Ok(events)
}

/// Only the facts are judged; the texts of a long session would take memory for nothing.
fn without_text(event: Envelope) -> Envelope {
    Envelope { payload_text: String::new(), ..event }
}

fn home_of(events: &[Envelope]) -> Option<SessionId> {
    let Fact::SessionCreated { workspace: WorkspaceIdentity::Of { session }, .. } = &events.first()?.fact else {
        return None;
    };
    Some(session.clone())
}

fn session_of(connection: &Connection, created: i64) -> Result<Option<SessionId>, StoreError> {
    let sql = "SELECT session_id FROM events WHERE id = ?1";
    let session: Option<String> = connection.prepare_cached(sql)?.query_row([created], |row| row.get(0))?;
    Ok(session.as_deref().and_then(SessionId::parse))
}
