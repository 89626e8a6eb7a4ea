//! Finds secrets by the name they are given to: `KEY=value`, `key: value`, `"key": "value"`.
//!
//! Reads code, configuration and prose without knowing which it is. Where they disagree, more is
//! masked rather than less. Every byte is read a bounded number of times.

use std::ops::Range;

use super::code::{self, Held};
use super::keys::{self, Name};
use super::layout;
use super::quotes::{Quote, closes_at, closing_quote, opening_quote, quote_before};
use super::shapes::looks_random;

/// How far behind a typed name (`key: &str = "…"`) the value is looked for, in bytes.
const TYPED_VALUE_BYTES_MAX: usize = 80;
/// How far behind the name of a pair (`name: KEY`, `value: …`) the word `value` is looked for, in bytes.
const PAIR_GAP_BYTES_MAX: usize = 64;
/// The names seen so far in one text, and what was found under them.
pub(super) struct Assigned<'t> {
    text: &'t str,
    /// The end of the last name: keywords before it belong to a name already read.
    name_end: usize,
    /// The end of the last value: what lies before it is already judged.
    value_end: usize,
    /// The end of the last structure that was read: its parts were read with it.
    structure_end: usize,
    pub(super) found: Vec<Range<usize>>,
}

/// What stands between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Colon,
    Equals,
    /// `=>`, whose braces may be code.
    Arrow,
    /// `==`, `!=`, or the comma of a call: only a quoted value counts.
    OnlyQuoted,
    /// `<name>value</name>`
    Element,
    /// `--name value`
    Option,
}

#[derive(Clone, Copy)]
struct Place<'t> {
    key: &'t str,
    says: Name,
    between: Between,
    /// The key stood in quotes of its own, as in JSON.
    key_quoted: bool,
    /// The quote that opened right before the key and holds the value too.
    enclosing: Option<Quote>,
    /// The key is the first thing on its line.
    first_on_line: bool,
    /// The sign that ends the value in a query or a connection string.
    delimiter: Option<u8>,
}

impl<'t> Assigned<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, name_end: 0, value_end: 0, structure_end: 0, found: Vec::new() }
    }

    /// Reads the name around one keyword, and its value if it has one.
    pub(super) fn at_keyword(&mut self, keyword: Range<usize>) {
        if keyword.start < self.name_end {
            return;
        }
        let bytes = self.text.as_bytes();
        let (mut start, mut end) = (keyword.start, keyword.end);
        if bytes[start].is_ascii() {
            while start > self.name_end && is_name_byte(bytes[start - 1]) {
                start -= 1;
            }
            while end < bytes.len() && is_name_byte(bytes[end]) {
                end += 1;
            }
        }
        self.name_end = end;
        let Some((place, at)) = self.place(start, end) else {
            return;
        };
        if at >= self.value_end {
            let end = self.value(place, at);
            self.value_end = self.value_end.max(end);
        }
    }

    /// What stands around a name, and where its value begins.
    fn place(&self, start: usize, end: usize) -> Option<(Place<'t>, usize)> {
        let bytes = self.text.as_bytes();
        let opened = quote_before(bytes, start);
        let mut at = end;
        let closed = opened.and_then(|quote| closes_at(bytes, at, quote));
        if let Some(after) = closed {
            at = after + usize::from(bytes.get(after) == Some(&b']'));
        }
        let gap = skip_blanks(bytes, at);
        let key = &self.text[start..end];
        let key_start = opened.map_or(start, |quote| start - 1 - quote.backslashes);
        let before = key_start.checked_sub(1).map(|i| bytes[i]);
        let rest = &bytes[gap..];
        let option = key.starts_with("--");
        let spaced_sign = matches!(rest, [b'=' | b':', b' ' | b'\t', ..]);
        let (between, length) = match rest {
            _ if option && gap > end && closed.is_none() && !spaced_sign => (Between::Option, 0),
            // `KEY==value` without blanks may be a value that begins with `=`.
            [b'=', b'=', b'=', ..] if gap > at => (Between::OnlyQuoted, 3),
            [b'=', b'=', ..] if gap > at => (Between::OnlyQuoted, 2),
            [b'!', b'=', b'=', ..] => (Between::OnlyQuoted, 3),
            [b'!', b'=', ..] => (Between::OnlyQuoted, 2),
            [b'=', b'>', ..] => (Between::Arrow, 2),
            [b':' | b'?' | b'+' | b'|', b'=', ..] => (Between::Equals, 2),
            [b'?', b':', ..] => (Between::Colon, 2),
            [b':', b':', ..] => return None,
            [b'=', ..] => (Between::Equals, 1),
            [b':', ..] => (Between::Colon, 1),
            [0xef, 0xbc, 0x9a, ..] => (Between::Colon, 3),  // ：
            [0xef, 0xbc, 0x9d, ..] => (Between::Equals, 3), // ＝
            [b',', ..] if closed.is_some() && (option || before == Some(b'(')) => (Between::OnlyQuoted, 1),
            [b'>', ..] if closed.is_none() && before == Some(b'<') => (Between::Element, 1),
            _ => return self.pair(start, at, key),
        };
        let says = keys::name(key);
        if says == Name::Plain || (key == "PASS" && between == Between::Colon && closed.is_none()) {
            return None;
        }
        let place = Place {
            key,
            says,
            between,
            key_quoted: closed.is_some(),
            enclosing: opened.filter(|_| closed.is_none()),
            first_on_line: layout::is_first_on_line(bytes, key_start),
            delimiter: match before {
                Some(b'?' | b'&') => Some(b'&'),
                Some(b';') => Some(b';'),
                _ => None,
            },
        };
        let mut value = skip_blanks(bytes, gap + length);
        if place.key_quoted {
            value += bytes[value..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        }
        Some((place, value))
    }

    /// The value in `name: KEY` followed by `value: …`, as environments are often written.
    fn pair(&self, start: usize, at: usize, key: &'t str) -> Option<(Place<'t>, usize)> {
        let bytes = self.text.as_bytes();
        let before = bytes[start.saturating_sub(4)..start].iter().rfind(|b| !matches!(b, b'"' | b'\'' | b' ' | b'\\'));
        if !matches!(before, Some(b':' | b'=')) {
            return None;
        }
        let is_filler = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b',' | b'\\' | b'-' | b'+');
        let skip =
            |from: usize| from + bytes[from..].iter().take(PAIR_GAP_BYTES_MAX).take_while(|b| is_filler(b)).count();
        let word = skip(at);
        let after = word + "value".len();
        if word == at || !bytes.get(word..after)?.eq_ignore_ascii_case(b"value") {
            return None;
        }
        let sign = after + bytes[after..].iter().take_while(|b| matches!(b, b'"' | b'\'' | b'\\' | b' ')).count();
        let says = keys::name(key);
        if !matches!(bytes.get(sign), Some(b':' | b'=')) || says == Name::Plain {
            return None;
        }
        let place = Place {
            key,
            says,
            between: Between::Equals,
            key_quoted: sign > after,
            enclosing: None,
            first_on_line: false,
            delimiter: None,
        };
        Some((place, skip_blanks(bytes, sign + 1)))
    }

    /// Judges the value at `at`; returns where it ends.
    fn value(&mut self, place: Place<'t>, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        if let Some((quote, content)) = opening_quote(bytes, at)
            && place.enclosing != Some(quote)
        {
            return self.quoted(place, quote, content);
        }
        match place.between {
            Between::OnlyQuoted => return at,
            Between::Option if bytes.get(at) == Some(&b'-') => return at,
            Between::Element => return self.element(place, at),
            Between::Colon | Between::Equals | Between::Arrow | Between::Option => {}
        }
        match bytes.get(at) {
            Some(b'{' | b'[')
                if place.key_quoted
                    || (place.between != Between::Arrow
                        && at + layout::LOOSE_STRUCTURE_BYTES_MAX / 2 >= self.structure_end) =>
            {
                let (leaves, end) = layout::leaves(self.text, at, place.key_quoted);
                self.structure_end = end;
                let any = !leaves.is_empty();
                for leaf in leaves {
                    if !is_amount(place.key, &self.text[leaf.clone()]) {
                        self.judge(place, leaf);
                    }
                }
                // Without quotes around its key it may be no structure, but a secret that begins like one.
                let goes_on = |b: &u8| !b.is_ascii_whitespace() && !matches!(b, b',' | b';' | b'"' | b'\'');
                let closed = matches!(bytes[end - 1], b'}' | b']') && !bytes.get(end).is_some_and(goes_on);
                let open_line = bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace);
                if place.key_quoted || (any && (closed || open_line)) {
                    return end;
                }
            }
            None | Some(b'\n' | b'\r' | b'|' | b'>') if place.first_on_line && place.between == Between::Colon => {
                if let Some((lines, end)) = layout::indented_value(self.text, at) {
                    for line in lines {
                        self.judge(place, line);
                    }
                    return end;
                }
            }
            _ => {}
        }
        self.bare(place, at)
    }

    fn quoted(&mut self, place: Place<'t>, quote: Quote, content: usize) -> usize {
        let (content, after) = closing_quote(self.text, content, quote);
        // In JSON nothing runs.
        let is_json = place.key_quoted && place.between == Between::Colon;
        let literal = code::literal(self.text, content.clone(), Held::Quotes(quote.sign));
        self.judge(place, if is_json { content } else { literal });
        // A shell joins `"a"b` to one word, and a secret may begin with two quotes.
        let goes_on = |b: &u8| b.is_ascii_graphic() && !b",;)]}>.\"'`\\<".contains(b);
        if self.text.as_bytes().get(after).is_some_and(goes_on) {
            return self.bare(Place { between: Between::Equals, ..place }, after);
        }
        after
    }

    fn element(&mut self, place: Place<'t>, at: usize) -> usize {
        let Some(length) = self.text[at..].find('<') else {
            return at;
        };
        if !self.text[at + length..].starts_with("</") {
            return at;
        }
        self.judge(place, at..at + length);
        at + length
    }

    /// A value without quotes: up to a blank, or to the line's end where a passphrase may go on.
    fn bare(&mut self, place: Place<'t>, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let spaced = at.checked_sub(1).is_some_and(|i| bytes[i] == b' ');
        let whole_line = place.says == Name::Header
            || (place.says == Name::Phrase
                && place.first_on_line
                && (place.between == Between::Colon || (place.between == Between::Equals && spaced)));
        let mut end = at;
        let mut backslashes = 0;
        for (offset, c) in self.text[at..].char_indices() {
            end = at + offset;
            let is_end = c == '\n'
                || (c.is_whitespace() && !whole_line)
                || place.delimiter.is_some_and(|sign| c == char::from(sign))
                || (place.delimiter == Some(b'&') && c == '#')
                || (place.key_quoted && matches!(c, ',' | '}' | ']'))
                || (!place.key.is_ascii() && !c.is_ascii())
                || place
                    .enclosing
                    .is_some_and(|quote| c == char::from(quote.sign) && quote.is_closed_after(backslashes));
            if is_end {
                break;
            }
            backslashes = if c == '\\' { backslashes + 1 } else { 0 };
            end += c.len_utf8();
        }
        let end = self.through_call(at, end);
        let mut value = at..at + trimmed(&self.text[at..end]);
        if place.says == Name::Header {
            value.start += scheme_length(&self.text[value.clone()]);
        }
        let is_tight = at.checked_sub(1).is_some_and(|i| matches!(bytes[i], b'=' | b'"' | b'\''));
        let in_shell = place.between == Between::Option || (place.between == Between::Equals && is_tight);
        value = code::literal(self.text, value, if in_shell { Held::ShellWord } else { Held::Word });
        let text = &self.text[value.clone()];
        let foreign = text.chars().next().is_some_and(|c| !c.is_ascii());
        let prose = foreign && place.says == Name::Secret && !place.key_quoted;
        if !prose && !is_amount(place.key, text) {
            self.judge(place, value);
        }
        if place.between == Between::Colon && !place.key_quoted {
            return self.typed_value(place, end);
        }
        end
    }

    /// `Some("a b")`: a quote that opens inside a bare value is part of it up to its end.
    fn through_call(&self, at: usize, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let opens = (at + 1..end)
            .find(|i| matches!(bytes[*i], b'"' | b'\'') && matches!(bytes[i - 1], b'(' | b'[' | b'{' | b'='));
        opens.map_or(end, |open| {
            let close = bytes[open + 1..].iter().position(|b| *b == bytes[open] || *b == b'\n');
            close
                .map(|length| open + 1 + length)
                .filter(|close| bytes[*close] != b'\n')
                .map_or(end, |close| end.max(close + 1))
        })
    }

    /// `key: &str = "…"`: the type was taken for the value; the value stands behind it.
    fn typed_value(&mut self, place: Place<'t>, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let window = &bytes[end..bytes.len().min(end + TYPED_VALUE_BYTES_MAX)];
        let Some(equals) = window.iter().position(|b| matches!(b, b'=' | b'\n')) else {
            return end;
        };
        if window[equals] == b'\n' {
            return end;
        }
        let at = skip_blanks(bytes, end + equals + 1);
        match opening_quote(bytes, at) {
            Some((quote, content)) if place.enclosing != Some(quote) => self.quoted(place, quote, content),
            _ => end,
        }
    }

    /// Adds the value to what was found, unless it gives nothing away.
    fn judge(&mut self, place: Place<'t>, value: Range<usize>) {
        let text = &self.text[value.clone()];
        let secret = match place.says {
            Name::Plain => false,
            Name::Maybe => looks_random(text),
            Name::Several => !is_number(text),
            Name::Header => {
                let scheme = scheme_length(text);
                if !keys::is_harmless(&text[scheme..]) {
                    self.found.push(value.start + scheme..value.end);
                }
                false
            }
            Name::Secret | Name::Phrase => true,
        };
        if secret && !keys::is_harmless(text) && !keys::is_kept_digest(place.key, text) {
            self.found.push(value);
        }
    }
}

const fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

fn is_amount(key: &str, value: &str) -> bool {
    is_number(value) && keys::is_amount(key)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'_' | b'+' | b'-' | b'k' | b'K' | b'%'))
}

fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// The length of a bare value without the signs that close what surrounds it.
fn trimmed(value: &str) -> usize {
    let mut rest = value.trim_end();
    let (round, square, curly) = (rest.contains('('), rest.contains('['), rest.contains('{'));
    while let Some(last) = rest.chars().next_back() {
        let opened = match last {
            ')' => round,
            ']' => square,
            '}' => curly,
            '"' | '\'' | '`' | ',' | ';' => false,
            '\\' => rest.len() == value.len(),
            _ => true,
        };
        if opened {
            break;
        }
        rest = &rest[..rest.len() - 1];
    }
    rest.len()
}

/// The length of an authorization scheme and the blank behind it; 0 when there is none.
fn scheme_length(value: &str) -> usize {
    const SCHEMES: [&str; 9] = ["bearer", "basic", "token", "digest", "negotiate", "apikey", "bot", "dpop", "ntlm"];
    value
        .split_once(' ')
        .filter(|(scheme, _)| SCHEMES.iter().any(|one| one.eq_ignore_ascii_case(scheme)))
        .map_or(0, |(scheme, rest)| scheme.len() + 1 + (rest.len() - rest.trim_start().len()))
}
