//! Files that were cut or changed behind the daemon's back.

use std::path::{Path, PathBuf};

use calt_tests::World;
use serde_json::json;

use crate::{look, plan, read};

/// Bytes of one page of the database.
const PAGE_BYTES: usize = 4096;

fn database(world: &World) -> PathBuf {
    world.data_root().join("calt.sqlite3")
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", database.display()))
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0xFF;
    std::fs::write(path, bytes).unwrap();
}

/// Where the first page of a table or an index begins.
fn root_page(world: &World, name: &str) -> usize {
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: i64 = world.database().query_row(sql, [name], |row| row.get(0)).unwrap();
    usize::try_from(page - 1).unwrap() * PAGE_BYTES
}

fn start_fails(world: &World) -> String {
    let root = world.data_root();
    let refused = world.calt(&["daemon", "--port", "0", "--data-root", root.to_str().unwrap()]);
    assert_eq!(refused.code, 69, "{refused:?}");
    refused.stderr
}

#[test]
fn a_wal_that_was_cut_is_noticed_and_the_daemon_only_reads() {
    let world = World::start();
    let kept = world.owner().propose(&plan(1, &[look("a")]));
    // A clean end takes the WAL into the database; what comes afterwards lies in a new one.
    world.end();
    world.wake();
    let lost = world.owner().propose(&plan(1, &[look("a")]));
    world.kill();
    let database = database(&world);
    std::fs::write(beside(&database, "-wal"), "").unwrap();
    let _ = std::fs::remove_file(beside(&database, "-shm"));

    world.wake();
    let owner = world.owner();
    // The start of the second daemon is one of the missing events, too.
    let refused = owner.post("/api/v1/sessions", &json!({}));
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("log_behind")));
    assert!(refused.text().contains('3'), "{}", refused.text());
    assert_eq!(owner.approve_plan(&kept, 1).json()["code"], "log_behind");
    assert_eq!(owner.run(&kept, "a").json()["code"], "log_behind");
    assert_eq!(owner.get("/readyz").json()["code"], "log_behind");
    assert_eq!(owner.events(&kept), ["session_created", "plan_imported"]);
    assert_eq!(owner.search(&kept, "imported"), ["plan_imported"]);
    assert_eq!(owner.get(&format!("/api/v1/sessions/{}", lost.id)).status, 404);
    assert!(world.data_root().join("sessions").join(&lost.id).exists(), "its files wait for somebody to decide");
    assert!(world.daemon_log().contains("3 events"), "{}", world.daemon_log());
}

#[test]
fn a_flipped_byte_in_the_log_is_said_at_the_start_and_nothing_is_touched() {
    let world = World::start();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.end();
    let (database, at) = (database(&world), root_page(&world, "events"));
    flip(&database, at);
    let said = start_fails(&world);
    assert!(said.contains("damaged") && said.contains(database.to_str().unwrap()), "{said}");
    flip(&database, at);
    world.wake();
    assert_eq!(world.owner().events(&session), ["session_created", "plan_imported"]);
}

#[test]
fn a_flipped_byte_in_a_table_of_the_read_model_is_said_and_the_log_can_be_read() {
    let world = World::start();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.end();
    flip(&database(&world), root_page(&world, "plans"));
    world.wake();
    let owner = world.owner();
    let refused = owner.get(&format!("/api/v1/sessions/{}/plans/1", session.id));
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("log_corrupt")));
    assert_eq!(owner.events(&session), ["session_created", "plan_imported"]);
}

#[test]
fn a_flipped_byte_in_the_index_makes_search_read_the_log_and_appends_go_on() {
    let world = World::start();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.end();
    flip(&database(&world), root_page(&world, "events_fts_data"));
    world.wake();
    let owner = world.owner();
    let path = format!("/api/v1/sessions/{}/events/search?q=imported", session.id);
    let page = owner.get(&path).expect(200).json();
    assert_eq!(page["items"][0]["event_type"], "plan_imported");
    assert!(page["notice"].as_str().unwrap().contains("the log was read instead"), "{page}");
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "a");
    assert_eq!(owner.search(&session, "succeeded")[0], "session_succeeded");
}

/// A run that leaves an artifact of about so many bytes: where the daemon gives it, and where it lies.
fn one_run(world: &World, bytes: usize) -> (String, PathBuf) {
    let owner = world.owner();
    let session = owner.session();
    std::fs::write(world.workspace(&session.id).join("long.txt"), "0123456789 ".repeat(bytes / 11)).unwrap();
    owner.import(&session, &plan(1, &[read("a", "long.txt")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "a");
    let page = owner.get(&format!("/api/v1/sessions/{}/artifacts", session.id)).expect(200).json();
    let artifact = &page["items"][0];
    let file = world.data_root().parent().unwrap().join(artifact["path"].as_str().unwrap());
    (format!("/api/v1/sessions/{}/artifacts/{}", session.id, artifact["id"]), file)
}

#[test]
fn a_flipped_byte_in_an_artifact_is_never_passed_on() {
    let world = World::start();
    let (short, short_file) = one_run(&world, 1_000);
    let (long, long_file) = one_run(&world, 100_000);
    let content = |path: &str| world.owner().get(path);
    let before = content(&short).expect(200).text();
    flip(&short_file, 500);
    flip(&long_file, 500);
    assert_eq!(content(&short).expect(200).text(), before, "it repeats a recorded output, so the log has it");
    let refused = content(&long);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("log_corrupt")));
}
