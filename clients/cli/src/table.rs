//! Tables: every column as wide as it needs, wide characters counted as two, the last one wrapped on a terminal.
//!
//! An id that is broken over two lines cannot be copied, so only the last column is wrapped; where too little
//! is left for it or one of its words, it stands on lines of its own, and so do other columns that do not fit.
//! Away from a terminal a row is one line, for other programs.

use calt_api::visible::columns;

/// Columns between two columns of a table.
const GAP_COLUMNS: usize = 2;
/// The least the last column can be read in.
const LAST_COLUMNS_MIN: usize = 20;
/// Characters that begin no line of Japanese, because they end a clause or a word, and those that end no line.
const CLOSING: &str = "、。，．・：；？！）」』】)],.:;?!";
const WITHIN: &str = "々ーぁぃぅぇぉっゃゅょァィゥェォッャュョ込";
const OPENING: &str = "（「『【([";
/// The widest code between two marks that stays on one line: a command with an id fits, a whole file's name too.
const CODE_COLUMNS_MAX: usize = 76;
/// What stands before a command that has a line of its own.
const COMMAND_INDENT: &str = "  ";
/// How far a last column on lines of its own stands in.
const INDENT_COLUMNS: usize = 4;

/// Puts rows under their titles.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    of_width(titles, rows, terminal_columns())
}

/// Puts rows below each other without titles, for what is no list of things.
pub(crate) fn rows(rows: &[Vec<String>]) -> String {
    of_width(&[], rows, terminal_columns())
}

/// A sentence, broken at spaces where the terminal is narrower.
pub(crate) fn paragraph(text: &str) -> String {
    let mut shown = String::new();
    for piece in wrapped(text, terminal_columns().unwrap_or(usize::MAX)) {
        end_line(&mut shown, &piece);
    }
    shown
}

/// Words with a margin before each of their lines, broken where the terminal is narrower; the first line begins with
/// what stands before it. Who is asked reads on standard error, who asks for data on standard output.
pub(crate) fn hanging(before: &str, margin: usize, words: &str) -> String {
    hanging_at(before, margin, words, narrower().unwrap_or(usize::MAX))
}

fn hanging_at(before: &str, margin: usize, words: &str, width: usize) -> String {
    let pieces = wrapped(words, width.saturating_sub(margin.max(columns(before))));
    let mut text = String::new();
    for (place, piece) in pieces.iter().enumerate() {
        let before = if place == 0 { before.to_owned() } else { " ".repeat(margin) };
        end_line(&mut text, &(before + piece));
    }
    if pieces.is_empty() {
        end_line(&mut text, before);
    }
    text
}

/// Words for standard error with its lines broken where the terminal is narrower. The last line stays open, so that
/// an answer can stand behind it.
pub(crate) fn broken(text: &str) -> String {
    broken_at(text, columns_of(std::io::stderr()).unwrap_or(usize::MAX))
}

fn broken_at(text: &str, width: usize) -> String {
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

/// Words that end with a command, for who reads standard error and standard output: the command is copied, so it
/// stands on a line of its own where it does not fit behind them.
pub(crate) fn with_command(words: &str, command: &str) -> String {
    with_command_at(words, command, narrower().unwrap_or(usize::MAX))
}

fn with_command_at(words: &str, command: &str, width: usize) -> String {
    let line = words.trim_end_matches('\n');
    match line.strip_suffix(command) {
        Some(before) if columns(line.rsplit('\n').next().unwrap_or_default()) > width => {
            let end = &words[line.len()..];
            format!("{}\n{COMMAND_INDENT}{command}{end}", broken_at(before.trim_end(), width))
        }
        Some(_) | None => broken_at(words, width),
    }
}

/// How wide what a person reads may be: the narrower of their terminals.
fn narrower() -> Option<usize> {
    columns_of(std::io::stderr()).into_iter().chain(terminal_columns()).min()
}

/// The same words, broken for both terminals: they may stand on either.
pub(crate) fn said(text: &str) -> String {
    broken_at(text, narrower().unwrap_or(usize::MAX))
}

/// Facts beside each other, below a heading.
pub(crate) fn facts(facts: &[String]) -> String {
    let mut text = String::new();
    for line in fact_lines(facts, terminal_columns().unwrap_or(usize::MAX)) {
        end_line(&mut text, &format!("   {line}"));
    }
    text
}

/// Facts beside each other, as many on a line as fit behind its three spaces: none is broken.
fn fact_lines(facts: &[String], terminal: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut().filter(|line| columns(line) + columns(fact) + 6 <= terminal) {
            Some(line) => {
                line.push_str(" · ");
                line.push_str(fact);
            }
            None => lines.push(fact.clone()),
        }
    }
    lines
}

/// Whether the rows stand on the terminal one a line, or there is none.
pub(crate) fn fits(rows: &[Vec<String>]) -> bool {
    terminal_columns().is_none_or(|terminal| of_width(&[], rows, None).lines().all(|line| columns(line) <= terminal))
}

/// How wide the terminal on standard output is, if it is one.
pub(crate) fn terminal_columns() -> Option<usize> {
    columns_of(std::io::stdout())
}

fn columns_of(stream: impl std::os::fd::AsFd + std::io::IsTerminal) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn of_width(titles: &[&str], rows: &[Vec<String>], terminal: Option<usize>) -> String {
    let titles: Vec<String> = titles.iter().map(|&title| title.to_owned()).collect();
    let lines = || (!titles.is_empty()).then_some(&titles).into_iter().chain(rows);
    let count = lines().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|place| lines().filter_map(|row| row.get(place)).map(|cell| columns(cell)).max().unwrap_or(0))
        .collect();
    let before_last: usize = widths.iter().take(count.saturating_sub(1)).map(|width| width + GAP_COLUMNS).sum();
    let mut text = String::new();
    for row in lines() {
        let Some((last, first)) = row.split_last() else { continue };
        let mut line = String::new();
        for (cell, width) in first.iter().zip(&widths) {
            if terminal.is_some_and(|terminal| columns(&line) + width > terminal) && !line.is_empty() {
                end_line(&mut text, &line);
                line = " ".repeat(INDENT_COLUMNS);
            }
            line.push_str(&padded(cell, width + GAP_COLUMNS));
        }
        let used = columns(&line);
        let left = terminal.map_or(usize::MAX, |terminal| terminal.saturating_sub(used));
        if columns(last) <= left || first.is_empty() {
            line.push_str(last);
            end_line(&mut text, &line);
            continue;
        }
        let longest_word = last.split(' ').filter(|word| is_narrow(word)).map(columns).max().unwrap_or(0);
        let on_its_own = left < LAST_COLUMNS_MIN || longest_word > left || used < before_last;
        let (indent, room) = if on_its_own {
            (INDENT_COLUMNS, terminal.unwrap_or(usize::MAX).saturating_sub(INDENT_COLUMNS))
        } else {
            (used, left)
        };
        if on_its_own {
            end_line(&mut text, &line);
            line.clear();
        }
        for piece in wrapped(last, room) {
            end_line(&mut text, &format!("{}{piece}", padded(&line, indent)));
            line.clear();
        }
    }
    text
}

fn end_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Text with spaces behind it, up to a display width.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Whether a word has no wide characters. Such a word is an id, a path or a digest more often than not, and
/// one that is broken cannot be copied; what goes over the edge of a terminal can.
fn is_narrow(word: &str) -> bool {
    columns(word) <= word.chars().count()
}

/// Text in pieces of a display width, broken at spaces, and in Japanese, which is written without, before a word.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
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
        // A number goes with the word of Japanese before it: `実行 5`.
        let is_its_number = before == Some(' ') && c.is_ascii_digit() && end_of_word.is_some_and(is_of_japanese);
        if before.is_some_and(|before| may_break(before, c)) && !is_its_number {
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

/// Where code stands, from behind its first mark to its last: a command or a path that is broken cannot be copied.
fn code(text: &str) -> Vec<std::ops::Range<usize>> {
    let marks: Vec<usize> = text.match_indices('`').map(|(place, _)| place).collect();
    let is_short = |code: &std::ops::Range<usize>| columns(&text[code.clone()]) <= CODE_COLUMNS_MAX;
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

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn wide_characters_keep_the_columns_straight() {
        let rows = [row(&["議事録", "a"]), row(&["x", "b"])];
        assert_eq!(of_width(&["NAME", "VALUE"], &rows, None), "NAME    VALUE\n議事録  a\nx       b\n");
    }

    #[test]
    fn the_last_column_wraps_below_itself() {
        let rows = [row(&["read_file", "Reads a regular file of the workspace as text."])];
        let shown = of_width(&["TOOL", "WHAT"], &rows, Some(36));
        assert_eq!(shown, "TOOL       WHAT\nread_file  Reads a regular file of\n           the workspace as text.\n");
    }

    #[test]
    fn where_little_is_left_the_last_column_stands_on_lines_of_its_own() {
        let rows = [row(&["session_01a213e5225f70ee", "会議の議事録を承認のうえで保存する"])];
        let shown = of_width(&[], &rows, Some(30));
        assert_eq!(shown, "session_01a213e5225f70ee\n    会議の議事録を承認のうえで\n    保存する\n");
    }

    #[test]
    fn a_full_stop_begins_no_line() {
        assert_eq!(wrapped("長い文です。次", 10), ["長い", "文です。次"]);
        assert_eq!(wrapped("文です。", 6), ["文で", "す。"]);
        assert_eq!(wrapped("長い文。次", 8), ["長い文。", "次"]);
        assert_eq!(wrapped("長。", 2), ["長", "。"]);
    }

    #[test]
    fn a_fact_is_not_broken_over_two_lines() {
        let facts = ["サンドボックス ro", "隔離 full"].map(str::to_owned);
        assert_eq!(fact_lines(&facts, 40), ["サンドボックス ro · 隔離 full"]);
        assert_eq!(fact_lines(&facts, 31), facts);
    }

    #[test]
    fn words_of_japanese_stay_whole_and_particles_stay_with_them() {
        let sentence = "calt が書いたディレクトリーの PIN を、（docs/discord.md）で設定します";
        let pieces = wrapped(sentence, 20);
        let expected = ["calt が書いた", "ディレクトリーの", "PIN を、", "（docs/discord.md）", "で設定します"];
        assert_eq!(pieces.iter().map(|piece| piece.trim_end()).collect::<Vec<_>>(), expected);
        assert_eq!(wrapped("保存（実行 5）", 10), ["保存", "（実行 5）"]);
        assert_eq!(wrapped("a sentence of words", 10), ["a sentence ", "of words"]);
    }

    #[test]
    fn words_hang_below_their_beginning() {
        assert_eq!(hanging_at("   why: ", 8, "one two three", 16), "   why: one two\n        three\n");
        assert_eq!(hanging_at("   why: ", 8, "one two three", usize::MAX), "   why: one two three\n");
        assert_eq!(hanging_at("   why: ", 8, "", 16), "   why:\n");
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
        assert_eq!(broken_at(question, 40), expected);
        assert_eq!(broken_at(question, usize::MAX), question);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_when_the_first_columns_fit() {
        let rows = [row(&["a", &"長い文".repeat(40)]), row(&["b", &"word ".repeat(40)])];
        for terminal in 24..120 {
            let shown = of_width(&["K", "V"], &rows, Some(terminal));
            assert!(shown.lines().all(|line| columns(line) <= terminal), "{terminal}:\n{shown}");
        }
    }

    #[test]
    fn columns_that_do_not_fit_go_to_the_next_line_whole() {
        let rows =
            [row(&["session_01a213e5225f70ee", "awaiting_plan_approval", "1", "2026-11-25 19:16:39+00:00", "a"])];
        let shown = of_width(&[], &rows, Some(60));
        assert_eq!(shown, "session_01a213e5225f70ee  awaiting_plan_approval  1\n    2026-11-25 19:16:39+00:00  a\n");
    }

    #[test]
    fn a_path_is_never_broken() {
        let path = "x/".repeat(40);
        let shown = of_width(&[], &[row(&["a", &path])], Some(30));
        assert_eq!(shown, format!("a\n    {path}\n"));
    }
}
