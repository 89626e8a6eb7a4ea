//! Who may call what. What a role may not do is refused before the body is read, and leaves nothing behind.

use axum::body::Body;
use axum::http::Method;
use calt_api::endpoint::{ENDPOINTS, Method as Verb};
use calt_daemon::testing::right;
use calt_engine::core::policy;
use calt_engine::core::principal::Role;
use serde_json::json;

use crate::world::{World, plan, request};

const ROLES: [Role; 5] = [Role::Viewer, Role::Relay, Role::Agent, Role::Approver, Role::Owner];

fn filled(path: &str) -> String {
    let path = path.replace("{session}", "session_1").replace("{version}", "1").replace("{run}", "0");
    path.replace("{artifact}", "0").replace(['{', '}'], "")
}

#[tokio::test]
async fn every_writing_call_asks_for_its_right_before_anything_else() {
    let world = World::start().await;
    for role in ROLES {
        let token = world.someone(&role.to_string()).await;
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method == Verb::Post) {
            let path = filled(endpoint.path);
            let right = right(endpoint).expect("every writing call asks for a right");
            // For whom a relay speaks stands in the body; what nobody may do through it is refused before.
            let through_relay = role == Role::Relay && policy::allows(policy::relayed(Role::Owner), right);
            let allowed = policy::allows(role, right) || through_relay;
            // A body that never comes: whoever reads it first would wait for ever.
            let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            let asked = world.raw(request(Method::POST, &path, &token).body(body).unwrap());
            let refused = futures_util::FutureExt::now_or_never(asked).is_some_and(|answer| answer.status() == 403);
            assert_eq!(refused, !allowed, "{role}: {path}");
        }
    }
}

#[tokio::test]
async fn only_the_owner_looks_at_tokens_and_everybody_reads_the_rest() {
    let world = World::start().await;
    for role in ROLES {
        let token = world.someone(&role.to_string()).await;
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method == Verb::Get) {
            let path = filled(endpoint.path);
            let reply = world.send(request(Method::GET, &path, &token).body(Body::empty()).unwrap()).await;
            let allowed = right(endpoint).is_none_or(|right| policy::allows(role, right));
            assert_eq!(reply.line() == "403 not_allowed", !allowed, "{role}: {path}: {}", reply.line());
        }
    }
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_on_disk() {
    let world = World::start().await;
    let session = world.session().await;
    world.post(&format!("{session}/plans/import"), &plan()).await.ok();
    let before = world.session_files();
    let (viewer, agent) = (world.someone("viewer").await, world.someone("agent").await);
    assert_eq!(world.post_as(&viewer, "/api/v1/sessions", &json!({})).await.line(), "403 not_allowed");
    let dev = json!({"safety_profile": "dev"});
    assert_eq!(world.post_as(&agent, "/api/v1/sessions", &dev).await.line(), "403 not_allowed");
    let long = json!({"goal": "g".repeat(4_001)});
    assert_eq!(world.post_as(&agent, "/api/v1/sessions", &long).await.line(), "422 limit_exceeded");
    let mut other = plan();
    other["title"] = json!("other content");
    let import = format!("{session}/plans/import");
    assert_eq!(world.post_as(&viewer, &import, &other).await.line(), "403 not_allowed");
    assert_eq!(world.post_as(&agent, &import, &other).await.line(), "409 plan_version_exists");
    assert_eq!(world.session_files(), before);
}
