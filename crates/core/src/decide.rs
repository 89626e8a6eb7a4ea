//! The one function that decides: given a session, a command and facts, what may happen.
//!
//! Match the command first and the state inside it; every refusal is made here, and so is every
//! permit. Pure: the same arguments always give the same decision.

mod approval;
mod assurance;
mod ending;
mod leaving;
pub mod many;
mod people;
mod pins;
mod planning;
mod redaction;
pub mod roster;
mod starting;
mod workspaces;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::event::{
    Fact, FileChange, Finding, FoundFile, How, Mode, NewEvent, PAYLOAD_BYTES_MAX, Profile, WorkspaceIdentity,
};
use crate::id::{ArtifactId, EventId, RunId, SessionId, StepId};
use crate::isolation::Tier;
use crate::manifest::Head;
use crate::permit::Permit;
use crate::pin::PinFacts;
use crate::plan::Plan;
use crate::policy::{self, Act, Demands};
use crate::principal::{Caller, Claim};
use crate::quota::Holdings;
use crate::reference::Unresolved;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::time::Timestamp;

pub use many::{DECISION_ITEMS_MAX, Item, Said};
pub use roster::{RosterAction, RosterCommand, decide_roster};

/// Something a caller wants. Its free text is masked already.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who the credential proves.
    pub caller: Caller,
    /// What the client says of itself.
    pub claim: Claim,
    /// What is wanted.
    pub action: Action,
}

/// What can be wanted of a session.
#[derive(Clone, Debug)]
pub enum Action {
    /// Make the session.
    CreateSession(CreateSession),
    /// Take in a plan version.
    ImportPlan(ImportPlan),
    /// Say yes to a plan.
    ApprovePlan {
        /// The version.
        version: u32,
        /// What was seen, and how it was decided.
        verdict: Verdict,
    },
    /// Say no to a plan.
    RejectPlan {
        /// The version.
        version: u32,
        /// What was seen, and why not.
        verdict: Verdict,
    },
    /// Say yes to a step.
    ApproveStep {
        /// The step.
        step: StepId,
        /// What was seen, and how it was decided.
        verdict: Verdict,
    },
    /// Say no to a step.
    RejectStep {
        /// The step.
        step: StepId,
        /// What was seen, and why not.
        verdict: Verdict,
    },
    /// Leave a step out.
    SkipStep {
        /// The step.
        step: StepId,
        /// What was seen, and why.
        verdict: Verdict,
    },
    /// Decide on many things at once: on all of them, or on nothing.
    DecideAll {
        /// What is said to each.
        said: Said,
        /// Each thing, once.
        items: Vec<Item>,
        /// What was seen, and how it was decided; the digests stand with the items.
        verdict: Verdict,
    },
    /// Execute a step.
    StartStep {
        /// The step.
        step: StepId,
        /// A person's yes to high risk.
        confirm_high_risk: bool,
        /// The resolved inputs, masked, for the record.
        masked_inputs: Value,
    },
    /// The daemon: a run has ended.
    FinishRun {
        /// The run.
        run: RunId,
        /// How.
        end: RunEnd,
    },
    /// The daemon: a run had no end when it started.
    InterruptRun {
        /// The run.
        run: RunId,
        /// What was found.
        finding: Finding,
        /// File by file.
        files: Vec<FoundFile>,
    },
    /// Stop the session for good.
    Stop,
    /// Let the text of one of its events go for good.
    RedactPayload(Redaction),
}

/// An event whose text is to go, with what was looked up about it: events never change.
#[derive(Clone, Debug)]
pub struct Redaction {
    /// The event.
    pub event: EventId,
    /// The plan version, when it is the import of a plan.
    pub plan_version: Option<u32>,
    /// Whether its text is gone already.
    pub is_cleared: bool,
    /// Why, masked.
    pub reason: String,
}

/// What a new session is to be.
#[derive(Clone, Debug)]
pub struct CreateSession {
    /// Its id, made by chance outside.
    pub id: SessionId,
    /// What it is for.
    pub goal: Option<String>,
    /// How it may act.
    pub mode: Mode,
    /// How strictly it is held.
    pub profile: Profile,
    /// The directory it may touch.
    pub workspace: WorkspaceIdentity,
    /// The ticket it belongs to.
    pub ticket: Option<String>,
    /// What made it (`doctor` for a probe).
    pub origin: Option<String>,
    /// What was copied into its workspace, names masked; of a snapshot alone.
    pub copied: Option<Head>,
}

/// A plan to take in.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// The plan, numbered.
    pub plan: Arc<Plan>,
    /// Whether the document named its version itself.
    pub version_given: bool,
    /// The masked canonical form with what is shown of each step; the read model's source.
    pub masked: Arc<Value>,
    /// SHA-256 of the document as submitted.
    pub document_digest: Digest,
}

/// What was seen, and how it was decided.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The digest the client says it showed.
    pub digest: Option<Digest>,
    /// Why not (a rejection always has one).
    pub reason: Option<String>,
    /// One id for all that was decided in one look.
    pub decision_id: String,
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

/// How a run ended. All text is masked already. Cheap to clone: an output may be long.
#[derive(Clone, Debug)]
pub enum RunEnd {
    /// The tool did its work and the verify rule holds.
    Succeeded(Arc<Success>),
    /// It did not.
    Failed(Arc<Failure>),
}

/// A run that succeeded.
#[derive(Clone, Debug)]
pub struct Success {
    /// The output, masked.
    pub output: Value,
    /// JSON pointers of what was masked.
    pub masked: Vec<String>,
    /// JSON pointers of what was cut or is lossy.
    pub not_whole: Vec<String>,
    /// The artifact that holds the output.
    pub artifact: ArtifactFile,
    /// How long it took.
    pub duration_ms: u64,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// What a preview showed.
    pub preview: Option<Vec<FileChange>>,
    /// What an apply wrote.
    pub applied: Vec<FileChange>,
    /// What the approver should know though it went well.
    pub warnings: Vec<String>,
}

/// A file a run left behind, on disk already.
#[derive(Clone, Debug)]
pub struct ArtifactFile {
    /// What it is (`output`).
    pub kind: String,
    /// Its path, beginning with the data directory's own name.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes.
    pub bytes: u64,
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// A stable code.
    pub code: String,
    /// The sentence.
    pub error: String,
    /// How long it took.
    pub duration_ms: u64,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// Whether it ended because the session was stopped.
    pub cancelled: bool,
    /// What was written all the same.
    pub applied: Vec<FileChange>,
    /// What it gave so far, masked.
    pub output: Option<Value>,
}

/// What the decision needs to know of the world.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time.
    pub now: Timestamp,
    /// The number a new run would get.
    pub next_run: RunId,
    /// The number a new artifact would get.
    pub next_artifact: ArtifactId,
    /// How much of a box this machine holds up.
    pub tier: Tier,
    /// What the owner demands of approvals.
    pub demands: Demands,
    /// What was gathered about the steps in question, each by its id.
    pub steps: HashMap<StepId, StepFacts>,
    /// What is known of the caller's PIN.
    pub pin: PinFacts,
    /// What was gathered about the workspace of another session, for a session that would go on there.
    pub home: Option<HomeFacts>,
    /// Every session that works on the same attached directory; empty of any other workspace.
    pub neighbours: Vec<Neighbour>,
    /// How much the caller holds already, for a session more.
    pub holdings: Holdings,
}

/// A session on an attached directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The session.
    pub session: SessionId,
    /// The first approval of an apply since it was last over.
    pub writes_since: Option<EventId>,
    /// Whether a run of it that has no end yet writes.
    pub is_writing: bool,
    /// When its newest event was recorded.
    pub last_event_at: Timestamp,
}

/// Who else is on a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeFacts {
    /// The session on it that is not stopped.
    pub open: Option<SessionId>,
    /// A run on it that has no end yet.
    pub running: Option<(SessionId, StepId, RunId)>,
}

/// What was gathered about a step: it names what it was gathered for.
#[derive(Clone, Debug)]
pub struct StepFacts {
    /// The plan version.
    pub version: u32,
    /// The digest of the plan.
    pub plan: Digest,
    /// Digest of the inputs with every reference resolved, or why that could not be.
    pub inputs: Result<Digest, Unresolved>,
    /// What an apply would write now.
    pub files: Vec<FileChange>,
    /// The box its command would run in.
    pub box_spec: Option<crate::isolation::BoxSpec>,
}

/// What a caller is told when the answer is yes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the ids of what was done")]
pub enum Answer {
    SessionCreated { session: SessionId },
    PlanImported { version: u32, digest: Digest },
    Decided { decision_id: String, decided: Vec<Decided> },
    Started { run: RunId },
    RunEnded { run: RunId },
    Stopped { run: Option<RunId> },
    TokenCreated { token: String },
    Recorded,
}

/// One thing that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The plan version.
    pub version: u32,
    /// The step; `None` is the plan itself.
    pub step: Option<StepId>,
    /// The step it was left out with, when it was not asked about itself.
    pub depends_on: Option<StepId>,
}

/// Events to append, the answer to give, and for a start the permit. Nothing else can reach the log.
#[derive(Debug)]
#[must_use = "a decision has no effect until the store appends it"]
pub struct Decision {
    events: Vec<NewEvent>,
    outcome: Result<Answer, Refusal>,
    permit: Option<Permit>,
}

impl Decision {
    /// Takes the decision apart. For the store alone, which gives the permit out once the events are durable.
    pub fn into_parts(self) -> (Vec<NewEvent>, Result<Answer, Refusal>, Option<Permit>) {
        (self.events, self.outcome, self.permit)
    }

    /// What the caller would be told.
    pub const fn outcome(&self) -> &Result<Answer, Refusal> {
        &self.outcome
    }

    /// What would be appended.
    pub fn events(&self) -> &[NewEvent] {
        &self.events
    }

    fn accept(answer: Answer, events: Vec<NewEvent>) -> Self {
        Self { events, outcome: Ok(answer), permit: None }
    }

    fn refuse(refusal: Refusal) -> Self {
        Self { events: Vec::new(), outcome: Err(refusal), permit: None }
    }

    fn refuse_on_record(refusal: Refusal, event: NewEvent) -> Self {
        Self { events: vec![event], outcome: Err(refusal), permit: None }
    }
}

/// Decides. `session` is `None` when the log knows no such session.
pub fn decide(session: Option<&Session>, command: &Command, facts: &Facts) -> Decision {
    decided(session, command, facts).unwrap_or_else(Decision::refuse)
}

fn decided(session: Option<&Session>, command: &Command, facts: &Facts) -> Result<Decision, Refusal> {
    let act = act_of(session, command);
    require(&command.caller, act)?;
    if let Action::CreateSession(create) = &command.action {
        return planning::create_session(session, (&command.caller, create), facts);
    }
    // Only the asker knows under which name it looked.
    let session = session.ok_or_else(|| Refusal::SessionNotFound { session: String::new() })?;
    let decision = decided_of(session, command, facts)?;
    // Beside nothing: whatever rule said yes above, a person's PIN is asked for here.
    assurance::held(session, command, act, facts, decision)
}

fn decided_of(session: &Session, command: &Command, facts: &Facts) -> Result<Decision, Refusal> {
    match &command.action {
        Action::CreateSession(create) => planning::create_session(Some(session), (&command.caller, create), facts),
        Action::ImportPlan(import) => planning::import_plan(session, (&command.caller, import), facts),
        Action::ApprovePlan { version, verdict } => approval::approve_plan(session, command, *version, verdict, facts),
        Action::RejectPlan { version, verdict } => approval::reject_plan(session, command, *version, verdict, facts),
        Action::ApproveStep { step, verdict } => approval::approve_step(session, command, step, verdict, facts),
        Action::RejectStep { step, verdict } => approval::reject_step(session, command, step, verdict, facts),
        Action::SkipStep { step, verdict } => approval::skip_step(session, command, step, verdict, facts),
        Action::DecideAll { said, items, verdict } => {
            many::decide_all(session, command, (*said, items), verdict, facts)
        }
        Action::StartStep { step, confirm_high_risk, masked_inputs } => {
            let asked = starting::Asked { confirm_high_risk: *confirm_high_risk, masked_inputs };
            starting::start_step(session, command, step, asked, facts)
        }
        Action::FinishRun { run, end } => ending::finish_run(session, *run, end, facts),
        Action::InterruptRun { run, finding, files } => ending::interrupt_run(session, *run, *finding, files),
        Action::Stop => Ok(ending::stop(session)),
        Action::RedactPayload(redaction) => redaction::of_session(session, redaction),
    }
}

/// The right a command needs, from the table in [`policy`].
fn act_of(session: Option<&Session>, command: &Command) -> Act {
    match &command.action {
        Action::CreateSession(create) => match create.profile {
            Profile::Strict => Act::CreateStrictSession,
            Profile::Dev => Act::CreateDevSession,
        },
        Action::ImportPlan(_) => Act::ImportPlan,
        Action::ApprovePlan { .. }
        | Action::RejectPlan { .. }
        | Action::ApproveStep { .. }
        | Action::RejectStep { .. }
        | Action::SkipStep { .. }
        | Action::DecideAll { .. } => Act::Decide,
        Action::StartStep { confirm_high_risk: true, .. } => Act::ConfirmHighRisk,
        Action::StartStep { confirm_high_risk: false, .. } => Act::Execute,
        Action::FinishRun { .. } | Action::InterruptRun { .. } => Act::EndRuns,
        Action::Stop if session.is_some_and(|session| *session.created_by() == command.caller.principal) => {
            Act::StopOwnSession
        }
        Action::Stop => Act::StopAnySession,
        Action::RedactPayload(_) => Act::Administer,
    }
}

fn require(caller: &Caller, act: Act) -> Result<(), Refusal> {
    if policy::allows(caller.role, act) {
        Ok(())
    } else {
        Err(Refusal::NotAllowed { role: caller.role, act: act.words() })
    }
}

fn event(fact: Fact, run: Option<RunId>, summary: String, payload: &Value) -> NewEvent {
    NewEvent { fact, run, summary, payload_text: payload_text(payload) }
}

/// Serializes a payload; one that is too long keeps its size and nothing else, never a part that looks whole.
fn payload_text(payload: &Value) -> String {
    let text = payload.to_string();
    if text.len() <= PAYLOAD_BYTES_MAX {
        return text;
    }
    json!({"too_long_bytes": text.len()}).to_string()
}

/// Leaves fields out of a payload that would be too long, first named first left out, and says which.
fn fitting(mut payload: Value, dispensable: &[&str]) -> Value {
    let mut left_out = Vec::new();
    for name in dispensable {
        if payload.to_string().len() <= PAYLOAD_BYTES_MAX {
            break;
        }
        payload[*name] = Value::Null;
        left_out.push(*name);
        payload["left_out"] = json!(left_out);
    }
    payload
}
