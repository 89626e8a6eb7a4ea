//! The inbox: what waits, oldest first, over all sessions.

use calt_core::event::WorkspaceIdentity;
use calt_core::id::{EventId, SessionId, StepId};
use calt_core::session::{PROBE_ORIGIN, WaitsFor};
use calt_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{LIST_ROWS_DEFAULT, LIST_ROWS_MAX};
use crate::error::StoreError;
use crate::log::parsed;
use crate::store::Store;

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct InboxRow {
    pub session_id: SessionId,
    pub goal: Option<String>,
    /// The ticket (`ref` on the wire).
    pub ticket: Option<String>,
    /// What its workspace is.
    pub workspace: WorkspaceIdentity,
    pub plan_version: Option<u32>,
    /// Who proposed the plan.
    pub proposed_by: Option<String>,
    /// The plan's title.
    pub title: Option<String>,
    pub waits_for: WaitsFor,
    pub step_title: Option<String>,
    pub risk: Option<String>,
    /// Steps of the plan nobody has decided on.
    pub pending_steps: u32,
    /// The event that made it wait: the cursor of a list.
    pub since_event: EventId,
    pub since: Timestamp,
    /// Why the plan does not go on, where a new one is waited for.
    pub ended: Option<PlanEnd>,
}

/// What ended a plan before its last step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct PlanEnd {
    pub event_type: String,
    pub by: String,
    pub step: Option<String>,
    /// The reason of a no, or the error of a run; none where its text was let go.
    pub reason: Option<String>,
}

/// Which part of the inbox is wanted.
#[derive(Clone, Debug, Default)]
pub struct InboxPlace {
    /// Only what waits in this session.
    pub session: Option<SessionId>,
    /// Rows on the page: 100 when absent, at most 500.
    pub limit: Option<u32>,
    /// Only what began to wait after this event: the `since_event` of the last row of the page before.
    pub cursor: Option<EventId>,
}

/// A page of the inbox, and the newest event it knows.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// The rows, oldest first.
    pub rows: Vec<InboxRow>,
    /// Whether more wait.
    pub more: bool,
    /// The newest event of the log when this was read.
    pub newest_event: EventId,
}

impl Store {
    /// What waits, oldest first. A probe of `calt doctor` waits for nobody; one whose plan was decided on is none.
    ///
    /// # Errors
    /// Fails only when the database cannot be read.
    pub fn inbox(&self, wanted: &InboxPlace) -> Result<Inbox, StoreError> {
        let limit = wanted.limit.unwrap_or(LIST_ROWS_DEFAULT).clamp(1, LIST_ROWS_MAX);
        self.ask(|connection| {
            let newest = connection
                .prepare_cached("SELECT COALESCE(MAX(id), 0) FROM events")?
                .query_row([], |row| row.get(0).map(EventId))?;
            let mut rows = waiting(connection, wanted, limit + 1)?;
            let more = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            Ok(Inbox { rows, more, newest_event: newest })
        })
    }
}

fn waiting(connection: &Connection, wanted: &InboxPlace, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
    let after = wanted.cursor.map_or(0, |cursor| cursor.0);
    let place = params![after, limit, wanted.session.as_ref().map(SessionId::as_str)];
    let sql = statement(wanted.session.is_some());
    Ok(connection.prepare_cached(&sql)?.query_map(place, read)?.collect::<Result<_, _>>()?)
}

fn statement(is_of_one: bool) -> String {
    let of_one = if is_of_one { "AND sessions.id = ?3" } else { "AND ?3 IS NULL" };
    format!(
        "SELECT sessions.id, sessions.goal, sessions.ref, sessions.plan_version, plans.title, sessions.waits_for,
                sessions.waits_step, steps.title, steps.risk,
                (SELECT COUNT(*) FROM steps AS open WHERE open.plan_id = plans.id AND open.status = 'pending'),
                sessions.waits_since, events.created_at, sessions.workspace, plans.created_by,
                CASE sessions.waits_for WHEN 'new_plan' THEN events.event_type END, events.principal,
                CAST(json_extract(events.facts, '$.step') AS TEXT),
                CASE WHEN sessions.waits_for = 'new_plan' AND json_valid(events.payload_text) THEN CAST(COALESCE(
                    json_extract(events.payload_text, '$.reason'), json_extract(events.payload_text, '$.error')
                ) AS TEXT) END
         FROM sessions
         JOIN events ON events.id = sessions.waits_since
         LEFT JOIN plans ON plans.session_id = sessions.id AND plans.version = sessions.plan_version
         LEFT JOIN steps ON steps.plan_id = plans.id AND steps.step_key = sessions.waits_step
         WHERE sessions.waits_for IS NOT NULL AND sessions.waits_since > ?1 {of_one}
           AND (sessions.origin IS NOT '{PROBE_ORIGIN}' OR sessions.waits_for <> 'plan_approval')
         ORDER BY sessions.waits_since LIMIT ?2"
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<InboxRow> {
    let step: Option<String> = row.get(6)?;
    let ended = match row.get(14)? {
        Some(event_type) => Some(PlanEnd { event_type, by: row.get(15)?, step: row.get(16)?, reason: row.get(17)? }),
        None => None,
    };
    Ok(InboxRow {
        ended,
        session_id: parsed(row, 0, SessionId::parse)?,
        goal: row.get(1)?,
        ticket: row.get(2)?,
        plan_version: row.get(3)?,
        title: row.get(4)?,
        waits_for: parsed(row, 5, |word| WaitsFor::parse(word, step.as_deref().and_then(StepId::parse)))?,
        step_title: row.get(7)?,
        risk: row.get(8)?,
        pending_steps: row.get(9)?,
        since_event: EventId(row.get(10)?),
        since: parsed(row, 11, Timestamp::parse)?,
        workspace: parsed(row, 12, super::rows::json)?,
        proposed_by: row.get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that does not wait costs the inbox nothing, however many there are.
    #[test]
    fn every_table_is_reached_by_an_index_and_nothing_is_sorted() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../read_model/read_model.sql")).unwrap();
        connection.execute_batch(include_str!("../../migrations/V1__log.sql")).unwrap();
        for (is_of_one, index) in [(false, "sessions_waiting"), (true, "sqlite_autoindex_sessions_1")] {
            let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement(is_of_one))).unwrap();
            let lines = explained.query_map(params![0, 10, None::<&str>], |row| row.get("detail")).unwrap();
            let lines: Vec<String> = lines.collect::<Result<_, _>>().unwrap();
            assert!(lines[0].starts_with("SEARCH sessions USING INDEX") && lines[0].contains(index), "{lines:?}");
            assert!(!lines.iter().any(|line| line.contains("SCAN") || line.contains("TEMP B-TREE")), "{lines:?}");
        }
    }
}
