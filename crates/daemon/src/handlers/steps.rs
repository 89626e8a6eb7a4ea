//! Steps: shown, decided, executed.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use calt_api::endpoint::SHOW_RUN;
use calt_api::views::{AlsoSkipped, DecisionRequest, ExecuteReply, ExecuteRequest, StepDecided, StepDetailView};
use calt_engine::core::permit::{Covers, Gate};
use calt_engine::core::{RunId, SessionId, StepId};
use calt_engine::store::{ApprovalRow, StepRow};
use calt_engine::{RunOutcome, StepDetail, StepVerdict};
use serde_json::json;

use super::plans::{decided, plain, words};
use super::{At, By, Decider, Executor, Reader, read, runs, session_id, step_id};
use crate::app::App;
use crate::body::OptionalJson;
use crate::reply::{self, Refused, View};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The preference of RFC 7240 that asks for an answer before the work is done.
const RESPOND_ASYNC: &str = "respond-async";

type Place = At<(String, String)>;

/// `GET …/steps/{step}`.
pub(crate) async fn show(
    State(app): State<App>,
    _: Reader,
    At((session, step)): Place,
) -> Result<View<StepDetailView>, Refused> {
    let session = session_id(&session)?;
    let step = step_id(&session, &step)?;
    let detail = app.engine.step_detail(&session, &step).await?;
    let (id, version) = (session.clone(), detail.version);
    let (row, approvals) =
        read(&app, move |store| Ok((store.step_of(&id, version, &step)?, store.approvals(&id, version, Some(&step))?)))
            .await?;
    Ok(View(shown(&session, detail, row.as_ref(), approvals.last())))
}

/// `POST …/steps/{step}/approve`.
pub(crate) async fn approve(
    State(app): State<App>,
    Decider(by): Decider,
    At(place): Place,
    OptionalJson(body): OptionalJson<DecisionRequest>,
) -> Result<View<StepDecided>, Refused> {
    decide(&app, by, place, StepVerdict::Approve, body).await.map(View)
}

/// `POST …/steps/{step}/reject`.
pub(crate) async fn reject(
    State(app): State<App>,
    Decider(by): Decider,
    At(place): Place,
    OptionalJson(body): OptionalJson<DecisionRequest>,
) -> Result<View<StepDecided>, Refused> {
    decide(&app, by, place, StepVerdict::Reject, body).await.map(View)
}

/// `POST …/steps/{step}/skip`.
pub(crate) async fn skip(
    State(app): State<App>,
    Decider(by): Decider,
    At(place): Place,
    OptionalJson(body): OptionalJson<DecisionRequest>,
) -> Result<View<StepDecided>, Refused> {
    decide(&app, by, place, StepVerdict::Skip, body).await.map(View)
}

/// `POST …/steps/{step}/execute`: answers when the run has ended, or at once when that is preferred.
pub(crate) async fn execute(
    State(app): State<App>,
    Executor(by): Executor,
    At((session, step)): Place,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<ExecuteRequest>,
) -> Result<Response<Body>, Refused> {
    let session = session_id(&session)?;
    let step = step_id(&session, &step)?;
    let by = by.unlocking(body.source, body.user_id, body.message_id, body.unlock);
    let run = app.engine.start_step(by, &session, &step, body.confirm_high_risk).await?;
    if prefers_an_early_answer(&headers) {
        return started(&app, run).await;
    }
    let outcome = app.engine.run_end(run).await?;
    Ok(View(ended(&app, run, outcome.as_deref(), &session, &step).await?).into_response())
}

async fn decide(
    app: &App,
    by: By,
    (session, step): (String, String),
    verdict: StepVerdict,
    body: DecisionRequest,
) -> Result<StepDecided, Refused> {
    let session = session_id(&session)?;
    let step = step_id(&session, &step)?;
    let (by, words) = words(by, body)?;
    let answer = app.engine.decide_step(by, &session, &step, verdict, words).await?;
    let (decision_id, decided) = decided(answer)?;
    let with = decided.into_iter().filter_map(|decided| {
        Some(AlsoSkipped { step_id: decided.step?.to_string(), depends_on: decided.depends_on?.to_string() })
    });
    Ok(StepDecided {
        session_id: session.to_string(),
        step_id: step.to_string(),
        approved: verdict == StepVerdict::Approve,
        skipped: verdict == StepVerdict::Skip,
        decision_id,
        also_skipped: with.collect(),
    })
}

fn prefers_an_early_answer(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split(',')).any(|preference| {
        preference.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(RESPOND_ASYNC))
    })
}

async fn started(app: &App, run: RunId) -> Result<Response<Body>, Refused> {
    let view = runs::view(app, run).await?;
    let mut response = reply::json(&view, StatusCode::ACCEPTED, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static(RESPOND_ASYNC));
    if let Ok(place) = HeaderValue::from_str(&SHOW_RUN.at(&[&run.to_string()])) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

async fn ended(
    app: &App,
    run: RunId,
    outcome: Option<&RunOutcome>,
    session: &SessionId,
    step: &StepId,
) -> Result<ExecuteReply, Refused> {
    // What the run gave is at hand when it was waited for; otherwise the log has it.
    if let Some(outcome) = outcome {
        return Ok(ExecuteReply {
            session_id: session.to_string(),
            step_id: step.to_string(),
            status: if outcome.succeeded { "succeeded" } else { "failed" }.to_owned(),
            run_id: run.0,
            output: outcome.output.clone(),
            error: outcome.error.clone(),
            artifacts: outcome.artifacts.clone(),
            duration_ms: Some(outcome.duration_ms),
        });
    }
    let view = runs::view(app, run).await?;
    if view.state == "running" {
        return Err(Refused::internal("the end of a run could not be recorded"));
    }
    // A step that was interrupted or cancelled did not do its work: `failed` is its status on this call.
    let status = if view.state == "succeeded" { "succeeded" } else { "failed" };
    Ok(ExecuteReply {
        session_id: session.to_string(),
        step_id: step.to_string(),
        status: status.to_owned(),
        run_id: run.0,
        output: view.output,
        error: view.error,
        artifacts: view.artifacts,
        duration_ms: view.duration_ms,
    })
}

fn shown(
    session: &SessionId,
    detail: StepDetail,
    row: Option<&StepRow>,
    approval: Option<&ApprovalRow>,
) -> StepDetailView {
    let step = detail.step;
    let (inputs, unresolved) = match detail.resolved {
        Ok(resolved) => (resolved, None),
        Err(unresolved) => (step.inputs, Some(format!("{}: {}", unresolved.reference, unresolved.reason))),
    };
    let covers = match detail.covers {
        Covers::Resolved => "resolved",
        Covers::Template => "template",
    };
    let gate = match detail.gate {
        Gate::NotNeeded => "not_needed",
        Gate::Recorded { .. } => "recorded",
        Gate::Stale => "stale",
        Gate::Missing => "missing",
    };
    StepDetailView {
        session_id: session.to_string(),
        plan_version: detail.version,
        id: step.id.to_string(),
        title: step.title,
        tool: step.tool,
        risk: step.risk.to_string(),
        status: detail.status.as_str().to_owned(),
        inputs,
        meta: json!(step.meta),
        timeout_sec: step.timeout_sec,
        digest: detail.digest.to_string(),
        covers: covers.to_owned(),
        unresolved,
        effect: plain(&step.effect),
        preconditions: step.preconditions,
        postconditions: step.postconditions,
        expected_observation: step.expected_observation,
        verify: json!(step.verify),
        r#box: json!(step.box_spec),
        tier: detail.tier.to_string(),
        files: json!(detail.files),
        gate: gate.to_owned(),
        diff: detail.diff,
        changed_since_preview: detail.changed_since_preview,
        remarks: json!(detail.remarks),
        approval: approval.map_or(serde_json::Value::Null, shown_approval),
        run_id: row.and_then(|row| row.run).map(|run| run.0),
    }
}

fn shown_approval(row: &ApprovalRow) -> serde_json::Value {
    json!({
        "decision": row.decision,
        "digest": row.digest,
        "decision_id": row.decision_id,
        "approved_by": row.approved_by,
        "principal": row.principal,
        "source": row.source,
        "reason": row.reason,
        "how": row.how,
        "assurance": row.assurance,
        "created_at": row.created_at,
    })
}
