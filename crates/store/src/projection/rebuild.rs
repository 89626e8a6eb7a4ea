//! Making the read model again from the log.

use calt_core::digest::Digest;
use calt_core::event::{Envelope, Fact};
use calt_core::id::SessionId;
use calt_core::merkle::Frontier;
use rusqlite::{Connection, params};
use serde_json::Value;

use super::{Waiting, project, session_changed};
use crate::error::StoreError;
use crate::files::Files;
use crate::{log, schema};

/// Drops every derived table but the search index and fills them from `events`, in one transaction of the caller.
///
/// The registry of tools is left empty: it is the program's, and the engine hands it in at every start.
pub(crate) fn rebuild(connection: &Connection, files: &Files) -> Result<(), StoreError> {
    schema::create_read_model(connection)?;
    let mut sessions = connection.prepare("SELECT session_id FROM events WHERE seq = 1 ORDER BY id")?;
    let mut rows = sessions.query([])?;
    while let Some(row) = rows.next()? {
        let session = log::parsed(row, 0, SessionId::parse)?;
        rebuild_session(connection, files, &session)?;
    }
    let frontier = log::frontier_of_leaves(connection)?;
    let next = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let next_run = next("SELECT COALESCE(MAX(id), 0) + 1 FROM runs")?;
    let next_artifact = next("SELECT COALESCE(MAX(id), 0) + 1 FROM artifacts")?;
    connection
        .execute("INSERT INTO log_state (one, size, peaks, next_run, next_artifact) VALUES (1, 0, x'', 1, 1)", [])?;
    write_log_state(connection, &frontier, next_run, next_artifact)?;
    Ok(())
}

/// Makes the rows of one session again, in a transaction of the caller.
pub(crate) fn rebuild_one(connection: &Connection, files: &Files, session: &SessionId) -> Result<(), StoreError> {
    for table in ["approvals", "artifacts", "runs", "steps", "plans"] {
        connection.execute(&format!("DELETE FROM {table} WHERE session_id = ?1"), [session.as_str()])?;
    }
    connection.execute("DELETE FROM sessions WHERE id = ?1", [session.as_str()])?;
    rebuild_session(connection, files, session)
}

fn rebuild_session(connection: &Connection, files: &Files, id: &SessionId) -> Result<(), StoreError> {
    let mut state = None;
    let mut updated_at = String::new();
    let mut waiting = Waiting::before(None);
    log::each_event_of(connection, id, |event| {
        let session = log::evolve(state.take(), &event)?;
        let masked = masked_plan_on_disk(files, &event);
        project(connection, &event, &session, masked.as_ref())?;
        updated_at = event.created_at.to_string();
        waiting.after(event.id, &session);
        state = Some(session);
        Ok(())
    })?;
    if let Some(session) = &state {
        session_changed(connection, session, None, &updated_at)?;
        waiting.note(connection, id)?;
    }
    Ok(())
}

/// The masked plan of an import whose payload could not hold it.
fn masked_plan_on_disk(files: &Files, event: &Envelope) -> Option<Value> {
    let Fact::PlanImported { version, masked_digest, .. } = &event.fact else { return None };
    // A redacted plan has no text, whatever still lies on disk.
    event.salt?;
    if super::payload(event).get("plan").is_some_and(Value::is_object) {
        return None;
    }
    let session = event.session.as_ref()?;
    match files.read_masked_plan(session, *version, *masked_digest) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(error) => {
            tracing::warn!(session.id = %session, plan.version = version, %error, "the masked plan is gone");
            None
        }
    }
}

/// Writes the tree's frontier and the next numbers.
pub(crate) fn write_log_state(
    connection: &Connection,
    frontier: &Frontier,
    next_run: i64,
    next_artifact: i64,
) -> rusqlite::Result<()> {
    let peaks: Vec<u8> = frontier.peaks().iter().flat_map(Digest::as_bytes).copied().collect();
    connection
        .prepare_cached("UPDATE log_state SET size = ?1, peaks = ?2, next_run = ?3, next_artifact = ?4 WHERE one = 1")?
        .execute(params![frontier.size() as i64, peaks, next_run, next_artifact])?;
    Ok(())
}
