//! The plan: an immutable, numbered document of ordered steps, as it is after every check.
//!
//! `read` turns text into a tree that knows its lines, `check` turns the tree into a [`Draft`] or into
//! *all* its problems, and [`Draft::number`] gives the draft its version and so its digest.

pub mod check;
mod expand;
mod fields;
mod inputs;
mod problems;
pub mod read;
mod scalar;
pub mod schema;
mod step;
mod verify;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::digest::{Digest, PLAN_TAG};
use crate::id::StepId;
use crate::isolation::BoxSpec;
use crate::reference::Reference;
use crate::toolbox::{Effect, Remark, Risk};

/// Largest plan document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Most steps in a plan, after `change` is expanded.
pub const STEPS_MAX: usize = 1_000;
/// Deepest nesting of a document.
pub const NESTING_MAX: usize = 32;
/// Longest string in a document, in bytes.
pub const STRING_BYTES_MAX: usize = 512 * 1024;
/// Least and most seconds a step may take.
pub const STEP_TIMEOUT_SECONDS: std::ops::RangeInclusive<u32> = 1..=120;
/// Seconds a step may take when the plan is silent.
pub const STEP_TIMEOUT_SECONDS_DEFAULT: u32 = 30;
/// Largest version number (it must survive as a JSON number and as a 32-bit integer).
pub const VERSION_MAX: u32 = 1_000_000;

/// A checked plan that has no number yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The version the document asks for; `None` takes the next one.
    pub version: Option<u32>,
    /// The plan's title.
    pub title: String,
    /// The goal as the plan puts it.
    pub session_goal: Option<String>,
    /// The ticket it belongs to (`ref` in the document).
    pub ticket: Option<String>,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// One step: one use of one tool with fixed inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// Unique in the plan.
    pub id: StepId,
    /// What a person reads first.
    pub title: String,
    /// The tool's name.
    pub tool: String,
    /// What it does to the world.
    pub effect: Effect,
    /// The effective risk: what the plan says, and at least what the tool implies.
    pub risk: Risk,
    /// Inputs as written, without `meta`; references stand where values will.
    pub inputs: Value,
    /// Digested and shown, never passed on.
    pub meta: Option<Value>,
    /// Shown to the approver.
    pub preconditions: Vec<String>,
    /// Shown to the approver.
    pub postconditions: Vec<String>,
    /// Shown to the approver.
    pub expected_observation: Option<String>,
    /// What must hold after the tool has run.
    pub verify: Option<Verify>,
    /// Seconds the step may take.
    pub timeout_sec: u32,
    /// The references in its inputs.
    pub references: Vec<Reference>,
    /// The box its command runs in.
    pub box_spec: Option<BoxSpec>,
    /// What the run would refuse, and the like.
    pub remarks: Vec<Remark>,
}

/// What must hold after a tool has run, on the unmasked text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// The kind of rule.
    #[serde(rename = "type")]
    pub kind: VerifyKind,
    /// The rule's expression, in the kind's own language.
    pub expr: String,
}

/// The kinds of `verify` rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyKind {
    /// `0`, or a list such as `0,1`.
    ExitCode,
    /// A regular expression that must match the observation: stdout, content or diff.
    Regex,
    /// RFC 9535 over the output; true when it selects something.
    Jsonpath,
    /// A path or glob that must exist in the workspace or among the run's artifacts.
    ArtifactExists,
}

/// A plan with its number: from here on it never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    version: u32,
    draft: Draft,
    digest: Digest,
}

impl Draft {
    /// Gives the draft its version, and so its digest.
    pub fn number(self, version: u32) -> Plan {
        let digest = Digest::of_json(PLAN_TAG, &canonical(&self, version));
        Plan { version, draft: self, digest }
    }
}

impl Plan {
    /// The version.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.draft.title
    }

    /// The goal the plan sets for its session.
    pub fn session_goal(&self) -> Option<&str> {
        self.draft.session_goal.as_deref()
    }

    /// The ticket it belongs to.
    pub fn ticket(&self) -> Option<&str> {
        self.draft.ticket.as_deref()
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.draft.steps
    }

    /// Finds a step.
    pub fn step(&self, id: &StepId) -> Option<&PlannedStep> {
        self.draft.steps.iter().find(|step| step.id == *id)
    }

    /// `calt plan v1` over the canonical form.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The canonical form: version assigned, defaults filled in, `change` expanded.
    ///
    /// It is itself a plan document: reading it again gives the same plan.
    pub fn canonical(&self) -> Value {
        canonical(&self.draft, self.version)
    }
}

impl PlannedStep {
    /// The step's part of the canonical form.
    pub fn canonical(&self) -> Value {
        let mut inputs = match &self.inputs {
            Value::Object(fields) => fields.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
        };
        if let Some(meta) = &self.meta {
            inputs.insert("meta".to_owned(), meta.clone());
        }
        let mut step = json!({
            "id": self.id,
            "title": self.title,
            "tool": self.tool,
            "risk": self.risk,
            "inputs": inputs,
            "preconditions": self.preconditions,
            "postconditions": self.postconditions,
            "timeout_sec": self.timeout_sec,
        });
        if let Some(expected) = &self.expected_observation {
            step["expected_observation"] = json!(expected);
        }
        if let Some(verify) = &self.verify {
            step["verify"] = json!(verify);
        }
        step
    }
}

fn canonical(draft: &Draft, version: u32) -> Value {
    let steps: Vec<Value> = draft.steps.iter().map(PlannedStep::canonical).collect();
    let mut plan = json!({"version": version, "title": draft.title, "steps": steps});
    if let Some(goal) = &draft.session_goal {
        plan["session_goal"] = json!(goal);
    }
    if let Some(ticket) = &draft.ticket {
        plan["ref"] = json!(ticket);
    }
    plan
}

/// Reads and checks a document.
///
/// # Errors
/// Every problem, in the order of the document.
pub fn draft(text: &str, toolbox: &dyn crate::toolbox::Toolbox) -> Result<Draft, Vec<PlanProblem>> {
    check::check(&read::read(text)?, toolbox)
}

/// Something wrong with a plan document, at a place, with the way to put it right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanProblem {
    /// A stable word, for instance `unknown_key`.
    pub code: String,
    /// JSON pointer (RFC 6901) to the place; empty for the whole document.
    pub pointer: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, as one sentence fragment.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}
