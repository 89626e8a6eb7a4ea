//! What the writing tools share: their output, and the preview gate before an apply.

use calt_core::event::Profile as Safety;
use calt_core::event::{FileChange, files_digest};
use calt_core::permit::Gate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Use, output_value};
use crate::change::PlannedFile;
use crate::diff;
use crate::failure::{FailureCode, ToolFailure};
use crate::run::ToolOutput;
use crate::write;

/// What a write shows or did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The file; null for several.
    path: Option<String>,
    /// Whether anything is different afterwards.
    changed: bool,
    /// A standard unified diff.
    diff: String,
    /// SHA-256 before; null for several files.
    old_sha256: Option<String>,
    /// SHA-256 afterwards; null for several files.
    new_sha256: Option<String>,
    /// Every file, with its digests before and afterwards.
    files: Vec<FileOutput>,
    /// Whether it was done, and not merely shown.
    applied: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct FileOutput {
    /// The file, below the workspace.
    path: String,
    /// Where it was before, when it is renamed.
    from: Option<String>,
    /// SHA-256 before; of no bytes when it was absent.
    old_sha256: String,
    /// SHA-256 afterwards; of no bytes when it is absent.
    new_sha256: String,
    /// Whether it was there before.
    old_exists: bool,
    /// Whether it is there afterwards.
    new_exists: bool,
    /// Its permission bits afterwards, in octal.
    mode: String,
    /// Its permission bits before; null when it was absent.
    old_mode: Option<String>,
}

/// What a step gives as `preview`. Path, digests and files are compared; the rest is ignored.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PreviewInput {
    /// The file.
    #[serde(default)]
    path: Option<String>,
    /// SHA-256 before.
    #[serde(default)]
    old_sha256: Option<String>,
    /// SHA-256 afterwards.
    #[serde(default)]
    new_sha256: Option<String>,
    /// Every file.
    #[serde(default)]
    files: Option<Vec<serde_json::Value>>,
}

/// A preview: what would be written, and nothing else.
pub(crate) fn preview(planned: &[PlannedFile]) -> ToolOutput {
    ToolOutput { preview: Some(changes(planned)), ..output(planned, false) }
}

/// An apply: the gate, then the write.
pub(crate) fn apply(
    tool: &str,
    planned: Result<Vec<PlannedFile>, ToolFailure>,
    given: Option<&PreviewInput>,
    used: &Use<'_>,
) -> Result<ToolOutput, ToolFailure> {
    let planned = planned.map_err(no_longer_fits)?;
    gate(tool, &planned, given, used)?;
    let applied = write::apply(used.workspace, &planned, used.room, &used.permit.run().to_string(), used.limits)?;
    Ok(ToolOutput { applied, ..output(&planned, true) })
}

/// A patch that fitted when it was previewed, and does not now: the gate's failure, in the gate's words.
fn no_longer_fits(failure: ToolFailure) -> ToolFailure {
    if failure.code() == FailureCode::PatchConflict {
        return ToolFailure::plain(FailureCode::PreviewStale, format!("preview gate rejected: {}", failure.message));
    }
    failure
}

fn gate(tool: &str, planned: &[PlannedFile], given: Option<&PreviewInput>, used: &Use<'_>) -> Result<(), ToolFailure> {
    let rejected = |code, why: &str| Err(ToolFailure::plain(code, format!("preview gate rejected: {why}")));
    match used.permit.gate() {
        Gate::Recorded { .. } => {}
        Gate::Missing if used.permit.profile() == Safety::Dev && given.is_none() => {
            return Err(ToolFailure::plain(FailureCode::PreviewRequired, format!("preview is required for {tool}")));
        }
        Gate::Missing => {
            return rejected(FailureCode::PreviewRequired, "no run of this session recorded a preview of this write");
        }
        Gate::Stale => return rejected(FailureCode::PreviewStale, "a file has changed since its preview"),
        Gate::NotNeeded => {
            return rejected(FailureCode::PermissionChanged, "the permit is for a step that writes nothing");
        }
    }
    let now = changes(planned);
    // The permit was made for the files as they were a moment ago.
    if used.permit.files_digest() != Some(files_digest(&now)) {
        return rejected(FailureCode::PreviewStale, "a file has changed since the run was started");
    }
    match given {
        Some(given) if !agrees(given, &now) => {
            rejected(FailureCode::PreviewStale, "the preview given is of another write")
        }
        Some(_) | None => Ok(()),
    }
}

fn agrees(given: &PreviewInput, now: &[FileChange]) -> bool {
    let single = match now {
        [file] => Some(file),
        _ => None,
    };
    let is = |given: &Option<String>, now: Option<String>| given.is_none() || *given == now;
    let path = given.path.as_deref().map(|path| path.trim_start_matches("./").to_owned());
    is(&path, single.map(|file| file.path.clone()))
        && is(&given.old_sha256, single.map(|file| file.old_sha256.to_string()))
        && is(&given.new_sha256, single.map(|file| file.new_sha256.to_string()))
        && given.files.as_ref().is_none_or(|files| {
            let files: Result<Vec<FileChange>, _> = files.iter().map(FileChange::deserialize).collect();
            files.is_ok_and(|files| files == now)
        })
}

fn changes(planned: &[PlannedFile]) -> Vec<FileChange> {
    planned.iter().map(|file| file.change.clone()).collect()
}

fn output(planned: &[PlannedFile], applied: bool) -> ToolOutput {
    let (diff, whole) = diff::unified(planned);
    let single = match planned {
        [file] => Some(&file.change),
        _ => None,
    };
    let output = Output {
        path: single.map(|file| file.path.clone()),
        changed: planned.iter().any(PlannedFile::changes),
        diff: diff.clone(),
        old_sha256: single.map(|file| file.old_sha256.to_string()),
        new_sha256: single.map(|file| file.new_sha256.to_string()),
        files: planned.iter().map(|file| FileOutput::of(&file.change)).collect(),
        applied,
    };
    let not_whole = if whole { Vec::new() } else { vec!["/diff".to_owned()] };
    let written = planned.to_vec();
    ToolOutput { output: output_value(&output), observation: diff, not_whole, written, ..ToolOutput::default() }
}

impl FileOutput {
    fn of(change: &FileChange) -> Self {
        Self {
            path: change.path.clone(),
            from: change.from.clone(),
            old_sha256: change.old_sha256.to_string(),
            new_sha256: change.new_sha256.to_string(),
            old_exists: change.old_exists,
            new_exists: change.new_exists,
            mode: change.mode.clone(),
            old_mode: change.old_mode.clone(),
        }
    }
}
