//! Plans that are accepted, and what they are read as.

use calt_core::Plan;
use calt_core::plan::schema::json_schema;
use calt_core::plan::{Draft, Verify, VerifyKind, draft};
use calt_core::toolbox::{Effect, Risk};
use serde_json::{Value, json};

use crate::toolbox::tools;

#[track_caller]
fn read(document: &str) -> Draft {
    draft(document, tools()).unwrap_or_else(|problems| panic!("{document}\n{problems:#?}"))
}

#[track_caller]
fn plan(document: &str) -> Plan {
    read(document).number(1)
}

/// One step of `list_dir` with these fields.
fn step(fields: &str) -> String {
    format!("title: T\nsteps:\n  - id: a\n    title: A\n    tool: list_dir\n    {fields}\n")
}

fn meta(value: &str) -> Value {
    read(&step(&format!("inputs: {{meta: {{v: {value}}}}}"))).steps[0].meta.as_ref().expect("it was given")["v"].clone()
}

const EVERYTHING: &str = r#"
version: 1
title: "Everything a plan can say: 全部"
session_goal: Show it
ref: OPS-123
steps:
  - id: step_001
    title: Read
    tool: read_file
    risk: low
    inputs: {path: a.txt, meta: {why: [because, 1.5, null, true], "<<": quoted}}
    preconditions: ["a.txt is there"]
    postconditions: []
    expected_observation: some text
    verify: {type: regex, expr: "^one$"}
    timeout_sec: 120
  - id: step-002
    title: Show
    change:
      files:
        - path: a.txt
          content: "${steps.step_001.output.content}"
        - {path: b.txt, content: "two\n", mode: "0755"}
    risk: high
    preconditions: [ready]
    postconditions: [written]
    verify: {type: artifact_exists, expr: b.txt}
  - id: last
    title: Run
    tool: run_shell_readonly
    inputs:
      command: >-
        ls
        -l
    verify: {type: exit_code, expr: "0, 1"}
"#;

#[test]
fn yaml_and_json_of_the_same_plan_have_the_same_digest() {
    let yaml = plan(EVERYTHING);
    let document = json!({
        "steps": [
            {
                "timeout_sec": 120, "id": "step_001", "title": "Read", "tool": "read_file",
                "inputs": {"meta": {"<<": "quoted", "why": ["because", 1.5, null, true]}, "path": "a.txt"},
                "preconditions": ["a.txt is there"], "expected_observation": "some text",
                "verify": {"expr": "^one$", "type": "regex"},
            },
            {
                "id": "step-002", "title": "Show", "risk": "high", "preconditions": ["ready"],
                "postconditions": ["written"], "verify": {"type": "artifact_exists", "expr": "b.txt"},
                "change": {"files": [
                    {"path": "a.txt", "content": "${steps.step_001.output.content}"},
                    {"path": "b.txt", "content": "two\n", "mode": "0755"},
                ]},
            },
            {
                "id": "last", "title": "Run", "tool": "run_shell_readonly", "inputs": {"command": "ls -l"},
                "verify": {"type": "exit_code", "expr": "0, 1"},
            },
        ],
        "plan_title": "Everything a plan can say: 全部", "session_goal": "Show it", "ref": "OPS-123",
    });
    for json in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
        assert_eq!(plan(&json).digest(), yaml.digest());
        // As many writers of JSON do it: everything beyond ASCII escaped, and tabs before keys.
        let escaped: String = json
            .chars()
            .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
            .collect();
        assert_eq!(plan(&escaped).digest(), yaml.digest());
        assert_eq!(plan(&json.replace("  ", "\t")).digest(), yaml.digest());
    }
    assert_eq!(plan(&EVERYTHING.replace('\n', "\r\n")).digest(), yaml.digest());
    assert_eq!(plan(&format!("\u{feff}{EVERYTHING}")).digest(), yaml.digest());
    assert_eq!(plan(&format!("---{EVERYTHING}...\n")).digest(), yaml.digest());
}

#[test]
fn json_reads_as_json_does() {
    for text in [
        r#""\ud83d\ude00 \/ \" \\ \b\f\n\r\t""#,
        r#""\u0001\u001f\u007f\u2028\ufeff""#,
        "\"\u{2028}\u{85}\u{feff}\u{e000}\"",
        "\"é 日本 😀\"",
    ] {
        let known: Value = serde_json::from_str(text).unwrap();
        assert_eq!(meta(text), known, "{text}");
    }
    for number in ["0", "-0", "1", "-1.5", "1e5", "1E-5", "1.25e+3", "9007199254740991", "-9007199254740991"] {
        let known: f64 = number.parse().unwrap();
        assert_eq!(meta(number).as_f64(), Some(known), "{number}");
    }
}

#[test]
fn the_canonical_form_reads_as_the_same_plan() {
    let first = plan(EVERYTHING);
    for text in [
        first.canonical().to_string(),
        String::from_utf8(calt_core::digest::canonical_json(&first.canonical())).unwrap(),
    ] {
        let again = read(&text);
        assert_eq!(again.version, Some(1));
        let again = again.number(1);
        assert_eq!((again.digest(), again.canonical()), (first.digest(), first.canonical()));
    }
}

#[test]
fn defaults_are_filled_in_and_the_tool_raises_the_risk() {
    let short = plan("title: T\nsteps:\n  - {id: a, title: A, tool: list_dir}\n");
    let long = plan(&step(
        "risk: low\n    inputs: {}\n    preconditions: []\n    postconditions: []\n    timeout_sec: 30\n    verify: null",
    ));
    assert_eq!(short.digest(), long.digest());
    let apply = |risk: &str| {
        let inputs = "{path: a, content: b}";
        read(&format!("title: T\nsteps:\n  - {{id: a, title: A, tool: write_file_apply, inputs: {inputs}{risk}}}\n"))
            .steps
            .remove(0)
    };
    assert_eq!(apply("").risk, Risk::Medium);
    assert_eq!(
        (apply(", risk: low").risk, apply(", risk: low").remarks[0].code.as_str()),
        (Risk::Medium, "risk_raised")
    );
    assert_eq!(apply(", risk: high").risk, Risk::High);
    assert!(apply(", risk: high").remarks.is_empty());
}

#[test]
fn a_version_or_a_title_changes_the_digest_and_the_layout_does_not() {
    let base = read(EVERYTHING);
    assert_ne!(base.clone().number(1).digest(), base.clone().number(2).digest());
    assert_ne!(plan(&EVERYTHING.replace("全部", "全")).digest(), base.clone().number(1).digest());
    let commented = EVERYTHING.replace("\n    title", "   # a note\n    title");
    assert_eq!(plan(&commented).digest(), base.number(1).digest());
}

#[test]
fn plan_title_is_read_as_title() {
    let read_as = |key: &str| plan(&format!("{key}: T\nsteps: [{{id: a, title: A, tool: list_dir}}]"));
    assert_eq!(read_as("plan_title").digest(), read_as("title").digest());
    assert_eq!(read_as("plan_title").canonical()["title"], "T");
}

#[test]
fn every_limit_holds_what_it_allows() {
    read(&step(&format!("inputs: {{meta: {}1{}}}", "[".repeat(28), "]".repeat(28))));
    read(&step(&format!("inputs: {{meta: {{v: &v {}, w: *v}}}}", "x".repeat(40_000))));
    let long = "x".repeat(512 * 1024);
    read(&format!(
        "title: T\nsteps: [{{id: a, title: A, tool: write_file_preview, inputs: {{path: a, content: {long}}}}}]"
    ));
    let step = |steps, n| format!("{steps}  - {{id: s{n}, title: A, tool: list_dir}}\n");
    let steps = (0..1_000).fold(String::new(), step);
    assert_eq!(read(&format!("title: T\nsteps:\n{steps}")).steps.len(), 1_000);
    let id = "x".repeat(64);
    read(&format!(
        "title: {}\nversion: 1000000\nsteps: [{{id: {id}, title: A, tool: list_dir, timeout_sec: 1}}]",
        "雪".repeat(300)
    ));
    let change = |title: usize| {
        let (id, title) = ("x".repeat(56), "t".repeat(title));
        format!("title: T\nsteps: [{{id: {id}, title: {title}, change: {{files: [{{path: a, content: b}}]}}}}]")
    };
    let again = plan(&change(290)).canonical().to_string();
    assert_eq!(plan(&again).digest(), plan(&change(290)).digest());
}

#[test]
fn plain_words_follow_the_core_schema() {
    for (text, value) in [
        ("no", json!("no")),
        ("yes", json!("yes")),
        ("on", json!("on")),
        ("1_000", json!("1_000")),
        ("0b11", json!("0b11")),
        ("1:30", json!("1:30")),
        ("2024-01-01", json!("2024-01-01")),
        ("-0x1f", json!("-0x1f")),
        ("0x", json!("0x")),
        ("1.2.3", json!("1.2.3")),
        (".", json!(".")),
        ("e5", json!("e5")),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("010", json!(10)),
        ("+7", json!(7)),
        ("~", json!(null)),
        ("Null", json!(null)),
        ("True", json!(true)),
        ("FALSE", json!(false)),
        ("!!str 5", json!("5")),
        ("! 5", json!("5")),
        ("'5'", json!("5")),
    ] {
        assert_eq!(meta(text), value, "{text}");
    }
    for (text, value) in
        [("0.5", 0.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-2.5E-1", -0.25), ("6.02e+2", 602.0)]
    {
        assert_eq!(meta(text).as_f64(), Some(value), "{text}");
    }
}

#[test]
fn aliases_within_the_budget_are_written_out() {
    let aliased = "title: T\nsteps:\n  - {id: a, title: A, tool: list_dir, inputs: &i {path: x}}\n  - {id: b, title: B, tool: list_dir, inputs: *i}\n";
    let plain = aliased.replace("&i ", "").replace("*i", "{path: x}");
    assert_eq!(plan(aliased).digest(), plan(&plain).digest());
}

#[test]
fn meta_is_digested_and_not_passed_on() {
    let with = plan(&step("inputs: {path: x, meta: {ticket: 5}}"));
    let without = plan(&step("inputs: {path: x}"));
    assert_ne!(with.digest(), without.digest());
    assert_eq!(with.steps()[0].inputs, json!({"path": "x"}));
    assert_eq!(with.canonical()["steps"][0]["inputs"]["meta"], json!({"ticket": 5}));
    // A reference in `meta` is text: nothing resolves it.
    assert!(plan(&step("inputs: {meta: \"${steps.x.output}\"}")).steps()[0].references.is_empty());
}

#[test]
fn references_are_found_wherever_a_value_stands() {
    let draft = read(
        "title: T\nsteps:\n  - {id: one, title: A, tool: read_file, inputs: {path: x}}\n  - id: two\n    title: B\n    tool: apply_patch\n    inputs:\n      mode: \"${steps.one.output.mode}\"\n      files: [{path: \"${steps.one.output.path}\", content: \"${steps.one.output.entries.0.name}\"}]\n      preview: \"${steps.one.output}\"\n",
    );
    let step = &draft.steps[1];
    let mut found: Vec<_> = step.references.iter().map(|one| (one.pointer.as_str(), one.to_string())).collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("/files/0/content", "${steps.one.output.entries.0.name}".to_owned()),
            ("/files/0/path", "${steps.one.output.path}".to_owned()),
            ("/mode", "${steps.one.output.mode}".to_owned()),
            ("/preview", "${steps.one.output}".to_owned()),
        ]
    );
    // What only shows at the run counts as the wider effect.
    assert_eq!((step.effect, step.risk), (Effect::Writes, Risk::Medium));
    let command = "title: T\nsteps:\n  - {id: one, title: A, tool: read_file, inputs: {path: x}}\n  - {id: two, title: B, tool: run_shell_readonly, inputs: {command: \"${steps.one.output.content}\"}}\n";
    let step = &read(command).steps[1];
    assert_eq!((step.box_spec.as_ref().unwrap().name.as_str(), step.risk), ("test", Risk::Medium));
}

#[test]
fn a_change_is_a_preview_and_an_apply_of_the_same_files() {
    let change = plan(
        "title: T\nsteps:\n  - id: c\n    title: Change\n    change: {files: [{path: a, content: b}]}\n    risk: high\n    preconditions: [p]\n    postconditions: [q]\n    expected_observation: e\n    timeout_sec: 60\n    verify: {type: regex, expr: x}\n",
    );
    let written = plan(
        r#"{"title": "T", "steps": [
            {"id": "c_preview", "title": "Change (preview)", "tool": "apply_patch", "risk": "high", "timeout_sec": 60,
             "inputs": {"mode": "preview", "files": [{"path": "a", "content": "b"}]},
             "preconditions": ["p"], "expected_observation": "e"},
            {"id": "c_apply", "title": "Change (apply)", "tool": "apply_patch", "risk": "high", "timeout_sec": 60,
             "inputs": {"mode": "apply", "files": [{"path": "a", "content": "b"}], "preview": "${steps.c_preview.output}"},
             "preconditions": ["p"], "postconditions": ["q"], "expected_observation": "e",
             "verify": {"type": "regex", "expr": "x"}}
        ]}"#,
    );
    assert_eq!(change.canonical(), written.canonical());
    assert_eq!(change.digest(), written.digest());
    assert_eq!(change.steps()[1].verify, Some(Verify { kind: VerifyKind::Regex, expr: "x".to_owned() }));
}

#[test]
fn changes_in_a_row_are_previewed_together_until_a_path_repeats() {
    let order = |steps: &str| {
        let draft = read(&format!("title: T\nsteps:\n{steps}"));
        draft.steps.iter().map(|step| step.id.to_string()).collect::<Vec<_>>()
    };
    let change = |id: &str, path: &str| {
        format!("  - {{id: {id}, title: C, change: {{files: [{{path: \"{path}\", content: x}}]}}}}\n")
    };
    let look = "  - {id: look, title: L, tool: list_dir}\n";
    assert_eq!(order(&(change("a", "1") + &change("b", "2"))), ["a_preview", "b_preview", "a_apply", "b_apply"]);
    assert_eq!(
        order(&(change("a", "1") + &change("b", "1") + &change("c", "2"))),
        ["a_preview", "a_apply", "b_preview", "c_preview", "b_apply", "c_apply"]
    );
    assert_eq!(
        order(&(change("a", "1") + look + &change("b", "2"))),
        ["a_preview", "a_apply", "look", "b_preview", "b_apply"]
    );
    assert_eq!(
        order(&(change("a", "1") + &change("b", "./1"))),
        ["a_preview", "a_apply", "b_preview", "b_apply"],
        "a path is the same however it is written"
    );
    let renamed =
        "  - {id: b, title: C, change: {files: [{path: 2, rename_to: \"1\"}]}}\n".replace("path: 2", "path: \"2\"");
    let first = change("a", "1");
    assert_eq!(order(&(first + &renamed)), ["a_preview", "a_apply", "b_preview", "b_apply"]);
}

#[test]
fn a_command_that_is_not_allowed_imports_with_a_remark() {
    let draft = read("title: T\nsteps: [{id: a, title: A, tool: run_shell_readonly, inputs: {command: rm -rf x}}]");
    assert_eq!(draft.steps[0].remarks[0].code, "command_refused");
}

#[test]
fn the_schema_names_every_tool_with_its_inputs() {
    let schema = json_schema(tools());
    let step = &schema["properties"]["steps"]["items"];
    let ways = step["allOf"].as_array().unwrap();
    assert_eq!(ways.len(), 6);
    assert!(ways.iter().all(|way| way["then"]["properties"]["inputs"]["properties"]["meta"].is_object()));
    let known: Vec<_> = step["properties"].as_object().unwrap().keys().collect();
    for key in EVERYTHING.lines().filter_map(|line| line.trim().trim_start_matches("- ").split_once(':')) {
        let key = key.0.to_owned();
        let of_plan = schema["properties"][&key].is_object();
        assert!(
            of_plan
                || known.contains(&&key)
                || ["files", "path", "content", "command", "{path"].contains(&key.as_str()),
            "{key}"
        );
    }
}
