//! The two ends of a connection that a peer can hold up: writes it does not take, and a body nobody reads.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::idle::Rest;
use crate::limits::{FAREWELL_BYTES_MAX, FAREWELL_TIME_MAX, WRITE_STALL_TIME_MAX};

/// A stream whose peer must take what is written to it, sooner or later; and one that is not closed in the
/// face of a peer who still sends: the system would answer with a reset, and the refusal would be lost with it.
pub(crate) struct StallGuard {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether a request's body has not come to its end.
    unread: Arc<AtomicBool>,
    /// Told when something comes.
    rest: Arc<Rest>,
    farewell: Option<Farewell>,
}

/// A request's body that says when it was read to its end.
pub(crate) struct Watched {
    pub(crate) body: Incoming,
    pub(crate) unread: Arc<AtomicBool>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.store(false, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The end of a connection whose request was not read: what still comes is taken and thrown away, for a while.
struct Farewell {
    bytes_left: usize,
    ends: Pin<Box<Sleep>>,
}

impl StallGuard {
    /// The stream of one connection, and where its requests say whether they were read.
    pub(crate) const fn new(stream: TcpStream, unread: Arc<AtomicBool>, rest: Arc<Rest>) -> Self {
        Self { stream, stalled: None, unread, rest, farewell: None }
    }

    /// Waits until the peer has seen our end and closed its own, within both limits.
    fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let farewell = self.farewell.get_or_insert_with(|| Farewell {
            bytes_left: FAREWELL_BYTES_MAX,
            ends: Box::pin(tokio::time::sleep(FAREWELL_TIME_MAX)),
        });
        let mut scratch = [0; 16 * 1024];
        loop {
            if farewell.bytes_left == 0 || farewell.ends.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    farewell.bytes_left = farewell.bytes_left.saturating_sub(buffer.filled().len());
                }
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Passes on what a write gave; a write that stays pending for too long fails.
    fn watch<T>(&mut self, wrote: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL_TIME_MAX)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for StallGuard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.rest.heard();
        }
        read
    }
}

impl AsyncWrite for StallGuard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(wrote, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(wrote, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if self.unread.load(Ordering::Acquire) {
            ready!(self.poll_farewell(context));
        }
        Poll::Ready(Ok(()))
    }
}
