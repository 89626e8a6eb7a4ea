//! PINs: compared, and the keys that the right one gives.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use calt_core::decide::RosterAction;
use calt_core::pin::{self, ADMINISTRATION_UNLOCK_SECONDS, PinFacts, Purpose, UNLOCK_SECONDS};
use calt_core::policy::{self, Act};
use calt_core::principal::PrincipalId;
use calt_core::{Digest, Refusal, SessionId, Timestamp};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::engine::{Asker, Engine, Fault, blocking};
use crate::{chance, clock};

/// Memory that comparing one PIN takes, in KiB: what RFC 9106 names where memory is short, above OWASP's 19 MiB.
const MEMORY_KIB: u32 = 64 * 1024;
/// Passes over that memory.
const PASSES: u32 = 3;
/// Lanes of it; they are filled one after the other.
const LANES: u32 = 1;
/// Most keys kept at once; the oldest goes first.
const KEYS_MAX: usize = 256;

/// Who says they typed a PIN: the key they got for it. It shows itself to nobody.
#[derive(Clone, Default)]
pub struct UnlockKey(Option<String>);

impl UnlockKey {
    /// The key that came with a call, if one did.
    pub const fn new(key: Option<String>) -> Self {
        Self(key)
    }
}

impl fmt::Debug for UnlockKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "UnlockKey(set)" } else { "UnlockKey(none)" })
    }
}

/// A key that was given for the right PIN. This is the only time it is seen.
pub struct UnlockMade {
    /// The key.
    pub key: String,
    /// Until when it opens anything.
    pub expires_at: Timestamp,
}

/// Hashes a PIN that is in its normal form, with chance of its own.
///
/// # Errors
/// When there is no chance to be had, or not the memory.
pub fn hash(pin: &str) -> Result<String, String> {
    let hashed = argon2()?.hash_password(pin.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hashed.to_string())
}

/// Whether a PIN is the one that was hashed.
pub fn is_right(hash: &str, typed: &str) -> bool {
    // What cannot be a PIN is not the right one.
    let (Ok(typed), Ok(hash)) = (pin::normal(typed), PasswordHash::new(hash)) else { return false };
    argon2().is_ok_and(|argon2| argon2.verify_password(typed.as_bytes(), &hash).is_ok())
}

fn argon2() -> Result<Argon2<'static>, String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// What a key opens, for whom and until when. The key itself is not kept.
struct Kept {
    hash: Digest,
    principal: PrincipalId,
    purpose: Purpose,
    /// By the clock people see, as far as it has ever come.
    expires_at: Timestamp,
    /// The same by a clock that nobody sets.
    ends: Instant,
}

/// The keys of this process: a restart forgets them all.
#[derive(Default)]
pub(crate) struct Unlocks(Mutex<Vec<Kept>>);

impl Unlocks {
    fn give(&self, principal: &PrincipalId, purpose: Purpose) -> Result<UnlockMade, Fault> {
        let chance = chance::seed().map_err(|error| Fault::Internal(format!("no chance to be had: {error}")))?;
        let key = format!("unlock_{}", Digest::from_bytes(chance));
        let seconds = match &purpose {
            Purpose::Plan { .. } => UNLOCK_SECONDS,
            Purpose::Administration => ADMINISTRATION_UNLOCK_SECONDS,
        };
        let expires_at = Timestamp::from_micros(clock::latest().as_micros() + seconds * 1_000_000);
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        retain_live(&mut kept);
        if kept.len() == KEYS_MAX {
            kept.remove(0);
        }
        kept.push(Kept {
            hash: Digest::of_bytes(key.as_bytes()),
            principal: principal.clone(),
            purpose,
            expires_at,
            ends: Instant::now() + Duration::from_secs(seconds.unsigned_abs()),
        });
        Ok(UnlockMade { key, expires_at })
    }

    /// What a key of this principal opens. One for administration opens one act: it is gone then.
    fn open(&self, principal: &PrincipalId, key: &str) -> Option<Purpose> {
        let presented = Digest::of_bytes(key.as_bytes());
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        retain_live(&mut kept);
        let mut found = None;
        // Every key is looked at, and each comparison takes the same time whatever it finds.
        for (place, known) in kept.iter().enumerate() {
            if bool::from(known.hash.as_bytes().ct_eq(presented.as_bytes())) && known.principal == *principal {
                found = Some(place);
            }
        }
        let place = found?;
        Some(match &kept[place].purpose {
            Purpose::Plan { .. } => kept[place].purpose.clone(),
            Purpose::Administration => kept.remove(place).purpose,
        })
    }
}

fn retain_live(kept: &mut Vec<Kept>) {
    let (latest, now) = (clock::latest(), Instant::now());
    kept.retain(|known| latest < known.expires_at && now < known.ends);
}

impl Engine {
    /// Compares a PIN, and gives a key for the right one. Wrong ones are counted in the log.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it is wrong, locked, not set or not to be had, or the plan version is not the newest.
    pub async fn unlock(
        &self,
        by: Asker,
        typed: Zeroizing<String>,
        plan: Option<(SessionId, u32)>,
    ) -> Result<UnlockMade, Fault> {
        let person = by.caller.principal.clone();
        if !policy::allows(by.caller.role, Act::Decide) {
            return Err(Refusal::NotAllowed { role: by.caller.role, act: Act::Decide.words() }.into());
        }
        let purpose = match plan {
            Some((session, version)) => self.newest_of(session, version).await?,
            None => Purpose::Administration,
        };
        // One after the other: each takes memory, and none is compared before the last wrong one is counted.
        let turn = self.inner.comparing_pins.acquire().await;
        let _turn = turn.map_err(|error| Fault::Internal(error.to_string()))?;
        let standing = self.roster().pin(&person).cloned();
        let standing = standing.ok_or_else(|| Refusal::PinNotSet { principal: person.clone() })?;
        if let Some(until) = standing.locked_until(clock::latest()) {
            return Err(Refusal::PinLocked { until }.into());
        }
        let store = self.store().clone();
        let is_right =
            blocking(move || store.files().read_pin_hash(standing.hash_file).map(|hash| is_right(&hash, &typed)))
                .await?;
        let is_right = is_right.map_err(|error| {
            tracing::error!("the hash of `{person}`'s PIN cannot be used: {error}");
            Refusal::PinUnusable { principal: person.clone() }
        })?;
        let action = RosterAction::TryPin { person: person.clone(), purpose: purpose.clone(), is_right };
        self.submit_roster_by(by, action).await?;
        self.inner.unlocks.give(&person, purpose)
    }

    /// Whether a person's PIN stands, and the file with its hash is the one that was recorded. Reads it.
    pub async fn pin_is_usable(&self, person: &PrincipalId) -> Result<Option<bool>, Fault> {
        let Some(pin) = self.roster().pin(person).cloned() else { return Ok(None) };
        let store = self.store().clone();
        blocking(move || Some(store.files().read_pin_hash(pin.hash_file).is_ok())).await
    }

    /// A PIN is typed for the newest version alone: there is nothing to decide on any other.
    async fn newest_of(&self, session: SessionId, version: u32) -> Result<Purpose, Fault> {
        let state = self.inner.store.session_state(&session).await?;
        let missing = || Refusal::SessionNotFound { session: session.to_string() };
        match state.ok_or_else(missing)?.plan_version() {
            Some(newest) if newest == version => Ok(Purpose::Plan { session, version }),
            Some(newest) if version > 0 && version < newest => {
                Err(Refusal::PlanSuperseded { session, version, newest }.into())
            }
            Some(_) | None => Err(Refusal::PlanNotFound { session, version }.into()),
        }
    }

    /// What is known of the caller's PIN, and of the key that came with the call.
    pub(crate) fn pin_facts(&self, by: &Asker) -> PinFacts {
        let principal = &by.caller.principal;
        let stands = self.roster().pin(principal).is_some();
        let key = by.unlock.0.as_deref().filter(|_| stands);
        PinFacts { stands, unlocked: key.and_then(|key| self.inner.unlocks.open(principal, key)), by_relay: false }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    fn owner() -> PrincipalId {
        PrincipalId::owner()
    }

    #[test]
    fn a_hash_is_argon2id_with_salt_of_its_own_and_fits_one_pin() {
        let (one, other) = (hash("123456").unwrap(), hash("123456").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(is_right(&one, "123456") && is_right(&other, "123456"));
        assert!(!is_right(&one, "123457") && !is_right(&one, "") && !is_right("", "123456"));
        let accented = hash(&pin::normal("cafe\u{301}s!").unwrap()).unwrap();
        assert!(is_right(&accented, "caf\u{e9}s!"), "the same in another form");
    }

    #[test]
    fn a_key_opens_what_it_was_given_for_to_whom_it_was_given() {
        let unlocks = Unlocks::default();
        let plan = Purpose::Plan { session: chance::session_id(), version: 2 };
        let made = unlocks.give(&owner(), plan.clone()).unwrap();
        assert_eq!(unlocks.open(&owner(), &made.key), Some(plan.clone()));
        assert_eq!(unlocks.open(&owner(), &made.key), Some(plan), "as often as it takes");
        assert_eq!(unlocks.open(&PrincipalId::parse("ann").unwrap(), &made.key), None);
        assert_eq!(unlocks.open(&owner(), &made.key[1..]), None);
        let once = unlocks.give(&owner(), Purpose::Administration).unwrap();
        assert_eq!(unlocks.open(&owner(), &once.key), Some(Purpose::Administration));
        assert_eq!(unlocks.open(&owner(), &once.key), None, "once");
    }

    #[test]
    fn a_key_ends_with_its_time_and_a_clock_that_goes_back_does_not_bring_it_again() {
        let unlocks = Unlocks::default();
        let plan = Purpose::Plan { session: chance::session_id(), version: 1 };
        let long = unlocks.give(&owner(), plan).unwrap();
        let short = unlocks.give(&owner(), Purpose::Administration).unwrap();
        clock::shift_clock(ADMINISTRATION_UNLOCK_SECONDS + 1);
        assert_eq!(unlocks.open(&owner(), &short.key), None);
        clock::shift_clock(UNLOCK_SECONDS - 5);
        assert!(unlocks.open(&owner(), &long.key).is_some());
        clock::shift_clock(UNLOCK_SECONDS + 1);
        assert_eq!(unlocks.open(&owner(), &long.key), None);
        clock::shift_clock(0);
        assert_eq!(unlocks.open(&owner(), &long.key), None);
    }

    #[test]
    fn the_oldest_key_goes_where_there_are_too_many() {
        let unlocks = Unlocks::default();
        let first = unlocks.give(&owner(), Purpose::Administration).unwrap();
        let second = unlocks.give(&owner(), Purpose::Administration).unwrap();
        for _ in 1..KEYS_MAX {
            unlocks.give(&owner(), Purpose::Administration).unwrap();
        }
        assert_eq!(unlocks.open(&owner(), &first.key), None);
        assert!(unlocks.open(&owner(), &second.key).is_some());
    }
}
