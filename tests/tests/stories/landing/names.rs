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

#[test]
fn nothing_is_written_through_a_link_or_added_to_a_log_of_two_names() {
    use std::os::unix::fs::symlink;
    let work = Work::new("Tidy up");
    let (git, outside) = (work.repository.join(".git"), work.world.home().join("outside"));
    std::fs::create_dir(&outside).unwrap();
    let profile = outside.join("profile");
    std::fs::write(&profile, "# mine\n").unwrap();
    git_well(&work.repository, &["config", "user.name", "a; touch pwned #"], b"");
    let digits = &work.session.id[work.session.id.len() - 12..];
    // What stands at a place of the repository, and which landing git would lead through it.
    let own = format!("logs/refs/heads/calt/{digits}");
    for (place, leads_to, words) in [
        ("logs/refs/heads/feature", &profile, &["--branch", "feature"][..]),
        (own.as_str(), &profile, &[]),
        ("logs/refs/heads/deep", &outside, &["--branch", "deep/er"]),
        ("refs/heads/shared", &outside, &["--branch", "shared/x"]),
        ("refs/heads/file", &profile, &["--branch", "file"]),
        ("refs/calt", &outside, &["--as", "commit"]),
        ("logs/refs/calt", &outside, &["--as", "commit"]),
    ] {
        let link = git.join(place);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(leads_to, &link).unwrap();
        let ran = work.land(words);
        assert!(ran.code == 2 && ran.stderr.contains("is a link, and git would write"), "{place}: {}", ran.stderr);
        assert!(ran.stderr.contains(place), "{place}: {}", ran.stderr);
        std::fs::remove_file(&link).unwrap();
    }
    // A second name of a file is no link, and what git adds would be in both.
    std::fs::hard_link(&profile, git.join("logs/refs/heads/feature")).unwrap();
    let ran = work.land(&["--branch", "feature"]);
    assert!(ran.code == 2 && ran.stderr.contains("is not the repository's alone, and git would"), "{}", ran.stderr);
    std::fs::remove_file(git.join("logs/refs/heads/feature")).unwrap();
    // Objects: all of them, and those that begin alike.
    let objects = git.join("objects");
    symlink(&outside, objects.join("zz")).unwrap();
    for words in [&["--as", "patch"][..], &["--branch", "feature"]] {
        assert!(work.land(words).stderr.contains("objects/zz` is a link"));
    }
    std::fs::remove_file(objects.join("zz")).unwrap();
    let moved = work.world.home().join("moved");
    std::fs::rename(&objects, &moved).unwrap();
    symlink(&moved, &objects).unwrap();
    assert!(work.land(&[]).stderr.contains("objects` is a link"));
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&moved, &objects).unwrap();
    // Tables of names, where a repository keeps them so.
    symlink(&outside, git.join("reftable")).unwrap();
    assert!(work.land(&["--branch", "feature"]).stderr.contains("reftable` is a link"));
    std::fs::remove_file(git.join("reftable")).unwrap();
    // One that only says that it is a working tree of another.
    let claimed = work.world.home().join("claimed/.git");
    std::fs::create_dir_all(&claimed).unwrap();
    std::fs::write(claimed.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    std::fs::write(claimed.join("commondir"), git.to_str().unwrap()).unwrap();
    let claims = ["land", &work.session.id, "--repo", claimed.parent().unwrap().to_str().unwrap()];
    let ran = work.world.calt(&claims);
    assert!(ran.code == 2 && ran.stderr.contains("which knows nothing of it"), "{}", ran.stderr);

    assert_eq!(std::fs::read_to_string(&profile).unwrap(), "# mine\n");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    let ran = work.land(&["--branch", "feature"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // From elsewhere, what is to be typed again says where the repository is.
    let repo = work.repository.to_string_lossy().into_owned();
    let taken = work.world.calt(&["land", &work.session.id, "--base", "main", "--repo", &repo, "--branch", "feature"]);
    let hint = format!("hint: calt land {} --repo {repo} --branch NAME\n", work.session.id);
    assert!(taken.code == 2 && taken.stderr.ends_with(&hint), "{}", taken.stderr);
}
