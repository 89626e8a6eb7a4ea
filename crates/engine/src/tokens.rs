//! Credentials: made by chance, shown once, kept as a hash.

use calt_core::decide::RosterAction;
use calt_core::principal::{PrincipalId, Role};
use calt_core::{Digest, Timestamp};

use crate::chance;
use crate::engine::{Asker, Engine, Fault};

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whom it proves; made when there is none of that name, and under a name of its own when there is no name.
    pub principal: Option<PrincipalId>,
    /// The principal's role.
    pub role: Role,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A token that was made. This is the only time it is seen.
#[derive(Clone)]
pub struct TokenMade {
    /// Its public name.
    pub id: String,
    /// The token itself.
    pub token: String,
    /// Whom it proves.
    pub principal: PrincipalId,
}

/// A person to add.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// The name.
    pub name: PrincipalId,
    /// What they may do.
    pub role: Role,
    /// The name they are shown by.
    pub display: Option<String>,
    /// Their Discord account.
    pub discord: Option<String>,
}

impl Engine {
    /// Makes a token.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or the principal has another role.
    pub async fn create_token(&self, by: Asker, new: NewToken) -> Result<TokenMade, Fault> {
        let token = chance::token().map_err(|error| Fault::Internal(format!("no chance to be had: {error}")))?;
        let id = chance::token_id();
        let made_up =
            || PrincipalId::parse(&format!("{}-{}", new.role, &Digest::of_bytes(id.as_bytes()).to_string()[..8]));
        let principal = new.principal.or_else(made_up);
        let principal = principal.ok_or_else(|| Fault::Internal("a name could not be made up".to_owned()))?;
        let action = RosterAction::CreateToken {
            token: id.clone(),
            hash: Digest::of_bytes(token.as_bytes()),
            principal: principal.clone(),
            role: new.role,
            expires_at: new.expires_at,
        };
        self.submit_roster_by(by, action).await?;
        Ok(TokenMade { id, token, principal })
    }

    /// Adds a person.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or the name or the account is taken.
    pub async fn add_person(&self, by: Asker, new: NewPerson) -> Result<(), Fault> {
        let display = self.mask(new.display);
        let action = RosterAction::AddPerson { person: new.name, role: new.role, display, discord: new.discord };
        self.submit_roster_by(by, action).await.map(|_| ())
    }

    /// Removes a person, and their tokens with them.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or there is no such person.
    pub async fn remove_person(&self, by: Asker, person: PrincipalId) -> Result<(), Fault> {
        self.submit_roster_by(by, RosterAction::RemovePerson { person }).await.map(|_| ())
    }

    /// Takes a token back.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or there is no such token.
    pub async fn revoke_token(&self, by: Asker, token: String) -> Result<(), Fault> {
        self.submit_roster_by(by, RosterAction::RevokeToken { token }).await.map(|_| ())
    }

    /// Makes another token of the owner's, for a daemon whose token file is gone.
    ///
    /// # Errors
    /// [`Fault`] when the log cannot be written.
    pub async fn renew_owner_token(&self) -> Result<String, Fault> {
        let new = NewToken { principal: Some(PrincipalId::owner()), role: Role::Owner, expires_at: None };
        self.create_token(Asker::daemon(), new).await.map(|made| made.token)
    }

    pub(crate) async fn first_owner_token(&self) -> Result<Option<String>, Fault> {
        if self.roster().principal(&PrincipalId::owner()).is_some() {
            return Ok(None);
        }
        self.renew_owner_token().await.map(Some)
    }
}
