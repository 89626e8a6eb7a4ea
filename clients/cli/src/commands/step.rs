//! `calt step`: show, approve, reject, skip, execute.

use calt_api::client::Client;
use calt_api::endpoint::{self, Endpoint};
use serde_json::{Value, json};

use super::decision::Asking;
use super::{decision, run};
use crate::applies;
use crate::arguments::StepCommand;
use crate::context::{Context, How};
use crate::fault::Fault;
use crate::hint;
use crate::look;
use crate::render::{self, Place, Sheet};
use crate::words::{daemon, t};

pub(crate) async fn run(context: &Context, command: StepCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        StepCommand::Show { session, step } => {
            let detail = detail(context, &client, &session, &step).await?;
            context.show(&detail, |detail| shown(detail, Place::Data))
        }
        StepCommand::Approve { session, steps, all, yes, confirm_high_risk } => {
            let [step] = steps.as_slice() else {
                let named = (!all).then_some(steps);
                return approve_many(context, &client, &session, named, yes).await;
            };
            let detail = detail(context, &client, &session, step).await?;
            let text = shown(&detail, Place::Talk);
            let again = format!("calt step approve {session} {step}");
            let is_high = detail["risk"] == "high";
            if is_high && yes && !confirm_high_risk && context.may_decide() {
                return Err(Fault::Gate {
                    message: t!("step {step} is of high risk, and `--yes` alone does not answer for it", step = step),
                    hint: format!("{again} --yes --confirm-high-risk"),
                });
            }
            let question = if is_high {
                t!("Step {step} is HIGH RISK. Approve step {step}?", step = step)
            } else {
                t!("Approve step {step}?", step = step)
            };
            let how = decision::consent((context, &session), &text, &question, yes, &again).await?;
            let said = Said { detail: &detail, text: &text, how, reason: None };
            decide(context, &client, &endpoint::APPROVE_STEP, said, Done::Approved).await?;
            context.hint(&format!("calt step execute {session} {step}"));
            Ok(())
        }
        StepCommand::Reject { session, step, reason } => {
            let detail = detail(context, &client, &session, &step).await?;
            let text = shown(&detail, Place::Talk);
            let again = format!("calt step reject {session} {step}");
            let (how, reason) = decision::reason((context, &session), &text, reason, &again).await?;
            let said = Said { detail: &detail, text: &text, how, reason: Some(reason) };
            decide(context, &client, &endpoint::REJECT_STEP, said, Done::Rejected).await?;
            context.hint(&format!("calt run PLAN --session {session}"));
            Ok(())
        }
        StepCommand::Skip { session, step, reason, yes } => {
            let detail = detail(context, &client, &session, &step).await?;
            let text = shown(&detail, Place::Talk);
            let again = format!("calt step skip {session} {step}");
            let question = t!("Leave out step {step}?", step = step);
            let how = decision::consent((context, &session), &text, &question, yes, &again).await?;
            let said = Said { detail: &detail, text: &text, how, reason };
            decide(context, &client, &endpoint::SKIP_STEP, said, Done::LeftOut).await
        }
        StepCommand::Execute { session, step, confirm_high_risk } => {
            tokio::select! {
                biased;
                done = execute(context, &client, &session, &step, confirm_high_risk) => done,
                () = run::interrupted() => Err(Fault::Interrupted {
                    message: t!(
                        "interrupted; step {step} goes on in the daemon if it has begun (`calt session stop {session}` ends it)",
                        step = step,
                        session = session
                    ),
                    hint: format!("calt explain {session}"),
                }),
            }
        }
    }
}

/// Several steps at once: those that are named, or all that can be approved now. All or none of them.
async fn approve_many(
    context: &Context,
    client: &Client,
    session: &str,
    named: Option<Vec<String>>,
    yes: bool,
) -> Result<(), Fault> {
    let again = match &named {
        Some(steps) => format!("calt step approve {session} {}", steps.join(" ")),
        None => format!("calt step approve {session} --all"),
    };
    let details = match &named {
        Some(steps) => details(context, client, session, steps.iter().map(String::as_str)).await?,
        None => waiting(context, client, session).await?,
    };
    if let Some(high) = details.iter().find(|detail| detail["risk"] == "high") {
        let step = look::id(high);
        return Err(Fault::Gate {
            message: t!("step {step} is of high risk, and is approved alone", step = step),
            hint: format!("calt step approve {session} {step}"),
        });
    }
    if details.is_empty() {
        return Err(Fault::Gate {
            message: t!(
                "no step of {session} can be approved now, but those of high risk, one by one",
                session = session
            ),
            hint: format!("calt explain {session}"),
        });
    }
    let text = applies::steps(&details);
    let question = t!("Approve these {count} steps ({steps})?", count = details.len(), steps = applies::ids(&details));
    let files = applies::files_written(&details);
    let instead = format!("calt step reject {session} STEP --reason WHY");
    let asking = Asking { question: &question, files, again: &again, instead };
    let how = decision::consent_to((context, session), asking, &text, yes).await?;
    let version = |detail: &Value| detail["plan_version"].as_u64().and_then(|version| u32::try_from(version).ok());
    let item = |detail: &Value| look::item(version(detail).unwrap_or_default(), Some(detail), detail);
    let items = details.iter().map(item).collect();
    let said = look::Said { decision: "approve", items, how, shown: &text, reason: None };
    let decided = said.send(context, client, session, None).await?;
    let line = |detail: &Value| t!("step {step} of {session} approved\n", step = look::id(detail), session = session);
    context.show(&decided, |_| details.iter().map(line).collect())?;
    context.hint(&hint::go_on(session));
    Ok(())
}

/// Every step that can be approved now, together with others.
async fn waiting(context: &Context, client: &Client, session: &str) -> Result<Vec<Value>, Fault> {
    let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let Some(version) = shown["plan_version"].as_u64() else { return Ok(Vec::new()) };
    let plan: Value = context.fetch(client, &endpoint::SHOW_PLAN, &[session, &version.to_string()], &[]).await?;
    let mut all = details(context, client, session, look::steps(&plan).map(look::id)).await?;
    all.retain(look::is_ready);
    Ok(all)
}

async fn details<'s>(
    context: &Context,
    client: &Client,
    session: &str,
    steps: impl Iterator<Item = &'s str>,
) -> Result<Vec<Value>, Fault> {
    let mut details = Vec::new();
    for step in steps {
        details.push(detail(context, client, session, step).await?);
    }
    Ok(details)
}

async fn execute(
    context: &Context,
    client: &Client,
    session: &str,
    step: &str,
    confirm_high_risk: bool,
) -> Result<(), Fault> {
    let body = json!({"confirm_high_risk": confirm_high_risk, "source": context.source()});
    let started = context.send_execution(client, &[session, step], &body).await?;
    let ended = look::wait(client, &started["run_id"]).await?;
    let state = render::word(&ended["state"]);
    context.show(&ended, |ended| {
        t!(
            "step {step} {state} (run {run})\n",
            step = step,
            state = daemon::step_status(&ended["state"]),
            run = ended["run_id"]
        ) + &render::output(&ended["output"], Place::Data)
    })?;
    let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let next = serde_json::from_value(shown["next"].clone()).ok();
    if state == "succeeded" {
        if let Some(hint) = next.as_ref().and_then(|next| hint::command(next, None)) {
            context.hint(&hint);
        }
        return Ok(());
    }
    let code = run::failure_code(context, client, session).await;
    let fault = run::failed(&ended, &code, step, &shown["next"]);
    Err(if context.json() { Fault::Printed(Box::new(fault)) } else { fault })
}

/// What a decision did to its step.
#[derive(Clone, Copy, Debug)]
enum Done {
    Approved,
    Rejected,
    LeftOut,
}

impl Done {
    fn said(self, step: &str, session: &str) -> String {
        match self {
            Self::Approved => t!("step {step} of {session} approved\n", step = step, session = session),
            Self::Rejected => t!("step {step} of {session} rejected\n", step = step, session = session),
            Self::LeftOut => t!("step {step} of {session} left out\n", step = step, session = session),
        }
    }
}

/// One decision on a step, and what was seen for it.
struct Said<'d> {
    detail: &'d Value,
    text: &'d str,
    how: How,
    reason: Option<String>,
}

async fn decide(
    context: &Context,
    client: &Client,
    endpoint: &Endpoint,
    said: Said<'_>,
    done: Done,
) -> Result<(), Fault> {
    let text = |name: &str| said.detail[name].as_str().unwrap_or_default();
    let (session, step) = (text("session_id"), text("id"));
    let mut body = context.decision(said.how, Some(text("digest").to_owned()), said.text);
    body.reason = said.reason;
    let decided = context.decide(client, endpoint, &[session, step], &json!(body)).await?;
    context.show(&decided, |decided| {
        let mut sheet = Sheet::default();
        sheet.add(&done.said(step, session));
        for with in render::items(&decided["also_skipped"]) {
            let [also, needed] = ["step_id", "depends_on"].map(|name| render::word(&with[name]));
            sheet.say(t!(
                "step {step} of {session} left out with {needed}",
                step = also,
                session = session,
                needed = needed
            ));
        }
        sheet.done()
    })
}

async fn detail(context: &Context, client: &Client, session: &str, step: &str) -> Result<Value, Fault> {
    Ok(context.fetch(client, &endpoint::SHOW_STEP, &[session, step], &[]).await?)
}

fn shown(detail: &Value, place: Place) -> String {
    let mut sheet = Sheet::default();
    sheet.add(&render::step(detail));
    if let Some(diff) = detail["diff"].as_str() {
        sheet.add(&render::diff(diff, place));
    }
    if detail["unresolved"].is_string() {
        sheet.say(t!("   ! not resolved yet: {reason}", reason = daemon::told(&detail["unresolved"])));
    }
    sheet.say(t!("   digest:   {digest}", digest = render::word(&detail["digest"])));
    sheet.done()
}
