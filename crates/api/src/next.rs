//! The action that would lead on, as data: a command line renders a command, a chat a button.

use serde::{Deserialize, Serialize};

/// An action and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "action", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are the ids the action needs")]
pub enum Next {
    /// Look at the plan and decide.
    ApprovePlan { session: String, version: u32 },
    /// Look at the step and decide.
    ApproveStep { session: String, step: String, digest: Option<String> },
    /// Execute the step.
    ExecuteStep { session: String, step: String },
    /// Execute the step and confirm its risk.
    ConfirmHighRisk { session: String, step: String },
    /// Hand in a new plan version.
    ImportPlan { session: String, version: Option<u32> },
    /// Have what a run wrote taken back, or with no run everything the session wrote.
    TakeBack { session: String, run: Option<i64> },
    /// Look at the plan.
    ShowPlan { session: String, version: u32 },
    /// Look at the step.
    ShowStep { session: String, step: String },
    /// Look at the session.
    ShowSession { session: String },
    /// Make a new session.
    CreateSession,
    /// See which sessions there are.
    ListSessions,
    /// Wait for the run in progress.
    WaitRun { run: i64 },
    /// Check the plan and see every problem.
    CheckPlan,
    /// See which tools there are.
    ListTools,
    /// See which artifacts there are.
    ListArtifacts { session: String },
    /// Make or name a token.
    GiveToken,
    /// See which tokens there are.
    ListTokens,
    /// See which people there are.
    ListPersons,
    /// See which workspaces there are.
    ListWorkspaces,
    /// Give a reason.
    GiveReason,
    /// Mend the request: `detail` says what is wrong with it, `docs/api.md` how the call looks.
    CorrectRequest,
    /// Ask somebody with the right to do it.
    AskApprover,
    /// Start a daemon.
    StartDaemon,
    /// Type the PIN: for decisions on this plan version, or without one for an act of administration.
    Unlock { session: Option<String>, version: Option<u32> },
    /// Set a PIN, with the daemon stopped.
    SetPin { principal: Option<String> },
    /// Wait until then.
    WaitUntil { time: String },
    /// Look at what is set up and what is missing.
    RunDoctor,
    /// Look whether the record is what it was.
    VerifyRecord,
    /// Try again a little later.
    RetryLater,
    /// Nothing leads on.
    Nothing,
}
