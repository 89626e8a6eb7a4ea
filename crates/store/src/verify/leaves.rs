//! Every event against its leaf, the leaves against the tree, and the tree against what was signed over it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use calt_core::checkpoint::{Checkpoint, SignedCheckpoint, VerifierKey};
use calt_core::digest::Digest;
use calt_core::merkle::Frontier;
use rusqlite::Connection;

use super::checkpoints::{self, CheckpointRow};
use super::leaf::Kind;
use super::rows::{self, Looked};
use super::whole::{Against, Check};
use crate::error::StoreError;
use crate::head::HeadFile;
use crate::log;
use crate::open::stored_tally;

/// Checkpoints read in one statement.
const CHECKPOINTS_AT_ONCE: u32 = 500;

/// What a walk over the log gave.
pub(super) struct Seen {
    pub(super) tree: Frontier,
    pub(super) checks: Vec<Check>,
    /// The events that made sessions.
    pub(super) sessions: Vec<i64>,
    /// The events that name files.
    pub(super) named: Vec<i64>,
}

/// Roots to be met on the way: after how many events, which, and who says so.
type Milestones = BTreeMap<u64, Vec<(Digest, String, Option<i64>)>>;

pub(super) fn look(connection: &Connection, database: &Path, against: &Against) -> Result<Seen, StoreError> {
    // Read before the end of the log is: what is committed meanwhile is looked at next time.
    let noted = HeadFile::read_at(database);
    let stored = stored_tally(connection)?;
    let last = log::last_event(connection)?;
    let mut signed = Check::new("checkpoints");
    let milestones = milestones(connection, last, against, &mut signed)?;
    let mut walk = Walk {
        tree: Frontier::default(),
        leaves: Check::new("events"),
        signed,
        milestones,
        met: 0,
        given_met: 0,
        stored_at: stored.as_ref().map_or(0, |tally| tally.frontier.size()),
        tree_then: None,
        noted_at: noted.map_or(0, |head| head.last_id),
        root_then: None,
        cleared: Vec::new(),
        redacted: HashSet::new(),
        sessions: Vec::new(),
        named: Vec::new(),
    };
    // Ids begin at 1; a row below would be in its session and in no tree.
    if let Some(first) = log::event_out_of_place(connection)? {
        walk.leaves.found(Some(first), "no event has such an id: it was added");
    }
    // A number beyond all reason would keep the walk busy with events that never were.
    let (too_far, most) = log::event_too_far(connection)?;
    if let Some(event) = too_far {
        walk.leaves.found(Some(event), "events are missing before it");
    }
    walk.go(database, last.min(most))?;
    walk.look_at_cleared();
    let mut tree = Check::new("tree");
    tree.looked_at = walk.tree.size();
    match (&stored, &walk.tree_then) {
        (Some(tally), Some(then)) if tally.frontier == *then => {}
        (_, _) => {
            tree.found(None, "the stored tree is not the one of the leaves; `calt record rebuild` makes it again");
        }
    }
    match (noted, walk.root_then) {
        (None, _) => {}
        (Some(head), Some(root)) if head.root == root => {}
        (Some(head), _) if head.last_id > last as u64 => {
            let missing = head.last_id - last as u64;
            tree.found(
                Some(last + 1),
                format!("{missing} acknowledged events are missing at the end; `calt record accept-loss` goes on without them"),
            );
        }
        (Some(head), _) => {
            tree.found(None, format!("the root over {} events is not the one noted after their commit", head.last_id));
        }
    }
    for (size, claims) in walk.milestones.split_off(&(walk.tree.size() + 1)) {
        for (_, who, event) in claims {
            let held = walk.tree.size();
            walk.signed.found(
                event.or(Some(last + 1)),
                format!("{who} is over {size} events; the log holds {held}: events were removed"),
            );
        }
    }
    Ok(Seen {
        tree: walk.tree,
        checks: vec![walk.leaves, tree, walk.signed],
        sessions: walk.sessions,
        named: walk.named,
    })
}

/// The stored checkpoints, proven, and the given ones.
fn milestones(
    connection: &Connection,
    last: i64,
    against: &Against,
    check: &mut Check,
) -> Result<Milestones, StoreError> {
    let mut milestones = Milestones::new();
    let mut keys: Vec<VerifierKey> = against.keys.clone();
    let mut before = last + 1;
    loop {
        let (rows, unreadable) = read_checkpoints(connection, before)?;
        let Some(oldest) = rows.last().map(|row| row.event.0).or(unreadable) else { break };
        for row in &rows {
            check.looked_at += 1;
            let key = VerifierKey::parse(&row.key);
            match row.proven() {
                Ok(_) if !against.keys.is_empty() && !key.as_ref().is_some_and(|key| against.keys.contains(key)) => {
                    check.found(Some(row.event.0), "its checkpoint is signed by another key than the given one");
                }
                Ok(checkpoint) => {
                    let who = format!("the checkpoint of event {}", row.event);
                    milestones.entry(checkpoint.size).or_default().push((checkpoint.root, who, Some(row.event.0)));
                    if against.keys.is_empty() {
                        keys.extend(key.filter(|key| !keys.contains(key)));
                    }
                }
                Err(why) => check.found(Some(row.event.0), format!("its checkpoint: {why}")),
            }
        }
        if let Some(event) = unreadable {
            check.found(Some(event), "its checkpoint cannot be read");
        }
        before = oldest;
    }
    for given in &against.checkpoints {
        check.looked_at += 1;
        match proven_by(given, &keys) {
            Some(checkpoint) => {
                let who = "the checkpoint given".to_owned();
                milestones.entry(checkpoint.size).or_default().push((checkpoint.root, who, None));
            }
            None => check.found(
                None,
                "the checkpoint given is signed by none of the keys of this log; name its key with `--key`",
            ),
        }
    }
    Ok(milestones)
}

/// Checkpoints before an event, newest first, up to one that cannot be read.
fn read_checkpoints(connection: &Connection, before: i64) -> Result<(Vec<CheckpointRow>, Option<i64>), StoreError> {
    match checkpoints::before(connection, before, CHECKPOINTS_AT_ONCE) {
        Ok(rows) => Ok((rows, None)),
        // One by one, to get past the one that cannot be read.
        Err(StoreError::Corrupt(_)) => match checkpoints::before(connection, before, 1) {
            Ok(rows) => Ok((rows, None)),
            Err(_) => Ok((Vec::new(), checkpoints::event_before(connection, before)?)),
        },
        Err(error) => Err(error),
    }
}

fn proven_by<'s>(given: &'s SignedCheckpoint, keys: &[VerifierKey]) -> Option<&'s Checkpoint> {
    keys.iter().find_map(|key| given.verify(key).ok())
}

struct Walk {
    tree: Frontier,
    leaves: Check,
    signed: Check,
    milestones: Milestones,
    /// The largest size at which all that was signed was met.
    met: u64,
    /// The largest size at which a checkpoint kept elsewhere was met: those in the log say nothing to somebody who
    /// fears that the log was forged with its own key.
    given_met: u64,
    stored_at: u64,
    tree_then: Option<Frontier>,
    noted_at: u64,
    root_then: Option<Digest>,
    cleared: Vec<i64>,
    redacted: HashSet<i64>,
    sessions: Vec<i64>,
    named: Vec<i64>,
}

impl Walk {
    fn go(&mut self, database: &Path, last: i64) -> Result<(), StoreError> {
        self.arrive();
        let mut after = 0;
        rows::each(database, last, |Looked { row, wrong, redacts }| {
            self.leaves.looked_at += 1;
            if row.id != after + 1 {
                let what = if row.id == after + 2 {
                    "it is missing".to_owned()
                } else {
                    format!("it and all up to event {} are missing", row.id - 1)
                };
                self.leaves.found(Some(after + 1), what);
            }
            after = row.id;
            if let Some(wrong) = wrong {
                self.leaves.found(Some(row.id), wrong.words());
            }
            if row.is_cleared {
                self.cleared.push(row.id);
            }
            match row.kind {
                Kind::SessionCreated => self.sessions.push(row.id),
                Kind::NamesFiles => self.named.push(row.id),
                Kind::PayloadRedacted => self.redacted.extend(redacts),
                Kind::Other => {}
            }
            self.tree.append(row.leaf);
            self.arrive();
        })
    }

    /// Compares the tree with what was signed and noted at this very size.
    fn arrive(&mut self) {
        let size = self.tree.size();
        if size == self.stored_at {
            self.tree_then = Some(self.tree.clone());
        }
        if size == self.noted_at {
            self.root_then = Some(self.tree.root());
        }
        let Some(claims) = self.milestones.get(&size) else { return };
        let root = self.tree.root();
        let (mut all_met, mut given_met) = (true, false);
        for (signed, who, stored) in claims {
            let is_given = stored.is_none();
            if *signed == root {
                given_met |= is_given;
            } else {
                all_met = false;
                let first = if is_given { self.given_met } else { self.met } + 1;
                self.signed.found(
                    Some(first as i64),
                    format!(
                        "{who} was signed over other events: one of {first} to {size} was changed, added or removed"
                    ),
                );
            }
        }
        if all_met {
            self.met = size;
        }
        if given_met {
            self.given_met = size;
        }
    }

    /// Text goes only where a later event says so.
    fn look_at_cleared(&mut self) {
        for id in std::mem::take(&mut self.cleared) {
            if !self.redacted.contains(&id) {
                self.leaves.found(Some(id), "its text was removed, and no event says so");
            }
        }
        self.leaves.findings.sort_by_key(|finding| finding.event);
    }
}
