//! The read model can be thrown away.

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

use crate::person::{Person, config, failed, open, plan};

const TABLES: [&str; 8] =
    ["sessions", "plans", "steps", "runs", "artifacts", "approvals", "log_state", "v_session_failure_reasons"];

fn everything(database: &std::path::Path) -> Vec<(String, Vec<Vec<Value>>)> {
    let connection = Connection::open(database).unwrap();
    TABLES
        .iter()
        .map(|table| {
            let order = if table.starts_with("v_") { "" } else { " ORDER BY 1, 2" };
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}{order}")).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
            ((*table).to_owned(), rows.map(Result::unwrap).collect())
        })
        .collect()
}

#[tokio::test]
async fn a_rebuilt_read_model_is_the_one_that_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let one = Person::with_approved_plan(&store, "one", 2).await;
    one.run(1, json!({"content": "one"})).await;
    one.run(2, json!({"content": "two"})).await;
    let two = Person::with_approved_plan(&store, "two", 3).await;
    two.must(Person::approval(1)).await;
    let run = two.start(1).await;
    two.finish(run, failed("it broke")).await.outcome.unwrap();
    two.import(plan(2, 700, "A plan far longer than a payload may be")).await;
    two.approve_plan(2).await;
    let three = Person::with_approved_plan(&store, "three", 3).await;
    three.run(1, json!({"content": "long ".repeat(20_000)})).await;
    three.must(calt_core::decide::Action::Stop).await;
    assert!(store.plan(&two.session, 2).unwrap().unwrap().1[699].payload["inputs"].is_object());

    let before = everything(&store.database());
    store.rebuild().await.unwrap();
    assert_eq!(everything(&store.database()), before);
    one.import(plan(2, 1, "Goes on")).await;
    let before = everything(&store.database());
    let sessions = [one.session.clone(), two.session.clone(), three.session.clone()];
    drop((one, two, three, store));

    let connection = Connection::open(config(directory.path()).database).unwrap();
    connection.execute_batch("UPDATE derived SET version = 0 WHERE name = 'read_model'").unwrap();
    drop(connection);
    let (store, report) = open(directory.path());
    assert!(report.read_model_rebuilt);
    assert_eq!(everything(&store.database()), before);
    for session in sessions {
        let row = store.session(&session).unwrap().unwrap();
        let state = store.session_state(&session).await.unwrap().unwrap();
        assert_eq!((row.status.as_str(), row.plan_version), (state.status().as_str(), state.plan_version()));
        let (_, steps) = store.plan(&session, row.plan_version.unwrap()).unwrap().unwrap();
        for step in steps {
            assert_eq!(step.status, state.step_status(&step.step).unwrap().as_str());
        }
    }
}

#[tokio::test]
async fn the_views_say_what_they_are_called() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "one", 2).await;
    person.run(1, json!({})).await;
    person.must(Person::approval(2)).await;
    let run = person.start(2).await;
    person.finish(run, failed("it broke")).await.outcome.unwrap();
    let connection = Connection::open(store.database()).unwrap();
    let row = |sql: &str| {
        connection
            .query_row(sql, [], |row| Ok((row.get::<_, Value>(0)?, row.get::<_, Value>(1)?, row.get::<_, Value>(2)?)))
            .unwrap()
    };
    let tool = Value::Text("read_file".into());
    assert_eq!(
        row("SELECT tool_name, runs, success_rate FROM v_run_success_rate_by_tool"),
        (tool.clone(), Value::Integer(2), Value::Real(0.5))
    );
    assert_eq!(
        row("SELECT tool_name, p50_ms, p95_ms FROM v_step_duration_ms_p50_p95"),
        (tool, Value::Integer(3), Value::Integer(5))
    );
    let (_, _, reason) = row("SELECT session_id, tool_name, failure_reason FROM v_session_failure_reasons");
    assert_eq!(reason, Value::Text("it broke".into()));
}
