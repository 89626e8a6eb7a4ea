//! The table of contents: one line an endpoint.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::http::{HeaderValue, Response, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{MethodFilter, on};
use calt_api::Trouble;
use calt_api::endpoint::{self as at, ENDPOINTS, Endpoint, Method};

use crate::app::App;
use crate::handlers::{
    artifacts, decisions, diff, events, health, inbox, persons, plans, record, relay, runs, search, sessions, steps,
    tokens, tools, unlock, workspaces,
};
use crate::reply::Refused;
use crate::{docs, gate};

/// Every endpoint with its handler, behind the gate.
pub fn router(app: App) -> Router {
    let router = Router::new()
        .serve(at::CREATE_SESSION, sessions::create)
        .serve(at::LIST_SESSIONS, sessions::list)
        .serve(at::SHOW_SESSION, sessions::show)
        .serve(at::STOP_SESSION, sessions::stop)
        .serve(at::UNDO_SESSION, sessions::undo)
        .serve(at::SESSION_DIFF, diff::show)
        .serve(at::IMPORT_PLAN, plans::import)
        .serve(at::CHECK_PLAN, plans::check)
        .serve(at::CHECK_PLAN_IN_SESSION, plans::check_in_session)
        .serve(at::PLAN_SCHEMA, plans::schema)
        .serve(at::SHOW_PLAN, plans::show)
        .serve(at::APPROVE_PLAN, plans::approve)
        .serve(at::REJECT_PLAN, plans::reject)
        .serve(at::SHOW_STEP, steps::show)
        .serve(at::APPROVE_STEP, steps::approve)
        .serve(at::REJECT_STEP, steps::reject)
        .serve(at::SKIP_STEP, steps::skip)
        .serve(at::DECIDE, decisions::decide)
        .serve(at::EXECUTE_STEP, steps::execute)
        .serve(at::SHOW_RUN, runs::show)
        .serve(at::SESSION_EVENTS, events::of_session)
        .serve(at::ALL_EVENTS, events::of_all)
        .serve(at::SEARCH_SESSION_EVENTS, search::session)
        .serve(at::SEARCH_ALL_EVENTS, search::all)
        .serve(at::LIST_ARTIFACTS, artifacts::list)
        .serve(at::GET_ARTIFACT, artifacts::bytes)
        .serve(at::REDACT_EVENT, record::redact)
        .serve(at::EXPORT_RECORD, record::export)
        .serve(at::LIST_CHECKPOINTS, record::checkpoints)
        .serve(at::SIGN_CHECKPOINT, record::sign)
        .serve(at::INBOX, inbox::list)
        .serve(at::LIST_TOOLS, tools::list)
        .serve(at::TOOL_PERMISSIONS, tools::permissions)
        .serve(at::SANDBOX, tools::sandbox)
        .serve(at::UNLOCK, unlock::unlock)
        .serve(at::WHOAMI, persons::whoami)
        .serve(at::ADD_PERSON, persons::add)
        .serve(at::LIST_PERSONS, persons::list)
        .serve(at::REMOVE_PERSON, persons::remove)
        .serve(at::ADD_WORKSPACE, workspaces::add)
        .serve(at::LIST_WORKSPACES, workspaces::list)
        .serve(at::REMOVE_WORKSPACE, workspaces::remove)
        .serve(at::CREATE_TOKEN, tokens::create)
        .serve(at::LIST_TOKENS, tokens::list)
        .serve(at::REVOKE_TOKEN, tokens::revoke)
        .serve(at::MAKE_BUTTONS, relay::make_buttons)
        .serve(at::SHOW_BUTTON, relay::button)
        .serve(at::COUNT_REFUSAL, relay::refused)
        .serve(at::LIST_APPROVERS, relay::approvers)
        .serve(at::HEALTH, health::alive)
        .serve(at::READY, health::ready)
        .serve(at::METRICS, health::metrics)
        .serve(at::OPENAPI, health::openapi)
        .serve(at::DOCS, docs::page);
    router
        .route("/docs/{file}", on(MethodFilter::GET, docs::asset))
        .fallback(nothing_there)
        .method_not_allowed_fallback(another_method)
        .layer(from_fn_with_state(app.clone(), gate::pass))
        .with_state(app)
}

/// One line of the table.
trait Serve {
    fn serve<H: Handler<T, App>, T: 'static>(self, endpoint: Endpoint, handler: H) -> Self;
}

impl Serve for Router<App> {
    fn serve<H: Handler<T, App>, T: 'static>(self, endpoint: Endpoint, handler: H) -> Self {
        let method = match endpoint.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        self.route(endpoint.path, on(method, handler))
    }
}

async fn nothing_there(request: Request) -> Refused {
    Trouble::PathNotFound { path: request.uri().path().to_owned() }.into()
}

async fn another_method(path: MatchedPath, request: Request) -> Response<axum::body::Body> {
    let known = ENDPOINTS.iter().filter(|endpoint| endpoint.path == path.as_str());
    let methods: Vec<_> = known.map(|endpoint| endpoint.method.as_str()).collect();
    let allowed = if methods.is_empty() { "GET".to_owned() } else { methods.join(", ") };
    let trouble = Trouble::MethodNotAllowed { method: request.method().to_string(), allowed: allowed.clone() };
    let mut response = Refused::from(trouble).into_response();
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
