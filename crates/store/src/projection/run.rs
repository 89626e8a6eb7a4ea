//! The rows of runs and of what they left behind.

use calt_core::event::{Envelope, Fact};
use calt_core::id::SessionId;
use rusqlite::{Connection, params};

use super::{payload, word};
use crate::error::StoreError;

pub(super) fn started(connection: &Connection, event: &Envelope) -> Result<(), StoreError> {
    let Fact::StepStarted { version, step, tool, effect, .. } = &event.fact else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO runs (id, session_id, plan_version, step_key, tool_name, effect, status, started_at, started_event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8)",
        )?
        .execute(params![
            event.run.map(|run| run.0),
            event.session.as_ref().map(SessionId::as_str),
            version,
            step.as_str(),
            tool,
            word(effect),
            event.created_at.to_string(),
            event.id.0,
        ])?;
    Ok(())
}

/// How a run ended, as its row says it.
#[derive(Default)]
struct End {
    status: &'static str,
    duration_ms: Option<i64>,
    exit_code: Option<i32>,
    failure_code: Option<String>,
    failure_reason: Option<String>,
    output_sha256: Option<String>,
    output_bytes: Option<i64>,
}

pub(super) fn ended(connection: &Connection, event: &Envelope) -> Result<(), StoreError> {
    let Some(end) = end_of(event) else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE runs SET status = ?2, ended_at = ?3, duration_ms = ?4, exit_code = ?5, failure_code = ?6,
                             failure_reason = ?7, output_sha256 = ?8, output_bytes = ?9, ended_event = ?10
             WHERE id = ?1",
        )?
        .execute(params![
            event.run.map(|run| run.0),
            end.status,
            event.created_at.to_string(),
            end.duration_ms,
            end.exit_code,
            end.failure_code,
            end.failure_reason,
            end.output_sha256,
            end.output_bytes,
            event.id.0,
        ])?;
    Ok(())
}

fn end_of(event: &Envelope) -> Option<End> {
    let error = || payload(event)["error"].as_str().map(str::to_owned);
    if let Fact::StepExecuted { duration_ms, exit_code, output_sha256, output_bytes, .. } = &event.fact {
        return Some(End {
            status: "succeeded",
            duration_ms: Some(*duration_ms as i64),
            exit_code: *exit_code,
            output_sha256: Some(output_sha256.to_string()),
            output_bytes: Some(*output_bytes as i64),
            ..End::default()
        });
    }
    if let Fact::StepFailed { code, duration_ms, exit_code, cancelled, .. } = &event.fact {
        return Some(End {
            status: if *cancelled { "cancelled" } else { "failed" },
            duration_ms: Some(*duration_ms as i64),
            exit_code: *exit_code,
            failure_code: Some(code.clone()),
            failure_reason: error(),
            ..End::default()
        });
    }
    matches!(event.fact, Fact::StepInterrupted { .. }).then(|| End {
        status: "interrupted",
        failure_code: Some("interrupted".to_owned()),
        failure_reason: error(),
        ..End::default()
    })
}

pub(super) fn artifact_saved(connection: &Connection, event: &Envelope) -> Result<(), StoreError> {
    let Fact::ArtifactSaved { artifact, step, kind, path, sha256, bytes } = &event.fact else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO artifacts (id, session_id, run_id, step_id, kind, path, sha256, bytes, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            artifact.0,
            event.session.as_ref().map(SessionId::as_str),
            event.run.map(|run| run.0),
            step.as_str(),
            kind,
            path,
            sha256.to_string(),
            *bytes as i64,
            event.created_at.to_string(),
        ])?;
    Ok(())
}
