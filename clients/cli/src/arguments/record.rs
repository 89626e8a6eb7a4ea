//! The commands below `record`: most work on the files themselves, in the daemon's place.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is asked of the record, and where it lies.
#[derive(Args, Clone, Debug)]
pub struct RecordArguments {
    /// What is asked.
    #[command(subcommand)]
    pub command: RecordCommand,
    /// The database [default: <data-root>/calt.sqlite3]
    #[arg(long, global = true, value_name = "FILE")]
    pub db_path: Option<PathBuf>,
    /// The configuration file [default: `$XDG_CONFIG_HOME/calt/config.toml`]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Taken from the global option of the same name.
    #[arg(skip)]
    pub data_root: Option<PathBuf>,
    /// Taken from the global option of the same name.
    #[arg(skip)]
    pub json: bool,
}

/// What can be done to the record without a daemon.
#[derive(Clone, Debug, Subcommand)]
pub enum RecordCommand {
    /// Write a backup to a new file, while the daemon works or without one
    Backup {
        /// The file; an existing one is not overwritten
        file: PathBuf,
        /// Leave the files of the workspaces out
        #[arg(long)]
        without_workspaces: bool,
    },
    /// Fill an empty data root from a backup, once it has been checked
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Make the read model again from the log; no daemon may run
    Rebuild,
    /// Make the search index again from the log; no daemon may run
    RebuildIndex,
    /// Take a log that lost acknowledged events as it is, so that the daemon writes again
    AcceptLoss,
}
