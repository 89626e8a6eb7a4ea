//! Search narrowed by session, type, principal and time, against the log read event by event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use calt_core::id::{EventId, SessionId};
use calt_core::principal::{Caller, PrincipalId};
use calt_core::time::Timestamp;
use calt_store::{EventRow, Field, SearchQuery, Store};
use serde_json::json;

use crate::person::{Person, facts, open, owner, verdict};

const HOUR_MICROS: i64 = 3_600_000_000;

/// The time of the hour of a made-up day.
fn hour(hour: i64) -> Timestamp {
    Timestamp::from_micros(facts().now.as_micros() + hour * HOUR_MICROS)
}

fn named(principal: &str) -> Caller {
    Caller { principal: PrincipalId::parse(principal).unwrap(), ..owner() }
}

async fn until_indexed(store: &Store) {
    while store.counts().unwrap().index_tail != Some(0) {
        tokio::task::yield_now().await;
    }
}

async fn approve(person: &Person, principal: &str, step: usize, at: Timestamp) {
    let calt_core::decide::Action::ApproveStep { step, .. } = Person::approval(step) else { unreachable!() };
    let reason = if at.as_micros() / HOUR_MICROS % 2 == 0 { "looks even 偶数" } else { "looks odd 奇数" };
    let action = calt_core::decide::Action::ApproveStep { step, verdict: verdict(Some(reason)) };
    let facts = calt_core::decide::Facts { now: at, ..facts() };
    person.act_with(named(principal), action, facts).await.unwrap().outcome.unwrap();
}

/// Events by two people in two sessions, hour after hour; the clock is set back twice.
async fn a_day(store: &Store) -> [Person; 2] {
    let people = [Person::with_approved_plan(store, "a", 40).await, Person::with_approved_plan(store, "b", 40).await];
    let hours = (0..20).chain(6..14).chain(2..14);
    for (number, at) in hours.enumerate() {
        let who = ["ada", "bob", "ada"][number % 3];
        approve(&people[number % 2], who, number / 2 + 1, hour(at)).await;
    }
    people
}

fn everything(store: &Store) -> Vec<EventRow> {
    let mut events = store.log_after(EventId(0), 10_000).unwrap();
    events.reverse();
    events
}

fn every_page(store: &Store, query: &SearchQuery) -> Vec<i64> {
    let (mut query, mut ids) = (query.clone(), Vec::new());
    loop {
        let page = store.search(&query).unwrap();
        assert_eq!(page.index_unusable, None);
        ids.extend(page.items.iter().map(|found| found.event.id.0));
        let Some(cursor) = page.next_cursor else { return ids };
        assert!(!page.items.is_empty());
        query.cursor = Some(cursor);
    }
}

fn queries() -> Vec<SearchQuery> {
    let sessions = [None, SessionId::parse("session_a")];
    let types = [None, Some("step_approved".to_owned()), Some("session_stopped".to_owned())];
    let principals = [None, PrincipalId::parse("bob"), PrincipalId::parse("nobody")];
    let times = [(None, None), (Some(3), Some(8)), (Some(15), None), (None, Some(0)), (Some(7), Some(7))];
    let texts = [None, Some("even".to_owned()), Some("奇".to_owned())];
    let mut queries = Vec::new();
    for session in &sessions {
        for event_type in &types {
            for principal in &principals {
                for (since, until) in times {
                    for text in &texts {
                        queries.push(SearchQuery {
                            session: session.clone(),
                            text: text.clone(),
                            event_type: event_type.clone(),
                            principal: principal.clone(),
                            since: since.map(hour),
                            until: until.map(hour),
                            limit: Some(7),
                            cursor: None,
                        });
                    }
                }
            }
        }
    }
    queries
}

fn matches(query: &SearchQuery, event: &EventRow) -> bool {
    (query.session.is_none() || event.session == query.session)
        && query.event_type.as_ref().is_none_or(|wanted| event.event_type == *wanted)
        && query.principal.as_ref().is_none_or(|wanted| event.principal == *wanted)
        && query.since.is_none_or(|since| event.created_at >= since)
        && query.until.is_none_or(|until| event.created_at < until)
        && query.text.as_ref().is_none_or(|text| event.payload_text.contains(text.as_str()))
}

#[tokio::test]
async fn every_combination_of_filters_finds_exactly_what_the_log_holds() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    a_day(&store).await;
    let events = everything(&store);
    for indexed in [false, true] {
        if indexed {
            until_indexed(&store).await;
        }
        let mut hits = 0;
        for query in queries() {
            let expected: Vec<i64> =
                events.iter().filter(|event| matches(&query, event)).map(|event| event.id.0).collect();
            hits += expected.len();
            assert_eq!(every_page(&store, &query), expected, "{query:?}, indexed: {indexed}");
        }
        assert!(hits > 300, "{hits}");
    }
}

#[tokio::test]
async fn the_pages_give_every_event_once_while_new_ones_come() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    a_day(&store).await;
    let query = SearchQuery { event_type: Some("step_approved".to_owned()), limit: Some(3), ..SearchQuery::default() };
    let there = every_page(&store, &query);
    assert_eq!(there.len(), 40);
    let done = Arc::new(AtomicBool::new(false));
    let (writing, is_done) = (store.clone(), Arc::clone(&done));
    let writer = tokio::spawn(async move {
        let mut session = 0;
        while !is_done.load(Ordering::Relaxed) || session == 0 {
            let person = Person::with_approved_plan(&writing, &format!("new_{session}"), 5).await;
            for step in 1..=5 {
                approve(&person, "ada", step, hour(1)).await;
            }
            session += 1;
        }
    });
    let reading = store.clone();
    let rounds = tokio::task::spawn_blocking(move || {
        for _ in 0..20 {
            let seen = every_page(&reading, &query);
            let known: Vec<i64> = seen.iter().copied().filter(|id| *id <= there[0]).collect();
            assert_eq!(known, there, "each once, newest first");
            assert!(seen.is_sorted_by(|newer, older| newer > older));
        }
    });
    rounds.await.unwrap();
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn an_event_is_found_as_soon_as_it_is_acknowledged_and_says_where_the_hit_is() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    for number in 0..20 {
        let goal = format!("ﾃﾞｰﾀ移行 number{number} \"quoted\"\nnext");
        Person::with_session(&store, &format!("s{number}"), &goal).await;
        let asked = SearchQuery { text: Some(format!("データ number{number} next")), ..SearchQuery::default() };
        let page = store.search(&asked).unwrap();
        let [found] = page.items.as_slice() else { panic!("{number}: {} found", page.items.len()) };
        let payload: Vec<char> = found.event.payload_text.chars().collect();
        let marked: Vec<String> = found
            .highlights
            .iter()
            .map(|hit| {
                assert_eq!(hit.field, Field::PayloadText);
                payload[hit.at.start..hit.at.end].iter().collect()
            })
            .collect();
        assert_eq!(marked, ["ﾃﾞｰﾀ".to_owned(), format!("number{number}"), "next".to_owned()]);
        let excerpt = found.excerpt.as_ref().unwrap();
        assert!(excerpt.text.contains("ﾃﾞｰﾀ移行 number") && excerpt.marks.len() == 3, "{excerpt:?}");
    }
}

#[tokio::test]
async fn a_hit_in_a_long_output_comes_with_a_piece_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 1).await;
    let text = format!("{}\nneedle 設計変更 end", "hay ".repeat(40_000));
    person.run(1, json!({ "content": text })).await;
    let asked = SearchQuery { text: Some("設計 needle".to_owned()), ..SearchQuery::default() };
    let page = store.search(&asked).unwrap();
    let excerpt = page.items[0].excerpt.as_ref().unwrap();
    assert_eq!(excerpt.field, Field::Output);
    assert!(excerpt.cut_before && excerpt.text.ends_with("hay  needle 設計変更 end\"} "), "{excerpt:?}");
    let characters: Vec<char> = excerpt.text.chars().collect();
    let marked: Vec<String> = excerpt.marks.iter().map(|at| characters[at.start..at.end].iter().collect()).collect();
    assert_eq!(marked, ["needle", "設計"]);
}

#[tokio::test]
async fn a_page_of_long_texts_ends_early_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 90).await;
    for step in 1..=90 {
        person.run(step, json!({ "content": "long ".repeat(10_000) })).await;
    }
    let query = SearchQuery { text: Some("long".to_owned()), ..SearchQuery::default() };
    let page = store.search(&query).unwrap();
    assert!(page.items.len() < 90 && page.next_cursor.is_some());
    let all = everything(&store).into_iter().filter(|event| event.event_type == "step_executed");
    assert_eq!(every_page(&store, &query), all.map(|event| event.id.0).collect::<Vec<_>>());
}
