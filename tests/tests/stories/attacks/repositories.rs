//! Repositories whose configuration runs or reads something when somebody looks at their state.

use super::ground::Shows::{self, Appears, Prints};
use super::ground::{Outside, SECRET, Scene, in_every_round};

/// A repository that does something when it is looked at.
struct Trap {
    id: &'static str,
    what: &'static str,
    /// The command in the plan, and without calt.
    line: &'static str,
    shows: Shows,
    lay: fn(&Scene, &Outside),
}

/// What programs a repository names do: leave a file outside.
fn touch(outside: &Outside) -> String {
    outside.filled_in("touch {OUT}/ran")
}

fn with(scene: &Scene, outside: &Outside, configuration: &str) {
    scene.repository();
    scene.configure(&configuration.replace("TOUCH", &touch(outside)));
}

/// A change of `f.txt` that this attribute takes part in.
fn with_attribute(scene: &Scene, outside: &Outside, attribute: &str, configuration: &str) {
    with(scene, outside, configuration);
    scene.put(".gitattributes", format!("*.txt {attribute}\n"));
}

/// A repository that lacks an object, and fetches it by these settings.
fn partial_clone(scene: &Scene, outside: &Outside, settings: &str) {
    scene.repository();
    // Where the first content of `f.txt` is kept.
    std::fs::remove_dir_all(scene.path(".git/objects/78")).unwrap();
    let clone = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n\
                 [remote \"origin\"]\n\tpromisor = true\n";
    scene.configure(&format!("{clone}{}", settings.replace("TOUCH", &touch(outside))));
}

/// A repository outside in which the secret is committed, and nothing else.
fn repository_outside(outside: &Outside) -> Scene {
    let elsewhere = outside.elsewhere();
    elsewhere.put("f.txt", format!("{SECRET}\n"));
    elsewhere.git(&["init", "-q"]);
    elsewhere.git(&["add", "."]);
    elsewhere.git(&["commit", "-qm", "first"]);
    elsewhere
}

fn submodule(scene: &Scene, outside: &Outside) {
    scene.put("sub/f.txt", "a\n");
    scene.git(&["-C", "sub", "init", "-q"]);
    scene.git(&["-C", "sub", "add", "."]);
    scene.git(&["-C", "sub", "commit", "-qm", "first"]);
    scene.repository();
    scene.put("sub/f.txt", "b\n");
    let path = scene.path("sub/.git/config");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{before}[core]\n\tfsmonitor = {}; false\n", touch(outside))).unwrap();
}

const TRAPS: &[Trap] = &[
    Trap {
        id: "C08",
        what: "core.fsmonitor",
        line: "git status",
        shows: Appears("ran"),
        lay: |scene, outside| with(scene, outside, "[core]\n\tfsmonitor = TOUCH; false\n"),
    },
    Trap {
        id: "",
        what: "core.fsmonitor on a diff",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| with(scene, outside, "[core]\n\tfsmonitor = TOUCH; false\n"),
    },
    Trap {
        id: "C10",
        what: "textconv",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| {
            scene.put_program("tc.sh", &format!("#!/bin/sh\n{}\ncat $1\n", touch(outside)));
            with_attribute(scene, outside, "diff=x", "[diff \"x\"]\n\ttextconv = ./tc.sh\n");
        },
    },
    Trap {
        id: "",
        what: "diff.external",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| with(scene, outside, "[diff]\n\texternal = TOUCH; true\n"),
    },
    Trap {
        id: "",
        what: "a diff driver's command",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| with_attribute(scene, outside, "diff=x", "[diff \"x\"]\n\tcommand = TOUCH; true\n"),
    },
    Trap {
        id: "",
        what: "filter.clean",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| with_attribute(scene, outside, "filter=x", "[filter \"x\"]\n\tclean = TOUCH; cat\n"),
    },
    Trap {
        id: "",
        what: "filter.clean on a status",
        line: "git status",
        shows: Appears("ran"),
        lay: |scene, outside| with_attribute(scene, outside, "filter=x", "[filter \"x\"]\n\tclean = TOUCH; cat\n"),
    },
    Trap {
        id: "",
        what: "filter.process",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| with_attribute(scene, outside, "filter=x", "[filter \"x\"]\n\tprocess = TOUCH; false\n"),
    },
    Trap {
        id: "",
        what: "a hook at the change of the index",
        line: "git status",
        shows: Appears("ran"),
        lay: |scene, outside| {
            scene.repository();
            scene.put("f.txt", "a\n");
            scene.put_program(".git/hooks/post-index-change", &format!("#!/bin/sh\n{}\n", touch(outside)));
        },
    },
    Trap {
        id: "",
        what: "include.path",
        line: "git status",
        shows: Appears("ran"),
        lay: |scene, outside| {
            scene.put("more", format!("[core]\n\tfsmonitor = {}; false\n", touch(outside)));
            with(scene, outside, "[include]\n\tpath = ../more\n");
        },
    },
    Trap {
        id: "",
        what: "configuration of a working tree",
        line: "git status",
        shows: Appears("ran"),
        lay: |scene, outside| {
            with(scene, outside, "[extensions]\n\tworktreeConfig = true\n[core]\n\trepositoryformatversion = 1\n");
            scene.put(".git/config.worktree", format!("[core]\n\tfsmonitor = {}; false\n", touch(outside)));
        },
    },
    Trap {
        id: "",
        what: "a program that fetches what is missing",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| partial_clone(scene, outside, "\turl = .\n\tuploadpack = TOUCH; false\n"),
    },
    Trap {
        id: "",
        what: "core.sshCommand, to fetch what is missing",
        line: "git diff",
        shows: Appears("ran"),
        lay: |scene, outside| {
            let settings = "\turl = ssh://localhost/x\n[core]\n\tsshCommand = TOUCH; false\n";
            partial_clone(scene, outside, settings);
        },
    },
    Trap { id: "", what: "a repository below", line: "git -C sub status", shows: Appears("ran"), lay: submodule },
    Trap {
        id: "",
        what: "core.worktree outside",
        line: "git diff",
        shows: Prints(SECRET),
        lay: |scene, outside| {
            let elsewhere = repository_outside(outside);
            with(scene, outside, &format!("[core]\n\tworktree = {}\n", elsewhere.directory.display()));
        },
    },
    Trap {
        id: "",
        what: "a working tree of a repository outside",
        line: "git diff",
        shows: Prints(SECRET),
        lay: |scene, outside| {
            let elsewhere = repository_outside(outside);
            scene.put("f.txt", "b\n");
            scene.put(".git", format!("gitdir: {}/.git\n", elsewhere.directory.display()));
        },
    },
    Trap {
        id: "",
        what: "objects outside",
        line: "git diff",
        shows: Prints(SECRET),
        lay: |scene, outside| {
            let elsewhere = repository_outside(outside);
            scene.repository();
            std::fs::copy(elsewhere.path(".git/index"), scene.path(".git/index")).unwrap();
            scene.put(".git/objects/info/alternates", format!("{}/.git/objects\n", elsewhere.directory.display()));
        },
    },
    Trap {
        id: "",
        what: "an index that is a link to one outside",
        line: "git status",
        shows: Prints("secret-name"),
        lay: |scene, outside| {
            let elsewhere = repository_outside(outside);
            elsewhere.put("secret-name", "x\n");
            elsewhere.git(&["add", "."]);
            scene.repository();
            std::fs::remove_file(scene.path(".git/index")).unwrap();
            scene.link(".git/index", &elsewhere.path(".git/index"));
        },
    },
    Trap {
        id: "",
        what: "settings outside, whose values are told when they are wrong",
        line: "git status",
        shows: Prints(SECRET),
        lay: |scene, outside| {
            std::fs::write(outside.path("settings"), format!("[core]\n\tbare = {SECRET}\n")).unwrap();
            with(scene, outside, &format!("[include]\n\tpath = {}\n", outside.path("settings").display()));
        },
    },
];

#[test]
fn looking_at_a_repository_runs_and_reads_nothing_outside() {
    for trap in TRAPS {
        let outside = Outside::new();
        let scene = outside.plain_scene();
        (trap.lay)(&scene, &outside);
        let done = scene.without_calt(trap.line);
        let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(
            trap.shows.is_seen(&outside, &scene, &printed),
            "the control of `{}` proves nothing: {printed}",
            trap.what
        );
    }
    in_every_round(|round| {
        for trap in TRAPS {
            let outside = Outside::new();
            let (session, scene) = round.place();
            (trap.lay)(&scene, &outside);
            let attempt = round.runs(&session, &trap.line.replace(" -C sub", ""));
            let told = format!("{} `{}` in {}: {}", trap.id, trap.what, round.name, attempt.json());
            assert!(!trap.shows.is_seen(&outside, &scene, &attempt.everything()), "it worked: {told}");
            assert!(!attempt.error().contains("box_failed"), "nothing ran: {told}");
        }
    });
}
