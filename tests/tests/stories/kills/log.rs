//! The log as it stands in the database, read without the daemon's help.

use std::path::Path;

use calt_core::event::Envelope;
use calt_core::id::{EventId, RunId, SessionId};
use calt_core::merkle::Frontier;
use calt_core::principal::PrincipalId;
use calt_core::{Digest, Fact, Timestamp};
use rusqlite::{Connection, OpenFlags, Row};

/// Bytes of one record of the side file: id, root, and SHA-256 over both.
const HEAD_RECORD_BYTES: usize = 72;

/// What lies on disk of a log.
pub(crate) struct Log {
    pub(super) events: Vec<Envelope>,
    /// The leaves as they are stored.
    pub(super) leaves: Vec<Digest>,
    /// The frontier as it is stored.
    pub(super) frontier: Frontier,
    /// The newest record of the side file.
    pub(super) head: (u64, Digest),
    /// What `PRAGMA integrity_check` says.
    pub(super) integrity: String,
}

impl Log {
    pub(crate) fn read(data_root: &Path) -> Self {
        let database = data_root.join("calt.sqlite3");
        let connection = Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        // One transaction: the daemon goes on writing its index.
        connection.execute_batch("BEGIN").unwrap();
        let sql = "SELECT id, session_id, seq, run_id, schema, event_type, source, user_id, principal, message_id,
                          created_at, facts, salt, text_hash, summary, payload_text, leaf_hash
                   FROM events ORDER BY id";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((envelope(row), Digest::from_bytes(row.get(16)?)))).unwrap();
        let (events, leaves) = rows.map(Result::unwrap).unzip();
        let (size, peaks): (i64, Vec<u8>) = connection
            .query_row("SELECT size, peaks FROM log_state", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let peaks = peaks.as_chunks::<32>().0.iter().copied().map(Digest::from_bytes).collect();
        Self {
            events,
            leaves,
            frontier: Frontier::restore(size as u64, peaks).unwrap(),
            head: head(&database.with_extension("sqlite3.head")),
            integrity: connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap(),
        }
    }
}

fn envelope(row: &Row<'_>) -> Envelope {
    let text = |column: usize| row.get::<_, String>(column).unwrap();
    let event_type = text(5);
    let facts = serde_json::from_str(&text(11)).unwrap();
    Envelope {
        id: EventId(row.get(0).unwrap()),
        session: row.get::<_, Option<String>>(1).unwrap().map(|id| SessionId::parse(&id).unwrap()),
        seq: row.get::<_, Option<i64>>(2).unwrap().map(|seq| seq as u64),
        run: row.get::<_, Option<i64>>(3).unwrap().map(RunId),
        schema: row.get(4).unwrap(),
        source: text(6),
        user_id: text(7),
        principal: PrincipalId::parse(&text(8)).unwrap(),
        message_id: row.get(9).unwrap(),
        created_at: Timestamp::parse(&text(10)).unwrap(),
        fact: Fact::read(&event_type, facts).unwrap(),
        salt: row.get(12).unwrap(),
        text_hash: Digest::from_bytes(row.get(13).unwrap()),
        summary: text(14),
        payload_text: text(15),
    }
}

fn head(path: &Path) -> (u64, Digest) {
    let bytes = std::fs::read(path).unwrap();
    let records = bytes.as_chunks::<HEAD_RECORD_BYTES>().0;
    let whole = records.iter().filter(|record| Digest::of_bytes(&record[..40]).as_bytes()[..] == record[40..]);
    whole
        .map(|record| {
            let id = u64::from_le_bytes(record[..8].try_into().unwrap());
            (id, Digest::from_bytes(record[8..40].try_into().unwrap()))
        })
        .max_by_key(|(id, _)| *id)
        .unwrap()
}
