//! Runs over HTTP.

use axum::body::Body;
use axum::http::Method;

use crate::world::{OWNER, World, request};

#[tokio::test]
async fn a_run_can_be_answered_at_once_and_looked_at_later() {
    let world = World::start().await;
    let session = world.approved_session().await;
    let execute = request(Method::POST, &format!("{session}/steps/look/execute"), OWNER)
        .header("prefer", "respond-async, wait=1");
    let reply = world.send(execute.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    assert_eq!(reply.header("preference-applied"), "respond-async");
    let run = reply.json()["run_id"].as_i64().unwrap();
    assert_eq!(reply.header("location"), format!("/api/v1/runs/{run}"));
    world.engine.run_end(calt_engine::core::RunId(run)).await.unwrap();
    let ended = world.get(&format!("/api/v1/runs/{run}")).await.ok();
    assert_eq!(ended["state"], "succeeded");
}

#[tokio::test]
async fn an_artifact_is_given_as_the_bytes_it_is() {
    let world = World::start().await;
    let session = world.approved_session().await;
    world.post_nothing(&format!("{session}/steps/look/execute")).await.ok();
    let list = world.get(&format!("{session}/artifacts")).await.ok();
    let artifact = &list["items"][0];
    let bytes = world.get(&format!("{session}/artifacts/{}", artifact["id"])).await;
    assert_eq!(bytes.status, 200);
    assert_eq!(bytes.header("etag"), format!("\"{}\"", artifact["sha256"].as_str().unwrap()));
    assert_eq!(bytes.json()["path"], ".");
}
