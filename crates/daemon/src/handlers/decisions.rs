//! Many decisions at once.

use axum::extract::State;
use calt_api::views::{DecidedItem, DecisionItem, DecisionsReply, DecisionsRequest};
use calt_engine::core::SessionId;
use calt_engine::core::decide::{Item, Said};

use super::plans::{decided, words};
use super::{At, Decider, digest, session_id, step_id};
use crate::app::App;
use crate::body::Json;
use crate::reply::{Refused, View};

/// `POST /sessions/{session}/decisions`.
pub(crate) async fn decide(
    State(app): State<App>,
    Decider(by): Decider,
    At(session): At<String>,
    Json(body): Json<DecisionsRequest>,
) -> Result<View<DecisionsReply>, Refused> {
    let session = session_id(&session)?;
    let (decision, items, body) = body.into_list();
    let said = match decision.as_str() {
        "approve" => Said::Approve,
        "reject" => Said::Reject,
        "skip" => Said::Skip,
        _ => return Err(Refused::invalid("`decision`", "it is one of approve, reject, skip")),
    };
    let items = items.into_iter().enumerate().map(|(place, shown)| item(&session, place, shown));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let (by, words) = words(by, body)?;
    let (decision_id, decided) = decided(app.engine.decide_all(by, &session, (said, items), words).await?)?;
    let shown = decided.into_iter().map(|decided| DecidedItem {
        plan_version: decided.version,
        step_id: decided.step.map(|step| step.to_string()),
        decision: decision.clone(),
        depends_on: decided.depends_on.map(|step| step.to_string()),
    });
    Ok(View(DecisionsReply { session_id: session.to_string(), decision_id, items: shown.collect() }))
}

fn item(session: &SessionId, place: usize, shown: DecisionItem) -> Result<Item, Refused> {
    let what = format!("`items[{place}].digest`");
    let digest = digest(&what, Some(&shown.digest).filter(|text| !text.is_empty()).map(String::as_str))?;
    Ok(Item {
        version: shown.plan_version,
        step: shown.step_id.map(|step| step_id(session, &step)).transpose()?,
        digest: digest.ok_or_else(|| Refused::invalid(&what, "it is required: send the digest that was shown"))?,
    })
}
