//! Six tools with the names, inputs and effects of the real ones, as far as a plan can tell.

use std::sync::LazyLock;

use calt_core::isolation::BoxSpec;
use calt_core::toolbox::{Effect, Misfit, Remark, Risk, ToolRules, ToolSpec, Toolbox};
use serde_json::{Value, json};

/// The tools of the tests.
pub(crate) struct Tools(Vec<Tool>);

struct Tool {
    spec: ToolSpec,
    effect: fn(&Value) -> Effect,
}

static TOOLS: LazyLock<Tools> = LazyLock::new(|| {
    let text = || json!({"type": "string"});
    let maybe = || json!({"type": ["string", "null"], "default": null});
    let preview = || {
        let fields = json!({
            "path": maybe(), "old_sha256": maybe(), "new_sha256": maybe(),
            "files": {"type": ["array", "null"], "items": true, "default": null},
        });
        json!({"anyOf": [{"type": "object", "properties": fields}, {"type": "null"}], "default": null})
    };
    let file = json!({
        "type": "object", "required": ["path"], "additionalProperties": false,
        "properties": {
            "path": text(), "content": maybe(), "patch": maybe(), "rename_to": maybe(), "mode": maybe(),
            "delete": {"type": ["boolean", "null"], "default": null},
        },
    });
    let object = |properties: Value, required: &[&str]| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    Tools(vec![
        tool(
            ("read_file", "workspace_read"),
            object(
                json!({"path": text(), "encoding": {"type": "string", "enum": ["utf-8"], "default": "utf-8"}}),
                &["path"],
            ),
            |_| Effect::Reads,
        ),
        tool(("list_dir", "workspace_read"), object(json!({"path": {"type": "string", "default": "."}}), &[]), |_| {
            Effect::Reads
        }),
        tool(
            ("run_shell_readonly", "shell_readonly"),
            object(
                json!({
                    "command": {"type": "string", "minLength": 1, "maxLength": 8192},
                    "timeout_sec": {"type": "integer", "format": "uint32", "minimum": 1, "maximum": 30, "default": 30},
                }),
                &["command"],
            ),
            |_| Effect::Spawns,
        ),
        tool(
            ("write_file_preview", "workspace_write_preview"),
            object(json!({"path": text(), "content": text()}), &["path", "content"]),
            |_| Effect::Previews,
        ),
        tool(
            ("write_file_apply", "workspace_write_apply"),
            object(json!({"path": text(), "content": text(), "preview": preview()}), &["path", "content"]),
            |_| Effect::Writes,
        ),
        tool(
            ("apply_patch", "workspace_patch"),
            object(
                json!({
                    "patch": maybe(),
                    "files": {"type": ["array", "null"], "items": file, "maxItems": 500, "default": null},
                    "mode": {"type": "string", "enum": ["preview", "apply"], "default": "preview"},
                    "preview": preview(),
                }),
                &[],
            ),
            |inputs| match inputs["mode"].as_str() {
                None | Some("preview") => Effect::Previews,
                Some(_) => Effect::Writes,
            },
        ),
    ])
});

/// The tools of the tests.
pub(crate) fn tools() -> &'static Tools {
    &TOOLS
}

fn tool((name, profile): (&'static str, &'static str), inputs: Value, effect: fn(&Value) -> Effect) -> Tool {
    let spec = ToolSpec {
        name,
        profile,
        description: "A tool of the tests.",
        input_schema: inputs,
        output_schema: json!({}),
        limits: json!({}),
    };
    Tool { spec, effect }
}

impl Toolbox for Tools {
    fn tool(&self, name: &str) -> Option<&dyn ToolRules> {
        self.0.iter().find(|tool| tool.spec.name == name).map(|tool| tool as &dyn ToolRules)
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|tool| tool.spec.name).collect()
    }
}

impl ToolRules for Tool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn effect(&self, inputs: &Value) -> Effect {
        (self.effect)(inputs)
    }

    fn risk_floor(&self, inputs: &Value) -> Risk {
        match self.effect(inputs) {
            Effect::Reads | Effect::Previews => Risk::Low,
            Effect::Spawns if is_reading_command(inputs) => Risk::Low,
            Effect::Spawns | Effect::Writes => Risk::Medium,
        }
    }

    fn box_spec(&self, inputs: &Value) -> Option<BoxSpec> {
        match self.effect(inputs) {
            Effect::Reads | Effect::Previews | Effect::Writes => None,
            Effect::Spawns if is_reading_command(inputs) => Some(BoxSpec::read_only()),
            Effect::Spawns => Some(BoxSpec::test()),
        }
    }

    fn misfits(&self, inputs: &Value) -> Vec<Misfit> {
        if self.spec.name != "apply_patch" {
            return Vec::new();
        }
        let misfit = |pointer: &str, message: &str, fix: &str| Misfit {
            pointer: pointer.to_owned(),
            message: message.to_owned(),
            fix: fix.to_owned(),
        };
        match (&inputs["patch"], &inputs["files"]) {
            (Value::Null, Value::Null) => {
                vec![misfit("", "neither `patch` nor `files` is given", "write one of them")]
            }
            (Value::Null, Value::Array(files)) if files.is_empty() => {
                vec![misfit("/files", "`files` is empty", "name at least one file")]
            }
            (Value::Null, _) | (_, Value::Null) => Vec::new(),
            (_, _) => vec![misfit("/files", "both `patch` and `files` are given", "keep one of them")],
        }
    }

    fn remarks(&self, inputs: &Value) -> Vec<Remark> {
        let refused = inputs["command"].as_str().is_some_and(|command| command.starts_with("rm"));
        let message = "command is not allowlisted".to_owned();
        refused.then(|| Remark { code: "command_refused".to_owned(), message }).into_iter().collect()
    }
}

fn is_reading_command(inputs: &Value) -> bool {
    inputs["command"].as_str().is_some_and(|command| !command.starts_with("python") && !command.contains("${steps."))
}
