//! How connections are opened: one that writes, a few that only read.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;
use crate::redact::SECURE_DELETE_USUAL;

/// How long a connection waits for a lock of another one.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Page cache of the connection that writes, in KiB.
const WRITER_CACHE_KIB: i64 = 2048;
/// Page cache of each connection that reads, in KiB.
const READER_CACHE_KIB: i64 = 1024;
/// Most connections that read at once. Each serves one blocking thread for as long as a query takes.
const READERS_MAX: usize = 4;
/// Prepared statements kept by the writer: every statement of a command's path and some.
const WRITER_STATEMENTS: usize = 64;

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Opens the connection that writes. `synchronous=FULL`: a commit is on disk before it is answered.
pub(crate) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags() | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "page_size", 4096)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(mode, "the database is not in WAL mode");
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA trusted_schema = OFF;
         PRAGMA foreign_keys = ON;
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0;",
    )?;
    connection.execute_batch(SECURE_DELETE_USUAL)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(WRITER_STATEMENTS);
    Ok(connection)
}

/// Opens a connection that only moves pages from the WAL into the database.
pub(crate) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA mmap_size = 0; PRAGMA cache_size = -64;")?;
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
         PRAGMA query_only = ON;",
    )?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Connections that only read, opened when first needed.
pub(crate) struct Readers {
    path: std::path::PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs one question in one read transaction, so that all its statements see the same log.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let lent = Lent { connection: Some(self.lend()?), readers: self };
        let connection = lent.connection.as_ref().expect("it is taken out only when it is given back");
        let transaction = connection.unchecked_transaction()?;
        let answer = question(&transaction)?;
        transaction.finish()?;
        Ok(answer)
    }

    fn lend(&self) -> Result<Connection, StoreError> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(connection);
            }
            if pool.open < READERS_MAX {
                let connection = open_reader(&self.path)?;
                pool.open += 1;
                return Ok(connection);
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A connection on loan; it goes back even when the question panics.
struct Lent<'r> {
    connection: Option<Connection>,
    readers: &'r Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let mut pool = self.readers.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_autocommit() {
            pool.idle.push(connection);
        } else {
            // A transaction that could not be ended would hold the WAL for ever.
            pool.open -= 1;
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}
