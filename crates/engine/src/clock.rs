//! The clock, and what is done when it goes backwards.
//!
//! Events bear the time as the clock shows it and are kept in order by their number, so a clock that goes back
//! loses and refuses nothing. What has ended stays ended: the ends of credentials are compared with the latest
//! time the clock has shown.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use calt_core::Timestamp;

/// How far a clock may go back without a word: as far as a time service corrects it by the way, in microseconds.
const STEP_BACK_MICROS_MAX: i64 = 5_000_000;

static CLOCK: Clock = Clock { latest: AtomicI64::new(i64::MIN), is_behind: AtomicBool::new(false) };

/// The time.
pub fn now() -> Timestamp {
    let now = Timestamp::from_micros(jiff::Timestamp::now().as_microsecond().saturating_add(shift()));
    if let Some(behind) = CLOCK.look(now) {
        tracing::warn!(
            seconds = behind / 1_000_000,
            "the clock went backwards; events keep their order by number, and what has expired stays expired"
        );
    }
    now
}

/// The latest time the clock has shown, which is the time unless it went backwards.
pub fn latest() -> Timestamp {
    now();
    Timestamp::from_micros(CLOCK.latest.load(Ordering::Relaxed))
}

/// Takes note of a time the clock must have shown once: that of the newest event.
pub(crate) fn has_shown(time: Timestamp) {
    CLOCK.latest.fetch_max(time.as_micros(), Ordering::Relaxed);
}

struct Clock {
    /// In microseconds since 1970.
    latest: AtomicI64,
    is_behind: AtomicBool,
}

impl Clock {
    /// Takes note of a time; gives by how many microseconds it is behind, once each time it falls behind.
    fn look(&self, now: Timestamp) -> Option<i64> {
        let now = now.as_micros();
        let latest = self.latest.fetch_max(now, Ordering::Relaxed);
        let behind = latest.saturating_sub(now);
        if latest == i64::MIN || behind <= STEP_BACK_MICROS_MAX {
            self.is_behind.store(false, Ordering::Relaxed);
            return None;
        }
        (!self.is_behind.swap(true, Ordering::Relaxed)).then_some(behind)
    }
}

#[cfg(debug_assertions)]
static SHIFT_MICROS: AtomicI64 = AtomicI64::new(0);

/// Has the clock show another time, for tests: so many seconds later.
#[cfg(debug_assertions)]
pub fn shift_clock(seconds: i64) {
    SHIFT_MICROS.store(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
}

#[cfg(debug_assertions)]
fn shift() -> i64 {
    SHIFT_MICROS.load(Ordering::Relaxed)
}

#[cfg(not(debug_assertions))]
const fn shift() -> i64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_is_noticed_once_each_time() {
        let clock = Clock { latest: AtomicI64::new(i64::MIN), is_behind: AtomicBool::new(false) };
        let look = |seconds: i64| clock.look(Timestamp::from_micros(seconds * 1_000_000));
        assert_eq!((look(100), look(101), look(99)), (None, None, None));
        assert_eq!((look(41), look(42)), (Some(60_000_000), None));
        assert_eq!((look(102), look(2)), (None, Some(100_000_000)));
        assert_eq!(clock.latest.load(Ordering::Relaxed), 102_000_000);
    }
}
