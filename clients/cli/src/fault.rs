//! Why a command did not do what was asked: one line, its cause, and the next command.

use std::collections::BTreeSet;

use calt_api::client::CallError;
use calt_api::code::EXIT_WORK_FAILED;
use calt_api::{Code, Next, Problem};
use serde_json::{Value, json};

use crate::table::{broken, with_command};
use crate::words::{language, t};
use crate::{hint, render};

/// The exit code of wrong usage.
pub(crate) const EXIT_USAGE: u8 = Code::InputInvalid.family().exit();
const EXIT_GATE: u8 = Code::StepNotApproved.family().exit();
const EXIT_REACH: u8 = Code::DaemonUnreachable.family().exit();
const EXIT_MACHINE: u8 = Code::StorageUnavailable.family().exit();
const EXIT_BUG: u8 = Code::Internal.family().exit();
/// `wait` gave up, and nothing is wrong: `EX_TEMPFAIL` of sysexits.
const EXIT_STILL_WAITING: u8 = 75;
/// Something in the record, or that leads to it, is not what it should be.
const EXIT_DIFFERS: u8 = 6;
/// What a shell reports of a command that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Most lines of a plan that a hint names.
const LINES_NAMED_MAX: usize = 5;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The daemon refused.
    Problem(Box<Problem>),
    /// A plan has problems, each with its place.
    Plan { name: String, text: String, problems: Vec<Value> },
    /// The command was used wrongly, or a file cannot be read.
    Usage { message: String, hint: Option<String> },
    /// The gate is closed until somebody says yes.
    Gate { message: String, hint: String },
    /// No daemon can be had.
    Reach { message: String, hint: String },
    /// This machine does not allow it now.
    Machine { message: String },
    /// The work itself failed.
    Work { message: String, next: Option<Next> },
    /// The person pressed Ctrl-C.
    Interrupted { message: String, hint: String },
    /// Something that should not be.
    Bug(String),
    /// The time to wait is over.
    StillWaiting { message: String, hint: String },
    /// Some check failed, and what was printed says which.
    Found,
    /// The record and what was compared with it are not the same, and what was printed says where.
    Differs,
    /// The reader of our output has seen enough: no failure.
    Unread,
    /// The same, where what was printed as JSON already holds it.
    Printed(Box<Self>),
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Problem(problem) => Self::Problem(problem),
            CallError::Unexpected(message) => Self::Bug(message),
        }
    }
}

impl Fault {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// The end of input where an answer was expected.
    pub(crate) fn no_answer(hint: impl Into<String>) -> Self {
        Self::Gate { message: t!("the input ended without an answer; nothing was decided"), hint: hint.into() }
    }

    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Problem(problem) => problem.exit(),
            Self::Plan { .. } | Self::Usage { .. } => EXIT_USAGE,
            Self::Gate { .. } => EXIT_GATE,
            Self::Reach { .. } => EXIT_REACH,
            Self::Machine { .. } => EXIT_MACHINE,
            Self::Work { .. } | Self::Found => EXIT_WORK_FAILED,
            Self::Interrupted { .. } => EXIT_INTERRUPTED,
            Self::StillWaiting { .. } => EXIT_STILL_WAITING,
            Self::Bug(_) => EXIT_BUG,
            Self::Differs => EXIT_DIFFERS,
            Self::Unread => 0,
            Self::Printed(fault) => fault.exit(),
        }
    }

    /// What standard output says of it under `--json`; `None` where something was printed already.
    pub(crate) fn json(&self) -> Option<Value> {
        let mut said = match self {
            Self::Problem(problem) => json!(problem),
            Self::Plan { problems, .. } => json!({"code": Code::PlanInvalid.as_str(), "args": {"problems": problems}}),
            Self::Usage { .. } => json!({"code": "usage"}),
            Self::Gate { .. } => json!({"code": "gate"}),
            Self::Reach { .. } => json!({"code": Code::DaemonUnreachable.as_str()}),
            Self::Machine { .. } => json!({"code": "machine"}),
            Self::Work { next, .. } => json!({"code": "work_failed", "next": next}),
            Self::Interrupted { .. } => json!({"code": "interrupted"}),
            Self::StillWaiting { .. } => json!({"code": "still_waiting"}),
            Self::Bug(_) => json!({"code": Code::Internal.as_str()}),
            Self::Found | Self::Differs | Self::Unread | Self::Printed(_) => return None,
        };
        for name in ["args", "next"] {
            if said.get(name).is_none() {
                said[name] = Value::Null;
            }
        }
        said["detail"] = json!(self.message());
        said["hint"] = json!(self.hint());
        said["exit"] = json!(self.exit());
        Some(said)
    }

    /// `error: …` and, where there is one, `hint: …`.
    pub(crate) fn render(&self) -> String {
        let before = match self {
            Self::Found | Self::Differs | Self::Unread => return String::new(),
            Self::Printed(fault) => return fault.render(),
            Self::Plan { name, text, problems } => render::plan_problems(name, text, problems),
            Self::Problem(_)
            | Self::Usage { .. }
            | Self::Gate { .. }
            | Self::Reach { .. }
            | Self::Machine { .. }
            | Self::Work { .. }
            | Self::Interrupted { .. }
            | Self::StillWaiting { .. }
            | Self::Bug(_) => String::new(),
        };
        let message = self.said();
        let said = match self.hint() {
            Some(hint) => {
                let hint = calt_api::visible::visible_line(&hint);
                t!("error: {message}\nhint: {hint}\n", message = message, hint = hint)
            }
            None => t!("error: {message}\n", message = message),
        };
        // A command is copied as it stands; only the sentence is broken.
        let (sentence, rest) = said.split_once('\n').unwrap_or((&said, ""));
        let command = self.hint().unwrap_or_default();
        format!("{before}{}\n{}", broken(sentence), with_command(rest, &calt_api::visible::visible_line(&command)))
    }

    /// The sentence alone, in the person's language.
    pub(crate) fn said(&self) -> String {
        let message = match self {
            Self::Problem(problem) => locked(problem).unwrap_or_else(|| problem.said_in(language())),
            Self::Plan { .. }
            | Self::Usage { .. }
            | Self::Gate { .. }
            | Self::Reach { .. }
            | Self::Machine { .. }
            | Self::Work { .. }
            | Self::Interrupted { .. }
            | Self::StillWaiting { .. }
            | Self::Bug(_)
            | Self::Found
            | Self::Differs
            | Self::Unread
            | Self::Printed(_) => self.message(),
        };
        calt_api::visible::visible_line(&message).into_owned()
    }

    fn message(&self) -> String {
        match self {
            Self::Problem(problem) => problem.detail.clone(),
            Self::Plan { name, problems, .. } => match problems.len() {
                1 => t!("plan `{name}` has a problem and cannot be imported", name = name),
                count => {
                    t!("plan `{name}` has {count} problems and cannot be imported", name = name, count = count)
                }
            },
            Self::Usage { message, .. }
            | Self::Gate { message, .. }
            | Self::Reach { message, .. }
            | Self::Machine { message }
            | Self::Work { message, .. }
            | Self::Interrupted { message, .. }
            | Self::StillWaiting { message, .. }
            | Self::Bug(message) => message.clone(),
            Self::Found | Self::Differs | Self::Unread => String::new(),
            Self::Printed(fault) => fault.message(),
        }
    }

    /// What happened, without the way on.
    pub(crate) fn message_alone(&self) -> String {
        self.message()
    }

    /// The next command.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Problem(problem) => hint::of_problem(problem),
            Self::Plan { name, problems, .. } => Some(mending(name, problems)),
            Self::Usage { hint, .. } => hint.clone(),
            Self::Gate { hint, .. }
            | Self::Reach { hint, .. }
            | Self::Interrupted { hint, .. }
            | Self::StillWaiting { hint, .. } => Some(hint.clone()),
            Self::Work { next, .. } => next.as_ref().and_then(|next| hint::command(next, None)),
            Self::Machine { .. } | Self::Bug(_) => Some("calt doctor".to_owned()),
            Self::Found | Self::Differs | Self::Unread => None,
            Self::Printed(fault) => fault.hint(),
        };
        hint.map(|hint| hint::here(&hint))
    }
}

/// What to do about a plan with problems: a command alone would only show them again.
fn mending(name: &str, problems: &[Value]) -> String {
    let all: BTreeSet<u64> = problems.iter().filter_map(|problem| problem["line"].as_u64()).collect();
    let more = if all.len() > LINES_NAMED_MAX { ", …" } else { "" };
    let lines = all.iter().take(LINES_NAMED_MAX).map(ToString::to_string).collect::<Vec<_>>().join(&t!(", ")) + more;
    let command = hint::here(&format!("calt plan check {}", hint::quoted(name)));
    match name {
        // What comes down a pipe is mended where it comes from.
        "-" if all.len() > 1 => t!("mend what wrote it (lines {lines}), as each `fix` says", lines = lines),
        "-" => t!("mend what wrote it (line {lines}), as its `fix` says", lines = lines),
        _ if all.len() > 1 => t!(
            "edit {name} (lines {lines}) as each `fix` says, then: {command}",
            name = hint::quoted(name),
            lines = lines,
            command = command
        ),
        _ => t!(
            "edit {name} (line {lines}) as its `fix` says, then: {command}",
            name = hint::quoted(name),
            lines = lines,
            command = command
        ),
    }
}

/// Until when a PIN is locked, by the clock on the wall; `None` where none is.
fn locked(problem: &Problem) -> Option<String> {
    let until = problem.args["until"].as_str().filter(|_| problem.code == Code::PinLocked.as_str())?;
    Some(language().locked_until(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_the_same_in_both_forms() {
        let fault = Fault::Gate { message: "closed\u{1b}[2J".to_owned(), hint: "calt explain s".to_owned() };
        assert_eq!(fault.render(), "error: closed\\u{1b}[2J\nhint: calt explain s\n");
        let json = fault.json().unwrap();
        assert_eq!((json["code"].as_str(), json["exit"].as_u64()), (Some("gate"), Some(3)));
        assert_eq!(json["hint"], "calt explain s");
        assert!(json["next"].is_null() && json["args"].is_null());
    }

    #[test]
    fn what_was_printed_is_not_printed_twice() {
        let fault = Fault::Printed(Box::new(Fault::Work { message: "step a failed".to_owned(), next: None }));
        assert_eq!((fault.exit(), fault.json()), (1, None));
        assert_eq!(fault.render(), "error: step a failed\n");
    }
}
