//! What a command leads to once it has ended: the way on that is one, and no other.

use std::process::Command;

use calt_tests::{Terminal, World};
use serde_json::json;

use crate::{look, plan};

/// The session of a world in which there is one.
fn only_session(world: &World) -> String {
    let page = world.owner().get("/api/v1/sessions").expect(200).json();
    page["items"][0]["id"].as_str().unwrap().to_owned()
}

/// A repository with one commit, in the world's home.
fn repository(world: &World) {
    let directory = world.home().join("repository");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("a.txt"), "one\n").unwrap();
    for words in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "base"]] {
        let git = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(words)
            .current_dir(&directory)
            .status();
        assert!(git.unwrap().success());
    }
}

#[test]
fn a_success_on_a_copy_leads_to_where_somebody_works_until_it_is_taken_back() {
    let world = World::start();
    repository(&world);
    let files = json!([{"path": "a.txt", "content": "two\n"}]);
    let change = plan(1, &[json!({"id": "c", "title": "change", "change": {"files": files}})]);
    std::fs::write(world.home().join("plan.json"), change.to_string()).unwrap();
    let ran = world.calt(&["run", "plan.json", "--workspace", "./repository", "--yes"]);
    let id = only_session(&world);
    // The daemon knows of which repository the copy is.
    let land = format!("calt land {id} --repo {}", world.home().join("repository").canonicalize().unwrap().display());
    assert!(ran.code == 0 && ran.stderr.contains(&format!("Land: {land}\n")), "{ran:?}");
    let explained = world.calt(&["explain", &id]).stdout;
    let ways = format!("next: calt session diff {id}\nto land it: {land}\n");
    assert!(explained.contains(&ways), "{explained}");
    let waited = world.calt(&["wait", &id]).stderr;
    assert_eq!(waited, format!("hint: calt session diff {id}\nLand: {land}\n"));
    // An agent is given no unmasked byte, so it is led to the patch alone.
    let agent = world.agent();
    let told = world.calt(&["wait", &id, "--token", agent.token()]).stderr;
    assert_eq!(told, format!("hint: calt session diff {id}\n"));

    assert_eq!(world.calt(&["undo", &id]).code, 0);
    let ran = world.calt(&["run", "--session", &id, "--yes"]);
    let said = "All that this session wrote has been taken back; there is nothing to land.\n";
    assert!(ran.code == 0 && ran.stderr.contains(said) && !ran.stderr.contains("Land: "), "{ran:?}");
    for command in ["explain", "wait"] {
        let told = world.calt(&[command, &id]);
        assert!(!format!("{}{}", told.stdout, told.stderr).contains("calt land"), "{told:?}");
    }
    let landed = world.calt(&["land", &id, "--repo", "repository"]);
    assert!(landed.code == 3 && landed.stderr.contains("nothing is left to land"), "{landed:?}");
}

#[test]
fn a_no_is_told_with_its_reason_and_not_as_a_failure_of_the_work() {
    let world = World::start();
    std::fs::write(world.home().join("plan.json"), plan(1, &[look("a"), look("b")]).to_string()).unwrap();
    let terminal = Terminal::run(&world, 100, &["run", "plan.json"]);
    terminal.waits_for("[y]es, [n]o", 1);
    terminal.types("n");
    terminal.waits_for("Why not? ", 1);
    terminal.types("not in the morning");
    let end = terminal.waits_for("exit 3", 1);
    let id = only_session(&world);
    assert!(end.contains(&format!("The record of {id} (rejected: not in the morning), in")), "{end}");
    assert!(end.contains("  a  not run") && !end.contains("pending)"), "{end}");
    let explained = world.calt(&["explain", &id]).stdout;
    assert!(explained.contains("not in the morning") && explained.contains("\n  not run  a  look\n"), "{explained}");
    let waited = world.calt(&["wait", &id]).stderr;
    assert!(waited.starts_with(&format!("error: session {id} is rejected: not in the morning\n")), "{waited}");
    let waiting = world.calt(&["inbox"]).stdout;
    assert!(waiting.contains("\n  rejected by owner: not in the morning\n"), "{waiting}");
    let item = world.owner().get("/api/v1/inbox").expect(200).json()["items"][0]["ended"].clone();
    assert_eq!(
        item,
        json!({"event_type": "plan_rejected", "by": "owner", "step_id": null, "reason": "not in the morning"})
    );

    // A step that failed, and one that somebody said no to, are told with their step.
    let owner = world.owner();
    let failed = owner.propose(&plan(1, &[crate::read("x", "nowhere")]));
    owner.approve_plan(&failed, 1).expect(200);
    owner.approve(&failed, "x").expect(200);
    assert_eq!(owner.run(&failed, "x").expect(200).json()["status"], "failed");
    let refused = owner.propose(&plan(1, &[look("y")]));
    owner.approve_plan(&refused, 1).expect(200);
    owner.reject(&refused, "y", "another time").expect(200);
    let waiting = world.calt(&["inbox"]).stdout;
    assert!(waiting.contains("\n  step x failed: "), "{waiting}");
    assert!(waiting.contains("\n  step y rejected by owner: another time\n"), "{waiting}");
    // What was let go is told by nobody.
    let page = owner.get(&format!("/api/v1/sessions/{}/events", refused.id)).expect(200).json();
    let events = page["items"].as_array().unwrap();
    let event = events.iter().find(|event| event["event_type"] == "step_rejected").unwrap()["id"].to_string();
    owner.post(&format!("/api/v1/events/{event}/redact"), &json!({"reason": "a name"})).expect(200);
    let waiting = world.calt(&["inbox"]);
    assert!(waiting.code == 0 && !waiting.stdout.contains("another time"), "{waiting:?}");
}

#[test]
fn going_on_where_nothing_is_left_says_so() {
    let world = World::start();
    std::fs::write(world.home().join("plan.json"), plan(1, &[look("a")]).to_string()).unwrap();
    let ran = world.calt(&["run", "plan.json", "--yes"]);
    assert!(ran.stdout.ends_with("\nDone: 1 step ran; nothing was written\n"), "{ran:?}");
    let again = world.calt(&["run", "--session", &only_session(&world)]);
    assert!(again.stdout.ends_with("\nNothing was left to run: all of it was done before.\n"), "{again:?}");
    assert!(again.code == 0 && !again.stdout.contains("Done: "), "{again:?}");
}

#[test]
fn a_plan_with_problems_says_where_to_mend_it_before_it_is_checked_again() {
    let world = World::start();
    let bad = "title: T\nsteps:\n  - id: a\n    title: A\n    tool: run_shell_readonly\n    inputs: {command: ls}\n    \
               verify:\n      type: regex\n      expr: \"(\"\n";
    std::fs::write(world.home().join("bad.yaml"), bad).unwrap();
    let checked = world.calt(&["plan", "check", "bad.yaml"]);
    assert!(checked.stderr.starts_with("bad.yaml:9:13: "), "{}", checked.stderr);
    assert!(checked.stderr.contains("  |       expr: \"(\"\n  |             ^\n"), "{}", checked.stderr);
    let hint = "hint: edit bad.yaml (line 9) as its `fix` says, then: calt plan check bad.yaml\n";
    assert!(checked.code == 2 && checked.stderr.ends_with(hint), "{}", checked.stderr);
}

#[test]
fn a_token_of_an_agent_belongs_to_its_program_and_doctor_finds_nothing_in_it() {
    let world = World::start();
    let made = world.calt(&["token", "create", "--name", "robot", "--role", "agent"]);
    let hint = "hint: CALT_DAEMON_TOKEN=TOKEN PROGRAM\n";
    assert!(
        made.stderr.replace('\n', " ").contains("would speak as robot") && made.stderr.ends_with(hint),
        "{}",
        made.stderr
    );
    let doctor = |token: &str| {
        let ran = world.command().args(["doctor", "--json"]).env("CALT_DAEMON_TOKEN", token).output().unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    let agents = doctor(made.stdout.trim());
    assert!(agents.contains("is robot's, of role agent: nothing is approved with it"), "{agents}");
    assert!(!agents.contains("every program with this environment could speak"), "{agents}");
    let owners = doctor(&world.owner_token());
    assert!(owners.contains("every program with this environment could speak"), "{owners}");
}

#[test]
fn whoever_holds_a_token_learns_whose_it_is() {
    let world = World::start();
    for (name, role, kind, may_decide) in [
        ("vic", "viewer", "person", false),
        ("robot", "agent", "agent", false),
        ("ann", "approver", "person", true),
        ("chat", "relay", "surface", false),
    ] {
        let told = world.someone(name, role).get("/api/v1/whoami").expect(200).json();
        assert_eq!(told, json!({"name": name, "kind": kind, "role": role, "may_decide": may_decide}));
    }
    assert_eq!(world.owner().get("/api/v1/whoami").json()["may_decide"], true);
    assert_eq!(world.request("GET", "/api/v1/whoami", &[], None).status, 401);
}
