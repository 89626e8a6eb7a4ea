//! Text of others in a chat: it stays in its block, pings nobody, hides nothing, and is never cut silently.

use calt_api::visible::{visible, visible_line};

/// Longest description of an embed, in characters as Discord counts them.
const DESCRIPTION_CHARS_MAX: usize = 4_096;
/// Longest block in a card, in characters: what is said around it takes the rest.
pub(crate) const BLOCK_CHARS_MAX: usize = DESCRIPTION_CHARS_MAX - 300;
/// A back-tick in the form in which hidden characters are shown.
const BACKTICK: &str = "\\u{60}";

/// Characters as Discord counts them.
pub(crate) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text as it may stand in a block and in a file: what hides is shown, and nothing ends the block.
pub(crate) fn harmless(text: &str) -> String {
    let shown = visible(text);
    let mut out = String::with_capacity(shown.len());
    let mut run = 0;
    for character in shown.chars() {
        if character == '`' {
            run += 1;
            continue;
        }
        push_ticks(&mut out, run);
        run = 0;
        out.push(character);
    }
    push_ticks(&mut out, run);
    out
}

/// One or two back-ticks are text; three would end a block.
fn push_ticks(out: &mut String, run: usize) {
    let tick = if run >= 3 { BACKTICK } else { "`" };
    (0..run).for_each(|_| out.push_str(tick));
}

/// A block of text that went through [`harmless`].
pub(crate) fn block(language: &str, harmless: &str) -> String {
    let end = if harmless.ends_with('\n') { "" } else { "\n" };
    format!("```{language}\n{harmless}{end}```")
}

/// A word or a line between back-ticks.
pub(crate) fn inline(text: &str) -> String {
    let shown = visible_line(text).replace('`', BACKTICK);
    if shown.is_empty() { "` `".to_owned() } else { format!("`{shown}`") }
}

/// A sentence of calt's own, which has the names it speaks of between back-ticks. They stay there; what stands outside
/// and could be a mark of its own is put between back-ticks too.
pub(crate) fn sentence(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    let is_plain = |part: &str| part.chars().all(|c| c.is_alphanumeric() || " ,.:;()'’/=+-、。".contains(c));
    let is_fine = parts.len() % 2 == 1 && parts.iter().step_by(2).all(|part| is_plain(part));
    if !is_fine {
        return inline(text);
    }
    let told =
        parts.iter().enumerate().map(|(place, part)| if place % 2 == 1 { inline(part) } else { (*part).to_owned() });
    told.collect()
}

/// A line between back-ticks of at most so many characters; what is missing is counted.
pub(crate) fn inline_within(text: &str, chars_max: usize) -> String {
    let whole = inline(text);
    if length(&whole) <= chars_max {
        return whole;
    }
    let shown = visible_line(text).replace('`', BACKTICK);
    let (mut kept, mut used) = (String::new(), 0);
    // The mark takes up to twenty characters.
    for character in shown.chars() {
        used += character.len_utf16();
        if used + 22 > chars_max {
            break;
        }
        kept.push(character);
    }
    let missing = shown.chars().count() - kept.chars().count();
    format!("`{kept}` … (+{missing})")
}

/// Plain text of at most so many characters, for places that know no marks.
pub(crate) fn plain_within(text: &str, chars_max: usize) -> String {
    let shown = visible_line(text).into_owned();
    if length(&shown) <= chars_max {
        return shown;
    }
    let (mut kept, mut used) = (String::new(), 0);
    for character in shown.chars() {
        used += character.len_utf16();
        if used + 12 > chars_max {
            break;
        }
        kept.push(character);
    }
    format!("{kept}… (+{})", shown.chars().count() - kept.chars().count())
}

/// The whole lines from the beginning that fit, and how many lines are left.
pub(crate) fn beginning(text: &str, chars_max: usize) -> (&str, usize) {
    let (mut end, mut used) = (0, 0);
    for line in text.split_inclusive('\n') {
        used += length(line);
        if used > chars_max {
            break;
        }
        end += line.len();
    }
    (&text[..end], text[end..].lines().count())
}

/// The last lines, at most so many.
pub(crate) fn last_lines(text: &str, lines_max: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let left_out = lines.len().saturating_sub(lines_max);
    let kept = lines[left_out..].join("\n");
    if left_out == 0 { kept } else { format!("… {left_out} lines above\n{kept}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_block() {
        for text in ["```\n@everyone", "a````b", "``\n`", "end`", "\u{202e}```", "``` ```"] {
            let block = block("text", &harmless(text));
            assert_eq!(block.matches("```").count(), 2, "{block}");
            assert!(block.starts_with("```text\n") && block.ends_with("\n```"), "{block}");
            assert!(!block.contains('\u{202e}'));
        }
        assert_eq!(harmless("a `b` ``c``"), "a `b` ``c``");
    }

    #[test]
    fn a_line_stays_between_its_marks() {
        assert_eq!(inline("a`b\n"), "`a\\u{60}b\\u{a}`");
        assert_eq!(inline(""), "` `");
        let cut = inline_within(&"日本".repeat(100), 60);
        assert!(length(&cut) <= 60 && cut.ends_with(&format!("(+{})", 200 - 38)), "{cut}");
        assert!(length(&plain_within(&"x".repeat(300), 100)) <= 100);
    }

    #[test]
    fn names_in_a_sentence_stay_between_their_marks() {
        assert_eq!(sentence("step `a` is not approved"), "step `a` is not approved");
        assert_eq!(sentence("step `@everyone` is not"), "step `@everyone` is not");
        assert_eq!(sentence("step `a`@everyone` is not"), "`step \\u{60}a\\u{60}@everyone\\u{60} is not`");
        assert_eq!(sentence("**bold**"), "`**bold**`");
    }

    #[test]
    fn what_does_not_fit_is_counted_in_whole_lines() {
        assert_eq!(beginning("one\ntwo\nthree", 8), ("one\ntwo\n", 1));
        assert_eq!(beginning("one", 8), ("one", 0));
        assert_eq!(beginning("long line\nx", 4), ("", 2));
        assert_eq!(last_lines("a\nb\nc", 2), "… 1 lines above\nb\nc");
    }
}
