//! git's own directories under whatever name: bare repositories, what a `.git` file leads to, submodules.
//!
//! Hooks and settings that lie there are programs which git runs as whoever works in the repository, so no step
//! writes there, and no step makes a directory one of these.

use std::collections::BTreeSet;

use rustix::fs::{OFlags, ResolveFlags};

use crate::change::PlannedFile;
use crate::failure::{FailureCode, ToolFailure};
use crate::workspace::{RelativePath, Workspace};

/// What git looks for in a directory before it takes it for its own: all of one of these.
const SIGNS: [&[&str]; 2] = [&["HEAD", "objects", "refs"], &["HEAD", "commondir"]];

/// Whether these names, or those beside which they stand, make a directory git's own.
pub(crate) fn is_gits(has: impl Fn(&str) -> bool) -> bool {
    SIGNS.iter().any(|signs| signs.iter().all(|name| has(name)))
}

/// Refuses files that lie in a directory of git's own, or would make it one together with what is there.
pub(crate) fn none_in_gits(workspace: &Workspace, files: &[PlannedFile]) -> Result<(), ToolFailure> {
    let made: Vec<&str> =
        files.iter().filter(|file| file.change.new_exists).map(|file| file.change.path.as_str()).collect();
    let touched = files.iter().flat_map(|file| std::iter::once(&file.change.path).chain(&file.change.from));
    let mut seen = BTreeSet::new();
    for path in touched {
        for directory in above(path) {
            if !seen.insert(directory) {
                continue;
            }
            let stands = |name: &str| stands(workspace, directory, name);
            let shown = if directory.is_empty() { "the workspace" } else { directory };
            if is_gits(stands) {
                return Err(protected(format!(
                    "path `{path}` lies in `{shown}`, which is git's own directory of a repository and is never written"
                )));
            }
            if is_gits(|name| stands(name) || made.iter().any(|path| is_or_lies_in(path, directory, name))) {
                return Err(protected(format!(
                    "path `{path}` would make `{shown}` git's own directory of a repository; no step makes one"
                )));
            }
        }
    }
    Ok(())
}

fn protected(message: String) -> ToolFailure {
    ToolFailure::plain(FailureCode::GitProtected, message)
}

/// The directories a path lies in, outermost first; the workspace itself is the empty one.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('/').map(|(end, _)| &path[..end]))
}

/// Whether something stands in a directory under this name. A link counts: git follows it.
fn stands(workspace: &Workspace, directory: &str, name: &str) -> bool {
    let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
    let Ok(path) = RelativePath::parse(&path) else { return false };
    workspace.open_with(path.as_str(), OFlags::PATH | OFlags::NOFOLLOW, ResolveFlags::empty()).is_ok()
}

fn is_or_lies_in(path: &str, directory: &str, name: &str) -> bool {
    let below = if directory.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'))
    };
    below.is_some_and(|below| below.split('/').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{FileInput, of_files};

    fn planned(workspace: &Workspace, files: &serde_json::Value) -> Result<(), ToolFailure> {
        let files: Vec<FileInput> = serde_json::from_value(files.clone()).unwrap();
        of_files(workspace, &files).map(drop)
    }

    fn files(paths: &[&str]) -> serde_json::Value {
        paths.iter().map(|path| serde_json::json!({"path": path, "content": "x"})).collect()
    }

    #[test]
    fn what_lies_in_a_directory_of_gits_own_is_never_written_under_whatever_name() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        for directory in ["vendor/x.git/objects", "vendor/x.git/refs", "vendor/x.git/hooks", "meta/worktrees/w", "src"]
        {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        for file in ["vendor/x.git/HEAD", "vendor/x.git/config", "meta/worktrees/w/HEAD", "meta/worktrees/w/commondir"]
        {
            std::fs::write(at(file), "x").unwrap();
        }
        let workspace = Workspace::open(place.path()).unwrap();
        let refused = |files: &serde_json::Value| planned(&workspace, files).unwrap_err();
        for path in
            ["vendor/x.git/hooks/post-merge", "vendor/x.git/config", "vendor/x.git/new/deep", "meta/worktrees/w/config"]
        {
            let failure = refused(&files(&[path]));
            assert_eq!(failure.code(), FailureCode::GitProtected, "{path}");
            assert!(failure.message.contains("git's own directory"), "{}", failure.message);
        }
        let away = serde_json::json!([{"path": "vendor/x.git/config", "rename_to": "src/config"}]);
        assert_eq!(refused(&away).code(), FailureCode::GitProtected);
        let into = serde_json::json!([{"path": "vendor/x.git/config", "delete": true}]);
        assert_eq!(refused(&into).code(), FailureCode::GitProtected);
        // Beside one everything can be written.
        planned(&workspace, &files(&["vendor/readme", "vendor/y/hooks/a", "src/HEAD", "src/objects/a"])).unwrap();
    }

    #[test]
    fn no_step_makes_a_directory_gits_own_at_once_or_piece_by_piece() {
        let place = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(place.path()).unwrap();
        for whole in [
            &["a/HEAD", "a/objects/x", "a/refs/x", "a/config"][..],
            &["HEAD", "objects/x", "refs/heads/x"],
            &["b/HEAD", "b/commondir"],
        ] {
            assert_eq!(planned(&workspace, &files(whole)).unwrap_err().code(), FailureCode::GitProtected, "{whole:?}");
            planned(&workspace, &files(&whole[1..])).unwrap();
        }
        std::fs::create_dir_all(place.path().join("c/objects")).unwrap();
        std::fs::create_dir_all(place.path().join("c/refs")).unwrap();
        assert_eq!(planned(&workspace, &files(&["c/HEAD"])).unwrap_err().code(), FailureCode::GitProtected);
        planned(&workspace, &files(&["c/HEADER", "c/objects/x"])).unwrap();
    }
}
