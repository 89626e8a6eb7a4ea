//! A data directory that can no longer be written.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use calt_tests::World;
use serde_json::json;

use super::own_mounts::{mount_small_disk, remount, with_own_mounts};
use crate::{look, plan};

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn directories_that_turn_read_only_refuse_what_needs_them_and_nothing_else() {
    let world = World::as_ordinary_user(&[]);
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[look("a")]));
    owner.approve_plan(&session, 1).expect(200);
    let directory = world.data_root().join("sessions");
    let own = directory.join(&session.id);
    for path in [&directory, &own.join("plans"), &own.join("artifacts"), &own] {
        allow(path, 0o500);
    }
    let made = owner.post("/api/v1/sessions", &json!({}));
    assert_eq!(made.line(), "503 storage_unavailable → retry_later");
    assert_eq!(owner.import(&session, &plan(2, &[look("b")])).line(), "503 storage_unavailable → retry_later");
    assert_eq!(owner.show(&session)["status"], "awaiting_step_approval");
    assert_eq!(owner.search(&session, "imported"), ["plan_imported"]);
    owner.approve(&session, "a").expect(200);
    let ran = owner.run(&session, "a").expect(200).json();
    assert_eq!(ran["status"], "failed");
    assert!(ran["error"].as_str().unwrap().contains("the artifact could not be written"), "{ran}");

    for path in [&own, &own.join("artifacts"), &own.join("plans"), &directory] {
        allow(path, 0o700);
    }
    owner.import(&session, &plan(2, &[look("b")])).expect(200);
    owner.approve_plan(&session, 2).expect(200);
    owner.carry_out(&session, "b");
}

#[test]
fn a_daemon_does_not_start_on_a_read_only_disk_and_says_which() {
    with_own_mounts("faults::readonly::a_daemon_does_not_start_on_a_read_only_disk_and_says_which", || {
        let world = World::asleep(&[]);
        mount_small_disk(&world.data_root(), 8 * 1024);
        world.wake();
        let session = world.owner().propose(&plan(1, &[look("a")]));
        world.kill();
        remount(&world.data_root(), "ro");
        let root = world.data_root();
        let refused = world.calt(&["daemon", "--port", "0", "--data-root", root.to_str().unwrap()]);
        assert_eq!(refused.code, 69, "{refused:?}");
        assert!(refused.stderr.contains("Read-only file system"), "{refused:?}");
        assert!(refused.stderr.contains(root.to_str().unwrap()), "{refused:?}");
        remount(&world.data_root(), "rw");
        world.wake();
        assert_eq!(world.owner().events(&session), ["session_created", "plan_imported"]);
    });
}
