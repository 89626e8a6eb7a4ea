//! What has happened to one session: a pure function of its events.

mod evolve;
mod seal;
mod status;
mod waiting;

use std::collections::{HashMap, HashSet};

use crate::digest::Digest;
use crate::event::{Mode, Profile, StepFact, WorkspaceIdentity};
use crate::id::{EventId, RunId, SessionId, StepId};
use crate::permit::Grant;
use crate::principal::PrincipalId;
use crate::toolbox::Effect;

pub use seal::{StepSeal, inputs_digest, step_digest};
pub use status::{SessionStatus, StepStatus};
pub use waiting::WaitsFor;

/// What a session names as its origin when it is a probe of `calt doctor`: the inbox and lists leave it out.
pub const PROBE_ORIGIN: &str = "doctor";

/// The log says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(String);

impl Corrupt {
    /// Names what cannot be.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// One session, as its events so far make it. It holds digests and numbers, never inputs or outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    id: SessionId,
    mode: Mode,
    profile: Profile,
    workspace: WorkspaceIdentity,
    created_by: PrincipalId,
    seq: u64,
    /// The first approval of an apply since the session was last over.
    writes_since: Option<EventId>,
    stage: Stage,
    /// Digest of the files of each preview on record, with the run that recorded it.
    previews: HashMap<Digest, RunId>,
    /// What those previews would have made, to tell a stale preview from a missing one.
    preview_targets: HashSet<Digest>,
    /// The digests of superseded versions, so that the same plan again is told from another one.
    older_plans: HashMap<u32, Digest>,
    /// What the step ids of superseded versions stood for.
    older_steps: HashMap<StepId, OlderStep>,
}

/// What an id stood for in superseded versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OlderStep {
    /// The newest superseded version that has it.
    pub(crate) version: u32,
    content: Digest,
    /// Whether older versions differ among themselves: then no content is the same as all of theirs.
    varied: bool,
}

impl OlderStep {
    /// Whether the id stood for something other than this in any superseded version.
    pub(crate) fn differs_from(&self, content: Digest) -> bool {
        self.varied || self.content != content
    }
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Drafting,
    AwaitingPlanApproval(Current),
    Working(Current, PlanGrant),
    /// A run that was in progress when somebody said no to a later step still goes on to its end.
    NeedsReplan(Current, Cause),
    Succeeded(Current, PlanGrant),
    Stopped(Option<Current>),
}

/// Why only a new plan leads on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A person said no to the plan.
    PlanRejected(PrincipalId),
    /// A step failed, or a person said no to one.
    Step,
}

/// The newest plan and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) version: u32,
    pub(crate) digest: Digest,
    /// Who handed it in.
    pub(crate) proposer: PrincipalId,
    pub(crate) steps: Vec<Step>,
    index: HashMap<StepId, usize>,
    /// First step that is neither succeeded nor skipped.
    pub(crate) next: usize,
    pub(crate) running: Option<usize>,
}

/// Who approved the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanGrant {
    pub(crate) by: PrincipalId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) planned: StepFact,
    pub(crate) progress: Progress,
}

/// How far a step has come. A running step without a grant cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    Approved(Grant),
    Running(Grant, RunId),
    Succeeded(RunId),
    Failed(RunId),
    Rejected(PrincipalId),
    Skipped(PrincipalId),
}

/// What can be asked of a session.
impl Session {
    /// The session's id.
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// How it may act.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How strictly it is held.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Which directory it may touch.
    pub const fn workspace(&self) -> &WorkspaceIdentity {
        &self.workspace
    }

    /// Who made it.
    pub const fn created_by(&self) -> &PrincipalId {
        &self.created_by
    }

    /// The first approval of an apply since it was last over: what an attached directory is held for.
    pub const fn writes_since(&self) -> Option<EventId> {
        self.writes_since
    }

    /// Whether a run of it that has no end yet writes.
    pub fn is_writing(&self) -> bool {
        let step = self.running().and_then(|(_, step)| self.step(step));
        step.is_some_and(|step| step.effect == Effect::Writes)
    }

    /// The number of its newest event.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The status on the wire.
    pub fn status(&self) -> SessionStatus {
        match &self.stage {
            Stage::Drafting => SessionStatus::Pending,
            Stage::AwaitingPlanApproval(_) => SessionStatus::AwaitingPlanApproval,
            Stage::Working(plan, _) if plan.running.is_some() => SessionStatus::Running,
            Stage::Working(..) => SessionStatus::AwaitingStepApproval,
            Stage::NeedsReplan(..) => SessionStatus::Failed,
            Stage::Succeeded(..) => SessionStatus::Succeeded,
            Stage::Stopped(_) => SessionStatus::Cancelled,
        }
    }

    /// Whether only a new plan version leads on.
    pub fn needs_replan(&self) -> bool {
        matches!(self.stage, Stage::NeedsReplan(..))
    }

    /// The newest plan's version.
    pub fn plan_version(&self) -> Option<u32> {
        self.current().map(|plan| plan.version)
    }

    /// The newest plan's digest.
    pub fn plan_digest(&self) -> Option<Digest> {
        self.current().map(|plan| plan.digest)
    }

    /// Whether the newest plan is approved and at work or done.
    pub fn plan_is_approved(&self) -> bool {
        matches!(self.stage, Stage::Working(..) | Stage::Succeeded(..))
    }

    /// What the log knows of a step of the newest plan.
    pub fn step(&self, step: &StepId) -> Option<&StepFact> {
        self.entry(step).map(|entry| &entry.planned)
    }

    /// The steps of the newest plan, in order.
    pub fn steps(&self) -> impl Iterator<Item = &StepFact> {
        self.current().into_iter().flat_map(|plan| plan.steps.iter().map(|step| &step.planned))
    }

    /// A step's status on the wire.
    pub fn step_status(&self, step: &StepId) -> Option<StepStatus> {
        let stopped = matches!(self.stage, Stage::Stopped(_));
        self.entry(step).map(|entry| match &entry.progress {
            Progress::Pending | Progress::Approved(_) | Progress::Failed(_) if stopped => StepStatus::Cancelled,
            Progress::Pending => StepStatus::Pending,
            Progress::Approved(_) => StepStatus::Approved,
            Progress::Running(..) => StepStatus::Running,
            Progress::Succeeded(_) => StepStatus::Succeeded,
            Progress::Failed(_) | Progress::Rejected(_) => StepStatus::Failed,
            Progress::Skipped(_) => StepStatus::Skipped,
        })
    }

    /// The run in progress, with its step.
    pub fn running(&self) -> Option<(RunId, &StepId)> {
        let plan = self.current()?;
        let entry = &plan.steps[plan.running?];
        match &entry.progress {
            Progress::Running(_, run) => Some((*run, &entry.planned.id)),
            Progress::Pending
            | Progress::Approved(_)
            | Progress::Succeeded(_)
            | Progress::Failed(_)
            | Progress::Rejected(_)
            | Progress::Skipped(_) => None,
        }
    }

    /// The first step that is neither succeeded nor skipped.
    pub fn next_step(&self) -> Option<&StepId> {
        let plan = self.current()?;
        plan.steps.get(plan.next).map(|step| &step.planned.id)
    }

    /// The run that recorded a preview of exactly these files.
    pub fn preview_run(&self, files: &Digest) -> Option<RunId> {
        self.previews.get(files).copied()
    }

    /// Whether a preview of the same new content is on record.
    pub fn previewed_targets(&self, targets: &Digest) -> bool {
        self.preview_targets.contains(targets)
    }

    /// What an equal step id stood for in superseded versions.
    pub(crate) fn older_step(&self, step: &StepId) -> Option<&OlderStep> {
        self.older_steps.get(step)
    }

    /// The digest of a version that was superseded.
    pub(crate) fn older_plan(&self, version: u32) -> Option<Digest> {
        self.older_plans.get(&version).copied()
    }

    /// How many plan versions it was handed.
    pub(crate) fn plan_versions(&self) -> u64 {
        self.older_plans.len() as u64 + u64::from(self.plan_version().is_some())
    }

    /// The step digest of the inputs as written.
    pub fn template_digest(&self, step: &StepId) -> Option<Digest> {
        let planned = self.step(step)?;
        self.step_digest(step, planned.inputs)
    }

    /// The step digest over these inputs: plan, step id, effective risk, workspace, box, inputs.
    pub fn step_digest(&self, step: &StepId, inputs: Digest) -> Option<Digest> {
        let plan = self.current()?;
        let planned = &self.entry(step)?.planned;
        Some(step_digest(&StepSeal {
            session: &self.id,
            workspace: &self.workspace,
            plan: plan.digest,
            step: &planned.id,
            risk: planned.risk,
            box_digest: planned.box_digest,
            inputs,
        }))
    }

    /// About how many bytes of memory the session takes.
    pub fn weight_bytes(&self) -> usize {
        const STEP_BYTES: usize = 320;
        const DIGEST_BYTES: usize = 64;
        size_of::<Self>()
            + self.current().map_or(0, |plan| plan.steps.len() * STEP_BYTES)
            + (self.previews.len() + self.preview_targets.len() + self.older_plans.len() + 2 * self.older_steps.len())
                * DIGEST_BYTES
    }

    pub(crate) const fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn current(&self) -> Option<&Current> {
        match &self.stage {
            Stage::Drafting | Stage::Stopped(None) => None,
            Stage::AwaitingPlanApproval(plan)
            | Stage::Working(plan, _)
            | Stage::NeedsReplan(plan, _)
            | Stage::Succeeded(plan, _)
            | Stage::Stopped(Some(plan)) => Some(plan),
        }
    }

    pub(crate) fn entry(&self, step: &StepId) -> Option<&Step> {
        self.current().and_then(|plan| plan.entry(step))
    }
}

impl Current {
    pub(crate) fn entry(&self, step: &StepId) -> Option<&Step> {
        self.index.get(step).map(|place| &self.steps[*place])
    }

    pub(crate) fn place(&self, step: &StepId) -> Option<usize> {
        self.index.get(step).copied()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.next == self.steps.len()
    }
}
