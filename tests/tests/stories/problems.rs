//! Every problem code has a story: made for real here, or at the lowest layer that can show it.

use std::path::Path;

use calt_api::Code;
use calt_core::decide::StepFacts;
use calt_core::event::Envelope;
use calt_core::isolation::{BoxSpec, Tier};
use calt_core::principal::{Caller, Claim, PrincipalId, PrincipalKind, Role};
use calt_core::{
    Action, ArtifactId, Command, Digest, EventId, Fact, Facts, RunId, Session as Replayed, SessionId, StepId, Timestamp,
};
use calt_tests::{Reply, Session, World};
use serde_json::{Value, json};

use crate::stop::{alive, make_pipe};
use crate::{apply, command, look, plan, preview, read};

/// Where a code is shown.
enum Story {
    /// The daemon answers with it.
    Answered(fn(&World) -> Reply),
    /// The command line ends with it.
    Said(fn(&World)),
    /// Only a fault can produce it: this test makes one.
    Below(&'static str, &'static str),
}

/// The table. A new code without a line here does not compile.
#[allow(clippy::too_many_lines, reason = "a table: one entry a code, and the compiler counts them")]
const fn story(code: Code) -> Story {
    use Story::{Answered, Below, Said};
    match code {
        Code::Malformed => Answered(|world| posted(world, "/api/v1/sessions", b"{")),
        Code::PlanInvalid => Answered(|world| world.owner().import(&world.owner().session(), &plan(1, &[]))),
        Code::InputInvalid => Answered(|world| world.owner().post("/api/v1/sessions", &json!({"mode": "wild"}))),
        Code::ReasonRequired => Answered(|world| world.owner().reject_plan(&planned(world), 1, " ")),
        Code::LimitExceeded => {
            Answered(|world| world.owner().post("/api/v1/sessions", &json!({"goal": "g".repeat(4_001)})))
        }
        Code::MethodNotAllowed => Answered(|world| world.owner().call("DELETE", "/api/v1/sessions", &[], None)),
        Code::TooLarge => Answered(|world| posted(world, "/api/v1/sessions", &vec![b' '; 2 * 1024 * 1024 + 1])),
        Code::UnsupportedMediaType => Answered(|world| {
            world.owner().call("POST", "/api/v1/plans/check", &[("Content-Type", "text/html")], Some(b"<p>"))
        }),
        Code::PlanNotApproved => Answered(|world| world.owner().run(&planned(world), "a")),
        Code::StepNotApproved => Answered(|world| world.owner().run(&approved(world), "a")),
        Code::DigestRequired => Answered(|world| {
            let session = approved(world);
            world.owner().import(&session, &plan(2, &[read("a", "x")])).expect(200);
            world.owner().approve_plan(&session, 2).expect(200);
            world.owner().approve(&session, "a")
        }),
        Code::DigestChanged => Answered(|world| {
            let path = format!("/api/v1/sessions/{}/plans/1/approve", planned(world).id);
            world.owner().post(&path, &json!({"digest": "0".repeat(64)}))
        }),
        Code::ReferenceUnresolved => Answered(|world| {
            let session = world.owner().propose(&plan(1, &[preview("p", "f", "x"), apply("w", "f", "x", "p")]));
            world.owner().approve_plan(&session, 1).expect(200);
            world.owner().approve(&session, "w")
        }),
        Code::RiskUnconfirmed => Answered(|world| {
            let mut step = look("a");
            step["risk"] = json!("high");
            let session = world.owner().propose(&plan(1, &[step]));
            world.owner().approve_plan(&session, 1).expect(200);
            world.owner().approve(&session, "a").expect(200);
            world.owner().run(&session, "a")
        }),
        Code::HighRiskNotAlone => Answered(|world| {
            let mut step = look("a");
            step["risk"] = json!("high");
            let owner = world.owner();
            let session = owner.propose(&plan(1, &[step, look("b")]));
            let items = owner.shown(&session, true, &["a", "b"]);
            owner.decide(&session, "approve", &items)
        }),
        Code::DryRun => Answered(dry_run),
        Code::IsolationUnavailable => {
            Below("tests/tests/stories/problems.rs", "a_command_is_refused_where_no_box_holds")
        }
        Code::OutOfOrder => Answered(|world| {
            let session = approved(world);
            world.owner().approve(&session, "b").expect(200);
            world.owner().run(&session, "b")
        }),
        Code::RunInProgress => Answered(run_in_progress),
        Code::AlreadyRan => Answered(|world| {
            let session = approved(world);
            world.owner().carry_out(&session, "a");
            world.owner().run(&session, "a")
        }),
        Code::AlreadyDecided => Answered(|world| {
            let session = approved(world);
            world.someone("bob", "approver").approve_plan(&session, 1)
        }),
        Code::SelfApproval => {
            Below("tests/tests/stories/people.rs", "where_the_owner_demands_it_somebody_else_approves")
        }
        Code::AssuranceTooLow => Below("tests/tests/stories/people.rs", "where_the_owner_demands_it_a_flag_is_no_yes"),
        Code::PinNotSet => Answered(|world| world.owner().post("/api/v1/unlock", &json!({"pin": "123456"}))),
        Code::PinWrong | Code::PinLocked => {
            Below("tests/tests/stories/pin.rs", "five_wrong_pins_lock_for_a_minute_and_a_restart_forgets_none")
        }
        Code::PinUnusable => Below("tests/tests/stories/pin.rs", "a_hash_file_that_was_swapped_opens_nothing"),
        Code::NeedsReplan => Answered(|world| {
            let session = approved(world);
            world.owner().reject(&session, "a", "not this").expect(200);
            world.owner().run(&session, "b")
        }),
        Code::SessionClosed => Answered(|world| {
            let session = approved(world);
            world.owner().stop(&session).expect(200);
            world.owner().run(&session, "a")
        }),
        Code::PlanVersionExists => Answered(|world| world.owner().import(&planned(world), &plan(1, &[look("other")]))),
        Code::PlanSuperseded => Answered(|world| {
            let session = planned(world);
            world.owner().import(&session, &plan(2, &[look("a")])).expect(200);
            world.owner().approve_plan(&session, 1)
        }),
        Code::NothingToTakeBack => {
            Answered(|world| world.owner().post_nothing(&format!("/api/v1/sessions/{}/undo", approved(world).id)))
        }
        Code::WorkspaceInUse => {
            Below("crates/core/tests/it/undo.rs", "a_session_opens_on_anothers_workspace_only_when_it_is_alone_there")
        }
        Code::QuotaReached => Below("tests/tests/stories/workspaces/quota.rs", "an_agent_holds_so_much_and_no_more"),
        Code::WorkspaceBusy => {
            Below("tests/tests/stories/workspaces/attached.rs", "one_session_writes_in_a_directory_until_it_is_over")
        }
        Code::WorkspaceMoved => {
            Below("tests/tests/stories/workspaces/attached.rs", "a_directory_that_moved_or_was_replaced_is_refused")
        }
        Code::WorkspaceUnusable => Below(
            "tests/tests/stories/workspaces/copied.rs",
            "what_cannot_be_copied_leaves_no_session_and_no_directory",
        ),
        Code::SessionNotFound => Answered(|world| world.owner().get("/api/v1/sessions/session_nope")),
        Code::PlanNotFound => Answered(|world| world.owner().approve_plan(&planned(world), 7)),
        Code::StepNotFound => Answered(|world| world.owner().run(&planned(world), "nope")),
        Code::RunNotFound => Answered(|world| world.owner().get("/api/v1/runs/4711")),
        Code::ArtifactNotFound => {
            Answered(|world| world.owner().get(&format!("/api/v1/sessions/{}/artifacts/4711", planned(world).id)))
        }
        Code::ArtifactRedacted => Below(
            "tests/tests/stories/redaction.rs",
            "an_output_is_gone_from_log_index_artifact_and_disk_and_the_record_still_verifies",
        ),
        Code::EventNotFound => {
            Answered(|world| world.owner().post("/api/v1/events/4711/redact", &json!({"reason": "gone"})))
        }
        Code::PlanInUse => {
            Below("tests/tests/stories/redaction.rs", "a_plan_goes_only_once_it_cannot_run_and_its_files_go_with_it")
        }
        Code::ToolNotFound => Answered(|world| world.owner().get("/api/v1/tools/nope/permissions")),
        Code::PersonNotFound => Answered(|world| world.owner().post_nothing("/api/v1/persons/nope/remove")),
        Code::PersonUnbound => Answered(|world| {
            world.someone("chat", "relay").post("/api/v1/sessions", &json!({"user_id": "4711", "source": "discord"}))
        }),
        Code::ButtonNotFound => Answered(|world| world.someone("chat", "relay").get("/api/v1/buttons/b_nope")),
        Code::TokenNotFound => Answered(|world| world.owner().post_nothing("/api/v1/tokens/tok_nope/revoke")),
        Code::WorkspaceNotFound => {
            Answered(|world| world.owner().post("/api/v1/sessions", &json!({"workspace": "nope"})))
        }
        Code::PathNotFound => Answered(|world| world.owner().get("/api/v1/nothing")),
        Code::TokenMissing => Answered(|world| world.request("GET", "/api/v1/tools", &[], None)),
        Code::TokenInvalid => {
            Answered(|world| world.request("GET", "/api/v1/tools", &[("Authorization", "Bearer nobody's")], None))
        }
        Code::NotAllowed => Answered(|world| world.agent().approve_plan(&planned(world), 1)),
        Code::HostNotAllowed => Answered(|world| {
            let bearer = format!("Bearer {}", world.owner_token());
            world.request("GET", "/healthz", &[("Host", "evil.example"), ("Authorization", &bearer)], None)
        }),
        Code::DaemonUnreachable => Said(|world| {
            let ran = world.calt(&["tools", "list", "--base-url", "http://127.0.0.1:9", "--token", "t"]);
            assert_eq!(ran.code, 5, "{} {}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("no daemon answers at http://127.0.0.1:9"), "{}", ran.stderr);
        }),
        Code::TooManyRequests => Below(
            "crates/daemon/tests/it/streams.rs",
            "one_stream_too_many_is_told_to_come_back_and_a_slot_is_free_again_at_once",
        ),
        Code::StorageUnavailable => {
            Below("crates/store/tests/it/faults.rs", "a_failed_commit_leaves_no_trace_and_the_next_one_takes_its_place")
        }
        Code::StorageFull => Below("crates/store/tests/it/faults.rs", "a_full_disk_answers_so_and_changes_nothing"),
        Code::LogBehind => {
            Below("tests/tests/stories/tamper.rs", "a_daemon_whose_wal_was_cut_is_behind_until_the_loss_is_accepted")
        }
        Code::LogCorrupt => Below(
            "tests/tests/stories/tamper.rs",
            "a_daemon_whose_newest_events_were_changed_only_reads_and_verify_names_them",
        ),
        Code::Stopping => Below("crates/daemon/tests/it/refusals.rs", "a_daemon_that_ends_is_not_ready"),
        Code::RequestTimeout => {
            Below("crates/daemon/tests/it/bodies.rs", "a_body_that_does_not_come_is_answered_after_a_while")
        }
        Code::Internal => Below("crates/daemon/src/gate.rs", "a_panic_becomes_a_refusal_that_tells_nothing"),
    }
}

#[test]
fn every_problem_code_has_a_story() {
    let world = World::start();
    for code in Code::ALL {
        match story(*code) {
            Story::Answered(ask) => is_the_problem(&ask(&world), *code),
            Story::Said(ask) => ask(&world),
            Story::Below(file, test) => {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(file);
                let text = std::fs::read_to_string(path).unwrap_or_default();
                assert!(text.contains(&format!("fn {test}()")), "`{}`: no test `{test}` in {file}", code.as_str());
            }
        }
    }
}

/// Looks at everything a client relies on.
fn is_the_problem(reply: &Reply, code: Code) {
    let json = reply.json();
    assert_eq!(json["code"], code.as_str(), "{}", reply.text());
    assert_eq!((reply.status, json["status"].as_u64()), (code.status(), Some(u64::from(code.status()))));
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(json["type"], format!("docs/errors.md#{}", code.as_str()));
    assert_eq!(json["title"], code.meaning());
    let action = json["next"]["action"].as_str().unwrap_or_default();
    assert!(json["args"].is_object() && code.leads_to().contains(&action), "{}", reply.text());
    let template = calt_api::language::japanese(code, &json["args"]);
    for name in template.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        assert!(json["args"].get(name).is_some(), "`{name}` of `{template}` is no argument: {}", reply.text());
    }
    let detail = json["detail"].as_str().unwrap();
    assert!(!detail.is_empty() && !detail.contains("REDACTED"), "{detail}");
}

fn posted(world: &World, path: &str, body: &[u8]) -> Reply {
    world.owner().call("POST", path, &[("Content-Type", "application/json")], Some(body))
}

/// A session with a plan of two looks that nobody has decided on.
fn planned(world: &World) -> Session {
    world.owner().propose(&plan(1, &[look("a"), look("b")]))
}

fn approved(world: &World) -> Session {
    let session = planned(world);
    world.owner().approve_plan(&session, 1).expect(200);
    session
}

fn dry_run(world: &World) -> Reply {
    let owner = world.owner();
    let session = owner.session_with(&json!({"mode": "dry_run"}));
    owner.import(&session, &plan(1, &[preview("p", "f", "x"), apply("w", "f", "x", "p")])).expect(200);
    owner.approve_plan(&session, 1).expect(200);
    owner.carry_out(&session, "p");
    owner.approve_shown(&session, "w").expect(200);
    owner.run(&session, "w")
}

fn run_in_progress(world: &World) -> Reply {
    let (owner, marker) = (world.owner(), format!("in-progress-{}", std::process::id()));
    let session = owner.propose(&plan(1, &[command("a", &format!("cat {marker}"))]));
    make_pipe(world, &session, &marker);
    owner.approve_plan(&session, 1).expect(200);
    owner.approve(&session, "a").expect(200);
    owner.start(&session, "a");
    world.until("the command runs", || alive(&marker));
    let refused = owner.run(&session, "a");
    owner.stop(&session).expect(200);
    refused
}

/// An event as core reads it, from what the daemon shows of it.
fn envelope(shown: &Value) -> Envelope {
    let text = |name: &str| shown[name].as_str().unwrap();
    Envelope {
        id: EventId(shown["id"].as_i64().unwrap()),
        session: shown["session_id"].as_str().and_then(SessionId::parse),
        seq: shown["seq"].as_u64(),
        run: shown["run_id"].as_i64().map(RunId),
        schema: 1,
        source: text("source").to_owned(),
        user_id: text("user_id").to_owned(),
        principal: PrincipalId::parse(text("principal")).unwrap(),
        message_id: None,
        created_at: Timestamp::parse(text("created_at")).unwrap(),
        fact: Fact::read(text("event_type"), shown["facts"].clone()).unwrap(),
        salt: None,
        text_hash: Digest::of_bytes(b""),
        summary: String::new(),
        payload_text: String::new(),
    }
}

#[test]
fn a_command_is_refused_where_no_box_holds() {
    let world = World::start();
    let owner = world.owner();
    let session = owner.propose(&plan(1, &[command("a", "ls")]));
    owner.approve_plan(&session, 1).expect(200);
    owner.approve(&session, "a").expect(200);
    let page = owner.get(&format!("/api/v1/sessions/{}/events", session.id)).json();
    let log: Vec<_> = page["items"].as_array().unwrap().iter().map(envelope).collect();
    let state = Replayed::replay(&log).unwrap().unwrap();
    let step = StepId::parse("a").unwrap();
    let box_spec: BoxSpec = serde_json::from_value(owner.step(&session, "a")["box"].clone()).unwrap();
    let gathered = StepFacts {
        version: 1,
        plan: state.plan_digest().unwrap(),
        inputs: Ok(state.step(&step).unwrap().inputs),
        files: Vec::new(),
        box_spec: Some(box_spec),
    };
    let facts = Facts {
        now: log.last().unwrap().created_at,
        next_run: RunId(1),
        next_artifact: ArtifactId(1),
        tier: Tier::None,
        demands: calt_core::policy::Demands::default(),
        steps: std::collections::HashMap::from([(step.clone(), gathered)]),
        pin: calt_core::pin::PinFacts::default(),
        home: None,
        neighbours: Vec::new(),
        holdings: calt_core::quota::Holdings::default(),
    };
    let caller = Caller { principal: PrincipalId::owner(), kind: PrincipalKind::Person, role: Role::Owner };
    let action = Action::StartStep { step, confirm_high_risk: false, masked_inputs: json!({}) };
    let start = Command { caller, claim: Claim::default(), action };
    let decision = calt_core::decide(Some(&state), &start, &facts);
    let refusal = decision.outcome().clone().unwrap_err();
    let problem = calt_api::Problem::from(&refusal);
    assert_eq!((problem.code.as_str(), problem.status), ("isolation_unavailable", 409));
    assert_eq!(problem.next, Some(calt_api::Next::RunDoctor));
    let held = calt_core::decide(Some(&state), &start, &Facts { tier: Tier::Full, ..facts });
    assert!(held.outcome().is_ok(), "{:?}", held.outcome());
}
