//! The first owner's PIN is forgotten: root takes it away, and the log says so for good.

use std::os::unix::fs::MetadataExt as _;

use calt_tests::{OrdinaryUser, Terminal, World};
use serde_json::json;

use super::{PIN, guarded, set, told};
use crate::{look, plan};

/// Every file of a data root, with whose it is.
fn owners(directory: &std::path::Path) -> Vec<u32> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { owners(&path) } else { vec![path.metadata().unwrap().uid()] }).collect()
}

#[test]
fn root_removes_the_first_owner_s_pin_on_a_terminal_and_it_is_recorded() {
    if !OrdinaryUser::is_needed() {
        let world = guarded(&[]);
        world.end();
        return a_user_is_told_that_root_does_it(&world);
    }
    let world = guarded(&[]);
    let terminal = Terminal::run(&world, 120, &["pin", "remove", "--forgotten"]);
    assert!(terminal.waits_for("exit 69", 1).contains("a daemon works on"));
    drop(terminal);
    world.end();
    let piped = world.calt(&["pin", "remove", "--forgotten"]);
    assert!(piped.code == 2 && piped.stderr.contains("typed on a terminal"), "{}", piped.stderr);
    for (typed, end) in [("forget", "exit 2"), ("forgotten", "exit 0")] {
        let terminal = Terminal::run(&world, 120, &["pin", "remove", "--forgotten"]);
        terminal.waits_for("This is recorded. Type `forgotten`", 1);
        terminal.types(typed);
        terminal.waits_for(end, 1);
    }
    world.wake();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.owner().approve_plan(&session, 1).expect(200);
    assert_eq!(told(&world, "pin_removed"), [json!({"principal": "owner", "by_root": true})]);
    let verified = world.calt(&["record", "verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn what_root_does_in_somebody_s_record_leaves_every_file_theirs() {
    if !OrdinaryUser::is_needed() {
        return;
    }
    let (theirs, roots) = (World::as_ordinary_user(&[]), World::asleep(&[]));
    let uid = theirs.user().and_then(OrdinaryUser::number).unwrap();
    theirs.end();
    set(&theirs, "", PIN);
    a_user_is_told_that_root_does_it(&theirs);
    let data_root = theirs.data_root().to_string_lossy().into_owned();
    let terminal = Terminal::run(&roots, 120, &["pin", "remove", "--forgotten", "--data-root", &data_root]);
    terminal.waits_for("Type `forgotten`", 1);
    terminal.types("forgotten");
    terminal.waits_for("exit 0", 1);
    assert_eq!(owners(&theirs.data_root()).into_iter().find(|owner| *owner != uid), None);
    theirs.wake();
    let session = theirs.owner().propose(&plan(1, &[look("a")]));
    theirs.owner().approve_plan(&session, 1).expect(200);
}

fn a_user_is_told_that_root_does_it(world: &World) {
    let terminal = Terminal::run(world, 120, &["pin", "remove", "--forgotten"]);
    let screen = terminal.waits_for("exit 2", 1);
    assert!(screen.contains("by root alone") && screen.contains("hint: sudo calt pin remove --forgotten"), "{screen}");
}
