//! The next step as a command a person can type.

use calt_api::{Next, Problem};

/// The command that would lead on.
pub(crate) fn command(next: &Next) -> Option<String> {
    Some(match next {
        Next::ApprovePlan { session, version } => format!("calt plan approve {session} {version}"),
        Next::ApproveStep { session, step, .. } => format!("calt step approve {session} {step}"),
        Next::ExecuteStep { session, step } => format!("calt step execute {session} {step}"),
        Next::ConfirmHighRisk { session, step } => format!("calt step execute {session} {step} --confirm-high-risk"),
        Next::ImportPlan { session, version: Some(version) } => {
            format!("calt run PLAN --session {session}    (a plan with version {version})")
        }
        Next::ImportPlan { session, version: None } => format!("calt run PLAN --session {session}"),
        Next::ShowPlan { session, version } => format!("calt plan show {session} {version}"),
        Next::ShowStep { session, step } => format!("calt step show {session} {step}"),
        Next::ShowSession { session } => format!("calt explain {session}"),
        Next::CreateSession => "calt run PLAN".to_owned(),
        Next::ListSessions => "calt session list".to_owned(),
        Next::WaitRun { run } => format!("wait for run {run}: calt logs follow"),
        Next::CheckPlan => "calt plan check PLAN".to_owned(),
        Next::ListTools => "calt tools list".to_owned(),
        Next::ListArtifacts { session } => format!("calt artifacts list {session}"),
        Next::GiveToken => "name a token with --token, or make one with calt token create".to_owned(),
        Next::ListTokens => "calt token list".to_owned(),
        Next::GiveReason => "give one with --reason".to_owned(),
        Next::AskApprover => "ask somebody whose role allows it; calt token list shows the roles".to_owned(),
        Next::StartDaemon => "calt daemon".to_owned(),
        Next::RunDoctor => "calt doctor".to_owned(),
        Next::RetryLater => "try again in a moment".to_owned(),
        // The sentence says what to mend; there is no command to type.
        Next::CorrectRequest | Next::Nothing => return None,
    })
}

/// The hint after a problem.
pub(crate) fn of_problem(problem: &Problem) -> Option<String> {
    if let Some(next) = &problem.next {
        return command(next);
    }
    match problem.code.as_str() {
        "reason_required" => Some("give one with --reason".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_a_command() {
        let next = Next::ApproveStep { session: "session_1".into(), step: "a".into(), digest: None };
        assert_eq!(command(&next).unwrap(), "calt step approve session_1 a");
        assert_eq!(command(&Next::Nothing), None);
    }
}
