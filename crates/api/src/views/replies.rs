//! What the daemon answers about sessions, plans, steps and runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::next::Next;

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
        /// The goal as the plan puts it.
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
        /// The goal it gives a session that is made for it.
        session_goal: Option<String>,
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
