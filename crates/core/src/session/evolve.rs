//! Takes in events one at a time, and checks again what `decide` allowed.

use std::collections::{HashMap, HashSet};

use super::{Cause, Corrupt, Current, OlderStep, PlanGrant, Progress, Session, Stage, Step};
use crate::digest::Digest;
use crate::event::{Envelope, Fact, Mode, PreviewFact, Profile, StepFact, files_digest};
use crate::id::{EventId, RunId, StepId};
use crate::permit::{Covers, Gate, Grant};
use crate::principal::PrincipalId;
use crate::toolbox::{Effect, Risk};

/// Why an event cannot follow.
type Followed = Result<(), &'static str>;

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
            writes_since: None,
            stage: Stage::Drafting,
            previews: HashMap::new(),
            preview_targets: HashSet::new(),
            older_plans: HashMap::new(),
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

    fn apply(&mut self, event: &Envelope) -> Followed {
        match &event.fact {
            Fact::SessionCreated { .. } => Err("a session is created once"),
            Fact::PlanImported { version, digest, steps, .. } => {
                self.plan_imported((*version, *digest), &event.principal, steps)
            }
            Fact::PlanApproved { version, decision } => self.plan_approved(*version, decision.digest, &event.principal),
            Fact::PlanRejected { version, decision } => self.plan_rejected(*version, decision.digest, &event.principal),
            Fact::StepApproved { version, step, covers, decision } => {
                let grant = Grant { digest: decision.digest, covers: *covers, by: event.principal.clone() };
                self.step_approved(event.id, *version, step, grant)
            }
            Fact::StepRejected { version, step, .. } => self.step_rejected(*version, step, &event.principal),
            Fact::StepSkipped { version, step, .. } => self.step_skipped(*version, step, &event.principal),
            Fact::StepStarted { .. } => self.step_started(&event.fact, event.run.ok_or("a start names no run")?),
            Fact::StepExecuted { version, step, preview, .. } => {
                let run = event.run.ok_or("an end names no run")?;
                self.run_ended(*version, step, run, Progress::Succeeded(run))?;
                self.previewed(step, preview.as_ref(), run);
                Ok(())
            }
            Fact::StepFailed { version, step, .. } | Fact::StepInterrupted { version, step, .. } => {
                let run = event.run.ok_or("an end names no run")?;
                self.run_ended(*version, step, run, Progress::Failed(run))
            }
            Fact::StepExecutionRejected { .. } | Fact::StepExecutionWarning { .. } | Fact::ArtifactSaved { .. } => {
                Ok(())
            }
            Fact::PayloadRedacted { event: named } if *named >= event.id => Err("a redaction names an earlier event"),
            Fact::PayloadRedacted { .. } => Ok(()),
            Fact::SessionStopped { .. } => self.stopped(),
            Fact::SessionSucceeded { version } => self.succeeded(*version),
            Fact::DaemonStarted { .. }
            | Fact::PersonAdded { .. }
            | Fact::PersonRemoved { .. }
            | Fact::TokenCreated { .. }
            | Fact::TokenRevoked { .. }
            | Fact::WorkspaceAdded { .. }
            | Fact::WorkspaceRemoved { .. }
            | Fact::WorkspaceRemounted { .. }
            | Fact::AccessRefused { .. }
            | Fact::CheckpointSigned { .. }
            | Fact::RecordExported { .. }
            | Fact::Restored { .. }
            | Fact::ContentReleased { .. }
            | Fact::LossAccepted { .. }
            | Fact::PinSet { .. }
            | Fact::PinRemoved { .. }
            | Fact::PinAccepted { .. }
            | Fact::PinRefused { .. } => Err("the event belongs to no session"),
        }
    }

    fn plan_imported(&mut self, (version, digest): (u32, Digest), by: &PrincipalId, steps: &[StepFact]) -> Followed {
        if self.plan_version().is_some_and(|newest| version <= newest) {
            return Err("versions only grow");
        }
        if self.running().is_some() {
            return Err("a run is in progress");
        }
        let previous = match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Drafting => None,
            Stage::AwaitingPlanApproval(plan)
            | Stage::Working(plan, _)
            | Stage::NeedsReplan(plan, _)
            | Stage::Succeeded(plan, _) => Some(plan),
            Stage::Stopped(_) => return Err("the session is stopped"),
        };
        if let Some(previous) = previous {
            self.supersede(previous);
        }
        let index: HashMap<_, _> = steps.iter().enumerate().map(|(place, step)| (step.id.clone(), place)).collect();
        if index.len() != steps.len() || steps.is_empty() {
            return Err("step ids are unique and there is at least one");
        }
        let steps =
            steps.iter().map(|planned| Step { planned: planned.clone(), progress: Progress::Pending }).collect();
        self.stage = Stage::AwaitingPlanApproval(Current {
            version,
            digest,
            proposer: by.clone(),
            steps,
            index,
            next: 0,
            running: None,
        });
        Ok(())
    }

    fn supersede(&mut self, plan: Current) {
        let version = plan.version;
        self.older_plans.insert(version, plan.digest);
        for Step { planned, .. } in plan.steps {
            let varied = self.older_steps.get(&planned.id).is_some_and(|older| older.differs_from(planned.content));
            self.older_steps.insert(planned.id, OlderStep { version, content: planned.content, varied });
        }
    }

    fn plan_approved(&mut self, version: u32, digest: Digest, by: &PrincipalId) -> Followed {
        match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::AwaitingPlanApproval(plan) if plan.version == version && plan.digest == digest => {
                self.stage = Stage::Working(plan, PlanGrant { by: by.clone() });
                Ok(())
            }
            Stage::AwaitingPlanApproval(_)
            | Stage::Drafting
            | Stage::Working(..)
            | Stage::NeedsReplan(..)
            | Stage::Succeeded(..)
            | Stage::Stopped(_) => Err("no plan of this version and digest awaits approval"),
        }
    }

    fn plan_rejected(&mut self, version: u32, digest: Digest, by: &PrincipalId) -> Followed {
        match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::AwaitingPlanApproval(plan) | Stage::Working(plan, _)
                if plan.version == version && plan.digest == digest && plan.running.is_none() =>
            {
                self.stage = Stage::NeedsReplan(plan, Cause::PlanRejected(by.clone()));
                Ok(())
            }
            Stage::AwaitingPlanApproval(_)
            | Stage::Drafting
            | Stage::Working(..)
            | Stage::NeedsReplan(..)
            | Stage::Succeeded(..)
            | Stage::Stopped(_) => Err("no plan of this version and digest can be rejected"),
        }
    }

    fn step_approved(&mut self, at: EventId, version: u32, step: &StepId, grant: Grant) -> Followed {
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
        if step.planned.effect == Effect::Writes {
            self.writes_since.get_or_insert(at);
        }
        Ok(())
    }

    fn step_rejected(&mut self, version: u32, step: &StepId, by: &PrincipalId) -> Followed {
        self.step_not_started(version, step)?.progress = Progress::Rejected(by.clone());
        self.needs_new_plan();
        Ok(())
    }

    fn step_skipped(&mut self, version: u32, step: &StepId, by: &PrincipalId) -> Followed {
        self.step_not_started(version, step)?.progress = Progress::Skipped(by.clone());
        self.advance();
        Ok(())
    }

    fn step_started(&mut self, start: &Fact, run: RunId) -> Followed {
        self.start_is_allowed(start)?;
        let Fact::StepStarted { version, step, digest, template_digest, covers, .. } = start else {
            return Err("not a start");
        };
        let Stage::Working(plan, _) = &mut self.stage else { return Err("no approved plan is at work") };
        let place = *plan.index.get(step).ok_or("the plan has no such step")?;
        if plan.version != *version || plan.running.is_some() || plan.next != place {
            return Err("the step is not the next one");
        }
        let entry = &mut plan.steps[place];
        let Progress::Approved(grant) = &entry.progress else { return Err("the step is not approved") };
        let granted = match grant.covers {
            Covers::Resolved => digest,
            Covers::Template => template_digest,
        };
        if grant.digest != *granted || grant.covers != *covers {
            return Err("what starts is not what was approved");
        }
        entry.progress = Progress::Running(grant.clone(), run);
        plan.running = Some(place);
        Ok(())
    }

    /// What a start says of itself agrees with the plan, the session's profile and the previews on record.
    fn start_is_allowed(&self, start: &Fact) -> Followed {
        let Fact::StepStarted {
            step,
            tool,
            effect,
            digest,
            template_digest,
            inputs,
            high_risk_confirmed,
            tier,
            box_digest,
            files,
            gate,
            ..
        } = start
        else {
            return Err("not a start");
        };
        let planned = self.step(step).ok_or("the plan has no such step")?;
        if self.template_digest(step) != Some(*template_digest) {
            return Err("the template's digest is not the plan's");
        }
        if self.step_digest(step, *inputs) != Some(*digest) {
            return Err("the digest is not that of the inputs");
        }
        if (&planned.tool, planned.effect, planned.box_digest) != (tool, *effect, *box_digest) {
            return Err("tool, effect or box is not the plan's");
        }
        if self.profile == Profile::Strict && planned.risk == Risk::High && !high_risk_confirmed {
            return Err("high risk was not confirmed");
        }
        if self.mode == Mode::DryRun && *effect == Effect::Writes {
            return Err("a dry run applies nothing");
        }
        if !tier.holds(*effect, self.profile) {
            return Err("the isolation is too low");
        }
        let gate_holds = match gate {
            Gate::NotNeeded => *effect != Effect::Writes,
            Gate::Recorded { run } => *effect == Effect::Writes && self.preview_run(&files_digest(files)) == Some(*run),
            Gate::Stale | Gate::Missing => *effect == Effect::Writes,
        };
        if gate_holds { Ok(()) } else { Err("the preview gate is not as it stood") }
    }

    /// Only a step that previews leaves a preview on record, whatever else a run may say it showed.
    fn previewed(&mut self, step: &StepId, preview: Option<&PreviewFact>, run: RunId) {
        let previews = self.step(step).is_some_and(|planned| planned.effect == Effect::Previews);
        if let Some(preview) = preview.filter(|_| previews) {
            self.previews.insert(preview.files, run);
            self.preview_targets.insert(preview.targets);
        }
    }

    fn run_ended(&mut self, version: u32, step: &StepId, run: RunId, end: Progress) -> Followed {
        let (Stage::Working(plan, _) | Stage::NeedsReplan(plan, _) | Stage::Stopped(Some(plan))) = &mut self.stage
        else {
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
        if failed {
            self.needs_new_plan();
        } else {
            self.advance();
        }
        Ok(())
    }

    fn stopped(&mut self) -> Followed {
        let plan = match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Drafting => None,
            Stage::AwaitingPlanApproval(plan)
            | Stage::Working(plan, _)
            | Stage::NeedsReplan(plan, _)
            | Stage::Succeeded(plan, _) => Some(plan),
            Stage::Stopped(_) => return Err("the session is stopped already"),
        };
        self.stage = Stage::Stopped(plan);
        self.writes_since = None;
        Ok(())
    }

    fn succeeded(&mut self, version: u32) -> Followed {
        match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Working(plan, grant) if plan.version == version && plan.is_done() => {
                self.stage = Stage::Succeeded(plan, grant);
                self.writes_since = None;
                Ok(())
            }
            Stage::Working(..)
            | Stage::Drafting
            | Stage::AwaitingPlanApproval(_)
            | Stage::NeedsReplan(..)
            | Stage::Succeeded(..)
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

    fn step_not_started(&mut self, version: u32, step: &StepId) -> Result<&mut Step, &'static str> {
        let step = self.waiting_step(version, step)?;
        if !matches!(step.progress, Progress::Pending | Progress::Approved(_)) {
            return Err("the step has started");
        }
        Ok(step)
    }

    /// A plan at work stops being that; a session that is stopped, or waits for a new plan already, stays so.
    fn needs_new_plan(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Drafting) {
            Stage::Working(plan, _) => Stage::NeedsReplan(plan, Cause::Step),
            other @ (Stage::Drafting
            | Stage::AwaitingPlanApproval(_)
            | Stage::NeedsReplan(..)
            | Stage::Succeeded(..)
            | Stage::Stopped(_)) => other,
        };
    }

    fn advance(&mut self) {
        if let Stage::Working(plan, _) | Stage::NeedsReplan(plan, _) | Stage::Stopped(Some(plan)) = &mut self.stage {
            let done = |step: &&Step| matches!(step.progress, Progress::Succeeded(_) | Progress::Skipped(_));
            plan.next += plan.steps[plan.next..].iter().take_while(done).count();
        }
    }
}
