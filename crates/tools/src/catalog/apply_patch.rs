//! Changes several files together: shows it, or does it when exactly that was previewed.

use calt_core::Digest;
use calt_core::toolbox::{Effect, Misfit, Remark, Risk};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::written::{self, PreviewInput};
use super::{Profile, Tool, Use, path_remarks};
use crate::change::{self, FILES_MAX, FileInput, PlannedFile, WRITTEN_BYTES_MAX};
use crate::diff::DIFF_BYTES_MAX;
use crate::failure::ToolFailure;
use crate::patch;
use crate::run::ToolOutput;
use crate::toolkit::Programs;
use crate::workspace::Workspace;

pub(crate) struct ApplyPatch;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// A unified or git patch; this or `files`.
    #[serde(default)]
    patch: Option<String>,
    /// The files to change; this or `patch`.
    #[serde(default)]
    files: Option<Vec<FileInput>>,
    /// Whether it is shown or done.
    #[serde(default)]
    mode: Mode,
    /// The output of its preview; compared, never trusted.
    #[serde(default)]
    preview: Option<PreviewInput>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Preview,
    Apply,
}

impl Tool for ApplyPatch {
    const NAME: &'static str = "apply_patch";
    const PROFILE: Profile = Profile::WorkspacePatch;
    const DESCRIPTION: &'static str =
        "Changes several files together: previews the change, or applies exactly what was previewed.";
    type Input = Input;
    type Output = written::Output;

    fn effect(inputs: &Value) -> Effect {
        match &inputs["mode"] {
            Value::Null => Effect::Previews,
            Value::String(mode) if mode == "preview" => Effect::Previews,
            // A reference, too, counts as the wider effect.
            Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Effect::Writes,
        }
    }

    fn limits() -> Value {
        json!({"files_max": FILES_MAX, "file_bytes_max": WRITTEN_BYTES_MAX, "diff_bytes_max": DIFF_BYTES_MAX})
    }

    fn risk_floor(inputs: &Value) -> Risk {
        match Self::effect(inputs) {
            Effect::Previews => Risk::Low,
            Effect::Reads | Effect::Spawns | Effect::Writes => Risk::Medium,
        }
    }

    fn misfits(inputs: &Value) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        match (&inputs["patch"], &inputs["files"]) {
            (Value::Null, Value::Null) => {
                misfits.push(misfit("", "neither `patch` nor `files` is given", "write one of them"));
            }
            (Value::Null, Value::Array(files)) => {
                if files.is_empty() {
                    misfits.push(misfit("/files", "`files` is empty", "name at least one file"));
                }
                misfits.extend(
                    files.iter().enumerate().filter_map(|(place, file)| file_misfit(file, &format!("/files/{place}"))),
                );
            }
            (Value::String(text), Value::Null) if !text.contains("${steps.") => {
                misfits.extend(patch_misfit(text, "/patch"));
            }
            (_, Value::Null) | (Value::Null, _) => {}
            (_, _) => misfits.push(misfit("/files", "both `patch` and `files` are given", "keep one of them")),
        }
        misfits
    }

    fn remarks(inputs: &Value, _: &Programs) -> Vec<Remark> {
        let files = inputs["files"].as_array().map_or(0, Vec::len);
        let named = (0..files).flat_map(|place| {
            ["path", "rename_to"]
                .into_iter()
                .flat_map(move |name| path_remarks(inputs, &format!("/files/{place}/{name}")))
        });
        named.collect()
    }

    fn plan(input: &Input, workspace: &Workspace) -> Result<Vec<PlannedFile>, ToolFailure> {
        match (&input.patch, &input.files) {
            (Some(patch), None) => change::of_patch(workspace, patch),
            (None, Some(files)) => change::of_files(workspace, files),
            (Some(_), Some(_)) | (None, None) => Err(ToolFailure::plain(
                crate::failure::FailureCode::InputInvalid,
                "apply_patch needs exactly one of `patch` and `files`",
            )),
        }
    }

    fn run(input: Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        let planned = Self::plan(&input, used.workspace);
        match input.mode {
            Mode::Preview => Ok(written::preview(&planned?)),
            Mode::Apply => written::apply(Self::NAME, planned, input.preview.as_ref(), used),
        }
    }
}

fn misfit(pointer: &str, message: impl Into<String>, fix: &str) -> Misfit {
    Misfit { pointer: pointer.to_owned(), message: message.into(), fix: fix.to_owned() }
}

fn patch_misfit(text: &str, pointer: &str) -> Option<Misfit> {
    match patch::parse(text) {
        Ok(parts) if parts.is_empty() => {
            Some(misfit(pointer, "the patch changes no file", "write `--- a/…`, `+++ b/…` and hunks"))
        }
        Ok(_) => None,
        Err(failure) => Some(misfit(pointer, failure.message, "make it with `git diff` or `diff -u`")),
    }
}

/// One entry of `files`: exactly one of content, patch, restore and delete; or a rename or mode alone.
fn file_misfit(file: &Value, pointer: &str) -> Option<Misfit> {
    let given = |name: &str| !file[name].is_null() && file[name] != Value::Bool(false);
    let actions = ["content", "patch", "restore", "delete"].into_iter().filter(|name| given(name)).count();
    if actions > 1 {
        return Some(misfit(
            pointer,
            "more than one of `content`, `patch`, `restore` and `delete`",
            "keep one of them",
        ));
    }
    let literal = |text: &Value| text.as_str().filter(|text| !text.contains("${steps.")).map(str::to_owned);
    if literal(&file["expects"]).is_some_and(|text| change::expectation(&text).is_err()) {
        let message = "`expects` is neither a SHA-256 nor `absent`";
        return Some(misfit(&format!("{pointer}/expects"), message, "write 64 hexadecimal digits, or `absent`"));
    }
    if literal(&file["restore"]["sha256"]).is_some_and(|text| Digest::parse(&text).is_none()) {
        let message = "`sha256` is no SHA-256";
        return Some(misfit(&format!("{pointer}/restore/sha256"), message, "write 64 hexadecimal digits"));
    }
    if given("delete") && (given("rename_to") || given("mode")) {
        return Some(misfit(pointer, "`delete` beside `rename_to` or `mode`", "keep `delete` alone"));
    }
    if actions == 0 && !given("rename_to") && !given("mode") {
        return Some(misfit(
            pointer,
            "nothing is to be done with this file",
            "add `content`, `patch`, `restore`, `delete: true`, `rename_to` or `mode`",
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;
    use crate::failure::FailureCode;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn several_files_change_together() {
        let bench = Bench::new();
        bench.put("a", "one\ntwo\n").put("gone", "bye\n").put("old", "moved\n");
        let files = json!([
            {"path": "a", "patch": "@@ -1,2 +1,2 @@\n one\n-two\n+2\n"},
            {"path": "d/new.sh", "content": "#!/bin/sh\n", "mode": "0755"},
            {"path": "gone", "delete": true},
            {"path": "old", "rename_to": "e/new"},
        ]);
        let shown = bench.run("apply_patch", &json!({ "files": files })).unwrap();
        assert_eq!(shown.output["files"].as_array().unwrap().len(), 4);
        assert_eq!((&shown.output["path"], &shown.output["applied"]), (&Value::Null, &json!(false)));
        let done =
            bench.run("apply_patch", &json!({"files": files, "mode": "apply", "preview": shown.output})).unwrap();
        assert_eq!(done.applied.len(), 4);
        assert_eq!((bench.text("a"), bench.text("e/new")), ("one\n2\n".to_owned(), "moved\n".to_owned()));
        assert!(!bench.path("gone").exists() && !bench.path("old").exists());
        assert_eq!(std::fs::metadata(bench.path("d/new.sh")).unwrap().permissions().mode() & 0o777, 0o755);
        let names: Vec<_> = std::fs::read_dir(bench.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }

    #[test]
    fn one_file_that_does_not_fit_leaves_all_as_they_were() {
        let bench = Bench::new();
        bench.put("a", "one\n").put("b", "two\n");
        let patch = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+1\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n-other\n+2\n";
        let refused = bench.run("apply_patch", &json!({"patch": patch, "mode": "apply"})).unwrap_err();
        assert_eq!(refused.code(), FailureCode::PreviewStale);
        assert!(refused.message.starts_with("preview gate rejected: "), "{}", refused.message);
        assert_eq!((bench.text("a"), bench.text("b")), ("one\n".to_owned(), "two\n".to_owned()));
    }

    #[test]
    fn the_diff_of_a_preview_is_taken_by_git() {
        let bench = Bench::new();
        bench.put("a b.txt", "one\ntwo").put("日本.txt", "x\r\n").put("tab\there", "t\n");
        let inputs = json!({"files": [
            {"path": "a b.txt", "content": "one\n2\n"},
            {"path": "日本.txt", "content": "y\r\n"},
            {"path": "tab\there", "content": "u\n"},
            {"path": "n", "content": "new\n"},
        ]});
        let shown = bench.run("apply_patch", &inputs).unwrap();
        std::fs::write(bench.path("../p.diff"), shown.output["diff"].as_str().unwrap()).unwrap();
        let git = |arguments: &[&str]| {
            std::process::Command::new("git").args(arguments).current_dir(bench.path("")).output().unwrap()
        };
        git(&["init", "-q"]);
        let applied = git(&["apply", "../p.diff"]);
        assert!(
            applied.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&applied.stderr),
            shown.output["diff"].as_str().unwrap()
        );
        assert_eq!((bench.text("a b.txt"), bench.text("日本.txt")), ("one\n2\n".to_owned(), "y\r\n".to_owned()));
        assert_eq!((bench.text("tab\there"), bench.text("n")), ("u\n".to_owned(), "new\n".to_owned()));
    }

    #[test]
    fn a_pre_image_comes_back_with_every_byte_and_its_mode() {
        let bench = Bench::new();
        let bytes: Vec<u8> = (0..=255).cycle().take(WRITTEN_BYTES_MAX + 1).collect();
        bench.put("big", &bytes).put("here", "mine\n");
        std::fs::set_permissions(bench.path("big"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let gone = json!({"mode": "apply", "files": [{"path": "big", "delete": true}]});
        bench.run("apply_patch", &gone).unwrap();
        assert!(!bench.path("big").exists());
        let sha256 = Digest::of_bytes(&bytes).to_string();
        let file =
            |path: &str, run: i64, sha256: &str| json!({"path": path, "restore": {"run": run, "sha256": sha256}});
        let mut back = file("big", 2, &sha256);
        (back["mode"], back["expects"]) = (json!("0600"), json!("absent"));
        let inputs = json!({"mode": "apply", "files": [back]});
        assert_eq!(bench.survey("apply_patch", &inputs)[0].mode, "0600");
        bench.run("apply_patch", &inputs).unwrap();
        assert_eq!(std::fs::read(bench.path("big")).unwrap(), bytes);
        assert_eq!(std::fs::metadata(bench.path("big")).unwrap().permissions().mode() & 0o777, 0o600);

        let mut unexpected = file("here", 2, &sha256);
        unexpected["expects"] = json!(Digest::of_bytes(b"not mine").to_string());
        for (file, code) in [
            (file("here", 3, &sha256), FailureCode::PreImageMissing),
            (file("here", 2, &"0".repeat(64)), FailureCode::PreImageMissing),
            (unexpected, FailureCode::PatchConflict),
        ] {
            assert_eq!(bench.run("apply_patch", &json!({"files": [file]})).unwrap_err().code(), code, "{file}");
        }
        std::fs::write(bench.path(&format!("../rooms/2/{sha256}")), "something else").unwrap();
        let damaged = bench.run("apply_patch", &json!({"files": [file("here", 2, &sha256)]})).unwrap_err();
        assert_eq!(damaged.code(), FailureCode::PreImageDamaged);
        assert_eq!(bench.text("here"), "mine\n");
    }

    #[test]
    fn what_cannot_be_used_is_a_misfit() {
        let restore = json!({"run": 1, "sha256": "0".repeat(64)});
        for (inputs, pointer) in [
            (json!({}), ""),
            (json!({"files": []}), "/files"),
            (json!({"files": [{"path": "a"}]}), "/files/0"),
            (json!({"files": [{"path": "a", "content": "", "delete": true}]}), "/files/0"),
            (json!({"files": [{"path": "a", "content": "", "restore": restore}]}), "/files/0"),
            (json!({"files": [{"path": "a", "restore": {"run": 1, "sha256": "x"}}]}), "/files/0/restore/sha256"),
            (json!({"files": [{"path": "a", "delete": true, "expects": "x"}]}), "/files/0/expects"),
            (json!({"patch": "x", "files": [{"path": "a", "content": ""}]}), "/files"),
            (json!({"patch": "nothing here"}), "/patch"),
        ] {
            let misfits = ApplyPatch::misfits(&inputs);
            assert_eq!(misfits.first().map(|misfit| misfit.pointer.as_str()), Some(pointer), "{inputs}");
        }
        assert!(ApplyPatch::misfits(&json!({"files": [{"path": "a", "rename_to": "b"}]})).is_empty());
    }
}
