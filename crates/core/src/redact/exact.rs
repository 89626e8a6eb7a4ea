//! Secrets known by their value: found as they are, and in the forms programs print them in.

use std::fmt::Write as _;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::MASK;

/// Least length of an exact value, in characters: shorter ones would mask ordinary words.
const EXACT_CHARS_MIN: usize = 12;
/// Least length of a beginning that is dropped where a text was cut, in bytes.
const CUT_BYTES_MIN: usize = 4;

/// The known values and one automaton over all their forms.
pub(super) struct Exact {
    values: Vec<String>,
    automaton: AhoCorasick,
    forms: Vec<Form>,
}

/// How far a match reaches beyond its text: a value's first and last bits in base64 share a
/// character with their neighbours.
#[derive(Clone, Copy, Default)]
struct Form {
    before: usize,
    after: usize,
    base64: bool,
}

impl Exact {
    /// `None` when no value is long enough.
    pub(super) fn new(values: Vec<String>) -> Option<Self> {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| value.chars().count() >= EXACT_CHARS_MIN && !MASK.contains(value.as_str()))
            .collect();
        let mut texts: Vec<String> = Vec::new();
        let mut forms = Vec::new();
        for value in &values {
            for (text, form) in forms_of(value) {
                if !texts.contains(&text) {
                    texts.push(text);
                    forms.push(form);
                }
            }
        }
        let automaton = AhoCorasick::new(&texts).ok()?;
        (!texts.is_empty()).then_some(Self { values, automaton, forms })
    }

    pub(super) fn values(&self) -> &[String] {
        &self.values
    }

    /// The places of the values in a text; they may overlap.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let bytes = text.as_bytes();
        let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
        self.automaton
            .find_overlapping_iter(text)
            .map(|hit| {
                let form = self.forms[hit.pattern().as_usize()];
                let before = bytes[..hit.start()].iter().rev().take(form.before).take_while(|b| is_base64(b)).count();
                let after = bytes[hit.end()..].iter().take(form.after).take_while(|b| is_base64(b)).count();
                let mut end = hit.end() + after;
                if form.base64 {
                    end += bytes[end..].iter().take(2).take_while(|b| **b == b'=').count();
                }
                hit.start() - before..end
            })
            .collect()
    }

    /// The bytes at the end of `head` with which a value with blanks begins that was cut there.
    pub(super) fn cut_at_end(&self, head: &str) -> usize {
        self.values
            .iter()
            .filter(|value| value.contains(char::is_whitespace))
            .filter_map(|value| {
                (CUT_BYTES_MIN..value.len().min(head.len() + 1))
                    .rev()
                    .find(|length| value.is_char_boundary(*length) && head.ends_with(&value[..*length]))
            })
            .max()
            .unwrap_or(0)
    }
}

/// The value itself, as JSON escapes it, in base64 (both alphabets, at each of three offsets
/// within a longer text), in hexadecimal, and URL-encoded.
fn forms_of(value: &str) -> Vec<(String, Form)> {
    let mut forms = vec![(value.to_owned(), Form::default())];
    let json = serde_json::Value::from(value).to_string();
    forms.push((json[1..json.len() - 1].to_owned(), Form::default()));
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(value.as_bytes());
        let bits = shifted.len() * 8;
        // Characters whose six bits all come from the value.
        let own = (offset * 8).div_ceil(6)..bits / 6;
        let form = Form { before: usize::from(offset > 0), after: usize::from(!bits.is_multiple_of(6)), base64: true };
        forms.push((STANDARD_NO_PAD.encode(&shifted)[own.clone()].to_owned(), form));
        forms.push((URL_SAFE_NO_PAD.encode(&shifted)[own].to_owned(), form));
    }
    let hex = value.bytes().fold(String::new(), |mut hex, b| {
        let _ = write!(hex, "{b:02x}");
        hex
    });
    forms.push((hex.to_uppercase(), Form::default()));
    forms.push((hex, Form::default()));
    // Everything, RFC 3986, JavaScript's encodeURIComponent and encodeURI, HTML forms; digits in both cases.
    for kept in ["", "-_.~", "-_.~!'()*", "-_.~!'()*;,/?:@&=+$#", "-_.*"] {
        for upper in [true, false] {
            forms.push((url_encoded(value, kept, upper), Form::default()));
        }
    }
    forms.push((url_encoded(value, "-_.*", true).replace("%20", "+"), Form::default()));
    forms
}

fn url_encoded(value: &str, kept: &str, upper: bool) -> String {
    let mut out = String::with_capacity(value.len() * 3);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else if upper {
            let _ = write!(out, "%{byte:02X}");
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}
