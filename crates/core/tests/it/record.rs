//! The test vectors of the record format, and that no byte of an exported record is without meaning.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod vectors;

use calt_core::checkpoint::{Checkpoint, SigningKey, VerifierKey, origin};
use calt_core::digest::{Digest, canonical_json};
use calt_core::event::Envelope;
use calt_core::export::{EXPORT_FORMAT, ExportFault, ExportReader, ExportSummary, leaf_of};
use calt_core::merkle::{Frontier, InclusionProof, prove};
use serde_json::{Value, json};

/// A log in memory, as the store would have sealed it.
struct Log {
    events: Vec<Value>,
    leaves: Vec<Digest>,
}

impl Log {
    fn of(events: &[Envelope]) -> Self {
        let leaves = events.iter().map(Envelope::leaf_hash).collect();
        let events: Vec<Value> = events.iter().map(shown).collect();
        Self { events, leaves }
    }

    fn tree(&self, size: usize) -> Frontier {
        let mut tree = Frontier::default();
        for leaf in &self.leaves[..size] {
            tree.append(*leaf);
        }
        tree
    }

    fn proof(&self, size: usize, index: usize) -> InclusionProof {
        let mut leaves = self.leaves.iter();
        let next = || leaves.next().copied().ok_or(());
        prove(size as u64, &[index as u64], next).unwrap().1.remove(0)
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_seed(&origin(self.leaves[0]), &vectors::SEED).unwrap()
    }

    fn checkpoint(&self, size: usize) -> Checkpoint {
        let tree = self.tree(size);
        Checkpoint { origin: origin(self.leaves[0]), size: tree.size(), root: tree.root() }
    }

    /// The record of the vectors' session: its events, the newest event of the log to close it, and two files.
    fn record(&self) -> Vec<String> {
        let key = self.key();
        let size = self.events.len();
        let mut lines = vec![json!({
            "format": EXPORT_FORMAT, "session": vectors::SESSION, "origin": origin(self.leaves[0]),
            "key": key.verifier().to_string(), "checkpoint": self.checkpoint(size).sign(&key),
        })];
        let own = self
            .events
            .iter()
            .enumerate()
            .filter(|(index, event)| event["session_id"] == vectors::SESSION || index + 1 == size);
        lines.extend(own.map(|(index, event)| json!({"event": event, "proof": self.proof(size, index).path})));
        let events = lines.len() - 1;
        let files = vectors::files();
        let count = files.len();
        lines.extend(files.into_iter().map(|file| json!({ "file": file })));
        lines.push(json!({"end": {"events": events, "files": count}}));
        lines.iter().map(|line| String::from_utf8(canonical_json(line)).unwrap() + "\n").collect()
    }
}

/// An event with the keys of the record format.
fn shown(event: &Envelope) -> Value {
    let hex = |bytes: [u8; 16]| format!("{:032x}", u128::from_be_bytes(bytes));
    json!({
        "id": event.id, "session_id": event.session, "seq": event.seq, "run_id": event.run, "schema": event.schema,
        "event_type": event.fact.event_type(), "source": event.source, "user_id": event.user_id,
        "principal": event.principal, "message_id": event.message_id, "created_at": event.created_at,
        "facts": event.fact.facts(), "text_hash": event.text_hash, "salt": event.salt.map(hex),
        "summary": event.summary, "payload_text": event.payload_text,
    })
}

fn read(lines: &[Vec<u8>], pinned: Option<VerifierKey>) -> Result<ExportSummary, ExportFault> {
    let mut reader = ExportReader::new(pinned);
    lines.iter().try_for_each(|line| reader.line(line))?;
    reader.finish()
}

fn bytes(lines: &[String]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.clone().into_bytes()).collect()
}

#[test]
fn the_vectors_are_what_the_program_makes() {
    let log = Log::of(&vectors::events());
    let sizes = 0..=log.events.len();
    assert_eq!(log.events.iter().map(leaf_of).collect::<Vec<_>>(), log.leaves);
    let sealed = log.events.iter().zip(&log.leaves);
    let events: Vec<_> = sealed.map(|(event, leaf)| json!({"event": event, "leaf": leaf})).collect();
    let proofs = sizes.clone().flat_map(|size| (0..size).map(move |index| (size, index)));
    let proofs: Vec<_> = proofs
        .map(|(size, index)| json!({"size": size, "index": index, "path": log.proof(size, index).path}))
        .collect();
    let key = log.key();
    let made = json!({
        "about": "Test vectors of docs/record-format.md. Written and checked by calt-core's tests.",
        "key": {
            "seed": Digest::from_bytes(vectors::SEED),
            "verifier": key.verifier().to_string(),
        },
        "events": events,
        "roots": sizes.clone().map(|size| log.tree(size).root().to_string()).collect::<Vec<_>>(),
        "frontiers": sizes.map(|size| json!(log.tree(size).peaks())).collect::<Vec<_>>(),
        "proofs": proofs,
        "checkpoint": log.checkpoint(log.events.len()).sign(&key),
        "record": log.record(),
    });
    let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
    is_up_to_date("record-vectors.json", &text);
}

#[allow(clippy::disallowed_methods, reason = "the vectors are a document; the test is what writes it")]
fn is_up_to_date(name: &str, expected: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written == expected {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_DOCS").is_some(),
        "docs/{name} is not what the program says; run the test with UPDATE_DOCS=1 and look at the difference"
    );
    std::fs::write(path, expected).unwrap();
}

#[test]
fn a_record_proves_its_events_its_files_and_says_what_is_missing() {
    let log = Log::of(&vectors::events());
    let lines = bytes(&log.record());
    let proven = read(&lines, None).unwrap();
    assert_eq!((proven.events, proven.files), (lines.len() as u64 - 4, 2));
    assert_eq!(proven.cleared.iter().map(|event| event.0).collect::<Vec<_>>(), [vectors::CLEARED]);
    assert_eq!(proven.absent, Vec::<String>::new());
    assert_eq!(read(&lines, Some(log.key().verifier())).unwrap(), proven);
    let other = SigningKey::from_seed(log.key().verifier().name(), &[9; 32]).unwrap();
    assert!(read(&lines, Some(other.verifier())).unwrap_err().what.contains("another key"));

    let at = lines.iter().position(|line| line.starts_with(b"{\"file\"")).unwrap();
    let mut fewer = lines.clone();
    fewer.remove(at);
    let end = json!({"end": {"events": proven.events, "files": 1}});
    *fewer.last_mut().unwrap() = [canonical_json(&end), b"\n".to_vec()].concat();
    let absent = read(&fewer, None).unwrap().absent;
    assert_eq!(absent.len(), 1);
    assert!(absent[0].starts_with("plan `plan v1` "), "{absent:?}");
}

#[test]
fn every_line_is_needed_in_its_place_and_only_once() {
    let lines = bytes(&Log::of(&vectors::events()).record());
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        assert!(read(&without, None).is_err(), "without line {at}");
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        assert!(read(&twice, None).is_err(), "line {at} twice");
        assert!(read(&lines[..at], None).is_err(), "only {at} lines");
        for other in at + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            assert!(read(&swapped, None).is_err(), "lines {at} and {other} swapped");
        }
    }
}

#[test]
fn no_byte_of_a_record_is_without_meaning() {
    let lines = bytes(&Log::of(&vectors::events()).record());
    let mut before = ExportReader::new(None);
    let mut changed_bytes = 0;
    for (number, line) in lines.iter().enumerate() {
        for at in 0..line.len() {
            // The bit between upper and lower case, and two more that differ from byte to byte.
            for bit in [5, at % 5, 6 + at % 2] {
                let mut changed = line.clone();
                changed[at] ^= 1 << bit;
                let mut reader = before.clone();
                let read = changed.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| reader.line(line));
                let read = read.and_then(|()| lines[number + 1..].iter().try_for_each(|line| reader.line(line)));
                let read = read.and_then(|()| reader.finish());
                changed_bytes += 1;
                assert!(read.is_err(), "line {}, byte {at}, bit {bit}: nobody saw it", number + 1);
            }
        }
        before.line(line).unwrap();
    }
    assert!(changed_bytes > 20_000, "{changed_bytes}");
}
