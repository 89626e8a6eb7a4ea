//! How a session stands, and what a card should ask of it now.

use calt_api::client::CallError;
use calt_api::views::{InboxItemView, PlanView, SessionView};

use crate::bot::Bot;
use crate::state::{Card, Kind};

/// How a session stands.
pub(crate) struct Standing {
    pub(crate) session: SessionView,
    pub(crate) plan: Option<PlanView>,
    pub(crate) waits: Option<InboxItemView>,
}

/// What should be asked now.
pub(crate) struct Wanted {
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) version: u32,
    pub(crate) step: Option<String>,
}

impl Standing {
    pub(crate) async fn of(bot: &Bot, id: &str) -> Result<Self, CallError> {
        let session = bot.daemon.session(id).await?;
        let plan = match session.plan_version {
            Some(version) => Some(bot.daemon.plan(id, version).await?),
            None => None,
        };
        let waits = bot.daemon.waiting(id).await?;
        Ok(Self { session, plan, waits })
    }

    /// What a card should ask now.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        let waits = self.waits.as_ref()?;
        let version = waits.plan_version?;
        let kind = match waits.waits_for.as_str() {
            "plan_approval" => Kind::Plan,
            "step_approval" if waits.risk.as_deref() == Some("high") => Kind::Step,
            "step_approval" => Kind::Steps,
            "risk_confirmation" => Kind::Risk,
            "new_plan" => Kind::Failure,
            _ => return None,
        };
        let step = waits.step_id.clone();
        let key = format!("{}/{kind:?}/{version}/{}", waits.session_id, step.as_deref().unwrap_or_default());
        Some(Wanted { key, kind, version, step })
    }
}

impl Wanted {
    /// Whether a card, posted or shown on demand, asks just this.
    pub(crate) fn asks_the_same(&self, card: &Card) -> bool {
        let same_step = match card.kind {
            Kind::Steps => self.step.as_ref().is_some_and(|step| card.steps.contains(step)),
            Kind::Step | Kind::Risk => self.step == card.step && self.step.is_some(),
            Kind::Plan | Kind::Failure => true,
        };
        let same_kind = card.kind == self.kind
            || matches!((card.kind, self.kind), (Kind::Step, Kind::Steps) | (Kind::Steps, Kind::Step));
        same_kind && card.version == self.version && same_step
    }

    /// After a no by a person nobody has to hurry: whoever proposed hands in another plan.
    pub(crate) fn is_by_request(&self, standing: &Standing) -> bool {
        let steps = standing.plan.iter().flat_map(|plan| &plan.steps);
        self.kind == Kind::Failure && !steps.into_iter().any(|step| step.status == "failed")
    }
}
