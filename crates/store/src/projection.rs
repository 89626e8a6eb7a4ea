//! The read model: rows people and surfaces look at, derived from events one at a time.

mod plan;
mod rebuild;
mod run;
mod waiting;

use calt_core::event::{DecisionFact, Envelope, Fact};
use calt_core::id::{SessionId, StepId};
use calt_core::session::Session;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::Value;

pub(crate) use rebuild::{rebuild, rebuild_one, write_log_state};
pub(crate) use waiting::Waiting;

use crate::error::StoreError;

/// Projects one event. `session` is the session with the event taken in; `masked` the masked plan of an import.
///
/// Only the rows the event concerns are touched, so its price does not grow with the session.
pub(crate) fn project(
    connection: &Connection,
    event: &Envelope,
    session: &Session,
    masked: Option<&Value>,
) -> Result<(), StoreError> {
    match &event.fact {
        Fact::SessionCreated { .. } => session_created(connection, event, session)?,
        Fact::PlanImported { .. } => plan::imported(connection, event, session, masked)?,
        Fact::PlanApproved { version, decision } => {
            decided(connection, event, (*version, None), "approved", decision)?;
            plan::decided(connection, session.id(), *version, "approved")?;
        }
        Fact::PlanRejected { version, decision } => {
            decided(connection, event, (*version, None), "rejected", decision)?;
            plan::decided(connection, session.id(), *version, "rejected")?;
        }
        Fact::StepApproved { version, step, decision, .. } => {
            decided(connection, event, (*version, Some(step)), "approved", decision)?;
            step_changed(connection, session, *version, step)?;
        }
        Fact::StepRejected { version, step, decision } => {
            decided(connection, event, (*version, Some(step)), "rejected", decision)?;
            step_changed(connection, session, *version, step)?;
        }
        Fact::StepSkipped { version, step, decision } => {
            decided(connection, event, (*version, Some(step)), "skipped", decision)?;
            step_changed(connection, session, *version, step)?;
        }
        Fact::StepStarted { version, step, .. } => {
            run::started(connection, event)?;
            step_started(connection, session, *version, step, event)?;
        }
        Fact::StepExecuted { version, step, .. }
        | Fact::StepFailed { version, step, .. }
        | Fact::StepInterrupted { version, step, .. } => {
            run::ended(connection, event)?;
            step_changed(connection, session, *version, step)?;
        }
        Fact::ArtifactSaved { .. } => run::artifact_saved(connection, event)?,
        Fact::SessionStopped { .. } => steps_cancelled(connection, session)?,
        Fact::StepExecutionRejected { .. }
        | Fact::StepExecutionWarning { .. }
        | Fact::SessionSucceeded { .. }
        | Fact::DaemonStarted { .. }
        | Fact::PersonAdded { .. }
        | Fact::PersonRemoved { .. }
        | Fact::TokenCreated { .. }
        | Fact::TokenRevoked { .. }
        | Fact::WorkspaceAdded { .. }
        | Fact::WorkspaceRemoved { .. }
        | Fact::WorkspaceRemounted { .. }
        | Fact::AccessRefused { .. }
        | Fact::CheckpointSigned { .. }
        | Fact::RecordExported { .. }
        | Fact::Restored { .. }
        | Fact::ContentReleased { .. }
        | Fact::LossAccepted { .. }
        | Fact::PayloadRedacted { .. }
        | Fact::PinSet { .. }
        | Fact::PinRemoved { .. }
        | Fact::PinAccepted { .. }
        | Fact::PinRefused { .. } => {}
    }
    Ok(())
}

fn session_created(connection: &Connection, event: &Envelope, session: &Session) -> Result<(), StoreError> {
    let payload = payload(event);
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, created_event, goal, mode, safety_profile, status, plan_version, needs_replan,
                                   ref, origin, workspace, created_by, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, 0, ?7, ?8, ?9, ?10, ?11, ?11)",
        )?
        .execute(params![
            session.id().as_str(),
            event.id.0,
            payload["goal"].as_str(),
            word(&session.mode()),
            word(&session.profile()),
            session.status().as_str(),
            payload["ref"].as_str(),
            payload["origin"].as_str(),
            json_text(session.workspace()),
            event.principal.as_str(),
            event.created_at.to_string(),
        ])?;
    Ok(())
}

/// What of a session shows in its row; compared so that an unchanged status costs no index write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    status: &'static str,
    plan_version: Option<u32>,
    needs_replan: bool,
}

impl Standing {
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            status: session.status().as_str(),
            plan_version: session.plan_version(),
            needs_replan: session.needs_replan(),
        }
    }
}

/// Notes where a session stands after its events.
pub(crate) fn session_changed(
    connection: &Connection,
    session: &Session,
    before: Option<Standing>,
    updated_at: &str,
) -> rusqlite::Result<()> {
    let now = Standing::of(session);
    if before == Some(now) {
        connection
            .prepare_cached("UPDATE sessions SET updated_at = ?2 WHERE id = ?1")?
            .execute(params![session.id().as_str(), updated_at])?;
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE sessions SET status = ?2, plan_version = ?3, needs_replan = ?4, updated_at = ?5 WHERE id = ?1",
        )?
        .execute(params![session.id().as_str(), now.status, now.plan_version, now.needs_replan, updated_at])?;
    Ok(())
}

fn decided(
    connection: &Connection,
    event: &Envelope,
    (version, step): (u32, Option<&StepId>),
    decision: &str,
    fact: &DecisionFact,
) -> Result<(), StoreError> {
    let payload = payload(event);
    connection
        .prepare_cached(
            "INSERT INTO approvals (id, session_id, plan_version, step_key, decision, digest, decision_id, approved_by,
                                    principal, source, reason, how, assurance, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            event.id.0,
            event.session.as_ref().map(SessionId::as_str),
            version,
            step.map(StepId::as_str),
            decision,
            fact.digest.to_string(),
            fact.decision_id,
            event.user_id,
            event.principal.as_str(),
            event.source,
            payload["reason"].as_str(),
            word(&fact.how),
            word(&fact.assurance),
            event.created_at.to_string(),
        ])?;
    Ok(())
}

/// Notes a step's status as the session has it.
fn step_changed(connection: &Connection, session: &Session, version: u32, step: &StepId) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE steps SET status = ?4
             WHERE plan_id = (SELECT id FROM plans WHERE session_id = ?1 AND version = ?2) AND step_key = ?3",
        )?
        .execute(params![session.id().as_str(), version, step.as_str(), status_of(session, step)])?;
    Ok(())
}

fn step_started(
    connection: &Connection,
    session: &Session,
    version: u32,
    step: &StepId,
    event: &Envelope,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE steps SET status = ?4, run_id = ?5
             WHERE plan_id = (SELECT id FROM plans WHERE session_id = ?1 AND version = ?2) AND step_key = ?3",
        )?
        .execute(params![
            session.id().as_str(),
            version,
            step.as_str(),
            status_of(session, step),
            event.run.map(|run| run.0),
        ])?;
    Ok(())
}

fn status_of(session: &Session, step: &StepId) -> Option<&'static str> {
    session.step_status(step).map(calt_core::session::StepStatus::as_str)
}

/// A stop: what waited will not run, and what failed before shows as cancelled, as `Session::step_status` has it.
fn steps_cancelled(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let Some(version) = session.plan_version() else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE steps SET status = 'cancelled'
             WHERE plan_id = (SELECT id FROM plans WHERE session_id = ?1 AND version = ?2)
               AND (status IN ('pending', 'approved') OR (status = 'failed' AND run_id IS NOT NULL))",
        )?
        .execute(params![session.id().as_str(), version])?;
    Ok(())
}

/// The payload as JSON; null when its text is gone.
pub(crate) fn payload(event: &Envelope) -> Value {
    serde_json::from_str(&event.payload_text).unwrap_or(Value::Null)
}

/// A closed word as it is written on the wire.
pub(crate) fn word(closed: &impl Serialize) -> String {
    match serde_json::to_value(closed) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
