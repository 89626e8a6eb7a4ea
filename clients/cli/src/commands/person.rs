//! `calt person`: add, list, remove.

use calt_api::endpoint;
use serde_json::{Value, json};

use crate::arguments::PersonCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::words::{daemon, label, t};

pub(crate) async fn run(context: &Context, command: PersonCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        PersonCommand::Add { name, role, display, discord } => {
            let body = json!({"name": name, "role": role, "display": display, "discord": discord});
            let added = context.decide(&client, &endpoint::ADD_PERSON, &[], &body).await?;
            let said = |added: &Value| {
                t!(
                    "{role} {name} added\n",
                    role = daemon::kind("role", &added["role"]),
                    name = render::word(&added["name"])
                )
            };
            context.show(&added, said)?;
            context.hint(&format!("calt token create --for {name}"));
            Ok(())
        }
        PersonCommand::List => {
            let page: Value = context.fetch(&client, &endpoint::LIST_PERSONS, &[], &[]).await?;
            context.show(&page, |page| {
                render::table(
                    render::items(&page["items"]),
                    &[
                        (label!("NAME"), "name"),
                        (label!("KIND"), "kind"),
                        (label!("ROLE"), "role"),
                        (label!("DISPLAY"), "display"),
                        (label!("DISCORD"), "discord"),
                        (label!("TOKENS"), "tokens"),
                        (label!("PIN"), "pin"),
                        (label!("REMOVED"), "removed_at"),
                    ],
                )
            })
        }
        PersonCommand::Remove { name } => {
            let removed = context.decide(&client, &endpoint::REMOVE_PERSON, &[&name], &json!({})).await?;
            context.show_said(&removed, &t!("{name} removed; their tokens no longer open anything\n", name = name))
        }
    }
}
