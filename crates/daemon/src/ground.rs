//! The daemon's place on disk: a private data root, the locks that make it the only daemon there, and the
//! files in which it says where it is.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use calt_engine::core::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// The lock in the data root.
pub(crate) const LOCK_FILE: &str = "daemon.lock";
/// Where clients of this data root find the daemon.
const DISCOVERY_FILE: &str = "daemon.json";
/// The owner's token of the first start.
const OWNER_TOKEN_FILE: &str = "owner.token";
/// Longest lock or token file that is read, in bytes.
const SMALL_FILE_BYTES_MAX: u64 = 4 * 1024;
/// Longest that the locks of a daemon that is dead are waited for.
const DEAD_HOLDER_TIME_MAX: Duration = Duration::from_secs(2);
/// How long after a failed attempt such a lock is tried again.
const LOCK_AGAIN_AFTER: Duration = Duration::from_millis(5);
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// Why the daemon cannot stand where it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroundFault {
    #[error("another daemon already uses {what} `{path}`: {holder}")]
    Taken { what: &'static str, path: String, holder: String },
    #[error("{action} `{path}`: {fault}")]
    Disk { action: &'static str, path: String, fault: io::Error },
}

impl GroundFault {
    fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |fault| Self::Disk { action, path, fault }
    }
}

/// The address by which a client of this machine reaches a daemon: one that listens on all has no name of its own.
fn from_here(address: SocketAddr) -> SocketAddr {
    let loopback = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    if address.ip().is_unspecified() { SocketAddr::new(loopback, address.port()) } else { address }
}

/// What a lock file says of its holder, for the sentence a second daemon prints.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    address: Option<SocketAddr>,
}

/// What the discovery file says: enough for a client of the same user.
#[derive(Serialize)]
struct Discovery<'t> {
    address: SocketAddr,
    pid: u32,
    token: &'t str,
    started_at: Timestamp,
}

/// The data root and the database, held by this process alone until it is dropped.
#[derive(Debug)]
pub(crate) struct Ground {
    data_root: PathBuf,
    locks: [File; 2],
}

impl Ground {
    /// Makes the data root private, and takes both locks.
    pub(crate) fn take(data_root: &Path, database: &Path) -> Result<Self, GroundFault> {
        make_private_directory(data_root)?;
        if let Some(folder) = database.parent().filter(|folder| !folder.exists()) {
            make_private_directory(folder)?;
        }
        let database = true_path(database);
        let beside = database_lock(&database);
        let root_lock = lock(&data_root.join(LOCK_FILE), "the data directory", data_root)?;
        let database_lock = lock(&beside, "the database", &database)?;
        let ground = Self { data_root: data_root.to_owned(), locks: [root_lock, database_lock] };
        ground.write_holder(None)?;
        Ok(ground)
    }

    /// Says where the daemon listens: in the locks for a second daemon, in the discovery file for clients.
    pub(crate) fn announce(&self, address: SocketAddr, token: &str, started_at: Timestamp) -> Result<(), GroundFault> {
        let address = from_here(address);
        self.write_holder(Some(address))?;
        let found = Discovery { address, pid: std::process::id(), token, started_at };
        let text = serde_json::to_string(&found).expect("four plain fields");
        write_private(&self.data_root, DISCOVERY_FILE, &text)
    }

    /// Takes the discovery file away: nobody is here any more.
    pub(crate) fn withdraw(&self) {
        let path = self.data_root.join(DISCOVERY_FILE);
        if let Err(fault) = std::fs::remove_file(&path) {
            tracing::warn!("the discovery file `{}` could not be removed: {fault}", path.display());
        }
    }

    /// The owner's token on disk, if it is still there.
    pub(crate) fn owner_token(&self) -> Option<String> {
        let file = File::open(self.data_root.join(OWNER_TOKEN_FILE)).ok()?;
        let mut text = String::new();
        file.take(SMALL_FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let token = text.trim();
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// Keeps the owner's token where only its user reads it.
    pub(crate) fn keep_owner_token(&self, token: &str) -> Result<(), GroundFault> {
        write_private(&self.data_root, OWNER_TOKEN_FILE, &format!("{token}\n"))
    }

    fn write_holder(&self, address: Option<SocketAddr>) -> Result<(), GroundFault> {
        let text = serde_json::to_string(&Holder { pid: std::process::id(), address }).expect("two plain fields");
        for mut file in &self.locks {
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(text.as_bytes()))
                .map_err(GroundFault::disk("cannot write a lock in", &self.data_root))?;
        }
        Ok(())
    }
}

/// Writes a small file of calt's own that is either the old or the new one, never half of it.
pub(crate) fn write_private(data_root: &Path, name: &str, text: &str) -> Result<(), GroundFault> {
    let path = data_root.join(name);
    // The lock is ours: a temporary file of this name is a leftover of a daemon that died.
    let temporary = data_root.join(format!(".{name}.new"));
    let _ = std::fs::remove_file(&temporary);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
        File::open(data_root)?.sync_all()
    };
    write().map_err(GroundFault::disk("cannot write", &path))
}

/// The lock beside a database.
pub(crate) fn database_lock(database: &Path) -> PathBuf {
    let mut beside = database.as_os_str().to_owned();
    beside.push(".lock");
    beside.into()
}

/// The first of these places that every command may read and that holds one of these paths of ours, with that path.
pub(crate) fn readable_by_commands<'p>(paths: &[&'p Path], places: &[PathBuf]) -> Option<(&'p Path, PathBuf)> {
    let holds = |place: &Path, path: &Path| place.canonicalize().is_ok_and(|place| true_path(path).starts_with(place));
    let held = |place: &PathBuf| paths.iter().find(|path| holds(place, path)).map(|path| (*path, place.clone()));
    places.iter().find_map(held)
}

/// The path with its links followed, so that two names of one database share a lock.
fn true_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

fn make_private_directory(path: &Path) -> Result<(), GroundFault> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(PRIVATE_DIRECTORY).create(path).map_err(GroundFault::disk("cannot make", path))?;
    let mode = path.metadata().map_err(GroundFault::disk("cannot look at", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::info!("`{}` was open to others; it is private now", path.display());
        std::fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIRECTORY))
            .map_err(GroundFault::disk("cannot tighten", path))?;
    }
    Ok(())
}

fn lock(path: &Path, what: &'static str, locked: &Path) -> Result<File, GroundFault> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(path);
    let file = open.map_err(GroundFault::disk("cannot open the lock", path))?;
    let patience_ends = Instant::now() + DEAD_HOLDER_TIME_MAX;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < patience_ends && holder_is_dead(&file) => {
                std::thread::sleep(LOCK_AGAIN_AFTER);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(GroundFault::Taken { what, path: locked.display().to_string(), holder: holder(&file) });
            }
            Err(fault) => return Err(GroundFault::disk("cannot lock", path)(fault.into())),
        }
    }
}

/// A daemon that was killed while it started a process: for a moment that process holds its locks.
fn holder_is_dead(file: &File) -> bool {
    let holder = noted_holder(file).and_then(|holder| Pid::from_raw(holder.pid.cast_signed()));
    holder.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

fn noted_holder(file: &File) -> Option<Holder> {
    let mut bytes = [0; SMALL_FILE_BYTES_MAX as usize];
    let length = file.read_at(&mut bytes, 0).ok()?;
    serde_json::from_slice(&bytes[..length]).ok()
}

fn holder(file: &File) -> String {
    match noted_holder(file) {
        Some(Holder { pid, address: Some(address) }) => format!("process {pid}, which listens on {address}"),
        Some(Holder { pid, address: None }) => format!("process {pid}, which is starting"),
        None => "a process that did not say its name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_lock_of_a_daemon_that_is_dead_is_waited_for() {
        /// Above every number that a kernel gives a process.
        const NOBODY: u32 = 2_000_000_000;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        make_private_directory(&root).unwrap();
        let left = lock(&root.join(LOCK_FILE), "the data directory", &root).unwrap();
        std::fs::write(root.join(LOCK_FILE), format!("{{\"pid\":{NOBODY},\"address\":null}}")).unwrap();
        let taken = std::thread::scope(|scope| {
            let taking = scope.spawn(|| Ground::take(&root, &root.join("calt.sqlite3")));
            drop(left);
            taking.join().unwrap()
        });
        assert!(taken.is_ok(), "{taken:?}");
    }

    #[test]
    fn a_second_daemon_is_told_who_holds_the_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        let ground = Ground::take(&root, &root.join("calt.sqlite3")).unwrap();
        ground.announce("127.0.0.1:8123".parse().unwrap(), "t", Timestamp::from_micros(1)).unwrap();
        let fault = Ground::take(&root, &root.join("other.sqlite3")).unwrap_err().to_string();
        let pid = std::process::id();
        let expected = format!(
            "another daemon already uses the data directory `{}`: process {pid}, which listens on 127.0.0.1:8123",
            root.display()
        );
        assert_eq!(fault, expected);
    }

    #[test]
    fn a_daemon_that_listens_on_every_address_is_found_on_the_loopback() {
        let addresses = [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ];
        for (listens, found) in addresses {
            assert_eq!(from_here(listens.parse().unwrap()).to_string(), found);
        }
    }

    #[test]
    fn a_database_has_one_daemon_under_whichever_name() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("one.sqlite3");
        std::fs::write(&database, "").unwrap();
        let alias = folder.path().join("two.sqlite3");
        std::os::unix::fs::symlink(&database, &alias).unwrap();
        let _ground = Ground::take(&folder.path().join("a"), &database).unwrap();
        let fault = Ground::take(&folder.path().join("b"), &alias).unwrap_err().to_string();
        assert!(fault.starts_with("another daemon already uses the database"), "{fault}");
    }

    #[test]
    fn a_data_root_that_commands_could_read_is_found_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let (system, outside) = (folder.path().join("system"), folder.path().join("outside"));
        for directory in [&system, &outside] {
            std::fs::create_dir(directory).unwrap();
        }
        std::os::unix::fs::symlink(&system, folder.path().join("link")).unwrap();
        let inside = folder.path().join("link/data");
        std::fs::create_dir(&inside).unwrap();
        let places = [folder.path().join("missing"), system];
        assert_eq!(readable_by_commands(&[&outside, &inside], &places), Some((inside.as_path(), places[1].clone())));
        assert_eq!(readable_by_commands(&[&outside], &places), None);
    }

    #[test]
    fn a_wide_data_root_is_tightened_and_own_files_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        std::fs::create_dir(&root).unwrap();
        std::fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
        let ground = Ground::take(&root, &root.join("calt.sqlite3")).unwrap();
        ground.keep_owner_token("secret").unwrap();
        ground.announce("127.0.0.1:1".parse().unwrap(), "secret", Timestamp::from_micros(1)).unwrap();
        assert_eq!(mode(&root), 0o700);
        for name in [LOCK_FILE, DISCOVERY_FILE, OWNER_TOKEN_FILE, "calt.sqlite3.lock"] {
            assert_eq!(mode(&root.join(name)), 0o600, "{name}");
        }
        assert_eq!(ground.owner_token().as_deref(), Some("secret"));
        ground.withdraw();
        assert!(!root.join(DISCOVERY_FILE).exists());
    }
}
