//! Sessions: made, listed, shown, stopped.

use axum::extract::State;
use calt_api::problem::next_of;
use calt_api::views::{
    CreateSession, LeftAloneView, Page, SessionView, StopRequest, Stopped, TakenBackView, UndoReply, UndoRequest,
};
use calt_engine::core::event::{Mode, Profile};
use calt_engine::core::policy::{self, Act};
use calt_engine::core::principal::Role;
use calt_engine::core::session::SessionStatus;
use calt_engine::core::undo::{LeftAlone, TakenBack};
use calt_engine::core::{EventId, RunId, SessionId};
use calt_engine::store::{SessionList, SessionRow};
use calt_engine::{NewSession, WorkspaceDetail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{At, By, Maker, Planner, Reader, Stopper, cursor, page_size, read, session_id, session_missing, word};
use crate::app::App;
use crate::body::{OptionalJson, Params};
use crate::reply::{Refused, View};

/// What `include` says to have the sessions that `calt doctor` made among the others.
const INCLUDE_PROBES: &str = "probes";

/// What the query of the list of sessions may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SessionsQuery {
    status: Option<String>,
    include: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `POST /sessions`.
pub(crate) async fn create(
    State(app): State<App>,
    Maker(by): Maker,
    OptionalJson(body): OptionalJson<CreateSession>,
) -> Result<View<SessionView>, Refused> {
    let request = NewSession {
        goal: body.goal,
        mode: word("`mode`", body.mode, Mode::Normal, "normal, dry_run")?,
        profile: word("`safety_profile`", body.safety_profile, Profile::Strict, "strict, dev")?,
        workspace: body.workspace,
        uncommitted: body.uncommitted,
        ticket: body.r#ref,
        origin: body.origin,
    };
    let role = by.0.role;
    let by = by.claiming(body.source, body.user_id, body.message_id);
    let made = app.engine.create_session(by, request).await?;
    view(&app, &made, role).await.map(View)
}

/// `GET /sessions`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reader,
    Params(query): Params<SessionsQuery>,
) -> Result<View<Page<SessionView>>, Refused> {
    if query.status.as_deref().is_some_and(|status| SessionStatus::ALL.iter().all(|known| known.as_str() != status)) {
        return Err(Refused::invalid("`status`", "it is not a status of a session"));
    }
    let probes = match query.include.as_deref() {
        None => false,
        Some(INCLUDE_PROBES) => true,
        Some(_) => return Err(Refused::invalid("`include`", "it is `probes` or left out")),
    };
    let limit = page_size(query.limit);
    let cursor = cursor(query.cursor.as_deref())?.map(EventId);
    let wanted = SessionList { status: query.status, probes, limit: Some(limit), cursor };
    let (rows, more) = read(&app, move |store| {
        let rows = store.sessions(&wanted)?;
        let last = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.created_event);
        let after = last.map(|cursor| SessionList { limit: Some(1), cursor: Some(cursor), ..wanted });
        let more = after.map(|after| store.sessions(&after)).transpose()?.is_some_and(|rest| !rest.is_empty());
        Ok((rows, more))
    })
    .await?;
    let next_cursor = rows.last().filter(|_| more).map(|row| row.created_event.to_string());
    Ok(View(Page { items: rows.into_iter().map(shown).collect(), next_cursor }))
}

/// `GET /sessions/{session}`.
pub(crate) async fn show(
    State(app): State<App>,
    _: Reader,
    By(caller): By,
    At(session): At<String>,
) -> Result<View<SessionView>, Refused> {
    view(&app, &session_id(&session)?, caller.role).await.map(View)
}

/// `POST /sessions/{session}/stop`.
pub(crate) async fn stop(
    State(app): State<App>,
    Stopper(by): Stopper,
    At(session): At<String>,
    OptionalJson(body): OptionalJson<StopRequest>,
) -> Result<View<Stopped>, Refused> {
    let session = session_id(&session)?;
    app.engine.stop(by.claiming(body.source, body.user_id, body.message_id), &session).await?;
    let status = SessionStatus::Cancelled.as_str().to_owned();
    Ok(View(Stopped { session_id: session.to_string(), status }))
}

/// `POST /sessions/{session}/undo`. It names a session and a run, and no path.
pub(crate) async fn undo(
    State(app): State<App>,
    Planner(by): Planner,
    At(session): At<String>,
    OptionalJson(body): OptionalJson<UndoRequest>,
) -> Result<View<UndoReply>, Refused> {
    let session = session_id(&session)?;
    let by = by.claiming(body.source, body.user_id, body.message_id);
    let plan = app.engine.undo(by, &session, body.run_id.map(RunId)).await?;
    let state = app.engine.store().session_state(&plan.session).await?;
    Ok(View(UndoReply {
        session_id: plan.session.to_string(),
        is_new_session: plan.is_new_session,
        version: plan.version,
        title: plan.title,
        taken_back: plan.taken.into_iter().map(taken_back).collect(),
        left_alone: plan.left_alone.into_iter().map(left_alone).collect(),
        next: state.and_then(|state| next_of(&state)),
    }))
}

fn taken_back(file: TakenBack) -> TakenBackView {
    let action = match (&file.from, &file.becomes) {
        (Some(_), _) => "rename",
        (None, Some(_)) => "restore",
        (None, None) => "delete",
    };
    TakenBackView { path: file.path, from: file.from, action: action.to_owned(), run_id: file.run.0 }
}

pub(super) fn left_alone(file: LeftAlone) -> LeftAloneView {
    LeftAloneView { path: file.path, reason: file.reason }
}

async fn view(app: &App, session: &SessionId, role: Role) -> Result<SessionView, Refused> {
    let id = session.clone();
    let row = read(app, move |store| store.session(&id)).await?;
    let row = row.ok_or_else(|| session_missing(session.as_str()))?;
    let state = app.engine.store().session_state(session).await?;
    let view = SessionView { next: state.and_then(|state| next_of(&state)), ..shown(row) };
    let detail = app.engine.workspace_detail(session).await?;
    Ok(SessionView { workspace: detailed(view.workspace, detail, role), ..view })
}

/// The workspace with what only one session says of it. Where it lies is told to those who may approve.
fn detailed(mut workspace: Value, detail: WorkspaceDetail, role: Role) -> Value {
    if let Some(path) = detail.path.filter(|_| policy::allows(role, Act::Decide)) {
        workspace["path"] = json!(path);
    }
    if let Some(copied) = detail.copied {
        let is_snapshot = workspace["kind"] == "snapshot";
        for (name, value) in [
            ("entries", json!(copied.entries)),
            ("bytes", json!(copied.bytes)),
            ("left_out", json!(copied.left_out)),
            ("left_out_count", json!(copied.left_out_count)),
            ("uncommitted", json!(copied.uncommitted)),
            ("uncommitted_count", json!(copied.uncommitted_count)),
            ("lfs_pointers", json!(copied.lfs_pointers)),
        ] {
            // A session that goes on in a snapshot of another says whose it is, and that one the rest.
            if is_snapshot {
                workspace[name] = value;
            }
        }
    }
    workspace
}

/// What a list says of a session. What would lead on costs a look at its events, so only one session says it.
fn shown(row: SessionRow) -> SessionView {
    SessionView {
        id: row.id.to_string(),
        goal: row.goal,
        mode: row.mode,
        safety_profile: row.safety_profile,
        status: row.status,
        plan_version: row.plan_version,
        workspace: json!(row.workspace),
        r#ref: row.ticket,
        origin: row.origin,
        needs_replan: row.needs_replan,
        next: None,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}
