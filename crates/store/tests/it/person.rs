//! A person and an agent in one, who propose, decide and run through the store alone.

use std::path::Path;
use std::sync::Arc;

use calt_core::decide::{
    Action, Answer, ArtifactFile, Command, CreateSession, Facts, Failure, ImportPlan, RosterAction, RosterCommand,
    RunEnd, StepFacts, Success, Verdict,
};
use calt_core::digest::Digest;
use calt_core::event::{Mode, Profile, WorkspaceIdentity};
use calt_core::id::{ArtifactId, RunId, SessionId, StepId};
use calt_core::isolation::Tier;
use calt_core::plan::{Draft, Plan, PlannedStep};
use calt_core::principal::{Caller, Claim, PrincipalId, PrincipalKind, Role};
use calt_core::time::Timestamp;
use calt_core::toolbox::{Effect, Risk};
use calt_store::{Committed, Durability, OpenReport, Store, StoreConfig, StoreError, output_bytes};
use serde_json::{Value, json};

/// Where a test's store lives.
pub fn config(directory: &Path) -> StoreConfig {
    StoreConfig { database: directory.join("calt.sqlite3"), data_root: directory.join("data") }
}

pub fn open(directory: &Path) -> (Store, OpenReport) {
    Store::open(&config(directory)).expect("a store opens in a fresh directory")
}

/// Acts on one session. Clones act on the same one.
#[derive(Clone)]
pub struct Person {
    pub store: Store,
    pub session: SessionId,
}

pub fn owner() -> Caller {
    Caller { principal: PrincipalId::owner(), kind: PrincipalKind::Person, role: Role::Owner }
}

pub fn facts() -> Facts {
    Facts {
        now: Timestamp::from_micros(1_790_000_000_000_000),
        next_run: RunId(0),
        next_artifact: ArtifactId(0),
        tier: Tier::Full,
        demands: calt_core::policy::Demands::default(),
        steps: std::collections::HashMap::new(),
        pin: calt_core::pin::PinFacts::default(),
        home: None,
        neighbours: Vec::new(),
        holdings: calt_core::quota::Holdings::default(),
    }
}

pub fn step_id(number: usize) -> StepId {
    StepId::parse(&format!("step_{number:04}")).expect("a well-formed id")
}

/// A plan of steps that read one file each.
pub fn plan(version: u32, steps: usize, title: &str) -> Plan {
    let step = |number: usize| PlannedStep {
        id: step_id(number),
        title: format!("{title} {number}"),
        tool: "read_file".to_owned(),
        effect: Effect::Reads,
        risk: Risk::Low,
        inputs: json!({"path": format!("notes/{number}.txt")}),
        meta: None,
        preconditions: vec![],
        postconditions: vec![],
        expected_observation: None,
        verify: None,
        timeout_sec: 30,
        references: vec![],
        box_spec: None,
        remarks: vec![],
    };
    let steps = (1..=steps).map(step).collect();
    Draft { version: Some(version), title: title.to_owned(), session_goal: None, ticket: None, steps }.number(version)
}

impl Person {
    pub async fn with_session(store: &Store, name: &str, goal: &str) -> Self {
        let session = SessionId::parse(&format!("session_{name}")).expect("a well-formed id");
        store.files().make_session(&session).expect("the data root can be written");
        let person = Self { store: store.clone(), session };
        person.must(person.create(goal)).await;
        person
    }

    pub fn create(&self, goal: &str) -> Action {
        Action::CreateSession(CreateSession {
            id: self.session.clone(),
            goal: Some(goal.to_owned()),
            mode: Mode::Normal,
            profile: Profile::Strict,
            workspace: WorkspaceIdentity::Own,
            ticket: Some("OPS-1".to_owned()),
            origin: None,
            copied: None,
        })
    }

    pub async fn act_with(&self, caller: Caller, action: Action, facts: Facts) -> Result<Committed, StoreError> {
        let command = Command { caller, claim: Claim::default(), action };
        self.store.submit(&self.session, command, facts).await
    }

    pub async fn act(&self, action: Action) -> Result<Committed, StoreError> {
        self.act_with(owner(), action, facts()).await
    }

    pub async fn must(&self, action: Action) -> Answer {
        self.act(action).await.expect("the store writes").outcome.expect("the gate says yes")
    }

    pub async fn import(&self, plan: Plan) -> Answer {
        self.try_import(plan).await.expect("the store writes").outcome.expect("the gate says yes")
    }

    pub async fn approve_plan(&self, version: u32) -> Answer {
        self.must(Action::ApprovePlan { version, verdict: verdict(None) }).await
    }

    pub fn approval(number: usize) -> Action {
        Action::ApproveStep { step: step_id(number), verdict: verdict(None) }
    }

    /// A session whose plan is approved and whose steps wait.
    pub async fn with_approved_plan(store: &Store, name: &str, steps: usize) -> Self {
        let person = Self::with_session(store, name, "a goal").await;
        person.import(plan(1, steps, "Read the notes")).await;
        person.approve_plan(1).await;
        person
    }

    pub async fn try_import(&self, plan: Plan) -> Result<Committed, StoreError> {
        let masked = Arc::new(plan.canonical());
        let document_digest = Digest::of_bytes(b"document");
        let import = ImportPlan { plan: Arc::new(plan), version_given: true, masked, document_digest };
        self.act(Action::ImportPlan(import)).await
    }

    pub async fn start(&self, number: usize) -> RunId {
        let committed = self.try_start(number).await;
        committed.outcome.unwrap();
        committed.permit.expect("a start gives a permit").run()
    }

    pub async fn try_start(&self, number: usize) -> Committed {
        let gathered = {
            let session = self.store.session_state(&self.session).await.unwrap().unwrap();
            let step = session.step(&step_id(number)).unwrap();
            StepFacts {
                version: session.plan_version().unwrap(),
                plan: session.plan_digest().unwrap(),
                inputs: Ok(step.inputs),
                files: vec![],
                box_spec: None,
            }
        };
        let facts = Facts { steps: std::collections::HashMap::from([(step_id(number), gathered)]), ..facts() };
        let action =
            Action::StartStep { step: step_id(number), confirm_high_risk: false, masked_inputs: json!({"path": "x"}) };
        self.act_with(owner(), action, facts).await.unwrap()
    }

    pub async fn end(&self, run: RunId, number: usize, output: Value) -> Committed {
        let bytes = output_bytes(&output);
        let durability = if bytes.len() > 60_000 { Durability::Own } else { Durability::RepeatsOutput };
        let artifact =
            self.store.files().write_artifact(&self.session, run, &step_id(number), &bytes, durability).unwrap();
        self.finish(run, succeeded(output, artifact)).await
    }

    pub async fn finish(&self, run: RunId, end: RunEnd) -> Committed {
        self.act_with(Caller::daemon(), Action::FinishRun { run, end }, facts()).await.unwrap()
    }

    /// Approves a step, runs it and records this output.
    pub async fn run(&self, number: usize, output: Value) -> RunId {
        self.must(Self::approval(number)).await;
        let run = self.start(number).await;
        self.end(run, number, output).await.outcome.unwrap();
        run
    }
}

pub fn verdict(reason: Option<&str>) -> Verdict {
    Verdict { decision_id: "decision_1".to_owned(), reason: reason.map(str::to_owned), ..Verdict::default() }
}

pub fn succeeded(output: Value, artifact: ArtifactFile) -> RunEnd {
    RunEnd::Succeeded(Arc::new(Success {
        output,
        masked: vec![],
        not_whole: vec![],
        artifact,
        duration_ms: 3,
        exit_code: None,
        preview: None,
        applied: vec![],
        warnings: vec![],
    }))
}

pub fn failed(error: &str) -> RunEnd {
    RunEnd::Failed(Arc::new(Failure {
        code: "step_failed".to_owned(),
        error: error.to_owned(),
        duration_ms: 5,
        exit_code: Some(1),
        cancelled: false,
        applied: vec![],
        output: None,
    }))
}

pub fn token_for(principal: &str, token: &str) -> RosterCommand {
    RosterCommand {
        caller: owner(),
        claim: Claim::default(),
        action: RosterAction::CreateToken {
            token: token.to_owned(),
            hash: Digest::of_bytes(token.as_bytes()),
            principal: PrincipalId::parse(principal).unwrap(),
            role: Role::Approver,
            expires_at: None,
        },
    }
}
