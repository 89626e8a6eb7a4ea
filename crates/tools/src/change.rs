//! What a write would do to each file, computed before anything is touched.

use std::collections::HashSet;

use calt_core::event::FileChange;
use calt_core::{Digest, RunId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::failure::{FailureCode, ToolFailure};
use crate::git_own::none_in_gits;
use crate::patch;
use crate::workspace::{FILE_BYTES_MAX, Found, Purpose, RelativePath, Workspace};

/// Largest file that is written, in bytes.
pub(crate) const WRITTEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most files one step writes.
pub const FILES_MAX: usize = 500;
/// Permission bits of a new file.
pub(crate) const NEW_FILE_MODE: u32 = 0o644;
/// What `expects` says where nothing may be.
pub(crate) const ABSENT: &str = "absent";

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
        self.change.changes()
    }
}

/// One file of a `files` list: exactly one of `content`, `patch`, `restore`, `delete`; or `rename_to` with no `delete`.
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
    /// A content that an earlier run on this workspace overwrote, moved or deleted.
    #[serde(default)]
    pub(crate) restore: Option<RestoreInput>,
    /// Whether it is deleted.
    #[serde(default)]
    pub(crate) delete: Option<bool>,
    /// Where it is moved to.
    #[serde(default)]
    pub(crate) rename_to: Option<String>,
    /// Its permission bits afterwards, in octal: `0644` or `0755`; beside `restore` any from `0000` to `0777`.
    #[serde(default)]
    pub(crate) mode: Option<String>,
    /// What it must be now: the SHA-256 of its bytes, or `absent`; anything else is a conflict.
    #[serde(default)]
    pub(crate) expects: Option<String>,
}

/// A pre-image: what a run on this workspace kept of a file before it wrote.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreInput {
    /// The run that kept it.
    pub(crate) run: i64,
    /// SHA-256 of its bytes.
    pub(crate) sha256: String,
}

impl FileInput {
    /// Whether it says one thing that can be done, and nothing that does not go with it.
    fn is_one_thing(&self) -> bool {
        let delete = self.delete == Some(true);
        let contents = [self.content.is_some(), self.patch.is_some(), self.restore.is_some(), delete];
        match contents.iter().filter(|given| **given).count() {
            0 => self.rename_to.is_some() || self.mode.is_some(),
            1 => !delete || self.rename_to.is_none(),
            _ => false,
        }
    }

    /// Refuses a file that is not what the plan says it is.
    fn fits(&self, path: &RelativePath, found: Option<&Found>) -> Result<(), ToolFailure> {
        let Some(expected) = &self.expects else { return Ok(()) };
        let expected = expectation(expected)?;
        if expected == found.map(|found| Digest::of_bytes(&found.bytes)) {
            return Ok(());
        }
        let message = format!("`{path}` is not what the plan expects there: it was changed");
        Err(ToolFailure::plain(FailureCode::PatchConflict, message))
    }
}

/// Reads what `expects` says: a digest, or that nothing is there.
pub(crate) fn expectation(text: &str) -> Result<Option<Digest>, ToolFailure> {
    if text == ABSENT {
        return Ok(None);
    }
    Digest::parse(text).map(Some).ok_or_else(|| {
        let message = format!("`{text}` is neither a SHA-256 in 64 hexadecimal digits nor `{ABSENT}`");
        ToolFailure::plain(FailureCode::InputInvalid, message)
    })
}

/// Plans a write of one file's whole content.
pub(crate) fn of_content(workspace: &Workspace, path: &str, content: &str) -> Result<Vec<PlannedFile>, ToolFailure> {
    let path = RelativePath::parse_for_write(path)?;
    let old = workspace.read(&path, Purpose::Write)?;
    let after = Some(After::Written(content.as_bytes().to_vec()));
    allowed(workspace, vec![planned(&path, None, old, after, None)?])
}

/// Plans the changes of a `files` list.
pub(crate) fn of_files(workspace: &Workspace, files: &[FileInput]) -> Result<Vec<PlannedFile>, ToolFailure> {
    let mut planned_files = Vec::new();
    for file in files {
        let path = RelativePath::parse_for_write(&file.path)?;
        let old = workspace.read(&path, Purpose::Write)?;
        if !file.is_one_thing() {
            let message = format!("`{path}` needs exactly one of content, patch, restore, delete, rename_to or mode");
            return Err(ToolFailure::plain(FailureCode::InputInvalid, message));
        }
        file.fits(&path, old.as_ref())?;
        let mode = match (&file.mode, &file.restore) {
            (Some(mode), Some(_)) => Some(parse_any_mode(mode)?),
            (Some(mode), None) => Some(parse_mode(mode)?),
            (None, _) => None,
        };
        let makes = (file.content.is_some() || file.restore.is_some()) && file.rename_to.is_none();
        if old.is_none() && !makes {
            return Err(ToolFailure::plain(FailureCode::FileNotFound, format!("`{path}` was not found")));
        }
        let after = after(workspace, file, &path, old.as_ref())?;
        planned_files.push(match &file.rename_to {
            Some(target) => renamed(workspace, &path, target, old, after, mode)?,
            None => planned(&path, None, old, after, mode)?,
        });
    }
    allowed(workspace, planned_files)
}

/// The bytes of a file afterwards, and where they come from.
enum After {
    Written(Vec<u8>),
    /// They stood in this workspace before, so they may be as large as a file that is read.
    Restored(Vec<u8>),
}

/// What a file becomes; `None` when it goes.
fn after(
    workspace: &Workspace,
    file: &FileInput,
    path: &RelativePath,
    old: Option<&Found>,
) -> Result<Option<After>, ToolFailure> {
    if let Some(content) = &file.content {
        return Ok(Some(After::Written(content.as_bytes().to_vec())));
    }
    if let Some(restore) = &file.restore {
        let sha256 = Digest::parse(&restore.sha256).ok_or_else(|| {
            let message = format!("`sha256` of what `{path}` becomes is not 64 hexadecimal digits");
            ToolFailure::plain(FailureCode::InputInvalid, message)
        })?;
        return workspace.pre_image(RunId(restore.run), sha256).map(|bytes| Some(After::Restored(bytes)));
    }
    let before = old.map(|found| found.bytes.as_slice()).unwrap_or_default();
    match &file.patch {
        Some(text) => Ok(Some(After::Written(patch::apply_hunks(text, before, path.as_str())?))),
        None if file.delete == Some(true) => Ok(None),
        None => Ok(Some(After::Written(before.to_vec()))),
    }
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
            (Some(from), Some(to)) if from != to => {
                renamed(workspace, &path, to, found, Some(After::Written(after)), part.mode)?
            }
            (_, Some(_)) => planned(&path, None, found, Some(After::Written(after)), part.mode)?,
        });
    }
    if planned_files.is_empty() {
        return Err(ToolFailure::plain(FailureCode::PatchInvalid, "the patch changes no file"));
    }
    allowed(workspace, planned_files)
}

fn renamed(
    workspace: &Workspace,
    from: &RelativePath,
    to: &str,
    old: Option<Found>,
    after: Option<After>,
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
    after: Option<After>,
    mode: Option<u32>,
) -> Result<PlannedFile, ToolFailure> {
    let (old_exists, new_exists) = (old.is_some(), after.is_some());
    let (new_bytes, limit) = match after {
        Some(After::Written(bytes)) => (bytes, WRITTEN_BYTES_MAX),
        Some(After::Restored(bytes)) => (bytes, FILE_BYTES_MAX as usize),
        None => (Vec::new(), WRITTEN_BYTES_MAX),
    };
    if new_bytes.len() > limit {
        let message = format!("`{path}` would have {} bytes; the limit is {limit}", new_bytes.len());
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
        old_mode: old_mode.map(|mode| format!("{:04o}", mode & 0o777)),
    };
    Ok(PlannedFile { change, old_bytes, new_bytes, old_mode, new_mode, old_inode, old_owner })
}

/// What is planned, when all of it together may be written.
fn allowed(workspace: &Workspace, files: Vec<PlannedFile>) -> Result<Vec<PlannedFile>, ToolFailure> {
    let files = disjoint(files)?;
    none_in_gits(workspace, &files)?;
    Ok(files)
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

/// Any permission bits, with no others: what a file had before can be more than a plan may give it.
fn parse_any_mode(text: &str) -> Result<u32, ToolFailure> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && text.len() <= 4);
    mode.ok_or_else(|| ToolFailure::plain(FailureCode::InputInvalid, format!("mode `{text}` is not from 0000 to 0777")))
}

fn parse_mode(text: &str) -> Result<u32, ToolFailure> {
    match text {
        "0644" | "644" | "100644" => Ok(0o644),
        "0755" | "755" | "100755" => Ok(0o755),
        _ => Err(ToolFailure::plain(FailureCode::InputInvalid, format!("mode `{text}` is neither 0644 nor 0755"))),
    }
}
