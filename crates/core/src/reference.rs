//! References: `${steps.<id>.output}` and `${steps.<id>.output.<field>.<field>…}`, whole strings only.

use std::fmt;

use serde_json::Value;

use crate::id::StepId;
use crate::redact;

/// The input that may hold the output of a preview; see [`project_preview`].
pub const PREVIEW_INPUT: &str = "preview";

/// The parts of a preview's output that an apply compares.
const COMPARED: [&str; 4] = ["path", "old_sha256", "new_sha256", "files"];

/// A place in an earlier step's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The step it points to.
    pub step: StepId,
    /// Fields below the output, outermost first. A number selects from a list.
    pub fields: Vec<String>,
    /// JSON pointer (RFC 6901) of the input that holds it, below `inputs`.
    pub pointer: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "${{steps.{}.output", self.step)?;
        for field in &self.fields {
            write!(formatter, ".{field}")?;
        }
        formatter.write_str("}")
    }
}

/// What a string of an input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Text that stands for itself.
    Literal,
    /// A reference.
    Reference {
        /// The step it points to.
        step: StepId,
        /// Fields below the output.
        fields: Vec<String>,
    },
    /// Begins or contains `${steps.` and is no well-formed whole-string reference.
    Malformed,
}

/// Reads one string.
pub fn read(text: &str) -> Reading {
    const OPENING: &str = "${steps.";
    if !text.contains(OPENING) {
        return Reading::Literal;
    }
    well_formed(text).unwrap_or(Reading::Malformed)
}

fn well_formed(text: &str) -> Option<Reading> {
    let path = text.strip_prefix("${steps.")?.strip_suffix('}')?;
    let mut parts = path.split('.');
    let step = StepId::parse(parts.next()?)?;
    if parts.next()? != "output" {
        return None;
    }
    let fields: Vec<String> = parts.map(str::to_owned).collect();
    let is_field = |field: &String| {
        !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    fields.iter().all(is_field).then_some(Reading::Reference { step, fields })
}

/// Finds every reference in a step's inputs, and the pointers of malformed ones.
pub fn collect(inputs: &Value) -> (Vec<Reference>, Vec<String>) {
    let (mut references, mut malformed) = (Vec::new(), Vec::new());
    walk(inputs, &mut String::new(), &mut |text, pointer| match read(text) {
        Reading::Literal => {}
        Reading::Reference { step, fields } => {
            references.push(Reference { step, fields, pointer: pointer.to_owned() });
        }
        Reading::Malformed => malformed.push(pointer.to_owned()),
    });
    (references, malformed)
}

fn walk(value: &Value, pointer: &mut String, visit: &mut impl FnMut(&str, &str)) {
    let length = pointer.len();
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => visit(text, pointer),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                walk(item, pointer, visit);
                pointer.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                walk(field, pointer, visit);
                pointer.truncate(length);
            }
        }
    }
}

/// The recorded output of an earlier step, with what is not whole in it.
#[derive(Clone, Debug)]
pub struct RecordedOutput {
    /// The output as recorded: masked.
    pub output: Value,
    /// JSON pointers of what was masked.
    pub masked: Vec<String>,
    /// JSON pointers of what was cut or is not the true bytes (truncated streams, lossy text).
    pub not_whole: Vec<String>,
}

/// Why a reference could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The reference as written.
    pub reference: String,
    /// Why, as a fragment.
    pub reason: String,
}

/// Puts recorded values in the place of references.
///
/// # Errors
/// [`Unresolved`] when a step has no recorded output, a field is not there, or the value is masked,
/// truncated or lossy: such a value is not what the step really gave.
pub fn resolve(
    inputs: &Value,
    references: &[Reference],
    output_of: impl Fn(&StepId) -> Option<RecordedOutput>,
) -> Result<Value, Unresolved> {
    let mut resolved = inputs.clone();
    for reference in references {
        let refuse = |reason: String| Unresolved { reference: reference.to_string(), reason };
        let recorded = output_of(&reference.step)
            .ok_or_else(|| refuse(format!("step `{}` has no recorded output", reference.step)))?;
        let (value, place) = select(&recorded.output, &reference.fields)
            .map_err(|field| refuse(format!("the output has no field `{field}`")))?;
        let value = if reference.pointer == format!("/{PREVIEW_INPUT}") && value.is_object() {
            for name in COMPARED {
                whole(&recorded, &format!("{place}/{name}")).map_err(refuse)?;
            }
            project_preview(value)
        } else {
            whole(&recorded, &place).map_err(refuse)?;
            if value.as_str().is_some_and(redact::is_masked) {
                return Err(refuse("the value is masked".to_owned()));
            }
            value.clone()
        };
        let slot = resolved
            .pointer_mut(&reference.pointer)
            .ok_or_else(|| refuse("the input it stood in is gone".to_owned()))?;
        *slot = value;
    }
    Ok(resolved)
}

/// Keeps of a preview's output what an apply compares: path, digests and files. These are never masked.
pub fn project_preview(output: &Value) -> Value {
    let Value::Object(fields) = output else { return output.clone() };
    COMPARED
        .iter()
        .filter_map(|name| fields.get_key_value(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn select<'v>(output: &'v Value, fields: &[String]) -> Result<(&'v Value, String), String> {
    let (mut value, mut place) = (output, String::new());
    for field in fields {
        value = match value {
            Value::Object(entries) => entries.get(field),
            // Only the canonical form of a number names an entry, so that each entry has one pointer.
            Value::Array(items) => field
                .parse::<usize>()
                .ok()
                .filter(|index| index.to_string() == *field)
                .and_then(|index| items.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
        .ok_or_else(|| field.clone())?;
        place.push('/');
        place.push_str(field);
    }
    Ok((value, place))
}

/// Whether the value at a place is what the step really gave; or why not.
fn whole(recorded: &RecordedOutput, place: &str) -> Result<(), String> {
    if let Some(pointer) = touching(&recorded.masked, place) {
        return Err(format!("`{pointer}` of the output is masked"));
    }
    if let Some(pointer) = touching(&recorded.not_whole, place) {
        return Err(format!("`{pointer}` of the output is truncated or not UTF-8"));
    }
    Ok(())
}

/// A pointer that lies at, below or above the place.
fn touching<'p>(pointers: &'p [String], place: &str) -> Option<&'p str> {
    let covers = |above: &str, below: &str| {
        below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    pointers.iter().map(String::as_str).find(|pointer| covers(pointer, place) || covers(place, pointer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn recorded(output: Value, masked: &[&str]) -> RecordedOutput {
        RecordedOutput { output, masked: masked.iter().map(|&text| text.to_owned()).collect(), not_whole: vec![] }
    }

    #[test]
    fn only_a_whole_string_is_a_reference() {
        assert_eq!(read("plain ${HOME}"), Reading::Literal);
        assert_eq!(
            read("${steps.a-1.output.x.0}"),
            Reading::Reference { step: StepId::parse("a-1").unwrap(), fields: vec!["x".into(), "0".into()] }
        );
        for malformed in [
            "see ${steps.a.output}",
            "${steps.a.output",
            "${steps.a.stdout}",
            "${steps..output}",
            "${steps.a.output.}",
            "${steps.a.output.x}${steps.a.output.x}",
        ] {
            assert_eq!(read(malformed), Reading::Malformed, "{malformed}");
        }
    }

    #[test]
    fn a_masked_value_does_not_resolve_and_a_preview_does() {
        let inputs = json!({"content": "${steps.a.output.content}", "preview": "${steps.a.output}"});
        let (references, malformed) = collect(&inputs);
        assert!(malformed.is_empty());
        let output = json!({"content": "x", "path": "p", "new_sha256": "00", "diff": "***REDACTED***"});
        let whole = resolve(&inputs, &references, |_| Some(recorded(output.clone(), &["/diff"]))).unwrap();
        assert_eq!(whole, json!({"content": "x", "preview": {"path": "p", "new_sha256": "00"}}));
        let refused = resolve(&inputs, &references, |_| Some(recorded(output.clone(), &["/content"]))).unwrap_err();
        assert_eq!(refused.reference, "${steps.a.output.content}");
    }

    #[test]
    fn a_structure_that_holds_a_masked_value_does_not_resolve() {
        let inputs = json!({"content": "${steps.a.output.list}"});
        let (references, _) = collect(&inputs);
        let output = json!({"list": [{"token": "***REDACTED***"}]});
        assert!(resolve(&inputs, &references, |_| Some(recorded(output.clone(), &["/list/0/token"]))).is_err());
        assert!(resolve(&inputs, &references, |_| None).is_err());
    }

    #[test]
    fn an_entry_of_a_list_has_one_name_so_that_none_slips_past_its_mask() {
        let output = json!({"list": ["whole", {"token": "***REDACTED***"}]});
        let resolves = |index: &str| {
            let inputs = json!({ "content": format!("${{steps.a.output.list.{index}}}") });
            let (references, _) = collect(&inputs);
            resolve(&inputs, &references, |_| Some(recorded(output.clone(), &["/list/1/token"])))
        };
        assert_eq!(resolves("0").unwrap(), json!({"content": "whole"}));
        for index in ["1", "01", "001", "2", "-1", "00"] {
            assert!(resolves(index).is_err(), "{index}");
        }
    }

    #[test]
    fn a_preview_that_is_masked_or_no_structure_does_not_resolve() {
        let inputs = json!({"preview": "${steps.a.output}"});
        let (references, _) = collect(&inputs);
        let output = json!({"path": "p", "files": [{"path": "p"}], "diff": "x"});
        let resolves = |masked: &[&str]| resolve(&inputs, &references, |_| Some(recorded(output.clone(), masked)));
        assert_eq!(resolves(&["/diff"]).unwrap(), json!({"preview": {"path": "p", "files": [{"path": "p"}]}}));
        assert!(resolves(&["/files/0/path"]).is_err());
        let inputs = json!({"preview": "${steps.a.output.diff}"});
        let (references, _) = collect(&inputs);
        assert!(resolve(&inputs, &references, |_| Some(recorded(output.clone(), &["/diff"]))).is_err());
    }
}
