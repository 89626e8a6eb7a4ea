//! The one binary: hands over to the command line, to the daemon, or to what works on the record without one.

use std::process::ExitCode;

use calt_cli::{Handover, RecordArguments, RecordCommand};
use calt_daemon::offline;

fn main() -> ExitCode {
    // First of all: a helper must be small and have one thread.
    if std::env::args_os().nth(1).is_some_and(|word| word == calt_daemon::HELPER_WORD) {
        return calt_daemon::serve_as_helper();
    }
    match calt_cli::run() {
        Handover::Done(code) => code,
        Handover::Daemon(asked) => calt_daemon::run(&calt_daemon::Options {
            db_path: asked.db_path,
            data_root: asked.data_root,
            host: asked.host,
            port: asked.port,
            config: asked.config,
            background: asked.background,
        }),
        Handover::Record(asked) => offline::run(&record(asked)),
    }
}

/// The same in the words of the daemon's crate: neither crate names the other.
fn record(asked: RecordArguments) -> offline::Asked {
    let task = match asked.command {
        RecordCommand::Backup { file, without_workspaces } => offline::Task::Backup { file, without_workspaces },
        RecordCommand::Restore { file } => offline::Task::Restore { file },
        RecordCommand::Rebuild => offline::Task::Rebuild,
        RecordCommand::RebuildIndex => offline::Task::RebuildIndex,
        RecordCommand::AcceptLoss => offline::Task::AcceptLoss,
    };
    offline::Asked { data_root: asked.data_root, db_path: asked.db_path, config: asked.config, json: asked.json, task }
}
