//! Checks one step: its own fields, its tool's inputs, and its references.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::check::TITLE_CHARS_MAX;
use super::expand::Written;
use super::fields::{known_keys, optional_text, required_text, suggestion};
use super::inputs::{check as check_inputs, kind_words};
use super::problems::Problems;
use super::read::{Entry, Node, NodeKind, shown};
use super::verify::verify;
use super::{PlannedStep, STEP_TIMEOUT_SECONDS, STEP_TIMEOUT_SECONDS_DEFAULT};
use crate::id::{STEP_ID_CHARS_MAX, StepId};
use crate::reference::{self, Reference};
use crate::toolbox::{Remark, Risk, ToolRules, Toolbox};

/// Most pre- or postconditions of a step.
pub const CONDITIONS_MAX: usize = 50;
const STEP_KEYS: &[&str] = &[
    "id",
    "title",
    "tool",
    "risk",
    "inputs",
    "change",
    "preconditions",
    "postconditions",
    "expected_observation",
    "verify",
    "timeout_sec",
];

pub(super) fn step(
    written: &Written,
    place: usize,
    ids: &HashMap<StepId, usize>,
    toolbox: &dyn Toolbox,
    problems: &mut Problems,
) -> Option<PlannedStep> {
    let Written { node, pointer, .. } = written;
    if !matches!(node.kind, NodeKind::Mapping(_)) {
        let message = format!("step {} is {}, not a mapping", place + 1, kind_words(node));
        problems.add("wrong_type", pointer, node.place, message, "write `- id: …`");
        return None;
    }
    known_keys(node, STEP_KEYS, pointer, "a step", problems);
    let id = id(node, pointer, problems);
    let title = required_text(node, "title", pointer, TITLE_CHARS_MAX, problems);
    let rules = tool(node, pointer, toolbox, problems);
    let declared = risk(node, pointer, problems);
    let timeout_sec = timeout(node, pointer, problems);
    let preconditions = conditions(node, "preconditions", pointer, problems);
    let postconditions = conditions(node, "postconditions", pointer, problems);
    let expected_observation = optional_text(node, "expected_observation", pointer, 4_000, problems);
    let inputs_pointer = written.inputs_pointer();
    // A `change` without files was named already.
    let checked = rules.filter(|_| written.inputs_key != "change" || written.has_files());
    let (inputs, meta) = inputs(node, checked, &inputs_pointer, problems);
    let references = references(&inputs, node, place, ids, &inputs_pointer, problems);
    let rules = rules?;
    let effect = rules.effect(&inputs);
    let verify = verify(node, effect, pointer, problems);
    let floor = rules.risk_floor(&inputs);
    let mut remarks = rules.remarks(&inputs);
    if declared.is_some_and(|declared| declared < floor) {
        let message = format!("the risk is {floor}, whatever the plan says: the tool implies it");
        remarks.push(Remark { code: "risk_raised".to_owned(), message });
    }
    Some(PlannedStep {
        id: id?,
        title: title?,
        tool: rules.spec().name.to_owned(),
        effect,
        risk: declared.unwrap_or(Risk::Low).max(floor),
        box_spec: rules.box_spec(&inputs),
        inputs,
        meta,
        preconditions,
        postconditions,
        expected_observation,
        verify,
        timeout_sec,
        references,
        remarks,
    })
}

fn id(node: &Node, pointer: &str, problems: &mut Problems) -> Option<StepId> {
    let text = required_text(node, "id", pointer, STEP_ID_CHARS_MAX, problems)?;
    let id = StepId::parse(&text);
    if id.is_none() {
        let message = format!("`{}` is not a step id", shown(&text));
        problems.add(
            "step_id",
            &format!("{pointer}/id"),
            node.place_of("/id"),
            message,
            format!("use 1 to {STEP_ID_CHARS_MAX} of A-Z a-z 0-9 _ -"),
        );
    }
    id
}

fn tool<'t>(
    node: &Node,
    pointer: &str,
    toolbox: &'t dyn Toolbox,
    problems: &mut Problems,
) -> Option<&'t dyn ToolRules> {
    let name = required_text(node, "tool", pointer, TITLE_CHARS_MAX, problems)?;
    let rules = toolbox.tool(&name);
    if rules.is_none() {
        let message = format!("tool `{}` does not exist", shown(&name));
        problems.add(
            "unknown_tool",
            &format!("{pointer}/tool"),
            node.place_of("/tool"),
            message,
            suggestion(&name, toolbox.names()),
        );
    }
    rules
}

fn risk(node: &Node, pointer: &str, problems: &mut Problems) -> Option<Risk> {
    let entry = node.get("risk")?;
    let value = entry.value.value();
    match value.as_str() {
        Some("low") => Some(Risk::Low),
        Some("medium") => Some(Risk::Medium),
        Some("high") => Some(Risk::High),
        Some(_) | None => {
            problems.add(
                "unknown_risk",
                &format!("{pointer}/risk"),
                entry.value.place,
                format!("`risk` is {value}"),
                "write low, medium or high",
            );
            None
        }
    }
}

fn timeout(node: &Node, pointer: &str, problems: &mut Problems) -> u32 {
    let Some(entry) = node.get("timeout_sec") else { return STEP_TIMEOUT_SECONDS_DEFAULT };
    let value = entry.value.value();
    let seconds = value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| STEP_TIMEOUT_SECONDS.contains(seconds));
    seconds.unwrap_or_else(|| {
        let message = format!("`timeout_sec` is {}", shown(&value.to_string()));
        problems.add(
            "timeout_range",
            &format!("{pointer}/timeout_sec"),
            entry.value.place,
            message,
            "write an integer from 1 to 120",
        );
        STEP_TIMEOUT_SECONDS_DEFAULT
    })
}

fn conditions(node: &Node, name: &str, pointer: &str, problems: &mut Problems) -> Vec<String> {
    let Some(entry) = node.get(name) else { return Vec::new() };
    let texts = match &entry.value.kind {
        NodeKind::List(items) if items.len() <= CONDITIONS_MAX => {
            items.iter().map(|item| item.value().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        }
        NodeKind::List(_) | NodeKind::Scalar(_) | NodeKind::Mapping(_) => None,
    };
    texts.unwrap_or_else(|| {
        let message = format!("`{name}` is not a list of at most {CONDITIONS_MAX} texts");
        problems.add(
            "conditions",
            &format!("{pointer}/{name}"),
            entry.value.place,
            message,
            format!("write `{name}: [\"…\"]`"),
        );
        Vec::new()
    })
}

/// Inputs apart from `meta`, checked against the tool's schema.
fn inputs(
    node: &Node,
    rules: Option<&dyn ToolRules>,
    pointer: &str,
    problems: &mut Problems,
) -> (Value, Option<Value>) {
    let empty = Node { kind: NodeKind::Mapping(Vec::new()), place: node.place };
    let given = node.get("inputs").map_or(&empty, |entry| &entry.value);
    let NodeKind::Mapping(entries) = &given.kind else {
        problems.add(
            "wrong_type",
            pointer,
            given.place,
            format!("`inputs` is {}, not a mapping", kind_words(given)),
            "write `inputs: {…}`",
        );
        return (Value::Object(Map::new()), None);
    };
    let (meta, own): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.key == "meta");
    let own = Node { kind: NodeKind::Mapping(own.into_iter().cloned().collect()), place: given.place };
    if let Some(rules) = rules {
        let known = problems.len();
        check_inputs(
            &own,
            &rules.spec().input_schema,
            pointer,
            &format!("`inputs` of `{}`", rules.spec().name),
            problems,
        );
        if problems.len() == known {
            for misfit in rules.misfits(&own.value()) {
                let at = node.place_of(&format!("/inputs{}", misfit.pointer));
                problems.add("input_misfit", &format!("{pointer}{}", misfit.pointer), at, misfit.message, misfit.fix);
            }
        }
    }
    (own.value(), meta.first().map(|entry| entry.value.value()))
}

fn references(
    inputs: &Value,
    node: &Node,
    place: usize,
    ids: &HashMap<StepId, usize>,
    pointer: &str,
    problems: &mut Problems,
) -> Vec<Reference> {
    let (references, malformed) = reference::collect(inputs);
    let at = |below: &str| node.place_of(&format!("/inputs{below}"));
    for below in malformed {
        problems.add(
            "reference_form",
            &format!("{pointer}{below}"),
            at(&below),
            "a text with `${steps.` that is no reference".to_owned(),
            "a reference is the whole text: ${steps.<id>.output} or ${steps.<id>.output.<field>}",
        );
    }
    for reference in &references {
        let below = reference.pointer.as_str();
        let full = format!("{pointer}{below}");
        if below == "/timeout_sec" {
            problems.add(
                "timeout_range",
                &full,
                at(below),
                "`timeout_sec` is a reference".to_owned(),
                "write it as a number",
            );
        }
        match ids.get(&reference.step) {
            None => {
                let message = format!("`{reference}` refers to step `{}`, which is not in this plan", reference.step);
                problems.add(
                    "reference_unknown",
                    &full,
                    at(below),
                    message,
                    suggestion(reference.step.as_str(), ids.keys().map(StepId::as_str)),
                );
            }
            Some(target) if *target >= place => {
                let message = format!("`{reference}` refers to step `{}`, which does not come earlier", reference.step);
                problems.add(
                    "reference_later",
                    &full,
                    at(below),
                    message,
                    "refer to an earlier step, or move this one behind it",
                );
            }
            Some(_) => {}
        }
    }
    references
}
