//! PINs: every decision of a person who has one, with each key that is not for it and with the one that is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use calt_core::decide::{Answer, RosterAction, RosterCommand, Verdict, decide_roster};
use calt_core::event::{Envelope, Fact};
use calt_core::id::EventId;
use calt_core::pin::{PinFacts, Purpose};
use calt_core::policy::{AssuranceByRisk, Demands};
use calt_core::principal::{Assurance, Claim, PrincipalId, PrincipalKind, Role};
use calt_core::roster::Roster;
use calt_core::{Action, Digest, Facts, Refusal, SessionId, Timestamp, oracle};

use crate::world::{SESSION, Who, World, id, look, plan, risky, start};

fn purpose(session: &str, version: u32) -> Purpose {
    Purpose::Plan { session: SessionId::parse(session).unwrap(), version }
}

/// Every key that opens nothing here, and none.
fn wrong_keys() -> Vec<Option<Purpose>> {
    vec![None, Some(Purpose::Administration), Some(purpose("session_other", 1)), Some(purpose(SESSION, 2))]
}

fn with(world: &World, step: Option<&str>, unlocked: Option<Purpose>) -> Facts {
    let step = step.map(id);
    Facts { pin: PinFacts { stands: true, unlocked, by_relay: false }, ..world.facts(step.as_slice()) }
}

fn no(reason: &str) -> Verdict {
    Verdict { reason: Some(reason.to_owned()), ..Verdict::default() }
}

/// The decisions on a step of an approved plan.
fn on_a_step() -> Vec<Action> {
    vec![
        Action::ApproveStep { step: id("a"), verdict: Verdict::default() },
        Action::RejectStep { step: id("a"), verdict: no("not this") },
        Action::SkipStep { step: id("a"), verdict: Verdict::default() },
        Action::RejectPlan { version: 1, verdict: no("not this") },
    ]
}

#[test]
fn with_a_pin_nothing_is_decided_by_a_token_and_all_by_the_key_of_this_version() {
    let mut proposed = World::strict();
    proposed.import(plan(1, &[look("a"), risky(look("b"))])).done();
    let mut approved = proposed.clone();
    approved.approve_plan(Who::Ann).done();
    let on_the_plan = [
        Action::ApprovePlan { version: 1, verdict: Verdict::default() },
        Action::RejectPlan { version: 1, verdict: no("not this") },
    ];
    let cases = on_the_plan.into_iter().map(|action| (&proposed, action));
    for (world, action) in cases.chain(on_a_step().into_iter().map(|action| (&approved, action))) {
        for unlocked in wrong_keys() {
            let mut world = world.clone();
            let came = world.act_on(Who::Ann, action.clone(), &with(&world, Some("a"), unlocked));
            assert!(
                matches!(came.outcome, Err(Refusal::PinNeeded { stands: true, .. })) && came.facts.is_empty(),
                "{action:?}: {came:?}"
            );
        }
        let mut world = world.clone();
        let came = world.act_on(Who::Ann, action.clone(), &with(&world, Some("a"), Some(purpose(SESSION, 1))));
        came.done();
        assert_eq!(came.facts[0].facts()["decision"]["assurance"], "pin", "{action:?}");
    }
}

#[test]
fn high_risk_is_confirmed_with_the_pin_and_a_stop_needs_none() {
    let mut world = World::strict();
    world.import(plan(1, &[risky(look("a"))])).done();
    world.approve_plan(Who::Ann).done();
    world.approve(Who::Ann, "a").done();
    for unlocked in wrong_keys() {
        let mut world = world.clone();
        let came = world.act_on(Who::Ann, start("a", true), &with(&world, Some("a"), unlocked.clone()));
        assert!(came.permit.is_none() && came.facts.is_empty() && came.code() == "assurance_too_low", "{came:?}");
        world.act_on(Who::Ann, Action::Stop, &with(&world, None, unlocked)).done();
    }
    let facts = with(&world, Some("a"), Some(purpose(SESSION, 1)));
    assert!(world.act_on(Who::Ann, start("a", true), &facts).permit.is_some());
}

#[test]
fn the_same_decision_once_more_changes_nothing_and_asks_for_nothing() {
    let mut world = World::strict();
    world.import(plan(1, &[look("a")])).done();
    world.approve_plan(Who::Ann).done();
    let again = Action::ApprovePlan { version: 1, verdict: Verdict::default() };
    let came = world.act_on(Who::Ann, again, &with(&world, None, None));
    assert!(came.outcome.is_ok() && came.facts.is_empty(), "{came:?}");
}

#[test]
fn a_demand_by_risk_takes_the_highest_of_a_plan_and_the_steps_own() {
    let mut world = World::strict();
    let assurance = AssuranceByRisk { high: Assurance::Pin, ..AssuranceByRisk::default() };
    world.demands = Demands { assurance, ..Demands::default() };
    world.import(plan(1, &[look("a"), risky(look("b"))])).done();
    let came = world.approve_plan(Who::Ann);
    let Err(Refusal::PinNeeded { rule, stands: false, .. }) = &came.outcome else { panic!("{came:?}") };
    assert_eq!(rule.as_deref(), Some("policy.assurance.high = pin"));
    let approve = Action::ApprovePlan { version: 1, verdict: Verdict::default() };
    let came = world.act_on(Who::Ann, approve, &with(&world, None, Some(purpose(SESSION, 1))));
    assert_eq!(came.facts[0].facts()["decision"]["rule"], "policy.assurance.high = pin");
    world.approve(Who::Bob, "a").done();
    assert_eq!(world.approve(Who::Bob, "b").code(), "assurance_too_low");
    // A no needs no more than the right to say it.
    world.act(Who::Bob, Action::RejectStep { step: id("b"), verdict: no("not this") }).done();
}

fn name(text: &str) -> PrincipalId {
    PrincipalId::parse(text).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn added(roster: Roster, who: &str, role: Role) -> Roster {
    let (principal, kind) = (name(who), PrincipalKind::Person);
    roster.evolve(&Fact::PersonAdded { principal, kind, role, display: None, discord: None }, at(0)).unwrap()
}

/// Olga owns, Ann approves, Vera looks; whoever is named has a PIN.
fn roster(with_a_pin: &[&str]) -> Roster {
    let people = [("owner", Role::Owner), ("olga", Role::Owner), ("ann", Role::Approver), ("vera", Role::Viewer)];
    let roster = people.into_iter().fold(Roster::default(), |roster, (who, role)| added(roster, who, role));
    with_a_pin.iter().fold(roster, |roster, who| {
        let set = Fact::PinSet { principal: name(who), hash_file: Digest::of_bytes(who.as_bytes()) };
        roster.evolve(&set, at(0)).unwrap()
    })
}

fn asked(roster: &Roster, who: Who, action: RosterAction, unlocked: Option<Purpose>) -> Result<Answer, &'static str> {
    let world = World::empty();
    let facts = Facts { pin: PinFacts { stands: true, unlocked, by_relay: false }, ..world.facts(&[]) };
    let command = RosterCommand { caller: who.caller(), claim: Claim::default(), action };
    decide_roster(roster, &command, &facts).outcome().clone().map_err(|refusal| refusal.code())
}

#[test]
fn an_owner_with_a_pin_administers_only_with_a_key_for_that() {
    let actions = [
        RosterAction::RevokeToken { token: "tok_1".to_owned() },
        RosterAction::RemovePerson { person: name("ann") },
        RosterAction::AddPerson { person: name("eve"), role: Role::Owner, display: None, discord: None },
        RosterAction::CreateToken {
            token: "tok_2".to_owned(),
            hash: Digest::of_bytes(b""),
            principal: name("ann"),
            role: Role::Approver,
            expires_at: None,
        },
    ];
    let (guarded, open) = (roster(&["olga"]), roster(&["owner", "ann"]));
    for action in actions {
        for unlocked in [None, Some(purpose(SESSION, 1))] {
            let came = asked(&guarded, Who::Olga, action.clone(), unlocked);
            assert_eq!(came, Err("assurance_too_low"), "{action:?}");
        }
        let came = asked(&guarded, Who::Olga, action.clone(), Some(Purpose::Administration));
        assert_ne!(came, Err("assurance_too_low"), "{action:?}");
        assert_ne!(asked(&open, Who::Olga, action.clone(), None), Err("assurance_too_low"), "{action:?}");
        assert_ne!(asked(&guarded, Who::Daemon, action, None), Err("assurance_too_low"));
    }
}

#[test]
fn no_token_sets_or_removes_a_pin_and_nobody_chooses_that_of_somebody_else() {
    let set = |person: &str, shown_by: Option<&str>| RosterAction::SetPin {
        person: name(person),
        hash_file: Digest::of_bytes(b"new"),
        shown_by: shown_by.map(name),
    };
    let remove = |person: &str, shown_by: Option<&str>| RosterAction::RemovePin {
        person: name(person),
        shown_by: shown_by.map(name),
        by_root: false,
    };
    let (none, both) = (roster(&[]), roster(&["owner", "ann"]));
    for who in [Who::Olga, Who::Ann, Who::Robot, Who::Vera, Who::Chat] {
        for action in [set("ann", None), set("ann", Some("ann")), remove("ann", Some("ann"))] {
            assert_eq!(asked(&both, who, action, Some(Purpose::Administration)), Err("not_allowed"));
        }
    }
    let place = |roster: &Roster, action: RosterAction| asked(roster, Who::Daemon, action, None).map(drop);
    assert_eq!(place(&none, set("ann", None)), Ok(()));
    assert_eq!(place(&none, set("vera", None)), Err("input_invalid"));
    assert_eq!(place(&none, set("eve", None)), Err("person_not_found"));
    // Where the first owner has one, somebody else's first PIN needs an owner's.
    assert_eq!(place(&roster(&["owner"]), set("ann", None)), Err("assurance_too_low"));
    assert_eq!(place(&roster(&["owner"]), set("ann", Some("owner"))), Ok(()));
    assert_eq!(place(&roster(&["owner"]), set("ann", Some("olga"))), Err("assurance_too_low"), "olga has none");
    // A change needs the one that stands.
    for (shown_by, came) in
        [(None, Err("assurance_too_low")), (Some("owner"), Err("assurance_too_low")), (Some("ann"), Ok(()))]
    {
        assert_eq!(place(&both, set("ann", shown_by)), came, "{shown_by:?}");
    }
    for (shown_by, came) in [(None, Err("assurance_too_low")), (Some("owner"), Ok(())), (Some("ann"), Ok(()))] {
        assert_eq!(place(&both, remove("ann", shown_by)), came, "{shown_by:?}");
    }
    assert_eq!(place(&both, remove("owner", Some("ann"))), Err("assurance_too_low"));
    assert_eq!(place(&none, remove("ann", Some("ann"))), Err("pin_not_set"));
}

#[test]
fn a_pin_is_tried_by_its_person_alone_and_goes_with_them_and_with_a_restore() {
    let tried =
        |person: &str| RosterAction::TryPin { person: name(person), purpose: Purpose::Administration, is_right: true };
    let both = roster(&["olga", "ann"]);
    assert_eq!(asked(&both, Who::Ann, tried("olga"), None), Err("not_allowed"));
    assert_eq!(asked(&both, Who::Ann, tried("ann"), None), Ok(Answer::Recorded));
    assert_eq!(asked(&both, Who::Robot, tried("ann"), None), Err("not_allowed"));
    let gone = both.clone().evolve(&Fact::PersonRemoved { principal: name("ann") }, at(1)).unwrap();
    assert!(gone.pin(&name("ann")).is_none() && gone.pin(&name("olga")).is_some());
    let (root, made_at) = (Digest::of_bytes(b""), at(0));
    let restored = Fact::Restored { events: 1, root, made_at, files: 0, workspaces: true };
    assert_eq!(both.evolve(&restored, at(1)).unwrap().pins().count(), 0);
}

/// The log of an approval, with the daemon's own events before it.
fn log_after(before: Vec<Fact>, assurance: Assurance) -> Vec<Envelope> {
    let mut world = World::strict();
    world.import(plan(1, &[look("a")])).done();
    world.approve_plan(Who::Ann).done();
    let mut log = world.log.clone();
    let approval = log.len() - 1;
    if let Fact::PlanApproved { decision, .. } = &mut log[approval].fact {
        decision.assurance = assurance;
    }
    for fact in before.into_iter().rev() {
        let own = Envelope { session: None, seq: None, fact, ..log[0].clone() };
        log.insert(approval, own);
    }
    for (place, event) in log.iter_mut().enumerate() {
        event.id = EventId(place as i64 + 1);
    }
    log
}

#[test]
fn the_oracle_sees_a_decision_without_the_pin_that_stood_and_one_that_nobody_typed() {
    let ann = || name("ann");
    let set = || Fact::PinSet { principal: ann(), hash_file: Digest::of_bytes(b"") };
    let typed =
        |version| Fact::PinAccepted { principal: ann(), session: SessionId::parse(SESSION), version: Some(version) };
    let started = || Fact::DaemonStarted {
        version: "1".to_owned(),
        binary_sha256: Digest::of_bytes(b""),
        tier: calt_core::isolation::Tier::Full,
        config_sha256: Digest::of_bytes(b""),
    };
    let judged =
        |before: Vec<Fact>, assurance| oracle::judge(&log_after(before, assurance)).map_err(|broken| broken.what);
    let (without, untyped) =
        ("a decision without the PIN of a person who has one", "a decision with a PIN that nobody typed for it");
    assert_eq!(judged(vec![set(), typed(1)], Assurance::Pin), Ok(()));
    assert_eq!(judged(vec![], Assurance::Token), Ok(()));
    assert_eq!(judged(vec![set(), typed(1)], Assurance::Token), Err(without));
    assert_eq!(judged(vec![set()], Assurance::Pin), Err(untyped));
    assert_eq!(judged(vec![set(), typed(2)], Assurance::Pin), Err(untyped));
    assert_eq!(judged(vec![set(), typed(1), started()], Assurance::Pin), Err(untyped));
    assert_eq!(judged(vec![set(), Fact::PinRemoved { principal: ann(), by_root: false }], Assurance::Token), Ok(()));
}
