//! The command line: one command does the main job, and every refusal says what to do.

use calt_tests::World;

use crate::{look, plan};

fn write_plan(world: &World, name: &str, text: &str) {
    std::fs::write(world.home().join(name), text).unwrap();
}

const LOOK: &str = "title: look\nsteps:\n  - {id: a, title: look, tool: list_dir}\n";

#[test]
fn run_starts_a_daemon_by_itself_and_prints_the_record() {
    let world = World::asleep(&[]);
    write_plan(&world, "look.yaml", LOOK);
    let ran = world.calt(&["run", "look.yaml", "--yes"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("step_executed"), "{}", ran.stdout);
    let again = world.calt(&["session", "list", "--json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let json: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.calt(&["daemon", "stop"]).code, 0);
}

#[test]
fn without_a_terminal_and_without_yes_it_stops_at_the_gate() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    let ran = world.calt(&["run", "look.yaml"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    let sessions = world.owner().get("/api/v1/sessions").json();
    assert_eq!(sessions["items"][0]["status"], "awaiting_plan_approval");
}

#[test]
fn the_gate_step_by_step() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    let made = world.calt(&["session", "create", "--goal", "g", "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let json: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let session = json["id"].as_str().unwrap();
    assert_eq!(world.calt(&["plan", "import", session, "look.yaml"]).code, 0);
    let early = world.calt(&["step", "execute", session, "a"]);
    assert_eq!(early.code, 3, "{}", early.stderr);
    assert!(early.stderr.contains("error:") && early.stderr.contains("hint:"), "{}", early.stderr);
    assert_eq!(world.calt(&["plan", "approve", session, "1"]).code, 0);
    assert_eq!(world.calt(&["step", "approve", session, "a"]).code, 0);
    let ran = world.calt(&["step", "execute", session, "a"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let explained = world.calt(&["explain", session]);
    assert!(explained.stdout.contains("succeeded"), "{}", explained.stdout);
    let found = world.calt(&["logs", "search", "--session", session, "step_executed"]);
    assert!(found.stdout.contains("step a executed"), "{}", found.stdout);
    assert_eq!(world.calt(&["session", "show", "session_nope"]).code, 4);
}

#[test]
fn a_yes_by_flag_is_recorded_as_an_unattended_yes() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    world.calt(&["run", "look.yaml", "--yes"]);
    let how: String = world
        .database()
        .query_row("SELECT facts FROM events WHERE event_type = 'plan_approved'", [], |row| row.get(0))
        .unwrap();
    assert!(how.contains("\"how\":\"flag\""), "{how}");
}

#[test]
fn high_risk_is_not_answered_by_yes_alone() {
    let world = World::start();
    write_plan(&world, "high.yaml", "title: t\nsteps:\n  - {id: a, title: look, tool: list_dir, risk: high}\n");
    let ran = world.calt(&["run", "high.yaml", "--yes"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.stdout, ran.stderr);
    let ran = world.calt(&["run", "high.yaml", "--yes", "--confirm-high-risk"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn a_token_of_another_address_is_never_sent() {
    let world = World::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ran = world.calt(&["--base-url", &url, "tools", "list"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a stored token went to another address");
}

#[test]
fn one_session_on_two_surfaces() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a")]));
    assert_eq!(world.calt(&["plan", "approve", &session.id, "1"]).code, 0);
    owner.carry_out(&session, "a");
    assert!(world.calt(&["session", "show", &session.id]).stdout.contains("succeeded"));
}
