//! `calt undo SESSION [RUN]`: the plan that takes back what calt wrote, and what it leaves alone.

use calt_api::client::CallError;
use calt_api::{Code, endpoint};
use serde_json::{Value, json};

use super::run;
use crate::ask::{StandardInput, Terminal};
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::render::{self, Sheet};
use crate::words::{daemon, language, t};

pub(crate) async fn run(context: &Context, session: &str, run: Option<i64>) -> Result<(), Fault> {
    let client = context.client().await?;
    let body = json!({"run_id": run, "source": context.source()});
    let made: Value =
        client.send(&endpoint::UNDO_SESSION, &[session], &body).await.map_err(|error| led_back(error, session))?;
    context.show(&made, shown)?;
    let into = render::word(&made["session_id"]);
    if let Some(terminal) = Terminal::find(StandardInput::Free).filter(|_| !context.json() && context.may_decide())
        && terminal.yes(&t!("Look at this plan now?")).await? == Some(true)
    {
        let consent = run::consent(false, false, StandardInput::Free);
        return run::go_on(context, into, consent).await;
    }
    if !context.may_decide() {
        context.talk(&t!("Nothing has changed.\n"));
        context.hint_to_go_on(&into);
        return Ok(());
    }
    let drop = format!("calt plan reject {into} {}", render::word(&made["version"]));
    let drop = hint::here(&drop);
    context.talk_command(&t!("Nothing has changed. To drop this plan:\n  {command}\n", command = drop), &drop);
    context.hint(&hint::go_on(&into));
    Ok(())
}

/// Which runs there are, the session says.
fn led_back(error: CallError, session: &str) -> Fault {
    match error {
        CallError::Problem(problem) if problem.code == Code::RunNotFound.as_str() => {
            Fault::Usage { message: problem.said_in(language()), hint: Some(format!("calt explain {session}")) }
        }
        error @ (CallError::Problem(_) | CallError::Unexpected(_)) => error.into(),
    }
}

fn shown(made: &Value) -> String {
    let mut sheet = Sheet::default();
    let (session, version) = (render::word(&made["session_id"]), render::word(&made["version"]));
    let is_new = made["is_new_session"] == Value::Bool(true);
    sheet.say(daemon::title(&made["title"]));
    sheet.say(if is_new {
        t!("plan v{version} of {session}, made for it on the same files", version = version, session = session)
    } else {
        t!("plan v{version} of {session}", version = version, session = session)
    });
    sheet.say(t!("\nIt would put back, once it is approved"));
    for file in render::items(&made["taken_back"]) {
        let (path, run) = (render::word(&file["path"]), render::word(&file["run_id"]));
        sheet.say(match file["action"].as_str() {
            Some("delete") => t!("  {path}: goes, as before run {run}", path = path, run = run),
            Some("rename") => {
                let from = render::word(&file["from"]);
                t!("  {path}: gets its name back from {from}, as before run {run}", path = path, from = from, run = run)
            }
            Some(_) | None => t!("  {path}: as before run {run}", path = path, run = run),
        });
    }
    let left = render::items(&made["left_alone"]);
    if !left.is_empty() {
        sheet.say(t!("\nIt leaves alone"));
    }
    for file in left {
        sheet.say(format!("  {}: {}", render::word(&file["path"]), daemon::told(&file["reason"])));
    }
    sheet.done()
}
