//! Walking a directory that others may change meanwhile: nothing is followed, so nothing outside is read.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat, statat};
use rustix::io::Errno;

/// Permission bits that are kept: what user, group and others may do.
const KEPT_MODE: u32 = 0o777;

/// Something found, with its path below the root.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) mode: u32,
    pub(super) kind: FoundKind,
}

pub(super) enum FoundKind {
    Directory,
    File(File),
    Link(Vec<u8>),
    /// A socket, a pipe, a device, or what may not be read.
    LeftOut,
}

/// Visits everything below a directory, a directory before what is in it; `wanted` says what to go into at all.
///
/// What vanishes meanwhile is passed over.
pub(super) fn walk<E: From<io::Error>>(
    root: &Path,
    start: &Path,
    wanted: impl Fn(&Path) -> bool,
    mut visit: impl FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    let base: OwnedFd = File::open(root)?.into();
    let mut waiting = vec![start.to_owned()];
    while let Some(path) = waiting.pop() {
        let opened = openat2(
            &base,
            &path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        );
        let directory = match opened {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(Errno::ACCESS | Errno::NAMETOOLONG) => {
                visit(Found { path, mode: 0, kind: FoundKind::LeftOut })?;
                continue;
            }
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let mode = fstat(&directory).map_err(io::Error::from)?.st_mode & KEPT_MODE;
        visit(Found { path: path.clone(), mode, kind: FoundKind::Directory })?;
        for entry in Dir::read_from(&directory).map_err(io::Error::from)? {
            let entry = entry.map_err(io::Error::from)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let below = path.join(name);
            if name == "." || name == ".." || !wanted(&below) {
                continue;
            }
            match look(&directory, name).map_err(io::Error::from)? {
                Some((FileType::Directory, _)) => waiting.push(below),
                Some((kind, mode)) => {
                    if let Some(kind) = open(&directory, name, kind).map_err(io::Error::from)? {
                        visit(Found { path: below, mode, kind })?;
                    }
                }
                None => {}
            }
        }
    }
    Ok(())
}

fn look(directory: &OwnedFd, name: &OsStr) -> Result<Option<(FileType, u32)>, Errno> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some((FileType::from_raw_mode(stat.st_mode), stat.st_mode & KEPT_MODE))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(directory: &OwnedFd, name: &OsStr, kind: FileType) -> Result<Option<FoundKind>, Errno> {
    if kind == FileType::Symlink {
        return match readlinkat(directory, name, Vec::new()) {
            Ok(target) => Ok(Some(FoundKind::Link(target.into_bytes()))),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(error) => Err(error),
        };
    }
    if kind != FileType::RegularFile {
        return Ok(Some(FoundKind::LeftOut));
    }
    // Should it have become a pipe since, opening must not wait for its other end.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(file) if FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile => {
            Ok(Some(FoundKind::File(file.into())))
        }
        Ok(_) | Err(Errno::ACCESS) => Ok(Some(FoundKind::LeftOut)),
        Err(Errno::NOENT | Errno::LOOP) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A path as the bytes it is.
pub(super) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Bytes as the path they are.
pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}
