//! The arguments of `land`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What lands, as what, and where.
#[derive(Args, Debug)]
pub(crate) struct LandArguments {
    /// The session's id, `session_…`
    pub(crate) session: String,
    /// As what: a new branch, a commit under refs/calt, or a patch for `git am`
    #[arg(long = "as", value_enum, default_value = "branch", value_name = "KIND")]
    pub(crate) kind: LandAs,
    /// A directory of the repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// The commit it builds on [default: the one the workspace is a snapshot of]
    #[arg(long, value_name = "COMMIT")]
    pub(crate) base: Option<String>,
    /// The new branch [default: calt/<end of the session's id>]
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// The commit's message, above the lines that lead back to the record [default: the session's goal]
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// The file for a patch [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Also when the session has not succeeded, and without files that somebody else changed
    #[arg(long)]
    pub(crate) unfinished: bool,
}

/// As what results leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LandAs {
    /// A new branch on the base commit.
    Branch,
    /// A commit with no branch.
    Commit,
    /// A patch file.
    Patch,
}
