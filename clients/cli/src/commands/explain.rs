//! `calt explain SESSION`: where it stands, why, and the exact next command.

use calt_api::endpoint;
use serde_json::{Value, json};

use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::look::{id, steps};
use crate::render::{self, Sheet};

pub(crate) async fn run(context: &Context, session: &str) -> Result<(), Fault> {
    let client = context.client().await?;
    let shown: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let plan: Value = match shown["plan_version"].as_u64() {
        Some(version) => context.fetch(&client, &endpoint::SHOW_PLAN, &[session, &version.to_string()], &[]).await?,
        None => Value::Null,
    };
    let query = [("q", ""), ("limit", "20")];
    let events: Value = context.fetch(&client, &endpoint::SEARCH_SESSION_EVENTS, &[session], &query).await?;
    let why = why(&shown, render::items(&events["items"]));
    let next = serde_json::from_value(shown["next"].clone()).ok().and_then(|next| hint::command(&next, Some(session)));
    let undo = way_back(&shown, render::items(&events["items"]));
    let answer = json!({"session": shown, "why": why, "next_command": next, "undo_command": undo});
    context.show(&answer, |_| {
        let mut sheet = Sheet::default();
        sheet.line(format_args!("{session}: {}", render::word(&shown["status"])));
        sheet.line(&why);
        let row = |step: &Value| {
            vec![format!("  {}", render::word(&step["status"])), id(step).to_owned(), render::word(&step["title"])]
        };
        sheet.add(&crate::table::rows(&steps(&plan).map(row).collect::<Vec<_>>()));
        sheet.line(next.as_ref().map_or_else(
            || "next: nothing; a stopped session stays stopped (`calt run PLAN` makes a new one)".to_owned(),
            |next| format!("next: {next}"),
        ));
        if let Some(undo) = &undo {
            sheet.line(format_args!("to take back what was written: {undo}"));
        }
        // The one step and the whole way: who came to decide wants to see it through.
        if shown["status"].as_str().is_some_and(|status| status.starts_with("awaiting_")) {
            sheet.line(format_args!("all of it: calt run --session {session}"));
        }
        if let Some(workspace) = context.workspace(&shown) {
            sheet.add(&render::files_in(&workspace));
        }
        sheet.done()
    })
}

/// The command that takes back what a failure or a stop left behind.
fn way_back(session: &Value, newest_first: &[Value]) -> Option<String> {
    let id = session["id"].as_str()?;
    match session["status"].as_str()? {
        "failed" => {
            let end = newest_first.iter().find(|event| !event["run_id"].is_null() && is_end(event))?;
            let payload: Value = serde_json::from_str(end["payload_text"].as_str()?).ok()?;
            hint::command(&serde_json::from_value(payload["next"].clone()).ok()?, Some(id))
        }
        "cancelled" => newest_first
            .iter()
            .any(|event| !render::items(&event["facts"]["applied"]).is_empty())
            .then(|| format!("calt undo {id}")),
        _ => None,
    }
}

fn is_end(event: &Value) -> bool {
    ["step_executed", "step_failed", "step_interrupted"].iter().any(|kind| event["event_type"] == **kind)
}

/// Why it stands there: the status in words, and the last thing that mattered.
fn why(session: &Value, newest_first: &[Value]) -> String {
    let last = |kinds: &[&str]| {
        newest_first.iter().find(|event| kinds.iter().any(|kind| event["event_type"] == **kind)).map(|event| {
            let reason = render::what_came_of(event).map(|reason| format!(": {reason}")).unwrap_or_default();
            // The daemon tells how a run ended; it decided nothing.
            let by = match render::word(&event["principal"]).as_str() {
                "daemon" => String::new(),
                somebody => format!(" by {somebody}"),
            };
            format!("{}{by}{reason}", render::word(&event["summary"]))
        })
    };
    match session["status"].as_str().unwrap_or_default() {
        "pending" => "It has no plan yet.".to_owned(),
        "awaiting_plan_approval" => "A plan was handed in, and nobody has decided on it yet.".to_owned(),
        "awaiting_step_approval" => "The plan is approved; the next step waits to be approved or executed.".to_owned(),
        "running" => "A step is running.".to_owned(),
        "succeeded" => "Every step succeeded or was left out.".to_owned(),
        "failed" => last(&["step_failed", "step_interrupted", "step_rejected", "plan_rejected"]).map_or_else(
            || "A step failed.".to_owned(),
            |why| format!("Because: {why}. Only a new plan version leads on."),
        ),
        "cancelled" => last(&["session_stopped"]).unwrap_or_else(|| "It was stopped.".to_owned()),
        other => other.to_owned(),
    }
}
