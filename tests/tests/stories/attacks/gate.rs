//! Calls that would get past the approval, or past who may give it.

use std::os::unix::fs::PermissionsExt as _;

use calt_tests::{OrdinaryUser, World};
use serde_json::{Value, json};

use super::ground::{Outside, in_every_round, says};
use crate::secrets::files_below;
use crate::{command, look, plan, preview, read};

/// An attack's id, a path, headers, and the status that answers it.
type Call = (&'static str, String, Vec<(String, String)>, u16);

#[test]
fn a_call_without_a_good_token_and_a_good_host_is_refused() {
    let world = World::start();
    let owner = world.owner();
    let (bearer, address) = (format!("Bearer {}", owner.token()), world.address());
    let almost = format!("Bearer {}", &owner.token()[..owner.token().len() - 1]);
    let longer = format!("{bearer}x");
    let port = address.split(':').nth(1).unwrap();
    let localhost_elsewhere = "localhost:1".to_owned();
    let tools = "/api/v1/tools";
    // The control of them all: the same call as it should be.
    assert_eq!(world.request("GET", tools, &[("Authorization", &bearer)], None).status, 200);
    assert_eq!(world.request("GET", "/openapi.json", &[("Authorization", &bearer)], None).status, 200);
    let with_token =
        |host: &str| vec![("Authorization".to_owned(), bearer.clone()), ("Host".to_owned(), host.to_owned())];
    let token = |value: &str| vec![("Authorization".to_owned(), value.to_owned())];
    let rows: Vec<Call> = vec![
        ("A01", tools.to_owned(), token("Bearer x"), 401),
        ("", tools.to_owned(), vec![], 401),
        ("", tools.to_owned(), token("Bearer"), 401),
        ("", tools.to_owned(), token("Bearer "), 401),
        ("", tools.to_owned(), token(&almost), 401),
        ("", tools.to_owned(), token(&longer), 401),
        ("", tools.to_owned(), token(owner.token()), 401),
        ("", tools.to_owned(), token(&format!("Basic {}", owner.token())), 401),
        ("", format!("{tools}?token={0}&access_token={0}", owner.token()), vec![], 401),
        ("", tools.to_owned(), vec![("Cookie".to_owned(), format!("token={}", owner.token()))], 401),
        ("", tools.to_owned(), vec![("X-Calt-Token".to_owned(), owner.token().to_owned())], 401),
        ("A02", tools.to_owned(), with_token("evil.example:80"), 403),
        ("", tools.to_owned(), with_token("evil.example"), 403),
        ("", tools.to_owned(), with_token(&format!("evil.example:{port}")), 403),
        ("", tools.to_owned(), with_token(&format!("{address}.evil.example")), 403),
        ("", tools.to_owned(), with_token(&localhost_elsewhere), 403),
        ("", tools.to_owned(), with_token("169.254.169.254"), 403),
        ("", "/healthz".to_owned(), with_token("evil.example"), 403),
        ("A03", "/openapi.json".to_owned(), vec![], 401),
        ("", "/metrics".to_owned(), vec![], 401),
        ("", "/openapi.json?".to_owned(), token("Bearer x"), 401),
        ("", "/api/v1/../../openapi.json".to_owned(), vec![], 401),
        ("", "//openapi.json".to_owned(), vec![], 401),
        ("", "/api/v1/events".to_owned(), vec![], 401),
    ];
    for (id, path, headers, status) in &rows {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let reply = world.request("GET", path, &headers, None);
        assert_eq!(reply.status, *status, "{id} {path} {headers:?}: {}", reply.text());
        assert!(reply.header("access-control-allow-origin").is_none(), "{path}");
    }
    // A page of another site: the browser asks first, and gets no leave.
    let asks = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    let reply = world.request("OPTIONS", tools, &asks, None);
    assert!(reply.status >= 400 && reply.header("access-control-allow-origin").is_none(), "{}", reply.status);
    // A daemon is never without a token: an empty one from outside is not taken for one.
    let world = World::with(&[("CALT_DAEMON_TOKEN", "")]);
    assert_eq!(world.request("GET", tools, &[("Authorization", "Bearer ")], None).status, 401);
    assert_eq!(world.request("GET", tools, &[], None).status, 401);
}

#[test]
fn a_planner_decides_nothing_whatever_it_claims_to_be() {
    for world in [World::start(), World::as_ordinary_user(&[])] {
        let (agent, ada) = (world.agent(), world.person("ada"));
        let session = agent.propose(&plan(1, &[look("s")]));
        let base = format!("/api/v1/sessions/{}", session.id);
        // A04; in the body, in headers, and in the session it makes itself.
        let claims = [
            json!({"approved_by": "boss@corp", "source": "discord"}),
            json!({"approved_by": "ada", "user_id": "ada", "principal": "ada", "role": "owner"}),
            json!({"how": "prompt", "unlock": "0000", "assurance": "pin"}),
        ];
        for claim in &claims {
            for path in ["plans/1/approve", "steps/s/approve", "steps/s/skip", "plans/1/reject", "steps/s/reject"] {
                let refused = agent.post(&format!("{base}/{path}"), claim);
                assert!([403, 422].contains(&refused.status), "{path} {claim}: {}", refused.text());
            }
        }
        let headers = [("X-Forwarded-User", "ada"), ("X-Remote-User", "owner"), ("Content-Type", "application/json")];
        assert_eq!(agent.call("POST", &format!("{base}/plans/1/approve"), &headers, Some(b"{}")).status, 403);
        for body in [json!({"safety_profile": "dev"}), json!({"workspace": "/"}), json!({"workspace": "/etc"})] {
            assert!(agent.post("/api/v1/sessions", &body).status >= 400, "{body}");
        }
        assert_eq!(agent.run(&session, "s").json()["code"], "plan_not_approved");
        assert_eq!(ada.show(&session)["status"], "awaiting_plan_approval");
        // The control: a person may, with the same claim, and is recorded as who they are.
        ada.post(&format!("{base}/plans/1/approve"), &claims[0]).expect(200);
        let page = ada.get(&format!("{base}/events?after=0")).json();
        let approved = page["items"].as_array().unwrap().iter().find(|event| event["event_type"] == "plan_approved");
        assert_eq!(approved.unwrap()["principal"], "ada");
    }
}

#[test]
fn an_approval_covers_what_was_shown_and_nothing_that_came_later() {
    let world = World::start();
    let (agent, ada) = (world.agent(), world.person("ada"));
    // A05: the same number with other content.
    let session = agent.propose(&plan(1, &[look("s")]));
    ada.approve_plan(&session, 1).expect(200);
    assert_eq!(agent.import(&session, &plan(1, &[read("s", "secret.txt")])).json()["code"], "plan_version_exists");
    // The same content again is the same plan, and no new one.
    agent.import(&session, &plan(1, &[look("s")])).expect(200);
    ada.approve(&session, "s").expect(200);
    assert_eq!(agent.run(&session, "s").expect(200).json()["output"]["path"], ".");

    // A new number takes every approval away, and an old digest is no answer for a new step.
    let session = agent.propose(&plan(1, &[look("s"), look("t")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.approve(&session, "s").expect(200);
    let shown = ada.step(&session, "s")["digest"].clone();
    agent.import(&session, &plan(2, &[read("s", "secret.txt"), look("t")])).expect(200);
    assert_eq!(agent.run(&session, "s").json()["code"], "plan_not_approved");
    assert_eq!(ada.approve_plan(&session, 1).json()["code"], "plan_superseded");
    ada.approve_plan(&session, 2).expect(200);
    assert_eq!(agent.run(&session, "s").json()["code"], "step_not_approved");
    assert_eq!(ada.approve(&session, "s").json()["code"], "digest_required", "the id stood for something else");
    let path = format!("/api/v1/sessions/{}/steps/s/approve", session.id);
    assert_eq!(ada.post(&path, &json!({"digest": shown})).json()["code"], "digest_changed");

    // Raising or lowering the risk, the time or the title is another plan as well.
    for change in [json!({"risk": "high"}), json!({"timeout_sec": 29}), json!({"title": "harmless"})] {
        let session = agent.propose(&plan(1, &[look("s")]));
        ada.approve_plan(&session, 1).expect(200);
        let mut step = look("s");
        step.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let other = agent.import(&session, &plan(1, &[step]));
        assert_eq!(other.json()["code"], "plan_version_exists", "{change}");
    }
}

#[test]
fn nothing_runs_twice_out_of_order_or_after_the_end() {
    in_every_round(|round| {
        let owner = round.world.owner();
        let code = |session, step| owner.run(session, step).json()["code"].clone();
        let steps = [command("a", "ls"), command("b", "ls -1")];
        let approved = || {
            let session = owner.propose(&plan(1, &steps));
            round.open(&session);
            owner.approve_plan(&session, 1).expect(200);
            owner.approve(&session, "a").expect(200);
            owner.approve(&session, "b").expect(200);
            session
        };
        // A09, then A07: the control of both is that the same call works in its turn.
        let session = approved();
        assert_eq!(code(&session, "b"), "out_of_order");
        assert_eq!(owner.run(&session, "a").expect(200).json()["status"], "succeeded", "{}", round.name);
        assert_eq!(code(&session, "a"), "already_ran");
        assert_eq!(owner.run(&session, "b").expect(200).json()["status"], "succeeded", "{}", round.name);
        assert_eq!((code(&session, "a"), code(&session, "b")), (json!("already_ran"), json!("already_ran")));
        // A10.
        let session = approved();
        owner.stop(&session).expect(200);
        assert_eq!(owner.approve_plan(&session, 1).json()["code"], "session_closed");
        assert_eq!(owner.approve(&session, "a").json()["code"], "session_closed");
        assert_eq!(owner.skip(&session, "a").json()["code"], "session_closed");
        assert_eq!(code(&session, "a"), "session_closed");
        // A11.
        let session = owner.propose(&plan(1, &[command("f", "cat nofile"), command("g", "ls")]));
        round.open(&session);
        owner.approve_plan(&session, 1).expect(200);
        for step in ["f", "g"] {
            owner.approve(&session, step).expect(200);
        }
        assert_eq!(owner.run(&session, "f").expect(200).json()["status"], "failed");
        owner.approve_plan(&session, 1);
        owner.approve(&session, "g");
        assert_eq!((code(&session, "f"), code(&session, "g")), (json!("needs_replan"), json!("needs_replan")));
        assert_eq!(owner.skip(&session, "f").status, 409);
        owner.import(&session, &plan(2, &[look("h")])).expect(200);
        owner.approve_plan(&session, 2).expect(200);
        owner.carry_out(&session, "h");
    });
}

#[test]
fn a_plan_that_does_not_hold_together_is_not_taken() {
    let world = World::start();
    let agent = world.agent();
    let mut deep = json!("x");
    for _ in 0..40 {
        deep = json!([deep]);
    }
    let with = |key: &str, value: Value| {
        let mut step = look("s");
        step[key] = value;
        plan(1, &[step])
    };
    let rows: Vec<(&str, &str, Value)> = vec![
        ("A13", "two steps of one id", plan(1, &[look("s"), look("s")])),
        ("A14", "an id that is a path", plan(1, &[look("../../../etc/x")])),
        ("", "an id with a slash", plan(1, &[look("a/b")])),
        ("", "an id with a NUL", plan(1, &[look("a\0b")])),
        ("", "an id of dots", plan(1, &[look("..")])),
        ("", "an id in other letters", plan(1, &[look("\u{0455}tep")])),
        ("", "an empty id", plan(1, &[look("")])),
        ("", "an id that is too long", plan(1, &[look(&"a".repeat(65))])),
        ("A17", "an unknown tool", with("tool", json!("write_file_anywhere"))),
        ("", "a tool in other letters", with("tool", json!("READ_FILE"))),
        ("", "a tool that is none", with("tool", json!(["read_file"]))),
        ("", "no steps", plan(1, &[])),
        ("", "an unknown key", with("workspace_root", json!("/"))),
        ("", "an unknown risk", with("risk", json!("none"))),
        ("", "no time", with("timeout_sec", json!(0))),
        ("", "too much time", with("timeout_sec", json!(121))),
        ("", "time by reference", with("timeout_sec", json!("${steps.a.output}"))),
        ("", "a version below zero", plan(0, &[look("s")])),
        ("", "a reference to nowhere", plan(1, &[read("s", "${steps.nowhere.output.content}")])),
        ("", "a reference to itself", plan(1, &[read("s", "${steps.s.output.content}")])),
        ("", "a reference to a later one", plan(1, &[read("s", "${steps.t.output.content}"), look("t")])),
        ("", "what is nested too deep", with("inputs", json!({"path": ".", "meta": deep}))),
        ("", "a text that is too long", plan(1, &[preview("s", "a.txt", &"x".repeat(600 * 1024))])),
        ("", "too many steps", plan(1, &(0..1001).map(|at| look(&format!("s{at}"))).collect::<Vec<_>>())),
    ];
    for (id, what, plan) in &rows {
        let session = agent.session();
        let refused = agent.import(&session, plan);
        assert_eq!(refused.status, 422, "{id} {what}: {}", refused.text());
        assert_eq!(refused.json()["code"], "plan_invalid", "{id} {what}");
        assert_eq!(agent.events(&session), ["session_created"], "{id} {what}");
    }
    // A16: more than a body may have, and a little less than that.
    let session = agent.session();
    let path = format!("/api/v1/sessions/{}/plans/import", session.id);
    for (bytes, status) in [(20 * 1024 * 1024, 413), (1024 * 1024 + 512 * 1024, 422)] {
        let body = vec![b'x'; bytes];
        let refused = agent.call("POST", &path, &[("Content-Type", "application/yaml")], Some(&body));
        assert_eq!(refused.status, status, "{bytes}: {}", refused.text());
    }
    assert_eq!(agent.events(&session), ["session_created"]);
    agent.import(&session, &plan(1, &[look("s")])).expect(200);
}

#[test]
fn a_document_that_grows_when_it_is_read_is_not_taken() {
    let world = World::start();
    let agent = world.agent();
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..9 {
        let above = format!("*a{}", at - 1);
        laughs += &format!("a{at}: &a{at} [{}]\n", [above.as_str(); 9].join(", "));
    }
    let step = "steps:\n  - {id: s, title: s, tool: list_dir, inputs: {path: .}}\n";
    let rows = [
        ("aliases of aliases", format!("version: 1\ntitle: t\n{step}{laughs}")),
        ("a key twice", format!("version: 1\ntitle: t\ntitle: u\n{step}")),
        ("two documents", format!("version: 1\ntitle: t\n{step}---\nversion: 2\ntitle: t\n{step}")),
        ("a merged key", "version: 1\ntitle: t\nx: &x {tool: list_dir}\nsteps:\n  - {<<: *x, id: s}\n".to_owned()),
        ("a tag of a language", format!("version: 1\ntitle: !!python/object/apply:os.system [id]\n{step}")),
        ("a number that is too long", format!("version: 9007199254740993\ntitle: t\n{step}")),
    ];
    for (what, text) in rows {
        let session = agent.session();
        let path = format!("/api/v1/sessions/{}/plans/import", session.id);
        let refused = agent.call("POST", &path, &[("Content-Type", "application/yaml")], Some(text.as_bytes()));
        assert_eq!(refused.status, 422, "{what}: {}", refused.text());
        assert_eq!(agent.events(&session), ["session_created"], "{what}");
    }
}

#[test]
fn what_calt_keeps_is_for_its_user_alone() {
    // S02. The control: a program that says nothing of modes makes files for everybody to read.
    let outside = Outside::new();
    let scene = outside.plain_scene();
    scene.without_calt("umask 022; echo x > f");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scene.path("f")), 0o644);
    for world in [World::start(), World::as_ordinary_user(&[])] {
        let owner = world.owner();
        let session =
            owner.propose(&plan(1, &[preview("p", "a.txt", "one\n"), crate::apply("w", "a.txt", "one\n", "p")]));
        owner.approve_plan(&session, 1).expect(200);
        owner.carry_out(&session, "p");
        owner.carry_out(&session, "w");
        assert_eq!(mode(&world.data_root()), 0o700);
        let files = files_below(&world.data_root());
        assert!(files.len() > 6, "{files:?}");
        for file in files.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "workspace")) {
            assert_eq!(mode(file), 0o600, "{}", file.display());
            assert_eq!(mode(file.parent().unwrap()), 0o700, "{}", file.parent().unwrap().display());
        }
        if !OrdinaryUser::is_needed() {
            says("these tests do not run as root, so that there is no other user to try");
            continue;
        }
        let other = outside.stranger("cat").arg(world.data_root().join("owner.token")).output().unwrap();
        assert!(!other.status.success() && other.stdout.is_empty());
    }
}
