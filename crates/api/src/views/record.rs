//! What the daemon answers about the record: events, what a search found, artifacts, checkpoints.

use serde::{Deserialize, Serialize};
use serde_json::Value;

reply! {
    /// An event whose text is gone.
    RedactedView {
        /// The event.
        event_id: i64,
        /// Its type.
        event_type: String,
        /// Its session.
        session_id: Option<String>,
        /// True; said again when it was gone before.
        redacted: bool,
    }
}

reply! {
    /// An event.
    EventView {
        /// Dense over the whole log, from 1.
        id: i64,
        /// The session; `null` for the daemon's own events.
        session_id: Option<String>,
        /// Dense in the session, from 1.
        seq: Option<u64>,
        /// The run.
        run_id: Option<i64>,
        /// Version of the form.
        schema: u32,
        /// What happened.
        event_type: String,
        /// The surface it came by.
        source: String,
        /// Who it is said to be.
        user_id: String,
        /// Who the credential proves.
        principal: String,
        /// The message that caused it.
        message_id: Option<String>,
        /// RFC 3339, UTC.
        created_at: String,
        /// Ids, digests, numbers and closed words.
        facts: Value,
        /// One line, masked.
        summary: String,
        /// JSON text, masked.
        payload_text: String,
        /// The event's leaf in the Merkle tree.
        leaf_hash: String,
    }
}

reply! {
    /// A stretch of text.
    StretchView {
        /// The first character, from 0.
        start: usize,
        /// The character behind the last one.
        end: usize,
    }
}

reply! {
    /// A hit in a field of an event.
    HighlightView {
        /// `event_type`, `summary`, `payload_text`.
        field: String,
        /// The hit's first character in the field, from 0. A character is a Unicode code point.
        start: usize,
        /// The character behind its last one.
        end: usize,
    }
}

reply! {
    /// A piece of a long field around a hit.
    ExcerptView {
        /// `payload_text`; `output` where the payload names only the artifact that holds the output.
        field: String,
        /// The piece on one line, JSON escapes resolved, masked.
        text: String,
        /// The hits in it.
        marks: Vec<StretchView>,
        /// Whether the field goes on before it.
        cut_before: bool,
        /// Whether the field goes on behind it.
        cut_after: bool,
    }
}

reply! {
    /// An event that a search found.
    FoundEvent {
        /// The event.
        #[serde(flatten)]
        event: EventView,
        /// Where type, summary and payload hold what was looked for; at most 32 a field. Empty without words.
        highlights: Vec<HighlightView>,
        /// Around the hit in the payload or in a long output; `null` where there is none.
        excerpt: Option<ExcerptView>,
    }
}

reply! {
    /// A page of a search.
    SearchPage {
        /// The hits, newest first.
        items: Vec<FoundEvent>,
        /// What `cursor` gives the next page; `null` at the end.
        next_cursor: Option<String>,
        /// Said when the index is missing and the log was scanned instead.
        notice: Option<String>,
    }
}

reply! {
    /// A file a run left behind.
    ArtifactView {
        /// Its number.
        id: i64,
        /// The run.
        run_id: i64,
        /// The step.
        step_id: String,
        /// `output`.
        kind: String,
        /// Where it is, from the data directory's own name on.
        path: String,
        /// SHA-256 of its bytes.
        sha256: String,
        /// How many bytes.
        bytes: u64,
        /// RFC 3339, UTC.
        created_at: String,
    }
}

reply! {
    /// A signed checkpoint of the log.
    CheckpointView {
        /// Its event in the log.
        event_id: i64,
        /// When it was signed, RFC 3339, UTC.
        signed_at: String,
        /// How many events it is over.
        size: u64,
        /// The root over them, 64 hexadecimal digits.
        root: String,
        /// The key's public half, as a signed note's verifier key.
        key: String,
        /// The signed note, to keep elsewhere.
        note: String,
    }
}
