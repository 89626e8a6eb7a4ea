//! Who listens: HTTP in front of the engine, and nothing of HTTP behind it.
//!
//! Architecture invariant: no SQL, no rule and no process is here. A handler turns a request into
//! what the engine is asked, and the engine's answer into a view.
#![forbid(unsafe_code)]

mod app;
mod auth;
mod body;
mod docs;
mod gate;
mod ground;
mod handlers;
mod host;
mod idle;
mod limits;
mod logs;
mod metrics;
mod notify;
pub mod offline;
mod openapi;
mod reply;
mod router;
mod server;
mod settings;
mod stall;
mod start;
mod stream;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use calt_api::Language;

pub use calt_engine::tools::HELPER_WORD;
pub use settings::{Setting, SettingsFault};

/// What stands in an in-process test instead of a listening daemon.
#[doc(hidden)]
pub mod testing {
    pub use crate::app::{App, AppParts};
    pub use crate::openapi::{document as openapi_document, right};
    pub use crate::router::router;
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The database file.
    pub db_path: Option<PathBuf>,
    /// The data directory.
    pub data_root: Option<PathBuf>,
    /// The host to listen on.
    pub host: Option<String>,
    /// The port to listen on; 0 takes a free one.
    pub port: Option<u16>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// A daemon that a client started: it takes a free port and ends by itself when idle.
    pub background: bool,
    /// The language of the person who starts it, for what is said on a terminal; `None`: only the log speaks.
    pub language: Option<Language>,
}

/// Serves as the helper that builds boxes, until the daemon that started it is gone.
pub fn serve_as_helper() -> ExitCode {
    u8::try_from(calt_engine::tools::serve_as_helper()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs the daemon until it is told to end.
pub fn run(options: &Options) -> ExitCode {
    start::run(options)
}

/// Every setting in force, and where its value came from.
///
/// # Errors
/// [`SettingsFault`] as the daemon itself would refuse to start with it.
pub fn configuration_report(options: &Options) -> Result<Vec<Setting>, SettingsFault> {
    Ok(start::settings(options)?.report().to_vec())
}
