//! What a session wrote, as one patch.

use std::collections::BTreeSet;

use calt_core::decide::RosterAction;
use calt_core::undo::{LeftAlone, Wanted};
use calt_core::{Digest, Refusal, SessionId};
use calt_tools::{Mask, SESSION_PATCH_BYTES_MAX, SinceFile};

use crate::engine::{Asker, Engine, Fault, blocking};

/// What stands before a patch in which something is masked; the lines after it are moved out of git's sight.
const MASKED: &str = "# calt: something is masked here, so this patch applies nowhere; raw it does\n";

/// How a diff is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// With secrets masked.
    Masked,
    /// With every byte as it is.
    Raw,
}

/// What a session wrote since it began.
#[derive(Clone, Debug)]
pub struct SessionDiff {
    /// The patch.
    pub patch: String,
    /// Whether something in it is masked. Then no program takes it for a patch.
    pub masked: bool,
    /// The files in it.
    pub files: Vec<SinceFile>,
    /// Files that are not in it: somebody else changed them since, or their past is lost.
    pub changed_since: Vec<LeftAlone>,
    /// Files that somebody else wrote to between two of calt's writes; that is in the diff too.
    pub others_wrote: BTreeSet<String>,
}

impl Engine {
    /// Everything the session wrote, from what was there before to what stands there now, with secrets masked.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`] when it is too long.
    pub async fn session_diff(&self, session: &SessionId) -> Result<SessionDiff, Fault> {
        let mut diff = self.made_diff(session, Shown::Masked).await?;
        let masker = &self.inner.masker;
        let patch = masker.mask_text(&diff.patch).into_owned();
        diff.masked |= patch != diff.patch;
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
        let diff = self.made_diff(session, Shown::Raw).await?;
        let (sha256, bytes) = (Digest::of_bytes(diff.patch.as_bytes()), diff.patch.len() as u64);
        let release = RosterAction::ReleaseContent { session: session.clone(), sha256, bytes };
        self.submit_roster_by(by, release).await?;
        Ok(diff)
    }

    async fn made_diff(&self, session: &SessionId, shown: Shown) -> Result<SessionDiff, Fault> {
        let ground = self.ground(session).await?;
        let wanted = Wanted::whole(&ground.writes, session);
        let others_wrote = wanted.shared();
        let found = self.settle(&ground, wanted).await?;
        let (engine, place, taken) = (self.clone(), ground.place, found.taken);
        let since = blocking(move || {
            let workspace = engine.open_workspace(&place).map_err(|unopened| unopened.refusal(&place))?;
            let mask = |text: &str| engine.inner.masker.mask_text(text).into_owned();
            let mask: Option<Mask<'_>> = (shown == Shown::Masked).then_some(&mask);
            Ok::<_, Fault>(workspace.since(&taken, mask))
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
        let (patch, masked, files) = (since.patch, since.masked, since.files);
        Ok(SessionDiff { patch, masked, files, changed_since, others_wrote })
    }
}
