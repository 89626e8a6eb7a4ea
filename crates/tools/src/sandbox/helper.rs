//! The helper: calt started again as one small thread that forks for each run and knows nothing of any.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};

use super::init;
use super::spec::DESCRIPTORS;
use super::sys::{self, Forked};

/// The word with which calt starts itself as a helper. It is not for people, and does nothing without the socket.
pub const HELPER_WORD: &str = "box-helper";
/// Longest specification, in bytes: a command, its environment and a few paths.
pub(super) const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// How long the last runs may take to end when the daemon is gone.
const LAST_RUNS: Duration = Duration::from_secs(5);

/// How a run's first process is forked: the first byte of a message, all that the helper reads of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fork {
    /// With all namespaces at once: an ordinary user's `full`.
    Namespaces,
    /// With none: root prepares its mounts outside first, and `kernel-filter` has none.
    Plain,
}

impl Fork {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Namespaces => b'n',
            Self::Plain => b'p',
        }
    }

    const fn namespaces(byte: u8) -> libc::c_int {
        if byte == Self::Namespaces.byte() { libc::CLONE_NEWUSER | init::NAMESPACES } else { 0 }
    }
}

/// Serves until the daemon closes its end of the socket, which is standard input. Gives the exit code.
pub fn serve() -> i32 {
    let socket = sys::inherited(0);
    // What loses its parent in a run without namespaces of its own comes here, and is let go.
    if set_child_subreaper(Some(getpid())).is_err() {
        return 1;
    }
    sys::ignore_children(true);
    // A box has directories of its own that its user must be able to enter, whatever the daemon hides of its files.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let mut message = vec![0_u8; MESSAGE_BYTES_MAX];
    while let Some((bytes, descriptors)) = receive(socket.as_fd(), &mut message) {
        let Ok(descriptors) = <[OwnedFd; DESCRIPTORS]>::try_from(descriptors) else { return 1 };
        let Some((first, spec)) = message[..bytes].split_first() else { return 1 };
        match sys::fork_with(Fork::namespaces(*first)) {
            Ok(Forked::Child) => {
                drop(socket);
                init::run(spec, descriptors);
            }
            Ok(Forked::Parent(_, pidfd)) => reply(socket.as_fd(), b"", Some(pidfd.as_fd())),
            Err(error) => reply(socket.as_fd(), error.to_string().as_bytes(), None),
        }
        message[..bytes].fill(0);
    }
    // The children see their control pipes end as well. They are given time to end what they started.
    let deadline = Instant::now() + LAST_RUNS;
    while Instant::now() < deadline && wait(WaitOptions::NOHANG).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    0
}

/// The next message with its descriptors; `None` when there will be none.
fn receive(socket: BorrowedFd<'_>, message: &mut [u8]) -> Option<(usize, Vec<OwnedFd>)> {
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = match recvmsg(socket, &mut [IoSliceMut::new(message)], &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => received,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        };
        let mut descriptors = Vec::with_capacity(DESCRIPTORS);
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = part {
                descriptors.extend(rights);
            }
        }
        return (received.bytes > 0).then_some((received.bytes, descriptors));
    }
}

/// Sends a message with descriptors.
pub(super) fn send(socket: BorrowedFd<'_>, parts: &[&[u8]], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    loop {
        match sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The child's descriptor, or why there is none.
pub(super) fn receive_reply(socket: BorrowedFd<'_>) -> Result<OwnedFd, String> {
    let mut message = [0; 512];
    let Some((bytes, mut descriptors)) = receive(socket, &mut message) else {
        return Err("the helper ended".to_owned());
    };
    descriptors.pop().ok_or_else(|| String::from_utf8_lossy(&message[1..bytes]).into_owned())
}

fn reply(socket: BorrowedFd<'_>, text: &[u8], descriptor: Option<BorrowedFd<'_>>) {
    // A daemon that is gone does not hear it; the next receive ends the helper.
    let _ = send(socket, &[b"=", text], descriptor.as_slice());
}
