//! The tables a backup has beside the log's own: what it is, which files it holds, and their bytes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use calt_core::digest::{Digest, Digesting};
use calt_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::tree::{Found, FoundKind, bytes_of, path_of};
use super::{BackupError, Contents, FORMAT, Progress, Workspaces};
use crate::error::StoreError;
use crate::log::parsed;

/// Bytes of one piece of a file: what is held in memory at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Files between two words on the progress.
const FILES_BETWEEN_WORDS: u64 = 64;

pub(super) const TABLES: &str = "
CREATE TABLE backup (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    format     INTEGER NOT NULL,
    made_at    TEXT    NOT NULL,
    events     INTEGER NOT NULL,
    root       TEXT    NOT NULL,
    workspaces INTEGER NOT NULL, -- 1: they are in it
    files      INTEGER NOT NULL,
    file_bytes INTEGER NOT NULL,
    seal       TEXT    NOT NULL  -- SHA-256 over all of this and the list of files
) STRICT;
CREATE TABLE backup_files (
    id     INTEGER PRIMARY KEY,
    path   BLOB    NOT NULL UNIQUE, -- below the data root
    kind   TEXT    NOT NULL,        -- directory, file, link
    mode   INTEGER NOT NULL,
    bytes  INTEGER NOT NULL,
    sha256 TEXT    NOT NULL         -- of its bytes; of a link's target
) STRICT;
CREATE TABLE backup_pieces (
    file  INTEGER NOT NULL,
    place INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (file, place)
) STRICT, WITHOUT ROWID;
";

/// What an archived path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Link,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Directory, Self::File, Self::Link];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Link => "link",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One row of the list.
pub(super) struct Archived {
    pub(super) id: i64,
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
}

impl Archived {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            path: path_of(row.get(1)?),
            kind: parsed(row, 2, Kind::parse)?,
            mode: row.get(3)?,
            bytes: row.get::<_, i64>(4)? as u64,
            sha256: parsed(row, 5, Digest::parse)?,
        })
    }
}

/// The columns of [`Archived`], in its order.
pub(super) const COLUMNS: &str = "id, path, kind, mode, bytes, sha256";

/// Files being put into a backup.
pub(super) struct Writing<'c> {
    connection: &'c Connection,
    pub(super) files: u64,
    pub(super) file_bytes: u64,
    pub(super) left_out: u64,
}

impl<'c> Writing<'c> {
    pub(super) fn begin(connection: &'c Connection) -> Result<Self, StoreError> {
        connection.execute_batch(TABLES)?;
        Ok(Self { connection, files: 0, file_bytes: 0, left_out: 0 })
    }

    pub(super) fn take_in(&mut self, found: Found, progress: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
        let Found { path, mode, kind } = found;
        match kind {
            FoundKind::Directory => self.note(&path, Kind::Directory, mode, None).map(drop),
            FoundKind::Link(target) => {
                let id = self.note(&path, Kind::Link, mode, Some((target.len() as u64, Digest::of_bytes(&target))))?;
                self.piece(id, 0, &target)
            }
            FoundKind::File(file) => {
                let id = self.note(&path, Kind::File, mode, None)?;
                let (bytes, sha256) = self.content(id, file)?;
                self.connection
                    .prepare_cached("UPDATE backup_files SET bytes = ?2, sha256 = ?3 WHERE id = ?1")?
                    .execute(params![id, bytes as i64, sha256.to_string()])?;
                self.files += 1;
                self.file_bytes += bytes;
                if self.files.is_multiple_of(FILES_BETWEEN_WORDS) {
                    progress(Progress::Files(self.files));
                }
                Ok(())
            }
            FoundKind::LeftOut => {
                tracing::warn!(path = %path.display(), "it cannot be copied and is left out");
                self.left_out += 1;
                Ok(())
            }
        }
    }

    fn note(&self, path: &Path, kind: Kind, mode: u32, what: Option<(u64, Digest)>) -> Result<i64, StoreError> {
        let (bytes, sha256) = what.unwrap_or_else(|| (0, Digest::of_bytes(&[])));
        self.connection
            .prepare_cached("INSERT INTO backup_files (path, kind, mode, bytes, sha256) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![bytes_of(path), kind.as_str(), mode, bytes as i64, sha256.to_string()])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn content(&self, id: i64, mut file: File) -> Result<(u64, Digest), StoreError> {
        let (mut digest, mut piece, mut bytes) = (Digesting::default(), vec![0; PIECE_BYTES], 0);
        for place in 0.. {
            let mut filled = 0;
            while filled < piece.len() {
                match file.read(&mut piece[filled..])? {
                    0 => break,
                    read => filled += read,
                }
            }
            if filled == 0 {
                break;
            }
            self.piece(id, place, &piece[..filled])?;
            digest.update(&piece[..filled]);
            bytes += filled as u64;
        }
        Ok((bytes, digest.finish()))
    }

    fn piece(&self, file: i64, place: i64, bytes: &[u8]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO backup_pieces (file, place, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![file, place, bytes])?;
        Ok(())
    }

    /// Writes what the backup is, and seals it.
    pub(super) fn finish(&self, contents: &Contents) -> Result<(), StoreError> {
        let seal = seal(self.connection, FORMAT, contents)?;
        self.connection
            .prepare(
                "INSERT INTO backup (one, format, made_at, events, root, workspaces, files, file_bytes, seal)
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                FORMAT,
                contents.made_at.to_string(),
                contents.events as i64,
                contents.root.to_string(),
                contents.workspaces == Workspaces::Included,
                contents.files as i64,
                contents.file_bytes as i64,
                seal.to_string(),
            ])?;
        Ok(())
    }
}

/// SHA-256 over what the backup says of itself and over its list of files, whose digests cover their bytes.
fn seal(connection: &Connection, format: i64, contents: &Contents) -> Result<Digest, StoreError> {
    let Contents { events, root, made_at, workspaces, files, file_bytes } = contents;
    let with = *workspaces == Workspaces::Included;
    let mut digest = Digesting::default();
    digest.update(format!("calt backup v{format} {events} {root} {made_at} {with} {files} {file_bytes}\n").as_bytes());
    each(connection, |archived| {
        let Archived { id, path, kind, mode, bytes, sha256 } = archived;
        digest.update(format!("{id} {} {mode:o} {bytes} {sha256} ", kind.as_str()).as_bytes());
        digest.update(bytes_of(&path));
        digest.update(b"\0");
        Ok::<_, StoreError>(())
    })?;
    Ok(digest.finish())
}

/// What a backup says of itself, once its seal has been checked.
pub(super) fn contents(connection: &Connection, path: &Path) -> Result<Contents, BackupError> {
    let not_a_backup = || BackupError::NotABackup { path: path.to_owned() };
    let damaged = |reason: &str| BackupError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let format: i64 = connection
        .query_row("SELECT format FROM backup WHERE one = 1", [], |row| row.get(0))
        .optional()?
        .ok_or_else(not_a_backup)?;
    if format > FORMAT {
        return Err(BackupError::Newer { path: path.to_owned() });
    }
    let (contents, noted) = connection.query_row(
        "SELECT events, root, made_at, workspaces, files, file_bytes, seal FROM backup WHERE one = 1",
        [],
        |row| {
            let contents = Contents {
                events: row.get::<_, i64>(0)? as u64,
                root: parsed(row, 1, Digest::parse)?,
                made_at: parsed(row, 2, Timestamp::parse)?,
                workspaces: if row.get(3)? { Workspaces::Included } else { Workspaces::LeftOut },
                files: row.get::<_, i64>(4)? as u64,
                file_bytes: row.get::<_, i64>(5)? as u64,
            };
            Ok((contents, parsed(row, 6, Digest::parse)?))
        },
    )?;
    if seal(connection, format, &contents)? != noted {
        return Err(damaged("what it says of itself and of its files does not have the digest it was given"));
    }
    Ok(contents)
}

/// Visits the list, in the order in which it was written.
pub(super) fn each<E: From<rusqlite::Error>>(
    connection: &Connection,
    mut visit: impl FnMut(Archived) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM backup_files ORDER BY id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(Archived::read(row)?)?;
    }
    Ok(())
}

/// Hands on a file's bytes piece by piece, and says whether they are what was archived.
pub(super) fn is_whole<E: From<rusqlite::Error>>(
    connection: &Connection,
    archived: &Archived,
    mut hand_on: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<bool, E> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM backup_pieces WHERE file = ?1 ORDER BY place")?;
    let mut rows = statement.query([archived.id])?;
    let (mut digest, mut bytes) = (Digesting::default(), 0);
    while let Some(row) = rows.next()? {
        let piece = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        digest.update(piece);
        bytes += piece.len() as u64;
        hand_on(piece)?;
    }
    Ok(bytes == archived.bytes && digest.finish() == archived.sha256)
}
