//! Somebody with the disk, and maybe the key: changes rows by SQL, and makes what hangs on them fit again.

use std::path::{Path, PathBuf};

use calt_core::checkpoint::{Checkpoint, SigningKey};
use calt_core::decide::{RosterAction, RosterCommand};
use calt_core::digest::Digest;
use calt_core::event::text_hash;
use calt_core::export::leaf_of;
use calt_core::merkle::Frontier;
use calt_core::principal::Caller;
use calt_store::{Against, Check, OpenReport, Store, StoreConfig, Verification, verify};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::person::{Person, config, facts, open, token_for};

/// How much of what hangs on an event is made to fit after it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forged {
    /// Only the row.
    Row,
    /// Its text's hash, all leaves, the stored tree, and the side file.
    Tree,
    /// The checkpoints too, signed again with the log's own key.
    Checkpoints,
}

/// Sessions in the log.
const SESSIONS: usize = 4;
/// Steps that run in each.
const STEPS: usize = 12;

/// A database whose triggers are gone, and come back when it is let go: else they would be missed.
pub(crate) struct Untriggered {
    connection: Connection,
    triggers: Vec<String>,
}

impl Untriggered {
    pub(crate) fn open(database: &Path) -> Self {
        let connection = Connection::open(database).unwrap();
        let found: Vec<(String, String)> = {
            let mut found = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
            let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        };
        for (name, _) in &found {
            connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        let triggers = found.into_iter().map(|(_, sql)| sql).collect();
        Self { connection, triggers }
    }
}

impl std::ops::Deref for Untriggered {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Untriggered {
    fn drop(&mut self) {
        for sql in &self.triggers {
            self.connection.execute_batch(sql).unwrap();
        }
    }
}

/// A log at rest, with the files beside it.
pub(crate) struct Log {
    directory: tempfile::TempDir,
    key: SigningKey,
    /// The newest checkpoint, as somebody kept it elsewhere.
    pub(crate) kept: String,
}

impl Log {
    /// Sessions that ran, with a checkpoint after each but the last.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = open(directory.path());
        store.submit_roster(token_for("mika", "tok_1"), facts()).await.unwrap().outcome.unwrap();
        let first = store.event(calt_core::EventId(1)).unwrap().unwrap().leaf_hash;
        let key = SigningKey::from_seed(&calt_core::checkpoint::origin(first), &[7; 32]).unwrap();
        let mut kept = String::new();
        for session in 0..SESSIONS {
            let person = Person::with_approved_plan(&store, &format!("s{session}"), STEPS).await;
            store.files().write_plan(&person.session, 1, Digest::of_bytes(b"document"), b"document").unwrap();
            for step in 1..=STEPS {
                // A long output stands in its artifact alone.
                let words = if step == STEPS { "長い ".repeat(20_000) } else { format!("内容 {step} \"quoted\"") };
                person.run(step, json!({ "content": words })).await;
            }
            if session + 1 < SESSIONS {
                kept = sign(&store, &key).await;
            }
        }
        drop(store);
        Self { directory, key, kept }
    }

    /// The store, opened again.
    pub(crate) fn open(&self) -> (Store, OpenReport) {
        open(self.path())
    }

    /// The same log once more, to change.
    pub(crate) fn copy(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy_all(self.directory.path(), directory.path());
        Self { directory, key: self.key.clone(), kept: self.kept.clone() }
    }

    pub(crate) fn config(&self) -> StoreConfig {
        config(self.directory.path())
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The database, with the triggers gone for as long as it is held.
    pub(crate) fn connection(&self) -> Untriggered {
        Untriggered::open(&self.config().database)
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Changes something, and makes what hangs on it fit.
    pub(crate) fn tamper(&self, sql: &str, forged: Forged) {
        let connection = self.connection();
        connection.execute_batch(sql).unwrap();
        if forged != Forged::Row {
            self.seal_again(&connection, forged);
        }
    }

    pub(crate) fn verify(&self, against: &Against) -> Verification {
        verify(&self.config(), against, |_| {}).unwrap()
    }

    fn seal_again(&self, connection: &Connection, forged: Forged) {
        let ids: Vec<i64> = {
            let mut statement = connection.prepare("SELECT id FROM events ORDER BY id").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let mut trees = vec![Frontier::default()];
        for id in ids {
            let (mut event, text) = row(connection, id);
            if event["event_type"] == "checkpoint_signed" && forged == Forged::Checkpoints {
                let size = event["facts"]["size"].as_u64().unwrap().min(trees.len() as u64 - 1);
                event["facts"] = self.signed_again(&trees[size as usize]);
            }
            if let Some(text) = text {
                event["text_hash"] = json!(text);
            }
            let leaf = leaf_of(&event);
            let mut tree = trees.last().unwrap().clone();
            tree.append(leaf);
            trees.push(tree);
            connection
                .execute(
                    "UPDATE events SET facts = ?2, text_hash = ?3, leaf_hash = ?4 WHERE id = ?1",
                    (
                        id,
                        event["facts"].to_string(),
                        Digest::parse(event["text_hash"].as_str().unwrap()).unwrap().as_bytes(),
                        leaf.as_bytes(),
                    ),
                )
                .unwrap();
        }
        let tree = trees.last().unwrap();
        let peaks: Vec<u8> = tree.peaks().iter().flat_map(|peak| *peak.as_bytes()).collect();
        connection.execute("UPDATE log_state SET size = ?1, peaks = ?2", (tree.size() as i64, peaks)).unwrap();
        std::fs::write(self.head_path(), side_file(tree)).unwrap();
    }

    pub(crate) fn head_path(&self) -> PathBuf {
        self.path().join("calt.sqlite3.head")
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    fn signed_again(&self, tree: &Frontier) -> Value {
        let key = self.key.verifier();
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size: tree.size(), root: tree.root() };
        json!({
            "key": key.to_string(), "note": checkpoint.sign(&self.key), "peaks": tree.peaks(),
            "root": tree.root(), "size": tree.size(),
        })
    }
}

/// A row as the record format shows it, and its text's hash if it has a text.
fn row(connection: &Connection, id: i64) -> (Value, Option<Digest>) {
    let sql = "SELECT session_id, seq, run_id, schema, event_type, source, user_id, principal, message_id, created_at,
                      facts, text_hash, salt, summary, payload_text FROM events WHERE id = ?1";
    connection
        .query_row(sql, [id], |row| {
            let text = |column: usize| row.get::<_, Option<String>>(column);
            let number = |column: usize| row.get::<_, Option<i64>>(column);
            let facts: Value = serde_json::from_str(&row.get::<_, String>(10)?).unwrap();
            let hash: [u8; 32] = row.get(11)?;
            let salt: Option<[u8; 16]> = row.get(12)?;
            let (summary, payload): (String, String) = (row.get(13)?, row.get(14)?);
            let event = json!({
                "id": id, "session_id": text(0)?, "seq": number(1)?, "run_id": number(2)?, "schema": number(3)?,
                "event_type": text(4)?, "source": text(5)?, "user_id": text(6)?, "principal": text(7)?,
                "message_id": text(8)?, "created_at": text(9)?, "facts": facts,
                "text_hash": Digest::from_bytes(hash),
            });
            Ok((event, salt.map(|salt| text_hash(&salt, &summary, &payload))))
        })
        .unwrap()
}

/// The side file as calt writes it: two records of id, root, and the digest of both.
pub(crate) fn side_file(tree: &Frontier) -> Vec<u8> {
    let content = [&tree.size().to_le_bytes()[..], tree.root().as_bytes()].concat();
    let record = [&content[..], Digest::of_bytes(&content).as_bytes()].concat();
    [&record[..], &record[..]].concat()
}

/// Signs a checkpoint over the log as it is, and gives the note.
pub(crate) async fn sign(store: &Store, key: &SigningKey) -> String {
    let tree = store.tree().unwrap();
    let checkpoint = Checkpoint { origin: key.verifier().name().to_owned(), size: tree.size(), root: tree.root() };
    let note = checkpoint.sign(key);
    let action = RosterAction::SignCheckpoint { tree, key: key.verifier(), note: note.clone() };
    let command = RosterCommand { caller: Caller::daemon(), claim: calt_core::principal::Claim::default(), action };
    store.submit_roster(command, facts()).await.unwrap().outcome.unwrap();
    note
}

/// One of the checks.
pub(crate) fn check<'v>(verified: &'v Verification, name: &str) -> &'v Check {
    verified.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check `{name}`"))
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
