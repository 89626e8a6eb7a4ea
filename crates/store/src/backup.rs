//! Backups: the log's database and the files it names, in one file that proves itself.
//!
//! A backup is the database as `VACUUM INTO` copies it beside a working daemon, and three tables more: what
//! it is, a list of files, and their bytes in pieces. The database is copied first. A file that an event
//! names is on disk before its event and never changes, so everything the copied log names can be copied
//! after it.

mod archive;
mod check;
mod make;
mod restore;
mod tree;

use std::path::PathBuf;

use calt_core::digest::Digest;
use calt_core::time::Timestamp;

use crate::error::{OpenError, StoreError};

pub(crate) use check::checked_log;
pub use make::backup;
pub(crate) use restore::refuse_unfinished;
pub use restore::{CheckedBackup, RestorePlace, check_backup};

/// Form of the backup's own tables. A newer one than this program's is refused.
const FORMAT: i64 = 1;

/// Whether the workspaces come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workspaces {
    /// Their files are in the backup.
    Included,
    /// They are left out; a restored session finds its workspace empty.
    LeftOut,
}

/// What a backup holds, as it says of itself and as was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Events in the log.
    pub events: u64,
    /// The tree's root over them.
    pub root: Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether workspaces are in it.
    pub workspaces: Workspaces,
    /// Files, without directories and links.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
}

/// A backup that was made and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupMade {
    /// What it holds.
    pub contents: Contents,
    /// Bytes of the backup's file.
    pub bytes: u64,
    /// Things in workspaces that cannot be copied: sockets, pipes, devices, what may not be read.
    pub left_out: u64,
    /// Sessions that work in attached directories, which are not calt's to back up.
    pub attached: u64,
    /// Files the log names that were not there, or not as recorded. The log's text of them is in the backup.
    pub not_as_recorded: Vec<String>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The database is copied.
    Database,
    /// So many files were copied.
    Files(u64),
    /// So many events were checked.
    Events(u64),
    /// The read model and the search index are made.
    Derived,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what each sentence names")]
pub enum BackupError {
    #[error("`{}` exists already and is not overwritten", path.display())]
    Exists { path: PathBuf },
    #[error("`{}` is not a backup that `calt record backup` made", path.display())]
    NotABackup { path: PathBuf },
    #[error("`{}` was made by a newer calt; use that one", path.display())]
    Newer { path: PathBuf },
    #[error("the backup `{}` is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("`{}`: {reason}", path.display())]
    Files { path: PathBuf, reason: std::io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<std::io::Error> for BackupError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Says that something of ours at a path failed.
fn at(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |reason| BackupError::Files { path, reason }
}
