//! File tools that would leave the workspace, wait for ever, or write what nobody looked at.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

use calt_tests::{OrdinaryUser, Session};
use serde_json::{Value, json};

use super::ground::{Outside, Round, SECRET, Scene, Waiting, in_every_round};
use crate::{apply, look, plan, preview, read};

fn step(tool: &str, inputs: impl Into<Value>) -> Value {
    let inputs = inputs.into();
    json!({"id": "s", "title": "s", "tool": tool, "inputs": inputs, "timeout_sec": 2})
}

#[test]
fn a_plan_cannot_say_where_the_workspace_is() {
    let outside = Outside::new();
    let canary = outside.path("out").to_str().unwrap().to_owned();
    let root = |tool, root: &str, mut inputs: Value| {
        inputs["workspace_root"] = json!(root);
        step(tool, inputs)
    };
    let made_up = json!({"path": "v.txt", "diff": "", "new_sha256": "0".repeat(64)});
    let rows = [
        ("B01", root("read_file", "/", json!({"path": "etc/passwd"}))),
        ("B02", root("list_dir", "/", json!({"path": "root"}))),
        ("B04", root("read_file", "/proc/self", json!({"path": "environ"}))),
        ("B05", root("write_file_apply", &canary, json!({"path": "v.txt", "content": "x", "preview": made_up}))),
        ("B19", root("write_file_preview", &canary, json!({"path": "v.txt", "content": "x"}))),
        ("B19", root("write_file_apply", &canary, json!({"path": "v.txt", "content": "x"}))),
        ("B21", root("read_file", "/", json!({"path": "proc/kmsg"}))),
        ("B21", root("read_file", "/", json!({"path": "dev/zero"}))),
        ("", root("run_shell_readonly", "/", json!({"command": "ls"}))),
        ("", root("apply_patch", &canary, json!({"patch": "x"}))),
        ("", step("read_file", json!({"path": "a", "root": "/"}))),
        ("", step("run_shell_readonly", json!({"command": "ls", "cwd": "/"}))),
        ("", step("run_shell_readonly", json!({"command": "ls", "env": {"LD_PRELOAD": "x"}}))),
        ("", step("run_shell_readonly", json!({"command": ["ls"]}))),
        ("B08", step("read_file", json!({"path": "a\0b"}))),
        ("", step("run_shell_readonly", json!({"command": "cat a\0b"}))),
        ("", step("write_file_preview", json!({"path": "a\0b", "content": "x"}))),
    ];
    // The control of the root is that the same paths are there for whoever reads them plainly.
    assert!(std::fs::read_to_string("/etc/passwd").is_ok_and(|text| text.contains("root:")));
    in_every_round(|round| {
        let owner = round.world.owner();
        for (id, step) in &rows {
            for profile in ["strict", "dev"] {
                let session = owner.session_with(&json!({"safety_profile": profile}));
                let refused = owner.import(&session, &plan(1, std::slice::from_ref(step)));
                assert_eq!(refused.status, 422, "{id} {step} in {}: {}", round.name, refused.text());
                assert_eq!(owner.events(&session), ["session_created"]);
            }
        }
    });
    assert!(!outside.path("out/v.txt").exists());
}

#[test]
fn a_path_that_leaves_the_workspace_reads_and_lists_nothing() {
    let outside = Outside::new();
    let directory = outside.path(".");
    let directory = directory.to_str().unwrap();
    let rows: Vec<(&str, &str, String)> = vec![
        ("B06", "read_file", format!("../../../../../../../../../../..{directory}/secret.txt")),
        ("B06", "read_file", "../../../../../../../../../../../etc/passwd".to_owned()),
        ("B07", "read_file", "/etc/passwd".to_owned()),
        ("B07", "read_file", format!("{directory}/secret.txt")),
        ("B09", "read_file", "ln/secret.txt".to_owned()),
        ("", "read_file", "file".to_owned()),
        ("", "read_file", "chain".to_owned()),
        ("", "read_file", "sub/up/secret.txt".to_owned()),
        ("", "read_file", "sub/../../../../owner.token".to_owned()),
        ("", "read_file", "./.././../x".to_owned()),
        ("", "read_file", "magic".to_owned()),
        ("", "read_file", "magic-root/etc/passwd".to_owned()),
        ("", "list_dir", "ln".to_owned()),
        ("", "list_dir", "..".to_owned()),
        ("", "list_dir", "/".to_owned()),
        ("", "list_dir", directory.to_owned()),
        ("", "list_dir", "ln/out/dir".to_owned()),
    ];
    let lay_out = |scene: &Scene| {
        scene.put("sub/a.txt", "a\n");
        scene.link("ln", &outside.path("."));
        scene.link("file", &outside.path("secret.txt"));
        scene.link("chain", std::path::Path::new("file"));
        scene.link("sub/up", &outside.path("."));
        scene.link("magic", std::path::Path::new("/proc/self/environ"));
        scene.link("magic-root", std::path::Path::new("/proc/self/root"));
    };
    let control = outside.plain_scene();
    lay_out(&control);
    for line in ["cat ln/secret.txt", "cat file", "cat chain", "cat sub/up/secret.txt"] {
        let done = control.without_calt(line);
        assert!(String::from_utf8_lossy(&done.stdout).contains(SECRET), "{line}");
    }
    assert!(control.without_calt("cat magic magic-root/etc/passwd && ls ln/out/dir && ls ..").status.success());
    in_every_round(|round| {
        for (id, tool, path) in &rows {
            let (session, scene) = round.place();
            lay_out(&scene);
            let owner = round.world.owner();
            let imported = owner.import(&session, &plan(1, &[step(tool, json!({ "path": path }))]));
            if imported.status == 422 {
                continue;
            }
            owner.approve_plan(&session, 1).expect(200);
            owner.approve_shown(&session, "s").expect(200);
            let ran = owner.run(&session, "s").expect(200);
            let told = format!("{id} {tool} {path} in {}: {}", round.name, ran.text());
            assert_eq!(ran.json()["status"], "failed", "{told}");
            for text in [SECRET, "root:x:", "\"kept\"", "secret.txt\"", "HOME="] {
                let shown = ran.json()["output"].to_string();
                assert!(!shown.contains(text), "{told}");
            }
        }
        // The control: the same tools read what is inside.
        let (session, scene) = round.place();
        lay_out(&scene);
        let read = round.tries(&session, &step("read_file", json!({"path": "sub/a.txt"})));
        assert_eq!(read.json()["output"]["content"], "a\n");
    });
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let outside = Outside::new();
    let control = outside.plain_scene();
    control.pipe("ff");
    // Who opens it plainly waits for ever.
    let mut plainly = control.command("cat");
    plainly.arg("ff");
    let waits = Waiting::start(plainly);
    in_every_round(|round| {
        round.world.until("cat waits", || waits.sleeps());
        // B14 and its neighbours.
        let names = ["ff", "to-ff", "socket", "null", "zero", "sub", "full", "device"];
        for name in names {
            for tool in ["read_file", "write_file_preview"] {
                let (session, scene) = round.place();
                scene.pipe("ff");
                scene.put("sub/a.txt", "a\n");
                scene.link("to-ff", std::path::Path::new("ff"));
                // The path of a workspace may be too long for a socket: it is made elsewhere, and moved.
                let elsewhere = Outside::new();
                let _listener = UnixListener::bind(elsewhere.path("s")).unwrap();
                std::fs::rename(elsewhere.path("s"), scene.path("socket")).unwrap();
                for device in ["null", "zero", "full"] {
                    scene.link(device, std::path::Path::new(&format!("/dev/{device}")));
                }
                let device_made = OrdinaryUser::is_needed()
                    && Command::new("mknod")
                        .arg(scene.path("device"))
                        .args(["c", "1", "5"])
                        .status()
                        .unwrap()
                        .success();
                if name == "device" && (!device_made || round.name.contains("ordinary")) {
                    // Only root makes devices, and only root's own would be opened.
                    continue;
                }
                let inputs =
                    if tool == "read_file" { json!({ "path": name }) } else { json!({"path": name, "content": "x"}) };
                let attempt = round.tries(&session, &step(tool, inputs));
                let error = attempt.error();
                assert_eq!(attempt.status(), "failed", "{tool} {name} in {}", round.name);
                assert!(!error.contains("tool_timeout"), "{tool} {name} in {}: {error}", round.name);
            }
        }
    });
    assert!(waits.sleeps());
}

/// Makes a session in which a write was previewed and approved, and nothing is left but to apply it.
fn ready_to_apply(round: &Round, profile: &str, path: &str, before: impl Fn(&Scene)) -> (Session, Scene) {
    let owner = round.world.owner();
    let (session, scene) = round.place_with(&json!({"safety_profile": profile}));
    before(&scene);
    owner.import(&session, &plan(1, &[preview("p", path, "new\n"), apply("w", path, "new\n", "p")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "p");
    owner.approve_shown(&session, "w").expect(200);
    (session, scene)
}

/// What changes, the path that was previewed, and the change.
type Change<'c> = (&'c str, &'c str, Box<dyn Fn(&Scene) + Sync + 'c>);

#[test]
fn what_changed_between_preview_and_apply_is_not_overwritten() {
    let outside = Outside::new();
    std::fs::write(outside.path("out/a.txt"), "old\n").unwrap();
    let out = outside.path("out");
    let changes: Vec<Change<'_>> = vec![
        // B17.
        ("its content changes", "d/a.txt", Box::new(|scene| scene.put("d/a.txt", "somebody else's\n"))),
        ("one carriage return is added", "d/a.txt", Box::new(|scene| scene.put("d/a.txt", "old\r\n"))),
        ("it is gone", "d/a.txt", Box::new(|scene| std::fs::remove_file(scene.path("d/a.txt")).unwrap())),
        (
            "it becomes a link",
            "d/a.txt",
            Box::new(|scene| {
                std::fs::remove_file(scene.path("d/a.txt")).unwrap();
                scene.link("d/a.txt", &out.join("a.txt"));
            }),
        ),
        (
            "its directory becomes a link",
            "d/a.txt",
            Box::new(|scene| {
                std::fs::rename(scene.path("d"), scene.path("e")).unwrap();
                scene.link("d", &out);
            }),
        ),
        (
            "it gets a second name",
            "d/a.txt",
            Box::new(|scene| std::fs::hard_link(scene.path("d/a.txt"), scene.path("second")).unwrap()),
        ),
        (
            "it becomes a directory",
            "d/a.txt",
            Box::new(|scene| {
                std::fs::remove_file(scene.path("d/a.txt")).unwrap();
                std::fs::create_dir(scene.path("d/a.txt")).unwrap();
            }),
        ),
        (
            "it becomes a pipe",
            "d/a.txt",
            Box::new(|scene| {
                std::fs::remove_file(scene.path("d/a.txt")).unwrap();
                scene.pipe("d/a.txt");
            }),
        ),
        ("a new one appears", "d/new.txt", Box::new(|scene| scene.put("d/new.txt", "somebody else's\n"))),
        ("a link appears where there was none", "d/new.txt", Box::new(|scene| scene.link("d/new.txt", &out.join("n")))),
    ];
    in_every_round(|round| {
        for profile in ["strict", "dev"] {
            for (what, path, change) in &changes {
                let (session, scene) = ready_to_apply(round, profile, path, |scene| scene.put("d/a.txt", "old\n"));
                change(&scene);
                let ran = round.world.owner().run(&session, "w").expect(200).json();
                let told = format!("{what} in {profile}, {}: {ran}", round.name);
                assert_eq!(ran["status"], "failed", "{told}");
                assert_eq!(std::fs::read_to_string(outside.path("out/a.txt")).unwrap(), "old\n", "{told}");
                assert!(!outside.path("out/n").exists(), "{told}");
                let is_file = std::fs::metadata(scene.path(path)).is_ok_and(|found| found.is_file());
                assert!(!is_file || std::fs::read_to_string(scene.path(path)).unwrap() != "new\n", "{told}");
                assert_eq!(round.world.owner().show(&session)["needs_replan"], true, "{told}");
            }
            // The control: what nobody changed is written.
            let (session, scene) = ready_to_apply(round, profile, "d/a.txt", |scene| scene.put("d/a.txt", "old\n"));
            assert_eq!(round.world.owner().run(&session, "w").expect(200).json()["status"], "succeeded");
            assert_eq!(std::fs::read_to_string(scene.path("d/a.txt")).unwrap(), "new\n");
        }
    });
}

#[test]
fn a_write_goes_through_no_link_to_no_git_directory_and_to_no_second_name() {
    let outside = Outside::new();
    std::fs::write(outside.path("out/a.txt"), "old\n").unwrap();
    let out = outside.path("out");
    in_every_round(|round| {
        for path in [
            "ln/a.txt",
            "ln/new.txt",
            "file",
            "dangling",
            "second",
            ".git/config",
            ".git/hooks/pre-commit",
            "sub/.git/config",
            "../a.txt",
            "sub/../../a.txt",
            "/tmp/calt-should-not-be-there",
            ".GIT/config",
        ] {
            let owner = round.world.owner();
            let (session, scene) = round.place();
            scene.repository();
            scene.put("sub/a.txt", "a\n");
            scene.link("ln", &out);
            scene.link("file", &out.join("a.txt"));
            scene.link("dangling", &out.join("n"));
            std::fs::hard_link(scene.path("sub/a.txt"), scene.path("second")).unwrap();
            let settings = std::fs::read_to_string(scene.path(".git/config")).unwrap();
            let steps = [preview("p", path, "new\n"), apply("w", path, "new\n", "p")];
            let imported = owner.import(&session, &plan(1, &steps));
            let mut told = format!("{path} in {}: {}", round.name, imported.text());
            if imported.status == 200 {
                owner.approve_plan(&session, 1).expect(200);
                owner.approve(&session, "p").expect(200);
                let mut ran = owner.run(&session, "p").expect(200).json();
                if ran["status"] == "succeeded" {
                    owner.approve_shown(&session, "w").expect(200);
                    ran = owner.run(&session, "w").expect(200).json();
                }
                told = format!("{path} in {}: {ran}", round.name);
                if path == ".GIT/config" {
                    // Another name on this file system; on one that makes no difference it must be refused.
                    assert!(ran["status"] == "failed" || scene.path(".GIT/config").exists(), "{told}");
                } else {
                    assert_eq!(ran["status"], "failed", "{told}");
                }
            }
            assert_eq!(std::fs::read_to_string(out.join("a.txt")).unwrap(), "old\n", "{told}");
            assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2, "{told}");
            assert_eq!(std::fs::read_to_string(scene.path("sub/a.txt")).unwrap(), "a\n", "{told}");
            assert_eq!(std::fs::read_to_string(scene.path(".git/config")).unwrap(), settings, "{told}");
            assert!(!scene.path(".git/hooks/pre-commit").exists() && !scene.path("sub/.git").exists(), "{told}");
        }
    });
    // The control: plainly written, the same names reach outside.
    let control = outside.plain_scene();
    control.link("ln", &out);
    std::fs::set_permissions(out.join("a.txt"), std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(control.without_calt("echo new > ln/a.txt; echo new > ln/new.txt").status.success());
    assert!(out.join("new.txt").exists());
}

#[test]
fn a_directory_that_is_swapped_for_a_link_again_and_again_never_leads_outside() {
    let outside = Outside::new();
    let out = outside.path("out");
    std::fs::write(out.join("a.txt"), SECRET).unwrap();
    in_every_round(|round| {
        let owner = round.world.owner();
        let (session, scene) = round.place();
        scene.put("d/a.txt", "inside\n");
        scene.link("l", &out);
        let steps: Vec<Value> = (0..15).map(|at| read(&format!("s{at}"), "d/a.txt")).chain([look("end")]).collect();
        let stops = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let swapping = scope.spawn(|| {
                while !stops.load(std::sync::atomic::Ordering::Relaxed) {
                    for (from, to) in [("d", "x"), ("l", "d"), ("d", "l"), ("x", "d")] {
                        std::fs::rename(scene.path(from), scene.path(to)).unwrap();
                    }
                }
            });
            let mut version = 0;
            // A read that met the link failed, and with it its session's plan: another one goes on.
            for step in &steps {
                version += 1;
                owner.import(&session, &plan(version, std::slice::from_ref(step))).expect(200);
                owner.approve_plan(&session, version).expect(200);
                owner.approve_shown(&session, step["id"].as_str().unwrap()).expect(200);
                let ran = owner.run(&session, step["id"].as_str().unwrap()).expect(200).text();
                assert!(!ran.contains(SECRET), "{}: {ran}", round.name);
            }
            stops.store(true, std::sync::atomic::Ordering::Relaxed);
            swapping.join().unwrap();
        });
    });
}
