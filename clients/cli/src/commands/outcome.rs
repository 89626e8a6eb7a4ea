//! What stands at the end of a run: its record in short, where all of it is, and last what came of it.

use std::collections::BTreeSet;

use calt_api::endpoint;
use serde_json::{Value, json};

use super::run::show_session;
use super::standing::{self, Standing};
use crate::fault::Fault;
use crate::look::{Run, id, steps};
use crate::render::{self, Sheet};
use crate::words::{counted, daemon, t};

/// What a run that reached its end found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Something was decided or executed.
    Now,
    /// Every step was done or left out already.
    DoneBefore,
}

/// Most files that a line names; the others are counted.
const FILES_NAMED_MAX: usize = 5;
/// Most steps that are all shown; of more, those that only read or preview are counted.
const STEPS_SHOWN_MAX: usize = 12;
/// The events that end what a step was to do.
const ENDS: [&str; 5] = ["step_executed", "step_failed", "step_interrupted", "step_skipped", "step_rejected"];

/// Prints it; as JSON the record is whole, with every event and artifact.
pub(super) async fn print(run: &Run<'_>, seen: &Result<Seen, Fault>) -> Result<(), Fault> {
    let stopped_by = seen.as_ref().err();
    let (context, session) = (run.context, run.session.as_str());
    let shown = show_session(context, &run.client, session).await?;
    let events = events(run).await?;
    if context.json() {
        let (artifacts, error) = (artifacts(run).await?, stopped_by.and_then(Fault::json));
        return render::data(&json!({"session": shown, "events": events, "artifacts": artifacts, "error": error}));
    }
    let plan = run.plan().await?;
    render::out(&in_short(session, &shown, &plan, &events))?;
    let command = |command: String| crate::hint::here(&command);
    let record = command(format!("calt logs search --session {session}"));
    context.talk_command(&t!("Record: {command}\n", command = record), &record);
    if events.iter().any(|event| event["event_type"] == "artifact_saved") {
        let command = command(format!("calt artifacts list {session}"));
        context.talk_command(&t!("Artifacts: {command}\n", command = command), &command);
    }
    if let Some(workspace) = context.workspace(&shown) {
        render::out(&format!("\n{}", render::files_in(&workspace)))?;
    }
    if shown["status"] != "succeeded" {
        // What stopped it comes last, with its way on.
        return Ok(());
    }
    let has_written = events.iter().any(|event| !render::written(event).is_empty());
    let left = if has_written { standing::of(context, &run.client, session).await } else { Standing::Nothing };
    if shown["workspace"]["kind"] == "snapshot" && left != Standing::Nothing && context.may_decide() {
        // The copy is not where anybody works: what was written still has to get there.
        let command = command(standing::land(context, &run.client, &shown).await);
        context.talk_command(&t!("Land: {command}\n", command = command), &command);
    }
    if has_written && left == Standing::Nothing {
        context.talk(&t!("All that this session wrote has been taken back; there is nothing to land.\n"));
    }
    render::out(&match seen {
        Ok(Seen::DoneBefore) => t!("\nNothing was left to run: all of it was done before.\n"),
        Ok(Seen::Now) | Err(_) => done(&plan, &events),
    })
}

async fn events(run: &Run<'_>) -> Result<Vec<Value>, Fault> {
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let query = [("after", after.as_str()), ("limit", "500")];
        let page: Value = run.context.fetch(&run.client, &endpoint::SESSION_EVENTS, &[&run.session], &query).await?;
        let Some(last) = render::items(&page["items"]).last() else { return Ok(events) };
        after = last["seq"].to_string();
        events.extend_from_slice(render::items(&page["items"]));
    }
}

async fn artifacts(run: &Run<'_>) -> Result<Vec<Value>, Fault> {
    let (mut artifacts, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", "500")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: Value = run.context.fetch(&run.client, &endpoint::LIST_ARTIFACTS, &[&run.session], &query).await?;
        artifacts.extend_from_slice(render::items(&page["items"]));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            artifacts.sort_by_key(|item| item["id"].as_i64());
            return Ok(artifacts);
        }
    }
}

/// One line a step of the newest plan, and who said yes.
fn in_short(session: &str, shown: &Value, plan: &Value, events: &[Value]) -> String {
    let mut sheet = Sheet::default();
    // A no is no failure of the work: what was said stands where it is read first.
    let no = events.iter().rfind(|event| said_no(plan, event)).filter(|_| shown["status"] == "failed");
    let status = match no.and_then(render::what_came_of) {
        Some(why) => t!("rejected: {why}", why = why),
        None => daemon::session_status(&shown["status"]),
    };
    sheet.line("");
    sheet.prose("", 2, &t!("The record of {session} ({status}), in short", session = session, status = status));
    let row = |step: &Value| {
        let came = end_of(plan, step, events).map(came_of).unwrap_or_default();
        vec![format!("  {}", id(step)), daemon::step_status_in(shown, step), came]
    };
    let is_long = steps(plan).count() > STEPS_SHOWN_MAX;
    let says_little = |step: &&Value| is_long && step["status"] == "succeeded" && !does_something(step);
    sheet.add(&crate::table::rows(&steps(plan).filter(|step| !says_little(step)).map(row).collect::<Vec<_>>()));
    if let little @ 1.. = steps(plan).filter(says_little).count() {
        sheet.say(if little == 1 {
            t!("  and 1 read or preview that succeeded")
        } else {
            t!("  and {count} reads and previews that succeeded", count = little)
        });
    }
    let of_plan = events.iter().filter(|event| event["facts"]["version"] == plan["version"]);
    let said =
        of_plan.filter(|event| ["plan_approved", "step_approved"].iter().any(|yes| event["event_type"] == **yes));
    let by: BTreeSet<String> = said
        .map(|event| {
            let (name, how) = (render::word(&event["principal"]), daemon::how(&event["facts"]["decision"]["how"]));
            t!("{name} ({how})", name = name, how = how)
        })
        .collect();
    let by = by.into_iter().collect::<Vec<_>>().join(&t!(", "));
    let said = if by.is_empty() {
        t!("{events}; approved by nobody", events = counted::events(counted::length(events)))
    } else {
        t!("{events}; approved by {names}", events = counted::events(counted::length(events)), names = by)
    };
    sheet.prose("", 2, &said);
    sheet.done()
}

/// Whether an event is a no to this plan or one of its steps.
fn said_no(plan: &Value, event: &Value) -> bool {
    let is_no = event["event_type"] == "plan_rejected" || event["event_type"] == "step_rejected";
    is_no && event["facts"]["version"] == plan["version"]
}

/// Whether a step writes or runs a command: what it left is worth a line.
fn does_something(step: &Value) -> bool {
    step["effect"] != "reads" && step["effect"] != "previews"
}

fn end_of<'e>(plan: &Value, step: &Value, events: &'e [Value]) -> Option<&'e Value> {
    events.iter().rfind(|event| {
        ENDS.iter().any(|end| event["event_type"] == **end)
            && event["facts"]["version"] == plan["version"]
            && event["facts"]["step"] == step["id"]
    })
}

/// What an end of a step left: files, a reason, or the last line that a command said.
fn came_of(end: &Value) -> String {
    let run = end["run_id"].as_i64().map(|run| t!(" (run {run})", run = run)).unwrap_or_default();
    let written = render::written(end);
    let what = if written.is_empty() {
        last_line(end).or_else(|| render::what_came_of(end)).unwrap_or_default()
    } else {
        named(&written)
    };
    format!("{what}{run}").trim_start().to_owned()
}

/// The last line that a command said: a test runner sums up there.
fn last_line(end: &Value) -> Option<String> {
    let payload: Value = serde_json::from_str(end["payload_text"].as_str()?).ok()?;
    let output = &payload["output"];
    // A file that was read has no end that sums it up.
    let said = output["stdout"].as_str()?.lines().chain(output["stderr"].as_str().unwrap_or_default().lines());
    let last = said.rev().find(|line| !line.trim().is_empty())?;
    Some(calt_api::visible::clip(&calt_api::visible::visible_line(last.trim()), LAST_LINE_COLUMNS).into_owned())
}

/// Columns of a command's last line.
const LAST_LINE_COLUMNS: usize = 60;

/// What was done, in one sentence.
fn done(plan: &Value, events: &[Value]) -> String {
    let ends: Vec<&Value> = steps(plan).filter_map(|step| end_of(plan, step, events)).collect();
    let count = |status: &str| steps(plan).filter(|step| step["status"] == *status).count();
    let written: Vec<String> = ends.iter().flat_map(|end| render::written(end)).collect();
    let (ran, left) = (count("succeeded"), count("skipped"));
    let mut said = if ran == 1 { t!("Done: 1 step ran") } else { t!("Done: {ran} steps ran", ran = ran) };
    if left > 0 {
        said.push_str(&t!(", {left} left out", left = left));
    }
    let written =
        if written.is_empty() { t!("; nothing was written") } else { t!("; {written}", written = named(&written)) };
    let mut sheet = Sheet::default();
    sheet.line("");
    sheet.prose("", 2, &(said + &written));
    sheet.done()
}

/// The first of these, and how many more there are.
fn named(words: &[String]) -> String {
    let first = words[..words.len().min(FILES_NAMED_MAX)].join(&t!(", "));
    match words.len().saturating_sub(FILES_NAMED_MAX) {
        0 => first,
        more => t!("{first} and {more} more", first = first, more = more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_what_was_done_and_what_the_tests_said_last() {
        let file = |number: usize| json!({"path": format!("f{number}"), "new_exists": true});
        let event = |kind: &str, step: &str, facts: Value, payload: Value| {
            let mut event = json!({"event_type": kind, "run_id": 1, "principal": "ada", "facts": facts,
                "payload_text": payload.to_string()});
            event["facts"]["step"] = json!(step);
            event["facts"]["version"] = json!(1);
            event
        };
        let plan = json!({"version": 1, "steps": [{"id": "w", "status": "succeeded"}, {"id": "t", "status": "succeeded"},
            {"id": "s", "status": "skipped"}]});
        let files: Vec<Value> = (1..=7).map(file).collect();
        let events = [
            event("step_approved", "w", json!({"decision": {"how": "prompt"}}), json!({})),
            event("step_executed", "w", json!({"applied": files}), json!({})),
            event(
                "step_executed",
                "t",
                json!({}),
                json!({"output": {"stdout": "a\n3 passed in 0.1s\n\n", "stderr": ""}}),
            ),
            event("step_skipped", "s", json!({}), json!({"reason": "not now"})),
        ];
        let short = in_short("session_1", &json!({"status": "succeeded"}), &plan, &events);
        assert!(short.contains("  t  succeeded  3 passed in 0.1s (run 1)\n"), "{short}");
        assert!(short.contains("wrote f5 and 2 more (run 1)\n") && short.contains("not now"), "{short}");
        assert!(short.ends_with("4 events; approved by ada (prompt)\n"), "{short}");
        let many = (0..12).map(|_| json!({"id": "p", "status": "succeeded", "effect": "previews"}));
        let steps: Vec<Value> = many.chain([json!({"id": "w", "status": "succeeded", "effect": "writes"})]).collect();
        let long = in_short("session_1", &json!({}), &json!({"version": 1, "steps": steps}), &events);
        assert!(long.contains("  w  succeeded  wrote f1") && !long.contains("  p  "), "{long}");
        assert!(long.contains("  and 12 reads and previews that succeeded\n"), "{long}");
        let done = done(&plan, &events);
        assert!(done.starts_with("\nDone: 2 steps ran, 1 left out; wrote f1, wrote f2"), "{done}");
    }
}
