//! Arguments that cannot be read, and questions for help.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::IsTerminal as _;

use calt_api::Language;
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::fault::{EXIT_USAGE, Fault};
use crate::words::{self, language, t};
use crate::{ask, definition, help, render};

/// Says what is wrong, or the help that was asked for, and gives the exit code.
pub(crate) fn misread(error: &clap::Error, given: &[OsString]) -> u8 {
    if !error.use_stderr() {
        // A reader that closed the pipe has seen enough.
        let _ = match (error.kind(), language()) {
            (ErrorKind::DisplayHelp, Language::Japanese) => render::out(&help::help(&mut asked(given))),
            _ if std::io::stdout().is_terminal() => error.print().map_err(|_| Fault::Unread),
            // In one piece, where clap would write each line by itself.
            _ => render::out(&error.render().to_string()),
        };
        return 0;
    }
    let mut command = asked(given);
    let path = command.get_bin_name().unwrap_or("calt").to_owned();
    let meant = meant(error, &path, given);
    let hint = meant.clone().unwrap_or_else(|| format!("{path} --help"));
    let is_bare =
        matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    let message = if is_bare { t!("a command is missing") } else { message(error, meant.as_deref()) };
    let fault = Fault::Usage { message, hint: Some(hint) };
    if is_bare {
        ask::talk(&match language() {
            Language::English => command.render_help().to_string(),
            Language::Japanese => help::help(&mut command),
        });
    } else {
        ask::talk(&fault.render());
    }
    if let Some(json) = fault.json().filter(|_| words::wants_data(&mut given.iter().cloned())) {
        let _ = render::data(&json);
    }
    EXIT_USAGE
}

/// The command that was meant, as far as its name can be read.
fn asked(given: &[OsString]) -> Command {
    let mut command = definition();
    command.build();
    let mut words = given.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if takes_the_next(&command, word) {
            words.next();
        } else if word != "help"
            && let Some(below) = command.find_subcommand(word)
        {
            command = below.clone();
        }
    }
    command
}

/// Whether a word is an option whose value is the word behind it.
fn takes_the_next(command: &Command, word: &str) -> bool {
    let is_it = |argument: &&clap::Arg| match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(long), _) => argument.get_long() == Some(long),
        (None, Some(short)) => argument.get_short().is_some_and(|known| short == known.to_string()),
        (None, None) => false,
    };
    command.get_arguments().find(is_it).is_some_and(|argument| argument.get_action().takes_values())
}

/// What was wrong, in one line: the hint leads to how the command is used.
fn message(error: &clap::Error, meant: Option<&str>) -> String {
    let found = |kind: ContextKind| match error.get(kind) {
        Some(value) => Some(value.to_string()).filter(|text| !text.is_empty()),
        None => None,
    };
    let argument = found(ContextKind::InvalidArg).unwrap_or_default();
    let value = found(ContextKind::InvalidValue);
    let wrong = match (error.kind(), value) {
        (ErrorKind::UnknownArgument, _) => t!("unexpected argument '{argument}' found", argument = argument),
        (ErrorKind::InvalidSubcommand, _) => {
            let word = found(ContextKind::InvalidSubcommand).unwrap_or_default();
            t!("unrecognized subcommand '{word}'", word = word)
        }
        (ErrorKind::MissingRequiredArgument, _) => {
            t!("the following required arguments were not provided: {arguments}", arguments = argument)
        }
        (ErrorKind::ArgumentConflict, _) => match found(ContextKind::PriorArg) {
            Some(prior) if prior == argument => {
                t!("the argument '{argument}' cannot be used multiple times", argument = argument)
            }
            Some(prior) => {
                t!("the argument '{argument}' cannot be used with '{prior}'", argument = argument, prior = prior)
            }
            None => return in_one_line(&error.render().to_string()),
        },
        (ErrorKind::InvalidValue, None) => {
            t!("a value is required for '{argument}' but none was supplied", argument = argument)
        }
        (ErrorKind::InvalidValue, Some(value)) => {
            t!("invalid value '{value}' for '{argument}'", value = value, argument = argument)
        }
        (ErrorKind::ValueValidation, Some(value)) => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            let why = reason(&why);
            t!("invalid value '{value}' for '{argument}': {why}", value = value, argument = argument, why = why)
        }
        (ErrorKind::TooManyValues, Some(value)) => {
            t!(
                "unexpected value '{value}' for '{argument}' found; no more were expected",
                value = value,
                argument = argument
            )
        }
        (ErrorKind::InvalidUtf8, _) => t!("invalid UTF-8 was detected in one or more arguments"),
        _ => return in_one_line(&error.render().to_string()),
    };
    let possible = found(ContextKind::ValidValue).map(|values| t!(" [possible values: {values}]", values = values));
    // What is known to be meant is said in the hint, and better than by how words look alike.
    let tip = tip(error).filter(|_| meant.is_none()).map(|tip| format!("; {tip}"));
    wrong + &possible.unwrap_or_default() + &tip.unwrap_or_default()
}

/// The command that does what an unknown one was to do.
fn meant(error: &clap::Error, path: &str, given: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let below = path.strip_prefix("calt").unwrap_or_default().trim_start();
    let words = given.iter().filter_map(|word| word.to_str());
    let behind: Vec<String> = words.skip_while(|given| given != word).skip(1).map(str::to_owned).collect();
    crate::meant::command(below, word, &behind)
}

/// What was perhaps meant.
fn tip(error: &clap::Error) -> Option<String> {
    let near = |kind: ContextKind| {
        let named = error.get(kind)?;
        let all = if let ContextValue::Strings(several) = named { several.clone() } else { vec![named.to_string()] };
        let quoted: Vec<_> = all.iter().map(|one| format!("'{one}'")).collect();
        Some((quoted.len() > 1, quoted.join(&t!(", "))))
    };
    if let Some((is_many, near)) = near(ContextKind::SuggestedSubcommand) {
        return Some(if is_many {
            t!("tip: some similar subcommands exist: {near}", near = near)
        } else {
            t!("tip: a similar subcommand exists: {near}", near = near)
        });
    }
    if let Some((is_many, near)) = near(ContextKind::SuggestedArg) {
        return Some(if is_many {
            t!("tip: some similar arguments exist: {near}", near = near)
        } else {
            t!("tip: a similar argument exists: {near}", near = near)
        });
    }
    let (is_many, near) = near(ContextKind::SuggestedValue)?;
    Some(if is_many {
        t!("tip: some similar values exist: {near}", near = near)
    } else {
        t!("tip: a similar value exists: {near}", near = near)
    })
}

/// Why a value is none, as clap and the standard library say it of numbers.
fn reason(why: &str) -> String {
    if let Some((least, most)) = why.split_once(" is not in ").and_then(|(_, range)| range.split_once("..=")) {
        return t!("a number from {least} to {most} is expected", least = least, most = most);
    }
    match why {
        "invalid digit found in string" | "cannot parse integer from empty string" => t!("a number is expected"),
        "number too large to fit in target type" => t!("the number is too large"),
        other => other.to_owned(),
    }
}

/// What clap says, without the paragraphs on usage.
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
        let path = asked(&given).get_bin_name().unwrap_or("calt").to_owned();
        (
            message(&error, meant(&error, &path, &given).as_deref()),
            asked(&given).get_bin_name().unwrap_or("calt").to_owned(),
        )
    }

    #[test]
    fn a_misread_argument_is_said_in_one_line_and_leads_to_its_own_help() {
        for (words, said, command) in [
            (
                &["calt", "plan", "reject", "s"] as &[&str],
                "the following required arguments were not provided: <VERSION>",
                "calt plan reject",
            ),
            (
                &["calt", "artifcts", "list"],
                "unrecognized subcommand 'artifcts'; tip: a similar subcommand exists: 'artifacts'",
                "calt",
            ),
            (
                &["calt", "logs", "follow", "--sesion", "s"],
                "unexpected argument '--sesion' found; tip: a similar argument exists: '--session'",
                "calt logs follow",
            ),
            (
                &["calt", "session", "list", "--limit", "many"],
                "invalid value 'many' for '--limit <COUNT>': a number is expected",
                "calt session list",
            ),
            (
                &["calt", "session", "list", "--limit", "0"],
                "invalid value '0' for '--limit <COUNT>': a number from 1 to 500 is expected",
                "calt session list",
            ),
            (
                &["calt", "wait", "s", "--until", "don"],
                "invalid value 'don' for '--until <UNTIL>' [possible values: decided, done]; tip: a similar value exists: 'done'",
                "calt wait",
            ),
            (
                &["calt", "run", "a", "--dry-run", "--session", "s"],
                "the argument '--dry-run' cannot be used with '--session <SESSION>'",
                "calt run",
            ),
            (
                &["calt", "session", "create", "--goal"],
                "a value is required for '--goal <GOAL>' but none was supplied",
                "calt session create",
            ),
            (
                &["calt", "guide", "--json", "--json"],
                "the argument '--json' cannot be used multiple times",
                "calt guide",
            ),
        ] {
            assert_eq!(refused(words), (said.to_owned(), command.to_owned()));
        }
    }

    #[test]
    fn the_command_that_help_is_asked_for_is_found() {
        for (words, command) in [
            (&["calt", "--help"] as &[&str], "calt"),
            (&["calt", "help", "plan", "check"], "calt plan check"),
            (&["calt", "plan", "help", "check"], "calt plan check"),
            (&["calt", "--approved-by", "plan", "run", "--help"], "calt run"),
            (&["calt", "run", "-h"], "calt run"),
        ] {
            assert_eq!(refused(words).1, command);
        }
    }
}
