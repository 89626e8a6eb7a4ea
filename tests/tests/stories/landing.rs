//! Getting results out: what a session wrote as a patch, and landed on the repository it began from.

mod names;

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

    let shown = diff(&ada, &session, "?raw=true");
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
fn a_secret_in_packed_bytes_is_left_out_and_a_carriage_return_breaks_nothing() {
    let world = World::start();
    let (ada, agent) = (world.person("ada"), world.agent());
    let session = ada.session();
    let secret = b"caf\xe9 token = ghp_0123456789abcdefghijABCDEFGHIJ012345\n";
    std::fs::write(world.workspace(&session.id).join("latin.txt"), secret).unwrap();
    std::fs::write(world.workspace(&session.id).join("cr.txt"), "one\rtwo\r").unwrap();
    let files = json!([{"path": "latin.txt", "delete": true}, {"path": "cr.txt", "content": "one\rthree\r"}]);
    carried_out(&ada, &session, &plan(1, &[change("a", &files)]));
    let shown = diff(&agent, &session, "");
    let text = shown["diff"].as_str().unwrap();
    assert!(shown["masked"] == true && !text.contains("literal") && text.contains("left out here"), "{text}");
    let raw = diff(&ada, &session, "?raw=true");
    let scratch = world.home().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    std::fs::write(scratch.join("latin.txt"), secret).unwrap();
    std::fs::write(scratch.join("cr.txt"), "one\rtwo\r").unwrap();
    git_well(&scratch, &["init", "-q"], b"");
    git_well(&scratch, &["apply"], raw["diff"].as_str().unwrap().as_bytes());
    assert!(!scratch.join("latin.txt").exists());
    assert_eq!(std::fs::read(scratch.join("cr.txt")).unwrap(), b"one\rthree\r");
}

#[test]
fn what_somebody_else_wrote_in_between_is_in_it_and_said() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.session();
    let write = |content: &str| json!([{"path": "a.txt", "content": content}]);
    carried_out(&ada, &session, &plan(1, &[change("a", &write("one\n"))]));
    std::fs::write(world.workspace(&session.id).join("a.txt"), "mine\n").unwrap();
    carried_out(&ada, &session, &plan(2, &[change("b", &write("mine\ntwo\n"))]));
    let shown = diff(&ada, &session, "");
    let file = &shown["files"][0];
    assert_eq!((&file["old_sha256"], &file["others_wrote"]), (&Value::Null, &json!(true)), "{shown}");
    assert!(shown["diff"].as_str().unwrap().ends_with("+mine\n+two\n"), "{shown}");
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

/// A repository with a commit, and a session whose workspace began as that commit and was worked on.
struct Work {
    world: World,
    repository: std::path::PathBuf,
    session: Session,
}

/// Programs that a repository could have git run, each of which would leave a file behind.
const TRAPS: &[(&str, &str)] = &[
    ("core.fsmonitor", "fsmonitor"),
    ("core.sshCommand", "ssh"),
    ("filter.trap.clean", "clean"),
    ("filter.trap.smudge", "smudge"),
    ("diff.external", "diff"),
    ("diff.trap.textconv", "textconv"),
    ("gpg.program", "gpg"),
];
const HOOKS: &[&str] = &["pre-commit", "post-commit", "reference-transaction", "post-index-change", "post-checkout"];

impl Work {
    fn new(goal: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let world = World::start();
        let attributes: &[u8] = b"* filter=trap diff=trap text eol=crlf\n";
        let files: &[(&str, &[u8], bool)] =
            &[("src/a.txt", b"one\ntwo\n", false), ("b.bin", b"\0\x01", false), (".gitattributes", attributes, false)];
        let repository = repository(&world, files);
        for (setting, name) in TRAPS {
            let run = format!("touch {}/sprung-{name}; cat", world.home().display());
            git_well(&repository, &["config", setting, &run], b"");
        }
        git_well(&repository, &["config", "commit.gpgSign", "true"], b"");
        for name in HOOKS {
            let hook = repository.join(".git/hooks").join(name);
            std::fs::write(&hook, format!("#!/bin/sh\ntouch {}/sprung-{name}\n", world.home().display())).unwrap();
            std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let session = world.owner().session_with(&json!({"goal": goal}));
        for (path, bytes, _) in files {
            let to = world.workspace(&session.id).join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        let changes = json!([
            {"path": "src/a.txt", "content": "one\n2\n"},
            {"path": "new/c.sh", "content": "exit 0\n", "mode": "0755"},
            {"path": "b.bin", "delete": true},
        ]);
        carried_out(&world.owner(), &session, &plan(1, &[change("a", &changes)]));
        Self { world, repository, session }
    }

    fn calt(&self, words: &[&str]) -> calt_tests::Ran {
        // Any directory of it will do.
        let repo = self.repository.join("src").to_string_lossy().into_owned();
        self.world.calt(&[words, &["--repo", &repo]].concat())
    }

    fn land(&self, words: &[&str]) -> calt_tests::Ran {
        self.calt(&[&["land", &self.session.id, "--base", "main"], words].concat())
    }

    /// Every file of the repository but objects, logs and the names that landing may make.
    fn fingerprint(&self) -> String {
        let listed = Command::new("sh")
            .args(["-c", "find . -type f -not -path './.git/objects/*' -not -path '*calt*' -print0 | sort -z | xargs -0 sha256sum; find . -not -path './.git*' -printf '%p %m %T@\\n' | sort; cat .git/HEAD .git/index | sha256sum"])
            .current_dir(&self.repository)
            .output()
            .unwrap();
        String::from_utf8(listed.stdout).unwrap()
    }

    fn sprung(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.world.home()).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("sprung-"))
            .collect()
    }

    /// The tree that the workspace would be, made by a git that knows nothing of the repository's settings.
    fn workspace_tree(&self) -> String {
        let (workspace, apart) = (self.world.workspace(&self.session.id), self.world.home().join("apart"));
        std::fs::create_dir(&apart).unwrap();
        git_well(&apart, &["init", "-q"], b"");
        let tree = workspace.to_string_lossy().into_owned();
        std::fs::write(apart.join(".git/info/attributes"), "* -filter -text -diff -eol\n").unwrap();
        git_well(&apart, &["--work-tree", &tree, "add", "-A"], b"");
        git_well(&apart, &["write-tree"], b"").trim().to_owned()
    }
}

#[test]
fn a_branch_holds_what_the_workspace_holds_and_the_repository_stays_as_it_was() {
    let work = Work::new("Tidy up\nCalt-Session: forged");
    let before = work.fingerprint();
    let ran = work.land(&["--branch", "calt/tidy", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(work.sprung(), Vec::<String>::new());
    assert_eq!(work.fingerprint(), before);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&said["branch"], &said["files"]), (&json!("calt/tidy"), &json!(3)));
    let tree = git_well(&work.repository, &["rev-parse", "calt/tidy^{tree}"], b"");
    assert_eq!(tree.trim(), work.workspace_tree());
    let parent = git_well(&work.repository, &["rev-parse", "calt/tidy^"], b"");
    assert_eq!(parent, git_well(&work.repository, &["rev-parse", "main"], b""));
    let raw = git_well(&work.repository, &["cat-file", "commit", "calt/tidy"], b"");
    let message = raw.split_once("\n\n").unwrap().1;
    assert!(message.starts_with("Tidy up\n\nCalt-Session: session_"), "{message}");
    assert!(message.contains("\nCalt-Approved-by: owner\nCalt-Record: "), "{message}");

    let again = work.land(&["--branch", "calt/tidy"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("`refs/heads/calt/tidy` is there already"), "{}", again.stderr);
    let released = work.world.owner().get("/api/v1/events/search?event_type=content_released").expect(200).json();
    assert_eq!(released["items"].as_array().unwrap().len(), 1, "what was refused gave nothing out: {released}");
    let agent = work.world.agent();
    let ran = work.land(&["--branch", "other", "--token", agent.token()]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);

    // The traps are good: git as everybody uses it steps into them.
    std::fs::write(work.repository.join("src/a.txt"), "more\n").unwrap();
    git(&work.repository, &["add", "-A"], b"");
    git(&work.repository, &["-c", "commit.gpgSign=false", "commit", "-q", "-m", "x"], b"");
    let sprung = work.sprung();
    for name in ["fsmonitor", "clean", "pre-commit", "reference-transaction"] {
        assert!(sprung.contains(&format!("sprung-{name}")), "{name}: {sprung:?}");
    }
}

#[test]
fn a_commit_leads_back_to_its_record_and_a_forged_one_does_not() {
    let work = Work::new("Tidy up");
    let ran = work.land(&["--as", "commit", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let commit = said["commit"].as_str().unwrap();
    let kept = git_well(&work.repository, &["rev-parse", &format!("refs/calt/{}", work.session.id)], b"");
    assert_eq!(kept.trim(), commit);

    let found = work.calt(&["record", "find", commit]);
    assert_eq!(found.code, 0, "{}{}", found.stdout, found.stderr);
    assert!(
        found.stdout.contains("approved by owner") && found.stdout.contains("what the record says"),
        "{}",
        found.stdout
    );
    let none = work.calt(&["record", "find", "main"]);
    assert_eq!(none.code, 2, "{}", none.stderr);

    // The same trailers over another tree, and other trailers over the same tree.
    let raw = git_well(&work.repository, &["cat-file", "commit", commit], b"");
    let message = raw.split_once("\n\n").unwrap().1.to_owned();
    let made = |tree: &str, message: &str| {
        let words = ["commit-tree", tree, "-p", "main", "-F", "-"];
        git_well(&work.repository, &words, message.as_bytes()).trim().to_owned()
    };
    let other_tree = made("main^{tree}", &message);
    let found = work.calt(&["record", "find", &other_tree]);
    assert_eq!(found.code, 6, "{}{}", found.stdout, found.stderr);
    assert!(found.stdout.contains("`src/a.txt` is not as the session wrote it"), "{}", found.stdout);
    // The same bytes as a link, or as a program.
    for mode in ["120000", "100755"] {
        git_well(&work.repository, &["read-tree", commit], b"");
        let blob = git_well(&work.repository, &["rev-parse", &format!("{commit}:src/a.txt")], b"");
        git_well(&work.repository, &["update-index", "--cacheinfo", &format!("{mode},{},src/a.txt", blob.trim())], b"");
        let tree = git_well(&work.repository, &["write-tree"], b"");
        let found = work.calt(&["record", "find", &made(tree.trim(), &message)]);
        assert_eq!(found.code, 6, "{mode}: {}{}", found.stdout, found.stderr);
    }
    let tree = format!("{commit}^{{tree}}");
    for (from, to, expected) in [
        ("Calt-Approved-by: owner", "Calt-Approved-by: mallory", "mallory approved nothing"),
        ("Calt-Approved-by: owner\n", "", "names nobody"),
        ("Calt-Plan: v1 ", "Calt-Plan: v1 0", "another digest"),
        ("Calt-Record: ", "Calt-Record: 0", "no checkpoint"),
    ] {
        let found = work.calt(&["record", "find", &made(&tree, &message.replace(from, to))]);
        assert_eq!(found.code, 6, "{}{}", found.stdout, found.stderr);
        assert!(found.stdout.contains(expected), "{expected}: {}", found.stdout);
    }
}

#[test]
fn a_patch_is_taken_by_git_am() {
    let work = Work::new("議事録を直す");
    let file = work.world.home().join("landed.patch");
    let ran = work.land(&["--as", "patch", "-o", &file.to_string_lossy()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let other = work.world.home().join("other");
    git_well(work.world.home(), &["clone", "-q", "--no-checkout", &work.repository.to_string_lossy(), "other"], b"");
    for (name, value) in [("user.name", "Bob"), ("user.email", "bob@example.org"), ("core.autocrlf", "false")] {
        git_well(&other, &["config", name, value], b"");
    }
    std::fs::write(other.join(".git/info/attributes"), "* -filter -text -diff -eol\n").unwrap();
    git_well(&other, &["checkout", "-q", "main"], b"");
    git_well(&other, &["am", "-q", "--keep-cr", &file.to_string_lossy()], b"");
    assert_eq!(git_well(&other, &["rev-parse", "HEAD^{tree}"], b"").trim(), work.workspace_tree());
    let log = git_well(&other, &["log", "-1", "--format=%s %an"], b"");
    assert_eq!(log.trim(), "議事録を直す Ada");
}

#[test]
fn what_is_not_finished_does_not_land_by_itself() {
    let work = Work::new("Tidy up");
    std::fs::write(work.world.workspace(&work.session.id).join("src/a.txt"), "mine\n").unwrap();
    let ran = work.land(&[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("not everything can land: `src/a.txt`"), "{}", ran.stderr);
    let ran = work.land(&["--unfinished"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    std::fs::write(work.world.workspace(&work.session.id).join("src/a.txt"), "one\n2\n").unwrap();
    let nowhere = work.world.calt(&["land", &work.session.id, "--base", "main", "--repo", "/"]);
    assert!(nowhere.code == 2 && nowhere.stderr.contains("in no git repository"), "{}", nowhere.stderr);
    let ran = work.calt(&["land", &work.session.id]);
    assert!(ran.code == 2 && ran.stderr.contains("began from no commit"), "{}", ran.stderr);
    let ran = work.calt(&["land", &work.session.id, "--base", "0123456789012345678901234567890123456789"]);
    assert!(ran.code == 2 && ran.stderr.contains("is not in the repository"), "{}", ran.stderr);
}

#[test]
fn an_undo_that_was_only_looked_at_keeps_nothing_from_landing() {
    let work = Work::new("Tidy up");
    let session = work.session.id.as_str();
    assert_eq!(work.world.calt(&["undo", session]).code, 0);
    let ran = work.land(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said = "plan v2 is awaiting_plan_approval and has written nothing; what lands is of plan v1, which succeeded\n";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    let branch = ran.stdout.strip_prefix("branch ").unwrap().split(':').next().unwrap().to_owned();
    let found = work.calt(&["record", "find", &branch]);
    assert!(found.code == 0 && found.stdout.contains("plan v1, approved by owner"), "{}{}", found.stdout, found.stderr);
    assert_eq!(
        git_well(&work.repository, &["rev-parse", &format!("{branch}^{{tree}}")], b"").trim(),
        work.workspace_tree()
    );
    let outside = work.world.calt(&["record", "find", &branch, "--repo", "/"]);
    assert!(outside.stderr.ends_with(&format!("hint: calt record find {branch} --repo DIR\n")), "{}", outside.stderr);

    assert_eq!(work.world.calt(&["plan", "reject", session, "2", "--reason", "it stays"]).code, 0);
    assert_eq!(work.land(&["--branch", "after-a-no"]).code, 0);
    // An undo that was carried out half way is another matter.
    assert_eq!(work.world.calt(&["undo", session]).code, 0);
    let ran = work.world.calt(&["run", "--session", session, "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let undone = work.land(&["--branch", "undone"]);
    let said = format!("error: what session {session} wrote has been taken back; nothing is left to land\n");
    assert!(undone.code == 3 && undone.stderr.starts_with(&said), "{}", undone.stderr);
    work.world.owner().import(&work.session, &plan(4, &[crate::look("again")])).expect(200);
    let ran = work.land(&["--branch", "later"]);
    assert!(ran.code == 3 && ran.stderr.contains("has been taken back"), "{}", ran.stderr);
}

#[test]
fn a_later_plan_that_failed_keeps_what_succeeded_from_landing_by_itself() {
    let work = Work::new("Tidy up");
    let owner = work.world.owner();
    let fails = json!({"id": "t", "title": "test", "tool": "run_shell_readonly", "inputs": {"command": "cat nowhere"}});
    owner.import(&work.session, &plan(2, &[fails])).expect(200);
    let ran = work.world.calt(&["run", "--session", &work.session.id, "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let ran = work.land(&[]);
    assert!(ran.code == 3 && ran.stderr.contains("is failed, not succeeded"), "{}", ran.stderr);
}

#[test]
fn what_began_from_files_that_were_not_committed_says_so_and_lands_on_their_commit() {
    let world = World::start();
    let repository = repository(&world, &[("a.txt", b"one\ntwo\n", false)]);
    let path = repository.to_str().unwrap();
    assert_eq!(world.calt(&["workspace", "add", "web", path, "--kind", "snapshot"]).code, 0);
    std::fs::write(repository.join("a.txt"), "one\ntwo\nmine\n").unwrap();
    let files = json!([{"path": "a.txt", "content": "1\ntwo\nmine\n"}]);
    std::fs::write(world.home().join("plan.yaml"), plan(1, &[change("a", &files)]).to_string()).unwrap();
    let ran = world.calt(&["run", "plan.yaml", "--workspace", "web", "--uncommitted", "--yes", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    let session = record["session"]["id"].as_str().unwrap();
    let land = |words: &[&str]| world.calt(&[&["land", session, "--repo", path], words].concat());
    let ran = land(&[]);
    assert!(ran.code == 3 && ran.stderr.contains("files that were not committed, so commit "), "{}", ran.stderr);
    let end = format!(
        "commit these files as they were then, and name that commit\nhint: calt land {session} --repo DIR --base COMMIT\n"
    );
    assert!(ran.stderr.contains("leads on from: `a.txt`;") && ran.stderr.ends_with(&end), "{}", ran.stderr);
    git_well(&repository, &["commit", "-q", "-a", "-m", "mine"], b"");
    let ran = land(&["--base", "HEAD"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_file_lands_under_whatever_name_it_has() {
    let world = World::start();
    let repository = repository(&world, &[("a.txt", b"one\n", false)]);
    let session = world.owner().session();
    filled(&world, &session, &repository);
    let odd =
        ["two\nlines.txt", "tab\there", "quote\"d", "back\\slash", "esc\u{1b}[31m", "\u{202e}txt.exe", " lead", "--x"];
    let files: Vec<Value> = odd.iter().map(|name| json!({"path": name, "content": format!("{name}\n")})).collect();
    carried_out(&world.owner(), &session, &plan(1, &[change("a", &json!(files))]));
    let repo = repository.to_string_lossy().into_owned();
    let ran = world.calt(&["land", &session.id, "--base", "main", "--repo", &repo, "--branch", "odd"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut landed: Vec<String> = git_well(&repository, &["ls-tree", "-r", "-z", "--name-only", "odd"], b"")
        .split_terminator('\0')
        .filter(|name| *name != "a.txt")
        .map(str::to_owned)
        .collect();
    landed.sort();
    let mut odd: Vec<_> = odd.map(str::to_owned).to_vec();
    odd.sort();
    assert_eq!(landed, odd);
    let found = world.calt(&["record", "find", "odd", "--repo", &repo]);
    assert_eq!(found.code, 0, "{}{}", found.stdout, found.stderr);
}
