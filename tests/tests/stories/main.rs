//! Stories: one file a promise, against the real binary.
#![allow(clippy::unwrap_used, reason = "a story that cannot go on panics")]

mod agents;
mod api_of_the_earlier_calt;
mod attacks;
mod backup;
mod columns;
mod command_line;
mod commands;
mod crash;
mod decisions;
mod delivery;
mod discord;
mod documents;
mod end_to_end;
mod examples;
mod failure;
mod faults;
mod gate;
mod hang_up;
mod identity;
mod inbox;
mod japanese;
mod kills;
mod landing;
mod newcomer;
mod people;
mod picture;
mod pin;
mod plans;
mod preview;
mod problems;
mod prompts;
mod real_repository;
mod redaction;
mod relay;
mod search;
mod secrets;
mod stop;
mod tamper;
mod tidy;
mod two_looks;
mod undo;
mod useful_work;
mod ways;
mod webhook;
mod workspaces;

use serde_json::{Value, json};

/// A plan of one version with these steps.
fn plan(version: u32, steps: &[Value]) -> Value {
    json!({"version": version, "title": "a story's plan", "steps": steps})
}

/// A step that lists the workspace.
fn look(id: &str) -> Value {
    json!({"id": id, "title": "look", "tool": "list_dir", "inputs": {"path": "."}})
}

/// A step that reads a file.
fn read(id: &str, path: &str) -> Value {
    json!({"id": id, "title": "read", "tool": "read_file", "inputs": {"path": path}})
}

/// A step that runs a command.
fn command(id: &str, command: &str) -> Value {
    json!({"id": id, "title": "run", "tool": "run_shell_readonly", "inputs": {"command": command}})
}

/// A step that previews a write.
fn preview(id: &str, path: &str, content: &str) -> Value {
    json!({"id": id, "title": "preview", "tool": "write_file_preview", "inputs": {"path": path, "content": content}})
}

/// A step that applies what an earlier step previewed.
fn apply(id: &str, path: &str, content: &str, previewed_by: &str) -> Value {
    let preview = format!("${{steps.{previewed_by}.output}}");
    json!({"id": id, "title": "apply", "tool": "write_file_apply",
        "inputs": {"path": path, "content": content, "preview": preview}})
}
