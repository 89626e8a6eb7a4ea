//! The one thread that writes: it drains a bounded queue into one transaction, commits, then answers all.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use calt_core::moment::{Moment, pass};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::append::Chance;
use crate::batch::{Overlay, Ready, Request, Surroundings, Tally, process};
use crate::checkpoint::Checkpointer;
use crate::error::StoreError;
use crate::head::{Head, HeadFile};
use crate::projection::write_log_state;
use crate::search;
use crate::shared::Shared;

/// Most requests that wait for the writer; one more is told to come back.
pub const QUEUE_REQUESTS_MAX: usize = 1024;
/// Most requests in one transaction, so that a flood does not keep the first of it waiting.
const BATCH_REQUESTS_MAX: usize = 256;
/// How long the queue must be empty before the index is carried on: a client that answers at once is not kept.
const INDEX_QUIET: Duration = Duration::from_millis(8);
/// Events indexed at once while nobody waits; a request that comes meanwhile waits for so many.
const INDEX_EVENTS_IDLE: u32 = 128;
/// Events the index may lag behind under load. A search reads them, at about 2 µs each.
const INDEX_TAIL_EVENTS_MAX: i64 = 32 * 1024;
/// Events indexed after a batch when the tail is at its limit.
const INDEX_EVENTS_LOADED: u32 = 128;
/// How long after a failure that may pass the index is tried again.
const INDEX_REST: Duration = Duration::from_secs(1);
/// How long nothing must happen before the WAL is taken in and cut.
const TRUNCATE_QUIET: Duration = Duration::from_secs(3);

/// What the writer is handed.
pub(crate) enum Job {
    Decide(Write),
    /// Something that wants the connection for itself, in a transaction of its own.
    Maintain(Box<dyn FnOnce(&mut Writer) + Send>),
    #[cfg(feature = "test-faults")]
    FailNextCommit,
}

/// A request and who waits for its answer.
pub(crate) struct Write {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Ready>,
}

/// The writer's own: nobody else touches any of it.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tally: Tally,
    pub(crate) head: Option<HeadFile>,
    pub(crate) chance: Chance,
    pub(crate) scratch: Vec<u8>,
    pub(crate) checkpointer: Checkpointer,
    /// Up to which event the index has come; `None` when it cannot be written.
    pub(crate) indexed: Option<i64>,
    /// Until when nothing is indexed, after the disk was full.
    pub(crate) index_rests_until: Option<Instant>,
    #[cfg(feature = "test-faults")]
    pub(crate) fail_next_commit: bool,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self, queue: &Receiver<Job>) {
        let mut waiting = VecDeque::with_capacity(BATCH_REQUESTS_MAX);
        while let Some(job) = self.next_job(queue) {
            let mut next = Some(job);
            while let Some(job) = next.take() {
                let Job::Decide(write) = job else {
                    self.do_other(job);
                    break;
                };
                waiting.push_back(write);
                next = gather(queue, &mut waiting);
                self.write(&mut waiting);
            }
            if self.index_tail() > INDEX_TAIL_EVENTS_MAX {
                self.index(INDEX_EVENTS_LOADED);
            }
            self.checkpointer.look(&self.connection);
        }
        // A clean end leaves a log whose index is whole and whose WAL is taken in.
        while self.index_tail() > 0 {
            self.index(INDEX_EVENTS_IDLE);
        }
        self.checkpointer.truncate(&self.connection);
    }

    /// Waits for work, and uses the quiet for the index and the WAL.
    fn next_job(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        let mut quiet_since = Instant::now();
        loop {
            self.index_rests_until = self.index_rests_until.filter(|until| Instant::now() < *until);
            let rests = self.index_rests_until.is_some();
            let patience = if self.index_tail() > 0 { INDEX_QUIET } else { TRUNCATE_QUIET };
            let job = if self.index_tail() > 0 || self.checkpointer.has_work() || rests {
                match queue.recv_timeout(patience) {
                    Ok(job) => Some(job),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            } else {
                return queue.recv().ok();
            };
            if job.is_some() {
                return job;
            }
            while self.index_tail() > 0 {
                self.index(INDEX_EVENTS_IDLE);
                match queue.try_recv() {
                    Ok(job) => return Some(job),
                    Err(TryRecvError::Empty) => {}
                    Err(TryRecvError::Disconnected) => return None,
                }
            }
            if quiet_since.elapsed() >= TRUNCATE_QUIET {
                self.checkpointer.truncate(&self.connection);
                let _ = self.connection.release_memory();
                quiet_since = Instant::now();
            }
        }
    }

    fn do_other(&mut self, job: Job) {
        match job {
            Job::Decide(write) => self.write(&mut VecDeque::from([write])),
            Job::Maintain(work) => work(self),
            #[cfg(feature = "test-faults")]
            Job::FailNextCommit => self.fail_next_commit = true,
        }
    }

    /// Decides and commits what waits, then answers.
    fn write(&mut self, waiting: &mut VecDeque<Write>) {
        match self.attempt(waiting.make_contiguous()) {
            Ok(results) => answer(waiting.drain(..), results),
            Err(Failure::Commit(error) | Failure::Before(error @ (StoreError::Full | StoreError::Unavailable(_)))) => {
                tracing::error!(%error, requests = waiting.len(), "a commit failed; its requests are told so");
                let results = waiting.iter().map(|_| Err(error.clone())).collect();
                answer(waiting.drain(..), results);
            }
            Err(Failure::Before(error)) => {
                tracing::error!(%error, requests = waiting.len(), "a request could not be written");
                if let [_] = waiting.make_contiguous() {
                    answer(waiting.drain(..), vec![Err(error)]);
                    return;
                }
                while let Some(write) = waiting.pop_front() {
                    self.write(&mut VecDeque::from([write]));
                }
            }
        }
        self.shared.publish(self.tally.frontier.size());
    }

    /// One transaction over these requests. On an error everything is as before it.
    fn attempt(&mut self, writes: &mut [Write]) -> Result<Vec<Ready>, Failure> {
        let mut overlay = Overlay::new(self.tally.clone());
        let roster = self.shared.roster();
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let mut around = Surroundings {
                connection: &self.connection,
                sessions: &self.shared.sessions,
                roster: &roster,
                chance: &mut self.chance,
                scratch: &mut self.scratch,
            };
            writes.iter_mut().map(|write| process(&mut around, &mut overlay, &mut write.request)).collect()
        }));
        let results: Result<Vec<Ready>, StoreError> =
            decided.unwrap_or_else(|_| Err(StoreError::Corrupt("a rule panicked; see the daemon's log".to_owned())));
        let outcome = match results {
            Ok(results) if !overlay.begun() => Ok(results),
            Ok(results) => self.commit(&overlay).map(|()| results).map_err(Failure::Commit),
            Err(error) => Err(Failure::Before(error)),
        };
        match outcome {
            Ok(results) => {
                self.settle(overlay);
                Ok(results)
            }
            Err(failure) => {
                if !self.connection.is_autocommit() {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                self.shared.sessions.settle(overlay.taken.into_keys().map(|id| (id, None)));
                Err(failure)
            }
        }
    }

    fn commit(&mut self, overlay: &Overlay) -> Result<(), StoreError> {
        let tally = &overlay.tally;
        write_log_state(&self.connection, &tally.frontier, tally.next_run, tally.next_artifact)?;
        #[cfg(feature = "test-faults")]
        if std::mem::take(&mut self.fail_next_commit) {
            self.connection.execute_batch(
                "PRAGMA defer_foreign_keys = ON;
                 INSERT INTO artifacts (id, session_id, run_id, step_id, kind, path, sha256, bytes, created_at)
                 VALUES (-1, 'nobody', -1, '', '', '', '', 0, '')",
            )?;
        }
        pass(Moment::BeforeAppend);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        pass(Moment::AfterAppend);
        Ok(())
    }

    /// Takes the batch's state as the state.
    fn settle(&mut self, overlay: Overlay) {
        if overlay.begun() {
            self.tally = overlay.tally;
            let head = Head::of(&self.tally.frontier);
            if let Some(Err(error)) = self.head.as_mut().map(|file| file.write(&head)) {
                tracing::warn!(%error, "the side file could not be written");
            }
            if let Some(event) = overlay.signed {
                self.shared.checkpoints.signed_at(event.0);
            }
            self.shared.checkpoints.grown_to(self.tally.frontier.size() as i64, overlay.a_session_ended);
            pass(Moment::HeadNoted);
        }
        if let Some(roster) = overlay.roster {
            self.shared.replace_roster(roster);
        }
        self.shared.sessions.settle(overlay.taken);
    }

    fn index_tail(&self) -> i64 {
        if self.index_rests_until.is_some() {
            return 0;
        }
        self.indexed.map_or(0, |indexed| self.tally.frontier.size() as i64 - indexed)
    }

    /// Carries the index on by some events, in a transaction of its own.
    ///
    /// It commits with `synchronous=NORMAL`, that is without an fsync of the WAL. Nothing acknowledged hangs on
    /// it: the next commit of events appends its frames behind these and syncs the same file, so a commit that is
    /// durable makes them durable too; and if power goes before that, recovery ends the WAL before the index's
    /// frames, where no acknowledged frame follows, and the tail is indexed again.
    fn index(&mut self, events: u32) {
        let indexed = self.index_unsynced(events);
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        match indexed {
            Ok(last) => (self.indexed, self.index_rests_until) = (Some(last), None),
            Err(error @ StoreError::Full) => {
                tracing::warn!(%error, "the search index cannot be carried on now; search reads the events it lacks");
                self.index_rests_until = Some(Instant::now() + INDEX_REST);
            }
            Err(error) => {
                tracing::error!(%error, "the search index cannot be written; search reads the log until `calt record rebuild-index`");
                self.indexed = None;
            }
        }
        self.shared.indexed.store(self.indexed.unwrap_or(-1), Ordering::Relaxed);
        if let Err(error) = self.connection.execute_batch("PRAGMA synchronous = FULL") {
            // Not one more commit may go without its fsync.
            tracing::error!(%error, "the connection could not be set back to full durability");
            std::process::abort();
        }
    }

    fn index_unsynced(&mut self, events: u32) -> Result<i64, StoreError> {
        self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let last = search::index_some(&transaction, &self.shared.files, events)?;
        pass(Moment::BeforeIndexCommit);
        transaction.commit()?;
        pass(Moment::AfterIndexCommit);
        Ok(last)
    }
}

enum Failure {
    /// Before the commit: one request may be to blame.
    Before(StoreError),
    /// At the commit: all of them.
    Commit(StoreError),
}

/// Takes what is queued, without waiting; stops at a job that is not a request.
fn gather(queue: &Receiver<Job>, waiting: &mut VecDeque<Write>) -> Option<Job> {
    while waiting.len() < BATCH_REQUESTS_MAX {
        match queue.try_recv() {
            Ok(Job::Decide(write)) => waiting.push_back(write),
            Ok(other) => return Some(other),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    None
}

fn answer(writes: impl Iterator<Item = Write>, results: Vec<Ready>) {
    for (write, result) in writes.zip(results) {
        // Whoever asked may be gone; what was decided stands all the same.
        let _ = write.answer.send(result);
    }
}
