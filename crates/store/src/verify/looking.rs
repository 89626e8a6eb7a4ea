//! Opening a database only to look at it: in use, at rest, or where nothing can be written.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;
use crate::open::open_error;
use crate::schema;

/// Page cache of the connection that verifies, in KiB.
const CACHE_KIB: i64 = 4096;

/// A connection that only looks, and the name by which another one can attach the same database.
pub(super) struct Looking {
    pub(super) connection: Connection,
    pub(super) uri: String,
}

/// Opens a database that may be in use, or lie where nothing can be written.
pub(super) fn open(path: &Path) -> Result<Looking, OpenError> {
    let beside_others = opened(path, "mode=rw").or_else(|_| opened(path, "mode=ro"));
    // Where nothing can be written, SQLite cannot make the file by which those who use a database agree. At rest, with
    // no WAL, there is nobody to agree with; a WAL that could not be read must not be left out, though.
    if beside_others.is_err() && is_at_rest(path) {
        return opened(path, "immutable=1").or(beside_others);
    }
    beside_others
}

fn opened(path: &Path, how: &str) -> Result<Looking, OpenError> {
    let failed = |error: rusqlite::Error| open_error(path, error.into());
    let uri = format!("file:{}?{how}", escaped(path));
    let flags = if how == "mode=rw" { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let connection = Connection::open_with_flags(&uri, flags | OpenFlags::SQLITE_OPEN_URI).map_err(failed)?;
    schema::recognise(&connection, path)?;
    connection
        .execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = FILE;",
        )
        .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
        .map_err(failed)?;
    let uri = if how == "mode=rw" { format!("file:{}?mode=ro", escaped(path)) } else { uri };
    Ok(Looking { connection, uri })
}

fn is_at_rest(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).map_or_else(|error| error.kind() == std::io::ErrorKind::NotFound, |wal| wal.len() == 0)
}

/// A path as it stands in a URI of `SQLite`.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()) {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
