//! Gathers what a decision about a step needs: the plan, resolved inputs, digests of files.

use std::collections::HashMap;
use std::sync::Arc;

use calt_core::decide::StepFacts;
use calt_core::event::FileChange;
use calt_core::event::{files_digest, targets_digest};
use calt_core::isolation::{BoxSpec, Tier};
use calt_core::permit::{Covers, Gate};
use calt_core::plan::PlannedStep;
use calt_core::reference::{self, Unresolved};
use calt_core::session::{StepSeal, StepStatus, inputs_digest, step_digest};
use calt_core::toolbox::{Effect, Remark};
use calt_core::undo::Standing;
use calt_core::{Digest, Plan, Refusal, RunId, SessionId, StepId};
use serde_json::Value;

use crate::engine::{Engine, Fault, blocking};

/// A step with what was gathered for it.
pub(crate) struct Gathered {
    pub(crate) plan: Arc<Plan>,
    pub(crate) facts: StepFacts,
    /// The inputs a run would use: resolved where references could be.
    pub(crate) inputs: Value,
}

impl Gathered {
    pub(crate) fn step(&self, id: &StepId) -> &PlannedStep {
        self.plan.step(id).expect("gathered for a step of this plan")
    }
}

/// One step as an approver should see it.
#[derive(Clone, Debug)]
pub struct StepDetail {
    /// The plan version it stands in.
    pub version: u32,
    /// The step as planned, its inputs masked.
    pub step: PlannedStep,
    /// Its status.
    pub status: StepStatus,
    /// The digest an approval now would be bound to.
    pub digest: Digest,
    /// What such an approval would cover.
    pub covers: Covers,
    /// The inputs with references resolved, masked; or why they do not resolve.
    pub resolved: Result<Value, Unresolved>,
    /// What an apply would write now.
    pub files: Vec<FileChange>,
    /// Whether exactly that was previewed.
    pub gate: Gate,
    /// The recorded preview's diff, masked.
    pub diff: Option<String>,
    /// Files that are not as the preview found them; masked.
    pub changed_since_preview: Vec<String>,
    /// What the run would refuse, as it is now.
    pub remarks: Vec<Remark>,
    /// How much of a box this machine holds up.
    pub tier: Tier,
}

impl Engine {
    /// The newest plan of a session; `None` when there is none.
    pub(crate) async fn newest_plan(&self, session: &SessionId) -> Result<Option<Arc<Plan>>, Fault> {
        if let Some(plan) = self.cached_plan(session) {
            return Ok(Some(plan));
        }
        let (engine, id) = (self.clone(), session.clone());
        let plan = blocking(move || engine.read_newest_plan(&id)).await??;
        if let Some(plan) = &plan {
            self.cache_plan(session, Arc::clone(plan));
        }
        Ok(plan)
    }

    fn read_newest_plan(&self, session: &SessionId) -> Result<Option<Arc<Plan>>, Fault> {
        let Some(newest) = self.store().session(session)?.and_then(|row| row.plan_version) else { return Ok(None) };
        let Some((row, _)) = self.store().plan(session, newest)? else { return Ok(None) };
        // A plan whose text was redacted has no steps to show.
        if row.masked.is_none() {
            return Ok(None);
        }
        let bytes = self
            .store()
            .files()
            .read_plan(session, row.version, row.document_digest)
            .map_err(|error| Fault::Internal(format!("plan v{newest} of {session} cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| Fault::Internal(error.to_string()))?;
        let draft = calt_core::plan::draft(&text, self.toolkit()).map_err(|problems| {
            // Codes alone: a message quotes the document, and the daemon's own log holds no inputs.
            let codes: Vec<_> = problems.iter().map(|problem| problem.code.as_str()).collect();
            Fault::Internal(format!("plan v{} no longer reads: {}", row.version, codes.join(", ")))
        })?;
        let plan = draft.number(row.version);
        if plan.digest() != row.digest {
            return Err(Fault::Internal(format!("plan v{} of {session} no longer has its digest", row.version)));
        }
        Ok(Some(Arc::new(plan)))
    }

    /// The plan and the resolved inputs of a step; `None` when the newest plan has no such step.
    pub(crate) async fn gather_inputs(&self, session: &SessionId, step: &StepId) -> Result<Option<Gathered>, Fault> {
        let Some(plan) = self.newest_plan(session).await? else { return Ok(None) };
        let Some(planned) = plan.step(step) else { return Ok(None) };
        let resolved = if planned.references.is_empty() {
            Ok(planned.inputs.clone())
        } else {
            let (engine, id, plan, step) = (self.clone(), session.clone(), Arc::clone(&plan), step.clone());
            blocking(move || engine.resolve(&id, &plan, &step)).await??
        };
        let inputs = resolved.as_ref().unwrap_or(&planned.inputs).clone();
        let facts = StepFacts {
            version: plan.version(),
            plan: plan.digest(),
            inputs: resolved.as_ref().map(inputs_digest).map_err(Clone::clone),
            files: Vec::new(),
            box_spec: planned.box_spec.clone(),
        };
        Ok(Some(Gathered { plan, facts, inputs }))
    }

    /// What a decision on each of these steps needs. Steps that the newest plan does not have are left out.
    pub(crate) async fn gather_many(
        &self,
        session: &SessionId,
        steps: &[StepId],
    ) -> Result<HashMap<StepId, StepFacts>, Fault> {
        let mut facts = HashMap::new();
        for step in steps {
            if let Some(gathered) = self.gather_inputs(session, step).await? {
                facts.insert(step.clone(), gathered.facts);
            }
        }
        Ok(facts)
    }

    fn resolve(&self, session: &SessionId, plan: &Plan, step: &StepId) -> Result<Result<Value, Unresolved>, Fault> {
        let planned = plan.step(step).expect("the caller found the step");
        let mut outputs = HashMap::new();
        for reference in &planned.references {
            if !outputs.contains_key(&reference.step) {
                let output = self.store().recorded_output(session, plan.version(), &reference.step)?;
                outputs.insert(reference.step.clone(), output);
            }
        }
        Ok(reference::resolve(&planned.inputs, &planned.references, |step| outputs.get(step).cloned().flatten()))
    }

    /// The same, with the digests of the files an apply would write now.
    pub(crate) async fn gather_all(&self, session: &SessionId, step: &StepId) -> Result<Option<Gathered>, Fault> {
        let Some(mut gathered) = self.gather_inputs(session, step).await? else { return Ok(None) };
        let planned = gathered.step(step);
        if planned.effect == Effect::Writes && gathered.facts.inputs.is_ok() {
            let (engine, tool, inputs) = (self.clone(), planned.tool.clone(), gathered.inputs.clone());
            let place = self.place_of(session).await?;
            gathered.facts.files = blocking(move || {
                // What cannot be surveyed fails inside the run, where the failure is recorded.
                let Ok(workspace) = engine.open_workspace(&place) else { return Vec::new() };
                calt_tools::survey(engine.toolkit(), &workspace, &tool, &inputs).unwrap_or_default()
            })
            .await?;
        }
        Ok(Some(gathered))
    }

    /// One step of the newest plan as an approver should see it.
    ///
    /// # Errors
    /// [`Refusal::SessionNotFound`] or [`Refusal::StepNotFound`].
    pub async fn step_detail(&self, session: &SessionId, step: &StepId) -> Result<StepDetail, Fault> {
        let Some(state) = self.store().session_state(session).await? else {
            return Err(Refusal::SessionNotFound { session: session.to_string() }.into());
        };
        let Some(gathered) = self.gather_all(session, step).await? else {
            return Err(Refusal::StepNotFound { session: session.clone(), step: step.to_string() }.into());
        };
        let planned = gathered.step(step).clone();
        let seal = |inputs: Digest| {
            step_digest(&StepSeal {
                session,
                workspace: state.workspace(),
                plan: gathered.plan.digest(),
                step,
                risk: planned.risk,
                box_digest: planned.box_spec.as_ref().map(BoxSpec::digest),
                inputs,
            })
        };
        let (digest, covers) = match gathered.facts.inputs {
            Ok(inputs) => (seal(inputs), Covers::Resolved),
            Err(_) => (seal(inputs_digest(&planned.inputs)), Covers::Template),
        };
        let gate = match state.preview_run(&files_digest(&gathered.facts.files)) {
            _ if planned.effect != Effect::Writes => Gate::NotNeeded,
            Some(run) => Gate::Recorded { run },
            None if state.previewed_targets(&targets_digest(&gathered.facts.files)) => Gate::Stale,
            None => Gate::Missing,
        };
        let diff = match &gate {
            Gate::Recorded { run } => self.recorded_diff(*run).await?,
            Gate::NotNeeded | Gate::Stale | Gate::Missing => None,
        };
        // Once it has run, its own effect is what changed them.
        let changed_since_preview = match state.step_status(step) {
            Some(StepStatus::Pending | StepStatus::Approved) if planned.effect == Effect::Writes => {
                self.drift(session, &gathered.inputs["preview"]["files"]).await?
            }
            Some(_) | None => Vec::new(),
        };
        let masked = |value: &Value| self.inner.masker.mask_json(value.clone()).value;
        let remarks = self.masked_remarks(&self.toolkit_remarks(&planned.tool, &gathered.inputs, &planned.remarks));
        let remarks = remarks.into_iter().chain(self.hidden(&gathered.inputs)).collect();
        Ok(StepDetail {
            version: gathered.plan.version(),
            status: state.step_status(step).unwrap_or(StepStatus::Pending),
            digest,
            covers,
            resolved: gathered.facts.inputs.clone().map(|_| masked(&gathered.inputs)),
            files: gathered.facts.files.clone(),
            gate,
            diff,
            changed_since_preview,
            remarks,
            tier: self.tier(),
            step: self.masked_step(&planned),
        })
    }

    /// Files of a preview that do not stand as it found them.
    async fn drift(&self, session: &SessionId, previewed: &Value) -> Result<Vec<String>, Fault> {
        // Anything may stand in a plan in place of what a preview gave.
        let Ok(previewed) = serde_json::from_value::<Vec<FileChange>>(previewed.clone()) else {
            return Ok(Vec::new());
        };
        let (engine, place) = (self.clone(), self.place_of(session).await?);
        let changed = blocking(move || {
            let Ok(workspace) = engine.open_workspace(&place) else { return Vec::new() };
            let is_other = |file: &FileChange| match workspace.standing(file.from.as_ref().unwrap_or(&file.path)) {
                Standing::Absent => file.old_exists,
                Standing::File { sha256, .. } => !file.old_exists || sha256 != file.old_sha256,
                Standing::Unusable(_) => true,
            };
            previewed.into_iter().filter(is_other).map(|file| file.path).collect::<Vec<_>>()
        });
        let mask = |path: String| self.inner.masker.mask_text(&path).into_owned();
        Ok(changed.await?.into_iter().map(mask).collect())
    }

    /// The remarks of the plan, and those that show only once references are resolved.
    fn toolkit_remarks(&self, tool: &str, inputs: &Value, planned: &[Remark]) -> Vec<Remark> {
        use calt_core::toolbox::Toolbox as _;
        let mut remarks = planned.to_vec();
        for remark in self.toolkit().tool(tool).map(|rules| rules.remarks(inputs)).unwrap_or_default() {
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
        remarks
    }

    async fn recorded_diff(&self, run: RunId) -> Result<Option<String>, Fault> {
        let engine = self.clone();
        let output = blocking(move || engine.store().run_output(run)).await??;
        Ok(output.and_then(|recorded| recorded.output["diff"].as_str().map(str::to_owned)))
    }
}
