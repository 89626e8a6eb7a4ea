//! Every call of the interface, made once and harmlessly.
//!
//! One session, marked as a probe and stopped at the end, is all that is made: three events. What would decide,
//! run, sign, export or administer is asked in a way that must be refused, and the refusal is the answer that
//! shows that the call is there. Nothing is approved, so a demand on approvals does not matter here.

use calt_api::client::{Body, CallError, Client};
use calt_api::code::Family;
use calt_api::endpoint::{self, Endpoint, Method};
use calt_api::{Code, Problem};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::report::{Area, Report, Verdict};
use crate::commands::run::interrupted;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::words::{counted, language, t};

/// What a probe's session names as its origin; lists and the inbox leave such sessions out.
const ORIGIN: &str = "doctor";
/// A session, a run, a person that nobody has.
const NO_SESSION: &str = "session_00000000000000000000000000000000";
const NO_NUMBER: &str = "0";
const NOBODY: &str = "doctor-asks-for-nobody";
/// A digest that nothing has.
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The plan that is imported and never approved.
const PLAN: &str = "title: A probe of calt doctor\nsteps:\n  - {id: look, title: Look, tool: list_dir}\n";
/// How old a probe must be before another doctor takes it for one that was left behind.
const LEFT_BEHIND_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// Calls named in one line; the rest is in the JSON.
const NAMED_CALLS_MAX: usize = 4;

/// What a probe sends.
#[derive(Clone, Copy, Debug)]
enum Sends {
    Nothing,
    /// A field no request has: it is refused before anything is done.
    UnknownField,
    Plan,
    Session,
    /// A yes, a no or a skip of something else than there is.
    OtherDigest,
    /// The same, as a list.
    OtherDigests,
    Confirmation,
}

/// What answers show that the call is there.
#[derive(Clone, Copy, Debug)]
enum Expects {
    Answer,
    Codes(&'static [Code]),
    /// Any refusal of the gate: which one depends on what the owner demands.
    Gate,
}

/// How one call is made.
#[derive(Clone, Debug)]
struct Probe {
    values: Vec<String>,
    query: &'static [(&'static str, &'static str)],
    sends: Sends,
    expects: Expects,
}

/// How a call is probed. Every endpoint has its line here, and a test says which one lacks it.
fn probe(endpoint: &Endpoint, session: &str) -> Option<Probe> {
    let of = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
    let make = |values: &[&str], sends, expects| Probe { values: of(values), query: &[], sends, expects };
    let reads = |values: &[&str]| make(values, Sends::Nothing, Expects::Answer);
    let page = |values: &[&str]| Probe { query: &[("limit", "1")], ..reads(values) };
    let misses = |values: &[&str], codes| make(values, Sends::Nothing, Expects::Codes(codes));
    let misread = |values: &[&str]| make(values, Sends::UnknownField, Expects::Codes(MISREAD));
    let decides = |values: &[&str]| make(values, Sends::OtherDigest, Expects::Gate);
    Some(match *endpoint {
        endpoint::CREATE_SESSION => make(&[], Sends::Session, Expects::Answer),
        endpoint::CHECK_PLAN => make(&[], Sends::Plan, Expects::Answer),
        endpoint::IMPORT_PLAN | endpoint::CHECK_PLAN_IN_SESSION => make(&[session], Sends::Plan, Expects::Answer),
        endpoint::SHOW_SESSION | endpoint::SESSION_DIFF | endpoint::STOP_SESSION => reads(&[session]),
        endpoint::SHOW_PLAN => reads(&[session, "1"]),
        endpoint::SHOW_STEP => reads(&[session, "look"]),
        endpoint::APPROVE_PLAN | endpoint::REJECT_PLAN => decides(&[session, "1"]),
        endpoint::APPROVE_STEP | endpoint::REJECT_STEP | endpoint::SKIP_STEP => decides(&[session, "look"]),
        endpoint::DECIDE => make(&[session], Sends::OtherDigests, Expects::Gate),
        endpoint::EXECUTE_STEP => make(&[session, "look"], Sends::Confirmation, Expects::Gate),
        endpoint::UNDO_SESSION => make(&[session], Sends::Nothing, Expects::Gate),
        endpoint::SESSION_EVENTS | endpoint::SEARCH_SESSION_EVENTS | endpoint::LIST_ARTIFACTS => page(&[session]),
        endpoint::GET_ARTIFACT => misses(&[session, NO_NUMBER], &[Code::ArtifactNotFound]),
        endpoint::SHOW_RUN => misses(&[NO_NUMBER], &[Code::RunNotFound]),
        endpoint::LIST_SESSIONS
        | endpoint::INBOX
        | endpoint::ALL_EVENTS
        | endpoint::SEARCH_ALL_EVENTS
        | endpoint::LIST_CHECKPOINTS
        | endpoint::LIST_TOOLS
        | endpoint::LIST_TOKENS
        | endpoint::LIST_PERSONS
        | endpoint::LIST_WORKSPACES => page(&[]),
        endpoint::EXPORT_RECORD => misread(&[session]),
        endpoint::REDACT_EVENT => misread(&[NO_NUMBER]),
        endpoint::SIGN_CHECKPOINT
        | endpoint::CREATE_TOKEN
        | endpoint::ADD_PERSON
        | endpoint::ADD_WORKSPACE
        | endpoint::UNLOCK
        | endpoint::MAKE_BUTTONS
        | endpoint::COUNT_REFUSAL => misread(&[]),
        endpoint::SHOW_BUTTON => misses(&[NOBODY], &[Code::ButtonNotFound]),
        endpoint::REVOKE_TOKEN => misses(&[NOBODY], &[Code::TokenNotFound]),
        endpoint::REMOVE_WORKSPACE => misses(&[NOBODY], &[Code::WorkspaceNotFound]),
        endpoint::REMOVE_PERSON => misses(&[NOBODY], &[Code::PersonNotFound]),
        endpoint::TOOL_PERMISSIONS => reads(&["list_dir"]),
        endpoint::LIST_APPROVERS
        | endpoint::PLAN_SCHEMA
        | endpoint::WHOAMI
        | endpoint::SANDBOX
        | endpoint::HEALTH
        | endpoint::READY
        | endpoint::METRICS
        | endpoint::OPENAPI
        | endpoint::DOCS => reads(&[]),
        _ => return None,
    })
}

/// What is said of a body with a field that is not known.
const MISREAD: &[Code] = &[Code::Malformed, Code::InputInvalid];

/// What one call said.
struct Said {
    endpoint: Endpoint,
    verdict: Verdict,
    what: String,
}

/// The calls so far, and the session they are made in.
struct Round<'r> {
    context: &'r Context,
    client: &'r Client,
    session: Option<String>,
    said: Vec<Said>,
}

/// Makes every call, and stops what was made for it, also after a Ctrl-C.
pub(crate) async fn run(report: &mut Report, context: &Context, client: &Client) -> Result<(), Fault> {
    let mut round = Round { context, client, session: None, said: Vec::new() };
    let was_interrupted = tokio::select! {
        biased;
        () = round.walk() => false,
        () = interrupted() => true,
    };
    round.stop().await;
    round.stop_what_was_left_behind().await;
    if was_interrupted {
        let message = t!("interrupted; the probe was stopped");
        return Err(Fault::Interrupted { message, hint: "calt doctor".to_owned() });
    }
    round.tell(report);
    Ok(())
}

impl Round<'_> {
    async fn walk(&mut self) {
        self.open().await;
        for endpoint in endpoint::ENDPOINTS {
            let is_of_its_own =
                [endpoint::CREATE_SESSION, endpoint::IMPORT_PLAN, endpoint::STOP_SESSION].contains(endpoint);
            if !is_of_its_own {
                self.ask(endpoint).await;
            }
        }
    }

    /// Makes the session, for whoever may mark it as a probe: it is to be no entry of a list, and stopped again.
    async fn open(&mut self) {
        if self.is_for_us(&endpoint::APPROVE_PLAN).await {
            let made = self.call(&endpoint::CREATE_SESSION, NO_SESSION).await;
            let made_id = made.as_ref().ok().and_then(|made| made["id"].as_str()).map(str::to_owned);
            self.note(&endpoint::CREATE_SESSION, Expects::Answer, made.map(|_| ()));
            self.session = made_id;
            self.ask(&endpoint::IMPORT_PLAN).await;
        } else {
            for endpoint in [endpoint::CREATE_SESSION, endpoint::IMPORT_PLAN] {
                let what = t!("this token may not mark a session as a probe");
                self.said.push(Said { endpoint, verdict: Verdict::Skip, what });
            }
        }
    }

    /// Whether the role of this token lets it as far as a session that is not there.
    async fn is_for_us(&self, endpoint: &Endpoint) -> bool {
        let Err(CallError::Problem(problem)) = self.call(endpoint, NO_SESSION).await else { return false };
        Code::parse(&problem.code) == Some(Code::SessionNotFound)
    }

    async fn ask(&mut self, endpoint: &Endpoint) {
        let session = self.session.clone().unwrap_or_else(|| NO_SESSION.to_owned());
        let Some(probe) = probe(endpoint, &session) else {
            let what = t!("this calt has no probe for it");
            return self.said.push(Said { endpoint: *endpoint, verdict: Verdict::Skip, what });
        };
        let answer = self.call(endpoint, &session).await.map(|_| ());
        self.note(endpoint, probe.expects, answer);
    }

    async fn call(&self, endpoint: &Endpoint, session: &str) -> Result<Value, CallError> {
        let Some(probe) = probe(endpoint, session) else { return Ok(Value::Null) };
        let values: Vec<&str> = probe.values.iter().map(String::as_str).collect();
        let source = self.context.source();
        let sent = match probe.sends {
            Sends::UnknownField => json!({"probe": true}),
            Sends::Session => json!({"goal": "A probe of calt doctor", "origin": ORIGIN, "source": source}),
            Sends::OtherDigest => json!({"digest": NO_DIGEST, "source": source}),
            Sends::OtherDigests => {
                let item = json!({"plan_version": 1, "digest": NO_DIGEST});
                json!({"decision": "approve", "items": [item], "source": source})
            }
            Sends::Confirmation => json!({"source": source}),
            Sends::Nothing | Sends::Plan => Value::Null,
        };
        let body = match (probe.sends, endpoint.method) {
            (Sends::Plan, _) => Body::Document(PLAN),
            (_, Method::Get) | (Sends::Nothing, _) => Body::Empty,
            (_, Method::Post) => Body::Json(&sent),
        };
        let bytes = self.client.bytes(endpoint, &values, probe.query, body, &[]).await?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn note(&mut self, endpoint: &Endpoint, expects: Expects, answer: Result<(), CallError>) {
        let (verdict, what) = judged(expects, answer, self.session.is_some());
        self.said.push(Said { endpoint: *endpoint, verdict, what });
    }

    /// Ends the session that was made. A probe never waits for anybody.
    async fn stop(&mut self) {
        let Some(session) = self.session.clone() else { return };
        let stopped = self.call(&endpoint::STOP_SESSION, &session).await.map(|_| ());
        self.note(&endpoint::STOP_SESSION, Expects::Answer, stopped);
    }

    /// Ends probes of doctors that were killed.
    async fn stop_what_was_left_behind(&self) {
        let query = [("include", "probes"), ("status", "awaiting_plan_approval"), ("limit", "500")];
        let listed = self.context.fetch(self.client, &endpoint::LIST_SESSIONS, &[], &query).await;
        let listed = listed.unwrap_or_default();
        let now = Timestamp::now();
        let left = render::items(&listed["items"]).iter().filter(|session| is_left_behind(session, now));
        for session in left.filter_map(|session| session["id"].as_str()) {
            // One that belongs to somebody else stays: it is hidden, and nothing of it can run.
            let _ = self.call(&endpoint::STOP_SESSION, session).await;
        }
    }

    fn tell(&self, report: &mut Report) {
        for said in &self.said {
            let (method, path) = (said.endpoint.method.as_str(), said.endpoint.path);
            report
                .calls
                .push(json!({"method": method, "path": path, "verdict": said.verdict.word(), "said": said.what}));
        }
        let of = |verdict| self.said.iter().filter(|said| said.verdict == verdict).collect::<Vec<&Said>>();
        let (passed, skipped, failed) = (of(Verdict::Pass), of(Verdict::Skip), of(Verdict::Fail));
        if !passed.is_empty() {
            let what = if failed.is_empty() && skipped.is_empty() {
                t!("all {count} calls answer as they should", count = passed.len())
            } else {
                t!("{count} calls answer as they should", count = passed.len())
            };
            report.pass(Area::Calls, what);
        }
        for said in failed {
            let call = format!("{} {}", said.endpoint.method.as_str(), said.endpoint.path);
            let fix = t!("calt daemon stop, then calt doctor again; what stays, the daemon's own log says more of");
            report.fail(Area::Calls, format!("{call}: {}", said.what), fix);
        }
        for (why, said) in by_reason(&skipped) {
            let what = t!(
                "{calls} ({names}): {why}",
                calls = counted::calls(counted::length(&said)),
                names = named(&said),
                why = why
            );
            report.skip(Area::Calls, what, None);
        }
    }
}

/// Whether a session is a probe so old that its doctor is gone.
fn is_left_behind(session: &Value, now: Timestamp) -> bool {
    let made = session["created_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    session["origin"] == ORIGIN && made.is_some_and(|made| now.duration_since(made) > LEFT_BEHIND_AFTER)
}

/// Groups what was left out by the reason, in the order of the first of each.
fn by_reason<'s>(skipped: &[&'s Said]) -> Vec<(&'s str, Vec<&'s Said>)> {
    let mut groups: Vec<(&str, Vec<&Said>)> = Vec::new();
    for said in skipped {
        match groups.iter_mut().find(|(why, _)| *why == said.what) {
            Some((_, group)) => group.push(said),
            None => groups.push((&said.what, vec![said])),
        }
    }
    groups
}

fn named(said: &[&Said]) -> String {
    let mut names: Vec<String> = said
        .iter()
        .take(NAMED_CALLS_MAX)
        .map(|said| format!("{} {}", said.endpoint.method.as_str(), said.endpoint.path.trim_start_matches("/api/v1")))
        .collect();
    if said.len() > NAMED_CALLS_MAX {
        names.push(t!("{count} more in --json", count = said.len() - NAMED_CALLS_MAX));
    }
    names.join(", ")
}

/// What an answer says of the call. Without a session of its own, that it is not there is an answer too.
fn judged(expects: Expects, answer: Result<(), CallError>, has_session: bool) -> (Verdict, String) {
    let problem = match (answer, expects) {
        (Ok(()), Expects::Answer) => return (Verdict::Pass, t!("answered")),
        (Ok(()), Expects::Codes(_) | Expects::Gate) => {
            return (Verdict::Fail, t!("it did what it should have refused"));
        }
        (Err(CallError::Unexpected(said)), _) => return (Verdict::Fail, said),
        (Err(CallError::Problem(problem)), _) => problem,
    };
    match Code::parse(&problem.code) {
        Some(Code::NotAllowed) => (Verdict::Skip, t!("not for the role of this token")),
        Some(Code::StorageUnavailable | Code::StorageFull | Code::LogBehind | Code::LogCorrupt | Code::Stopping) => {
            (Verdict::Skip, t!("the daemon only reads now"))
        }
        Some(Code::TooManyRequests) => (Verdict::Skip, t!("the daemon is busy")),
        Some(Code::SessionNotFound) if !has_session => (Verdict::Pass, refused(&problem)),
        Some(code) if is_expected(code, expects) => (Verdict::Pass, refused(&problem)),
        Some(_) | None => (Verdict::Fail, problem.said_in(language())),
    }
}

fn is_expected(code: Code, expects: Expects) -> bool {
    match expects {
        Expects::Answer => false,
        // What the owner demands of an act may be asked for before what it names is looked for.
        Expects::Codes(codes) => codes.contains(&code) || code.family() == Family::Gate,
        Expects::Gate => code.family() == Family::Gate,
    }
}

fn refused(problem: &Problem) -> String {
    t!("refused as it should: {code}", code = problem.code)
}

#[cfg(test)]
mod tests {
    use calt_api::Trouble;

    use super::*;

    #[test]
    fn every_endpoint_has_a_probe_that_fills_its_path() {
        for endpoint in endpoint::ENDPOINTS {
            let call = format!("{} {}", endpoint.method.as_str(), endpoint.path);
            let probe = probe(endpoint, NO_SESSION).unwrap_or_else(|| panic!("{call} has no probe"));
            assert_eq!(probe.values.len(), endpoint.path.matches('{').count(), "{call}");
        }
    }

    #[test]
    fn only_a_probe_that_is_old_was_left_behind() {
        let now = Timestamp::now();
        let made = |origin: &str, ago: SignedDuration| json!({"origin": origin, "created_at": (now - ago).to_string()});
        let minute = SignedDuration::from_mins(1);
        assert!(is_left_behind(&made(ORIGIN, LEFT_BEHIND_AFTER + minute), now));
        assert!(!is_left_behind(&made(ORIGIN, minute), now), "its doctor may be at work");
        assert!(!is_left_behind(&made("undo", LEFT_BEHIND_AFTER + minute), now));
    }

    #[test]
    fn a_call_that_does_what_it_should_refuse_fails() {
        for expects in [Expects::Gate, Expects::Codes(MISREAD)] {
            assert_eq!(judged(expects, Ok(()), true).0, Verdict::Fail);
        }
        let missing = || Err(Trouble::PathNotFound { path: "/x".to_owned() }.into());
        assert_eq!(judged(Expects::Answer, missing(), false).0, Verdict::Fail);
        assert_eq!(judged(Expects::Gate, missing(), true).0, Verdict::Fail);
    }
}
