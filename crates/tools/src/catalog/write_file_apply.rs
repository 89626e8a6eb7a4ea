//! Writes one file's whole content, when exactly that was previewed.

use calt_core::toolbox::{Effect, Remark, Risk};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::written::{self, PreviewInput};
use super::{Profile, Tool, Use, path_remarks};
use crate::change::{self, PlannedFile, WRITTEN_BYTES_MAX};
use crate::diff::DIFF_BYTES_MAX;
use crate::failure::ToolFailure;
use crate::run::ToolOutput;
use crate::toolkit::Programs;
use crate::workspace::Workspace;

pub(crate) struct WriteFileApply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The file, below the workspace.
    path: String,
    /// Its whole new content.
    content: String,
    /// The output of its preview; compared, never trusted.
    #[serde(default)]
    preview: Option<PreviewInput>,
}

impl Tool for WriteFileApply {
    const NAME: &'static str = "write_file_apply";
    const PROFILE: Profile = Profile::WorkspaceWriteApply;
    const DESCRIPTION: &'static str = "Writes one file, exactly as it was previewed, in one rename.";
    type Input = Input;
    type Output = written::Output;

    fn effect(_: &Value) -> Effect {
        Effect::Writes
    }

    fn limits() -> Value {
        json!({"file_bytes_max": WRITTEN_BYTES_MAX, "diff_bytes_max": DIFF_BYTES_MAX})
    }

    fn risk_floor(_: &Value) -> Risk {
        Risk::Medium
    }

    fn remarks(inputs: &Value, _: &Programs) -> Vec<Remark> {
        path_remarks(inputs, "/path")
    }

    fn plan(input: &Input, workspace: &Workspace) -> Result<Vec<PlannedFile>, ToolFailure> {
        change::of_content(workspace, &input.path, &input.content)
    }

    fn run(input: Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        written::apply(Self::NAME, Self::plan(&input, used.workspace), input.preview.as_ref(), used)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;
    use crate::failure::FailureCode;
    use calt_core::permit::Gate;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_written_whole_and_keeps_its_mode() {
        let bench = Bench::new();
        bench.put("a.sh", "old\n");
        std::fs::set_permissions(bench.path("a.sh"), std::fs::Permissions::from_mode(0o750)).unwrap();
        let inputs = json!({"path": "a.sh", "content": "new\n"});
        let shown = bench.run("write_file_preview", &inputs).unwrap();
        let given = json!({"path": "a.sh", "content": "new\n", "preview": shown.output});
        let done = bench.run("write_file_apply", &given).unwrap();
        assert_eq!(
            (done.output["applied"].clone(), done.output["diff"].clone()),
            (json!(true), shown.output["diff"].clone())
        );
        assert_eq!(bench.text("a.sh"), "new\n");
        assert_eq!(std::fs::metadata(bench.path("a.sh")).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!((done.applied.len(), done.applied[0].path.as_str()), (1, "a.sh"));
        assert_eq!(bench.survey("write_file_apply", &inputs)[0].old_sha256, done.applied[0].new_sha256);
    }

    #[test]
    fn missing_parents_are_made() {
        let bench = Bench::new();
        bench.run("write_file_apply", &json!({"path": "x/y/z.txt", "content": "1"})).unwrap();
        assert_eq!(bench.text("x/y/z.txt"), "1");
    }

    #[test]
    fn every_gate_but_a_recorded_preview_is_shut() {
        let bench = Bench::new();
        bench.put("a", "old");
        let inputs = json!({"path": "a", "content": "new"});
        for (gate, code) in [
            (Gate::Missing, FailureCode::PreviewRequired),
            (Gate::Stale, FailureCode::PreviewStale),
            (Gate::NotNeeded, FailureCode::PermissionChanged),
        ] {
            let refused = bench.run_with("write_file_apply", &inputs, |_| gate.clone()).unwrap_err();
            assert_eq!(refused.code(), code);
            assert!(refused.message.starts_with("preview gate rejected: "), "{}", refused.message);
        }
        let lie = json!({"path": "a", "content": "new", "preview": {"path": "a", "new_sha256": "0".repeat(64)}});
        assert_eq!(bench.run("write_file_apply", &lie).unwrap_err().code(), FailureCode::PreviewStale);
        assert_eq!(bench.text("a"), "old");
    }

    #[test]
    fn git_and_hard_links_and_links_are_never_written() {
        let bench = Bench::new();
        bench.put("a", "old");
        std::fs::hard_link(bench.path("a"), bench.path("b")).unwrap();
        std::os::unix::fs::symlink("a", bench.path("l")).unwrap();
        for (path, code) in [
            (".git/config", FailureCode::GitProtected),
            ("d/.Git/x", FailureCode::GitProtected),
            ("b", FailureCode::HardLink),
            ("l", FailureCode::OutsideWorkspace),
        ] {
            let refused = bench.run("write_file_apply", &json!({"path": path, "content": "new"})).unwrap_err();
            assert_eq!(refused.code(), code, "{path}: {}", refused.message);
        }
        assert_eq!(bench.text("a"), "old");
    }
}
