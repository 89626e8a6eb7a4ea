//! A run belongs to the engine: a client that goes away changes nothing.

use std::io::Read as _;
use std::time::{Duration, Instant};

use calt_tests::World;
use serde_json::json;

use crate::{look, plan};

#[test]
fn a_client_that_hangs_up_changes_nothing() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.propose(&plan(1, &[look("a")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    ada.hang_up_after("POST", &format!("/api/v1/sessions/{}/steps/a/execute", session.id));
    world.until("the run has ended", || ada.show(&session)["status"] == "succeeded");
    let run = ada.step(&session, "a")["run_id"].as_u64().unwrap();
    let ended = ada.get(&format!("/api/v1/runs/{run}")).expect(200).json();
    assert_eq!(ended["state"], "succeeded");
    assert_eq!(ended["output"]["path"], ".");
}

#[test]
fn an_answer_can_be_asked_for_later() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.propose(&plan(1, &[look("a")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "a").expect(200);
    let run = ada.start(&session, "a");
    world.until("the run has ended", || ada.get(&format!("/api/v1/runs/{run}")).json()["state"] == "succeeded");
}

#[test]
fn the_stream_gives_every_event_once_and_goes_on_from_where_it_was() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.session();
    let path = format!("/api/v1/sessions/{}/events", session.id);
    let mut stream = ada.stream(&path, None);
    assert_eq!(stream.next_event().unwrap().1["event_type"], "session_created");
    ada.import(&session, &plan(1, &[look("a")])).expect(200);
    assert_eq!(stream.next_event().unwrap(), {
        let page = ada.get(&format!("{path}?after=1")).json();
        (2, page["items"][0].clone())
    });
    drop(stream);
    ada.approve_plan(&session, 1).expect(200);
    let mut resumed = ada.stream(&path, Some(2));
    let (seq, event) = resumed.next_event().unwrap();
    assert_eq!((seq, event["event_type"].as_str()), (3, Some("plan_approved")));
    assert_eq!(world.end(), 0, "a clean stop with a stream open");
    assert!(resumed.next_event().is_none());
}

#[test]
fn bodies_are_optional_where_the_contract_says_so() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.propose(&plan(1, &[look("a")]));
    let base = format!("/api/v1/sessions/{}", session.id);
    ada.post(&format!("{base}/plans/1/approve"), &json!({})).expect(200);
    ada.post(&format!("{base}/steps/a/approve"), &json!({})).expect(200);
    ada.post_nothing(&format!("{base}/steps/a/execute")).expect(200);
    ada.post_nothing(&format!("{base}/stop")).expect(200);
}

#[test]
fn heads_that_never_end_shut_nobody_out() {
    use std::io::Write as _;
    /// More than the daemon serves at once.
    const HALF_HEADS: usize = 1_100;
    /// A tenth of a second on a quiet machine; 30 seconds is what the heads may last.
    const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
    let world = World::start();
    let owner = world.owner();
    let connect = || std::net::TcpStream::connect(world.address()).unwrap();
    // Somebody slow is served while there is room.
    let mut slow = connect();
    let host = format!("Host: {}\r\n", world.address());
    for piece in ["GET /healthz HTTP/1.1\r\n", &host, "Connection: close\r\n"] {
        slow.write_all(piece.as_bytes()).unwrap();
        slow.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
        let nothing = slow.read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "it waits for the rest");
    }
    slow.write_all(b"\r\n").unwrap();
    slow.set_read_timeout(None).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let held: Vec<_> = (0..HALF_HEADS)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127").unwrap();
            stream
        })
        .collect();
    for _ in 0..3 {
        let began = Instant::now();
        owner.get("/api/v1/sessions").expect(200);
        assert!(began.elapsed() < ANSWER_TIME_MAX, "{:?}", began.elapsed());
    }
    drop(held);
}
