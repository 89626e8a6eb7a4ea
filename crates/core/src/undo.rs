//! Taking back: from what runs wrote and what stands there now, what a plan would put back.
//!
//! The writes to one path form a chain. It is followed backwards from what stands there now, as long as
//! each write began with what the one before had made: what somebody else wrote in between stays.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::event::FileChange;
use crate::id::{RunId, SessionId};
use crate::refusal::Refusal;
use crate::session::Session;

/// What one run wrote, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The run.
    pub run: RunId,
    /// Its session.
    pub session: SessionId,
    /// Every file, before and afterwards.
    pub files: Vec<FileChange>,
}

/// What is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What this run wrote.
    Run(RunId),
    /// Everything since this session first wrote to a file, whoever wrote it then on the same workspace.
    Session(SessionId),
}

/// What stands under a path now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// A file.
    File {
        /// SHA-256 of its bytes.
        sha256: Digest,
        /// Its permission bits, in octal.
        mode: String,
    },
    /// Something that calt does not write to; the sentence says what.
    Unusable(String),
}

/// A file as it was: its digest, and its permission bits where they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its permission bits, in octal.
    pub mode: Option<String>,
}

/// One file as a plan would put it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Its name afterwards.
    pub path: String,
    /// Its name now, when it gets an earlier one back.
    pub from: Option<String>,
    /// The run that kept what it becomes.
    pub run: RunId,
    /// What it becomes; `None` when it goes.
    pub becomes: Option<Content>,
    /// What stands there now; `None` when nothing does.
    pub is: Option<Digest>,
}

/// A file that stays as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// The file, below the workspace.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What is taken back, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undo {
    /// The files that are put back, by name.
    pub taken: Vec<TakenBack>,
    /// The files that are left alone, by name.
    pub left_alone: Vec<LeftAlone>,
}

/// A file as it was, or that there was none.
type State = Option<Content>;

/// One write to one path.
#[derive(Clone, Debug)]
struct Move {
    run: RunId,
    session: SessionId,
    before: State,
    after: State,
    /// The other name of a file that was renamed.
    partner: Option<String>,
}

/// The part of a path's chain that is to be taken back.
#[derive(Clone, Debug)]
struct Track {
    before: State,
    after: State,
    first: RunId,
    last: RunId,
    partners: BTreeSet<String>,
    /// What later runs made of it, when only one run is taken back.
    later: Vec<(RunId, State)>,
    /// The last of calt's writes before somebody else's.
    broken_after: Option<RunId>,
    /// Whether somebody else wrote between two of these writes.
    others_wrote: bool,
}

/// What would have to be put back, before anything was looked at.
#[derive(Clone, Debug)]
pub struct Wanted {
    tracks: BTreeMap<String, Track>,
}

impl Wanted {
    /// Reads what runs wrote on one workspace, oldest first.
    pub fn of(writes: &[Written], scope: &Scope) -> Self {
        let moves = moves(writes);
        let tracks = match scope {
            Scope::Run(run) => {
                moves.iter().filter_map(|(path, all)| Some((path.clone(), one_run(all, *run)?))).collect()
            }
            Scope::Session(session) => since_first(&moves, session)
                .into_iter()
                .filter_map(|(path, since)| {
                    let all: Vec<&Move> = moves.get(&path)?.iter().filter(|each| each.run >= since).collect();
                    Some((path, chain(&all)?))
                })
                .collect(),
        };
        Self { tracks }
    }

    /// The same from a session's first write to a file to the newest, whatever somebody else did in between:
    /// turned round, it is all that was written since the session began.
    pub fn whole(writes: &[Written], session: &SessionId) -> Self {
        let moves = moves(writes);
        let since = since_first(&moves, session);
        let tracks = since.into_iter().filter_map(|(path, since)| {
            let all: Vec<&Move> = moves.get(&path)?.iter().filter(|each| each.run >= since).collect();
            Some((path, all_of(&all)?))
        });
        Self { tracks: tracks.collect() }
    }

    /// The files that somebody else changed between two writes of calt's.
    pub fn shared(&self) -> BTreeSet<String> {
        self.tracks.iter().filter(|(_, track)| track.others_wrote).map(|(path, _)| path.clone()).collect()
    }

    /// The paths to look at.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.tracks.keys().map(String::as_str)
    }

    /// The pre-images that would be needed.
    pub fn pre_images(&self) -> BTreeSet<(RunId, Digest)> {
        let needed = |track: &Track| track.before.as_ref().map(|content| (track.first, content.sha256));
        self.tracks.values().filter(|track| track.changes()).filter_map(needed).collect()
    }

    /// Says what is taken back, given what stands there now and why pre-images cannot be had.
    pub fn settle(&self, now: &HashMap<String, Standing>, lost: &HashMap<(RunId, Digest), String>) -> Undo {
        let mut undo = Undo::default();
        for group in self.groups() {
            let blocked: BTreeMap<&str, String> =
                group.iter().filter_map(|path| Some((*path, self.blocked(path, now, lost)?))).collect();
            for path in group.iter().filter(|path| self.tracks[**path].changes()) {
                let reason = match (blocked.get(path), blocked.keys().next()) {
                    (Some(reason), _) => reason.clone(),
                    (None, Some(other)) => format!("a rename ties it to `{other}`, which is left alone"),
                    (None, None) => continue,
                };
                undo.left_alone.push(LeftAlone { path: (*path).to_owned(), reason });
            }
            if blocked.is_empty() {
                undo.taken.extend(self.taken(&group));
            }
        }
        undo.left_alone.extend(self.tracks.iter().filter_map(|(path, track)| {
            let run = track.broken_after?;
            let reason = format!("somebody changed it after run {run}; that and what was before it stays");
            Some(LeftAlone { path: path.clone(), reason })
        }));
        undo.taken.sort_by(|one, other| one.path.cmp(&other.path));
        undo.left_alone.sort_by(|one, other| one.path.cmp(&other.path));
        undo
    }

    /// Paths that renames tie together: all of a group are taken back, or none.
    fn groups(&self) -> Vec<Vec<&str>> {
        let (mut groups, mut seen) = (Vec::new(), BTreeSet::new());
        for start in self.tracks.keys() {
            let (mut group, mut open) = (Vec::new(), vec![start.as_str()]);
            while let Some(path) = open.pop() {
                let Some((path, track)) = self.tracks.get_key_value(path) else { continue };
                if seen.insert(path.as_str()) {
                    group.push(path.as_str());
                    open.extend(track.partners.iter().map(String::as_str));
                }
            }
            if !group.is_empty() {
                group.sort_unstable();
                groups.push(group);
            }
        }
        groups
    }

    fn blocked(
        &self,
        path: &str,
        now: &HashMap<String, Standing>,
        lost: &HashMap<(RunId, Digest), String>,
    ) -> Option<String> {
        let track = self.tracks.get(path).filter(|track| track.changes())?;
        let last = track.last;
        let is: State = match now.get(path)? {
            Standing::Absent => None,
            Standing::File { sha256, mode } => Some(Content { sha256: *sha256, mode: Some(mode.clone()) }),
            Standing::Unusable(why) => return Some(why.clone()),
        };
        if agree(&is, &track.after) {
            let content = track.before.as_ref()?;
            let why = lost.get(&(track.first, content.sha256))?;
            return Some(format!("what it was before run {} cannot be had: {why}", track.first));
        }
        if let Some((run, _)) = track.later.iter().rev().find(|(_, state)| agree(&is, state)) {
            return Some(format!("run {run} wrote it after run {last}"));
        }
        Some(match (&is, &track.after) {
            (None, _) => format!("somebody removed it since run {last}"),
            (Some(_), None) => format!("somebody wrote it since run {last}"),
            (Some(is), Some(after)) if is.sha256 == after.sha256 => {
                format!("somebody changed its permission bits since run {last}")
            }
            (Some(_), Some(_)) => format!("somebody changed it since run {last}"),
        })
    }

    fn taken(&self, group: &[&str]) -> Vec<TakenBack> {
        let changing = || group.iter().map(|path| (*path, &self.tracks[*path])).filter(|(_, track)| track.changes());
        let gone: Vec<_> = changing().filter(|(_, track)| track.before.is_some() && track.after.is_none()).collect();
        let new: Vec<_> = changing().filter(|(_, track)| track.before.is_none() && track.after.is_some()).collect();
        let renamed = match (gone.as_slice(), new.as_slice()) {
            ([(old, _)], [(new, track)]) if changing().count() == 2 => Some((*old, *new, digest(&track.after))),
            _ => None,
        };
        let back = |(path, track): (&str, &Track)| {
            let (from, is) = match renamed {
                Some((_, new, _)) if path == new => return None,
                Some((old, new, is)) if path == old => (Some(new.to_owned()), is),
                Some(_) | None => (None, digest(&track.after)),
            };
            Some(TakenBack { path: path.to_owned(), from, run: track.first, becomes: track.before.clone(), is })
        };
        changing().filter_map(back).collect()
    }
}

impl Undo {
    /// The same, when something is left to take back and nothing is running in the session that would do it.
    ///
    /// # Errors
    /// [`Refusal::RunInProgress`] or [`Refusal::NothingToTakeBack`].
    pub fn allowed(self, by: Option<&Session>, session: &SessionId, run: Option<RunId>) -> Result<Self, Refusal> {
        if let Some((by, (run, step))) = by.and_then(|by| Some((by, by.running()?))) {
            return Err(Refusal::RunInProgress { session: by.id().clone(), step: step.clone(), run });
        }
        if self.taken.is_empty() {
            return Err(Refusal::NothingToTakeBack { session: session.clone(), run, left_alone: self.left_alone });
        }
        Ok(self)
    }
}

impl Track {
    fn changes(&self) -> bool {
        !agree(&self.before, &self.after)
    }
}

fn digest(state: &State) -> Option<Digest> {
    state.as_ref().map(|content| content.sha256)
}

/// Whether two states are the same, as far as both are known.
fn agree(one: &State, other: &State) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            let modes = one.mode.as_ref().zip(other.mode.as_ref());
            one.sha256 == other.sha256 && modes.is_none_or(|(one, other)| one == other)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Every write by path, oldest first. A rename is one to each of its names.
fn moves(writes: &[Written]) -> BTreeMap<String, Vec<Move>> {
    let mut moves: BTreeMap<String, Vec<Move>> = BTreeMap::new();
    for written in writes {
        for file in written.files.iter().filter(|file| file.changes()) {
            let (run, session) = (written.run, written.session.clone());
            let before = file.old_exists.then(|| Content { sha256: file.old_sha256, mode: file.old_mode.clone() });
            let after = file.new_exists.then(|| Content { sha256: file.new_sha256, mode: Some(file.mode.clone()) });
            let here = match &file.from {
                Some(from) => {
                    let partner = Some(file.path.clone());
                    let left = Move { run, session: session.clone(), before, after: None, partner };
                    moves.entry(from.clone()).or_default().push(left);
                    None
                }
                None => before,
            };
            let came = Move { run, session, before: here, after, partner: file.from.clone() };
            moves.entry(file.path.clone()).or_default().push(came);
        }
    }
    moves
}

/// For each path the first run of a session on it, and from there along every rename.
fn since_first(moves: &BTreeMap<String, Vec<Move>>, session: &SessionId) -> BTreeMap<String, RunId> {
    let mut since: BTreeMap<String, RunId> = BTreeMap::new();
    let mut open: Vec<(String, RunId)> = moves
        .iter()
        .filter_map(|(path, all)| Some((path.clone(), all.iter().find(|each| each.session == *session)?.run)))
        .collect();
    while let Some((path, run)) = open.pop() {
        if since.get(&path).is_some_and(|known| *known <= run) {
            continue;
        }
        let later = moves.get(&path).into_iter().flatten().filter(|each| each.run >= run);
        open.extend(later.filter_map(|each| Some((each.partner.clone()?, each.run))));
        since.insert(path, run);
    }
    since
}

/// One run's write to a path.
fn one_run(all: &[Move], run: RunId) -> Option<Track> {
    let place = all.iter().position(|each| each.run == run)?;
    let later = all[place + 1..].iter().map(|each| (each.run, each.after.clone())).collect();
    Some(Track { later, ..chain(&[&all[place]])? })
}

/// The newest writes to a path, as far back as each began with what the one before had made.
fn chain(all: &[&Move]) -> Option<Track> {
    let last = all.last()?;
    let unbroken = all.windows(2).rev().take_while(|pair| agree(&pair[0].after, &pair[1].before)).count();
    let start = all.len() - 1 - unbroken;
    Some(Track {
        before: all[start].before.clone(),
        after: last.after.clone(),
        first: all[start].run,
        last: last.run,
        partners: all[start..].iter().filter_map(|each| each.partner.clone()).collect(),
        later: Vec::new(),
        broken_after: start.checked_sub(1).map(|before| all[before].run),
        others_wrote: false,
    })
}

/// All writes to a path as one.
fn all_of(all: &[&Move]) -> Option<Track> {
    let first = all.first()?;
    Some(Track {
        before: first.before.clone(),
        first: first.run,
        partners: all.iter().filter_map(|each| each.partner.clone()).collect(),
        broken_after: None,
        others_wrote: all.windows(2).any(|pair| !agree(&pair[0].after, &pair[1].before)),
        ..chain(all)?
    })
}
