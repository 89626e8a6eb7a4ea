//! Every row of the log, looked at by several threads and handed on in order.
//!
//! Each thread reads its share of the log on a connection of its own and waits when it is ahead: so a long log takes
//! no more memory than a short one, and no read transaction keeps a daemon from cutting its WAL for long.

use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rusqlite::{Connection, Row};

use super::leaf::{CheckedRow, Kind, WrongRow, checked, leaf_columns};
use super::looking;
use crate::error::StoreError;

/// Events read in one statement.
const EVENTS_AT_ONCE: i64 = 10_000;
/// Most threads that read and hash.
const THREADS_MAX: usize = 4;
/// Shares of events that a thread is ahead.
const SHARES_AHEAD: usize = 1;

/// A row that was looked at.
pub(super) struct Looked {
    pub(super) row: CheckedRow,
    pub(super) wrong: Option<WrongRow>,
    /// The event whose text it says was removed.
    pub(super) redacts: Option<i64>,
}

/// Hands on the rows from the first to `last`, in the order of their ids.
pub(super) fn each(database: &Path, last: i64, mut visit: impl FnMut(Looked)) -> Result<(), StoreError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX) as i64;
    thread::scope(|scope| {
        let mut shares: Vec<Receiver<Result<Vec<Looked>, StoreError>>> = Vec::new();
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(SHARES_AHEAD);
            shares.push(receiver);
            scope.spawn(move || {
                if let Err(error) = read_shares(database, (thread, threads), last, &sender) {
                    // Whoever does not listen any more has an error already.
                    let _ = sender.send(Err(error));
                }
            });
        }
        for share in 0..(last + EVENTS_AT_ONCE - 1) / EVENTS_AT_ONCE {
            let rows = shares[(share % threads) as usize].recv();
            rows.unwrap_or_else(|_| Err(StoreError::Unavailable("a thread that reads ended".to_owned())))?
                .into_iter()
                .for_each(&mut visit);
        }
        Ok(())
    })
}

/// Reads each share whose turn this thread has.
fn read_shares(
    database: &Path,
    (thread, threads): (i64, i64),
    last: i64,
    sender: &SyncSender<Result<Vec<Looked>, StoreError>>,
) -> Result<(), StoreError> {
    let looking = looking::open(database).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut scratch = Vec::new();
    let mut after = thread * EVENTS_AT_ONCE;
    while after < last {
        let rows = read(&looking.connection, after, last.min(after + EVENTS_AT_ONCE), &mut scratch)?;
        if sender.send(Ok(rows)).is_err() {
            return Ok(());
        }
        after += threads * EVENTS_AT_ONCE;
    }
    Ok(())
}

fn read(connection: &Connection, after: i64, to: i64, scratch: &mut Vec<u8>) -> Result<Vec<Looked>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        leaf_columns!(),
        " FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id"
    ))?;
    let mut rows = statement.query([after, to])?;
    let mut looked = Vec::with_capacity((to - after) as usize);
    while let Some(row) = rows.next()? {
        let (seen, wrong) = checked(row, scratch)?;
        let redacts = if seen.kind == Kind::PayloadRedacted { redacted(row)? } else { None };
        looked.push(Looked { row: seen, wrong, redacts });
    }
    Ok(looked)
}

fn redacted(row: &Row<'_>) -> Result<Option<i64>, StoreError> {
    let facts: serde_json::Value = serde_json::from_str(&row.get::<_, String>("facts")?).unwrap_or_default();
    Ok(facts["event"].as_i64())
}
