//! The rows of plans and their steps.

use calt_core::digest::Digest;
use calt_core::event::{Envelope, Fact, StepFact};
use calt_core::id::SessionId;
use calt_core::session::Session;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::{payload, word};
use crate::error::StoreError;

/// Writes a plan and its steps. Without the masked form (its text was redacted) the facts alone are shown.
pub(super) fn imported(
    connection: &Connection,
    event: &Envelope,
    session: &Session,
    masked: Option<&Value>,
) -> Result<(), StoreError> {
    let Fact::PlanImported { version, digest, masked_digest, document_digest, steps } = &event.fact else {
        return Ok(());
    };
    let payload = payload(event);
    let masked = masked.or_else(|| payload.get("plan").filter(|plan| plan.is_object()));
    let shown = masked.unwrap_or(&payload);
    connection
        .prepare_cached(
            "INSERT INTO plans (id, session_id, version, title, session_goal, ref, digest, masked_digest,
                                document_digest, status, raw, created_by, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'imported', ?10, ?11, ?12)",
        )?
        .execute(params![
            event.id.0,
            session.id().as_str(),
            version,
            shown["title"].as_str().unwrap_or_default(),
            shown["session_goal"].as_str(),
            shown["ref"].as_str(),
            digest.to_string(),
            masked_digest.to_string(),
            document_digest.to_string(),
            masked.map(Value::to_string),
            event.principal.as_str(),
            event.created_at.to_string(),
        ])?;
    let plan = PlanPlace { id: event.id.0, session: session.id(), version: *version };
    for (index, step) in steps.iter().enumerate() {
        let shown = masked.and_then(|masked| masked["steps"].get(index));
        let digest = session.template_digest(&step.id);
        insert_step(connection, &plan, index + 1, step, digest, shown)?;
    }
    Ok(())
}

struct PlanPlace<'s> {
    id: i64,
    session: &'s SessionId,
    version: u32,
}

fn insert_step(
    connection: &Connection,
    plan: &PlanPlace<'_>,
    position: usize,
    step: &StepFact,
    digest: Option<Digest>,
    shown: Option<&Value>,
) -> Result<(), StoreError> {
    let title = shown.and_then(|shown| shown["title"].as_str()).unwrap_or_default();
    let text = shown.map_or_else(|| json!({ "id": step.id, "tool": step.tool }).to_string(), Value::to_string);
    connection
        .prepare_cached(
            "INSERT INTO steps (id, session_id, plan_id, version, position, step_key, title, tool_name, status, risk,
                                effect, digest, run_id, payload_json)
             VALUES (?2 * 1024 + ?4, ?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8, ?9, ?10, NULL, ?11)",
        )?
        .execute(params![
            plan.session.as_str(),
            plan.id,
            plan.version,
            position as i64,
            step.id.as_str(),
            title,
            step.tool,
            word(&step.risk),
            word(&step.effect),
            digest.map(|digest| digest.to_string()),
            text,
        ])?;
    Ok(())
}

pub(super) fn decided(
    connection: &Connection,
    session: &SessionId,
    version: u32,
    decision: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE plans SET status = ?3 WHERE session_id = ?1 AND version = ?2")?
        .execute(params![session.as_str(), version, decision])?;
    Ok(())
}
