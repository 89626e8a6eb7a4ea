//! Which directories the owner gives a name, and who may write in an attached one.

use serde_json::json;

use super::roster::recorded;
use super::{Answer, Decision, Facts, Neighbour, event};
use crate::event::Fact;
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::session::Session;
use crate::time::Timestamp;
use crate::workspace::{
    DirectoryFact, INCLUDE_CHARS_MAX, INCLUDES_MAX, LEASE_IDLE_HOURS, NAMED_MAX, NamedWorkspace, WorkspaceKind, is_name,
};

/// Gives a directory a name. The same again changes nothing.
pub(super) fn add(
    roster: &Roster,
    (name, kind): (&str, WorkspaceKind),
    directory: Option<&DirectoryFact>,
    include: &[String],
) -> Result<Decision, Refusal> {
    if !is_name(name) {
        return Err(invalid("the name", "a workspace's name is 1 to 64 of letters, digits and `_-.`"));
    }
    fits(kind, directory, include)?;
    if let Some(known) = roster.workspace(name) {
        let same_place = match (&known.directory, directory) {
            (Some(known), Some(wanted)) => known.is_same(wanted) && known.path == wanted.path,
            (known, wanted) => known.is_none() && wanted.is_none(),
        };
        if known.kind == kind && same_place && known.include == include {
            return Ok(Decision::accept(Answer::Recorded, Vec::new()));
        }
        let what = format!("workspace `{name}`");
        return Err(invalid(&what, "another one has that name; remove it first, or take another name"));
    }
    let standing = roster.workspaces().filter(|known| known.removed_at.is_none()).count();
    if standing >= NAMED_MAX {
        let (actual, limit) = (standing as u64 + 1, NAMED_MAX as u64);
        return Err(Refusal::LimitExceeded { what: "the list".to_owned(), actual, limit, unit: "workspaces" });
    }
    if let Some(other) = directory.and_then(|wanted| in_the_way(roster, kind, wanted)) {
        let reason = format!("it is, holds or lies in the directory of workspace `{}`", other.name);
        return Err(invalid("the directory", &reason));
    }
    let fact =
        Fact::WorkspaceAdded { name: name.to_owned(), kind, directory: directory.cloned(), include: include.to_vec() };
    // The path stands in the facts alone, where only those see it who decide.
    let payload = json!({"name": name, "kind": kind, "include": include});
    let added = event(fact, None, format!("workspace {name} ({kind}) added"), &payload);
    Ok(Decision::accept(Answer::Recorded, vec![added]))
}

fn fits(kind: WorkspaceKind, directory: Option<&DirectoryFact>, include: &[String]) -> Result<(), Refusal> {
    match (kind, directory) {
        (WorkspaceKind::Own, Some(_)) => {
            return Err(invalid("the directory", "a workspace of kind `own` is a new, empty directory each time"));
        }
        (WorkspaceKind::Snapshot | WorkspaceKind::Attach, None) => {
            return Err(invalid("the directory", &format!("a workspace of kind `{kind}` needs one")));
        }
        (WorkspaceKind::Own, None) | (WorkspaceKind::Snapshot | WorkspaceKind::Attach, Some(_)) => {}
    }
    if kind != WorkspaceKind::Snapshot && !include.is_empty() {
        return Err(invalid("`include`", "only a snapshot takes files along"));
    }
    let over = |what: &str, actual: usize, limit: usize, unit| {
        let (what, actual, limit) = (what.to_owned(), actual as u64, limit as u64);
        Err(Refusal::LimitExceeded { what, actual, limit, unit })
    };
    if include.len() > INCLUDES_MAX {
        return over("`include`", include.len(), INCLUDES_MAX, "patterns");
    }
    for pattern in include {
        let chars = pattern.chars().count();
        if chars > INCLUDE_CHARS_MAX {
            return over("a pattern", chars, INCLUDE_CHARS_MAX, "characters");
        }
        if pattern.is_empty() || pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
            return Err(invalid("`include`", &format!("`{pattern}` is not a pattern of paths below the directory")));
        }
    }
    Ok(())
}

/// Two names for one directory would be two leases; and what is attached shall not lie in what is attached.
fn in_the_way<'r>(roster: &'r Roster, kind: WorkspaceKind, wanted: &DirectoryFact) -> Option<&'r NamedWorkspace> {
    if kind != WorkspaceKind::Attach {
        return None;
    }
    let mut attached =
        roster.workspaces().filter(|known| known.removed_at.is_none() && known.kind == WorkspaceKind::Attach);
    attached.find(|known| known.directory.as_ref().is_some_and(|directory| directory.overlaps(wanted)))
}

/// Takes a name away. Sessions that work on it can go no further; one that writes there keeps it.
pub(super) fn remove(roster: &Roster, name: &str, facts: &Facts) -> Result<Decision, Refusal> {
    let Some(known) = roster.workspace_ever(name) else {
        return Err(Refusal::WorkspaceNotFound { name: name.to_owned() });
    };
    if known.removed_at.is_some() {
        return Ok(Decision::accept(Answer::Recorded, Vec::new()));
    }
    if let Some(holder) = holder(&facts.neighbours, facts.now) {
        return Err(Refusal::WorkspaceBusy { name: name.to_owned(), holder: holder.session.clone() });
    }
    Ok(recorded(Fact::WorkspaceRemoved { name: name.to_owned() }, format!("workspace {name} removed")))
}

/// After a reboot the same directory may be on a device of another number.
pub(super) fn remounted(roster: &Roster, name: &str, device: u64) -> Result<Decision, Refusal> {
    if roster.workspace(name).is_none() {
        return Err(Refusal::WorkspaceNotFound { name: name.to_owned() });
    }
    let fact = Fact::WorkspaceRemounted { name: name.to_owned(), device };
    Ok(recorded(fact, format!("workspace {name} is the same directory on another device")))
}

/// One session writes in an attached directory: from its first approved apply to its end, or until it idles.
pub(super) fn nobody_else_writes(session: &Session, facts: &Facts) -> Result<(), Refusal> {
    match holder(&facts.neighbours, facts.now) {
        Some(holder) if holder.session != *session.id() => {
            let name = session.workspace().name().unwrap_or("attached").to_owned();
            Err(Refusal::WorkspaceBusy { name, holder: holder.session.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whose a directory is. Who was let in last has it: whoever had it before had lost it by then.
fn holder(neighbours: &[Neighbour], now: Timestamp) -> Option<&Neighbour> {
    const HOUR_MICROS: i64 = 3_600_000_000;
    if let Some(writing) = neighbours.iter().find(|other| other.is_writing) {
        return Some(writing);
    }
    let newest =
        neighbours.iter().filter(|other| other.writes_since.is_some()).max_by_key(|other| other.writes_since)?;
    let idle_micros = now.as_micros().saturating_sub(newest.last_event_at.as_micros());
    (idle_micros < LEASE_IDLE_HOURS * HOUR_MICROS).then_some(newest)
}

fn invalid(what: &str, reason: &str) -> Refusal {
    Refusal::InputInvalid { what: what.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EventId, SessionId};

    const HOUR: i64 = 3_600_000_000;

    fn neighbour(name: &str, writes_since: Option<i64>, last_event_hours: i64) -> Neighbour {
        Neighbour {
            session: SessionId::parse(&format!("session_{name}")).unwrap(),
            writes_since: writes_since.map(EventId),
            is_writing: false,
            last_event_at: Timestamp::from_micros(last_event_hours * HOUR),
        }
    }

    fn held_at(hours: i64, neighbours: &[Neighbour]) -> Option<&str> {
        let held = holder(neighbours, Timestamp::from_micros(hours * HOUR));
        held.map(|holder| holder.session.as_str().strip_prefix("session_").unwrap())
    }

    #[test]
    fn a_directory_is_whose_apply_was_approved_last_until_it_idles() {
        let reads = neighbour("reads", None, 100);
        let first = neighbour("first", Some(5), 100);
        assert_eq!(held_at(100, std::slice::from_ref(&reads)), None);
        assert_eq!(held_at(123, &[reads.clone(), first.clone()]), Some("first"));
        assert_eq!(held_at(124, &[reads, first.clone()]), None);
        // The second was let in when the first had lost it: an event of the first does not bring it back.
        let second = neighbour("second", Some(9), 124);
        let stirred = Neighbour { last_event_at: Timestamp::from_micros(125 * HOUR), ..first.clone() };
        assert_eq!(held_at(126, &[stirred, second.clone()]), Some("second"));
        // A run that writes is never interrupted by another one, whatever the clock says.
        let writing = Neighbour { is_writing: true, ..first };
        assert_eq!(held_at(1_000, &[writing, second]), Some("first"));
    }

    #[test]
    fn another_device_is_taken_for_a_directory_that_stands_by_name_alone() {
        let directory = DirectoryFact { path: "/srv/web".to_owned(), inode: 7, born_micros: 5, device: 1 };
        let roster = Roster::default();
        assert!(remounted(&roster, "web", 2).is_err());
        let added = add(&roster, ("web", WorkspaceKind::Attach), Some(&directory), &[]).unwrap();
        let evolved = |roster: Roster, decision: &Decision| {
            let facts = decision.events().iter().map(|event| event.fact.clone());
            facts.fold(roster, |roster, fact| roster.evolve(&fact, Timestamp::from_micros(1)).unwrap())
        };
        let roster = evolved(roster, &added);
        let roster = evolved(roster.clone(), &remounted(&roster, "web", 2).unwrap());
        assert_eq!(roster.workspace("web").unwrap().directory.as_ref().unwrap().device, 2);
        // The same directory on its new device is the one that is there already.
        let again = add(&roster, ("web", WorkspaceKind::Attach), Some(&directory), &[]).unwrap();
        assert!(again.events().is_empty());
        let removed = roster.evolve(&Fact::WorkspaceRemoved { name: "web".to_owned() }, Timestamp::from_micros(2));
        assert!(remounted(&removed.unwrap(), "web", 3).is_err());
    }

    #[test]
    fn a_snapshot_of_a_log_that_names_no_commit_reads_and_keeps_its_spelling() {
        let digest = crate::digest::Digest::of_bytes(b"m");
        let old = json!({"kind": "snapshot", "name": "web", "manifest": digest});
        let read: crate::event::WorkspaceIdentity = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(json!(read), old);
    }
}
