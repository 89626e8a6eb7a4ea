//! The commands of a document, as it shows them.

use std::process::{Command, Stdio};

use regex::Regex;

use super::root;

/// A command that a document shows.
#[derive(Debug)]
pub(super) struct Shown {
    /// The line on which it begins.
    pub(super) line: usize,
    /// The command, without the prompt and without the remark.
    pub(super) text: String,
    remark: String,
    /// What the document shows of what it prints.
    pub(super) output: Option<String>,
}

impl Shown {
    /// A command that stands on this line, with its remark.
    pub(super) fn new(line: usize, text: &str) -> Self {
        let remark = Regex::new(r"\s+# (.*)$").unwrap();
        let (text, remark) = match remark.captures(text).filter(|_| !text.contains('\n')) {
            Some(found) => (&text[..found.get(0).unwrap().start()], found[1].to_owned()),
            None => (text, String::new()),
        };
        Self { line, text: text.trim().to_owned(), remark, output: None }
    }

    /// With which exit code it is said to end.
    pub(super) fn exit_code(&self) -> i32 {
        let named = Regex::new(r"exit code (\d+)").unwrap();
        named.captures(&self.remark).map_or(0, |found| found[1].parse().unwrap())
    }

    /// Whether it is said to be typed by the owner, where a program's commands stand beside it.
    pub(super) fn is_the_owners(&self) -> bool {
        self.remark.starts_with("you:") || self.remark.starts_with("自分:")
    }
}

/// A block between fences: its kind, and its lines with their numbers.
struct Block {
    kind: String,
    lines: Vec<(usize, String)>,
}

fn blocks(document: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let (mut blocks, mut open): (Vec<Block>, Option<(usize, Block)>) = (Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some((indent, Block { kind: kind.to_owned(), lines: Vec::new() })),
            (Some(_), Some((_, block))) => blocks.push(block),
            (None, Some((indent, mut block))) => {
                block.lines.push((number, line.get(indent..).unwrap_or_default().to_owned()));
                open = Some((indent, block));
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{document} ends within a block");
    blocks
}

/// All commands, in order.
pub(super) fn of(document: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    for block in blocks(document) {
        match block.kind.as_str() {
            "sh" => found.extend(commands(&block.lines)),
            "console" => found.extend(typed(&block.lines)),
            kind => assert!(!["bash", "shell", "zsh"].contains(&kind), "{document}: call a block of {kind} `sh`"),
        }
    }
    found
}

/// The lines of blocks that are neither commands nor data with a name.
pub(super) fn other_lines(document: &str) -> Vec<(usize, String)> {
    let other = |block: &Block| ["", "text"].contains(&block.kind.as_str());
    blocks(document).into_iter().filter(other).flat_map(|block| block.lines).collect()
}

/// The first plan that is shown.
pub(super) fn first_plan(document: &str) -> Option<String> {
    let plan = blocks(document).into_iter().find(|block| block.kind == "yaml")?;
    Some(plan.lines.into_iter().map(|(_, line)| line + "\n").collect())
}

/// The commands of a script: a line, or as many as the shell needs until it has a whole command.
fn commands(lines: &[(usize, String)]) -> Vec<Shown> {
    let (mut found, mut begun) = (Vec::new(), String::new());
    for (number, line) in lines {
        if begun.is_empty() && (line.trim().is_empty() || line.starts_with('#')) {
            continue;
        }
        begun.push_str(line);
        if is_whole(&begun) {
            let first = number - begun.matches('\n').count();
            found.push(Shown::new(first, &begun));
            begun.clear();
        } else {
            begun.push('\n');
        }
    }
    assert!(begun.is_empty(), "this is no whole command: {begun}");
    found
}

fn is_whole(text: &str) -> bool {
    let mut shell = Command::new("bash");
    shell.args(["-n", "-c", text]).stderr(Stdio::null());
    !text.ends_with('\\') && shell.status().unwrap().success()
}

/// What was typed after each prompt, and what was printed then.
fn typed(lines: &[(usize, String)]) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    for (number, line) in lines {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push(Shown::new(*number, command)),
            (None, Some(shown)) => {
                let output = shown.output.get_or_insert_default();
                output.push_str(line);
                output.push('\n');
            }
            (None, None) => panic!("line {number}: something is printed before a command"),
        }
    }
    found
}
