//! What a refusal looks like: a problem document without secrets, with the step that leads on.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use crate::world::{OWNER, Reply, World, plan, request};

const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ456789";

/// A problem document as the contract has it: every field there, and something that leads on.
fn leads_on(reply: &Reply) -> bool {
    let json = reply.json();
    let fields = ["type", "title", "status", "detail", "code", "args", "next"];
    reply.header("content-type") == "application/problem+json"
        && fields.iter().all(|field| json.get(field).is_some())
        && json["status"] == reply.status.as_u16()
        && json["next"]["action"].is_string()
}

#[tokio::test]
async fn every_kind_of_malformed_request_is_told_what_leads_on() {
    let world = World::start().await;
    let session = world.session().await;
    let long = json!({"goal": "g".repeat(4_001)});
    let mut replies = vec![
        world.get("/api/v1/nothing").await,
        world.get("/api/v1/sessions?limit=x").await,
        world.get("/api/v1/sessions?cursor=x").await,
        world.get("/api/v1/sessions/%FF").await,
        world.get("/docs/%FF").await,
        world.get("/docs/nothing").await,
        world.get(&format!("{session}/artifacts/1")).await,
        world.post("/api/v1/sessions", &long).await,
        world.post("/api/v1/tokens", &json!({"name": "a b", "role": "viewer"})).await,
        world.post_nothing("/api/v1/tokens/tok_nope/revoke").await,
        world.post_nothing("/api/v1/plans/check").await,
        world.post_nothing(&format!("{session}/steps/a/approve")).await,
        world.send(request(Method::PUT, &session, OWNER).body(Body::empty()).unwrap()).await,
    ];
    world.post(&format!("{session}/plans/import"), &plan()).await.ok();
    replies.push(world.post_nothing(&format!("{session}/plans/1/reject")).await);
    for reply in replies {
        assert!(leads_on(&reply), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_secret_where_an_id_belongs_is_not_repeated() {
    let world = World::start().await;
    let session = world.session().await;
    let mut replies = Vec::new();
    for path in ["/api/v1/sessions/", "/api/v1/tools/", "/", "/docs/", "/api/v1/sessions?status=", "/api/v1/tools?"] {
        replies.push(world.get(&format!("{path}{SECRET}")).await);
        replies.push(world.get(&format!("{path}{SECRET}/permissions")).await);
    }
    replies.push(world.get(&format!("{session}/steps/{SECRET}")).await);
    replies.push(world.post_nothing(&format!("/api/v1/tokens/{SECRET}/revoke")).await);
    replies.push(world.post("/api/v1/sessions", &json!({"workspace": SECRET})).await);
    replies.push(world.post("/api/v1/sessions", &json!({SECRET: 1})).await);
    replies.push(world.post("/api/v1/plans/check", &json!({"title": "t", "steps": [], SECRET: 1})).await);
    replies.push(world.post(&format!("{session}/plans/import"), &json!({"title": "t", SECRET: 1})).await);
    let own = world.someone("viewer").await;
    replies.push(world.post_nothing(&format!("/api/v1/tokens/{own}/revoke")).await);
    for reply in replies {
        assert!(!reply.text.contains(SECRET) && !reply.text.contains(&own), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_long_request_is_not_echoed_whole() {
    let world = World::start().await;
    let long = "n".repeat(1024 * 1024);
    for body in [json!({long.as_str(): 1}), json!({"mode": long}), json!({"workspace": long})] {
        let reply = world.post("/api/v1/sessions", &body).await;
        assert_eq!(reply.status, 422);
        assert!(reply.text.len() < 4 * 1024, "{} bytes", reply.text.len());
    }
    let reply = world.get(&format!("/api/v1/sessions/{}", &long[..8_000])).await;
    assert!(reply.text.len() < 4 * 1024 && reply.text.contains("… (+"), "{}", reply.text);
}

#[tokio::test]
async fn a_secret_in_the_words_of_a_step_is_masked_wherever_it_is_shown() {
    let world = World::start().await;
    let session = world.session().await;
    let said = format!("use {SECRET} here");
    let plan = json!({"title": said, "steps": [{
        "id": "look", "title": said, "tool": "run_shell_readonly", "inputs": {"command": format!("curl {SECRET}")},
        "preconditions": [said], "postconditions": [said], "expected_observation": said,
        "verify": {"type": "regex", "expr": SECRET},
    }]});
    let checked = world.post("/api/v1/plans/check", &plan).await;
    assert!(checked.text.contains("***REDACTED***") && !checked.text.contains(SECRET), "{}", checked.text);
    world.post(&format!("{session}/plans/import"), &plan).await.ok();
    for path in [format!("{session}/plans/1"), format!("{session}/steps/look"), format!("{session}/events")] {
        let shown = world.get(&path).await;
        assert!(shown.text.contains("***REDACTED***") && !shown.text.contains(SECRET), "{}", shown.text);
    }
}

#[tokio::test]
async fn a_daemon_that_ends_is_not_ready() {
    let world = World::start().await;
    world.ending.cancel();
    let reply = world.get("/readyz").await;
    assert_eq!((reply.line().as_str(), reply.header("retry-after")), ("503 stopping", "1"));
    assert!(leads_on(&reply));
}
