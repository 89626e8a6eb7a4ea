//! What the daemon says of itself: API description, documentation page, health, metrics.

use axum::body::Body;
use axum::http::Request;
use calt_api::endpoint::ENDPOINTS;
use serde_json::Value;

use crate::world::{HOST, World};

async fn open(world: &World, path: &str) -> crate::world::Reply {
    world.send(Request::builder().uri(path).header("host", HOST).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_description_lists_exactly_the_endpoints() {
    let world = World::start().await;
    let described = world.get("/openapi.json").await.ok();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut listed: Vec<String> = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        let methods = ["get", "post", "put", "delete"].into_iter().filter(|method| item.get(method).is_some());
        listed.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let mut expected: Vec<String> =
        ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method.as_str(), endpoint.path)).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn the_description_is_as_it_was_read_and_agreed_on() {
    let mut described = serde_json::to_value(calt_daemon::testing::openapi_document()).unwrap();
    described["info"]["version"] = Value::from("0.0.0");
    insta::assert_json_snapshot!("openapi", described);
}

#[tokio::test]
async fn every_endpoint_is_routed() {
    let world = World::start().await;
    for endpoint in ENDPOINTS {
        let path = endpoint
            .path
            .replace("{version}", "1")
            .replace("{run}", "0")
            .replace("{artifact}", "0")
            .replace(['{', '}'], "");
        let request = Request::builder().method(endpoint.method.as_str()).uri(&path).header("host", HOST);
        let request = request.header("authorization", format!("Bearer {}", crate::world::OWNER));
        let line = world.send(request.body(Body::empty()).unwrap()).await.line();
        assert!(!line.contains("path_not_found") && !line.contains("method_not_allowed"), "{path}: {line}");
    }
}

#[tokio::test]
async fn health_needs_no_token_and_what_tells_more_does() {
    let world = World::start().await;
    assert_eq!(open(&world, "/healthz").await.status, 200);
    assert_eq!(open(&world, "/readyz").await.status, 200);
    assert_eq!(open(&world, "/metrics").await.line(), "401 token_missing");
    assert_eq!(open(&world, "/openapi.json").await.line(), "401 token_missing");
}

#[tokio::test]
async fn metrics_count_requests_by_endpoint() {
    let world = World::start().await;
    world.get("/api/v1/tools").await;
    let metrics = world.get("/metrics").await.text;
    let counted = r#"calt_http_requests_total{method="GET",path="/api/v1/tools",status="2xx"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    for gauge in ["calt_events", "calt_wal_bytes", "calt_runs_in_progress"] {
        assert!(metrics.contains(&format!("\n{gauge} ")), "no {gauge}: {metrics}");
    }
}

#[tokio::test]
async fn the_documentation_page_works_offline_and_without_a_token() {
    let world = World::start().await;
    let page = open(&world, "/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
    let references = page.text.split(['"', '\'']).filter(|text| text.starts_with("/docs/")).map(str::to_owned);
    let references: Vec<String> = references.collect();
    assert_eq!(references.len(), 4, "{references:?}");
    for reference in references {
        let asset = open(&world, &reference).await;
        assert_eq!(asset.status, 200, "{reference}");
        assert!(!asset.text.is_empty());
    }
    let script = open(&world, "/docs/docs.js").await.text;
    for text in [&page.text, &script] {
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("Storage"), "{text}");
    }
    assert_eq!(open(&world, "/docs/index.html").await.line(), "404 path_not_found");
}
