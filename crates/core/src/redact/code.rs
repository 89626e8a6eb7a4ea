//! Where a secret's value stops being a text and code begins, which whoever approves it must see.
//!
//! A mask hides only the part before. What is a secret by its own form is found apart from this, inside code too.

use std::ops::Range;

/// How far behind a value the end of what opened in it is looked for, in bytes.
const CLOSE_BYTES_MAX: usize = 256;
/// Calls that only hold a text: around one literal they are no code.
const WRAPPERS: [&str; 10] = [
    "some",
    "ok",
    "str",
    "bytes",
    "string",
    "string::from",
    "secret",
    "secret::new",
    "secretstring::from",
    "secretstring::new",
];

/// What holds a value together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Quotes of this sign.
    Quotes(u8),
    /// Nothing: it ends with the word.
    Word,
    /// Nothing, where a shell would read it: signs between commands end it too.
    ShellWord,
}

/// The part of a value before code begins in it.
pub(super) fn literal(text: &str, value: Range<usize>, held: Held) -> Range<usize> {
    let length = begins(text, value.clone(), held).unwrap_or(value.len());
    value.start..value.start + length
}

fn begins(text: &str, value: Range<usize>, held: Held) -> Option<usize> {
    let content = &text[value.clone()];
    match held {
        Held::Quotes(b'`') => {
            // A shell, Perl and Ruby run it; in Go and JavaScript it is a text.
            let runs = text[..value.start].ends_with("=`") || content.contains(char::is_whitespace);
            if runs && !content.is_empty() {
                Some(0)
            } else {
                content.find("${").filter(|at| content[*at..].contains('('))
            }
        }
        Held::Quotes(b'\'') => first([substitution(content), formatted(text, value.start, content), None]),
        Held::Quotes(_) => first([
            first([substitution(content), evaluated(content), None]),
            formatted(text, value.start, content),
            content.find('`').filter(|at| content[at + 1..].contains('`')),
        ]),
        Held::Word | Held::ShellWord => {
            if is_call(text, &value) {
                return Some(0);
            }
            let line = &text[value.start..text.floor_char_boundary(value.end + CLOSE_BYTES_MAX)];
            let line = line.split('\n').next().unwrap_or_default();
            first([
                first([content.find("$("), content.find("<("), content.find(">(")]),
                content.find('`').filter(|at| line[at + 1..].contains('`')),
                if held == Held::ShellWord { next_command(text, &value) } else { None },
            ])
        }
    }
}

fn first(places: [Option<usize>; 3]) -> Option<usize> {
    places.into_iter().flatten().min()
}

/// `$(…)`: outside single quotes a shell runs it, and these may stand in double ones.
fn substitution(content: &str) -> Option<usize> {
    content.find("$(").filter(|at| content[*at..].contains(')'))
}

/// `#{…}`, which Ruby evaluates.
fn evaluated(content: &str) -> Option<usize> {
    content.find("#{").filter(|at| content[*at..].contains('}'))
}

/// A call in braces in a string that Python formats.
fn formatted(text: &str, start: usize, content: &str) -> Option<usize> {
    let before = text[..start].trim_end_matches(['"', '\'', '\\']);
    if !before.ends_with(['f', 'F']) {
        return None;
    }
    content.find('{').filter(|at| content[*at..].contains('('))
}

/// `name(…`, and where that only wraps one literal it is none.
fn is_call(text: &str, value: &Range<usize>) -> bool {
    let content = &text[value.clone()];
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    let name = content.trim_start_matches(is_name);
    let name = &content[..content.len() - name.len()];
    let Some(inside) = content[name.len()..].strip_prefix('(') else { return false };
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return false;
    }
    let line = &text[value.end - inside.len()..text.floor_char_boundary(value.end + CLOSE_BYTES_MAX)];
    if !line.split('\n').next().unwrap_or_default().contains(')') {
        return false;
    }
    let is_wrapper = WRAPPERS.iter().any(|wrapper| wrapper.eq_ignore_ascii_case(name));
    !(is_wrapper && is_one_literal(inside.trim_end_matches([')', ';', ','])))
}

fn is_one_literal(inside: &str) -> bool {
    let Some(sign) = inside.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
    let literal = &inside[1..];
    literal.find(sign).is_some_and(|end| end + 1 == literal.len())
}

/// The first sign between commands, if any of them is followed by what begins like one.
fn next_command(text: &str, value: &Range<usize>) -> Option<usize> {
    let content = &text[value.clone()];
    let is_sign = |c: char| matches!(c, ';' | '|' | '&');
    let begins_command = |c: char| c.is_ascii_lowercase() || "_./~$\\({\"'!<>".contains(c);
    let is_command = content.match_indices(is_sign).any(|(at, _)| content[at + 1..].starts_with(begins_command));
    content.find(is_sign).filter(|_| is_command)
}
