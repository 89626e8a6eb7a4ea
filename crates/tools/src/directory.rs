//! A directory the owner names: found with what tells it from every other, and opened only while it is that one.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use calt_core::workspace::{DirectoryFact, PATH_BYTES_MAX};
use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, makedev, statx};

use crate::git_own::is_gits;
use crate::mounts::{Location, Mounts};
use crate::workspace::Workspace;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// What stands there the system runs or obeys: nothing there, above or below can be a workspace.
const SYSTEM_PLACES: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/efi",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/spool",
];
/// Places of many: a directory below one of them can be a workspace, and none of them itself.
const SHARED_PLACES: &[&str] = &["/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/var/lib", "/var/tmp"];
/// Directories of a home that hold what proves somebody's identity.
const KEY_PLACES: &[&str] = &[".ssh", ".gnupg"];

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
    let mounts = Mounts::read().map_err(|error| format!("what is mounted cannot be looked at: {error}"))?;
    refuse_by_mount(&mounts, &real, kept)?;
    refuse_the_systems_elsewhere(&mounts, &real)?;
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
    for own in calts_own(kept) {
        if real.starts_with(&own) || own.starts_with(real) {
            return Err(format!("`{shown}` holds or lies in `{}`, where calt keeps its own files", own.display()));
        }
    }
    refuse_the_systems(real)?;
    refuse_homes(real, homes)
}

/// What is not there yet is compared as it is named.
fn calts_own(kept: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    kept.iter().map(|own| own.canonicalize().unwrap_or_else(|_| own.clone()))
}

/// The same directory may be mounted in two places: then it has two paths and is one. A memory file system or another
/// that is laid over calt's own is another one, and nothing tells what it shows.
fn refuse_by_mount(mounts: &Mounts, real: &Path, kept: &[PathBuf]) -> Result<(), String> {
    let shown = real.display();
    let locate = |path: &Path| {
        mounts.locate(path).map_err(|error| format!("where `{}` lies cannot be told: {error}", path.display()))
    };
    let here = locate(real)?;
    for own in calts_own(kept) {
        let place = locate(&own)?;
        let is_place = |found: &Location| place.as_ref().is_some_and(|place| place.overlaps(found));
        if here.as_ref().is_some_and(is_place) || holds(real, &own) || holds(&own, real) {
            return Err(format!(
                "`{shown}` is, by another mount, a place that holds or lies in `{}`, where calt keeps its own files",
                own.display()
            ));
        }
        if let Some((point, _)) = mounts.below(real).find(|(_, found)| is_place(found)) {
            return Err(format!(
                "`{shown}` holds the mount `{}`, and that one holds or lies in `{}`, where calt keeps its own files",
                point.display(),
                own.display()
            ));
        }
    }
    Ok(())
}

/// Whether a directory is another one or one above it, by what the file system calls them.
fn holds(above: &Path, below: &Path) -> bool {
    let identity = |path: &Path| path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()));
    let sought = identity(above);
    sought.is_some() && below.ancestors().any(|one| identity(one) == sought)
}

/// The same for the system's own places. What is mounted below the directory is not looked at: a root of its own for
/// other programs has the like of `/proc` there.
fn refuse_the_systems_elsewhere(mounts: &Mounts, real: &Path) -> Result<(), String> {
    let Ok(Some(here)) = mounts.locate(real) else { return Ok(()) };
    for place in SYSTEM_PLACES.iter().filter_map(|place| Path::new(place).canonicalize().ok()) {
        if let Ok(Some(there)) = mounts.locate(&place)
            && here.overlaps(&there)
        {
            return Err(format!(
                "`{}` is, by another mount, a place that holds or lies in `{}`, which is the system's own",
                real.display(),
                place.display()
            ));
        }
    }
    Ok(())
}

/// A daemon that is root could open any of these.
fn refuse_the_systems(real: &Path) -> Result<(), String> {
    let shown = real.display();
    for place in SYSTEM_PLACES.iter().map(Path::new) {
        if real.starts_with(place) {
            return Err(format!("`{shown}` lies in `{}`, which is the system's own", place.display()));
        }
        if place.starts_with(real) {
            return Err(format!("`{shown}` holds `{}`, which is the system's own", place.display()));
        }
    }
    if SHARED_PLACES.iter().any(|place| Path::new(place) == real) {
        return Err(format!("`{shown}` is a place of many; name a directory below it"));
    }
    Ok(())
}

fn refuse_homes(real: &Path, homes: &[PathBuf]) -> Result<(), String> {
    let shown = real.display();
    let is_a_home = real == Path::new("/root") || real.parent() == Some(Path::new("/home"));
    for home in homes.iter().filter_map(|home| home.canonicalize().ok()) {
        if KEY_PLACES.iter().any(|place| real.starts_with(home.join(place))) {
            return Err(format!("`{shown}` holds the keys of a person"));
        }
        if home != real && home.starts_with(real) {
            return Err(format!(
                "`{shown}` holds the home directory `{}`; name a directory below that",
                home.display()
            ));
        }
        if home == real {
            return Err(format!("`{shown}` is a home directory; name a directory below it"));
        }
    }
    if is_a_home {
        return Err(format!("`{shown}` is a home directory; name a directory below it"));
    }
    Ok(())
}

/// Whether sessions may write in a directory: hooks and settings are programs that git runs as whoever works in the
/// repository.
///
/// # Errors
/// The reason why not, as the end of a sentence.
pub fn check_attachable(directory: &DirectoryFact) -> Result<(), String> {
    let real = Path::new(&directory.path);
    let is_named_so = real.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git"));
    if is_named_so || real.ancestors().any(|above| is_gits(|name| above.join(name).symlink_metadata().is_ok())) {
        return Err(format!("`{}` is or lies in git's own directory of a repository", real.display()));
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

/// Opens a directory if it is the one that was named, and no mount made since shows calt's own files in it. Gives what
/// it is now: after a reboot its device may differ.
///
/// # Errors
/// [`DirectoryFault`].
pub fn open_directory(named: &DirectoryFact, kept: &[PathBuf]) -> Result<(Workspace, DirectoryFact), DirectoryFault> {
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
    Mounts::read()
        .map_err(unusable)
        .and_then(|mounts| refuse_by_mount(&mounts, path, kept).map_err(DirectoryFault::Unusable))?;
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
        assert_eq!(open_directory(&named, &[]).unwrap().1, named);
        std::fs::rename(&path, root.join("elsewhere")).unwrap();
        assert!(open_directory(&named, &[]).unwrap_err().to_string().contains("is nothing now"));
        std::fs::create_dir(&path).unwrap();
        assert!(open_directory(&named, &[]).unwrap_err().to_string().contains("another directory"));
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(root.join("elsewhere"), &path).unwrap();
        assert!(open_directory(&named, &[]).unwrap_err().to_string().contains("a link"));
    }

    #[test]
    fn places_that_can_be_no_workspace_are_refused_in_words() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let directories = "data/sessions config project home/.ssh users/ann";
        for below in directories.split(' ') {
            std::fs::create_dir_all(root.join(below)).unwrap();
        }
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink("project", root.join("link")).unwrap();
        let kept = [root.join("data"), root.join("config")];
        let refused =
            |path: PathBuf| find_directory(&path, &kept, &[root.join("home"), root.join("users/ann")]).unwrap_err();
        for (path, word) in [
            (PathBuf::from("/"), "root of the file system"),
            (PathBuf::from("relative"), "absolute"),
            (root.join("project/../project"), "absolute"),
            (root.clone(), "calt keeps its own files"),
            (root.join("data"), "calt keeps its own files"),
            (root.join("data/sessions"), "calt keeps its own files"),
            (root.join("config"), "calt keeps its own files"),
            (root.join("home"), "is a home directory"),
            (root.join("users"), "holds the home directory"),
            (root.join("home/.ssh"), "the keys of a person"),
            (root.join("file"), "not a directory"),
            (root.join("link"), "a link"),
            (root.join("missing"), "cannot be looked at"),
        ] {
            let said = refused(path.clone());
            assert!(said.contains(word), "{}: {said}", path.display());
        }
        assert!(find_directory(&root.join("project"), &kept, &[root.join("home")]).is_ok());
    }

    #[test]
    fn git_s_own_directories_are_not_attached_nor_what_lies_in_them() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for below in "project/.git/modules x.git/hooks x.git/objects x.git/refs worktrees/w src".split(' ') {
            std::fs::create_dir_all(root.join(below)).unwrap();
        }
        for file in ["x.git/HEAD", "worktrees/w/HEAD", "worktrees/w/commondir"] {
            std::fs::write(root.join(file), "x").unwrap();
        }
        let check = |path: &str| check_attachable(&find_directory(&root.join(path), &[], &[]).unwrap());
        for path in ["project/.git", "project/.git/modules", "x.git", "x.git/hooks", "worktrees/w"] {
            let said = check(path).unwrap_err();
            assert!(said.contains("git's own directory"), "{path}: {said}");
        }
        for path in ["project", "src", "worktrees"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn no_place_of_the_system_can_be_a_workspace_nor_what_holds_one() {
        for (path, word) in [
            ("/", "the system's own"),
            ("/etc", "the system's own"),
            ("/etc/cron.d", "the system's own"),
            ("/usr", "the system's own"),
            ("/usr/local/bin", "the system's own"),
            ("/proc/self", "the system's own"),
            ("/var", "the system's own"),
            ("/var/spool/cron", "the system's own"),
            ("/tmp", "a place of many"),
            ("/srv", "a place of many"),
            ("/home", "a place of many"),
            ("/root", "a home directory"),
            ("/home/ann", "a home directory"),
        ] {
            let said = refuse_by_place(Path::new(path), &[], &[]).unwrap_err();
            assert!(said.contains(word), "{path}: {said}");
        }
        for path in ["/srv/site", "/var/www/html", "/opt/app", "/home/ann/src", "/etcetera", "/workspace", "/tmp/x"] {
            assert_eq!(refuse_by_place(Path::new(path), &[], &[]), Ok(()), "{path}");
        }
    }
}
