//! The helper: calt started again as one small thread that forks ahead of each run, and never hears what it is.
//!
//! The daemon asks for a first process of a kind and gets a socket to it: the process waits there, in its new
//! namespaces, for the specification of the one run it will ever build. So nothing can pass from run to run, and
//! the price of namespaces is paid before anybody waits.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Signal, WaitOptions, getpid, set_child_subreaper, set_parent_process_death_signal, umask, wait};

use super::init;
use super::root;
use super::spec::{DESCRIPTORS_MAX, RunAs};
use super::sys::{self, Forked};

/// The word with which calt starts itself as a helper. It is not for people, and does nothing without the socket.
pub const HELPER_WORD: &str = "box-helper";
/// Longest specification, in bytes: a command, its environment and a few paths.
pub(super) const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Least number of a descriptor that is not one of the three every program has.
const FIRST_DESCRIPTOR: i32 = 3;
/// How long the last runs may take to end when the daemon is gone.
const LAST_RUNS: Duration = Duration::from_secs(5);

/// What the daemon asks the helper for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A process with all namespaces of its own: an ordinary user's `full`.
    InNamespaces,
    /// The same without a namespace of users yet: root's `full`, which mounts first and gives up its rights then.
    InRootsNamespaces,
    /// A process with none: `kernel-filter`.
    Plain,
    /// A namespace of users that shows the files of one user as another's.
    Mapping { owner: RunAs, user: RunAs },
}

impl Wanted {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::InNamespaces => vec![b'n'],
            Self::InRootsNamespaces => vec![b'r'],
            Self::Plain => vec![b'p'],
            Self::Mapping { owner, user } => {
                let numbers = [owner.uid, owner.gid, user.uid, user.gid].map(u32::to_le_bytes);
                std::iter::once(b'm').chain(numbers.into_iter().flatten()).collect()
            }
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'n'] => Some(Self::InNamespaces),
            [b'r'] => Some(Self::InRootsNamespaces),
            [b'p'] => Some(Self::Plain),
            [b'm', numbers @ ..] => {
                let (numbers, []) = numbers.as_chunks::<4>() else { return None };
                let [uid, gid, to_uid, to_gid] = *numbers else { return None };
                let number = u32::from_le_bytes;
                let owner = RunAs { uid: number(uid), gid: number(gid) };
                Some(Self::Mapping { owner, user: RunAs { uid: number(to_uid), gid: number(to_gid) } })
            }
            _ => None,
        }
    }
}

/// Serves until the daemon closes its end of the socket, which is standard input. Gives the exit code.
pub fn serve() -> i32 {
    // Out of the way of 0, 1 and 2, which stay taken: what is received must never get one of these numbers.
    let inherited = sys::inherited(0);
    let Ok(socket) = rustix::io::fcntl_dupfd_cloexec(&inherited, FIRST_DESCRIPTOR) else { return 1 };
    let Ok(null) = std::fs::File::open("/dev/null") else { return 1 };
    if sys::put_at(&null, 0).is_err() {
        return 1;
    }
    std::mem::forget(inherited);
    sys::default_signals();
    // What loses its parent in a run without namespaces of its own comes here, and is let go.
    if set_child_subreaper(Some(getpid())).is_err() {
        return 1;
    }
    sys::ignore_children(true);
    // A box has directories of its own that its user must be able to enter, whatever the daemon hides of its files.
    umask(Mode::from_raw_mode(0o022));
    let mut message = [0; 64];
    while let Some((bytes, _)) = receive(socket.as_fd(), &mut message) {
        let answer = match Wanted::read(&message[..bytes]) {
            Some(Wanted::InNamespaces) => forked(libc::CLONE_NEWUSER | init::NAMESPACES, &socket),
            Some(Wanted::InRootsNamespaces) => forked(init::NAMESPACES, &socket),
            Some(Wanted::Plain) => forked(0, &socket),
            Some(Wanted::Mapping { owner, user }) => {
                sys::ignore_children(false);
                let mapping = root::user_namespace(owner, user).map(|namespace| vec![namespace]);
                sys::ignore_children(true);
                mapping
            }
            None => return 1,
        };
        // A daemon that is gone does not hear it; the next receive ends the helper.
        let _ = match &answer {
            Ok(descriptors) => {
                let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
                send(socket.as_fd(), b"", &borrowed)
            }
            Err(error) => send(socket.as_fd(), error.to_string().as_bytes(), &[]),
        };
    }
    // The children see their control pipes end as well. They are given time to end what they started.
    let deadline = Instant::now() + LAST_RUNS;
    while Instant::now() < deadline && wait(WaitOptions::NOHANG).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    0
}

/// The first process of a run to come: a socket to it, and a descriptor of it.
fn forked(namespaces: libc::c_int, daemon: &OwnedFd) -> std::io::Result<Vec<OwnedFd>> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    match sys::fork_with(namespaces)? {
        Forked::Parent(_, process) => Ok(vec![ours, process]),
        Forked::Child => {
            sys::ignore_children(false);
            // The helper's own ends must not be kept open here.
            sys::close(daemon.as_fd());
            drop(ours);
            // Its namespaces end with it. Without them it is the one process that can end what it started: then it
            // outlives this helper, and hears of the daemon's end by the control pipe.
            let alive = namespaces == 0 || set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
            let mut spec = vec![0; MESSAGE_BYTES_MAX];
            match receive(theirs.as_fd(), &mut spec) {
                Some((bytes, descriptors)) if alive => {
                    drop(theirs);
                    init::run(&spec[..bytes], descriptors)
                }
                // It is not needed any more.
                Some(_) | None => sys::leave(0),
            }
        }
    }
}

/// The next message with its descriptors; `None` when there will be none.
fn receive(socket: BorrowedFd<'_>, message: &mut [u8]) -> Option<(usize, Vec<OwnedFd>)> {
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = match recvmsg(socket, &mut [IoSliceMut::new(message)], &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => received,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        };
        let mut descriptors = Vec::with_capacity(DESCRIPTORS_MAX);
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = part {
                descriptors.extend(rights);
            }
        }
        return (received.bytes > 0).then_some((received.bytes, descriptors));
    }
}

/// Sends a message with descriptors. An empty text goes as one byte, since an empty message means the end.
pub(super) fn send(socket: BorrowedFd<'_>, text: &[u8], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let text = if text.is_empty() { b"=" } else { text };
    loop {
        match sendmsg(socket, &[IoSlice::new(text)], &mut ancillary, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Asks the helper for something.
pub(super) fn ask(socket: BorrowedFd<'_>, wanted: Wanted) -> rustix::io::Result<()> {
    send(socket, &wanted.bytes(), &[])
}

/// The helper's answer, or why there is none.
pub(super) fn answer(socket: BorrowedFd<'_>) -> Result<Vec<OwnedFd>, String> {
    let mut message = [0; 512];
    match receive(socket, &mut message) {
        Some((bytes, descriptors)) if descriptors.is_empty() => {
            Err(String::from_utf8_lossy(&message[..bytes]).into_owned())
        }
        Some((_, descriptors)) => Ok(descriptors),
        None => Err("the helper ended".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_as_it_was_written() {
        let mapping = Wanted::Mapping { owner: RunAs { uid: 0, gid: 1 }, user: RunAs { uid: 65_534, gid: u32::MAX } };
        for wanted in [Wanted::InNamespaces, Wanted::InRootsNamespaces, Wanted::Plain, mapping] {
            assert_eq!(Wanted::read(&wanted.bytes()), Some(wanted));
        }
        assert_eq!(Wanted::read(b"x"), None);
        assert_eq!(Wanted::read(b"m123"), None);
    }
}
