//! Whose database a file is, the migrations of the log, and the tables derived from it.

use std::path::Path;

use calt_core::digest::Digesting;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{OpenError, StoreError};

/// Schema of the log, kept in `user_version`. Grows with each migration.
pub(crate) const LOG_SCHEMA: i64 = 3;
/// `application_id`: "calt" in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x6361_6c74;
/// `application_id` of a backup: "calb".
pub(crate) const BACKUP_ID: i64 = 0x6361_6c62;
/// Form of the read model; another one than the file's means that it is made again.
const READ_MODEL_VERSION: i64 = 3;
/// Form of the search index and of its tokens.
const INDEX_VERSION: i64 = 3;

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

/// What a database holds that this program did not put there, or lacks or has otherwise; one fragment each.
///
/// A view in the place of a table, or a trigger beside it, could show one thing to who verifies and another to who
/// reads. `beside` makes what a backup has besides. Of a database whose derived tables have another form only the
/// log's own part is looked at.
pub(crate) fn foreign(connection: &Connection, beside: &str) -> Result<Vec<String>, StoreError> {
    let stale = stale(connection)?;
    let is_current = !stale.read_model && !stale.index;
    let found = objects(connection)?;
    if is_current && beside.is_empty() && digest_of(&found) == OBJECTS_SHA256 {
        return Ok(Vec::new());
    }
    let mut own = Connection::open_in_memory()?;
    migrate(&mut own)?;
    create_read_model(&own)?;
    create_index(&own)?;
    own.execute_batch(beside)?;
    let wanted = objects(&own)?;
    let counts = |object: &&Object| is_current || LOG_TABLES.contains(&object.of.as_str());
    let is_in = |object: &Object, list: &[Object]| list.contains(object);
    let added = found.iter().filter(counts).filter(|object| !is_in(object, &wanted));
    let lacking = wanted.iter().filter(counts).filter(|object| {
        // One that stands there in another form was named above.
        !found.iter().any(|other| (&other.kind, &other.name) == (&object.kind, &object.name))
    });
    let mut said: Vec<String> =
        added.map(|object| format!("the {} `{}` is not calt's", object.kind, object.name)).collect();
    said.extend(lacking.map(|object| format!("the {} `{}` is missing", object.kind, object.name)));
    Ok(said)
}

/// The tables that are not derived.
const LOG_TABLES: [&str; 3] = ["events", "derived", "buttons"];
/// SHA-256 over the objects of a database of ours as [`digest_of`] takes it; a test keeps it right.
const OBJECTS_SHA256: &str = "0225e07159582e2bab1029c7dee5f2f79ccebabea8cf84c53c13d021210b8149";

/// A row of `sqlite_schema`.
#[derive(PartialEq, Eq)]
struct Object {
    kind: String,
    name: String,
    of: String,
    sql: Option<String>,
}

fn objects(connection: &Connection) -> Result<Vec<Object>, StoreError> {
    // What `ANALYZE` writes is no harm, and the names are the library's own.
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_stat*' ORDER BY type, name",
    )?;
    let rows = statement
        .query_map([], |row| Ok(Object { kind: row.get(0)?, name: row.get(1)?, of: row.get(2)?, sql: row.get(3)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn digest_of(objects: &[Object]) -> String {
    let mut digest = Digesting::default();
    for Object { kind, name, of, sql } in objects {
        digest.update(format!("{kind}\0{name}\0{of}\0{}\0", sql.as_deref().unwrap_or_default()).as_bytes());
    }
    digest.finish().to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Connection {
        let mut own = Connection::open_in_memory().unwrap();
        migrate(&mut own).unwrap();
        create_read_model(&own).unwrap();
        create_index(&own).unwrap();
        own
    }

    #[test]
    fn the_digest_is_the_one_of_a_fresh_database() {
        assert_eq!(digest_of(&objects(&fresh()).unwrap()), OBJECTS_SHA256);
        assert_eq!(foreign(&fresh(), "").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_ours_is_named() {
        for (sql, said) in [
            (
                "CREATE TABLE kept (a); CREATE TRIGGER spy AFTER UPDATE ON events BEGIN SELECT 1; END",
                "the trigger `spy` is not calt's",
            ),
            ("DROP TRIGGER events_are_never_deleted", "the trigger `events_are_never_deleted` is missing"),
            (
                "DROP VIEW v_session_failure_reasons; CREATE VIEW v_session_failure_reasons AS SELECT 1",
                "the view `v_session_failure_reasons` is not calt's",
            ),
            ("DROP INDEX events_that_sign", "the index `events_that_sign` is missing"),
            (
                "PRAGMA legacy_alter_table = ON; DROP TRIGGER events_are_dense; ALTER TABLE events RENAME TO hidden; CREATE VIEW events AS SELECT * FROM hidden",
                "the view `events` is not calt's",
            ),
        ] {
            let connection = fresh();
            connection.execute_batch(sql).unwrap();
            let found = foreign(&connection, "").unwrap();
            assert!(found.contains(&said.to_owned()), "{sql}: {found:?}");
        }
        let backup = fresh();
        backup.execute_batch("CREATE TABLE backup (one)").unwrap();
        assert!(foreign(&backup, "CREATE TABLE backup (one)").unwrap().is_empty());
        assert_eq!(foreign(&backup, "CREATE TABLE backup (two)").unwrap(), ["the table `backup` is not calt's"]);
    }
}
