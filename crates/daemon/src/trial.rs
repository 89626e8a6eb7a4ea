//! What a test may ask of a daemon built with debug assertions: to die at a named moment, or to have another clock.
//!
//! In a build without debug assertions none of this is there.

#[cfg(debug_assertions)]
pub(crate) use armed::arm;

/// What the environment asks for cannot be done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code, reason = "a release reads neither variable")]
pub(crate) enum UnknownTrial {
    #[error("`CALT_CRASH_AT` is `{0}`; it names a moment, or a moment and a number from 1, such as `before_append:2`")]
    Moment(String),
    #[error("`CALT_CLOCK_SHIFT_SECONDS` is `{0}`; it is a number of seconds, such as `-3600`")]
    Clock(String),
}

/// This build dies at no moment and has no clock but the machine's.
#[cfg(not(debug_assertions))]
pub(crate) const fn arm() -> Result<(), UnknownTrial> {
    Ok(())
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use calt_engine::core::moment::{Moment, at_every_moment};
    use rustix::process::{Signal, getpid, kill_process};

    use super::UnknownTrial;

    /// `<moment>`, or `<moment>:<n>` for its n-th passing.
    const CRASH_AT: &str = "CALT_CRASH_AT";
    /// How many seconds later the clock is to be.
    const CLOCK_SHIFT: &str = "CALT_CLOCK_SHIFT_SECONDS";

    static WANTED: OnceLock<(Moment, u32)> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    /// Does what the environment asks for, if it asks for anything.
    pub(crate) fn arm() -> Result<(), UnknownTrial> {
        if let Ok(seconds) = std::env::var(CLOCK_SHIFT) {
            calt_engine::shift_clock(seconds.parse().map_err(|_| UnknownTrial::Clock(seconds))?);
        }
        let Ok(value) = std::env::var(CRASH_AT) else { return Ok(()) };
        let Some(wanted) = read(&value) else { return Err(UnknownTrial::Moment(value)) };
        if WANTED.set(wanted).is_ok() {
            at_every_moment(die_when_wanted);
        }
        Ok(())
    }

    fn read(value: &str) -> Option<(Moment, u32)> {
        let (name, passing) = value.split_once(':').unwrap_or((value, "1"));
        let passing: u32 = passing.parse().ok()?;
        (passing > 0).then_some((Moment::parse(name)?, passing))
    }

    fn die_when_wanted(moment: Moment) {
        let Some((wanted, passing)) = WANTED.get() else { return };
        if moment == *wanted && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *passing {
            // Nothing is flushed, nothing is told: as when the machine's owner does it.
            let _ = kill_process(getpid(), Signal::KILL);
            std::process::abort();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_moment_is_named_alone_or_with_the_number_of_its_passing() {
            assert_eq!(read("before_append"), Some((Moment::BeforeAppend, 1)));
            assert_eq!(read("file_placed:3"), Some((Moment::FilePlaced, 3)));
            for other in ["", "noon", "file_placed:", "file_placed:0", "file_placed:x", ":1"] {
                assert_eq!(read(other), None, "{other}");
            }
        }
    }
}
