//! From the command line to a listening daemon, and from a signal to a clean end.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use calt_api::Language;
use calt_api::visible::visible_line;
use calt_engine::core::Digest;
use calt_engine::core::digest::Digesting;
use calt_engine::core::moment::{Moment, pass};
use calt_engine::store::OpenError;
use calt_engine::tools::Isolation;
use calt_engine::{Engine, EngineConfig, Fault, OpenFault, StartReport};
use rustix::process::umask;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::app::{App, AppParts};
use crate::auth::EnvironmentToken;
use crate::ground::{Ground, GroundFault, readable_by_commands};
use crate::host::ServedHosts;
use crate::limits::{ACCESS_REPORT_EVERY, CLOSE_TIME_MAX, METRICS_UPKEEP_EVERY};
use crate::settings::{Settings, SettingsFault};
use crate::trial::{self, UnknownTrial};
use crate::{logs, notify, router, server};

/// Threads that serve requests; tools and storage have their own.
const SERVING_THREADS: usize = 2;
/// Most threads for work that blocks: reads, files, tools.
const BLOCKING_THREADS_MAX: usize = 64;
/// How long threads that still work may hold up the end of the process.
const LAST_THREADS_TIME_MAX: Duration = Duration::from_secs(1);
/// How often an idle background daemon looks whether it may end, at most.
const IDLE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// Exit code: the command line or the configuration is wrong.
const EXIT_USAGE: u8 = 2;
/// Exit code: the machine does not allow it now (`EX_UNAVAILABLE`).
const EXIT_MACHINE: u8 = 69;

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
enum StartFault {
    #[error(transparent)]
    Settings(#[from] SettingsFault),
    #[error("`{host}` is not a host this machine knows")]
    UnknownHost { host: String },
    #[error("`{host}` can be reached from other machines; set `allow_remote = true` under `[server]` if that is meant")]
    Remote { host: String },
    #[error("`{path}` lies in `{place}`, which every command may read; choose another data root or database")]
    Readable { path: String, place: String },
    #[error("`{path}` belongs to user {owner}; start its daemon as that user")]
    OfSomebodyElse { path: String, owner: u32 },
    #[error(transparent)]
    Trial(#[from] UnknownTrial),
    #[error(transparent)]
    Ground(#[from] GroundFault),
    #[error(transparent)]
    Open(#[from] OpenFault),
    #[error("cannot listen on {address}: {fault}")]
    Listen { address: SocketAddr, fault: std::io::Error },
    #[error("the owner's token could not be made again: {0}")]
    OwnerToken(Fault),
    #[error("the runtime could not be set up: {0}")]
    Runtime(std::io::Error),
}

impl StartFault {
    const fn exit(&self) -> u8 {
        match self {
            Self::Settings(_)
            | Self::UnknownHost { .. }
            | Self::Remote { .. }
            | Self::Readable { .. }
            | Self::OfSomebodyElse { .. }
            | Self::Trial(_) => EXIT_USAGE,
            Self::Ground(_) | Self::Open(_) | Self::Listen { .. } | Self::OwnerToken(_) | Self::Runtime(_) => {
                EXIT_MACHINE
            }
        }
    }
}

impl StartFault {
    /// The command that leads on.
    const fn way_on(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "calt daemon --port 0",
            Self::Ground(GroundFault::Taken { .. }) => "calt daemon stop",
            Self::Settings(_)
            | Self::UnknownHost { .. }
            | Self::Remote { .. }
            | Self::Readable { .. }
            | Self::OfSomebodyElse { .. }
            | Self::Trial(_) => "calt daemon --help",
            Self::Ground(GroundFault::Disk { .. }) | Self::Open(_) | Self::OwnerToken(_) | Self::Runtime(_) => {
                "calt doctor"
            }
        }
    }
}

/// Reads the settings as the daemon would.
pub(crate) fn settings(options: &Options) -> Result<Settings, SettingsFault> {
    let environment =
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    Settings::load(options, environment.collect())
}

/// Runs the daemon until it is told to end.
pub(crate) fn run(options: &Options) -> ExitCode {
    let settings = settings(options);
    logs::start(settings.as_ref().map_or("info", |settings| settings.log_level.as_str()));
    logs::panics();
    // From here on what the daemon makes is its user's alone.
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    let lived = settings.map_err(StartFault::from).and_then(|settings| live(&settings, options.background));
    match lived {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if let Some(language) = options.language.filter(|_| std::io::stderr().is_terminal()) {
                tell(language, &fault);
            } else {
                tracing::error!("the daemon did not start: {fault}");
            }
            if let StartFault::Open(OpenFault::Store(OpenError::Corrupt { .. })) = &fault {
                tracing::error!(
                    "`calt record rebuild` makes again what can be made from the events; if an event is damaged, \
                     `calt record restore` fills a new data root from a backup"
                );
            }
            ExitCode::from(fault.exit())
        }
    }
}

/// Says to the person at the terminal why, and what they could do.
fn tell(language: Language, fault: &StartFault) {
    let (did_not_start, hint) = match language {
        Language::English => ("error: the daemon did not start", "hint"),
        Language::Japanese => ("エラー: デーモンを起動できませんでした", "ヒント"),
    };
    let why = language.told(&fault.to_string());
    let told = format!("{did_not_start}: {}\n{hint}: {}\n", visible_line(&why), fault.way_on());
    // Nobody is there to be told that nothing could be told.
    let _ = std::io::stderr().write_all(told.as_bytes());
}

fn live(settings: &Settings, background: bool) -> Result<(), StartFault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVING_THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .map_err(StartFault::Runtime)?;
    let lived = runtime.block_on(async {
        let ending = CancellationToken::new();
        end_on_signal(&ending, background).map_err(StartFault::Runtime)?;
        serve(settings, background, ending).await
    });
    runtime.shutdown_timeout(LAST_THREADS_TIME_MAX);
    lived
}

async fn serve(settings: &Settings, background: bool, ending: CancellationToken) -> Result<(), StartFault> {
    trial::arm()?;
    let address = address(settings).await?;
    of_this_user(&settings.data_root)?;
    let ground = Ground::take(&settings.data_root, &settings.db_path)?;
    apart_from_commands(settings)?;
    // Bound before the store opens: a taken port is said at once, and early clients wait instead of failing.
    let listener = server::bind(address).map_err(|fault| StartFault::Listen { address, fault })?;
    let address = listener.local_addr().map_err(|fault| StartFault::Listen { address, fault })?;
    let (engine, report) = Engine::open(engine_config(settings)).await?;
    let token = owner_token(&ground, &engine, &report).await?;
    let app = App::new(AppParts {
        engine: engine.clone(),
        hosts: ServedHosts::new(address, &settings.host, &settings.allowed_hosts),
        environment: EnvironmentToken::new(settings.token.as_deref()),
        ending: ending.clone(),
        settings: settings.report().to_vec(),
    });
    pass(Moment::BeforeListening);
    ground.announce(address, &token, calt_engine::now())?;
    if report.store.missing_events > 0 {
        tracing::error!(
            "the log misses {} events that were acknowledged before; the daemon only reads, until `calt record accept-loss`",
            report.store.missing_events
        );
    }
    tracing::info!(
        data_root = %settings.data_root.display(),
        interrupted = report.interrupted.len(),
        "calt listens on http://{address}"
    );
    if background {
        tokio::spawn(end_when_idle(app.clone(), Duration::from_secs(settings.idle_seconds)));
    }
    let upkeep = tokio::spawn(upkeep(app.clone()));
    if let Some(webhook) = settings.webhook.clone()
        && let Err(fault) = notify::begin(app.clone(), webhook, settings.data_root.clone())
    {
        // A daemon whose disk takes nothing more still answers.
        tracing::error!("no webhook is sent: {fault}");
    }
    listen(listener, &app).await;
    upkeep.abort();
    app.refused.report(&engine).await;
    ground.withdraw();
    if tokio::time::timeout(CLOSE_TIME_MAX, engine.close()).await.is_err() {
        tracing::warn!("runs did not end in time; the next start records them as interrupted");
    }
    tracing::info!("calt has ended");
    Ok(())
}

async fn listen(listener: TcpListener, app: &App) {
    let router = router::router(app.clone());
    server::serve(listener, router, app.activity.clone(), app.ending.clone()).await;
}

async fn address(settings: &Settings) -> Result<SocketAddr, StartFault> {
    let host = settings.host.trim_start_matches('[').trim_end_matches(']');
    let unknown = || StartFault::UnknownHost { host: settings.host.clone() };
    let mut found: Vec<SocketAddr> =
        tokio::net::lookup_host((host, settings.port)).await.map_err(|_| unknown())?.collect();
    // `localhost` may stand for both loopback addresses; clients try 127.0.0.1 first.
    found.sort_by_key(SocketAddr::is_ipv6);
    let address = found.into_iter().next().ok_or_else(unknown)?;
    if address.ip().is_loopback() || settings.allow_remote {
        return Ok(address);
    }
    Err(StartFault::Remote { host: settings.host.clone() })
}

/// A data root has one user. Files of another's, root's too, would keep theirs from starting.
fn of_this_user(root: &Path) -> Result<(), StartFault> {
    match root.metadata() {
        Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => {
            Err(StartFault::OfSomebodyElse { path: root.display().to_string(), owner: found.uid() })
        }
        // One that is not there is made, and one that cannot be looked at is told of by whoever opens it.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What is calt's own must lie where no box shows it: an ordinary user's commands have that user's rights.
fn apart_from_commands(settings: &Settings) -> Result<(), StartFault> {
    let roots = settings.python.iter().flat_map(|python| python.roots.iter().cloned());
    let places: Vec<_> = calt_engine::tools::SYSTEM_DIRECTORIES.iter().map(Into::into).chain(roots).collect();
    match readable_by_commands(&[&settings.data_root, &settings.db_path], &places) {
        Some((path, place)) => {
            Err(StartFault::Readable { path: path.display().to_string(), place: place.display().to_string() })
        }
        None => Ok(()),
    }
}

fn engine_config(settings: &Settings) -> EngineConfig {
    let python = settings.python.as_ref().map(|python| calt_engine::tools::Interpreter {
        interpreter: python.interpreter.clone(),
        roots: python.roots.clone(),
    });
    EngineConfig {
        database: settings.db_path.clone(),
        data_root: settings.data_root.clone(),
        python,
        isolation: Isolation {
            tier_max: settings.tier_max,
            run_as: settings.run_as,
            tests_without_namespaces: settings.tests_without_namespaces,
            ..Isolation::default()
        },
        kept: settings.configuration.clone(),
        quota: settings.quota,
        checkpoint_file: settings.checkpoint_file.clone(),
        demands: settings.demands,
        secrets: settings.token.iter().chain(&settings.webhook_secret).cloned().collect(),
        config_sha256: Digest::of_bytes(settings.canonical().as_bytes()),
        binary_sha256: own_digest,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// SHA-256 of the running program; of no bytes when the system does not let it read itself.
fn own_digest() -> Digest {
    use std::io::Read as _;
    const PIECE_BYTES: usize = 64 * 1024;
    let (mut digest, mut piece) = (Digesting::default(), vec![0; PIECE_BYTES]);
    if let Ok(mut program) = std::fs::File::open("/proc/self/exe") {
        while let Ok(read @ 1..) = program.read(&mut piece) {
            digest.update(&piece[..read]);
        }
    }
    digest.finish()
}

/// The token that clients of this data root find: the one on disk, or a new one if that is gone or revoked.
async fn owner_token(ground: &Ground, engine: &Engine, report: &StartReport) -> Result<String, StartFault> {
    if let Some(first) = &report.owner_token {
        ground.keep_owner_token(first)?;
        return Ok(first.clone());
    }
    if let Some(kept) = ground.owner_token() {
        let hash = Digest::of_bytes(kept.as_bytes());
        let now = calt_engine::latest();
        let is_live = engine.roster().tokens().any(|token| {
            token.hash == hash && token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end)
        });
        if is_live {
            return Ok(kept);
        }
    }
    if report.store.missing_events > 0 {
        tracing::warn!("the owner's token is not known to what is left of the log; `CALT_DAEMON_TOKEN` still opens it");
        return Ok(String::new());
    }
    tracing::warn!("the owner's token file was missing or no longer valid; a new token was made");
    let renewed = engine.renew_owner_token().await.map_err(StartFault::OwnerToken)?;
    ground.keep_owner_token(&renewed)?;
    Ok(renewed)
}

fn end_on_signal(ending: &CancellationToken, background: bool) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A background daemon outlives the terminal of the client that started it.
    if background {
        // Once registered it never ends the process again; nobody needs to be told.
        drop(signal(SignalKind::hangup())?);
    }
    let ending = ending.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("the daemon was told to end");
        ending.cancel();
    });
    Ok(())
}

/// Ends a background daemon that nobody has needed for a while.
async fn end_when_idle(app: App, idle: Duration) {
    let look_every = IDLE_LOOK_EVERY.min(idle / 4).max(Duration::from_millis(50));
    loop {
        tokio::select! {
            () = app.ending.cancelled() => return,
            () = tokio::time::sleep(look_every) => {}
        }
        if app.activity.quiet_for() >= idle && app.engine.runs_in_progress() == 0 && !app.waits_for_a_person().await {
            tracing::info!(idle_seconds = idle.as_secs(), "nobody needs the daemon; it ends");
            app.ending.cancel();
            return;
        }
    }
}

/// What recurs: refused accesses into the log, histograms folded.
async fn upkeep(app: App) {
    let mut reports = tokio::time::interval(ACCESS_REPORT_EVERY);
    let mut folds = tokio::time::interval(METRICS_UPKEEP_EVERY);
    reports.reset();
    loop {
        tokio::select! {
            _ = reports.tick() => app.refused.report(&app.engine).await,
            _ = folds.tick() => app.metrics.upkeep(),
        }
    }
}
