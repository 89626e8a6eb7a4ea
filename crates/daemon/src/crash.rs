//! Dying on request, for tests: a daemon built with debug assertions ends at a moment that its environment names.
//!
//! In a build without debug assertions none of this is there.

#[cfg(debug_assertions)]
pub(crate) use armed::arm;

/// The environment variable: `<moment>`, or `<moment>:<n>` for its n-th passing.
pub(crate) const VARIABLE: &str = "CALT_CRASH_AT";

/// What the variable says names no moment, or no number of a passing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{VARIABLE}` is `{value}`; it names a moment, or a moment and a number from 1, such as `before_append:2`")]
pub(crate) struct UnknownMoment {
    value: String,
}

/// Dies at no moment: this build passes none.
#[cfg(not(debug_assertions))]
pub(crate) const fn arm() -> Result<(), UnknownMoment> {
    Ok(())
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use calt_engine::core::moment::{Moment, at_every_moment};
    use rustix::process::{Signal, getpid, kill_process};

    use super::{UnknownMoment, VARIABLE};

    static WANTED: OnceLock<(Moment, u32)> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    /// Has this process end by SIGKILL at the moment its environment names, if it names one.
    pub(crate) fn arm() -> Result<(), UnknownMoment> {
        let Ok(value) = std::env::var(VARIABLE) else { return Ok(()) };
        let wanted = read(&value).ok_or(UnknownMoment { value })?;
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
