//! The one way to use a tool: a permit goes in, and what happened comes out.

use calt_core::Permit;
use calt_core::event::FileChange;
use calt_core::isolation::BoxSpec;
use calt_core::session::inputs_digest;
use calt_core::toolbox::Effect;
use serde_json::Value;

use crate::catalog::{AnyTool, Use};
use crate::change::PlannedFile;
use crate::diff;
use crate::failure::{FailureCode, ToolFailure};
use crate::limits::Limits;
use crate::room::RunRoom;
use crate::since::Mask;
use crate::toolkit::Toolkit;
use crate::workspace::Workspace;

/// What a run gave. Nothing in it is masked yet.
#[derive(Clone, Debug, Default)]
pub struct ToolOutput {
    /// The output, as the tool's sheet describes it.
    pub output: Value,
    /// The text a `regex` rule looks at: standard output, content or diff.
    pub observation: String,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// JSON pointers of what was cut or is not the true bytes.
    pub not_whole: Vec<String>,
    /// What a preview showed.
    pub preview: Option<Vec<FileChange>>,
    /// What an apply wrote.
    pub applied: Vec<FileChange>,
    /// What the approver should know though it went well.
    pub warnings: Vec<String>,
    /// The files of a write, with their bytes before and afterwards.
    pub(crate) written: Vec<PlannedFile>,
}

impl ToolOutput {
    /// The diff of a write as others may see it; `None` of everything else. Each file is masked before it is
    /// compared: what makes a line secret may stand outside of what a diff shows.
    pub fn masked_diff(&self, mask: Mask<'_>) -> Option<String> {
        let masked =
            |bytes: &[u8]| std::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| mask(text).into_bytes());
        let files = self.written.iter().map(|file| PlannedFile {
            old_bytes: masked(&file.old_bytes),
            new_bytes: masked(&file.new_bytes),
            ..file.clone()
        });
        let files: Vec<PlannedFile> = files.collect();
        (!files.is_empty()).then(|| diff::unified(&files).0)
    }
}

/// Runs an approved step once. The permit is spent, whatever comes of it.
///
/// Checked again here, where the power is: the inputs are those that were approved, the tool's effect is
/// the permit's and lies within the tool's permission profile, and the box is no wider than was shown.
///
/// # Errors
/// [`ToolFailure`] with a stable code; what was written all the same stands in it.
#[expect(clippy::needless_pass_by_value, reason = "a permit is spent by use: taking it by value is the point")]
pub fn run(
    permit: Permit,
    toolkit: &Toolkit,
    inputs: &Value,
    workspace: &Workspace,
    room: &RunRoom,
    limits: &Limits,
) -> Result<ToolOutput, ToolFailure> {
    let Some((tool, programs)) = toolkit.any(permit.tool()) else {
        return Err(changed(&format!("there is no tool `{}`", permit.tool())));
    };
    permitted(&permit, toolkit, tool, inputs)?;
    limits.check()?;
    tool.run(inputs, &Use { permit: &permit, programs, workspace, room, limits })
}

fn permitted(permit: &Permit, toolkit: &Toolkit, tool: &dyn AnyTool, inputs: &Value) -> Result<(), ToolFailure> {
    if inputs_digest(inputs) != permit.inputs_digest() {
        return Err(changed("the inputs are not those of the permit"));
    }
    let effect = tool.effect(inputs);
    if effect != permit.effect() || !tool.profile().allows(effect) {
        return Err(changed(&format!("the permission profile `{}` does not allow this", tool.profile().name())));
    }
    if effect == Effect::Spawns {
        use calt_core::toolbox::Toolbox as _;
        let needed = toolkit.tool(permit.tool()).and_then(|rules| rules.box_spec(inputs));
        if !needed.as_ref().is_some_and(|needed| holds(permit.box_spec(), needed)) {
            return Err(changed("the command needs another box than was approved"));
        }
    }
    Ok(())
}

/// Whether the approved box is the one needed, or wider: a command that was a reference is approved for the widest.
fn holds(approved: Option<&BoxSpec>, needed: &BoxSpec) -> bool {
    approved.is_some_and(|approved| approved == needed || approved.name == BoxSpec::test().name)
}

fn changed(why: &str) -> ToolFailure {
    ToolFailure::plain(FailureCode::PermissionChanged, format!("permission_changed: {why}"))
}

/// What an apply with these inputs would write now. Reads, and touches nothing.
///
/// # Errors
/// [`ToolFailure`] when it could not be written at all.
pub fn survey(
    toolkit: &Toolkit,
    workspace: &Workspace,
    tool: &str,
    inputs: &Value,
) -> Result<Vec<FileChange>, ToolFailure> {
    let Some((tool, _)) = toolkit.any(tool) else {
        return Err(changed(&format!("there is no tool `{tool}`")));
    };
    Ok(tool.plan(inputs, workspace)?.into_iter().map(|file| file.change).collect())
}
