//! Finds the daemon of a data root, or starts one in the background.
//!
//! This is the one place of the command line that may start a process: nobody should have to set
//! anything up before the first run. What it starts is calt itself, and nothing else.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::fault::Fault;

/// Longest a daemon may take until it listens, in seconds.
const START_SECONDS_MAX: u64 = 15;
/// Longest a daemon may take until it has ended, in seconds.
const END_SECONDS_MAX: u64 = 40;
/// How long to wait between two looks, in milliseconds.
const LOOK_AGAIN_MILLIS: u64 = 10;

/// A daemon that was found.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) pid: u32,
}

/// The data root: as named, or `$XDG_DATA_HOME/calt`.
pub(crate) fn data_root(named: Option<&PathBuf>) -> Result<PathBuf, Fault> {
    if let Some(root) = named {
        return std::path::absolute(root).map_err(Fault::from);
    }
    let directory = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    directory("XDG_DATA_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("calt"))
        .ok_or_else(|| Fault::usage("neither HOME nor XDG_DATA_HOME is set; name a directory with --data-root"))
}

/// The daemon of a data root, if one is alive: its file counts only while its lock is held.
pub(crate) fn find(root: &Path) -> Option<Found> {
    if !is_alive(root) {
        return None;
    }
    let json: Value = serde_json::from_slice(&std::fs::read(root.join("daemon.json")).ok()?).ok()?;
    Some(Found {
        address: json["address"].as_str()?.to_owned(),
        token: json["token"].as_str()?.to_owned(),
        pid: u32::try_from(json["pid"].as_u64()?).ok()?,
    })
}

/// Whether some daemon holds the lock of a data root.
pub(crate) fn is_alive(root: &Path) -> bool {
    let Ok(lock) = File::open(root.join("daemon.lock")) else { return false };
    // The lock falls with the file at the end of this function.
    flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
}

/// The daemon of a data root; one is started when there is none, and a race for it is lost gladly.
pub(crate) async fn find_or_start(root: &Path) -> Result<Found, Fault> {
    if let Some(found) = find(root) {
        return Ok(found);
    }
    make_private(root)?;
    let mut daemon = start(root)?;
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
    loop {
        if let Some(found) = find(root) {
            return Ok(found);
        }
        let ended = daemon.try_wait()?.is_some();
        // One that has ended may have lost the race: then the winner is about to listen.
        if Instant::now() > deadline || (ended && !is_alive(root)) {
            let log = root.join("daemon.log");
            let last = std::fs::read_to_string(&log).unwrap_or_default();
            let last = last.lines().last().unwrap_or("it said nothing").to_owned();
            return Err(Fault::Reach {
                message: format!("the daemon did not start: {last}"),
                hint: format!("calt daemon --data-root {}    (its log: {})", root.display(), log.display()),
            });
        }
        tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MILLIS)).await;
    }
}

/// Asks the daemon of a data root to end, and waits until it has.
pub(crate) async fn stop(root: &Path) -> Result<Option<Found>, Fault> {
    let Some(found) = find(root) else { return Ok(None) };
    let pid = i32::try_from(found.pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| Fault::Bug("the discovery file names no process".to_owned()))?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(std::io::Error::from)?;
    let deadline = Instant::now() + Duration::from_secs(END_SECONDS_MAX);
    while is_alive(root) {
        if Instant::now() > deadline {
            return Err(Fault::Bug(format!("the daemon (process {}) does not end", found.pid)));
        }
        tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MILLIS)).await;
    }
    Ok(Some(found))
}

fn make_private(root: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(|error| Fault::usage(format!("the data root `{}` cannot be made: {error}", root.display())))
}

#[allow(clippy::disallowed_methods, reason = "the daemon in the background is the one process started here")]
fn start(root: &Path) -> Result<std::process::Child, Fault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let log = File::options().create(true).append(true).mode(0o600).open(root.join("daemon.log"))?;
    let program = std::env::current_exe()?;
    let child = Command::new(program)
        .arg("daemon")
        .arg("--data-root")
        .arg(root)
        .args(["--port", "0", "--background"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        // A group of its own: Ctrl-C at the terminal ends the command line, not the daemon.
        .process_group(0)
        .spawn()?;
    Ok(child)
}
