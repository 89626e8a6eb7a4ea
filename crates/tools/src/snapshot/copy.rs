//! The copy: files, directories and links below the new workspace, each walked to by the kernel.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use calt_core::digest::Digesting;
use calt_core::manifest::{Entry, From, LISTED_MAX, LeftOut};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fchmod, fstat, mkdirat, openat, readlinkat, symlinkat};
use rustix::io::Errno;

use super::CopyProgress;
use crate::workspace::{TEMPORARY_PREFIX, Workspace};

/// Longest path below the workspace, in bytes.
const PATH_BYTES_MAX: usize = 4_096;
/// Longest name of one entry, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest target of a link, in bytes.
pub(super) const TARGET_BYTES_MAX: u64 = 4_095;
/// Most bytes of a snapshot: 16 GiB.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Read at once from a file, in bytes.
const CHUNK_BYTES: usize = 128 * 1024;
/// A pointer of git LFS is shorter than this, in bytes.
const LFS_POINTER_BYTES_MAX: usize = 1_024;
const LFS_POINTER_START: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// What is put together.
pub(super) struct Copy<'w> {
    into: &'w Workspace,
    progress: &'w CopyProgress,
    /// The directory the last file went to: most files have their neighbours before and behind them.
    last: Option<(Vec<u8>, OwnedFd)>,
    made: HashSet<Vec<u8>>,
    links: Vec<(Vec<u8>, Vec<u8>, From)>,
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: u64,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) left_out_count: u64,
    pub(super) lfs_pointers: Vec<String>,
}

/// A file that is being written.
pub(super) struct Writing {
    path: Vec<u8>,
    executable: bool,
    from: From,
    file: File,
    digest: Digesting,
    size: u64,
    /// Its beginning, while it may be a pointer of git LFS.
    start: Vec<u8>,
}

impl<'w> Copy<'w> {
    pub(super) fn new(into: &'w Workspace, progress: &'w CopyProgress) -> Self {
        Self {
            into,
            progress,
            last: None,
            made: HashSet::new(),
            links: Vec::new(),
            entries: Vec::new(),
            bytes: 0,
            left_out: Vec::new(),
            left_out_count: 0,
            lfs_pointers: Vec::new(),
        }
    }

    /// Names what is not taken along.
    pub(super) fn leave_out(&mut self, path: &[u8], reason: &str) {
        self.left_out_count += 1;
        if self.left_out.len() < LISTED_MAX {
            let path = String::from_utf8_lossy(path).into_owned();
            self.left_out.push(LeftOut { path, reason: reason.to_owned() });
        }
    }

    /// Begins a file; `None` when it is left out, and named.
    pub(super) fn begin(&mut self, path: &[u8], executable: bool, from: From) -> io::Result<Option<Writing>> {
        if let Some(reason) = unusable(path) {
            self.leave_out(path, reason);
            return Ok(None);
        }
        let made = self.parent(path).and_then(|parent| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(openat(parent, name_of(path), flags, Mode::from_raw_mode(0o600))?)
        });
        let file = match made {
            Ok(file) => File::from(file),
            Err(error) if is_in_the_way(&error) => {
                self.leave_out(path, "something else of the repository stands at its place");
                return Ok(None);
            }
            Err(error) => return Err(named(path, &error)),
        };
        let (path, digest) = (path.to_owned(), Digesting::default());
        Ok(Some(Writing { path, executable, from, file, digest, size: 0, start: Vec::new() }))
    }

    /// Takes the next bytes of a file.
    pub(super) fn write(&mut self, writing: &mut Writing, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES_MAX {
            return Err(io::Error::other(format!("it holds more than {BYTES_MAX} bytes")));
        }
        writing.file.write_all(bytes).map_err(|error| named(&writing.path, &error))?;
        writing.digest.update(bytes);
        writing.size += bytes.len() as u64;
        let room = LFS_POINTER_BYTES_MAX.saturating_sub(writing.start.len()).min(bytes.len());
        writing.start.extend_from_slice(&bytes[..room]);
        Ok(())
    }

    /// Ends a file.
    pub(super) fn end(&mut self, writing: Writing) -> io::Result<()> {
        let Writing { path, executable, from, file, digest, size, start } = writing;
        let bits = if executable { 0o755 } else { 0o644 };
        fchmod(&file, Mode::from_raw_mode(bits)).map_err(|error| named(&path, &error.into()))?;
        let is_pointer = size < LFS_POINTER_BYTES_MAX as u64 && start.starts_with(LFS_POINTER_START);
        if is_pointer && self.lfs_pointers.len() < LISTED_MAX {
            self.lfs_pointers.push(String::from_utf8_lossy(&path).into_owned());
        }
        self.entries.push(Entry::new(&path, &format!("0{bits:o}"), (digest.finish(), size), from));
        self.progress.advance();
        Ok(())
    }

    /// Notes a link. Links are made last, so that nothing is ever written through one.
    pub(super) fn link(&mut self, path: &[u8], target: &[u8], from: From) {
        match unusable(path) {
            Some(reason) => self.leave_out(path, reason),
            None if !stays_inside(path, target) => self.leave_out(path, "a link that leads outside the workspace"),
            None => self.links.push((path.to_owned(), target.to_owned(), from)),
        }
    }

    /// Makes the links.
    pub(super) fn make_links(&mut self) -> io::Result<()> {
        for (path, target, from) in std::mem::take(&mut self.links) {
            let made = self.parent(&path).and_then(|parent| Ok(symlinkat(&target[..], parent, name_of(&path))?));
            match made {
                Ok(()) => {}
                Err(error) if is_in_the_way(&error) => {
                    self.leave_out(&path, "something else of the repository stands at its place");
                    continue;
                }
                Err(error) => return Err(named(&path, &error)),
            }
            let sha256 = calt_core::Digest::of_bytes(&target);
            let entry = Entry::new(&path, "link", (sha256, target.len() as u64), from);
            self.entries.push(Entry { target: Some(String::from_utf8_lossy(&target).into_owned()), ..entry });
        }
        Ok(())
    }

    /// Copies a file or a link as it stands in a directory. What is neither is left out, and named.
    pub(super) fn take(&mut self, source: &Workspace, path: &[u8]) -> io::Result<()> {
        let held = match source.open_with(path, OFlags::PATH | OFlags::NOFOLLOW, ResolveFlags::empty()) {
            Ok(held) => held,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.leave_out(path, "it went while the copy was made");
                return Ok(());
            }
            Err(error) => {
                self.leave_out(path, &format!("it cannot be opened: {error}"));
                return Ok(());
            }
        };
        match FileType::from_raw_mode(fstat(&held)?.st_mode) {
            FileType::Symlink => {
                let target = readlinkat(&held, c"", Vec::new())?.into_bytes();
                self.link(path, &target, From::Directory);
                Ok(())
            }
            FileType::RegularFile => self.take_file(source, path),
            kind @ (FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown) => {
                self.leave_out(path, &format!("it is {}", crate::workspace::kind_words(kind)));
                Ok(())
            }
        }
    }

    fn take_file(&mut self, source: &Workspace, path: &[u8]) -> io::Result<()> {
        let opened = source.open_with(path, OFlags::RDONLY, ResolveFlags::NO_SYMLINKS);
        let mut file = match opened {
            Ok(file) => File::from(file),
            Err(error) => {
                self.leave_out(path, &format!("it cannot be opened: {error}"));
                return Ok(());
            }
        };
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.leave_out(path, "it is no regular file any more");
            return Ok(());
        }
        let Some(mut writing) = self.begin(path, stat.st_mode & 0o111 != 0, From::Directory)? else { return Ok(()) };
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk).map_err(|error| named(path, &error))? {
                0 => return self.end(writing),
                read => self.write(&mut writing, &chunk[..read])?,
            }
        }
    }

    /// The directory a path lies in, made where it is missing.
    fn parent(&mut self, path: &[u8]) -> io::Result<&OwnedFd> {
        let parent = parent_of(path);
        if self.last.as_ref().is_none_or(|(last, _)| last != parent) {
            for (place, _) in parent.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                self.make(&parent[..place])?;
            }
            if parent != b"." {
                self.make(parent)?;
            }
            self.last = Some((parent.to_owned(), self.open(parent)?));
        }
        Ok(&self.last.as_ref().expect("it was set above").1)
    }

    fn make(&mut self, directory: &[u8]) -> io::Result<()> {
        if self.made.contains(directory) {
            return Ok(());
        }
        let above = self.open(parent_of(directory))?;
        match mkdirat(&above, name_of(directory), Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        self.made.insert(directory.to_owned());
        Ok(())
    }

    fn open(&self, directory: &[u8]) -> io::Result<OwnedFd> {
        self.into.open_with(directory, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)
    }
}

fn is_in_the_way(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::EXIST | Errno::NOTDIR | Errno::ISDIR | Errno::LOOP))
}

fn named(path: &[u8], error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}` cannot be copied: {error}", String::from_utf8_lossy(path)))
}

fn parent_of(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(b".", |slash| &path[..slash])
}

fn name_of(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(path, |slash| &path[slash + 1..])
}

/// Why a path cannot be in a workspace: a tree of git can hold names that git itself would not make.
fn unusable(path: &[u8]) -> Option<&'static str> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX || path.contains(&0) {
        return Some("its path is empty, too long, or holds a NUL");
    }
    for name in path.split(|byte| *byte == b'/') {
        if name.is_empty() || name == b"." || name == b".." || name.len() > NAME_BYTES_MAX {
            return Some("its path leads elsewhere, or a name in it is too long");
        }
        if name.eq_ignore_ascii_case(b".git") {
            return Some("it lies in `.git`, which is not copied");
        }
        if name.starts_with(TEMPORARY_PREFIX.as_bytes()) {
            return Some("its name is one calt keeps for itself");
        }
    }
    None
}

/// Whether a link leads to a place below the workspace, as far as its text can tell; the kernel holds the rest.
fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target[0] == b'/' || target.len() as u64 > TARGET_BYTES_MAX || target.contains(&0) {
        return false;
    }
    let mut depth = path.split(|byte| *byte == b'/').count() - 1;
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside_or_are_named() {
        for (path, target, inside) in [
            (&b"a"[..], &b"b"[..], true),
            (b"d/a", b"../b", true),
            (b"a", b"../b", false),
            (b"d/a", b"x/../../../b", false),
            (b"a", b"/etc/passwd", false),
            (b"a", b"", false),
        ] {
            assert_eq!(stays_inside(path, target), inside, "{path:?} {target:?}");
        }
    }

    #[test]
    fn names_that_git_would_not_make_are_not_made() {
        for path in ["", "a//b", "../x", "a/./b", ".git/config", "sub/.GIT/x", ".calt-tmp-1", "/abs"] {
            assert!(unusable(path.as_bytes()).is_some(), "{path}");
        }
        for path in ["a", "-rf", "a\nb", "..x", ".gitignore", "e\u{301}"] {
            assert!(unusable(path.as_bytes()).is_none(), "{path}");
        }
    }
}
