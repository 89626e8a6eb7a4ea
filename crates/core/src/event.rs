//! Events: one fact each in the append-only log, in the user's words.

mod envelope;
mod types;
pub(crate) mod whole_number;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::digest::{Digest, FILES_TAG};
use crate::id::{ArtifactId, EventId, RunId, SessionId, StepId};
use crate::isolation::Tier;
use crate::permit::{Covers, Gate};
use crate::principal::{Assurance, PrincipalId, PrincipalKind, Role};
use crate::time::Timestamp;
use crate::toolbox::{Effect, Risk};
use crate::workspace::{DirectoryFact, WorkspaceKind};

pub use envelope::{Envelope, NewEvent, SALT_BYTES, text_hash};
pub use types::EVENT_TYPES;

/// Version of the envelope and of the facts. Old ones are read for ever.
pub const SCHEMA: u32 = 1;
/// Longest `payload_text`, in bytes; a longer output is an artifact named by digest.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// How a session may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything that is approved.
    Normal,
    /// No apply.
    DryRun,
}

/// How strictly a session is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Approvals cover inputs as resolved, high risk is confirmed, isolation is demanded.
    Strict,
    /// An early approval covers the template; what is missing is warned of.
    Dev,
}

/// Which directory a session may touch, by what cannot be renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WorkspaceIdentity {
    /// An empty directory made for the session.
    Own,
    /// A copy of a git repository at a commit, plus listed extras.
    Snapshot {
        /// The workspace's name.
        name: String,
        /// SHA-256 of the manifest of what was copied.
        manifest: Digest,
        /// The commit it is a copy of, as git writes it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        commit: String,
    },
    /// A real directory.
    Attach {
        /// The workspace's name.
        name: String,
        /// Inode number of the directory; in JSON as a text, for canonical JSON would round a large one.
        #[serde(with = "whole_number")]
        inode: u64,
        /// Birth time of the directory, in microseconds since 1970.
        born_micros: i64,
    },
    /// The own directory of a session that was stopped: what was written there can be taken back.
    Of {
        /// The session whose directory it is.
        session: SessionId,
    },
}

impl WorkspaceIdentity {
    /// The name its owner gave it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Own | Self::Of { .. } => None,
            Self::Snapshot { name, .. } | Self::Attach { name, .. } => Some(name),
        }
    }

    /// The session in whose directory the workspace lies, with the pre-images of every run on it.
    pub const fn home<'s>(&'s self, own: &'s SessionId) -> &'s SessionId {
        match self {
            Self::Own | Self::Snapshot { .. } | Self::Attach { .. } => own,
            Self::Of { session } => session,
        }
    }
}

/// One file a preview shows or an apply writes. `old` and `new` of an absent file are the digest of no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The file, below the workspace.
    pub path: String,
    /// Where it was before, when it is renamed.
    pub from: Option<String>,
    /// SHA-256 of its bytes before.
    pub old_sha256: Digest,
    /// SHA-256 of its bytes after.
    pub new_sha256: Digest,
    /// Whether it was there before.
    pub old_exists: bool,
    /// Whether it is there after.
    pub new_exists: bool,
    /// Its permission bits after, in octal (`0644`).
    pub mode: String,
    /// Its permission bits before; `None` of a file that was absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_mode: Option<String>,
}

impl FileChange {
    /// Whether anything is different afterwards.
    pub fn changes(&self) -> bool {
        self.from.is_some()
            || self.old_exists != self.new_exists
            || self.old_sha256 != self.new_sha256
            || (self.new_exists && self.old_mode.as_ref().is_some_and(|mode| *mode != self.mode))
    }
}

/// Digests files as a preview shows them: what an apply is compared with.
pub fn files_digest(files: &[FileChange]) -> Digest {
    Digest::of_json(FILES_TAG, &json!(files))
}

/// Digests only what files would become: tells a stale preview from one that was never made.
pub fn targets_digest(files: &[FileChange]) -> Digest {
    let targets: Vec<Value> = files
        .iter()
        .map(|file| json!({"path": file.path, "new_sha256": file.new_sha256, "new_exists": file.new_exists}))
        .collect();
    Digest::of_json(FILES_TAG, &json!({ "targets": targets }))
}

/// A step as the log remembers it: enough to decide, nothing to leak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFact {
    /// Its id.
    pub id: StepId,
    /// Its tool.
    pub tool: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Its effective risk.
    pub risk: Risk,
    /// SHA-256 over the step's canonical form alone: tells whether an equal id means equal content.
    pub content: Digest,
    /// Digest of the inputs as written.
    pub inputs: Digest,
    /// Whether the inputs hold references.
    pub has_references: bool,
    /// Digest of the box its command runs in.
    pub box_digest: Option<Digest>,
    /// The steps whose output its inputs use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refers_to: Vec<StepId>,
    /// Of a preview or an apply: digest of the change as its inputs name it. An apply's preview has the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Digest>,
}

/// What is recorded of a decision: what was seen, how, and how surely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFact {
    /// What was decided on: a plan digest or a step digest.
    pub digest: Digest,
    /// One id for all that was decided in one look.
    pub decision_id: String,
    /// By what act.
    pub how: How,
    /// How surely it came from that person.
    pub assurance: Assurance,
    /// The surface the client says it is.
    pub surface: Option<String>,
    /// The locale the text was shown in.
    pub locale: Option<String>,
    /// SHA-256 of the bytes that were shown.
    pub view_digest: Option<Digest>,
    /// Whether anything was cut in what was shown; `None` when the client did not say.
    pub view_cut: Option<bool>,
    /// When it was shown.
    pub shown_at: Option<Timestamp>,
    /// Until when the decision holds.
    pub valid_until: Option<Timestamp>,
    /// The owner's own rules that it had to meet, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// By what act a decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Typed at a prompt that showed it.
    Prompt,
    /// A button below it.
    Button,
    /// A flag given beforehand: an unattended yes, nobody's look.
    Flag,
    /// A call of the API.
    Api,
}

/// What was found of a run that had no end when the daemon started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The step writes nothing.
    NothingToWrite,
    /// Every file is as the step wanted it.
    Applied,
    /// Every file is as it was before; if some had changed, they were put back.
    NotApplied,
    /// Some file has a content of neither: it was left alone and is named.
    Foreign,
}

/// One fact. The variant's name in `snake_case` is the event type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event_type", content = "facts", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields bear the names of the record format, where each is described")]
pub enum Fact {
    SessionCreated {
        mode: Mode,
        profile: Profile,
        workspace: WorkspaceIdentity,
    },
    PlanImported {
        version: u32,
        digest: Digest,
        masked_digest: Digest,
        document_digest: Digest,
        steps: Vec<StepFact>,
    },
    PlanApproved {
        version: u32,
        decision: DecisionFact,
    },
    PlanRejected {
        version: u32,
        decision: DecisionFact,
    },
    StepApproved {
        version: u32,
        step: StepId,
        covers: Covers,
        decision: DecisionFact,
    },
    StepRejected {
        version: u32,
        step: StepId,
        decision: DecisionFact,
    },
    StepSkipped {
        version: u32,
        step: StepId,
        decision: DecisionFact,
    },
    StepStarted {
        version: u32,
        step: StepId,
        tool: String,
        effect: Effect,
        digest: Digest,
        template_digest: Digest,
        inputs: Digest,
        covers: Covers,
        high_risk_confirmed: bool,
        tier: Tier,
        box_digest: Option<Digest>,
        files: Vec<FileChange>,
        gate: Gate,
    },
    StepExecuted {
        version: u32,
        step: StepId,
        duration_ms: u64,
        exit_code: Option<i32>,
        output_sha256: Digest,
        output_bytes: u64,
        in_payload: bool,
        masked: Vec<String>,
        not_whole: Vec<String>,
        preview: Option<PreviewFact>,
        applied: Vec<FileChange>,
        tier: Tier,
    },
    StepFailed {
        version: u32,
        step: StepId,
        code: String,
        duration_ms: u64,
        exit_code: Option<i32>,
        cancelled: bool,
        applied: Vec<FileChange>,
        tier: Tier,
    },
    StepInterrupted {
        version: u32,
        step: StepId,
        finding: Finding,
        files: Vec<FoundFile>,
    },
    StepExecutionRejected {
        version: u32,
        step: StepId,
        reason: String,
    },
    StepExecutionWarning {
        version: u32,
        step: StepId,
        reason: String,
    },
    ArtifactSaved {
        artifact: ArtifactId,
        step: StepId,
        kind: String,
        path: String,
        sha256: Digest,
        bytes: u64,
    },
    SessionStopped {
        run: Option<RunId>,
    },
    SessionSucceeded {
        version: u32,
    },
    DaemonStarted {
        version: String,
        binary_sha256: Digest,
        tier: Tier,
        config_sha256: Digest,
    },
    PersonAdded {
        principal: PrincipalId,
        kind: PrincipalKind,
        role: Role,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        discord: Option<String>,
    },
    PersonRemoved {
        principal: PrincipalId,
    },
    TokenCreated {
        token: String,
        principal: PrincipalId,
        hash: Digest,
        expires_at: Option<Timestamp>,
    },
    TokenRevoked {
        token: String,
    },
    WorkspaceAdded {
        name: String,
        kind: WorkspaceKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        directory: Option<DirectoryFact>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        include: Vec<String>,
    },
    WorkspaceRemoved {
        name: String,
    },
    WorkspaceRemounted {
        name: String,
        #[serde(with = "whole_number")]
        device: u64,
    },
    AccessRefused {
        reason: String,
        count: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PrincipalId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    CheckpointSigned {
        size: u64,
        root: Digest,
        peaks: Vec<Digest>,
        key: String,
        note: String,
    },
    RecordExported {
        session: SessionId,
        last_seq: u64,
    },
    Restored {
        events: u64,
        root: Digest,
        made_at: Timestamp,
        files: u64,
        workspaces: bool,
    },
    ContentReleased {
        session: SessionId,
        sha256: Digest,
        bytes: u64,
    },
    LossAccepted {
        events: u64,
        missing: u64,
        root: Digest,
    },
    PayloadRedacted {
        event: EventId,
    },
    PinSet {
        principal: PrincipalId,
        hash_file: Digest,
    },
    PinRemoved {
        principal: PrincipalId,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_root: bool,
    },
    PinAccepted {
        principal: PrincipalId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
    },
    PinRefused {
        principal: PrincipalId,
    },
}

/// What a preview recorded, as digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewFact {
    /// [`files_digest`] of what it showed.
    pub files: Digest,
    /// [`targets_digest`] of what it showed.
    pub targets: Digest,
}

/// One file of an interrupted apply, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFile {
    /// The file, below the workspace.
    pub path: String,
    /// SHA-256 of what is there now; of no bytes when it is absent.
    pub sha256: Digest,
    /// What that means.
    pub finding: Finding,
}

impl Fact {
    /// The event type: the variant's name in `snake_case`.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::SessionCreated { .. } => "session_created",
            Self::PlanImported { .. } => "plan_imported",
            Self::PlanApproved { .. } => "plan_approved",
            Self::PlanRejected { .. } => "plan_rejected",
            Self::StepApproved { .. } => "step_approved",
            Self::StepRejected { .. } => "step_rejected",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepStarted { .. } => "step_started",
            Self::StepExecuted { .. } => "step_executed",
            Self::StepFailed { .. } => "step_failed",
            Self::StepInterrupted { .. } => "step_interrupted",
            Self::StepExecutionRejected { .. } => "step_execution_rejected",
            Self::StepExecutionWarning { .. } => "step_execution_warning",
            Self::ArtifactSaved { .. } => "artifact_saved",
            Self::SessionStopped { .. } => "session_stopped",
            Self::SessionSucceeded { .. } => "session_succeeded",
            Self::DaemonStarted { .. } => "daemon_started",
            Self::PersonAdded { .. } => "person_added",
            Self::PersonRemoved { .. } => "person_removed",
            Self::TokenCreated { .. } => "token_created",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::WorkspaceAdded { .. } => "workspace_added",
            Self::WorkspaceRemoved { .. } => "workspace_removed",
            Self::WorkspaceRemounted { .. } => "workspace_remounted",
            Self::AccessRefused { .. } => "access_refused",
            Self::CheckpointSigned { .. } => "checkpoint_signed",
            Self::RecordExported { .. } => "record_exported",
            Self::Restored { .. } => "restored",
            Self::ContentReleased { .. } => "content_released",
            Self::LossAccepted { .. } => "loss_accepted",
            Self::PayloadRedacted { .. } => "payload_redacted",
            Self::PinSet { .. } => "pin_set",
            Self::PinRemoved { .. } => "pin_removed",
            Self::PinAccepted { .. } => "pin_accepted",
            Self::PinRefused { .. } => "pin_refused",
        }
    }

    /// The facts alone, as they stand in the log and in the leaf.
    pub fn facts(&self) -> Value {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut tagged)) => tagged.remove("facts").unwrap_or(Value::Null),
            Ok(_) | Err(_) => Value::Null,
        }
    }

    /// Reads a fact back from its event type and its facts.
    ///
    /// # Errors
    /// When the type is unknown or the facts do not fit it.
    pub fn read(event_type: &str, facts: Value) -> Result<Self, serde_json::Error> {
        let mut tagged = Map::new();
        tagged.insert("event_type".to_owned(), Value::from(event_type));
        tagged.insert("facts".to_owned(), facts);
        serde_json::from_value(Value::Object(tagged))
    }

    /// Reads a fact back from its facts as text, without a tree of values in between: a replay reads many.
    ///
    /// # Errors
    /// As [`Fact::read`].
    pub fn read_text(event_type: &str, facts: &str) -> Result<Self, serde_json::Error> {
        let name = serde_json::to_string(event_type)?;
        serde_json::from_str(&format!("{{\"event_type\":{name},\"facts\":{facts}}}"))
    }
}
