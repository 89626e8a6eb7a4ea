//! What a PIN promises, read from the whole log: who has one decides nothing without having typed it for that.

use std::collections::{HashMap, HashSet};

use super::{Promise, held};
use crate::event::{DecisionFact, Envelope, Fact};
use crate::id::SessionId;
use crate::principal::{Assurance, PrincipalId};

/// The PINs that stand, and what each was typed for since the daemon started.
#[derive(Default)]
pub struct Pins {
    stand: HashSet<PrincipalId>,
    typed: HashSet<(PrincipalId, SessionId, u32)>,
    /// How often each was typed for one act of administration.
    for_one_act: HashMap<PrincipalId, u64>,
}

impl Pins {
    /// The types of the events that say something about PINs, or are judged by them.
    pub const EVENT_TYPES: [&'static str; 13] = [
        "pin_set",
        "pin_removed",
        "pin_accepted",
        "person_removed",
        "restored",
        "daemon_started",
        "plan_approved",
        "plan_rejected",
        "step_approved",
        "step_rejected",
        "step_skipped",
        "step_started",
        "content_released",
    ];

    /// Takes in the next event of the log.
    ///
    /// # Errors
    /// What it says and may not.
    pub fn take(&mut self, event: &Envelope) -> Result<(), &'static str> {
        match &event.fact {
            Fact::PinSet { principal, .. } => {
                self.stand.insert(principal.clone());
                Ok(())
            }
            Fact::PinRemoved { principal, .. } | Fact::PersonRemoved { principal } => {
                self.stand.remove(principal);
                Ok(())
            }
            Fact::Restored { .. } => {
                self.stand.clear();
                Ok(())
            }
            // What was unlocked ends with the process that knew the key.
            Fact::DaemonStarted { .. } => {
                self.typed.clear();
                self.for_one_act.clear();
                Ok(())
            }
            Fact::PinAccepted { principal, session: Some(session), version: Some(version) } => {
                self.typed.insert((principal.clone(), session.clone(), *version));
                Ok(())
            }
            Fact::PinAccepted { principal, session: None, .. } => {
                *self.for_one_act.entry(principal.clone()).or_default() += 1;
                Ok(())
            }
            Fact::ContentReleased { .. } => self.released(&event.principal),
            Fact::PlanApproved { version, decision }
            | Fact::PlanRejected { version, decision }
            | Fact::StepApproved { version, decision, .. }
            | Fact::StepRejected { version, decision, .. }
            | Fact::StepSkipped { version, decision, .. } => self.decided(event, *version, decision),
            Fact::StepStarted { version, high_risk_confirmed: true, .. } => {
                let stands = self.stand.contains(&event.principal);
                held(!stands || self.was_typed(event, *version), "high risk was confirmed without the PIN that stood")
            }
            Fact::SessionCreated { .. }
            | Fact::PlanImported { .. }
            | Fact::StepStarted { .. }
            | Fact::StepExecuted { .. }
            | Fact::StepFailed { .. }
            | Fact::StepInterrupted { .. }
            | Fact::StepExecutionRejected { .. }
            | Fact::StepExecutionWarning { .. }
            | Fact::ArtifactSaved { .. }
            | Fact::SessionStopped { .. }
            | Fact::SessionSucceeded { .. }
            | Fact::WorkspaceAdded { .. }
            | Fact::WorkspaceRemoved { .. }
            | Fact::WorkspaceRemounted { .. }
            | Fact::PersonAdded { .. }
            | Fact::TokenCreated { .. }
            | Fact::TokenRevoked { .. }
            | Fact::AccessRefused { .. }
            | Fact::CheckpointSigned { .. }
            | Fact::RecordExported { .. }
            | Fact::PayloadRedacted { .. }
            | Fact::LossAccepted { .. }
            | Fact::PinAccepted { .. }
            | Fact::PinRefused { .. } => Ok(()),
        }
    }

    fn decided(&self, event: &Envelope, version: u32, decision: &DecisionFact) -> Promise {
        match decision.assurance {
            Assurance::Token => {
                held(!self.stand.contains(&event.principal), "a decision without the PIN of a person who has one")
            }
            // A chat spoke for the person, with a token of its own.
            Assurance::Relay => Ok(()),
            Assurance::Pin => held(self.was_typed(event, version), "a decision with a PIN that nobody typed for it"),
        }
    }

    /// What is given out unmasked takes a PIN where one stands, typed for this one act.
    fn released(&mut self, principal: &PrincipalId) -> Promise {
        let typed = self.for_one_act.get_mut(principal).filter(|times| **times > 0);
        let was_typed = typed.map(|times| *times -= 1).is_some();
        held(was_typed || !self.stand.contains(principal), "content was given out without the PIN that stood")
    }

    fn was_typed(&self, event: &Envelope, version: u32) -> bool {
        let session = event.session.as_ref();
        session.is_some_and(|session| self.typed.contains(&(event.principal.clone(), session.clone(), version)))
    }
}
