//! Who does it: gathers what a decision needs, submits it, and for a permit runs the tool.
//!
//! Architecture invariant: engine knows nothing of HTTP. It is the only caller of both store and
//! tools, and the only place that reads the clock and makes ids by chance.
#![forbid(unsafe_code)]

mod buttons;
mod chance;
mod checkpoint;
mod clock;
mod diff;
mod engine;
mod gather;
pub mod pins;
mod place;
mod plans;
mod quota;
mod recover;
mod redact;
mod run;
mod sessions;
mod tokens;
mod undo;
mod verify;
mod workspaces;

pub use calt_core as core;
pub use calt_store as store;
pub use calt_tools as tools;

pub use checkpoint::Exported;
#[cfg(debug_assertions)]
pub use clock::shift_clock;
pub use clock::{latest, now};
pub use diff::SessionDiff;
pub use engine::{Asker, Engine, EngineConfig, Fault, OpenFault, StartReport};
pub use gather::StepDetail;
pub use pins::{UnlockKey, UnlockMade};
pub use plans::{CheckReport, CheckedStep};
pub use run::RunOutcome;
pub use sessions::{DecisionWords, NewSession, PlanVerdict, StepVerdict};
pub use tokens::{NewPerson, NewToken, TokenMade};
pub use undo::UndoPlan;
pub use workspaces::{NewWorkspace, WorkspaceDetail};
