//! How much there is, and whether it is whole.

use std::sync::atomic::Ordering;

use crate::error::StoreError;
use crate::store::Store;

/// Figures of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events in the log.
    pub events: u64,
    /// Sessions.
    pub sessions: u64,
    /// Runs.
    pub runs: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Events the search index has not reached; `None` when it cannot be written.
    pub index_tail: Option<u64>,
    /// Size of the WAL file, in bytes.
    pub wal_bytes: u64,
    /// Size of the database file, in bytes.
    pub database_bytes: u64,
    /// Memory the warm sessions take, in bytes.
    pub warm_bytes: u64,
}

impl Store {
    /// Figures for `/metrics`. They cost no walk over a table: ids are dense.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let (sessions, runs, artifacts) = self.ask(|connection| {
            let count = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
            Ok((
                count("SELECT COUNT(*) FROM sessions")?,
                count("SELECT COALESCE(MAX(id), 0) FROM runs")?,
                count("SELECT COALESCE(MAX(id), 0) FROM artifacts")?,
            ))
        })?;
        let shared = self.shared();
        let events = shared.committed.borrow().0;
        let indexed = shared.indexed.load(Ordering::Relaxed);
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Ok(Counts {
            events: events as u64,
            sessions: sessions as u64,
            runs: runs as u64,
            artifacts: artifacts as u64,
            index_tail: (indexed >= 0).then(|| (events - indexed).max(0) as u64),
            wal_bytes: size(&beside(&shared.database, "-wal")),
            database_bytes: size(&shared.database),
            warm_bytes: shared.sessions.bytes() as u64,
        })
    }

    /// What `PRAGMA integrity_check` finds; empty when the file is whole. Reads every page.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
            let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(found.into_iter().filter(|line| line != "ok").collect())
        })
    }
}

fn beside(database: &std::path::Path, suffix: &str) -> std::path::PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
