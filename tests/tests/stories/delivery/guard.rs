//! The plan guard: code does not change without a line in docs/PROGRESS.md, however the guard is called.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{said, script, text};

const BEFORE: &str = "# Progress\n\n## Current item\n\nThe guard.\n\n## Next actions\n\n1. Try it.\n\n## Log\n\n\
                      - 2026-11-25: began.\n";

/// A repository with one commit: a line of code, and the progress file.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "-q", "-b", "main"]);
        repository.put("src/main.rs", "fn main() {}\n");
        repository.put("docs/PROGRESS.md", BEFORE);
        repository.git(&["add", "-A"]);
        repository.commit("begin");
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.path()).env("HOME", self.path()).args(["-c", "user.name=a", "-c", "user.email=a@b"]);
        for variable in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            command.env_remove(variable);
        }
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["commit", "-q", "-m", message]);
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn stage(&self, name: &str, text: &str) {
        self.put(name, text);
        self.git(&["add", name]);
    }

    /// What the guard says of these files, called in this directory of the repository.
    fn guard_in(&self, directory: &str, files: &[&str]) -> (i32, String) {
        let output = script("plan_guard", &self.path().join(directory)).args(files).output().unwrap();
        said(&output)
    }

    fn guard(&self, files: &[&str]) -> (i32, String) {
        self.guard_in(".", files)
    }

    fn absolute(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }
}

/// The progress file with one more line of the log.
fn with_a_line() -> String {
    BEFORE.replace("## Log\n\n", "## Log\n\n- 2026-11-26: went on.\n")
}

const FINE: (i32, String) = (0, String::new());

#[test]
fn staged_code_without_the_progress_file_is_refused() {
    let repository = Repository::new();
    assert_eq!(repository.guard(&[]), FINE, "nothing changes");
    repository.stage("src/main.rs", "fn main() { }\n");
    let (code, told) = repository.guard(&[]);
    assert_eq!(code, 1);
    assert_eq!(
        told,
        "plan guard: src/main.rs changes, and docs/PROGRESS.md does not: add a line to its log, and stage it\n"
    );
    // Changed, but not part of the commit.
    repository.put("docs/PROGRESS.md", &with_a_line());
    assert_eq!(repository.guard(&[]).0, 1);
    repository.git(&["add", "docs/PROGRESS.md"]);
    assert_eq!(repository.guard(&[]), FINE);
}

#[test]
fn removing_and_moving_code_is_a_change_of_it() {
    let repository = Repository::new();
    repository.git(&["mv", "src/main.rs", "src/other.rs"]);
    assert_eq!(repository.guard(&[]).0, 1);
    repository.git(&["reset", "-q", "--hard"]);
    repository.git(&["rm", "-q", "src/main.rs"]);
    let (code, told) = repository.guard(&["src/main.rs"]);
    assert!(code == 1 && told.contains("src/main.rs changes"), "{told}");
}

#[test]
fn prose_and_examples_need_no_line() {
    let repository = Repository::new();
    for name in ["README.md", "docs/decisions/0099-a.md", "examples/plans/a.yaml", "LICENSE-MIT"] {
        repository.stage(name, "text\n");
    }
    assert_eq!(repository.guard(&[]), FINE);
    // A script, a workflow and a manifest are code.
    for name in ["scripts/test", ".github/workflows/ci.yml", "Cargo.toml", "日本語.rs"] {
        repository.stage(name, "text\n");
        assert_eq!(repository.guard(&[]).0, 1, "{name}");
        repository.git(&["rm", "-q", "--cached", name]);
        std::fs::remove_file(repository.path().join(name)).unwrap();
    }
}

#[test]
fn absolute_paths_and_paths_from_below_mean_the_same_files() {
    let repository = Repository::new();
    repository.stage("src/main.rs", "fn main() { }\n");
    let absolute = repository.absolute("src/main.rs");
    for (directory, file) in
        [(".", absolute.as_str()), ("src", "main.rs"), ("src", "../src/main.rs"), ("docs", &absolute)]
    {
        let (code, told) = repository.guard_in(directory, &[file]);
        assert!(code == 1 && told.contains("src/main.rs changes"), "{directory} {file}: {told}");
    }
    repository.stage("docs/PROGRESS.md", &with_a_line());
    assert_eq!(repository.guard(&[&absolute]), FINE);
    let link = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository.path(), link.path().join("way")).unwrap();
    repository.git(&["reset", "-q", "docs/PROGRESS.md"]);
    let by_the_link = link.path().join("way/src/main.rs");
    assert_eq!(repository.guard(&[by_the_link.to_str().unwrap()]).0, 1);
    let (code, told) = repository.guard(&["/etc/passwd"]);
    assert!(code == 2 && told.contains("/etc/passwd is outside of the repository"), "{told}");
}

#[test]
fn several_calls_for_one_commit_say_the_same() {
    let repository = Repository::new();
    repository.stage("src/a.rs", "a\n");
    repository.stage("src/b.rs", "b\n");
    repository.stage("README.md", "text\n");
    let batches = [vec!["src/a.rs"], vec!["README.md", "src/b.rs"]];
    for batch in &batches {
        assert_eq!(repository.guard(batch).0, 1, "{batch:?}");
    }
    assert_eq!(repository.guard(&["README.md"]), FINE, "no code is asked about");
    repository.stage("docs/PROGRESS.md", &with_a_line());
    for batch in &batches {
        assert_eq!(repository.guard(batch), FINE, "the line is in another batch than {batch:?}");
    }
}

#[test]
fn all_files_of_a_clean_tree_are_fine() {
    let repository = Repository::new();
    assert_eq!(repository.guard(&["src/main.rs"]), FINE);
    repository.put("src/main.rs", "fn main() { }\n");
    assert_eq!(repository.guard(&[]).0, 1, "nothing is staged: the working tree is judged");
}

#[test]
fn a_range_of_commits_is_judged_as_one_change() {
    let repository = Repository::new();
    let start = repository.git(&["rev-parse", "HEAD"]);
    repository.stage("src/main.rs", "fn main() { }\n");
    repository.commit("code");
    let range = |repository: &Repository| {
        let mut guard = script("plan_guard", repository.path());
        guard.env("PRE_COMMIT_FROM_REF", &start).env("PRE_COMMIT_TO_REF", "HEAD");
        said(&guard.output().unwrap())
    };
    assert_eq!(range(&repository).0, 1);
    repository.stage("docs/PROGRESS.md", &with_a_line());
    repository.commit("progress");
    assert_eq!(range(&repository), FINE);
}

#[test]
fn the_very_first_commit_is_judged_too() {
    let repository = Repository(tempfile::tempdir().unwrap());
    repository.git(&["init", "-q"]);
    repository.stage("src/main.rs", "fn main() {}\n");
    let (code, told) = repository.guard(&[]);
    assert!(code == 1 && told.contains("docs/PROGRESS.md is missing"), "{told}");
    repository.stage("docs/PROGRESS.md", BEFORE);
    assert_eq!(repository.guard(&[]), FINE);
}

#[test]
fn touching_the_progress_file_is_not_enough() {
    let repository = Repository::new();
    repository.stage("src/main.rs", "fn main() { }\n");
    repository.stage("docs/PROGRESS.md", &BEFORE.replace("The guard.", "Another."));
    let (code, told) = repository.guard(&[]);
    assert!(code == 1 && told.contains("gets no new line"), "{told}");
}

#[test]
fn the_form_is_held() {
    let repository = Repository::new();
    let cases = [
        (BEFORE.replace("The guard.\n", ""), "`## Current item` is empty"),
        (BEFORE.replace("1. Try it.\n", ""), "has 0 actions"),
        (BEFORE.replace("1. Try it.\n", "1. a\n2. b\n3. c\n4. d\n"), "has 4 actions: one to 3"),
        (BEFORE.replace("## Next actions", "## Later"), "the sections are to be"),
        (BEFORE.replace("- 2026-11-25: began.\n", ""), "`## Log` is empty"),
        (BEFORE.replace("2026-11-25: began", "began"), "is not `- YYYY-MM-DD"),
        (BEFORE.replace("2026-11-25", "2026-13-45"), "is not `- YYYY-MM-DD"),
        (BEFORE.replace("- 2026-11-25", "- 2026-11-01: a.\n- 2026-11-25"), "newest line first"),
    ];
    for (progress, fault) in cases {
        repository.stage("docs/PROGRESS.md", &progress);
        let (code, told) = repository.guard(&[]);
        assert!(code == 1 && told.contains(fault), "{fault}: {told}\n{progress}");
    }
}

#[test]
fn the_progress_file_of_this_repository_has_its_form() {
    let repository = Repository::new();
    repository.stage("docs/PROGRESS.md", &text("docs/PROGRESS.md"));
    assert_eq!(repository.guard(&[]), FINE);
}
