//! Getting results out: what a session wrote as a patch, and landed on the repository it began from.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use calt_tests::{Person, Session, World};
use serde_json::{Value, json};

use crate::plan;

/// git, with nobody's configuration but the repository's own.
fn git(directory: &Path, words: &[&str], input: &[u8]) -> Output {
    use std::io::Write as _;
    let mut git = Command::new("git")
        .args(words)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(input).unwrap();
    git.wait_with_output().unwrap()
}

fn git_well(directory: &Path, words: &[&str], input: &[u8]) -> String {
    let output = git(directory, words, input);
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One step that changes these files, expanded to a preview and an apply.
fn change(id: &str, files: &Value) -> Value {
    json!({"id": id, "title": "change", "change": {"files": files}})
}

/// Imports a plan, approves and executes every step of it.
fn carried_out(person: &Person<'_>, session: &Session, plan: &Value) {
    let imported = person.import(session, plan).expect(200).json();
    person.approve_plan(session, u32::try_from(imported["version"].as_u64().unwrap()).unwrap()).expect(200);
    for step in imported["steps"].as_array().unwrap() {
        person.carry_out(session, step["id"].as_str().unwrap());
    }
}

fn diff(person: &Person<'_>, session: &Session, query: &str) -> Value {
    person.get(&format!("/api/v1/sessions/{}/diff{query}", session.id)).expect(200).json()
}

/// A directory with the files a session begins with, as a repository with one commit.
fn repository(world: &World, files: &[(&str, &[u8], bool)]) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = world.home().join("repository");
    std::fs::create_dir_all(&directory).unwrap();
    for (path, bytes, executable) in files {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let mode = if *executable { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    git_well(&directory, &["init", "-q", "-b", "main"], b"");
    for (name, value) in [("user.name", "Ada"), ("user.email", "ada@example.org")] {
        git_well(&directory, &["config", name, value], b"");
    }
    git_well(&directory, &["add", "-A"], b"");
    git_well(&directory, &["commit", "-q", "-m", "base"], b"");
    directory
}

/// Puts the files of a directory into a session's own workspace, as if they had always been there.
fn filled(world: &World, session: &Session, from: &Path) {
    let files = git_well(from, &["ls-files", "-z"], b"");
    for path in files.split_terminator('\0') {
        let to = world.workspace(&session.id).join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from.join(path), to).unwrap();
    }
}

#[test]
fn a_diff_takes_every_kind_of_change_to_where_the_workspace_is() {
    let world = World::start();
    let ada = world.person("ada");
    let binary: Vec<u8> = (0..=255_u8).cycle().take(700).collect();
    let files: &[(&str, &[u8], bool)] = &[
        ("crlf.txt", b"one\r\ntwo\r\nthree", false),
        ("gone.txt", b"bye\n", false),
        ("old name.txt", b"moved\nas it is\n", false),
        ("run.sh", b"#!/bin/sh\n", false),
        ("blob.bin", &binary, false),
        ("\u{65e5}\u{672c}\u{8a9e}.txt", "\u{627f}\u{8a8d}\n".as_bytes(), false),
        ("kept.txt", b"kept\n", false),
    ];
    let repository = repository(&world, files);
    let session = ada.session();
    filled(&world, &session, &repository);
    let changes = json!([
        {"path": "crlf.txt", "content": "one\r\n2\r\nthree\r\n"},
        {"path": "gone.txt", "delete": true},
        {"path": "old name.txt", "rename_to": "deep/er/new name.txt"},
        {"path": "run.sh", "content": "#!/bin/sh\nexit 0\n", "mode": "0755"},
        {"path": "new/empty.txt", "content": ""},
        {"path": "blob.bin", "delete": true},
        {"path": "\u{65e5}\u{672c}\u{8a9e}.txt", "content": "\u{5374}\u{4e0b}"},
    ]);
    carried_out(&ada, &session, &plan(1, &[change("all", &changes)]));
    // What was written and put back is no change.
    let there = json!([{"path": "kept.txt", "content": "other\n"}]);
    let back = json!([{"path": "kept.txt", "content": "kept\n"}]);
    carried_out(&ada, &session, &plan(2, &[change("there", &there), change("back", &back)]));

    let shown = diff(&ada, &session, "");
    assert_eq!((&shown["masked"], &shown["changed_since"]), (&json!(false), &json!([])), "{shown}");
    let patch = shown["diff"].as_str().unwrap();
    assert!(patch.contains("rename to deep/er/new name.txt") && !patch.contains("kept.txt"), "{patch}");
    assert!(patch.contains("GIT binary patch"), "{patch}");
    git_well(&repository, &["apply", "--check", "--index"], patch.as_bytes());
    git_well(&repository, &["apply", "--index"], patch.as_bytes());
    let tree_of = |directory: &Path| {
        git_well(directory, &["add", "-A"], b"");
        git_well(directory, &["write-tree"], b"")
    };
    let landed = tree_of(&repository);
    let workspace = world.workspace(&session.id);
    git_well(&workspace, &["init", "-q"], b"");
    assert_eq!(landed, tree_of(&workspace), "{patch}");
}

#[test]
fn a_secret_is_masked_and_then_no_program_takes_it_for_a_patch() {
    let world = World::start();
    let (ada, agent) = (world.person("ada"), world.agent());
    let session = ada.session();
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let files = json!([{"path": "settings.env", "content": format!("GITHUB_TOKEN={secret}\n")}]);
    carried_out(&ada, &session, &plan(1, &[change("a", &files)]));

    let masked = diff(&agent, &session, "");
    assert_eq!(masked["masked"], true);
    let text = masked["diff"].as_str().unwrap();
    assert!(!text.contains(secret) && text.contains("***REDACTED***"), "{text}");
    let empty = world.home().join("empty");
    std::fs::create_dir(&empty).unwrap();
    git_well(&empty, &["init", "-q"], b"");
    let refused = git(&empty, &["apply"], text.as_bytes());
    assert!(!refused.status.success() && !empty.join("settings.env").exists(), "{text}");

    let path = format!("/api/v1/sessions/{}/diff?raw=true", session.id);
    assert_eq!(agent.get(&path).line(), "403 not_allowed → ask_approver");
    let raw = diff(&ada, &session, "?raw=true");
    let text = raw["diff"].as_str().unwrap();
    assert!(text.contains(secret) && raw["masked"] == false, "{raw}");
    git_well(&empty, &["apply"], text.as_bytes());
    assert!(empty.join("settings.env").exists());

    let events = world.owner().get("/api/v1/events/search?event_type=content_released").expect(200).json();
    let event = &events["items"][0];
    let released = json!({"session": session.id, "sha256": calt_api::sha256(text.as_bytes()), "bytes": text.len()});
    assert_eq!((&event["facts"], &event["principal"]), (&released, &json!("ada")), "{events}");
}

#[test]
fn what_somebody_else_changed_is_named_and_left_out() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.session();
    let files = json!([{"path": "a.txt", "content": "a\n"}, {"path": "b.txt", "content": "b\n"}]);
    carried_out(&ada, &session, &plan(1, &[change("a", &files)]));
    std::fs::write(world.workspace(&session.id).join("b.txt"), "mine\n").unwrap();
    let shown = diff(&ada, &session, "");
    assert_eq!(shown["files"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!((&shown["files"][0]["path"], &shown["files"][0]["old_sha256"]), (&json!("a.txt"), &Value::Null));
    let left = &shown["changed_since"][0];
    assert_eq!(left["path"], "b.txt");
    assert!(left["reason"].as_str().unwrap().contains("somebody changed it"), "{left}");
    assert!(!shown["diff"].as_str().unwrap().contains("b.txt"), "{shown}");
}
