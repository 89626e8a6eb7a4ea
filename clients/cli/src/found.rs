//! Where a search found what it looked for: marked on a terminal, and shown with what stands around it.
//!
//! Marks travel through the table as characters that take no column and that text of others cannot hold, since
//! the visible-maker writes those out. At the end they become bold and underlined, or nothing.

use calt_api::visible::{columns, visible_line};
use serde_json::Value;

use crate::render::{Place, items};

/// Begins a mark: U+2061, one of the characters that [`visible_line`] writes out.
const BEGIN: char = '\u{2061}';
/// Ends a mark.
const END: char = '\u{2062}';
/// Columns of an excerpt in a row.
const EXCERPT_COLUMNS: usize = 72;
/// Of these, columns before the hit.
const EXCERPT_COLUMNS_BEFORE: usize = 24;

/// A field of a found event on one line, with its hits marked.
pub(crate) fn field(event: &Value, name: &str) -> String {
    let text = event[name].as_str().unwrap_or("-");
    let hits = items(&event["highlights"]).iter().filter(|hit| hit["field"] == name);
    let hits: Vec<_> = hits.map(stretch).collect();
    text.chars().enumerate().map(|(place, character)| shown(character, place, &hits)).collect()
}

/// What stands around the hit in the payload or the output, on one line, with the hits marked.
pub(crate) fn excerpt(event: &Value) -> Option<String> {
    let excerpt = &event["excerpt"];
    let characters: Vec<char> = excerpt["text"].as_str()?.trim_end().chars().collect();
    let hits: Vec<_> = items(&excerpt["marks"]).iter().map(stretch).collect();
    let (characters, hits) = without_json(&characters, &hits);
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
    let marked = (start..end).map(|place| shown(characters[place], place, &hits));
    let cut = |cut: bool| if cut { "…" } else { "" };
    let before = cut(start > 0 || excerpt["cut_before"] == Value::Bool(true));
    let after = cut(end < characters.len() || excerpt["cut_after"] == Value::Bool(true));
    Some(format!("{before}{}{}{after}", marked.collect::<String>(), closed(end, &hits)))
}

/// A piece of JSON as words: without its braces and quotes, with a space behind each `:` and `,` between values.
/// The hits move with their characters. Quotes that stand inside a text stay.
fn without_json(characters: &[char], hits: &[(usize, usize)]) -> (Vec<char>, Vec<(usize, usize)>) {
    let at = |place: Option<usize>| place.and_then(|place| characters.get(place)).copied();
    let before = |place: usize| at(place.checked_sub(1));
    // Compact JSON has no space behind `,` and `:`; in a text there is one.
    let is_blank = |place: usize| at(Some(place)).is_some_and(char::is_whitespace);
    let opens = |c: Option<char>| c.is_none_or(|c| "{[,:".contains(c));
    let closes = |place: usize| match at(Some(place)) {
        Some(c) => "}]".contains(c) || (",:".contains(c) && !is_blank(place + 1)),
        None => true,
    };
    let is_quote = |place: usize| characters[place] == '"' && (opens(before(place)) || closes(place + 1));
    let (mut words, mut moved) = (Vec::with_capacity(characters.len()), Vec::with_capacity(characters.len() + 1));
    for (place, &character) in characters.iter().enumerate() {
        moved.push(words.len());
        let (last, next) = (before(place), at(Some(place + 1)));
        let is_open = "{[".contains(character) && next.is_some_and(|next| "\"{[".contains(next));
        let is_close = "}]".contains(character)
            && closes(place + 1)
            && last.is_some_and(|last| "\"}]".contains(last) || (character == '}' && last.is_ascii_alphanumeric()));
        if is_quote(place) || is_open || is_close {
            continue;
        }
        words.push(character);
        let is_between = last.is_some_and(|last| "\"}]".contains(last)) || next == Some('"');
        if ",:".contains(character) && is_between && !is_blank(place + 1) {
            words.push(' ');
        }
    }
    moved.push(words.len());
    let place = |place: usize| moved.get(place).or(moved.last()).copied().unwrap_or_default();
    let hits = hits.iter().map(|&(start, end)| (place(start), place(end))).collect();
    (words, hits)
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
    fn an_excerpt_of_json_is_read_as_words() {
        let shown = |text: &str, hit: &str| {
            let start = text.split_once(hit).unwrap().0.chars().count();
            let marks = json!([{"start": start, "end": start + hit.chars().count()}]);
            plain(&excerpt(&json!({"excerpt": {"text": text, "marks": marks}})).unwrap())
        };
        assert_eq!(shown(r#"{"goal":"議事録を書く","mode":"normal"}"#, "議事録"), "goal: [議事録]を書く, mode: normal");
        assert_eq!(
            shown(r#"{"a":{"b":[1,2],"e":[],"c":"say "no", now"}}"#, "no"),
            r#"…: [1,2], e: [], c: say "[no]", now"#
        );
        assert_eq!(shown("a plain line: with {braces}, no more", "with"), "a plain line: [with] {braces}, no more");
    }

    #[test]
    fn marks_take_no_column_and_are_nothing_away_from_a_terminal() {
        let text = format!("a {BEGIN}b{END} c\n");
        assert_eq!(columns(&text.replace('\n', "")), 5);
        assert_eq!(marked(&text, Place::Data), "a b c\n");
    }
}
