//! What is given out unmasked asks for the PIN; what gives nothing away does not.

use calt_tests::{Reply, Terminal, World};
use serde_json::json;

use super::{PIN, guarded, key, needs_pin, set, told, unlock};
use crate::{look, plan};

const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

/// A session that wrote a secret, approved by the owner with their PIN.
fn written(world: &World) -> calt_tests::Session {
    let owner = world.owner();
    let files = json!([{"path": "settings.env", "content": format!("GITHUB_TOKEN={SECRET}\n")}]);
    let session = owner.propose(&plan(1, &[json!({"id": "a", "title": "write", "change": {"files": files}})]));
    let opened = key(&unlock(&owner, PIN, &session));
    let at = |place: &str| format!("/api/v1/sessions/{}/{place}", session.id);
    owner.post(&at("plans/1/approve"), &json!({"unlock": opened})).expect(200);
    for step in ["a_preview", "a_apply"] {
        owner.post(&at(&format!("steps/{step}/approve")), &json!({"unlock": opened})).expect(200);
        assert_eq!(owner.run(&session, step).expect(200).json()["status"], "succeeded");
    }
    session
}

#[test]
fn every_byte_of_what_was_written_needs_the_pin_of_whoever_has_one() {
    let world = guarded(&[]);
    let session = written(&world);
    let owner = world.owner();
    let raw = format!("/api/v1/sessions/{}/diff?raw=true", session.id);
    let with = |key: &str| -> Reply { owner.call("GET", &raw, &[("Calt-Unlock", key)], None) };
    needs_pin(&owner.get(&raw));
    // The key of a decision opens no content, and no other key does.
    needs_pin(&with(&key(&unlock(&owner, PIN, &session))));
    needs_pin(&with("unlock_0000000000000000000000000000000000000000000000000000000000000000"));
    assert_eq!(told(&world, "content_released").len(), 0);
    let once = key(&owner.post("/api/v1/unlock", &json!({"pin": PIN})).expect(200));
    assert!(with(&once).expect(200).text().contains(SECRET));
    needs_pin(&with(&once));
    assert_eq!(told(&world, "content_released").len(), 1);
    // What is masked is everybody's, and what gives nothing away needs none.
    let masked = owner.get(&format!("/api/v1/sessions/{}/diff", session.id)).expect(200).text();
    assert!(!masked.contains(SECRET));
    owner.post(&format!("/api/v1/sessions/{}/export", session.id), &json!({})).expect(200);
    owner.post("/api/v1/checkpoints", &json!({})).expect(200);
    owner.post("/api/v1/sessions", &json!({"safety_profile": "dev"})).expect(200);
    let other = owner.propose(&plan(1, &[look("a")]));
    owner.stop(&other).expect(200);
}

#[test]
fn whoever_has_no_pin_is_not_asked_for_one_and_a_terminal_asks() {
    let world = World::start();
    let ada = world.person("ada");
    world.end();
    set(&world, "", PIN);
    world.wake();
    let session = written(&world);
    let raw = format!("/api/v1/sessions/{}/diff?raw=true", session.id);
    assert!(ada.get(&raw).expect(200).text().contains(SECRET));
    let ran = world.calt(&["session", "diff", &session.id, "--raw"]);
    assert!(ran.code == 3 && ran.stderr.contains("your PIN is needed"), "{} {}", ran.code, ran.stderr);
    let terminal = Terminal::run(&world, 100, &["session", "diff", &session.id, "--raw"]);
    terminal.waits_for("Your PIN, to be given every byte of it", 1);
    terminal.types(PIN);
    let screen = terminal.waits_for("exit 0", 1);
    assert!(screen.contains(SECRET) && !screen.contains(PIN), "{screen}");
    let released = told(&world, "content_released");
    assert_eq!(released.len(), 2, "{released:?}");
}
