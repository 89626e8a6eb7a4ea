//! `record restore`: an empty data root, filled from a backup that was checked first.

use std::path::Path;

use calt_api::Language;
use calt_engine::core::decide::RosterAction;
use calt_engine::store::{self, Contents, RESTORING, RestorePlace, StoreConfig, StoreError, Workspaces};
use serde_json::json;

use super::Done;
use super::fault::OfflineFault;
use super::progress::Line;
use crate::ground::{Ground, LOCK_FILE, database_lock};
use crate::settings::Settings;

pub(super) fn restore(settings: &Settings, file: &Path, language: Language) -> Result<Done, OfflineFault> {
    let target = super::store(settings);
    empty(&target)?;
    let mut line = Line::new(language);
    let backup = store::check_backup(file, &mut |progress| line.say(progress))?;
    let _ground = Ground::take(&target.data_root, &target.database)?;
    // Somebody may have come since; from here on nobody can.
    empty(&target)?;
    let place = backup.restore(&target, &mut |progress| line.say(progress))?;
    record(&place)?;
    let contents = place.put_in_place()?;
    drop(line);
    let with_workspaces = contents.workspaces == Workspaces::Included;
    let json = json!({
        "data_root": target.data_root.display().to_string(), "database": target.database.display().to_string(),
        "events": contents.events, "root": contents.root.to_string(), "made_at": contents.made_at.to_string(),
        "files": contents.files, "file_bytes": contents.file_bytes, "workspaces": with_workspaces,
    });
    let text = format!(
        "restored into {}: {} events, {} files, as of {}\nroot {}\n{}",
        calt_api::visible::visible_line(&target.data_root.display().to_string()),
        contents.events,
        contents.files,
        contents.made_at,
        contents.root,
        if with_workspaces { "" } else { "the backup held no workspaces: they are empty\n" },
    );
    Ok(Done { json, text, found: false })
}

/// Refuses a place where anything is but our own locks and what an unfinished restore left.
fn empty(target: &StoreConfig) -> Result<(), OfflineFault> {
    let root = &target.data_root;
    if target.database.symlink_metadata().is_ok() {
        let what = format!("there is a database `{}`", target.database.display());
        return Err(OfflineFault::NotEmpty { path: root.clone(), what });
    }
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::from(error).into()),
    };
    let is_unfinished = root.join(RESTORING).exists();
    let staged = {
        let mut name = target.database.clone().into_os_string();
        name.push(format!(".{RESTORING}"));
        name
    };
    for entry in entries {
        let path = entry.map_err(StoreError::from)?.path();
        let is_ours = path == root.join(LOCK_FILE) || path == database_lock(&target.database);
        let is_left_over = is_unfinished
            && (path == root.join(RESTORING)
                || path == root.join("sessions")
                || path.as_os_str().as_encoded_bytes().starts_with(staged.as_encoded_bytes()));
        if !is_ours && !is_left_over {
            let what = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(OfflineFault::NotEmpty { path: root.clone(), what: format!("`{what}` is in it") });
        }
    }
    Ok(())
}

/// Records where the log comes from, in the log that goes on from there.
fn record(place: &RestorePlace) -> Result<(), OfflineFault> {
    let Contents { events, root, made_at, files, workspaces, .. } = place.contents;
    let workspaces = workspaces == Workspaces::Included;
    super::record(&place.staged, RosterAction::Restored { events, root, made_at, files, workspaces })
}
