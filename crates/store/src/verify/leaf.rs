//! The leaf of an event, made again from its row.
//!
//! The facts' text is hashed as it stands: what calt writes is canonical already, and any other spelling is a change.
//! It is read as JSON in any case: so no column can reach over into its neighbour's place.

use calt_core::digest::Digest;
use calt_core::event::SALT_BYTES;
use calt_core::export::LEAF_KEYS;
use calt_core::merkle;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::IgnoredAny;

use crate::append::{push_display, push_text, text_hash};

/// The columns, in the order in which [`checked`] reads them: those of the leaf in the order of its keys, then the text.
macro_rules! leaf_columns {
    () => {
        "created_at, event_type, facts, id, message_id, principal, run_id, schema, seq, session_id, source, text_hash, \
         user_id, salt, summary, payload_text, leaf_hash"
    };
}
pub(crate) use leaf_columns;

const EVENT_TYPE: usize = 1;
const FACTS: usize = 2;
const ID: usize = 3;
const TEXT_HASH: usize = 11;
const SALT: usize = 13;
const SUMMARY: usize = 14;
const PAYLOAD_TEXT: usize = 15;
const LEAF_HASH: usize = 16;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WrongRow {
    /// It does not have the leaf that stands beside it.
    Leaf,
    /// Its text is another than the one whose hash is in the leaf.
    Text,
    /// A column has no value of its kind.
    Column(&'static str),
}

impl WrongRow {
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Leaf => "it does not have the leaf that stands beside it: it was changed".to_owned(),
            Self::Text => "its text is not the one that was recorded: it was changed".to_owned(),
            Self::Column(name) => format!("its column `{name}` holds no value of its kind: it was changed"),
        }
    }
}

/// A row that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckedRow {
    pub(crate) id: i64,
    /// The leaf as it stands in the row, whether it fits or not.
    pub(crate) leaf: Digest,
    /// Whether its text was cleared.
    pub(crate) is_cleared: bool,
    pub(crate) kind: Kind,
}

/// Which events the verification looks at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SessionCreated,
    /// `artifact_saved` and `plan_imported`.
    NamesFiles,
    PayloadRedacted,
    Other,
}

/// Looks at one row. `scratch` is reused from row to row.
pub(crate) fn checked(row: &Row<'_>, scratch: &mut Vec<u8>) -> rusqlite::Result<(CheckedRow, Option<WrongRow>)> {
    let stored = row.get_ref(LEAF_HASH)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok());
    let seen = CheckedRow {
        id: row.get_ref(ID)?.as_i64().unwrap_or_default(),
        leaf: Digest::from_bytes(stored.unwrap_or_default()),
        is_cleared: matches!(row.get_ref(SALT)?, ValueRef::Null),
        kind: match row.get_ref(EVENT_TYPE)?.as_str() {
            Ok("session_created") => Kind::SessionCreated,
            Ok("artifact_saved" | "plan_imported") => Kind::NamesFiles,
            Ok("payload_redacted") => Kind::PayloadRedacted,
            Ok(_) | Err(_) => Kind::Other,
        },
    };
    let wrong =
        if stored.is_none() { Some(WrongRow::Column("leaf_hash")) } else { wrong_with(row, seen.leaf, scratch)? };
    Ok((seen, wrong))
}

fn wrong_with(row: &Row<'_>, leaf: Digest, scratch: &mut Vec<u8>) -> rusqlite::Result<Option<WrongRow>> {
    let Ok(facts) = row.get_ref(FACTS)?.as_str() else { return Ok(Some(WrongRow::Column("facts"))) };
    if serde_json::from_str::<IgnoredAny>(facts).is_err() {
        return Ok(Some(WrongRow::Column("facts")));
    }
    match leaf_with(row, facts.as_bytes(), scratch)? {
        Ok(made) if made == leaf => wrong_text(row, scratch),
        Ok(_) => Ok(Some(WrongRow::Leaf)),
        Err(wrong) => Ok(Some(wrong)),
    }
}

/// The leaf a row has with these facts, as `append::seal` makes it.
fn leaf_with(row: &Row<'_>, facts: &[u8], scratch: &mut Vec<u8>) -> rusqlite::Result<Result<Digest, WrongRow>> {
    scratch.clear();
    for (column, key) in LEAF_KEYS.iter().enumerate() {
        scratch.push(if column == 0 { b'{' } else { b',' });
        scratch.push(b'"');
        scratch.extend_from_slice(key.as_bytes());
        scratch.extend_from_slice(b"\":");
        match (column, row.get_ref(column)?) {
            (FACTS, _) => scratch.extend_from_slice(facts),
            (TEXT_HASH, ValueRef::Blob(bytes)) if bytes.len() == size_of::<Digest>() => {
                scratch.push(b'"');
                push_display(scratch, digest(bytes));
                scratch.push(b'"');
            }
            (TEXT_HASH, _) | (_, ValueRef::Blob(_) | ValueRef::Real(_)) => return Ok(Err(WrongRow::Column(key))),
            (_, ValueRef::Null) => scratch.extend_from_slice(b"null"),
            (_, ValueRef::Integer(number)) => push_display(scratch, number),
            (_, ValueRef::Text(text)) => match std::str::from_utf8(text) {
                Ok(text) => push_text(scratch, text),
                Err(_) => return Ok(Err(WrongRow::Column(key))),
            },
        }
    }
    scratch.push(b'}');
    Ok(Ok(merkle::leaf_hash(scratch)))
}

/// The text has the hash that is in the leaf; without a salt there is no text.
fn wrong_text(row: &Row<'_>, scratch: &mut Vec<u8>) -> rusqlite::Result<Option<WrongRow>> {
    let texts = (row.get_ref(SUMMARY)?.as_str(), row.get_ref(PAYLOAD_TEXT)?.as_str());
    let (Ok(summary), Ok(payload)) = texts else { return Ok(Some(WrongRow::Text)) };
    let is_right = match row.get_ref(SALT)? {
        ValueRef::Null => summary.is_empty() && payload.is_empty(),
        ValueRef::Blob(salt) => match <[u8; SALT_BYTES]>::try_from(salt) {
            Ok(salt) => {
                let made = text_hash(scratch, &salt, summary, payload);
                row.get_ref(TEXT_HASH)?.as_blob().is_ok_and(|recorded| recorded == made.as_bytes())
            }
            Err(_) => false,
        },
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => false,
    };
    Ok((!is_right).then_some(WrongRow::Text))
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(bytes.try_into().unwrap_or_default())
}
