//! The inbox: what waits, since when, and who may end it.

use axum::extract::State;
use calt_api::Next;
use calt_api::views::{InboxItemView, InboxPage, PlanEndView};
use calt_engine::core::EventId;
use calt_engine::core::policy;
use calt_engine::core::principal::Role;
use calt_engine::core::session::WaitsFor;
use calt_engine::store::{InboxPlace, InboxRow};
use serde::Deserialize;
use serde_json::json;

use super::events::known_session;
use super::{Reader, cursor, page_size, read};
use crate::app::App;
use crate::body::Params;
use crate::reply::{Refused, View};

/// What the query of the inbox may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InboxQuery {
    session: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /inbox`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reader,
    Params(query): Params<InboxQuery>,
) -> Result<View<InboxPage>, Refused> {
    let session = match &query.session {
        Some(session) => Some(known_session(&app, session).await?),
        None => None,
    };
    let cursor = cursor(query.cursor.as_deref())?.map(EventId);
    let wanted = InboxPlace { session, limit: Some(page_size(query.limit)), cursor };
    let inbox = read(&app, move |store| store.inbox(&wanted)).await?;
    let next_cursor = inbox.rows.last().filter(|_| inbox.more).map(|row| row.since_event.to_string());
    let items = inbox.rows.into_iter().map(shown).collect();
    Ok(View(InboxPage { items, next_cursor, newest_event: inbox.newest_event.0 }))
}

/// An item of the inbox on the wire.
pub(crate) fn shown(row: InboxRow) -> InboxItemView {
    // The daemon speaks for nobody, so it is no answer to "who may".
    let may = |role: &&Role| **role != Role::Daemon && policy::allows(**role, row.waits_for.act());
    InboxItemView {
        roles: Role::ALL.iter().filter(may).map(ToString::to_string).collect(),
        next: Some(next(&row)),
        session_id: row.session_id.to_string(),
        waits_for: row.waits_for.as_str().to_owned(),
        since: row.since.to_string(),
        since_event: row.since_event.0,
        goal: row.goal,
        r#ref: row.ticket,
        workspace: json!(row.workspace),
        plan_version: row.plan_version,
        proposed_by: row.proposed_by,
        title: row.title,
        step_id: row.waits_for.step().map(ToString::to_string),
        step_title: row.step_title,
        risk: row.risk,
        pending_steps: row.pending_steps,
        ended: row.ended.map(|end| PlanEndView {
            event_type: end.event_type,
            by: end.by,
            step_id: end.step,
            reason: end.reason,
        }),
    }
}

fn next(row: &InboxRow) -> Next {
    let session = row.session_id.to_string();
    let version = row.plan_version.unwrap_or_default();
    match &row.waits_for {
        WaitsFor::PlanApproval => Next::ApprovePlan { session, version },
        WaitsFor::StepApproval(step) => Next::ApproveStep { session, step: step.to_string(), digest: None },
        WaitsFor::RiskConfirmation(step) => Next::ConfirmHighRisk { session, step: step.to_string() },
        WaitsFor::NewPlan => Next::ImportPlan { session, version: Some(version + 1) },
    }
}
