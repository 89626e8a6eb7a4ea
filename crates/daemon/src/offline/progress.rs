//! How far something long has come, on a terminal and only there.

use std::io::{IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use calt_api::Language;
use calt_engine::store::Progress;

/// How often the line is written anew, at most.
const LINE_EVERY: Duration = Duration::from_millis(100);
/// Goes to the line's begin and clears it.
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// One line that changes, and goes when all is done.
pub(super) struct Line {
    written: Option<Instant>,
    is_seen: bool,
    language: Language,
}

impl Line {
    pub(super) fn new(language: Language) -> Self {
        Self { written: None, is_seen: std::io::stderr().is_terminal(), language }
    }

    pub(super) fn say(&mut self, progress: Progress) {
        if !self.is_due() {
            return;
        }
        let (english, japanese) = match progress {
            Progress::Database => ("copying the database".to_owned(), "データベースを写しています".to_owned()),
            Progress::Files(1) => ("1 file".to_owned(), "ファイル 1 件".to_owned()),
            Progress::Files(files) => (format!("{files} files"), format!("ファイル {files} 件")),
            Progress::Events(events) => {
                (format!("{events} events checked"), format!("イベント {events} 件を検証しました"))
            }
            Progress::Derived => {
                ("making read model and index".to_owned(), "読み取り用の表と索引を作っています".to_owned())
            }
        };
        let text = match self.language {
            Language::English => english,
            Language::Japanese => japanese,
        };
        self.write(&text);
    }

    /// Says what was looked at.
    pub(super) fn looked_at(&mut self, what: &str) {
        if self.is_seen {
            let text = match self.language {
                Language::English => format!("{what} looked at"),
                Language::Japanese => format!("{what} を検証しました"),
            };
            self.write(&text);
        }
    }

    fn is_due(&self) -> bool {
        self.is_seen && self.written.is_none_or(|written| written.elapsed() >= LINE_EVERY)
    }

    fn write(&mut self, text: &str) {
        // Nobody is kept from a backup by a terminal that is gone.
        let _ = write!(std::io::stderr(), "{CLEAR_LINE}{text} …");
        self.written = Some(Instant::now());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.written.is_some() {
            let _ = write!(std::io::stderr(), "{CLEAR_LINE}");
        }
    }
}

/// How wide a terminal is, if it is one.
pub(super) fn columns_of(stream: impl AsFd + IsTerminal) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
