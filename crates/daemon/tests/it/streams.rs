//! Live events.

use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt as _;

use crate::world::{OWNER, World, plan, request};

/// The next piece of a stream; `None` at its end.
async fn next(stream: &mut Body) -> Option<String> {
    let frame = stream.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

async fn follow(world: &World, path: &str, last: Option<u64>) -> Body {
    let mut request = request(Method::GET, path, OWNER).header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = world.raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

#[tokio::test]
async fn a_stream_gives_what_was_and_then_what_comes() {
    let world = World::start().await;
    let session = world.session().await;
    let mut stream = follow(&world, &format!("{session}/events"), None).await;
    let first = next(&mut stream).await.unwrap();
    assert!(first.starts_with("id: 1\ndata: {") && first.contains("session_created"), "{first}");
    world.post(&format!("{session}/plans/import"), &plan()).await.ok();
    let second = next(&mut stream).await.unwrap();
    assert!(second.starts_with("id: 2\n") && second.contains("plan_imported"), "{second}");
}

#[tokio::test]
async fn a_stream_goes_on_after_the_number_it_was_left_at() {
    let world = World::start().await;
    let session = world.session().await;
    world.post(&format!("{session}/plans/import"), &plan()).await.ok();
    let mut stream = follow(&world, &format!("{session}/events?after=0"), Some(1)).await;
    assert!(next(&mut stream).await.unwrap().starts_with("id: 2\n"));
    let mut all = follow(&world, "/api/v1/events", Some(1)).await;
    assert!(next(&mut all).await.unwrap().starts_with("id: 2\n"));
}

#[tokio::test]
async fn a_stream_ends_with_the_daemon() {
    let world = World::start().await;
    let session = world.session().await;
    let mut stream = follow(&world, &format!("{session}/events"), Some(1)).await;
    world.ending.cancel();
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let world = World::start().await;
    let session = world.session().await;
    let made = world.post("/api/v1/tokens", &serde_json::json!({"name": "vera", "role": "viewer"})).await.ok();
    let path = format!("{session}/events");
    let request = request(Method::GET, &path, made["token"].as_str().unwrap()).header("accept", "text/event-stream");
    let mut stream = world.raw(request.body(Body::empty()).unwrap()).await.into_body();
    assert!(next(&mut stream).await.is_some());
    world.post_nothing(&format!("/api/v1/tokens/{}/revoke", made["id"].as_str().unwrap())).await.ok();
    world.post(&format!("{session}/plans/import"), &plan()).await.ok();
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn one_stream_too_many_is_told_to_come_back_and_a_slot_is_free_again_at_once() {
    let world = World::start().await;
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(follow(&world, "/api/v1/events", None).await);
    }
    let more = || request(Method::GET, "/api/v1/events", OWNER).header("accept", "text/event-stream");
    let refused = world.send(more().body(Body::empty()).unwrap()).await;
    assert_eq!((refused.line().as_str(), refused.header("retry-after")), ("429 too_many_requests", "1"));
    streams.pop();
    assert_eq!(world.raw(more().body(Body::empty()).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn a_number_beyond_every_event_waits_for_the_next_one() {
    let world = World::start().await;
    let session = world.session().await;
    let page = world.get(&format!("{session}/events?after={}", u64::MAX)).await.ok();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (0, &serde_json::Value::Null));
    assert_eq!(world.get(&format!("{session}/events?after=-1")).await.line(), "422 input_invalid");
}

#[tokio::test]
async fn a_stream_of_a_session_that_is_not_there_is_a_problem() {
    let world = World::start().await;
    let request =
        request(Method::GET, "/api/v1/sessions/session_nope/events", OWNER).header("accept", "text/event-stream");
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.line(), "404 session_not_found");
}
