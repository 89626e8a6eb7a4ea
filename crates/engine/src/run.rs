//! Runs: started on a durable permit, watched until their end is in the log.
//!
//! A run belongs to the engine. The request that asked for it may go away; the run does not notice.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use calt_core::decide::{Answer, ArtifactFile, Failure, RunEnd, Success};
use calt_core::event::PAYLOAD_BYTES_MAX;
use calt_core::moment::{Moment, pass};
use calt_core::plan::PlannedStep;
use calt_core::toolbox::Effect;
use calt_core::{Action, Permit, RunId, SessionId, StepId};
use calt_store::{Durability, Files, StoreError, output_bytes};
use calt_tools::{Cancel, FailureCode, Limits, RunRoom, ToolFailure, ToolOutput, Workspace};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::engine::{Asker, Engine, Fault, blocking};
use crate::place::Place;
use crate::verify;

/// How long after a failed attempt the end of a run is put to the log again.
/// The JSON pointer of a write's diff.
const DIFF: &str = "/diff";
const RECORD_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Room an event's payload needs around an output, in bytes.
const PAYLOAD_FRAME_BYTES: usize = 2 * 1024;

/// How a run ended, as its end in the log has it: for whoever waited for it.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// Whether it did its work.
    pub succeeded: bool,
    /// What it gave, masked.
    pub output: Value,
    /// Why it failed, masked.
    pub error: Option<String>,
    /// Paths of the artifacts it left behind.
    pub artifacts: Vec<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// A run in progress.
#[derive(Clone)]
pub(crate) struct Running {
    cancel: Cancel,
    ended: watch::Sender<Option<Ending>>,
}

/// How far the end of a run has come.
#[derive(Clone)]
enum Ending {
    /// The log cannot take it now, and is asked again.
    Unrecorded(StoreError),
    /// It is in the log; or was before, when there is nothing to tell.
    Recorded(Option<Arc<RunOutcome>>),
}

impl Running {
    fn new() -> Self {
        Self { cancel: Cancel::new(), ended: watch::Sender::new(None) }
    }
}

/// Everything one run needs, gathered before the permit came.
struct Work {
    session: SessionId,
    /// Where it works.
    place: Place,
    step: PlannedStep,
    inputs: Value,
}

impl Engine {
    /// Executes an approved step: answers once `step_started` is durable; the run goes on by itself.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the gate's reason.
    pub async fn start_step(
        &self,
        by: Asker,
        session: &SessionId,
        step: &StepId,
        confirm_high_risk: bool,
    ) -> Result<RunId, Fault> {
        // A thread of its own from gathering to the end in the log: were the caller to go away between commit
        // and run, the permit would be lost, and each change of threads would cost as much as a commit.
        let (started, answer) = oneshot::channel();
        let (engine, session, step) = (self.clone(), session.clone(), step.clone());
        let runtime = Handle::current();
        // The slot comes before the thread: threads that only wait for their turn would keep reads waiting.
        let slot = Arc::clone(&self.inner.run_slots).acquire_owned().await;
        let slot = slot.map_err(|_| StoreError::Unavailable("the daemon is ending".to_owned()))?;
        let whole_run = async move {
            let _slot = slot;
            match engine.submit_start(by, &session, &step, confirm_high_risk).await {
                Ok((run, permit, work)) => {
                    let running = engine.running(run);
                    let _ = started.send(Ok(run));
                    engine.see_through(permit, work, running).await;
                }
                Err(fault) => {
                    let _ = started.send(Err(fault));
                }
            }
        };
        self.inner.tasks.spawn_blocking(move || runtime.block_on(whole_run));
        answer.await.map_err(|_| Fault::Internal("the task that starts a run ended early".to_owned()))?
    }

    async fn submit_start(
        &self,
        by: Asker,
        session: &SessionId,
        step: &StepId,
        confirm_high_risk: bool,
    ) -> Result<(RunId, Permit, Work), Fault> {
        let gathered = self.gather_all(session, step).await?;
        let writes = gathered.as_ref().is_some_and(|gathered| gathered.step(step).effect == Effect::Writes);
        let mut facts = self.facts();
        // Held until the start is decided: nobody else is let in between the look and the answer.
        let _turn = if writes { self.look_around(session, &mut facts).await? } else { None };
        let (mut masked_inputs, mut work) = (Value::Null, None);
        if let Some(gathered) = gathered {
            let planned = gathered.step(step).clone();
            masked_inputs = self.inner.masker.mask_json(gathered.inputs.clone()).value;
            facts.steps.insert(step.clone(), gathered.facts);
            let place = self.place_of(session).await?;
            work = Some(Work { session: session.clone(), place, step: planned, inputs: gathered.inputs });
        }
        let action = Action::StartStep { step: step.clone(), confirm_high_risk, masked_inputs };
        let (answer, committed) = self.submit(by, session, action, facts).await?;
        match (answer, committed.permit, work) {
            (Answer::Started { run }, Some(permit), Some(work)) => Ok((run, permit, work)),
            (other, _, _) => Err(Fault::Internal(format!("a start was answered with {other:?} or without a permit"))),
        }
    }

    /// Waits until a run has its end in the log, and says what it was.
    ///
    /// `None` at once for a run that had ended before, or that never was: the log knows more.
    ///
    /// # Errors
    /// Why the end is not in the log yet. It is put there as soon as the log can take it.
    pub async fn run_end(&self, run: RunId) -> Result<Option<Arc<RunOutcome>>, StoreError> {
        match self.ending(run, |_| true).await {
            Some(Ending::Recorded(outcome)) => Ok(outcome),
            Some(Ending::Unrecorded(fault)) => Err(fault),
            None => Ok(None),
        }
    }

    /// Waits for an ending of this kind; `None` for a run that is not in progress.
    async fn ending(&self, run: RunId, wanted: impl Fn(&Ending) -> bool) -> Option<Ending> {
        let mut ended = {
            let runs = self.inner.runs.lock().expect("no holder of this lock panics");
            runs.get(&run)?.ended.subscribe()
        };
        // An error means that the sender is gone, and with it the run.
        let ending = ended.wait_for(|ending| ending.as_ref().is_some_and(&wanted)).await.ok()?;
        ending.clone()
    }

    /// How many runs are in progress.
    pub fn runs_in_progress(&self) -> usize {
        self.inner.runs.lock().expect("no holder of this lock panics").len()
    }

    /// Ends a run whose session was stopped, and waits for its end to be in the log.
    pub(crate) async fn cancel_run(&self, run: RunId) -> Result<(), Fault> {
        // The run may not be registered yet: then it finds this entry, cancelled already.
        self.running(run).cancel.trigger();
        let engine = self.clone();
        let row = blocking(move || engine.store().run(run)).await??;
        if row.is_none_or(|row| row.status != "running") {
            self.forget(run, None);
            return Ok(());
        }
        self.ending(run, |ending| matches!(ending, Ending::Recorded(_))).await;
        Ok(())
    }

    pub(crate) fn cancel_every_run(&self) {
        let runs = self.inner.runs.lock().expect("no holder of this lock panics");
        for running in runs.values() {
            running.cancel.trigger();
        }
    }

    fn running(&self, run: RunId) -> Running {
        let mut runs = self.inner.runs.lock().expect("no holder of this lock panics");
        runs.entry(run).or_insert_with(Running::new).clone()
    }

    fn forget(&self, run: RunId, outcome: Option<Arc<RunOutcome>>) {
        let removed = self.inner.runs.lock().expect("no holder of this lock panics").remove(&run);
        if let Some(running) = removed {
            running.ended.send_replace(Some(Ending::Recorded(outcome)));
        }
    }

    /// Runs the tool, on this very thread, and puts its end into the log.
    async fn see_through(&self, permit: Permit, work: Work, running: Running) {
        let (run, started) = (permit.run(), Instant::now());
        let tried = catch_unwind(AssertUnwindSafe(|| self.execute(permit, &work, &running.cancel)));
        let end = tried.unwrap_or_else(|_| {
            tracing::error!(run.id = run.0, session.id = %work.session, "a tool panicked");
            let message = "internal: the tool broke down; the daemon's own log says more";
            self.failed(ToolFailure::plain(FailureCode::Internal, message), started.elapsed())
        });
        let outcome = Arc::new(outcome(&end));
        let action = Action::FinishRun { run, end };
        match self.submit(Asker::daemon(), &work.session, action.clone(), self.facts()).await {
            Ok(_no_permit) => self.forget(run, Some(outcome)),
            Err(Fault::Store(fault)) if fault.may_pass() => {
                tracing::error!(run.id = run.0, session.id = %work.session, "the end of a run cannot be recorded now: {fault}");
                running.ended.send_replace(Some(Ending::Unrecorded(fault)));
                let (engine, session) = (self.clone(), work.session);
                self.inner.tasks.spawn(async move { engine.record_later(&session, run, action, outcome).await });
            }
            Err(fault) => self.not_recorded(&work.session, run, &fault),
        }
    }

    /// Puts the end of a run into the log once the log can take it: space may come free, a disk may come back.
    async fn record_later(&self, session: &SessionId, run: RunId, action: Action, outcome: Arc<RunOutcome>) {
        while !self.inner.run_slots.is_closed() {
            tokio::time::sleep(RECORD_AGAIN_AFTER).await;
            match self.submit(Asker::daemon(), session, action.clone(), self.facts()).await {
                Ok(_no_permit) => {
                    tracing::info!(run.id = run.0, session.id = %session, "the end of a run is recorded at last");
                    return self.forget(run, Some(outcome));
                }
                Err(Fault::Store(fault)) if fault.may_pass() => {}
                Err(fault) => return self.not_recorded(session, run, &fault),
            }
        }
        self.forget(run, None);
    }

    /// The run stays without an end; the next start of the daemon finds it and says what happened.
    fn not_recorded(&self, session: &SessionId, run: RunId, fault: &Fault) {
        tracing::error!(run.id = run.0, session.id = %session, "the end of a run could not be recorded: {fault}");
        self.forget(run, None);
    }

    fn execute(&self, permit: Permit, work: &Work, cancel: &Cancel) -> RunEnd {
        let run = permit.run();
        pass(Moment::PermitGiven);
        let started = Instant::now();
        let deadline = started + Duration::from_secs(u64::from(work.step.timeout_sec));
        let limits = Limits { deadline, cancel: cancel.clone() };
        let workspace = match self.open_workspace(&work.place) {
            Ok(workspace) => workspace,
            Err(unopened) => return self.failed(unopened.failure(), started.elapsed()),
        };
        let room = RunRoom::of_run(&self.rooms_dir(&work.place.home), run);
        let result = calt_tools::run(permit, self.toolkit(), &work.inputs, &workspace, &room, &limits);
        pass(Moment::ToolDone);
        let artifact = Files::artifact_name(run, &work.step.id);
        let mask = |text: &str| self.inner.masker.mask_text(text).into_owned();
        let shown = result.as_ref().ok().and_then(|output| output.masked_diff(&mask));
        let result = result.and_then(|output| holds(work, &workspace, &artifact, output));
        match result {
            Ok(output) => self.succeeded(run, work, (output, shown), started),
            Err(mut failure) => {
                if let (Some(output), Some(shown)) = (&mut failure.output, shown) {
                    output["diff"] = Value::String(shown);
                }
                self.failed(failure, started.elapsed())
            }
        }
    }

    fn succeeded(
        &self,
        run: RunId,
        work: &Work,
        (mut output, shown): (ToolOutput, Option<String>),
        started: Instant,
    ) -> RunEnd {
        let shown = shown.filter(|shown| output.output["diff"] != **shown);
        let is_diff_masked = shown.is_some();
        if let Some(shown) = shown {
            output.output["diff"] = Value::String(shown);
        }
        let mut masked = self.inner.masker.mask_json(output.output);
        if is_diff_masked && !masked.pointers.iter().any(|pointer| pointer == DIFF) {
            masked.pointers.push(DIFF.to_owned());
        }
        let bytes = output_bytes(&masked.value);
        let durability = if bytes.len() + PAYLOAD_FRAME_BYTES <= PAYLOAD_BYTES_MAX {
            Durability::RepeatsOutput
        } else {
            Durability::Own
        };
        let written = self.store().files().write_artifact(&work.session, run, &work.step.id, &bytes, durability);
        let file = match written {
            Ok(file) => file,
            Err(error) => {
                let mut failure = ToolFailure::plain(
                    FailureCode::ArtifactUnwritable,
                    format!("the artifact could not be written: {error}"),
                );
                failure.applied = output.applied;
                return self.failed(failure, started.elapsed());
            }
        };
        pass(Moment::ArtifactWritten);
        RunEnd::Succeeded(Arc::new(Success {
            output: masked.value,
            masked: masked.pointers,
            not_whole: output.not_whole,
            artifact: ArtifactFile {
                kind: "output".to_owned(),
                path: file.path,
                sha256: file.sha256,
                bytes: file.bytes,
            },
            duration_ms: millis(started.elapsed()),
            exit_code: output.exit_code,
            preview: output.preview,
            applied: output.applied,
            warnings: output.warnings.iter().map(|text| self.inner.masker.mask_text(text).into_owned()).collect(),
        }))
    }

    fn failed(&self, failure: ToolFailure, elapsed: Duration) -> RunEnd {
        RunEnd::Failed(Arc::new(Failure {
            code: failure.code().as_str().to_owned(),
            error: self.inner.masker.mask_text(&failure.message).into_owned(),
            duration_ms: millis(elapsed),
            exit_code: failure.exit_code,
            cancelled: failure.cancelled,
            applied: failure.applied,
            output: failure.output.map(|output| self.inner.masker.mask_json(output).value),
        }))
    }
}

/// The verify rule, on the unmasked output; without one, a command that exits non-zero failed.
fn holds(work: &Work, workspace: &Workspace, artifact: &str, output: ToolOutput) -> Result<ToolOutput, ToolFailure> {
    let verdict = match &work.step.verify {
        Some(rule) => {
            verify::check(rule, &output, workspace, artifact).map_err(|reason| (FailureCode::VerifyFailed, reason))
        }
        None => match output.exit_code {
            None | Some(0) => Ok(()),
            Some(code) => Err((FailureCode::StepFailed, format!("the command exited with {code}"))),
        },
    };
    match verdict {
        Ok(()) => Ok(output),
        Err((code, reason)) => Err(ToolFailure::after_the_fact(code, reason, output)),
    }
}

fn outcome(end: &RunEnd) -> RunOutcome {
    match end {
        RunEnd::Succeeded(success) => RunOutcome {
            succeeded: true,
            output: success.output.clone(),
            error: None,
            artifacts: vec![success.artifact.path.clone()],
            duration_ms: success.duration_ms,
        },
        RunEnd::Failed(failure) => RunOutcome {
            succeeded: false,
            output: failure.output.clone().unwrap_or_default(),
            error: Some(failure.error.clone()),
            artifacts: Vec::new(),
            duration_ms: failure.duration_ms,
        },
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
