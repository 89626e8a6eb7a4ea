//! Where a session works: its own directory, or one that is attached; and who else is there.

use std::path::PathBuf;

use calt_core::decide::{Facts, Neighbour};
use calt_core::event::WorkspaceIdentity;
use calt_core::workspace::DirectoryFact;
use calt_core::{Refusal, SessionId};
use calt_store::StoreError;
use calt_tools::{DirectoryFault, FailureCode, ToolFailure, Workspace, open_directory};
use tokio::sync::SemaphorePermit;

use crate::engine::{Engine, Fault};

/// Where a session works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The session whose directory has the pre-images, and the workspace too if none is attached.
    pub(crate) home: SessionId,
    /// The attached directory.
    pub(crate) attached: Option<Attached>,
}

/// An attached directory as its session knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) name: String,
    inode: u64,
    born_micros: i64,
}

/// Why a workspace is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unopened {
    #[error("the workspace cannot be opened: {0}")]
    Io(#[from] std::io::Error),
    #[error("workspace_moved: workspace `{name}` is not the directory it was: {reason}")]
    Moved { name: String, reason: String },
}

impl Unopened {
    pub(crate) fn failure(&self) -> ToolFailure {
        match self {
            Self::Io(error) => ToolFailure::io("the workspace cannot be opened", error),
            Self::Moved { .. } => ToolFailure::plain(FailureCode::WorkspaceMoved, self.to_string()),
        }
    }

    /// The same as a refusal, where no run is there to fail.
    pub(crate) fn refusal(self, place: &Place) -> Fault {
        match self {
            Self::Moved { name, reason } => Refusal::WorkspaceMoved { name, reason }.into(),
            Self::Io(error) => Fault::Internal(format!("the workspace of {} cannot be opened: {error}", place.home)),
        }
    }
}

impl Engine {
    /// The directory a workspace is that is not attached, of the session whose home it is.
    pub(crate) fn workspace_dir(&self, home: &SessionId) -> PathBuf {
        self.session_dir(home).join("workspace")
    }

    /// Where every run on a workspace keeps its pre-images, whichever session it belongs to.
    pub(crate) fn rooms_dir(&self, home: &SessionId) -> PathBuf {
        self.session_dir(home).join("preimages")
    }

    /// Where a session works.
    pub(crate) async fn place_of(&self, session: &SessionId) -> Result<Place, Fault> {
        let missing = |session: &SessionId| Refusal::SessionNotFound { session: session.to_string() };
        let state = self.store().session_state(session).await?.ok_or_else(|| missing(session))?;
        let home = state.workspace().home(session).clone();
        let state = if home == *session {
            state
        } else {
            self.store().session_state(&home).await?.ok_or_else(|| missing(&home))?
        };
        let attached = match state.workspace() {
            WorkspaceIdentity::Attach { name, inode, born_micros } => {
                Some(Attached { name: name.clone(), inode: *inode, born_micros: *born_micros })
            }
            WorkspaceIdentity::Own | WorkspaceIdentity::Snapshot { .. } | WorkspaceIdentity::Of { .. } => None,
        };
        Ok(Place { home, attached })
    }

    /// Opens the workspace there. An attached directory must be the very one the session began on. Blocks.
    pub(crate) fn open_workspace(&self, place: &Place) -> Result<Workspace, Unopened> {
        let rooms = self.rooms_dir(&place.home);
        let Some(attached) = &place.attached else {
            return Ok(Workspace::open(&self.workspace_dir(&place.home))?.with_rooms(rooms));
        };
        let moved = |reason: &str| Unopened::Moved { name: attached.name.clone(), reason: reason.to_owned() };
        let named =
            self.attached_directory(attached).ok_or_else(|| moved("its name was removed, or is another's now"))?;
        let (workspace, now) = open_directory(&named, &self.inner.kept).map_err(|fault| match fault {
            DirectoryFault::Moved(reason) => moved(&reason),
            DirectoryFault::Unusable(reason) => Unopened::Io(std::io::Error::other(reason)),
        })?;
        if now.device != named.device {
            return Err(moved("it is on another device since the daemon started; restart the daemon to accept that"));
        }
        Ok(workspace.with_rooms(rooms))
    }

    /// The directory that stands by the name, if it is still the session's.
    pub(crate) fn attached_directory(&self, attached: &Attached) -> Option<DirectoryFact> {
        let roster = self.roster();
        let directory = roster.workspace(&attached.name)?.directory.clone()?;
        let same = (directory.inode, directory.born_micros) == (attached.inode, attached.born_micros);
        same.then_some(directory)
    }

    /// Looks who else works on a session's attached directory. What is decided by it is decided before the turn ends;
    /// with no such directory there is nothing to look at.
    pub(crate) async fn look_around(
        &self,
        session: &SessionId,
        facts: &mut Facts,
    ) -> Result<Option<SemaphorePermit<'_>>, Fault> {
        let place = match self.place_of(session).await {
            Ok(place) => place,
            // The gate says so in its own order.
            Err(Fault::Refused(Refusal::SessionNotFound { .. })) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let Some(Attached { inode, born_micros, .. }) = place.attached else { return Ok(None) };
        let turn = self.inner.ground_taking.acquire().await;
        let turn = turn.map_err(|_| StoreError::Unavailable("the daemon is ending".to_owned()))?;
        facts.neighbours = self.neighbours(inode, born_micros).await?;
        Ok(Some(turn))
    }

    /// Every session that works on an attached directory.
    pub(crate) async fn neighbours(&self, inode: u64, born_micros: i64) -> Result<Vec<Neighbour>, Fault> {
        let there = self.store().read(move |store| store.sessions_attached(inode, born_micros)).await?;
        let mut neighbours = Vec::new();
        for (session, last_event_at) in there {
            let Some(state) = self.store().session_state(&session).await? else { continue };
            let (writes_since, is_writing) = (state.writes_since(), state.is_writing());
            neighbours.push(Neighbour { session, writes_since, is_writing, last_event_at });
        }
        Ok(neighbours)
    }
}
