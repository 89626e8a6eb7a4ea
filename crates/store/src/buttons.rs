//! What the buttons of a chat stand for. Kept beside the log, and no part of it.

use calt_core::principal::PrincipalId;
use calt_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::error::StoreError;
use crate::store::Store;

/// A button and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// The opaque id that the chat carries.
    pub id: String,
    /// The relay that made it; no other finds it.
    pub relay: PrincipalId,
    /// What it stands for, as JSON.
    pub subject: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Keeps buttons: all of them or none, durable before the answer.
    ///
    /// # Errors
    /// [`StoreError`]; then none is kept.
    pub async fn keep_buttons(&self, buttons: Vec<Button>) -> Result<(), StoreError> {
        self.writable()?;
        self.maintain(move |writer| {
            let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for button in &buttons {
                insert(&transaction, button)?;
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Finds a button of a relay.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn button(&self, relay: &PrincipalId, id: &str) -> Result<Option<Button>, StoreError> {
        self.ask(|connection| find(connection, relay, id))
    }
}

fn insert(connection: &Connection, button: &Button) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO buttons (id, relay, subject, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute((&button.id, button.relay.as_str(), &button.subject, button.created_at.to_string()))
        .map(drop)
}

fn find(connection: &Connection, relay: &PrincipalId, id: &str) -> Result<Option<Button>, StoreError> {
    let found = connection
        .prepare_cached("SELECT subject, created_at FROM buttons WHERE id = ?1 AND relay = ?2")?
        .query_row((id, relay.as_str()), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((subject, created_at)) = found else { return Ok(None) };
    let created_at = Timestamp::parse(&created_at)
        .ok_or_else(|| StoreError::Corrupt(format!("button `{id}` was made at `{created_at}`")))?;
    Ok(Some(Button { id: id.to_owned(), relay: relay.clone(), subject, created_at }))
}
