//! The engine itself: what it holds, how it opens and how it submits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use calt_core::checkpoint::SigningKey;
use calt_core::decide::{Answer, RosterAction, RosterCommand};
use calt_core::isolation::Tier;
use calt_core::moment::{Moment, pass};
use calt_core::pin::PinFacts;
use calt_core::policy::Demands;
use calt_core::principal::{Caller, Claim, PrincipalKind, Role};
use calt_core::quota::{Holdings, Quota};
use calt_core::redact::Masker;
use calt_core::roster::Roster;
use calt_core::toolbox::ToolSpec;
use calt_core::{Action, ArtifactId, Command, Digest, EventId, Facts, Plan, Refusal, RunId, SessionId};
use calt_store::{Committed, OpenError, OpenReport, Store, StoreConfig, StoreError, ToolRow};
use calt_tools::{CopyProgress, Isolation, LayerVerdict, Toolkit};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::checkpoint::{as_secrets, record_seed};
use crate::clock;
use crate::pins::{UnlockKey, Unlocks};
use crate::quota::Making;
use crate::run::Running;

/// Most plans kept in memory; a plan that left is read from its file again.
const PLANS_KEPT: usize = 256;
/// Most steps of these plans together: at about 2 KiB a step, what they take in memory.
const PLAN_STEPS_KEPT: usize = 8_000;
/// Most runs at once; more wait for their turn. Below the threads a daemon has for work that blocks, so that
/// runs which wait for something never keep reads and stops waiting.
const RUNS_MAX: usize = 48;
/// Most snapshots taken at once; more wait for their turn.
const SNAPSHOTS_AT_ONCE: usize = 2;
/// Longest `source`, `user_id` and `message_id`, in characters.
const CLAIM_CHARS_MAX: usize = 200;

/// What the engine is opened with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The database file.
    pub database: PathBuf,
    /// Where sessions keep their directories.
    pub data_root: PathBuf,
    /// The python to run tests with, when it is not python3 on the fixed path.
    pub python: Option<calt_tools::Interpreter>,
    /// What the owner demands of approvals.
    pub demands: Demands,
    /// What the owner says about isolation.
    pub isolation: Isolation,
    /// Directories that no workspace may hold or lie in, beside the data root.
    pub kept: Vec<PathBuf>,
    /// How much somebody may hold who may not approve.
    pub quota: Quota,
    /// A file to which every signed checkpoint is appended.
    pub checkpoint_file: Option<PathBuf>,
    /// Exact values to mask wherever they appear.
    pub secrets: Vec<String>,
    /// SHA-256 of the configuration in force.
    pub config_sha256: Digest,
    /// Computes the SHA-256 of the running program.
    pub binary_sha256: fn() -> Digest,
    /// calt's version.
    pub version: String,
}

/// Who asks: what the credential proves, and what the client says of itself.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Who the credential proves.
    pub caller: Caller,
    /// What is merely claimed.
    pub claim: Claim,
    /// The key that came with the call, for a PIN that was typed.
    pub unlock: UnlockKey,
}

/// What was found and done at the start.
#[derive(Debug)]
pub struct StartReport {
    /// What the store says of itself.
    pub store: OpenReport,
    /// The owner's token, on the first start only. It is nowhere kept.
    pub owner_token: Option<String>,
    /// Runs that had no end, and have one now.
    pub interrupted: Vec<RunId>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The gate said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mistake of ours; the text is for the daemon's own log.
    #[error("internal: {0}")]
    Internal(String),
}

/// Why the engine did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A first event could not be written.
    #[error("the log could not take the start of the daemon: {0}")]
    FirstEvents(#[from] Fault),
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) toolkit: Arc<Toolkit>,
    pub(crate) masker: Masker,
    pub(crate) data_root: PathBuf,
    pub(crate) runs: Mutex<HashMap<RunId, Running>>,
    pub(crate) tasks: TaskTracker,
    /// What a run holds from before it starts until its end is in the log.
    pub(crate) run_slots: Arc<Semaphore>,
    /// The key that signs checkpoints; empty while the log only reads.
    pub(crate) record_key: OnceLock<SigningKey>,
    pub(crate) checkpoint_file: Option<PathBuf>,
    /// Directories that no workspace may hold or lie in.
    pub(crate) kept: Vec<PathBuf>,
    demands: Demands,
    pub(crate) quota: Quota,
    /// Sessions that are being made by somebody whose sessions are counted, in the order they began.
    pub(crate) making: std::sync::Mutex<Vec<Making>>,
    /// The keys that were given for PINs.
    pub(crate) unlocks: Unlocks,
    /// One turn: PINs are compared one after the other.
    pub(crate) comparing_pins: Semaphore,
    /// Ends what the engine does by itself.
    pub(crate) closing: CancellationToken,
    /// One turn: what is signed last is over all that came before it was asked for.
    pub(crate) signing: Semaphore,
    /// One turn: whoever looks who else is on a workspace, and acts on what was found, does both before the next.
    pub(crate) ground_taking: Semaphore,
    /// How many snapshots are taken at once.
    pub(crate) snapshots: Semaphore,
    /// Ends the snapshots that are being taken.
    pub(crate) end_snapshots: calt_tools::Cancel,
    /// Copies that are being made, each with its workspace's name.
    pub(crate) copies: std::sync::Mutex<Vec<(String, Arc<CopyProgress>)>>,
    plans: Mutex<PlanCache>,
}

#[derive(Default)]
struct PlanCache {
    plans: HashMap<SessionId, (u64, Arc<Plan>)>,
    uses: u64,
}

impl Engine {
    /// Opens store and tools, ends the runs that have no end, and records the start.
    ///
    /// # Errors
    /// [`OpenFault`] when the database is not this calt's, or the log cannot be written.
    pub async fn open(config: EngineConfig) -> Result<(Self, StartReport), OpenFault> {
        let store_config = StoreConfig { database: config.database.clone(), data_root: config.data_root.clone() };
        // What takes time is done beside the opening of the store.
        let binary_sha256 = tokio::task::spawn_blocking(config.binary_sha256);
        let (python, isolation) = (config.python.clone(), config.isolation.clone());
        let toolkit = tokio::task::spawn_blocking(move || Toolkit::find(python, isolation));
        let (store, report) = Store::open(&store_config)?;
        let seed = record_seed(&store, &config.data_root)?;
        let toolkit = toolkit.await.map_err(|error| Fault::Internal(error.to_string()))?;
        for layer in toolkit.sandbox().layers.iter().filter(|layer| layer.verdict != LayerVerdict::Pass) {
            tracing::warn!(layer = layer.name, "isolation {}: {}", layer.verdict.as_str(), layer.cause);
        }
        let engine = Self {
            inner: Arc::new(Inner {
                store,
                toolkit: Arc::new(toolkit),
                masker: Masker::new().with_exact(config.secrets).with_exact(seed.into_iter().flat_map(as_secrets)),
                data_root: config.data_root.clone(),
                runs: Mutex::new(HashMap::new()),
                tasks: TaskTracker::new(),
                run_slots: Arc::new(Semaphore::new(RUNS_MAX)),
                record_key: OnceLock::new(),
                checkpoint_file: config.checkpoint_file,
                kept: [config.kept, vec![config.data_root, config.database]].concat(),
                demands: config.demands,
                quota: config.quota,
                making: std::sync::Mutex::default(),
                unlocks: Unlocks::default(),
                comparing_pins: Semaphore::new(1),
                closing: CancellationToken::new(),
                signing: Semaphore::new(1),
                ground_taking: Semaphore::new(1),
                snapshots: Semaphore::new(SNAPSHOTS_AT_ONCE),
                end_snapshots: calt_tools::Cancel::new(),
                copies: std::sync::Mutex::default(),
                plans: Mutex::new(PlanCache::default()),
            }),
        };
        if let Some(newest) = engine.store().event(EventId(report.events.cast_signed())).map_err(Fault::from)? {
            clock::has_shown(newest.created_at);
        }
        if let Err(fault) = engine.store().writable() {
            // Nothing is written on top of a gap or of damage, not even that the daemon has started.
            tracing::error!("the daemon only reads: {fault}; `calt record verify` says more");
            return Ok((engine, StartReport { store: report, owner_token: None, interrupted: Vec::new() }));
        }
        let seed = seed.ok_or_else(|| Fault::Internal("the log is written and has no key".to_owned()))?;
        let tools = engine.toolkit().specs().map(tool_row).collect();
        engine.store().register_tools(tools).await.map_err(Fault::from)?;
        let owner_token = engine.first_owner_token().await?;
        pass(Moment::OwnerTokenRecorded);
        engine
            .submit_roster(RosterAction::DaemonStarted {
                version: config.version,
                binary_sha256: binary_sha256.await.map_err(|error| Fault::Internal(error.to_string()))?,
                config_sha256: config.config_sha256,
            })
            .await?;
        pass(Moment::StartRecorded);
        engine.accept_remounts().await?;
        let interrupted = engine.end_interrupted_runs().await?;
        engine.keep_record_key(seed)?;
        engine.sign_checkpoints_when_due();
        Ok((engine, StartReport { store: report, owner_token, interrupted }))
    }

    /// Waits until every run in progress has its end in the log, then closes the store.
    pub async fn close(&self) {
        // What waits for its turn is told to come back later; nothing starts from here on.
        self.inner.run_slots.close();
        self.inner.end_snapshots.trigger();
        self.cancel_every_run();
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if self.store().writable().is_ok()
            && let Err(fault) = self.sign_checkpoint().await
        {
            tracing::warn!("the last checkpoint could not be signed: {fault}");
        }
        let store = self.store().clone();
        // A panic of the writer is in the daemon's own log already; there is nobody left to tell.
        let _ = blocking(move || store.close()).await;
    }

    /// The store, for reads.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The tools.
    pub fn toolkit(&self) -> &Toolkit {
        &self.inner.toolkit
    }

    /// How much of a box this machine holds up.
    pub fn tier(&self) -> Tier {
        self.inner.toolkit.tier()
    }

    /// People and credentials, as they are now.
    pub fn roster(&self) -> Arc<Roster> {
        self.inner.store.roster()
    }

    /// The one masker.
    pub fn masker(&self) -> &Masker {
        &self.inner.masker
    }

    pub(crate) fn session_dir(&self, session: &SessionId) -> PathBuf {
        self.inner.data_root.join("sessions").join(session.as_str())
    }

    pub(crate) async fn submit(
        &self,
        by: Asker,
        session: &SessionId,
        action: Action,
        facts: Facts,
    ) -> Result<(Answer, Committed), Fault> {
        let (by, by_relay) = self.spoken_for(by)?;
        let facts = Facts { pin: PinFacts { by_relay, ..self.pin_facts(&by) }, ..facts };
        let command = Command { caller: by.caller, claim: self.masked(by.claim)?, action };
        let mut committed = self.inner.store.submit(session, command, facts).await?;
        match std::mem::replace(&mut committed.outcome, Ok(Answer::Recorded)) {
            Ok(answer) => Ok((answer, committed)),
            Err(Refusal::SessionNotFound { .. }) => {
                Err(Refusal::SessionNotFound { session: session.to_string() }.into())
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Asks the gate without consequences: what it would refuse shall not leave files behind.
    pub(crate) async fn would_take(
        &self,
        by: &Asker,
        session: &SessionId,
        action: &Action,
        facts: &Facts,
    ) -> Result<(), Fault> {
        let (by, _) = self.spoken_for(by.clone())?;
        let is_new = matches!(action, Action::CreateSession(_));
        let state = if is_new { None } else { self.inner.store.session_state(session).await? };
        let command = Command { caller: by.caller, claim: Claim::default(), action: action.clone() };
        match calt_core::decide(state.as_deref(), &command, facts).outcome() {
            Ok(_) => Ok(()),
            Err(Refusal::SessionNotFound { .. }) => {
                Err(Refusal::SessionNotFound { session: session.to_string() }.into())
            }
            Err(refusal) => Err(refusal.clone().into()),
        }
    }

    pub(crate) async fn submit_roster_by(&self, by: Asker, action: RosterAction) -> Result<Answer, Fault> {
        let (by, _) = self.spoken_for(by)?;
        self.submit_roster_knowing(by, action, self.facts()).await
    }

    pub(crate) async fn submit_roster_knowing(
        &self,
        by: Asker,
        action: RosterAction,
        facts: Facts,
    ) -> Result<Answer, Fault> {
        let facts = Facts { pin: self.pin_facts(&by), ..facts };
        let command = RosterCommand { caller: by.caller, claim: self.masked(by.claim)?, action };
        let committed = self.inner.store.submit_roster(command, facts).await?;
        Ok(committed.outcome?)
    }

    /// The same, with the event it left.
    pub(crate) async fn submit_roster_for_event(
        &self,
        by: Asker,
        action: RosterAction,
    ) -> Result<(Answer, EventId), Fault> {
        let (by, _) = self.spoken_for(by)?;
        let facts = Facts { pin: self.pin_facts(&by), ..self.facts() };
        let command = RosterCommand { caller: by.caller, claim: self.masked(by.claim)?, action };
        let committed = self.inner.store.submit_roster(command, facts).await?;
        let (answer, events) = (committed.outcome?, committed.events);
        let (_, last) = events.ok_or_else(|| Fault::Internal("a command that is recorded left no event".to_owned()))?;
        Ok((answer, last))
    }

    /// Who speaks: for a relay that names an account, the person whose account it is; and whether that is so.
    pub(crate) fn spoken_for(&self, by: Asker) -> Result<(Asker, bool), Refusal> {
        let (PrincipalKind::Surface, Role::Relay, Some(account)) = (by.caller.kind, by.caller.role, &by.claim.user_id)
        else {
            return Ok((by, false));
        };
        match self.roster().discord(account) {
            Some(person) => Ok((Asker { caller: Caller::relayed(person), ..by }, true)),
            None => Err(Refusal::PersonUnbound { account: account.clone() }),
        }
    }

    /// Records something the daemon says of itself.
    ///
    /// # Errors
    /// [`Fault`] when the log cannot be written.
    pub async fn submit_roster(&self, action: RosterAction) -> Result<Answer, Fault> {
        self.submit_roster_by(Asker::daemon(), action).await
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            now: clock::now(),
            next_run: RunId(0),
            next_artifact: ArtifactId(0),
            tier: self.tier(),
            demands: self.inner.demands,
            steps: HashMap::new(),
            pin: PinFacts::default(),
            home: None,
            neighbours: Vec::new(),
            holdings: Holdings { quota: self.inner.quota, ..Holdings::default() },
        }
    }

    pub(crate) fn mask(&self, text: Option<String>) -> Option<String> {
        text.map(|text| self.inner.masker.mask_text(&text).into_owned())
    }

    fn masked(&self, claim: Claim) -> Result<Claim, Refusal> {
        let check = |what: &str, text: Option<String>| match text {
            Some(text) if text.chars().count() > CLAIM_CHARS_MAX => Err(Refusal::LimitExceeded {
                what: format!("`{what}`"),
                actual: text.chars().count() as u64,
                limit: CLAIM_CHARS_MAX as u64,
                unit: "characters",
            }),
            text => Ok(self.mask(text)),
        };
        Ok(Claim {
            source: check("source", claim.source)?,
            user_id: check("user_id", claim.user_id)?,
            message_id: check("message_id", claim.message_id)?,
        })
    }

    pub(crate) fn cached_plan(&self, session: &SessionId) -> Option<Arc<Plan>> {
        let mut cache = self.inner.plans.lock().expect("no holder of this lock panics");
        cache.uses += 1;
        let uses = cache.uses;
        cache.plans.get_mut(session).map(|(used, plan)| {
            *used = uses;
            Arc::clone(plan)
        })
    }

    /// Lets go of a plan whose text is to go.
    pub(crate) fn forget_plan(&self, session: &SessionId) {
        self.inner.plans.lock().expect("no holder of this lock panics").plans.remove(session);
    }

    pub(crate) fn cache_plan(&self, session: &SessionId, plan: Arc<Plan>) {
        let mut cache = self.inner.plans.lock().expect("no holder of this lock panics");
        cache.uses += 1;
        let uses = cache.uses;
        if cache.plans.get(session).is_some_and(|(_, known)| known.version() > plan.version()) {
            return;
        }
        cache.plans.insert(session.clone(), (uses, plan));
        let steps = |plan: &Plan| plan.steps().len();
        let mut kept: usize = cache.plans.values().map(|(_, plan)| steps(plan)).sum();
        while cache.plans.len() > 1
            && (cache.plans.len() > PLANS_KEPT || kept > PLAN_STEPS_KEPT)
            && let Some(oldest) =
                cache.plans.iter().min_by_key(|(_, (used, _))| *used).map(|(session, _)| session.clone())
        {
            kept -= cache.plans.remove(&oldest).map_or(0, |(_, plan)| steps(&plan));
        }
    }
}

impl Asker {
    /// The daemon itself.
    pub fn daemon() -> Self {
        Self { caller: Caller::daemon(), claim: Claim::default(), unlock: UnlockKey::default() }
    }
}

fn tool_row(spec: &ToolSpec) -> ToolRow {
    ToolRow {
        tool_name: spec.name.to_owned(),
        permission_profile: spec.profile.to_owned(),
        description: spec.description.to_owned(),
        enabled: true,
    }
}

/// Runs work that blocks on a thread of its own; a panic in it is a fault of ours.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::Internal(error.to_string()))
}

pub(crate) fn io_fault(what: &str, path: &Path, error: &std::io::Error) -> Fault {
    // What a disk says is not our mistake.
    tracing::warn!("{what} `{}`: {error}", path.display());
    Fault::Store(StoreError::from(std::io::Error::from(error.kind())))
}
