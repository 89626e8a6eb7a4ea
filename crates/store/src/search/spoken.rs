//! JSON text as it reads, and the way back to where each part of it stands.

use std::borrow::Cow;

/// JSON text with its escapes resolved, so that the word after a `\n` is found.
pub(super) struct Spoken<'j> {
    pub(super) text: Cow<'j, str>,
    /// Behind each escape: where the text goes on, and where that stands in the JSON, in bytes.
    joints: Vec<(usize, usize)>,
}

impl Spoken<'_> {
    /// Where a byte of the text stands in the JSON. What an escape stands for is where the escape begins.
    pub(super) fn source(&self, at: usize) -> usize {
        let before = self.joints.partition_point(|(text, _)| *text <= at);
        let Some((text, json)) = before.checked_sub(1).map(|last| self.joints[last]) else { return at };
        json + (at - text)
    }
}

/// Resolves the escapes of JSON text and notes where each stood. What is not JSON is read as far as it goes.
pub(super) fn spoken(json: &str) -> Spoken<'_> {
    let mut joints = Vec::new();
    let text = resolved(json, |text, json| joints.push((text, json)));
    Spoken { text, joints }
}

/// The text alone. A long output can be a million escapes, and nobody asks where they stood.
pub(super) fn heard(json: &str) -> Cow<'_, str> {
    resolved(json, |_, _| {})
}

fn resolved(json: &str, mut joint: impl FnMut(usize, usize)) -> Cow<'_, str> {
    if !json.contains('\\') {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        // An escape may stand for more or fewer bytes than it has, so its own place is noted too.
        joint(text.len(), json.len() - rest.len() + at);
        let mut escape = rest[at + 1..].chars();
        match escape.next() {
            Some('u') => {
                let code = escape.as_str().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                text.push(code.and_then(char::from_u32).unwrap_or(' '));
                rest = escape.as_str().get(4..).unwrap_or_default();
            }
            Some('"' | '\\' | '/' | 'n' | 'r' | 't' | 'b' | 'f') | None => {
                text.push(' ');
                rest = escape.as_str();
            }
            Some(other) => {
                text.push(other);
                rest = escape.as_str();
            }
        }
        joint(text.len(), json.len() - rest.len());
    }
    text.push_str(rest);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_as_what_they_stand_for() {
        let json = r#"{"a":"one\ntwo \"x\" \u3042い"}"#;
        let heard = spoken(json);
        assert_eq!(heard.text, super::heard(json));
        assert_eq!(heard.text, "{\"a\":\"one two  x  あい\"}");
        for (heard_word, written) in [("one", "one"), ("two", "two"), ("x", "x"), ("あ", "\\u3042"), ("い", "い")] {
            let at = heard.text.find(heard_word).unwrap();
            let (start, end) = (heard.source(at), heard.source(at + heard_word.len()));
            assert_eq!(&json[start..end], written);
        }
        assert!(matches!(spoken("{}").text, Cow::Borrowed(_)));
        assert_eq!(spoken("\\").text, " ");
        assert_eq!(spoken("\\u12").text, " ");
    }
}
