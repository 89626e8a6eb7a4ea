//! The help of a command, where the person reads another language than that of the doc comments.
//!
//! clap's own help has English between the sentences and counts a wide character as one column, so this is written
//! here, out of the same definition. In English clap's stays.

use calt_api::lines::wrapped;
use clap::builder::PossibleValue;
use clap::{Arg, Command};

use crate::table::{padded, terminal_columns};
use crate::words::{in_help, t};

/// How wide help is where nothing says how wide the terminal is, and at most, in columns.
const COLUMNS: usize = 80;
const COLUMNS_MAX: usize = 100;
/// How far entries stand in, and the gap before what is said of them.
const INDENT: usize = 2;
const GAP: usize = 2;
/// The widest name beside which its sentence stands; that of a wider one stands below it.
const NAME_COLUMNS_MAX: usize = 24;

/// The help of a command that has been built.
pub(crate) fn help(command: &mut Command) -> String {
    let width = terminal_columns().unwrap_or(COLUMNS).min(COLUMNS_MAX);
    of_width(command, width)
}

fn of_width(command: &mut Command, width: usize) -> String {
    let mut page = Page { text: String::new(), width };
    if let Some(about) = command.get_about() {
        page.paragraph(&in_help(&about.to_string()));
    }
    page.text.push('\n');
    page.usage(command);
    let below: Vec<&Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
    let entries = below.iter().map(|below| {
        let about = below.get_about().map(ToString::to_string).unwrap_or_default();
        (below.get_name().to_owned(), vec![in_help(&about)])
    });
    page.section(&t!("Commands"), &entries.collect::<Vec<_>>());
    let shown: Vec<&Arg> = command.get_arguments().filter(|argument| !argument.is_hide_set()).collect();
    let (positional, options): (Vec<&Arg>, Vec<&Arg>) =
        shown.into_iter().partition(|argument| argument.is_positional());
    page.section(&t!("Arguments"), &entries_of(&positional));
    let (common, own): (Vec<&Arg>, Vec<&Arg>) =
        options.into_iter().partition(|argument| argument.get_help_heading().is_some());
    page.section(&t!("Options"), &entries_of(&own));
    if let Some(heading) = common.first().and_then(|argument| argument.get_help_heading()) {
        page.section(&in_help(heading), &entries_of(&common));
    }
    if let Some(after) = command.get_after_help() {
        page.line("");
        page.paragraph(&in_help(&after.to_string()));
    }
    page.text
}

/// A name, and the lines that say what it is.
type Entry = (String, Vec<String>);

fn entries_of(arguments: &[&Arg]) -> Vec<Entry> {
    arguments.iter().map(|argument| (name(argument), lines(argument))).collect()
}

fn name(argument: &Arg) -> String {
    match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(_)) => format!("-{short}, {argument}"),
        (None, Some(_)) => format!("    {argument}"),
        (_, None) => argument.to_string(),
    }
}

/// The sentence with what it says beside: the default, the variable, the values it takes.
fn lines(argument: &Arg) -> Vec<String> {
    let mut said = in_help(&argument.get_help().map(ToString::to_string).unwrap_or_default());
    let takes_values = argument.get_action().takes_values();
    if let Some(variable) = argument.get_env() {
        said.push_str(&t!(" [env: {name}]", name = variable.to_string_lossy()));
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_values && !defaults.is_empty() {
        said.push_str(&t!(" [default: {values}]", values = defaults.join(", ")));
    }
    let values = if takes_values { argument.get_possible_values() } else { Vec::new() };
    let values: Vec<&PossibleValue> = values.iter().filter(|value| !value.is_hide_set()).collect();
    let mut lines = vec![said];
    if values.iter().any(|value| value.get_help().is_some()) {
        lines.extend(values.iter().map(|value| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            format!("- {}: {}", value.get_name(), in_help(&help))
        }));
    } else if !values.is_empty() {
        let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        lines[0].push_str(&t!(" [possible values: {values}]", values = names.join(", ")));
    }
    lines
}

/// A page of a width, as it grows.
struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        for piece in wrapped(text, self.width) {
            self.line(&piece);
        }
    }

    /// What is typed, with the words that stand for something else in the person's language.
    fn usage(&mut self, command: &mut Command) {
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim_start();
        let words = [("[OPTIONS]", t!("[OPTIONS]")), ("<COMMAND>", t!("<COMMAND>")), ("[COMMAND]", t!("[COMMAND]"))];
        let usage = words.iter().fold(usage.to_owned(), |usage, (english, said)| usage.replace(english, said));
        self.line(&t!("Usage: {usage}", usage = usage));
    }

    fn section(&mut self, heading: &str, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        self.line("");
        self.line(&t!("{heading}:", heading = heading));
        let widths = entries.iter().map(|(name, _)| name.chars().count());
        let beside = widths.filter(|width| *width <= NAME_COLUMNS_MAX).max().unwrap_or(0);
        let column = INDENT + beside + GAP;
        for (name, lines) in entries {
            let mut before = padded(&format!("{}{name}", " ".repeat(INDENT)), column);
            if name.chars().count() > beside {
                self.line(&before);
                before = " ".repeat(column);
            }
            let room = self.width.saturating_sub(column);
            for piece in lines.iter().flat_map(|line| wrapped(line, room)) {
                self.line(&format!("{before}{piece}"));
                before = " ".repeat(column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use calt_api::visible::columns;

    use super::*;

    /// Every command with its help built.
    fn all(command: &Command, found: &mut Vec<Command>) {
        found.push(command.clone());
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            all(below, found);
        }
    }

    #[test]
    fn a_page_keeps_its_width_and_names_everything() {
        let mut root = crate::definition();
        root.build();
        let mut commands = Vec::new();
        all(&root, &mut commands);
        assert!(commands.len() > 40, "{}", commands.len());
        for command in &mut commands {
            let page = of_width(command, COLUMNS);
            let path = command.get_bin_name().unwrap_or("calt").to_owned();
            assert!(page.contains(&format!("Usage: {path}")), "{path}: {page}");
            for line in page.lines().filter(|line| !line.starts_with("Usage: ")) {
                // What cannot be broken is longer only by itself: a name, or a word of a sentence.
                let longest = line.split_whitespace().map(columns).max().unwrap_or(0);
                assert!(columns(line) <= COLUMNS || longest > COLUMNS / 2, "{path}: {line}");
            }
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(page.contains(&argument.to_string()), "{path}: {argument}");
            }
        }
    }

    #[test]
    fn what_is_said_beside_a_sentence_is_there() {
        let mut root = crate::definition();
        root.build();
        let page = of_width(&mut root, COLUMNS);
        assert!(page.contains("[env: CALT_DAEMON_TOKEN]") && page.contains("[default: cli]"), "{page}");
        let wait = root.find_subcommand_mut("wait").unwrap();
        let page = of_width(wait, COLUMNS);
        assert!(page.contains("- decided: Nothing of it waits for a person"), "{page}");
        let land = root.find_subcommand_mut("land").unwrap();
        assert!(of_width(land, COLUMNS).contains("  -m, --message <TEXT>"));
    }
}
