//! Names with passwords behind them that nothing but their place tells: lines of `.netrc`, and `curl -u NAME:PASSWORD`.

use std::ops::Range;

use super::code::{self, Held};
use super::keys;
use super::shapes::place_before;

/// How far before `-u` the word `curl` is looked for, in bytes: the option means other things to other programs.
const CURL_BYTES_MAX: usize = 1_024;
/// Most words of one entry of `.netrc` behind its machine.
const NETRC_WORDS_MAX: usize = 12;
/// Most lines of comments between two words of an entry.
const COMMENT_LINES_MAX: usize = 8;
/// How far a record of JSON is read behind a word of an entry, in bytes.
const RECORD_BYTES_MAX: usize = 8 * 1024;
/// Short options of curl that take nothing: another may stand behind one in the same word.
const CURL_FLAGS: &[u8] = b"#01234679aBfgGiIjJklLMnNOpqRsSvZ";
/// Longest name before a password, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// The passwords of the entry of `.netrc` that begins with this word: `machine HOST login NAME password PASSWORD`, on
/// one line or several, in any order. `begin` is what stands before it on its line, and but for a number on the others.
pub(super) fn netrc(text: &str, at: usize, word: &str, begin: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // A dash is a diff's, or stands behind a line's number or its file.
    let before = text[..at].strip_suffix('-');
    let is_mark = before
        .is_none_or(|b| b.is_empty() || b.ends_with(|c: char| c == '\n' || c.is_ascii_digit()) || b.ends_with("netrc"));
    if !is_mark || text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return found;
    }
    let mut words = Words { text, at: at + word.len(), begin };
    if word == "machine" && words.next().is_none() {
        return found;
    }
    let mut is_entry = false;
    for _ in 0..NETRC_WORDS_MAX / 2 {
        let (Some(name), Some(value)) = (words.next(), words.next()) else { break };
        match &text[name] {
            "login" | "user" => is_entry = true,
            "password" | "passwd" => found.push(value),
            "account" => {}
            _ => break,
        }
    }
    // A machine has a login; prose about machines and passwords has none.
    if !is_entry {
        found.clear();
    }
    for value in &mut found {
        let held = if text[..value.start].ends_with('"') { Held::Quotes(b'"') } else { Held::Word };
        *value = code::literal(text, value.clone(), held);
    }
    found.retain(|value| !keys::is_harmless(&text[value.clone()]));
    if words.in_record() {
        // What was found on the line stands in the record of `rg --json` once more.
        let again: Vec<_> = found.iter().flat_map(|value| again(text, value)).collect();
        found.extend(again);
    }
    found
}

/// The other places of a value on its line.
fn again<'t>(text: &'t str, value: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<'t> {
    let (from, length) = (value.end, value.len());
    let rest = &text[from..text.floor_char_boundary(from + RECORD_BYTES_MAX)];
    let rest = rest.split('\n').next().unwrap_or_default();
    rest.match_indices(&text[value.clone()]).map(move |(at, _)| from + at..from + at + length)
}

/// Words between blanks; one in quotes without them.
struct Words<'t> {
    text: &'t str,
    at: usize,
    /// What stands before the first word on its line.
    begin: &'t str,
}

impl Words<'_> {
    /// Whether each line of the file stands in a record of JSON.
    fn in_record(&self) -> bool {
        self.begin.starts_with('{')
    }

    /// The place of the next word: behind blanks, and on a new line behind what stands before all of them.
    fn next_place(&self) -> usize {
        let mut at = self.at;
        if self.in_record() && self.text[at..].starts_with("\\n\"") {
            let record = &self.text[at..self.text.floor_char_boundary(at + RECORD_BYTES_MAX)];
            at += record.find('\n').unwrap_or(0);
        }
        for _ in 0..COMMENT_LINES_MAX {
            let rest = &self.text[at..];
            let blanks = rest.len() - rest.trim_start().len();
            let Some(line) = rest[..blanks].rfind('\n') else { return at + blanks };
            at += line + 1;
            let place = place_before(self.begin, &self.text[at..]);
            at += place + usize::from(place == 0 && self.text[at..].starts_with(['+', '-', '>']));
            at += self.text[at..].len() - self.text[at..].trim_start_matches([' ', '\t']).len();
            while self.in_record() && self.text[at..].starts_with("\\t") {
                at += "\\t".len();
            }
            if self.text[at..].starts_with('#') {
                at += self.text[at..].find('\n').unwrap_or(self.text.len() - at);
            } else if !self.text[at..].starts_with(['\n', '\r']) {
                break;
            }
        }
        at
    }
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next_place();
        let rest = &self.text[start..];
        // Directly behind a word stands none.
        if rest.is_empty() || start == self.at {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('"')
            && let Some(length) = inner.find(['"', '\n'])
        {
            self.at = start + 1 + length + usize::from(inner[length..].starts_with('"'));
            return Some(start + 1..start + 1 + length);
        }
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        // In a text of JSON the line's end and the string's stand behind it.
        let word = &rest[..length];
        let ends = [word.find("\\n"), word.find("\","), word.find("\"}"), word.find("\"]")];
        let length = ends.into_iter().flatten().min().unwrap_or(length);
        self.at = start + length;
        Some(start..start + length)
    }
}

/// The password behind an option that takes `NAME:PASSWORD`.
pub(super) fn user_option(text: &str, at: usize, option: &str) -> Option<Range<usize>> {
    if text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.')) {
        return None;
    }
    let is_short = option.len() == "-u".len();
    if is_short && !is_curls(&text[..at]) {
        return None;
    }
    password_behind(text, at + option.len(), is_short)
}

/// The passwords behind options of curl in one word: `-sSfu NAME:PASSWORD`.
pub(super) fn curl(text: &str, at: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let start = at + "curl".len();
    let line = &text[start..text.floor_char_boundary(start + CURL_BYTES_MAX)];
    let is_apart = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if !is_apart || !line.starts_with([' ', '\t', '"', '\'']) {
        return found;
    }
    // Another one is read from there.
    let line = &line[..line.find("curl").unwrap_or(line.len())];
    let ends = line.match_indices('\n').map(|(end, _)| end);
    let mut ends = ends.filter(|end| !line[..*end].trim_end_matches('\r').ends_with('\\'));
    let line = &line[..ends.next().unwrap_or(line.len())];
    for (dash, _) in line.match_indices('-') {
        let flags = line.bytes().skip(dash + 1).take_while(|b| CURL_FLAGS.contains(b)).count();
        let option = dash + 1 + flags;
        let begins = line[..dash].ends_with(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        if begins && flags > 0 && line[option..].starts_with(['u', 'U']) {
            found.extend(password_behind(text, start + option + 1, true));
        }
    }
    found
}

/// The password of the `NAME:PASSWORD` behind an option that ends at `behind`.
fn password_behind(text: &str, behind: usize, is_short: bool) -> Option<Range<usize>> {
    let rest = &text[behind..];
    let gap = rest.len() - rest.trim_start_matches([' ', '\t', '=', '"', '\'', ',']).len();
    if gap == 0 && !is_short {
        return None;
    }
    let start = behind + gap;
    let quote = text[..start].chars().next_back().filter(|c| gap > 0 && matches!(c, '"' | '\''));
    let is_end = |c: char| match quote {
        Some(quote) => c == quote || c == '\n',
        None => c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ';' | '|' | '&' | ')'),
    };
    let word = &text[start..];
    let word = &word[..word.find(is_end).unwrap_or(word.len())];
    let (name, _) = word.split_once(':')?;
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '@' | '%' | '+' | '-' | '\\');
    let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('-') && name.chars().all(fits);
    // A user and a group; a host or a scheme and a path.
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let password_at = start + name.len() + 1;
    let held = quote.map_or(Held::Word, |quote| Held::Quotes(if quote == '"' { b'"' } else { b'\'' }));
    let literal = code::literal(text, password_at..start + word.len(), held);
    let password = &text[literal.clone()];
    let is_other = name == password || (is_number(name) && is_number(password)) || password.starts_with('/');
    if !is_name || is_other || keys::is_harmless(password) {
        return None;
    }
    Some(literal)
}

/// Whether `curl` stands before, on the same line or those that it continues.
fn is_curls(before: &str) -> bool {
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(CURL_BYTES_MAX))..];
    before.rfind("curl").is_some_and(|at| {
        let ends = before[at..].match_indices('\n');
        ends.map(|(end, _)| &before[..at + end]).all(|line| line.trim_end_matches('\r').ends_with('\\'))
    })
}
