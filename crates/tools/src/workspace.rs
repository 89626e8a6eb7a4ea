//! The workspace handle: a directory opened once, below which every path is opened by the kernel's own walk.
//!
//! Resolving a path and then checking its prefix leaks under a rename race. `openat2` with
//! `RESOLVE_BENEATH` does not, and is faster.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use calt_core::Digest;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2, statat};
use rustix::io::Errno;

use crate::failure::{FailureCode, ToolFailure};

/// Largest file that is read at all, in bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest path below the workspace, in bytes.
const PATH_BYTES_MAX: usize = 4_096;
/// Most entries a search for a pattern looks at.
const WALK_ENTRIES_MAX: usize = 100_000;
/// Most steps of comparison such a search takes: signs of the pattern times signs of the paths.
const WALK_STEPS_MAX: usize = 200_000_000;
/// How often an `openat2` that raced with a rename is tried again.
const RACE_TRIES: usize = 16;
/// How calt's own temporary files begin; nobody else may use such names.
pub(crate) const TEMPORARY_PREFIX: &str = ".calt-tmp-";

/// A directory a session may touch.
#[derive(Debug)]
pub struct Workspace {
    root: OwnedFd,
    /// Where every run on this workspace keeps its pre-images; `None` where nothing can be restored.
    rooms: Option<PathBuf>,
}

/// A file as it is now: its bytes, its permission bits, and whether it has other names.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) hard_links: u64,
    pub(crate) inode: u64,
    pub(crate) owner: (u32, u32),
}

/// What a search for a pattern has cost so far.
#[derive(Default)]
struct Effort {
    entries: usize,
    steps: usize,
}

impl Workspace {
    /// Makes a directory for one session alone, and opens it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::open(path)
    }

    /// Opens a directory.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(Self { root: rustix::fs::open(path, flags, Mode::empty())?, rooms: None })
    }

    /// Names the directory in which every run on this workspace keeps its pre-images.
    #[must_use]
    pub fn with_rooms(self, rooms: PathBuf) -> Self {
        Self { rooms: Some(rooms), ..self }
    }

    /// Where they are; `None` when nobody said.
    pub(crate) fn rooms(&self) -> Option<&Path> {
        self.rooms.as_deref()
    }

    /// Where the directory is now.
    pub(crate) fn path(&self) -> io::Result<std::path::PathBuf> {
        use std::os::fd::AsRawFd as _;
        std::fs::read_link(format!("/proc/self/fd/{}", self.root.as_raw_fd()))
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Whether a path or a glob (`*`, `?`, `**`) names something in the workspace. Links are not followed.
    ///
    /// # Errors
    /// When the pattern leaves the workspace, or more entries would have to be looked at than the limit.
    pub fn exists(&self, pattern: &str) -> io::Result<bool> {
        let pattern = pattern.trim_start_matches("./");
        if !pattern.contains(['*', '?']) {
            let path = RelativePath::parse(pattern).map_err(|failure| io::Error::other(failure.message))?;
            return Ok(self.open_with(path.as_str(), OFlags::PATH, ResolveFlags::empty()).is_ok());
        }
        self.walk(".", "", pattern, &mut Effort::default())
    }

    fn walk(&self, directory: &str, prefix: &str, pattern: &str, effort: &mut Effort) -> io::Result<bool> {
        for (name, kind) in self.names(directory)? {
            effort.entries += 1;
            effort.steps += pattern.len() * (prefix.len() + name.len());
            if effort.entries > WALK_ENTRIES_MAX || effort.steps > WALK_STEPS_MAX {
                return Err(io::Error::other(format!("it would take more than {} entries", effort.entries - 1)));
            }
            let Ok(name) = name.into_string() else { continue };
            let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if matches(pattern.as_bytes(), path.as_bytes()) {
                return Ok(true);
            }
            if kind == FileType::Directory && self.walk(&path, &path, pattern, effort)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn names(&self, directory: impl AsRef<[u8]>) -> io::Result<Vec<(OsString, FileType)>> {
        let handle = self.open_with(directory, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)?;
        let mut names = Vec::new();
        for entry in Dir::new(handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push((OsString::from_vec(name.to_vec()), entry.file_type()));
            }
        }
        Ok(names)
    }

    /// Opens a directory below the workspace to list it.
    pub(crate) fn open_directory(&self, path: &RelativePath) -> Result<OwnedFd, ToolFailure> {
        self.open_with(path.as_str(), OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::empty())
            .map_err(|error| refused(path.as_str(), &error))
    }

    /// Opens the directory a path lies in, without following any link, for a write.
    pub(crate) fn open_parent(&self, path: &RelativePath) -> Result<OwnedFd, ToolFailure> {
        let parent = path.parent();
        self.open_with(parent, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)
            .map_err(|error| refused(parent, &error))
    }

    /// Makes the directories a path lies in.
    pub(crate) fn make_parents(&self, path: &RelativePath) -> Result<(), ToolFailure> {
        let mut made = String::new();
        for part in path.parent().split('/').filter(|part| !part.is_empty() && *part != ".") {
            let above = if made.is_empty() { ".".to_owned() } else { made.clone() };
            let handle = self
                .open_with(&above, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)
                .map_err(|error| refused(&above, &error))?;
            match rustix::fs::mkdirat(&handle, part, Mode::from_raw_mode(0o755)) {
                Ok(()) => rustix::fs::fsync(&handle).map_err(|error| refused(&above, &error.into()))?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(refused(part, &error.into())),
            }
            made = if made.is_empty() { part.to_owned() } else { format!("{made}/{part}") };
        }
        Ok(())
    }

    /// The directories a path lies in that are not there, outermost first.
    pub(crate) fn missing_parents(&self, path: &RelativePath) -> Vec<String> {
        let parent = path.parent();
        let ends = parent.match_indices('/').map(|(at, _)| at).chain([parent.len()]);
        let above = ends.map(|end| &parent[..end]).filter(|above| *above != ".");
        above.filter(|above| self.is_missing(above)).map(str::to_owned).collect()
    }

    fn is_missing(&self, directory: &str) -> bool {
        let opened = self.open_with(directory, OFlags::PATH, ResolveFlags::NO_SYMLINKS);
        opened.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Removes directories that are empty, innermost first; one that holds something stays.
    pub(crate) fn remove_empty(&self, outermost_first: &[String]) {
        for directory in outermost_first.iter().rev() {
            let Ok(path) = RelativePath::parse(directory) else { continue };
            let Ok(above) = self.open_parent(&path) else { continue };
            if rustix::fs::unlinkat(&above, path.name(), AtFlags::REMOVEDIR).is_ok() {
                // At worst an empty directory is back after a power loss.
                let _ = rustix::fs::fsync(&above);
            }
        }
    }

    /// Reads a regular file; `None` when nothing is there. For a write no link is followed.
    pub(crate) fn read(&self, path: &RelativePath, purpose: Purpose) -> Result<Option<Found>, ToolFailure> {
        let links = match purpose {
            Purpose::Look => ResolveFlags::empty(),
            Purpose::Write => ResolveFlags::NO_SYMLINKS,
        };
        let handle = match self.open_with(path.as_str(), OFlags::RDONLY, links) {
            Ok(handle) => handle,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(path.as_str(), &error)),
        };
        let (stat, bytes) = read_regular(handle, path.as_str())?;
        if purpose == Purpose::Write && stat.st_nlink > 1 {
            let message = format!("`{path}` has {} names; a write through one would change the others", stat.st_nlink);
            return Err(ToolFailure::plain(FailureCode::HardLink, message));
        }
        Ok(Some(Found {
            bytes,
            mode: stat.st_mode & 0o7777,
            hard_links: u64::from(stat.st_nlink as u32),
            inode: stat.st_ino,
            owner: (stat.st_uid, stat.st_gid),
        }))
    }

    pub(crate) fn open_with(&self, path: impl AsRef<[u8]>, flags: OFlags, links: ResolveFlags) -> io::Result<OwnedFd> {
        let path = path.as_ref();
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV | links;
        // A handle that only names a place takes no other flags.
        let careful = if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NOCTTY | OFlags::NONBLOCK };
        let flags = flags | OFlags::CLOEXEC | careful;
        for _ in 0..RACE_TRIES {
            match openat2(&self.root, path, flags, Mode::empty(), resolve) {
                // The kernel says so when a rename raced with its walk.
                Err(Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        Err(Errno::AGAIN.into())
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Look,
    Write,
}

/// Reads a handle that must be a regular file of bearable size.
pub(crate) fn read_regular(handle: OwnedFd, name: &str) -> Result<(Stat, Vec<u8>), ToolFailure> {
    let stat = fstat(&handle).map_err(|error| refused(name, &error.into()))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::RegularFile {
        let message = format!("`{name}` is {}, not a regular file", kind_words(kind));
        return Err(ToolFailure::plain(FailureCode::NotRegular, message));
    }
    if stat.st_size as u64 > FILE_BYTES_MAX {
        let message = format!("`{name}` has {} bytes; the limit is {FILE_BYTES_MAX}", stat.st_size);
        return Err(ToolFailure::plain(FailureCode::TooLarge, message));
    }
    let mut bytes = Vec::with_capacity(stat.st_size as usize);
    let mut file = File::from(handle).take(FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(|error| refused(name, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ToolFailure::plain(FailureCode::TooLarge, format!("`{name}` grew beyond {FILE_BYTES_MAX} bytes")));
    }
    Ok((stat, bytes))
}

/// The digest of a file in an open directory; of no bytes when it is absent.
pub(crate) fn digest_at(directory: BorrowedFd<'_>, name: &str) -> io::Result<(Digest, u64)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let handle = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(handle) => handle,
        Err(Errno::NOENT) => return Ok((Digest::of_bytes(b""), 0)),
        Err(error) => return Err(error.into()),
    };
    let (stat, bytes) = read_regular(handle, name).map_err(|failure| io::Error::other(failure.message))?;
    Ok((Digest::of_bytes(&bytes), stat.st_ino))
}

/// What something is, without opening it.
pub(crate) fn stat_in(directory: &OwnedFd, name: &std::ffi::CStr) -> io::Result<Stat> {
    Ok(statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// A path below the workspace, with no `.` and no `..` in it; `.` alone is the workspace itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RelativePath(String);

impl RelativePath {
    /// Reads a path as a plan writes it.
    pub(crate) fn parse(text: &str) -> Result<Self, ToolFailure> {
        let refuse = |code, reason: &str| Err(ToolFailure::plain(code, format!("path `{text}` {reason}")));
        if text.is_empty() || text.contains('\0') || text.len() > PATH_BYTES_MAX {
            return refuse(FailureCode::InputInvalid, "is empty, too long, or holds a NUL");
        }
        if text.starts_with('/') {
            return refuse(FailureCode::OutsideWorkspace, "is absolute: outside the workspace");
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return refuse(FailureCode::OutsideWorkspace, "goes up with `..`: outside the workspace");
        }
        Ok(Self(if parts.is_empty() { ".".to_owned() } else { parts.join("/") }))
    }

    /// The same, for a file that is to be written: never in `.git`, never one of calt's own temporary files.
    pub(crate) fn parse_for_write(text: &str) -> Result<Self, ToolFailure> {
        let path = Self::parse(text)?;
        if path.0 == "." || text.ends_with('/') {
            return Err(ToolFailure::plain(FailureCode::InputInvalid, format!("path `{text}` names no file")));
        }
        if path.0.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Err(ToolFailure::plain(
                FailureCode::GitProtected,
                format!("path `{text}` lies in `.git`, which is never written"),
            ));
        }
        if path.0.split('/').any(|part| part.starts_with(TEMPORARY_PREFIX)) {
            return Err(ToolFailure::plain(
                FailureCode::InputInvalid,
                format!("path `{text}` is a name calt keeps for itself"),
            ));
        }
        Ok(path)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parent(&self) -> &str {
        self.0.rsplit_once('/').map_or(".", |(parent, _)| parent)
    }

    pub(crate) fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }
}

impl std::fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A refusal of the kernel's walk, in our words.
pub(crate) fn refused(name: &str, error: &io::Error) -> ToolFailure {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        Some(Errno::NOENT) => ToolFailure::plain(FailureCode::FileNotFound, format!("`{name}` was not found")),
        Some(Errno::XDEV | Errno::LOOP) => ToolFailure::plain(
            FailureCode::OutsideWorkspace,
            format!("`{name}` leads outside the workspace or through a link"),
        ),
        Some(Errno::NOTDIR) => {
            ToolFailure::plain(FailureCode::NotRegular, format!("`{name}` lies below something that is no directory"))
        }
        Some(Errno::ISDIR) => ToolFailure::plain(FailureCode::NotRegular, format!("`{name}` is a directory")),
        Some(Errno::NXIO) => ToolFailure::plain(FailureCode::NotRegular, format!("`{name}` is a socket or a device")),
        Some(_) | None => ToolFailure::io(&format!("`{name}` cannot be used"), error),
    }
}

pub(crate) const fn kind_words(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::RegularFile => "a regular file",
        FileType::Unknown => "of an unknown kind",
    }
}

/// Whether a glob fits a path: `*` and `?` stay within a name, `**` crosses names.
pub fn matches_glob(pattern: &str, path: &str) -> bool {
    matches(pattern.as_bytes(), path.as_bytes())
}

/// Matches by all places of the path at once that a pattern can have come to: the time is their product.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut reach, mut next) = (vec![false; path.len() + 1], vec![false; path.len() + 1]);
    reach[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let length = match &pattern[at..] {
            // `**/` stands for any directories, and for none.
            [b'*', b'*', b'/', ..] => 3,
            [b'*', b'*', ..] => 2,
            _ => 1,
        };
        let mut open = false;
        for place in 0..=path.len() {
            let before = place.checked_sub(1).map(|before| (reach[before], path[before]));
            next[place] = match (pattern[at], length) {
                (b'*', 1) => {
                    open = reach[place] || (open && before.is_some_and(|(_, sign)| sign != b'/'));
                    open
                }
                (b'*', 2) => {
                    open |= reach[place];
                    open
                }
                (b'*', _) => {
                    open |= reach[place];
                    reach[place] || (open && before.is_some_and(|(_, sign)| sign == b'/'))
                }
                (wanted, _) => before
                    .is_some_and(|(reached, sign)| reached && (sign == wanted || (wanted == b'?' && sign != b'/'))),
            };
        }
        std::mem::swap(&mut reach, &mut next);
        at += length;
    }
    reach[path.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_leave_the_workspace() {
        for (text, code) in [
            ("/etc/passwd", FailureCode::OutsideWorkspace),
            ("../x", FailureCode::OutsideWorkspace),
            ("a/../../x", FailureCode::OutsideWorkspace),
            ("", FailureCode::InputInvalid),
            ("a\0b", FailureCode::InputInvalid),
        ] {
            assert_eq!(RelativePath::parse(text).unwrap_err().code(), code, "{text}");
        }
        assert_eq!(RelativePath::parse("./a//b/.").unwrap().as_str(), "a/b");
        for text in [".git/config", "sub/.GIT/hooks/x"] {
            assert_eq!(RelativePath::parse_for_write(text).unwrap_err().code(), FailureCode::GitProtected);
        }
        for text in [".calt-tmp-1-0", "a/.calt-tmp-1-0/b"] {
            assert_eq!(RelativePath::parse_for_write(text).unwrap_err().code(), FailureCode::InputInvalid, "{text}");
        }
    }

    #[test]
    fn links_out_of_the_workspace_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("ws");
        let workspace = Workspace::create(&inside).unwrap();
        std::fs::write(directory.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(directory.path(), inside.join("out")).unwrap();
        std::os::unix::fs::symlink("inside.txt", inside.join("link")).unwrap();
        std::fs::write(inside.join("inside.txt"), "i").unwrap();
        let path = |text| RelativePath::parse(text).unwrap();
        let code = workspace.read(&path("out/secret"), Purpose::Look).unwrap_err().code();
        assert_eq!(code, FailureCode::OutsideWorkspace);
        assert_eq!(workspace.read(&path("link"), Purpose::Look).unwrap().unwrap().bytes, b"i");
        assert_eq!(workspace.read(&path("link"), Purpose::Write).unwrap_err().code(), FailureCode::OutsideWorkspace);
        assert!(workspace.read(&path("nothing"), Purpose::Look).unwrap().is_none());
    }

    #[test]
    fn pipes_are_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(&directory.path().join("ws")).unwrap();
        rustix::fs::mknodat(workspace.root(), "pipe", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let refused = workspace.read(&RelativePath::parse("pipe").unwrap(), Purpose::Look).unwrap_err();
        assert_eq!(refused.code(), FailureCode::NotRegular);
    }

    #[test]
    fn what_is_there_is_found_by_path_and_by_pattern() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(&directory.path().join("ws")).unwrap();
        std::fs::create_dir(directory.path().join("ws/d")).unwrap();
        std::fs::write(directory.path().join("ws/d/a.txt"), "").unwrap();
        for (pattern, there) in
            [("d/a.txt", true), ("./d", true), ("d/b.txt", false), ("**/*.txt", true), ("*.txt", false)]
        {
            assert_eq!(workspace.exists(pattern).unwrap(), there, "{pattern}");
        }
        assert!(workspace.exists("../ws").is_err());
    }

    #[test]
    fn globs_match_as_one_expects() {
        for (pattern, path, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("**/*.txt", "d/e/a.txt", true),
            ("**/*.txt", "a.txt", true),
            ("d/?.txt", "d/a.txt", true),
            ("d/**", "d/e/f", true),
            ("x*y*z", "xyyz", true),
            ("**/d/**/x", "d/x", true),
            ("a**b", "a/c/b", true),
            ("*", "", true),
            ("a/*", "a/b/c", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn no_glob_takes_longer_than_pattern_times_path() {
        // Were each star to branch, this would not end.
        assert!(!matches_glob(&format!("{}z", "**/".repeat(500)), &"a/".repeat(500)));
        assert!(!matches_glob(&format!("{}z", "*a".repeat(500)), &"a".repeat(1000)));
    }
}
