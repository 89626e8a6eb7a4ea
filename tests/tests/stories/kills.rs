//! A daemon that is killed wherever it is, again and again, under load: nothing acknowledged is lost, nothing runs
//! twice, and every file is what the record says.
//!
//! `CALT_CRASH_KILLS` sets how often in all, `CALT_CRASH_SEED` by which chance.
#![allow(clippy::wildcard_enum_match_arm, reason = "a judgement names the events and moments it looks at")]
#![allow(clippy::print_stdout, reason = "the seed and the count are what a run of kills is known by")]

mod campaign;
mod chance;
mod client;
mod log;
mod oracle;

use calt_core::moment::Moment;
use calt_tests::World;

use campaign::{Campaign, kills_of};
pub(crate) use client::Note;
pub(crate) use log::Log;
pub(crate) use oracle::judge;

/// Moments that only a start passes that has something to put right.
const AT_START: &[Moment] = &[
    Moment::DatabaseOpened,
    Moment::OrphanSetAside,
    Moment::OwnerTokenRecorded,
    Moment::StartRecorded,
    Moment::FilePutBack,
    Moment::RunInspected,
    Moment::RunInterrupted,
    Moment::BeforeListening,
];

#[test]
fn a_daemon_killed_at_any_time_loses_nothing_and_repeats_nothing() {
    let mut campaign = Campaign::begin("any-time");
    for _ in 0..kills_of(50) {
        campaign.kill_at_any_time();
    }
    campaign.end();
}

#[test]
fn a_daemon_killed_at_each_named_moment_loses_nothing_and_repeats_nothing() {
    let mut campaign = Campaign::begin("moments");
    let moments: Vec<_> = Moment::ALL.iter().filter(|moment| !AT_START.contains(moment)).collect();
    for round in 0..kills_of(35) {
        campaign.kill_at(*moments[round % moments.len()]);
    }
    campaign.died_at_each(&moments, Campaign::kill_at);
    campaign.end();
}

#[test]
fn a_daemon_killed_while_it_puts_things_right_loses_nothing_and_repeats_nothing() {
    let mut campaign = Campaign::begin("starts");
    let moments: Vec<_> = AT_START.iter().collect();
    for round in 0..kills_of(15) {
        campaign.kill_in_recovery_at(*moments[round % moments.len()]);
    }
    campaign.died_at_each(&moments, Campaign::kill_in_recovery_at);
    campaign.end();
}

#[test]
fn a_moment_or_a_clock_that_nobody_knows_keeps_the_daemon_from_starting() {
    for (name, value) in
        [("CALT_CRASH_AT", "noon"), ("CALT_CRASH_AT", "file_placed:0"), ("CALT_CLOCK_SHIFT_SECONDS", "x")]
    {
        let world = World::asleep(&[(name, value)]);
        let refused = world.calt(&["daemon", "--port", "0"]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(name) && refused.stderr.contains(value), "{refused:?}");
    }
}
