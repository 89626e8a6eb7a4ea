//! Opening: fresh, again, somebody else's, too new, and too short.

use calt_store::{OpenError, Store, StoreError, accept_loss};
use rusqlite::Connection;

use crate::person::{Person, config, facts, open, token_for};

#[tokio::test]
async fn a_store_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    store.submit_roster(token_for("mika", "tok_1"), facts()).await.unwrap().outcome.unwrap();
    let person = Person::with_approved_plan(&store, "a", 2).await;
    let before = (*store.session_state(&person.session).await.unwrap().unwrap()).clone();
    let (roster, row) = (store.roster(), store.session(&person.session).unwrap().unwrap());
    drop(person);
    drop(store);

    let (store, report) = open(directory.path());
    assert!(!report.is_new && !report.read_model_rebuilt && !report.index_rebuilt);
    assert_eq!((report.events, report.missing_events), (5, 0));
    assert_eq!(*store.session_state(&row.id).await.unwrap().unwrap(), before);
    assert_eq!(store.roster(), roster);
    assert_eq!(store.session(&row.id).unwrap().unwrap(), row);
    assert!(store.integrity_check().unwrap().is_empty());
    Person { store, session: row.id }.must(Person::approval(1)).await;
}

#[test]
fn a_database_that_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let refused = |sql: &str| {
        let _ = std::fs::remove_file(&config.database);
        Connection::open(&config.database).unwrap().execute_batch(sql).unwrap();
        let before = std::fs::read(&config.database).unwrap();
        let error = Store::open(&config).map(drop).unwrap_err();
        assert_eq!(std::fs::read(&config.database).unwrap(), before);
        error
    };
    let earlier = refused("CREATE TABLE sessions (id TEXT)");
    assert!(matches!(earlier, OpenError::EarlierCalt { .. }));
    assert!(earlier.to_string().contains("is the database of an earlier calt"), "{earlier}");
    assert!(matches!(refused("CREATE TABLE notes (id TEXT)"), OpenError::Foreign { .. }));
    assert!(matches!(refused("PRAGMA application_id = 7"), OpenError::Foreign { .. }));
    std::fs::write(
        &config.database,
        "not a database at all, but longer than a header of one hundred bytes, so that it is read as one.",
    )
    .unwrap();
    assert!(matches!(
        Store::open(&config).map(drop).unwrap_err(),
        OpenError::Corrupt { .. } | OpenError::Database { .. }
    ));
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    drop(store);
    let config = config(directory.path());
    Connection::open(&config.database).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(Store::open(&config).map(drop).unwrap_err(), OpenError::Newer { found: 99, .. }));
}

#[tokio::test]
async fn a_log_that_lost_events_is_read_only_until_that_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let (store, _) = open(directory.path());
    let kept = Person::with_session(&store, "kept", "kept").await.session;
    store.close();
    drop(store);
    let before = std::fs::read(&config.database).unwrap();
    let (store, _) = open(directory.path());
    Person::with_approved_plan(&store, "lost", 2).await.store.files().make_session(&kept).unwrap();
    store.close();
    drop(store);
    // A database from before, under the side file of now: as if a WAL had been cut.
    std::fs::write(&config.database, before).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", config.database.display()));
    }
    let (store, report) = Store::open(&config).unwrap();
    assert_eq!(report.missing_events, 3);
    assert_eq!(report.orphaned, Vec::<String>::new());
    let person = Person { store: store.clone(), session: kept.clone() };
    let refused = person.act(person.create("again")).await.unwrap_err();
    assert_eq!(refused, StoreError::Behind { missing: 3 });
    assert!(store.session(&kept).unwrap().is_some());
    drop((person, store));

    assert_eq!(accept_loss(&config).unwrap().head.last_id, 1);
    let (store, report) = Store::open(&config).unwrap();
    assert_eq!(report.missing_events, 0);
    Person::with_session(&store, "new", "goes on").await;
}

#[tokio::test]
async fn changed_events_show_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let (store, _) = open(directory.path());
    Person::with_session(&store, "a", "original").await;
    store.close();
    drop(store);
    let connection = crate::tamper::forger::Untriggered::open(&config.database);
    connection
        .execute_batch(
            "UPDATE events SET leaf_hash = zeroblob(32);
             DROP TABLE log_state;",
        )
        .unwrap();
    drop(connection);
    let (store, report) = Store::open(&config).unwrap();
    let why = report.read_only().unwrap();
    assert!(matches!(&why, StoreError::Corrupt(reason) if reason.starts_with("event 1: ")), "{why}");
    assert_eq!(store.submit_roster(token_for("late", "tok_1"), facts()).await.unwrap_err(), why);
}
