//! Sessions and decisions: turning what is asked into commands.

use calt_core::decide::{Answer, CreateSession, DECISION_ITEMS_MAX, Item, Said, Verdict};
use calt_core::event::{How, Mode, Profile, WorkspaceIdentity};
use calt_core::moment::{Moment, pass};
use calt_core::{Action, Digest, Refusal, SessionId, StepId, Timestamp};
use calt_store::StoreError;
use calt_tools::Workspace;

use crate::chance;
use crate::engine::{Asker, Engine, Fault, blocking, io_fault};

/// What a new session is to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// What it is for.
    pub goal: Option<String>,
    /// How it may act.
    pub mode: Mode,
    /// How strictly it is held.
    pub profile: Profile,
    /// The name of a workspace; none are kept by name yet.
    pub workspace: Option<String>,
    /// The ticket it belongs to.
    pub ticket: Option<String>,
    /// What made it.
    pub origin: Option<String>,
}

/// Yes or no to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanVerdict {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// Yes, no, or leave out, to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepVerdict {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Leave it out.
    Skip,
}

/// What was seen, and how it was decided.
#[derive(Clone, Debug, Default)]
pub struct DecisionWords {
    /// The digest the client says it showed.
    pub digest: Option<Digest>,
    /// Why not.
    pub reason: Option<String>,
    /// One id for all that was decided in one look; made here when absent.
    pub decision_id: Option<String>,
    /// By what act.
    pub how: Option<How>,
    /// The locale of what was shown.
    pub locale: Option<String>,
    /// SHA-256 of the bytes shown.
    pub view_digest: Option<Digest>,
    /// Whether anything was cut.
    pub view_cut: Option<bool>,
    /// When it was shown.
    pub shown_at: Option<Timestamp>,
}

impl Engine {
    /// Makes a session with its directories.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or a named workspace is not known.
    pub async fn create_session(&self, by: Asker, request: NewSession) -> Result<SessionId, Fault> {
        if let Some(name) = &request.workspace {
            let what = format!("workspace `{}`", self.inner.masker.mask_text(name));
            return Err(Refusal::InputInvalid { what, reason: "no workspace of this name is known".to_owned() }.into());
        }
        let id = chance::session_id();
        let create = Action::CreateSession(CreateSession {
            id: id.clone(),
            goal: self.mask(request.goal),
            mode: request.mode,
            profile: request.profile,
            workspace: WorkspaceIdentity::Own,
            ticket: self.mask(request.ticket),
            origin: self.mask(request.origin),
        });
        self.would_take(&by, &id, &create, &self.facts()).await?;
        let made = self.make_session(by, &id, create).await;
        if made.is_err() && matches!(self.store().session_state(&id).await, Ok(None)) {
            // No event names these directories, and they are empty.
            let directory = self.session_dir(&id);
            blocking(move || remove_empty_session(&directory)).await?;
        }
        made.map(|()| id)
    }

    async fn make_session(&self, by: Asker, id: &SessionId, create: Action) -> Result<(), Fault> {
        let (store, workspace, made_for) = (self.store().clone(), self.workspace_dir(id), id.clone());
        blocking(move || -> Result<(), Fault> {
            // The workspace comes first: what follows makes it durable together with its own directories.
            Workspace::create(&workspace).map_err(|error| io_fault("cannot make workspace", &workspace, &error))?;
            Ok(store.files().make_session(&made_for).map_err(StoreError::from)?)
        })
        .await??;
        pass(Moment::SessionDirectoriesMade);
        self.submit(by, id, create, self.facts()).await.map(drop)
    }

    /// Records a person's yes or no to a plan.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the gate's reason.
    pub async fn decide_plan(
        &self,
        by: Asker,
        session: &SessionId,
        version: u32,
        verdict: PlanVerdict,
        words: DecisionWords,
    ) -> Result<Answer, Fault> {
        let words = self.verdict(words);
        let action = match verdict {
            PlanVerdict::Approve => Action::ApprovePlan { version, verdict: words },
            PlanVerdict::Reject => Action::RejectPlan { version, verdict: words },
        };
        self.submit(by, session, action, self.facts()).await.map(|(answer, _)| answer)
    }

    /// Records a person's yes or no to a step, or leaves it out.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the gate's reason.
    pub async fn decide_step(
        &self,
        by: Asker,
        session: &SessionId,
        step: &StepId,
        verdict: StepVerdict,
        words: DecisionWords,
    ) -> Result<Answer, Fault> {
        let mut facts = self.facts();
        facts.steps = self.gather_many(session, std::slice::from_ref(step)).await?;
        let (step, words) = (step.clone(), self.verdict(words));
        let action = match verdict {
            StepVerdict::Approve => Action::ApproveStep { step, verdict: words },
            StepVerdict::Reject => Action::RejectStep { step, verdict: words },
            StepVerdict::Skip => Action::SkipStep { step, verdict: words },
        };
        self.submit(by, session, action, facts).await.map(|(answer, _)| answer)
    }

    /// Records one answer to many things at once: to all of them, or to none.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the gate's reason, which names the first item that stands in the way.
    pub async fn decide_all(
        &self,
        by: Asker,
        session: &SessionId,
        (said, items): (Said, Vec<Item>),
        words: DecisionWords,
    ) -> Result<Answer, Fault> {
        let mut facts = self.facts();
        // A list that is too long is refused as it is: nothing is looked up for it.
        if items.len() <= DECISION_ITEMS_MAX {
            let steps: Vec<StepId> = items.iter().filter_map(|item| item.step.clone()).collect();
            facts.steps = self.gather_many(session, &steps).await?;
        }
        let action = Action::DecideAll { said, items, verdict: self.verdict(words) };
        self.submit(by, session, action, facts).await.map(|(answer, _)| answer)
    }

    /// Stops a session for good: durable first, then the run in progress is ended, then the answer.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not.
    pub async fn stop(&self, by: Asker, session: &SessionId) -> Result<(), Fault> {
        let (answer, _) = self.submit(by, session, Action::Stop, self.facts()).await?;
        if let Answer::Stopped { run: Some(run) } = answer {
            pass(Moment::StopRecorded);
            self.cancel_run(run).await?;
        }
        Ok(())
    }

    fn verdict(&self, words: DecisionWords) -> Verdict {
        Verdict {
            digest: words.digest,
            reason: self.mask(words.reason),
            decision_id: words.decision_id.unwrap_or_else(chance::decision_id),
            how: words.how,
            locale: self.mask(words.locale),
            view_digest: words.view_digest,
            view_cut: words.view_cut,
            shown_at: words.shown_at,
        }
    }
}

pub(crate) fn remove_empty_session(directory: &std::path::Path) {
    for below in ["workspace", "artifacts", "plans"] {
        let _ = std::fs::remove_dir(directory.join(below));
    }
    let _ = std::fs::remove_dir(directory);
}
