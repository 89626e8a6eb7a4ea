//! `calt plan`: check, import, show, approve, reject.

use std::io::IsTerminal as _;
use std::path::Path;

use calt_api::client::{Body, CallError, Client};
use calt_api::endpoint;
use serde_json::{Value, json};

use super::decision::Asking;
use super::{PlanText, decision, read_plan};
use crate::about;
use crate::applies;
use crate::arguments::PlanCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::look::{self, Said};
use crate::render::{self, Sheet};
use crate::words::{daemon, t};

pub(crate) async fn run(context: &Context, command: PlanCommand) -> Result<(), Fault> {
    match command {
        PlanCommand::Check { plan } => {
            let text = read_plan(&plan)?;
            let client = context.client().await?;
            let checked = check_text(context, &client, &text, None).await?;
            context.show(&checked, shown_check)?;
            let refused = applies::refusals(render::items(&checked["steps"]));
            context.talk(&if refused.is_empty() {
                t!("\nThe plan can be imported.\n")
            } else {
                refused + &t!("The plan can be imported all the same; it is better mended first.\n")
            });
            Ok(())
        }
        PlanCommand::FromDiff { test, title } => {
            let diff = read_plan(Path::new("-"))?;
            let document = crate::diff::plan(&diff.text, title.as_deref(), &test)?;
            context.show(&json!({ "plan": document }), |_| document.clone())?;
            // In a pipe the next command stands behind it already.
            if std::io::stdout().is_terminal() {
                context.hint("git diff | calt plan from-diff | calt plan check -");
            }
            Ok(())
        }
        PlanCommand::Import { session, plan } => {
            let text = read_plan(&plan)?;
            let client = context.client().await?;
            let imported = import(context, &client, &session, &text).await?;
            context.show(&imported, render::plan)?;
            context.talk("\n");
            context.hint_to_go_on(&session);
            Ok(())
        }
        PlanCommand::Show { session, version } => {
            let client = context.client().await?;
            let plan = show(context, &client, &session, version).await?;
            let about = about::of(context, &client, &plan).await?;
            context.show(&plan, |plan| render::plan_of(plan, &about))
        }
        PlanCommand::Approve { session, version, with_steps: false, yes } => {
            approve(context, &session, version, yes).await
        }
        PlanCommand::Approve { session, version, with_steps: true, yes } => {
            approve_with_steps(context, &session, version, yes).await
        }
        PlanCommand::Reject { session, version, reason } => reject(context, &session, version, reason).await,
    }
}

/// The plan with all that a first look covers: its reads, previews and commands whose inputs are known.
async fn approve_with_steps(context: &Context, session: &str, version: Option<u32>, yes: bool) -> Result<(), Fault> {
    let client = context.client().await?;
    let plan = show(context, &client, session, version).await?;
    let version = number(&plan["version"]);
    let mut covered = Vec::new();
    for step in look::steps(&plan) {
        let detail: Value = context.fetch(&client, &endpoint::SHOW_STEP, &[session, look::id(step)], &[]).await?;
        if look::is_early(&detail) {
            covered.push(detail);
        }
    }
    let about = about::of(context, &client, &plan).await?;
    let refusals = applies::refusals(render::items(&plan["steps"]));
    let shown = format!("{}{refusals}{}", render::plan_of(&plan, &about), applies::isolation(&covered));
    let question = match covered.as_slice() {
        [] => t!("Approve plan v{version}? None of its steps can be approved with it.", version = version),
        some => t!(
            "Approve plan v{version}, and its steps that write nothing ({steps})?",
            version = version,
            steps = applies::ids(some)
        ),
    };
    let again = format!("calt plan approve {session} {version} --with-steps");
    let instead = format!("calt plan reject {session} {version} --reason WHY");
    let asking = Asking { question: &question, files: 0, again: &again, instead };
    let how = decision::consent_to((context, session), asking, &shown, yes).await?;
    let mut items = vec![look::item(version, None, &plan)];
    items.extend(covered.iter().map(|detail| look::item(version, Some(detail), detail)));
    let said = Said { decision: "approve", items, how, shown: &shown, reason: None };
    let decided = said.send(context, &client, session, None).await?;
    context.show(&decided, |_| {
        let mut text = t!("plan v{version} of {session} approved\n", version = version, session = session);
        for detail in &covered {
            text.push_str(&t!("step {step} of {session} approved\n", step = look::id(detail), session = session));
        }
        text
    })?;
    context.hint(&hint::go_on(session));
    Ok(())
}

fn number(version: &Value) -> u32 {
    version.as_u64().and_then(|version| u32::try_from(version).ok()).unwrap_or_default()
}

async fn approve(context: &Context, session: &str, version: Option<u32>, yes: bool) -> Result<(), Fault> {
    let client = context.client().await?;
    let plan = show(context, &client, session, version).await?;
    let version = number(&plan["version"]);
    let shown = render::plan_of(&plan, &about::of(context, &client, &plan).await?);
    let again = format!("calt plan approve {session} {version}");
    let question = t!("Approve plan v{version}?", version = version);
    let how = decision::consent((context, session), &shown, &question, yes, &again).await?;
    let body = context.decision(how, plan["digest"].as_str().map(str::to_owned), &shown);
    let decided =
        context.decide(&client, &endpoint::APPROVE_PLAN, &[session, &version.to_string()], &json!(body)).await?;
    context
        .show_said(&decided, &t!("plan v{version} of {session} approved\n", version = version, session = session))?;
    context.hint(&hint::go_on(session));
    Ok(())
}

async fn reject(context: &Context, session: &str, version: u32, reason: Option<String>) -> Result<(), Fault> {
    let client = context.client().await?;
    let plan = show(context, &client, session, Some(version)).await?;
    let shown = render::plan_of(&plan, &about::of(context, &client, &plan).await?);
    let again = format!("calt plan reject {session} {version}");
    let (how, reason) = decision::reason((context, session), &shown, reason, &again).await?;
    let mut body = context.decision(how, plan["digest"].as_str().map(str::to_owned), &shown);
    body.reason = Some(reason);
    let decided =
        context.decide(&client, &endpoint::REJECT_PLAN, &[session, &version.to_string()], &json!(body)).await?;
    context
        .show_said(&decided, &t!("plan v{version} of {session} rejected\n", version = version, session = session))?;
    context.hint(&format!("calt run PLAN --session {session}"));
    Ok(())
}

fn shown_check(checked: &Value) -> String {
    let mut sheet = Sheet::default();
    sheet.add(&render::plan(checked));
    for missing in render::items(&checked["missing"]) {
        sheet.say(t!("\nmissing here: {what}", what = daemon::remark(missing)));
    }
    sheet.say(t!("\nisolation here: {tier}", tier = render::word(&checked["tier"])));
    sheet.done()
}

async fn show(context: &Context, client: &Client, session: &str, version: Option<u32>) -> Result<Value, Fault> {
    let version = if let Some(version) = version {
        version.to_string()
    } else {
        let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
        let newest = shown["plan_version"].as_u64().ok_or_else(|| Fault::Usage {
            message: t!("session {session} has no plan yet", session = session),
            hint: Some(format!("calt plan import {session} PLAN")),
        })?;
        newest.to_string()
    };
    Ok(context.fetch(client, &endpoint::SHOW_PLAN, &[session, &version], &[]).await?)
}

/// Checks a plan; a plan with problems is a fault that shows each of them at its place.
pub(crate) async fn check_text(
    context: &Context,
    client: &Client,
    text: &PlanText,
    session: Option<&str>,
) -> Result<Value, Fault> {
    let document = Body::Document(&text.text);
    let checked = match session {
        Some(session) => client.call::<Value>(&endpoint::CHECK_PLAN_IN_SESSION, &[session], &[], document).await,
        None => client.call::<Value>(&endpoint::CHECK_PLAN, &[], &[], document).await,
    };
    let checked = checked.map_err(|error| explained(error, text))?;
    let problems = render::items(&checked["problems"]).to_vec();
    if problems.is_empty() {
        return Ok(checked);
    }
    let fault = Fault::Plan { name: text.name.clone(), text: text.text.clone(), problems };
    if !context.json() {
        return Err(fault);
    }
    render::data(&checked)?;
    Err(Fault::Printed(Box::new(fault)))
}

/// What a session that is made for a checked plan is for: as the plan puts it, else what it is called.
pub(super) fn goal(checked: &Value) -> &Value {
    let said = &checked["session_goal"];
    if said.as_str().is_some_and(|said| !said.trim().is_empty()) { said } else { &checked["title"] }
}

/// Hands a plan to a session.
pub(crate) async fn import(context: &Context, client: &Client, session: &str, text: &PlanText) -> Result<Value, Fault> {
    let (document, claim) = (Body::Document(&text.text), [("source", context.source())]);
    client.call(&endpoint::IMPORT_PLAN, &[session], &claim, document).await.map_err(|error| explained(error, text))
}

/// A refused plan, with each problem at its place.
fn explained(error: CallError, text: &PlanText) -> Fault {
    if let CallError::Problem(problem) = &error
        && problem.code == "plan_invalid"
    {
        let problems = render::items(&problem.args["problems"]).to_vec();
        return Fault::Plan { name: text.name.clone(), text: text.text.clone(), problems };
    }
    error.into()
}
