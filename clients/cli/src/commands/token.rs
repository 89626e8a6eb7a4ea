//! `calt token`: create, list, revoke.

use calt_api::endpoint;
use serde_json::{Value, json};

use crate::arguments::TokenCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::table::broken;
use crate::words::{label, t};

/// The roles whose token a person may set for all that they type; every other is for one program.
const ROLES_OF_PERSONS: [&str; 2] = ["owner", "approver"];

pub(crate) async fn run(context: &Context, command: TokenCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        TokenCommand::Create { name, person, role, expires } => {
            let body = json!({"name": name, "person": person, "role": role, "expires_at": expires});
            let made = context.decide(&client, &endpoint::CREATE_TOKEN, &[], &body).await?;
            context.talk(&t!("This is the only time the token is shown:\n"));
            context.show(&made, |made| format!("{}\n", render::word(&made["token"])))?;
            hint(context, &made);
            Ok(())
        }
        TokenCommand::List => {
            let page: Value = context.fetch(&client, &endpoint::LIST_TOKENS, &[], &[]).await?;
            context.show(&page, |page| {
                render::table(
                    render::items(&page["items"]),
                    &[
                        (label!("TOKEN"), "id"),
                        (label!("PRINCIPAL"), "principal"),
                        (label!("ROLE"), "role"),
                        (label!("EXPIRES"), "expires_at"),
                        (label!("REVOKED"), "revoked_at"),
                    ],
                )
            })
        }
        TokenCommand::Revoke { public_name: token } => {
            context.decide(&client, &endpoint::REVOKE_TOKEN, &[&token], &json!({})).await?;
            context.show_said(&json!({"id": token, "revoked": true}), &t!("token {token} revoked\n", token = token))
        }
    }
}

/// Where the token belongs. In the owner's shell another one would speak for its principal, and the owner decide nothing.
fn hint(context: &Context, made: &Value) {
    let role = made["role"].as_str().unwrap_or_default();
    if ROLES_OF_PERSONS.contains(&role) {
        context.hint("export CALT_DAEMON_TOKEN=TOKEN");
        return;
    }
    let belongs = t!(
        "It belongs to the one program that it is for. Set it in no shell of yours: what is typed there would speak as {name}, which approves nothing.\n",
        name = render::word(&made["principal"])
    );
    context.talk(&broken(&belongs));
    context.hint("CALT_DAEMON_TOKEN=TOKEN PROGRAM");
}
