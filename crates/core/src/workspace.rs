//! Workspaces by name: what the owner lets sessions work on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::whole_number;
use crate::time::Timestamp;

/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Most workspaces that stand by name at once.
pub const NAMED_MAX: usize = 1_000;
/// Most patterns of one workspace.
pub const INCLUDES_MAX: usize = 100;
/// Longest pattern, in characters.
pub const INCLUDE_CHARS_MAX: usize = 500;
/// Longest path of a directory, in bytes.
pub const PATH_BYTES_MAX: usize = 4_095;
/// How long an attached directory stays one session's while nothing happens in that session, in hours.
pub const LEASE_IDLE_HOURS: i64 = 24;

/// What kind a workspace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceKind {
    /// A new, empty directory for each session.
    Own,
    /// A copy of a git repository at its newest commit, made for each session.
    Snapshot,
    /// The real directory.
    Attach,
}

impl WorkspaceKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Snapshot => "snapshot",
            Self::Attach => "attach",
        }
    }
}

impl fmt::Display for WorkspaceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A directory, by where it is and by what cannot be renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryFact {
    /// Its path, with no link in it.
    pub path: String,
    /// Its inode number.
    #[serde(with = "whole_number")]
    pub inode: u64,
    /// When it was made, in microseconds since 1970.
    pub born_micros: i64,
    /// The device it is on; another one after a reboot.
    #[serde(with = "whole_number")]
    pub device: u64,
}

impl DirectoryFact {
    /// Whether it is the same directory, wherever it is mounted.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.inode, self.born_micros) == (other.inode, other.born_micros)
    }

    /// Whether one of the two lies in the other, or they are one.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_same(other) || lies_in(&self.path, &other.path) || lies_in(&other.path, &self.path)
    }
}

fn lies_in(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A workspace as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedWorkspace {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: WorkspaceKind,
    /// The directory; none of kind `own`.
    pub directory: Option<DirectoryFact>,
    /// Patterns of files that a snapshot takes along though git does not know them.
    pub include: Vec<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
}

/// Whether a text can be a workspace's name: letters, digits and `_-.`, beginning with a letter or a digit.
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    text.len() <= NAME_CHARS_MAX
        && text.bytes().all(fits)
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, inode: u64) -> DirectoryFact {
        DirectoryFact { path: path.to_owned(), inode, born_micros: 5, device: 1 }
    }

    #[test]
    fn a_path_is_no_name() {
        for name in ["web", "a", "0.x-y_z"] {
            assert!(is_name(name), "{name}");
        }
        for path in ["", ".", "..", "/srv/web", "./web", "a/b", "~", "-x", "a b", "w\u{e9}b", &"x".repeat(65)] {
            assert!(!is_name(path), "{path}");
        }
    }

    #[test]
    fn directories_overlap_when_one_lies_in_the_other_or_they_are_one() {
        assert!(at("/srv/web", 1).overlaps(&at("/srv/web/sub", 2)));
        assert!(at("/srv/web/sub", 1).overlaps(&at("/srv/web", 2)));
        assert!(at("/srv/old", 1).overlaps(&at("/srv/new", 1)));
        assert!(!at("/srv/web", 1).overlaps(&at("/srv/website", 2)));
    }
}
