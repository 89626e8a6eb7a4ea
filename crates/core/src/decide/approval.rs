//! A person's yes and no.

use serde_json::{Value, json};

use super::assurance::{self, demanded};
use super::workspaces::nobody_else_writes;
use super::{Answer, Command, Decided, Decision, Facts, StepFacts, Verdict, event};
use crate::digest::Digest;
use crate::event::{DecisionFact, Fact, How, NewEvent, Profile};
use crate::id::{RunId, StepId};
use crate::permit::Covers;
use crate::principal::PrincipalId;
use crate::refusal::Refusal;
use crate::session::{Cause, Progress, Session, SessionStatus, Stage, Step};
use crate::toolbox::Effect;

/// Longest reason, in characters.
const REASON_CHARS_MAX: u64 = 4_000;

pub(super) fn approve_plan(
    session: &Session,
    command: &Command,
    version: u32,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let digest = newest_plan(session, version, verdict)?;
    match session.stage() {
        Stage::AwaitingPlanApproval(_) => {}
        Stage::Working(_, grant) | Stage::Succeeded(_, grant) => {
            return again(session, command, &grant.by, (version, None), verdict);
        }
        Stage::NeedsReplan(..) => return Err(Refusal::NeedsReplan { session: session.id().clone(), version }),
        Stage::Drafting | Stage::Stopped(_) => return Err(closed(session)),
    }
    let rule = demanded(session, command, None, verdict, facts)?;
    let decision = DecisionFact { rule, ..decision_fact(session, command, verdict, digest, facts) };
    let fact = Fact::PlanApproved { version, decision };
    let approved = decision_event(fact, format!("plan v{version} approved"), command, verdict);
    Ok(Decision::accept(decided(version, None, verdict), vec![approved]))
}

pub(super) fn reject_plan(
    session: &Session,
    command: &Command,
    version: u32,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let digest = newest_plan(session, version, verdict)?;
    reason(verdict)?;
    match session.stage() {
        Stage::AwaitingPlanApproval(_) | Stage::Working(..) => {}
        Stage::NeedsReplan(_, Cause::PlanRejected(by)) => {
            return again(session, command, by, (version, None), verdict);
        }
        Stage::NeedsReplan(_, Cause::Step) => {
            return Err(Refusal::NeedsReplan { session: session.id().clone(), version });
        }
        // Everything has run: a no comes too late, and a new version may come at any time.
        Stage::Succeeded(_, grant) => return Err(decided_already(session, None, version, &grant.by)),
        Stage::Drafting | Stage::Stopped(_) => return Err(closed(session)),
    }
    if let Some((run, step)) = session.running() {
        return Err(Refusal::RunInProgress { session: session.id().clone(), step: step.clone(), run });
    }
    let fact = Fact::PlanRejected { version, decision: decision_fact(session, command, verdict, digest, facts) };
    let rejected = decision_event(fact, format!("plan v{version} rejected"), command, verdict);
    Ok(Decision::accept(decided(version, None, verdict), vec![rejected]))
}

pub(super) fn approve_step(
    session: &Session,
    command: &Command,
    step: &StepId,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let (version, entry) = step_at_work(session, step)?;
    digest_given(session, entry, verdict, facts)?;
    let (digest, covers) = what_is_covered(session, entry, verdict, facts)?;
    match &entry.progress {
        Progress::Pending => {}
        // Without a digest the same person means what they decided on.
        Progress::Approved(grant) if grant.digest == digest || verdict.digest.is_none() => {
            return again(session, command, &grant.by, (version, Some(step)), verdict);
        }
        Progress::Approved(grant) => return Err(decided_already(session, Some(step), version, &grant.by)),
        Progress::Running(_, run) => return Err(in_progress(session, step, *run)),
        Progress::Succeeded(run) | Progress::Failed(run) => return Err(ran(session, step, *run)),
        Progress::Rejected(by) | Progress::Skipped(by) => {
            return Err(decided_already(session, Some(step), version, by));
        }
    }
    let rule = demanded(session, command, Some(step), verdict, facts)?;
    if entry.planned.effect == Effect::Writes {
        nobody_else_writes(session, facts)?;
    }
    let decision = DecisionFact { rule, ..decision_fact(session, command, verdict, digest, facts) };
    let fact = Fact::StepApproved { version, step: step.clone(), covers, decision };
    let approved = decision_event(fact, format!("step {step} approved"), command, verdict);
    Ok(Decision::accept(decided(version, Some(step), verdict), vec![approved]))
}

pub(super) fn reject_step(
    session: &Session,
    command: &Command,
    step: &StepId,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let (version, entry) = find_step(session, step)?;
    if let (Stage::NeedsReplan(..), Progress::Rejected(by)) = (session.stage(), &entry.progress) {
        return again(session, command, by, (version, Some(step)), verdict);
    }
    let (version, entry) = step_at_work(session, step)?;
    digest_given(session, entry, verdict, facts)?;
    reason(verdict)?;
    not_started(session, entry)?;
    let digest = shown_digest(session, entry, verdict, facts)?;
    let fact = Fact::StepRejected {
        version,
        step: step.clone(),
        decision: decision_fact(session, command, verdict, digest, facts),
    };
    let rejected = decision_event(fact, format!("step {step} rejected"), command, verdict);
    Ok(Decision::accept(decided(version, Some(step), verdict), vec![rejected]))
}

pub(super) fn skip_step(
    session: &Session,
    command: &Command,
    step: &StepId,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let (version, entry) = step_at_work(session, step)?;
    digest_given(session, entry, verdict, facts)?;
    if let Progress::Skipped(by) = &entry.progress {
        return again(session, command, by, (version, Some(step)), verdict);
    }
    not_started(session, entry)?;
    let digest = shown_digest(session, entry, verdict, facts)?;
    let skipped = |step: &StepId, digest: Digest| {
        let decision = decision_fact(session, command, verdict, digest, facts);
        let fact = Fact::StepSkipped { version, step: step.clone(), decision };
        (fact, format!("step {step} skipped"), decision_payload(command, verdict))
    };
    let (fact, summary, payload) = skipped(step, digest);
    let mut events = vec![event(fact, None, summary, &payload)];
    let mut decided = vec![Decided { version, step: Some(step.clone()), depends_on: None }];
    for (step, because) in super::leaving::left_out_with(session, step) {
        let digest = session.template_digest(&step).expect("it stands in the newest plan");
        let (fact, summary, mut payload) = skipped(&step, digest);
        payload["depends_on"] = json!(because);
        events.push(event(fact, None, summary, &payload));
        decided.push(Decided { version, step: Some(step), depends_on: Some(because) });
    }
    let gone: Vec<&StepId> = decided.iter().filter_map(|decided| decided.step.as_ref()).collect();
    if super::ending::would_be_done(session, &gone) {
        events.push(super::ending::session_succeeded(version));
    }
    Ok(Decision::accept(Answer::Decided { decision_id: verdict.decision_id.clone(), decided }, events))
}

/// The newest plan's digest, when `version` names it and the client showed it.
fn newest_plan(session: &Session, version: u32, verdict: &Verdict) -> Result<Digest, Refusal> {
    let Some(plan) = session.current().filter(|plan| version <= plan.version && version > 0) else {
        return Err(Refusal::PlanNotFound { session: session.id().clone(), version });
    };
    if version < plan.version {
        return Err(Refusal::PlanSuperseded { session: session.id().clone(), version, newest: plan.version });
    }
    if matches!(session.stage(), Stage::Stopped(_)) {
        return Err(closed(session));
    }
    if verdict.digest.is_some_and(|digest| digest != plan.digest) {
        let what = format!("plan v{version}");
        return Err(Refusal::DigestChanged {
            session: session.id().clone(),
            what,
            step: None,
            version,
            actual: plan.digest,
        });
    }
    Ok(plan.digest)
}

/// The step, when it stands in the newest plan and that plan is approved. After success every step has run or
/// was skipped, and what is asked of it meets that.
fn step_at_work<'s>(session: &'s Session, step: &StepId) -> Result<(u32, &'s Step), Refusal> {
    let (version, entry) = find_step(session, step)?;
    match session.stage() {
        Stage::Working(..) | Stage::Succeeded(..) => Ok((version, entry)),
        Stage::AwaitingPlanApproval(_) => Err(Refusal::PlanNotApproved { session: session.id().clone(), version }),
        Stage::NeedsReplan(..) => Err(Refusal::NeedsReplan { session: session.id().clone(), version }),
        Stage::Drafting | Stage::Stopped(_) => Err(closed(session)),
    }
}

pub(super) fn find_step<'s>(session: &'s Session, step: &StepId) -> Result<(u32, &'s Step), Refusal> {
    if let (Some(version), Some(entry)) = (session.plan_version(), session.entry(step)) {
        return Ok((version, entry));
    }
    match (session.older_step(step), session.plan_version()) {
        (Some(older), Some(newest)) => {
            Err(Refusal::PlanSuperseded { session: session.id().clone(), version: older.version, newest })
        }
        (None | Some(_), None) | (None, Some(_)) => {
            Err(Refusal::StepNotFound { session: session.id().clone(), step: step.to_string() })
        }
    }
}

/// An id that stood for something else before must be named with its digest.
fn digest_given(session: &Session, entry: &Step, verdict: &Verdict, facts: &Facts) -> Result<(), Refusal> {
    let step = &entry.planned.id;
    let other_before = session.older_step(step).is_some_and(|older| older.differs_from(entry.planned.content));
    if other_before && verdict.digest.is_none() {
        let digest = resolved(session, entry, facts).ok().or_else(|| session.template_digest(step));
        return Err(Refusal::DigestRequired { session: session.id().clone(), step: step.clone(), digest });
    }
    Ok(())
}

/// What an approval of this step covers, and its digest.
fn what_is_covered(
    session: &Session,
    entry: &Step,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<(Digest, Covers), Refusal> {
    let step = &entry.planned.id;
    let template = session.template_digest(step).expect("the step was found in the newest plan");
    if !entry.planned.has_references {
        same_as_shown(session, entry, verdict, template)?;
        return Ok((template, Covers::Resolved));
    }
    match (resolved(session, entry, facts), session.profile()) {
        (Ok(_), Profile::Dev) if verdict.digest == Some(template) => Ok((template, Covers::Template)),
        (Ok(digest), Profile::Strict | Profile::Dev) => {
            same_as_shown(session, entry, verdict, digest)?;
            Ok((digest, Covers::Resolved))
        }
        (Err(Refusal::ReferenceUnresolved { .. }), Profile::Dev) => {
            same_as_shown(session, entry, verdict, template)?;
            Ok((template, Covers::Template))
        }
        // What was gathered for another plan is no ground for any approval.
        (Err(refusal), Profile::Strict | Profile::Dev) => Err(refusal),
    }
}

/// The digest a no is recorded with: what was shown, or what the step is now.
fn shown_digest(session: &Session, entry: &Step, verdict: &Verdict, facts: &Facts) -> Result<Digest, Refusal> {
    let template = session.template_digest(&entry.planned.id).expect("the step was found in the newest plan");
    let now = resolved(session, entry, facts).unwrap_or(template);
    if verdict.digest == Some(template) {
        return Ok(template);
    }
    same_as_shown(session, entry, verdict, now)?;
    Ok(now)
}

fn same_as_shown(session: &Session, entry: &Step, verdict: &Verdict, actual: Digest) -> Result<(), Refusal> {
    if verdict.digest.is_none_or(|shown| shown == actual) {
        return Ok(());
    }
    Err(changed(session, entry, actual))
}

fn changed(session: &Session, entry: &Step, actual: Digest) -> Refusal {
    Refusal::DigestChanged {
        session: session.id().clone(),
        what: format!("step `{}`", entry.planned.id),
        step: Some(entry.planned.id.clone()),
        version: session.plan_version().unwrap_or_default(),
        actual,
    }
}

/// The step digest over resolved inputs, from facts gathered for this very plan.
pub(super) fn resolved(session: &Session, entry: &Step, facts: &Facts) -> Result<Digest, Refusal> {
    let step = &entry.planned.id;
    if !entry.planned.has_references {
        return Ok(session.template_digest(step).expect("the step was found in the newest plan"));
    }
    let gathered = gathered_for(session, entry, facts)?;
    match &gathered.inputs {
        Ok(inputs) => Ok(session.step_digest(step, *inputs).expect("the step was found in the newest plan")),
        Err(unresolved) => Err(Refusal::ReferenceUnresolved {
            session: session.id().clone(),
            step: step.clone(),
            reference: unresolved.reference.clone(),
            reason: unresolved.reason.clone(),
            from: source_step(&unresolved.reference),
        }),
    }
}

/// The facts of a step, when they still speak of the newest plan.
pub(super) fn gathered_for<'f>(session: &Session, entry: &Step, facts: &'f Facts) -> Result<&'f StepFacts, Refusal> {
    let current = session.current().map(|plan| (plan.version, plan.digest));
    match facts.steps.get(&entry.planned.id) {
        Some(gathered) if current == Some((gathered.version, gathered.plan)) => Ok(gathered),
        Some(_) | None => {
            let template = session.template_digest(&entry.planned.id).expect("the step was found in the newest plan");
            Err(changed(session, entry, template))
        }
    }
}

fn source_step(reference: &str) -> Option<StepId> {
    match crate::reference::read(reference) {
        crate::reference::Reading::Reference { step, .. } => Some(step),
        crate::reference::Reading::Literal | crate::reference::Reading::Malformed => None,
    }
}

fn not_started(session: &Session, entry: &Step) -> Result<(), Refusal> {
    let step = &entry.planned.id;
    match &entry.progress {
        Progress::Pending | Progress::Approved(_) => Ok(()),
        Progress::Running(_, run) => Err(in_progress(session, step, *run)),
        Progress::Succeeded(run) | Progress::Failed(run) => Err(ran(session, step, *run)),
        Progress::Rejected(by) | Progress::Skipped(by) => {
            Err(decided_already(session, Some(step), session.plan_version().unwrap_or_default(), by))
        }
    }
}

fn in_progress(session: &Session, step: &StepId, run: RunId) -> Refusal {
    Refusal::RunInProgress { session: session.id().clone(), step: step.clone(), run }
}

fn ran(session: &Session, step: &StepId, run: RunId) -> Refusal {
    Refusal::AlreadyRan { session: session.id().clone(), step: step.clone(), run: Some(run) }
}

/// The same decision once more: nothing for its own person, a refusal for anybody else.
fn again(
    session: &Session,
    command: &Command,
    by: &PrincipalId,
    (version, step): (u32, Option<&StepId>),
    verdict: &Verdict,
) -> Result<Decision, Refusal> {
    if *by == command.caller.principal {
        return Ok(Decision::accept(decided(version, step, verdict), Vec::new()));
    }
    Err(decided_already(session, step, version, by))
}

fn decided_already(session: &Session, step: Option<&StepId>, version: u32, by: &PrincipalId) -> Refusal {
    let what = step.map_or_else(|| format!("plan v{version}"), |step| format!("step `{step}`"));
    Refusal::AlreadyDecided { session: session.id().clone(), what, by: by.clone() }
}

pub(super) fn closed(session: &Session) -> Refusal {
    Refusal::SessionClosed { session: session.id().clone(), status: SessionStatus::Cancelled.as_str() }
}

fn reason(verdict: &Verdict) -> Result<(), Refusal> {
    let Some(reason) = verdict.reason.as_deref().filter(|reason| !reason.trim().is_empty()) else {
        return Err(Refusal::ReasonRequired);
    };
    let actual = reason.chars().count() as u64;
    if actual > REASON_CHARS_MAX {
        let what = "the reason".to_owned();
        return Err(Refusal::LimitExceeded { what, actual, limit: REASON_CHARS_MAX, unit: "characters" });
    }
    Ok(())
}

fn decided(version: u32, step: Option<&StepId>, verdict: &Verdict) -> Answer {
    let decided = vec![Decided { version, step: step.cloned(), depends_on: None }];
    Answer::Decided { decision_id: verdict.decision_id.clone(), decided }
}

fn decision_fact(
    session: &Session,
    command: &Command,
    verdict: &Verdict,
    digest: Digest,
    facts: &Facts,
) -> DecisionFact {
    DecisionFact {
        digest,
        decision_id: verdict.decision_id.clone(),
        how: verdict.how.unwrap_or(How::Api),
        assurance: assurance::of(session, facts),
        surface: command.claim.source.clone(),
        locale: verdict.locale.clone(),
        view_digest: verdict.view_digest,
        view_cut: verdict.view_cut,
        shown_at: verdict.shown_at,
        valid_until: None,
        rule: None,
    }
}

fn decision_event(fact: Fact, summary: String, command: &Command, verdict: &Verdict) -> NewEvent {
    event(fact, None, summary, &decision_payload(command, verdict))
}

fn decision_payload(command: &Command, verdict: &Verdict) -> Value {
    json!({
        "approved_by": command.claim.user_id.as_deref().unwrap_or(command.caller.principal.as_str()),
        "principal": command.caller.principal,
        "source": command.claim.source,
        "reason": verdict.reason,
        "decision_id": verdict.decision_id,
    })
}
