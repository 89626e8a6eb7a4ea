//! Splits a command into words as POSIX does, and refuses what only a shell could mean.

/// Longest command, in bytes.
pub(crate) const COMMAND_BYTES_MAX: usize = 16 * 1024;
/// Most words of a command.
const WORDS_MAX: usize = 512;

/// Splits; the error names the character.
pub(crate) fn split(command: &str) -> Result<Vec<String>, String> {
    if command.len() > COMMAND_BYTES_MAX {
        return Err(format!("the command has {} bytes; the limit is {COMMAND_BYTES_MAX}", command.len()));
    }
    let (mut words, mut word, mut open) = (Vec::new(), String::new(), false);
    let mut rest = command.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' | '\t' => {
                if open {
                    words.push(std::mem::take(&mut word));
                    open = false;
                }
            }
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '\n' | '\r' => {
                let shown = if next.is_control() { next.escape_default().to_string() } else { next.to_string() };
                return Err(format!("`{shown}` is for a shell, and there is none; quote it if it is text"));
            }
            '\0' => return Err("a NUL character".to_owned()),
            '\'' => {
                open = true;
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(text) => word.push(text),
                        None => return Err("a quote `'` that is not closed".to_owned()),
                    }
                }
            }
            '"' => {
                open = true;
                double_quoted(&mut rest, &mut word)?;
            }
            '\\' => match rest.next() {
                Some('\n') | None => return Err("a backslash at the end".to_owned()),
                Some(text) => {
                    open = true;
                    word.push(text);
                }
            },
            text => {
                open = true;
                word.push(text);
            }
        }
    }
    if open {
        words.push(word);
    }
    if words.len() > WORDS_MAX {
        return Err(format!("{} words; the limit is {WORDS_MAX}", words.len()));
    }
    Ok(words)
}

fn double_quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => match rest.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => return Err("a quote `\"` that is not closed".to_owned()),
            },
            Some(shell @ ('$' | '`')) => {
                return Err(format!("`{shell}` inside double quotes is for a shell; use single quotes if it is text"));
            }
            Some(text) => word.push(text),
            None => return Err("a quote `\"` that is not closed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_posix_does() {
        let cases: &[(&str, &[&str])] = &[
            ("ls -la", &["ls", "-la"]),
            ("cat 'a b' \"c d\" e\\ f", &["cat", "a b", "c d", "e f"]),
            ("rg 'a|b' ''", &["rg", "a|b", ""]),
            ("  ls\t.  ", &["ls", "."]),
            ("cat a\"b\"'c'", &["cat", "abc"]),
        ];
        for (command, words) in cases {
            assert_eq!(split(command).unwrap(), *words, "{command}");
        }
    }

    #[test]
    fn what_only_a_shell_could_mean_is_refused() {
        for command in [
            "cat a | sh",
            "ls ; id",
            "ls $(id)",
            "ls > x",
            "cat `id`",
            "ls\nid",
            "ls && id",
            "ls 'open",
            "cat \"$HOME\"",
            "ls \\",
        ] {
            assert!(split(command).is_err(), "{command}");
        }
    }
}
