//! How fast the whole record is verified, check by check, and in how much memory.
//!
//! `cargo run --release -p calt-store --example verify_speed DIRECTORY [EVENTS]`; fills the directory first when it
//! holds no log yet. Run it once more for the memory of the verification alone.
#![allow(clippy::print_stdout, clippy::unwrap_used, unreachable_pub, dead_code, reason = "a bench that prints")]

#[path = "../tests/it/person.rs"]
mod person;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use calt_core::decide::{Action, Verdict};
use calt_store::{Against, verify};
use person::Person;

const EVENTS: usize = 1_000_000;
const STEPS: usize = 100;
/// Events of a session: its making, its plan's coming and approval, one a step.
const SESSION_EVENTS: usize = STEPS + 3;
const PRODUCERS: usize = 64;
/// About as long as what people and tools say.
const REASON: &str = "looked at the diff of four files and at the output of the tests; the migration adds an index and \
                      touches no row, the queue was empty before the workers were stopped, and the owner of the \
                      table agrees with the plan. 差分は四行の追加と二行の削除だけである。";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().expect("a directory"));
    let events = arguments.next().map_or(EVENTS, |events| events.parse().unwrap());
    if !directory.join("calt.sqlite3").exists() {
        std::fs::create_dir_all(&directory).unwrap();
        let started = Instant::now();
        fill(&directory, events);
        println!("filled in {:.1} s", started.elapsed().as_secs_f64());
    }
    let started = Instant::now();
    let mut before = started;
    let verified = verify(&person::config(&directory), &Against::default(), |check| {
        let seconds = before.elapsed().as_secs_f64();
        before = Instant::now();
        println!("{:>12}: {:>9} in {seconds:>7.3} s, {} findings", check.name, check.looked_at, check.findings.len());
    });
    let verified = verified.unwrap();
    println!("{} events in {:.3} s", verified.events, started.elapsed().as_secs_f64());
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn fill(directory: &Path, events: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, _) = person::open(directory);
        let next = Arc::new(AtomicUsize::new(0));
        let work: Vec<_> = (0..PRODUCERS)
            .map(|_| {
                let (store, next) = (store.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= events.div_ceil(SESSION_EVENTS) {
                            return;
                        }
                        let person = Person::with_approved_plan(&store, &format!("{number:06}"), STEPS).await;
                        for step in 1..=STEPS {
                            let verdict = Verdict { reason: Some(REASON.to_owned()), ..Verdict::default() };
                            person.must(Action::ApproveStep { step: person::step_id(step), verdict }).await;
                        }
                    }
                })
            })
            .collect();
        for producer in work {
            producer.await.unwrap();
        }
        store.close();
    });
}
