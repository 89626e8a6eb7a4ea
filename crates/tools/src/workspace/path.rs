//! Paths below a workspace, as plans write them, and patterns for them.

use crate::failure::{FailureCode, ToolFailure};

/// Longest path below the workspace, in bytes.
const PATH_BYTES_MAX: usize = 4_096;
/// How calt's own temporary files begin; nobody else may use such names.
pub(crate) const TEMPORARY_PREFIX: &str = ".calt-tmp-";

/// A path below the workspace, with no `.` and no `..` in it; `.` alone is the workspace itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RelativePath(String);

impl RelativePath {
    /// Reads a path as a plan writes it.
    pub(crate) fn parse(text: &str) -> Result<Self, ToolFailure> {
        let refuse = |code, reason: &str| Err(ToolFailure::plain(code, format!("path `{text}` {reason}")));
        if text.is_empty() || text.contains('\0') || text.len() > PATH_BYTES_MAX {
            return refuse(FailureCode::InputInvalid, "is empty, too long, or holds a NUL");
        }
        if text.starts_with('/') {
            return refuse(FailureCode::OutsideWorkspace, "is absolute: outside the workspace");
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return refuse(FailureCode::OutsideWorkspace, "goes up with `..`: outside the workspace");
        }
        Ok(Self(if parts.is_empty() { ".".to_owned() } else { parts.join("/") }))
    }

    /// The same, for a file that is to be written: never in `.git`, never one of calt's own temporary files.
    pub(crate) fn parse_for_write(text: &str) -> Result<Self, ToolFailure> {
        let path = Self::parse(text)?;
        if path.0 == "." || text.ends_with('/') {
            return Err(ToolFailure::plain(FailureCode::InputInvalid, format!("path `{text}` names no file")));
        }
        if path.0.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Err(ToolFailure::plain(
                FailureCode::GitProtected,
                format!("path `{text}` lies in `.git`, which is never written"),
            ));
        }
        if path.0.split('/').any(|part| part.starts_with(TEMPORARY_PREFIX)) {
            return Err(ToolFailure::plain(
                FailureCode::InputInvalid,
                format!("path `{text}` is a name calt keeps for itself"),
            ));
        }
        Ok(path)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parent(&self) -> &str {
        self.0.rsplit_once('/').map_or(".", |(parent, _)| parent)
    }

    pub(crate) fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }
}

impl std::fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether a glob fits a path: `*` and `?` stay within a name, `**` crosses names.
pub fn matches_glob(pattern: &str, path: &str) -> bool {
    matches(pattern.as_bytes(), path.as_bytes())
}

/// Matches by all places of the path at once that a pattern can have come to: the time is their product.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut reach, mut next) = (vec![false; path.len() + 1], vec![false; path.len() + 1]);
    reach[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let length = match &pattern[at..] {
            // `**/` stands for any directories, and for none.
            [b'*', b'*', b'/', ..] => 3,
            [b'*', b'*', ..] => 2,
            _ => 1,
        };
        let mut open = false;
        for place in 0..=path.len() {
            let before = place.checked_sub(1).map(|before| (reach[before], path[before]));
            next[place] = match (pattern[at], length) {
                (b'*', 1) => {
                    open = reach[place] || (open && before.is_some_and(|(_, sign)| sign != b'/'));
                    open
                }
                (b'*', 2) => {
                    open |= reach[place];
                    open
                }
                (b'*', _) => {
                    open |= reach[place];
                    reach[place] || (open && before.is_some_and(|(_, sign)| sign == b'/'))
                }
                (wanted, _) => before
                    .is_some_and(|(reached, sign)| reached && (sign == wanted || (wanted == b'?' && sign != b'/'))),
            };
        }
        std::mem::swap(&mut reach, &mut next);
        at += length;
    }
    reach[path.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_leave_the_workspace() {
        for (text, code) in [
            ("/etc/passwd", FailureCode::OutsideWorkspace),
            ("../x", FailureCode::OutsideWorkspace),
            ("a/../../x", FailureCode::OutsideWorkspace),
            ("", FailureCode::InputInvalid),
            ("a\0b", FailureCode::InputInvalid),
        ] {
            assert_eq!(RelativePath::parse(text).unwrap_err().code(), code, "{text}");
        }
        assert_eq!(RelativePath::parse("./a//b/.").unwrap().as_str(), "a/b");
        for text in [".git/config", "sub/.GIT/hooks/x"] {
            assert_eq!(RelativePath::parse_for_write(text).unwrap_err().code(), FailureCode::GitProtected);
        }
        for text in [".calt-tmp-1-0", "a/.calt-tmp-1-0/b"] {
            assert_eq!(RelativePath::parse_for_write(text).unwrap_err().code(), FailureCode::InputInvalid, "{text}");
        }
    }

    #[test]
    fn globs_match_as_one_expects() {
        for (pattern, path, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("**/*.txt", "d/e/a.txt", true),
            ("**/*.txt", "a.txt", true),
            ("d/?.txt", "d/a.txt", true),
            ("d/**", "d/e/f", true),
            ("x*y*z", "xyyz", true),
            ("**/d/**/x", "d/x", true),
            ("a**b", "a/c/b", true),
            ("*", "", true),
            ("a/*", "a/b/c", false),
        ] {
            assert_eq!(matches_glob(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn no_glob_takes_longer_than_pattern_times_path() {
        // Were each star to branch, this would not end.
        assert!(!matches_glob(&format!("{}z", "**/".repeat(500)), &"a/".repeat(500)));
        assert!(!matches_glob(&format!("{}z", "*a".repeat(500)), &"a".repeat(1000)));
    }
}
