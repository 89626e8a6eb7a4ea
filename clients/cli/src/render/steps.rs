//! How plans and their steps look: everything that will be used, so that a yes is to nothing else.

use calt_api::Language;
use calt_api::visible::{columns, visible, visible_line};
use serde_json::Value;

use super::{Sheet, indented, items, time, word};
use crate::table::{self, padded};
use crate::words::{daemon, language, t};

/// Columns of a field's name below a step.
const FIELD_COLUMNS: usize = 10;
/// The same in Japanese, directly below the step: `プレビュー:` fits, and a digest behind it ends at 80 columns.
const FIELD_COLUMNS_JAPANESE: usize = 13;
/// What stands before a field directly below a step.
const BELOW_A_STEP: &str = "   ";

fn field_columns() -> usize {
    match language() {
        Language::English => FIELD_COLUMNS,
        Language::Japanese => FIELD_COLUMNS_JAPANESE,
    }
}

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
        sheet.say(t!("approved: yes"));
    }
    if plan["superseded"] == Value::Bool(true) {
        sheet.say(t!("superseded: a newer version has taken its place"));
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

/// A step that applies what was previewed, without its inputs: the diff says all that will change.
pub(crate) fn apply(step: &Value) -> String {
    let mut sheet = step_head(step);
    step_foot(&mut sheet, step);
    sheet.done()
}

fn title(of: &Value) -> String {
    of["title"].as_str().map(|title| visible_line(&language().titled(title)).into_owned()).unwrap_or_default()
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
        sheet.say(t!("   ! changed since the preview: {path}", path = word(path)));
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
pub(super) fn said(sheet: &mut Sheet, name: &str, words: &str) {
    if is_block(&Value::from(words)) {
        return field(sheet, name, &Value::from(words));
    }
    let before = format!("   {} ", padded(&format!("{name}:"), field_columns() - 1));
    sheet.prose(&before, columns(&before), &visible_line(words));
}

pub(super) fn field(sheet: &mut Sheet, name: &str, value: &Value) {
    field_at(sheet, BELOW_A_STEP, name, value);
}

pub(super) fn field_at(sheet: &mut Sheet, before: &str, name: &str, value: &Value) {
    let name = format!("{}:", visible_line(name));
    if !is_block(value) {
        let width = if before == BELOW_A_STEP { field_columns() } else { FIELD_COLUMNS };
        return sheet.line(format_args!("{before}{} {}", padded(&name, width - 1), word(value)));
    }
    sheet.line(format_args!("{before}{name}"));
    match value {
        Value::String(text) => sheet.add(&indented(&visible(text), &format!("{before}│ "))),
        Value::Object(_) if is_preview(value) => preview_at(sheet, before, value),
        Value::Object(fields) => fields_at(sheet, &format!("{before}  "), fields),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                item_at(sheet, before, place + 1, item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands in one line comes first.
fn fields_at<'f>(sheet: &mut Sheet, before: &str, fields: impl IntoIterator<Item = (&'f String, &'f Value)>) {
    let (blocks, lines): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(_, value)| is_block(value));
    for (name, value) in lines.into_iter().chain(blocks) {
        field_at(sheet, before, name, value);
    }
}

/// One of several mappings. That of a file is known by its path, which stands beside its number.
fn item_at(sheet: &mut Sheet, before: &str, number: usize, item: &Value) {
    let path = item["path"].as_str().filter(|path| !path.contains('\n'));
    let path = path.map(|path| format!(" {}", visible_line(path))).unwrap_or_default();
    sheet.line(format_args!("{before} {number}.{path}"));
    let below = format!("{before}   ");
    if item["delete"] == true {
        sheet.say(format!("{below}{}", t!("is deleted")));
    }
    if let Some(run) = item["restore"]["run"].as_i64() {
        sheet.say(format!("{below}{}", t!("is put back as it was before run {run}", run = run)));
        field_at(sheet, &below, "sha256", &item["restore"]["sha256"]);
    }
    let is_said = |name: &str, value: &Value| match name {
        "path" => !path.is_empty(),
        "delete" => *value == true,
        "restore" => value["run"].is_i64(),
        _ => false,
    };
    fields_at(sheet, &below, item.as_object().into_iter().flatten().filter(|(name, value)| !is_said(name, value)));
}

/// Whether a value is what a preview gave: files as they would change.
fn is_preview(value: &Value) -> bool {
    items(&value["files"]).first().is_some_and(|file| file["path"].is_string() && file["new_exists"].is_boolean())
}

/// What a preview gave, file by file.
fn preview_at(sheet: &mut Sheet, before: &str, preview: &Value) {
    let files = items(&preview["files"]);
    for (place, file) in files.iter().enumerate() {
        sheet.line(format_args!("{before} {}. {}", place + 1, word(&file["path"])));
        let below = format!("{before}   ");
        let (old, new) = (file["old_exists"] == true, file["new_exists"] == true);
        let mode = word(&file["mode"]);
        sheet.say(match file["from"].as_str() {
            _ if !new => format!("{below}{}", t!("is deleted")),
            Some(from) => format!("{below}{}", t!("was {from}, mode {mode}", from = visible_line(from), mode = mode)),
            None if old => format!("{below}{}", t!("is changed, mode {mode}", mode = mode)),
            None => format!("{below}{}", t!("is new, mode {mode}", mode = mode)),
        });
        let digests = [(t!("was"), old, "old_sha256"), (t!("becomes"), new, "new_sha256")];
        for (name, _, digest) in digests.into_iter().filter(|(_, is_there, _)| *is_there) {
            field_at(sheet, &below, &name, &file[digest]);
        }
    }
    // Of one file they are said again beside it.
    let again =
        |name: &str, value: &Value| name == "files" || value.is_null() || files.len() == 1 && files[0][name] == *value;
    fields_at(sheet, before, preview.as_object().into_iter().flatten().filter(|(name, value)| !again(name, value)));
}

/// Whether a value takes lines of its own: text of several lines, a mapping, or a list of mappings.
pub(super) fn is_block(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n'),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
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
        let expected = "   mode:     preview\n   files:\n    1. x\n      content:\n      │ one\n      │ two\n";
        assert_eq!(inputs, expected);
    }

    #[test]
    fn an_undo_is_read_as_words_and_no_line_is_wider_than_80_columns() {
        let digest = "a".repeat(64);
        let step = serde_json::json!({"id": "a", "title": "t", "tool": "apply_patch", "risk": "low", "status": "pending",
            "inputs": {"files": [
                {"path": "x", "restore": {"run": 18, "sha256": digest}, "mode": "0644", "expects": digest},
                {"path": "y", "delete": true, "expects": digest}], "mode": "apply",
                "preview": {"path": "x", "old_sha256": digest, "files": [
                    {"path": "x", "old_exists": true, "new_exists": true, "from": null, "mode": "0644",
                        "old_sha256": digest, "new_sha256": digest},
                    {"path": "y", "old_exists": true, "new_exists": false, "old_sha256": digest}]}}});
        let shown = self::step(&step);
        assert!(shown.contains("    1. x\n      is put back as it was before run 18\n      sha256:   aaa"), "{shown}");
        assert!(shown.contains("    2. y\n      is deleted\n      expects:  aaa"), "{shown}");
        assert!(shown.contains("      is changed, mode 0644\n      was:      aaa"), "{shown}");
        assert!(!shown.contains(['{', '"']), "{shown}");
        assert!(shown.lines().all(|line| columns(line) <= 80), "{shown}");
        // The five digests of the files, and that of the preview itself, which is of no single file.
        assert_eq!(shown.matches(&digest).count(), 7, "{shown}");
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
