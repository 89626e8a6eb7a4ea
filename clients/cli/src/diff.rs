//! A diff as a plan: its files are told apart, and its text is carried over as it is.
//!
//! What the lines mean is the daemon's to read; here is only found where a file's part begins and ends.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::fault::Fault;
use crate::words::t;

/// Most text of a diff in one step, in bytes: a text of a plan may have 512 KiB.
const PATCH_BYTES_MAX: usize = 500 * 1024;
/// Longest plan, in bytes.
const PLAN_BYTES_MAX: usize = 1024 * 1024;
/// Longest name in a title made here, in characters.
const NAME_CHARS_MAX: usize = 120;

/// One file's part of a diff.
#[derive(Debug, Default)]
struct Part {
    text: String,
    name: String,
    has_hunks: bool,
}

/// Lines of the hunk at hand that are still to come.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    old: usize,
    new: usize,
}

/// Makes a plan document of a diff, with a step for each test command.
pub(crate) fn plan(diff: &str, title: Option<&str>, tests: &[String]) -> Result<String, Fault> {
    let parts = parts(diff)?;
    if parts.is_empty() {
        return Err(refused(t!("there is no diff on standard input")));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = parts.iter().find(|part| !seen.insert(part.name.as_str())) {
        return Err(refused(t!("the diff changes `{path}` twice; make one diff of all commits", path = twice.name)));
    }
    let title = title.map_or_else(|| own_title(&parts), str::to_owned);
    let groups = groups(&parts)?;
    let mut document = format!("title: {}\nsteps:\n", quoted(&title));
    let id = |place: usize| if groups.len() == 1 { "change".to_owned() } else { format!("change_{}", place + 1) };
    for (place, group) in groups.iter().enumerate() {
        let id = id(place);
        step(&mut document, &format!("{id}_preview"), &t!("See what would change"), "apply_patch");
        let _ = writeln!(document, "      patch: &{id} {}      mode: preview", scalar(group));
    }
    for place in 0..groups.len() {
        let id = id(place);
        step(&mut document, &format!("{id}_apply"), &t!("Change it"), "apply_patch");
        let preview = format!("${{steps.{id}_preview.output}}");
        let _ = writeln!(document, "      patch: *{id}\n      mode: apply\n      preview: \"{preview}\"");
    }
    for (place, command) in tests.iter().enumerate() {
        let id = if place == 0 { "test".to_owned() } else { format!("test_{}", place + 1) };
        step(&mut document, &id, &t!("Run the tests"), "run_shell_readonly");
        let _ = writeln!(document, "      command: {}", quoted(command));
    }
    if document.len() > PLAN_BYTES_MAX {
        return Err(refused(t!("the diff is larger than a plan may be (1 MiB)")));
    }
    Ok(document)
}

fn step(document: &mut String, id: &str, title: &str, tool: &str) {
    let _ = writeln!(document, "  - id: {id}\n    title: {}\n    tool: {tool}\n    inputs:", quoted(title));
}

/// How many lines a diff adds and removes.
pub(crate) fn count(diff: &str) -> (usize, usize) {
    let (mut added, mut removed, mut left) = (0, 0, Left::default());
    for line in diff.split_inclusive('\n') {
        if left.old > 0 || left.new > 0 {
            left = left.after(line).unwrap_or_default();
            added += usize::from(line.starts_with('+'));
            removed += usize::from(line.starts_with('-'));
        } else {
            left = Left::of(line.trim_end()).filter(|_| line.starts_with("@@ -")).unwrap_or_default();
        }
    }
    (added, removed)
}

/// The parts of a diff. What stands before, between and behind them is talk, and left out.
fn parts(diff: &str) -> Result<Vec<Part>, Fault> {
    let (mut parts, mut left) = (Vec::<Part>::new(), Left::default());
    let mut lines = diff.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if left.old > 0 || left.new > 0 {
            left = left.after(line).ok_or_else(broken_off)?;
            append(&mut parts, line);
            continue;
        }
        let bare = line.trim_end_matches(['\n', '\r']);
        if let Some(names) = bare.strip_prefix("diff --git ") {
            parts.push(Part { name: names.to_owned(), ..Part::default() });
            append(&mut parts, line);
        } else if bare.starts_with("--- ") && lines.peek().is_some_and(|next| next.starts_with("+++ ")) {
            if parts.last().is_none_or(|part| part.has_hunks) {
                parts.push(Part::default());
            }
            let new = lines.next().unwrap_or_default();
            append(&mut parts, line);
            append(&mut parts, new);
            if let (Some(part), Some(name)) = (parts.last_mut(), named(bare, new)) {
                part.name = name;
            }
        } else if bare.starts_with("@@ -") && !parts.is_empty() {
            left = Left::of(bare).ok_or_else(|| refused(t!("`{line}` is no head of a hunk", line = bare)))?;
            append(&mut parts, line);
            if let Some(part) = parts.last_mut() {
                part.has_hunks = true;
            }
        } else if bare.starts_with("Binary files ") || bare == "GIT binary patch" {
            let name = parts.last().map_or(bare, |part| part.name.as_str());
            return Err(refused(t!("the diff of `{path}` is binary; calt writes text only", path = name)));
        } else if bare.starts_with("Only in ") {
            return Err(refused(t!(
                "`{line}`: the diff leaves a file out; make it with `diff -ruN` or git",
                line = bare
            )));
        } else if bare.starts_with('\\') || parts.last().is_some_and(|part| !part.has_hunks && is_head(bare)) {
            append(&mut parts, line);
        }
    }
    if left.old > 0 || left.new > 0 {
        return Err(broken_off());
    }
    Ok(parts)
}

impl Left {
    /// What the head of a hunk announces: `@@ -1,3 +1,4 @@`.
    fn of(head: &str) -> Option<Self> {
        let mut words = head.split(' ').skip(1);
        let mut count = |sign: char| -> Option<usize> {
            let range = words.next()?.strip_prefix(sign)?;
            range.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok())
        };
        Some(Self { old: count('-')?, new: count('+')? })
    }

    fn after(self, line: &str) -> Option<Self> {
        let (old, new) = match line.bytes().next()? {
            b'-' => (1, 0),
            b'+' => (0, 1),
            b' ' | b'\n' | b'\r' => (1, 1),
            b'\\' => (0, 0),
            _ => return None,
        };
        Some(Self { old: self.old.checked_sub(old)?, new: self.new.checked_sub(new)? })
    }
}

fn append(parts: &mut [Part], line: &str) {
    if let Some(part) = parts.last_mut() {
        part.text.push_str(line);
        // A diff cut from a terminal may end without its last newline.
        if !line.ends_with('\n') {
            part.text.push('\n');
        }
    }
}

/// Whether a line between `diff --git` and the first hunk says something of the file.
fn is_head(line: &str) -> bool {
    let heads = ["index ", "old mode ", "new mode ", "deleted file mode ", "new file mode ", "similarity index "];
    let more = ["dissimilarity index ", "rename from ", "rename to ", "copy from ", "copy to "];
    heads.iter().chain(&more).any(|head| line.starts_with(head))
}

/// The file's name as `---` and `+++` give it: the new one, or of a deleted file the old one.
fn named(old: &str, new: &str) -> Option<String> {
    let name = |line: &str, sign: &str| {
        let name = line.trim_end().strip_prefix(sign)?.split('\t').next()?;
        (name != "/dev/null").then(|| name.split_once('/').map_or(name, |(_, below)| below).to_owned())
    };
    name(new, "+++ ").or_else(|| name(old, "--- "))
}

/// The texts of the steps: as few as fit.
fn groups(parts: &[Part]) -> Result<Vec<String>, Fault> {
    let mut groups = vec![String::new()];
    for part in parts {
        if part.text.len() > PATCH_BYTES_MAX {
            return Err(refused(t!("the diff of `{path}` is larger than 500 KiB", path = part.name)));
        }
        if groups.last().is_some_and(|group| group.len() + part.text.len() > PATCH_BYTES_MAX) {
            groups.push(String::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push_str(&part.text);
        }
    }
    Ok(groups)
}

fn own_title(parts: &[Part]) -> String {
    let name: String = parts[0].name.chars().take(NAME_CHARS_MAX).collect();
    match parts.len() {
        1 => t!("Change {path}", path = name),
        2 => t!("Change {path} and 1 more file", path = name),
        count => t!("Change {path} and {more} more files", path = name, more = count - 1),
    }
}

/// Text as a scalar, as it is to be read where YAML can hold it so; ends with a newline.
fn scalar(text: &str) -> String {
    // A carriage return would be read as a line's end, and what cannot be seen is better escaped.
    let plain = |c: char| c == '\n' || c == '\t' || (!c.is_control() && !"\u{2028}\u{2029}\u{feff}".contains(c));
    let last_is_blank = text.lines().next_back().is_some_and(|line| line.trim().is_empty());
    if last_is_blank || !text.chars().all(plain) {
        return format!("{}\n", quoted(text));
    }
    let mut block = "|\n".to_owned();
    for line in text.lines() {
        let _ = writeln!(block, "        {line}");
    }
    block
}

/// Text in double quotes: JSON's, which YAML reads the same.
fn quoted(text: &str) -> String {
    calt_api::visible::escape_json(&serde_json::Value::from(text).to_string()).into_owned()
}

fn broken_off() -> Fault {
    refused(t!("the diff ends or breaks off in the middle of a hunk"))
}

fn refused(message: String) -> Fault {
    let hint = "git diff | calt plan from-diff > plan.yaml".to_owned();
    Fault::Usage { message, hint: Some(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "From 1234 Mon Sep 17 00:00:00 2001\nSubject: talk\n---\n a | 2 +-\n\n\
        diff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n--- two\n+++ 2\n\
        diff --git a/b b/c\nsimilarity index 100%\nrename from b\nrename to c\n-- \n2.39\n";

    #[test]
    fn parts_are_told_apart_by_counting_and_talk_is_left_out() {
        let parts = parts(TWO).unwrap();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].text.ends_with("\n one\n--- two\n+++ 2\n"), "{}", parts[0].text);
        assert!(parts[1].text.ends_with("rename to c\n"), "{}", parts[1].text);
        let plain =
            "--- a/x\t2026-07-01\n+++ b/x\t2026-07-01\n@@ -1 +1 @@\n-a\n+b\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b";
        let names: Vec<_> = super::parts(plain).unwrap().into_iter().map(|part| part.name).collect();
        assert_eq!(names, ["x", "y"]);
    }

    #[test]
    fn what_cannot_be_carried_over_is_refused_by_name() {
        let said = |diff: &str| match plan(diff, None, &[]) {
            Err(Fault::Usage { message, .. }) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(said("hello\n"), "there is no diff on standard input");
        let binary = "diff --git a/i.png b/i.png\nindex 1..2 100644\nBinary files a/i.png and b/i.png differ\n";
        assert!(said(binary).contains("`a/i.png b/i.png` is binary"), "{}", said(binary));
        assert!(
            said(&binary.replace("Binary files a/i.png and b/i.png differ", "GIT binary patch")).contains("binary")
        );
        assert!(said("--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n a\n").contains("in the middle of a hunk"));
        assert!(said("Only in b: new\n").contains("leaves a file out"));
        let one = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n";
        assert!(said(&format!("{one}{one}")).contains("`a` twice"));
    }
}
