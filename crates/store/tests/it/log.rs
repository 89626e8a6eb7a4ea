//! The log: dense, sealed, append-only, and in the order it was decided.

use std::collections::HashMap;

use calt_core::event::text_hash;
use calt_core::id::EventId;
use calt_core::merkle::Frontier;
use calt_store::{EventRow, Store};
use rusqlite::Connection;
use serde_json::json;

use crate::person::{Person, facts, open, token_for};

fn whole_log(store: &Store) -> Vec<EventRow> {
    let mut rows: Vec<EventRow> = Vec::new();
    loop {
        let after = rows.last().map_or(EventId(0), |row| row.id);
        let page = store.log_after(after, 500).unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// Dense ids and seqs, every hash as core computes it, and the stored frontier as the leaves give it.
fn check_log(store: &Store) -> Vec<EventRow> {
    let rows = whole_log(store);
    let mut seqs: HashMap<String, u64> = HashMap::new();
    let mut frontier = Frontier::default();
    for (row, id) in rows.iter().zip(1..) {
        assert_eq!(row.id.0, id);
        if let Some(session) = &row.session {
            let seq = seqs.entry(session.to_string()).or_default();
            *seq += 1;
            assert_eq!(row.seq, Some(*seq));
        }
        assert_eq!(row.text_hash, text_hash(&row.salt.unwrap(), &row.summary, &row.payload_text));
        assert_eq!(row.leaf_hash, row.clone().envelope().unwrap().leaf_hash());
        frontier.append(row.leaf_hash);
    }
    let connection = Connection::open(store.database()).unwrap();
    let (size, peaks): (i64, Vec<u8>) =
        connection.query_row("SELECT size, peaks FROM log_state", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(size as u64, frontier.size());
    assert_eq!(peaks, frontier.peaks().iter().flat_map(|peak| *peak.as_bytes()).collect::<Vec<u8>>());
    rows
}

#[tokio::test]
async fn every_event_is_numbered_sealed_and_in_the_tree() {
    let directory = tempfile::tempdir().unwrap();
    let (store, report) = open(directory.path());
    assert!(report.is_new);
    store.submit_roster(token_for("owner2", "tok_1"), facts()).await.unwrap().outcome.unwrap();
    let person = Person::with_approved_plan(&store, "a", 3).await;
    person.run(1, json!({"content": "one"})).await;
    let types: Vec<String> = check_log(&store).into_iter().map(|row| row.event_type).collect();
    assert_eq!(
        types,
        [
            "person_added",
            "token_created",
            "session_created",
            "plan_imported",
            "plan_approved",
            "step_approved",
            "step_started",
            "step_executed",
            "artifact_saved"
        ]
    );
    assert_eq!(
        store.events_after(&person.session, 3, 2).unwrap().iter().map(|row| row.seq).collect::<Vec<_>>(),
        [Some(4), Some(5)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_many_ask_at_once_is_all_there_and_each_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let work: Vec<_> = (0..24)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let person = Person::with_approved_plan(&store, &format!("s{number}"), 20).await;
                let mut last = 0;
                for step in 1..=20 {
                    let committed = person.act(Person::approval(step)).await.unwrap();
                    let (first, _) = committed.events.unwrap();
                    assert!(first.0 > last, "a later answer names a later event");
                    last = first.0;
                    // What was answered can be read at once.
                    assert!(store.event(first).unwrap().is_some());
                }
            })
        })
        .collect();
    for person in work {
        person.await.unwrap();
    }
    assert_eq!(check_log(&store).len(), 24 * 23);
    store.committed().wait_for(|newest| newest.0 == 24 * 23).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_who_start_one_step_exactly_one_gets_a_permit() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    person.must(Person::approval(1)).await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let person = person.clone();
            tokio::spawn(async move { person.try_start(1).await.permit.is_some() })
        })
        .collect();
    let mut permits = 0;
    for start in starts {
        permits += usize::from(start.await.unwrap());
    }
    assert_eq!(permits, 1);
    check_log(&store);
}

#[tokio::test]
async fn no_statement_changes_or_removes_an_event() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    Person::with_session(&store, "a", "keep me").await;
    let connection = Connection::open(store.database()).unwrap();
    for statement in [
        "DELETE FROM events",
        "UPDATE events SET summary = 'x'",
        "UPDATE events SET salt = NULL, summary = '', payload_text = ''",
        "UPDATE events SET leaf_hash = x'00'",
        "INSERT OR REPLACE INTO events SELECT * FROM events",
        "INSERT INTO events SELECT id + 5, NULL, NULL, NULL, schema, event_type, source, user_id, principal, message_id,
             created_at, facts, salt, text_hash, summary, payload_text, leaf_hash FROM events",
    ] {
        let error = connection.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains("the log is append-only"), "{statement}: {error}");
    }
    assert_eq!(check_log(&store).len(), 1);
}

#[tokio::test]
async fn the_text_of_an_event_may_go_when_a_redaction_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    Person::with_session(&store, "a", "a secret").await;
    store.close();
    let connection = Connection::open(store.database()).unwrap();
    connection
        .execute(
            "INSERT INTO events SELECT 2, NULL, NULL, NULL, schema, 'payload_redacted', source, user_id, principal,
                 message_id, created_at, '{\"event\":1}', salt, text_hash, '', '', leaf_hash FROM events",
            [],
        )
        .unwrap();
    let cleared = "UPDATE events SET salt = NULL, summary = '', payload_text = '' WHERE id = ?1";
    assert_eq!(connection.execute(cleared, [1]).unwrap(), 1);
    assert!(connection.execute(cleared, [2]).is_err());
    assert!(
        connection
            .execute("UPDATE events SET salt = NULL, summary = 'other', payload_text = '' WHERE id = 1", [])
            .is_err()
    );
}
