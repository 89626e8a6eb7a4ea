//! The lists in `docs/` say what the program says. `UPDATE_DOCS=1` writes them anew.
//!
//! A list stands between `<!-- list: NAME -->` and `<!-- end of list -->`; what is around it is written by hand.

mod shapes;
mod validate;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use calt_api::endpoint::ENDPOINTS;
use calt_api::{Code, Family};
use calt_core::plan::check::CODES;
use calt_core::policy::{Act, allows};
use calt_core::principal::Role;
use calt_core::{Fact, plan as format};
use calt_tests::World;
use serde_json::{Value, json};

use crate::{apply, look, plan, preview, read};

/// The end of every list.
const END: &str = "<!-- end of list -->";

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// Compares a file with what it should be, or writes it.
fn is_up_to_date(name: &str, expected: &str) {
    let path = docs().join(name);
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written == expected {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_DOCS").is_some(),
        "docs/{name} is not what the program says; run the test with UPDATE_DOCS=1 and look at the difference"
    );
    std::fs::write(path, expected).unwrap();
}

/// Puts a list in its place in a document.
fn lists(name: &str, lists: &[(&str, String)]) {
    let mut text = std::fs::read_to_string(docs().join(name)).unwrap();
    for (list, lines) in lists {
        let begin = format!("<!-- list: {list} -->\n");
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("docs/{name} has no list `{list}`"));
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("docs/{name}: list `{list}` has no end"));
        text = format!("{before}{begin}\n{}\n\n{END}{after}", lines.trim_end());
    }
    assert_eq!(text.matches("<!-- list: ").count(), lists.len(), "docs/{name} has a list nobody writes");
    is_up_to_date(name, &text);
}

#[test]
fn errors() {
    let families = [Family::Usage, Family::Gate, Family::Missing, Family::Reach, Family::Machine, Family::Bug];
    let mut codes = String::new();
    for family in families {
        let _ = writeln!(codes, "### {}: exit code {}\n", family.words(), family.exit());
        codes.push_str("| code | HTTP | meaning | `next.action` |\n|---|---|---|---|\n");
        for code in Code::ALL.iter().filter(|code| code.family() == family) {
            let next: Vec<_> = code.leads_to().iter().map(|action| format!("`{action}`")).collect();
            let (text, next) = (code.as_str(), next.join(" or "));
            let _ =
                writeln!(codes, "| <a id=\"{text}\"></a>`{text}` | {} | {} | {next} |", code.status(), code.meaning());
        }
        codes.push('\n');
    }
    lists("errors.md", &[("codes", codes)]);
    every_failure_of_a_tool_is_described();
}

/// The codes of failed runs stand in the tools' own list; the document explains each by hand.
fn every_failure_of_a_tool_is_described() {
    let text = std::fs::read_to_string(docs().join("errors.md")).unwrap();
    let source = std::fs::read_to_string(docs().parent().unwrap().join("crates/tools/src/failure.rs")).unwrap();
    let codes = source.split("Self::").filter_map(|part| part.split_once(" => \"")?.1.split('"').next());
    let codes: BTreeSet<_> = codes.collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(text.contains(&format!("| `{code}` |")), "docs/errors.md does not explain `{code}`");
    }
}

#[test]
fn api() {
    let world = World::start();
    let by_hand = std::fs::read_to_string(docs().join("api.md")).unwrap();
    let metrics = world.owner().get("/metrics").expect(200).text();
    for name in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        assert!(by_hand.contains(&format!("`{name}`")), "docs/api.md does not explain `{name}`");
    }
    let described = world.owner().get("/openapi.json").expect(200).json();
    let mut calls = String::new();
    for endpoint in ENDPOINTS {
        let operation = &described["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
        assert!(operation.is_object(), "{} is not described", endpoint.path);
        let _ = writeln!(calls, "### `{} {}`\n", endpoint.method.as_str(), endpoint.path);
        calls.push_str(&shapes::call(operation));
        calls.push('\n');
    }
    let shapes = shapes::all(&described["components"]["schemas"]);
    lists("api.md", &[("roles", roles()), ("calls", calls), ("shapes", shapes)]);
}

#[test]
fn security() {
    lists("security.md", &[("roles", roles())]);
}

fn roles() -> String {
    let roles: Vec<_> = Role::ALL.into_iter().filter(|role| *role != Role::Daemon).collect();
    let mut table = "| may |".to_owned();
    for role in &roles {
        let _ = write!(table, " `{role}` |");
    }
    let _ = write!(table, "\n|---|{}\n", "---|".repeat(roles.len()));
    for act in Act::ALL.into_iter().filter(|act| *act != Act::EndRuns) {
        let _ = write!(table, "| {} |", act.words());
        for role in &roles {
            table.push_str(if allows(*role, act) { " yes |" } else { " – |" });
        }
        table.push('\n');
    }
    table
}

#[test]
fn the_plan_format_and_its_schema() {
    let mut problems = "| code | meaning |\n|---|---|\n".to_owned();
    for (code, meaning) in CODES {
        let _ = writeln!(problems, "| `{code}` | {meaning} |");
    }
    let seconds = format::STEP_TIMEOUT_SECONDS;
    let limits = [
        ("document", format!("{} bytes", format::DOCUMENT_BYTES_MAX)),
        ("steps, after `change` is expanded", format!("1 to {}", format::STEPS_MAX)),
        ("nesting", format!("{} levels", format::NESTING_MAX)),
        ("one text", format!("{} bytes", format::STRING_BYTES_MAX)),
        ("`version`", format!("1 to {}", format::VERSION_MAX)),
        ("`title`, of the plan and of a step", format!("1 to {} characters", format::check::TITLE_CHARS_MAX)),
        ("preconditions, and postconditions, of a step", format!("{}", format::check::CONDITIONS_MAX)),
        ("`timeout_sec`", format!("{} to {} seconds", seconds.start(), seconds.end())),
        ("problems told at once", format!("{}", format::check::PROBLEMS_MAX)),
    ];
    let mut table = "| what | limit |\n|---|---|\n".to_owned();
    for (what, limit) in limits {
        let _ = writeln!(table, "| {what} | {limit} |");
    }
    lists("plan-format.md", &[("limits", table), ("problems", problems)]);

    let world = World::start();
    let schema = world.owner().get("/api/v1/plans/schema").expect(200).json();
    is_up_to_date("plan.schema.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}

#[test]
fn the_schema_and_the_checker_agree() {
    let world = World::start();
    let owner = world.owner();
    let schema = owner.get("/api/v1/plans/schema").expect(200).json();
    let agree = |document: &Value, what: &str| {
        let checked = owner.post("/api/v1/plans/check", document).expect(200).json();
        assert_eq!(validate::fits(document, &schema, &schema), checked["ok"] == true, "{what}: {checked}");
        checked["ok"] == true
    };
    // Every example, in the form the daemon reads it.
    let examples = docs().parent().unwrap().join("examples/plans");
    for file in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "yaml") {
            let plan = canonical(&owner, &std::fs::read_to_string(&file).unwrap());
            assert!(agree(&plan, &file.display().to_string()));
        }
    }
    let one = |step: Value| json!({"title": "t", "steps": [step]});
    let step = |more: Value| {
        let mut step = json!({"id": "a", "title": "t"});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one(step)
    };
    let change = |files: Value| step(json!({"change": {"files": files}}));
    let fine = [
        step(json!({"tool": "list_dir"})),
        json!({"plan_title": "t", "session_goal": null, "ref": null, "steps": [look("a")]}),
        json!({"title": "t", "steps": [look("a"), {"id": "b", "title": "t", "tool": "apply_patch",
            "inputs": {"mode": "preview", "files": "${steps.a.output.entries}", "meta": {"x": [1]}}}]}),
        change(json!([{"path": "f", "content": "x", "mode": "0755"}])),
    ];
    let wrong = [
        json!({"steps": [look("a")]}),
        json!({"title": "t", "plan_title": "t", "steps": [look("a")]}),
        json!({"title": "t", "steps": [], "extra": 1}),
        step(json!({"tool": "nope"})),
        step(json!({})),
        step(json!({"tool": "list_dir", "change": {"files": []}})),
        step(json!({"tool": "list_dir", "risk": "extreme"})),
        step(json!({"tool": "list_dir", "timeout_sec": 121})),
        step(json!({"tool": "list_dir", "timeout_sec": "${steps.x.output}"})),
        step(json!({"tool": "list_dir", "inputs": {"wat": 1}})),
        step(json!({"tool": "read_file"})),
        step(json!({"tool": "read_file", "inputs": {"path": "f", "encoding": "latin1"}})),
        step(json!({"tool": "run_shell_readonly", "inputs": {"command": "ls", "timeout_sec": 31}})),
        step(json!({"tool": "list_dir", "verify": {"type": "mood", "expr": "x"}})),
        change(json!([{"path": "f", "wat": 1}])),
        one(json!({"id": "a b", "title": "t", "tool": "list_dir"})),
    ];
    for document in &fine {
        assert!(agree(document, "fine"), "{document}");
    }
    for document in &wrong {
        assert!(!agree(document, "wrong"), "{document}");
    }
}

/// A plan as the daemon has it once it is imported, as a document again.
fn canonical(owner: &calt_tests::Person<'_>, yaml: &str) -> Value {
    let session = owner.session();
    let path = format!("/api/v1/sessions/{}/plans/import", session.id);
    let imported = owner.call("POST", &path, &[("Content-Type", "application/yaml")], Some(yaml.as_bytes()));
    let imported = imported.expect(200).json();
    let steps: Vec<Value> = imported["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let mut inputs = step["inputs"].clone();
            inputs["meta"] = step["meta"].clone();
            json!({
                "id": step["id"], "title": step["title"], "tool": step["tool"], "risk": step["risk"],
                "inputs": inputs, "preconditions": step["preconditions"], "postconditions": step["postconditions"],
                "expected_observation": step["expected_observation"], "verify": step["verify"],
                "timeout_sec": step["timeout_sec"],
            })
        })
        .collect();
    json!({"version": 1, "title": imported["title"], "session_goal": imported["session_goal"], "steps": steps})
}

#[test]
fn tools() {
    let world = World::start();
    let page = world.owner().get("/api/v1/tools").expect(200).json();
    let mut sheets = String::new();
    for tool in page["items"].as_array().unwrap() {
        sheets.push_str(&shapes::tool(tool));
    }
    lists("tools.md", &[("tools", sheets)]);
}

/// Every event type with its meaning and its facts, by hand; the list of types is the program's.
const EVENTS: &[(&str, &str, &str)] = &[
    ("session_created", "A session was made.", "mode, profile, workspace"),
    (
        "plan_imported",
        "A plan version was taken in.",
        "version, digest, masked_digest, document_digest, steps[id, tool, effect, risk, content, inputs, has_references, box_digest, refers_to, change]",
    ),
    ("plan_approved", "A person said yes to a plan.", "version, decision"),
    ("plan_rejected", "A person said no to a plan; the session needs a new version.", "version, decision"),
    ("step_approved", "A person said yes to a step.", "version, step, covers, decision"),
    ("step_rejected", "A person said no to a step; the session needs a new version.", "version, step, decision"),
    ("step_skipped", "A person left a step out.", "version, step, decision"),
    (
        "step_started",
        "A run begins. Durable before its tool starts.",
        "version, step, tool, effect, digest, template_digest, inputs, covers, high_risk_confirmed, tier, box_digest, files[], gate",
    ),
    (
        "step_executed",
        "A run did its work and its `verify` rule holds.",
        "version, step, duration_ms, exit_code, output_sha256, output_bytes, in_payload, masked[], not_whole[], preview, applied[], tier",
    ),
    (
        "step_failed",
        "A run failed; the session needs a new version. `code` is one of the codes of failed runs.",
        "version, step, code, duration_ms, exit_code, cancelled, applied[], tier",
    ),
    (
        "step_interrupted",
        "The daemon died during the run; the next start looked at what really happened.",
        "version, step, finding, files[path, sha256, finding]",
    ),
    (
        "step_execution_rejected",
        "An execution was refused at the gate. `reason`: `step_input_reference_unresolved`, `digest_changed`, `high_risk_confirmation_required`, `dry_run_apply_blocked`, `isolation_unavailable`, `workspace_busy`.",
        "version, step, reason",
    ),
    (
        "step_execution_warning",
        "Something an approver should know, though the run goes on. `reason`: `isolation_unavailable`, `tool_warning`.",
        "version, step, reason",
    ),
    ("artifact_saved", "A run left a file behind.", "artifact, step, kind, path, sha256, bytes"),
    ("session_stopped", "The session was stopped for good.", "run"),
    ("session_succeeded", "Every step succeeded or was skipped.", "version"),
    ("daemon_started", "The daemon started.", "version, binary_sha256, tier, config_sha256"),
    (
        "person_added",
        "A principal was added. `display` and `discord` stand only where they were given.",
        "principal, kind, role, display?, discord?",
    ),
    ("person_removed", "A principal was removed; its tokens ended with it.", "principal"),
    (
        "token_created",
        "A token was made. The token itself is nowhere in the log.",
        "token, principal, hash, expires_at",
    ),
    ("token_revoked", "A token was taken back.", "token"),
    (
        "workspace_added",
        "A workspace got a name. `directory` stands for kinds `snapshot` and `attach`; its path stands in the record alone, not in what the API shows of the event.",
        "name, kind, directory?[path, inode, born_micros, device], include?[]",
    ),
    ("workspace_removed", "A workspace's name was taken away.", "name"),
    (
        "workspace_remounted",
        "At its start the daemon found a workspace's directory on a device of another number, as after a reboot.",
        "name, device",
    ),
    (
        "payload_redacted",
        "The owner let the text of an earlier event go; that event's facts, text hash and leaf stay.",
        "event",
    ),
    (
        "restored",
        "The data root was filled from a backup: how many events it held, their root, when it was made.",
        "events, root, made_at, files, workspaces",
    ),
    (
        "content_released",
        "What a session wrote was given out with nothing masked: the digest and the length of the patch.",
        "session, sha256, bytes",
    ),
    (
        "loss_accepted",
        "Somebody took a log as it was, without acknowledged events that were no longer in it: how many were left and how many not, and the root over what was left.",
        "events, missing, root",
    ),
    (
        "access_refused",
        "Callers were refused; counted by reason, by whom the token proved and by the account a chat named, at most once a minute.",
        "reason, count, by?, user_id?",
    ),
    (
        "pin_set",
        "A person's PIN was set or changed. Only the digest of the file that holds its hash is in the log.",
        "principal, hash_file",
    ),
    (
        "pin_removed",
        "A person's PIN was removed; their token alone decides from then on. `by_root`: the machine's administrator removed the first owner's, without typing it.",
        "principal, by_root?",
    ),
    (
        "pin_accepted",
        "The right PIN was typed: for decisions on a plan version, or without one for an act of administration.",
        "principal, session?, version?",
    ),
    ("pin_refused", "A wrong PIN was typed. After five in a row none is compared for a while.", "principal"),
    ("checkpoint_signed", "The daemon signed what the log was after `size` events.", "size, root, peaks[], key, note"),
    ("record_exported", "Somebody took the record of a session away, up to its event `last_seq`.", "session, last_seq"),
];

/// The facts' fields as the program has them, type by type.
fn fields_of_facts() -> Vec<(String, Vec<String>)> {
    let source = std::fs::read_to_string(docs().parent().unwrap().join("crates/core/src/event.rs")).unwrap();
    let (_, rest) = source.split_once("pub enum Fact {\n").unwrap();
    let (variants, _) = rest.split_once("\n}\n").unwrap();
    let mut facts: Vec<(String, Vec<String>)> = Vec::new();
    for line in variants.lines().map(str::trim) {
        if let Some(variant) = line.strip_suffix(" {") {
            let words = variant.char_indices().map(|(at, letter)| match letter {
                'A'..='Z' if at > 0 => format!("_{}", letter.to_ascii_lowercase()),
                _ => letter.to_ascii_lowercase().to_string(),
            });
            facts.push((words.collect(), Vec::new()));
        } else if let Some((field, _)) = line.split_once(": ") {
            facts.last_mut().unwrap().1.push(field.to_owned());
        }
    }
    facts
}

/// The outermost names of a list such as `a, b[c, d], e[]`.
fn outermost(facts: &str) -> Vec<String> {
    let mut depth = 0;
    let kept = facts.chars().filter(|letter| {
        depth += i32::from(*letter == '[') - i32::from(*letter == ']');
        depth == 0 && *letter != ']'
    });
    kept.collect::<String>().split(", ").map(|name| name.trim_end_matches('?').to_owned()).collect()
}

/// The types the program reads, from what it says when it is given another one.
fn event_types() -> Vec<String> {
    let said = Fact::read("no such type", json!({})).unwrap_err().to_string();
    let (_, known) = said.split_once("expected one of ").unwrap();
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn events() {
    let mut table = "| event type | meaning | facts |\n|---|---|---|\n".to_owned();
    let types = event_types();
    assert_eq!(types.len(), EVENTS.len());
    for event_type in &types {
        let (_, meaning, facts) = EVENTS
            .iter()
            .find(|(known, ..)| known == event_type)
            .unwrap_or_else(|| panic!("`{event_type}` has no words in the test that writes docs/events.md"));
        let _ = writeln!(table, "| `{event_type}` | {meaning} | `{facts}` |");
    }
    lists("events.md", &[("events", table.clone())]);
    lists("record-format.md", &[("events", table)]);
    let fields = fields_of_facts();
    assert_eq!(fields.iter().map(|(event_type, _)| event_type).collect::<Vec<_>>(), types.iter().collect::<Vec<_>>());
    for (event_type, fields) in fields {
        let (.., facts) = EVENTS.iter().find(|(known, ..)| *known == event_type).unwrap();
        assert_eq!(outermost(facts), fields, "`{event_type}`");
    }

    let world = World::start();
    let owner = world.owner();
    let steps = [look("a"), preview("p", "f", "x"), apply("w", "f", "x", "p"), look("s"), read("r", "nowhere")];
    let session = owner.propose(&plan(1, &steps));
    owner.approve_plan(&session, 1).expect(200);
    for step in ["a", "p", "w"] {
        owner.carry_out(&session, step);
    }
    owner.skip(&session, "s").expect(200);
    owner.approve(&session, "r").expect(200);
    owner.run(&session, "r").expect(200);
    owner.stop(&session).expect(200);
    let seen = owner.get("/api/v1/events?limit=500").expect(200).json();
    for event in seen["items"].as_array().unwrap() {
        let (_, _, facts) = EVENTS.iter().find(|(known, ..)| event["event_type"] == *known).unwrap();
        let named: BTreeSet<_> = top_level(facts).filter(|name| !name.ends_with('?')).collect();
        let optional: BTreeSet<_> = top_level(facts).filter_map(|name| name.strip_suffix('?')).collect();
        let real = event["facts"].as_object().unwrap().keys().map(String::as_str);
        let real: BTreeSet<_> = real.filter(|name| !optional.contains(name)).collect();
        assert_eq!(named, real, "{event}");
    }
}

/// The names in `a, b[c, d], e[]` that stand outside brackets.
fn top_level(facts: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let parts = facts.split(move |c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        depth == 0 && c == ','
    });
    parts.map(|part| part.trim().split('[').next().unwrap_or_default())
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let root = docs().parent().unwrap().to_owned();
    let mut files: Vec<PathBuf> = ["docs", "docs/decisions"]
        .iter()
        .flat_map(|directory| std::fs::read_dir(root.join(directory)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.push(root.join("ARCHITECTURE.md"));
    let mut looked_at = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let targets = text.split("](").skip(1).filter_map(|part| part.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http") && !target.starts_with('#')) {
            let path = target.split('#').next().unwrap();
            assert!(file.parent().unwrap().join(path).exists(), "{}: {target}", file.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 5);
}

#[test]
fn a_described_plan_can_be_imported_as_it_stands() {
    let world = World::start();
    let owner = world.owner();
    let mut found = 0;
    for name in ["plan-format.md", "api.md"] {
        let text = std::fs::read_to_string(docs().join(name)).unwrap();
        for example in text.split("```yaml\n").skip(1).filter_map(|part| part.split("```").next()) {
            let checked = owner.call(
                "POST",
                "/api/v1/plans/check",
                &[("Content-Type", "application/yaml")],
                Some(example.as_bytes()),
            );
            assert_eq!(checked.expect(200).json()["problems"], json!([]) as Value, "{example}");
            found += 1;
        }
    }
    assert!(found >= 3, "{found}");
}
