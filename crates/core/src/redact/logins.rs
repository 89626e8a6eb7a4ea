//! Names with passwords behind them that nothing but their place tells: lines of `.netrc`, and `curl -u NAME:PASSWORD`.

use std::ops::Range;

use super::code::{self, Held};
use super::keys;

/// How far before `-u` the word `curl` is looked for, in bytes: the option means other things to other programs.
const CURL_BYTES_MAX: usize = 1_024;
/// Most words of one entry of `.netrc` behind its machine.
const NETRC_WORDS_MAX: usize = 12;
/// Longest name before a password, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// The passwords of the entry of `.netrc` that begins with this word: `machine HOST login NAME password PASSWORD`, on
/// one line or several, in any order.
pub(super) fn netrc(text: &str, at: usize, word: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-') {
        return found;
    }
    let mut words = Words { text, at: at + word.len() };
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
    found
}

/// Words between blanks; one in quotes without them.
struct Words<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.text[self.at..];
        let blanks = rest.len() - rest.trim_start().len();
        let (start, rest) = (self.at + blanks, &rest[blanks..]);
        // Directly behind a word stands none.
        if rest.is_empty() || blanks == 0 {
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
    let behind = at + option.len();
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
    if !is_name || is_other || keys::is_harmless(password) || (is_short && !is_curls(&text[..at])) {
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
