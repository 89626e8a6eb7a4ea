//! The one binary: hands over to the command line, to the daemon, or to what works on the record without one.

use std::process::ExitCode;

use calt_cli::{ChatFound, DiscordArguments, Handover, OfflineCommand, RecordPlace};
use calt_daemon::offline;

fn main() -> ExitCode {
    // First of all: a helper must be small and have one thread.
    if std::env::args_os().nth(1).is_some_and(|word| word == calt_daemon::HELPER_WORD) {
        return calt_daemon::serve_as_helper();
    }
    match calt_cli::run(check_chat) {
        Handover::Done(code) => code,
        Handover::Daemon(asked) => calt_daemon::run(&calt_daemon::Options {
            db_path: asked.db_path,
            data_root: asked.data_root,
            host: asked.host,
            port: asked.port,
            config: asked.config,
            background: asked.background,
        }),
        Handover::Discord(asked) => calt_discord::run(&chat(&asked)),
        Handover::Record(place, asked) => offline::run(&record(place, asked)),
    }
}

/// The same in the words of the bot's crate: neither crate names the other.
fn chat(asked: &DiscordArguments) -> calt_discord::Options {
    let (base_url, token, config) = (asked.base_url.clone(), asked.token.clone(), asked.config.clone());
    calt_discord::Options { base_url, token, data_root: asked.data_root.clone(), config }
}

fn check_chat(asked: &DiscordArguments) -> Vec<ChatFound> {
    let found = calt_discord::check(&chat(asked)).into_iter();
    found
        .map(|found| match found {
            calt_discord::Found::Pass(what) => ChatFound::Pass(what),
            calt_discord::Found::Fail(what, fix) => ChatFound::Fail(what, fix),
            calt_discord::Found::Skip(what) => ChatFound::Skip(what),
        })
        .collect()
}

/// The same in the words of the daemon's crate: neither crate names the other.
fn record(place: RecordPlace, asked: OfflineCommand) -> offline::Asked {
    let task = match asked {
        OfflineCommand::Backup { file, without_workspaces } => offline::Task::Backup { file, without_workspaces },
        OfflineCommand::Restore { file } => offline::Task::Restore { file },
        OfflineCommand::Verify { file, checkpoint, key } => offline::Task::Verify { file, checkpoint, key },
        OfflineCommand::Rebuild => offline::Task::Rebuild,
        OfflineCommand::RebuildIndex => offline::Task::RebuildIndex,
        OfflineCommand::AcceptLoss => offline::Task::AcceptLoss,
    };
    offline::Asked { data_root: place.data_root, db_path: place.db_path, config: place.config, json: place.json, task }
}
