//! The record of one session in a file that proves itself: checked with nothing but its own lines.
//!
//! One JSON object a line. First the header with a signed checkpoint; then each event of the session, oldest first,
//! and the `record_exported` that closes them, each with its proof of inclusion; then the files the events name by
//! digest; last a line that counts them. `docs/record-format.md` describes every field.
//!
//! A line has one spelling, canonical JSON, and exactly the keys of its kind: so no byte of the file is without meaning,
//! and whichever is changed shows.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::checkpoint::{Checkpoint, SignedCheckpoint, VerifierKey};
use crate::digest::{Digest, canonical_json};
use crate::event::{Envelope, Fact, SALT_BYTES, text_hash};
use crate::id::{EventId, RunId, SessionId};
use crate::merkle::{self, InclusionProof};
use crate::oracle;
use crate::principal::PrincipalId;
use crate::time::Timestamp;

/// The form of the file, in its header.
pub const EXPORT_FORMAT: &str = "calt record v1";
/// The keys of an event that are in its leaf; its text is there by `text_hash`.
pub const LEAF_KEYS: [&str; 13] = [
    "created_at",
    "event_type",
    "facts",
    "id",
    "message_id",
    "principal",
    "run_id",
    "schema",
    "seq",
    "session_id",
    "source",
    "text_hash",
    "user_id",
];
/// The keys of an event's text, beside those of its leaf.
const TEXT_KEYS: [&str; 3] = ["payload_text", "salt", "summary"];
const HEADER_KEYS: [&str; 5] = ["checkpoint", "format", "key", "origin", "session"];
const FILE_KEYS: [&str; 4] = ["base64", "kind", "name", "sha256"];
const END_KEYS: [&str; 2] = ["events", "files"];

/// Why a file is not the record of a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ExportFault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
    /// The event it is about.
    pub event: Option<EventId>,
}

/// What a file proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSummary {
    /// The session.
    pub session: SessionId,
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// Whose signature it is.
    pub key: String,
    /// How many events were proven.
    pub events: u64,
    /// How many files.
    pub files: u64,
    /// Events whose text was cleared before the export.
    pub cleared: Vec<EventId>,
    /// Files that events name by digest and that do not go along.
    pub absent: Vec<String>,
}

/// A file that an event names by its digest: an output, or a plan that its event could not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedFile {
    kind: &'static str,
    name: String,
    sha256: Digest,
}

/// Reads a file line by line. Nothing is proven before [`ExportReader::finish`] says so.
#[derive(Clone, Debug, Default)]
pub struct ExportReader {
    pinned: Option<VerifierKey>,
    header: Option<Header>,
    line: usize,
    /// The events so far, without their texts: a long session's would take memory for nothing.
    events: Vec<Envelope>,
    cleared: Vec<EventId>,
    /// What the events name, in their order; a file takes its own name and those before it away.
    named: VecDeque<NamedFile>,
    absent: Vec<String>,
    file_count: u64,
    has_ended: bool,
}

#[derive(Clone, Debug)]
struct Header {
    session: SessionId,
    checkpoint: Checkpoint,
    key: VerifierKey,
}

impl ExportReader {
    /// A reader. With a key, only that key's signature counts; without one, the file's own key, which proves no more
    /// than that the file holds together.
    pub fn new(pinned: Option<VerifierKey>) -> Self {
        Self { pinned, ..Self::default() }
    }

    /// Takes the next line, with the newline that ends it.
    ///
    /// # Errors
    /// [`ExportFault`] when it does not prove what it says.
    pub fn line(&mut self, line: &[u8]) -> Result<(), ExportFault> {
        self.line += 1;
        let text = line.strip_suffix(b"\n").ok_or_else(|| self.fault("it has no end: the file is cut".to_owned()))?;
        let line: Value =
            serde_json::from_slice(text).map_err(|fault| self.fault(format!("it is no JSON: {fault}")))?;
        if canonical_json(&line) != text {
            return Err(self.fault("it is not in canonical form (RFC 8785): it was changed".to_owned()));
        }
        if self.has_ended {
            return Err(self.fault("it comes after the end".to_owned()));
        }
        let Some(header) = &self.header else { return self.header(&line) };
        match (line.get("event"), line.get("file"), line.get("end")) {
            (Some(event), None, None) if self.file_count == 0 && has_keys(&line, ["event", "proof"]) => {
                let read = event_of(event, &line["proof"], header);
                let (envelope, is_cleared) = read.map_err(|what| self.fault_of(event, what))?;
                self.take(envelope, is_cleared)
            }
            (None, Some(file), None) if has_keys(&line, ["file"]) => {
                self.take_file(file).map_err(|what| self.fault(what))
            }
            (None, None, Some(end)) if has_keys(&line, ["end"]) && has_keys(end, END_KEYS) => {
                self.has_ended = true;
                let counted = (self.events.len() as u64, self.file_count);
                if (end["events"].as_u64(), end["files"].as_u64()) == (Some(counted.0), Some(counted.1)) {
                    return Ok(());
                }
                Err(self
                    .fault(format!("the file holds {} events and {} files, and says otherwise", counted.0, counted.1)))
            }
            (_, _, _) => {
                Err(self.fault("it is neither an event, a file nor the end, or stands in the wrong place".to_owned()))
            }
        }
    }

    /// The end of the file: the whole holds together.
    ///
    /// # Errors
    /// [`ExportFault`] when something is missing, or the events do not follow the rules.
    pub fn finish(self) -> Result<ExportSummary, ExportFault> {
        let fault = |what: &str| ExportFault { line: self.line, what: what.to_owned(), event: None };
        let Some(header) = &self.header else { return Err(fault("the file is empty")) };
        if !self.has_ended {
            return Err(fault("the file is cut: its last line is missing"));
        }
        let Some((closing, events)) = self.events.split_last() else { return Err(fault("it holds no event")) };
        let Fact::RecordExported { session, last_seq } = &closing.fact else {
            return Err(fault("its last event is no `record_exported`"));
        };
        if *session != header.session || *last_seq != events.len() as u64 {
            return Err(fault("`record_exported` names another session or more events than there are: a tail was cut"));
        }
        oracle::judge_session(events).map_err(|broken| ExportFault {
            line: self.line,
            what: broken.to_string(),
            event: Some(broken.event),
        })?;
        // Within a session a text goes only by an event of that session, which lies in the file.
        let redacted = |id: &EventId| {
            events.iter().any(|event| matches!(&event.fact, Fact::PayloadRedacted { event } if event == id))
        };
        if let Some(id) = self.cleared.iter().find(|id| !redacted(id)) {
            let what = format!("the text of event {id} was removed, and no event says so");
            return Err(ExportFault { line: self.line, what, event: Some(*id) });
        }
        let absent = self.absent.into_iter().chain(self.named.iter().map(NamedFile::words)).collect();
        Ok(ExportSummary {
            session: header.session.clone(),
            checkpoint: header.checkpoint.clone(),
            key: header.key.to_string(),
            events: self.events.len() as u64,
            files: self.file_count,
            cleared: self.cleared,
            absent,
        })
    }

    fn header(&mut self, line: &Value) -> Result<(), ExportFault> {
        if line["format"].as_str() != Some(EXPORT_FORMAT) {
            return Err(self.fault(format!("it is no header of the form `{EXPORT_FORMAT}`")));
        }
        if !has_keys(line, HEADER_KEYS) {
            return Err(self.fault("its header has other fields than it should".to_owned()));
        }
        let session = line["session"].as_str().and_then(SessionId::parse);
        let session = session.ok_or_else(|| self.fault("it names no session".to_owned()))?;
        let own = line["key"].as_str().and_then(VerifierKey::parse);
        let own = own.ok_or_else(|| self.fault("it names no key".to_owned()))?;
        if self.pinned.as_ref().is_some_and(|pinned| *pinned != own) {
            return Err(self.fault(format!("it is signed by another key than the given one: by {own}")));
        }
        let note = SignedCheckpoint::parse(line["checkpoint"].as_str().unwrap_or_default());
        let note = note.map_err(|what| self.fault(format!("its checkpoint: {what}")))?;
        if note.signatures() != 1 {
            return Err(self.fault("its checkpoint bears more than one signature".to_owned()));
        }
        let checkpoint = note.verify(&own).map_err(|what| self.fault(format!("its checkpoint: {what}")))?.clone();
        if line["origin"].as_str() != Some(&checkpoint.origin) || own.name() != checkpoint.origin {
            return Err(self.fault("its checkpoint is the one of another log".to_owned()));
        }
        self.header = Some(Header { session, checkpoint, key: own });
        Ok(())
    }

    /// Events stand in their order, with none left out between two of the session.
    fn take(&mut self, mut envelope: Envelope, is_cleared: bool) -> Result<(), ExportFault> {
        let due = self.events.len() as u64 + 1;
        let before = self.events.last().map_or(0, |event| event.id.0);
        let closes = matches!(envelope.fact, Fact::RecordExported { .. });
        let is_due = envelope.id.0 > before
            && match envelope.seq {
                Some(seq) => {
                    seq == due && self.header.as_ref().map(|header| &header.session) == envelope.session.as_ref()
                }
                None => closes,
            };
        let is_closed = self.events.last().is_some_and(|last| last.seq.is_none());
        if !is_due || is_closed {
            let what = format!("it is not event {due} of the session: events were left out, added or moved");
            return Err(ExportFault { line: self.line, what, event: Some(envelope.id) });
        }
        self.cleared.extend(is_cleared.then_some(envelope.id));
        self.named.extend(named_file(&envelope));
        (envelope.summary, envelope.payload_text) = (String::new(), String::new());
        self.events.push(envelope);
        Ok(())
    }

    /// Files stand in the order of the events that name them; one may be missing, none may be added.
    fn take_file(&mut self, file: &Value) -> Result<(), String> {
        if !has_keys(file, FILE_KEYS) {
            return Err("the file has other fields than it should".to_owned());
        }
        let sha256 = digest_of(&file["sha256"]).ok_or("the file names no digest")?;
        let is_it = |named: &NamedFile| {
            file["kind"].as_str() == Some(named.kind) && file["name"] == named.name && named.sha256 == sha256
        };
        let place = self.named.iter().position(is_it);
        let place = place.ok_or("no event names this file, or it stands in the wrong place")?;
        let bytes =
            file["base64"].as_str().and_then(|text| BASE64.decode(text).ok()).ok_or("the file cannot be read")?;
        if Digest::of_bytes(&bytes) != sha256 {
            return Err(format!("the file does not have the digest {sha256}: it was changed"));
        }
        self.absent.extend(self.named.drain(..=place).take(place).map(|named| named.words()));
        self.file_count += 1;
        Ok(())
    }

    const fn fault(&self, what: String) -> ExportFault {
        ExportFault { line: self.line, what, event: None }
    }

    fn fault_of(&self, event: &Value, what: String) -> ExportFault {
        ExportFault { line: self.line, what, event: event["id"].as_i64().map(EventId) }
    }
}

/// The leaf of an event as JSON with the keys of the record format.
pub fn leaf_of(event: &Value) -> Digest {
    let keys = LEAF_KEYS.iter().map(|key| ((*key).to_owned(), event[*key].clone()));
    merkle::leaf_hash(&canonical_json(&Value::Object(keys.collect())))
}

fn event_of(event: &Value, proof: &Value, header: &Header) -> Result<(Envelope, bool), String> {
    let id = event["id"].as_i64().ok_or("it has no id")?;
    if !has_keys(event, LEAF_KEYS.into_iter().chain(TEXT_KEYS)) {
        return Err(format!("event {id} has other fields than it should"));
    }
    let path: Option<Vec<Digest>> = proof.as_array().and_then(|path| path.iter().map(digest_of).collect());
    let index = u64::try_from(id - 1).map_err(|_| "its id is no place in the log")?;
    let proof = InclusionProof { index, path: path.ok_or("its proof cannot be read")? };
    if proof.root_of(leaf_of(event), header.checkpoint.size) != Some(header.checkpoint.root) {
        return Err(format!("event {id} is not the one the checkpoint was signed over: it was changed"));
    }
    let text =
        |name: &str| event[name].as_str().map(str::to_owned).ok_or_else(|| format!("event {id} has no `{name}`"));
    let (summary, payload_text) = (text("summary")?, text("payload_text")?);
    let recorded = digest_of(&event["text_hash"]).ok_or("its text hash cannot be read")?;
    let salt = &event["salt"];
    let salt =
        if salt.is_null() { None } else { Some(salt.as_str().and_then(hex_salt).ok_or("its salt cannot be read")?) };
    let is_right = match &salt {
        Some(salt) => text_hash(salt, &summary, &payload_text) == recorded,
        None => summary.is_empty() && payload_text.is_empty(),
    };
    if !is_right {
        return Err(format!("the text of event {id} is not the one that was recorded: it was changed"));
    }
    let unreadable = |what: &str| format!("event {id}: its `{what}` cannot be read");
    let session = match event["session_id"].as_str() {
        Some(session) => Some(SessionId::parse(session).ok_or_else(|| unreadable("session_id"))?),
        None => None,
    };
    let fact =
        Fact::read(&text("event_type")?, event["facts"].clone()).map_err(|fault| format!("event {id}: {fault}"))?;
    let envelope = Envelope {
        id: EventId(id),
        session,
        seq: event["seq"].as_u64(),
        run: event["run_id"].as_i64().map(RunId),
        schema: event["schema"]
            .as_u64()
            .and_then(|schema| schema.try_into().ok())
            .ok_or_else(|| unreadable("schema"))?,
        source: text("source")?,
        user_id: text("user_id")?,
        principal: PrincipalId::parse(&text("principal")?).ok_or_else(|| unreadable("principal"))?,
        message_id: event["message_id"].as_str().map(str::to_owned),
        created_at: Timestamp::parse(&text("created_at")?).ok_or_else(|| unreadable("created_at"))?,
        fact,
        salt,
        text_hash: recorded,
        summary,
        payload_text,
    };
    Ok((envelope, salt.is_none()))
}

/// A digest as it is written: in lower case, for upper case would be another spelling of the same.
fn digest_of(text: &Value) -> Option<Digest> {
    let text = text.as_str()?;
    Digest::parse(text).filter(|digest| digest.to_string() == text)
}

/// A salt as it is written: lower-case hexadecimal digits.
fn hex_salt(text: &str) -> Option<[u8; SALT_BYTES]> {
    let padded = digest_of(&Value::from(format!("{text:0<64}")))?;
    (text.len() == SALT_BYTES * 2).then(|| padded.as_bytes().first_chunk().copied()).flatten()
}

/// Whether an object has these keys and no others.
fn has_keys<'k>(value: &Value, keys: impl IntoIterator<Item = &'k str>) -> bool {
    let Some(fields) = value.as_object() else { return false };
    let mut count = 0;
    let all = keys.into_iter().all(|key| {
        count += 1;
        fields.contains_key(key)
    });
    all && count == fields.len()
}

impl NamedFile {
    fn words(&self) -> String {
        format!("{} `{}` {}", self.kind, self.name, self.sha256)
    }
}

/// The file an event names; none when its text is gone.
fn named_file(event: &Envelope) -> Option<NamedFile> {
    event.salt?;
    if let Fact::ArtifactSaved { path, sha256, .. } = &event.fact {
        return Some(NamedFile { kind: "artifact", name: path.clone(), sha256: *sha256 });
    }
    let Fact::PlanImported { version, masked_digest, .. } = &event.fact else { return None };
    let payload: Value = serde_json::from_str(&event.payload_text).unwrap_or_default();
    let named = NamedFile { kind: "plan", name: format!("plan v{version}"), sha256: *masked_digest };
    (!payload["plan"].is_object()).then_some(named)
}
