//! The few system calls that no safe wrapper offers. All `unsafe` of calt stands here.
#![allow(unsafe_code, reason = "each call below says why it is sound")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;

use rustix::process::Pid;

use super::filter::Instruction;

/// Where a `fork` returned.
pub(crate) enum Forked {
    /// In the new process.
    Child,
    /// In the old one; the descriptor is the child's.
    Parent(Pid, OwnedFd),
}

/// Forks a process with these namespaces of its own (`CLONE_NEW…`), and gives a descriptor of it.
///
/// For a process with one thread only: nobody else's lock can be left held in the child.
pub(crate) fn fork_with(namespaces: libc::c_int) -> io::Result<Forked> {
    let mut pidfd: RawFd = -1;
    let mut arguments: libc::clone_args = zeroed_clone_args();
    arguments.flags = (namespaces | libc::CLONE_PIDFD) as u64;
    arguments.pidfd = ptr::from_mut(&mut pidfd) as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: `arguments` is a valid clone_args of the size given, and without CLONE_VM the child has memory of its own.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, ptr::from_mut(&mut arguments), size_of::<libc::clone_args>()) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => {
            let pid = Pid::from_raw(pid as i32).ok_or_else(|| io::Error::other("clone3 gave no process"))?;
            // SAFETY: with CLONE_PIDFD the kernel has put a new descriptor there, and nobody else knows it.
            Ok(Forked::Parent(pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
        }
    }
}

fn zeroed_clone_args() -> libc::clone_args {
    // SAFETY: clone_args is a plain structure of integers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// Takes over a descriptor that this process was started with.
pub(crate) fn inherited(number: RawFd) -> OwnedFd {
    // SAFETY: called once for each number, first thing in a process of our own that was started with it open.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Becomes a program. Returns only when that failed.
pub(crate) fn become_program(program: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain(std::iter::once(ptr::null())).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with a null pointer and their texts live until the call returns, if it does.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends this process at once, without running anything that was meant for its parent.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Closes every descriptor from this number on when a program is executed.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: it only sets a flag on descriptors.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets ended children go without being waited for, or waits for them again.
pub(crate) fn ignore_children(ignored: bool) {
    let action = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: neither of the two runs code of ours.
    unsafe { libc::signal(libc::SIGCHLD, action) };
}

/// Puts signal dispositions and the mask back to what a program expects.
pub(crate) fn default_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL runs no code of ours; numbers that cannot be set answer an error.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an empty set on the stack, valid for the call.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Attributes of a mount (`MOUNT_ATTR_…`) set on a tree of mounts; `user_namespace` maps the owners of its files.
pub(crate) fn set_mount_attributes(
    tree: BorrowedFd<'_>,
    attributes: u64,
    user_namespace: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let idmap = if user_namespace.is_some() { libc::MOUNT_ATTR_IDMAP } else { 0 };
    let wanted = libc::mount_attr {
        attr_set: attributes | idmap,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: user_namespace.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: an empty path, and a structure of the size given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Installs a filter for this process and all it starts.
pub(crate) fn install_filter(code: &[Instruction]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(code.len()).map_err(|_| io::Error::other("the filter is too long"))?,
        filter: code.as_ptr().cast_mut(),
    };
    // SAFETY: the program points at `len` instructions, which the kernel copies and never writes.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Brings the loopback of this network namespace up.
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a plain structure for which zero is a value; the name is shorter than its field.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, and `request` is one.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The Landlock version of this kernel; 0 when it has none.
pub(crate) fn landlock_abi() -> i32 {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no attributes and only answers a number.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0, VERSION) };
    i32::try_from(abi).unwrap_or(0).max(0)
}

/// A second descriptor of the same open file, at this number.
pub(crate) fn put_at(fd: impl AsFd, number: RawFd) -> io::Result<()> {
    // SAFETY: `dup2` closes what stood at the number; only a child that is about to become the command calls this.
    let done = unsafe { libc::dup2(fd.as_fd().as_raw_fd(), number) };
    if done == number { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to every process of this namespace but the first one, which calls this.
pub(crate) fn signal_everyone(signal: rustix::process::Signal) {
    // SAFETY: a signal number; the processes are all of the run.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

/// What a system call answers when every argument is zero; the error's number, or 0 when it did something.
///
/// For probes and tests: only for calls that are denied, or do nothing with such arguments.
pub(crate) fn answer_to(number: libc::c_long) -> i32 {
    // SAFETY: null pointers and zero lengths; the calls asked for read or write nothing through them.
    let answer = unsafe { libc::syscall(number, 0, 0, 0, 0, 0, 0) };
    if answer == -1 { io::Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 }
}

/// Closes a descriptor that a structure elsewhere believes to own; only in a process that will not go back there.
pub(crate) fn close(fd: BorrowedFd<'_>) {
    // SAFETY: this process goes on with other code and never drops the owner.
    unsafe { libc::close(fd.as_raw_fd()) };
}
