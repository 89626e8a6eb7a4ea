//! `calt doctor`: what is set up and what is missing, with the fix, and where each value came from.

mod machine;
mod probe;
mod report;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use calt_api::client::Client;
use calt_api::endpoint;
use serde_json::Value;

use crate::autostart;
use crate::context::Context;
use crate::fault::Fault;
use crate::place::{self, Sourced};
use crate::render::{self, Place};
use report::{Area, Report};

/// Where the daemon keeps the owner's token, below the data root.
const OWNER_TOKEN_FILE: &str = "owner.token";
/// The first owner's name.
const OWNER: &str = "owner";
/// How a PIN is set.
const SET_PIN: &str = "calt daemon stop && calt pin set";

pub(crate) async fn run(context: &Context) -> Result<(), Fault> {
    let mut report = Report::default();
    if rustix::process::geteuid().is_root() {
        report.warn(Area::Machine, "calt runs as root", "run it as a user of its own");
    }
    match context.data_root() {
        Ok(root) => about_data_root(&mut report, context, &root),
        Err(fault) => report.fail(Area::Configuration, first_line(&fault), "export CALT_DATA_ROOT=DIR"),
    }
    about_options(&mut report, context);
    match context.client().await {
        Ok(client) => {
            about_daemon(&mut report, context, &client).await?;
            about_decisions(&mut report, context, &client).await;
        }
        Err(fault) => report.fail(Area::Daemon, first_line(&fault), hint_of(&fault)),
    }
    machine::about_disk(&mut report, context);
    about_discord(&mut report, context);
    context.show(&report.json(), |_| report.text(Place::Data.is_coloured()))?;
    if report.has_failed() { Err(Fault::Found) } else { Ok(()) }
}

/// The bot: is it set up, is its token taken, are its commands there, is its channel open.
fn about_discord(report: &mut Report, context: &Context) {
    let Ok(arguments) = crate::chat::arguments(context, None) else { return };
    for (verdict, what, fix) in (context.chat)(&arguments) {
        match verdict {
            "PASS" => report.pass(Area::Discord, what),
            "SKIP" => report.skip(Area::Discord, what, fix),
            _ => report.fail(Area::Discord, what, fix.unwrap_or_default()),
        }
    }
}

fn about_data_root(report: &mut Report, context: &Context, root: &Sourced<std::path::PathBuf>) {
    let path = shown(&root.value);
    match std::fs::metadata(&root.value) {
        Err(_) => report.pass(Area::Configuration, format!("the data root {path} will be made by the first run")),
        Ok(found) if !found.is_dir() => {
            report.fail(
                Area::Configuration,
                format!("the data root {path} is no directory"),
                "export CALT_DATA_ROOT=DIR",
            );
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            let fix = format!("chmod 700 {}", crate::hint::quoted(&root.value.display().to_string()));
            report.warn(Area::Configuration, format!("the data root {path} can be read by others"), fix);
        }
        Ok(_) => report.pass(Area::Configuration, format!("the data root {path} is yours alone")),
    }
    if context.base_url().is_none() {
        let runs = autostart::find(&root.value).is_some();
        report.pass(Area::Daemon, if runs { "a daemon runs" } else { "no daemon ran; one is started now" });
    }
    report.setting("data root", path, &root.from);
}

/// Who could say yes in whose name, as things are now.
async fn about_decisions(report: &mut Report, context: &Context, client: &Client) {
    // Only an owner's token shows who has a PIN; where it does not, none is taken to stand.
    let page = context.fetch(client, &endpoint::LIST_PERSONS, &[], &[("limit", "500")]).await.unwrap_or_default();
    let decides = |person: &&Value| {
        let role = person["role"].as_str().unwrap_or_default();
        person["kind"] == "person" && person["removed_at"].is_null() && ["approver", "owner"].contains(&role)
    };
    let persons: Vec<&Value> = render::items(&page["items"]).iter().filter(decides).collect();
    let whose = |pin: &str| -> Vec<String> {
        let theirs = persons.iter().filter(|person| person["pin"] == pin);
        theirs.map(|person| render::word(&person["name"])).collect()
    };
    for name in whose("unusable") {
        report.fail(
            Area::Decisions,
            format!("the hash of {name}'s PIN is not the one that was recorded: no PIN of theirs opens anything"),
            "calt record verify",
        );
    }
    let without = whose("none");
    if whose("set").len() == persons.len() && !persons.is_empty() {
        return report.pass(Area::Decisions, "everybody who decides has a PIN: no program approves with a token alone");
    }
    about_own_programs(report, context, persons.is_empty() || without.iter().any(|name| name == OWNER));
    for name in without {
        let fix = if name == OWNER { SET_PIN.to_owned() } else { format!("{SET_PIN} --for {name}") };
        report.warn(
            Area::Decisions,
            format!("{name} has no PIN: whoever holds a token of theirs decides in their name"),
            fix,
        );
    }
}

/// Which programs of this user could say yes in the owner's name.
fn about_own_programs(report: &mut Report, context: &Context, owner_has_none: bool) {
    let token = context.data_root().ok().map(|root| root.value.join(OWNER_TOKEN_FILE));
    if let Some(token) = token.filter(|token| owner_has_none && std::fs::File::open(token).is_ok()) {
        report.warn(
            Area::Decisions,
            format!("every program of this user could approve now: it can read the owner's token in {}", shown(&token)),
            format!("{SET_PIN}; or run agents as another user, with a token of role agent"),
        );
    }
    if owner_has_none && context.token().is_some_and(|token| token.from == "environment") {
        report.warn(
            Area::Decisions,
            "every program with this environment could speak as the token in CALT_DAEMON_TOKEN",
            format!("{SET_PIN}; or unset CALT_DAEMON_TOKEN where agents run"),
        );
    }
}

/// What the command line itself was told.
fn about_options(report: &mut Report, context: &Context) {
    match context.base_url() {
        Some(base) => report.setting("base URL", base.value.clone(), &base.from),
        None => report.setting("base URL", "(the daemon of the data root)", "default"),
    }
    match context.token() {
        Some(token) => report.setting("token", "(set)", &token.from),
        None => report.setting("token", "(the owner's, of the data root)", "default"),
    }
    match place::configuration_file() {
        Some(file) if file.is_file() => report.setting("configuration file", shown(&file), "default"),
        Some(file) => report.setting("configuration file", format!("(none at {})", shown(&file)), "default"),
        None => report.setting("configuration file", "(none)", "default"),
    }
}

async fn about_daemon(report: &mut Report, context: &Context, client: &Client) -> Result<(), Fault> {
    let sandbox = match context.fetch(client, &endpoint::SANDBOX, &[], &[]).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let fault = Fault::from(error);
            let fix = match context.token().map(|token| token.from.as_str()) {
                Some("environment") => "unset CALT_DAEMON_TOKEN, or set one that this daemon knows".to_owned(),
                Some(_) => "leave out --token, or give one that this daemon knows".to_owned(),
                None => hint_of(&fault),
            };
            report.fail(Area::Daemon, format!("{}: {}", client.base(), first_line(&fault)), fix);
            return Ok(());
        }
    };
    about_version(report, context, client).await;
    about_isolation(report, &sandbox);
    let mut database = None;
    for setting in render::items(&sandbox["settings"]) {
        let text = |name: &str| render::word(&setting[name]);
        let value = if setting["value"] == "" { "(none)".to_owned() } else { text("value") };
        report.setting(&format!("daemon: {}", text("name")), value, &text("from"));
        if setting["name"] == "storage.db_path" {
            database = setting["value"].as_str();
        }
    }
    machine::about_record(report, context, client, database).await;
    probe::run(report, context, client).await
}

async fn about_version(report: &mut Report, context: &Context, client: &Client) {
    let own = env!("CARGO_PKG_VERSION");
    let health: Value = context.fetch(client, &endpoint::HEALTH, &[], &[]).await.unwrap_or_default();
    let theirs = render::word(&health["version"]);
    let answers = format!("the daemon answers at {}, and takes the token", client.base());
    if theirs == own {
        report.pass(Area::Daemon, format!("{answers}; version {own}"));
    } else {
        let fix = "calt daemon stop; the next command starts one of this version";
        report.warn(Area::Daemon, format!("{answers}; it is version {theirs}, and this is {own}"), fix);
    }
}

fn about_isolation(report: &mut Report, sandbox: &Value) {
    let isolation = format!("isolation {}: {}", render::word(&sandbox["tier"]), render::word(&sandbox["meaning"]));
    if sandbox["tier"] == "full" {
        report.pass(Area::Isolation, isolation);
    } else {
        let fix = "see the lines below; approve only commands whose whole effect you can see";
        report.warn(Area::Isolation, isolation, fix);
    }
    for layer in render::items(&sandbox["layers"]) {
        report.layer(layer, sandbox["tier"] == "none");
    }
    let (found, missing): (Vec<&Value>, Vec<&Value>) =
        render::items(&sandbox["programs"]).iter().partition(|program| program["path"].is_string());
    if !found.is_empty() {
        let found: Vec<_> = found.iter().map(|program| render::word(&program["path"])).collect();
        report.pass(Area::Isolation, format!("programs for commands: {}", found.join(", ")));
    }
    for program in missing {
        report.warn(
            Area::Isolation,
            format!("{} is missing; steps that use it will fail", render::word(&program["name"])),
            format!("apt-get install {}", render::word(&program["package"])),
        );
    }
}

fn shown(path: &Path) -> String {
    calt_api::visible::visible_line(&path.display().to_string()).into_owned()
}

fn first_line(fault: &Fault) -> String {
    let text = fault.render();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn hint_of(fault: &Fault) -> String {
    let text = fault.render();
    text.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap_or("calt daemon").to_owned()
}
