//! calt from one end to the other, told twice: once as it goes well, once as it goes wrong.
//!
//! Read these two stories to know what calt is. Nothing in them is made up: the daemon, the command line and the Discord
//! bot are the real program; only Discord itself is a small server of our own.
//!
//! - A *program* wants something done. It has a token of role `agent`: it may propose and execute, and approves nothing.
//! - The *owner* of the machine sits at a terminal.
//! - *Ann* is an approver who is not there, and has Discord on her phone.

use std::fs;

use calt_tests::discord::Message;
use calt_tests::{Session, World};
use serde_json::{Value, json};

use crate::discord::guild::Guild;

/// What the program wants: look around, show a write, do exactly that write, and look whether it is there.
const GREETING: &str = r#"
title: "Greet whoever comes"
steps:
  - id: look
    title: "See what is there"
    tool: list_dir
    inputs: {path: "."}
  - id: preview
    title: "Show the greeting before it is written"
    tool: write_file_preview
    inputs: {path: greeting.txt, content: "Welcome.\n"}
  - id: apply
    title: "Write exactly what was shown"
    tool: write_file_apply
    inputs: {path: greeting.txt, content: "Welcome.\n", preview: "${steps.preview.output}"}
  - id: check
    title: "Read it back"
    tool: read_file
    inputs: {path: greeting.txt}
"#;

#[test]
fn a_plan_is_proposed_approved_carried_out_step_by_step_and_proved() {
    let guild = Guild::start();
    let owner = CommandLine::of_the_owner(&guild.world);

    // The owner gives the program a token. It is all the program ever gets.
    let token = owner.does("token create --name greeter --role agent");
    let program = CommandLine::with_token(&guild.world, token.trim());

    // 1. Plan. The program makes a session, which has an empty workspace of its own, and hands in its plan.
    let session = program.makes_a_session("Greet whoever comes");
    program.hands_in(&session, GREETING);

    // Nothing has run by that. The program cannot run it, and cannot approve it either: only a person can.
    let refused = program.is_refused("step execute SESSION look", &session);
    assert!(refused.contains("plan v1 is not approved"), "{refused}");
    let answer = program.types("plan approve SESSION 1 --yes", &session);
    assert_eq!(answer.code, 5, "{}", answer.stderr);
    assert!(answer.stderr.contains("role `agent` may not approve, reject or skip"), "{}", answer.stderr);

    // Whoever has to decide is told, in Discord too: a card shows the plan.
    let card = guild.card_of(&session, "Approve");
    assert!(card.text().contains("Greet whoever comes") && card.text().contains("Welcome."), "{}", card.text());

    // 2. Approve. The owner, at the terminal, looks at the plan and says yes to it. The card in Discord says so.
    let shown = owner.does_in("plan show SESSION 1", &session);
    assert!(shown.contains("4. check") && shown.contains("│ Welcome."), "{shown}");
    owner.does_in("plan approve SESSION 1 --yes", &session);
    let card = guild.says(&card, "Approved by `owner` in the terminal");

    // A yes to the plan is no yes to its steps.
    let refused = program.is_refused("step execute SESSION look", &session);
    assert!(refused.contains("step `look` is not approved"), "{refused}");

    // 3. Execute. The owner approves each step, the program executes it: one at a time, and each of them once.
    let greeting = guild.world.workspace(&session.id).join("greeting.txt");
    for step in ["look", "preview", "apply", "check"] {
        assert_eq!(greeting.exists(), step == "check", "a preview writes nothing, and the apply writes");
        owner.does_in(&format!("step approve SESSION {step} --yes"), &session);
        program.does_in(&format!("step execute SESSION {step}"), &session);
    }
    let refused = program.is_refused("step execute SESSION apply", &session);
    assert!(refused.contains("already"), "{refused}");
    assert_eq!(fs::read_to_string(&greeting).unwrap(), "Welcome.\n");

    // Discord shows that it is done, on the card that asked; and Ann, wherever she is, can look at all of it.
    guild.says(&card, "🏁 Done: 4 steps, 0 left out");
    let ann = guild.ann();
    let found = ann.slash("logs_search", &json!({"query": "greeting", "session_id": session.id})).text();
    assert!(found.contains("step_executed"), "{found}");
    let listed = ann.slash("artifacts_list", &json!({"session_id": session.id})).text();
    assert_eq!(listed.matches("sha256").count(), 4, "{listed}");

    // 4. Record. The log has all of it in order, with who did it: the program asked, the owner decided, the daemon acted.
    let events = owner.log_of(&session);
    let by_whom = |kind: &str| &events.iter().find(|event| event["event_type"] == kind).unwrap()["principal"];
    let mut expected = vec!["session_created", "plan_imported", "plan_approved"];
    for _ in 0..4 {
        expected.extend(["step_approved", "step_started", "step_executed", "artifact_saved"]);
    }
    expected.push("session_succeeded");
    assert_eq!(types(&events), expected);
    let from_where = |event: &Value| event["principal"] == "daemon" || event["source"] == "cli";
    assert!(events.iter().all(from_where), "all of it was asked for in a terminal: {events:?}");
    assert_eq!(by_whom("plan_imported"), "greeter");
    assert_eq!(by_whom("plan_approved"), "owner");
    assert_eq!(by_whom("step_started"), "greeter");
    assert_eq!(by_whom("step_executed"), "daemon");

    // What each step gave is kept as an artifact: the last of them holds what was read back.
    let artifacts = owner.json("artifacts list SESSION --json", &session);
    let last = artifacts["items"].as_array().unwrap().last().unwrap()["id"].clone();
    let kept = owner.does_in(&format!("artifacts get SESSION {last}"), &session);
    assert!(kept.contains("Welcome."), "{kept}");

    // And the record proves itself: here, and as a file on a machine that has never seen this daemon.
    owner.does("record verify");
    owner.does_in("record export SESSION --output record.json", &session);
    let elsewhere = World::asleep(&[]);
    fs::copy(guild.world.home().join("record.json"), elsewhere.home().join("record.json")).unwrap();
    CommandLine::of_the_owner(&elsewhere).does("record verify record.json");
}

/// A plan that is wrong in the middle: what it looks for is not in the file that it wrote.
const WRONG: &str = r#"
title: "Announce the release"
steps:
  - id: preview
    title: "Show the announcement"
    tool: write_file_preview
    inputs: {path: news.txt, content: "Version 2 is out.\n"}
  - id: apply
    title: "Write it"
    tool: write_file_apply
    inputs: {path: news.txt, content: "Version 2 is out.\n", preview: "${steps.preview.output}"}
  - id: check
    title: "See that it names the version"
    tool: run_shell_readonly
    inputs: {command: "rg 'Version 3' news.txt"}
  - id: list
    title: "List what there is"
    tool: list_dir
    inputs: {path: "."}
"#;

/// The second version goes on from what is there: it does not write again, and looks for the right thing.
const MENDED: &str = r#"
version: 2
title: "Announce the release"
steps:
  - id: check
    title: "See that it names the version"
    tool: run_shell_readonly
    inputs: {command: "rg 'Version 2' news.txt"}
  - id: list
    title: "List what there is"
    tool: list_dir
    inputs: {path: "."}
"#;

#[test]
fn a_step_fails_everything_stops_and_a_second_approved_version_goes_on() {
    let guild = Guild::start();
    let owner = CommandLine::of_the_owner(&guild.world);
    let token = owner.does("token create --name announcer --role agent");
    let program = CommandLine::with_token(&guild.world, token.trim());
    let session = program.makes_a_session("Announce the release");
    program.hands_in(&session, WRONG);

    // 1. The owner runs the whole plan: `calt run` asks, executes and asks again, until the third step fails.
    //    (`--yes` answers beforehand, because nobody sits at the terminal of a test. The record says so.)
    let ran = owner.types("run --session SESSION --yes", &session);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("hint: calt run PLAN --session"), "{}", ran.stderr);

    // 2. Everything stops there. The write that was done stays done; what came after it did not run.
    let news = guild.world.workspace(&session.id).join("news.txt");
    assert_eq!(fs::read_to_string(&news).unwrap(), "Version 2 is out.\n");
    let shown = owner.json("session show SESSION --json", &session);
    assert_eq!((&shown["status"], &shown["needs_replan"]), (&json!("failed"), &json!(true)));
    let explained = owner.does_in("explain SESSION", &session);
    for line in ["failed, needs_replan", "step check failed", "wrote news.txt", "next: calt run PLAN --session"] {
        assert!(explained.contains(line), "{line}: {explained}");
    }

    // Discord tells Ann what landed, what failed and what did not run.
    let failure = guild.discord.message("needs a new plan");
    for line in ["landed       apply", "FAILED       check", "did not run  list"] {
        assert!(failure.text().contains(line), "{line}: {}", failure.text());
    }

    // No approval leads on from here, old or new: the rest of this version never runs.
    for line in ["step execute SESSION list", "step execute SESSION check", "plan approve SESSION 1 --yes"] {
        let refused = owner.is_refused(line, &session);
        assert!(refused.contains("needs replan"), "{line}: {refused}");
    }

    // 3. The program hands in a second version. It takes the first one's place, and nothing of it is approved yet,
    //    whatever was said to steps of the same name.
    program.hands_in(&session, MENDED);
    let refused = program.is_refused("step execute SESSION check", &session);
    assert!(refused.contains("plan v2 is not approved"), "{refused}");
    guild.says(&failure, "Plan v2 took its place");

    // 4. This time Ann decides, in Discord: one yes to the plan and its steps, and the daemon executes them.
    let card = the_card_of_version_2(&guild);
    guild.ann().click(&card, "Approve");
    guild.reaches(&session, "succeeded");
    guild.says(&card, "🏁 Done: 2 steps, 0 left out");

    // 5. One session, one record: the failure stands in it, and what led on. What was done was not done again.
    let log = owner.log_of(&session);
    let events = types(&log);
    let told = ["step_failed", "plan_imported", "plan_approved", "step_executed", "session_succeeded"];
    let mut rest = events.iter();
    for event in told {
        assert!(rest.any(|known| *known == event), "{event} does not follow in {events:?}");
    }
    assert_eq!(
        events.iter().filter(|event| **event == "step_started").count(),
        5,
        "3 runs of v1 and 2 of v2: {events:?}"
    );
    let decided = owner.json("logs search --session SESSION --type plan_approved --json", &session);
    let by_whom: Vec<_> = decided["items"].as_array().unwrap().iter().map(|event| &event["principal"]).collect();
    assert_eq!(by_whom, ["ann", "owner"], "the newest first");
    owner.does("record verify");
}

/// Waits for the card that asks about the second version.
fn the_card_of_version_2(guild: &Guild) -> Message {
    guild.discord.until("a card for v2", || {
        guild.discord.find(|message| message.text().contains("Plan v2 ·") && message.button("Approve").is_some())
    })
}

/// Somebody at a command line of the daemon's machine. In what they type, `SESSION` stands for the session's id.
struct CommandLine<'w> {
    world: &'w World,
    token: Option<String>,
}

impl<'w> CommandLine<'w> {
    /// The owner needs no token: theirs lies in the data root, where only they can read.
    fn of_the_owner(world: &'w World) -> Self {
        Self { world, token: None }
    }

    /// A program has what it was given, as `CALT_DAEMON_TOKEN`.
    fn with_token(world: &'w World, token: &str) -> Self {
        Self { world, token: Some(token.to_owned()) }
    }

    fn types(&self, line: &str, session: &Session) -> calt_tests::Ran {
        self.runs(&line.split(' ').map(|word| if word == "SESSION" { &session.id } else { word }).collect::<Vec<_>>())
    }

    fn runs(&self, words: &[&str]) -> calt_tests::Ran {
        let token = self.token.as_deref().map(|token| ["--token", token]);
        self.world.calt(&[token.as_ref().map_or(&[][..], |token| token), words].concat())
    }

    /// Types what must succeed, and gives what it printed.
    fn does_in(&self, line: &str, session: &Session) -> String {
        let ran = self.types(line, session);
        assert_eq!(ran.code, 0, "calt {line}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    fn does(&self, line: &str) -> String {
        self.does_in(line, &Session { id: String::new() })
    }

    /// Types what must be refused by the gate (exit code 3), and gives what was said.
    fn is_refused(&self, line: &str, session: &Session) -> String {
        let ran = self.types(line, session);
        assert_eq!(ran.code, 3, "calt {line}\n{}{}", ran.stdout, ran.stderr);
        ran.stderr
    }

    fn json(&self, line: &str, session: &Session) -> Value {
        serde_json::from_str(&self.does_in(line, session)).unwrap()
    }

    fn makes_a_session(&self, goal: &str) -> Session {
        let made = self.runs(&["session", "create", "--goal", goal, "--json"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        Session { id: made["id"].as_str().unwrap().to_owned() }
    }

    fn hands_in(&self, session: &Session, plan: &str) {
        fs::write(self.world.home().join("plan.yaml"), plan).unwrap();
        self.does_in("plan import SESSION plan.yaml", session);
    }

    /// The session's events, in order.
    fn log_of(&self, session: &Session) -> Vec<Value> {
        let found = self.json("logs search --session SESSION --limit 500 --json", session);
        found["items"].as_array().unwrap().iter().rev().cloned().collect()
    }
}

/// What happened, in order.
fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event_type"].as_str().unwrap()).collect()
}
