//! People, agents and surfaces, apart from the credentials that prove them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::event::Fact;
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
    /// When it was added.
    pub created_at: Timestamp,
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

    /// Finds a token by its public name.
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// Takes in what happened. Facts that are not about people or credentials change nothing.
    ///
    /// # Errors
    /// [`Corrupt`] when the fact cannot follow what came before.
    pub fn evolve(mut self, fact: &Fact, at: Timestamp) -> Result<Self, Corrupt> {
        match fact {
            Fact::PersonAdded { principal, kind, role } => {
                let added = Principal { id: principal.clone(), kind: *kind, role: *role, created_at: at };
                if self.principals.insert(principal.clone(), added).is_some() {
                    return Err(Corrupt::new(format!("principal `{principal}` was added twice")));
                }
            }
            Fact::TokenCreated { token, principal, hash, expires_at } => {
                if !self.principals.contains_key(principal) {
                    return Err(Corrupt::new(format!("token `{token}` names `{principal}`, who was never added")));
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
            | Fact::PayloadRedacted { .. } => {}
        }
        Ok(self)
    }
}
