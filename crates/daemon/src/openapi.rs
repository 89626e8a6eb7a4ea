//! The interface as `OpenAPI` 3.1, made of the endpoint list and the views: nothing is written twice.

use calt_api::endpoint::{self as at, ENDPOINTS, Endpoint, Method};
use calt_api::problem::PROBLEM_JSON;
use calt_api::views::{
    ArtifactView, CreateSession, CreateToken, DecisionRequest, EventView, ExecuteReply, ExecuteRequest, HealthView,
    Page, PlanCheckReply, PlanDecided, PlanView, RunView, SandboxView, SearchPage, SessionView, StepDecided,
    StepDetailView, StopRequest, Stopped, TokenCreated, TokenView, ToolView,
};
use calt_api::{Code, Problem};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const EVENT_STREAM: &str = "text/event-stream";
const TEXT: &str = "text/plain";
const HTML: &str = "text/html";
const BYTES: &str = "application/octet-stream";
const TOKEN: &str = "token";
const PROBLEM: &str = "Problem";

/// The endpoints that answer without a token.
const OPEN: [Endpoint; 3] = [at::HEALTH, at::READY, at::DOCS];

/// What an endpoint takes.
enum Takes {
    Nothing,
    Body(Ref, Required),
    Plan,
}

/// What an endpoint gives.
enum Gives {
    View(RefOr<Schema>),
    Events(RefOr<Schema>),
    Text(&'static str),
}

/// The whole description.
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for endpoint in ENDPOINTS {
        let method = match endpoint.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
        };
        paths = paths.path(endpoint.path, PathItem::new(method, operation(endpoint)));
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of a person, an agent or a surface."));
    let components =
        schemas().response(PROBLEM, problem()).security_scheme(TOKEN, SecurityScheme::Http(bearer.build())).build();
    let info = InfoBuilder::new()
        .title("calt")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Plan, approve, execute, record. A refusal is a problem (RFC 9457) with a stable `code` and, as `next`, what would lead on."));
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components)).build()
}

fn operation(endpoint: &Endpoint) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(endpoint)))
        .summary(Some(endpoint.what))
        .response("200", ResponseBuilder::new().description("Done.").build());
    for name in endpoint.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
        operation = operation.parameter(text_parameter(name, ParameterIn::Path, Required::True));
    }
    for name in query(endpoint) {
        operation = operation.parameter(text_parameter(name, ParameterIn::Query, Required::False));
    }
    operation = operation.request_body(body(takes(endpoint)));
    operation = match gives(endpoint) {
        Gives::View(schema) => operation.response("200", answer(&[(JSON, schema)])),
        Gives::Events(schema) => operation.response("200", answer(&[(JSON, schema), (EVENT_STREAM, text_schema())])),
        Gives::Text(media) => operation.response("200", answer(&[(media, text_schema())])),
    };
    if *endpoint == at::EXECUTE_STEP {
        let accepted = answer(&[(JSON, reference::<RunView>())]);
        operation = operation.response("202", accepted).parameter(text_parameter(
            "Prefer",
            ParameterIn::Header,
            Required::False,
        ));
    }
    operation = operation.response("default", Ref::from_response_name(PROBLEM));
    if !OPEN.contains(endpoint) {
        operation = operation.security(SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, []));
    }
    operation.build()
}

/// `POST /api/v1/sessions/{session}/stop` becomes `post_sessions_session_stop`.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.trim_start_matches("/api/v1").replace(['{', '}'], "").replace(['/', '.'], "_");
    format!("{}{path}", endpoint.method.as_str().to_lowercase())
}

fn takes(endpoint: &Endpoint) -> Takes {
    match *endpoint {
        at::CREATE_SESSION => Takes::Body(named::<CreateSession>(), Required::False),
        at::IMPORT_PLAN | at::CHECK_PLAN | at::CHECK_PLAN_IN_SESSION => Takes::Plan,
        at::APPROVE_PLAN | at::REJECT_PLAN | at::APPROVE_STEP | at::REJECT_STEP | at::SKIP_STEP => {
            Takes::Body(named::<DecisionRequest>(), Required::False)
        }
        at::EXECUTE_STEP => Takes::Body(named::<ExecuteRequest>(), Required::False),
        at::STOP_SESSION | at::REVOKE_TOKEN => Takes::Body(named::<StopRequest>(), Required::False),
        at::CREATE_TOKEN => Takes::Body(named::<CreateToken>(), Required::True),
        _ => Takes::Nothing,
    }
}

fn gives(endpoint: &Endpoint) -> Gives {
    match *endpoint {
        at::CREATE_SESSION | at::SHOW_SESSION => Gives::View(reference::<SessionView>()),
        at::LIST_SESSIONS => Gives::View(Page::<SessionView>::schema()),
        at::STOP_SESSION => Gives::View(reference::<Stopped>()),
        at::IMPORT_PLAN | at::SHOW_PLAN => Gives::View(reference::<PlanView>()),
        at::CHECK_PLAN | at::CHECK_PLAN_IN_SESSION => Gives::View(reference::<PlanCheckReply>()),
        at::APPROVE_PLAN | at::REJECT_PLAN => Gives::View(reference::<PlanDecided>()),
        at::SHOW_STEP => Gives::View(reference::<StepDetailView>()),
        at::APPROVE_STEP | at::REJECT_STEP | at::SKIP_STEP => Gives::View(reference::<StepDecided>()),
        at::EXECUTE_STEP => Gives::View(reference::<ExecuteReply>()),
        at::SHOW_RUN => Gives::View(reference::<RunView>()),
        at::SESSION_EVENTS | at::ALL_EVENTS => Gives::Events(Page::<EventView>::schema()),
        at::SEARCH_SESSION_EVENTS | at::SEARCH_ALL_EVENTS => Gives::View(reference::<SearchPage>()),
        at::LIST_ARTIFACTS => Gives::View(Page::<ArtifactView>::schema()),
        at::LIST_TOOLS => Gives::View(Page::<ToolView>::schema()),
        at::TOOL_PERMISSIONS => Gives::View(reference::<ToolView>()),
        at::SANDBOX => Gives::View(reference::<SandboxView>()),
        at::CREATE_TOKEN => Gives::View(reference::<TokenCreated>()),
        at::LIST_TOKENS => Gives::View(Page::<TokenView>::schema()),
        at::REVOKE_TOKEN => Gives::View(reference::<TokenView>()),
        at::HEALTH | at::READY => Gives::View(reference::<HealthView>()),
        at::DOCS => Gives::Text(HTML),
        at::GET_ARTIFACT => Gives::Text(BYTES),
        at::METRICS => Gives::Text(TEXT),
        _ => Gives::View(ObjectBuilder::new().build().into()),
    }
}

fn query(endpoint: &Endpoint) -> &'static [&'static str] {
    match *endpoint {
        at::LIST_SESSIONS => &["status", "limit", "cursor"],
        at::LIST_ARTIFACTS => &["limit", "cursor"],
        at::SESSION_EVENTS | at::ALL_EVENTS => &["after", "limit", "cursor"],
        at::SEARCH_SESSION_EVENTS | at::SEARCH_ALL_EVENTS => &["q", "event_type", "limit", "cursor"],
        at::IMPORT_PLAN => &["source", "message_id", "user_id"],
        _ => &[],
    }
}

fn body(takes: Takes) -> Option<RequestBody> {
    let content = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    match takes {
        Takes::Nothing => None,
        Takes::Body(view, required) => {
            Some(RequestBodyBuilder::new().required(Some(required)).content(JSON, content(view.into())).build())
        }
        Takes::Plan => {
            let plan = RequestBodyBuilder::new().required(Some(Required::True)).description(Some("The plan document."));
            let plan = plan.content(JSON, content(ObjectBuilder::new().build().into()));
            Some(plan.content(YAML, content(text_schema())).build())
        }
    }
}

fn answer(contents: &[(&str, RefOr<Schema>)]) -> utoipa::openapi::Response {
    let answer = ResponseBuilder::new().description("Done.");
    let with = |answer: ResponseBuilder, (media, schema): &(&str, RefOr<Schema>)| {
        answer.content(*media, ContentBuilder::new().schema(Some(schema.clone())).build())
    };
    contents.iter().fold(answer, with).build()
}

fn problem() -> utoipa::openapi::Response {
    let codes: Vec<_> = Code::ALL.iter().map(|code| format!("`{}` ({})", code.as_str(), code.status())).collect();
    ResponseBuilder::new()
        .description(format!("A refusal. Codes: {}.", codes.join(", ")))
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(reference::<Problem>())).build())
        .build()
}

fn text_parameter(name: &str, place: ParameterIn, required: Required) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(text_schema()))
}

fn text_schema() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

fn named<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    named::<T>().into()
}

fn schemas() -> ComponentsBuilder {
    let mut found = Vec::new();
    macro_rules! views {
        ($($view:ty),* $(,)?) => { $(
            found.push((<$view>::name().into_owned(), <$view>::schema()));
            <$view>::schemas(&mut found);
        )* };
    }
    views![
        ArtifactView,
        CreateSession,
        CreateToken,
        DecisionRequest,
        EventView,
        ExecuteReply,
        ExecuteRequest,
        HealthView,
        PlanCheckReply,
        PlanDecided,
        PlanView,
        Problem,
        RunView,
        SandboxView,
        SearchPage,
        SessionView,
        StepDecided,
        StepDetailView,
        StopRequest,
        Stopped,
        TokenCreated,
        TokenView,
        ToolView,
    ];
    found.into_iter().fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema))
}
