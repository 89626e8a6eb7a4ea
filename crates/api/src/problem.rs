//! Refusals in machine-readable form (RFC 9457): one exhaustive match gives status, code and next step.

use calt_core::Refusal;
use calt_core::pin::Purpose;
use calt_core::quota;
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

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let (code, args, next) = match refusal {
            Refusal::PlanInvalid { .. }
            | Refusal::InputInvalid { .. }
            | Refusal::LimitExceeded { .. }
            | Refusal::ReasonRequired
            | Refusal::PersonUnbound { .. }
            | Refusal::NotAllowed { .. } => usage(refusal),
            Refusal::SessionNotFound { .. }
            | Refusal::PlanNotFound { .. }
            | Refusal::StepNotFound { .. }
            | Refusal::RunNotFound { .. }
            | Refusal::ArtifactNotFound { .. }
            | Refusal::ArtifactRedacted { .. }
            | Refusal::EventNotFound { .. }
            | Refusal::ToolNotFound { .. }
            | Refusal::TokenNotFound { .. }
            | Refusal::ButtonNotFound { .. }
            | Refusal::PersonNotFound { .. }
            | Refusal::WorkspaceNotFound { .. } => missing(refusal),
            Refusal::PlanVersionExists { .. }
            | Refusal::PlanSuperseded { .. }
            | Refusal::PlanNotApproved { .. }
            | Refusal::SelfApproval { .. }
            | Refusal::AssuranceTooLow { .. }
            | Refusal::NeedsReplan { .. }
            | Refusal::PlanInUse { .. }
            | Refusal::SessionClosed { .. }
            | Refusal::AlreadyDecided { .. }
            | Refusal::NothingToTakeBack { .. }
            | Refusal::WorkspaceInUse { .. }
            | Refusal::QuotaReached { .. }
            | Refusal::WorkspaceBusy { .. }
            | Refusal::WorkspaceMoved { .. }
            | Refusal::WorkspaceUnusable { .. } => gate_of_plan(refusal),
            Refusal::StepNotApproved { .. }
            | Refusal::DigestRequired { .. }
            | Refusal::DigestChanged { .. }
            | Refusal::ReferenceUnresolved { .. }
            | Refusal::RiskUnconfirmed { .. }
            | Refusal::HighRiskNotAlone { .. }
            | Refusal::DryRun { .. }
            | Refusal::IsolationUnavailable { .. }
            | Refusal::OutOfOrder { .. }
            | Refusal::RunInProgress { .. }
            | Refusal::AlreadyRan { .. } => gate_of_step(refusal),
            Refusal::PinNeeded { .. }
            | Refusal::PinWrong { .. }
            | Refusal::PinLocked { .. }
            | Refusal::PinNotSet { .. }
            | Refusal::PinUnusable { .. } => of_pins(refusal),
        };
        Self::new(code, refusal.to_string(), args, next)
    }
}

type Parts = (Code, Value, Option<Next>);

/// Only reached when a refusal is sorted into the wrong group, which a test would show.
fn unsorted() -> Parts {
    (Code::Internal, json!({}), Some(Next::RunDoctor))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the caller's match is exhaustive and sorts into groups")]
fn usage(refusal: &Refusal) -> Parts {
    match refusal {
        Refusal::PlanInvalid { problems } => (Code::PlanInvalid, json!({"problems": problems}), Some(Next::CheckPlan)),
        Refusal::InputInvalid { what, reason } => {
            (Code::InputInvalid, json!({"what": what, "reason": reason}), Some(Next::CorrectRequest))
        }
        Refusal::LimitExceeded { what, actual, limit, unit } => (
            Code::LimitExceeded,
            json!({"what": what, "actual": actual, "limit": limit, "unit": unit}),
            Some(Next::CorrectRequest),
        ),
        Refusal::ReasonRequired => (Code::ReasonRequired, json!({}), Some(Next::GiveReason)),
        Refusal::NotAllowed { role, act } => {
            (Code::NotAllowed, json!({"role": role, "act": act}), Some(Next::AskApprover))
        }
        Refusal::PersonUnbound { account } => {
            (Code::PersonUnbound, json!({"account": account}), Some(Next::AskApprover))
        }
        _ => unsorted(),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the caller's match is exhaustive and sorts into groups")]
fn missing(refusal: &Refusal) -> Parts {
    match refusal {
        Refusal::SessionNotFound { session } => {
            (Code::SessionNotFound, json!({"session": session}), Some(Next::ListSessions))
        }
        Refusal::PlanNotFound { session, version } => {
            let next = Next::ShowSession { session: session.to_string() };
            (Code::PlanNotFound, json!({"session": session, "version": version}), Some(next))
        }
        Refusal::StepNotFound { session, step } => {
            let next = Next::ShowSession { session: session.to_string() };
            (Code::StepNotFound, json!({"session": session, "step": step}), Some(next))
        }
        Refusal::RunNotFound { run } => (Code::RunNotFound, json!({"run": run}), Some(Next::ListSessions)),
        Refusal::ArtifactNotFound { artifact } => {
            (Code::ArtifactNotFound, json!({"artifact": artifact}), Some(Next::ListSessions))
        }
        Refusal::ArtifactRedacted { artifact } => {
            (Code::ArtifactRedacted, json!({"artifact": artifact}), Some(Next::ListSessions))
        }
        Refusal::EventNotFound { event } => (Code::EventNotFound, json!({"event": event}), Some(Next::ListSessions)),
        Refusal::ToolNotFound { tool } => (Code::ToolNotFound, json!({"tool": tool}), Some(Next::ListTools)),
        Refusal::PersonNotFound { person } => {
            (Code::PersonNotFound, json!({"person": person}), Some(Next::ListPersons))
        }
        Refusal::ButtonNotFound { button } => {
            (Code::ButtonNotFound, json!({"button": button}), Some(Next::ListSessions))
        }
        Refusal::WorkspaceNotFound { name } => {
            (Code::WorkspaceNotFound, json!({"name": name}), Some(Next::ListWorkspaces))
        }
        Refusal::TokenNotFound { token } => (Code::TokenNotFound, json!({"token": token}), Some(Next::ListTokens)),
        _ => unsorted(),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the caller's match is exhaustive and sorts into groups")]
fn gate_of_plan(refusal: &Refusal) -> Parts {
    match refusal {
        Refusal::PlanVersionExists { session, version, newest } => {
            let next = Next::ImportPlan { session: session.to_string(), version: Some(newest + 1) };
            (Code::PlanVersionExists, json!({"session": session, "version": version, "newest": newest}), Some(next))
        }
        Refusal::PlanSuperseded { session, version, newest } => {
            let next = Next::ShowPlan { session: session.to_string(), version: *newest };
            (Code::PlanSuperseded, json!({"session": session, "version": version, "newest": newest}), Some(next))
        }
        Refusal::PlanNotApproved { session, version } => {
            let next = Next::ApprovePlan { session: session.to_string(), version: *version };
            (Code::PlanNotApproved, json!({"session": session, "version": version}), Some(next))
        }
        Refusal::SelfApproval { session, version, step, proposer } => {
            let args = json!({"session": session, "version": version, "step": step, "proposer": proposer});
            (Code::SelfApproval, args, Some(Next::AskApprover))
        }
        Refusal::AssuranceTooLow { session, version, step } => {
            let args = json!({"session": session, "version": version, "step": step});
            let next = match step {
                Some(step) => Next::ApproveStep { session: session.to_string(), step: step.to_string(), digest: None },
                None => Next::ApprovePlan { session: session.to_string(), version: *version },
            };
            (Code::AssuranceTooLow, args, Some(next))
        }
        Refusal::NeedsReplan { session, version } => {
            let next = Next::ImportPlan { session: session.to_string(), version: Some(version + 1) };
            (Code::NeedsReplan, json!({"session": session, "version": version}), Some(next))
        }
        Refusal::PlanInUse { session, version } => {
            let next = Next::ImportPlan { session: session.to_string(), version: Some(version + 1) };
            (Code::PlanInUse, json!({"session": session, "version": version}), Some(next))
        }
        Refusal::SessionClosed { session, status } => {
            (Code::SessionClosed, json!({"session": session, "status": status}), Some(Next::CreateSession))
        }
        Refusal::AlreadyDecided { session, what, by } => {
            let next = Next::ShowSession { session: session.to_string() };
            (Code::AlreadyDecided, json!({"session": session, "what": what, "by": by}), Some(next))
        }
        Refusal::NothingToTakeBack { session, run, left_alone } => {
            let next = Next::ShowSession { session: session.to_string() };
            let args = json!({"session": session, "run": run, "left_alone": left_alone});
            (Code::NothingToTakeBack, args, Some(next))
        }
        Refusal::WorkspaceInUse { session, open } => {
            let next = Next::ShowSession { session: open.to_string() };
            (Code::WorkspaceInUse, json!({"session": session, "open": open}), Some(next))
        }
        Refusal::QuotaReached { principal, what, held, limit } => {
            let args = json!({"principal": principal, "what": what, "held": held, "limit": limit});
            let next = if *what == quota::PLAN_VERSIONS { Next::CreateSession } else { Next::ListSessions };
            (Code::QuotaReached, args, Some(next))
        }
        Refusal::WorkspaceBusy { name, holder } => {
            let next = Next::ShowSession { session: holder.to_string() };
            (Code::WorkspaceBusy, json!({"name": name, "holder": holder}), Some(next))
        }
        Refusal::WorkspaceMoved { name, reason } => {
            (Code::WorkspaceMoved, json!({"name": name, "reason": reason}), Some(Next::ListWorkspaces))
        }
        Refusal::WorkspaceUnusable { name, reason } => {
            (Code::WorkspaceUnusable, json!({"name": name, "reason": reason}), Some(Next::ListWorkspaces))
        }
        _ => unsorted(),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the caller's match is exhaustive and sorts into groups")]
fn of_pins(refusal: &Refusal) -> Parts {
    match refusal {
        Refusal::PinNeeded { for_what, step, rule, stands } => {
            let (session, version) = match for_what {
                Purpose::Plan { session, version } => (Some(session.to_string()), Some(*version)),
                Purpose::Administration => (None, None),
            };
            let args = json!({"needs": "pin", "session": session, "version": version, "step": step, "rule": rule});
            let next = if *stands { Next::Unlock { session, version } } else { Next::SetPin { principal: None } };
            (Code::AssuranceTooLow, args, Some(next))
        }
        Refusal::PinWrong { left } => {
            (Code::PinWrong, json!({"left": left}), Some(Next::Unlock { session: None, version: None }))
        }
        Refusal::PinLocked { until } => {
            (Code::PinLocked, json!({"until": until}), Some(Next::WaitUntil { time: until.to_string() }))
        }
        Refusal::PinNotSet { principal } => {
            let next = Next::SetPin { principal: Some(principal.to_string()) };
            (Code::PinNotSet, json!({"principal": principal}), Some(next))
        }
        Refusal::PinUnusable { principal } => {
            (Code::PinUnusable, json!({"principal": principal}), Some(Next::VerifyRecord))
        }
        _ => unsorted(),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the caller's match is exhaustive and sorts into groups")]
fn gate_of_step(refusal: &Refusal) -> Parts {
    let show = |session: &calt_core::SessionId, step: &calt_core::StepId| Next::ShowStep {
        session: session.to_string(),
        step: step.to_string(),
    };
    let approve = |session: &calt_core::SessionId, step: &calt_core::StepId, digest: Option<String>| {
        Next::ApproveStep { session: session.to_string(), step: step.to_string(), digest }
    };
    match refusal {
        Refusal::StepNotApproved { session, step } => {
            (Code::StepNotApproved, json!({"session": session, "step": step}), Some(approve(session, step, None)))
        }
        Refusal::DigestRequired { session, step, digest } => {
            let next = approve(session, step, digest.map(|digest| digest.to_string()));
            (Code::DigestRequired, json!({"session": session, "step": step, "digest": digest}), Some(next))
        }
        Refusal::DigestChanged { session, what, step, version, actual } => {
            let next = match step {
                Some(step) => show(session, step),
                None => Next::ShowPlan { session: session.to_string(), version: *version },
            };
            (
                Code::DigestChanged,
                json!({"session": session, "what": what, "step": step, "version": version, "actual": actual}),
                Some(next),
            )
        }
        Refusal::ReferenceUnresolved { session, step, reference, reason, from } => {
            let args = json!({"session": session, "step": step, "reference": reference, "reason": reason});
            (Code::ReferenceUnresolved, args, Some(show(session, from.as_ref().unwrap_or(step))))
        }
        Refusal::RiskUnconfirmed { session, step } => {
            let next = Next::ConfirmHighRisk { session: session.to_string(), step: step.to_string() };
            (Code::RiskUnconfirmed, json!({"session": session, "step": step}), Some(next))
        }
        Refusal::HighRiskNotAlone { session, step } => {
            let args = json!({"session": session, "step": step});
            (Code::HighRiskNotAlone, args, Some(approve(session, step, None)))
        }
        Refusal::DryRun { session, step } => {
            (Code::DryRun, json!({"session": session, "step": step}), Some(Next::CreateSession))
        }
        Refusal::IsolationUnavailable { session, step, tier } => {
            (Code::IsolationUnavailable, json!({"session": session, "step": step, "tier": tier}), Some(Next::RunDoctor))
        }
        Refusal::OutOfOrder { session, step, next } => {
            let args = json!({"session": session, "step": step, "next": next});
            (Code::OutOfOrder, args, Some(Next::ExecuteStep { session: session.to_string(), step: next.to_string() }))
        }
        Refusal::RunInProgress { session, step, run } => (
            Code::RunInProgress,
            json!({"session": session, "step": step, "run": run}),
            Some(Next::WaitRun { run: run.0 }),
        ),
        Refusal::AlreadyRan { session, step, run } => {
            let next = Next::ShowSession { session: session.to_string() };
            (Code::AlreadyRan, json!({"session": session, "step": step, "run": run}), Some(next))
        }
        _ => unsorted(),
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
    use calt_core::{SessionId, StepId};

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
