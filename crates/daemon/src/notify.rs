//! The webhook: one signed request when something starts to wait for somebody.
//!
//! The inbox is the truth. A number on disk says how far it was told, and is written after the receiver took
//! the request: a crash in between tells once more, and never nothing. Signed as Standard Webhooks 1.0 says
//! (<https://www.standardwebhooks.com>).

mod way;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{Request, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use calt_api::views::InboxItemView;
use calt_api::visible::escape_json;
use calt_engine::core::EventId;
use calt_engine::store::InboxPlace;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::watch;
use tokio::time::sleep;

use self::way::Way;
use crate::app::App;
use crate::ground;
use crate::handlers::inbox::shown;

/// The file that says up to which event the inbox was told.
const TOLD_FILE: &str = "notified";
/// How long a receiver may take to answer one request.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// How long after the first failure the request is sent again; each further failure doubles it.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Longest time between two attempts.
const AGAIN_AFTER_MAX: Duration = Duration::from_mins(5);
/// Shortest secret, in bytes.
pub(crate) const SECRET_BYTES_MIN: usize = 24;
/// What stands before a secret that is written in Base64.
const ENCODED_SECRET: &str = "whsec_";

/// Where the webhook goes, whom it believes to be the receiver, and what signs it.
#[derive(Clone)]
pub(crate) struct Webhook {
    url: Uri,
    way: Way,
    secret: Vec<u8>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.place())
    }
}

impl Webhook {
    /// Takes the settings. With `authorities`, the text of a PEM file, a receiver by https is believed who shows a
    /// certificate of theirs; without it, one of those that browsers believe.
    ///
    /// # Errors
    /// A sentence on what is wrong with which: `notify.url`, `notify.ca_file` or `notify.secret`.
    pub(crate) fn new(
        url: &str,
        authorities: Option<&[u8]>,
        secret: Option<&str>,
    ) -> Result<Self, (&'static str, String)> {
        let url: Uri = url.parse().map_err(|fault: axum::http::uri::InvalidUri| ("notify.url", fault.to_string()))?;
        let host = url.host().unwrap_or_default();
        if !matches!(url.scheme_str(), Some("http" | "https")) || host.is_empty() {
            return Err(("notify.url", "write it as https://HOST[:PORT]/PATH or http://HOST[:PORT]/PATH".to_owned()));
        }
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            let reason = "a name or password in it is never sent; the receiver knows calt by its signature";
            return Err(("notify.url", reason.to_owned()));
        }
        let way = Way::new(authorities).map_err(|reason| ("notify.ca_file", reason))?;
        let secret = secret.ok_or_else(|| {
            ("notify.secret", "it is missing; name a file in `notify.secret_file` or set CALT_NOTIFY_SECRET".to_owned())
        })?;
        let secret = match secret.strip_prefix(ENCODED_SECRET) {
            Some(encoded) => BASE64.decode(encoded).map_err(|fault| ("notify.secret", fault.to_string()))?,
            None => secret.as_bytes().to_vec(),
        };
        if secret.len() < SECRET_BYTES_MIN {
            return Err(("notify.secret", format!("it has {} bytes; use {SECRET_BYTES_MIN} or more", secret.len())));
        }
        Ok(Self { url, way, secret })
    }

    /// Scheme, host and port: a path may hold what only the receiver should know.
    pub(crate) fn place(&self) -> String {
        let part = |text: Option<&str>| text.unwrap_or_default().to_owned();
        format!("{}://{}", part(self.url.scheme_str()), part(self.url.authority().map(Authority::as_str)))
    }

    fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    async fn send(&self, item: &InboxItemView) -> Result<(), String> {
        let id = format!("waiting_{}", item.since_event);
        let now = calt_engine::now();
        let seconds = now.as_micros().div_euclid(1_000_000);
        let body = json!({"type": "waiting.started", "timestamp": now.to_string(), "data": item}).to_string();
        // Titles are somebody's text: what would turn the reading direction or show nothing is written out.
        let body = escape_json(&body).into_owned();
        let request = Request::post(self.url.clone())
            .header("content-type", "application/json")
            .header("user-agent", concat!("calt/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", self.signature(&id, seconds, &body))
            .body(body.into())
            .map_err(|fault| fault.to_string())?;
        let sent = tokio::time::timeout(ANSWER_TIME_MAX, self.way.send(request)).await;
        let status = sent.map_err(|_| format!("no answer within {} seconds", ANSWER_TIME_MAX.as_secs()))??;
        // Also an answer that leads elsewhere: what is signed for one receiver goes to no other.
        if status.is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
    }
}

/// Begins to tell what starts to wait: from now on, and what did while the daemon was away.
///
/// # Errors
/// A sentence on what does not let it.
pub(crate) fn begin(app: App, webhook: Webhook, data_root: PathBuf) -> Result<(), String> {
    let committed = app.engine.store().committed();
    let told = if let Some(told) = told_until(&data_root) {
        told
    } else {
        // The first start with a webhook: what waits already is not news, what comes next is, also after a crash.
        let newest = *committed.borrow();
        keep_told(&data_root, newest)?;
        newest
    };
    tokio::spawn(tell(app, Teller { webhook, data_root, told, committed }));
    Ok(())
}

/// What telling needs, and how far it has come.
struct Teller {
    webhook: Webhook,
    data_root: PathBuf,
    told: EventId,
    committed: watch::Receiver<EventId>,
}

async fn tell(app: App, mut teller: Teller) {
    let mut failures = 0;
    loop {
        teller.committed.mark_unchanged();
        let pause = match teller.one(&app).await {
            Ok(true) => {
                failures = 0;
                continue;
            }
            Ok(false) => None,
            Err(fault) => {
                failures += 1;
                let pause = pause_after(failures);
                let seconds = pause.as_secs();
                tracing::warn!(again_in_seconds = seconds, "the webhook at {}: {fault}", teller.webhook.place());
                Some(pause)
            }
        };
        tokio::select! {
            () = app.ending.cancelled() => return,
            () = teller.news(pause) => {}
        }
    }
}

impl Teller {
    /// Tells the next thing that waits; `false` when everything was told.
    async fn one(&mut self, app: &App) -> Result<bool, String> {
        let wanted = InboxPlace { session: None, limit: Some(1), cursor: Some(self.told) };
        let inbox = app.engine.store().read(move |store| store.inbox(&wanted)).await;
        let Some(row) = inbox.map_err(|fault| fault.to_string())?.rows.into_iter().next() else { return Ok(false) };
        let item = shown(row);
        self.webhook.send(&item).await?;
        self.told = EventId(item.since_event);
        let (data_root, told) = (self.data_root.clone(), self.told);
        let kept = tokio::task::spawn_blocking(move || keep_told(&data_root, told)).await;
        kept.map_err(|fault| fault.to_string())??;
        Ok(true)
    }

    /// Completes when it is worth looking again.
    async fn news(&mut self, pause: Option<Duration>) {
        match pause {
            Some(pause) => sleep(pause).await,
            // The store lives as long as the daemon: its end is told by the daemon's.
            None if self.committed.changed().await.is_ok() => {}
            None => std::future::pending().await,
        }
    }
}

fn pause_after(failures: u32) -> Duration {
    AGAIN_AFTER.saturating_mul(1 << (failures - 1).min(16)).min(AGAIN_AFTER_MAX)
}

fn told_until(data_root: &Path) -> Option<EventId> {
    let text = std::fs::read_to_string(data_root.join(TOLD_FILE)).ok()?;
    text.trim().parse().ok().map(EventId)
}

fn keep_told(data_root: &Path, told: EventId) -> Result<(), String> {
    ground::write_private(data_root, TOLD_FILE, &format!("{told}\n")).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks 1.0.
    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        let webhook = Webhook::new("http://127.0.0.1/", None, Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_webhook_without_address_or_secret_is_refused_by_name() {
        let long = "a secret of more than twenty-four bytes";
        for (url, secret, key) in [
            ("nowhere", Some(long), "notify.url"),
            ("ftp://127.0.0.1/", Some(long), "notify.url"),
            ("https:///path", Some(long), "notify.url"),
            ("https://ada:key@127.0.0.1/", Some(long), "notify.url"),
            ("http://127.0.0.1/", None, "notify.secret"),
            ("http://127.0.0.1/", Some("short"), "notify.secret"),
            ("http://127.0.0.1/", Some("whsec_?"), "notify.secret"),
        ] {
            assert_eq!(Webhook::new(url, None, secret).unwrap_err().0, key, "{url}");
        }
        for nothing in ["", "no certificate\n"] {
            let refused = Webhook::new("https://127.0.0.1/", Some(nothing.as_bytes()), Some(long)).unwrap_err();
            assert_eq!(refused.0, "notify.ca_file", "{nothing}");
        }
        let webhook = Webhook::new("https://127.0.0.1:9/hook?key=x", None, Some(long)).unwrap();
        assert_eq!(format!("{webhook:?}"), "https://127.0.0.1:9");
    }

    #[test]
    fn attempts_come_less_and_less_often() {
        let pauses: Vec<_> = (1..=12).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause_after(u32::MAX), AGAIN_AFTER_MAX);
    }
}
