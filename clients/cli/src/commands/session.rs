//! `calt session`: create, list, show, stop.

use std::io::IsTerminal as _;

use calt_api::endpoint;
use serde_json::{Value, json};

use super::list::{list, more};
use super::workspace;
use crate::arguments::SessionCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, Place};
use crate::table;
use crate::words::{self, daemon, label, t};

/// The least of a goal that it is known by.
const GOAL_COLUMNS_MIN: usize = 24;

const LIST: [(&str, &str); 5] = [
    (label!("SESSION"), "id"),
    (label!("STATUS"), "status"),
    (label!("PLAN"), "plan_version"),
    (label!("UPDATED"), "updated_at"),
    (label!("GOAL"), "goal"),
];

const FIELDS: &[(&str, &str)] = &[
    (label!("session"), "id"),
    (label!("status"), "status"),
    (label!("goal"), "goal"),
    (label!("mode"), "mode"),
    (label!("profile"), "safety_profile"),
    (label!("plan"), "plan_version"),
    (label!("ref"), "ref"),
    (label!("needs replan"), "needs_replan"),
    (label!("created"), "created_at"),
    (label!("updated"), "updated_at"),
];

pub(crate) async fn run(context: &Context, command: SessionCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        SessionCommand::Create { goal, dry_run, profile, ticket, workspace } => {
            let body = json!({
                "goal": goal,
                "mode": if dry_run { "dry_run" } else { "normal" },
                "safety_profile": profile.word(),
                "ref": ticket,
                "source": context.source(),
            });
            let made = workspace::create_session(context, &client, body, &workspace).await?;
            context.show(&made, |made| render::pairs(made, FIELDS))?;
            let session = render::word(&made["id"]);
            context.hint(&if context.may_decide() {
                format!("calt run PLAN --session {session}")
            } else {
                format!("calt plan import {session} PLAN")
            });
            Ok(())
        }
        SessionCommand::List { status, probes, page } => {
            let mut filter = Vec::new();
            filter.extend(status.as_deref().map(|status| ("status", status)));
            filter.extend(probes.then_some(("include", "probes")));
            let shown = list(context, &client, &endpoint::LIST_SESSIONS, &[], filter, &page).await?;
            context.show(&shown, |shown| listed(render::items(&shown["items"])))?;
            if render::items(&shown["items"]).is_empty() {
                context.talk(&t!("No sessions. Make one with: {command}\n", command = "calt run PLAN"));
            }
            more(context, &shown);
            Ok(())
        }
        SessionCommand::Show { session } => {
            let shown: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[&session], &[]).await?;
            context.show(&shown, |shown| {
                let mut text = render::pairs(shown, FIELDS);
                text.push_str(&workspace::copied(&shown["workspace"]));
                if let Some(workspace) = context.workspace(shown) {
                    text.push_str(&render::files_in(&workspace));
                }
                text
            })
        }
        SessionCommand::Diff { session, raw } => {
            let query = [("raw", "true"), ("source", context.source())];
            let diff: Value = if raw {
                context.fetch_released(&client, &endpoint::SESSION_DIFF, &[&session], &query).await?
            } else {
                context.fetch(&client, &endpoint::SESSION_DIFF, &[&session], &[]).await?
            };
            if context.json() {
                render::data(&diff)?;
            } else if std::io::stdout().is_terminal() {
                render::out(&render::diff(diff["diff"].as_str().unwrap_or_default(), Place::Data))?;
            } else {
                // A program takes the bytes as they are.
                render::out_bytes(diff["diff"].as_str().unwrap_or_default().as_bytes())?;
            }
            left_out(context, &diff);
            Ok(())
        }
        SessionCommand::Stop { session } => {
            let stopped: Value =
                client.send(&endpoint::STOP_SESSION, &[&session], &json!({"source": context.source()})).await?;
            context.show_said(&stopped, &t!("stopped for good: {session}\n", session = session))
        }
    }
}

/// Sessions, one a line: on a terminal the goal is cut where it ends, and where less room is left for it than it needs
/// to be known by, the other columns say no more than is needed to choose. An id stays whole, since it is copied.
fn listed(sessions: &[Value]) -> String {
    let Some(width) = table::terminal_columns().filter(|_| !sessions.is_empty()) else {
        return super::list::table(sessions, &LIST);
    };
    let whole: Vec<Vec<String>> = sessions.iter().map(|session| render::row(session, &LIST)).collect();
    if let Some(text) = table::cut_to(&LIST.map(|(title, _)| words::said(title, &[])), &whole, width, GOAL_COLUMNS_MIN)
    {
        return text;
    }
    let short = |session: &Value| {
        let waits = session["status"].as_str().is_some_and(|status| status.starts_with("awaiting_"));
        let status = if waits { t!("waits") } else { daemon::session_status(&session["status"]) };
        vec![render::word(&session["id"]), status, render::day(&session["updated_at"]), render::word(&session["goal"])]
    };
    let titles = [t!("SESSION"), t!("STATUS"), t!("UPDATED"), t!("GOAL")];
    let rows: Vec<Vec<String>> = sessions.iter().map(short).collect();
    table::cut_to(&titles, &rows, width, 1).unwrap_or_else(|| super::list::table(sessions, &LIST))
}

/// Says on the side what is not in a diff, or not as it is.
fn left_out(context: &Context, diff: &Value) {
    if render::items(&diff["files"]).is_empty() && render::items(&diff["changed_since"]).is_empty() {
        context.talk(&t!("Nothing was written.\n"));
    }
    for file in render::items(&diff["changed_since"]) {
        let (path, why) = (render::word(&file["path"]), render::word(&file["reason"]));
        context.talk(&t!("not in it: {path}: {why}\n", path = path, why = why));
    }
    if diff["masked"] == Value::Bool(true) {
        context.talk(&t!("Something is masked, so it applies nowhere; `--raw` gives every byte, and is recorded.\n"));
    }
}
