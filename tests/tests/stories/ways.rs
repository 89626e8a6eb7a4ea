//! What a command leads to once it has ended: the way on that is one, and no other.

use std::process::Command;

use calt_tests::World;
use serde_json::json;

use crate::plan;

/// The session of a world in which there is one.
fn only_session(world: &World) -> String {
    let page = world.owner().get("/api/v1/sessions").expect(200).json();
    page["items"][0]["id"].as_str().unwrap().to_owned()
}

/// A repository with one commit, in the world's home.
fn repository(world: &World) {
    let directory = world.home().join("repository");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("a.txt"), "one\n").unwrap();
    for words in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "base"]] {
        let git = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(words)
            .current_dir(&directory)
            .status();
        assert!(git.unwrap().success());
    }
}

#[test]
fn a_success_on_a_copy_leads_to_where_somebody_works_until_it_is_taken_back() {
    let world = World::start();
    repository(&world);
    let files = json!([{"path": "a.txt", "content": "two\n"}]);
    let change = plan(1, &[json!({"id": "c", "title": "change", "change": {"files": files}})]);
    std::fs::write(world.home().join("plan.json"), change.to_string()).unwrap();
    let ran = world.calt(&["run", "plan.json", "--workspace", "./repository", "--yes"]);
    let id = only_session(&world);
    assert!(ran.code == 0 && ran.stderr.contains(&format!("Land: calt land {id} --repo DIR\n")), "{ran:?}");
    let explained = world.calt(&["explain", &id]).stdout;
    let ways = format!("next: calt session diff {id}\nto land it: calt land {id} --repo DIR\n");
    assert!(explained.contains(&ways), "{explained}");
    let waited = world.calt(&["wait", &id]).stderr;
    assert_eq!(waited, format!("hint: calt session diff {id}\nLand: calt land {id} --repo DIR\n"));
    // An agent is given no unmasked byte, so it is led to the patch alone.
    let agent = world.agent();
    let told = world.calt(&["wait", &id, "--token", agent.token()]).stderr;
    assert_eq!(told, format!("hint: calt session diff {id}\n"));

    assert_eq!(world.calt(&["undo", &id]).code, 0);
    let ran = world.calt(&["run", "--session", &id, "--yes"]);
    let said = "All that this session wrote has been taken back; there is nothing to land.\n";
    assert!(ran.code == 0 && ran.stderr.contains(said) && !ran.stderr.contains("Land: "), "{ran:?}");
    for command in ["explain", "wait"] {
        let told = world.calt(&[command, &id]);
        assert!(!format!("{}{}", told.stdout, told.stderr).contains("calt land"), "{told:?}");
    }
    let landed = world.calt(&["land", &id, "--repo", "repository"]);
    assert!(landed.code == 3 && landed.stderr.contains("nothing is left to land"), "{landed:?}");
}
