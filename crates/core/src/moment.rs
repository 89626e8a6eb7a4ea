//! Named moments at which a crash would tell most: code passes them, and a test can have the program die there.
//!
//! In a build without debug assertions passing a moment is nothing at all.

use std::fmt;

macro_rules! moments {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A moment between two effects that belong together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Moment { $($(#[$doc])* $name,)* }

        impl Moment {
            /// Every moment, in the order of a run's life, then of a start's.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The moment's name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

moments! {
    /// A session has its directories, and the log does not know it.
    SessionDirectoriesMade = "session_directories_made",
    /// A plan's document is written beside its name.
    PlanWritten = "plan_written",
    /// A plan's document is durable under its name, and the log does not know it.
    PlanKept = "plan_kept",
    /// A batch of events is written, and not committed.
    BeforeAppend = "before_append",
    /// A batch of events is committed; neither the side file nor anybody who waits knows.
    AfterAppend = "after_append",
    /// The side file knows of the batch; nobody who waits was answered.
    HeadNoted = "head_noted",
    /// `session_stopped` is durable, and the run in progress still runs.
    StopRecorded = "stop_recorded",
    /// `step_started` is durable, and the tool has not begun.
    PermitGiven = "permit_given",
    /// One pre-image is kept, others may follow.
    PreImageKept = "pre_image_kept",
    /// All pre-images are durable, and nothing is written in the workspace.
    PreImagesDurable = "pre_images_durable",
    /// The empty temporary file of one new content is there.
    TemporaryMade = "temporary_made",
    /// Every new content lies durable beside its target, and no target was touched.
    FilesPrepared = "files_prepared",
    /// A renamed file stands under its new name, and under its old one still.
    RenameHalfDone = "rename_half_done",
    /// One file is in its place, others may follow.
    FilePlaced = "file_placed",
    /// Every file is in its place, and what was swapped out lies beside.
    FilesPlaced = "files_placed",
    /// What was swapped out of one place is gone, others may follow.
    LeftoverRemoved = "leftover_removed",
    /// A tool is done with everything, and its artifact is not written.
    ToolDone = "tool_done",
    /// The artifact is written, and the log does not know it.
    ArtifactWritten = "artifact_written",
    /// Some events are in the index, in a transaction that is not committed.
    BeforeIndexCommit = "before_index_commit",
    /// Some events are in the index, committed without a sync.
    AfterIndexCommit = "after_index_commit",
    /// Pages of the WAL are about to be taken into the database.
    BeforeCheckpoint = "before_checkpoint",
    /// Pages of the WAL were taken into the database.
    AfterCheckpoint = "after_checkpoint",
    /// The WAL is about to be cut.
    BeforeTruncate = "before_truncate",
    /// The WAL was cut.
    AfterTruncate = "after_truncate",
    /// The database is open, and the side file was not compared.
    DatabaseOpened = "database_opened",
    /// A session's directory that the log does not know was set aside, others may follow.
    OrphanSetAside = "orphan_set_aside",
    /// The first token of the owner is in the log, and not on disk.
    OwnerTokenRecorded = "owner_token_recorded",
    /// `daemon_started` is durable, and no run without an end was looked at.
    StartRecorded = "start_recorded",
    /// One file of a half applied write was put back, others may follow.
    FilePutBack = "file_put_back",
    /// A run without an end was looked at and its files put right; the log does not know.
    RunInspected = "run_inspected",
    /// A run without an end has one, others may follow.
    RunInterrupted = "run_interrupted",
    /// Everything is put right, and nobody can find the daemon.
    BeforeListening = "before_listening",
}

impl Moment {
    /// Reads a moment's name; `None` when there is none of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|moment| moment.as_str() == text)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(debug_assertions)]
static HOOK: std::sync::OnceLock<fn(Moment)> = std::sync::OnceLock::new();

/// Has this called at every moment from now on. The first caller stays; gives whether that was this one.
#[cfg(debug_assertions)]
pub fn at_every_moment(hook: fn(Moment)) -> bool {
    HOOK.set(hook).is_ok()
}

/// Passes a moment.
#[cfg(debug_assertions)]
pub fn pass(moment: Moment) {
    if let Some(hook) = HOOK.get() {
        hook(moment);
    }
}

/// Passes a moment: nothing in this build.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn pass(_: Moment) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_has_a_name_of_its_own() {
        for moment in Moment::ALL {
            assert_eq!(Moment::parse(moment.as_str()), Some(*moment));
        }
        assert_eq!(Moment::parse("noon"), None);
    }
}
