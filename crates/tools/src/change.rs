//! What a write would do to each file, computed before anything is touched.

use std::collections::HashSet;

use calt_core::Digest;
use calt_core::event::FileChange;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::failure::{FailureCode, ToolFailure};
use crate::patch;
use crate::workspace::{Found, Purpose, RelativePath, Workspace};

/// Largest file that is written, in bytes.
pub(crate) const WRITTEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most files one step writes.
pub(crate) const FILES_MAX: usize = 500;
/// Permission bits of a new file.
const NEW_FILE_MODE: u32 = 0o644;

/// One file a write would change, with its bytes before and after.
#[derive(Clone, Debug)]
pub(crate) struct PlannedFile {
    pub(crate) change: FileChange,
    pub(crate) old_bytes: Vec<u8>,
    pub(crate) new_bytes: Vec<u8>,
    pub(crate) old_mode: Option<u32>,
    pub(crate) new_mode: u32,
    /// The file's inode before; of `from` for a rename.
    pub(crate) old_inode: u64,
    /// Who owned the file before: user and group.
    pub(crate) old_owner: Option<(u32, u32)>,
}

impl PlannedFile {
    /// Whether anything is different afterwards.
    pub(crate) fn changes(&self) -> bool {
        let change = &self.change;
        change.from.is_some()
            || change.old_exists != change.new_exists
            || change.old_sha256 != change.new_sha256
            || self.old_mode.is_some_and(|mode| mode & 0o777 != self.new_mode)
    }
}

/// One file of a `files` list: exactly one of `content`, `patch`, `delete`, or a `rename_to` beside the first two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileInput {
    /// The file, below the workspace.
    pub(crate) path: String,
    /// Its whole new content.
    #[serde(default)]
    pub(crate) content: Option<String>,
    /// Hunks to apply to it.
    #[serde(default)]
    pub(crate) patch: Option<String>,
    /// Whether it is deleted.
    #[serde(default)]
    pub(crate) delete: Option<bool>,
    /// Where it is moved to.
    #[serde(default)]
    pub(crate) rename_to: Option<String>,
    /// Its permission bits afterwards, in octal: `0644` or `0755`.
    #[serde(default)]
    pub(crate) mode: Option<String>,
}

/// Plans a write of one file's whole content.
pub(crate) fn of_content(workspace: &Workspace, path: &str, content: &str) -> Result<Vec<PlannedFile>, ToolFailure> {
    let path = RelativePath::parse_for_write(path)?;
    let old = workspace.read(&path, Purpose::Write)?;
    Ok(vec![planned(&path, None, old, Some(content.as_bytes().to_vec()), None)?])
}

/// Plans the changes of a `files` list.
pub(crate) fn of_files(workspace: &Workspace, files: &[FileInput]) -> Result<Vec<PlannedFile>, ToolFailure> {
    let mut planned_files = Vec::new();
    for file in files {
        let path = RelativePath::parse_for_write(&file.path)?;
        let old = workspace.read(&path, Purpose::Write)?;
        let mode = file.mode.as_deref().map(parse_mode).transpose()?;
        let delete = file.delete == Some(true);
        let actions = [file.content.is_some(), file.patch.is_some(), delete].iter().filter(|given| **given).count();
        if actions > 1
            || (actions == 0 && file.rename_to.is_none() && mode.is_none())
            || (delete && file.rename_to.is_some())
        {
            let message = format!("`{path}` needs exactly one of content, patch, delete, rename_to or mode");
            return Err(ToolFailure::plain(FailureCode::InputInvalid, message));
        }
        if old.is_none() && file.content.is_none() {
            return Err(ToolFailure::plain(FailureCode::FileNotFound, format!("`{path}` was not found")));
        }
        let before = old.as_ref().map(|found| found.bytes.clone()).unwrap_or_default();
        let after = match (&file.content, &file.patch) {
            (Some(content), _) => Some(content.as_bytes().to_vec()),
            (None, Some(text)) => Some(patch::apply_hunks(text, &before, path.as_str())?),
            (None, None) if delete => None,
            (None, None) => Some(before),
        };
        planned_files.push(match &file.rename_to {
            Some(target) => renamed(workspace, &path, target, old, after, mode)?,
            None => planned(&path, None, old, after, mode)?,
        });
    }
    disjoint(planned_files)
}

/// Plans the changes of a patch over several files.
pub(crate) fn of_patch(workspace: &Workspace, text: &str) -> Result<Vec<PlannedFile>, ToolFailure> {
    let mut planned_files = Vec::new();
    for part in patch::parse(text)? {
        let path =
            RelativePath::parse_for_write(part.old_path.as_deref().or(part.new_path.as_deref()).unwrap_or_default())?;
        let old = workspace.read(&path, Purpose::Write)?;
        let found = match (part.old_path.is_some(), &old) {
            (true, None) => {
                return Err(ToolFailure::plain(
                    FailureCode::PatchConflict,
                    format!("`{path}` was not found, and the patch changes it"),
                ));
            }
            (false, Some(_)) => {
                return Err(ToolFailure::plain(
                    FailureCode::PatchConflict,
                    format!("`{path}` exists, and the patch makes it"),
                ));
            }
            (true, Some(_)) | (false, None) => old,
        };
        let before = found.as_ref().map(|found| found.bytes.clone()).unwrap_or_default();
        let after = part.apply(&before, path.as_str())?;
        planned_files.push(match (&part.old_path, &part.new_path) {
            (_, None) if !after.is_empty() => {
                return Err(ToolFailure::plain(
                    FailureCode::PatchConflict,
                    format!("`{path}` would not be empty, and the patch deletes it"),
                ));
            }
            (_, None) => planned(&path, None, found, None, None)?,
            (Some(from), Some(to)) if from != to => renamed(workspace, &path, to, found, Some(after), part.mode)?,
            (_, Some(_)) => planned(&path, None, found, Some(after), part.mode)?,
        });
    }
    if planned_files.is_empty() {
        return Err(ToolFailure::plain(FailureCode::PatchInvalid, "the patch changes no file"));
    }
    disjoint(planned_files)
}

fn renamed(
    workspace: &Workspace,
    from: &RelativePath,
    to: &str,
    old: Option<Found>,
    after: Option<Vec<u8>>,
    mode: Option<u32>,
) -> Result<PlannedFile, ToolFailure> {
    let to = RelativePath::parse_for_write(to)?;
    if workspace.read(&to, Purpose::Write)?.is_some() {
        let message = format!("`{to}` exists already; a rename never replaces a file");
        return Err(ToolFailure::plain(FailureCode::PatchConflict, message));
    }
    planned(&to, Some(from), old, after, mode)
}

fn planned(
    path: &RelativePath,
    from: Option<&RelativePath>,
    old: Option<Found>,
    after: Option<Vec<u8>>,
    mode: Option<u32>,
) -> Result<PlannedFile, ToolFailure> {
    let (old_exists, new_exists) = (old.is_some(), after.is_some());
    let new_bytes = after.unwrap_or_default();
    if new_bytes.len() > WRITTEN_BYTES_MAX {
        let message = format!("`{path}` would have {} bytes; the limit is {WRITTEN_BYTES_MAX}", new_bytes.len());
        return Err(ToolFailure::plain(FailureCode::TooLarge, message));
    }
    let (old_mode, old_owner) = (old.as_ref().map(|found| found.mode), old.as_ref().map(|found| found.owner));
    let old_inode = old.as_ref().map_or(0, |found| found.inode);
    let new_mode = mode.or(old_mode).unwrap_or(NEW_FILE_MODE) & 0o777;
    let old_bytes = old.map(|found| found.bytes).unwrap_or_default();
    let change = FileChange {
        path: path.to_string(),
        from: from.map(ToString::to_string),
        old_sha256: Digest::of_bytes(&old_bytes),
        new_sha256: Digest::of_bytes(&new_bytes),
        old_exists,
        new_exists,
        mode: format!("{new_mode:04o}"),
    };
    Ok(PlannedFile { change, old_bytes, new_bytes, old_mode, new_mode, old_inode, old_owner })
}

/// No path twice: what one file of a write becomes must not hang on the order of the others.
fn disjoint(files: Vec<PlannedFile>) -> Result<Vec<PlannedFile>, ToolFailure> {
    if files.len() > FILES_MAX {
        let message = format!("{} files in one step; the limit is {FILES_MAX}", files.len());
        return Err(ToolFailure::plain(FailureCode::TooLarge, message));
    }
    let mut seen = HashSet::new();
    for file in &files {
        for path in std::iter::once(&file.change.path).chain(&file.change.from) {
            if !seen.insert(path.clone()) {
                return Err(ToolFailure::plain(
                    FailureCode::PatchInvalid,
                    format!("`{path}` stands twice in one write"),
                ));
            }
        }
    }
    Ok(files)
}

fn parse_mode(text: &str) -> Result<u32, ToolFailure> {
    match text {
        "0644" | "644" | "100644" => Ok(0o644),
        "0755" | "755" | "100755" => Ok(0o755),
        _ => Err(ToolFailure::plain(FailureCode::InputInvalid, format!("mode `{text}` is neither 0644 nor 0755"))),
    }
}
