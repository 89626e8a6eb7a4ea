//! The endpoints, by hand: every call the daemon answers, once.

/// The header that brings the key a PIN gave, to calls without a body.
pub const UNLOCK_HEADER: &str = "Calt-Unlock";

/// How a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes something, or checks a body.
    Post,
}

impl Method {
    /// The method's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path; `{name}` stands for one segment.
    pub path: &'static str,
    /// What it does, in one line.
    pub what: &'static str,
}

impl Endpoint {
    const fn get(path: &'static str, what: &'static str) -> Self {
        Self { method: Method::Get, path, what }
    }

    const fn post(path: &'static str, what: &'static str) -> Self {
        Self { method: Method::Post, path, what }
    }

    /// The path with its `{name}`s replaced, in order; each value is percent-encoded.
    pub fn at(&self, values: &[&str]) -> String {
        let (mut path, mut values) = (String::new(), values.iter());
        for segment in self.path.split('/').skip(1) {
            path.push('/');
            if segment.starts_with('{') {
                push_encoded(&mut path, values.next().copied().unwrap_or_default());
            } else {
                path.push_str(segment);
            }
        }
        path
    }
}

/// Appends text percent-encoded for a path segment or a query value.
pub fn push_encoded(path: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.push(char::from(DIGITS[usize::from(byte >> 4)]));
            path.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

macro_rules! endpoints {
    ($($name:ident = $method:ident $path:literal $what:literal;)*) => {
        $(#[doc = $what] pub const $name: Endpoint = Endpoint::$method($path, $what);)*
        /// Every endpoint.
        pub const ENDPOINTS: &[Endpoint] = &[$($name),*];
    };
}

endpoints! {
    CREATE_SESSION = post "/api/v1/sessions" "Makes a session.";
    LIST_SESSIONS = get "/api/v1/sessions" "Lists sessions, newest first.";
    INBOX = get "/api/v1/inbox" "Lists what waits for somebody, oldest first, over all sessions.";
    SHOW_SESSION = get "/api/v1/sessions/{session}" "Shows one session and what would lead on.";
    IMPORT_PLAN = post "/api/v1/sessions/{session}/plans/import" "Takes in a plan version, as JSON or YAML.";
    CHECK_PLAN = post "/api/v1/plans/check" "Checks a plan without importing it, and returns every problem.";
    CHECK_PLAN_IN_SESSION = post "/api/v1/sessions/{session}/plans/check" "Checks a plan against a session.";
    PLAN_SCHEMA = get "/api/v1/plans/schema" "Gives the JSON Schema of the plan format.";
    SHOW_PLAN = get "/api/v1/sessions/{session}/plans/{version}" "Shows one plan version with its steps.";
    APPROVE_PLAN = post "/api/v1/sessions/{session}/plans/{version}/approve" "Says yes to a plan.";
    REJECT_PLAN = post "/api/v1/sessions/{session}/plans/{version}/reject" "Says no to a plan, with a reason.";
    SHOW_STEP = get "/api/v1/sessions/{session}/steps/{step}" "Shows one step as an approver should see it.";
    APPROVE_STEP = post "/api/v1/sessions/{session}/steps/{step}/approve" "Says yes to a step.";
    REJECT_STEP = post "/api/v1/sessions/{session}/steps/{step}/reject" "Says no to a step, with a reason.";
    SKIP_STEP = post "/api/v1/sessions/{session}/steps/{step}/skip" "Leaves a step out.";
    DECIDE = post "/api/v1/sessions/{session}/decisions" "Says yes or no to many things at once, or leaves steps out: all of the list or nothing.";
    EXECUTE_STEP = post "/api/v1/sessions/{session}/steps/{step}/execute" "Executes an approved step, once.";
    SHOW_RUN = get "/api/v1/runs/{run}" "Shows one run.";
    STOP_SESSION = post "/api/v1/sessions/{session}/stop" "Stops a session for good.";
    UNDO_SESSION = post "/api/v1/sessions/{session}/undo" "Makes a plan version that takes back what a run or a session wrote.";
    SESSION_DIFF = get "/api/v1/sessions/{session}/diff" "Gives what a session wrote, as one patch.";
    SESSION_EVENTS = get "/api/v1/sessions/{session}/events" "Pages through a session's events, or streams them.";
    ALL_EVENTS = get "/api/v1/events" "Pages through all events, or streams them.";
    SEARCH_SESSION_EVENTS = get "/api/v1/sessions/{session}/events/search" "Searches a session's events, newest first.";
    SEARCH_ALL_EVENTS = get "/api/v1/events/search" "Searches all events, newest first.";
    LIST_ARTIFACTS = get "/api/v1/sessions/{session}/artifacts" "Lists what runs left behind.";
    GET_ARTIFACT = get "/api/v1/sessions/{session}/artifacts/{artifact}" "Gives an artifact's bytes.";
    REDACT_EVENT = post "/api/v1/events/{event}/redact" "Lets the text of an event go for good, with a reason.";
    EXPORT_RECORD = post "/api/v1/sessions/{session}/export" "Gives a session's record as a file that proves itself.";
    LIST_CHECKPOINTS = get "/api/v1/checkpoints" "Lists signed checkpoints, newest first.";
    SIGN_CHECKPOINT = post "/api/v1/checkpoints" "Signs a checkpoint over the log as it is.";
    LIST_TOOLS = get "/api/v1/tools" "Lists the tools.";
    TOOL_PERMISSIONS = get "/api/v1/tools/{tool}/permissions" "Shows one tool and its permission profile.";
    SANDBOX = get "/api/v1/sandbox" "Says how commands are isolated on this machine.";
    ADD_WORKSPACE = post "/api/v1/workspaces" "Gives a workspace a name.";
    LIST_WORKSPACES = get "/api/v1/workspaces" "Lists workspaces by name.";
    REMOVE_WORKSPACE = post "/api/v1/workspaces/{workspace}/remove" "Takes a workspace's name away; its directory stays as it is.";
    WHOAMI = get "/api/v1/whoami" "Says whom the token proves, and whether they decide.";
    CREATE_TOKEN = post "/api/v1/tokens" "Makes a token; it is shown this once.";
    LIST_TOKENS = get "/api/v1/tokens" "Lists tokens by their public names.";
    REVOKE_TOKEN = post "/api/v1/tokens/{token}/revoke" "Takes a token back.";
    UNLOCK = post "/api/v1/unlock" "Compares a PIN, and gives a key for decisions on a plan version or for one act of administration.";
    ADD_PERSON = post "/api/v1/persons" "Adds a person.";
    LIST_PERSONS = get "/api/v1/persons" "Lists people, agents and surfaces.";
    REMOVE_PERSON = post "/api/v1/persons/{person}/remove" "Removes a person; their tokens end with it.";
    MAKE_BUTTONS = post "/api/v1/buttons" "Keeps what the buttons of a chat stand for, and gives their opaque ids.";
    SHOW_BUTTON = get "/api/v1/buttons/{button}" "Says what a button of this chat stands for.";
    COUNT_REFUSAL = post "/api/v1/refusals" "Counts somebody whom a chat refused; the log says so.";
    LIST_APPROVERS = get "/api/v1/approvers" "Lists the accounts in a chat whose people may decide.";
    HEALTH = get "/healthz" "Says that the daemon is alive.";
    READY = get "/readyz" "Says whether the daemon can write its log.";
    METRICS = get "/metrics" "Gives figures in Prometheus' text format.";
    OPENAPI = get "/openapi.json" "Gives this interface as `OpenAPI` 3.1.";
    DOCS = get "/docs" "Shows this interface as a page.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded() {
        assert_eq!(SHOW_STEP.at(&["session_1", "a/../b"]), "/api/v1/sessions/session_1/steps/a%2F..%2Fb");
    }

    #[test]
    fn no_call_is_listed_twice() {
        for (place, endpoint) in ENDPOINTS.iter().enumerate() {
            let twice = ENDPOINTS[place + 1..]
                .iter()
                .any(|other| (other.method, other.path) == (endpoint.method, endpoint.path));
            assert!(!twice, "{} {}", endpoint.method.as_str(), endpoint.path);
        }
    }
}
