//! Expands `change` steps: each becomes a preview and an apply of the same files.
//!
//! A run of consecutive `change` steps on disjoint paths becomes all their previews, then all their
//! applies, in the same order, so that one look covers them. A repeated path starts a new group.
//! Preconditions and the expectation stand on both; postconditions and `verify` belong to the apply.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::check::TITLE_CHARS_MAX;
use super::read::{Entry, Node, NodeKind, Place};
use crate::id::StepId;

/// Longest id of a `change` step, so that `_preview` fits behind it.
pub(super) const CHANGE_ID_CHARS_MAX: usize = 56;

/// Longest title of a `change` step, so that ` (preview)` fits behind it.
pub(super) const CHANGE_TITLE_CHARS_MAX: usize = TITLE_CHARS_MAX - " (preview)".len();

/// A step node with the pointer it was written at.
pub(super) struct Written {
    pub(super) node: Node,
    pub(super) pointer: String,
    /// The key its inputs were written under: `inputs`, or `change`.
    pub(super) inputs_key: &'static str,
}

impl Written {
    /// The pointer of its inputs in the document.
    pub(super) fn inputs_pointer(&self) -> String {
        format!("{}/{}", self.pointer, self.inputs_key)
    }

    /// Whether its inputs name files.
    pub(super) fn has_files(&self) -> bool {
        self.node.get("inputs").is_some_and(|inputs| inputs.value.get("files").is_some())
    }
}

/// Puts previews and applies in the place of `change` steps; other steps stay where they are.
pub(super) fn expand(steps: &[Node]) -> Vec<Written> {
    let mut written = Vec::new();
    let mut group: Vec<(usize, &Node)> = Vec::new();
    let mut paths: HashSet<String> = HashSet::new();
    for (place, step) in steps.iter().enumerate() {
        if step.get("change").is_none() {
            close(&mut group, &mut written);
            paths.clear();
            written.push(Written { node: step.clone(), pointer: format!("/steps/{place}"), inputs_key: "inputs" });
            continue;
        }
        let touched = touched_paths(step);
        if touched.iter().any(|path| paths.contains(path)) {
            close(&mut group, &mut written);
            paths.clear();
        }
        paths.extend(touched);
        group.push((place, step));
    }
    close(&mut group, &mut written);
    written
}

fn close(group: &mut Vec<(usize, &Node)>, written: &mut Vec<Written>) {
    for (phase, keep) in [("preview", PREVIEW_KEYS), ("apply", APPLY_KEYS)] {
        for (place, step) in group.iter() {
            let pointer = format!("/steps/{place}");
            written.push(Written { node: half(step, phase, keep), pointer, inputs_key: "change" });
        }
    }
    group.clear();
}

const PREVIEW_KEYS: &[&str] = &["preconditions", "expected_observation", "timeout_sec", "risk"];
const APPLY_KEYS: &[&str] =
    &["preconditions", "postconditions", "expected_observation", "timeout_sec", "risk", "verify"];

/// One half of a `change` step, as if it had been written that way.
fn half(step: &Node, phase: &str, keep: &[&str]) -> Node {
    let at = step.place;
    let text = |name: &str| {
        step.get(name).and_then(|entry| match &entry.value.kind {
            NodeKind::Scalar(Value::String(text)) => Some((text.clone(), entry.value.place)),
            NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_) => None,
        })
    };
    // What does not fit was named already, or is named where it stands: it is not named a second time in
    // words nobody wrote.
    let id = text("id").map(|(id, place)| (cut(&id, CHANGE_ID_CHARS_MAX), place));
    let id = id.filter(|(id, _)| StepId::parse(id).is_some());
    let title = text("title").map(|(title, place)| (cut(&title, CHANGE_TITLE_CHARS_MAX), place));
    let title = title.filter(|(title, _)| !title.trim().is_empty());
    let names = [("id", &id, format!("_{phase}")), ("title", &title, format!(" ({phase})"))];
    let mut entries = Vec::new();
    for (name, text, suffix) in names {
        match text {
            Some((text, place)) => entries.push(entry(name, *place, json!(format!("{text}{suffix}")))),
            None => entries.extend(step.get(name).cloned()),
        }
    }
    entries.push(entry("tool", at, json!("apply_patch")));
    let mut inputs = vec![entry("mode", at, json!(phase))];
    if let Some(Entry { value: Node { kind: NodeKind::Mapping(fields), .. }, .. }) = step.get("change") {
        inputs.extend(fields.iter().filter(|field| field.key == "files").cloned());
    }
    if phase == "apply"
        && let Some((id, _)) = &id
    {
        inputs.push(entry("preview", at, json!(format!("${{steps.{id}_preview.output}}"))));
    }
    let place = step.get("change").map_or(at, |change| change.value.place);
    entries.push(Entry {
        key: "inputs".to_owned(),
        key_place: place,
        value: Node { kind: NodeKind::Mapping(inputs), place },
    });
    if let NodeKind::Mapping(fields) = &step.kind {
        let others = fields.iter().filter(|field| {
            let expanded = ["id", "title", "change", "tool", "inputs"].contains(&field.key.as_str());
            let known = APPLY_KEYS.contains(&field.key.as_str());
            !expanded && (keep.contains(&field.key.as_str()) || !known)
        });
        entries.extend(others.cloned());
    }
    Node { kind: NodeKind::Mapping(entries), place: at }
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

fn entry(key: &str, place: Place, value: Value) -> Entry {
    Entry { key: key.to_owned(), key_place: place, value: Node { kind: NodeKind::Scalar(value), place } }
}

/// A path without what does not change where it leads, so that two ways to write it are one path.
pub(super) fn plain_path(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

fn touched_paths(step: &Node) -> HashSet<String> {
    let mut paths = HashSet::new();
    let files = step.get("change").and_then(|change| change.value.get("files"));
    if let Some(Entry { value: Node { kind: NodeKind::List(files), .. }, .. }) = files {
        for file in files {
            for name in ["path", "rename_to"] {
                if let Some(path) = file.get(name).and_then(|entry| entry.value.value().as_str().map(str::to_owned)) {
                    paths.insert(plain_path(&path));
                }
            }
        }
    }
    paths
}
