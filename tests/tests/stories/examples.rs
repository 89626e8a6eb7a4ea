//! Every plan in `examples/plans` runs as its first lines promise.

use std::path::PathBuf;

use calt_tests::World;

fn example(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/plans");
    root.join(name).to_str().unwrap().to_owned()
}

fn succeeds(name: &str) -> World {
    let world = World::start();
    let ran = world.calt(&["run", &example(name), "--yes"]);
    assert_eq!(ran.code, 0, "{name}\n{}\n{}", ran.stdout, ran.stderr);
    let sessions = world.owner().get("/api/v1/sessions").json();
    assert_eq!(sessions["items"][0]["status"], "succeeded", "{name}");
    world
}

fn only_session(world: &World) -> String {
    let sessions = world.owner().get("/api/v1/sessions").json();
    sessions["items"][0]["id"].as_str().unwrap().to_owned()
}

/// What the only session is for.
fn goal(world: &World) -> String {
    let sessions = world.owner().get("/api/v1/sessions").json();
    sessions["items"][0]["goal"].as_str().unwrap().to_owned()
}

#[test]
fn read_only() {
    let world = succeeds("read_only.yaml");
    assert_eq!(goal(&world), "Look at the workspace", "without a goal of its own a plan's title is the session's");
}

#[test]
fn workspace_overview() {
    succeeds("workspace_overview.yaml");
}

#[test]
fn search_inspect() {
    succeeds("search_inspect.yaml");
}

#[test]
fn preview_only() {
    let world = succeeds("preview_only.yaml");
    assert!(!world.workspace(&only_session(&world)).join("config").exists());
}

#[test]
fn two_phase_apply() {
    let world = succeeds("two_phase_apply.yaml");
    let written = world.workspace(&only_session(&world)).join("notes/hello.txt");
    assert!(std::fs::read_to_string(written).unwrap().starts_with("Hello from calt.\n"));
    assert_eq!(goal(&world), "Write one file, and only what was seen");
}

#[test]
fn patch_several_files() {
    let world = succeeds("patch_several_files.yaml");
    let workspace = world.workspace(&only_session(&world));
    assert!(std::fs::read_to_string(workspace.join("src/greet.py")).unwrap().contains("Good morning"));
    assert!(std::fs::read_to_string(workspace.join("src/main.py")).unwrap().contains("everyone"));
}

#[test]
fn verify_rules() {
    succeeds("verify_rules.yaml");
}

#[test]
fn japanese() {
    let world = succeeds("japanese.yaml");
    let session = calt_tests::Session { id: only_session(&world) };
    assert!(!world.owner().search(&session, "承認待ち").is_empty());
}

#[test]
fn needs_replan_and_the_way_on() {
    let world = World::start();
    let ran = world.calt(&["run", &example("needs_replan_v1.yaml"), "--yes"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.stdout, ran.stderr);
    let session = only_session(&world);
    assert_eq!(world.owner().get(&format!("/api/v1/sessions/{session}")).json()["needs_replan"], true);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    let ran = world.calt(&["run", &example("needs_replan_v2.yaml"), "--session", &session, "--yes"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(world.owner().get(&format!("/api/v1/sessions/{session}")).json()["status"], "succeeded");
}

#[test]
fn every_example_is_run_by_a_story() {
    let own = include_str!("examples.rs");
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/plans");
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_plan = name != "README.md";
        assert!(!is_plan || own.contains(&format!("\"{name}\"")), "{name} is run by no story");
    }
}
