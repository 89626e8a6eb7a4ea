//! The arguments: help texts are the doc comments here.

mod groups;
mod land;
mod pin;
mod record;

use std::path::PathBuf;

use calt_api::Language;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use groups::{
    ArtifactsCommand, LogsCommand, Page, PersonCommand, PlanCommand, SessionCommand, StepCommand, TokenCommand,
    ToolsCommand, WizardCommand, WorkspaceCommand, WorkspaceOption,
};
pub(crate) use land::{LandArguments, LandAs};
pub(crate) use pin::PinArguments;
pub use pin::PinCommand;
pub(crate) use record::{AskedCommand, RecordArguments, RecordCommand};
pub use record::{OfflineCommand, RecordPlace};

/// Give work to programs you do not fully trust, and stay in charge: plan, approve, execute, record.
#[derive(Debug, Parser)]
#[command(name = "calt", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "New here: `calt quickstart` tries it in a minute, `calt guide` shows how it works on one screen"
)]
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
    /// The token to speak with; a stored one is sent to no other address
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
    /// The surface you speak through
    #[arg(long, global = true, default_value = "cli", value_name = "WORD")]
    pub(crate) source: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a plan, ask, execute it step by step, and print the record
    Run(RunArguments),
    /// List what waits for somebody, oldest first, over all sessions
    Inbox {
        /// Go on: print what begins to wait, and what was settled
        #[arg(long, conflicts_with_all = ["limit", "cursor"])]
        watch: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Wait for your turn, a decision or the end; exit code 0: yes, 1: no, 75: still waiting
    Wait {
        /// The session's id, `session_…`
        session: String,
        /// What ends the wait; left out: `decided` for an agent, and for who decides that it waits for them or has ended
        #[arg(long, value_enum)]
        until: Option<Until>,
        /// Give up after this many seconds, at most 100
        #[arg(long, value_name = "SECONDS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=100))]
        timeout: u64,
    },
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
    /// Verify, export, back up, restore and repair the record
    Record(RecordArguments),
    /// Add, list and remove people
    #[command(subcommand)]
    Person(PersonCommand),
    /// Set, change and remove the PIN that a person's decisions ask for; no daemon may run
    Pin(PinArguments),
    /// Name, list and remove the directories sessions may work on
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Say where a session stands, why, and what to do next
    Explain {
        /// The session's id, `session_…`
        session: String,
    },
    /// Make a plan that takes back what calt wrote; nothing is written until you approve it
    Undo {
        /// The session's id, `session_…`
        session: String,
        /// One run of it; without it everything since the session first wrote
        run: Option<i64>,
    },
    /// Land what a session wrote on the repository it began from; your working tree stays as it is
    Land(LandArguments),
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
    /// Run the Discord bot in the foreground, with a relay's token (docs/discord.md)
    Discord(DiscordArguments),
    /// Print completions for a shell, or write the man pages
    Completions {
        /// For which shell
        #[arg(required_unless_present = "man")]
        shell: Option<clap_complete::Shell>,
        /// Write one man page a command into this directory
        #[arg(long, value_name = "DIR", conflicts_with = "shell")]
        man: Option<PathBuf>,
    },
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// Nothing of it waits for a person's yes or no
    Decided,
    /// It has succeeded, was stopped, or needs a new plan
    Done,
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
    #[command(flatten)]
    pub(crate) workspace: WorkspaceOption,
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
    /// The language of the person who starts it; `None` where they asked for data.
    #[arg(skip)]
    pub language: Option<Language>,
}

/// How the Discord bot is to run.
#[derive(Args, Clone, Debug)]
pub struct DiscordArguments {
    /// The configuration file [default: `$XDG_CONFIG_HOME/calt/config.toml`]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Taken from the global options of the same names.
    #[arg(skip)]
    pub base_url: Option<String>,
    #[arg(skip)]
    #[allow(missing_docs, reason = "as above")]
    pub token: Option<String>,
    #[arg(skip)]
    #[allow(missing_docs, reason = "as above")]
    pub data_root: PathBuf,
    /// The language of the person who starts it.
    #[arg(skip)]
    pub language: Language,
}

/// What to do with a daemon.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum DaemonAction {
    /// Ask the daemon of this data root to end, and wait
    Stop,
}
