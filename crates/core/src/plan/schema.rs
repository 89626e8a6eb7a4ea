//! The JSON Schema (2020-12) of the plan format, for editors and agents.

use serde_json::{Value, json};

use super::{STEP_TIMEOUT_SECONDS, STEP_TIMEOUT_SECONDS_DEFAULT, STEPS_MAX, VERSION_MAX};
use crate::id::STEP_ID_CHARS_MAX;
use crate::toolbox::Toolbox;

/// Makes the schema, with the inputs of each tool.
pub fn json_schema(toolbox: &dyn Toolbox) -> Value {
    let inputs_by_tool: Vec<Value> = toolbox
        .names()
        .into_iter()
        .filter_map(|name| toolbox.tool(name))
        .map(|rules| {
            let mut inputs = rules.spec().input_schema.clone();
            inputs["properties"]["meta"] = json!({"description": "Anything; digested and shown, not passed on."});
            json!({
                "if": {"properties": {"tool": {"const": rules.spec().name}}, "required": ["tool"]},
                "then": {"properties": {"inputs": inputs}},
            })
        })
        .collect();
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let described = |mut schema: Value, description: &str| {
        schema["description"] = json!(description);
        schema
    };
    let step = json!({
        "type": "object",
        "required": ["id", "title"],
        "additionalProperties": false,
        "properties": {
            "id": described(json!({"type": "string", "pattern": format!("^[A-Za-z0-9_-]{{1,{STEP_ID_CHARS_MAX}}}$")}), "Unique in the plan."),
            "title": described(json!({"type": "string", "minLength": 1}), "What a person reads first."),
            "tool": described(json!({"enum": toolbox.names()}), "The tool the step uses."),
            "risk": described(json!({"enum": ["low", "medium", "high"], "default": "low"}), "At least what the tool implies."),
            "inputs": described(json!({"type": "object"}), "The tool's own inputs, and `meta`."),
            "change": described(json!({"type": "object", "required": ["files"]}), "Instead of `tool` and `inputs`: a preview and an apply of these files."),
            "preconditions": described(texts.clone(), "Shown to the approver."),
            "postconditions": described(texts, "Shown to the approver."),
            "expected_observation": described(json!({"type": "string"}), "Shown to the approver."),
            "verify": described(json!({
                "type": "object",
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
        "allOf": inputs_by_tool,
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "calt plan",
        "type": "object",
        "required": ["steps"],
        "additionalProperties": false,
        "properties": {
            "version": {"type": "integer", "minimum": 1, "maximum": VERSION_MAX, "description": "Must exceed the session's newest; left out: the next number."},
            "title": {"type": "string", "minLength": 1, "description": "What a person reads first."},
            "plan_title": {"type": "string", "minLength": 1, "description": "Read as `title`."},
            "session_goal": {"type": "string", "description": "The goal it sets for the session."},
            "ref": {"type": "string", "description": "A ticket."},
            "steps": {"type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": step, "description": "The steps, in order."},
        },
    })
}
