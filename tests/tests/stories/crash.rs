//! A crash loses nothing and repeats nothing.

use calt_tests::World;

use crate::stop::{alive, make_pipe};
use crate::{command, look, plan};

#[test]
fn a_run_cut_off_by_kill_9_is_recorded_as_interrupted_and_never_repeated() {
    let world = World::start();
    let marker = format!("crash-{}", std::process::id());
    let (session, run) = {
        let (agent, ada) = (world.agent(), world.person("ada"));
        let session = agent.propose(&plan(1, &[command("a", &format!("cat {marker}")), look("b")]));
        make_pipe(&world, &session, &marker);
        ada.approve_plan(&session, 1).expect(200);
        ada.approve(&session, "a").expect(200);
        ada.approve(&session, "b").expect(200);
        let run = agent.start(&session, "a");
        world.until("the command runs", || alive(&marker));
        (session, run)
    };
    world.kill();
    world.wake();
    let owner = world.owner();
    assert_eq!(owner.get(&format!("/api/v1/runs/{run}")).expect(200).json()["state"], "interrupted");
    let shown = owner.show(&session);
    assert_eq!((shown["status"].as_str(), shown["needs_replan"].as_bool()), (Some("failed"), Some(true)));
    assert_eq!(owner.run(&session, "a").json()["code"], "needs_replan");
    assert_eq!(owner.run(&session, "b").json()["code"], "needs_replan");
    let events = owner.events(&session);
    assert_eq!(events.iter().filter(|event| *event == "step_started").count(), 1);
    assert_eq!(events.iter().filter(|event| *event == "step_interrupted").count(), 1);
    owner.import(&session, &plan(2, &[look("c")])).expect(200);
    owner.approve_plan(&session, 2).expect(200);
    owner.carry_out(&session, "c");
    assert_eq!(owner.show(&session)["status"], "succeeded");
    // Let go of the reader that waits on the pipe: until the box has landed it outlives its daemon.
    let pipe = world.workspace(&session.id).join(&marker);
    let _ = std::fs::OpenOptions::new().write(true).custom_flags_nonblocking().open(pipe);
}

/// Opening a pipe for writing must not wait when its reader is gone already.
trait NonBlocking {
    fn custom_flags_nonblocking(&mut self) -> &mut Self;
}

impl NonBlocking for std::fs::OpenOptions {
    fn custom_flags_nonblocking(&mut self) -> &mut Self {
        use std::os::unix::fs::OpenOptionsExt as _;
        const O_NONBLOCK: i32 = 0o4000;
        self.custom_flags(O_NONBLOCK)
    }
}

#[test]
fn approvals_and_pending_steps_survive_a_crash() {
    let world = World::start();
    let session = {
        let ada = world.person("ada");
        let session = ada.propose(&plan(1, &[look("a"), look("b")]));
        ada.approve_plan(&session, 1).expect(200);
        ada.carry_out(&session, "a");
        ada.approve(&session, "b").expect(200);
        session
    };
    world.kill();
    world.wake();
    let owner = world.owner();
    assert_eq!(owner.run(&session, "a").json()["code"], "already_ran");
    assert_eq!(owner.run(&session, "b").expect(200).json()["status"], "succeeded");
    assert_eq!(owner.show(&session)["status"], "succeeded");
}

#[test]
fn every_acknowledged_event_is_there_after_a_crash() {
    let world = World::start();
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(world.owner().propose(&plan(1, &[look("a")])));
    }
    world.kill();
    world.wake();
    let owner = world.owner();
    for session in &sessions {
        assert_eq!(owner.events(session), ["session_created", "plan_imported"]);
        assert_eq!(owner.search(session, "imported"), ["plan_imported"]);
    }
}

#[test]
fn a_second_daemon_on_the_same_data_refuses_with_a_sentence() {
    let world = World::start();
    let second = world.calt(&["daemon", "--port", "0", "--data-root", world.data_root().to_str().unwrap()]);
    assert_ne!(second.code, 0);
    assert!(second.stderr.contains("another daemon"), "{}", second.stderr);
    world.owner().get("/api/v1/tools").expect(200);
}
