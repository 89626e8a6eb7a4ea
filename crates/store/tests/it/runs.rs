//! Runs: what is recorded of them, what can be read back, what recovery finds.

use calt_core::decide::Action;
use calt_core::event::Finding;
use calt_core::principal::Caller;
use calt_store::{Durability, ToolRow, output_bytes};
use serde_json::json;

use crate::person::{Person, facts, failed, open, plan, step_id, verdict};

#[tokio::test]
async fn a_run_is_in_the_read_model_from_start_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    person.must(Person::approval(1)).await;
    let run = person.start(1).await;
    assert_eq!(store.run(run).unwrap().unwrap().status, "running");
    assert_eq!(store.session(&person.session).unwrap().unwrap().status, "running");
    let unfinished = store.unfinished_runs().unwrap();
    assert_eq!((unfinished.len(), unfinished[0].run, &unfinished[0].step), (1, run, &step_id(1)));

    person.end(run, 1, json!({"content": "ok"})).await.outcome.unwrap();
    let row = store.run(run).unwrap().unwrap();
    assert_eq!((row.status.as_str(), row.duration_ms), ("succeeded", Some(3)));
    assert_eq!(store.unfinished_runs().unwrap(), []);
    let (_, steps) = store.plan(&person.session, 1).unwrap().unwrap();
    assert_eq!(steps.iter().map(|step| step.status.as_str()).collect::<Vec<_>>(), ["succeeded", "pending"]);
    assert_eq!(steps[0].payload["inputs"]["path"], "notes/1.txt");
    let artifacts = store.artifacts(&person.session, None, None).unwrap();
    assert_eq!((artifacts.len(), artifacts[0].run), (1, run));
    assert!(artifacts[0].path.starts_with("data/sessions/session_a/artifacts/"));
    assert_eq!(store.artifact_bytes(artifacts[0].id).unwrap().unwrap(), output_bytes(&json!({"content": "ok"})));

    person.must(Person::approval(2)).await;
    let run = person.start(2).await;
    person.finish(run, failed("no such file")).await.outcome.unwrap();
    let row = store.run(run).unwrap().unwrap();
    assert_eq!((row.status.as_str(), row.failure_reason.as_deref()), ("failed", Some("no such file")));
    let session = store.session(&person.session).unwrap().unwrap();
    assert_eq!((session.status.as_str(), session.needs_replan), ("failed", true));
    assert_eq!(store.runs(&person.session, Some(1), None).unwrap()[0].id, run);
}

#[tokio::test]
async fn a_recorded_output_is_read_from_the_log_or_from_its_artifact() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    person.run(1, json!({"content": "short"})).await;
    let long = json!({"content": "long ".repeat(30_000)});
    let run = person.run(2, long.clone()).await;
    let output = |step| store.recorded_output(&person.session, 1, &step_id(step)).unwrap().map(|found| found.output);
    assert_eq!(output(1), Some(json!({"content": "short"})));
    assert_eq!(output(2), Some(long.clone()));
    assert_eq!(store.run_output(run).unwrap().unwrap().output, long);
    assert_eq!(output(3), None);
    let path = store.files().session(&person.session).join("artifacts").join(format!("{run}-step_0002.json"));
    std::fs::write(path, "{}").unwrap();
    assert!(store.recorded_output(&person.session, 1, &step_id(2)).is_err(), "other bytes are not the output");
}

#[tokio::test]
async fn a_run_without_an_end_is_found_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    person.must(Person::approval(1)).await;
    let run = person.start(1).await;
    let session = person.session.clone();
    drop((person, store));
    let (store, _) = open(directory.path());
    let found = store.unfinished_runs().unwrap();
    assert_eq!((found[0].run, &found[0].session, found[0].version), (run, &session, 1));
    let person = Person { store: store.clone(), session };
    let action = Action::InterruptRun { run, finding: Finding::NothingToWrite, files: vec![] };
    person.act_with(Caller::daemon(), action, facts()).await.unwrap().outcome.unwrap();
    assert_eq!(store.run(run).unwrap().unwrap().status, "interrupted");
    assert_eq!(store.unfinished_runs().unwrap(), []);
}

#[tokio::test]
async fn a_stop_cancels_what_waits_and_a_newer_version_leaves_the_older_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    person.run(1, json!({})).await;
    person.import(plan(2, 4, "Again")).await;
    person.approve_plan(2).await;
    person.must(Person::approval(3)).await;
    person.must(Action::SkipStep { step: step_id(4), verdict: verdict(Some("not needed")) }).await;
    person.must(Action::Stop).await;
    let statuses = |version| {
        let (_, steps) = store.plan(&person.session, version).unwrap().unwrap();
        steps.into_iter().map(|step| step.status).collect::<Vec<_>>()
    };
    assert_eq!(statuses(1), ["succeeded", "pending"]);
    assert_eq!(statuses(2), ["cancelled", "cancelled", "cancelled", "skipped"]);
    assert_eq!(store.step(&person.session, &step_id(1)).unwrap().unwrap().version, 2);
    let decisions = store.approvals(&person.session, 2, Some(&step_id(4))).unwrap();
    assert_eq!((decisions[0].decision.as_str(), decisions[0].reason.as_deref()), ("skipped", Some("not needed")));
    let listed = store.sessions(&calt_store::SessionList { status: Some("cancelled".into()), ..Default::default() });
    assert_eq!(listed.unwrap().len(), 1);
}

#[tokio::test]
async fn the_tools_stand_in_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let tool = ToolRow {
        tool_name: "read_file".into(),
        permission_profile: "workspace_read".into(),
        description: "Reads a file.".into(),
        enabled: true,
    };
    store.register_tools(vec![tool.clone()]).await.unwrap();
    store.rebuild().await.unwrap();
    assert_eq!(store.tools().unwrap(), [tool]);
    let person = Person::with_session(&store, "a", "x").await;
    store.files().make_session(&person.session).unwrap();
    let own =
        store.files().write_artifact(&person.session, calt_core::RunId(1), &step_id(1), b"x", Durability::Own).unwrap();
    assert_eq!(own.bytes, 1);
}
