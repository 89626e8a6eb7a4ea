//! The commands below `session`, `plan`, `step`, `logs`, `artifacts`, `tools`, `token` and `wizard`.

use std::path::PathBuf;

use calt_api::Language;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::Profile;

/// Which part of a list is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct Page {
    /// At most this many, up to 500
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Go on from this cursor
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// The statuses of a session, as the daemon names them.
const STATUSES: [&str; 7] =
    ["pending", "awaiting_plan_approval", "awaiting_step_approval", "running", "succeeded", "failed", "cancelled"];

/// Reads a status: as the daemon names it, or as the Japanese lists show it.
fn status() -> impl TypedValueParser<Value = String> {
    let shown = |status: &str| Language::Japanese.session_status(status);
    let known = STATUSES.map(|status| PossibleValue::new(status).aliases(shown(status)));
    PossibleValuesParser::new(known).map(move |given| {
        let named = STATUSES.into_iter().find(|status| shown(status) == Some(given.as_str()));
        named.map_or(given, str::to_owned)
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Make a session
    Create {
        /// What it is for
        #[arg(long)]
        goal: Option<String>,
        /// Apply nothing
        #[arg(long)]
        dry_run: bool,
        /// How strictly it is held
        #[arg(long, value_enum, default_value = "strict")]
        profile: Profile,
        /// The ticket it belongs to
        #[arg(long = "ref", value_name = "TICKET")]
        ticket: Option<String>,
        #[command(flatten)]
        workspace: WorkspaceOption,
    },
    /// List sessions, newest first
    List {
        /// Only those with this status
        #[arg(long, value_parser = status())]
        status: Option<String>,
        /// Also the sessions that `calt doctor` made and stopped
        #[arg(long)]
        probes: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Show one session
    Show {
        /// The session's id, `session_…`
        session: String,
    },
    /// Print what a session wrote as one patch, as `git apply` takes it
    Diff {
        /// The session's id, `session_…`
        session: String,
        /// With nothing masked; that is recorded
        #[arg(long)]
        raw: bool,
    },
    /// Stop a session for good
    Stop {
        /// The session's id, `session_…`
        session: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Check a plan and show every problem at once
    Check {
        /// The plan, YAML or JSON; `-` reads standard input
        plan: PathBuf,
    },
    /// Turn a diff on standard input into a plan on standard output: a preview, an apply, and tests
    FromDiff {
        /// Add a step that runs this command, such as `python -m pytest -q`; may be given more than once
        #[arg(long, value_name = "CMD")]
        test: Vec<String>,
        /// The plan's title [default: the names of the files]
        #[arg(long)]
        title: Option<String>,
    },
    /// Hand a plan to a session
    Import {
        /// The session's id, `session_…`
        session: String,
        /// The plan, YAML or JSON; `-` reads standard input
        plan: PathBuf,
    },
    /// Show a plan version
    Show {
        /// The session's id, `session_…`
        session: String,
        /// The version [default: the newest]
        version: Option<u32>,
    },
    /// See a plan version and say yes to it
    Approve {
        /// The session's id, `session_…`
        session: String,
        /// The version; without it the newest
        version: Option<u32>,
        /// Say yes to its steps too, but for those that write, are of high risk, or use what is not there yet
        #[arg(long)]
        with_steps: bool,
        /// Say yes without being asked; recorded as an unattended yes
        #[arg(long)]
        yes: bool,
    },
    /// Say no to a plan version
    Reject {
        /// The session's id, `session_…`
        session: String,
        /// The plan's version, a number
        version: u32,
        /// Why not; without it you are asked
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StepCommand {
    /// Show a step as it would run now
    Show {
        /// The session's id, `session_…`
        session: String,
        /// The step's id in the plan
        step: String,
    },
    /// See steps as they are now and say yes to them, to all or to none
    Approve {
        /// The session's id, `session_…`
        session: String,
        /// The step, or several; one of high risk stands alone
        #[arg(required_unless_present = "all", value_name = "STEP")]
        steps: Vec<String>,
        /// All that can be approved now, but for those of high risk
        #[arg(long, conflicts_with = "steps")]
        all: bool,
        /// Say yes without being asked, for low and medium risk; recorded as an unattended yes
        #[arg(long)]
        yes: bool,
        /// With --yes: also for high risk
        #[arg(long, requires = "yes")]
        confirm_high_risk: bool,
    },
    /// Say no to a step
    Reject {
        /// The session's id, `session_…`
        session: String,
        /// The step's id in the plan
        step: String,
        /// Why not; without it you are asked
        #[arg(long)]
        reason: Option<String>,
    },
    /// See a step and leave it out
    Skip {
        /// The session's id, `session_…`
        session: String,
        /// The step's id in the plan
        step: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Leave it out without being asked; recorded as an unattended yes
        #[arg(long)]
        yes: bool,
    },
    /// Execute an approved step
    Execute {
        /// The session's id, `session_…`
        session: String,
        /// The step's id in the plan
        step: String,
        /// Confirm high risk
        #[arg(long)]
        confirm_high_risk: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogsCommand {
    /// Find events by words, newest first
    Search {
        /// The words, in English or Japanese; without any, the newest events
        text: Vec<String>,
        #[command(flatten)]
        narrow: Narrow,
        #[command(flatten)]
        page: Page,
    },
    /// Print events as they happen
    Follow {
        /// Only in this session
        #[arg(long)]
        session: Option<String>,
        /// Begin after this event number
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
}

/// Which events are searched.
#[derive(Debug, Args)]
pub(crate) struct Narrow {
    /// Only in this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Only events of this type, such as `step_executed`
    #[arg(long = "type", value_name = "EVENT_TYPE")]
    pub(crate) event_type: Option<String>,
    /// Only events this principal caused
    #[arg(long, value_name = "NAME")]
    pub(crate) principal: Option<String>,
    /// Only from this time on: a date here (2026-07-01), or a time with its offset (2026-07-01T09:30:00+09:00)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before this time; a date is taken to its end
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List a session's artifacts
    List {
        /// The session's id, `session_…`
        session: String,
        #[command(flatten)]
        page: Page,
    },
    /// Write an artifact's bytes to standard output or a file
    Get {
        /// The session's id, `session_…`
        session: String,
        /// The artifact's number
        artifact: u64,
        /// Write here instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// List the tools
    List,
    /// Show what a tool may touch and what it takes
    Permissions {
        /// The tool's name, as `calt tools list` shows it
        tool: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown this once
    Create {
        /// Whom it proves, made when nobody has that name; without it a name of calt's own
        #[arg(long, conflicts_with = "person")]
        name: Option<String>,
        /// The person whom it proves, who is there already
        #[arg(long = "for", value_name = "PERSON")]
        person: Option<String>,
        /// What it may do: viewer reads, agent also proposes and executes, approver decides, relay is for a chat, owner all
        #[arg(long, required_unless_present = "person",
            value_parser = ["viewer", "agent", "approver", "relay", "owner"])]
        role: Option<String>,
        /// When it ends, such as 2026-12-31T18:00:00+09:00
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List tokens by their public names
    List,
    /// Take a token back
    Revoke {
        // Not named `token`: that is the global option, and the two would share a value.
        /// The token's public name
        #[arg(value_name = "TOKEN")]
        public_name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Add a person
    Add {
        /// Their name: letters, digits and `_-.@`
        name: String,
        /// What they may do
        #[arg(long, default_value = "approver", value_parser = ["approver", "viewer", "owner"])]
        role: String,
        /// The name they are shown by
        #[arg(long, value_name = "TEXT")]
        display: Option<String>,
        /// The id of their Discord account
        #[arg(long, value_name = "ID")]
        discord: Option<String>,
    },
    /// List people, agents and surfaces
    List,
    /// Remove a person; their tokens end with it
    Remove {
        /// Their name, as `calt person list` shows it
        name: String,
    },
}

/// On which workspace a new session works.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WorkspaceOption {
    /// Work on this workspace: its name, or a directory, which as a git repository is copied [default: an empty one]
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) workspace: Option<String>,
    /// Take along what is not committed in the repository
    #[arg(long, requires = "workspace")]
    pub(crate) uncommitted: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// Give a workspace a name
    Add {
        /// Its name, for `--workspace NAME`
        name: String,
        /// The directory; none for --kind own
        directory: Option<PathBuf>,
        /// A new empty one each time, a copy of the git repository each time, or the directory itself
        #[arg(long, value_parser = ["own", "snapshot", "attach"])]
        kind: String,
        /// Files a snapshot takes along though git ignores them, such as '.venv/**'; may be given more than once
        #[arg(long, value_name = "GLOB")]
        include: Vec<String>,
    },
    /// List workspaces
    List,
    /// Take a workspace's name away; its directory stays as it is
    Remove {
        /// Its name, as `calt workspace list` shows it
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WizardCommand {
    /// Choose a plan and run it
    Run,
}
