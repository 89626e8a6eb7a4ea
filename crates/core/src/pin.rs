//! PINs: what one may be, how wrong ones are counted, and what the right one opens.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::digest::Digest;
use crate::id::SessionId;
use crate::time::Timestamp;

/// Shortest PIN, in characters.
pub const PIN_CHARS_MIN: usize = 6;
/// Longest PIN, in characters.
pub const PIN_CHARS_MAX: usize = 128;
/// Wrong PINs in a row after which nothing is compared for a while.
pub const WRONG_PINS_MAX: u32 = 5;
/// How long an unlock key opens what it was given for, in seconds.
pub const UNLOCK_SECONDS: i64 = 600;
/// How long an unlock key for administration waits for its one use, in seconds.
pub const ADMINISTRATION_UNLOCK_SECONDS: i64 = 60;
/// The first lock, in seconds; each further wrong PIN doubles it.
const LOCK_SECONDS: i64 = 60;
/// The longest lock, in seconds: a day.
const LOCK_SECONDS_MAX: i64 = 86_400;
const MICROS: i64 = 1_000_000;

/// Most bytes that NFC makes of one byte.
const NFC_GROWTH_MAX: usize = 3;

/// A PIN in the one form it is compared in (NFC), wiped when nobody needs it any more; or why it cannot be one.
///
/// # Errors
/// How many characters it has, when they are too few or too many.
pub fn normal(pin: &str) -> Result<Zeroizing<String>, usize> {
    // Room for all of it: a text that grows leaves its beginnings behind.
    let mut text = Zeroizing::new(String::with_capacity(pin.len() * NFC_GROWTH_MAX));
    text.extend(pin.nfc());
    let chars = text.chars().count();
    if (PIN_CHARS_MIN..=PIN_CHARS_MAX).contains(&chars) { Ok(text) } else { Err(chars) }
}

/// A PIN as the log knows it: never the PIN, only which file holds its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// SHA-256 of the file that holds its hash.
    pub hash_file: Digest,
    wrong: u32,
    last_wrong_at: Option<Timestamp>,
}

impl Pin {
    /// A PIN that nobody has tried yet.
    pub const fn new(hash_file: Digest) -> Self {
        Self { hash_file, wrong: 0, last_wrong_at: None }
    }

    pub(crate) const fn accepted(&mut self) {
        (self.wrong, self.last_wrong_at) = (0, None);
    }

    pub(crate) fn refused(&mut self, at: Timestamp) {
        self.wrong = self.wrong.saturating_add(1);
        // A clock that goes back shortens no lock.
        self.last_wrong_at = self.last_wrong_at.max(Some(at));
    }

    /// How many wrong ones are left before the next lock.
    pub const fn tries_left(&self) -> u32 {
        let left = WRONG_PINS_MAX.saturating_sub(self.wrong);
        if left == 0 { 1 } else { left }
    }

    /// Until when nothing is compared, if that is later than `now`.
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        let beyond = self.wrong.checked_sub(WRONG_PINS_MAX)?;
        let seconds = 1_i64.checked_shl(beyond).and_then(|times| LOCK_SECONDS.checked_mul(times));
        let seconds = seconds.filter(|seconds| *seconds > 0).unwrap_or(LOCK_SECONDS_MAX).min(LOCK_SECONDS_MAX);
        let until = Timestamp::from_micros(self.last_wrong_at?.as_micros().saturating_add(seconds * MICROS));
        (now < until).then_some(until)
    }
}

/// What a PIN was typed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Decisions on one version of one session's plan.
    Plan {
        /// The session.
        session: SessionId,
        /// The plan version.
        version: u32,
    },
    /// One act of administration.
    Administration,
}

/// What the daemon knows of the caller's PIN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinFacts {
    /// Whether one stands.
    pub stands: bool,
    /// What it was typed for, when the call brought an unlock key that is good.
    pub unlocked: Option<Purpose>,
    /// Whether a chat speaks for the person, and not a token of their own.
    pub by_relay: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_ones_lock_for_a_minute_and_each_further_one_twice_as_long() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * MICROS);
        let mut pin = Pin::new(Digest::of_bytes(b""));
        for left in [4, 3, 2, 1] {
            pin.refused(at(0));
            assert_eq!((pin.tries_left(), pin.locked_until(at(0))), (left, None));
        }
        pin.refused(at(0));
        assert_eq!((pin.locked_until(at(59)), pin.locked_until(at(60))), (Some(at(60)), None));
        pin.refused(at(60));
        assert_eq!(pin.locked_until(at(61)), Some(at(180)));
        // A clock that goes back opens nothing earlier, and no number of them overflows.
        pin.refused(at(1));
        assert_eq!(pin.locked_until(at(61)), Some(at(300)));
        for _ in 0..100 {
            pin.refused(at(60));
        }
        assert_eq!(pin.locked_until(at(61)), Some(at(60 + LOCK_SECONDS_MAX)));
        pin.accepted();
        assert_eq!((pin.tries_left(), pin.locked_until(at(61))), (5, None));
    }

    #[test]
    fn a_pin_is_compared_in_one_form_and_counted_in_characters() {
        assert_eq!(normal("cafe\u{301}s").unwrap_err(), 5);
        assert_eq!(*normal("cafe\u{301}s!").unwrap(), "caf\u{e9}s!");
        assert_eq!((normal("12345"), normal(&"1".repeat(129))), (Err(5), Err(129)));
        // A character that becomes three: it has had the room from the beginning.
        let typed = "\u{1d160}".repeat(6);
        let grown = normal(&typed).unwrap();
        assert_eq!((grown.len(), grown.capacity()), (3 * typed.len(), NFC_GROWTH_MAX * typed.len()));
        assert!(normal("123456").is_ok() && normal(&"1".repeat(128)).is_ok());
    }
}
