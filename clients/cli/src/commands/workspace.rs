//! `calt workspace`: add, list, remove; and what `--workspace NAME|DIR` means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use calt_api::client::Client;
use calt_api::endpoint;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::run::spinner;
use crate::arguments::{WorkspaceCommand, WorkspaceOption};
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::render::{self, Sheet};
use crate::words::{counted, daemon, label, t};

/// Most names of a list that are shown.
const NAMES_SHOWN_MAX: usize = 10;
/// How often a person is told how far a copy has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(150);
/// Digits of a commit that are enough to tell it.
const COMMIT_DIGITS: usize = 12;

pub(crate) async fn run(context: &Context, command: WorkspaceCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        WorkspaceCommand::Add { name, directory, kind, include } => {
            let path = directory.as_deref().map(whole_path).transpose()?;
            let added = add(context, &client, &name, &kind, (path.as_deref(), &include)).await?;
            context.show(&added, |added| {
                t!(
                    "{name} is a workspace ({kind})\n",
                    name = word(added, "name"),
                    kind = daemon::kind("kind", &added["kind"])
                )
            })?;
            context.hint(&format!("calt run PLAN --workspace {name}"));
            Ok(())
        }
        WorkspaceCommand::List => {
            let known = known(context, &client).await?;
            let page = json!({"items": known, "next_cursor": null});
            context.show(&page, |page| {
                let columns = [(label!("WORKSPACE"), "name"), (label!("KIND"), "kind"), (label!("DIRECTORY"), "path")];
                render::table(render::items(&page["items"]), &columns)
            })?;
            if known.is_empty() {
                let command = "calt workspace add NAME DIR --kind snapshot";
                context.talk(&t!("No workspaces. Name one with: {command}\n", command = command));
            }
            Ok(())
        }
        WorkspaceCommand::Remove { name } => {
            let body = json!({"source": context.source()});
            let removed: Value = context.decide(&client, &endpoint::REMOVE_WORKSPACE, &[&name], &body).await?;
            context
                .show(&removed, |_| t!("{name} is no workspace any more; its directory stays as it is\n", name = name))
        }
    }
}

/// Makes a session on the workspace that is asked for, and says what was copied into it.
pub(crate) async fn create_session(
    context: &Context,
    client: &Client,
    mut body: Value,
    wanted: &WorkspaceOption,
) -> Result<Value, Fault> {
    let Some(text) = &wanted.workspace else {
        return Ok(client.send(&endpoint::CREATE_SESSION, &[], &body).await?);
    };
    let name = named(context, client, text).await?;
    body["workspace"] = json!(name);
    body["uncommitted"] = json!(wanted.uncommitted);
    let waits = spinner(context, &t!("making workspace {name} ready", name = name));
    let mut making = std::pin::pin!(client.send(&endpoint::CREATE_SESSION, &[], &body));
    let made = loop {
        tokio::select! {
            biased;
            made = making.as_mut() => break made,
            () = tokio::time::sleep(PROGRESS_EVERY), if waits.is_some() => {}
        }
        if let Some(bar) = &waits {
            show_progress(context, client, &name, bar).await;
        }
    };
    if let Some(waits) = waits {
        waits.finish_and_clear();
    }
    let made: Value = made?;
    context.talk(&copied(&made["workspace"]));
    Ok(made)
}

/// Turns a spinner into a bar as soon as it is known how much there is to copy.
async fn show_progress(context: &Context, client: &Client, name: &str, bar: &ProgressBar) {
    // What cannot be read now is read the next time: the copy itself goes on.
    let known = known(context, client).await.unwrap_or_default();
    let copying = known.iter().find(|item| item["name"] == name).map(|item| &item["copying"]);
    let Some((files, of)) = copying.and_then(|copying| Some((copying["files"].as_u64()?, copying["of"].as_u64()?)))
    else {
        return;
    };
    if of > 0 && bar.length().is_none() {
        bar.set_length(of);
        let files = t!("files");
        let template = format!("{{msg}} [{{bar:20}}] {{pos}}/{{len}} {files} ({{elapsed}})");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
    }
    bar.set_position(files);
}

/// The name of a workspace, or of the one a directory is; a git repository without a name gets one, as a snapshot.
async fn named(context: &Context, client: &Client, wanted: &str) -> Result<String, Fault> {
    let is_path = wanted.contains('/') || [".", ".."].contains(&wanted);
    if !is_path {
        return Ok(wanted.to_owned());
    }
    let directory = whole_path(Path::new(wanted))?;
    let known = known(context, client).await?;
    let at = |item: &&Value| item["path"].as_str().is_some_and(|path| Path::new(path) == directory);
    let is_snapshot = |item: &&Value| item["kind"] == "snapshot";
    let found = known.iter().filter(at).find(is_snapshot).or_else(|| known.iter().find(at));
    if let Some(found) = found {
        let (name, kind) = (word(found, "name"), daemon::kind("kind", &found["kind"]));
        let directory = directory.display();
        context.talk(&t!(
            "{directory} is workspace {name} ({kind})\n",
            directory = directory,
            name = name,
            kind = kind
        ));
        return Ok(name);
    }
    let shown = hint::quoted(&directory.display().to_string());
    if !directory.join(".git").is_dir() {
        return Err(Fault::Usage {
            message: t!(
                "{directory} is not a git repository, so it is not copied; say that sessions may work in it",
                directory = shown
            ),
            hint: Some(format!("calt workspace add NAME {shown} --kind attach")),
        });
    }
    let name = free_name(&directory, &known);
    let added = add(context, client, &name, "snapshot", (Some(&directory), &[])).await?;
    let name = word(&added, "name");
    context.talk(&t!(
        "{directory} is workspace {name} from now on (snapshot: each session works on a copy)\n",
        directory = directory.display(),
        name = name
    ));
    Ok(name)
}

async fn add(
    context: &Context,
    client: &Client,
    name: &str,
    kind: &str,
    (path, include): (Option<&Path>, &[String]),
) -> Result<Value, Fault> {
    let path = match path.map(|path| path.to_str().ok_or(path)) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(path)) => return Err(Fault::usage(t!("the path {path} is not UTF-8", path = path.display()))),
    };
    let body = json!({"name": name, "kind": kind, "path": path, "include": include, "source": context.source()});
    context.decide(client, &endpoint::ADD_WORKSPACE, &[], &body).await
}

/// Every workspace that stands by name.
pub(super) async fn known(context: &Context, client: &Client) -> Result<Vec<Value>, Fault> {
    let (mut known, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", "500")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: Value = context.fetch(client, &endpoint::LIST_WORKSPACES, &[], &query).await?;
        known.extend(render::items(&page["items"]).iter().filter(|item| item["removed_at"].is_null()).cloned());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(known);
        }
    }
}

/// A path as the daemon takes it. The last name stays as it is: the daemon says so when it is a link.
fn whole_path(path: &Path) -> Result<PathBuf, Fault> {
    let fault = |error: std::io::Error| Fault::usage(format!("{}: {error}", path.display()));
    let whole = std::path::absolute(path).map_err(fault)?;
    match (whole.parent(), whole.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize().map_err(fault)?.join(name)),
        (_, _) => whole.canonicalize().map_err(fault),
    }
}

/// A name made of the directory's that nobody has.
fn free_name(directory: &Path, known: &[Value]) -> String {
    let base = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String = base
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(48)
        .collect();
    let plain = if plain.is_empty() { "workspace".to_owned() } else { plain };
    let is_taken = |name: &str| known.iter().any(|item| item["name"] == name);
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(plain)
}

/// What was copied into a snapshot, and what was not; nothing of other kinds.
pub(crate) fn copied(workspace: &Value) -> String {
    if workspace["kind"] != "snapshot" || workspace["entries"].is_null() {
        return String::new();
    }
    let commit: String = word(workspace, "commit").chars().take(COMMIT_DIGITS).collect();
    let mut sheet = Sheet::default();
    let files = counted::files(workspace["entries"].as_u64().unwrap_or_default());
    sheet.say(t!(
        "workspace {name}: {files} as of commit {commit}",
        name = word(workspace, "name"),
        files = files,
        commit = commit
    ));
    let uncommitted = render::items(&workspace["uncommitted"]);
    let (taken, behind): (Vec<_>, Vec<_>) = uncommitted.iter().partition(|change| change["taken"] == true);
    let state = |change: &&Value| format!("{} ({})", word(change, "path"), word(change, "state"));
    list(&mut sheet, &t!("taken along as it stands, not committed"), &taken, state);
    list(&mut sheet, &t!("not committed, so not in it (--uncommitted takes it along)"), &behind, state);
    let left_out: Vec<_> = render::items(&workspace["left_out"]).iter().collect();
    list(&mut sheet, &t!("left out"), &left_out, |left| format!("{} ({})", word(left, "path"), word(left, "reason")));
    let pointers: Vec<_> = render::items(&workspace["lfs_pointers"]).iter().collect();
    list(&mut sheet, &t!("a pointer of git LFS, not the file"), &pointers, |path| render::word(path));
    sheet.done()
}

fn list(sheet: &mut Sheet, what: &str, all: &[&Value], shown: impl Fn(&&Value) -> String) {
    for one in all.iter().take(NAMES_SHOWN_MAX) {
        sheet.say(format!("  {what}: {}", shown(one)));
    }
    if let Some(more @ 1..) = all.len().checked_sub(NAMES_SHOWN_MAX) {
        sheet.say(t!(
            "  {what}: … and {more} more (calt session show lists them with --json)",
            what = what,
            more = more
        ));
    }
}

fn word(item: &Value, field: &str) -> String {
    render::word(&item[field])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gets_a_name_nobody_has() {
        let known = [json!({"name": "web"}), json!({"name": "web-2"})];
        assert_eq!(free_name(Path::new("/srv/web"), &known), "web-3");
        assert_eq!(free_name(Path::new("/srv/my app!"), &known), "my-app-");
        assert_eq!(free_name(Path::new("/srv/..."), &known), "workspace");
    }
}
