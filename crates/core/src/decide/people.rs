//! Who is added and who is removed.

use serde_json::json;

use super::roster::recorded;
use super::{Answer, Decision, event};
use crate::event::{Fact, NewEvent};
use crate::principal::{Caller, PrincipalId, PrincipalKind, Role};
use crate::refusal::Refusal;
use crate::roster::Roster;

/// Longest name a person is shown by, in characters.
const DISPLAY_CHARS_MAX: u64 = 100;
/// Longest id of a Discord account, in digits: a number of 64 bits.
const DISCORD_DIGITS_MAX: usize = 20;

/// Adds a person. A name that was removed stays what it was: the record names nobody else by it.
pub(super) fn add(
    roster: &Roster,
    person: &PrincipalId,
    role: Role,
    (display, discord): (Option<&str>, Option<&str>),
) -> Result<Decision, Refusal> {
    if kind_of(role) != PrincipalKind::Person || role == Role::Daemon {
        return Err(invalid("the role".to_owned(), "a person is viewer, approver or owner"));
    }
    match roster.principal(person) {
        _ if *person == PrincipalId::daemon() => {
            return Err(invalid("the name".to_owned(), "`daemon` is the daemon's own"));
        }
        Some(known) if known.removed_at.is_none() => {
            return Err(invalid(format!("person `{person}`"), "somebody has that name already"));
        }
        Some(known) if known.kind != PrincipalKind::Person => {
            return Err(invalid(format!("person `{person}`"), "the name was an agent's or a surface's"));
        }
        Some(_) | None => {}
    }
    let chars = display.map_or(0, |display| display.chars().count() as u64);
    if chars > DISPLAY_CHARS_MAX {
        let what = "`display`".to_owned();
        return Err(Refusal::LimitExceeded { what, actual: chars, limit: DISPLAY_CHARS_MAX, unit: "characters" });
    }
    if let Some(account) = discord {
        let is_number = account.len() <= DISCORD_DIGITS_MAX && account.bytes().all(|byte| byte.is_ascii_digit());
        if account.is_empty() || !is_number {
            return Err(invalid("`discord`".to_owned(), "an account's id is 1 to 20 digits"));
        }
        if let Some(other) = roster.discord(account) {
            return Err(invalid("`discord`".to_owned(), &format!("the account is `{}`'s", other.id)));
        }
    }
    Ok(Decision::accept(Answer::Recorded, vec![added(person, role, (display, discord))]))
}

/// Removes somebody. The first owner stays: the daemon's own token file and environment prove them.
pub(super) fn remove(roster: &Roster, caller: &Caller, person: &PrincipalId) -> Result<Decision, Refusal> {
    let Some(known) = roster.principal(person) else {
        return Err(Refusal::PersonNotFound { person: person.to_string() });
    };
    if *person == PrincipalId::owner() {
        return Err(invalid(format!("person `{person}`"), "the first owner cannot be removed"));
    }
    if *person == caller.principal {
        return Err(invalid(format!("person `{person}`"), "nobody removes themselves; another owner can"));
    }
    if known.removed_at.is_some() {
        return Ok(Decision::accept(Answer::Recorded, Vec::new()));
    }
    Ok(recorded(Fact::PersonRemoved { principal: person.clone() }, format!("{} {person} removed", known.role)))
}

/// The event that somebody is there now.
pub(super) fn added(principal: &PrincipalId, role: Role, (display, discord): (Option<&str>, Option<&str>)) -> NewEvent {
    let fact = Fact::PersonAdded {
        principal: principal.clone(),
        kind: kind_of(role),
        role,
        display: display.map(str::to_owned),
        discord: discord.map(str::to_owned),
    };
    let payload = json!({"principal": principal, "role": role, "display": display, "discord": discord});
    event(fact, None, format!("{role} {principal} added"), &payload)
}

const fn kind_of(role: Role) -> PrincipalKind {
    match role {
        Role::Agent => PrincipalKind::Agent,
        Role::Relay => PrincipalKind::Surface,
        Role::Viewer | Role::Approver | Role::Owner | Role::Daemon => PrincipalKind::Person,
    }
}

fn invalid(what: String, reason: &str) -> Refusal {
    Refusal::InputInvalid { what, reason: reason.to_owned() }
}
