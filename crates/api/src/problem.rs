//! Refusals in machine-readable form (RFC 9457): one exhaustive match gives status, code and next step.

mod refusals;

use calt_core::session::{Session, SessionStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::code::Code;
use crate::next::Next;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Where the code is described: `docs/errors.md#<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means, in one line.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One English sentence.
    pub detail: String,
    /// The stable code; clients switch on it alone.
    pub code: String,
    /// What the sentence is made of, for clients that say it in their own language.
    pub args: Value,
    /// What would lead on.
    pub next: Option<Next>,
}

/// What is refused outside the gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the arguments named in each sentence")]
pub enum Trouble {
    #[error("the request cannot be read: {reason}")]
    Malformed { reason: String },
    #[error("{what} is not valid: {reason}")]
    InputInvalid { what: String, reason: String },
    #[error("`{method}` is not a method of this path; it has {allowed}")]
    MethodNotAllowed { method: String, allowed: String },
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("the body's type is not read here; send {expected}")]
    UnsupportedMediaType { expected: String },
    #[error("there is nothing at `{path}`")]
    PathNotFound { path: String },
    #[error("a bearer token is required")]
    TokenMissing,
    #[error("the token is unknown, revoked or expired")]
    TokenInvalid,
    #[error("this daemon does not serve the host the request names")]
    HostNotAllowed,
    #[error("no daemon answers at {address}")]
    DaemonUnreachable { address: String },
    #[error("too many requests are waiting")]
    TooManyRequests,
    #[error("the log could not be written; nothing was changed")]
    StorageUnavailable,
    #[error("the disk is full; nothing was changed")]
    StorageFull,
    #[error("the log is {missing} events shorter than it was; the daemon only reads")]
    LogBehind { missing: u64 },
    #[error("the log says something that cannot be; the daemon only reads")]
    LogCorrupt,
    #[error("the daemon is ending")]
    Stopping,
    #[error("the request came too slowly")]
    RequestTimeout,
    #[error("something went wrong inside the daemon; its own log says more")]
    Internal,
}

impl Problem {
    fn new(code: Code, detail: String, args: Value, next: Option<Next>) -> Self {
        Self {
            kind: format!("docs/errors.md#{}", code.as_str()),
            title: code.meaning().to_owned(),
            status: code.status(),
            detail,
            code: code.as_str().to_owned(),
            args,
            next,
        }
    }

    /// The same, for a caller who knows better what would lead on.
    #[must_use]
    pub fn leading_to(self, next: Next) -> Self {
        Self { next: Some(next), ..self }
    }

    /// The same with every text passed through `mask`: a request can carry a secret where an id or a number belongs.
    ///
    /// Code, status, title and next step are words of calt's own and stay as they are.
    #[must_use]
    pub fn masked(self, mask: impl Fn(&str) -> String) -> Self {
        let mut args = self.args;
        mask_texts(&mut args, &mask);
        Self { detail: mask(&self.detail), args, ..self }
    }

    /// The exit code of the command line.
    pub fn exit(&self) -> u8 {
        Code::parse(&self.code).map_or(70, |code| code.family().exit())
    }
}

fn mask_texts(value: &mut Value, mask: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = mask(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_texts(item, mask)),
        Value::Object(fields) => fields.values_mut().for_each(|field| mask_texts(field, mask)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl From<&Trouble> for Problem {
    fn from(trouble: &Trouble) -> Self {
        let (code, args, next) = match trouble {
            Trouble::Malformed { reason } => (Code::Malformed, json!({"reason": reason}), Some(Next::CorrectRequest)),
            Trouble::InputInvalid { what, reason } => {
                (Code::InputInvalid, json!({"what": what, "reason": reason}), Some(Next::CorrectRequest))
            }
            Trouble::MethodNotAllowed { method, allowed } => {
                (Code::MethodNotAllowed, json!({"method": method, "allowed": allowed}), Some(Next::CorrectRequest))
            }
            Trouble::TooLarge { limit_bytes } => {
                (Code::TooLarge, json!({"limit_bytes": limit_bytes}), Some(Next::CorrectRequest))
            }
            Trouble::UnsupportedMediaType { expected } => {
                (Code::UnsupportedMediaType, json!({"expected": expected}), Some(Next::CorrectRequest))
            }
            Trouble::PathNotFound { path } => (Code::PathNotFound, json!({"path": path}), Some(Next::CorrectRequest)),
            Trouble::TokenMissing => (Code::TokenMissing, json!({}), Some(Next::GiveToken)),
            Trouble::TokenInvalid => (Code::TokenInvalid, json!({}), Some(Next::GiveToken)),
            Trouble::HostNotAllowed => (Code::HostNotAllowed, json!({}), Some(Next::RunDoctor)),
            Trouble::DaemonUnreachable { address } => {
                (Code::DaemonUnreachable, json!({"address": address}), Some(Next::StartDaemon))
            }
            Trouble::TooManyRequests => (Code::TooManyRequests, json!({}), Some(Next::RetryLater)),
            Trouble::StorageUnavailable => (Code::StorageUnavailable, json!({}), Some(Next::RetryLater)),
            Trouble::StorageFull => (Code::StorageFull, json!({}), Some(Next::RunDoctor)),
            Trouble::LogBehind { missing } => (Code::LogBehind, json!({"missing": missing}), Some(Next::VerifyRecord)),
            Trouble::LogCorrupt => (Code::LogCorrupt, json!({}), Some(Next::VerifyRecord)),
            Trouble::Stopping => (Code::Stopping, json!({}), Some(Next::RetryLater)),
            Trouble::RequestTimeout => (Code::RequestTimeout, json!({}), Some(Next::RetryLater)),
            Trouble::Internal => (Code::Internal, json!({}), Some(Next::RunDoctor)),
        };
        Self::new(code, trouble.to_string(), args, next)
    }
}

/// What would lead a session on.
pub fn next_of(session: &Session) -> Option<Next> {
    let id = session.id().to_string();
    let version = session.plan_version().unwrap_or_default();
    match session.status() {
        SessionStatus::Pending => Some(Next::ImportPlan { session: id, version: None }),
        SessionStatus::AwaitingPlanApproval => Some(Next::ApprovePlan { session: id, version }),
        SessionStatus::AwaitingStepApproval => {
            let step = session.next_step()?;
            match session.step_status(step) {
                Some(calt_core::session::StepStatus::Approved) => {
                    Some(Next::ExecuteStep { session: id, step: step.to_string() })
                }
                _ => Some(Next::ApproveStep { session: id, step: step.to_string(), digest: None }),
            }
        }
        SessionStatus::Running => session.running().map(|(run, _)| Next::WaitRun { run: run.0 }),
        SessionStatus::Failed => Some(Next::ImportPlan { session: id, version: Some(version + 1) }),
        SessionStatus::Succeeded => Some(Next::ListArtifacts { session: id }),
        SessionStatus::Cancelled => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calt_core::{Refusal, SessionId, StepId};

    #[test]
    fn a_masked_problem_keeps_its_code_and_its_next_step() {
        let trouble = Trouble::PathNotFound { path: "/hunter2".to_owned() };
        let problem = Problem::from(&trouble).masked(|text| text.replace("hunter2", "***"));
        assert_eq!((problem.detail.as_str(), &problem.args["path"]), ("there is nothing at `/***`", &json!("/***")));
        assert_eq!((problem.code.as_str(), problem.next), ("path_not_found", Some(Next::CorrectRequest)));
    }

    /// The action a problem names.
    fn action(problem: &Problem) -> String {
        json!(problem.next)["action"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_is_refused_outside_the_gate_leads_where_its_code_says() {
        let text = || "x".to_owned();
        let troubles = [
            Trouble::Malformed { reason: text() },
            Trouble::InputInvalid { what: text(), reason: text() },
            Trouble::MethodNotAllowed { method: text(), allowed: text() },
            Trouble::TooLarge { limit_bytes: 1 },
            Trouble::UnsupportedMediaType { expected: text() },
            Trouble::PathNotFound { path: text() },
            Trouble::TokenMissing,
            Trouble::TokenInvalid,
            Trouble::HostNotAllowed,
            Trouble::DaemonUnreachable { address: text() },
            Trouble::TooManyRequests,
            Trouble::StorageUnavailable,
            Trouble::StorageFull,
            Trouble::LogBehind { missing: 1 },
            Trouble::LogCorrupt,
            Trouble::Stopping,
            Trouble::RequestTimeout,
            Trouble::Internal,
        ];
        for problem in troubles.iter().map(Problem::from) {
            let code = Code::parse(&problem.code).unwrap();
            assert!(code.leads_to().contains(&action(&problem).as_str()), "{problem:?}");
        }
    }

    #[test]
    fn the_code_of_a_problem_is_the_code_of_its_refusal() {
        let session = SessionId::parse("session_1").unwrap();
        let step = StepId::parse("a").unwrap();
        let refusals = [
            Refusal::SessionNotFound { session: "x".to_owned() },
            Refusal::NeedsReplan { session: session.clone(), version: 1 },
            Refusal::StepNotApproved { session: session.clone(), step: step.clone() },
            Refusal::RiskUnconfirmed { session: session.clone(), step: step.clone() },
            Refusal::HighRiskNotAlone { session: session.clone(), step: step.clone() },
            Refusal::DryRun { session: session.clone(), step: step.clone() },
            Refusal::AlreadyRan { session: session.clone(), step, run: None },
            Refusal::SessionClosed { session, status: "cancelled" },
            Refusal::ReasonRequired,
        ];
        for refusal in refusals {
            let problem = Problem::from(&refusal);
            assert_eq!(problem.code, refusal.code());
            let code = Code::parse(&problem.code).unwrap();
            assert!(code.leads_to().contains(&action(&problem).as_str()), "{problem:?}");
        }
    }
}
