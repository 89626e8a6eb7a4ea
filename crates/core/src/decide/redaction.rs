//! Letting the text of an event go: the event stays, and so does the proof that nothing else changed.

use serde_json::json;

use super::{Answer, Decision, Redaction, event};
use crate::event::Fact;
use crate::refusal::Refusal;
use crate::session::{Session, Stage};

/// Longest reason, in characters.
const REASON_CHARS_MAX: u64 = 4_000;

/// Decides about an event of a session.
pub(super) fn of_session(session: &Session, redaction: &Redaction) -> Result<Decision, Refusal> {
    let runnable = match session.stage() {
        Stage::AwaitingPlanApproval(plan) | Stage::Working(plan, _) => Some(plan.version),
        Stage::Drafting | Stage::NeedsReplan(..) | Stage::Succeeded(..) | Stage::Stopped(_) => None,
    };
    if let Some(version) = redaction.plan_version
        && runnable == Some(version)
    {
        return Err(Refusal::PlanInUse { session: session.id().clone(), version });
    }
    of_daemon(redaction)
}

/// Decides about an event of the daemon.
pub(super) fn of_daemon(redaction: &Redaction) -> Result<Decision, Refusal> {
    let Redaction { event: named, is_cleared, reason, .. } = redaction;
    if reason.trim().is_empty() {
        return Err(Refusal::InputInvalid { what: "`reason`".to_owned(), reason: "a redaction says why".to_owned() });
    }
    let actual = reason.chars().count() as u64;
    if actual > REASON_CHARS_MAX {
        let what = "the reason".to_owned();
        return Err(Refusal::LimitExceeded { what, actual, limit: REASON_CHARS_MAX, unit: "characters" });
    }
    if *is_cleared {
        return Ok(Decision::accept(Answer::Recorded, Vec::new()));
    }
    let payload = json!({"event": named, "reason": reason});
    let redacted =
        event(Fact::PayloadRedacted { event: *named }, None, format!("text of event {named} redacted"), &payload);
    Ok(Decision::accept(Answer::Recorded, vec![redacted]))
}
