//! The catalog: one file a tool, and the hand-kept list of them.

mod apply_patch;
mod list_dir;
mod read_file;
mod run_shell_readonly;
mod write_file_apply;
mod write_file_preview;
mod written;

use calt_core::Permit;
use calt_core::isolation::BoxSpec;
use calt_core::toolbox::{Effect, Misfit, Remark, Risk, ToolSpec};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use crate::change::PlannedFile;
use crate::failure::{FailureCode, ToolFailure};
use crate::limits::Limits;
use crate::room::RunRoom;
use crate::run::ToolOutput;
use crate::toolkit::Programs;
use crate::workspace::Workspace;

/// Every tool, in the order they are listed.
pub(crate) const CATALOG: &[&dyn AnyTool] = &[
    &read_file::ReadFile,
    &list_dir::ListDir,
    &run_shell_readonly::RunShellReadonly,
    &write_file_preview::WriteFilePreview,
    &write_file_apply::WriteFileApply,
    &apply_patch::ApplyPatch,
];

/// What a tool may touch; checked at every run, whatever the tool says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    WorkspaceRead,
    ShellReadonly,
    WorkspaceWritePreview,
    WorkspaceWriteApply,
    WorkspacePatch,
}

impl Profile {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WorkspaceRead => "workspace_read",
            Self::ShellReadonly => "shell_readonly",
            Self::WorkspaceWritePreview => "workspace_write_preview",
            Self::WorkspaceWriteApply => "workspace_write_apply",
            Self::WorkspacePatch => "workspace_patch",
        }
    }

    pub(crate) const fn allows(self, effect: Effect) -> bool {
        match self {
            Self::WorkspaceRead => matches!(effect, Effect::Reads),
            Self::ShellReadonly => matches!(effect, Effect::Spawns),
            Self::WorkspaceWritePreview => matches!(effect, Effect::Previews),
            Self::WorkspaceWriteApply => matches!(effect, Effect::Writes),
            Self::WorkspacePatch => matches!(effect, Effect::Previews | Effect::Writes),
        }
    }
}

/// One permitted use of a tool: everything it may look at.
pub(crate) struct Use<'u> {
    pub(crate) permit: &'u Permit,
    pub(crate) programs: &'u Programs,
    pub(crate) workspace: &'u Workspace,
    pub(crate) room: &'u RunRoom,
    pub(crate) limits: &'u Limits,
}

/// A tool, as it is written.
pub(crate) trait Tool: Sync + 'static {
    const NAME: &'static str;
    const PROFILE: Profile;
    const DESCRIPTION: &'static str;
    type Input: DeserializeOwned + JsonSchema;
    type Output: Serialize + JsonSchema;

    /// What these inputs would do to the world.
    fn effect(inputs: &Value) -> Effect;
    /// Limits by name, with the unit in the name.
    fn limits() -> Value;
    /// The least risk these inputs carry.
    fn risk_floor(_inputs: &Value) -> Risk {
        Risk::Low
    }
    /// The box a command of these inputs would run in.
    fn box_spec(_inputs: &Value) -> Option<BoxSpec> {
        None
    }
    /// What is wrong with inputs that fit the schema.
    fn misfits(_inputs: &Value) -> Vec<Misfit> {
        Vec::new()
    }
    /// What the run would refuse, said ahead of it.
    fn remarks(_inputs: &Value, _programs: &Programs) -> Vec<Remark> {
        Vec::new()
    }
    /// What would be written now; nothing for a tool that writes nothing.
    fn plan(_input: &Self::Input, _workspace: &Workspace) -> Result<Vec<PlannedFile>, ToolFailure> {
        Ok(Vec::new())
    }
    fn run(input: Self::Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure>;
}

/// A tool whose inputs are JSON.
pub(crate) trait AnyTool: Sync {
    fn sheet(&self) -> ToolSpec;
    fn profile(&self) -> Profile;
    fn effect(&self, inputs: &Value) -> Effect;
    fn risk_floor(&self, inputs: &Value) -> Risk;
    fn box_spec(&self, inputs: &Value) -> Option<BoxSpec>;
    fn misfits(&self, inputs: &Value) -> Vec<Misfit>;
    fn remarks(&self, inputs: &Value, programs: &Programs) -> Vec<Remark>;
    fn plan(&self, inputs: &Value, workspace: &Workspace) -> Result<Vec<PlannedFile>, ToolFailure>;
    fn run(&self, inputs: &Value, used: &Use<'_>) -> Result<ToolOutput, ToolFailure>;
}

impl<T: Tool> AnyTool for T {
    fn sheet(&self) -> ToolSpec {
        ToolSpec {
            name: T::NAME,
            profile: T::PROFILE.name(),
            description: T::DESCRIPTION,
            input_schema: schema_of::<T::Input>(),
            output_schema: schema_of::<T::Output>(),
            limits: T::limits(),
        }
    }

    fn profile(&self) -> Profile {
        T::PROFILE
    }

    fn effect(&self, inputs: &Value) -> Effect {
        T::effect(inputs)
    }

    fn risk_floor(&self, inputs: &Value) -> Risk {
        T::risk_floor(inputs)
    }

    fn box_spec(&self, inputs: &Value) -> Option<BoxSpec> {
        T::box_spec(inputs)
    }

    fn misfits(&self, inputs: &Value) -> Vec<Misfit> {
        T::misfits(inputs)
    }

    fn remarks(&self, inputs: &Value, programs: &Programs) -> Vec<Remark> {
        T::remarks(inputs, programs)
    }

    fn plan(&self, inputs: &Value, workspace: &Workspace) -> Result<Vec<PlannedFile>, ToolFailure> {
        T::plan(&input::<T>(inputs)?, workspace)
    }

    fn run(&self, inputs: &Value, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        T::run(input::<T>(inputs)?, used)
    }
}

/// Inputs as the tool wants them. A resolved reference may have brought another type than the schema's.
fn input<T: Tool>(inputs: &Value) -> Result<T::Input, ToolFailure> {
    T::Input::deserialize(inputs).map_err(|error| {
        ToolFailure::plain(FailureCode::InputInvalid, format!("the inputs do not fit `{}`: {error}", T::NAME))
    })
}

/// The schema of a type, every subschema in place.
fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        // The name of a Rust type says nothing to a reader.
        fields.remove("title");
        fields.remove("$schema");
    }
    schema
}

/// The output as JSON.
///
/// # Panics
/// Never: outputs have string keys and no numbers that are infinite.
fn output_value<O: Serialize>(output: &O) -> Value {
    serde_json::to_value(output).expect("an output has string keys and finite numbers")
}

/// A path that leaves the workspace, said ahead of the run; a reference is looked at once it is resolved.
fn path_remarks(inputs: &Value, pointer: &str) -> Vec<Remark> {
    let Some(path) = inputs.pointer(pointer).and_then(Value::as_str).filter(|path| !path.contains("${steps.")) else {
        return Vec::new();
    };
    match crate::workspace::RelativePath::parse(path) {
        Ok(_) => Vec::new(),
        Err(failure) => vec![Remark { code: failure.code().as_str().to_owned(), message: failure.message }],
    }
}

/// Inputs of a test, as a plan would hold them.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::limits::Cancel;
    use crate::toolkit::Toolkit;
    use calt_core::RunId;
    use calt_core::permit::Gate;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    /// Every tool, with the program built beside the test as helper.
    pub(crate) fn toolkit() -> Toolkit {
        let own = std::env::current_exe().unwrap();
        let helper = own.ancestors().nth(2).unwrap().join("calt");
        assert!(helper.exists(), "build the program first: cargo build ({} is missing)", helper.display());
        Toolkit::find(None, crate::sandbox::Isolation { helper, ..crate::sandbox::Isolation::default() })
    }

    /// A workspace of a test's own, with every tool.
    pub(crate) struct Bench {
        directory: tempfile::TempDir,
        toolkit: Toolkit,
    }

    impl Bench {
        pub(crate) fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Workspace::create(&directory.path().join("ws")).unwrap();
            Self { directory, toolkit: toolkit() }
        }

        pub(crate) fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join("ws").join(name)
        }

        pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
            std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            std::fs::write(self.path(name), bytes).unwrap();
            self
        }

        pub(crate) fn text(&self, name: &str) -> String {
            std::fs::read_to_string(self.path(name)).unwrap()
        }

        pub(crate) fn workspace(&self) -> Workspace {
            Workspace::open(&self.directory.path().join("ws")).unwrap().with_rooms(self.path("../rooms"))
        }

        pub(crate) fn survey(&self, tool: &str, inputs: &Value) -> Vec<calt_core::event::FileChange> {
            crate::run::survey(&self.toolkit, &self.workspace(), tool, inputs).unwrap()
        }

        /// Runs a tool with a permit for exactly these inputs. For an apply the gate stands open.
        pub(crate) fn run(&self, tool: &str, inputs: &Value) -> Result<ToolOutput, ToolFailure> {
            self.run_with(tool, inputs, |_| Gate::Recorded { run: RunId(1) })
        }

        pub(crate) fn run_with(
            &self,
            tool: &str,
            inputs: &Value,
            gate: impl Fn(&[calt_core::event::FileChange]) -> Gate,
        ) -> Result<ToolOutput, ToolFailure> {
            let (known, _) = self.toolkit.any(tool).unwrap();
            let effect = known.effect(inputs);
            let files = if effect == Effect::Writes {
                crate::run::survey(&self.toolkit, &self.workspace(), tool, inputs).unwrap_or_default()
            } else {
                Vec::new()
            };
            let gate = if effect == Effect::Writes { gate(&files) } else { Gate::NotNeeded };
            let digest = (effect == Effect::Writes).then(|| calt_core::event::files_digest(&files));
            let permit = Permit::for_test(RunId(2), tool, effect, inputs, gate, digest, known.box_spec(inputs));
            self.run_on(permit, inputs)
        }

        pub(crate) fn run_on(&self, permit: Permit, inputs: &Value) -> Result<ToolOutput, ToolFailure> {
            let room = RunRoom::of_run(&self.path("../rooms"), permit.run());
            let limits = Limits { deadline: Instant::now() + Duration::from_secs(20), cancel: Cancel::new() };
            crate::run::run(permit, &self.toolkit, inputs, &self.workspace(), &room, &limits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Bench, toolkit};
    use super::*;
    use calt_core::toolbox::Toolbox as _;
    use serde_json::json;
    use std::os::unix::fs::symlink;

    /// Inputs each tool could run with, all on the path `a.txt`.
    fn sound_inputs(tool: &str) -> Value {
        match tool {
            "read_file" | "list_dir" => json!({"path": "a.txt"}),
            "run_shell_readonly" => json!({"command": "cat a.txt"}),
            "write_file_preview" | "write_file_apply" => json!({"path": "a.txt", "content": "new\n"}),
            "apply_patch" => json!({"mode": "apply", "files": [{"path": "a.txt", "content": "new\n"}]}),
            other => panic!("no inputs for {other}"),
        }
    }

    fn at(inputs: &Value, path: &str) -> Value {
        serde_json::from_str(&inputs.to_string().replace("a.txt", path)).unwrap()
    }

    #[test]
    fn every_sheet_is_whole() {
        let toolkit = toolkit();
        assert_eq!(toolkit.specs().count(), 6);
        for spec in toolkit.specs() {
            assert_eq!(spec.input_schema["type"], "object", "{}", spec.name);
            assert_eq!(spec.input_schema["additionalProperties"], false, "{}", spec.name);
            assert!(!spec.input_schema.to_string().contains("$ref"), "{}", spec.name);
            assert!(!spec.output_schema.to_string().contains("$ref"), "{}", spec.name);
            for (name, property) in spec.input_schema["properties"].as_object().unwrap() {
                assert!(property["description"].is_string(), "`{name}` of {} has no description", spec.name);
            }
            assert!(spec.limits.as_object().is_some_and(|limits| !limits.is_empty()), "{}", spec.name);
        }
    }

    #[test]
    fn no_tool_takes_an_input_it_does_not_know() {
        let bench = Bench::new();
        for tool in toolkit().names() {
            let mut inputs = sound_inputs(tool);
            inputs["workspace_root"] = json!("/");
            assert_eq!(bench.run(tool, &inputs).unwrap_err().code(), FailureCode::InputInvalid, "{tool}");
        }
    }

    #[test]
    fn no_tool_leaves_the_workspace() {
        let bench = Bench::new();
        std::fs::write(bench.path("../secret.txt"), "outside").unwrap();
        symlink("../secret.txt", bench.path("link.txt")).unwrap();
        symlink("..", bench.path("up")).unwrap();
        for tool in toolkit().names() {
            for path in ["../secret.txt", "/etc/passwd", "up/secret.txt", "link.txt"] {
                if tool == "run_shell_readonly" && !path.starts_with(['.', '/']) {
                    // A link inside the workspace: only the kernel's box can hold a command there.
                    continue;
                }
                let inputs = at(&sound_inputs(tool), path);
                let refused = bench.run(tool, &inputs).unwrap_err();
                let allowed = [FailureCode::OutsideWorkspace, FailureCode::CommandRefused, FailureCode::NotRegular];
                assert!(allowed.contains(&refused.code()), "{tool} {path}: {}", refused.message);
            }
        }
        assert_eq!(std::fs::read_to_string(bench.path("../secret.txt")).unwrap(), "outside");
    }

    #[test]
    fn a_permit_fits_only_the_inputs_and_the_effect_it_was_made_for() {
        let bench = Bench::new();
        bench.put("a.txt", "old\n");
        for tool in toolkit().names() {
            let inputs = sound_inputs(tool);
            let effect = CATALOG.iter().find(|known| known.sheet().name == tool).unwrap().effect(&inputs);
            let other = json!({"path": "b.txt"});
            let permit = Permit::for_test(
                calt_core::RunId(1),
                tool,
                effect,
                &other,
                calt_core::permit::Gate::NotNeeded,
                None,
                None,
            );
            assert_eq!(bench.run_on(permit, &inputs).unwrap_err().code(), FailureCode::PermissionChanged, "{tool}");
            let wrong = if effect == Effect::Reads { Effect::Writes } else { Effect::Reads };
            let permit = Permit::for_test(
                calt_core::RunId(1),
                tool,
                wrong,
                &inputs,
                calt_core::permit::Gate::NotNeeded,
                None,
                None,
            );
            assert_eq!(bench.run_on(permit, &inputs).unwrap_err().code(), FailureCode::PermissionChanged, "{tool}");
        }
        assert_eq!(bench.text("a.txt"), "old\n");
    }

    #[test]
    fn only_an_apply_changes_the_workspace() {
        let bench = Bench::new();
        bench.put("a.txt", "old\n");
        for tool in toolkit().names() {
            let mut inputs = sound_inputs(tool);
            if tool == "apply_patch" {
                inputs["mode"] = json!("preview");
            }
            if tool == "write_file_apply" {
                continue;
            }
            let _ = bench.run(tool, &inputs);
            assert_eq!(bench.text("a.txt"), "old\n", "{tool}");
            assert_eq!(std::fs::read_dir(bench.path(".")).unwrap().count(), 1, "{tool}");
        }
    }
}
