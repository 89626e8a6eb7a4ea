//! `calt session`: create, list, show, stop.

use calt_api::endpoint;
use serde_json::{Value, json};

use super::list::{list, more, table};
use super::workspace;
use crate::arguments::SessionCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

const LIST: &[(&str, &str)] =
    &[("SESSION", "id"), ("STATUS", "status"), ("PLAN", "plan_version"), ("UPDATED", "updated_at"), ("GOAL", "goal")];

const FIELDS: &[(&str, &str)] = &[
    ("session", "id"),
    ("status", "status"),
    ("goal", "goal"),
    ("mode", "mode"),
    ("profile", "safety_profile"),
    ("plan", "plan_version"),
    ("ref", "ref"),
    ("needs replan", "needs_replan"),
    ("created", "created_at"),
    ("updated", "updated_at"),
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
            context.talk(&format!("hint: calt run PLAN --session {}\n", render::word(&made["id"])));
            Ok(())
        }
        SessionCommand::List { status, page } => {
            let mut filter = Vec::new();
            filter.extend(status.as_deref().map(|status| ("status", status)));
            let shown = list(context, &client, &endpoint::LIST_SESSIONS, &[], filter, &page).await?;
            context.show(&shown, |shown| table(render::items(&shown["items"]), LIST))?;
            if render::items(&shown["items"]).is_empty() {
                context.talk("No sessions. Make one with: calt run PLAN\n");
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
        SessionCommand::Stop { session } => {
            let stopped: Value =
                client.send(&endpoint::STOP_SESSION, &[&session], &json!({"source": context.source()})).await?;
            context.show(&stopped, |_| format!("stopped for good: {session}\n"))
        }
    }
}
