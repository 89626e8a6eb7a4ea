//! The arrows between crates, held by reading every `Cargo.toml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which crate may name which; ARCHITECTURE.md draws it.
const ARROWS: &[(&str, &[&str])] = &[
    ("crates/core", &[]),
    ("crates/api", &["calt-core"]),
    ("crates/store", &["calt-core"]),
    ("crates/tools", &["calt-core"]),
    ("crates/engine", &["calt-core", "calt-store", "calt-tools"]),
    ("crates/daemon", &["calt-api", "calt-engine"]),
    ("clients/cli", &["calt-api"]),
    ("clients/discord", &["calt-api"]),
    (".", &["calt-cli", "calt-daemon", "calt-discord"]),
];

/// What may be named in one place only.
const FENCED: &[(&str, &[&str])] = &[
    ("rusqlite", &["crates/store", "tests", "bench"]),
    ("refinery", &["crates/store"]),
    ("axum", &["crates/daemon"]),
    ("hyper", &["crates/daemon"]),
    ("clap", &["clients/cli"]),
    ("twilight-gateway", &["clients/discord"]),
    ("hyper-rustls", &["crates/daemon", "clients/discord"]),
    ("granit-parser", &["crates/core"]),
    ("similar", &["crates/tools"]),
    ("diffy", &["crates/tools"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn dependencies(crate_dir: &str, table: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(crate_dir).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest
        .get(table)
        .and_then(|table| table.as_table())
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn crates_name_only_what_the_arrows_allow() {
    for (crate_dir, allowed) in ARROWS {
        for named in dependencies(crate_dir, "dependencies").iter().filter(|name| name.starts_with("calt-")) {
            assert!(allowed.contains(&named.as_str()), "{crate_dir} names {named}; the arrows allow {allowed:?}");
        }
    }
}

#[test]
fn heavy_dependencies_stay_behind_their_fence() {
    for (crate_dir, _) in ARROWS.iter().chain(&[("tests", &[][..]), ("bench", &[][..])]) {
        let named = dependencies(crate_dir, "dependencies");
        for (fenced, homes) in FENCED {
            assert!(
                !named.contains(*fenced) || homes.contains(crate_dir),
                "{crate_dir} names {fenced}; it lives in {homes:?}"
            );
        }
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_module_says_first_what_it_is() {
    let mut files = Vec::new();
    for directory in ["src", "crates", "clients", "tests", "bench"] {
        sources(&root().join(directory), &mut files);
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with a `//!` sentence", file.display());
    }
}

#[test]
fn only_the_store_takes_a_decision_apart() {
    let mut files = Vec::new();
    for directory in ["crates", "clients"] {
        sources(&root().join(directory), &mut files);
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let here = file.strip_prefix(root()).unwrap().display().to_string();
        let at_home =
            ["crates/core/", "crates/store/"].iter().any(|home| here.starts_with(home)) || here.contains("/tests/");
        assert!(at_home || !text.contains(".into_parts()"), "{here} takes a decision apart; only the store may");
    }
}

#[test]
fn main_is_short() {
    let text = std::fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(text.lines().count() <= 60, "src/main.rs hands over; it has {} lines", text.lines().count());
}

/// Every package of the workspace, by its directory.
fn packages() -> Vec<String> {
    let mut found = vec![".".to_owned(), "tests".to_owned(), "bench".to_owned()];
    for directory in ["crates", "clients"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            found.push(format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    found
}

/// All Rust text of one package.
fn rust_of(package: &str) -> String {
    let mut files = Vec::new();
    for below in ["src", "tests", "examples", "benches"] {
        let directory = root().join(package).join(below);
        // The root package has the tests of nobody.
        if directory.is_dir() && !(package == "." && below != "src") {
            sources(&directory, &mut files);
        }
    }
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>().join("\n")
}

/// Whether a text holds a word that is no part of a longer one.
fn holds_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_part)
            && !text[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    let mut named_by_packages = BTreeSet::new();
    for package in packages() {
        let rust = rust_of(&package);
        for table in ["dependencies", "dev-dependencies"] {
            for dependency in dependencies(&package, table) {
                let own = root().join(&package).join("Cargo.toml");
                // A package that names itself does so for its features.
                let names_itself = std::fs::read_to_string(own).unwrap().contains(&format!("name = \"{dependency}\""));
                if !names_itself && !holds_word(&rust, &dependency.replace('-', "_")) {
                    unused.push(format!("{package}: {dependency}"));
                }
                named_by_packages.insert(dependency);
            }
        }
    }
    let workspace: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    for dependency in workspace["workspace"]["dependencies"].as_table().unwrap().keys() {
        if !named_by_packages.contains(dependency) {
            unused.push(format!("the workspace: {dependency}"));
        }
    }
    assert!(unused.is_empty(), "dependencies that nothing uses: {unused:#?}");
}

#[test]
fn every_feature_is_turned_on_by_somebody_and_asked_for_in_the_code() {
    let manifests: Vec<String> = packages()
        .iter()
        .map(|package| std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap())
        .collect();
    for package in packages() {
        for feature in dependencies(&package, "features") {
            let manifest: toml::Table =
                std::fs::read_to_string(root().join(&package).join("Cargo.toml")).unwrap().parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap();
            let turned_on = manifests.iter().flat_map(|text| text.lines()).any(|line| {
                line.starts_with(name) && line.contains("features = [") && line.contains(&format!("\"{feature}\""))
            });
            assert!(turned_on, "{package}: nobody turns on the feature `{feature}`");
            assert!(
                rust_of(&package).contains(&format!("feature = \"{feature}\"")),
                "{package}: `{feature}` is not asked for"
            );
        }
    }
}
