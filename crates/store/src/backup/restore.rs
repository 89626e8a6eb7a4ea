//! Making a data root of a backup: beside its place first, then by renames, the database last.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use calt_core::id::SessionId;
use rusqlite::{Connection, OpenFlags};

use super::archive::{self, Archived, Kind};
use super::check::check;
use super::tree::path_of;
use super::{BackupError, Contents, Progress, Workspaces, at};
use crate::error::{OpenError, StoreError};
use crate::files::RESTORING;
use crate::head::HeadFile;
use crate::open::StoreConfig;
use crate::{repair, schema};

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission bits that are restored.
const MODE_BITS: u32 = 0o777;
/// `O_NOFOLLOW`.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// A place that was filled from a checked backup and is not yet anybody's data root.
#[derive(Debug)]
pub struct RestorePlace {
    /// What the backup held.
    pub contents: Contents,
    /// Where the restored store lies until it is put in place; events can be added to it there.
    pub staged: StoreConfig,
    target: StoreConfig,
}

/// A backup whose every page, leaf and file was found as it was written.
#[derive(Debug)]
pub struct CheckedBackup {
    path: PathBuf,
    source: Connection,
    contents: Contents,
}

/// Checks a backup. Nothing is written.
///
/// # Errors
/// [`BackupError`] says what is wrong with it.
pub fn check_backup(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<CheckedBackup, BackupError> {
    let source = open_backup(path)?;
    let contents = check(&source, path, progress)?;
    Ok(CheckedBackup { path: path.to_owned(), source, contents })
}

impl CheckedBackup {
    /// Fills a place beside the data root. What an unfinished restore left there is removed first.
    ///
    /// The caller holds the locks of the data root and the database, and has seen that both are empty.
    ///
    /// # Errors
    /// [`BackupError`]; the data root is as it was.
    pub fn restore(
        self,
        target: &StoreConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<RestorePlace, BackupError> {
        let place = RestorePlace { contents: self.contents, staged: staged(target), target: target.clone() };
        place.remove_unfinished()?;
        place.write_files(&self.source, progress)?;
        place.write_database(&self.path)?;
        progress(Progress::Derived);
        // What is derived is made again rather than believed.
        repair::rebuild(&place.staged)?;
        repair::rebuild_index(&place.staged)?;
        Ok(place)
    }
}

fn staged(target: &StoreConfig) -> StoreConfig {
    let mut database = target.database.clone().into_os_string();
    database.push(format!(".{RESTORING}"));
    StoreConfig { database: database.into(), data_root: target.data_root.join(RESTORING) }
}

/// Opens a file that must be a backup, for reading.
fn open_backup(path: &Path) -> Result<Connection, BackupError> {
    File::open(path).map_err(at(path))?;
    let not_a_backup = |_| BackupError::NotABackup { path: path.to_owned() };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(not_a_backup)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF").map_err(not_a_backup)?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(not_a_backup);
    if number("PRAGMA application_id")? != schema::BACKUP_ID {
        return Err(BackupError::NotABackup { path: path.to_owned() });
    }
    if number("PRAGMA user_version")? > schema::LOG_SCHEMA {
        return Err(BackupError::Newer { path: path.to_owned() });
    }
    Ok(connection)
}

impl RestorePlace {
    /// Puts everything where it belongs. The database comes last: with it the restore is done.
    ///
    /// # Errors
    /// What the file system says; the next `restore` begins anew.
    pub fn put_in_place(self) -> Result<Contents, BackupError> {
        let (root, database) = (&self.target.data_root, &self.target.database);
        let folder = database.parent().unwrap_or(root);
        for directory in [root.as_path(), folder] {
            sync_file_system(directory).map_err(at(directory))?;
        }
        let moves = [
            (self.staged.data_root.join("sessions"), root.join("sessions")),
            (HeadFile::path(&self.staged.database), HeadFile::path(database)),
            (self.staged.database.clone(), database.clone()),
        ];
        for (from, to) in &moves {
            fs::rename(from, to).map_err(at(to))?;
            for directory in [root.as_path(), folder] {
                File::open(directory).and_then(|opened| opened.sync_all()).map_err(at(directory))?;
            }
        }
        fs::remove_dir_all(&self.staged.data_root).map_err(at(&self.staged.data_root))?;
        Ok(self.contents)
    }

    /// Removes what a restore that did not come to its end left.
    fn remove_unfinished(&self) -> Result<(), BackupError> {
        let leftover = &self.staged.data_root;
        if leftover.exists() {
            // Sessions that were put in place without their database are that restore's as well.
            remove(&self.target.data_root.join("sessions"))?;
            remove(leftover)?;
        }
        for suffix in ["", "-wal", "-shm", "-journal", ".head"] {
            let mut path = self.staged.database.clone().into_os_string();
            path.push(suffix);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(Path::new(&path))(error)),
            }
        }
        make_directory(leftover).map_err(at(leftover))?;
        make_directory(&leftover.join("sessions")).map_err(at(leftover))
    }

    /// Directories first, links last: no file is ever written through a link.
    fn write_files(&self, source: &Connection, progress: &mut dyn FnMut(Progress)) -> Result<(), BackupError> {
        let root = &self.staged.data_root;
        let leaves_out = self.contents.workspaces == Workspaces::LeftOut;
        let mut written = 0;
        for kind in [Kind::Directory, Kind::File, Kind::Link] {
            archive::each(source, |archived| {
                if archived.kind != kind {
                    return Ok(());
                }
                let path = root.join(safe(&archived.path)?);
                match kind {
                    // A session whose workspace was left out finds an empty one.
                    Kind::Directory if leaves_out && archived.path.iter().count() == SESSION_PATH_PARTS => {
                        make_directory(&path).and_then(|()| make_directory(&path.join("workspace"))).map_err(at(&path))
                    }
                    Kind::Directory => make_directory(&path).map_err(at(&path)),
                    Kind::File => {
                        written += 1;
                        progress(Progress::Files(written));
                        write_file(source, &archived, &path)
                    }
                    Kind::Link => write_link(source, &archived, &path),
                }
            })?;
        }
        self.set_directory_modes(source)
    }

    /// Only when all is written, since a directory may be closed even to its owner; the deepest first.
    fn set_directory_modes(&self, source: &Connection) -> Result<(), BackupError> {
        let mut statement = source
            .prepare("SELECT path, mode FROM backup_files WHERE kind = 'directory' ORDER BY LENGTH(path) DESC")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let path = path_of(row.get(0)?);
            set_mode(&self.staged.data_root.join(safe(&path)?), row.get(1)?)?;
        }
        Ok(())
    }

    /// Copies the backup and takes out of it what is not the log's.
    fn write_database(&self, backup: &Path) -> Result<(), BackupError> {
        let path = &self.staged.database;
        let mut from = File::open(backup).map_err(at(backup))?;
        let mut to = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path).map_err(at(path))?;
        io::copy(&mut from, &mut to).map_err(at(path))?;
        drop(to);
        let copy = Connection::open(path)?;
        copy.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
        copy.execute_batch(
            "PRAGMA synchronous = OFF;
             DROP TABLE backup_pieces; DROP TABLE backup_files; DROP TABLE backup;",
        )?;
        copy.execute_batch("VACUUM")?;
        copy.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        copy.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

/// Parts of a session directory's path: `sessions/<id>`.
const SESSION_PATH_PARTS: usize = 2;

/// A path of a backup, if it lies in a session's directory and cannot lead out of it.
pub(super) fn safe(path: &Path) -> Result<&Path, StoreError> {
    let mut parts = path.components();
    let is_below = parts.next() == Some(Component::Normal("sessions".as_ref()))
        && matches!(parts.next(), Some(Component::Normal(id)) if id.to_str().and_then(SessionId::parse).is_some())
        && parts.all(|part| matches!(part, Component::Normal(_)));
    if is_below {
        return Ok(path);
    }
    Err(StoreError::Corrupt(format!("`{}` in the backup is not a path of a session", path.display())))
}

fn write_file(source: &Connection, archived: &Archived, path: &Path) -> Result<(), BackupError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path).map_err(at(path))?;
    let whole = archive::is_whole(source, archived, |piece| file.write_all(piece).map_err(at(path)))?;
    if whole { set_mode(path, archived.mode) } else { Err(changed(path)) }
}

fn write_link(source: &Connection, archived: &Archived, path: &Path) -> Result<(), BackupError> {
    let mut target = Vec::new();
    let whole = archive::is_whole(source, archived, |piece| {
        target.extend_from_slice(piece);
        Ok::<_, BackupError>(())
    })?;
    if !whole {
        return Err(changed(path));
    }
    std::os::unix::fs::symlink(path_of(target), path).map_err(at(path))
}

/// The backup was checked a moment ago.
fn changed(path: &Path) -> BackupError {
    StoreError::Corrupt(format!("the backup changed while `{}` was restored", path.display())).into()
}

fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), BackupError> {
    // By a handle that is no link's: what a backup says must not reach a file of somebody else's. No mode of it
    // makes a program run as its owner either.
    let opened = OpenOptions::new().read(true).custom_flags(NO_LINK).open(path).map_err(at(path))?;
    opened.set_permissions(Permissions::from_mode(mode & MODE_BITS)).map_err(at(path))
}

fn remove(directory: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(directory)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_file_system(directory: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(directory)?)?)
}

/// Refuses a data root in which a restore has not come to its end.
pub(crate) fn refuse_unfinished(data_root: &Path) -> Result<(), OpenError> {
    if data_root.join(RESTORING).exists() {
        return Err(OpenError::Unfinished { path: data_root.to_owned() });
    }
    Ok(())
}
