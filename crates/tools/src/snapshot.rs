//! Snapshots: a new workspace that is a copy of a git repository at its commit.
//!
//! What is in the copy comes from the commit's objects, not from the directory, so a filter or an attribute of the
//! repository changes no byte of it. Nothing of the repository is written, and no program of its own is run.

mod copy;
mod git;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use calt_core::manifest::{self, Entry, From, Head, LISTED_MAX, Uncommitted};
use rustix::fs::{FileType, OFlags, ResolveFlags, fstat, syncfs};

use crate::limits::Limits;
use crate::toolkit::Toolkit;
use crate::workspace::{Workspace, matches_glob};
use copy::{Copy, TARGET_BYTES_MAX, Writing};
use git::{Change, Git, TreeEntry, TreeKind};

/// Most files of a snapshot.
const FILES_MAX: usize = 500_000;
/// Most entries of the directory a search for files to take along looks at.
const WALK_ENTRIES_MAX: usize = 1_000_000;
/// Longest line of git before the contents of an object, in bytes.
const HEADER_BYTES_MAX: usize = 200;

/// What a snapshot takes along beside the commit.
#[derive(Clone, Debug, Default)]
pub struct SnapshotWish {
    /// Patterns of files that are taken as they stand in the directory, though git does not know them.
    pub include: Vec<String>,
    /// Everything that is not committed, as it stands there.
    pub uncommitted: bool,
    /// How far it has come, for who waits.
    pub progress: Arc<CopyProgress>,
}

/// How far a copy has come.
#[derive(Debug, Default)]
pub struct CopyProgress {
    files: AtomicU64,
    of: AtomicU64,
}

impl CopyProgress {
    /// Files that are copied, and how many there are to copy; both 0 until that is known.
    pub fn files(&self) -> (u64, u64) {
        (self.files.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed))
    }

    fn expect(&self, files: usize) {
        self.of.store(files as u64, Ordering::Relaxed);
    }

    fn advance(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }
}

/// A snapshot that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What is said of the whole.
    pub head: Head,
    /// The manifest; its SHA-256 names the snapshot.
    pub manifest: Vec<u8>,
}

/// Whether a directory is a repository that can be copied.
///
/// # Errors
/// Why not, as the end of a sentence.
pub fn check_repository(directory: &Workspace) -> Result<(), String> {
    let kind = |path: &str| {
        let held = directory.open_with(path, OFlags::PATH | OFlags::NOFOLLOW, ResolveFlags::empty());
        held.ok().and_then(|held| fstat(held).ok()).map(|found| FileType::from_raw_mode(found.st_mode))
    };
    match kind(".git") {
        Some(FileType::Directory) => {}
        Some(FileType::RegularFile) => {
            return Err("its `.git` is a file: it is a linked worktree or a submodule, whose objects lie elsewhere; \
                        name the main repository, or a clone"
                .to_owned());
        }
        Some(_) => return Err("its `.git` is no directory".to_owned()),
        None if kind("HEAD").is_some() && kind("objects").is_some() => {
            return Err("it is a bare repository; name a clone of it".to_owned());
        }
        None => return Err("it is not a git repository".to_owned()),
    }
    for (path, what) in [(".git/commondir", "shares its objects"), (".git/objects/info/alternates", "borrows objects")]
    {
        if kind(path).is_some() {
            return Err(format!("it {what} with another repository (`{path}`); name a clone that has its own"));
        }
    }
    Ok(())
}

/// Copies a repository into a new, empty workspace. Blocks, for seconds if it is large.
///
/// # Errors
/// Why it could not be done, as the end of a sentence; what was copied so far is left to the caller.
pub fn take_snapshot(
    toolkit: &Toolkit,
    repository: &Workspace,
    into: &Workspace,
    wish: &SnapshotWish,
    limits: &Limits,
) -> Result<Taken, String> {
    check_repository(repository)?;
    let git = Git::new(toolkit, repository, limits)?;
    let commit = git.head()?;
    let tree = git.tree(&commit)?;
    if tree.len() > FILES_MAX {
        return Err(format!("its commit holds {} files; the limit is {FILES_MAX}", tree.len()));
    }
    let changes = git.changes()?;
    let taken: HashMap<&[u8], &Change> =
        changes.iter().filter(|change| wants(wish, change)).map(|change| (change.path.as_slice(), change)).collect();
    wish.progress.expect(tree.len());
    let mut copy = Copy::new(into, &wish.progress);
    from_commit(&git, &tree, &taken, &mut copy)?;
    let words = |error: io::Error| error.to_string();
    for change in taken.values().filter(|change| change.state != "deleted") {
        on_time(limits)?;
        copy.take(repository, &change.path).map_err(words)?;
    }
    included(repository, wish, (&tree, &taken), &mut copy, limits)?;
    copy.make_links().map_err(words)?;
    // One call for all of them: what an event names later is on disk before it.
    syncfs(into.root()).map_err(|error| format!("the copy cannot be made durable: {error}"))?;
    Ok(finished(commit, &changes, &taken, copy))
}

/// Whether something that is not committed is taken as it stands. A repository in the repository never is.
fn wants(wish: &SnapshotWish, change: &Change) -> bool {
    let path = String::from_utf8_lossy(&change.path);
    !path.ends_with('/') && (wish.uncommitted || wish.include.iter().any(|pattern| matches_glob(pattern, &path)))
}

/// Copies what the commit has, but for what is taken from the directory instead.
fn from_commit(
    git: &Git<'_>,
    tree: &[TreeEntry],
    taken: &HashMap<&[u8], &Change>,
    copy: &mut Copy<'_>,
) -> Result<(), String> {
    let mut wanted = Vec::with_capacity(tree.len());
    for entry in tree.iter().filter(|entry| !taken.contains_key(entry.path.as_slice())) {
        match entry.kind {
            TreeKind::File { .. } | TreeKind::Link => wanted.push(entry),
            TreeKind::Submodule => copy.leave_out(&entry.path, "a submodule"),
            TreeKind::Unknown => copy.leave_out(&entry.path, "neither a file nor a link"),
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let ids = wanted.iter().map(|entry| entry.id.as_str());
    let mut contents = Contents { wanted: wanted.iter(), header: Vec::new(), open: Open::Header, copy };
    git.contents(ids, &mut |bytes| contents.take(bytes))?;
    if contents.wanted.next().is_some() || !matches!(contents.open, Open::Header) {
        return Err("git ended before it had given every file".to_owned());
    }
    Ok(())
}

/// Reads `<id> <type> <size>\n<contents>\n`, one after the other, as the pieces come.
struct Contents<'c, 'w, I> {
    wanted: I,
    header: Vec<u8>,
    open: Open<'c>,
    copy: &'c mut Copy<'w>,
}

enum Open<'c> {
    Header,
    /// The bytes of a file that are still to come; nothing is written of one that is left out.
    File(u64, Option<Writing>),
    Link(u64, &'c TreeEntry, Vec<u8>),
    /// The line end behind the contents.
    LineEnd,
}

impl<'c, I: Iterator<Item = &'c &'c TreeEntry>> Contents<'c, '_, I> {
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let rest = match &mut self.open {
                Open::Header => self.take_header(bytes)?,
                Open::LineEnd => {
                    self.open = Open::Header;
                    &bytes[1..]
                }
                Open::File(left, writing) => {
                    let (part, rest) = split(bytes, *left);
                    *left -= part.len() as u64;
                    if let Some(writing) = writing {
                        self.copy.write(writing, part)?;
                    }
                    rest
                }
                Open::Link(left, _, target) => {
                    let (part, rest) = split(bytes, *left);
                    *left -= part.len() as u64;
                    target.extend_from_slice(part);
                    rest
                }
            };
            self.close_when_whole()?;
            bytes = rest;
        }
        Ok(())
    }

    fn close_when_whole(&mut self) -> io::Result<()> {
        if !matches!(self.open, Open::File(0, _) | Open::Link(0, ..)) {
            return Ok(());
        }
        match std::mem::replace(&mut self.open, Open::LineEnd) {
            Open::File(_, Some(writing)) => self.copy.end(writing),
            Open::Link(_, entry, target) => {
                self.copy.link(&entry.path, &target, From::Commit);
                Ok(())
            }
            Open::File(_, None) | Open::Header | Open::LineEnd => Ok(()),
        }
    }

    fn take_header<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.header.extend_from_slice(bytes);
            return if self.header.len() > HEADER_BYTES_MAX { Err(not_understood()) } else { Ok(&[]) };
        };
        self.header.extend_from_slice(&bytes[..end]);
        let header = String::from_utf8(std::mem::take(&mut self.header)).map_err(|_| not_understood())?;
        let entry = *self.wanted.next().ok_or_else(not_understood)?;
        let said = header.strip_prefix(entry.id.as_str()).ok_or_else(not_understood)?;
        self.open = match (said.strip_prefix(" blob ").and_then(|size| size.parse::<u64>().ok()), entry.kind) {
            (None, _) if said == " missing" => {
                self.copy.leave_out(&entry.path, "its content is not in this repository, which holds only a part");
                Open::Header
            }
            (None, _) => return Err(not_understood()),
            (Some(size), TreeKind::Link) if size <= TARGET_BYTES_MAX => Open::Link(size, entry, Vec::new()),
            (Some(size), TreeKind::File { executable }) => {
                Open::File(size, self.copy.begin(&entry.path, executable, From::Commit)?)
            }
            (Some(size), TreeKind::Link | TreeKind::Submodule | TreeKind::Unknown) => {
                self.copy.leave_out(&entry.path, "a link whose target is too long");
                Open::File(size, None)
            }
        };
        Ok(&bytes[end + 1..])
    }
}

fn split(bytes: &[u8], left: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()))
}

fn not_understood() -> io::Error {
    io::Error::other("git gives a file in a way that is not understood")
}

/// Copies what the patterns name and neither the commit nor git's list of changes has.
fn included(
    repository: &Workspace,
    wish: &SnapshotWish,
    (tree, taken): (&[TreeEntry], &HashMap<&[u8], &Change>),
    copy: &mut Copy<'_>,
    limits: &Limits,
) -> Result<(), String> {
    if wish.include.is_empty() {
        return Ok(());
    }
    let known: HashSet<&[u8]> = tree.iter().map(|entry| entry.path.as_slice()).chain(taken.keys().copied()).collect();
    let (mut directories, mut looked_at) = (vec![Vec::new()], 0);
    while let Some(directory) = directories.pop() {
        let here: &[u8] = if directory.is_empty() { b"." } else { &directory };
        let Ok(names) = repository.names(here) else {
            copy.leave_out(&directory, "the directory cannot be listed");
            continue;
        };
        for (name, kind) in names {
            looked_at += 1;
            if looked_at > WALK_ENTRIES_MAX {
                return Err(format!("looking for files to take along would take more than {WALK_ENTRIES_MAX} entries"));
            }
            let mut path = directory.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name.as_encoded_bytes());
            let text = String::from_utf8_lossy(&path);
            if kind == FileType::Directory {
                let is_git = name.eq_ignore_ascii_case(".git");
                if !is_git && wish.include.iter().any(|pattern| may_hold(pattern, &text)) {
                    directories.push(path);
                }
            } else if !known.contains(path.as_slice())
                && wish.include.iter().any(|pattern| matches_glob(pattern, &text))
            {
                on_time(limits)?;
                copy.take(repository, &path).map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}

/// git is ended in time by its box; what is copied beside it looks at the time between two files.
fn on_time(limits: &Limits) -> Result<(), String> {
    if limits.cancel.is_triggered() {
        return Err("the daemon is ending".to_owned());
    }
    if Instant::now() > limits.deadline {
        return Err("it took longer than a snapshot may take".to_owned());
    }
    Ok(())
}

/// Whether something below a directory can fit a pattern, as far as the pattern's plain beginning says.
fn may_hold(pattern: &str, directory: &str) -> bool {
    let plain = pattern.find(['*', '?']).map_or(pattern, |at| &pattern[..at]);
    let below = format!("{directory}/");
    below.starts_with(plain) || plain.starts_with(&below)
}

fn finished(commit: String, changes: &[Change], taken: &HashMap<&[u8], &Change>, copy: Copy<'_>) -> Taken {
    let Copy { entries, bytes, mut left_out, left_out_count, lfs_pointers, .. } = copy;
    left_out.sort_by(|one, other| one.path.cmp(&other.path));
    // What was to be taken and could not be is named among what was left out.
    let copied: HashSet<Vec<u8>> =
        entries.iter().filter(|entry| entry.from == From::Directory).map(Entry::path_bytes).collect();
    let uncommitted = changes.iter().take(LISTED_MAX).map(|change| Uncommitted {
        path: String::from_utf8_lossy(&change.path).into_owned(),
        state: change.state.to_owned(),
        taken: taken.contains_key(change.path.as_slice())
            && (change.state == "deleted" || copied.contains(&change.path)),
    });
    let head = Head {
        format: manifest::FORMAT.to_owned(),
        commit,
        entries: entries.len() as u64,
        bytes,
        left_out,
        left_out_count,
        uncommitted: uncommitted.collect(),
        uncommitted_count: changes.len() as u64,
        lfs_pointers,
    };
    let manifest = manifest::write(&head, entries);
    Taken { head, manifest }
}
