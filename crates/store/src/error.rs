//! What can go wrong here, as the callers need to tell it apart.

use std::path::PathBuf;

use calt_core::session::Corrupt;
use rusqlite::ErrorCode;

/// Why a store did not open. `Display` is a sentence for the person who started the daemon.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what each sentence names")]
pub enum OpenError {
    #[error("`{}` is the database of an earlier calt; this one cannot read it: choose another --db-path or --data-root", path.display())]
    EarlierCalt { path: PathBuf },
    #[error("`{}` is a backup; make a data root of it: calt record restore", path.display())]
    Backup { path: PathBuf },
    #[error("a restore into `{}` has not come to its end; begin it again: calt record restore", path.display())]
    Unfinished { path: PathBuf },
    #[error("`{}` is not a calt database: it belongs to another program", path.display())]
    Foreign { path: PathBuf },
    #[error("`{}` has schema {found}; this calt knows schemas up to {known}: use a newer calt", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("`{}`: {reason}", path.display())]
    Files { path: PathBuf, reason: std::io::Error },
    #[error("the database `{}` could not be opened: {reason}", path.display())]
    Database { path: PathBuf, reason: String },
    #[error("the log in `{}` is damaged: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
}

/// Why the store could not do what was asked. None of these is a refusal: nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what each fragment names")]
pub enum StoreError {
    /// 503 `storage_unavailable`.
    #[error("the storage is not available: {0}")]
    Unavailable(String),
    /// 507 `storage_full`.
    #[error("the storage is full")]
    Full,
    /// 503 `log_behind`: reads go on, writes wait for `calt record accept-loss`.
    #[error("the log misses {missing} events that were acknowledged before")]
    Behind { missing: u64 },
    /// 500: the log or the program is wrong. The detail is for the daemon's own log.
    #[error("the log does not fit: {0}")]
    Corrupt(String),
    /// 429: the writer's queue is full.
    #[error("too many requests are waiting to be written")]
    Busy,
}

impl StoreError {
    /// Whether the same may be taken later: nothing is wrong with what was asked or with the log.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full | Self::Busy => true,
            Self::Behind { .. } | Self::Corrupt(_) => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
                Self::Corrupt(error.to_string())
            }
            #[allow(clippy::wildcard_enum_match_arm, reason = "another crate's list of codes, and it grows")]
            Some(_) => Self::Unavailable(error.to_string()),
            None => Self::Corrupt(error.to_string()),
        }
    }
}

impl From<Corrupt> for StoreError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.to_string())
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            return Self::Full;
        }
        Self::Unavailable(error.to_string())
    }
}

/// The writer thread is gone: the store is being closed.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
