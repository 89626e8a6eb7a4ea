//! One command in one box, watched from the daemon: its output, its deadline, its end.
//!
//! The end of a run is what its first process reports, never the end of its output: a grandchild may hold the
//! pipe for ever. That first process has ended when this returns, and with it everything the run started.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use calt_core::isolation::{BoxSpec, Tier};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};

use super::kept::Kept;
use super::private::Private;
use super::processes;
use super::root::HOME;
use super::spec::{RunAs, Spec, Status, TERMINATE};
use super::warm::Boxes;
use crate::command::program::FIXED_PATH;
use crate::limits::Limits;
use crate::workspace::Workspace;

/// How long a command may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end what is left.
const LAST_GRACE: Duration = Duration::from_secs(5);
/// Processor time beyond the deadline, in seconds: the deadline comes first.
const CPU_SECONDS_OVER: u64 = 5;
/// Read at once from a pipe, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read before the deadline is looked at again, so that endless output cannot keep it from that.
const CHUNKS_AT_ONCE: usize = 64;

/// Whom a command runs as.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) as_command: RunAs,
    /// Whether that is somebody else than the daemon's own user.
    pub(super) daemon_is_root: bool,
}

/// A command with the box it was approved for.
pub(crate) struct Boxed<'c> {
    pub(crate) shape: &'c BoxSpec,
    pub(crate) program: &'c Path,
    pub(crate) arguments: &'c [String],
    /// What it reads; nothing when there is none.
    pub(crate) input: Option<BorrowedFd<'c>>,
}

/// Takes a command's standard output as it comes.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(&[u8]) -> io::Result<()>;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: Kept,
    pub(crate) stderr: Kept,
    pub(crate) duration: Duration,
    pub(crate) ended_by: EndedBy,
}

/// Why a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    Itself,
    Deadline,
    Cancel,
}

pub(super) fn run(
    boxes: &Boxes,
    tier: Tier,
    user: User,
    command: &Boxed<'_>,
    workspace: &Workspace,
    limits: &Limits,
    sink: Option<Sink<'_>>,
) -> Result<Spawned, String> {
    let started = Instant::now();
    let private = private(tier, user)?;
    let spec = Spec {
        program: command.program.to_owned(),
        arguments: command.arguments.to_vec(),
        has_input: command.input.is_some(),
        ..bare(tier, user, command.shape, workspace, private.as_ref(), limits)?
    };
    let mut run = Run::start(boxes, &spec, workspace, command.input, sink)?;
    let ended_by = run.watch(limits).map_err(|error| format!("the run cannot be watched: {error}"))?;
    let exit_code = match (run.status(), ended_by) {
        (Some(Status::Exited(code)), _) => Some(code),
        (Some(Status::Failed { layer, reason }), _) => {
            return Err(format!("layer `{layer}` did not come up: {reason}"));
        }
        (Some(Status::Probed(_)) | None, EndedBy::Itself) => {
            return Err("the box ended without a word".to_owned());
        }
        (Some(Status::Probed(_)) | None, EndedBy::Deadline | EndedBy::Cancel) => None,
    };
    let [stdout, stderr] = std::mem::take(&mut run.kept);
    Ok(Spawned { exit_code, stdout, stderr, duration: started.elapsed(), ended_by })
}

/// Builds a box and lets a probe try to get out of it. Gives the names of what worked and must not.
pub(super) fn probe(
    boxes: &Boxes,
    tier: Tier,
    user: User,
    shape: &BoxSpec,
    workspace: &Workspace,
    limits: &Limits,
) -> Result<Vec<String>, String> {
    let private = private(tier, user)?;
    let spec = Spec { probe: true, ..bare(tier, user, shape, workspace, private.as_ref(), limits)? };
    let mut run = Run::start(boxes, &spec, workspace, None, None)?;
    run.watch(limits).map_err(|error| format!("the probe cannot be watched: {error}"))?;
    match run.status() {
        Some(Status::Probed(works)) => Ok(works),
        Some(Status::Failed { layer, reason }) => Err(format!("layer `{layer}` did not come up: {reason}")),
        Some(Status::Exited(code)) => Err(format!("the probe ended with {code}")),
        None => Err("the probe ended without a word".to_owned()),
    }
}

fn private(tier: Tier, user: User) -> Result<Option<Private>, String> {
    if tier != Tier::KernelFilter {
        return Ok(None);
    }
    Private::make(user).map(Some).map_err(|error| format!("no private directory can be made: {error}"))
}

/// A specification without a command.
fn bare(
    tier: Tier,
    user: User,
    shape: &BoxSpec,
    workspace: &Workspace,
    private: Option<&Private>,
    limits: &Limits,
) -> Result<Spec, String> {
    let workspace = workspace.path().map_err(|error| format!("the workspace has no path: {error}"))?;
    let left = limits.deadline.saturating_duration_since(Instant::now());
    let (home, temporary) = match private {
        Some(private) => (private.path().display().to_string(), private.path().display().to_string()),
        None => (HOME.to_owned(), "/tmp".to_owned()),
    };
    Ok(Spec {
        tier,
        shape: shape.clone(),
        workspace,
        private: private.map(|private| private.path().to_owned()),
        user: user.as_command,
        from_root: user.daemon_is_root,
        program: PathBuf::new(),
        arguments: Vec::new(),
        has_input: false,
        environment: environment(&home, &temporary),
        processes_there: if tier == Tier::Full { 0 } else { processes::of_user(user.as_command.uid) },
        cpu_seconds: left.as_secs() + CPU_SECONDS_OVER,
        probe: false,
    })
}

/// The whole environment of a command: nothing of the daemon's.
fn environment(home: &str, temporary: &str) -> Vec<(String, String)> {
    [
        ("PATH", FIXED_PATH),
        ("HOME", home),
        ("TMPDIR", temporary),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_PAGER", "cat"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONNOUSERSITE", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A run in progress.
struct Run<'s> {
    /// Readable once its first process has ended.
    process: OwnedFd,
    pipes: [Option<File>; 2],
    kept: [Kept; 2],
    /// Takes standard output in place of what is kept of it.
    sink: Option<Sink<'s>>,
    status: File,
    said: Vec<u8>,
    /// Its end asks the run to end at once; also when this daemon dies.
    control: Option<File>,
}

impl<'s> Run<'s> {
    fn start(
        boxes: &Boxes,
        spec: &Spec,
        workspace: &Workspace,
        input: Option<BorrowedFd<'_>>,
        sink: Option<Sink<'s>>,
    ) -> Result<Self, String> {
        let nothing = File::open("/dev/null").map_err(|error| format!("no standard input: {error}"))?;
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| format!("no pipe: {error}"));
        let ((stdout, stdout_end), (stderr, stderr_end)) = (pipe()?, pipe()?);
        let ((status, status_end), (control_end, control)) = (pipe()?, pipe()?);
        for reading in [&stdout, &stderr, &status] {
            rustix::io::ioctl_fionbio(reading, true).map_err(|error| error.to_string())?;
        }
        let stdin = input.unwrap_or(nothing.as_fd());
        let ends =
            [stdin, stdout_end.as_fd(), stderr_end.as_fd(), status_end.as_fd(), control_end.as_fd(), workspace.root()];
        let process = boxes.start(spec, &ends)?;
        Ok(Self {
            process,
            pipes: [Some(stdout.into()), Some(stderr.into())],
            kept: [Kept::default(), Kept::default()],
            sink,
            status: status.into(),
            said: Vec::new(),
            control: Some(control.into()),
        })
    }

    /// Watches until the first process has ended.
    fn watch(&mut self, limits: &Limits) -> io::Result<EndedBy> {
        let (mut ended_by, mut until) = (EndedBy::Itself, limits.deadline);
        loop {
            let now = Instant::now();
            if ended_by == EndedBy::Itself && (limits.cancel.is_triggered() || now >= limits.deadline) {
                ended_by = if limits.cancel.is_triggered() { EndedBy::Cancel } else { EndedBy::Deadline };
                until = now + GRACE;
                self.ask_to_end();
            } else if now >= until {
                self.end_now()?;
                break;
            }
            let has_ended = self.wait(limits, ended_by, until.saturating_duration_since(now))?;
            self.drain()?;
            if has_ended {
                break;
            }
        }
        // What it wrote before it ended is there now; what others may still hold open is not waited for.
        self.drain()?;
        Ok(ended_by)
    }

    /// Waits for the end, output, or a stop; true when the first process has ended.
    fn wait(&self, limits: &Limits, ended_by: EndedBy, patience: Duration) -> io::Result<bool> {
        let mut watched = vec![PollFd::new(&self.process, PollFlags::IN)];
        watched.extend(self.pipes.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        if let Some(wakes) = limits.cancel.wakes().filter(|_| ended_by == EndedBy::Itself) {
            watched.push(PollFd::from_borrowed_fd(wakes, PollFlags::IN));
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        match poll(&mut watched, Some(&timeout)) {
            Ok(_) => Ok(!watched[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn ask_to_end(&mut self) {
        if let Some(control) = &mut self.control {
            // One that has ended already does not hear it.
            let _ = control.write_all(&[TERMINATE]);
        }
    }

    /// Ends everything: first the way that lets the first process clean up, then by force.
    fn end_now(&mut self) -> io::Result<()> {
        self.control = None;
        if !self.gone_within(LAST_GRACE)? {
            let _ = pidfd_send_signal(&self.process, Signal::KILL);
            if !self.gone_within(LAST_GRACE)? {
                return Err(io::Error::other("a process cannot be killed"));
            }
        }
        Ok(())
    }

    fn gone_within(&mut self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            let mut watched = [PollFd::new(&self.process, PollFlags::IN)];
            match poll(&mut watched, Some(&timeout)) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let mut chunk = vec![0_u8; CHUNK_BYTES];
        let [stdout, stderr] = &mut self.pipes;
        let [kept_of_stdout, kept_of_stderr] = &mut self.kept;
        let goes_on = match &mut self.sink {
            Some(sink) => drain(stdout, &mut chunk, sink)?,
            None => drain(stdout, &mut chunk, |bytes| {
                kept_of_stdout.take(bytes);
                Ok(())
            })?,
        };
        if !goes_on {
            *stdout = None;
        }
        let goes_on = drain(stderr, &mut chunk, |bytes| {
            kept_of_stderr.take(bytes);
            Ok(())
        })?;
        if !goes_on {
            *stderr = None;
        }
        Ok(())
    }

    /// What the first process said, once it has ended.
    fn status(&mut self) -> Option<Status> {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = self.status.read(&mut chunk) {
            self.said.extend_from_slice(&chunk[..read]);
        }
        // The first word counts: a layer that failed in the command is followed by its exit.
        self.said.split(|byte| *byte == b'\n').find_map(|line| serde_json::from_slice(line).ok())
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // Whatever went wrong on our side: nothing of the run goes on.
        let _ = self.end_now();
    }
}

/// Reads what is there; false when the pipe has ended.
fn drain(pipe: &mut Option<File>, chunk: &mut [u8], mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<bool> {
    let Some(file) = pipe else { return Ok(false) };
    for _ in 0..CHUNKS_AT_ONCE {
        match file.read(chunk) {
            Ok(0) => return Ok(false),
            Ok(read) => take(&chunk[..read])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
