//! A text that is typed on the terminal and shown by nobody.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::ask::CONTROLLING;
use crate::fault::Fault;
use crate::words::t;
use zeroize::{Zeroize as _, Zeroizing};

/// Longest text that is taken, in bytes: a PIN of 128 characters has at most 512, and more of them before NFC.
const TYPED_BYTES_MAX: usize = 4 * 1024;
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACES: [u8; 2] = [0x08, 0x7f];
const CLEAR_LINE: u8 = 0x15;

/// Asks for a secret on the terminal; `None` when the person gave up.
///
/// # Errors
/// When standard input is no terminal: a secret is never piped in.
pub fn ask_secret(question: &str) -> io::Result<Option<Zeroizing<String>>> {
    if !io::stdin().is_terminal() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "standard input is no terminal"));
    }
    typed(question)
}

/// Whether a person could be asked for a secret.
pub(crate) fn can_be_asked() -> bool {
    io::stderr().is_terminal() && File::open(CONTROLLING).is_ok()
}

/// Asks on a thread of its own, so that everything else goes on.
pub(crate) async fn ask(question: String) -> Result<Option<Zeroizing<String>>, Fault> {
    let asked = tokio::task::spawn_blocking(move || typed(&question)).await;
    let asked = asked.map_err(|_| Fault::Bug(t!("the terminal could not be read")))?;
    asked.map_err(|error| Fault::usage(t!("the terminal cannot be read: {error}", error = error)))
}

/// The terminal with its echo off. Whatever happens here, it is as it was afterwards.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn open() -> io::Result<Self> {
        let terminal = File::options().read(true).write(true).open(CONTROLLING)?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // Key by key: a Ctrl-C that ended the process would leave the terminal without its echo.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question is dropped.
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.terminal.write_all(b"\n");
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// What is typed is wiped when nobody needs it any more.
fn typed(question: &str) -> io::Result<Option<Zeroizing<String>>> {
    let mut silent = Silent::open()?;
    silent.terminal.write_all(question.as_bytes())?;
    // Room for all of it: a text that grows leaves its beginnings behind.
    let mut line = Zeroizing::new(Vec::with_capacity(TYPED_BYTES_MAX));
    loop {
        let mut key = [0];
        if silent.terminal.read(&mut key)? == 0 {
            return Ok(None);
        }
        match key[0] {
            b'\r' | b'\n' => break,
            INTERRUPT | END => return Ok(None),
            CLEAR_LINE => line.clear(),
            key if BACKSPACES.contains(&key) => without_last(&mut line),
            _ if line.len() == TYPED_BYTES_MAX => {}
            key => line.push(key),
        }
    }
    match String::from_utf8(std::mem::take(&mut *line)) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
        }
    }
}

/// Takes the last character away, of however many bytes.
fn without_last(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backspace_takes_a_whole_character() {
        let mut line = "aé計".as_bytes().to_vec();
        without_last(&mut line);
        assert_eq!(line, "aé".as_bytes());
        without_last(&mut line);
        without_last(&mut line);
        without_last(&mut line);
        assert_eq!(line, b"");
    }
}
