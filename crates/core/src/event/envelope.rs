//! An event's place in the log, and what it is hashed to.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Fact;
use crate::digest::{Digest, canonical_json};
use crate::id::{EventId, RunId, SessionId};
use crate::merkle;
use crate::principal::PrincipalId;
use crate::time::Timestamp;

/// Bytes of chance that keep an event's text from being guessed from its hash.
pub const SALT_BYTES: usize = 16;

/// An event as decided: not numbered yet, not in the log yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// What happened.
    pub fact: Fact,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// One line, masked.
    pub summary: String,
    /// JSON text, masked, at most [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    pub payload_text: String,
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Dense over the whole log, from 1.
    pub id: EventId,
    /// The session; `None` for the daemon's own events.
    pub session: Option<SessionId>,
    /// Dense in the session, from 1.
    pub seq: Option<u64>,
    /// The run.
    pub run: Option<RunId>,
    /// Version of this form.
    pub schema: u32,
    /// The surface it came by.
    pub source: String,
    /// Who it is said to be.
    pub user_id: String,
    /// Who the credential proves.
    pub principal: PrincipalId,
    /// The message that caused it.
    pub message_id: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// What happened.
    pub fact: Fact,
    /// Chance, cleared with the text.
    pub salt: Option<[u8; SALT_BYTES]>,
    /// `SHA-256(salt ‖ JCS([summary, payload_text]))`, kept for ever.
    pub text_hash: Digest,
    /// One line, masked.
    pub summary: String,
    /// JSON text, masked.
    pub payload_text: String,
}

/// Hashes an event's text with its salt.
pub fn text_hash(salt: &[u8; SALT_BYTES], summary: &str, payload_text: &str) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(canonical_json(&json!([summary, payload_text])));
    Digest::from_bytes(hasher.finalize().into())
}

impl Envelope {
    /// The event's leaf in the Merkle tree: `SHA-256(0x00 ‖ JCS(envelope without text, facts, text_hash))`.
    pub fn leaf_hash(&self) -> Digest {
        merkle::leaf_hash(&canonical_json(&json!({
            "id": self.id,
            "session_id": self.session,
            "seq": self.seq,
            "run_id": self.run,
            "schema": self.schema,
            "event_type": self.fact.event_type(),
            "source": self.source,
            "user_id": self.user_id,
            "principal": self.principal,
            "message_id": self.message_id,
            "created_at": self.created_at,
            "facts": self.fact.facts(),
            "text_hash": self.text_hash,
        })))
    }
}
