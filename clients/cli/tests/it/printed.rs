//! The commands against a real daemon.

use calt_tests::World;
use insta::assert_snapshot;
use regex::Regex;
use serde_json::Value;

const WRITE: &str = "title: 議事録を書く
session_goal: 見てから書く
steps:
  - {id: see, title: 差分を見る, tool: write_file_preview, inputs: {path: 議事録.md, content: \"一行目\\n\"}}
  - id: do
    title: そのとおりに書く
    tool: write_file_apply
    inputs: {path: 議事録.md, content: \"一行目\\n\", preview: \"${steps.see.output}\"}
    verify: {type: artifact_exists, expr: 議事録.md}
";

const BAD: &str = "title: 悪い計画
steps:
  - {id: a, title: 一覧, tool: list_dirr}
  - {id: a, title: 一覧, tool: list_dir, inputs: {追加: 1}}
";

fn world() -> World {
    let world = World::start();
    std::fs::write(world.home().join("plan.yaml"), WRITE).unwrap();
    std::fs::write(world.home().join("bad.yaml"), BAD).unwrap();
    std::fs::write(world.home().join("binary.yaml"), b"title: \xff\xfe").unwrap();
    std::fs::write(world.home().join("empty.yaml"), "").unwrap();
    std::fs::write(world.home().join("large.yaml"), vec![b'a'; 2 * 1024 * 1024 + 1]).unwrap();
    world
}

/// A command line with everything it printed, without what is another at each run.
fn printed(world: &World, line: &str) -> String {
    let ran = world.calt(&line.split(' ').collect::<Vec<_>>());
    let mut text = format!("$ calt {line}\n{}", ran.stdout);
    if !ran.stderr.is_empty() {
        text = format!("{text}--- standard error\n{}", ran.stderr);
    }
    without_chance(world, &format!("{text}--- exit {}\n", ran.code))
}

fn without_chance(world: &World, text: &str) -> String {
    let home = world.home().display().to_string();
    let mut text = text.replace(&home, "HOME");
    for (pattern, instead) in [
        (r"session_[0-9a-f]{32}", "SESSION"),
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
        (r"\b[0-9a-f]{12}\b", "DIGEST"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", "TIME"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\(\d+\.\d\d s\)", "(DURATION)"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}

fn all_printed(world: &World, lines: &[&str]) -> String {
    lines.iter().map(|line| printed(world, line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_shows_the_plan_the_diff_and_the_record() {
    let world = world();
    assert_snapshot!(printed(&world, "run plan.yaml --yes"));
}

#[test]
fn a_run_without_a_terminal_stops_at_the_gate() {
    let world = world();
    assert_snapshot!(printed(&world, "run plan.yaml"));
}

#[test]
fn the_loop_step_by_step() {
    let world = world();
    let made = world.calt(&["session", "create", "--goal", "見てから書く", "--ref", "OPS-1", "--json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let lines = [
        "session show SESSION",
        "plan check plan.yaml",
        "plan import SESSION plan.yaml",
        "step execute SESSION see",
        "plan approve SESSION 1",
        "plan approve SESSION 1 --yes",
        "step approve SESSION see --yes",
        "step execute SESSION see",
        "explain SESSION",
        "step approve SESSION do --yes",
        "step execute SESSION do",
        "step execute SESSION do",
        "session list",
        "artifacts list SESSION",
        "logs search 議事録 --session SESSION",
        "logs search nothing-of-this-name",
    ];
    let lines = lines.map(|line| line.replace("SESSION", made["id"].as_str().unwrap()));
    assert_snapshot!(all_printed(&world, &lines.each_ref().map(String::as_str)));
}

#[test]
fn a_no_and_the_way_on() {
    let world = world();
    let made: Value = serde_json::from_str(&world.calt(&["session", "create", "--json"]).stdout).unwrap();
    let lines = [
        "plan import SESSION plan.yaml",
        "plan reject SESSION 1",
        "plan reject SESSION 1 --reason まだ早い",
        "explain SESSION",
        "run --session SESSION",
        "session stop SESSION",
        "explain SESSION",
        "run --session SESSION --yes",
    ];
    let lines = lines.map(|line| line.replace("SESSION", made["id"].as_str().unwrap()));
    assert_snapshot!(all_printed(&world, &lines.each_ref().map(String::as_str)));
}

#[test]
fn plans_that_cannot_be_read() {
    let world = world();
    let lines = [
        "run none.yaml",
        "run .",
        "run binary.yaml",
        "run large.yaml",
        "plan check empty.yaml",
        "plan check bad.yaml",
        "run -",
    ];
    assert_snapshot!(all_printed(&world, &lines));
}

#[test]
fn what_is_not_there_and_who_may_not() {
    let world = world();
    let lines = [
        "session show session_nope",
        "explain session_nope",
        "plan show session_nope 1",
        "tools permissions nope",
        "token revoke nope",
        "--token wrong session list",
        "--base-url http://127.0.0.1:1 --token t session list",
        "--base-url http://127.0.0.1:1 session list",
        "--base-url https://127.0.0.1:1 --token t session list",
        "run",
        "sesion list",
        "session list --status nope",
        "step approve s a --confirm-high-risk",
        "run plan.yaml --session s --dry-run",
        "wizard run",
    ];
    assert_snapshot!(all_printed(&world, &lines));
}

#[test]
fn the_inbox_says_what_waits_and_the_command_that_leads_on() {
    let world = world();
    let session = world.calt(&["session", "create", "--json"]);
    let session: Value = serde_json::from_str(&session.stdout).unwrap();
    let id = session["id"].as_str().unwrap();
    let mut text = printed(&world, "inbox");
    printed(&world, &format!("plan import {id} plan.yaml"));
    text.push_str(&printed(&world, "inbox"));
    text.push_str(&printed(&world, &format!("wait {id} --until decided --timeout 0")));
    printed(&world, &format!("plan reject {id} 1 --reason まだ早い"));
    text.push_str(&printed(&world, "inbox"));
    text.push_str(&printed(&world, &format!("wait {id} --until decided")));
    assert_snapshot!(text);
}

#[test]
fn an_agent_is_told_that_somebody_else_decides() {
    let world = world();
    let agent = world.agent().token().to_owned();
    let run = world.calt(&["--token", &agent, "run", "plan.yaml", "--yes"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("error: ") && run.stderr.contains("hint: calt "), "{}", run.stderr);
}

#[test]
fn a_refusal_as_json() {
    let world = world();
    assert_snapshot!(printed(&world, "session show session_nope --json"));
}

#[test]
fn the_guide_fits_on_one_screen() {
    let world = World::asleep(&[]);
    let guide = world.calt(&["guide"]);
    assert_eq!(guide.code, 0);
    assert!(guide.stdout.lines().count() <= 22);
    assert!(guide.stdout.lines().all(|line| line.chars().count() <= 80), "{}", guide.stdout);
    assert!(!world.data_root().exists(), "the guide needs no daemon");
}

#[test]
fn a_token_is_the_only_thing_on_standard_output() {
    let world = World::start();
    let made = world.calt(&["token", "create", "--name", "bot", "--role", "agent"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let token = made.stdout.trim_end();
    assert!(!token.is_empty() && !token.contains(char::is_whitespace), "{token:?}");
    assert_eq!(world.calt(&["--token", token, "session", "list"]).code, 0);
}

#[test]
fn an_artifact_comes_as_the_bytes_it_is() {
    let world = world();
    assert_eq!(world.calt(&["run", "plan.yaml", "--yes"]).code, 0);
    let list: Value = serde_json::from_str(&world.calt(&["session", "list", "--json"]).stdout).unwrap();
    let session = list["items"][0]["id"].as_str().unwrap();
    let got = world.calt(&["artifacts", "get", session, "1"]);
    assert!(serde_json::from_str::<Value>(&got.stdout).unwrap()["diff"].as_str().unwrap().contains("+一行目"));
    let written = world.calt(&["artifacts", "get", session, "1", "--output", "one.json"]);
    assert_eq!(written.stdout, format!("one.json ({} bytes)\n", got.stdout.len()));
    assert_eq!(std::fs::read_to_string(world.home().join("one.json")).unwrap(), got.stdout);
}
