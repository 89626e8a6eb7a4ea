//! PINs: set, changed, removed and tried. What was typed was compared before; here stands what follows from it.

use super::roster::recorded;
use super::{Decision, Facts, event};
use crate::digest::Digest;
use crate::event::Fact;
use crate::pin::Purpose;
use crate::policy::{self, Act};
use crate::principal::{Caller, PrincipalId, PrincipalKind, Role};
use crate::refusal::Refusal;
use crate::roster::{Principal, Roster};

/// Sets a first PIN, or another one. `shown_by` has just typed a PIN of their own, and it was right.
pub(super) fn set(
    roster: &Roster,
    person: &PrincipalId,
    hash_file: Digest,
    shown_by: Option<&PrincipalId>,
) -> Result<Decision, Refusal> {
    let known = decider(roster, person)?;
    if roster.pin(person).is_some() {
        // Nobody has a PIN of somebody else's choosing: another owner removes it, and then it is a first one.
        if shown_by != Some(person) {
            return Err(administration());
        }
    } else if known.id != PrincipalId::owner() {
        owner_agrees(roster, shown_by)?;
    }
    Ok(recorded(Fact::PinSet { principal: person.clone(), hash_file }, format!("PIN of {person} set")))
}

/// Removes a PIN: with itself, or where it is forgotten with that of another owner. Above the first owner stands only
/// the machine's administrator, who could change every file of calt's anyway.
pub(super) fn remove(
    roster: &Roster,
    person: &PrincipalId,
    shown_by: Option<&PrincipalId>,
    by_root: bool,
) -> Result<Decision, Refusal> {
    if roster.pin(person).is_none() {
        return Err(Refusal::PinNotSet { principal: person.clone() });
    }
    if by_root && *person == PrincipalId::owner() {
        let fact = Fact::PinRemoved { principal: person.clone(), by_root };
        return Ok(recorded(fact, format!("PIN of {person} removed by root, who did not type it")));
    }
    if shown_by.is_none_or(|by| by != person && !is_owner_with_a_pin(roster, by)) {
        return Err(administration());
    }
    Ok(recorded(Fact::PinRemoved { principal: person.clone(), by_root: false }, format!("PIN of {person} removed")))
}

/// A PIN was typed for a purpose, and is the right one or not.
pub(super) fn tried(
    roster: &Roster,
    caller: &Caller,
    (person, purpose, is_right): (&PrincipalId, &Purpose, bool),
    facts: &Facts,
) -> Result<Decision, Refusal> {
    if caller.kind != PrincipalKind::Daemon && caller.principal != *person {
        return Err(Refusal::NotAllowed { role: caller.role, act: "type the PIN of somebody else" });
    }
    let pin = roster.pin(person).ok_or_else(|| Refusal::PinNotSet { principal: person.clone() })?;
    if let Some(until) = pin.locked_until(facts.now) {
        return Err(Refusal::PinLocked { until });
    }
    if is_right {
        let (session, version) = match purpose {
            Purpose::Plan { session, version } => (Some(session.clone()), Some(*version)),
            Purpose::Administration => (None, None),
        };
        let fact = Fact::PinAccepted { principal: person.clone(), session, version };
        return Ok(recorded(fact, format!("{person} typed their PIN")));
    }
    let mut after = pin.clone();
    after.refused(facts.now);
    let refusal = match after.locked_until(facts.now) {
        Some(until) => Refusal::PinLocked { until },
        None => Refusal::PinWrong { left: after.tries_left() },
    };
    let fact = Fact::PinRefused { principal: person.clone() };
    let payload = fact.facts();
    Ok(Decision::refuse_on_record(refusal, event(fact, None, format!("a wrong PIN for {person}"), &payload)))
}

/// The right that typing a PIN needs: that of deciding, but for the daemon's own process.
pub(super) const fn act_of(role: Role) -> Act {
    if matches!(role, Role::Daemon) { Act::EndRuns } else { Act::Decide }
}

/// Whoever has a PIN decides; for everybody else it would guard nothing.
fn decider<'r>(roster: &'r Roster, person: &PrincipalId) -> Result<&'r Principal, Refusal> {
    let known = roster.principal(person).filter(|known| known.removed_at.is_none());
    let known = known.ok_or_else(|| Refusal::PersonNotFound { person: person.to_string() })?;
    if known.kind == PrincipalKind::Person && policy::allows(known.role, Act::Decide) {
        return Ok(known);
    }
    let what = format!("`{person}`");
    Err(Refusal::InputInvalid { what, reason: format!("the role `{}` decides nothing, and needs no PIN", known.role) })
}

/// Where the first owner has a PIN, they show it before somebody else gets one.
fn owner_agrees(roster: &Roster, shown_by: Option<&PrincipalId>) -> Result<(), Refusal> {
    let asks = roster.pin(&PrincipalId::owner()).is_some();
    if asks && shown_by.is_none_or(|by| !is_owner_with_a_pin(roster, by)) {
        return Err(administration());
    }
    Ok(())
}

fn is_owner_with_a_pin(roster: &Roster, who: &PrincipalId) -> bool {
    let is_owner = roster.principal(who).is_some_and(|known| known.role == Role::Owner && known.removed_at.is_none());
    is_owner && roster.pin(who).is_some()
}

fn administration() -> Refusal {
    Refusal::PinNeeded { for_what: Purpose::Administration, step: None, rule: None, stands: true }
}
