//! Faults: killed bots, restarted daemons, dropped sockets, limits, failures, and what is delivered twice.

use std::time::{Duration, Instant};

use super::guild::Guild;
use crate::{apply, look, plan, preview};

#[test]
fn buttons_work_after_bot_and_daemon_were_killed() {
    let guild = Guild::start();
    let (session, card) =
        guild.proposed(&plan(1, &[look("a"), preview("p", "x.txt", "x\n"), apply("w", "x.txt", "x\n", "p")]));
    guild.kill_bot();
    guild.world.kill();
    guild.world.wake();
    guild.wake_bot();
    guild.ann().click(&card, "Approve");
    guild.says(&card, "Approved by `ann` in Discord");
    let diff = guild.card_of(&session, "Approve");
    guild.kill_bot();
    // Decided while nobody followed: the card is brought up to date all the same.
    guild.world.owner().approve_shown(&session, "w").expect(200);
    guild.wake_bot();
    guild.says(&diff, "Approved by `owner`");
    let ready = guild.discord.until("a button to execute", || {
        Some(guild.discord.again(&diff)).filter(|now| now.button("Execute").is_some())
    });
    guild.ann().click(&ready, "Execute");
    guild.reaches(&session, "succeeded");
    guild.says(&diff, "🏁 Done");
    // Two looks, two cards, whoever ended in between.
    assert_eq!(guild.discord.messages().len(), 2);
}

#[test]
fn a_bot_that_lost_what_it_kept_still_resolves_its_buttons() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    guild.kill_bot();
    std::fs::remove_file(guild.world.home().join(".local/state/calt/discord.json")).unwrap();
    guild.world.owner().stop(&session).expect(200);
    guild.wake_bot();
    let told = guild.ann().click(&card, "Approve").told();
    assert!(told.content().contains("cancelled"), "{}", told.content());
    guild.says(&card, "Nothing is asked here any more");
    assert!(guild.discord.again(&card).labels().is_empty());
}

#[test]
fn a_daemon_that_moves_is_found_again_and_nothing_is_missed() {
    let guild = Guild::start();
    let (first, card) = guild.proposed(&plan(1, &[look("a")]));
    guild.world.kill();
    guild.world.wake();
    guild.world.owner().reject_plan(&first, 1, "not now").expect(200);
    guild.says(&card, "Rejected by `owner`");
    let (second, card) = guild.proposed(&plan(1, &[look("b")]));
    guild.ann().click(&card, "Approve");
    guild.reaches(&second, "succeeded");
}

#[test]
fn a_dropped_socket_is_taken_up_again_and_loses_no_click() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[look("a"), look("b")]));
    guild.discord.drop_sockets();
    // Nobody is connected now; what happens is delivered when the session is taken up again.
    guild.ann().click(&card, "Approve");
    guild.reaches(&session, "succeeded");
    let (identified, resumed, _) = guild.discord.connections();
    assert_eq!((identified, resumed), (1, 1));
    // A session that is not known any more is begun anew.
    guild.discord.forget_sessions();
    guild.discord.ask_to_reconnect();
    guild.discord.until("the bot is there again", || (guild.discord.connections().0 == 2).then_some(()));
    let (session, card) = guild.proposed(&plan(1, &[look("c")]));
    guild.ann().click(&card, "Approve");
    guild.reaches(&session, "succeeded");
    guild.discord.until("heartbeats come", || (guild.discord.connections().2 > 1).then_some(()));
}

#[test]
fn what_is_delivered_twice_is_done_once() {
    let guild = Guild::start();
    guild.discord.deliver_twice();
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    guild.ann().click(&card, "Approve");
    guild.reaches(&session, "succeeded");
    guild.ann().slash("session_create", &serde_json::json!({"goal": "once"})).told();
    guild.settles();
    let made: Vec<_> =
        guild.events("session_created").into_iter().filter(|event| event["source"] == "discord").collect();
    assert_eq!((guild.events("step_started").len(), made.len()), (1, 1));
}

#[test]
fn failures_and_limits_of_discord_are_waited_out() {
    let guild = Guild::start();
    guild.discord.disturb("/messages", 2, 500);
    let (first, card) = guild.proposed(&plan(1, &[look("a")]));
    guild.discord.limit_everything();
    guild.world.owner().reject_plan(&first, 1, "no").expect(200);
    guild.says(&card, "Rejected by `owner`");
    guild.discord.disturb("/callback", 1, 500);
    guild.discord.disturb("/messages", 1, 429);
    let (second, card) = guild.proposed(&plan(1, &[look("b")]));
    guild.ann().click(&card, "Approve");
    guild.reaches(&second, "succeeded");
    guild.says(&card, "🏁 Done");
    let limited = guild.discord.requests().iter().filter(|request| request.status == 429).count();
    assert_eq!(limited, 2);
    // The message that failed at first is there once.
    assert_eq!(guild.discord.messages().iter().filter(|message| message.text().contains(&first.id)).count(), 2);
}

#[test]
fn a_lost_answer_posts_nothing_twice_and_loses_no_click() {
    let guild = Guild::start();
    guild.discord.lose_answers("/messages", 2);
    let (session, card) = guild.proposed(&plan(1, &[look("a")]));
    guild.discord.lose_answers("/callback", 1);
    guild.ann().click(&card, "Approve");
    guild.reaches(&session, "succeeded");
    guild.says(&card, "🏁 Done");
    assert_eq!(guild.discord.messages().len(), 1);
    assert!(guild.discord.requests().iter().filter(|request| request.status == 502).count() >= 3);
}

#[test]
fn many_cards_and_many_events_cause_no_storm() {
    let guild = Guild::start();
    // As strict as Discord: five messages or edits in a channel, then a pause; in a second instead of in five.
    guild.discord.allow(5, Duration::from_secs(1));
    let agent = guild.world.agent();
    let sessions: Vec<_> = (0..20).map(|_| agent.propose(&plan(1, &[look("a"), look("b"), look("c")]))).collect();
    guild.discord.until("every card is there", || (guild.discord.messages().len() == sessions.len()).then_some(()));
    let owner = guild.world.owner();
    for session in &sessions {
        owner.approve_plan(session, 1).expect(200);
        for step in ["a", "b", "c"] {
            owner.carry_out(session, step);
        }
    }
    let began = Instant::now();
    guild.discord.until("every card says that it is done", || {
        let messages = guild.discord.messages();
        messages.iter().all(|message| message.content().contains("🏁 Done: 3 steps")).then_some(())
    });
    let requests = guild.discord.requests();
    let limited = requests.iter().filter(|request| request.status == 429).count();
    assert!(limited <= 2, "{limited} of {} requests came too early, in {:?}", requests.len(), began.elapsed());
    // Progress is told together: far fewer edits than events.
    assert!(requests.iter().filter(|request| request.method == "PATCH").count() <= sessions.len() * 4);
    assert_eq!(guild.discord.messages().len(), sessions.len());
}

#[test]
fn first_answers_come_at_once_and_the_bot_stays_small() {
    let guild = Guild::start();
    let session = guild.world.owner().propose(&plan(1, &[look("a")]));
    for _ in 0..50 {
        guild.ann().slash("plan_show", &serde_json::json!({"session_id": session.id})).first();
    }
    let mut answers = guild.discord.first_answers();
    answers.sort();
    let slowest = answers[answers.len() - 1];
    assert!(slowest <= Duration::from_millis(300), "{slowest:?}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", guild.bot_pid())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = resident.trim().trim_end_matches("kB").trim().parse().unwrap();
    // A program with all its tests' checks is larger than a released one.
    assert!(kib <= 80 * 1024, "{kib} KiB");
}
