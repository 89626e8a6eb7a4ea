//! The questions themselves, each one statement.

use calt_core::digest::Digest;
use calt_core::event::{Envelope, Fact, FileChange, Finding, WorkspaceIdentity};
use calt_core::id::{ArtifactId, EventId, RunId, SessionId, StepId};
use calt_core::merkle::Frontier;
use calt_core::principal::PrincipalId;
use calt_core::reference::RecordedOutput;
use calt_core::session::{PROBE_ORIGIN, SessionStatus};
use calt_core::time::Timestamp;
use calt_core::undo::Written;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde_json::Value;

use super::rows::{
    ApprovalRow, ArtifactRow, Held, PlanRow, RunRow, SessionList, SessionRow, StepRow, ToolRow, UnfinishedRun,
};
use super::{LIST_ROWS_DEFAULT, LIST_ROWS_MAX};
use crate::error::StoreError;
use crate::export;
use crate::files::read_artifact_or_output;
use crate::log::{self, EventRow, parsed};
use crate::open::stored_tally;
use crate::projection::json_text;
use crate::search::{self, SearchPage, SearchQuery};
use crate::store::Store;
use crate::verify::{CheckpointRow, checkpoints_before};

/// Reading. Each call is one read transaction on a connection of its own; call them on a blocking thread.
#[allow(clippy::missing_errors_doc, reason = "each fails only when the database cannot be read")]
impl Store {
    /// A session.
    pub fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let sql = format!("SELECT {} FROM sessions WHERE id = ?1", SessionRow::COLUMNS);
        self.ask(|connection| one(connection, &sql, [id.as_str()], SessionRow::read))
    }

    /// Sessions, newest first.
    pub fn sessions(&self, wanted: &SessionList) -> Result<Vec<SessionRow>, StoreError> {
        let (before, limit) = (wanted.cursor.map_or(i64::MAX, |cursor| cursor.0), rows(wanted.limit));
        let columns = SessionRow::COLUMNS;
        let shown = if wanted.probes { "TRUE".to_owned() } else { format!("NOT {}", is_probe()) };
        self.ask(|connection| {
            if let Some(status) = &wanted.status {
                let sql = format!(
                    "SELECT {columns} FROM sessions WHERE status = ?1 AND created_event < ?2 AND {shown}
                     ORDER BY created_event DESC LIMIT ?3"
                );
                return many(connection, &sql, params![status, before, limit], SessionRow::read);
            }
            let sql = format!(
                "SELECT {columns} FROM sessions WHERE created_event < ?1 AND {shown}
                 ORDER BY created_event DESC LIMIT ?2"
            );
            many(connection, &sql, params![before, limit], SessionRow::read)
        })
    }

    /// A plan version with its steps, in order.
    pub fn plan(&self, session: &SessionId, version: u32) -> Result<Option<(PlanRow, Vec<StepRow>)>, StoreError> {
        let plan_sql = format!("SELECT {} FROM plans WHERE session_id = ?1 AND version = ?2", PlanRow::COLUMNS);
        let steps_sql = format!(
            "SELECT {} FROM steps
             WHERE plan_id = (SELECT id FROM plans WHERE session_id = ?1 AND version = ?2) ORDER BY position",
            StepRow::COLUMNS
        );
        self.ask(|connection| {
            let place = params![session.as_str(), version];
            let Some(plan) = one(connection, &plan_sql, place, PlanRow::read)? else { return Ok(None) };
            Ok(Some((plan, many(connection, &steps_sql, place, StepRow::read)?)))
        })
    }

    /// A step of the newest plan version that has it.
    pub fn step(&self, session: &SessionId, step: &StepId) -> Result<Option<StepRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM steps WHERE step_key = ?2 AND plan_id IN (SELECT id FROM plans WHERE session_id = ?1)
             ORDER BY version DESC LIMIT 1",
            StepRow::COLUMNS
        );
        self.ask(|connection| one(connection, &sql, params![session.as_str(), step.as_str()], StepRow::read))
    }

    /// A step of one plan version.
    pub fn step_of(&self, session: &SessionId, version: u32, step: &StepId) -> Result<Option<StepRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM steps
             WHERE plan_id = (SELECT id FROM plans WHERE session_id = ?1 AND version = ?2) AND step_key = ?3",
            StepRow::COLUMNS
        );
        self.ask(|connection| one(connection, &sql, params![session.as_str(), version, step.as_str()], StepRow::read))
    }

    /// The decisions on a plan version (`step` is `None`) or on one of its steps, oldest first.
    pub fn approvals(
        &self,
        session: &SessionId,
        version: u32,
        step: Option<&StepId>,
    ) -> Result<Vec<ApprovalRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM approvals WHERE session_id = ?1 AND plan_version = ?2 AND step_key IS ?3 ORDER BY id",
            ApprovalRow::COLUMNS
        );
        let place = params![session.as_str(), version, step.map(StepId::as_str)];
        self.ask(|connection| many(connection, &sql, place, ApprovalRow::read))
    }

    /// A run.
    pub fn run(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let sql = format!("SELECT {} FROM runs WHERE id = ?1", RunRow::COLUMNS);
        self.ask(|connection| one(connection, &sql, [id.0], RunRow::read))
    }

    /// Runs of a session, newest first.
    pub fn runs(
        &self,
        session: &SessionId,
        limit: Option<u32>,
        cursor: Option<RunId>,
    ) -> Result<Vec<RunRow>, StoreError> {
        let sql =
            format!("SELECT {} FROM runs WHERE session_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3", RunRow::COLUMNS);
        let before = cursor.map_or(i64::MAX, |cursor| cursor.0);
        self.ask(|connection| many(connection, &sql, params![session.as_str(), before, rows(limit)], RunRow::read))
    }

    /// Runs that have no end, oldest first.
    pub fn unfinished_runs(&self) -> Result<Vec<UnfinishedRun>, StoreError> {
        self.ask(|connection| {
            let sql = "SELECT started_event FROM runs WHERE status = 'running' ORDER BY id";
            let started: Vec<i64> = many(connection, sql, [], |row| row.get(0))?;
            started.into_iter().filter_map(|id| unfinished(connection, id).transpose()).collect()
        })
    }

    /// The sessions whose workspace is the directory of this one, itself among them, oldest first.
    pub fn sessions_on(&self, home: &SessionId) -> Result<Vec<SessionId>, StoreError> {
        let of = json_text(&WorkspaceIdentity::Of { session: home.clone() });
        let sql = "SELECT id FROM sessions WHERE id = ?1
                   UNION SELECT id FROM sessions WHERE workspace = ?2 AND workspace <> '{\"kind\":\"own\"}'";
        let place = params![home.as_str(), of];
        self.ask(|connection| many(connection, sql, place, |row| parsed(row, 0, SessionId::parse)))
    }

    /// What a principal's sessions take: those that are not over, and those on a copy of a repository.
    pub fn held_by(&self, principal: &PrincipalId) -> Result<Held, StoreError> {
        let over = [SessionStatus::Succeeded, SessionStatus::Cancelled];
        let statuses = SessionStatus::ALL.iter().filter(|status| !over.contains(status));
        let statuses: Vec<_> = statuses.map(|status| format!("'{}'", status.as_str())).collect();
        let open =
            format!("SELECT COUNT(*) FROM sessions WHERE status IN ({}) AND created_by = ?1", statuses.join(","));
        let copies = "SELECT id FROM sessions WHERE workspace <> '{\"kind\":\"own\"}'
                        AND json_extract(workspace, '$.kind') = 'snapshot' AND created_by = ?1";
        let by = params![principal.as_str()];
        self.ask(|connection| {
            let open = one(connection, &open, by, |row| row.get::<_, i64>(0))?.unwrap_or_default();
            let snapshots = many(connection, copies, by, |row| parsed(row, 0, SessionId::parse))?;
            Ok(Held { open: open.unsigned_abs(), snapshots })
        })
    }

    /// The sessions that work on an attached directory, or take back what was written there, oldest first; each with
    /// the time of its newest event.
    pub fn sessions_attached(&self, inode: u64, born_micros: i64) -> Result<Vec<(SessionId, Timestamp)>, StoreError> {
        let sql = "WITH attached AS (
                       SELECT id, created_event, updated_at FROM sessions
                       WHERE workspace <> '{\"kind\":\"own\"}' AND json_extract(workspace, '$.inode') = ?1
                         AND json_extract(workspace, '$.born_micros') = ?2)
                   SELECT id, updated_at FROM
                      (SELECT id, created_event, updated_at FROM attached
                       UNION SELECT id, created_event, updated_at FROM sessions
                             WHERE workspace <> '{\"kind\":\"own\"}'
                               AND json_extract(workspace, '$.session') IN (SELECT id FROM attached))
                   ORDER BY created_event";
        let read = |row: &Row<'_>| Ok((parsed(row, 0, SessionId::parse)?, parsed(row, 1, Timestamp::parse)?));
        self.ask(|connection| many(connection, sql, params![inode.to_string(), born_micros], read))
    }

    /// What the runs of a session wrote, as the log has it, oldest first.
    pub fn written_by(&self, session: &SessionId) -> Result<Vec<Written>, StoreError> {
        self.ask(|connection| {
            let sql = "SELECT started_event, ended_event FROM runs
                       WHERE session_id = ?1 AND effect = 'writes' AND ended_event IS NOT NULL ORDER BY id";
            let runs: Vec<(i64, i64)> =
                many(connection, sql, [session.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let written = runs.into_iter().map(|(started, ended)| written(connection, started, ended));
            written.filter_map(Result::transpose).collect()
        })
    }

    /// Events of a session after a seq, oldest first.
    pub fn events_after(&self, session: &SessionId, seq: u64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        self.ask(|connection| log::events_after(connection, session, seq, limit))
    }

    /// Events of the whole log after an id, oldest first.
    pub fn log_after(&self, id: EventId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        self.ask(|connection| log::log_after(connection, id, limit))
    }

    /// One event.
    pub fn event(&self, id: EventId) -> Result<Option<EventRow>, StoreError> {
        self.ask(|connection| log::event(connection, id.0))
    }

    /// The tree over the log, as of the last commit.
    pub fn tree(&self) -> Result<Frontier, StoreError> {
        let tally = self.ask(stored_tally)?;
        tally.map(|tally| tally.frontier).ok_or_else(|| StoreError::Corrupt("the stored tree is gone".to_owned()))
    }

    /// Signed checkpoints, newest first.
    pub fn checkpoints(&self, limit: Option<u32>, before: Option<EventId>) -> Result<Vec<CheckpointRow>, StoreError> {
        let before = before.map_or(i64::MAX, |event| event.0);
        self.ask(|connection| checkpoints_before(connection, before, rows(limit)))
    }

    /// Hands out the record of a session line by line, up to an event of it and the `record_exported` that names
    /// it. Goes on until it is whole, or `take` says that nobody wants more.
    pub fn export(
        &self,
        session: &SessionId,
        last_seq: u64,
        (closing, checkpoint): (EventId, &CheckpointRow),
        take: impl FnMut(String) -> bool,
    ) -> Result<(), StoreError> {
        export::write(self, &export::Export { session, last_seq, closing, checkpoint }, take)
    }

    /// Searches the whole log, newest first. Every committed event is covered.
    pub fn search(&self, wanted: &SearchQuery) -> Result<SearchPage, StoreError> {
        self.ask(|connection| search::search(connection, self.files(), wanted))
    }

    /// Artifacts of a session, oldest first.
    pub fn artifacts(
        &self,
        session: &SessionId,
        limit: Option<u32>,
        cursor: Option<ArtifactId>,
    ) -> Result<Vec<ArtifactRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM artifacts WHERE session_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            ArtifactRow::COLUMNS
        );
        let after = cursor.map_or(0, |cursor| cursor.0);
        self.ask(|connection| many(connection, &sql, params![session.as_str(), after, rows(limit)], ArtifactRow::read))
    }

    /// Artifacts of a run.
    pub fn artifacts_of_run(&self, run: RunId) -> Result<Vec<ArtifactRow>, StoreError> {
        let sql = format!("SELECT {} FROM artifacts WHERE run_id = ?1 ORDER BY id", ArtifactRow::COLUMNS);
        self.ask(|connection| many(connection, &sql, [run.0], ArtifactRow::read))
    }

    /// An artifact's row.
    pub fn artifact(&self, id: ArtifactId) -> Result<Option<ArtifactRow>, StoreError> {
        let sql = format!("SELECT {} FROM artifacts WHERE id = ?1", ArtifactRow::COLUMNS);
        self.ask(|connection| one(connection, &sql, [id.0], ArtifactRow::read))
    }

    /// An artifact's bytes, checked against its digest. One that is gone and repeats an output comes from the log.
    pub fn artifact_bytes(&self, id: ArtifactId) -> Result<Option<Vec<u8>>, StoreError> {
        self.ask(|connection| read_artifact_or_output(connection, self.files(), id.0))
    }

    /// The recorded output of a step's succeeded run, in this plan version.
    pub fn recorded_output(
        &self,
        session: &SessionId,
        version: u32,
        step: &StepId,
    ) -> Result<Option<RecordedOutput>, StoreError> {
        self.ask(|connection| {
            let sql = "SELECT runs.ended_event FROM steps JOIN runs ON runs.id = steps.run_id
                       WHERE steps.plan_id = (SELECT id FROM plans WHERE session_id = ?1 AND version = ?2)
                         AND steps.step_key = ?3 AND runs.status = 'succeeded'";
            let place = params![session.as_str(), version, step.as_str()];
            let Some(ended): Option<i64> = one(connection, sql, place, |row| row.get(0))? else { return Ok(None) };
            self.output_of(connection, ended)
        })
    }

    /// The recorded output of a run that succeeded.
    pub fn run_output(&self, run: RunId) -> Result<Option<RecordedOutput>, StoreError> {
        self.ask(|connection| {
            let sql = "SELECT ended_event FROM runs WHERE id = ?1 AND status = 'succeeded'";
            let Some(ended): Option<i64> = one(connection, sql, [run.0], |row| row.get(0))? else { return Ok(None) };
            self.output_of(connection, ended)
        })
    }

    fn output_of(&self, connection: &Connection, ended_event: i64) -> Result<Option<RecordedOutput>, StoreError> {
        let Some(event) = log::event(connection, ended_event)? else { return Ok(None) };
        let event = event.envelope()?;
        // Its text was redacted, and the file with it.
        if event.salt.is_none() {
            return Ok(None);
        }
        let Fact::StepExecuted { output_sha256, in_payload, masked, not_whole, .. } = &event.fact else {
            return Ok(None);
        };
        let output = if *in_payload {
            output_in_payload(&event)
        } else {
            self.output_on_disk(connection, &event, *output_sha256)?
        };
        let whole = |output| RecordedOutput { output, masked: masked.clone(), not_whole: not_whole.clone() };
        Ok(output.map(whole))
    }

    fn output_on_disk(
        &self,
        connection: &Connection,
        event: &Envelope,
        sha256: Digest,
    ) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT path FROM artifacts WHERE run_id = ?1 AND sha256 = ?2";
        let place = params![event.run.map(|run| run.0), sha256.to_string()];
        let Some(path): Option<String> = one(connection, sql, place, |row| row.get(0))? else { return Ok(None) };
        let bytes = self.files().read_artifact(&path, sha256)?;
        let output = serde_json::from_slice(&bytes);
        output.map(Some).map_err(|error| StoreError::Corrupt(format!("`{path}`: {error}")))
    }

    /// The registry of tools as it stands in the database.
    pub fn tools(&self) -> Result<Vec<ToolRow>, StoreError> {
        self.ask(tools)
    }

    /// Puts the program's tools into the database, where people look them up.
    pub async fn register_tools(&self, registry: Vec<ToolRow>) -> Result<(), StoreError> {
        self.maintain(move |writer| {
            if tools(&writer.connection)? == registry {
                return Ok(());
            }
            let transaction = writer.connection.transaction()?;
            write_tools(&transaction, &registry)?;
            Ok(transaction.commit()?)
        })
        .await
    }
}

/// Whether a session is a probe of `calt doctor`: it says so, nobody said yes to its plan, and nothing of it ran. Any
/// client may say so, and what was decided or has run stays in sight.
fn is_probe() -> String {
    format!(
        "(origin IS '{PROBE_ORIGIN}' AND status IN ('pending', 'awaiting_plan_approval', 'cancelled')
          AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.session_id = sessions.id))"
    )
}

fn unfinished(connection: &Connection, started_event: i64) -> Result<Option<UnfinishedRun>, StoreError> {
    let Some(event) = log::event(connection, started_event)? else { return Ok(None) };
    let event = event.envelope()?;
    let Fact::StepStarted { version, step, tool, effect, files, .. } = event.fact else { return Ok(None) };
    let (Some(session), Some(run)) = (event.session, event.run) else { return Ok(None) };
    Ok(Some(UnfinishedRun { session, run, version, step, tool, effect, files, started_at: event.created_at }))
}

/// What a run wrote: what its end says, or for one that was cut off, the files that were found as it wanted them.
fn written(connection: &Connection, started: i64, ended: i64) -> Result<Option<Written>, StoreError> {
    let Some(end) = log::event(connection, ended)? else { return Ok(None) };
    let end = end.envelope()?;
    let (Some(session), Some(run)) = (end.session, end.run) else { return Ok(None) };
    let files = if let Fact::StepExecuted { applied, .. } | Fact::StepFailed { applied, .. } = end.fact {
        applied
    } else if let Fact::StepInterrupted { finding: Finding::Applied | Finding::Foreign, files: found, .. } = end.fact {
        let Some(start) = log::event(connection, started)? else { return Ok(None) };
        let Fact::StepStarted { files, .. } = start.fact()? else { return Ok(None) };
        let is_applied =
            |file: &FileChange| found.iter().any(|seen| seen.path == file.path && seen.finding == Finding::Applied);
        files.into_iter().filter(is_applied).collect()
    } else {
        Vec::new()
    };
    Ok((!files.is_empty()).then_some(Written { run, session, files }))
}

fn output_in_payload(event: &Envelope) -> Option<Value> {
    let mut payload: Value = serde_json::from_str(&event.payload_text).ok()?;
    payload.get_mut("output").map(Value::take)
}

pub(crate) fn tools(connection: &Connection) -> Result<Vec<ToolRow>, StoreError> {
    let sql = "SELECT tool_name, permission_profile, description, enabled FROM tool_registry ORDER BY tool_name";
    many(connection, sql, [], |row| {
        Ok(ToolRow {
            tool_name: row.get(0)?,
            permission_profile: row.get(1)?,
            description: row.get(2)?,
            enabled: row.get(3)?,
        })
    })
}

pub(crate) fn write_tools(connection: &Connection, tools: &[ToolRow]) -> Result<(), StoreError> {
    connection.execute("DELETE FROM tool_registry", [])?;
    let mut insert = connection.prepare(
        "INSERT INTO tool_registry (tool_name, permission_profile, description, enabled) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for tool in tools {
        insert.execute(params![tool.tool_name, tool.permission_profile, tool.description, tool.enabled])?;
    }
    Ok(())
}

fn rows(limit: Option<u32>) -> u32 {
    limit.unwrap_or(LIST_ROWS_DEFAULT).clamp(1, LIST_ROWS_MAX)
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    arguments: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_row(arguments, read).optional()?)
}

fn many<T>(
    connection: &Connection,
    sql: &str,
    arguments: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_map(arguments, read)?.collect::<Result<_, _>>()?)
}
