//! One transaction: every request decided on the state the ones before it left, then one commit for all.
//!
//! There is no savepoint. A request's events are checked by `evolve` before the first row is written, so a
//! request can only fail by the database itself; then the whole transaction is rolled back and each request
//! gets one of its own. That is what savepoints would give, without a copy of every page in between.

use std::collections::HashMap;

use calt_core::decide::{Action, Answer, Command, Decision, Facts, RosterCommand, decide, decide_roster};
use calt_core::event::{Envelope, Fact, NewEvent, SCHEMA};
use calt_core::id::{ArtifactId, EventId, RunId, SessionId};
use calt_core::merkle::Frontier;
use calt_core::permit::Permit;
use calt_core::principal::{Caller, Claim, PrincipalKind};
use calt_core::refusal::Refusal;
use calt_core::roster::Roster;
use calt_core::session::Session;
use rusqlite::Connection;
use serde_json::Value;

use crate::append::{Chance, insert_event, seal, text_hash};
use crate::error::StoreError;
use crate::log;
use crate::projection::{self, Standing, Waiting};
use crate::sessions::Sessions;

/// What became of a command, once it is durable.
#[derive(Debug)]
#[must_use = "it may hold a permit, and a permit that is dropped leaves a started run without an end"]
pub struct Committed {
    /// The answer, or why not. A refusal can have left events too.
    pub outcome: Result<Answer, Refusal>,
    /// Leave to run, for a start.
    pub permit: Option<Permit>,
    /// The first and the last event it left, if any.
    pub events: Option<(EventId, EventId)>,
}

/// Something to decide.
pub(crate) enum Request {
    Session { session: SessionId, command: Box<Command>, facts: Box<Facts> },
    Roster { command: Box<RosterCommand>, facts: Box<Facts> },
}

/// The numbers and the tree, as of the last commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) frontier: Frontier,
    pub(crate) next_run: i64,
    pub(crate) next_artifact: i64,
}

/// What a batch needs of its surroundings.
pub(crate) struct Surroundings<'w> {
    pub(crate) connection: &'w Connection,
    pub(crate) sessions: &'w Sessions,
    pub(crate) roster: &'w Roster,
    pub(crate) chance: &'w mut Chance,
    pub(crate) scratch: &'w mut Vec<u8>,
}

/// What a batch changed; dropped as a whole when the commit fails.
pub(crate) struct Overlay {
    pub(crate) tally: Tally,
    /// Sessions the batch took out. `None`: unknown to the log, or to be read again.
    pub(crate) taken: HashMap<SessionId, Option<Session>>,
    pub(crate) roster: Option<Roster>,
    /// Whether a session came to its end.
    pub(crate) a_session_ended: bool,
    /// The event of a checkpoint.
    pub(crate) signed: Option<EventId>,
    begun: bool,
}

impl Overlay {
    pub(crate) fn new(tally: Tally) -> Self {
        Self { tally, taken: HashMap::new(), roster: None, a_session_ended: false, signed: None, begun: false }
    }

    /// Whether anything was written.
    pub(crate) fn begun(&self) -> bool {
        self.begun
    }
}

/// What a request gets when the batch commits. The outer error of the functions below ends the batch.
pub(crate) type Ready = Result<Committed, StoreError>;

/// Decides one request and writes its events.
pub(crate) fn process(
    around: &mut Surroundings<'_>,
    overlay: &mut Overlay,
    request: &mut Request,
) -> Result<Ready, StoreError> {
    match request {
        Request::Session { session, command, facts } => session_request(around, overlay, session, command, facts),
        Request::Roster { command, facts } => roster_request(around, overlay, command, facts),
    }
}

fn session_request(
    around: &mut Surroundings<'_>,
    overlay: &mut Overlay,
    id: &SessionId,
    command: &Command,
    facts: &mut Facts,
) -> Result<Ready, StoreError> {
    let session = take_session(around, overlay, id)?;
    number(facts, &overlay.tally);
    let decision = decide(session.as_ref(), command, facts);
    if decision.events().is_empty() {
        overlay.taken.insert(id.clone(), session);
        return Ok(Ok(committed(decision, None).0));
    }
    let before = session.as_ref().map(Standing::of);
    let mut waiting = Waiting::before(session.as_ref());
    let by = Signature::of(&command.caller, &command.claim);
    let first = overlay.tally.frontier.size() as i64 + 1;
    let (committed, events) = committed(decision, Some(first));
    let mut evolved = session;
    let mut envelopes = Vec::with_capacity(events.len());
    for (id_number, event) in (first..).zip(events) {
        let seq = evolved.as_ref().map_or(1, |session| session.seq() + 1);
        let envelope = envelope(around, &by, (EventId(id_number), Some((id, seq))), facts, event)?;
        match log::evolve(evolved.take(), &envelope) {
            Ok(next) => {
                waiting.after(envelope.id, &next);
                evolved = Some(next);
            }
            // Nothing of this request was written. Its session was used up and is read again.
            Err(corrupt) => return Ok(Err(corrupt.into())),
        }
        envelopes.push(envelope);
    }
    let session = evolved.expect("a decision with events leaves a session");
    begin(around.connection, overlay)?;
    for envelope in &envelopes {
        append(around, overlay, envelope)?;
        projection::project(around.connection, envelope, &session, masked_plan(command))?;
    }
    projection::session_changed(around.connection, &session, before, &facts.now.to_string())?;
    waiting.note(around.connection, id)?;
    overlay.taken.insert(id.clone(), Some(session));
    Ok(Ok(committed))
}

fn roster_request(
    around: &mut Surroundings<'_>,
    overlay: &mut Overlay,
    command: &RosterCommand,
    facts: &mut Facts,
) -> Result<Ready, StoreError> {
    number(facts, &overlay.tally);
    let roster = overlay.roster.as_ref().unwrap_or(around.roster);
    let decision = decide_roster(roster, command, facts);
    if decision.events().is_empty() {
        return Ok(Ok(committed(decision, None).0));
    }
    let by = Signature::of(&command.caller, &command.claim);
    let first = overlay.tally.frontier.size() as i64 + 1;
    let (committed, events) = committed(decision, Some(first));
    let mut evolved = roster.clone();
    let mut envelopes = Vec::with_capacity(events.len());
    for (id_number, event) in (first..).zip(events) {
        let envelope = envelope(around, &by, (EventId(id_number), None), facts, event)?;
        match evolved.evolve(&envelope.fact, envelope.created_at) {
            Ok(next) => evolved = next,
            Err(corrupt) => return Ok(Err(corrupt.into())),
        }
        envelopes.push(envelope);
    }
    begin(around.connection, overlay)?;
    for envelope in &envelopes {
        append(around, overlay, envelope)?;
    }
    overlay.roster = Some(evolved);
    Ok(Ok(committed))
}

/// The session as the batch has it, or as it was last committed, or from the log.
fn take_session(
    around: &Surroundings<'_>,
    overlay: &mut Overlay,
    id: &SessionId,
) -> Result<Option<Session>, StoreError> {
    if let Some(session) = overlay.taken.get_mut(id).and_then(Option::take) {
        return Ok(Some(session));
    }
    let warm = if overlay.taken.contains_key(id) { None } else { around.sessions.take(id) };
    overlay.taken.insert(id.clone(), None);
    match warm {
        Some(session) => Ok(Some(session)),
        None => log::replay(around.connection, id),
    }
}

fn number(facts: &mut Facts, tally: &Tally) {
    facts.next_run = RunId(tally.next_run);
    facts.next_artifact = ArtifactId(tally.next_artifact);
}

fn committed(decision: Decision, first: Option<i64>) -> (Committed, Vec<NewEvent>) {
    let (events, outcome, permit) = decision.into_parts();
    let ids = first.map(|first| (EventId(first), EventId(first + events.len() as i64 - 1)));
    (Committed { outcome, permit, events: ids }, events)
}

/// Who is written under a request's events.
struct Signature {
    source: String,
    user_id: String,
    principal: calt_core::principal::PrincipalId,
    message_id: Option<String>,
}

impl Signature {
    fn of(caller: &Caller, claim: &Claim) -> Self {
        let own = if caller.kind == PrincipalKind::Daemon { "daemon" } else { "api" };
        Self {
            source: claim.source.clone().unwrap_or_else(|| own.to_owned()),
            user_id: claim.user_id.clone().unwrap_or_else(|| caller.principal.to_string()),
            principal: caller.principal.clone(),
            message_id: claim.message_id.clone(),
        }
    }
}

fn envelope(
    around: &mut Surroundings<'_>,
    by: &Signature,
    (id, place): (EventId, Option<(&SessionId, u64)>),
    facts: &Facts,
    event: NewEvent,
) -> Result<Envelope, StoreError> {
    let salt = around.chance.salt().map_err(|error| StoreError::Unavailable(format!("no chance: {error}")))?;
    let text_hash = text_hash(around.scratch, &salt, &event.summary, &event.payload_text);
    Ok(Envelope {
        id,
        session: place.map(|(session, _)| session.clone()),
        seq: place.map(|(_, seq)| seq),
        run: event.run,
        schema: SCHEMA,
        source: by.source.clone(),
        user_id: by.user_id.clone(),
        principal: by.principal.clone(),
        message_id: by.message_id.clone(),
        created_at: facts.now,
        fact: event.fact,
        salt: Some(salt),
        text_hash,
        summary: event.summary,
        payload_text: event.payload_text,
    })
}

/// Begins the transaction with the first event of the batch: a batch of reads and refusals needs none.
fn begin(connection: &Connection, overlay: &mut Overlay) -> Result<(), StoreError> {
    if !overlay.begun {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        overlay.begun = true;
    }
    Ok(())
}

fn append(around: &mut Surroundings<'_>, overlay: &mut Overlay, envelope: &Envelope) -> Result<(), StoreError> {
    let (facts, leaf) = seal(around.scratch, envelope);
    insert_event(around.connection, envelope, &facts, &leaf)?;
    overlay.tally.frontier.append(leaf);
    if let (Fact::StepStarted { .. }, Some(run)) = (&envelope.fact, envelope.run) {
        overlay.tally.next_run = overlay.tally.next_run.max(run.next().0);
    }
    if let Fact::ArtifactSaved { artifact, .. } = &envelope.fact {
        overlay.tally.next_artifact = overlay.tally.next_artifact.max(artifact.next().0);
    }
    overlay.a_session_ended |= matches!(envelope.fact, Fact::SessionStopped { .. } | Fact::SessionSucceeded { .. });
    if let Fact::CheckpointSigned { .. } = &envelope.fact {
        overlay.signed = Some(envelope.id);
    }
    Ok(())
}

fn masked_plan(command: &Command) -> Option<&Value> {
    if let Action::ImportPlan(import) = &command.action { Some(&import.masked) } else { None }
}
