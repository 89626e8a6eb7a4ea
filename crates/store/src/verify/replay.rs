//! The read model against one made anew from the log, in a database of its own that is gone afterwards.

use rusqlite::{Connection, OptionalExtension as _};

use super::whole::Check;
use crate::error::StoreError;
use crate::files::Files;
use crate::{projection, schema};

/// The tables of the read model; the registry of tools is the program's own.
const TABLES: [&str; 7] = ["sessions", "plans", "steps", "runs", "artifacts", "approvals", "log_state"];

/// `log` is the URI of the database.
pub(super) fn look(log: &str, files: &Files) -> Result<Check, StoreError> {
    let mut check = Check::new("read model");
    // A temporary database on disk, so that a long log does not take memory.
    let replay = Connection::open("")?;
    replay.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192;
         CREATE TABLE derived (name TEXT PRIMARY KEY, version INTEGER NOT NULL);",
    )?;
    // Made before the log is attached: a name that stands here is never looked for there.
    schema::create_read_model(&replay)?;
    replay.execute("ATTACH ?1 AS log", [log])?;
    replay.execute_batch("CREATE TEMP VIEW events AS SELECT * FROM log.events; BEGIN")?;
    let version: Option<i64> = replay
        .query_row("SELECT version FROM log.derived WHERE name = 'read_model'", [], |row| row.get(0))
        .optional()?;
    let own: Option<i64> = replay
        .query_row("SELECT version FROM main.derived WHERE name = 'read_model'", [], |row| row.get(0))
        .optional()?;
    if version != own {
        check.skipped = Some("it has the form of another calt; the next start of the daemon makes it again");
        return Ok(check);
    }
    match projection::rebuild(&replay, files) {
        Ok(()) => {}
        Err(StoreError::Corrupt(why)) => {
            check.found(None, format!("it cannot be made from the log: {why}"));
            return Ok(check);
        }
        Err(error) => return Err(error),
    }
    for table in TABLES {
        check.looked_at +=
            replay.query_row(&format!("SELECT COUNT(*) FROM main.{table}"), [], |row| row.get::<_, i64>(0))? as u64;
        for (one, other, what) in [("main", "log", "missing or changed"), ("log", "main", "not from the log")] {
            let rows = differing(&replay, table, one, other)?;
            if rows > 0 {
                check.found(
                    None,
                    format!("{rows} rows of `{table}` are {what}; `calt record rebuild` makes them again"),
                );
            }
        }
    }
    Ok(check)
}

/// Rows of one side that the other does not have.
fn differing(replay: &Connection, table: &str, one: &str, other: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM (SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {other}.{table})");
    Ok(replay.query_row(&sql, [], |row| row.get(0))?)
}
