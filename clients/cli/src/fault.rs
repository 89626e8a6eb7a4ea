//! Why a command did not do what was asked: one line, its cause, and the next command.

use calt_api::client::CallError;
use calt_api::{Next, Problem};
use serde_json::{Value, json};

use crate::hint;

/// The exit code of wrong usage.
pub(crate) const EXIT_USAGE: u8 = 2;
/// The exit code of a refusal of the gate.
pub(crate) const EXIT_GATE: u8 = 3;
const EXIT_BUG: u8 = 70;
const EXIT_REACH: u8 = 5;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The daemon refused.
    Problem(Box<Problem>),
    /// The command was used wrongly, or a file cannot be read.
    Usage { message: String, hint: Option<String> },
    /// The gate is closed until somebody says yes.
    Gate { message: String, hint: String },
    /// No daemon can be had.
    Reach { message: String, hint: String },
    /// The work itself failed.
    Work { message: String, next: Option<Next> },
    /// Something that should not be.
    Bug(String),
    /// All was said already.
    Quiet(u8),
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Problem(problem) => Self::Problem(problem),
            CallError::Unexpected(message) => Self::Bug(message),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        // A reader that has seen enough closes the pipe: that is no failure of ours.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Quiet(0);
        }
        Self::Usage { message: error.to_string(), hint: None }
    }
}

impl Fault {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    pub(crate) const fn exit_of_failed_work() -> u8 {
        calt_api::code::EXIT_WORK_FAILED
    }

    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Problem(problem) => problem.exit(),
            Self::Usage { .. } => EXIT_USAGE,
            Self::Gate { .. } => EXIT_GATE,
            Self::Reach { .. } => EXIT_REACH,
            Self::Work { .. } => Self::exit_of_failed_work(),
            Self::Bug(_) => EXIT_BUG,
            Self::Quiet(code) => *code,
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Problem(problem) => json!(problem),
            Self::Usage { message, hint } => json!({"detail": message, "hint": hint}),
            Self::Gate { message, hint } | Self::Reach { message, hint } => json!({"detail": message, "hint": hint}),
            Self::Work { message, next } => json!({"detail": message, "next": next}),
            Self::Bug(message) => json!({"detail": message}),
            Self::Quiet(_) => Value::Null,
        }
    }

    /// `error: …` and, where there is one, `hint: …`.
    pub(crate) fn render(&self) -> String {
        let (message, hint) = match self {
            Self::Problem(problem) => (problem.detail.clone(), hint::of_problem(problem)),
            Self::Usage { message, hint } => (message.clone(), hint.clone()),
            Self::Gate { message, hint } | Self::Reach { message, hint } => (message.clone(), Some(hint.clone())),
            Self::Work { message, next } => (message.clone(), next.as_ref().and_then(hint::command)),
            Self::Bug(message) => (message.clone(), Some("calt doctor".to_owned())),
            Self::Quiet(_) => return String::new(),
        };
        let message = calt_api::visible::visible(&message).into_owned();
        match hint {
            Some(hint) => format!("error: {message}\nhint: {hint}\n"),
            None => format!("error: {message}\n"),
        }
    }
}
