//! Which connections wait for a request of their peer, longest first: these make room when every slot is taken.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::limits::HEAD_PATIENCE;

/// All connections that wait for a request, by when they began to.
#[derive(Debug, Default)]
pub(crate) struct Idlers {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    began: u64,
    by_age: BTreeMap<u64, Guest>,
}

/// One that waits, as far as whoever needs its slot must know it.
#[derive(Debug)]
struct Guest {
    leave: CancellationToken,
    /// When the first byte of its next head came.
    begun: Option<Instant>,
}

impl Guest {
    /// Whether it would go at once.
    fn goes_at_once(&self) -> bool {
        self.begun.is_none_or(|begun| begun.elapsed() >= HEAD_PATIENCE)
    }
}

impl Idlers {
    /// A connection that was just accepted: it waits for its first request.
    pub(crate) fn accepted(self: &Arc<Self>) -> Arc<Rest> {
        let rest = Rest { idlers: Arc::clone(self), now: Mutex::new(Now::Busy), leave: CancellationToken::new() };
        rest.answered();
        Arc::new(rest)
    }

    /// Asks the one that has waited longest to leave; waits until there is one. A head that has just begun is spared as
    /// long as there is another.
    pub(crate) async fn evict_the_oldest(&self) {
        loop {
            let came = self.came.notified();
            // Asked once, it is nobody's to ask again.
            if let Some(oldest) = locked(&self.waiting).take_the_oldest() {
                oldest.leave.cancel();
                return;
            }
            came.await;
        }
    }
}

impl Waiting {
    fn take_the_oldest(&mut self) -> Option<Guest> {
        let at_once = self.by_age.iter().find(|(_, guest)| guest.goes_at_once()).map(|(place, _)| *place);
        let place = at_once.or_else(|| self.by_age.keys().next().copied())?;
        self.by_age.remove(&place)
    }
}

/// What one connection does.
#[derive(Debug)]
enum Now {
    /// It waits for a request, or for the rest of the one whose head began.
    Waiting {
        place: u64,
        since: Instant,
        begun: bool,
    },
    Busy,
    Gone,
}

/// One connection, as far as it rests.
#[derive(Debug)]
pub(crate) struct Rest {
    idlers: Arc<Idlers>,
    now: Mutex<Now>,
    leave: CancellationToken,
}

impl Rest {
    /// A request has come; the connection is busy until what this gives is dropped.
    pub(crate) fn asked(self: &Arc<Self>) -> Busy {
        self.becomes(Now::Busy);
        Busy(Arc::clone(self))
    }

    /// The connection has ended.
    pub(crate) fn gone(&self) {
        self.becomes(Now::Gone);
    }

    /// Cancelled when the connection is to make room.
    pub(crate) const fn leave(&self) -> &CancellationToken {
        &self.leave
    }

    /// Something came. What comes first while the connection waits begins a head.
    pub(crate) fn heard(&self) {
        if let Now::Waiting { place, since, begun } = &mut *locked(&self.now)
            && !*begun
        {
            (*since, *begun) = (Instant::now(), true);
            if let Some(guest) = locked(&self.idlers.waiting).by_age.get_mut(place) {
                guest.begun = Some(*since);
            }
        }
    }

    /// How long a connection that was asked to leave still has for its request.
    pub(crate) fn time_left(&self) -> Duration {
        match *locked(&self.now) {
            Now::Waiting { since, .. } => HEAD_PATIENCE.saturating_sub(since.elapsed()),
            // Its answer is on its way, and then it ends.
            Now::Busy => HEAD_PATIENCE,
            Now::Gone => Duration::ZERO,
        }
    }

    fn answered(&self) {
        let mut now = locked(&self.now);
        if let Now::Busy = *now {
            let mut waiting = locked(&self.idlers.waiting);
            waiting.began += 1;
            let place = waiting.began;
            waiting.by_age.insert(place, Guest { leave: self.leave.clone(), begun: None });
            *now = Now::Waiting { place, since: Instant::now(), begun: false };
            self.idlers.came.notify_one();
        }
    }

    fn becomes(&self, next: Now) {
        let mut now = locked(&self.now);
        if let Now::Waiting { place, .. } = *now {
            locked(&self.idlers.waiting).by_age.remove(&place);
        }
        *now = next;
    }
}

/// A request that is being answered, until its answer was handed over or nobody wants it any more.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Rest>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// An answer's body that keeps its connection busy.
pub(crate) struct Answer {
    pub(crate) body: Body,
    pub(crate) _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Nothing that holds a lock of this module can panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
