//! The commands below `pin`: they work in the daemon's place.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done to a PIN, and where the record lies.
#[derive(Args, Clone, Debug)]
pub(crate) struct PinArguments {
    /// What is done.
    #[command(subcommand)]
    pub(crate) command: PinCommand,
    /// The database [default: <data-root>/calt.sqlite3]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) db_path: Option<PathBuf>,
    /// The configuration file [default: `$XDG_CONFIG_HOME/calt/config.toml`]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What is done to a PIN. It is typed on the terminal; no daemon may run.
#[derive(Clone, Debug, Subcommand)]
pub enum PinCommand {
    /// Set a first PIN: from then on every yes, no and skip of that person asks for it
    Set {
        /// Whose, instead of the owner's
        #[arg(long = "for", value_name = "PERSON")]
        person: Option<String>,
    },
    /// Set another PIN; the one that stands is asked for
    Change {
        /// Whose, instead of the owner's
        #[arg(long = "for", value_name = "PERSON")]
        person: Option<String>,
    },
    /// Remove a PIN; it is asked for
    Remove {
        /// Whose, instead of the owner's
        #[arg(long = "for", value_name = "PERSON")]
        person: Option<String>,
        /// It is forgotten: the owner's is asked for instead; the first owner's own is removed by root alone
        #[arg(long)]
        forgotten: bool,
    },
}
