//! Attached directories: the very directory, one session that writes there, and what changed meanwhile.

use std::path::Path;

use calt_tests::{Session, World};
use serde_json::json;

use super::{add, commit, git, put, repository, standing};
use crate::{apply, command, plan, preview};

/// A session on an attached directory with a change of `a.txt` that is previewed and approved as a plan.
fn previewed(world: &World, name: &str, content: &str) -> Session {
    let owner = world.owner();
    let session = owner.session_with(&json!({"workspace": name}));
    let steps = [preview("p", "a.txt", content), apply("w", "a.txt", content, "p")];
    owner.import(&session, &plan(1, &steps)).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "p");
    session
}

fn a_text(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("a.txt")).unwrap()
}

/// What stands there but for what was to change.
fn rest(directory: &Path) -> usize {
    standing(directory).keys().filter(|path| !path.ends_with("a.txt")).count()
}

#[test]
fn a_session_works_in_the_very_directory_and_what_it_wrote_can_be_taken_back() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let (git_before, others) = (standing(&web.join(".git")), rest(&web));
    let session = previewed(&world, "web", "two\n");
    assert_eq!(a_text(&web), "one\n");
    let owner = world.owner();
    owner.carry_out(&session, "w");
    assert_eq!(a_text(&web), "two\n");
    assert_eq!(standing(&web.join(".git")), git_before);
    assert!(!world.workspace(&session.id).exists());
    let shown = owner.show(&session);
    assert_eq!(shown["workspace"]["path"], web.to_str().unwrap());
    assert!(world.agent().show(&session)["workspace"]["path"].is_null());
    let said = world.calt(&["session", "show", &session.id]).stdout;
    assert!(said.contains(web.to_str().unwrap()), "{said}");
    // `.git` is never written, here as elsewhere.
    owner.import(&session, &plan(2, &[preview("g", ".git/hooks/pre-commit", "x")])).expect(200);
    owner.approve_plan(&session, 2).expect(200);
    owner.approve(&session, "g").expect(200);
    assert_eq!(owner.run(&session, "g").json()["status"], "failed");
    assert_eq!(world.calt(&["undo", &session.id]).code, 0);
    owner.approve_plan(&session, 3).expect(200);
    for step in ["take-back_preview", "take-back_apply"] {
        owner.carry_out(&session, step);
    }
    assert_eq!((a_text(&web).as_str(), rest(&web)), ("one\n", others));
    // After a stop too, from a session of its own.
    let session = previewed(&world, "web", "three\n");
    owner.carry_out(&session, "w");
    owner.stop(&session).expect(200);
    let undo = owner.post_nothing(&format!("/api/v1/sessions/{}/undo", session.id)).expect(200).json();
    let undoing = Session { id: undo["session_id"].as_str().unwrap().to_owned() };
    assert_eq!(undo["is_new_session"], true);
    owner.approve_plan(&undoing, 1).expect(200);
    for step in ["take-back_preview", "take-back_apply"] {
        owner.carry_out(&undoing, step);
    }
    assert_eq!(a_text(&web), "one\n");
    assert_eq!(world.calt(&["record", "verify"]).code, 0);
}

#[test]
fn commands_see_the_directory_and_leave_nothing_there() {
    let world = World::start();
    let test = "def test_f():\n    open('made-by-test', 'w').write('x')\n    assert True\n";
    let web = repository(&world, "web", &[("a.txt", "one\n"), ("test_a.py", test)]);
    add(&world, "web", "attach", Some(&web));
    let before = standing(&web);
    let owner = world.owner();
    let session = owner.session_with(&json!({"workspace": "web"}));
    let steps = [command("state", "git status"), command("search", "rg one"), command("test", "python -m pytest -q")];
    owner.import(&session, &plan(1, &steps)).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    let state = owner.carry_out(&session, "state").to_string();
    assert!(state.contains("nothing to commit"), "{state}");
    assert!(owner.carry_out(&session, "search").to_string().contains("a.txt"));
    assert!(owner.carry_out(&session, "test").to_string().contains("1 passed"));
    assert_eq!(standing(&web), before);
}

#[test]
fn git_shows_what_stands_there_whatever_filters_its_repository_names() {
    let world = World::start();
    let sub = repository(&world, "sub", &[("s.txt", "one\n")]);
    let web = repository(&world, "web", &[("a.txt", "one\n"), ("b.txt", "one\n"), ("c.txt", "one\n")]);
    git(&world, &web, &["submodule", "--quiet", "add", sub.to_str().unwrap(), "below"]);
    commit(&world, &web);
    // Each says what was committed, so that nothing seems changed, and tells by an error that it ran.
    let lie = "echo IT-RAN >&2; echo one";
    let named = |name: &str, way: &str| format!("[filter \"{name}\"]\n\t{way} = \"{lie}\"\n\trequired = true\n");
    let status = "[status]\n\tsubmoduleSummary = true\n[diff]\n\tsubmodule = diff\n";
    put(&web, "more", &named("b.x y", "clean"));
    let config = format!("{}{}{status}[include]\n\tpath = ../more\n", named("a", "clean"), named("c", "process"));
    append(&web, ".git/config", &config);
    append(&web, ".git/modules/below/config", &named("a", "clean"));
    put(&web, ".git/info/attributes", "a.txt filter=a\nc.txt filter=c\n");
    put(&web, ".gitattributes", "b.txt filter=b.x\\ y\n");
    put(&web, ".git/modules/below/info/attributes", "* filter=a\n");
    for file in ["a.txt", "b.txt", "c.txt", "below/s.txt"] {
        put(&web, file, "two\n");
    }
    let alone = world.command_of("git").arg("diff").current_dir(&web).output().unwrap();
    let alone = String::from_utf8_lossy(&[alone.stdout, alone.stderr].concat()).into_owned();
    assert!(alone.contains("IT-RAN"), "the control proves nothing: {alone}");
    add(&world, "web", "attach", Some(&web));
    let owner = world.owner();
    let session = owner.session_with(&json!({"workspace": "web"}));
    owner.import(&session, &plan(1, &[command("d", "git diff"), command("s", "git status")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    let (diff, status) = (owner.carry_out(&session, "d"), owner.carry_out(&session, "s"));
    for said in [&diff, &status] {
        assert!(!said.to_string().contains("IT-RAN"), "{said}");
        let names = said["output"]["filters_off"].as_array().unwrap();
        assert!(["a", "c", "b.x y"].iter().all(|name| names.contains(&json!(name))), "{said}");
    }
    let text = diff["output"]["stdout"].as_str().unwrap();
    assert_eq!(text.matches("+two").count(), 3, "{text}");
    // What no setting can turn off is not run, and said.
    append(&web, ".git/config", &named("a=b", "clean"));
    owner.import(&session, &plan(2, &[command("d", "git diff")])).expect(200);
    owner.approve_plan(&session, 2).expect(200);
    owner.approve(&session, "d").expect(200);
    let refused = owner.run(&session, "d").json().to_string();
    assert!(refused.contains("a way that cannot be turned off"), "{refused}");
}

fn append(directory: &Path, file: &str, more: &str) {
    let before = std::fs::read_to_string(directory.join(file)).unwrap_or_default();
    put(directory, file, &format!("{before}{more}"));
}

#[test]
fn one_session_writes_in_a_directory_until_it_is_over() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let owner = world.owner();
    let (first, second) = (previewed(&world, "web", "two\n"), previewed(&world, "web", "three\n"));
    owner.approve_shown(&first, "w").expect(200);
    let busy = owner.approve_shown(&second, "w").expect(409).json();
    assert_eq!((&busy["code"], &busy["args"]["holder"]), (&json!("workspace_busy"), &json!(first.id)));
    let removed = owner.post_nothing("/api/v1/workspaces/web/remove").expect(409).json();
    assert_eq!(removed["code"], "workspace_busy");
    // A restart forgets nothing of it.
    world.kill();
    world.wake();
    let owner = world.owner();
    assert_eq!(owner.approve_shown(&second, "w").expect(409).json()["code"], "workspace_busy");
    owner.stop(&first).expect(200);
    owner.carry_out(&second, "w");
    assert_eq!(a_text(&web), "three\n");
    // It succeeded, so the directory is free; what another one previewed before is stale and says so.
    let third = previewed(&world, "web", "four\n");
    owner.approve_shown(&third, "w").expect(200);
    owner.post_nothing("/api/v1/workspaces/web/remove").expect(409);
}

#[test]
fn a_failed_session_keeps_the_directory_until_it_idles_for_a_day() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let (first, second) = {
        let owner = world.owner();
        let first = previewed(&world, "web", "two\n");
        owner.approve_shown(&first, "w").expect(200);
        put(&web, "a.txt", "someone was here\n");
        assert_eq!(owner.run(&first, "w").json()["status"], "failed");
        (first, previewed(&world, "web", "three\n"))
    };
    assert_eq!(world.owner().approve_shown(&second, "w").expect(409).json()["code"], "workspace_busy");
    world.kill();
    let hours = |hours: u64| (hours * 3_600).to_string();
    world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", &hours(23))]);
    assert_eq!(world.owner().approve_shown(&second, "w").expect(409).json()["code"], "workspace_busy");
    world.kill();
    world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", &hours(25))]);
    world.owner().carry_out(&second, "w");
    assert_eq!(a_text(&web), "three\n");
    assert_eq!(world.owner().show(&first)["needs_replan"], true);
}

#[test]
fn an_approval_that_lost_the_directory_starts_nothing() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let (first, second) = (previewed(&world, "web", "two\n"), previewed(&world, "web", "three\n"));
    world.owner().approve_shown(&first, "w").expect(200);
    world.kill();
    world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", "90000")]);
    let owner = world.owner();
    owner.approve_shown(&second, "w").expect(200);
    let refused = owner.run(&first, "w").expect(409).json();
    assert_eq!((&refused["code"], &refused["args"]["holder"]), (&json!("workspace_busy"), &json!(second.id)));
    assert_eq!(owner.events(&first).last().unwrap(), "step_execution_rejected");
    assert_eq!(owner.run(&second, "w").expect(200).json()["status"], "succeeded");
    assert_eq!(a_text(&web), "three\n");
}

#[test]
fn eight_sessions_at_once_do_not_get_one_directory() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let sessions: Vec<_> = (0..8).map(|number| previewed(&world, "web", &format!("{number}\n"))).collect();
    let (token, address) = (world.owner_token(), world.address());
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let asked = sessions.iter().map(|session| {
            let (token, address) = (&token, &address);
            scope.spawn(move || {
                let (path, bearer) =
                    (format!("/api/v1/sessions/{}/steps/w/approve", session.id), format!("Bearer {token}"));
                calt_tests::send(address, "POST", &path, &[("Authorization", &bearer)], None).status
            })
        });
        asked.collect::<Vec<_>>().into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 409).count(), 7, "{answers:?}");
}

#[test]
fn a_directory_that_moved_or_was_replaced_is_refused() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let owner = world.owner();
    let session = previewed(&world, "web", "two\n");
    owner.approve_shown(&session, "w").expect(200);
    let moved = web.with_file_name("moved");
    std::fs::rename(&web, &moved).unwrap();
    std::fs::create_dir(&web).unwrap();
    put(&web, "a.txt", "one\n");
    let made = owner.post("/api/v1/sessions", &json!({"workspace": "web"})).expect(409).json();
    assert_eq!(made["code"], "workspace_moved");
    let ran = owner.run(&session, "w").expect(200).json();
    assert_eq!(ran["status"], "failed");
    assert!(ran.to_string().contains("workspace_moved"), "{ran}");
    assert_eq!((a_text(&web).as_str(), a_text(&moved).as_str()), ("one\n", "one\n"));
    // Nor does a link in its place lead there.
    std::fs::remove_dir_all(&web).unwrap();
    std::os::unix::fs::symlink(&moved, &web).unwrap();
    let made = owner.post("/api/v1/sessions", &json!({"workspace": "web"})).expect(409).json();
    assert_eq!(made["code"], "workspace_moved");
    std::fs::remove_file(&web).unwrap();
    std::fs::rename(&moved, &web).unwrap();
    owner.session_with(&json!({"workspace": "web"}));
}

#[test]
fn two_attached_directories_never_overlap() {
    let world = World::start();
    let web = repository(&world, "web", &[("sub/a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    for path in [web.join("sub"), web.parent().unwrap().to_owned(), web.clone()] {
        let body = json!({"name": "other", "kind": "attach", "path": path});
        let refused = world.owner().post("/api/v1/workspaces", &body).expect(422).text();
        assert!(refused.contains("workspace `web`"), "{refused}");
    }
    // A copy of it takes nothing away from anybody.
    add(&world, "copy", "snapshot", Some(&web));
    world.owner().post_nothing("/api/v1/workspaces/web/remove").expect(200);
    add(&world, "sub", "attach", Some(&web.join("sub")));
}

#[test]
fn what_changed_since_the_preview_is_told_before_anybody_decides() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let owner = world.owner();
    let session = previewed(&world, "web", "two\n");
    assert_eq!(owner.step(&session, "w")["changed_since_preview"], json!([]));
    put(&web, "a.txt", "someone was here\n");
    assert_eq!(owner.step(&session, "w")["changed_since_preview"], json!(["a.txt"]));
    let said = world.calt(&["step", "show", &session.id, "w"]).stdout;
    assert!(said.contains("changed since the preview: a.txt"), "{said}");
    owner.approve_shown(&session, "w").expect(200);
    let ran = owner.run(&session, "w").expect(200).json();
    assert_eq!(ran["status"], "failed");
    assert_eq!(a_text(&web), "someone was here\n");
}

#[test]
fn a_crash_in_the_middle_of_an_apply_is_put_right_in_the_directory() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n"), ("b.txt", "one\n")]);
    add(&world, "web", "attach", Some(&web));
    let session = {
        let owner = world.owner();
        let session = owner.session_with(&json!({"workspace": "web"}));
        let change = json!({"id": "c", "title": "c", "change": {"files": [
            {"path": "a.txt", "content": "two\n"}, {"path": "b.txt", "content": "two\n"}]}});
        owner.import(&session, &plan(1, &[change])).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.carry_out(&session, "c_preview");
        owner.approve_shown(&session, "c_apply").expect(200);
        session
    };
    world.end();
    let before = standing(&web).len();
    assert!(world.wakes_with(&[("CALT_CRASH_AT", "file_placed:1")]));
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.owner().run(&session, "c_apply")));
    drop(died);
    world.until("the daemon is dead", || world.has_ended());
    world.wake();
    let owner = world.owner();
    assert_eq!(owner.show(&session)["needs_replan"], true);
    let texts = ["a.txt", "b.txt"].map(|file| std::fs::read_to_string(web.join(file)).unwrap());
    assert_eq!(texts, ["one\n", "one\n"]);
    assert_eq!(standing(&web).len(), before);
    assert_eq!(world.calt(&["record", "verify"]).code, 0);
}

#[test]
fn what_git_would_run_is_not_written_under_whatever_name_it_lies() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    let run = |words: &[&str]| super::git(&world, &web, words);
    run(&["clone", "-q", "--bare", ".", "vendor/x.git"]);
    run(&["init", "-q", "--separate-git-dir", "meta", "tree"]);
    run(&["worktree", "add", "-q", "--detach", "other"]);
    assert!(web.join("tree/.git").is_file() && web.join("meta/HEAD").is_file());
    add(&world, "web", "attach", Some(&web));
    let owner = world.owner();
    let before = standing(&web);
    let fails = |steps: &[serde_json::Value], why: &str| {
        let session = owner.session_with(&json!({"workspace": "web"}));
        owner.import(&session, &plan(1, steps)).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.approve(&session, "p").expect(200);
        let run = owner.run(&session, "p").json();
        assert_eq!(run["status"], "failed", "{run}");
        assert!(run["error"].as_str().unwrap().contains(why), "{run}");
    };
    for path in ["vendor/x.git/hooks/post-merge", "vendor/x.git/config", "meta/hooks/pre-commit", "meta/new/file"] {
        fails(&[preview("p", path, "x")], "git's own directory");
    }
    fails(&[preview("p", "other/.git", "gitdir: ../a")], "`.git`");
    let whole = ["b/HEAD", "b/objects/x", "b/refs/x", "b/config"];
    let files: Vec<_> = whole.iter().map(|path| json!({"path": path, "content": "x"})).collect();
    let patch = json!({"id": "p", "title": "p", "tool": "apply_patch", "inputs": {"files": files, "mode": "preview"}});
    fails(&[patch], "would make `b`");
    assert_eq!(standing(&web), before);
    // Beside them everything is a workspace like any other.
    let change = [preview("p", "vendor/readme", "x"), apply("w", "vendor/readme", "x", "p")];
    let session = owner.session_with(&json!({"workspace": "web"}));
    owner.import(&session, &plan(1, &change)).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "p");
    owner.carry_out(&session, "w");
    assert_eq!(std::fs::read_to_string(web.join("vendor/readme")).unwrap(), "x");
}
