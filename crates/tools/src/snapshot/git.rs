//! What git says of a repository. It runs in the box that only reads, with everything off that would run a program.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};

use calt_core::isolation::BoxSpec;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::command::git_filters;
use crate::command::program::Program;
use crate::command::schema::git_without_programs;
use crate::limits::Limits;
use crate::sandbox::{Boxed, EndedBy, Sink};
use crate::toolkit::{Programs, Toolkit};
use crate::workspace::Workspace;

/// Most of what git says at once that is kept, in bytes; contents are never kept.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most of an error that is told on, in characters.
const ERROR_CHARS_MAX: usize = 300;

/// A repository, and the git that looks at it.
pub(super) struct Git<'g> {
    programs: &'g Programs,
    repository: &'g Workspace,
    limits: &'g Limits,
    settings: Vec<String>,
}

/// An entry of a commit's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub(super) kind: TreeKind,
    pub(super) id: String,
    pub(super) path: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeKind {
    File { executable: bool },
    Link,
    Submodule,
    Unknown,
}

/// Something that stands otherwise in the directory than in the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) state: &'static str,
    pub(super) path: Vec<u8>,
}

impl<'g> Git<'g> {
    pub(super) fn new(toolkit: &'g Toolkit, repository: &'g Workspace, limits: &'g Limits) -> Result<Self, String> {
        let programs = toolkit.programs_of_commands();
        if programs.path(Program::Git).is_none() {
            return Err("git is not installed on this machine; the package `git` has it".to_owned());
        }
        if let Some(refusal) = programs.sandbox().refusal(&BoxSpec::read_only()) {
            return Err(refusal);
        }
        let mut git = Self { programs, repository, limits, settings: git_without_programs() };
        // Windows on packs that fit into the box, however large the packs are.
        for setting in ["core.packedGitWindowSize=32m", "core.packedGitLimit=512m", "core.bigFileThreshold=32m"] {
            git.settings.extend(["-c".to_owned(), setting.to_owned()]);
        }
        git.settings.extend(["--git-dir=.git", "--work-tree=.", "--no-replace-objects"].map(str::to_owned));
        git.turn_filters_off()?;
        Ok(git)
    }

    fn turn_filters_off(&mut self) -> Result<(), String> {
        let (code, answer) = self.asked(&git_filters::QUESTION, None)?;
        if code > 1 {
            return Err("its configuration cannot be read".to_owned());
        }
        self.settings.extend(git_filters::turned_off(&answer)?.settings);
        Ok(())
    }

    /// The commit it stands at.
    pub(super) fn head(&self) -> Result<String, String> {
        let (code, answer) = self.asked(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], None)?;
        let commit = String::from_utf8_lossy(&answer).trim_end().to_owned();
        let is_id = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if code != 0 || !is_id {
            return Err("it has no commit yet; commit something first".to_owned());
        }
        Ok(commit)
    }

    /// Every entry of a commit, directories left out.
    pub(super) fn tree(&self, commit: &str) -> Result<Vec<TreeEntry>, String> {
        let answer = self.said(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        records(&answer).map(|record| tree_entry(record).ok_or_else(|| odd("ls-tree"))).collect()
    }

    /// What stands otherwise in the directory.
    pub(super) fn changes(&self) -> Result<Vec<Change>, String> {
        let answer = self.said(&[
            "status",
            "--porcelain=v2",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=all",
            "--no-renames",
        ])?;
        records(&answer).map(|record| change(record).ok_or_else(|| odd("status"))).collect()
    }

    /// Hands on the contents of objects, in the order of their ids, in the form of `cat-file --batch`.
    pub(super) fn contents<'i>(&self, ids: impl Iterator<Item = &'i str>, sink: Sink<'_>) -> Result<(), String> {
        let list = listed(ids).map_err(|error| format!("the list of objects cannot be written: {error}"))?;
        let mut broken = None;
        let mut take = |bytes: &[u8]| sink(bytes).inspect_err(|error| broken = Some(error.to_string()));
        let ran = self.streamed(&["cat-file", "--batch", "--buffer"], Some(list.as_fd()), &mut take);
        match (broken, ran) {
            (Some(broken), _) => Err(broken),
            (None, Ok((0, _))) => Ok(()),
            (None, Ok((_, error))) => Err(format!("git: {error}")),
            (None, Err(error)) => Err(error),
        }
    }

    fn said(&self, words: &[&str]) -> Result<Vec<u8>, String> {
        let mut answer = Vec::new();
        let mut take = |bytes: &[u8]| keep(&mut answer, bytes);
        let (code, error) = self.streamed(words, None, &mut take)?;
        if code == 0 { Ok(answer) } else { Err(format!("git: {error}")) }
    }

    fn asked(&self, words: &[&str], input: Option<BorrowedFd<'_>>) -> Result<(i32, Vec<u8>), String> {
        let mut answer = Vec::new();
        let (code, _) = self.streamed(words, input, &mut |bytes| keep(&mut answer, bytes))?;
        Ok((code, answer))
    }

    /// Runs git; gives its exit code and the beginning of what it said of an error.
    fn streamed(&self, words: &[&str], input: Option<BorrowedFd<'_>>, sink: Sink<'_>) -> Result<(i32, String), String> {
        let program = self.programs.path(Program::Git).expect("a missing git was refused before");
        let arguments: Vec<String> =
            self.settings.iter().cloned().chain(words.iter().map(|word| (*word).to_owned())).collect();
        let boxed = Boxed { shape: &BoxSpec::read_only(), program, arguments: &arguments, input };
        let ran = self.programs.sandbox().stream(&boxed, self.repository, self.limits, sink)?;
        match ran.ended_by {
            EndedBy::Itself => {}
            EndedBy::Deadline => return Err("it took longer than a snapshot may take".to_owned()),
            EndedBy::Cancel => return Err("the daemon is ending".to_owned()),
        }
        let (error, _) = ran.stderr.text();
        let error: String = error.trim().chars().take(ERROR_CHARS_MAX).collect();
        Ok((ran.exit_code.unwrap_or(-1), error))
    }
}

fn keep(answer: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    if answer.len() + bytes.len() > ANSWER_BYTES_MAX {
        return Err(io::Error::other(format!("git says more than {ANSWER_BYTES_MAX} bytes of it")));
    }
    answer.extend_from_slice(bytes);
    Ok(())
}

fn listed<'i>(ids: impl Iterator<Item = &'i str>) -> io::Result<File> {
    let mut text = String::new();
    for id in ids {
        text.push_str(id);
        text.push('\n');
    }
    let mut file = File::from(memfd_create("objects", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn odd(command: &str) -> String {
    format!("git {command} says what is not understood")
}

fn records(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    answer.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

/// `<mode> <type> <id>\t<path>`.
fn tree_entry(record: &[u8]) -> Option<TreeEntry> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (std::str::from_utf8(&record[..tab]).ok()?, record[tab + 1..].to_vec());
    let mut words = head.split(' ');
    let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
    let kind = match mode {
        "100644" | "100664" => TreeKind::File { executable: false },
        "100755" => TreeKind::File { executable: true },
        "120000" => TreeKind::Link,
        "160000" => TreeKind::Submodule,
        _ => TreeKind::Unknown,
    };
    Some(TreeEntry { kind, id: id.to_owned(), path })
}

/// `1 <XY> <sub> <mH> <mI> <mW> <hH> <hI> <path>`, `u …` with two more, `? <path>`.
fn change(record: &[u8]) -> Option<Change> {
    let after = |spaces: usize| {
        let mut places = record.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(place, _)| place);
        places.nth(spaces - 1).map(|place| record[place + 1..].to_vec())
    };
    let (state, path) = match record.first()? {
        b'?' => ("untracked", after(1)?),
        b'u' => ("conflicted", after(10)?),
        b'1' => {
            let [staged, there] = *record.get(2..4)? else { return None };
            let state = match (staged, there) {
                (_, b'D') | (b'D', b'.') => "deleted",
                (b'A', _) => "added",
                _ => "modified",
            };
            (state, after(8)?)
        }
        _ => return None,
    };
    Some(Change { state, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_read_with_every_name() {
        let id = "a".repeat(40);
        let entry = |mode: &str, path: &[u8]| {
            let mut record = format!("{mode} blob {id}\t").into_bytes();
            record.extend_from_slice(path);
            tree_entry(&record).unwrap()
        };
        assert_eq!(entry("100755", b"a\tb\n").path, b"a\tb\n");
        assert_eq!(entry("100755", b"x").kind, TreeKind::File { executable: true });
        assert_eq!(entry("120000", b"\xff").kind, TreeKind::Link);
        assert_eq!(entry("160000", b"sub").kind, TreeKind::Submodule);
        assert_eq!(tree_entry(b"no tab"), None);
        let tracked = |xy: &str| {
            let record = format!("1 {xy} N... 100644 100644 100644 {id} {id} a b");
            change(record.as_bytes()).map(|change| (change.state, change.path))
        };
        assert_eq!(tracked(".M"), Some(("modified", b"a b".to_vec())));
        assert_eq!(tracked(".D"), Some(("deleted", b"a b".to_vec())));
        assert_eq!(tracked("A."), Some(("added", b"a b".to_vec())));
        assert_eq!(change(b"? new file").unwrap(), Change { state: "untracked", path: b"new file".to_vec() });
        assert_eq!(change(b"! ignored"), None);
    }
}
