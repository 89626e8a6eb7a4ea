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
fn by_slash_commands() {
    let guild = Guild::start();
    let ann = guild.ann();
    let made = ann.slash("session_create", &json!({"goal": "from the phone"})).text();
    let session = id_in(&made);
    let document = "version: 1\ntitle: look around\nsteps:\n  - {id: a, title: look, tool: list_dir, inputs: {}}\n  - {id: b, title: again, tool: list_dir, inputs: {}, risk: high}\n";
    let given = json!({"session_id": session});
    let card = ann.slash_with_file("plan_import", &given, ("file", "plan.yaml"), document.as_bytes()).told();
    assert!(card.text().contains("look around") && card.text().contains("Digest"), "{}", card.text());
    // The plan and its first step; the step of high risk has a look of its own.
    assert_eq!(card.labels(), ["Approve all 2", "Reject…"]);
    let shown = ann.slash("plan_show", &json!({"session_id": session})).told();
    let tell = guild.world.owner();
    tell.approve_plan(&calt_tests::Session { id: session.clone() }, 1).expect(200);
    guild.says(&shown, "Approved by `owner`");
    guild.says(&card, "Approved by `owner`");
    let step = |step: &str| json!({"session_id": session, "step_id": step});
    let approved = ann.slash("step_approve", &step("a")).text();
    assert!(approved.contains("✅ Approved, as shown here") && approved.contains("list_dir"), "{approved}");
    let ran = ann.slash("step_execute", &step("a")).text();
    assert!(ran.contains("`a` succeeded"), "{ran}");
    ann.slash("step_approve", &step("b")).told();
    // High risk is asked about once more.
    let asked = ann.slash("step_execute", &step("b")).told();
    let sure = ann.click(&asked, "Execute (high risk)").told();
    assert_eq!(sure.only_for.as_deref(), Some(ANN));
    ann.click(&sure, "Yes, execute it");
    guild.reaches(&calt_tests::Session { id: session.clone() }, "succeeded");
    let found = ann.slash("logs_search", &json!({"query": "look", "session_id": session})).told();
    assert!(found.text().contains("plan_imported") && found.only_for.is_some(), "{}", found.text());
    let listed = ann.slash("artifacts_list", &json!({"session_id": session})).text();
    assert!(listed.contains("artifacts/") && listed.contains("sha256"), "{listed}");
    let tools = ann.slash("tools_permissions", &json!({"tool_name": "list_dir"})).text();
    assert!(tools.contains("workspace_read"), "{tools}");
    assert!(ann.slash("inbox", &json!({})).text().contains("Nothing waits"));
    let over = ann.slash("session_stop", &json!({"session_id": session})).text();
    assert!(over.contains('⚠') || over.contains("stopped"), "{over}");
    for event in ["session_created", "plan_imported", "step_approved", "step_started"] {
        let event = &guild.events(event)[0];
        assert_eq!((&event["source"], &event["user_id"]), (&json!("discord"), &json!(ANN)), "{event}");
        assert_eq!(event["principal"], "ann");
        assert!(event["message_id"].as_str().is_some_and(|id| id.parse::<u64>().is_ok()), "{event}");
    }
    assert_eq!(guild.events("step_started").len(), 2);
}

#[test]
fn by_buttons_alone() {
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
fn begun_in_the_terminal_and_ended_in_discord_and_the_other_way_round() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&writes());
    let run = guild.world.calt(&["plan", "approve", &session.id, "1", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    guild.says(&card, "Approved by `owner` in the terminal");
    let steps = guild.card_of(&session, "Approve");
    guild.ann().click(&steps, "Approve");
    guild.says(&steps, "Approved by `ann` in Discord");
    let diff = guild.discord.message("+hello");
    guild.ann().click(&diff, "Approve");
    guild.says(&diff, "Approved by `ann` in Discord");
    guild.discord.until("what was approved is executed", || (guild.events("step_executed").len() == 3).then_some(()));
    // The rest is decided and executed in the terminal.
    let done = guild.world.calt(&["run", "--session", &session.id, "--yes"]);
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    guild.reaches(&session, "succeeded");
    guild.discord.until("the newest card says that it is done", || {
        guild.discord.find(|message| message.content().contains("🏁 Done"))
    });
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
