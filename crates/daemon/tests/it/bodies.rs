//! What a request may bring, and what it is told otherwise.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use crate::world::{OWNER, World, plan, request};

async fn send(world: &World, path: &str, content_type: Option<&str>, body: impl Into<Body>) -> String {
    let mut request = request(Method::POST, path, OWNER);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    world.send(request.body(body.into()).unwrap()).await.line()
}

#[tokio::test]
async fn a_bad_body_is_told_apart_by_kind() {
    let world = World::start().await;
    let path = "/api/v1/sessions";
    assert_eq!(send(&world, path, Some("application/json"), "{").await, "400 malformed");
    assert_eq!(send(&world, path, Some("application/json"), r#"{"goal": 1}"#).await, "422 input_invalid");
    assert_eq!(send(&world, path, Some("application/json"), r#"{"gaol": "g"}"#).await, "422 input_invalid");
    assert_eq!(send(&world, path, Some("application/json"), r#"{"mode": "wild"}"#).await, "422 input_invalid");
    assert_eq!(send(&world, path, Some("text/plain"), "{}").await, "415 unsupported_media_type");
    assert_eq!(send(&world, path, Some("application/json; charset=utf-8"), "{}").await, "200");
}

#[tokio::test]
async fn too_much_is_413_whether_announced_or_not() {
    let world = World::start().await;
    let huge = vec![b' '; 2 * 1024 * 1024 + 1];
    let announced = request(Method::POST, "/api/v1/sessions", OWNER)
        .header("content-type", "application/json")
        .header("content-length", huge.len());
    assert_eq!(world.send(announced.body(Body::from(huge.clone())).unwrap()).await.line(), "413 too_large");
    let chunks = huge.chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let streamed = Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(send(&world, "/api/v1/sessions", Some("application/json"), streamed).await, "413 too_large");
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems() {
    let world = World::start().await;
    let unknown = world.get("/api/v1/nothing").await;
    assert_eq!(unknown.line(), "404 path_not_found");
    assert_eq!(unknown.header("content-type"), "application/problem+json");
    let wrong = world.send(request(Method::DELETE, "/api/v1/sessions", OWNER).body(Body::empty()).unwrap()).await;
    assert_eq!(wrong.line(), "405 method_not_allowed");
    assert!(
        wrong.header("allow").contains("GET") && wrong.header("allow").contains("POST"),
        "{}",
        wrong.header("allow")
    );
}

#[tokio::test]
async fn execute_and_stop_need_neither_body_nor_content_type() {
    let world = World::start().await;
    let session = world.approved_session().await;
    let ran = world.post_nothing(&format!("{session}/steps/look/execute")).await.ok();
    assert_eq!(ran["status"], "succeeded");
    assert_eq!(world.post_nothing(&format!("{session}/stop")).await.ok()["status"], "cancelled");
    let session = world.approved_session().await;
    assert_eq!(send(&world, &format!("{session}/steps/look/execute"), None, "{}").await, "200");
}

#[tokio::test]
async fn every_writing_call_takes_what_the_client_says_of_itself() {
    let world = World::start().await;
    let said = json!({"source": "cli", "message_id": "m-1", "user_id": "u-1"});
    let with = |more: serde_json::Value| {
        let mut body = said.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let made = world.post("/api/v1/tokens", &with(json!({"name": "vera", "role": "viewer"}))).await.ok();
    world.post(&format!("/api/v1/tokens/{}/revoke", made["id"].as_str().unwrap()), &said).await.ok();
    let session = world.post("/api/v1/sessions", &said).await.ok();
    let session = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
    let query = "source=cli&message_id=m-1&user_id=u-1";
    world.post(&format!("{session}/plans/import?{query}"), &plan()).await.ok();
    for path in ["plans/1/approve", "steps/look/approve", "steps/look/execute", "stop"] {
        world.post(&format!("{session}/{path}"), &said).await.ok();
    }
    let events = world.get("/api/v1/events").await.ok();
    let from_the_client = events["items"].as_array().unwrap().iter().filter(|event| event["principal"] == "owner");
    let mut types = Vec::new();
    for event in from_the_client.filter(|event| event["message_id"] == "m-1") {
        assert_eq!((event["source"].as_str(), event["user_id"].as_str()), (Some("cli"), Some("u-1")), "{event}");
        types.push(event["event_type"].as_str().unwrap().to_owned());
    }
    let expected = [
        "person_added",
        "token_created",
        "token_revoked",
        "session_created",
        "plan_imported",
        "plan_approved",
        "step_approved",
        "step_started",
        "session_stopped",
    ];
    assert_eq!(types, expected);
}

#[tokio::test]
async fn names_that_go_into_the_record_as_they_are_stay_short_and_plain() {
    let world = World::start().await;
    let session = world.session().await;
    world.post(&format!("{session}/plans/import"), &plan()).await.ok();
    let approve = format!("{session}/plans/1/approve");
    for body in [
        json!({"decision_id": "d".repeat(65)}),
        json!({"decision_id": ""}),
        json!({"decision_id": "one\u{202e}two"}),
        json!({"locale": "x".repeat(36)}),
        json!({"locale": "ja JP"}),
        json!({"digest": "0".repeat(63)}),
        json!({"view_digest": "zz"}),
        json!({"shown_at": "yesterday"}),
        json!({"how": "by telepathy"}),
        json!({"source": "s".repeat(201)}),
    ] {
        let reply = world.post(&approve, &body).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.text);
    }
    let said = json!({"decision_id": "decision_1", "locale": "ja_JP.UTF-8", "how": "prompt", "view_cut": false,
        "view_digest": "0".repeat(64), "shown_at": "2026-01-02T03:04:05Z", "approved_by": "ada"});
    let decided = world.post(&approve, &said).await.ok();
    assert_eq!(decided["decision_id"], "decision_1");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_after_a_while() {
    let world = World::start().await;
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let late = request(Method::POST, "/api/v1/sessions", OWNER).header("content-type", "application/json");
    tokio::time::pause();
    let reply = world.send(late.body(Body::from_stream(never)).unwrap()).await;
    assert_eq!((reply.line().as_str(), reply.header("retry-after")), ("408 request_timeout", "1"));
}

#[tokio::test]
async fn odd_bodies_are_refused_and_nothing_breaks() {
    let world = World::start().await;
    let path = "/api/v1/sessions";
    let deep = "[".repeat(100_000);
    let odd: [&[u8]; 8] = [
        b"\xff\xfe",
        b"null",
        b"[]",
        b"1e999",
        b"{}{}",
        b"{\"goal\": \"\\ud800\"}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ];
    for body in odd {
        let line = send(&world, path, Some("application/json"), body.to_vec()).await;
        assert!(line.starts_with('4'), "{line}: {:?}", &body[..body.len().min(20)]);
    }
    let twice = send(&world, path, Some("application/json"), r#"{"goal": "a", "goal": "b"}"#).await;
    assert_eq!(twice, "422 input_invalid");
    assert_eq!(send(&world, path, Some("application/json"), "{\"goal\": \"a\\u0000b\"}").await, "200");
}

#[tokio::test]
async fn a_plan_comes_as_yaml_or_json() {
    let world = World::start().await;
    let session = world.session().await;
    let import = format!("{session}/plans/import");
    let yaml = "title: t\nsteps:\n  - {id: a, title: a, tool: list_dir, inputs: {}}\n";
    assert_eq!(send(&world, &import, Some("application/yaml"), yaml).await, "200");
    assert_eq!(send(&world, &import, Some("text/html"), yaml).await, "415 unsupported_media_type");
    assert_eq!(world.post("/api/v1/plans/check", &plan()).await.line(), "200");
}

#[tokio::test]
async fn hidden_characters_leave_as_escapes() {
    let world = World::start().await;
    let reply = world.post("/api/v1/sessions", &json!({"goal": "pay \u{202e}eciov\u{200b}ni\u{7f}\u{85}"})).await;
    assert!(reply.text.contains(r"pay \u202eeciov\u200bni\u007f\u0085"), "{}", reply.text);
    let refused = world.post("/api/v1/sessions", &json!({"mode": "a\u{202e}b"})).await;
    assert!(!refused.text.contains('\u{202e}'), "{}", refused.text);
}

#[tokio::test]
async fn ids_of_another_form_are_not_found() {
    let world = World::start().await;
    for (path, line) in [
        ("/api/v1/sessions/nope", "404 session_not_found"),
        ("/api/v1/sessions/session_..%2F..", "404 session_not_found"),
        ("/api/v1/runs/x", "404 run_not_found"),
        ("/api/v1/runs/99", "404 run_not_found"),
        ("/api/v1/tools/nope/permissions", "404 tool_not_found"),
    ] {
        assert_eq!(world.get(path).await.line(), line, "{path}");
    }
}
