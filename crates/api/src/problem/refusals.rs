//! What a refusal of the gate is on the wire.

use calt_core::Refusal;
use calt_core::pin::Purpose;
use calt_core::quota;
use serde_json::{Value, json};

use super::Problem;
use crate::code::Code;
use crate::next::Next;

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
