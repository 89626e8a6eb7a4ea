//! Removes a directory with whatever a command left in it, however deep it is and whatever rights it has.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, renameat, statat, unlinkat};

/// Removes a directory and all below it; links are removed and never followed.
///
/// A walk that goes down with the tree could be sent deeper than a stack or a process's descriptors reach. So
/// nothing goes down: what lies in a directory of the top one is moved up, until the top one holds none.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let top = open_directory(CWD, &CString::new(path.as_os_str().as_bytes())?)?;
    let mut moved = 0_u64;
    loop {
        let directories = without_files(&top)?;
        if directories.is_empty() {
            break;
        }
        for name in directories {
            let below = open_directory(&top, &name)?;
            for deeper in without_files(&below)? {
                // A directory that may not be written cannot be moved either; opening it gives that right back.
                drop(open_directory(&below, &deeper)?);
                moved += 1;
                renameat(&below, &deeper, &top, format!(".calt-moved-{moved}-{}", std::process::id()))?;
            }
            unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
        }
    }
    std::fs::remove_dir(path)
}

/// Opens a directory with the right to read, write and enter it.
fn open_directory(above: impl std::os::fd::AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let place = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(above, name, place, Mode::empty())?;
    if fstat(&handle)?.st_mode & 0o700 != 0o700 {
        // By the handle: a name could stand for something else by now.
        let own = format!("/proc/self/fd/{}", handle.as_raw_fd());
        std::fs::set_permissions(own, std::fs::Permissions::from_mode(0o700))?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(&handle, c".", flags, Mode::empty())?)
}

/// Removes everything in a directory but its directories, and names those.
fn without_files(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_bytes() != b"." && name.as_bytes() != b".." {
            names.push(name);
        }
    }
    let mut directories = Vec::new();
    for name in names {
        let found = statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            directories.push(name);
        } else {
            unlinkat(directory, &name, AtFlags::empty())?;
        }
    }
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tree_goes_however_deep_it_is_and_a_link_out_of_it_is_not_followed() {
        const DEPTH: usize = 5_000;
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(home.path().join("outside"), "stays").unwrap();
        std::os::unix::fs::symlink(home.path(), tree.join("out")).unwrap();
        let mut at = open_directory(CWD, &CString::new(tree.as_os_str().as_bytes()).unwrap()).unwrap();
        for _ in 0..DEPTH {
            rustix::fs::mkdirat(&at, c"d", Mode::from_raw_mode(0o700)).unwrap();
            at = openat(&at, c"d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        drop(at);
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(home.path().join("outside")).unwrap(), "stays");
    }

    #[test]
    fn rights_that_were_taken_away_hold_nothing_up() {
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("tree");
        fs::create_dir_all(tree.join("a/b/c")).unwrap();
        fs::write(tree.join("a/b/c/file"), "").unwrap();
        for (name, mode) in [("a/b/c", 0o000), ("a/b", 0o300), ("a", 0o500)] {
            fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
