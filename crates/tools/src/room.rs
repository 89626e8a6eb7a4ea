//! Where a run keeps what files were before it: outside the workspace, on disk before the first rename.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use calt_core::{Digest, RunId};

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

    /// Makes what was kept durable: the directory and the one above it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        for directory in [Some(self.directory.as_path()), self.directory.parent()].into_iter().flatten() {
            if directory.exists() {
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
