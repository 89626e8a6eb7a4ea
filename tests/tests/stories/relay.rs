//! A chat speaks for the persons bound in it: with their rights, in their name, and for nobody else.

use calt_tests::{Person, World};
use serde_json::{Value, json};

use crate::{look, plan};

/// Discord accounts in these stories.
const ANN: &str = "100000000000000001";
const VERA: &str = "100000000000000002";
const OLGA: &str = "100000000000000003";
const NOBODY: &str = "100000000000000009";

fn world_with_people() -> World {
    let world = World::start();
    for (name, role, account) in [("ann", "approver", ANN), ("vera", "viewer", VERA), ("olga", "owner", OLGA)] {
        world.owner().post("/api/v1/persons", &json!({"name": name, "role": role, "discord": account})).expect(200);
    }
    world
}

fn said_by(account: &str, more: &Value) -> Value {
    let mut body = json!({"source": "discord", "user_id": account, "message_id": "5001"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn event(world: &World, event_type: &str) -> Value {
    let found: String = world
        .database()
        .query_row(
            "SELECT json_object('source', source, 'user_id', user_id, 'principal', principal, 'message_id', message_id, 'facts', json(facts)) FROM events WHERE event_type = ?1 ORDER BY id DESC LIMIT 1",
            [event_type],
            |row| row.get(0),
        )
        .unwrap();
    serde_json::from_str(&found).unwrap()
}

#[test]
fn whom_it_speaks_for_is_the_principal_and_the_log_says_by_which_message() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let made = chat.post("/api/v1/sessions", &said_by(ANN, &json!({"goal": "from the phone"}))).expect(200).json();
    let session = made["id"].as_str().unwrap();
    let at = |path: &str| format!("/api/v1/sessions/{session}/{path}");
    let import = at(&format!("plans/import?source=discord&user_id={ANN}&message_id=5001"));
    chat.post(&import, &plan(1, &[look("a")])).expect(200);
    let step = json!({"how": "button", "locale": "ja"});
    chat.post(&at("plans/1/approve"), &said_by(ANN, &step)).expect(200);
    chat.post(&at("steps/a/approve"), &said_by(ANN, &step)).expect(200);
    chat.post(&at("steps/a/execute"), &said_by(ANN, &json!({}))).expect(200);
    for event_type in ["session_created", "plan_imported", "plan_approved", "step_approved", "step_started"] {
        let event = event(&world, event_type);
        let told = [&event["source"], &event["user_id"], &event["principal"], &event["message_id"]];
        assert_eq!(told, [&json!("discord"), &json!(ANN), &json!("ann"), &json!("5001")], "{event_type}");
    }
    let decision = &event(&world, "step_approved")["facts"]["decision"];
    let told = [&decision["assurance"], &decision["how"], &decision["locale"], &decision["surface"]];
    assert_eq!(told, [&json!("relay"), &json!("button"), &json!("ja"), &json!("discord")], "{decision}");
    // The same person at the terminal: the same decision, no second event.
    let made = world.calt(&["token", "create", "--for", "ann", "--json"]);
    let token: Value = serde_json::from_str(&made.stdout).unwrap();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    world.request("POST", &at("plans/1/approve"), &[("Authorization", &bearer)], None).expect(200);
    let approvals: i64 = world
        .database()
        .query_row("SELECT COUNT(*) FROM events WHERE event_type = 'plan_approved'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(approvals, 1);
}

#[test]
fn each_has_their_own_rights_and_nobody_administers_from_a_chat() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let session = world.owner().propose(&plan(1, &[look("a")]));
    let approve = format!("/api/v1/sessions/{}/plans/1/approve", session.id);
    // The chat itself decides nothing, a viewer neither; both may propose.
    chat.post(&approve, &json!({"source": "discord"})).expect(403);
    chat.post(&approve, &said_by(VERA, &json!({}))).expect(403);
    chat.post("/api/v1/sessions", &said_by(VERA, &json!({}))).expect(200);
    chat.post("/api/v1/sessions", &json!({})).expect(200);
    chat.post("/api/v1/sessions", &said_by(VERA, &json!({"safety_profile": "dev"}))).expect(403);
    for (path, body) in [
        ("/api/v1/persons", json!({"name": "eve", "role": "owner"})),
        ("/api/v1/tokens", json!({"name": "eve", "role": "owner"})),
        ("/api/v1/persons/ann/remove", json!({})),
        ("/api/v1/events/1/redact", json!({"reason": "gone"})),
    ] {
        for account in [ANN, OLGA] {
            let body = said_by(account, &body);
            assert_eq!(chat.post(path, &body).expect(403).json()["code"], "not_allowed", "{path}");
        }
    }
    chat.get(&format!("/api/v1/tokens?user_id={OLGA}")).expect(403);
    // An owner decides there as an approver does.
    chat.post(&approve, &said_by(OLGA, &json!({}))).expect(200);
    assert_eq!(event(&world, "plan_approved")["principal"], "olga");
}

#[test]
fn an_account_that_is_nobodys_is_refused_and_each_attempt_is_in_the_log() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let refused = chat.post("/api/v1/sessions", &said_by(NOBODY, &json!({}))).expect(403).json();
    assert_eq!((&refused["code"], &refused["args"]["account"]), (&json!("person_unbound"), &json!(NOBODY)));
    chat.post("/api/v1/sessions", &said_by("a text\nof its own", &json!({}))).expect(403);
    world.owner().post_nothing("/api/v1/persons/ann/remove").expect(200);
    chat.post("/api/v1/sessions", &said_by(ANN, &json!({}))).expect(403);
    // Nobody else speaks for others: what an agent or a person says of somebody is a claim.
    let session = world.agent().session_with(&json!({"user_id": OLGA}));
    let agents: String = world
        .database()
        .query_row("SELECT principal FROM events WHERE session_id = ?1", [&session.id], |row| row.get(0))
        .unwrap();
    assert_eq!(agents, "agent-1");
    // The chat says whom it refused itself.
    for _ in 0..3 {
        chat.post("/api/v1/refusals", &json!({"user_id": NOBODY})).expect(200);
    }
    chat.post("/api/v1/refusals", &json!({"user_id": "x"})).expect(422);
    world.person("bob").post("/api/v1/refusals", &json!({"user_id": NOBODY})).expect(403);
    assert_eq!(world.end(), 0);
    let mut counted: Vec<String> = world
        .database()
        .prepare("SELECT facts FROM events WHERE event_type = 'access_refused'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    counted.sort();
    assert_eq!(
        counted,
        [
            r#"{"by":"bob","count":1,"reason":"not_allowed"}"#.to_owned(),
            r#"{"by":"chat","count":1,"reason":"not_allowed"}"#.to_owned(),
            format!(r#"{{"by":"chat","count":1,"reason":"person_unbound","user_id":"{ANN}"}}"#),
            format!(r#"{{"by":"chat","count":1,"reason":"person_unbound","user_id":"{NOBODY}"}}"#),
            format!(r#"{{"by":"chat","count":3,"reason":"not_listed","user_id":"{NOBODY}"}}"#),
        ]
    );
}

#[test]
fn a_chat_learns_whose_clicks_can_decide_and_nobody_else_does() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let told = || chat.get("/api/v1/approvers").expect(200).json();
    assert_eq!(told(), json!({"user_ids": [ANN, OLGA]}));
    world.owner().post("/api/v1/persons/ann/remove", &json!({})).expect(200);
    assert_eq!(told(), json!({"user_ids": [OLGA]}));
    for other in [world.owner(), world.agent(), world.person("bob")] {
        other.get("/api/v1/approvers").expect(403);
    }
}

#[test]
fn a_button_is_kept_for_its_chat_alone_and_outlives_the_daemon() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let session = world.owner().propose(&plan(1, &[look("a")]));
    let digest = world.owner().get(&format!("/api/v1/sessions/{}/plans/1", session.id)).json()["digest"].clone();
    let subject = json!({"action": "approve_plan", "session_id": session.id, "plan_version": 1,
        "items": [{"digest": digest}], "view_cut": false});
    let make = |who: &Person<'_>, subject: &Value| who.post("/api/v1/buttons", &json!({"buttons": [subject]}));
    let made = make(&chat, &subject).expect(200).json();
    let id = made["ids"][0].as_str().unwrap();
    assert!(id.len() <= 40 && !id.contains(&session.id), "{id}");
    world.kill();
    world.wake();
    let kept = chat.get(&format!("/api/v1/buttons/{id}")).expect(200).json();
    let (told, wanted) = (&kept["subject"], &subject);
    assert_eq!((&told["items"][0]["digest"], &told["action"]), (&wanted["items"][0]["digest"], &wanted["action"]));
    // Another chat's are not there, and who is no chat has none.
    let other = world.someone("other-chat", "relay");
    assert_eq!(other.get(&format!("/api/v1/buttons/{id}")).expect(404).json()["code"], "button_not_found");
    world.agent().get(&format!("/api/v1/buttons/{id}")).expect(403);
    make(&world.person("bob"), &subject).expect(403);
    // No text gets in, and no more than a message can hold.
    for (field, value) in [("action", json!("Drop it")), ("session_id", json!("../x")), ("view_digest", json!("x"))] {
        let mut odd = subject.clone();
        odd[field] = value;
        assert!([404, 422].contains(&make(&chat, &odd).status), "{field}");
    }
    chat.post("/api/v1/buttons", &json!({"buttons": vec![&subject; 26]})).expect(422);
}

/// Sets the PIN of somebody who decides, with the daemon stopped meanwhile.
fn gets_a_pin(world: &World, whose: &str, pin: &str) {
    world.end();
    crate::pin::set(world, whose, pin);
    world.wake();
}

fn high(id: &str) -> Value {
    let mut step = look(id);
    step["risk"] = json!("high");
    step
}

fn needs_pin(reply: &calt_tests::Reply) {
    let problem = reply.json();
    assert_eq!((reply.status, &problem["code"]), (409, &json!("assurance_too_low")), "{}", reply.text());
    assert_eq!(problem["args"]["needs"], "pin", "{problem}");
}

#[test]
fn where_a_pin_is_demanded_no_word_from_a_chat_is_enough_nor_a_key_that_was_given_elsewhere() {
    const PIN: &str = "tulip-7394-ferry";
    let world = World::with(&[("CALT__POLICY__ASSURANCE__HIGH", "pin")]);
    for (name, role, account) in [("ann", "approver", ANN), ("olga", "owner", OLGA)] {
        world.owner().post("/api/v1/persons", &json!({"name": name, "role": role, "discord": account})).expect(200);
    }
    let (chat, owner_token) =
        (world.someone("chat", "relay").token().to_owned(), world.person("bob").token().to_owned());
    gets_a_pin(&world, "--for olga", PIN);
    let made = world.calt(&["token", "create", "--for", "olga", "--json"]);
    let olgas: Value = serde_json::from_str(&made.stdout).unwrap();
    let (chat, bob) = (Person::new(&world, chat), Person::new(&world, owner_token));
    let olga = Person::new(&world, olgas["token"].as_str().unwrap().to_owned());
    let session = bob.propose(&plan(1, &[high("a"), look("b")]));
    let at = |place: &str| format!("/api/v1/sessions/{}/{place}", session.id);
    let unlock = json!({"pin": PIN, "session_id": session.id, "plan_version": 1});
    let key = olga.post("/api/v1/unlock", &unlock).expect(200).json()["unlock"].clone();
    // No PIN is typed in a chat, and nobody is made to say theirs there.
    chat.post("/api/v1/unlock", &said_by(OLGA, &unlock)).expect(403);
    for account in [ANN, OLGA] {
        for more in [json!({}), json!({"unlock": key})] {
            let yes = said_by(account, &more);
            needs_pin(&chat.post(&at("plans/1/approve"), &yes));
            let shown = olga.shown(&session, true, &[]);
            let mut list = json!({"decision": "approve", "items": shown});
            list.as_object_mut().unwrap().extend(yes.as_object().unwrap().clone());
            needs_pin(&chat.post(&at("decisions"), &list));
        }
    }
    olga.post(&at("plans/1/approve"), &json!({"unlock": key})).expect(200);
    for more in [json!({}), json!({"unlock": key})] {
        needs_pin(&chat.post(&at("steps/a/approve"), &said_by(OLGA, &more)));
    }
    olga.post(&at("steps/a/approve"), &json!({"unlock": key})).expect(200);
    // To confirm the risk is a yes too: not from a chat, and not from somebody who never set a PIN.
    for account in [ANN, OLGA] {
        needs_pin(
            &chat.post(&at("steps/a/execute"), &said_by(account, &json!({"confirm_high_risk": true, "unlock": key}))),
        );
    }
    needs_pin(&bob.post(&at("steps/a/execute"), &json!({"confirm_high_risk": true})));
    needs_pin(&bob.post(&at("steps/a/execute"), &json!({"confirm_high_risk": true, "unlock": key})));
    olga.post(&at("steps/a/execute"), &json!({"confirm_high_risk": true, "unlock": key})).expect(200);
    // What demands nothing is decided in the chat, by somebody with a PIN too.
    chat.post(&at("steps/b/approve"), &said_by(OLGA, &json!({}))).expect(200);
    assert_eq!(event(&world, "step_approved")["facts"]["decision"]["assurance"], "relay");
}

#[test]
fn a_chat_does_for_each_what_they_may_and_nothing_by_another_spelling_of_them() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let session = world.owner().propose(&plan(1, &[high("a")]));
    let at = |place: &str| format!("/api/v1/sessions/{}/{place}", session.id);
    let spaced = format!(" {ANN}");
    let zeros = format!("0{ANN}");
    let wide: String = ANN.chars().map(|digit| char::from_u32(0xff10 + digit.to_digit(10).unwrap()).unwrap()).collect();
    for other in [spaced.as_str(), &zeros, &wide, "ann", "owner", "", &format!("{ANN},{OLGA}")] {
        let refused = chat.post(&at("plans/1/approve"), &said_by(other, &json!({})));
        assert_eq!(refused.status, 403, "{other}: {}", refused.text());
    }
    // Whose account is named decides; who is named beside it does not.
    chat.post(&at("plans/1/approve"), &json!({"user_id": VERA, "approved_by": ANN})).expect(403);
    chat.post(&at("plans/1/approve"), &json!({"user_id": NOBODY, "approved_by": OLGA})).expect(403);
    chat.post(&at("plans/1/approve"), &said_by(ANN, &json!({}))).expect(200);
    chat.post(&at("steps/a/approve"), &said_by(ANN, &json!({}))).expect(200);
    for body in [said_by(VERA, &json!({"confirm_high_risk": true})), json!({"confirm_high_risk": true}), json!({})] {
        chat.post(&at("steps/a/execute"), &body).expect(403);
    }
    // What was written is given out to nobody by a chat, whomever it names, nor is the record.
    chat.get(&format!("{}?raw=true&user_id={OLGA}", at("diff"))).expect(403);
    chat.post("/api/v1/checkpoints", &said_by(OLGA, &json!({}))).expect(403);
    // An account that changed hands, a person who is gone and a token that is revoked speak for nobody any more.
    world.owner().post_nothing("/api/v1/persons/ann/remove").expect(200);
    chat.post(&at("steps/a/execute"), &said_by(ANN, &json!({"confirm_high_risk": true}))).expect(403);
    let eve = json!({"name": "eve", "role": "viewer", "discord": ANN});
    world.owner().post("/api/v1/persons", &eve).expect(200);
    chat.post(&at("steps/a/execute"), &said_by(ANN, &json!({"confirm_high_risk": true}))).expect(403);
    let tokens = world.owner().get("/api/v1/tokens").expect(200).json();
    let of_chat = tokens["items"].as_array().unwrap().iter().find(|token| token["principal"] == "chat").unwrap();
    let revoke = format!("/api/v1/tokens/{}/revoke", of_chat["id"].as_str().unwrap());
    world.owner().post_nothing(&revoke).expect(200);
    chat.post(&at("steps/a/execute"), &said_by(OLGA, &json!({"confirm_high_risk": true}))).expect(401);
    assert!(world.owner().events(&session).iter().all(|kind| kind != "step_started"));
}

#[test]
fn what_an_old_button_stands_for_decides_nothing_that_is_not_as_it_was_shown() {
    let world = world_with_people();
    let chat = world.someone("chat", "relay");
    let (session, other) = (world.owner().session(), world.owner().session());
    let digests: Vec<Value> = [(&session, 1, "a"), (&other, 1, "b"), (&session, 2, "c")]
        .map(|(session, version, step)| {
            world.owner().import(session, &plan(version, &[look(step)])).expect(200);
            let shown = world.owner().get(&format!("/api/v1/sessions/{}/plans/{version}", session.id)).json();
            shown["digest"].clone()
        })
        .to_vec();
    let approve = |session: &str, version: u32, digest: &Value| {
        let path = format!("/api/v1/sessions/{session}/plans/{version}/approve");
        chat.post(&path, &said_by(ANN, &json!({"digest": digest, "how": "button"}))).json()["code"].clone()
    };
    world.kill();
    world.wake();
    // The button of a version that is past, of another version, and of another session.
    assert_eq!(approve(&session.id, 1, &digests[0]), "plan_superseded");
    assert_eq!(approve(&session.id, 2, &digests[0]), "digest_changed");
    assert_eq!(approve(&other.id, 1, &digests[2]), "digest_changed");
    assert_eq!(approve(&session.id, 2, &digests[2]), Value::Null);
    // Twice is once, somebody else's is told who was first, and after a no the yes is too late.
    assert_eq!(approve(&session.id, 2, &digests[2]), Value::Null);
    let reject = format!("/api/v1/sessions/{}/plans/2/reject", session.id);
    chat.post(&reject, &said_by(OLGA, &json!({"reason": "no", "digest": digests[2]}))).expect(200);
    assert_eq!(approve(&session.id, 2, &digests[2]), "needs_replan");
    let yes = world.owner().events(&session);
    assert_eq!(yes.iter().filter(|kind| *kind == "plan_approved").count(), 1, "{yes:?}");
}
