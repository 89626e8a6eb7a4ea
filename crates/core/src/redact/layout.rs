//! The extent of values that go beyond one word: structures and indented lines.

use std::ops::Range;

use super::quotes::{Quote, closing_quote};

/// How much of a structure under a key without quotes is read, in bytes: it may be code.
pub(super) const LOOSE_STRUCTURE_BYTES_MAX: usize = 4 * 1024;
/// How far back a line's start is looked for, in bytes.
const LINE_START_BYTES_MAX: usize = 64;

/// The end of the line `at` lies in, without its newline.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |length| at + length)
}

/// True when only indentation, a list's dash, a diff's sign or `export` stands before `at` on its line.
pub(super) fn is_first_on_line(bytes: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(LINE_START_BYTES_MAX);
    let before = &bytes[from..at];
    let line = match before.iter().rposition(|b| *b == b'\n') {
        Some(newline) => &before[newline + 1..],
        None if from == 0 => before,
        None => return false,
    };
    let line = line.trim_ascii();
    let line = line.strip_suffix(b"export").unwrap_or(line);
    line.iter().all(|b| matches!(b, b' ' | b'\t' | b'-' | b'+' | b'#' | b'*' | b'>' | b'|'))
}

/// The strings and numbers inside a structure that opens at `at`, and where it ends.
///
/// Under a key without quotes the structure may be code: then only a part of it is read, and a
/// bare list on one line (`[one, two]`) counts as one value.
pub(super) fn leaves(text: &str, at: usize, key_quoted: bool) -> (Vec<Range<usize>>, usize) {
    let bytes = text.as_bytes();
    let limit = if key_quoted { bytes.len() } else { text.floor_char_boundary(at + LOOSE_STRUCTURE_BYTES_MAX) };
    let mut leaves = Vec::new();
    let (mut depth, mut i) = (0_usize, at);
    let (mut bare_line, mut kept) = (!key_quoted, false);
    while i < limit {
        match bytes[i] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    if bare_line {
                        leaves.clear();
                        leaves.push(at + 1..i);
                    }
                    return (leaves, i + 1);
                }
            }
            b'\n' => bare_line = false,
            b',' => kept = false,
            sign @ (b'"' | b'\'') => {
                let backslashes = bytes[at..i].iter().rev().take_while(|b| **b == b'\\').count();
                let (content, after) = closing_quote(text, i + 1, Quote { sign, backslashes });
                let next = bytes[after..].iter().find(|b| !b.is_ascii_whitespace());
                if next == Some(&b':') {
                    kept = super::keys::is_kept(&text[content]);
                } else if !kept && !is_digest(text, at, i, &text[content.clone()]) {
                    leaves.push(content);
                }
                bare_line = false;
                i = after;
                continue;
            }
            b if b.is_ascii_alphanumeric() || b == b'-' || !b.is_ascii() => {
                let word = i + bytes[i..limit]
                    .iter()
                    .take_while(|b| {
                        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_') || !b.is_ascii()
                    })
                    .count();
                if (b.is_ascii_digit() || b == b'-') && !kept {
                    leaves.push(i..word);
                }
                i = word;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    (leaves, i.max(at))
}

/// True when the string at `i` is a digest under a key that says so.
fn is_digest(text: &str, from: usize, i: usize, value: &str) -> bool {
    /// How far back the key of a digest is looked for, in bytes.
    const KEY_BYTES_MAX: usize = 64;
    let bytes = text.as_bytes();
    let before = bytes[from.max(i.saturating_sub(KEY_BYTES_MAX))..i].trim_ascii_end();
    let Some(before) = before.strip_suffix(b":") else {
        return false;
    };
    let before = before.trim_ascii_end();
    let key = before.iter().rposition(u8::is_ascii_alphanumeric).map_or(&before[..0], |last| &before[..=last]);
    std::str::from_utf8(key).is_ok_and(|key| super::keys::is_kept_digest(key, value))
}

/// The values on the deeper indented lines behind a key (YAML's blocks), and where they end.
///
/// `at` is where the key's own line would hold the value: nothing there, or `|` or `>`.
pub(super) fn indented_value(text: &str, at: usize) -> Option<(Vec<Range<usize>>, usize)> {
    let bytes = text.as_bytes();
    let line = line_end(bytes, at);
    let mark = text[at..line].split('#').next().unwrap_or_default().trim();
    let is_block = mark.starts_with(['|', '>']);
    if !mark.trim_start_matches(['|', '>', '+', '-']).bytes().all(|b| b.is_ascii_digit()) || mark.len() > 3 {
        return None;
    }
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let depth = indentation(&bytes[start..line]);
    let mut values: Vec<Range<usize>> = Vec::new();
    let (mut next, mut end) = (line + 1, line);
    while next < bytes.len() {
        let stop = line_end(bytes, next);
        let here = &text[next..stop];
        let blank = here.trim().is_empty();
        if !blank && indentation(here.as_bytes()) <= depth || blank && values.is_empty() {
            break;
        }
        if !blank {
            let content =
                next + if is_block { here.len() - here.trim_start().len() } else { indentation(here.as_bytes()) };
            let content = content.min(stop);
            let key = if is_block { 0 } else { key_length(&text[content..stop]) };
            let value = content + key..content + text[content..stop].trim_end().len().max(key);
            match values.last_mut() {
                Some(block) if is_block => block.end = value.end,
                _ => values.push(value),
            }
            end = stop;
        }
        next = stop + 1;
    }
    (!values.is_empty()).then_some((values, end))
}

/// Leading blanks, list dashes and diff signs.
fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'-' | b'+')).count()
}

/// The length of `key: ` at the start of a line; 0 when there is none.
fn key_length(line: &str) -> usize {
    match line.find(':') {
        Some(colon) if line[colon + 1..].starts_with([' ', '\t']) => {
            let rest = &line[colon + 1..];
            colon + 1 + (rest.len() - rest.trim_start().len())
        }
        Some(colon) if line[colon + 1..].trim().is_empty() => line.len(),
        _ => 0,
    }
}
