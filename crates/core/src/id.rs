//! The names things go by: sessions, steps, runs, events, artifacts.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest step id, in characters.
pub const STEP_ID_CHARS_MAX: usize = 64;
const SESSION_ID_CHARS_MAX: usize = 72;

/// A session's id: `session_` and up to 64 of `[A-Za-z0-9_-]`, so that it can name a directory.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Reads a session id; `None` when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("session_")?;
        (text.len() <= SESSION_ID_CHARS_MAX && is_name(rest)).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A step's id, unique in its plan: `[A-Za-z0-9_-]{1,64}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StepId(Arc<str>);

impl StepId {
    /// Reads a step id; `None` when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() <= STEP_ID_CHARS_MAX && is_name(text)).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

macro_rules! text_id {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("not a ", $what, " id")))
            }
        }
    };
}
text_id!(SessionId, "session");
text_id!(StepId, "step");

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The number after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}
number_id!(
    /// One execution of one approved step.
    RunId
);
number_id!(
    /// One event; dense, from 1, over the whole log.
    EventId
);
number_id!(
    /// One file a run left behind.
    ArtifactId
);
