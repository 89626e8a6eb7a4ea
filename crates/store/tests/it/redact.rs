//! Text that was redacted is nowhere, also when the daemon died before it went.

use std::path::Path;

use calt_core::decide::{Action, Redaction};
use calt_core::id::EventId;
use calt_store::Store;
use serde_json::json;

use crate::person::{Person, config, failed, open, plan};

/// Sessions among which a few are redacted: enough that pages are split, filled and freed again and again.
const SESSIONS: usize = 96;
/// Every so many sessions one is redacted.
const REDACTED_EVERY: usize = 8;

fn redaction(event: EventId) -> Action {
    let reason = "it slipped through".to_owned();
    Action::RedactPayload(Redaction { event, plan_version: None, is_cleared: false, reason })
}

fn word(number: usize) -> String {
    format!("zwiebelfisch{number:04}x")
}

/// The numbered words that stand in the database or beside it.
fn on_disk(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let database = config(directory).database;
    for suffix in ["", "-wal", "-shm"] {
        let bytes = std::fs::read(format!("{}{suffix}", database.display())).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for number in (0..SESSIONS).filter(|number| number % REDACTED_EVERY == 0) {
            let word = word(number);
            if text.contains(&word) {
                found.push(format!("{word} in the database{suffix}"));
            }
        }
    }
    found
}

/// The events of a session that hold a word.
fn holding(store: &Store, person: &Person, word: &str) -> Vec<EventId> {
    let events = store.events_after(&person.session, 0, 500).unwrap();
    events.iter().filter(|event| event.payload_text.contains(word)).map(|event| event.id).collect()
}

#[tokio::test]
async fn a_redaction_that_was_cut_off_is_finished_by_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 1).await;
    person.run(1, json!({"content": word(0)})).await;
    let event = holding(&store, &person, &word(0))[0];
    // Recorded, and then nothing more: as if the power had gone.
    person.must(redaction(event)).await;
    assert!(!on_disk(directory.path()).is_empty());
    let artifact = store.artifacts(&person.session, None, None).unwrap()[0].id;
    assert!(store.artifact_bytes(artifact).unwrap().is_some());
    drop((person, store));

    let (store, report) = open(directory.path());
    assert_eq!(report.redactions_finished, 1);
    let row = store.event(event).unwrap().unwrap();
    assert_eq!((row.salt, row.summary.as_str(), row.payload_text.as_str()), (None, "", ""));
    assert_eq!(store.artifact_bytes(artifact).unwrap(), None);
    store.close();
    drop(store);
    assert_eq!(on_disk(directory.path()), Vec::<String>::new());
    let (_, report) = open(directory.path());
    assert_eq!((report.redactions_finished, report.artifacts_made_again), (0, 0));
}

#[tokio::test]
async fn among_many_sessions_no_page_keeps_what_was_redacted() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let mut people = Vec::new();
    for number in 0..SESSIONS {
        // Names that do not come in order, and texts of all lengths: rows are put between rows.
        let name = format!("{:03}", (number * 97) % SESSIONS);
        let goal = format!("{} {}", word(number), "goal ".repeat(number % 40));
        let person = Person::with_session(&store, &name, &goal).await;
        person.import(plan(1, 1 + number % 3, &format!("plan of {}", word(number)))).await;
        person.approve_plan(1).await;
        people.push(person);
    }
    for (number, person) in people.iter().enumerate() {
        if number % 2 == 0 {
            person.run(1, json!({"content": format!("{} {}", word(number), "long ".repeat(number * 4))})).await;
        } else {
            person.must(Person::approval(1)).await;
            let run = person.start(1).await;
            person.finish(run, failed(&format!("{} broke", word(number)))).await.outcome.unwrap();
        }
    }
    for (number, person) in people.iter().enumerate().filter(|(number, _)| number % REDACTED_EVERY == 0) {
        person.must(Action::Stop).await;
        for event in holding(&store, person, &word(number)) {
            person.must(redaction(event)).await;
            store.clear(event).await.unwrap();
        }
    }
    assert_eq!(on_disk(directory.path()), Vec::<String>::new());
    let kept = store.search(&calt_store::SearchQuery { text: Some(word(1)), ..Default::default() }).unwrap();
    assert!(!kept.items.is_empty(), "what was not redacted is found as before");
    assert_eq!(store.integrity_check().unwrap(), Vec::<String>::new());
}
