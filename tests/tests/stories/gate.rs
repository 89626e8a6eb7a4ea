//! Nothing runs unless plan and step were approved, and then exactly once.

use calt_tests::World;
use serde_json::json;

use crate::{apply, look, plan, preview};

#[test]
fn without_plan_approval_nothing_runs() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    assert_eq!(agent.run(&session, "a").line(), "409 plan_not_approved → approve_plan");
    assert_eq!(ada.approve(&session, "a").line(), "409 plan_not_approved → approve_plan");
    let refused = agent.run(&session, "a");
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("plan and step approvals are required before execution")
    );
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
}

#[test]
fn without_step_approval_nothing_runs() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    ada.approve_plan(&session, 1).expect(200);
    let refused = agent.run(&session, "a");
    assert_eq!(refused.line(), "409 step_not_approved → approve_step");
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("plan and step approvals are required before execution")
    );
}

#[test]
fn with_both_it_runs_once_and_the_second_call_is_refused() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a"), look("b")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    let ran = agent.run(&session, "a").expect(200).json();
    assert_eq!(ran["status"], "succeeded");
    assert_eq!(ran["artifacts"].as_array().unwrap().len(), 1);
    let again = agent.run(&session, "a");
    assert_eq!(again.status, 409);
    assert_eq!(again.json()["code"], "already_ran");
    assert_eq!(again.json()["args"]["run"], ran["run_id"]);
    assert_eq!(
        world.owner().events(&session),
        [
            "session_created",
            "plan_imported",
            "plan_approved",
            "step_approved",
            "step_started",
            "step_executed",
            "artifact_saved"
        ]
    );
}

#[test]
fn of_eight_parallel_calls_exactly_one_runs() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    for _ in 0..5 {
        let session = agent.propose(&plan(1, &[look("a"), look("b")]));
        ada.approve_plan(&session, 1).expect(200);
        ada.approve(&session, "a").expect(200);
        let address = world.address();
        let bearer = format!("Bearer {}", agent.token());
        let path = format!("/api/v1/sessions/{}/steps/a/execute", session.id);
        let (address, bearer, path) = (&address, &bearer, &path);
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(move || {
                        calt_tests::send(address, "POST", path, &[("Authorization", bearer)], None).status
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
        let started = agent.events(&session).iter().filter(|event| *event == "step_started").count();
        assert_eq!(started, 1);
    }
}

#[test]
fn a_later_step_waits_for_the_earlier_one() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a"), look("b")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    ada.approve(&session, "b").expect(200);
    assert_eq!(agent.run(&session, "b").json()["code"], "out_of_order");
    agent.run(&session, "a").expect(200);
    agent.run(&session, "b").expect(200);
    assert_eq!(agent.show(&session)["status"], "succeeded");
}

#[test]
fn execute_tells_the_first_of_many_reasons_in_a_fixed_order() {
    let world = World::start();
    let ada = world.person("ada");
    let code = |session: &calt_tests::Session, step: &str| ada.run(session, step).json()["code"].clone();
    let risky = |id: &str| {
        let mut step = look(id);
        step["risk"] = json!("high");
        step
    };

    // Missing comes before everything, superseded before the state of the session.
    let session = ada.propose(&plan(1, &[look("old"), look("both")]));
    assert_eq!(code(&session, "nowhere"), "step_not_found");
    ada.reject_plan(&session, 1, "no").expect(200);
    assert_eq!(code(&session, "old"), "needs_replan");
    ada.import(&session, &plan(2, &[look("both")])).expect(200);
    assert_eq!(code(&session, "old"), "plan_superseded");
    ada.stop(&session).expect(200);
    assert_eq!(code(&session, "old"), "plan_superseded");
    assert_eq!(code(&session, "nowhere"), "step_not_found");

    // The state of the session comes before what became of the step.
    let session = ada.propose(&plan(1, &[look("a"), look("b")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.carry_out(&session, "a");
    assert_eq!(code(&session, "a"), "already_ran");
    ada.reject(&session, "b", "no").expect(200);
    assert_eq!(code(&session, "a"), "needs_replan");
    ada.stop(&session).expect(200);
    assert_eq!(code(&session, "a"), "session_closed");
    let done = ada.propose(&plan(1, &[look("a")]));
    ada.approve_plan(&done, 1).expect(200);
    ada.carry_out(&done, "a");
    assert_eq!(ada.show(&done)["status"], "succeeded");
    assert_eq!(code(&done, "a"), "already_ran");

    // Approvals come before risk, risk before the dry run, and the order of steps last.
    let session = ada.session_with(&json!({"mode": "dry_run"}));
    let mut write =
        json!({"id": "w", "title": "w", "tool": "write_file_apply", "inputs": {"path": "f", "content": "x"}});
    write["risk"] = json!("high");
    ada.import(&session, &plan(1, &[look("first"), risky("r"), write])).expect(200);
    assert_eq!(code(&session, "w"), "plan_not_approved");
    ada.approve_plan(&session, 1).expect(200);
    assert_eq!(code(&session, "w"), "step_not_approved");
    ada.approve(&session, "w").expect(200);
    ada.approve(&session, "r").expect(200);
    assert_eq!(code(&session, "w"), "risk_unconfirmed");
    let confirmed = |step: &str| {
        let path = format!("/api/v1/sessions/{}/steps/{step}/execute", session.id);
        ada.post(&path, &json!({"confirm_high_risk": true})).json()["code"].clone()
    };
    assert_eq!(confirmed("w"), "dry_run");
    assert_eq!(code(&session, "r"), "risk_unconfirmed");
    assert_eq!(confirmed("r"), "out_of_order");
}

#[test]
fn a_digest_that_was_not_shown_is_refused() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    let path = format!("/api/v1/sessions/{}/plans/1/approve", session.id);
    let refused = ada.post(&path, &json!({"digest": "0".repeat(64)}));
    assert_eq!(refused.json()["code"], "digest_changed");
    ada.approve_plan(&session, 1).expect(200);
}

#[test]
fn strict_approves_only_what_is_resolved() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[preview("p", "a.txt", "one\n"), apply("w", "a.txt", "one\n", "p")]));
    ada.approve_plan(&session, 1).expect(200);
    let early = ada.approve(&session, "w");
    assert_eq!(early.json()["code"], "reference_unresolved");
    assert!(
        early.json()["detail"]
            .as_str()
            .unwrap()
            .contains("step input reference could not be resolved: ${steps.p.output}")
    );
    ada.carry_out(&session, "p");
    ada.carry_out(&session, "w");
    assert_eq!(std::fs::read_to_string(world.workspace(&session.id).join("a.txt")).unwrap(), "one\n");
}

#[test]
fn high_risk_is_confirmed_and_only_by_a_person() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let mut step = look("a");
    step["risk"] = json!("high");
    let session = agent.propose(&plan(1, &[step]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    let path = format!("/api/v1/sessions/{}/steps/a/execute", session.id);
    let unconfirmed = ada.post(&path, &json!({}));
    assert_eq!(unconfirmed.json()["code"], "risk_unconfirmed");
    assert_eq!(unconfirmed.json()["detail"], "high-risk step requires confirm_high_risk=true");
    assert_eq!(agent.post(&path, &json!({"confirm_high_risk": true})).status, 403);
    ada.post(&path, &json!({"confirm_high_risk": true})).expect(200);
}

#[test]
fn a_dry_run_applies_nothing() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.session_with(&json!({"mode": "dry_run"}));
    ada.import(&session, &plan(1, &[preview("p", "a.txt", "one\n"), apply("w", "a.txt", "one\n", "p")])).expect(200);
    ada.approve_plan(&session, 1).expect(200);
    ada.carry_out(&session, "p");
    ada.approve_shown(&session, "w").expect(200);
    let refused = ada.run(&session, "w");
    assert_eq!(refused.json()["code"], "dry_run");
    assert_eq!(refused.json()["detail"], "dry_run session rejects destructive apply operations");
    assert!(!world.workspace(&session.id).join("a.txt").exists());
}

#[test]
fn a_step_left_out_is_recorded_and_the_rest_goes_on() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.propose(&plan(1, &[look("a"), look("b")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.skip(&session, "a").expect(200);
    ada.carry_out(&session, "b");
    assert_eq!(ada.show(&session)["status"], "succeeded");
    assert!(ada.events(&session).contains(&"step_skipped".to_owned()));
}

#[test]
fn deciding_twice_is_answered_and_recorded_once() {
    let world = World::start();
    let (ada, bob) = (world.person("ada"), world.person("bob"));
    let session = ada.propose(&plan(1, &[look("a")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve_plan(&session, 1).expect(200);
    assert_eq!(bob.approve_plan(&session, 1).json()["code"], "already_decided");
    let approvals = ada.events(&session).iter().filter(|event| *event == "plan_approved").count();
    assert_eq!(approvals, 1);
}
