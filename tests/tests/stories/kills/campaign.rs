//! Kill after kill on one data root, and the judgement after each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use calt_core::event::Envelope;
use calt_core::moment::Moment;
use calt_core::session::Session;
use calt_tests::{World, encoded};

use super::chance::Chance;
use super::client::{Client, Note, Site};
use super::log::Log;
use super::oracle::{Faults, judge};

/// Kills of all rounds together, unless `CALT_CRASH_KILLS` says otherwise.
const KILLS: usize = 320;
/// Clients that work at once.
const CLIENTS: usize = 6;
/// How often a moment that no daemon has died at is tried again at the end.
const TRIES_FOR_A_MOMENT: usize = 8;
/// Longest a load goes on before a kill at any time, in milliseconds.
const LOAD_MS_MAX: usize = 120;
/// Passings of a moment among which the last one is chosen: under load, and while a start puts things right.
const PASSINGS: usize = 6;
const PASSINGS_AT_START: usize = 2;
/// How long a load goes on when what counts comes after it.
const SHORT_LOAD: Duration = Duration::from_millis(80);
/// Longest a load goes on for the daemon to die at its moment.
const MOMENT_TIME_MAX: Duration = Duration::from_millis(900);
/// How long the index gets to carry on once the load has ended.
const QUIET_TIME: Duration = Duration::from_millis(60);
/// Longest a start goes on before a kill, in milliseconds; about as long as a start takes.
const START_MS_MAX: usize = 70;
/// Kills on one data root; then a new one is begun, so that a log stays small enough to be read whole each time.
const KILLS_OF_ONE_WORLD: usize = 16;

/// How many of all kills are this share of a hundred.
pub(super) fn kills_of(percent: usize) -> usize {
    let all = std::env::var("CALT_CRASH_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    all * percent / 100
}

pub(super) struct Campaign {
    name: &'static str,
    seed: u64,
    chance: Chance,
    ground: Ground,
    kills: usize,
    deaths: HashMap<Moment, usize>,
    began: Instant,
}

/// One data root with its clients.
struct Ground {
    world: World,
    site: Site,
    clients: Vec<Client>,
    kills: usize,
}

impl Campaign {
    pub(super) fn begin(name: &'static str) -> Self {
        let seed = std::env::var("CALT_CRASH_SEED").map_or_else(
            |_| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64,
            |seed| seed.parse().expect("a seed"),
        );
        println!("{name}: CALT_CRASH_SEED={seed}");
        let mut chance = Chance::new(seed);
        let ground = Ground::new(&mut chance);
        Self { name, seed, chance, ground, kills: 0, deaths: HashMap::new(), began: Instant::now() }
    }

    /// A load, and SIGKILL in the midst of it; now and then another one in the midst of the next start.
    pub(super) fn kill_at_any_time(&mut self) {
        self.load_and_kill();
        if self.chance.percent(25) {
            let time = Duration::from_millis(self.chance.below(START_MS_MAX) as u64);
            self.ground.world.wake_and_kill_after(time);
            self.killed();
        }
        self.judge();
    }

    /// A load that goes on until the daemon dies at a moment.
    pub(super) fn kill_at(&mut self, moment: Moment) {
        self.ground.sleep();
        self.die_at(moment, PASSINGS);
        self.judge();
    }

    /// Work that a crash cut off, a start that dies at a moment while it puts that right, and a start that lives.
    pub(super) fn kill_in_recovery_at(&mut self, moment: Moment) {
        let cut = match moment {
            Moment::OrphanSetAside => Moment::SessionDirectoriesMade,
            Moment::FilePutBack => *self.chance.one_of(&[Moment::FilePlaced, Moment::RenameHalfDone]),
            _ => *self.chance.one_of(&[Moment::PermitGiven, Moment::FilePlaced, Moment::ArtifactWritten]),
        };
        self.ground.sleep();
        self.die_at(cut, PASSINGS);
        self.die_at(moment, PASSINGS_AT_START);
        self.judge();
    }

    /// Every one of these moments was the last of some daemon.
    pub(super) fn died_at_each(&mut self, moments: &[&Moment], kill: impl Fn(&mut Self, Moment)) {
        for moment in moments {
            for _ in 0..TRIES_FOR_A_MOMENT {
                if self.deaths.contains_key(moment) {
                    break;
                }
                kill(self, **moment);
            }
        }
        let missed: Vec<_> = moments.iter().filter(|moment| !self.deaths.contains_key(moment)).collect();
        assert!(missed.is_empty(), "{}: no daemon died at {missed:?}", self.name);
    }

    pub(super) fn end(self) {
        let seconds = self.began.elapsed().as_secs();
        println!("{}: {} kills in {seconds} s, deaths at moments: {:?}", self.name, self.kills, self.deaths);
    }

    fn load_and_kill(&mut self) {
        let time = Duration::from_millis(2 + self.chance.below(LOAD_MS_MAX) as u64);
        self.ground.load(time, true);
        self.killed();
    }

    /// A daemon that dies at one of the first passings of a moment, or, if it never comes there, ends as it should.
    fn die_at(&mut self, moment: Moment, passings: usize) {
        let (passings, load) = match moment {
            Moment::DatabaseOpened | Moment::OwnerTokenRecorded | Moment::StartRecorded | Moment::BeforeListening => {
                (1, Duration::ZERO)
            }
            Moment::OrphanSetAside | Moment::FilePutBack | Moment::RunInspected | Moment::RunInterrupted => {
                (passings, Duration::ZERO)
            }
            Moment::BeforeTruncate | Moment::AfterTruncate => (1, SHORT_LOAD),
            Moment::BeforeIndexCommit | Moment::AfterIndexCommit => (passings, SHORT_LOAD),
            Moment::StopRecorded => (1, MOMENT_TIME_MAX),
            _ => (passings, MOMENT_TIME_MAX),
        };
        let at = format!("{moment}:{}", 1 + self.chance.below(passings));
        let mut died = !self.ground.world.wakes_with(&[("CALT_CRASH_AT", &at)]);
        if !died {
            self.ground.load(load, false);
            let quiet = Instant::now() + QUIET_TIME;
            while Instant::now() < quiet && !self.ground.world.has_ended() {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            // The end takes in what the load left of index and WAL: the last chance to die at the moment.
            died = self.ground.world.end() == -1;
        }
        if died {
            *self.deaths.entry(moment).or_default() += 1;
            self.killed();
        }
    }

    fn killed(&mut self) {
        self.kills += 1;
        self.ground.kills += 1;
    }

    /// Starts the daemon and looks at everything; panics with all that is wrong.
    fn judge(&mut self) {
        self.ground.wake();
        let faults = self.ground.faults(self.ground.kills.is_multiple_of(5));
        assert!(
            faults.is_empty(),
            "{} (CALT_CRASH_SEED={}) after {} kills:\n{}\n{}",
            self.name,
            self.seed,
            self.kills,
            faults.join("\n"),
            self.ground.world.daemon_log().lines().rev().take(30).collect::<Vec<_>>().join("\n")
        );
        if self.ground.kills >= KILLS_OF_ONE_WORLD {
            self.ground = Ground::new(&mut self.chance);
        }
    }
}

impl Ground {
    fn new(chance: &mut Chance) -> Self {
        let world = World::start();
        let (agent, approver) = (world.someone("agent", "agent"), world.someone("ada", "approver"));
        let site = Site {
            address: world.address(),
            data_root: world.data_root(),
            owner: world.owner_token(),
            agent: agent.token().to_owned(),
            approver: approver.token().to_owned(),
        };
        let clients = (0..CLIENTS).map(|number| Client::new(format!("c{number}"), chance.number())).collect();
        Self { world, site, clients, kills: 0 }
    }

    fn wake(&mut self) {
        self.world.wake();
        self.look_around();
    }

    fn look_around(&mut self) {
        self.site.address = self.world.address();
        self.site.owner = self.world.owner_token();
    }

    /// Nobody works, and the daemon ends as it should.
    fn sleep(&mut self) {
        if !self.world.has_ended() {
            self.world.end();
        }
    }

    /// All clients work until the time is over or the daemon has died; then it is killed, if that is wanted.
    fn load(&mut self, time: Duration, then_kill: bool) {
        self.look_around();
        let goes_on = AtomicBool::new(true);
        let (site, goes_on) = (&self.site, &goes_on);
        std::thread::scope(|scope| {
            for client in &mut self.clients {
                scope.spawn(move || client.work(site, || goes_on.load(Ordering::Relaxed)));
            }
            let until = Instant::now() + time;
            while Instant::now() < until && !self.world.has_ended() {
                std::thread::park_timeout(Duration::from_millis(2));
            }
            if then_kill {
                assert!(!self.world.has_ended(), "the daemon ended by itself: {}", self.world.daemon_log());
                self.world.kill();
            }
            goes_on.store(false, Ordering::Relaxed);
        });
    }

    fn faults(&mut self, searches: bool) -> Faults {
        let log = Log::read(&self.site.data_root);
        let notes: Vec<Note> = self.clients.iter().flat_map(|client| client.notes.iter().cloned()).collect();
        let mut faults = judge(&log, &self.site.data_root, &notes);
        faults.extend(self.clients.iter_mut().flat_map(|client| std::mem::take(&mut client.complaints)));
        self.statuses(&log.events, &mut faults);
        if searches {
            self.searches(&log.events, &mut faults);
        }
        faults
    }

    /// What the daemon says of each session is what the log says.
    fn statuses(&self, events: &[Envelope], faults: &mut Faults) {
        let mut states: HashMap<String, Session> = HashMap::new();
        for event in events {
            let Some(id) = &event.session else { continue };
            let state = match states.remove(id.as_str()) {
                None => Session::begin(event),
                Some(state) => state.evolve(event),
            };
            match state {
                Ok(state) => drop(states.insert(id.as_str().to_owned(), state)),
                Err(corrupt) => faults.push(format!("event {}: {corrupt}", event.id)),
            }
        }
        let owner = self.world.owner();
        let mut path = "/api/v1/sessions?limit=200".to_owned();
        let mut shown = 0;
        loop {
            let page = owner.get(&path).expect(200).json();
            for item in page["items"].as_array().into_iter().flatten() {
                shown += 1;
                let told = states.get(item["id"].as_str().unwrap()).map(|state| state.status().as_str());
                if told != item["status"].as_str() {
                    faults
                        .push(format!("{} is {told:?} by the log, and the daemon says {}", item["id"], item["status"]));
                }
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/sessions?limit=200&cursor={next}");
        }
        if shown != states.len() {
            faults.push(format!("the daemon lists {shown} sessions, the log has {}", states.len()));
        }
    }

    /// Search finds every event by its type.
    fn searches(&self, events: &[Envelope], faults: &mut Faults) {
        let mut wanted: HashMap<&str, Vec<i64>> = HashMap::new();
        for event in events {
            wanted.entry(event.fact.event_type()).or_default().push(event.id.0);
        }
        let owner = self.world.owner();
        for (event_type, ids) in wanted {
            let mut found = std::collections::HashSet::new();
            let first = format!("/api/v1/events/search?limit=500&q={}", encoded(event_type));
            let mut path = first.clone();
            loop {
                let page = owner.get(&path).expect(200).json();
                if page["notice"].is_string() {
                    faults.push(format!("search says: {}", page["notice"]));
                }
                found.extend(page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_i64()));
                let Some(next) = page["next_cursor"].as_str() else { break };
                path = format!("{first}&cursor={next}");
            }
            let missed: Vec<_> = ids.iter().filter(|id| !found.contains(id)).collect();
            if !missed.is_empty() {
                faults.push(format!("search for {event_type} does not find {missed:?}"));
            }
        }
    }
}
