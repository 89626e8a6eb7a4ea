//! What the writer and the readers share: all of it as of the last commit.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use calt_core::id::EventId;
use calt_core::roster::Roster;
use tokio::sync::{Notify, watch};

use crate::connection::Readers;
use crate::files::Files;
use crate::sessions::Sessions;

/// Events after which a checkpoint is due. As many are read again, at most and a few more, whenever a store opens.
pub(crate) const CHECKPOINT_EVENTS: i64 = 10_000;

pub(crate) struct Shared {
    pub(crate) database: PathBuf,
    pub(crate) files: Files,
    pub(crate) readers: Readers,
    pub(crate) sessions: Sessions,
    pub(crate) committed: watch::Sender<EventId>,
    /// Up to which event the index has come; −1 when it cannot be written.
    pub(crate) indexed: AtomicI64,
    pub(crate) checkpoints: CheckpointsDue,
    roster: RwLock<Arc<Roster>>,
}

/// Knows when the log has grown enough, or a session has ended, for somebody to sign a checkpoint.
#[derive(Default)]
pub(crate) struct CheckpointsDue {
    /// The event of the newest checkpoint; 0 when there is none.
    signed: AtomicI64,
    due: Notify,
}

impl CheckpointsDue {
    pub(crate) fn signed_at(&self, event: i64) {
        self.signed.store(event, Ordering::Relaxed);
    }

    pub(crate) fn signed(&self) -> i64 {
        self.signed.load(Ordering::Relaxed)
    }

    /// Told after each commit.
    pub(crate) fn grown_to(&self, last: i64, a_session_ended: bool) {
        if a_session_ended || last - self.signed() >= CHECKPOINT_EVENTS {
            self.due.notify_one();
        }
    }

    pub(crate) async fn due(&self) {
        self.due.notified().await;
    }
}

impl Shared {
    pub(crate) fn new(database: PathBuf, files: Files, roster: Roster, last: i64, indexed: i64) -> Self {
        Self {
            readers: Readers::new(&database),
            database,
            files,
            sessions: Sessions::default(),
            committed: watch::Sender::new(EventId(last)),
            indexed: AtomicI64::new(indexed),
            checkpoints: CheckpointsDue::default(),
            roster: RwLock::new(Arc::new(roster)),
        }
    }

    pub(crate) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace_roster(&self, roster: Roster) {
        *self.roster.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roster);
    }

    /// Wakes the streams, once the callers have their answers.
    pub(crate) fn publish(&self, last: u64) {
        self.committed.send_if_modified(|newest| {
            let changed = newest.0 != last as i64;
            *newest = EventId(last as i64);
            changed
        });
    }
}
