//! What is true: the plan format, the event log's facts, and the one function that decides.
//!
//! Architecture invariant: core has no I/O, no clock, no chance and no async. What it needs to
//! know of the world arrives as an argument; what it wants done leaves as a value.
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod decide;
pub mod digest;
pub mod event;
pub mod export;
pub mod id;
pub mod isolation;
pub mod manifest;
pub mod merkle;
pub mod moment;
pub mod oracle;
pub mod permit;
pub mod pin;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod quota;
pub mod redact;
pub mod reference;
pub mod refusal;
pub mod roster;
pub mod session;
pub mod time;
pub mod toolbox;
pub mod undo;
pub mod workspace;

pub use decide::{Action, Command, Decision, Facts, decide};
pub use digest::Digest;
pub use event::{Envelope, Fact};
pub use id::{ArtifactId, EventId, RunId, SessionId, StepId};
pub use permit::Permit;
pub use plan::Plan;
pub use refusal::Refusal;
pub use session::Session;
pub use time::Timestamp;
