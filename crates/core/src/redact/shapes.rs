//! Formats that no pattern anchored at a keyword can say: blocks, pairs of parts, addresses.
//!
//! Formats as published by the gitleaks project (MIT licence); see `rules.rs`.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::keys;

/// How far behind an address's authority a late `@` is looked for, in bytes: passwords may hold `/`.
const LATE_AT_BYTES_MAX: usize = 256;
/// Bytes of the middle part of a Discord token.
const DISCORD_TIME_BYTES: usize = 6;
/// Least bytes of the last part of a Discord token.
const DISCORD_HMAC_BYTES_MIN: usize = 27;
/// Least bytes of a JWT's header and of its payload.
const JWT_PART_BYTES_MIN: usize = 8;

/// What one pass over a text remembers, so that hostile text is not read over and over.
pub(super) struct Shapes<'t> {
    text: &'t str,
    /// The end of the last run of token characters that held no JWT.
    no_jwt_before: usize,
    /// The end of the last run of token characters in which nothing looked like an `sk-` key.
    no_sk_before: usize,
    /// The next `@` at or behind the last address looked at.
    next_at_sign: usize,
    /// Where the line of the last key looked at begins, and up to where line ends were looked for.
    line: Range<usize>,
}

impl<'t> Shapes<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, no_jwt_before: 0, no_sk_before: 0, next_at_sign: 0, line: 0..0 }
    }

    /// A private key from its BEGIN line to its END line; as far as it reads as a key when that is missing.
    pub(super) fn private_key(&mut self, at: usize) -> Option<Range<usize>> {
        let rest = &self.text[at..];
        let label = rest.strip_prefix("-----BEGIN")?;
        let name = label.len()
            - label
                .trim_start_matches(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, ' ' | '_'))
                .len();
        // A name cut in the middle may be a private key's.
        if !label[..name].contains("PRIVATE KEY") && name < label.len() {
            return None;
        }
        let body = "-----BEGIN".len() + name + run(&label[name..], |c| c == '-');
        Some(at..at + body + key_body(&rest[body..], self.line_before(at)))
    }

    /// The end of a private key whose beginning was cut away.
    pub(super) fn private_key_end(&self, at: usize) -> Option<Range<usize>> {
        let rest = self.text[at..].strip_prefix("-----END ")?;
        let name = rest.find("PRIVATE KEY")?;
        if name > 20 {
            return None;
        }
        let before = self.text[..at].trim_end();
        let length = key_words_before(before);
        Some(before.len() - length..before.len())
    }

    /// The private part of a `PuTTY` key file.
    pub(super) fn putty_key(&mut self, at: usize) -> Range<usize> {
        let body = at + "private-lines:".len();
        let count = run(&self.text[body..], |c| c.is_ascii_digit() || matches!(c, ' ' | '\r'));
        body..body + count + key_body(&self.text[body + count..], self.line_before(at))
    }

    /// What stands before `at` on its line, as far as it may say where a line stands.
    pub(super) fn line_before(&mut self, at: usize) -> &'t str {
        let looked_at = self.line.end.min(at);
        let start = self.text[looked_at..at].rfind('\n').map_or(self.line.start, |end| looked_at + end + 1);
        self.line = start..at;
        let line = &self.text[start..at];
        &line[..line.floor_char_boundary(KEY_PLACE_BYTES_MAX)]
    }

    /// A JSON web token: two or more parts joined by dots, the first a JSON object.
    pub(super) fn jwt(&mut self, at: usize) -> Option<Range<usize>> {
        let rest = &self.text[at..];
        if at < self.no_jwt_before || !rest.starts_with("eyJ") {
            return None;
        }
        let header = run(rest, is_token_char);
        let payload = rest[header..].strip_prefix('.').map_or(0, |rest| run(rest, is_token_char));
        if header < JWT_PART_BYTES_MIN || payload < JWT_PART_BYTES_MIN {
            self.no_jwt_before = at + header;
            return None;
        }
        let end = run(rest, |c| is_token_char(c) || c == '.');
        Some(at..at + rest[..end].trim_end_matches('.').len())
    }

    /// The password in `scheme://user:password@host`, or a token in the user's place.
    pub(super) fn address(&mut self, slashes: usize) -> Option<Range<usize>> {
        let start = slashes + "://".len();
        let rest = &self.text[start..];
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`');
        let length = rest.find(|c: char| is_end(c) || matches!(c, '/' | '?' | '#')).unwrap_or(rest.len());
        let authority = &rest[..length];
        let user = authority.rfind('@').or_else(|| {
            let port = authority.split_once(':')?.1;
            if port.bytes().all(|b| b.is_ascii_digit()) || authority.starts_with(['[', ':']) {
                return None;
            }
            self.late_at_sign(start + length).map(|at| at - start)
        })?;
        let credentials = &rest[..user];
        let secret = match credentials.split_once(':') {
            Some((name, _)) => start + name.len() + 1..start + user,
            None if looks_random(credentials) => start..start + user,
            None => return None,
        };
        (!keys::is_harmless(&self.text[secret.clone()])).then_some(secret)
    }

    /// The last `@` of the word that goes on at `from`.
    fn late_at_sign(&mut self, from: usize) -> Option<usize> {
        let limit = self.text.floor_char_boundary(from + LATE_AT_BYTES_MAX);
        if self.next_at_sign < from {
            self.next_at_sign = self.text[from..].find('@').map_or(self.text.len(), |at| from + at);
        }
        if self.next_at_sign >= limit {
            return None;
        }
        let word = &self.text[from..limit];
        let end = word.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`')).unwrap_or(word.len());
        word[..end].rfind('@').map(|at| from + at)
    }

    /// A Discord token around its first dot: an account's number in base64, a time, a signature.
    pub(super) fn discord(&self, dot: usize) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let second = dot + 1 + DISCORD_TIME_BYTES;
        if bytes.get(second) != Some(&b'.') {
            return None;
        }
        let rest = self.text.get(second + 1..)?;
        let signature = run(rest, is_token_char);
        if signature < DISCORD_HMAC_BYTES_MIN {
            return None;
        }
        // An account's number has 17 to 20 digits.
        let start = [27, 26, 24, 23].into_iter().find_map(|length| {
            let start = dot.checked_sub(length)?;
            let number = STANDARD_NO_PAD.decode(self.text.get(start..dot)?).ok()?;
            number.iter().all(u8::is_ascii_digit).then_some(start)
        })?;
        Some(start..second + 1 + signature)
    }

    /// A Telegram bot token around `:AA`: the bot's number before, 33 characters behind.
    pub(super) fn telegram(&self, colon: usize) -> Option<Range<usize>> {
        let digits = self.text[..colon].bytes().rev().take(16).take_while(u8::is_ascii_digit).count();
        if digits < 5 {
            return None;
        }
        let rest = &self.text[colon + 1..];
        let secret = run(rest, is_token_char);
        (rest.starts_with("AA") && secret >= 30).then_some(colon - digits..colon + 1 + secret)
    }

    /// A client secret of Azure around `Q~`: three characters and a digit before, 31 or more behind.
    pub(super) fn azure(&self, mark: usize) -> Option<Range<usize>> {
        let before = self.text.as_bytes().get(mark.checked_sub(4)?..mark)?;
        let fits = before[3].is_ascii_digit()
            && before[..3].iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-'));
        if !fits {
            return None;
        }
        let rest = &self.text[mark + 2..];
        let length = run(rest, |c| is_token_char(c) || matches!(c, '~' | '.'));
        (length >= 30).then_some(mark - 4..mark + 2 + length)
    }

    /// A Mailchimp key around `-us`: 32 hexadecimal digits before, a centre's number behind.
    pub(super) fn mailchimp(&self, dash: usize) -> Option<Range<usize>> {
        let before = self.text.as_bytes().get(dash.checked_sub(32)?..dash)?;
        if !before.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let number = run(&self.text[dash + 3..], |c| c.is_ascii_digit());
        (number > 0).then_some(dash - 32..dash + 3 + number)
    }

    /// A Terraform Cloud token around `.atlasv1.`.
    pub(super) fn terraform(&self, dot: usize) -> Option<Range<usize>> {
        let before = self.text[..dot].bytes().rev().take(14).take_while(u8::is_ascii_alphanumeric).count();
        let rest = &self.text[dot + ".atlasv1.".len()..];
        let length = run(rest, |c| is_token_char(c) || c == '=');
        (length >= 30).then_some(dot - before..dot + ".atlasv1.".len() + length)
    }

    /// `sk-` and what `OpenAI` and many others put behind it. Words joined by dashes (`task-list-view`)
    /// are told apart by their shape.
    pub(super) fn sk(&mut self, at: usize) -> Option<Range<usize>> {
        const LENGTH_MIN: usize = 20;
        const RANDOM_RUN_MIN: usize = 16;
        let rest = self.text[at..].strip_prefix("sk-")?;
        let inside_word = self.text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if inside_word && at < self.no_sk_before {
            return None;
        }
        let length = run(rest, is_token_char);
        if length < LENGTH_MIN {
            return None;
        }
        let random = rest[..length].split(['-', '_']).any(|run| {
            run.len() >= RANDOM_RUN_MIN
                && run.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
                && run.bytes().any(|b| b.is_ascii_alphabetic())
        });
        if !random && inside_word {
            self.no_sk_before = at + "sk-".len() + length;
            return None;
        }
        Some(at..at + "sk-".len() + length)
    }
}

/// Least length of a line of a key but its last one, in bytes.
pub(super) const KEY_LINE_BYTES_MIN: usize = 24;
/// Most shorter words in one key: its last line, and in a diff the one before it.
pub(super) const SHORT_KEY_WORDS_MAX: usize = 2;
/// Most signs between the beginning of a line and a key's own text on it, in bytes.
const KEY_SIGNS_BYTES_MAX: usize = 80;
/// Longest path with a line's number, indentation and signs before a key's own text on it, in bytes.
const KEY_PLACE_BYTES_MAX: usize = 512;
/// Names of the lines that may stand above a key's own (RFC 1421, RFC 9580).
pub(super) const KEY_HEADERS: [&str; 5] = ["Proc-Type:", "DEK-Info:", "Version:", "Hash:", "Charset:"];

/// The bytes of a key's body, and of its END line if it comes to that.
///
/// It ends where something stands that no key holds: whoever could hide any text between two such lines would
/// have it approved unseen. A short word is taken for a line of a key by what stands behind it. `begin` is what stands
/// before the key on its first line.
fn key_body(text: &str, begin: &str) -> usize {
    let (mut sure, mut short, mut at) = (0, 0, 0);
    let mut begins_line = false;
    while at < text.len() {
        if std::mem::take(&mut begins_line) {
            at += place_before(begin, &text[at..]);
        }
        let rest = &text[at..];
        if let Some(mark) = rest.strip_prefix("-----END") {
            let name = run(mark, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ');
            let close = usize::from(mark[name..].starts_with("-----")) * "-----".len();
            return at + "-----END".len() + name + close;
        }
        if rest.starts_with("Private-") {
            return at - (text[..at].len() - text[..at].trim_end().len());
        }
        if KEY_HEADERS.iter().any(|header| rest.starts_with(header)) {
            at += run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, ' ' | ',' | '.' | ':' | '-' | '/'));
            sure = at;
            continue;
        }
        // Signs and escapes that stand around a key's lines in code, diffs and comments.
        let between = match rest.as_bytes() {
            [b'\\', b'n' | b'r' | b't', ..] | [b'^', b'M', ..] => 2,
            [sign, ..] if sign.is_ascii_whitespace() || b"\"'`,;\\+-#*>|()[]$".contains(sign) => 1,
            _ => 0,
        };
        if between > 0 {
            begins_line = rest.starts_with('\n');
            at += between;
            continue;
        }
        let word = run(rest, is_key_char);
        let is_short = word < KEY_LINE_BYTES_MIN;
        short += usize::from(is_short);
        let behind = &rest[word..];
        let ends_word = behind.chars().next().is_none_or(|c| c.is_whitespace() || "\"'`,;\\-)]$^".contains(c));
        // Only the last word of a line is short.
        let on_line = behind.trim_start_matches([' ', '\t']);
        let ends_line = on_line.is_empty()
            || on_line.starts_with(['\n', '\r', '\\', '"', '\'', '`', '$', '^'])
            || on_line.starts_with("-----END");
        let ends_well = ends_word && (!is_short || ends_line);
        if word == 0 || short > SHORT_KEY_WORDS_MAX || !ends_well {
            return sure;
        }
        at += word;
        if !is_short {
            sure = at;
        }
    }
    text.trim_end().len().max(sure)
}

/// The bytes with which a program says where a line of a key stands, as `cat -n` and `rg` do, with the indentation and
/// the signs behind: what stood before the key's first line too, but for the number.
///
/// Of a part of it only a path without blanks and a number are taken, and of the whole nothing that ends with a word:
/// a command with an argument that reads as a key is no place.
pub(super) fn place_before(begin: &str, line: &str) -> usize {
    let (begin, line) = (begin.as_bytes(), line.as_bytes());
    let count = |text: &[u8], fits: fn(&u8) -> bool| text.iter().take_while(|b| fits(b)).count();
    let digits = |text: &[u8]| count(text, u8::is_ascii_digit);
    let (mut at, mut here) = (0, count(line, |b| *b == b' '));
    if digits(&line[here..]) > 0 {
        at = count(begin, |b| *b == b' ');
    }
    if digits(&line[here..]) == 0 || digits(&begin[at..]) == 0 {
        (at, here) = (0, 0);
    }
    let (mut place, mut is_numbered, mut is_named) = (0, false, true);
    let (mut is_first, mut may_count, mut is_behind_number) = (true, true, false);
    while let (Some(sign), Some(other)) = (begin.get(at), line.get(here)) {
        let (number, others) = if may_count { (digits(&begin[at..]), digits(&line[here..])) } else { (0, 0) };
        let ends = |text: &[u8]| {
            text.first().is_some_and(|b| {
                matches!(b, b':' | b'-' | b'\t')
                    || (*b == b',' && begin[0] == b'{')
                    || (is_first && !b.is_ascii_alphanumeric())
            })
        };
        if number > 0 && others > 0 && ends(&begin[at + number..]) && ends(&line[here + others..]) {
            (at, here) = (at + number, here + others);
            (is_numbered, is_behind_number, may_count) = (true, true, false);
            continue;
        }
        let is_mark = |b: &u8| matches!(b, b':' | b'-');
        if sign != other && !(is_mark(sign) && is_mark(other)) {
            break;
        }
        (at, here) = (at + 1, here + 1);
        is_named &= sign.is_ascii_alphanumeric() || !sign.is_ascii() || b"._/~@+-:".contains(sign);
        may_count = is_mark(sign);
        if (may_count && is_named) || (is_behind_number && sign.is_ascii() && !sign.is_ascii_alphanumeric()) {
            place = here;
        }
        (is_first, is_behind_number) = (false, false);
    }
    if at == begin.len() && (is_numbered || ends_no_word(begin)) { here } else { place }
}

/// Whether a place, or no word at all, stands before the last signs.
fn ends_no_word(begin: &[u8]) -> bool {
    let words = begin.iter().rposition(|b| b.is_ascii_alphanumeric() || !b.is_ascii()).map_or(0, |last| last + 1);
    let behind = &begin[words..];
    let mark = behind.iter().position(|b| matches!(b, b':' | b'-'));
    words == 0 || mark.is_some_and(|mark| mark == 0 || behind[mark - 1] != b' ')
}

/// The bytes at the end of a text that read as the lines of a key.
fn key_words_before(text: &str) -> usize {
    let (mut rest, mut short, mut sure) = (text, 0, 0);
    while !rest.is_empty() {
        rest = rest.trim_end_matches(|c: char| c.is_whitespace() || c == '\\');
        let escaped = text[rest.len()..].starts_with('\\');
        let word = rest.len() - rest.trim_end_matches(is_key_char).len();
        // The n of an escape stands alone where a line ends with one.
        let is_short = word < KEY_LINE_BYTES_MIN && !(escaped && word <= 1);
        short += usize::from(is_short);
        rest = &rest[..rest.len() - word];
        let around = |b: &&u8| b" \t\r\"'`#+-*>|".contains(b);
        let signs = rest.bytes().rev().take(KEY_SIGNS_BYTES_MAX).take_while(|b| around(&b)).count();
        let line = &rest[..rest.len() - signs];
        let begins_line = line.is_empty() || line.ends_with(['\n', '\\']);
        if word == 0 || short > SHORT_KEY_WORDS_MAX || !begins_line {
            return sure;
        }
        if !is_short {
            sure = text.len() - rest.len();
        }
    }
    text.len()
}

pub(super) const fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// True for text that no person wrote: long, without blanks, of letters and digits in disorder.
pub(super) fn looks_random(text: &str) -> bool {
    const LENGTH_MIN: usize = 16;
    /// Bits a character; English words stay below, random hexadecimal digits above.
    const ENTROPY_MIN: f64 = 3.2;
    if text.len() < LENGTH_MIN
        || !text.bytes().all(|b| b.is_ascii_graphic())
        || !text.bytes().any(|b| b.is_ascii_digit())
        || !text.bytes().any(|b| b.is_ascii_alphabetic())
    {
        return false;
    }
    let mut counts = [0_u32; 128];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    let entropy: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum();
    entropy >= ENTROPY_MIN
}

const fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// The bytes of the run of such characters at the start of `text`.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}
