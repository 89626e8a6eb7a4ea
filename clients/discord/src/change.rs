//! What several applies change together, file by file.
//!
//! A plan in which a file is written twice has a preview in between, so that its second diff comes with a later look.
//! Only where a file's part of a diff begins and ends is found here; every line of every diff is kept as it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use calt_api::Language;

use crate::say::pick;

/// Several diffs as one change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Each file once, in the order in which the steps first come to it.
    pub(crate) text: String,
    pub(crate) files: usize,
    pub(crate) added: usize,
    pub(crate) removed: usize,
}

/// One file's part of a step's diff.
#[derive(Debug, Default)]
struct Part {
    name: String,
    text: String,
    has_hunks: bool,
}

/// Lines of the hunk at hand that are still to come.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    old: usize,
    new: usize,
}

/// Puts the diffs of steps, each with the step's id, together by file.
pub(crate) fn together(language: Language, diffs: &[(&str, &str)]) -> Change {
    let mut change = Change::default();
    let mut order = Vec::<String>::new();
    let mut by_file = BTreeMap::<String, Vec<(&str, String)>>::new();
    for (step, diff) in diffs {
        for part in parts(diff, &mut change) {
            if !by_file.contains_key(&part.name) {
                order.push(part.name.clone());
            }
            by_file.entry(part.name).or_default().push((step, part.text));
        }
    }
    change.files = order.iter().filter(|name| !name.is_empty()).count();
    for name in order {
        let written = by_file.remove(&name).unwrap_or_default();
        if let [(_, text)] = written.as_slice() {
            change.text.push_str(text);
            continue;
        }
        let steps: Vec<_> = written.iter().map(|(step, _)| *step).collect();
        let steps = steps.join(", ");
        let english = format!("# ! {name} is written by {steps}, in this order:");
        let japanese = format!("# ! {name} は {steps} がこの順に書き込みます:");
        let _ = writeln!(change.text, "{}", pick(language, &english, &japanese));
        for (step, text) in written {
            let _ = write!(change.text, "# {step}:\n{text}");
        }
    }
    change
}

/// The parts of a diff; its lines are counted into the change.
fn parts(diff: &str, change: &mut Change) -> Vec<Part> {
    let (mut parts, mut left) = (Vec::<Part>::new(), Left::default());
    let mut lines = diff.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if left.old > 0 || left.new > 0 {
            left = left.after(line).unwrap_or_default();
            change.added += usize::from(line.starts_with('+'));
            change.removed += usize::from(line.starts_with('-'));
        } else if let Some(names) = line.strip_prefix("diff --git ") {
            parts.push(Part { name: names.trim_end().to_owned(), ..Part::default() });
        } else if line.starts_with("--- ")
            && let Some(new) = lines.peek().filter(|next| next.starts_with("+++ "))
        {
            if parts.last().is_none_or(|part| part.has_hunks) {
                parts.push(Part::default());
            }
            if let (Some(part), Some(name)) = (parts.last_mut(), named(line, new)) {
                part.name = name;
            }
        } else if line.starts_with("@@ -") {
            left = Left::of(line.trim_end()).unwrap_or_default();
            if let Some(part) = parts.last_mut() {
                part.has_hunks = true;
            }
        }
        if parts.is_empty() {
            parts.push(Part::default());
        }
        if let Some(part) = parts.last_mut() {
            part.text.push_str(line);
            if !line.ends_with('\n') {
                part.text.push('\n');
            }
        }
    }
    parts
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

/// The file's name as `---` and `+++` give it: the new one, or of a deleted file the old one.
fn named(old: &str, new: &str) -> Option<String> {
    let name = |line: &str, sign: &str| {
        let name = line.trim_end().strip_prefix(sign)?.split('\t').next()?;
        (name != "/dev/null").then(|| name.split_once('/').map_or(name, |(_, below)| below).to_owned())
    };
    name(new, "+++ ").or_else(|| name(old, "--- "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- two\n+++ 2\n one\n";
    const Y: &str = "--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+1\n";

    #[test]
    fn each_file_stands_once_and_its_lines_are_counted() {
        let both = format!("{X}{Y}");
        let change = together(Language::English, &[("a", &both), ("b", "--- a/z\n+++ /dev/null\n@@ -1 +0,0 @@\n-z")]);
        assert_eq!(change.text, format!("{X}{Y}--- a/z\n+++ /dev/null\n@@ -1 +0,0 @@\n-z\n"));
        assert_eq!((change.files, change.added, change.removed), (3, 2, 2));
    }

    #[test]
    fn a_file_of_several_steps_stands_together_and_says_so() {
        let change = together(Language::English, &[("a", X), ("b", Y), ("c", X)]);
        let (one, other) = (change.text.find("# a:\n--- a/x"), change.text.find("# c:\n--- a/x"));
        assert!(one.is_some() && one < other && other < change.text.find("+++ b/y"), "{}", change.text);
        assert!(change.text.starts_with("# ! x is written by a, c, in this order:"), "{}", change.text);
        assert_eq!((change.files, change.added, change.removed), (2, 3, 2));
    }

    #[test]
    fn nothing_of_an_odd_diff_is_lost() {
        for odd in ["no diff at all\n", "@@ -x @@\n+1\n", "--- a/x\nno\n", ""] {
            assert_eq!(together(Language::English, &[("a", odd)]).text, odd);
        }
    }
}
