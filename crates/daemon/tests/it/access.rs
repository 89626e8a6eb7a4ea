//! Who gets in.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::world::{HOST, OWNER, World, request};

const PATH: &str = "/api/v1/tools";

async fn with_authorization(world: &World, value: &str) -> String {
    let request = Request::builder().uri(PATH).header("host", HOST).header("authorization", value);
    world.send(request.body(Body::empty()).unwrap()).await.line()
}

#[tokio::test]
async fn a_request_without_a_token_is_told_how_to_bring_one() {
    let world = World::start().await;
    let reply = world.send(Request::builder().uri(PATH).header("host", HOST).body(Body::empty()).unwrap()).await;
    assert_eq!(reply.line(), "401 token_missing");
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    assert_eq!(reply.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_scheme_is_read_in_any_case() {
    let world = World::start().await;
    assert_eq!(with_authorization(&world, "Bearer wrong").await, "401 token_invalid");
    assert_eq!(with_authorization(&world, "Basic b3duZXI6").await, "401 token_missing");
    assert_eq!(with_authorization(&world, &format!("bEaReR {OWNER}")).await, "200");
}

#[tokio::test]
async fn a_revoked_token_and_an_expired_one_open_nothing() {
    let world = World::start().await;
    let made = world.post("/api/v1/tokens", &json!({"name": "vera", "role": "viewer"})).await.ok();
    let token = made["token"].as_str().unwrap();
    assert_eq!(with_authorization(&world, &format!("Bearer {token}")).await, "200");
    world.post_nothing(&format!("/api/v1/tokens/{}/revoke", made["id"].as_str().unwrap())).await.ok();
    assert_eq!(with_authorization(&world, &format!("Bearer {token}")).await, "401 token_invalid");
    let past = json!({"name": "vera", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"});
    let made = world.post("/api/v1/tokens", &past).await;
    if made.status == 200 {
        let token = made.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(with_authorization(&world, &format!("Bearer {token}")).await, "401 token_invalid");
    }
}

#[tokio::test]
async fn a_list_of_tokens_shows_neither_tokens_nor_hashes() {
    let world = World::start().await;
    let made = world.post("/api/v1/tokens", &json!({"name": "vera", "role": "viewer"})).await.ok();
    let list = world.get("/api/v1/tokens").await;
    assert_eq!(list.status, 200);
    assert!(!list.text.contains(made["token"].as_str().unwrap()) && !list.text.contains("\"hash\""), "{}", list.text);
    let viewer = made["token"].as_str().unwrap();
    let refused = world.send(request(Method::GET, "/api/v1/tokens", viewer).body(Body::empty()).unwrap()).await;
    assert_eq!(refused.line(), "403 not_allowed");
}

#[tokio::test]
async fn a_host_that_is_not_served_is_refused_before_the_token_is_read() {
    let world = World::start().await;
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:8001", "localhost"] {
        let request = Request::builder().uri("/healthz").header("host", host);
        let reply = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.line(), "403 host_not_allowed", "{host}");
    }
    let nameless = world.send(Request::builder().uri("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(nameless.line(), "403 host_not_allowed");
    let rebound =
        Request::builder().uri("http://evil.example/healthz").header("host", HOST).body(Body::empty()).unwrap();
    assert_eq!(world.send(rebound).await.line(), "403 host_not_allowed");
}

#[tokio::test]
async fn no_answer_invites_another_origin() {
    let world = World::start().await;
    let request = request(Method::GET, PATH, OWNER).header("origin", "https://evil.example");
    let reply = world.send(request.body(Body::empty()).unwrap()).await;
    assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}
