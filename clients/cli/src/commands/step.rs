//! `calt step`: show, approve, reject, skip, execute.

use calt_api::client::Client;
use calt_api::endpoint::{self, Endpoint};
use serde_json::{Value, json};

use crate::arguments::StepCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::look;
use crate::render;

pub(crate) async fn run(context: &Context, command: StepCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        StepCommand::Show { session, step } => {
            let detail: Value = context.fetch(&client, &endpoint::SHOW_STEP, &[&session, &step], &[]).await?;
            context.show(&detail, shown)
        }
        StepCommand::Approve { session, step } => {
            decide(context, &client, &endpoint::APPROVE_STEP, (&session, &step), None, "approved").await
        }
        StepCommand::Reject { session, step, reason } => {
            decide(context, &client, &endpoint::REJECT_STEP, (&session, &step), Some(reason), "rejected").await
        }
        StepCommand::Skip { session, step, reason } => {
            decide(context, &client, &endpoint::SKIP_STEP, (&session, &step), reason, "left out").await
        }
        StepCommand::Execute { session, step, confirm_high_risk } => {
            let body = json!({"confirm_high_risk": confirm_high_risk, "source": context.source()});
            let started: Value = client.send_async(&endpoint::EXECUTE_STEP, &[&session, &step], &body).await?;
            let ended = look::wait(&client, &started).await?;
            context.show(&ended, |ended| {
                format!(
                    "step {step} {} (run {})\n{}",
                    render::word(&ended["state"]),
                    ended["run_id"],
                    render::output(&ended["output"])
                )
            })?;
            if ended["state"] == "succeeded" {
                return Ok(());
            }
            let session: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[&session], &[]).await?;
            let next = serde_json::from_value(session["next"].clone()).ok();
            if context.json() {
                return Err(Fault::Quiet(Fault::exit_of_failed_work()));
            }
            Err(Fault::Work {
                message: format!("step {step} {}: {}", render::word(&ended["state"]), render::word(&ended["error"])),
                next,
            })
        }
    }
}

async fn decide(
    context: &Context,
    client: &Client,
    endpoint: &Endpoint,
    (session, step): (&str, &str),
    reason: Option<String>,
    done: &str,
) -> Result<(), Fault> {
    let detail: Value = context.fetch(client, &endpoint::SHOW_STEP, &[session, step], &[]).await?;
    let text = shown(&detail);
    if !context.json() {
        eprint!("{text}");
    }
    let mut body = context.decision("prompt", detail["digest"].as_str().map(str::to_owned), &text);
    body.reason = reason;
    let decided: Value = client.send(endpoint, &[session, step], &body).await?;
    context.show(&decided, |_| format!("step {step} of {session} {done}\n"))
}

fn shown(detail: &Value) -> String {
    let mut text = render::step(detail);
    if let Some(diff) = detail["diff"].as_str() {
        text.push_str(&render::diff(diff));
    }
    if let Some(reason) = detail["unresolved"].as_str() {
        text.push_str(&format!("   ! not resolved yet: {}\n", calt_api::visible::visible_line(reason)));
    }
    text.push_str(&format!("   digest: {}\n", render::word(&detail["digest"])));
    text
}
