//! What a start sees of the events since the last checkpoint: then the store only reads.

use calt_core::id::SessionId;
use calt_store::StoreError;

use super::forger::{Forged, Log};
use super::{columns, others};
use crate::person::{facts, token_for};

/// An event after the last checkpoint.
fn newest_session(log: &Log) -> i64 {
    log.number(
        "SELECT id FROM events WHERE event_type = 'step_executed' AND session_id = 'session_s3' ORDER BY id LIMIT 1 OFFSET 5",
    )
}

/// Opens the store, and expects that it says what is wrong, reads, and writes nothing.
async fn only_reads(log: &Log, what: &str) -> StoreError {
    let before = std::fs::read(log.head_path()).unwrap();
    let (store, report) = log.open();
    let why = report.read_only().unwrap_or_else(|| panic!("{what}: it opened as if nothing were wrong"));
    let refused = store.submit_roster(token_for("late", "tok_2"), facts()).await.unwrap_err();
    assert_eq!(refused, why, "{what}");
    assert!(store.writable().is_err(), "{what}");
    let session = SessionId::parse("session_s0").unwrap();
    assert!(!store.events_after(&session, 0, 50).unwrap().is_empty(), "{what}: nothing can be read");
    assert!(store.session(&session).unwrap().is_some(), "{what}: nothing can be read");
    drop(store);
    assert_eq!(std::fs::read(log.head_path()).unwrap(), before, "{what}: what was noted is evidence");
    why
}

#[tokio::test]
async fn a_change_after_the_last_checkpoint_is_seen_by_the_next_start() {
    let log = Log::new().await;
    let event = newest_session(&log);
    let last = log.number("SELECT MAX(id) FROM events");
    let after_the_checkpoint = |first: i64| first >= event - 20;
    let all = columns(event).into_iter().map(|(_, tampering)| tampering).chain(others(&log, event));
    for tampering in all.filter(|tampering| after_the_checkpoint(tampering.first)) {
        let log = log.copy();
        log.tamper(&tampering.sql, Forged::Row);
        let why = only_reads(&log, &tampering.what).await;
        match &why {
            StoreError::Corrupt(why) => {
                let named = why
                    .strip_prefix("event ")
                    .and_then(|rest| rest.split(|next: char| !next.is_ascii_digit()).next()?.parse::<i64>().ok());
                // Behind a gap, the event that is there is named.
                let gap = i64::from(tampering.what == "removed, with a gap");
                assert_eq!(named, Some(tampering.first + gap), "{}: {why}", tampering.what);
            }
            StoreError::Behind { missing } => {
                assert_eq!(*missing as i64, last - tampering.first + 1, "{}", tampering.what);
            }
            StoreError::Unavailable(_) | StoreError::Full | StoreError::Busy => panic!("{}: {why}", tampering.what),
        }
    }
}

#[tokio::test]
async fn leaves_made_again_do_not_get_past_the_side_file_or_the_stored_tree() {
    let log = Log::new().await;
    let event = newest_session(&log);
    let kept = std::fs::read(log.head_path()).unwrap();
    log.tamper(&format!("UPDATE events SET summary = 'another' WHERE id = {event}"), Forged::Tree);
    std::fs::write(log.head_path(), kept).unwrap();
    let why = only_reads(&log, "all but the side file").await;
    assert!(why.to_string().contains("noted after the last commit"), "{why}");
}

#[tokio::test]
async fn a_log_that_was_cut_is_behind_and_says_by_how_many_events() {
    let log = Log::new().await;
    let last = log.number("SELECT MAX(id) FROM events");
    log.tamper(&format!("DELETE FROM events WHERE id > {last} - 7"), Forged::Row);
    assert_eq!(only_reads(&log, "cut").await, StoreError::Behind { missing: 7 });
    calt_store::accept_loss(&log.config()).unwrap();
    let (store, report) = log.open();
    assert_eq!(report.read_only(), None);
    store.submit_roster(token_for("late", "tok_2"), facts()).await.unwrap().outcome.unwrap();
}
