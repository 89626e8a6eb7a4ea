//! Shows what a write of one file's whole content would change, and leaves the disk as it is.

use calt_core::toolbox::{Effect, Remark};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Profile, Tool, Use, path_remarks, written};
use crate::change::{self, PlannedFile, WRITTEN_BYTES_MAX};
use crate::diff::DIFF_BYTES_MAX;
use crate::failure::ToolFailure;
use crate::run::ToolOutput;
use crate::toolkit::Programs;
use crate::workspace::Workspace;

pub(crate) struct WriteFilePreview;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The file, below the workspace.
    path: String,
    /// Its whole new content.
    content: String,
}

impl Tool for WriteFilePreview {
    const NAME: &'static str = "write_file_preview";
    const PROFILE: Profile = Profile::WorkspaceWritePreview;
    const DESCRIPTION: &'static str = "Shows the exact change a write of one file would make.";
    type Input = Input;
    type Output = written::Output;

    fn effect(_: &Value) -> Effect {
        Effect::Previews
    }

    fn limits() -> Value {
        json!({"file_bytes_max": WRITTEN_BYTES_MAX, "diff_bytes_max": DIFF_BYTES_MAX})
    }

    fn remarks(inputs: &Value, _: &Programs) -> Vec<Remark> {
        path_remarks(inputs, "/path")
    }

    fn plan(input: &Input, workspace: &Workspace) -> Result<Vec<PlannedFile>, ToolFailure> {
        change::of_content(workspace, &input.path, &input.content)
    }

    fn run(input: Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        Ok(written::preview(&Self::plan(&input, used.workspace)?))
    }
}
