//! How things look: plans, steps, diffs, outputs, times. Text of others passes the visible-maker here.

mod details;
mod steps;

use std::fmt::{Display, Write as _};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use calt_api::visible::{columns, visible, visible_line};
use serde_json::Value;

use crate::fault::Fault;
use crate::found;
use crate::table::{self, padded};
use crate::words::{self, daemon, language, t};

pub(crate) use details::details;
pub(crate) use steps::{apply, plan, plan_of, step};

/// Text that is put together line by line before it is shown.
#[derive(Debug, Default)]
pub(crate) struct Sheet(String);

impl Sheet {
    /// Adds a sentence, or several lines of them, broken between words where the terminal is narrower.
    pub(crate) fn say(&mut self, sentence: impl AsRef<str>) {
        let _ = writeln!(self.0, "{}", table::said(sentence.as_ref()));
    }

    /// Adds a sentence that ends with a command.
    pub(crate) fn say_command(&mut self, sentence: &str, command: &str) {
        let _ = writeln!(self.0, "{}", table::said_with_command(sentence, command));
    }

    /// Adds one line as it is: what was written by somebody, and is not to be broken.
    pub(crate) fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.0, "{line}");
    }

    /// Adds words, which may be broken between them where the terminal is narrower.
    pub(crate) fn prose(&mut self, before: &str, margin: usize, words: &str) {
        self.0.push_str(&table::hanging(before, margin, words));
    }

    /// Adds text as it is.
    pub(crate) fn add(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// The text.
    pub(crate) fn done(self) -> String {
        self.0
    }
}

/// Where something is shown; colours depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Standard output.
    Data,
    /// Standard error.
    Talk,
}

impl Place {
    pub(crate) fn is_coloured(self) -> bool {
        let is_terminal = match self {
            Self::Data => std::io::stdout().is_terminal(),
            Self::Talk => std::io::stderr().is_terminal(),
        };
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        is_terminal && set("NO_COLOR").is_none() && set("TERM").is_none_or(|terminal| terminal != "dumb")
    }
}

/// Prints JSON data.
pub(crate) fn data(value: &Value) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    out(&calt_api::visible::escape_json(&text))
}

/// Prints text on standard output; it ends with a newline.
pub(crate) fn out(text: &str) -> Result<(), Fault> {
    out_bytes(text.as_bytes())?;
    if text.ends_with('\n') || text.is_empty() { Ok(()) } else { out_bytes(b"\n") }
}

/// Writes bytes to standard output.
pub(crate) fn out_bytes(bytes: &[u8]) -> Result<(), Fault> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Fault::Unread;
        }
        Fault::Machine { message: t!("standard output cannot be written: {error}", error = error) }
    })
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

/// The items of a list, or none.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A table of the named fields of items.
pub(crate) fn table(items: &[Value], fields: &[(&str, &str)]) -> String {
    let of = |fields: &[(&str, &str)]| {
        let titles: Vec<_> = fields.iter().map(|(title, _)| words::said(title, &[])).collect::<Vec<_>>();
        (titles, items.iter().map(|item| row(item, fields)).collect::<Vec<_>>())
    };
    let (mut titles, mut rows) = of(fields);
    if !table::fits(&[rows.as_slice(), std::slice::from_ref(&titles)].concat()) {
        // Where there is too little room, what no row has says nothing.
        let is_said = |(_, field): &&(&str, &str)| items.iter().any(|item| !item[*field].is_null());
        let said: Vec<_> = fields.iter().filter(is_said).copied().collect();
        (titles, rows) = of(&said);
        if !table::fits(&[rows.as_slice(), std::slice::from_ref(&titles)].concat()) {
            let day = |item: &Value, (_, field): &(&str, &str)| {
                if field.ends_with("_at") { date(&item[*field]) } else { field_word(field, &item[*field]) }
            };
            rows = items.iter().map(|item| said.iter().map(|field| day(item, field)).collect()).collect();
        }
    }
    let titles: Vec<_> = titles.iter().map(String::as_str).collect();
    table::table(&titles, &rows)
}

/// The named fields of an item.
pub(crate) fn row(item: &Value, fields: &[(&str, &str)]) -> Vec<String> {
    fields.iter().map(|(_, field)| field_word(field, &item[*field])).collect()
}

/// Named values, one a line.
pub(crate) fn pairs(value: &Value, fields: &[(&str, &str)]) -> String {
    let row = |(title, field): &(&str, &str)| vec![words::said(title, &[]), field_word(field, &value[*field])];
    table::rows(&fields.iter().map(row).collect::<Vec<_>>())
}

fn field_word(field: &str, value: &Value) -> String {
    match field {
        "status" => daemon::session_status(value),
        "effect" => daemon::effect(value),
        "kind" | "role" | "pin" | "mode" | "safety_profile" => daemon::kind(field, value),
        _ if field.ends_with("_at") => time(value),
        _ if value.is_boolean() => daemon::yes_or_no(value),
        _ => word(value),
    }
}

/// A time, local with its offset.
pub(crate) fn time(value: &Value) -> String {
    let Some(text) = value.as_str() else { return "-".to_owned() };
    let Ok(time) = text.parse::<jiff::Timestamp>() else { return word(value) };
    let local = time.to_zoned(jiff::tz::TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

/// When something was, in the least room: the time of today, the day of this year, or the year.
pub(crate) fn day(value: &Value) -> String {
    let Some(Ok(time)) = value.as_str().map(str::parse::<jiff::Timestamp>) else { return word(value) };
    let here = jiff::tz::TimeZone::system();
    let (then, now) = (time.to_zoned(here.clone()), jiff::Timestamp::now().to_zoned(here));
    let form = match (then.year() == now.year(), then.date() == now.date()) {
        (_, true) => "%H:%M",
        (true, false) => "%m-%d",
        (false, false) => "%Y",
    };
    then.strftime(form).to_string()
}

/// Text with something before every line; a missing newline at the end is said.
pub(crate) fn indented(text: &str, before: &str) -> String {
    let mut sheet = Sheet::default();
    for line in text.lines() {
        sheet.line(format_args!("{before}{line}"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        sheet.line(format_args!("{before}{}", t!("(no newline at the end)")));
    }
    sheet.done()
}

/// A diff, coloured on a terminal; the signs alone carry the meaning.
pub(crate) fn diff(text: &str, place: Place) -> String {
    let is_coloured = place.is_coloured();
    let mut sheet = Sheet::default();
    for line in visible(text).lines() {
        let colour = match line.as_bytes().first() {
            Some(b'+') => "32",
            Some(b'-') => "31",
            Some(b'@') => "36",
            Some(_) | None => "",
        };
        if is_coloured && !colour.is_empty() {
            sheet.line(format_args!("   \u{1b}[{colour}m{line}\u{1b}[0m"));
        } else {
            sheet.line(format_args!("   {line}"));
        }
    }
    sheet.done()
}

/// Whose events are shown: a session's, which is known, or anybody's, so that each row names its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventsOf {
    OneSession,
    All,
}

/// Events, one a row. Where a terminal is too narrow the type gives way, which the summary says in words, a session
/// stands above its events, and where something was found stands below.
pub(crate) fn events(events: &[Value], of: EventsOf) -> String {
    let rows: Vec<_> = events.iter().map(|event| event_row(event, of)).collect();
    if table::fits(&rows) {
        return table::rows(&rows);
    }
    let mut sheet = Sheet::default();
    for events in events.chunk_by(|one, next| of == EventsOf::OneSession || one["session_id"] == next["session_id"]) {
        if of == EventsOf::All {
            sheet.line(events[0]["session_id"].as_str().map_or_else(|| t!("(no session)").into(), visible_line));
        }
        let who = events.iter().map(|event| columns(&word(&event["principal"]))).max().unwrap_or(0);
        for event in events {
            let told = Told::of(event);
            let what = told.came.map(|came| format!(": {came}")).unwrap_or_default();
            let who = padded(&word(&event["principal"]), who);
            let row =
                vec![number(event), clock(&event["created_at"]), who, format!("{}{what}{}", told.summary, told.run)];
            sheet.add(&table::rows(&[row]));
            if let Some(found) = told.found {
                let before = " ".repeat(FOUND_INDENT_COLUMNS);
                sheet.prose(&before, FOUND_INDENT_COLUMNS, &found);
            }
        }
    }
    sheet.done()
}

/// One event in one line, for a stream that knows no other. A narrow terminal has it as [`events`] does.
pub(crate) fn event(event: &Value, of: EventsOf) -> String {
    // What has no column of its own comes last and is not cut.
    let widths = [5, 25, 24, 10].into_iter().chain(std::iter::repeat(0));
    let cells = event_row(event, of).into_iter().zip(widths).map(|(cell, width)| padded(&cell, width));
    let mut row: Vec<String> = cells.collect();
    if table::terminal_columns().is_some_and(|columns| columns < EVENT_COLUMNS) {
        row.remove(EVENT_TYPE_PLACE);
        row[TIME_PLACE] = clock(&event["created_at"]);
    }
    table::rows(&[row])
}

/// Columns in which an event of a stream stands with its type.
const EVENT_COLUMNS: usize = 110;
/// Where in an event's row its time and its type stand.
const TIME_PLACE: usize = 1;
const EVENT_TYPE_PLACE: usize = 2;
/// How far in it stands where something was found: behind the number.
const FOUND_INDENT_COLUMNS: usize = 6;

fn event_row(event: &Value, of: EventsOf) -> Vec<String> {
    let event_type = found::field(event, "event_type");
    let mut row = vec![number(event), time(&event["created_at"]), event_type, word(&event["principal"])];
    if of == EventsOf::All {
        row.push(word(&event["session_id"]));
    }
    let told = Told::of(event);
    let what = told.found.or(told.came).map(|what| format!(": {what}")).unwrap_or_default();
    row.push(format!("{}{what}{}", told.summary, told.run));
    row
}

/// What an event says in words: the summary, where something was found in it or else what came of it, and its run.
struct Told {
    summary: String,
    found: Option<String>,
    came: Option<String>,
    run: String,
}

impl Told {
    fn of(event: &Value) -> Self {
        let found = found::excerpt(event);
        let came = if found.is_some() { None } else { what_came_of(event) };
        // What a run did is taken back by its number.
        let run = event["run_id"].as_i64().map(|run| t!(" (run {run})", run = run)).unwrap_or_default();
        Self { summary: daemon::summary(event), found, came, run }
    }
}

/// The number of an event, as wide as those of a young record are.
fn number(event: &Value) -> String {
    format!("{:>4}", word(&event["id"]))
}

/// The day of a time.
fn date(value: &Value) -> String {
    let time = time(value);
    time.get(.."2026-07-01".len()).map_or_else(|| time.clone(), str::to_owned)
}

/// A time as a clock here says it.
fn clock(value: &Value) -> String {
    let time = time(value);
    time.get(.."2026-07-01 12:34:56".len()).map_or_else(|| time.clone(), str::to_owned)
}

/// What an event says beyond its summary: the title, the files that were written, or the reason.
pub(crate) fn what_came_of(event: &Value) -> Option<String> {
    let payload: Value =
        event["payload_text"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let error = Some(&payload["error"]).filter(|error| error.is_string());
    let reason = error.map(|error| daemon::failure(&payload["code"], error)).or_else(|| {
        // The summary of a refused access ends with its reason.
        let is_said = event["event_type"] == "access_refused";
        let reason = Some(&payload["reason"]).filter(|reason| reason.is_string() && !is_said)?;
        Some(daemon::reason(&event["event_type"], reason))
    });
    // What was handed in is known by its title, and what was begun by its goal.
    let named = match event["event_type"].as_str() {
        Some("plan_imported") => payload["title"].as_str(),
        Some("session_created") => payload["goal"].as_str(),
        Some(_) | None => None,
    };
    let named = named.filter(|name| !name.is_empty()).map(|name| visible_line(&language().titled(name)).into_owned());
    let said: Vec<String> = named.into_iter().chain(reason).chain(written(event)).collect();
    (!said.is_empty()).then(|| said.join(&t!(", ")))
}

/// The files that the end of a run says were written, each in words.
pub(crate) fn written(end: &Value) -> Vec<String> {
    items(&end["facts"]["applied"]).iter().map(written_file).collect()
}

fn written_file(file: &Value) -> String {
    let path = word(&file["path"]);
    match (file["new_exists"] == Value::Bool(false), file["from"].as_str()) {
        (true, _) => t!("removed {path}", path = path),
        (false, None) => t!("wrote {path}", path = path),
        (false, Some(from)) if file["old_sha256"] == file["new_sha256"] => {
            t!("renamed {from} to {path}", from = visible_line(from), path = path)
        }
        (false, Some(from)) => t!("renamed {from} to {path}, and changed it", from = visible_line(from), path = path),
    }
}

/// What a run gave, for a person.
pub(crate) fn output(output: &Value, place: Place) -> String {
    let mut sheet = Sheet::default();
    if let Some(text) = output["stdout"].as_str().or_else(|| output["content"].as_str()) {
        sheet.add(&indented(&visible(text), "   │ "));
        sheet.add(&indented(&visible(output["stderr"].as_str().unwrap_or_default()), "   ! "));
        if output["truncated"] == Value::Bool(true) {
            sheet.say(t!("   (the output was longer; this part of it was kept)"));
        }
    } else if output["applied"] == Value::Bool(true) {
        // The diff was shown at the look before it.
        for file in items(&output["files"]) {
            sheet.say(format!("   {}", written_file(file)));
        }
    } else if let Some(text) = output["diff"].as_str() {
        sheet.add(&diff(text, place));
        if text.is_empty() {
            sheet.say(t!("   (nothing would change)"));
        }
    } else if let Some(entries) = output["entries"].as_array() {
        for entry in entries {
            let slash = if entry["is_dir"] == Value::Bool(true) { "/" } else { "" };
            sheet.line(format_args!("   │ {}{slash}", word(&entry["name"])));
        }
        if entries.is_empty() {
            sheet.say(t!("   (empty)"));
        }
    } else if !output.is_null() {
        sheet.line(format_args!("   {}", word(output)));
    }
    sheet.done()
}

/// Where the files of a session are. On a terminal the home directory is `~`: with it the path fits a line.
pub(crate) fn files_in(workspace: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty() && std::io::stdout().is_terminal());
    let path = match home.and_then(|home| workspace.strip_prefix(home).ok()) {
        Some(below) => format!("~/{}", below.display()),
        None => workspace.display().to_string(),
    };
    t!("the files are in\n{path}\n", path = visible_line(&path))
}

/// Problems of a plan file, each with its place and the line it stands in.
pub(crate) fn plan_problems(file: &str, source: &str, problems: &[Value]) -> String {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(1).max(1);
    let mut sheet = Sheet::default();
    for problem in problems {
        let (line, column) = (number(&problem["line"]), number(&problem["column"]));
        let code = word(&problem["code"]);
        let message = daemon::plan_problem(problem);
        sheet.say(format!("{}:{line}:{column}: {message} [{code}]", visible_line(file)));
        if let Some(content) = source.lines().nth(line - 1) {
            sheet.add(&excerpt(content, column - 1));
        }
        sheet.say(t!("  fix: {fix}", fix = daemon::told(&problem["fix"])));
    }
    sheet.done()
}

/// The part of a line around a place, and a caret below it.
fn excerpt(line: &str, place: usize) -> String {
    const BEFORE_CHARS_MAX: usize = 40;
    const SHOWN_COLUMNS_MAX: usize = 72;
    let from = place.saturating_sub(BEFORE_CHARS_MAX);
    let mark = if from > 0 { "…" } else { "" };
    let before: String = line.chars().skip(from).take(place - from).collect();
    let before = format!("{mark}{}", visible_line(&before));
    let rest: String = line.chars().skip(place).collect();
    let room = SHOWN_COLUMNS_MAX.saturating_sub(columns(&before));
    let rest = calt_api::visible::clip(&visible_line(&rest), room).into_owned();
    format!("  | {before}{rest}\n  | {}^\n", " ".repeat(columns(&before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_its_place_after_wide_characters() {
        assert_eq!(excerpt("題名: [", 4), "  | 題名: [\n  |       ^\n");
        assert_eq!(excerpt("a\u{1b}b", 2), "  | a\\u{1b}b\n  |        ^\n");
    }

    #[test]
    fn the_place_in_a_long_line_is_shown_with_what_stands_around_it() {
        let shown = excerpt(&"長".repeat(500), 300);
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[0].starts_with("  | …長") && lines[0].contains("… (+"), "{shown}");
        assert_eq!(columns(lines[1]), 4 + 1 + 2 * 40 + 1);
    }
}
