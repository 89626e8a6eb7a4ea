//! The next step as a command a person can paste. Words in capitals stand for what only they know.

use calt_api::{Next, Problem};

/// The command that would lead on; `session` helps where the action does not name one.
pub(crate) fn command(next: &Next, session: Option<&str>) -> Option<String> {
    Some(match next {
        Next::ApprovePlan { session, version } => format!("calt plan approve {session} {version}"),
        Next::ApproveStep { session, step, .. } => format!("calt step approve {session} {step}"),
        Next::ExecuteStep { session, step } => format!("calt step execute {session} {step}"),
        Next::ConfirmHighRisk { session, step } => format!("calt step execute {session} {step} --confirm-high-risk"),
        Next::ImportPlan { session, .. } => format!("calt run PLAN --session {session}"),
        Next::TakeBack { session, run: Some(run) } => format!("calt undo {session} {run}"),
        Next::TakeBack { session, run: None } => format!("calt undo {session}"),
        Next::ShowPlan { session, version } => format!("calt plan show {session} {version}"),
        Next::ShowStep { session, step } => format!("calt step show {session} {step}"),
        Next::ShowSession { session } => format!("calt explain {session}"),
        Next::CreateSession => "calt run PLAN".to_owned(),
        Next::WaitRun { .. } => {
            session.map_or_else(|| "calt logs follow".to_owned(), |session| format!("calt run --session {session}"))
        }
        Next::CheckPlan => "calt plan check PLAN".to_owned(),
        Next::ListTools => "calt tools list".to_owned(),
        Next::ListArtifacts { session } => format!("calt artifacts list {session}"),
        Next::StartDaemon => "calt daemon".to_owned(),
        Next::ListTokens => "calt token list".to_owned(),
        Next::ListWorkspaces => "calt workspace list".to_owned(),
        Next::ListPersons => "calt person list".to_owned(),
        Next::AskApprover => {
            session.map_or_else(|| "calt session list".to_owned(), |session| format!("calt run --session {session}"))
        }
        Next::VerifyRecord => "calt record verify".to_owned(),
        Next::ListSessions => "calt session list".to_owned(),
        Next::GiveToken | Next::RunDoctor | Next::RetryLater => "calt doctor".to_owned(),
        // The sentence says what to mend; there is no command to type.
        Next::GiveReason | Next::CorrectRequest | Next::Nothing => return None,
    })
}

/// The hint after a problem.
pub(crate) fn of_problem(problem: &Problem) -> Option<String> {
    let of_base_url = problem.args["what"].as_str().is_some_and(|what| what.starts_with("base URL"));
    if problem.code == "input_invalid" && of_base_url {
        return Some("export CALT_DAEMON_BASE_URL=http://127.0.0.1:8000".to_owned());
    }
    match &problem.next {
        Some(next) => command(next, problem.args["session"].as_str()),
        None => None,
    }
}

/// Text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_a_command() {
        let next = Next::ApproveStep { session: "session_1".into(), step: "a".into(), digest: None };
        assert_eq!(command(&next, None).unwrap(), "calt step approve session_1 a");
        assert_eq!(command(&Next::Nothing, None), None);
        assert_eq!(command(&Next::WaitRun { run: 3 }, Some("s")).unwrap(), "calt run --session s");
    }

    #[test]
    fn a_name_with_spaces_stays_one_word() {
        assert_eq!(quoted("計画.yaml"), "計画.yaml");
        assert_eq!(quoted("my plan.yaml"), "'my plan.yaml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
