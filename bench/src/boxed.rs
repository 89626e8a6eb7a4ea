//! The price of the box: the same programs plain and boxed, in turn, in one run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use calt_core::isolation::{BoxSpec, Tier};
use calt_tools::benched::BenchedBox;

use crate::daemon::binary;
use crate::limits::{median, millis};

/// Repetitions a round.
const REPEATS: usize = 60;

pub(crate) fn measure(rounds: usize) {
    let full = BenchedBox::find(binary(), Tier::Full);
    let filter = BenchedBox::find(binary(), Tier::KernelFilter);
    println!("tiers: {} and {}", full.tier(), filter.tier());
    let directory = tempfile::Builder::new().prefix("calt-bench-").tempdir().unwrap();
    let workspace = directory.path();
    repository(workspace);
    let mut figures: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for _ in 0..REPEATS {
            let mut note = |name, work: &mut dyn FnMut()| figures.entry(name).or_default().push(millis(work));
            for (name, program, arguments) in [
                ("true", "/bin/true", &[][..]),
                ("git status", "/usr/bin/git", &["-c", "safe.directory=*", "status", "--porcelain"][..]),
                ("python -c pass", "/usr/bin/python3", &["-c", "pass"][..]),
            ] {
                let names = NAMES.iter().find(|names| names.0 == name).unwrap();
                note(names.1, &mut || plain(program, arguments, workspace));
                note(names.2, &mut || boxed(&full, program, arguments, workspace));
                note(names.3, &mut || boxed(&filter, program, arguments, workspace));
            }
        }
    }
    let middle = |name: &str| median(figures[name].clone());
    let spawn = middle("plain true");
    for (name, plain, full, filter) in NAMES {
        let (plain, full, filter) = (middle(plain), middle(full), middle(filter));
        println!(
            "{name:<16} plain {plain:.3} ms   full {full:.3} ms ({:.2} x; plain + {:.2} x spawn)   kernel-filter {filter:.3} ms ({:.2} x; plain + {:.2} x spawn)",
            full / plain,
            (full - plain) / spawn,
            filter / plain,
            (filter - plain) / spawn
        );
    }
}

const NAMES: [(&str, &str, &str, &str); 3] = [
    ("true", "plain true", "full true", "filter true"),
    ("git status", "plain git", "full git", "filter git"),
    ("python -c pass", "plain python", "full python", "filter python"),
];

fn plain(program: &str, arguments: &[&str], workspace: &Path) {
    let output = Command::new(program).args(arguments).current_dir(workspace).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
}

fn boxed(sandbox: &BenchedBox, program: &str, arguments: &[&str], workspace: &Path) {
    let ended = sandbox.run(&BoxSpec::read_only(), Path::new(program), arguments, workspace).unwrap();
    assert_eq!(ended, Some(0));
}

fn repository(workspace: &Path) {
    for number in 0..200 {
        std::fs::write(workspace.join(format!("file-{number}.txt")), format!("{number}\n")).unwrap();
    }
    for arguments in [
        &["init", "-q"][..],
        &["add", "."],
        &["-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-qm", "all"],
    ] {
        plain("/usr/bin/git", arguments, workspace);
    }
}
