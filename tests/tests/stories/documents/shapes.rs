//! JSON Schemas and calls as tables a person can read.

use std::fmt::Write as _;

use serde_json::Value;

/// One call: who may make it, what it takes, what it gives, how it refuses.
pub(super) fn call(operation: &Value) -> String {
    let mut text = format!("{} {}\n", text_of(operation, "summary"), text_of(operation, "description"));
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let shown: Vec<_> = parameters.iter().filter(|parameter| parameter["in"] != "path").collect();
    if !shown.is_empty() {
        text.push_str("\n| parameter | in | type | meaning |\n|---|---|---|---|\n");
    }
    for parameter in shown {
        let (name, place) = (text_of(parameter, "name"), text_of(parameter, "in"));
        let (kind, words) = (kind(&parameter["schema"]), text_of(parameter, "description"));
        let _ = writeln!(text, "| `{name}` | {place} | {kind} | {words} |");
    }
    let mut lines = Vec::new();
    if let Some(body) = operation["requestBody"].as_object() {
        let must = if body["required"] == true { "" } else { "; may be left out" };
        let words = body.get("description").and_then(Value::as_str);
        let words = words.map(|words| format!("{words} ")).unwrap_or_default();
        lines.push(format!("- Body: {words}{}{must}", contents(&body["content"])));
    }
    let answers = operation["responses"].as_object().unwrap();
    let refusals: Vec<_> = answers.keys().filter(|status| status.starts_with(['4', '5'])).cloned().collect();
    for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['2', '3'])) {
        let contents = contents(&answer["content"]);
        let shown = if contents.is_empty() { text_of(answer, "description").to_owned() } else { contents };
        lines.push(format!("- {status}: {shown}"));
    }
    lines.push(format!("- Refusals: {}", refusals.join(", ")));
    let _ = writeln!(text, "\n{}", lines.join("\n"));
    text
}

fn contents(content: &Value) -> String {
    let media = content.as_object().into_iter().flatten();
    let shown: Vec<_> = media
        .map(|(media, content)| {
            let schema = &content["schema"];
            match items(schema) {
                Some(item) => format!("`{media}`: a page of {item}"),
                None => match kind(schema).as_str() {
                    "any" | "string" | "object" => format!("`{media}`"),
                    kind => format!("`{media}`: {kind}"),
                },
            }
        })
        .collect();
    shown.join(" or ")
}

/// The item of a page, when a schema is one that is written in place.
fn items(schema: &Value) -> Option<String> {
    schema["properties"].get("next_cursor")?;
    Some(kind(&schema["properties"]["items"]["items"]))
}

/// Every named shape as a table.
pub(super) fn all(schemas: &Value) -> String {
    let mut text = String::new();
    for (name, schema) in schemas.as_object().unwrap() {
        let _ = writeln!(text, "### {name}\n\n{}\n", text_of(schema, "description"));
        match schema["oneOf"].as_array() {
            Some(variants) => text.push_str(&actions(variants)),
            None => text.push_str(&fields(schema)),
        }
        text.push('\n');
    }
    text
}

fn fields(schema: &Value) -> String {
    let mut table = "| field | type | meaning |\n|---|---|---|\n".to_owned();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let words = text_of(field, "description");
        let of_a_part = field["oneOf"][0]["description"].as_str().unwrap_or_default();
        let words = if words.is_empty() { of_a_part } else { words };
        let _ = writeln!(table, "| `{name}` | {} | {} |", kind(field), cell(words));
    }
    table
}

fn actions(variants: &[Value]) -> String {
    let mut table = "| `action` | arguments | meaning |\n|---|---|---|\n".to_owned();
    for variant in variants {
        let properties = variant["properties"].as_object().unwrap();
        let action = properties["action"]["enum"][0].as_str().unwrap();
        let arguments: Vec<_> =
            properties.keys().filter(|name| *name != "action").map(|name| format!("`{name}`")).collect();
        let _ = writeln!(table, "| `{action}` | {} | {} |", arguments.join(", "), text_of(variant, "description"));
    }
    table
}

/// One tool's sheet.
pub(super) fn tool(tool: &Value) -> String {
    let name = text_of(tool, "tool_name");
    let mut text = format!("## `{name}`\n\n{}\n\n", text_of(tool, "description"));
    let _ = writeln!(
        text,
        "Permission profile `{}`; effect `{}`.\n",
        text_of(tool, "permission_profile"),
        text_of(tool, "effect")
    );
    for (title, schema) in [("input", "input_schema"), ("output", "output_schema")] {
        let _ = writeln!(text, "| {title} | type | needed | meaning |\n|---|---|---|---|");
        text.push_str(&nested(&tool[schema], ""));
        text.push('\n');
    }
    let _ = writeln!(text, "| limit | value |\n|---|---|");
    for (limit, value) in tool["limits"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "| `{limit}` | {} |", cell(&plain(value)));
    }
    text.push('\n');
    text
}

/// Fields of a schema, and below them the fields of what they hold.
fn nested(schema: &Value, above: &str) -> String {
    let mut rows = String::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let needed = schema["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name));
        let _ = writeln!(
            rows,
            "| `{above}{name}` | {} | {} | {} |",
            kind(field),
            if needed { "yes" } else { "no" },
            cell(&described(field))
        );
        let held = if field["items"].is_object() { (&field["items"], "[]") } else { (field, "") };
        rows.push_str(&nested(held.0, &format!("{above}{name}{}.", held.1)));
    }
    rows
}

fn described(field: &Value) -> String {
    let mut words = text_of(field, "description").to_owned();
    if let Some(default) = field.get("default").filter(|default| !default.is_null()) {
        let _ = write!(words, " Default: `{}`.", plain(default));
    }
    if let (Some(least), Some(most)) = (field["minimum"].as_i64(), field["maximum"].as_i64()) {
        let _ = write!(words, " {least} to {most}.");
    }
    words.trim().to_owned()
}

/// A type in words.
fn kind(schema: &Value) -> String {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[several].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{}`", plain(word))).collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", kind_of_items(schema)),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let shown: Vec<_> = kinds
                .iter()
                .map(|kind| if kind == "array" { format!("list of {}", kind_of_items(schema)) } else { plain(kind) })
                .collect();
            shown.join(" or ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any".to_owned(),
    }
}

fn kind_of_items(schema: &Value) -> String {
    kind(&schema["items"])
}

fn text_of<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that does not end a cell.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
