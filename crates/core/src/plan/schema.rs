//! The JSON Schema (2020-12) of the plan format, for editors and agents.

use serde_json::{Value, json};

use super::{STEP_TIMEOUT_SECONDS, STEP_TIMEOUT_SECONDS_DEFAULT, STEPS_MAX, VERSION_MAX};
use crate::id::STEP_ID_CHARS_MAX;
use crate::toolbox::Toolbox;

/// A whole-string reference, as [`crate::reference::read`] reads it.
const REFERENCE_PATTERN: &str = r"^\$\{steps\.[A-Za-z0-9_-]{1,64}\.output(\.[A-Za-z0-9_-]+)*\}$";
/// The input that is always literal: how long a step may take is never another step's to say.
const LITERAL_INPUT: &str = "timeout_sec";

/// Makes the schema, with the inputs of each tool.
pub fn json_schema(toolbox: &dyn Toolbox) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "calt plan",
        "type": "object",
        "required": ["steps"],
        "oneOf": [{"required": ["title"]}, {"required": ["plan_title"]}],
        "additionalProperties": false,
        "$defs": {
            "reference": {
                "type": "string",
                "pattern": REFERENCE_PATTERN,
                "description": "What an earlier step gave.",
            },
        },
        "properties": {
            "version": {"type": "integer", "minimum": 1, "maximum": VERSION_MAX, "description": "Must exceed the session's newest; left out: the next number."},
            "title": {"type": "string", "minLength": 1, "description": "What a person reads first."},
            "plan_title": {"type": "string", "minLength": 1, "description": "Read as `title`."},
            "session_goal": {"type": ["string", "null"], "description": "What the session is for when it is made for this plan, in place of the title; a session that is there keeps its own goal."},
            "ref": {"type": ["string", "null"], "description": "A ticket."},
            "steps": {"type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": step(toolbox), "description": "The steps, in order."},
        },
    })
}

/// One step: `tool` with its inputs, or `change`.
fn step(toolbox: &dyn Toolbox) -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let described = |mut schema: Value, description: &str| {
        schema["description"] = json!(description);
        schema
    };
    json!({
        "type": "object",
        "required": ["id", "title"],
        "additionalProperties": false,
        "properties": {
            "id": described(json!({"type": "string", "pattern": format!("^[A-Za-z0-9_-]{{1,{STEP_ID_CHARS_MAX}}}$")}), "Unique in the plan."),
            "title": described(json!({"type": "string", "minLength": 1}), "What a person reads first."),
            "tool": described(json!({"enum": toolbox.names()}), "The tool the step uses."),
            "risk": described(json!({"enum": ["low", "medium", "high"], "default": "low"}), "At least what the tool implies."),
            "inputs": described(json!({"type": "object"}), "The tool's own inputs, and `meta`."),
            "change": described(change(toolbox), "Instead of `tool` and `inputs`: a preview and an apply of these files."),
            "preconditions": described(texts.clone(), "Shown to the approver."),
            "postconditions": described(texts, "Shown to the approver."),
            "expected_observation": described(json!({"type": ["string", "null"]}), "Shown to the approver."),
            "verify": described(json!({
                "type": ["object", "null"],
                "required": ["type", "expr"],
                "additionalProperties": false,
                "properties": {
                    "type": {"enum": ["exit_code", "regex", "jsonpath", "artifact_exists"]},
                    "expr": {"type": "string"},
                },
            }), "What must hold after the tool has run."),
            "timeout_sec": described(json!({
                "type": "integer",
                "minimum": STEP_TIMEOUT_SECONDS.start(),
                "maximum": STEP_TIMEOUT_SECONDS.end(),
                "default": STEP_TIMEOUT_SECONDS_DEFAULT,
            }), "Seconds the step may take."),
        },
        "oneOf": [{"required": ["tool"]}, {"required": ["change"]}],
        "allOf": inputs_by_tool(toolbox),
    })
}

/// For each tool, what its inputs are when a step names it.
fn inputs_by_tool(toolbox: &dyn Toolbox) -> Vec<Value> {
    toolbox
        .names()
        .into_iter()
        .filter_map(|name| toolbox.tool(name))
        .map(|rules| {
            let mut inputs = fields_or_references(&rules.spec().input_schema);
            inputs["properties"]["meta"] = json!({"description": "Anything; digested and shown, not passed on."});
            let needed = inputs["required"].as_array().is_some_and(|required| !required.is_empty());
            let needed = if needed { json!(["inputs"]) } else { json!([]) };
            json!({
                "if": {"properties": {"tool": {"const": rules.spec().name}}, "required": ["tool"]},
                "then": {"properties": {"inputs": inputs}, "required": needed},
            })
        })
        .collect()
}

/// What `change` holds: the `files` of the tool it expands to.
fn change(toolbox: &dyn Toolbox) -> Value {
    let tool = toolbox.tool("apply_patch");
    let files =
        tool.map_or_else(|| json!({"type": "array"}), |rules| rules.spec().input_schema["properties"]["files"].clone());
    let files = or_reference(&files);
    json!({"type": "object", "required": ["files"], "additionalProperties": false, "properties": {"files": files}})
}

/// The schema of an object in which a reference may stand for the value of any field.
fn fields_or_references(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema["properties"].as_object_mut() {
        for (_, field) in fields.iter_mut().filter(|(name, _)| *name != LITERAL_INPUT) {
            *field = or_reference(field);
        }
    }
    schema
}

/// The schema, or a reference in the value's place; and below it the same.
fn or_reference(schema: &Value) -> Value {
    let mut value = fields_or_references(schema);
    if value["items"].is_object() {
        value["items"] = or_reference(&value["items"]);
    }
    let takes_any_text = value["enum"].is_null()
        && value["type"]
            .as_array()
            .map_or_else(|| value["type"] == "string", |kinds| kinds.iter().any(|kind| kind == "string"));
    if takes_any_text {
        return value;
    }
    let mut either = json!({"anyOf": [value, {"$ref": "#/$defs/reference"}]});
    // What a person reads stays where an editor looks for it.
    for name in ["description", "default"] {
        if let Some(words) = either["anyOf"][0].as_object_mut().and_then(|value| value.remove(name)) {
            either[name] = words;
        }
    }
    either
}
