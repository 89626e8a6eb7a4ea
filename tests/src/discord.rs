//! A Discord of our own on loopback: REST and gateway, as Discord's public reference describes them.
//!
//! It checks every request against the documented limits, keeps messages and commands, and can drop the socket,
//! answer late, answer with 429 or 500, and deliver twice.

mod gateway;
mod payload;
mod rest;
mod rules;
mod user;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use user::{Asked, FakeUser};

use gateway::Socket;

/// The bot token that is accepted.
pub const BOT_TOKEN: &str = "MTAwMDAwMDAwMDAwMDAwMDAwMA.story.of-a-bot-token-that-nobody-may-see";
/// The application's id, and the bot's own account.
pub const APPLICATION: &str = "1000000000000000000";
/// The guild.
pub const GUILD: &str = "2000000000000000000";
/// The channel the bot posts to.
pub const CHANNEL: &str = "3000000000000000000";
/// Longest a story waits for something, in seconds.
const WAIT_SECONDS_MAX: u64 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A message as it stands.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// Who alone sees it, if only one does.
    pub only_for: Option<String>,
    /// Its body: `content`, `embeds`, `components`, `attachments`.
    pub body: Value,
    /// The bytes of its files, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How often it was edited.
    pub edits: usize,
    /// When it was last changed.
    pub changed: Instant,
    pub(crate) nonce: Option<String>,
}

impl Message {
    /// Everything a person reads: content, embeds, files.
    pub fn text(&self) -> String {
        let mut text = self.content().to_owned();
        for embed in self.body["embeds"].as_array().into_iter().flatten() {
            for part in [&embed["title"], &embed["description"], &embed["footer"]["text"]] {
                text.push('\n');
                text.push_str(part.as_str().unwrap_or_default());
            }
            for field in embed["fields"].as_array().into_iter().flatten() {
                text.push_str(&format!("\n{}: {}", field["name"].as_str().unwrap(), field["value"].as_str().unwrap()));
            }
        }
        for (name, bytes) in &self.files {
            text.push_str(&format!("\n[{name}]\n{}", String::from_utf8_lossy(bytes)));
        }
        text
    }

    /// The line above the card.
    pub fn content(&self) -> &str {
        self.body["content"].as_str().unwrap_or_default()
    }

    /// The labels of its buttons, in order.
    pub fn labels(&self) -> Vec<String> {
        self.components().filter_map(|component| component["label"].as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn components(&self) -> impl Iterator<Item = &Value> {
        let rows = self.body["components"].as_array().into_iter().flatten();
        rows.flat_map(|row| row["components"].as_array().into_iter().flatten())
    }

    /// The custom id of a button with a label that begins so.
    pub fn button(&self, label: &str) -> Option<String> {
        let found = self.components().find(|component| {
            component["type"] == 2 && component["label"].as_str().is_some_and(|known| known.contains(label))
        });
        found.and_then(|button| button["custom_id"].as_str().map(str::to_owned))
    }

    /// The custom id of its menu.
    pub fn menu(&self) -> Option<String> {
        let found = self.components().find(|component| component["type"] == 3);
        found.and_then(|menu| menu["custom_id"].as_str().map(str::to_owned))
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The body, read as text.
    pub body: String,
    /// What was answered.
    pub status: u16,
    /// When it came.
    pub at: Instant,
}

/// How an interaction was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) user: String,
    pub(crate) kind: u64,
    pub(crate) asked: Instant,
    /// The first answer: its type, its data, how long it took.
    pub(crate) first: Option<(u64, Value, Duration)>,
    /// The message the interaction's token edits.
    pub(crate) original: Option<String>,
    pub(crate) followups: Vec<String>,
}

/// How the next requests are answered instead.
pub(crate) struct Disturbance {
    path: String,
    left: usize,
    status: u16,
    global: bool,
    /// Whether it is done all the same, and only the answer is another.
    is_done: bool,
}

pub(crate) struct State {
    pub(crate) messages: BTreeMap<u64, Message>,
    pub(crate) interactions: HashMap<String, Answered>,
    /// Tokens of interactions that live no longer.
    pub(crate) expired: HashSet<String>,
    pub(crate) commands: BTreeMap<String, Value>,
    pub(crate) requests: Vec<Seen>,
    pub(crate) violations: Vec<String>,
    pub(crate) disturbances: Vec<Disturbance>,
    /// Until when a route, or all of them, must rest.
    pub(crate) resting: HashMap<String, Instant>,
    pub(crate) windows: HashMap<String, VecDeque<Instant>>,
    pub(crate) window: (usize, Duration),
    pub(crate) attachments: BTreeMap<String, Vec<u8>>,
    pub(crate) channel_is_closed: bool,
    /// The language of the server.
    pub(crate) locale: String,
    pub(crate) sockets: Vec<Arc<Socket>>,
    pub(crate) sent: VecDeque<(u64, Value)>,
    pub(crate) sequence: u64,
    pub(crate) identified: usize,
    pub(crate) resumed: usize,
    pub(crate) heartbeats: usize,
    pub(crate) sessions: Vec<String>,
}

/// A Discord on loopback.
pub struct FakeDiscord {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) address: String,
    pub(crate) state: Mutex<State>,
    next_id: AtomicU64,
    pub(crate) twice: AtomicBool,
    ended: AtomicBool,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl FakeDiscord {
    /// Starts one.
    #[allow(clippy::new_without_default, reason = "it starts threads")]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap().to_string(),
            state: Mutex::new(State {
                messages: BTreeMap::new(),
                interactions: HashMap::new(),
                expired: HashSet::new(),
                commands: BTreeMap::new(),
                requests: Vec::new(),
                violations: Vec::new(),
                disturbances: Vec::new(),
                resting: HashMap::new(),
                windows: HashMap::new(),
                // Discord counts five messages in five seconds for a channel; stories have no time for that.
                window: (50, Duration::from_secs(1)),
                attachments: BTreeMap::new(),
                channel_is_closed: false,
                locale: "en-US".to_owned(),
                sockets: Vec::new(),
                sent: VecDeque::new(),
                sequence: 0,
                identified: 0,
                resumed: 0,
                heartbeats: 0,
                sessions: Vec::new(),
            }),
            next_id: AtomicU64::new(4_000_000_000_000_000_000),
            twice: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || rest::serve(&shared, stream));
            }
        });
        Self { shared }
    }

    /// Where REST is.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Where the gateway is.
    pub fn gateway_url(&self) -> String {
        format!("ws://{}/gateway", self.shared.address)
    }

    /// Somebody with an account.
    pub fn user(&self, id: &str) -> FakeUser<'_> {
        FakeUser::new(self, id, "en-US")
    }

    /// Waits until something is true.
    pub fn until<T>(&self, what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(WAIT_SECONDS_MAX);
        loop {
            if let Some(found) = holds() {
                return found;
            }
            assert!(Instant::now() < deadline, "never came true: {what}\n{}", self.told());
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Waits for the bot to be there with its commands.
    pub fn ready(&self) {
        self.until("the bot is there", || {
            let state = self.shared.state();
            (state.identified + state.resumed > 0 && !state.commands.is_empty()).then_some(())
        });
    }

    /// Waits for a message of the channel in which this stands, the newest first.
    pub fn message(&self, holding: &str) -> Message {
        self.until(&format!("a message with {holding:?}"), || self.find(|message| message.text().contains(holding)))
    }

    /// Waits for a message with a button of this label, the newest first.
    pub fn card(&self, label: &str) -> Message {
        self.until(&format!("a message with a button {label:?}"), || {
            self.find(|message| message.button(label).is_some())
        })
    }

    /// The newest message of which this is true.
    pub fn find(&self, is_wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        self.shared.state().messages.values().rev().find(|message| is_wanted(message)).cloned()
    }

    /// A message as it is now.
    pub fn again(&self, message: &Message) -> Message {
        self.shared.state().messages[&message.id.parse::<u64>().unwrap()].clone()
    }

    /// Every message that all can see, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        let state = self.shared.state();
        state.messages.values().filter(|message| message.only_for.is_none()).cloned().collect()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().requests.clone()
    }

    /// The commands that were registered, by guild; `""` for those of everywhere.
    pub fn commands(&self) -> BTreeMap<String, Value> {
        self.shared.state().commands.clone()
    }

    /// How often a session was begun, taken up again, and a heartbeat came.
    pub fn connections(&self) -> (usize, usize, usize) {
        let state = self.shared.state();
        (state.identified, state.resumed, state.heartbeats)
    }

    /// How long each first answer took.
    pub fn first_answers(&self) -> Vec<Duration> {
        let state = self.shared.state();
        state.interactions.values().filter_map(|asked| asked.first.as_ref().map(|(_, _, time)| *time)).collect()
    }

    /// Cuts every gateway connection.
    pub fn drop_sockets(&self) {
        for socket in std::mem::take(&mut self.shared.state().sockets) {
            socket.cut();
        }
    }

    /// Forgets every gateway session: who wants to resume is told that it is invalid.
    pub fn forget_sessions(&self) {
        self.shared.state().sessions.clear();
    }

    /// Asks the bot to connect anew (opcode 7).
    pub fn ask_to_reconnect(&self) {
        for socket in &self.shared.state().sockets {
            socket.send(&json!({"op": 7, "d": null, "s": null, "t": null}));
        }
    }

    /// Answers the next requests whose path holds this with another status.
    pub fn disturb(&self, path: &str, times: usize, status: u16) {
        let disturbance = Disturbance { path: path.to_owned(), left: times, status, global: false, is_done: false };
        self.shared.state().disturbances.push(disturbance);
    }

    /// Does what the next requests ask, and answers as if it had failed.
    pub fn lose_answers(&self, path: &str, times: usize) {
        let disturbance = Disturbance { path: path.to_owned(), left: times, status: 502, global: false, is_done: true };
        self.shared.state().disturbances.push(disturbance);
    }

    /// Answers the next request with a limit on all routes.
    pub fn limit_everything(&self) {
        let disturbance = Disturbance { path: String::new(), left: 1, status: 429, global: true, is_done: false };
        self.shared.state().disturbances.push(disturbance);
    }

    /// So many requests a route in so much time.
    pub fn allow(&self, requests: usize, time: Duration) {
        self.shared.state().window = (requests, time);
    }

    /// Delivers every interaction twice from now on.
    pub fn deliver_twice(&self) {
        self.shared.twice.store(true, Ordering::Relaxed);
    }

    /// Ends the life of every interaction's token so far, as a quarter of an hour does.
    pub fn expire_tokens(&self) {
        let mut state = self.shared.state();
        let known: Vec<_> = state.interactions.keys().cloned().collect();
        state.expired.extend(known);
    }

    /// Registers a command with another description, as an older bot did.
    pub fn register_otherwise(&self, command: &str) {
        let mut state = self.shared.state();
        for known in state.commands.values_mut().filter_map(Value::as_array_mut).flatten() {
            if known["name"] == command {
                known["description"] = json!("as it was");
            }
        }
    }

    /// The server's language from now on.
    pub fn speaks(&self, locale: &str) {
        locale.clone_into(&mut self.shared.state().locale);
    }

    /// The channel cannot be written any more.
    pub fn close_channel(&self) {
        self.shared.state().channel_is_closed = true;
    }

    /// Panics when a request broke one of Discord's rules, or held one of these texts.
    pub fn holds_nothing_of(&self, secrets: &[&str]) {
        let state = self.shared.state();
        assert!(state.violations.is_empty(), "{:#?}", state.violations);
        for secret in secrets {
            let found =
                state.requests.iter().find(|request| request.body.contains(secret) || request.path.contains(secret));
            assert!(found.is_none(), "{secret:?} reached Discord: {found:?}");
        }
    }

    /// What happened, for a story that failed.
    pub fn told(&self) -> String {
        let state = self.shared.state();
        let mut told = String::new();
        for request in state.requests.iter().rev().take(12).rev() {
            let body: String = request.body.chars().take(1_500).collect();
            told.push_str(&format!("{} {} -> {}\n{body}\n", request.method, request.path, request.status));
        }
        told.push_str(&format!("rules broken: {:#?}\n", state.violations));
        told
    }
}

impl Drop for FakeDiscord {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for socket in std::mem::take(&mut self.shared.state().sockets) {
            socket.cut();
        }
        // Wakes whoever waits for the next connection.
        let _ = TcpStream::connect(&self.shared.address);
        if !std::thread::panicking() {
            let state = self.shared.state();
            assert!(state.violations.is_empty(), "Discord's rules were broken: {:#?}", state.violations);
        }
    }
}
