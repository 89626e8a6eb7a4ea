//! How much room somebody takes who may not approve.

use crate::event::WorkspaceIdentity;
use crate::policy::{self, Act};
use crate::principal::{Caller, PrincipalKind};
use crate::refusal::Refusal;

/// Most sessions of one such principal that are not over, unless the owner says otherwise.
pub const OPEN_SESSIONS_MAX: u64 = 1_000;
/// Most snapshots of one such principal that take room, unless the owner says otherwise.
pub const SNAPSHOTS_MAX: u64 = 20;
/// Most plan versions of a session that one such principal hands in one to, unless the owner says otherwise.
pub const PLAN_VERSIONS_MAX: u64 = 100;

/// What a refusal calls them.
pub const PLAN_VERSIONS: &str = "plan versions";

/// How much one principal may hold who may not approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Sessions that are neither stopped nor succeeded.
    pub open_sessions: u64,
    /// Copies of repositories, whether their sessions are over or not.
    pub snapshots: u64,
    /// Plan versions of one session, whoever handed them in.
    pub plan_versions: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { open_sessions: OPEN_SESSIONS_MAX, snapshots: SNAPSHOTS_MAX, plan_versions: PLAN_VERSIONS_MAX }
    }
}

/// What the caller holds already, and how much they may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Sessions that are neither stopped nor succeeded.
    pub open_sessions: u64,
    /// Copies of repositories.
    pub snapshots: u64,
    /// The most of each.
    pub quota: Quota,
}

/// Whether somebody's sessions are counted: a program nobody looks at makes any number of them.
pub fn is_counted(caller: &Caller) -> bool {
    caller.kind != PrincipalKind::Daemon && !policy::allows(caller.role, Act::Decide)
}

/// Refuses one session more than the caller may hold.
pub(crate) fn room_for(caller: &Caller, workspace: &WorkspaceIdentity, holdings: &Holdings) -> Result<(), Refusal> {
    if !is_counted(caller) {
        return Ok(());
    }
    let Holdings { open_sessions, snapshots, quota } = *holdings;
    let reached = |what, held, limit| Err(reached(caller, what, held, limit));
    if open_sessions >= quota.open_sessions {
        return reached("open sessions", open_sessions, quota.open_sessions);
    }
    if matches!(workspace, WorkspaceIdentity::Snapshot { .. }) && snapshots >= quota.snapshots {
        return reached("snapshots", snapshots, quota.snapshots);
    }
    Ok(())
}

/// Refuses one plan version more than a session may have of the caller.
pub(crate) fn version_for(caller: &Caller, held: u64, quota: Quota) -> Result<(), Refusal> {
    if is_counted(caller) && held >= quota.plan_versions {
        return Err(reached(caller, PLAN_VERSIONS, held, quota.plan_versions));
    }
    Ok(())
}

fn reached(caller: &Caller, what: &'static str, held: u64, limit: u64) -> Refusal {
    Refusal::QuotaReached { principal: caller.principal.clone(), what, held, limit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::principal::{PrincipalId, Role};

    fn caller(role: Role, kind: PrincipalKind) -> Caller {
        Caller { principal: PrincipalId::parse("bot").unwrap(), kind, role }
    }

    #[test]
    fn who_may_not_approve_holds_so_much_and_no_more() {
        let copy = WorkspaceIdentity::Snapshot {
            name: "web".to_owned(),
            manifest: Digest::of_bytes(b""),
            commit: String::new(),
        };
        let agent = caller(Role::Agent, PrincipalKind::Agent);
        let quota = Quota { open_sessions: 3, snapshots: 2, plan_versions: 5 };
        let room = |who: &Caller, workspace: &WorkspaceIdentity, open_sessions, snapshots| {
            room_for(who, workspace, &Holdings { open_sessions, snapshots, quota })
                .map_err(|refusal| refusal.to_string())
        };
        assert_eq!(room(&agent, &copy, 2, 1), Ok(()));
        assert_eq!(room(&agent, &WorkspaceIdentity::Own, 2, 9), Ok(()), "only a copy takes the room of one");
        assert!(room(&agent, &copy, 0, 2).unwrap_err().contains("`bot` holds 2 snapshots"));
        assert!(room(&agent, &WorkspaceIdentity::Own, 3, 0).unwrap_err().contains("`bot` holds 3 open sessions"));
        assert!(room(&caller(Role::Relay, PrincipalKind::Person), &copy, 3, 0).is_err());
        assert_eq!(version_for(&agent, 4, quota), Ok(()));
        assert!(version_for(&agent, 5, quota).unwrap_err().to_string().contains("`bot` holds 5 plan versions"));
        for role in [Role::Approver, Role::Owner] {
            assert_eq!(version_for(&caller(role, PrincipalKind::Person), 99, quota), Ok(()), "{role}");
            assert_eq!(room(&caller(role, PrincipalKind::Person), &copy, 99, 99), Ok(()), "{role}");
        }
    }
}
