//! What the daemon answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::next::Next;

macro_rules! reply {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind,)* }
    };
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What `cursor` gives the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

reply! {
    /// A session.
    SessionView {
        /// `session_…`.
        id: String,
        /// What it is for.
        goal: Option<String>,
        /// `normal` or `dry_run`.
        mode: String,
        /// `strict` or `dev`.
        safety_profile: String,
        /// `pending`, `awaiting_plan_approval`, `awaiting_step_approval`, `running`, `succeeded`, `failed`, `cancelled`.
        status: String,
        /// The newest plan's version.
        plan_version: Option<u32>,
        /// The workspace: its kind, and its name if it has one.
        workspace: Value,
        /// The ticket it belongs to.
        r#ref: Option<String>,
        /// What made it.
        origin: Option<String>,
        /// Whether only a new plan version leads on.
        needs_replan: bool,
        /// What would lead on; `null` in lists, and where nothing does.
        next: Option<Next>,
        /// RFC 3339, UTC.
        created_at: String,
        /// RFC 3339, UTC.
        updated_at: String,
    }
}

reply! {
    /// A step of a plan.
    StepView {
        /// Its id.
        id: String,
        /// What a person reads first.
        title: String,
        /// Its tool.
        tool: String,
        /// Its effective risk: `low`, `medium`, `high`.
        risk: String,
        /// `pending`, `approved`, `running`, `succeeded`, `failed`, `skipped`, `cancelled`.
        status: String,
        /// Its inputs as written, masked.
        inputs: Value,
        /// Shown, never passed on; masked.
        meta: Value,
        /// Seconds it may take.
        timeout_sec: u32,
        /// The step digest of the inputs as written.
        digest: Option<String>,
        /// `reads`, `previews`, `spawns`, `writes`.
        effect: String,
        /// Shown to the approver.
        preconditions: Vec<String>,
        /// Shown to the approver.
        postconditions: Vec<String>,
        /// Shown to the approver.
        expected_observation: Option<String>,
        /// What must hold afterwards: `{type, expr}`.
        verify: Value,
        /// The box its command runs in.
        r#box: Value,
        /// What the run would refuse, and the like: `[{code, message}]`.
        remarks: Value,
        /// Its run, if it has one.
        run_id: Option<i64>,
    }
}

reply! {
    /// A plan version.
    PlanView {
        /// The session.
        session_id: String,
        /// The version.
        version: u32,
        /// The title.
        title: String,
        /// `calt plan v1`; what an approval is bound to.
        digest: String,
        /// The goal it sets.
        session_goal: Option<String>,
        /// The ticket it belongs to.
        r#ref: Option<String>,
        /// Who proposed it.
        proposed_by: Option<String>,
        /// When, RFC 3339, UTC.
        proposed_at: Option<String>,
        /// Whether it is approved.
        approved: bool,
        /// Whether a newer version has taken its place.
        superseded: bool,
        /// The steps, in order.
        steps: Vec<StepView>,
    }
}

reply! {
    /// One step as an approver should see it.
    StepDetailView {
        /// The session.
        session_id: String,
        /// The plan version.
        plan_version: u32,
        /// Its id.
        id: String,
        /// What a person reads first.
        title: String,
        /// Its tool.
        tool: String,
        /// Its effective risk.
        risk: String,
        /// Its status.
        status: String,
        /// Its inputs: as resolved where that is possible, otherwise as written; masked.
        inputs: Value,
        /// Shown, never passed on; masked.
        meta: Value,
        /// Seconds it may take.
        timeout_sec: u32,
        /// What an approval now is bound to; send it back.
        digest: String,
        /// `resolved` or `template`: what an approval now would cover.
        covers: String,
        /// Why references do not resolve yet.
        unresolved: Option<String>,
        /// `reads`, `previews`, `spawns`, `writes`.
        effect: String,
        /// Shown to the approver.
        preconditions: Vec<String>,
        /// Shown to the approver.
        postconditions: Vec<String>,
        /// Shown to the approver.
        expected_observation: Option<String>,
        /// What must hold afterwards.
        verify: Value,
        /// The box its command runs in.
        r#box: Value,
        /// How much of a box this machine holds up.
        tier: String,
        /// What an apply would write now.
        files: Value,
        /// `not_needed`, `recorded`, `stale`, `missing`: whether exactly that was previewed.
        gate: String,
        /// The recorded preview's diff, masked.
        diff: Option<String>,
        /// Files that are not as the preview this step names found them.
        changed_since_preview: Vec<String>,
        /// What the run would refuse, and the like.
        remarks: Value,
        /// Who approved, when and how.
        approval: Value,
        /// Its run, if it has one.
        run_id: Option<i64>,
    }
}

reply! {
    /// A decision on a plan.
    PlanDecided {
        /// The session.
        session_id: String,
        /// The plan version.
        version: u32,
        /// Whether it was a yes.
        approved: bool,
        /// One id for all that was decided in one look.
        decision_id: String,
    }
}

reply! {
    /// A decision on a step.
    StepDecided {
        /// The session.
        session_id: String,
        /// The step.
        step_id: String,
        /// Whether it was a yes.
        approved: bool,
        /// Whether it was left out.
        skipped: bool,
        /// One id for all that was decided in one look.
        decision_id: String,
        /// What was left out with it, because it cannot run without it or would be for nothing.
        also_skipped: Vec<AlsoSkipped>,
    }
}

reply! {
    /// A step that was left out with another one.
    AlsoSkipped {
        /// The step.
        step_id: String,
        /// The step it was left out with.
        depends_on: String,
    }
}

reply! {
    /// Many decisions of one look.
    DecisionsReply {
        /// The session.
        session_id: String,
        /// One id for all that was decided in one look.
        decision_id: String,
        /// What was decided, in the order of the list; what was left out with a step follows it.
        items: Vec<DecidedItem>,
    }
}

reply! {
    /// One thing that was decided.
    DecidedItem {
        /// The plan version.
        plan_version: u32,
        /// The step; `null` is the plan itself.
        step_id: Option<String>,
        /// `approve`, `reject` or `skip`.
        decision: String,
        /// The step it was left out with, when the list did not name it.
        depends_on: Option<String>,
    }
}

reply! {
    /// The end of an execution.
    ExecuteReply {
        /// The session.
        session_id: String,
        /// The step.
        step_id: String,
        /// `succeeded` or `failed`.
        status: String,
        /// The run.
        run_id: i64,
        /// The output, masked.
        output: Value,
        /// Why it failed.
        error: Option<String>,
        /// Where the artifacts are.
        artifacts: Vec<String>,
        /// How long it took.
        duration_ms: Option<u64>,
    }
}

reply! {
    /// A run.
    RunView {
        /// The run.
        run_id: i64,
        /// The session.
        session_id: String,
        /// The plan version.
        plan_version: u32,
        /// The step.
        step_id: String,
        /// The tool.
        tool: String,
        /// `running`, `succeeded`, `failed`, `interrupted`, `cancelled`.
        state: String,
        /// The output, masked.
        output: Value,
        /// Why it failed.
        error: Option<String>,
        /// What it offers: to take back what it wrote before it failed.
        next: Option<Next>,
        /// Where the artifacts are.
        artifacts: Vec<String>,
        /// The command's exit code.
        exit_code: Option<i32>,
        /// How it was isolated.
        tier: Option<String>,
        /// RFC 3339, UTC.
        started_at: String,
        /// RFC 3339, UTC.
        ended_at: Option<String>,
        /// How long it took.
        duration_ms: Option<u64>,
    }
}

reply! {
    /// The end of a session.
    Stopped {
        /// The session.
        session_id: String,
        /// `cancelled`.
        status: String,
    }
}

reply! {
    /// An event whose text is gone.
    RedactedView {
        /// The event.
        event_id: i64,
        /// Its type.
        event_type: String,
        /// Its session.
        session_id: Option<String>,
        /// True; said again when it was gone before.
        redacted: bool,
    }
}

reply! {
    /// An event.
    EventView {
        /// Dense over the whole log, from 1.
        id: i64,
        /// The session; `null` for the daemon's own events.
        session_id: Option<String>,
        /// Dense in the session, from 1.
        seq: Option<u64>,
        /// The run.
        run_id: Option<i64>,
        /// Version of the form.
        schema: u32,
        /// What happened.
        event_type: String,
        /// The surface it came by.
        source: String,
        /// Who it is said to be.
        user_id: String,
        /// Who the credential proves.
        principal: String,
        /// The message that caused it.
        message_id: Option<String>,
        /// RFC 3339, UTC.
        created_at: String,
        /// Ids, digests, numbers and closed words.
        facts: Value,
        /// One line, masked.
        summary: String,
        /// JSON text, masked.
        payload_text: String,
        /// The event's leaf in the Merkle tree.
        leaf_hash: String,
    }
}

reply! {
    /// A stretch of text.
    StretchView {
        /// The first character, from 0.
        start: usize,
        /// The character behind the last one.
        end: usize,
    }
}

reply! {
    /// A hit in a field of an event.
    HighlightView {
        /// `event_type`, `summary`, `payload_text`.
        field: String,
        /// The hit's first character in the field, from 0. A character is a Unicode code point.
        start: usize,
        /// The character behind its last one.
        end: usize,
    }
}

reply! {
    /// A piece of a long field around a hit.
    ExcerptView {
        /// `payload_text`; `output` where the payload names only the artifact that holds the output.
        field: String,
        /// The piece on one line, JSON escapes resolved, masked.
        text: String,
        /// The hits in it.
        marks: Vec<StretchView>,
        /// Whether the field goes on before it.
        cut_before: bool,
        /// Whether the field goes on behind it.
        cut_after: bool,
    }
}

reply! {
    /// An event that a search found.
    FoundEvent {
        /// The event.
        #[serde(flatten)]
        event: EventView,
        /// Where type, summary and payload hold what was looked for; at most 32 a field. Empty without words.
        highlights: Vec<HighlightView>,
        /// Around the hit in the payload or in a long output; `null` where there is none.
        excerpt: Option<ExcerptView>,
    }
}

reply! {
    /// A page of a search.
    SearchPage {
        /// The hits, newest first.
        items: Vec<FoundEvent>,
        /// What `cursor` gives the next page; `null` at the end.
        next_cursor: Option<String>,
        /// Said when the index is missing and the log was scanned instead.
        notice: Option<String>,
    }
}

reply! {
    /// A file a run left behind.
    ArtifactView {
        /// Its number.
        id: i64,
        /// The run.
        run_id: i64,
        /// The step.
        step_id: String,
        /// `output`.
        kind: String,
        /// Where it is, from the data directory's own name on.
        path: String,
        /// SHA-256 of its bytes.
        sha256: String,
        /// How many bytes.
        bytes: u64,
        /// RFC 3339, UTC.
        created_at: String,
    }
}

reply! {
    /// A tool.
    ToolView {
        /// Its name.
        tool_name: String,
        /// What it may touch.
        permission_profile: String,
        /// One sentence.
        description: String,
        /// Whether it may be used.
        enabled: bool,
        /// `reads`, `previews`, `spawns`, `writes`; `by_inputs` where the inputs decide.
        effect: String,
        /// JSON Schema of the inputs.
        input_schema: Value,
        /// JSON Schema of the output.
        output_schema: Value,
        /// Limits by name, with units.
        limits: Value,
    }
}

reply! {
    /// How commands are isolated on this machine, and what they need.
    SandboxView {
        /// `full`, `kernel-filter`, `none`.
        tier: String,
        /// What that means, in one sentence.
        meaning: String,
        /// What was found when the daemon tried it, layer by layer.
        layers: Vec<LayerView>,
        /// The boxes a command can be approved for: what each sees, may write, may reach, and its limits.
        boxes: Value,
        /// The programs commands may name, and whether they are here.
        programs: Vec<ProgramView>,
        /// Where each setting of the daemon came from.
        settings: Vec<SettingView>,
    }
}

reply! {
    /// A layer of the box, as it was found on this machine.
    LayerView {
        /// Its name.
        name: String,
        /// `PASS`, `DEGRADED`, `FAIL`.
        verdict: String,
        /// What was found.
        cause: String,
        /// What would put it right.
        fix: Option<String>,
    }
}

reply! {
    /// A program a command may name.
    ProgramView {
        /// Its name.
        name: String,
        /// Where it is; `null` when it is missing.
        path: Option<String>,
        /// The Debian package that has it.
        package: String,
    }
}

reply! {
    /// A setting in force. Secrets are never shown.
    SettingView {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// `flag`, `environment`, `file` or `default`.
        from: String,
    }
}

reply! {
    /// A problem of a plan.
    PlanProblemView {
        /// A stable word.
        code: String,
        /// JSON pointer to the place.
        pointer: String,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
        /// What is wrong.
        message: String,
        /// What to do about it.
        fix: String,
    }
}

reply! {
    /// What a check found. Every problem at once; without problems, what the plan would be.
    PlanCheckReply {
        /// Whether the plan could be imported.
        ok: bool,
        /// The version it would get.
        version: Option<u32>,
        /// The title.
        title: Option<String>,
        /// The digest it would have.
        digest: Option<String>,
        /// Every problem.
        problems: Vec<PlanProblemView>,
        /// What is missing on this machine: `[{step, code, message}]`.
        missing: Value,
        /// How this machine isolates commands.
        tier: String,
        /// The steps as they would stand, with effective risks and remarks.
        steps: Vec<StepView>,
    }
}

reply! {
    /// A person, an agent or a surface.
    PersonView {
        /// The name.
        name: String,
        /// `person`, `agent`, `surface` or `daemon`.
        kind: String,
        /// What they may do.
        role: String,
        /// The name they are shown by.
        display: Option<String>,
        /// The Discord account that is theirs.
        discord: Option<String>,
        /// Tokens that are neither revoked nor past their end.
        tokens: u64,
        /// Whether a PIN stands: `set`, `none`, or `unusable` when the file with its hash is not the recorded one.
        pin: String,
        /// RFC 3339, UTC.
        created_at: String,
        /// When they were removed.
        removed_at: Option<String>,
    }
}

reply! {
    /// What a PIN opened. The key is shown this once.
    UnlockReply {
        /// The key: sent as `unlock` with each decision on the plan version, or with one act of administration.
        unlock: String,
        /// Until when it opens anything, RFC 3339.
        expires_at: String,
    }
}

reply! {
    /// How far a copy has come.
    CopyingView {
        /// Files that are copied.
        files: u64,
        /// Files there are to copy; 0 until that is known.
        of: u64,
    }
}

reply! {
    /// A workspace that has a name.
    WorkspaceView {
        /// The name.
        name: String,
        /// `own`, `snapshot` or `attach`.
        kind: String,
        /// The directory; told to those who may approve.
        path: Option<String>,
        /// Patterns of files a snapshot takes along.
        include: Vec<String>,
        /// RFC 3339, UTC.
        created_at: String,
        /// When it was removed.
        removed_at: Option<String>,
        /// How far a copy that is being made of it has come; `null` when none is.
        copying: Option<CopyingView>,
    }
}

reply! {
    /// A token that was made. It is shown this once.
    TokenCreated {
        /// Its public name.
        id: String,
        /// The token itself.
        token: String,
        /// Whom it proves.
        principal: String,
        /// What they may do.
        role: String,
        /// When it ends.
        expires_at: Option<String>,
    }
}

reply! {
    /// A token, by its public name.
    TokenView {
        /// Its public name.
        id: String,
        /// Whom it proves.
        principal: String,
        /// What they may do.
        role: String,
        /// RFC 3339, UTC.
        created_at: String,
        /// When it ends.
        expires_at: Option<String>,
        /// When it was taken back.
        revoked_at: Option<String>,
    }
}

reply! {
    /// A signed checkpoint of the log.
    CheckpointView {
        /// Its event in the log.
        event_id: i64,
        /// When it was signed, RFC 3339, UTC.
        signed_at: String,
        /// How many events it is over.
        size: u64,
        /// The root over them, 64 hexadecimal digits.
        root: String,
        /// The key's public half, as a signed note's verifier key.
        key: String,
        /// The signed note, to keep elsewhere.
        note: String,
    }
}

reply! {
    /// How the daemon is.
    HealthView {
        /// `ok`, or what is wrong.
        status: String,
        /// calt's version.
        version: String,
    }
}
