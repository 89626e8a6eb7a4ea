//! What must hold after a tool has run. Rules look at the unmasked text.

use calt_core::plan::{Verify, VerifyKind};
use calt_tools::{ToolOutput, Workspace, matches_glob};
use regex::RegexBuilder;
use serde_json_path::JsonPath;

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Checks one rule. `artifact` is the name of the artifact that a succeeding run leaves behind.
///
/// # Errors
/// A sentence that says what did not hold.
pub(crate) fn check(rule: &Verify, output: &ToolOutput, workspace: &Workspace, artifact: &str) -> Result<(), String> {
    let holds = match rule.kind {
        VerifyKind::ExitCode => exit_code(&rule.expr, output.exit_code)?,
        VerifyKind::Regex => RegexBuilder::new(&rule.expr)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| format!("verify: the regular expression does not compile: {error}"))?
            .is_match(&output.observation),
        VerifyKind::Jsonpath => {
            let path =
                JsonPath::parse(&rule.expr).map_err(|error| format!("verify: the JSONPath does not parse: {error}"))?;
            !path.query(&output.output).is_empty()
        }
        VerifyKind::ArtifactExists => {
            matches_glob(&rule.expr, artifact)
                || workspace
                    .exists(&rule.expr)
                    .map_err(|error| format!("verify: `{}` cannot be looked for: {error}", rule.expr))?
        }
    };
    if holds { Ok(()) } else { Err(format!("verify: {} does not hold: `{}`", kind_words(rule.kind), rule.expr)) }
}

fn exit_code(expr: &str, actual: Option<i32>) -> Result<bool, String> {
    let Some(actual) = actual else { return Err("verify: the tool has no exit code".to_owned()) };
    let mut wanted = Vec::new();
    for word in expr.split(',') {
        let code: i32 = word.trim().parse().map_err(|_| format!("verify: `{word}` is not an exit code"))?;
        wanted.push(code);
    }
    Ok(wanted.contains(&actual))
}

const fn kind_words(kind: VerifyKind) -> &'static str {
    match kind {
        VerifyKind::ExitCode => "exit_code",
        VerifyKind::Regex => "regex",
        VerifyKind::Jsonpath => "jsonpath",
        VerifyKind::ArtifactExists => "artifact_exists",
    }
}
