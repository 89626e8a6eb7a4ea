//! What a session wrote, as one patch.

use calt_core::decide::RosterAction;
use calt_core::undo::{LeftAlone, Scope};
use calt_core::{Digest, Refusal, SessionId};
use calt_tools::{SESSION_PATCH_BYTES_MAX, SinceFile};

use crate::engine::{Asker, Engine, Fault, blocking};

/// What stands before a patch in which something is masked; the lines after it are moved out of git's sight.
const MASKED: &str = "# calt: something is masked here, so this patch applies nowhere; raw it does\n";

/// What a session wrote since it began.
#[derive(Clone, Debug)]
pub struct SessionDiff {
    /// The patch.
    pub patch: String,
    /// Whether something in it is masked. Then no program takes it for a patch.
    pub masked: bool,
    /// The files in it.
    pub files: Vec<SinceFile>,
    /// Files that are not in it, or not from their beginning: somebody else changed them, or their past is lost.
    pub changed_since: Vec<LeftAlone>,
}

impl Engine {
    /// Everything the session wrote, from what was there before to what stands there now, with secrets masked.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`] when it is too long.
    pub async fn session_diff(&self, session: &SessionId) -> Result<SessionDiff, Fault> {
        let mut diff = self.raw_diff(session).await?;
        let masker = &self.inner.masker;
        let patch = masker.mask_text(&diff.patch);
        diff.masked = patch != diff.patch;
        if diff.masked {
            let lines = patch.split_inclusive('\n').map(|line| format!(" {line}"));
            diff.patch = std::iter::once(MASKED.to_owned()).chain(lines).collect();
        }
        for file in &mut diff.files {
            file.path = masker.mask_text(&file.path).into_owned();
            file.from = self.mask(file.from.take());
        }
        for file in &mut diff.changed_since {
            file.path = masker.mask_text(&file.path).into_owned();
            file.reason = masker.mask_text(&file.reason).into_owned();
        }
        Ok(diff)
    }

    /// The same with every byte as it is: recorded before anything is given out.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the caller may not, or when it is too long.
    pub async fn release_diff(&self, by: Asker, session: &SessionId) -> Result<SessionDiff, Fault> {
        let diff = self.raw_diff(session).await?;
        let (sha256, bytes) = (Digest::of_bytes(diff.patch.as_bytes()), diff.patch.len() as u64);
        let release = RosterAction::ReleaseContent { session: session.clone(), sha256, bytes };
        self.submit_roster_by(by, release).await?;
        Ok(diff)
    }

    async fn raw_diff(&self, session: &SessionId) -> Result<SessionDiff, Fault> {
        let ground = self.ground(session).await?;
        let found = self.survey_undo(&ground, &Scope::Session(session.clone())).await?;
        let (engine, home, taken) = (self.clone(), ground.home, found.taken);
        let since = blocking(move || {
            let workspace = engine.open_workspace(&home);
            workspace
                .map(|workspace| workspace.since(&taken))
                .map_err(|error| Fault::Internal(format!("the workspace of {home} cannot be opened: {error}")))
        })
        .await??;
        if since.too_long {
            return Err(Refusal::LimitExceeded {
                what: format!("the diff of session `{session}`"),
                actual: since.patch.len() as u64,
                limit: SESSION_PATCH_BYTES_MAX as u64,
                unit: "bytes",
            }
            .into());
        }
        let changed_since = found.left_alone.into_iter().chain(since.changed).collect();
        Ok(SessionDiff { patch: since.patch, masked: false, files: since.files, changed_since })
    }
}
