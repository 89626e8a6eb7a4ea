//! Taking back: makes the plan version that puts back what calt wrote. It writes nothing itself.

use std::collections::HashMap;

use calt_core::decide::{CreateSession, HomeFacts};
use calt_core::event::{Mode, Profile, WorkspaceIdentity};
use calt_core::plan::check::CONDITIONS_MAX;
use calt_core::reference::{self, Reading};
use calt_core::session::SessionStatus;
use calt_core::undo::{LeftAlone, Scope, Standing, TakenBack, Undo, Wanted, Written};
use calt_core::{Action, Facts, Refusal, RunId, SessionId};
use calt_store::StoreError;
use calt_tools::FILES_MAX;
use serde_json::{Value, json};

use crate::chance;
use crate::engine::{Asker, Engine, Fault, blocking};
use crate::place::Place;
use crate::sessions::remove_empty_session;

/// Seconds each step of an undo may take: as long as any step.
const STEP_SECONDS: u32 = *calt_core::plan::STEP_TIMEOUT_SECONDS.end();
/// Longest word on a file that is left alone, in the plan's preconditions, in characters.
const CONDITION_CHARS_MAX: usize = 300;

/// The plan version that takes back. All text is masked.
#[derive(Clone, Debug)]
pub struct UndoPlan {
    /// The session it stands in.
    pub session: SessionId,
    /// Whether that session was made for it.
    pub is_new_session: bool,
    /// Its version.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// The files it puts back.
    pub taken: Vec<TakenBack>,
    /// The files it leaves alone.
    pub left_alone: Vec<LeftAlone>,
}

/// Who is on a workspace: the sessions, and which of them may still write.
pub(crate) struct Ground {
    pub(crate) place: Place,
    facts: HomeFacts,
    pub(crate) writes: Vec<Written>,
}

impl Engine {
    /// Makes a plan version that takes back what a run wrote, or everything since a session first wrote.
    ///
    /// It goes into the session when that is not stopped, else into the one that works on its files now, else
    /// into a new one. The same undo twice, with nothing decided against it, is one version.
    ///
    /// # Errors
    /// [`Refusal::NothingToTakeBack`], [`Refusal::RunNotFound`], or the gate's reason.
    pub async fn undo(&self, by: Asker, session: &SessionId, run: Option<RunId>) -> Result<UndoPlan, Fault> {
        let turn = self.inner.ground_taking.acquire().await;
        let _turn = turn.map_err(|_| StoreError::Unavailable("the daemon is ending".to_owned()))?;
        let ground = self.ground(session).await?;
        let scope = match run {
            Some(run) => Scope::Run(self.run_on(&ground, run).await?),
            None => Scope::Session(session.clone()),
        };
        let target = ground.facts.open.clone();
        let state = match &target {
            Some(open) => self.store().session_state(open).await?,
            None => None,
        };
        let found = self.survey_undo(&ground, &scope).await?;
        // What is refused and what is answered is masked; only the plan as submitted holds names as they are.
        let told = self.masked_undo(found.clone()).allowed(state.as_deref(), session, run)?;
        let title = title(session, run);
        let document = document(&title, run, &found);
        let draft = self.draft(&document).await?;
        let waiting = state.as_deref().filter(|state| is_waiting(state.status()));
        let same = waiting.and_then(|state| Some((state.plan_version()?, state.plan_digest()?)));
        let same = same.filter(|(version, digest)| draft.number(*version).digest() == *digest);
        drop(state);
        let (into, is_new_session) = match target {
            Some(open) => (open, false),
            None => (self.session_on(&by, &ground, &title).await?, true),
        };
        let version = match same {
            Some((version, _)) => version,
            None => self.import_plan(by, &into, &document).await?,
        };
        let Undo { taken, left_alone } = told;
        Ok(UndoPlan { session: into, is_new_session, version, title, taken, left_alone })
    }

    /// Who is on a session's workspace, and what was written there.
    pub(crate) async fn ground(&self, session: &SessionId) -> Result<Ground, Fault> {
        let place = self.place_of(session).await?;
        let (engine, at) = (self.clone(), place.home.clone());
        let (sessions, mut writes) = blocking(move || -> Result<_, StoreError> {
            let sessions = engine.store().sessions_on(&at)?;
            let writes: Result<Vec<_>, _> = sessions.iter().map(|session| engine.store().written_by(session)).collect();
            Ok((sessions, writes?.concat()))
        })
        .await??;
        writes.sort_by_key(|written| written.run);
        let mut facts = HomeFacts { open: None, running: None };
        for other in sessions {
            let Some(state) = self.store().session_state(&other).await? else { continue };
            if let Some((run, step)) = state.running() {
                facts.running = Some((other.clone(), step.clone(), run));
            }
            if state.status() != SessionStatus::Cancelled {
                facts.open = Some(other);
            }
        }
        Ok(Ground { place, facts, writes })
    }

    /// A run of this workspace, whether it wrote or not.
    async fn run_on(&self, ground: &Ground, run: RunId) -> Result<RunId, Fault> {
        let engine = self.clone();
        let row = blocking(move || engine.store().run(run)).await??;
        let missing = || Fault::from(Refusal::RunNotFound { run });
        let session = row.ok_or_else(missing)?.session_id;
        if self.place_of(&session).await?.home == ground.place.home { Ok(run) } else { Err(missing()) }
    }

    /// Looks at the files and at the pre-images. Touches nothing.
    async fn survey_undo(&self, ground: &Ground, scope: &Scope) -> Result<Undo, Fault> {
        self.settle(ground, Wanted::of(&ground.writes, scope)).await
    }

    /// The same for what is wanted already.
    pub(crate) async fn settle(&self, ground: &Ground, wanted: Wanted) -> Result<Undo, Fault> {
        let (engine, place) = (self.clone(), ground.place.clone());
        blocking(move || {
            let workspace = engine.open_workspace(&place).map_err(|unopened| unopened.refusal(&place))?;
            let standing = |path: &str| match reference::read(path) {
                Reading::Literal => workspace.standing(path),
                Reading::Reference { .. } | Reading::Malformed => {
                    Standing::Unusable("its name would read as a reference in a plan".to_owned())
                }
            };
            let now: HashMap<_, _> = wanted.paths().map(|path| (path.to_owned(), standing(path))).collect();
            Ok(wanted.settle(&now, &workspace.lost(&wanted.pre_images())))
        })
        .await?
    }

    /// Opens a session on the workspace of one that is stopped.
    async fn session_on(&self, by: &Asker, ground: &Ground, title: &str) -> Result<SessionId, Fault> {
        let id = chance::session_id();
        let create = Action::CreateSession(CreateSession {
            id: id.clone(),
            goal: Some(title.to_owned()),
            mode: Mode::Normal,
            profile: Profile::Strict,
            workspace: WorkspaceIdentity::Of { session: ground.place.home.clone() },
            ticket: None,
            origin: Some("undo".to_owned()),
            copied: None,
        });
        let (holdings, _room) = self.take_room(by, false).await?;
        let facts = Facts { home: Some(ground.facts.clone()), holdings, ..self.facts() };
        self.would_take(by, &id, &create, &facts).await?;
        let (store, made_for) = (self.store().clone(), id.clone());
        blocking(move || store.files().make_session(&made_for)).await?.map_err(StoreError::from)?;
        let made = self.submit(by.clone(), &id, create, facts).await;
        if let Err(Fault::Refused(_)) = made {
            // Nothing names these directories, and they are empty.
            let directory = self.session_dir(&id);
            blocking(move || remove_empty_session(&directory)).await?;
        }
        made.map(|_| id)
    }

    fn masked_undo(&self, mut undo: Undo) -> Undo {
        for file in &mut undo.taken {
            file.path = self.inner.masker.mask_text(&file.path).into_owned();
            file.from = self.mask(file.from.take());
        }
        for file in &mut undo.left_alone {
            for text in [&mut file.path, &mut file.reason] {
                *text = self.inner.masker.mask_text(text).into_owned();
            }
        }
        undo
    }
}

/// Whether the newest plan waits to be decided or goes on: then the same plan need not come again.
const fn is_waiting(status: SessionStatus) -> bool {
    match status {
        SessionStatus::AwaitingPlanApproval | SessionStatus::AwaitingStepApproval | SessionStatus::Running => true,
        SessionStatus::Pending | SessionStatus::Succeeded | SessionStatus::Failed | SessionStatus::Cancelled => false,
    }
}

fn title(session: &SessionId, run: Option<RunId>) -> String {
    match run {
        Some(run) => format!("Take back run {run} of {session}"),
        None => format!("Take back what {session} wrote"),
    }
}

/// The plan: previews first, then applies, as many pairs as the files need.
fn document(title: &str, run: Option<RunId>, undo: &Undo) -> String {
    let left: Vec<String> = undo.left_alone.iter().take(CONDITIONS_MAX).map(condition).collect();
    let parts = undo.taken.chunks(FILES_MAX);
    let count = parts.len();
    // The plan's title names the session; the steps are lines of a list.
    let each =
        run.map_or_else(|| "Put back what was written".to_owned(), |run| format!("Put back what run {run} wrote"));
    let step = |(place, files): (usize, &[TakenBack])| {
        let part = if count == 1 { String::new() } else { format!(", part {} of {count}", place + 1) };
        let suffix = if place == 0 { String::new() } else { format!("-{}", place + 1) };
        json!({
            "id": format!("take-back{suffix}"),
            "title": format!("{each}{part}"),
            "preconditions": left,
            "timeout_sec": STEP_SECONDS,
            "change": {"files": files.iter().map(entry).collect::<Vec<_>>()},
        })
    };
    json!({"title": title, "steps": parts.enumerate().map(step).collect::<Vec<_>>()}).to_string()
}

fn condition(left: &LeftAlone) -> String {
    format!("`{}` is left alone: {}", left.path, left.reason).chars().take(CONDITION_CHARS_MAX).collect()
}

/// One file, as `apply_patch` takes it. It names the bytes and does not carry them.
fn entry(file: &TakenBack) -> Value {
    let expects = file.is.map_or_else(|| json!("absent"), |sha256| json!(sha256));
    let mut entry = match &file.from {
        Some(from) => json!({"path": from, "rename_to": file.path, "expects": expects}),
        None => json!({"path": file.path, "expects": expects}),
    };
    match &file.becomes {
        Some(content) => {
            entry["restore"] = json!({"run": file.run, "sha256": content.sha256});
            if let Some(mode) = &content.mode {
                entry["mode"] = json!(mode);
            }
        }
        None => entry["delete"] = json!(true),
    }
    entry
}
