//! Runs: shown, in progress or ended.

use axum::extract::State;
use calt_api::Next;
use calt_api::views::RunView;
use calt_engine::core::{Refusal, RunId};
use calt_engine::store::{RunRow, Store, StoreError};
use serde_json::Value;

use super::{At, Reader, read, run_id};
use crate::app::App;
use crate::reply::{Refused, View};

/// `GET /runs/{run}`.
pub(crate) async fn show(State(app): State<App>, _: Reader, At(run): At<String>) -> Result<View<RunView>, Refused> {
    view(&app, run_id(&run)).await.map(View)
}

/// One run with what it gave and left behind.
pub(super) async fn view(app: &App, run: RunId) -> Result<RunView, Refused> {
    let found = read(app, move |store| {
        let Some(row) = store.run(run)? else { return Ok(None) };
        let Outcome { output, tier, next } = outcome(store, &row)?;
        let artifacts = store.artifacts_of_run(run)?.into_iter().map(|artifact| artifact.path).collect();
        Ok(Some(RunView { output, tier, next, ..shown(row, artifacts) }))
    })
    .await?;
    found.ok_or_else(|| Refusal::RunNotFound { run }.into())
}

/// What the run's events say of it.
#[derive(Default)]
struct Outcome {
    output: Value,
    tier: Option<String>,
    next: Option<Next>,
}

/// What the run gave, and how it was isolated. A run that failed has its output in its last event.
fn outcome(store: &Store, row: &RunRow) -> Result<Outcome, StoreError> {
    let Some(event) = store.event(row.ended_event.unwrap_or(row.started_event))? else {
        return Ok(Outcome::default());
    };
    let field = |text: &str, name: &str| {
        let mut json: Value = serde_json::from_str(text).unwrap_or_default();
        json.get_mut(name).map(Value::take).unwrap_or_default()
    };
    let tier = field(&event.facts, "tier").as_str().map(str::to_owned);
    let output = match row.status.as_str() {
        "succeeded" => store.run_output(row.id)?.map(|recorded| recorded.output).unwrap_or_default(),
        "running" => Value::Null,
        _ => field(&event.payload_text, "output"),
    };
    let next = serde_json::from_value(field(&event.payload_text, "next")).ok();
    Ok(Outcome { output, tier, next })
}

fn shown(row: RunRow, artifacts: Vec<String>) -> RunView {
    RunView {
        run_id: row.id.0,
        session_id: row.session_id.to_string(),
        plan_version: row.plan_version,
        step_id: row.step.to_string(),
        tool: row.tool_name,
        state: row.status,
        error: row.failure_reason,
        artifacts,
        exit_code: row.exit_code,
        started_at: row.started_at.to_string(),
        ended_at: row.ended_at.map(|at| at.to_string()),
        duration_ms: row.duration_ms,
        ..RunView::default()
    }
}
