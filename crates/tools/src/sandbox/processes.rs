//! How many processes a user has: where no namespace of users parts them, the kernel counts all against a limit.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a count is taken for true.
const FRESH: Duration = Duration::from_secs(1);

static COUNTS: LazyLock<Mutex<HashMap<u32, (Instant, u64)>>> = LazyLock::new(Mutex::default);

/// Processes and threads of a user, as they were at most a second ago.
pub(super) fn of_user(uid: u32) -> u64 {
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, count)) = counts.get(&uid).filter(|(counted, _)| counted.elapsed() < FRESH) {
        return *count;
    }
    let count = count(uid);
    counts.insert(uid, (Instant::now(), count));
    count
}

fn count(uid: u32) -> u64 {
    let threads = |process: &Path| {
        let tasks = std::fs::metadata(process.join("task")).ok()?;
        (tasks.uid() == uid).then(|| tasks.nlink().saturating_sub(2))
    };
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    entries.flatten().filter_map(|entry| threads(&entry.path())).sum()
}
