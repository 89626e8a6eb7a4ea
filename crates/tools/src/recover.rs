//! After a crash: what each file of a started apply is now, and the way back for one that was cut in half.
//!
//! Nothing here fails: a daemon has to come up whatever a crash, or somebody after it, left in a workspace.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;

use calt_core::Digest;
use calt_core::RunId;
use calt_core::event::{FileChange, Finding, FoundFile};
use calt_core::moment::{Moment, pass};
use rustix::fs::{AtFlags, RenameFlags, renameat_with, unlinkat};

use crate::room::RunRoom;
use crate::workspace::{Found, Purpose, RelativePath, Workspace};
use crate::write::{restore, temporary_back, temporary_from, temporary_name};

/// Looks at every file of an apply that has no end.
///
/// All as the apply wanted them: `applied`. All as before: `not_applied`. Some of each: those that have
/// exactly the new content are put back, and the answer is `not_applied`. What is neither, or cannot be read or
/// put back, is left alone and named: `foreign`. A content that somebody wrote while the apply took its place
/// stands under its own name again. The run's own temporary files are removed, and so are directories it made for
/// files that are not there. `None` for a workspace that is gone.
pub fn inspect_interrupted(
    workspace: Option<&Workspace>,
    room: &RunRoom,
    run: RunId,
    files: &[FileChange],
) -> (Finding, Vec<FoundFile>) {
    let Some(workspace) = workspace else { return (Finding::Foreign, files.iter().map(unknown).collect()) };
    let leftovers: Vec<Leftovers> = files
        .iter()
        .enumerate()
        .map(|(number, file)| Leftovers::find(workspace, file, &run.to_string(), number))
        .collect();
    let mut seen: Vec<Seen> =
        files.iter().zip(&leftovers).map(|(file, leftovers)| look(workspace, file, leftovers)).collect();
    let finding = settle(workspace, room, files, &leftovers, &mut seen);
    for leftover in &leftovers {
        leftover.sweep();
    }
    if finding == Finding::NotApplied {
        workspace.remove_empty(&room.directories());
    }
    (finding, seen.into_iter().map(|seen| seen.found).collect())
}

/// What was seen of one file.
struct Seen {
    found: FoundFile,
    /// A rename stands under both names: only its first half was done.
    is_half: bool,
}

impl Seen {
    fn is_applied(&self) -> bool {
        self.found.finding == Finding::Applied && !self.is_half
    }
}

fn settle(
    workspace: &Workspace,
    room: &RunRoom,
    files: &[FileChange],
    leftovers: &[Leftovers],
    seen: &mut [Seen],
) -> Finding {
    // A file the apply would not touch says nothing of how far it came.
    let mut told = files.iter().zip(seen.iter()).filter(|(file, seen)| !is_untouched(file) || !seen.is_applied());
    if told.clone().all(|(_, seen)| seen.is_applied()) {
        return Finding::Applied;
    }
    if told.any(|(_, seen)| seen.found.finding == Finding::Foreign) {
        return Finding::Foreign;
    }
    let mut all_back = true;
    for ((file, leftovers), seen) in files.iter().zip(leftovers).zip(seen) {
        let is_new = seen.found.finding == Finding::Applied;
        if is_new && (!is_untouched(file) || leftovers.hold_other_mode(file)) {
            all_back &= put_back(workspace, room, file, leftovers).is_ok();
            *seen = look(workspace, file, leftovers);
            pass(Moment::FilePutBack);
        }
    }
    if all_back { Finding::NotApplied } else { Finding::Foreign }
}

/// The same content before and afterwards: at most its permission bits would change.
fn is_untouched(file: &FileChange) -> bool {
    file.from.is_none() && file.old_exists == file.new_exists && file.old_sha256 == file.new_sha256
}

fn unknown(file: &FileChange) -> FoundFile {
    FoundFile { path: file.path.clone(), sha256: Digest::of_bytes(b""), finding: Finding::Foreign }
}

/// What an apply left beside one file: the new content before it was placed, the old one afterwards.
struct Leftovers {
    beside: Option<Leftover>,
    /// For a rename: what stood under the old name.
    moved: Option<Leftover>,
    /// What a recovery that was itself cut off had begun to write in the place of the file.
    begun: Option<Leftover>,
    /// The name of such a beginning.
    back: String,
}

struct Leftover {
    directory: OwnedFd,
    name: String,
    found: Option<Found>,
    /// Somebody's content that could not get its own name back: better here than lost.
    is_kept: Cell<bool>,
}

impl Leftovers {
    fn find(workspace: &Workspace, file: &FileChange, token: &str, number: usize) -> Self {
        let name = temporary_name(token, number);
        let back = temporary_back(&name);
        let before = file.from.as_ref().unwrap_or(&file.path);
        Self {
            moved: file.from.as_ref().and_then(|from| Leftover::find(workspace, from, temporary_from(&name))),
            begun: Leftover::find(workspace, before, back.clone()),
            beside: Leftover::find(workspace, &file.path, name),
            back,
        }
    }

    /// Whether what lies beside a file has other permission bits than the apply wanted: then it is the file before.
    fn hold_other_mode(&self, file: &FileChange) -> bool {
        self.beside.as_ref().and_then(|left| left.found.as_ref()).is_some_and(|found| mode_of(found) != file.mode)
    }

    fn sweep(&self) {
        for left in [&self.beside, &self.moved, &self.begun].into_iter().flatten() {
            if !left.is_kept.get() {
                // Gone already, or put back to its own name.
                let _ = unlinkat(&left.directory, left.name.as_str(), AtFlags::empty());
            }
        }
    }
}

impl Leftover {
    fn find(workspace: &Workspace, path: &str, name: String) -> Option<Self> {
        let path = RelativePath::parse(path).ok()?;
        let directory = workspace.open_parent(&path).ok()?;
        let beside = RelativePath::parse(&format!("{}/{name}", path.parent())).ok()?;
        let found = workspace.read(&beside, Purpose::Write).ok().flatten();
        Some(Self { directory, name, found, is_kept: Cell::new(false) })
    }

    /// Whether this is neither what the apply wrote nor what was previewed; then it gets its own name back.
    fn is_foreign(&self, file: &FileChange, name: &str, replaces: bool) -> bool {
        if self.found.is_none() || self.is(file.old_sha256) || self.is(file.new_sha256) {
            return false;
        }
        self.is_kept.set(self.take_back(name, replaces).is_err());
        true
    }

    fn is(&self, digest: Digest) -> bool {
        self.found.as_ref().is_some_and(|found| Digest::of_bytes(&found.bytes) == digest)
    }

    /// Gives what lies here its own name again, in the place of what stands there now.
    fn take_back(&self, name: &str, replaces: bool) -> rustix::io::Result<()> {
        let flags = if replaces { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        renameat_with(&self.directory, self.name.as_str(), &self.directory, name, flags)?;
        rustix::fs::fsync(&self.directory)
    }
}

fn mode_of(found: &Found) -> String {
    format!("{:04o}", found.mode & 0o777)
}

fn look(workspace: &Workspace, file: &FileChange, leftovers: &Leftovers) -> Seen {
    look_at(workspace, file, leftovers).unwrap_or_else(|| Seen { found: unknown(file), is_half: false })
}

/// `None` when something stands there that is no file of its own.
fn look_at(workspace: &Workspace, file: &FileChange, leftovers: &Leftovers) -> Option<Seen> {
    let path = RelativePath::parse(&file.path).ok()?;
    let mut now = workspace.read(&path, Purpose::Write).ok()?;
    let digest = |now: &Option<Found>| Digest::of_bytes(now.as_ref().map_or(&[][..], |found| &found.bytes));
    let is = |now: &Option<Found>, sha256: Digest, there: bool| digest(now) == sha256 && now.is_some() == there;
    let mut is_half = false;
    let finding = match &file.from {
        // A rename is done when the new name has the new content and the old name is gone.
        Some(from) => {
            let from = RelativePath::parse(from).ok()?;
            let before = workspace.read(&from, Purpose::Write).ok()?;
            match (is(&now, file.new_sha256, true), before.is_some()) {
                (true, false) => match &leftovers.moved {
                    // Somebody had written to the old name when it was moved away.
                    Some(moved) if moved.is_foreign(file, from.name(), false) => Finding::Foreign,
                    Some(_) | None => Finding::Applied,
                },
                (false, true) if now.is_none() && is(&before, file.old_sha256, true) => Finding::NotApplied,
                // The new name is there already, the old one still is: the first half of the rename.
                (true, true) if is(&before, file.old_sha256, true) => {
                    is_half = true;
                    Finding::Applied
                }
                (true | false, true | false) => Finding::Foreign,
            }
        }
        None if is_untouched(file) && is(&now, file.new_sha256, file.new_exists) => {
            let is_as_wanted = now.as_ref().is_none_or(|found| mode_of(found) == file.mode);
            if is_as_wanted { Finding::Applied } else { Finding::NotApplied }
        }
        None if is(&now, file.new_sha256, file.new_exists) => match &leftovers.beside {
            // Somebody had written to the file when it was swapped out.
            Some(beside) if file.old_exists && beside.is_foreign(file, path.name(), file.new_exists) => {
                now = workspace.read(&path, Purpose::Write).ok()?;
                Finding::Foreign
            }
            Some(_) | None => Finding::Applied,
        },
        None if is(&now, file.old_sha256, file.old_exists) => Finding::NotApplied,
        None => Finding::Foreign,
    };
    Some(Seen { found: FoundFile { path: file.path.clone(), sha256: digest(&now), finding }, is_half })
}

/// The file itself, if it still lies beside its name, with its owner and its permission bits; else its pre-image.
fn put_back(workspace: &Workspace, room: &RunRoom, file: &FileChange, leftovers: &Leftovers) -> io::Result<()> {
    let path = parse(&file.path)?;
    let pre_image = |path: &RelativePath| {
        let mode = u32::from_str_radix(file.old_mode.as_ref().unwrap_or(&file.mode), 8).unwrap_or(0o600);
        restore(workspace, path, Some((&room.take(file.old_sha256)?, mode, &leftovers.back)))
    };
    if let Some(from) = &file.from {
        let from = parse(from)?;
        let is_there = workspace.read(&from, Purpose::Write).is_ok_and(|found| found.is_some());
        match &leftovers.moved {
            _ if is_there => {}
            Some(moved) if moved.is(file.old_sha256) => moved.take_back(from.name(), false)?,
            Some(_) | None => pre_image(&from)?,
        }
        return restore(workspace, &path, None);
    }
    match &leftovers.beside {
        Some(beside) if file.old_exists && beside.is(file.old_sha256) => {
            Ok(beside.take_back(path.name(), file.new_exists)?)
        }
        Some(_) | None if file.old_exists => pre_image(&path),
        Some(_) | None => restore(workspace, &path, None),
    }
}

fn parse(path: &str) -> io::Result<RelativePath> {
    RelativePath::parse(path).map_err(|failure| io::Error::other(failure.message))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
            old_mode: old.map(|_| "0644".to_owned()),
        }
    }

    /// A workspace, a room for pre-images, and the names of what an apply left.
    struct Crash {
        directory: tempfile::TempDir,
        workspace: Workspace,
        room: RunRoom,
    }

    impl Crash {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let workspace = Workspace::create(&directory.path().join("ws")).unwrap();
            let room = RunRoom::new(directory.path().join("room"));
            Self { directory, workspace, room }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.directory.path().join("ws").join(name)
        }

        fn put(&self, name: &str, text: &str) -> &Self {
            std::fs::write(self.path(name), text).unwrap();
            self
        }

        fn text(&self, name: &str) -> String {
            std::fs::read_to_string(self.path(name)).unwrap()
        }

        fn inspect(&self, files: &[FileChange]) -> (Finding, Vec<Finding>) {
            let (finding, found) = inspect_interrupted(Some(&self.workspace), &self.room, RunId(7), files);
            (finding, found.iter().map(|file| file.finding).collect())
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.path(".")).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn an_apply_cut_in_half_is_put_back() {
        let crash = Crash::new();
        crash.room.keep(b"old a").unwrap();
        crash.room.keep(b"old b").unwrap();
        let files = [
            change("a", Some("old a"), Some("new a")),
            change("b", Some("old b"), Some("new b")),
            change("c", None, Some("new c")),
            change("same", Some("same"), Some("same")),
        ];
        crash.put("a", "new a").put("b", "old b").put("c", "new c").put("same", "same").put(".calt-tmp-7-1", "ha");
        std::fs::set_permissions(crash.path("same"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(crash.inspect(&files).0, Finding::NotApplied);
        assert_eq!(crash.text("a"), "old a");
        assert_eq!(crash.names(), ["a", "b", "same"]);

        crash.put("a", "somebody else's");
        let (finding, each) = crash.inspect(&files);
        assert_eq!((finding, each[0]), (Finding::Foreign, Finding::Foreign));
        assert_eq!(crash.text("a"), "somebody else's");

        crash.put("a", "new a").put("b", "new b").put("c", "new c");
        assert_eq!(crash.inspect(&files).0, Finding::Applied);
    }

    #[test]
    fn a_rename_cut_between_its_halves_is_put_back() {
        let crash = Crash::new();
        let files = [FileChange { from: Some("before".to_owned()), ..change("after", Some("text"), Some("text")) }];
        crash.put("before", "text").put("after", "text");
        assert_eq!(crash.inspect(&files), (Finding::NotApplied, vec![Finding::NotApplied]));
        assert_eq!(crash.names(), ["before"]);
    }

    #[test]
    fn directories_made_for_what_is_not_applied_go_unless_they_hold_something() {
        let crash = Crash::new();
        crash.room.note_directories(&["d".to_owned(), "d/e".to_owned(), "kept".to_owned()]).unwrap();
        for directory in ["d", "d/e", "kept"] {
            std::fs::create_dir(crash.path(directory)).unwrap();
        }
        crash.put("d/e/.calt-tmp-7-0", "new").put("kept/mine", "somebody's");
        assert_eq!(crash.inspect(&[change("d/e/a", None, Some("new"))]).0, Finding::NotApplied);
        assert_eq!(crash.names(), ["kept"]);
    }

    #[test]
    fn what_a_recovery_had_begun_to_write_is_removed() {
        let crash = Crash::new();
        crash.put("a", "somebody's").put(".calt-tmp-7-0-back", "ol");
        assert_eq!(crash.inspect(&[change("a", Some("old"), Some("new"))]).0, Finding::Foreign);
        assert_eq!(crash.names(), ["a"]);
    }

    #[test]
    fn what_was_swapped_out_comes_back_itself_with_its_mode() {
        let crash = Crash::new();
        let files = [change("a", Some("old a"), Some("new a")), change("b", Some("old b"), Some("new b"))];
        crash.put("a", "new a").put(".calt-tmp-7-0", "old a").put("b", "old b");
        std::fs::set_permissions(crash.path(".calt-tmp-7-0"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(crash.inspect(&files).0, Finding::NotApplied);
        assert_eq!((crash.text("a").as_str(), crash.names()), ("old a", vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(std::fs::metadata(crash.path("a")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_change_of_mode_alone_is_told_by_the_mode() {
        let crash = Crash::new();
        let files = [change("a", Some("same"), Some("same"))];
        for (mode, finding) in [(0o644, Finding::Applied), (0o755, Finding::NotApplied)] {
            crash.put("a", "same");
            std::fs::set_permissions(crash.path("a"), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(crash.inspect(&files).0, finding, "{mode:o}");
        }
    }

    #[test]
    fn what_somebody_wrote_in_the_last_moment_is_not_lost() {
        let crash = Crash::new();
        let gone = change("gone", Some("old"), None);
        let moved = FileChange { from: Some("before".to_owned()), ..change("after", Some("old"), Some("new")) };
        let files = [change("a", Some("old"), Some("new")), gone, moved];
        crash.put("a", "new").put(".calt-tmp-7-0", "an edit").put(".calt-tmp-7-1", "another edit");
        crash.put("after", "new").put(".calt-tmp-7-2-from", "a third edit");
        let (finding, each) = crash.inspect(&files);
        assert_eq!((finding, each), (Finding::Foreign, vec![Finding::Foreign; 3]));
        assert_eq!((crash.text("a"), crash.text("gone")), ("an edit".to_owned(), "another edit".to_owned()));
        assert_eq!(crash.text("before"), "a third edit");
        assert_eq!(crash.names(), ["a", "after", "before", "gone"]);
    }

    #[test]
    fn nothing_that_stands_in_a_workspace_keeps_a_daemon_from_its_start() {
        use rustix::fs::{FileType, Mode, mknodat};
        let crash = Crash::new();
        let files: Vec<_> =
            ["pipe", "link", "directory", "twin"].iter().map(|name| change(name, Some("old"), Some("new"))).collect();
        mknodat(crash.workspace.root(), "pipe", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        std::os::unix::fs::symlink("twin", crash.path("link")).unwrap();
        std::fs::create_dir(crash.path("directory")).unwrap();
        crash.put("twin", "old");
        std::fs::hard_link(crash.path("twin"), crash.path("other name")).unwrap();
        std::fs::create_dir(crash.path(".calt-tmp-7-0")).unwrap();
        assert_eq!(crash.inspect(&files), (Finding::Foreign, vec![Finding::Foreign; 4]));

        // Half applied, and no pre-image to put back.
        let files = [change("a", Some("old"), Some("new")), change("b", Some("old"), Some("new"))];
        crash.put("a", "new").put("b", "old");
        assert_eq!(crash.inspect(&files), (Finding::Foreign, vec![Finding::Applied, Finding::NotApplied]));
        assert_eq!(inspect_interrupted(None, &crash.room, RunId(7), &files).0, Finding::Foreign);
    }
}
