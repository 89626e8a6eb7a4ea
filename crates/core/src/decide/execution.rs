//! Starting, ending and stopping runs.

use serde_json::{Value, json};

use super::approval::{closed, find_step, gathered_for, resolved};
use super::{Answer, Command, Decision, Facts, Failure, RunEnd, StepFacts, Success, event};
use crate::event::{
    Fact, FileChange, Finding, FoundFile, Mode, NewEvent, PAYLOAD_BYTES_MAX, PreviewFact, Profile, files_digest,
    targets_digest,
};
use crate::id::{RunId, StepId};
use crate::permit::{Covers, Gate, Grant, Permit};
use crate::refusal::Refusal;
use crate::session::{Progress, Session, Stage, Step};
use crate::toolbox::{Effect, Risk};

/// The order of refusals is part of the contract: missing, superseded, needs replan, closed, running or
/// already ran, approvals, digest, reference, risk, dry run, isolation, order.
pub(super) fn start_step(
    session: &Session,
    command: &Command,
    step: &StepId,
    confirm_high_risk: bool,
    masked_inputs: &Value,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let (version, entry) = find_step(session, step)?;
    let grant = match startable(session, version, entry)? {
        Ready(grant) => grant,
    };
    let gathered = gathered_for(session, entry, facts)?;
    let refused = |refusal: Refusal, reason: &str| {
        Ok(Decision::refuse_on_record(refusal, rejection(version, entry, reason, masked_inputs)))
    };
    let digest = match resolved(session, entry, facts) {
        Ok(digest) => digest,
        Err(refusal) => {
            let mut rejected = rejection(version, entry, "step_input_reference_unresolved", masked_inputs);
            rejected.payload_text = json!({
                "reason": "step_input_reference_unresolved", "step_id": step, "detail": refusal.to_string(),
            })
            .to_string();
            return Ok(Decision::refuse_on_record(refusal, rejected));
        }
    };
    let template = session.template_digest(step).expect("the step was found in the newest plan");
    let shown = match grant.covers {
        Covers::Resolved => digest,
        Covers::Template => template,
    };
    if shown != grant.digest || box_changed(entry, gathered) {
        let what = format!("step `{step}`");
        let refusal = Refusal::DigestChanged {
            session: session.id().clone(),
            what,
            step: Some(step.clone()),
            version,
            actual: shown,
        };
        return refused(refusal, "digest_changed");
    }
    if session.profile() == Profile::Strict && entry.planned.risk == Risk::High && !confirm_high_risk {
        let refusal = Refusal::RiskUnconfirmed { session: session.id().clone(), step: step.clone() };
        return refused(refusal, "high_risk_confirmation_required");
    }
    if session.mode() == Mode::DryRun && entry.planned.effect == Effect::Writes {
        let refusal = Refusal::DryRun { session: session.id().clone(), step: step.clone() };
        return refused(refusal, "dry_run_apply_blocked");
    }
    if isolation_is_missing(session, entry, facts) {
        let refusal =
            Refusal::IsolationUnavailable { session: session.id().clone(), step: step.clone(), tier: facts.tier };
        return refused(refusal, "isolation_unavailable");
    }
    if let Some(next) = session.next_step().filter(|next| *next != step) {
        return Err(Refusal::OutOfOrder { session: session.id().clone(), step: step.clone(), next: next.clone() });
    }
    let inputs = match &gathered.inputs {
        Ok(inputs) if entry.planned.has_references => *inputs,
        Ok(_) | Err(_) => entry.planned.inputs,
    };
    let gate = gate(session, entry, &gathered.files);
    let fact = Fact::StepStarted {
        version,
        step: step.clone(),
        tool: entry.planned.tool.clone(),
        effect: entry.planned.effect,
        digest,
        template_digest: template,
        inputs,
        covers: grant.covers,
        high_risk_confirmed: confirm_high_risk,
        tier: facts.tier,
        box_digest: entry.planned.box_digest,
        files: gathered.files.clone(),
        gate: gate.clone(),
    };
    let payload = json!({"step_id": step, "tool": entry.planned.tool, "inputs": masked_inputs, "tier": facts.tier, "by": command.caller.principal});
    let run = facts.next_run;
    let mut events = Vec::new();
    if entry.planned.effect == Effect::Writes && facts.tier == crate::isolation::Tier::None {
        let warning =
            Fact::StepExecutionWarning { version, step: step.clone(), reason: "isolation_unavailable".to_owned() };
        events.push(event(
            warning,
            Some(run),
            format!("step {step} runs without isolation"),
            &json!({"step_id": step}),
        ));
    }
    events.push(event(fact, Some(run), format!("step {step} started"), &fitting(payload)));
    let permit = Permit {
        session: session.id().clone(),
        profile: session.profile(),
        step: step.clone(),
        run,
        tool: entry.planned.tool.clone(),
        effect: entry.planned.effect,
        step_digest: digest,
        inputs_digest: inputs,
        files_digest: (entry.planned.effect == Effect::Writes).then(|| files_digest(&gathered.files)),
        gate,
        box_spec: gathered.box_spec.clone(),
        tier: facts.tier,
    };
    Ok(Decision { events, outcome: Ok(Answer::Started { run }), permit: Some(permit) })
}

struct Ready<'s>(&'s Grant);

fn startable<'s>(session: &'s Session, version: u32, entry: &'s Step) -> Result<Ready<'s>, Refusal> {
    let (id, step) = (session.id().clone(), entry.planned.id.clone());
    if matches!(session.stage(), Stage::NeedsReplan(_)) {
        return Err(Refusal::NeedsReplan { session: id, version });
    }
    if matches!(session.stage(), Stage::Stopped(_)) {
        return Err(closed(session, "cancelled"));
    }
    match &entry.progress {
        Progress::Running(_, run) => return Err(Refusal::RunInProgress { session: id, step, run: *run }),
        Progress::Succeeded(run) | Progress::Failed(run) => {
            return Err(Refusal::AlreadyRan { session: id, step, run: Some(*run) });
        }
        Progress::Rejected | Progress::Skipped(_) => return Err(Refusal::AlreadyRan { session: id, step, run: None }),
        Progress::Pending | Progress::Approved(_) => {}
    }
    if let Some((run, step)) = session.running() {
        return Err(Refusal::RunInProgress { session: id, step: step.clone(), run });
    }
    match (session.stage(), &entry.progress) {
        (Stage::Working(..), Progress::Approved(grant)) => Ok(Ready(grant)),
        (Stage::Working(..), _) => Err(Refusal::StepNotApproved { session: id, step }),
        (_, _) => Err(Refusal::PlanNotApproved { session: id, version }),
    }
}

fn box_changed(entry: &Step, gathered: &StepFacts) -> bool {
    gathered.box_spec.as_ref().map(crate::isolation::BoxSpec::digest) != entry.planned.box_digest
}

fn isolation_is_missing(session: &Session, entry: &Step, facts: &Facts) -> bool {
    if facts.tier.holds_strict() {
        return false;
    }
    match entry.planned.effect {
        Effect::Reads | Effect::Previews => false,
        Effect::Spawns => true,
        Effect::Writes => session.profile() == Profile::Strict,
    }
}

fn gate(session: &Session, entry: &Step, files: &[FileChange]) -> Gate {
    if entry.planned.effect != Effect::Writes {
        return Gate::NotNeeded;
    }
    match session.preview_run(&files_digest(files)) {
        Some(run) => Gate::Recorded { run },
        None if session.previewed_targets(&targets_digest(files)) => Gate::Stale,
        None => Gate::Missing,
    }
}

fn rejection(version: u32, entry: &Step, reason: &str, masked_inputs: &Value) -> NewEvent {
    let step = &entry.planned.id;
    let fact = Fact::StepExecutionRejected { version, step: step.clone(), reason: reason.to_owned() };
    let payload = json!({"reason": reason, "step_id": step, "tool": entry.planned.tool, "risk": entry.planned.risk, "inputs": masked_inputs});
    event(fact, None, format!("step {step} rejected"), &fitting(payload))
}

/// Leaves inputs out of a payload that would be too long; the plan holds them.
fn fitting(mut payload: Value) -> Value {
    if payload.to_string().len() > PAYLOAD_BYTES_MAX {
        payload["inputs"] = json!(null);
    }
    payload
}

pub(super) fn finish_run(session: &Session, run: RunId, end: &RunEnd, facts: &Facts) -> Result<Decision, Refusal> {
    let Some((_, step)) = session.running().filter(|(running, _)| *running == run) else {
        return Err(Refusal::RunNotFound { run });
    };
    let version = session.plan_version().unwrap_or_default();
    let entry = session.entry(step).expect("a running step stands in the newest plan");
    let events = match end {
        RunEnd::Succeeded(success) => succeeded(session, version, entry, run, success, facts),
        RunEnd::Failed(failure) => vec![failed(version, entry, run, failure, facts)],
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
    if !matches!(session.stage(), Stage::Stopped(_)) && would_be_done(session, step) {
        events.push(session_succeeded(version));
    }
    events
}

fn failed(version: u32, entry: &Step, run: RunId, failure: &Failure, facts: &Facts) -> NewEvent {
    let step = &entry.planned.id;
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
    let mut payload = json!({
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
    });
    if payload.to_string().len() > PAYLOAD_BYTES_MAX {
        payload["output"] = json!(null);
        payload["output_left_out"] = json!("too long for the record of a failure");
    }
    event(fact, Some(run), format!("step {step} failed"), &payload)
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
    let payload = json!({"step_id": step, "finding": finding, "files": files, "error": format!("interrupted: the daemon ended during the run; {words}")});
    Ok(Decision::accept(
        Answer::RunEnded { run },
        vec![event(fact, Some(run), format!("step {step} interrupted"), &fitting(payload))],
    ))
}

pub(super) fn stop(session: &Session) -> Result<Decision, Refusal> {
    let run = session.running().map(|(run, _)| run);
    match session.stage() {
        Stage::Stopped(_) => return Ok(Decision::accept(Answer::Stopped { run }, Vec::new())),
        Stage::Drafting
        | Stage::AwaitingPlanApproval(_)
        | Stage::Working(..)
        | Stage::NeedsReplan(_)
        | Stage::Succeeded(_) => {}
    }
    let stopped = event(Fact::SessionStopped { run }, None, "session stopped".to_owned(), &json!({"run_id": run}));
    Ok(Decision::accept(Answer::Stopped { run }, vec![stopped]))
}

/// Whether every step but this one has succeeded or was skipped.
pub(super) fn would_be_done(session: &Session, step: &StepId) -> bool {
    let Some(plan) = session.current() else { return false };
    let Some(place) = plan.place(step) else { return false };
    let done = |entry: &Step| matches!(entry.progress, Progress::Succeeded(_) | Progress::Skipped(_));
    // Everything before `next` is done; what follows the next step is looked at only at the end of a plan.
    if place == plan.next {
        plan.steps[place + 1..].iter().all(done)
    } else {
        plan.steps[plan.next..].iter().all(|entry| entry.planned.id == *step || done(entry))
    }
}

pub(super) fn session_succeeded(version: u32) -> NewEvent {
    event(Fact::SessionSucceeded { version }, None, "session succeeded".to_owned(), &json!({"version": version}))
}
