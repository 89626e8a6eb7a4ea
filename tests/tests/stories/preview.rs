//! No recorded preview, no apply; and what is applied is exactly what was shown.

use calt_tests::{Person, Session, World};
use serde_json::json;

use crate::{apply, plan, preview};

fn file(world: &World, session: &Session, name: &str) -> std::path::PathBuf {
    world.workspace(&session.id).join(name)
}

fn previewed(ada: &Person<'_>) -> Session {
    let session = ada.propose(&plan(1, &[preview("p", "a.txt", "one\n"), apply("w", "a.txt", "one\n", "p")]));
    ada.approve_plan(&session, 1).expect(200);
    session
}

#[test]
fn an_apply_without_a_preview_fails() {
    let world = World::start();
    let ada = world.person("ada");
    let step =
        json!({"id": "w", "title": "w", "tool": "write_file_apply", "inputs": {"path": "a.txt", "content": "one\n"}});
    let session = ada.propose(&plan(1, std::slice::from_ref(&step)));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "w").expect(200);
    let ran = ada.run(&session, "w").expect(200).json();
    assert_eq!(ran["status"], "failed");
    assert!(ran["error"].as_str().unwrap().starts_with("preview gate rejected: "), "{ran}");
    assert!(!file(&world, &session, "a.txt").exists());

    let session = ada.session_with(&json!({"safety_profile": "dev"}));
    ada.import(&session, &plan(1, &[step])).expect(200);
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "w").expect(200);
    let ran = ada.run(&session, "w").expect(200).json();
    assert_eq!(ran["error"], "preview is required for write_file_apply");
}

#[test]
fn a_preview_made_up_in_the_plan_is_not_believed() {
    let world = World::start();
    let ada = world.person("ada");
    let made_up = json!({"path": "a.txt", "diff": "", "new_sha256": "0".repeat(64), "old_sha256": "0".repeat(64)});
    let step = json!({"id": "w", "title": "w", "tool": "write_file_apply",
        "inputs": {"path": "a.txt", "content": "one\n", "preview": made_up}});
    let session = ada.propose(&plan(1, &[step]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "w").expect(200);
    let ran = ada.run(&session, "w").expect(200).json();
    assert!(ran["error"].as_str().unwrap().starts_with("preview gate rejected: "), "{ran}");
    assert!(!file(&world, &session, "a.txt").exists());
}

#[test]
fn a_stale_preview_fails_and_the_file_is_untouched_even_for_one_cr() {
    for (before, after) in [("old\n", "old\r\n"), ("", "x")] {
        let world = World::start();
        let ada = world.person("ada");
        let session = previewed(&ada);
        std::fs::write(file(&world, &session, "a.txt"), before).unwrap();
        ada.carry_out(&session, "p");
        ada.approve_shown(&session, "w").expect(200);
        std::fs::write(file(&world, &session, "a.txt"), after).unwrap();
        let ran = ada.run(&session, "w").expect(200).json();
        assert_eq!(ran["status"], "failed");
        assert!(ran["error"].as_str().unwrap().starts_with("preview gate rejected: "), "{ran}");
        assert_eq!(std::fs::read_to_string(file(&world, &session, "a.txt")).unwrap(), after);
        assert_eq!(ada.show(&session)["needs_replan"], true);
    }
}

#[test]
fn a_matching_preview_is_applied_whole_and_keeps_the_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start();
    let ada = world.person("ada");
    let session = previewed(&ada);
    let target = file(&world, &session, "a.txt");
    std::fs::write(&target, "old\n").unwrap();
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o751)).unwrap();
    let shown = ada.carry_out(&session, "p");
    assert_eq!(shown["output"]["changed"], true);
    assert!(shown["output"]["diff"].as_str().unwrap().contains("-old\n+one\n"));
    assert_eq!(ada.step(&session, "w")["diff"], shown["output"]["diff"]);
    let applied = ada.carry_out(&session, "w");
    assert_eq!(applied["output"]["applied"], true);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "one\n");
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o751);
    let left: Vec<_> =
        std::fs::read_dir(world.workspace(&session.id)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.txt"], "no temporary file is left");
}
