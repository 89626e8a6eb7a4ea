//! Tables: every column as wide as it needs, wide characters counted as two, the last one wrapped on a terminal.
//!
//! An id that is broken over two lines cannot be copied, so only the last column is wrapped; where too little
//! is left for it or one of its words, it stands on lines of its own, and so do other columns that do not fit.
//! Away from a terminal a row is one line, for other programs.

use calt_api::lines::{self, is_narrow, wrapped};
use calt_api::visible::columns;

/// Columns between two columns of a table.
const GAP_COLUMNS: usize = 2;
/// The least the last column can be read in.
const LAST_COLUMNS_MIN: usize = 20;
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

/// Rows below their titles, one a line, with the last column cut where the terminal ends. Nothing where less than
/// this is left for it.
pub(crate) fn cut_to(titles: &[String], rows: &[Vec<String>], terminal: usize, least: usize) -> Option<String> {
    let rows: Vec<&[String]> = [titles].into_iter().chain(rows.iter().map(Vec::as_slice)).collect();
    let before_last = titles.len().checked_sub(1)?;
    let width =
        |place: usize| rows.iter().filter_map(|row| row.get(place)).map(|cell| columns(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..before_last).map(width).collect();
    let used: usize = widths.iter().map(|width| width + GAP_COLUMNS).sum();
    let left = terminal.checked_sub(used).filter(|left| *left >= least.min(width(before_last)))?;
    let mut text = String::new();
    for row in rows {
        let mut line: String = row.iter().zip(&widths).map(|(cell, width)| padded(cell, width + GAP_COLUMNS)).collect();
        line.push_str(&cut(row.last()?, left));
        end_line(&mut text, &line);
    }
    Some(text)
}

/// Text of at most a display width; `…` says that there is more.
fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if columns(&kept) + 1 > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
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
    lines::broken(text, columns_of(std::io::stderr()).unwrap_or(usize::MAX))
}

/// The same for words that end with a command: it is copied, so it stands on a line of its own where it does not fit.
pub(crate) fn with_command(words: &str, command: &str) -> String {
    lines::with_command(words, command, columns_of(std::io::stderr()).unwrap_or(usize::MAX))
}

/// How wide what a person reads may be: the narrower of their terminals.
fn narrower() -> Option<usize> {
    columns_of(std::io::stderr()).into_iter().chain(terminal_columns()).min()
}

/// Sentences for standard output, broken where it is a terminal that is narrower: other programs read whole lines.
pub(crate) fn said(text: &str) -> String {
    lines::broken(text, terminal_columns().unwrap_or(usize::MAX))
}

/// The same for a sentence that ends with a command.
pub(crate) fn said_with_command(words: &str, command: &str) -> String {
    lines::with_command(words, command, terminal_columns().unwrap_or(usize::MAX))
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
    fn a_fact_is_not_broken_over_two_lines() {
        let facts = ["サンドボックス ro", "隔離 full"].map(str::to_owned);
        assert_eq!(fact_lines(&facts, 40), ["サンドボックス ro · 隔離 full"]);
        assert_eq!(fact_lines(&facts, 31), facts);
    }

    #[test]
    fn words_hang_below_their_beginning() {
        assert_eq!(hanging_at("   why: ", 8, "one two three", 16), "   why: one two\n        three\n");
        assert_eq!(hanging_at("   why: ", 8, "one two three", usize::MAX), "   why: one two three\n");
        assert_eq!(hanging_at("   why: ", 8, "", 16), "   why:\n");
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
    fn a_row_that_is_cut_takes_one_line_and_only_its_last_column_is_cut() {
        let titles = ["SESSION", "GOAL"].map(str::to_owned);
        let rows = [row(&["session_1", "会議の議事録を承認する"]), row(&["session_2", "short"])];
        let shown = cut_to(&titles, &rows, 22, 4).unwrap();
        assert_eq!(shown, "SESSION    GOAL\nsession_1  会議の議事…\nsession_2  short\n");
        assert!(shown.lines().all(|line| columns(line) <= 22), "{shown}");
        assert_eq!(cut_to(&titles, &rows, 14, 4), None);
        // What fits is not held to the least.
        assert!(cut_to(&titles, &rows[1..], 16, 24).is_some());
    }

    #[test]
    fn a_path_is_never_broken() {
        let path = "x/".repeat(40);
        let shown = of_width(&[], &[row(&["a", &path])], Some(30));
        assert_eq!(shown, format!("a\n    {path}\n"));
    }
}
