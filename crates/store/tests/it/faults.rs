//! What happens when the disk says no, and when too much is asked.

use calt_core::id::EventId;
use calt_core::refusal::Refusal;
use calt_store::{SearchQuery, Store, StoreError};

use crate::person::{Person, facts, open, token_for};

/// The newest event, as a reader finds it. The watch changes only after the callers were answered.
fn newest(store: &Store) -> EventId {
    store.search(&SearchQuery::default()).unwrap().items[0].event.id
}

#[tokio::test]
async fn a_failed_commit_leaves_no_trace_and_the_next_one_takes_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 3).await;
    let last = newest(&store);
    let state = (*store.session_state(&person.session).await.unwrap().unwrap()).clone();

    store.fail_next_commit().unwrap();
    assert!(person.act(Person::approval(1)).await.is_err());
    store.fail_next_commit().unwrap();
    assert!(store.submit_roster(token_for("mika", "tok_1"), facts()).await.is_err());

    assert_eq!(newest(&store), last);
    assert_eq!(*store.session_state(&person.session).await.unwrap().unwrap(), state);
    assert!(store.roster().token("tok_1").is_none());
    let committed = person.act(Person::approval(1)).await.unwrap();
    assert_eq!(committed.events.unwrap().0, last.next());
    store.submit_roster(token_for("mika", "tok_1"), facts()).await.unwrap().outcome.unwrap();
    drop(person);
    drop(store);
    let (_, report) = open(directory.path());
    assert_eq!((report.events, report.missing_events), (6, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everyone_in_a_failed_commit_is_told_and_may_ask_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 40).await;
    store.fail_next_commit().unwrap();
    let work: Vec<_> = (1..=40)
        .map(|step| {
            let person = person.clone();
            tokio::spawn(async move {
                let mut told_no = 0;
                while let Err(error) = person.act(Person::approval(step)).await {
                    assert!(!matches!(error, StoreError::Busy));
                    told_no += 1;
                }
                told_no
            })
        })
        .collect();
    let mut told_no = 0;
    for step in work {
        told_no += step.await.unwrap();
    }
    assert!(told_no >= 1);
    assert_eq!(newest(&store).0, 43);
}

#[tokio::test]
async fn a_full_disk_answers_so_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_session(&store, "a", "small").await;
    let last = newest(&store);
    store.limit_size(true).await.unwrap();
    let big = crate::person::plan(1, 1_000, "a plan with a great many steps");
    let error = person.try_import(big.clone()).await.unwrap_err();
    assert_eq!(error, StoreError::Full);
    assert_eq!(newest(&store), last);
    assert!(store.session(&person.session).unwrap().is_some(), "reads go on");
    store.limit_size(false).await.unwrap();
    person.try_import(big).await.unwrap().outcome.unwrap();
}

#[tokio::test]
async fn a_refusal_leaves_nothing_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    let refused = person.act(Person::approval(9)).await.unwrap();
    assert!(matches!(refused.outcome, Err(Refusal::StepNotFound { .. })));
    assert_eq!(refused.events, None);
    let nobody = Person { store: store.clone(), session: calt_core::SessionId::parse("session_nobody").unwrap() };
    assert!(matches!(nobody.act(Person::approval(1)).await.unwrap().outcome, Err(Refusal::SessionNotFound { .. })));
    assert_eq!(newest(&store).0, 3);
}
