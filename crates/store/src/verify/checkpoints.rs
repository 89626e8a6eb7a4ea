//! The checkpoints in the log, read and proven.

use calt_core::checkpoint::{Checkpoint, SignedCheckpoint, VerifierKey};
use calt_core::digest::Digest;
use calt_core::event::Fact;
use calt_core::id::EventId;
use calt_core::merkle::Frontier;
use calt_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::error::StoreError;
use crate::log::{EventRow, event_columns};

/// A checkpoint as an event of the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Its event.
    pub event: EventId,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// How many events it is over.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The roots of the perfect subtrees, largest first.
    pub peaks: Vec<Digest>,
    /// The key's public half, as a verifier key.
    pub key: String,
    /// The signed note.
    pub note: String,
}

impl CheckpointRow {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let event = EventRow::read(row)?;
        let Fact::CheckpointSigned { size, root, peaks, key, note } = event.fact()? else {
            return Err(StoreError::Corrupt(format!("event {} is no checkpoint", event.id)));
        };
        Ok(Self { event: event.id, signed_at: event.created_at, size, root, peaks, key, note })
    }

    /// What was signed, if the note, the key and the facts beside them agree.
    ///
    /// # Errors
    /// A fragment that says what does not.
    pub fn proven(&self) -> Result<Checkpoint, String> {
        let key = VerifierKey::parse(&self.key).ok_or("its key cannot be read")?;
        let note = SignedCheckpoint::parse(&self.note).map_err(|fault| fault.to_string())?;
        let checkpoint = note.verify(&key).map_err(|fault| fault.to_string())?;
        let is_over = (checkpoint.size, checkpoint.root) == (self.size, self.root);
        let is_over = is_over && self.frontier().is_some_and(|tree| tree.root() == self.root);
        if is_over { Ok(checkpoint.clone()) } else { Err("it is signed over something else than it says".to_owned()) }
    }

    /// The tree it is over, to go on from.
    pub fn frontier(&self) -> Option<Frontier> {
        Frontier::restore(self.size, self.peaks.clone())
    }
}

/// The newest checkpoint before an event.
pub(crate) fn newest(connection: &Connection) -> Result<Option<CheckpointRow>, StoreError> {
    Ok(before(connection, i64::MAX, 1)?.into_iter().next())
}

/// The event of the newest checkpoint before another event, whether it can be read or not.
pub(crate) fn event_before(connection: &Connection, event: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT MAX(id) FROM events WHERE event_type = 'checkpoint_signed' AND id < ?1";
    Ok(connection.prepare_cached(sql)?.query_row([event], |row| row.get(0))?)
}

/// Checkpoints before an event, newest first.
pub(crate) fn before(connection: &Connection, event: i64, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE event_type = 'checkpoint_signed' AND id < ?1 ORDER BY id DESC LIMIT ?2"
    ))?;
    let mut rows = statement.query(params![event, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(CheckpointRow::read(row)?);
    }
    Ok(found)
}
