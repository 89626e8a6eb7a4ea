//! Plans: imported, checked, shown, decided.

use axum::extract::State;
use calt_api::views::{DecisionRequest, PlanCheckReply, PlanDecided, PlanProblemView, PlanView, StepView, StopRequest};
use calt_engine::core::decide::{Answer, Decided};
use calt_engine::core::event::How;
use calt_engine::core::plan::schema::json_schema;
use calt_engine::core::plan::{PlanProblem, PlannedStep};
use calt_engine::core::session::StepStatus;
use calt_engine::core::{Refusal, SessionId};
use calt_engine::store::{PlanRow, StepRow};
use calt_engine::{Asker, CheckReport, DecisionWords, Fault, PlanVerdict};
use serde_json::{Value, json};

use super::{At, By, Decider, Planner, digest, name, plan_version, read, session_id, timestamp, word};
use crate::app::App;
use crate::body::{Document, OptionalJson, Params};
use crate::handlers::Reader;
use crate::reply::{Refused, View};

/// Longest `decision_id`, in characters.
const DECISION_ID_CHARS_MAX: usize = 64;
/// Longest `locale`, in characters: the longest tag that RFC 5646 asks to be taken.
const LOCALE_CHARS_MAX: usize = 35;

/// `POST /sessions/{session}/plans/import`. The body is the plan, so claims stand in the query.
pub(crate) async fn import(
    State(app): State<App>,
    Planner(by): Planner,
    At(session): At<String>,
    Params(claim): Params<StopRequest>,
    Document(document): Document,
) -> Result<View<PlanView>, Refused> {
    let session = session_id(&session)?;
    let by = by.claiming(claim.source, claim.user_id, claim.message_id);
    let version = app.engine.import_plan(by, &session, &document).await?;
    view(&app, &session, version).await.map(View)
}

/// `POST /plans/check`.
pub(crate) async fn check(
    State(app): State<App>,
    _: Planner,
    Document(document): Document,
) -> Result<View<PlanCheckReply>, Refused> {
    checked(&app, None, &document).await.map(View)
}

/// `POST /sessions/{session}/plans/check`.
pub(crate) async fn check_in_session(
    State(app): State<App>,
    _: Planner,
    At(session): At<String>,
    Document(document): Document,
) -> Result<View<PlanCheckReply>, Refused> {
    checked(&app, Some(&session_id(&session)?), &document).await.map(View)
}

/// `GET /plans/schema`: for editors and agents.
pub(crate) async fn schema(State(app): State<App>, _: Reader) -> View<Value> {
    View(json_schema(app.engine.toolkit()))
}

/// `GET /sessions/{session}/plans/{version}`.
pub(crate) async fn show(
    State(app): State<App>,
    _: Reader,
    At((session, version)): At<(String, String)>,
) -> Result<View<PlanView>, Refused> {
    view(&app, &session_id(&session)?, plan_version(&version)).await.map(View)
}

/// `POST …/plans/{version}/approve`.
pub(crate) async fn approve(
    State(app): State<App>,
    Decider(by): Decider,
    At(place): At<(String, String)>,
    OptionalJson(body): OptionalJson<DecisionRequest>,
) -> Result<View<PlanDecided>, Refused> {
    decide(&app, by, place, PlanVerdict::Approve, body).await.map(View)
}

/// `POST …/plans/{version}/reject`.
pub(crate) async fn reject(
    State(app): State<App>,
    Decider(by): Decider,
    At(place): At<(String, String)>,
    OptionalJson(body): OptionalJson<DecisionRequest>,
) -> Result<View<PlanDecided>, Refused> {
    decide(&app, by, place, PlanVerdict::Reject, body).await.map(View)
}

async fn decide(
    app: &App,
    by: By,
    (session, version): (String, String),
    verdict: PlanVerdict,
    body: DecisionRequest,
) -> Result<PlanDecided, Refused> {
    let (session, version) = (session_id(&session)?, plan_version(&version));
    let (by, words) = words(by, body)?;
    let answer = app.engine.decide_plan(by, &session, version, verdict, words).await?;
    let approved = verdict == PlanVerdict::Approve;
    let (decision_id, _) = decided(answer)?;
    Ok(PlanDecided { session_id: session.to_string(), version, approved, decision_id })
}

/// Reads a decision's fields.
pub(super) fn words(by: By, body: DecisionRequest) -> Result<(Asker, DecisionWords), Refused> {
    let words = DecisionWords {
        digest: digest("`digest`", body.digest.as_deref())?,
        reason: body.reason,
        decision_id: name("`decision_id`", body.decision_id, DECISION_ID_CHARS_MAX)?,
        how: Some(word("`how`", body.how, How::Api, "prompt, button, flag, api")?),
        locale: name("`locale`", body.locale, LOCALE_CHARS_MAX)?,
        view_digest: digest("`view_digest`", body.view_digest.as_deref())?,
        view_cut: body.view_cut,
        shown_at: timestamp("`shown_at`", body.shown_at.as_deref())?,
    };
    Ok((by.unlocking(body.source, body.user_id.or(body.approved_by), body.message_id, body.unlock), words))
}

/// The decision's id in the engine's answer, and what was decided.
pub(super) fn decided(answer: Answer) -> Result<(String, Vec<Decided>), Refused> {
    match answer {
        Answer::Decided { decision_id, decided } => Ok((decision_id, decided)),
        other @ (Answer::SessionCreated { .. }
        | Answer::PlanImported { .. }
        | Answer::Started { .. }
        | Answer::RunEnded { .. }
        | Answer::Stopped { .. }
        | Answer::TokenCreated { .. }
        | Answer::Recorded) => Err(Refused::internal(&format!("a decision was answered with {other:?}"))),
    }
}

async fn view(app: &App, session: &SessionId, version: u32) -> Result<PlanView, Refused> {
    let id = session.clone();
    let (row, newest) = read(app, move |store| Ok((store.plan(&id, version)?, store.session(&id)?))).await?;
    let newest = newest.ok_or_else(|| super::session_missing(session.as_str()))?.plan_version;
    let missing = || Refusal::PlanNotFound { session: session.clone(), version };
    let (plan, steps) = row.ok_or_else(missing)?;
    Ok(shown(plan, steps, newest))
}

fn shown(plan: PlanRow, steps: Vec<StepRow>, newest: Option<u32>) -> PlanView {
    PlanView {
        session_id: plan.session_id.to_string(),
        version: plan.version,
        title: plan.title,
        digest: plan.digest.to_string(),
        session_goal: plan.session_goal,
        r#ref: plan.ticket,
        proposed_by: Some(plan.created_by),
        proposed_at: Some(plan.created_at.to_string()),
        approved: plan.status == "approved",
        superseded: newest.is_some_and(|newest| newest > plan.version),
        steps: steps.into_iter().map(shown_step).collect(),
    }
}

fn shown_step(row: StepRow) -> StepView {
    let mut payload = row.payload;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
    StepView {
        id: row.step.to_string(),
        title: row.title,
        tool: row.tool_name,
        risk: row.risk,
        status: row.status,
        timeout_sec: payload["timeout_sec"].as_u64().and_then(|seconds| seconds.try_into().ok()).unwrap_or_default(),
        digest: row.digest.map(|digest| digest.to_string()),
        effect: row.effect,
        preconditions: texts(&payload["preconditions"]),
        postconditions: texts(&payload["postconditions"]),
        expected_observation: text(&payload["expected_observation"]),
        inputs: payload["inputs"].take(),
        meta: payload["meta"].take(),
        verify: payload["verify"].take(),
        r#box: payload["box"].take(),
        remarks: payload["remarks"].take(),
        run_id: row.run.map(|run| run.0),
    }
}

async fn checked(app: &App, session: Option<&SessionId>, document: &str) -> Result<PlanCheckReply, Refused> {
    let tier = app.engine.tier().to_string();
    match app.engine.check_plan(session, document).await {
        Ok(report) => Ok(PlanCheckReply { tier, ..found(report) }),
        Err(Fault::Refused(Refusal::PlanInvalid { problems })) => {
            let problems = problems.into_iter().map(shown_problem).collect();
            Ok(PlanCheckReply { ok: false, problems, tier, missing: json!([]), ..PlanCheckReply::default() })
        }
        Err(fault) => Err(fault.into()),
    }
}

fn found(report: CheckReport) -> PlanCheckReply {
    let missing = report
        .missing
        .iter()
        .map(|(step, remark)| json!({"step": step, "code": remark.code, "message": remark.message}));
    PlanCheckReply {
        ok: true,
        version: Some(report.version),
        title: Some(report.title),
        session_goal: report.session_goal,
        digest: Some(report.digest.to_string()),
        missing: missing.collect(),
        steps: report.steps.into_iter().map(|checked| shown_draft(checked.step)).collect(),
        ..PlanCheckReply::default()
    }
}

fn shown_draft(step: PlannedStep) -> StepView {
    StepView {
        id: step.id.to_string(),
        title: step.title,
        tool: step.tool,
        risk: step.risk.to_string(),
        status: StepStatus::Pending.as_str().to_owned(),
        inputs: step.inputs,
        meta: json!(step.meta),
        timeout_sec: step.timeout_sec,
        digest: None,
        effect: plain(&step.effect),
        preconditions: step.preconditions,
        postconditions: step.postconditions,
        expected_observation: step.expected_observation,
        verify: json!(step.verify),
        r#box: json!(step.box_spec),
        remarks: json!(step.remarks),
        run_id: None,
    }
}

/// The word a closed enum has on the wire.
pub(super) fn plain(word: &impl serde::Serialize) -> String {
    serde_json::to_value(word).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn shown_problem(problem: PlanProblem) -> PlanProblemView {
    PlanProblemView {
        code: problem.code,
        pointer: problem.pointer,
        line: problem.line,
        column: problem.column,
        message: problem.message,
        fix: problem.fix,
    }
}
