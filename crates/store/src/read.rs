//! What can be asked of the read model.

mod inbox;
mod metrics;
mod questions;
mod rows;

pub use inbox::{Inbox, InboxPlace, InboxRow, PlanEnd};
pub use metrics::Counts;
pub use rows::{
    ApprovalRow, ArtifactRow, Held, PlanRow, RunRow, SessionList, SessionRow, StepRow, ToolRow, UnfinishedRun,
};

pub(crate) use questions::{tools, write_tools};

/// Rows of a list when the caller does not say.
pub const LIST_ROWS_DEFAULT: u32 = 100;
/// Most rows of a list.
pub const LIST_ROWS_MAX: u32 = 500;
