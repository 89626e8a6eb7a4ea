//! A malformed plan gives a sentence with line and column, and changes nothing.

use calt_tests::World;
use serde_json::json;

use crate::{look, plan};

#[test]
fn a_malformed_plan_is_refused_with_its_place_and_nothing_changes() {
    let world = World::start();
    let agent = world.agent();
    let session = agent.session();
    let path = format!("/api/v1/sessions/{}/plans/import", session.id);
    let yaml = "version: 1\ntitle: t\nsteps:\n  - id: a\n    title: t\n    tool: read_fil\n    inputs: {path: x}\n";
    let refused = agent.call("POST", &path, &[("Content-Type", "application/yaml")], Some(yaml.as_bytes()));
    assert_eq!(refused.status, 422);
    let json = refused.json();
    assert_eq!(json["code"], "plan_invalid");
    let problem = &json["args"]["problems"][0];
    assert_eq!((problem["line"].as_u64(), problem["column"].as_u64()), (Some(6), Some(11)), "{json}");
    assert!(problem["fix"].as_str().unwrap().contains("read_file"), "{json}");
    assert_eq!(agent.events(&session), ["session_created"]);
}

#[test]
fn the_command_line_names_file_line_and_column_and_exits_with_2() {
    let world = World::start();
    let cases = [
        ("no steps", "version: 1\ntitle: t\nsteps: []\n"),
        ("unknown key", "version: 1\ntitle: t\nworkspace_root: /\nsteps:\n  - {id: a, title: t, tool: list_dir}\n"),
        ("duplicate key", "version: 1\ntitle: t\ntitle: u\nsteps:\n  - {id: a, title: t, tool: list_dir}\n"),
        ("a bad id", "version: 1\ntitle: t\nsteps:\n  - {id: ../../x, title: t, tool: list_dir}\n"),
        ("not YAML", "version: [1\n"),
    ];
    for (name, text) in cases {
        let file = world.home().join("bad.yaml");
        std::fs::write(&file, text).unwrap();
        for command in [&["plan", "check", "bad.yaml"][..], &["run", "bad.yaml", "--yes"][..]] {
            let ran = world.calt(command);
            assert_eq!(ran.code, 2, "{name}: {} {}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("bad.yaml:"), "{name}: {}", ran.stderr);
        }
    }
    let sessions = world.owner().get("/api/v1/sessions").json();
    for session in sessions["items"].as_array().unwrap() {
        assert_eq!(session["plan_version"], serde_json::Value::Null);
    }
}

#[test]
fn a_check_imports_nothing_and_says_what_the_run_would_refuse() {
    let world = World::start();
    let agent = world.agent();
    let step = json!({"id": "a", "title": "a", "tool": "run_shell_readonly", "inputs": {"command": "rm -rf ."}});
    let checked = agent.post("/api/v1/plans/check", &plan(1, &[step, look("b")])).expect(200);
    assert!(checked.text().contains("command_refused"), "{}", checked.text());
    let all = world.owner().get("/api/v1/sessions").json();
    assert!(all["items"].as_array().unwrap().is_empty());
}

#[test]
fn a_client_that_sends_everything_before_it_listens_still_hears_the_refusal() {
    use std::io::{Read as _, Write as _};
    let world = World::start();
    let megabyte = vec![b'x'; 1024 * 1024];
    for (token, status) in [(world.owner_token(), 413), ("nobody".to_owned(), 401)] {
        let mut client = std::net::TcpStream::connect(world.address()).unwrap();
        let head = format!(
            "POST /api/v1/plans/check HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/yaml\r\nContent-Length: {}\r\n\r\n",
            world.address(),
            20 * megabyte.len()
        );
        client.write_all(head.as_bytes()).unwrap();
        for _ in 0..20 {
            client.write_all(&megabyte).unwrap();
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\"next\":{"), "{answer}");
    }
}

#[test]
fn a_plan_that_is_too_large_is_refused() {
    let world = World::start();
    let agent = world.agent();
    let session = agent.session();
    let path = format!("/api/v1/sessions/{}/plans/import", session.id);
    let body = vec![b'x'; 20 * 1024 * 1024];
    let reply = agent.call("POST", &path, &[("Content-Type", "application/yaml")], Some(&body));
    assert_eq!(reply.status, 413);
}
