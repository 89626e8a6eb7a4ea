//! What calt wrote on a workspace, as one patch from what was there before.

use calt_core::Digest;
use calt_core::undo::{LeftAlone, TakenBack};

use crate::failure::{FailureCode, ToolFailure};
use crate::git_patch::{self, Binary, Side};
use crate::workspace::{Purpose, RelativePath, Workspace};

/// Longest patch over a whole session, in bytes.
pub const SESSION_PATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Everything that was written, as one patch.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// The patch: `git apply` takes it when nothing in it is masked.
    pub patch: String,
    /// Whether something in it is masked, or left out because nobody could look into it.
    pub masked: bool,
    /// The files in it, each as it is now; of a file that is gone, as it was.
    pub files: Vec<SinceFile>,
    /// Files that changed while they were looked at.
    pub changed: Vec<LeftAlone>,
    /// Whether the patch would be longer than the limit; then it is not whole.
    pub too_long: bool,
}

/// One file of the patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinceFile {
    /// Its name now, or its last one.
    pub path: String,
    /// Its name before, when that was another.
    pub from: Option<String>,
    /// SHA-256 of its bytes before; `None` when there was no file.
    pub old: Option<Digest>,
    /// SHA-256 of its bytes now; `None` when there is no file.
    pub new: Option<Digest>,
    /// Its mode now, as git writes it; `None` when there is no file.
    pub new_mode: Option<&'static str>,
}

/// What replaces secrets in a text.
pub type Mask<'m> = &'m dyn Fn(&str) -> String;

/// A file's bytes and permission bits.
type Found = Option<(Vec<u8>, u32)>;

impl Since {
    /// A side with its secrets masked, and noted when there were any.
    fn masked(&mut self, side: Found, mask: Mask<'_>) -> Found {
        let (bytes, mode) = side?;
        let Ok(masked) = std::str::from_utf8(&bytes).map(mask).map(String::into_bytes) else {
            return Some((bytes, mode));
        };
        self.masked |= masked != bytes;
        Some((masked, mode))
    }
}

impl Workspace {
    /// The way from what was there before to what stands there now, for files whose way back is known. Only reads.
    ///
    /// With a mask, each file is masked before it is compared: a secret that lines of a diff tear apart is found in
    /// the file. What is not text is left out then.
    pub fn since(&self, taken: &[TakenBack], mask: Option<Mask<'_>>) -> Since {
        let mut since = Since::default();
        for file in taken {
            let now = file.from.as_deref().unwrap_or(&file.path);
            let (old, new) = match self.before(file).and_then(|old| Ok((old, self.after(now, file.is)?))) {
                Ok(sides) => sides,
                Err(failure) => {
                    since.changed.push(LeftAlone { path: now.to_owned(), reason: failure.message });
                    continue;
                }
            };
            let (old, new) = match mask {
                Some(mask) => (since.masked(old, mask), since.masked(new, mask)),
                None => (old, new),
            };
            let known = new.as_ref().or(old.as_ref()).map_or(0, |(_, mode)| *mode);
            let old_mode = file.becomes.as_ref().and_then(|content| content.mode.as_deref());
            let old_mode = old_mode.and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or(known);
            let binary = if mask.is_some() { Binary::LeftOut } else { Binary::Whole };
            since.masked |= git_patch::append(
                &mut since.patch,
                old.as_ref().map(|(bytes, _)| Side { path: &file.path, bytes, mode: old_mode }),
                new.as_ref().map(|(bytes, mode)| Side { path: now, bytes, mode: *mode }),
                binary,
            );
            if since.patch.len() > SESSION_PATCH_BYTES_MAX {
                since.too_long = true;
                return since;
            }
            let new_mode = new.as_ref().map(|(_, mode)| git_patch::git_mode(*mode));
            since.files.push(SinceFile {
                new_mode,
                path: now.to_owned(),
                from: file.from.as_ref().map(|_| file.path.clone()),
                old: file.becomes.as_ref().map(|content| content.sha256),
                new: file.is,
            });
        }
        since
    }

    fn before(&self, file: &TakenBack) -> Result<Found, ToolFailure> {
        let Some(content) = &file.becomes else { return Ok(None) };
        self.pre_image(file.run, content.sha256).map(|bytes| Some((bytes, 0)))
    }

    fn after(&self, path: &str, expected: Option<Digest>) -> Result<Found, ToolFailure> {
        let found = self.read(&RelativePath::parse_for_write(path)?, Purpose::Write)?;
        let found = found.map(|found| (found.bytes, found.mode & 0o777));
        if found.as_ref().map(|(bytes, _)| Digest::of_bytes(bytes)) == expected {
            return Ok(found);
        }
        let message = "somebody changed it just now".to_owned();
        Err(ToolFailure::plain(FailureCode::PreviewStale, message))
    }
}
