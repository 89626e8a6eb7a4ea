//! A release says of itself what the changelog says, and the versions of everything agree.

use std::path::Path;

use super::{root, said, script, text};

const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- Later.\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- Two.\n\n\
                         ### Fixed\n\n- Two and a half.\n\n## [0.1.0] - 2026-11-26\n\n- One.\n\n## [0.0.9]\n\n- No day.\n\n\
                         ## [0.0.8] - 2026-01-01\n\n[0.2.0]: https://example.org/2\n";

fn section(version: &str) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("CHANGELOG.md"), CHANGELOG).unwrap();
    said(&script("changelog_section", home.path()).args([version, "CHANGELOG.md"]).output().unwrap())
}

#[test]
fn a_section_is_printed_without_its_heading_and_its_neighbours() {
    assert_eq!(section("v0.2.0"), (0, "### Added\n\n- Two.\n\n### Fixed\n\n- Two and a half.\n".to_owned()));
    assert_eq!(section("0.1.0"), (0, "- One.\n".to_owned()));
}

#[test]
fn a_section_that_is_missing_empty_or_has_no_day_stops_the_release() {
    for (version, fault) in [
        ("0.3.0", "version 0.3.0 has no section"),
        ("0.2", "version 0.2 has no section"),
        ("0.2.0.1", "has no section"),
        ("0.0.9", "is to be `## [0.0.9] - YYYY-MM-DD`"),
        ("0.0.8", "is empty"),
        // A point is a point.
        ("0x1.0", "has no section"),
    ] {
        let (code, told) = section(version);
        assert!(code == 1 && told.contains(fault), "{version}: {code} {told}");
    }
    let (code, told) = said(&script("changelog_section", Path::new("/")).output().unwrap());
    assert!(code == 2 && told.starts_with("usage: "), "{told}");
}

#[test]
fn this_version_has_its_section_and_every_file_names_it() {
    let version = env!("CARGO_PKG_VERSION");
    let (code, told) = said(&script("changelog_section", &root()).arg(version).output().unwrap());
    assert_eq!(code, 0, "{told}");
    assert!(text("docker-compose.yml").contains(&format!("image: calt:{version}\n")), "docker-compose.yml");
    for document in ["README.md", "README.ja.md", "docs/operations.md"] {
        assert!(text(document).contains(&format!("calt_{version}-1_amd64.deb")), "{document}");
    }
}

/// The version a tool is pinned to, wherever it is installed.
#[test]
fn a_tool_is_pinned_to_one_version_everywhere() {
    let files = [
        ".ci/run",
        ".github/workflows/ci.yml",
        ".github/workflows/docker-test.yml",
        ".github/workflows/release.yml",
        "Dockerfile",
        "scripts/check_spelling",
        "scripts/package",
        "scripts/setup-hooks",
    ];
    let pinned = regex::Regex::new(r"cargo install --locked ([a-z-]+)(@[0-9.]+)?").unwrap();
    let mut versions = std::collections::BTreeMap::new();
    for file in files {
        for found in pinned.captures_iter(&text(file)) {
            let version = found.get(2).unwrap_or_else(|| panic!("{file}: {} has no version", &found[1]));
            let first = versions.entry(found[1].to_owned()).or_insert_with(|| version.as_str().to_owned()).clone();
            assert_eq!(first, version.as_str(), "{file}: {}", &found[1]);
        }
    }
    assert!(versions.len() >= 3, "{versions:?}");
}

#[test]
fn every_action_of_a_workflow_is_pinned_by_its_version() {
    let pinned = regex::Regex::new(r"^[A-Za-z0-9-]+/[A-Za-z0-9-]+@v[0-9]+\.[0-9]+\.[0-9]+$").unwrap();
    let mut actions = 0;
    for entry in std::fs::read_dir(root().join(".github/workflows")).unwrap() {
        let workflow = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in workflow.lines() {
            let Some((_, action)) = line.split_once("uses: ") else { continue };
            assert!(pinned.is_match(action.trim()), "{line}");
            actions += 1;
        }
        // What a workflow runs is here.
        for script in workflow.split_whitespace().filter(|word| word.starts_with("scripts/") && !word.contains('*')) {
            assert!(root().join(script).is_file(), "{script}");
        }
        assert!(workflow.contains("permissions:\n  contents: read\n"), "a workflow may read and no more");
    }
    assert!(actions >= 6, "{actions}");
}
