//! The loop: by slash commands, by buttons alone, and across surfaces.

use calt_tests::discord::GUILD;
use serde_json::json;

use super::guild::{ANN, Guild};
use crate::{apply, look, plan, preview, read};

/// A plan that looks, previews and writes.
fn writes() -> serde_json::Value {
    plan(
        1,
        &[
            look("a"),
            preview("p", "hello.txt", "hello\n"),
            apply("w", "hello.txt", "hello\n", "p"),
            read("r", "hello.txt"),
        ],
    )
}

fn id_in(text: &str) -> String {
    let start = text.find("session_").unwrap();
    text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn the_loop_by_slash_commands() {
    let guild = Guild::start();
    let ann = guild.ann();
    let made = ann.slash("session_create", &json!({"goal": "from the phone"})).text();
    let session = id_in(&made);
    let document = "version: 1\ntitle: greet\nsteps:\n  - {id: a, title: look, tool: list_dir, inputs: {}}\n  - {id: p, title: preview, tool: write_file_preview, inputs: {path: hi.txt, content: \"hi\\n\"}}\n  - {id: w, title: apply, tool: write_file_apply, inputs: {path: hi.txt, content: \"hi\\n\", preview: \"${steps.p.output}\"}}\n  - {id: b, title: again, tool: list_dir, inputs: {}, risk: high}\n";
    let given = json!({"session_id": session});
    let card = ann.slash_with_file("plan_import", &given, ("file", "plan.yaml"), document.as_bytes()).told();
    assert!(card.text().contains("title: greet") && card.text().contains("Digest"), "{}", card.text());
    // The plan and what writes nothing; the step of high risk has a look of its own.
    assert_eq!(card.labels(), ["Approve the plan and 2 steps", "Reject…"]);
    let shown = ann.slash("plan_show", &json!({"session_id": session})).told();
    ann.click(&shown, "Approve");
    guild.says(&shown, "Approved by `ann` in Discord");
    guild.says(&card, "Approved by `ann` in Discord");
    guild.discord.until("what writes nothing is executed", || (guild.events("step_executed").len() == 2).then_some(()));
    let step = |step: &str| json!({"session_id": session, "step_id": step});
    let approved = ann.slash("step_approve", &step("w")).text();
    assert!(approved.contains("✅ Approved, as shown here") && approved.contains("+hi"), "{approved}");
    let ran = ann.slash("step_execute", &step("w"));
    guild.discord.until("the step ran", || ran.told().content().contains("`w` succeeded").then_some(()));
    ann.slash("step_approve", &step("b")).told();
    // High risk is asked about once more.
    let asked = ann.slash("step_execute", &step("b")).told();
    let sure = ann.click(&asked, "Execute (high risk)").told();
    assert_eq!(sure.only_for.as_deref(), Some(ANN));
    assert_eq!(guild.events("step_started").len(), 3);
    ann.click(&sure, "Yes, execute it");
    guild.reaches(&calt_tests::Session { id: session.clone() }, "succeeded");
    assert!(guild.discord.again(&sure).labels().is_empty(), "it asks no longer");
    assert_eq!(std::fs::read_to_string(guild.world.workspace(&session).join("hi.txt")).unwrap(), "hi\n");
    let found = ann.slash("logs_search", &json!({"query": "greet", "session_id": session})).told();
    assert!(found.text().contains("plan_imported") && found.only_for.is_some(), "{}", found.text());
    let listed = ann.slash("artifacts_list", &json!({"session_id": session})).text();
    assert!(listed.contains("artifacts/") && listed.contains("sha256"), "{listed}");
    let tools = ann.slash("tools_permissions", &json!({"tool_name": "list_dir"})).text();
    assert!(tools.contains("workspace_read"), "{tools}");
    assert!(ann.slash("inbox", &json!({})).text().contains("Nothing waits"));
    for (event, count) in
        [("session_created", 1), ("plan_imported", 1), ("plan_approved", 1), ("step_approved", 4), ("step_started", 4)]
    {
        let events = guild.events(event);
        assert_eq!(events.len(), count, "{event}");
        for event in events {
            assert_eq!((&event["source"], &event["user_id"]), (&json!("discord"), &json!(ANN)), "{event}");
            assert_eq!(event["principal"], "ann");
            assert!(event["message_id"].as_str().is_some_and(|id| id.parse::<u64>().is_ok()), "{event}");
        }
    }
}

#[test]
fn a_session_is_stopped_by_a_slash_command_and_every_card_says_so() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&writes());
    let waits = guild.ann().slash("inbox", &json!({})).text();
    assert!(waits.contains(&session.id) && waits.contains("plan_approval"), "{waits}");
    let told = guild.ann().slash("session_stop", &json!({"session_id": session.id})).text();
    assert!(told.contains("is stopped for good"), "{told}");
    guild.says(&card, "The session was stopped by `ann` in Discord");
    assert!(guild.discord.again(&card).labels().is_empty());
    guild.reaches(&session, "cancelled");
    let event = &guild.events("session_stopped")[0];
    assert_eq!((&event["source"], &event["user_id"]), (&json!("discord"), &json!(ANN)), "{event}");
}

#[test]
fn a_plan_that_is_wrong_makes_no_session_and_one_that_is_right_does() {
    let guild = Guild::start();
    let ann = guild.ann();
    let count = || guild.events("session_created").len();
    let wrong = "version: 1\ntitle: wrong\nsteps:\n  - {id: a, title: look, tool: no_such_tool, inputs: {}}\n";
    let told = ann.slash_with_file("plan_import", &json!({}), ("file", "plan.yaml"), wrong.as_bytes()).text();
    assert!(told.contains("nothing was imported") && told.contains("no_such_tool") && told.contains("4:"), "{told}");
    let told = ann.slash_with_file("plan_import", &json!({}), ("file", "plan.yaml"), b"\xff\xfe").text();
    assert!(told.contains("could not be read as text"), "{told}");
    assert_eq!(count(), 0);
    let right = r#"{"version": 1, "title": "right", "steps": [{"id": "a", "title": "look", "tool": "list_dir", "inputs": {}}]}"#;
    let card = ann.slash_with_file("plan_import", &json!({}), ("file", "plan.json"), right.as_bytes()).told();
    assert_eq!(count(), 1);
    ann.click(&card, "Approve");
    guild.says(&card, "🏁 Done: 1 step");
    // What the session is for is what the plan says, or else what it is called.
    let meant = right.replace(r#""title": "right","#, r#""title": "right", "session_goal": "Know what is there","#);
    ann.slash_with_file("plan_import", &json!({}), ("file", "plan.json"), meant.as_bytes()).told();
    let goals: Vec<_> = guild
        .events("session_created")
        .iter()
        .map(|made| {
            serde_json::from_str::<serde_json::Value>(made["payload"].as_str().unwrap()).unwrap()["goal"].clone()
        })
        .collect();
    assert_eq!(goals, ["right", "Know what is there"]);
}

#[test]
fn the_loop_by_buttons_alone() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&writes());
    assert!(card.content().contains(&format!("<@{ANN}>")), "{}", card.content());
    assert!(card.text().contains("hello.txt") && card.text().contains("Isolation"), "{}", card.text());
    guild.ann().click(&card, "Approve");
    guild.says(&card, "Approved by `ann` in Discord");
    let diff = guild.discord.message("+hello");
    assert_ne!(diff.id, card.id);
    guild.ann().click(&diff, "Approve");
    guild.reaches(&session, "succeeded");
    guild.says(&diff, "🏁 Done: 4 steps, 0 left out");
    assert_eq!(std::fs::read_to_string(guild.world.workspace(&session.id).join("hello.txt")).unwrap(), "hello\n");
    let approvals = guild.events("step_approved");
    let decision = &approvals[0]["facts"]["decision"];
    assert_eq!((&decision["how"], &decision["assurance"]), (&json!("button"), &json!("relay")), "{decision}");
    assert!(decision["view_digest"].is_string() && decision["view_cut"] == false && decision["locale"] == "en-US");
    assert_eq!(approvals[0]["message_id"], card.id);
    // Two looks, two cards.
    assert_eq!(guild.discord.messages().len(), 2);
}

#[test]
fn begun_in_the_terminal_and_ended_in_discord() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&writes());
    let run = guild.world.calt(&["plan", "approve", &session.id, "1", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    guild.says(&card, "Approved by `owner` in the terminal");
    // A digest of the template is not the step's: what the plan's approval left is asked here.
    let steps = guild.card_of(&session, "Approve");
    guild.ann().click(&steps, "Approve");
    guild.says(&steps, "Approved by `ann` in Discord");
    let diff = guild.discord.message("+hello");
    guild.ann().click(&diff, "Approve");
    guild.reaches(&session, "succeeded");
    guild.says(&diff, "Approved by `ann` in Discord");
    guild.says(&diff, "🏁 Done: 4 steps");
    assert_eq!(guild.events("plan_approved")[0]["source"], "cli");
    assert!(guild.events("step_started").iter().all(|event| event["source"] == "discord"));
    // What is approved elsewhere and executed by nobody can be executed here.
    let other = guild.world.agent().propose(&plan(1, &[look("a")]));
    let card = guild.card_of(&other, "Approve");
    guild.world.owner().approve_plan(&other, 1).expect(200);
    guild.world.owner().approve(&other, "a").expect(200);
    let ready = guild.discord.until("a button to execute", || {
        Some(guild.discord.again(&card)).filter(|now| now.button("Execute").is_some())
    });
    guild.ann().click(&ready, "Execute");
    guild.reaches(&other, "succeeded");
    guild.says(&card, "🏁 Done");
}

#[test]
fn begun_in_discord_and_ended_in_the_terminal() {
    let guild = Guild::start();
    let ann = guild.ann();
    let document = writes().to_string();
    let card = ann.slash_with_file("plan_import", &json!({}), ("file", "plan.json"), document.as_bytes()).told();
    let session = calt_tests::Session { id: id_in(&card.text()) };
    ann.click(&card, "Approve");
    guild.says(&card, "Approved by `ann` in Discord");
    let diff = guild.discord.message("+hello");
    assert_eq!(diff.labels(), ["Approve", "Reject…"]);
    let done = guild.world.calt(&["run", "--session", &session.id, "--yes"]);
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    guild.reaches(&session, "succeeded");
    guild.says(&diff, "Approved by `owner` in the terminal");
    guild.says(&diff, "🏁 Done: 4 steps");
    assert!(guild.discord.again(&diff).labels().is_empty());
    assert_eq!(guild.events("session_created")[0]["source"], "discord");
    assert_eq!(guild.events("step_approved").last().unwrap()["source"], "cli");
}

#[test]
fn commands_are_registered_in_both_languages_and_complete_what_is_typed() {
    let guild = Guild::start();
    let commands = guild.discord.commands();
    let listed = commands[GUILD].as_array().unwrap();
    let names: Vec<_> = listed.iter().map(|command| command["name"].as_str().unwrap()).collect();
    for name in [
        "session_create",
        "plan_show",
        "step_approve",
        "step_execute",
        "session_stop",
        "logs_search",
        "artifacts_list",
        "tools_permissions",
        "plan_import",
        "inbox",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let session = guild.world.owner().propose(&plan(1, &[look("first"), look("second")]));
    let ann = guild.ann();
    assert_eq!(ann.types("plan_show", &json!({}), "session_id", &session.id[..20]), std::slice::from_ref(&session.id));
    let given = json!({"session_id": session.id});
    assert_eq!(ann.types("step_approve", &given, "step_id", "sec"), ["second"]);
    assert_eq!(ann.types("step_approve", &given, "step_id", ""), ["first", "second"]);
    assert!(guild.discord.user(super::guild::STRANGER).types("step_approve", &given, "step_id", "").is_empty());
}
