//! The store as its callers hold it.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use calt_core::decide::{Action, Command, Facts, RosterCommand};
use calt_core::digest::Digest;
use calt_core::event::PAYLOAD_BYTES_MAX;
use calt_core::id::{EventId, SessionId};
use calt_core::roster::Roster;
use calt_core::session::Session;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use crate::batch::{Committed, Ready, Request};
use crate::error::{OpenError, StoreError, closed};
use crate::files::Files;
use crate::open::{OpenReport, Opened, StoreConfig, open};
use crate::sessions::Look;
use crate::shared::Shared;
use crate::writer::{Job, QUEUE_REQUESTS_MAX, Write, Writer};
use crate::{log, projection, schema};

/// How much longer a payload is than the masked plan in it, at least; a masked plan this close to the limit gets a file.
const MASKED_PLAN_MARGIN_BYTES: usize = 16 * 1024;

/// The log, the read model and the files. Cheap to clone; the writer ends with the last clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    queue: Mutex<Option<SyncSender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Why it only reads, when it does.
    read_only: Option<StoreError>,
}

impl Store {
    /// Opens a store, making what is missing and putting right what a crash left.
    ///
    /// # Errors
    /// [`OpenError`] when the file is somebody else's, too new, damaged, or cannot be opened.
    pub fn open(config: &StoreConfig) -> Result<(Self, OpenReport), OpenError> {
        let Opened { writer, shared, report } = open(config)?;
        let (queue, jobs) = sync_channel(QUEUE_REQUESTS_MAX);
        let thread = std::thread::Builder::new()
            .name("calt-writer".to_owned())
            .spawn(move || writer.run(&jobs))
            .map_err(|reason| OpenError::Files { path: config.database.clone(), reason })?;
        let inner = Inner {
            shared,
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(thread)),
            read_only: report.read_only(),
        };
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// Decides a session's command and gives the outcome out once it is durable.
    ///
    /// `facts.next_run` and `facts.next_artifact` are set here; the caller's are not looked at.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of the command is in the log.
    pub async fn submit(&self, session: &SessionId, command: Command, facts: Facts) -> Result<Committed, StoreError> {
        self.writable()?;
        if !matches!(command.action, Action::CreateSession(_)) {
            // The writer would read a cold session itself and keep everybody waiting.
            let known = self.session_state(session).await?.is_some();
            if known && let Action::ImportPlan(import) = &command.action {
                self.keep_masked_plan(session, import.plan.version(), Arc::clone(&import.masked)).await?;
            }
        }
        let (command, facts) = (Box::new(command), Box::new(facts));
        self.decide(Request::Session { session: session.clone(), command, facts }).await
    }

    /// Decides about people, credentials and the daemon's own entries.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of the command is in the log.
    pub async fn submit_roster(&self, command: RosterCommand, facts: Facts) -> Result<Committed, StoreError> {
        self.writable()?;
        self.decide(Request::Roster { command: Box::new(command), facts: Box::new(facts) }).await
    }

    async fn decide(&self, request: Request) -> Ready {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Decide(Write { request, answer }))?;
        answered.await.map_err(|_| closed())?
    }

    /// Whether the log can be added to, as far as its state at the opening says.
    ///
    /// # Errors
    /// [`StoreError::Behind`] or [`StoreError::Corrupt`] when it only reads.
    pub fn writable(&self) -> Result<(), StoreError> {
        self.inner.read_only.clone().map_or(Ok(()), Err)
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().ok_or_else(closed)?.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    /// Writes the masked plan beside the database when its event cannot hold it, before the event commits.
    async fn keep_masked_plan(
        &self,
        session: &SessionId,
        version: u32,
        masked: Arc<serde_json::Value>,
    ) -> Result<(), StoreError> {
        let (files, session) = (self.inner.shared.files.clone(), session.clone());
        on_blocking_thread(move || {
            let text = masked.to_string();
            if text.len() + MASKED_PLAN_MARGIN_BYTES <= PAYLOAD_BYTES_MAX {
                return Ok(());
            }
            files.make_session(&session)?;
            let digest = Digest::of_bytes(text.as_bytes());
            Ok(files.write_masked_plan(&session, version, digest, text.as_bytes())?)
        })
        .await
    }

    /// A session as of the last commit, from memory or by replay; `None` when the log knows no such session.
    ///
    /// Let go of it before you submit: the writer changes a state nobody else holds and copies one that is held.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read or does not fit.
    pub async fn session_state(&self, id: &SessionId) -> Result<Option<Arc<Session>>, StoreError> {
        loop {
            let settling = self.inner.shared.sessions.settling();
            match self.inner.shared.sessions.look(id) {
                Look::Warm(session) => return Ok(Some(session)),
                Look::Taken => settling.await,
                Look::Cold(departures) => {
                    let (shared, id) = (Arc::clone(&self.inner.shared), id.clone());
                    return on_blocking_thread(move || {
                        let state = shared.readers.read(|connection| log::replay(connection, &id))?.map(Arc::new);
                        if let Some(session) = &state {
                            shared.sessions.keep(session, departures);
                        }
                        Ok(state)
                    })
                    .await;
                }
            }
        }
    }

    /// Everyone the daemon knows, as of the last commit.
    pub fn roster(&self) -> Arc<Roster> {
        self.inner.shared.roster()
    }

    /// The newest event's id; changes after the callers of a commit were answered.
    pub fn committed(&self) -> watch::Receiver<EventId> {
        self.inner.shared.committed.subscribe()
    }

    /// Completes when a checkpoint is due: many events came, or a session ended, since somebody last waited here.
    pub async fn checkpoint_due(&self) {
        self.inner.shared.checkpoints.due().await;
    }

    /// The event of the newest checkpoint; 0 when none was ever signed.
    pub fn newest_checkpoint(&self) -> EventId {
        EventId(self.inner.shared.checkpoints.signed())
    }

    /// The files beside the database.
    pub fn files(&self) -> &Files {
        &self.inner.shared.files
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.inner.shared.database.clone()
    }

    /// Asks a question of this store on a blocking thread.
    ///
    /// # Errors
    /// The question's own.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        on_blocking_thread(move || question(&store)).await
    }

    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.inner.shared.readers.read(question)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Runs work on the writer's connection, between batches.
    pub(crate) async fn maintain<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Maintain(Box::new(move |writer| {
            let _ = answer.send(work(writer));
        })))?;
        answered.await.map_err(|_| closed())?
    }

    /// Drops the read model and makes it again from the log. Readers see the old one until it is whole.
    ///
    /// # Errors
    /// [`StoreError`]; then the read model is as before.
    pub async fn rebuild(&self) -> Result<(), StoreError> {
        self.writable()?;
        self.maintain(|writer| {
            let tools = crate::read::tools(&writer.connection)?;
            let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            projection::rebuild(&transaction, &writer.shared.files)?;
            crate::read::write_tools(&transaction, &tools)?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Drops the search index and begins it anew; search reads the log until it has caught up.
    ///
    /// # Errors
    /// [`StoreError`]; then the index is as before.
    pub async fn rebuild_index(&self) -> Result<(), StoreError> {
        self.maintain(|writer| {
            let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            schema::create_index(&transaction)?;
            transaction.commit()?;
            writer.indexed = Some(0);
            Ok(())
        })
        .await
    }

    /// Makes the next commit of events fail.
    #[cfg(feature = "test-faults")]
    pub fn fail_next_commit(&self) -> Result<(), StoreError> {
        self.send(Job::FailNextCommit)
    }

    /// Makes the database as large as it may get, or lets it grow again: a full disk, for tests.
    #[cfg(feature = "test-faults")]
    pub async fn limit_size(&self, limited: bool) -> Result<(), StoreError> {
        self.maintain(move |writer| {
            let pages: i64 = writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let limit = if limited { pages } else { i64::from(u32::MAX) - 1 };
            Ok(writer.connection.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()))?)
        })
        .await
    }

    /// Ends the writer and waits for it: everything queued is written, the index caught up, the WAL taken in.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Unavailable(format!("a reader ended early: {error}"))),
    }
}
