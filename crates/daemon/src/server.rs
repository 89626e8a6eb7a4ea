//! The accept loop: few connections, none of them slow for long, and a clean end with streams open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::idle::{Answer, Idlers, Rest};
use crate::limits::{
    ACCEPT_REST, BACKLOG_CONNECTIONS, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEADERS_MAX, HEADERS_TIME_MAX, SHUTDOWN_TIME_MAX,
};
use crate::stall::{StallGuard, Watched};

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
    serve_at_once(CONNECTIONS_MAX, listener, router, activity, ending).await;
}

/// The same with so many connections at once.
async fn serve_at_once(
    most: usize,
    listener: TcpListener,
    router: Router,
    activity: Arc<Activity>,
    ending: CancellationToken,
) {
    let (slots, idlers) = (Arc::new(Semaphore::new(most)), Arc::new(Idlers::default()));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let http = protocol();
    while let Some((stream, slot)) = next_connection(&listener, &slots, &idlers, &ending).await {
        let (ending, cut) = (ending.clone(), cut.clone());
        let served = Served { slot, connected: activity.opened(), rest: idlers.accepted(), ending, cut };
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

/// The next connection with a slot of its own. Where there is none, whoever has kept one waiting longest without a
/// request makes room: somebody who opens connections and says nothing keeps nobody out.
async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    idlers: &Idlers,
    ending: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let stream = next_stream(listener, ending).await?;
    let mut asked_to_leave = false;
    loop {
        let slot = Arc::clone(slots).acquire_owned();
        tokio::select! {
            biased;
            () = ending.cancelled() => return None,
            // The semaphore is never closed.
            slot = slot => return slot.ok().map(|slot| (stream, slot)),
            // One goes for one that comes.
            () = idlers.evict_the_oldest(), if !asked_to_leave => asked_to_leave = true,
        }
    }
}

async fn next_stream(listener: &TcpListener, ending: &CancellationToken) -> Option<TcpStream> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = ending.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return Some(stream);
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
    rest: Arc<Rest>,
    ending: CancellationToken,
    cut: CancellationToken,
}

async fn serve_connection(http: http1::Builder, stream: TcpStream, router: Router, served: Served) {
    let Served { slot, connected, rest, ending, cut } = served;
    let slot = Arc::new(slot);
    let unread = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(StallGuard::new(stream, Arc::clone(&unread), Arc::clone(&rest)));
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let is_read = request.method() == Method::GET;
        unread.store(!request.body().is_end_stream(), Ordering::Release);
        let busy = rest.asked();
        let answer = router.call(request.map(|body| Watched { body, unread: Arc::clone(&unread) }));
        let answer = answer.map(|Ok(answer)| answer.map(|body| Answer { body, _busy: busy }));
        if is_read {
            return Either::Left(answer.map(Ok));
        }
        // What was asked is done even when the client hangs up at once: a task of its own, not the connection's.
        // It holds the connection's slot, so that hanging up does not make room for more.
        let slot = Arc::clone(&slot);
        Either::Right(tokio::spawn(async move {
            let answer = answer.await;
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
        () = rest.leave().cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = nothing_comes(&rest) => Ok(()),
                () = cut.cancelled() => Ok(()),
            }
        }
    };
    rest.gone();
    if let Err(fault) = outcome {
        tracing::debug!("a connection ended: {fault}");
    }
    drop((slot, connected));
}

/// Ends when a connection that was asked to leave had its time; never while it answers a request that came meanwhile.
async fn nothing_comes(rest: &Rest) {
    loop {
        let left = rest.time_left();
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::routing::any;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::limits::{HEAD_PATIENCE, WRITE_STALL_TIME_MAX};

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

    /// A server with so many slots.
    fn with_slots(most: usize, router: Router) -> (SocketAddr, CancellationToken) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, ending) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve_at_once(most, listener, router, Activity::new(), ending.clone()));
        (address, ending)
    }

    async fn connected(address: SocketAddr, says: &str) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        // A piece that waits for the one before to be acknowledged waits in real time, which no clock here knows.
        client.set_nodelay(true).unwrap();
        client.write_all(says.as_bytes()).await.unwrap();
        client
    }

    const ASKS: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// One answer of a connection that stays open.
    async fn answered(client: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"here") {
            text.push(client.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_longest_without_a_request_makes_room() {
        let (address, _ending) = with_slots(3, Router::new().fallback(any(|| async { "here" })));
        let mut kept_alive = connected(address, ASKS).await;
        answered(&mut kept_alive).await;
        let mut half_a_head = connected(address, "GET / HTTP/1.1\r\n").await;
        let mut silent = connected(address, "").await;
        tokio::time::sleep(HEAD_PATIENCE).await;
        kept_alive.write_all(ASKS.as_bytes()).await.unwrap();
        answered(&mut kept_alive).await;
        let began = tokio::time::Instant::now();
        let (mut rest, mut came) = (Vec::new(), Vec::new());
        for gone in [&mut half_a_head, &mut silent] {
            let mut next = connected(address, ASKS).await;
            let answer = answered(&mut next).await;
            came.push(next);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(began.elapsed() < HEADERS_TIME_MAX, "{:?}", began.elapsed());
            let _ = gone.read_to_end(&mut rest).await;
            // The one that asked last is the last to go.
            kept_alive.write_all(ASKS.as_bytes()).await.unwrap();
            answered(&mut kept_alive).await;
        }
        assert!(began.elapsed() < HEADERS_TIME_MAX, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn heads_that_never_end_keep_nobody_out_for_longer_than_one_is_spared() {
        const SLOTS: usize = 8;
        let (address, _ending) = with_slots(SLOTS, Router::new().fallback(any(|| async { "here" })));
        let began = tokio::time::Instant::now();
        let mut held = Vec::new();
        for _ in 0..5 * SLOTS {
            held.push(connected(address, "GET / HTTP/1.1\r\nHo").await);
        }
        let mut honest = connected(address, ASKS).await;
        answered(&mut honest).await;
        // Each that goes had its time while those before it had theirs.
        assert!(began.elapsed() < 6 * HEAD_PATIENCE, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_has_just_begun_is_spared_and_a_slow_one_is_served_while_there_is_room() {
        let (address, _ending) = with_slots(2, Router::new().fallback(any(|| async { "here" })));
        let mut slow = connected(address, "GET / HTTP/1.1\r\n").await;
        for piece in ["Ho", "st: ", "x\r\n", "\r\n"] {
            tokio::time::sleep(2 * HEAD_PATIENCE).await;
            slow.write_all(piece.as_bytes()).await.unwrap();
        }
        answered(&mut slow).await;
        // Now all is taken: the one that began is older, and the one that only waits goes.
        let mut silent = connected(address, "").await;
        slow.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        tokio::time::sleep(HEAD_PATIENCE / 2).await;
        let mut next = connected(address, "").await;
        assert!(silent.read_u8().await.is_err(), "it made room");
        slow.write_all(b"Host: x\r\n\r\n").await.unwrap();
        answered(&mut slow).await;
        next.write_all(ASKS.as_bytes()).await.unwrap();
        answered(&mut next).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_being_answered_is_never_asked_to_leave() {
        let (finish, finished) = tokio::sync::watch::channel(false);
        let slow = move || {
            let mut finished = finished.clone();
            let last = async move {
                let _ = finished.wait_for(|finished| *finished).await;
                Ok::<_, Infallible>("here")
            };
            let first = futures_util::stream::iter([Ok::<_, Infallible>("it is ")]);
            let body =
                axum::body::Body::from_stream(futures_util::StreamExt::chain(first, futures_util::stream::once(last)));
            async move { body }
        };
        let (address, _ending) = with_slots(1, Router::new().fallback(any(slow)));
        let mut streaming = connected(address, ASKS).await;
        assert!(streaming.read_u8().await.is_ok());
        let mut waiting = connected(address, ASKS).await;
        let early = tokio::time::timeout(Duration::from_hours(1), waiting.read_u8()).await;
        assert!(early.is_err(), "there is no slot for it");
        finish.send(true).unwrap();
        let mut whole = Vec::new();
        streaming.read_to_end(&mut whole).await.unwrap();
        assert!(String::from_utf8_lossy(&whole).contains("here"), "what was on its way arrives, and then the end");
        assert!(waiting.read_u8().await.is_ok(), "now there is one");
    }

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

    /// Whoever stands between may go by the other length: what it takes for a request of its own is none here.
    #[tokio::test]
    async fn nothing_behind_a_body_with_a_length_and_pieces_is_a_request() {
        let (address, _ending) =
            serving(Router::new().fallback(any(|body: String| async move { format!("<{body}>") })));
        for headers in [
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        ] {
            let request = format!(
                "POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n2\r\nab\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
            );
            let answer = answer_to(address, request.as_bytes()).await;
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
            assert!(answer.contains("<ab>") || answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
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
