//! What stands under names now, and whether pre-images can be had: looked at before something is taken back.

use std::collections::{BTreeSet, HashMap};
use std::io;

use calt_core::undo::Standing;
use calt_core::{Digest, RunId};

use crate::failure::{FailureCode, ToolFailure};
use crate::room::RunRoom;
use crate::workspace::{Purpose, RelativePath, Workspace};

impl Workspace {
    /// What stands under a path now. Reads, and touches nothing.
    pub fn standing(&self, path: &str) -> Standing {
        let found = RelativePath::parse_for_write(path).and_then(|path| self.read(&path, Purpose::Write));
        match found {
            Ok(None) => Standing::Absent,
            Ok(Some(found)) => {
                Standing::File { sha256: Digest::of_bytes(&found.bytes), mode: format!("{:04o}", found.mode & 0o777) }
            }
            Err(failure) => Standing::Unusable(failure.message),
        }
    }

    /// The bytes a run on this workspace kept of a file, checked against their digest.
    pub(crate) fn pre_image(&self, run: RunId, sha256: Digest) -> Result<Vec<u8>, ToolFailure> {
        let named = format!("the pre-image {sha256} of run {run}");
        let missing = || ToolFailure::plain(FailureCode::PreImageMissing, format!("{named} is missing"));
        let rooms = self.rooms().ok_or_else(missing)?;
        RunRoom::of_run(rooms, run).take(sha256).map_err(|error| {
            let kind = error.kind();
            if kind == io::ErrorKind::NotFound {
                return missing();
            }
            if kind == io::ErrorKind::InvalidData {
                let message = format!("{named} is damaged: it no longer has its digest");
                return ToolFailure::plain(FailureCode::PreImageDamaged, message);
            }
            ToolFailure::io(&format!("{named} cannot be read"), &error)
        })
    }

    /// Those of these pre-images that are missing or damaged, each with why.
    pub fn lost(&self, pre_images: &BTreeSet<(RunId, Digest)>) -> HashMap<(RunId, Digest), String> {
        let why = |failure: ToolFailure| failure.message;
        let lost =
            |&(run, sha256): &(RunId, Digest)| Some(((run, sha256), self.pre_image(run, sha256).err().map(why)?));
        pre_images.iter().filter_map(lost).collect()
    }
}
