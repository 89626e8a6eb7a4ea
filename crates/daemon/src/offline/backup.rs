//! `record backup`: one file, made beside the daemon and checked before it gets its name.

use std::path::Path;

use calt_api::Language;
use calt_engine::store::{self, Workspaces};
use serde_json::json;

use super::Done;
use super::fault::OfflineFault;
use super::progress::Line;
use crate::settings::Settings;

/// Most files of a kind that are named one by one.
const NAMED_MAX: usize = 10;

pub(super) fn backup(
    settings: &Settings,
    file: &Path,
    without_workspaces: bool,
    language: Language,
) -> Result<Done, OfflineFault> {
    if !settings.db_path.exists() {
        return Err(OfflineFault::NoDatabase { path: settings.db_path.clone() });
    }
    let workspaces = if without_workspaces { Workspaces::LeftOut } else { Workspaces::Included };
    let mut line = Line::new(language);
    let now = calt_engine::now();
    let made = store::backup(&super::store(settings), file, workspaces, now, &mut |progress| line.say(progress))?;
    drop(line);
    let contents = made.contents;
    let json = json!({
        "file": file.display().to_string(), "events": contents.events, "root": contents.root.to_string(),
        "made_at": contents.made_at.to_string(), "bytes": made.bytes, "files": contents.files,
        "file_bytes": contents.file_bytes, "workspaces": !without_workspaces, "left_out": made.left_out,
        "attached": made.attached,
        "not_as_recorded": made.not_as_recorded,
    });
    let mut text = format!(
        "{} events, {} files, {} bytes\nroot {}\nmade and checked: {}\n",
        contents.events,
        contents.files,
        made.bytes,
        contents.root,
        calt_api::visible::visible_line(&file.display().to_string())
    );
    if made.left_out > 0 {
        text.push_str(&format!("left out: {} sockets, pipes, devices or unreadable things\n", made.left_out));
    }
    if made.attached > 0 {
        text.push_str(&format!("not in it: the attached directories of {} sessions, which are yours\n", made.attached));
    }
    for path in made.not_as_recorded.iter().take(NAMED_MAX) {
        text.push_str(&format!("missing or changed before this backup: {path}\n"));
    }
    if let Some(more @ 1..) = made.not_as_recorded.len().checked_sub(NAMED_MAX) {
        text.push_str(&format!("… and {more} more\n"));
    }
    Ok(Done { json, text, found: false })
}
