//! What can be done: the closed registry of six tools, the only code that touches a workspace.
//!
//! Architecture invariant: a tool is used through [`run`] alone, and [`run`] takes a permit by value.
#![deny(unsafe_code)]

#[cfg(feature = "bench")]
pub mod benched;
mod catalog;
mod change;
mod command;
mod diff;
mod directory;
mod failure;
#[cfg(test)]
mod fuzz;
mod git_own;
mod git_patch;
mod limits;
mod mounts;
mod patch;
mod recover;
mod room;
mod run;
mod sandbox;
mod since;
mod snapshot;
mod standing;
mod toolkit;
mod workspace;
mod write;

pub use change::FILES_MAX;
pub use directory::{DirectoryFault, check_attachable, find_directory, open_directory};
pub use failure::{FailureCode, ToolFailure};
pub use limits::{Cancel, Limits};
pub use recover::inspect_interrupted;
pub use room::RunRoom;
pub use run::{ToolOutput, run, survey};
pub use sandbox::{
    HELPER_WORD, Isolation, LayerReport, LayerVerdict, SYSTEM_DIRECTORIES, SandboxReport, serve_as_helper,
};
pub use since::{Mask, SESSION_PATCH_BYTES_MAX, Since, SinceFile};
pub use snapshot::{CopyProgress, SnapshotWish, Taken, check_repository, take_snapshot};
pub use toolkit::{Interpreter, ProgramReport, Toolkit};
pub use workspace::{Workspace, matches_glob};
