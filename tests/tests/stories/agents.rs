//! An agent on the command line: hands in, waits, reads why somebody said no, and hands in again.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use calt_tests::{Person, Ran, Session, World};
use serde_json::{Value, json};

use crate::{look, plan};

/// A command line that holds an agent's token and nothing else.
fn agents_command(world: &World, agent: &Person<'_>, arguments: &[&str]) -> Command {
    let mut command = world.command();
    command.args(arguments).env("CALT_DAEMON_TOKEN", agent.token()).stdin(Stdio::null());
    command
}

fn ran(output: &std::process::Output) -> Ran {
    Ran {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap_or(-1),
    }
}

fn wait(world: &World, agent: &Person<'_>, session: &Session, more: &[&str]) -> (i32, Value) {
    let arguments = [&["wait", &session.id, "--json"], more].concat();
    let ran = ran(&agents_command(world, agent, &arguments).output().unwrap());
    (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}")))
}

/// A wait that goes on beside the story.
fn waiting(world: &World, agent: &Person<'_>, session: &Session, until: &str) -> Child {
    let arguments = ["wait", &session.id, "--json", "--until", until];
    let mut command = agents_command(world, agent, &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One connection for its calls and one for the stream.
    let is_socket = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    world.until("it follows the session", || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
        open.filter_map(Result::ok).filter(is_socket).count() >= 2
    });
    child
}

fn end_of(child: Child) -> (i32, Value) {
    let ran = ran(&child.wait_with_output().unwrap());
    (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}")))
}

#[test]
fn a_wait_that_is_over_too_soon_has_an_exit_code_of_its_own() {
    let world = World::start();
    let agent = world.agent();
    let session = agent.propose(&plan(1, &[look("a")]));
    let (code, told) = wait(&world, &agent, &session, &["--until", "decided", "--timeout", "0"]);
    assert_eq!((code, &told["settled"], &told["status"]), (75, &json!(false), &json!("awaiting_plan_approval")));
    assert_eq!(told["waits"]["waits_for"], "plan_approval");
    let ran = ran(&agents_command(&world, &agent, &["wait", &session.id, "--until", "done", "--timeout", "0"])
        .output()
        .unwrap());
    assert!(ran.stderr.contains(&format!("hint: calt wait {} --until done", session.id)), "{ran:?}");
    let long = agents_command(&world, &agent, &["wait", &session.id, "--until", "done", "--timeout", "101"]).output();
    assert_eq!(long.unwrap().status.code(), Some(2));
    let empty = wait(&world, &agent, &agent.session(), &["--until", "decided"]);
    assert_eq!((empty.0, &empty.1["code"]), (2, &json!("usage")));
}

#[test]
fn a_wait_of_whom_ends_with_what_they_wait_for() {
    let world = World::start();
    let agent = world.agent();
    let session = agent.propose(&plan(1, &[look("a")]));
    // The agent waits for the decision, and whoever decides for something to decide on.
    let (code, told) = wait(&world, &agent, &session, &["--timeout", "0"]);
    assert_eq!((code, &told["hint"]), (75, &json!(null)), "{told}");
    let asked = ran(&agents_command(&world, &agent, &["wait", &session.id, "--timeout", "0"]).output().unwrap());
    assert!(asked.stderr.ends_with(&format!("hint: calt wait {} --until decided\n", session.id)), "{asked:?}");
    let owners = world.calt(&["wait", &session.id, "--timeout", "0"]);
    assert!(owners.code == 0 && owners.stderr == format!("hint: calt run --session {}\n", session.id), "{owners:?}");
    assert_eq!(world.calt(&["plan", "approve", &session.id, "1", "--with-steps", "--yes"]).code, 0);
    let owners = world.calt(&["wait", &session.id, "--timeout", "0"]);
    let end = format!("error: nothing of session {0} waits for you yet\nhint: calt wait {0}\n", session.id);
    assert!(owners.code == 75 && owners.stderr == end, "{owners:?}");
    assert_eq!(wait(&world, &agent, &session, &[]).0, 0);
    agent.run(&session, "a").expect(200);
    assert_eq!(world.calt(&["wait", &session.id]).code, 0);
}

/// An agent on a terminal is told at once that a person decides: it sees no question, and no hint leads it to one.
#[test]
fn an_agent_is_asked_nothing_and_led_to_a_wait() {
    let world = World::start();
    let agent = world.agent();
    let (session, pending) = (agent.propose(&plan(1, &[look("a")])), agent.session());
    std::fs::write(world.home().join("plan.json"), plan(1, &[look("a"), look("b")]).to_string()).unwrap();
    let id = session.id.as_str();
    for words in [
        format!("plan approve {id} 1"),
        format!("plan approve {id} --with-steps"),
        format!("plan reject {id} 1"),
        format!("step approve {id} a"),
        format!("step approve {id} --all"),
        format!("step skip {id} a"),
        format!("step reject {id} a"),
        format!("run --session {id}"),
    ] {
        let line = format!("CALT_DAEMON_TOKEN={} calt {words}", agent.token());
        let terminal = calt_tests::Terminal::shell(&world, 200, &line);
        let screen = terminal.waits_for("exit ", 1);
        let said = if words.starts_with("run ") {
            "error: plan v1 waits for a person's yes; role `agent` may not give it\n"
        } else {
            "error: agent-1 has role `agent`, which may not approve, reject or skip: a person decides\n"
        };
        let hint = format!("hint: calt wait {id} --until decided\n");
        assert!(screen.contains("exit 3") && screen.contains(&format!("{said}{hint}")), "{words}: {screen}");
        assert!(!screen.contains("[y]es") && !screen.contains("Why not?"), "{words}: {screen}");
    }
    let by_agent = |words: &[&str]| ran(&agents_command(&world, &agent, words).output().unwrap());
    let waits = |session: &str| format!("hint: calt wait {session} --until decided\n");
    let executed = by_agent(&["step", "execute", id, "a"]);
    assert!(executed.code == 3 && executed.stderr.ends_with(&waits(id)), "{executed:?}");
    let imported = by_agent(&["plan", "import", &pending.id, "plan.json"]);
    assert!(imported.code == 0 && imported.stderr.ends_with(&format!("A person decides now.\n{}", waits(&pending.id))));
    for (words, place) in [(vec!["explain", id], "next: "), (vec!["inbox"], "  ")] {
        let shown = by_agent(&words).stdout;
        assert!(shown.contains(&format!("\n{place}calt wait {id} --until decided\n")), "{shown}");
        assert!(!shown.contains("calt run") && !shown.contains("approve "), "{shown}");
    }
    // A yes given by a flag is refused by the daemon, which counts it in the log.
    let forced = by_agent(&["plan", "approve", id, "1", "--yes"]);
    assert!(forced.code == 5 && forced.stderr.ends_with(&waits(id)), "{forced:?}");
}

/// What an agent does by hand is one command: it hands the plan in, waits, and executes as far as it was approved.
#[test]
fn an_agent_runs_a_plan_as_far_as_people_said_yes() {
    let world = World::start();
    let agent = world.agent();
    let document = plan(1, &[look("a"), look("b")]).to_string();
    std::fs::write(world.home().join("plan.json"), document).unwrap();
    let by_agent = |words: &[&str]| ran(&agents_command(&world, &agent, words).output().unwrap());
    let handed_in = by_agent(&["run", "plan.json"]);
    let id = world.owner().get("/api/v1/sessions").json()["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(handed_in.code == 3, "{handed_in:?}");
    assert!(handed_in.stderr.ends_with(&format!("hint: calt wait {id} --until decided\n")), "{handed_in:?}");
    let going_on = ["run", "--session", id.as_str()];
    assert_eq!(by_agent(&going_on).code, 3);
    assert_eq!(world.calt(&["plan", "approve", &id, "1", "--yes"]).code, 0);
    assert_eq!(world.calt(&["step", "approve", &id, "a", "--yes"]).code, 0);
    let first = by_agent(&going_on);
    assert!(first.code == 3 && first.stderr.contains("step 1 of 2: a succeeded"), "{first:?}");
    assert_eq!(world.calt(&["step", "approve", &id, "b", "--yes"]).code, 0);
    let rest = by_agent(&going_on);
    assert!(rest.code == 0 && rest.stdout.ends_with("Done: 2 steps ran; nothing was written\n"), "{rest:?}");
}

#[test]
fn a_wait_ends_with_the_decision_and_tells_the_reason_of_a_no() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    let child = waiting(&world, &agent, &session, "decided");
    ada.reject_plan(&session, 1, "まず設計を見せてください").expect(200);
    let (code, told) = end_of(child);
    assert_eq!((code, &told["settled"], &told["status"]), (1, &json!(true), &json!("failed")));
    let reason = &told["reasons"][0];
    assert_eq!((&reason["reason"], &reason["by"]), (&json!("まず設計を見せてください"), &json!("ada")));
    assert_eq!(reason["event_type"], "plan_rejected");
    assert_eq!(told["next"], json!({"action": "import_plan", "session": session.id, "version": 2}));

    // A new version: its predecessor's reasons are no longer told.
    agent.import(&session, &plan(2, &[look("a")])).expect(200);
    let child = waiting(&world, &agent, &session, "decided");
    ada.approve_plan(&session, 2).expect(200);
    ada.approve(&session, "a").expect(200);
    let (code, told) = end_of(child);
    assert_eq!((code, &told["reasons"], &told["waits"]), (0, &json!([]), &Value::Null));
    assert_eq!(told["next"]["action"], "execute_step");

    let child = waiting(&world, &agent, &session, "done");
    agent.run(&session, "a").expect(200);
    let (code, told) = end_of(child);
    assert_eq!((code, &told["status"]), (0, &json!("succeeded")));
}

/// Runs git in a directory.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command line with this on its standard input.
fn fed(world: &World, agent: &Person<'_>, arguments: &[&str], input: &str) -> Ran {
    let mut command = agents_command(world, agent, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ran(&child.wait_with_output().unwrap())
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let listed = git(directory, &["ls-files", "-z", "--cached", "--others"]);
    let names = listed.split('\0').filter(|name| !name.is_empty() && directory.join(name).exists());
    let mut files: Vec<_> = names
        .map(|name| {
            let path = directory.join(name);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            (name.to_owned(), std::fs::read(path).unwrap(), mode)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_diff_becomes_a_plan_that_makes_the_same_tree() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let home = world.home().join("original");
    std::fs::create_dir_all(home.join("src")).unwrap();
    let put = |name: &str, text: &str| std::fs::write(home.join(name), text).unwrap();
    put("src/a.py", "one\ntwo\n\n-- three\n\tfour\n");
    put("gone.txt", "bye\n");
    put("old.txt", "moved\nand\nchanged\nin\none\nplace\n");
    put("議事録.md", "一\r\n二\r\n");
    put("run.sh", "#!/bin/sh\n");
    git(&home, &["init", "-q"]);
    git(&home, &["add", "."]);
    git(&home, &["commit", "-qm", "base"]);
    let session = agent.session();
    let workspace = world.workspace(&session.id);
    let copied = Command::new("cp").arg("-a").arg(home.join(".")).arg(&workspace).status().unwrap();
    assert!(copied.success());

    put("src/a.py", "one\n2\n\n++ three\n\tfour\n\n");
    std::fs::remove_file(home.join("gone.txt")).unwrap();
    std::fs::rename(home.join("old.txt"), home.join("new.txt")).unwrap();
    put("new.txt", "moved\nand\nchanged\nin\n1\nplace\n");
    put("議事録.md", "一\r\n弐\r\n");
    put("made.txt", "no newline");
    std::fs::set_permissions(home.join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    git(&home, &["add", "-A"]);
    let diff = git(&home, &["diff", "--cached", "-M"]);
    assert!(diff.contains("rename to new.txt") && diff.contains("new mode 100755"), "{diff}");

    let made = fed(&world, &agent, &["plan", "from-diff", "--test", "python -m pytest -q"], &diff);
    assert_eq!(made.code, 0, "{made:?}");
    let checked = fed(&world, &agent, &["plan", "check", "-", "--json"], &made.stdout);
    assert_eq!(checked.code, 0, "{checked:?}\n{}", made.stdout);
    let imported = fed(&world, &agent, &["plan", "import", &session.id, "-", "--json"], &made.stdout);
    let imported: Value = serde_json::from_str(&imported.stdout).unwrap();
    let steps: Vec<_> = imported["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["change_preview", "change_apply", "test"]);
    assert_eq!(imported["steps"][2]["inputs"]["command"], "python -m pytest -q");

    ada.approve_plan(&session, 1).expect(200);
    ada.carry_out(&session, "change_preview");
    ada.carry_out(&session, "change_apply");
    assert_eq!(files(&workspace), files(&home));
}

#[test]
fn a_binary_diff_is_refused_and_all_problems_of_a_plan_are_told_at_once() {
    let world = World::start();
    let agent = world.agent();
    let binary = "diff --git a/i.png b/i.png\nindex 1..2 100644\nBinary files a/i.png and b/i.png differ\n";
    let refused = fed(&world, &agent, &["plan", "from-diff"], binary);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("is binary; calt writes text only\nhint: git diff |"), "{refused:?}");

    let wrong = "title: t\nsteps:\n  - {id: a, title: t, tool: read_fil}\n  - {id: a b, title: t, tool: list_dir}\n\
                 \x20 - {id: c, title: t, tool: list_dir, workspace_root: /}\n";
    let checked = fed(&world, &agent, &["plan", "check", "-", "--json"], wrong);
    let problems = serde_json::from_str::<Value>(&checked.stdout).unwrap()["problems"].clone();
    let problems = problems.as_array().unwrap();
    assert!(checked.code == 2 && problems.len() >= 3, "{checked:?}");
    for problem in problems {
        let has_text = |name: &str| problem[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(has_text("code") && has_text("pointer") && has_text("fix"), "{problem}");
        assert!(problem["line"].as_u64().is_some() && problem["column"].as_u64().is_some(), "{problem}");
    }
}

#[test]
fn every_tool_says_what_it_takes_and_gives() {
    let world = World::start();
    let tools = world.agent().get("/api/v1/tools").expect(200).json();
    let tools = tools["items"].as_array().unwrap().clone();
    assert_eq!(tools.len(), 6);
    for tool in tools {
        for schema in ["input_schema", "output_schema"] {
            assert_eq!(tool[schema]["type"], "object", "{}: {schema}", tool["tool_name"]);
            assert!(!tool[schema]["properties"].as_object().unwrap().is_empty(), "{}: {schema}", tool["tool_name"]);
        }
    }
}

/// What the hook says to an event: its exit code and what it tells the agent.
fn hook(scratch: Option<&Path>, event: &str) -> (i32, String) {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/agents/refuse_native_writes.py");
    let mut command = Command::new("python3");
    command.arg(script).env_remove("CALT_SCRATCH").envs(scratch.map(|scratch| ("CALT_SCRATCH", scratch)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(event.as_bytes()).unwrap();
    let ran = ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.stdout, "", "goose and Codex read a decision there");
    (ran.code, ran.stderr)
}

/// An event as Claude Code and Codex write it.
fn event(tool: &str, input: &Value) -> String {
    json!({"session_id": "s", "cwd": "/project", "hook_event_name": "PreToolUse", "tool_name": tool,
        "tool_input": input, "tool_use_id": "t"})
    .to_string()
}

#[test]
fn the_hook_refuses_native_writes_and_says_what_to_do_instead() {
    let patch = "*** Begin Patch\n*** Update File: src/a.rs\n@@\n-a\n+b\n*** End Patch";
    let writes = [
        event("Write", &json!({"file_path": "/project/a", "content": "x"})),
        event("Edit", &json!({"file_path": "/project/a", "old_string": "a", "new_string": "b"})),
        event("NotebookEdit", &json!({"notebook_path": "/project/a.ipynb", "new_source": ""})),
        event("apply_patch", &json!({"command": patch})),
        json!({"event": "PreToolUse", "session_id": "s", "matcher_context": "developer__write",
            "tool_name": "developer__write", "tool_input": {"path": "a", "content": "x"}, "working_dir": "/project"})
        .to_string(),
        "no JSON".to_owned(),
        "{}".to_owned(),
    ];
    for write in &writes {
        let (code, told) = hook(None, write);
        assert_eq!(code, 2, "{write}");
        assert!(told.starts_with("Refused: ") && told.contains("calt plan from-diff"), "{told}");
    }
    for read in ["Read", "Grep", "developer__tree"] {
        assert_eq!(hook(None, &event(read, &json!({"file_path": "/project/a"}))), (0, String::new()));
    }
}

#[test]
fn the_hook_lets_a_shell_read_and_hand_in_and_nothing_else() {
    let code = |command: &str| hook(None, &event("Bash", &json!({"command": command}))).0;
    for harmless in [
        "ls -la src",
        "git -C /tmp/scratch diff | calt plan from-diff --test 'python -m pytest -q' | calt plan import session_1 -",
        "calt wait session_1 --until decided --json",
        "calt step execute session_1 change_preview --json",
        "grep -rn 'a|b;c > d' src",
    ] {
        assert_eq!(code(harmless), 0, "{harmless}");
    }
    for writing in [
        "echo x > a",
        "ls; rm a",
        "ls && rm a",
        "cat a | tee b",
        "cat $(rm a)",
        "cat `rm a`",
        "cat a\nrm a",
        "git diff --output=a",
        "git commit -m x",
        "python3 -c 'open(\"a\", \"w\")'",
        "calt plan approve session_1 1 --yes",
        "calt --token x step approve session_1 a --yes",
        "calt token create --name me --role owner",
        "sed -i s/a/b/ a",
        "'unclosed",
        "",
    ] {
        assert_eq!(code(writing), 2, "{writing}");
    }
}

#[test]
fn the_hook_lets_writes_pass_below_the_scratch_directory_alone() {
    let home = tempfile::tempdir().unwrap();
    let scratch = home.path().join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    std::os::unix::fs::symlink(home.path(), scratch.join("out")).unwrap();
    let write = |path: &Path| hook(Some(&scratch), &event("Write", &json!({"file_path": path, "content": ""}))).0;
    assert_eq!(write(&scratch.join("src/new.rs")), 0);
    for outside in ["../a", "out/a", "../scratch2/a", "."] {
        assert_eq!(write(&scratch.join(outside)), 2, "{outside}");
    }
    let both = format!("*** Add File: {}/a\n+x\n*** Update File: /project/b\n", scratch.display());
    assert_eq!(hook(Some(&scratch), &event("apply_patch", &json!({"command": both}))).0, 2);
}

#[test]
fn the_settings_of_the_three_programs_are_read_as_what_they_are() {
    let read = |name: &str| {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/agents");
        std::fs::read_to_string(examples.join(name)).unwrap()
    };
    for name in ["claude-settings.json", "calt-goose/hooks/hooks.json"] {
        let settings: Value = serde_json::from_str(&read(name)).unwrap();
        let hook = &settings["hooks"]["PreToolUse"][0]["hooks"][0];
        assert!(hook["command"].as_str().unwrap().contains("refuse_native_writes.py"), "{name}");
    }
    assert!(read("codex-config.toml").contains("[[hooks.PreToolUse.hooks]]"));
}

#[test]
fn the_loop_of_the_document_leads_from_a_diff_through_a_no_to_the_end() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let told = |arguments: &[&str], input: &str| {
        let ran = fed(&world, &agent, arguments, input);
        (ran.code, serde_json::from_str::<Value>(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}")))
    };
    let (_, made) = told(&["session", "create", "--goal", "mend the parser", "--json"], "");
    let session = Session { id: made["id"].as_str().unwrap().to_owned() };
    let id = session.id.as_str();
    let diff = |text: &str| format!("--- /dev/null\n+++ b/notes.txt\n@@ -0,0 +1 @@\n+{text}\n");
    let hand_in = |text: &str| {
        let plan = fed(&world, &agent, &["plan", "from-diff"], &diff(text)).stdout;
        assert_eq!(told(&["plan", "check", "-", "--json"], &plan).0, 0);
        assert_eq!(told(&["plan", "import", id, "-", "--json"], &plan).0, 0);
    };
    let wait = |until: &str| told(&["wait", id, "--until", until, "--timeout", "0", "--json"], "");
    hand_in("first");
    assert_eq!(wait("decided").0, 75);
    ada.reject_plan(&session, 1, "say it in Japanese").expect(200);
    let (code, no) = wait("decided");
    assert_eq!((code, &no["reasons"][0]["reason"]), (1, &json!("say it in Japanese")));
    assert_eq!(no["next_command"], format!("calt plan import {id} PLAN"));
    hand_in("二つ目");
    assert_eq!(wait("decided").0, 75);
    ada.approve_plan(&session, 2).expect(200);
    for step in ["change_preview", "change_apply"] {
        assert_eq!(wait("decided").0, 75);
        ada.approve_shown(&session, step).expect(200);
        let (code, yes) = wait("decided");
        assert_eq!((code, &yes["next"]["action"], &yes["next"]["step"]), (0, &json!("execute_step"), &json!(step)));
        assert_eq!(told(&["step", "execute", id, step, "--json"], "").0, 0);
    }
    let (code, done) = wait("done");
    assert_eq!((code, &done["status"], &done["settled"]), (0, &json!("succeeded"), &json!(true)));
    assert_eq!(std::fs::read_to_string(world.workspace(id).join("notes.txt")).unwrap(), "二つ目\n");
    let approves = fed(&world, &agent, &["plan", "approve", id, "2", "--yes", "--json"], "");
    assert_eq!(approves.code, 5, "{approves:?}");
}
