//! Starts a command, watches it, and ends it: the place where the kernel's box will stand.
//!
//! Until the box has landed a command is held by its process group alone (tier `unbuilt`). The end of a
//! run is the exit of the child, never the end of its output: a grandchild may hold the pipe for ever.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::program::FIXED_PATH;
use crate::limits::Limits;
use crate::workspace::Workspace;

/// Bytes of each stream that are kept: half from its beginning, half from its end.
pub(crate) const STREAM_BYTES_MAX: usize = 1024 * 1024;
/// How long a command may take to end once it was asked to, in milliseconds.
const GRACE_MILLIS: u64 = 2_000;
/// Read at once from a pipe, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

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

/// A stream of which head and tail are kept, and the rest counted.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    total: u64,
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (STREAM_BYTES_MAX / 2).saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend(&bytes[room..]);
        let over = self.tail.len().saturating_sub(STREAM_BYTES_MAX / 2);
        self.tail.drain(..over);
    }

    /// How many bytes were not kept.
    pub(crate) fn dropped(&self) -> u64 {
        self.total - self.head.len() as u64 - self.tail.len() as u64
    }

    /// The text: lossy where it is not UTF-8, with a line that says how much is missing in the middle.
    pub(crate) fn text(&self) -> (String, bool) {
        let dropped = self.dropped();
        let mut bytes = self.head.clone();
        if dropped > 0 {
            bytes.extend_from_slice(format!("\n(calt: {dropped} bytes are cut here)\n").as_bytes());
        }
        bytes.extend(&self.tail);
        match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            // A cut through a character is no reason to call the whole stream lossy.
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        }
    }
}

/// Runs a program to its end in the workspace. Its whole process group is dead when this returns.
pub(crate) fn run(program: &Path, arguments: &[String], workspace: &Workspace, limits: &Limits) -> io::Result<Spawned> {
    let started = Instant::now();
    // The child enters the directory by its open handle, so that a rename cannot lead it elsewhere.
    let directory = format!("/proc/self/fd/{}", workspace.root().as_raw_fd());
    let temporary = OsStr::new("/tmp");
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs([("PATH", FIXED_PATH), ("LANG", "C.UTF-8"), ("TZ", "UTC"), ("HOME", "/nonexistent")])
        .env("TMPDIR", temporary)
        .envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_PAGER", "cat"),
        ])
        .envs([("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONNOUSERSITE", "1")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let watched = watch(&mut child, limits);
    // Whatever the ending: nothing of the group outlives the run.
    end_group(&child, Signal::KILL);
    let status = child.wait()?;
    let (stdout, stderr, ended_by) = watched?;
    let exit_code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(Spawned { exit_code, stdout, stderr, duration: started.elapsed(), ended_by })
}

fn end_group(child: &Child, signal: Signal) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

fn watch(child: &mut Child, limits: &Limits) -> io::Result<(Kept, Kept, EndedBy)> {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the command has no process id"))?;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let mut pipes = [pipe(child.stdout.take())?, pipe(child.stderr.take())?];
    let mut kept = [Kept::default(), Kept::default()];
    let (mut ended_by, mut grace_end) = (EndedBy::Itself, None::<Instant>);
    loop {
        let now = Instant::now();
        if grace_end.is_some_and(|end| now >= end) {
            break;
        }
        if grace_end.is_none() && (now >= limits.deadline || limits.cancel.is_triggered()) {
            ended_by = if limits.cancel.is_triggered() { EndedBy::Cancel } else { EndedBy::Deadline };
            grace_end = Some(now + Duration::from_millis(GRACE_MILLIS));
            end_group(child, Signal::TERM);
        }
        let until = grace_end.unwrap_or(limits.deadline).saturating_duration_since(now);
        let asked_to_end = grace_end.is_some();
        if wait(&ended, &pipes, limits, asked_to_end, until)? {
            break;
        }
        for (pipe, kept) in pipes.iter_mut().zip(&mut kept) {
            drain(pipe, kept)?;
        }
    }
    // What the command wrote before it ended is there now; what grandchildren may still write is not waited for.
    for (pipe, kept) in pipes.iter_mut().zip(&mut kept) {
        drain(pipe, kept)?;
    }
    let [stdout, stderr] = kept;
    Ok((stdout, stderr, ended_by))
}

/// Waits for the child's end, output, or a stop; true when the child has ended.
fn wait(
    ended: &OwnedFd,
    pipes: &[Option<std::fs::File>; 2],
    limits: &Limits,
    asked_to_end: bool,
    until: Duration,
) -> io::Result<bool> {
    let mut watched = vec![PollFd::new(ended, PollFlags::IN)];
    for pipe in pipes.iter().flatten() {
        watched.push(PollFd::new(pipe, PollFlags::IN));
    }
    if let Some(wakes) = limits.cancel.wakes().filter(|_| !asked_to_end) {
        watched.push(PollFd::from_borrowed_fd(wakes, PollFlags::IN));
    }
    let timeout = Timespec {
        tv_sec: i64::try_from(until.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(until.subsec_nanos()),
    };
    match poll(&mut watched, Some(&timeout)) {
        Ok(_) => Ok(!watched[0].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn pipe<P: Into<OwnedFd>>(pipe: Option<P>) -> io::Result<Option<std::fs::File>> {
    let Some(pipe) = pipe else { return Ok(None) };
    let pipe: OwnedFd = pipe.into();
    rustix::io::ioctl_fionbio(pipe.as_fd(), true)?;
    Ok(Some(pipe.into()))
}

/// Reads what is there; a pipe that has ended is let go. At most a few chunks at once, so that endless output
/// cannot keep the deadline from being looked at.
fn drain(pipe: &mut Option<std::fs::File>, kept: &mut Kept) -> io::Result<()> {
    const CHUNKS_AT_ONCE: usize = 64;
    let Some(file) = pipe else { return Ok(()) };
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    for _ in 0..CHUNKS_AT_ONCE {
        match file.read(&mut chunk) {
            Ok(0) => {
                *pipe = None;
                return Ok(());
            }
            Ok(read) => kept.take(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Cancel;

    fn shell(script: &str, seconds: u64) -> Spawned {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(&directory.path().join("ws")).unwrap();
        let limits = Limits { deadline: Instant::now() + Duration::from_secs(seconds), cancel: Cancel::new() };
        run(Path::new("/bin/sh"), &["-c".to_owned(), script.to_owned()], &workspace, &limits).unwrap()
    }

    #[test]
    fn a_grandchild_that_holds_the_pipe_does_not_hold_the_run() {
        let started = Instant::now();
        let ran = shell("sleep 30 & echo done", 20);
        assert_eq!((ran.exit_code, ran.ended_by), (Some(0), EndedBy::Itself));
        assert_eq!(ran.stdout.text().0, "done\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn the_deadline_ends_a_command_and_its_children() {
        let ran = shell("sleep 31 & sleep 31", 1);
        assert_eq!(ran.ended_by, EndedBy::Deadline);
    }

    #[test]
    fn output_is_bounded_and_says_what_is_missing() {
        let ran = shell("head -c 5000000 /dev/zero | tr '\\0' x", 20);
        let (text, lossy) = ran.stdout.text();
        assert!(!lossy && text.len() < STREAM_BYTES_MAX + 100);
        assert!(text.contains("bytes are cut here"));
        assert_eq!(ran.stdout.dropped(), 5_000_000 - STREAM_BYTES_MAX as u64);
    }

    #[test]
    fn nothing_of_the_daemons_environment_reaches_a_command() {
        let ran = shell("env; cat", 20);
        let text = ran.stdout.text().0;
        assert!(!text.contains("CARGO"), "{text}");
        assert!(text.contains("HOME=/nonexistent"));
    }
}
