//! `pin set`, `pin change`, `pin remove`: in the daemon's place, so that no token of anybody's reaches it.

mod root;

use std::io::{self, Write as _};

use calt_api::{Language, Problem};
use calt_engine::core::decide::{RosterAction, RosterCommand, decide_roster};
use calt_engine::core::pin::{self, PIN_CHARS_MAX, PIN_CHARS_MIN, Purpose};
use calt_engine::core::principal::{Caller, Claim, PrincipalId};
use calt_engine::core::roster::Roster;
use calt_engine::core::{Digest, Refusal};
use calt_engine::pins;
use calt_engine::store::{Store, StoreError};
use serde_json::json;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::fault::OfflineFault;
use super::{Done, facts, taken};
use crate::settings::Settings;

/// What is typed so that a forgotten PIN goes.
const FORGOTTEN: &str = "forgotten";
/// Typings of a PIN in a row that are asked for.
const TYPINGS_MAX: usize = 3;

/// What is done to a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinTask {
    /// A first one.
    Set,
    /// Another one instead of it.
    Change,
    /// None any more.
    Remove,
    /// None any more, where it is forgotten: with the owner's, and the owner's by root.
    RemoveForgotten,
}

/// Asks on the terminal, without an echo; `None` when the person gave no answer.
pub type AskSecret = fn(&str) -> io::Result<Option<Zeroizing<String>>>;

/// Does it to this person's.
pub(super) fn run(
    settings: &Settings,
    (task, person): (PinTask, Option<&str>),
    (ask, language): (AskSecret, Language),
) -> Result<Done, OfflineFault> {
    let named = person.unwrap_or(PrincipalId::owner().as_str()).to_owned();
    let person = PrincipalId::parse(&named).ok_or(Refusal::PersonNotFound { person: named })?;
    let by_root = task == PinTask::RemoveForgotten && person == PrincipalId::owner();
    if by_root {
        root::stand_in(&settings.data_root)?;
    }
    let _ground = taken(settings)?;
    let unavailable = |error: io::Error| StoreError::Unavailable(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unavailable)?;
    let (store, _) = Store::open(&super::store(settings))?;
    let place = Place { store, runtime, ask, language, again: again(task, &person) };
    let done = place.writable().and_then(|()| match task {
        PinTask::Set => place.set(&person),
        PinTask::Change => place.change(&person),
        PinTask::Remove => place.remove(&person, person.clone()),
        PinTask::RemoveForgotten if by_root => place.remove_by_root(&person),
        PinTask::RemoveForgotten => place.remove(&person, PrincipalId::owner()),
    });
    // What no event names goes, whether it is the old one or one whose event did not come.
    let named: Vec<_> = place.roster().pins().map(|(_, pin)| pin.hash_file).collect();
    let tidied = place.store.files().keep_only_pin_hashes(&named);
    place.store.close();
    let text = done?;
    tidied.map_err(StoreError::from)?;
    let pin = if matches!(task, PinTask::Remove | PinTask::RemoveForgotten) { "none" } else { "set" };
    Ok(Done { json: json!({"person": person, "pin": pin}), text, found: false })
}

/// The record, held by this process alone, and the terminal.
struct Place {
    store: Store,
    runtime: Runtime,
    ask: AskSecret,
    language: Language,
    /// The command that was typed.
    again: String,
}

impl Place {
    fn writable(&self) -> Result<(), OfflineFault> {
        Ok(self.store.writable()?)
    }

    fn roster(&self) -> std::sync::Arc<Roster> {
        self.store.roster()
    }

    fn set(&self, person: &PrincipalId) -> Result<String, OfflineFault> {
        if self.roster().pin(person).is_some() {
            return Err(OfflineFault::Pin {
                what: format!("`{person}` has a PIN already"),
                hint: for_person("calt pin change", person),
            });
        }
        let owner = PrincipalId::owner();
        // Where the owner has one, they show it before somebody else gets theirs.
        let shown_by = if *person != owner && self.roster().pin(&owner).is_some() {
            self.shown(&owner, "Your PIN, as the owner: ")?;
            Some(owner)
        } else {
            None
        };
        self.keep_new(person, shown_by)?;
        Ok(format!(
            "the PIN of {person} stands; a yes, no or skip of theirs asks for it, once for each plan version and ten minutes\n"
        ))
    }

    fn change(&self, person: &PrincipalId) -> Result<String, OfflineFault> {
        self.shown(person, &format!("The PIN of {person} as it is: "))?;
        self.keep_new(person, Some(person.clone()))?;
        Ok(format!("the PIN of {person} was changed\n"))
    }

    fn remove(&self, person: &PrincipalId, shown_by: PrincipalId) -> Result<String, OfflineFault> {
        if self.roster().pin(person).is_none() {
            return Err(Refusal::PinNotSet { principal: person.clone() }.into());
        }
        self.shown(&shown_by, &format!("The PIN of {shown_by}: "))?;
        let (person, shown_by) = (person.clone(), Some(shown_by));
        let text = format!("{person} has no PIN any more; their token alone decides\n");
        self.submit(RosterAction::RemovePin { person, shown_by, by_root: false })?;
        Ok(text)
    }

    /// The first owner's own, which is forgotten. The caller is root; a person is at the terminal all the same.
    fn remove_by_root(&self, person: &PrincipalId) -> Result<String, OfflineFault> {
        if self.roster().pin(person).is_none() {
            return Err(Refusal::PinNotSet { principal: person.clone() }.into());
        }
        let typed = self.asked(&format!("This is recorded. Type `{FORGOTTEN}` to remove the PIN of {person}: "))?;
        if *typed != FORGOTTEN {
            let what = format!("that is not `{FORGOTTEN}`; nothing was changed");
            return Err(OfflineFault::Pin { what, hint: "calt pin remove --forgotten".to_owned() });
        }
        self.submit(RosterAction::RemovePin { person: person.clone(), shown_by: None, by_root: true })?;
        Ok(format!("{person} has no PIN any more, and the log says that root removed it; set another: calt pin set\n"))
    }

    /// Asks for a PIN that stands, and compares it. Each wrong one is an event, as it is with the daemon.
    fn shown(&self, person: &PrincipalId, question: &str) -> Result<(), OfflineFault> {
        let mut typings = 0;
        loop {
            let known = self.roster().pin(person).cloned();
            let known = known.ok_or_else(|| Refusal::PinNotSet { principal: person.clone() })?;
            if let Some(until) = known.locked_until(calt_engine::latest()) {
                return Err(self.not_opened(Refusal::PinLocked { until }));
            }
            let unusable = |_| Refusal::PinUnusable { principal: person.clone() };
            let hash = self.store.files().read_pin_hash(known.hash_file).map_err(unusable)?;
            let typed = self.asked(question)?;
            let is_right = pins::is_right(&hash, &typed);
            let purpose = Purpose::Administration;
            let tried = self.submit(RosterAction::TryPin { person: person.clone(), purpose, is_right });
            typings += 1;
            match tried {
                Err(OfflineFault::Refused(Refusal::PinWrong { left })) if typings < TYPINGS_MAX => {
                    self.say(&Problem::from(&Refusal::PinWrong { left }).said_in(self.language));
                }
                Err(OfflineFault::Refused(refusal @ (Refusal::PinWrong { .. } | Refusal::PinLocked { .. }))) => {
                    return Err(self.not_opened(refusal));
                }
                tried => return tried,
            }
        }
    }

    /// Asks for a new PIN twice, keeps its hash, and records that.
    fn keep_new(&self, person: &PrincipalId, shown_by: Option<PrincipalId>) -> Result<(), OfflineFault> {
        // What will be refused shall not be typed.
        let trial = RosterAction::SetPin {
            person: person.clone(),
            hash_file: Digest::of_bytes(b""),
            shown_by: shown_by.clone(),
        };
        let decision = decide_roster(&self.roster(), &command(trial), &facts());
        decision.outcome().as_ref().map_err(Clone::clone)?;
        let limits = format!("{PIN_CHARS_MIN} to {PIN_CHARS_MAX} characters");
        let fault = |what: String| OfflineFault::Pin { what, hint: self.again.clone() };
        let mut typings = 0;
        let normal = loop {
            match self.typed_twice(person, &limits)? {
                Ok(normal) => break normal,
                Err(why) => self.say(&self.language.told(&why)),
            }
            typings += 1;
            if typings == TYPINGS_MAX {
                return Err(fault(
                    "nothing was changed: no PIN was typed that is long enough, twice the same".to_owned(),
                ));
            }
        };
        let hash = pins::hash(&normal).map_err(|why| fault(format!("the PIN could not be hashed: {why}")))?;
        let hash_file = self.store.files().write_pin_hash(&hash).map_err(StoreError::from)?;
        self.submit(RosterAction::SetPin { person: person.clone(), hash_file, shown_by })
    }

    /// A PIN that was wrong too often, or is locked: the same command leads on, now or once the time is over.
    fn not_opened(&self, refusal: Refusal) -> OfflineFault {
        OfflineFault::NotOpened { refusal: Box::new(refusal), again: self.again.clone() }
    }

    /// A new PIN, or why what was typed is none.
    fn typed_twice(
        &self,
        person: &PrincipalId,
        limits: &str,
    ) -> Result<Result<Zeroizing<String>, String>, OfflineFault> {
        let typed = self.asked(&format!("The new PIN of {person}, {limits}: "))?;
        let normal = match pin::normal(&typed) {
            Ok(normal) => normal,
            Err(chars) => return Ok(Err(format!("a PIN has {limits}; this one has {chars}"))),
        };
        let is_same = self.asked("The same once more: ")? == typed;
        Ok(if is_same { Ok(normal) } else { Err("the two are not the same".to_owned()) })
    }

    /// Says something between two questions. A person who closed the terminal does not listen.
    #[allow(clippy::unused_self, reason = "who speaks is the one who asks")]
    fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn asked(&self, question: &str) -> Result<Zeroizing<String>, OfflineFault> {
        let no_answer = || OfflineFault::Pin {
            what: "the input ended without a PIN; nothing was changed".to_owned(),
            hint: "calt pin --help".to_owned(),
        };
        let unreadable = |error: io::Error| OfflineFault::Pin {
            what: format!("a PIN is typed on a terminal, and there is none: {error}"),
            hint: "run it in a terminal, with nothing piped in".to_owned(),
        };
        (self.ask)(&self.language.told(question)).map_err(unreadable)?.ok_or_else(no_answer)
    }

    fn submit(&self, action: RosterAction) -> Result<(), OfflineFault> {
        let committed = self.runtime.block_on(self.store.submit_roster(command(action), facts()))?;
        committed.outcome.map(drop).map_err(OfflineFault::from)
    }
}

fn command(action: RosterAction) -> RosterCommand {
    RosterCommand { caller: Caller::daemon(), claim: Claim::default(), action }
}

/// The command of a task, as it is typed.
fn again(task: PinTask, person: &PrincipalId) -> String {
    let command = match task {
        PinTask::Set => "calt pin set",
        PinTask::Change => "calt pin change",
        PinTask::Remove => "calt pin remove",
        PinTask::RemoveForgotten => "calt pin remove --forgotten",
    };
    for_person(command, person)
}

fn for_person(command: &str, person: &PrincipalId) -> String {
    if *person == PrincipalId::owner() { command.to_owned() } else { format!("{command} --for {person}") }
}
