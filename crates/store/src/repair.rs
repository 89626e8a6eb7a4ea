//! What is made again from the log while no daemon runs.

mod afresh;

use std::path::PathBuf;

use calt_core::digest::Digest;
use rusqlite::{Connection, TransactionBehavior};

use afresh::afresh;

use crate::error::{OpenError, StoreError};
use crate::files::Files;
use crate::open::{StoreConfig, open_error, open_ours};
use crate::{log, projection, read, schema, search};

/// Events taken into the index in one transaction.
const INDEX_BATCH_EVENTS: u32 = 4096;

/// What the read model holds after it was made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadModelMade {
    /// Events it was made of.
    pub events: u64,
    /// Rows of `sessions`.
    pub sessions: u64,
    /// Rows of `plans`.
    pub plans: u64,
    /// Rows of `steps`.
    pub steps: u64,
    /// Rows of `runs`.
    pub runs: u64,
    /// Rows of `artifacts`.
    pub artifacts: u64,
    /// The tree's root over the events.
    pub root: Digest,
    /// Where the old database is kept, when its pages were damaged and a new one was made of its events.
    pub kept: Option<PathBuf>,
}

/// What the index holds after it was made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexMade {
    /// Events it was made of: all.
    pub events: u64,
    /// As for the read model; then that was made again too.
    pub kept: Option<PathBuf>,
}

/// Drops the read model and makes it again from the log. No daemon may run.
///
/// # Errors
/// [`OpenError`]; then the read model is as before.
pub fn rebuild(config: &StoreConfig) -> Result<ReadModelMade, OpenError> {
    let (mut connection, files) = opened(config)?;
    let made = match made_again(&mut connection, &files) {
        // A table whose pages are damaged cannot even be dropped.
        Err(StoreError::Corrupt(_)) => afresh(connection, &config.database, &files),
        made => made,
    };
    made.map_err(|error| open_error(&config.database, error))
}

/// Drops the search index and makes it again from the log, to its end. No daemon may run.
///
/// # Errors
/// [`OpenError`]; what was indexed so far is kept, and the daemon goes on from there.
pub fn rebuild_index(config: &StoreConfig) -> Result<IndexMade, OpenError> {
    let (mut connection, files) = opened(config)?;
    let made = match indexed_again(&mut connection, &files) {
        Err(StoreError::Corrupt(_)) => {
            afresh(connection, &config.database, &files).map(|made| IndexMade { events: made.events, kept: made.kept })
        }
        made => made,
    };
    made.map_err(|error| open_error(&config.database, error))
}

fn opened(config: &StoreConfig) -> Result<(Connection, Files), OpenError> {
    let files =
        Files::open(&config.data_root).map_err(|reason| OpenError::Files { path: config.data_root.clone(), reason })?;
    let mut connection = open_ours(&config.database)?;
    schema::migrate(&mut connection).map_err(|error| open_error(&config.database, error))?;
    Ok((connection, files))
}

fn made_again(connection: &mut Connection, files: &Files) -> Result<ReadModelMade, StoreError> {
    // The registry of tools is the program's own; the next start writes it anyway.
    let tools = read::tools(connection).unwrap_or_default();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    projection::rebuild(&transaction, files)?;
    read::write_tools(&transaction, &tools)?;
    transaction.commit()?;
    let rows = |table: &str| {
        let count = connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get::<_, i64>(0))?;
        Ok::<_, StoreError>(count as u64)
    };
    let frontier = log::frontier_of_leaves(connection)?;
    Ok(ReadModelMade {
        events: frontier.size(),
        sessions: rows("sessions")?,
        plans: rows("plans")?,
        steps: rows("steps")?,
        runs: rows("runs")?,
        artifacts: rows("artifacts")?,
        root: frontier.root(),
        kept: None,
    })
}

fn indexed_again(connection: &mut Connection, files: &Files) -> Result<IndexMade, StoreError> {
    let last = log::last_event(connection)?;
    let mut indexed = -1;
    while indexed < last {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if indexed < 0 {
            schema::create_index(&transaction)?;
        }
        indexed = search::index_some(&transaction, files, INDEX_BATCH_EVENTS)?;
        transaction.commit()?;
    }
    Ok(IndexMade { events: last as u64, kept: None })
}
