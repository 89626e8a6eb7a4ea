//! Every command in the README does what stands beside it.

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

/// A world with the README's own plan in it, in a session of its own.
fn world_with_its_plan() -> (World, String) {
    let world = World::start();
    let plan = blocks(&readme(), "yaml").into_iter().next().expect("the README shows a plan");
    std::fs::write(world.home().join("PLAN.yaml"), plan).unwrap();
    let session = world.owner().session().id;
    let imported = world.calt(&["plan", "import", &session, "PLAN.yaml"]);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    (world, session)
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
fn every_command_runs() {
    let (world, session) = world_with_its_plan();
    let commands: Vec<String> = commands(&readme()).into_iter().filter(|line| line.starts_with("calt ")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for line in commands {
        let words: Vec<String> = line.split(' ').skip(1).map(|word| word.replace("SESSION", &session)).collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words[0] == "run" {
            // Nobody sits at this test's terminal.
            words.push("--yes");
        }
        let ran = world.calt(&words);
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    }
}

#[test]
fn the_refusal_is_the_one_that_is_shown() {
    let (world, session) = world_with_its_plan();
    let shown = blocks(&readme(), "console").into_iter().next().expect("the README shows a refusal");
    let command = shown.lines().next().unwrap().strip_prefix("$ calt ").unwrap();
    let shortened = Regex::new("session_[0-9a-f]+…").unwrap();
    let command = shortened.replace_all(command, session.as_str()).into_owned();
    let ran = world.calt(&command.split(' ').collect::<Vec<_>>());
    let printed = format!("{}$ echo $?\n{}\n", ran.stderr, ran.code);
    let expected = shortened.replace_all(shown.split_once('\n').unwrap().1, session.as_str()).into_owned();
    assert_eq!(printed, expected);
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
