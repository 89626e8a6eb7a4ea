//! What every request passes before its handler: the host it names, the token it carries. And what every
//! answer passes after: counted, and a panic turned into a refusal that tells nothing.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use calt_api::Trouble;
use calt_engine::core::principal::Caller;
use futures_util::FutureExt as _;

use crate::app::App;
use crate::auth::{self, NotProven};
use crate::reply::{self, Refused};

/// The paths that need no token: they tell nothing of what the daemon holds.
fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/docs") || path.starts_with("/docs/")
}

/// Lets a request through to its handler, or refuses it.
pub(crate) async fn pass(State(app): State<App>, mut request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let method = request.method().clone();
    let endpoint = request.extensions().get::<MatchedPath>().cloned();
    let response = match admit(&app, &mut request) {
        Ok(()) => {
            let by = request.extensions().get::<Caller>().map(|caller| caller.principal.clone());
            let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
                Ok(response) => response,
                Err(_) => Refused::internal("a handler panicked").into_response(),
            };
            // What a known caller may not do and tried is in the log, whoever refused it.
            if response.status() == StatusCode::FORBIDDEN {
                match reply::unbound_account(&response) {
                    Some(account) => app.refused.count_account("person_unbound", by, account),
                    None => app.refused.count("not_allowed", by),
                }
            }
            response
        }
        Err(refused) => refused.into_response(),
    };
    let path = endpoint.as_ref().map(MatchedPath::as_str);
    app.metrics.answered(&method, path, response.status(), began.elapsed());
    guarded(reply::told(response, app.engine.masker()))
}

fn admit(app: &App, request: &mut Request) -> Result<(), Refused> {
    if !names_us(app, request.headers(), request.uri()) {
        app.refused.count("host_not_allowed", None);
        return Err(Trouble::HostNotAllowed.into());
    }
    if is_open(request.uri().path()) {
        return Ok(());
    }
    match auth::caller(request.headers(), &app.environment, &app.engine.roster(), calt_engine::latest()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(())
        }
        Err(NotProven::Missing) => {
            app.refused.count("token_missing", None);
            Err(Trouble::TokenMissing.into())
        }
        Err(NotProven::Invalid) => {
            app.refused.count("token_invalid", None);
            Err(Trouble::TokenInvalid.into())
        }
    }
}

/// Exactly one `Host`, and an absolute request target, if there is one, says the same kind of thing.
fn names_us(app: &App, headers: &HeaderMap, target: &Uri) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let serves = |host: &str| app.hosts.serves(host);
    host.to_str().is_ok_and(serves) && target.authority().is_none_or(|authority| serves(authority.as_str()))
}

/// No answer is guessed at, kept by a cache, or read by another origin.
fn guarded(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use calt_engine::core::Digest;
    use calt_engine::{Engine, EngineConfig};
    use http_body_util::BodyExt as _;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt as _;

    use super::*;
    use crate::app::AppParts;

    #[tokio::test]
    async fn a_panic_becomes_a_refusal_that_tells_nothing() {
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
        let address = "127.0.0.1:8000".parse().unwrap();
        let app = App::new(AppParts::new(engine, address, Some("t"), CancellationToken::new()));
        let breaks = || async {
            // Not known to the compiler to be always so.
            assert!(std::hint::black_box(false), "the secret of the house");
            "unreachable"
        };
        let router = Router::new().route("/", get(breaks)).layer(from_fn_with_state(app, pass));
        let request = Request::builder().uri("/").header("host", "127.0.0.1:8000").header("authorization", "Bearer t");
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 500);
        let text = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(text.contains(r#""code":"internal""#) && text.contains(r#""action":"run_doctor""#), "{text}");
        assert!(!text.contains("secret") && !text.contains(".rs"), "{text}");
    }
}
