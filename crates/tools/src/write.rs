//! Applies planned files: all of them, or none.
//!
//! Each new content is written beside its target and fsynced. Then one flag is looked at, and from then
//! on nothing stops the write: targets are exchanged with what was prepared, what was swapped out is
//! compared with what was previewed, and put back if it is something else.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;

use calt_core::event::FileChange;
use calt_core::moment::{Moment, pass};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, getgid, getuid};

use crate::change::PlannedFile;
use crate::failure::{FailureCode, ToolFailure};
use crate::limits::Limits;
use crate::room::RunRoom;
use crate::workspace::{RelativePath, TEMPORARY_PREFIX, Workspace, digest_at, refused};

/// One file, prepared beside its target.
struct Prepared<'f> {
    file: &'f PlannedFile,
    path: RelativePath,
    directory: OwnedFd,
    temporary: String,
    /// For a rename: where the file was.
    from: Option<(RelativePath, OwnedFd)>,
    done: Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Nothing,
    Swapped,
    Placed,
}

/// Applies files. `token` makes temporary names of this run its own.
pub(crate) fn apply(
    workspace: &Workspace,
    files: &[PlannedFile],
    room: &RunRoom,
    token: &str,
    limits: &Limits,
) -> Result<Vec<FileChange>, ToolFailure> {
    let changed: Vec<(usize, &PlannedFile)> = files.iter().enumerate().filter(|(_, file)| file.changes()).collect();
    for (_, file) in changed.iter().filter(|(_, file)| file.change.old_exists) {
        room.keep(&file.old_bytes).map_err(|error| ToolFailure::io("a pre-image cannot be kept", &error))?;
        pass(Moment::PreImageKept);
    }
    let directories = directories_to_make(workspace, &changed)?;
    if !directories.is_empty() {
        let noted = room.note_directories(&directories);
        noted.map_err(|error| ToolFailure::io("what is to be made cannot be noted", &error))?;
    }
    room.sync().map_err(|error| ToolFailure::io("pre-images cannot be made durable", &error))?;
    pass(Moment::PreImagesDurable);
    let mut prepared = Vec::new();
    let outcome = prepare_all(workspace, &changed, token, &mut prepared).and_then(|()| limits.check()).and_then(|()| {
        pass(Moment::FilesPrepared);
        prepared.iter_mut().try_for_each(|entry| place(entry).inspect(|()| pass(Moment::FilePlaced)))
    });
    if let Err(mut failure) = outcome {
        failure.applied = put_back(&prepared);
        workspace.remove_empty(&directories);
        return Err(failure);
    }
    pass(Moment::FilesPlaced);
    finish(&prepared);
    Ok(files.iter().map(|file| file.change.clone()).collect())
}

/// The directories that do not exist yet, outermost first.
fn directories_to_make(workspace: &Workspace, files: &[(usize, &PlannedFile)]) -> Result<Vec<String>, ToolFailure> {
    let mut missing = BTreeSet::new();
    for (_, file) in files.iter().filter(|(_, file)| file.change.new_exists) {
        missing.extend(workspace.missing_parents(&RelativePath::parse_for_write(&file.change.path)?));
    }
    // A directory sorts before those below it.
    Ok(missing.into_iter().collect())
}

fn prepare_all<'f>(
    workspace: &Workspace,
    files: &[(usize, &'f PlannedFile)],
    token: &str,
    prepared: &mut Vec<Prepared<'f>>,
) -> Result<(), ToolFailure> {
    for (number, file) in files.iter().copied() {
        let path = RelativePath::parse_for_write(&file.change.path)?;
        workspace.make_parents(&path)?;
        let directory = workspace.open_parent(&path)?;
        let from = match &file.change.from {
            Some(from) => {
                let from = RelativePath::parse_for_write(from)?;
                let above = workspace.open_parent(&from)?;
                Some((from, above))
            }
            None => None,
        };
        let temporary = temporary_name(token, number);
        let entry = Prepared { file, path, directory, temporary, from, done: Done::Nothing };
        let made = make_temporary(&entry)?;
        pass(Moment::TemporaryMade);
        // From here on it is ours to take away, also when it cannot be filled.
        prepared.push(entry);
        if let (Some(made), Some(entry)) = (made, prepared.last()) {
            fill_temporary(made, entry)?;
        }
    }
    Ok(())
}

/// The name of what is prepared for one file of a run, and of what was swapped out for it afterwards.
pub(crate) fn temporary_name(token: &str, number: usize) -> String {
    format!("{TEMPORARY_PREFIX}{token}-{number}")
}

/// The name of a file that was moved away from its old name.
pub(crate) fn temporary_from(temporary: &str) -> String {
    format!("{temporary}-from")
}

fn unprepared<'e>(entry: &'e Prepared<'_>) -> impl Fn(std::io::Error) -> ToolFailure + 'e {
    |error| ToolFailure::io(&format!("`{}` cannot be prepared", entry.path), &error)
}

/// The empty file that will hold the new content; `None` for one that is only taken away.
fn make_temporary(entry: &Prepared<'_>) -> Result<Option<File>, ToolFailure> {
    if !entry.file.change.new_exists {
        return Ok(None);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let made = openat(&entry.directory, &entry.temporary, flags, Mode::from_raw_mode(0o600));
    made.map(|handle| Some(File::from(handle))).map_err(|error| unprepared(entry)(error.into()))
}

fn fill_temporary(mut file: File, entry: &Prepared<'_>) -> Result<(), ToolFailure> {
    let fault = unprepared(entry);
    file.write_all(&entry.file.new_bytes).map_err(&fault)?;
    if let Some(owner) = entry.file.old_owner.filter(|owner| *owner != (getuid().as_raw(), getgid().as_raw())) {
        // A daemon that may not give files away leaves them to its own user; the mode is kept all the same.
        let _ = rustix::fs::fchown(&file, Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)));
    }
    file.set_permissions(std::fs::Permissions::from_mode(entry.file.new_mode)).map_err(&fault)?;
    file.sync_all().map_err(&fault)
}

/// Puts one file in its place. Whatever was there is checked after it was swapped out.
fn place(entry: &mut Prepared<'_>) -> Result<(), ToolFailure> {
    let change = &entry.file.change;
    let (name, temporary) = (entry.path.name().to_owned(), entry.temporary.clone());
    let fault = |name: &str, error: Errno| refused(name, &error.into());
    if let Some((from, above)) = &entry.from {
        renameat_with(&entry.directory, &temporary, &entry.directory, &name, RenameFlags::NOREPLACE)
            .map_err(|error| fault(&name, error))?;
        entry.done = Done::Placed;
        pass(Moment::RenameHalfDone);
        let moved = temporary_from(&temporary);
        renameat_with(above, from.name(), above, &moved, RenameFlags::NOREPLACE)
            .map_err(|error| fault(from.name(), error))?;
        entry.done = Done::Swapped;
        return as_previewed(above, &moved, entry.file);
    }
    match (change.old_exists, change.new_exists) {
        (false, _) => {
            match renameat_with(&entry.directory, &temporary, &entry.directory, &name, RenameFlags::NOREPLACE) {
                Ok(()) => entry.done = Done::Placed,
                Err(Errno::EXIST) => return Err(stale(change, "something stands there now")),
                Err(error) => return Err(fault(&name, error)),
            }
            Ok(())
        }
        (true, true) => {
            match renameat_with(&entry.directory, &temporary, &entry.directory, &name, RenameFlags::EXCHANGE) {
                Ok(()) => entry.done = Done::Swapped,
                Err(Errno::NOENT) => return Err(stale(change, "it is gone")),
                Err(error) => return Err(fault(&name, error)),
            }
            as_previewed(&entry.directory, &temporary, entry.file)
        }
        (true, false) => {
            match renameat_with(&entry.directory, &name, &entry.directory, &temporary, RenameFlags::NOREPLACE) {
                Ok(()) => entry.done = Done::Swapped,
                Err(Errno::NOENT) => return Err(stale(change, "it is gone")),
                Err(error) => return Err(fault(&name, error)),
            }
            as_previewed(&entry.directory, &temporary, entry.file)
        }
    }
}

fn as_previewed(directory: &OwnedFd, name: &str, file: &PlannedFile) -> Result<(), ToolFailure> {
    match digest_at(directory.as_fd(), name) {
        Ok((digest, inode)) if digest == file.change.old_sha256 && inode == file.old_inode => Ok(()),
        Ok(_) | Err(_) => Err(stale(&file.change, "its content changed since the preview")),
    }
}

fn stale(change: &FileChange, why: &str) -> ToolFailure {
    ToolFailure::plain(
        FailureCode::PreviewStale,
        format!("preview gate rejected: `{}` is not as previewed: {why}", change.path),
    )
}

/// Takes back what was placed, last first. Gives what could not be taken back.
fn put_back(prepared: &[Prepared<'_>]) -> Vec<FileChange> {
    let mut left = Vec::new();
    for entry in prepared.iter().rev() {
        let (name, temporary) = (entry.path.name(), entry.temporary.as_str());
        let change = &entry.file.change;
        let undone = match (&entry.from, entry.done) {
            (_, Done::Nothing) => Ok(()),
            (Some((from, above)), Done::Swapped) => {
                let moved = temporary_from(temporary);
                renameat_with(above, &moved, above, from.name(), RenameFlags::NOREPLACE).and_then(|()| {
                    renameat_with(&entry.directory, name, &entry.directory, temporary, RenameFlags::NOREPLACE)
                })
            }
            (_, Done::Placed) => {
                renameat_with(&entry.directory, name, &entry.directory, temporary, RenameFlags::NOREPLACE)
            }
            (None, Done::Swapped) if change.new_exists => {
                renameat_with(&entry.directory, temporary, &entry.directory, name, RenameFlags::EXCHANGE)
            }
            (None, Done::Swapped) => {
                renameat_with(&entry.directory, temporary, &entry.directory, name, RenameFlags::NOREPLACE)
            }
        };
        match undone {
            Ok(()) => {
                let _ = unlinkat(&entry.directory, temporary, AtFlags::empty());
            }
            Err(_) => left.push(change.clone()),
        }
        let _ = rustix::fs::fsync(&entry.directory);
        if let Some((_, above)) = &entry.from {
            let _ = rustix::fs::fsync(above);
        }
    }
    left
}

/// Every file is in place: what was swapped out goes, and directories are made durable.
fn finish(prepared: &[Prepared<'_>]) {
    for entry in prepared {
        if let Some((_, above)) = &entry.from {
            let _ = unlinkat(above, temporary_from(&entry.temporary), AtFlags::empty());
            let _ = rustix::fs::fsync(above);
        } else if entry.done == Done::Swapped {
            let _ = unlinkat(&entry.directory, &entry.temporary, AtFlags::empty());
        }
        let _ = rustix::fs::fsync(&entry.directory);
        pass(Moment::LeftoverRemoved);
    }
}

/// The name under which a file's pre-image is written before it takes the file's place.
pub(crate) fn temporary_back(temporary: &str) -> String {
    format!("{temporary}-back")
}

/// Restores a file from its pre-image, written under a temporary name, or removes one that was not there.
pub(crate) fn restore(
    workspace: &Workspace,
    path: &RelativePath,
    before: Option<(&[u8], u32, &str)>,
) -> std::io::Result<()> {
    let directory = workspace.open_parent(path).map_err(|failure| std::io::Error::other(failure.message))?;
    match before {
        None => unlinkat(&directory, path.name(), AtFlags::empty())?,
        Some((bytes, mode, temporary)) => {
            let _ = unlinkat(&directory, temporary, AtFlags::empty());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let mut file = File::from(openat(&directory, temporary, flags, Mode::from_raw_mode(0o600))?);
            file.write_all(bytes)?;
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.sync_all()?;
            rustix::fs::renameat(&directory, temporary, &directory, path.name())?;
        }
    }
    rustix::fs::fsync(&directory)?;
    Ok(())
}
