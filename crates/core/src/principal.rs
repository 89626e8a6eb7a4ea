//! Who speaks to the daemon, and what they merely say of themselves.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::policy;
use crate::roster::Principal;

/// Longest name of a principal, in characters.
pub const PRINCIPAL_CHARS_MAX: usize = 64;

/// A principal's name: `[A-Za-z0-9_.@-]{1,64}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PrincipalId(Arc<str>);

impl PrincipalId {
    /// Reads a name; `None` when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        (!text.is_empty() && text.len() <= PRINCIPAL_CHARS_MAX && text.bytes().all(fits)).then(|| Self(text.into()))
    }

    /// The daemon itself: it ends runs and records what it found at start.
    pub fn daemon() -> Self {
        Self("daemon".into())
    }

    /// The person made at the first start.
    pub fn owner() -> Self {
        Self("owner".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for PrincipalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PrincipalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a principal's name"))
    }
}

/// What kind of thing a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A human being.
    Person,
    /// A program that proposes and runs what was approved.
    Agent,
    /// A chat that speaks for persons.
    Surface,
    /// calt's own daemon.
    Daemon,
}

/// What a principal may do; see [`crate::policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Proposes, and runs what was approved.
    Agent,
    /// Decides.
    Approver,
    /// Speaks for bound persons.
    Relay,
    /// Everything, and administration.
    Owner,
    /// The daemon's own entries in the log.
    Daemon,
}

impl Role {
    /// Every role, in the order they are shown.
    pub const ALL: [Self; 6] = [Self::Viewer, Self::Agent, Self::Approver, Self::Relay, Self::Owner, Self::Daemon];
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Approver => "approver",
            Self::Relay => "relay",
            Self::Owner => "owner",
            Self::Daemon => "daemon",
        })
    }
}

/// How surely a decision came from its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// A chat says so, whose own token was shown: as sure as the account there.
    Relay,
    /// A bearer token was shown.
    Token,
    /// A PIN was typed for this plan version.
    Pin,
}

/// Who the credential proves. Nothing in a request's body can change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The principal.
    pub principal: PrincipalId,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Its role.
    pub role: Role,
}

impl Caller {
    /// The daemon itself.
    pub fn daemon() -> Self {
        Self { principal: PrincipalId::daemon(), kind: PrincipalKind::Daemon, role: Role::Daemon }
    }

    /// A person for whom a chat speaks.
    pub fn relayed(person: &Principal) -> Self {
        Self { principal: person.id.clone(), kind: person.kind, role: policy::relayed(person.role) }
    }
}

/// What a client says of itself. Recorded as a claim, never believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The surface it says it is (`cli`, `discord`, `api`).
    pub source: Option<String>,
    /// Who it says speaks (`user_id` or `approved_by`).
    pub user_id: Option<String>,
    /// The message that caused the call.
    pub message_id: Option<String>,
}
