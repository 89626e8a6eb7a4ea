//! Which connections wait for a request of their peer, longest first: these make room when every slot is taken.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All connections that wait for a request, by when they began to.
#[derive(Debug, Default)]
pub(crate) struct Idlers {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    began: u64,
    by_age: BTreeMap<u64, CancellationToken>,
}

impl Idlers {
    /// A connection that was just accepted: it waits for its first request.
    pub(crate) fn accepted(self: &Arc<Self>) -> Arc<Rest> {
        let rest = Rest { idlers: Arc::clone(self), now: Mutex::new(Now::Busy), leave: CancellationToken::new() };
        rest.answered();
        Arc::new(rest)
    }

    /// Asks the one that has waited longest to leave; waits until there is one.
    pub(crate) async fn evict_the_oldest(&self) {
        loop {
            let came = self.came.notified();
            // Asked once, it is nobody's to ask again.
            let oldest = locked(&self.waiting).by_age.pop_first();
            if let Some((_, leave)) = oldest {
                leave.cancel();
                return;
            }
            came.await;
        }
    }
}

/// What one connection does.
#[derive(Debug)]
enum Now {
    Waiting(u64),
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

    /// Whether a request is being answered.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(*locked(&self.now), Now::Busy)
    }

    fn answered(&self) {
        let mut now = locked(&self.now);
        if let Now::Busy = *now {
            let mut waiting = locked(&self.idlers.waiting);
            waiting.began += 1;
            let place = waiting.began;
            waiting.by_age.insert(place, self.leave.clone());
            *now = Now::Waiting(place);
            self.idlers.came.notify_one();
        }
    }

    fn becomes(&self, next: Now) {
        let mut now = locked(&self.now);
        if let Now::Waiting(place) = *now {
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
