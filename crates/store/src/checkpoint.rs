//! Taking the WAL into the database, beside the writer.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use calt_core::moment::{Moment, pass};
use rusqlite::Connection;

use crate::connection::open_checkpointer;

/// Frames of WAL that are not in the database yet, from which a checkpoint is due: 4 MiB of 4 KiB pages.
const DUE_FRAMES: i64 = 1024;
/// Frames of WAL from which the writer takes in the rest itself: only then, with nobody writing, can the
/// WAL begin anew. 16 MiB.
const LONG_FRAMES: i64 = 4096;
/// Commits between two looks at the WAL: a look costs about as much as reading its header.
const COMMITS_BETWEEN_LOOKS: u32 = 8;

/// The thread that checkpoints, and the writer's view of the WAL.
pub(crate) struct Checkpointer {
    /// `None` once it is told to end.
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    commits: u32,
    /// Whether anything was written since the WAL was cut.
    dirty: bool,
}

impl Checkpointer {
    pub(crate) fn start(database: &Path) -> rusqlite::Result<Self> {
        let connection = open_checkpointer(database)?;
        let (due, wanted) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("calt-checkpoint".to_owned())
            .spawn(move || checkpoint_when_due(&connection, &wanted))
            .ok();
        Ok(Self { due: Some(due), thread, commits: 0, dirty: true })
    }

    /// Notes a commit, and asks for a checkpoint when enough has come together.
    pub(crate) fn look(&mut self, writer: &Connection) {
        self.dirty = true;
        self.commits += 1;
        if self.commits < COMMITS_BETWEEN_LOOKS {
            return;
        }
        self.commits = 0;
        let Some(wal) = wal(writer, "PRAGMA wal_checkpoint(NOOP)") else { return };
        if wal.frames >= LONG_FRAMES {
            wal_passive(writer);
        } else if wal.frames - wal.taken_in >= DUE_FRAMES
            && let Some(due) = &self.due
        {
            // A full channel means that it is asked already.
            let _ = due.try_send(());
        }
    }

    /// Whether the WAL holds anything to cut.
    pub(crate) fn has_work(&self) -> bool {
        self.dirty
    }

    /// Takes everything in and cuts the WAL. For quiet times: it waits for readers.
    pub(crate) fn truncate(&mut self, writer: &Connection) {
        self.dirty = false;
        pass(Moment::BeforeTruncate);
        let _ = wal(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
        pass(Moment::AfterTruncate);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Wal {
    frames: i64,
    taken_in: i64,
}

fn wal(connection: &Connection, pragma: &str) -> Option<Wal> {
    let looked = connection.prepare_cached(pragma).and_then(|mut statement| {
        statement.query_row([], |row| Ok(Wal { frames: row.get(1)?, taken_in: row.get(2)? }))
    });
    looked.inspect_err(|error| tracing::warn!(%error, "a checkpoint failed")).ok()
}

fn wal_passive(connection: &Connection) {
    pass(Moment::BeforeCheckpoint);
    let _ = wal(connection, "PRAGMA wal_checkpoint(PASSIVE)");
    pass(Moment::AfterCheckpoint);
}

fn checkpoint_when_due(connection: &Connection, due: &Receiver<()>) {
    while due.recv().is_ok() {
        wal_passive(connection);
    }
}
