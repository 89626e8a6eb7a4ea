//! How plans and their steps look: everything that will be used, so that a yes is to nothing else.

use calt_api::visible::{columns, visible, visible_line};
use serde_json::Value;

use super::{Sheet, indented, items, time, word};
use crate::table::{self, padded};
use crate::words::{daemon, t};

/// Columns of a field's name below a step.
const FIELD_COLUMNS: usize = 10;

/// The fields of a step that a look shows as they are, or that it is known by.
const OF_A_LOOK: &[&str] = &[
    "id",
    "title",
    "tool",
    "risk",
    "status",
    "timeout_sec",
    "inputs",
    "meta",
    "changed_since_preview",
    "expected_observation",
    "verify",
    "preconditions",
    "postconditions",
    "remarks",
    "session_id",
    "plan_version",
];

/// A plan: its head, then every step with everything that will be used.
pub(crate) fn plan(plan: &Value) -> String {
    plan_of(plan, "")
}

/// The same, with what is known about it: who proposed it, for what and on what.
pub(crate) fn plan_of(plan: &Value, about: &str) -> String {
    let mut sheet = Sheet::default();
    sheet.prose("", 0, &t!("Plan v{version} — {title}", version = word(&plan["version"]), title = title(plan)));
    sheet.add(about);
    for (name, field) in [(t!("goal"), "session_goal"), (t!("ref"), "ref"), (t!("digest"), "digest")] {
        if let Some(value) = plan[field].as_str() {
            sheet.prose("", 2, &format!("{name}: {}", visible_line(value)));
        }
    }
    if plan["approved"] == Value::Bool(true) {
        sheet.line(t!("approved: yes"));
    }
    if plan["superseded"] == Value::Bool(true) {
        sheet.line(t!("superseded: a newer version has taken its place"));
    }
    let steps = items(&plan["steps"]);
    for (place, step) in steps.iter().enumerate() {
        let before = previewed_by(step, &steps[..place]);
        sheet.add(&format!("\n{}. {}", place + 1, step_after(step, before)));
    }
    sheet.done()
}

/// The earlier step whose preview a step applies.
fn previewed_by<'p>(step: &Value, before: &'p [Value]) -> Option<&'p Value> {
    let preview = step["inputs"]["preview"].as_str()?;
    before.iter().find(|before| preview == format!("${{steps.{}.output}}", before["id"].as_str().unwrap_or_default()))
}

/// A step with everything that will be used; nothing is cut.
pub(crate) fn step(step: &Value) -> String {
    step_after(step, None)
}

/// The same below the step whose preview it applies: a long input that is the same in both is not said twice.
fn step_after(step: &Value, preview: Option<&Value>) -> String {
    let mut sheet = step_head(step);
    // What stands in one line comes first: a path is read before what is written there.
    let (blocks, lines): (Vec<_>, Vec<_>) =
        step["inputs"].as_object().into_iter().flatten().partition(|(_, value)| is_block(value));
    for (name, value) in lines.into_iter().chain(blocks) {
        match preview.filter(|preview| is_block(value) && preview["inputs"][name] == *value) {
            Some(preview) => {
                let same = t!("exactly as in step {step}", step = word(&preview["id"]));
                field(&mut sheet, name, &Value::from(same));
            }
            None => field(&mut sheet, name, value),
        }
    }
    if !step["meta"].is_null() {
        field(&mut sheet, "meta", &step["meta"]);
    }
    step_foot(&mut sheet, step);
    sheet.done()
}

/// All that is known of a step, line by line: as a look shows it, and what looks leave out.
pub(crate) fn details(step: &Value) -> String {
    let mut sheet = Sheet::default();
    sheet.add(&format!("\n{}", self::step(step)));
    for (name, value) in step.as_object().into_iter().flatten() {
        if !OF_A_LOOK.contains(&name.as_str()) {
            detail(&mut sheet, "   ", name, value);
        }
    }
    sheet.done()
}

/// One field with all that is below it; what is empty says nothing.
fn detail(sheet: &mut Sheet, before: &str, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(fields) => {
            sheet.line(format_args!("{before}{}:", visible_line(name)));
            for (name, value) in fields {
                detail(sheet, &format!("{before}  "), name, value);
            }
        }
        Value::Array(items) if !is_block(value) => {
            let words = items.iter().map(word).collect::<Vec<_>>().join(", ");
            field_at(sheet, before, name, &Value::from(words));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            field_at(sheet, before, name, value);
        }
    }
}

/// A step that applies what was previewed, without its inputs: the diff says all that will change.
pub(crate) fn apply(step: &Value) -> String {
    let mut sheet = step_head(step);
    step_foot(&mut sheet, step);
    sheet.done()
}

fn title(of: &Value) -> String {
    of["title"].as_str().map(|title| visible_line(title).into_owned()).unwrap_or_default()
}

fn step_head(step: &Value) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.prose("", 3, &format!("{} — {}", word(&step["id"]), title(step)));
    let mut facts = vec![word(&step["tool"]), daemon::risk(&step["risk"]), daemon::step_status(&step["status"])];
    if let Some(seconds) = step["timeout_sec"].as_u64() {
        facts.push(t!("at most {seconds} s", seconds = seconds));
    }
    if let Some(name) = step["box"]["name"].as_str() {
        facts.push(t!("box {name}", name = visible_line(name)));
    }
    // How commands are isolated says nothing about a tool that starts none.
    if let Some(tier) = step["tier"].as_str().filter(|_| step["effect"] == "spawns") {
        facts.push(t!("isolation {tier}", tier = visible_line(tier)));
    }
    sheet.add(&table::facts(&facts));
    sheet
}

fn step_foot(sheet: &mut Sheet, step: &Value) {
    for path in items(&step["changed_since_preview"]) {
        sheet.line(t!("   ! changed since the preview: {path}", path = word(path)));
    }
    if let Some(expected) = step["expected_observation"].as_str() {
        said(sheet, &t!("expects"), expected);
    }
    if let Some(kind) = step["verify"]["type"].as_str() {
        let rule = format!("{kind} {}", step["verify"]["expr"].as_str().unwrap_or_default());
        field(sheet, &t!("verify"), &Value::from(rule));
    }
    for (title, name) in [(t!("before"), "preconditions"), (t!("after"), "postconditions")] {
        for condition in items(&step[name]) {
            said(sheet, &title, condition.as_str().unwrap_or_default());
        }
    }
    if let Some(decision) = step["approval"]["decision"].as_str() {
        let [by, how, at] = ["principal", "how", "created_at"].map(|name| &step["approval"][name]);
        let reason = step["approval"]["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        let (by, how, at) = (word(by), daemon::how(how), time(at));
        let decision = daemon::step_status(&Value::from(decision));
        let said = t!("{decision} by {by} ({how}) at {at}", decision = decision, by = by, how = how, at = at) + &reason;
        self::said(sheet, &t!("decision"), &said);
    }
    for remark in items(&step["remarks"]) {
        sheet.prose("   ! ", 5, &daemon::remark(remark));
    }
}

/// A field that holds words, which may be broken between them.
fn said(sheet: &mut Sheet, name: &str, words: &str) {
    if is_block(&Value::from(words)) {
        return field(sheet, name, &Value::from(words));
    }
    let before = format!("   {} ", padded(&format!("{name}:"), FIELD_COLUMNS - 1));
    sheet.prose(&before, columns(&before), &visible_line(words));
}

fn field(sheet: &mut Sheet, name: &str, value: &Value) {
    field_at(sheet, "   ", name, value);
}

fn field_at(sheet: &mut Sheet, before: &str, name: &str, value: &Value) {
    let name = format!("{}:", visible_line(name));
    if let Some(long) = value.as_str().filter(|_| is_block(value)) {
        sheet.line(format_args!("{before}{name}"));
        sheet.add(&indented(&visible(long), &format!("{before}│ ")));
    } else if is_block(value) {
        sheet.line(format_args!("{before}{name}"));
        for (place, item) in items(value).iter().enumerate() {
            sheet.line(format_args!("{before}  {}.", place + 1));
            let (blocks, lines): (Vec<_>, Vec<_>) =
                item.as_object().into_iter().flatten().partition(|(_, value)| is_block(value));
            for (name, value) in lines.into_iter().chain(blocks) {
                field_at(sheet, &format!("{before}     "), name, value);
            }
        }
    } else {
        sheet.line(format_args!("{before}{} {}", padded(&name, FIELD_COLUMNS - 1), word(value)));
    }
}

/// Whether a value takes lines of its own: text of several lines, or a list of mappings.
fn is_block(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n'),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_patch_are_shown_line_by_line_and_their_path_comes_first() {
        let step = serde_json::json!({"id": "a", "title": "t", "tool": "apply_patch", "risk": "low", "status": "pending",
            "inputs": {"files": [{"content": "one\ntwo\n", "path": "x"}], "mode": "preview"}});
        let shown = self::step(&step);
        let inputs = shown.split_once("pending\n").unwrap().1;
        let expected = "   mode:     preview\n   files:\n     1.\n        path:     x\n        content:\n        │ one\n        │ two\n";
        assert_eq!(inputs, expected);
    }

    #[test]
    fn a_step_shows_hidden_characters_wherever_they_stand() {
        let step = serde_json::json!({"id": "a", "title": "t\u{202e}", "tool": "read_file", "risk": "low",
            "status": "pending", "inputs": {"path\u{7}": "x\u{1b}[2J\ny"}, "preconditions": ["\u{200b}"]});
        let shown = self::step(&step);
        assert!(!shown.chars().any(|c| c != '\n' && visible_line(&c.to_string()) != c.to_string()), "{shown:?}");
        assert!(
            shown.contains("t\\u{202e}") && shown.contains("path\\u{7}") && shown.contains("x\\u{1b}[2J"),
            "{shown}"
        );
    }
}
