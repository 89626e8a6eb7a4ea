//! The workspace handle: a directory opened once, below which every path is opened by the kernel's own walk.
//!
//! Resolving a path and then checking its prefix leaks under a rename race. `openat2` with
//! `RESOLVE_BENEATH` does not, and is faster.

mod path;

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

pub use path::matches_glob;
pub(crate) use path::{RelativePath, TEMPORARY_PREFIX};

/// Largest file that is read at all, in bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most entries a search for a pattern looks at.
const WALK_ENTRIES_MAX: usize = 100_000;
/// Most steps of comparison such a search takes: signs of the pattern times signs of the paths.
const WALK_STEPS_MAX: usize = 200_000_000;
/// How often an `openat2` that raced with a rename is tried again.
const RACE_TRIES: usize = 16;

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
            if matches_glob(pattern, &path) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
