//! The next step as a command a person can paste. Words in capitals stand for what only they know.

use std::sync::OnceLock;

use calt_api::{Code, Next, Problem};

/// The options that every command needs to find the same daemon: those that were given as flags. A variable stays
/// set for the next command, and a token is written into no hint.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) data_root: Option<String>,
    pub(crate) base_url: Option<String>,
}

static GIVEN: OnceLock<Given> = OnceLock::new();

/// Whom hints lead on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody whose yes and no count.
    #[default]
    Decides,
    /// An agent, a viewer or a surface: what only a person may do leads them nowhere, so they wait.
    Waits,
}

static READER: OnceLock<Reader> = OnceLock::new();

/// Keeps whom hints lead on, once, when it is known.
pub(crate) fn speak_to(reader: Reader) {
    let _ = READER.set(reader);
}

fn reader() -> Reader {
    READER.get().copied().unwrap_or_default()
}

/// The command that leads on in a session: to see it through, or to wait for who decides.
pub(crate) fn go_on(session: &str) -> String {
    reader().go_on(session)
}

impl Reader {
    fn go_on(self, session: &str) -> String {
        match self {
            Self::Decides => format!("calt run --session {session}"),
            Self::Waits => format!("calt wait {session} --until decided"),
        }
    }
}

/// Keeps what hints repeat, once, when the arguments are read.
pub(crate) fn repeat(given: Given) {
    let _ = GIVEN.set(given);
}

/// A command as it is typed here: one of calt's own with the options that were given.
pub(crate) fn here(command: &str) -> String {
    GIVEN.get().map_or_else(|| command.to_owned(), |given| given.with(command))
}

impl Given {
    fn with(&self, command: &str) -> String {
        let option = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {name} {}", quoted(value))).unwrap_or_default()
        };
        let root = option("--data-root", &self.data_root);
        // A daemon is started at no address but its own.
        let base =
            if command.starts_with("calt daemon") { String::new() } else { option("--base-url", &self.base_url) };
        let options = format!("{root}{base}");
        let is_whole = options.is_empty() || command.contains(&options);
        if is_whole || !command.starts_with("calt ") { command.to_owned() } else { format!("{command}{options}") }
    }
}

/// The command that was typed, to be typed again. A token stays out of it.
pub(crate) fn again() -> String {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    again_of(&words)
}

fn again_of(words: &[String]) -> String {
    let mut command = "calt".to_owned();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--token" {
            words.next();
        } else if !word.starts_with("--token=") {
            command.push(' ');
            command.push_str(&quoted(word));
        }
    }
    command
}

/// The command that would lead on; `session` helps where the action does not name one.
pub(crate) fn command(next: &Next, session: Option<&str>) -> Option<String> {
    plain(next, session, reader()).map(|command| here(&command))
}

fn plain(next: &Next, session: Option<&str>, reader: Reader) -> Option<String> {
    Some(match next {
        Next::ApprovePlan { session, .. }
        | Next::ApproveStep { session, .. }
        | Next::ConfirmHighRisk { session, .. }
            if reader == Reader::Waits =>
        {
            reader.go_on(session)
        }
        Next::ImportPlan { session, .. } if reader == Reader::Waits => format!("calt plan import {session} PLAN"),
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
        Next::WaitRun { .. } => session.map_or_else(|| "calt logs follow".to_owned(), |session| reader.go_on(session)),
        Next::CheckPlan => "calt plan check PLAN".to_owned(),
        Next::ListTools => "calt tools list".to_owned(),
        Next::ListArtifacts { session } => format!("calt artifacts list {session}"),
        Next::StartDaemon => "calt daemon".to_owned(),
        Next::ListTokens => "calt token list".to_owned(),
        Next::ListWorkspaces => "calt workspace list".to_owned(),
        Next::ListPersons => "calt person list".to_owned(),
        Next::AskApprover => session.map_or_else(|| "calt session list".to_owned(), |session| reader.go_on(session)),
        Next::VerifyRecord => "calt record verify".to_owned(),
        // On a terminal the command that was refused asks for it.
        Next::Unlock { session: None, .. } => "run it again on a terminal, where the PIN can be typed".to_owned(),
        Next::Unlock { session: Some(session), .. } => reader.go_on(session),
        Next::SetPin { principal: Some(principal) } if principal != "owner" => {
            format!("calt daemon stop && calt pin set --for {principal}")
        }
        Next::SetPin { .. } => "calt daemon stop && calt pin set".to_owned(),
        Next::ListSessions => "calt session list".to_owned(),
        Next::GiveToken | Next::RunDoctor | Next::RetryLater | Next::WaitUntil { .. } => "calt doctor".to_owned(),
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
    if [Code::PinWrong.as_str(), Code::PinLocked.as_str()].contains(&problem.code.as_str()) {
        // The PIN is asked for by the command that wanted it, and by no other.
        return Some(problem.args["session"].as_str().map_or_else(again, go_on));
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
    fn who_may_not_decide_is_led_to_a_wait() {
        let session = || "s".to_owned();
        for next in [
            Next::ApprovePlan { session: session(), version: 1 },
            Next::ApproveStep { session: session(), step: "a".to_owned(), digest: None },
            Next::ConfirmHighRisk { session: session(), step: "a".to_owned() },
            Next::AskApprover,
            Next::WaitRun { run: 1 },
        ] {
            let command = plain(&next, Some("s"), Reader::Waits);
            assert_eq!(command.as_deref(), Some("calt wait s --until decided"), "{next:?}");
        }
        let import = Next::ImportPlan { session: session(), version: None };
        assert_eq!(plain(&import, None, Reader::Waits).unwrap(), "calt plan import s PLAN");
        let execute = Next::ExecuteStep { session: session(), step: "a".to_owned() };
        assert_eq!(plain(&execute, None, Reader::Waits).unwrap(), "calt step execute s a");
    }

    #[test]
    fn a_hint_repeats_the_options_once_and_only_in_commands_of_calt() {
        let given = Given { data_root: Some("/a b".to_owned()), base_url: Some("http://127.0.0.1:1".to_owned()) };
        let whole = given.with("calt explain s");
        assert_eq!(whole, "calt explain s --data-root '/a b' --base-url http://127.0.0.1:1");
        assert_eq!(given.with(&whole), whole);
        assert_eq!(given.with("calt daemon --port 1"), "calt daemon --port 1 --data-root '/a b'");
        assert_eq!(given.with("ls ."), "ls .");
        assert_eq!(Given::default().with("calt inbox"), "calt inbox");
    }

    #[test]
    fn a_command_that_is_to_be_typed_again_has_no_token() {
        let words = ["--token", "calt_x", "person", "add", "a b", "--token=calt_y"].map(str::to_owned);
        assert_eq!(again_of(&words), "calt person add 'a b'");
    }

    #[test]
    fn a_name_with_spaces_stays_one_word() {
        assert_eq!(quoted("計画.yaml"), "計画.yaml");
        assert_eq!(quoted("my plan.yaml"), "'my plan.yaml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
