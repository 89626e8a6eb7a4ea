//! What every request passes before its handler: the host it names, the token it carries. And what every
//! answer passes after: counted, and a panic turned into a refusal that tells nothing.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, Uri, header};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use calt_api::Trouble;
use futures_util::FutureExt as _;

use crate::app::App;
use crate::auth::{self, NotProven};
use crate::reply::Refused;

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
        Ok(()) => match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => Refused::internal("a handler panicked").into_response(),
        },
        Err(refused) => refused.into_response(),
    };
    let path = endpoint.as_ref().map(MatchedPath::as_str);
    app.metrics.answered(&method, path, response.status(), began.elapsed());
    guarded(response)
}

fn admit(app: &App, request: &mut Request) -> Result<(), Refused> {
    if !names_us(app, request.headers(), request.uri()) {
        app.refused.count("host_not_allowed");
        return Err(Trouble::HostNotAllowed.into());
    }
    if is_open(request.uri().path()) {
        return Ok(());
    }
    match auth::caller(request.headers(), &app.environment, &app.engine.roster(), calt_engine::now()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(())
        }
        Err(NotProven::Missing) => {
            app.refused.count("token_missing");
            Err(Trouble::TokenMissing.into())
        }
        Err(NotProven::Invalid) => {
            app.refused.count("token_invalid");
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
