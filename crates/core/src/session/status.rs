//! The words a session and its steps go by on the wire: always derived, never set.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A session's status on the wire. Always derived, never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// No plan yet.
    Pending,
    /// The newest plan waits for a decision.
    AwaitingPlanApproval,
    /// The plan is approved; the next step is not running.
    AwaitingStepApproval,
    /// A run is in progress.
    Running,
    /// Every step of the newest plan succeeded or was skipped.
    Succeeded,
    /// A step failed or somebody said no: only a new plan version leads on.
    Failed,
    /// Stopped; final.
    Cancelled,
}

impl SessionStatus {
    /// Every status, in the order of a session's life.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::AwaitingPlanApproval,
        Self::AwaitingStepApproval,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AwaitingPlanApproval => "awaiting_plan_approval",
            Self::AwaitingStepApproval => "awaiting_step_approval",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A step's status on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not approved yet.
    Pending,
    /// Approved, not started.
    Approved,
    /// Its run is in progress.
    Running,
    /// Its run succeeded.
    Succeeded,
    /// Its run failed, was interrupted, or somebody said no.
    Failed,
    /// Left out by a person.
    Skipped,
    /// Will not run: the session was stopped.
    Cancelled,
}

impl StepStatus {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
