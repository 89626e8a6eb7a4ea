//! The hashes of PINs: each in a private file named by its digest, which the log knows.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;

use calt_core::digest::Digest;

use super::{Files, make_directory, sync, tighten, write};

/// The directory of the hashes in the data root. It is in no backup.
const PINS: &str = "pins";
/// Longest file of a hash that is read, in bytes.
const HASH_FILE_BYTES_MAX: u64 = 4 * 1024;

impl Files {
    fn pins(&self) -> PathBuf {
        self.root.join(PINS)
    }

    /// Writes the hash of a PIN, durably, before the event that names it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_pin_hash(&self, hash: &str) -> io::Result<Digest> {
        let (directory, digest) = (self.pins(), Digest::of_bytes(hash.as_bytes()));
        if make_directory(&directory)? {
            sync(&self.root)?;
        }
        tighten(&directory)?;
        let part = directory.join(format!(".{digest}.new"));
        write(&part, hash.as_bytes())?.sync_all()?;
        fs::rename(&part, directory.join(digest.to_string()))?;
        sync(&directory)?;
        Ok(digest)
    }

    /// Reads the hash of a PIN, if it is the one that was recorded.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the file holds something else.
    pub fn read_pin_hash(&self, digest: Digest) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.pins().join(digest.to_string()))?.take(HASH_FILE_BYTES_MAX).read_to_string(&mut text)?;
        if Digest::of_bytes(text.as_bytes()) == digest {
            return Ok(text);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the file was changed"))
    }

    /// Removes every hash that the log no longer names.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep_only_pin_hashes(&self, named: &[Digest]) -> io::Result<()> {
        let entries = match fs::read_dir(self.pins()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let digest = entry.file_name().to_str().and_then(Digest::parse);
            if digest.is_none_or(|digest| !named.contains(&digest)) {
                fs::remove_file(entry.path())?;
            }
        }
        sync(&self.pins())
    }
}
