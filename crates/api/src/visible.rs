//! Makes whatever a person must not overlook in a text visible, and cuts nothing silently.
//!
//! Text of a plan, a file or a command's output can carry characters that move the cursor, turn
//! the reading direction around or show nothing at all. A person who approves must see them, so
//! every surface passes such text through here, once, at its edge. Hidden characters take one
//! form everywhere: `\u{1b}`. A literal backslash stays as it is: the form is for reading, not
//! for decoding.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the mark that ends a clipped text, without the digits of its number: `… (+)`.
const CLIP_MARK_COLUMNS: usize = 5;

/// Makes control characters, escape sequences, bidi overrides and invisible characters visible;
/// keeps `\n` and `\t`. A carriage return is shown even before `\n`: a changed line ending is a change.
pub fn visible(text: &str) -> Cow<'_, str> {
    replace_chars(text, |c| hides(c) && !matches!(c, '\n' | '\t'), write_visible)
}

/// Makes the same characters visible as [`visible`], and newlines and tabs too, so that the result is one line.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    replace_chars(text, hides, write_visible)
}

/// Cuts to a display width (East Asian wide = 2 columns) and ends with `… (+N)`, N characters cut.
///
/// The mark lies within `columns` too. Where not even the mark fits, the mark alone is the
/// result: too wide is better than silent. Meant for one line that went through [`visible_line`].
pub fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    // Two measures, since a cluster of several characters can be wider or narrower than their sum.
    if text.width() <= columns && text.chars().map(char_columns).sum::<usize>() <= columns {
        return Cow::Borrowed(text);
    }
    let chars = text.chars().count();
    let mut digits = 1;
    loop {
        let (kept_bytes, kept_chars) = prefix_within(text, columns.saturating_sub(CLIP_MARK_COLUMNS + digits));
        let cut = (chars - kept_chars).to_string();
        if cut.len() <= digits {
            return Cow::Owned(format!("{}… (+{cut})", &text[..kept_bytes]));
        }
        digits = cut.len();
    }
}

/// How many columns a line takes on a terminal (East Asian wide = 2).
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Escapes the characters [`visible`] shows as `\uXXXX`, in a JSON text that is already serialized.
///
/// C0 characters are left alone: inside strings the serializer escaped them, outside they are layout.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    replace_chars(
        json,
        |c| hides(c) && c >= '\u{7f}',
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

/// True for characters that act on the terminal, on the reading direction, or show nothing.
///
/// The list follows Unicode's `Default_Ignorable_Code_Point`, the bidi controls and the line
/// separators. Only U+FE0F (emoji style) is kept: it is common and changes nothing but a look.
const fn hides(c: char) -> bool {
    if c < '\u{7f}' {
        return c < ' ';
    }
    matches!(c,
        '\u{7f}'..='\u{9f}'          // DEL and C1
        | '\u{ad}'                   // soft hyphen
        | '\u{34f}'                  // combining grapheme joiner
        | '\u{61c}'                  // Arabic letter mark
        | '\u{115f}' | '\u{1160}'    // Hangul fillers
        | '\u{17b4}' | '\u{17b5}'    // Khmer inherent vowels
        | '\u{180b}'..='\u{180f}'    // Mongolian selectors and vowel separator
        | '\u{200b}'..='\u{200f}'    // zero width, joiners, direction marks
        | '\u{2028}'..='\u{202e}'    // line and paragraph separators, bidi embeddings
        | '\u{2060}'..='\u{206f}'    // word joiner, invisible operators, bidi isolates
        | '\u{3164}' | '\u{ffa0}'    // Hangul fillers
        | '\u{fe00}'..='\u{fe0e}'    // variation selectors
        | '\u{feff}'                 // byte order mark
        | '\u{fff0}'..='\u{fffb}'    // interlinear annotation
        | '\u{1bca0}'..='\u{1bca3}'  // shorthand format controls
        | '\u{1d173}'..='\u{1d17a}'  // musical format controls
        | '\u{e0000}'..='\u{e0fff}'  // tags and further variation selectors
    )
}

fn write_visible(out: &mut String, c: char) {
    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
}

/// Copies `text` with every chosen character written anew; borrows when none is chosen.
fn replace_chars(text: &str, chosen: impl Fn(char) -> bool, write: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(&chosen) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if chosen(c) {
            write(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The longest prefix of at most `columns`, as bytes and characters. Combining marks stay with their base.
fn prefix_within(text: &str, columns: usize) -> (usize, usize) {
    let (mut used, mut kept_chars) = (0, 0);
    for (at, c) in text.char_indices() {
        used += char_columns(c);
        if used > columns {
            return (at, kept_chars);
        }
        kept_chars += 1;
    }
    (text.len(), kept_chars)
}

/// Control characters count one column: they never reach a terminal here, but must not be free.
fn char_columns(c: char) -> usize {
    c.width().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_borrowed() {
        for text in ["", "plain", "tab\tand\nline", "日本語のテキスト、絵文字 ❤\u{fe0f} も", "back\\slash"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(t) if t == text));
            assert!(matches!(escape_json(text), Cow::Borrowed(t) if t == text));
        }
        assert!(matches!(visible_line("one line"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_escape_sequence_is_shown() {
        assert_eq!(visible("a\u{1b}[2Jb\u{7}\u{9b}31m"), "a\\u{1b}[2Jb\\u{7}\\u{9b}31m");
        assert_eq!(visible("\0\u{7f}"), "\\u{0}\\u{7f}");
    }

    #[test]
    fn a_bidi_override_is_shown() {
        assert_eq!(visible("if\u{202e} nimda\u{2066}x\u{2069}"), "if\\u{202e} nimda\\u{2066}x\\u{2069}");
    }

    #[test]
    fn a_carriage_return_is_shown_even_before_a_newline() {
        assert_eq!(visible("a\r\nb\rc"), "a\\u{d}\nb\\u{d}c");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(visible_line("a\nb\tc\u{2028}d"), "a\\u{a}b\\u{9}c\\u{2028}d");
    }

    #[test]
    fn every_named_character_is_shown() {
        let ranges = [
            0x200b..=0x200f,
            0x202a..=0x202e,
            0x2060..=0x2064,
            0x2066..=0x2069,
            0x61c..=0x61c,
            0xfeff..=0xfeff,
            0x180e..=0x180e,
            0x115f..=0x1160,
            0x3164..=0x3164,
            0xffa0..=0xffa0,
            0xe0000..=0xe007f,
            0xe0100..=0xe01ef,
            0xfe00..=0xfe0e,
            0xfff9..=0xfffb,
            0x2028..=0x2029,
            0xad..=0xad,
            0x34f..=0x34f,
            0x80..=0x9f,
        ];
        for code in ranges.into_iter().flatten() {
            let c = char::from_u32(code).unwrap();
            assert_eq!(visible(&c.to_string()), format!("\\u{{{code:x}}}"));
            assert_eq!(visible_line(&c.to_string()), format!("\\u{{{code:x}}}"));
        }
    }

    #[test]
    fn a_joiner_between_emoji_is_shown_too() {
        assert_eq!(visible("👩\u{200d}💻"), "👩\\u{200d}💻");
    }

    #[test]
    fn a_short_text_is_not_clipped() {
        assert!(matches!(clip("abc", 3), Cow::Borrowed("abc")));
        assert!(matches!(clip("日本", 4), Cow::Borrowed("日本")));
        assert!(matches!(clip("", 0), Cow::Borrowed("")));
    }

    #[test]
    fn a_clipped_text_says_how_much_is_gone() {
        assert_eq!(clip("abcdefghijkl", 10), "abcd… (+8)");
        assert_eq!(clip(&"x".repeat(120), 20), format!("{}… (+108)", "x".repeat(12)));
        assert_eq!(clip("日本語のとても長い文章", 11), "日本… (+9)");
        assert_eq!(clip("abc", 0), "… (+3)");
    }

    #[test]
    fn a_clipped_text_keeps_within_its_columns() {
        for text in ["a".repeat(3000), "漢字かな".repeat(700), "e\u{301}".repeat(900)] {
            for columns in 10..200 {
                let clipped = clip(&text, columns);
                assert!(clipped.width() <= columns, "{columns}: {clipped}");
                let (kept, rest) = clipped.rsplit_once("… (+").unwrap();
                let cut: usize = rest.trim_end_matches(')').parse().unwrap();
                assert_eq!(kept.chars().count() + cut, text.chars().count());
            }
        }
    }

    #[test]
    fn serialized_json_keeps_its_meaning_when_escaped() {
        let value = serde_json::json!({"a\u{202e}": "x\u{7f}\u{85}\u{200b}\u{e0041}日本\n", "b": [1, "\\"]});
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = escape_json(&json);
            assert!(!escaped.chars().any(|c| hides(c) && c != '\n'));
            assert!(escaped.contains("\\u202e") && escaped.contains("\\udb40\\udc41"));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }
}
