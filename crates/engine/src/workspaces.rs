//! Workspaces by name: added and removed by the owner, and made ready for a session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use calt_core::decide::{CreateSession, RosterAction};
use calt_core::event::WorkspaceIdentity;
use calt_core::manifest::Head;
use calt_core::workspace::{DirectoryFact, NamedWorkspace, WorkspaceKind, is_name};
use calt_core::{Digest, Refusal, SessionId};
use calt_store::StoreError;
use calt_tools::{
    CopyProgress, DirectoryFault, Limits, SnapshotWish, Workspace, check_attachable, check_repository, find_directory,
    open_directory, take_snapshot,
};

use crate::engine::{Asker, Engine, Fault, blocking, io_fault};
use crate::sessions::NewSession;

/// Longest a snapshot may take, in seconds; below what a client waits for an answer.
const SNAPSHOT_SECONDS_MAX: u64 = 90;

/// A workspace to give a name.
#[derive(Clone, Debug)]
pub struct NewWorkspace {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: WorkspaceKind,
    /// The directory; none of kind `own`.
    pub path: Option<PathBuf>,
    /// Patterns of files that a snapshot takes along though git does not know them.
    pub include: Vec<String>,
}

/// What a session's workspace is, for those who look at the session.
#[derive(Clone, Debug)]
pub struct WorkspaceDetail {
    /// Where an attached directory is.
    pub path: Option<String>,
    /// What was copied into a snapshot; names masked.
    pub copied: Option<Head>,
}

/// The workspace a new session is to have.
pub(crate) enum WantedWorkspace {
    Own,
    Attach { name: String, directory: DirectoryFact },
    Snapshot { workspace: NamedWorkspace, uncommitted: bool },
}

impl WantedWorkspace {
    /// Its identity; of a snapshot that is still to be taken, without what only its manifest can say.
    pub(crate) fn identity(&self) -> WorkspaceIdentity {
        match self {
            Self::Own => WorkspaceIdentity::Own,
            Self::Attach { name, directory } => WorkspaceIdentity::Attach {
                name: name.clone(),
                inode: directory.inode,
                born_micros: directory.born_micros,
            },
            Self::Snapshot { workspace, .. } => WorkspaceIdentity::Snapshot {
                name: workspace.name.clone(),
                manifest: Digest::of_bytes(b""),
                commit: String::new(),
            },
        }
    }
}

impl Engine {
    /// Gives a workspace a name.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or the directory can be no workspace.
    pub async fn add_workspace(&self, by: Asker, new: NewWorkspace) -> Result<(), Fault> {
        let NewWorkspace { name, kind, path, include } = new;
        let unmasked = |text: &str| self.inner.masker.mask_text(text) == text;
        if !include.iter().all(|pattern| unmasked(pattern)) {
            return Err(invalid("`include`", "a pattern looks like a secret, which is never recorded"));
        }
        let directory = match path {
            None => None,
            Some(path) => {
                if path.to_str().is_some_and(|text| !unmasked(text)) {
                    return Err(invalid("the directory", "its path looks like a secret, which is never recorded"));
                }
                let kept = self.inner.kept.clone();
                let found = blocking(move || found(&path, kind, &kept)).await?;
                Some(found.map_err(|reason| invalid("the directory", &reason))?)
            }
        };
        self.submit_roster_by(by, RosterAction::AddWorkspace { name, kind, directory, include }).await.map(drop)
    }

    /// Takes a workspace's name away. Its directory stays as it is.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, there is none of that name, or a session writes there.
    pub async fn remove_workspace(&self, by: Asker, name: String) -> Result<(), Fault> {
        let turn = self.inner.ground_taking.acquire().await;
        let _turn = turn.map_err(|_| StoreError::Unavailable("the daemon is ending".to_owned()))?;
        let attached = self.roster().workspace(&name).filter(|known| known.kind == WorkspaceKind::Attach).cloned();
        let mut facts = self.facts();
        if let Some(directory) = attached.and_then(|known| known.directory) {
            facts.neighbours = self.neighbours(directory.inode, directory.born_micros).await?;
        }
        self.submit_roster_knowing(by, RosterAction::RemoveWorkspace { name }, facts).await.map(drop)
    }

    /// Says what a session's workspace is.
    ///
    /// # Errors
    /// [`Refusal::SessionNotFound`].
    pub async fn workspace_detail(&self, session: &SessionId) -> Result<WorkspaceDetail, Fault> {
        let place = self.place_of(session).await?;
        let directory = place.attached.as_ref().and_then(|attached| self.attached_directory(attached));
        let (store, home) = (self.store().clone(), place.home);
        let head = blocking(move || store.files().read_manifest_head(&home)).await?;
        let path = directory.map(|directory| directory.path);
        Ok(WorkspaceDetail { path, copied: head.map(|head| self.masked_head(head)) })
    }

    /// At the start: a directory that is the same on a device of another number is so since a reboot.
    pub(crate) async fn accept_remounts(&self) -> Result<(), Fault> {
        let attached: Vec<_> = self.roster().workspaces().filter(|known| known.removed_at.is_none()).cloned().collect();
        for known in attached {
            let Some(named) = known.directory else { continue };
            let (looked_for, kept) = (named.clone(), self.inner.kept.clone());
            match blocking(move || open_directory(&looked_for, &kept).map(|(_, now)| now)).await? {
                Ok(now) if now.device != named.device => {
                    let (name, device) = (known.name, now.device);
                    self.submit_roster(RosterAction::WorkspaceRemounted { name, device }).await?;
                }
                Ok(_) => {}
                Err(fault) => tracing::warn!(workspace = known.name, "the workspace is out of reach: {fault}"),
            }
        }
        Ok(())
    }

    /// The workspace a request names, looked at before anything is made.
    pub(crate) async fn wanted_workspace(&self, request: &NewSession) -> Result<WantedWorkspace, Fault> {
        let only_snapshots = || invalid("`uncommitted`", "only a snapshot takes along what is not committed");
        let Some(name) = &request.workspace else {
            return if request.uncommitted { Err(only_snapshots()) } else { Ok(WantedWorkspace::Own) };
        };
        if !is_name(name) {
            let reason = "a session names a workspace, and no path; its owner gives a directory a name with \
                          `calt workspace add`";
            return Err(invalid("`workspace`", reason));
        }
        let missing = || Refusal::WorkspaceNotFound { name: self.inner.masker.mask_text(name).into_owned() };
        let workspace = self.roster().workspace(name).cloned().ok_or_else(missing)?;
        match (workspace.kind, workspace.directory.clone()) {
            (WorkspaceKind::Snapshot, Some(_)) => {
                Ok(WantedWorkspace::Snapshot { workspace, uncommitted: request.uncommitted })
            }
            (WorkspaceKind::Own | WorkspaceKind::Attach, _) if request.uncommitted => Err(only_snapshots()),
            (WorkspaceKind::Own, _) => Ok(WantedWorkspace::Own),
            (WorkspaceKind::Attach, Some(directory)) => {
                let (name, named, kept) = (name.clone(), directory.clone(), self.inner.kept.clone());
                let opened = blocking(move || open_directory(&named, &kept).map(|(_, now)| now)).await?;
                let now = opened.map_err(|fault| unusable(&name, fault))?;
                if now.device != directory.device {
                    let reason = "it is on another device since the daemon started".to_owned();
                    return Err(Refusal::WorkspaceMoved { name, reason }.into());
                }
                Ok(WantedWorkspace::Attach { name, directory })
            }
            (WorkspaceKind::Snapshot | WorkspaceKind::Attach, None) => {
                Err(Fault::Internal(format!("workspace `{name}` has no directory")))
            }
        }
    }

    /// How far the copy of a workspace has come that was begun first: files, and of how many.
    pub fn copying(&self, name: &str) -> Option<(u64, u64)> {
        let copies = self.inner.copies.lock().expect("no holder of this lock panics");
        copies.iter().find(|(of, _)| of == name).map(|(_, progress)| progress.files())
    }

    /// Takes a snapshot into a new session's directory. Gives what the session is made with.
    pub(crate) async fn make_snapshot(
        &self,
        create: CreateSession,
        workspace: NamedWorkspace,
        uncommitted: bool,
    ) -> Result<CreateSession, Fault> {
        let turn = self.inner.snapshots.acquire().await;
        let _turn = turn.map_err(|_| StoreError::Unavailable("the daemon is ending".to_owned()))?;
        let (store, id) = (self.store().clone(), create.id.clone());
        blocking(move || store.files().begin_copy(&id)).await?.map_err(StoreError::from)?;
        self.make_directories(&create.id, true).await?;
        let copying = Copying::begin(self, &workspace.name);
        let progress = Arc::clone(&copying.progress);
        let (engine, into, id, name) =
            (self.clone(), self.workspace_dir(&create.id), create.id.clone(), workspace.name.clone());
        let (identity, head) = blocking(move || -> Result<_, Fault> {
            let directory = workspace.directory.ok_or_else(|| Fault::Internal("no directory".to_owned()))?;
            let (repository, _) =
                open_directory(&directory, &engine.inner.kept).map_err(|fault| unusable(&workspace.name, fault))?;
            let into = Workspace::open(&into).map_err(|error| io_fault("cannot open workspace", &into, &error))?;
            let deadline = Instant::now() + Duration::from_secs(SNAPSHOT_SECONDS_MAX);
            let limits = Limits { deadline, cancel: engine.inner.end_snapshots.clone() };
            let wish = SnapshotWish { include: workspace.include, uncommitted, progress };
            let taken = take_snapshot(engine.toolkit(), &repository, &into, &wish, &limits)
                .map_err(|reason| Refusal::WorkspaceUnusable { name: workspace.name, reason })?;
            engine.store().files().write_manifest(&id, &taken.manifest).map_err(StoreError::from)?;
            let (manifest, commit) = (Digest::of_bytes(&taken.manifest), taken.head.commit.clone());
            Ok((WorkspaceIdentity::Snapshot { name, manifest, commit }, taken.head))
        })
        .await??;
        Ok(CreateSession { workspace: identity, copied: Some(self.masked_head(head)), ..create })
    }

    fn masked_head(&self, mut head: Head) -> Head {
        let mask = |text: &mut String| *text = self.inner.masker.mask_text(text).into_owned();
        for left in &mut head.left_out {
            mask(&mut left.path);
            mask(&mut left.reason);
        }
        head.uncommitted.iter_mut().for_each(|change| mask(&mut change.path));
        head.lfs_pointers.iter_mut().for_each(mask);
        head
    }
}

/// A copy that is being made: told until it has ended, however it does.
struct Copying<'e> {
    engine: &'e Engine,
    progress: Arc<CopyProgress>,
}

impl<'e> Copying<'e> {
    fn begin(engine: &'e Engine, name: &str) -> Self {
        let progress = Arc::<CopyProgress>::default();
        let mut copies = engine.inner.copies.lock().expect("no holder of this lock panics");
        copies.push((name.to_owned(), Arc::clone(&progress)));
        drop(copies);
        Self { engine, progress }
    }
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        let mut copies = self.engine.inner.copies.lock().expect("no holder of this lock panics");
        copies.retain(|(_, progress)| !Arc::ptr_eq(progress, &self.progress));
    }
}

/// Looks at a directory that is to get a name, and whether it can be what it is to be.
fn found(path: &Path, kind: WorkspaceKind, kept: &[PathBuf]) -> Result<DirectoryFact, String> {
    let home: Vec<PathBuf> = std::env::var_os("HOME").map(PathBuf::from).into_iter().collect();
    let directory = find_directory(path, kept, &home)?;
    if kind == WorkspaceKind::Attach {
        check_attachable(&directory)?;
    }
    if kind == WorkspaceKind::Snapshot {
        let (opened, _) = open_directory(&directory, kept).map_err(|fault| fault.to_string())?;
        check_repository(&opened)?;
    }
    Ok(directory)
}

fn unusable(name: &str, fault: DirectoryFault) -> Fault {
    let name = name.to_owned();
    match fault {
        DirectoryFault::Moved(reason) => Refusal::WorkspaceMoved { name, reason }.into(),
        DirectoryFault::Unusable(reason) => Refusal::WorkspaceUnusable { name, reason }.into(),
    }
}

fn invalid(what: &str, reason: &str) -> Fault {
    Refusal::InputInvalid { what: what.to_owned(), reason: reason.to_owned() }.into()
}
