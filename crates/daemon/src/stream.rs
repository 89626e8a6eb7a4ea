//! The live event stream: the store is the truth, a wake-up only says that there is something to read.
//!
//! It subscribes before it reads, so nothing falls between; it always reads on from the number it sent
//! last, so a slow client loses nothing. It ends when the daemon does, or its token no longer holds.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use calt_api::Trouble;
use calt_api::visible::escape_json;
use calt_engine::core::{EventId, SessionId};
use calt_engine::store::{EventRow, Store, StoreError};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch;
use tokio::time::Interval;

use crate::app::App;
use crate::auth;
use crate::handlers::events::event_view;
use crate::limits::{STREAM_KEEP_ALIVE, STREAM_PAGE_EVENTS};
use crate::reply::Refused;

/// The header in which a client says how far it came.
const LAST_EVENT_ID: &str = "last-event-id";
/// A comment: it reaches the client, and means nothing there.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// Which events are followed, and by which number they are counted.
#[derive(Clone, Debug)]
pub(crate) enum Followed {
    /// One session's, by `seq`.
    Session(SessionId),
    /// All, by `id`.
    Log,
}

impl Followed {
    /// The next events after a number, oldest first. Reads the disk.
    pub(crate) fn page(&self, store: &Store, after: u64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        // What lies beyond the largest number of a row is after every event.
        let after = after.min(i64::MAX as u64);
        match self {
            Self::Session(session) => store.events_after(session, after, limit),
            Self::Log => store.log_after(EventId(after as i64), limit),
        }
    }

    /// The number a client resumes from after this event.
    pub(crate) fn number(&self, event: &EventRow) -> u64 {
        match self {
            Self::Session(_) => event.seq.unwrap_or_default(),
            Self::Log => u64::try_from(event.id.0).unwrap_or_default(),
        }
    }
}

/// Whether the client asked for the stream rather than for a page.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts
        .flat_map(|value| value.split(','))
        .any(|part| part.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("text/event-stream")))
}

/// The number to go on from: `Last-Event-ID`, or else what the query says.
pub(crate) fn resume_after(headers: &HeaderMap, after: Option<u64>) -> u64 {
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    last.or(after).unwrap_or_default()
}

/// Answers with the stream.
pub(crate) fn open(app: &App, headers: &HeaderMap, followed: Followed, after: u64) -> Result<Response<Body>, Refused> {
    let slot = app.streams.clone().try_acquire_owned().map_err(|_| Trouble::TooManyRequests)?;
    let mut keep_alive = tokio::time::interval(STREAM_KEEP_ALIVE);
    keep_alive.reset();
    let credential = headers.get(header::AUTHORIZATION).cloned();
    let reader = Reader {
        app: app.clone(),
        // Before the first read: what is committed from now on wakes us.
        wake: app.engine.store().committed(),
        credential: credential.into_iter().map(|value| (header::AUTHORIZATION, value)).collect(),
        followed,
        after,
        keep_alive,
        _slot: slot,
    };
    let chunks = stream::unfold(reader, |mut reader| async {
        let chunk = reader.next_chunk().await?;
        Some((Ok::<_, Infallible>(chunk), reader))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

/// One client's place in the log.
struct Reader {
    app: App,
    wake: watch::Receiver<EventId>,
    credential: HeaderMap,
    followed: Followed,
    after: u64,
    keep_alive: Interval,
    _slot: OwnedSemaphorePermit,
}

impl Reader {
    /// What to send next; `None` ends the stream.
    async fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            if self.app.ending.is_cancelled() || !self.is_still_proven() {
                return None;
            }
            // One read answers every wake-up that came before it.
            self.wake.mark_unchanged();
            let events = self.read().await?;
            if let Some(last) = events.last() {
                self.after = self.followed.number(last);
                self.keep_alive.reset();
                return Some(self.frames(events));
            }
            tokio::select! {
                () = self.app.ending.cancelled() => return None,
                _ = self.keep_alive.tick() => return Some(Bytes::from_static(KEEP_ALIVE)),
                woken = self.wake.changed() => woken.ok()?,
            }
        }
    }

    async fn read(&self) -> Option<Vec<EventRow>> {
        let (followed, after) = (self.followed.clone(), self.after);
        let page = self.app.engine.store().read(move |store| followed.page(store, after, STREAM_PAGE_EVENTS)).await;
        // The client comes back with `Last-Event-ID`.
        page.inspect_err(|fault| tracing::warn!("an event stream ends: {fault}")).ok()
    }

    fn is_still_proven(&self) -> bool {
        let roster = self.app.engine.roster();
        auth::caller(&self.credential, &self.app.environment, &roster, calt_engine::latest()).is_ok()
    }

    fn frames(&self, events: Vec<EventRow>) -> Bytes {
        let mut text = String::new();
        for event in events {
            let number = self.followed.number(&event);
            let json = serde_json::to_string(&event_view(event)).expect("a view has string keys");
            let _ = write!(text, "id: {number}\ndata: {}\n\n", escape_json(&json));
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn the_stream_is_for_those_who_accept_it() {
        assert!(is_wanted(&headers("accept", "text/event-stream")));
        assert!(is_wanted(&headers("accept", "application/json;q=0.1, Text/Event-Stream;q=1")));
        assert!(!is_wanted(&headers("accept", "*/*")) && !is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn the_header_says_more_than_the_query() {
        assert_eq!(resume_after(&headers("last-event-id", "7"), Some(3)), 7);
        assert_eq!(resume_after(&HeaderMap::new(), Some(3)), 3);
        assert_eq!(resume_after(&headers("last-event-id", "x"), None), 0);
    }
}
