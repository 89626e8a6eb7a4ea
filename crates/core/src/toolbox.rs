//! What core knows of a tool: its name, its input shape and what it does to the world.
//!
//! The tools themselves stand in another crate; the plan reader is handed a [`Toolbox`].

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a use of a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Reads files of the workspace.
    Reads,
    /// Computes a write and shows it, and leaves the disk as it is.
    Previews,
    /// Starts a process.
    Spawns,
    /// Changes files of the workspace.
    Writes,
}

/// How much a step could harm, as the approver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Reads, previews, read-only commands.
    Low,
    /// Writes and test runs.
    Medium,
    /// Said so by the plan; needs its own confirmation in `strict`.
    High,
}

impl fmt::Display for Risk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// A tool as it is shown, documented and checked.
#[derive(Clone, Debug, Serialize)]
pub struct ToolSpec {
    /// The name a plan uses.
    pub name: &'static str,
    /// The permission profile the runtime checks at every run.
    pub profile: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// JSON Schema of the inputs: an object, every subschema in place, no `$ref`.
    pub input_schema: Value,
    /// JSON Schema of the output.
    pub output_schema: Value,
    /// Limits by name, with the unit in the name.
    pub limits: Value,
}

/// Something about a step an approver should know before deciding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// A stable word, for instance `command_refused`.
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// Inputs that fit the schema and can never be used all the same: the plan is refused for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer of the place, below the inputs.
    pub pointer: String,
    /// What is wrong, as one sentence fragment.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

/// What the plan reader asks of one tool. Inputs may still hold references where a value would stand.
pub trait ToolRules: Send + Sync {
    /// The tool's sheet.
    fn spec(&self) -> &ToolSpec;
    /// What these inputs would do to the world.
    fn effect(&self, inputs: &Value) -> Effect;
    /// The least risk these inputs carry.
    fn risk_floor(&self, inputs: &Value) -> Risk;
    /// The box a command of these inputs would run in; `None` for a tool that starts none.
    fn box_spec(&self, inputs: &Value) -> Option<crate::isolation::BoxSpec>;
    /// What is wrong with inputs that fit the schema. Reads nothing.
    fn misfits(&self, inputs: &Value) -> Vec<Misfit>;
    /// What the run would refuse, said ahead of it. Reads nothing.
    fn remarks(&self, inputs: &Value) -> Vec<Remark>;
}

/// The closed registry of tools.
pub trait Toolbox: Send + Sync {
    /// Finds a tool by its name.
    fn tool(&self, name: &str) -> Option<&dyn ToolRules>;
    /// Every name, in the order they are listed.
    fn names(&self) -> Vec<&'static str>;
}
