//! The daemon's side: the helper, and the process that waits ready for the next run.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use calt_core::isolation::Tier;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::helper::{self, HELPER_WORD, MESSAGE_BYTES_MAX, Wanted};
use super::spec::{RunAs, Spec};

/// Starts boxes by way of a helper that forks ahead.
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
    /// What was asked for and not fetched yet: the process for the next run.
    ahead: Option<Wanted>,
    /// Namespaces that show one user's files as another's. They hold two numbers each, and nothing of a run.
    mappings: HashMap<(RunAs, RunAs), Arc<OwnedFd>>,
}

/// The first process of a run, waiting for its specification.
struct First {
    socket: OwnedFd,
    process: OwnedFd,
    /// What shows the workspace's owner as the command's user, where that is needed.
    mapping: Option<Arc<OwnedFd>>,
}

impl Boxes {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, helper: Mutex::new(None) }
    }

    /// Starts a run, and gives a descriptor of its first process: when that has ended, all of the run has.
    ///
    /// The descriptors are, in this order: standard input, standard output, standard error, status, control, workspace.
    pub(crate) fn start(&self, spec: &Spec, descriptors: &[BorrowedFd<'_>]) -> Result<OwnedFd, String> {
        let text = serde_json::to_vec(spec).map_err(|error| error.to_string())?;
        if text.len() >= MESSAGE_BYTES_MAX {
            return Err(format!("the command and its box take {} bytes; the limit is {MESSAGE_BYTES_MAX}", text.len()));
        }
        let wanted = match (spec.tier, spec.from_root) {
            (Tier::Full, false) => Wanted::InNamespaces,
            (Tier::Full, true) => Wanted::InRootsNamespaces,
            (Tier::KernelFilter | Tier::None, _) => Wanted::Plain,
        };
        let owner = match (wanted, descriptors.last()) {
            (Wanted::InRootsNamespaces, Some(workspace)) => owner_of(*workspace).map_err(|error| error.to_string())?,
            _ => spec.user,
        };
        let First { socket, process, mapping } = self.first_process(wanted, owner, spec.user)?;
        let mut descriptors = descriptors.to_vec();
        descriptors.extend(mapping.as_ref().map(|mapping| mapping.as_fd()));
        helper::send(socket.as_fd(), &text, &descriptors)
            .map_err(|error| format!("the first process of the run ended early: {error}"))?;
        Ok(process)
    }

    /// Ends the helper the hard way.
    #[cfg(test)]
    pub(super) fn kill_helper(&self) {
        if let Some(helper) = self.helper.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = helper.process.kill();
            let _ = helper.process.wait();
        }
    }

    /// A helper that ended since the last run is replaced once; nothing of this run has started by then.
    fn first_process(&self, wanted: Wanted, owner: RunAs, user: RunAs) -> Result<First, String> {
        let mut kept = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
        let was_there = kept.is_some();
        if kept.is_none() {
            *kept = Some(Helper::start(&self.program)?);
        }
        let helper = kept.as_mut().expect("it was made above");
        let fetched = match helper.fetch(wanted, owner, user) {
            Err(_) if was_there => {
                let fresh = kept.insert(Helper::start(&self.program)?);
                fresh.fetch(wanted, owner, user)
            }
            other => other,
        };
        if fetched.is_err() {
            *kept = None;
        }
        fetched
    }
}

impl Helper {
    fn start(program: &Path) -> Result<Self, String> {
        Self::spawn(program).map_err(|error| format!("the helper cannot be started: {error}"))
    }

    fn spawn(program: &Path) -> io::Result<Self> {
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
        Ok(Self { socket: ours, process, ahead: None, mappings: HashMap::new() })
    }

    fn fetch(&mut self, wanted: Wanted, owner: RunAs, user: RunAs) -> Result<First, String> {
        match self.ahead.take() {
            Some(ahead) if ahead == wanted => {}
            other => {
                if other.is_some() {
                    // Nobody needs that one now: with its socket it goes.
                    drop(self.answer()?);
                }
                self.ask(wanted)?;
            }
        }
        let [socket, process] =
            <[OwnedFd; 2]>::try_from(self.answer()?).map_err(|_| "the helper gave no process".to_owned())?;
        let mapped = wanted == Wanted::InRootsNamespaces && owner != user;
        let mapping = if mapped { Some(self.mapping(owner, user)?) } else { None };
        // The next run finds its process ready.
        self.ask(wanted)?;
        self.ahead = Some(wanted);
        Ok(First { socket, process, mapping })
    }

    fn mapping(&mut self, owner: RunAs, user: RunAs) -> Result<Arc<OwnedFd>, String> {
        if let Some(known) = self.mappings.get(&(owner, user)) {
            return Ok(Arc::clone(known));
        }
        self.ask(Wanted::Mapping { owner, user })?;
        let made = self.answer()?.pop().ok_or_else(|| "the helper gave no namespace".to_owned())?;
        let made = Arc::new(made);
        self.mappings.insert((owner, user), Arc::clone(&made));
        Ok(made)
    }

    fn ask(&self, wanted: Wanted) -> Result<(), String> {
        helper::ask(self.socket.as_fd(), wanted).map_err(|error| format!("the helper does not listen: {error}"))
    }

    fn answer(&self) -> Result<Vec<OwnedFd>, String> {
        helper::answer(self.socket.as_fd())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It ends by itself when its socket ends, after its last runs; nobody waits for that here.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        let _ = self.process.try_wait();
    }
}

fn owner_of(directory: BorrowedFd<'_>) -> io::Result<RunAs> {
    let found = File::from(directory.try_clone_to_owned()?).metadata()?;
    Ok(RunAs { uid: found.uid(), gid: found.gid() })
}
