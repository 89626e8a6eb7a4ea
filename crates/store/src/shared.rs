//! What the writer and the readers share: all of it as of the last commit.

use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError, RwLock};

use calt_core::id::EventId;
use calt_core::roster::Roster;
use tokio::sync::watch;

use crate::connection::Readers;
use crate::files::Files;
use crate::sessions::Sessions;

pub(crate) struct Shared {
    pub(crate) database: PathBuf,
    pub(crate) files: Files,
    pub(crate) readers: Readers,
    pub(crate) sessions: Sessions,
    pub(crate) committed: watch::Sender<EventId>,
    /// Up to which event the index has come; −1 when it cannot be written.
    pub(crate) indexed: AtomicI64,
    roster: RwLock<Arc<Roster>>,
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
