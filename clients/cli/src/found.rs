//! Where a search found what it looked for: marked on a terminal, and shown with what stands around it.
//!
//! Marks travel through the table as characters that take no column and that text of others cannot hold, since
//! the visible-maker writes those out. At the end they become bold and underlined, or nothing.

mod payload;

use calt_api::visible::{columns, visible_line};
use serde_json::Value;

use crate::render::{Place, items};

/// Begins a mark: U+2061, one of the characters that [`visible_line`] writes out.
const BEGIN: char = '\u{2061}';
/// Ends a mark.
const END: char = '\u{2062}';
/// Columns of an excerpt in a row.
const EXCERPT_COLUMNS: usize = 60;
/// Of these, columns before the hit.
const EXCERPT_COLUMNS_BEFORE: usize = 24;

/// A field of a found event on one line, with its hits marked.
pub(crate) fn field(event: &Value, name: &str) -> String {
    let text = event[name].as_str().unwrap_or("-");
    let hits = items(&event["highlights"]).iter().filter(|hit| hit["field"] == name);
    let hits: Vec<_> = hits.map(stretch).collect();
    text.chars().enumerate().map(|(place, character)| shown(character, place, &hits)).collect()
}

/// Where the hit stands in the payload or the output, in words on one line: what it is in, and what stands around it,
/// with the hits marked.
pub(crate) fn excerpt(event: &Value) -> Option<String> {
    let excerpt = &event["excerpt"];
    let text = excerpt["text"].as_str()?;
    if let Some(payload) = event["payload_text"].as_str().filter(|_| excerpt["field"] == "payload_text") {
        let hits = items(&event["highlights"]).iter().filter(|hit| hit["field"] == "payload_text").map(stretch);
        if let Some(place) = payload::place_of(payload, &hits.collect::<Vec<_>>()) {
            return around(&place.line, &place.hits, false, false).map(|line| format!("{}: {line}", place.name));
        }
        if payload::is_whole(payload) {
            // Every hit is in the name of a field, which says nothing of what happened.
            return None;
        }
    }
    let characters: Vec<char> = text.trim_end().chars().collect();
    let hits: Vec<_> = items(&excerpt["marks"]).iter().map(stretch).collect();
    around(&characters, &hits, excerpt["cut_before"] == true, excerpt["cut_after"] == true)
}

/// As much of a line around its first hit as has room.
fn around(characters: &[char], hits: &[(usize, usize)], cut_before: bool, cut_after: bool) -> Option<String> {
    let hit = hits.first()?.0.min(characters.len());
    let width = |place: usize| columns(&visible_line(&characters[place].to_string()));
    let (mut start, mut used) = (hit, 0);
    while start > 0 && used + width(start - 1) <= EXCERPT_COLUMNS_BEFORE {
        start -= 1;
        used += width(start);
    }
    let mut end = hit;
    while end < characters.len() && used + width(end) <= EXCERPT_COLUMNS {
        used += width(end);
        end += 1;
    }
    let marked = (start..end).map(|place| shown(characters[place], place, hits));
    let cut = |cut: bool| if cut { "…" } else { "" };
    let (before, after) = (cut(start > 0 || cut_before), cut(end < characters.len() || cut_after));
    Some(format!("{before}{}{}{after}", marked.collect::<String>(), closed(end, hits)))
}

/// Marks as the place shows them: bold and underlined on a terminal, else not at all.
pub(crate) fn marked(text: &str, place: Place) -> String {
    let is_coloured = place.is_coloured();
    let (mut shown, mut open, mut on) = (String::with_capacity(text.len()), false, false);
    for character in text.chars() {
        match character {
            BEGIN => open = true,
            END | '\n' => {
                if std::mem::take(&mut on) {
                    shown.push_str("\u{1b}[0m");
                }
                open &= character == '\n';
            }
            _ => {
                // A mark that is broken over two lines does not underline the space before the second.
                if open && is_coloured && !on && character != ' ' {
                    shown.push_str("\u{1b}[1;4m");
                    on = true;
                }
                shown.push(character);
            }
        }
        if character == '\n' {
            shown.push('\n');
        }
    }
    shown
}

fn stretch(hit: &Value) -> (usize, usize) {
    let place = |name: &str| hit[name].as_u64().and_then(|place| usize::try_from(place).ok()).unwrap_or_default();
    (place("start"), place("end"))
}

/// One character, made visible, with the beginning or the end of a mark.
fn shown(character: char, place: usize, hits: &[(usize, usize)]) -> String {
    let mut text = String::new();
    if hits.iter().any(|(start, _)| *start == place) {
        text.push(BEGIN);
    }
    text.push_str(&visible_line(&character.to_string()));
    if hits.iter().any(|(_, end)| *end == place + 1) {
        text.push(END);
    }
    text
}

/// The end of a mark that goes on behind what is shown.
fn closed(end: usize, hits: &[(usize, usize)]) -> String {
    let open = hits.iter().any(|(start, last)| *start < end && end < *last);
    if open { END.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> String {
        text.replace(BEGIN, "[").replace(END, "]")
    }

    #[test]
    fn a_hit_is_marked_where_it_stands_and_nothing_hides() {
        let event = json!({"summary": "会議の議事録\u{202e}を保存", "highlights": [
            {"field": "payload_text", "start": 0, "end": 2}, {"field": "summary", "start": 3, "end": 6}]});
        assert_eq!(plain(&field(&event, "summary")), "会議の[議事録]\\u{202e}を保存");
        assert_eq!(plain(&field(&json!({"summary": "a\u{2061}b"}), "summary")), "a\\u{2061}b");
    }

    #[test]
    fn an_excerpt_keeps_within_its_columns_around_the_hit() {
        for filling in ["word ", "長い文"] {
            let text = format!("{}needle{}", filling.repeat(8), filling.repeat(30));
            let start = filling.chars().count() * 8;
            let event = json!({"excerpt": {"text": text, "marks": [{"start": start, "end": start + 6}],
                "cut_before": true, "cut_after": false}});
            let shown = excerpt(&event).unwrap();
            assert!(columns(&shown) <= EXCERPT_COLUMNS + 2, "{shown}");
            assert!(plain(&shown).contains("[needle]") && shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        }
        assert_eq!(excerpt(&json!({"excerpt": null})), None);
        let long = json!({"excerpt": {"text": "x".repeat(200), "marks": [{"start": 0, "end": 200}]}});
        assert_eq!(plain(&excerpt(&long).unwrap()), format!("[{}]…", "x".repeat(EXCERPT_COLUMNS)));
    }

    #[test]
    fn a_hit_in_a_payload_is_told_by_the_field_and_the_line_it_stands_in() {
        let shown = |payload: Value, hit: &str| {
            let text = payload.to_string();
            let start = text.split_once(hit).unwrap().0.chars().count();
            let end = start + hit.chars().count();
            let event = json!({"payload_text": text, "excerpt": {"field": "payload_text", "text": "a soup", "marks": []},
                "highlights": [{"field": "summary", "start": 0, "end": 1},
                    {"field": "payload_text", "start": start, "end": end}]});
            excerpt(&event).map(|shown| plain(&shown))
        };
        let plan = json!({"plan": {"steps": [{"id": "look", "inputs": {}},
            {"id": "write", "inputs": {"content": "first\n\t議事録 \"of\" today\nlast", "path": "a/b.md"}}]}});
        assert_eq!(shown(plan.clone(), "録").unwrap(), "step write: content: 議事[録] \"of\" today");
        assert_eq!(shown(plan.clone(), "b.md").unwrap(), "step write: path: a/[b.md]");
        assert_eq!(shown(json!({"output": {"stdout": "3 passed", "exit_code": 17}}), "17").unwrap(), "exit_code: [17]");
        assert_eq!(shown(plan, "content"), None);
    }

    #[test]
    fn an_excerpt_of_a_text_is_shown_as_it_is() {
        let event = json!({"excerpt": {"field": "output", "text": "a plain line: with {braces}", "cut_before": true,
            "marks": [{"start": 14, "end": 18}]}});
        assert_eq!(plain(&excerpt(&event).unwrap()), "…a plain line: [with] {braces}");
    }

    #[test]
    fn marks_take_no_column_and_are_nothing_away_from_a_terminal() {
        let text = format!("a {BEGIN}b{END} c\n");
        assert_eq!(columns(&text.replace('\n', "")), 5);
        assert_eq!(marked(&text, Place::Data), "a b c\n");
    }
}
