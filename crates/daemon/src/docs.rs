//! The documentation page: static, offline, and without a token until the person types one in.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use calt_api::Trouble;

use crate::handlers::At;
use crate::reply::Refused;

const PAGE: &str = include_str!("assets/docs.html");
const SCRIPT: &str = include_str!("assets/docs.js");
const STYLE: &str = include_str!("assets/docs.css");
/// What is taken from the Swagger UI that is built into the program; nothing else of it is served.
const SWAGGER_FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

/// Scripts of our own only; Swagger UI sets style attributes and draws its icons from `data:` images.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /docs`.
pub(crate) async fn page() -> Response<Body> {
    file(Bytes::from_static(PAGE.as_bytes()), "text/html; charset=utf-8")
}

/// `GET /docs/{file}`.
pub(crate) async fn asset(At(name): At<String>) -> Result<Response<Body>, Refused> {
    match name.as_str() {
        "docs.js" => Ok(file(Bytes::from_static(SCRIPT.as_bytes()), "text/javascript; charset=utf-8")),
        "docs.css" => Ok(file(Bytes::from_static(STYLE.as_bytes()), "text/css; charset=utf-8")),
        name if SWAGGER_FILES.contains(&name) => swagger(name).ok_or_else(|| nothing_at(name)),
        other => Err(nothing_at(other)),
    }
}

fn nothing_at(name: &str) -> Refused {
    Trouble::PathNotFound { path: format!("/docs/{name}") }.into()
}

fn swagger(name: &str) -> Option<Response<Body>> {
    let config = Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
    let found = utoipa_swagger_ui::serve(name, config).ok()??;
    let bytes = match found.bytes {
        Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(file(bytes, &found.content_type))
}

fn file(bytes: Bytes, content_type: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::OK;
    let content_type =
        HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
