//! What calt wrote can be taken back: by a plan like any other, and nothing else with it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use calt_tests::{Person, Reply, Session, Terminal, World};
use serde_json::{Value, json};

use crate::secrets::files_below;
use crate::{look, plan};

const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ456789";

/// A `change` step over these files.
fn change(id: &str, files: &Value) -> Value {
    json!({"id": id, "title": "change", "change": {"files": files}})
}

/// A session with a workspace, and the people who work on it.
struct Desk<'w> {
    world: &'w World,
    ada: Person<'w>,
    session: Session,
    version: u32,
}

impl<'w> Desk<'w> {
    fn new(world: &'w World) -> Self {
        let ada = world.person("ada");
        let session = ada.session();
        Self { world, ada, session, version: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.workspace(&self.session.id).join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>, mode: u32) -> &Self {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// Every file with its bytes and its mode.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>, u32)> {
        let mut files: Vec<_> = files_below(&self.path("."))
            .into_iter()
            .map(|path| {
                let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                (path.clone(), std::fs::read(&path).unwrap(), mode)
            })
            .collect();
        files.sort();
        files
    }

    /// Proposes, approves and runs a change; gives the run of the apply.
    fn change(&mut self, files: &Value) -> i64 {
        self.version += 1;
        let id = format!("c{}", self.version);
        self.ada.import(&self.session, &plan(self.version, &[change(&id, files)])).expect(200);
        self.ada.approve_plan(&self.session, self.version).expect(200);
        self.ada.carry_out(&self.session, &format!("{id}_preview"));
        self.ada.carry_out(&self.session, &format!("{id}_apply"))["run_id"].as_i64().unwrap()
    }

    fn write(&mut self, path: &str, content: &str) -> i64 {
        self.change(&json!([{"path": path, "content": content}]))
    }

    fn undo(&mut self, run: Option<i64>) -> Reply {
        let reply = undo(&self.ada, &self.session, run);
        if reply.status == 200 && reply.json()["session_id"] == self.session.id.as_str() {
            self.version = version_of(&reply);
        }
        reply
    }

    /// Makes the plan that takes back, approves it and runs it; gives the run of the apply.
    fn take_back(&mut self, run: Option<i64>) -> i64 {
        let made = self.undo(run).expect(200);
        see_through(&self.ada, &made)
    }
}

/// Starts an apply that writes its files and never ends: whoever opens a pipe to keep what it gave waits for a reader.
fn never_ends(desk: &Desk<'_>, session: &Session, step: &str, run: i64) -> u64 {
    let artifacts = desk.world.data_root().join("sessions").join(&session.id).join("artifacts");
    let pipe = artifacts.join(format!("{run}-{step}.json"));
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    desk.ada.start(session, step)
}

fn undo(by: &Person<'_>, session: &Session, run: Option<i64>) -> Reply {
    let path = format!("/api/v1/sessions/{}/undo", session.id);
    match run {
        Some(run) => by.post(&path, &json!({"run_id": run, "source": "api", "message_id": "m-1"})),
        None => by.post_nothing(&path),
    }
}

fn version_of(made: &Reply) -> u32 {
    u32::try_from(made.json()["version"].as_u64().unwrap()).unwrap()
}

fn session_of(made: &Reply) -> Session {
    Session { id: made.json()["session_id"].as_str().unwrap().to_owned() }
}

/// Approves and runs a plan that takes back.
fn see_through(by: &Person<'_>, made: &Reply) -> i64 {
    let session = session_of(made);
    by.approve_plan(&session, version_of(made)).expect(200);
    by.carry_out(&session, "take-back_preview");
    by.carry_out(&session, "take-back_apply")["run_id"].as_i64().unwrap()
}

fn paths(made: &Reply, list: &str) -> Vec<String> {
    let files = made.json()[list].as_array().unwrap_or_else(|| panic!("{}", made.text())).clone();
    files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

/// What a refused undo says of the files it leaves alone.
fn left_alone(refused: &Reply) -> Vec<(String, String)> {
    assert_eq!(refused.line(), "409 nothing_to_take_back → show_session", "{}", refused.text());
    let files = refused.json()["args"]["left_alone"].as_array().unwrap().clone();
    let text = |file: &Value, name: &str| file[name].as_str().unwrap().to_owned();
    files.iter().map(|file| (text(file, "path"), text(file, "reason"))).collect()
}

#[test]
fn one_file_is_as_it_was_once_the_plan_is_approved_and_run() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a.txt", "one\ntwo\n", 0o640);
    let run = desk.write("a.txt", "1\n2\n");
    let made = desk.undo(Some(run)).expect(200);
    let reply = made.json();
    assert_eq!(reply["title"], format!("Take back run {run} of {}", desk.session.id));
    assert_eq!(reply["taken_back"], json!([{"path": "a.txt", "from": null, "action": "restore", "run_id": run}]));
    assert_eq!((&reply["left_alone"], &reply["is_new_session"]), (&json!([]), &json!(false)));
    assert_eq!(reply["next"]["action"], "approve_plan");
    // Nothing is written until somebody says yes.
    assert_eq!(desk.text("a.txt"), "1\n2\n");
    assert_eq!(desk.ada.run(&desk.session, "take-back_preview").json()["code"], "plan_not_approved");
    assert_eq!(desk.ada.events(&desk.session).last().unwrap(), "plan_imported");
    desk.ada.approve_plan(&desk.session, version_of(&made)).expect(200);
    let shown = desk.ada.carry_out(&desk.session, "take-back_preview");
    assert_eq!(shown["output"]["diff"], "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n-1\n-2\n+one\n+two\n");
    assert_eq!(desk.text("a.txt"), "1\n2\n");
    assert_eq!(desk.ada.run(&desk.session, "take-back_apply").json()["code"], "step_not_approved");
    desk.ada.carry_out(&desk.session, "take-back_apply");
    assert_eq!((desk.text("a.txt").as_str(), desk.mode("a.txt")), ("one\ntwo\n", 0o640));
    assert_eq!(desk.ada.show(&desk.session)["status"], "succeeded");
}

#[test]
fn made_changed_deleted_and_renamed_files_come_back_together_with_their_bytes_and_modes() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    let binary: Vec<u8> = (0..=255).rev().cycle().take(70_000).collect();
    desk.put("text", "old\n", 0o600).put("tool.sh", "#!/bin/sh\n", 0o755).put("bin", &binary, 0o644);
    desk.put("d/moved", b"\xff\xfe not text", 0o711).put("empty", "", 0o644);
    let before = desk.files();
    desk.change(&json!([
        {"path": "text", "content": "new\n", "mode": "0755"},
        {"path": "tool.sh", "mode": "0644"},
        {"path": "bin", "delete": true},
        {"path": "empty", "delete": true},
        {"path": "d/moved", "rename_to": "e/there"},
        {"path": "n/new", "content": "made\n", "mode": "0755"},
    ]));
    let after = desk.files();
    let made = desk.undo(None).expect(200);
    assert_eq!(paths(&made, "taken_back"), ["bin", "d/moved", "empty", "n/new", "text", "tool.sh"]);
    let actions: Vec<_> =
        made.json()["taken_back"].as_array().unwrap().iter().map(|file| file["action"].clone()).collect();
    assert_eq!(actions, ["restore", "rename", "restore", "delete", "restore", "restore"]);
    let run = see_through(&desk.ada, &made);
    assert_eq!(desk.files(), before);

    // The undo is a write like any other: it is taken back itself.
    desk.take_back(Some(run));
    assert_eq!(desk.files(), after);
}

#[test]
fn a_file_that_somebody_changed_since_is_named_and_left_alone() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "old a\n", 0o644).put("b", "old b\n", 0o644).put("c", "c\n", 0o644).put("m", "m\n", 0o644);
    let run = desk.change(&json!([
        {"path": "a", "content": "new a\n"},
        {"path": "b", "content": "new b\n"},
        {"path": "c", "rename_to": "c2"},
        {"path": "gone", "content": "x\n"},
        {"path": "m", "content": "mm\n"},
    ]));
    desk.put("b", "somebody's\n", 0o644).put("c2", "edited\n", 0o644).put("m", "mm\n", 0o600);
    std::fs::remove_file(desk.path("gone")).unwrap();
    let made = desk.undo(Some(run)).expect(200);
    assert_eq!(paths(&made, "taken_back"), ["a"]);
    let left: Vec<_> = made.json()["left_alone"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{}: {}", file["path"].as_str().unwrap(), file["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        left,
        [
            format!("b: somebody changed it since run {run}"),
            "c: a rename ties it to `c2`, which is left alone".to_owned(),
            format!("c2: somebody changed it since run {run}"),
            format!("gone: somebody removed it since run {run}"),
            format!("m: somebody changed its permission bits since run {run}"),
        ]
    );
    // Whoever approves sees it in the plan.
    let step = desk.ada.step(&desk.session, "take-back_apply");
    assert_eq!(step["preconditions"][0], format!("`b` is left alone: somebody changed it since run {run}"));
    see_through(&desk.ada, &made);
    assert_eq!((desk.text("a").as_str(), desk.text("b").as_str()), ("old a\n", "somebody's\n"));
    assert_eq!(desk.text("c2"), "edited\n");
    let refused = desk.undo(Some(run));
    assert_eq!(left_alone(&refused).len(), 6);
    assert!(refused.json()["detail"].as_str().unwrap().contains("`a` and 5 more are left alone"), "{}", refused.text());
}

#[test]
fn a_file_changed_between_the_undo_and_its_preview_is_not_overwritten() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "old\n", 0o644);
    let run = desk.write("a", "new\n");
    let made = desk.undo(Some(run)).expect(200);
    desk.put("a", "somebody's\n", 0o644);
    desk.ada.approve_plan(&desk.session, version_of(&made)).expect(200);
    desk.ada.approve(&desk.session, "take-back_preview").expect(200);
    let failed = desk.ada.run(&desk.session, "take-back_preview").expect(200).json();
    assert_eq!(failed["status"], "failed");
    assert!(failed["error"].as_str().unwrap().contains("`a` is not what the plan expects there"), "{failed}");
    assert_eq!(desk.text("a"), "somebody's\n");
    assert_eq!(left_alone(&desk.undo(Some(run))), [("a".to_owned(), format!("somebody changed it since run {run}"))]);
}

#[test]
fn one_run_among_several_is_taken_back_only_when_nothing_was_written_on_top() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "0\n", 0o644).put("b", "0\n", 0o644);
    let first = desk.change(&json!([{"path": "a", "content": "1\n"}, {"path": "b", "content": "1\n"}]));
    let second = desk.write("a", "2\n");
    let made = desk.undo(Some(first)).expect(200);
    assert_eq!(paths(&made, "taken_back"), ["b"]);
    assert_eq!(made.json()["left_alone"][0]["reason"], format!("run {second} wrote it after run {first}"));
    see_through(&desk.ada, &made);
    assert_eq!((desk.text("a"), desk.text("b")), ("2\n".to_owned(), "0\n".to_owned()));
    desk.take_back(Some(second));
    assert_eq!(desk.text("a"), "1\n");
    desk.take_back(Some(first));
    assert_eq!(desk.text("a"), "0\n");
}

#[test]
fn without_a_run_everything_goes_back_to_before_the_session_wrote() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "0\n", 0o600).put("old", "o\n", 0o644);
    let before = desk.files();
    desk.write("a", "1\n");
    desk.change(&json!([{"path": "old", "rename_to": "between"}]));
    desk.change(&json!([{"path": "between", "rename_to": "last", "content": "p\n"}, {"path": "a", "mode": "0755"}]));
    desk.write("made", "m\n");
    let latest = desk.files();
    let run = desk.take_back(None);
    assert_eq!(desk.files(), before);
    // Once more there is nothing left; the undo itself is taken back by its own number.
    assert_eq!(left_alone(&desk.undo(None)), []);
    desk.take_back(Some(run));
    assert_eq!(desk.files(), latest);
    desk.take_back(None);
    assert_eq!(desk.files(), before);
}

#[test]
fn what_somebody_wrote_between_two_runs_comes_back_and_is_never_skipped() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "0\n", 0o644);
    let first = desk.write("a", "1\n");
    desk.put("a", "somebody's\n", 0o644);
    desk.write("a", "2\n");
    let made = desk.undo(None).expect(200);
    let reason = format!("somebody changed it after run {first}; that and what was before it stays");
    assert_eq!(made.json()["left_alone"], json!([{"path": "a", "reason": reason}]));
    see_through(&desk.ada, &made);
    assert_eq!(desk.text("a"), "somebody's\n");
    assert_eq!(left_alone(&desk.undo(None)), [("a".to_owned(), reason)]);
}

#[test]
fn a_failure_by_verify_offers_to_take_back_what_stays() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "old\n", 0o644);
    let mut step = change("c", &json!([{"path": "a", "content": "new\n"}]));
    step["verify"] = json!({"type": "artifact_exists", "expr": "nowhere"});
    desk.ada.import(&desk.session, &plan(1, &[step, look("b")])).expect(200);
    desk.ada.approve_plan(&desk.session, 1).expect(200);
    desk.ada.carry_out(&desk.session, "c_preview");
    desk.ada.approve_shown(&desk.session, "c_apply").expect(200);
    let failed = desk.ada.run(&desk.session, "c_apply").expect(200).json();
    assert_eq!((failed["status"].as_str(), desk.text("a").as_str()), (Some("failed"), "new\n"));
    let run = failed["run_id"].as_i64().unwrap();
    let offered = json!({"action": "take_back", "session": desk.session.id, "run": run});
    assert_eq!(desk.ada.get(&format!("/api/v1/runs/{run}")).json()["next"], offered);
    let events = desk.ada.get(&format!("/api/v1/sessions/{}/events?limit=500", desk.session.id)).json();
    let last = events["items"].as_array().unwrap().last().unwrap().clone();
    let payload: Value = serde_json::from_str(last["payload_text"].as_str().unwrap()).unwrap();
    assert_eq!((last["event_type"].as_str(), &payload["next"]), (Some("step_failed"), &offered));
    let explained = world.calt(&["explain", &desk.session.id]);
    assert!(explained.stdout.contains(&format!("calt undo {} {run}", desk.session.id)), "{}", explained.stdout);
    desk.take_back(Some(run));
    assert_eq!(desk.text("a"), "old\n");
    assert_eq!(desk.ada.show(&desk.session)["status"], "succeeded");
}

#[test]
fn an_apply_that_was_cut_off_when_all_was_written_is_taken_back() {
    let world = World::start();
    let desk = Desk::new(&world);
    desk.put("a", "old\n", 0o640).put("b", "b\n", 0o644);
    desk.ada
        .import(
            &desk.session,
            &plan(1, &[change("c", &json!([{"path": "a", "content": "new\n"}, {"path": "b", "delete": true}]))]),
        )
        .expect(200);
    desk.ada.approve_plan(&desk.session, 1).expect(200);
    let previewed = desk.ada.carry_out(&desk.session, "c_preview")["run_id"].as_i64().unwrap();
    desk.ada.approve_shown(&desk.session, "c_apply").expect(200);
    let run = never_ends(&desk, &desk.session, "c_apply", previewed + 1);
    world.until("the files are written", || desk.text("a") == "new\n" && !desk.path("b").exists());
    world.kill();
    world.wake();
    let owner = world.owner();
    let ended = owner.get(&format!("/api/v1/runs/{run}")).expect(200).json();
    assert_eq!((ended["run_id"].as_i64(), ended["state"].as_str()), (Some(previewed + 1), Some("interrupted")));
    assert_eq!(ended["next"], json!({"action": "take_back", "session": desk.session.id, "run": ended["run_id"]}));
    assert_eq!(desk.text("a"), "new\n");
    let made = undo(&owner, &desk.session, ended["run_id"].as_i64()).expect(200);
    assert_eq!(paths(&made, "taken_back"), ["a", "b"]);
    see_through(&owner, &made);
    assert_eq!((desk.text("a").as_str(), desk.mode("a"), desk.text("b").as_str()), ("old\n", 0o640, "b\n"));
}

#[test]
fn an_undo_that_was_cut_off_on_the_files_of_a_stopped_session_is_found_as_it_is() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "old\n", 0o640);
    let written = desk.write("a", "new\n");
    desk.ada.stop(&desk.session).expect(200);
    let made = desk.undo(None).expect(200);
    let next = session_of(&made);
    desk.ada.approve_plan(&next, 1).expect(200);
    desk.ada.carry_out(&next, "take-back_preview");
    desk.ada.approve_shown(&next, "take-back_apply").expect(200);
    never_ends(&desk, &next, "take-back_apply", written + 2);
    world.until("the file is back", || desk.text("a") == "old\n");
    world.kill();
    world.wake();
    let owner = world.owner();
    let ended = owner.get(&format!("/api/v1/runs/{}", written + 2)).expect(200).json();
    assert_eq!((ended["state"].as_str(), ended["next"]["action"].as_str()), (Some("interrupted"), Some("take_back")));
    assert_eq!(desk.text("a"), "old\n");
    assert_eq!(left_alone(&undo(&owner, &desk.session, None)), []);
    see_through(&owner, &undo(&owner, &next, Some(written + 2)).expect(200));
    assert_eq!((desk.text("a").as_str(), desk.mode("a")), ("new\n", 0o640));
}

#[test]
fn after_a_stop_one_new_session_goes_on_with_the_same_files() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "0\n", 0o644);
    desk.write("a", "1\n");
    desk.ada.stop(&desk.session).expect(200);
    let made = desk.undo(None).expect(200);
    let reply = made.json();
    assert_eq!(reply["is_new_session"], true);
    let next = session_of(&made);
    assert_ne!(next.id, desk.session.id);
    let shown = desk.ada.show(&next);
    assert_eq!(shown["workspace"], json!({"kind": "of", "session": desk.session.id}));
    assert_eq!(
        (shown["goal"].as_str().unwrap(), shown["safety_profile"].as_str(), shown["origin"].as_str()),
        (format!("Take back what {} wrote", desk.session.id).as_str(), Some("strict"), Some("undo"))
    );
    // Asked again, the same session and the same plan answer: two never work on the same files.
    let again = desk.undo(None).expect(200);
    assert_eq!((session_of(&again).id, version_of(&again)), (next.id.clone(), 1));
    assert_eq!(again.json()["is_new_session"], false);
    let imported = desk.ada.events(&next).iter().filter(|event| *event == "plan_imported").count();
    assert_eq!(imported, 1);
    // The plan an approver saw bears the digests that count.
    let listed = desk.ada.get(&format!("/api/v1/sessions/{}/plans/1", next.id)).json();
    assert_eq!(listed["steps"][0]["digest"], desk.ada.step(&next, "take-back_preview")["digest"]);

    world.end();
    world.wake();
    let owner = world.owner();
    let run = see_through(&owner, &made);
    assert_eq!(desk.text("a"), "0\n");
    assert_eq!(owner.show(&next)["status"], "succeeded");
    assert_eq!(left_alone(&undo(&owner, &desk.session, None)), []);
    // What the new session wrote is kept beside the workspace, so that it can be taken back as well.
    let forward = undo(&owner, &next, Some(run)).expect(200);
    assert_eq!((session_of(&forward).id, version_of(&forward)), (next.id.clone(), 2));
    owner.stop(&next).expect(200);
    let third = undo(&owner, &next, None).expect(200);
    assert_ne!(session_of(&third).id, next.id);
    see_through(&owner, &third);
    assert_eq!(desk.text("a"), "1\n");
    assert_eq!(owner.show(&session_of(&third))["workspace"]["session"], desk.session.id.as_str());
}

#[test]
fn undos_at_once_of_a_stopped_session_open_one_session() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.write("a", "1\n");
    desk.ada.stop(&desk.session).expect(200);
    let (address, bearer) = (world.address(), format!("Bearer {}", desk.ada.token()));
    let path = format!("/api/v1/sessions/{}/undo", desk.session.id);
    let sessions: Vec<String> = std::thread::scope(|scope| {
        let ask = || calt_tests::send(&address, "POST", &path, &[("Authorization", &bearer)], None);
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        calls.into_iter().map(|call| session_of(&call.join().unwrap().expect(200)).id).collect()
    });
    assert!(sessions.iter().all(|session| *session == sessions[0]), "{sessions:?}");
}

#[test]
fn an_agent_proposes_an_undo_and_approves_nothing() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "0\n", 0o644);
    let run = desk.write("a", "1\n");
    let agent = world.agent();
    let made = undo(&agent, &desk.session, Some(run)).expect(200);
    assert_eq!(agent.approve_plan(&desk.session, version_of(&made)).json()["code"], "not_allowed");
    assert_eq!(agent.run(&desk.session, "take-back_preview").json()["code"], "plan_not_approved");
    assert_eq!(
        world.someone("vic", "viewer").post_nothing(&format!("/api/v1/sessions/{}/undo", desk.session.id)).status,
        403
    );
    // It names a session and a run, and nothing else.
    let path = format!("/api/v1/sessions/{}/undo", desk.session.id);
    assert_eq!(agent.post(&path, &json!({"path": "/etc/passwd"})).json()["code"], "input_invalid");
    assert_eq!(desk.text("a"), "1\n");
    see_through(&desk.ada, &made);
    assert_eq!(desk.text("a"), "0\n");
}

#[test]
fn a_pre_image_belongs_to_its_workspace_alone() {
    let world = World::start();
    let (mut desk, other) = (Desk::new(&world), Desk::new(&world));
    desk.put("a", "private\n", 0o644);
    let run = desk.write("a", "1\n");
    assert_eq!(undo(&desk.ada, &other.session, Some(run)).line(), "404 run_not_found → list_sessions");
    let preview = undo(&desk.ada, &desk.session, Some(run - 1)).json()["detail"].to_string();
    assert!(preview.contains(&format!("run {} wrote nothing", run - 1)), "{preview}");
    let kept = std::fs::read_dir(desk.path("../preimages").join(run.to_string())).unwrap().next().unwrap().unwrap();
    let sha256 = kept.file_name().into_string().unwrap();
    let stolen = json!([{"path": "b", "restore": {"run": run, "sha256": sha256}}]);
    other.ada.import(&other.session, &plan(1, &[change("c", &stolen)])).expect(200);
    other.ada.approve_plan(&other.session, 1).expect(200);
    other.ada.approve(&other.session, "c_preview").expect(200);
    let failed = other.ada.run(&other.session, "c_preview").expect(200).json();
    assert!(failed["error"].as_str().unwrap().ends_with("is missing"), "{failed}");
    assert!(!other.path("b").exists());
}

#[test]
fn a_secret_comes_back_whole_and_shows_nowhere() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    let content = format!("token = {SECRET}\nname = demo\n");
    desk.put("conf", &content, 0o600);
    let run = desk.change(&json!([{"path": "conf", "delete": true}]));
    let mut replies = vec![desk.undo(Some(run)).expect(200).text()];
    replies.push(desk.ada.get(&format!("/api/v1/sessions/{}/plans/{}", desk.session.id, desk.version)).text());
    desk.ada.approve_plan(&desk.session, desk.version).expect(200);
    for step in ["take-back_preview", "take-back_apply"] {
        replies.push(desk.ada.step(&desk.session, step).to_string());
        replies.push(desk.ada.carry_out(&desk.session, step).to_string());
    }
    replies.push(desk.ada.get(&format!("/api/v1/sessions/{}/events?limit=500", desk.session.id)).text());
    assert_eq!((desk.text("conf"), desk.mode("conf")), (content, 0o600));
    assert!(replies.iter().all(|reply| !reply.contains(SECRET)), "{replies:#?}");
    // The digest that names what is restored is no secret: whoever approves sees it.
    assert!(replies[1].contains(&calt_core::Digest::of_bytes(desk.text("conf").as_bytes()).to_string()));
    let holds = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(SECRET);
    let kept = |path: &PathBuf| {
        path.components().any(|part| ["workspace", "preimages"].iter().any(|name| part.as_os_str() == *name))
    };
    let leaked: Vec<_> =
        files_below(&world.data_root()).into_iter().filter(|path| !kept(path) && holds(path)).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
}

#[test]
fn a_pre_image_that_is_missing_or_damaged_is_said_and_the_file_is_untouched() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "old a\n", 0o644).put("b", "old b\n", 0o644);
    let run = desk.change(&json!([{"path": "a", "content": "new a\n"}, {"path": "b", "content": "new b\n"}]));
    let room = desk.path("../preimages").join(run.to_string());
    let kept = |text: &str| room.join(calt_core::Digest::of_bytes(text.as_bytes()).to_string());
    let made = desk.undo(Some(run)).expect(200);
    std::fs::write(kept("old a\n"), "something else").unwrap();
    desk.ada.approve_plan(&desk.session, version_of(&made)).expect(200);
    desk.ada.approve(&desk.session, "take-back_preview").expect(200);
    let failed = desk.ada.run(&desk.session, "take-back_preview").expect(200).json();
    assert!(failed["error"].as_str().unwrap().contains("is damaged: it no longer has its digest"), "{failed}");
    assert_eq!((desk.text("a").as_str(), desk.text("b").as_str()), ("new a\n", "new b\n"));

    // Asked again, it takes back what can be taken back and names the rest.
    let made = desk.undo(Some(run)).expect(200);
    assert_eq!((paths(&made, "taken_back"), paths(&made, "left_alone")), (vec!["b".to_owned()], vec!["a".to_owned()]));
    std::fs::remove_file(kept("old a\n")).unwrap();
    std::fs::remove_file(kept("old b\n")).unwrap();
    let left = left_alone(&desk.undo(Some(run)));
    assert!(left.iter().all(|(_, reason)| reason.contains("is missing")), "{left:?}");
}

#[test]
fn the_command_shows_the_plan_and_the_next_command() {
    let world = World::start();
    let mut desk = Desk::new(&world);
    desk.put("a", "0\n", 0o644).put("b", "0\n", 0o644);
    let run = desk.change(&json!([
        {"path": "a", "content": "1\n"}, {"path": "b", "content": "1\n"}, {"path": "n", "content": "n\n"}]));
    desk.put("b", "somebody's\n", 0o644);
    let ran = world.calt(&["undo", &desk.session.id, &run.to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let session = &desk.session.id;
    assert_eq!(
        ran.stdout,
        format!(
            "Take back run {run} of {session}\nplan v2 of {session}\n\nIt would put back, once it is approved\n  \
             a: as before run {run}\n  n: goes, as before run {run}\n\nIt leaves alone\n  \
             b: somebody changed it since run {run}\n"
        )
    );
    let drop = format!("Nothing has changed. To drop this plan:\n  calt plan reject {session} 2\n");
    assert_eq!(ran.stderr, format!("{drop}hint: calt run --session {session}\n"));
    let missing = world.calt(&["undo", session, "999"]);
    assert_eq!(missing.stderr, format!("error: run 999 was not found\nhint: calt explain {session}\n"));
    let done = world.calt(&["run", "--session", session, "--yes"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(desk.text("a") == "0\n" && !desk.path("n").exists());
    let nothing = world.calt(&["undo", session, "--json"]);
    let said: Value = serde_json::from_str(&nothing.stdout).unwrap();
    assert_eq!((nothing.code, said["code"].as_str()), (3, Some("nothing_to_take_back")));
    assert_eq!(said["hint"], format!("calt explain {session}"));
}

#[test]
fn a_run_that_fails_after_a_write_ends_with_the_command_that_takes_it_back() {
    let world = World::start();
    let mut step = change("c", &json!([{"path": "a", "content": "new\n"}]));
    step["verify"] = json!({"type": "artifact_exists", "expr": "nowhere"});
    std::fs::write(world.home().join("plan.json"), plan(1, &[step]).to_string()).unwrap();
    let ran = world.calt(&["run", "plan.json", "--yes"]);
    let session = world.owner().get("/api/v1/sessions").json()["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("what it wrote stays until it is taken back"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with(&format!("hint: calt undo {session} 2\n")), "{}", ran.stderr);
    assert!(world.workspace(&session).join("a").exists());
    // A person at a terminal goes on from the list to the looks of a run.
    let terminal = Terminal::run(&world, 100, &["undo", &session, "2"]);
    let shown = terminal.waits_for("[y]es, [n]o: ", 1);
    assert!(shown.contains("a: goes, as before run 2") && shown.contains("Look at this plan now?"), "{shown}");
    terminal.types("y");
    for look in 1..=2 {
        terminal.waits_for("[s]kip a step: ", look);
        terminal.types("y");
    }
    let end = terminal.waits_for("exit ", 1);
    assert!(end.contains("exit 0") && end.contains("removed a"), "{end}");
    assert!(!world.workspace(&session).join("a").exists());
}

#[test]
fn more_files_than_one_step_holds_go_back_in_several_after_one_look() {
    const FILES: usize = 520;
    let world = World::start();
    let mut desk = Desk::new(&world);
    let named = |range: std::ops::Range<usize>| {
        json!(range.map(|number| json!({"path": format!("d/{number:04}"), "content": "x"})).collect::<Vec<_>>())
    };
    desk.change(&named(0..300));
    desk.change(&named(300..FILES));
    let made = desk.undo(None).expect(200);
    assert_eq!(paths(&made, "taken_back").len(), FILES);
    desk.ada.approve_plan(&desk.session, 3).expect(200);
    for step in ["take-back_preview", "take-back-2_preview", "take-back_apply", "take-back-2_apply"] {
        desk.ada.carry_out(&desk.session, step);
    }
    assert_eq!((desk.files(), desk.ada.show(&desk.session)["status"].as_str()), (Vec::new(), Some("succeeded")));
}
