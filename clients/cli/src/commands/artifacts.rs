//! `calt artifacts`: list and get.

use std::io::IsTerminal as _;

use calt_api::client::Body;
use calt_api::endpoint;
use calt_api::visible::visible;
use serde_json::{Value, json};

use super::list::{list, more};
use crate::arguments::ArtifactsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, Place, Sheet};
use crate::table;
use crate::words::{self, counted, label, t};

const LIST: [&str; 5] = [label!("ID"), label!("STEP"), label!("NAME"), label!("SIZE"), label!("SHA-256")];

pub(crate) async fn run(context: &Context, command: ArtifactsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        ArtifactsCommand::List { session, page } => {
            let found = list(context, &client, &endpoint::LIST_ARTIFACTS, &[&session], Vec::new(), &page).await?;
            context.show(&found, |found| listed(render::items(&found["items"])))?;
            if render::items(&found["items"]).is_empty() {
                context.talk(&t!("Nothing yet: each run that succeeds leaves one artifact.\n"));
            }
            more(context, &found);
            Ok(())
        }
        ArtifactsCommand::Get { session, artifact, output } => {
            let artifact = artifact.to_string();
            let bytes = client.bytes(&endpoint::GET_ARTIFACT, &[&session, &artifact], &[], Body::Empty, &[]).await?;
            let Some(path) = output else { return print(context, &bytes) };
            let name = path.display().to_string();
            std::fs::write(&path, &bytes)
                .map_err(|error| Fault::usage(t!("`{name}` cannot be written: {error}", name = name, error = error)))?;
            let said = json!({"path": name, "bytes": bytes.len()});
            context.show(&said, |said| {
                t!(
                    "{path} ({bytes})\n",
                    path = render::word(&said["path"]),
                    bytes = counted::bytes(counted::length(&bytes))
                )
            })
        }
    }
}

/// Artifacts, one a row. A digest tells by its end nothing that its beginning does not: on a terminal it is cut there.
fn listed(artifacts: &[Value]) -> String {
    if artifacts.is_empty() {
        return String::new();
    }
    let row = |artifact: &Value| {
        let name = artifact["path"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or("-");
        let size = artifact["bytes"].as_u64().map_or_else(|| "-".to_owned(), counted::size);
        let [id, step, sha256] = ["id", "step_id", "sha256"].map(|field| render::word(&artifact[field]));
        vec![id, step, render::word(&Value::from(name)), size, sha256]
    };
    let rows: Vec<Vec<String>> = artifacts.iter().map(row).collect();
    let titles = LIST.map(|title| words::said(title, &[]));
    let cut = table::terminal_columns().and_then(|width| table::cut_to(&titles, &rows, width, DIGEST_COLUMNS_MIN));
    cut.unwrap_or_else(|| table::table(&titles.each_ref().map(String::as_str), &rows))
}

/// Prints an artifact: the bytes as they are for a program, and for a person at a terminal what they say.
fn print(context: &Context, bytes: &[u8]) -> Result<(), Fault> {
    if context.json() || !std::io::stdout().is_terminal() {
        return render::out_bytes(bytes);
    }
    let size = counted::size(counted::length(bytes));
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let output = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
            render::out(&output.map_or_else(|| visible(text).into_owned(), |output| said(&output)))?;
            context.talk(&t!(
                "\nThis is made to be read; `--output FILE` keeps the artifact itself ({size}).\n",
                size = size
            ));
        }
        Err(_) => context.talk(&t!("It is no text; `--output FILE` keeps it ({size}).\n", size = size)),
    }
    Ok(())
}

/// What a step left, as a run shows it: the command or the path first, then what came of it.
fn said(output: &Value) -> String {
    let mut sheet = Sheet::default();
    for (name, field) in [(t!("command"), "command"), (t!("path"), "path")] {
        if let Some(value) = output[field].as_str() {
            sheet.say(format!("{name}: {}", calt_api::visible::visible_line(value)));
        }
    }
    if let Some(code) = output["exit_code"].as_i64() {
        sheet.say(t!("exit code: {code}", code = code));
    }
    sheet.add(&render::output(output, Place::Data));
    sheet.done()
}

/// The least of a digest that it is known by, with its title's mark.
const DIGEST_COLUMNS_MIN: usize = 12;
