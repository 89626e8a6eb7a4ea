//! What has happened to one session: a pure function of its events.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::{Digest, INPUTS_TAG, STEP_TAG};
use crate::event::{Envelope, Fact, Mode, Profile, StepFact, WorkspaceIdentity};
use crate::id::{RunId, SessionId, StepId};
use crate::permit::{Covers, Grant};
use crate::principal::PrincipalId;

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

/// One session, as its events so far make it. It holds digests and numbers, never inputs or outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    id: SessionId,
    mode: Mode,
    profile: Profile,
    workspace: WorkspaceIdentity,
    created_by: PrincipalId,
    seq: u64,
    stage: Stage,
    /// Digest of the files of each preview on record, with the run that recorded it.
    previews: HashMap<Digest, RunId>,
    /// What those previews would have made, to tell a stale preview from a missing one.
    preview_targets: HashSet<Digest>,
    /// Step ids of superseded versions, with the content they last stood for.
    older_steps: HashMap<StepId, Digest>,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Drafting,
    AwaitingPlanApproval(Current),
    Working(Current, PlanGrant),
    NeedsReplan(Current),
    Succeeded(Current),
    Stopped(Option<Current>),
}

/// The newest plan and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) version: u32,
    pub(crate) digest: Digest,
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
    Rejected,
    Skipped(PrincipalId),
}

/// Digests inputs, as written or as resolved.
pub fn inputs_digest(inputs: &Value) -> Digest {
    Digest::of_json(INPUTS_TAG, inputs)
}

impl Session {
    /// Takes up the first event of a session.
    ///
    /// # Errors
    /// [`Corrupt`] when it is not a `session_created` with seq 1.
    pub fn begin(first: &Envelope) -> Result<Self, Corrupt> {
        let Fact::SessionCreated { mode, profile, workspace } = &first.fact else {
            return Err(Corrupt::new(format!("a session begins with `{}`", first.fact.event_type())));
        };
        let (Some(id), Some(1)) = (&first.session, first.seq) else {
            return Err(Corrupt::new("a session begins without its id or not at seq 1"));
        };
        Ok(Self {
            id: id.clone(),
            mode: *mode,
            profile: *profile,
            workspace: workspace.clone(),
            created_by: first.principal.clone(),
            seq: 1,
            stage: Stage::Drafting,
            previews: HashMap::new(),
            preview_targets: HashSet::new(),
            older_steps: HashMap::new(),
        })
    }

    /// Takes in every event of a session, from the first.
    ///
    /// # Errors
    /// [`Corrupt`] at the first event that cannot follow.
    pub fn replay<'e>(events: impl IntoIterator<Item = &'e Envelope>) -> Result<Option<Self>, Corrupt> {
        events.into_iter().try_fold(None, |session, event| match session {
            None => Self::begin(event).map(Some),
            Some(session) => Self::evolve(session, event).map(Some),
        })
    }

    /// Takes in one event, and checks again what `decide` allowed.
    ///
    /// # Errors
    /// [`Corrupt`] when the event cannot follow.
    pub fn evolve(mut self, event: &Envelope) -> Result<Self, Corrupt> {
        if event.session.as_ref() != Some(&self.id) || event.seq != Some(self.seq + 1) {
            return Err(Corrupt::new(format!("event {} is not the next one of {}", event.id, self.id)));
        }
        self.seq += 1;
        self.apply(event)
            .map_err(|reason| Corrupt::new(format!("event {} (`{}`): {reason}", event.id, event.fact.event_type())))?;
        Ok(self)
    }

    fn apply(&mut self, event: &Envelope) -> Result<(), &'static str> {
        match &event.fact {
            Fact::SessionCreated { .. } => Err("a session is created once"),
            Fact::PlanImported { version, digest, steps, .. } => self.plan_imported(*version, *digest, steps),
            Fact::PlanApproved { version, decision } => self.plan_approved(*version, decision.digest, &event.principal),
            Fact::PlanRejected { version, .. } => self.plan_rejected(*version),
            Fact::StepApproved { version, step, covers, decision } => {
                let grant = Grant { digest: decision.digest, covers: *covers, by: event.principal.clone() };
                self.step_approved(*version, step, grant)
            }
            Fact::StepRejected { version, step, .. } => self.step_rejected(*version, step),
            Fact::StepSkipped { version, step, .. } => self.step_skipped(*version, step, &event.principal),
            Fact::StepStarted { version, step, digest, template_digest, covers, .. } => {
                let run = event.run.ok_or("a start names no run")?;
                self.step_started(*version, step, run, (*digest, *template_digest, *covers))
            }
            Fact::StepExecuted { version, step, preview, .. } => {
                let run = event.run.ok_or("an end names no run")?;
                if let Some(preview) = preview {
                    self.previews.insert(preview.files, run);
                    self.preview_targets.insert(preview.targets);
                }
                self.run_ended(*version, step, run, Progress::Succeeded(run))
            }
            Fact::StepFailed { version, step, .. } | Fact::StepInterrupted { version, step, .. } => {
                let run = event.run.ok_or("an end names no run")?;
                self.run_ended(*version, step, run, Progress::Failed(run))
            }
            Fact::StepExecutionRejected { .. } | Fact::StepExecutionWarning { .. } | Fact::ArtifactSaved { .. } => {
                Ok(())
            }
            Fact::SessionStopped { .. } => self.stopped(),
            Fact::SessionSucceeded { version } => self.succeeded(*version),
            Fact::DaemonStarted { .. }
            | Fact::PersonAdded { .. }
            | Fact::TokenCreated { .. }
            | Fact::TokenRevoked { .. }
            | Fact::AccessRefused { .. } => Err("the event belongs to no session"),
        }
    }

    fn plan_imported(&mut self, version: u32, digest: Digest, steps: &[StepFact]) -> Result<(), &'static str> {
        if self.plan_version().is_some_and(|newest| version <= newest) {
            return Err("versions only grow");
        }
        let previous = match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Drafting => None,
            Stage::AwaitingPlanApproval(plan) | Stage::NeedsReplan(plan) | Stage::Succeeded(plan) => Some(plan),
            Stage::Working(plan, _) if plan.running.is_none() => Some(plan),
            Stage::Working(..) => return Err("a run is in progress"),
            Stage::Stopped(_) => return Err("the session is stopped"),
        };
        for step in previous.into_iter().flat_map(|plan| plan.steps) {
            self.older_steps.insert(step.planned.id, step.planned.content);
        }
        let index: HashMap<_, _> = steps.iter().enumerate().map(|(place, step)| (step.id.clone(), place)).collect();
        if index.len() != steps.len() || steps.is_empty() {
            return Err("step ids are unique and there is at least one");
        }
        let steps =
            steps.iter().map(|planned| Step { planned: planned.clone(), progress: Progress::Pending }).collect();
        self.stage = Stage::AwaitingPlanApproval(Current { version, digest, steps, index, next: 0, running: None });
        Ok(())
    }

    fn plan_approved(&mut self, version: u32, digest: Digest, by: &PrincipalId) -> Result<(), &'static str> {
        match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::AwaitingPlanApproval(plan) if plan.version == version && plan.digest == digest => {
                self.stage = Stage::Working(plan, PlanGrant { by: by.clone() });
                Ok(())
            }
            Stage::AwaitingPlanApproval(_)
            | Stage::Drafting
            | Stage::Working(..)
            | Stage::NeedsReplan(_)
            | Stage::Succeeded(_)
            | Stage::Stopped(_) => Err("no plan of this version and digest awaits approval"),
        }
    }

    fn plan_rejected(&mut self, version: u32) -> Result<(), &'static str> {
        match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::AwaitingPlanApproval(plan) | Stage::Working(plan, _)
                if plan.version == version && plan.running.is_none() =>
            {
                self.stage = Stage::NeedsReplan(plan);
                Ok(())
            }
            Stage::AwaitingPlanApproval(_)
            | Stage::Drafting
            | Stage::Working(..)
            | Stage::NeedsReplan(_)
            | Stage::Succeeded(_)
            | Stage::Stopped(_) => Err("no plan of this version can be rejected"),
        }
    }

    fn step_approved(&mut self, version: u32, step: &StepId, grant: Grant) -> Result<(), &'static str> {
        let (profile, template) = (self.profile, self.template_digest(step));
        let step = self.waiting_step(version, step)?;
        if !matches!(step.progress, Progress::Pending) {
            return Err("the step is not pending");
        }
        let early = step.planned.has_references && grant.covers == Covers::Template;
        if early && profile == Profile::Strict {
            return Err("strict approves inputs as resolved");
        }
        if (early || !step.planned.has_references) && template != Some(grant.digest) {
            return Err("the approval names another digest than the step has");
        }
        step.progress = Progress::Approved(grant);
        Ok(())
    }

    fn step_rejected(&mut self, version: u32, step: &StepId) -> Result<(), &'static str> {
        let step = self.waiting_step(version, step)?;
        if !matches!(step.progress, Progress::Pending | Progress::Approved(_)) {
            return Err("the step has started");
        }
        step.progress = Progress::Rejected;
        self.needs_new_plan();
        Ok(())
    }

    fn step_skipped(&mut self, version: u32, step: &StepId, by: &PrincipalId) -> Result<(), &'static str> {
        let step = self.waiting_step(version, step)?;
        if !matches!(step.progress, Progress::Pending | Progress::Approved(_)) {
            return Err("the step has started");
        }
        step.progress = Progress::Skipped(by.clone());
        self.advance();
        Ok(())
    }

    fn step_started(
        &mut self,
        version: u32,
        step: &StepId,
        run: RunId,
        (digest, template_digest, covers): (Digest, Digest, Covers),
    ) -> Result<(), &'static str> {
        if self.template_digest(step) != Some(template_digest) {
            return Err("the template's digest is not the plan's");
        }
        let Stage::Working(plan, _) = &mut self.stage else { return Err("no approved plan is at work") };
        let place = *plan.index.get(step).ok_or("the plan has no such step")?;
        if plan.version != version || plan.running.is_some() || plan.next != place {
            return Err("the step is not the next one");
        }
        let entry = &mut plan.steps[place];
        let Progress::Approved(grant) = &entry.progress else { return Err("the step is not approved") };
        let granted = match grant.covers {
            Covers::Resolved => digest,
            Covers::Template => template_digest,
        };
        if grant.digest != granted || grant.covers != covers {
            return Err("what starts is not what was approved");
        }
        entry.progress = Progress::Running(grant.clone(), run);
        plan.running = Some(place);
        Ok(())
    }

    fn run_ended(&mut self, version: u32, step: &StepId, run: RunId, end: Progress) -> Result<(), &'static str> {
        let (Stage::Working(plan, _) | Stage::Stopped(Some(plan))) = &mut self.stage else {
            return Err("no run is in progress");
        };
        let place = plan.running.take().ok_or("no run is in progress")?;
        let entry = &mut plan.steps[place];
        if plan.version != version
            || entry.planned.id != *step
            || !matches!(&entry.progress, Progress::Running(_, running) if *running == run)
        {
            return Err("another run is in progress");
        }
        let failed = matches!(end, Progress::Failed(_));
        entry.progress = end;
        if failed && matches!(self.stage, Stage::Working(..)) {
            self.needs_new_plan();
        } else {
            self.advance();
        }
        Ok(())
    }

    fn stopped(&mut self) -> Result<(), &'static str> {
        let plan = match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Drafting => None,
            Stage::AwaitingPlanApproval(plan) | Stage::Working(plan, _) | Stage::NeedsReplan(plan) => Some(plan),
            Stage::Succeeded(plan) => Some(plan),
            Stage::Stopped(_) => return Err("the session is stopped already"),
        };
        self.stage = Stage::Stopped(plan);
        Ok(())
    }

    fn succeeded(&mut self, version: u32) -> Result<(), &'static str> {
        match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Working(plan, _) if plan.version == version && plan.is_done() => {
                self.stage = Stage::Succeeded(plan);
                Ok(())
            }
            Stage::Working(..)
            | Stage::Drafting
            | Stage::AwaitingPlanApproval(_)
            | Stage::NeedsReplan(_)
            | Stage::Succeeded(_)
            | Stage::Stopped(_) => Err("not every step succeeded or was skipped"),
        }
    }

    fn waiting_step(&mut self, version: u32, step: &StepId) -> Result<&mut Step, &'static str> {
        let Stage::Working(plan, _) = &mut self.stage else { return Err("no approved plan is at work") };
        if plan.version != version {
            return Err("the plan is another version");
        }
        let place = *plan.index.get(step).ok_or("the plan has no such step")?;
        Ok(&mut plan.steps[place])
    }

    fn needs_new_plan(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Working(plan, _) => Stage::NeedsReplan(plan),
            other @ (Stage::Drafting
            | Stage::AwaitingPlanApproval(_)
            | Stage::NeedsReplan(_)
            | Stage::Succeeded(_)
            | Stage::Stopped(_)) => other,
        };
    }

    fn advance(&mut self) {
        if let Stage::Working(plan, _) | Stage::Stopped(Some(plan)) = &mut self.stage {
            let done = |step: &&Step| matches!(step.progress, Progress::Succeeded(_) | Progress::Skipped(_));
            plan.next += plan.steps[plan.next..].iter().take_while(done).count();
        }
    }
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
            Stage::NeedsReplan(_) => SessionStatus::Failed,
            Stage::Succeeded(_) => SessionStatus::Succeeded,
            Stage::Stopped(_) => SessionStatus::Cancelled,
        }
    }

    /// Whether only a new plan version leads on.
    pub fn needs_replan(&self) -> bool {
        matches!(self.stage, Stage::NeedsReplan(_))
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
        matches!(self.stage, Stage::Working(..) | Stage::Succeeded(_))
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
            Progress::Pending | Progress::Approved(_) if stopped => StepStatus::Cancelled,
            Progress::Failed(_) if stopped => StepStatus::Cancelled,
            Progress::Pending => StepStatus::Pending,
            Progress::Approved(_) => StepStatus::Approved,
            Progress::Running(..) => StepStatus::Running,
            Progress::Succeeded(_) => StepStatus::Succeeded,
            Progress::Failed(_) | Progress::Rejected => StepStatus::Failed,
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
            | Progress::Rejected
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

    /// What an equal step id stood for in a superseded version.
    pub fn older_content(&self, step: &StepId) -> Option<Digest> {
        self.older_steps.get(step).copied()
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
            + (self.previews.len() + self.preview_targets.len() + 2 * self.older_steps.len()) * DIGEST_BYTES
    }

    pub(crate) const fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn current(&self) -> Option<&Current> {
        match &self.stage {
            Stage::Drafting | Stage::Stopped(None) => None,
            Stage::AwaitingPlanApproval(plan)
            | Stage::Working(plan, _)
            | Stage::NeedsReplan(plan)
            | Stage::Succeeded(plan)
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

/// What a step's digest is made of.
#[derive(Clone, Copy, Debug)]
pub struct StepSeal<'s> {
    /// The session: an `own` workspace is named by it.
    pub session: &'s SessionId,
    /// The workspace.
    pub workspace: &'s WorkspaceIdentity,
    /// The plan's digest.
    pub plan: Digest,
    /// The step's id.
    pub step: &'s StepId,
    /// Its effective risk.
    pub risk: crate::toolbox::Risk,
    /// The box its command runs in.
    pub box_digest: Option<Digest>,
    /// [`inputs_digest`] of its inputs, as written or as resolved.
    pub inputs: Digest,
}

/// `calt step v1`: what an approval of a step is bound to.
pub fn step_digest(seal: &StepSeal<'_>) -> Digest {
    Digest::of_json(
        STEP_TAG,
        &json!({
            "session": seal.session,
            "workspace": seal.workspace,
            "plan": seal.plan,
            "step": seal.step,
            "risk": seal.risk,
            "box": seal.box_digest,
            "inputs": seal.inputs,
        }),
    )
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
