//! The picture in the README is a real run, and still what calt prints. `UPDATE_DOCS=1`, or `scripts/picture`, draws it anew.

use std::path::{Path, PathBuf};

use calt_tests::World;
use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What differs from run to run: ids, times, how long a step took, what depends on these, and where letters stand.
fn without_what_differs(picture: &str) -> Vec<String> {
    let differs = [
        (r"session_[0-9a-f]{32}", "SESSION"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\(\d+(\.\d+)? s\)", "(SECONDS)"),
        (r"\b[0-9a-f]{12}\b", "DIGEST"),
        (r"\b\d+ bytes", "BYTES"),
        (r#" (x|textLength)="[\d.]+""#, ""),
    ];
    let mut text = picture.to_owned();
    for (pattern, name) in differs {
        text = Regex::new(pattern).unwrap().replace_all(&text, name).into_owned();
    }
    text.lines().map(str::to_owned).collect()
}

#[test]
fn it_is_what_a_run_prints_today() {
    let world = World::asleep(&[]);
    let drawn = world.home().join("run.svg");
    let mut draw = world.command_of(root().join("scripts/picture"));
    let told = draw.arg("--calt").arg(World::binary()).arg(&drawn).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let today = std::fs::read_to_string(drawn).unwrap();
    let kept = std::fs::read_to_string(root().join("docs/run.svg")).unwrap_or_default();
    if without_what_differs(&kept) == without_what_differs(&today) {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join("docs/run.svg"), today).unwrap();
        return;
    }
    let (kept, today) = (without_what_differs(&kept), without_what_differs(&today));
    let row = kept.iter().zip(&today).position(|(kept, today)| kept != today).unwrap_or(kept.len().min(today.len()));
    let of = |lines: &[String]| lines.get(row).cloned().unwrap_or_default();
    panic!(
        "docs/run.svg is not what calt prints; run scripts/picture and look at it\nit shows: {}\ntoday:    {}",
        of(&kept),
        of(&today)
    );
}

#[test]
fn both_readmes_show_the_run_of_their_first_command() {
    let picture = text("docs/run.svg");
    for readme in ["README.md", "README.ja.md"] {
        let readme = text(readme);
        assert!(readme.contains("](docs/run.svg)"), "{readme}");
        let first = readme.lines().find_map(|line| line.strip_prefix("cargo run -- ")).unwrap();
        let command = first.split(" #").next().unwrap().trim_end();
        assert!(picture.contains(&format!(">$ calt {command}</tspan>")), "{command}");
    }
    let written = ["Hello from calt.", "[y]es, [n]o, [d]etails, [s]kip a step: y", "Done: 2 steps ran"];
    assert!(written.iter().all(|line| picture.contains(line)));
    // A page loads nothing by it, and runs nothing.
    let loads = ["<script", "<image", "href=", "url(", "@import", "<foreignObject"];
    assert!(loads.iter().all(|way| !picture.contains(way)));
}
