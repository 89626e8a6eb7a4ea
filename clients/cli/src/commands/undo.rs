//! `calt undo SESSION [RUN]`: the plan that takes back what calt wrote, and what it leaves alone.

use calt_api::endpoint;
use serde_json::{Value, json};

use super::run;
use crate::ask::{StandardInput, Terminal};
use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, Sheet};

pub(crate) async fn run(context: &Context, session: &str, run: Option<i64>) -> Result<(), Fault> {
    let client = context.client().await?;
    let body = json!({"run_id": run, "source": context.source()});
    let made: Value = client.send(&endpoint::UNDO_SESSION, &[session], &body).await?;
    context.show(&made, shown)?;
    let into = render::word(&made["session_id"]);
    let Some(terminal) = Terminal::find(StandardInput::Free).filter(|_| !context.json()) else {
        context.hint(&format!("calt run --session {into}"));
        return Ok(());
    };
    if terminal.yes("Look at this plan now?").await? == Some(true) {
        let consent = run::consent(false, false, StandardInput::Free);
        return run::go_on(context, into, consent).await;
    }
    context.hint(&format!("calt run --session {into}"));
    Ok(())
}

fn shown(made: &Value) -> String {
    let mut sheet = Sheet::default();
    let (session, version) = (render::word(&made["session_id"]), render::word(&made["version"]));
    let new = if made["is_new_session"] == Value::Bool(true) { ", made for it on the same files" } else { "" };
    sheet.line(render::word(&made["title"]));
    sheet.line(format_args!("plan v{version} of {session}{new}"));
    sheet.line("\nIt would put back, once it is approved");
    for file in render::items(&made["taken_back"]) {
        let (path, run) = (render::word(&file["path"]), render::word(&file["run_id"]));
        sheet.line(match file["action"].as_str() {
            Some("delete") => format!("  {path}: goes, as before run {run}"),
            Some("rename") => {
                format!("  {path}: gets its name back from {}, as before run {run}", render::word(&file["from"]))
            }
            Some(_) | None => format!("  {path}: as before run {run}"),
        });
    }
    let left = render::items(&made["left_alone"]);
    if !left.is_empty() {
        sheet.line("\nIt leaves alone");
    }
    for file in left {
        sheet.line(format_args!("  {}: {}", render::word(&file["path"]), render::word(&file["reason"])));
    }
    sheet.done()
}
