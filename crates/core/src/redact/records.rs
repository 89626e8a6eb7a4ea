//! A private key whose lines stand in records of JSON, one record a line of text, as `rg --json` writes them.

use std::borrow::Cow;
use std::ops::Range;

use super::shapes::{KEY_HEADERS, KEY_LINE_BYTES_MIN, SHORT_KEY_WORDS_MAX, is_key_char};

/// Longest `type` of a record that is kept as a word, in bytes: `context`, `summary`.
const TYPE_BYTES_MAX: usize = 8;

/// What one pass over a text remembers, so that hostile text is not read over and over.
#[derive(Default)]
pub(super) struct Records {
    /// The line of the last BEGIN.
    begun: Range<usize>,
    /// The line of the last END.
    ended: Range<usize>,
}

impl Records {
    /// The strings of the records behind a BEGIN that read as the lines of its key.
    pub(super) fn after(&mut self, text: &str, begin: usize) -> Vec<Range<usize>> {
        let mut key = Key::default();
        if self.begun.contains(&begin) {
            return key.found;
        }
        self.begun = line_around(text, begin);
        let mut at = self.begun.end;
        while text[self.begun.clone()].starts_with('{') && at < text.len() {
            let line = line_around(text, at + 1);
            at = line.end;
            if !key.goes_on(text, line) {
                break;
            }
        }
        key.found
    }

    /// The same before an END.
    pub(super) fn before(&mut self, text: &str, end: usize) -> Vec<Range<usize>> {
        let mut key = Key::default();
        if self.ended.contains(&end) {
            return key.found;
        }
        self.ended = line_around(text, end);
        let mut at = self.ended.start;
        while text[self.ended.clone()].starts_with('{') && at > 0 {
            let line = line_around(text, at - 1);
            at = line.start;
            if !key.goes_on(text, line) {
                break;
            }
        }
        key.found
    }
}

/// What was read of one key.
#[derive(Default)]
struct Key {
    short: usize,
    found: Vec<Range<usize>>,
}

impl Key {
    /// Reads one more line; false where the key does not reach.
    ///
    /// As in plain text, only what reads as a key is hidden: whoever could hide more would have it approved unseen.
    fn goes_on(&mut self, text: &str, line: Range<usize>) -> bool {
        let record = &text[line.clone()];
        // Another one begins or ends there, and is followed from there.
        if record.contains("-----BEGIN") || record.contains("-----END") {
            return false;
        }
        if !record.starts_with('{') {
            return self.cut_record(record, line.start);
        }
        let (mut words, mut is_long, mut is_other) = (Vec::new(), false, false);
        for value in values(record) {
            let content = value.content(record);
            let content = content.trim();
            if content.is_empty() || value.says_no_line(content) {
                continue;
            }
            if KEY_HEADERS.iter().any(|header| content.starts_with(header)) {
                return true;
            }
            if content.chars().all(is_key_char) {
                is_long |= content.len() >= KEY_LINE_BYTES_MIN;
                words.push(line.start + value.at.start..line.start + value.at.end);
            } else {
                is_other = true;
            }
        }
        if !is_long {
            self.short += usize::from(!words.is_empty());
            if is_other || self.short > SHORT_KEY_WORDS_MAX {
                return false;
            }
        }
        self.found.append(&mut words);
        true
    }

    /// The rest of a record whose beginning was cut away: it has no others before it.
    fn cut_record(&mut self, rest: &str, start: usize) -> bool {
        if rest.trim_end().ends_with('}') {
            let mut at = 0;
            for word in rest.split(|c| !is_key_char(c)) {
                if word.len() >= KEY_LINE_BYTES_MIN {
                    self.found.push(start + at..start + at + word.len());
                }
                at += word.len() + rest[at + word.len()..].chars().next().map_or(0, char::len_utf8);
            }
        }
        false
    }
}

/// A string of a record that is no key of it.
struct Value {
    at: Range<usize>,
    /// It stands by the key `type`.
    record_type: bool,
    /// It is a path, or the `text` of one.
    in_path: bool,
}

impl Value {
    fn content<'r>(&self, record: &'r str) -> Cow<'r, str> {
        let raw = &record[self.at.clone()];
        if !raw.contains('\\') {
            return Cow::Borrowed(raw);
        }
        serde_json::from_str(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
    }

    /// Whether it tells of the record or its file, and is no text out of it.
    fn says_no_line(&self, content: &str) -> bool {
        let is_word = content.len() <= TYPE_BYTES_MAX && content.bytes().all(|b| b.is_ascii_lowercase());
        self.in_path || (self.record_type && is_word)
    }
}

/// The strings of a record that are no keys. A record that was cut has an open one at its end.
fn values(record: &str) -> Vec<Value> {
    let (mut found, mut keys, mut at) = (Vec::new(), [0..0, 0..0], 0);
    while let Some(open) = record[at..].find('"') {
        let start = at + open + 1;
        let (end, after) = closed(record, start);
        if record[after..].trim_start().starts_with(':') {
            let [_, last] = keys;
            keys = [last, start..end];
        } else {
            let [before, last] = [&record[keys[0].clone()], &record[keys[1].clone()]];
            let (record_type, in_path) = (last == "type", last == "path" || (before == "path" && last == "text"));
            found.push(Value { at: start..end, record_type, in_path });
        }
        at = after;
    }
    found
}

/// Where a string's content ends, and the place behind its quote.
fn closed(record: &str, start: usize) -> (usize, usize) {
    let bytes = record.as_bytes();
    let mut at = start;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    // Behind a backslash at the end of a cut record is nothing, and behind one before a longer sign a part of it.
    let end = record.floor_char_boundary(at.min(bytes.len()));
    (end, (end + 1).min(bytes.len()))
}

/// The line a place lies in, without its end; the end of a line belongs to the line before.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    start..text[at..].find('\n').map_or(text.len(), |length| at + length)
}
