//! A full disk: at whatever write it becomes full, the answer is clear, reads go on, and nothing is lost.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use calt_tests::{Person, Reply, Session, World, send};
use serde_json::{Value, json};

use super::own_mounts::{mount_small_disk, with_own_mounts};
use crate::kills::{Log, Note, judge};
use crate::stop::{alive, make_pipe};
use crate::{command, plan};

/// Size of the disk, in KiB: many sessions, and yet quickly full.
const DISK_KIB: usize = 24 * 1024;
/// What is left free when a write comes, in KiB: so that each time another part of it finds no room.
const LEFT_KIB: [usize; 5] = [0, 4, 12, 28, 64];
/// What a session does; before each of these the disk is filled once.
const ACTS: usize = 7;

/// What fills the disk.
struct Filler {
    path: PathBuf,
}

impl Filler {
    fn fill(&self, left_kib: usize) {
        let mut file = File::create(&self.path).unwrap();
        let piece = vec![b'x'; 4096];
        loop {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::StorageFull);
                    break;
                }
            }
        }
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(left_kib as u64 * 1024)).unwrap();
    }

    fn free(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One session on its way, with the answers it got.
struct Errand<'w> {
    owner: Person<'w>,
    session: Option<Session>,
    notes: Vec<Note>,
    refused: Vec<String>,
}

impl Errand<'_> {
    fn act(&mut self, act: usize) {
        let Some(session) = &self.session else {
            let made = self.owner.post("/api/v1/sessions", &json!({"goal": "an errand"}));
            if let Some(made) = self.took(&made) {
                let id = made["id"].as_str().unwrap().to_owned();
                self.notes.push(Note::Created { session: id.clone() });
                self.session = Some(Session { id });
            }
            return;
        };
        let session = session.clone();
        match act {
            0 => {}
            1 => {
                let reply = self.owner.import(&session, &plan(1, &steps()));
                if self.took(&reply).is_some() {
                    self.notes.push(Note::Imported { session: session.id, version: 1 });
                }
            }
            2 => {
                let reply = self.owner.approve_plan(&session, 1);
                self.decided(&reply, "plan_approved");
            }
            3 | 5 => {
                let step = if act == 3 { "preview" } else { "apply" };
                let shown = self.owner.get(&format!("/api/v1/sessions/{}/steps/{step}", session.id));
                let Some(shown) = self.took(&shown) else { return };
                let path = format!("/api/v1/sessions/{}/steps/{step}/approve", session.id);
                let reply = self.owner.post(&path, &json!({"digest": shown["digest"]}));
                self.decided(&reply, "step_approved");
            }
            _ => {
                let reply = self.owner.run(&session, if act == 4 { "preview" } else { "apply" });
                if let Some(ended) = self.took(&reply) {
                    let run = ended["run_id"].as_i64().unwrap();
                    self.notes.push(Note::Ended { run, succeeded: ended["status"] == "succeeded" });
                }
            }
        }
    }

    fn decided(&mut self, reply: &Reply, event_type: &'static str) {
        if let Some(decided) = self.took(reply) {
            let decision = decided["decision_id"].as_str().unwrap().to_owned();
            self.notes.push(Note::Decided { decision, event_type });
        }
    }

    /// The answer of a yes. A no must be that the storage is full, or the gate's, to what was not done before.
    fn took(&mut self, reply: &Reply) -> Option<Value> {
        if reply.status == 200 {
            return Some(reply.json());
        }
        let line = reply.line();
        let is_clear = ["507 storage_full", "503 storage_unavailable", "409 ", "404 "];
        assert!(is_clear.iter().any(|clear| line.starts_with(clear)), "{}", reply.text());
        self.refused.push(line);
        None
    }
}

fn steps() -> Vec<Value> {
    let long = "a line of some length, so that the file takes a few pages\n".repeat(200);
    let files = json!([{"path": "d/one.txt", "content": long}, {"path": "d/two.txt", "content": long}]);
    vec![
        json!({"id": "preview", "title": "preview", "tool": "apply_patch", "inputs": {"mode": "preview", "files": files}}),
        json!({"id": "apply", "title": "apply", "tool": "apply_patch",
            "inputs": {"mode": "apply", "files": files, "preview": "${steps.preview.output}"}}),
    ]
}

#[test]
fn a_disk_that_is_full_at_any_write_loses_nothing_and_work_goes_on() {
    with_own_mounts("faults::full::a_disk_that_is_full_at_any_write_loses_nothing_and_work_goes_on", || {
        let world = World::asleep(&[]);
        mount_small_disk(&world.data_root(), DISK_KIB);
        world.wake();
        let filler = Filler { path: world.data_root().join("filler") };
        let (mut notes, mut refused) = (Vec::new(), Vec::new());
        for left_kib in LEFT_KIB {
            for full_at in 0..ACTS {
                let errand = Errand { owner: world.owner(), session: None, notes: Vec::new(), refused: Vec::new() };
                let done = errand_with_a_full_disk(&world, &filler, errand, full_at, left_kib);
                notes.extend(done.notes);
                refused.extend(done.refused);
            }
        }
        let full = refused.iter().filter(|line| line.starts_with("507 storage_full")).count();
        println!("{full} of {} refusals said that the storage is full: {refused:?}", refused.len());
        assert!(full > LEFT_KIB.len(), "the disk was hardly ever full: {refused:?}");
        let faults = judge(&Log::read(&world.data_root()), &world.data_root(), &notes);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let page = world.owner().get("/api/v1/events/search?q=session_created").expect(200).json();
        assert!(page["notice"].is_null(), "the index goes on as well: {}", page["notice"]);
        world.kill();
        world.wake();
        let faults = judge(&Log::read(&world.data_root()), &world.data_root(), &notes);
        assert!(faults.is_empty(), "after a restart: {}", faults.join("\n"));
    });
}

#[test]
fn a_run_that_ends_on_a_full_disk_gets_its_end_when_there_is_space() {
    with_own_mounts("faults::full::a_run_that_ends_on_a_full_disk_gets_its_end_when_there_is_space", || {
        let world = World::asleep(&[]);
        mount_small_disk(&world.data_root(), DISK_KIB);
        world.wake();
        let filler = Filler { path: world.data_root().join("filler") };
        let (owner, marker) = (world.owner(), format!("full-{}", std::process::id()));
        let session = owner.propose(&plan(1, &[command("a", &format!("cat {marker}"))]));
        make_pipe(&world, &session, &marker);
        owner.approve_plan(&session, 1).expect(200);
        owner.approve(&session, "a").expect(200);
        let (address, bearer) = (world.address(), format!("Bearer {}", owner.token()));
        let path = format!("/api/v1/sessions/{}/steps/a/execute", session.id);
        let reply = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| send(&address, "POST", &path, &[("Authorization", &bearer)], None));
            world.until("the command runs", || alive(&marker));
            filler.fill(0);
            std::fs::write(world.workspace(&session.id).join(&marker), "said at last").unwrap();
            waiting.join().unwrap()
        });
        assert_eq!(reply.line(), "507 storage_full → run_doctor");
        assert_eq!(owner.show(&session)["status"], "running");
        assert_eq!(owner.stop(&session).line(), "507 storage_full → run_doctor");
        filler.free();
        owner.stop(&session).expect(200);
        let events = owner.events(&session);
        assert_eq!(events[events.len() - 2..], ["session_stopped", "step_failed"]);
        assert!(world.daemon_log().contains("the end of a run is recorded at last"), "{}", world.daemon_log());
    });
}

/// Everything up to an act, a disk that is full from then on, and space again for what was refused.
fn errand_with_a_full_disk<'w>(
    world: &World,
    filler: &Filler,
    mut errand: Errand<'w>,
    full_at: usize,
    left_kib: usize,
) -> Errand<'w> {
    for act in 0..full_at {
        errand.act(act);
        assert!(errand.refused.is_empty(), "{:?}", errand.refused);
    }
    filler.fill(left_kib);
    for act in full_at..ACTS {
        errand.act(act);
        errand.owner.get("/api/v1/sessions").expect(200);
        errand.owner.get("/api/v1/events/search?q=created").expect(200);
    }
    filler.free();
    let running = |run: &Value| run["status"] == "running";
    world.until("every run has its end", || {
        let page = errand.owner.get("/api/v1/sessions?status=running").expect(200).json();
        !page["items"].as_array().unwrap().iter().any(running)
    });
    // The same session goes on, unless a step failed for want of space: then with a new plan, as after any failure.
    let Some(session) = errand.session.clone() else {
        errand.owner.session();
        return errand;
    };
    let shown = errand.owner.show(&session);
    if !["succeeded", "awaiting_plan_approval", "awaiting_step_approval"].contains(&shown["status"].as_str().unwrap()) {
        let version = shown["plan_version"].as_u64().map_or(1, |version| version as u32 + 1);
        errand.owner.import(&session, &plan(version, &steps())).expect(200);
        errand.notes.push(Note::Imported { session: session.id.clone(), version: version.into() });
    }
    errand
}
