//! Clients of the earlier calt work unchanged: paths, fields, statuses, words and orders.

use calt_tests::World;
use serde_json::{Value, json};

use crate::{look, plan, read};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn holds(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(keys(value).contains(field), "no `{field}` in {value}");
    }
}

#[test]
fn the_whole_loop_in_the_earlier_dialect() {
    let world = World::with(&[("CALT_DAEMON_TOKEN", "dev-token-of-this-story")]);
    let call = |method: &str, path: &str, body: Option<&Value>| {
        let body = body.map(Value::to_string);
        let mut headers = vec![("Authorization", "Bearer dev-token-of-this-story")];
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        world.request(method, path, &headers, body.as_deref().map(str::as_bytes)).expect(200).json()
    };
    let session =
        call("POST", "/api/v1/sessions", Some(&json!({"goal": "g", "mode": "normal", "safety_profile": "strict"})));
    holds(&session, &["id", "goal", "mode", "safety_profile", "status", "plan_version", "created_at", "updated_at"]);
    assert_eq!((session["status"].as_str(), &session["plan_version"]), (Some("pending"), &Value::Null));
    let id = session["id"].as_str().unwrap();
    assert!(id.starts_with("session_"));
    assert!(world.workspace(id).is_dir());
    let base = format!("/api/v1/sessions/{id}");

    let imported = call("POST", &format!("{base}/plans/import"), Some(&plan(1, &[look("s0"), look("s1")])));
    holds(&imported, &["session_id", "version", "title", "steps"]);
    holds(&imported["steps"][0], &["id", "title", "tool", "risk", "status", "inputs", "timeout_sec"]);
    assert_eq!(imported["steps"][0]["status"], "pending");
    assert_eq!(imported["steps"][0]["timeout_sec"], 30);
    assert_eq!(call("GET", &base, None)["status"], "awaiting_plan_approval");

    let said = json!({"approved_by": "cli", "source": "cli"});
    let approved = call("POST", &format!("{base}/plans/1/approve"), Some(&said));
    assert_eq!((approved["version"].as_u64(), approved["approved"].as_bool()), (Some(1), Some(true)));
    assert_eq!(call("GET", &base, None)["status"], "awaiting_step_approval");
    for step in ["s0", "s1"] {
        let approved = call("POST", &format!("{base}/steps/{step}/approve"), Some(&said));
        assert_eq!((approved["step_id"].as_str(), approved["approved"].as_bool()), (Some(step), Some(true)));
        let ran = call("POST", &format!("{base}/steps/{step}/execute"), None);
        holds(&ran, &["session_id", "step_id", "status", "run_id", "output", "error", "artifacts"]);
        assert_eq!(ran["status"], "succeeded");
        assert!(ran["artifacts"][0].as_str().unwrap().starts_with(&format!("data/sessions/{id}/artifacts/")), "{ran}");
        assert!(ran["run_id"].is_i64() || ran["run_id"].is_u64());
    }
    let shown = call("GET", &base, None);
    assert_eq!((shown["status"].as_str(), shown["needs_replan"].as_bool()), (Some("succeeded"), Some(false)));

    let found = call("GET", &format!("{base}/events/search?q=step_executed"), None);
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    holds(&found["items"][0], &["id", "event_type", "summary", "payload_text", "source", "user_id", "created_at"]);
    assert_eq!(found["items"][0]["summary"], "step s1 executed");
    let newest = call("GET", &format!("{base}/events/search"), None);
    let summaries: Vec<_> =
        newest["items"].as_array().unwrap().iter().map(|item| item["summary"].as_str().unwrap().to_owned()).collect();
    for words in ["session created", "plan v1 imported", "plan v1 approved", "step s0 approved", "step s0 executed"] {
        assert!(summaries.contains(&words.to_owned()), "no `{words}` in {summaries:?}");
    }
    let artifacts = call("GET", &format!("{base}/artifacts"), None);
    holds(&artifacts["items"][0], &["id", "run_id", "step_id", "kind", "path", "sha256", "created_at"]);
    let tools = call("GET", "/api/v1/tools", None);
    assert_eq!(tools["items"].as_array().unwrap().len(), 6);
    let permissions = call("GET", "/api/v1/tools/read_file/permissions", None);
    holds(&permissions, &["tool_name", "permission_profile", "description", "enabled"]);
    assert_eq!(permissions["permission_profile"], "workspace_read");
    assert_eq!(call("POST", &format!("{base}/stop"), Some(&json!({})))["status"], "cancelled");
    assert_eq!(call("GET", &format!("{base}/plans/1"), None)["title"], "a story's plan");
}

#[test]
fn a_failure_and_a_stop_keep_their_words() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[read("x", "nowhere"), look("y")]));
    owner.approve_plan(&session, 1).expect(200);
    owner.approve(&session, "x").expect(200);
    let ran = owner.run(&session, "x").expect(200).json();
    holds(&ran, &["session_id", "step_id", "status", "run_id", "output", "error", "artifacts"]);
    assert_eq!((ran["status"].as_str(), &ran["artifacts"]), (Some("failed"), &json!([])));
    owner.stop(&session).expect(200);
    let page = owner.get(&format!("/api/v1/sessions/{}/events", session.id)).json();
    let items = page["items"].as_array().unwrap();
    let of = |event_type: &str| items.iter().find(|event| event["event_type"] == event_type).unwrap();
    assert_eq!(of("step_failed")["summary"], "step x failed");
    assert_eq!(of("session_stopped")["summary"], "session stopped");
    assert!(of("step_failed")["payload_text"].as_str().unwrap().contains(ran["error"].as_str().unwrap()));
}

#[test]
fn what_is_missing_is_404_with_a_code() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.session();
    let base = format!("/api/v1/sessions/{}", session.id);
    for (path, code) in [
        ("/api/v1/sessions/session_nope".to_owned(), "session_not_found"),
        (format!("{base}/plans/1"), "plan_not_found"),
        (format!("{base}/steps/nope"), "step_not_found"),
        ("/api/v1/tools/nope/permissions".to_owned(), "tool_not_found"),
        ("/api/v1/runs/999".to_owned(), "run_not_found"),
    ] {
        let reply = owner.get(&path);
        assert_eq!((reply.status, reply.json()["code"].as_str().unwrap().to_owned()), (404, code.to_owned()), "{path}");
    }
    assert_eq!(owner.get("/healthz").status, 200);
    assert_eq!(world.request("GET", "/healthz", &[], None).status, 200);
    assert_eq!(world.request("GET", "/readyz", &[], None).status, 200);
    assert!(owner.get("/metrics").expect(200).text().contains("calt_"));
    assert_eq!(owner.get("/openapi.json").expect(200).json()["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    assert_eq!(owner.get("/api/v1/sandbox").expect(200).json()["tier"], "full");
}
