//! The accept loop: few connections, none of them slow for long, and a clean end with streams open.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{
    ACCEPT_REST, BACKLOG_CONNECTIONS, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEADERS_MAX, HEADERS_TIME_MAX,
    SHUTDOWN_TIME_MAX, WRITE_STALL_TIME_MAX,
};

/// Binds the address. A port just left by a daemon that ended can be taken at once.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_CONNECTIONS)
}

/// How many connections are open, and when the last one was.
#[derive(Debug)]
pub(crate) struct Activity {
    began: Instant,
    open: AtomicUsize,
    last_millis: AtomicU64,
}

impl Activity {
    /// Counts from now.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), open: AtomicUsize::new(0), last_millis: AtomicU64::new(0) })
    }

    /// How long no connection has been open.
    pub(crate) fn quiet_for(&self) -> Duration {
        if self.open.load(Ordering::Acquire) > 0 {
            return Duration::ZERO;
        }
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last_millis.load(Ordering::Acquire)))
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    fn opened(self: &Arc<Self>) -> Connected {
        self.open.fetch_add(1, Ordering::AcqRel);
        Connected(Arc::clone(self))
    }
}

/// One open connection, counted until it is dropped.
struct Connected(Arc<Activity>);

impl Drop for Connected {
    fn drop(&mut self) {
        let millis = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_millis.store(millis, Ordering::Release);
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Serves until `ending` is cancelled; then open requests have a while to finish, and what is left is cut off.
pub(crate) async fn serve(listener: TcpListener, router: Router, activity: Arc<Activity>, ending: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let http = protocol();
    while let Some((stream, slot)) = next_connection(&listener, &slots, &ending).await {
        let served = Served { slot, connected: activity.opened(), ending: ending.clone(), cut: cut.clone() };
        connections.spawn(serve_connection(http.clone(), stream, router.clone(), served));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(SHUTDOWN_TIME_MAX, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections still open at the end of the grace time are cut off"
        );
        cut.cancel();
        connections.wait().await;
    }
}

fn protocol() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(true);
    http
}

async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    ending: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = ending.cancelled() => return None,
            // The slot comes first: without one, new connections wait in the kernel's queue.
            accepted = async {
                let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
                listener.accept().await.map(|(stream, _)| (stream, slot))
            } => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let _ = stream.set_nodelay(true);
                return Some((stream, slot));
            }
            Err(fault) if is_the_peers(&fault) => {}
            Err(fault) => {
                tracing::warn!("a connection could not be accepted: {fault}");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn is_the_peers(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// What a connection holds and listens to as long as it lives.
struct Served {
    slot: OwnedSemaphorePermit,
    connected: Connected,
    ending: CancellationToken,
    cut: CancellationToken,
}

async fn serve_connection(http: http1::Builder, stream: TcpStream, router: Router, served: Served) {
    let Served { slot, connected, ending, cut } = served;
    let io = TokioIo::new(StallGuard::new(stream));
    let mut connection = std::pin::pin!(http.serve_connection(io, TowerToHyperService::new(router)));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = cut.cancelled() => Ok(()),
            }
        }
    };
    if let Err(fault) = outcome {
        tracing::debug!("a connection ended: {fault}");
    }
    drop((slot, connected));
}

/// A stream whose peer must take what is written to it, sooner or later.
struct StallGuard {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl StallGuard {
    const fn new(stream: TcpStream) -> Self {
        Self { stream, stalled: None }
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
        Pin::new(&mut self.stream).poll_read(context, buffer)
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
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
