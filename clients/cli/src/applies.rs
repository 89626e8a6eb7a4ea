//! What several applies change together: one heading, one diff, and how many files a yes writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::diff;
use crate::look::id;
use crate::render::{self, Place, Sheet};
use crate::words::{counted, daemon, t};

/// Most files that a plain yes writes; for more their number is typed.
pub(crate) const FILES_BY_YES_MAX: usize = 5;

/// Whether a step writes.
pub(crate) fn writes(detail: &Value) -> bool {
    detail["effect"] == "writes"
}

/// Whether a step applies exactly what was previewed.
pub(crate) fn is_previewed(detail: &Value) -> bool {
    writes(detail) && detail["gate"] == "recorded" && detail["diff"].is_string()
}

/// How many files these steps write. What is not known to the file counts as one.
pub(crate) fn files_written<'d>(details: impl IntoIterator<Item = &'d Value>) -> usize {
    let (mut paths, mut unknown) = (BTreeSet::new(), 0);
    for detail in details.into_iter().filter(|detail| writes(detail)) {
        unknown += usize::from(paths_of(detail).next().is_none());
        paths.extend(paths_of(detail));
    }
    paths.len() + unknown
}

fn paths_of(detail: &Value) -> impl Iterator<Item = &str> {
    render::items(&detail["files"]).iter().filter_map(|file| file["path"].as_str())
}

/// Previewed applies as one change: how much it is, which steps make it, and the diff, whole.
pub(crate) fn shown(applies: &[&Value]) -> String {
    if applies.is_empty() {
        return String::new();
    }
    let diffs: Vec<&str> = applies.iter().filter_map(|detail| detail["diff"].as_str()).collect();
    let (added, removed) = diffs.iter().map(|diff| diff::count(diff)).fold((0, 0), |(a, r), (b, s)| (a + b, r + s));
    let files = files_written(applies.iter().copied());
    let mut sheet = Sheet::default();
    let files = counted::files(files as u64);
    sheet.add(&t!("\n{files}, +{added} −{removed}\n\n", files = files, added = added, removed = removed));
    for detail in applies {
        sheet.add(&render::apply(detail));
    }
    for (path, times) in written_again(applies) {
        let path = calt_api::visible::visible_line(path);
        sheet.say(t!(
            "   ! {path} is written {times} times; its diffs stand below in their order",
            path = path,
            times = times
        ));
    }
    if applies.len() > 1 {
        sheet.line("");
    }
    for diff in diffs {
        sheet.add(&render::diff(diff, Place::Talk));
    }
    sheet.done()
}

/// The files that more than one of these steps writes: their diffs build on each other.
fn written_again<'d>(applies: &[&'d Value]) -> Vec<(&'d str, usize)> {
    let mut times = BTreeMap::<&str, usize>::new();
    for path in applies.iter().flat_map(|detail| paths_of(detail)) {
        *times.entry(path).or_default() += 1;
    }
    times.into_iter().filter(|(_, times)| *times > 1).collect()
}

/// Steps as they would run now: what writes as one change, the others one by one.
pub(crate) fn steps(details: &[Value]) -> String {
    let (previewed, others): (Vec<&Value>, Vec<&Value>) = details.iter().partition(|detail| is_previewed(detail));
    let mut text = String::new();
    for detail in others {
        text.push('\n');
        text.push_str(&render::step(detail));
        if writes(detail) {
            text.push_str(&t!("   ! no preview of exactly these files is recorded: the run will refuse\n"));
        }
    }
    text.push_str(&shown(&previewed));
    text.push_str(&refusals(details));
    text.push_str(&isolation(details));
    text
}

/// How the commands of a look are isolated, in one line.
pub(crate) fn isolation(covered: &[Value]) -> String {
    let tier = covered.iter().find(|detail| detail["effect"] == "spawns").and_then(|detail| detail["tier"].as_str());
    match tier {
        Some(tier) => {
            t!("\nCommands run with isolation {tier}.\n", tier = calt_api::visible::visible_line(tier))
        }
        None => String::new(),
    }
}

/// Which of these steps are refused when they run, as they stand: a yes would not change that.
pub(crate) fn refusals(steps: &[Value]) -> String {
    let refused: Vec<&Value> = steps.iter().filter(|step| is_refused(step)).collect();
    match refused.as_slice() {
        [] => String::new(),
        [only] => t!("\n! As it stands, step {step} will be refused when it runs.\n", step = id(only)),
        some => {
            t!("\n! As they stand, steps {steps} will be refused when they run.\n", steps = ids(some.iter().copied()))
        }
    }
}

fn is_refused(step: &Value) -> bool {
    render::items(&step["remarks"]).iter().any(daemon::says_refusal)
}

/// Ids, for a question.
pub(crate) fn ids<'d>(steps: impl IntoIterator<Item = &'d Value>) -> String {
    steps.into_iter().map(id).collect::<Vec<_>>().join(&t!(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(id: &str, path: &str, diff: &str) -> Value {
        json!({"id": id, "title": "t", "tool": "write_file_apply", "risk": "medium", "status": "pending",
            "effect": "writes", "gate": "recorded", "files": [{"path": path}], "diff": diff})
    }

    #[test]
    fn applies_are_summed_up_and_a_file_written_twice_is_named() {
        let one = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- two\n+++ 2\n one\n";
        let steps = [apply("a", "x", one), apply("b", "y", "--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+1\n")];
        let shown = super::steps(&steps);
        assert!(shown.starts_with("\n2 files, +2 −1\n"), "{shown}");
        assert_eq!(shown.matches("@@").count(), 4, "{shown}");
        assert!(!shown.contains("times"), "{shown}");
        let shown = super::steps(&[apply("a", "x", one), apply("b", "x", one)]);
        assert!(shown.starts_with("\n1 file, +2 −2\n") && shown.contains("! x is written 2 times"), "{shown}");
    }

    #[test]
    fn a_write_of_nobody_knows_what_counts_too() {
        let unknown = json!({"id": "a", "effect": "writes", "files": []});
        assert_eq!(files_written([&unknown, &unknown]), 2);
        assert_eq!(files_written([&unknown, &apply("b", "x", ""), &apply("c", "x", "")]), 2);
        assert_eq!(files_written(&[json!({"id": "a", "effect": "reads"})]), 0);
    }
}
