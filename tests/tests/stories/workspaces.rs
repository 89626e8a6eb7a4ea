//! Workspaces by name: whose they are to name, what a copy holds, and who writes in a directory that is attached.

mod attached;
mod copied;
mod quota;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use calt_tests::{OrdinaryUser, World};
use serde_json::{Value, json};

/// A directory of the owner's, in the world but apart from its data.
fn project(world: &World, name: &str) -> PathBuf {
    let path = world.home().join("projects").join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A git repository with one commit of these files.
fn repository(world: &World, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = project(world, name);
    git(world, &path, &["init", "-q", "-b", "main"]);
    for (file, content) in files {
        put(&path, file, content);
    }
    commit(world, &path);
    path
}

fn put(directory: &Path, file: &str, content: &str) {
    let path = directory.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn commit(world: &World, directory: &Path) {
    git(world, directory, &["add", "-A"]);
    git(world, directory, &["commit", "-qm", "a commit", "--allow-empty"]);
}

fn git(world: &World, directory: &Path, words: &[&str]) -> String {
    let ran = world
        .command_of("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "protocol.file.allow=always"])
        .args(words)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(ran.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim_end().to_owned()
}

fn add(world: &World, name: &str, kind: &str, path: Option<&Path>) {
    let path = path.map(|path| path.to_str().unwrap());
    let body = json!({"name": name, "kind": kind, "path": path});
    world.owner().post("/api/v1/workspaces", &body).expect(200);
}

/// What stands below a directory: of every path its kind, its bits, its bytes and when they changed.
fn standing(directory: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, u64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let about = path.symlink_metadata().unwrap();
        let bytes = if about.is_file() {
            std::fs::read(&path).unwrap()
        } else if about.is_symlink() {
            std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        };
        found.insert(path, (about.mode(), about.mtime(), about.mtime_nsec(), about.ino(), bytes));
    }
    found
}

/// Paths of regular files and links below a directory.
fn names(directory: &Path) -> Vec<String> {
    let all = standing(directory);
    let files = all.iter().filter(|(path, _)| path.symlink_metadata().is_ok_and(|about| !about.is_dir()));
    files.map(|(path, _)| path.strip_prefix(directory).unwrap().to_string_lossy().into_owned()).collect()
}

fn bits(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn listed<'v>(value: &'v Value, name: &str, field: &str) -> Vec<&'v str> {
    value[name].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

#[test]
fn an_owner_names_workspaces_and_everybody_may_use_a_name() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    let added = world.calt(&["workspace", "add", "web", web.to_str().unwrap(), "--kind", "snapshot"]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    assert_eq!(world.calt(&["workspace", "add", "scratch", "--kind", "own"]).code, 0);
    let listed = world.calt(&["workspace", "list"]).stdout;
    assert!(
        listed.contains("web") && listed.contains("snapshot") && listed.contains(web.to_str().unwrap()),
        "{listed}"
    );
    let agent = world.agent();
    let seen = agent.get("/api/v1/workspaces").expect(200).json();
    assert_eq!(self::listed(&seen, "items", "name"), ["scratch", "web"]);
    assert!(seen["items"].as_array().unwrap().iter().all(|item| item["path"].is_null()), "{seen}");
    // The log is read by everybody: where the directory lies is not in what it shows.
    let events = agent.get("/api/v1/events?limit=500").expect(200).text();
    assert!(events.contains("workspace_added") && !events.contains(web.to_str().unwrap()), "{events}");
    let own = agent.session_with(&json!({"workspace": "scratch"}));
    assert_eq!(names(&world.workspace(&own.id)), Vec::<String>::new());
    let copy = agent.session_with(&json!({"workspace": "web"}));
    assert_eq!(names(&world.workspace(&copy.id)), ["a.txt"]);
    // The same again is nothing new; the name with another meaning is refused.
    add(&world, "web", "snapshot", Some(&web));
    let again = json!({"name": "web", "kind": "attach", "path": web});
    assert_eq!(world.owner().post("/api/v1/workspaces", &again).expect(422).json()["code"], "input_invalid");
    // What is removed is removed after a restart too.
    assert_eq!(world.calt(&["workspace", "remove", "web"]).code, 0);
    world.kill();
    world.wake();
    let gone = world.owner().post("/api/v1/sessions", &json!({"workspace": "web"}));
    assert_eq!(gone.expect(404).json()["code"], "workspace_not_found");
    assert!(web.join("a.txt").exists());
}

#[test]
fn nobody_but_the_owner_adds_a_workspace_and_nobody_names_a_path() {
    let world = World::start();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "snapshot", Some(&web));
    for other in [world.agent(), world.person("ann"), world.someone("vera", "viewer"), world.someone("chat", "relay")] {
        let body = json!({"name": "mine", "kind": "attach", "path": web});
        assert_eq!(other.post("/api/v1/workspaces", &body).expect(403).json()["code"], "not_allowed");
        let removed = other.post_nothing("/api/v1/workspaces/web/remove");
        assert_eq!(removed.expect(403).json()["code"], "not_allowed");
    }
    for path in [web.to_str().unwrap(), "../web", "./web", "/", "web/.."] {
        for asker in [world.agent(), world.owner()] {
            let refused = asker.post("/api/v1/sessions", &json!({"workspace": path})).expect(422).json();
            assert_eq!(refused["code"], "input_invalid", "{path}");
        }
    }
    assert_eq!(world.end(), 0);
    world.wake();
    let events = world.owner().get("/api/v1/events?limit=500").expect(200).json();
    let refused = |item: &&Value| item["event_type"] == "access_refused" && item["facts"]["by"] == "agent-1";
    let refused = events["items"].as_array().unwrap().iter().find(refused);
    assert_eq!(refused.unwrap()["facts"]["reason"], "not_allowed", "{events}");
}

#[test]
fn a_directory_that_can_be_no_workspace_is_refused_in_words() {
    let world = World::start();
    let home = world.home();
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    std::fs::create_dir_all(home.join(".config/calt")).unwrap();
    std::os::unix::fs::symlink(&web, home.join("projects/link")).unwrap();
    let plain = project(&world, "plain");
    let empty = project(&world, "empty");
    git(&world, &empty, &["init", "-q"]);
    git(&world, home, &["clone", "-q", "--bare", web.to_str().unwrap(), "projects/bare"]);
    git(&world, &web, &["worktree", "add", "-q", "../tree"]);
    git(&world, home, &["clone", "-q", "--shared", web.to_str().unwrap(), "projects/shared"]);
    let refused = |kind: &str, path: &Path| {
        let body = json!({"name": "x", "kind": kind, "path": path});
        let refused = world.owner().post("/api/v1/workspaces", &body).expect(422).json();
        refused["detail"].as_str().unwrap().to_owned()
    };
    for (kind, path, word) in [
        ("attach", Path::new("/"), "root of the file system"),
        ("attach", home, "keeps its own files"),
        ("attach", &world.data_root(), "keeps its own files"),
        ("attach", &world.data_root().join("sessions"), "keeps its own files"),
        ("attach", &home.join(".config"), "keeps its own files"),
        ("attach", Path::new("/root"), "home directory"),
        ("attach", Path::new("/etc"), "the system's own"),
        ("snapshot", Path::new("/etc"), "the system's own"),
        ("attach", Path::new("/usr/local"), "the system's own"),
        ("attach", Path::new("/var"), "the system's own"),
        ("attach", Path::new("/srv"), "a place of many"),
        ("attach", home.parent().unwrap(), "calt keeps its own files"),
        ("attach", &home.join("projects/link"), "is a link"),
        ("attach", &web.join("a.txt"), "not a directory"),
        ("attach", &home.join("projects/nothing"), "cannot be looked at"),
        ("attach", Path::new("projects/web"), "absolute"),
        ("attach", &web.join(".git"), "git's own directory"),
        ("attach", &web.join(".git/hooks"), "git's own directory"),
        ("attach", &home.join("projects/bare"), "git's own directory"),
        ("attach", &home.join("projects/bare/hooks"), "git's own directory"),
        ("own", &web, "new, empty directory"),
        ("snapshot", &plain, "not a git repository"),
        ("snapshot", &home.join("projects/bare"), "bare repository"),
        ("snapshot", &home.join("projects/tree"), "linked worktree"),
        ("snapshot", &home.join("projects/shared"), "borrows objects"),
    ] {
        let said = refused(kind, path);
        assert!(said.contains(word), "{kind} {}: {said}", path.display());
    }
    // Only root can give a directory away.
    if OrdinaryUser::is_needed() {
        let theirs = project(&world, "theirs");
        std::os::unix::fs::chown(&theirs, Some(12_345), Some(12_345)).unwrap();
        assert!(refused("attach", &theirs).contains("another user"));
    }
    let none = world.owner().post("/api/v1/workspaces", &json!({"name": "x", "kind": "attach"})).expect(422);
    assert!(none.text().contains("needs one"));
    // A repository may get its first commit later; until then there is nothing to copy.
    add(&world, "empty", "snapshot", Some(&empty));
    let early = world.owner().post("/api/v1/sessions", &json!({"workspace": "empty"})).expect(409).json();
    assert_eq!(early["code"], "workspace_unusable");
    assert!(early["detail"].as_str().unwrap().contains("no commit yet"), "{early}");
    commit(&world, &empty);
    world.owner().session_with(&json!({"workspace": "empty"}));
}

#[test]
fn a_run_on_a_directory_names_a_repository_by_itself_and_asks_for_anything_else() {
    let world = World::start();
    let web = repository(&world, "my web", &[("a.txt", "one\n")]);
    let plan = world.home().join("plan.yaml");
    let change = "title: t\nsteps:\n- id: c\n  title: c\n  change:\n    files: [{path: a.txt, content: \"two\\n\"}]\n";
    std::fs::write(&plan, change).unwrap();
    let before = standing(&web);
    let run =
        |directory: &str| world.calt(&["run", plan.to_str().unwrap(), "--workspace", directory, "--yes", "--json"]);
    let ran = run(web.to_str().unwrap());
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let session = told["session"]["id"].as_str().unwrap();
    assert_eq!(told["session"]["workspace"]["name"], "my-web");
    assert_eq!(std::fs::read_to_string(world.workspace(session).join("a.txt")).unwrap(), "two\n");
    assert_eq!(standing(&web), before);
    // The second time it is found, and nothing is added.
    assert_eq!(run(web.to_str().unwrap()).code, 0);
    let known = world.owner().get("/api/v1/workspaces").expect(200).json();
    assert_eq!(listed(&known, "items", "name"), ["my-web"]);
    let plain = project(&world, "plain");
    let refused = run(plain.to_str().unwrap());
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--kind attach"), "{}", refused.stderr);
}
