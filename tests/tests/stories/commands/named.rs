//! Commands that a document names in passing are ones that calt has, with the options they are named with.

use std::collections::BTreeMap;

use calt_tests::World;
use regex::Regex;

use super::{documents, root};

/// Documents that tell of the past.
const OF_THE_PAST: [&str; 2] = ["CHANGELOG.md", "docs/PROGRESS.md"];

#[test]
fn what_is_named_in_passing_is_a_command() {
    let (span, blank) = (Regex::new(r"`([^`]+)`").unwrap(), Regex::new(r"\s+").unwrap());
    // Where several words are possible any of them does, and what is in brackets can be left out.
    let choice = Regex::new(r"\|[a-z|-]+|\[[^\]]*\]|…|\.\.\.").unwrap();
    let quoted = Regex::new(r#""[^"]*""#).unwrap();
    let apart = Regex::new(r" (?:&&|\||>|<) ").unwrap();
    let fenced = Regex::new(r"(?ms)^ *```.*?^ *```$").unwrap();
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for document in documents().into_iter().filter(|document| !OF_THE_PAST.contains(&document.as_str())) {
        let text = std::fs::read_to_string(root().join(&document)).unwrap();
        for found in span.captures_iter(&fenced.replace_all(&text, "")) {
            let words = blank.replace_all(&found[1], " ");
            let words = quoted.replace_all(&words, "TEXT").into_owned();
            // The digests of the record begin with such a name and a version.
            for part in apart.split(&words).filter(|part| part.starts_with("calt ") && !part.ends_with(" v1")) {
                named.insert(choice.replace_all(part, "").trim().to_owned(), document.clone());
            }
        }
    }
    assert!(named.len() > 40, "{named:?}");
    let value = Regex::new("a value is required for|invalid value '[A-Z]+'").unwrap();
    let world = World::asleep(&[]);
    for (command, document) in named {
        let mut words: Vec<&str> = command.split(' ').skip(1).collect();
        words.push("--help");
        let ran = world.calt(&words);
        // An option that is named without its value, or with a word that stands for one, is known all the same.
        let is_known = ran.code == 0 && !ran.stdout.is_empty() || value.is_match(&ran.stderr);
        assert!(is_known, "{document}: `{command}`: {}", ran.stderr);
    }
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
