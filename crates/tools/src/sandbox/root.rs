//! The root a boxed command sees: a new, read-only tree of a few mounts, and nothing of the machine beside it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use calt_core::isolation::{Network, WorkspaceView};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{Signal, fchdir, getuid, pidfd_send_signal, pivot_root};

use super::init::{Broken, OfLayer};
use super::spec::{RunAs, Spec};
use super::sys::{self, Forked};

/// Where the system keeps programs and libraries; links among them stay links.
pub const SYSTEM_DIRECTORIES: [&str; 8] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];
/// Files and directories of `/etc` that programs need to run at all. None of them says who uses the machine.
const SYSTEM_SETTINGS: [&str; 4] = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives"];
/// Devices that are no hardware.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// Places over which the new root is put together; any that is there will do, since the namespace is ours.
const BUILDING_SITES: [&str; 5] = ["/tmp", "/mnt", "/var", "/srv", "/proc"];
/// The home directory in a box.
pub(super) const HOME: &str = "/tmp/home";
/// Room for the bare tree, in bytes: directories and a few short files.
const TREE_BYTES: u64 = 1024 * 1024;
/// Most files on a tmpfs of a box.
const TMPFS_FILES_MAX: u64 = 65_536;
const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
const PLAIN: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Builds the root and enters it. `mapping` shows the workspace's owner as the command's user.
pub(super) fn build(spec: &Spec, workspace: BorrowedFd<'_>, mapping: Option<BorrowedFd<'_>>) -> Result<(), Broken> {
    let owner = spec.user;
    // Nothing mounted from here on is seen outside, nor the other way round.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).of_layer("mounts")?;
    let sources = Sources::open(spec, workspace, mapping).of_layer("mounts")?;
    enter_new_tree(owner).of_layer("root")?;
    system(&sources, owner).of_layer("system")?;
    process_files().of_layer("proc")?;
    temporary("tmp", spec.shape.limits.tmp_bytes, owner).of_layer("tmp")?;
    std::fs::DirBuilder::new().mode(0o700).create("tmp/home").of_layer("tmp")?;
    chown("tmp/home", owner).of_layer("tmp")?;
    if spec.shape.network == Network::OwnLoopback {
        test_devices(spec, owner).of_layer("devices")?;
    }
    put_workspace(spec, &sources.workspace, owner).of_layer("workspace")?;
    leave_old_root().of_layer("root")
}

/// Handles on everything that will be seen, taken before the old root is out of reach.
struct Sources {
    workspace: OwnedFd,
    /// A place below the root, and what is put there.
    binds: Vec<(PathBuf, Bind)>,
}

enum Bind {
    Tree(OwnedFd, Kind),
    Link(PathBuf),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
}

impl Sources {
    fn open(spec: &Spec, workspace: BorrowedFd<'_>, mapping: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        let mut binds = Vec::new();
        let configured = spec.shape.binds.iter().map(String::as_str);
        for path in SYSTEM_DIRECTORIES.iter().copied().chain(configured) {
            binds.extend(bind(Path::new(path), READ_ONLY | PLAIN)?);
        }
        for name in SYSTEM_SETTINGS {
            binds.extend(bind(&Path::new("/etc").join(name), READ_ONLY | PLAIN | libc::MOUNT_ATTR_NOEXEC)?);
        }
        for name in DEVICES {
            binds.extend(bind(&Path::new("/dev").join(name), libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)?);
        }
        // Only an overlay writes, and never here.
        let workspace = clone_tree(same_place(workspace, &spec.workspace)?.as_fd(), "", READ_ONLY | PLAIN)?;
        if mapping.is_some() {
            sys::set_mount_attributes(workspace.as_fd(), 0, mapping)?;
        }
        Ok(Self { workspace, binds })
    }
}

/// A handle of this namespace on a directory that was opened outside of it; by its path, and only if it is the same.
fn same_place(outside: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = openat(CWD, path, flags, Mode::empty())?;
    let (was, is) = (rustix::fs::fstat(outside)?, rustix::fs::fstat(&inside)?);
    if (was.st_dev, was.st_ino) == (is.st_dev, is.st_ino) {
        return Ok(inside);
    }
    Err(io::Error::other("another directory stands at its path now"))
}

fn bind(path: &Path, attributes: u64) -> io::Result<Option<(PathBuf, Bind)>> {
    let Ok(found) = path.symlink_metadata() else { return Ok(None) };
    let below = path.strip_prefix("/").unwrap_or(path).to_owned();
    if found.is_symlink() {
        return Ok(Some((below, Bind::Link(std::fs::read_link(path)?))));
    }
    let kind = if found.is_dir() { Kind::Directory } else { Kind::File };
    let tree = clone_tree(CWD, path, attributes)?;
    Ok(Some((below, Bind::Tree(tree, kind))))
}

fn clone_tree(at: BorrowedFd<'_>, path: impl AsRef<Path>, attributes: u64) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(at, path.as_ref(), flags)?;
    sys::set_mount_attributes(tree.as_fd(), attributes, None)?;
    Ok(tree)
}

/// Puts an empty tmpfs over some place, and goes there.
fn enter_new_tree(owner: RunAs) -> io::Result<()> {
    let tree = tmpfs(TREE_BYTES, 0o755, owner)?;
    let site = BUILDING_SITES.iter().find(|site| Path::new(site).is_dir());
    let site = site.ok_or_else(|| io::Error::other("there is no directory to build the root on"))?;
    move_mount(&tree, "", CWD, *site, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(fchdir(&tree)?)
}

fn tmpfs(bytes: u64, mode: u32, owner: RunAs) -> io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [
        ("size", bytes.to_string()),
        ("nr_inodes", TMPFS_FILES_MAX.to_string()),
        ("mode", format!("{mode:o}")),
        ("uid", owner.uid.to_string()),
        ("gid", owner.gid.to_string()),
    ] {
        fsconfig_set_string(&context, key, value.as_str())?;
    }
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

fn put(tree: &OwnedFd, place: impl AsRef<Path>) -> io::Result<()> {
    Ok(move_mount(tree, "", CWD, place.as_ref(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Directories below the new root, where they are missing.
fn make_directories(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Programs, libraries, the settings they need, devices that are none, and a user without a name.
fn system(sources: &Sources, owner: RunAs) -> io::Result<()> {
    for (place, bind) in &sources.binds {
        if let Some(above) = place.parent().filter(|above| !above.as_os_str().is_empty()) {
            make_directories(above)?;
        }
        match bind {
            Bind::Link(target) => std::os::unix::fs::symlink(target, place)?,
            Bind::Tree(tree, Kind::Directory) => {
                make_directories(place)?;
                put(tree, place)?;
            }
            Bind::Tree(tree, Kind::File) => {
                drop(File::create(place)?);
                put(tree, place)?;
            }
        }
    }
    make_directories(Path::new("etc"))?;
    let RunAs { uid, gid } = owner;
    std::fs::write("etc/passwd", format!("box:x:{uid}:{gid}:box:{HOME}:/usr/sbin/nologin\n"))?;
    std::fs::write("etc/group", format!("box:x:{gid}:\n"))?;
    std::fs::write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")?;
    std::fs::write("etc/hosts", "127.0.0.1 localhost box\n::1 localhost\n")?;
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        std::os::unix::fs::symlink(target, Path::new("dev").join(name))?;
    }
    Ok(())
}

/// `/proc` of the box's own processes. Where a container hides parts of its own, the kernel gives none: then it is empty.
fn process_files() -> io::Result<()> {
    make_directories(Path::new("proc"))?;
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "subset", "pid")?;
    match fsconfig_create(&context) {
        Ok(()) => {}
        Err(rustix::io::Errno::PERM) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    match fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes) {
        Ok(tree) => put(&tree, "proc"),
        Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn temporary(place: &str, bytes: u64, owner: RunAs) -> io::Result<()> {
    make_directories(Path::new(place))?;
    put(&tmpfs(bytes, 0o700, owner)?, place)
}

/// What test runs need beside it: shared memory and terminals of their own.
fn test_devices(spec: &Spec, owner: RunAs) -> io::Result<()> {
    temporary("dev/shm", spec.shape.limits.tmp_bytes, owner)?;
    make_directories(Path::new("dev/pts"))?;
    let context = fsopen("devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("mode", "0620"), ("ptmxmode", "0666"), ("max", "16")] {
        fsconfig_set_string(&context, key, value)?;
    }
    fsconfig_set_flag(&context, "newinstance")?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    put(&fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?, "dev/pts")?;
    std::os::unix::fs::symlink("pts/ptmx", "dev/ptmx")
}

/// The workspace at its own path: read-only, or below a layer that is thrown away.
fn put_workspace(spec: &Spec, tree: &OwnedFd, owner: RunAs) -> io::Result<()> {
    let place = spec.workspace.strip_prefix("/").map_err(io::Error::other)?;
    make_directories(place)?;
    match spec.shape.workspace {
        WorkspaceView::ReadOnly => put(tree, place),
        WorkspaceView::Overlay => {
            make_directories(Path::new("lower"))?;
            put(tree, "lower")?;
            temporary("layer", spec.shape.limits.tmp_bytes, owner)?;
            for below in ["layer/upper", "layer/work"] {
                std::fs::DirBuilder::new().mode(0o700).create(below)?;
                chown(below, owner)?;
            }
            let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
            for (key, value) in [("lowerdir", "lower"), ("upperdir", "layer/upper"), ("workdir", "layer/work")] {
                fsconfig_set_string(&context, key, value)?;
            }
            if getuid().as_raw() != 0 {
                fsconfig_set_flag(&context, "userxattr")?;
            }
            fsconfig_create(&context)?;
            let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
            put(&fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?, place)?;
            // The overlay holds its layers itself; nobody else should reach them.
            unmount("lower", UnmountFlags::DETACH)?;
            Ok(unmount("layer", UnmountFlags::DETACH)?)
        }
    }
}

fn leave_old_root() -> io::Result<()> {
    let root = openat(CWD, ".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    pivot_root(".", ".")?;
    // The old root lies over the new one now, and goes.
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    rustix::mount::mount_remount(
        "/",
        rustix::mount::MountFlags::BIND
            | rustix::mount::MountFlags::RDONLY
            | rustix::mount::MountFlags::NOSUID
            | rustix::mount::MountFlags::NODEV,
        "",
    )?;
    drop(root);
    Ok(())
}

fn chown(path: &str, owner: RunAs) -> io::Result<()> {
    if getuid().as_raw() == 0 {
        std::os::unix::fs::chown(path, Some(owner.uid), Some(owner.gid))?;
    }
    Ok(())
}

/// A namespace of users that maps one to another; a process has to stand in it while it is taken hold of.
pub(super) fn user_namespace(owner: RunAs, user: RunAs) -> io::Result<OwnedFd> {
    match sys::fork_with(libc::CLONE_NEWUSER)? {
        Forked::Child => {
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            loop {
                std::thread::park();
            }
        }
        Forked::Parent(pid, process) => {
            let directory = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
            let map = |name: &str, from: u32, to: u32| std::fs::write(directory.join(name), format!("{from} {to} 1\n"));
            let namespace = map("uid_map", owner.uid, user.uid)
                .and_then(|()| map("gid_map", owner.gid, user.gid))
                .and_then(|()| File::open(directory.join("ns/user")));
            let _ = pidfd_send_signal(&process, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            Ok(namespace?.into())
        }
    }
}
