//! Whether the log is what it was: from the last checkpoint on at every start, and all of it on request.

mod checkpoints;
mod files;
mod index;
pub(crate) mod leaf;
mod leaves;
mod looking;
mod pins;
mod promises;
mod replay;
mod rows;
mod tail;
mod whole;

pub use checkpoints::CheckpointRow;
pub(crate) use checkpoints::{before as checkpoints_before, newest as newest_checkpoint};
pub(crate) use tail::tree_from_the_last_checkpoint;
pub use whole::{Against, Check, Finding, Verification, verify};
