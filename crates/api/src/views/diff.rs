//! What the daemon answers when somebody asks what a session wrote.

use serde::{Deserialize, Serialize};

use super::LeftAloneView;

/// What a session wrote since it began, as one patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SessionDiffView {
    /// The session.
    pub session_id: String,
    /// The patch: git's own format, with modes, renames, deletions, and binary files whole. Where something is masked it
    /// begins with a remark, and every line is moved in by a space, so that no program takes it for a patch.
    pub diff: String,
    /// Whether something in it is masked.
    pub masked: bool,
    /// The files in it, by name.
    pub files: Vec<DiffFileView>,
    /// Files that are not in it, each with why: somebody else changed them since, or their past is lost.
    pub changed_since: Vec<LeftAloneView>,
    /// The commit of the repository that the workspace is a snapshot of; the patch leads on from there.
    pub base_commit: Option<String>,
}

/// A file in the patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct DiffFileView {
    /// Its name now, or its last one.
    pub path: String,
    /// Its name before, when that was another.
    pub from: Option<String>,
    /// SHA-256 of its bytes before; `null` when there was no file.
    pub old_sha256: Option<String>,
    /// SHA-256 of its bytes now; `null` when there is no file.
    pub new_sha256: Option<String>,
    /// Its mode now, as git writes it: `100644` or `100755`; `null` when there is no file.
    pub new_mode: Option<String>,
    /// Whether somebody else wrote to it between two of calt's writes; that is in the patch too.
    pub others_wrote: bool,
}
