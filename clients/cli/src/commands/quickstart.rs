//! `calt quickstart`: a small plan, one refusal, then the way it is meant, each explained in a line.

use std::path::Path;

use calt_api::client::{CallError, Client};
use calt_api::endpoint;
use serde_json::{Value, json};

use super::run::{consent, go_on};
use super::{PlanText, is_standard_input, read_plan};
use crate::ask::StandardInput;
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::look::{id, steps};
use crate::render::{self, Sheet};
use crate::table::rows;
use crate::words::t;

/// The plan, with titles in the person's language.
fn plan() -> String {
    let quoted = |title: String| json!(title).to_string();
    format!(
        "\
title: {}
session_goal: {}
steps:
  - id: preview
    title: {}
    tool: write_file_preview
    inputs: {{path: hello.txt, content: \"Hello from calt.\\n\"}}
  - id: apply
    title: {}
    tool: write_file_apply
    inputs: {{path: hello.txt, content: \"Hello from calt.\\n\", preview: \"${{steps.preview.output}}\"}}
  - id: read
    title: {}
    tool: read_file
    inputs: {{path: hello.txt}}
",
        quoted(t!("Quickstart: one file, seen before it is written")),
        quoted(t!("Try calt")),
        quoted(t!("Show what would be written")),
        quoted(t!("Write exactly that")),
        quoted(t!("Read it back")),
    )
}

pub(crate) async fn run(context: &Context, plan: Option<&Path>, yes: bool) -> Result<(), Fault> {
    let text = match plan {
        Some(path) => read_plan(path)?,
        None => PlanText { name: "quickstart.yaml".to_owned(), text: self::plan() },
    };
    let client = context.client().await?;
    super::plan::check_text(context, &client, &text, None).await?;
    let body = json!({"goal": t!("Try calt"), "source": context.source()});
    let made: Value = client.send(&endpoint::CREATE_SESSION, &[], &body).await?;
    let session = made["id"].as_str().unwrap_or_default().to_owned();
    context.talk(&t!(
        "1. A session is made: one goal, one empty workspace, one log.\n   {session}\n\n",
        session = session
    ));
    let imported = super::plan::import(context, &client, &session, &text).await?;
    let version = render::word(&imported["version"]);
    let shown: Value = context.fetch(&client, &endpoint::SHOW_PLAN, &[&session, &version], &[]).await?;
    context.talk(&explained(&shown));
    let first = imported["steps"][0]["id"].as_str().unwrap_or_default();
    refused(context, &client, &session, first).await?;
    context.talk(&t!("4. The way it is meant: you see everything, you say yes, it runs.\n\n"));
    let is_piped = plan.is_some_and(is_standard_input);
    let input = if is_piped { StandardInput::HoldsThePlan } else { StandardInput::Free };
    go_on(context, session.clone(), consent(yes, false, input)).await?;
    context.talk(&format!("\n{}", next(&session)));
    Ok(())
}

/// The steps, and what each tool does, in a line.
fn explained(plan: &Value) -> String {
    let mut sheet = Sheet::default();
    sheet.prose("", 3, &t!("2. A plan is handed in: steps in order, each one use of one tool."));
    let row = |step: &Value| vec![format!("   {}", id(step)), what(step)];
    sheet.add(&rows(&steps(plan).map(row).collect::<Vec<_>>()));
    sheet.line("");
    sheet.done()
}

/// What a step does, for somebody who has seen none.
fn what(step: &Value) -> String {
    match step["effect"].as_str() {
        Some("reads") => t!("reads, and changes nothing"),
        Some("previews") => t!("shows what would be written, records it, and writes nothing"),
        Some("writes") => t!("writes exactly what was previewed, or refuses"),
        Some("spawns") => t!("runs a command in a box, without a network"),
        Some(_) | None => t!("is one use of one tool"),
    }
}

/// Executes a step nobody has approved, and shows what calt says.
async fn refused(context: &Context, client: &Client, session: &str, step: &str) -> Result<(), Fault> {
    context.talk(&t!("3. A refusal. Nobody has approved the plan, and its first step is executed:\n\n"));
    context.talk_as_it_is(&format!("$ {}\n", hint::here(&format!("calt step execute {session} {step}"))));
    match client.send::<Value>(&endpoint::EXECUTE_STEP, &[session, step], &json!({})).await {
        Err(CallError::Problem(problem)) => context.talk_as_it_is(&Fault::Problem(problem).render()),
        Err(error @ CallError::Unexpected(_)) => return Err(error.into()),
        Ok(_) => return Err(Fault::Bug(t!("a step ran without an approval"))),
    }
    context.talk(&t!("\nNothing ran. Each refusal names the command that leads on.\n\n"));
    Ok(())
}

/// What to try after it.
fn next(session: &str) -> String {
    let row = |(what, command): (String, String)| vec![format!("  {what}"), hint::here(&command)];
    let ways = [
        (t!("What happened"), format!("calt explain {session}")),
        (t!("Take the file back"), format!("calt undo {session}")),
        (t!("A plan of your own"), "calt wizard run".to_owned()),
        (t!("On one screen"), "calt guide".to_owned()),
    ];
    let mut sheet = Sheet::default();
    sheet.say(t!("What to try next"));
    sheet.add(&rows(&ways.map(row)));
    sheet.done()
}
