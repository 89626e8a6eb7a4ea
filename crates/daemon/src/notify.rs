//! The webhook: one signed request when something starts to wait for somebody.
//!
//! The inbox is the truth. A number on disk says how far it was told, and is written after the receiver took
//! the request: a crash in between tells once more, and never nothing. Signed as Standard Webhooks 1.0 says
//! (<https://www.standardwebhooks.com>).

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use calt_api::views::InboxItemView;
use calt_engine::core::EventId;
use calt_engine::store::InboxPlace;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::watch;
use tokio::time::sleep;

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

/// Where the webhook goes, and what signs it.
#[derive(Clone)]
pub(crate) struct Webhook {
    url: reqwest::Url,
    secret: Vec<u8>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.place())
    }
}

impl Webhook {
    /// Takes the two settings.
    ///
    /// # Errors
    /// A sentence on what is wrong with which: `notify.url` or `notify.secret`.
    pub(crate) fn new(url: &str, secret: Option<&str>) -> Result<Self, (&'static str, String)> {
        let url = reqwest::Url::parse(url).map_err(|fault| ("notify.url", fault.to_string()))?;
        if url.scheme() != "http" || url.host_str().is_none() {
            return Err(("notify.url", "write it as http://HOST[:PORT]/PATH".to_owned()));
        }
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
        Ok(Self { url, secret })
    }

    /// Scheme, host and port: a path may hold what only the receiver should know.
    pub(crate) fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    async fn send(&self, client: &reqwest::Client, item: &InboxItemView) -> Result<(), String> {
        let id = format!("waiting_{}", item.since_event);
        let now = calt_engine::now();
        let seconds = now.as_micros().div_euclid(1_000_000);
        let body = json!({"type": "waiting.started", "timestamp": now.to_string(), "data": item}).to_string();
        let request = client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", self.signature(&id, seconds, &body))
            .body(body);
        // An error of this client names the address with its path.
        let answer = request.send().await.map_err(|fault| fault.without_url().to_string())?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(format!("the receiver answered {}", answer.status()))
    }
}

/// Begins to tell what starts to wait: from now on, and what did while the daemon was away.
///
/// # Errors
/// A sentence on what does not let it.
pub(crate) fn begin(app: App, webhook: Webhook, data_root: PathBuf) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_TIME_MAX)
        .user_agent(concat!("calt/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|fault| fault.to_string())?;
    let committed = app.engine.store().committed();
    let told = if let Some(told) = told_until(&data_root) {
        told
    } else {
        // The first start with a webhook: what waits already is not news, what comes next is, also after a crash.
        let newest = *committed.borrow();
        keep_told(&data_root, newest)?;
        newest
    };
    tokio::spawn(tell(app, Teller { webhook, client, data_root, told, committed }));
    Ok(())
}

/// What telling needs, and how far it has come.
struct Teller {
    webhook: Webhook,
    client: reqwest::Client,
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
        self.webhook.send(&self.client, &item).await?;
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
        let webhook = Webhook::new("http://127.0.0.1/", Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_webhook_without_address_or_secret_is_refused_by_name() {
        let long = "a secret of more than twenty-four bytes";
        for (url, secret, key) in [
            ("nowhere", Some(long), "notify.url"),
            ("ftp://127.0.0.1/", Some(long), "notify.url"),
            ("http://127.0.0.1/", None, "notify.secret"),
            ("http://127.0.0.1/", Some("short"), "notify.secret"),
            ("http://127.0.0.1/", Some("whsec_?"), "notify.secret"),
        ] {
            assert_eq!(Webhook::new(url, secret).unwrap_err().0, key, "{url}");
        }
        let webhook = Webhook::new("http://127.0.0.1:9/hook?key=x", Some(long)).unwrap();
        assert_eq!(format!("{webhook:?}"), "http://127.0.0.1:9");
    }

    #[test]
    fn attempts_come_less_and_less_often() {
        let pauses: Vec<_> = (1..=12).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause_after(u32::MAX), AGAIN_AFTER_MAX);
    }
}
