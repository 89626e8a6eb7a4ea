//! The key that signs checkpoints: 32 bytes of chance in a file of its own, and where signed notes are sent to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{FILE_MODE, Files, sync, write};

/// The key's file in the data root. It is in no backup.
const KEY_FILE: &str = "record.key";
/// `O_NONBLOCK` and `O_NOFOLLOW`: a pipe that nobody reads must not hold up whoever signs.
const AT_ONCE: i32 = rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOFOLLOW).bits().cast_signed();
/// Bytes of a seed.
const SEED_BYTES: usize = 32;
/// Longest key file that is read, in bytes: the digits, and a line's end.
const KEY_FILE_BYTES_MAX: u64 = 128;

impl Files {
    /// The seed of the key that signs checkpoints, made of `chance` where there is none; and whether it was made.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the file holds something else.
    pub fn record_key(&self, chance: [u8; SEED_BYTES]) -> io::Result<([u8; SEED_BYTES], bool)> {
        if let Some(seed) = self.kept_record_key()? {
            return Ok((seed, false));
        }
        let (part, path) = (self.root.join(format!(".{KEY_FILE}.new")), self.root.join(KEY_FILE));
        let text = format!("{}\n", calt_core::digest::Digest::from_bytes(chance));
        write(&part, text.as_bytes())?.sync_all()?;
        fs::rename(&part, &path)?;
        sync(&self.root)?;
        Ok((chance, true))
    }

    /// The seed of the key that signs checkpoints, where there is one.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the file holds something else.
    pub fn kept_record_key(&self) -> io::Result<Option<[u8; SEED_BYTES]>> {
        let path = self.root.join(KEY_FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
        // A digest has the same form, and knows how to read it.
        let seed = calt_core::digest::Digest::parse(text.trim_end_matches('\n'));
        let reason =
            format!("`{}` does not hold 64 hexadecimal digits; move it away and a new key is made", path.display());
        let seed = seed.map(|seed| *seed.as_bytes());
        seed.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}

/// Appends a signed note to a file that somebody keeps elsewhere, with an empty line after it, and syncs it.
///
/// # Errors
/// What the file system says.
pub fn append_note(path: &Path, note: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).custom_flags(AT_ONCE).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    file.write_all(format!("{note}\n").as_bytes())?;
    file.sync_all()
}
