//! Where a run keeps what files were before it: outside the workspace, on disk before the first rename.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use calt_core::{Digest, RunId};

/// What holds the names of directories the run was about to make. No digest is called so.
const DIRECTORIES_FILE: &str = "directories";
/// Directories that have to be synced for a room to be there: itself, that of all rooms, and the session's.
const DIRECTORIES_OF_A_ROOM: usize = 3;

/// A directory for one run's pre-images, made when the first one comes.
#[derive(Clone, Debug)]
pub struct RunRoom {
    directory: PathBuf,
}

impl RunRoom {
    /// Names the directory; nothing is made yet.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Keeps the bytes of a file as they were. Named by their digest, so that equal files are kept once.
    pub(crate) fn keep(&self, bytes: &[u8]) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let path = self.path(Digest::of_bytes(bytes));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Notes directories that the run is about to make in the workspace, outermost first.
    pub(crate) fn note_directories(&self, directories: &[String]) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let path = self.directory.join(DIRECTORIES_FILE);
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // A name may hold a line break, but no NUL.
        file.write_all(directories.join("\0").as_bytes())?;
        file.sync_all()
    }

    /// The directories the run was about to make, outermost first.
    pub(crate) fn directories(&self) -> Vec<String> {
        let Ok(text) = std::fs::read_to_string(self.directory.join(DIRECTORIES_FILE)) else { return Vec::new() };
        text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Makes what was kept durable: the directory, and those above it that may be new with it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.directory.exists() {
            for directory in self.directory.ancestors().take(DIRECTORIES_OF_A_ROOM) {
                File::open(directory)?.sync_all()?;
            }
        }
        Ok(())
    }

    /// The room of a run, among those of a workspace's runs.
    pub fn of_run(rooms: &Path, run: RunId) -> Self {
        Self::new(rooms.join(run.to_string()))
    }

    /// The bytes of a file as they were, checked against their digest.
    pub(crate) fn take(&self, digest: Digest) -> io::Result<Vec<u8>> {
        let bytes = std::fs::read(self.path(digest))?;
        if Digest::of_bytes(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the pre-image no longer has its digest"))
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        Path::new(&self.directory).join(digest.to_string())
    }
}
