//! As much of JSON Schema (2020-12) as the plan format's schema uses. Another word in it is a mistake of the test's.

use serde_json::Value;

/// Words that only tell a reader something.
const WORDS: [&str; 7] = ["$schema", "$defs", "title", "description", "default", "format", "then"];

/// Whether a value fits a schema of this document.
pub(super) fn fits(value: &Value, schema: &Value, document: &Value) -> bool {
    let Some(rules) = schema.as_object() else { return schema == &Value::Bool(true) };
    let of = |schema: &Value| fits(value, schema, document);
    rules.iter().all(|(name, rule)| match name.as_str() {
        "$ref" => of(document.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap()),
        "allOf" => rule.as_array().unwrap().iter().all(of),
        "anyOf" => rule.as_array().unwrap().iter().any(of),
        "oneOf" => rule.as_array().unwrap().iter().filter(|schema| of(schema)).count() == 1,
        "if" => !of(rule) || of(&rules["then"]),
        "type" => rule.as_array().map_or_else(|| is(value, rule), |kinds| kinds.iter().any(|kind| is(value, kind))),
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
        "pattern" => {
            value.as_str().is_none_or(|text| regex::Regex::new(rule.as_str().unwrap()).unwrap().is_match(text))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(item, rule, document))),
        "required" => value.as_object().is_none_or(|fields| {
            rule.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|fields| {
            fields.iter().all(|(name, field)| rule.get(name).is_none_or(|schema| fits(field, schema, document)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            *rule == Value::Bool(true) || fields.keys().all(|name| rules["properties"].get(name).is_some())
        }),
        other => WORDS.contains(&other) || panic!("the schema uses `{other}`, which this test does not know"),
    })
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}
