//! `calt record find COMMIT`: from a commit that was landed back to the record.

use std::path::Path;

use calt_api::client::Client;
use calt_api::endpoint;
use calt_api::visible::visible_line;
use serde_json::{Value, json};

use super::land::unlike;
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::land::{Commit, Repository};
use crate::render::{self, Sheet};
use crate::trailers::Trailers;
use crate::words::{counted, t};

pub(crate) async fn run(context: &Context, commit: &str, repo: &Path) -> Result<(), Fault> {
    let repository = Repository::open(repo, &format!("calt record find {} --repo DIR", hint::quoted(commit)))?;
    let id = repository.commit_id(commit)?.ok_or_else(|| {
        Fault::usage(t!("there is no commit `{commit}` in `{repo}`", commit = commit, repo = repo.display()))
    })?;
    let commit = repository.commit(&id)?;
    let trailers = Trailers::read(&commit.message).ok_or_else(|| Fault::Usage {
        message: t!("commit {commit} does not say that it came out of calt", commit = id),
        hint: Some("git log --grep ^Calt-Session:".to_owned()),
    })?;
    let client = context.client().await?;
    let session: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[&trailers.session], &[]).await?;
    let mut differs = of_the_record(context, &client, &trailers).await?;
    differs.extend(of_the_tree(context, &client, &repository, &commit, &trailers).await?);
    let said = json!({
        "commit": id, "session_id": trailers.session, "goal": session["goal"], "plan_version": trailers.version,
        "plan_digest": trailers.digest, "approved_by": trailers.approved_by, "root": trailers.root,
        "size": trailers.size, "event": trailers.event, "differs": differs,
    });
    context.show(&said, |_| shown(&session, &trailers, &differs))?;
    if differs.is_empty() { Ok(()) } else { Err(Fault::Differs) }
}

/// What the record says otherwise than the trailers.
async fn of_the_record(context: &Context, client: &Client, trailers: &Trailers) -> Result<Vec<String>, Fault> {
    let mut differs = Vec::new();
    let version = trailers.version.to_string();
    let plan: Value = context.fetch(client, &endpoint::SHOW_PLAN, &[&trailers.session, &version], &[]).await?;
    if plan["digest"] != trailers.digest {
        differs.push(t!("plan v{version} has another digest", version = version));
    }
    let before = trailers.event.saturating_sub(1).to_string();
    let query = [("after", before.as_str()), ("limit", "1")];
    let page: Value = context.fetch(client, &endpoint::ALL_EVENTS, &[], &query).await?;
    let event = &page["items"][0];
    if event["id"].as_u64() != Some(trailers.event) || event["session_id"] != trailers.session {
        differs.push(t!("event {event} is not one of this session", event = trailers.event));
    }
    let mut cursor = None::<String>;
    let signed = loop {
        let mut query = vec![("limit", "500")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: Value = context.fetch(client, &endpoint::LIST_CHECKPOINTS, &[], &query).await?;
        let found = render::items(&page["items"]).iter().find(|one| one["size"].as_u64() == Some(trailers.size));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if found.is_some() || cursor.is_none() {
            break found.cloned().unwrap_or_default();
        }
    };
    if signed["root"] != trailers.root || trailers.event > trailers.size {
        differs.push(t!("no checkpoint over {events} has this root", events = counted::events(trailers.size)));
    }
    if trailers.approved_by.is_empty() {
        differs.push(t!("it names nobody who approved it"));
    }
    let approved = approvals(context, client, &trailers.session).await?;
    for name in trailers.approved_by.iter().filter(|name| !approved.contains(name)) {
        differs.push(t!("{name} approved nothing in this session", name = name));
    }
    Ok(differs)
}

async fn approvals(context: &Context, client: &Client, session: &str) -> Result<Vec<String>, Fault> {
    let (mut names, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let query = [("after", after.as_str()), ("limit", "500")];
        let page: Value = context.fetch(client, &endpoint::SESSION_EVENTS, &[session], &query).await?;
        let Some(last) = render::items(&page["items"]).last() else { return Ok(names) };
        after = last["seq"].to_string();
        let yes = |event: &&Value| event["event_type"] == "plan_approved" || event["event_type"] == "step_approved";
        names.extend(render::items(&page["items"]).iter().filter(yes).map(|event| render::word(&event["principal"])));
    }
}

/// What the commit changed otherwise than the session wrote.
async fn of_the_tree(
    context: &Context,
    client: &Client,
    repository: &Repository,
    commit: &Commit,
    trailers: &Trailers,
) -> Result<Vec<String>, Fault> {
    let [parent] = commit.parents.as_slice() else {
        return Ok(vec![t!("the commit has {count} parents, and one landed has one", count = commit.parents.len())]);
    };
    let diff: Value = context.fetch(client, &endpoint::SESSION_DIFF, &[&trailers.session], &[]).await?;
    let mut written: Vec<String> = Vec::new();
    for file in render::items(&diff["files"]) {
        // As it is, and not as it is shown: a name may hold a newline.
        written.extend(file["path"].as_str().map(str::to_owned));
        written.extend(file["from"].as_str().map(str::to_owned));
    }
    let base = repository.commit(parent)?;
    let changed = repository.differing(&base.tree, &commit.tree)?;
    let beside = changed.iter().filter(|path| !written.contains(path));
    let mut differs: Vec<String> =
        beside.map(|path| t!("`{path}` was changed, and not by this session", path = path)).collect();
    let unlike = unlike(repository, &commit.tree, &diff)?;
    differs.extend(unlike.iter().map(|path| t!("`{path}` is not as the session wrote it", path = path)));
    Ok(differs)
}

fn shown(session: &Value, trailers: &Trailers, differs: &[String]) -> String {
    let mut sheet = Sheet::default();
    sheet.say(t!("session {session}", session = trailers.session));
    if let Some(goal) = session["goal"].as_str() {
        sheet.say(visible_line(goal));
    }
    sheet.say(t!(
        "plan v{version}, approved by {people}",
        version = trailers.version,
        people = visible_line(&trailers.approved_by.join(&t!(", ")))
    ));
    let signed = counted::events(trailers.size);
    sheet.say(t!("event {event}, under a signed tree of {events}", event = trailers.event, events = signed));
    for line in differs {
        sheet.say(t!("DIFFERS: {what}", what = visible_line(line)));
    }
    if differs.is_empty() {
        sheet.say(t!("The commit is what the record says."));
    }
    sheet.done()
}
