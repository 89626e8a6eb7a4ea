//! The manifest of a snapshot: what was copied from where, one line of JSON each, after a line about the whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The word a manifest begins with.
pub const FORMAT: &str = "calt snapshot v1";
/// Most names of what was left out, and of what was not committed, that are listed; the numbers are whole.
pub const LISTED_MAX: usize = 500;

/// What is said of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    pub format: String,
    /// The commit it is a copy of, as git writes it.
    pub commit: String,
    /// Entries that follow.
    pub entries: u64,
    /// Bytes of all regular files.
    pub bytes: u64,
    /// What is not in it though the commit or a pattern has it, up to [`LISTED_MAX`].
    pub left_out: Vec<LeftOut>,
    /// How many there are.
    pub left_out_count: u64,
    /// What was not committed in the repository, up to [`LISTED_MAX`].
    pub uncommitted: Vec<Uncommitted>,
    /// How many there are.
    pub uncommitted_count: u64,
    /// Pointers of git LFS that stand in it in place of the large file, up to [`LISTED_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lfs_pointers: Vec<String>,
}

/// Something that was not copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its path, with signs that are no text replaced.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Something that stands otherwise in the repository's directory than in its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncommitted {
    /// Its path, with signs that are no text replaced.
    pub path: String,
    /// `modified`, `added`, `deleted`, `conflicted` or `untracked`.
    pub state: String,
    /// Whether the copy has it as it stands there.
    pub taken: bool,
}

/// From where an entry was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The commit.
    Commit,
    /// The repository's directory.
    Directory,
}

/// One file or link of the copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path below the workspace, with signs that are no text replaced.
    pub path: String,
    /// The path's true bytes in Base64, when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_b64: Option<String>,
    /// `0644`, `0755`, or `link`.
    pub mode: String,
    /// SHA-256 of its bytes; of a link, of its target.
    pub sha256: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// From where it was copied.
    pub from: From,
}

impl Entry {
    /// An entry of a path as the system knows it.
    pub fn new(path: &[u8], mode: &str, (sha256, size): (Digest, u64), from: From) -> Self {
        let path_b64 = std::str::from_utf8(path).is_err().then(|| STANDARD.encode(path));
        let path = String::from_utf8_lossy(path).into_owned();
        Self { path, path_b64, mode: mode.to_owned(), sha256, size, target: None, from }
    }

    /// The path as the system knows it.
    pub fn path_bytes(&self) -> Vec<u8> {
        let decoded = self.path_b64.as_ref().and_then(|text| STANDARD.decode(text).ok());
        decoded.unwrap_or_else(|| self.path.clone().into_bytes())
    }
}

/// Writes a manifest: the head, then the entries by path. Its SHA-256 is what `session_created` names.
pub fn write(head: &Head, mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by_cached_key(Entry::path_bytes);
    let mut bytes = Vec::new();
    let mut line = |text: serde_json::Result<Vec<u8>>| {
        bytes.extend(text.expect("a manifest holds texts and numbers alone"));
        bytes.push(b'\n');
    };
    line(serde_json::to_vec(head));
    for entry in &entries {
        line(serde_json::to_vec(entry));
    }
    bytes
}

/// Reads what a manifest says of the whole; `None` when it is no manifest.
pub fn read_head(bytes: &[u8]) -> Option<Head> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok().filter(|head: &Head| head.format == FORMAT)
}

/// Reads a manifest; `None` when it is not one or not whole.
pub fn read(bytes: &[u8]) -> Option<(Head, Vec<Entry>)> {
    let head = read_head(bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty());
    let entries = lines.map(serde_json::from_slice).collect::<Result<Vec<Entry>, _>>().ok()?;
    (entries.len() as u64 == head.entries).then_some((head, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_is_sorted_by_true_bytes() {
        let of = |path: &[u8]| Entry::new(path, "0644", (Digest::of_bytes(path), 1), From::Commit);
        let head = Head {
            format: FORMAT.to_owned(),
            commit: "c".repeat(40),
            entries: 3,
            bytes: 3,
            left_out: Vec::new(),
            left_out_count: 0,
            uncommitted: Vec::new(),
            uncommitted_count: 0,
            lfs_pointers: Vec::new(),
        };
        let bytes = write(&head, vec![of(b"\xff\n"), of(b"b"), of(b"a\nb")]);
        let (again, entries) = read(&bytes).unwrap();
        assert_eq!(again, head);
        let paths: Vec<_> = entries.iter().map(Entry::path_bytes).collect();
        assert_eq!(paths, [b"a\nb".to_vec(), b"b".to_vec(), b"\xff\n".to_vec()]);
        assert!(read(&bytes[..bytes.len() - 30]).is_none());
        assert!(read_head(b"{}\n").is_none());
    }
}
