//! Logs that break a promise are refused twice: by `evolve`, and by the oracle that knows nothing of it.

use calt_core::event::{Envelope, Fact, FileChange, Mode, Profile, WorkspaceIdentity};
use calt_core::id::EventId;
use calt_core::permit::Gate;
use calt_core::toolbox::Effect;
use calt_core::{Action, Digest, RunId, Session, SessionId, oracle};

use crate::world::{Who, World, apply, id, look, plan, preview, risky, shell, start};

type Log = Vec<Envelope>;

/// A log in which everything happens that is allowed: two versions, a skip, a preview, an apply, high risk.
fn long_log() -> Log {
    let mut world = World::strict();
    world.import(plan(1, &[look("first"), shell("second", "ls"), look("third")])).done();
    world.approve_plan(Who::Ann).done();
    world.run("first").run("second");
    let steps = [
        look("extra"),
        preview("show", "a.txt", "two\n"),
        apply("write", "a.txt", "two\n"),
        risky(shell("risky", "ls -l")),
    ];
    world.import(plan(2, &steps)).done();
    world.approve_plan(Who::Bob).done();
    world.skip(Who::Ann, "extra").done();
    world.run("show").run("write");
    world.approve(Who::Ann, "risky").done();
    world.act(Who::Ann, start("risky", true)).done();
    world.finish().done();
    world.log
}

fn position(log: &Log, event_type: &str, step: &str) -> usize {
    log.iter()
        .position(|event| event.fact.event_type() == event_type && (step.is_empty() || names(&event.fact, step)))
        .unwrap_or_else(|| panic!("no {event_type} of {step}"))
}

fn names(fact: &Fact, step: &str) -> bool {
    let facts = fact.facts();
    facts["step"] == step || facts["version"].as_u64().is_some_and(|version| Ok(version) == step.parse())
}

/// Numbers the events anew, so that nothing but the broken promise is wrong.
fn numbered(mut log: Log) -> Log {
    for (place, event) in log.iter_mut().enumerate() {
        event.id = EventId(place as i64 + 1);
        event.seq = Some(place as u64 + 1);
    }
    log
}

fn drop_event(event_type: &'static str, step: &'static str) -> impl Fn(&mut Log) {
    move |log| {
        log.remove(position(log, event_type, step));
    }
}

fn repeat(event_type: &'static str, step: &'static str) -> impl Fn(&mut Log) {
    move |log| {
        let place = position(log, event_type, step);
        log.insert(place + 1, log[place].clone());
    }
}

/// Moves an event to right before another one.
fn hurry(event_type: &'static str, step: &'static str, before: (&'static str, &'static str)) -> impl Fn(&mut Log) {
    move |log| {
        let event = log.remove(position(log, event_type, step));
        let place = position(log, before.0, before.1);
        log.insert(place, event);
    }
}

fn change(event_type: &'static str, step: &'static str, change: fn(&mut Fact)) -> impl Fn(&mut Log) {
    move |log| {
        let place = position(log, event_type, step);
        change(&mut log[place].fact);
    }
}

fn stop_before(event_type: &'static str, step: &'static str) -> impl Fn(&mut Log) {
    move |log| {
        let place = position(log, event_type, step);
        let mut event = log[place].clone();
        (event.fact, event.run) = (Fact::SessionStopped { run: None }, None);
        log.insert(place, event);
    }
}

fn other() -> Digest {
    Digest::of_bytes(b"something else")
}

type Mutation = (&'static str, Box<dyn Fn(&mut Log)>);

fn case(words: &'static str, mutation: impl Fn(&mut Log) + 'static) -> Mutation {
    (words, Box::new(mutation))
}

/// What both must refuse.
#[expect(clippy::too_many_lines, reason = "a table, one broken promise an entry")]
fn broken_promises() -> Vec<Mutation> {
    vec![
        case("the plan's approval is gone", drop_event("plan_approved", "1")),
        case("the step's approval is gone", drop_event("step_approved", "first")),
        case("the approval comes after the start", |log| {
            let place = position(log, "step_approved", "second");
            log.swap(place, place + 1);
        }),
        case(
            "the approval is of another digest",
            change("step_approved", "write", |fact| {
                if let Fact::StepApproved { decision, .. } = fact {
                    decision.digest = other();
                }
            }),
        ),
        case("the approval is of another step's digest", |log| {
            let (first, second) = (position(log, "step_approved", "first"), position(log, "step_approved", "second"));
            let fact = log[first].fact.clone();
            let (Fact::StepApproved { decision: theirs, .. }, Fact::StepApproved { decision: own, .. }) =
                (fact, &mut log[second].fact)
            else {
                unreachable!("both are approvals");
            };
            own.digest = theirs.digest;
        }),
        case(
            "the plan's approval is of another plan",
            change("plan_approved", "2", |fact| {
                if let Fact::PlanApproved { decision, .. } = fact {
                    decision.digest = other();
                }
            }),
        ),
        case(
            "what starts has another digest",
            change("step_started", "first", |fact| {
                if let Fact::StepStarted { digest, .. } = fact {
                    *digest = other();
                }
            }),
        ),
        case("a step starts twice", repeat("step_started", "first")),
        case("a step starts and ends twice", |log| {
            let place = position(log, "step_started", "first");
            let again = [log[place].clone(), log[place + 1].clone()];
            log.splice(place + 2..place + 2, again);
        }),
        case("a step starts after the stop", stop_before("step_started", "second")),
        case("a plan comes after the stop", stop_before("plan_imported", "2")),
        case("an approval comes after the stop", stop_before("step_approved", "second")),
        case("a step of a superseded version starts", |log| {
            let start = log[position(log, "step_started", "second")].clone();
            let place = position(log, "step_skipped", "extra");
            log.insert(place, start);
        }),
        case("a step starts out of order", |log| {
            let (from, to) = (position(log, "step_started", "second"), position(log, "step_approved", "first"));
            let approved = log.remove(from - 1);
            let started = log.remove(from - 1);
            log.splice(to..to, [approved, started]);
        }),
        case("a step starts while another runs", |log| {
            let ended = log.remove(position(log, "step_executed", "first"));
            let place = position(log, "step_executed", "second");
            log.insert(place, ended);
        }),
        case("a skipped step starts", |log| {
            let place = position(log, "step_skipped", "extra");
            let mut start = log[position(log, "step_started", "show")].clone();
            if let Fact::StepStarted { step, .. } = &mut start.fact {
                *step = id("extra");
            }
            log.insert(place + 1, start);
        }),
        case("an end has no start", drop_event("step_started", "second")),
        case("an end is of another run", |log| {
            let place = position(log, "step_executed", "second");
            log[place].run = Some(RunId(77));
        }),
        case("a step ends twice", repeat("step_executed", "first")),
        case("a plan comes while a step runs", hurry("plan_imported", "2", ("step_executed", "second"))),
        case("a version is used twice", repeat("plan_imported", "1")),
        case("a step is approved after it started", hurry("step_approved", "second", ("step_executed", "second"))),
        case("the session succeeds early", hurry("session_succeeded", "2", ("step_started", "risky"))),
        case("a step starts after a failure", |log| {
            let place = position(log, "step_executed", "first");
            let run = log[place].run;
            log[place].fact = failure("first");
            log[place].run = run;
        }),
        case("a step starts after the plan was rejected", |log| {
            let place = position(log, "step_started", "first");
            let mut no = log[position(log, "plan_approved", "1")].clone();
            if let Fact::PlanApproved { version, decision } = no.fact {
                no.fact = Fact::PlanRejected { version, decision };
            }
            log.insert(place, no);
        }),
        case("a step starts after it was rejected", |log| {
            let place = position(log, "step_started", "first");
            let mut no = log[place - 1].clone();
            if let Fact::StepApproved { version, step, decision, .. } = no.fact {
                no.fact = Fact::StepRejected { version, step, decision };
            }
            log.insert(place, no);
        }),
        case(
            "high risk starts unconfirmed",
            change("step_started", "risky", |fact| {
                if let Fact::StepStarted { high_risk_confirmed, .. } = fact {
                    *high_risk_confirmed = false;
                }
            }),
        ),
        case("a dry run applies", |log| {
            if let Fact::SessionCreated { mode, .. } = &mut log[0].fact {
                *mode = Mode::DryRun;
            }
        }),
        case(
            "a write calls itself a reading",
            change("step_started", "write", |fact| {
                if let Fact::StepStarted { effect, .. } = fact {
                    *effect = Effect::Reads;
                }
            }),
        ),
        case(
            "the preview an apply names is of another run",
            change("step_started", "write", |fact| {
                if let Fact::StepStarted { gate, .. } = fact {
                    *gate = Gate::Recorded { run: RunId(1) };
                }
            }),
        ),
        case(
            "the preview an apply names is of other files",
            change("step_started", "write", |fact| {
                if let Fact::StepStarted { files, .. } = fact {
                    files[0].new_sha256 = other();
                }
            }),
        ),
        case(
            "the preview is gone from the record",
            change("step_executed", "show", |fact| {
                if let Fact::StepExecuted { preview, .. } = fact {
                    *preview = None;
                }
            }),
        ),
    ]
}

fn failure(step: &str) -> Fact {
    Fact::StepFailed {
        version: 1,
        step: id(step),
        code: "step_failed".to_owned(),
        duration_ms: 1,
        exit_code: None,
        cancelled: false,
        applied: Vec::new(),
        tier: calt_core::isolation::Tier::Full,
    }
}

#[test]
fn a_log_in_which_all_is_well_passes_both() {
    let log = long_log();
    oracle::judge(&log).unwrap();
    assert_eq!(Session::replay(&log).unwrap().unwrap().seq(), log.len() as u64);
    assert_eq!(numbered(log.clone()), log);
}

#[test]
fn every_broken_promise_is_seen_by_both() {
    for (words, mutation) in broken_promises() {
        let mut log = long_log();
        mutation(&mut log);
        let log = numbered(log);
        assert!(oracle::judge(&log).is_err(), "the oracle lets pass: {words}");
        assert!(Session::replay(&log).is_err(), "evolve lets pass: {words}");
    }
}

/// What only one of them can see: the oracle does not compute step digests, and `evolve` does not look back.
#[test]
fn what_one_of_them_cannot_see_the_other_does() {
    let only_evolve = [
        case(
            "the inputs are not those of the digest",
            change("step_started", "first", |fact| {
                if let Fact::StepStarted { inputs, .. } = fact {
                    *inputs = other();
                }
            }),
        ),
        case(
            "the box is another one",
            change("step_started", "second", |fact| {
                if let Fact::StepStarted { box_digest, .. } = fact {
                    *box_digest = Some(other());
                }
            }),
        ),
        case(
            "the tool is another one",
            change("step_started", "second", |fact| {
                if let Fact::StepStarted { tool, .. } = fact {
                    "write_file_apply".clone_into(tool);
                }
            }),
        ),
        case(
            "a command ran without isolation",
            change("step_started", "second", |fact| {
                if let Fact::StepStarted { tier, .. } = fact {
                    *tier = calt_core::isolation::Tier::None;
                }
            }),
        ),
    ];
    for (words, mutation) in only_evolve {
        let mut log = long_log();
        mutation(&mut log);
        assert!(Session::replay(&numbered(log)).is_err(), "evolve lets pass: {words}");
    }
    let mut log = long_log();
    change("step_started", "write", |fact| {
        if let Fact::StepStarted { gate, .. } = fact {
            *gate = Gate::Missing;
        }
    })(&mut log);
    assert!(oracle::judge(&log).unwrap_err().what.contains("no run had previewed"));
    let mut log = long_log();
    change("step_executed", "first", |fact| {
        if let Fact::StepExecuted { applied, .. } = fact {
            let (old_sha256, new_sha256) = (other(), other());
            let (path, mode) = ("a.txt".to_owned(), "0644".to_owned());
            let (old_exists, new_exists) = (true, true);
            let (from, old_mode) = (None, Some(mode.clone()));
            applied.push(FileChange { path, from, old_sha256, new_sha256, old_exists, new_exists, mode, old_mode });
        }
    })(&mut log);
    assert!(oracle::judge(&log).unwrap_err().what.contains("no run had previewed"));
}

#[test]
fn an_event_of_another_session_or_out_of_its_turn_is_refused() {
    let log = long_log();
    let session = || Session::replay(&log[..3]).unwrap().unwrap();
    let mut next = log[3].clone();
    next.seq = Some(5);
    assert!(session().evolve(&next).is_err());
    next.seq = Some(4);
    next.session = calt_core::SessionId::parse("session_other");
    assert!(session().evolve(&next).is_err());
    assert!(Session::replay(&log[1..]).is_err());
    assert!(session().evolve(&log[3]).is_ok());
}

#[test]
fn the_oracle_keeps_sessions_apart() {
    let mut two: Log = long_log();
    let mut other = long_log();
    for event in &mut other {
        event.session = calt_core::SessionId::parse("session_other");
    }
    two.extend(other);
    oracle::judge(&two).unwrap();
    let mut stopped = World::new(Profile::Dev, Mode::Normal);
    stopped.act(Who::Ann, Action::Stop).done();
    oracle::judge(&stopped.log).unwrap();
}

#[test]
fn a_session_on_the_workspace_of_another_that_is_not_stopped_is_a_broken_promise() {
    let mut world = World::strict();
    world.import(plan(1, &[look("a")])).done();
    let of = |log: &Log, name: &str| {
        let mut next = log[0].clone();
        next.session = SessionId::parse(name);
        let home = log[0].session.clone().unwrap();
        if let Fact::SessionCreated { workspace, .. } = &mut next.fact {
            *workspace = WorkspaceIdentity::Of { session: home };
        }
        log.iter().cloned().chain([next]).collect::<Log>()
    };
    let two = of(&world.log, "session_next");
    assert!(oracle::judge(&two).unwrap_err().what.contains("two sessions at once"));
    assert!(oracle::judge(&two[two.len() - 1..]).unwrap_err().what.contains("one that never was"));
    world.act(Who::Ann, Action::Stop).done();
    let next = of(&world.log, "session_next");
    assert_eq!(oracle::judge(&next), Ok(()));
    assert!(oracle::judge(&of(&next, "session_third")).unwrap_err().what.contains("two sessions at once"));
}

#[test]
fn content_is_given_out_of_a_session_that_wrote_some_and_with_the_pin_that_stood() {
    use calt_core::principal::PrincipalId;
    let ann = || PrincipalId::parse("ann").unwrap();
    let release = |session: &str, bytes| Fact::ContentReleased {
        session: SessionId::parse(session).unwrap(),
        sha256: Digest::of_bytes(b""),
        bytes,
    };
    let log = long_log();
    let session = log[0].session.clone().unwrap().to_string();
    let before = position(&log, "step_started", "show");
    let judged = |place: usize, facts: Vec<Fact>| {
        let mut log = log.clone();
        let own = Envelope { session: None, seq: None, run: None, principal: ann(), ..log[0].clone() };
        log.splice(place..place, facts.into_iter().map(|fact| Envelope { fact, ..own.clone() }));
        for (place, event) in log.iter_mut().enumerate() {
            event.id = EventId(place as i64 + 1);
        }
        oracle::judge(&log).map_err(|broken| broken.what)
    };
    let (end, wrote_nothing) = (log.len(), "content was given out of a session that wrote nothing");
    assert_eq!(judged(end, vec![release(&session, 9)]), Ok(()));
    assert_eq!(judged(before, vec![release(&session, 9)]), Err(wrote_nothing));
    assert_eq!(judged(before, vec![release(&session, 0)]), Ok(()));
    let unknown = "content was given out of a session that never was";
    assert_eq!(judged(end, vec![release("session_other", 9)]), Err(unknown));
    let set = || Fact::PinSet { principal: ann(), hash_file: Digest::of_bytes(b"") };
    let typed = |for_plan: bool| Fact::PinAccepted {
        principal: ann(),
        session: for_plan.then(|| SessionId::parse(&session).unwrap()),
        version: for_plan.then_some(2),
    };
    let without = Err("content was given out without the PIN that stood");
    assert_eq!(judged(end, vec![set(), release(&session, 9)]), without);
    assert_eq!(judged(end, vec![set(), typed(true), release(&session, 9)]), without);
    assert_eq!(judged(end, vec![set(), typed(false), release(&session, 9)]), Ok(()));
    let twice = vec![set(), typed(false), release(&session, 9), release(&session, 9)];
    assert_eq!(judged(end, twice), without, "one PIN opens one act");
}
