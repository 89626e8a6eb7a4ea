//! `calt land`: what a session wrote, onto the repository it began from.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use calt_api::client::Client;
use calt_api::{Code, endpoint};
use serde_json::{Value, json};

use crate::arguments::{LandArguments, LandAs};
use crate::context::Context;
use crate::fault::Fault;
use crate::land::Repository;
use crate::render;
use crate::trailers::Trailers;
use crate::words::{daemon, t};

/// Longest subject of a commit made here, in characters.
const SUBJECT_CHARS_MAX: usize = 72;
/// Digits of a session's id in the name of a branch.
const BRANCH_ID_DIGITS: usize = 12;

/// What lands, with what leads back to it.
struct Landing {
    diff: Value,
    trailers: Trailers,
    message: String,
}

pub(crate) async fn run(context: &Context, arguments: &LandArguments) -> Result<(), Fault> {
    let client = context.client().await?;
    let session: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[&arguments.session], &[]).await?;
    finished(&session, arguments)?;
    // Looked at masked first: what is refused anyway is not given out.
    let masked: Value = context.fetch(&client, &endpoint::SESSION_DIFF, &[&arguments.session], &[]).await?;
    whole(&masked, arguments)?;
    let repository = Repository::open(&arguments.repo)?;
    let base = base(&repository, &session, arguments)?;
    if let (LandAs::Patch, Some(text)) = (arguments.kind, &arguments.message) {
        readable_by_am(text)?;
    }
    let branch = match arguments.kind {
        LandAs::Branch => Some(branch_name(&repository, arguments)?),
        LandAs::Commit | LandAs::Patch => None,
    };
    let trailers = trailers(context, &client, &session).await?;
    let query = [("raw", "true"), ("source", context.source())];
    let diff: Value = context.fetch(&client, &endpoint::SESSION_DIFF, &[&arguments.session], &query).await?;
    let message = message(&session, arguments, &trailers);
    let landing = Landing { diff, trailers, message };
    let patch = landing.diff["diff"].as_str().unwrap_or_default();
    let tree = repository.patched(&base, patch)?;
    same_as_written(&repository, &tree, &landing.diff)?;
    if let LandAs::Patch = arguments.kind {
        return landing.write_patch(context, &repository, &base, arguments.output.as_deref());
    }
    let commit = repository.commit_tree(&tree, &base, &landing.message)?;
    let name = match &branch {
        Some(branch) => format!("refs/heads/{branch}"),
        None => format!("refs/calt/{}", landing.trailers.session),
    };
    repository.name_anew(&name, &commit).map_err(|_| taken(&name, &arguments.session))?;
    landing.told(context, &commit, &base, branch.as_deref())
}

fn finished(session: &Value, arguments: &LandArguments) -> Result<(), Fault> {
    if session["status"] == "succeeded" || arguments.unfinished {
        return Ok(());
    }
    Err(Fault::Gate {
        message: t!(
            "session {session} is {status}, not succeeded; `--unfinished` lands what there is",
            session = arguments.session,
            status = daemon::session_status(&session["status"])
        ),
        hint: format!("calt explain {}", arguments.session),
    })
}

/// What somebody else changed is nobody's to land.
fn whole(diff: &Value, arguments: &LandArguments) -> Result<(), Fault> {
    let hint = format!("calt session diff {}", arguments.session);
    if let [first, rest @ ..] = render::items(&diff["changed_since"])
        && !arguments.unfinished
    {
        let (path, why) = (render::word(&first["path"]), render::word(&first["reason"]));
        let message = t!(
            "not everything can land: `{path}`: {why} ({more} more); `--unfinished` leaves these out",
            path = path,
            why = why,
            more = rest.len()
        );
        return Err(Fault::Gate { message, hint });
    }
    if render::items(&diff["files"]).is_empty() {
        return Err(Fault::Gate { message: t!("session {session} wrote nothing", session = arguments.session), hint });
    }
    Ok(())
}

fn base(repository: &Repository, session: &Value, arguments: &LandArguments) -> Result<String, Fault> {
    let named = arguments.base.as_deref().or_else(|| session["workspace"]["commit"].as_str());
    let Some(named) = named.filter(|name| !name.is_empty()) else {
        return Err(Fault::Usage {
            message: t!("session {session} began from no commit; name one", session = arguments.session),
            hint: Some(format!("calt land {} --base HEAD", arguments.session)),
        });
    };
    repository.commit_id(named)?.ok_or_else(|| Fault::Usage {
        message: t!(
            "commit {commit} is not in the repository at `{directory}`",
            commit = named,
            directory = arguments.repo.display()
        ),
        hint: Some(format!("calt land {} --repo DIR", arguments.session)),
    })
}

fn branch_name(repository: &Repository, arguments: &LandArguments) -> Result<String, Fault> {
    let own = || {
        let digits = arguments.session.trim_start_matches("session_");
        // The end of an id is chance; its beginning is the time, and equal for sessions of one minute.
        let from = digits.len().saturating_sub(BRANCH_ID_DIGITS);
        format!("calt/{}", digits.get(from..).unwrap_or(digits))
    };
    let name = arguments.branch.clone().unwrap_or_else(own);
    if !repository.is_branch_name(&name)? {
        let hint = Some(format!("calt land {} --branch NAME", arguments.session));
        return Err(Fault::Usage { message: t!("`{name}` is no name for a branch", name = name), hint });
    }
    let full = format!("refs/heads/{name}");
    match repository.commit_id(&full)? {
        Some(_) => Err(taken(&full, &arguments.session)),
        None => Ok(name),
    }
}

/// A message ends for `git am` where a patch could begin.
fn readable_by_am(message: &str) -> Result<(), Fault> {
    let ends = |line: &&str| line.starts_with("---") || line.starts_with("diff -") || line.starts_with("Index: ");
    match message.lines().find(ends) {
        Some(line) => Err(Fault::usage(t!("the message of a patch cannot hold the line `{line}`", line = line))),
        None => Ok(()),
    }
}

fn taken(name: &str, session: &str) -> Fault {
    Fault::Usage {
        message: t!("`{name}` is there already, and stays as it is", name = name),
        hint: Some(format!("calt land {session} --branch NAME")),
    }
}

/// What leads from the commit back to the record, as it stands now.
async fn trailers(context: &Context, client: &Client, session: &Value) -> Result<Trailers, Fault> {
    let id = render::word(&session["id"]);
    let version = session["plan_version"].as_u64().unwrap_or_default();
    let plan: Value = context.fetch(client, &endpoint::SHOW_PLAN, &[&id, &version.to_string()], &[]).await?;
    let (mut approved_by, mut event, mut after) = (BTreeSet::new(), 0, "0".to_owned());
    loop {
        let query = [("after", after.as_str()), ("limit", "500")];
        let page: Value = context.fetch(client, &endpoint::SESSION_EVENTS, &[&id], &query).await?;
        let Some(last) = render::items(&page["items"]).last() else { break };
        (after, event) = (last["seq"].to_string(), last["id"].as_u64().unwrap_or_default());
        let yes = render::items(&page["items"])
            .iter()
            .filter(|event| event["event_type"] == "plan_approved" || event["event_type"] == "step_approved");
        approved_by.extend(yes.map(|event| render::word(&event["principal"])));
    }
    let checkpoint = checkpoint(context, client, event).await?;
    Ok(Trailers {
        session: id,
        version,
        digest: render::word(&plan["digest"]),
        approved_by: approved_by.into_iter().collect(),
        root: render::word(&checkpoint["root"]),
        size: checkpoint["size"].as_u64().unwrap_or_default(),
        event,
    })
}

/// The newest checkpoint, when it covers the event; else a new one, which only the owner has signed.
async fn checkpoint(context: &Context, client: &Client, event: u64) -> Result<Value, Fault> {
    let page: Value = context.fetch(client, &endpoint::LIST_CHECKPOINTS, &[], &[("limit", "1")]).await?;
    let newest = &page["items"][0];
    if newest["size"].as_u64().is_some_and(|size| size >= event) {
        return Ok(newest.clone());
    }
    let signed = client.send(&endpoint::SIGN_CHECKPOINT, &[], &json!({"source": context.source()})).await;
    signed.map_err(|error| {
        let fault = Fault::from(error);
        let Fault::Problem(problem) = &fault else { return fault };
        if problem.code != Code::NotAllowed.as_str() {
            return fault;
        }
        Fault::Gate {
            message: t!("no signed checkpoint covers the session yet; wait for the next, or ask the owner to sign one"),
            hint: "calt record checkpoint".to_owned(),
        }
    })
}

fn message(session: &Value, arguments: &LandArguments, trailers: &Trailers) -> String {
    let goal = session["goal"].as_str().map(str::trim).filter(|goal| !goal.is_empty());
    let subject = goal.map_or_else(|| format!("What {} wrote", trailers.session), str::to_owned);
    let subject = calt_api::visible::visible_line(subject.lines().next().unwrap_or_default()).into_owned();
    let subject = match subject.char_indices().nth(SUBJECT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &subject[..end]),
        None => subject,
    };
    let said = arguments.message.as_deref().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let text = said.unwrap_or(subject);
    format!("{text}\n\n{}", trailers.block())
}

/// The files of the tree that calt wrote are, byte for byte, those of the workspace.
fn same_as_written(repository: &Repository, tree: &str, diff: &Value) -> Result<(), Fault> {
    match unlike(repository, tree, diff)?.first() {
        None => Ok(()),
        Some(path) => Err(Fault::Gate {
            message: t!(
                "`{path}` would not land as it stands in the workspace: it was another file at the base commit",
                path = path
            ),
            hint: "calt land SESSION --as patch".to_owned(),
        }),
    }
}

/// Files of a diff that are not so in a tree.
pub(crate) fn unlike(repository: &Repository, tree: &str, diff: &Value) -> Result<Vec<String>, Fault> {
    let files = repository.files(tree)?;
    let mut unlike = Vec::new();
    for file in render::items(&diff["files"]) {
        let path = render::word(&file["path"]);
        let there = files.get(&path);
        let sha256 = there.map(|file| repository.sha256(&file.blob)).transpose()?;
        let mode = there.map(|file| file.mode.as_str());
        let left = file["from"].as_str().is_some_and(|from| files.contains_key(from));
        if sha256.as_deref() != file["new_sha256"].as_str() || mode != file["new_mode"].as_str() || left {
            unlike.push(path);
        }
    }
    Ok(unlike)
}

impl Landing {
    fn told(&self, context: &Context, commit: &str, base: &str, branch: Option<&str>) -> Result<(), Fault> {
        let files = render::items(&self.diff["files"]).len();
        let said = json!({
            "session_id": self.trailers.session, "commit": commit, "base": base, "branch": branch, "files": files,
        });
        context.show(&said, |_| match branch {
            Some(branch) => {
                t!("branch {branch}: commit {commit}, {files} files\n", branch = branch, commit = commit, files = files)
            }
            None => t!("commit {commit}, {files} files\n", commit = commit, files = files),
        })?;
        let command = match branch {
            Some(branch) => format!("git merge {branch}"),
            None => format!("git cherry-pick {commit}"),
        };
        context.talk(&t!("Your working tree is as it was. To take it over: {command}\n", command = command));
        Ok(())
    }

    /// A patch as `git am` takes it.
    fn write_patch(
        &self,
        context: &Context,
        repository: &Repository,
        base: &str,
        output: Option<&Path>,
    ) -> Result<(), Fault> {
        let (author, _) = repository
            .author()?
            .rsplit_once("> ")
            .map(|(who, when)| (format!("{who}>"), when.to_owned()))
            .unwrap_or_default();
        let date = jiff::Zoned::now().strftime("%a, %d %b %Y %H:%M:%S %z");
        // Words that look encoded would be decoded.
        let message = self.message.replace("=?", "= ?");
        let (subject, body) = message.split_once('\n').unwrap_or((&message, ""));
        let diff = self.diff["diff"].as_str().unwrap_or_default();
        let text = format!(
            "From {base} Mon Sep 17 00:00:00 2001\nFrom: {author}\nDate: {date}\nSubject: [PATCH] {subject}\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n\
             {}\n---\n{diff}-- \ncalt\n",
            body.trim_start_matches('\n').trim_end()
        );
        let Some(path) = output else { return render::out_bytes(text.as_bytes()) };
        let name = path.display().to_string();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Fault::usage(t!("`{name}` cannot be written: {error}", name = name, error = error)))?;
        let files = render::items(&self.diff["files"]).len();
        let said = json!({"session_id": self.trailers.session, "path": name, "base": base, "files": files});
        context.show(&said, |_| t!("{path} ({files} files)\n", path = name, files = files))?;
        let command = format!("git am --keep-cr {}", crate::hint::quoted(&name));
        context.talk(&t!("It leads on from {base}. To take it over: {command}\n", base = base, command = command));
        Ok(())
    }
}
