//! A second opinion, apart from the rules: it reads only the log.
//!
//! Kept short and written from the promises, not from `decide` or `evolve`, so that a mistake made
//! alike in both still shows. Used by property tests, crash tests and the verification of a record.

use std::collections::{HashMap, HashSet};

use crate::digest::Digest;
use crate::event::{Envelope, Fact};
use crate::id::{RunId, SessionId, StepId};
use crate::permit::Covers;

type Place = (SessionId, u32, StepId);

/// Reads a log in order and names the first broken promise.
///
/// # Errors
/// One sentence that names the event.
pub fn judge<'e>(events: impl IntoIterator<Item = &'e Envelope>) -> Result<(), String> {
    let mut plans: HashSet<(SessionId, u32)> = HashSet::new();
    let mut approved: HashMap<Place, Digest> = HashMap::new();
    let mut started: HashMap<Place, RunId> = HashMap::new();
    let mut open: HashMap<SessionId, RunId> = HashMap::new();
    let mut newest: HashMap<SessionId, u32> = HashMap::new();
    let mut dead: HashSet<(SessionId, u32)> = HashSet::new();
    let mut stopped: HashSet<SessionId> = HashSet::new();
    for event in events {
        let Some(session) = &event.session else { continue };
        let wrong = |what: &str| Err(format!("event {} of {session}: {what}", event.id));
        match &event.fact {
            Fact::PlanImported { version, .. } => {
                if open.contains_key(session) || stopped.contains(session) {
                    return wrong("a plan came while something ran or after the stop");
                }
                newest.insert(session.clone(), *version);
            }
            Fact::PlanApproved { version, .. } => {
                plans.insert((session.clone(), *version));
            }
            Fact::PlanRejected { version, .. } | Fact::StepRejected { version, .. } => {
                dead.insert((session.clone(), *version));
            }
            Fact::StepApproved { version, step, decision, .. } => {
                approved.insert((session.clone(), *version, step.clone()), decision.digest);
            }
            Fact::StepStarted { version, step, digest, template_digest, covers, .. } => {
                let place = (session.clone(), *version, step.clone());
                let granted = if *covers == Covers::Resolved { digest } else { template_digest };
                if !plans.contains(&(session.clone(), *version)) || approved.get(&place) != Some(granted) {
                    return wrong("a step started without an approval of the same digest");
                }
                if dead.contains(&(session.clone(), *version)) || stopped.contains(session) {
                    return wrong("a step started after a failure, a no or a stop");
                }
                if newest.get(session) != Some(version) {
                    return wrong("a step of a superseded plan started");
                }
                let Some(run) = event.run else { return wrong("a start names no run") };
                if started.insert(place, run).is_some() || open.insert(session.clone(), run).is_some() {
                    return wrong("a step started twice, or two at once");
                }
            }
            Fact::StepExecuted { .. } | Fact::StepFailed { .. } | Fact::StepInterrupted { .. } => {
                if event.run.is_none() || open.remove(session) != event.run {
                    return wrong("an end without its start");
                }
                if let Fact::StepFailed { version, .. } | Fact::StepInterrupted { version, .. } = &event.fact {
                    dead.insert((session.clone(), *version));
                }
            }
            Fact::SessionStopped { .. } => {
                stopped.insert(session.clone());
            }
            Fact::SessionCreated { .. }
            | Fact::StepSkipped { .. }
            | Fact::StepExecutionRejected { .. }
            | Fact::StepExecutionWarning { .. }
            | Fact::ArtifactSaved { .. }
            | Fact::SessionSucceeded { .. }
            | Fact::DaemonStarted { .. }
            | Fact::PersonAdded { .. }
            | Fact::TokenCreated { .. }
            | Fact::TokenRevoked { .. }
            | Fact::AccessRefused { .. } => {}
        }
    }
    Ok(())
}
