//! Useful work that a box must let through: looking around, git, and tests that do what tests do.

use std::os::unix::fs::symlink;

use calt_tests::{Session, World};
use serde_json::json;

use crate::attacks::ground::{Round, Scene, in_every_round};
use crate::{command, plan};

/// Files that a search goes through.
const MANY_FILES: usize = 50_000;
/// Files in one of its directories.
const FILES_EACH: usize = 500;

/// What tests do, each in a function of its own.
const WORKLOADS: &str = include_str!("useful_work.py");

/// Runs these commands one after the other in one session, and gives what each printed.
fn runs_all(world: &World, session: &Session, lines: &[&str]) -> Vec<String> {
    let owner = world.owner();
    let steps: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let mut step = command(&format!("s{at}"), line);
            step["timeout_sec"] = json!(60);
            step
        })
        .collect();
    owner.import(session, &plan(1, &steps)).expect(200);
    owner.approve_plan(session, 1).expect(200);
    let run = |at: usize| owner.carry_out(session, &format!("s{at}"))["output"]["stdout"].as_str().unwrap().to_owned();
    (0..lines.len()).map(run).collect()
}

fn project(scene: &Scene) {
    scene.put("README.md", "# A project\n");
    scene.put("src/one.txt", "one\n");
    scene.put("src/deep/er/two.txt", "two\n");
    scene.put("設計書/議事録 2026.md", "# 議事録\n承認待ち\n");
    scene.put("with space.txt", "spaces\n");
    scene.put(".gitignore", "*.log\n");
    scene.git(&["init", "-q", "--template="]);
    scene.git(&["config", "core.quotePath", "false"]);
    scene.git(&["add", "."]);
    scene.git(&["commit", "-qm", "first"]);
    scene.put("src/one.txt", "uno\n");
    scene.put("設計書/議事録 2026.md", "# 議事録\n承認済み\n");
    scene.put("src/new.txt", "new\n");
    scene.put("noise.log", "noise\n");
    scene.git(&["add", "src/new.txt"]);
    std::fs::remove_file(scene.path("with space.txt")).unwrap();
}

#[test]
fn git_shows_what_changed_in_a_repository_with_directories_and_japanese_names() {
    in_every_round(|round| {
        let (session, scene) = round.place();
        project(&scene);
        let printed = runs_all(
            &round.world,
            &session,
            &[
                "git status --porcelain",
                "git status",
                "git diff",
                "git diff --stat",
                "git diff --cached --name-status",
                "git diff -U0 -- src",
                "git diff -- '設計書/議事録 2026.md'",
            ],
        );
        let status = " D \"with space.txt\"\nA  src/new.txt\n M src/one.txt\n M \"設計書/議事録 2026.md\"\n";
        let mut lines: Vec<&str> = printed[0].lines().collect();
        let mut expected: Vec<&str> = status.lines().collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{}", round.name);
        assert!(printed[1].contains("new file:   src/new.txt"), "{}", printed[1]);
        assert!(printed[2].contains("-one\n+uno\n") && printed[2].contains("-承認待ち\n+承認済み\n"), "{}", printed[2]);
        assert!(printed[3].contains("3 files changed"), "{}", printed[3]);
        assert_eq!(printed[4], "A\tsrc/new.txt\n");
        assert!(printed[5].contains("+uno") && !printed[5].contains("承認"), "{}", printed[5]);
        assert!(printed[6].contains("+承認済み") && !printed[6].contains("uno"), "{}", printed[6]);
    });
}

#[test]
fn files_are_listed_found_read_and_searched() {
    in_every_round(|round| {
        let (session, scene) = round.place();
        project(&scene);
        scene.link("link", std::path::Path::new("src/one.txt"));
        let printed = runs_all(
            &round.world,
            &session,
            &[
                "ls -la",
                "ls -R src 設計書",
                "cat src/one.txt link",
                "cat -n '設計書/議事録 2026.md'",
                "find . -name '*.txt' -not -path './.git/*'",
                "find . -type f -size -1k -printf '%P\\n'",
                "find src '(' -name '*.txt' -a -newer .gitignore ')' -o -type d",
                "rg -n 承認",
                "rg --files --sort path",
                "rg -i -C1 UNO -g '*.txt'",
                "rg --json two",
                "rg -c . src",
            ],
        );
        assert!(printed[0].contains("README.md") && printed[0].contains("link -> src/one.txt"), "{}", printed[0]);
        assert!(printed[1].contains("two.txt") && printed[1].contains("議事録 2026.md"), "{}", printed[1]);
        assert_eq!(printed[2], "uno\nuno\n");
        assert!(printed[3].contains("     2\t承認済み"), "{}", printed[3]);
        assert!(printed[4].contains("./src/deep/er/two.txt"), "{}", printed[4]);
        assert!(printed[6].contains("src/deep/er"), "{}", printed[6]);
        assert!(printed[7].contains("2:承認済み"), "{}", printed[7]);
        assert!(printed[8].lines().count() >= 4 && !printed[8].contains("noise.log"), "{}", printed[8]);
        assert!(printed[9].contains("uno"), "{}", printed[9]);
        assert!(printed[10].contains("\"type\":\"match\""), "{}", printed[10]);
        assert!(printed[11].contains("src/one.txt:1"), "{}", printed[11]);
    });
}

#[test]
fn fifty_thousand_files_are_searched_and_found_in_every_tier() {
    in_every_round(|round| {
        let (session, scene) = round.place();
        many_files(&scene);
        let printed = runs_all(
            &round.world,
            &session,
            &["rg -c needle many", "find many -name '*99.txt'", "rg --files many/d7", "ls -1 many"],
        );
        assert_eq!(printed[0].lines().count(), 100, "{}: {}", round.name, printed[0]);
        assert_eq!(printed[1].lines().count(), MANY_FILES / 100, "{}", round.name);
        assert_eq!(printed[2].lines().count(), FILES_EACH, "{}", round.name);
        assert_eq!(printed[3].lines().count(), MANY_FILES / FILES_EACH, "{}", round.name);
    });
}

/// Most of them are names of a few files: making as many would take longer than searching them.
fn many_files(scene: &Scene) {
    let many = scene.path("many");
    for directory in 0..MANY_FILES / FILES_EACH {
        let path = many.join(format!("d{directory}"));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("f0.txt"), "a needle in the hay\n").unwrap();
        std::fs::write(path.join("f1.txt"), "hay hay hay\n").unwrap();
        for file in 2..FILES_EACH {
            std::fs::hard_link(path.join("f1.txt"), path.join(format!("f{file}.txt"))).unwrap();
        }
    }
}

/// The names of the workloads.
fn workloads() -> Vec<&'static str> {
    let name = |line: &'static str| Some(line.strip_prefix("def test_")?.split('(').next().unwrap());
    WORKLOADS.lines().filter_map(name).collect()
}

fn lay_out_tests(scene: &Scene) {
    scene.put("tests/test_work.py", WORKLOADS);
    scene.put("app/__init__.py", "def answer():\n    return 42\n");
    scene.put("data.txt", "as it was\n");
}

#[test]
fn tests_do_what_tests_do_and_nothing_of_it_lands() {
    let all = workloads();
    assert!(all.len() >= 25, "{all:?}");
    in_every_round(|round| {
        // Without namespaces there are no sockets, nothing is shared by name, and the workspace is read-only.
        let line =
            if round.has_namespaces() { "python -m pytest -v" } else { "python -m pytest -v -m 'not namespaces'" };
        let (session, scene) = round.place();
        lay_out_tests(&scene);
        symlink("data.txt", scene.path("link.txt")).unwrap();
        let printed = &runs_all(&round.world, &session, &[line])[0];
        let has_passed =
            |name: &&&str| [" ", "[1] "].iter().any(|end| printed.contains(&format!("::test_{name}{end}PASSED")));
        let passed = all.iter().filter(has_passed).count();
        let least = if round.has_namespaces() { all.len() } else { 15 };
        assert!(passed >= least, "{passed} of {} passed in {}: {printed}", all.len(), round.name);
        let mut left: Vec<_> =
            std::fs::read_dir(&scene.directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort_unstable();
        assert_eq!(left, ["app", "data.txt", "link.txt", "tests"], "{}", round.name);
        assert_eq!(std::fs::read_to_string(scene.path("data.txt")).unwrap(), "as it was\n");
        assert_eq!(std::fs::read_dir(scene.path("app")).unwrap().count(), 1);
    });
}

#[test]
fn tests_that_fail_fail_their_step_with_what_they_said() {
    in_every_round(|round: &Round| {
        let (session, scene) = round.place();
        scene.put("test_a.py", "def test_a():\n    assert 6 * 7 == 41, 'the answer is wrong'\n");
        let attempt = round.runs(&session, "python -m pytest -q");
        assert_eq!(attempt.status(), "failed");
        assert_eq!(attempt.json()["output"]["exit_code"], 1, "{}", attempt.json());
        assert!(attempt.stdout().contains("the answer is wrong"), "{}", attempt.json());
    });
}
