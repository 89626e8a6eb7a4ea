//! Taking in plans, and checking them without taking them in.

use std::sync::Arc;

use calt_core::decide::{Answer, ImportPlan};
use calt_core::event::WorkspaceIdentity;
use calt_core::isolation::BoxSpec;
use calt_core::moment::{Moment, pass};
use calt_core::plan::{Draft, Plan, PlannedStep, Verify};
use calt_core::session::{StepSeal, inputs_digest, step_digest};
use calt_core::toolbox::{Remark, Risk};
use calt_core::{Action, Digest, Refusal, SessionId};
use calt_store::StoreError;
use serde_json::{Value, json};

use crate::engine::{Asker, Engine, Fault, blocking};

/// How often an import without a version of its own is tried again when another one came first.
const NUMBERING_TRIES: usize = 8;
/// Most places that a remark on masked parts names.
const HIDDEN_PLACES_MAX: usize = 5;

/// What a check found in a plan that could be imported.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The version it would get.
    pub version: u32,
    /// The title.
    pub title: String,
    /// The goal it gives a session that is made for it.
    pub session_goal: Option<String>,
    /// The digest it would have.
    pub digest: Digest,
    /// The steps, as they would stand.
    pub steps: Vec<CheckedStep>,
    /// What is missing on this machine, by step.
    pub missing: Vec<(String, Remark)>,
}

/// One step of a checked plan.
#[derive(Clone, Debug)]
pub struct CheckedStep {
    /// The step, its inputs masked.
    pub step: PlannedStep,
    /// What the run would refuse, and the like.
    pub remarks: Vec<Remark>,
    /// Its effective risk.
    pub risk: Risk,
}

impl Engine {
    /// Reads, checks, stores and imports a plan. Answers with its version.
    ///
    /// # Errors
    /// [`Refusal::PlanInvalid`] with every problem, or the gate's reason.
    pub async fn import_plan(&self, by: Asker, session: &SessionId, document: &str) -> Result<u32, Fault> {
        let state = self.store().session_state(session).await?;
        let workspace = state.map_or(WorkspaceIdentity::Own, |state| state.workspace().clone());
        let draft = self.draft(document).await?;
        let document_digest = Digest::of_bytes(document.as_bytes());
        let mut tries = 0;
        loop {
            tries += 1;
            let newest = self.newest_version(session).await?;
            let version = draft.version.unwrap_or(newest.unwrap_or(0) + 1);
            let plan = Arc::new(draft.clone().number(version));
            let import = ImportPlan {
                plan: Arc::clone(&plan),
                version_given: draft.version.is_some(),
                masked: Arc::new(self.masked_plan(session, &workspace, &plan)),
                document_digest,
            };
            let action = Action::ImportPlan(import);
            let taken = match self.would_take(&by, session, &action, &self.facts()).await {
                Ok(()) => {
                    self.keep_document(session, version, document, document_digest).await?;
                    pass(Moment::PlanKept);
                    self.submit(by.clone(), session, action, self.facts()).await
                }
                Err(fault) => Err(fault),
            };
            match taken {
                Ok((Answer::PlanImported { version, .. }, _)) => {
                    self.cache_plan(session, plan);
                    return Ok(version);
                }
                Ok((other, _)) => return Err(Fault::Internal(format!("an import was answered with {other:?}"))),
                Err(Fault::Refused(Refusal::PlanVersionExists { .. }))
                    if draft.version.is_none() && tries < NUMBERING_TRIES => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Checks a plan without importing it. Nothing in the workspace is read.
    ///
    /// # Errors
    /// [`Refusal::PlanInvalid`] with every problem.
    pub async fn check_plan(&self, session: Option<&SessionId>, document: &str) -> Result<CheckReport, Fault> {
        let draft = self.draft(document).await?;
        let newest = match session {
            Some(session) => self.newest_version(session).await?,
            None => None,
        };
        let plan = draft.clone().number(draft.version.unwrap_or(newest.unwrap_or(0) + 1));
        let missing = plan
            .steps()
            .iter()
            .flat_map(|step| self.masked_remarks(&step.remarks).into_iter().map(|remark| (step.id.to_string(), remark)))
            .filter(|(_, remark)| ["program_missing", "isolation_unavailable"].contains(&remark.code.as_str()))
            .collect();
        let steps = plan
            .steps()
            .iter()
            .map(|step| CheckedStep {
                step: self.masked_step(step),
                remarks: self.masked_step(step).remarks,
                risk: step.risk,
            })
            .collect();
        let title = self.inner.masker.mask_text(plan.title()).into_owned();
        let session_goal = self.mask(plan.session_goal().map(str::to_owned));
        Ok(CheckReport { version: plan.version(), title, session_goal, digest: plan.digest(), steps, missing })
    }

    /// A step as it may be shown: every text in it masked.
    pub(crate) fn masked_step(&self, step: &PlannedStep) -> PlannedStep {
        let text = |text: &String| self.inner.masker.mask_text(text).into_owned();
        let json = |value: &Value| self.inner.masker.mask_json(value.clone()).value;
        PlannedStep {
            title: text(&step.title),
            inputs: json(&step.inputs),
            meta: step.meta.as_ref().map(json),
            preconditions: step.preconditions.iter().map(text).collect(),
            postconditions: step.postconditions.iter().map(text).collect(),
            expected_observation: step.expected_observation.as_ref().map(text),
            verify: step.verify.as_ref().map(|verify| Verify { kind: verify.kind, expr: text(&verify.expr) }),
            remarks: self.masked_remarks(&step.remarks).into_iter().chain(self.hidden(&step.inputs)).collect(),
            ..step.clone()
        }
    }

    /// Says where masks hide part of what a step would use: whoever says yes must know that there is more.
    pub(crate) fn hidden(&self, inputs: &Value) -> Option<Remark> {
        let pointers = self.inner.masker.mask_json(inputs.clone()).pointers;
        let places: Vec<String> =
            pointers.iter().take(HIDDEN_PLACES_MAX).map(|pointer| format!("`{pointer}`")).collect();
        let more = if pointers.len() > places.len() { ", …" } else { "" };
        let message = format!(
            "parts of {}{more} are masked: more will be used than is shown; say yes only if you know what it is",
            places.join(", ")
        );
        let message = self.inner.masker.mask_text(&message).into_owned();
        (!places.is_empty()).then(|| Remark { code: "masked".to_owned(), message })
    }

    pub(crate) fn masked_remarks(&self, remarks: &[Remark]) -> Vec<Remark> {
        let masked = |remark: &Remark| Remark {
            code: remark.code.clone(),
            message: self.inner.masker.mask_text(&remark.message).into_owned(),
        };
        remarks.iter().map(masked).collect()
    }

    pub(crate) async fn draft(&self, document: &str) -> Result<Draft, Fault> {
        let (engine, text) = (self.clone(), document.to_owned());
        let draft = blocking(move || calt_core::plan::draft(&text, engine.toolkit())).await?;
        draft.map_err(|mut problems| {
            for problem in &mut problems {
                for text in [&mut problem.pointer, &mut problem.message, &mut problem.fix] {
                    *text = self.inner.masker.mask_text(text).into_owned();
                }
            }
            Refusal::PlanInvalid { problems }.into()
        })
    }

    async fn newest_version(&self, session: &SessionId) -> Result<Option<u32>, Fault> {
        if let Some(plan) = self.cached_plan(session) {
            return Ok(Some(plan.version()));
        }
        let (engine, id) = (self.clone(), session.clone());
        let row = blocking(move || {
            let session = engine.store().session(&id)?;
            Ok::<_, Fault>(session.ok_or_else(|| Refusal::SessionNotFound { session: id.to_string() })?)
        })
        .await??;
        Ok(row.plan_version)
    }

    /// The plan as submitted is what runs need; it is on disk before the event that names it.
    async fn keep_document(
        &self,
        session: &SessionId,
        version: u32,
        document: &str,
        digest: Digest,
    ) -> Result<(), Fault> {
        let (store, session, document) = (self.store().clone(), session.clone(), document.to_owned());
        let kept = blocking(move || store.files().write_plan(&session, version, digest, document.as_bytes())).await?;
        Ok(kept.map_err(StoreError::from)?)
    }

    /// The canonical form, masked, with what an approver is shown of each step.
    fn masked_plan(&self, session: &SessionId, workspace: &WorkspaceIdentity, plan: &Plan) -> Value {
        let mut canonical = plan.canonical();
        if let Some(steps) = canonical["steps"].as_array_mut() {
            for (shown, step) in steps.iter_mut().zip(plan.steps()) {
                shown["inputs"] = step.inputs.clone();
                shown["meta"] = json!(step.meta);
                shown["expected_observation"] = json!(step.expected_observation);
                shown["verify"] = json!(step.verify);
                shown["effect"] = json!(step.effect);
                shown["box"] = json!(step.box_spec);
                shown["remarks"] = json!(step.remarks);
            }
        }
        let mut masked = self.inner.masker.mask_json(canonical).value;
        if let Some(steps) = masked["steps"].as_array_mut() {
            for (shown, step) in steps.iter_mut().zip(plan.steps()) {
                // Ids and digests are added after masking: they are never secrets.
                shown["id"] = json!(step.id);
                if let (Some(remarks), Some(hidden)) = (shown["remarks"].as_array_mut(), self.hidden(&step.inputs)) {
                    remarks.push(json!(hidden));
                }
                shown["tool"] = json!(step.tool);
                shown["digest"] = json!(step_digest(&StepSeal {
                    session,
                    workspace,
                    plan: plan.digest(),
                    step: &step.id,
                    risk: step.risk,
                    box_digest: step.box_spec.as_ref().map(BoxSpec::digest),
                    inputs: inputs_digest(&step.inputs),
                }));
            }
        }
        masked["digest"] = json!(plan.digest());
        masked
    }
}
