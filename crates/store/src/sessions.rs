//! Sessions kept in memory, as of the last commit. They hold digests and numbers, never outputs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use calt_core::id::SessionId;
use calt_core::session::Session;
use tokio::sync::Notify;

/// Most memory the sessions kept warm may take, in bytes.
const WARM_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What is kept when the limit is passed, in bytes: the rest leaves in one go, least recently used first.
const WARM_BYTES_KEPT: usize = WARM_BYTES_MAX / 4 * 3;

/// The warm sessions. The writer takes one out for a batch and settles it after the commit, so nobody
/// ever sees a state that is not durable, and no state is copied to be changed.
#[derive(Default)]
pub(crate) struct Sessions {
    warm: Mutex<Warm>,
    settled: Notify,
}

#[derive(Default)]
struct Warm {
    entries: HashMap<SessionId, Entry>,
    bytes: usize,
    uses: u64,
    /// Counts what left. A session read from the database is kept only if nothing left meanwhile:
    /// else the writer might have carried it on and let it go after it was read.
    departures: u64,
}

enum Entry {
    Settled {
        session: Arc<Session>,
        bytes: usize,
        used: u64,
    },
    /// The writer has it, in a batch that is not committed.
    Taken,
}

/// What is known of a session.
pub(crate) enum Look {
    Warm(Arc<Session>),
    /// In a batch: ask again when something settled.
    Taken,
    /// Only the database knows. The number belongs to [`Sessions::keep`].
    Cold(u64),
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Warm> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn look(&self, id: &SessionId) -> Look {
        let mut warm = self.lock();
        warm.uses += 1;
        let (uses, departures) = (warm.uses, warm.departures);
        match warm.entries.get_mut(id) {
            Some(Entry::Settled { session, used, .. }) => {
                *used = uses;
                Look::Warm(Arc::clone(session))
            }
            Some(Entry::Taken) => Look::Taken,
            None => Look::Cold(departures),
        }
    }

    /// Completes when a batch settles that was open when this was called.
    pub(crate) fn settling(&self) -> tokio::sync::futures::Notified<'_> {
        self.settled.notified()
    }

    /// Keeps a session that was read from the database after `Look::Cold(departures)`.
    pub(crate) fn keep(&self, session: &Arc<Session>, departures: u64) {
        let mut warm = self.lock();
        if warm.departures == departures && !warm.entries.contains_key(session.id()) {
            warm.insert(Arc::clone(session));
            warm.shrink();
        }
    }

    /// The writer takes a session into its batch; `None` when it is cold.
    pub(crate) fn take(&self, id: &SessionId) -> Option<Session> {
        let mut warm = self.lock();
        match warm.entries.insert(id.clone(), Entry::Taken) {
            Some(Entry::Settled { session, bytes, .. }) => {
                warm.bytes -= bytes;
                drop(warm);
                Some(Arc::try_unwrap(session).unwrap_or_else(|shared| (*shared).clone()))
            }
            Some(Entry::Taken) | None => None,
        }
    }

    /// The writer gives back what it took, after the commit. A session that is `None` is forgotten.
    pub(crate) fn settle(&self, batch: impl IntoIterator<Item = (SessionId, Option<Session>)>) {
        let mut warm = self.lock();
        for (id, session) in batch {
            warm.entries.remove(&id);
            match session {
                Some(session) => warm.insert(Arc::new(session)),
                None => warm.departures += 1,
            }
        }
        warm.shrink();
        drop(warm);
        self.settled.notify_waiters();
    }

    /// How many bytes the warm sessions take.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }
}

impl Warm {
    fn insert(&mut self, session: Arc<Session>) {
        self.uses += 1;
        let bytes = session.weight_bytes();
        self.bytes += bytes;
        self.entries.insert(session.id().clone(), Entry::Settled { session, bytes, used: self.uses });
    }

    fn shrink(&mut self) {
        if self.bytes <= WARM_BYTES_MAX {
            return;
        }
        let mut oldest: Vec<(u64, SessionId)> = self
            .entries
            .iter()
            .filter_map(|(id, entry)| match entry {
                Entry::Settled { used, .. } => Some((*used, id.clone())),
                Entry::Taken => None,
            })
            .collect();
        oldest.sort_unstable_by_key(|(used, _)| *used);
        for (_, id) in oldest {
            if self.bytes <= WARM_BYTES_KEPT {
                break;
            }
            if let Some(Entry::Settled { bytes, .. }) = self.entries.remove(&id) {
                self.bytes -= bytes;
                self.departures += 1;
            }
        }
    }
}
