//! `calt explain SESSION`: where it stands, why, what is on disk, and the exact next command.

use std::collections::BTreeMap;

use calt_api::client::{CallError, Client};
use calt_api::visible::visible;
use calt_api::{Next, endpoint};
use serde_json::{Value, json};

use super::inbox;
use super::standing::{self, Ways};
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::look::{id, steps};
use crate::render::{self, Sheet};
use crate::table::{paragraph, rows};
use crate::words::{daemon, language, t};

/// Lines of a failed run's output that are shown, the last ones.
const LAST_LINES: usize = 10;
/// Events looked at for what happened last.
const NEWEST_EVENTS: &str = "20";
/// Ends of runs looked at for what they wrote; the newest come first.
const ENDS_MAX: &str = "500";
/// The events that end a run.
const ENDS: [&str; 3] = ["step_executed", "step_failed", "step_interrupted"];

/// Everything that is asked about a session.
struct Found {
    session: Value,
    plan: Value,
    /// What waits of it, or null.
    waits: Value,
    newest: Vec<Value>,
    /// Ends of runs, oldest first.
    ends: Vec<Value>,
    /// The run that failed last, or null.
    failed_run: Value,
    /// From a success on a copy to where somebody works.
    ways: Option<Ways>,
}

pub(crate) async fn run(context: &Context, session: &str) -> Result<(), Fault> {
    let client = context.client().await?;
    let found = look(context, &client, session).await?;
    let why = found.why();
    let next = found.next(session);
    let undo = found.way_back(session);
    let (on_disk, missing) = (found.on_disk(), found.not_on_disk());
    let last_lines = found.last_lines();
    let answer = json!({
        "session": found.session, "why": why, "next_command": next, "undo_command": undo,
        "land_command": found.ways.as_ref().and_then(|ways| ways.land.as_ref()), "waits": found.waits,
        "last_lines": last_lines, "on_disk": on_disk, "not_on_disk": missing,
    });
    context.show(&answer, |_| {
        let mut sheet = Sheet::default();
        sheet.say(format!("{session}: {}", found.standing()));
        if let Some(goal) = found.session["goal"].as_str().filter(|goal| !goal.is_empty()) {
            sheet
                .add(&paragraph(&t!("goal: {goal}", goal = calt_api::visible::visible_line(&language().titled(goal)))));
        }
        sheet.add(&paragraph(&why));
        for line in &last_lines {
            sheet.line(format_args!("  │ {}", visible(line)));
        }
        let row = |step: &Value| {
            vec![
                format!("  {}", daemon::step_status_in(&found.session, step)),
                id(step).to_owned(),
                daemon::title(&step["title"]),
            ]
        };
        sheet.add(&rows(&steps(&found.plan).map(row).collect::<Vec<_>>()));
        sheet.add(&disk(&found.session, &on_disk, &missing));
        if let Some(workspace) = context.workspace(&found.session) {
            sheet.add(&render::files_in(&workspace));
        }
        sheet.add(&found.ways(session, next.as_deref(), undo.as_deref()));
        sheet.done()
    })
}

async fn look(context: &Context, client: &Client, session: &str) -> Result<Found, CallError> {
    let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let plan: Value = match shown["plan_version"].as_u64() {
        Some(version) => context.fetch(client, &endpoint::SHOW_PLAN, &[session, &version.to_string()], &[]).await?,
        None => Value::Null,
    };
    let inbox: Value = context.fetch(client, &endpoint::INBOX, &[], &[("session", session)]).await?;
    let search = async |event_type: Option<&str>, limit: &str| {
        let mut query = vec![("q", ""), ("limit", limit)];
        query.extend(event_type.map(|event_type| ("event_type", event_type)));
        let page: Value = context.fetch(client, &endpoint::SEARCH_SESSION_EVENTS, &[session], &query).await?;
        Ok::<_, CallError>(render::items(&page["items"]).to_vec())
    };
    let newest = search(None, NEWEST_EVENTS).await?;
    let mut ends = Vec::new();
    for event_type in ENDS {
        ends.extend(search(Some(event_type), ENDS_MAX).await?);
    }
    ends.sort_by_key(|event| event["id"].as_u64());
    let failed = ends.iter().rfind(|event| event["event_type"] != "step_executed" && event["run_id"].is_number());
    let failed_run = match failed.filter(|_| shown["status"] == "failed") {
        Some(end) => context.fetch(client, &endpoint::SHOW_RUN, &[&end["run_id"].to_string()], &[]).await?,
        None => Value::Null,
    };
    let waits = render::items(&inbox["items"]).first().cloned().unwrap_or_default();
    let ways = standing::ways(context, client, &shown).await;
    Ok(Found { session: shown, plan, waits, newest, ends, failed_run, ways })
}

impl Found {
    fn status(&self) -> &str {
        self.session["status"].as_str().unwrap_or_default()
    }

    /// The status, and what of it is easily overlooked.
    fn standing(&self) -> String {
        let mut said = vec![daemon::session_status(&self.session["status"])];
        if self.session["needs_replan"] == Value::Bool(true) {
            said.push(daemon::session_status(&Value::from("needs_replan")));
        }
        if self.session["mode"] == "dry_run" {
            said.push(t!("dry run: nothing is applied"));
        }
        said.join(&t!(", "))
    }

    /// Why it stands there: what waits since when, or the last thing that mattered.
    fn why(&self) -> String {
        match self.status() {
            "pending" => t!("It has no plan yet."),
            "awaiting_plan_approval" | "awaiting_step_approval" => self.waiting(),
            "running" => self.running(),
            "succeeded" => t!("Every step succeeded or was left out."),
            "failed" => self.last(&["step_failed", "step_interrupted", "step_rejected", "plan_rejected"]).map_or_else(
                || t!("A step failed."),
                |why| t!("Because: {why}. Only a new plan version leads on.", why = why),
            ),
            "cancelled" => self.last(&["session_stopped"]).unwrap_or_else(|| t!("It was stopped.")),
            other => other.to_owned(),
        }
    }

    fn waiting(&self) -> String {
        if self.waits.is_null() {
            return match serde_json::from_value(self.session["next"].clone()) {
                Ok(Next::ExecuteStep { step, .. }) => {
                    t!("Step {step} is approved and waits to be executed.", step = step)
                }
                _ => t!("It waits for a yes or a no."),
            };
        }
        let (what, since) = (inbox::what(&self.waits), render::time(&self.waits["since"]));
        let roles = render::items(&self.waits["roles"]).iter().map(|role| daemon::kind("role", role));
        let roles = roles.reduce(|one, other| t!("{one} or {other}", one = one, other = other)).unwrap_or_default();
        t!("Since {since} it waits for {roles}: {what}.", since = since, roles = roles, what = what)
    }

    fn running(&self) -> String {
        let Some((place, step)) = steps(&self.plan).enumerate().find(|(_, step)| step["status"] == "running") else {
            return t!("A step is running.");
        };
        let started = self.newest.iter().find(|event| event["event_type"] == "step_started");
        let since = started.map(|event| &event["created_at"]);
        let elapsed = since.and_then(Value::as_str).and_then(|at| at.parse::<jiff::Timestamp>().ok()).map(|at| {
            let seconds = jiff::Timestamp::now().duration_since(at).as_secs().max(0);
            t!(", since {since} ({seconds} s)", since = render::time(&Value::from(at.to_string())), seconds = seconds)
        });
        let of = render::items(&self.plan["steps"]).len();
        t!(
            "Step {step} is running: {number} of {count}{elapsed}.",
            step = id(step),
            number = place + 1,
            count = of,
            elapsed = elapsed.unwrap_or_default()
        )
    }

    /// The newest event of these types, in words.
    fn last(&self, kinds: &[&str]) -> Option<String> {
        let event = self.newest.iter().find(|event| kinds.iter().any(|kind| event["event_type"] == **kind))?;
        let reason = render::what_came_of(event).map(|reason| format!(": {reason}")).unwrap_or_default();
        // The daemon tells how a run ended; it decided nothing.
        let by = match render::word(&event["principal"]).as_str() {
            "daemon" => String::new(),
            somebody => t!(" by {somebody}", somebody = somebody),
        };
        Some(format!("{}{by}{reason}", daemon::summary(event)))
    }

    /// What the run that failed said at last.
    fn last_lines(&self) -> Vec<String> {
        let output = &self.failed_run["output"];
        let text = |name: &str| output[name].as_str().unwrap_or_default().lines();
        let lines: Vec<&str> = text("stdout").chain(text("stderr")).collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|&line| line.to_owned()).collect()
    }

    fn next(&self, session: &str) -> Option<String> {
        if let Some(ways) = &self.ways {
            return Some(ways.look.clone());
        }
        let of = |next: &Value| serde_json::from_value(next.clone()).ok();
        let next: Next = of(&self.waits["next"]).or_else(|| of(&self.session["next"]))?;
        hint::command(&next, Some(session))
    }

    /// The command that takes back what a failure or a stop left behind.
    fn way_back(&self, session: &str) -> Option<String> {
        let has_written = || self.on_disk().iter().any(|file| file["change"] != "unclear");
        let all = || has_written().then(|| hint::here(&format!("calt undo {session}")));
        match self.status() {
            // A run that failed half way names itself; otherwise everything the session wrote is meant.
            "failed" => self.offered_by_the_last_run(session).or_else(all),
            "cancelled" => all(),
            _ => None,
        }
    }

    fn offered_by_the_last_run(&self, session: &str) -> Option<String> {
        let payload: Value = serde_json::from_str(self.ends.last()?["payload_text"].as_str()?).ok()?;
        hint::command(&serde_json::from_value(payload["next"].clone()).ok()?, Some(session))
    }

    /// What runs wrote, by path, as it is now as far as calt knows.
    fn on_disk(&self) -> Vec<Value> {
        let mut files = BTreeMap::new();
        for end in &self.ends {
            let applied = render::items(&end["facts"]["applied"]).iter();
            for file in applied {
                let change = if file["new_exists"] == Value::Bool(false) { "removed" } else { "wrote" };
                files.insert(render::word(&file["path"]), (change, file["from"].clone(), end["run_id"].clone()));
            }
            for file in render::items(&end["facts"]["files"]).iter().filter(|file| file["finding"].is_string()) {
                let change = match file["finding"].as_str() {
                    Some("applied") => "wrote",
                    Some("foreign") => "unclear",
                    Some(_) | None => continue,
                };
                files.insert(render::word(&file["path"]), (change, Value::Null, end["run_id"].clone()));
            }
        }
        let shown = |(path, (change, from, run)): (String, (&str, Value, Value))| json!({"path": path, "change": change, "from": from, "run_id": run});
        files.into_iter().map(shown).collect()
    }

    /// What the newest plan would write and has not.
    fn not_on_disk(&self) -> Vec<Value> {
        let open = steps(&self.plan).filter(|step| step["effect"] == "writes" && step["status"] != "succeeded");
        open.flat_map(|step| {
            let inputs = &step["inputs"];
            let of_many = render::items(&inputs["files"]).iter().map(|file| {
                let new = &file["rename_to"];
                let change = if file["restore"].is_object() {
                    "restore"
                } else if file["delete"] == true {
                    "remove"
                } else {
                    "write"
                };
                (if new.is_string() { new } else { &file["path"] }, change)
            });
            let paths = of_many.chain([(&inputs["path"], "write")]).filter(|(path, _)| path.is_string());
            let open = |(path, change)| json!({"path": path, "change": change, "step_id": step["id"], "status": step["status"]});
            paths.map(open).collect::<Vec<_>>()
        })
        .collect()
    }

    /// The next command, and the other ways there are.
    fn ways(&self, session: &str, next: Option<&str>, undo: Option<&str>) -> String {
        let mut sheet = Sheet::default();
        match next {
            Some(next) => sheet.say_command(&t!("next: {command}", command = next), next),
            None => sheet.say(t!("next: nothing; a stopped session stays stopped")),
        }
        if let Some(land) = self.ways.as_ref().and_then(|ways| ways.land.as_ref()) {
            sheet.say_command(&t!("to land it: {command}", command = land), land);
        }
        let run = hint::here(&hint::go_on(session));
        let stop = hint::here(&format!("calt session stop {session}"));
        match self.status() {
            "cancelled" => sheet.say(t!("a new session: {command}", command = hint::here("calt run PLAN"))),
            // The one step and the whole way: who came to decide wants to see it through.
            // Who may not decide has the one way.
            status if status.starts_with("awaiting_") && next != Some(run.as_str()) => {
                sheet.say_command(&t!("all of it: {command}", command = run), &run);
            }
            "running" => sheet.say_command(&t!("to end it: {command}", command = stop), &stop),
            _ => {}
        }
        if let Some(undo) = undo {
            sheet.say_command(&t!("to take back what was written: {command}", command = undo), undo);
        }
        sheet.done()
    }
}

/// What has landed on disk and what not.
fn disk(session: &Value, on_disk: &[Value], missing: &[Value]) -> String {
    let mut sheet = Sheet::default();
    for file in on_disk {
        let (change, path, run) = (&file["change"], render::word(&file["path"]), render::word(&file["run_id"]));
        sheet.say(match change.as_str() {
            Some("unclear") => t!(
                "unclear: run {run} was cut off, and {path} is neither as before nor as planned",
                run = run,
                path = path
            ),
            Some("removed") => t!("removed {path} (run {run})", path = path, run = run),
            Some(_) if file["from"].is_string() => {
                t!(
                    "wrote {path}, which was {from} (run {run})",
                    path = path,
                    from = render::word(&file["from"]),
                    run = run
                )
            }
            Some(_) | None => t!("wrote {path} (run {run})", path = path, run = run),
        });
    }
    for file in missing {
        let (path, step) = (&file["path"], &file["step_id"]);
        let (path, step, status) = (render::word(path), render::word(step), daemon::step_status_in(session, file));
        sheet.say(match file["change"].as_str() {
            Some("restore") => {
                t!("not put back yet: {path} (step {step}: {status})", path = path, step = step, status = status)
            }
            Some("remove") => {
                t!("not removed yet: {path} (step {step}: {status})", path = path, step = step, status = status)
            }
            // What an earlier plan wrote is there; this one would change it.
            Some(_) | None if on_disk.iter().any(|written| written["path"] == file["path"]) => {
                t!("not changed yet: {path} (step {step}: {status})", path = path, step = step, status = status)
            }
            Some(_) | None => {
                t!("not written: {path} (step {step}: {status})", path = path, step = step, status = status)
            }
        });
    }
    sheet.done()
}
