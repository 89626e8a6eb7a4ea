//! How things look: tables, plans, events, times. Text of others passes the visible-maker here.

use std::io::{IsTerminal as _, Write as _};

use calt_api::visible::{columns, visible, visible_line};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::fault::Fault;

/// Columns when the output is no terminal.
const COLUMNS_DEFAULT: u16 = 80;

/// Prints JSON data.
pub(crate) fn data(value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let _ = writeln!(std::io::stdout(), "{}", calt_api::visible::escape_json(&text));
}

/// Prints text for people; it ends with a newline.
pub(crate) fn out(text: &str) -> Result<(), Fault> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') && !text.is_empty() {
        stdout.write_all(b"\n")?;
    }
    Ok(())
}

/// A value as one line a person can read.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => visible_line(text).into_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => visible_line(&value.to_string()).into_owned(),
    }
}

/// A table of the named fields of items.
pub(crate) fn table(items: &[Value], columns: &[(&str, &str)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(COLUMNS_DEFAULT);
    }
    table.set_header(columns.iter().map(|(title, _)| *title));
    for item in items {
        table.add_row(columns.iter().map(|(_, field)| match *field {
            "created_at" | "updated_at" | "expires_at" | "revoked_at" => time(&item[*field]),
            field => word(&item[field]),
        }));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

/// A time, local with its offset.
pub(crate) fn time(value: &Value) -> String {
    let Some(text) = value.as_str() else { return "-".to_owned() };
    let Ok(time) = text.parse::<jiff::Timestamp>() else { return word(value) };
    let local = time.to_zoned(jiff::tz::TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

/// Named values, one a line.
pub(crate) fn pairs(value: &Value, fields: &[(&str, &str)]) -> String {
    let width = fields.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, field) in fields {
        let shown = if field.ends_with("_at") { time(&value[*field]) } else { word(&value[*field]) };
        text.push_str(&format!("{title:<width$}  {shown}\n"));
    }
    text
}

/// A plan: its head, then every step with everything that will be used.
pub(crate) fn plan(plan: &Value) -> String {
    let mut text = format!(
        "Plan v{} — {}\n",
        word(&plan["version"]),
        plan["title"].as_str().map(visible_line).unwrap_or_default()
    );
    for (title, field) in [("goal", "session_goal"), ("ref", "ref")] {
        if let Some(value) = plan[field].as_str() {
            text.push_str(&format!("{title}: {}\n", visible_line(value)));
        }
    }
    text.push_str(&format!("digest: {}\n", word(&plan["digest"])));
    let steps = plan["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (place, step) in steps.iter().enumerate() {
        text.push_str(&format!("\n{}. {}", place + 1, self::step(step)));
    }
    text
}

/// A step with everything that will be used; nothing is cut.
pub(crate) fn step(step: &Value) -> String {
    let mut text = format!(
        "{} — {}\n   {} · {} risk · {}",
        word(&step["id"]),
        step["title"].as_str().map(visible_line).unwrap_or_default(),
        word(&step["tool"]),
        word(&step["risk"]),
        word(&step["status"]),
    );
    if let Some(seconds) = step["timeout_sec"].as_u64() {
        text.push_str(&format!(" · at most {seconds} s"));
    }
    if let Some(name) = step["box"]["name"].as_str() {
        text.push_str(&format!(" · box {}", visible_line(name)));
    }
    if let Some(tier) = step["tier"].as_str() {
        text.push_str(&format!(" · isolation {}", visible_line(tier)));
    }
    text.push('\n');
    if let Some(inputs) = step["inputs"].as_object() {
        for (name, value) in inputs {
            field(&mut text, name, value);
        }
    }
    for (title, name) in [("meta", "meta"), ("expects", "expected_observation"), ("verify", "verify")] {
        if !step[name].is_null() {
            field(&mut text, title, &step[name]);
        }
    }
    for (title, name) in [("before", "preconditions"), ("after", "postconditions")] {
        for condition in step[name].as_array().map(Vec::as_slice).unwrap_or_default() {
            field(&mut text, title, condition);
        }
    }
    for remark in step["remarks"].as_array().map(Vec::as_slice).unwrap_or_default() {
        text.push_str(&format!("   ! {}\n", word(&remark["message"])));
    }
    text
}

fn field(text: &mut String, name: &str, value: &Value) {
    const WIDTH: usize = 9;
    match value.as_str() {
        Some(long) if long.contains('\n') => {
            text.push_str(&format!("   {}:\n", visible_line(name)));
            text.push_str(&indented(&visible(long), "   │ "));
        }
        _ => text.push_str(&format!("   {:<WIDTH$} {}\n", format!("{}:", visible_line(name)), word(value))),
    }
}

/// Text with something before every line; a missing newline at the end is said.
pub(crate) fn indented(text: &str, before: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        shown.push_str(before);
        shown.push_str(line);
        shown.push('\n');
    }
    if !text.is_empty() && !text.ends_with('\n') {
        shown.push_str(&format!("{before}(no newline at the end)\n"));
    }
    shown
}

/// A diff, coloured on a terminal; the signs alone carry the meaning.
pub(crate) fn diff(text: &str) -> String {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut shown = String::new();
    for line in visible(text).lines() {
        let colour = match line.as_bytes().first() {
            Some(b'+') if coloured => Some("32"),
            Some(b'-') if coloured => Some("31"),
            Some(b'@') if coloured => Some("36"),
            _ => None,
        };
        match colour {
            Some(colour) => shown.push_str(&format!("   \u{1b}[{colour}m{line}\u{1b}[0m\n")),
            None => shown.push_str(&format!("   {line}\n")),
        }
    }
    shown
}

/// An event in one line.
pub(crate) fn event(event: &Value) -> String {
    format!(
        "{:>5}  {}  {:<24} {:<10} {}\n",
        word(&event["id"]),
        time(&event["created_at"]),
        word(&event["event_type"]),
        word(&event["principal"]),
        word(&event["summary"])
    )
}

/// What a run gave, for a person.
pub(crate) fn output(output: &Value) -> String {
    for name in ["stdout", "content"] {
        if let Some(text) = output[name].as_str() {
            let mut shown = indented(&visible(text), "   │ ");
            if let Some(errors) = output["stderr"].as_str().filter(|errors| !errors.is_empty()) {
                shown.push_str(&indented(&visible(errors), "   ! "));
            }
            if output["truncated"] == Value::Bool(true) {
                shown.push_str("   (the output was longer; this part of it was kept)\n");
            }
            return shown;
        }
    }
    if let Some(text) = output["diff"].as_str() {
        return diff(text);
    }
    if let Some(entries) = output["entries"].as_array() {
        let names = entries.iter().map(|entry| {
            let slash = if entry["is_dir"] == Value::Bool(true) { "/" } else { "" };
            format!("   │ {}{slash}\n", word(&entry["name"]))
        });
        let shown: String = names.collect();
        return if shown.is_empty() { "   (empty)\n".to_owned() } else { shown };
    }
    if output.is_null() { String::new() } else { format!("   {}\n", word(output)) }
}

/// Problems of a plan file, each with its place and the line it stands in.
pub(crate) fn plan_problems(file: &str, source: &str, problems: &[Value]) -> String {
    let mut text = String::new();
    for problem in problems {
        let (line, column) = (problem["line"].as_u64().unwrap_or(1), problem["column"].as_u64().unwrap_or(1));
        text.push_str(&format!("{file}:{line}:{column}: {} [{}]\n", word(&problem["message"]), word(&problem["code"])));
        if let Some(content) = source.lines().nth(usize::try_from(line).unwrap_or(1).saturating_sub(1)) {
            const SHOWN_CHARS_MAX: usize = 110;
            let place = usize::try_from(column).unwrap_or(1).saturating_sub(1);
            let from = place.saturating_sub(SHOWN_CHARS_MAX / 2);
            let window: String = content.chars().skip(from).take(SHOWN_CHARS_MAX).collect();
            let before: String = content.chars().skip(from).take(place - from).collect();
            let gap = columns(&visible_line(&before));
            text.push_str(&format!("  | {}\n  | {}^\n", visible_line(&window), " ".repeat(gap)));
        }
        text.push_str(&format!("  fix: {}\n", word(&problem["fix"])));
    }
    text
}
