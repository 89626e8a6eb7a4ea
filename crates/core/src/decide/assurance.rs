//! How surely a decision comes from its person: what the owner demands of a yes, and what a PIN is asked for.

use super::approval::closed;
use super::{Action, Command, Decision, Facts, Verdict};
use crate::event::How;
use crate::id::StepId;
use crate::pin::Purpose;
use crate::policy::Act;
use crate::principal::{Assurance, Caller, PrincipalKind};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::session::Session;
use crate::toolbox::Risk;

/// How surely this call comes from its person. A PIN counts for the plan version it was typed for, and while
/// that is the newest.
pub(super) fn of(session: &Session, facts: &Facts) -> Assurance {
    if facts.pin.by_relay {
        return Assurance::Relay;
    }
    match (&facts.pin.unlocked, session.plan_version()) {
        (Some(Purpose::Plan { session: named, version }), Some(newest))
            if named == session.id() && *version == newest =>
        {
            Assurance::Pin
        }
        (Some(Purpose::Plan { .. } | Purpose::Administration) | None, _) => Assurance::Token,
    }
}

/// What the owner demands of a yes beyond the right to say it. Gives the rules that were met.
pub(super) fn demanded(
    session: &Session,
    command: &Command,
    step: Option<&StepId>,
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Option<String>, Refusal> {
    let Some(plan) = session.current() else { return Err(closed(session)) };
    let (id, version) = (session.id().clone(), plan.version);
    if !facts.demands.self_approval && plan.proposer == command.caller.principal {
        let proposer = plan.proposer.clone();
        return Err(Refusal::SelfApproval { session: id, version, step: step.cloned(), proposer });
    }
    if !facts.demands.unattended && verdict.how == Some(How::Flag) {
        return Err(Refusal::AssuranceTooLow { session: id, version, step: step.cloned() });
    }
    let risk = risk(session, step);
    // A chat is as good as a token where no more is demanded.
    if of(session, facts).max(Assurance::Token) < facts.demands.assurance.of(risk) {
        let rule = facts.demands.assurance.rule(risk).map(str::to_owned);
        return Err(needed(session, step, rule, facts));
    }
    Ok(facts.demands.words(risk))
}

/// A plan is as risky as the riskiest of its steps.
fn risk(session: &Session, step: Option<&StepId>) -> Risk {
    let steps = session.steps().filter(|planned| step.is_none_or(|step| planned.id == *step));
    steps.map(|planned| planned.risk).max().unwrap_or(Risk::Low)
}

/// The last look at a decision: a person who has a PIN typed it for this. A refusal, and a yes that changes
/// nothing, pass.
pub(super) fn held(
    session: &Session,
    command: &Command,
    act: Act,
    facts: &Facts,
    decision: Decision,
) -> Result<Decision, Refusal> {
    if decision.outcome().is_err() || decision.events().is_empty() {
        return Ok(decision);
    }
    // To confirm high risk is a yes of its own: what is demanded of one is not got round by who has no PIN, or in a chat.
    let step = step_of(&command.action);
    if act == Act::ConfirmHighRisk
        && risk(session, step) == Risk::High
        && of(session, facts).max(Assurance::Token) < facts.demands.assurance.high
    {
        let rule = facts.demands.assurance.rule(Risk::High).map(str::to_owned);
        return Err(needed(session, step, rule, facts));
    }
    if !facts.pin.stands {
        return Ok(decision);
    }
    match act {
        // A PIN stands before what the person's own tokens can do. A chat's word carries its own name in the record;
        // the start of high risk has no place for one.
        Act::Decide if facts.pin.by_relay => Ok(decision),
        Act::Decide | Act::ConfirmHighRisk if of(session, facts) < Assurance::Pin => {
            Err(needed(session, step, None, facts))
        }
        Act::Administer if !administers(&command.caller, facts) => Err(needed_to_administer()),
        Act::Decide
        | Act::ConfirmHighRisk
        | Act::Administer
        | Act::Read
        | Act::CreateStrictSession
        | Act::CreateDevSession
        | Act::ImportPlan
        | Act::Execute
        | Act::StopOwnSession
        | Act::StopAnySession
        | Act::ExportRecord
        | Act::ReleaseContent
        | Act::SpeakForPersons
        | Act::EndRuns => Ok(decision),
    }
}

/// The same for what is wanted of the roster, before anything else is looked at.
pub(super) fn held_for_roster(roster: &Roster, caller: &Caller, act: Act, facts: &Facts) -> Result<(), Refusal> {
    let stands = roster.pin(&caller.principal).is_some();
    // What is given out unmasked cannot be taken back, so a token alone does not get it either.
    let is_guarded = matches!(act, Act::Administer | Act::ReleaseContent);
    if is_guarded && stands && !administers(caller, facts) {
        return Err(needed_to_administer());
    }
    Ok(())
}

fn administers(caller: &Caller, facts: &Facts) -> bool {
    caller.kind == PrincipalKind::Daemon || facts.pin.unlocked == Some(Purpose::Administration)
}

fn needed(session: &Session, step: Option<&StepId>, rule: Option<String>, facts: &Facts) -> Refusal {
    let (id, version) = (session.id().clone(), session.plan_version().unwrap_or_default());
    let for_what = Purpose::Plan { session: id, version };
    Refusal::PinNeeded { for_what, step: step.cloned(), rule, stands: facts.pin.stands }
}

fn needed_to_administer() -> Refusal {
    Refusal::PinNeeded { for_what: Purpose::Administration, step: None, rule: None, stands: true }
}

fn step_of(action: &Action) -> Option<&StepId> {
    match action {
        Action::ApproveStep { step, .. }
        | Action::RejectStep { step, .. }
        | Action::SkipStep { step, .. }
        | Action::StartStep { step, .. } => Some(step),
        Action::CreateSession(_)
        | Action::ImportPlan(_)
        | Action::ApprovePlan { .. }
        | Action::RejectPlan { .. }
        | Action::DecideAll { .. }
        | Action::FinishRun { .. }
        | Action::InterruptRun { .. }
        | Action::Stop
        | Action::RedactPayload(_) => None,
    }
}
