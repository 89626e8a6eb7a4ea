//! The arguments: help texts are the doc comments here.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Give work to programs you do not fully trust, and stay in charge: plan, approve, execute, record.
#[derive(Debug, Parser)]
#[command(name = "calt", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Shared {
    /// Print data as JSON on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The daemon's address; without it the daemon of the data root is found or started
    #[arg(long, global = true, env = "CALT_DAEMON_BASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The token to show; a stored token is sent to no other address
    #[arg(long, global = true, env = "CALT_DAEMON_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Where calt keeps its data [default: `$XDG_DATA_HOME/calt`]
    // A path parser of clap's own refuses an empty variable; an empty one counts as not set.
    #[arg(long, global = true, env = "CALT_DATA_ROOT",
        hide_env_values = true, value_name = "DIR",
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) data_root: Option<PathBuf>,
    /// The name to record beside a decision; a claim, not a proof
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) approved_by: Option<String>,
    /// The surface to record
    #[arg(long, global = true, default_value = "cli", value_name = "WORD")]
    pub(crate) source: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a plan, ask, execute it step by step, and print the record
    Run(RunArguments),
    /// Make, list, show and stop sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Check, import, show, approve and reject plans
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Show, approve, reject, skip and execute steps
    #[command(subcommand)]
    Step(StepCommand),
    /// Search and follow the record
    #[command(subcommand)]
    Logs(LogsCommand),
    /// List and fetch what runs left behind
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
    /// List tools and what they may touch
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Say where a session stands, why, and what to do next
    Explain {
        /// The session
        session: String,
    },
    /// Show on one screen how calt works
    Guide,
    /// Check what is set up and what is missing, with the fix
    Doctor,
    /// Try calt on a small plan, with one refusal shown
    Quickstart {
        /// A plan of your own instead of the built-in one
        plan: Option<PathBuf>,
        /// Answer yes for low and medium risk; recorded as an unattended yes
        #[arg(long)]
        yes: bool,
    },
    /// Be led through a run, question by question
    #[command(subcommand)]
    Wizard(WizardCommand),
    /// Run the daemon in the foreground, or stop the one in the background
    Daemon(DaemonArguments),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Safety profiles.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// Approvals cover inputs as resolved; high risk is confirmed
    Strict,
    /// Early approvals cover the template; what is missing is warned of
    Dev,
}

impl Profile {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Dev => "dev",
        }
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct RunArguments {
    /// The plan, YAML or JSON; `-` reads standard input. Left out: the newest plan of --session
    #[arg(required_unless_present = "session")]
    pub(crate) plan: Option<PathBuf>,
    /// Go on in this session instead of a new one
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// Answer yes for low and medium risk; recorded as an unattended yes
    #[arg(long)]
    pub(crate) yes: bool,
    /// With --yes: answer yes for high risk too
    #[arg(long, requires = "yes")]
    pub(crate) confirm_high_risk: bool,
    /// Show every write and leave it out
    #[arg(long, conflicts_with = "session")]
    pub(crate) dry_run: bool,
    /// How strictly the new session is held
    #[arg(long, value_enum, default_value = "strict", conflicts_with = "session")]
    pub(crate) profile: Profile,
}

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
    },
    /// List sessions, newest first
    List {
        /// Only those with this status
        #[arg(long, value_parser = STATUSES)]
        status: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show one session
    Show {
        /// The session
        session: String,
    },
    /// Stop a session for good
    Stop {
        /// The session
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
    /// Hand a plan to a session
    Import {
        /// The session
        session: String,
        /// The plan, YAML or JSON; `-` reads standard input
        plan: PathBuf,
    },
    /// Show a plan version
    Show {
        /// The session
        session: String,
        /// The version [default: the newest]
        version: Option<u32>,
    },
    /// See a plan version and say yes to it
    Approve {
        /// The session
        session: String,
        /// The version
        version: u32,
        /// Say yes without being asked; recorded as an unattended yes
        #[arg(long)]
        yes: bool,
    },
    /// Say no to a plan version
    Reject {
        /// The session
        session: String,
        /// The version
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
        /// The session
        session: String,
        /// The step
        step: String,
    },
    /// See a step as it is now and say yes to it
    Approve {
        /// The session
        session: String,
        /// The step
        step: String,
        /// Say yes without being asked, for low and medium risk; recorded as an unattended yes
        #[arg(long)]
        yes: bool,
        /// With --yes: also for high risk
        #[arg(long, requires = "yes")]
        confirm_high_risk: bool,
    },
    /// Say no to a step
    Reject {
        /// The session
        session: String,
        /// The step
        step: String,
        /// Why not; without it you are asked
        #[arg(long)]
        reason: Option<String>,
    },
    /// See a step and leave it out
    Skip {
        /// The session
        session: String,
        /// The step
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
        /// The session
        session: String,
        /// The step
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
        /// Only in this session
        #[arg(long)]
        session: Option<String>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List a session's artifacts
    List {
        /// The session
        session: String,
        #[command(flatten)]
        page: Page,
    },
    /// Write an artifact's bytes to standard output or a file
    Get {
        /// The session
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
        /// The tool
        tool: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown this once
    Create {
        /// Whom it proves
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_parser = ["viewer", "agent", "approver", "relay", "owner"])]
        role: String,
        /// When it ends, RFC 3339
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
pub(crate) enum WizardCommand {
    /// Choose a plan and run it
    Run,
}

/// How the daemon is to run.
#[derive(Args, Clone, Debug)]
pub struct DaemonArguments {
    /// What to do with the one in the background
    #[command(subcommand)]
    pub(crate) action: Option<DaemonAction>,
    /// The database [default: <data-root>/calt.sqlite3]
    #[arg(long, value_name = "FILE")]
    pub db_path: Option<PathBuf>,
    /// Taken from the global option of the same name.
    #[arg(skip)]
    pub data_root: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long)]
    pub host: Option<String>,
    /// The port; 0 takes a free one [default: 8000]
    #[arg(long)]
    pub port: Option<u16>,
    /// The configuration file [default: `$XDG_CONFIG_HOME/calt/config.toml`]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// End after ten idle minutes
    #[arg(long, hide = true)]
    pub background: bool,
}

/// What to do with a daemon.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum DaemonAction {
    /// Ask the daemon of this data root to end, and wait
    Stop,
}
