//! The rounds: each figure in turn, several times over, medians and ratios at the end.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::Client;
use crate::daemon::{Daemon, binary, fresh_directory};
use crate::limits::{self, median, millis, percentile};

const STEPS: usize = 10;

/// Figures by name: one value a round.
type Figures = BTreeMap<String, Vec<f64>>;

pub(crate) fn the_loop(rounds: usize) {
    let mut figures = Figures::new();
    // Nothing is deleted until the end: deletions make new files dearer.
    let mut kept = Vec::new();
    for _ in 0..rounds {
        let limits = limits::measure();
        let mut note = |name: &str, value: f64| figures.entry(name.to_owned()).or_default().push(value);
        note("fsync ms", limits.fsync);
        note("spawn ms", limits.spawn);
        let directory = fresh_directory();
        let daemon = Daemon::start(directory.path());
        note("start to first answer ms", daemon.start_ms);
        note("resident idle MiB", daemon.resident_mib());
        for (clients, sessions) in [(1, 24), (32, 160)] {
            let load = flow(&daemon, clients, sessions, "read");
            let rate = load.steps_per_second;
            note(&format!("read steps/s, {clients} clients"), rate);
            note(&format!("read steps/s x fsync, {clients} clients"), rate * limits.fsync / 1e3);
            for call in ["approve_step", "execute"] {
                let mut times = load.times(call);
                let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
                note(&format!("{call} p50 ms, {clients} clients"), p50);
                note(&format!("{call} p99 ms, {clients} clients"), p99);
                note(&format!("{call} p50 / fsync, {clients} clients"), p50 / limits.fsync);
                note(&format!("{call} p99 / fsync, {clients} clients"), p99 / limits.fsync);
            }
            let mut all: Vec<f64> = load.calls.iter().map(|(_, ms)| *ms).collect();
            note(&format!("any call p99 ms, {clients} clients"), percentile(&mut all, 0.99));
            note(&format!("failed calls, {clients} clients"), load.failed as f64);
        }
        note("resident after 32 clients MiB", daemon.resident_mib());
        for (clients, sessions) in [(1, 6), (32, 32)] {
            let load = flow(&daemon, clients, sessions, "shell");
            note(&format!("shell ls steps/s, {clients} clients"), load.steps_per_second);
            note(&format!("shell failed calls, {clients} clients"), load.failed as f64);
        }
        let load = flow(&daemon, 256, 256, "read");
        note("failed calls, 256 clients", load.failed as f64);
        note("runs of one step under 8 executes (most)", race(&daemon));
        kept.push((daemon, directory));
    }
    print(&figures);
}

pub(crate) fn start(rounds: usize) {
    let mut figures = Figures::new();
    let directory = fresh_directory();
    let daemon = Daemon::start(directory.path());
    let quiet = |program: &mut Command| {
        let status = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success());
    };
    for _ in 0..rounds * 20 {
        let mut note = |name: &str, value: f64| figures.entry(name.to_owned()).or_default().push(value);
        note("true ms", millis(|| quiet(&mut Command::new("/bin/true"))));
        note("calt --help ms", millis(|| quiet(Command::new(binary()).arg("--help"))));
        let data = directory.path().join("data");
        note(
            "calt tools list ms",
            millis(|| {
                quiet(Command::new(binary()).args(["tools", "list"]).env("CALT_DATA_ROOT", &data));
            }),
        );
    }
    for name in ["calt --help ms", "calt tools list ms"] {
        let ratio = median(figures[name].clone()) / median(figures["true ms"].clone());
        figures.insert(format!("{name} / true"), vec![ratio]);
    }
    print(&figures);
    drop(daemon);
}

struct Load {
    calls: Vec<(&'static str, f64)>,
    failed: usize,
    steps_per_second: f64,
}

impl Load {
    fn times(&self, call: &str) -> Vec<f64> {
        self.calls.iter().filter(|(name, _)| *name == call).map(|(_, ms)| *ms).collect()
    }
}

/// Sessions of ten steps each, approved and executed in turn, shared out among clients.
fn flow(daemon: &Daemon, clients: usize, sessions: usize, kind: &str) -> Load {
    let plan = plan(kind);
    let (next, done, barrier) = (AtomicUsize::new(0), Mutex::new((Vec::new(), 0)), Barrier::new(clients + 1));
    let elapsed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::new(&daemon.address, &daemon.token);
                    barrier.wait();
                    while next.fetch_add(1, Ordering::Relaxed) < sessions {
                        session(&mut client, &plan);
                    }
                    let mut done = done.lock().unwrap();
                    done.0.append(&mut client.calls);
                    done.1 += client.failed;
                })
            })
            .collect();
        barrier.wait();
        let started = Instant::now();
        for thread in threads {
            thread.join().unwrap();
        }
        started.elapsed().as_secs_f64()
    });
    let (calls, failed) = done.into_inner().unwrap();
    Load { calls, failed, steps_per_second: (sessions * STEPS) as f64 / elapsed }
}

fn session(client: &mut Client, plan: &str) {
    let made = client.call("create", "POST", "/api/v1/sessions", Some(r#"{"goal":"bench"}"#));
    let base = format!("/api/v1/sessions/{}", made["id"].as_str().unwrap_or("session_none"));
    client.call("import", "POST", &format!("{base}/plans/import"), Some(plan));
    client.call("approve_plan", "POST", &format!("{base}/plans/1/approve"), Some("{}"));
    for step in 0..STEPS {
        client.call("approve_step", "POST", &format!("{base}/steps/s{step}/approve"), Some("{}"));
        let ran = client.call("execute", "POST", &format!("{base}/steps/s{step}/execute"), Some("{}"));
        if ran["status"] != "succeeded" {
            client.failed += 1;
        }
    }
}

fn plan(kind: &str) -> String {
    let steps: Vec<Value> = (0..STEPS)
        .map(|step| {
            let (tool, inputs) = match kind {
                "shell" => ("run_shell_readonly", json!({"command": "ls"})),
                _ => ("list_dir", json!({"path": "."})),
            };
            json!({"id": format!("s{step}"), "title": "bench", "tool": tool, "inputs": inputs})
        })
        .collect();
    json!({"version": 1, "title": "bench", "steps": steps}).to_string()
}

/// Eight clients execute one approved step at once; the most that ever ran.
fn race(daemon: &Daemon) -> f64 {
    const CLIENTS: usize = 8;
    const RACES: usize = 10;
    let mut client = Client::new(&daemon.address, &daemon.token);
    let plan = plan("read");
    let ran = (0..RACES).map(|_| {
        let made = client.call("create", "POST", "/api/v1/sessions", Some("{}"));
        let base = format!("/api/v1/sessions/{}", made["id"].as_str().unwrap());
        client.call("import", "POST", &format!("{base}/plans/import"), Some(&plan));
        client.call("approve_plan", "POST", &format!("{base}/plans/1/approve"), Some("{}"));
        client.call("approve_step", "POST", &format!("{base}/steps/s0/approve"), Some("{}"));
        let barrier = Barrier::new(CLIENTS);
        let (barrier, base) = (&barrier, &base);
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(move || {
                        let mut client = Client::new(&daemon.address, &daemon.token);
                        barrier.wait();
                        client.send("POST", &format!("{base}/steps/s0/execute"), None).0
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).filter(|status| *status == 200).count()
        })
    });
    ran.max().unwrap_or(0) as f64
}

fn print(figures: &Figures) {
    for (name, values) in figures {
        let (least, most) =
            values.iter().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
        println!("{name:<48} median {:>10.3}   [{least:.3} … {most:.3}]  n={}", median(values.clone()), values.len());
    }
}
