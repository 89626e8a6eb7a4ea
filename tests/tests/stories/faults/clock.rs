//! A clock that goes backwards: nothing is lost or refused, and what has expired stays expired.

use calt_tests::World;
use serde_json::json;

use crate::{look, plan};

/// Two days, in seconds.
const TWO_DAYS: &str = "172800";

#[test]
fn a_clock_that_goes_back_loses_and_refuses_nothing() {
    let world = World::asleep(&[]);
    assert!(world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", TWO_DAYS)]));
    let session = world.owner().propose(&plan(1, &[look("a"), look("b")]));
    world.owner().approve_plan(&session, 1).expect(200);
    world.owner().carry_out(&session, "a");
    world.kill();

    world.wake();
    let owner = world.owner();
    owner.carry_out(&session, "b");
    assert_eq!(owner.show(&session)["status"], "succeeded");
    let page = owner.get(&format!("/api/v1/sessions/{}/events?after=0&limit=100", session.id)).expect(200).json();
    let events = page["items"].as_array().unwrap();
    assert!(events.is_sorted_by_key(|event| event["id"].as_u64().unwrap()));
    let times: Vec<_> = events.iter().map(|event| event["created_at"].as_str().unwrap()).collect();
    assert!(times.first() > times.last(), "the clock went back in between: {times:?}");
    assert_eq!(owner.search(&session, "succeeded")[0], "session_succeeded");
    let log = world.daemon_log();
    assert!(log.contains("the clock went backwards"), "{log}");
}

#[test]
fn a_token_that_has_expired_stays_so_when_the_clock_goes_back() {
    let world = World::start();
    let tomorrow = world
        .database()
        .query_row("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+1 day')", [], |row| row.get::<_, String>(0));
    let body = json!({"name": "mika", "role": "viewer", "expires_at": tomorrow.unwrap()});
    let made = world.owner().post("/api/v1/tokens", &body).expect(200).json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let asks = || world.request("GET", "/api/v1/sessions", &[("Authorization", &bearer)], None).status;
    assert_eq!(asks(), 200);
    world.end();
    assert!(world.wakes_with(&[("CALT_CLOCK_SHIFT_SECONDS", TWO_DAYS)]));
    assert_eq!(asks(), 401, "two days later");
    world.end();
    world.wake();
    assert_eq!(asks(), 401, "and when the clock shows today again");
}
