//! `calt quickstart`: a small plan of its own, with one refusal shown first.

use std::path::PathBuf;

use calt_api::client::{Body, CallError};
use calt_api::endpoint;
use serde_json::{Value, json};

use super::{read_plan, run};
use crate::arguments::{Profile, RunArguments};
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

pub(crate) async fn run(context: &Context, plan: Option<PathBuf>, yes: bool) -> Result<(), Fault> {
    let text = match &plan {
        Some(path) => read_plan(path)?,
        None => PLAN.to_owned(),
    };
    let client = context.client().await?;
    let made: Value = client.send(&endpoint::CREATE_SESSION, &[], &json!({"source": context.source()})).await?;
    let session = made["id"].as_str().unwrap_or_default().to_owned();
    let name = plan.as_ref().map_or_else(|| "quickstart".to_owned(), |path| path.display().to_string());
    let imported = client.call::<Value>(&endpoint::IMPORT_PLAN, &[&session], &[], Body::Document(&text)).await;
    let imported = imported.map_err(|error| super::plan::explained(error, &name, &text))?;
    let first = imported["steps"][0]["id"].as_str().unwrap_or_default().to_owned();
    if !context.json() {
        eprintln!(
            "First, one refusal. The plan is imported, nobody has approved it, and we try to execute its first step:\n"
        );
    }
    let refused = client.send::<Value>(&endpoint::EXECUTE_STEP, &[&session, &first], &json!({})).await;
    match refused {
        Err(error @ CallError::Problem(_)) if !context.json() => eprintln!("{}", Fault::from(error).render()),
        Err(_) => {}
        Ok(_) => return Err(Fault::Bug("a step ran without an approval".to_owned())),
    }
    if !context.json() {
        eprintln!("Now the way it is meant: you see it, you say yes, it runs.\n");
    }
    let scratch = Scratch::with(&text)?;
    let arguments = RunArguments {
        plan: scratch.path.clone(),
        session: Some(session),
        yes,
        confirm_high_risk: false,
        dry_run: false,
        profile: Profile::Strict,
        workspace: None,
    };
    run::run(context, arguments).await
}

/// A plan on disk for as long as the run takes.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn with(text: &str) -> Result<Self, Fault> {
        let path = std::env::temp_dir().join(format!("calt-quickstart-{}.yaml", std::process::id()));
        std::fs::write(&path, text)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
