//! The names a landing may give, and the names of files that land.

use super::{Work, git_well};

fn names(work: &Work) -> String {
    git_well(&work.repository, &["for-each-ref"], b"") + &git_well(&work.repository, &["symbolic-ref", "HEAD"], b"")
}

#[test]
fn no_branch_is_made_that_git_reads_as_something_else_or_that_somebody_works_on() {
    let work = Work::new("Tidy up");
    let before = (names(&work), work.fingerprint());
    for (name, why) in [
        ("@", "git reads it as where a working tree stands"),
        ("HEAD", "git reads it as where a working tree stands"),
        ("@{-1}", "git reads it as where a working tree stands"),
        ("refs/heads/main", "it is a full name already"),
        ("heads/other", "it is a full name already"),
        ("0123456789abcdef0123456789abcdef01234567", "it reads as the id of a commit"),
        ("-x", "it begins as an option does"),
        ("a..b", "is no name for a branch"),
        ("main", "`refs/heads/main` is checked out in a working tree"),
    ] {
        let ran = work.land(&[&format!("--branch={name}")]);
        assert!(ran.code == 2 && ran.stderr.contains(why), "{name}: {} {}", ran.code, ran.stderr);
        assert_eq!((names(&work), work.fingerprint()), before, "{name}");
    }
    // A branch that has no commit yet is nobody's to give one either, in whichever working tree.
    let commit = git_well(&work.repository, &["rev-parse", "main"], b"");
    let beside = work.world.home().join("beside");
    git_well(&work.repository, &["worktree", "add", "-q", "--detach", &beside.to_string_lossy()], b"");
    git_well(&beside, &["symbolic-ref", "HEAD", "refs/heads/unborn"], b"");
    let ran = work.calt(&["land", &work.session.id, "--base", commit.trim(), "--branch", "unborn"]);
    assert!(ran.code == 2 && ran.stderr.contains("checked out in a working tree"), "{}", ran.stderr);
    assert_eq!(names(&work), before.0);
}

#[test]
fn a_name_that_stands_for_another_is_neither_followed_nor_overwritten() {
    let work = Work::new("Tidy up");
    let kept = format!("refs/calt/{}", work.session.id);
    for (target, exists) in [("refs/heads/nothing-yet", false), ("refs/heads/main", true)] {
        git_well(&work.repository, &["symbolic-ref", &kept, target], b"");
        git_well(&work.repository, &["symbolic-ref", "refs/heads/calt/tidy", target], b"");
        let before = names(&work);
        for words in [&["--as", "commit"][..], &["--branch", "calt/tidy"]] {
            let ran = work.land(words);
            let said = format!("stands for another name, `{target}`");
            assert!(ran.code == 2 && ran.stderr.contains(&said), "{words:?}: {}", ran.stderr);
        }
        assert_eq!(names(&work), before, "{target} {exists}");
        assert_eq!(git_well(&work.repository, &["symbolic-ref", &kept], b"").trim(), target);
    }
    // Where they are gone, both land.
    git_well(&work.repository, &["symbolic-ref", "--delete", &kept], b"");
    git_well(&work.repository, &["symbolic-ref", "--delete", "refs/heads/calt/tidy"], b"");
    for words in [&["--as", "commit"][..], &["--branch", "calt/tidy"]] {
        let ran = work.land(words);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
    }
    // Names that another one leaves no room for are refused with git's own words.
    let ran = work.land(&["--branch", "calt/tidy/more"]);
    assert!(ran.code == 2 && ran.stderr.contains("refs/heads/calt/tidy"), "{}", ran.stderr);
}
