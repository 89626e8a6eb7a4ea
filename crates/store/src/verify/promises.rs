//! The promises of the gate, read from the log alone: the oracle's second opinion, session by session.

use calt_core::event::Envelope;
use calt_core::id::SessionId;
use calt_core::oracle;
use rusqlite::Connection;

use super::whole::Check;
use crate::error::StoreError;
use crate::log;

/// `sessions` are the ids of the events that made them.
pub(super) fn look(connection: &Connection, sessions: &[i64]) -> Result<Check, StoreError> {
    let mut check = Check::new("promises");
    for created in sessions {
        let Some(session) = session_of(connection, *created)? else { continue };
        check.looked_at += 1;
        let mut events: Vec<Envelope> = Vec::new();
        let mut broken = None;
        let walked = log::each_event_of(connection, &session, |mut event| {
            // Only the facts are judged; a long session's texts would take memory for nothing.
            event.payload_text = String::new();
            let due = events.len() as u64 + 1;
            if event.seq != Some(due) {
                broken.get_or_insert((event.id.0, format!("event {due} of {session} is missing or stands elsewhere")));
            }
            events.push(event);
            Ok(())
        });
        match walked {
            Ok(()) => {}
            Err(StoreError::Corrupt(why)) => check.found(Some(*created), why),
            Err(error) => return Err(error),
        }
        if let Some((event, what)) = broken {
            check.found(Some(event), what);
        }
        if let Err(broken) = oracle::judge(&events) {
            check.found(Some(broken.event.0), broken.what);
        }
    }
    Ok(check)
}

fn session_of(connection: &Connection, created: i64) -> Result<Option<SessionId>, StoreError> {
    let sql = "SELECT session_id FROM events WHERE id = ?1";
    let session: Option<String> = connection.prepare_cached(sql)?.query_row([created], |row| row.get(0))?;
    Ok(session.as_deref().and_then(SessionId::parse))
}
