//! Reads one regular file of the workspace.

use calt_core::Digest;
use calt_core::toolbox::{Effect, Remark};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Profile, Tool, Use, output_value, path_remarks};
use crate::failure::{FailureCode, ToolFailure};
use crate::run::ToolOutput;
use crate::toolkit::Programs;
use crate::workspace::{FILE_BYTES_MAX, Purpose, RelativePath};

/// Most of a file's content that is given back, in bytes; what is cut is said.
const CONTENT_BYTES_MAX: usize = 1024 * 1024;

pub(crate) struct ReadFile;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The file, below the workspace.
    path: String,
    /// How its bytes are read as text.
    #[serde(default, rename = "encoding")]
    _encoding: Encoding,
}

#[derive(Default, Deserialize, JsonSchema)]
enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The file, below the workspace.
    path: String,
    /// Its text; at most 1 MiB of it.
    content: String,
    /// Its length, in bytes.
    bytes: u64,
    /// SHA-256 of all its bytes.
    sha256: String,
    /// Whether `content` was cut.
    truncated: bool,
    /// Whether the file is not UTF-8, so that `content` is not its true bytes.
    lossy: bool,
}

impl Tool for ReadFile {
    const NAME: &'static str = "read_file";
    const PROFILE: Profile = Profile::WorkspaceRead;
    const DESCRIPTION: &'static str = "Reads a regular file of the workspace as text.";
    type Input = Input;
    type Output = Output;

    fn effect(_: &Value) -> Effect {
        Effect::Reads
    }

    fn limits() -> Value {
        json!({"file_bytes_max": FILE_BYTES_MAX, "content_bytes_max": CONTENT_BYTES_MAX})
    }

    fn remarks(inputs: &Value, _: &Programs) -> Vec<Remark> {
        path_remarks(inputs, "/path")
    }

    fn run(input: Input, used: &Use<'_>) -> Result<ToolOutput, ToolFailure> {
        let path = RelativePath::parse(&input.path)?;
        let Some(found) = used.workspace.read(&path, Purpose::Look)? else {
            return Err(ToolFailure::plain(FailureCode::FileNotFound, format!("`{path}` was not found")));
        };
        let kept = &found.bytes[..cut(&found.bytes, CONTENT_BYTES_MAX)];
        let truncated = kept.len() < found.bytes.len();
        let content = String::from_utf8_lossy(kept).into_owned();
        let lossy = std::str::from_utf8(&found.bytes).is_err();
        let output = Output {
            path: path.to_string(),
            content: content.clone(),
            bytes: found.bytes.len() as u64,
            sha256: Digest::of_bytes(&found.bytes).to_string(),
            truncated,
            lossy,
        };
        let mut warnings = Vec::new();
        if found.hard_links > 1 {
            warnings.push(format!("`{path}` has {} names; some may lie outside the workspace", found.hard_links));
        }
        let not_whole = if truncated || lossy { vec!["/content".to_owned()] } else { Vec::new() };
        Ok(ToolOutput {
            output: output_value(&output),
            observation: content,
            not_whole,
            warnings,
            ..ToolOutput::default()
        })
    }
}

/// Where to cut, so that no character of UTF-8 text is cut in two.
fn cut(bytes: &[u8], limit: usize) -> usize {
    if bytes.len() <= limit {
        return bytes.len();
    }
    let continues = |at: usize| bytes[at] & 0b1100_0000 == 0b1000_0000;
    (limit.saturating_sub(3)..=limit).rev().find(|at| !continues(*at)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn text_comes_back_with_its_digest() {
        let bench = Bench::new();
        bench.put("d/a.txt", "日本語\n");
        let read = bench.run("read_file", &json!({"path": "./d/a.txt", "encoding": "utf-8"})).unwrap();
        assert_eq!(read.output["content"], "日本語\n");
        assert_eq!((&read.output["bytes"], &read.output["path"]), (&json!(10), &json!("d/a.txt")));
        assert_eq!(read.output["sha256"], Digest::of_bytes("日本語\n".as_bytes()).to_string());
        assert!(read.not_whole.is_empty());
    }

    #[test]
    fn what_is_cut_or_not_text_is_flagged() {
        let bench = Bench::new();
        bench.put("long", "é".repeat(CONTENT_BYTES_MAX));
        let read = bench.run("read_file", &json!({"path": "long"})).unwrap();
        assert_eq!((&read.output["truncated"], &read.output["lossy"]), (&json!(true), &json!(false)));
        assert!(read.output["content"].as_str().unwrap().ends_with('é'));
        assert_eq!(read.not_whole, ["/content"]);
        bench.put("binary", [0xff, 0xfe, b'x']);
        let read = bench.run("read_file", &json!({"path": "binary"})).unwrap();
        assert_eq!((&read.output["lossy"], &read.output["content"]), (&json!(true), &json!("\u{fffd}\u{fffd}x")));
    }

    #[test]
    fn a_second_name_of_a_file_is_warned_of() {
        let bench = Bench::new();
        bench.put("a", "x");
        std::fs::hard_link(bench.path("a"), bench.path("b")).unwrap();
        assert_eq!(bench.run("read_file", &json!({"path": "b"})).unwrap().warnings.len(), 1);
    }
}
