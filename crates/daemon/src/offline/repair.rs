//! `record rebuild`, `record rebuild-index` and `record accept-loss`.

use std::path::Path;

use calt_api::visible::visible_line;
use calt_engine::core::decide::RosterAction;
use calt_engine::store;
use serde_json::{Value, json};

use super::fault::OfflineFault;
use super::{Done, taken};
use crate::settings::Settings;

pub(super) fn rebuild(settings: &Settings) -> Result<Done, OfflineFault> {
    let _ground = taken(settings)?;
    let made = store::rebuild(&super::store(settings))?;
    let json = json!({
        "events": made.events, "sessions": made.sessions, "plans": made.plans, "steps": made.steps, "runs": made.runs,
        "artifacts": made.artifacts, "root": made.root.to_string(), "kept": kept(made.kept.as_deref()),
    });
    let mut text = format!(
        "made again from {} events: {} sessions, {} plans, {} steps, {} runs, {} artifacts\nroot {}\n",
        made.events, made.sessions, made.plans, made.steps, made.runs, made.artifacts, made.root
    );
    text.push_str(&kept_words(made.kept.as_deref()));
    Ok(Done { json, text, found: false })
}

pub(super) fn rebuild_index(settings: &Settings) -> Result<Done, OfflineFault> {
    let _ground = taken(settings)?;
    let made = store::rebuild_index(&super::store(settings))?;
    let mut text = format!("the search index was made again from {} events\n", made.events);
    text.push_str(&kept_words(made.kept.as_deref()));
    Ok(Done { json: json!({"events": made.events, "kept": kept(made.kept.as_deref())}), text, found: false })
}

/// Where a damaged database is kept, when there was one.
fn kept(path: Option<&Path>) -> Value {
    path.map_or(Value::Null, |path| json!(path.display().to_string()))
}

fn kept_words(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| {
        let path = path.display().to_string();
        format!(
            "the database had damaged pages: a new one was made of its events, the old one is kept as {}\n",
            visible_line(&path)
        )
    })
}

pub(super) fn accept_loss(settings: &Settings) -> Result<Done, OfflineFault> {
    let _ground = taken(settings)?;
    let place = super::store(settings);
    let accepted = store::accept_loss(&place)?;
    if accepted.missing_events > 0 {
        let (events, root) = (accepted.head.last_id as u64, accepted.head.root);
        super::record(&place, RosterAction::AcceptLoss { events, missing: accepted.missing_events, root })?;
    }
    let json = json!({
        "events": accepted.head.last_id, "missing_events": accepted.missing_events,
        "root": accepted.head.root.to_string(),
    });
    let text = if accepted.missing_events == 0 {
        format!("no event is missing: the log holds {} events\n", accepted.head.last_id)
    } else {
        format!(
            "the log goes on from {} events; {} that were acknowledged are lost\nroot {}\n",
            accepted.head.last_id, accepted.missing_events, accepted.head.root
        )
    };
    Ok(Done { json, text, found: false })
}
