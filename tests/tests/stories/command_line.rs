//! The command line: one command does the main job, and every refusal says what to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use calt_tests::{Ran, World};

use crate::{look, plan};

fn write_plan(world: &World, name: &str, text: &str) {
    std::fs::write(world.home().join(name), text).unwrap();
}

/// The command after `hint: `.
fn hint(talk: &str) -> &str {
    talk.lines().rev().find_map(|line| line.strip_prefix("hint: ")).unwrap_or_else(|| panic!("no hint: {talk}"))
}

/// Does what the hint says.
fn follow(world: &World, talk: &str) -> Ran {
    let words: Vec<&str> = hint(talk).split(' ').collect();
    assert_eq!(words[0], "calt", "{talk}");
    world.calt(&words[1..])
}

/// How the first decision of a kind was made, as the record says.
fn how(world: &World, event_type: &str) -> String {
    let facts: String = world
        .database()
        .query_row("SELECT facts FROM events WHERE event_type = ?1 ORDER BY id", [event_type], |row| row.get(0))
        .unwrap();
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    facts["decision"]["how"].as_str().unwrap_or_else(|| panic!("no `how`: {facts}")).to_owned()
}

/// Where a setting's value came from, as `doctor --json` says.
fn from<'r>(report: &'r serde_json::Value, setting: &str) -> &'r str {
    let settings = report["settings"].as_array().unwrap();
    let found = settings.iter().find(|found| found["name"] == setting);
    found.unwrap_or_else(|| panic!("no {setting}: {report}"))["from"].as_str().unwrap()
}

const WRITE: &str = "title: write
steps:
  - {id: p, title: see, tool: write_file_preview, inputs: {path: a.txt, content: \"one\\n\"}}
  - {id: w, title: do, tool: write_file_apply, inputs: {path: a.txt, content: \"one\\n\", preview: \"${steps.p.output}\"}}
";

const LOOK: &str = "title: look\nsteps:\n  - {id: a, title: look, tool: list_dir}\n";

#[test]
fn run_starts_a_daemon_by_itself_and_prints_the_record() {
    let world = World::asleep(&[]);
    write_plan(&world, "look.yaml", LOOK);
    let ran = world.calt(&["run", "look.yaml", "--yes"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.ends_with("\nDone: 1 step ran; nothing was written\n"), "{}", ran.stdout);
    let again = world.calt(&["session", "list", "--json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let json: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.calt(&["daemon", "stop"]).code, 0);
}

#[test]
fn without_a_terminal_and_without_yes_it_stops_at_the_gate() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    let ran = world.calt(&["run", "look.yaml"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.stdout, ran.stderr);
    let sessions = world.owner().get("/api/v1/sessions").json();
    assert_eq!(sessions["items"][0]["status"], "awaiting_plan_approval");
}

#[test]
fn the_hint_at_the_gate_leads_on() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    let stopped = world.calt(&["run", "look.yaml"]);
    let ran = follow(&world, &stopped.stderr);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let sessions = world.owner().get("/api/v1/sessions").json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "the hint went on in the same session");
    assert_eq!(sessions["items"][0]["status"], "succeeded");
}

#[test]
fn each_hint_leads_to_the_next_until_all_is_done() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    let made = world.calt(&["session", "create"]);
    let to_plan = hint(&made.stderr).replace("PLAN", "look.yaml");
    let mut ran = world.calt(&to_plan.split(' ').skip(1).collect::<Vec<_>>());
    for _ in 0..10 {
        if ran.code == 0 {
            break;
        }
        ran = follow(&world, &ran.stderr);
    }
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains(" (succeeded), in short\n"), "{}", ran.stdout);
}

#[test]
fn a_plan_from_standard_input_stops_at_the_gate_and_can_be_gone_on_with() {
    let world = World::start();
    let mut child = world.command().args(["run", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(LOOK.as_bytes()).unwrap();
    let stopped = child.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(3));
    let ran = follow(&world, &String::from_utf8_lossy(&stopped.stderr));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn an_approval_without_a_terminal_needs_a_flag_and_is_recorded_as_that() {
    let world = World::start();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    let asked = world.calt(&["plan", "approve", &session.id, "1"]);
    assert_eq!((asked.code, asked.stdout.as_str()), (3, ""), "{}", asked.stderr);
    assert_eq!(follow(&world, &asked.stderr).code, 0);
    let asked = world.calt(&["step", "approve", &session.id, "a"]);
    assert_eq!(asked.code, 3, "{}", asked.stderr);
    assert_eq!(follow(&world, &asked.stderr).code, 0);
    assert_eq!(how(&world, "plan_approved"), "flag");
    assert_eq!(how(&world, "step_approved"), "flag");
}

#[test]
fn a_dry_run_shows_every_write_and_applies_none() {
    let world = World::start();
    write_plan(&world, "write.yaml", WRITE);
    let ran = world.calt(&["run", "write.yaml", "--dry-run", "--yes"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("+one"), "{}", ran.stderr);
    let sessions = world.owner().get("/api/v1/sessions").json();
    let session = sessions["items"][0]["id"].as_str().unwrap();
    assert!(!world.workspace(session).join("a.txt").exists());
}

#[test]
fn a_dry_run_goes_on_with_what_writes_nothing() {
    let world = World::start();
    let late = "  - {id: l, title: late, tool: list_dir, inputs: {path: \"${steps.f.output.stdout}\"}}\n";
    let find = "  - {id: f, title: find, tool: run_shell_readonly, inputs: {command: find . -maxdepth 0}}\n";
    let (head, write) = WRITE.split_at(WRITE.find("  - {id: w").unwrap());
    write_plan(&world, "write.yaml", &format!("{head}{find}{late}{write}"));
    let ran = world.calt(&["run", "write.yaml", "--dry-run", "--yes"]);
    // The path ends with a line break, so the listing itself fails: but it was approved and executed.
    assert_eq!(ran.code, 1, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("l  failed ") && ran.stdout.contains("w  skipped "), "{}", ran.stdout);
}

#[test]
fn all_that_is_decided_in_one_look_is_one_decision() {
    let world = World::start();
    write_plan(
        &world,
        "looks.yaml",
        "title: t\nsteps:\n  - {id: a, title: a, tool: list_dir}\n  - {id: b, title: b, tool: list_dir}\n",
    );
    assert_eq!(world.calt(&["run", "looks.yaml", "--yes"]).code, 0);
    let decisions: u32 =
        world.database().query_row("SELECT COUNT(DISTINCT decision_id) FROM approvals", [], |row| row.get(0)).unwrap();
    assert_eq!(decisions, 1);
}

#[test]
fn json_is_one_document_on_standard_output_in_success_and_failure() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    write_plan(&world, "bad.yaml", "title: 悪い計画\nsteps: []\n");
    write_plan(
        &world,
        "fails.yaml",
        "title: t\nsteps:\n  - {id: a, title: a, tool: read_file, inputs: {path: none}}\n",
    );
    let cases: &[(&[&str], i32)] = &[
        (&["run", "look.yaml", "--yes"], 0),
        (&["run", "look.yaml"], 3),
        (&["run", "fails.yaml", "--yes"], 1),
        (&["run", "bad.yaml", "--yes"], 2),
        (&["plan", "check", "look.yaml"], 0),
        (&["plan", "check", "bad.yaml"], 2),
        (&["session", "list"], 0),
        (&["session", "show", "session_nope"], 4),
        (&["session", "list", "--nope"], 2),
        (&["tools", "list"], 0),
        (&["tools", "permissions", "nope"], 4),
        (&["logs", "search", "look"], 0),
        (&["token", "list"], 0),
        (&["token", "revoke", "nope"], 4),
        (&["doctor"], 0),
        (&["guide"], 0),
        (&["quickstart"], 3),
        (&["wizard", "run"], 2),
        (&["--token", "wrong", "tools", "list"], 5),
        (&["--base-url", "http://127.0.0.1:1", "--token", "t", "tools", "list"], 5),
    ];
    for (arguments, code) in cases {
        let ran = world.calt(&[&["--json"], *arguments].concat());
        assert_eq!(ran.code, *code, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
        let document: Result<serde_json::Value, _> = serde_json::from_str(&ran.stdout);
        let document = document.unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", ran.stdout));
        let error = if document["error"].is_null() { &document } else { &document["error"] };
        assert!(*code < 2 || error["hint"].is_string() || document["problems"].is_array(), "{arguments:?}: {document}");
    }
}

#[test]
fn ten_clients_at_once_start_one_daemon() {
    let world = World::asleep(&[]);
    let ask =
        || world.command().args(["session", "list", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let clients: Vec<_> = (0..10).map(|_| ask().unwrap()).collect();
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let found = world.calt(&["logs", "search", "daemon_started", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[test]
fn ten_clients_beside_the_file_of_a_killed_daemon_find_a_new_one() {
    let world = World::start();
    world.kill();
    let ask = || world.command().args(["session", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let clients: Vec<_> = (0..10).map(|_| ask().unwrap()).collect();
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let world = World::start();
    for _ in 0..40 {
        world.owner().session();
    }
    for line in ["calt logs search", "calt completions bash", "calt --help", "calt session list"] {
        let script = format!(
            "calt() {{ {} \"$@\"; }}; {line} | head -1; echo \"${{PIPESTATUS[0]}}\"",
            World::binary().display()
        );
        let output = world.command_of("bash").args(["-c", &script]).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(stdout.lines().last(), Some("0"), "{line}: {stdout}{stderr}");
        assert!(!stderr.contains("panicked"), "{line}: {stderr}");
    }
}

#[test]
fn empty_variables_count_as_not_set() {
    let world = World::with(&[("CALT_DAEMON_TOKEN", ""), ("CALT_DAEMON_BASE_URL", "")]);
    let ran = world.calt(&["session", "list"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn doctor_says_where_each_value_came_from() {
    let world = World::with(&[("CALT__SERVER__IDLE_SECONDS", "77")]);
    let configuration = world.home().join(".config/calt");
    std::fs::create_dir_all(&configuration).unwrap();
    let told = world.calt(&["--token", "wrong", "doctor", "--json"]);
    assert_eq!(told.code, 1, "{}", told.stderr);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(from(&told, "token"), "flag");
    let told = world.calt(&["doctor", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(from(&told, "data root"), "environment");
    assert_eq!(from(&told, "token"), "default");
    assert_eq!(from(&told, "daemon: server.idle_seconds"), "environment");
    assert_eq!(from(&told, "daemon: log.level"), "default");
}

#[test]
fn the_configuration_file_names_the_data_root_for_client_and_daemon() {
    let world = World::asleep(&[("CALT_DATA_ROOT", "")]);
    let configuration = world.home().join(".config/calt");
    std::fs::create_dir_all(&configuration).unwrap();
    let root = world.data_root();
    let text = format!("[storage]\ndata_root = \"{}\"\n", root.display());
    std::fs::write(configuration.join("config.toml"), text).unwrap();
    assert_eq!(world.calt(&["session", "list"]).code, 0);
    assert!(root.join("calt.sqlite3").exists());
    assert_eq!(world.calt(&["daemon", "stop"]).code, 0);
}

#[test]
fn hidden_characters_of_a_plan_are_shown_wherever_it_is_shown() {
    let world = World::start();
    let evil = "title: \"t\\e[2J\\u202e\"\nsteps:\n  - {id: a, title: \"\\u200b\\a\", tool: list_dir, preconditions: [\"\\e]0;x\\a\"]}\n";
    write_plan(&world, "evil.yaml", evil);
    let ran = world.calt(&["run", "evil.yaml", "--yes"]);
    let session = world.owner().get("/api/v1/sessions").json()["items"][0]["id"].as_str().unwrap().to_owned();
    let mut shown = vec![ran.stdout, ran.stderr];
    for arguments in [
        &["session", "list"][..],
        &["plan", "check", "evil.yaml"],
        &["plan", "show", &session],
        &["step", "show", &session, "a"],
        &["explain", &session],
        &["logs", "search", "--session", &session],
        &["logs", "search", "--session", &session, "--json"],
        &["plan", "show", &session, "--json"],
    ] {
        let ran = world.calt(arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        shown.extend([ran.stdout, ran.stderr]);
    }
    for text in shown {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\u{7}']), "{text:?}");
    }
}

#[test]
fn the_gate_step_by_step() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    let made = world.calt(&["session", "create", "--goal", "g", "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let json: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let session = json["id"].as_str().unwrap();
    assert_eq!(world.calt(&["plan", "import", session, "look.yaml"]).code, 0);
    let early = world.calt(&["step", "execute", session, "a"]);
    assert_eq!(early.code, 3, "{}", early.stderr);
    assert!(early.stderr.contains("error:") && early.stderr.contains("hint:"), "{}", early.stderr);
    assert_eq!(world.calt(&["plan", "approve", session, "1", "--yes"]).code, 0);
    assert_eq!(world.calt(&["step", "approve", session, "a", "--yes"]).code, 0);
    let ran = world.calt(&["step", "execute", session, "a"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let explained = world.calt(&["explain", session]);
    assert!(explained.stdout.contains("succeeded"), "{}", explained.stdout);
    let found = world.calt(&["logs", "search", "--session", session, "step_executed"]);
    assert!(found.stdout.contains("step a executed"), "{}", found.stdout);
    assert_eq!(world.calt(&["session", "show", "session_nope"]).code, 4);
}

#[test]
fn a_yes_by_flag_is_recorded_as_an_unattended_yes() {
    let world = World::start();
    write_plan(&world, "look.yaml", LOOK);
    world.calt(&["run", "look.yaml", "--yes"]);
    assert_eq!(how(&world, "plan_approved"), "flag");
    assert_eq!(how(&world, "step_approved"), "flag");
}

#[test]
fn high_risk_is_not_answered_by_yes_alone() {
    let world = World::start();
    write_plan(&world, "high.yaml", "title: t\nsteps:\n  - {id: a, title: look, tool: list_dir, risk: high}\n");
    let ran = world.calt(&["run", "high.yaml", "--yes"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.stdout, ran.stderr);
    let ran = follow(&world, &ran.stderr);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let ran = world.calt(&["run", "high.yaml", "--yes", "--confirm-high-risk"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn a_token_of_another_address_is_never_sent() {
    let world = World::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ran = world.calt(&["--base-url", &url, "tools", "list"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a stored token went to another address");
}

#[test]
fn one_session_on_two_surfaces() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a")]));
    assert_eq!(world.calt(&["plan", "approve", &session.id, "1", "--yes"]).code, 0);
    owner.carry_out(&session, "a");
    assert!(world.calt(&["session", "show", &session.id]).stdout.contains("succeeded"));
}

#[test]
fn follow_prints_events_as_they_happen_one_document_a_line() {
    let world = World::start();
    let mut child =
        world.command().args(["logs", "follow", "--json", "--after", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["id"], 1);
    let session = world.owner().session();
    let made = std::iter::from_fn(|| Some(next())).find(|event| event["event_type"] == "session_created").unwrap();
    assert_eq!(made["session_id"], session.id.as_str());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_approved_step_of_high_risk_is_confirmed_anew_by_a_flag() {
    let world = World::start();
    let mut step = look("a");
    step["risk"] = "high".into();
    let session = world.owner().propose(&plan(1, &[step]));
    world.owner().approve_plan(&session, 1).expect(200);
    world.owner().approve_shown(&session, "a").expect(200);
    let ran = world.calt(&["run", "--session", &session.id, "--yes"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(follow(&world, &ran.stderr).code, 0);
}

#[test]
fn a_step_that_refers_to_what_is_not_there_can_only_be_left_out() {
    let world = World::start();
    let look = "title: t\nsteps:\n  - {id: p, title: p, tool: list_dir}\n";
    let late = "  - {id: w, title: w, tool: list_dir, inputs: {path: \"${steps.p.output.nowhere}\"}}\n";
    write_plan(&world, "write.yaml", &format!("{look}{late}"));
    let stopped = world.calt(&["run", "write.yaml"]);
    let session = hint(&stopped.stderr).split(' ').nth(3).unwrap().to_owned();
    let stopped = world.calt(&["run", "--session", &session, "--yes"]);
    assert_eq!(stopped.code, 3, "{}", stopped.stderr);
    let again = follow(&world, &stopped.stderr);
    assert_eq!(follow(&world, &again.stderr).code, 0);
    let shown = world.calt(&["session", "show", &session]);
    assert!(shown.stdout.contains("succeeded"), "{}", shown.stdout);
}

#[test]
fn a_refusal_is_said_in_the_language_of_the_person_and_the_data_stays_english() {
    let world = World::with(&[("LANG", "ja_JP.UTF-8")]);
    let ran = world.calt(&["explain", "session_nope"]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.starts_with("エラー: セッション `session_nope` が見つかりません\nヒント: calt "),
        "{}",
        ran.stderr
    );
    let ran = world.calt(&["--json", "explain", "session_nope"]);
    assert!(ran.stdout.contains("session `session_nope` was not found"), "{}", ran.stdout);
}
