//! Sessions and decisions: turning what is asked into commands.

use calt_core::decide::{Answer, CreateSession, DECISION_ITEMS_MAX, Item, Said, Verdict};
use calt_core::event::{How, Mode, Profile};
use calt_core::moment::{Moment, pass};
use calt_core::quota::Holdings;
use calt_core::{Action, Digest, Facts, SessionId, StepId, Timestamp};
use calt_store::StoreError;
use calt_tools::Workspace;

use crate::chance;
use crate::engine::{Asker, Engine, Fault, blocking, io_fault};
use crate::workspaces::WantedWorkspace;

/// What a new session is to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// What it is for.
    pub goal: Option<String>,
    /// How it may act.
    pub mode: Mode,
    /// How strictly it is held.
    pub profile: Profile,
    /// The name of a workspace.
    pub workspace: Option<String>,
    /// Whether a snapshot takes along what is not committed.
    pub uncommitted: bool,
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
    /// Makes a session with its directories. A snapshot takes seconds; it goes on though the caller goes away.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or the named workspace is not known or cannot be used.
    pub async fn create_session(&self, by: Asker, request: NewSession) -> Result<SessionId, Fault> {
        let wanted = self.wanted_workspace(&request).await?;
        let id = chance::session_id();
        let create = CreateSession {
            id: id.clone(),
            goal: self.mask(request.goal),
            mode: request.mode,
            profile: request.profile,
            workspace: wanted.identity(),
            ticket: self.mask(request.ticket),
            origin: self.mask(request.origin),
            copied: None,
        };
        let (holdings, room) = self.take_room(&by, matches!(wanted, WantedWorkspace::Snapshot { .. })).await?;
        let facts = Facts { holdings, ..self.facts() };
        self.would_take(&by, &id, &Action::CreateSession(create.clone()), &facts).await?;
        let engine = self.clone();
        let making = self.inner.tasks.spawn(async move {
            let made = engine.make_session(by, create, wanted, holdings).await;
            drop(room);
            if made.is_err() {
                engine.unmake_session(&id).await?;
            }
            made.map(|()| id)
        });
        making.await.map_err(|error| Fault::Internal(error.to_string()))?
    }

    async fn make_session(
        &self,
        by: Asker,
        create: CreateSession,
        wanted: WantedWorkspace,
        holdings: Holdings,
    ) -> Result<(), Fault> {
        let id = create.id.clone();
        let create = match wanted {
            WantedWorkspace::Own | WantedWorkspace::Attach { .. } => {
                let has_own = matches!(wanted, WantedWorkspace::Own);
                self.make_directories(&id, has_own).await?;
                create
            }
            WantedWorkspace::Snapshot { workspace, uncommitted } => {
                self.make_snapshot(create, workspace, uncommitted).await?
            }
        };
        pass(Moment::SessionDirectoriesMade);
        let is_copy = create.copied.is_some();
        let facts = Facts { holdings, ..self.facts() };
        self.submit(by, &id, Action::CreateSession(create), facts).await.map(drop)?;
        if is_copy {
            let store = self.store().clone();
            blocking(move || store.files().finish_copy(&id)).await?.map_err(StoreError::from)?;
        }
        Ok(())
    }

    pub(crate) async fn make_directories(&self, id: &SessionId, has_own: bool) -> Result<(), Fault> {
        let (store, workspace, made_for) = (self.store().clone(), self.workspace_dir(id), id.clone());
        blocking(move || -> Result<(), Fault> {
            // The workspace comes first: what follows makes it durable together with its own directories.
            if has_own {
                Workspace::create(&workspace).map_err(|error| io_fault("cannot make workspace", &workspace, &error))?;
            }
            Ok(store.files().make_session(&made_for).map_err(StoreError::from)?)
        })
        .await?
    }

    /// Takes away the directories of a session that did not come to be.
    async fn unmake_session(&self, id: &SessionId) -> Result<(), Fault> {
        if !matches!(self.store().session_state(id).await, Ok(None)) {
            return Ok(());
        }
        let (store, directory, id) = (self.store().clone(), self.session_dir(id), id.clone());
        blocking(move || {
            if store.files().remove_unfinished_copy(&id).unwrap_or(false) {
                return;
            }
            // No event names these directories, and they are empty.
            remove_empty_session(&directory);
        })
        .await
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
        // Held until it is decided: nobody else is let in between the look and the answer.
        let _turn = match verdict {
            StepVerdict::Approve => self.look_around(session, &mut facts).await?,
            StepVerdict::Reject | StepVerdict::Skip => None,
        };
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
        let _turn = match said {
            Said::Approve => self.look_around(session, &mut facts).await?,
            Said::Reject | Said::Skip => None,
        };
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
