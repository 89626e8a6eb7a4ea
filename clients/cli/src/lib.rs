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
mod hint;
mod land;
mod look;
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

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use arguments::RecordCommand;
use arguments::{Arguments, Command};
pub use arguments::{DaemonArguments, DiscordArguments, OfflineCommand, PinCommand, RecordPlace};
pub use chat::{ChatCheck, ChatFound};
use context::Context;
use fault::{EXIT_USAGE, Fault};
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
        Err(error) => return Handover::Done(ExitCode::from(misread(&error, &given))),
    };
    let context = Context::new(arguments.shared.clone(), &matches, chat);
    hint::repeat(context.given());
    let data_root = arguments.shared.data_root.clone().filter(|root| !root.as_os_str().is_empty());
    if let Command::Daemon(daemon) = &arguments.command
        && daemon.action.is_none()
    {
        return Handover::Daemon(DaemonArguments { data_root, ..daemon.clone() });
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
        let place = RecordPlace { data_root, db_path, config, json: context.json() };
        return Handover::Record(place, command.clone());
    }
    if let Command::Pin(pin) = &arguments.command {
        let (db_path, config) = (pin.db_path.clone(), pin.config.clone());
        let place = RecordPlace { data_root, db_path, config, json: context.json() };
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

/// Arguments that cannot be read, or a question for help.
fn misread(error: &clap::Error, given: &[OsString]) -> u8 {
    if !error.use_stderr() {
        // A reader that closed the pipe has seen enough.
        let _ = error.print();
        return 0;
    }
    let mut command = asked(given);
    let hint = format!("{} --help", command.get_bin_name().unwrap_or("calt"));
    let message = in_one_line(&error.render().to_string());
    let is_bare =
        matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    if is_bare {
        ask::talk(&command.render_help().to_string());
    }
    let message = if is_bare { "a command is missing".to_owned() } else { message };
    let fault = Fault::Usage { message, hint: Some(hint) };
    if !is_bare {
        ask::talk(&fault.render());
    }
    if let Some(json) = fault.json().filter(|_| words::wants_data(&mut given.iter().cloned())) {
        let _ = render::data(&json);
    }
    EXIT_USAGE
}

/// The command that was meant, as far as its name can be read.
fn asked(given: &[OsString]) -> clap::Command {
    let mut command = definition();
    command.build();
    for word in given.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(below) = command.find_subcommand(word) {
            command = below.clone();
        }
    }
    command
}

/// What was wrong, without the paragraphs on usage: the hint leads there.
fn in_one_line(text: &str) -> String {
    let paragraphs = text.trim_start_matches("error: ").split("\n\n");
    let of_use = paragraphs.filter(|text| !text.starts_with("Usage: ") && !text.starts_with("For more information"));
    let lines: Vec<String> = of_use.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> (String, String) {
        let error = definition().try_get_matches_from(words).unwrap_err();
        let given: Vec<OsString> = words.iter().map(OsString::from).collect();
        (in_one_line(&error.render().to_string()), asked(&given).get_bin_name().unwrap_or("calt").to_owned())
    }

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn a_misread_argument_is_said_in_one_line_and_leads_to_its_own_help() {
        let (said, command) = refused(&["calt", "plan", "reject", "s"]);
        assert_eq!(said, "the following required arguments were not provided: <VERSION>");
        assert_eq!(command, "calt plan reject");
        let (said, command) = refused(&["calt", "artifcts", "list"]);
        assert_eq!(said, "unrecognized subcommand 'artifcts'; tip: a similar subcommand exists: 'artifacts'");
        assert_eq!(command, "calt");
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
