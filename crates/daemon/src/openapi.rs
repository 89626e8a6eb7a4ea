//! The interface as `OpenAPI` 3.1, made of the endpoint list and the views: nothing is written twice.

use calt_api::endpoint::{self as at, ENDPOINTS, Endpoint, Method};
use calt_api::problem::PROBLEM_JSON;
use calt_api::views::{
    AddPerson, AddWorkspace, AdministrationRequest, AlsoSkipped, ArtifactView, ButtonView, ButtonsMade, CallerView,
    ChatApprovers, CheckpointView, CreateSession, CreateToken, DecidedItem, DecisionItem, DecisionRequest,
    DecisionsReply, DecisionsRequest, EventView, ExecuteReply, ExecuteRequest, HealthView, InboxItemView, InboxPage,
    MakeButtons, Page, PersonView, PlanCheckReply, PlanDecided, PlanEndView, PlanView, RedactRequest, RedactedView,
    RefusalCounted, RefusedInChat, RunView, SandboxView, SearchPage, SessionDiffView, SessionView, StepDecided,
    StepDetailView, StopRequest, Stopped, TokenCreated, TokenView, ToolView, UndoReply, UndoRequest, UnlockReply,
    UnlockRequest, WorkspaceView,
};
use calt_api::{Code, Problem};
use calt_engine::core::policy::{self, Act};
use calt_engine::core::principal::Role;
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
/// A JSON object a line.
const LINES: &str = "application/x-ndjson";
const TOKEN: &str = "token";
const PROBLEM: &str = "Problem";

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
    let mut components = schemas().security_scheme(TOKEN, SecurityScheme::Http(bearer.build()));
    components = components.response(PROBLEM, problem("A refusal.", &mut Code::ALL.iter().copied()));
    for status in statuses() {
        let what = format!("A refusal with status {status}.");
        let mut codes = Code::ALL.iter().copied().filter(|code| code.status() == status);
        components = components.response(problem_name(status), problem(&what, &mut codes));
    }
    let info = InfoBuilder::new()
        .title("calt")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Plan, approve, execute, record. A refusal is a problem (RFC 9457) with a stable `code` and, as `next`, what would lead on."));
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components.build())).build()
}

fn operation(endpoint: &Endpoint) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(endpoint)))
        .summary(Some(endpoint.what))
        .description(Some(right_words(endpoint)))
        .response("200", ResponseBuilder::new().description("Done.").build());
    for name in path_names(endpoint) {
        let kind = if NUMBERED.contains(&name) { Type::Integer } else { Type::String };
        operation = operation.parameter(parameter(name, ParameterIn::Path, kind, path_words(name)));
    }
    for (name, kind, words) in query(endpoint) {
        operation = operation.parameter(parameter(name, ParameterIn::Query, kind.clone(), words));
    }
    for (name, words) in headers(endpoint) {
        operation = operation.parameter(parameter(name, ParameterIn::Header, Type::String, words));
    }
    operation = operation.request_body(body(takes(endpoint)));
    operation = match gives(endpoint) {
        Gives::View(schema) => operation.response("200", answer(&[(JSON, schema)])),
        Gives::Events(schema) => operation.response("200", answer(&[(JSON, schema), (EVENT_STREAM, text_schema())])),
        Gives::Text(media) => operation.response("200", answer(&[(media, text_schema())])),
    };
    if *endpoint == at::EXECUTE_STEP {
        operation = operation.response("202", answer(&[(JSON, reference::<RunView>())]));
    }
    if *endpoint == at::GET_ARTIFACT {
        operation =
            operation.response("304", ResponseBuilder::new().description("The client has these bytes.").build());
    }
    for status in refusals(endpoint) {
        operation = operation.response(status.to_string(), Ref::from_response_name(problem_name(status)));
    }
    operation = operation.response("default", Ref::from_response_name(PROBLEM));
    if right(endpoint).is_some() {
        operation = operation.security(SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, []));
    }
    operation.build()
}

/// `POST /api/v1/sessions/{session}/stop` becomes `post_sessions_session_stop`.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.trim_start_matches("/api/v1").replace(['{', '}'], "").replace(['/', '.'], "_");
    format!("{}{path}", endpoint.method.as_str().to_lowercase())
}

/// The right an endpoint asks for before it reads a body; `None` where not even a token is needed.
pub fn right(endpoint: &Endpoint) -> Option<Act> {
    match *endpoint {
        at::HEALTH | at::READY | at::DOCS => None,
        at::CREATE_SESSION => Some(Act::CreateStrictSession),
        at::IMPORT_PLAN | at::CHECK_PLAN | at::CHECK_PLAN_IN_SESSION | at::UNDO_SESSION => Some(Act::ImportPlan),
        at::APPROVE_PLAN
        | at::REJECT_PLAN
        | at::APPROVE_STEP
        | at::REJECT_STEP
        | at::SKIP_STEP
        | at::DECIDE
        | at::UNLOCK => Some(Act::Decide),
        at::EXECUTE_STEP => Some(Act::Execute),
        at::STOP_SESSION => Some(Act::StopOwnSession),
        at::EXPORT_RECORD => Some(Act::ExportRecord),
        at::MAKE_BUTTONS | at::SHOW_BUTTON | at::COUNT_REFUSAL | at::LIST_APPROVERS => Some(Act::SpeakForPersons),
        at::ADD_PERSON
        | at::LIST_PERSONS
        | at::REMOVE_PERSON
        | at::CREATE_TOKEN
        | at::LIST_TOKENS
        | at::REVOKE_TOKEN
        | at::ADD_WORKSPACE
        | at::REMOVE_WORKSPACE
        | at::SIGN_CHECKPOINT
        | at::REDACT_EVENT => Some(Act::Administer),
        _ => Some(Act::Read),
    }
}

fn right_words(endpoint: &Endpoint) -> String {
    let Some(right) = right(endpoint) else { return "Needs no token.".to_owned() };
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Daemon && policy::allows(*role, right));
    let roles: Vec<_> = roles.map(|role| format!("`{role}`")).collect();
    format!("For {}.", roles.join(", "))
}

fn takes(endpoint: &Endpoint) -> Takes {
    match *endpoint {
        at::CREATE_SESSION => Takes::Body(named::<CreateSession>(), Required::False),
        at::IMPORT_PLAN | at::CHECK_PLAN | at::CHECK_PLAN_IN_SESSION => Takes::Plan,
        at::APPROVE_PLAN | at::REJECT_PLAN | at::APPROVE_STEP | at::REJECT_STEP | at::SKIP_STEP => {
            Takes::Body(named::<DecisionRequest>(), Required::False)
        }
        at::DECIDE => Takes::Body(named::<DecisionsRequest>(), Required::True),
        at::EXECUTE_STEP => Takes::Body(named::<ExecuteRequest>(), Required::False),
        at::STOP_SESSION | at::EXPORT_RECORD | at::SIGN_CHECKPOINT => {
            Takes::Body(named::<StopRequest>(), Required::False)
        }
        at::REMOVE_PERSON | at::REMOVE_WORKSPACE | at::REVOKE_TOKEN => {
            Takes::Body(named::<AdministrationRequest>(), Required::False)
        }
        at::UNLOCK => Takes::Body(named::<UnlockRequest>(), Required::True),
        at::UNDO_SESSION => Takes::Body(named::<UndoRequest>(), Required::False),
        at::MAKE_BUTTONS => Takes::Body(named::<MakeButtons>(), Required::True),
        at::COUNT_REFUSAL => Takes::Body(named::<RefusedInChat>(), Required::True),
        at::ADD_PERSON => Takes::Body(named::<AddPerson>(), Required::True),
        at::ADD_WORKSPACE => Takes::Body(named::<AddWorkspace>(), Required::True),
        at::CREATE_TOKEN => Takes::Body(named::<CreateToken>(), Required::True),
        at::REDACT_EVENT => Takes::Body(named::<RedactRequest>(), Required::True),
        _ => Takes::Nothing,
    }
}

fn gives(endpoint: &Endpoint) -> Gives {
    match *endpoint {
        at::CREATE_SESSION | at::SHOW_SESSION => Gives::View(reference::<SessionView>()),
        at::LIST_SESSIONS => Gives::View(page::<SessionView>()),
        at::INBOX => Gives::View(reference::<InboxPage>()),
        at::STOP_SESSION => Gives::View(reference::<Stopped>()),
        at::UNDO_SESSION => Gives::View(reference::<UndoReply>()),
        at::SESSION_DIFF => Gives::View(reference::<SessionDiffView>()),
        at::IMPORT_PLAN | at::SHOW_PLAN => Gives::View(reference::<PlanView>()),
        at::CHECK_PLAN | at::CHECK_PLAN_IN_SESSION => Gives::View(reference::<PlanCheckReply>()),
        at::APPROVE_PLAN | at::REJECT_PLAN => Gives::View(reference::<PlanDecided>()),
        at::SHOW_STEP => Gives::View(reference::<StepDetailView>()),
        at::APPROVE_STEP | at::REJECT_STEP | at::SKIP_STEP => Gives::View(reference::<StepDecided>()),
        at::DECIDE => Gives::View(reference::<DecisionsReply>()),
        at::EXECUTE_STEP => Gives::View(reference::<ExecuteReply>()),
        at::SHOW_RUN => Gives::View(reference::<RunView>()),
        at::SESSION_EVENTS | at::ALL_EVENTS => Gives::Events(page::<EventView>()),
        at::SEARCH_SESSION_EVENTS | at::SEARCH_ALL_EVENTS => Gives::View(reference::<SearchPage>()),
        at::LIST_ARTIFACTS => Gives::View(page::<ArtifactView>()),
        at::LIST_TOOLS => Gives::View(page::<ToolView>()),
        at::TOOL_PERMISSIONS => Gives::View(reference::<ToolView>()),
        at::SANDBOX => Gives::View(reference::<SandboxView>()),
        at::ADD_PERSON | at::REMOVE_PERSON => Gives::View(reference::<PersonView>()),
        at::WHOAMI => Gives::View(reference::<CallerView>()),
        at::UNLOCK => Gives::View(reference::<UnlockReply>()),
        at::LIST_PERSONS => Gives::View(page::<PersonView>()),
        at::ADD_WORKSPACE | at::REMOVE_WORKSPACE => Gives::View(reference::<WorkspaceView>()),
        at::LIST_WORKSPACES => Gives::View(page::<WorkspaceView>()),
        at::CREATE_TOKEN => Gives::View(reference::<TokenCreated>()),
        at::LIST_TOKENS => Gives::View(page::<TokenView>()),
        at::REVOKE_TOKEN => Gives::View(reference::<TokenView>()),
        at::LIST_CHECKPOINTS => Gives::View(page::<CheckpointView>()),
        at::SIGN_CHECKPOINT => Gives::View(reference::<CheckpointView>()),
        at::REDACT_EVENT => Gives::View(reference::<RedactedView>()),
        at::MAKE_BUTTONS => Gives::View(reference::<ButtonsMade>()),
        at::SHOW_BUTTON => Gives::View(reference::<ButtonView>()),
        at::COUNT_REFUSAL => Gives::View(reference::<RefusalCounted>()),
        at::LIST_APPROVERS => Gives::View(reference::<ChatApprovers>()),
        at::EXPORT_RECORD => Gives::Text(LINES),
        at::HEALTH | at::READY => Gives::View(reference::<HealthView>()),
        at::DOCS => Gives::Text(HTML),
        at::GET_ARTIFACT => Gives::Text(BYTES),
        at::METRICS => Gives::Text(TEXT),
        _ => Gives::View(ObjectBuilder::new().build().into()),
    }
}

/// The `{name}`s of a path that are numbers.
const NUMBERED: [&str; 4] = ["version", "run", "artifact", "event"];

fn path_names(endpoint: &Endpoint) -> impl Iterator<Item = &'static str> {
    endpoint.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_words(name: &str) -> &'static str {
    match name {
        "session" => "The session's id, `session_…`.",
        "version" => "The plan's version.",
        "step" => "The step's id.",
        "run" => "The run's number.",
        "artifact" => "The artifact's number.",
        "event" => "The event's number.",
        "tool" => "The tool's name.",
        "button" => "The button's opaque id.",
        "workspace" => "The workspace's name.",
        _ => "The token's public name, `tok_…`.",
    }
}

type Query = (&'static str, Type, &'static str);

fn query(endpoint: &Endpoint) -> Vec<Query> {
    let page: [Query; 2] = [
        ("limit", Type::Integer, "Items wanted; 100 when left out, at least 1, at most 500 are given."),
        ("cursor", Type::String, "`next_cursor` of the page before."),
    ];
    let own: &[Query] = match *endpoint {
        at::LIST_SESSIONS => &[
            ("status", Type::String, "Only sessions with this status."),
            ("include", Type::String, "`probes`: also the sessions that `calt doctor` made and stopped."),
        ],
        at::INBOX => &[("session", Type::String, "Only what waits in this session.")],
        at::SESSION_EVENTS => &[("after", Type::Integer, "Only events with a greater `seq`. The same as `cursor`.")],
        at::ALL_EVENTS => &[("after", Type::Integer, "Only events with a greater `id`. The same as `cursor`.")],
        at::SEARCH_SESSION_EVENTS | at::SEARCH_ALL_EVENTS => &[
            ("q", Type::String, "Words to find; without it the newest events."),
            ("event_type", Type::String, "Only events of this type."),
            ("principal", Type::String, "Only events this principal's credential caused."),
            (
                "since",
                Type::String,
                "Only events of this time or later: RFC 3339, or a date, from its begin in UTC on.",
            ),
            ("until", Type::String, "Only events before this time: RFC 3339; or of this date in UTC or earlier."),
        ],
        at::LIST_ARTIFACTS | at::LIST_TOOLS | at::LIST_TOKENS | at::LIST_PERSONS | at::LIST_CHECKPOINTS => &[],
        at::SESSION_DIFF => {
            return vec![
                ("raw", Type::Boolean, "With nothing masked: for `approver` and `owner`, and recorded."),
                ("source", Type::String, "The surface the client says it is."),
                ("message_id", Type::String, "The message that caused the call."),
                ("user_id", Type::String, "Who the client says speaks; a claim."),
            ];
        }
        at::IMPORT_PLAN => {
            return vec![
                ("source", Type::String, "The surface the client says it is."),
                ("message_id", Type::String, "The message that caused the call."),
                ("user_id", Type::String, "Who the client says speaks; a claim."),
            ];
        }
        _ => return Vec::new(),
    };
    own.iter().cloned().chain(page).collect()
}

fn headers(endpoint: &Endpoint) -> &'static [(&'static str, &'static str)] {
    match *endpoint {
        at::EXECUTE_STEP => &[("Prefer", "`respond-async`: answer 202 with the run as soon as it has started.")],
        at::SESSION_EVENTS | at::ALL_EVENTS => {
            &[("Last-Event-ID", "The number a stream goes on after; it wins over `after`.")]
        }
        at::SESSION_DIFF => &[(
            at::UNLOCK_HEADER,
            "The key that `POST /unlock` gave for one act; for `raw`, where the caller has a PIN.",
        )],
        at::GET_ARTIFACT => &[("If-None-Match", "The `ETag` the client has.")],
        _ => &[],
    }
}

/// The statuses of refusals an endpoint can answer with.
fn refusals(endpoint: &Endpoint) -> Vec<u16> {
    let mut found = vec![403, 500];
    if right(endpoint).is_some() {
        found.extend([401, 503]);
    }
    if *endpoint == at::READY {
        found.push(503);
    }
    if path_names(endpoint).next().is_some() {
        found.push(404);
    }
    if !query(endpoint).is_empty() {
        found.push(422);
    }
    if matches!(*endpoint, at::SESSION_EVENTS | at::ALL_EVENTS) {
        found.push(429);
    }
    if endpoint.method == Method::Post {
        found.extend([400, 408, 413, 415, 422]);
        if !matches!(*endpoint, at::CHECK_PLAN | at::CHECK_PLAN_IN_SESSION) {
            found.extend([429, 507]);
        }
    }
    if matches!(
        *endpoint,
        at::IMPORT_PLAN
            | at::APPROVE_PLAN
            | at::REJECT_PLAN
            | at::APPROVE_STEP
            | at::REJECT_STEP
            | at::SKIP_STEP
            | at::DECIDE
            | at::EXECUTE_STEP
            | at::UNDO_SESSION
    ) {
        found.push(409);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Every status a refusal can have.
fn statuses() -> Vec<u16> {
    let mut statuses: Vec<u16> = Code::ALL.iter().map(|code| code.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn problem_name(status: u16) -> String {
    format!("{PROBLEM}{status}")
}

fn body(takes: Takes) -> Option<RequestBody> {
    let content = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    match takes {
        Takes::Nothing => None,
        Takes::Body(view, required) => {
            Some(RequestBodyBuilder::new().required(Some(required)).content(JSON, content(view.into())).build())
        }
        Takes::Plan => {
            let plan = RequestBodyBuilder::new()
                .required(Some(Required::True))
                .description(Some("The plan document; `GET /api/v1/plans/schema` gives its JSON Schema."));
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

fn problem(what: &str, codes: &mut dyn Iterator<Item = Code>) -> utoipa::openapi::Response {
    let codes: Vec<_> = codes.map(|code| format!("`{}` ({})", code.as_str(), code.status())).collect();
    ResponseBuilder::new()
        .description(format!("{what} Codes: {}.", codes.join(", ")))
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(reference::<Problem>())).build())
        .build()
}

fn parameter(name: &str, place: ParameterIn, kind: Type, words: &str) -> ParameterBuilder {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    let schema: RefOr<Schema> = ObjectBuilder::new().schema_type(kind).build().into();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(words))
        .schema(Some(schema))
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

/// Every field of a reply is always there: an absent value is `null`, never left out.
fn complete(schema: RefOr<Schema>) -> RefOr<Schema> {
    let mut schema = without_defaults(in_one_piece(schema));
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.required = object.properties.keys().cloned().collect();
    }
    schema
}

/// A found event is an event and more: written as one object, so that every reader of schemas sees its fields.
fn in_one_piece(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::AllOf(parts)) = schema else { return schema };
    let mut whole = ObjectBuilder::new().description(parts.description).build();
    for part in parts.items {
        let part = match part {
            RefOr::Ref(named) if named.ref_location == self::named::<EventView>().ref_location => EventView::schema(),
            other @ (RefOr::Ref(_) | RefOr::T(_)) => other,
        };
        if let RefOr::T(Schema::Object(part)) = part {
            whole.properties.extend(part.properties);
        }
    }
    RefOr::T(Schema::Object(whole))
}

/// Leaves out defaults that only say how a reader of ours fills a gap.
fn without_defaults(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        for field in object.properties.values_mut() {
            match field {
                RefOr::T(Schema::Object(field)) => field.default = None,
                RefOr::T(Schema::Array(field)) => field.default = None,
                RefOr::T(Schema::OneOf(field)) => field.default = None,
                RefOr::T(_) | RefOr::Ref(_) => {}
            }
        }
    }
    schema
}

fn page<T: ToSchema>() -> RefOr<Schema>
where
    Page<T>: PartialSchema,
{
    complete(Page::<T>::schema())
}

#[allow(clippy::too_many_lines, reason = "a list: one line a view")]
fn schemas() -> ComponentsBuilder {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    macro_rules! views {
        ($found:ident: $($view:ty),* $(,)?) => { $(
            $found.push((<$view>::name().into_owned(), <$view>::schema()));
            <$view>::schemas(&mut $found);
        )* };
    }
    views![
        requests: AddPerson,
        AddWorkspace,
        AdministrationRequest,
        CreateSession,
        CreateToken,
        DecisionItem,
        DecisionRequest,
        DecisionsRequest,
        ExecuteRequest,
        StopRequest,
        UndoRequest,
        UnlockRequest,
    ];
    views![
        replies: AlsoSkipped,
        ArtifactView,
        CallerView,
        CheckpointView,
        DecidedItem,
        DecisionsReply,
        EventView,
        ExecuteReply,
        HealthView,
        InboxItemView,
        InboxPage,
        PlanCheckReply,
        PlanDecided,
        PlanEndView,
        PlanView,
        Problem,
        RunView,
        SandboxView,
        SearchPage,
        SessionView,
        StepDecided,
        StepDetailView,
        Stopped,
        TokenCreated,
        PersonView,
        TokenView,
        ToolView,
        UndoReply,
        UnlockReply,
        SessionDiffView,
        WorkspaceView,
    ];
    let requests = requests.into_iter().map(|(name, schema)| {
        let mut schema = without_defaults(schema);
        if let RefOr::T(Schema::Object(object)) = &mut schema
            && name == CreateToken::name()
        {
            object.required = vec!["name".to_owned(), "role".to_owned()];
        }
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            if name == DecisionsRequest::name() {
                object.required = vec!["decision".to_owned(), "items".to_owned()];
            } else if name == DecisionItem::name() {
                object.required = vec!["plan_version".to_owned(), "digest".to_owned()];
            } else if name == UnlockRequest::name() {
                object.required = vec!["pin".to_owned()];
            } else if name == AddWorkspace::name() {
                object.required = vec!["name".to_owned(), "kind".to_owned()];
            }
        }
        (name, schema)
    });
    let replies = replies.into_iter().map(|(name, schema)| (name, complete(schema)));
    requests.chain(replies).fold(ComponentsBuilder::new(), |components, (name, schema)| components.schema(name, schema))
}
