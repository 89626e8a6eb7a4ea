//! The plan with its reads, previews and tests, then one diff of all that is written: two questions, whatever its size.

use std::fmt::Write as _;

use calt_tests::{Terminal, World};
use serde_json::Value;

const QUESTION: &str = "[s]kip a step: ";

/// A plan that changes this many files, and then runs two tests.
fn changes(count: usize) -> String {
    let mut plan = "title: many changes\nsteps:\n".to_owned();
    for number in 1..=count {
        let file = format!("{{path: f{number}.txt, content: \"{number}\\n\"}}");
        let _ = writeln!(plan, "  - {{id: c{number}, title: change {number}, change: {{files: [{file}]}}}}");
    }
    for number in 1..=2 {
        let inputs = format!("{{command: cat f{number}.txt}}");
        let _ = writeln!(plan, "  - {{id: t{number}, title: test, tool: run_shell_readonly, inputs: {inputs}}}");
    }
    plan
}

fn world(plan: &str) -> World {
    let world = World::start();
    std::fs::write(world.home().join("plan.yaml"), plan).unwrap();
    world
}

fn session(world: &World) -> Value {
    world.owner().get("/api/v1/sessions").json()["items"][0].clone()
}

/// The facts of every decision, in order, each with its event type.
fn decisions(world: &World) -> Vec<(String, Value)> {
    let database = world.database();
    let sql = "SELECT event_type, facts FROM events WHERE facts LIKE '%decision_id%' ORDER BY id";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(|row| row.unwrap()).map(|(kind, facts)| (kind, serde_json::from_str(&facts).unwrap())).collect()
}

/// How many decisions there were, by their ids, and by what acts.
fn decision_ids(world: &World) -> (usize, Vec<String>) {
    let decisions = decisions(world);
    let all = |name: &str| {
        let mut all: Vec<String> =
            decisions.iter().map(|(_, facts)| facts["decision"][name].as_str().unwrap().to_owned()).collect();
        all.sort();
        all.dedup();
        all
    };
    (all("decision_id").len(), all("how"))
}

#[test]
fn forty_changes_and_two_tests_are_two_questions_and_one_is_answered_with_a_number() {
    let world = world(&changes(40));
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for("and 42 of its steps, which write nothing", 1);
    terminal.waits_for("[y]es, [n]o, [d]etails, [s]kip a step: ", 1);
    terminal.types("y");
    let asked = terminal.waits_for("type 40 to write 40 files, [n]o", 1);
    assert!(asked.contains("+40\n") && asked.contains("+++ b/f40.txt"), "{asked}");
    for (times, wrong) in ["y", "4", "41", "yes"].into_iter().enumerate() {
        terminal.types(wrong);
        terminal.waits_for("To approve, type the number of files, 40; otherwise n, d or s.", times + 1);
        assert_eq!(world.owner().get("/api/v1/inbox").json()["items"].as_array().unwrap().len(), 1);
    }
    assert!(decisions(&world).iter().all(|(_, facts)| !facts["step"].as_str().unwrap_or("").ends_with("_apply")));
    terminal.types("40");
    terminal.waits_for("exit 0", 1);
    let all = terminal.history();
    // Each wrong answer asked again; there was no third question.
    assert_eq!(all.matches(QUESTION).count(), 2 + 4, "{all}");
    assert_eq!(all.matches("40 files, +40 −0").count(), 1, "{all}");
    for number in 1..=40 {
        assert_eq!(all.matches(&format!("+++ b/f{number}.txt")).count(), 1, "f{number}");
    }
    assert_eq!(session(&world)["status"], "succeeded");
    assert_eq!(decision_ids(&world), (2, vec!["prompt".to_owned()]));
    assert_eq!(decisions(&world).len(), 1 + 42 + 40);
}

#[test]
fn five_files_take_a_yes_and_what_is_left_out_counts_no_more() {
    let world = world(&changes(6));
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("y");
    terminal.waits_for("type 6 to write 6 files, [n]o", 1);
    terminal.types("s");
    terminal.waits_for("Leave out which step", 1);
    terminal.types("c3_apply");
    terminal.waits_for("Without c3_apply.\n[y]es", 1);
    terminal.types("y");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 0"), "{end}");
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    assert!(!world.workspace(&id).join("f3.txt").exists() && world.workspace(&id).join("f6.txt").exists());
    assert_eq!(decision_ids(&world).0, 2);
}

#[test]
fn a_step_left_out_at_the_first_look_takes_its_other_half_along_and_says_so() {
    let world = world(&changes(2));
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("s");
    terminal.waits_for("Leave out which step", 1);
    terminal.types("c2_apply");
    terminal.waits_for("Without c2_apply.", 1);
    terminal.types("y");
    let second = terminal.waits_for("1 file, +1 −0", 1);
    assert!(second.contains("c2_preview is left out with c2_apply"), "{second}");
    terminal.waits_for("Approve step c1_apply?", 1);
    terminal.types("y");
    // The test of the file that was left out fails: the plan said it would be there.
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 1") && end.contains("step t2 failed"), "{end}");
    let skipped: Vec<_> = decisions(&world).into_iter().filter(|(kind, _)| kind == "step_skipped").collect();
    let steps: Vec<_> = skipped.iter().map(|(_, facts)| facts["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["c2_apply", "c2_preview"]);
    assert_eq!(skipped[0].1["decision"]["decision_id"], skipped[1].1["decision"]["decision_id"]);
}

#[test]
fn a_no_to_the_diff_is_asked_for_its_reason() {
    let world = world(&changes(1));
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("y");
    terminal.waits_for("Approve step c1_apply?", 1);
    terminal.types("n");
    terminal.waits_for("Why not? ", 1);
    terminal.types("not this text");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 3"), "{end}");
    assert_eq!(decisions(&world).last().unwrap().0, "step_rejected");
}

#[test]
fn a_flag_says_the_same_two_times_and_is_recorded_as_a_flag() {
    let world = world(&changes(7));
    let ran = world.calt(&["run", "plan.yaml", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("7 files, +7 −0"), "{}", ran.stderr);
    assert_eq!(decision_ids(&world), (2, vec!["flag".to_owned()]));
    assert!(decisions(&world).iter().all(|(_, facts)| facts["decision"]["view_digest"].is_null()));
}

#[test]
fn without_a_terminal_nothing_is_decided() {
    let world = world(&changes(1));
    let ran = world.calt(&["run", "plan.yaml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(decisions(&world).is_empty());
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    assert!(ran.stderr.ends_with(&format!("hint: calt run --session {id} --yes\n")), "{}", ran.stderr);
    assert_eq!(world.calt(&["plan", "approve", &id, "--with-steps"]).code, 3);
    assert!(decisions(&world).is_empty());
}

#[test]
fn the_two_looks_are_said_step_by_step_too() {
    let world = world(&changes(6));
    let id = world.owner().session().id;
    assert_eq!(world.calt(&["plan", "import", &id, "plan.yaml"]).code, 0);
    let nothing = world.calt(&["step", "approve", &id, "c1_apply", "c2_apply", "--yes"]);
    assert_eq!(nothing.code, 3, "{}", nothing.stderr);
    let terminal = Terminal::run(&world, 120, &["plan", "approve", &id, "--with-steps"]);
    terminal.waits_for("Approve plan v1, and its steps that write nothing", 1);
    terminal.types("y");
    terminal.waits_for("exit 0", 1);
    drop(terminal);
    assert_eq!((decisions(&world).len(), decision_ids(&world).0), (1 + 6 + 2, 1));
    for number in 1..=6 {
        assert_eq!(world.calt(&["step", "execute", &id, &format!("c{number}_preview")]).code, 0);
    }
    let two = world.calt(&["step", "approve", &id, "c1_apply", "c2_apply", "--yes"]);
    assert_eq!(two.stdout, format!("step c1_apply of {id} approved\nstep c2_apply of {id} approved\n"));
    world.calt(&["step", "execute", &id, "c1_apply"]);
    let rest = Terminal::run(&world, 120, &["step", "approve", &id, "--all"]);
    let asked = rest.waits_for("Approve these 4 steps", 1);
    assert!(asked.contains("4 files, +4 −0"), "{asked}");
    rest.types("y");
    rest.waits_for("exit 0", 1);
    drop(rest);
    assert_eq!(world.calt(&["step", "approve", &id, "--all", "--yes"]).code, 3);
    assert_eq!(decision_ids(&world).0, 3);
}

#[test]
fn steps_of_high_risk_are_asked_for_one_by_one() {
    let world = world(
        "title: t
steps:
  - {id: p1, title: p, tool: write_file_preview, inputs: {path: a, content: x}}
  - {id: p2, title: p, tool: write_file_preview, inputs: {path: b, content: x}}
  - {id: w1, title: w, risk: high, tool: write_file_apply, inputs: {path: a, content: x, preview: \"${steps.p1.output}\"}}
  - {id: w2, title: w, risk: high, tool: write_file_apply, inputs: {path: b, content: x, preview: \"${steps.p2.output}\"}}
",
    );
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("y");
    terminal.waits_for("Step w1 is HIGH RISK. Approve and execute it?", 1);
    terminal.types("y");
    terminal.waits_for("Step w2 is HIGH RISK. Approve and execute it?", 1);
    terminal.types("y");
    terminal.waits_for("exit 0", 1);
    assert_eq!(decision_ids(&world).0, 3);
    drop(terminal);
    let id = world.owner().session().id;
    assert_eq!(world.calt(&["plan", "import", &id, "plan.yaml"]).code, 0);
    assert_eq!(world.calt(&["plan", "approve", &id, "--yes"]).code, 0);
    let refused = world.calt(&["step", "approve", &id, "w1", "w2", "--yes", "--confirm-high-risk"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.ends_with(&format!("hint: calt step approve {id} w1\n")), "{}", refused.stderr);
}
