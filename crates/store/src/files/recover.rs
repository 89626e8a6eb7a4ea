//! What is put right among the files at start.

use std::fs;
use std::io;

use calt_core::digest::Digest;
use calt_core::id::SessionId;
use calt_core::moment::{Moment, pass};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::{Files, make_directory, output_bytes, sync, write};
use crate::error::StoreError;
use crate::log::{EventRow, event, parsed};

/// How many of the newest artifacts are looked at when the store opens. What a power loss can take was
/// written in the last half minute; anything older that is missing is made again when it is asked for.
const ARTIFACTS_LOOKED_AT: u32 = 2_000;

/// Moves session directories the log knows nothing of to `<data-root>/orphaned/`, and names them.
pub(crate) fn orphans_set_aside(connection: &Connection, files: &Files) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(files.sessions())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    // Both in one order: most are known to the read model, and only for the rest the log is asked, which decides.
    let mut listed = connection.prepare("SELECT id FROM sessions ORDER BY id")?;
    let mut rows = listed.query([])?;
    let mut created = connection.prepare("SELECT 1 FROM events WHERE session_id = ?1 AND seq = 1")?;
    let (mut orphans, mut next) = (Vec::new(), rows.next()?);
    for name in names {
        while let Some(row) = next
            && row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? < name.as_str()
        {
            next = rows.next()?;
        }
        let is_listed = match next {
            Some(row) => row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? == name,
            None => false,
        };
        let is_known = is_listed || (SessionId::parse(&name).is_some() && created.exists([&name])?);
        if !is_known {
            orphans.push(name);
        }
    }
    orphans.sort_unstable();
    for name in &orphans {
        // A copy of something that is still there is of no use to anybody.
        if let Some(session) = SessionId::parse(name)
            && files.remove_unfinished_copy(&session)?
        {
            continue;
        }
        set_aside(files, name)?;
        pass(Moment::OrphanSetAside);
    }
    // The notes of copies were needed until here.
    remove_unfinished(files);
    Ok(orphans)
}

/// Removes what was being written when the daemon ended: nothing names it.
fn remove_unfinished(files: &Files) {
    for entry in fs::read_dir(files.unfinished()).into_iter().flatten().flatten() {
        if let Err(error) = fs::remove_file(entry.path()) {
            // A daemon has to come up whatever a crash left.
            tracing::warn!(path = %entry.path().display(), %error, "an unfinished file could not be removed");
        }
    }
}

fn set_aside(files: &Files, name: &str) -> io::Result<()> {
    let directory = files.root.join("orphaned");
    make_directory(&directory)?;
    let mut target = directory.join(name);
    let mut attempt = 1;
    while target.symlink_metadata().is_ok() {
        attempt += 1;
        target = directory.join(format!("{name}.{attempt}"));
    }
    fs::rename(files.sessions().join(name), target)?;
    sync(&directory)
}

/// Makes missing artifacts again that repeat an output the log holds; gives how many.
pub(crate) fn outputs_made_again(connection: &Connection, files: &Files) -> Result<usize, StoreError> {
    let mut statement = connection.prepare(
        "SELECT runs.ended_event, artifacts.path, artifacts.sha256, artifacts.bytes
         FROM artifacts JOIN runs ON runs.id = artifacts.run_id JOIN events ON events.id = runs.ended_event
         WHERE events.salt IS NOT NULL
         ORDER BY artifacts.id DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([ARTIFACTS_LOOKED_AT])?;
    let mut made = 0;
    while let Some(row) = rows.next()? {
        let path: String = row.get(1)?;
        let sha256 = parsed(row, 2, Digest::parse)?;
        let bytes: i64 = row.get(3)?;
        let Some(file) = files.artifact_path(&path) else { continue };
        // A file that was not synced comes back short or empty after a power loss, so its length tells.
        if fs::metadata(&file).is_ok_and(|found| found.len() == bytes as u64) {
            continue;
        }
        let Some(ended) = row.get::<_, Option<i64>>(0)? else { continue };
        let Some(output) = output_again(connection, ended, sha256)? else {
            tracing::warn!(%path, "an artifact is missing and the log does not hold it");
            continue;
        };
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        write(&file, &output)?;
        made += 1;
    }
    Ok(made)
}

/// The bytes of the artifact that repeats a run's output, when the log holds it and the digest fits.
pub(crate) fn output_again(
    connection: &Connection,
    ended_event: i64,
    sha256: Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(event) = event(connection, ended_event)? else { return Ok(None) };
    let Some(output) = recorded_in_payload(&event) else { return Ok(None) };
    let bytes = output_bytes(&output);
    Ok((Digest::of_bytes(&bytes) == sha256).then_some(bytes))
}

fn recorded_in_payload(event: &EventRow) -> Option<Value> {
    let mut payload: Value = serde_json::from_str(&event.payload_text).ok()?;
    payload.get_mut("output").map(Value::take).filter(|output| !output.is_null())
}

/// Reads an artifact; one that is gone and only repeats a recorded output is answered from the log. A redacted one is
/// as if it were not there.
pub(crate) fn read_artifact_or_output(
    connection: &Connection,
    files: &Files,
    artifact: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT artifacts.path, artifacts.sha256, runs.ended_event
             FROM artifacts JOIN runs ON runs.id = artifacts.run_id
             LEFT JOIN events ON events.id = runs.ended_event
             WHERE artifacts.id = ?1 AND (events.id IS NULL OR events.salt IS NOT NULL)",
        )?
        .query_row([artifact], |row| {
            Ok((row.get::<_, String>(0)?, parsed(row, 1, Digest::parse)?, row.get::<_, Option<i64>>(2)?))
        })
        .optional()?;
    let Some((path, sha256, ended)) = found else { return Ok(None) };
    match files.read_artifact(&path, sha256) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => {
            let again = ended.map(|ended| output_again(connection, ended, sha256)).transpose()?.flatten();
            again.map(Some).ok_or_else(|| StoreError::Corrupt(format!("artifact {artifact}: {error}")))
        }
    }
}
