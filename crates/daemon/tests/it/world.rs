//! A router in this process, with a data root of its own.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use calt_daemon::testing::{App, AppParts, router};
use calt_engine::core::Digest;
use calt_engine::{Engine, EngineConfig};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The token of the environment: the owner's.
pub(crate) const OWNER: &str = "the-environment's-token";
/// The host the router pretends to serve.
pub(crate) const HOST: &str = "127.0.0.1:8000";

pub(crate) struct World {
    router: Router,
    pub(crate) engine: Engine,
    pub(crate) ending: CancellationToken,
    root: tempfile::TempDir,
}

/// An answer, read whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("{fault}: {}", self.text))
    }

    /// Status and code in one line.
    pub(crate) fn line(&self) -> String {
        let code =
            serde_json::from_str::<Value>(&self.text).ok().and_then(|json| json["code"].as_str().map(str::to_owned));
        format!("{} {}", self.status.as_u16(), code.unwrap_or_default()).trim_end().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|parts| parts).await
    }

    /// A world whose daemon is put together a little differently.
    pub(crate) async fn with(change: impl FnOnce(AppParts) -> AppParts) -> Self {
        let root = tempfile::tempdir().unwrap();
        let config = EngineConfig {
            database: root.path().join("calt.sqlite3"),
            data_root: root.path().to_owned(),
            python: None,
            demands: calt_engine::core::policy::Demands::default(),
            isolation: calt_engine::tools::Isolation::default(),
            kept: Vec::new(),
            quota: calt_engine::core::quota::Quota::default(),
            checkpoint_file: None,
            secrets: Vec::new(),
            config_sha256: Digest::of_bytes(b""),
            binary_sha256: || Digest::of_bytes(b""),
            version: "0.0.0".to_owned(),
        };
        let (engine, _) = Engine::open(config).await.unwrap();
        let ending = CancellationToken::new();
        let parts = AppParts::new(engine.clone(), HOST.parse().unwrap(), Some(OWNER), ending.clone());
        let parts = change(parts);
        Self { router: router(App::new(parts)), engine, ending, root }
    }

    /// Sends a request as it is, and gives the answer as it comes.
    pub(crate) async fn raw(&self, request: Request<Body>) -> axum::http::Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.raw(request).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path, OWNER).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_as(OWNER, path, body).await
    }

    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Reply {
        let request = request(Method::POST, path, token).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A POST with no body and no content type.
    pub(crate) async fn post_nothing(&self, path: &str) -> Reply {
        self.send(request(Method::POST, path, OWNER).body(Body::empty()).unwrap()).await
    }

    /// The token of somebody with this role.
    pub(crate) async fn someone(&self, role: &str) -> String {
        let made = self.post("/api/v1/tokens", &json!({"name": format!("some-{role}"), "role": role})).await.ok();
        made["token"].as_str().unwrap().to_owned()
    }

    /// Every file and directory below the data root's sessions.
    pub(crate) fn session_files(&self) -> Vec<std::path::PathBuf> {
        let (mut open, mut found) = (vec![self.root.path().join("sessions")], Vec::new());
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }

    /// A session, by its path.
    pub(crate) async fn session(&self) -> String {
        let made = self.post("/api/v1/sessions", &json!({"goal": "g"})).await.ok();
        format!("/api/v1/sessions/{}", made["id"].as_str().unwrap())
    }

    /// A session whose one step may run.
    pub(crate) async fn approved_session(&self) -> String {
        let session = self.session().await;
        self.post(&format!("{session}/plans/import"), &plan()).await.ok();
        self.post_nothing(&format!("{session}/plans/1/approve")).await.ok();
        self.post_nothing(&format!("{session}/steps/look/approve")).await.ok();
        session
    }
}

/// A plan with one harmless step, `look`.
pub(crate) fn plan() -> Value {
    json!({"version": 1, "title": "look around", "steps": [{"id": "look", "title": "look", "tool": "list_dir", "inputs": {}}]})
}

pub(crate) fn request(method: Method, path: &str, token: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", HOST).header("authorization", format!("Bearer {token}"))
}
