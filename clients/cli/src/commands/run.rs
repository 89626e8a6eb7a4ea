//! `calt run PLAN`: the main job.

use calt_api::client::{Body, CallError};
use calt_api::endpoint;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{plan, read_plan};
use crate::arguments::RunArguments;
use crate::context::Context;
use crate::fault::Fault;
use crate::look::{Run, id, steps};
use crate::render;

/// How often the spinner turns, in milliseconds.
const SPINNER_MILLIS: u64 = 80;

pub(crate) async fn run(context: &Context, arguments: RunArguments) -> Result<(), Fault> {
    let text = read_plan(&arguments.plan)?;
    let name = arguments.plan.display().to_string();
    let client = context.client().await?;
    plan::check_text(context, &client, &name, &text, arguments.session.as_deref()).await?;
    let session = match &arguments.session {
        Some(session) => session.clone(),
        None => create(context, &client, &arguments).await?,
    };
    let imported = client.call::<Value>(&endpoint::IMPORT_PLAN, &[&session], &[], Body::Document(&text)).await;
    let imported = imported.map_err(|error| plan::explained(error, &name, &text))?;
    let version = imported["version"].as_u64().and_then(|version| u32::try_from(version).ok()).unwrap_or_default();
    let run = Run { context, client, session, arguments, version };
    if !context.json() {
        eprintln!("session {}", run.session);
    }
    let done = see_through(&run).await;
    print_record(&run).await?;
    done
}

async fn create(
    context: &Context,
    client: &calt_api::client::Client,
    arguments: &RunArguments,
) -> Result<String, Fault> {
    let body = json!({
        "mode": if arguments.dry_run { "dry_run" } else { "normal" },
        "safety_profile": arguments.profile.word(),
        "workspace": arguments.workspace,
        "source": context.source(),
    });
    let made: Value = client.send(&endpoint::CREATE_SESSION, &[], &body).await?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

/// Asks and executes until every step is done or something says no.
async fn see_through(run: &Run<'_>) -> Result<(), Fault> {
    let plan = run.plan().await?;
    let already_begun = plan["approved"] == Value::Bool(true);
    if !already_begun {
        run.first_look(&plan).await?;
    }
    let total = steps(&plan).count();
    for place in 0..total {
        let mut plan = run.plan().await?;
        let mut step = plan["steps"][place].clone();
        if step["status"] == "pending" {
            run.later_look(&plan, id(&step)).await?;
            plan = run.plan().await?;
            step = plan["steps"][place].clone();
        }
        match step["status"].as_str() {
            Some("approved") => execute(run, &step, place + 1, total).await?,
            Some("skipped") => say(run, &format!("step {} of {total}: {} left out", place + 1, id(&step))),
            Some("succeeded") => {}
            _ => {
                return Err(Fault::Gate {
                    message: format!("step {} is {}", id(&step), render::word(&step["status"])),
                    hint: format!("calt explain {}", run.session),
                });
            }
        }
    }
    Ok(())
}

async fn execute(run: &Run<'_>, step: &Value, place: usize, total: usize) -> Result<(), Fault> {
    let name = id(step);
    let spinner = spinner(run, &format!("step {place} of {total}: {name}"));
    // The look at a high-risk step asked for exactly this.
    let ended = run.execute(name, step["risk"] == "high").await;
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let ended = ended?;
    let seconds = ended["duration_ms"].as_u64().unwrap_or_default() as f64 / 1e3;
    say(run, &format!("step {place} of {total}: {name} {} ({seconds:.2} s)", render::word(&ended["state"])));
    if ended["state"] == "succeeded" {
        if !run.context.json() {
            eprint!("{}", render::output(&ended["output"]));
        }
        return Ok(());
    }
    if !run.context.json() && !ended["output"].is_null() {
        eprint!("{}", render::output(&ended["output"]));
    }
    let session: Value = run.context.fetch(&run.client, &endpoint::SHOW_SESSION, &[&run.session], &[]).await?;
    let next = serde_json::from_value(session["next"].clone()).ok();
    Err(Fault::Work {
        message: format!("step {name} {}: {}", render::word(&ended["state"]), render::word(&ended["error"])),
        next,
    })
}

fn say(run: &Run<'_>, text: &str) {
    if !run.context.json() {
        eprintln!("{text}");
    }
}

fn spinner(run: &Run<'_>, text: &str) -> Option<ProgressBar> {
    use std::io::IsTerminal as _;
    if run.context.json() || !std::io::stderr().is_terminal() {
        return None;
    }
    let spinner = ProgressBar::new_spinner().with_message(text.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(std::time::Duration::from_millis(SPINNER_MILLIS));
    Some(spinner)
}

/// The record of the session: every event, and what runs left behind.
async fn print_record(run: &Run<'_>) -> Result<(), Fault> {
    let (client, session) = (&run.client, run.session.as_str());
    let shown: Value = run.context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let query = [("after", after.as_str()), ("limit", "500")];
        let page: Result<Value, CallError> =
            run.context.fetch(client, &endpoint::SESSION_EVENTS, &[session], &query).await;
        let page = page?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let Some(last) = items.last() else { break };
        after = last["seq"].to_string();
        events.extend(items);
    }
    let artifacts: Value =
        run.context.fetch(client, &endpoint::LIST_ARTIFACTS, &[session], &[("limit", "500")]).await?;
    if run.context.json() {
        render::data(&json!({"session": shown, "events": events, "artifacts": artifacts["items"]}));
        return Ok(());
    }
    let mut text = format!("\nThe record of {session} ({})\n", render::word(&shown["status"]));
    for event in &events {
        text.push_str(&render::event(event));
    }
    let items = artifacts["items"].as_array().cloned().unwrap_or_default();
    if !items.is_empty() {
        text.push_str("\nArtifacts\n");
        for item in items.iter().rev() {
            let sha256 = render::word(&item["sha256"]);
            text.push_str(&format!(
                "{:>5}  {}  {}\n",
                render::word(&item["id"]),
                sha256.get(..12).unwrap_or(&sha256),
                render::word(&item["path"])
            ));
        }
    }
    text.push_str(&format!("\nSearch it: calt logs search --session {session} WORD\n"));
    render::out(&text)
}
