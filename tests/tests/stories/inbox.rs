//! The inbox: what waits, since when, for whom, over all sessions.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use calt_tests::{Person, Session, World};
use serde_json::{Value, json};

use crate::{apply, look, plan, preview};

fn inbox(person: &Person<'_>, query: &str) -> Value {
    person.get(&format!("/api/v1/inbox{query}")).expect(200).json()
}

/// What waits, oldest first: session, word, step, action.
fn waiting(person: &Person<'_>) -> Vec<(String, String, Value, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let items = inbox(person, "")["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| {
            let action = word(&item["next"]["action"]);
            (word(&item["session_id"]), word(&item["waits_for"]), item["step_id"].clone(), action)
        })
        .collect()
}

/// The id and the time of a session's newest event.
fn newest_event(person: &Person<'_>, session: &Session) -> (i64, String) {
    let page = person.get(&format!("/api/v1/sessions/{}/events/search?limit=1", session.id)).expect(200).json();
    (page["items"][0]["id"].as_i64().unwrap(), page["items"][0]["created_at"].as_str().unwrap().to_owned())
}

#[test]
fn what_waits_is_told_with_since_when_for_whom_and_what_leads_on() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let risky = json!({"id": "b", "title": "look", "tool": "list_dir", "risk": "high"});
    let session = agent.propose(&plan(1, &[look("a"), risky]));
    let one = |person| {
        let page = inbox(person, "");
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        page["items"][0].clone()
    };
    let item = one(&agent);
    assert_eq!((item["waits_for"].as_str(), &item["roles"]), (Some("plan_approval"), &json!(["approver", "owner"])));
    assert_eq!((&item["title"], &item["goal"]), (&json!("a story's plan"), &json!("a story")));
    assert_eq!(item["next"], json!({"action": "approve_plan", "session": session.id, "version": 1}));
    let imported = newest_event(&ada, &session);
    assert_eq!((item["since_event"].as_i64().unwrap(), item["since"].as_str().unwrap()), (imported.0, &*imported.1));

    ada.approve_plan(&session, 1).expect(200);
    let approved = newest_event(&ada, &session);
    let item = one(&agent);
    assert_eq!((&item["waits_for"], &item["step_id"]), (&json!("step_approval"), &json!("a")));
    assert_eq!((&item["pending_steps"], item["since_event"].as_i64().unwrap()), (&json!(2), approved.0));

    ada.approve(&session, "a").expect(200);
    assert_eq!(waiting(&agent), [], "an agent can go on alone");
    agent.run(&session, "a").expect(200);
    ada.approve(&session, "b").expect(200);
    let item = one(&agent);
    assert_eq!((&item["waits_for"], &item["risk"]), (&json!("risk_confirmation"), &json!("high")));
    assert_eq!(item["next"], json!({"action": "confirm_high_risk", "session": session.id, "step": "b"}));

    ada.reject(&session, "b", "not today").expect(200);
    let item = one(&agent);
    assert_eq!((&item["waits_for"], &item["next"]["version"]), (&json!("new_plan"), &json!(2)));
    assert!(item["roles"].as_array().unwrap().contains(&json!("agent")), "{item}");
    ada.stop(&session).expect(200);
    assert_eq!(waiting(&agent), []);
}

#[test]
fn the_oldest_wait_comes_first_and_pages_lead_through_all() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let sessions: Vec<_> = (0..5).map(|_| agent.propose(&plan(1, &[look("a")]))).collect();
    ada.approve_plan(&sessions[0], 1).expect(200);
    let order: Vec<_> = waiting(&ada).into_iter().map(|(session, ..)| session).collect();
    let expected: Vec<_> = [1, 2, 3, 4, 0].map(|place: usize| sessions[place].id.clone()).into();
    assert_eq!(order, expected);
    let (mut paged, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = inbox(&ada, &query);
        paged.extend(page["items"].as_array().unwrap().iter().map(|item| item["session_id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(json!(paged), json!(expected));
    let only = inbox(&ada, &format!("?session={}", sessions[3].id));
    assert_eq!(only["items"].as_array().unwrap().len(), 1);
    assert_eq!(only["items"][0]["session_id"], json!(sessions[3].id));
    let missing = ada.get("/api/v1/inbox?session=session_0000000000000000");
    assert_eq!(missing.expect(404).json()["code"], "session_not_found");
}

#[test]
fn the_inbox_is_made_again_from_the_log() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let waits = agent.propose(&plan(1, &[look("a"), look("b"), look("c")]));
    ada.approve_plan(&waits, 1).expect(200);
    ada.skip(&waits, "a").expect(200);
    agent.propose(&plan(1, &[preview("p", "a.txt", "one"), apply("w", "a.txt", "one", "p")]));
    let before = inbox(&ada, "");
    world.end();
    let rebuilt = world.calt(&["record", "rebuild"]);
    assert_eq!(rebuilt.code, 0, "{rebuilt:?}");
    world.wake();
    assert_eq!(inbox(&world.owner(), "")["items"], before["items"]);
}

#[test]
fn the_command_line_prints_each_with_the_command_that_leads_on() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let empty = world.calt(&["inbox"]);
    assert_eq!((empty.stdout.as_str(), empty.stderr.as_str(), empty.code), ("", "Nothing waits.\n", 0));
    let mut japanese = plan(1, &[look("a")]);
    japanese["title"] = json!("議事録を二つ書く".repeat(8));
    let first = agent.propose(&japanese);
    let second = agent.propose(&plan(1, &[look("a"), look("b")]));
    ada.approve_plan(&second, 1).expect(200);
    let ran = world.calt(&["inbox"]);
    assert!(ran.stdout.lines().all(|line| calt_api::visible::columns(line) <= 80), "{}", ran.stdout);
    let commands: Vec<_> = ran.stdout.lines().filter_map(|line| line.strip_prefix("  calt ")).collect();
    let expected = [&first, &second].map(|session| format!("run --session {}", session.id));
    assert_eq!(commands, expected, "{}", ran.stdout);
    assert_eq!(
        ran.stdout.matches("  proposed by agent-1, works on a directory of its own\n").count(),
        2,
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("step a waits for a yes or a no, and 1 after it"), "{}", ran.stdout);
    let json: Value = serde_json::from_str(&world.calt(&["inbox", "--json"]).stdout).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 2);
}

#[test]
fn watch_prints_what_begins_to_wait_and_what_was_settled() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let old = agent.propose(&plan(1, &[look("a")]));
    let mut command = world.command();
    let mut watch = command.args(["inbox", "--watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> (Value, Value, Value) {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        (line["change"].clone(), line["item"]["session_id"].clone(), line["item"]["waits_for"].clone())
    };
    let line = |change: &str, session: &Session, what: &str| (json!(change), json!(session.id), json!(what));
    assert_eq!(next(), line("waits", &old, "plan_approval"));
    let new = agent.propose(&plan(1, &[look("a")]));
    assert_eq!(next(), line("waits", &new, "plan_approval"));
    ada.approve_plan(&old, 1).expect(200);
    assert_eq!(next(), line("settled", &old, "plan_approval"));
    assert_eq!(next(), line("waits", &old, "step_approval"));
    ada.approve(&old, "a").expect(200);
    assert_eq!(next(), line("settled", &old, "step_approval"));
    watch.kill().unwrap();
    watch.wait().unwrap();
}
