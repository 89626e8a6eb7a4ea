//! A failure stops the session; only a new, approved plan version leads on.

use calt_tests::World;
use serde_json::json;

use crate::{look, plan, read};

#[test]
fn a_failing_step_stops_the_session_until_a_new_version_goes_on() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[read("a", "missing.txt"), look("b")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    ada.approve(&session, "b").expect(200);
    let failed = agent.run(&session, "a").expect(200).json();
    assert_eq!(failed["status"], "failed");
    let shown = agent.show(&session);
    assert_eq!((shown["status"].as_str(), shown["needs_replan"].as_bool()), (Some("failed"), Some(true)));

    let later = agent.run(&session, "b");
    assert_eq!(later.line(), "409 needs_replan → import_plan");
    assert_eq!(later.json()["detail"], "session needs replan before execution");
    assert_eq!(ada.approve_plan(&session, 1).json()["code"], "needs_replan");
    assert_eq!(agent.run(&session, "b").json()["code"], "needs_replan");

    agent.import(&session, &plan(2, &[look("b")])).expect(200);
    assert_eq!(agent.run(&session, "b").json()["code"], "plan_not_approved");
    ada.approve_plan(&session, 2).expect(200);
    ada.carry_out(&session, "b");
    assert_eq!(agent.show(&session)["status"], "succeeded");
}

#[test]
fn the_same_version_with_other_content_is_refused() {
    let world = World::start();
    let agent = world.agent();
    let session = agent.propose(&plan(1, &[look("a")]));
    agent.import(&session, &plan(1, &[look("a")])).expect(200);
    let refused = agent.import(&session, &plan(1, &[read("a", "x")]));
    assert_eq!(refused.status, 409);
    assert_eq!(refused.json()["code"], "plan_version_exists");
    let imports = agent.events(&session).iter().filter(|event| *event == "plan_imported").count();
    assert_eq!(imports, 1);
}

#[test]
fn equal_step_ids_of_two_versions_never_mix() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    ada.approve_plan(&session, 1).expect(200);
    let first = ada.step(&session, "a")["digest"].clone();
    ada.approve(&session, "a").expect(200);
    agent.import(&session, &plan(2, &[read("a", "x.txt")])).expect(200);
    assert_eq!(agent.run(&session, "a").json()["code"], "plan_not_approved");
    assert_eq!(ada.approve_plan(&session, 1).json()["code"], "plan_superseded");
    ada.approve_plan(&session, 2).expect(200);
    assert_eq!(agent.run(&session, "a").json()["code"], "step_not_approved");
    assert_eq!(ada.approve(&session, "a").json()["code"], "digest_required");
    let path = format!("/api/v1/sessions/{}/steps/a/approve", session.id);
    assert_eq!(ada.post(&path, &json!({"digest": first})).json()["code"], "digest_changed");
    ada.approve_shown(&session, "a").expect(200);
}

#[test]
fn a_no_with_a_reason_needs_a_new_version_too() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    assert_eq!(ada.post(&format!("/api/v1/sessions/{}/plans/1/reject", session.id), &json!({})).status, 422);
    ada.reject_plan(&session, 1, "too wide: look at src only").expect(200);
    assert_eq!(agent.show(&session)["needs_replan"], true);
    assert_eq!(ada.search(&session, "too wide"), ["plan_rejected"]);
    agent.import(&session, &plan(2, &[look("b")])).expect(200);
    ada.approve_plan(&session, 2).expect(200);
    ada.reject(&session, "b", "not this one").expect(200);
    assert_eq!(agent.show(&session)["needs_replan"], true);
    assert_eq!(agent.run(&session, "b").json()["code"], "needs_replan");
}

#[test]
fn a_verify_rule_that_does_not_hold_fails_the_step() {
    let world = World::start();
    let ada = world.person("ada");
    let mut step = look("a");
    step["verify"] = json!({"type": "jsonpath", "expr": "$.entries[?@.name == 'nowhere']"});
    let session = ada.propose(&plan(1, &[step]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    let ran = ada.run(&session, "a").expect(200).json();
    assert_eq!(ran["status"], "failed");
    assert!(ran["error"].as_str().unwrap().contains("verify"), "{ran}");
}
