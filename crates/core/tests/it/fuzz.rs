//! Whatever the input: nothing panics, and what is accepted or masked once stays so.
//!
//! Each target takes a second by default; `BOLERO_RANDOM_TEST_TIME_MS` or `BOLERO_RANDOM_ITERATIONS` gives it
//! more, and `cargo bolero` runs the same targets with a coverage-guided engine.

use bolero::check;
use calt_core::digest::canonical_json;
use calt_core::plan::check::CODES;
use calt_core::plan::draft;
use calt_core::redact::{MASK, Masker, is_masked};
use calt_core::reference::{self, Reading, RecordedOutput};
use calt_core::session::inputs_digest;
use serde_json::{Value, json};

use crate::toolbox::tools;

/// Bytes as a text of these words: the larger half of all bytes stand for a word, the others for themselves.
fn spelled(bytes: &[u8], words: &[&str]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte.checked_sub(128) {
            Some(word) => text.push_str(words[usize::from(word) % words.len()]),
            None => text.push(char::from(*byte)),
        }
    }
    text
}

const PLAN_WORDS: &[&str] = &[
    "title: T\n",
    "steps:\n",
    "  - id: a\n",
    "  - id: b\n",
    "    title: A\n",
    "    tool: list_dir\n",
    "    tool: read_file\n",
    "    tool: run_shell_readonly\n",
    "    tool: apply_patch\n",
    "    inputs: {",
    "path: a",
    "}\n",
    "    inputs:\n      meta: ",
    "meta: {",
    "command: ls",
    "    change: {files: [{path: a, content: b}]}\n",
    "&x ",
    "*x",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "\n",
    "\"",
    "'",
    "- ",
    "? ",
    "| ",
    "> ",
    "# ",
    "---\n",
    "...\n",
    "!!str ",
    "<<: ",
    "1e5",
    "0x1f",
    "9007199254740991",
    "1.5",
    ".5",
    "null",
    "true",
    "\\u0041",
    "\\n",
    "\t",
    "    ",
    "${steps.a.output}",
    "${steps.a.output.x}",
    "    risk: high\n",
    "    timeout_sec: 5\n",
    "    verify: {type: regex, expr: \"a\"}\n",
    "日本",
    "\u{feff}",
    "version: 3\n",
    "session_goal: g\n",
    "ref: r\n",
    "    preconditions: [a, b]\n",
    "mode: apply",
    "files: [{path: a, delete: true}]",
];

/// A text that means nothing to the reader: without NUL and DEL, and without references.
fn harmless(bytes: &[u8]) -> String {
    spelled(bytes, PLAN_WORDS).replace("${steps.", "$").replace(['\0', '\u{7f}'], " ")
}

/// An accepted document: each byte decides something about it.
fn document(bytes: &[u8]) -> Value {
    let mut bytes = bytes.iter().copied();
    let mut next = move || bytes.next().unwrap_or_default();
    let mut steps = Vec::new();
    for place in 0..=usize::from(next() % 6) {
        let meta = value(&mut next, 3);
        let text = harmless(&[next(), next(), next()]);
        let (tool, mut inputs) = match next() % 6 {
            0 => ("list_dir", json!({})),
            1 => ("read_file", json!({"path": text})),
            2 => ("run_shell_readonly", json!({"command": format!("ls {text}"), "timeout_sec": next() % 30 + 1})),
            3 => ("write_file_preview", json!({"path": format!("{place}"), "content": text})),
            4 if place > 0 => ("read_file", json!({"path": format!("${{steps.s{}.output.path}}", place - 1)})),
            _ => ("apply_patch", json!({"files": [{"path": format!("f{place}"), "content": text, "mode": null}]})),
        };
        inputs["meta"] = meta;
        let mut step =
            json!({"id": format!("s{place}"), "title": format!("Step {text}"), "tool": tool, "inputs": inputs});
        if next() % 3 == 0 {
            step["risk"] = json!(["low", "medium", "high"][usize::from(next() % 3)]);
            step["timeout_sec"] = json!(next() % 120 + 1);
            step["preconditions"] = json!([text]);
            step["verify"] = json!({"type": "jsonpath", "expr": "$.path"});
        }
        steps.push(step);
    }
    json!({"title": "T", "steps": steps})
}

fn value(next: &mut impl FnMut() -> u8, depth: usize) -> Value {
    let byte = next();
    match byte % 8 {
        0 => Value::Null,
        1 => json!(byte > 127),
        2 => json!(i64::from(next()) * i64::from(next()) - 9_000),
        3 => json!(f64::from(next()) / 7.0 * f64::from(next()).exp2().min(1e9)),
        4 if depth > 0 => (0..byte / 64).map(|_| value(next, depth - 1)).collect(),
        5 | 6 if depth > 0 => {
            let fields = (0..byte / 64).map(|n| (harmless(&[next(), n]), value(next, depth - 1)));
            Value::Object(fields.collect())
        }
        _ => json!(harmless(&[next(), next(), next()])),
    }
}

/// What was accepted is accepted again in its canonical form, as the same plan.
fn reads_again(text: &str) -> bool {
    match draft(text, tools()) {
        Ok(accepted) => {
            let plan = accepted.number(7);
            for canonical in [plan.canonical().to_string().into_bytes(), canonical_json(&plan.canonical())] {
                let canonical = String::from_utf8(canonical).expect("JSON is UTF-8");
                let again = draft(&canonical, tools()).unwrap_or_else(|problems| panic!("{canonical}\n{problems:#?}"));
                assert_eq!(again.number(7).digest(), plan.digest(), "{canonical}");
            }
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(CODES.iter().any(|(code, _)| *code == problem.code), "{}", problem.code);
                assert!(problem.line > 0 && problem.column > 0 && !problem.fix.is_empty(), "{problem:?}");
                // A lone carriage return ends a line too.
                assert!(problem.line as usize <= text.matches(['\n', '\r']).count() + 1, "{problem:?}");
            }
            false
        }
    }
}

#[test]
fn no_text_breaks_the_plan_reader() {
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        reads_again(&spelled(bytes, PLAN_WORDS));
        reads_again(&String::from_utf8_lossy(bytes));
    });
}

#[test]
fn every_plan_made_of_good_parts_is_accepted_and_reads_again() {
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let document = document(bytes).to_string();
        assert!(reads_again(&document), "{document}\n{:#?}", draft(&document, tools()));
    });
}

const SECRET_WORDS: &[&str] = &[
    "password",
    "token",
    "api_key",
    "secret",
    "Authorization: ",
    "Bearer ",
    "Basic ",
    "cookie",
    "key",
    "value",
    "name",
    "=",
    ": ",
    ":",
    "\"",
    "'",
    "`",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "</",
    ",",
    ";",
    "&",
    "?",
    "\n",
    "\r\n",
    "  ",
    "- ",
    "--",
    "https://u:p@h",
    "://",
    "@",
    "ghp_",
    "AKIA",
    "eyJ",
    ".eyJ",
    "sk-",
    "xoxb-",
    "-----BEGIN PRIVATE KEY-----",
    "-----END ",
    "-----END PRIVATE KEY-----",
    "{\"type\":\"match\",\"lines\":{\"text\":\"",
    "MIIEowIBAAKCAQEAu1SU1LfVLPHCoz\\n\"}}\n",
    "machine h login u password ",
    "curl -u a:",
    " --user b:",
    "a1B2c3D4e5F6g7H8",
    "0123456789abcdef",
    "hunter2",
    "***REDACTED***",
    "${TOKEN}",
    "\\",
    "\\\"",
    "$",
    "%",
    "パスワード",
    "：",
    "é",
    "an exact value 123",
    "YW4gZXhhY3QgdmFsdWUgMTIz",
    "|",
    "*",
    "null",
    "12",
];

#[test]
fn masking_never_panics_and_twice_changes_nothing() {
    let masker = Masker::new().with_exact(["an exact value 123".to_owned()]);
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        for text in [spelled(bytes, SECRET_WORDS), String::from_utf8_lossy(bytes).into_owned()] {
            let once = masker.mask_text(&text).into_owned();
            assert_eq!(masker.mask_text(&once), once, "{text:?}");
            assert!(!once.contains("an exact value 123") && !once.contains("YW4gZXhhY3QgdmFsdWUgMTIz"), "{once:?}");
            assert!(once == text || is_masked(&once), "{text:?} became {once:?}");
            let cut = masker.mask_cut(&text);
            assert!(!cut.contains("an exact value 123"), "{cut:?}");
        }
    });
}

#[test]
fn masking_a_structure_twice_changes_nothing_and_names_what_changed() {
    let masker = Masker::new().with_exact(["an exact value 123".to_owned()]);
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let mut bytes = bytes.iter().copied();
        let original = structure(&mut || bytes.next().unwrap_or_default(), 4);
        let once = masker.mask_json(original.clone());
        assert!(!once.value.to_string().contains("an exact value 123"), "{}", once.value);
        for pointer in &once.pointers {
            assert!(once.value.pointer(pointer).is_some(), "{pointer} of {}", once.value);
        }
        assert_eq!(once.pointers.is_empty(), once.value == original, "{original}");
        let again = masker.mask_json(once.value.clone());
        assert_eq!((again.value, again.pointers), (once.value, Vec::new()), "{original}");
    });
}

fn structure(next: &mut impl FnMut() -> u8, depth: usize) -> Value {
    let byte = next();
    match byte % 6 {
        0 => json!(next()),
        1 if depth > 0 => (0..byte / 50).map(|_| structure(next, depth - 1)).collect(),
        2 | 3 if depth > 0 => {
            let fields = (0..byte / 50).map(|_| (spelled(&[next(), next()], SECRET_WORDS), structure(next, depth - 1)));
            Value::Object(fields.collect())
        }
        _ => json!(spelled(&[next(), next(), next(), next()], SECRET_WORDS)),
    }
}

const REFERENCE_WORDS: &[&str] = &[
    "${steps.", "a", "b-1", ".output", ".output.", "}", ".", "x", "0", "01", "-", "${", "steps", " ", "é", "list",
    "text",
];

#[test]
fn a_reference_reads_as_it_is_written_and_resolves_to_nothing_masked() {
    let output = json!({"x": 1, "text": "plain", "list": [MASK, "open"], "0": {"a": "***REDACTED***"}});
    let recorded = RecordedOutput {
        output,
        masked: vec!["/list/0".to_owned(), "/0/a".to_owned()],
        not_whole: vec!["/text".to_owned()],
    };
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let text = spelled(bytes, REFERENCE_WORDS);
        let inputs = json!({"one": text, "two": [{"preview": text}]});
        let (references, malformed) = reference::collect(&inputs);
        match reference::read(&text) {
            Reading::Reference { .. } => {
                assert_eq!((references.len(), malformed.len()), (2, 0));
                assert_eq!(references[0].to_string(), text);
            }
            Reading::Literal => assert!(!text.contains("${steps.") && references.is_empty() && malformed.is_empty()),
            Reading::Malformed => assert_eq!((references.len(), malformed.len()), (0, 2)),
        }
        if let Ok(resolved) = reference::resolve(&inputs, &references, |_| Some(recorded.clone())) {
            if !references.is_empty() {
                let value = resolved["one"].to_string();
                assert!(!value.contains(MASK) && !value.contains("plain"), "{text} gave {value}");
            }
            assert_eq!(inputs_digest(&resolved) == inputs_digest(&inputs), references.is_empty());
        }
    });
}
