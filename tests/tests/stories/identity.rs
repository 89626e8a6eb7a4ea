//! Who said it is what the credential proves.

use calt_tests::World;
use serde_json::json;

use crate::{look, plan};

#[test]
fn an_agent_cannot_decide_whatever_it_claims() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    let claim = json!({"approved_by": "boss@corp", "user_id": "boss@corp", "source": "discord", "reason": "because"});
    let base = format!("/api/v1/sessions/{}", session.id);
    for path in ["plans/1/approve", "plans/1/reject", "steps/a/approve", "steps/a/reject", "steps/a/skip"] {
        let refused = agent.post(&format!("{base}/{path}"), &claim);
        assert_eq!(
            (refused.status, refused.json()["code"].as_str().unwrap().to_owned()),
            (403, "not_allowed".to_owned()),
            "{path}"
        );
    }
    assert_eq!(agent.post("/api/v1/tokens", &json!({"name": "me", "role": "owner"})).status, 403);
    assert_eq!(agent.post("/api/v1/sessions", &json!({"safety_profile": "dev"})).status, 403);
    assert_eq!(ada.show(&session)["status"], "awaiting_plan_approval");
}

#[test]
fn a_claimed_name_never_replaces_the_principal() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.propose(&plan(1, &[look("a")]));
    let path = format!("/api/v1/sessions/{}/plans/1/approve", session.id);
    ada.post(&path, &json!({"approved_by": "boss@corp", "source": "discord"})).expect(200);
    let page = ada.get(&format!("/api/v1/sessions/{}/events?after=0", session.id)).json();
    let approved =
        page["items"].as_array().unwrap().iter().find(|event| event["event_type"] == "plan_approved").unwrap().clone();
    assert_eq!(approved["principal"], "ada");
    assert_eq!(approved["user_id"], "boss@corp");
    assert_eq!(approved["source"], "discord");
}

#[test]
fn a_viewer_only_reads() {
    let world = World::start();
    let (viewer, ada) = (world.someone("vera", "viewer"), world.person("ada"));
    let session = ada.propose(&plan(1, &[look("a")]));
    assert_eq!(viewer.get(&format!("/api/v1/sessions/{}", session.id)).status, 200);
    assert_eq!(viewer.post("/api/v1/sessions", &json!({})).status, 403);
    assert_eq!(viewer.approve_plan(&session, 1).status, 403);
    assert_eq!(viewer.stop(&session).status, 403);
}

#[test]
fn an_agent_stops_only_its_own_sessions() {
    let world = World::start();
    let (agent, other, ada) = (world.agent(), world.agent(), world.person("ada"));
    let session = agent.session();
    assert_eq!(other.stop(&session).status, 403);
    assert_eq!(agent.stop(&session).status, 200);
    let session = agent.session();
    assert_eq!(ada.stop(&session).status, 200);
}

#[test]
fn a_wrong_missing_or_revoked_token_is_refused() {
    let world = World::start();
    let owner = world.owner();
    assert_eq!(world.request("GET", "/api/v1/tools", &[], None).line(), "401 token_missing → give_token");
    assert_eq!(
        world.request("GET", "/api/v1/tools", &[("Authorization", "Bearer x")], None).json()["code"],
        "token_invalid"
    );
    assert_eq!(world.request("GET", "/openapi.json", &[], None).status, 401);
    let made = owner.post("/api/v1/tokens", &json!({"name": "short-lived", "role": "viewer"})).expect(200).json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    assert_eq!(world.request("GET", "/api/v1/tools", &[("Authorization", &bearer)], None).status, 200);
    owner.post_nothing(&format!("/api/v1/tokens/{}/revoke", made["id"].as_str().unwrap())).expect(200);
    assert_eq!(world.request("GET", "/api/v1/tools", &[("Authorization", &bearer)], None).status, 401);
}

#[test]
fn a_foreign_host_name_is_refused() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.owner_token());
    let headers = [("Host", "evil.example"), ("Authorization", bearer.as_str())];
    assert_eq!(world.request("GET", "/api/v1/tools", &headers, None).status, 403);
}

#[test]
fn the_variable_is_a_token_of_the_owner_and_is_not_stored() {
    let world = World::with(&[("CALT_DAEMON_TOKEN", "a-token-from-the-environment")]);
    let bearer = "Bearer a-token-from-the-environment";
    assert_eq!(world.request("GET", "/api/v1/tokens", &[("Authorization", bearer)], None).status, 200);
    let made = world.request(
        "POST",
        "/api/v1/sessions",
        &[("Authorization", bearer), ("Content-Type", "application/json")],
        Some(b"{}"),
    );
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(world.end(), 0);
    for file in crate::secrets::files_below(&world.data_root()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(28).any(|window| window == b"a-token-from-the-environment"), "{}", file.display());
    }
}

#[test]
fn a_client_that_starts_the_daemon_does_not_make_its_own_token_the_owners() {
    let world = World::start();
    let agent = world.agent();
    let session = agent.propose(&plan(1, &[look("a")]));
    world.end();
    for token in [agent.token(), "made-up"] {
        let ran = world.calt(&["--token", token, "daemon", "stop"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let mut calt = world.command();
        let approve = ["plan", "approve", &session.id, "1", "--yes"];
        let ran =
            calt.env("CALT_DAEMON_TOKEN", token).args(approve).stdin(std::process::Stdio::null()).output().unwrap();
        assert_eq!(ran.status.code(), Some(5), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    world.calt(&["daemon", "stop"]);
    world.wake();
    assert_eq!(world.owner().show(&session)["status"], "awaiting_plan_approval");
}
