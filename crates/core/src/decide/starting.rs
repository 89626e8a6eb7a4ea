//! Starting runs: the one place where a permit is made.

use serde_json::{Value, json};

use super::approval::{closed, find_step, gathered_for, resolved};
use super::workspaces::nobody_else_writes;
use super::{Answer, Command, Decision, Facts, StepFacts, event, fitting};
use crate::digest::Digest;
use crate::event::{Fact, FileChange, Mode, NewEvent, Profile, files_digest, targets_digest};
use crate::id::{RunId, StepId};
use crate::isolation::{BoxSpec, Tier};
use crate::permit::{Covers, Gate, Grant, Permit};
use crate::redact::Masker;
use crate::refusal::Refusal;
use crate::session::{Progress, Session, Stage, Step};
use crate::toolbox::{Effect, Risk};

/// What the caller of an execution adds to the step's name.
#[derive(Clone, Copy)]
pub(super) struct Asked<'c> {
    /// A person's yes to high risk.
    pub(super) confirm_high_risk: bool,
    /// The resolved inputs, masked, for the record.
    pub(super) masked_inputs: &'c Value,
}

/// A step that is approved and has never run, with all that is known about it.
struct Candidate<'s> {
    session: &'s Session,
    version: u32,
    entry: &'s Step,
    grant: &'s Grant,
    gathered: &'s StepFacts,
    facts: &'s Facts,
}

/// The digests a start is recorded with, once they were found to be those that were approved.
struct Sealed {
    resolved: Digest,
    template: Digest,
    inputs: Digest,
}

/// Why an approved step does not start, with the word it is recorded under.
struct Rejected {
    refusal: Refusal,
    reason: &'static str,
}

/// The order of refusals is part of the contract: missing, superseded, needs replan, closed, running or
/// already ran, approvals, digest, reference, risk, dry run, isolation, order.
pub(super) fn start_step(
    session: &Session,
    command: &Command,
    step: &StepId,
    asked: Asked<'_>,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let (version, entry) = find_step(session, step)?;
    let grant = startable(session, version, entry)?;
    let gathered = gathered_for(session, entry, facts)?;
    let candidate = Candidate { session, version, entry, grant, gathered, facts };
    let sealed = match candidate.admitted(asked.confirm_high_risk) {
        Ok(sealed) => sealed,
        Err(rejected) => return Ok(candidate.rejected(rejected, asked.masked_inputs)),
    };
    if let Some(next) = session.next_step().filter(|next| *next != step) {
        return Err(Refusal::OutOfOrder { session: session.id().clone(), step: step.clone(), next: next.clone() });
    }
    Ok(candidate.started(&sealed, command, asked))
}

fn startable<'s>(session: &'s Session, version: u32, entry: &'s Step) -> Result<&'s Grant, Refusal> {
    let (id, step) = (session.id().clone(), entry.planned.id.clone());
    if matches!(session.stage(), Stage::NeedsReplan(..)) {
        return Err(Refusal::NeedsReplan { session: id, version });
    }
    if matches!(session.stage(), Stage::Stopped(_)) {
        return Err(closed(session));
    }
    match &entry.progress {
        Progress::Running(_, run) => return Err(Refusal::RunInProgress { session: id, step, run: *run }),
        Progress::Succeeded(run) | Progress::Failed(run) => {
            return Err(Refusal::AlreadyRan { session: id, step, run: Some(*run) });
        }
        Progress::Rejected(_) | Progress::Skipped(_) => {
            return Err(Refusal::AlreadyRan { session: id, step, run: None });
        }
        Progress::Pending | Progress::Approved(_) => {}
    }
    if let Some((run, step)) = session.running() {
        return Err(Refusal::RunInProgress { session: id, step: step.clone(), run });
    }
    match (session.stage(), &entry.progress) {
        (Stage::Working(..), Progress::Approved(grant)) => Ok(grant),
        (Stage::Working(..), _) => Err(Refusal::StepNotApproved { session: id, step }),
        (_, _) => Err(Refusal::PlanNotApproved { session: id, version }),
    }
}

impl Candidate<'_> {
    fn step(&self) -> &StepId {
        &self.entry.planned.id
    }

    /// What stands between an approved step and its run, in the order of the contract.
    fn admitted(&self, confirm_high_risk: bool) -> Result<Sealed, Rejected> {
        let sealed = self.sealed()?;
        let (session, planned) = (self.session, &self.entry.planned);
        let (id, step) = (session.id().clone(), planned.id.clone());
        if session.profile() == Profile::Strict && planned.risk == Risk::High && !confirm_high_risk {
            let refusal = Refusal::RiskUnconfirmed { session: id, step };
            return Err(Rejected { refusal, reason: "high_risk_confirmation_required" });
        }
        if session.mode() == Mode::DryRun && planned.effect == Effect::Writes {
            return Err(Rejected { refusal: Refusal::DryRun { session: id, step }, reason: "dry_run_apply_blocked" });
        }
        if !self.facts.tier.holds(planned.effect, session.profile()) {
            let refusal = Refusal::IsolationUnavailable { session: id, step, tier: self.facts.tier };
            return Err(Rejected { refusal, reason: "isolation_unavailable" });
        }
        if planned.effect == Effect::Writes {
            let busy = |refusal| Rejected { refusal, reason: "workspace_busy" };
            nobody_else_writes(session, self.facts).map_err(busy)?;
        }
        Ok(sealed)
    }

    /// Computes the digests anew and compares the kind that was approved.
    fn sealed(&self) -> Result<Sealed, Rejected> {
        let planned = &self.entry.planned;
        let template = self.session.template_digest(self.step()).expect("the step was found in the newest plan");
        let box_now = self.gathered.box_spec.as_ref().map(BoxSpec::digest);
        if box_now != planned.box_digest || (self.grant.covers == Covers::Template && self.grant.digest != template) {
            return Err(self.changed(template));
        }
        let resolved = resolved(self.session, self.entry, self.facts)
            .map_err(|refusal| Rejected { refusal, reason: "step_input_reference_unresolved" })?;
        if self.grant.covers == Covers::Resolved && self.grant.digest != resolved {
            return Err(self.changed(resolved));
        }
        let inputs = match &self.gathered.inputs {
            Ok(inputs) if planned.has_references => *inputs,
            Ok(_) | Err(_) => planned.inputs,
        };
        Ok(Sealed { resolved, template, inputs })
    }

    fn changed(&self, actual: Digest) -> Rejected {
        let refusal = Refusal::DigestChanged {
            session: self.session.id().clone(),
            what: format!("step `{}`", self.step()),
            step: Some(self.step().clone()),
            version: self.version,
            actual,
        };
        Rejected { refusal, reason: "digest_changed" }
    }

    /// A refusal that leaves its mark in the log.
    fn rejected(&self, rejected: Rejected, masked_inputs: &Value) -> Decision {
        let (step, planned) = (self.step(), &self.entry.planned);
        let Rejected { refusal, reason } = rejected;
        let fact = Fact::StepExecutionRejected { version: self.version, step: step.clone(), reason: reason.to_owned() };
        // A plan's own words stand in the sentence.
        let detail = Masker::new().mask_text(&refusal.to_string()).into_owned();
        let payload = json!({
            "reason": reason,
            "detail": detail,
            "step_id": step,
            "tool": planned.tool,
            "risk": planned.risk,
            "inputs": masked_inputs,
        });
        let event = event(fact, None, format!("step {step} rejected"), &fitting(payload, &["inputs"]));
        Decision::refuse_on_record(refusal, event)
    }

    fn started(&self, sealed: &Sealed, command: &Command, asked: Asked<'_>) -> Decision {
        let (step, planned, tier) = (self.step(), &self.entry.planned, self.facts.tier);
        let run = self.facts.next_run;
        let gate = gate(self.session, self.entry, &self.gathered.files);
        let fact = Fact::StepStarted {
            version: self.version,
            step: step.clone(),
            tool: planned.tool.clone(),
            effect: planned.effect,
            digest: sealed.resolved,
            template_digest: sealed.template,
            inputs: sealed.inputs,
            covers: self.grant.covers,
            high_risk_confirmed: asked.confirm_high_risk,
            tier,
            box_digest: planned.box_digest,
            files: self.gathered.files.clone(),
            gate: gate.clone(),
        };
        let payload = json!({
            "step_id": step,
            "tool": planned.tool,
            "inputs": asked.masked_inputs,
            "tier": tier,
            "by": command.caller.principal,
        });
        let mut events = Vec::new();
        if planned.effect == Effect::Writes && tier == Tier::None {
            events.push(self.unisolated(run));
        }
        events.push(event(fact, Some(run), format!("step {step} started"), &fitting(payload, &["inputs"])));
        Decision { events, outcome: Ok(Answer::Started { run }), permit: Some(self.permit(sealed, gate)) }
    }

    fn unisolated(&self, run: RunId) -> NewEvent {
        let step = self.step();
        let reason = "isolation_unavailable".to_owned();
        let warning = Fact::StepExecutionWarning { version: self.version, step: step.clone(), reason };
        event(warning, Some(run), format!("step {step} runs without isolation"), &json!({"step_id": step}))
    }

    fn permit(&self, sealed: &Sealed, gate: Gate) -> Permit {
        let planned = &self.entry.planned;
        Permit {
            session: self.session.id().clone(),
            profile: self.session.profile(),
            step: planned.id.clone(),
            run: self.facts.next_run,
            tool: planned.tool.clone(),
            effect: planned.effect,
            step_digest: sealed.resolved,
            inputs_digest: sealed.inputs,
            files_digest: (planned.effect == Effect::Writes).then(|| files_digest(&self.gathered.files)),
            gate,
            box_spec: self.gathered.box_spec.clone(),
            tier: self.facts.tier,
        }
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
