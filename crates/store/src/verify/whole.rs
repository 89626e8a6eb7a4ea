//! The whole record, looked at from the first event to the last: `calt record verify`.

use calt_core::checkpoint::{SignedCheckpoint, VerifierKey};
use calt_core::digest::Digest;
use calt_core::id::EventId;
use rusqlite::Connection;

use super::{files, index, leaves, looking, pins, promises, replay};
use crate::error::{OpenError, StoreError};
use crate::files::Files;
use crate::open::{StoreConfig, open_error};
use crate::schema;

/// Findings told of one check; more are only counted.
const FINDINGS_TOLD_MAX: usize = 20;

/// What a verification is to hold the record against, besides itself.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// Checkpoints that were kept elsewhere.
    pub checkpoints: Vec<SignedCheckpoint>,
    /// The only keys whose signatures count; none: those the log itself names.
    pub keys: Vec<VerifierKey>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Events in the log.
    pub events: u64,
    /// The root over them, made again from the leaves.
    pub root: Digest,
    /// Each check, in the order they were made.
    pub checks: Vec<Check>,
}

impl Verification {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.findings.is_empty())
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was looked at, in a word.
    pub name: &'static str,
    /// How many there were.
    pub looked_at: u64,
    /// What is wrong, the first in the log first, at most 20.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
    /// Why it was not made, if it was not.
    pub skipped: Option<&'static str>,
}

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The first event it is about.
    pub event: Option<EventId>,
    /// What is wrong, in one line.
    pub what: String,
}

impl Check {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, looked_at: 0, findings: Vec::new(), more: 0, skipped: None }
    }

    pub(super) fn found(&mut self, event: Option<i64>, what: impl Into<String>) {
        if self.findings.len() == FINDINGS_TOLD_MAX {
            self.more += 1;
            return;
        }
        self.findings.push(Finding { event: event.map(EventId), what: what.into() });
    }
}

/// Looks at the whole record, beside a daemon or without one, and changes nothing. `told` hears of each check done.
///
/// # Errors
/// [`OpenError`] when there is no database of ours to look at. What is wrong with the record is no error.
pub fn verify(
    config: &StoreConfig,
    against: &Against,
    mut told: impl FnMut(&Check),
) -> Result<Verification, OpenError> {
    let path = &config.database;
    let looking = looking::open(path)?;
    let connection = &looking.connection;
    let files =
        Files::at(&config.data_root).map_err(|reason| OpenError::Files { path: config.data_root.clone(), reason })?;
    let database = |error: StoreError| open_error(path, error);
    let mut checks = Vec::new();
    let mut done = |check: Check| {
        told(&check);
        checks.push(check);
    };
    done(pages(connection));
    let seen = leaves::look(connection, path, against).map_err(database)?;
    let (events, root) = (seen.tree.size(), seen.tree.root());
    for check in seen.checks {
        done(check);
    }
    done(promises::look(connection, &seen.sessions).map_err(database)?);
    done(pins::look(connection, &files).map_err(database)?);
    let (artifacts, plans) = files::look(connection, &files, &seen.named).map_err(database)?;
    done(artifacts);
    done(plans);
    done(files::look_at_manifests(connection, &files, &seen.sessions).map_err(database)?);
    done(index::look(connection).map_err(database)?);
    done(replay::look(&looking.uri, &files).map_err(database)?);
    Ok(Verification { events, root, checks })
}

/// What `SQLite` itself says of its pages and indexes.
fn pages(connection: &Connection) -> Check {
    let mut check = Check::new("database");
    let looked = connection.prepare("PRAGMA integrity_check(100)").and_then(|mut statement| {
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    check.looked_at = connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap_or(0) as u64;
    match looked {
        Ok(rows) => rows.into_iter().filter(|row| row != "ok").for_each(|row| check.found(None, row)),
        Err(error) => check.found(None, error.to_string()),
    }
    match schema::foreign(connection, "") {
        Ok(found) => found.into_iter().for_each(|what| check.found(None, what)),
        Err(error) => check.found(None, error.to_string()),
    }
    check
}
