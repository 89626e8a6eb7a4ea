//! Decisions: a no with its reason, what is left out, high risk, failures, and clicks that come too late.

use serde_json::json;

use super::guild::{ANN, Guild, VERA};
use crate::{apply, command, look, plan, preview};

#[test]
fn a_no_with_its_reason_reaches_the_planner_and_the_next_version_is_done() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    let form = guild.ann().click(&card, "Reject");
    guild.ann().fills_in(&card, &form, "look at `src` instead, not here\nplease");
    guild.says(&card, "Rejected by `ann` in Discord");
    guild.says(&card, "Reason: `look at \\u{60}src\\u{60} instead, not here\\u{a}please`");
    let payload: serde_json::Value =
        serde_json::from_str(guild.events("plan_rejected")[0]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["reason"], "look at `src` instead, not here\nplease");
    let waits = guild.discord.message("needs a new plan");
    // A no is nobody's emergency.
    assert!(!waits.content().contains("<@"), "{}", waits.content());
    guild.world.owner().import(&session, &plan(2, &[look("b")])).expect(200);
    guild.says(&waits, "Plan v2 took its place");
    let second = guild.discord.until("a card for v2", || {
        guild.discord.find(|message| message.text().contains("Plan v2 ·") && message.button("Approve").is_some())
    });
    guild.ann().click(&second, "Approve");
    guild.reaches(&session, "succeeded");
    guild.says(&second, "🏁 Done");
}

#[test]
fn what_is_left_out_is_skipped_and_the_rest_is_done() {
    let guild = Guild::start();
    let steps: Vec<_> = (0..30).map(|number| look(&format!("s{number}"))).collect();
    let (session, card) = guild.proposed(&plan(1, &steps));
    assert_eq!(card.labels(), ["Approve the plan and 30 steps", "Reject…"]);
    guild.ann().choose(&card, &["s3", "s7"]);
    let chosen = guild.discord.until("the button counts", || {
        Some(guild.discord.again(&card)).filter(|now| now.button("leave out").is_some())
    });
    // `s3` and `s7` only: the menu of the first 25 names no other that holds these letters.
    assert_eq!(chosen.labels(), ["Approve the plan and 28 steps, leave out 2", "Reject…"]);
    guild.ann().click(&chosen, "Approve the plan and 28");
    guild.reaches(&session, "succeeded");
    let skipped: Vec<_> =
        guild.events("step_skipped").iter().map(|event| event["facts"]["step"].as_str().unwrap().to_owned()).collect();
    assert_eq!(skipped, ["s3", "s7"]);
    assert_eq!(guild.events("step_executed").len(), 28);
    guild.says(&card, "🏁 Done: 30 steps, 2 left out");
}

#[test]
fn high_risk_has_a_look_of_its_own_and_is_asked_again() {
    let guild = Guild::start();
    let mut risky = look("risky");
    risky["risk"] = json!("high");
    let (session, card) = guild.proposed(&plan(1, &[look("a"), risky, look("b")]));
    guild.ann().click(&card, "Approve");
    let alone = guild.discord.message("A step of high risk waits");
    guild.ann().click(&alone, "Approve");
    let risk = guild.discord.message("Shall it run?");
    let sure = guild.ann().click(&risk, "Execute (high risk)").told();
    assert!(guild.events("step_started").len() == 1 && sure.content().contains("Really execute `risky`?"));
    guild.ann().click(&sure, "Yes, execute it");
    guild.reaches(&session, "succeeded");
    guild.says(&risk, "Confirmed and executed by `ann`");
    assert_eq!(guild.discord.messages().len(), 3);
}

#[test]
fn where_the_owner_wants_it_high_risk_is_decided_in_the_terminal_only() {
    let guild = Guild::with(&[("CALT_DISCORD_HIGH_RISK", "terminal-only")]);
    let mut risky = look("risky");
    risky["risk"] = json!("high");
    let session = guild.world.agent().propose(&plan(1, &[risky]));
    let card = guild.card_of(&session, "Approve");
    guild.ann().click(&card, "Approve");
    let alone = guild.discord.message("approved in the terminal only");
    assert_eq!(alone.labels(), ["Reject…"]);
    let told = guild.ann().slash("step_approve", &json!({"session_id": session.id, "step_id": "risky"})).text();
    assert!(told.contains("calt step approve"), "{told}");
    assert!(guild.events("step_approved").is_empty());
}

#[test]
fn a_button_older_than_the_setting_decides_high_risk_no_more() {
    let guild = Guild::start();
    let mut risky = look("risky");
    risky["risk"] = json!("high");
    let (session, card) = guild.proposed(&plan(1, &[risky]));
    guild.ann().click(&card, "Approve");
    let alone = guild.discord.message("A step of high risk waits");
    let approve = alone.button("Approve").unwrap();
    let restarted = || {
        guild.kill_bot();
        guild.wake_bot();
    };
    guild.set("CALT_DISCORD_HIGH_RISK", "terminal-only");
    restarted();
    let told = guild.ann().press(&alone, &approve).told();
    assert!(told.only_for.as_deref() == Some(ANN) && told.content().contains("calt inbox"), "{}", told.content());
    assert!(guild.events("step_approved").is_empty());
    // The same for the second question.
    guild.set("CALT_DISCORD_HIGH_RISK", "buttons");
    restarted();
    guild.ann().press(&alone, &approve);
    let risk = guild.discord.message("Shall it run?");
    let sure = guild.ann().click(&risk, "Execute (high risk)").told();
    guild.set("CALT_DISCORD_HIGH_RISK", "terminal-only");
    restarted();
    let told = guild.ann().click(&sure, "Yes, execute it").told();
    assert!(told.content().contains("in the terminal only"), "{}", told.content());
    assert!(guild.events("step_started").is_empty());
    guild
        .world
        .owner()
        .post(&format!("/api/v1/sessions/{}/steps/risky/execute", session.id), &json!({"confirm_high_risk": true}));
    guild.reaches(&session, "succeeded");
}

#[test]
fn a_failure_says_what_landed_and_can_be_taken_back() {
    let guild = Guild::start();
    let steps = [
        preview("p", "kept.txt", "kept\n"),
        apply("w", "kept.txt", "kept\n", "p"),
        command("t", "ls there-is-no-such-directory"),
        look("z"),
    ];
    let (session, card) = guild.proposed(&plan(1, &steps));
    guild.ann().click(&card, "Approve");
    let diff = guild.discord.message("+kept");
    guild.ann().click(&diff, "Approve");
    guild.reaches(&session, "failed");
    let failure = guild.discord.message("needs a new plan");
    for line in ["landed       w: apply", "FAILED       t: run", "did not run  z: look", "there-is-no-such-directory"] {
        assert!(failure.text().contains(line), "{line}: {}", failure.text());
    }
    assert!(failure.content().contains(&format!("<@{ANN}>")) && failure.labels() == ["Plan an undo", "Leave as it is"]);
    guild.ann().click(&failure, "Plan an undo");
    let undo = guild.discord.until("a plan that takes back", || {
        guild.discord.find(|message| message.text().contains("Plan v2 ·") && message.button("Approve").is_some())
    });
    guild.ann().click(&undo, "Approve");
    let back = guild.discord.message("-kept");
    guild.ann().click(&back, "Approve");
    guild.reaches(&session, "succeeded");
    assert!(!guild.world.workspace(&session.id).join("kept.txt").exists());
}

#[test]
fn a_failure_can_be_left_as_it_is() {
    let guild = Guild::start();
    let (_, card) = guild.proposed(&plan(1, &[command("t", "ls nowhere")]));
    guild.ann().click(&card, "Approve");
    let failure = guild.discord.message("needs a new plan");
    assert_eq!(failure.labels(), ["Leave as it is"]);
    // Who may not decide takes no question away from those who may.
    let told = guild.discord.user(VERA).click(&failure, "Leave as it is").told();
    assert!(told.only_for.as_deref() == Some(VERA) && told.content().contains("Ask somebody"), "{}", told.content());
    assert_eq!(guild.discord.again(&failure).edits, 0);
    guild.ann().click(&failure, "Leave as it is");
    guild.says(&failure, "Left as it is by");
    assert!(guild.discord.again(&failure).labels().is_empty());
}

#[test]
fn a_click_that_comes_too_late_is_told_what_happened() {
    let guild = Guild::start();
    let owner = guild.world.owner();
    // Superseded.
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    let button = card.button("Approve").unwrap();
    owner.import(&session, &plan(2, &[look("b")])).expect(200);
    guild.says(&card, "Plan v2 took its place, by `owner`");
    assert!(guild.discord.again(&card).labels().is_empty());
    let told = guild.ann().press(&card, &button).told();
    assert!(
        told.content().contains("is superseded by v2") && told.content().contains("/plan_show"),
        "{}",
        told.content()
    );
    // Over.
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    let button = card.button("Approve").unwrap();
    owner.stop(&session).expect(200);
    guild.says(&card, "The session was stopped by `owner`");
    let told = guild.ann().press(&card, &button).told();
    assert!(told.content().contains("cancelled") && told.content().contains("/session_create"), "{}", told.content());
    // Decided elsewhere, by somebody else.
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    let button = card.button("Approve").unwrap();
    owner.approve_plan(&session, 1).expect(200);
    // A call that names no surface.
    guild.says(&card, "Approved by `owner` over HTTP ·");
    let told = guild.ann().press(&card, &button).told();
    assert!(told.content().contains("was already decided by `owner`"), "{}", told.content());
    // Made up.
    let told = guild.ann().press(&card, "b_0123456789abcdef0123456789abcdef").told();
    assert!(told.content().contains("/inbox"), "{}", told.content());
}

#[test]
fn a_card_shows_what_was_decided_elsewhere_within_a_second() {
    let guild = Guild::start();
    let mut latencies = Vec::new();
    for _ in 0..5 {
        let (session, card) = guild.proposed(&plan(1, &[look("a")]));
        let before = std::time::Instant::now();
        guild.world.owner().reject_plan(&session, 1, "no").expect(200);
        let after = guild.says(&card, "Rejected by `owner`");
        latencies.push(after.changed.duration_since(before));
    }
    assert!(latencies.iter().all(|latency| latency.as_millis() <= 1_000), "{latencies:?}");
}
