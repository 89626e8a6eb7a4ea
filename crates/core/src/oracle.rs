//! A second opinion, apart from the rules: it reads only the log.
//!
//! Kept short and written from the promises, not from `decide` or `evolve`, so that a mistake made
//! alike in both still shows. Used by property tests, crash tests and the verification of a record.

mod pins;

use std::collections::{HashMap, HashSet};

use crate::digest::Digest;
use crate::event::{Envelope, Fact, FileChange, Mode, Profile, StepFact, WorkspaceIdentity, files_digest};
use crate::id::{EventId, RunId, SessionId, StepId};
use crate::permit::{Covers, Gate};
use crate::toolbox::{Effect, Risk};

pub use pins::Pins;

/// Reads one session's events in order and names the first broken promise. What sessions owe each other is left
/// to [`judge`], which reads them all.
///
/// # Errors
/// [`Broken`] names the event.
pub fn judge_session<'e>(events: impl IntoIterator<Item = &'e Envelope>) -> Result<(), Broken> {
    let mut told = Told::default();
    for event in events {
        let Some(session) = &event.session else { continue };
        told.take(event).map_err(|what| Broken { event: event.id, session: session.clone(), what })?;
    }
    Ok(())
}

/// Reads a log in order and names the first broken promise.
///
/// # Errors
/// [`Broken`] names the event.
pub fn judge<'e>(events: impl IntoIterator<Item = &'e Envelope>) -> Result<(), Broken> {
    let mut sessions: HashMap<&SessionId, Told<'_>> = HashMap::new();
    let mut pins = Pins::default();
    for event in events {
        let with_a_pin = pins.take(event);
        if let Fact::ContentReleased { session, bytes, .. } = &event.fact {
            let broken = |what| Broken { event: event.id, session: session.clone(), what };
            with_a_pin.and_then(|()| released(sessions.get(session), *bytes)).map_err(broken)?;
            continue;
        }
        let Some(session) = &event.session else { continue };
        with_a_pin.map_err(|what| Broken { event: event.id, session: session.clone(), what })?;
        if let Fact::SessionCreated { workspace, .. } = &event.fact {
            let home = workspace.home(session);
            let broken = |what| Broken { event: event.id, session: session.clone(), what };
            alone_on(home, session, &sessions).map_err(broken)?;
            let directory = match workspace {
                WorkspaceIdentity::Attach { inode, born_micros, .. } => Some((*inode, *born_micros)),
                WorkspaceIdentity::Of { session } => sessions.get(session).and_then(|told| told.directory),
                WorkspaceIdentity::Own | WorkspaceIdentity::Snapshot { .. } => None,
            };
            let told = sessions.entry(session).or_default();
            (told.home, told.directory) = (Some(home), directory);
        }
        if let Fact::StepStarted { effect: Effect::Writes, .. } = &event.fact
            && let Some(directory) = sessions.get(session).and_then(|told| told.directory)
        {
            let mut there = sessions.iter().filter(|(id, told)| **id != session && told.directory == Some(directory));
            let what = "two sessions wrote to one attached directory at once";
            let broken = |what| Broken { event: event.id, session: session.clone(), what };
            held(there.all(|(_, told)| !told.is_writing()), what).map_err(broken)?;
        }
        let told = sessions.entry(session).or_default();
        told.take(event).map_err(|what| Broken { event: event.id, session: session.clone(), what })?;
    }
    Ok(())
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event} of {session}: {what}")]
pub struct Broken {
    /// The event that breaks it.
    pub event: EventId,
    /// Its session.
    pub session: SessionId,
    /// What it says and may not.
    pub what: &'static str,
}

/// Nobody else may write there when a session opens on the workspace of another.
fn alone_on(home: &SessionId, session: &SessionId, sessions: &HashMap<&SessionId, Told<'_>>) -> Promise {
    let is_known = home == session || sessions.contains_key(home);
    held(is_known, "a session opened on the workspace of one that never was")?;
    let mut there = sessions.values().filter(|told| told.home == Some(home));
    held(there.all(|told| told.stopped && told.open.is_none()), "two sessions at once on one workspace")
}

/// Only what a session wrote is given out of it.
fn released(told: Option<&Told<'_>>, bytes: u64) -> Promise {
    let told = told.ok_or("content was given out of a session that never was")?;
    held(told.wrote || bytes == 0, "content was given out of a session that wrote nothing")
}

/// What the log has told of one session so far.
#[derive(Default)]
struct Told<'e> {
    dry_run: bool,
    strict: bool,
    stopped: bool,
    /// The session in whose directory it works.
    home: Option<&'e SessionId>,
    /// The attached directory it works on: its inode and its birth.
    directory: Option<(u64, i64)>,
    /// The newest plan: its version, its digest, its steps.
    newest: Option<(u32, Digest, &'e [StepFact])>,
    plan_approved: bool,
    /// A failure or a no: nothing of this version starts any more.
    dead: bool,
    approved: HashMap<&'e StepId, Digest>,
    started: HashSet<&'e StepId>,
    done: HashSet<&'e StepId>,
    /// The run in progress, its step, and whether its files were previewed.
    open: Option<(RunId, &'e StepId, bool)>,
    previews: HashMap<RunId, Digest>,
    /// A run that may write has started; how one ends that was interrupted, files alone tell.
    wrote: bool,
}

type Promise = Result<(), &'static str>;

impl<'e> Told<'e> {
    #[allow(clippy::too_many_lines, reason = "one arm a fact: a new one must be sorted in here")]
    fn take(&mut self, event: &'e Envelope) -> Promise {
        match &event.fact {
            Fact::SessionCreated { mode, profile, .. } => {
                (self.dry_run, self.strict) = (*mode == Mode::DryRun, *profile == Profile::Strict);
                Ok(())
            }
            Fact::PlanImported { version, digest, steps, .. } => self.imported(*version, *digest, steps),
            Fact::PlanApproved { version, decision } => self.approved_plan(*version, decision.digest),
            Fact::PlanRejected { version, .. } => {
                self.dead = true;
                self.of_newest(*version)
            }
            Fact::StepApproved { version, step, decision, .. } => {
                self.decided(*version, step)?;
                self.approved.insert(step, decision.digest);
                Ok(())
            }
            Fact::StepRejected { version, step, .. } => {
                self.decided(*version, step)?;
                self.dead = true;
                Ok(())
            }
            Fact::StepSkipped { version, step, .. } => {
                self.decided(*version, step)?;
                self.done.insert(step);
                Ok(())
            }
            Fact::StepStarted { .. } => self.started(event),
            Fact::StepExecuted { step, preview, applied, .. } => {
                let run = self.ended(event, step, applied)?;
                self.done.insert(step);
                self.previews.extend(preview.as_ref().map(|preview| (run, preview.files)));
                Ok(())
            }
            Fact::StepFailed { step, applied, .. } => {
                self.dead = true;
                self.ended(event, step, applied).map(|_| ())
            }
            Fact::StepInterrupted { step, .. } => {
                self.dead = true;
                self.ended(event, step, &[]).map(|_| ())
            }
            Fact::SessionStopped { .. } => {
                self.stopped = true;
                Ok(())
            }
            Fact::SessionSucceeded { version } => self.succeeded(*version),
            Fact::StepExecutionRejected { .. }
            | Fact::StepExecutionWarning { .. }
            | Fact::ArtifactSaved { .. }
            | Fact::DaemonStarted { .. }
            | Fact::PersonAdded { .. }
            | Fact::PersonRemoved { .. }
            | Fact::TokenCreated { .. }
            | Fact::TokenRevoked { .. }
            | Fact::WorkspaceAdded { .. }
            | Fact::WorkspaceRemoved { .. }
            | Fact::WorkspaceRemounted { .. }
            | Fact::AccessRefused { .. }
            | Fact::CheckpointSigned { .. }
            | Fact::RecordExported { .. }
            | Fact::Restored { .. }
            | Fact::ContentReleased { .. }
            | Fact::LossAccepted { .. }
            | Fact::PayloadRedacted { .. }
            | Fact::PinSet { .. }
            | Fact::PinRemoved { .. }
            | Fact::PinAccepted { .. }
            | Fact::PinRefused { .. } => Ok(()),
        }
    }

    fn approved_plan(&mut self, version: u32, approved: Digest) -> Promise {
        self.of_newest(version)?;
        self.plan_approved = true;
        let is_newest = self.newest.is_some_and(|(_, digest, _)| digest == approved);
        held(is_newest && !self.dead, "an approval of another plan than the newest, or after a no")
    }

    fn imported(&mut self, version: u32, digest: Digest, steps: &'e [StepFact]) -> Promise {
        held(self.open.is_none() && !self.stopped, "a plan came while something ran or after the stop")?;
        held(self.newest.is_none_or(|(newest, _, _)| version > newest), "a version was used twice")?;
        // What was approved and done belongs to a plan; what was previewed belongs to the session.
        *self = Self {
            dry_run: self.dry_run,
            strict: self.strict,
            home: self.home,
            directory: self.directory,
            newest: Some((version, digest, steps)),
            previews: std::mem::take(&mut self.previews),
            wrote: self.wrote,
            ..Self::default()
        };
        Ok(())
    }

    fn succeeded(&self, version: u32) -> Promise {
        self.of_newest(version)?;
        let all = self.newest.is_some_and(|(_, _, steps)| steps.iter().all(|step| self.done.contains(&step.id)));
        held(all && !self.dead, "a success while steps were left")
    }

    fn is_writing(&self) -> bool {
        let steps = self.newest.map_or(&[][..], |(_, _, steps)| steps);
        let is_apply = |id: &StepId| steps.iter().any(|step| step.id == *id && step.effect == Effect::Writes);
        self.open.is_some_and(|(_, step, _)| is_apply(step))
    }

    fn of_newest(&self, version: u32) -> Promise {
        let newest = self.newest.is_some_and(|(newest, _, _)| newest == version);
        held(newest && !self.stopped, "it names a superseded plan or comes after the stop")
    }

    fn decided(&self, version: u32, step: &'e StepId) -> Promise {
        self.of_newest(version)?;
        held(self.plan_approved && !self.dead, "a decision on a step of a plan that is not at work")?;
        held(!self.started.contains(step), "a decision on a step that has started")
    }

    fn started(&mut self, event: &'e Envelope) -> Promise {
        let Fact::StepStarted {
            version,
            step,
            digest,
            template_digest,
            covers,
            high_risk_confirmed,
            files,
            gate,
            effect,
            ..
        } = &event.fact
        else {
            return Err("not a start");
        };
        self.of_newest(*version)?;
        held(self.plan_approved && !self.dead, "a step started without an approved plan, or after a failure or a no")?;
        let granted = if *covers == Covers::Resolved { digest } else { template_digest };
        held(self.approved.get(step) == Some(granted), "a step started without an approval of the same digest")?;
        held(self.started.insert(step) && self.open.is_none(), "a step started twice, or two at once")?;
        let steps = self.newest.map_or(&[][..], |(_, _, steps)| steps);
        let earlier = steps.iter().take_while(|planned| planned.id != *step);
        held(earlier.clone().all(|planned| self.done.contains(&planned.id)), "a step started out of order")?;
        let planned = steps.get(earlier.count()).ok_or("a step started that is not in the plan")?;
        held(!self.done.contains(step), "a skipped step started")?;
        held(planned.effect == *effect, "a step started with another effect than was planned")?;
        let confirmed = *high_risk_confirmed || !self.strict || planned.risk != Risk::High;
        held(confirmed, "a step of high risk started unconfirmed")?;
        held(!self.dry_run || *effect != Effect::Writes, "a dry run applied something")?;
        let previewed = match gate {
            Gate::Recorded { run } => self.previews.get(run) == Some(&files_digest(files)),
            Gate::NotNeeded | Gate::Stale | Gate::Missing => false,
        };
        let run = event.run.ok_or("a start names no run")?;
        self.open = Some((run, step, previewed));
        self.wrote |= *effect == Effect::Writes;
        Ok(())
    }

    fn ended(&mut self, event: &Envelope, step: &StepId, applied: &[FileChange]) -> Result<RunId, &'static str> {
        let (run, running, previewed) = self.open.take().ok_or("an end without its start")?;
        held(event.run == Some(run) && running == step, "an end without its start")?;
        held(applied.is_empty() || previewed, "something was written that no run had previewed")?;
        Ok(run)
    }
}

fn held(promise: bool, broken: &'static str) -> Promise {
    if promise { Ok(()) } else { Err(broken) }
}
