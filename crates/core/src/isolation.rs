//! The box a command runs in, as data with a digest, and how much of it this machine can hold up.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::digest::{BOX_TAG, Digest};
use crate::event::Profile;
use crate::toolbox::Effect;

/// What a command sees, may write and may reach, and its limits.
///
/// Its digest is part of the step's digest, so an approval never covers a wider box than was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxSpec {
    /// `ro`, `test`, or a name the owner's configuration gave.
    pub name: String,
    /// Directories of the machine bound read-only, beside the system's own.
    pub binds: Vec<String>,
    /// How the workspace stands in the box.
    pub workspace: WorkspaceView,
    /// What the command can reach by network.
    pub network: Network,
    /// Caches kept from one run to the next.
    pub caches: Vec<String>,
    /// The limits.
    pub limits: BoxLimits,
}

/// How the workspace stands in a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceView {
    /// Nothing in it can be written.
    ReadOnly,
    /// Writes go to a layer that is thrown away.
    Overlay,
}

/// What a command can reach by network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing.
    Off,
    /// A loopback of its own with nobody else on it.
    OwnLoopback,
}

/// The limits of a box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxLimits {
    /// Address space of each process, in bytes.
    pub address_space_bytes: u64,
    /// Largest file it may write, in bytes.
    pub file_bytes: u64,
    /// Open files of each process.
    pub open_files: u32,
    /// Processes at once.
    pub processes: u32,
    /// Room below `/tmp` and `HOME`, in bytes.
    pub tmp_bytes: u64,
}

const MIB: u64 = 1024 * 1024;

impl BoxSpec {
    /// The box of `ls`, `cat`, `rg`, `find` and `git`: nothing can be written, nothing reached.
    pub fn read_only() -> Self {
        Self {
            name: "ro".to_owned(),
            binds: Vec::new(),
            workspace: WorkspaceView::ReadOnly,
            network: Network::Off,
            caches: Vec::new(),
            limits: BoxLimits {
                address_space_bytes: 2048 * MIB,
                file_bytes: 64 * MIB,
                open_files: 256,
                processes: 64,
                tmp_bytes: 64 * MIB,
            },
        }
    }

    /// The box of test runs: writes go to a layer that is thrown away, loopback is its own.
    pub fn test() -> Self {
        Self {
            name: "test".to_owned(),
            workspace: WorkspaceView::Overlay,
            network: Network::OwnLoopback,
            limits: BoxLimits {
                address_space_bytes: 4096 * MIB,
                file_bytes: 256 * MIB,
                open_files: 1024,
                processes: 256,
                tmp_bytes: 256 * MIB,
            },
            ..Self::read_only()
        }
    }

    /// The digest that becomes part of a step's digest.
    pub fn digest(&self) -> Digest {
        Digest::of_json(BOX_TAG, &json!(self))
    }
}

/// How much of a box this machine can hold up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Less than a filter of the kernel.
    None,
    /// Landlock and seccomp, but no namespaces.
    KernelFilter,
    /// Namespaces, Landlock and seccomp.
    Full,
}

impl Tier {
    /// Whether this much isolation is enough for a step of this effect.
    ///
    /// Reads and previews touch nothing and always pass. With less than a filter of the kernel no command
    /// runs, and only `dev` applies, with a warning.
    pub const fn holds(self, effect: Effect, profile: Profile) -> bool {
        match (self, effect) {
            (Self::KernelFilter | Self::Full, _) | (Self::None, Effect::Reads | Effect::Previews) => true,
            (Self::None, Effect::Spawns) => false,
            (Self::None, Effect::Writes) => matches!(profile, Profile::Dev),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "none",
            Self::KernelFilter => "kernel-filter",
            Self::Full => "full",
        })
    }
}
