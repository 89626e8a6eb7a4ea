//! Stop ends what runs, and nothing revives the session.

use calt_tests::World;
use rusqlite::params;

use crate::{command, look, plan};

/// Whether a process with this word in its command line is alive.
pub(crate) fn alive(marker: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(marker))
    })
}

/// Makes a pipe nobody writes to: whoever reads it waits.
pub(crate) fn make_pipe(world: &World, session: &calt_tests::Session, name: &str) {
    let path = world.workspace(&session.id).join(name);
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn stop_during_a_run_kills_it_and_the_session_stays_cancelled() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    let marker = format!("stop-me-{}", std::process::id());
    let session = agent.propose(&plan(1, &[command("a", &format!("cat {marker}")), look("b")]));
    make_pipe(&world, &session, &marker);
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    ada.approve(&session, "b").expect(200);
    let run = agent.start(&session, "a");
    world.until("the command runs", || alive(&marker));
    assert_eq!(agent.run(&session, "a").json()["code"], "run_in_progress");

    let stopped = ada.stop(&session).expect(200).json();
    assert_eq!(stopped["status"], "cancelled");
    assert!(!alive(&marker), "the command outlived the stop");
    let ended = ada.get(&format!("/api/v1/runs/{run}")).expect(200).json();
    assert_eq!(ended["state"], "cancelled");

    assert_eq!(ada.show(&session)["status"], "cancelled");
    assert_eq!(agent.run(&session, "b").json()["code"], "session_closed");
    assert_eq!(ada.approve_plan(&session, 1).json()["code"], "session_closed");
    assert_eq!(agent.import(&session, &plan(2, &[look("c")])).json()["code"], "session_closed");
    assert_eq!(ada.stop(&session).status, 200);
    let stops = ada.events(&session).iter().filter(|event| *event == "session_stopped").count();
    assert_eq!(stops, 1);
    let started: i64 = world
        .database()
        .query_row(
            "SELECT COUNT(*) FROM events WHERE session_id = ?1 AND event_type = 'step_started'",
            params![session.id],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(started, 1);
}

#[test]
fn runs_that_wait_keep_nobody_else_waiting() {
    /// More than the daemon runs at once, and more than it has threads for.
    const RUNS: usize = 70;
    let world = World::start();
    let ada = world.person("ada");
    let marker = format!("wait-for-me-{}", std::process::id());
    let sessions: Vec<_> = (0..RUNS)
        .map(|_| {
            let session = ada.propose(&plan(1, &[command("a", &format!("cat {marker}"))]));
            make_pipe(&world, &session, &marker);
            ada.approve_plan(&session, 1).expect(200);
            ada.approve(&session, "a").expect(200);
            session
        })
        .collect();
    let (address, bearer) = (world.address(), format!("Bearer {}", ada.token()));
    let (address, bearer) = (&address, &bearer);
    std::thread::scope(|scope| {
        let calls: Vec<_> = sessions
            .iter()
            .map(|session| {
                let path = format!("/api/v1/sessions/{}/steps/a/execute", session.id);
                scope.spawn(move || calt_tests::send(address, "POST", &path, &[("Authorization", bearer)], None))
            })
            .collect();
        world.until("as many run as may", || {
            ada.get("/api/v1/sessions?status=running&limit=500").json()["items"].as_array().unwrap().len() == 48
        });
        for session in &sessions {
            assert_eq!(ada.stop(session).expect(200).json()["status"], "cancelled");
        }
        for call in calls {
            let answer = call.join().unwrap();
            let (status, code) = (answer.status, answer.json()["code"].clone());
            assert!(status == 200 || (status, code.as_str()) == (409, Some("session_closed")), "{}", answer.text());
        }
    });
    assert!(!alive(&marker));
}

#[test]
fn a_step_that_takes_too_long_fails_and_its_process_is_gone() {
    let world = World::start();
    let ada = world.person("ada");
    let marker = format!("too-long-{}", std::process::id());
    let mut step = command("a", &format!("cat {marker}"));
    step["timeout_sec"] = serde_json::json!(1);
    let session = ada.propose(&plan(1, &[step]));
    make_pipe(&world, &session, &marker);
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    let ran = ada.run(&session, "a").expect(200).json();
    assert_eq!(ran["status"], "failed");
    assert!(!alive(&marker));
    assert!(ran["error"].as_str().unwrap().starts_with("tool_timeout: "), "{ran}");
    assert_eq!(ada.search(&session, "tool_timeout step_failed"), ["step_failed"]);
}
