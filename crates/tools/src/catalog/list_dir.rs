//! Lists the entries of one directory of the workspace.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calt_core::toolbox::{Effect, Remark};
use rustix::fs::{Dir, FileType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Profile, Tool, Use, output_value, path_remarks};
use crate::failure::ToolFailure;
use crate::run::ToolOutput;
use crate::toolkit::Programs;
use crate::workspace::{RelativePath, kind_words, refused, stat_in};

/// Most entries that are given back; what is cut is said.
const ENTRIES_MAX: usize = 10_000;

pub(crate) struct ListDir;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The directory, below the workspace.
    #[serde(default = "top")]
    path: String,
}

fn top() -> String {
    ".".to_owned()
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The directory, below the workspace.
    path: String,
    /// Its entries, sorted by name.
    entries: Vec<Entry>,
    /// Whether there are more entries than are given.
    truncated: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// The name; lossy when it is not UTF-8.
    name: String,
    /// Whether it is a directory.
    is_dir: bool,
    /// What it is: `a regular file`, `a directory`, `a link`, …
    kind: &'static str,
    /// The length of a regular file, in bytes.
    size: Option<u64>,
    /// The bytes of a name that is not UTF-8, in base64.
    name_b64: Option<String>,
}

impl Tool for ListDir {
    const NAME: &'static str = "list_dir";
    const PROFILE: Profile = Profile::WorkspaceRead;
    const DESCRIPTION: &'static str = "Lists a directory of the workspace, sorted by name.";
    type Input = Input;
    type Output = Output;

    fn effect(_: &Value) -> Effect {
        Effect::Reads
    }

    fn limits() -> Value {
        json!({"entries_max": ENTRIES_MAX})
    }

    fn remarks(inputs: &Value, _: &Programs) -> Vec<Remark> {
        path_remarks(inputs, "/path")
    }

    fn run(input: Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        let path = RelativePath::parse(&input.path)?;
        let directory = used.workspace.open_directory(&path)?;
        let fault = |error: rustix::io::Errno| refused(path.as_str(), &error.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        names.sort();
        let truncated = names.len() > ENTRIES_MAX;
        names.truncate(ENTRIES_MAX);
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            // An entry that went away since the directory was read is no entry.
            let Ok(stat) = stat_in(&directory, &name) else { continue };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let text = String::from_utf8_lossy(name.to_bytes());
            entries.push(Entry {
                is_dir: kind == FileType::Directory,
                kind: kind_words(kind),
                size: (kind == FileType::RegularFile).then_some(stat.st_size.cast_unsigned()),
                name_b64: std::str::from_utf8(name.to_bytes()).is_err().then(|| STANDARD.encode(name.to_bytes())),
                name: text.into_owned(),
            });
        }
        let observation = entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join("\n");
        let output = Output { path: path.to_string(), entries, truncated };
        let not_whole = if truncated { vec!["/entries".to_owned()] } else { Vec::new() };
        Ok(ToolOutput { output: output_value(&output), observation, not_whole, ..ToolOutput::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn entries_are_sorted_and_told_apart() {
        let bench = Bench::new();
        bench.put("b.txt", "12").put("a/x", "").put("Z", "");
        std::os::unix::fs::symlink("/etc", bench.path("link")).unwrap();
        std::fs::write(bench.path("").join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
        let listed = bench.run("list_dir", &json!({})).unwrap();
        let names: Vec<_> =
            listed.output["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Z", "a", "b.txt", "link", "\u{fffd}"]);
        assert_eq!(listed.output["entries"][1]["is_dir"], true);
        assert_eq!(listed.output["entries"][2]["size"], 2);
        assert_eq!(
            (&listed.output["entries"][3]["is_dir"], &listed.output["entries"][3]["kind"]),
            (&json!(false), &json!("a link"))
        );
        assert_eq!(listed.output["entries"][4]["name_b64"], "/w==");
    }
}
