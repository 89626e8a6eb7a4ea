//! The record of one session, written line by line in the form of `calt_core::export`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use calt_core::digest::Digest;
use calt_core::event::{Fact, SALT_BYTES};
use calt_core::export::EXPORT_FORMAT;
use calt_core::id::{EventId, SessionId};
use calt_core::merkle::{InclusionProof, prove};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::error::StoreError;
use crate::files::{Files, read_artifact_or_output};
use crate::log::{self, EventRow};
use crate::projection;
use crate::store::Store;
use crate::verify::CheckpointRow;

/// Leaves read in one statement: a walk over a long log never holds a snapshot for long.
const LEAVES_AT_ONCE: i64 = 10_000;
/// Events of the session read in one statement.
const EVENTS_AT_ONCE: u32 = 200;

/// What an export is made of.
pub(crate) struct Export<'e> {
    pub(crate) session: &'e SessionId,
    /// The session's newest event that goes along.
    pub(crate) last_seq: u64,
    /// The `record_exported` that says so.
    pub(crate) closing: EventId,
    /// Signed over the log up to there, or further.
    pub(crate) checkpoint: &'e CheckpointRow,
}

/// Hands out the lines, each with its newline; stops when `take` says that nobody wants more.
///
/// Reads in many short transactions: nothing of what is read here changes any more.
pub(crate) fn write(
    store: &Store,
    export: &Export<'_>,
    mut take: impl FnMut(String) -> bool,
) -> Result<(), StoreError> {
    let origin = export.checkpoint.proven().map_err(StoreError::Corrupt)?.origin;
    let header = json!({
        "format": EXPORT_FORMAT,
        "session": export.session,
        "origin": origin,
        "key": export.checkpoint.key,
        "checkpoint": export.checkpoint.note,
    });
    let mut line = |value: Value| take(format!("{value}\n"));
    if !line(header) {
        return Ok(());
    }
    let mut places = store.ask(|connection| places_of(connection, export))?;
    places.push(export.closing.0 as u64 - 1);
    let mut proofs = proofs(store, export.checkpoint, &places)?.into_iter();
    let (mut after, mut counted) = (0, 0_u64);
    while after < export.last_seq {
        let rows = store.ask(|connection| log::events_after(connection, export.session, after, EVENTS_AT_ONCE))?;
        let rows = rows.into_iter().filter(|row| row.seq.is_some_and(|seq| seq <= export.last_seq));
        for row in rows {
            after = row.seq.unwrap_or(export.last_seq);
            counted += 1;
            if !line(event_line(&row, proofs.next())) {
                return Ok(());
            }
        }
    }
    let closing = store.ask(|connection| log::event(connection, export.closing.0))?;
    let closing = closing.ok_or_else(|| StoreError::Corrupt("the end of the export is not in the log".to_owned()))?;
    counted += 1;
    let mut goes_on = line(event_line(&closing, proofs.next()));
    let mut file_count = 0_u64;
    after = 0;
    while goes_on && after < export.last_seq {
        let rows = store.ask(|connection| log::events_after(connection, export.session, after, EVENTS_AT_ONCE))?;
        for row in rows.into_iter().filter(|row| row.seq.is_some_and(|seq| seq <= export.last_seq)) {
            after = row.seq.unwrap_or(export.last_seq);
            if let Some(file) = store.ask(|connection| file_line(connection, store.files(), row))? {
                file_count += 1;
                goes_on = line(file);
            }
        }
    }
    line(json!({"end": {"events": counted, "files": file_count}}));
    Ok(())
}

/// The places of the session's events in the log, from 0.
fn places_of(connection: &Connection, export: &Export<'_>) -> Result<Vec<u64>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM events WHERE session_id = ?1 AND seq <= ?2 ORDER BY seq")?;
    let ids = statement.query_map((export.session.as_str(), export.last_seq as i64), |row| row.get::<_, i64>(0))?;
    Ok(ids.map(|id| id.map(|id| id as u64 - 1)).collect::<Result<_, _>>()?)
}

fn proofs(store: &Store, checkpoint: &CheckpointRow, places: &[u64]) -> Result<Vec<InclusionProof>, StoreError> {
    let (mut waiting, mut next) = (Vec::new().into_iter(), 1_i64);
    let leaf = || -> Result<Digest, StoreError> {
        loop {
            if let Some(leaf) = waiting.next() {
                return Ok(leaf);
            }
            let leaves = store.ask(|connection| leaves(connection, next))?;
            if leaves.is_empty() {
                return Err(StoreError::Corrupt(format!("event {next} is missing")));
            }
            next += leaves.len() as i64;
            waiting = leaves.into_iter();
        }
    };
    let (root, proofs) = prove(checkpoint.size, places, leaf)?;
    if root == checkpoint.root {
        Ok(proofs)
    } else {
        Err(StoreError::Corrupt(format!("the first {} events are not the ones that were signed", checkpoint.size)))
    }
}

fn leaves(connection: &Connection, from: i64) -> Result<Vec<Digest>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT leaf_hash FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id")?;
    let leaves = statement.query_map((from, from + LEAVES_AT_ONCE), |row| row.get(0).map(Digest::from_bytes))?;
    Ok(leaves.collect::<Result<_, _>>()?)
}

fn event_line(row: &EventRow, proof: Option<InclusionProof>) -> Value {
    let facts: Value = serde_json::from_str(&row.facts).unwrap_or_default();
    json!({
        "event": {
            "id": row.id,
            "session_id": row.session,
            "seq": row.seq,
            "run_id": row.run,
            "schema": row.schema,
            "event_type": row.event_type,
            "source": row.source,
            "user_id": row.user_id,
            "principal": row.principal,
            "message_id": row.message_id,
            "created_at": row.created_at,
            "facts": facts,
            "text_hash": row.text_hash,
            "salt": row.salt.map(hex),
            "summary": row.summary,
            "payload_text": row.payload_text,
        },
        "proof": proof.unwrap_or_default().path,
    })
}

fn hex(bytes: [u8; SALT_BYTES]) -> String {
    format!("{:0width$x}", u128::from_be_bytes(bytes), width = SALT_BYTES * 2)
}

/// The file an event names by its digest; `None` for an event that names none, or whose text is gone.
fn file_line(connection: &Connection, files: &Files, row: EventRow) -> Result<Option<Value>, StoreError> {
    if row.salt.is_none() || !matches!(row.event_type.as_str(), "artifact_saved" | "plan_imported") {
        return Ok(None);
    }
    let event = row.envelope()?;
    let shown = |kind: &str, name: String, sha256: Digest, bytes: Vec<u8>| json!({"file": {"kind": kind, "name": name, "sha256": sha256, "base64": BASE64.encode(bytes)}});
    // One that cannot be read is left out; whoever checks the file is told which.
    if let Fact::ArtifactSaved { artifact, path, sha256, .. } = &event.fact {
        let bytes = read_artifact_or_output(connection, files, artifact.0).ok().flatten();
        return Ok(bytes.map(|bytes| shown("artifact", path.clone(), *sha256, bytes)));
    }
    if let (Fact::PlanImported { version, masked_digest, .. }, Some(session)) = (&event.fact, &event.session)
        && !projection::payload(&event)["plan"].is_object()
    {
        let bytes = files.read_masked_plan(session, *version, *masked_digest).ok();
        return Ok(bytes.map(|bytes| shown("plan", format!("plan v{version}"), *masked_digest, bytes)));
    }
    Ok(None)
}
