//! What a session waits for: the one decision or plan without which it does not go on.

use super::{Session, SessionStatus, StepStatus};
use crate::event::Profile;
use crate::id::StepId;
use crate::policy::Act;
use crate::toolbox::Risk;

/// What a session waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// A yes or a no to the newest plan.
    PlanApproval,
    /// A yes or a no to the next step.
    StepApproval(StepId),
    /// The next step is approved, and a person has yet to confirm its risk.
    RiskConfirmation(StepId),
    /// A new plan version: a step failed, or somebody said no.
    NewPlan,
}

impl WaitsFor {
    /// The word on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PlanApproval => "plan_approval",
            Self::StepApproval(_) => "step_approval",
            Self::RiskConfirmation(_) => "risk_confirmation",
            Self::NewPlan => "new_plan",
        }
    }

    /// Reads the word, with the step where it is about one.
    pub fn parse(word: &str, step: Option<StepId>) -> Option<Self> {
        match (word, step) {
            ("plan_approval", None) => Some(Self::PlanApproval),
            ("step_approval", Some(step)) => Some(Self::StepApproval(step)),
            ("risk_confirmation", Some(step)) => Some(Self::RiskConfirmation(step)),
            ("new_plan", None) => Some(Self::NewPlan),
            _ => None,
        }
    }

    /// The step it is about.
    pub const fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepApproval(step) | Self::RiskConfirmation(step) => Some(step),
            Self::PlanApproval | Self::NewPlan => None,
        }
    }

    /// What somebody must be allowed to do to end the waiting.
    pub const fn act(&self) -> Act {
        match self {
            Self::PlanApproval | Self::StepApproval(_) => Act::Decide,
            Self::RiskConfirmation(_) => Act::ConfirmHighRisk,
            Self::NewPlan => Act::ImportPlan,
        }
    }
}

impl Session {
    /// What it waits for; `None` while it runs, when an agent can go on alone, and at the end.
    pub fn waits_for(&self) -> Option<WaitsFor> {
        if self.needs_replan() {
            return Some(WaitsFor::NewPlan);
        }
        match self.status() {
            SessionStatus::AwaitingPlanApproval => Some(WaitsFor::PlanApproval),
            SessionStatus::AwaitingStepApproval => {
                let step = self.next_step()?;
                match self.step_status(step)? {
                    StepStatus::Pending => Some(WaitsFor::StepApproval(step.clone())),
                    StepStatus::Approved if self.wants_confirmation(step) => {
                        Some(WaitsFor::RiskConfirmation(step.clone()))
                    }
                    StepStatus::Approved
                    | StepStatus::Running
                    | StepStatus::Succeeded
                    | StepStatus::Failed
                    | StepStatus::Skipped
                    | StepStatus::Cancelled => None,
                }
            }
            SessionStatus::Pending
            | SessionStatus::Running
            | SessionStatus::Succeeded
            | SessionStatus::Failed
            | SessionStatus::Cancelled => None,
        }
    }

    fn wants_confirmation(&self, step: &StepId) -> bool {
        self.profile() == Profile::Strict && self.step(step).is_some_and(|planned| planned.risk == Risk::High)
    }
}
