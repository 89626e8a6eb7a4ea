//! Discord's gateway: interactions come in, each once.

use std::collections::{HashSet, VecDeque};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use twilight_gateway::{ConfigBuilder, Intents, Message, Shard, ShardId};

/// Interactions remembered, so that one which is delivered again is not acted on again.
const INTERACTIONS_REMEMBERED: usize = 4_096;

/// What the gateway tells.
pub(crate) enum Told {
    /// The bot is there: its application and its own account.
    Ready {
        /// The application's id.
        application: String,
    },
    /// Somebody did something.
    Interaction(Value),
}

/// Stays connected and tells what happens; ends when Discord does not take the bot any more.
pub(crate) async fn listen(url: Option<String>, token: &str, tell: Sender<Told>) -> String {
    // Interactions come without any intent: nothing of what people write is read.
    let mut config = ConfigBuilder::new(token.to_owned(), Intents::empty());
    if let Some(url) = url {
        config = config.proxy_url(url);
    }
    let mut shard = Shard::with_config(ShardId::ONE, config.build());
    let mut seen = Seen::default();
    let mut last_close = None;
    while let Some(message) = shard.next().await {
        let told = match message {
            Ok(Message::Text(text)) => told(&text),
            Ok(Message::Close(frame)) => {
                if let Some(frame) = &frame {
                    tracing::info!(code = frame.code, "the gateway closed: {}", frame.reason);
                    last_close = Some(frame.code);
                }
                None
            }
            Err(fault) => {
                tracing::warn!("the gateway: {fault}");
                None
            }
        };
        let Some(told) = told else { continue };
        if let Told::Interaction(interaction) = &told
            && seen.has(interaction["id"].as_str().unwrap_or_default())
        {
            continue;
        }
        if tell.send(told).await.is_err() {
            return "the bot is ending".to_owned();
        }
    }
    match last_close {
        Some(4004) => "Discord does not accept the bot token".to_owned(),
        Some(code) => format!("Discord closed the gateway for good (close code {code})"),
        None => "Discord closed the gateway for good".to_owned(),
    }
}

/// Reads only what is used: an event of another form than expected hides no other.
fn told(text: &str) -> Option<Told> {
    let mut event: Value = serde_json::from_str(text).ok()?;
    match event["t"].as_str()? {
        "READY" => {
            let application = event["d"]["application"]["id"].as_str()?.to_owned();
            Some(Told::Ready { application })
        }
        "INTERACTION_CREATE" => Some(Told::Interaction(event["d"].take())),
        _ => None,
    }
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn has(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return true;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > INTERACTIONS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        false
    }
}
