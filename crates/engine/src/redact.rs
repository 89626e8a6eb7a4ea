//! Letting the text of an event go.

use calt_core::decide::{Redaction, RosterAction};
use calt_core::{Action, EventId, Fact, Refusal};
use calt_store::EventRow;

use crate::engine::{Asker, Engine, Fault};

impl Engine {
    /// Redacts an event: recorded first, then cleared everywhere. Answers with the event as it was found.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, there is no such event, or its plan can still run.
    pub async fn redact(&self, by: Asker, event: EventId, reason: String) -> Result<EventRow, Fault> {
        let found = self.store().read(move |store| store.event(event)).await?;
        let row = found.ok_or(Refusal::EventNotFound { event: event.0 })?;
        let plan_version = if let Fact::PlanImported { version, .. } = row.fact()? { Some(version) } else { None };
        let reason = self.mask(Some(reason)).unwrap_or_default();
        let redaction = Redaction { event, plan_version, is_cleared: row.salt.is_none(), reason };
        if let Some(session) = &row.session {
            let _no_permit = self.submit(by, session, Action::RedactPayload(redaction), self.facts()).await?;
        } else {
            self.submit_roster_by(by, RosterAction::RedactPayload(redaction)).await?;
        }
        if let (Some(session), Some(_)) = (&row.session, plan_version) {
            self.forget_plan(session);
        }
        self.store().clear(event).await?;
        Ok(row)
    }
}
