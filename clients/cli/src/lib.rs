//! The command line: asks the daemon, shows what it says, and asks the person.
//!
//! Architecture invariant: it knows `calt-api` and nothing below it. Standard output is data, standard
//! error is talk; every refusal ends with the next command.
#![forbid(unsafe_code)]

mod about;
mod applies;
mod arguments;
mod ask;
mod autostart;
mod chat;
mod commands;
mod context;
mod diff;
mod fault;
mod found;
mod help;
mod hint;
mod land;
mod look;
mod meant;
mod misread;
mod place;
mod render;
mod secret;
mod table;
mod trailers;
mod unlock;
mod words;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use arguments::RecordCommand;
use arguments::{Arguments, Command};
pub use arguments::{DaemonArguments, DiscordArguments, OfflineCommand, PinCommand, RecordPlace};
pub use chat::{ChatCheck, ChatFound};
use context::Context;
use fault::Fault;
pub use secret::ask_secret;

/// Who goes on after the arguments are read.
pub enum Handover {
    /// Nobody: the command is done.
    Done(ExitCode),
    /// The daemon, in this very process.
    Daemon(DaemonArguments),
    /// The Discord bot, in this very process.
    Discord(DiscordArguments),
    /// What works on the record's files, in this very process.
    Record(RecordPlace, OfflineCommand),
    /// What is done to a PIN, in this very process.
    Pin(RecordPlace, PinCommand),
}

/// The whole command line, for shell completions and documents.
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// Reads the arguments and does what they say.
pub fn run(chat: ChatCheck) -> Handover {
    let given: Vec<OsString> = std::env::args_os().collect();
    let read = definition().try_get_matches_from(&given).and_then(|matches| {
        let arguments = Arguments::from_arg_matches(&matches)?;
        Ok((arguments, matches))
    });
    let (arguments, matches) = match read {
        Ok(read) => read,
        Err(error) => return Handover::Done(ExitCode::from(misread::misread(&error, &given))),
    };
    let context = Context::new(arguments.shared.clone(), &matches, chat);
    hint::repeat(context.given());
    let data_root = arguments.shared.data_root.clone().filter(|root| !root.as_os_str().is_empty());
    if let Command::Daemon(daemon) = &arguments.command
        && daemon.action.is_none()
    {
        return Handover::Daemon(DaemonArguments {
            data_root,
            language: (!context.json()).then(words::language),
            ..daemon.clone()
        });
    }
    if let Command::Discord(discord) = &arguments.command {
        return match chat::arguments(&context, Some(discord)) {
            Ok(arguments) => Handover::Discord(arguments),
            Err(fault) => {
                ask::talk(&fault.render());
                Handover::Done(ExitCode::from(told(&context, &fault)))
            }
        };
    }
    if let Command::Record(record) = &arguments.command
        && let RecordCommand::Offline(command) = &record.command
    {
        let (db_path, config) = (record.db_path.clone(), record.config.clone());
        let place = RecordPlace { data_root, db_path, config, language: (!context.json()).then(words::language) };
        return Handover::Record(place, command.clone());
    }
    if let Command::Pin(pin) = &arguments.command {
        let (db_path, config) = (pin.db_path.clone(), pin.config.clone());
        let place = RecordPlace { data_root, db_path, config, language: (!context.json()).then(words::language) };
        return Handover::Pin(place, pin.command.clone());
    }
    let done = commands::dispatch(&context, arguments.command);
    let fault = done.map_err(|fault| context.with_the_way_there(fault)).err();
    if let Some(fault) = &fault {
        ask::talk(&fault.render());
    }
    if let Some(path) = place::when_not_installed().filter(|_| std::io::stderr().is_terminal()) {
        context.talk(&words::t!(
            "\n`calt` is not on your PATH; here it is {path}\nTo install it: cargo install --locked --path .\n",
            path = path
        ));
    }
    Handover::Done(fault.map_or(ExitCode::SUCCESS, |fault| ExitCode::from(told(&context, &fault))))
}

/// Says a fault on standard output where JSON was asked for, and gives the exit code.
fn told(context: &Context, fault: &Fault) -> u8 {
    match fault.json().filter(|_| context.json()).map(|json| render::data(&json)) {
        Some(Err(unread)) => unread.exit().max(fault.exit()),
        Some(Ok(())) | None => fault.exit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    /// A global option and an argument of one name share one value: the one is taken for the other.
    #[test]
    fn no_argument_has_the_name_of_a_global_option() {
        fn walk(command: &clap::Command, global: &[String]) {
            for below in command.get_subcommands() {
                for argument in below.get_arguments().filter(|argument| !argument.is_global_set()) {
                    let name = argument.get_id().to_string();
                    assert!(!global.contains(&name), "{}: {name}", below.get_name());
                }
                walk(below, global);
            }
        }
        let definition = definition();
        let global = definition.get_arguments().map(|argument| argument.get_id().to_string()).collect::<Vec<_>>();
        walk(&definition, &global);
    }
}
