//! What lies beside the log: files that events name, the read model, checkpoints and keys.

use std::path::PathBuf;

use calt_core::checkpoint::SigningKey;
use calt_store::{Against, rebuild};
use rusqlite::Connection;

use super::forger::{Forged, Log, check, sign};
use super::{found, middle};
use crate::person::{Person, plan};

/// The file in a session's directory whose name ends so.
fn file(log: &Log, session: &str, directory: &str, end: &str) -> PathBuf {
    let directory = log.config().data_root.join("sessions").join(session).join(directory);
    let mut found = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    found.find(|path| path.to_string_lossy().ends_with(end)).unwrap()
}

fn change(path: &PathBuf) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[20 % 8] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_changed_file_is_named_with_the_event_that_recorded_it() {
    let log = Log::new().await;
    let (store, _) = log.open();
    let person = Person::with_session(&store, "large", "a large plan").await;
    person.import(plan(1, 500, &"a long title ".repeat(15))).await;
    let document = calt_core::Digest::of_bytes(b"document");
    store.files().write_plan(&person.session, 1, document, b"document").unwrap();
    drop((person, store));
    assert!(log.verify(&Against::default()).is_clean());
    for (session, directory, end, name, event_type) in [
        ("session_s1", "artifacts", "step_0012.json", "artifacts", "artifact_saved"),
        ("session_s1", "artifacts", "step_0003.json", "artifacts", "artifact_saved"),
        ("session_s2", "plans", ".plan", "plans", "plan_imported"),
        ("session_large", "plans", ".masked.json", "plans", "plan_imported"),
    ] {
        let log = log.copy();
        let path = file(&log, session, directory, end);
        let step = end.strip_suffix(".json").filter(|step| step.starts_with("step")).unwrap_or_default();
        let event = log.number(&format!(
            "SELECT id FROM events WHERE event_type = '{event_type}' AND session_id = '{session}' AND facts LIKE '%{step}%'"
        ));
        change(&path);
        let verified = log.verify(&Against::default());
        let findings = &check(&verified, name).findings;
        assert_eq!(findings.len(), 1, "{end}: {findings:?}");
        assert_eq!(findings[0].event.map(|event| event.0), Some(event), "{end}");
        std::fs::remove_file(&path).unwrap();
        let verified = log.verify(&Against::default());
        // An output that the log holds is made again from it when its file is gone.
        let is_made_again = end == "step_0003.json";
        assert_eq!(check(&verified, name).findings.is_empty(), is_made_again, "{end}");
    }
}

#[tokio::test]
async fn a_changed_row_of_the_read_model_is_found_in_its_table_and_made_again() {
    let log = Log::new().await;
    for (table, sql) in [
        ("sessions", "UPDATE sessions SET goal = 'another' WHERE id = 'session_s1'"),
        ("plans", "UPDATE plans SET status = 'rejected' WHERE id IN (SELECT MIN(id) FROM plans)"),
        ("steps", "UPDATE steps SET status = 'approved' WHERE id IN (SELECT MIN(id) FROM steps)"),
        ("runs", "UPDATE runs SET exit_code = 3 WHERE id = 2"),
        ("artifacts", "UPDATE artifacts SET sha256 = 'x' WHERE id = 2"),
        ("approvals", "UPDATE approvals SET approved_by = 'nobody'"),
        ("approvals", "DELETE FROM approvals WHERE id IN (SELECT MIN(id) FROM approvals)"),
        ("log_state", "UPDATE log_state SET next_run = 1"),
    ] {
        let log = log.copy();
        log.tamper(sql, Forged::Row);
        let verified = log.verify(&Against::default());
        let lines: Vec<_> = check(&verified, "read model").findings.iter().map(|finding| &finding.what).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(&format!("`{table}`"))), "{sql}: {lines:?}");
        let others = verified.checks.iter().filter(|check| check.name != "read model");
        assert!(others.clone().all(|check| check.findings.is_empty()), "{sql}: {:?}", others.collect::<Vec<_>>());
        rebuild(&log.config()).unwrap();
        assert!(log.verify(&Against::default()).is_clean(), "{sql}");
    }
}

#[tokio::test]
async fn a_new_key_signs_on_after_a_lost_one_and_the_old_one_says_so() {
    let log = Log::new().await;
    let (store, _) = log.open();
    let other = SigningKey::from_seed(log.key().verifier().name(), &[8; 32]).unwrap();
    sign(&store, &other).await;
    drop(store);
    let event = log.number("SELECT MAX(id) FROM events");
    assert!(log.verify(&Against::default()).is_clean());
    let both = vec![log.key().verifier(), other.verifier()];
    assert!(log.verify(&Against { keys: both, checkpoints: vec![] }).is_clean());
    let verified = log.verify(&Against { keys: vec![log.key().verifier()], checkpoints: vec![] });
    let findings = &check(&verified, "checkpoints").findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].event.map(|event| event.0), Some(event));
    assert!(findings[0].what.contains("another key"), "{findings:?}");
}

#[tokio::test]
async fn a_forged_checkpoint_is_named() {
    let log = Log::new().await;
    let event = log.number("SELECT MIN(id) FROM events WHERE event_type = 'checkpoint_signed'");
    for (sql, words) in [
        (
            "json_set(facts, '$.root', '0000000000000000000000000000000000000000000000000000000000000000')",
            "something else",
        ),
        ("json_set(facts, '$.size', 7)", "something else"),
        ("json_set(facts, '$.note', 'none')", "not a signed checkpoint"),
        ("replace(facts, 'calt/', 'colt/')", "key cannot be read"),
        ("'{}'", "cannot be read"),
    ] {
        let log = log.copy();
        log.tamper(&format!("UPDATE events SET facts = {sql} WHERE id = {event}"), Forged::Tree);
        let (_, lines) = found(&log.verify(&Against::default()));
        let own = lines.lines().find(|line| line.starts_with(&format!("Some(EventId({event}))")));
        assert!(own.is_some_and(|line| line.contains(words)), "{sql}:\n{lines}");
    }
}

#[tokio::test]
async fn a_text_that_an_event_redacts_goes_without_a_trace_of_doubt_and_no_other_does() {
    let log = Log::new().await;
    let event = middle(&log);
    let redaction = format!(
        "INSERT INTO events SELECT MAX(id) + 1, NULL, NULL, NULL, 1, 'payload_redacted', 'cli', 'owner', 'owner', NULL,
             '2026-01-01T00:00:00.000000Z', '{{\"event\":{event}}}', zeroblob(16), zeroblob(32), 'redacted', '{{}}', zeroblob(32)
         FROM events"
    );
    log.tamper(&redaction, Forged::Tree);
    let clear =
        |event: i64| format!("UPDATE events SET salt = NULL, summary = '', payload_text = '' WHERE id = {event}");
    // With the triggers where they belong.
    let connection = Connection::open(log.config().database).unwrap();
    connection.execute_batch(&clear(event)).unwrap();
    assert!(connection.execute_batch(&clear(event + 1)).unwrap_err().to_string().contains("append-only"));
    drop(connection);
    let verified = log.verify(&Against::default());
    assert!(verified.is_clean(), "{:#?}", verified.checks);
    log.tamper(&clear(event + 1), Forged::Row);
    let (first, lines) = found(&log.verify(&Against::default()));
    assert_eq!(first, Some(event + 1), "{lines}");
    assert!(lines.contains("no event says so"), "{lines}");
}
