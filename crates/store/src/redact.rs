//! Letting the text of an event go: out of the index, the log, the read model, the files, and the bytes on disk.
//!
//! The decision is an event of its own and is durable first. What follows from it is done at once, and once more
//! at every start for as long as something of it is missing.

use std::io;

use calt_core::event::{Envelope, Fact};
use calt_core::id::EventId;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::error::StoreError;
use crate::files::Files;
use crate::store::Store;
use crate::writer::Writer;
use crate::{log, projection, schema, search};

/// Bytes of a page, with which freed pages are filled.
const PAGE_BYTES: i64 = 4096;
/// Freed pages that are overwritten in one transaction: 16 MiB.
const PAGES_AT_ONCE: i64 = 4096;

impl Store {
    /// Does what follows from the redaction of an event, which must be in the log.
    ///
    /// # Errors
    /// [`StoreError`]; the next start goes on with it.
    pub async fn clear(&self, event: EventId) -> Result<(), StoreError> {
        self.writable()?;
        self.maintain(move |writer: &mut Writer| {
            let cleared = clear(&mut writer.connection, &writer.shared.files, event);
            writer.indexed = search::indexed_up_to(&writer.connection).ok();
            cleared?;
            writer.checkpointer.truncate(&writer.connection);
            Ok(())
        })
        .await
    }
}

/// Finishes the redactions that a crash cut off; gives how many.
pub(crate) fn finish(connection: &mut Connection, files: &Files) -> Result<usize, StoreError> {
    let mut finished = 0;
    for event in redacted(connection)? {
        let Some(row) = log::event(connection, event.0)? else { continue };
        if row.salt.is_some() {
            clear(connection, files, event)?;
            finished += 1;
        } else {
            remove_files(connection, files, &row.envelope()?)?;
        }
    }
    Ok(finished)
}

/// The events whose redaction is in the log.
fn redacted(connection: &Connection) -> Result<Vec<EventId>, StoreError> {
    let mut statement = connection
        .prepare("SELECT DISTINCT json_extract(facts, '$.event') FROM events WHERE event_type = 'payload_redacted'")?;
    let found = statement.query_map([], |row| Ok(EventId(row.get(0)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn clear(connection: &mut Connection, files: &Files, event: EventId) -> Result<(), StoreError> {
    let Some(row) = log::event(connection, event.0)? else { return Ok(()) };
    let envelope = row.envelope()?;
    connection.execute_batch("PRAGMA secure_delete = ON")?;
    let cleared = clear_text(connection, files, &envelope)
        .and_then(|()| remove_files(connection, files, &envelope))
        .and_then(|()| overwrite_freed_pages(connection));
    connection.execute_batch(SECURE_DELETE_USUAL)?;
    cleared
}

/// What a connection that writes does with deleted content all the time: it is overwritten where that costs no write.
pub(crate) const SECURE_DELETE_USUAL: &str = "PRAGMA secure_delete = FAST;";

/// The index first, then the text, then every row that repeats it.
fn clear_text(connection: &mut Connection, files: &Files, event: &Envelope) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Err(error) = search::forget(&transaction, event) {
        tracing::warn!(%error, "the search index cannot forget one event and is begun anew");
        schema::create_index(&transaction)?;
    }
    transaction.execute(
        "UPDATE events SET salt = NULL, summary = '', payload_text = '' WHERE id = ?1 AND salt IS NOT NULL",
        params![event.id.0],
    )?;
    if let Some(session) = &event.session {
        projection::rebuild_one(&transaction, files, session)?;
    }
    Ok(transaction.commit()?)
}

/// Removes the files that hold the text of an event. What is not there any more is fine.
fn remove_files(connection: &Connection, files: &Files, event: &Envelope) -> Result<(), StoreError> {
    match (&event.fact, &event.session) {
        (Fact::StepExecuted { .. }, _) => {
            let sql = "SELECT path FROM artifacts WHERE run_id = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let paths = statement.query_map([event.run.map(|run| run.0)], |row| row.get::<_, String>(0))?;
            for path in paths {
                gone(files.remove_artifact(&path?))?;
            }
        }
        // Every document of this version: an import that was refused may have left one beside it.
        (Fact::PlanImported { version, .. }, Some(session)) => gone(files.remove_plans(session, *version))?,
        (_, _) => {}
    }
    Ok(())
}

fn gone(removed: io::Result<()>) -> Result<(), StoreError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Pages that are free may still hold what was on them: they are taken, overwritten with zeros and given back.
fn overwrite_freed_pages(connection: &Connection) -> Result<(), StoreError> {
    loop {
        let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        if free == 0 {
            return Ok(());
        }
        // In pieces, so that the WAL does not grow with a long list; a table that stays keeps its pages from coming back.
        let pages = free.min(PAGES_AT_ONCE);
        connection.execute_batch("BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS overwritten (zeros BLOB NOT NULL)")?;
        let filled = connection.execute("INSERT INTO overwritten VALUES (zeroblob(?1))", [pages * PAGE_BYTES]);
        if let Err(error) = filled.and_then(|_| connection.execute_batch("COMMIT")) {
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error.into());
        }
        if free <= PAGES_AT_ONCE {
            // With `secure_delete` on its pages are zeroed once more as they are freed.
            connection.execute_batch("DROP TABLE overwritten")?;
            return Ok(());
        }
    }
}
