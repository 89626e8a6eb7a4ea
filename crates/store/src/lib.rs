//! What is remembered: the append-only log, what is derived from it, and the files beside it.
//!
//! Architecture invariant: SQL stands here and nowhere else, one thread writes, and no answer leaves before
//! the commit that holds it. What may happen is decided by `core`; here it is made durable.
#![forbid(unsafe_code)]

mod append;
mod backup;
mod batch;
mod buttons;
mod checkpoint;
mod connection;
mod error;
mod export;
mod files;
mod head;
mod log;
mod open;
mod projection;
mod read;
mod redact;
mod repair;
mod schema;
mod search;
mod sessions;
mod shared;
mod store;
mod verify;
mod writer;

pub use backup::{
    BackupError, BackupMade, CheckedBackup, Contents, Progress, RestorePlace, Workspaces, backup, check_backup,
};
pub use batch::Committed;
pub use buttons::Button;
pub use error::{OpenError, StoreError};
pub use files::{Durability, Files, RESTORING, append_note, output_bytes};
pub use head::Head;
pub use log::EventRow;
pub use open::{Accepted, OpenReport, StoreConfig, accept_loss};
pub use read::{
    ApprovalRow, ArtifactRow, Counts, Held, Inbox, InboxPlace, InboxRow, LIST_ROWS_DEFAULT, LIST_ROWS_MAX, PlanEnd,
    PlanRow, RunRow, SessionList, SessionRow, StepRow, ToolRow, UnfinishedRun,
};
pub use repair::{IndexMade, ReadModelMade, rebuild, rebuild_index};
pub use search::{
    Excerpt, Field, FoundEvent, Highlight, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX, SearchPage, SearchQuery, Stretch,
    event_called,
};
pub use store::Store;
pub use verify::{Against, Check, CheckpointRow, Finding, Verification, verify};
pub use writer::QUEUE_REQUESTS_MAX;
