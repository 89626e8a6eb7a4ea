//! What the README opens with, and that the Japanese one shows the same. Its commands are run by a story, `commands.rs`.

use calt_tests::World;
use regex::Regex;

use crate::root;

fn readme() -> String {
    document("README.md")
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The fenced blocks of one kind.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let fence = format!("```{kind}\n");
    let blocks = text.split(&fence).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The commands of all `sh` blocks, without their remarks.
fn commands(text: &str) -> Vec<String> {
    let blocks = blocks(text, "sh");
    let lines = blocks.iter().flat_map(|block| block.lines());
    lines.map(|line| line.split(" #").next().unwrap().trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn it_opens_with_the_two_commands_that_build_and_test() {
    let commands = commands(&readme());
    let [first, second, ..] = commands.as_slice() else { panic!("{commands:?}") };
    let arguments = first.strip_prefix("cargo run -- ").expect("the first command builds calt and runs it");
    let world = World::start();
    let mut words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    let plan = words.last_mut().unwrap();
    *plan = root().join(&*plan).to_str().unwrap().to_owned();
    words.push("--yes".to_owned());
    let ran = world.calt(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("wrote "), "the write is in the log: {}", ran.stdout);
    assert!(root().join(second).is_file(), "{second}");
}

#[test]
fn the_japanese_one_shows_the_same() {
    let (english, japanese) = (readme(), document("README.ja.md"));
    assert_eq!(commands(&english), commands(&japanese));
    for kind in ["yaml", "console"] {
        let without_remarks = |text: &str| -> Vec<String> {
            let blocks = blocks(text, kind);
            blocks
                .iter()
                .flat_map(|block| block.lines())
                .map(|line| line.split(" #").next().unwrap().trim_end().to_owned())
                .collect()
        };
        assert_eq!(without_remarks(&english), without_remarks(&japanese), "{kind}");
    }
    let headings = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings(&english), headings(&japanese));
}

#[test]
fn every_document_it_names_is_there() {
    for name in ["README.md", "README.ja.md"] {
        names_what_is_there(&document(name));
    }
}

fn names_what_is_there(text: &str) {
    let link = Regex::new(r"\]\(([^)#]+)\)").unwrap();
    let missing: Vec<&str> = link
        .captures_iter(text)
        .map(|found| found.get(1).unwrap().as_str())
        .filter(|path| !path.contains("://") && !root().join(path).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
