//! The one place where sentences are broken into lines: at spaces, in Japanese before a word, and never within an id, a
//! path or a command, since one that is broken cannot be copied.

use std::ops::Range;

use crate::visible::columns;

/// Characters that begin no line of Japanese, because they end a clause or a word, and those that end no line.
const CLOSING: &str = "、。，．・：；？！）」』】)],.:;?!";
const WITHIN: &str = "々ーぁぃぅぇぉっゃゅょァィゥェォッャュョ込";
const OPENING: &str = "（「『【([";
/// The widest code between two marks that stays on one line: a command with an id fits, a whole file's name too.
const CODE_COLUMNS_MAX: usize = 76;
/// What stands before a command that has a line of its own.
const COMMAND_INDENT: &str = "  ";

/// Sentences with their lines broken where they are wider than this. The last line stays open, so that an answer can
/// stand behind it.
pub fn broken(text: &str, width: usize) -> String {
    text.split('\n').map(|line| broken_line(line, width)).collect::<Vec<_>>().join("\n")
}

/// A line broken where it is too wide; what goes on below stands in as far as its beginning.
fn broken_line(line: &str, width: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }
    let words = line.trim_start_matches([' ', '!']);
    let before = &line[..line.len() - words.len()];
    let mut pieces = wrapped(words, width.saturating_sub(columns(before)));
    let last = pieces.pop().unwrap_or_default();
    let mut lines: Vec<&str> = pieces.iter().map(|piece| piece.trim_end()).collect();
    lines.push(&last);
    format!("{before}{}", lines.join(&format!("\n{}", " ".repeat(columns(before)))))
}

/// Words that end with a command: it is copied, so it stands on a line of its own where it does not fit behind them.
pub fn with_command(words: &str, command: &str, width: usize) -> String {
    let line = words.trim_end_matches('\n');
    let command = command_of(command);
    match line.strip_suffix(command) {
        Some(before) if columns(line.rsplit('\n').next().unwrap_or_default()) > width => {
            let end = &words[line.len()..];
            format!("{}\n{COMMAND_INDENT}{command}{end}", broken(before.trim_end(), width))
        }
        Some(_) | None => broken(words, width),
    }
}

/// The command at the end of what is said of it: `mend it, then: calt plan check FILE` is a sentence up to its colon.
fn command_of(said: &str) -> &str {
    const PROGRAM: &str = "calt ";
    if said.starts_with(PROGRAM) {
        return said;
    }
    said.rfind(&format!(": {PROGRAM}")).map_or(said, |colon| &said[colon + ": ".len()..])
}

/// Whether a word has no wide characters. Such a word is an id, a path or a digest more often than not, and
/// one that is broken cannot be copied; what goes over the edge of a terminal can.
pub fn is_narrow(word: &str) -> bool {
    columns(word) <= word.chars().count()
}

/// Text in pieces of a display width: broken at spaces, and in Japanese, which is written without, before a word.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for unit in units(text) {
        if columns(&piece) + columns(unit.trim_end()) > width && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        if is_narrow(unit) {
            piece.push_str(unit);
            continue;
        }
        for c in unit.chars() {
            piece.push(c);
            if columns(piece.trim_end()) > width && piece.chars().count() > 1 {
                piece.pop();
                // What ends a clause does not begin a line: it takes what stands before it along.
                let along = (CLOSING.contains(c) || WITHIN.contains(c)) && piece.chars().count() > 1;
                let before = if along { piece.pop() } else { None };
                pieces.push(std::mem::take(&mut piece));
                piece.extend(before.into_iter().chain([c]));
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// The units of a text that are not broken while a line has room for one.
fn units(text: &str) -> Vec<&str> {
    let mut units = Vec::new();
    let mut start = 0;
    let mut before = None;
    let mut end_of_word = None;
    let code = code(text);
    for (place, c) in text.char_indices() {
        if code.iter().any(|code| code.contains(&place)) {
            before = Some(c);
            end_of_word = before;
            continue;
        }
        // A number goes with its unit, or else with the word of Japanese before it: `138 バイト`, `実行 5`.
        let is_its_number = before == Some(' ')
            && c.is_ascii_digit()
            && end_of_word.is_some_and(is_of_japanese)
            && !has_unit(&text[place..]);
        let is_its_unit = before == Some(' ') && end_of_word.is_some_and(|end| end.is_ascii_digit()) && is_unit(c);
        if before.is_some_and(|before| may_break(before, c)) && !is_its_number && !is_its_unit {
            units.push(&text[start..place]);
            start = place;
        }
        before = Some(c);
        if c != ' ' {
            end_of_word = before;
        }
    }
    if start < text.len() {
        units.push(&text[start..]);
    }
    units
}

/// Whether a unit stands behind the number that a text begins with.
fn has_unit(text: &str) -> bool {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit() || ",.".contains(c));
    behind.strip_prefix(' ').and_then(|unit| unit.chars().next()).is_some_and(is_unit)
}

/// Whether a word that begins so may be a unit, and is no particle.
fn is_unit(c: char) -> bool {
    is_of_japanese(c) && script(c) != Script::Hiragana
}

/// Where code stands, from behind its first mark to its last: a command or a path that is broken cannot be copied.
fn code(text: &str) -> Vec<Range<usize>> {
    let marks: Vec<usize> = text.match_indices('`').map(|(place, _)| place).collect();
    let is_short = |code: &Range<usize>| columns(&text[code.clone()]) <= CODE_COLUMNS_MAX;
    marks.chunks_exact(2).map(|pair| pair[0] + 1..pair[1] + 1).filter(is_short).collect()
}

/// What a character is, as far as lines go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Space,
    Narrow,
    Hiragana,
    Katakana,
    /// Characters of Chinese origin, and every other wide one.
    Wide,
}

fn script(c: char) -> Script {
    match c {
        ' ' => Script::Space,
        'ぁ'..='ゟ' => Script::Hiragana,
        'ァ'..='ヿ' => Script::Katakana,
        _ if columns(c.encode_utf8(&mut [0; 4])) > 1 => Script::Wide,
        _ => Script::Narrow,
    }
}

fn is_of_japanese(c: char) -> bool {
    matches!(script(c), Script::Hiragana | Script::Katakana | Script::Wide) && !CLOSING.contains(c)
}

/// Whether a line may end between two characters. A word of Japanese most often begins where hiragana, its ending and
/// its particles, are over.
fn may_break(before: char, after: char) -> bool {
    match (script(before), script(after)) {
        (_, Script::Space | Script::Hiragana) | (Script::Narrow, Script::Narrow) => false,
        (Script::Space, _) => true,
        (one, other) => {
            let is_end = CLOSING.contains(before) || OPENING.contains(after) || one == Script::Hiragana;
            !CLOSING.contains(after) && !WITHIN.contains(after) && !OPENING.contains(before) && (one != other || is_end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stop_begins_no_line() {
        assert_eq!(wrapped("長い文です。次", 10), ["長い", "文です。次"]);
        assert_eq!(wrapped("文です。", 6), ["文で", "す。"]);
        assert_eq!(wrapped("長い文。次", 8), ["長い文。", "次"]);
        assert_eq!(wrapped("長。", 2), ["長", "。"]);
    }

    #[test]
    fn words_of_japanese_stay_whole_and_particles_stay_with_them() {
        let sentence = "calt が書いたディレクトリーの PIN を、（docs/discord.md）で設定します";
        let pieces = wrapped(sentence, 20);
        let expected = ["calt が書いた", "ディレクトリーの", "PIN を、", "（docs/discord.md）", "で設定します"];
        assert_eq!(pieces.iter().map(|piece| piece.trim_end()).collect::<Vec<_>>(), expected);
        assert_eq!(wrapped("保存（実行 5）", 10), ["保存", "（実行 5）"]);
        assert_eq!(wrapped("大きさは 138 バイト", 12), ["大きさは ", "138 バイト"]);
        assert_eq!(wrapped("a sentence of words", 10), ["a sentence ", "of words"]);
    }

    #[test]
    fn a_word_among_wide_characters_is_never_broken() {
        assert_eq!(wrapped("これはステップc1_previewです", 16), ["これはステップ", "c1_previewです"]);
    }

    #[test]
    fn a_question_is_broken_between_words_and_its_last_line_stays_open() {
        let question = "\nApprove this plan, and 3 of its steps, which write nothing (one, two, three)?\n[y]es, [n]o: ";
        let expected =
            "\nApprove this plan, and 3 of its steps,\nwhich write nothing (one, two, three)?\n[y]es, [n]o: ";
        assert_eq!(broken(question, 40), expected);
        assert_eq!(broken(question, usize::MAX), question);
    }

    #[test]
    fn code_and_a_command_at_the_end_stay_whole() {
        let said = "to end it for good: `calt session stop session_1` does";
        let lines = broken(said, 40);
        assert_eq!(lines, "to end it for good: \n`calt session stop session_1` does".replace(": \n", ":\n"));
        let hint = "hint: calt run --session session_1 --data-root /srv/calt\n";
        let command = hint.trim_end().strip_prefix("hint: ").unwrap();
        assert_eq!(with_command(hint, command, 40), format!("hint:\n  {command}\n"));
        assert_eq!(with_command(hint, command, 80), hint);
        let sentence = "edit bad.yaml as its `fix` says, then: calt plan check bad.yaml";
        let expected = "hint: edit bad.yaml as its\n`fix` says, then:\n  calt plan check bad.yaml\n";
        assert_eq!(with_command(&format!("hint: {sentence}\n"), sentence, 26), expected);
        assert_eq!(with_command("ヒント: calt inbox\n", "calt inbox", 12), "ヒント:\n  calt inbox\n");
    }

    #[test]
    fn what_goes_on_below_stands_in_as_its_line_does() {
        assert_eq!(broken("   ! one two three\nfour", 12), "   ! one two\n     three\nfour");
        assert_eq!(broken("  長い文です。次の文です", 16), "  長い文です。\n  次の文です");
    }
}
