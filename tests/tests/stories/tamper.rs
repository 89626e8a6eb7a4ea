//! Nothing is changed unseen: not in the log, not in a record that was taken away, and two verifiers agree on it.

mod broken;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use calt_core::export::ExportReader;
use calt_tests::{Session, World};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{look, plan, read};

/// The verifier that shares nothing with calt.
fn python(arguments: &[&str]) -> (i32, String) {
    let script = docs().join("verify_record.py");
    let output = Command::new("python3").arg(script).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said)
}

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// A session in two languages, with an output that only its file holds and a plan that only its file holds.
fn long_session(world: &World) -> Session {
    let ada = world.person("ada");
    let mut steps = vec![read("short", "memo.txt"), read("long", "long.txt")];
    // As many words as a plan may hold and an event may not.
    steps.extend((0..100).map(|number| {
        let mut step = look(&format!("later_{number}"));
        step["preconditions"] = json!([format!("承認 {number} \"quoted\" {}", "words and words ".repeat(60))]);
        step
    }));
    let session = ada.session();
    let workspace = world.workspace(&session.id);
    std::fs::write(workspace.join("memo.txt"), "Quarterly \"report\"\n合計 🧮\n").unwrap();
    std::fs::write(workspace.join("long.txt"), "a line of a long file, 長い\n".repeat(3_000)).unwrap();
    ada.import(&session, &plan(1, &steps)).expect(200);
    ada.approve_plan(&session, 1).expect(200);
    for step in ["short", "long"] {
        ada.carry_out(&session, step);
    }
    ada.stop(&session).expect(200);
    session
}

/// Takes a session's record away.
fn exported(world: &World, session: &Session, name: &str) -> PathBuf {
    let path = world.home().join(name);
    let ran = world.calt(&["record", "export", &session.id, "--output", path.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    path
}

fn calt_verifies(world: &World, path: &Path, more: &[&str]) -> (i32, String) {
    let ran = world.calt(&[&["record", "verify", path.to_str().unwrap()], more].concat());
    (ran.code, ran.stdout + &ran.stderr)
}

#[test]
fn the_python_verifier_agrees_with_the_test_vectors() {
    let (code, said) = python(&["--vectors", docs().join("record-vectors.json").to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("PASS the vectors\n"), "{said}");
}

#[test]
fn a_record_taken_away_is_proven_by_two_verifiers_and_no_broken_one_is() {
    let world = World::start();
    let session = long_session(&world);
    let path = exported(&world, &session, "good.calt-record");
    let (code, said) = calt_verifies(&world, &path, &[]);
    assert_eq!(code, 0, "{said}");
    let (code, told) = python(&[path.to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
    let lines: Vec<String> = std::fs::read_to_string(&path).unwrap().split_inclusive('\n').map(str::to_owned).collect();
    let header: Value = serde_json::from_str(&lines[0]).unwrap();
    let kinds: Vec<Value> =
        lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("file").cloned()).collect();
    let kinds: Vec<_> = kinds.iter().map(|file| file["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["plan", "artifact", "artifact"]);
    let key = header["key"].as_str().unwrap();
    assert_eq!(calt_verifies(&world, &path, &["--key", key]).0, 0);
    assert_eq!(python(&[path.to_str().unwrap(), "--key", key]).0, 0);

    for (what, lines) in broken::all(&lines) {
        let path = world.home().join("broken.calt-record");
        std::fs::write(&path, lines.concat()).unwrap();
        let (code, said) = calt_verifies(&world, &path, &[]);
        assert_eq!(code, 6, "{what}: {said}");
        assert!(said.starts_with("FAIL"), "{what}: {said}");
        let (code, said) = python(&[path.to_str().unwrap()]);
        assert_eq!(code, 1, "{what}: {said}");
        assert!(said.starts_with("FAIL"), "{what}: {said}");
    }

    // The whole of it made by somebody else, with a key of their own: it holds together, and the key says whose it is.
    let theirs = World::start();
    let other = exported(&theirs, &long_session(&theirs), "theirs.calt-record");
    assert_eq!(calt_verifies(&theirs, &other, &[]).0, 0);
    let (code, said) = calt_verifies(&theirs, &other, &["--key", key]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("another key"), "{said}");
    assert_eq!(python(&[other.to_str().unwrap(), "--key", key]).0, 1);
}

#[test]
fn a_bit_changed_anywhere_in_a_record_shows() {
    /// Bits changed, one at a time.
    const CHANGES: u64 = 3_000;
    let world = World::start();
    let path = exported(&world, &long_session(&world), "good.calt-record");
    let text = std::fs::read(path).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut readers = vec![ExportReader::new(None)];
    for line in &lines {
        let mut reader = readers.last().unwrap().clone();
        reader.line(line).unwrap();
        readers.push(reader);
    }
    readers.last().unwrap().clone().finish().unwrap();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..CHANGES {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let number = chance as usize % lines.len();
        let mut changed = lines[number].to_vec();
        let at = (chance >> 16) as usize % changed.len();
        changed[at] ^= 1 << (chance >> 60 & 7);
        let mut reader = readers[number].clone();
        let seen = changed.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| reader.line(line));
        let seen = seen.and_then(|()| lines[number + 1..].iter().try_for_each(|line| reader.line(line)));
        assert!(seen.and_then(|()| reader.finish()).is_err(), "line {}, byte {at}", number + 1);
    }
}

/// Changes the log by SQL, with the triggers gone.
fn tamper(world: &World, sql: &str) {
    without_triggers(&Connection::open(world.data_root().join("calt.sqlite3")).unwrap(), sql);
}

/// Changes something with the triggers gone, and puts those back: else they would be missed.
pub(crate) fn without_triggers(connection: &Connection, sql: &str) {
    let mut found = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let found: Vec<(String, String)> = rows.map(Result::unwrap).collect();
    for (name, _) in &found {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    connection.execute_batch(sql).unwrap();
    for (_, sql) in &found {
        connection.execute_batch(sql).unwrap();
    }
}

/// The daemon serves what is there, and writes nothing.
fn only_reads(world: &World, code: &str, session: &Session) {
    let ready = world.request("GET", "/readyz", &[], None);
    assert_eq!((ready.status, ready.json()["code"].as_str()), (503, Some(code)), "{}", ready.text());
    let owner = world.owner();
    assert_eq!(owner.show(session)["id"], session.id);
    assert!(!owner.events(session).is_empty());
    assert!(!owner.search(session, "plan").is_empty());
    let refused = owner.post("/api/v1/sessions", &json!({"goal": "late"}));
    assert_eq!(refused.line(), format!("503 {code} → verify_record"));
    let ran = world.calt(&["session", "create", "--goal", "late"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("calt record verify"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_daemon_whose_newest_events_were_changed_only_reads_and_verify_names_them() {
    let world = World::start();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.owner().approve_plan(&session, 1).expect(200);
    world.kill();
    let event: i64 = {
        let database = world.database();
        database.query_row("SELECT MAX(id) FROM events", [], |row| row.get(0)).unwrap()
    };
    tamper(&world, &format!("UPDATE events SET user_id = 'somebody' WHERE id = {event}"));
    world.wake();
    only_reads(&world, "log_corrupt", &session);
    let ran = world.calt(&["record", "verify"]);
    assert_eq!(ran.code, 6, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(&format!("FAIL  events: event {event}: ")), "{}", ran.stdout);
    let ran = world.calt(&["record", "verify", "--json"]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &json["ok"]), (6, &json!(false)));
    let named: Vec<_> =
        json["checks"].as_array().unwrap().iter().flat_map(|check| check["findings"].as_array().unwrap()).collect();
    assert_eq!(named[0]["event"], event, "{json}");
}

#[test]
fn a_daemon_whose_wal_was_cut_is_behind_until_the_loss_is_accepted() {
    let world = World::start();
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.owner().approve_plan(&session, 1).expect(200);
    world.kill();
    let wal = std::fs::File::options().write(true).open(world.data_root().join("calt.sqlite3-wal")).unwrap();
    // The last frame of the last commit: without it, the commit never was.
    wal.set_len(wal.metadata().unwrap().len() - 4096).unwrap();
    world.wake();
    only_reads(&world, "log_behind", &session);
    let ran = world.calt(&["record", "verify"]);
    assert_eq!(ran.code, 6);
    assert!(ran.stdout.contains("acknowledged events are missing at the end"), "{}", ran.stdout);
    world.end();
    let ran = world.calt(&["record", "accept-loss"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    world.wake();
    let recorded = world.owner().get("/api/v1/events/search?q=accepted").expect(200).json();
    let event = &recorded["items"][0];
    assert_eq!((&event["event_type"], &event["facts"]["missing"]), (&json!("loss_accepted"), &json!(1)), "{recorded}");
    world.owner().approve_plan(&session, 1).expect(200);
    assert_eq!(world.calt(&["record", "verify"]).code, 0);
}

#[test]
fn verify_beside_a_working_daemon_never_cries_wolf() {
    let world = World::start();
    let ada = world.person("ada");
    let is_over = AtomicBool::new(false);
    let address = world.address();
    let headers =
        [("Authorization", format!("Bearer {}", ada.token())), ("Content-Type", "application/json".to_owned())];
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let post = |path: &str, body: &Value| {
                    calt_tests::send(&address, "POST", path, &headers, Some(body.to_string().as_bytes()))
                        .expect(200)
                        .json()
                };
                while !is_over.load(Ordering::Relaxed) {
                    let session = post("/api/v1/sessions", &json!({"goal": "busy"}));
                    let session = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
                    post(&format!("{session}/plans/import"), &plan(1, &[look("a"), look("b")]));
                    post(&format!("{session}/plans/1/approve"), &json!({"source": "api"}));
                    for step in ["a", "b"] {
                        post(&format!("{session}/steps/{step}/approve"), &json!({"source": "api"}));
                        post(&format!("{session}/steps/{step}/execute"), &json!({}));
                    }
                }
            });
        }
        let alarms: Vec<_> = (0..12).map(|_| world.calt(&["record", "verify"])).filter(|ran| ran.code != 0).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(alarms.is_empty(), "{} of 12:\n{}{}", alarms.len(), alarms[0].stdout, alarms[0].stderr);
    });
}

#[test]
fn a_checkpoint_kept_elsewhere_and_a_key_are_held_against_the_log() {
    let world = World::start();
    let session = long_session(&world);
    let ran = world.calt(&["record", "checkpoint"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let kept = world.home().join("kept.note");
    std::fs::write(&kept, &ran.stdout).unwrap();
    let kept = kept.to_str().unwrap();
    assert_eq!(world.calt(&["record", "verify", "--checkpoint", kept]).code, 0);
    world.end();
    // The daemon's own key is lost; a new one signs on.
    std::fs::remove_file(world.data_root().join("record.key")).unwrap();
    world.wake();
    world.owner().propose(&plan(1, &[look("a")]));
    world.end();
    let ran = world.calt(&["record", "verify", "--checkpoint", kept]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let old: String = world
        .database()
        .query_row(
            "SELECT json_extract(facts, '$.key') FROM events WHERE event_type = 'checkpoint_signed' ORDER BY id",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let ran = world.calt(&["record", "verify", "--key", &old]);
    assert_eq!(ran.code, 6, "{}", ran.stdout);
    assert!(ran.stdout.contains("signed by another key than the given one"), "{}", ran.stdout);
    // The log starts anew, and is a good one; but not the one the checkpoint was signed over.
    tamper(&world, &format!("DELETE FROM events WHERE session_id = '{}'", session.id));
    let ran = world.calt(&["record", "verify", "--checkpoint", kept]);
    assert_eq!(ran.code, 6, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("the checkpoint given was signed over other events")
            || ran.stdout.contains("the checkpoint given is over"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_copy_that_nobody_can_write_to_is_verified_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    fn chmod(path: &Path, is_writable: bool) {
        let metadata = path.symlink_metadata().unwrap();
        let bits = if metadata.is_dir() { 0o500 } else { 0o400 };
        let bits = if is_writable { bits | 0o200 } else { bits };
        if is_writable {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
        }
        if metadata.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                chmod(&entry.unwrap().path(), is_writable);
            }
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
    }
    let world = World::as_ordinary_user(&[]);
    let session = world.owner().propose(&plan(1, &[look("a")]));
    world.owner().approve_plan(&session, 1).expect(200);
    // At rest after a clean end, and as a kill left it, with its WAL.
    for is_clean in [true, false] {
        if is_clean {
            world.end();
        } else {
            world.kill();
        }
        chmod(&world.data_root(), false);
        let ran = world.calt(&["record", "verify"]);
        chmod(&world.data_root(), true);
        assert_eq!(ran.code, 0, "clean: {is_clean}\n{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("PASS  read model"), "{}", ran.stdout);
        world.wake();
        world.owner().propose(&plan(1, &[look("a")]));
    }
}

#[test]
fn what_somebody_else_put_into_the_database_is_named_and_no_daemon_starts_on_it() {
    for (sql, named) in [
        ("CREATE TABLE kept (a); CREATE TRIGGER spy AFTER UPDATE ON events BEGIN INSERT INTO kept VALUES (old.summary); END", "the trigger `spy` is not calt's"),
        ("DROP TRIGGER events_are_never_deleted", "the trigger `events_are_never_deleted` is missing"),
        (
            "DROP TRIGGER events_are_dense; DROP TRIGGER events_are_never_deleted; DROP TRIGGER events_are_never_changed;
             PRAGMA legacy_alter_table = ON; ALTER TABLE events RENAME TO hidden; CREATE VIEW events AS SELECT * FROM hidden",
            "the view `events` is not calt's",
        ),
    ] {
        let world = World::start();
        world.owner().session();
        world.end();
        Connection::open(world.data_root().join("calt.sqlite3")).unwrap().execute_batch(sql).unwrap();
        let verified = world.calt(&["record", "verify"]);
        assert_eq!(verified.code, 6, "{}{}", verified.stdout, verified.stderr);
        assert!(verified.stdout.contains(named), "{}", verified.stdout);
        let started = world.calt(&["daemon", "--port", "0"]);
        assert_eq!(started.code, 69, "{}{}", started.stdout, started.stderr);
        assert!(started.stderr.contains("damaged"), "{}", started.stderr);
    }
}

#[test]
fn an_index_that_was_emptied_is_named_and_made_again() {
    let world = World::start();
    world.owner().session();
    world.end();
    assert_eq!(world.calt(&["record", "verify"]).code, 0);
    let database = Connection::open(world.data_root().join("calt.sqlite3")).unwrap();
    database
        .execute_batch(
            "DELETE FROM events_fts_idx; DELETE FROM events_fts_data WHERE id > 10;
             UPDATE events_fts_data SET block = x'00000000000000' WHERE id = 10;",
        )
        .unwrap();
    drop(database);
    let verified = world.calt(&["record", "verify"]);
    assert_eq!(verified.code, 6, "{}", verified.stdout);
    assert!(verified.stdout.contains("FAIL  index"), "{}", verified.stdout);
    assert_eq!(world.calt(&["record", "rebuild-index"]).code, 0);
    assert_eq!(world.calt(&["record", "verify"]).code, 0);
}

#[test]
fn a_record_stripped_of_its_texts_is_refused_by_both_verifiers() {
    let world = World::start();
    let session = long_session(&world);
    let path = exported(&world, &session, "whole.calt-record");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.retain(|line| line.get("file").is_none());
    for line in &mut lines {
        if let Some(event) = line.get_mut("event") {
            (event["salt"], event["summary"], event["payload_text"]) = (serde_json::Value::Null, "".into(), "".into());
        }
        if let Some(end) = line.get_mut("end") {
            end["files"] = 0.into();
        }
    }
    let stripped = lines.iter().map(serde_json::Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
    let path = world.home().join("stripped.calt-record");
    std::fs::write(&path, stripped).unwrap();
    let (code, said) = calt_verifies(&world, &path, &[]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("was removed, and no event says so"), "{said}");
    let (code, said) = python(&[path.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("was removed, and no event says so"), "{said}");
}

#[test]
fn a_checkpoint_file_that_is_a_pipe_holds_up_nobody() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let world = World::with(&[("CALT__RECORD__CHECKPOINT_FILE", pipe.to_str().unwrap())]);
    let signed = world.owner().post("/api/v1/checkpoints", &serde_json::json!({})).expect(200);
    assert!(signed.json()["note"].as_str().unwrap().starts_with("calt/"), "{}", signed.text());
    assert!(world.daemon_log().contains("could not be written"), "{}", world.daemon_log());
}

#[test]
fn a_viewer_takes_no_record_away() {
    let world = World::start();
    let session = world.owner().session();
    let path = format!("/api/v1/sessions/{}/export", session.id);
    for role in ["viewer", "agent"] {
        assert_eq!(world.someone(role, role).post_nothing(&path).line(), "403 not_allowed → ask_approver");
    }
    world.person("ada").post_nothing(&path).expect(200);
}

#[test]
fn records_taken_away_at_once_are_each_covered_by_their_checkpoint() {
    let world = World::start();
    let session = long_session(&world);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (command, session) = (world.command(), &session);
            let path = world.home().join(format!("{number}.calt-record"));
            scope.spawn(move || {
                let mut command = command;
                let taken = command.args(["record", "export", &session.id, "-o"]).arg(&path).output().unwrap();
                assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
            });
        }
    });
    for number in 0..8 {
        let (code, said) = calt_verifies(&world, &world.home().join(format!("{number}.calt-record")), &[]);
        assert_eq!(code, 0, "{said}");
    }
}
