//! What somebody should know about a plan before they decide on it: who proposed it, for what and on which files, and
//! why the version before it did not go on.

use calt_api::client::Client;
use calt_api::endpoint;
use calt_api::visible::visible_line;
use serde_json::{Value, json};

use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, Sheet};
use crate::words::t;

/// Most reasons that are looked up; the newest come first.
const REASONS_MAX: &str = "20";
/// The events that say why a plan does not go on.
const ENDS: [&str; 4] = ["plan_rejected", "step_rejected", "step_failed", "step_interrupted"];

/// Lines for the head of a plan.
pub(crate) async fn of(context: &Context, client: &Client, plan: &Value) -> Result<String, Fault> {
    let session = plan["session_id"].as_str().unwrap_or_default();
    let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let version = plan["version"].as_u64().unwrap_or_default();
    let before = if version > 1 { reasons(context, client, session, |of| of < version).await? } else { Vec::new() };
    Ok(lines(plan, &shown, before.first()))
}

fn lines(plan: &Value, session: &Value, before: Option<&Value>) -> String {
    let mut sheet = Sheet::default();
    // A daemon of an earlier calt does not say it.
    if let Some(by) = plan["proposed_by"].as_str() {
        let at = render::time(&plan["proposed_at"]);
        sheet.prose("", 2, &t!("proposed by: {by}, {at}", by = visible_line(by), at = at));
    }
    let goal = session["goal"].as_str().filter(|goal| !goal.is_empty());
    // A session that was made for the plan has its goal, or its title, from there.
    if let Some(goal) = goal.filter(|goal| plan["title"] != **goal && plan["session_goal"] != **goal) {
        sheet.prose("", 2, &t!("goal of the session: {goal}", goal = visible_line(goal)));
    }
    sheet.prose("", 2, &t!("works on: {workspace}", workspace = workspace(&session["workspace"])));
    if let Some(reason) = before {
        let (version, by, why) = (&reason["plan_version"], &reason["by"], &reason["reason"]);
        let (version, by, why) = (render::word(version), render::word(by), render::word(why));
        let step = reason["step_id"].as_str().map(visible_line).unwrap_or_default();
        let said = match reason["event_type"].as_str() {
            Some("plan_rejected") => {
                t!("before: {by} rejected plan v{version}: {why}", by = by, version = version, why = why)
            }
            Some("step_rejected") => t!(
                "before: {by} rejected step {step} of plan v{version}: {why}",
                by = by,
                step = step,
                version = version,
                why = why
            ),
            Some(_) | None => {
                t!("before: step {step} of plan v{version} failed: {why}", step = step, version = version, why = why)
            }
        };
        sheet.prose("", 2, &said);
    }
    sheet.done()
}

/// A session's workspace in words.
pub(crate) fn workspace(workspace: &Value) -> String {
    let name = workspace["name"].as_str().map(visible_line).unwrap_or_default();
    match workspace["kind"].as_str() {
        Some("snapshot") => t!("{name}, a copy of its repository", name = name),
        Some("attach") => t!("{name}, the directory itself", name = name),
        Some("of") => t!("the files of {session}", session = render::word(&workspace["session"])),
        Some(_) | None => t!("a directory of its own"),
    }
}

/// Why the plans of these versions do not go on, the newest reason first.
pub(crate) async fn reasons(
    context: &Context,
    client: &Client,
    session: &str,
    is_meant: impl Fn(u64) -> bool,
) -> Result<Vec<Value>, Fault> {
    let mut reasons = Vec::new();
    for event_type in ENDS {
        let query = [("q", ""), ("event_type", event_type), ("limit", REASONS_MAX)];
        let page: Value = context.fetch(client, &endpoint::SEARCH_SESSION_EVENTS, &[session], &query).await?;
        let meant = |event: &&Value| event["facts"]["version"].as_u64().is_some_and(&is_meant);
        reasons.extend(render::items(&page["items"]).iter().filter(meant).map(reason));
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason["event_id"].as_u64()));
    Ok(reasons)
}

/// Why a plan does not go on, as the event says it.
fn reason(event: &Value) -> Value {
    let payload: Value =
        event["payload_text"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    json!({
        "event_type": event["event_type"], "step_id": event["facts"]["step"], "by": event["principal"],
        "reason": payload["reason"].as_str().or_else(|| payload["error"].as_str()),
        "plan_version": event["facts"]["version"], "event_id": event["id"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_who_proposed_it_for_what_on_what_and_what_was_said_before() {
        let plan = json!({"version": 2, "title": "t", "proposed_by": "robot", "proposed_at": "2026-07-01T00:00:00Z"});
        let session = json!({"goal": "tidy up", "workspace": {"kind": "snapshot", "name": "web"}});
        let before = json!({"event_type": "step_rejected", "step_id": "a", "by": "ada", "reason": "not this",
            "plan_version": 1});
        let shown = lines(&plan, &session, Some(&before));
        assert!(shown.starts_with("proposed by: robot, 2026-"), "{shown}");
        let end = "goal of the session: tidy up\nworks on: web, a copy of its repository\n\
            before: ada rejected step a of plan v1: not this\n";
        assert!(shown.ends_with(end), "{shown}");
        let own = json!({"goal": "t", "workspace": {"kind": "own"}});
        assert_eq!(lines(&json!({"version": 1, "title": "t"}), &own, None), "works on: a directory of its own\n");
    }
}
