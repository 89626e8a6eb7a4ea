//! What the buttons of a chat stand for: made for one relay, and found by that relay alone.

use calt_core::Refusal;
use calt_core::principal::Caller;
use calt_store::{Button, Store};

use crate::chance;
use crate::clock;
use crate::engine::{Engine, Fault};

impl Engine {
    /// Keeps buttons and gives their opaque ids, in the same order.
    ///
    /// # Errors
    /// [`Fault`] when none was kept.
    pub async fn make_buttons(&self, relay: &Caller, subjects: Vec<String>) -> Result<Vec<String>, Fault> {
        let created_at = clock::now();
        let button = |subject| {
            let id = chance::button_id().map_err(|error| Fault::Internal(format!("no chance to be had: {error}")))?;
            Ok(Button { id, relay: relay.principal.clone(), subject, created_at })
        };
        let buttons = subjects.into_iter().map(button).collect::<Result<Vec<_>, Fault>>()?;
        let ids = buttons.iter().map(|button| button.id.clone()).collect();
        self.store().keep_buttons(buttons).await?;
        Ok(ids)
    }

    /// Finds a button of this relay.
    ///
    /// # Errors
    /// [`Refusal::ButtonNotFound`] when it made none of this id.
    pub async fn button(&self, relay: &Caller, id: &str) -> Result<Button, Fault> {
        let (relay, wanted) = (relay.principal.clone(), id.to_owned());
        let found = self.store().read(move |store: &Store| store.button(&relay, &wanted)).await?;
        found.ok_or_else(|| Refusal::ButtonNotFound { button: id.to_owned() }.into())
    }
}
