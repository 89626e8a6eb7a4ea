//! The accept loop: few connections, none of them slow for long, and a clean end with streams open.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{
    ACCEPT_REST, BACKLOG_CONNECTIONS, CONNECTIONS_MAX, FAREWELL_BYTES_MAX, FAREWELL_TIME_MAX, HEAD_BYTES_MAX,
    HEADERS_MAX, HEADERS_TIME_MAX, SHUTDOWN_TIME_MAX, WRITE_STALL_TIME_MAX,
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
    let slot = Arc::new(slot);
    let unread = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(StallGuard::new(stream, Arc::clone(&unread)));
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let is_read = request.method() == Method::GET;
        unread.store(!request.body().is_end_stream(), Ordering::Release);
        let answer = router.call(request.map(|body| Watched { body, unread: Arc::clone(&unread) }));
        if is_read {
            return Either::Left(answer.map(|Ok(answer)| Ok(answer)));
        }
        // What was asked is done even when the client hangs up at once: a task of its own, not the connection's.
        // It holds the connection's slot, so that hanging up does not make room for more.
        let slot = Arc::clone(&slot);
        Either::Right(tokio::spawn(async move {
            let Ok(answer) = answer.await;
            drop(slot);
            answer
        }))
    });
    let mut connection = std::pin::pin!(http.serve_connection(io, service));
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

/// A stream whose peer must take what is written to it, sooner or later; and one that is not closed in the
/// face of a peer who still sends: the system would answer with a reset, and the refusal would be lost with it.
struct StallGuard {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether a request's body has not come to its end.
    unread: Arc<AtomicBool>,
    farewell: Option<Farewell>,
}

/// A request's body that says when it was read to its end.
struct Watched {
    body: Incoming,
    unread: Arc<AtomicBool>,
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
    const fn new(stream: TcpStream, unread: Arc<AtomicBool>) -> Self {
        Self { stream, stalled: None, unread, farewell: None }
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
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if self.unread.load(Ordering::Acquire) {
            ready!(self.poll_farewell(context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::routing::any;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A listening server; it ends with the token.
    fn serving(router: Router) -> (SocketAddr, CancellationToken) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, ending) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve(listener, router, Activity::new(), ending.clone()));
        (address, ending)
    }

    /// What a client still gets after it sent this and fell silent.
    async fn answer_to(address: SocketAddr, sent: &[u8]) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent).await.unwrap();
        let mut text = Vec::new();
        let _ = client.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    // The clock is paused: it jumps to the next limit whenever everybody waits.

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_its_head_is_cut_off() {
        let (address, _ending) = serving(Router::new());
        let began = tokio::time::Instant::now();
        let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\n").await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(began.elapsed() >= HEADERS_TIME_MAX && began.elapsed() < 2 * HEADERS_TIME_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_connection_without_a_request_ends() {
        let (address, _ending) = serving(Router::new().fallback(any(|| async { "here" })));
        let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.ends_with("here"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_cut_off() {
        let endless = || async {
            let pieces = futures_util::stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 64 * 1024]));
            axum::body::Body::from_stream(pieces)
        };
        let (address, _ending) = serving(Router::new().fallback(any(endless)));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(2 * WRITE_STALL_TIME_MAX).await;
        let (mut scratch, mut got) = (vec![0; 1024 * 1024], 0_usize);
        while let Ok(bytes @ 1..) = client.read(&mut scratch).await {
            got += bytes;
        }
        assert!(got > 0, "what was on its way arrives, and then the end");
    }

    #[tokio::test]
    async fn a_head_beyond_its_limits_is_refused() {
        let (address, _ending) = serving(Router::new().fallback(any(|| async { "here" })));
        let many = "X: y\r\n".repeat(HEADERS_MAX + 1);
        let long = format!("X: {}\r\n", "y".repeat(4 * HEAD_BYTES_MAX));
        for headers in [many, long] {
            let request = format!("GET / HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
            let answer = answer_to(address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
    }

    #[tokio::test]
    async fn two_lengths_for_one_body_are_refused() {
        let (address, _ending) = serving(Router::new().fallback(any(|body: String| async move { body })));
        for headers in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: +1\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
        ] {
            let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\nab");
            let answer = answer_to(address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
        }
    }

    #[tokio::test]
    async fn the_end_does_not_wait_for_a_stream_that_never_ends() {
        let endless = || async {
            let never = futures_util::stream::pending::<Result<Vec<u8>, Infallible>>();
            axum::body::Body::from_stream(never)
        };
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, ending) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving =
            tokio::spawn(serve(listener, Router::new().fallback(any(endless)), Activity::new(), ending.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(client.read_u8().await.is_ok(), "the head is there");
        tokio::time::pause();
        ending.cancel();
        serving.await.unwrap();
    }
}
