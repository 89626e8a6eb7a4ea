//! Many decisions at once: all of a list or nothing of it.
//!
//! Each item is decided as it would be alone, on the session as the items before it leave it; so a list can do
//! nothing that its items could not do one after the other.

use std::collections::HashSet;

use super::{Answer, Command, Decision, Facts, Verdict, approval};
use crate::digest::Digest;
use crate::event::{Envelope, NewEvent, SCHEMA};
use crate::id::{EventId, StepId};
use crate::plan::STEPS_MAX;
use crate::refusal::Refusal;
use crate::session::{Corrupt, Session};
use crate::toolbox::Risk;

/// Most items of a list: a plan and all of its steps.
pub const DECISION_ITEMS_MAX: usize = STEPS_MAX + 1;

/// What is said to every item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Leave it out.
    Skip,
}

/// One thing that is decided on, with the digest that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The plan version.
    pub version: u32,
    /// The step of it; `None` is the plan itself.
    pub step: Option<StepId>,
    /// The digest of what was shown.
    pub digest: Digest,
}

impl Item {
    fn words(&self) -> String {
        self.step.as_ref().map_or_else(|| format!("plan v{}", self.version), |step| format!("step `{step}`"))
    }
}

pub(super) fn decide_all(
    session: &Session,
    command: &Command,
    (said, items): (Said, &[Item]),
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    well_formed(said, items)?;
    if said == Said::Approve {
        high_risk_alone(session, items)?;
    }
    let (mut after, mut events, mut decided) = (None::<Session>, Vec::new(), Vec::new());
    for item in items {
        let now = after.as_ref().unwrap_or(session);
        let verdict = Verdict { digest: Some(item.digest), ..verdict.clone() };
        let decision = decide_one(now, command, (said, item), &verdict, facts)?;
        if let Ok(Answer::Decided { decided: these, .. }) = decision.outcome {
            decided.extend(these);
        }
        if !decision.events.is_empty() {
            let now = after.take().unwrap_or_else(|| session.clone());
            after = Some(followed(now, command, &decision.events, facts).map_err(|corrupt| cannot_follow(&corrupt))?);
        }
        events.extend(decision.events);
    }
    let answer = Answer::Decided { decision_id: verdict.decision_id.clone(), decided };
    Ok(Decision::accept(answer, events))
}

fn decide_one(
    session: &Session,
    command: &Command,
    (said, item): (Said, &Item),
    verdict: &Verdict,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    match (said, &item.step) {
        (Said::Approve, None) => approval::approve_plan(session, command, item.version, verdict, facts),
        (Said::Reject, None) => approval::reject_plan(session, command, item.version, verdict, facts),
        (Said::Skip, None) => Err(invalid("a plan is approved or rejected; only steps are left out")),
        (_, Some(step)) => {
            of_newest(session, item)?;
            match said {
                Said::Approve => approval::approve_step(session, command, step, verdict, facts),
                Said::Reject => approval::reject_step(session, command, step, verdict, facts),
                Said::Skip => approval::skip_step(session, command, step, verdict, facts),
            }
        }
    }
}

fn well_formed(said: Said, items: &[Item]) -> Result<(), Refusal> {
    if items.is_empty() {
        return Err(invalid("the list is empty; name at least one"));
    }
    if items.len() > DECISION_ITEMS_MAX {
        return Err(Refusal::LimitExceeded {
            what: "`items`".to_owned(),
            actual: items.len() as u64,
            limit: DECISION_ITEMS_MAX as u64,
            unit: "items",
        });
    }
    if said == Said::Reject && items.len() > 1 {
        return Err(invalid("one no ends a plan; name the plan, or the one step that is wrong"));
    }
    let mut seen = HashSet::new();
    match items.iter().find(|item| !seen.insert((item.version, item.step.as_ref()))) {
        Some(twice) => Err(invalid(&format!("{} stands in the list twice", twice.words()))),
        None => Ok(()),
    }
}

/// High risk is looked at alone; the plan it stands in may be decided with it.
fn high_risk_alone(session: &Session, items: &[Item]) -> Result<(), Refusal> {
    let mut steps = items.iter().filter_map(|item| item.step.as_ref());
    if steps.clone().nth(1).is_none() {
        return Ok(());
    }
    let is_high = |step: &&StepId| session.step(step).is_some_and(|planned| planned.risk == Risk::High);
    match steps.find(is_high) {
        Some(step) => Err(Refusal::HighRiskNotAlone { session: session.id().clone(), step: step.clone() }),
        None => Ok(()),
    }
}

/// A step of a list names the version it was seen in.
fn of_newest(session: &Session, item: &Item) -> Result<(), Refusal> {
    match session.plan_version() {
        Some(newest) if item.version == newest => Ok(()),
        Some(newest) if item.version > 0 && item.version < newest => {
            Err(Refusal::PlanSuperseded { session: session.id().clone(), version: item.version, newest })
        }
        Some(_) | None => Err(Refusal::PlanNotFound { session: session.id().clone(), version: item.version }),
    }
}

/// The session as it is after these events. Only what they say counts, not their place in the log.
fn followed(session: Session, command: &Command, events: &[NewEvent], facts: &Facts) -> Result<Session, Corrupt> {
    events.iter().try_fold(session, |session, event| {
        let envelope = Envelope {
            id: EventId(0),
            session: Some(session.id().clone()),
            seq: Some(session.seq() + 1),
            run: event.run,
            schema: SCHEMA,
            source: String::new(),
            user_id: String::new(),
            principal: command.caller.principal.clone(),
            message_id: None,
            created_at: facts.now,
            fact: event.fact.clone(),
            salt: None,
            text_hash: Digest::of_bytes(b""),
            summary: String::new(),
            payload_text: String::new(),
        };
        session.evolve(&envelope)
    })
}

fn cannot_follow(corrupt: &Corrupt) -> Refusal {
    invalid(&format!("one of them cannot follow those before it: {corrupt}"))
}

fn invalid(reason: &str) -> Refusal {
    Refusal::InputInvalid { what: "`items`".to_owned(), reason: reason.to_owned() }
}
