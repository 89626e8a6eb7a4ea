//! The newcomer's way: who has never seen calt is led to a first run, and told what is wrong and what to do.

use calt_tests::{Terminal, World};
use serde_json::{Value, json};

use crate::{look, plan};

/// What `doctor --json` says, with a token of one's own or the owner's.
fn doctor(world: &World, options: &[&str]) -> Value {
    let ran = world.calt(&[options, &["doctor", "--json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr))
}

/// The lines of an area with a verdict.
fn lines<'r>(report: &'r Value, area: &str, verdict: &str) -> Vec<&'r str> {
    let lines = report["lines"].as_array().unwrap().iter();
    let of = lines.filter(|line| line["area"] == area && line["verdict"] == verdict);
    of.map(|line| line["what"].as_str().unwrap()).collect()
}

fn count(world: &World, sql: &str) -> i64 {
    world.database().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn doctor_makes_every_call_and_leaves_nothing_that_waits() {
    let world = World::start();
    let before = count(&world, "SELECT COUNT(*) FROM events");
    let report = doctor(&world, &[]);
    assert_eq!(lines(&report, "API calls", "FAIL"), [""; 0], "{report}");
    let passed = lines(&report, "API calls", "PASS");
    assert!(passed.len() == 1 && passed[0].starts_with("all "), "{passed:?}");
    assert_eq!(count(&world, "SELECT COUNT(*) FROM events") - before, 3, "a probe is made, planned and stopped");

    let owner = world.owner();
    let ids = |path: &str| owner.get(path).expect(200).json()["items"].as_array().unwrap().len();
    assert_eq!(ids("/api/v1/sessions"), 0);
    assert_eq!(ids("/api/v1/sessions?status=cancelled"), 0);
    let probes = owner.get("/api/v1/sessions?include=probes").expect(200).json();
    assert_eq!((&probes["items"][0]["origin"], &probes["items"][0]["status"]), (&"doctor".into(), &"cancelled".into()));
    assert_eq!(owner.get("/api/v1/sessions?include=all").expect(422).json()["code"], "input_invalid");
    assert!(!world.calt(&["session", "list"]).stdout.contains("session_"));
    assert!(world.calt(&["session", "list", "--probes"]).stdout.contains("session_"));
}

#[test]
fn doctor_skips_what_the_token_may_not() {
    let world = World::start();
    for (role, probes) in [("viewer", 0), ("agent", 1), ("relay", 0)] {
        let before = count(&world, "SELECT COUNT(*) FROM sessions");
        let made = world.calt(&["token", "create", "--name", role, "--role", role]);
        let report = doctor(&world, &["--token", made.stdout.trim()]);
        assert_eq!(lines(&report, "API calls", "FAIL"), [""; 0], "{role}: {report}");
        assert!(!lines(&report, "API calls", "SKIP").is_empty(), "{role}");
        assert!(!lines(&report, "API calls", "PASS").is_empty(), "{role}");
        assert_eq!(count(&world, "SELECT COUNT(*) FROM sessions") - before, probes, "{role}");
    }
    assert_eq!(count(&world, "SELECT COUNT(*) FROM sessions WHERE status <> 'cancelled'"), 0);
}

#[test]
fn doctor_needs_no_approval_whatever_the_owner_demands() {
    let world = World::with(&[("CALT__POLICY__SELF_APPROVAL", "false"), ("CALT__POLICY__UNATTENDED", "false")]);
    assert_eq!(lines(&doctor(&world, &[]), "API calls", "FAIL"), [""; 0]);
}

#[test]
fn a_probe_waits_for_nobody_even_when_its_doctor_was_killed() {
    let world = World::start();
    let owner = world.owner();
    let left = owner.session_with(&json!({"goal": "left behind", "origin": "doctor"}));
    owner.import(&left, &plan(1, &[look("a")])).expect(200);
    let waiting = |path: &str| owner.get(path).expect(200).json()["items"].as_array().unwrap().len();
    assert_eq!(waiting("/api/v1/inbox"), 0);
    assert_eq!(waiting(&format!("/api/v1/inbox?session={}", left.id)), 0);
    let other = owner.propose(&plan(1, &[look("a")]));
    assert_eq!(waiting("/api/v1/inbox"), 1);
    assert_eq!(owner.get("/api/v1/inbox").json()["items"][0]["session_id"], other.id);
}

#[test]
fn doctor_on_a_terminal_says_each_verdict_with_its_fix() {
    let world = World::start();
    for columns in [80, 120] {
        let terminal = Terminal::run(&world, columns, &["doctor"]);
        let screen = terminal.waits_for("exit ", 1);
        for said in ["configuration\n", "PASS  all ", "SKIP  not configured", "fix: ", "SETTING", " PASS, "] {
            assert!(screen.contains(said), "{said}: {screen}");
        }
    }
}
