//! People, agents and surfaces, apart from the credentials that prove them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::event::Fact;
use crate::pin::Pin;
use crate::principal::{PrincipalId, PrincipalKind, Role};
use crate::session::Corrupt;
use crate::time::Timestamp;

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

    /// Takes in what happened. Facts that are not about people or credentials change nothing.
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
                if self.principals.get(principal).is_none_or(|known| known.removed_at.is_some()) {
                    return Err(Corrupt::new(format!("token `{token}` names `{principal}`, who is not there")));
                }
                let created = Token {
                    id: token.clone(),
                    principal: principal.clone(),
                    hash: *hash,
                    created_at: at,
                    expires_at: *expires_at,
                    revoked_at: None,
                };
                if self.tokens.insert(token.clone(), created).is_some() {
                    return Err(Corrupt::new(format!("token `{token}` was made twice")));
                }
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
        } else if let Fact::PinRemoved { principal } = fact {
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

    fn pin_of(&mut self, principal: &PrincipalId) -> Result<&mut Pin, Corrupt> {
        let missing = || Corrupt::new(format!("a PIN of `{principal}` was tried and never set"));
        self.pins.get_mut(principal).ok_or_else(missing)
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
