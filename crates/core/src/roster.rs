//! People, agents and surfaces, apart from the credentials that prove them; and workspaces by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::event::Fact;
use crate::pin::Pin;
use crate::principal::{PrincipalId, PrincipalKind, Role};
use crate::session::Corrupt;
use crate::time::Timestamp;
use crate::workspace::{DirectoryFact, NamedWorkspace, WorkspaceKind};

/// A principal as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Its name.
    pub id: PrincipalId,
    /// What it is.
    pub kind: PrincipalKind,
    /// What it may do.
    pub role: Role,
    /// The name it is shown by.
    pub display: Option<String>,
    /// The Discord account that proves it in a chat.
    pub discord: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
}

/// A credential: a token that proves a principal. The token itself is never kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token's public name (`tok_…`).
    pub id: String,
    /// Whom it proves.
    pub principal: PrincipalId,
    /// SHA-256 of the token.
    pub hash: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Everyone the daemon knows, derived from the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    principals: BTreeMap<PrincipalId, Principal>,
    tokens: BTreeMap<String, Token>,
    pins: BTreeMap<PrincipalId, Pin>,
    workspaces: BTreeMap<String, NamedWorkspace>,
}

impl Roster {
    /// Every principal, by name.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals.values()
    }

    /// Every token ever made, by its public name.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// Finds a principal.
    pub fn principal(&self, id: &PrincipalId) -> Option<&Principal> {
        self.principals.get(id)
    }

    /// Finds whom a Discord account proves. A removed person's account proves nobody.
    pub fn discord(&self, account: &str) -> Option<&Principal> {
        self.principals.values().find(|known| known.removed_at.is_none() && known.discord.as_deref() == Some(account))
    }

    /// Finds a token by its public name.
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// The PIN that a person's decisions need, when one stands.
    pub fn pin(&self, id: &PrincipalId) -> Option<&Pin> {
        self.pins.get(id)
    }

    /// Every PIN that stands, with whose it is.
    pub fn pins(&self) -> impl Iterator<Item = (&PrincipalId, &Pin)> {
        self.pins.iter()
    }

    /// Every workspace that ever stood by name; of one name the newest.
    pub fn workspaces(&self) -> impl Iterator<Item = &NamedWorkspace> {
        self.workspaces.values()
    }

    /// Finds a workspace that stands by name.
    pub fn workspace(&self, name: &str) -> Option<&NamedWorkspace> {
        self.workspace_ever(name).filter(|known| known.removed_at.is_none())
    }

    /// The same, though it may be removed.
    pub fn workspace_ever(&self, name: &str) -> Option<&NamedWorkspace> {
        self.workspaces.get(name)
    }

    /// Takes in what happened. Facts that are not about people, credentials or workspaces change nothing.
    ///
    /// # Errors
    /// [`Corrupt`] when the fact cannot follow what came before.
    pub fn evolve(mut self, fact: &Fact, at: Timestamp) -> Result<Self, Corrupt> {
        match fact {
            Fact::PersonAdded { principal, kind, role, display, discord } => {
                let added = Principal {
                    id: principal.clone(),
                    kind: *kind,
                    role: *role,
                    display: display.clone(),
                    discord: discord.clone(),
                    created_at: at,
                    removed_at: None,
                };
                let before = self.principals.insert(principal.clone(), added);
                if before.is_some_and(|before| before.removed_at.is_none()) {
                    return Err(Corrupt::new(format!("principal `{principal}` was added twice")));
                }
            }
            Fact::PersonRemoved { principal } => self.removed(principal, at)?,
            Fact::TokenCreated { token, principal, hash, expires_at } => {
                let created = Token {
                    id: token.clone(),
                    principal: principal.clone(),
                    hash: *hash,
                    created_at: at,
                    expires_at: *expires_at,
                    revoked_at: None,
                };
                self.token_created(created)?;
            }
            Fact::TokenRevoked { token } => {
                let Some(known) = self.tokens.get_mut(token) else {
                    return Err(Corrupt::new(format!("token `{token}` was revoked and never made")));
                };
                known.revoked_at = Some(at);
            }
            Fact::PinSet { .. } | Fact::PinRemoved { .. } | Fact::PinAccepted { .. } | Fact::PinRefused { .. } => {
                self.pin_changed(fact, at)?;
            }
            // No backup holds what a PIN is compared with.
            Fact::Restored { .. } => self.pins.clear(),
            Fact::WorkspaceAdded { name, kind, directory, include } => {
                self.named(name, *kind, (directory.as_ref(), include), at)?;
            }
            Fact::WorkspaceRemoved { name } => self.standing(name)?.removed_at = Some(at),
            Fact::WorkspaceRemounted { name, device } => self.remounted(name, *device)?,
            Fact::SessionCreated { .. }
            | Fact::PlanImported { .. }
            | Fact::PlanApproved { .. }
            | Fact::PlanRejected { .. }
            | Fact::StepApproved { .. }
            | Fact::StepRejected { .. }
            | Fact::StepSkipped { .. }
            | Fact::StepStarted { .. }
            | Fact::StepExecuted { .. }
            | Fact::StepFailed { .. }
            | Fact::StepInterrupted { .. }
            | Fact::StepExecutionRejected { .. }
            | Fact::StepExecutionWarning { .. }
            | Fact::ArtifactSaved { .. }
            | Fact::SessionStopped { .. }
            | Fact::SessionSucceeded { .. }
            | Fact::DaemonStarted { .. }
            | Fact::AccessRefused { .. }
            | Fact::CheckpointSigned { .. }
            | Fact::RecordExported { .. }
            | Fact::ContentReleased { .. }
            | Fact::LossAccepted { .. }
            | Fact::PayloadRedacted { .. } => {}
        }
        Ok(self)
    }

    fn pin_changed(&mut self, fact: &Fact, at: Timestamp) -> Result<(), Corrupt> {
        if let Fact::PinSet { principal, hash_file } = fact {
            if self.principals.get(principal).is_none_or(|known| known.removed_at.is_some()) {
                return Err(Corrupt::new(format!("a PIN was set for `{principal}`, who is not there")));
            }
            self.pins.insert(principal.clone(), Pin::new(*hash_file));
        } else if let Fact::PinRemoved { principal, .. } = fact {
            if self.pins.remove(principal).is_none() {
                return Err(Corrupt::new(format!("the PIN of `{principal}` was removed and never set")));
            }
        } else if let Fact::PinAccepted { principal, .. } = fact {
            self.pin_of(principal)?.accepted();
        } else if let Fact::PinRefused { principal } = fact {
            self.pin_of(principal)?.refused(at);
        }
        Ok(())
    }

    fn token_created(&mut self, created: Token) -> Result<(), Corrupt> {
        let Token { id, principal, .. } = &created;
        if self.principals.get(principal).is_none_or(|known| known.removed_at.is_some()) {
            return Err(Corrupt::new(format!("token `{id}` names `{principal}`, who is not there")));
        }
        let id = id.clone();
        if self.tokens.insert(id.clone(), created).is_some() {
            return Err(Corrupt::new(format!("token `{id}` was made twice")));
        }
        Ok(())
    }

    fn pin_of(&mut self, principal: &PrincipalId) -> Result<&mut Pin, Corrupt> {
        let missing = || Corrupt::new(format!("a PIN of `{principal}` was tried and never set"));
        self.pins.get_mut(principal).ok_or_else(missing)
    }

    fn named(
        &mut self,
        name: &str,
        kind: WorkspaceKind,
        (directory, include): (Option<&DirectoryFact>, &[String]),
        at: Timestamp,
    ) -> Result<(), Corrupt> {
        let added = NamedWorkspace {
            name: name.to_owned(),
            kind,
            directory: directory.cloned(),
            include: include.to_vec(),
            created_at: at,
            removed_at: None,
        };
        let before = self.workspaces.insert(name.to_owned(), added);
        if before.is_some_and(|before| before.removed_at.is_none()) {
            return Err(Corrupt::new(format!("workspace `{name}` was added twice")));
        }
        Ok(())
    }

    fn remounted(&mut self, name: &str, device: u64) -> Result<(), Corrupt> {
        let directory = self.standing(name)?.directory.as_mut();
        let directory = directory.ok_or_else(|| Corrupt::new(format!("workspace `{name}` has no directory")))?;
        directory.device = device;
        Ok(())
    }

    fn standing(&mut self, name: &str) -> Result<&mut NamedWorkspace, Corrupt> {
        let known = self.workspaces.get_mut(name).filter(|known| known.removed_at.is_none());
        known.ok_or_else(|| Corrupt::new(format!("workspace `{name}` is not there")))
    }

    /// Every credential ends with its principal.
    fn removed(&mut self, principal: &PrincipalId, at: Timestamp) -> Result<(), Corrupt> {
        let known = self.principals.get_mut(principal).filter(|known| known.removed_at.is_none());
        let Some(known) = known else {
            return Err(Corrupt::new(format!("principal `{principal}` was removed and is not there")));
        };
        known.removed_at = Some(at);
        self.pins.remove(principal);
        for token in self.tokens.values_mut().filter(|token| token.principal == *principal) {
            token.revoked_at.get_or_insert(at);
        }
        Ok(())
    }
}
