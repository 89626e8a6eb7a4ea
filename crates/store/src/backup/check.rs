//! Whether a backup is what it says it is: pages, leaves, tree, and every byte of every file.

use std::path::Path;

use calt_core::merkle::Frontier;
use rusqlite::Connection;

use super::archive::{self, Kind};
use super::restore::safe;
use super::{BackupError, Contents, Progress};
use crate::error::StoreError;
use crate::schema;
use crate::verify::leaf::{self, leaf_columns};

/// Events between two words on the progress.
const EVENTS_BETWEEN_WORDS: u64 = 8192;

/// Checks a whole backup.
pub(super) fn check(
    connection: &Connection,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Contents, BackupError> {
    let damaged = |reason: String| BackupError::Damaged { path: path.to_owned(), reason };
    let unreadable = |error: BackupError| match error {
        BackupError::Store(StoreError::Corrupt(reason)) => damaged(reason),
        other @ (BackupError::Exists { .. }
        | BackupError::NotABackup { .. }
        | BackupError::Newer { .. }
        | BackupError::Damaged { .. }
        | BackupError::Files { .. }
        | BackupError::Open(_)
        | BackupError::Store(_)) => other,
    };
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| unreadable(error.into()))?;
    if found != "ok" {
        return Err(damaged(found));
    }
    // Before anything of it is believed: a view could give other rows to each who asks.
    let foreign = schema::foreign(connection, archive::TABLES).map_err(|error| unreadable(error.into()))?;
    if let Some(foreign) = foreign.into_iter().next() {
        return Err(damaged(foreign));
    }
    let contents = archive::contents(connection, path).map_err(unreadable)?;
    let frontier = checked_log(connection, progress).map_err(|error| unreadable(error.into()))?;
    if (frontier.size(), frontier.root()) != (contents.events, contents.root) {
        return Err(damaged(format!("its log has {} events with the root {}", frontier.size(), frontier.root())));
    }
    let mut files = 0;
    archive::each(connection, |archived| {
        files += u64::from(archived.kind == Kind::File);
        safe(&archived.path)?;
        if archived.kind == Kind::Directory || archive::is_whole(connection, &archived, |_| Ok::<_, StoreError>(()))? {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!("`{}` in it is not as it was", archived.path.display())))
    })
    .map_err(|error| unreadable(error.into()))?;
    if files != contents.files {
        return Err(damaged(format!("it holds {files} files and should hold {}", contents.files)));
    }
    Ok(contents)
}

/// Computes every leaf of the log anew from its row, and the tree over them.
///
/// # Errors
/// [`StoreError::Corrupt`] names the first event that is not as it was written.
pub(crate) fn checked_log(connection: &Connection, progress: &mut dyn FnMut(Progress)) -> Result<Frontier, StoreError> {
    let mut statement = connection.prepare(concat!("SELECT ", leaf_columns!(), " FROM events ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let (mut frontier, mut scratch) = (Frontier::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let (seen, wrong) = leaf::checked(row, &mut scratch)?;
        let wrong = wrong
            .map(|wrong| wrong.words())
            .or_else(|| (seen.id as u64 != frontier.size() + 1).then(|| "an event before it is missing".to_owned()));
        if let Some(wrong) = wrong {
            return Err(StoreError::Corrupt(format!("event {}: {wrong}", seen.id)));
        }
        frontier.append(seen.leaf);
        if frontier.size().is_multiple_of(EVENTS_BETWEEN_WORDS) {
            progress(Progress::Events(frontier.size()));
        }
    }
    Ok(frontier)
}
