//! After a crash: what each file of a started apply is now, and the way back for one that was cut in half.

use std::io;

use calt_core::Digest;
use calt_core::event::{FileChange, Finding, FoundFile};
use rustix::fs::{AtFlags, Dir, unlinkat};

use crate::room::RunRoom;
use crate::workspace::{RelativePath, TEMPORARY_PREFIX, Workspace};
use crate::write::{digest_now, restore};

/// Looks at every file of an apply that has no end.
///
/// All as the apply wanted them: `applied`. All as before: `not_applied`. Some of each: those that have
/// exactly the new content are put back from their pre-images, and the answer is `not_applied`. A content
/// of neither is left alone and named: `foreign`. calt's own temporary files are removed.
///
/// # Errors
/// When a file cannot be read or put back.
pub fn inspect_interrupted(
    workspace: &Workspace,
    room: &RunRoom,
    files: &[FileChange],
) -> io::Result<(Finding, Vec<FoundFile>)> {
    let mut found = Vec::new();
    for file in files {
        sweep(workspace, &file.path)?;
        if let Some(from) = &file.from {
            sweep(workspace, from)?;
        }
        found.push(look(workspace, file)?);
    }
    let finding = |wanted: Finding| found.iter().all(|file| file.finding == wanted);
    if finding(Finding::Applied) {
        return Ok((Finding::Applied, found));
    }
    if found.iter().any(|file| file.finding == Finding::Foreign) {
        return Ok((Finding::Foreign, found));
    }
    for (file, seen) in files.iter().zip(&mut found) {
        if seen.finding == Finding::Applied {
            put_back(workspace, room, file)?;
            *seen = look(workspace, file)?;
        }
    }
    Ok((Finding::NotApplied, found))
}

fn look(workspace: &Workspace, file: &FileChange) -> io::Result<FoundFile> {
    let path = parse(&file.path)?;
    let (now, exists) = digest_now(workspace, &path)?;
    let is = |digest: Digest, there: bool| now == digest && exists == there;
    let finding = match &file.from {
        // A rename is done when the new name has the new content and the old name is gone.
        Some(from) => {
            let (before, old_name_there) = digest_now(workspace, &parse(from)?)?;
            match (is(file.new_sha256, true), old_name_there) {
                (true, false) => Finding::Applied,
                (false, true) if !exists && before == file.old_sha256 => Finding::NotApplied,
                // The new name is there already, the old one still is: the first half of the rename.
                (true, true) if before == file.old_sha256 => Finding::Applied,
                (true | false, true | false) => Finding::Foreign,
            }
        }
        None if is(file.new_sha256, file.new_exists) => Finding::Applied,
        None if is(file.old_sha256, file.old_exists) => Finding::NotApplied,
        None => Finding::Foreign,
    };
    Ok(FoundFile { path: file.path.clone(), sha256: now, finding })
}

fn put_back(workspace: &Workspace, room: &RunRoom, file: &FileChange) -> io::Result<()> {
    let path = parse(&file.path)?;
    let mode = u32::from_str_radix(&file.mode, 8).unwrap_or(0o600);
    if let Some(from) = &file.from {
        let bytes = room.take(file.old_sha256)?;
        restore(workspace, &parse(from)?, Some((&bytes, mode)), "recover")?;
        return restore(workspace, &path, None, "recover");
    }
    if file.old_exists {
        let bytes = room.take(file.old_sha256)?;
        restore(workspace, &path, Some((&bytes, mode)), "recover")
    } else {
        restore(workspace, &path, None, "recover")
    }
}

/// Removes calt's own temporary files from the directory a path lies in.
fn sweep(workspace: &Workspace, path: &str) -> io::Result<()> {
    let Ok(directory) = workspace.open_parent(&parse(path)?) else { return Ok(()) };
    let mut ours = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        if entry.file_name().to_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) {
            ours.push(entry.file_name().to_owned());
        }
    }
    for name in ours {
        unlinkat(&directory, name.as_c_str(), AtFlags::empty())?;
    }
    Ok(())
}

fn parse(path: &str) -> io::Result<RelativePath> {
    RelativePath::parse(path).map_err(|failure| io::Error::other(failure.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, old: Option<&str>, new: Option<&str>) -> FileChange {
        FileChange {
            path: path.to_owned(),
            from: None,
            old_sha256: Digest::of_bytes(old.unwrap_or_default().as_bytes()),
            new_sha256: Digest::of_bytes(new.unwrap_or_default().as_bytes()),
            old_exists: old.is_some(),
            new_exists: new.is_some(),
            mode: "0644".to_owned(),
        }
    }

    #[test]
    fn an_apply_cut_in_half_is_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("ws");
        let workspace = Workspace::create(&root).unwrap();
        let room = RunRoom::new(directory.path().join("room"));
        room.keep(b"old a").unwrap();
        room.keep(b"old b").unwrap();
        let files = [
            change("a", Some("old a"), Some("new a")),
            change("b", Some("old b"), Some("new b")),
            change("c", None, Some("new c")),
        ];
        std::fs::write(root.join("a"), "new a").unwrap();
        std::fs::write(root.join("b"), "old b").unwrap();
        std::fs::write(root.join("c"), "new c").unwrap();
        std::fs::write(root.join(".calt-tmp-7-1"), "half").unwrap();
        let (finding, _) = inspect_interrupted(&workspace, &room, &files).unwrap();
        assert_eq!(finding, Finding::NotApplied);
        assert_eq!(std::fs::read_to_string(root.join("a")).unwrap(), "old a");
        assert!(!root.join("c").exists() && !root.join(".calt-tmp-7-1").exists());

        std::fs::write(root.join("a"), "somebody else's").unwrap();
        let (finding, found) = inspect_interrupted(&workspace, &room, &files).unwrap();
        assert_eq!((finding, found[0].finding), (Finding::Foreign, Finding::Foreign));
        assert_eq!(std::fs::read_to_string(root.join("a")).unwrap(), "somebody else's");

        for (name, text) in [("a", "new a"), ("b", "new b"), ("c", "new c")] {
            std::fs::write(root.join(name), text).unwrap();
        }
        assert_eq!(inspect_interrupted(&workspace, &room, &files).unwrap().0, Finding::Applied);
    }
}
