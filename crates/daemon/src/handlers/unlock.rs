//! A PIN that was typed, and the key it gives.

use axum::extract::State;
use calt_api::views::{UnlockReply, UnlockRequest};

use super::{Decider, session_id};
use crate::app::App;
use crate::body::Json;
use crate::reply::{Refused, View};

/// `POST /unlock`.
pub(crate) async fn unlock(
    State(app): State<App>,
    Decider(by): Decider,
    Json(body): Json<UnlockRequest>,
) -> Result<View<UnlockReply>, Refused> {
    let plan = match (body.session_id, body.plan_version) {
        (Some(session), Some(version)) => Some((session_id(&session)?, version)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            let reason = "both name the plan to decide on; without both the key is for one act of administration";
            return Err(Refused::invalid("`session_id` and `plan_version`", reason));
        }
    };
    let by = by.claiming(body.source, body.user_id, body.message_id);
    let made = app.engine.unlock(by, body.pin, plan).await?;
    Ok(View(UnlockReply { unlock: made.key, expires_at: made.expires_at.to_string() }))
}
