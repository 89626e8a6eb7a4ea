//! How much somebody may hold who may not approve.

use calt_tests::World;
use serde_json::json;

use super::{add, repository};
use crate::{look, plan};

#[test]
fn an_agent_holds_so_much_and_no_more() {
    let world = World::with(&[("CALT__LIMITS__AGENT_SNAPSHOTS", "2"), ("CALT__LIMITS__AGENT_OPEN_SESSIONS", "4")]);
    let web = repository(&world, "web", &[("a.txt", "one\n")]);
    add(&world, "web", "snapshot", Some(&web));
    let (agent, ada) = (world.agent(), world.person("ada"));
    let copy = json!({"workspace": "web"});
    // Eight at once get as many as one after the other.
    let (address, bearer) = (world.address(), format!("Bearer {}", agent.token()));
    let asks = || {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        calt_tests::send(&address, "POST", "/api/v1/sessions", &headers, Some(copy.to_string().as_bytes())).status
    };
    let made = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(asks)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(made, 2);
    let refused = agent.post("/api/v1/sessions", &copy).expect(409).json();
    assert_eq!(refused["code"], "quota_reached", "{refused}");
    assert_eq!(refused["args"], json!({"principal": "agent-1", "what": "snapshots", "held": 2, "limit": 2}));
    assert_eq!(refused["next"]["action"], "list_sessions");
    // A stop gives no room back: the copy is there until somebody takes it away.
    let page = agent.get("/api/v1/sessions").expect(200).json();
    let first = page["items"][0]["id"].as_str().unwrap().to_owned();
    agent.post_nothing(&format!("/api/v1/sessions/{first}/stop")).expect(200);
    agent.post("/api/v1/sessions", &copy).expect(409);
    std::fs::remove_dir_all(world.workspace(&first)).unwrap();
    agent.post("/api/v1/sessions", &copy).expect(200);
    // What takes little room is counted while it is open, and somebody else's is not theirs.
    agent.session();
    let open = agent.session();
    let refused = agent.post("/api/v1/sessions", &json!({})).expect(409).json();
    assert_eq!((&refused["args"]["what"], &refused["args"]["limit"]), (&json!("open sessions"), &json!(4)));
    assert_eq!(std::fs::read_dir(world.data_root().join("sessions")).unwrap().count(), 5, "nothing is left of it");
    world.someone("other-agent", "agent").session_with(&copy);
    for _ in 0..5 {
        ada.session();
    }
    agent.stop(&open).expect(200);
    agent.session();
    // The count is read from the log.
    world.kill();
    world.wake();
    agent.post("/api/v1/sessions", &json!({})).expect(409);
}

#[test]
fn an_agent_hands_in_so_many_plan_versions_and_no_more() {
    let world = World::with(&[("CALT__LIMITS__AGENT_PLAN_VERSIONS", "3")]);
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.session();
    let handed_in = |version: u32, step: &str| agent.import(&session, &plan(version, &[look(step)]));
    // Numbers that are left out are no versions.
    for (version, step) in [(1, "a"), (7, "b"), (8, "c")] {
        handed_in(version, step).expect(200);
    }
    handed_in(8, "c").expect(200);
    let refused = handed_in(9, "d").expect(409).json();
    let args = json!({"principal": "agent-1", "what": "plan versions", "held": 3, "limit": 3});
    assert_eq!((&refused["code"], &refused["args"]), (&json!("quota_reached"), &args));
    assert_eq!(refused["next"]["action"], "create_session");
    ada.import(&session, &plan(9, &[look("d")])).expect(200);
    let other = agent.session();
    agent.import(&other, &plan(1, &[look("a")])).expect(200);
}

#[test]
fn a_chat_gives_nobody_more_than_their_own_room() {
    const VERA: &str = "100000000000000002";
    const WILL: &str = "100000000000000004";
    let world = World::with(&[("CALT__LIMITS__AGENT_OPEN_SESSIONS", "1")]);
    for (name, account) in [("vera", VERA), ("will", WILL)] {
        let person = json!({"name": name, "role": "viewer", "discord": account});
        world.owner().post("/api/v1/persons", &person).expect(200);
    }
    let chat = world.someone("chat", "relay");
    let made = |account: &str| chat.post("/api/v1/sessions", &json!({"user_id": account})).status;
    assert_eq!([made(VERA), made(VERA), made(WILL), made(WILL)], [200, 409, 200, 409]);
}
