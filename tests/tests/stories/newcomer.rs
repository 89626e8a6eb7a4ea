//! The newcomer's way: who has never seen calt is led to a first run, and told what is wrong and what to do.

use calt_tests::{Terminal, World};
use serde_json::{Value, json};

use crate::tamper::without_triggers;
use crate::{look, plan};

/// What `doctor --json` says, with a token of one's own or the owner's.
fn doctor(world: &World, options: &[&str]) -> Value {
    let ran = world.calt(&[options, &["doctor", "--json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr))
}

/// The lines of an area with a verdict.
fn lines<'r>(report: &'r Value, area: &str, verdict: &str) -> Vec<&'r str> {
    let lines = report["lines"].as_array().unwrap().iter();
    let of = lines.filter(|line| line["area"] == area && line["verdict"] == verdict);
    of.map(|line| line["what"].as_str().unwrap()).collect()
}

fn count(world: &World, sql: &str) -> i64 {
    world.database().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn doctor_makes_every_call_and_leaves_nothing_that_waits() {
    let world = World::start();
    // The end of a session has a checkpoint signed, sooner or later.
    let events = "SELECT COUNT(*) FROM events WHERE event_type <> 'checkpoint_signed'";
    let before = count(&world, events);
    let report = doctor(&world, &[]);
    assert_eq!(lines(&report, "API calls", "FAIL"), [""; 0], "{report}");
    let passed = lines(&report, "API calls", "PASS");
    assert!(passed.len() == 1 && passed[0].ends_with("calls answer as they should"), "{passed:?}");
    assert_eq!(count(&world, events) - before, 3, "a probe is made, planned and stopped");

    let owner = world.owner();
    let ids = |path: &str| owner.get(path).expect(200).json()["items"].as_array().unwrap().len();
    assert_eq!(ids("/api/v1/sessions"), 0);
    assert_eq!(ids("/api/v1/sessions?status=cancelled"), 0);
    let probes = owner.get("/api/v1/sessions?include=probes").expect(200).json();
    assert_eq!((&probes["items"][0]["origin"], &probes["items"][0]["status"]), (&"doctor".into(), &"cancelled".into()));
    assert_eq!(owner.get("/api/v1/sessions?include=all").expect(422).json()["code"], "input_invalid");
    assert!(!world.calt(&["session", "list"]).stdout.contains("session_"));
    assert!(world.calt(&["session", "list", "--probes"]).stdout.contains("session_"));
}

#[test]
fn doctor_skips_what_the_token_may_not() {
    let world = World::start();
    for role in ["viewer", "agent", "relay"] {
        let before = count(&world, "SELECT COUNT(*) FROM sessions");
        let made = world.calt(&["token", "create", "--name", role, "--role", role]);
        let report = doctor(&world, &["--token", made.stdout.trim()]);
        assert_eq!(lines(&report, "API calls", "FAIL"), [""; 0], "{role}: {report}");
        assert!(!lines(&report, "API calls", "SKIP").is_empty(), "{role}");
        assert!(!lines(&report, "API calls", "PASS").is_empty(), "{role}");
        assert_eq!(count(&world, "SELECT COUNT(*) FROM sessions") - before, 0, "{role}");
    }
    assert_eq!(count(&world, "SELECT COUNT(*) FROM sessions WHERE status <> 'cancelled'"), 0);
}

/// Its newest events are not what was signed: such a daemon answers, and writes nothing more.
#[test]
fn doctor_on_a_daemon_that_only_reads_says_so_and_asks_the_rest() {
    let world = World::start();
    let session = world.owner().session();
    world.owner().stop(&session).expect(200);
    world.kill();
    let connection = rusqlite::Connection::open(world.data_root().join("calt.sqlite3")).unwrap();
    let sql = "UPDATE events SET summary = 'x' WHERE id = (SELECT MAX(id) FROM events)";
    without_triggers(&connection, sql);
    drop(connection);
    world.wake();
    let ran = world.calt(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    assert_eq!(ran.code, 1, "{report}");
    let failed = lines(&report, "database", "FAIL");
    assert!(failed.len() == 1 && failed[0].starts_with("the record cannot be written: "), "{report}");
    assert_eq!(lines(&report, "API calls", "FAIL"), [""; 0], "{report}");
    let skipped = lines(&report, "API calls", "SKIP");
    assert!(skipped.iter().any(|line| line.ends_with("the daemon only reads now")), "{skipped:?}");
    assert!(!lines(&report, "API calls", "PASS").is_empty(), "{report}");
}

#[test]
fn doctor_needs_no_approval_whatever_the_owner_demands() {
    let world = World::with(&[("CALT__POLICY__SELF_APPROVAL", "false"), ("CALT__POLICY__UNATTENDED", "false")]);
    assert_eq!(lines(&doctor(&world, &[]), "API calls", "FAIL"), [""; 0]);
}

#[test]
fn a_probe_waits_for_nobody_even_when_its_doctor_was_killed() {
    let world = World::start();
    let owner = world.owner();
    let left = owner.session_with(&json!({"goal": "left behind", "origin": "doctor"}));
    owner.import(&left, &plan(1, &[look("a")])).expect(200);
    let waiting = |path: &str| owner.get(path).expect(200).json()["items"].as_array().unwrap().len();
    assert_eq!(waiting("/api/v1/inbox"), 0);
    assert_eq!(waiting(&format!("/api/v1/inbox?session={}", left.id)), 0);
    let other = owner.propose(&plan(1, &[look("a")]));
    assert_eq!(waiting("/api/v1/inbox"), 1);
    assert_eq!(owner.get("/api/v1/inbox").json()["items"][0]["session_id"], other.id);
}

/// Whoever may decide can say that a session is a probe.
#[test]
fn nothing_that_was_decided_or_has_run_hides_as_a_probe() {
    let world = World::start();
    let owner = world.owner();
    let body = json!({"goal": "x", "origin": "doctor"});
    let refused = world.agent().post("/api/v1/sessions", &body).expect(422).json().to_string();
    assert!(refused.contains("only who may decide marks one"), "{refused}");
    let hidden = owner.session_with(&body);
    owner.import(&hidden, &plan(1, &[look("a")])).expect(200);
    let listed = || owner.get("/api/v1/sessions").expect(200).json()["items"].as_array().unwrap().len();
    let waiting = || owner.get("/api/v1/inbox").expect(200).json()["items"].as_array().unwrap().len();
    assert_eq!((listed(), waiting()), (0, 0));
    owner.approve_plan(&hidden, 1).expect(200);
    assert_eq!((listed(), waiting()), (1, 1));
    owner.carry_out(&hidden, "a");
    let next = plan(2, &[look("b")]);
    owner.import(&hidden, &next);
    owner.stop(&hidden);
    assert_eq!(listed(), 1, "what has run stays in sight, whatever became of it");
}

#[test]
fn doctor_on_a_terminal_says_each_verdict_with_its_fix() {
    let world = World::start();
    for columns in [80, 120] {
        let terminal = Terminal::run(&world, columns, &["doctor"]);
        let screen = terminal.waits_for("exit ", 1);
        for said in
            ["configuration\n", "calls answer as they should", "SKIP  not configured", "fix: ", "SETTING", " PASS, "]
        {
            assert!(screen.contains(said), "{said}: {screen}");
        }
    }
}

const PROMPT: &str = "[s]kip";

/// The newest session, probes left out.
fn session(world: &World) -> Value {
    world.owner().get("/api/v1/sessions").json()["items"][0].clone()
}

#[test]
fn quickstart_explains_each_step_shows_one_refusal_and_says_what_to_try_next() {
    for columns in [80, 120] {
        let world = World::start();
        let terminal = Terminal::run(&world, columns, &["quickstart"]);
        let shown = terminal.waits_for(PROMPT, 1);
        let id = session(&world)["id"].as_str().unwrap().to_owned();
        for said in [
            format!("$ calt step execute {id} preview"),
            format!("hint: calt plan approve {id} 1"),
            "apply    writes exactly what was previewed, or refuses".to_owned(),
            "4. The way it is meant".to_owned(),
        ] {
            assert!(shown.contains(&said), "{said}: {shown}");
        }
        terminal.types("y");
        terminal.waits_for(PROMPT, 2);
        assert!(!world.workspace(&id).join("hello.txt").exists(), "nothing is written before the second yes");
        terminal.types("y");
        let end = terminal.waits_for("exit ", 1);
        assert!(end.contains("exit 0") && end.contains("What to try next"), "{end}");
        assert!(end.contains(&format!("calt explain {id}")) && end.contains(&format!("calt undo {id}")), "{end}");
        assert_eq!(std::fs::read_to_string(world.workspace(&id).join("hello.txt")).unwrap(), "Hello from calt.\n");
    }
}

#[test]
fn quickstart_runs_a_plan_of_ones_own_and_data_stays_alone_on_standard_output() {
    let world = World::start();
    std::fs::write(world.home().join("own.yaml"), "title: own\nsteps:\n  - {id: mine, title: 見る, tool: list_dir}\n")
        .unwrap();
    let ran = world.calt(&["quickstart", "own.yaml", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains(" mine\nerror: ") && ran.stderr.contains("What to try next"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("\nThe record of session_"), "{}", ran.stdout);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'));
}

#[test]
fn enter_at_every_question_of_the_wizard_is_harmless_and_comes_to_an_end() {
    for (down, columns) in [(0, 80), (1, 80), (2, 120)] {
        let world = World::start();
        let terminal = Terminal::run(&world, columns, &["wizard", "run"]);
        terminal.waits_for("What shall calt do?", 1);
        for _ in 0..down {
            terminal.presses("Down");
        }
        terminal.presses("Enter");
        let more: &[&str] = match down {
            0 => &[],
            1 => &["Which file?", "What is to stand in it?", "A dry run"],
            _ => &["Which command?"],
        };
        for question in
            more.iter().chain(&["How strictly?", "Keep this plan in a file?", "(Enter: yes, it writes nothing)"])
        {
            terminal.waits_for(question, 1);
            terminal.presses("Enter");
        }
        let end = terminal.waits_for("exit ", 1);
        assert!(end.contains("exit 0"), "{end}");
        let session = session(&world);
        assert_eq!(session["status"], "succeeded", "{end}");
        let workspace = world.workspace(session["id"].as_str().unwrap());
        assert_eq!(std::fs::read_dir(workspace).unwrap().count(), 0, "nothing was written");
        if down == 1 {
            // One line, which a terminal may break, runs for real what was answered.
            let line: String = end.lines().skip_while(|line| !line.starts_with("  printf %s ")).collect();
            let command = line.split_once(" | calt run -").unwrap().0.trim().to_owned() + " | calt run - --yes";
            let terminal = Terminal::shell(&world, 120, &command);
            terminal.waits_for("wrote hello.txt", 1);
        }
    }
}

#[test]
fn cancelling_the_wizard_leaves_nothing_half() {
    let world = World::start();
    for (line, key) in [("first", "Escape"), ("second", "C-c")] {
        let terminal = Terminal::run(&world, 80, &["wizard", "run"]);
        terminal.waits_for("What shall calt do?", 1);
        if line == "second" {
            terminal.presses("Enter");
            terminal.waits_for("How strictly?", 1);
        }
        terminal.presses(key);
        let end = terminal.waits_for("exit ", 1);
        assert!(end.contains("exit 130") && end.contains("nothing was begun"), "{end}");
    }
    assert_eq!(count(&world, "SELECT COUNT(*) FROM sessions"), 0);

    for (key, code) in [("C-c", "exit 130"), ("C-d", "exit 3")] {
        let terminal = Terminal::run(&world, 80, &["wizard", "run"]);
        for question in ["What shall calt do?", "How strictly?", "Keep this plan in a file?"] {
            terminal.waits_for(question, 1);
            terminal.presses("Enter");
        }
        terminal.waits_for("(Enter: yes, it writes nothing)", 1);
        terminal.presses(key);
        let end = terminal.waits_for("exit ", 1);
        assert!(end.contains(code) && end.contains("hint: calt wizard run"), "{end}");
        let session = session(&world);
        assert_eq!(session["status"], "cancelled", "{end}");
    }
}

#[test]
fn the_wizard_keeps_its_plan_and_takes_one_from_a_file() {
    let world = World::start();
    let terminal = Terminal::run(&world, 80, &["wizard", "run"]);
    terminal.waits_for("What shall calt do?", 1);
    terminal.presses("Enter");
    terminal.waits_for("How strictly?", 1);
    terminal.presses("Enter");
    terminal.waits_for("Keep this plan in a file?", 1);
    terminal.types("plan.yaml");
    terminal.waits_for("(Enter: yes, it writes nothing)", 1);
    terminal.presses("Enter");
    terminal.waits_for("exit 0", 1);
    drop(terminal);
    assert_eq!(world.calt(&["plan", "check", "plan.yaml"]).code, 0);

    // A plan from a file is asked about as ever: Enter alone says yes to nothing.
    let terminal = Terminal::run(&world, 80, &["wizard", "run"]);
    terminal.waits_for("What shall calt do?", 1);
    terminal.presses("Up");
    terminal.presses("Enter");
    for question in ["Which plan?", "A dry run", "How strictly?"] {
        terminal.waits_for(question, 1);
        terminal.presses("Enter");
    }
    terminal.waits_for(PROMPT, 1);
    terminal.presses("Enter");
    terminal.waits_for("Please answer y, n, d or s.", 1);
    terminal.types("ｙ");
    terminal.waits_for("exit 0", 1);
}

const FAILS: &str = "title: 途中で失敗する
steps:
  - {id: p, title: 書く前に見る, tool: write_file_preview, inputs: {path: a.txt, content: \"one\\n\"}}
  - {id: w, title: 書く, tool: write_file_apply, inputs: {path: a.txt, content: \"one\\n\", preview: \"${steps.p.output}\"}}
  - {id: bad, title: 失敗する, tool: run_shell_readonly, inputs: {command: \"ls nowhere\"}}
  - {id: p2, title: 書く前に見る, tool: write_file_preview, inputs: {path: b.txt, content: \"two\\n\"}}
  - {id: w2, title: 書く, tool: write_file_apply, inputs: {path: b.txt, content: \"two\\n\", preview: \"${steps.p2.output}\"}}
";

/// What `explain` says, and the command it says is next.
fn explained(world: &World, id: &str) -> (String, Value) {
    let text = world.calt(&["explain", id]);
    let data = world.calt(&["explain", id, "--json"]);
    assert_eq!((text.code, data.code), (0, 0), "{}{}", text.stderr, data.stderr);
    let data: Value = serde_json::from_str(&data.stdout).unwrap();
    if let Some(next) = data["next_command"].as_str() {
        assert!(text.stdout.contains(&format!("next: {next}\n")), "{}", text.stdout);
    }
    (text.stdout, data)
}

#[test]
fn explain_says_after_a_failure_what_was_said_last_and_what_is_on_disk() {
    let world = World::start();
    std::fs::write(world.home().join("fails.yaml"), FAILS).unwrap();
    assert_eq!(world.calt(&["run", "fails.yaml", "--yes"]).code, 1);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    let (text, data) = explained(&world, &id);
    for said in [
        format!("{id}: failed, needs_replan\n"),
        "ls: cannot access 'nowhere'".to_owned(),
        "wrote a.txt (run 2)\n".to_owned(),
        "not written: b.txt (step w2: not run)\n".to_owned(),
        format!("next: calt run PLAN --session {id}\n"),
        format!("to take back what was written: calt undo {id}\n"),
    ] {
        assert!(text.contains(&said), "{said}: {text}");
    }
    assert_eq!(data["on_disk"], json!([{"path": "a.txt", "change": "wrote", "from": null, "run_id": 2}]));
    assert_eq!(data["not_on_disk"][0]["path"], "b.txt");
}

#[test]
fn explain_leads_from_state_to_state_by_its_own_commands() {
    let world = World::start();
    let owner = world.owner();
    let wait = json!({"id": "a", "title": "wait", "tool": "run_shell_readonly", "risk": "high",
        "inputs": {"command": "cat pipe"}});
    let session = owner.session();
    let id = session.id.as_str();
    assert!(explained(&world, id).0.contains("It has no plan yet."));
    owner.import(&session, &plan(1, &[wait])).expect(200);
    for (said, next, more) in [
        ("waits for approver or owner: plan v1", format!("calt plan approve {id} 1"), &["--yes"][..]),
        ("step a waits for a yes or a no", format!("calt step approve {id} a"), &["--yes", "--confirm-high-risk"]),
    ] {
        let (text, data) = explained(&world, id);
        assert!(text.contains(said) && text.contains(&format!("all of it: calt run --session {id}\n")), "{text}");
        assert_eq!(data["next_command"], next);
        let words: Vec<&str> = next.split(' ').skip(1).chain(more.iter().copied()).collect();
        assert_eq!(world.calt(&words).code, 0);
    }
    let (text, data) = explained(&world, id);
    assert!(text.contains("its high risk is to be confirmed"), "{text}");
    assert_eq!(data["next_command"], format!("calt step execute {id} a --confirm-high-risk"));

    assert!(world.command_of("mkfifo").arg(world.workspace(id).join("pipe")).status().unwrap().success());
    let path = format!("/api/v1/sessions/{id}/steps/a/execute");
    let body = json!({"confirm_high_risk": true}).to_string();
    let headers = [("Prefer", "respond-async"), ("Content-Type", "application/json")];
    owner.call("POST", &path, &headers, Some(body.as_bytes())).expect(202);
    let (text, data) = explained(&world, id);
    assert!(text.contains("Step a is running: 1 of 1, since "), "{text}");
    assert!(text.contains(&format!("to end it: calt session stop {id}\n")), "{text}");
    assert_eq!(data["next_command"], format!("calt run --session {id}"));
    owner.stop(&session).expect(200);
    let (text, data) = explained(&world, id);
    assert!(text.contains("session stopped by owner") && text.contains("next: nothing"), "{text}");
    assert_eq!(data["next_command"], Value::Null);

    let done = owner.propose(&plan(1, &[look("a")]));
    owner.approve_plan(&done, 1).expect(200);
    owner.carry_out(&done, "a");
    assert_eq!(explained(&world, &done.id).1["next_command"], format!("calt artifacts list {}", done.id));
}

#[test]
fn hints_name_the_data_root_that_was_given_and_no_variable_and_no_token() {
    let world = World::asleep(&[]);
    let root = world.home().join("other data");
    let root = root.to_str().unwrap();
    let named = |arguments: &[&str]| world.calt(&[&["--data-root", root], arguments].concat());
    let made: Value = serde_json::from_str(&named(&["session", "create", "--json"]).stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    let end = format!(" --data-root '{root}'\n");
    let explained = named(&["explain", id]).stdout;
    assert!(explained.contains(&format!("next: calt run PLAN --session {id}{end}")), "{explained}");
    let missing = named(&["session", "show", "session_nope"]).stderr;
    assert!(missing.ends_with(&format!("hint: calt session list{end}")), "{missing}");
    assert_eq!(named(&["daemon", "stop"]).code, 0);
    let plain = world.calt(&["session", "show", "session_nope"]).stderr;
    assert!(plain.ends_with("hint: calt session list\n"), "{plain}");
    assert_eq!(world.calt(&["daemon", "stop"]).code, 0);
}

#[test]
fn the_guide_fits_a_screen_of_80_by_24() {
    let world = World::asleep(&[]);
    for columns in [80, 120] {
        let terminal = Terminal::run(&world, columns, &["guide"]);
        terminal.waits_for("exit 0", 1);
        let lines = terminal.lines();
        let end = lines.iter().position(|line| line == "exit 0").unwrap();
        assert!(end < 23 && lines[0].starts_with("calt: plan"), "{lines:?}");
    }
}

#[test]
fn following_says_on_a_terminal_what_runs_and_elsewhere_prints_plain_lines() {
    let world = World::start();
    let owner = world.owner();
    let wait = json!({"id": "wait", "title": "wait", "tool": "run_shell_readonly", "inputs": {"command": "cat pipe"}});
    let session = owner.propose(&plan(1, &[look("a"), wait]));
    owner.approve_plan(&session, 1).expect(200);
    assert!(world.command_of("mkfifo").arg(world.workspace(&session.id).join("pipe")).status().unwrap().success());
    owner.carry_out(&session, "a");
    let narrow = Terminal::run(&world, 80, &["logs", "follow", "--session", &session.id]);
    narrow.waits_for("waiting for the next event", 1);
    let wide = Terminal::run(&world, 120, &["logs", "follow"]);
    let plain = Terminal::shell(&world, 80, "calt logs follow > followed 2> said");
    owner.approve_shown(&session, "wait").expect(200);
    let run = owner.start(&session, "wait");
    let shown = narrow.waits_for("step 2 of 2: wait (", 1);
    assert!(shown.contains("step a executed (run 1)") && !shown.contains("step_executed"), "{shown}");
    let lines = narrow.lines();
    assert!(lines.iter().any(|line| line.trim_end().ends_with("step wait approved")), "no word is broken: {lines:?}");
    wide.waits_for(&format!("{} step 2 of 2: wait", session.id), 1);
    std::fs::write(world.workspace(&session.id).join("pipe"), "on\n").unwrap();
    narrow.waits_for("session succeeded", 1);
    let shown = narrow.waits_for("waiting for the next event", 1);
    assert!(shown.contains(&format!("step wait executed (run {run})")) && !shown.contains("step 2 of 2"), "{shown}");
    narrow.presses("C-c");
    let end = narrow.waits_for("exit ", 1);
    assert!(end.contains("exit 0") && !end.contains("waiting for"), "{end}");
    let followed = || std::fs::read_to_string(world.home().join("followed")).unwrap();
    world.until("all events are followed", || followed().contains("session succeeded"));
    plain.presses("C-c");
    plain.waits_for("exit 0", 1);
    assert_eq!(std::fs::read_to_string(world.home().join("said")).unwrap(), "");
    assert!(!followed().contains('\u{1b}') && followed().lines().all(|line| line.contains("+00:00")), "{}", followed());
}

#[test]
fn times_are_local_with_their_offset_for_people_and_utc_in_data() {
    let world = World::with(&[("TZ", "Asia/Tokyo")]);
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a")]));
    let id = session.id.as_str();
    let made = owner.show(&session)["created_at"].as_str().unwrap().to_owned();
    assert!(made.ends_with('Z'), "{made}");
    owner
        .post("/api/v1/tokens", &json!({"name": "a", "role": "agent", "expires_at": "2099-01-01T00:00:00Z"}))
        .expect(200);
    for arguments in [
        &["session", "list"][..],
        &["session", "show", id],
        &["inbox"],
        &["explain", id],
        &["logs", "search"],
        &["token", "list"],
    ] {
        let text = world.calt(arguments).stdout;
        assert!(text.contains("+09:00") && !text.contains("00Z"), "{arguments:?}: {text}");
        let data = world.calt(&[arguments, &["--json"]].concat()).stdout;
        assert!(data.contains("Z\"") && !data.contains("+09:00\""), "{arguments:?}: {data}");
    }
}

#[test]
fn what_a_search_found_is_read_as_words() {
    let world = World::start();
    std::fs::write(world.home().join("fails.yaml"), FAILS).unwrap();
    assert_eq!(world.calt(&["run", "fails.yaml", "--yes"]).code, 1);
    for columns in [80, 120] {
        let terminal = Terminal::run(&world, columns, &["logs", "search", "nowhere"]);
        let screen = terminal.waits_for("exit 0", 1);
        for said in ["step bad failed", "step bad started", "plan v1 imported", "command: ls nowhere"] {
            assert!(screen.contains(said), "{said}: {screen}");
        }
        for soup in ["\":\"", "\",\"", "step_id", "duration_ms"] {
            assert!(!screen.contains(soup), "{soup}: {screen}");
        }
    }
}

#[test]
fn nothing_of_the_newcomers_way_is_coloured_where_colours_are_not_wanted() {
    let world = World::start();
    let coloured = |line: &str| {
        let terminal = Terminal::shell(&world, 80, line);
        terminal.waits_for("exit 0", 1);
        terminal.coloured_screen().contains('\u{1b}')
    };
    assert!(coloured("calt doctor"));
    for line in ["NO_COLOR=1 calt doctor", "TERM=dumb calt doctor", "calt doctor | cat", "calt guide"] {
        assert!(!coloured(line), "{line}");
    }
}

#[test]
fn japanese_titles_keep_their_columns_in_the_newcomers_tables() {
    let world = World::with(&[("LANG", "en_US.UTF-8")]);
    std::fs::write(world.home().join("fails.yaml"), FAILS).unwrap();
    assert_eq!(world.calt(&["run", "fails.yaml", "--yes"]).code, 1);
    let id = session(&world)["id"].as_str().unwrap().to_owned();
    for columns in [80, 120] {
        let terminal = Terminal::run(&world, columns, &["explain", &id]);
        let screen = terminal.waits_for("exit 0", 1);
        for row in ["  succeeded  p    書く前に見る", "  failed     bad  失敗する", "goal: 途中で失敗する"]
        {
            assert!(screen.contains(row), "{row}: {screen}");
        }
        // Each word stands whole on one of the lines as they are seen.
        let lines = terminal.lines();
        let words = "Because: step bad failed: the command exited with 2. Only a new plan version leads on.";
        let is_whole = |word| lines.iter().any(|line| line.split(' ').any(|seen| seen == word));
        assert!(words.split(' ').all(is_whole), "{lines:?}");
        assert!(screen.replace('\n', " ").contains("Only a new plan version leads on."), "{screen}");
    }
}
