//! Checks a command's words against what its program may be given.

use super::options::Takes::{JoinedNumber, Nothing, Value};
use super::options::{CAT, FIND, GIT_DIFF, GIT_STATUS, LS, PYTEST, RG, Schema};
use super::program::Program;

/// A command that may run: a program, and its arguments as they will be passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) program: Program,
    pub(crate) arguments: Vec<String>,
}

/// Checks a command's words; the error names the word and why.
pub(crate) fn check(words: &[String]) -> Result<Allowed, String> {
    let Some((first, rest)) = words.split_first() else { return Err("there is no command".to_owned()) };
    if words.iter().any(|word| word.contains('\0')) {
        return Err("a NUL character".to_owned());
    }
    match first.as_str() {
        "ls" => fits(Program::Ls, &LS, rest),
        "cat" => fits(Program::Cat, &CAT, rest),
        "rg" => fits(Program::Rg, &RG, rest),
        "find" => find(rest),
        "git" => git(rest),
        "python" => pytest(rest),
        other if other.contains('/') => Err(format!("`{other}`: programs are named, not given by path")),
        other => Err(format!("`{other}` is none of ls, cat, rg, find, git status, git diff, python -m pytest")),
    }
}

fn fits(program: Program, schema: &Schema, words: &[String]) -> Result<Allowed, String> {
    Ok(Allowed { program, arguments: checked(program.word(), schema, words)? })
}

fn checked(name: &str, schema: &Schema, words: &[String]) -> Result<Vec<String>, String> {
    let mut arguments = Vec::new();
    let (mut rest, mut only_paths, mut bare) = (words.iter(), false, 0);
    // With a pattern given by option every bare word of `rg` is a path.
    let pattern_given = words.iter().any(|word| gives_pattern(schema, word));
    while let Some(word) = rest.next() {
        arguments.push(word.clone());
        if only_paths || !word.starts_with('-') || word == "-" {
            let is_pattern = schema.first_is_pattern && !pattern_given && bare == 0;
            bare += 1;
            if !is_pattern {
                within(word)?;
            }
            continue;
        }
        if word == "--" {
            only_paths = true;
            continue;
        }
        let (option, joined) = match word.split_once('=') {
            Some((option, _)) if word.starts_with("--") && !schema.options.iter().any(|(known, _)| known == word) => {
                (option, true)
            }
            _ => (word.as_str(), false),
        };
        match schema.options.iter().find(|(known, _)| *known == option) {
            Some((_, Nothing)) if !joined => {}
            Some((_, Value)) if joined => {}
            Some((_, JoinedNumber)) if joined && is_number(&word[option.len() + 1..]) => {}
            Some((_, JoinedNumber)) => {
                return Err(format!("option `{option}` of {name} needs a number directly behind it"));
            }
            Some((_, Value)) => match rest.next() {
                Some(value) => arguments.push(value.clone()),
                None => return Err(format!("option `{option}` of {name} needs a value")),
            },
            Some((_, Nothing)) => return Err(format!("option `{option}` of {name} takes no value")),
            None if is_letters(schema, word) || is_short_with_value(schema, word) => {}
            None => return Err(format!("option `{word}` of {name} is not allowed")),
        }
    }
    Ok(arguments)
}

fn gives_pattern(schema: &Schema, word: &str) -> bool {
    ["-e", "--regexp", "--files"].contains(&word)
        || word.starts_with("--regexp=")
        || (word.starts_with("-e") && is_short_with_value(schema, word))
}

fn is_letters(schema: &Schema, word: &str) -> bool {
    let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-') && !letters.is_empty());
    letters.is_some_and(|letters| letters.chars().all(|letter| schema.letters.contains(letter)))
}

/// `-A3`, `-U5`: a short option with its value directly behind it; digits only, so that nothing hides there.
fn is_short_with_value(schema: &Schema, word: &str) -> bool {
    let Some((option, value)) = word.split_at_checked(2) else { return false };
    let known = schema.options.iter().any(|(known, takes)| *known == option && *takes != Nothing);
    known && !option.starts_with("--") && is_number(value)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn find(words: &[String]) -> Result<Allowed, String> {
    let (mut arguments, mut rest, mut expression) = (Vec::new(), words.iter(), false);
    while let Some(word) = rest.next() {
        arguments.push(word.clone());
        let starts_expression = word.starts_with('-') || ["!", "(", ")"].contains(&word.as_str());
        if !starts_expression && !expression {
            within(word)?;
            continue;
        }
        expression = true;
        let Some((_, values)) = FIND.iter().find(|(known, _)| *known == word) else {
            return Err(format!("`{word}` of find is not allowed"));
        };
        for _ in 0..*values {
            match rest.next() {
                Some(value) => {
                    if word == "-newer" {
                        within(value)?;
                    }
                    arguments.push(value.clone());
                }
                None => return Err(format!("`{word}` of find needs a value")),
            }
        }
    }
    Ok(Allowed { program: Program::Find, arguments })
}

/// What comes before every command of git: what of a repository's configuration would run a program is turned off, but
/// for its filters, which are asked for and turned off by name. An external diff is turned off by its own option: an
/// empty `diff.external` would make git fail.
pub(crate) fn git_without_programs() -> Vec<String> {
    let settings = [
        "core.fsmonitor=",
        "core.hooksPath=/dev/null",
        "safe.directory=*",
        "core.pager=cat",
        "submodule.recurse=false",
        "status.submoduleSummary=false",
        "diff.submodule=short",
    ];
    let mut arguments = vec!["--no-pager".to_owned()];
    for setting in settings {
        arguments.extend(["-c".to_owned(), setting.to_owned()]);
    }
    arguments
}

fn git(words: &[String]) -> Result<Allowed, String> {
    let Some((command, rest)) = words.split_first() else { return Err("`git` alone does nothing".to_owned()) };
    let (schema, extra): (&Schema, &[&str]) = match command.as_str() {
        // A submodule has a configuration of its own, which a git that looks into it would obey.
        "status" => (&GIT_STATUS, &["--ignore-submodules=dirty"]),
        "diff" => (&GIT_DIFF, &["--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"]),
        other => return Err(format!("`git {other}` is not allowed; only git status and git diff are")),
    };
    let own = checked(&format!("git {command}"), schema, rest)?;
    let mut arguments = git_without_programs();
    arguments.push(command.clone());
    arguments.extend(extra.iter().map(|word| (*word).to_owned()));
    arguments.extend(own);
    Ok(Allowed { program: Program::Git, arguments })
}

fn pytest(words: &[String]) -> Result<Allowed, String> {
    let [dash_m, module, rest @ ..] = words else {
        return Err("`python` runs only as `python -m pytest`".to_owned());
    };
    if dash_m != "-m" || module != "pytest" {
        return Err(format!("`python {dash_m} {module}` is not allowed; only `python -m pytest` is"));
    }
    // As everywhere, the workspace is the first place modules come from: tests import what they test.
    let mut arguments: Vec<String> =
        ["-m", "pytest", "-p", "no:cacheprovider"].iter().map(|word| (*word).to_owned()).collect();
    // Newer versions read options from a file that is named like this.
    if let Some(file) = rest.iter().find(|word| word.starts_with('@')) {
        return Err(format!("`{file}` of pytest is not allowed: it names a file of options"));
    }
    arguments.extend(checked("pytest", &PYTEST, rest)?);
    Ok(Allowed { program: Program::Python, arguments })
}

/// A path that stays in the workspace as far as its text can tell; the box must hold the rest.
fn within(path: &str) -> Result<(), String> {
    if path.starts_with('/') {
        return Err(format!("`{path}` is absolute: outside the workspace"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("`{path}` goes up with `..`: outside the workspace"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    fn run(command: &str) -> Result<Allowed, String> {
        check(&split(command)?)
    }

    #[test]
    fn useful_commands_are_allowed() {
        for command in [
            "ls",
            "ls -la sub",
            "ls --sort=time -1",
            "cat a.txt b.txt",
            "cat -n a",
            "rg -n 'fn main' src",
            "rg -e x -A3 .",
            "rg --glob '*.rs' TODO",
            "find . -name '*.md' -maxdepth 2",
            "find src '(' -type f -o -type d ')'",
            "git status --porcelain",
            "git status -sb",
            "git diff --stat",
            "git diff -U5 -- a.txt",
            "git diff --unified=5 a.txt",
            "rg -e5 a.txt",
            "python -m pytest -q",
            "python -m pytest -q -k 'a or b' tests/test_x.py --maxfail=1",
        ] {
            assert!(run(command).is_ok(), "{command}: {:?}", run(command));
        }
    }

    #[test]
    fn what_runs_or_writes_is_refused() {
        for command in [
            "find . -delete",
            "find . -exec id ';'",
            "find . -ok id ';'",
            "find . -execdir id ';'",
            "find . -fprint x",
            "find . -fls x",
            "find . -fprintf x y",
            "find -files0-from x",
            "find / -name x",
            "find .. -name x",
            "rg --pre sh x",
            "rg --pre=sh x",
            "rg --hostname-bin x y",
            "rg -z x",
            "rg --search-zip x",
            "rg -f pats .",
            "rg --pre-glob x y",
            "rg x /etc",
            "rg x ../..",
            "rg --color always x",
            "git diff --no-index /dev/null x",
            "git diff --output=x",
            "git diff --output x",
            "git diff --ext-diff",
            "git diff --textconv",
            "git -c core.fsmonitor=x status",
            "git log",
            "git diff -O/etc/passwd",
            // git takes the next word for an option of its own.
            "git diff -U --output=x",
            "git diff --unified --ext-diff",
            "git diff --unified=--output=x",
            "git diff -U 5",
            "rg -e5 /etc/passwd",
            "rg /etc/passwd -e5",
            "python -m pytest @options",
            "git diff --outp=x",
            "git",
            "python -c 'x'",
            "python x.py",
            "python -m pip",
            "python -m pytest -p x",
            "python -m pytest --basetemp=x",
            "python -m pytest --junitxml=x",
            "python -m pytest -c x",
            "python -m pytest --rootdir=x",
            "/bin/cat a.txt",
            "env cat a",
            "lsx",
            "sh -c id",
            "cat /etc/passwd",
            "ls /root",
            "cat ../x",
            "ls --hyperlink",
            "X=1 ls",
            "",
        ] {
            assert!(run(command).is_err(), "{command}: {:?}", run(command));
        }
    }

    #[test]
    fn git_is_run_with_everything_off_that_runs_programs() {
        let diff = run("git diff").unwrap().arguments;
        assert!(diff.windows(2).any(|pair| pair == ["-c", "core.fsmonitor="]));
        assert!(diff.contains(&"--no-ext-diff".to_owned()) && diff.contains(&"--no-textconv".to_owned()));
        let status = run("git status").unwrap().arguments;
        let [before @ .., command, submodules] = &status[..] else { panic!("{status:?}") };
        assert_eq!((command.as_str(), submodules.as_str()), ("status", "--ignore-submodules=dirty"));
        assert_eq!(
            before.iter().filter(|word| *word == "-c").count(),
            before.iter().filter(|word| word.contains('=')).count()
        );
    }
}
