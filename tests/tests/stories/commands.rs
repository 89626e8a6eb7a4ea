//! Every command in a document is run, in its order, in a home of its own, by a shell as a reader would type it.
//!
//! A block begins with three backticks and `sh` (commands) or `console` (`$ ` and a command, then what it prints). What
//! is shown there must be printed; `…` stands for anything. A command must end with exit code 0, unless its remark names
//! another (`exit code 1`) or `echo $?` follows. What a document presumes, what its placeholders stand for, and which
//! commands cannot be run and why: all of it is in `commands/given.rs`, and nothing else is left out.

mod blocks;
mod given;
mod named;

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use calt_tests::World;
use regex::Regex;

use blocks::Shown;

/// Longest the commands of one document may take, in seconds.
const DOCUMENT_SECONDS_MAX: u32 = 120;

#[test]
fn readme() {
    are_run("README.md");
}

#[test]
fn readme_in_japanese() {
    are_run("README.ja.md");
}

#[test]
fn agents() {
    are_run("docs/agents.md");
}

#[test]
fn api() {
    are_run("docs/api.md");
}

#[test]
fn cli() {
    are_run("docs/cli.md");
}

#[test]
fn discord() {
    are_run("docs/discord.md");
}

#[test]
fn landing() {
    are_run("docs/landing.md");
}

#[test]
fn operations() {
    are_run("docs/operations.md");
}

#[test]
fn performance() {
    are_run("docs/performance.md");
}

#[test]
fn undo() {
    are_run("docs/undo.md");
}

#[test]
fn workspaces() {
    are_run("docs/workspaces.md");
}

#[test]
fn example_plans() {
    are_run("examples/plans/README.md");
}

#[test]
fn every_document_with_commands_has_its_test() {
    let own = include_str!("commands.rs");
    let mut found = 0;
    for document in documents().iter().filter(|document| !blocks::of(document).is_empty()) {
        assert!(own.contains(&format!("are_run(\"{document}\")")), "the commands of {document} are run by no test");
        found += 1;
    }
    assert_eq!(found, own.matches("    are_run(\"").count(), "a test runs a document without commands");
}

#[test]
fn no_command_hides_in_a_block_that_is_not_run() {
    let command = Regex::new(r"^\s*(\$ |(calt|cargo|docker|apt|apt-get|sudo|systemctl|git|curl) \S|scripts/)").unwrap();
    for document in documents() {
        for (line, text) in blocks::other_lines(&document) {
            assert!(
                !command.is_match(&text),
                "{document}:{line}: not run, for its block is neither sh nor console: {text}"
            );
        }
    }
}

#[test]
fn what_is_not_run_has_a_reason_and_is_still_there() {
    for (document, begins, reason) in given::NOT_RUN {
        let shown = blocks::of(document);
        let found: Vec<_> = shown.iter().filter(|shown| shown.text.starts_with(begins)).collect();
        assert!(!found.is_empty() && !reason.is_empty(), "{document} has no command that begins with `{begins}`");
        for shown in found {
            names_what_is_there(document, &shown.text);
        }
    }
}

/// Scripts, plans, packages and examples that a command names are in the tree, whether it is run or not.
fn names_what_is_there(document: &str, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        if ["scripts/", "examples/", "docs/"].iter().any(|directory| word.starts_with(directory)) {
            assert!(root().join(word).exists(), "{document}: {word} of `{command}` is not there");
        }
        let named = || words.get(at + 1).unwrap_or_else(|| panic!("{document}: `{command}` ends with {word}"));
        match *word {
            "-p" => assert!(root().join("Cargo.lock").exists() && has_package(named()), "{document}: {}", named()),
            "--example" => {
                let crates = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
                let file = format!("examples/{}.rs", named());
                assert!(crates.into_iter().any(|directory| directory.join(&file).exists()), "{document}: {file}");
            }
            "target/release/calt-bench" => {
                let bench = std::fs::read_to_string(root().join("bench/src/main.rs")).unwrap();
                assert!(bench.contains(&format!("\"{}\"", named())), "{document}: calt-bench knows no `{}`", named());
            }
            _ => {}
        }
    }
}

fn has_package(name: &str) -> bool {
    std::fs::read_to_string(root().join("Cargo.lock")).unwrap().contains(&format!("name = \"{name}\"\n"))
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every document, by its path from the root.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for directory in ["", "docs", "docs/decisions", "examples/plans", "examples/agents", "packaging", "bench"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Runs all commands of a document and looks at how each ended and what it printed.
fn are_run(document: &str) {
    let all = blocks::of(document);
    assert!(!all.is_empty(), "{document} has no commands");
    let is_run = |shown: &&Shown| {
        given::NOT_RUN.iter().all(|(of, begins, _)| *of != document || !shown.text.starts_with(begins))
    };
    let run: Vec<&Shown> = all.iter().filter(is_run).collect();
    if run.is_empty() {
        return;
    }
    let world = a_home(&blocks::first_plan(document).unwrap_or_else(|| given::PLAN.to_owned()));
    let told = is_typed(&world, &script(document, &run)).unwrap_or_else(|told| panic!("{document}: {told}"));
    let talk = talk(&world);
    for (number, shown) in run.iter().enumerate() {
        let read = |kind: &str| std::fs::read_to_string(talk.join(format!("{number}.{kind}"))).unwrap_or_default();
        let (printed, code) = (read("out"), read("code"));
        let place = format!("{document}:{}: {}\n{printed}{told}", shown.line, shown.text);
        let follows = run.get(number + 1).is_some_and(|next| next.text == "echo $?");
        assert!(follows || code.trim() == shown.exit_code().to_string(), "exit code {code} of {place}");
        if let Some(output) = &shown.output {
            assert!(
                pattern(output).is_match(printed.trim_end()),
                "this is shown:\n{output}\nand this printed by {place}"
            );
        }
    }
}

/// Where a script leaves what commands print.
fn talk(world: &World) -> PathBuf {
    world.home().join("talk")
}

/// Has a shell do a script; gives what the shell itself said, or why it came to no good end.
fn is_typed(world: &World, script: &str) -> Result<String, String> {
    let talk = talk(world);
    std::fs::create_dir(&talk).unwrap();
    std::fs::write(talk.join("script"), format!("set -o pipefail\n{}\n{script}", given::WORDS)).unwrap();
    let mut shell = world.command_of("timeout");
    shell.args(["--kill-after=5", &DOCUMENT_SECONDS_MAX.to_string(), "bash"]).arg(talk.join("script"));
    shell.env("TALK", &talk).env("ROOT", root());
    shell.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", world.home().join("bin").display()));
    let ended = shell.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    let presumed = std::fs::read_to_string(talk.join("presumed")).unwrap_or_default();
    if ended.status.success() { Ok(told) } else { Err(format!("{told}\n{presumed}")) }
}

/// A home in which `calt` is on the PATH, and a plan at hand.
fn a_home(plan: &str) -> World {
    let world = World::asleep(&[]);
    let (home, binary) = (world.home(), World::binary());
    for name in ["PLAN.yaml", "plan.yaml"] {
        std::fs::write(home.join(name), plan).unwrap();
    }
    std::fs::create_dir_all(home.join(".local/share")).unwrap();
    std::os::unix::fs::symlink(world.data_root(), home.join(".local/share/calt")).unwrap();
    std::fs::create_dir(home.join("bin")).unwrap();
    // Nobody sits at this terminal, so a run is given its yes beforehand.
    let yes = "case \"$1\" in run | quickstart) set -- \"$@\" --yes ;; esac";
    let calt = format!("{yes}\nexec '{}' \"$@\"\n", binary.display());
    // A refusal is no success, and a stream has no end: what comes in two seconds is enough, but something has to.
    let curl = "PATH=${PATH#*:}\ncase \" $* \" in *' -sN '*)\n  timeout 2 curl \"$@\" > \"$TALK\"/stream\n  \
                [ $? = 124 ] && grep '^data:' \"$TALK\"/stream\n  exit ;;\nesac\nexec curl --fail-with-body \"$@\"\n";
    for (name, lines) in [("calt", calt.as_str()), ("curl", curl)] {
        let file = home.join("bin").join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{lines}")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    world
}

/// The commands as one script: one shell for the whole document, and two files for each command.
fn script(document: &str, run: &[&Shown]) -> String {
    let mut script = "ended_with=0\n".to_owned();
    let presumed: Vec<_> = given::PRESUMED.iter().filter(|(of, ..)| of.contains(&document)).collect();
    let mut used = vec![false; presumed.len()];
    for (number, shown) in run.iter().enumerate() {
        for (at, (_, before, done)) in presumed.iter().enumerate() {
            if !used[at] && shown.text.starts_with(before) {
                used[at] = true;
                let _ = writeln!(script, "{{\nset -e\n{done}\nset +e\n}} >>\"$TALK\"/presumed 2>&1");
            }
        }
        let mut text = filled_in(&shown.text);
        if shown.is_the_owners() {
            text = format!("env -u CALT_DAEMON_TOKEN {text}");
        }
        let _ = writeln!(script, "(exit $ended_with); {{\n{text}\n}} >\"$TALK\"/{number}.out 2>&1 </dev/null");
        let _ = writeln!(script, "ended_with=$?; echo $ended_with >\"$TALK\"/{number}.code");
    }
    let idle: Vec<_> =
        presumed.iter().zip(&used).filter(|(_, used)| !**used).map(|((_, before, _), _)| before).collect();
    assert!(idle.is_empty(), "{document} has no command that begins with {idle:?}");
    script
}

/// A command with what its placeholders stand for.
fn filled_in(command: &str) -> String {
    given::PLACEHOLDERS.iter().fold(command.to_owned(), |text, (placeholder, stands_for)| {
        Regex::new(placeholder).unwrap().replace_all(&text, *stands_for).into_owned()
    })
}

/// What is shown, as a pattern: `…` stands for anything, and so does an id that is cut short.
fn pattern(output: &str) -> Regex {
    let lines = output.trim_end().split("session_019a…").map(|part| {
        let parts: Vec<String> = part.split('…').map(regex::escape).collect();
        parts.join(".*")
    });
    let pattern = lines.collect::<Vec<_>>().join("session_[0-9a-f]{32}");
    Regex::new(&format!("^{pattern}$")).unwrap()
}
