//! A log of many events, written through the store as sessions write it: plans, decisions, runs, artifacts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use calt_core::decide::{Action, Command, CreateSession, Facts, ImportPlan, RunEnd, StepFacts, Success, Verdict};
use calt_core::digest::Digest;
use calt_core::event::{Mode, Profile, WorkspaceIdentity};
use calt_core::id::{ArtifactId, RunId, SessionId, StepId};
use calt_core::isolation::Tier;
use calt_core::plan::{Draft, PlannedStep};
use calt_core::principal::{Caller, Claim, PrincipalId, PrincipalKind, Role};
use calt_core::time::Timestamp;
use calt_core::toolbox::{Effect, Risk};
use calt_store::{Durability, Store, StoreConfig, output_bytes};
use serde_json::json;

/// Steps of each session's plan; all are approved and run.
const STEPS: usize = 50;
/// Events of a session: its making, its plan's coming and approval, four a step, and its success.
pub(crate) const SESSION_EVENTS: u64 = (4 + 4 * STEPS) as u64;
/// Texts of a session: reasons and outputs.
const SESSION_TEXTS: u64 = 2 * STEPS as u64;
/// Sentences of a text: with what stands around it in a payload, an event has about 300 bytes of text.
const SENTENCES: u64 = 3;
/// Sessions written at once.
const PRODUCERS: usize = 64;
/// When the first event happened, in microseconds since 1970.
const BEGIN_MICROS: i64 = 1_767_225_600_000_000;
/// Time between two events, in microseconds.
const TICK_MICROS: i64 = 20_000_000;

/// Stands in six events.
pub(crate) const RARE: &str = "zanzibar";
/// Stands in 1,700 events, and its characters nowhere else.
pub(crate) const JAPANESE: [&str; 3] = ["薔", "薔薇", "薔薇園丁"];
const JAPANESE_EVENTS: u64 = 1_700;
/// Stands in about every sixth event.
pub(crate) const COMMON: &str = "quarterly";
/// Who decides, in turn.
pub(crate) const PRINCIPALS: [&str; 4] = ["owner", "ada", "bob", "carol"];

const ENGLISH: [&str; 24] = [
    "the service was restarted after the certificate had been renewed",
    "checked the backup of the billing database against its manifest",
    "the report names three hosts that answer slowly under load",
    "moved the settings of the proxy into the shared configuration",
    "found no secret in the diff that is proposed here",
    "the migration adds an index and touches no row",
    "the queue was empty before the workers were stopped",
    "compared the checksums on both sides of the transfer",
    "the change keeps the old path readable for one release",
    "asked the owner of the table, who agrees with the plan",
    "the test fails on the second run when the clock is set back",
    "the deployment waits for the approval of the second region",
    "removed a stale lock that nobody had held since the crash",
    "the script reads only files below its own directory",
    "rotated the credentials and wrote down who has them now",
    "the disk was nine tenths full and the old logs went first",
    "a timeout of thirty seconds is enough for this command",
    "the preview shows four lines added and two taken away",
    "notified the people on call before the switch was made",
    "the cache was warmed with the requests of yesterday",
    "the parser accepts the file and names every unknown key",
    "the branch is rebased and the conflicts were few",
    "looked at the latency of each step in the trace",
    "the schedule was moved by an hour because of the holiday",
];
const TALK: [&str; 12] = [
    "設定を確認してから本番環境に反映します。",
    "議事録を承認のうえで共有フォルダに保存した。",
    "データベースの移行計画に問題は見つからなかった。",
    "東京リージョンの負荷試験は来週に延期する。",
    "証明書の更新後にサービスを再起動した。",
    "差分は四行の追加と二行の削除だけである。",
    "バックアップの復元手順を担当者と見直した。",
    "古いログを圧縮して容量を確保する。",
    "監視の閾値を少し上げて様子を見る。",
    "依頼された変更は影響範囲が狭い。",
    "障害の原因は時刻のずれだった。",
    "会議で決まった手順に従って進める。",
];

/// What was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
}

struct Filler {
    store: Store,
    sessions: u64,
    texts: u64,
    next_session: AtomicU64,
}

/// Writes about so many events into the store of this data root, and waits until the index has them.
pub(crate) fn fill(data_root: &Path, events: u64) -> Filled {
    let started = Instant::now();
    let config = StoreConfig { database: data_root.join("calt.sqlite3"), data_root: data_root.to_owned() };
    let (store, report) = Store::open(&config).unwrap();
    let sessions = events.saturating_sub(report.events).div_ceil(SESSION_EVENTS);
    let filler = Arc::new(Filler {
        store: store.clone(),
        sessions,
        texts: sessions * SESSION_TEXTS,
        next_session: AtomicU64::new(0),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let producers: Vec<_> = (0..PRODUCERS).map(|_| tokio::spawn(produce(Arc::clone(&filler)))).collect();
        for producer in producers {
            producer.await.unwrap();
        }
    });
    // A store that is closed has its index whole.
    store.close();
    Filled { events: sessions * SESSION_EVENTS, seconds: started.elapsed().as_secs_f64() }
}

async fn produce(filler: Arc<Filler>) {
    loop {
        let number = filler.next_session.fetch_add(1, Ordering::Relaxed);
        if number >= filler.sessions {
            return;
        }
        Producer { filler: &filler, session: SessionId::parse(&session_name(number)).unwrap(), number, tick: 0 }
            .session()
            .await;
    }
}

/// Ids as the daemon makes them: time first, chance behind.
fn session_name(number: u64) -> String {
    let chance = Digest::of_bytes(&number.to_le_bytes()).to_string();
    format!("session_{:012x}7{}", 0x019b_7000_0000 + number * 3_560_000, &chance[..19])
}

struct Producer<'f> {
    filler: &'f Filler,
    session: SessionId,
    number: u64,
    tick: u64,
}

impl Producer<'_> {
    async fn session(mut self) {
        self.filler.store.files().make_session(&self.session).unwrap();
        self.must("owner", self.creation(), None).await;
        self.import().await;
        self.must("ada", Action::ApprovePlan { version: 1, verdict: verdict(None) }, None).await;
        for step in 0..STEPS {
            let text = self.text(step as u64);
            let who = PRINCIPALS[step % PRINCIPALS.len()];
            self.must(who, Action::ApproveStep { step: step_id(step), verdict: verdict(Some(text)) }, None).await;
        }
        for step in 0..STEPS {
            self.run(step).await;
        }
    }

    fn creation(&self) -> Action {
        Action::CreateSession(CreateSession {
            id: self.session.clone(),
            goal: Some(format!("Carry out change {}", self.number)),
            mode: Mode::Normal,
            profile: Profile::Strict,
            workspace: WorkspaceIdentity::Own,
            ticket: Some(format!("OPS-{}", self.number)),
            origin: None,
            copied: None,
        })
    }

    async fn import(&mut self) {
        let step = |number: usize| PlannedStep {
            id: step_id(number),
            title: format!("Read note {number}"),
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
        let steps = (0..STEPS).map(step).collect();
        let title = "Read the notes".to_owned();
        let plan = Draft { version: Some(1), title, session_goal: None, ticket: None, steps }.number(1);
        let masked = Arc::new(plan.canonical());
        let document = masked.to_string();
        let document_digest = Digest::of_bytes(document.as_bytes());
        let import = ImportPlan { plan: Arc::new(plan), version_given: true, masked, document_digest };
        self.must("owner", Action::ImportPlan(import), None).await;
    }

    async fn run(&mut self, step: usize) {
        let gathered = {
            let state = self.filler.store.session_state(&self.session).await.unwrap().unwrap();
            StepFacts {
                version: 1,
                plan: state.plan_digest().unwrap(),
                inputs: Ok(state.step(&step_id(step)).unwrap().inputs),
                files: vec![],
                box_spec: None,
            }
        };
        let masked_inputs = json!({"path": format!("notes/{step}.txt")});
        let start = Action::StartStep { step: step_id(step), confirm_high_risk: false, masked_inputs };
        let run = self.must("owner", start, Some((step_id(step), gathered))).await.expect("a start gives a permit");
        let output = json!({"content": self.text((STEPS + step) as u64), "truncated": false});
        let bytes = output_bytes(&output);
        let files = self.filler.store.files();
        let artifact =
            files.write_artifact(&self.session, run, &step_id(step), &bytes, Durability::RepeatsOutput).unwrap();
        let end = RunEnd::Succeeded(Arc::new(Success {
            output,
            masked: vec![],
            not_whole: vec![],
            artifact,
            duration_ms: 3,
            exit_code: None,
            preview: None,
            applied: vec![],
            warnings: vec![],
        }));
        self.submit(Caller::daemon(), Action::FinishRun { run, end }, None).await;
    }

    async fn must(&mut self, principal: &str, action: Action, step: Option<(StepId, StepFacts)>) -> Option<RunId> {
        let caller = Caller {
            principal: PrincipalId::parse(principal).unwrap(),
            kind: PrincipalKind::Person,
            role: Role::Owner,
        };
        self.submit(caller, action, step).await
    }

    async fn submit(&mut self, caller: Caller, action: Action, step: Option<(StepId, StepFacts)>) -> Option<RunId> {
        let tick = self.number * SESSION_EVENTS + self.tick;
        self.tick += 1;
        let facts = Facts {
            now: Timestamp::from_micros(BEGIN_MICROS + tick as i64 * TICK_MICROS),
            next_run: RunId(0),
            next_artifact: ArtifactId(0),
            tier: Tier::Full,
            demands: calt_core::policy::Demands::default(),
            steps: step.into_iter().collect(),
            pin: calt_core::pin::PinFacts::default(),
            home: None,
            holdings: calt_core::quota::Holdings::default(),
            neighbours: Vec::new(),
        };
        let command = Command { caller, claim: Claim::default(), action };
        let committed = self.filler.store.submit(&self.session, command, facts).await.unwrap();
        committed.outcome.unwrap();
        committed.permit.map(|permit| permit.run())
    }

    /// What somebody says or a file holds; every third text is Japanese.
    fn text(&self, place: u64) -> String {
        let number = self.number * SESSION_TEXTS + place;
        let chance = u64::from_le_bytes(Digest::of_bytes(&number.to_le_bytes()).as_bytes()[..8].try_into().unwrap());
        let pick = |from: &[&'static str], turn: u64| {
            from[(chance.rotate_left(turn as u32 * 7 + 3) % from.len() as u64) as usize]
        };
        let mut text = format!("{number} host{:03}: ", chance % 500);
        if number.is_multiple_of(3) {
            text.extend((0..SENTENCES).map(|turn| pick(&TALK, turn)));
        } else {
            text.extend((0..SENTENCES).flat_map(|turn| [pick(&ENGLISH, turn), "; "]));
        }
        let words = [
            (number % 3 == 1, COMMON),
            (is_one_of(number, JAPANESE_EVENTS, self.filler.texts), JAPANESE[2]),
            (is_one_of(number, 6, self.filler.texts), RARE),
        ];
        for (_, word) in words.into_iter().filter(|(is_wanted, _)| *is_wanted) {
            text.push(' ');
            text.push_str(word);
        }
        text
    }
}

/// Whether a number is one of so many that lie evenly below a bound.
fn is_one_of(number: u64, wanted: u64, below: u64) -> bool {
    let step = (below / wanted).max(1);
    number.is_multiple_of(step) && number / step < wanted
}

fn step_id(number: usize) -> StepId {
    StepId::parse(&format!("step_{number:03}")).unwrap()
}

fn verdict(reason: Option<String>) -> Verdict {
    Verdict { decision_id: "decision_019b76c0a1b2c3d4".to_owned(), reason, ..Verdict::default() }
}
