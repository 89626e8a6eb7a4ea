//! Search: English and Japanese, down to one character, and never a surprise.

use calt_core::decide::{Failure, RunEnd};
use calt_core::digest::Digest;
use calt_core::id::EventId;
use calt_store::{SearchQuery, Store};
use rusqlite::Connection;
use serde_json::json;

use crate::person::{Person, failed, open};

fn asked(text: &str) -> SearchQuery {
    SearchQuery { text: Some(text.to_owned()), ..SearchQuery::default() }
}

fn found(store: &Store, query: &SearchQuery) -> Vec<i64> {
    let page = store.search(query).unwrap();
    assert_eq!(page.index_unusable, None);
    page.items.iter().map(|found| found.event.id.0).collect()
}

/// Waits until so many events are not indexed; `None`: until the index was found to be unusable.
async fn until_tail(store: &Store, tail: Option<u64>) {
    while store.counts().unwrap().index_tail != tail {
        tokio::task::yield_now().await;
    }
}

/// Texts whose goals are events 1, 2, 3 …
async fn with_goals(store: &Store, goals: &[&str]) {
    for (number, goal) in goals.iter().enumerate() {
        Person::with_session(store, &format!("s{number}"), goal).await;
    }
}

const GOALS: [&str; 6] = [
    "Deploy the billing service, v2",
    "データベースの移行計画を承認待ちにする",
    "東京リージョンの設定を変更する。承認は不要",
    "line one\nsecond \"quoted\" line; NEAR(a b) -x *",
    "ﾃﾞｰﾀを確認 and redeploy billing",
    "billed once",
];

#[tokio::test]
async fn words_and_japanese_are_found_by_tail_and_by_index_alike() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    with_goals(&store, &GOALS).await;
    let cases: [(&str, &[i64]); 22] = [
        ("billing", &[5, 1]),
        ("bill", &[6, 5, 1]),
        ("Bi", &[]),
        ("v2", &[1]),
        ("DEPLOY billing", &[1]),
        ("eploy", &[]),
        ("承", &[3, 2]),
        ("承認", &[3, 2]),
        ("承認待ち", &[2]),
        ("認待", &[2]),
        ("移行計画", &[2]),
        ("画移", &[]),
        ("データ", &[5, 2]),
        ("データ billing", &[5]),
        ("東京 承認", &[3]),
        ("second", &[4]),
        ("\"quoted\"", &[4]),
        ("NEAR(a b)", &[4]),
        ("-x", &[4]),
        ("*", &[6, 5, 4, 3, 2, 1]),
        ("", &[6, 5, 4, 3, 2, 1]),
        ("session_created", &[6, 5, 4, 3, 2, 1]),
    ];
    for indexed in [false, true] {
        if indexed {
            until_tail(&store, Some(0)).await;
        }
        for (text, expected) in cases {
            assert_eq!(found(&store, &asked(text)), expected, "{text:?}, indexed: {indexed}");
        }
    }
}

#[tokio::test]
async fn a_session_a_type_and_a_cursor_narrow_the_answer() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 30).await;
    for step in 1..=30 {
        person.must(Person::approval(step)).await;
    }
    let other = Person::with_approved_plan(&store, "b", 1).await;
    for indexed in [false, true] {
        if indexed {
            until_tail(&store, Some(0)).await;
        }
        let of = |session: &Person, event_type: Option<&str>, text: &str| SearchQuery {
            session: Some(session.session.clone()),
            event_type: event_type.map(str::to_owned),
            ..asked(text)
        };
        assert_eq!(found(&store, &of(&other, None, "")), [36, 35, 34]);
        assert_eq!(found(&store, &of(&other, Some("plan_approved"), "")), [36]);
        assert_eq!(found(&store, &of(&other, None, "plan approved")), [36]);
        assert_eq!(found(&store, &of(&other, Some("step_approved"), "")), Vec::<i64>::new());
        let mut query = SearchQuery { limit: Some(12), ..of(&person, Some("step_approved"), "approved") };
        let mut pages: Vec<i64> = Vec::new();
        loop {
            let page = store.search(&query).unwrap();
            pages.extend(page.items.iter().map(|found| found.event.id.0));
            let Some(cursor) = page.next_cursor else { break };
            assert_eq!(page.items.len(), 12);
            query.cursor = Some(cursor);
        }
        assert_eq!(pages, (4..=33).rev().collect::<Vec<_>>());
    }
    let all = SearchQuery { limit: Some(10_000), cursor: Some(EventId(3)), ..SearchQuery::default() };
    assert_eq!(found(&store, &all), [2, 1]);
}

#[tokio::test]
async fn the_whole_of_a_long_output_is_searched() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 1).await;
    let text = format!("{}\nneedle 設計変更 end", "hay ".repeat(40_000));
    person.run(1, json!({ "content": text })).await;
    for indexed in [false, true] {
        if indexed {
            until_tail(&store, Some(0)).await;
        }
        for text in ["needle", "設計変更", "計"] {
            let page = store.search(&asked(text)).unwrap();
            let types: Vec<&str> = page.items.iter().map(|found| found.event.event_type.as_str()).collect();
            assert_eq!(types, ["step_executed"], "{text}, indexed: {indexed}");
        }
    }
}

#[tokio::test]
async fn without_an_index_the_log_is_read_appends_go_on_and_a_rebuild_repairs() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    with_goals(&store, &GOALS[..3]).await;
    until_tail(&store, Some(0)).await;
    Connection::open(store.database()).unwrap().execute_batch("DROP TABLE events_fts").unwrap();
    Person::with_session(&store, "later", "承認 again").await;
    until_tail(&store, None).await;
    Person::with_session(&store, "later2", "more").await;
    let page = store.search(&asked("承認")).unwrap();
    assert_eq!(page.items.iter().map(|found| found.event.id.0).collect::<Vec<_>>(), [4, 3, 2]);
    assert!(page.index_unusable.is_some());
    store.rebuild_index().await.unwrap();
    until_tail(&store, Some(0)).await;
    assert_eq!(found(&store, &asked("承認")), [4, 3, 2]);
}

/// The record is English; what a person reads of it on a Japanese screen is found as well, by index and by tail.
#[tokio::test]
async fn events_are_found_by_what_the_screens_call_them_in_japanese() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    Person::with_session(&store, "s1", "the 承認 of a goal").await;
    let person = Person::with_approved_plan(&store, "s2", 3).await;
    person.run(1, json!({"content": "x"})).await;
    // A run that failed has left one file behind.
    person.must(Person::approval(2)).await;
    let run = person.start(2).await;
    let RunEnd::Failed(failure) = failed("x") else { panic!("it failed") };
    let file = json!({"path": "a.txt", "from": null, "old_exists": false, "old_sha256": Digest::of_bytes(b""),
        "old_mode": null, "new_exists": true, "new_sha256": Digest::of_bytes(b"x"), "mode": "0644"});
    let applied = vec![serde_json::from_value(file).unwrap()];
    let end = RunEnd::Failed(std::sync::Arc::new(Failure { applied, ..(*failure).clone() }));
    person.finish(run, end).await.outcome.unwrap();
    let types = |text: &str| -> Vec<String> {
        let page = store.search(&asked(text)).unwrap();
        assert_eq!(page.index_unusable, None);
        let mut types: Vec<_> = page.items.into_iter().map(|found| found.event.event_type).collect();
        types.sort();
        types.dedup();
        types
    };
    for indexed in [false, true] {
        if indexed {
            until_tail(&store, Some(0)).await;
        }
        assert_eq!(types("承認"), ["plan_approved", "session_created", "step_approved"]);
        assert_eq!(types("を承認"), ["plan_approved", "step_approved"]);
        assert_eq!(types("プランを承認"), ["plan_approved"]);
        assert_eq!(types("ステップ 承認"), ["step_approved"]);
        assert_eq!(types("承認 approved"), ["plan_approved", "step_approved"]);
        assert_eq!(types("approved"), ["plan_approved", "step_approved"]);
        assert_eq!(types("書き込み"), ["step_failed"]);
        assert_eq!(types("失敗"), ["step_failed"]);
        assert_eq!(types("失敗 成功"), [""; 0]);
        assert_eq!(types("却下"), [""; 0]);
        let narrowed = SearchQuery { event_type: Some("plan_approved".to_owned()), ..asked("承認") };
        assert_eq!(store.search(&narrowed).unwrap().items.len(), 1);
        let found = &store.search(&asked("プランを承認")).unwrap().items[0];
        assert!(found.highlights.is_empty() && found.excerpt.is_none(), "the record itself is English: {found:?}");
    }
}
