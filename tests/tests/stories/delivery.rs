//! What is delivered beside the binary: packages, units, pages, hooks, workflows, and the scripts that make them.

mod docker;
mod guard;
mod releases;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use calt_tests::World;
use serde_json::json;

use crate::{command, preview};

/// Most lines of ARCHITECTURE.md: what is longer is not read.
const ARCHITECTURE_LINES_MAX: usize = 200;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A script of this repository, with a home of its own and nothing of the caller's git or hooks.
fn script(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(root().join("scripts").join(name));
    command.current_dir(directory).env("HOME", directory).env("LC_ALL", "C.UTF-8");
    for variable in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF"] {
        command.env_remove(variable);
    }
    command
}

/// The exit code of a script, and everything it said.
fn said(output: &Output) -> (i32, String) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), format!("{stdout}{stderr}"))
}

#[test]
fn architecture_is_short_enough_to_be_read() {
    let lines = text("ARCHITECTURE.md").lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines; at most {ARCHITECTURE_LINES_MAX}");
}

#[test]
fn every_command_has_a_man_page_and_a_shell_its_completions() {
    let world = World::asleep(&[]);
    let ran = world.calt(&["completions", "--man", "pages/man1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    for (page, holds) in [("calt", "calt\\-plan(1)"), ("calt-plan-import", "SESSION"), ("calt-run", "\\-\\-yes")] {
        let page = std::fs::read_to_string(world.home().join(format!("pages/man1/{page}.1"))).unwrap();
        assert!(page.contains(".TH ") && page.contains(holds), "{page}");
    }
    for (shell, holds) in [("bash", "complete -F _calt"), ("zsh", "#compdef calt"), ("fish", "complete -c calt")] {
        let ran = world.calt(&["completions", shell]);
        assert!(ran.code == 0 && ran.stdout.contains(holds), "{shell}: {}{}", ran.stdout, ran.stderr);
    }
    let ran = world.calt(&["completions"]);
    assert!(ran.code == 2 && ran.stderr.contains("<SHELL>"), "{}", ran.stderr);
    std::fs::write(world.home().join("file"), "").unwrap();
    let ran = world.calt(&["completions", "--man", "file"]);
    assert!(ran.code == 69 && ran.stderr.contains("`file`"), "{}", ran.stderr);
}

/// What `calt.service` takes away from the daemon, as far as it can be had without a service manager.
const AS_THE_SERVICE: [&str; 5] =
    ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];

#[test]
fn a_daemon_that_can_gain_no_privilege_works_as_any_other() {
    let plain = World::as_ordinary_user(&[]);
    let held = World::launched_as_ordinary_user(&[], &AS_THE_SERVICE);
    let tier = |world: &World| world.owner().get("/api/v1/sandbox").json()["tier"].clone();
    assert_eq!(tier(&held), tier(&plain));
    if tier(&held) != json!("none") {
        let owner = held.owner();
        let session = owner.propose(&crate::plan(1, &[command("a", "ls -la"), preview("b", "a.txt", "one")]));
        owner.approve_plan(&session, 1);
        assert_eq!(owner.carry_out(&session, "a")["status"], "succeeded");
        assert_eq!(owner.carry_out(&session, "b")["status"], "succeeded", "file tools work as well");
    }
}

/// Settings of a unit, without remarks.
fn settings(unit: &str) -> Vec<(String, String)> {
    let text = text(&format!("packaging/systemd/{unit}"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_units_are_hardened_and_leave_the_daemon_its_box() {
    let (daemon, bot) = (settings("calt.service"), settings("calt-discord.service"));
    for (name, value) in [("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", ""), ("ProtectSystem", "strict")] {
        for unit in [&daemon, &bot] {
            assert!(unit.contains(&(name.to_owned(), value.to_owned())), "{name}={value}");
        }
    }
    // Each of these was seen to take something away: the tier `full`, the daemon itself, or every file tool.
    for taken in ["RestrictNamespaces", "ProtectHostname", "SystemCallFilter", "RestrictSUIDSGID", "DynamicUser"] {
        assert!(daemon.iter().all(|(name, _)| name != taken), "{taken} takes the box or the file tools away");
    }
    for (unit, runs) in [(&daemon, "/usr/bin/calt daemon"), (&bot, "/usr/bin/calt discord")] {
        assert!(unit.contains(&("ExecStart".to_owned(), runs.to_owned())), "{runs}");
    }
}

#[test]
fn the_package_holds_what_its_manifest_names() {
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    for asset in assets {
        let source = asset[0].as_str().unwrap();
        // What is built comes later; what is written is there.
        let directory = root().join(source.split("/*").next().unwrap());
        let directory = if source.contains("/*") { &directory } else { directory.parent().unwrap() };
        assert!(source.starts_with("target/") || directory.is_dir(), "{source}");
        assert!(source.contains('*') || source.starts_with("target/") || root().join(source).is_file(), "{source}");
    }
}

#[test]
fn whitespace_and_keys_that_stand_twice_are_named() {
    let home = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    put("blank.txt", "one \ntwo\n");
    put("open.txt", "one");
    put("empty-line.txt", "one\n\n");
    put("good.txt", "one\n");
    let (code, told) = said(
        &script("check_whitespace", home.path()).args(["blank.txt", "open.txt", "empty-line.txt"]).output().unwrap(),
    );
    assert_eq!(code, 1);
    for fault in ["blank.txt:1:one ", "open.txt: does not end", "empty-line.txt: ends with"] {
        assert!(told.contains(fault), "{told}");
    }
    assert_eq!(said(&script("check_whitespace", home.path()).arg("good.txt").output().unwrap()), (0, String::new()));

    put("twice.json", r#"{"a": 1, "b": {"c": 1, "c": 2}}"#);
    put("good.json", r#"{"a": [1]}"#);
    let (code, told) = said(&script("check_yaml", home.path()).args(["twice.json", "good.json"]).output().unwrap());
    assert!(code == 1 && told.contains("twice.json: the key `c` stands twice"), "{told}");
    assert!(!told.contains("good.json"), "{told}");
}
