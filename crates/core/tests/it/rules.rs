//! Random people do random things; after each, every promise holds.

use std::collections::HashMap;

use calt_core::decide::{Item, Said, StepFacts, Verdict};
use calt_core::event::{Fact, Mode, Profile};
use calt_core::isolation::{BoxSpec, Tier};
use calt_core::permit::Covers;
use calt_core::toolbox::{Effect, Risk};
use calt_core::{Action, Digest, Facts, Plan, Session, StepId, oracle};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::{
    Came, Who, World, apply, apply_after, failed, id, import, interrupt, look, no, plan, preview, risky, shell, start,
    steps_of, yes,
};

const STEPS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Which digest a client names.
#[derive(Clone, Copy, Debug)]
enum Shown {
    Nothing,
    Resolved,
    Template,
    Wrong,
}

/// How old or false the facts are that an action is decided on.
#[derive(Clone, Copy, Debug)]
enum Gathered {
    Fresh,
    Nothing,
    BeforeTheLastImport,
    OfAnotherBox,
}

#[derive(Clone, Debug)]
enum Deed {
    /// What would lead on, done by somebody who may.
    LeadOn,
    Import {
        shape: usize,
        version: u32,
    },
    ImportAgain,
    ApprovePlan(Who, Shown),
    RejectPlan(Who),
    ApproveStep(Who, usize, Shown, Gathered),
    RejectStep(Who, usize),
    SkipStep(Who, usize),
    /// The plan, or not, and these steps.
    DecideAll {
        who: Who,
        said: Said,
        plan: bool,
        steps: Vec<usize>,
        shown: Shown,
        gathered: Gathered,
    },
    Start {
        who: Who,
        step: usize,
        confirm: bool,
        times: usize,
        gathered: Gathered,
    },
    Finish,
    Fail,
    Interrupt,
    Stop(Who),
    TouchFile(bool),
    Tier(Tier),
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        6 => Just(Who::Ann),
        2 => Just(Who::Bob),
        1 => Just(Who::Olga),
        3 => Just(Who::Robot),
        1 => Just(Who::OtherRobot),
        1 => Just(Who::Vera),
        1 => Just(Who::Chat),
        1 => Just(Who::Daemon),
    ]
}

fn shown() -> impl Strategy<Value = Shown> {
    prop_oneof![4 => Just(Shown::Nothing), 3 => Just(Shown::Resolved), 2 => Just(Shown::Template), 1 => Just(Shown::Wrong)]
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![6 => Just(Said::Approve), 1 => Just(Said::Reject), 2 => Just(Said::Skip)]
}

fn gathered() -> impl Strategy<Value = Gathered> {
    prop_oneof![
        8 => Just(Gathered::Fresh),
        1 => Just(Gathered::Nothing),
        1 => Just(Gathered::BeforeTheLastImport),
        1 => Just(Gathered::OfAnotherBox),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let step = 0..STEPS.len();
    let tier = prop_oneof![1 => Just(Tier::None), 1 => Just(Tier::KernelFilter), 3 => Just(Tier::Full)];
    prop_oneof![
        30 => Just(Deed::LeadOn),
        3 => (0..SHAPES, 1..8_u32).prop_map(|(shape, version)| Deed::Import { shape, version }),
        1 => Just(Deed::ImportAgain),
        3 => (who(), shown()).prop_map(|(who, shown)| Deed::ApprovePlan(who, shown)),
        1 => who().prop_map(Deed::RejectPlan),
        8 => (who(), step.clone(), shown(), gathered())
            .prop_map(|(who, step, shown, gathered)| Deed::ApproveStep(who, step, shown, gathered)),
        1 => (who(), step.clone()).prop_map(|(who, step)| Deed::RejectStep(who, step)),
        2 => (who(), step.clone()).prop_map(|(who, step)| Deed::SkipStep(who, step)),
        8 => (who(), said(), any::<bool>(), prop::collection::vec(step.clone(), 0..4), shown(), gathered()).prop_map(
            |(who, said, plan, steps, shown, gathered)| Deed::DecideAll { who, said, plan, steps, shown, gathered }
        ),
        8 => (who(), step, any::<bool>(), prop_oneof![4 => Just(1_usize), 1 => Just(8)], gathered())
            .prop_map(|(who, step, confirm, times, gathered)| Deed::Start { who, step, confirm, times, gathered }),
        6 => Just(Deed::Finish),
        1 => Just(Deed::Fail),
        1 => Just(Deed::Interrupt),
        1 => prop_oneof![5 => Just(Who::OtherRobot), 1 => Just(Who::Robot), 1 => Just(Who::Ann)].prop_map(Deed::Stop),
        2 => any::<bool>().prop_map(Deed::TouchFile),
        1 => tier.prop_map(Deed::Tier),
    ]
}

const SHAPES: usize = 6;

/// Plans whose steps have the same ids and mean different things.
fn shape(shape: usize, version: u32) -> Plan {
    let show = |id: &str| preview(id, "a.txt", "two\n");
    let steps: Vec<Value> = match shape {
        0 => vec![look("a"), show("b"), apply_after("c", "a.txt", "two\n", "b"), shell("d", "ls")],
        1 => vec![look("a"), risky(shell("b", "ls")), look("c")],
        2 => vec![show("a"), apply("b", "a.txt", "two\n"), look("c"), risky(apply("d", "b.txt", "new\n"))],
        3 => vec![shell("a", "python -m pytest -q"), look("b")],
        4 => vec![look("c"), show("d"), risky(apply_after("e", "a.txt", "two\n", "d"))],
        _ => vec![apply("a", "a.txt", "two\n"), look("b"), look("c"), look("d"), look("e")],
    };
    plan(version, &steps)
}

/// The same item as a decision of its own.
fn alone(said: Said, item: &Item, verdict: &Verdict) -> Action {
    let (version, verdict) = (item.version, Verdict { digest: Some(item.digest), ..verdict.clone() });
    match (said, item.step.clone()) {
        (Said::Approve, None) => Action::ApprovePlan { version, verdict },
        (_, None) => Action::RejectPlan { version, verdict },
        (Said::Approve, Some(step)) => Action::ApproveStep { step, verdict },
        (Said::Reject, Some(step)) => Action::RejectStep { step, verdict },
        (Said::Skip, Some(step)) => Action::SkipStep { step, verdict },
    }
}

/// The world, with the facts of each step as they were before the newest plan came.
struct Run {
    world: World,
    old: HashMap<StepId, StepFacts>,
}

impl Run {
    fn facts(&self, steps: &[StepId], gathered: Gathered) -> Facts {
        let mut facts = self.world.facts(steps);
        match gathered {
            Gathered::Fresh => {}
            Gathered::Nothing => facts.steps.clear(),
            Gathered::BeforeTheLastImport => {
                facts.steps.clone_from(&self.old);
            }
            Gathered::OfAnotherBox => {
                for gathered in facts.steps.values_mut() {
                    gathered.box_spec = Some(BoxSpec { name: "wide".to_owned(), ..BoxSpec::test() });
                }
            }
        }
        facts
    }

    fn verdict(&self, step: Option<&StepId>, shown: Shown) -> Verdict {
        let (resolved, template) = match step {
            Some(step) => self.world.digests(step),
            None => (self.world.session().plan_digest(), self.world.session().plan_digest()),
        };
        yes(match shown {
            Shown::Nothing => None,
            Shown::Resolved => resolved,
            Shown::Template => template,
            Shown::Wrong => Some(Digest::of_bytes(b"wrong")),
        })
    }

    fn does(&mut self, deed: &Deed) -> Vec<Came> {
        let version = self.world.session().plan_version().unwrap_or(1);
        let action = match deed {
            Deed::LeadOn => return self.leads_on(),
            Deed::Import { shape: of, version } => return vec![self.imports(shape(*of, *version))],
            Deed::ImportAgain => match &self.world.plan {
                Some(plan) => return vec![self.world.act(Who::Robot, import(Plan::clone(plan)))],
                None => return Vec::new(),
            },
            Deed::ApprovePlan(who, shown) => {
                let verdict = self.verdict(None, *shown);
                (*who, Action::ApprovePlan { version, verdict }, Gathered::Fresh)
            }
            Deed::RejectPlan(who) => (*who, Action::RejectPlan { version, verdict: no(None) }, Gathered::Fresh),
            Deed::ApproveStep(who, step, shown, gathered) => {
                let step = id(STEPS[*step]);
                let verdict = self.verdict(Some(&step), *shown);
                (*who, Action::ApproveStep { step, verdict }, *gathered)
            }
            Deed::RejectStep(who, step) => {
                (*who, Action::RejectStep { step: id(STEPS[*step]), verdict: no(None) }, Gathered::Fresh)
            }
            Deed::SkipStep(who, step) => {
                (*who, Action::SkipStep { step: id(STEPS[*step]), verdict: yes(None) }, Gathered::Fresh)
            }
            Deed::DecideAll { who, said, plan, steps, shown, gathered } => {
                return vec![self.decides_all((*who, *said), (*plan, steps), *shown, *gathered)];
            }
            Deed::Start { who, step, confirm, times, gathered } => {
                // All of them were gathered before the first was decided.
                let facts = self.facts(&[id(STEPS[*step])], *gathered);
                let action = start(STEPS[*step], *confirm);
                return (0..*times).map(|_| self.world.act_on(*who, action.clone(), &facts)).collect();
            }
            Deed::Finish | Deed::Fail | Deed::Interrupt if self.world.session().running().is_none() => {
                return Vec::new();
            }
            Deed::Finish => return vec![self.world.finish()],
            Deed::Fail => return vec![self.world.finish_with(failed("step_failed"))],
            Deed::Interrupt => {
                let (run, _) = self.world.session().running().expect("looked at above");
                (Who::Daemon, interrupt(run), Gathered::Fresh)
            }
            Deed::Stop(who) => (*who, Action::Stop, Gathered::Fresh),
            Deed::TouchFile(back) => {
                let text = if *back { "one\n" } else { "somebody was here\n" };
                self.world.texts.insert("a.txt".to_owned(), text.to_owned());
                return Vec::new();
            }
            Deed::Tier(tier) => {
                self.world.tier = *tier;
                return Vec::new();
            }
        };
        let (who, action, gathered) = action;
        let facts = self.facts(&steps_of(&action), gathered);
        vec![self.world.act_on(who, action, &facts)]
    }

    /// Decides on a list, and compares with what comes of its items one after the other, on the same facts.
    fn decides_all(
        &mut self,
        (who, said): (Who, Said),
        (plan, steps): (bool, &[usize]),
        shown: Shown,
        gathered: Gathered,
    ) -> Came {
        let version = self.world.session().plan_version().unwrap_or(1);
        let steps: Vec<StepId> = steps.iter().map(|step| id(STEPS[*step])).collect();
        let digest = |step: Option<&StepId>| self.verdict(step, shown).digest.unwrap_or(Digest::of_bytes(b"none"));
        let of_plan = plan.then(|| Item { version, step: None, digest: digest(None) });
        let of_steps = steps.iter().map(|step| Item { version, step: Some(step.clone()), digest: digest(Some(step)) });
        let items: Vec<Item> = of_plan.into_iter().chain(of_steps).collect();
        let facts = self.facts(&steps, gathered);
        let mut one_by_one = self.world.clone();
        let verdict = if said == Said::Reject { no(None) } else { yes(None) };
        let each: Vec<Came> =
            items.iter().map(|item| one_by_one.act_on(who, alone(said, item, &verdict), &facts)).collect();
        let action = Action::DecideAll { said, items: items.clone(), verdict };
        let came = self.world.act_on(who, action, &facts);
        if came.outcome.is_err() {
            assert!(came.facts.is_empty(), "a refused list left {}", came.words());
        }
        if self.is_well_formed(said, &items) {
            let refused = each.iter().find_map(|came| came.outcome.as_ref().err());
            assert_eq!(came.outcome.as_ref().err(), refused, "{said:?} {items:?}");
            if refused.is_none() {
                let facts: Vec<Fact> = each.into_iter().flat_map(|came| came.facts).collect();
                assert_eq!(came.facts, facts, "{said:?} {items:?}");
                assert_eq!(self.world.session, one_by_one.session);
            }
        } else {
            assert!(came.outcome.is_err(), "{said:?} {items:?}");
        }
        came
    }

    /// What a list must be whatever the session is like.
    fn is_well_formed(&self, said: Said, items: &[Item]) -> bool {
        let steps: Vec<&StepId> = items.iter().filter_map(|item| item.step.as_ref()).collect();
        let twice = steps.iter().enumerate().any(|(place, step)| steps[..place].contains(step));
        let risk = |step: &&&StepId| self.world.session().step(step).is_some_and(|step| step.risk == Risk::High);
        let high_beside = said == Said::Approve && steps.len() > 1 && steps.iter().any(|step| risk(&step));
        let has_plan = items.len() > steps.len();
        let misused = (said == Said::Reject && items.len() > 1) || (said == Said::Skip && has_plan);
        let names_the_newest = self.world.session().plan_version().is_some();
        names_the_newest && !items.is_empty() && !twice && !high_beside && !misused
    }

    fn imports(&mut self, plan: Plan) -> Came {
        self.old = self.world.facts(&STEPS.map(id)).steps;
        self.world.import(plan)
    }

    fn leads_on(&mut self) -> Vec<Came> {
        use calt_core::session::{SessionStatus, StepStatus};
        let session = self.world.session();
        let next = session.next_step().cloned();
        let version = session.plan_version().unwrap_or(0);
        match session.status() {
            SessionStatus::Pending | SessionStatus::Failed | SessionStatus::Succeeded
                if session.running().is_none() =>
            {
                vec![self.imports(shape(version as usize % SHAPES, version + 1))]
            }
            SessionStatus::AwaitingPlanApproval => vec![self.world.approve_plan(Who::Ann)],
            SessionStatus::AwaitingStepApproval => {
                let step = next.expect("a session at work has a next step");
                let approved = session.step_status(&step) == Some(StepStatus::Approved);
                if approved {
                    vec![self.world.act(Who::Ann, start(step.as_str(), true))]
                } else {
                    let verdict = self.verdict(Some(&step), Shown::Resolved);
                    vec![self.world.act(Who::Ann, Action::ApproveStep { step, verdict })]
                }
            }
            SessionStatus::Running | SessionStatus::Failed => vec![self.world.finish()],
            SessionStatus::Pending | SessionStatus::Succeeded | SessionStatus::Cancelled => Vec::new(),
        }
    }

    /// What must be true of every start, told from the log and the plan alone.
    fn check_start(&self, came: &Came) -> Result<(), TestCaseError> {
        let starts = came.facts.iter().filter(|fact| matches!(fact, Fact::StepStarted { .. })).count();
        prop_assert_eq!(came.permit.is_some(), starts == 1, "{}", came.words());
        prop_assert!(starts <= 1);
        let Some(permit) = &came.permit else { return Ok(()) };
        let Some(Fact::StepStarted { version, step, digest, template_digest, covers, inputs, .. }) = came.facts.last()
        else {
            return Err(TestCaseError::fail("a start is the last event of its decision"));
        };
        prop_assert_eq!((permit.step(), permit.step_digest(), permit.inputs_digest()), (step, *digest, *inputs));
        let plan = self.world.plan.as_ref().expect("a step of a plan started");
        let planned = plan.step(step).expect("it stands in the newest plan");
        prop_assert_eq!(
            (plan.version(), permit.tool(), permit.effect()),
            (*version, planned.tool.as_str(), planned.effect)
        );
        prop_assert_eq!(permit.box_spec(), planned.box_spec.as_ref());
        let granted = if *covers == Covers::Resolved { digest } else { template_digest };
        let deciders = ["ann", "bob", "olga"];
        let approved = |event: &calt_core::Envelope| {
            matches!(&event.fact, Fact::StepApproved { version: of, step: what, decision, .. }
                if of == version && what == step && decision.digest == *granted)
        };
        let plan_approved = |event: &calt_core::Envelope| matches!(&event.fact, Fact::PlanApproved { version: of, decision } if of == version && decision.digest == plan.digest());
        let by_a_person = |event: &&calt_core::Envelope| deciders.contains(&event.principal.as_str());
        let log = &self.world.log;
        prop_assert!(log.iter().filter(by_a_person).any(approved), "no person approved {step}");
        prop_assert!(log.iter().filter(by_a_person).any(plan_approved), "no person approved v{version}");
        let starter = &log.last().expect("a start was appended").principal;
        prop_assert!(deciders.contains(&starter.as_str()) || starter.as_str().ends_with("robot"));
        let strict = self.world.session().profile() == Profile::Strict;
        if strict && planned.risk == Risk::High {
            prop_assert!(deciders.contains(&starter.as_str()), "an agent confirmed high risk");
        }
        prop_assert!(!(strict && *covers == Covers::Template), "strict started on a template");
        prop_assert!(!(self.world.session().mode() == Mode::DryRun && planned.effect == Effect::Writes));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_do_every_promise_holds(
        strict in any::<bool>(),
        dry_run in prop_oneof![4 => Just(false), 1 => Just(true)],
        tier in prop_oneof![4 => Just(Tier::Full), 1 => Just(Tier::None)],
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let profile = if strict { Profile::Strict } else { Profile::Dev };
        let mut run = Run { world: World::new(profile, if dry_run { Mode::DryRun } else { Mode::Normal }), old: HashMap::new() };
        run.world.tier = tier;
        for deed in &deeds {
            let before = run.world.session().clone();
            let all = run.does(deed);
            for came in &all {
                run.check_start(came)?;
            }
            prop_assert!(all.iter().filter(|came| came.permit.is_some()).count() <= 1, "one approval, one run: {deed:?}");
            if all.iter().all(|came| came.outcome.is_err()) {
                prop_assert_eq!(run.world.session().status(), before.status(), "a refusal changed something: {:?}", deed);
            }
        }
        oracle::judge(&run.world.log).map_err(|broken| TestCaseError::fail(broken.to_string()))?;
        let replayed = Session::replay(&run.world.log).map_err(|corrupt| TestCaseError::fail(corrupt.to_string()))?;
        prop_assert_eq!(replayed.as_ref(), run.world.session.as_ref());
        // A part of a log that is allowed is allowed: nothing is only made good later.
        let part = run.world.log.len() / 2;
        prop_assert!(oracle::judge(&run.world.log[..part]).is_ok());
    }
}

/// The property would hold of a world in which nothing ever happens: this one gets somewhere.
#[test]
fn leading_on_runs_every_shape_of_plan_to_its_end() {
    for profile in [Profile::Strict, Profile::Dev] {
        let mut run = Run { world: World::new(profile, Mode::Normal), old: HashMap::new() };
        let mut words = Vec::new();
        for _ in 0..120 {
            run.world.texts.remove("b.txt");
            words.extend(run.leads_on().iter().map(Came::words));
        }
        let count = |what: &str| words.iter().filter(|words| words.contains(what)).count();
        assert!(count("step_started") > 20, "{words:?}");
        assert!(count("session_succeeded") > 3, "{words:?}");
        assert!(count("step_failed") > 1, "an apply without its preview fails: {words:?}");
        let applied = |event: &calt_core::Envelope| matches!(&event.fact, Fact::StepExecuted { applied, .. } if !applied.is_empty());
        assert!(run.world.log.iter().any(applied), "something was applied");
        oracle::judge(&run.world.log).unwrap();
    }
}
