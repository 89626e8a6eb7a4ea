//! Making a backup beside a working daemon.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use calt_core::digest::Digest;
use calt_core::id::SessionId;
use calt_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::archive::{Kind, Writing};
use super::check::{check, checked_log};
use super::tree::{bytes_of, walk};
use super::{BackupError, BackupMade, Contents, Progress, Workspaces, at};
use crate::connection::BUSY_TIMEOUT;
use crate::error::{OpenError, StoreError};
use crate::files::{Files, output_again};
use crate::log::parsed;
use crate::open::{StoreConfig, create_private, open_error};
use crate::schema;

/// Page cache while a backup is made, in KiB.
const CACHE_KIB: i64 = 8 * 1024;

/// Writes a backup to a file that does not exist yet, and checks it. A daemon may work meanwhile.
///
/// # Errors
/// [`BackupError`]; then there is no file of this name.
pub fn backup(
    config: &StoreConfig,
    target: &Path,
    workspaces: Workspaces,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupMade, BackupError> {
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists { path: target.to_owned() });
    }
    let source = open_to_read(&config.database)?;
    let part = Part::beside(target)?;
    create_private(&part.0).map_err(at(&part.0))?;
    progress(Progress::Database);
    copy_database(&source, &config.database, &part.0)?;
    drop(source);
    let copy = open_copy(&part.0)?;
    let (contents, left_out) = fill(&copy, &config.data_root, (workspaces, now), progress)?;
    let not_as_recorded = artifacts_not_as_recorded(&copy)?;
    let attached = attached(&copy)?;
    let checked = check(&copy, &part.0, progress)?;
    debug_assert_eq!(checked, contents);
    copy.close().map_err(|(_, error)| error)?;
    let bytes = put_in_place(&part.0, target)?;
    std::mem::forget(part);
    Ok(BackupMade { contents, bytes, left_out, attached, not_as_recorded })
}

/// The unfinished file; it goes when the backup fails.
struct Part(PathBuf);

impl Part {
    fn beside(target: &Path) -> Result<Self, BackupError> {
        let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidFilename);
        let name = target.file_name().ok_or_else(invalid).map_err(at(target))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        Ok(Self(target.with_file_name(hidden)))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens the daemon's database beside it. Only the copy is written.
fn open_to_read(database: &Path) -> Result<Connection, BackupError> {
    let failed = |error: rusqlite::Error| open_error(database, error.into());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    schema::recognise(&connection, database)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(failed)?;
    Ok(connection)
}

fn copy_database(source: &Connection, database: &Path, part: &Path) -> Result<(), BackupError> {
    let name =
        part.to_str().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidFilename)).map_err(at(part))?;
    match source.execute("VACUUM INTO ?1", [name]) {
        Ok(_) => Ok(()),
        Err(error) => Err(match StoreError::from(error) {
            StoreError::Corrupt(reason) => OpenError::Corrupt { path: database.to_owned(), reason }.into(),
            other @ (StoreError::Full | StoreError::Unavailable(_) | StoreError::Behind { .. } | StoreError::Busy) => {
                other.into()
            }
        }),
    }
}

/// Opens the copy for the files. It is synced as a whole at the end, and until then nobody else knows it.
fn open_copy(part: &Path) -> Result<Connection, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(part, flags)?;
    copy.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
    copy.execute_batch("PRAGMA synchronous = OFF; PRAGMA mmap_size = 0;")?;
    copy.pragma_update(None, "cache_size", -CACHE_KIB)?;
    copy.pragma_update(None, "application_id", schema::BACKUP_ID)?;
    Ok(copy)
}

fn fill(
    copy: &Connection,
    data_root: &Path,
    (workspaces, made_at): (Workspaces, Timestamp),
    progress: &mut dyn FnMut(Progress),
) -> Result<(Contents, u64), BackupError> {
    let frontier = checked_log(copy, progress)?;
    let transaction = copy.unchecked_transaction()?;
    let mut writing = Writing::begin(&transaction)?;
    for session in sessions(copy)? {
        let known = Known::of(copy, &session)?;
        let start = Path::new("sessions").join(session.as_str());
        let wanted = |path: &Path| path.strip_prefix(&start).is_ok_and(|below| known.wants(below, workspaces));
        walk(data_root, &start, wanted, |found| writing.take_in(found, progress))?;
    }
    let contents = Contents {
        events: frontier.size(),
        root: frontier.root(),
        made_at,
        workspaces,
        files: writing.files,
        file_bytes: writing.file_bytes,
    };
    writing.finish(&contents)?;
    let left_out = writing.left_out;
    transaction.commit()?;
    Ok((contents, left_out))
}

fn attached(copy: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) FROM events
               WHERE seq = 1 AND json_extract(facts, '$.workspace.kind') = 'attach'";
    let count: i64 = copy.query_row(sql, [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn sessions(copy: &Connection) -> Result<Vec<SessionId>, StoreError> {
    let mut statement = copy.prepare("SELECT session_id FROM events WHERE seq = 1 ORDER BY id")?;
    let found = statement.query_map([], |row| parsed(row, 0, SessionId::parse))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// What the copied log knows of a session: files of runs and versions that came later are not its.
struct Known {
    last_run: i64,
    last_version: i64,
}

impl Known {
    fn of(copy: &Connection, session: &SessionId) -> Result<Self, StoreError> {
        let (last_run, last_version) = copy
            .prepare_cached(
                "SELECT COALESCE(MAX(run_id), 0), COALESCE(MAX(json_extract(facts, '$.version')), 0)
                 FROM events WHERE session_id = ?1",
            )?
            .query_row([session.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { last_run, last_version })
    }

    /// Whether something in the session's directory belongs into the backup.
    fn wants(&self, below: &Path, workspaces: Workspaces) -> bool {
        let mut parts = below.iter().map(std::ffi::OsStr::as_encoded_bytes);
        match (parts.next(), parts.next()) {
            (Some(b"workspace"), _) => workspaces == Workspaces::Included,
            (Some(b"artifacts" | b"preimages"), Some(name)) => number(name).is_some_and(|run| run <= self.last_run),
            (Some(b"plans"), Some(name)) => {
                !name.ends_with(b".part") && number(name).is_some_and(|version| version <= self.last_version)
            }
            (Some(_) | None, _) => true,
        }
    }
}

/// The number a name begins with.
fn number(name: &[u8]) -> Option<i64> {
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(&name[..digits]).ok()?.parse().ok()
}

/// Artifacts the copied log names and the backup does not hold as recorded, when the log cannot make them again.
fn artifacts_not_as_recorded(copy: &Connection) -> Result<Vec<String>, StoreError> {
    let mut artifacts = copy.prepare(
        "SELECT artifacts.path, artifacts.sha256, runs.ended_event, events.salt IS NULL
         FROM artifacts JOIN runs ON runs.id = artifacts.run_id JOIN events ON events.id = runs.ended_event
         ORDER BY artifacts.id",
    )?;
    let mut archived = copy.prepare("SELECT sha256 FROM backup_files WHERE path = ?1 AND kind = ?2")?;
    let mut rows = artifacts.query([])?;
    let mut wrong = Vec::new();
    while let Some(row) = rows.next()? {
        let (recorded, sha256): (String, _) = (row.get(0)?, parsed(row, 1, Digest::parse)?);
        let (ended, is_redacted): (i64, bool) = (row.get(2)?, row.get(3)?);
        let held: Option<String> = match Files::below_root(&recorded) {
            Some(path) => archived.query_row((bytes_of(&path), Kind::File.as_str()), |row| row.get(0)).optional()?,
            None => None,
        };
        let is_held = held.is_some_and(|held| held == sha256.to_string());
        if !is_held && !is_redacted && output_again(copy, ended, sha256)?.is_none() {
            wrong.push(recorded);
        }
    }
    Ok(wrong)
}

/// Syncs the file and gives it its name, unless something else has it by now.
fn put_in_place(part: &Path, target: &Path) -> Result<u64, BackupError> {
    let file = File::open(part).map_err(at(part))?;
    file.sync_all().map_err(at(part))?;
    let bytes = file.metadata().map_err(at(part))?.len();
    match renameat_with(CWD, part, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Err(BackupError::Exists { path: target.to_owned() }),
        // A file system that cannot promise it: the name was free a moment ago.
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(part, target).map_err(at(target))?,
        Err(error) => return Err(at(target)(error.into())),
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    Ok(bytes)
}
