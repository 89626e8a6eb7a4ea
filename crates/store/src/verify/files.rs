//! The files the events name by digest: artifacts, plans as they were handed in, and their masked forms.

use std::io;

use calt_core::event::{Envelope, Fact, WorkspaceIdentity};
use calt_core::id::SessionId;
use rusqlite::{Connection, OptionalExtension as _};

use super::whole::Check;
use crate::error::StoreError;
use crate::files::{Files, output_again};
use crate::{log, projection};

/// The manifests of copies. `sessions` are the ids of the events that made a session each.
pub(super) fn look_at_manifests(connection: &Connection, files: &Files, sessions: &[i64]) -> Result<Check, StoreError> {
    let mut manifests = Check::new("manifests");
    let mut copies = connection.prepare_cached(
        "SELECT 1 FROM events WHERE id = ?1 AND json_extract(facts, '$.workspace.kind') = 'snapshot'",
    )?;
    for id in sessions {
        if !copies.exists([id])? {
            continue;
        }
        let Some(row) = log::event(connection, *id)? else { continue };
        let Ok(event) = row.envelope() else { continue };
        if let (Fact::SessionCreated { workspace: WorkspaceIdentity::Snapshot { manifest, .. }, .. }, Some(session)) =
            (&event.fact, &event.session)
        {
            manifests.looked_at += 1;
            if let Err(error) = files.read_manifest(session, *manifest) {
                manifests.found(Some(*id), format!("the manifest of {session} is not what was recorded: {error}"));
            }
        }
    }
    Ok(manifests)
}

/// `named` are the ids of the events that name files.
pub(super) fn look(connection: &Connection, files: &Files, named: &[i64]) -> Result<(Check, Check), StoreError> {
    let (mut artifacts, mut plans) = (Check::new("artifacts"), Check::new("plans"));
    for id in named {
        let Some(row) = log::event(connection, *id)? else { continue };
        // What does not read as an event was found before.
        let Ok(event) = row.envelope() else { continue };
        if event.salt.is_none() {
            continue;
        }
        if let Fact::ArtifactSaved { .. } = &event.fact {
            artifacts.looked_at += 1;
            if let Some(what) = wrong_artifact(connection, files, &event)? {
                artifacts.found(Some(*id), what);
            }
        } else if let (Fact::PlanImported { .. }, Some(session)) = (&event.fact, &event.session) {
            plans.looked_at += 1;
            for what in wrong_plan(files, session, &event) {
                plans.found(Some(*id), what);
            }
        }
    }
    Ok((artifacts, plans))
}

fn wrong_artifact(connection: &Connection, files: &Files, event: &Envelope) -> Result<Option<String>, StoreError> {
    let Fact::ArtifactSaved { artifact, path, sha256, .. } = &event.fact else { return Ok(None) };
    let Err(error) = files.read_artifact(path, *sha256) else { return Ok(None) };
    if error.kind() == io::ErrorKind::InvalidData {
        return Ok(Some(format!("artifact {artifact} (`{path}`) is not what was recorded: it was changed")));
    }
    let ended: Option<(i64, bool)> = connection
        .prepare_cached(
            "SELECT events.id, events.salt IS NULL FROM runs JOIN events ON events.id = runs.ended_event
             WHERE runs.id = ?1",
        )?
        .query_row([event.run.map(|run| run.0)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match ended {
        // Redacted, and its file with it.
        Some((_, true)) => Ok(None),
        // A file that only repeats what the log holds is made again when it is asked for.
        Some((ended, false)) if output_again(connection, ended, *sha256)?.is_some() => Ok(None),
        Some(_) | None => Ok(Some(format!("artifact {artifact} (`{path}`) cannot be read: {error}"))),
    }
}

fn wrong_plan(files: &Files, session: &SessionId, event: &Envelope) -> Vec<String> {
    let Fact::PlanImported { version, masked_digest, document_digest, .. } = &event.fact else { return Vec::new() };
    let mut wrong = Vec::new();
    let mut look = |what: &str, read: io::Result<Vec<u8>>| {
        if let Err(error) = read {
            wrong.push(format!("{what} of plan v{version} of {session} is not what was recorded: {error}"));
        }
    };
    look("the document", files.read_plan(session, *version, *document_digest));
    let payload = projection::payload(event);
    match payload.get("plan").filter(|plan| plan.is_object()) {
        Some(plan) if calt_core::Digest::of_bytes(plan.to_string().as_bytes()) == *masked_digest => {}
        Some(_) => look("the masked form", Err(io::Error::other("its event holds another"))),
        None => look(
            "the masked form",
            files.read_masked_plan(session, *version, *masked_digest).map(drop).map(|()| Vec::new()),
        ),
    }
    wrong
}
