//! Checks a document against every rule of the format, and returns all its problems at once.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::expand::{CHANGE_ID_CHARS_MAX, CHANGE_TITLE_CHARS_MAX, Written, expand, plain_path};
use super::fields::{known_keys, optional_text, required_text, wrong_type};
use super::problems::Problems;
use super::read::{Document, Node, NodeKind, shown};
use super::step::step;
use super::{Draft, PlanProblem, PlannedStep, STEPS_MAX, VERSION_MAX};
use crate::id::StepId;
use crate::toolbox::{Effect, Toolbox};

pub use super::problems::{CODES, PROBLEMS_MAX};
pub use super::step::CONDITIONS_MAX;
pub use super::verify::VERIFY_EXPR_CHARS_MAX;

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 300;

const PLAN_KEYS: &[&str] = &["version", "title", "plan_title", "session_goal", "ref", "steps"];

/// Checks a document.
///
/// # Errors
/// Every problem, in the order of the document.
pub fn check(document: &Document, toolbox: &dyn Toolbox) -> Result<Draft, Vec<PlanProblem>> {
    let mut problems = Problems::default();
    let root = &document.root;
    known_keys(root, PLAN_KEYS, "", "a plan", &mut problems);
    let version = version(root, &mut problems);
    let title = title(root, &mut problems);
    let session_goal = optional_text(root, "session_goal", "", 4_000, &mut problems);
    let ticket = optional_text(root, "ref", "", 200, &mut problems);
    let steps = steps(root, toolbox, &mut problems);
    if problems.is_empty()
        && let Some(title) = title
    {
        return Ok(Draft { version, title, session_goal, ticket, steps });
    }
    Err(problems.finish())
}

fn version(root: &Node, problems: &mut Problems) -> Option<u32> {
    let entry = root.get("version")?;
    let number = match &entry.value.kind {
        NodeKind::Scalar(Value::Null) => return None,
        NodeKind::Scalar(Value::Number(number)) => number.as_u64(),
        NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_) => {
            wrong_type(entry, "/version", "an integer", problems);
            return None;
        }
    };
    let version =
        number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=VERSION_MAX).contains(number));
    if version.is_none() {
        let message = format!("`version` is {}", entry.value.value());
        problems.add(
            "version_range",
            "/version",
            entry.value.place,
            message,
            format!("write an integer from 1 to {VERSION_MAX}, or leave it out for the next number"),
        );
    }
    version
}

fn title(root: &Node, problems: &mut Problems) -> Option<String> {
    match (root.get("title"), root.get("plan_title")) {
        (Some(_), Some(second)) => {
            problems.add(
                "title_twice",
                "/plan_title",
                second.key_place,
                "both `title` and `plan_title`".to_owned(),
                "keep `title`",
            );
            None
        }
        (None, Some(_)) => required_text(root, "plan_title", "", TITLE_CHARS_MAX, problems),
        (Some(_) | None, None) => required_text(root, "title", "", TITLE_CHARS_MAX, problems),
    }
}

fn steps(root: &Node, toolbox: &dyn Toolbox, problems: &mut Problems) -> Vec<PlannedStep> {
    let Some(entry) = root.get("steps") else {
        problems.add(
            "missing_key",
            "",
            root.place,
            "`steps` is missing".to_owned(),
            "add `steps:` with at least one step",
        );
        return Vec::new();
    };
    let NodeKind::List(written) = &entry.value.kind else {
        wrong_type(entry, "/steps", "a list", problems);
        return Vec::new();
    };
    if written.is_empty() {
        problems.add("no_steps", "/steps", entry.value.place, "the plan has no step".to_owned(), "add one");
        return Vec::new();
    }
    for (place, step) in written.iter().enumerate() {
        change_form(step, &format!("/steps/{place}"), problems);
    }
    let expanded = expand(written);
    if expanded.len() > STEPS_MAX {
        let message = format!("the plan has {} steps; the limit is {STEPS_MAX}", expanded.len());
        problems.add("too_many_steps", "/steps", entry.value.place, message, "split the work into several plans");
        return Vec::new();
    }
    let ids = step_ids(&expanded, problems);
    let mut steps = Vec::new();
    for (place, step) in expanded.iter().enumerate() {
        steps.extend(self::step(step, place, &ids, toolbox, problems));
    }
    if problems.is_empty() {
        previews_in_order(&steps, &expanded, problems);
    }
    steps
}

/// A `change` stands alone, is a mapping with files, and leaves room in its id.
fn change_form(step: &Node, pointer: &str, problems: &mut Problems) {
    let Some(change) = step.get("change") else { return };
    for name in ["tool", "inputs"] {
        if let Some(other) = step.get(name) {
            let message = format!("both `change` and `{name}`");
            problems.add("change_and_tool", &format!("{pointer}/{name}"), other.key_place, message, "keep one of them");
        }
    }
    if change.value.get("files").is_none() {
        let message = "`files` is missing in `change`".to_owned();
        let fix = "write `change: {files: [{path: …, content: …}]}`";
        problems.add("missing_key", &format!("{pointer}/change"), change.value.place, message, fix);
    }
    known_keys(&change.value, &["files"], &format!("{pointer}/change"), "`change`", problems);
    let limits = [("id", "step_id", CHANGE_ID_CHARS_MAX), ("title", "text_too_long", CHANGE_TITLE_CHARS_MAX)];
    for (name, code, chars_max) in limits {
        let text = step.get(name).and_then(|entry| entry.value.value().as_str().map(str::to_owned));
        let chars = text.map_or(0, |text| text.chars().count());
        if chars > chars_max {
            let message = format!("the {name} of a `change` has {chars} characters; the limit is {chars_max}");
            let fix = "shorten it: ` (preview)` or `_preview` must fit behind it";
            problems.add(code, &format!("{pointer}/{name}"), step.place_of(&format!("/{name}")), message, fix);
        }
    }
}

/// Ids in order, each with its place among the steps; duplicates are told at the second.
fn step_ids(steps: &[Written], problems: &mut Problems) -> HashMap<StepId, usize> {
    let mut ids: HashMap<StepId, usize> = HashMap::new();
    for (place, Written { node, pointer, .. }) in steps.iter().enumerate() {
        let Some(id) = node.get("id").and_then(|entry| entry.value.value().as_str().and_then(StepId::parse)) else {
            continue;
        };
        match ids.entry(id) {
            MapEntry::Vacant(free) => {
                free.insert(place);
            }
            MapEntry::Occupied(taken) => {
                let message = format!("step `{}` stands twice", taken.key());
                let at = node.place_of("/id");
                problems.add(
                    "duplicate_step",
                    &format!("{pointer}/id"),
                    at,
                    message,
                    "give each step an id of its own",
                );
            }
        }
    }
    ids
}

/// Two applies to one path need the second preview after the first apply.
fn previews_in_order(steps: &[PlannedStep], written: &[Written], problems: &mut Problems) {
    let mut previewed: HashMap<String, Vec<usize>> = HashMap::new();
    let mut applied: HashMap<String, usize> = HashMap::new();
    for (place, step) in steps.iter().enumerate() {
        let paths = written_paths(&step.inputs);
        match step.effect {
            Effect::Previews => {
                for path in paths {
                    previewed.entry(path).or_default().push(place);
                }
            }
            Effect::Writes => {
                for path in paths {
                    let earlier = applied.insert(path.clone(), place);
                    let fresh =
                        |first: usize| previewed.get(&path).is_some_and(|places| places.iter().any(|at| *at > first));
                    if let Some(first) = earlier.filter(|first| !fresh(*first)) {
                        let Written { node, pointer, .. } = &written[place];
                        let message = format!(
                            "`{}` is written a second time by step `{}`, and no preview stands after step `{}`",
                            shown(&path),
                            step.id,
                            steps[first].id
                        );
                        problems.add(
                            "preview_before_apply",
                            pointer,
                            node.place,
                            message,
                            "put a preview of the second write between the two applies",
                        );
                    }
                }
            }
            Effect::Reads | Effect::Spawns => {}
        }
    }
}

fn written_paths(inputs: &Value) -> HashSet<String> {
    let mut paths = HashSet::new();
    let mut add = |value: &Value| {
        if let Some(path) = value.as_str().filter(|path| !path.contains("${steps.")) {
            paths.insert(plain_path(path));
        }
    };
    add(&inputs["path"]);
    for file in inputs["files"].as_array().map(Vec::as_slice).unwrap_or_default() {
        add(&file["path"]);
        add(&file["rename_to"]);
    }
    for line in inputs["patch"].as_str().unwrap_or_default().lines() {
        if let Some(path) = line.strip_prefix("+++ b/") {
            add(&Value::from(path));
        }
    }
    paths
}
