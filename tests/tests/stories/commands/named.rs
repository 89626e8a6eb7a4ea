//! Commands that a document names in passing: those that can be typed as they stand are run, in a home of their own; of
//! the others calt has the command, with the options it is named with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use calt_tests::World;
use regex::Regex;

use super::blocks::Shown;
use super::{a_home, documents, filled_in, given, is_typed, root, script, talk};

/// Documents that tell of the past.
const OF_THE_PAST: [&str; 2] = ["CHANGELOG.md", "docs/PROGRESS.md"];
/// What is said where a command alone, without what it needs, was typed.
const NO_MORE_THAN_A_NAME: [&str; 3] =
    ["required arguments were not provided", "[OPTIONS] <COMMAND>", "a value is required for"];

/// Everything that begins with calt, or leads to it, with a document that names it. A command in brackets can be left out.
fn named() -> BTreeMap<String, String> {
    let (span, blank) = (Regex::new(r"`([^`]+)`").unwrap(), Regex::new(r"\s+").unwrap());
    let fenced = Regex::new(r"(?ms)^ *```.*?^ *```$").unwrap();
    let mut named = BTreeMap::new();
    for document in documents().into_iter().filter(|document| !OF_THE_PAST.contains(&document.as_str())) {
        let text = std::fs::read_to_string(root().join(&document)).unwrap();
        for found in span.captures_iter(&fenced.replace_all(&text, "")) {
            let words = blank.replace_all(&found[1], " ").into_owned();
            // The digests of the record begin with such a name and a version.
            let is_command = words.starts_with("calt ") || words.contains("| calt ");
            if is_command && !words.ends_with(" v1") {
                named.insert(words, document.clone());
            }
        }
    }
    assert!(named.len() > 40, "{named:?}");
    named
}

#[test]
fn what_is_named_in_passing_is_a_command() {
    // Where several words are possible any of them does, and what is in brackets can be left out.
    let choice = Regex::new(r#"\|[a-z|-]+|\[[^\]]*\]|…|\.\.\.|"[^"]*""#).unwrap();
    let apart = Regex::new(r" (?:&&|\||>|<) ").unwrap();
    let value = Regex::new("a value is required for|invalid value '[A-Z]+'").unwrap();
    let world = World::asleep(&[]);
    for (command, document) in named() {
        let command = choice.replace_all(&command, "");
        for part in apart.split(&command).filter(|part| part.starts_with("calt ")) {
            let words: Vec<&str> = part.split_whitespace().skip(1).chain(["--help"]).collect();
            let ran = world.calt(&words);
            // An option that is named without its value, or with a word that stands for one, is known all the same.
            let is_known = ran.code == 0 && !ran.stdout.is_empty() || value.is_match(&ran.stderr);
            assert!(is_known, "{document}: `{command}`: {}", ran.stderr);
        }
    }
}

#[test]
fn what_is_named_in_passing_and_can_be_typed_as_it_stands_is_run() {
    let commands = named();
    let apart: Vec<&str> = given::NAMED.iter().map(|(command, ..)| *command).collect();
    let not_run: Vec<&str> = given::NAMED_NOT_RUN.iter().map(|(command, _)| *command).collect();
    for command in apart.iter().chain(&not_run) {
        assert!(commands.contains_key(*command), "no document names `{command}`");
    }
    let plain =
        commands.keys().filter(|command| !apart.contains(&command.as_str()) && !not_run.contains(&command.as_str()));
    let plain: Vec<Shown> = plain.map(|command| Shown::new(0, command)).collect();
    let world = a_home_where_a_session_has_succeeded();
    is_typed(&world, &script("", &plain.iter().collect::<Vec<_>>())).unwrap();
    let mut run = 0;
    for (number, shown) in plain.iter().enumerate() {
        let read = |kind: &str| std::fs::read_to_string(talk(&world).join(format!("{number}.{kind}"))).unwrap();
        let (printed, code) = (read("out"), read("code"));
        if code.trim() == "2" && NO_MORE_THAN_A_NAME.iter().any(|told| printed.contains(told)) {
            continue;
        }
        assert_eq!(code.trim(), "0", "{}: `{}`\n{printed}", commands[&shown.text], shown.text);
        run += 1;
    }
    assert!(run > 20, "{run}");
}

#[test]
fn what_is_named_in_passing_and_needs_something_is_run_where_it_is_there() {
    let world = a_home_where_a_session_has_succeeded();
    let mut script = "exec >\"$TALK\"/presumed 2>&1 </dev/null\nset -e\n".to_owned();
    for (command, before, typed) in given::NAMED {
        let _ = writeln!(script, "echo '`{command}`'\ncd\n{before}\n{}", filled_in(typed));
    }
    is_typed(&world, &script).unwrap_or_else(|told| panic!("the last of these: {told}"));
}

fn a_home_where_a_session_has_succeeded() -> World {
    let world = a_home(given::PLAN);
    let ran = world.calt(&["run", "PLAN.yaml", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    world
}

#[test]
fn a_script_that_is_named_in_passing_is_there() {
    let span = Regex::new(r"`((?:scripts|packaging|tests|crates|clients|examples|\.ci)/[^`\s:]*)[^`]*`").unwrap();
    let mut looked_at = 0;
    for document in documents().into_iter().filter(|document| !OF_THE_PAST.contains(&document.as_str())) {
        let text = std::fs::read_to_string(root().join(&document)).unwrap();
        for found in span.captures_iter(&text).filter(|found| !found[1].contains(['*', '<', '{'])) {
            assert!(root().join(&found[1]).exists(), "{document}: {}", &found[1]);
            looked_at += 1;
        }
    }
    assert!(looked_at > 10, "{looked_at}");
}
