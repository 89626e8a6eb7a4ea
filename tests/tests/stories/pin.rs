//! PINs: once one stands, a token alone decides nothing in that person's name.

mod forgotten;
mod released;

use std::os::unix::fs::PermissionsExt as _;

use calt_tests::{Person, Reply, Session, Terminal, World};
use serde_json::{Value, json};

use crate::{look, plan};

const PIN: &str = "tulip-7394-ferry";
const WRONG: &str = "tulip-7394-fairy";
/// What the first owner is called.
const OWNER: &str = "owner";

/// A world that was started once, in which the owner set a PIN and the daemon runs again.
fn guarded(environment: &[(&str, &str)]) -> World {
    let world = World::with(environment);
    world.end();
    set(&world, "", PIN);
    world.wake();
    world
}

/// Sets a first PIN on a terminal: `whose` is `--for NAME`, or nothing for the owner.
pub(crate) fn set(world: &World, whose: &str, pin: &str) {
    let terminal = Terminal::run(world, 100, &["pin", "set", whose]);
    terminal.waits_for("The new PIN of", 1);
    terminal.types(pin);
    terminal.waits_for("The same once more", 1);
    terminal.types(pin);
    let screen = terminal.waits_for("exit 0", 1);
    assert!(!screen.contains(pin), "it is not shown: {screen}");
}

fn unlock(person: &Person<'_>, pin: &str, session: &Session) -> Reply {
    person.post("/api/v1/unlock", &json!({"pin": pin, "session_id": session.id, "plan_version": 1}))
}

fn key(reply: &Reply) -> String {
    reply.json()["unlock"].as_str().unwrap_or_else(|| panic!("{}", reply.text())).to_owned()
}

fn needs_pin(reply: &Reply) {
    let problem = reply.json();
    assert_eq!((reply.status, problem["code"].as_str()), (409, Some("assurance_too_low")), "{}", reply.text());
    assert_eq!((&problem["args"]["needs"], &problem["next"]["action"]), (&json!("pin"), &json!("unlock")), "{problem}");
}

fn at(session: &Session, place: &str) -> String {
    format!("/api/v1/sessions/{}/{place}", session.id)
}

/// The daemon's own events, as type and principal.
fn told(world: &World, event_type: &str) -> Vec<Value> {
    let page = world.owner().get("/api/v1/events?limit=500").expect(200).json();
    let events = page["items"].as_array().unwrap().iter();
    events.filter(|event| event["event_type"] == event_type).map(|event| event["facts"].clone()).collect()
}

fn risky(id: &str) -> Value {
    let mut step = look(id);
    step["risk"] = json!("high");
    step
}

#[test]
fn a_token_alone_decides_confirms_and_administers_nothing() {
    let world = guarded(&[("CALT_DAEMON_TOKEN", "of-the-environment")]);
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a"), look("b"), risky("c")]));
    let bearer = "Bearer of-the-environment";
    let by_environment = |path: &str| {
        world.request("POST", path, &[("Authorization", bearer), ("Content-Type", "application/json")], Some(b"{}"))
    };
    needs_pin(&owner.approve_plan(&session, 1));
    needs_pin(&by_environment(&at(&session, "plans/1/approve")));
    needs_pin(&owner.reject_plan(&session, 1, "not this"));
    for body in [json!({"unlock": "0000"}), json!({"unlock": ""}), json!({"unlock": PIN})] {
        needs_pin(&owner.post(&at(&session, "plans/1/approve"), &body));
    }
    let opened = key(&unlock(&owner, PIN, &session).expect(200));
    let with = |body: Value| {
        let mut body = body;
        body["unlock"] = json!(opened);
        body
    };
    owner.post(&at(&session, "plans/1/approve"), &with(json!({}))).expect(200);
    for (place, body) in
        [("steps/a/approve", json!({})), ("steps/a/skip", json!({})), ("steps/a/reject", json!({"reason": "not this"}))]
    {
        needs_pin(&owner.post(&at(&session, place), &body));
    }
    // What is right for one call is right for all of this version.
    owner.post(&at(&session, "steps/a/approve"), &with(json!({}))).expect(200);
    owner.post(&at(&session, "steps/b/skip"), &with(json!({}))).expect(200);
    owner.post(&at(&session, "steps/c/approve"), &with(json!({}))).expect(200);
    // To execute what is approved needs none; to confirm high risk does.
    owner.post(&at(&session, "steps/a/execute"), &json!({})).expect(200);
    needs_pin(&owner.post(&at(&session, "steps/c/execute"), &json!({"confirm_high_risk": true})));
    owner.post(&at(&session, "steps/c/execute"), &with(json!({"confirm_high_risk": true}))).expect(200);
    assert_eq!(owner.show(&session)["status"], "succeeded");
    let page = owner.get(&at(&session, "events?limit=500")).expect(200).json();
    let decided = page["items"].as_array().unwrap().iter().map(|event| &event["facts"]["decision"]["assurance"]);
    assert_eq!(decided.filter(|assurance| !assurance.is_null()).collect::<Vec<_>>(), [&json!("pin"); 4]);
    // A stop never waits for a PIN.
    owner.stop(&owner.propose(&plan(1, &[look("a")]))).expect(200);
    for (path, body) in [
        ("/api/v1/tokens", json!({"name": "eve", "role": "approver"})),
        ("/api/v1/persons", json!({"name": "eve", "role": "owner"})),
        ("/api/v1/events/1/redact", json!({"reason": "gone"})),
        ("/api/v1/persons/eve/remove", json!({})),
        ("/api/v1/workspaces", json!({"name": "w", "kind": "own"})),
        ("/api/v1/workspaces/w/remove", json!({})),
        ("/api/v1/tokens/tok_1/revoke", with(json!({}))),
    ] {
        needs_pin(&owner.post(path, &body));
    }
    assert_eq!(world.calt(&["record", "verify"]).code, 0, "{}", world.calt(&["record", "verify"]).stdout);
}

#[test]
fn a_list_of_decisions_needs_the_pin_as_one_does() {
    let world = guarded(&[]);
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a"), look("b")]));
    let shown = owner.get(&at(&session, "plans/1")).expect(200).json();
    let steps = shown["steps"].as_array().unwrap().iter();
    let steps = steps.map(|step| json!({"plan_version": 1, "step_id": step["id"], "digest": step["digest"]}));
    let items: Vec<Value> =
        std::iter::once(json!({"plan_version": 1, "digest": shown["digest"]})).chain(steps).collect();
    let decide = |unlock: Value| {
        let body = json!({"decision": "approve", "items": items, "unlock": unlock});
        owner.post(&at(&session, "decisions"), &body)
    };
    let other = owner.propose(&plan(1, &[look("a")]));
    for key in [Value::Null, json!("0000"), json!(key(&unlock(&owner, PIN, &other).expect(200)))] {
        needs_pin(&decide(key));
    }
    assert_eq!(owner.show(&session)["status"], "awaiting_plan_approval");
    decide(json!(key(&unlock(&owner, PIN, &session).expect(200)))).expect(200);
    assert_eq!(owner.step(&session, "b")["approval"]["assurance"], "pin");
}

#[test]
fn an_act_of_administration_has_a_key_of_its_own_that_opens_one() {
    let world = guarded(&[]);
    let owner = world.owner();
    let opened = key(&owner.post("/api/v1/unlock", &json!({"pin": PIN})).expect(200));
    let make = |name: &str| owner.post("/api/v1/tokens", &json!({"name": name, "role": "agent", "unlock": opened}));
    make("robot").expect(200);
    needs_pin(&make("other"));
    // It is no key to a plan, and a plan's is none to it.
    let session = owner.propose(&plan(1, &[look("a")]));
    let opened = key(&owner.post("/api/v1/unlock", &json!({"pin": PIN})).expect(200));
    needs_pin(&owner.post(&at(&session, "plans/1/approve"), &json!({"unlock": opened})));
    let half = owner.post("/api/v1/unlock", &json!({"pin": PIN, "session_id": session.id}));
    assert_eq!(half.expect(422).json()["code"], "input_invalid");
}

#[test]
fn a_key_opens_one_version_of_one_session_to_one_person_until_a_restart() {
    let world = World::start();
    let ann_token = world.owner().post("/api/v1/tokens", &json!({"name": "ann", "role": "approver"})).expect(200);
    let ann_token = ann_token.json()["token"].as_str().unwrap().to_owned();
    world.end();
    set(&world, "--for ann", "another-pin-of-ann");
    set(&world, "", PIN);
    world.wake();
    let (owner, ann) = (world.owner(), Person::new(&world, ann_token));
    let session = owner.propose(&plan(1, &[look("a")]));
    let other = owner.propose(&plan(1, &[look("a")]));
    let opened = key(&unlock(&owner, PIN, &session).expect(200));
    let approve = |by: &Person<'_>, session: &Session, version: u32| {
        by.post(&at(session, &format!("plans/{version}/approve")), &json!({"unlock": opened}))
    };
    needs_pin(&approve(&owner, &other, 1));
    needs_pin(&approve(&ann, &session, 1));
    assert_eq!(unlock(&ann, PIN, &session).expect(409).json()["code"], "pin_wrong", "the PIN of somebody else");
    owner.import(&session, &plan(2, &[look("b")])).expect(200);
    needs_pin(&approve(&owner, &session, 2));
    assert_eq!(unlock(&owner, PIN, &session).expect(409).json()["code"], "plan_superseded");
    let opened = key(&unlock(&owner, PIN, &other).expect(200));
    world.end();
    world.wake();
    let owner = world.owner();
    needs_pin(&owner.post(&at(&other, "plans/1/approve"), &json!({"unlock": opened})));
    let opened = key(&unlock(&owner, PIN, &other).expect(200));
    owner.post(&at(&other, "plans/1/approve"), &json!({"unlock": opened})).expect(200);
}

#[test]
fn five_wrong_pins_lock_for_a_minute_and_a_restart_forgets_none() {
    let world = guarded(&[]);
    let session = world.owner().propose(&plan(1, &[look("a")]));
    for left in [4, 3] {
        let problem = unlock(&world.owner(), WRONG, &session).expect(409).json();
        assert_eq!((&problem["code"], &problem["args"]["left"]), (&json!("pin_wrong"), &json!(left)), "{problem}");
    }
    world.kill();
    world.wake();
    // What is no PIN at all is a wrong one too.
    for pin in [WRONG, ""] {
        assert_eq!(unlock(&world.owner(), pin, &session).expect(409).json()["code"], "pin_wrong");
    }
    let locked = |pin: &str| {
        let problem = unlock(&world.owner(), pin, &session).expect(429).json();
        assert_eq!((&problem["code"], &problem["next"]["action"]), (&json!("pin_locked"), &json!("wait_until")));
        assert_eq!(problem["args"]["until"], problem["next"]["time"]);
        problem["args"]["until"].as_str().unwrap().to_owned()
    };
    let until = locked(WRONG);
    assert_eq!(locked(PIN), until, "the right one is not compared");
    world.kill();
    world.wake();
    assert_eq!(locked(PIN), until, "after a restart too");
    assert_eq!(told(&world, "pin_refused"), vec![json!({"principal": OWNER}); 5]);
    world.kill();
    assert!(world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", "61")]));
    // A minute later one is compared; a wrong one locks for two.
    let again = locked(WRONG);
    assert!(again > until, "{again} {until}");
    world.kill();
    assert!(world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", "125")]));
    locked(PIN);
    world.kill();
    assert!(world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", "200")]));
    unlock(&world.owner(), PIN, &session).expect(200);
    // The right one begins anew.
    assert_eq!(unlock(&world.owner(), WRONG, &session).expect(409).json()["args"]["left"], 4);
}

#[test]
fn wrong_pins_in_parallel_are_counted_one_by_one() {
    let world = guarded(&[]);
    let session = world.owner().propose(&plan(1, &[look("a")]));
    let (address, bearer) = (world.address(), format!("Bearer {}", world.owner_token()));
    let body = json!({"pin": WRONG, "session_id": session.id, "plan_version": 1}).to_string();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| {
                let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
                let (address, body) = (address.as_str(), body.as_bytes());
                scope.spawn(move || calt_tests::send(address, "POST", "/api/v1/unlock", &headers, Some(body)).status)
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 4, "{statuses:?}");
    assert_eq!(told(&world, "pin_refused").len(), 5);
}

#[test]
fn who_does_not_decide_has_no_pin_and_unlocks_nothing() {
    let world = World::start();
    for other in [world.agent(), world.someone("vera", "viewer"), world.someone("chat", "relay")] {
        let refused = other.post("/api/v1/unlock", &json!({"pin": PIN})).expect(403).json();
        assert_eq!(refused["code"], "not_allowed");
    }
    // The PIN is in no error, whatever it is sent as.
    for body in [json!({"pin": 7_394_739_473_i64}), json!({"pin": ["7394739473"]}), json!({"pin": PIN, "x": 1})] {
        let refused = world.owner().post("/api/v1/unlock", &body).expect(422);
        assert!(!refused.text().contains("7394"), "{}", refused.text());
    }
    let paths = ["/api/v1/pin", "/api/v1/pins", "/api/v1/persons/owner/pin"];
    assert!(paths.iter().all(|path| world.owner().post(path, &json!({"pin": PIN})).status == 404));
    world.end();
    for name in ["vera", "chat", "agent-1", "nobody"] {
        let terminal = Terminal::run(&world, 100, &["pin", "set", "--for", name]);
        let screen = terminal.waits_for("exit ", 1);
        assert!(screen.contains("error: ") && !screen.contains("exit 0") && !screen.contains("new PIN"), "{screen}");
    }
}

#[test]
fn a_pin_is_typed_on_a_terminal_with_the_daemon_stopped_and_stands_nowhere() {
    let world = World::start();
    let terminal = Terminal::run(&world, 100, &["pin", "set"]);
    let screen = terminal.waits_for("exit 69", 1);
    assert!(screen.contains("a daemon works on") && screen.contains("hint: calt daemon stop"), "{screen}");
    drop(terminal);
    world.end();
    let piped = world.calt(&["pin", "set"]);
    assert!(piped.code == 2 && piped.stderr.contains("a PIN is typed on a terminal"), "{}", piped.stderr);
    let terminal = Terminal::shell(&world, 100, &format!("echo {PIN} | calt pin set"));
    assert!(terminal.waits_for("exit ", 1).contains("a PIN is typed on a terminal"));
    drop(terminal);
    // Too short, then two that differ: it is asked for again, three times at most.
    let terminal = Terminal::run(&world, 100, &["pin", "set"]);
    terminal.waits_for("The new PIN of owner, 6 to 128 characters", 1);
    terminal.types("12345");
    let again = terminal.waits_for("The new PIN of owner", 2);
    assert!(again.contains("a PIN has 6 to 128 characters; this one has 5\nThe new PIN of owner"), "{again}");
    terminal.types(PIN);
    terminal.waits_for("once more", 1);
    terminal.types(WRONG);
    assert!(terminal.waits_for("The new PIN of owner", 3).contains("the two are not the same\nThe new PIN"));
    terminal.types("12345");
    let end = terminal.waits_for("exit 2", 1);
    assert!(
        end.contains(
            "error: nothing was changed: no PIN was typed that is long enough, twice the same\nhint: calt pin set\n"
        ),
        "{end}"
    );
    drop(terminal);
    let terminal = Terminal::run(&world, 100, &["pin", "set"]);
    terminal.waits_for("The new PIN", 1);
    terminal.presses("C-c");
    assert!(terminal.waits_for("exit ", 1).contains("nothing was changed"));
    // The echo is back.
    terminal.types("seen-again");
    terminal.waits_for("seen-again", 1);
    drop(terminal);
    set(&world, "", PIN);
    let terminal = Terminal::run(&world, 100, &["pin", "set"]);
    assert!(terminal.waits_for("exit ", 1).contains("hint: calt pin change"));
    drop(terminal);
    world.wake();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    unlock(&world.owner(), WRONG, &session).expect(409);
    let opened = key(&unlock(&world.owner(), PIN, &session).expect(200));
    world.owner().post(&at(&session, "plans/1/approve"), &json!({"unlock": opened})).expect(200);
    world.end();
    // Neither a PIN nor a key is in any file of calt's, nor in what the daemon said.
    for secret in [PIN, WRONG, &opened] {
        assert!(!world.daemon_log().contains(secret));
        let found = holding(&world.data_root(), secret.as_bytes());
        assert!(found.is_empty(), "{found:?}");
    }
    let hashes: Vec<_> = std::fs::read_dir(world.data_root().join("pins")).unwrap().map(Result::unwrap).collect();
    assert_eq!(hashes.len(), 1);
    assert_eq!(hashes[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// The files below a directory that hold these bytes.
fn holding(directory: &std::path::Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_pin_is_changed_and_removed_only_with_itself_or_by_the_owner_where_it_is_forgotten() {
    let world = World::start();
    world.person("ann");
    world.end();
    // Each question with what is typed as its answer, in order.
    let says = |arguments: &[&str], typed: &[(&str, &str)]| {
        let terminal = Terminal::run(&world, 120, arguments);
        for (place, (question, text)) in typed.iter().enumerate() {
            let times = typed[..=place].iter().filter(|(other, _)| other == question).count();
            terminal.waits_for(question, times);
            terminal.types(text);
        }
        terminal.waits_for("exit ", 1)
    };
    let (of_ann, newer) = ("a-pin-of-ann", "a-newer-pin");
    set(&world, "", PIN);
    // Before somebody else gets one, the owner shows theirs; a wrong one is asked again, three times at most.
    let wrong = ("as the owner:", WRONG);
    let screen = says(&["pin", "set", "--for", "ann"], &[wrong, wrong, wrong]);
    assert!(screen.contains("exit 3") && screen.contains("2 wrong ones are left"), "{screen}");
    assert!(screen.contains("hint: calt pin set --for ann\n"), "{screen}");
    let right = ("as the owner:", PIN);
    let twice = |pin| [("The new PIN of ann", pin), ("once more", pin)];
    let screen = says(&["pin", "set", "--for", "ann"], &[&[right][..], &twice(of_ann)].concat());
    assert!(screen.contains("exit 0"), "{screen}");
    // A change asks for the one that stands, which is not the owner's.
    let is_now = "The PIN of ann as it is";
    let screen = says(&["pin", "change", "--for", "ann"], &[(is_now, PIN), (is_now, WRONG), (is_now, WRONG)]);
    assert!(screen.contains("exit 3"), "{screen}");
    let screen = says(&["pin", "change", "--for", "ann"], &[&[(is_now, of_ann)][..], &twice(newer)].concat());
    assert!(screen.contains("exit 0"), "{screen}");
    let asked = "The PIN of ann:";
    let screen = says(&["pin", "remove", "--for", "ann"], &[(asked, of_ann), (asked, of_ann), (asked, of_ann)]);
    assert!(screen.contains("exit 3"), "the old one is none any more: {screen}");
    let screen = says(&["pin", "remove", "--for", "ann", "--forgotten"], &[("The PIN of owner:", PIN)]);
    assert!(screen.contains("exit 0"), "{screen}");
    let screen = says(&["pin", "remove"], &[("The PIN of owner:", PIN)]);
    assert!(screen.contains("exit 0"), "{screen}");
    assert_eq!(std::fs::read_dir(world.data_root().join("pins")).unwrap().count(), 0);
    world.wake();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.owner().approve_plan(&session, 1).expect(200);
    let told = ["pin_set", "pin_removed", "pin_refused", "pin_accepted"].map(|kind| told(&world, kind).len());
    assert_eq!(told, [3, 2, 9, 4]);
}

#[test]
fn a_hash_file_that_was_swapped_opens_nothing() {
    let world = World::start();
    world.end();
    set(&world, "", PIN);
    let hash = std::fs::read_dir(world.data_root().join("pins")).unwrap().next().unwrap().unwrap().path();
    // The hash of a PIN that somebody else knows, made by calt itself.
    let elsewhere = World::start();
    elsewhere.end();
    set(&elsewhere, "", WRONG);
    let other = std::fs::read_dir(elsewhere.data_root().join("pins")).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&other, &hash).unwrap();
    world.wake();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    for pin in [PIN, WRONG] {
        assert_eq!(unlock(&world.owner(), pin, &session).expect(409).json()["code"], "pin_unusable");
    }
    needs_pin(&world.owner().approve_plan(&session, 1));
    let verified = world.calt(&["record", "verify"]);
    assert!(
        verified.code == 6 && verified.stdout.contains("FAIL  pins: the hash of `owner`'s PIN"),
        "{}",
        verified.stdout
    );
    let doctor = doctor(&world);
    assert!(doctor.contains("FAIL the hash of owner's PIN") && !doctor.contains("PASS everybody"), "{doctor}");
}

#[test]
fn the_owner_can_demand_a_pin_by_risk_and_the_rule_is_named() {
    let world = World::with(&[("CALT__POLICY__ASSURANCE__HIGH", "pin")]);
    let owner = world.owner();
    let harmless = owner.propose(&plan(1, &[look("a")]));
    owner.approve_plan(&harmless, 1).expect(200);
    let session = owner.propose(&plan(1, &[look("a"), risky("b")]));
    let problem = owner.approve_plan(&session, 1).expect(409).json();
    assert_eq!((&problem["code"], &problem["next"]["action"]), (&json!("assurance_too_low"), &json!("set_pin")));
    assert_eq!(problem["args"]["rule"], "policy.assurance.high = pin");
    let ran = world.calt(&["plan", "approve", &session.id, "1", "--yes"]);
    assert!(ran.code == 3 && ran.stderr.contains("hint: calt daemon stop && calt pin set\n"), "{}", ran.stderr);
    world.end();
    set(&world, "", PIN);
    world.wake();
    let owner = world.owner();
    let opened = key(&unlock(&owner, PIN, &session).expect(200));
    owner.post(&at(&session, "plans/1/approve"), &json!({"unlock": opened})).expect(200);
    owner.post(&at(&session, "steps/a/approve"), &json!({"unlock": opened})).expect(200);
    let page = owner.get(&at(&session, "events?limit=500")).expect(200).json();
    let rule = |kind: &str| {
        let found = page["items"].as_array().unwrap().iter().find(|event| event["event_type"] == kind).unwrap();
        found["facts"]["decision"]["rule"].clone()
    };
    assert_eq!((rule("plan_approved"), rule("step_approved")), (json!("policy.assurance.high = pin"), Value::Null));
}

#[test]
fn on_a_terminal_a_run_asks_once_and_without_one_it_says_what_to_do() {
    let world = guarded(&[]);
    std::fs::write(world.home().join("plan.json"), plan(1, &[look("a"), risky("b")]).to_string()).unwrap();
    let ran = world.calt(&["run", "plan.json", "--yes"]);
    assert!(ran.code == 3 && ran.stderr.contains("your PIN is needed"), "{} {}", ran.code, ran.stderr);
    assert!(ran.stderr.contains("hint: calt run --session session_"), "{}", ran.stderr);
    let terminal = Terminal::run(&world, 100, &["run", "plan.json"]);
    terminal.waits_for("[y]es, [n]o", 1);
    terminal.types("y");
    terminal.waits_for("Your PIN, to decide on plan v1", 1);
    terminal.types(WRONG);
    terminal.waits_for("4 wrong ones are left", 1);
    terminal.waits_for("Your PIN, to decide on plan v1", 2);
    terminal.types(PIN);
    terminal.waits_for("HIGH RISK", 1);
    terminal.types("y");
    let screen = terminal.waits_for("exit 0", 1);
    assert_eq!(screen.matches("Your PIN").count(), 2, "{screen}");
    assert!(!screen.contains(PIN) && !screen.contains(WRONG), "{screen}");
    drop(terminal);
    let ran = world.calt(&["token", "create", "--role", "agent"]);
    assert!(ran.code == 3 && ran.stderr.contains("hint: run it again on a terminal"), "{} {}", ran.code, ran.stderr);
    // Administration asks each time.
    let terminal = Terminal::run(&world, 100, &["token", "create", "--role", "agent"]);
    terminal.waits_for("Your PIN, for this act of administration", 1);
    terminal.types(PIN);
    terminal.waits_for("exit 0", 1);
}

#[test]
fn a_pin_that_was_wrong_too_often_leads_back_to_what_asked_and_says_until_when_it_is_locked() {
    let world = guarded(&[]);
    let session = world.owner().propose(&plan(1, &[look("a")]));
    let words = ["run", "--session", session.id.as_str()];
    let asks = |wrong: usize| {
        let terminal = Terminal::run(&world, 120, &words);
        terminal.waits_for("[y]es, [n]o", 1);
        terminal.types("y");
        for typing in 1..=wrong {
            terminal.waits_for("Your PIN, to decide on plan v1", typing);
            terminal.types(WRONG);
        }
        terminal.waits_for("exit 3", 1)
    };
    let hint = format!("hint: calt run --session {}\n", session.id);
    let end = asks(3);
    assert!(end.contains(&format!("2 wrong ones are left before it is locked for a while\n{hint}")), "{end}");
    let end = asks(2);
    let locked = end.lines().find_map(|line| line.strip_prefix("error: too many wrong PINs: locked until "));
    let is_time = |text: &str| text.len() == 8 && text.split(':').all(|part| part.parse::<u8>().is_ok());
    assert!(locked.is_some_and(is_time) && end.contains(&hint), "{end}");
    let terminal = Terminal::run(&world, 120, &["token", "create", "--name", "a-1", "--role", "agent"]);
    terminal.waits_for("Your PIN, for this act of administration", 1);
    terminal.types(PIN);
    let end = terminal.waits_for("exit 3", 1);
    assert!(
        end.contains("locked until ") && end.contains("hint: calt token create --name a-1 --role agent\n"),
        "{end}"
    );
}

#[test]
fn who_gives_up_at_the_question_for_a_pin_is_led_back_to_what_asked() {
    let world = guarded(&[]);
    let session = world.owner().propose(&plan(1, &[look("a")]));
    let terminal = Terminal::run(&world, 120, &["run", "--session", &session.id]);
    terminal.waits_for("[y]es, [n]o", 1);
    terminal.types("y");
    terminal.waits_for("Your PIN, to decide on plan v1", 1);
    terminal.presses("C-c");
    let end = terminal.waits_for("exit 3", 1);
    let said = format!("error: no PIN was typed; nothing was decided\nhint: calt run --session {}\n", session.id);
    assert!(end.contains(&said), "{end}");
    drop(terminal);
    let terminal = Terminal::run(&world, 120, &["token", "create", "--name", "a-1", "--role", "agent"]);
    terminal.waits_for("Your PIN, for this act of administration", 1);
    terminal.presses("C-c");
    let end = terminal.waits_for("exit 3", 1);
    assert!(end.contains("nothing was done\nhint: calt token create --name a-1 --role agent\n"), "{end}");
}

#[test]
fn a_restored_record_starts_without_pins_since_no_backup_holds_them() {
    let world = guarded(&[]);
    let backup = world.home().join("kept.backup");
    let ran = world.calt(&["record", "backup", backup.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let there = World::asleep(&[]);
    let ran = there.calt(&["record", "restore", backup.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!there.data_root().join("pins").exists());
    there.wake();
    let session = there.owner().propose(&plan(1, &[look("a")]));
    there.owner().approve_plan(&session, 1).expect(200);
    assert_eq!(there.calt(&["record", "verify"]).code, 0);
    assert!(doctor(&there).contains("WARN owner has no PIN"));
}

#[test]
fn doctor_warns_until_everybody_who_decides_has_a_pin() {
    let world = World::start();
    world.person("ann");
    let before = doctor(&world);
    assert!(before.contains("could approve now") && before.contains("WARN ann has no PIN"), "{before}");
    world.end();
    set(&world, "--for ann", "another-pin-of-ann");
    set(&world, "", PIN);
    world.wake();
    let after = doctor(&world);
    assert!(after.contains("PASS everybody who decides has a PIN"), "{after}");
    assert!(!after.contains("could approve now") && !after.contains("has no PIN"), "{after}");
}

/// What doctor says, with one space wherever there are some.
fn doctor(world: &World) -> String {
    world.calt(&["doctor"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}
