//! Nothing that the command line says is broken by a terminal of 80 columns: no word, no id, no command.

use std::process::Command;

use calt_tests::{Terminal, World};

const LANGUAGES: [&str; 2] = ["en_US.UTF-8", "ja_JP.UTF-8"];

/// Long titles in both languages, a command, writes, and a step that fails.
const FAILS: &str = "title: 議事録と設計書をまとめて承認待ちに移してから読み返す長い題名のプランです
steps:
  - {id: look_at_everything_first, title: a title of many words that goes on for longer than a line has room for it, tool: run_shell_readonly, inputs: {command: find . -name a.txt}, expected_observation: nothing is found yet because nothing was written before this step and nobody else was here}
  - {id: p, title: 書く前に見る, tool: write_file_preview, inputs: {path: notes/a.txt, content: \"one\\n\"}}
  - {id: w, title: 書く, tool: write_file_apply, inputs: {path: notes/a.txt, content: \"one\\n\", preview: \"${steps.p.output}\"}}
  - {id: bad, title: 失敗する, tool: run_shell_readonly, inputs: {command: ls nowhere}}
";

/// A world in which something was written, something failed, and an undo waits; and the two sessions.
fn world(language: &str) -> (World, String, String) {
    let world = World::with(&[("LANG", language)]);
    std::fs::write(world.home().join("fails.yaml"), FAILS).unwrap();
    assert_eq!(world.calt(&["run", "fails.yaml", "--yes"]).code, 1);
    let written = newest(&world);
    let repository = world.home().join("a-repository");
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let ended = Command::new("git").current_dir(&repository).args(who).args(arguments).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    };
    std::fs::create_dir(&repository).unwrap();
    std::fs::write(repository.join("a.txt"), "a\n").unwrap();
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    let made = world.calt(&["session", "create", "--goal", "a goal of many words", "--workspace", "./a-repository"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let empty = newest(&world);
    assert_eq!(world.calt(&["undo", &written]).code, 0);
    (world, written, empty)
}

fn newest(world: &World) -> String {
    world.owner().get("/api/v1/sessions").json()["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_that_is_said_is_broken_by_a_terminal_of_80_columns() {
    for language in LANGUAGES {
        let (world, written, empty) = world(language);
        let lines = [
            "doctor".to_owned(),
            "guide".to_owned(),
            "session list".to_owned(),
            format!("session show {empty}"),
            "workspace list".to_owned(),
            "token list".to_owned(),
            "person list".to_owned(),
            "tools list".to_owned(),
            "tools permissions apply_patch".to_owned(),
            "inbox".to_owned(),
            format!("explain {written}"),
            format!("explain {empty}"),
            format!("plan show {written} 1"),
            format!("plan show {written}"),
            format!("step show {written} take-back_preview"),
            format!("logs search --session {written}"),
            "logs search a.txt".to_owned(),
            format!("artifacts list {written}"),
            format!("artifacts get {written} 1"),
            "record verify".to_owned(),
            // Refusals and what leads on from them.
            "artifacts get session_nowhere 1".to_owned(),
            format!("step execute {written} take-back_preview"),
            format!("run fails.yaml --session {empty} --workspace a-repository"),
            "wizard run < /dev/null".to_owned(),
            "search hello".to_owned(),
            "token create --role nobody".to_owned(),
            format!("run --session {written} < /dev/null"),
        ];
        for line in lines {
            // An output may have a line that begins with `exit` itself.
            let terminal = Terminal::shell(&world, 80, &format!("calt {line}; echo ended"));
            let screen = terminal.waits_for("\nended\nexit 0", 1);
            let seen = terminal.lines();
            assert_eq!(screen.lines().collect::<Vec<_>>(), seen, "calt {line}: {screen}");
            // What is to be copied is whole, too.
            let whole = seen.iter().filter(|line| line.contains("calt ")).all(|line| !line.ends_with("session_"));
            assert!(whole, "calt {line}: {screen}");
        }
    }
}

#[test]
fn a_list_of_sessions_takes_one_line_a_session_whatever_their_goals_are() {
    for (language, waits) in LANGUAGES.into_iter().zip(["waits", "承認待ち"]) {
        let (world, written, empty) = world(language);
        for columns in [80, 140] {
            let terminal = Terminal::run(&world, columns, &["session", "list"]);
            let screen = terminal.waits_for("exit 0", 1);
            let lines: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), 4, "{screen}");
            assert!(lines[1].starts_with(&empty) && lines[2].starts_with(&written), "{screen}");
            assert!(lines[2].contains("  議事録と設計") && lines[2].ends_with('…'), "{screen}");
            assert_eq!(lines[2].contains(waits), columns == 80 || language.starts_with("ja"), "{screen}");
        }
        // Other programs read the whole row.
        let piped = world.calt(&["session", "list"]).stdout;
        assert!(piped.contains("題名のプランです"), "{piped}");
    }
}

#[test]
fn progress_of_a_verification_leaves_nothing_on_the_screen() {
    let (world, ..) = world(LANGUAGES[0]);
    let terminal = Terminal::run(&world, 80, &["record", "verify"]);
    let screen = terminal.waits_for("exit 0", 1);
    assert_eq!((screen.matches("artifacts").count(), screen.matches("looked at").count()), (1, 0), "{screen}");
    assert!(screen.starts_with("PASS  database"), "{screen}");
}

#[test]
fn an_artifact_is_read_on_a_terminal_and_copied_elsewhere() {
    let (world, written, _) = world(LANGUAGES[0]);
    let terminal = Terminal::run(&world, 80, &["artifacts", "get", &written, "3"]);
    let screen = terminal.waits_for("exit 0", 1);
    assert!(screen.contains("wrote notes/a.txt") && !screen.contains('{'), "{screen}");
    let bytes = world.calt(&["artifacts", "get", &written, "3"]);
    let artifact: serde_json::Value = serde_json::from_str(&bytes.stdout).unwrap();
    assert_eq!((artifact["applied"].as_bool(), bytes.stderr.as_str()), (Some(true), ""));
}

#[test]
fn an_undo_is_shown_in_words_and_a_session_says_what_waits_to_be_taken_back() {
    let (world, written, _) = world(LANGUAGES[0]);
    let explained = world.calt(&["explain", &written]).stdout;
    let open = "not removed yet: notes/a.txt (step take-back_apply: pending)\n";
    assert!(explained.contains("wrote notes/a.txt (run 3)\n") && explained.contains(open), "{explained}");
    assert!(!explained.contains("not written: notes/a.txt"), "{explained}");
    let shown = world.calt(&["plan", "show", &written]).stdout;
    assert!(shown.contains("    1. notes/a.txt\n      is deleted\n"), "{shown}");
}
