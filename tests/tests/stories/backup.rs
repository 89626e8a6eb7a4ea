//! A backup holds everything that was acknowledged before it, proves itself, and becomes a data root elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use calt_tests::{Session, World, send};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{apply, look, plan, preview, read};

/// Clients that work while a backup is made.
const CLIENTS: usize = 4;
/// Tables that are made again from the log.
const DERIVED: [&str; 6] = ["sessions", "plans", "steps", "runs", "artifacts", "approvals"];

fn backup_of(world: &World, more: &[&str]) -> (PathBuf, Value) {
    let file = world.home().join("the.backup");
    let mut words = vec!["record", "backup", file.to_str().unwrap(), "--json"];
    words.extend(more);
    let made = world.calt(&words);
    assert_eq!(made.code, 0, "{}", made.stderr);
    (file, serde_json::from_str(&made.stdout).unwrap())
}

/// Another machine with the backup restored on it; its daemon does not run yet.
fn restored(file: &Path) -> (World, Value) {
    let world = World::asleep(&[]);
    let done = world.calt(&["record", "restore", file.to_str().unwrap(), "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    (world, serde_json::from_str(&done.stdout).unwrap())
}

/// A session in which a file was written, another one is approved and waits, and a link lies in the workspace.
fn half_done(world: &World) -> Session {
    let ada = world.person("ada");
    let session = ada.propose(&plan(
        1,
        &[
            preview("p", "dir/a.txt", "one\n"),
            apply("w", "dir/a.txt", "one\n", "p"),
            read("r", "dir/a.txt"),
            look("waits"),
        ],
    ));
    let workspace = world.workspace(&session.id);
    std::fs::create_dir(workspace.join("dir")).unwrap();
    std::fs::write(workspace.join("dir/a.txt"), "old\n").unwrap();
    ada.approve_plan(&session, 1).expect(200);
    for step in ["p", "w", "r"] {
        ada.carry_out(&session, step);
    }
    ada.approve_shown(&session, "waits").expect(200);
    std::fs::set_permissions(workspace.join("dir/a.txt"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", workspace.join("link")).unwrap();
    session
}

/// Every row of the derived tables, as text.
fn derived(database: &Connection) -> Vec<String> {
    let mut rows = Vec::new();
    for table in DERIVED {
        let mut statement = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = statement.column_count();
        let found = statement
            .query_map([], |row| {
                let values = (0..columns).map(|column| format!("{:?}", row.get_ref(column).unwrap()));
                Ok(format!("{table}: {}", values.collect::<Vec<_>>().join("|")))
            })
            .unwrap();
        rows.extend(found.map(Result::unwrap));
    }
    rows
}

fn writable(world: &World) -> Connection {
    Connection::open(world.data_root().join("calt.sqlite3")).unwrap()
}

#[test]
fn a_restored_session_goes_on_where_it_was() {
    let world = World::start();
    let session = half_done(&world);
    let events = world.owner().events(&session);
    let (file, made) = backup_of(&world, &[]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(made["not_as_recorded"], json!([]));

    let (other, done) = restored(&file);
    for figure in ["events", "root", "files", "made_at"] {
        assert_eq!(made[figure], done[figure], "{figure}");
    }
    for secret in ["owner.token", "daemon.json", "record.key"] {
        assert!(!other.data_root().join(secret).exists(), "{secret}");
    }
    other.wake();
    let owner = other.owner();
    assert_ne!(other.owner_token(), world.owner_token());
    assert_eq!(owner.events(&session), events);
    let workspace = other.workspace(&session.id);
    assert_eq!(std::fs::read_to_string(workspace.join("dir/a.txt")).unwrap(), "one\n");
    assert_eq!(std::fs::metadata(workspace.join("dir/a.txt")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_link(workspace.join("link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(owner.run(&session, "waits").expect(200).json()["status"], "succeeded");
    let recorded = owner.get("/api/v1/events/search?q=restored").expect(200).json();
    let event = &recorded["items"][0];
    assert_eq!((event["event_type"].as_str(), event["session_id"].is_null()), (Some("restored"), true));
    let facts: Value = other
        .database()
        .query_row("SELECT facts FROM events WHERE event_type = 'restored'", [], |row| row.get::<_, String>(0))
        .map(|text| serde_json::from_str(&text).unwrap())
        .unwrap();
    assert_eq!((&facts["events"], &facts["root"]), (&made["events"], &made["root"]));
    assert_eq!(facts["workspaces"], true);
}

#[test]
fn pre_images_and_artifacts_come_along_and_equal_the_originals() {
    let world = World::start();
    let session = half_done(&world);
    let (file, _) = backup_of(&world, &[]);
    let (other, _) = restored(&file);
    let below = |world: &World| world.data_root().join("sessions").join(&session.id);
    let mut compared = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(below(&world).join(&directory)).unwrap() {
            let path = directory.join(entry.unwrap().file_name());
            let (from, to) = (below(&world).join(&path), below(&other).join(&path));
            let kind = from.symlink_metadata().unwrap().file_type();
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                assert_eq!(std::fs::read(&from).unwrap(), std::fs::read(&to).unwrap(), "{}", path.display());
                compared.push(path);
            }
        }
    }
    let of = |directory: &str| compared.iter().filter(|path| path.starts_with(directory)).count();
    assert_eq!((of("artifacts"), of("plans"), of("workspace")), (3, 1, 1), "{compared:?}");
    assert!(of("preimages") > 0, "{compared:?}");
}

#[test]
fn everything_acknowledged_before_a_backup_is_in_it_while_clients_go_on() {
    let world = World::start();
    let (address, token) = (world.address(), world.owner_token());
    let is_over = AtomicBool::new(false);
    let bearer = format!("Bearer {token}");
    let call = |method: &str, path: &str, body: Option<&Value>| {
        let text = body.map(Value::to_string);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        send(&address, method, path, &headers, text.as_deref().map(str::as_bytes)).expect(200).json()
    };
    let work = || {
        let id = call("POST", "/api/v1/sessions", Some(&json!({})))["id"].as_str().unwrap().to_owned();
        call("POST", &format!("/api/v1/sessions/{id}/plans/import"), Some(&plan(1, &[look("a")])));
        call("POST", &format!("/api/v1/sessions/{id}/plans/1/approve"), Some(&json!({})));
        call("POST", &format!("/api/v1/sessions/{id}/steps/a/approve"), Some(&json!({})));
        call("POST", &format!("/api/v1/sessions/{id}/steps/a/execute"), Some(&json!({})));
        id
    };
    let before: Vec<String> = (0..10).map(|_| work()).collect();
    let acknowledged = call("GET", "/api/v1/events/search?q=", None)["items"][0]["id"].as_u64().unwrap();
    let (made, during) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut made = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        work();
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        let made = backup_of(&world, &[]);
        is_over.store(true, Ordering::Relaxed);
        (made, clients.into_iter().map(|client| client.join().unwrap()).sum::<u64>())
    });
    let (file, made) = made;
    assert!(during > 0, "nobody worked while the backup was made");
    assert!(made["events"].as_u64().unwrap() >= acknowledged, "{made} {acknowledged}");
    assert_eq!(made["not_as_recorded"], json!([]));
    let (other, _) = restored(&file);
    other.wake();
    let owner = other.owner();
    for id in before {
        let session = Session { id };
        assert_eq!(owner.show(&session)["status"], "succeeded");
        let artifacts = owner.get(&format!("/api/v1/sessions/{}/artifacts", session.id)).expect(200).json();
        let artifact = artifacts["items"][0]["id"].as_u64().unwrap();
        owner.get(&format!("/api/v1/sessions/{}/artifacts/{artifact}", session.id)).expect(200);
    }
}

#[test]
fn without_workspaces_a_restored_session_finds_an_empty_one() {
    let world = World::start();
    let session = half_done(&world);
    let (file, made) = backup_of(&world, &["--without-workspaces"]);
    assert_eq!(made["workspaces"], false);
    let (other, _) = restored(&file);
    assert_eq!(std::fs::read_dir(other.workspace(&session.id)).unwrap().count(), 0);
    other.wake();
    assert_eq!(other.owner().run(&session, "waits").expect(200).json()["status"], "succeeded");
}

#[test]
fn a_run_without_an_end_in_the_backup_is_ended_by_the_restored_daemon() {
    let world = World::start();
    let session = half_done(&world);
    world.kill();
    // As a backup finds it that is made between the start of a run and its end.
    crate::tamper::without_triggers(
        &writable(&world),
        "DELETE FROM events WHERE id > (SELECT MAX(id) FROM events WHERE event_type = 'step_started');",
    );
    std::fs::remove_file(world.data_root().join("calt.sqlite3.head")).unwrap();
    assert_eq!(world.calt(&["record", "rebuild"]).code, 0);
    let (file, _) = backup_of(&world, &[]);
    let (other, _) = restored(&file);
    other.wake();
    let owner = other.owner();
    assert_eq!(owner.events(&session).last().unwrap(), "step_interrupted");
    assert_eq!(owner.show(&session)["needs_replan"], true);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_restored_over_something() {
    let world = World::start();
    half_done(&world);
    let (file, _) = backup_of(&world, &[]);
    let again = world.calt(&["record", "backup", file.to_str().unwrap()]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("exists already and is not overwritten"), "{}", again.stderr);

    let other = World::asleep(&[]);
    std::fs::create_dir(other.data_root()).unwrap();
    std::fs::write(other.data_root().join("precious.txt"), "mine").unwrap();
    let refused = other.calt(&["record", "restore", file.to_str().unwrap()]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("`precious.txt` is in it"), "{}", refused.stderr);
    assert_eq!(std::fs::read_dir(other.data_root()).unwrap().count(), 1);
    let refused = world.calt(&["record", "restore", file.to_str().unwrap()]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
}

#[test]
fn a_backup_is_no_database_for_a_daemon_and_another_file_is_no_backup() {
    let world = World::start();
    half_done(&world);
    let (file, _) = backup_of(&world, &[]);
    let other = World::asleep(&[]);
    let daemon = other.calt(&["daemon", "--port", "0", "--db-path", file.to_str().unwrap()]);
    assert_eq!(daemon.code, 69);
    assert!(daemon.stderr.contains("is a backup"), "{}", daemon.stderr);

    let database = world.data_root().join("calt.sqlite3");
    let text = other.home().join("text");
    std::fs::write(&text, "not a backup\n").unwrap();
    for foreign in [&database, &text, &other.home().join("missing")] {
        let refused = World::asleep(&[]);
        let ran = refused.calt(&["record", "restore", foreign.to_str().unwrap()]);
        assert!([2, 69].contains(&ran.code), "{}: {}", foreign.display(), ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("hint: "), "{}", ran.stderr);
        assert!(!refused.data_root().exists(), "{}", foreign.display());
    }
}

/// Bytes of every kind: in the log, in its index, in a file's bytes, in the list of files.
#[test]
fn one_flipped_byte_is_found_before_anything_is_written() {
    let world = World::start();
    half_done(&world);
    let (file, _) = backup_of(&world, &[]);
    let whole = std::fs::read(&file).unwrap();
    let expected = derived(&restored(&file).0.database());
    let needles: [&[u8]; 4] = [b"a story's plan", b"step_executed", b"document_digest", b"dir/a.txt"];
    for needle in needles {
        let places: Vec<usize> =
            (0..whole.len() - needle.len()).filter(|&at| whole[at..].starts_with(needle)).collect();
        assert!(!places.is_empty(), "{}", String::from_utf8_lossy(needle));
        let mut found = 0;
        for at in places {
            let mut damaged = whole.clone();
            damaged[at + 1] ^= 1;
            std::fs::write(&file, damaged).unwrap();
            let other = World::asleep(&[]);
            let ran = other.calt(&["record", "restore", file.to_str().unwrap()]);
            if ran.code == 0 {
                // A byte of what is derived: it is not believed but made again.
                assert!(derived(&other.database()) == expected, "byte {at} came through");
                continue;
            }
            assert_eq!(ran.code, 6, "{}", ran.stderr);
            assert!(ran.stderr.contains("is damaged"), "{}", ran.stderr);
            assert!(!other.data_root().exists());
            found += 1;
        }
        assert!(found > 0, "{}", String::from_utf8_lossy(needle));
    }
}

#[test]
fn an_interrupted_restore_is_begun_again_and_no_daemon_starts_meanwhile() {
    let world = World::start();
    let session = half_done(&world);
    let (file, _) = backup_of(&world, &[]);
    let other = World::asleep(&[]);
    let root = other.data_root();
    std::fs::create_dir_all(root.join("restoring/sessions")).unwrap();
    std::fs::create_dir_all(root.join("sessions").join(&session.id)).unwrap();
    std::fs::write(root.join("calt.sqlite3.restoring"), "half").unwrap();
    let daemon = other.calt(&["daemon", "--port", "0"]);
    assert_eq!(daemon.code, 69);
    assert!(daemon.stderr.contains("calt record restore"), "{}", daemon.stderr);
    let _ = std::fs::remove_file(root.join("calt.sqlite3"));
    let done = other.calt(&["record", "restore", file.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    other.wake();
    assert_eq!(other.owner().run(&session, "waits").expect(200).json()["status"], "succeeded");
    assert!(!root.join("restoring").exists());
}

#[test]
fn a_read_model_changed_by_hand_is_made_again_as_it_was() {
    let world = World::start();
    half_done(&world);
    assert_eq!(world.end(), 0);
    let before = derived(&world.database());
    writable(&world)
        .execute_batch(
            "UPDATE runs SET status = 'failed', failure_reason = 'by hand';
             UPDATE sessions SET goal = 'by hand';
             DELETE FROM approvals;
             DROP TABLE artifacts;",
        )
        .unwrap();
    let done = world.calt(&["record", "rebuild"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("1 sessions, 1 plans, 4 steps, 3 runs, 3 artifacts"), "{}", done.stdout);
    assert!(derived(&world.database()) == before, "not every row is as it was");
    world.wake();
    assert_eq!(world.owner().get("/api/v1/tools").expect(200).json()["items"].as_array().unwrap().len(), 6);
}

#[test]
fn a_dropped_index_is_made_again_to_its_end() {
    let world = World::start();
    let session = half_done(&world);
    assert_eq!(world.end(), 0);
    writable(&world).execute_batch("DROP TABLE events_fts").unwrap();
    let done = world.calt(&["record", "rebuild-index", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let events: i64 = world.database().query_row("SELECT MAX(id) FROM events", [], |row| row.get(0)).unwrap();
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(said["events"], events);
    world.wake();
    assert_eq!(world.owner().search(&session, "imported"), ["plan_imported"]);
}

#[test]
fn a_log_that_lost_events_only_reads_until_the_loss_is_accepted() {
    let world = World::start();
    assert_eq!(world.end(), 0);
    let database = world.data_root().join("calt.sqlite3");
    let before = std::fs::read(&database).unwrap();
    world.wake();
    half_done(&world);
    assert_eq!(world.end(), 0);
    std::fs::write(&database, before).unwrap();
    world.wake();
    let refused = world.owner().post("/api/v1/sessions", &json!({}));
    assert_eq!(refused.json()["code"], "log_behind", "{}", refused.text());
    let busy = world.calt(&["record", "accept-loss"]);
    assert_eq!((busy.code, busy.stderr.contains("hint: calt daemon stop")), (69, true), "{}", busy.stderr);
    assert_eq!(world.end(), 0);
    let done = world.calt(&["record", "accept-loss"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("that were acknowledged are lost"), "{}", done.stdout);
    world.wake();
    world.owner().post("/api/v1/sessions", &json!({})).expect(200);
}

/// Overwrites every page of a table or an index with nonsense.
fn spoil(world: &World, name: &str) {
    use std::os::unix::fs::FileExt as _;
    const PAGE_BYTES: u64 = 4096;
    let root: i64 = {
        let database = writable(world);
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap_or_default();
        database.query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0)).unwrap()
    };
    let file = std::fs::File::options().write(true).open(world.data_root().join("calt.sqlite3")).unwrap();
    file.write_all_at(&[0xA5; PAGE_BYTES as usize], (root as u64 - 1) * PAGE_BYTES).unwrap();
}

#[test]
fn a_broken_page_of_what_is_derived_costs_nothing_but_a_rebuild() {
    for (name, task) in [("steps", "rebuild"), ("events_fts_data", "rebuild-index")] {
        let world = World::start();
        let session = half_done(&world);
        assert_eq!(world.end(), 0);
        let before = derived(&world.database());
        spoil(&world, name);
        let done = world.calt(&["record", task, "--json"]);
        assert_eq!(done.code, 0, "{name}: {}", done.stderr);
        let said: Value = serde_json::from_str(&done.stdout).unwrap();
        assert!(Path::new(said["kept"].as_str().unwrap()).exists(), "{name}: {said}");
        assert!(derived(&world.database()) == before, "{name}: not every row is as it was");
        let verified = world.calt(&["record", "verify"]);
        assert_eq!(verified.code, 0, "{name}: {}{}", verified.stdout, verified.stderr);
        world.wake();
        assert_eq!(world.owner().search(&session, "imported"), ["plan_imported"], "{name}");
        assert_eq!(world.owner().run(&session, "waits").expect(200).json()["status"], "succeeded");
    }
}

#[test]
fn a_broken_page_of_the_log_is_named_and_leads_to_a_backup() {
    let world = World::start();
    half_done(&world);
    assert_eq!(world.end(), 0);
    spoil(&world, "events");
    let before = std::fs::read(world.data_root().join("calt.sqlite3")).unwrap();
    let refused = world.calt(&["record", "rebuild"]);
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("event 1 cannot be read"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: calt record restore"), "{}", refused.stderr);
    assert!(std::fs::read(world.data_root().join("calt.sqlite3")).unwrap() == before, "the damaged file was changed");
    let backup = world.calt(&["record", "backup", "the.backup"]);
    assert_eq!(backup.code, 6, "{}", backup.stderr);
    assert!(!world.home().join("the.backup").exists());
    let daemon = world.calt(&["daemon", "--port", "0"]);
    assert_ne!(daemon.code, 0);
    assert!(daemon.stderr.contains("calt record restore"), "{}", daemon.stderr);
}

#[test]
fn what_changes_files_waits_until_the_daemon_has_ended() {
    let world = World::start();
    for task in ["rebuild", "rebuild-index", "accept-loss"] {
        let refused = world.calt(&["record", task, "--json"]);
        let said: Value = serde_json::from_str(&refused.stdout).unwrap();
        assert_eq!((refused.code, said["hint"].as_str()), (69, Some("calt daemon stop")), "{task}: {said}");
        assert!(refused.stderr.contains(&format!("process {}", world.pid())), "{}", refused.stderr);
    }
    let nothing = World::asleep(&[]);
    for task in ["rebuild", "rebuild-index", "accept-loss"] {
        let refused = nothing.calt(&["record", task]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("there is no database"), "{}", refused.stderr);
        assert!(!nothing.data_root().exists());
    }
}
