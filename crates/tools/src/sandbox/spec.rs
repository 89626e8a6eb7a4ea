//! What a box is to be: sent to the helper's child as JSON, built there, and nowhere kept.

use std::path::PathBuf;

use calt_core::isolation::{BoxSpec, Tier};
use serde::{Deserialize, Serialize};

/// A command and its box.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// How the kernel holds it.
    pub(crate) tier: Tier,
    /// The box that was approved.
    pub(crate) shape: BoxSpec,
    /// Where the workspace stands, outside and inside alike.
    pub(crate) workspace: PathBuf,
    /// In `kernel-filter`: the one directory it may write, which is its `/tmp` and `HOME`.
    pub(crate) private: Option<PathBuf>,
    /// Whom the command runs as: the daemon's own user, or another one when that is root.
    pub(crate) user: RunAs,
    /// Whether the daemon is root, and the user is to be changed.
    pub(crate) from_root: bool,
    /// The program, as found at start.
    pub(crate) program: PathBuf,
    /// Its arguments, without its own name.
    pub(crate) arguments: Vec<String>,
    /// Whether it reads what comes as standard input; else there is nothing to read.
    pub(crate) has_input: bool,
    /// Its environment, whole.
    pub(crate) environment: Vec<(String, String)>,
    /// Processes of its user that the kernel counts together with its own.
    pub(crate) processes_there: u64,
    /// Seconds of processor time.
    pub(crate) cpu_seconds: u64,
    /// Instead of the program: try what must not work, and say what did.
    pub(crate) probe: bool,
}

/// A user that is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct RunAs {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What the child says on the status pipe, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// The command ended; 128 and the signal's number when a signal ended it.
    Exited(i32),
    /// A layer did not come up: the command was never executed.
    Failed {
        /// The layer's name.
        layer: String,
        /// What the system said.
        reason: String,
    },
    /// What a probe found: the names of what worked and must not.
    Probed(Vec<String>),
}

/// Asks the child to end the command with SIGTERM. The end of the pipe ends it with SIGKILL.
pub(crate) const TERMINATE: u8 = b't';
/// Most descriptors that come with a specification: standard input, output and error, status, control, workspace,
/// and for root what maps the workspace's owner.
pub(crate) const DESCRIPTORS_MAX: usize = 7;
