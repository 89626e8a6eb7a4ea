//! `calt doctor`: what is set up and what is missing, with the fix, and where each value came from.

mod machine;
mod probe;
mod report;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use calt_api::client::Client;
use calt_api::endpoint;
use calt_api::visible::visible_line;
use serde_json::Value;

use crate::autostart;
use crate::context::Context;
use crate::fault::Fault;
use crate::place::{self, Sourced};
use crate::render::{self, Place};
use crate::words::{LANGUAGES, chosen, language, t};
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
        report.warn(Area::Machine, t!("calt runs as root"), t!("run it as a user of its own"));
    }
    match context.data_root() {
        Ok(root) => about_data_root(&mut report, context, &root),
        Err(fault) => report.fail(Area::Configuration, first_line(&fault), "export CALT_DATA_ROOT=DIR"),
    }
    about_options(&mut report, context);
    match context.client_alone().await {
        Ok(client) => {
            about_daemon(&mut report, context, &client).await?;
            // A token that opens nothing was told of there; whose it is stays unknown then.
            let _ = context.look_who_speaks(&client).await;
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
        let is_set_up = !what.starts_with("not configured");
        let (what, fix) = (language().told(&what), fix.map(|fix| language().told(&fix)));
        match verdict {
            "PASS" => report.pass(Area::Discord, what),
            "SKIP" if !is_set_up => {
                let way = t!("for a bot, see docs/discord.md (a package has it in /usr/share/doc/calt)");
                report.skip(Area::Discord, t!("not configured"), Some(way));
            }
            "SKIP" => report.skip(Area::Discord, what, fix),
            _ => report.fail(Area::Discord, what, fix.unwrap_or_default()),
        }
    }
}

fn about_data_root(report: &mut Report, context: &Context, root: &Sourced<std::path::PathBuf>) {
    let path = shown(&root.value);
    match std::fs::metadata(&root.value) {
        Err(_) => {
            report.pass(Area::Configuration, t!("the data root {path} will be made by the first run", path = path));
        }
        Ok(found) if !found.is_dir() => {
            report.fail(
                Area::Configuration,
                t!("the data root {path} is no directory", path = path),
                "export CALT_DATA_ROOT=DIR",
            );
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            let fix = format!("chmod 700 {}", crate::hint::quoted(&root.value.display().to_string()));
            report.warn(Area::Configuration, t!("the data root {path} can be read by others", path = path), fix);
        }
        Ok(_) => report.pass(Area::Configuration, t!("the data root {path} is yours alone", path = path)),
    }
    if context.base_url().is_none() {
        let runs = autostart::find(&root.value).is_some();
        report.pass(Area::Daemon, if runs { t!("a daemon runs") } else { t!("no daemon ran; one is started now") });
    }
    report.setting(&t!("data root"), path, &root.from);
    about_language(report);
}

/// In which language the person is spoken to, and whether the configuration names one that calt does not speak.
fn about_language(report: &mut Report) {
    if let Some(odd) = place::language().filter(|named| !LANGUAGES.contains(&named.value.as_str())) {
        report.warn(
            Area::Configuration,
            t!("`cli.language` is not `{language}`: calt does not speak it", language = visible_line(&odd.value)),
            t!("set it to one of {languages}, or leave it out", languages = LANGUAGES.join(&t!(", "))),
        );
    }
    let chosen = chosen();
    report.setting(&t!("language"), visible_line(&chosen.value), &chosen.from);
}

/// Who could say yes in whose name, as things are now.
async fn about_decisions(report: &mut Report, context: &Context, client: &Client) {
    // Only an owner's token shows who has a PIN. Where it does not, nothing is known of them.
    let page: Result<Value, _> = context.fetch(client, &endpoint::LIST_PERSONS, &[], &[("limit", "500")]).await;
    let Ok(page) = page else {
        report.skip(Area::Decisions, t!("this token does not show who has a PIN"), None);
        return about_own_programs(report, context, false);
    };
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
            t!(
                "the hash of {name}'s PIN is not the one that was recorded: no PIN of theirs opens anything",
                name = name
            ),
            "calt record verify",
        );
    }
    let without = whose("none");
    if whose("set").len() == persons.len() && !persons.is_empty() {
        return report
            .pass(Area::Decisions, t!("everybody who decides has a PIN: no program approves with a token alone"));
    }
    about_own_programs(report, context, persons.is_empty() || without.iter().any(|name| name == OWNER));
    for name in without {
        let fix = if name == OWNER { SET_PIN.to_owned() } else { format!("{SET_PIN} --for {name}") };
        report.warn(
            Area::Decisions,
            t!("{name} has no PIN: whoever holds a token of theirs decides in their name", name = name),
            fix,
        );
    }
}

/// Which programs of this user could say yes in the owner's name.
fn about_own_programs(report: &mut Report, context: &Context, owner_has_none: bool) {
    // The token of the data root here opens nothing of a daemon that lives elsewhere.
    let is_of_here = context.base_url().is_none_or(|base| context.stored_token_for(&base.value).is_some());
    let token = context.data_root().ok().filter(|_| is_of_here).map(|root| root.value.join(OWNER_TOKEN_FILE));
    if let Some(token) = token.filter(|token| owner_has_none && std::fs::File::open(token).is_ok()) {
        report.warn(
            Area::Decisions,
            t!(
                "every program of this user could approve now: it can read the owner's token in {path}",
                path = shown(&token)
            ),
            t!("{command}; or run agents as another user, with a token of role agent", command = SET_PIN),
        );
    }
    let from_environment = context.token().is_some_and(|token| token.from == "environment");
    if let Some(caller) = context.caller().filter(|caller| from_environment && !caller.may_decide) {
        report.pass(
            Area::Decisions,
            t!(
                "the token in CALT_DAEMON_TOKEN is {name}'s, of role {role}: nothing is approved with it",
                name = visible_line(&caller.name),
                role = caller.role
            ),
        );
    } else if owner_has_none && from_environment {
        report.warn(
            Area::Decisions,
            t!("every program with this environment could speak as the token in CALT_DAEMON_TOKEN"),
            t!("{command}; or unset CALT_DAEMON_TOKEN where agents run", command = SET_PIN),
        );
    }
}

/// What the command line itself was told.
fn about_options(report: &mut Report, context: &Context) {
    match context.base_url() {
        Some(base) => report.setting(&t!("base URL"), base.value.clone(), &base.from),
        None => report.setting(&t!("base URL"), t!("(the daemon of the data root)"), "default"),
    }
    match context.token() {
        Some(token) => report.setting(&t!("token"), t!("(set)"), &token.from),
        None => report.setting(&t!("token"), t!("(the owner's, of the data root)"), "default"),
    }
    match place::configuration_file() {
        Some(file) if file.is_file() => report.setting(&t!("configuration file"), shown(&file), "default"),
        Some(file) => {
            report.setting(&t!("configuration file"), t!("(none at {path})", path = shown(&file)), "default");
        }
        None => report.setting(&t!("configuration file"), t!("(none)"), "default"),
    }
}

async fn about_daemon(report: &mut Report, context: &Context, client: &Client) -> Result<(), Fault> {
    let sandbox = match context.fetch(client, &endpoint::SANDBOX, &[], &[]).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let fault = Fault::from(error);
            let fix = match context.token().map(|token| token.from.as_str()) {
                Some("environment") => t!("unset CALT_DAEMON_TOKEN, or set one that this daemon knows"),
                Some(_) => t!("leave out --token, or give one that this daemon knows"),
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
        let value = if setting["value"] == "" { t!("(none)") } else { text("value") };
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
    if theirs == own {
        let what = t!(
            "the daemon answers at {address}, and takes the token; version {version}",
            address = client.base(),
            version = own
        );
        report.pass(Area::Daemon, what);
    } else {
        let what = t!(
            "the daemon answers at {address}, and takes the token; it is version {theirs}, and this is {own}",
            address = client.base(),
            theirs = theirs,
            own = own
        );
        report.warn(Area::Daemon, what, t!("calt daemon stop; the next command starts one of this version"));
    }
}

fn about_isolation(report: &mut Report, sandbox: &Value) {
    let tier = render::word(&sandbox["tier"]);
    let meaning = language().isolation(&tier).map_or_else(|| render::word(&sandbox["meaning"]), str::to_owned);
    let isolation = t!("isolation {tier}: {meaning}", tier = tier, meaning = meaning);
    if sandbox["tier"] == "full" {
        report.pass(Area::Isolation, isolation);
    } else {
        let fix = t!("see the lines below; approve only commands whose whole effect you can see");
        report.warn(Area::Isolation, isolation, fix);
    }
    for layer in render::items(&sandbox["layers"]) {
        report.layer(layer, sandbox["tier"] == "none");
    }
    let (found, missing): (Vec<&Value>, Vec<&Value>) =
        render::items(&sandbox["programs"]).iter().partition(|program| program["path"].is_string());
    if !found.is_empty() {
        let found: Vec<_> = found.iter().map(|program| render::word(&program["path"])).collect();
        report.pass(Area::Isolation, t!("programs for commands: {paths}", paths = found.join(&t!(", "))));
    }
    for program in missing {
        report.warn(
            Area::Isolation,
            t!("{program} is missing; steps that use it will fail", program = render::word(&program["name"])),
            format!("apt-get install {}", render::word(&program["package"])),
        );
    }
}

fn shown(path: &Path) -> String {
    calt_api::visible::visible_line(&path.display().to_string()).into_owned()
}

fn first_line(fault: &Fault) -> String {
    fault.said().lines().next().unwrap_or_default().to_owned()
}

fn hint_of(fault: &Fault) -> String {
    fault.hint().unwrap_or_else(|| "calt daemon".to_owned())
}
