//! A new database made of the events of one whose pages are damaged.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::{ReadModelMade, indexed_again, made_again};
use crate::backup::checked_log;
use crate::connection::open_writer;
use crate::error::StoreError;
use crate::files::Files;
use crate::head::HeadFile;
use crate::open::create_private;
use crate::{log, schema};

/// Events copied in one statement.
const EVENTS_AT_ONCE: i64 = 1_000;

/// Makes a database of the events of another one, and puts it in its place once all of them are there and whole.
///
/// # Errors
/// [`StoreError::Corrupt`] names the first event that cannot be read; then nothing was changed.
pub(super) fn afresh(damaged: Connection, database: &Path, files: &Files) -> Result<ReadModelMade, StoreError> {
    let part = beside(database, ".rebuilding");
    for suffix in ["", "-wal", "-shm"] {
        remove(&beside(&part, suffix))?;
    }
    create_private(&part)?;
    let made = fill(&part, database, files);
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(beside(&part, suffix));
            }
            return Err(error);
        }
    };
    // A WAL that stayed would be taken for the new database's own.
    let _ = damaged.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    drop(damaged);
    let kept = put_in_place(&part, database)?;
    Ok(ReadModelMade { kept: Some(kept), ..made })
}

fn fill(part: &Path, database: &Path, files: &Files) -> Result<ReadModelMade, StoreError> {
    let mut fresh = open_writer(part)?;
    schema::migrate(&mut fresh)?;
    let name = database.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    fresh.execute("ATTACH ?1 AS damaged", [name])?;
    let copied = copy_events(&fresh)?;
    let noted = HeadFile::read_at(database).map_or(0, |head| head.last_id as i64);
    if copied < noted {
        return Err(unreadable(copied + 1, "the page it stands on is not found"));
    }
    fresh.execute_batch("DETACH damaged")?;
    checked_log(&fresh, &mut |_| ())?;
    let made = made_again(&mut fresh, files)?;
    indexed_again(&mut fresh, files)?;
    fresh.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    fresh.close().map_err(|(_, error)| error)?;
    Ok(made)
}

/// Copies event by event where many at once cannot be read, so that the first unreadable one can be named.
fn copy_events(fresh: &Connection) -> Result<i64, StoreError> {
    let mut copied = 0;
    loop {
        let many = copy_some(fresh, copied, EVENTS_AT_ONCE);
        let more = match many {
            Ok(more) => more,
            Err(_) => copy_some(fresh, copied, 1).map_err(|error| unreadable(copied + 1, &error.to_string()))?,
        };
        if more == 0 {
            return Ok(copied);
        }
        copied = log::last_event(fresh)?;
    }
}

fn copy_some(fresh: &Connection, after: i64, limit: i64) -> rusqlite::Result<usize> {
    fresh
        .prepare_cached(
            "INSERT INTO main.events SELECT * FROM damaged.events WHERE id > ?1 AND id <= ?1 + ?2 ORDER BY id",
        )?
        .execute(params![after, limit])
}

fn unreadable(event: i64, why: &str) -> StoreError {
    StoreError::Corrupt(format!("event {event} cannot be read ({why}); the events before it can"))
}

/// Keeps the damaged file under another name, and gives the new one its place.
fn put_in_place(part: &Path, database: &Path) -> io::Result<PathBuf> {
    let mut kept = beside(database, ".damaged");
    let mut attempt = 1;
    while kept.symlink_metadata().is_ok() {
        attempt += 1;
        kept = beside(database, &format!(".damaged.{attempt}"));
    }
    let left = beside(database, "-wal");
    if left.metadata().is_ok_and(|wal| wal.len() > 0) {
        fs::rename(&left, beside(&kept, "-wal"))?;
    }
    remove(&left)?;
    remove(&beside(database, "-shm"))?;
    fs::hard_link(database, &kept)?;
    File::open(part)?.sync_all()?;
    fs::rename(part, database)?;
    File::open(database.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(kept)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
