//! Why something may not happen: closed, with the arguments a client needs to say it in its own words.

use crate::digest::Digest;
use crate::id::{RunId, SessionId, StepId};
use crate::isolation::Tier;
use crate::pin::Purpose;
use crate::plan::PlanProblem;
use crate::principal::{PrincipalId, Role};
use crate::time::Timestamp;
use crate::undo::LeftAlone;

/// A refusal of the gate. `Display` is the sentence existing clients rely on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the arguments named in each sentence")]
pub enum Refusal {
    #[error("session `{session}` was not found")]
    SessionNotFound { session: String },
    #[error("plan v{version} was not found in session `{session}`")]
    PlanNotFound { session: SessionId, version: u32 },
    #[error("step `{step}` was not found in session `{session}`")]
    StepNotFound { session: SessionId, step: String },
    #[error("run {run} was not found")]
    RunNotFound { run: RunId },
    #[error("artifact {artifact} was not found")]
    ArtifactNotFound { artifact: i64 },
    #[error("the text of artifact {artifact} was redacted, and its file with it")]
    ArtifactRedacted { artifact: i64 },
    #[error("event {event} was not found")]
    EventNotFound { event: i64 },
    #[error("tool `{tool}` was not found")]
    ToolNotFound { tool: String },
    #[error("token `{token}` was not found")]
    TokenNotFound { token: String },
    #[error("person `{person}` was not found")]
    PersonNotFound { person: String },
    #[error("the plan has {} problem{}: {}", problems.len(), if problems.len() == 1 { "" } else { "s" }, first_problem(problems))]
    PlanInvalid { problems: Vec<PlanProblem> },
    #[error("{what} is not valid: {reason}")]
    InputInvalid { what: String, reason: String },
    #[error("plan v{version} exists with other content; the newest version is v{newest}")]
    PlanVersionExists { session: SessionId, version: u32, newest: u32 },
    #[error("plan v{version} is superseded by v{newest}")]
    PlanSuperseded { session: SessionId, version: u32, newest: u32 },
    #[error("plan and step approvals are required before execution: plan v{version} is not approved")]
    PlanNotApproved { session: SessionId, version: u32 },
    #[error("plan and step approvals are required before execution: step `{step}` is not approved")]
    StepNotApproved { session: SessionId, step: StepId },
    #[error("step `{step}` stood in an older version with other content: a digest is required")]
    DigestRequired { session: SessionId, step: StepId, digest: Option<Digest> },
    #[error("{what} is not what was shown: its digest is now {actual}")]
    DigestChanged { session: SessionId, what: String, step: Option<StepId>, version: u32, actual: Digest },
    #[error("step input reference could not be resolved: {reference} ({reason})")]
    ReferenceUnresolved { session: SessionId, step: StepId, reference: String, reason: String, from: Option<StepId> },
    #[error("high-risk step requires confirm_high_risk=true")]
    RiskUnconfirmed { session: SessionId, step: StepId },
    #[error("step `{step}` is of high risk and is decided on alone, not in a list with other steps")]
    HighRiskNotAlone { session: SessionId, step: StepId },
    #[error("dry_run session rejects destructive apply operations")]
    DryRun { session: SessionId, step: StepId },
    #[error("isolation tier `{tier}` is too low for this step in a strict session")]
    IsolationUnavailable { session: SessionId, step: StepId, tier: Tier },
    #[error("plan v{version} can still run, and its text with it: stop the session or import a newer version first")]
    PlanInUse { session: SessionId, version: u32 },
    #[error("step `{step}` is not next: step `{next}` comes first")]
    OutOfOrder { session: SessionId, step: StepId, next: StepId },
    #[error("run {run} of step `{step}` is in progress")]
    RunInProgress { session: SessionId, step: StepId, run: RunId },
    #[error("step `{step}` already ran")]
    AlreadyRan { session: SessionId, step: StepId, run: Option<RunId> },
    #[error("{what} was already decided by `{by}`")]
    AlreadyDecided { session: SessionId, what: String, by: PrincipalId },
    #[error("plan v{version} was proposed by `{proposer}`: somebody else must approve it and its steps")]
    SelfApproval { session: SessionId, version: u32, step: Option<StepId>, proposer: PrincipalId },
    #[error("an unattended yes is not taken here: somebody must see it and be asked")]
    AssuranceTooLow { session: SessionId, version: u32, step: Option<StepId> },
    #[error("{} PIN is needed for this{}", if *stands { "your" } else { "a" }, rule.as_ref().map_or_else(String::new, |rule| format!(" ({rule})")))]
    PinNeeded { for_what: Purpose, step: Option<StepId>, rule: Option<String>, stands: bool },
    #[error("that is not the PIN; {}", tries_in_words(*left))]
    PinWrong { left: u32 },
    #[error("too many wrong PINs: nothing is compared before {until}")]
    PinLocked { until: Timestamp },
    #[error("`{principal}` has no PIN")]
    PinNotSet { principal: PrincipalId },
    #[error(
        "the file that holds the hash of `{principal}`'s PIN is not the one that was recorded; no PIN opens anything"
    )]
    PinUnusable { principal: PrincipalId },
    #[error("session needs replan before execution")]
    NeedsReplan { session: SessionId, version: u32 },
    #[error("session `{session}` is {status} and stays so")]
    SessionClosed { session: SessionId, status: &'static str },
    #[error("role `{role}` may not {act}")]
    NotAllowed { role: Role, act: &'static str },
    #[error("account `{account}` is nobody's here: the owner binds it with `calt person add NAME --discord {account}`")]
    PersonUnbound { account: String },
    #[error("button `{button}` was not found")]
    ButtonNotFound { button: String },
    #[error("{what} holds {actual} {unit}; the limit is {limit}")]
    LimitExceeded { what: String, actual: u64, limit: u64, unit: &'static str },
    #[error("a rejection needs a reason")]
    ReasonRequired,
    #[error("there is nothing to take back in session `{session}`: {}", why_nothing(*run, left_alone))]
    NothingToTakeBack { session: SessionId, run: Option<RunId>, left_alone: Vec<LeftAlone> },
    #[error("the workspace of session `{session}` is in use by session `{open}`")]
    WorkspaceInUse { session: SessionId, open: SessionId },
    #[error("`{principal}` holds {held} {what}, and {limit} is the most for who may not approve")]
    QuotaReached { principal: PrincipalId, what: &'static str, held: u64, limit: u64 },
    #[error("workspace `{name}` was not found")]
    WorkspaceNotFound { name: String },
    #[error("session `{holder}` writes in workspace `{name}`; nobody else does until it is over")]
    WorkspaceBusy { name: String, holder: SessionId },
    #[error("workspace `{name}` is not the directory it was: {reason}")]
    WorkspaceMoved { name: String, reason: String },
    #[error("workspace `{name}` cannot be used: {reason}")]
    WorkspaceUnusable { name: String, reason: String },
}

fn first_problem(problems: &[PlanProblem]) -> String {
    problems.first().map_or_else(String::new, |problem| {
        format!("line {}, column {}: {}", problem.line, problem.column, problem.message)
    })
}

fn tries_in_words(left: u32) -> String {
    match left {
        1 => "the next wrong one locks it for a while".to_owned(),
        left => format!("{left} wrong ones are left before it is locked for a while"),
    }
}

fn why_nothing(run: Option<RunId>, left_alone: &[LeftAlone]) -> String {
    match (left_alone, run) {
        ([], Some(run)) => format!("run {run} wrote nothing"),
        ([], None) => "every file is as it was before".to_owned(),
        ([only], _) => format!("`{}` is left alone: {}", only.path, only.reason),
        ([first, others @ ..], _) => {
            format!("`{}` and {} more are left alone: {}", first.path, others.len(), first.reason)
        }
    }
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SessionNotFound { .. } => "session_not_found",
            Self::PlanNotFound { .. } => "plan_not_found",
            Self::StepNotFound { .. } => "step_not_found",
            Self::RunNotFound { .. } => "run_not_found",
            Self::ArtifactNotFound { .. } => "artifact_not_found",
            Self::ArtifactRedacted { .. } => "artifact_redacted",
            Self::EventNotFound { .. } => "event_not_found",
            Self::ToolNotFound { .. } => "tool_not_found",
            Self::TokenNotFound { .. } => "token_not_found",
            Self::PersonNotFound { .. } => "person_not_found",
            Self::PlanInvalid { .. } => "plan_invalid",
            Self::InputInvalid { .. } => "input_invalid",
            Self::PlanVersionExists { .. } => "plan_version_exists",
            Self::PlanSuperseded { .. } => "plan_superseded",
            Self::PlanNotApproved { .. } => "plan_not_approved",
            Self::StepNotApproved { .. } => "step_not_approved",
            Self::DigestRequired { .. } => "digest_required",
            Self::DigestChanged { .. } => "digest_changed",
            Self::ReferenceUnresolved { .. } => "reference_unresolved",
            Self::RiskUnconfirmed { .. } => "risk_unconfirmed",
            Self::HighRiskNotAlone { .. } => "high_risk_not_alone",
            Self::DryRun { .. } => "dry_run",
            Self::IsolationUnavailable { .. } => "isolation_unavailable",
            Self::PlanInUse { .. } => "plan_in_use",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::RunInProgress { .. } => "run_in_progress",
            Self::AlreadyRan { .. } => "already_ran",
            Self::AlreadyDecided { .. } => "already_decided",
            Self::SelfApproval { .. } => "self_approval",
            Self::AssuranceTooLow { .. } | Self::PinNeeded { .. } => "assurance_too_low",
            Self::PinWrong { .. } => "pin_wrong",
            Self::PinLocked { .. } => "pin_locked",
            Self::PinNotSet { .. } => "pin_not_set",
            Self::PinUnusable { .. } => "pin_unusable",
            Self::NeedsReplan { .. } => "needs_replan",
            Self::SessionClosed { .. } => "session_closed",
            Self::NotAllowed { .. } => "not_allowed",
            Self::PersonUnbound { .. } => "person_unbound",
            Self::ButtonNotFound { .. } => "button_not_found",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::ReasonRequired => "reason_required",
            Self::NothingToTakeBack { .. } => "nothing_to_take_back",
            Self::WorkspaceInUse { .. } => "workspace_in_use",
            Self::QuotaReached { .. } => "quota_reached",
            Self::WorkspaceNotFound { .. } => "workspace_not_found",
            Self::WorkspaceBusy { .. } => "workspace_busy",
            Self::WorkspaceMoved { .. } => "workspace_moved",
            Self::WorkspaceUnusable { .. } => "workspace_unusable",
        }
    }
}
