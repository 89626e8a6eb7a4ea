//! Ending runs and sessions: what happened goes into the log, whatever it was.

use serde_json::{Value, json};

use super::{Answer, Decision, Facts, Failure, RunEnd, Success, event, fitting};
use crate::event::{
    Fact, FileChange, Finding, FoundFile, NewEvent, PAYLOAD_BYTES_MAX, PreviewFact, files_digest, targets_digest,
};
use crate::id::{RunId, StepId};
use crate::refusal::Refusal;
use crate::session::{Progress, Session, Stage, Step};
use crate::toolbox::Effect;

pub(super) fn finish_run(session: &Session, run: RunId, end: &RunEnd, facts: &Facts) -> Result<Decision, Refusal> {
    let Some((_, step)) = session.running().filter(|(running, _)| *running == run) else {
        return Err(Refusal::RunNotFound { run });
    };
    let version = session.plan_version().unwrap_or_default();
    let entry = session.entry(step).expect("a running step stands in the newest plan");
    let events = match end {
        RunEnd::Succeeded(success) => succeeded(session, version, entry, run, success, facts),
        RunEnd::Failed(failure) => vec![failed(session, entry, run, failure, facts)],
    };
    Ok(Decision::accept(Answer::RunEnded { run }, events))
}

fn succeeded(
    session: &Session,
    version: u32,
    entry: &Step,
    run: RunId,
    success: &Success,
    facts: &Facts,
) -> Vec<NewEvent> {
    let step = &entry.planned.id;
    let mut payload = json!({
        "step_id": step,
        "tool": entry.planned.tool,
        "runtime_status": "succeeded",
        "output": success.output,
        "duration_ms": success.duration_ms,
        "tier": facts.tier,
    });
    let in_payload = payload.to_string().len() <= PAYLOAD_BYTES_MAX;
    if !in_payload {
        payload["output"] = json!(null);
        payload["output_sha256"] = json!(success.artifact.sha256);
        payload["output_bytes"] = json!(success.artifact.bytes);
    }
    let executed = Fact::StepExecuted {
        version,
        step: step.clone(),
        duration_ms: success.duration_ms,
        exit_code: success.exit_code,
        output_sha256: success.artifact.sha256,
        output_bytes: success.artifact.bytes,
        in_payload,
        masked: success.masked.clone(),
        not_whole: success.not_whole.clone(),
        preview: success
            .preview
            .as_ref()
            .filter(|_| entry.planned.effect == Effect::Previews)
            .map(|files| PreviewFact { files: files_digest(files), targets: targets_digest(files) }),
        applied: success.applied.clone(),
        tier: facts.tier,
    };
    let artifact = Fact::ArtifactSaved {
        artifact: facts.next_artifact,
        step: step.clone(),
        kind: success.artifact.kind.clone(),
        path: success.artifact.path.clone(),
        sha256: success.artifact.sha256,
        bytes: success.artifact.bytes,
    };
    let mut events: Vec<NewEvent> = success
        .warnings
        .iter()
        .map(|warning| {
            let fact = Fact::StepExecutionWarning { version, step: step.clone(), reason: "tool_warning".to_owned() };
            event(fact, Some(run), format!("step {step} warned"), &json!({"step_id": step, "warning": warning}))
        })
        .collect();
    events.push(event(executed, Some(run), format!("step {step} executed"), &payload));
    let saved = json!({"step_id": step, "kind": success.artifact.kind, "path": success.artifact.path, "sha256": success.artifact.sha256});
    events.push(event(artifact, Some(run), format!("artifact of step {step} saved"), &saved));
    if would_be_done(session, &[step]) {
        events.push(session_succeeded(version));
    }
    events
}

fn failed(session: &Session, entry: &Step, run: RunId, failure: &Failure, facts: &Facts) -> NewEvent {
    let (version, step) = (session.plan_version().unwrap_or_default(), &entry.planned.id);
    let fact = Fact::StepFailed {
        version,
        step: step.clone(),
        code: failure.code.clone(),
        duration_ms: failure.duration_ms,
        exit_code: failure.exit_code,
        cancelled: failure.cancelled,
        applied: failure.applied.clone(),
        tier: facts.tier,
    };
    let payload = json!({
        "step_id": step,
        "tool": entry.planned.tool,
        "runtime_status": if failure.cancelled { "cancelled" } else { "failed" },
        "code": failure.code,
        "error": failure.error,
        "exit_code": failure.exit_code,
        "duration_ms": failure.duration_ms,
        "applied": failure.applied,
        "output": failure.output,
        "tier": facts.tier,
        "next": offer(session, run, failure.applied.iter().any(FileChange::changes)),
    });
    // The facts keep what was applied; the error is what people search for.
    event(fact, Some(run), format!("step {step} failed"), &fitting(payload, &["output", "applied"]))
}

pub(super) fn interrupt_run(
    session: &Session,
    run: RunId,
    finding: Finding,
    files: &[FoundFile],
) -> Result<Decision, Refusal> {
    let Some((_, step)) = session.running().filter(|(running, _)| *running == run) else {
        return Err(Refusal::RunNotFound { run });
    };
    let version = session.plan_version().unwrap_or_default();
    let words = match finding {
        Finding::NothingToWrite => "it writes nothing",
        Finding::Applied => "its files are as it wanted them",
        Finding::NotApplied => "its files are as they were before",
        Finding::Foreign => "a file has a content of neither before nor after",
    };
    let fact = Fact::StepInterrupted { version, step: step.clone(), finding, files: files.to_vec() };
    let payload = json!({
        "step_id": step,
        "finding": finding,
        "files": files,
        "error": format!("interrupted: the daemon ended during the run; {words}"),
        "next": offer(session, run, finding == Finding::Applied),
    });
    let interrupted = event(fact, Some(run), format!("step {step} interrupted"), &fitting(payload, &["files"]));
    Ok(Decision::accept(Answer::RunEnded { run }, vec![interrupted]))
}

/// A failure after which a write stays offers to take it back.
fn offer(session: &Session, run: RunId, has_written: bool) -> Value {
    if has_written { json!({"action": "take_back", "session": session.id(), "run": run}) } else { Value::Null }
}

pub(super) fn stop(session: &Session) -> Decision {
    let run = session.running().map(|(run, _)| run);
    match session.stage() {
        Stage::Stopped(_) => Decision::accept(Answer::Stopped { run }, Vec::new()),
        Stage::Drafting
        | Stage::AwaitingPlanApproval(_)
        | Stage::Working(..)
        | Stage::NeedsReplan(..)
        | Stage::Succeeded(..) => {
            let fact = Fact::SessionStopped { run };
            let stopped = event(fact, None, "session stopped".to_owned(), &json!({"run_id": run}));
            Decision::accept(Answer::Stopped { run }, vec![stopped])
        }
    }
}

/// Whether the session succeeds with these steps: the plan is at work, and every other step has succeeded or was
/// skipped.
pub(super) fn would_be_done(session: &Session, steps: &[&StepId]) -> bool {
    let Stage::Working(plan, _) = session.stage() else { return false };
    let done = |entry: &Step| matches!(entry.progress, Progress::Succeeded(_) | Progress::Skipped(_));
    // Everything before `next` is done already.
    plan.steps[plan.next..].iter().all(|entry| done(entry) || steps.contains(&&entry.planned.id))
}

pub(super) fn session_succeeded(version: u32) -> NewEvent {
    event(Fact::SessionSucceeded { version }, None, "session succeeded".to_owned(), &json!({"version": version}))
}
