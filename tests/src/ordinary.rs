//! A user who is not root, so that calt is tried as one, and nothing harmful is ever tried as root.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// First of the numbers that are used, above all that a system gives away.
const FIRST_UID: u32 = 20_000;
/// How many are used. Few enough for a container that knows 65,536.
const UIDS: u32 = 40_000;

/// Whoever runs the tests, or, when that is root, a user that nothing else on this machine is.
#[derive(Clone, Copy, Debug)]
pub struct OrdinaryUser {
    changed_to: Option<u32>,
}

impl OrdinaryUser {
    /// Somebody new: the kernel counts the processes of each user, and worlds should not count each other's.
    #[allow(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        if !Self::is_needed() {
            return Self { changed_to: None };
        }
        let number = std::process::id().wrapping_mul(31).wrapping_add(MADE.fetch_add(1, Ordering::Relaxed));
        Self { changed_to: Some(FIRST_UID + number % UIDS) }
    }

    /// This user's number, when it is not the tests' own user.
    pub fn number(self) -> Option<u32> {
        self.changed_to
    }

    /// Whether the tests run as root, so that an ordinary user is somebody else.
    pub fn is_needed() -> bool {
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
    }

    /// A command of this user, outside of every box.
    pub fn command(self, program: impl AsRef<OsStr>) -> Command {
        let Some(uid) = self.changed_to else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups"]).arg(program);
        command
    }

    /// Gives this user a file or directory.
    pub fn receives(self, path: &Path) {
        if let Some(uid) = self.changed_to {
            std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
        }
    }

    /// Gives this user a directory with all it holds.
    pub fn receives_all(self, path: &Path) {
        self.receives(path);
        if self.changed_to.is_some() && path.symlink_metadata().unwrap().is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                self.receives_all(&entry.unwrap().path());
            }
        }
    }

    /// Whether this user may execute a program, which it cannot when a directory on the way is closed to it.
    pub fn reaches(self, program: &Path) -> bool {
        self.command("test").arg("-x").arg(program).stdin(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}
