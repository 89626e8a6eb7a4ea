//! What a chat surface keeps here: its buttons, and whom it refused.

use axum::extract::State;
use calt_api::views::{
    ButtonSubject, ButtonView, ButtonsMade, ChatApprovers, MakeButtons, RefusalCounted, RefusedInChat,
};
use calt_engine::core::Refusal;
use calt_engine::core::policy::{self, Act};
use calt_engine::core::roster::Principal;
use serde_json::json;

use super::{At, By, SpeakingForPersons, digest, session_id, step_id, timestamp};
use crate::app::App;
use crate::body::Json;
use crate::reply::{ACCOUNT_DIGITS_MAX, Refused, View};

/// Most buttons made at once: five rows of five are what a message of Discord holds.
const BUTTONS_MAX: usize = 25;
/// Most things one button decides on: a plan and all its steps.
const ITEMS_MAX: usize = 1_001;
/// Longest action of a button, in characters.
const ACTION_CHARS_MAX: usize = 32;

/// `POST /buttons`.
pub(crate) async fn make_buttons(
    State(app): State<App>,
    SpeakingForPersons(By(relay)): SpeakingForPersons,
    Json(body): Json<MakeButtons>,
) -> Result<View<ButtonsMade>, Refused> {
    within("`buttons`", body.buttons.len(), BUTTONS_MAX, "buttons")?;
    let subjects = body.buttons.iter().map(|subject| {
        checked(subject)?;
        Ok(json!(subject).to_string())
    });
    let subjects = subjects.collect::<Result<Vec<_>, Refused>>()?;
    Ok(View(ButtonsMade { ids: app.engine.make_buttons(&relay, subjects).await? }))
}

/// `GET /buttons/{button}`.
pub(crate) async fn button(
    State(app): State<App>,
    SpeakingForPersons(By(relay)): SpeakingForPersons,
    At(id): At<String>,
) -> Result<View<ButtonView>, Refused> {
    let found = app.engine.button(&relay, &id).await?;
    let subject = serde_json::from_str(&found.subject).map_err(|fault| Refused::internal(&fault.to_string()))?;
    Ok(View(ButtonView { id: found.id, subject, created_at: found.created_at.to_string() }))
}

/// `POST /refusals`: counted, and written to the log with others of the same account.
pub(crate) async fn refused(
    State(app): State<App>,
    SpeakingForPersons(By(relay)): SpeakingForPersons,
    Json(body): Json<RefusedInChat>,
) -> Result<View<RefusalCounted>, Refused> {
    let account = body.user_id;
    let is_number = account.bytes().all(|byte| byte.is_ascii_digit());
    if account.is_empty() || account.len() > ACCOUNT_DIGITS_MAX || !is_number {
        return Err(Refused::invalid("`user_id`", "an account's id is 1 to 20 digits"));
    }
    app.refused.count_account("not_listed", Some(relay.principal), account.clone());
    Ok(View(RefusalCounted { user_id: account, counted: true }))
}

/// `GET /approvers`: whom it makes sense to call.
pub(crate) async fn approvers(State(app): State<App>, _: SpeakingForPersons) -> View<ChatApprovers> {
    let roster = app.engine.roster();
    let may_decide =
        |known: &&Principal| known.removed_at.is_none() && policy::allows(policy::relayed(known.role), Act::Decide);
    let mut user_ids: Vec<_> =
        roster.principals().filter(may_decide).filter_map(|known| known.discord.clone()).collect();
    user_ids.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    View(ChatApprovers { user_ids })
}

/// Only ids and digests go in, so that no text is kept where nothing masks it.
fn checked(subject: &ButtonSubject) -> Result<(), Refused> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if subject.action.is_empty() || subject.action.len() > ACTION_CHARS_MAX || !subject.action.bytes().all(fits) {
        return Err(Refused::invalid("`action`", "it is 1 to 32 of `a` to `z` and `_`"));
    }
    let session = session_id(&subject.session_id)?;
    within("`items`", subject.items.len(), ITEMS_MAX, "items")?;
    within("`left_out`", subject.left_out.len(), ITEMS_MAX, "items")?;
    for item in subject.items.iter().chain(&subject.left_out) {
        if let Some(step) = &item.step_id {
            step_id(&session, step)?;
        }
        digest("`digest`", Some(&item.digest))?;
    }
    digest("`view_digest`", subject.view_digest.as_deref())?;
    timestamp("`shown_at`", subject.shown_at.as_deref())?;
    Ok(())
}

fn within(what: &str, actual: usize, limit: usize, unit: &'static str) -> Result<(), Refused> {
    if actual <= limit {
        return Ok(());
    }
    let (actual, limit) = (actual as u64, limit as u64);
    Err(Refusal::LimitExceeded { what: what.to_owned(), actual, limit, unit }.into())
}
