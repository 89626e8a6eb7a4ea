//! Questions on the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::fault::Fault;

/// What a person answered to a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Details,
    Skip,
}

/// Whether a person can be asked.
pub(crate) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for y, n, d or s until one of them comes. The end of input is a no without a reason.
pub(crate) fn look(question: &str) -> Result<Answer, Fault> {
    loop {
        let line = line(&format!("{question} [y]es, [n]o, [d]etails, [s]kip a step: "))?;
        match line.as_deref().map(str::trim) {
            None => return Err(Fault::Quiet(crate::fault::EXIT_GATE)),
            Some("y" | "Y" | "yes" | "ｙ" | "はい") => return Ok(Answer::Yes),
            Some("n" | "N" | "no" | "ｎ" | "いいえ") => return Ok(Answer::No),
            Some("d" | "D" | "ｄ") => return Ok(Answer::Details),
            Some("s" | "S" | "ｓ") => return Ok(Answer::Skip),
            Some(_) => eprintln!("Please answer y, n, d or s."),
        }
    }
}

/// Asks for a line that is not empty; `None` at the end of input.
pub(crate) fn text(question: &str) -> Result<Option<String>, Fault> {
    loop {
        let Some(line) = line(question)? else { return Ok(None) };
        if !line.trim().is_empty() {
            return Ok(Some(line.trim().to_owned()));
        }
    }
}

fn line(question: &str) -> Result<Option<String>, Fault> {
    let mut talk = std::io::stderr();
    write!(talk, "{question}")?;
    talk.flush()?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}
