//! What is done to the record without a daemon: backup beside it, restore and repair in its place and under its locks.

mod backup;
mod fault;
mod pin;
mod progress;
mod repair;
mod restore;
mod verify;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use calt_api::{Language, lines};
use calt_engine::core::decide::{RosterAction, RosterCommand};
use calt_engine::core::isolation::Tier;
use calt_engine::core::pin::PinFacts;
use calt_engine::core::policy::Demands;
use calt_engine::core::principal::{Caller, Claim};
use calt_engine::core::{ArtifactId, Facts, RunId};
use calt_engine::store::{Store, StoreConfig, StoreError};
use rustix::process::umask;
use serde_json::Value;

use crate::ground::Ground;
use crate::settings::Settings;
use crate::{Options, logs, start};
use fault::{EXIT_FOUND, OfflineFault};
pub use pin::{AskSecret, PinTask};

/// What the command line asks, and where the record lies.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The data directory.
    pub data_root: Option<PathBuf>,
    /// The database file.
    pub db_path: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// In which language to answer; `None`: standard output is data, and nothing else.
    pub language: Option<Language>,
    /// What is asked.
    pub task: Task,
}

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Task {
    /// Look whether the record is what it was.
    Verify {
        /// An exported record, instead of the whole log.
        file: Option<PathBuf>,
        /// Checkpoints that were kept elsewhere.
        checkpoint: Vec<PathBuf>,
        /// The only keys whose signatures count.
        key: Vec<String>,
    },
    /// Write a backup; a daemon may work meanwhile.
    Backup {
        /// The new file.
        file: PathBuf,
        /// Leave the workspaces' files out.
        without_workspaces: bool,
    },
    /// Fill an empty data root from a backup.
    Restore {
        /// The backup.
        file: PathBuf,
    },
    /// Make the read model again from the log.
    Rebuild,
    /// Make the search index again from the log.
    RebuildIndex,
    /// Take a log that misses acknowledged events as it is.
    AcceptLoss,
    /// Set, change or remove a person's PIN.
    Pin {
        /// What is done to it.
        task: PinTask,
        /// Whose; the first owner's when nobody is named.
        person: Option<String>,
        /// How it is asked for.
        ask: AskSecret,
    },
}

/// What a task says when it is done: the same in both forms.
struct Done {
    json: Value,
    text: String,
    /// Whether something was found that should not be: the exit code says so.
    found: bool,
}

/// Does what is asked, and says it as the command line does.
pub fn run(asked: &Asked) -> ExitCode {
    logs::start("warn");
    // What is made here is its user's alone.
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    match settings(asked).and_then(|settings| perform(&settings, asked)) {
        Ok(done) => {
            let text = match asked.language {
                None => format!("{:#}\n", done.json),
                Some(language) => {
                    let width = progress::columns_of(std::io::stdout()).unwrap_or(usize::MAX);
                    lines::broken(&language.told_lines(&done.text), width)
                }
            };
            // A reader that closed the pipe has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            if done.found { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS }
        }
        Err(fault) => {
            let _ = std::io::stderr().write_all(fault.render(asked.language.unwrap_or_default()).as_bytes());
            if asked.language.is_none() {
                let _ = writeln!(std::io::stdout(), "{:#}", fault.json());
            }
            ExitCode::from(fault.exit())
        }
    }
}

fn settings(asked: &Asked) -> Result<Settings, OfflineFault> {
    let options = Options {
        db_path: asked.db_path.clone(),
        data_root: asked.data_root.clone(),
        config: asked.config.clone(),
        ..Options::default()
    };
    Ok(start::settings(&options)?)
}

fn perform(settings: &Settings, asked: &Asked) -> Result<Done, OfflineFault> {
    let language = asked.language.unwrap_or_default();
    match &asked.task {
        Task::Verify { file: Some(file), checkpoint, key } => verify::file(file, checkpoint, key),
        Task::Verify { file: None, checkpoint, key } => verify::log(settings, checkpoint, key, language),
        Task::Backup { file, without_workspaces } => backup::backup(settings, file, *without_workspaces, language),
        Task::Restore { file } => restore::restore(settings, file, language),
        Task::Rebuild => repair::rebuild(settings),
        Task::RebuildIndex => repair::rebuild_index(settings),
        Task::AcceptLoss => repair::accept_loss(settings),
        Task::Pin { task, person, ask } => pin::run(settings, (*task, person.as_deref()), (*ask, language)),
    }
}

/// The store that these settings name.
fn store(settings: &Settings) -> StoreConfig {
    StoreConfig { database: settings.db_path.clone(), data_root: settings.data_root.clone() }
}

/// Records what was done while no daemon ran, in the log it was done to.
fn record(config: &StoreConfig, action: RosterAction) -> Result<(), OfflineFault> {
    let command = RosterCommand { caller: Caller::daemon(), claim: Claim::default(), action };
    let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unavailable)?;
    let (store, _) = Store::open(config)?;
    let recorded = runtime.block_on(store.submit_roster(command, facts()));
    store.close();
    recorded?.outcome.map_err(|refusal| StoreError::Corrupt(refusal.to_string()))?;
    Ok(())
}

/// What is known of the world where no daemon runs.
fn facts() -> Facts {
    Facts {
        now: calt_engine::now(),
        next_run: RunId(0),
        next_artifact: ArtifactId(0),
        tier: Tier::None,
        demands: Demands::default(),
        steps: HashMap::new(),
        pin: PinFacts::default(),
        home: None,
        neighbours: Vec::new(),
        holdings: calt_engine::core::quota::Holdings::default(),
    }
}

/// The record for this process alone. Nothing is made where there is none.
fn taken(settings: &Settings) -> Result<Ground, OfflineFault> {
    if !settings.db_path.exists() {
        return Err(OfflineFault::NoDatabase { path: settings.db_path.clone() });
    }
    Ok(Ground::take(&settings.data_root, &settings.db_path)?)
}
