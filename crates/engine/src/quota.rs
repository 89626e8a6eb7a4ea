//! Counts what somebody holds who may not approve: in the log, on disk, and what is being made for them just now.

use calt_core::principal::PrincipalId;
use calt_core::quota::{self, Holdings};
use calt_store::StoreError;

use crate::engine::{Asker, Engine, Fault, blocking};

/// A session that is being made.
pub(crate) struct Making {
    number: u64,
    principal: PrincipalId,
    is_snapshot: bool,
}

/// Room that was taken for a session until it is in the log, or did not come to be.
pub(crate) struct Room {
    engine: Engine,
    number: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut making = self.engine.inner.making.lock().expect("no holder of this lock panics");
        making.retain(|other| other.number != self.number);
    }
}

impl Engine {
    /// Takes room for one session, and says what its maker holds beside it. Who came first is counted for who came
    /// later, so that nobody gets more by asking at once.
    pub(crate) async fn take_room(&self, by: &Asker, is_snapshot: bool) -> Result<(Holdings, Option<Room>), Fault> {
        let quota = self.inner.quota;
        let caller = self.spoken_for(by.clone())?.0.caller;
        if !quota::is_counted(&caller) {
            return Ok((Holdings { quota, ..Holdings::default() }, None));
        }
        let principal = caller.principal;
        let (room, making) = self.begin_making(&principal, is_snapshot);
        let engine = self.clone();
        let (open, copies) = blocking(move || -> Result<_, StoreError> {
            let held = engine.store().held_by(&principal)?;
            let stand = held.snapshots.iter().filter(|session| engine.workspace_dir(session).exists()).count();
            Ok((held.open, stand as u64))
        })
        .await??;
        let holdings = Holdings { open_sessions: open + making.0, snapshots: copies + making.1, quota };
        Ok((holdings, Some(room)))
    }

    /// Takes a place behind everything of this principal that is being made: so many sessions, and copies among them.
    fn begin_making(&self, principal: &PrincipalId, is_snapshot: bool) -> (Room, (u64, u64)) {
        let mut making = self.inner.making.lock().expect("no holder of this lock panics");
        let number = making.last().map_or(0, |last| last.number + 1);
        let theirs = || making.iter().filter(|other| other.principal == *principal);
        let before = (theirs().count() as u64, theirs().filter(|other| other.is_snapshot).count() as u64);
        making.push(Making { number, principal: principal.clone(), is_snapshot });
        (Room { engine: self.clone(), number }, before)
    }
}
