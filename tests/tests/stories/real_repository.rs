//! A real repository, calt's own: forty changes and two test runs cost two looks and a number, and land as they stand.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use calt_tests::{Terminal, World};
use serde_json::Value;

/// Files that are changed.
const CHANGES: usize = 40;

fn git(directory: &Path, words: &[&str]) -> String {
    // Whoever owns the checkout that the tests run in, it is only read.
    let output =
        Command::new("git").args(["-c", "safe.directory=*"]).args(words).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with the files of this one, and a test that pytest finds.
fn repository(world: &World) -> PathBuf {
    let (root, own) = (Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), world.home().join("calt"));
    for path in git(root, &["ls-files", "-z"]).split_terminator('\0') {
        let (from, to) = (root.join(path), own.join(path));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
    let test = "import pathlib\n\n\ndef test_every_changed_file_ends_with_a_newline():\n    \
                for path in pathlib.Path('docs').rglob('*.md'):\n        assert path.read_bytes().endswith(b'\\n')\n";
    std::fs::write(own.join("test_documents.py"), test).unwrap();
    git(&own, &["init", "-q", "-b", "main"]);
    git(&own, &["config", "user.name", "Ada"]);
    git(&own, &["config", "user.email", "ada@example.org"]);
    git(&own, &["add", "-A"]);
    git(&own, &["commit", "-q", "-m", "calt as it is"]);
    own
}

/// A test, forty changes to files that are there, and the test again.
fn plan(repository: &Path) -> String {
    let test = |id: &str| {
        format!(
            "  - {{id: {id}, title: run the tests, tool: run_shell_readonly, inputs: {{command: python -m pytest -q}}, timeout_sec: 30}}\n"
        )
    };
    let mut plan = format!("title: forty changes\nsteps:\n{}", test("before"));
    let files = git(repository, &["ls-files", "-z", "crates/*.rs", "docs/*.md"]);
    for (number, path) in files.split_terminator('\0').take(CHANGES).enumerate() {
        let text = std::fs::read_to_string(repository.join(path)).unwrap() + "\n";
        let _ = writeln!(
            plan,
            "  - {{id: c{number}, title: change {path}, change: {{files: [{{path: {path}, content: {}}}]}}}}",
            Value::from(text)
        );
    }
    plan + &test("after")
}

/// Everything of the repository that nobody may change: files with their times, index, hooks, configuration.
fn fingerprint(repository: &Path) -> String {
    let look = "find . -not -path './.git/objects*' -not -path '*calt/*' -not -path './.git/refs/heads*' -printf '%p %m %s %T@\\n' | grep -v '^./.git ' | sort; \
                find . -type f -not -path './.git/objects/*' -not -path './.git/refs/*' -print0 | sort -z | xargs -0 sha256sum";
    let output = Command::new("sh").args(["-c", look]).current_dir(repository).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn forty_changes_and_two_tests_are_two_looks_and_land_as_they_stand() {
    let world = World::start();
    let repository = repository(&world);
    std::fs::write(world.home().join("plan.yaml"), plan(&repository)).unwrap();
    let before = fingerprint(&repository);
    let place = repository.to_string_lossy().into_owned();
    let added = world.calt(&["workspace", "add", "calt", &place, "--kind", "snapshot"]);
    assert_eq!(added.code, 0, "{}", added.stderr);

    let terminal = Terminal::run(&world, 120, &["run", "plan.yaml", "--workspace", "calt"]);
    terminal.waits_for("[s]kip a step: ", 1);
    terminal.types("y");
    terminal.waits_for("type 40 to write 40 files, [n]o", 1);
    terminal.types("40");
    terminal.waits_for("exit 0", 1);
    assert_eq!(terminal.history().matches("[s]kip a step: ").count(), 2, "two looks");

    let session =
        world.owner().get("/api/v1/sessions").expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
    let landed = world.calt(&["land", &session, "--as", "branch", "--branch", "calt/forty", "--repo", &place]);
    assert_eq!(landed.code, 0, "{}", landed.stderr);
    assert_eq!(fingerprint(&repository), before, "the repository is as it was");
    let changed = git(&repository, &["diff", "--name-only", "main", "calt/forty"]);
    assert_eq!(changed.lines().count(), CHANGES);

    // The workspace as a tree, made by a git of its own: what the tests left behind in their box is not there.
    let apart = world.home().join("apart");
    std::fs::create_dir(&apart).unwrap();
    git(&apart, &["init", "-q"]);
    git(&apart, &["--work-tree", &world.workspace(&session).to_string_lossy(), "add", "-Af"]);
    let tree = git(&apart, &["write-tree"]);
    assert_eq!(git(&repository, &["rev-parse", "calt/forty^{tree}"]), tree);

    let found = world.calt(&["record", "find", "calt/forty", "--repo", &place]);
    assert_eq!(found.code, 0, "{}{}", found.stdout, found.stderr);
    assert!(found.stdout.contains(&session), "{}", found.stdout);
}
