//! The record at size: search, start, a long session, memory and disk on a log of a million events.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::client::Client;
use crate::daemon::{Daemon, fresh_directory};
use crate::fill::{self, COMMON, JAPANESE, RARE};
use crate::limits::{self, median, millis, percentile};

/// Events of the log when the caller does not say.
pub(crate) const EVENTS: u64 = 1_000_000;
/// Rounds when the caller does not say.
pub(crate) const ROUNDS: u64 = 5;
/// A directory in which filled logs are kept from one call to the next.
const KEPT_IN: &str = "CALT_BENCH_RECORD_DIR";
/// Events of the long session.
const LONG_SESSION_EVENTS: u64 = 50_000;
/// Steps of each plan version of the long session: as many as a plan may have.
const LONG_PLAN_STEPS: usize = 1_000;
/// Steps run in each session and round, in turn.
const STEPS_A_ROUND: usize = 40;
/// Each search's repetitions in a round.
const SEARCHES_A_ROUND: usize = 40;

/// Figures by name: what was measured, over all rounds.
#[derive(Default)]
struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    fn note(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().push(value);
    }

    fn median(&self, name: &str) -> f64 {
        median(self.0.get(name).cloned().unwrap_or_default())
    }

    fn p99(&self, name: &str) -> f64 {
        percentile(&mut self.0.get(name).cloned().unwrap_or_default(), 0.99)
    }
}

/// A search, with the most its median and its 99th percentile may take, in milliseconds.
struct Search {
    name: &'static str,
    query: String,
    goal: (f64, f64),
}

fn searches() -> Vec<Search> {
    let quick = (2.0, 10.0);
    let by = |name, query: &str, goal| Search { name, query: query.to_owned(), goal };
    let words = |name, text: &str, goal| Search { name, query: format!("q={}", encoded(text)), goal };
    vec![
        words("rare word", RARE, quick),
        words("Japanese, 1 character", JAPANESE[0], quick),
        words("Japanese, 2 characters", JAPANESE[1], quick),
        words("Japanese, 4 characters", JAPANESE[2], quick),
        words("word in every sixth event", COMMON, (10.0, 30.0)),
        by("no words, newest", "", (10.0, 30.0)),
        by("type", "event_type=step_executed", (10.0, 30.0)),
        by("rare type", "event_type=daemon_started", (10.0, 30.0)),
        by("principal", "principal=carol", (10.0, 30.0)),
        by("principal and type that never meet", "principal=carol&event_type=step_executed", (10.0, 30.0)),
        by("a day", "since=2026-02-01&until=2026-02-01", (10.0, 30.0)),
        by(
            "word, principal, type, a day",
            "q=quarterly&principal=owner&event_type=step_approved&since=2026-02-01&until=2026-02-01",
            (10.0, 30.0),
        ),
    ]
}

pub(crate) fn measure(events: u64, rounds: usize) {
    let kept = std::env::var_os(KEPT_IN).map(PathBuf::from);
    let fresh = kept.is_none().then(fresh_directory);
    let root = kept.unwrap_or_else(|| fresh.as_ref().unwrap().path().to_owned()).join(format!("record-{events}"));
    let long = filled(&root, events);
    let mut figures = Figures::default();
    for _ in 0..rounds {
        figures.note("fsync", limits::measure().fsync);
        let daemon = Daemon::start(&root);
        figures.note("start", daemon.start_ms);
        search(&daemon, &mut figures);
        figures.note("memory, searching", daemon.most_resident_mib());
        lists(&daemon, (&long, events / 2), &mut figures);
        steps(&daemon, &long, &mut figures);
        figures.note("memory, all", daemon.most_resident_mib());
        daemon.kill_now();
        let again = Daemon::start(&root);
        figures.note("start after kill -9", again.start_ms);
    }
    report(&figures, &root, events);
}

/// Makes the log if it is not there yet; gives the id of the long session.
fn filled(root: &Path, events: u64) -> String {
    let mark = root.join("long-session");
    if let Ok(long) = std::fs::read_to_string(&mark) {
        return long;
    }
    std::fs::create_dir_all(root).unwrap();
    // The daemon makes its data root and its owner; what it writes first is part of every log.
    drop(Daemon::start(root));
    let filled = fill::fill(&root.join("data"), events.saturating_sub(LONG_SESSION_EVENTS));
    println!("filled {} events in {:.0} s, the index with them", filled.events, filled.seconds);
    let daemon = Daemon::start(root);
    let mut client = Client::new(&daemon.address, &daemon.token);
    let made = client.call("create", "POST", "/api/v1/sessions", Some(r#"{"goal":"a long session"}"#));
    let long = made["id"].as_str().unwrap().to_owned();
    let (mut version, mut written) = (0, 0);
    while written < LONG_SESSION_EVENTS {
        version += 1;
        let plan = Plan::import(&mut client, &long, version, LONG_PLAN_STEPS);
        let steps = ((LONG_SESSION_EVENTS - written).div_ceil(4) as usize).min(LONG_PLAN_STEPS);
        for step in 0..steps {
            plan.run(&mut client, step);
        }
        written += 2 + 4 * steps as u64;
    }
    assert_eq!(client.failed, 0, "every call of the long session is answered with success");
    println!("a session of {written} events in {version} plan versions");
    std::fs::write(mark, &long).unwrap();
    long
}

/// A plan version of listings.
struct Plan {
    base: String,
    version: u32,
}

impl Plan {
    fn import(client: &mut Client, session: &str, version: u32, steps: usize) -> Self {
        let plan = Self { base: format!("/api/v1/sessions/{session}"), version };
        let steps: Vec<Value> = (0..steps)
            .map(|step| json!({"id": plan.step(step), "title": "list", "tool": "list_dir", "inputs": {"path": "."}}))
            .collect();
        let document = json!({"version": version, "title": "a long plan", "steps": steps}).to_string();
        client.call("import", "POST", &format!("{}/plans/import", plan.base), Some(&document));
        client.call("approve_plan", "POST", &format!("{}/plans/{version}/approve", plan.base), Some("{}"));
        plan
    }

    fn step(&self, step: usize) -> String {
        format!("v{}_s{step}", self.version)
    }

    fn run(&self, client: &mut Client, step: usize) {
        let path = format!("{}/steps/{}", self.base, self.step(step));
        client.call("approve", "POST", &format!("{path}/approve"), Some("{}"));
        let ran = client.call("execute", "POST", &format!("{path}/execute"), Some("{}"));
        assert_eq!(ran["status"], "succeeded", "{ran}");
    }
}

fn search(daemon: &Daemon, figures: &mut Figures) {
    let mut client = Client::new(&daemon.address, &daemon.token);
    for _ in 0..SEARCHES_A_ROUND {
        for search in searches() {
            let path = format!("/api/v1/events/search?{}", search.query);
            let found = client.call("search", "GET", &path, None);
            figures.note(search.name, client.calls.last().unwrap().1);
            figures.note(&format!("{} hits", search.name), items(&found) as f64);
        }
        let word = format!("unheard{}", client.calls.len());
        let goal = json!({ "goal": format!("{word} {}", std::process::id()) }).to_string();
        client.call("create", "POST", "/api/v1/sessions", Some(&goal));
        let found =
            client.call("search", "GET", &format!("/api/v1/events/search?q={word}+{}", std::process::id()), None);
        figures.note("acknowledged and not found", if items(&found) == 0 { 1.0 } else { 0.0 });
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::new(&daemon.address, &daemon.token);
                for search in searches() {
                    client.call("search", "GET", &format!("/api/v1/events/search?limit=500&{}", search.query), None);
                }
            });
        }
    });
    assert_eq!(client.failed, 0);
}

fn lists(daemon: &Daemon, (long, middle): (&str, u64), figures: &mut Figures) {
    let mut client = Client::new(&daemon.address, &daemon.token);
    for _ in 0..SEARCHES_A_ROUND {
        for (name, path) in [
            ("sessions, newest", "/api/v1/sessions".to_owned()),
            ("sessions by status", "/api/v1/sessions?status=succeeded".to_owned()),
            ("events, from the middle", format!("/api/v1/events?after={middle}")),
            ("events of the long session", format!("/api/v1/sessions/{long}/events?after=25000")),
            ("search, from the middle", format!("/api/v1/events/search?q={COMMON}&cursor={middle}")),
            ("search in the long session", format!("/api/v1/sessions/{long}/events/search?q=executed")),
        ] {
            client.call(name, "GET", &path, None);
            figures.note(name, client.calls.last().unwrap().1);
        }
        figures.note("a stream's first event", millis(|| first_of_stream(daemon, middle)));
    }
    assert_eq!(client.failed, 0);
}

/// Opens a stream over the whole log from the middle on, and reads one event.
fn first_of_stream(daemon: &Daemon, after: u64) {
    let mut stream = BufReader::new(TcpStream::connect(&daemon.address).unwrap());
    let head = format!(
        "GET /api/v1/events?after={after} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\r\n",
        daemon.address, daemon.token
    );
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    while !line.starts_with("data:") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "a stream begins with an event");
    }
}

/// Steps of a new session and of the long one, in turn.
fn steps(daemon: &Daemon, long: &str, figures: &mut Figures) {
    let mut client = Client::new(&daemon.address, &daemon.token);
    let shown = client.call("show", "GET", &format!("/api/v1/sessions/{long}"), None);
    let version = shown["plan_version"].as_u64().unwrap() as u32 + 1;
    figures.note(
        "import into the long session, cold",
        millis(|| {
            Plan::import(&mut client, long, version, LONG_PLAN_STEPS);
        }),
    );
    let long = Plan { base: format!("/api/v1/sessions/{long}"), version };
    let made = client.call("create", "POST", "/api/v1/sessions", Some("{}"));
    let short = Plan::import(&mut client, made["id"].as_str().unwrap(), 1, STEPS_A_ROUND + 2);
    for step in 0..STEPS_A_ROUND + 2 {
        for (name, plan) in [("after 10 events", &short), ("after 50,000 events", &long)] {
            plan.run(&mut client, step);
            // The first steps warm what only the first of a session needs.
            if step >= 2 {
                figures.note(&format!("approve {name}"), client.calls[client.calls.len() - 2].1);
                figures.note(&format!("execute {name}"), client.calls[client.calls.len() - 1].1);
            }
        }
    }
    assert_eq!(client.failed, 0);
}

fn report(figures: &Figures, root: &Path, events: u64) {
    let database = root.join("data/calt.sqlite3");
    let (written, text) = text_bytes(&database);
    println!(
        "events {written}, of {events} wanted; text {text:.0} bytes an event; fsync {:.3} ms",
        figures.median("fsync")
    );
    for search in searches() {
        let (p50, p99) = (figures.median(search.name), figures.p99(search.name));
        let hits = figures.median(&format!("{} hits", search.name));
        let goal = format!("{} / {} ms", search.goal.0, search.goal.1);
        let met = p50 <= search.goal.0 && p99 <= search.goal.1;
        line(
            &format!("search: {} ({hits} on the page), p50 / p99", search.name),
            &format!("{p50:.2} / {p99:.2} ms"),
            &goal,
            met,
        );
    }
    let missed = figures.0["acknowledged and not found"].iter().sum::<f64>();
    line("acknowledged and not found at once", &missed.to_string(), "0", missed == 0.0);
    for (name, goal) in [("start", 300.0), ("start after kill -9", 1_000.0)] {
        line(name, &format!("{:.0} ms", figures.median(name)), &format!("{goal} ms"), figures.median(name) <= goal);
    }
    for call in ["approve", "execute"] {
        let (short, long) = (
            figures.median(&format!("{call} after 10 events")),
            figures.median(&format!("{call} after 50,000 events")),
        );
        let name = format!("{call} a step after 10 / 50,000 events, p50");
        line(&name, &format!("{short:.3} / {long:.3} ms = {:.2} x", long / short), "1.15 x", long <= short * 1.15);
    }
    let cold = figures.median("import into the long session, cold");
    println!("{:<66} {cold:.0} ms", "import of 1,000 steps into a session of 50,000 events, cold");
    for name in [
        "sessions, newest",
        "sessions by status",
        "events, from the middle",
        "events of the long session",
        "search, from the middle",
        "search in the long session",
        "a stream's first event",
    ] {
        println!("{name:<66} {:.2} / {:.2} ms", figures.median(name), figures.p99(name));
    }
    let memory = figures.median("memory, searching");
    line("most resident memory, searching", &format!("{memory:.0} MiB"), "100 MiB", memory <= 100.0);
    println!("{:<66} {:.0} MiB", "most resident memory, all of this", figures.median("memory, all"));
    let (whole, log) = bytes_an_event(&database, written);
    line("log, index and tree, an event", &format!("{log:.0} bytes"), "1200 bytes", log <= 1_200.0);
    println!("{:<66} {whole:.0} bytes", "the whole database with the read model, an event");
}

fn line(name: &str, value: &str, goal: &str, met: bool) {
    println!("{name:<66} {value:<28} goal {goal:<14} {}", if met { "met" } else { "MISSED" });
}

/// How many events a database holds, and the text of one, in bytes.
fn text_bytes(database: &Path) -> (u64, f64) {
    let connection = Connection::open(database).unwrap();
    connection
        .query_row("SELECT COUNT(*), AVG(OCTET_LENGTH(summary) + OCTET_LENGTH(payload_text)) FROM events", [], |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
        })
        .unwrap()
}

/// Bytes of the whole database, and of the log with its search index and its tree, for each event.
fn bytes_an_event(database: &Path, events: u64) -> (f64, f64) {
    let connection = Connection::open(database).unwrap();
    let pages = |condition: &str| {
        let sql = format!("SELECT SUM(pgsize) FROM dbstat WHERE aggregate = TRUE AND {condition}");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() as f64 / events as f64
    };
    let log = "name GLOB 'events*' OR name GLOB 'index_*' OR name = 'log_state'";
    (pages("TRUE"), pages(&format!("({log})")))
}

fn items(found: &Value) -> usize {
    found["items"].as_array().map_or(0, Vec::len)
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}
