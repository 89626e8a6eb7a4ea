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
use crate::hint::quoted;
use crate::land::{InTheWay, Repository};
use crate::trailers::Trailers;
use crate::words::{counted, daemon, t};
use crate::{render, table};

/// Longest subject of a commit made here, in characters.
const SUBJECT_CHARS_MAX: usize = 72;
/// Digits of a session's id in the name of a branch.
const BRANCH_ID_DIGITS: usize = 12;
/// Digits of an id in a repository of SHA-1, and in one of SHA-256.
const SHA1_DIGITS: usize = 40;
const SHA256_DIGITS: usize = 64;

/// Most files that were not committed which are named.
const FILES_NAMED_MAX: usize = 3;
/// Digits of a commit that are enough to tell it.
const COMMIT_DIGITS: usize = 12;

/// What lands, with what leads back to it.
struct Landing {
    diff: Value,
    trailers: Trailers,
    message: String,
}

pub(crate) async fn run(context: &Context, arguments: &LandArguments) -> Result<(), Fault> {
    let client = context.client().await?;
    let session: Value = context.fetch(&client, &endpoint::SHOW_SESSION, &[&arguments.session], &[]).await?;
    let events = events(context, &client, &arguments.session).await?;
    let version = landed_version(context, &session, &events, arguments)?;
    // Looked at masked first: what is refused anyway is not given out.
    let masked: Value = context.fetch(&client, &endpoint::SESSION_DIFF, &[&arguments.session], &[]).await?;
    whole(&masked, &events, arguments)?;
    let repository = Repository::open(&arguments.repo, &format!("calt land {} --repo DIR", arguments.session))?;
    if let Some(link) = repository.link_in_store()? {
        return Err(through(&link));
    }
    let base = base(&repository, &session, arguments)?;
    if let (LandAs::Patch, Some(text)) = (arguments.kind, &arguments.message) {
        readable_by_am(text)?;
    }
    let branch = match arguments.kind {
        LandAs::Branch => Some(branch_name(&repository, arguments)?),
        LandAs::Commit | LandAs::Patch => None,
    };
    let name = match (&branch, arguments.kind) {
        (Some(branch), _) => Some(format!("refs/heads/{branch}")),
        (None, LandAs::Commit) => Some(format!("refs/calt/{}", render::word(&session["id"]))),
        (None, LandAs::Branch | LandAs::Patch) => None,
    };
    if let Some(name) = &name {
        free(&repository, name, arguments)?;
    }
    let trailers = trailers(context, &client, &arguments.session, version, &events).await?;
    let query = [("raw", "true"), ("source", context.source())];
    let diff = context.fetch_released(&client, &endpoint::SESSION_DIFF, &[&arguments.session], &query).await?;
    let message = message(&session, arguments, &trailers);
    let landing = Landing { diff, trailers, message };
    let patch = landing.diff["diff"].as_str().unwrap_or_default();
    let tree = repository.patched(&base, patch).map_err(|fault| unfitting(fault, &base, &session, arguments))?;
    same_as_written(&repository, &tree, &landing.diff, &arguments.session)
        .map_err(|fault| unfitting(fault, &base, &session, arguments))?;
    let Some(name) = name else {
        return landing.write_patch(context, &repository, &base, arguments.output.as_deref());
    };
    let commit = repository.commit_tree(&tree, &base, &landing.message)?;
    // Somebody may have taken the name meanwhile; what else git says is said as it is.
    repository.name_anew(&name, &commit).or_else(|said| free(&repository, &name, arguments).and(Err(said)))?;
    landing.told(context, &commit, &base, branch.as_deref())
}

async fn events(context: &Context, client: &Client, session: &str) -> Result<Vec<Value>, Fault> {
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let query = [("after", after.as_str()), ("limit", "500")];
        let page: Value = context.fetch(client, &endpoint::SESSION_EVENTS, &[session], &query).await?;
        let Some(last) = render::items(&page["items"]).last() else { return Ok(events) };
        after = last["seq"].to_string();
        events.extend_from_slice(render::items(&page["items"]));
    }
}

/// The plan version that what lands came of. What was applied counts: a later plan that has written nothing, such as
/// an undo that was only looked at, takes nothing away from the one that succeeded.
fn landed_version(
    context: &Context,
    session: &Value,
    events: &[Value],
    arguments: &LandArguments,
) -> Result<u64, Fault> {
    let newest = session["plan_version"].as_u64().unwrap_or_default();
    if session["status"] == "succeeded" || arguments.unfinished {
        return Ok(newest);
    }
    let status = daemon::session_status(&session["status"]);
    match still_standing(events).filter(|_| session["status"] != "running") {
        Some(version) => {
            context.talk(&t!(
                "plan v{newest} is {status} and has written nothing; what lands is of plan v{version}, which succeeded\n",
                newest = newest,
                status = status,
                version = version
            ));
            Ok(version)
        }
        None => Err(Fault::Gate {
            message: t!(
                "session {session} is {status}, not succeeded; `--unfinished` lands what there is",
                session = arguments.session,
                status = status
            ),
            hint: format!("calt explain {}", arguments.session),
        }),
    }
}

/// The plan version that succeeded last, if no later one has written anything or failed at its work.
fn still_standing(events: &[Value]) -> Option<u64> {
    let place = events.iter().rposition(|event| event["event_type"] == "session_succeeded")?;
    let is_of = |event: &Value, kinds: &[&str]| kinds.iter().any(|kind| event["event_type"] == **kind);
    let changes =
        |event: &Value| is_of(event, &["step_failed", "step_interrupted"]) || !render::written(event).is_empty();
    let stands = !events[place..].iter().any(changes);
    events[place]["facts"]["version"].as_u64().filter(|_| stands)
}

/// What somebody else changed is nobody's to land.
fn whole(diff: &Value, events: &[Value], arguments: &LandArguments) -> Result<(), Fault> {
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
        let session = &arguments.session;
        if events.iter().any(|event| !render::written(event).is_empty()) {
            let message =
                t!("what session {session} wrote has been taken back; nothing is left to land", session = session);
            return Err(Fault::Gate { message, hint: format!("calt explain {session}") });
        }
        return Err(Fault::Gate { message: t!("session {session} wrote nothing", session = session), hint });
    }
    Ok(())
}

fn base(repository: &Repository, session: &Value, arguments: &LandArguments) -> Result<String, Fault> {
    let named = arguments.base.as_deref().or_else(|| session["workspace"]["commit"].as_str());
    let Some(named) = named.filter(|name| !name.is_empty()) else {
        return Err(Fault::Usage {
            message: t!("session {session} began from no commit; name one", session = arguments.session),
            hint: Some(again_with(arguments, "--base HEAD")),
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
    let full = format!("refs/heads/{name}");
    if let Some(why) = misleading(&name) {
        let message = t!("`{name}` is no name for a branch: {why}", name = name, why = why.said());
        return Err(Fault::Usage { message, hint: Some(again_with(arguments, "--branch NAME")) });
    }
    if !repository.is_spelled_well(&full)? {
        let hint = Some(again_with(arguments, "--branch NAME"));
        return Err(Fault::Usage { message: t!("`{name}` is no name for a branch", name = name), hint });
    }
    Ok(name)
}

/// Why git would take a name for something else than this branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misleading {
    Option,
    Head,
    Full,
    Id,
}

impl Misleading {
    fn said(self) -> String {
        match self {
            Self::Option => t!("it begins as an option does"),
            Self::Head => t!("git reads it as where a working tree stands"),
            Self::Full => t!("it is a full name already; leave out what stands before the branch's own name"),
            Self::Id => t!("it reads as the id of a commit"),
        }
    }
}

/// Names that git would make a branch of and then read as something else.
fn misleading(name: &str) -> Option<Misleading> {
    let is_id = |digits: usize| name.len() == digits && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_head = |name: &str| {
        let spelled = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        spelled && (name == "HEAD" || name.ends_with("_HEAD"))
    };
    match name {
        _ if name.starts_with('-') => Some(Misleading::Option),
        _ if name == "@" || name.contains("@{") || is_head(&name.to_ascii_uppercase()) => Some(Misleading::Head),
        _ if name.starts_with("refs/") || name.starts_with("heads/") => Some(Misleading::Full),
        _ if is_id(SHA1_DIGITS) || is_id(SHA256_DIGITS) => Some(Misleading::Id),
        _ => None,
    }
}

/// The same landing once more, with something else.
fn again_with(arguments: &LandArguments, other: &str) -> String {
    let here = Path::new(".");
    let repo = Some(arguments.repo.as_path()).filter(|repo| *repo != here);
    let repo = repo.map(|repo| format!(" --repo {}", quoted(&repo.to_string_lossy()))).unwrap_or_default();
    format!("calt land {}{repo} {other}", arguments.session)
}

/// Refuses a name that is there, stands for another one, or is what somebody works on.
fn free(repository: &Repository, full: &str, arguments: &LandArguments) -> Result<(), Fault> {
    let message = match repository.in_the_way(full)? {
        None => return Ok(()),
        Some(InTheWay::There) => t!("`{name}` is there already, and stays as it is", name = full),
        Some(InTheWay::LeadsTo(target)) => {
            t!("`{name}` stands for another name, `{target}`, and is not followed", name = full, target = target)
        }
        Some(InTheWay::CheckedOut) => t!("`{name}` is checked out in a working tree, and stays as it is", name = full),
        Some(InTheWay::Log(log)) => {
            t!("`{path}` is not the repository's alone, and git would add to it", path = log.display())
        }
        Some(InTheWay::Link(link)) => return Err(through(&link)),
    };
    Err(Fault::Usage { message, hint: Some(again_with(arguments, "--branch NAME")) })
}

/// Refuses to write through a link, which leads to wherever somebody wanted it to.
fn through(link: &Path) -> Fault {
    Fault::Usage {
        message: t!("`{path}` is a link, and git would write to where it leads", path = link.display()),
        hint: Some(format!("ls -l {}", quoted(&link.to_string_lossy()))),
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

/// What leads from the commit back to the record, as it stands now.
async fn trailers(
    context: &Context,
    client: &Client,
    session: &str,
    version: u64,
    events: &[Value],
) -> Result<Trailers, Fault> {
    let plan: Value = context.fetch(client, &endpoint::SHOW_PLAN, &[session, &version.to_string()], &[]).await?;
    let yes = events.iter().filter(|event| {
        let is_yes = event["event_type"] == "plan_approved" || event["event_type"] == "step_approved";
        is_yes && event["facts"]["version"].as_u64().is_some_and(|of| of <= version)
    });
    let approved_by: BTreeSet<String> = yes.map(|event| render::word(&event["principal"])).collect();
    let event = events.last().and_then(|event| event["id"].as_u64()).unwrap_or_default();
    let checkpoint = checkpoint(context, client, event).await?;
    Ok(Trailers {
        session: session.to_owned(),
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
fn same_as_written(repository: &Repository, tree: &str, diff: &Value, session: &str) -> Result<(), Fault> {
    match unlike(repository, tree, diff)?.first() {
        None => Ok(()),
        Some(path) => Err(Fault::Gate {
            message: t!(
                "`{path}` would not land as it stands in the workspace: it was another file at the base commit",
                path = path
            ),
            hint: format!("calt session diff {session}"),
        }),
    }
}

/// Why nothing fits, where the session began from more than a commit: the commit has not what the patch leads on from.
fn unfitting(fault: Fault, base: &str, session: &Value, arguments: &LandArguments) -> Fault {
    let uncommitted = render::items(&session["workspace"]["uncommitted"]).iter().filter(|file| file["taken"] == true);
    let paths: Vec<String> = uncommitted.map(|file| format!("`{}`", render::word(&file["path"]))).collect();
    if paths.is_empty() {
        let hint = match arguments.base {
            // The commit that it began from always fits.
            Some(_) if session["workspace"]["commit"].is_string() => {
                format!("calt land {} --repo DIR", arguments.session)
            }
            Some(_) | None => format!("calt session diff {}", arguments.session),
        };
        return match fault.hint() {
            None => Fault::Usage { message: fault.message_alone(), hint: Some(hint) },
            Some(_) => fault,
        };
    }
    let more = if paths.len() > FILES_NAMED_MAX { ", …" } else { "" };
    Fault::Gate {
        message: t!(
            "the session began from files that were not committed, so commit {base} has not what its patch leads on from: {paths}; commit these files as they were then, and name that commit",
            base = base.get(..COMMIT_DIGITS).unwrap_or(base),
            paths = paths[..paths.len().min(FILES_NAMED_MAX)].join(&t!(", ")) + more
        ),
        hint: format!("calt land {} --repo DIR --base COMMIT", arguments.session),
    }
}

/// Files of a diff that are not so in a tree.
pub(crate) fn unlike(repository: &Repository, tree: &str, diff: &Value) -> Result<Vec<String>, Fault> {
    let files = repository.files(tree)?;
    let mut unlike = Vec::new();
    for file in render::items(&diff["files"]) {
        // As it is, and not as it is shown: a name may hold a newline.
        let path = file["path"].as_str().unwrap_or_default();
        let there = files.get(path);
        let sha256 = there.map(|file| repository.sha256(&file.blob)).transpose()?;
        let mode = there.map(|file| file.mode.as_str());
        let left = file["from"].as_str().is_some_and(|from| files.contains_key(from));
        if sha256.as_deref() != file["new_sha256"].as_str() || mode != file["new_mode"].as_str() || left {
            unlike.push(path.to_owned());
        }
    }
    Ok(unlike)
}

impl Landing {
    fn told(&self, context: &Context, commit: &str, base: &str, branch: Option<&str>) -> Result<(), Fault> {
        let files = render::items(&self.diff["files"]).len();
        let written = counted::files(files as u64);
        let said = json!({
            "session_id": self.trailers.session, "commit": commit, "base": base, "branch": branch, "files": files,
        });
        let landed = match branch {
            Some(branch) => {
                t!("branch {branch}: commit {commit}, {files}\n", branch = branch, commit = commit, files = written)
            }
            None => t!("commit {commit}, {files}\n", commit = commit, files = written),
        };
        context.show(&said, |_| table::said(&landed))?;
        let command = match branch {
            Some(branch) => format!("git merge {branch}"),
            None => format!("git cherry-pick {commit}"),
        };
        let said = t!("Your working tree is as it was. To take it over: {command}\n", command = command);
        context.talk_command(&said, &command);
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
        let written = counted::files(files as u64);
        context.show(&said, |_| table::said(&t!("{path} ({files})\n", path = name, files = written)))?;
        let command = format!("git am --keep-cr {}", crate::hint::quoted(&name));
        let said = t!("It leads on from {base}. To take it over: {command}\n", base = base, command = command);
        context.talk_command(&said, &command);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_plan_that_wrote_nothing_takes_nothing_away_from_what_succeeded() {
        let event = |kind: &str| json!({"event_type": kind, "facts": {"version": 1}});
        let of_kinds = |kinds: &[&str]| still_standing(&kinds.iter().map(|kind| event(kind)).collect::<Vec<_>>());
        assert_eq!(of_kinds(&["plan_imported", "step_failed"]), None);
        assert_eq!(of_kinds(&["step_failed", "session_succeeded", "plan_imported", "plan_rejected"]), Some(1));
        assert_eq!(of_kinds(&["session_succeeded", "plan_imported", "step_started", "step_failed"]), None);
        let mut wrote = event("step_executed");
        assert_eq!(still_standing(&[event("session_succeeded"), wrote.clone()]), Some(1));
        wrote["facts"]["applied"] = json!([{"path": "a"}]);
        assert_eq!(still_standing(&[event("session_succeeded"), wrote]), None);
    }

    #[test]
    fn a_name_that_git_reads_as_something_else_is_none_for_a_branch() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        for (name, why) in [
            ("-x", Misleading::Option),
            ("--orphan", Misleading::Option),
            ("@", Misleading::Head),
            ("@{-1}", Misleading::Head),
            ("a@{0}", Misleading::Head),
            ("HEAD", Misleading::Head),
            ("head", Misleading::Head),
            ("FETCH_HEAD", Misleading::Head),
            ("refs/heads/main", Misleading::Full),
            ("heads/main", Misleading::Full),
            (id, Misleading::Id),
        ] {
            assert_eq!(misleading(name), Some(why), "{name}");
        }
        for name in ["main", "calt/0123", "a-b", "a@b", "feature/HEAD-start", "ahead", &id[1..], "\u{65e5}"] {
            assert_eq!(misleading(name), None, "{name}");
        }
    }
}
