//! A data root that root has mounted a second time is calt's own there too.

use std::path::Path;
use std::process::Command;

use calt_tests::{Reply, World};
use serde_json::json;

use super::own_mounts::with_own_mounts;
use crate::{command, plan};

fn mount_again(from: &Path, at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let status = Command::new("mount").arg("--bind").args([from, at]).status().unwrap();
    assert!(status.success(), "{} at {}", from.display(), at.display());
}

fn attach(world: &World, name: &str, path: &Path) -> Reply {
    world.owner().post("/api/v1/workspaces", &json!({"name": name, "kind": "attach", "path": path}))
}

#[test]
fn by_no_mount_is_a_directory_of_calts_own_a_workspace() {
    with_own_mounts("faults::mounted_twice::by_no_mount_is_a_directory_of_calts_own_a_workspace", || {
        let world = World::start();
        let (data, places) = (world.data_root(), world.home().join("places"));
        mount_again(&data, &places.join("whole"));
        mount_again(&data.join("sessions"), &places.join("part"));
        mount_again(world.home(), &world.home().join("above"));
        mount_again(&data.join("sessions"), &places.join("project/deep/below"));
        for (place, word) in [
            ("places/whole", "by another mount"),
            ("places/whole/sessions", "by another mount"),
            ("places/part", "by another mount"),
            ("above", "by another mount"),
            ("above/data", "by another mount"),
            ("places/project", "holds the mount"),
            ("places/project/deep", "holds the mount"),
        ] {
            let refused = attach(&world, "web", &world.home().join(place)).expect(422).json().to_string();
            assert!(refused.contains(word) && refused.contains("calt keeps its own files"), "{place}: {refused}");
        }
        // A mount as such is nothing bad, and what is named is looked at whenever it is used.
        let (other, work) = (places.join("other"), places.join("work"));
        std::fs::create_dir_all(other.join("below")).unwrap();
        mount_again(&other, &work);
        attach(&world, "web", &work).expect(200);
        let owner = world.owner();
        let session = owner.session_with(&json!({"workspace": "web"}));
        mount_again(&data, &work.join("below"));
        let refused = owner.post("/api/v1/sessions", &json!({"goal": "x", "workspace": "web"}));
        assert_eq!(refused.json()["code"], "workspace_unusable");
        owner.import(&session, &plan(1, &[command("c", "ls")])).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.approve(&session, "c").expect(200);
        assert_ne!(owner.run(&session, "c").json()["status"], "succeeded");
    });
}

#[test]
fn the_key_of_the_record_is_a_known_secret() {
    let world = World::start();
    let owner = world.owner();
    let key = std::fs::read_to_string(world.data_root().join("record.key")).unwrap();
    let session = owner.propose(&plan(1, &[command("c", "cat noise.txt")]));
    std::fs::write(world.workspace(&session.id).join("noise.txt"), format!("it is {key}and more\n")).unwrap();
    owner.approve_plan(&session, 1).expect(200);
    let said = owner.carry_out(&session, "c").to_string();
    assert!(said.contains("it is ***REDACTED***") && !said.contains(key.trim()), "{said}");
}
