//! `calt quickstart`: a small plan of its own, with one refusal shown first.

use std::path::Path;

use calt_api::client::CallError;
use calt_api::endpoint;
use serde_json::{Value, json};

use super::run::{consent, go_on};
use super::{PlanText, is_standard_input, read_plan};
use crate::ask::StandardInput;
use crate::context::Context;
use crate::fault::Fault;

const PLAN: &str = "\
title: \"Quickstart: one file, seen before it is written\"
session_goal: \"Try calt\"
steps:
  - id: preview
    title: \"Show what would be written\"
    tool: write_file_preview
    inputs: {path: hello.txt, content: \"Hello from calt.\\n\"}
  - id: apply
    title: \"Write exactly that\"
    tool: write_file_apply
    inputs: {path: hello.txt, content: \"Hello from calt.\\n\", preview: \"${steps.preview.output}\"}
  - id: read
    title: \"Read it back\"
    tool: read_file
    inputs: {path: hello.txt}
";

pub(crate) async fn run(context: &Context, plan: Option<&Path>, yes: bool) -> Result<(), Fault> {
    let text = match plan {
        Some(path) => read_plan(path)?,
        None => PlanText { name: "quickstart.yaml".to_owned(), text: PLAN.to_owned() },
    };
    let client = context.client().await?;
    super::plan::check_text(context, &client, &text, None).await?;
    let body = json!({"goal": "Try calt", "source": context.source()});
    let made: Value = client.send(&endpoint::CREATE_SESSION, &[], &body).await?;
    let session = made["id"].as_str().unwrap_or_default().to_owned();
    let imported = super::plan::import(&client, &session, &text).await?;
    let first = imported["steps"][0]["id"].as_str().unwrap_or_default().to_owned();
    context
        .talk("First, one refusal. The plan is imported, nobody has approved it, and its first step is executed:\n\n");
    context.talk(&format!("$ calt step execute {session} {first}\n"));
    match client.send::<Value>(&endpoint::EXECUTE_STEP, &[&session, &first], &json!({})).await {
        Err(CallError::Problem(problem)) => context.talk(&Fault::Problem(problem).render()),
        Err(error @ CallError::Unexpected(_)) => return Err(error.into()),
        Ok(_) => return Err(Fault::Bug("a step ran without an approval".to_owned())),
    }
    context.talk("\nNow the way it is meant: you see it, you say yes, it runs.\n\n");
    let is_piped = plan.is_some_and(is_standard_input);
    let input = if is_piped { StandardInput::HoldsThePlan } else { StandardInput::Free };
    go_on(context, session, consent(yes, false, input)).await
}
