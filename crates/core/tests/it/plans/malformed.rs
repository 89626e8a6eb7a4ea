//! Plans that are refused. `▲` stands right before the place a problem is told at.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use calt_core::plan::check::{CODES, PROBLEMS_MAX};
use calt_core::plan::{PlanProblem, draft};

use crate::toolbox::tools;

/// A problem's code, and a document that has exactly this one problem.
struct Case {
    code: &'static str,
    document: String,
}

fn case(code: &'static str, document: impl Into<String>) -> Case {
    Case { code, document: document.into() }
}

/// The fields of a plan, before one good step.
fn head(code: &'static str, fields: &str) -> Case {
    case(code, format!("{fields}\nsteps:\n  - {{id: a, title: A, tool: list_dir}}\n"))
}

fn indented(lines: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    lines.lines().flat_map(|line| [&margin, line, "\n"]).collect()
}

/// Further fields of a step that is good so far.
fn step(code: &'static str, fields: &str) -> Case {
    let fields = indented(fields, 4);
    case(code, format!("title: T\nsteps:\n  - id: a\n    title: A\n    tool: list_dir\n{fields}"))
}

/// All the fields of a step.
fn bare_step(code: &'static str, fields: &str) -> Case {
    let fields = indented(fields, 4);
    case(code, format!("title: T\nsteps:\n  -\n{fields}"))
}

/// The inputs of a tool, in flow style.
fn inputs(code: &'static str, tool: &str, inputs: &str) -> Case {
    case(code, format!("title: T\nsteps:\n  - id: a\n    title: A\n    tool: {tool}\n    inputs: {inputs}\n"))
}

/// The inputs of a second step, behind one that reads.
fn second(code: &'static str, tool: &str, inputs: &str) -> Case {
    case(
        code,
        format!(
            "title: T\nsteps:\n  - {{id: first, title: F, tool: read_file, inputs: {{path: x}}}}\n  - id: a\n    title: A\n    tool: {tool}\n    inputs: {inputs}\n"
        ),
    )
}

/// The verify rule of a command.
fn verify(rule: &str) -> Case {
    case(
        "verify",
        format!(
            "title: T\nsteps:\n  - id: a\n    title: A\n    tool: run_shell_readonly\n    inputs: {{command: ls}}\n    verify: {rule}\n"
        ),
    )
}

fn change(code: &'static str, fields: &str) -> Case {
    let fields = indented(fields, 4);
    case(code, format!("title: T\nsteps:\n  - id: a\n    title: A\n{fields}"))
}

#[expect(clippy::too_many_lines, reason = "a table, one document an entry")]
fn documents() -> Vec<Case> {
    let deep = |levels: usize| format!("{}x{}", "[".repeat(levels), "]".repeat(levels));
    // Levels: the plan, its steps, the step, its inputs; `meta` begins the fifth.
    let too_deep = deep(29).replacen('[', "", 1);
    vec![
        case("document_too_large", format!("title: T\nnotes: {}\n", "x".repeat(1024 * 1024))),
        case("document_too_large", " ".repeat(1024 * 1024 + 1)),
        case("syntax", "title: ▲\"T"),
        case("syntax", "title: T\nsteps: [▲{id: a"),
        case("syntax", "title: T\n▲}\n"),
        case("syntax", "title: ▲'T\n"),
        case("syntax", "a: b▲: c\n"),
        case("syntax", "▲{\"title\": \"T\", ]"),
        case("syntax", "title: ▲\"\\q\"\n"),
        case("syntax", "title: ▲T\n\tsteps: []\n"),
        case("syntax", "▲%YAML 9.9\ntitle: T\n"),
        case("nul_character", "title: a▲\0b\n"),
        case("nul_character", "ab\ncd▲\0"),
        head("nul_character", "title: ▲\"a\\0b\""),
        head("nul_character", "title: ▲\"a\\x00b\""),
        head("nul_character", "title: ▲\"a\\u0000b\""),
        inputs("nul_character", "read_file", "{path: ▲\"\\0\"}"),
        inputs("nul_character", "read_file", "{▲\"pa\\0th\": x}"),
        case("several_documents", "title: T\nsteps: [{id: a, title: A, tool: list_dir}]\n▲---\ntitle: U\n"),
        case("several_documents", "title: T\nsteps: []\n...\n▲---\n"),
        case("several_documents", "{\"title\": \"T\"}\n▲--- {}\n"),
        case("empty_document", ""),
        case("empty_document", "\n\n  \n"),
        case("empty_document", "# only a comment\n"),
        case("empty_document", "---\n"),
        case("empty_document", "null\n"),
        case("empty_document", "~"),
        case("not_a_mapping", "▲- a\n- b\n"),
        case("not_a_mapping", "▲just text\n"),
        case("not_a_mapping", "▲[]"),
        case("not_a_mapping", "▲12"),
        case("not_a_mapping", "---\n▲\"text\"\n"),
        case("not_a_mapping", "▲true"),
        head("duplicate_key", "title: T\n▲title: U"),
        case("duplicate_key", "{\"title\": \"T\", ▲\"title\": \"T\", \"steps\": []}"),
        step("duplicate_key", "risk: low\n▲risk: high"),
        step("duplicate_key", "risk: low\n▲\"risk\": high"),
        step("duplicate_key", "risk: low\n▲\"ris\\u006b\": high"),
        inputs("duplicate_key", "list_dir", "{path: a, ▲path: b}"),
        inputs("duplicate_key", "list_dir", "{meta: {a: {b: 1, ▲b: 2}}}"),
        head("merge_key", "base: &b {title: T}\n▲<<: *b"),
        step("merge_key", "▲<<: {risk: low}"),
        inputs("merge_key", "list_dir", "{meta: {▲<<: {a: 1}}}"),
        head("key_not_text", "title: T\n▲1: x"),
        head("key_not_text", "title: T\n▲true: x"),
        head("key_not_text", "title: T\n▲null: x"),
        head("key_not_text", "title: T\n▲1.5: x"),
        head("key_not_text", "title: T\n▲~: x"),
        head("key_not_text", "title: T\n? ▲[a, b]\n: x"),
        head("key_not_text", "title: T\n? ▲{a: b}\n: x"),
        inputs("key_not_text", "list_dir", "{meta: {▲0x1f: a}}"),
        head("tag", "title: !!int ▲\"5\""),
        head("tag", "title: !secret ▲T"),
        head("tag", "title: !!binary ▲aGk="),
        step("tag", "inputs: !!map ▲{path: a}"),
        step("tag", "preconditions: !!seq ▲[a]"),
        step("tag", "preconditions: !!set ▲{a}"),
        head("unknown_alias", "title: ▲*nowhere"),
        inputs("unknown_alias", "list_dir", "{meta: &m {a: ▲*m}}"),
        inputs("unknown_alias", "list_dir", "{meta: &m [1, [▲*m]]}"),
        inputs(
            "too_many_aliases",
            "list_dir",
            &format!("{{meta: {{a: &a {}, b: [{}▲*a]}}}}", list(99), "*a, ".repeat(20)),
        ),
        inputs(
            "too_many_aliases",
            "list_dir",
            &format!("{{meta: {{a: &a \"{}\", b: [*a, *a, *a, ▲*a]}}}}", "x".repeat(20_000)),
        ),
        inputs("too_many_aliases", "list_dir", &doubling(12)),
        inputs("too_many_values", "list_dir", &format!("{{meta: [{}]}}", numbers_until(199_984))),
        inputs("nested_too_deep", "list_dir", &format!("{{meta: {}▲[{}", "[".repeat(28), &too_deep[28..])),
        case("nested_too_deep", format!("{}▲[x{}", "[".repeat(32), "]".repeat(33))),
        case("nested_too_deep", format!("a: {}▲{{x: 1{}", "{b: ".repeat(31), "}".repeat(32))),
        inputs(
            "nested_too_deep",
            "list_dir",
            &format!("{{meta: {{a: &a {}, b: {}▲*a{}}}}}", deep(15), "[".repeat(13), "]".repeat(13)),
        ),
        head("string_too_long", &format!("title: ▲{}", "x".repeat(512 * 1024 + 1))),
        inputs("string_too_long", "write_file_preview", &format!("{{path: a, content: ▲\"{}\"}}", "é".repeat(262_145))),
        head("string_too_long", &format!("▲? {}\n: x", "k".repeat(512 * 1024 + 1)).replacen("▲? ", "? ▲", 1)),
    ]
}

fn list(entries: usize) -> String {
    format!("[{}]", vec!["1"; entries].join(","))
}

/// Anchors that double: the classic of a small document that becomes a large one.
fn doubling(times: usize) -> String {
    let mut text = String::from("{meta: {a0: &a0 [1, 1]");
    for n in 1..=times {
        // The second half of the eighth doubling is the first to add more than 2,000 values with those before it.
        let mark = if n == 8 { ", ▲" } else { ", " };
        let previous = n - 1;
        let _ = write!(text, ", a{n}: &a{n} [*a{previous}{mark}*a{previous}]");
    }
    text + "}}"
}

fn numbers_until(count: usize) -> String {
    format!("{}▲1,1", "1,".repeat(count))
}

fn numbers() -> Vec<Case> {
    let of = |code: &'static str, number: &str| inputs(code, "list_dir", &format!("{{meta: {{n: ▲{number}}}}}"));
    vec![
        of("integer_out_of_range", "9007199254740992"),
        of("integer_out_of_range", "-9007199254740992"),
        of("integer_out_of_range", "+9007199254740992"),
        of("integer_out_of_range", "123456789012345678901234567890"),
        of("integer_out_of_range", "0x20000000000000"),
        of("integer_out_of_range", "0o400000000000000000"),
        of("integer_out_of_range", "0xffffffffffffffffffff"),
        of("integer_out_of_range", "1e20"),
        of("integer_out_of_range", "9007199254740993.0"),
        of("integer_out_of_range", "-1.5e300"),
        of("number_not_finite", ".inf"),
        of("number_not_finite", "-.Inf"),
        of("number_not_finite", "+.INF"),
        of("number_not_finite", ".nan"),
        of("number_not_finite", ".NaN"),
        of("number_not_finite", "1e999"),
        of("number_not_finite", "-1e999"),
        head("integer_out_of_range", "title: T\nversion: ▲99999999999999999999"),
        step("integer_out_of_range", "timeout_sec: ▲9007199254740993"),
        head("key_not_text", "title: T\n▲007: x"),
    ]
}

fn plans() -> Vec<Case> {
    let title = |chars: usize| format!("title: ▲{}", "x".repeat(chars));
    vec![
        head("unknown_key", "title: T\n▲titel: U"),
        head("unknown_key", "title: T\n▲workspace: U"),
        head("unknown_key", "title: T\n▲Title: U"),
        head("unknown_key", "title: T\n▲<: U"),
        head("unknown_key", "title: T\n▲\"<<\": U"),
        head("unknown_key", "title: T\n▲a/b~c: U"),
        head("unknown_key", "title: T\n▲\"\": U"),
        head("workspace_root", "title: T\n▲workspace_root: /etc"),
        head("missing_key", "▲version: 1"),
        case("missing_key", "▲title: T\n"),
        case("missing_key", "{\"title\": \"T\"}".replacen('{', "▲{", 1)),
        head("wrong_type", "title: ▲5"),
        head("wrong_type", "title: ▲true"),
        head("wrong_type", "title: ▲[T]"),
        head("wrong_type", "title: ▲{a: b}"),
        head("wrong_type", "title: ▲null"),
        head("wrong_type", "title: ▲1.5"),
        head("wrong_type", "plan_title: ▲5"),
        head("wrong_type", "title: T\nsession_goal: ▲5"),
        head("wrong_type", "title: T\nsession_goal: ▲[a]"),
        head("wrong_type", "title: T\nref: ▲{a: b}"),
        head("wrong_type", "title: T\nref: ▲12"),
        head("wrong_type", "title: T\nversion: ▲\"1\""),
        head("wrong_type", "title: T\nversion: ▲[1]"),
        head("wrong_type", "title: T\nversion: ▲true"),
        case("wrong_type", "title: T\nsteps: ▲5\n"),
        case("wrong_type", "title: T\nsteps: ▲null\n"),
        case("wrong_type", "title: T\nsteps: ▲{a: b}\n"),
        case("wrong_type", "title: T\nsteps: ▲text\n"),
        case("wrong_type", "title: T\nsteps:\n  - ▲text\n"),
        case("wrong_type", "title: T\nsteps:\n  - ▲[a]\n"),
        case("wrong_type", "title: T\nsteps: [▲7]\n"),
        case("wrong_type", "title: T\nsteps: [▲~]\n"),
        head("empty_text", "title: ▲\"\""),
        head("empty_text", "title: ▲\"  \\n \""),
        head("empty_text", "plan_title: ▲''"),
        head("text_too_long", &title(301)),
        head("text_too_long", &format!("plan_title: ▲{}", "雪".repeat(301))),
        head("text_too_long", &format!("title: T\nsession_goal: ▲{}", "x".repeat(4_001))),
        head("text_too_long", &format!("title: T\nref: ▲{}", "x".repeat(201))),
        head("title_twice", "title: T\n▲plan_title: T"),
        head("title_twice", "▲plan_title: T\ntitle: T"),
        head("version_range", "title: T\nversion: ▲0"),
        head("version_range", "title: T\nversion: ▲-1"),
        head("version_range", "title: T\nversion: ▲1.0"),
        head("version_range", "title: T\nversion: ▲1.5"),
        head("version_range", "title: T\nversion: ▲1000001"),
        head("version_range", "title: T\nversion: ▲4294967297"),
        case("no_steps", "title: T\nsteps: ▲[]\n"),
        case("no_steps", "{\"title\": \"T\", \"steps\": ▲[]}"),
        case(
            "too_many_steps",
            format!("title: T\nsteps:\n  ▲{}", "- {id: a, title: A, tool: list_dir}\n  ".repeat(1_001)),
        ),
        case(
            "too_many_steps",
            format!(
                "title: T\nsteps:\n  ▲{}",
                "- {id: a, title: A, change: {files: [{path: a, content: b}]}}\n  ".repeat(501)
            ),
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one document an entry")]
fn steps() -> Vec<Case> {
    let long = "x".repeat(65);
    vec![
        bare_step("missing_key", "▲title: A\ntool: list_dir"),
        bare_step("missing_key", "▲id: a\ntool: list_dir"),
        bare_step("missing_key", "▲id: a\ntitle: A"),
        step("unknown_key", "▲risks: low"),
        step("unknown_key", "▲timeout: 5"),
        step("unknown_key", "▲name: a"),
        step("unknown_key", "▲depends_on: []"),
        step("unknown_key", "▲approved: true"),
        step("workspace_root", "▲workspace_root: /"),
        bare_step("step_id", "id: ▲a b\ntitle: A\ntool: list_dir"),
        bare_step("step_id", "id: ▲a.b\ntitle: A\ntool: list_dir"),
        bare_step("step_id", "id: ▲a/b\ntitle: A\ntool: list_dir"),
        bare_step("step_id", "id: ▲../a\ntitle: A\ntool: list_dir"),
        bare_step("step_id", "id: ▲雪\ntitle: A\ntool: list_dir"),
        bare_step("step_id", "id: ▲\"a\\n\"\ntitle: A\ntool: list_dir"),
        bare_step("step_id", "id: ▲\"a \"\ntitle: A\ntool: list_dir"),
        bare_step("empty_text", "id: ▲\"\"\ntitle: A\ntool: list_dir"),
        bare_step("text_too_long", &format!("id: ▲{long}\ntitle: A\ntool: list_dir")),
        bare_step("wrong_type", "id: ▲1\ntitle: A\ntool: list_dir"),
        bare_step("wrong_type", "id: ▲null\ntitle: A\ntool: list_dir"),
        bare_step("wrong_type", "id: ▲[a]\ntitle: A\ntool: list_dir"),
        bare_step("wrong_type", "id: a\ntitle: ▲1\ntool: list_dir"),
        bare_step("empty_text", "id: a\ntitle: ▲' '\ntool: list_dir"),
        bare_step("text_too_long", &format!("id: a\ntitle: ▲{}\ntool: list_dir", "x".repeat(301))),
        bare_step("wrong_type", "id: a\ntitle: A\ntool: ▲[list_dir]"),
        bare_step("empty_text", "id: a\ntitle: A\ntool: ▲''"),
        bare_step("unknown_tool", "id: a\ntitle: A\ntool: ▲list_dirs"),
        bare_step("unknown_tool", "id: a\ntitle: A\ntool: ▲bash"),
        bare_step("unknown_tool", "id: a\ntitle: A\ntool: ▲List_Dir"),
        bare_step("unknown_tool", "id: a\ntitle: A\ntool: ▲\"list_dir \""),
        case(
            "duplicate_step",
            "title: T\nsteps:\n  - {id: a, title: A, tool: list_dir}\n  - {id: ▲a, title: B, tool: list_dir}\n",
        ),
        step("unknown_risk", "risk: ▲extreme"),
        step("unknown_risk", "risk: ▲LOW"),
        step("unknown_risk", "risk: ▲3"),
        step("unknown_risk", "risk: ▲null"),
        step("unknown_risk", "risk: ▲[low]"),
        step("timeout_range", "timeout_sec: ▲0"),
        step("timeout_range", "timeout_sec: ▲121"),
        step("timeout_range", "timeout_sec: ▲-5"),
        step("timeout_range", "timeout_sec: ▲1.5"),
        step("timeout_range", "timeout_sec: ▲30.0"),
        step("timeout_range", "timeout_sec: ▲\"30\""),
        step("timeout_range", "timeout_sec: ▲null"),
        step("timeout_range", "timeout_sec: ▲[30]"),
        step("timeout_range", "timeout_sec: ▲\"${steps.x.output.seconds}\""),
        step("conditions", "preconditions: ▲text"),
        step("conditions", "preconditions: ▲[1]"),
        step("conditions", "preconditions: ▲[a, [b]]"),
        step("conditions", "preconditions: ▲{a: b}"),
        step("conditions", "preconditions: ▲null"),
        step("conditions", "postconditions: ▲[true]"),
        step("conditions", &format!("postconditions: ▲{}", list(51).replace('1', "x"))),
        step("wrong_type", "expected_observation: ▲5"),
        step("wrong_type", "expected_observation: ▲[a]"),
        step("text_too_long", &format!("expected_observation: ▲{}", "x".repeat(4_001))),
        step("wrong_type", "inputs: ▲[a]"),
        step("wrong_type", "inputs: ▲text"),
        step("wrong_type", "inputs: ▲null"),
        verify("▲5"),
        verify("▲[a]"),
        verify("▲{}"),
        verify("▲{type: exit_code}"),
        verify("▲{expr: \"0\"}"),
        verify("{type: exit_code, expr: ▲0}"),
        verify("{type: exit_code, expr: ▲\"\"}"),
        verify("{type: exit_code, expr: ▲\" \"}"),
        verify("{type: exit_code, expr: ▲\"256\"}"),
        verify("{type: exit_code, expr: ▲\"-1\"}"),
        verify("{type: exit_code, expr: ▲\"0,,1\"}"),
        verify("{type: exit_code, expr: ▲zero}"),
        verify("{type: ▲exitcode, expr: \"0\"}"),
        verify("{type: ▲1, expr: \"0\"}"),
        verify("{type: exit_code, expr: \"0\", ▲negate: true}"),
        verify("{type: regex, expr: ▲\"(\"}"),
        verify("{type: regex, expr: ▲\"(?=a)\"}"),
        verify("{type: regex, expr: ▲\"(a)\\\\1\"}"),
        verify("{type: regex, expr: ▲\"(a{1000}){1000}\"}"),
        verify(&format!("{{type: regex, expr: ▲\"{}\"}}", "x".repeat(4_001))),
        verify("{type: jsonpath, expr: ▲stdout}"),
        verify("{type: jsonpath, expr: ▲\"$.a[\"}"),
        verify("{type: jsonpath, expr: ▲\"$[?\"}"),
        verify("{type: jsonpath, expr: ▲\"$..\"}"),
        verify("{type: jsonpath, expr: ▲\"$.entries[?count($..*) > 1]\"}"),
        verify("{type: jsonpath, expr: ▲\"$.entries[?search(@.name, '(a{99}){99}')]\"}"),
        verify("{type: jsonpath, expr: ▲\"$[*,*,*,*,*,*][*,*,*,*,*]\"}"),
        verify(&format!("{{type: jsonpath, expr: ▲\"${}{}\"}}", "[?@".repeat(40), "]".repeat(40))),
        verify("{type: artifact_exists, expr: ▲/etc/passwd}"),
        verify("{type: artifact_exists, expr: ▲../secret}"),
        verify("{type: artifact_exists, expr: ▲a/../../b}"),
        step("verify", "verify: {type: ▲exit_code, expr: \"0\"}"),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one document an entry")]
fn tool_inputs() -> Vec<Case> {
    vec![
        inputs("missing_input", "read_file", "▲{}"),
        bare_step("missing_input", "▲id: a\ntitle: A\ntool: read_file"),
        inputs("missing_input", "run_shell_readonly", "▲{}"),
        inputs("missing_input", "write_file_preview", "▲{path: a}"),
        inputs("missing_input", "write_file_apply", "▲{content: a}"),
        inputs("unknown_input", "read_file", "{path: a, ▲encodign: utf-8}"),
        inputs("unknown_input", "read_file", "{path: a, ▲recursive: true}"),
        inputs("unknown_input", "list_dir", "{▲Path: a}"),
        inputs("unknown_input", "run_shell_readonly", "{command: ls, ▲shell: true}"),
        inputs("unknown_input", "run_shell_readonly", "{command: ls, ▲env: {A: b}}"),
        inputs("unknown_input", "write_file_preview", "{path: a, content: b, ▲preview: {}}"),
        inputs("unknown_input", "apply_patch", "{files: [{path: a, ▲contents: b}]}"),
        inputs("workspace_root", "list_dir", "{▲workspace_root: /}"),
        inputs("workspace_root", "apply_patch", "{files: [{path: a, content: b, ▲workspace_root: /}]}"),
        inputs("input_type", "read_file", "{path: ▲5}"),
        inputs("input_type", "read_file", "{path: ▲null}"),
        inputs("input_type", "read_file", "{path: ▲[a]}"),
        inputs("input_type", "read_file", "{path: ▲{a: b}}"),
        inputs("input_type", "list_dir", "{path: ▲true}"),
        inputs("input_type", "run_shell_readonly", "{command: ▲[ls, -l]}"),
        inputs("input_type", "run_shell_readonly", "{command: ls, timeout_sec: ▲\"5\"}"),
        inputs("input_type", "run_shell_readonly", "{command: ls, timeout_sec: ▲5.0}"),
        inputs("input_type", "write_file_preview", "{path: a, content: ▲12}"),
        inputs("input_type", "write_file_apply", "{path: a, content: b, preview: ▲text}"),
        inputs("input_type", "write_file_apply", "{path: a, content: b, preview: ▲[]}"),
        inputs("input_type", "write_file_apply", "{path: a, content: b, preview: {path: ▲5}}"),
        inputs("input_type", "apply_patch", "{patch: ▲5}"),
        inputs("input_type", "apply_patch", "{files: ▲{path: a}}"),
        inputs("input_type", "apply_patch", "{files: [▲a]}"),
        inputs("input_type", "apply_patch", "{files: [{path: a, delete: ▲\"true\"}]}"),
        inputs("input_type", "apply_patch", "{files: [{path: a, content: b, mode: ▲0644}]}"),
        inputs("missing_input", "apply_patch", "{files: [▲{content: b}]}"),
        inputs("input_value", "read_file", "{path: a, encoding: ▲latin-1}"),
        inputs("input_value", "read_file", "{path: a, encoding: ▲UTF-8}"),
        inputs("input_value", "apply_patch", "{patch: x, mode: ▲both}"),
        inputs("input_range", "run_shell_readonly", "{command: ls, timeout_sec: ▲0}"),
        inputs("input_range", "run_shell_readonly", "{command: ls, timeout_sec: ▲31}"),
        inputs("input_range", "run_shell_readonly", "{command: ls, timeout_sec: ▲-1}"),
        inputs("input_empty", "run_shell_readonly", "{command: ▲\"\"}"),
        inputs("input_length", "run_shell_readonly", &format!("{{command: ▲{}}}", "x".repeat(8_193))),
        inputs(
            "input_length",
            "apply_patch",
            &format!("{{files: ▲[{}]}}", vec!["{path: a, content: b}"; 501].join(", ")),
        ),
        inputs("input_misfit", "apply_patch", "▲{}"),
        inputs("input_misfit", "apply_patch", "▲{mode: apply}"),
        inputs("input_misfit", "apply_patch", "{files: ▲[]}"),
        inputs("input_misfit", "apply_patch", "{patch: x, files: ▲[{path: a, content: b}]}"),
        inputs("reference_form", "read_file", "{path: ▲\"x ${steps.a.output}\"}"),
        inputs("reference_form", "read_file", "{path: ▲\"${steps.a.output\"}"),
        inputs("reference_form", "read_file", "{path: ▲\"${steps.a.stdout}\"}"),
        inputs("reference_form", "read_file", "{path: ▲\"${steps.a.output.}\"}"),
        inputs("reference_form", "read_file", "{path: ▲\"${steps..output}\"}"),
        inputs("reference_form", "read_file", "{path: ▲\"${steps.a.output.b c}\"}"),
        inputs("reference_form", "read_file", "{path: ▲\"${steps.a.output} \"}"),
        second("reference_form", "read_file", "{path: ▲\"${steps.first.output.path}${steps.first.output.path}\"}"),
        inputs("reference_unknown", "read_file", "{path: ▲\"${steps.nowhere.output.path}\"}"),
        second("reference_unknown", "read_file", "{path: ▲\"${steps.frist.output.path}\"}"),
        second("reference_unknown", "apply_patch", "{files: [{path: x, content: ▲\"${steps.other.output.content}\"}]}"),
        inputs("reference_later", "read_file", "{path: ▲\"${steps.a.output.path}\"}"),
        case(
            "reference_later",
            "title: T\nsteps:\n  - {id: a, title: A, tool: read_file, inputs: {path: ▲\"${steps.b.output.path}\"}}\n  - {id: b, title: B, tool: list_dir}\n",
        ),
        second("timeout_range", "run_shell_readonly", "{command: ls, timeout_sec: ▲\"${steps.first.output.bytes}\"}"),
        case(
            "preview_before_apply",
            "title: T\nsteps:\n  - {id: a, title: A, tool: write_file_apply, inputs: {path: x, content: a}}\n  - ▲{id: b, title: B, tool: write_file_apply, inputs: {path: ./x, content: b}}\n",
        ),
        case(
            "preview_before_apply",
            "title: T\nsteps:\n  - {id: p, title: P, tool: write_file_preview, inputs: {path: x, content: b}}\n  - {id: a, title: A, tool: write_file_apply, inputs: {path: x, content: a}}\n  - ▲{id: b, title: B, tool: apply_patch, inputs: {mode: apply, files: [{path: x, content: b}]}}\n",
        ),
    ]
}

fn changes() -> Vec<Case> {
    let good = "change: {files: [{path: a, content: b}]}";
    vec![
        change("change_and_tool", &format!("{good}\n▲tool: apply_patch")),
        change("change_and_tool", &format!("{good}\n▲inputs: {{}}")),
        change("missing_key", "change: ▲{}"),
        change("missing_key", "change: ▲5"),
        change("missing_key", "change: ▲[a]"),
        change("missing_key", "change: ▲null"),
        change("unknown_key", "change: {files: [{path: a, content: b}], ▲mode: apply}"),
        change("unknown_key", "change: {files: [{path: a, content: b}], ▲patch: x}"),
        change("unknown_key", &format!("{good}\n▲risky: true")),
        change("workspace_root", "change: {files: [{path: a, content: b}], ▲workspace_root: /}"),
        change("input_type", "change: {files: ▲text}"),
        change("input_misfit", "change: {files: ▲[]}"),
        change("missing_input", "change: {files: [▲{content: b}]}"),
        change("unknown_input", "change: {files: [{path: a, content: b, ▲mod: \"0644\"}]}"),
        change("input_type", "change: {files: [{path: ▲5, content: b}]}"),
        change("unknown_risk", &format!("{good}\nrisk: ▲none")),
        change("timeout_range", &format!("{good}\ntimeout_sec: ▲500")),
        change("conditions", &format!("{good}\npreconditions: ▲text")),
        change("verify", &format!("{good}\nverify: {{type: ▲exit_code, expr: \"0\"}}")),
        change("reference_unknown", "change: {files: [{path: a, content: ▲\"${steps.x.output.content}\"}]}"),
        bare_step("step_id", &format!("id: ▲{}\ntitle: A\n{good}", "x".repeat(57))),
        bare_step("step_id", &format!("id: ▲a b\ntitle: A\n{good}")),
        bare_step("text_too_long", &format!("id: a\ntitle: ▲{}\n{good}", "x".repeat(291))),
        bare_step("empty_text", &format!("id: ▲''\ntitle: A\n{good}")),
        bare_step("wrong_type", &format!("id: ▲5\ntitle: A\n{good}")),
        bare_step("missing_key", &format!("▲id: a\n{good}")),
        case(
            "duplicate_step",
            "title: T\nsteps:\n  - {id: a, title: A, change: {files: [{path: a, content: b}]}}\n  - {id: ▲a_preview, title: B, tool: list_dir}\n",
        ),
        case(
            "duplicate_step",
            "title: T\nsteps:\n  - {id: a_apply, title: B, tool: list_dir}\n  - {id: ▲a, title: A, change: {files: [{path: a, content: b}]}}\n",
        ),
    ]
}

fn cases() -> Vec<Case> {
    [documents(), numbers(), plans(), steps(), tool_inputs(), changes()].into_iter().flatten().collect()
}

/// The document without its mark, and the place of the mark.
fn marked(case: &Case) -> (String, u32, u32) {
    let Some(at) = case.document.find('▲') else { return (case.document.clone(), 1, 1) };
    let before = &case.document[..at];
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    (case.document.replacen('▲', "", 1), line, column)
}

fn problems(document: &str) -> Vec<PlanProblem> {
    draft(document, tools()).err().unwrap_or_default()
}

#[test]
fn every_malformed_plan_is_refused_with_its_code_place_and_fix() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let (document, line, column) = marked(case);
        let found = problems(&document);
        let shown: String = document.chars().take(200).collect();
        let expected =
            |problem: &PlanProblem| (problem.code.as_str(), problem.line, problem.column) == (case.code, line, column);
        if found.len() != 1 || !found.iter().all(expected) {
            let found: Vec<_> = found
                .iter()
                .take(4)
                .map(|problem| format!("{} {}:{} {}", problem.code, problem.line, problem.column, problem.message))
                .collect();
            wrong.push(format!("{} {line}:{column} expected of\n{shown}\nfound: {found:#?}\n", case.code));
        }
        for problem in &found {
            assert!(!problem.fix.is_empty() && !problem.message.is_empty(), "{problem:?}");
            assert!(CODES.iter().any(|(code, _)| *code == problem.code), "`{}` is not in the list", problem.code);
            assert!(problem.message.chars().count() < 400, "{}", problem.message);
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 200, "{} cases", cases.len());
}

/// What people read of these plans: another language's sentences are held to this list.
#[test]
fn what_is_said_of_malformed_plans_stands_in_a_list() {
    let mut told = BTreeSet::new();
    for case in cases() {
        for problem in problems(&marked(&case).0) {
            told.insert(format!("{}\t{}\t{}", problem.code, problem.message, problem.fix));
        }
    }
    insta::assert_snapshot!(told.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let mut covered: BTreeSet<&str> = cases().iter().map(|case| case.code).collect();
    covered.insert("more_problems"); // Shown below.
    let missing: Vec<_> = CODES.iter().map(|(code, _)| *code).filter(|code| !covered.contains(code)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    let codes: BTreeSet<_> = CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes.len(), CODES.len(), "a code stands twice");
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_document() {
    let document = "titel: T\nsteps:\n  - id: a b\n    tool: bash\n    risk: none\n    timeout_sec: 0\n  - id: b\n    title: B\n    tool: read_file\n    inputs: {pth: a}\n";
    let told: Vec<_> =
        problems(document).iter().map(|problem| format!("{} {}", problem.code, problem.pointer)).collect();
    assert_eq!(
        told,
        [
            "unknown_key /titel",
            "missing_key ",
            "missing_key /steps/0",
            "step_id /steps/0/id",
            "unknown_tool /steps/0/tool",
            "unknown_risk /steps/0/risk",
            "timeout_range /steps/0/timeout_sec",
            "missing_input /steps/1/inputs",
            "unknown_input /steps/1/inputs/pth",
        ]
    );
}

#[test]
fn more_problems_than_a_person_reads_are_counted() {
    let steps = (0..150).fold(String::new(), |steps, n| format!("{steps}  - {{id: s{n}, title: A, tool: bash}}\n"));
    let found = problems(&format!("title: T\nsteps:\n{steps}"));
    assert_eq!(found.len(), PROBLEMS_MAX + 1);
    let last = found.last().unwrap();
    assert_eq!((last.code.as_str(), last.message.as_str()), ("more_problems", "50 more problems are not listed"));
    assert!(!last.fix.is_empty());
}

#[test]
fn a_misspelt_word_is_answered_with_the_nearest() {
    let fix = |document: &str| problems(document)[0].fix.clone();
    assert_eq!(fix("title: T\nsteps: [{id: a, title: A, tool: read_fil}]"), "did you mean `read_file`?");
    assert_eq!(fix("title: T\nstep: []\nsteps: [{id: a, title: A, tool: list_dir}]"), "did you mean `steps`?");
    let fix = fix("title: T\nsteps: [{id: a, title: A, tool: execute_everything}]");
    assert!(fix.starts_with("use one of `apply_patch`"), "{fix}");
}

/// A problem's pointer leads to its place in the document as it was written, also below `change`.
#[test]
fn a_pointer_leads_into_the_document() {
    let of = |document: &str| problems(document)[0].pointer.clone();
    let step = |rest: &str| format!("title: T\nsteps:\n  - id: a\n    title: A\n{rest}");
    assert_eq!(of(&step("    change: {files: [{path: 5, content: b}]}\n")), "/steps/0/change/files/0/path");
    assert_eq!(
        of(&step("    change: {files: [{path: a, content: \"${steps.x.output}\"}]}\n")),
        "/steps/0/change/files/0/content"
    );
    assert_eq!(of(&step("    change: {files: []}\n")), "/steps/0/change/files");
    assert_eq!(of(&step("    tool: list_dir\n    a/b~c: 1\n")), "/steps/0/a~1b~0c");
    assert_eq!(of(&step("    tool: list_dir\n    inputs: {a/b: 1}\n")), "/steps/0/inputs/a~1b");
}
