//! A directory of a run's own, where a command writes that has no namespace to write in.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::remove::remove_tree;
use super::run::User;
use super::spec::RunAs;

/// Begins the name of each; the daemon's process number and one of its own follow.
const PREFIX: &str = "calt-box-";
/// How old one must be before another daemon takes it away: five times as long as a command may take. A daemon that
/// shares the directory and not the process numbers, as between containers, may still be at work in a younger one.
const STALE_AFTER: Duration = Duration::from_mins(10);

/// A directory that is removed with all it holds.
pub(super) struct Private {
    path: PathBuf,
}

impl Private {
    /// Makes one that only the command's user can enter.
    pub(super) fn make(user: User) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("{PREFIX}{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let made = Self { path: path.canonicalize()? };
                    if user.daemon_is_root {
                        let RunAs { uid, gid } = user.as_command;
                        std::os::unix::fs::chown(&made.path, Some(uid), Some(gid))?;
                    }
                    return Ok(made);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Where the daemon is late the run's first process has removed it.
        let _ = remove_tree(&self.path);
    }
}

/// Takes away what daemons left that were killed: directories of this user's or of the commands', whose daemon is gone.
pub(super) fn sweep(user: User) {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    let ours = [rustix::process::geteuid().as_raw(), user.as_command.uid];
    for entry in entries.filter_map(Result::ok) {
        let is_left = entry.file_name().to_str().and_then(daemon_of).is_some_and(|daemon| {
            // Looked at without following a link; removing does not follow one either.
            !Path::new(&format!("/proc/{daemon}")).exists()
                && entry.metadata().is_ok_and(|found| found.is_dir() && ours.contains(&found.uid()) && is_stale(&found))
        });
        if is_left {
            let _ = remove_tree(&entry.path());
        }
    }
}

/// The process number in a name of ours.
fn daemon_of(name: &str) -> Option<u32> {
    let (daemon, number) = name.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse::<u64>().ok()?;
    daemon.parse().ok()
}

fn is_stale(found: &std::fs::Metadata) -> bool {
    found.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > STALE_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_looked_at() {
        assert_eq!(daemon_of("calt-box-12-0"), Some(12));
        for name in ["calt-box-12", "calt-box-x-0", "calt-box-12-x", "calt-box-test-a", "calt-boxes-1-2", "1-2"] {
            assert_eq!(daemon_of(name), None, "{name}");
        }
    }

    #[test]
    fn what_a_dead_daemon_left_is_taken_away_once_it_is_old() {
        let own = RunAs { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
        let user = User { as_command: own, daemon_is_root: false };
        // No process has this number: it is above what the kernel gives out.
        let place = |number: u32| std::env::temp_dir().join(format!("{PREFIX}4194305-{number}{}", std::process::id()));
        let (old, young) = (place(1), place(2));
        for path in [&old, &young] {
            std::fs::create_dir_all(path.join("below")).unwrap();
        }
        let before = std::fs::metadata(&young).unwrap().modified().unwrap() - STALE_AFTER * 2;
        std::fs::File::open(&old).unwrap().set_modified(before).unwrap();
        sweep(user);
        assert_eq!((old.exists(), young.exists()), (false, true));
        std::fs::remove_dir_all(young).unwrap();
    }
}
