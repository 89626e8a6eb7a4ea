//! Starting, registering, listening, ending.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use calt_api::Language;
use calt_api::client::CallError;
use http::Method;
use serde_json::json;
use tokio::sync::mpsc::{channel, unbounded_channel};

use crate::bot::{Bot, Notice};
use crate::card;
use crate::click;
use crate::commands;
use crate::daemon::{Daemon, Place};
use crate::follow::follow;
use crate::gateway::{Told, listen};
use crate::interaction::{Interaction, Kind};
use crate::keeper::Keeper;
use crate::rest::{Call, RestFault};
use crate::say::pick;
use crate::settings::Settings;
use crate::slash;
use crate::state::StateFile;

/// Exit codes, as the command line's: used wrongly, out of reach.
const EXIT_USAGE: u8 = 2;
const EXIT_REACH: u8 = 5;
/// Interactions that wait to be taken up.
const INTERACTIONS_WAITING: usize = 256;

/// What gives the bot a token that the daemon takes.
pub(crate) const TOKEN_FIX: &str = "calt token create --role relay --name discord, and give it to the bot as CALT_DAEMON_TOKEN or discord.relay_token_file";

/// What the bot is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The daemon's address, when somebody named it.
    pub base_url: Option<String>,
    /// The token of a relay.
    pub token: Option<String>,
    /// Where calt keeps its data.
    pub data_root: PathBuf,
    /// The configuration file, when somebody named it.
    pub config: Option<PathBuf>,
    /// The language of the person who starts it.
    pub language: Language,
}

/// The file in which a daemon says where it is, below the data root.
const FOUND_IN: &str = "daemon.json";

/// Why the bot does not run, and what to do.
struct Stop {
    code: u8,
    what: String,
    fix: String,
}

fn stop(code: u8, what: impl Into<String>, fix: impl Into<String>) -> Stop {
    Stop { code, what: what.into(), fix: fix.into() }
}

/// Runs the bot until it is told to end.
#[allow(clippy::print_stderr, reason = "this is the program's own voice")]
pub fn run(options: &Options) -> ExitCode {
    // As the daemon's log: colours are for a terminal, and for who wants them.
    let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(is_coloured);
    log.with_max_level(tracing::Level::INFO).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the bot cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(work(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop { code, what, fix }) => {
            let (error, hint) = (pick(options.language, "error", "エラー"), pick(options.language, "hint", "ヒント"));
            eprintln!("{error}: {}\n{hint}: {}", options.language.told(&what), options.language.told(&fix));
            ExitCode::from(code)
        }
    }
}

/// The way to the daemon that the options and the settings name.
pub(crate) fn place(options: &Options, settings: &Settings) -> Option<Place> {
    let token = settings.relay_token.clone().or_else(|| options.token.clone())?;
    Some(Place { base: options.base_url.clone(), found_in: options.data_root.join(FOUND_IN), token })
}

/// One provider of cryptography for every connection of this process.
pub(crate) fn choose_cryptography() {
    // An error says that one was chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn work(options: &Options) -> Result<(), Stop> {
    choose_cryptography();
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let settings = Settings::load(options.config.as_deref(), &environment)
        .map_err(|fault| stop(EXIT_USAGE, fault.to_string(), fault.fix))?;
    let place =
        place(options, &settings).ok_or_else(|| stop(EXIT_USAGE, "no token for the daemon is set", TOKEN_FIX))?;
    let daemon = Daemon::new(place).map_err(|fault| stop(EXIT_USAGE, fault.to_string(), "calt doctor"))?;
    daemon.speaks_for_persons().await.map_err(|fault| match &fault {
        CallError::Problem(problem) if problem.code == "not_allowed" => {
            stop(EXIT_REACH, "the token for the daemon is not a relay's", TOKEN_FIX)
        }
        CallError::Problem(_) | CallError::Unexpected(_) => stop(EXIT_REACH, fault.to_string(), "calt doctor"),
    })?;
    let (file, mut kept) = StateFile::open(&settings.state_file).map_err(|fault| {
        stop(
            EXIT_USAGE,
            format!("what the bot keeps cannot be read: {fault}"),
            "mend the file, or move it away to begin anew",
        )
    })?;
    let waiting = daemon.inbox().await.map_err(|fault| stop(EXIT_REACH, fault.to_string(), "calt doctor"))?;
    if file.is_new() {
        // What happened before the bot was there is not told; what waits is.
        kept.after = u64::try_from(waiting.newest_event).unwrap_or_default();
    }
    let (keeper, notices) = unbounded_channel();
    let bot = Arc::new(Bot::new(settings, daemon, keeper));
    for item in waiting.items {
        bot.tell(Notice::Look(item.session_id));
    }
    let gateway = gateway_url(&bot).await.map_err(|fault| unwelcome(&fault))?;
    bot.learn_language().await;
    register(&bot).await.map_err(|fault| unwelcome(&fault))?;
    let following = tokio::spawn(follow(Arc::clone(&bot), kept.after));
    let keeping = tokio::spawn(Keeper::new(Arc::clone(&bot), file, kept).work(notices));
    let ended = tokio::select! {
        why = serve(&bot, gateway) => Err(stop(EXIT_REACH, why, "calt doctor")),
        () = told_to_end() => Ok(()),
    };
    following.abort();
    keeping.abort();
    ended
}

fn unwelcome(fault: &RestFault) -> Stop {
    match fault.status {
        401 => stop(
            EXIT_REACH,
            "Discord does not accept the bot token",
            "make a new one in the developer portal, page \"Bot\"",
        ),
        _ => stop(EXIT_REACH, fault.to_string(), "calt doctor"),
    }
}

/// Where the gateway is: as set, or as Discord says, which also tells whether it takes the token.
async fn gateway_url(bot: &Bot) -> Result<Option<String>, RestFault> {
    let told = bot.rest.call(Call::new(Method::GET, "/gateway/bot".to_owned(), "gateway")).await?;
    let told = told["url"].as_str().map(|url| url.trim_end_matches('/').to_owned());
    Ok(bot.settings.gateway_url.clone().or(told))
}

/// The application's id.
pub(crate) async fn application(rest: &crate::rest::Rest) -> Result<String, RestFault> {
    let told = rest.call(Call::new(Method::GET, "/applications/@me".to_owned(), "applications")).await?;
    let missing = || RestFault { status: 0, code: 0, message: "no application was named".to_owned() };
    told["id"].as_str().map(str::to_owned).ok_or_else(missing)
}

/// Where the commands are registered: in each guild, or everywhere.
pub(crate) fn command_paths(settings: &Settings, application: &str) -> Vec<String> {
    if settings.guilds.is_empty() {
        return vec![format!("/applications/{application}/commands")];
    }
    settings.guilds.iter().map(|guild| format!("/applications/{application}/guilds/{guild}/commands")).collect()
}

async fn register(bot: &Bot) -> Result<(), RestFault> {
    let application = application(&bot.rest).await?;
    let commands = commands::definitions();
    for path in command_paths(&bot.settings, &application) {
        let call = Call::new(Method::PUT, path.clone(), &path);
        bot.rest.call(call.body(&commands)).await?;
    }
    Ok(())
}

/// Takes what comes from the gateway; each interaction is acted on beside the others.
async fn serve(bot: &Arc<Bot>, gateway: Option<String>) -> String {
    let (tell, mut told) = channel(INTERACTIONS_WAITING);
    let token = bot.settings.token.clone();
    let listening = listen(gateway, &token, tell);
    let acting = async {
        while let Some(told) = told.recv().await {
            match told {
                Told::Ready { application } => tracing::info!(application, "the bot is there"),
                Told::Interaction(value) => {
                    if let Some(interaction) = Interaction::read(&value) {
                        let bot = Arc::clone(bot);
                        tokio::spawn(async move { act(&bot, &interaction).await });
                    }
                }
            }
        }
    };
    tokio::select! {
        why = listening => why,
        () = acting => "the gateway is gone".to_owned(),
    }
}

async fn act(bot: &Bot, interaction: &Interaction) {
    if let Kind::Autocomplete { .. } = &interaction.kind {
        return slash::complete(bot, interaction).await;
    }
    if !bot.allows(&interaction.user) {
        return refuse(bot, interaction).await;
    }
    match &interaction.kind {
        Kind::Command { .. } => slash::handle(bot, interaction).await,
        Kind::Component { .. } | Kind::Modal { .. } => click::handle(bot, interaction).await,
        Kind::Autocomplete { .. } => {}
    }
}

/// Tells somebody who is not listed, once and only them, and the daemon too.
async fn refuse(bot: &Bot, interaction: &Interaction) {
    let content = pick(
        interaction.language(),
        "⛔ You are not on the list of those who may use calt here. The attempt is recorded.",
        "⛔ calt を使える人の一覧に載っていません。この操作は記録されました。",
    );
    let mut data = card::body(content, None, &[], &[]);
    data["flags"] = json!(crate::bot::FOR_ONE);
    bot.answer(interaction, 4, data).await;
    if let Err(fault) = bot.daemon.refused(&interaction.user).await {
        tracing::warn!("a refused account could not be recorded: {fault}");
    }
}

async fn told_to_end() {
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminated {
        Ok(mut terminated) => {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
