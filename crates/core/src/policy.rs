//! Who may do what: one table of (role × act).

use crate::principal::{Assurance, Role};
use crate::toolbox::Risk;

/// What a caller wants to do, as far as rights are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Read sessions, plans, events, artifacts, tools.
    Read,
    /// Make a session in `strict`.
    CreateStrictSession,
    /// Make a session in `dev`.
    CreateDevSession,
    /// Import and check plans.
    ImportPlan,
    /// Approve, reject or skip.
    Decide,
    /// Execute what is approved.
    Execute,
    /// Say yes to high risk when executing.
    ConfirmHighRisk,
    /// Stop a session of one's own.
    StopOwnSession,
    /// Stop anyone's session.
    StopAnySession,
    /// Take the record of a session away in a file; the log says so.
    ExportRecord,
    /// Take what a session wrote with nothing masked; the log says so.
    ReleaseContent,
    /// Speak for the persons of a chat, keep its buttons and say whom it refused.
    SpeakForPersons,
    /// Add and remove people, tokens and workspaces.
    Administer,
    /// End runs, record what was found at start, and say what the daemon says of itself.
    EndRuns,
}

impl Act {
    /// Every act, in the order they are shown.
    pub const ALL: [Self; 14] = [
        Self::Read,
        Self::CreateStrictSession,
        Self::CreateDevSession,
        Self::ImportPlan,
        Self::Decide,
        Self::Execute,
        Self::ConfirmHighRisk,
        Self::StopOwnSession,
        Self::StopAnySession,
        Self::ExportRecord,
        Self::ReleaseContent,
        Self::SpeakForPersons,
        Self::Administer,
        Self::EndRuns,
    ];

    /// The act in words that follow "may" or "may not".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::CreateStrictSession => "make a strict session",
            Self::CreateDevSession => "make a dev session",
            Self::ImportPlan => "import a plan",
            Self::Decide => "approve, reject or skip",
            Self::Execute => "execute what is approved",
            Self::ConfirmHighRisk => "confirm high risk",
            Self::StopOwnSession => "stop a session of its own",
            Self::StopAnySession => "stop a session of somebody else",
            Self::ExportRecord => "take the record of a session away",
            Self::ReleaseContent => "see unmasked what a session wrote",
            Self::SpeakForPersons => "speak for the persons of a chat",
            Self::Administer => "see or change people and tokens, or change workspaces",
            Self::EndRuns => "end a run or speak for the daemon",
        }
    }
}

/// What the owner demands of approvals beyond the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// Whether who proposed a plan may approve it and its steps.
    pub self_approval: bool,
    /// Whether a yes given beforehand by a flag counts.
    pub unattended: bool,
    /// How surely an approval must come from its person.
    pub assurance: AssuranceByRisk,
}

/// How surely an approval must come from its person, risk by risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssuranceByRisk {
    /// For low risk.
    pub low: Assurance,
    /// For medium risk.
    pub medium: Assurance,
    /// For high risk.
    pub high: Assurance,
}

impl AssuranceByRisk {
    /// What is demanded for this risk.
    pub const fn of(self, risk: Risk) -> Assurance {
        match risk {
            Risk::Low => self.low,
            Risk::Medium => self.medium,
            Risk::High => self.high,
        }
    }

    /// The rule for this risk as the configuration names it; `None` where a token is enough.
    pub const fn rule(self, risk: Risk) -> Option<&'static str> {
        match (self.of(risk), risk) {
            (Assurance::Relay | Assurance::Token, _) => None,
            (Assurance::Pin, Risk::Low) => Some("policy.assurance.low = pin"),
            (Assurance::Pin, Risk::Medium) => Some("policy.assurance.medium = pin"),
            (Assurance::Pin, Risk::High) => Some("policy.assurance.high = pin"),
        }
    }
}

impl Default for AssuranceByRisk {
    fn default() -> Self {
        Self { low: Assurance::Token, medium: Assurance::Token, high: Assurance::Token }
    }
}

impl Default for Demands {
    fn default() -> Self {
        Self { self_approval: true, unattended: true, assurance: AssuranceByRisk::default() }
    }
}

impl Demands {
    /// The rules for this risk as the configuration names them; `None` when nothing more is demanded.
    pub fn words(self, risk: Risk) -> Option<String> {
        let other_person = (!self.self_approval).then_some("policy.self_approval = false");
        let a_look = (!self.unattended).then_some("policy.unattended = false");
        let rules: Vec<_> = other_person.into_iter().chain(a_look).chain(self.assurance.rule(risk)).collect();
        (!rules.is_empty()).then(|| rules.join(", "))
    }
}

/// The table. A relay acts with the role of the person it speaks for; its own role only makes and imports.
pub const fn allows(role: Role, act: Act) -> bool {
    match role {
        Role::Viewer => matches!(act, Act::Read),
        Role::Agent => {
            matches!(act, Act::Read | Act::CreateStrictSession | Act::ImportPlan | Act::Execute | Act::StopOwnSession)
        }
        Role::Relay => {
            matches!(act, Act::Read | Act::CreateStrictSession | Act::ImportPlan | Act::SpeakForPersons)
        }
        Role::Approver => !matches!(act, Act::SpeakForPersons | Act::Administer | Act::EndRuns),
        // A person's own token never speaks for others: whom it spoke for would be a claim.
        Role::Owner => !matches!(act, Act::SpeakForPersons | Act::EndRuns),
        Role::Daemon => matches!(act, Act::Read | Act::EndRuns | Act::Administer),
    }
}

/// What a person may do when a chat speaks for them. Nobody administers from a chat: an owner decides there as an
/// approver does. Everybody a chat speaks for may make sessions and import, as the chat itself may.
pub const fn relayed(role: Role) -> Role {
    match role {
        Role::Owner | Role::Approver => Role::Approver,
        Role::Viewer | Role::Agent | Role::Relay | Role::Daemon => Role::Relay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_never_decides_confirms_or_administers() {
        for act in [
            Act::Decide,
            Act::ConfirmHighRisk,
            Act::Administer,
            Act::CreateDevSession,
            Act::StopAnySession,
            Act::EndRuns,
        ] {
            for role in [Role::Agent, Role::Viewer, Role::Relay] {
                assert!(!allows(role, act), "{role} may {}", act.words());
            }
        }
    }

    #[test]
    fn nobody_administers_or_speaks_for_others_through_a_chat_they_are_bound_in() {
        for role in Role::ALL {
            let relayed = relayed(role);
            assert!(!allows(relayed, Act::Administer) && !allows(relayed, Act::EndRuns), "{role}");
            assert!(allows(relayed, Act::CreateStrictSession) && allows(relayed, Act::ImportPlan), "{role}");
            assert_eq!(allows(relayed, Act::Decide), matches!(role, Role::Owner | Role::Approver), "{role}");
        }
    }

    #[test]
    fn only_the_daemon_ends_runs() {
        for role in Role::ALL {
            assert_eq!(allows(role, Act::EndRuns), role == Role::Daemon);
        }
    }
}
