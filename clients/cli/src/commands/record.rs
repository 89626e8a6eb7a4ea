//! `calt record export` and `calt record checkpoint`: what of the record the daemon is asked for.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use calt_api::endpoint;
use serde_json::{Value, json};

use super::find;
use crate::arguments::{AskedCommand, RecordCommand};
use crate::ask::{StandardInput, Terminal};
use crate::context::Context;
use crate::fault::Fault;
use crate::render::EventsOf;
use crate::table;
use crate::words::{counted, t};
use crate::{hint, render};

/// Bytes at the end of an exported record in which its last line stands.
const LAST_LINE_BYTES_MAX: i64 = 200;

pub(crate) async fn run(context: &Context, command: RecordCommand) -> Result<(), Fault> {
    match command {
        RecordCommand::Offline(_) => Err(Fault::Bug("the record was asked for and not handed over".to_owned())),
        RecordCommand::Asked(AskedCommand::Export { session, output }) => export(context, &session, output).await,
        RecordCommand::Asked(AskedCommand::Redact { event, reason, yes }) => redact(context, event, &reason, yes).await,
        RecordCommand::Asked(AskedCommand::Find { commit, repo }) => find::run(context, &commit, &repo).await,
        RecordCommand::Asked(AskedCommand::Checkpoint { last }) => checkpoint(context, last).await,
    }
}

/// So many events, as the daemon counted them.
fn of(events: &Value) -> String {
    counted::events(events.as_u64().unwrap_or_default())
}

async fn checkpoint(context: &Context, last: bool) -> Result<(), Fault> {
    let client = context.client().await?;
    let newest = if last {
        let page = context.fetch(&client, &endpoint::LIST_CHECKPOINTS, &[], &[("limit", "1")]).await?;
        page["items"][0].clone()
    } else {
        client.send(&endpoint::SIGN_CHECKPOINT, &[], &json!({"source": context.source()})).await?
    };
    if newest.is_null() {
        return Err(Fault::Usage {
            message: t!("no checkpoint was signed yet"),
            hint: Some("calt record checkpoint".to_owned()),
        });
    }
    context.show(&newest, |newest| newest["note"].as_str().unwrap_or_default().to_owned())?;
    let key = calt_api::visible::visible_line(newest["key"].as_str().unwrap_or_default()).into_owned();
    context.talk(&t!("Signed over {events}. Its key: {key}\n", events = of(&newest["size"]), key = key));
    Ok(())
}

async fn redact(context: &Context, event: u64, reason: &str, sure: bool) -> Result<(), Fault> {
    let client = context.client().await?;
    if let Some(terminal) = Terminal::find(StandardInput::Free).filter(|_| !sure) {
        // What goes is seen first: it never comes back.
        let before = event.saturating_sub(1).to_string();
        let query = [("after", before.as_str()), ("limit", "1")];
        let page = context.fetch(&client, &endpoint::ALL_EVENTS, &[], &query).await?;
        if let Some(found) = page["items"].get(0).filter(|found| found["id"].as_u64() == Some(event)) {
            context.talk(&render::events(std::slice::from_ref(found), EventsOf::All));
            let answer =
                terminal.yes(&t!("\nIts text goes for good, out of the log and the files. Is that meant?")).await?;
            if answer != Some(true) {
                context.talk(&t!("Nothing was changed.\n"));
                return Ok(());
            }
        }
    }
    let body = json!({"reason": reason, "source": context.source()});
    let gone = context.decide(&client, &endpoint::REDACT_EVENT, &[&event.to_string()], &body).await?;
    context.show(&gone, |gone| {
        table::said(&t!(
            "the text of event {event} ({kind}) is gone\n",
            event = event,
            kind = render::word(&gone["event_type"])
        ))
    })?;
    context.talk(&t!("What was copied before has it still: backups, exported records, workspaces.\n"));
    Ok(())
}

async fn export(context: &Context, session: &str, output: Option<PathBuf>) -> Result<(), Fault> {
    let client = context.client().await?;
    let said = json!({"source": context.source()});
    if output.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        return client.pieces(&endpoint::EXPORT_RECORD, &[session], &said, render::out_bytes).await;
    }
    let path = output.unwrap_or_else(|| PathBuf::from(format!("{session}.calt-record")));
    let name = path.display().to_string();
    let unwritable =
        |error: std::io::Error| Fault::usage(t!("`{name}` cannot be written: {error}", name = name, error = error));
    // Asked first, so that a mistyped session leaves no file.
    context.fetch(&client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let mut file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(unwritable)?;
    let written = client
        .pieces(&endpoint::EXPORT_RECORD, &[session], &said, |piece| file.write_all(piece).map_err(unwritable))
        .await
        .and_then(|()| ended(&mut file, &name));
    let end = match written {
        Ok(end) => end,
        Err(fault) => {
            remove(&path);
            return Err(fault);
        }
    };
    file.sync_all().map_err(unwritable)?;
    let said = json!({"path": name, "events": end["events"], "files": end["files"]});
    context.show(&said, |said| {
        let path = render::word(&said["path"]);
        let files = counted::files(said["files"].as_u64().unwrap_or_default());
        table::said(&t!("{path} ({events}, {files})\n", path = path, events = of(&said["events"]), files = files))
    })?;
    let command = hint::here(&format!("calt record verify {}", hint::quoted(&name)));
    let said = t!("To check it, here or on another machine: {command}\n", command = command);
    context.talk_command(&said, &command);
    Ok(())
}

/// The last line of the file, which stands there only if everything before it does.
fn ended(file: &mut File, name: &str) -> Result<Value, Fault> {
    let cut =
        || Fault::Machine { message: t!("the daemon did not finish `{name}`; its own log says why", name = name) };
    let length = file.seek(SeekFrom::End(0)).map_err(|_| cut())? as i64;
    file.seek(SeekFrom::End(-length.min(LAST_LINE_BYTES_MAX))).map_err(|_| cut())?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(|_| cut())?;
    let text = String::from_utf8_lossy(&tail);
    let last: Value = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    last.get("end").cloned().ok_or_else(cut)
}

fn remove(path: &Path) {
    // What is left of it would look like a record.
    let _ = std::fs::remove_file(path);
}
