//! `calt plan`: check, import, show, approve, reject.

use calt_api::client::{Body, CallError, Client};
use calt_api::endpoint;
use serde_json::Value;

use super::read_plan;
use crate::arguments::PlanCommand;
use crate::context::Context;
use crate::fault::{EXIT_USAGE, Fault};
use crate::render;

pub(crate) async fn run(context: &Context, command: PlanCommand) -> Result<(), Fault> {
    match command {
        PlanCommand::Check { plan } => {
            let text = read_plan(&plan)?;
            let client = context.client().await?;
            let checked = check_text(context, &client, &plan.display().to_string(), &text, None).await?;
            context.show(&checked, |checked| {
                let mut text = render::plan(checked);
                for missing in checked["missing"].as_array().map(Vec::as_slice).unwrap_or_default() {
                    text.push_str(&format!("\nmissing here: {}\n", render::word(&missing["message"])));
                }
                text.push_str(&format!(
                    "\nThe plan can be imported. Isolation here: {}.\n",
                    render::word(&checked["tier"])
                ));
                text
            })
        }
        PlanCommand::Import { session, plan } => {
            let text = read_plan(&plan)?;
            let client = context.client().await?;
            let imported = client.call::<Value>(&endpoint::IMPORT_PLAN, &[&session], &[], Body::Document(&text)).await;
            let imported = imported.map_err(|error| explained(error, &plan.display().to_string(), &text))?;
            context.show(&imported, |plan| {
                format!(
                    "{}\nhint: calt plan approve {session} {}\n",
                    render::plan(plan),
                    render::word(&plan["version"])
                )
            })
        }
        PlanCommand::Show { session, version } => {
            let client = context.client().await?;
            let plan = show(context, &client, &session, version).await?;
            context.show(&plan, render::plan)
        }
        PlanCommand::Approve { session, version } => {
            let client = context.client().await?;
            let plan = show(context, &client, &session, Some(version)).await?;
            let shown = render::plan(&plan);
            if !context.json() {
                eprint!("{shown}");
            }
            let body = context.decision("prompt", plan["digest"].as_str().map(str::to_owned), &shown);
            let decided: Value = client.send(&endpoint::APPROVE_PLAN, &[&session, &version.to_string()], &body).await?;
            context.show(&decided, |_| format!("plan v{version} of {session} approved\n"))
        }
        PlanCommand::Reject { session, version, reason } => {
            let client = context.client().await?;
            let plan = show(context, &client, &session, Some(version)).await?;
            let mut body = context.decision("prompt", plan["digest"].as_str().map(str::to_owned), &render::plan(&plan));
            body.reason = Some(reason);
            let decided: Value = client.send(&endpoint::REJECT_PLAN, &[&session, &version.to_string()], &body).await?;
            context.show(&decided, |_| format!("plan v{version} of {session} rejected\n"))
        }
    }
}

async fn show(context: &Context, client: &Client, session: &str, version: Option<u32>) -> Result<Value, Fault> {
    let version = match version {
        Some(version) => version.to_string(),
        None => {
            let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
            match shown["plan_version"].as_u64() {
                Some(version) => version.to_string(),
                None => {
                    return Err(Fault::Usage {
                        message: format!("session {session} has no plan yet"),
                        hint: Some(format!("calt plan import {session} PLAN")),
                    });
                }
            }
        }
    };
    Ok(context.fetch(client, &endpoint::SHOW_PLAN, &[session, &version], &[]).await?)
}

/// Checks a plan; its problems are printed with file, line and column.
pub(crate) async fn check_text(
    context: &Context,
    client: &Client,
    name: &str,
    text: &str,
    session: Option<&str>,
) -> Result<Value, Fault> {
    let checked = match session {
        Some(session) => {
            client.call::<Value>(&endpoint::CHECK_PLAN_IN_SESSION, &[session], &[], Body::Document(text)).await
        }
        None => client.call::<Value>(&endpoint::CHECK_PLAN, &[], &[], Body::Document(text)).await,
    };
    let checked = checked.map_err(|error| explained(error, name, text))?;
    let problems = checked["problems"].as_array().cloned().unwrap_or_default();
    if problems.is_empty() {
        return Ok(checked);
    }
    if context.json() {
        render::data(&checked);
    }
    eprint!("{}", render::plan_problems(name, text, &problems));
    Err(Fault::Quiet(EXIT_USAGE))
}

/// A refused plan, with each problem at its place.
pub(crate) fn explained(error: CallError, name: &str, text: &str) -> Fault {
    if let CallError::Problem(problem) = &error
        && problem.code == "plan_invalid"
        && let Some(problems) = problem.args["problems"].as_array()
    {
        eprint!("{}", render::plan_problems(name, text, problems));
        return Fault::Quiet(EXIT_USAGE);
    }
    error.into()
}
