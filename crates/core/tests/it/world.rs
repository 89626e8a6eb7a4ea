//! A small world around one session: a log, a workspace of texts, and people who act.
//!
//! Whatever is decided is appended and evolved at once, as the store would do it; a run that was
//! started is ended by hand, as the engine would do it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use calt_core::decide::{
    Answer, ArtifactFile, CreateSession, Failure, ImportPlan, RunEnd, StepFacts, Success, Verdict,
};
use calt_core::event::{
    Envelope, Fact, FileChange, Finding, Mode, NewEvent, Profile, SALT_BYTES, SCHEMA, WorkspaceIdentity, text_hash,
};
use calt_core::id::{ArtifactId, EventId};
use calt_core::isolation::Tier;
use calt_core::permit::Gate;
use calt_core::principal::{Caller, Claim, PrincipalId, PrincipalKind, Role};
use calt_core::reference::{self, RecordedOutput};
use calt_core::session::inputs_digest;
use calt_core::toolbox::Effect;
use calt_core::{
    Action, Command, Digest, Facts, Permit, Plan, Refusal, RunId, Session, SessionId, StepId, Timestamp, decide,
};
use serde_json::{Value, json};

use crate::toolbox::tools;

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Olga,
    Ann,
    Bob,
    Robot,
    OtherRobot,
    Vera,
    Chat,
    Daemon,
}

impl Who {
    pub(crate) fn caller(self) -> Caller {
        let (name, kind, role) = match self {
            Self::Olga => ("olga", PrincipalKind::Person, Role::Owner),
            Self::Ann => ("ann", PrincipalKind::Person, Role::Approver),
            Self::Bob => ("bob", PrincipalKind::Person, Role::Approver),
            Self::Robot => ("robot", PrincipalKind::Agent, Role::Agent),
            Self::OtherRobot => ("other-robot", PrincipalKind::Agent, Role::Agent),
            Self::Vera => ("vera", PrincipalKind::Person, Role::Viewer),
            Self::Chat => ("chat", PrincipalKind::Surface, Role::Relay),
            Self::Daemon => return Caller::daemon(),
        };
        let principal = PrincipalId::parse(name).expect("a name of the tests has the form of one");
        Caller { principal, kind, role }
    }
}

/// What came of an action.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) outcome: Result<Answer, Refusal>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) permit: Option<Permit>,
}

impl Came {
    /// It was allowed; the test goes on.
    #[track_caller]
    pub(crate) fn done(&self) {
        if let Err(refusal) = &self.outcome {
            panic!("refused: {refusal}");
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.outcome.as_ref().map_or_else(Refusal::code, |_| "ok")
    }

    /// The events in their own words, and the code of a refusal behind them.
    pub(crate) fn words(&self) -> String {
        let events: Vec<_> = self.facts.iter().map(Fact::event_type).collect();
        match &self.outcome {
            Ok(_) if events.is_empty() => "nothing new".to_owned(),
            Ok(_) => events.join(", "),
            Err(refusal) if events.is_empty() => format!("refused: {}", refusal.code()),
            Err(refusal) => format!("refused: {} (on record: {})", refusal.code(), events.join(", ")),
        }
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) log: Vec<Envelope>,
    pub(crate) session: Option<Session>,
    pub(crate) tier: Tier,
    pub(crate) demands: calt_core::policy::Demands,
    pub(crate) plan: Option<Arc<Plan>>,
    /// The workspace: texts by path.
    pub(crate) texts: BTreeMap<String, String>,
    outputs: HashMap<(u32, StepId), RecordedOutput>,
    next_run: i64,
}

pub(crate) const SESSION: &str = "session_test";

impl World {
    /// A session that the robot made in `strict`, or Ann in `dev`.
    pub(crate) fn new(profile: Profile, mode: Mode) -> Self {
        let mut world = Self::empty();
        let maker = if profile == Profile::Strict { Who::Robot } else { Who::Ann };
        world.act(maker, create(profile, mode)).done();
        world
    }

    pub(crate) fn empty() -> Self {
        Self {
            log: Vec::new(),
            session: None,
            tier: Tier::Full,
            demands: calt_core::policy::Demands::default(),
            plan: None,
            texts: BTreeMap::from([("a.txt".to_owned(), "one\n".to_owned())]),
            outputs: HashMap::new(),
            next_run: 1,
        }
    }

    pub(crate) fn strict() -> Self {
        Self::new(Profile::Strict, Mode::Normal)
    }

    pub(crate) fn dev() -> Self {
        Self::new(Profile::Dev, Mode::Normal)
    }

    pub(crate) fn session(&self) -> &Session {
        self.session.as_ref().expect("the session was made")
    }

    /// Acts with facts gathered just before.
    pub(crate) fn act(&mut self, who: Who, action: Action) -> Came {
        let facts = self.facts(&steps_of(&action));
        self.act_on(who, action, &facts)
    }

    /// Acts with these facts: decides twice, appends and evolves.
    pub(crate) fn act_on(&mut self, who: Who, action: Action, facts: &Facts) -> Came {
        let command = Command { caller: who.caller(), claim: Claim::default(), action };
        let again = decide(self.session.as_ref(), &command, facts);
        let (events, outcome, permit) = decide(self.session.as_ref(), &command, facts).into_parts();
        assert_eq!((again.events(), again.outcome()), (&events[..], &outcome), "a decision depends on its arguments");
        let facts: Vec<Fact> = events.iter().map(|event| event.fact.clone()).collect();
        for event in events {
            self.append(&command.caller.principal, event);
        }
        if let (Action::ImportPlan(import), Ok(Answer::PlanImported { version, .. })) = (&command.action, &outcome)
            && self.session().plan_version() == Some(*version)
        {
            self.plan = Some(Arc::clone(&import.plan));
        }
        self.next_run += i64::from(permit.is_some());
        Came { outcome, facts, permit }
    }

    fn append(&mut self, principal: &PrincipalId, event: NewEvent) {
        let envelope = envelope(self.log.len(), principal, event);
        let evolved = match self.session.take() {
            None => Session::begin(&envelope),
            Some(session) => session.evolve(&envelope),
        };
        self.session = Some(evolved.expect("what is decided can follow"));
        self.log.push(envelope);
    }

    /// What the engine would gather for steps of the newest plan.
    pub(crate) fn facts(&self, steps: &[StepId]) -> Facts {
        Facts {
            now: Timestamp::from_micros(1_700_000_000_000_000 + self.log.len() as i64),
            next_run: RunId(self.next_run),
            next_artifact: ArtifactId(self.next_run),
            tier: self.tier,
            demands: self.demands,
            steps: steps.iter().filter_map(|step| Some((step.clone(), self.gathered(step)?))).collect(),
            pin: calt_core::pin::PinFacts::default(),
            home: None,
            neighbours: Vec::new(),
            holdings: calt_core::quota::Holdings::default(),
        }
    }

    fn gathered(&self, step: &StepId) -> Option<StepFacts> {
        let plan = self.plan.as_ref()?;
        let planned = plan.step(step)?;
        let resolved = self.resolved(step);
        Some(StepFacts {
            version: plan.version(),
            plan: plan.digest(),
            inputs: resolved.as_ref().map(inputs_digest).map_err(Clone::clone),
            files: resolved
                .ok()
                .filter(|_| planned.effect == Effect::Writes)
                .map_or_else(Vec::new, |inputs| self.survey(&inputs)),
            box_spec: planned.box_spec.clone(),
        })
    }

    fn resolved(&self, step: &StepId) -> Result<Value, reference::Unresolved> {
        let plan = self.plan.as_ref().expect("a plan was imported");
        let planned = plan.step(step).expect("the step stands in the plan");
        let output_of = |step: &StepId| self.outputs.get(&(plan.version(), step.clone())).cloned();
        reference::resolve(&planned.inputs, &planned.references, output_of)
    }

    /// What a write of `path` and `content`, or of `files`, would change now.
    fn survey(&self, inputs: &Value) -> Vec<FileChange> {
        let single = std::slice::from_ref(inputs);
        let files = inputs["files"].as_array().map_or(single, Vec::as_slice);
        files.iter().map(|file| self.change(file)).collect()
    }

    fn change(&self, file: &Value) -> FileChange {
        let text = |name: &str| file[name].as_str().unwrap_or_default();
        let old = self.texts.get(text("path"));
        FileChange {
            path: text("path").to_owned(),
            from: None,
            old_sha256: Digest::of_bytes(old.map_or(b"", |old| old.as_bytes())),
            new_sha256: Digest::of_bytes(text("content").as_bytes()),
            old_exists: old.is_some(),
            new_exists: true,
            mode: "0644".to_owned(),
            old_mode: old.map(|_| "0644".to_owned()),
        }
    }

    /// The digests a client could show of a step: as resolved, when that can be, and as written.
    pub(crate) fn digests(&self, step: &StepId) -> (Option<Digest>, Option<Digest>) {
        let session = self.session();
        let known = self.plan.as_ref().is_some_and(|plan| plan.step(step).is_some());
        let resolved = if known { self.resolved(step).ok() } else { None };
        let resolved = resolved.and_then(|inputs| session.step_digest(step, inputs_digest(&inputs)));
        (resolved, session.template_digest(step))
    }

    /// What a run of the step would end with: an apply writes only what was previewed.
    pub(crate) fn end_of_run(&self, gate: &Gate) -> RunEnd {
        let (_, step) = self.session().running().expect("a run is in progress");
        let planned = self.plan.as_ref().and_then(|plan| plan.step(step)).expect("it stands in the plan");
        let inputs = self.resolved(step).expect("it was resolved to start");
        let files = self.survey(&inputs);
        match planned.effect {
            Effect::Reads => succeeded(json!({"path": "a.txt", "content": self.texts["a.txt"], "list": ["x", "y"]})),
            Effect::Spawns => succeeded(json!({"stdout": "all well\n", "exit_code": 0})),
            Effect::Previews => {
                let output = json!({"path": null, "files": files, "diff": "…", "applied": false});
                with(succeeded(output), |success| success.preview = Some(files))
            }
            Effect::Writes if matches!(gate, Gate::Recorded { .. }) => {
                let output = json!({"path": null, "files": files, "diff": "…", "applied": true});
                with(succeeded(output), |success| success.applied = files)
            }
            Effect::Writes => failed("preview_required"),
        }
    }

    /// Ends the run in progress as it would end by itself.
    pub(crate) fn finish(&mut self) -> Came {
        let gate = self.gate_of_run();
        let end = self.end_of_run(&gate);
        self.finish_with(end)
    }

    pub(crate) fn finish_with(&mut self, end: RunEnd) -> Came {
        let (run, step) = self.session().running().expect("a run is in progress");
        let (step, version) = (step.clone(), self.session().plan_version().expect("a plan is at work"));
        let inputs = self.resolved(&step).unwrap_or_default();
        if let RunEnd::Succeeded(success) = &end {
            let output = RecordedOutput {
                output: success.output.clone(),
                masked: success.masked.clone(),
                not_whole: success.not_whole.clone(),
            };
            self.outputs.insert((version, step.clone()), output);
            let single = std::slice::from_ref(&inputs);
            for file in inputs["files"].as_array().map_or(single, Vec::as_slice) {
                if let (false, Some(path), Some(text)) =
                    (success.applied.is_empty(), file["path"].as_str(), file["content"].as_str())
                {
                    self.texts.insert(path.to_owned(), text.to_owned());
                }
            }
        }
        self.act(Who::Daemon, Action::FinishRun { run, end })
    }

    /// How the gate stood when the run in progress was started.
    pub(crate) fn gate_of_run(&self) -> Gate {
        let started = |event: &Envelope| {
            if let Fact::StepStarted { gate, .. } = &event.fact { Some(gate.clone()) } else { None }
        };
        self.log.iter().rev().find_map(started).expect("a run was started")
    }

    // The language of the tests.

    pub(crate) fn import(&mut self, plan: Plan) -> Came {
        self.act(Who::Robot, import(plan))
    }

    pub(crate) fn approve_plan(&mut self, who: Who) -> Came {
        let version = self.session().plan_version().expect("a plan was imported");
        self.act(who, Action::ApprovePlan { version, verdict: yes(None) })
    }

    pub(crate) fn approve(&mut self, who: Who, step: &str) -> Came {
        self.act(who, Action::ApproveStep { step: id(step), verdict: yes(None) })
    }

    pub(crate) fn reject(&mut self, who: Who, step: &str) -> Came {
        self.act(who, Action::RejectStep { step: id(step), verdict: no(None) })
    }

    pub(crate) fn skip(&mut self, who: Who, step: &str) -> Came {
        self.act(who, Action::SkipStep { step: id(step), verdict: yes(None) })
    }

    pub(crate) fn start(&mut self, who: Who, step: &str) -> Came {
        self.act(who, start(step, false))
    }

    /// Approves, starts and ends a step.
    pub(crate) fn run(&mut self, step: &str) -> &mut Self {
        self.approve(Who::Ann, step).done();
        self.start(Who::Robot, step).done();
        self.finish().done();
        self
    }
}

/// The steps an action is about, for which facts are gathered.
pub(crate) fn steps_of(action: &Action) -> Vec<StepId> {
    match action {
        Action::ApproveStep { step, .. }
        | Action::RejectStep { step, .. }
        | Action::SkipStep { step, .. }
        | Action::StartStep { step, .. } => vec![step.clone()],
        Action::DecideAll { items, .. } => items.iter().filter_map(|item| item.step.clone()).collect(),
        Action::CreateSession(_)
        | Action::ImportPlan(_)
        | Action::ApprovePlan { .. }
        | Action::RejectPlan { .. }
        | Action::FinishRun { .. }
        | Action::InterruptRun { .. }
        | Action::RedactPayload(_)
        | Action::Stop => Vec::new(),
    }
}

pub(crate) fn envelope(before: usize, principal: &PrincipalId, event: NewEvent) -> Envelope {
    let salt = [7; SALT_BYTES];
    Envelope {
        id: EventId(before as i64 + 1),
        session: SessionId::parse(SESSION),
        seq: Some(before as u64 + 1),
        run: event.run,
        schema: SCHEMA,
        source: "test".to_owned(),
        user_id: principal.to_string(),
        principal: principal.clone(),
        message_id: None,
        created_at: Timestamp::from_micros(1_700_000_000_000_000 + before as i64),
        text_hash: text_hash(&salt, &event.summary, &event.payload_text),
        fact: event.fact,
        salt: Some(salt),
        summary: event.summary,
        payload_text: event.payload_text,
    }
}

pub(crate) fn id(step: &str) -> StepId {
    StepId::parse(step).expect("a test's step id has the form of one")
}

pub(crate) fn create(profile: Profile, mode: Mode) -> Action {
    Action::CreateSession(CreateSession {
        id: SessionId::parse(SESSION).expect("the id of the tests has the form of one"),
        goal: None,
        mode,
        profile,
        workspace: WorkspaceIdentity::Own,
        ticket: None,
        origin: None,
        copied: None,
    })
}

pub(crate) fn import(plan: Plan) -> Action {
    let masked = Arc::new(plan.canonical());
    let document_digest = Digest::of_bytes(masked.to_string().as_bytes());
    Action::ImportPlan(ImportPlan { plan: Arc::new(plan), version_given: true, masked, document_digest })
}

pub(crate) fn start(step: &str, confirm_high_risk: bool) -> Action {
    Action::StartStep { step: id(step), confirm_high_risk, masked_inputs: json!({}) }
}

pub(crate) fn yes(digest: Option<Digest>) -> Verdict {
    Verdict { digest, decision_id: "decision".to_owned(), ..Verdict::default() }
}

pub(crate) fn no(digest: Option<Digest>) -> Verdict {
    Verdict { reason: Some("not like this".to_owned()), ..yes(digest) }
}

pub(crate) fn interrupt(run: RunId) -> Action {
    Action::InterruptRun { run, finding: Finding::NothingToWrite, files: Vec::new() }
}

pub(crate) fn succeeded(output: Value) -> RunEnd {
    let bytes = output.to_string().into_bytes();
    let artifact = ArtifactFile {
        kind: "output".to_owned(),
        path: "data/output.json".to_owned(),
        sha256: Digest::of_bytes(&bytes),
        bytes: bytes.len() as u64,
    };
    RunEnd::Succeeded(Arc::new(Success {
        output,
        masked: Vec::new(),
        not_whole: Vec::new(),
        artifact,
        duration_ms: 1,
        exit_code: None,
        preview: None,
        applied: Vec::new(),
        warnings: Vec::new(),
    }))
}

fn with(end: RunEnd, change: impl FnOnce(&mut Success)) -> RunEnd {
    match end {
        RunEnd::Succeeded(mut success) => {
            change(Arc::make_mut(&mut success));
            RunEnd::Succeeded(success)
        }
        RunEnd::Failed(failure) => RunEnd::Failed(failure),
    }
}

pub(crate) fn failed(code: &str) -> RunEnd {
    RunEnd::Failed(Arc::new(Failure {
        code: code.to_owned(),
        error: format!("it went wrong: {code}"),
        duration_ms: 1,
        exit_code: None,
        cancelled: false,
        applied: Vec::new(),
        output: None,
    }))
}

/// A numbered plan of these steps, read as a document is.
pub(crate) fn plan(version: u32, steps: &[Value]) -> Plan {
    let document = json!({"title": "A plan of the tests", "steps": steps}).to_string();
    calt_core::plan::draft(&document, tools()).unwrap_or_else(|problems| panic!("{problems:#?}")).number(version)
}

pub(crate) fn look(id: &str) -> Value {
    json!({"id": id, "title": "Look", "tool": "read_file", "inputs": {"path": "a.txt"}})
}

pub(crate) fn shell(id: &str, command: &str) -> Value {
    json!({"id": id, "title": "Run", "tool": "run_shell_readonly", "inputs": {"command": command}})
}

pub(crate) fn preview(id: &str, path: &str, content: &str) -> Value {
    let inputs = json!({"path": path, "content": content});
    json!({"id": id, "title": "Show", "tool": "write_file_preview", "inputs": inputs})
}

pub(crate) fn apply(id: &str, path: &str, content: &str) -> Value {
    let inputs = json!({"path": path, "content": content});
    json!({"id": id, "title": "Write", "tool": "write_file_apply", "inputs": inputs})
}

/// A write that takes its preview from an earlier step: approved as resolved in `strict`.
pub(crate) fn apply_after(id: &str, path: &str, content: &str, preview: &str) -> Value {
    let inputs = json!({"path": path, "content": content, "preview": format!("${{steps.{preview}.output}}")});
    json!({"id": id, "title": "Write", "tool": "write_file_apply", "inputs": inputs})
}

pub(crate) fn risky(mut step: Value) -> Value {
    step["risk"] = json!("high");
    step
}
