//! Many things decided on at once: all of a list or nothing of it.

use calt_tests::{Person, Session, World};
use serde_json::{Value, json};

use crate::{apply, look, plan, preview};

fn three() -> Value {
    plan(1, &[look("a"), look("b"), look("c")])
}

/// A session's events, as the daemon shows them.
fn events(person: &Person<'_>, session: &Session) -> Vec<Value> {
    let page = person.get(&format!("/api/v1/sessions/{}/events?limit=500", session.id)).expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[test]
fn a_plan_and_its_steps_are_approved_in_one_go() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&three());
    let items = owner.shown(&session, true, &["a", "b", "c"]);
    let reply = owner.decide(&session, "approve", &items).expect(200).json();
    assert_eq!(reply["session_id"], session.id.as_str());
    let decided = json!([
        {"plan_version": 1, "step_id": null, "decision": "approve", "depends_on": null},
        {"plan_version": 1, "step_id": "a", "decision": "approve", "depends_on": null},
        {"plan_version": 1, "step_id": "b", "decision": "approve", "depends_on": null},
        {"plan_version": 1, "step_id": "c", "decision": "approve", "depends_on": null},
    ]);
    assert_eq!(reply["items"], decided);
    let events = events(&owner, &session);
    let decisions: Vec<_> = events.iter().filter(|event| event["facts"]["decision"].is_object()).collect();
    let types: Vec<_> = decisions.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["plan_approved", "step_approved", "step_approved", "step_approved"]);
    assert!(decisions.iter().all(|event| event["facts"]["decision"]["decision_id"] == reply["decision_id"]));
    for step in ["a", "b", "c"] {
        assert_eq!(owner.run(&session, step).expect(200).json()["status"], "succeeded");
    }
    assert_eq!(owner.show(&session)["status"], "succeeded");
}

#[test]
fn one_stale_digest_decides_nothing_and_is_named() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&three());
    let mut items = owner.shown(&session, true, &["a", "b", "c"]);
    items[2]["digest"] = items[1]["digest"].clone();
    let before = events(&owner, &session);
    let refused = owner.decide(&session, "approve", &items).expect(409).json();
    assert_eq!((&refused["code"], &refused["args"]["step"]), (&"digest_changed".into(), &"b".into()));
    assert_eq!(refused["next"], json!({"action": "show_step", "session": session.id, "step": "b"}));
    assert_eq!(events(&owner, &session), before);
    for step in ["a", "b", "c"] {
        assert_eq!(owner.step(&session, step)["status"], "pending");
    }
    assert_eq!(owner.show(&session)["status"], "awaiting_plan_approval");
}

#[test]
fn of_two_people_who_decide_at_once_one_decides_the_whole_list() {
    for _ in 0..5 {
        let world = World::start();
        let (ann, bob) = (world.someone("ann", "approver"), world.someone("bob", "approver"));
        let session = ann.propose(&three());
        let forth = ann.shown(&session, true, &["a", "b", "c"]);
        let back = ann.shown(&session, true, &["c", "b", "a"]);
        let (address, path) = (&world.address(), &format!("/api/v1/sessions/{}/decisions", session.id));
        let (ann_got, bob_got) = std::thread::scope(|scope| {
            let [ann, bob] = [(ann.token(), &forth), (bob.token(), &back)].map(|(token, items)| {
                let bearer = format!("Bearer {token}");
                let body = json!({"decision": "approve", "items": items}).to_string();
                scope.spawn(move || {
                    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
                    calt_tests::send(address, "POST", path, &headers, Some(body.as_bytes())).status
                })
            });
            (ann.join().unwrap(), bob.join().unwrap())
        });
        let mut both = [ann_got, bob_got];
        both.sort_unstable();
        assert_eq!(both, [200, 409]);
        let by = if ann_got == 200 { "ann" } else { "bob" };
        let events = events(&ann, &session);
        let deciders: Vec<_> = events
            .iter()
            .filter(|event| event["facts"]["decision"].is_object())
            .map(|event| event["principal"].as_str().unwrap())
            .collect();
        assert_eq!(deciders, [by; 4]);
    }
}

#[test]
fn an_agent_decides_on_no_list() {
    let world = World::start();
    let (owner, agent) = (world.owner(), world.someone("robot", "agent"));
    let session = agent.propose(&three());
    let items = agent.shown(&session, true, &["a"]);
    for decision in ["approve", "reject", "skip"] {
        assert_eq!(agent.decide(&session, decision, &items).expect(403).json()["code"], "not_allowed");
    }
    assert_eq!(owner.events(&session), ["session_created", "plan_imported"]);
}

#[test]
fn high_risk_is_decided_on_alone() {
    let world = World::start();
    let owner = world.owner();
    let mut high = look("b");
    high["risk"] = json!("high");
    let session = owner.propose(&plan(1, &[look("a"), high]));
    let both = owner.shown(&session, true, &["a", "b"]);
    let refused = owner.decide(&session, "approve", &both).expect(409).json();
    assert_eq!((&refused["code"], &refused["args"]["step"]), (&"high_risk_not_alone".into(), &"b".into()));
    owner.decide(&session, "approve", &owner.shown(&session, true, &["a"])).expect(200);
    owner.decide(&session, "approve", &owner.shown(&session, false, &["b"])).expect(200);
}

#[test]
fn what_refers_to_what_is_not_there_yet_is_named() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[preview("p", "f", "x"), apply("w", "f", "x", "p")]));
    let refused = owner.decide(&session, "approve", &owner.shown(&session, true, &["p", "w"])).expect(409).json();
    assert_eq!((&refused["code"], &refused["args"]["step"]), (&"reference_unresolved".into(), &"w".into()));
    assert_eq!(owner.show(&session)["status"], "awaiting_plan_approval");
}

#[test]
fn a_list_says_what_it_names_and_how_it_was_seen() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&three());
    let items = owner.shown(&session, true, &["a"]);
    let mut undigested = items.clone();
    undigested[1].as_object_mut().unwrap().remove("digest");
    let refused = owner.decide(&session, "approve", &undigested).expect(422).text();
    assert!(refused.contains("items[1].digest"), "{refused}");
    for (decision, items, status) in [
        ("maybe", &items, 422),
        ("approve", &json!([]), 422),
        ("approve", &json!([items[0], items[0]]), 422),
        ("reject", &items, 422),
        ("approve", &json!([items[0], {"plan_version": 1, "step_id": "nope", "digest": items[0]["digest"]}]), 404),
    ] {
        assert_eq!(owner.decide(&session, decision, items).status, status, "{decision} {items}");
    }
    assert_eq!(owner.show(&session)["status"], "awaiting_plan_approval");
    let path = format!("/api/v1/sessions/{}/decisions", session.id);
    let body = json!({"decision": "reject", "items": [items[0]]});
    assert_eq!(owner.post(&path, &body).expect(422).json()["code"], "reason_required");
    let view = "0".repeat(64);
    let body = json!({"decision": "approve", "items": items, "how": "button", "view_digest": view, "view_cut": false,
        "shown_at": "2026-07-01T09:30:00Z", "locale": "ja", "decision_id": "look-1", "source": "chat"});
    assert_eq!(owner.post(&path, &body).expect(200).json()["decision_id"], "look-1");
    for event in events(&owner, &session).iter().filter(|event| event["facts"]["decision"].is_object()) {
        let decision = &event["facts"]["decision"];
        assert_eq!((&decision["how"], &decision["view_digest"]), (&"button".into(), &json!(view)), "{event}");
        assert_eq!((&decision["locale"], &decision["surface"]), (&"ja".into(), &"chat".into()), "{event}");
    }
}

#[test]
fn a_step_left_out_takes_along_what_depends_on_it() {
    let world = World::start();
    let owner = world.owner();
    let change =
        |id: &str, path: &str| json!({"id": id, "title": "t", "change": {"files": [{"path": path, "content": "x"}]}});
    let session = owner.propose(&plan(1, &[change("one", "a"), change("two", "b"), look("c")]));
    owner.approve_plan(&session, 1).expect(200);
    let reply = owner.skip(&session, "one_preview").expect(200).json();
    assert_eq!((&reply["step_id"], &reply["skipped"]), (&"one_preview".into(), &true.into()));
    assert_eq!(reply["also_skipped"], json!([{"step_id": "one_apply", "depends_on": "one_preview"}]));
    owner.carry_out(&session, "two_preview");
    // What has run is not touched.
    let reply = owner.decide(&session, "skip", &owner.shown(&session, false, &["two_apply", "c"])).expect(200).json();
    let skipped: Vec<_> = reply["items"].as_array().unwrap().iter().map(|item| item["step_id"].clone()).collect();
    assert_eq!(skipped, ["two_apply", "c"]);
    let events = events(&owner, &session);
    let of_apply = events.iter().find(|event| event["facts"]["step"] == "one_apply").unwrap();
    let payload: Value = serde_json::from_str(of_apply["payload_text"].as_str().unwrap()).unwrap();
    assert_eq!((&of_apply["event_type"], &payload["depends_on"]), (&"step_skipped".into(), &"one_preview".into()));
    assert_eq!(owner.step(&session, "two_preview")["status"], "succeeded");
    assert_eq!(owner.show(&session)["status"], "succeeded");
}
