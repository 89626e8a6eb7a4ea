//! Fields that many places share: known keys, texts, and what to say of a misspelt name.

use serde_json::Value;

use super::inputs::kind_words;
use super::problems::Problems;
use super::read::{Entry, Node, NodeKind, shown};

pub(super) fn known_keys(node: &Node, known: &[&str], pointer: &str, what: &str, problems: &mut Problems) {
    let NodeKind::Mapping(entries) = &node.kind else { return };
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let (code, fix) = if entry.key == "workspace_root" {
            ("workspace_root", "remove it; a plan never names the workspace, its session does".to_owned())
        } else {
            ("unknown_key", suggestion(&entry.key, known.iter().copied()))
        };
        let message = format!("`{}` is not a field of {what}", shown(&entry.key));
        problems.add(
            code,
            &format!("{pointer}/{}", entry.key.replace('~', "~0").replace('/', "~1")),
            entry.key_place,
            message,
            fix,
        );
    }
}

pub(super) fn required_text(
    node: &Node,
    name: &str,
    pointer: &str,
    chars_max: usize,
    problems: &mut Problems,
) -> Option<String> {
    if node.get(name).is_none() {
        problems.add("missing_key", pointer, node.place, format!("`{name}` is missing"), format!("add `{name}:`"));
        return None;
    }
    let text = optional_text(node, name, pointer, chars_max, problems)?;
    if text.trim().is_empty() {
        problems.add(
            "empty_text",
            &format!("{pointer}/{name}"),
            node.place_of(&format!("/{name}")),
            format!("`{name}` is empty"),
            "say something",
        );
        return None;
    }
    Some(text)
}

pub(super) fn optional_text(
    node: &Node,
    name: &str,
    pointer: &str,
    chars_max: usize,
    problems: &mut Problems,
) -> Option<String> {
    let entry = node.get(name)?;
    let pointer = format!("{pointer}/{name}");
    match &entry.value.kind {
        NodeKind::Scalar(Value::String(text)) if text.chars().count() <= chars_max => Some(text.clone()),
        NodeKind::Scalar(Value::String(text)) => {
            let message = format!("`{name}` has {} characters; the limit is {chars_max}", text.chars().count());
            problems.add("text_too_long", &pointer, entry.value.place, message, "shorten it");
            None
        }
        NodeKind::Scalar(Value::Null) if ["session_goal", "ref", "expected_observation"].contains(&name) => None,
        NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_) => {
            wrong_type(entry, &pointer, "a text", problems);
            None
        }
    }
}

pub(super) fn wrong_type(entry: &Entry, pointer: &str, wanted: &str, problems: &mut Problems) {
    let message = format!("`{}` is {}, not {wanted}", entry.key, kind_words(&entry.value));
    let fix = if wanted == "a text" { "put it in quotes".to_owned() } else { format!("write {wanted}") };
    problems.add("wrong_type", pointer, entry.value.place, message, fix);
}

/// "use one of …", and the nearest one first when something was merely misspelt.
pub(super) fn suggestion<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    const NAMES_SHOWN_MAX: usize = 12;
    const DISTANCE_MAX: usize = 3;
    let mut known: Vec<&str> = known.into_iter().collect();
    let nearest =
        known.iter().map(|name| (distance(given, name), *name)).min().filter(|(distance, _)| *distance <= DISTANCE_MAX);
    if let Some((_, name)) = nearest {
        return format!("did you mean `{name}`?");
    }
    known.sort_unstable();
    let names: Vec<_> = known.iter().take(NAMES_SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "remove it".to_owned() } else { format!("use one of {}", names.join(", ")) }
}

/// Edits between two short words; long ones are simply far apart.
fn distance(left: &str, right: &str) -> usize {
    const WORD_CHARS_MAX: usize = 64;
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len() > WORD_CHARS_MAX || right.len() > WORD_CHARS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
