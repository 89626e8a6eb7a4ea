//! Rows of the read model as they are handed out.

use calt_core::digest::Digest;
use calt_core::event::{FileChange, WorkspaceIdentity};
use calt_core::id::{ArtifactId, EventId, RunId, SessionId, StepId};
use calt_core::time::Timestamp;
use calt_core::toolbox::Effect;
use rusqlite::Row;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::log::{optional, parsed};

/// What a principal's sessions take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many are neither stopped nor succeeded.
    pub open: u64,
    /// Those on a copy of a repository, over or not.
    pub snapshots: Vec<SessionId>,
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct SessionRow {
    pub id: SessionId,
    /// The id of its `session_created`: the cursor of a list.
    pub created_event: EventId,
    pub goal: Option<String>,
    pub mode: String,
    pub safety_profile: String,
    pub status: String,
    pub plan_version: Option<u32>,
    pub needs_replan: bool,
    /// The ticket (`ref` on the wire).
    pub ticket: Option<String>,
    pub origin: Option<String>,
    pub workspace: WorkspaceIdentity,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Which sessions are listed, newest first.
#[derive(Clone, Debug, Default)]
pub struct SessionList {
    /// Only sessions of this status.
    pub status: Option<String>,
    /// Whether the probes of `calt doctor` are among them.
    pub probes: bool,
    /// Rows on the page: 100 when absent, at most 500.
    pub limit: Option<u32>,
    /// Only sessions older than this: the `created_event` of the last row of the page before.
    pub cursor: Option<EventId>,
}

/// A plan version.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct PlanRow {
    pub session_id: SessionId,
    pub version: u32,
    pub title: String,
    pub session_goal: Option<String>,
    /// The ticket (`ref` on the wire).
    pub ticket: Option<String>,
    pub digest: Digest,
    pub document_digest: Digest,
    /// `imported`, `approved` or `rejected`.
    pub status: String,
    /// The masked canonical form; `None` when its text was redacted.
    pub masked: Option<Value>,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// A step of a plan version.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct StepRow {
    pub session_id: SessionId,
    pub version: u32,
    /// Its place in the plan, from 1.
    pub position: u32,
    pub step: StepId,
    pub title: String,
    pub tool_name: String,
    pub status: String,
    pub risk: String,
    pub effect: String,
    /// The step digest of the inputs as written.
    pub digest: Option<Digest>,
    /// Its run, when it was started.
    pub run: Option<RunId>,
    /// The step of the masked plan: inputs, limits, conditions, remarks.
    pub payload: Value,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct RunRow {
    pub id: RunId,
    pub session_id: SessionId,
    pub plan_version: u32,
    pub step: StepId,
    pub tool_name: String,
    /// `running`, `succeeded`, `failed`, `interrupted` or `cancelled`.
    pub status: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub exit_code: Option<i32>,
    pub failure_code: Option<String>,
    /// The run's error text.
    pub failure_reason: Option<String>,
    pub output_sha256: Option<Digest>,
    pub output_bytes: Option<u64>,
    pub started_event: EventId,
    pub ended_event: Option<EventId>,
}

/// A file a run left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct ArtifactRow {
    pub id: ArtifactId,
    pub session_id: SessionId,
    pub run: RunId,
    pub step: StepId,
    pub kind: String,
    pub path: String,
    pub sha256: Digest,
    pub bytes: u64,
    pub created_at: Timestamp,
}

/// A yes or a no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct ApprovalRow {
    pub event: EventId,
    pub plan_version: u32,
    /// `None`: the plan itself.
    pub step: Option<StepId>,
    /// `approved`, `rejected` or `skipped`.
    pub decision: String,
    pub digest: Digest,
    pub decision_id: String,
    pub approved_by: String,
    pub principal: String,
    pub source: String,
    pub reason: Option<String>,
    pub how: String,
    pub assurance: String,
    pub created_at: Timestamp,
}

/// A tool as people find it in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns, in the words of the contract")]
pub struct ToolRow {
    pub tool_name: String,
    pub permission_profile: String,
    pub description: String,
    pub enabled: bool,
}

/// A run that has no end: what recovery looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// The session.
    pub session: SessionId,
    /// The run.
    pub run: RunId,
    /// The plan version.
    pub version: u32,
    /// The step.
    pub step: StepId,
    /// Its tool.
    pub tool: String,
    /// What it may have done to the world.
    pub effect: Effect,
    /// The files an apply was to write, with their digests before and after.
    pub files: Vec<FileChange>,
    /// When it started.
    pub started_at: Timestamp,
}

impl SessionRow {
    pub(super) const COLUMNS: &str = "id, created_event, goal, mode, safety_profile, status, plan_version, \
         needs_replan, ref, origin, workspace, created_by, created_at, updated_at";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: parsed(row, 0, SessionId::parse)?,
            created_event: EventId(row.get(1)?),
            goal: row.get(2)?,
            mode: row.get(3)?,
            safety_profile: row.get(4)?,
            status: row.get(5)?,
            plan_version: row.get(6)?,
            needs_replan: row.get(7)?,
            ticket: row.get(8)?,
            origin: row.get(9)?,
            workspace: parsed(row, 10, json)?,
            created_by: row.get(11)?,
            created_at: parsed(row, 12, Timestamp::parse)?,
            updated_at: parsed(row, 13, Timestamp::parse)?,
        })
    }
}

impl PlanRow {
    pub(super) const COLUMNS: &str = "session_id, version, title, session_goal, ref, digest, document_digest, \
         status, raw, created_by, created_at";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            session_id: parsed(row, 0, SessionId::parse)?,
            version: row.get(1)?,
            title: row.get(2)?,
            session_goal: row.get(3)?,
            ticket: row.get(4)?,
            digest: parsed(row, 5, Digest::parse)?,
            document_digest: parsed(row, 6, Digest::parse)?,
            status: row.get(7)?,
            masked: optional(row, 8, json)?,
            created_by: row.get(9)?,
            created_at: parsed(row, 10, Timestamp::parse)?,
        })
    }
}

impl StepRow {
    pub(super) const COLUMNS: &str = "session_id, version, position, step_key, title, tool_name, status, risk, \
         effect, digest, run_id, payload_json";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            session_id: parsed(row, 0, SessionId::parse)?,
            version: row.get(1)?,
            position: row.get(2)?,
            step: parsed(row, 3, StepId::parse)?,
            title: row.get(4)?,
            tool_name: row.get(5)?,
            status: row.get(6)?,
            risk: row.get(7)?,
            effect: row.get(8)?,
            digest: optional(row, 9, Digest::parse)?,
            run: row.get::<_, Option<i64>>(10)?.map(RunId),
            payload: parsed(row, 11, json)?,
        })
    }
}

impl RunRow {
    pub(super) const COLUMNS: &str = "id, session_id, plan_version, step_key, tool_name, status, started_at, \
         ended_at, duration_ms, exit_code, failure_code, failure_reason, output_sha256, output_bytes, started_event, \
         ended_event";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: RunId(row.get(0)?),
            session_id: parsed(row, 1, SessionId::parse)?,
            plan_version: row.get(2)?,
            step: parsed(row, 3, StepId::parse)?,
            tool_name: row.get(4)?,
            status: row.get(5)?,
            started_at: parsed(row, 6, Timestamp::parse)?,
            ended_at: optional(row, 7, Timestamp::parse)?,
            duration_ms: row.get::<_, Option<i64>>(8)?.map(|number| number as u64),
            exit_code: row.get(9)?,
            failure_code: row.get(10)?,
            failure_reason: row.get(11)?,
            output_sha256: optional(row, 12, Digest::parse)?,
            output_bytes: row.get::<_, Option<i64>>(13)?.map(|number| number as u64),
            started_event: EventId(row.get(14)?),
            ended_event: row.get::<_, Option<i64>>(15)?.map(EventId),
        })
    }
}

impl ArtifactRow {
    pub(super) const COLUMNS: &str = "id, session_id, run_id, step_id, kind, path, sha256, bytes, created_at";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: ArtifactId(row.get(0)?),
            session_id: parsed(row, 1, SessionId::parse)?,
            run: RunId(row.get(2)?),
            step: parsed(row, 3, StepId::parse)?,
            kind: row.get(4)?,
            path: row.get(5)?,
            sha256: parsed(row, 6, Digest::parse)?,
            bytes: row.get::<_, i64>(7)? as u64,
            created_at: parsed(row, 8, Timestamp::parse)?,
        })
    }
}

impl ApprovalRow {
    pub(super) const COLUMNS: &str = "id, plan_version, step_key, decision, digest, decision_id, approved_by, \
         principal, source, reason, how, assurance, created_at";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            event: EventId(row.get(0)?),
            plan_version: row.get(1)?,
            step: optional(row, 2, StepId::parse)?,
            decision: row.get(3)?,
            digest: parsed(row, 4, Digest::parse)?,
            decision_id: row.get(5)?,
            approved_by: row.get(6)?,
            principal: row.get(7)?,
            source: row.get(8)?,
            reason: row.get(9)?,
            how: row.get(10)?,
            assurance: row.get(11)?,
            created_at: parsed(row, 12, Timestamp::parse)?,
        })
    }
}

pub(super) fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}
