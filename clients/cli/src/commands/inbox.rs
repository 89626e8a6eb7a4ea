//! `calt inbox`: what waits, oldest first, each with the command that leads on.

use std::collections::BTreeMap;

use calt_api::client::Client;
use calt_api::visible::clip;
use calt_api::{Next, endpoint};
use serde_json::{Value, json};

use super::list;
use crate::about;
use crate::arguments::Page;
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::render::{self, Sheet};
use crate::words::{daemon, language, t};

/// Widest line of text; a command is never cut.
const LINE_COLUMNS: usize = 80;
/// Most items of a page of the inbox.
const PAGE_ITEMS: &str = "500";

/// What became of an item.
#[derive(Clone, Copy, Debug)]
enum Change {
    Waits,
    Settled,
}

impl Change {
    const fn word(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Settled => "settled",
        }
    }
}

pub(crate) async fn list(context: &Context, page: &Page) -> Result<(), Fault> {
    let client = context.client().await?;
    let found = list::list(context, &client, &endpoint::INBOX, &[], Vec::new(), page).await?;
    context.show(&found, |found| {
        let mut sheet = Sheet::default();
        for item in render::items(&found["items"]) {
            sheet.add(&shown(item));
        }
        sheet.done()
    })?;
    if render::items(&found["items"]).is_empty() {
        context.talk(&t!("Nothing waits.\n"));
    }
    list::more(context, &found);
    Ok(())
}

/// Prints what waits, and from then on what begins to wait and what was settled.
pub(crate) async fn watch(context: &Context) -> Result<(), Fault> {
    let client = context.client().await?;
    let (items, newest) = whole(context, &client).await?;
    let mut waiting = BTreeMap::new();
    for item in items {
        changed(context, Change::Waits, &item)?;
        waiting.insert(render::word(&item["session_id"]), item);
    }
    let mut stream = client.stream(&endpoint::ALL_EVENTS, &[], Some(newest)).await?;
    while let Some((_, event)) = stream.next().await? {
        let Some(session) = event["session_id"].as_str() else { continue };
        let page: Value = context.fetch(&client, &endpoint::INBOX, &[], &[("session", session)]).await?;
        let now = render::items(&page["items"]).first();
        let before = waiting.get(session);
        if now.map(|item| &item["since_event"]) == before.map(|item: &Value| &item["since_event"]) {
            continue;
        }
        if let Some(before) = waiting.remove(session) {
            changed(context, Change::Settled, &before)?;
        }
        if let Some(now) = now {
            changed(context, Change::Waits, now)?;
            waiting.insert(session.to_owned(), now.clone());
        }
    }
    Ok(())
}

/// The whole inbox, and the event after which to follow. What changes between two pages is told by later events.
async fn whole(context: &Context, client: &Client) -> Result<(Vec<Value>, u64), Fault> {
    let (mut items, mut newest, mut cursor) = (Vec::new(), None, None::<String>);
    loop {
        let mut query = vec![("limit", PAGE_ITEMS)];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: Value = context.fetch(client, &endpoint::INBOX, &[], &query).await?;
        items.extend(render::items(&page["items"]).iter().cloned());
        newest = newest.or_else(|| page["newest_event"].as_u64());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok((items, newest.unwrap_or_default()));
        }
    }
}

fn changed(context: &Context, change: Change, item: &Value) -> Result<(), Fault> {
    if context.json() {
        let line = json!({"change": change.word(), "item": item}).to_string();
        return render::out(&calt_api::visible::escape_json(&line));
    }
    match change {
        Change::Waits => render::out(&shown(item)),
        Change::Settled => {
            let settled =
                t!("settled: {session} {what}", session = render::word(&item["session_id"]), what = short(item));
            render::out(&clip(&settled, LINE_COLUMNS))
        }
    }
}

/// An item: since when and for whom, what it is about, and the next command.
fn shown(item: &Value) -> String {
    let roles: Vec<_> = render::items(&item["roles"]).iter().map(|role| daemon::kind("role", role)).collect();
    let mut sheet = Sheet::default();
    sheet.line(format_args!("{}  {}", render::time(&item["since"]), render::word(&item["session_id"])));
    sheet.line(format_args!("  {}", clip(&what(item), LINE_COLUMNS - 2)));
    if let Some(ended) = ended(&item["ended"]) {
        sheet.line(format_args!("  {}", clip(&ended, LINE_COLUMNS - 2)));
    }
    let roles = roles.join(&t!(", "));
    sheet.say(if item["waits_for"] == "new_plan" {
        t!("  who may hand in a new version: {roles}", roles = roles)
    } else {
        t!("  for {roles}", roles = roles)
    });
    sheet.line(format_args!("  {}", clip(&proposed(item), LINE_COLUMNS - 2)));
    if let Some(title) = title(item) {
        sheet.line(format_args!("  {}", clip(&title, LINE_COLUMNS - 2)));
    }
    // A session that was made for its plan has the plan's title as its goal.
    if let Some(goal) = item["goal"].as_str().filter(|goal| !goal.is_empty() && item["title"] != **goal) {
        let goal = t!("goal: {goal}", goal = calt_api::visible::visible_line(&language().titled(goal)));
        sheet.line(format_args!("  {}", clip(&goal, LINE_COLUMNS - 2)));
    }
    if let Some(command) = command(item) {
        sheet.line(format_args!("  {command}"));
    }
    sheet.done()
}

/// What waits, in words.
pub(crate) fn what(item: &Value) -> String {
    let (version, step) = (render::word(&item["plan_version"]), render::word(&item["step_id"]));
    match item["waits_for"].as_str().unwrap_or_default() {
        "plan_approval" => t!("plan v{version} waits for a yes or a no", version = version),
        "step_approval" => match item["pending_steps"].as_u64() {
            Some(open) if open > 1 => {
                t!("step {step} waits for a yes or a no, and {more} after it", step = step, more = open - 1)
            }
            Some(_) | None => t!("step {step} waits for a yes or a no", step = step),
        },
        "risk_confirmation" => t!("step {step} is approved; its high risk is to be confirmed", step = step),
        "new_plan" => t!("plan v{version} cannot go on; a new version is needed", version = version),
        other => other.to_owned(),
    }
}

/// Why a plan does not go on; `None` where it does.
pub(crate) fn ended(end: &Value) -> Option<String> {
    let (by, why) = (render::word(&end["by"]), daemon::reason(&end["event_type"], &end["reason"]));
    let step = end["step_id"].as_str().map(calt_api::visible::visible_line).unwrap_or_default();
    Some(match end["event_type"].as_str()? {
        "plan_rejected" => t!("rejected by {by}: {why}", by = by, why = why),
        "step_rejected" => t!("step {step} rejected by {by}: {why}", step = step, by = by, why = why),
        _ => t!("step {step} failed: {why}", step = step, why = why),
    })
}

/// What waited, in two words.
fn short(item: &Value) -> String {
    item["step_id"].as_str().map_or_else(
        || t!("plan v{version}", version = render::word(&item["plan_version"])),
        |_| t!("step {step}", step = render::word(&item["step_id"])),
    )
}

/// Who proposed it, and on which files it works.
fn proposed(item: &Value) -> String {
    let workspace = about::workspace(&item["workspace"]);
    match item["proposed_by"].as_str() {
        Some(by) => {
            t!(
                "proposed by {by}, works on {workspace}",
                by = calt_api::visible::visible_line(by),
                workspace = workspace
            )
        }
        // A daemon of an earlier calt does not say it.
        None => t!("works on {workspace}", workspace = workspace),
    }
}

fn title(item: &Value) -> Option<String> {
    let named = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
    let title = named("title").or_else(|| named("goal"))?;
    let whole = language().titled(title);
    let whole = match named("step_title") {
        Some(step) => format!("{whole} › {}", language().titled(step)),
        None => whole,
    };
    Some(calt_api::visible::visible_line(&whole).into_owned())
}

/// The command that leads on from an item: where a yes is waited for, the one that shows it and sees it through.
pub(crate) fn command(item: &Value) -> Option<String> {
    let session = item["session_id"].as_str()?;
    let next = serde_json::from_value(item["next"].clone()).ok()?;
    if matches!(next, Next::ApprovePlan { .. } | Next::ApproveStep { .. } | Next::ConfirmHighRisk { .. }) {
        return Some(hint::here(&hint::go_on(session)));
    }
    hint::command(&next, Some(session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calt_api::visible::columns;

    #[test]
    fn an_item_fits_80_columns_and_ends_with_its_command() {
        for title in ["words ".repeat(40), "議事録を承認する".repeat(20)] {
            let item = json!({"session_id": "session_01a213e5225f70ee", "waits_for": "step_approval",
                "step_id": "write", "step_title": title, "title": title, "pending_steps": 3, "plan_version": 1,
                "roles": ["approver", "owner"], "goal": "tidy up", "proposed_by": title, "workspace": {"kind": "snapshot", "name": "web"}, "since": "2026-11-25T19:16:39.000000Z",
                "next": {"action": "approve_step", "session": "session_01a213e5225f70ee", "step": "write",
                    "digest": null}});
            let shown = shown(&item);
            assert!(shown.lines().all(|line| columns(line) <= LINE_COLUMNS), "{shown}");
            assert!(shown.contains("\n  goal: tidy up\n"), "{shown}");
            assert!(shown.ends_with("\n  calt run --session session_01a213e5225f70ee\n"), "{shown}");
        }
    }
}
