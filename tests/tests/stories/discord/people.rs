//! Who may: who is listed, who is bound, and what their clicks leave in the log.

use calt_tests::World;
use calt_tests::discord::BOT_TOKEN;
use serde_json::json;

use super::guild::{ANN, BOB, Guild, STRANGER, UNBOUND, VERA};
use crate::{look, plan};

#[test]
fn who_is_not_listed_is_refused_alone_and_recorded() {
    let guild = Guild::start();
    let (_, card) = guild.proposed(&plan(1, &[look("a")]));
    let stranger = guild.discord.user(STRANGER);
    let refused = [stranger.click(&card, "Approve").told(), stranger.slash("inbox", &json!({})).told()];
    for refused in refused {
        assert_eq!(refused.only_for.as_deref(), Some(STRANGER));
        assert!(refused.content().contains("not on the list"), "{}", refused.content());
    }
    assert_eq!(guild.discord.again(&card).edits, 0);
    assert!(guild.events("plan_approved").is_empty());
    guild.world.end();
    let event = &guild.events("access_refused")[0];
    assert_eq!(event["facts"], json!({"reason": "not_listed", "count": 2, "by": "discord", "user_id": STRANGER}));
}

#[test]
fn an_account_has_the_rights_of_its_person_and_no_more() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    for (account, sentence) in [(UNBOUND, "is nobody's here"), (VERA, "may not approve")] {
        let told = guild.discord.user(account).click(&card, "Approve").told();
        assert!(told.content().contains(sentence) && told.only_for.as_deref() == Some(account), "{}", told.content());
    }
    assert!(
        guild.discord.user(VERA).slash("plan_show", &json!({"session_id": session.id})).text().contains("list_dir")
    );
    guild.bob().click(&card, "Approve");
    guild.says(&card, "Approved by `bob` in Discord");
    assert_eq!(guild.events("plan_approved")[0]["user_id"], BOB);
    // The same person in the terminal is one in the record.
    let made = guild.world.calt(&["token", "create", "--for", "ann", "--json"]);
    let token: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let (session, card) = guild.proposed(&plan(1, &[look("b")]));
    guild.ann().click(&card, "Approve");
    guild.reaches(&session, "succeeded");
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let path = format!("/api/v1/sessions/{}/plans/1/approve", session.id);
    guild.world.request("POST", &path, &[("Authorization", &bearer)], None).expect(200);
    assert_eq!(guild.events("plan_approved").len(), 2);
    assert_eq!(guild.events("plan_approved")[1]["user_id"], ANN);
}

#[test]
fn those_who_may_decide_are_pinged_and_nobody_else() {
    let guild = Guild::start();
    let (_, card) = guild.proposed(&plan(1, &[look("a")]));
    assert_eq!(card.body["allowed_mentions"], json!({"parse": [], "users": [ANN, BOB]}));
    for (account, is_pinged) in [(ANN, true), (BOB, true), (VERA, false), (UNBOUND, false)] {
        assert_eq!(card.content().contains(account), is_pinged, "{}", card.content());
    }
    // Who is removed is called no more.
    guild.world.owner().post("/api/v1/persons/bob/remove", &json!({})).expect(200);
    let (_, card) = guild.proposed(&plan(1, &[look("b")]));
    assert_eq!(card.body["allowed_mentions"]["users"], json!([ANN]));
}

#[test]
fn where_the_owner_demands_a_pin_a_button_is_not_enough() {
    let guild = Guild::asleep(World::with(&[("CALT__POLICY__ASSURANCE__MEDIUM", "pin")]), &[]);
    guild.wake_bot();
    let mut step = look("a");
    step["risk"] = json!("medium");
    let (session, card) = guild.proposed(&plan(1, &[step]));
    let told = guild.ann().click(&card, "Approve").told();
    assert!(told.content().contains("PIN") && told.content().contains("calt inbox"), "{}", told.content());
    assert!(guild.events("plan_approved").is_empty());
    assert_eq!(guild.discord.again(&card).labels().len(), 2, "the card still asks");
    // A no needs no PIN of somebody who has none.
    let form = guild.ann().click(&card, "Reject");
    guild.ann().fills_in(&card, &form, "not from the phone");
    guild.reaches(&session, "failed");
}

#[test]
fn two_clicks_at_once_the_first_wins_and_the_other_is_told() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[look("a"), look("b")]));
    let (one, other) = (guild.ann().click(&card, "Approve"), guild.bob().click(&card, "Approve"));
    guild.reaches(&session, "succeeded");
    let told = guild.discord.until("one of them is told", || {
        guild.discord.find(|message| message.content().contains("was already decided"))
    });
    assert!(told.only_for.is_some() && told.content().contains("plan v1 was already decided by"), "{}", told.content());
    assert_eq!((one.first().0, other.first().0), (6, 6));
    assert_eq!(guild.events("plan_approved").len(), 1);
    assert_eq!(guild.events("step_started").len(), 2);
}

#[test]
fn without_a_list_or_with_another_token_it_does_not_start() {
    let guild = Guild::asleep(World::start(), &[]);
    let run = |changes: &[(&str, &str)]| {
        let mut command = guild.world.command();
        command.arg("discord").envs(guild.environment()).stdin(std::process::Stdio::null());
        let output = command.envs(changes.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&[("CALT_DISCORD_ALLOWED_USERS", "")]);
    assert!(code == Some(2) && said.contains("the list of allowed users is empty") && said.contains("hint:"), "{said}");
    let (code, said) = run(&[("CALT_DISCORD_TOKEN", "not.the.token")]);
    assert!(code == Some(5) && said.contains("does not accept the bot token"), "{said}");
    // Nobody's own token speaks for others, not even the owner's.
    for token in [guild.world.owner_token(), guild.world.agent().token().to_owned()] {
        let (code, said) = run(&[("CALT_DAEMON_TOKEN", &token)]);
        assert!(code == Some(5) && said.contains("not a relay's") && !said.contains(&token), "{said}");
    }
    assert!(!said_anywhere(&guild, BOT_TOKEN));
}

fn said_anywhere(guild: &Guild, secret: &str) -> bool {
    guild.bot_log().contains(secret) || guild.world.daemon_log().contains(secret)
}

#[test]
fn the_doctor_looks_at_the_bot() {
    let guild = Guild::asleep(World::start(), &[]);
    let doctor = |environment: &[(String, String)]| {
        let mut command = guild.world.command();
        let owner = guild.world.owner_token();
        command.args(["doctor"]).envs(environment.iter().cloned()).env("CALT_DAEMON_TOKEN", owner);
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(doctor(&[]).contains("SKIP"), "{}", doctor(&[]));
    let mut environment = guild.environment();
    let relay = environment.iter().find(|(name, _)| name == "CALT_DAEMON_TOKEN").unwrap().1.clone();
    let file = guild.world.home().join("relay.token");
    std::fs::write(&file, relay).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    environment.push(("CALT_DISCORD_RELAY_TOKEN_FILE".to_owned(), file.to_str().unwrap().to_owned()));
    let before = doctor(&environment);
    assert!(before.contains("these commands are not registered: session_create"), "{before}");
    assert!(before.contains("2 of 4 listed accounts may decide"), "{before}");
    let nobody = ("CALT_DISCORD_ALLOWED_USERS".to_owned(), UNBOUND.to_owned());
    let lonely = doctor(&[environment.as_slice(), &[nobody]].concat());
    assert!(lonely.contains("none of the listed accounts") && lonely.contains("calt person add"), "{lonely}");
    guild.wake_bot();
    let found = doctor(&environment);
    for line in ["the bot token is accepted", "all 10 commands are registered", "can be written", "which is a relay's"]
    {
        assert!(found.contains(line), "{line}: {found}");
    }
    guild.discord.register_otherwise("plan_show");
    let other = doctor(&environment);
    assert!(other.contains("as another version has them: plan_show"), "{other}");
    guild.discord.close_channel();
    let closed = doctor(&environment);
    assert!(closed.contains("cannot be written") && closed.contains("fix: give the bot"), "{closed}");
    assert!(guild.discord.messages().is_empty());
}
