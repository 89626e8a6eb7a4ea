//! What a person is shown and asked on a terminal, and what each answer does.

use calt_tests::{Terminal, World};

const QUESTION: &str = "[s]kip a step: ";

const WRITES: &str = "title: 議事録を二つ書く
steps:
  - {id: p1, title: 一つ目を見る, tool: write_file_preview, inputs: {path: 議事録.md, content: \"一\\n\"}}
  - {id: p2, title: 二つ目を見る, tool: write_file_preview, inputs: {path: b.md, content: \"二\\n\"}}
  - {id: w1, title: 一つ目を書く, tool: write_file_apply, inputs: {path: 議事録.md, content: \"一\\n\", preview: \"${steps.p1.output}\"}}
  - {id: w2, title: 二つ目を書く, tool: write_file_apply, inputs: {path: b.md, content: \"二\\n\", preview: \"${steps.p2.output}\"}}
";

const HIGH: &str = "title: t
steps:
  - {id: a, title: look, tool: list_dir}
  - {id: b, title: look closer, tool: list_dir, risk: high}
";

fn world(plan: &str) -> World {
    let world = World::start();
    std::fs::write(world.home().join("plan.yaml"), plan).unwrap();
    world
}

fn session(world: &World) -> serde_json::Value {
    world.owner().get("/api/v1/sessions").json()["items"][0].clone()
}

/// The facts and the payload of the newest event of a type.
fn recorded(world: &World, event_type: &str) -> (serde_json::Value, String) {
    let (facts, payload): (String, String) = world
        .database()
        .query_row(
            "SELECT facts, payload_text FROM events WHERE event_type = ?1 ORDER BY id DESC",
            [event_type],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    (serde_json::from_str(&facts).unwrap(), payload)
}

#[test]
fn two_looks_are_enough_for_two_writes() {
    let world = world(WRITES);
    let terminal = Terminal::run(&world, 80, &["run", "plan.yaml"]);
    let first = terminal.waits_for(QUESTION, 1);
    assert!(first.contains("議事録を二つ書く") && first.contains("(p1, p2)"), "{first}");
    terminal.types("y");
    let second = terminal.waits_for(QUESTION, 2);
    let (_, second) = second.split_once(QUESTION).unwrap();
    assert!(second.contains("+一") && second.contains("+二") && second.contains("(w1, w2)"), "{second}");
    terminal.types("y");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 0") && end.contains("wrote 議事録.md"), "{end}");
    assert_eq!(session(&world)["status"], "succeeded");
    let (facts, _) = recorded(&world, "step_approved");
    assert_eq!(facts["decision"]["how"], "prompt");
    assert!(facts["decision"]["view_digest"].is_string() && facts["decision"]["shown_at"].is_string(), "{facts}");
}

#[test]
fn nothing_on_an_80_column_terminal_is_broken_in_the_middle_of_an_id() {
    let world = world(WRITES);
    let terminal = Terminal::run(&world, 80, &["run", "plan.yaml", "--yes"]);
    terminal.waits_for("exit 0", 1);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    let whole = terminal.lines().iter().filter(|line| line.contains(&id)).count();
    assert_eq!(whole, terminal.screen().matches(&id).count(), "{}", terminal.screen());
}

#[test]
fn a_no_asks_for_its_reason_and_records_it() {
    let world = world(HIGH);
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("n");
    terminal.waits_for("Why not? ", 1);
    terminal.presses("Enter");
    terminal.waits_for("Why not? ", 2);
    terminal.types("まだ早い");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 3") && end.contains("hint: calt run PLAN --session"), "{end}");
    assert_eq!(session(&world)["status"], "failed");
    let (facts, payload) = recorded(&world, "plan_rejected");
    assert_eq!(facts["decision"]["how"], "prompt");
    assert!(payload.contains("まだ早い"), "{payload}");
}

#[test]
fn details_are_shown_and_a_step_is_left_out_on_request() {
    let world = world(HIGH);
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("what?");
    terminal.waits_for("Please answer y, n, d or s.", 1);
    terminal.types("d");
    let details = terminal.waits_for(QUESTION, 3);
    assert!(details.contains("   effect:   reads\n") && details.contains("   digest:   "), "{details}");
    for internal in ["covers", "gate", "not_needed", "tier:", "{"] {
        assert!(!details.contains(internal), "{internal}: {details}");
    }
    terminal.types("s");
    terminal.waits_for("Leave out which step (a, b)? ", 1);
    terminal.types("b");
    let again = terminal.waits_for(QUESTION, 4);
    assert!(again.contains("and its step a? Without b."), "{again}");
    terminal.types("ｙ");
    terminal.waits_for("exit 0", 1);
    assert_eq!(session(&world)["status"], "succeeded");
    let (facts, _) = recorded(&world, "step_skipped");
    assert_eq!((&facts["decision"]["how"], &facts["step"]), (&"prompt".into(), &"b".into()));
}

#[test]
fn whoever_is_asked_sees_what_is_asked_even_where_the_data_is_json() {
    let world = world(HIGH);
    let terminal = Terminal::shell(&world, 120, "calt run --json plan.yaml > record.json");
    let shown = terminal.waits_for(QUESTION, 1);
    assert!(shown.contains("look closer"), "{shown}");
    terminal.types("n");
    terminal.waits_for("Why not? ", 1);
    terminal.types("no");
    terminal.waits_for("exit 3", 1);
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(world.home().join("record.json")).unwrap()).unwrap();
    assert_eq!((&record["session"]["status"], &record["error"]["exit"]), (&"failed".into(), &3.into()));
}

#[test]
fn high_risk_is_asked_for_alone() {
    let world = world(HIGH);
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    let first = terminal.waits_for(QUESTION, 1);
    assert!(first.contains("Approve this plan, and its step a?"), "{first}");
    terminal.types("y");
    terminal.waits_for("Step b is HIGH RISK. Approve and execute it?", 1);
    terminal.waits_for(QUESTION, 2);
    terminal.types("y");
    terminal.waits_for("exit 0", 1);
}

#[test]
fn the_end_of_input_and_ctrl_c_decide_nothing_and_the_hint_goes_on() {
    let world = world(HIGH);
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.presses("C-d");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 3") && end.contains("error: the input ended without an answer"), "{end}");
    drop(terminal);
    assert_eq!(session(&world)["status"], "awaiting_plan_approval");
    let hint = end.lines().find_map(|line| line.strip_prefix("hint: calt ")).unwrap().to_owned();
    let terminal = Terminal::run(&world, 120, &[&hint]);
    terminal.waits_for(QUESTION, 1);
    terminal.presses("C-c");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 130") && end.contains(&format!("hint: calt {hint}")), "{end}");
    assert_eq!(session(&world)["status"], "awaiting_plan_approval");
}

#[test]
fn a_run_that_was_interrupted_goes_on_in_the_daemon_and_can_be_watched_again() {
    let world =
        world("title: t\nsteps:\n  - {id: wait, title: w, tool: run_shell_readonly, inputs: {command: cat pipe}}\n");
    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    let pipe = world.workspace(&id).join("pipe");
    assert!(world.command_of("mkfifo").arg(&pipe).status().unwrap().success());
    terminal.types("y");
    terminal.waits_for("step 1 of 1: wait", 1);
    world.until("the run has begun", || session(&world)["status"] == "running");
    terminal.presses("C-c");
    let end = terminal.waits_for("exit 130", 1);
    assert!(end.contains("step wait goes on in the daemon"), "{end}");
    drop(terminal);
    let again = Terminal::run(&world, 120, &["run", "--session", &id]);
    again.waits_for("step 1 of 1: wait", 1);
    std::fs::write(&pipe, "done waiting\n").unwrap();
    let end = again.waits_for("exit ", 1);
    assert!(end.contains("done waiting") && end.contains("exit 0"), "{end}");
}

#[test]
fn a_plan_that_is_piped_in_is_asked_about_on_the_terminal() {
    let world = world(HIGH);
    let terminal = Terminal::shell(&world, 120, "cat plan.yaml | calt run -");
    terminal.waits_for(QUESTION, 1);
    terminal.types("y");
    terminal.waits_for(QUESTION, 2);
    terminal.types("y");
    terminal.waits_for("exit 0", 1);
}

#[test]
fn an_approval_is_asked_for_with_what_it_approves() {
    let world = world(HIGH);
    let id = world.owner().session().id;
    assert_eq!(world.calt(&["plan", "import", &id, "plan.yaml"]).code, 0);
    let terminal = Terminal::run(&world, 120, &["plan", "approve", &id, "1"]);
    let shown = terminal.waits_for("Approve plan v1?", 1);
    assert!(shown.contains("look closer"), "{shown}");
    terminal.types("y");
    terminal.waits_for("exit 0", 1);
    drop(terminal);
    assert_eq!(recorded(&world, "plan_approved").0["decision"]["how"], "prompt");
    let terminal = Terminal::run(&world, 120, &["step", "approve", &id, "b"]);
    terminal.waits_for("Step b is HIGH RISK. Approve step b?", 1);
    terminal.types("n");
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 3") && end.contains("nothing was decided"), "{end}");
    assert_eq!(world.owner().get(&format!("/api/v1/sessions/{id}/steps/b")).json()["status"], "pending");
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let world = world(WRITES);
    let green = "\u{1b}[32m+";
    for (line, is_coloured) in [
        ("calt run plan.yaml --yes", true),
        ("NO_COLOR=1 calt run plan.yaml --yes", false),
        ("TERM=dumb calt run plan.yaml --yes", false),
    ] {
        let terminal = Terminal::shell(&world, 120, line);
        terminal.waits_for("exit 0", 1);
        let screen = terminal.coloured_screen();
        assert_eq!(screen.contains(green), is_coloured, "{line}\n{screen}");
    }
}

#[test]
fn a_change_is_shown_once_and_the_end_says_what_was_written_and_where() {
    let world = World::with(&[("CARGO", "cargo")]);
    std::fs::write(world.home().join("plan.yaml"), WRITES).unwrap();
    let terminal = Terminal::run(&world, 80, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("y");
    let looks = terminal.waits_for(QUESTION, 2);
    assert_eq!(looks.matches("+++ b/議事録.md").count(), 1, "{looks}");
    terminal.types("y");
    let end = terminal.waits_for("exit 0", 1);
    assert_eq!(looks.matches("│ 一").count(), 1, "the preview says it, and the apply that it is the same: {looks}");
    assert!(end.contains("w1  succeeded  wrote 議事録.md (run 3)"), "{end}");
    assert!(end.contains("\nDone: 4 steps ran; wrote 議事録.md, wrote b.md\n"), "{end}");
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    assert!(end.contains(&format!("~/data/sessions/{id}/workspace\n")), "{end}");
    assert!(world.workspace(&id).join("議事録.md").is_file());
    assert!(end.contains("`calt` is not on your PATH; here it is ") && end.contains("cargo install"), "{end}");
}

#[test]
fn what_an_agent_may_not_decide_is_left_to_somebody_who_may() {
    let world = world(WRITES);
    let made = world.calt(&["token", "create", "--name", "my-agent", "--role", "agent"]);
    let ran = world.calt(&["run", "plan.yaml", "--yes", "--token", made.stdout.trim()]);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let end = format!("error: role `agent` may not approve, reject or skip\nhint: calt wait {id} --until decided\n");
    assert!(ran.stderr.ends_with(&end), "{}", ran.stderr);
    assert_eq!(world.calt(&["run", "--session", &id, "--yes"]).code, 0);
}

#[test]
fn a_search_in_all_sessions_names_the_session_of_each_event() {
    let world = world(WRITES);
    world.calt(&["run", "plan.yaml", "--yes"]);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    let found = world.calt(&["logs", "search", "議事録"]).stdout;
    assert!(found.lines().all(|line| line.contains(&id)), "{found}");
    let terminal = Terminal::run(&world, 80, &["logs", "search", "議事録"]);
    let screen = terminal.waits_for("exit 0", 1);
    assert_eq!(screen.matches(&id).count(), 1, "{screen}");
}

#[test]
fn a_text_goes_only_after_it_was_seen_and_a_yes() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.session_with(&serde_json::json!({"goal": "an old name"}));
    owner.stop(&session).expect(200);
    let event: i64 = world
        .database()
        .query_row("SELECT id FROM events WHERE event_type = 'session_created'", [], |row| row.get(0))
        .unwrap();
    let text = || -> String {
        let sql = "SELECT payload_text FROM events WHERE id = ?1";
        world.database().query_row(sql, [event], |row| row.get(0)).unwrap()
    };
    let command = ["record", "redact", &event.to_string(), "--reason", "gone"];
    for (answer, is_there) in [("n", true), ("y", false)] {
        let terminal = Terminal::run(&world, 80, &command);
        let shown = terminal.waits_for("[n]o: ", 1);
        assert!(shown.contains("session created"), "{shown}");
        terminal.types(answer);
        let end = terminal.waits_for("exit ", 1);
        assert!(end.contains("exit 0"), "{end}");
        assert_eq!(text().contains("an old name"), is_there, "{end}");
    }
}

#[test]
fn a_plan_of_an_agent_says_who_proposed_it_for_what_and_why_the_one_before_was_refused() {
    let world = world(HIGH);
    let (agent, owner) = (world.agent(), world.owner());
    let session = agent.session_with(&serde_json::json!({"goal": "Tidy up the desk"}));
    agent.import(&session, &crate::plan(1, &[crate::look("a")])).expect(200);
    assert_eq!(world.calt(&["plan", "reject", &session.id, "1", "--reason", "not in the morning"]).code, 0);
    agent.import(&session, &crate::plan(2, &[crate::look("a")])).expect(200);
    for command in [vec!["run", "--session", &session.id], vec!["plan", "approve", &session.id]] {
        let terminal = Terminal::run(&world, 80, &command);
        let shown = terminal.waits_for("[y]es, [n]o", 1);
        assert!(shown.contains("proposed by: agent-1, 20"), "{shown}");
        assert!(
            shown.contains("\ngoal of the session: Tidy up the desk\nworks on: a directory of its own\n"),
            "{shown}"
        );
        assert!(shown.contains("\nbefore: owner rejected plan v1: not in the morning\n"), "{shown}");
    }
    let shown = owner.get(&format!("/api/v1/sessions/{}/plans/2", session.id)).json();
    assert_eq!(shown["proposed_by"], "agent-1");
}

#[test]
fn no_word_of_a_question_is_broken_on_80_columns() {
    let ids = ["look_at_the_first_thing", "look_at_the_second_thing", "look_at_the_third_thing"];
    let steps: String =
        ids.map(|id| format!("  - {{id: {id}, title: {}, tool: list_dir}}\n", "look at it ".repeat(9))).concat();
    let plan = format!("title: {}\nsteps:\n{steps}", "a long title of words ".repeat(6));
    let world = world(&plan);
    let terminal = Terminal::run(&world, 80, &["run", "plan.yaml"]);
    terminal.waits_for(QUESTION, 1);
    terminal.types("what?");
    terminal.waits_for(QUESTION, 2);
    let lines = terminal.lines();
    for words in [
        &plan[..plan.find('\n').unwrap()]["title: ".len()..],
        "Approve this plan, and 3 of its steps, which write nothing (look_at_the_first_thing, look_at_the_second_thing, look_at_the_third_thing)?",
        "s: one step is left out, with what needs it, and the rest goes on.",
    ] {
        let is_whole = |word| lines.iter().any(|line| line.split(' ').any(|seen| seen == word));
        assert!(words.split_whitespace().all(is_whole), "{words}: {lines:#?}");
    }
}

#[test]
fn a_step_that_will_be_refused_is_named_by_the_check_and_at_the_look() {
    let refused = "title: t\nsteps:\n  - {id: get, title: g, tool: run_shell_readonly, inputs: {command: curl x}}\n";
    let world = world(refused);
    let checked = world.calt(&["plan", "check", "plan.yaml"]);
    let said = "! As it stands, step get will be refused when it runs.\n";
    let end = format!("{said}The plan can be imported all the same; it is better mended first.\n");
    assert!(checked.code == 0 && checked.stderr.ends_with(&end), "{}", checked.stderr);
    assert!(
        checked.stdout.contains("   ! will be refused when it runs: command is not allowlisted"),
        "{}",
        checked.stdout
    );
    let ran = world.calt(&["run", "plan.yaml"]);
    assert!(ran.code == 3 && ran.stderr.contains(said), "{}", ran.stderr);
    std::fs::write(world.home().join("plan.yaml"), LOOKS_RAISED).unwrap();
    let checked = world.calt(&["plan", "check", "plan.yaml"]);
    assert!(
        checked.stdout.contains("   ! the risk is medium") && !checked.stderr.contains("refused"),
        "{}",
        checked.stdout
    );
}

const LOOKS_RAISED: &str = "title: t\nsteps:\n  - {id: p, title: p, tool: write_file_preview, inputs: {path: a, content: x}}
  - {id: w, title: w, risk: low, tool: write_file_apply, inputs: {path: a, content: x, preview: \"${steps.p.output}\"}}\n";

#[test]
fn a_renamed_file_is_told_with_the_name_it_had() {
    let plan = |files: &str| format!("title: t\nsteps:\n  - {{id: c, title: c, change: {{files: [{files}]}}}}\n");
    let world = world(&plan("{path: old.txt, content: \"1\\n\"}"));
    assert_eq!(world.calt(&["run", "plan.yaml", "--yes"]).code, 0);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    std::fs::write(world.home().join("plan.yaml"), plan("{path: old.txt, rename_to: new.txt}")).unwrap();
    let ran = world.calt(&["run", "plan.yaml", "--session", &id, "--yes"]);
    assert!(ran.stdout.ends_with("\nDone: 2 steps ran; renamed old.txt to new.txt\n"), "{}", ran.stdout);
    let explained = world.calt(&["explain", &id]).stdout;
    assert!(explained.contains("wrote new.txt, which was old.txt (run 4)\n"), "{explained}");
    let found = world.calt(&["logs", "search", "--session", &id]).stdout;
    assert!(found.contains("step c_apply executed: renamed old.txt to new.txt (run 4)"), "{found}");
}
