//! Checks a step's inputs against its tool's JSON Schema, with a place and a fix for each problem.
//!
//! Reads the part of JSON Schema that is derived for our inputs: `type`, `properties`, `required`,
//! `additionalProperties: false`, `enum`, `const`, `minimum`, `maximum`, `minLength`, `maxLength`,
//! `minItems`, `maxItems`, `items`, `anyOf`, `oneOf`. A whole-string reference may stand for any value.

use serde_json::Value;

use super::fields::suggestion;
use super::problems::Problems;
use super::read::{Node, NodeKind, shown};
use crate::reference::{Reading, read};

/// Checks a value that stands at `pointer`.
pub(super) fn check(node: &Node, schema: &Value, pointer: &str, what: &str, problems: &mut Problems) {
    if let NodeKind::Scalar(Value::String(text)) = &node.kind
        && matches!(read(text), Reading::Reference { .. } | Reading::Malformed)
    {
        // Its form and its target are checked with the other references.
        return;
    }
    let alternatives = ["anyOf", "oneOf"].iter().find_map(|name| schema[*name].as_array());
    if let Some(alternatives) = alternatives {
        return any(node, alternatives, pointer, what, problems);
    }
    if !has_type(node, &schema["type"]) {
        let wanted = type_words(&schema["type"]);
        let message = format!("{what} is {}, not {wanted}", kind_words(node));
        problems.add("input_type", pointer, node.place, message, format!("write {wanted}"));
        return;
    }
    match &node.kind {
        NodeKind::Scalar(value) => scalar(value, node, schema, pointer, what, problems),
        NodeKind::List(items) => list(items, node, schema, pointer, what, problems),
        NodeKind::Mapping(_) => mapping(node, schema, pointer, what, problems),
    }
}

fn any(node: &Node, alternatives: &[Value], pointer: &str, what: &str, problems: &mut Problems) {
    let mut closest: Option<Problems> = None;
    for alternative in alternatives {
        let mut found = Problems::default();
        check(node, alternative, pointer, what, &mut found);
        if found.is_empty() {
            return;
        }
        let better = closest.as_ref().is_none_or(|known| found.len() < known.len());
        if better && (has_type(node, &alternative["type"]) || closest.is_none()) {
            closest = Some(found);
        }
    }
    problems.append(closest.unwrap_or_default());
}

fn scalar(value: &Value, node: &Node, schema: &Value, pointer: &str, what: &str, problems: &mut Problems) {
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let words: Vec<_> = allowed.iter().map(|word| format!("`{}`", plain(word))).collect();
        let message = format!("{what} is `{}`", shown(&plain(value)));
        problems.add("input_value", pointer, node.place, message, format!("use one of {}", words.join(", ")));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        let message = format!("{what} is `{}`", shown(&plain(value)));
        problems.add("input_value", pointer, node.place, message, format!("use `{}`", plain(&schema["const"])));
    }
    if let Some(number) = value.as_f64() {
        let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("from {least} to {most}"),
                (Some(least), None) => format!("of at least {least}"),
                (None, Some(most)) => format!("of at most {most}"),
                (None, None) => String::new(),
            };
            problems.add(
                "input_range",
                pointer,
                node.place,
                format!("{what} is {value}"),
                format!("write a number {range}"),
            );
        }
    }
    if let Some(text) = value.as_str() {
        let chars = text.chars().count() as u64;
        if schema["minLength"].as_u64().is_some_and(|least| chars < least) {
            problems.add("input_empty", pointer, node.place, format!("{what} is too short"), "write a longer text");
        }
        if let Some(most) = schema["maxLength"].as_u64().filter(|most| chars > *most) {
            problems.add(
                "input_length",
                pointer,
                node.place,
                format!("{what} has {chars} characters"),
                format!("at most {most} are allowed"),
            );
        }
    }
}

fn list(items: &[Node], node: &Node, schema: &Value, pointer: &str, what: &str, problems: &mut Problems) {
    let count = items.len() as u64;
    if schema["minItems"].as_u64().is_some_and(|least| count < least) {
        problems.add("input_empty", pointer, node.place, format!("{what} has {count} entries"), "add one");
    }
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
        problems.add(
            "input_length",
            pointer,
            node.place,
            format!("{what} has {count} entries"),
            format!("at most {most} are allowed"),
        );
    }
    if schema["items"].is_object() {
        for (place, item) in items.iter().enumerate() {
            check(
                item,
                &schema["items"],
                &format!("{pointer}/{place}"),
                &format!("entry {} of {what}", place + 1),
                problems,
            );
        }
    }
}

fn mapping(node: &Node, schema: &Value, pointer: &str, what: &str, problems: &mut Problems) {
    let NodeKind::Mapping(entries) = &node.kind else { return };
    let Some(known) = schema["properties"].as_object() else { return };
    for entry in entries {
        let below = format!("{pointer}/{}", entry.key.replace('~', "~0").replace('/', "~1"));
        match known.get(&entry.key) {
            Some(schema) => check(&entry.value, schema, &below, &format!("`{}`", entry.key), problems),
            None if schema["additionalProperties"] == Value::Bool(false) => {
                let (code, fix) = if entry.key == "workspace_root" {
                    ("workspace_root", "remove it; a plan never names the workspace, its session does".to_owned())
                } else {
                    ("unknown_input", suggestion(&entry.key, known.keys().map(String::as_str)))
                };
                let message = format!("`{}` is not known in {what}", shown(&entry.key));
                problems.add(code, &below, entry.key_place, message, fix);
            }
            None => {}
        }
    }
    for required in schema["required"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let Some(name) = required.as_str() else { continue };
        if !entries.iter().any(|entry| entry.key == name) {
            problems.add(
                "missing_input",
                pointer,
                node.place,
                format!("`{name}` is missing in {what}"),
                format!("add `{name}:`"),
            );
        }
    }
}

fn has_type(node: &Node, wanted: &Value) -> bool {
    let fits = |name: &str| match (&node.kind, name) {
        (NodeKind::List(_), "array") | (NodeKind::Mapping(_), "object") => true,
        (NodeKind::Scalar(value), "integer") => value.is_i64() || value.is_u64(),
        (NodeKind::Scalar(value), "number") => value.is_number(),
        (NodeKind::Scalar(value), "string") => value.is_string(),
        (NodeKind::Scalar(value), "boolean") => value.is_boolean(),
        (NodeKind::Scalar(value), "null") => value.is_null(),
        (NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_), _) => false,
    };
    match wanted {
        Value::String(name) => fits(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(fits),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

fn type_words(wanted: &Value) -> String {
    let word = |name: &str| match name {
        "array" => "a list",
        "object" => "a mapping",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a text",
        "boolean" => "`true` or `false`",
        _ => "nothing",
    };
    match wanted {
        Value::String(name) => word(name).to_owned(),
        Value::Array(names) => {
            let words: Vec<_> =
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(word).collect();
            words.join(" or ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "a value".to_owned(),
    }
}

/// What a value is, in words.
pub(super) fn kind_words(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::List(_) => "a list",
        NodeKind::Mapping(_) => "a mapping",
        NodeKind::Scalar(Value::Null) => "empty",
        NodeKind::Scalar(Value::Bool(_)) => "`true` or `false`",
        NodeKind::Scalar(Value::Number(_)) => "a number",
        NodeKind::Scalar(_) => "a text",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
