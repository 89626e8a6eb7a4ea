//! A guild with a bot in it: a world, a Discord, and whoever has an account.

use std::cell::RefCell;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use calt_tests::discord::{BOT_TOKEN, CHANNEL, FakeDiscord, FakeUser, GUILD, Message};
use calt_tests::{Session, World};
use serde_json::{Value, json};

/// Accounts in these stories.
pub(crate) const ANN: &str = "100000000000000001";
pub(super) const BOB: &str = "100000000000000002";
/// Listed, and bound to somebody who only reads.
pub(super) const VERA: &str = "100000000000000003";
/// Listed, and bound to nobody.
pub(super) const UNBOUND: &str = "100000000000000004";
/// Not listed.
pub(super) const STRANGER: &str = "100000000000000009";

pub(crate) struct Guild {
    bot: RefCell<Option<Child>>,
    pub(crate) discord: FakeDiscord,
    pub(crate) world: World,
    relay: String,
    settings: RefCell<Vec<(String, String)>>,
}

impl Guild {
    /// A guild whose bot is there.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same, with these settings of the bot.
    pub(super) fn with(settings: &[(&str, &str)]) -> Self {
        let guild = Self::asleep(World::start(), settings);
        guild.wake_bot();
        guild
    }

    /// A guild whose bot is not there yet.
    pub(super) fn asleep(world: World, settings: &[(&str, &str)]) -> Self {
        for (name, role, account) in [("ann", "approver", ANN), ("bob", "approver", BOB), ("vera", "viewer", VERA)] {
            world.owner().post("/api/v1/persons", &json!({"name": name, "role": role, "discord": account})).expect(200);
        }
        let relay = world.someone("discord", "relay").token().to_owned();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { bot: RefCell::new(None), discord: FakeDiscord::start(), world, relay, settings: RefCell::new(settings) }
    }

    /// What the bot, and a look at it, are set up with.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let allowed = [ANN, BOB, VERA, UNBOUND].join(",");
        let mut environment: Vec<_> = [
            ("CALT_DISCORD_TOKEN", BOT_TOKEN),
            ("CALT_DISCORD_ALLOWED_USERS", &allowed),
            ("CALT_DISCORD_GUILDS", GUILD),
            ("CALT_DISCORD_CHANNEL", CHANNEL),
            ("CALT_DISCORD_API_URL", &self.discord.api_url()),
            ("CALT_DISCORD_GATEWAY_URL", &self.discord.gateway_url()),
            ("CALT_DAEMON_TOKEN", &self.relay),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        environment.extend(self.settings.borrow().clone());
        environment
    }

    /// Sets the bot up otherwise, from its next start on.
    pub(super) fn set(&self, name: &str, value: &str) {
        self.settings.borrow_mut().push((name.to_owned(), value.to_owned()));
    }

    /// Starts the bot and waits until it is there.
    pub(super) fn wake_bot(&self) {
        let before = self.discord.connections();
        self.spawn_bot();
        self.discord.until("the bot is there", || {
            if let Some(status) = self.bot.borrow_mut().as_mut().unwrap().try_wait().unwrap() {
                panic!("the bot ended at its start: {status}\n{}", self.bot_log());
            }
            (self.discord.connections().0 > before.0).then_some(())
        });
    }

    pub(super) fn spawn_bot(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = self.world.command();
        command.args(["discord"]).envs(self.environment()).stdin(Stdio::null());
        let bot = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        *self.bot.borrow_mut() = Some(bot);
    }

    /// Ends the bot with SIGKILL.
    pub(super) fn kill_bot(&self) {
        let mut bot = self.bot.borrow_mut().take().unwrap();
        bot.kill().unwrap();
        bot.wait().unwrap();
    }

    /// What the bot wrote, and its process.
    pub(super) fn bot_log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(super) fn bot_pid(&self) -> u32 {
        self.bot.borrow().as_ref().unwrap().id()
    }

    fn log_path(&self) -> std::path::PathBuf {
        self.world.home().join("bot-output.log")
    }

    pub(crate) fn ann(&self) -> FakeUser<'_> {
        self.discord.user(ANN)
    }

    pub(super) fn bob(&self) -> FakeUser<'_> {
        self.discord.user(BOB)
    }

    /// An agent hands in a plan; its card comes.
    pub(super) fn proposed(&self, plan: &Value) -> (Session, Message) {
        let session = self.world.agent().propose(plan);
        let card = self.card_of(&session, "Approve");
        (session, card)
    }

    /// The newest card of a session with such a button.
    pub(crate) fn card_of(&self, session: &Session, label: &str) -> Message {
        self.discord.until(&format!("a card of {} with {label}", session.id), || {
            self.discord.find(|message| message.text().contains(&session.id) && message.button(label).is_some())
        })
    }

    /// Waits until a message says this.
    pub(crate) fn says(&self, message: &Message, text: &str) -> Message {
        self.discord
            .until(&format!("the card says {text:?}; it says {:?}", self.discord.again(message).content()), || {
                Some(self.discord.again(message)).filter(|now| now.content().contains(text))
            })
    }

    /// Waits until a session has this status.
    pub(crate) fn reaches(&self, session: &Session, status: &str) {
        let owner = self.world.owner();
        let path = format!("/api/v1/sessions/{}", session.id);
        self.discord.until(&format!("{} is {status}\n{}", session.id, self.bot_log()), || {
            (owner.get(&path).json()["status"] == status).then_some(())
        });
    }

    /// The events of a type: source, account, principal, message.
    pub(super) fn events(&self, event_type: &str) -> Vec<Value> {
        let database = self.world.database();
        let mut statement = database
            .prepare("SELECT json_object('source', source, 'user_id', user_id, 'principal', principal, 'message_id', message_id, 'facts', json(facts), 'payload', payload_text) FROM events WHERE event_type = ?1 ORDER BY id")
            .unwrap();
        let rows = statement.query_map([event_type], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
    }

    /// Waits long enough for what must not come: so many answers to other questions.
    pub(super) fn settles(&self) {
        let waits = Duration::from_millis(1_500);
        let began = std::time::Instant::now();
        self.discord.until("time passes", || (began.elapsed() > waits).then_some(()));
    }
}

impl Drop for Guild {
    fn drop(&mut self) {
        if let Some(bot) = self.bot.borrow_mut().as_mut() {
            let _ = bot.kill();
            let _ = bot.wait();
        }
        if std::thread::panicking() {
            let _ = std::io::stderr().write_all(format!("{}\n{}", self.discord.told(), self.bot_log()).as_bytes());
        }
    }
}
