//! `calt session`: create, list, show, stop.

use calt_api::endpoint;
use serde_json::{Value, json};

use crate::arguments::SessionCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

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
        SessionCommand::Create { goal, dry_run, profile, ticket } => {
            let body = json!({
                "goal": goal,
                "mode": if dry_run { "dry_run" } else { "normal" },
                "safety_profile": profile.word(),
                "ref": ticket,
                "source": context.source(),
            });
            let made: Value = client.send(&endpoint::CREATE_SESSION, &[], &body).await?;
            context.show(&made, |made| {
                format!("{}hint: calt plan import {} PLAN\n", render::pairs(made, FIELDS), render::word(&made["id"]))
            })
        }
        SessionCommand::List { status } => {
            let query: Vec<(&str, &str)> = status.iter().map(|status| ("status", status.as_str())).collect();
            let page: Value = context.fetch(&client, &endpoint::LIST_SESSIONS, &[], &query).await?;
            context.show(&page, |page| {
                let items = page["items"].as_array().cloned().unwrap_or_default();
                if items.is_empty() {
                    return "No sessions yet. Make one with: calt run PLAN\n".to_owned();
                }
                render::table(
                    &items,
                    &[
                        ("SESSION", "id"),
                        ("STATUS", "status"),
                        ("PLAN", "plan_version"),
                        ("GOAL", "goal"),
                        ("UPDATED", "updated_at"),
                    ],
                )
            })
        }
        SessionCommand::Show { session } => {
            let shown: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[&session], &[]).await?;
            context.show(&shown, |shown| render::pairs(shown, FIELDS))
        }
        SessionCommand::Stop { session } => {
            let stopped: Value =
                client.send(&endpoint::STOP_SESSION, &[&session], &json!({"source": context.source()})).await?;
            context.show(&stopped, |_| format!("session {session} stopped; nothing more runs in it\n"))
        }
    }
}
