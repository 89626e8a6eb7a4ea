//! The side file: which event was the newest, and the tree's root, after the last commit.
//!
//! A WAL that was cut leaves a database that is whole and too short, which no `integrity_check` sees.
//! The side file is not synced: it survives a killed process, and after a power loss it is at worst as
//! short as the log.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use calt_core::digest::Digest;
use calt_core::merkle::Frontier;

/// Bytes of one record: 8 of the id, 32 of the root, 32 of SHA-256 over both.
const RECORD_BYTES: usize = 72;
/// Two records, written in turn: one is whole whatever happens to the other.
const SLOTS: u64 = 2;

/// The newest event and the root over the log up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Id of the newest event; 0 when there is none.
    pub last_id: u64,
    /// The tree's root.
    pub root: Digest,
}

impl Head {
    pub(crate) fn of(frontier: &Frontier) -> Self {
        Self { last_id: frontier.size(), root: frontier.root() }
    }
}

/// The side file `<database>.head`.
pub(crate) struct HeadFile {
    file: File,
    turn: u64,
}

impl HeadFile {
    pub(crate) fn path(database: &Path) -> PathBuf {
        let mut name = database.as_os_str().to_owned();
        name.push(".head");
        PathBuf::from(name)
    }

    pub(crate) fn open(database: &Path) -> std::io::Result<Self> {
        let path = Self::path(database);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.set_len(RECORD_BYTES as u64 * SLOTS)?;
        Ok(Self { file, turn: 0 })
    }

    /// The newest whole record of a side file, without making one.
    pub(crate) fn read_at(database: &Path) -> Option<Head> {
        let file = File::open(Self::path(database)).ok()?;
        Self { file, turn: 0 }.read()
    }

    /// The newest whole record.
    pub(crate) fn read(&self) -> Option<Head> {
        (0..SLOTS).filter_map(|slot| self.record(slot)).max_by_key(|head| head.last_id)
    }

    fn record(&self, slot: u64) -> Option<Head> {
        let mut bytes = [0; RECORD_BYTES];
        self.file.read_exact_at(&mut bytes, slot * RECORD_BYTES as u64).ok()?;
        let (content, check) = bytes.split_at(40);
        if Digest::of_bytes(content).as_bytes() != check {
            return None;
        }
        let (id, root) = content.split_at(8);
        Some(Head { last_id: u64::from_le_bytes(id.try_into().ok()?), root: Digest::from_bytes(root.try_into().ok()?) })
    }

    pub(crate) fn write(&mut self, head: &Head) -> std::io::Result<()> {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..8].copy_from_slice(&head.last_id.to_le_bytes());
        bytes[8..40].copy_from_slice(head.root.as_bytes());
        let check = Digest::of_bytes(&bytes[..40]);
        bytes[40..].copy_from_slice(check.as_bytes());
        self.turn = (self.turn + 1) % SLOTS;
        self.file.write_all_at(&bytes, self.turn * RECORD_BYTES as u64)
    }

    /// Forgets what was, for a log that is shorter and accepted as it is.
    pub(crate) fn reset(&mut self, head: &Head) -> std::io::Result<()> {
        (0..SLOTS).try_for_each(|_| self.write(head))?;
        self.file.sync_all()
    }
}
