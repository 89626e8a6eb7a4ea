//! People, agents and surfaces: who is added, what proves them, and what ends with them.

use calt_tests::World;
use serde_json::{Value, json};

use crate::{look, plan};

#[test]
fn a_persons_tokens_prove_one_person_and_end_with_the_removal() {
    let world = World::start();
    let owner = world.owner();
    let added = world.calt(&["person", "add", "ann", "--display", "Ann A.", "--discord", "42", "--json"]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let added: Value = serde_json::from_str(&added.stdout).unwrap();
    let told = [&added["kind"], &added["role"], &added["display"], &added["discord"], &added["tokens"]];
    assert_eq!(told, [&json!("person"), &json!("approver"), &json!("Ann A."), &json!("42"), &json!(0)]);
    let token = || {
        let made = world.calt(&["token", "create", "--for", "ann", "--json"]);
        let made: Value = serde_json::from_str(&made.stdout).unwrap_or_else(|_| panic!("{}", made.stderr));
        assert_eq!((made["principal"].as_str(), made["role"].as_str()), (Some("ann"), Some("approver")));
        made["token"].as_str().unwrap().to_owned()
    };
    let (one, other) = (token(), token());
    let session = owner.propose(&plan(1, &[look("a")]));
    let reads = |token: &str| {
        let bearer = format!("Bearer {token}");
        let path = format!("/api/v1/sessions/{}", session.id);
        world.request("GET", &path, &[("Authorization", &bearer)], None)
    };
    let approve = format!("/api/v1/sessions/{}/plans/1/approve", session.id);
    let bearer = format!("Bearer {one}");
    world.request("POST", &approve, &[("Authorization", &bearer)], None).expect(200);
    reads(&one).expect(200);
    reads(&other).expect(200);
    assert_eq!(world.calt(&["person", "remove", "ann"]).code, 0);
    reads(&one).expect(401);
    reads(&other).expect(401);
    let listed = world.calt(&["person", "list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let ann = listed["items"].as_array().unwrap().iter().find(|item| item["name"] == "ann").unwrap();
    assert_eq!((ann["tokens"].as_u64(), ann["removed_at"].is_string()), (Some(0), true), "{ann}");
    let types = event_types(&world);
    assert_eq!(types.iter().filter(|known| *known == "person_removed").count(), 1);
    // The record is read again from its rows, and still knows that she is gone.
    world.kill();
    world.wake();
    reads(&one).expect(401);
    world.owner().post("/api/v1/tokens", &json!({"person": "ann"})).expect(404);
}

#[test]
fn an_account_is_one_persons_and_a_name_stays_what_it_was() {
    let world = World::start();
    let owner = world.owner();
    let add = |body: Value| owner.post("/api/v1/persons", &body);
    add(json!({"name": "ann", "discord": "42"})).expect(200);
    add(json!({"name": "bob", "discord": "42"})).expect(422);
    add(json!({"name": "ann"})).expect(422);
    add(json!({"name": "bob", "discord": "4 2"})).expect(422);
    add(json!({"name": "bob", "display": "b".repeat(101)})).expect(422);
    add(json!({"name": "robot", "role": "agent"})).expect(422);
    owner.post_nothing("/api/v1/persons/ann/remove").expect(200);
    add(json!({"name": "bob", "discord": "42"})).expect(200);
    // The name of a person is nobody else's later, whichever way it is asked for.
    owner.post("/api/v1/tokens", &json!({"name": "ann", "role": "agent"})).expect(422);
    owner.post("/api/v1/tokens", &json!({"name": "robot", "role": "agent"})).expect(200);
    owner.post_nothing("/api/v1/persons/robot/remove").expect(200);
    add(json!({"name": "robot"})).expect(422);
    add(json!({"name": "ann", "role": "viewer"})).expect(200);
}

#[test]
fn an_owner_removes_neither_themselves_nor_the_first_one() {
    let world = World::start();
    let owner = world.owner();
    owner.post_nothing("/api/v1/persons/owner/remove").expect(422);
    let second = world.someone("olga", "owner");
    second.post_nothing("/api/v1/persons/olga/remove").expect(422);
    second.post_nothing("/api/v1/persons/owner/remove").expect(422);
    owner.post_nothing("/api/v1/persons/olga/remove").expect(200);
    second.get("/api/v1/sessions").expect(401);
}

#[test]
fn nobody_but_the_owner_sees_or_changes_people_and_each_attempt_is_in_the_log() {
    let world = World::start();
    let before = event_types(&world).len();
    let others = [world.agent(), world.person("ann"), world.someone("vera", "viewer"), world.someone("chat", "relay")];
    for other in &others {
        for refused in [
            other.get("/api/v1/persons"),
            other.post("/api/v1/persons", &json!({"name": "eve", "role": "owner"})),
            other.post_nothing("/api/v1/persons/ann/remove"),
            other.post("/api/v1/tokens", &json!({"person": "owner"})),
        ] {
            assert_eq!(refused.expect(403).json()["code"], "not_allowed");
        }
    }
    assert_eq!(event_types(&world).len(), before + 2 * others.len());
    // What was counted is written at the latest when the daemon ends.
    assert_eq!(world.end(), 0);
    let counted: i64 = world
        .database()
        .query_row(
            "SELECT coalesce(sum(json_extract(facts, '$.count')), 0) FROM events WHERE event_type = 'access_refused'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(counted, 4 * i64::try_from(others.len()).unwrap());
    let named: String = world
        .database()
        .query_row(
            "SELECT group_concat(DISTINCT json_extract(facts, '$.by')) FROM events WHERE event_type = 'access_refused'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    for name in ["agent-1", "ann", "vera", "chat"] {
        assert!(named.split(',').any(|known| known == name), "{named}");
    }
}

#[test]
fn a_token_without_a_name_gets_one() {
    let world = World::start();
    let made = world.calt(&["token", "create", "--role", "agent", "--json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap_or_else(|_| panic!("{}", made.stderr));
    assert!(made["principal"].as_str().unwrap().starts_with("agent-"), "{made}");
    assert_eq!(world.calt(&["token", "create"]).code, 2);
}

#[test]
fn where_the_owner_demands_it_somebody_else_approves() {
    let world = World::with(&[("CALT__POLICY__SELF_APPROVAL", "false")]);
    let (owner, ann) = (world.owner(), world.person("ann"));
    let session = owner.propose(&plan(1, &[look("a")]));
    let refused = |reply: calt_tests::Reply| {
        let problem = reply.expect(409).json();
        assert_eq!(
            (problem["code"].as_str(), problem["args"]["proposer"].as_str()),
            (Some("self_approval"), Some("owner")),
            "{problem}"
        );
    };
    refused(owner.approve_plan(&session, 1));
    ann.approve_plan(&session, 1).expect(200);
    refused(owner.approve(&session, "a"));
    ann.approve(&session, "a").expect(200);
    // A no needs nobody else.
    owner.reject(&session, "a", "not this").expect(200);
    assert_eq!(rules(&world), ["policy.self_approval = false"; 2]);
}

#[test]
fn where_the_owner_demands_it_a_flag_is_no_yes() {
    let world = World::with(&[("CALT__POLICY__UNATTENDED", "false")]);
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a")]));
    let approve = |place: &str, how: &str| {
        owner.post(&format!("/api/v1/sessions/{}/{place}/approve", session.id), &json!({"how": how}))
    };
    for place in ["plans/1", "steps/a"] {
        let problem = approve(place, "flag").expect(409).json();
        assert_eq!(problem["code"], "assurance_too_low", "{problem}");
        approve(place, "prompt").expect(200);
    }
    let ran = world.calt(&["plan", "approve", &session.id, "1", "--yes"]);
    assert_eq!(ran.code, 0, "what is approved already stays so: {}", ran.stderr);
    let other = owner.propose(&plan(1, &[look("a")]));
    let ran = world.calt(&["plan", "approve", &other.id, "1", "--yes"]);
    let hint = format!("hint: calt plan approve {} 1", other.id);
    assert!(ran.code == 3 && ran.stderr.contains(&hint), "{}", ran.stderr);
    assert_eq!(rules(&world), ["policy.unattended = false"; 2]);
}

#[test]
fn without_a_demand_the_record_names_no_rule() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a")]));
    owner.approve_plan(&session, 1).expect(200);
    owner.approve(&session, "a").expect(200);
    assert_eq!(rules(&world), [""; 0]);
}

#[test]
fn doctor_says_which_programs_could_approve() {
    let world = World::start();
    let said = || {
        let ran = world.calt(&["doctor", "--json"]);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        let lines = report["lines"].as_array().unwrap().clone();
        lines.into_iter().find(|line| line["what"].as_str().unwrap().contains("could approve now"))
    };
    let line = said().unwrap();
    assert!(line["verdict"] == "WARN" && line["what"].as_str().unwrap().contains("/owner.token"), "{line}");
    // A token of the data root here says nothing to a daemon that lives elsewhere.
    let elsewhere = World::start();
    let told = world.calt(&[
        "--base-url",
        &format!("http://{}", elsewhere.address()),
        "--token",
        elsewhere.owner().token(),
        "doctor",
        "--json",
    ]);
    assert!(told.stdout.contains("has no PIN") && !told.stdout.contains("could approve now"), "{}", told.stdout);
    std::fs::rename(world.data_root().join("owner.token"), world.home().join("elsewhere")).unwrap();
    assert_eq!(said(), None);
}

/// The rules that approvals name, in the order of the log.
fn rules(world: &World) -> Vec<String> {
    let page = world.owner().get("/api/v1/events?limit=500").expect(200).json();
    let rules = page["items"].as_array().unwrap().iter().map(|event| &event["facts"]["decision"]["rule"]);
    rules.filter_map(|rule| rule.as_str().map(str::to_owned)).collect()
}

fn event_types(world: &World) -> Vec<String> {
    let page = world.owner().get("/api/v1/events?limit=500").expect(200).json();
    page["items"].as_array().unwrap().iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
}
