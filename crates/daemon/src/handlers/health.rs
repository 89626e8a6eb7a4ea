//! How the daemon is, for whoever watches it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use calt_api::Trouble;
use calt_api::views::HealthView;

use super::{Reader, read};
use crate::app::App;
use crate::reply::{Refused, View};

const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `GET /healthz`.
pub(crate) async fn alive() -> View<HealthView> {
    view("ok")
}

/// `GET /readyz`: the log can be read and written, and the daemon is not ending.
pub(crate) async fn ready(State(app): State<App>) -> Result<View<HealthView>, Refused> {
    if app.ending.is_cancelled() {
        return Err(Trouble::Stopping.into());
    }
    app.engine.store().writable()?;
    read(&app, calt_engine::store::Store::counts).await?;
    Ok(view("ok"))
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(app): State<App>, _: Reader) -> Result<Response<Body>, Refused> {
    app.measure().await?;
    let mut response = Response::new(Body::from(app.metrics.render()));
    response.headers_mut().insert(header::CONTENT_TYPE, PROMETHEUS_TEXT);
    Ok(response)
}

/// `GET /openapi.json`.
pub(crate) async fn openapi(State(app): State<App>, _: Reader) -> Response<Body> {
    let mut response = Response::new(Body::from(app.openapi.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn view(status: &str) -> View<HealthView> {
    View(HealthView { status: status.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}
