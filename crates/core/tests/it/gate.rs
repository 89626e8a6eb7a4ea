//! Ways around the gate that were tried and do not lead anywhere, and retries that change nothing.

use std::sync::Arc;

use calt_core::decide::Verdict;
use calt_core::event::{Fact, Mode, Profile};
use calt_core::permit::{Covers, Gate};
use calt_core::session::{SessionStatus, StepStatus};
use calt_core::{Action, Refusal};

use crate::world::{
    Who, World, apply, apply_after, failed, id, import, interrupt, look, no, plan, preview, shell, start, steps_of, yes,
};

fn at_work(steps: &[serde_json::Value]) -> World {
    let mut world = World::strict();
    world.import(plan(1, steps)).done();
    world.approve_plan(Who::Ann).done();
    world
}

#[test]
fn of_eight_executes_one_starts() {
    let mut world = at_work(&[look("a"), look("b")]);
    world.approve(Who::Ann, "a").done();
    // All eight were gathered before any was decided.
    let action = start("a", false);
    let facts = world.facts(&steps_of(&action));
    let codes: Vec<_> = (0..8).map(|_| world.act_on(Who::Robot, action.clone(), &facts).code()).collect();
    assert_eq!(codes, [&["ok"][..], &["run_in_progress"; 7][..]].concat());
    world.finish().done();
    assert_eq!(world.act_on(Who::Robot, action, &facts).code(), "already_ran");
}

#[test]
fn a_run_ends_in_the_log_though_a_later_step_was_rejected_meanwhile() {
    for how in ["succeeded", "failed", "interrupted"] {
        let mut world = at_work(&[look("a"), look("b")]);
        world.approve(Who::Ann, "a").done();
        world.start(Who::Robot, "a").done();
        world.reject(Who::Bob, "b").done();
        assert_eq!(world.session().status(), SessionStatus::Failed);
        assert_eq!(world.import(plan(2, &[look("a")])).code(), "run_in_progress");
        let (run, _) = world.session().running().unwrap();
        let came = match how {
            "succeeded" => world.finish(),
            "failed" => world.finish_with(failed("step_failed")),
            _ => world.act(Who::Daemon, interrupt(run)),
        };
        came.done();
        assert_eq!((world.session().running(), world.session().needs_replan()), (None, true), "{how}");
        world.import(plan(2, &[look("a")])).done();
    }
}

#[test]
fn the_last_run_of_a_session_with_a_rejected_step_is_no_success() {
    let mut world = at_work(&[look("a"), look("b")]);
    world.approve(Who::Ann, "a").done();
    world.start(Who::Robot, "a").done();
    world.skip(Who::Ann, "b").done();
    let ended = world.finish();
    assert!(ended.facts.iter().any(|fact| matches!(fact, Fact::SessionSucceeded { .. })), "{}", ended.words());
    let mut world = at_work(&[look("a"), look("b")]);
    world.approve(Who::Ann, "a").done();
    world.start(Who::Robot, "a").done();
    world.reject(Who::Ann, "b").done();
    let ended = world.finish();
    assert!(!ended.facts.iter().any(|fact| matches!(fact, Fact::SessionSucceeded { .. })), "{}", ended.words());
}

#[test]
fn an_id_that_stood_for_something_else_in_any_older_version_asks_for_a_digest() {
    let mut world = at_work(&[look("a")]);
    for (version, step) in [(2, shell("a", "ls")), (3, shell("a", "ls"))] {
        world.import(plan(version, &[step])).done();
    }
    world.approve_plan(Who::Ann).done();
    // Version 2 is the same, but version 1 was not.
    let refused = world.approve(Who::Ann, "a").outcome.unwrap_err();
    let Refusal::DigestRequired { digest, .. } = refused else { panic!("{refused}") };
    assert_eq!(digest, world.digests(&id("a")).0);
    world.act(Who::Ann, Action::ApproveStep { step: id("a"), verdict: yes(digest) }).done();
}

#[test]
fn an_id_that_always_stood_for_the_same_needs_no_digest() {
    let mut world = at_work(&[look("a")]);
    world.import(plan(2, &[look("a"), look("b")])).done();
    world.approve_plan(Who::Ann).done();
    world.approve(Who::Ann, "a").done();
}

#[test]
fn an_approval_ends_with_its_plan_version() {
    let mut world = at_work(&[look("a")]);
    world.approve(Who::Ann, "a").done();
    world.import(plan(2, &[look("a")])).done();
    assert_eq!(world.start(Who::Robot, "a").code(), "plan_not_approved");
    world.approve_plan(Who::Ann).done();
    assert_eq!(world.start(Who::Robot, "a").code(), "step_not_approved");
}

#[test]
fn a_superseded_step_is_named_with_the_version_it_stood_in() {
    let mut world = at_work(&[look("gone")]);
    world.import(plan(7, &[look("a")])).done();
    world.import(plan(9, &[look("a")])).done();
    world.approve_plan(Who::Ann).done();
    let refused = world.start(Who::Robot, "gone").outcome.unwrap_err();
    assert!(matches!(refused, Refusal::PlanSuperseded { version: 1, newest: 9, .. }), "{refused}");
}

#[test]
fn the_same_content_under_a_used_version_answers_as_the_first_time() {
    let mut world = at_work(&[look("a")]);
    world.import(plan(2, &[look("b")])).done();
    for version in [1, 2] {
        let known = plan(version, &[look(if version == 1 { "a" } else { "b" })]);
        let came = world.act(Who::Robot, import(known));
        assert_eq!((came.code(), came.facts.len()), ("ok", 0), "v{version}");
    }
    assert_eq!(world.import(plan(1, &[look("b")])).code(), "plan_version_exists");
    assert_eq!(world.session().plan_version(), Some(2));
}

#[test]
fn the_same_decision_again_changes_nothing_even_after_its_consequences() {
    let mut world = at_work(&[look("a"), look("b")]);
    world.run("a");
    world.skip(Who::Ann, "b").done();
    assert_eq!(world.session().status(), SessionStatus::Succeeded);
    assert_eq!(world.skip(Who::Ann, "b").words(), "nothing new");
    assert_eq!(world.skip(Who::Bob, "b").code(), "already_decided");
    assert_eq!(world.approve_plan(Who::Ann).words(), "nothing new");
    assert_eq!(world.approve_plan(Who::Bob).code(), "already_decided");
    assert_eq!(world.approve(Who::Ann, "a").code(), "already_ran");

    let mut world = at_work(&[look("a")]);
    world.reject(Who::Ann, "a").done();
    assert_eq!(world.reject(Who::Ann, "a").words(), "nothing new");
    assert_eq!(world.reject(Who::Bob, "a").code(), "already_decided");

    let mut world = at_work(&[look("a")]);
    let reject = Action::RejectPlan { version: 1, verdict: no(None) };
    world.act(Who::Ann, reject.clone()).done();
    assert_eq!(world.act(Who::Ann, reject.clone()).words(), "nothing new");
    assert_eq!(world.act(Who::Bob, reject).code(), "already_decided");
}

#[test]
fn in_dev_facts_of_another_plan_approve_nothing() {
    let mut world = World::dev();
    let steps = [preview("show", "a.txt", "two\n"), apply_after("write", "a.txt", "two\n", "show")];
    world.import(plan(1, &steps)).done();
    let action = Action::ApproveStep { step: id("write"), verdict: yes(None) };
    let facts = world.facts(&steps_of(&action));
    world.import(plan(2, &steps)).done();
    world.approve_plan(Who::Ann).done();
    assert_eq!(world.act_on(Who::Ann, action, &facts).code(), "digest_changed");
}

#[test]
fn in_dev_the_same_person_may_ask_again_once_references_resolve() {
    let mut world = World::dev();
    let steps = [preview("show", "a.txt", "two\n"), apply_after("write", "a.txt", "two\n", "show")];
    world.import(plan(1, &steps)).done();
    world.approve_plan(Who::Ann).done();
    let approved = world.approve(Who::Ann, "write");
    assert!(matches!(approved.facts[..], [Fact::StepApproved { covers: Covers::Template, .. }]));
    world.run("show");
    assert_eq!(world.approve(Who::Ann, "write").words(), "nothing new");
    let started = world.start(Who::Robot, "write");
    let [Fact::StepStarted { digest, template_digest, covers, .. }] = &started.facts[..] else { panic!() };
    assert_eq!((*covers, digest == template_digest), (Covers::Template, false));
}

#[test]
fn in_strict_an_apply_is_approved_with_its_references_resolved() {
    let mut world = at_work(&[preview("show", "a.txt", "two\n"), apply_after("write", "a.txt", "two\n", "show")]);
    let refused = world.approve(Who::Ann, "write").outcome.unwrap_err();
    assert!(matches!(&refused, Refusal::ReferenceUnresolved { from: Some(from), .. } if *from == id("show")));
    assert!(refused.to_string().starts_with("step input reference could not be resolved: ${steps.show.output}"));
    world.run("show").run("write");
    assert_eq!((world.session().status(), world.texts["a.txt"].as_str()), (SessionStatus::Succeeded, "two\n"));
}

#[test]
fn a_preview_goes_stale_when_the_file_changes() {
    let mut world = at_work(&[preview("show", "a.txt", "two\n"), apply("write", "a.txt", "two\n")]);
    world.run("show");
    world.approve(Who::Ann, "write").done();
    world.texts.insert("a.txt".to_owned(), "somebody was here\n".to_owned());
    world.start(Who::Robot, "write").done();
    assert_eq!(world.gate_of_run(), Gate::Stale);
    world.finish().done();
    assert_eq!(world.session().step_status(&id("write")), Some(StepStatus::Failed));
}

#[test]
fn a_preview_of_an_older_version_serves_a_newer_one_and_one_of_another_text_does_not() {
    let mut world = at_work(&[preview("show", "a.txt", "two\n"), look("rest")]);
    world.run("show");
    world.import(plan(2, &[apply("write", "a.txt", "two\n"), apply("other", "b.txt", "two\n")])).done();
    world.approve_plan(Who::Ann).done();
    for (step, recorded) in [("write", true), ("other", false)] {
        world.approve(Who::Ann, step).done();
        let permit = world.start(Who::Robot, step).permit.expect("a started step has a permit");
        assert_eq!(matches!(permit.gate(), Gate::Recorded { .. }), recorded, "{step}");
        world.finish().done();
    }
}

#[test]
fn a_run_that_is_no_preview_leaves_none() {
    let mut world = at_work(&[look("a"), apply("write", "a.txt", "two\n")]);
    world.approve(Who::Ann, "a").done();
    world.approve(Who::Ann, "write").done();
    let would_write = world.facts(&[id("write")]).steps.remove(&id("write")).unwrap().files;
    world.start(Who::Robot, "a").done();
    let calt_core::decide::RunEnd::Succeeded(mut success) = world.end_of_run(&Gate::NotNeeded) else { panic!() };
    Arc::make_mut(&mut success).preview = Some(would_write);
    world.finish_with(calt_core::decide::RunEnd::Succeeded(success)).done();
    let started = world.start(Who::Robot, "write");
    assert_eq!(started.permit.as_ref().map(|permit| permit.gate().clone()), Some(Gate::Missing));
}

#[test]
fn a_rejection_takes_an_approval_back_until_the_step_starts() {
    let mut world = at_work(&[look("a")]);
    world.approve(Who::Ann, "a").done();
    world.reject(Who::Bob, "a").done();
    assert_eq!(world.start(Who::Robot, "a").code(), "needs_replan");
    let mut world = at_work(&[look("a")]);
    world.approve(Who::Ann, "a").done();
    world.start(Who::Robot, "a").done();
    assert_eq!(world.reject(Who::Bob, "a").code(), "run_in_progress");
}

#[test]
fn an_agent_never_confirms_high_risk_for_a_person() {
    let mut world = at_work(&[crate::world::risky(look("a"))]);
    world.approve(Who::Ann, "a").done();
    assert_eq!(world.act(Who::Robot, start("a", true)).code(), "not_allowed");
    assert_eq!(world.start(Who::Robot, "a").code(), "risk_unconfirmed");
    assert!(world.act(Who::Ann, start("a", true)).permit.is_some());
}

#[test]
fn a_reason_is_bounded_and_says_something() {
    let mut world = at_work(&[look("a")]);
    for (reason, code) in [(" \n".to_owned(), "reason_required"), ("x".repeat(4_001), "limit_exceeded")] {
        let verdict = Verdict { reason: Some(reason), ..yes(None) };
        assert_eq!(world.act(Who::Ann, Action::RejectStep { step: id("a"), verdict }).code(), code);
    }
}

#[test]
fn a_failure_too_long_for_the_record_keeps_its_error() {
    let mut world = at_work(&[look("a")]);
    world.approve(Who::Ann, "a").done();
    world.start(Who::Robot, "a").done();
    let calt_core::decide::RunEnd::Failed(mut failure) = failed("step_failed") else { panic!() };
    Arc::make_mut(&mut failure).output = Some("x".repeat(100_000).into());
    world.finish_with(calt_core::decide::RunEnd::Failed(failure)).done();
    let payload = &world.log.last().unwrap().payload_text;
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["error"], "it went wrong: step_failed");
    assert_eq!((&payload["output"], &payload["left_out"]), (&serde_json::Value::Null, &serde_json::json!(["output"])));
}

#[test]
fn a_long_session_is_taken_in_no_slower_than_a_short_one() {
    // Counted, not timed: what evolve may look at is the state, and that does not hold the events.
    let mut world = World::new(Profile::Strict, Mode::Normal);
    let mut weights = Vec::new();
    for version in 1..=30 {
        world.import(plan(version, &[look("a"), look("b")])).done();
        world.approve_plan(Who::Ann).done();
        world.run("a").run("b");
        weights.push(world.session().weight_bytes());
    }
    assert!(weights[1..].windows(2).all(|pair| pair[1] - pair[0] == 64), "{weights:?}");
}

#[test]
fn the_proposer_of_the_version_at_hand_is_who_may_not_approve_it() {
    let mut world = World::strict();
    world.demands.self_approval = false;
    let act = |world: &mut World, who, version| world.act(who, Action::ImportPlan(imported(version)));
    act(&mut world, Who::Ann, 1).done();
    assert_eq!(world.approve_plan(Who::Ann).code(), "self_approval");
    // Another version, another proposer.
    act(&mut world, Who::Olga, 2).done();
    assert_eq!(world.approve_plan(Who::Olga).code(), "self_approval");
    world.approve_plan(Who::Ann).done();
    assert_eq!(world.approve(Who::Olga, "a").code(), "self_approval");
    let approved = world.approve(Who::Ann, "a");
    let Some(Fact::StepApproved { decision, .. }) = approved.facts.first() else { panic!("{}", approved.words()) };
    assert_eq!(decision.rule.as_deref(), Some("policy.self_approval = false"));
}

fn imported(version: u32) -> calt_core::decide::ImportPlan {
    let Action::ImportPlan(import) = import(plan(version, &[look("a")])) else { panic!("an import imports") };
    import
}

#[test]
fn what_was_recorded_before_there_were_more_facts_reads_as_it_did() {
    let facts = serde_json::json!({"principal": "ann", "kind": "person", "role": "approver"});
    let read = Fact::read("person_added", facts.clone()).unwrap();
    assert_eq!(read.facts(), facts);
    let facts = serde_json::json!({"reason": "token_missing", "count": 3});
    assert_eq!(Fact::read("access_refused", facts.clone()).unwrap().facts(), facts);
}
