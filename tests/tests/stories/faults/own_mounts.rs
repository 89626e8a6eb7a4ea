//! A test in a mount namespace of its own, so that it may mount what it likes and nobody else sees it.

use std::process::{Command, Stdio};

/// Set in the environment of a test that already has its own mounts.
const INSIDE: &str = "CALT_STORY_HAS_OWN_MOUNTS";

/// Runs a test's body where it may mount file systems: this very test is started once more in namespaces of its own.
///
/// Where the machine allows no such namespaces the test says so, and shows nothing.
pub(super) fn with_own_mounts(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    // Somebody who is not root may mount in a user namespace of their own, and stays who they are for everything else.
    let is_root = calt_tests::OrdinaryUser::is_needed();
    let user: &[&str] = if is_root { &[] } else { &["--user", "--map-current-user", "--keep-caps"] };
    let unshare = |program: &std::path::Path| {
        let mut command = Command::new("unshare");
        command.arg("--mount").args(user).arg(program).stdin(Stdio::null());
        command
    };
    if !unshare("true".as_ref()).status().is_ok_and(|status| status.success()) {
        println!("NOT SHOWN: this machine lets {test} make no mount namespace, so it has no small disk to fill");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let output = unshare(&own).args(["--exact", test, "--nocapture"]).env(INSIDE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && printed.contains("1 passed"), "it failed in its own namespaces");
}

/// Mounts a memory file system of so many KiB.
pub(super) fn mount_small_disk(place: &std::path::Path, kib: usize) {
    std::fs::create_dir_all(place).unwrap();
    let size = format!("size={kib}k,mode=700");
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).status().unwrap();
    assert!(status.success());
}

/// Mounts what is mounted at a place once more, with another option.
pub(super) fn remount(place: &std::path::Path, option: &str) {
    let status = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(place).status().unwrap();
    assert!(status.success(), "remount,{option} of {}", place.display());
}
