//! Every state a session can be in, and what each command does there: one table a state.

use std::collections::HashMap;
use std::fmt::Write as _;

use calt_core::event::{Mode, Profile};
use calt_core::isolation::Tier;
use calt_core::{Action, Digest, Facts, RunId};
use insta::assert_snapshot;

use crate::world::{
    Who, World, apply, apply_after, create, failed, id, import, interrupt, look, no, plan, preview, risky, shell,
    start, steps_of, succeeded, yes,
};

/// Three steps: `look` reads, `show` previews, `write` applies what `show` showed.
fn three_steps(version: u32) -> calt_core::Plan {
    plan(version, &[look("look"), preview("show", "a.txt", "two\n"), apply_after("write", "a.txt", "two\n", "show")])
}

fn drafting() -> World {
    World::strict()
}

fn awaiting_plan_approval() -> World {
    let mut world = drafting();
    world.import(three_steps(1)).done();
    world
}

fn plan_approved() -> World {
    let mut world = awaiting_plan_approval();
    world.approve_plan(Who::Ann).done();
    world
}

fn step_approved() -> World {
    let mut world = plan_approved();
    world.approve(Who::Ann, "look").done();
    world
}

fn running() -> World {
    let mut world = step_approved();
    world.approve(Who::Ann, "show").done();
    world.start(Who::Robot, "look").done();
    world
}

fn next_step_waits() -> World {
    let mut world = running();
    world.finish().done();
    world
}

fn last_step_waits() -> World {
    let mut world = next_step_waits();
    world.start(Who::Robot, "show").done();
    world.finish().done();
    world
}

fn succeeded_session() -> World {
    let mut world = last_step_waits();
    world.run("write");
    world
}

/// One plan of one step, approved with its step.
fn one_step(profile: Profile, mode: Mode, step: serde_json::Value) -> World {
    let mut world = World::new(profile, mode);
    let name = step["id"].as_str().expect("a step has an id").to_owned();
    world.import(plan(1, &[step])).done();
    world.approve_plan(Who::Ann).done();
    world.approve(Who::Ann, &name).done();
    world
}

/// A command of the table: its words, who gives it, and how it is made in a world.
type Row = (String, Who, Box<dyn Fn(&World) -> Action>);

fn row(words: impl Into<String>, who: Who, action: impl Fn(&World) -> Action + 'static) -> Row {
    (words.into(), who, Box::new(action))
}

fn wrong() -> Digest {
    Digest::of_bytes(b"something else")
}

fn plan_rows() -> Vec<Row> {
    let version = |world: &World| world.session.as_ref().and_then(calt_core::Session::plan_version).unwrap_or(1);
    let right = |world: &World| world.session.as_ref().and_then(calt_core::Session::plan_digest);
    let approve =
        move |digest| move |world: &World| Action::ApprovePlan { version: version(world), verdict: yes(digest) };
    vec![
        row("agent creates the session again", Who::Robot, |_| create(Profile::Strict, Mode::Normal)),
        row("agent imports v1, as it was", Who::Robot, |_| import(three_steps(1))),
        row("agent imports v1, other content", Who::Robot, |_| import(plan(1, &[look("other")]))),
        row("agent imports v2", Who::Robot, |_| import(three_steps(2))),
        row("viewer imports v2", Who::Vera, |_| import(three_steps(2))),
        row("approver approves the plan", Who::Ann, approve(None)),
        row("approver approves the plan, right digest", Who::Ann, move |world| Action::ApprovePlan {
            version: version(world),
            verdict: yes(right(world)),
        }),
        row("approver approves the plan, wrong digest", Who::Ann, approve(Some(wrong()))),
        row("approver approves plan v9", Who::Ann, |_| Action::ApprovePlan { version: 9, verdict: yes(None) }),
        row("approver approves plan v1", Who::Ann, |_| Action::ApprovePlan { version: 1, verdict: yes(None) }),
        row("another approver approves the plan", Who::Bob, approve(None)),
        row("agent approves the plan", Who::Robot, approve(None)),
        row("viewer approves the plan", Who::Vera, approve(None)),
        row("relay of nobody approves the plan", Who::Chat, approve(None)),
        row("approver rejects the plan", Who::Ann, move |world| Action::RejectPlan {
            version: version(world),
            verdict: no(None),
        }),
        row("approver rejects the plan without a reason", Who::Ann, move |world| Action::RejectPlan {
            version: version(world),
            verdict: yes(None),
        }),
        row("agent rejects the plan", Who::Robot, move |world| Action::RejectPlan {
            version: version(world),
            verdict: no(None),
        }),
    ]
}

fn step_rows(step: &'static str) -> Vec<Row> {
    let approve = |digest| move |_: &World| Action::ApproveStep { step: id(step), verdict: yes(digest) };
    let named = |words: &str| words.replace("STEP", step);
    vec![
        row(named("approver approves STEP"), Who::Ann, approve(None)),
        row(named("approver approves STEP, right digest"), Who::Ann, move |world| {
            let (resolved, written) = world.session.as_ref().map_or((None, None), |_| world.digests(&id(step)));
            Action::ApproveStep { step: id(step), verdict: yes(resolved.or(written)) }
        }),
        row(named("approver approves STEP, wrong digest"), Who::Ann, approve(Some(wrong()))),
        row(named("another approver approves STEP"), Who::Bob, approve(None)),
        row(named("agent approves STEP"), Who::Robot, approve(None)),
        row(named("relay of nobody approves STEP"), Who::Chat, approve(None)),
        row(named("approver rejects STEP"), Who::Ann, move |_| Action::RejectStep {
            step: id(step),
            verdict: no(None),
        }),
        row(named("approver rejects STEP without a reason"), Who::Ann, move |_| Action::RejectStep {
            step: id(step),
            verdict: yes(None),
        }),
        row(named("another approver rejects STEP"), Who::Bob, move |_| Action::RejectStep {
            step: id(step),
            verdict: no(None),
        }),
        row(named("approver skips STEP"), Who::Ann, move |_| Action::SkipStep { step: id(step), verdict: yes(None) }),
        row(named("another approver skips STEP"), Who::Bob, move |_| Action::SkipStep {
            step: id(step),
            verdict: yes(None),
        }),
        row(named("agent skips STEP"), Who::Robot, move |_| Action::SkipStep { step: id(step), verdict: yes(None) }),
        row(named("agent executes STEP"), Who::Robot, move |_| start(step, false)),
        row(named("agent executes STEP, confirming high risk"), Who::Robot, move |_| start(step, true)),
        row(named("approver executes STEP, confirming high risk"), Who::Ann, move |_| start(step, true)),
        row(named("viewer executes STEP"), Who::Vera, move |_| start(step, false)),
    ]
}

fn end_rows() -> Vec<Row> {
    let run =
        |world: &World| world.session.as_ref().and_then(calt_core::Session::running).map_or(RunId(1), |run| run.0);
    let output = || serde_json::json!({"content": "one\n"});
    vec![
        row("approver approves a step that is not there", Who::Ann, |_| Action::ApproveStep {
            step: id("nowhere"),
            verdict: yes(None),
        }),
        row("agent executes a step that is not there", Who::Robot, |_| start("nowhere", false)),
        row("daemon: the run succeeded", Who::Daemon, move |world| Action::FinishRun {
            run: run(world),
            end: succeeded(output()),
        }),
        row("daemon: the run failed", Who::Daemon, move |world| Action::FinishRun {
            run: run(world),
            end: failed("step_failed"),
        }),
        row("daemon: the run was interrupted", Who::Daemon, move |world| interrupt(run(world))),
        row("daemon: run 99 succeeded", Who::Daemon, move |_| Action::FinishRun {
            run: RunId(99),
            end: succeeded(output()),
        }),
        row("owner: the run succeeded", Who::Olga, move |world| Action::FinishRun {
            run: run(world),
            end: succeeded(output()),
        }),
        row("agent stops its session", Who::Robot, |_| Action::Stop),
        row("another agent stops the session", Who::OtherRobot, |_| Action::Stop),
        row("approver stops the session", Who::Ann, |_| Action::Stop),
    ]
}

/// What every command does in this state, to a copy of the world each.
fn table(world: &World, steps: &[&'static str]) -> String {
    let mut text = standing(world);
    let groups = std::iter::once(plan_rows()).chain(steps.iter().map(|step| step_rows(step))).chain([end_rows()]);
    for rows in groups {
        text.push('\n');
        for (words, who, action) in rows {
            let mut world = world.clone();
            let came = world.act(who, action(&world));
            assert_eq!(came.permit.is_some(), came.words().contains("step_started"), "{words}");
            let _ = writeln!(text, "{words:<50} {}", came.words());
        }
    }
    text
}

fn standing(world: &World) -> String {
    let Some(session) = &world.session else { return "no session\n".to_owned() };
    let mut text = format!("session: {}", session.status());
    if session.needs_replan() {
        text.push_str(", needs replan");
    }
    if let Some(version) = session.plan_version() {
        let _ = write!(text, "\nplan v{version}");
    }
    for step in session.steps() {
        let status = session.step_status(&step.id).expect("the step stands in the plan");
        let _ = write!(text, "\n  {}: {status}", step.id);
    }
    text.push('\n');
    text
}

#[test]
fn there_is_no_session() {
    assert_snapshot!(table(&World::empty(), &["look"]));
}

#[test]
fn no_plan_was_imported() {
    assert_snapshot!(table(&drafting(), &["look"]));
}

#[test]
fn the_plan_awaits_approval() {
    assert_snapshot!(table(&awaiting_plan_approval(), &["look"]));
}

#[test]
fn the_plan_is_approved() {
    assert_snapshot!(table(&plan_approved(), &["look", "show", "write"]));
}

#[test]
fn the_first_step_is_approved() {
    assert_snapshot!(table(&step_approved(), &["look"]));
}

#[test]
fn a_step_is_running() {
    assert_snapshot!(table(&running(), &["look", "show"]));
}

#[test]
fn a_step_is_running_while_a_later_one_was_rejected() {
    let mut world = running();
    world.reject(Who::Ann, "show").done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn the_next_step_waits_approved() {
    assert_snapshot!(table(&next_step_waits(), &["look", "show"]));
}

#[test]
fn the_last_step_waits_and_its_references_resolve() {
    assert_snapshot!(table(&last_step_waits(), &["show", "write"]));
}

#[test]
fn a_step_was_skipped() {
    let mut world = plan_approved();
    world.skip(Who::Ann, "look").done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn the_step_others_depend_on_was_skipped() {
    let mut world = next_step_waits();
    world.skip(Who::Ann, "show").done();
    assert_snapshot!(table(&world, &["show", "write"]));
}

#[test]
fn a_step_failed() {
    let mut world = running();
    world.finish_with(failed("step_failed")).done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn a_step_was_rejected() {
    let mut world = step_approved();
    world.reject(Who::Ann, "look").done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn the_plan_was_rejected_after_its_approval() {
    let mut world = step_approved();
    world.act(Who::Ann, Action::RejectPlan { version: 1, verdict: no(None) }).done();
    assert_snapshot!(table(&world, &["look"]));
}

#[test]
fn every_step_succeeded() {
    assert_snapshot!(table(&succeeded_session(), &["look", "write"]));
}

#[test]
fn the_session_was_stopped_without_a_plan() {
    let mut world = drafting();
    world.act(Who::Ann, Action::Stop).done();
    assert_snapshot!(table(&world, &["look"]));
}

#[test]
fn the_session_was_stopped_at_work() {
    let mut world = next_step_waits();
    world.act(Who::Ann, Action::Stop).done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn the_session_was_stopped_while_a_step_runs() {
    let mut world = running();
    world.act(Who::Ann, Action::Stop).done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn a_newer_plan_superseded_the_approved_one() {
    let mut world = step_approved();
    world.import(plan(2, &[shell("look", "ls"), look("other")])).done();
    assert_snapshot!(table(&world, &["look", "show"]));
}

#[test]
fn a_newer_plan_is_approved_and_an_id_stands_for_something_else_in_it() {
    let mut world = step_approved();
    world.import(plan(2, &[shell("look", "ls"), look("other")])).done();
    world.approve_plan(Who::Ann).done();
    assert_snapshot!(table(&world, &["look", "other", "show"]));
}

#[test]
fn in_dev_an_early_approval_covers_the_template() {
    let mut world = World::dev();
    world.import(three_steps(1)).done();
    world.approve_plan(Who::Ann).done();
    world.approve(Who::Ann, "write").done();
    assert_snapshot!(table(&world, &["look", "write"]));
}

#[test]
fn in_strict_high_risk_waits_for_its_confirmation() {
    let world = one_step(Profile::Strict, Mode::Normal, risky(look("risky")));
    assert_snapshot!(table(&world, &["risky"]));
}

#[test]
fn in_dev_high_risk_needs_no_confirmation() {
    let world = one_step(Profile::Dev, Mode::Normal, risky(look("risky")));
    assert_snapshot!(table(&world, &["risky"]));
}

#[test]
fn in_a_dry_run_an_apply_is_approved() {
    let world = one_step(Profile::Dev, Mode::DryRun, apply("write", "a.txt", "two\n"));
    assert_snapshot!(table(&world, &["write"]));
}

/// Isolation below what a step needs, by profile and effect.
#[test]
fn every_tier_and_what_it_lets_pass() {
    let steps =
        [look("read"), preview("preview", "a.txt", "two\n"), shell("command", "ls"), apply("apply", "a.txt", "x")];
    let mut text = String::new();
    for profile in [Profile::Strict, Profile::Dev] {
        for tier in [Tier::None, Tier::KernelFilter, Tier::Full] {
            for step in &steps {
                let name = step["id"].as_str().unwrap();
                let mut world = one_step(profile, Mode::Normal, step.clone());
                world.tier = tier;
                let came = world.start(Who::Robot, name);
                let line = format!("{profile:?} {tier} {name}");
                writeln!(text, "{line:<30} {}", came.words()).unwrap();
            }
        }
    }
    assert_snapshot!(text);
}

/// Facts that were gathered for something else than what is decided on.
#[test]
fn facts_of_another_plan_or_of_another_box_start_nothing() {
    let mut text = String::new();
    let worlds = [
        ("read", one_step(Profile::Strict, Mode::Normal, look("step"))),
        ("command", one_step(Profile::Strict, Mode::Normal, shell("step", "ls"))),
    ];
    for (name, world) in worlds {
        let action = start("step", false);
        let facts = world.facts(&steps_of(&action));
        let changed = |change: &dyn Fn(&mut calt_core::decide::StepFacts)| {
            let mut facts = facts.clone();
            facts.steps.values_mut().for_each(change);
            facts
        };
        let wider = calt_core::isolation::BoxSpec::test();
        let cases: [(&str, Facts); 5] = [
            ("as gathered", facts.clone()),
            ("none", Facts { steps: HashMap::new(), ..facts.clone() }),
            ("of another version", changed(&|step| step.version = 2)),
            ("of another plan", changed(&|step| step.plan = Digest::of_bytes(b"other"))),
            ("of another box", changed(&|step| step.box_spec = Some(wider.clone()))),
        ];
        for (words, facts) in cases {
            let came = world.clone().act_on(Who::Robot, start("step", false), &facts);
            writeln!(text, "{name}, facts {words:<22} {}", came.words()).unwrap();
        }
    }
    assert_snapshot!(text);
}
