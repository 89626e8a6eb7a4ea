//! Opening a store: whose file it is, what has to be made again, and what is missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calt_core::digest::Digest;
use calt_core::merkle::Frontier;
use calt_core::moment::{Moment, pass};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::append::Chance;
use crate::backup::refuse_unfinished;
use crate::batch::Tally;
use crate::checkpoint::Checkpointer;
use crate::connection::open_writer;
use crate::error::{OpenError, StoreError};
use crate::files::{Files, orphans_set_aside, outputs_made_again};
use crate::head::{Head, HeadFile};
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{log, projection, redact, schema, search, verify};

/// Where a store lives.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The database file.
    pub database: PathBuf,
    /// The data root, with the sessions' directories below it.
    pub data_root: PathBuf,
}

/// What was found and done when the store opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Events in the log.
    pub events: u64,
    /// Whether the log was empty: this is a first start.
    pub is_new: bool,
    /// Acknowledged events the log misses. Above 0 the store only reads, until [`accept_loss`].
    pub missing_events: u64,
    /// What about the log is not as it was recorded, and with which event it begins. Then the store only reads.
    pub damage: Option<String>,
    /// Session directories the log knew nothing of, moved to `<data-root>/orphaned/`.
    pub orphaned: Vec<String>,
    /// Artifacts that were missing and were made again from the log.
    pub artifacts_made_again: usize,
    /// Redactions that were cut off, and are done now.
    pub redactions_finished: usize,
    /// Whether the read model had another form and was made again.
    pub read_model_rebuilt: bool,
    /// Whether the search index had another form and is being made again.
    pub index_rebuilt: bool,
}

impl OpenReport {
    /// Why the store only reads, when it does.
    pub fn read_only(&self) -> Option<StoreError> {
        let behind = (self.missing_events > 0).then_some(StoreError::Behind { missing: self.missing_events });
        self.damage.clone().map(StoreError::Corrupt).or(behind)
    }
}

/// A log that was taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where it goes on from.
    pub head: Head,
    /// Acknowledged events that are lost with it.
    pub missing_events: u64,
}

/// A store's parts before its writer runs.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    pub(crate) shared: Arc<Shared>,
    pub(crate) report: OpenReport,
}

pub(crate) fn open(config: &StoreConfig) -> Result<Opened, OpenError> {
    let path = &config.database;
    refuse_unfinished(&config.data_root)?;
    let files_failed = |reason| OpenError::Files { path: config.data_root.clone(), reason };
    let files = Files::open(&config.data_root).map_err(files_failed)?;
    let mut connection = open_ours(path)?;
    let mut report = OpenReport::default();
    pass(Moment::DatabaseOpened);
    bring_up_to_date(&mut connection, &files, &mut report).map_err(|error| open_error(path, error))?;
    refuse_foreign(&connection).map_err(|error| open_error(path, error))?;
    let tally = checked_tally(&connection, &files, &mut report).map_err(|error| open_error(path, error))?;
    report.events = tally.frontier.size();
    report.is_new = report.events == 0;
    let head = check_head(path, &tally.frontier, &mut report)?;
    recover_files(&mut connection, &files, &mut report).map_err(|error| open_error(path, error))?;
    let roster = log::replay_roster(&connection).map_err(|error| open_error(path, error))?;
    let indexed = search::indexed_up_to(&connection).ok();
    let checkpointer = Checkpointer::start(path).map_err(|error| open_error(path, error.into()))?;
    let last = tally.frontier.size() as i64;
    let signed = verify::newest_checkpoint(&connection).map_err(|error| open_error(path, error));
    // A checkpoint that cannot be read is damage, and that is reported already.
    let signed = signed.ok().flatten().map_or(0, |checkpoint| checkpoint.event.0);
    let shared = Arc::new(Shared::new(path.clone(), files, roster, last, indexed.unwrap_or(-1)));
    shared.checkpoints.signed_at(signed);
    let writer = Writer {
        connection,
        shared: Arc::clone(&shared),
        tally,
        head: Some(head),
        chance: Chance::new(),
        scratch: Vec::new(),
        checkpointer,
        indexed,
        index_rests_until: None,
        #[cfg(feature = "test-faults")]
        fail_next_commit: false,
    };
    Ok(Opened { writer, shared, report })
}

/// Takes a log that is shorter than what was acknowledged as it is: `calt record accept-loss`, with no daemon.
///
/// # Errors
/// As for opening a store.
pub fn accept_loss(config: &StoreConfig) -> Result<Accepted, OpenError> {
    let path = &config.database;
    let connection = open_ours(path)?;
    let frontier = log::frontier_of_leaves(&connection).map_err(|error| open_error(path, error))?;
    let head = Head::of(&frontier);
    let files_failed = |reason| OpenError::Files { path: HeadFile::path(path), reason };
    let mut file = HeadFile::open(path).map_err(files_failed)?;
    let noted = file.read().map_or(0, |noted| noted.last_id);
    file.reset(&head).map_err(files_failed)?;
    Ok(Accepted { head, missing_events: noted.saturating_sub(head.last_id) })
}

/// Opens the database for writing, unless it is somebody else's.
pub(crate) fn open_ours(path: &Path) -> Result<Connection, OpenError> {
    let database = |error: rusqlite::Error| open_error(path, error.into());
    if path.exists() {
        let looked =
            Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(database)?;
        schema::recognise(&looked, path)?;
    } else {
        create_private(path).map_err(|reason| OpenError::Files { path: path.to_owned(), reason })?;
    }
    open_writer(path).map_err(database)
}

/// Makes the database file for its owner alone; `SQLite` gives WAL and shared memory the same permissions.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

pub(crate) fn open_error(path: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::Corrupt(reason) => OpenError::Corrupt { path: path.to_owned(), reason },
        other @ (StoreError::Unavailable(_) | StoreError::Full | StoreError::Behind { .. } | StoreError::Busy) => {
            OpenError::Database { path: path.to_owned(), reason: other.to_string() }
        }
    }
}

/// What somebody else put into the database could show another log than the one that is verified.
fn refuse_foreign(connection: &Connection) -> Result<(), StoreError> {
    match schema::foreign(connection, "")?.into_iter().next() {
        Some(foreign) => Err(StoreError::Corrupt(foreign)),
        None => Ok(()),
    }
}

fn bring_up_to_date(connection: &mut Connection, files: &Files, report: &mut OpenReport) -> Result<(), StoreError> {
    schema::migrate(connection)?;
    let stale = schema::stale(connection)?;
    if !stale.read_model && !stale.index {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let fresh = log::last_event(&transaction)? == 0;
    if stale.read_model {
        projection::rebuild(&transaction, files)?;
    }
    if stale.index {
        schema::create_index(&transaction)?;
    }
    transaction.commit()?;
    report.read_model_rebuilt = stale.read_model && !fresh;
    report.index_rebuilt = stale.index && !fresh;
    Ok(())
}

fn rebuilt_tally(connection: &Connection, files: &Files, report: &mut OpenReport) -> Result<Tally, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    projection::rebuild(&transaction, files)?;
    transaction.commit()?;
    report.read_model_rebuilt = true;
    let last = log::last_event(connection)?;
    stored_tally(connection)?
        .filter(|tally| tally.frontier.size() as i64 == last)
        .ok_or_else(|| StoreError::Corrupt(format!("its ids are not dense up to {last}")))
}

/// The numbers and the frontier as they stand in the read model.
pub(crate) fn stored_tally(connection: &Connection) -> Result<Option<Tally>, StoreError> {
    let row = connection
        .query_row("SELECT size, peaks, next_run, next_artifact FROM log_state WHERE one = 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((size, peaks, next_run, next_artifact)) = row else { return Ok(None) };
    let (peaks, rest) = peaks.as_chunks::<32>();
    let frontier = Frontier::restore(size as u64, peaks.iter().copied().map(Digest::from_bytes).collect());
    Ok(frontier.filter(|_| rest.is_empty()).map(|frontier| Tally { frontier, next_run, next_artifact }))
}

/// Compares the stored numbers and frontier with the events since the last checkpoint. A derived table that does not
/// fit is made again; if that does not help, the events themselves are not as they were, and nothing is written.
fn checked_tally(connection: &Connection, files: &Files, report: &mut OpenReport) -> Result<Tally, StoreError> {
    let stored = stored_tally(connection)?;
    let made = match verify::tree_from_the_last_checkpoint(connection) {
        Ok(made) => made,
        Err(StoreError::Corrupt(reason)) => {
            report.damage = Some(reason);
            return Ok(stored.unwrap_or_default());
        }
        Err(error) => return Err(error),
    };
    if let Some(stored) = stored.filter(|stored| stored.frontier == made) {
        return Ok(stored);
    }
    match rebuilt_tally(connection, files, report) {
        Ok(rebuilt) => {
            if rebuilt.frontier != made {
                let reason = "events before the last checkpoint are not the ones it was signed over";
                report.damage = Some(reason.to_owned());
            }
            Ok(rebuilt)
        }
        Err(StoreError::Corrupt(reason)) => {
            report.damage = Some(reason);
            Ok(Tally { frontier: made, ..Tally::default() })
        }
        Err(error) => Err(error),
    }
}

/// Compares the log with the side file.
fn check_head(path: &Path, frontier: &Frontier, report: &mut OpenReport) -> Result<HeadFile, OpenError> {
    let files_failed = |reason| OpenError::Files { path: HeadFile::path(path), reason };
    let mut file = HeadFile::open(path).map_err(files_failed)?;
    let now = Head::of(frontier);
    match file.read() {
        Some(noted) if noted.last_id > now.last_id => report.missing_events = noted.last_id - now.last_id,
        Some(noted) if noted.last_id == now.last_id && noted.root != now.root => {
            let reason = "the tree's root is not the one noted after the last commit: events were changed";
            report.damage.get_or_insert_with(|| reason.to_owned());
        }
        // What was noted of a damaged log is evidence.
        Some(_) | None if report.damage.is_some() => {}
        Some(_) | None => file.write(&now).map_err(files_failed)?,
    }
    Ok(file)
}

/// Puts files right, unless the log only reads: sessions it misses would be taken for orphans.
fn recover_files(connection: &mut Connection, files: &Files, report: &mut OpenReport) -> Result<(), StoreError> {
    if report.missing_events == 0 && report.damage.is_none() {
        report.orphaned = orphans_set_aside(connection, files)?;
        report.redactions_finished = redact::finish(connection, files)?;
        report.artifacts_made_again = outputs_made_again(connection, files)?;
    }
    Ok(())
}
