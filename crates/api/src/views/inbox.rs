//! What the daemon says waits for somebody.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::next::Next;

/// Something that waits for somebody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct InboxItemView {
    /// The session.
    pub session_id: String,
    /// `plan_approval`, `step_approval`, `risk_confirmation`, `new_plan`.
    pub waits_for: String,
    /// Since when, RFC 3339, UTC: the time of the event that made it wait.
    pub since: String,
    /// That event's id.
    pub since_event: i64,
    /// The roles that may end the waiting.
    pub roles: Vec<String>,
    /// What the session is for.
    pub goal: Option<String>,
    /// The ticket it belongs to.
    pub r#ref: Option<String>,
    /// The workspace: its kind, and its name if it has one.
    pub workspace: Value,
    /// The newest plan's version.
    pub plan_version: Option<u32>,
    /// The newest plan's title.
    pub title: Option<String>,
    /// Who proposed the newest plan.
    pub proposed_by: Option<String>,
    /// The step it waits at.
    pub step_id: Option<String>,
    /// That step's title.
    pub step_title: Option<String>,
    /// That step's risk: `low`, `medium`, `high`.
    pub risk: Option<String>,
    /// Steps of the newest plan nobody has decided on.
    pub pending_steps: u32,
    /// Why the plan does not go on, where a new one is waited for.
    pub ended: Option<PlanEndView>,
    /// What would lead on.
    pub next: Option<Next>,
}

/// What ended a plan before its last step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PlanEndView {
    /// `plan_rejected`, `step_rejected`, `step_failed`, `step_interrupted`.
    pub event_type: String,
    /// Who caused the event: a person who said no, or who executed the step.
    pub by: String,
    /// The step; `null` where the plan itself was rejected.
    pub step_id: Option<String>,
    /// The reason of the no, or the error of the run; `null` where its text was let go.
    pub reason: Option<String>,
}

/// A page of what waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct InboxPage {
    /// The items, oldest first.
    pub items: Vec<InboxItemView>,
    /// What `cursor` gives the next page; `null` at the end.
    pub next_cursor: Option<String>,
    /// The newest event when this was read: `GET /events` goes on after it.
    pub newest_event: i64,
}
