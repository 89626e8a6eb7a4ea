//! Patches: parsed by a library, checked and applied here, exactly at the stated places.
//!
//! No offset and no fuzz: what was approved is what is applied, or nothing is. Paths are checked by the
//! caller, since a patch may name anything.

use diffy::patch_set::{FileMode, FileOperation, ParseOptions, PatchKind, PatchSet};
use diffy::{Line, Patch};

use crate::failure::{FailureCode, ToolFailure};

/// One file of a patch.
pub(crate) struct PatchPart {
    /// The file before; `None` when the patch makes it.
    pub(crate) old_path: Option<String>,
    /// The file after; `None` when the patch deletes it.
    pub(crate) new_path: Option<String>,
    /// Its permission bits after, when the patch says so.
    pub(crate) mode: Option<u32>,
    hunks: Vec<OwnedHunk>,
}

struct OwnedHunk {
    old_start: usize,
    old_len: usize,
    lines: Vec<OwnedLine>,
}

enum OwnedLine {
    Context(Vec<u8>),
    Delete(Vec<u8>),
    Insert(Vec<u8>),
}

/// Parses a unified or git patch over any number of files.
pub(crate) fn parse(text: &str) -> Result<Vec<PatchPart>, ToolFailure> {
    let is_git = text.lines().any(|line| line.starts_with("diff --git "));
    let options = if is_git { ParseOptions::gitdiff() } else { ParseOptions::unidiff() };
    let mut parts = Vec::new();
    for file in PatchSet::parse_bytes(text.as_bytes(), options) {
        let file = file.map_err(|error| invalid(&format!("the patch cannot be read: {error}")))?;
        let (old_path, new_path) = match file.operation() {
            FileOperation::Create(path) => (None, Some(name(path, true)?)),
            FileOperation::Delete(path) => (Some(name(path, true)?), None),
            FileOperation::Modify { original, modified } => (Some(name(original, true)?), Some(name(modified, true)?)),
            // git writes these names without `a/` and `b/`.
            FileOperation::Rename { from, to } => (Some(name(from, !is_git)?), Some(name(to, !is_git)?)),
            FileOperation::Copy { .. } => return Err(invalid("the patch copies a file; write the copy out")),
        };
        let mode = match file.new_mode() {
            None => None,
            Some(FileMode::Regular) => Some(0o644),
            Some(FileMode::Executable) => Some(0o755),
            Some(_) => return Err(invalid("the patch makes a link or a submodule; only regular files are written")),
        };
        let hunks = match file.patch() {
            PatchKind::Text(patch) => owned_hunks(patch),
            PatchKind::Binary(_) => return Err(invalid("the patch holds binary data; only text is patched")),
        };
        parts.push(PatchPart { old_path, new_path, mode, hunks });
    }
    Ok(parts)
}

/// Applies a text that holds hunks for one file, with or without `---` and `+++` lines.
pub(crate) fn apply_hunks(text: &str, base: &[u8], path: &str) -> Result<Vec<u8>, ToolFailure> {
    let patch = diffy::Patch::from_bytes(text.as_bytes())
        .map_err(|error| invalid(&format!("the patch of `{path}` cannot be read: {error}")))?;
    let hunks = owned_hunks(&patch);
    if hunks.is_empty() {
        return Err(invalid(&format!("the patch of `{path}` has no hunk")));
    }
    apply(&hunks, base, path)
}

impl PatchPart {
    /// The file's bytes after.
    pub(crate) fn apply(&self, base: &[u8], path: &str) -> Result<Vec<u8>, ToolFailure> {
        apply(&self.hunks, base, path)
    }
}

fn apply(hunks: &[OwnedHunk], base: &[u8], path: &str) -> Result<Vec<u8>, ToolFailure> {
    let lines: Vec<&[u8]> = base.split_inclusive(|byte| *byte == b'\n').collect();
    let conflict = |line: usize| {
        let message = format!("the patch does not fit `{path}` at line {line}: the file is not as the patch says");
        ToolFailure::plain(FailureCode::PatchConflict, message)
    };
    let (mut result, mut at) = (Vec::with_capacity(base.len()), 0);
    for hunk in hunks {
        // A hunk without old lines stands *after* the line it names.
        let start = if hunk.old_len == 0 { hunk.old_start } else { hunk.old_start.saturating_sub(1) };
        if start < at || start > lines.len() {
            return Err(conflict(hunk.old_start));
        }
        for line in &lines[at..start] {
            result.extend_from_slice(line);
        }
        at = start;
        for line in &hunk.lines {
            match line {
                OwnedLine::Context(text) | OwnedLine::Delete(text) => {
                    if lines.get(at) != Some(&text.as_slice()) {
                        return Err(conflict(at + 1));
                    }
                    if matches!(line, OwnedLine::Context(_)) {
                        result.extend_from_slice(text);
                    }
                    at += 1;
                }
                OwnedLine::Insert(text) => result.extend_from_slice(text),
            }
        }
    }
    for line in &lines[at..] {
        result.extend_from_slice(line);
    }
    Ok(result)
}

fn owned_hunks(patch: &Patch<'_, [u8]>) -> Vec<OwnedHunk> {
    patch
        .hunks()
        .iter()
        .map(|hunk| OwnedHunk {
            old_start: hunk.old_range().start(),
            old_len: hunk.old_range().len(),
            lines: hunk
                .lines()
                .iter()
                .map(|line| match line {
                    Line::Context(text) => OwnedLine::Context(text.to_vec()),
                    Line::Delete(text) => OwnedLine::Delete(text.to_vec()),
                    Line::Insert(text) => OwnedLine::Insert(text.to_vec()),
                })
                .collect(),
        })
        .collect()
}

fn name(path: &[u8], prefixed: bool) -> Result<String, ToolFailure> {
    let text = std::str::from_utf8(path).map_err(|_| invalid("the patch names a file that is not UTF-8"))?;
    let stripped = ["a/", "b/"].iter().find_map(|prefix| text.strip_prefix(prefix)).filter(|_| prefixed);
    Ok(stripped.unwrap_or(text).to_owned())
}

fn invalid(message: &str) -> ToolFailure {
    ToolFailure::plain(FailureCode::PatchInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_fits_exactly_or_not_at_all() {
        let base = b"one\ntwo\nthree\n";
        let patch = "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
        let parts = parse(patch).unwrap();
        assert_eq!(parts[0].apply(base, "f").unwrap(), b"one\n2\nthree\n");
        let shifted = b"zero\none\ntwo\nthree\n";
        assert_eq!(parts[0].apply(shifted, "f").unwrap_err().code(), FailureCode::PatchConflict);
        let with_cr = b"one\r\ntwo\r\nthree\r\n";
        assert_eq!(parts[0].apply(with_cr, "f").unwrap_err().code(), FailureCode::PatchConflict);
    }

    #[test]
    fn git_patches_create_delete_rename_and_change_modes() {
        let patch = "diff --git a/n b/n\nnew file mode 100755\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\ndiff --git a/old b/new\nsimilarity index 100%\nrename from old\nrename to new\ndiff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n";
        let parts = parse(patch).unwrap();
        let names: Vec<_> =
            parts.iter().map(|part| (part.old_path.clone(), part.new_path.clone(), part.mode)).collect();
        assert_eq!(names[0], (None, Some("n".to_owned()), Some(0o755)));
        assert_eq!(names[1].0.as_deref(), Some("old"));
        assert_eq!(names[1].1.as_deref(), Some("new"));
        assert_eq!((names[2].0.as_deref(), names[2].1.as_deref()), (Some("gone"), None));
        assert_eq!(parts[0].apply(b"", "n").unwrap(), b"x\n");
        assert_eq!(parts[2].apply(b"bye\n", "gone").unwrap(), b"");
    }
}
