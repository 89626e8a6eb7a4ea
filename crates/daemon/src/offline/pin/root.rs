//! The machine's administrator in the place of the daemon's user.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::offline::fault::OfflineFault;

/// Refuses everybody but root; from here on this process is the user whose the data root is, so that no file in it
/// becomes root's. Called while there is one thread: those that come later are the same user.
pub(super) fn stand_in(data_root: &Path) -> Result<(), OfflineFault> {
    if !geteuid().is_root() {
        return Err(OfflineFault::Pin {
            what: "the first owner's own PIN is removed by root alone: no program of this user is asked for it"
                .to_owned(),
            hint: format!("sudo calt pin remove --forgotten --data-root {}", data_root.display()),
        });
    }
    become_owner(data_root).map_err(|error| OfflineFault::Pin {
        what: format!("the data directory `{}` cannot be worked on as its user: {error}", data_root.display()),
        hint: "calt pin remove --forgotten --data-root DIR".to_owned(),
    })
}

fn become_owner(data_root: &Path) -> io::Result<()> {
    let found = data_root.metadata()?;
    if found.uid() == 0 {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
    set_thread_groups(&[gid])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}
