//! Lists that are decided on as a whole, and what goes when a step is left out.

use calt_core::decide::{Answer, DECISION_ITEMS_MAX, Item, Said};
use calt_core::event::Fact;
use calt_core::plan::STEPS_MAX;
use calt_core::session::{SessionStatus, StepStatus};
use calt_core::{Action, Refusal};
use serde_json::{Value, json};

use crate::world::{Came, Who, World, apply, apply_after, id, look, no, plan, preview, risky, yes};

fn proposed(steps: &[Value]) -> World {
    let mut world = World::strict();
    world.import(plan(1, steps)).done();
    world
}

fn at_work(steps: &[Value]) -> World {
    let mut world = proposed(steps);
    world.approve_plan(Who::Ann).done();
    world
}

/// The plan as it is now, or a step as it is now.
fn item(world: &World, step: Option<&str>) -> Item {
    let session = world.session();
    let version = session.plan_version().expect("a plan was imported");
    match step.map(id) {
        None => Item { version, step: None, digest: session.plan_digest().expect("a plan was imported") },
        Some(step) => {
            let (resolved, template) = world.digests(&step);
            Item { version, digest: resolved.or(template).expect("the step stands in the plan"), step: Some(step) }
        }
    }
}

fn items(world: &World, with_plan: bool, steps: &[&str]) -> Vec<Item> {
    let plan = with_plan.then_some(None);
    plan.into_iter().chain(steps.iter().copied().map(Some)).map(|step| item(world, step)).collect()
}

fn decide(world: &mut World, who: Who, said: Said, items: Vec<Item>) -> Came {
    let verdict = if said == Said::Reject { no(None) } else { yes(None) };
    world.act(who, Action::DecideAll { said, items, verdict })
}

fn approve(world: &mut World, with_plan: bool, steps: &[&str]) -> Came {
    let items = items(world, with_plan, steps);
    decide(world, Who::Ann, Said::Approve, items)
}

/// Each step that is skipped, in the order of the events.
fn skipped(came: &Came) -> Vec<&str> {
    let mut steps = Vec::new();
    for fact in &came.facts {
        if let Fact::StepSkipped { step, .. } = fact {
            steps.push(step.as_str());
        }
    }
    steps
}

#[test]
fn a_plan_and_its_steps_are_approved_at_once_under_one_decision() {
    let mut world = proposed(&[look("a"), look("b"), look("c")]);
    let came = approve(&mut world, true, &["a", "b", "c"]);
    came.done();
    assert_eq!(came.words(), "plan_approved, step_approved, step_approved, step_approved");
    for fact in &came.facts {
        let (Fact::PlanApproved { decision, .. } | Fact::StepApproved { decision, .. }) = fact else { panic!() };
        assert_eq!(decision.decision_id, "decision");
    }
    let again = approve(&mut world, true, &["a", "b", "c"]);
    assert_eq!(again.words(), "nothing new");
    let items = items(&world, true, &["a"]);
    assert_eq!(decide(&mut world, Who::Bob, Said::Approve, items).words(), "refused: already_decided");
}

#[test]
fn one_stale_digest_keeps_all_of_a_list_out_and_is_named() {
    let mut world = proposed(&[look("a"), look("b"), look("c")]);
    let mut items = items(&world, true, &["a", "b", "c"]);
    items[2].digest = items[1].digest;
    let came = decide(&mut world, Who::Ann, Said::Approve, items);
    assert_eq!(came.words(), "refused: digest_changed");
    let Err(Refusal::DigestChanged { step, .. }) = came.outcome else { panic!() };
    assert_eq!(step, Some(id("b")));
    assert_eq!(world.session().status(), SessionStatus::AwaitingPlanApproval);
}

#[test]
fn in_strict_a_step_whose_references_do_not_resolve_is_named_and_nothing_is_decided() {
    let mut world = proposed(&[look("a"), preview("p", "a.txt", "x"), apply_after("w", "a.txt", "x", "p")]);
    let came = approve(&mut world, true, &["a", "p", "w"]);
    let Err(Refusal::ReferenceUnresolved { step, .. }) = &came.outcome else { panic!("{}", came.words()) };
    assert_eq!((step, came.facts.len()), (&id("w"), 0));
}

#[test]
fn high_risk_stands_alone_but_for_its_plan() {
    let steps = [look("a"), risky(look("b")), risky(look("c"))];
    let mut world = proposed(&steps);
    for beside in [&["a", "b"][..], &["b", "c"]] {
        let came = approve(&mut world, true, beside);
        assert_eq!(came.words(), "refused: high_risk_not_alone", "{beside:?}");
    }
    approve(&mut world, true, &["b"]).done();
    approve(&mut world, false, &["a"]).done();
    let both = items(&world, false, &["a", "c"]);
    decide(&mut world, Who::Ann, Said::Skip, both).done();
}

#[test]
fn a_list_is_refused_for_what_it_is() {
    let mut world = proposed(&[look("a"), look("b")]);
    let (plan, a, b) = (item(&world, None), item(&world, Some("a")), item(&world, Some("b")));
    let too_many = vec![a.clone(); DECISION_ITEMS_MAX + 1];
    let other = Item { version: 2, ..a.clone() };
    for (said, items, code) in [
        (Said::Approve, Vec::new(), "input_invalid"),
        (Said::Approve, too_many, "limit_exceeded"),
        (Said::Approve, vec![plan.clone(), a.clone(), a.clone()], "input_invalid"),
        (Said::Approve, vec![plan.clone(), plan.clone()], "input_invalid"),
        (Said::Approve, vec![a.clone(), plan.clone()], "plan_not_approved"),
        (Said::Approve, vec![plan.clone(), other], "plan_not_found"),
        (Said::Reject, vec![plan.clone(), a.clone()], "input_invalid"),
        (Said::Skip, vec![plan.clone()], "input_invalid"),
        (Said::Skip, vec![a.clone(), b.clone()], "plan_not_approved"),
    ] {
        let came = decide(&mut world, Who::Ann, said, items.clone());
        assert_eq!(came.words(), format!("refused: {code}"), "{said:?} of {} items", items.len());
    }
    assert_eq!(decide(&mut world, Who::Robot, Said::Approve, vec![plan.clone()]).code(), "not_allowed");
    assert_eq!(decide(&mut world, Who::Ann, Said::Reject, vec![plan]).words(), "plan_rejected");
}

#[test]
fn what_refers_to_a_step_goes_with_it_and_what_follows_too() {
    let shows = |id: &str, of: &str| json!({"id": id, "title": "t", "tool": "list_dir", "inputs": {"path": format!("${{steps.{of}.output.path}}")}});
    let mut world = at_work(&[look("a"), shows("b", "a"), look("c"), shows("d", "b")]);
    let came = world.skip(Who::Ann, "a");
    assert_eq!(skipped(&came), ["a", "b", "d"]);
    let Ok(Answer::Decided { decided, .. }) = &came.outcome else { panic!() };
    let because: Vec<_> =
        decided.iter().map(|decided| decided.depends_on.as_ref().map(calt_core::StepId::as_str)).collect();
    assert_eq!(because, [None, Some("a"), Some("b")]);
    assert_eq!(world.session().step_status(&id("c")), Some(StepStatus::Pending));
    assert_eq!(world.skip(Who::Ann, "c").words(), "step_skipped, session_succeeded");
}

#[test]
fn an_apply_goes_with_the_only_preview_of_the_same_change() {
    let mut world = at_work(&[
        preview("p", "a.txt", "x"),
        preview("q", "b.txt", "y"),
        preview("r", "b.txt", "y"),
        apply("w", "a.txt", "x"),
        apply("v", "b.txt", "y"),
    ]);
    assert_eq!(skipped(&world.skip(Who::Ann, "p")), ["p", "w"]);
    assert_eq!(skipped(&world.skip(Who::Ann, "q")), ["q"]);
    let last = world.skip(Who::Ann, "r");
    assert_eq!((skipped(&last), last.facts.last().map(Fact::event_type)), (vec!["r", "v"], Some("session_succeeded")));
}

fn change(id: &str, path: &str) -> Value {
    json!({"id": id, "title": "t", "change": {"files": [{"path": path, "content": "x"}]}})
}

#[test]
fn the_halves_of_a_change_go_together_both_ways_unless_one_has_run() {
    for half in ["one_preview", "one_apply"] {
        let mut world = at_work(&[change("one", "a.txt"), change("two", "b.txt")]);
        let mut gone: Vec<String> = skipped(&world.skip(Who::Ann, half)).into_iter().map(str::to_owned).collect();
        gone.sort();
        assert_eq!(gone, ["one_apply", "one_preview"], "{half}");
    }
    let mut world = at_work(&[change("one", "a.txt"), look("b")]);
    world.run("one_preview");
    assert_eq!(skipped(&world.skip(Who::Ann, "one_apply")), ["one_apply"]);
}

#[test]
fn a_preview_that_another_step_looks_at_stays_when_its_apply_goes() {
    let uses =
        json!({"id": "b", "title": "t", "tool": "list_dir", "inputs": {"path": "${steps.one_preview.output.path}"}});
    let mut world = at_work(&[change("one", "a.txt"), uses]);
    assert_eq!(skipped(&world.skip(Who::Ann, "one_apply")), ["one_apply"]);
}

#[test]
fn a_list_of_skips_takes_dependents_along_once() {
    let mut world = at_work(&[change("one", "a.txt"), look("b"), look("c")]);
    let list = items(&world, false, &["one_apply", "one_preview", "b"]);
    let came = decide(&mut world, Who::Ann, Said::Skip, list);
    assert_eq!(skipped(&came), ["one_apply", "one_preview", "b"]);
}

#[test]
fn the_largest_plan_is_decided_on_in_one_list() {
    let steps: Vec<Value> = (0..STEPS_MAX).map(|number| look(&format!("s{number}"))).collect();
    let mut world = proposed(&steps);
    let names: Vec<String> = (0..STEPS_MAX).map(|number| format!("s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = items(&world, true, &names);
    assert_eq!(all.len(), DECISION_ITEMS_MAX);
    let came = decide(&mut world, Who::Ann, Said::Approve, all);
    assert_eq!(came.facts.len(), DECISION_ITEMS_MAX);
    let steps = items(&world, false, &names);
    let came = decide(&mut world, Who::Ann, Said::Skip, steps);
    assert_eq!((skipped(&came).len(), came.facts.last().map(Fact::event_type)), (STEPS_MAX, Some("session_succeeded")));
}

#[test]
fn a_plan_of_many_changes_is_left_out_half_by_half() {
    let steps: Vec<Value> =
        (0..STEPS_MAX / 2).map(|number| change(&format!("c{number}"), &format!("f{number}"))).collect();
    let mut world = at_work(&steps);
    let names: Vec<String> = (0..STEPS_MAX / 2).map(|number| format!("c{number}_apply")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let applies = items(&world, false, &names);
    let came = decide(&mut world, Who::Ann, Said::Skip, applies);
    assert_eq!(skipped(&came).len(), STEPS_MAX);
}
