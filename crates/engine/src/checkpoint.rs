//! Signs checkpoints: when many events came, when a session ends, after a while with news, and at a clean end.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use calt_core::checkpoint::{Checkpoint, SigningKey, origin};
use calt_core::decide::RosterAction;
use calt_core::merkle::Frontier;
use calt_core::{Digest, EventId, Refusal, SessionId};
use calt_store::{CheckpointRow, Store, StoreError, append_note};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::chance;
use crate::engine::{Asker, Engine, Fault, Inner, blocking, io_fault};

/// How long news may wait for a checkpoint.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(10);
/// The least time between two checkpoints: sessions that end together share one.
const CHECKPOINT_REST: Duration = Duration::from_secs(1);

/// A record on its way out: what [`calt_store::Store::export`] is asked for.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The session.
    pub session: SessionId,
    /// Its newest event that goes along.
    pub last_seq: u64,
    /// The `record_exported`.
    pub closing: EventId,
    /// A checkpoint that covers it.
    pub checkpoint: CheckpointRow,
}

/// The seed of the key of this log: read, or made where there is none and the log is written. `None` where it only reads
/// and there is none that could be read.
pub(crate) fn record_seed(store: &Store, data_root: &Path) -> Result<Option<[u8; 32]>, Fault> {
    if store.writable().is_err() {
        return Ok(store.files().kept_record_key().ok().flatten());
    }
    let chance = chance::seed().map_err(|error| Fault::Internal(format!("no chance to be had: {error}")))?;
    let kept = store.files().record_key(chance);
    let (seed, is_new) =
        kept.map_err(|error| io_fault("cannot keep the key that signs checkpoints in", data_root, &error))?;
    if is_new && store.newest_checkpoint() != EventId(0) {
        tracing::warn!("the key that signs checkpoints was gone; a new one signs from now on");
    }
    Ok(Some(seed))
}

/// How a seed may stand in a text: its file holds it in small digits.
pub(crate) fn as_secrets(seed: [u8; 32]) -> [String; 2] {
    let digits = Digest::from_bytes(seed).to_string();
    [digits.to_uppercase(), digits]
}

impl Engine {
    /// Makes the key of this log ready to sign.
    pub(crate) fn keep_record_key(&self, seed: [u8; 32]) -> Result<(), Fault> {
        let first = self.store().event(EventId(1))?;
        let first = first.ok_or_else(|| StoreError::Corrupt("it has no first event".to_owned()))?;
        let key = SigningKey::from_seed(&origin(first.leaf_hash), &seed)
            .ok_or_else(|| Fault::Internal("the log's name cannot stand in a note".to_owned()))?;
        // Set once, at the opening.
        let _ = self.inner.record_key.set(key);
        Ok(())
    }

    /// Signs a checkpoint over the log as it is, if anything came since the last one; gives the newest.
    ///
    /// # Errors
    /// [`Fault`] when the log cannot be read or written.
    pub async fn sign_checkpoint(&self) -> Result<CheckpointRow, Fault> {
        self.store().writable()?;
        let key =
            self.inner.record_key.get().ok_or_else(|| Fault::Internal("there is no key to sign with".to_owned()))?;
        let _turn = self.inner.signing.acquire().await.map_err(|error| Fault::Internal(error.to_string()))?;
        let (tree, newest) = self.tree_and_newest().await?;
        // A checkpoint that was signed while events came does not cover those between its size and itself.
        let covered = newest.as_ref().is_some_and(|newest| newest.size + 1 >= newest.event.0 as u64);
        if let Some(newest) = newest.filter(|newest| covered && newest.event.0 as u64 == tree.size()) {
            return Ok(newest);
        }
        let verifier = key.verifier();
        let checkpoint = Checkpoint { origin: verifier.name().to_owned(), size: tree.size(), root: tree.root() };
        let note = checkpoint.sign(key);
        self.submit_roster(RosterAction::SignCheckpoint { tree, key: verifier, note: note.clone() }).await?;
        if let Some(path) = self.inner.checkpoint_file.clone() {
            let copy = note.clone();
            let written = blocking(move || append_note(&path, &copy).map_err(|error| (path, error))).await?;
            if let Err((path, error)) = written {
                tracing::warn!("the checkpoint could not be written to `{}`: {error}", path.display());
            }
        }
        let (_, newest) = self.tree_and_newest().await?;
        newest.ok_or_else(|| Fault::Internal("a checkpoint that was signed is not in the log".to_owned()))
    }

    async fn tree_and_newest(&self) -> Result<(Frontier, Option<CheckpointRow>), Fault> {
        let store = self.store().clone();
        let read = move || Ok::<_, StoreError>((store.tree()?, store.checkpoints(Some(1), None)?.into_iter().next()));
        Ok(blocking(read).await??)
    }

    /// Records that somebody takes a session's record away, and signs a checkpoint that covers it.
    ///
    /// # Errors
    /// [`Fault`] when there is no such session, or the log cannot be written.
    pub async fn export_record(&self, by: Asker, session: &SessionId) -> Result<Exported, Fault> {
        let known = self.store().session_state(session).await?;
        let last_seq = known.map(|known| known.seq());
        let last_seq = last_seq.ok_or_else(|| Refusal::SessionNotFound { session: session.to_string() })?;
        let action = RosterAction::ExportRecord { session: session.clone(), last_seq };
        let (_, closing) = self.submit_roster_for_event(by, action).await?;
        let checkpoint = self.sign_checkpoint().await?;
        Ok(Exported { session: session.clone(), last_seq, closing, checkpoint })
    }

    /// Goes on until the engine closes.
    pub(crate) fn sign_checkpoints_when_due(&self) {
        let (store, closing) = (self.store().clone(), self.inner.closing.clone());
        let engine: Weak<Inner> = Arc::downgrade(&self.inner);
        let keeping = async move {
            let mut while_with_news = interval(CHECKPOINT_EVERY);
            while_with_news.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while_with_news.reset();
            loop {
                tokio::select! {
                    () = store.checkpoint_due() => {}
                    _ = while_with_news.tick() => {}
                }
                let Some(inner) = engine.upgrade() else { return };
                if let Err(fault) = (Self { inner }).sign_checkpoint().await {
                    tracing::warn!("a checkpoint could not be signed: {fault}");
                }
                while_with_news.reset();
                sleep(CHECKPOINT_REST).await;
            }
        };
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = keeping => {}
            }
        });
    }
}
