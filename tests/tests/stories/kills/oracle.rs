//! What must be true after a crash, whatever the crash was: read from the log, the disk and the notes of the clients.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use calt_core::event::{Envelope, FileChange, Finding};
use calt_core::merkle::Frontier;
use calt_core::session::Session;
use calt_core::{Digest, Fact, SessionId, oracle};

use super::client::{Note, files_below};
use super::log::Log;

/// What was found wrong: one sentence each.
pub(crate) type Faults = Vec<String>;

/// Judges everything that can be seen without asking the daemon.
pub(crate) fn judge(log: &Log, data_root: &Path, notes: &[Note]) -> Faults {
    let mut faults = Faults::new();
    if log.integrity != "ok" {
        faults.push(format!("integrity_check says: {}", log.integrity));
    }
    tree(log, &mut faults);
    if let Err(broken) = oracle::judge(&log.events) {
        faults.push(format!("the oracle of core says: {broken}"));
    }
    runs(&log.events, &mut faults);
    acknowledged(&log.events, notes, &mut faults);
    let mut sessions: BTreeMap<&str, Vec<&Envelope>> = BTreeMap::new();
    for event in &log.events {
        if let Some(session) = &event.session {
            sessions.entry(session.as_str()).or_default().push(event);
        }
    }
    for (session, events) in &sessions {
        let directory = data_root.join("sessions").join(session);
        if let Err(corrupt) = Session::replay(events.iter().copied()) {
            faults.push(format!("{session} cannot be replayed: {corrupt}"));
        }
        workspace(session, events, &directory, &mut faults);
        documents(session, events, &directory, &mut faults);
    }
    for name in names(&data_root.join("sessions")) {
        if !sessions.contains_key(name.as_str()) {
            faults.push(format!("the directory of {name} is there, and the log does not know the session"));
        }
    }
    for name in names(data_root) {
        if name.starts_with('.') || (name == "unfinished" && !names(&data_root.join(&name)).is_empty()) {
            faults.push(format!("`{name}` was left behind in the data root"));
        }
    }
    faults
}

/// The tree: leaves from rows, the frontier from leaves, the side file from the frontier.
fn tree(log: &Log, faults: &mut Faults) {
    let mut frontier = Frontier::default();
    for ((number, event), leaf) in (1_i64..).zip(&log.events).zip(&log.leaves) {
        if event.id.0 != number || event.leaf_hash() != *leaf {
            faults.push(format!("event {number} has another number or another leaf than its row gives"));
        }
        frontier.append(*leaf);
    }
    if frontier != log.frontier {
        faults.push(format!("the stored frontier is of {} events and not of these leaves", log.frontier.size()));
    }
    if log.head != (frontier.size(), frontier.root()) {
        faults.push(format!("the side file knows {} events, the log has {}", log.head.0, frontier.size()));
    }
}

/// Every started run has one end, and nothing runs when nobody asks for anything.
fn runs(events: &[Envelope], faults: &mut Faults) {
    let mut ends: HashMap<i64, u32> = HashMap::new();
    for event in events {
        let run = event.run.map(|run| run.0);
        match (&event.fact, run) {
            (Fact::StepStarted { .. }, Some(run)) if ends.contains_key(&run) => {
                faults.push(format!("run {run} started twice"));
            }
            (Fact::StepStarted { .. }, Some(run)) => drop(ends.insert(run, 0)),
            (Fact::StepExecuted { .. } | Fact::StepFailed { .. } | Fact::StepInterrupted { .. }, Some(run)) => {
                *ends.entry(run).or_insert(100) += 1;
            }
            _ => {}
        }
    }
    for (run, count) in ends.into_iter().filter(|(_, count)| *count != 1) {
        faults.push(format!("run {run} has {count} ends"));
    }
}

/// Everything that an answer said is in the log.
fn acknowledged(events: &[Envelope], notes: &[Note], faults: &mut Faults) {
    let mut known = HashSet::new();
    for event in events {
        let session = event.session.as_ref().map(SessionId::as_str).unwrap_or_default();
        let event_type = event.fact.event_type();
        known.insert(format!("event {} {event_type}", event.id));
        let run = event.run.map(|run| run.0).unwrap_or_default();
        match &event.fact {
            Fact::PlanApproved { decision, .. }
            | Fact::PlanRejected { decision, .. }
            | Fact::StepApproved { decision, .. }
            | Fact::StepRejected { decision, .. } => known.insert(format!("{event_type} {}", decision.decision_id)),
            Fact::SessionCreated { .. } | Fact::SessionStopped { .. } => {
                known.insert(format!("{event_type} {session}"))
            }
            Fact::PlanImported { version, .. } => known.insert(format!("{event_type} {session} {version}")),
            Fact::StepStarted { .. } => known.insert(format!("{event_type} {run}")),
            Fact::StepExecuted { .. } => known.insert(format!("succeeded {run}")),
            Fact::StepFailed { .. } => known.insert(format!("failed {run}")),
            Fact::TokenCreated { token, .. } => known.insert(format!("{event_type} {token}")),
            _ => false,
        };
    }
    for note in notes {
        let wanted = match note {
            Note::Created { session } => format!("session_created {session}"),
            Note::Imported { session, version } => format!("plan_imported {session} {version}"),
            Note::Decided { decision, event_type } => format!("{event_type} {decision}"),
            Note::Started { run } => format!("step_started {run}"),
            Note::Ended { run, succeeded: true } => format!("succeeded {run}"),
            Note::Ended { run, succeeded: false } => format!("failed {run}"),
            Note::Stopped { session } => format!("session_stopped {session}"),
            Note::Token { token } => format!("token_created {token}"),
            Note::Seen { event, event_type } => format!("event {event} {event_type}"),
        };
        if !known.contains(&wanted) {
            faults.push(format!("acknowledged, and not in the log: {wanted}"));
        }
    }
}

/// What a file is, as far as the record tells: its digest and its permission bits.
type Files = BTreeMap<String, (Digest, String)>;

/// Every file is what the record says, and there is no other.
fn workspace(session: &str, events: &[&Envelope], directory: &Path, faults: &mut Faults) {
    let (mut told, mut directories) = (Files::new(), BTreeSet::new());
    let mut started: HashMap<i64, &[FileChange]> = HashMap::new();
    for event in events {
        let run = event.run.map(|run| run.0).unwrap_or_default();
        let applied = match &event.fact {
            Fact::StepStarted { files, .. } => {
                started.insert(run, files);
                continue;
            }
            Fact::StepExecuted { applied, .. } | Fact::StepFailed { applied, .. } => applied.as_slice(),
            Fact::StepInterrupted { finding, files, .. } => {
                let wanted = started.get(&run).copied().unwrap_or_default();
                for found in files.iter().filter(|found| found.finding == Finding::Foreign) {
                    faults.push(format!("run {run} of {session} found something foreign in `{}`", found.path));
                }
                match finding {
                    Finding::Applied => wanted,
                    Finding::NothingToWrite | Finding::NotApplied => &[],
                    Finding::Foreign => {
                        faults.push(format!("run {run} of {session} was found foreign, and nobody else writes"));
                        &[]
                    }
                }
            }
            _ => continue,
        };
        for change in applied {
            told.remove(change.from.as_ref().unwrap_or(&change.path));
            if change.new_exists {
                told.insert(change.path.clone(), (change.new_sha256, change.mode.clone()));
                directories.extend(Path::new(&change.path).ancestors().skip(1).map(Path::to_owned));
            }
        }
    }
    let root = directory.join("workspace");
    let found: Files = files_below(&root)
        .into_iter()
        .map(|(path, bytes)| {
            let mode = std::fs::metadata(root.join(&path)).unwrap().permissions().mode() & 0o777;
            (path, (Digest::of_bytes(&bytes), format!("{mode:04o}")))
        })
        .collect();
    if found != told {
        let differing = found.iter().filter(|(path, file)| told.get(*path) != Some(file)).map(|(path, _)| path);
        let missing = told.keys().filter(|path| !found.contains_key(*path));
        let names: Vec<_> = differing.chain(missing).collect();
        faults.push(format!("files of {session} are not what the record says: {names:?}"));
    }
    for made in directories_below(&root) {
        if !directories.contains(made.strip_prefix(&root).unwrap()) {
            faults.push(format!("`{}` was left behind by a write that is not applied", made.display()));
        }
    }
}

/// Plans, artifacts and pre-images: each that the log names is there, and nothing half made.
fn documents(session: &str, events: &[&Envelope], directory: &Path, faults: &mut Faults) {
    let mut artifacts = BTreeSet::new();
    let mut started: HashMap<i64, &[FileChange]> = HashMap::new();
    let mut expect = |path: &Path, digest: Digest, what: &str| match std::fs::read(path) {
        Ok(bytes) if Digest::of_bytes(&bytes) == digest => {}
        Ok(bytes) => faults.push(format!("{what} `{}` has other bytes ({})", path.display(), bytes.len())),
        Err(error) => faults.push(format!("{what} `{}`: {error}", path.display())),
    };
    for event in events {
        let run = event.run.map(|run| run.0).unwrap_or_default();
        match &event.fact {
            Fact::PlanImported { version, document_digest, .. } => {
                let name = format!("plans/{version}-{document_digest}.plan");
                expect(&directory.join(name), *document_digest, "the plan");
            }
            Fact::ArtifactSaved { path, sha256, .. } => {
                let name = path.rsplit('/').next().unwrap().to_owned();
                expect(&directory.join("artifacts").join(&name), *sha256, "the artifact");
                artifacts.insert(name);
            }
            Fact::StepStarted { files, .. } => {
                started.insert(run, files);
            }
            Fact::StepExecuted { applied, .. } if !applied.is_empty() => {
                for file in started.get(&run).copied().unwrap_or_default().iter().filter(|file| changes(file)) {
                    let name = format!("preimages/{run}/{}", file.old_sha256);
                    expect(&directory.join(name), file.old_sha256, "the pre-image");
                }
            }
            _ => {}
        }
    }
    for name in names(&directory.join("artifacts")) {
        if !artifacts.contains(&name) {
            faults.push(format!("artifact `{name}` of {session} is there, and no event names it"));
        }
    }
    for name in names(&directory.join("plans")) {
        if ![".plan", ".masked.json"].iter().any(|end| name.ends_with(end)) {
            faults.push(format!("`{name}` was left behind among the plans of {session}"));
        }
    }
}

fn changes(file: &FileChange) -> bool {
    file.old_exists && (file.from.is_some() || file.old_sha256 != file.new_sha256 || !file.new_exists)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn directories_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(directories_below(&path));
            found.push(path);
        }
    }
    found
}
