//! A directory the owner names: found with what tells it from every other, and opened only while it is that one.

use std::io;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};

use calt_core::workspace::{DirectoryFact, PATH_BYTES_MAX};
use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, makedev, statx};

use crate::workspace::Workspace;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Why a directory is not the one that was named.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryFault {
    /// Another directory stands there, or none.
    #[error("{0}")]
    Moved(String),
    /// It is there and cannot be opened.
    #[error("{0}")]
    Unusable(String),
}

/// Looks at a directory that is to get a name. `kept` are calt's own directories, which no session may work on.
///
/// # Errors
/// The reason why it can be no workspace, as the end of a sentence.
pub fn find_directory(path: &Path, kept: &[PathBuf], homes: &[PathBuf]) -> Result<DirectoryFact, String> {
    let shown = path.display();
    if !path.is_absolute() || path.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err(format!("`{shown}` is not an absolute path without `..`"));
    }
    let Some(name) = path.file_name() else {
        return Err("the root of the file system can be no workspace".to_owned());
    };
    let found = path.symlink_metadata().map_err(|error| format!("`{shown}` cannot be looked at: {error}"))?;
    if found.is_symlink() {
        return Err(format!("`{shown}` is a link; name the directory it leads to"));
    }
    if !found.is_dir() {
        return Err(format!("`{shown}` is not a directory"));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let parent = parent.canonicalize().map_err(|error| format!("`{shown}` cannot be reached: {error}"))?;
    let real = parent.join(name);
    refuse_by_place(&real, kept, homes)?;
    let Some(text) = real.to_str().filter(|text| text.len() <= PATH_BYTES_MAX) else {
        return Err("its path is too long, or is not UTF-8".to_owned());
    };
    let opened = Workspace::open(&real).map_err(|error| format!("`{shown}` cannot be opened: {error}"))?;
    let directory = identify(opened.root(), text).map_err(|error| format!("`{shown}` has no identity: {error}"))?;
    let owner = rustix::fs::fstat(opened.root()).map_err(|error| error.to_string())?.st_uid;
    if owner != rustix::process::geteuid().as_raw() {
        return Err(format!("`{shown}` belongs to another user than the daemon runs as"));
    }
    Ok(directory)
}

fn refuse_by_place(real: &Path, kept: &[PathBuf], homes: &[PathBuf]) -> Result<(), String> {
    let shown = real.display();
    for own in kept {
        // What is not there yet is compared as it is named.
        let own = own.canonicalize().unwrap_or_else(|_| own.clone());
        if real.starts_with(&own) || own.starts_with(real) {
            return Err(format!("`{shown}` holds or lies in `{}`, where calt keeps its own files", own.display()));
        }
    }
    let is_home = |home: &PathBuf| home.canonicalize().is_ok_and(|home| home == real);
    if homes.iter().any(is_home) || real == Path::new("/root") || real.parent() == Some(Path::new("/home")) {
        return Err(format!("`{shown}` is a home directory; name a directory below it"));
    }
    Ok(())
}

/// What tells a directory from every other.
fn identify(directory: impl AsFd, path: &str) -> io::Result<DirectoryFact> {
    let found = statx(directory, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS | StatxFlags::BTIME)?;
    if !StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME) {
        return Err(io::Error::other("its file system does not say when it was made"));
    }
    let born_micros = found.stx_btime.tv_sec * MICROS_PER_SECOND + i64::from(found.stx_btime.tv_nsec / 1_000);
    Ok(DirectoryFact {
        path: path.to_owned(),
        inode: found.stx_ino,
        born_micros,
        device: makedev(found.stx_dev_major, found.stx_dev_minor),
    })
}

/// Opens a directory if it is the one that was named. Gives what it is now: after a reboot its device may differ.
///
/// # Errors
/// [`DirectoryFault`].
pub fn open_directory(named: &DirectoryFact) -> Result<(Workspace, DirectoryFact), DirectoryFault> {
    let path = Path::new(&named.path);
    let moved = |what: &str| DirectoryFault::Moved(format!("at `{}` {what}", named.path));
    let kind = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE);
    match kind.map(|found| FileType::from_raw_mode(u32::from(found.stx_mode))) {
        Ok(FileType::Directory) => {}
        Ok(FileType::Symlink) => return Err(moved("stands a link now")),
        Ok(_) => return Err(moved("stands something that is no directory now")),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Err(moved("is nothing now")),
        Err(error) => return Err(DirectoryFault::Unusable(format!("`{}`: {error}", named.path))),
    }
    let unusable = |error: io::Error| DirectoryFault::Unusable(format!("`{}`: {error}", named.path));
    let opened = Workspace::open(path).map_err(unusable)?;
    let now = identify(opened.root(), &named.path).map_err(unusable)?;
    if !now.is_same(named) {
        return Err(moved("stands another directory now"));
    }
    // The path may go through a link that was made since; the kernel says where the handle really is.
    if opened.path().map_err(unusable)? != path {
        return Err(moved("a link leads elsewhere now"));
    }
    Ok((opened, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_directory_is_opened_again() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let path = root.join("project");
        std::fs::create_dir(&path).unwrap();
        let named = find_directory(&path, &[], &[]).unwrap();
        assert_eq!(open_directory(&named).unwrap().1, named);
        std::fs::rename(&path, root.join("elsewhere")).unwrap();
        assert!(open_directory(&named).unwrap_err().to_string().contains("is nothing now"));
        std::fs::create_dir(&path).unwrap();
        assert!(open_directory(&named).unwrap_err().to_string().contains("another directory"));
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(root.join("elsewhere"), &path).unwrap();
        assert!(open_directory(&named).unwrap_err().to_string().contains("a link"));
    }

    #[test]
    fn places_that_can_be_no_workspace_are_refused_in_words() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for below in ["data/sessions", "config", "project", "home"] {
            std::fs::create_dir_all(root.join(below)).unwrap();
        }
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink("project", root.join("link")).unwrap();
        let kept = [root.join("data"), root.join("config")];
        let refused = |path: PathBuf| find_directory(&path, &kept, &[root.join("home")]).unwrap_err();
        for (path, word) in [
            (PathBuf::from("/"), "root of the file system"),
            (PathBuf::from("relative"), "absolute"),
            (root.join("project/../project"), "absolute"),
            (root.clone(), "calt keeps its own files"),
            (root.join("data"), "calt keeps its own files"),
            (root.join("data/sessions"), "calt keeps its own files"),
            (root.join("config"), "calt keeps its own files"),
            (root.join("home"), "home directory"),
            (root.join("file"), "not a directory"),
            (root.join("link"), "a link"),
            (root.join("missing"), "cannot be looked at"),
        ] {
            let said = refused(path.clone());
            assert!(said.contains(word), "{}: {said}", path.display());
        }
        assert!(find_directory(&root.join("project"), &kept, &[]).is_ok());
    }
}
