//! Sealing events and writing their rows.
//!
//! The hashes are core's, byte for byte (a test compares them); here the canonical JSON is put together
//! from parts that are canonical already, which is what lets the log keep up with a disk.

use std::io::Write as _;

use calt_core::digest::{Digest, canonical_json};
use calt_core::event::{Envelope, SALT_BYTES};
use calt_core::id::SessionId;
use calt_core::merkle;
use rusqlite::{Connection, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Bytes of chance asked of the system at once: 256 salts.
const CHANCE_BYTES: usize = 256 * SALT_BYTES;
/// Largest integer that canonical JSON writes as it is (RFC 8785, appendix D): 2^53 − 1.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Chance for salts, asked of the system in large pieces.
pub(crate) struct Chance {
    bytes: Vec<u8>,
    used: usize,
}

impl Chance {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; CHANCE_BYTES], used: CHANCE_BYTES }
    }

    pub(crate) fn salt(&mut self) -> Result<[u8; SALT_BYTES], getrandom::Error> {
        if self.used == CHANCE_BYTES {
            getrandom::fill(&mut self.bytes)?;
            self.used = 0;
        }
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&self.bytes[self.used..self.used + SALT_BYTES]);
        self.used += SALT_BYTES;
        Ok(salt)
    }
}

/// `SHA-256(salt ‖ JCS([summary, payload_text]))`.
pub(crate) fn text_hash(scratch: &mut Vec<u8>, salt: &[u8; SALT_BYTES], summary: &str, payload_text: &str) -> Digest {
    scratch.clear();
    scratch.extend_from_slice(salt);
    scratch.push(b'[');
    push_text(scratch, summary);
    scratch.push(b',');
    push_text(scratch, payload_text);
    scratch.push(b']');
    Digest::from_bytes(Sha256::digest(&*scratch).into())
}

/// The facts as text for the row, and the event's leaf.
pub(crate) fn seal(scratch: &mut Vec<u8>, envelope: &Envelope) -> (String, Digest) {
    let facts = envelope.fact.facts();
    let text = if is_canonical(&facts) {
        facts.to_string()
    } else {
        String::from_utf8(canonical_json(&facts)).expect("JSON is UTF-8")
    };
    scratch.clear();
    scratch.extend_from_slice(b"{\"created_at\":\"");
    push_display(scratch, envelope.created_at);
    scratch.extend_from_slice(b"\",\"event_type\":\"");
    scratch.extend_from_slice(envelope.fact.event_type().as_bytes());
    scratch.extend_from_slice(b"\",\"facts\":");
    scratch.extend_from_slice(text.as_bytes());
    scratch.extend_from_slice(b",\"id\":");
    push_display(scratch, envelope.id);
    scratch.extend_from_slice(b",\"message_id\":");
    push_optional_text(scratch, envelope.message_id.as_deref());
    scratch.extend_from_slice(b",\"principal\":");
    push_text(scratch, envelope.principal.as_str());
    scratch.extend_from_slice(b",\"run_id\":");
    push_optional(scratch, envelope.run);
    scratch.extend_from_slice(b",\"schema\":");
    push_display(scratch, envelope.schema);
    scratch.extend_from_slice(b",\"seq\":");
    push_optional(scratch, envelope.seq);
    scratch.extend_from_slice(b",\"session_id\":");
    push_optional_text(scratch, envelope.session.as_ref().map(SessionId::as_str));
    scratch.extend_from_slice(b",\"source\":");
    push_text(scratch, &envelope.source);
    scratch.extend_from_slice(b",\"text_hash\":\"");
    push_display(scratch, envelope.text_hash);
    scratch.extend_from_slice(b"\",\"user_id\":");
    push_text(scratch, &envelope.user_id);
    scratch.push(b'}');
    (text, merkle::leaf_hash(scratch))
}

/// Whether plain serialization already is RFC 8785: sorted keys, integers only, none too large.
fn is_canonical(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => {
            number.as_u64().is_some_and(|n| n <= INTEGER_MAX)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX)
        }
        Value::Array(items) => items.iter().all(is_canonical),
        Value::Object(fields) => {
            fields.keys().all(|key| key.is_ascii()) && fields.keys().is_sorted() && fields.values().all(is_canonical)
        }
    }
}

pub(crate) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(bytes, text).expect("a string is always written to memory");
}

fn push_optional_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_text(bytes, text),
        None => bytes.extend_from_slice(b"null"),
    }
}

pub(crate) fn push_display(bytes: &mut Vec<u8>, shown: impl std::fmt::Display) {
    write!(bytes, "{shown}").expect("memory takes every byte");
}

fn push_optional(bytes: &mut Vec<u8>, shown: Option<impl std::fmt::Display>) {
    match shown {
        Some(shown) => push_display(bytes, shown),
        None => bytes.extend_from_slice(b"null"),
    }
}

/// Writes one row of the log.
pub(crate) fn insert_event(
    connection: &Connection,
    envelope: &Envelope,
    facts: &str,
    leaf: &Digest,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO events (id, session_id, seq, run_id, schema, event_type, source, user_id, principal, message_id,
                             created_at, facts, salt, text_hash, summary, payload_text, leaf_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?;
    statement.execute(params![
        envelope.id.0,
        envelope.session.as_ref().map(SessionId::as_str),
        envelope.seq.map(|seq| seq as i64),
        envelope.run.map(|run| run.0),
        envelope.schema,
        envelope.fact.event_type(),
        envelope.source,
        envelope.user_id,
        envelope.principal.as_str(),
        envelope.message_id,
        envelope.created_at.to_string(),
        facts,
        envelope.salt,
        envelope.text_hash.as_bytes(),
        envelope.summary,
        envelope.payload_text,
        leaf.as_bytes(),
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use calt_core::event::{Fact, Mode, Profile, SCHEMA, WorkspaceIdentity};
    use calt_core::id::{EventId, RunId};
    use calt_core::principal::PrincipalId;
    use calt_core::time::Timestamp;
    use proptest::prelude::*;

    fn envelope(texts: (String, String, String), numbers: (i64, u64, u64), session: bool) -> Envelope {
        let workspace = WorkspaceIdentity::Attach { name: texts.0.clone(), inode: numbers.1, born_micros: numbers.0 };
        Envelope {
            id: EventId(numbers.0.abs() + 1),
            session: session.then(|| SessionId::parse("session_a").unwrap()),
            seq: session.then_some(numbers.2),
            run: session.then_some(RunId(7)),
            schema: SCHEMA,
            source: texts.1,
            user_id: texts.2.clone(),
            principal: PrincipalId::owner(),
            message_id: session.then_some(texts.2),
            created_at: Timestamp::from_micros(numbers.0),
            fact: Fact::SessionCreated { mode: Mode::Normal, profile: Profile::Dev, workspace },
            salt: Some([3; SALT_BYTES]),
            text_hash: Digest::of_bytes(b"text"),
            summary: String::new(),
            payload_text: String::new(),
        }
    }

    proptest! {
        #[test]
        fn the_hashes_are_cores(
            texts in any::<(String, String, String)>(),
            numbers in (-4_000_000_000_000_000_i64..4_000_000_000_000_000, any::<u64>(), 1_u64..1_000_000),
            session in any::<bool>(),
        ) {
            let mut scratch = Vec::new();
            let salt = [9; SALT_BYTES];
            prop_assert_eq!(
                text_hash(&mut scratch, &salt, &texts.0, &texts.1),
                calt_core::event::text_hash(&salt, &texts.0, &texts.1)
            );
            let envelope = envelope(texts, numbers, session);
            let (facts, leaf) = seal(&mut scratch, &envelope);
            prop_assert_eq!(leaf, envelope.leaf_hash());
            prop_assert_eq!(Fact::read("session_created", serde_json::from_str(&facts).unwrap()).unwrap(), envelope.fact);
        }
    }
}
