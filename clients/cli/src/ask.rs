//! Questions on the terminal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};

use crate::applies::FILES_BY_YES_MAX;
use crate::fault::Fault;
use crate::table::broken;
use crate::words::t;

/// What a person answered to a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Details,
    Skip,
}

/// What a yes is said with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yes {
    /// A word.
    Word,
    /// The number of files that it writes: nobody types that without having read it.
    Number(usize),
}

impl Yes {
    /// What a yes to these writes is said with.
    pub(crate) const fn to(files: usize) -> Self {
        if files > FILES_BY_YES_MAX { Self::Number(files) } else { Self::Word }
    }

    fn is(self, said: &str) -> bool {
        match self {
            Self::Word => ["y", "yes", "はい", "ハイ"].contains(&said),
            Self::Number(files) => said == files.to_string(),
        }
    }
}

/// A terminal with a person at it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Terminal {
    /// Answers come on standard input.
    StandardInput,
    /// The same, where Enter alone is a yes: nothing that is asked about there changes anything.
    EnterIsYes,
    /// Standard input holds the plan; answers come from the controlling terminal.
    Controlling,
}

/// Where standard input is, for who wants to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandardInput {
    Free,
    HoldsThePlan,
}

impl Terminal {
    /// The terminal of this process, if a person sees our talk and can answer it.
    pub(crate) fn find(input: StandardInput) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        match input {
            StandardInput::Free => std::io::stdin().is_terminal().then_some(Self::StandardInput),
            StandardInput::HoldsThePlan => File::open(CONTROLLING).is_ok().then_some(Self::Controlling),
        }
    }

    /// The same terminal, for who asks about harmless things only.
    pub(crate) const fn where_enter_is_yes(self) -> Self {
        match self {
            Self::StandardInput | Self::EnterIsYes => Self::EnterIsYes,
            Self::Controlling => Self::Controlling,
        }
    }

    /// Asks for a yes, n, d or s until one of them comes; `None` at the end of input.
    pub(crate) async fn look(self, question: &str, yes: Yes) -> Result<Option<Answer>, Fault> {
        let is_enter_yes = matches!((self, yes), (Self::EnterIsYes, Yes::Word));
        let (answers, otherwise) = match yes {
            Yes::Word if is_enter_yes => (
                t!("[y]es, [n]o, [d]etails, [s]kip a step (Enter: yes, it writes nothing): "),
                t!("Please answer y, n, d or s.\n"),
            ),
            Yes::Word => (t!("[y]es, [n]o, [d]etails, [s]kip a step: "), t!("Please answer y, n, d or s.\n")),
            Yes::Number(files) => (
                t!("type {files} to write {files} files, [n]o, [d]etails, [s]kip a step: ", files = files),
                t!("To approve, type the number of files, {files}; otherwise n, d or s.\n", files = files),
            ),
        };
        let what_each_does = t!(
            "n: nothing of it runs, and you say why. d: every detail of each step. s: one step is left out, with what needs it, and the rest goes on.\n"
        );
        let mut said_before = String::new();
        loop {
            let Some(line) = self.line(&format!("{said_before}{question}\n{answers}")).await? else { return Ok(None) };
            match word(&line).as_str() {
                "n" | "no" | "いいえ" => return Ok(Some(Answer::No)),
                "d" | "details" | "詳細" => return Ok(Some(Answer::Details)),
                "s" | "skip" | "飛ばす" => return Ok(Some(Answer::Skip)),
                "" if is_enter_yes => return Ok(Some(Answer::Yes)),
                said if yes.is(said) => return Ok(Some(Answer::Yes)),
                _ => said_before = format!("{otherwise}{what_each_does}"),
            }
        }
    }

    /// Asks for a yes or n until one of them comes; `None` at the end of input.
    pub(crate) async fn agrees(self, question: &str, yes: Yes) -> Result<Option<bool>, Fault> {
        let Yes::Number(files) = yes else { return self.yes(question).await };
        let mut said_before = String::new();
        loop {
            let answers = t!("type {files} to write {files} files, [n]o: ", files = files);
            let Some(line) = self.line(&format!("{said_before}{question}\n{answers}")).await? else { return Ok(None) };
            match word(&line).as_str() {
                "n" | "no" | "いいえ" => return Ok(Some(false)),
                said if yes.is(said) => return Ok(Some(true)),
                _ => said_before = t!("To approve, type the number of files, {files}; otherwise n.\n", files = files),
            }
        }
    }

    /// Asks for yes or no; `None` at the end of input.
    pub(crate) async fn yes(self, question: &str) -> Result<Option<bool>, Fault> {
        let mut said_before = String::new();
        loop {
            let answers = t!("[y]es, [n]o: ");
            let Some(line) = self.line(&format!("{said_before}{question}\n{answers}")).await? else { return Ok(None) };
            match word(&line).as_str() {
                "y" | "yes" | "はい" | "ハイ" => return Ok(Some(true)),
                "n" | "no" | "いいえ" => return Ok(Some(false)),
                _ => said_before = t!("Please answer y or n.\n"),
            }
        }
    }

    /// Asks for a line that is not empty; `None` at the end of input.
    pub(crate) async fn text(self, question: &str) -> Result<Option<String>, Fault> {
        loop {
            let Some(line) = self.line(question).await? else { return Ok(None) };
            if !line.trim().is_empty() {
                return Ok(Some(line.trim().to_owned()));
            }
            talk(&t!("It cannot be empty.\n"));
        }
    }

    /// Asks, with what a wrong answer was told in one piece: whoever reads it may answer, for the question stands too.
    /// Reads on a thread of its own, so that Ctrl-C is heard while it waits.
    async fn line(self, question: &str) -> Result<Option<String>, Fault> {
        self.forget_early_keys();
        talk(&broken(question));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || sender.send(self.read_line()));
        let line = receiver.await.map_err(|_| Fault::Bug(t!("the terminal could not be read")))?;
        let line = line.map_err(|error| Fault::usage(t!("the terminal cannot be read: {error}", error = error)))?;
        if line.is_none() {
            // The prompt's line is still open.
            talk("\n");
        }
        Ok(line)
    }

    /// Drops what was typed before the question: nobody approves what they have not seen.
    fn forget_early_keys(self) {
        use rustix::termios::{QueueSelector, tcflush};
        // A terminal that cannot do this is no reason to ask nothing.
        let _ = match self {
            Self::StandardInput | Self::EnterIsYes => tcflush(std::io::stdin(), QueueSelector::IFlush),
            Self::Controlling => match File::open(CONTROLLING) {
                Ok(terminal) => tcflush(terminal, QueueSelector::IFlush),
                Err(_) => Ok(()),
            },
        };
    }

    fn read_line(self) -> std::io::Result<Option<String>> {
        let mut bytes = Vec::new();
        match self {
            Self::StandardInput | Self::EnterIsYes => std::io::stdin().lock().read_until(b'\n', &mut bytes)?,
            // A terminal gives one line at a time: nothing of a later answer is lost with the buffer.
            Self::Controlling => BufReader::new(File::open(CONTROLLING)?).read_until(b'\n', &mut bytes)?,
        };
        Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

pub(crate) const CONTROLLING: &str = "/dev/tty";

/// Says something to the person. One who closed the pipe does not listen, and that is no failure.
pub(crate) fn talk(text: &str) {
    let mut talk = std::io::stderr().lock();
    let _ = talk.write_all(text.as_bytes()).and_then(|()| talk.flush());
}

/// An answer without its case, spaces and full-width letters, which an input method leaves behind.
fn word(line: &str) -> String {
    let narrow = |c: char| match c {
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    line.trim().chars().map(narrow).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_width_answer_is_understood() {
        assert_eq!(word("　Ｙ\n"), "y");
        assert_eq!(word(" ｓｋｉｐ "), "skip");
        assert_eq!(word("はい\n"), "はい");
        assert!(Yes::Number(40).is(&word("４０\n")) && !Yes::Number(40).is("y") && !Yes::Number(40).is("4"));
    }
}
