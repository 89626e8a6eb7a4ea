//! The one binary: hands over to the command line, the daemon, the bot, or what works on the record without one.

use std::process::ExitCode;

use calt_cli::{DaemonArguments, DiscordArguments, Handover, OfflineCommand, PinCommand, RecordPlace};
use calt_daemon::offline;

fn main() -> ExitCode {
    // First of all: a helper must be small and have one thread.
    if std::env::args_os().nth(1).is_some_and(|word| word == calt_daemon::HELPER_WORD) {
        return calt_daemon::serve_as_helper();
    }
    match calt_cli::run(|asked| calt_discord::check(&chat(asked))) {
        Handover::Done(code) => code,
        Handover::Daemon(asked) => calt_daemon::run(&daemon(asked)),
        Handover::Discord(asked) => calt_discord::run(&chat(&asked)),
        Handover::Record(place, asked) => offline::run(&record(place, asked)),
        Handover::Pin(place, asked) => offline::run(&at(place, pin(asked))),
    }
}

/// The same in the words of the daemon's crate: neither crate names the other.
fn daemon(asked: DaemonArguments) -> calt_daemon::Options {
    let DaemonArguments { db_path, data_root, host, port, config, background, language, .. } = asked;
    calt_daemon::Options { db_path, data_root, host, port, config, background, language }
}

/// And in those of the bot's.
fn chat(asked: &DiscordArguments) -> calt_discord::Options {
    let DiscordArguments { config, base_url, token, data_root, language } = asked.clone();
    calt_discord::Options { base_url, token, data_root, config, language }
}

/// What works on the record without a daemon is the daemon's crate's.
fn record(place: RecordPlace, asked: OfflineCommand) -> offline::Asked {
    let task = match asked {
        OfflineCommand::Backup { file, without_workspaces } => offline::Task::Backup { file, without_workspaces },
        OfflineCommand::Restore { file } => offline::Task::Restore { file },
        OfflineCommand::Verify { file, checkpoint, key } => offline::Task::Verify { file, checkpoint, key },
        OfflineCommand::Rebuild => offline::Task::Rebuild,
        OfflineCommand::RebuildIndex => offline::Task::RebuildIndex,
        OfflineCommand::AcceptLoss => offline::Task::AcceptLoss,
    };
    at(place, task)
}

fn pin(asked: PinCommand) -> offline::Task {
    let (task, person) = match asked {
        PinCommand::Set { person } => (offline::PinTask::Set, person),
        PinCommand::Change { person } => (offline::PinTask::Change, person),
        PinCommand::Remove { person, forgotten: false } => (offline::PinTask::Remove, person),
        PinCommand::Remove { person, forgotten: true } => (offline::PinTask::RemoveForgotten, person),
    };
    offline::Task::Pin { task, person, ask: calt_cli::ask_secret }
}

fn at(RecordPlace { data_root, db_path, config, language }: RecordPlace, task: offline::Task) -> offline::Asked {
    offline::Asked { data_root, db_path, config, language, task }
}
