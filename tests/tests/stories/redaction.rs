//! Text that must go is gone from every place, and everything else can still be proven.

use std::path::{Path, PathBuf};

use calt_tests::{Person, Session, World};
use serde_json::{Value, json};

use crate::{look, plan, read};

/// A word no other text holds, and one of Japanese.
const WORD: &str = "zwiebelfisch";
const JAPANESE: &str = "極秘玉葱魚";

fn redact(owner: &Person<'_>, event: i64, reason: &str) -> calt_tests::Reply {
    owner.post(&format!("/api/v1/events/{event}/redact"), &json!({"reason": reason}))
}

/// The number of a session's newest event of a type.
fn event_of(owner: &Person<'_>, session: &Session, event_type: &str) -> i64 {
    let page = owner.get(&format!("/api/v1/sessions/{}/events?after=0&limit=500", session.id)).expect(200).json();
    let found = page["items"].as_array().unwrap().iter().rfind(|event| event["event_type"] == event_type);
    found.unwrap_or_else(|| panic!("no {event_type}: {page}"))["id"].as_i64().unwrap()
}

/// Files below a directory whose bytes hold one of these.
fn holding(directory: &Path, words: &[&[u8]]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                if words.iter().any(|word| bytes.windows(word.len()).any(|window| window == *word)) {
                    found.push(path);
                }
            }
        }
    }
    found
}

/// Where the words are on disk, the ends of them too: an index keeps what a word shares with its neighbour once.
fn on_disk(world: &World) -> Vec<PathBuf> {
    let pair: String = JAPANESE.chars().take(2).collect();
    holding(&world.data_root(), &[&WORD.as_bytes()[2..], JAPANESE.as_bytes(), pair.as_bytes()])
}

/// The record is what it was, as its own verification sees it.
fn verified(world: &World) {
    let ran = world.calt(&["record", "verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// Other events around, so that the words stand between others in the index and on pages.
fn company(world: &World, sessions: usize) {
    for number in 0..sessions {
        let session = world.owner().session_with(&json!({"goal": format!("zwieback {number} 極上の玉葱")}));
        world.owner().import(&session, &plan(1, &[look("a")])).expect(200);
    }
}

/// A session that read a file with the words in it; the file itself is gone again.
fn read_a_secret(world: &World, filling: usize) -> Session {
    let owner = world.owner();
    let follows =
        json!({"id": "uses", "title": "use", "tool": "read_file", "inputs": {"path": "${steps.r.output.content}"}});
    let session = owner.propose(&plan(1, &[read("r", "f"), follows]));
    let file = world.workspace(&session.id).join("f");
    std::fs::write(&file, format!("{WORD} {JAPANESE} {}", "and more ".repeat(filling))).unwrap();
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "r");
    std::fs::remove_file(file).unwrap();
    session
}

#[test]
fn an_output_is_gone_from_log_index_artifact_and_disk_and_the_record_still_verifies() {
    for filling in [0, 20_000] {
        let world = World::start();
        company(&world, 8);
        let session = read_a_secret(&world, filling);
        company(&world, 8);
        let owner = world.owner();
        let event = event_of(&owner, &session, "step_executed");
        let artifacts = format!("/api/v1/sessions/{}/artifacts", session.id);
        let artifact = owner.get(&artifacts).expect(200).json()["items"][0]["id"].as_i64().unwrap();
        owner.get(&format!("{artifacts}/{artifact}")).expect(200);
        for text in [WORD, JAPANESE] {
            assert_eq!(owner.search(&session, text), ["step_executed"], "{text}");
        }
        assert!(!on_disk(&world).is_empty());
        let leaf = |id: i64| owner.get(&format!("/api/v1/events?after={}&limit=1", id - 1)).expect(200).json();
        let before = leaf(event)["items"][0]["leaf_hash"].clone();

        redact(&owner, event, "a secret slipped through").expect(200);
        assert_eq!(on_disk(&world), Vec::<PathBuf>::new(), "filling {filling}");
        let shown = leaf(event)["items"][0].clone();
        assert_eq!((shown["summary"].as_str(), shown["payload_text"].as_str()), (Some(""), Some("")));
        assert_eq!(shown["leaf_hash"], before);
        for text in [WORD, JAPANESE] {
            assert_eq!(owner.search(&session, text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(owner.search(&session, "step_executed").len(), 1, "its type is still found");
        assert_eq!(owner.search(&session, "slipped"), ["payload_redacted"]);
        let gone = owner.get(&format!("{artifacts}/{artifact}"));
        assert_eq!((gone.status, gone.json()["code"].as_str()), (410, Some("artifact_redacted")), "{}", gone.text());
        let refused = owner.approve_shown(&session, "uses");
        assert_eq!(refused.json()["code"], "reference_unresolved", "{}", refused.text());
        verified(&world);

        world.kill();
        world.wake();
        let owner = world.owner();
        assert_eq!(owner.show(&session)["status"], "awaiting_step_approval");
        assert_eq!(owner.get(&format!("{artifacts}/{artifact}")).status, 410);
        assert_eq!(on_disk(&world), Vec::<PathBuf>::new(), "after a crash");
        assert_eq!(world.end(), 0);
        assert_eq!(world.calt(&["record", "rebuild"]).code, 0);
        assert_eq!(world.calt(&["record", "rebuild-index"]).code, 0);
        assert_eq!(on_disk(&world), Vec::<PathBuf>::new(), "after a rebuild");
        verified(&world);
    }
}

#[test]
fn a_plan_goes_only_once_it_cannot_run_and_its_files_go_with_it() {
    for steps in [1, 400] {
        let world = World::start();
        company(&world, 4);
        let owner = world.owner();
        let steps: Vec<Value> = (0..steps)
            .map(|number| {
                let title = format!("look for the {WORD} of {JAPANESE}");
                json!({"id": format!("s{number}"), "title": title, "tool": "list_dir", "inputs": {"path": "."}})
            })
            .collect();
        let session = owner.propose(&json!({"version": 1, "title": WORD, "steps": steps}));
        owner.approve_plan(&session, 1).expect(200);
        let event = event_of(&owner, &session, "plan_imported");
        let refused = redact(&owner, event, "too early");
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("plan_in_use")), "{}", refused.text());
        assert_eq!(refused.json()["next"]["action"], "import_plan");
        assert!(!on_disk(&world).is_empty());

        owner.import(&session, &plan(2, &[look("a")])).expect(200);
        redact(&owner, event, "an older version").expect(200);
        assert_eq!(on_disk(&world), Vec::<PathBuf>::new());
        let shown = owner.get(&format!("/api/v1/sessions/{}/plans/1", session.id)).expect(200).json();
        assert_eq!(shown["steps"].as_array().unwrap().len(), steps.len(), "{shown}");
        owner.approve_plan(&session, 2).expect(200);
        owner.carry_out(&session, "a");
        verified(&world);

        world.kill();
        world.wake();
        assert_eq!(world.owner().show(&session)["status"], "succeeded");
        assert_eq!(on_disk(&world), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_stopped_sessions_newest_plan_goes_and_its_steps_are_not_there_any_more() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&json!({"version": 1, "title": WORD, "steps": [look("a")]}));
    owner.approve_plan(&session, 1).expect(200);
    owner.stop(&session).expect(200);
    redact(&owner, event_of(&owner, &session, "plan_imported"), "stopped").expect(200);
    assert_eq!(on_disk(&world), Vec::<PathBuf>::new());
    assert_eq!(owner.get(&format!("/api/v1/sessions/{}/steps/a", session.id)).status, 404);
    assert_eq!(owner.run(&session, "a").json()["code"], "session_closed");
    verified(&world);
}

#[test]
fn goal_reason_and_error_go_from_the_tables_people_read() {
    let world = World::start();
    company(&world, 4);
    let owner = world.owner();
    let session = owner.session_with(&json!({"goal": format!("find {WORD}"), "ref": JAPANESE}));
    owner.import(&session, &plan(1, &[read("r", &format!("{WORD}/nowhere"))])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.approve(&session, "r").expect(200);
    assert_eq!(owner.run(&session, "r").expect(200).json()["status"], "failed");
    owner.import(&session, &plan(2, &[look("a")])).expect(200);
    owner.reject_plan(&session, 2, &format!("not with {WORD}")).expect(200);
    assert!(owner.show(&session)["goal"].as_str().unwrap().contains(WORD));
    // Search says which events have to go.
    let path = format!("/api/v1/sessions/{}/events/search?q={WORD}", session.id);
    let found = owner.get(&path).expect(200).json();
    let events: Vec<i64> = found["items"].as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap()).collect();
    assert!(events.len() >= 4, "{found}");
    for event in events {
        redact(&owner, event, "all of it").expect(200);
    }
    assert_eq!(on_disk(&world), Vec::<PathBuf>::new());
    assert!(owner.show(&session)["goal"].is_null());
    verified(&world);
}

#[test]
fn only_the_owner_redacts_and_a_second_time_changes_nothing() {
    let world = World::start();
    let session = read_a_secret(&world, 0);
    let owner = world.owner();
    let event = event_of(&owner, &session, "step_executed");
    for (name, role) in [("ann", "approver"), ("bot", "agent"), ("vic", "viewer")] {
        let refused = redact(&world.someone(name, role), event, "I want to");
        assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("not_allowed")), "{role}");
    }
    assert_eq!(redact(&owner, event, "  ").json()["code"], "input_invalid");
    assert_eq!(redact(&owner, 4_711, "nothing").json()["code"], "event_not_found");
    assert!(!on_disk(&world).is_empty());
    redact(&owner, event, "once").expect(200);
    let events = owner.events(&session);
    redact(&owner, event, "twice").expect(200);
    assert_eq!(owner.events(&session), events);
    assert_eq!(events.iter().filter(|event| *event == "payload_redacted").count(), 1);
}

#[test]
fn an_event_of_the_daemon_goes_by_the_command_line_too() {
    let world = World::start();
    world.someone(WORD, "viewer");
    let found = world.owner().get("/api/v1/events/search?q=token_created").expect(200).json();
    let event = found["items"][0]["id"].as_i64().unwrap().to_string();
    let ran = world.calt(&["record", "redact", &event, "--reason", "a name in it", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((said["event_type"].as_str(), said["session_id"].is_null()), (Some("token_created"), true));
    let shown = world.owner().get(&format!("/api/v1/events?after={}&limit=1", said["event_id"].as_i64().unwrap() - 1));
    assert_eq!(shown.expect(200).json()["items"][0]["payload_text"], "");
    // What an event decides by stays: the token still proves its owner.
    assert_eq!(world.owner().get("/api/v1/tokens").expect(200).json()["items"].as_array().unwrap().len(), 2);
    verified(&world);
    let missing = world.calt(&["record", "redact", "4711", "--reason", "nothing there"]);
    assert_eq!(missing.code, 4, "{}", missing.stderr);
}

#[test]
fn a_backup_made_after_a_redaction_holds_nothing_of_it() {
    let world = World::start();
    let session = read_a_secret(&world, 20_000);
    let owner = world.owner();
    redact(&owner, event_of(&owner, &session, "step_executed"), "before the backup").expect(200);
    let file = world.home().join("backup");
    let made = world.calt(&["record", "backup", file.to_str().unwrap(), "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["not_as_recorded"], json!([]));
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(WORD.len()).any(|window| window == WORD.as_bytes()));
    let other = World::asleep(&[]);
    assert_eq!(other.calt(&["record", "restore", file.to_str().unwrap()]).code, 0);
    other.wake();
    verified(&other);
}
