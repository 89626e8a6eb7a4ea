//! Decisions about people, credentials and workspaces, and what the daemon says of itself.

use serde_json::json;

use super::{Answer, Decision, Facts, Redaction, assurance, event, people, pins, redaction, require, workspaces};
use crate::checkpoint::{SignedCheckpoint, VerifierKey};
use crate::digest::Digest;
use crate::event::Fact;
use crate::id::SessionId;
use crate::merkle::Frontier;
use crate::pin::Purpose;
use crate::policy::Act;
use crate::principal::{Caller, Claim, PrincipalId, Role};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::time::Timestamp;
use crate::workspace::{DirectoryFact, WorkspaceKind};

/// Something wanted of the roster.
#[derive(Clone, Debug)]
pub struct RosterCommand {
    /// Who the credential proves.
    pub caller: Caller,
    /// What the client says of itself.
    pub claim: Claim,
    /// What is wanted.
    pub action: RosterAction,
}

/// What can be wanted of the roster.
#[derive(Clone, Debug)]
pub enum RosterAction {
    /// Make a token, and its principal if there is none of that name.
    CreateToken {
        /// The token's public name.
        token: String,
        /// SHA-256 of the token.
        hash: Digest,
        /// Whom it proves.
        principal: PrincipalId,
        /// The principal's role.
        role: Role,
        /// When it ends.
        expires_at: Option<Timestamp>,
    },
    /// Add a person.
    AddPerson {
        /// The name.
        person: PrincipalId,
        /// What they may do.
        role: Role,
        /// The name they are shown by, masked.
        display: Option<String>,
        /// The Discord account that is theirs.
        discord: Option<String>,
    },
    /// Remove a person, an agent or a surface, and every credential with it.
    RemovePerson {
        /// The name.
        person: PrincipalId,
    },
    /// Take a token back.
    RevokeToken {
        /// Its public name.
        token: String,
    },
    /// The daemon's own place: set a person's PIN, whose hash lies in a file already.
    SetPin {
        /// Whose.
        person: PrincipalId,
        /// SHA-256 of the file.
        hash_file: Digest,
        /// Who has just typed a PIN of their own, and it was right.
        shown_by: Option<PrincipalId>,
    },
    /// The daemon's own place: remove a person's PIN.
    RemovePin {
        /// Whose.
        person: PrincipalId,
        /// Who has just typed a PIN of their own, and it was right.
        shown_by: Option<PrincipalId>,
        /// Whether the machine's administrator asks, for the first owner alone.
        by_root: bool,
    },
    /// Somebody typed a PIN, and it was compared.
    TryPin {
        /// Whose PIN it should be.
        person: PrincipalId,
        /// What it was typed for.
        purpose: Purpose,
        /// Whether it is the right one.
        is_right: bool,
    },
    /// Give a workspace a name.
    AddWorkspace {
        /// The name.
        name: String,
        /// What it is.
        kind: WorkspaceKind,
        /// The directory, as it was found.
        directory: Option<DirectoryFact>,
        /// Patterns of files that a snapshot takes along though git does not know them.
        include: Vec<String>,
    },
    /// Take a workspace's name away.
    RemoveWorkspace {
        /// The name.
        name: String,
    },
    /// The daemon: an attached directory is on a device of another number.
    WorkspaceRemounted {
        /// Its name.
        name: String,
        /// The device's number now.
        device: u64,
    },
    /// The daemon: it has started.
    DaemonStarted {
        /// calt's version.
        version: String,
        /// SHA-256 of the program.
        binary_sha256: Digest,
        /// SHA-256 of the configuration in force.
        config_sha256: Digest,
    },
    /// The daemon: it refused callers.
    AccessRefused {
        /// A stable word.
        reason: String,
        /// How often since the last such event.
        count: u64,
        /// Who it was, where a credential proved somebody.
        by: Option<PrincipalId>,
        /// The account in a chat, where a relay said it.
        user_id: Option<String>,
    },
    /// The daemon: it signed a checkpoint.
    SignCheckpoint {
        /// The tree the checkpoint is over.
        tree: Frontier,
        /// The key's public half.
        key: VerifierKey,
        /// The signed note.
        note: String,
    },
    /// Somebody takes the record of a session away.
    ExportRecord {
        /// The session.
        session: SessionId,
        /// Its newest event that goes along.
        last_seq: u64,
    },
    /// Somebody takes what a session wrote, with nothing masked.
    ReleaseContent {
        /// The session.
        session: SessionId,
        /// SHA-256 of the bytes that go out.
        sha256: Digest,
        /// How many those are.
        bytes: u64,
    },
    /// The daemon's own place: it was filled from a backup.
    Restored {
        /// Events the backup held.
        events: u64,
        /// The tree's root over them.
        root: Digest,
        /// When the backup was made.
        made_at: Timestamp,
        /// Files it held.
        files: u64,
        /// Whether workspaces were among them.
        workspaces: bool,
    },
    /// The daemon's own place: somebody took the log as it is, without events that were acknowledged.
    AcceptLoss {
        /// Events that are left.
        events: u64,
        /// Acknowledged events that are not.
        missing: u64,
        /// The tree's root over what is left.
        root: Digest,
    },
    /// Let the text of one of the daemon's own events go for good.
    RedactPayload(Redaction),
}

/// Decides about the roster.
pub fn decide_roster(roster: &Roster, command: &RosterCommand, facts: &Facts) -> Decision {
    decided(roster, command, facts).unwrap_or_else(Decision::refuse)
}

fn decided(roster: &Roster, command: &RosterCommand, facts: &Facts) -> Result<Decision, Refusal> {
    let act = act_of(&command.action, command.caller.role);
    require(&command.caller, act)?;
    assurance::held_for_roster(roster, &command.caller, act, facts)?;
    match &command.action {
        RosterAction::CreateToken { token, hash, principal, role, expires_at } => {
            create_token(roster, (token, *hash), principal, *role, *expires_at, facts)
        }
        RosterAction::AddPerson { person, role, display, discord } => {
            people::add(roster, person, *role, (display.as_deref(), discord.as_deref()))
        }
        RosterAction::RemovePerson { person } => people::remove(roster, &command.caller, person),
        RosterAction::RevokeToken { token } => revoke_token(roster, token),
        RosterAction::SetPin { person, hash_file, shown_by } => {
            pins::set(roster, person, *hash_file, shown_by.as_ref())
        }
        RosterAction::RemovePin { person, shown_by, by_root } => {
            pins::remove(roster, person, shown_by.as_ref(), *by_root)
        }
        RosterAction::TryPin { person, purpose, is_right } => {
            pins::tried(roster, &command.caller, (person, purpose, *is_right), facts)
        }
        RosterAction::AddWorkspace { name, kind, directory, include } => {
            workspaces::add(roster, (name, *kind), directory.as_ref(), include)
        }
        RosterAction::RemoveWorkspace { name } => workspaces::remove(roster, name, facts),
        RosterAction::WorkspaceRemounted { name, device } => workspaces::remounted(roster, name, *device),
        RosterAction::DaemonStarted { version, binary_sha256, config_sha256 } => {
            let fact = Fact::DaemonStarted {
                version: version.clone(),
                binary_sha256: *binary_sha256,
                tier: facts.tier,
                config_sha256: *config_sha256,
            };
            Ok(recorded(fact, format!("daemon {version} started")))
        }
        RosterAction::AccessRefused { reason, count, by, user_id } => {
            let (by, user_id) = (by.clone(), user_id.clone());
            let mut whom = by.as_ref().map_or_else(String::new, |by| format!(" to {by}"));
            if let Some(account) = &user_id {
                whom.push_str(&format!(" for account {account}"));
            }
            let fact = Fact::AccessRefused { reason: reason.clone(), count: *count, by, user_id };
            Ok(recorded(fact, format!("access refused{whom} {count} times: {reason}")))
        }
        RosterAction::SignCheckpoint { tree, key, note } => sign_checkpoint(tree, key, note),
        RosterAction::ExportRecord { session, last_seq } => {
            let fact = Fact::RecordExported { session: session.clone(), last_seq: *last_seq };
            Ok(recorded(fact, format!("record of {session} exported up to its event {last_seq}")))
        }
        RosterAction::ReleaseContent { session, sha256, bytes } => {
            let fact = Fact::ContentReleased { session: session.clone(), sha256: *sha256, bytes: *bytes };
            Ok(recorded(fact, format!("what {session} wrote was given out unmasked to {}", command.caller.principal)))
        }
        RosterAction::RedactPayload(wanted) => redaction::of_daemon(wanted),
        RosterAction::Restored { events, root, made_at, files, workspaces } => {
            let (events, files) = (*events, *files);
            let fact = Fact::Restored { events, root: *root, made_at: *made_at, files, workspaces: *workspaces };
            Ok(recorded(fact, format!("restored from a backup of {events} events, made {made_at}")))
        }
        RosterAction::AcceptLoss { events, missing, root } => {
            let fact = Fact::LossAccepted { events: *events, missing: *missing, root: *root };
            Ok(recorded(fact, format!("the loss of {missing} events after the first {events} was accepted")))
        }
    }
}

/// People and credentials are the owner's; what the daemon says of itself only it may say.
const fn act_of(action: &RosterAction, role: Role) -> Act {
    match action {
        RosterAction::AddPerson { .. }
        | RosterAction::RemovePerson { .. }
        | RosterAction::CreateToken { .. }
        | RosterAction::RevokeToken { .. }
        | RosterAction::AddWorkspace { .. }
        | RosterAction::RemoveWorkspace { .. }
        | RosterAction::RedactPayload(_) => Act::Administer,
        RosterAction::DaemonStarted { .. }
        | RosterAction::AccessRefused { .. }
        | RosterAction::WorkspaceRemounted { .. }
        | RosterAction::SignCheckpoint { .. }
        | RosterAction::SetPin { .. }
        | RosterAction::RemovePin { .. }
        | RosterAction::Restored { .. }
        | RosterAction::AcceptLoss { .. } => Act::EndRuns,
        RosterAction::TryPin { .. } => pins::act_of(role),
        // What goes into the file is what a reader can read, but each time adds to the log.
        RosterAction::ExportRecord { .. } => Act::ExportRecord,
        RosterAction::ReleaseContent { .. } => Act::ReleaseContent,
    }
}

fn create_token(
    roster: &Roster,
    (token, hash): (&str, Digest),
    principal: &PrincipalId,
    role: Role,
    expires_at: Option<Timestamp>,
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let invalid = |what: String, reason: &str| Refusal::InputInvalid { what, reason: reason.to_owned() };
    if role == Role::Daemon || *principal == PrincipalId::daemon() {
        return Err(invalid("the role".to_owned(), "`daemon` is the daemon's own"));
    }
    if expires_at.is_some_and(|end| end <= facts.now) {
        return Err(invalid("`expires_at`".to_owned(), "it lies in the past"));
    }
    if roster.token(token).is_some() {
        return Err(invalid(format!("token `{token}`"), "it exists already"));
    }
    let mut events = Vec::new();
    match roster.principal(principal) {
        Some(known) if known.role != role => {
            let what = format!("principal `{principal}`");
            return Err(Refusal::InputInvalid {
                what,
                reason: format!("it has the role `{}`, not `{role}`", known.role),
            });
        }
        Some(known) if known.removed_at.is_none() => {}
        Some(_) | None => events.push(people::added(principal, role, (None, None))),
    }
    let fact = Fact::TokenCreated { token: token.to_owned(), principal: principal.clone(), hash, expires_at };
    let payload = json!({"id": token, "principal": principal, "role": role, "expires_at": expires_at});
    events.push(event(fact, None, format!("token {token} created for {principal}"), &payload));
    Ok(Decision::accept(Answer::TokenCreated { token: token.to_owned() }, events))
}

/// A note goes into the log only if it says what the tree is and the key it names signed it.
fn sign_checkpoint(tree: &Frontier, key: &VerifierKey, note: &str) -> Result<Decision, Refusal> {
    let invalid = |reason: String| Refusal::InputInvalid { what: "the checkpoint".to_owned(), reason };
    let signed = SignedCheckpoint::parse(note).map_err(|fault| invalid(fault.to_string()))?;
    let checkpoint = signed.verify(key).map_err(|fault| invalid(fault.to_string()))?;
    let (size, root) = (tree.size(), tree.root());
    if (checkpoint.size, checkpoint.root) != (size, root) {
        return Err(invalid(format!("it is not over the {size} events of the log")));
    }
    let (peaks, key) = (tree.peaks().to_vec(), key.to_string());
    let fact = Fact::CheckpointSigned { size, root, peaks, key, note: note.to_owned() };
    let payload = json!({"size": size, "root": root});
    let event = event(fact, None, format!("checkpoint over {size} events signed"), &payload);
    Ok(Decision::accept(Answer::Recorded, vec![event]))
}

fn revoke_token(roster: &Roster, token: &str) -> Result<Decision, Refusal> {
    let Some(known) = roster.token(token) else {
        return Err(Refusal::TokenNotFound { token: token.to_owned() });
    };
    if known.revoked_at.is_some() {
        return Ok(Decision::accept(Answer::Recorded, Vec::new()));
    }
    Ok(recorded(Fact::TokenRevoked { token: token.to_owned() }, format!("token {token} revoked")))
}

pub(super) fn recorded(fact: Fact, summary: String) -> Decision {
    let payload = fact.facts();
    Decision::accept(Answer::Recorded, vec![event(fact, None, summary, &payload)])
}
