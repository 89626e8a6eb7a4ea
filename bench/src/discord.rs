//! The bot: its first answers, how soon a card tells what was decided elsewhere, many cards under Discord's limits, memory.
//!
//! The release daemon and the release bot, and the Discord of the stories on loopback, which checks every request.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use calt_tests::discord::{BOT_TOKEN, CHANNEL, FakeDiscord, GUILD, Message};
use serde_json::{Value, json};

use crate::client::Client;
use crate::daemon::{Daemon, binary, fresh_directory};
use crate::limits::percentile;

/// The account of who decides in Discord.
const ANN: &str = "100000000000000001";
/// Interactions at once in a burst.
const BURST: usize = 16;
/// Cards of a round for the interactions that end one, and for decisions over HTTP.
const CARDS_A_ROUND: usize = 40;
/// What Discord takes of messages, and of edits, in a channel.
const DISCORDS_LIMIT: (usize, Duration) = (5, Duration::from_secs(5));
/// A limit that is none.
const NO_LIMIT: (usize, Duration) = (100_000, Duration::from_secs(1));
/// How long the load on many cards lasts.
const LOAD_SECONDS: u64 = 60;
/// Steps of a session that is carried out under load: with ten of them, more than 1,000 events a minute.
const LONG_STEPS: usize = 40;
/// Sessions that are carried out under load.
const LONG_SESSIONS: usize = 10;
/// Cards that are decided one by one under load.
const PACED: usize = 20;
/// Cards that are decided at once when the load ends, in four ways.
const AT_ONCE: usize = 40;
/// Cards that nobody decides.
const LEFT_OPEN: usize = 30;
/// Longest anything is waited for.
const WAIT_MAX: Duration = Duration::from_mins(5);
const LOOK_EVERY: Duration = Duration::from_millis(5);

struct Bot(Child);

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bot {
    fn start(root: &Path, relay: &str, discord: &FakeDiscord) -> Self {
        let bot = Command::new(binary())
            .args(["discord", "--data-root"])
            .arg(root.join("data"))
            .env_clear()
            .env("HOME", root)
            .env("CALT_DISCORD_TOKEN", BOT_TOKEN)
            .env("CALT_DISCORD_ALLOWED_USERS", ANN)
            .env("CALT_DISCORD_GUILDS", GUILD)
            .env("CALT_DISCORD_CHANNEL", CHANNEL)
            .env("CALT_DISCORD_API_URL", discord.api_url())
            .env("CALT_DISCORD_GATEWAY_URL", discord.gateway_url())
            .env("CALT_DAEMON_TOKEN", relay)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(root.join("bot.log")).unwrap())
            .spawn()
            .unwrap();
        discord.ready();
        Self(bot)
    }

    fn memory_mib(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

/// A card, with the session it is about.
struct Asked {
    session: String,
    card: Message,
}

struct Scene<'d> {
    discord: &'d FakeDiscord,
    address: String,
    token: String,
}

pub(crate) fn measure(rounds: usize) {
    let directory = fresh_directory();
    let daemon = Daemon::start(directory.path());
    let discord = FakeDiscord::start();
    discord.allow(NO_LIMIT.0, NO_LIMIT.1);
    let mut owner = Client::new(&daemon.address, &daemon.token);
    let ann = json!({"name": "ann", "role": "approver", "discord": ANN}).to_string();
    owner.call("person", "POST", "/api/v1/persons", Some(&ann));
    let relay = json!({"name": "discord", "role": "relay"}).to_string();
    let relay = owner.call("token", "POST", "/api/v1/tokens", Some(&relay));
    let bot = Bot::start(directory.path(), relay["token"].as_str().unwrap(), &discord);
    println!("bot, idle: {:.1} MiB resident", bot.memory_mib("VmRSS:"));
    let scene = Scene { discord: &discord, address: daemon.address.clone(), token: daemon.token.clone() };
    let mut shown = Vec::new();
    for _ in 0..rounds {
        scene.interactions();
        shown.extend(scene.decisions_elsewhere());
    }
    let answers = discord.first_answers().iter().map(Duration::as_secs_f64).map(|seconds| seconds * 1e3).collect();
    tell("first answer to an interaction", answers);
    tell("from a decision over HTTP to the card that tells it", shown);
    println!("bot, after that: {:.1} MiB resident", bot.memory_mib("VmRSS:"));
    // What was said without a limit is forgotten before there is one.
    std::thread::sleep(DISCORDS_LIMIT.1 + Duration::from_secs(1));
    discord.allow(DISCORDS_LIMIT.0, DISCORDS_LIMIT.1);
    scene.many_cards();
    println!("bot, at the end: {:.1} MiB resident, at most {:.1}", bot.memory_mib("VmRSS:"), bot.memory_mib("VmHWM:"));
    println!("daemon, at the end: {:.1} MiB resident", daemon.resident_mib());
    discord.holds_nothing_of(&[BOT_TOKEN, relay["token"].as_str().unwrap()]);
}

fn tell(what: &str, mut times: Vec<f64>) {
    let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    println!("{what}: p50 {p50:.1} ms, p99 {p99:.1} ms, max {:.1} ms, n={}", percentile(&mut times, 1.0), times.len());
}

impl Scene<'_> {
    fn client(&self) -> Client {
        Client::new(&self.address, &self.token)
    }

    fn until<T>(&self, what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if let Some(found) = holds() {
                return found;
            }
            assert!(Instant::now() < deadline, "never came true: {what}\n{}", self.discord.told());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Proposes plans and waits for the card of each.
    fn asked(&self, count: usize, steps: usize) -> Vec<Asked> {
        let mut client = self.client();
        let sessions: Vec<_> = (0..count).map(|_| propose(&mut client, steps)).collect();
        sessions
            .into_iter()
            .map(|session| {
                let card = self.until("a card", || {
                    self.discord.find(|message| is_about(message, &session) && message.button("Approve").is_some())
                });
                Asked { session, card }
            })
            .collect()
    }

    /// Waits until a card says this; gives when it was changed to that.
    fn says(&self, card: &Message, text: &str) -> Instant {
        self.until(&format!("a card with {text:?}"), || {
            Some(self.discord.again(card)).filter(|now| now.content().contains(text)).map(|now| now.changed)
        })
    }

    /// Commands, completions, menus, forms and buttons, one by one and many at once.
    fn interactions(&self) {
        let ann = self.discord.user(ANN);
        let cards = self.asked(CARDS_A_ROUND, 3);
        for (place, Asked { session, card }) in cards.iter().enumerate() {
            let given = json!({"session_id": session});
            ann.types("plan_show", &json!({}), "session_id", &session[..20]);
            ann.types("step_approve", &given, "step_id", "s");
            let shown = ["inbox", "plan_show", "artifacts_list", "tools_permissions", "logs_search"][place % 5];
            let options = match shown {
                "plan_show" | "artifacts_list" => given,
                "logs_search" => json!({"query": "bench"}),
                _ => json!({}),
            };
            ann.slash(shown, &options).first();
            if place % 2 == 0 {
                ann.choose(card, &["s1"]).first();
                ann.click(&self.discord.again(card), "Approve").first();
            } else {
                let form = ann.click(card, "Reject");
                ann.fills_in(card, &form, "not now").first();
            }
        }
        let burst: Vec<_> = (0..BURST).map(|_| ann.slash("inbox", &json!({}))).collect();
        for asked in burst {
            asked.first();
        }
        for Asked { session, .. } in &cards {
            self.until("the work is over", || self.is_at_rest(session).then_some(()));
        }
    }

    fn is_at_rest(&self, session: &str) -> bool {
        let shown = self.client().call("show", "GET", &format!("/api/v1/sessions/{session}"), None);
        matches!(shown["status"].as_str(), Some("succeeded" | "failed"))
    }

    /// Decisions in another surface, one by one: milliseconds until the card told it.
    fn decisions_elsewhere(&self) -> Vec<f64> {
        let mut client = self.client();
        let cards = self.asked(CARDS_A_ROUND, 1);
        let told = cards.iter().map(|Asked { session, card }| {
            let before = Instant::now();
            reject(&mut client, session);
            self.says(card, "Rejected by `owner`").duration_since(before).as_secs_f64() * 1e3
        });
        told.collect()
    }

    /// A hundred open cards and more than 1,000 events a minute under Discord's own limits.
    fn many_cards(&self) {
        let before = self.requests();
        let began = Instant::now();
        let long = self.asked(LONG_SESSIONS, LONG_STEPS);
        let paced = self.asked(PACED, 3);
        let at_once = self.asked(AT_ONCE, 3);
        let open = self.asked(LEFT_OPEN, 3);
        let count = long.len() + paced.len() + at_once.len() + open.len();
        println!("{count} cards are open after {:.0} s", began.elapsed().as_secs_f64());
        let mut client = self.client();
        for Asked { session, .. } in &long {
            approve_all(&mut client, session, LONG_STEPS);
        }
        for Asked { card, .. } in &long {
            self.says(card, "Approved by `owner`");
        }
        // Ten decisions at once are more than Discord takes at once; what follows is told on its own.
        std::thread::sleep(DISCORDS_LIMIT.1);
        let (first, began) = (self.newest_event(), Instant::now());
        let shown = std::thread::scope(|scope| {
            scope.spawn(|| self.carry_out_slowly(&long));
            let mut shown = Vec::new();
            for (place, Asked { session, card }) in paced.iter().enumerate() {
                let at = Duration::from_secs(LOAD_SECONDS) * u32::try_from(place).unwrap() / PACED as u32;
                std::thread::sleep(at.saturating_sub(began.elapsed()));
                let before = Instant::now();
                reject(&mut client, session);
                shown.push(self.says(card, "Rejected by `owner`").duration_since(before).as_secs_f64() * 1e3);
            }
            shown
        });
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        println!("{:.0} events a minute", (self.newest_event() - first) as f64 / minutes);
        tell("from a decision over HTTP to the card, meanwhile", shown);
        for (place, Asked { session, .. }) in at_once.iter().enumerate() {
            decide_in_some_way(&mut client, session, place);
        }
        let began = Instant::now();
        let wanted = |place: usize| WAYS[place % WAYS.len()];
        for Asked { card, .. } in &long {
            self.says(card, &format!("🏁 Done: {LONG_STEPS} steps, 0 left out"));
        }
        for (place, Asked { card, .. }) in at_once.iter().enumerate() {
            self.says(card, wanted(place));
        }
        println!("{} more decisions at once were told after {:.0} s", at_once.len(), began.elapsed().as_secs_f64());
        self.posts_are_over();
        let is_true = |asked: &Asked, text: &str, labels: usize| {
            let now = self.discord.again(&asked.card);
            assert!(now.content().contains(text) && now.labels().len() == labels, "{now:?}");
        };
        for asked in &long {
            is_true(asked, "🏁 Done", 0);
        }
        for asked in &paced {
            is_true(asked, "Rejected by `owner`", 0);
        }
        for (place, asked) in at_once.iter().enumerate() {
            is_true(asked, wanted(place), 0);
        }
        for asked in &open {
            is_true(asked, "A plan waits", 2);
            assert_eq!(self.discord.again(&asked.card).edits, 0);
        }
        println!("every one of {count} cards says what is true");
        let (posts, edits, limited) = self.requests();
        println!(
            "{} messages, {} edits, {} requests answered with 429",
            posts - before.0,
            edits - before.1,
            limited - before.2
        );
    }

    /// Executes the steps of plans that are approved over the time of the load.
    fn carry_out_slowly(&self, long: &[Asked]) {
        let mut client = self.client();
        let began = Instant::now();
        let all = u32::try_from(LONG_STEPS * long.len()).unwrap();
        let mut number = 0;
        for step in 0..LONG_STEPS {
            for Asked { session, .. } in long {
                let at = Duration::from_secs(LOAD_SECONDS) * number / all;
                std::thread::sleep(at.saturating_sub(began.elapsed()));
                execute(&mut client, session, step);
                number += 1;
            }
        }
        assert_eq!(client.failed, 0);
    }

    /// Waits until every card that is to be asked is there: what was rejected and replaced asks anew.
    fn posts_are_over(&self) {
        let again = PACED + AT_ONCE / 2;
        self.until("the cards that ask anew", || {
            let is_new = |message: &Message| {
                message.content().contains("needs a new plan") && message.edits == 0
                    || message.text().contains("Plan v2 ·")
            };
            (self.discord.messages().iter().filter(|message| is_new(message)).count() >= again).then_some(())
        });
    }

    fn newest_event(&self) -> u64 {
        self.client().call("inbox", "GET", "/api/v1/inbox", None)["newest_event"].as_u64().unwrap()
    }

    /// Messages, edits, and requests that were limited, so far.
    fn requests(&self) -> (usize, usize, usize) {
        let requests = self.discord.requests();
        let count = |method: &str| {
            let is_one = |path: &str| path.contains("/channels/") && path.contains("/messages");
            requests.iter().filter(|seen| seen.method == method && seen.status == 200 && is_one(&seen.path)).count()
        };
        (count("POST"), count("PATCH"), requests.iter().filter(|seen| seen.status == 429).count())
    }
}

/// What a card says in the end, by the way in which it was decided.
const WAYS: [&str; 4] = [
    "Rejected by `owner`",
    "The session was stopped by `owner`",
    "🏁 Done: 3 steps, 0 left out",
    "Plan v2 took its place, by `owner`",
];

fn decide_in_some_way(client: &mut Client, session: &str, place: usize) {
    match place % WAYS.len() {
        0 => reject(client, session),
        1 => drop(client.call("stop", "POST", &format!("/api/v1/sessions/{session}/stop"), None)),
        2 => {
            approve_all(client, session, 3);
            (0..3).for_each(|step| execute(client, session, step));
        }
        _ => import(client, session, 2, 3),
    }
    assert_eq!(client.failed, 0);
}

fn is_about(message: &Message, session: &str) -> bool {
    message.body["embeds"][0]["footer"]["text"] == session
}

fn propose(client: &mut Client, steps: usize) -> String {
    let made = client.call("create", "POST", "/api/v1/sessions", Some("{}"));
    let session = made["id"].as_str().unwrap().to_owned();
    import(client, &session, 1, steps);
    assert_eq!(client.failed, 0);
    session
}

fn import(client: &mut Client, session: &str, version: u32, steps: usize) {
    let step =
        |step: usize| json!({"id": format!("s{step}"), "title": "bench", "tool": "list_dir", "inputs": {"path": "."}});
    let plan = json!({"version": version, "title": "bench", "steps": (0..steps).map(step).collect::<Value>()});
    client.call("import", "POST", &format!("/api/v1/sessions/{session}/plans/import"), Some(&plan.to_string()));
}

fn reject(client: &mut Client, session: &str) {
    let body = json!({"reason": "not now"}).to_string();
    client.call("reject", "POST", &format!("/api/v1/sessions/{session}/plans/1/reject"), Some(&body));
}

fn approve_all(client: &mut Client, session: &str, steps: usize) {
    let base = format!("/api/v1/sessions/{session}");
    client.call("approve_plan", "POST", &format!("{base}/plans/1/approve"), Some("{}"));
    for step in 0..steps {
        client.call("approve_step", "POST", &format!("{base}/steps/s{step}/approve"), Some("{}"));
    }
}

fn execute(client: &mut Client, session: &str, step: usize) {
    let ran = client.call("execute", "POST", &format!("/api/v1/sessions/{session}/steps/s{step}/execute"), Some("{}"));
    assert_eq!(ran["status"], "succeeded", "{ran}");
}
