//! What `doctor` asks of the machine and the record: disk, clock, database.

use calt_api::client::Client;
use calt_api::endpoint;
use calt_api::visible::visible_line;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::report::{Area, Report};
use super::{first_line, hint_of};
use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::words::{counted, t};

/// Below this, in bytes, the disk is soon full.
const FREE_BYTES_WARN: u64 = 1024 * 1024 * 1024;
/// Below this, in bytes, a run's output may not find room.
const FREE_BYTES_FAIL: u64 = 64 * 1024 * 1024;
/// Below this, new artifacts may soon find no file to be in.
const FREE_FILES_WARN: u64 = 10_000;
/// How far the record may be ahead of the clock.
const AHEAD_MAX: SignedDuration = SignedDuration::from_secs(5);
/// A clock before this was never set.
const CLOCK_SET_AFTER: &str = "2026-01-01T00:00:00Z";

/// How much room the data root has.
pub(super) fn about_disk(report: &mut Report, context: &Context) {
    if context.base_url().is_some() {
        let what = t!("disk space: the daemon was named, and its disk may be elsewhere");
        return report.skip(Area::Machine, what, None);
    }
    let Ok(root) = context.data_root() else { return };
    let shown = visible_line(&root.value.display().to_string()).into_owned();
    let fix = t!("make room on the disk of {path}, or name another place with --data-root", path = shown);
    let found = match rustix::fs::statvfs(&root.value) {
        Ok(found) => found,
        Err(error) => return report.warn(Area::Machine, t!("disk space cannot be read: {error}", error = error), fix),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let room = t!("{size} free for the record and artifacts", size = counted::size(free));
    if free < FREE_BYTES_FAIL {
        report.fail(Area::Machine, room, fix);
    } else if free < FREE_BYTES_WARN {
        report.warn(Area::Machine, room, fix);
    } else if found.f_files > 0 && found.f_favail < FREE_FILES_WARN {
        report.warn(
            Area::Machine,
            t!("{room}, and room for only {files}", room = room, files = counted::files(found.f_favail)),
            fix,
        );
    } else {
        report.pass(Area::Machine, room);
    }
}

/// Whether the record can be written, and whether the clock agrees with it.
pub(super) async fn about_record(report: &mut Report, context: &Context, client: &Client, database: Option<&str>) {
    let ready = context.fetch(client, &endpoint::READY, &[], &[]).await;
    let newest = context.fetch(client, &endpoint::SEARCH_ALL_EVENTS, &[], &[("q", ""), ("limit", "1")]).await;
    let newest = newest.map(|page| page["items"][0].clone()).unwrap_or_default();
    match ready {
        Ok(_) => {
            let size = database
                .filter(|_| context.base_url().is_none())
                .map(|path| t!(", ") + &counted::size(on_disk(path)))
                .unwrap_or_default();
            let events = counted::events(newest["id"].as_u64().unwrap_or_default());
            report.pass(
                Area::Database,
                t!("the record can be read and written: {events}{size}", events = events, size = size),
            );
        }
        Err(error) => {
            let fault = Fault::from(error);
            report.fail(
                Area::Database,
                t!("the record cannot be written: {reason}", reason = first_line(&fault)),
                hint_of(&fault),
            );
        }
    }
    about_clock(report, &newest);
}

fn about_clock(report: &mut Report, newest: &Value) {
    let now = Timestamp::now();
    let shown = render::time(&Value::from(now.to_string()));
    let fix = t!("set the clock, for example: timedatectl set-ntp true");
    let newest = newest["created_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let ahead = newest.map(|newest| newest.duration_since(now)).filter(|ahead| *ahead > AHEAD_MAX);
    if CLOCK_SET_AFTER.parse().is_ok_and(|set: Timestamp| now < set) {
        report.fail(Area::Machine, t!("the clock says {time}: it was never set", time = shown), fix);
    } else if let Some(ahead) = ahead {
        let what = t!(
            "the clock says {time}, and the newest event is {seconds} s ahead of it",
            time = shown,
            seconds = ahead.as_secs()
        );
        report.warn(Area::Machine, what, fix);
    } else {
        report.pass(Area::Machine, t!("the clock says {time}, and the record is not ahead of it", time = shown));
    }
}

/// The bytes of a database and of its write-ahead log.
fn on_disk(database: &str) -> u64 {
    let bytes = |path: String| std::fs::metadata(path).map_or(0, |found| found.len());
    bytes(database.to_owned()) + bytes(format!("{database}-wal"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_ahead_of_the_clock_is_told() {
        let later = Timestamp::now() + SignedDuration::from_mins(2);
        for (at, is_told) in [(later, true), (Timestamp::now(), false)] {
            let mut report = Report::default();
            about_clock(&mut report, &json!({"created_at": at.to_string()}));
            assert_eq!(report.lines[0].what.contains("ahead of it") && report.lines[0].what.contains(" s "), is_told);
        }
    }
}
