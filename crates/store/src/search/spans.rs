//! From when to when, as ids: which blocks of the log hold events of a time.
//!
//! A clock that is set back makes times fall while ids grow, so nothing can be found by halving. What is kept of
//! each block of events is its earliest and its latest time; only blocks whose times touch what is wanted are
//! looked into, and there each event's own time decides.

use calt_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::error::StoreError;

/// Events of one block.
const BLOCK_EVENTS: i64 = 1024;
/// Most spans that are asked for one by one; older ones beyond are taken as one, gaps included.
const SPANS_MAX: usize = 32;

/// Ids between these, both excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) after: i64,
    pub(super) before: i64,
}

/// The times of events as they are indexed, block by block.
#[derive(Default)]
pub(super) struct Times {
    blocks: Vec<(i64, Timestamp, Timestamp)>,
}

impl Times {
    /// Takes in the next event's time. Ids only grow.
    pub(super) fn take_in(&mut self, id: i64, at: Timestamp) {
        let block = id / BLOCK_EVENTS;
        match self.blocks.last_mut() {
            Some((last, first_at, last_at)) if *last == block => {
                (*first_at, *last_at) = ((*first_at).min(at), (*last_at).max(at));
            }
            Some(_) | None => self.blocks.push((block, at, at)),
        }
    }

    /// Writes the blocks, wider than before where they were there already.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO index_times (block, first_at, last_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (block) DO UPDATE SET first_at = MIN(first_at, ?2), last_at = MAX(last_at, ?3)",
        )?;
        for (block, first_at, last_at) in &self.blocks {
            statement.execute(params![block, first_at.as_micros(), last_at.as_micros()])?;
        }
        Ok(())
    }
}

/// The spans of indexed events that can be from `since` on and before `until`, newest first.
pub(super) fn spans(
    connection: &Connection,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Span>, StoreError> {
    if since.is_none() && until.is_none() {
        return Ok(vec![Span { after: 0, before: i64::MAX }]);
    }
    let mut statement = connection
        .prepare_cached("SELECT block FROM index_times WHERE last_at >= ?1 AND first_at < ?2 ORDER BY block DESC")?;
    let from = since.map_or(i64::MIN, Timestamp::as_micros);
    let to = until.map_or(i64::MAX, Timestamp::as_micros);
    let mut rows = statement.query(params![from, to])?;
    let mut spans: Vec<Span> = Vec::new();
    while let Some(row) = rows.next()? {
        let block: i64 = row.get(0)?;
        let span = Span { after: block * BLOCK_EVENTS - 1, before: (block + 1) * BLOCK_EVENTS };
        let full = spans.len() == SPANS_MAX;
        match spans.last_mut() {
            Some(last) if full || last.after + 1 == span.before => last.after = span.after,
            Some(_) | None => spans.push(span),
        }
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_event_of_the_time_is_outside_the_spans(
            jumps in proptest::collection::vec((0_i64..6_000, 1_usize..700), 1..80),
            (since, length) in (proptest::option::of(0_i64..6_000), proptest::option::of(0_i64..900)),
        ) {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(include_str!("../../read_model/search_index.sql")).unwrap();
            let times: Vec<i64> = jumps.iter().flat_map(|(start, events)| (*start..).take(*events)).collect();
            for batch in (1_i64..).zip(&times).collect::<Vec<_>>().chunks(300) {
                let mut noted = Times::default();
                for (id, at) in batch {
                    noted.take_in(*id, Timestamp::from_micros(**at));
                }
                noted.write(&connection).unwrap();
            }
            let until = length.map(|length| since.unwrap_or(0) + length);
            let found = spans(&connection, since.map(Timestamp::from_micros), until.map(Timestamp::from_micros)).unwrap();
            prop_assert!(found.len() <= SPANS_MAX);
            prop_assert!(found.is_sorted_by(|newer, older| newer.after >= older.before - 1));
            for (id, at) in (1_i64..).zip(times) {
                let wanted = since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until);
                let covered = found.iter().filter(|span| span.after < id && id < span.before).count();
                prop_assert!(covered <= 1 && (!wanted || covered == 1), "{} at {}: {:?}", id, at, found);
            }
        }
    }
}
