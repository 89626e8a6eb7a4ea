//! Everything that is known of a step, for who asks for it at a look: in words, with units.

use calt_api::visible::visible_line;
use serde_json::{Value, json};

use super::steps::{field, field_at, is_block, said};
use super::{Sheet, items, word};
use crate::words::{counted, daemon, t};

/// The fields of a step that a look shows as they are, that it is known by, or that say nothing beside the others.
const OF_A_LOOK: &[&str] = &[
    "id",
    "title",
    "tool",
    "risk",
    "status",
    "timeout_sec",
    "inputs",
    "meta",
    "changed_since_preview",
    "expected_observation",
    "verify",
    "preconditions",
    "postconditions",
    "remarks",
    "approval",
    "session_id",
    "plan_version",
    "tier",
];

/// All that is known of a step, line by line: as a look shows it, and what looks leave out.
pub(crate) fn details(step: &Value) -> String {
    let mut sheet = Sheet::default();
    sheet.add(&format!("\n{}", super::step(step)));
    for (name, value) in step.as_object().into_iter().flatten() {
        if !OF_A_LOOK.contains(&name.as_str()) {
            detail(&mut sheet, step, name, value);
        }
    }
    sheet.done()
}

fn detail(sheet: &mut Sheet, step: &Value, name: &str, value: &Value) {
    match (name, value.as_str()) {
        ("covers", Some("resolved" | "template")) if value == "resolved" || step["unresolved"].is_string() => {}
        ("covers", Some("template")) => {
            said(sheet, &t!("inputs"), &t!("a yes is to what the plan says, not to what it refers to"));
        }
        ("unresolved", Some(_)) => said(sheet, &t!("inputs"), &t!("not known yet: {why}", why = daemon::told(value))),
        ("gate", Some(gate)) => match gate {
            "not_needed" => {}
            "recorded" => said(sheet, &t!("previewed"), &t!("exactly this")),
            "stale" => said(sheet, &t!("previewed"), &t!("no longer: the files have changed since")),
            "missing" => said(sheet, &t!("previewed"), &t!("not yet")),
            other => field(sheet, &t!("previewed"), &Value::from(other)),
        },
        ("effect", Some(_)) => said(sheet, &t!("effect"), &daemon::effect(value)),
        ("digest", Some(digest)) => sheet.say(t!("   digest:   {digest}", digest = visible_line(digest))),
        // What a preview said of the files is among the inputs already.
        ("files", None) if is_previewed(&step["inputs"]["preview"]["files"], value) => {}
        ("files", None) if !items(value).is_empty() => field(sheet, name, &json!({"files": value})),
        ("box", None) if value.is_object() => isolation(sheet, value),
        (_, _) => other(sheet, "   ", name, value),
    }
}

/// Whether files were shown as a preview had them: the same ones, with the same content afterwards.
fn is_previewed(preview: &Value, files: &Value) -> bool {
    let of = |files: &Value| -> Vec<[Value; 3]> {
        let what = |file: &Value| ["path", "new_exists", "new_sha256"].map(|name| file[name].clone());
        items(files).iter().map(what).collect()
    };
    of(preview) == of(files)
}

/// The box a command runs in: what it may reach and use.
fn isolation(sheet: &mut Sheet, specification: &Value) {
    let mut facts = vec![word(&specification["name"])];
    facts.push(match specification["workspace"].as_str() {
        Some("read_only") => t!("the workspace can only be read"),
        Some("overlay") => t!("what it writes to the workspace is thrown away"),
        Some(_) | None => word(&specification["workspace"]),
    });
    facts.push(match specification["network"].as_str() {
        Some("off") => t!("no network"),
        Some("own_loopback") => t!("a network of its own with nobody on it"),
        Some(_) | None => word(&specification["network"]),
    });
    said(sheet, &t!("box"), &facts.join(" · "));
    let limits = specification["limits"].as_object().into_iter().flatten();
    let limits: Vec<String> = limits.map(|(name, limit)| said_limit(name, limit)).collect();
    if !limits.is_empty() {
        said(sheet, &t!("limits"), &limits.join(" · "));
    }
    for (title, name) in [(t!("sees"), "binds"), (t!("keeps"), "caches")] {
        let paths: Vec<String> = items(&specification[name]).iter().map(word).collect();
        if !paths.is_empty() {
            said(sheet, &title, &paths.join(&t!(", ")));
        }
    }
}

fn said_limit(name: &str, limit: &Value) -> String {
    let Some(number) = limit.as_u64() else { return format!("{}: {}", visible_line(name), word(limit)) };
    match name {
        "address_space_bytes" => t!("memory {size}", size = counted::size(number)),
        "file_bytes" => t!("a file {size}", size = counted::size(number)),
        "tmp_bytes" => t!("/tmp {size}", size = counted::size(number)),
        "open_files" => t!("open files {count}", count = number),
        "processes" => t!("processes {count}", count = number),
        // A newer daemon's.
        other => format!("{} {number}", visible_line(other)),
    }
}

/// One field with all that is below it; what is empty says nothing.
fn other(sheet: &mut Sheet, before: &str, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) if !is_block(value) => {
            let words = items.iter().map(word).collect::<Vec<_>>().join(&t!(", "));
            field_at(sheet, before, name, &Value::from(words));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            field_at(sheet, before, name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_speak_as_people_do_and_nothing_that_matters_is_missing() {
        let box_of_tests = json!({"name": "test", "binds": ["/opt/venv"], "workspace": "overlay", "network": "off",
            "caches": [], "limits": {"address_space_bytes": 2_147_483_648_u64, "file_bytes": 67_108_864,
            "tmp_bytes": 67_108_864, "open_files": 256, "processes": 64}});
        let step = json!({"id": "a", "title": "t", "tool": "run_shell_readonly", "risk": "low", "status": "pending",
            "inputs": {"command": "ls"}, "box": box_of_tests, "covers": "resolved", "gate": "not_needed",
            "effect": "spawns", "tier": "full", "digest": "ab12", "run_id": null, "of_a_newer_calt": {"a": [1, 2]}});
        let shown = details(&step);
        for said in [
            "   box:      test · what it writes to the workspace is thrown away · no network\n",
            "memory 2 GiB",
            "a file 64 MiB",
            "open files 256",
            "processes 64",
            "/tmp 64 MiB",
            "   sees:     /opt/venv\n",
            "   digest:   ab12\n",
            "   of_a_newer_calt:\n",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        for internal in ["covers", "gate", "not_needed", "_bytes", "tier:", "run_id", "caches"] {
            assert!(!shown.contains(internal), "{internal}: {shown}");
        }
    }

    #[test]
    fn a_write_says_whether_exactly_it_was_previewed() {
        let write = |gate: &str, covers: &str, unresolved: Value| {
            details(&json!({"id": "a", "title": "t", "tool": "write_file_apply", "risk": "low", "status": "pending",
                "effect": "writes", "inputs": {}, "gate": gate, "covers": covers, "unresolved": unresolved}))
        };
        assert!(write("recorded", "resolved", Value::Null).contains("   previewed: exactly this\n"));
        let early = write("missing", "template", json!("step `p` has no recorded output"));
        assert!(early.contains("   previewed: not yet\n"), "{early}");
        assert!(early.contains("inputs:   not known yet: step `p` has no recorded output\n"), "{early}");
        assert_eq!(early.matches("inputs:").count(), 1, "{early}");
    }
}
