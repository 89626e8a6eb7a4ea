//! The daemon's side: the helper that waits ready, and a box started by it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use calt_core::isolation::Tier;

use super::helper::{self, Fork, HELPER_WORD, MESSAGE_BYTES_MAX};
use super::spec::{DESCRIPTORS, Spec};

/// Starts boxes by way of a helper that is kept ready.
#[derive(Debug)]
pub(crate) struct Boxes {
    /// calt itself.
    program: PathBuf,
    helper: Mutex<Option<Helper>>,
}

#[derive(Debug)]
struct Helper {
    socket: OwnedFd,
    process: Child,
}

impl Boxes {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, helper: Mutex::new(None) }
    }

    /// Starts a run, and gives a descriptor of its first process: when that has ended, all of the run has.
    ///
    /// The descriptors are, in this order: standard output, standard error, status, control, workspace.
    pub(crate) fn start(&self, spec: &Spec, descriptors: [BorrowedFd<'_>; DESCRIPTORS]) -> Result<OwnedFd, String> {
        let fork = if spec.tier == Tier::Full && !spec.from_root { Fork::Namespaces } else { Fork::Plain };
        let text = serde_json::to_vec(spec).map_err(|error| error.to_string())?;
        if text.len() >= MESSAGE_BYTES_MAX {
            return Err(format!("the command and its box take {} bytes; the limit is {MESSAGE_BYTES_MAX}", text.len()));
        }
        let mut kept = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            tries += 1;
            if kept.is_none() {
                *kept = Some(
                    Helper::start(&self.program).map_err(|error| format!("the helper cannot be started: {error}"))?,
                );
            }
            let helper = kept.as_ref().expect("it was made above");
            let sent = helper::send(helper.socket.as_fd(), &[&[fork.byte()], &text], &descriptors);
            match sent.map_err(|error| error.to_string()).and_then(|()| helper::receive_reply(helper.socket.as_fd())) {
                Ok(process) => return Ok(process),
                // A helper that ended since the last run is replaced once; nothing of this run has started.
                Err(_) if tries == 1 && kept.as_mut().is_some_and(Helper::has_ended) => *kept = None,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Helper {
    fn start(program: &PathBuf) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let process = Command::new(program)
            .arg(HELPER_WORD)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the daemon's terminal is for the daemon, which then ends its runs.
            .process_group(0)
            .spawn()?;
        Ok(Self { socket: ours, process })
    }

    /// Whether it is gone; one that closed its end is about to be.
    fn has_ended(&mut self) -> bool {
        let _ = self.process.kill();
        self.process.wait().is_ok()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It ends by itself when its socket ends; it is not waited for here, since it waits for its last runs.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        let _ = self.process.try_wait();
    }
}
