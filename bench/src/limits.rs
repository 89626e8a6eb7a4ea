//! What the machine itself can do: a durable append, a process, a shell's `true`.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The limits, in milliseconds (medians).
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// A 4 KiB append and an fsync.
    pub(crate) fsync: f64,
    /// Fork and exec of `/bin/true`, its output captured.
    pub(crate) spawn: f64,
}

const FSYNC_ROUNDS: usize = 200;
const SPAWN_ROUNDS: usize = 60;
const APPEND_BYTES: usize = 4096;

pub(crate) fn measure() -> Limits {
    let directory = tempfile::Builder::new().prefix("calt-bench-").tempdir().unwrap();
    let mut file = File::create(directory.path().join("append")).unwrap();
    let block = [7_u8; APPEND_BYTES];
    let fsync = median((0..FSYNC_ROUNDS).map(|_| {
        millis(|| {
            file.write_all(&block).unwrap();
            file.sync_data().unwrap();
        })
    }));
    let spawn = median((0..SPAWN_ROUNDS).map(|_| {
        millis(|| {
            Command::new("/bin/true").stdin(Stdio::null()).output().unwrap();
        })
    }));
    Limits { fsync, spawn }
}

pub(crate) fn millis(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e3
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(&mut values.into_iter().collect::<Vec<_>>(), 0.5)
}

pub(crate) fn percentile(values: &mut [f64], quantile: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * quantile).ceil() as usize;
    values.get(place.clamp(1, values.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
