//! Finds the daemon of a data root, or starts one in the background.
//!
//! This is the one place of the command line that may start a process: nobody should have to set
//! anything up before the first run. What it starts is calt itself, and nothing else.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::fault::Fault;
use crate::hint;
use crate::words::{language, t};

/// Longest a daemon may take until it listens, in seconds.
const START_SECONDS_MAX: u64 = 15;
/// Longest a daemon may take until it has ended, in seconds.
pub(crate) const END_SECONDS_MAX: u64 = 40;
/// How long to wait between two looks.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Most daemons that are started for one command: a start that lost a race is tried again.
const STARTS_MAX: u32 = 5;
/// The exit code of a daemon that the machine did not allow, a lost race among them.
const EXIT_MACHINE: i32 = 69;

/// A daemon that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) pid: u32,
}

/// The daemon of a data root, if one is alive: its file counts only while its lock is held.
pub(crate) fn find(root: &Path) -> Option<Found> {
    discovered(root).filter(|found| is_there(root, found))
}

/// Whether a daemon that was named is the one that holds the lock.
///
/// A daemon that just starts holds it too, beside the file of one that was killed: so the lock must name
/// the same process. One that is ending can still be taken for a living one: ask it before relying on it.
fn is_there(root: &Path, found: &Found) -> bool {
    let held_by = std::fs::read(root.join("daemon.lock")).ok();
    let held_by = held_by.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    held_by.is_some_and(|holder| holder["pid"].as_u64() == Some(u64::from(found.pid))) && is_alive(root)
}

/// What the discovery file says, whether its daemon lives or not.
fn discovered(root: &Path) -> Option<Found> {
    let json: Value = serde_json::from_slice(&std::fs::read(root.join("daemon.json")).ok()?).ok()?;
    Some(Found {
        address: json["address"].as_str()?.to_owned(),
        token: json["token"].as_str()?.to_owned(),
        pid: u32::try_from(json["pid"].as_u64()?).ok()?,
    })
}

/// Whether some daemon holds the lock of a data root.
///
/// Asking takes the lock for a moment, in which a daemon that just starts cannot have it.
pub(crate) fn is_alive(root: &Path) -> bool {
    let Ok(lock) = File::open(root.join("daemon.lock")) else { return false };
    // The lock falls with the file at the end of this function.
    flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
}

/// The daemon of a data root; one is started when there is none, and a race for it is lost gladly.
pub(crate) async fn find_or_start(root: &Path) -> Result<Found, Fault> {
    let stale = discovered(root);
    if let Some(found) = &stale
        && is_there(root, found)
    {
        return Ok(found.clone());
    }
    make_private(root)?;
    let mut daemon = start(root)?;
    let mut starts = 1;
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
    loop {
        // The lock is only asked about when there is news: each question may cost a starting daemon its turn.
        if let Some(found) = discovered(root).filter(|found| Some(found) != stale.as_ref())
            && is_there(root, &found)
        {
            return Ok(found);
        }
        let ended = daemon.try_wait().map_err(|error| not_started(root, &error.to_string()))?;
        if let Some(status) = ended
            && !is_alive(root)
        {
            // Nobody holds the lock: it lost against one that is gone, or it cannot live here.
            if status.code() != Some(EXIT_MACHINE) || starts == STARTS_MAX {
                return Err(not_started(root, &last_words(root)));
            }
            daemon = start(root)?;
            starts += 1;
        }
        if Instant::now() > deadline {
            return Err(not_started(root, &last_words(root)));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn not_started(root: &Path, reason: &str) -> Fault {
    Fault::Reach {
        message: t!("the daemon did not start: {reason}", reason = reason),
        hint: format!("calt daemon --port 0 --data-root {}", crate::hint::quoted(&root.display().to_string())),
    }
}

/// The last line of a background daemon's own log, without its time and level.
fn last_words(root: &Path) -> String {
    let log = root.join("daemon.log");
    let text = std::fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let said = line.rsplit_once("did not start: ").map_or(line, |(_, reason)| reason);
    if said.is_empty() { t!("it said nothing in `{log}`", log = log.display()) } else { language().told(said) }
}

/// Asks the daemon of a data root to end, and waits until it has.
pub(crate) async fn stop(root: &Path) -> Result<Option<Found>, Fault> {
    let Some(found) = find(root) else { return Ok(None) };
    let pid = i32::try_from(found.pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| Fault::Bug("the discovery file names no process".to_owned()))?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| Fault::Machine {
        message: t!("the daemon (process {pid}) cannot be told to end: {error}", pid = found.pid, error = error),
    })?;
    let deadline = Instant::now() + Duration::from_secs(END_SECONDS_MAX);
    while is_there(root, &found) {
        if Instant::now() > deadline {
            return Err(Fault::Machine { message: t!("the daemon (process {pid}) does not end", pid = found.pid) });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(Some(found))
}

fn make_private(root: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root);
    let found = made.and_then(|()| root.metadata()).map_err(|error| cannot_be_used(root, &error))?;
    let own = rustix::process::geteuid().as_raw();
    if found.uid() == own {
        return Ok(());
    }
    // A daemon of somebody else's there, root's too, would keep theirs from starting.
    Err(Fault::Usage {
        message: t!("the data root `{root}` belongs to user {owner}", root = root.display(), owner = found.uid()),
        hint: Some(format!(
            "sudo -u '#{}' CALT_DATA_ROOT={} {}",
            found.uid(),
            hint::quoted(&root.display().to_string()),
            hint::again()
        )),
    })
}

fn cannot_be_used(root: &Path, error: &std::io::Error) -> Fault {
    Fault::Usage {
        message: t!("the data root `{root}` cannot be used: {error}", root = root.display(), error = error),
        hint: Some("export CALT_DATA_ROOT=DIR".to_owned()),
    }
}

#[allow(clippy::disallowed_methods, reason = "the daemon in the background is the one process started here")]
fn start(root: &Path) -> Result<std::process::Child, Fault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let open = File::options().create(true).append(true).mode(0o600).open(root.join("daemon.log"));
    let log = open.map_err(|error| cannot_be_used(root, &error))?;
    let spawn = |log: File| {
        Command::new(std::env::current_exe()?)
            // The client's own token. In the environment of a daemon it would be one of the first owner's.
            .env_remove("CALT_DAEMON_TOKEN")
            .env_remove("CALT__AUTH__TOKEN")
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
            .spawn()
    };
    spawn(log).map_err(|error| not_started(root, &error.to_string()))
}
