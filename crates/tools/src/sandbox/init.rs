//! The first process of a run: builds the box layer by layer, starts the command in it, and watches it.
//!
//! If a layer does not come up the command is never executed, and the status names the layer.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use calt_core::isolation::{Network, Tier};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, getpid, kill_process, set_child_subreaper,
    set_dumpable_behavior, set_parent_process_death_signal, setrlimit, setsid, wait,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
};

use super::filter::{self, FilterKind};
use super::remove::remove_tree;
use super::spec::{RunAs, Spec, Status, TERMINATE};
use super::sys::{self, Forked};
use super::{landing, report, root};
use crate::command::program::FIXED_PATH;

/// Every namespace but the user's.
pub(super) const NAMESPACES: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;
/// How often orphans are let go, in milliseconds.
const REAP_MILLIS: i64 = 200;
/// How often it is looked whether what was killed is gone, in microseconds.
const GONE_MICROS: u64 = 500;
/// What a shell says of a command that cannot be executed.
const EXIT_NOT_EXECUTED: i32 = 126;
/// Highest capability that is looked for.
const CAPABILITY_MAX: u32 = 63;

/// A layer that did not come up.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) layer: &'static str,
    pub(super) reason: String,
}

/// Says of which layer an error is.
pub(super) trait OfLayer<T> {
    fn of_layer(self, layer: &'static str) -> Result<T, Broken>;
}

impl<T, E: std::fmt::Display> OfLayer<T> for Result<T, E> {
    fn of_layer(self, layer: &'static str) -> Result<T, Broken> {
        self.map_err(|error| Broken { layer, reason: error.to_string() })
    }
}

/// The ends of a run's pipes, and its workspace.
struct Ends {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
    status: File,
    control: File,
    workspace: OwnedFd,
    /// For root: what shows the workspace's owner as the command's user.
    mapping: Option<OwnedFd>,
}

impl Ends {
    fn of(descriptors: Vec<OwnedFd>) -> Option<Self> {
        let mut ends = descriptors.into_iter();
        Some(Self {
            stdin: ends.next()?,
            stdout: ends.next()?,
            stderr: ends.next()?,
            status: ends.next()?.into(),
            control: ends.next()?.into(),
            workspace: ends.next()?,
            mapping: ends.next(),
        })
    }
}

/// Builds, runs, says how it ended, and leaves.
pub(super) fn run(spec: &[u8], descriptors: Vec<OwnedFd>) -> ! {
    let Some(mut ends) = Ends::of(descriptors) else { sys::leave(1) };
    match build(spec, &mut ends) {
        Ok(Some(code)) => say(&mut ends.status, &Status::Exited(code)),
        Ok(None) => {}
        Err(broken) => {
            say(&mut ends.status, &Status::Failed { layer: broken.layer.to_owned(), reason: broken.reason });
        }
    }
    sys::leave(0)
}

fn say(status: &mut File, what: &Status) {
    if let Ok(mut line) = serde_json::to_vec(what) {
        line.push(b'\n');
        // A daemon that is gone does not hear it.
        let _ = status.write_all(&line);
    }
}

/// The exit code; `None` when the daemon went away.
fn build(spec: &[u8], ends: &mut Ends) -> Result<Option<i32>, Broken> {
    let spec: Spec = serde_json::from_slice(spec).of_layer("specification")?;
    match spec.tier {
        Tier::Full => in_namespaces(&spec, ends),
        Tier::KernelFilter => {
            set_child_subreaper(Some(getpid())).of_layer("process tree")?;
            if spec.from_root {
                become_user(spec.user).of_layer("user")?;
            }
            drop_rights()?;
            let ended = started(&spec, ends);
            if let (Ok(None), Some(private)) = (&ended, &spec.private) {
                // There is nobody left to do it.
                let _ = remove_tree(private);
            }
            ended
        }
        Tier::None => Err(Broken { layer: "tier", reason: "this machine holds no box".to_owned() }),
    }
}

fn in_namespaces(spec: &Spec, ends: &mut Ends) -> Result<Option<i32>, Broken> {
    if !spec.from_root {
        map_user(spec.user).of_layer("user namespace")?;
    }
    rustix::system::sethostname(b"box").of_layer("hostname")?;
    if spec.shape.network == Network::OwnLoopback {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        socket
            .map_err(std::io::Error::from)
            .and_then(|socket| sys::loopback_up(socket.as_fd()))
            .of_layer("loopback")?;
    }
    root::build(spec, ends.workspace.as_fd(), ends.mapping.as_ref().map(AsFd::as_fd))?;
    if spec.from_root {
        // Root mounts, and only then gives up its rights.
        become_user(spec.user).of_layer("user")?;
        // Changing the user clears it.
        set_parent_process_death_signal(Some(Signal::KILL)).of_layer("user")?;
        new_user_namespace().of_layer("user namespace")?;
        map_user(spec.user).of_layer("user namespace")?;
    }
    drop_rights()?;
    started(spec, ends)
}

/// A user of this id, and only this, is known in the namespace.
fn map_user(RunAs { uid, gid }: RunAs) -> std::io::Result<()> {
    // A process whose user was changed does not own its own files in /proc until it says so.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1\n"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1\n"))
}

fn become_user(user: RunAs) -> rustix::io::Result<()> {
    let (uid, gid) = (rustix::process::Uid::from_raw(user.uid), rustix::process::Gid::from_raw(user.gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

#[allow(unsafe_code, reason = "unshare is sound here: this process has one thread and shares no descriptor table")]
fn new_user_namespace() -> rustix::io::Result<()> {
    // SAFETY: a namespace of users does not touch descriptors or memory of this process.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }
}

fn drop_rights() -> Result<(), Broken> {
    const LAYER: &str = "capabilities";
    clear_ambient_capability_set().of_layer(LAYER)?;
    for number in 0..=CAPABILITY_MAX {
        let Some(capability) = CapabilitySet::from_bits(1 << number) else { continue };
        match remove_capability_from_bounding_set(capability) {
            // An ordinary user without a namespace may not; with no_new_privs nothing can be gained all the same.
            Ok(()) => {}
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(error).of_layer(LAYER),
        }
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).of_layer(LAYER)?;
    set_no_new_privs(true).of_layer("no_new_privs")?;
    // Nothing of this process can be looked at or taken over by what it starts.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).of_layer("dumpable")
}

/// Starts the command and watches it to its end.
fn started(spec: &Spec, ends: &mut Ends) -> Result<Option<i32>, Broken> {
    let processes = u64::from(spec.shape.limits.processes) + spec.processes_there;
    match sys::fork_with(0).of_layer("fork")? {
        Forked::Child => {
            let failed = command(spec, ends, processes);
            say(&mut ends.status, &failed);
            sys::leave(EXIT_NOT_EXECUTED)
        }
        Forked::Parent(command, ended) => {
            let code = watch(command, ended.as_fd(), &mut ends.control, spec.tier);
            if spec.tier == Tier::KernelFilter {
                end_descendants();
            }
            Ok(code)
        }
    }
}

/// Becomes the command. Comes back only with what kept it from that, or with what a probe found.
fn command(spec: &Spec, ends: &Ends, processes: u64) -> Status {
    let failed = |broken: Broken| Status::Failed { layer: broken.layer.to_owned(), reason: broken.reason };
    if let Err(broken) = enclosed(spec, ends, processes) {
        return failed(broken);
    }
    if spec.probe {
        return Status::Probed(report::what_works_and_must_not(spec));
    }
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let program = text(&spec.program.to_string_lossy());
    let arguments: Vec<CString> =
        std::iter::once(text(&own_name(&spec.program))).chain(spec.arguments.iter().map(|word| text(word))).collect();
    let environment: Vec<CString> =
        spec.environment.iter().map(|(name, value)| text(&format!("{name}={value}"))).collect();
    let error = sys::become_program(&program, &arguments, &environment);
    failed(Broken { layer: "execute", reason: format!("{}: {error}", spec.program.display()) })
}

/// The name a program is called by. One that is not on the path is called by where it lies: a python of a virtual
/// environment finds the environment by that alone.
fn own_name(program: &Path) -> String {
    let is_on_path = FIXED_PATH.split(':').any(|directory| program.parent() == Some(Path::new(directory)));
    let name = program.file_name().filter(|_| is_on_path).unwrap_or(program.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The layers that are the command's own: session, descriptors, limits, Landlock, seccomp.
fn enclosed(spec: &Spec, ends: &Ends, processes: u64) -> Result<(), Broken> {
    setsid().of_layer("session")?;
    if spec.tier == Tier::KernelFilter {
        // Should the first process be killed, at least the command goes with it.
        set_parent_process_death_signal(Some(Signal::KILL)).of_layer("process tree")?;
    }
    let null = File::open("/dev/null").of_layer("descriptors")?;
    let stdin = if spec.has_input { ends.stdin.as_fd() } else { null.as_fd() };
    for (end, number) in [(stdin, 0), (ends.stdout.as_fd(), 1), (ends.stderr.as_fd(), 2)] {
        sys::put_at(end, number).of_layer("descriptors")?;
    }
    sys::close_on_exec_from(3).of_layer("descriptors")?;
    match spec.tier {
        Tier::Full => rustix::process::chdir(&spec.workspace).of_layer("workspace")?,
        Tier::KernelFilter | Tier::None => rustix::process::fchdir(&ends.workspace).of_layer("workspace")?,
    }
    limits(spec, processes)?;
    landing::restrict(spec).of_layer("landlock")?;
    sys::install_filter(&filter::program(kind(spec))).of_layer("seccomp")
}

/// What the filter of this box lets pass.
pub(super) fn kind(spec: &Spec) -> FilterKind {
    let namespaces = spec.tier == Tier::Full;
    let is_test = spec.shape.network == Network::OwnLoopback && namespaces;
    FilterKind { sockets: is_test, inode_changes: is_test, namespaces }
}

fn limits(spec: &Spec, processes: u64) -> Result<(), Broken> {
    let limits = &spec.shape.limits;
    for (resource, value) in [
        (Resource::As, limits.address_space_bytes),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, u64::from(limits.open_files)),
        (Resource::Nproc, processes),
        (Resource::Cpu, spec.cpu_seconds),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) }).of_layer("limits")?;
    }
    Ok(())
}

/// Waits for the command's end. `None` when the daemon went away first.
fn watch(command: Pid, ended: BorrowedFd<'_>, control: &mut File, tier: Tier) -> Option<i32> {
    loop {
        let pause = Timespec { tv_sec: 0, tv_nsec: REAP_MILLIS * 1_000_000 };
        let mut watched = [PollFd::from_borrowed_fd(ended, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        let _ = poll(&mut watched, Some(&pause));
        let asked = !watched[1].revents().is_empty();
        // The command, and whatever lost its parent.
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == command {
                return status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
            }
        }
        if asked {
            let mut byte = [0];
            match control.read(&mut byte) {
                Ok(1) if byte[0] == TERMINATE => terminate(command, tier),
                Ok(1..) => {}
                // The daemon is gone, or wants it ended now.
                Ok(0) | Err(_) => return None,
            }
        }
    }
}

fn terminate(command: Pid, tier: Tier) {
    if tier == Tier::Full {
        sys::signal_everyone(Signal::TERM);
    } else {
        let _ = rustix::process::kill_process_group(command, Signal::TERM);
    }
}

/// Without a namespace to end: kills children until there are none; what they leave behind becomes ours.
fn end_descendants() {
    let own = format!("/proc/self/task/{}/children", getpid().as_raw_nonzero());
    loop {
        let children = std::fs::read_to_string(&own).unwrap_or_default();
        let pids: Vec<Pid> = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
        for pid in &pids {
            let _ = kill_process(*pid, Signal::KILL);
        }
        match wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => std::thread::sleep(Duration::from_micros(GONE_MICROS)),
        }
    }
}
