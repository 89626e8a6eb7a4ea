//! Why a tool failed: a closed code, a sentence, and what was written all the same.

use calt_core::event::FileChange;
use serde_json::Value;

use crate::run::ToolOutput;

/// A stable code of a failed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named by its text in `as_str`")]
pub enum FailureCode {
    ToolTimeout,
    Cancelled,
    OutsideWorkspace,
    WorkspaceMoved,
    FileNotFound,
    NotRegular,
    TooLarge,
    HardLink,
    GitProtected,
    PreviewRequired,
    PreviewStale,
    CommandRefused,
    ProgramMissing,
    PatchInvalid,
    PatchConflict,
    InputInvalid,
    PreImageMissing,
    PreImageDamaged,
    PermissionChanged,
    Io,
    VerifyFailed,
    StepFailed,
    ArtifactUnwritable,
    IsolationUnavailable,
    BoxFailed,
    Internal,
}

impl FailureCode {
    /// The code as it is recorded.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToolTimeout => "tool_timeout",
            Self::Cancelled => "cancelled",
            Self::OutsideWorkspace => "outside_workspace",
            Self::WorkspaceMoved => "workspace_moved",
            Self::FileNotFound => "file_not_found",
            Self::NotRegular => "not_regular",
            Self::TooLarge => "too_large",
            Self::HardLink => "hard_link",
            Self::GitProtected => "git_protected",
            Self::PreviewRequired => "preview_required",
            Self::PreviewStale => "preview_stale",
            Self::CommandRefused => "command_refused",
            Self::ProgramMissing => "program_missing",
            Self::PatchInvalid => "patch_invalid",
            Self::PatchConflict => "patch_conflict",
            Self::InputInvalid => "input_invalid",
            Self::PreImageMissing => "pre_image_missing",
            Self::PreImageDamaged => "pre_image_damaged",
            Self::PermissionChanged => "permission_changed",
            Self::Io => "io",
            Self::VerifyFailed => "verify_failed",
            Self::StepFailed => "step_failed",
            Self::ArtifactUnwritable => "artifact_unwritable",
            Self::IsolationUnavailable => "isolation_unavailable",
            Self::BoxFailed => "box_failed",
            Self::Internal => "internal",
        }
    }
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct ToolFailure {
    code: FailureCode,
    /// One sentence, unmasked.
    pub message: String,
    /// Whether it ended because the session was stopped.
    pub cancelled: bool,
    /// What was written all the same.
    pub applied: Vec<FileChange>,
    /// What it gave so far, unmasked.
    pub output: Option<Value>,
    /// The command's exit code.
    pub exit_code: Option<i32>,
}

impl ToolFailure {
    /// A failure with nothing but its code and sentence.
    pub fn plain(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cancelled: code == FailureCode::Cancelled,
            applied: Vec::new(),
            output: None,
            exit_code: None,
        }
    }

    /// A failure of the system; the path is named by the caller's sentence.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::plain(FailureCode::Io, format!("{what}: {error}"))
    }

    /// A run whose tool did its work, and which failed all the same: what was written stays on the record.
    pub fn after_the_fact(code: FailureCode, message: String, output: ToolOutput) -> Self {
        Self {
            code,
            message,
            cancelled: code == FailureCode::Cancelled,
            applied: output.applied,
            output: Some(output.output),
            exit_code: output.exit_code,
        }
    }

    /// The code.
    pub const fn code(&self) -> FailureCode {
        self.code
    }
}
