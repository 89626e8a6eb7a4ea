//! Whose database a file is, the migrations of the log, and the tables derived from it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{OpenError, StoreError};

/// Schema of the log, kept in `user_version`. Grows with each migration.
pub(crate) const LOG_SCHEMA: i64 = 2;
/// `application_id`: "calt" in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x6361_6c74;
/// `application_id` of a backup: "calb".
pub(crate) const BACKUP_ID: i64 = 0x6361_6c62;
/// Form of the read model; another one than the file's means that it is made again.
const READ_MODEL_VERSION: i64 = 3;
/// Form of the search index and of its tokens.
const INDEX_VERSION: i64 = 2;

mod log_migrations {
    refinery::embed_migrations!("migrations");
}

/// What of the derived tables has to be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) read_model: bool,
    pub(crate) index: bool,
}

/// Refuses a database that is not ours, before anything is written to it.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|error| OpenError::Database { path: path.to_owned(), reason: error.to_string() })
    };
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT COUNT(*) FROM sqlite_schema")?;
    let sessions = number("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'sessions'")?;
    match application {
        APPLICATION_ID => {
            let found = number("PRAGMA user_version")?;
            if found > LOG_SCHEMA {
                return Err(OpenError::Newer { path: path.to_owned(), found, known: LOG_SCHEMA });
            }
            Ok(())
        }
        BACKUP_ID => Err(OpenError::Backup { path: path.to_owned() }),
        0 if tables == 0 => Ok(()),
        0 if sessions > 0 => Err(OpenError::EarlierCalt { path: path.to_owned() }),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Brings the log's tables to this program's schema.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == LOG_SCHEMA {
        return Ok(());
    }
    log_migrations::migrations::runner()
        .run(connection)
        .map_err(|error| StoreError::Unavailable(format!("a migration failed: {error}")))?;
    Ok(())
}

/// Says which derived tables are missing or of another form.
pub(crate) fn stale(connection: &Connection) -> Result<Stale, StoreError> {
    let version = |name: &str| {
        connection
            .query_row("SELECT version FROM derived WHERE name = ?1", [name], |row| row.get::<_, i64>(0))
            .optional()
    };
    let log_state = table_exists(connection, "log_state")?;
    Ok(Stale {
        read_model: version("read_model")? != Some(READ_MODEL_VERSION) || !log_state,
        index: version("index")? != Some(INDEX_VERSION) || !table_exists(connection, "index_state")?,
    })
}

/// Drops the read model and makes its tables anew, empty.
pub(crate) fn create_read_model(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(include_str!("../read_model/read_model.sql"))?;
    note_version(connection, "read_model", READ_MODEL_VERSION)
}

/// Drops the search index and makes it anew, empty.
pub(crate) fn create_index(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(include_str!("../read_model/search_index.sql"))?;
    note_version(connection, "index", INDEX_VERSION)
}

fn note_version(connection: &Connection, name: &str, version: i64) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO derived (name, version) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET version = ?2",
            (name, version),
        )
        .map(drop)
}

fn table_exists(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", [name], |_| Ok(()))
        .optional()
        .map(|found| found.is_some())
}
