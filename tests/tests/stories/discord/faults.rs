//! Faults: killed bots, restarted daemons, dropped sockets, limits, failures, and what is delivered twice.

use std::time::Duration;

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

/// How a card ends.
#[derive(Clone, Copy)]
enum Way {
    LeftOpen,
    Rejected,
    Stopped,
    CarriedOut,
    Replaced,
}

const WAYS: [Way; 5] = [Way::LeftOpen, Way::Rejected, Way::Stopped, Way::CarriedOut, Way::Replaced];

fn ends(guild: &Guild, session: &calt_tests::Session, way: Way) {
    let owner = guild.world.owner();
    match way {
        Way::LeftOpen => {}
        Way::Rejected => drop(owner.reject_plan(session, 1, "no").expect(200)),
        Way::Stopped => drop(owner.stop(session).expect(200)),
        Way::CarriedOut => {
            owner.approve_plan(session, 1).expect(200);
            for step in ["a", "b", "c"] {
                owner.approve(session, step).expect(200);
            }
            for step in ["a", "b", "c"] {
                owner.run(session, step).expect(200);
            }
        }
        Way::Replaced => drop(owner.import(session, &plan(2, &[look("d")])).expect(200)),
    }
}

const fn told(way: Way) -> &'static str {
    match way {
        Way::LeftOpen => "A plan waits for a look",
        Way::Rejected => "Rejected by `owner`",
        Way::Stopped => "The session was stopped by `owner`",
        Way::CarriedOut => "🏁 Done: 3 steps",
        Way::Replaced => "Plan v2 took its place, by `owner`",
    }
}

#[test]
fn a_hundred_open_cards_all_tell_the_truth_in_the_end_and_cause_no_storm() {
    let guild = Guild::start();
    // Discord takes five messages and five edits in five seconds; a story has time for more.
    guild.discord.allow(20, Duration::from_secs(1));
    let agent = guild.world.agent();
    let sessions: Vec<_> = (0..100).map(|_| agent.propose(&plan(1, &[look("a"), look("b"), look("c")]))).collect();
    guild.discord.until("every card is there", || (guild.discord.messages().len() == sessions.len()).then_some(()));
    let cards: Vec<_> = sessions.iter().map(|session| guild.card_of(session, "Approve")).collect();
    for (session, way) in sessions.iter().zip(WAYS.iter().cycle()) {
        ends(&guild, session, *way);
    }
    for (card, way) in cards.iter().zip(WAYS.iter().cycle()) {
        let now = guild.says(card, told(*way));
        let is_open = matches!(way, Way::LeftOpen);
        assert_eq!((now.labels().is_empty(), now.edits == 0), (!is_open, is_open), "{}", now.content());
    }
    // Twenty ask for a new plan, and twenty ask about the new version.
    guild.discord.until("what asks anew", || (guild.discord.messages().len() == 140).then_some(()));
    guild.settles();
    let requests = guild.discord.requests();
    let limited = requests.iter().filter(|request| request.status == 429).count();
    assert!(limited <= 2, "{limited} of {} requests came too early", requests.len());
    // Progress is told together: far fewer edits than events.
    let edits = requests.iter().filter(|request| request.method == "PATCH").count();
    assert!(edits <= sessions.len() * 3, "{edits} edits");
    assert_eq!(guild.discord.messages().len(), 140);
    for (card, way) in cards.iter().zip(WAYS.iter().cycle()) {
        assert!(guild.discord.again(card).content().contains(told(*way)));
    }
}

#[test]
fn a_decision_is_told_before_the_progress_of_others() {
    let guild = Guild::start();
    let steps: Vec<_> = (0..12).map(|number| look(&format!("s{number}"))).collect();
    let busy: Vec<_> = (0..6).map(|_| guild.proposed(&plan(1, &steps))).collect();
    let (decided, card) = guild.proposed(&plan(1, &[look("a")]));
    guild.discord.allow(5, Duration::from_secs(5));
    let owner = guild.world.owner();
    for (session, _) in &busy {
        owner.approve_plan(session, 1).expect(200);
        for number in 0..12 {
            owner.approve(session, &format!("s{number}")).expect(200);
            owner.run(session, &format!("s{number}")).expect(200);
        }
    }
    owner.reject_plan(&decided, 1, "no").expect(200);
    let heard_of = std::time::Instant::now() + Duration::from_millis(500);
    let told = guild.says(&card, "Rejected by `owner`").changed;
    for (_, card) in &busy {
        guild.says(card, "🏁 Done: 12 steps");
        assert!(guild.discord.again(card).content().contains("Approved by `owner`"));
    }
    let requests = guild.discord.requests();
    let mut meanwhile = requests.iter().filter(|request| request.at > heard_of && request.at < told);
    let early = meanwhile.find(|request| request.method == "PATCH" && request.body.contains("done"));
    assert!(early.is_none(), "progress went before a decision: {early:?}");
    assert!(requests.iter().all(|request| request.status != 429));
}

/// A step that runs until its pipe is let go.
struct Held<'g> {
    guild: &'g Guild,
    pipe: std::path::PathBuf,
}

impl<'g> Held<'g> {
    fn new(guild: &'g Guild, session: &calt_tests::Session) -> Self {
        crate::stop::make_pipe(&guild.world, session, "held");
        Self { guild, pipe: guild.world.workspace(&session.id).join("held") }
    }

    fn step(id: &str) -> serde_json::Value {
        crate::command(id, "cat held")
    }

    /// Waits until so many steps were started.
    fn runs(&self, started: usize) {
        self.guild
            .discord
            .until("the step runs", || (self.guild.events("step_started").len() == started).then_some(()));
    }

    fn let_go(self) {
        // Opening waits for the reader, and the reader reads to the end when it is closed.
        drop(std::fs::OpenOptions::new().write(true).open(&self.pipe).unwrap());
    }
}

#[test]
fn a_bot_killed_in_the_middle_of_a_run_goes_on_where_it_was() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[look("a"), Held::step("t"), look("z")]));
    let held = Held::new(&guild, &session);
    guild.ann().click(&card, "Approve");
    held.runs(2);
    guild.says(&card, "Running `t`");
    guild.kill_bot();
    held.let_go();
    guild.wake_bot();
    // What was approved is there to be executed, by whoever says so now.
    let ready = guild.discord.until("a button to execute", || {
        Some(guild.discord.again(&card)).filter(|now| now.button("Execute").is_some())
    });
    assert!(ready.content().contains("Approved by `ann` in Discord"), "{}", ready.content());
    guild.bob().click(&ready, "Execute");
    guild.reaches(&session, "succeeded");
    guild.says(&card, "🏁 Done: 3 steps");
    assert_eq!((guild.events("step_started").len(), guild.discord.messages().len()), (3, 1));
}

#[test]
fn a_gateway_dropped_during_a_run_loses_neither_the_run_nor_a_click() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[Held::step("t"), look("z")]));
    let (other, asked) = guild.proposed(&plan(1, &[look("a")]));
    let held = Held::new(&guild, &session);
    guild.ann().click(&card, "Approve");
    held.runs(1);
    guild.discord.drop_sockets();
    // Nobody is connected now: this waits for the session to be taken up again.
    guild.bob().click(&asked, "Approve");
    held.let_go();
    guild.reaches(&session, "succeeded");
    guild.reaches(&other, "succeeded");
    guild.says(&card, "🏁 Done: 2 steps");
    guild.says(&asked, "Approved by `bob` in Discord");
    assert_eq!(guild.discord.connections().1, 1);
    assert_eq!(guild.discord.messages().len(), 2);
}

#[test]
fn a_run_longer_than_a_token_lives_ends_by_editing_the_message() {
    let guild = Guild::start();
    let (session, card) = guild.proposed(&plan(1, &[Held::step("t"), Held::step("u")]));
    let held = Held::new(&guild, &session);
    guild.ann().click(&card, "Approve");
    held.runs(1);
    guild.discord.expire_tokens();
    held.let_go();
    let held = Held { guild: &guild, pipe: guild.world.workspace(&session.id).join("held") };
    held.runs(2);
    guild.says(&card, "Running `u` · 1 of 2 done");
    held.let_go();
    guild.says(&card, "🏁 Done: 2 steps");
    // The same for a command that was typed.
    let session = guild.world.agent().propose(&plan(1, &[Held::step("t")]));
    let held = Held::new(&guild, &session);
    guild.world.owner().approve_plan(&session, 1).expect(200);
    guild.world.owner().approve(&session, "t").expect(200);
    let asked = guild.ann().slash("step_execute", &serde_json::json!({"session_id": session.id, "step_id": "t"}));
    held.runs(3);
    let running = asked.told();
    assert!(running.content().contains("`t` is running"), "{}", running.content());
    guild.discord.expire_tokens();
    held.let_go();
    guild.says(&running, "✅ `t` succeeded");
    assert!(guild.discord.requests().iter().any(|request| request.status == 401), "no token had expired");
}

#[test]
fn a_step_that_was_typed_says_how_it_ended_also_after_its_bot_was_killed() {
    let guild = Guild::start();
    let session = guild.world.agent().propose(&plan(1, &[Held::step("t")]));
    let held = Held::new(&guild, &session);
    guild.world.owner().approve_plan(&session, 1).expect(200);
    guild.world.owner().approve(&session, "t").expect(200);
    let step = serde_json::json!({"session_id": session.id, "step_id": "t"});
    let asked = guild.discord.user(super::guild::ANN).reading("ja").slash("step_execute", &step);
    held.runs(1);
    let running = asked.told();
    assert!(running.content().contains("`t` を実行中です"), "{}", running.content());
    guild.kill_bot();
    guild.wake_bot();
    // It ends while the bot is there again, and after it was away once more.
    guild.kill_bot();
    held.let_go();
    guild.reaches(&session, "succeeded");
    guild.wake_bot();
    guild.says(&running, "✅ `t` 成功（実行 1）");
    // What was told is not told again.
    guild.settles();
    guild.kill_bot();
    let told = guild.discord.requests().iter().filter(|request| request.method == "PATCH").count();
    guild.wake_bot();
    guild.settles();
    assert_eq!(guild.discord.requests().iter().filter(|request| request.method == "PATCH").count(), told);
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
    let log = guild.bot_log();
    assert!(log.contains("the bot is there") && !log.contains('\u{1b}'), "a log in a file has no colours: {log}");
    let slowest = answers[answers.len() - 1];
    assert!(slowest <= Duration::from_millis(300), "{slowest:?}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", guild.bot_pid())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = resident.trim().trim_end_matches("kB").trim().parse().unwrap();
    // A program with all its tests' checks is larger than a released one.
    assert!(kib <= 80 * 1024, "{kib} KiB");
}
