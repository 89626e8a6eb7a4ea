//! Durable events a second of the store alone: each producer approves one step after another and waits.
//!
//! `cargo run --release -p calt-store --example events_per_second [directory]`; medians of five rounds, each
//! round with every number of producers in turn and a measure of fsync beside it.
#![allow(clippy::print_stdout, clippy::unwrap_used, unreachable_pub, dead_code, reason = "a bench that prints")]

#[path = "../tests/it/person.rs"]
mod person;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use person::Person;

const ROUNDS: usize = 5;
const PRODUCERS: [usize; 3] = [1, 32, 64];
const STEPS: usize = 100;
/// Steps that can be approved in one round, by all producers together.
const STEPS_IN_ALL: usize = 80_000;
const ROUND: Duration = Duration::from_millis(1_500);

fn main() {
    let base = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let base = tempfile::Builder::new().prefix("calt-events-").tempdir_in(base).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rates = vec![Vec::new(); PRODUCERS.len()];
    let mut fsyncs = Vec::new();
    for round in 0..ROUNDS {
        for (place, producers) in PRODUCERS.into_iter().enumerate() {
            fsyncs.push(fsync_p50(base.path()));
            let directory = base.path().join(format!("{round}-{producers}"));
            std::fs::create_dir(&directory).unwrap();
            rates[place].push(runtime.block_on(events_per_second(&directory, producers)));
        }
    }
    println!("fsync of 4 KiB appended, p50: {:.3} ms", median(&mut fsyncs) * 1e3);
    for (producers, rates) in PRODUCERS.into_iter().zip(&mut rates) {
        println!("{producers:>3} producers: {:>7.0} events/s  (rounds: {rates:.0?})", median(&mut rates.clone()));
    }
}

async fn events_per_second(directory: &Path, producers: usize) -> f64 {
    let (store, _) = person::open(directory);
    let sessions = (STEPS_IN_ALL / STEPS / producers).min(80);
    let mut people: Vec<Vec<Person>> = Vec::new();
    for producer in 0..producers {
        let mut own = Vec::new();
        for session in 0..sessions {
            own.push(Person::with_approved_plan(&store, &format!("{producer}_{session}"), STEPS).await);
        }
        people.push(own);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = Instant::now();
    let end = before + ROUND;
    let work: Vec<_> = people.into_iter().map(|own| tokio::spawn(approve_until(own, end))).collect();
    let mut events = 0;
    for producer in work {
        events += producer.await.unwrap();
    }
    events as f64 / before.elapsed().as_secs_f64()
}

async fn approve_until(people: Vec<Person>, end: Instant) -> usize {
    let mut events = 0;
    for person in people {
        for number in 1..=STEPS {
            if Instant::now() >= end {
                return events;
            }
            person.must(Person::approval(number)).await;
            events += 1;
        }
    }
    events
}

fn fsync_p50(directory: &Path) -> f64 {
    let mut file = std::fs::File::create(directory.join("fsync")).unwrap();
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
            start.elapsed().as_secs_f64()
        })
        .collect();
    median(&mut times)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
