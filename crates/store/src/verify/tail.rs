//! What is looked at whenever a store opens: the events since the last signed checkpoint.

use calt_core::merkle::Frontier;
use rusqlite::Connection;

use super::checkpoints;
use super::leaf::{checked, leaf_columns};
use crate::error::StoreError;
use crate::log;

/// The tree from the last checkpoint to the end of the log, made again from the rows.
///
/// # Errors
/// [`StoreError::Corrupt`] names the first event that is not as it was recorded.
pub(crate) fn tree_from_the_last_checkpoint(connection: &Connection) -> Result<Frontier, StoreError> {
    let corrupt = |event: i64, why: &str| StoreError::Corrupt(format!("event {event}: {why}"));
    let mut tree = match checkpoints::newest(connection)? {
        Some(newest) => {
            newest.proven().map_err(|why| corrupt(newest.event.0, &why))?;
            newest.frontier().unwrap_or_default()
        }
        None => Frontier::default(),
    };
    if let Some(event) = log::event_out_of_place(connection)? {
        return Err(corrupt(event, "no event has such an id: it was added"));
    }
    let mut statement =
        connection.prepare(concat!("SELECT ", leaf_columns!(), " FROM events WHERE id > ?1 ORDER BY id"))?;
    let mut rows = statement.query([tree.size() as i64])?;
    let mut scratch = Vec::new();
    while let Some(row) = rows.next()? {
        let (seen, wrong) = checked(row, &mut scratch)?;
        if seen.id != tree.size() as i64 + 1 {
            return Err(corrupt(seen.id, "it does not have the next id: events were removed before it"));
        }
        if let Some(wrong) = wrong {
            return Err(corrupt(seen.id, &wrong.words()));
        }
        tree.append(seen.leaf);
    }
    Ok(tree)
}
