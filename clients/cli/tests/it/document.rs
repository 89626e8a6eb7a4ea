//! `docs/cli.md` says of every command what its help says.

use std::fmt::Write as _;

use crate::root;

/// Where the part written by this test begins.
const MARK: &str = "<!-- From here on written by a test: UPDATE_DOCS=1 cargo nextest run -p calt-cli -->\n";
/// Columns of the help in the document.
const HELP_COLUMNS: usize = 100;

fn commands() -> String {
    let definition = calt_cli::definition().term_width(HELP_COLUMNS);
    let mut text = String::new();
    write_help(&mut text, "calt", definition.clone().disable_help_subcommand(true));
    write_below(&mut text, "calt", &definition);
    text
}

/// Every command below one, each without the options that all of them share.
fn write_below(text: &mut String, path: &str, command: &clap::Command) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        write_help(text, &path, below.clone().disable_help_subcommand(true));
        write_below(text, &path, below);
    }
}

fn write_help(text: &mut String, path: &str, command: clap::Command) {
    let mut command = command.bin_name(path).term_width(HELP_COLUMNS);
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## `{path}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
}

#[test]
fn the_document_holds_the_help_of_every_command() {
    let path = root().join("docs/cli.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (by_hand, written) = text.split_once(MARK).expect("the mark stands in docs/cli.md");
    let expected = commands();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{by_hand}{MARK}{expected}")).unwrap();
        return;
    }
    assert!(written == expected, "docs/cli.md is not as the commands are; run with UPDATE_DOCS=1");
}

#[test]
fn the_document_names_every_exit_code() {
    let text = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    for code in [0, 1, 2, 3, 4, 5, 6, 69, 70, 130] {
        assert!(text.contains(&format!("| {code} |")), "exit code {code}");
    }
}

#[test]
fn every_command_says_what_it_is_for_and_what_it_takes() {
    fn walk(command: &clap::Command) {
        for below in command.get_subcommands() {
            assert!(below.get_about().is_some(), "{}", below.get_name());
            for argument in below.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", below.get_name(), argument.get_id());
            }
            walk(below);
        }
    }
    walk(&calt_cli::definition());
}
