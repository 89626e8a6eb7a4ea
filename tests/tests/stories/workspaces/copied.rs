//! Snapshots: what is in them, what is named as left out, and that the repository stays as it was.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use calt_tests::World;
use serde_json::json;

use super::{add, bits, commit, git, listed, names, project, put, repository, standing};
use crate::{command, plan};

#[test]
fn a_copy_holds_the_commit_and_names_what_is_not_committed() {
    let world = World::start();
    let web =
        repository(&world, "web", &[("a.txt", "one\n"), ("b.txt", "b\n"), ("gone.txt", "g\n"), ("run.sh", "#!\n")]);
    std::fs::set_permissions(web.join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    put(&web, ".gitignore", "venv/\n*.log\n");
    commit(&world, &web);
    put(&web, "a.txt", "changed\n");
    put(&web, "new.txt", "new\n");
    put(&web, "venv/lib/x.py", "x\n");
    put(&web, "noise.log", "n\n");
    std::fs::remove_file(web.join("gone.txt")).unwrap();
    let before = standing(&web);
    add(&world, "web", "snapshot", Some(&web));
    let made = world.agent().post("/api/v1/sessions", &json!({"workspace": "web"})).expect(200).json();
    let (copy, about) = (world.workspace(made["id"].as_str().unwrap()), &made["workspace"]);
    assert_eq!(names(&copy), [".gitignore", "a.txt", "b.txt", "gone.txt", "run.sh"]);
    assert_eq!(std::fs::read_to_string(copy.join("a.txt")).unwrap(), "one\n");
    assert_eq!((bits(&copy.join("run.sh")), bits(&copy.join("a.txt"))), (0o755, 0o644));
    assert_eq!((&about["kind"], &about["name"], &about["entries"]), (&json!("snapshot"), &json!("web"), &json!(5)));
    assert_eq!(about["commit"], git(&world, &web, &["rev-parse", "HEAD"]));
    assert_eq!(listed(about, "uncommitted", "path"), ["a.txt", "gone.txt", "new.txt"]);
    assert_eq!(listed(about, "uncommitted", "state"), ["modified", "deleted", "untracked"]);
    assert_eq!(standing(&web), before);
    // The manifest is what the record names, and `sha256sum` can check it.
    let session = made["id"].as_str().unwrap();
    let manifest = std::fs::read(world.data_root().join("sessions").join(session).join("manifest")).unwrap();
    assert_eq!(about["manifest"], calt_core::Digest::of_bytes(&manifest).to_string());
    let (head, entries) = calt_core::manifest::read(&manifest).unwrap();
    assert_eq!((head.uncommitted_count, entries.len()), (3, 5));
    assert_eq!(entries[1].sha256, calt_core::Digest::of_bytes(b"one\n"));
    let verified = world.calt(&["record", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);

    let taken = world.owner().session_with(&json!({"workspace": "web", "uncommitted": true}));
    let copy = world.workspace(&taken.id);
    assert_eq!(names(&copy), [".gitignore", "a.txt", "b.txt", "new.txt", "run.sh"]);
    assert_eq!(std::fs::read_to_string(copy.join("a.txt")).unwrap(), "changed\n");
    let with = json!({"name": "venv", "kind": "snapshot", "path": web, "include": ["venv/**", "new.txt"]});
    world.owner().post("/api/v1/workspaces", &with).expect(200);
    let taken = world.owner().session_with(&json!({"workspace": "venv"}));
    let all = [".gitignore", "a.txt", "b.txt", "gone.txt", "new.txt", "run.sh", "venv/lib/x.py"];
    assert_eq!(names(&world.workspace(&taken.id)), all);
    assert_eq!(standing(&web), before);
}

#[test]
fn nothing_a_repository_names_is_run_and_not_a_byte_of_it_changes() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "aaa\n"), ("b.txt", "b\n")]);
    put(&web, ".gitattributes", "*.txt filter=evil diff=evil ident\n");
    commit(&world, &web);
    let marker = world.home().join("ran");
    let touch = format!("sh -c 'touch {}; tr a x'", marker.display());
    for (key, value) in [
        ("core.fsmonitor", touch.as_str()),
        ("core.sshCommand", &touch),
        ("core.pager", &touch),
        ("filter.evil.clean", &touch),
        ("filter.evil.smudge", &touch),
        ("filter.evil.required", "true"),
        ("diff.evil.textconv", &touch),
        ("diff.external", &touch),
        ("core.hooksPath", ".git/traps"),
    ] {
        git(&world, &web, &["config", key, value]);
    }
    for hook in ["post-index-change", "post-checkout", "reference-transaction"] {
        put(&web, &format!(".git/traps/{hook}"), &format!("#!/bin/sh\ntouch {}\n", marker.display()));
        let runnable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(web.join(".git/traps").join(hook), runnable).unwrap();
    }
    // The index is older than the file: whoever looks at the state has to read it again.
    put(&web, "a.txt", "aaa\n");
    let before = standing(&web);
    add(&world, "web", "snapshot", Some(&web));
    let made = world.owner().post("/api/v1/sessions", &json!({"workspace": "web"})).expect(200).json();
    let copy = world.workspace(made["id"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(copy.join("a.txt")).unwrap(), "aaa\n");
    assert!(!marker.exists(), "something of the repository was run");
    assert_eq!(standing(&web), before);
    assert_eq!(made["workspace"]["uncommitted"], json!([]));
    // Without calt the same look runs it.
    git(&world, &web, &["status", "--porcelain"]);
    assert!(marker.exists(), "the trap does not work");
}

#[test]
fn odd_names_modes_links_submodules_and_pointers_are_copied_or_named() {
    let world = World::start();
    let sub = repository(&world, "sub", &[("s.txt", "s\n")]);
    let web = repository(&world, "web", &[("d/inner.txt", "i\n")]);
    let odd = ["-rf", "a\nb", "space d/é", "e\u{301}.txt", "tab\there", "quote\"'`$(x)", "日本語.txt"];
    for name in odd {
        put(&web, name, name);
    }
    std::fs::write(web.join(OsStr::from_bytes(b"latin-\xe9")), "l").unwrap();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, web.join(name)).unwrap();
    link("d/inner.txt", "inside");
    link("../web/d", "out-and-back");
    link("/etc/passwd", "absolute");
    link("missing", "dangling");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    put(&web, "large.bin", pointer);
    git(&world, &web, &["submodule", "--quiet", "add", sub.to_str().unwrap(), "vendored"]);
    commit(&world, &web);
    add(&world, "web", "snapshot", Some(&web));
    let made = world.owner().post("/api/v1/sessions", &json!({"workspace": "web"})).expect(200).json();
    let (copy, about) = (world.workspace(made["id"].as_str().unwrap()), &made["workspace"]);
    for name in odd {
        assert_eq!(std::fs::read_to_string(copy.join(name)).unwrap(), name);
    }
    assert_eq!(std::fs::read(copy.join(OsStr::from_bytes(b"latin-\xe9"))).unwrap(), b"l");
    assert_eq!(std::fs::read_link(copy.join("inside")).unwrap(), Path::new("d/inner.txt"));
    assert_eq!(std::fs::read_link(copy.join("dangling")).unwrap(), Path::new("missing"));
    assert_eq!(listed(about, "left_out", "path"), ["absolute", "out-and-back", "vendored"]);
    assert!(!copy.join("absolute").is_symlink() && !copy.join("vendored").exists() && !copy.join(".git").exists());
    assert_eq!(about["lfs_pointers"], json!(["large.bin"]));
    assert_eq!(std::fs::read_to_string(copy.join("large.bin")).unwrap(), pointer);
}

#[test]
fn detached_sparse_and_sha256_repositories_are_copied_whole() {
    let world = World::start();
    let web = repository(&world, "web", &[("a/x.txt", "1\n"), ("b/y.txt", "1\n")]);
    put(&web, "a/x.txt", "2\n");
    commit(&world, &web);
    git(&world, &web, &["checkout", "-q", "--detach", "HEAD~1"]);
    add(&world, "web", "snapshot", Some(&web));
    let copy = |name: &str| {
        let session = world.owner().session_with(&json!({"workspace": name}));
        world.workspace(&session.id)
    };
    assert_eq!(std::fs::read_to_string(copy("web").join("a/x.txt")).unwrap(), "1\n");
    git(&world, &web, &["checkout", "-q", "main"]);
    git(&world, &web, &["sparse-checkout", "set", "a"]);
    assert!(!web.join("b").exists());
    assert_eq!(names(&copy("web")), ["a/x.txt", "b/y.txt"]);
    let other = project(&world, "other");
    git(&world, &other, &["init", "-q", "--object-format=sha256"]);
    put(&other, "z.txt", "z\n");
    commit(&world, &other);
    add(&world, "other", "snapshot", Some(&other));
    assert_eq!(names(&copy("other")), ["z.txt"]);
}

#[test]
fn commands_tests_and_changes_work_in_a_copy_and_can_be_taken_back() {
    let world = World::start();
    let test = "from m import f\n\ndef test_f():\n    assert f() == 2\n";
    let web = repository(&world, "web", &[("m.py", "def f():\n    return 1\n"), ("test_m.py", test)]);
    add(&world, "web", "snapshot", Some(&web));
    let before = standing(&web);
    let owner = world.owner();
    let session = owner.session_with(&json!({"workspace": "web"}));
    let fix = json!({"id": "fix", "title": "fix",
                     "change": {"files": [{"path": "m.py", "content": "def f():\n    return 2\n"}]}});
    let steps = [command("search", "rg -n return ."), fix, command("test", "python -m pytest -q")];
    owner.import(&session, &plan(1, &steps)).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    for step in ["search", "fix_preview", "fix_apply", "test"] {
        owner.carry_out(&session, step);
    }
    assert_eq!(owner.show(&session)["status"], "succeeded");
    let changed = world.workspace(&session.id).join("m.py");
    assert!(std::fs::read_to_string(&changed).unwrap().contains("return 2"));
    // There is no `.git` in a copy, and git says so.
    owner.import(&session, &plan(2, &[command("state", "git status")])).expect(200);
    owner.approve_plan(&session, 2).expect(200);
    owner.approve(&session, "state").expect(200);
    let told = owner.run(&session, "state").expect(200).json();
    assert!(told.to_string().contains("not a git repository"), "{told}");
    let undo = world.calt(&["undo", &session.id, "--json"]);
    assert_eq!(undo.code, 0, "{}", undo.stderr);
    owner.approve_plan(&session, 3).expect(200);
    for step in ["take-back_preview", "take-back_apply"] {
        owner.carry_out(&session, step);
    }
    assert!(std::fs::read_to_string(&changed).unwrap().contains("return 1"));
    assert_eq!(standing(&web), before);
}

#[test]
fn a_crash_while_a_copy_is_made_leaves_nothing() {
    let world = World::asleep(&[]);
    world.wakes_with(&[("CALT_CRASH_AT", "session_directories_made:1")]);
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "snapshot", Some(&web));
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world.owner().post("/api/v1/sessions", &json!({"workspace": "web"}))
    }));
    assert!(died.is_err() || died.is_ok_and(|reply| reply.status >= 500), "it was to die");
    world.until("the daemon is dead", || world.has_ended());
    let below = |name: &str| {
        let found = std::fs::read_dir(world.data_root().join(name));
        found.map(Iterator::count).unwrap_or_default()
    };
    assert_eq!((below("sessions"), below("unfinished")), (1, 1));
    world.wake();
    assert_eq!((below("sessions"), below("unfinished"), below("orphaned")), (0, 0, 0));
    let session = world.owner().session_with(&json!({"workspace": "web"}));
    assert_eq!(names(&world.workspace(&session.id)), ["a.txt"]);
    assert_eq!(below("unfinished"), 0);
}

#[test]
fn what_cannot_be_copied_leaves_no_session_and_no_directory() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n"), ("b.txt", "two\n")]);
    add(&world, "web", "snapshot", Some(&web));
    let blob = git(&world, &web, &["rev-parse", "HEAD:b.txt"]);
    std::fs::remove_file(web.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let made = world.owner().post("/api/v1/sessions", &json!({"workspace": "web"})).expect(200).json();
    assert_eq!(listed(&made["workspace"], "left_out", "path"), ["b.txt"]);
    let moved = web.with_file_name("moved");
    std::fs::rename(&web, &moved).unwrap();
    let refused = world.owner().post("/api/v1/sessions", &json!({"workspace": "web"})).expect(409).json();
    assert_eq!(refused["code"], "workspace_moved");
    std::fs::rename(&moved, &web).unwrap();
    std::fs::write(web.join(".git/HEAD"), "ref: refs/heads/none\n").unwrap();
    let refused = world.owner().post("/api/v1/sessions", &json!({"workspace": "web"})).expect(409).json();
    assert_eq!(refused["code"], "workspace_unusable");
    let sessions = std::fs::read_dir(world.data_root().join("sessions")).unwrap().count();
    assert_eq!(sessions, 1);
    assert_eq!(world.owner().get("/api/v1/sessions").json()["items"].as_array().unwrap().len(), 1);
}
