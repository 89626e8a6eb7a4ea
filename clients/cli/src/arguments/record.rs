//! The commands below `record`: most work on the files themselves, in the daemon's place.

use std::path::PathBuf;

use calt_api::Language;
use clap::{Args, Subcommand};

/// What is asked of the record, and where it lies.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecordArguments {
    /// What is asked.
    #[command(subcommand)]
    pub(crate) command: RecordCommand,
    /// The database [default: <data-root>/calt.sqlite3]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) db_path: Option<PathBuf>,
    /// The configuration file [default: `$XDG_CONFIG_HOME/calt/config.toml`]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Where the record lies, and in which form to answer.
#[derive(Clone, Debug)]
pub struct RecordPlace {
    /// The data directory.
    pub data_root: Option<PathBuf>,
    /// The database.
    pub db_path: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// In which language to answer; `None`: standard output is data, and nothing else.
    pub language: Option<Language>,
}

/// What can be asked of the record.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// What works on the files.
    #[command(flatten)]
    Offline(OfflineCommand),
    /// What the daemon does.
    #[command(flatten)]
    Asked(AskedCommand),
}

/// What the daemon is asked for.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AskedCommand {
    /// Write a session's record to a file that proves itself; `calt record verify FILE` checks it anywhere
    Export {
        /// The session's id, `session_…`
        session: String,
        /// The file; `-` is standard output [default: <session>.calt-record]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Let the text of one event go for good: out of the log, the index, the files, and the bytes on disk
    Redact {
        /// The event's number
        event: u64,
        /// Why; it is kept in the log
        #[arg(long)]
        reason: String,
        /// Do not ask; without a terminal nobody is asked
        #[arg(long)]
        yes: bool,
    },
    /// Say from which session a commit came that `calt land` made, and whether it is what that session wrote
    Find {
        /// The commit
        commit: String,
        /// A directory of the repository
        #[arg(long, value_name = "DIR", default_value = ".")]
        repo: PathBuf,
    },
    /// Sign a checkpoint over the log as it is and print it, to keep where nobody can change it
    Checkpoint {
        /// Print the newest that was signed instead of signing one
        #[arg(long)]
        last: bool,
    },
}

/// What can be done to the record without a daemon.
#[derive(Clone, Debug, Subcommand)]
pub enum OfflineCommand {
    /// Look whether the record is what it was: every event, the tree, checkpoints, files, the read model
    Verify {
        /// A session's exported record, instead of the whole log; `-` is standard input
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Checkpoints that were kept elsewhere, one or more in a file; `-` is standard input
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// Accept only this key's signatures (`NAME+ID+KEY`)
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
    },
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
