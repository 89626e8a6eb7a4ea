//! What `calt doctor` says of the bot: is it set up, is its token taken, are its commands there, is its channel open.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use crate::commands;
use crate::daemon::Daemon;
use crate::rest::{Call, Rest};
use crate::run::{Options, TOKEN_FIX, application, choose_cryptography, command_paths, place};
use crate::settings::Settings;

/// How long Discord may take to answer a check.
const CHECK_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// The verdict (`PASS`, `FAIL`, `SKIP`), what was found, and what would put it right.
pub type FoundWords = (&'static str, String, Option<String>);

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// It is fine.
    Pass(String),
    /// It is not, and what would put it right.
    Fail(String, String),
    /// There is nothing to look at.
    Skip(String),
}

impl Found {
    fn words(self) -> FoundWords {
        match self {
            Self::Pass(what) => ("PASS", what, None),
            Self::Fail(what, fix) => ("FAIL", what, Some(fix)),
            Self::Skip(what) => ("SKIP", what, None),
        }
    }
}

fn fail(what: impl Into<String>, fix: impl Into<String>) -> Found {
    Found::Fail(what.into(), fix.into())
}

/// Looks at everything, on a thread of its own. Nothing is posted and nothing is changed.
pub fn check(options: &Options) -> Vec<FoundWords> {
    let options = options.clone();
    let looking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| runtime.block_on(look(&options)))
    });
    let found = match looking.join() {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => vec![fail(format!("Discord could not be looked at: {error}"), "try again")],
        Err(_) => vec![fail("Discord could not be looked at", "try again")],
    };
    found.into_iter().map(Found::words).collect()
}

async fn look(options: &Options) -> Vec<Found> {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    if !Settings::is_configured(options.config.as_deref(), &environment) {
        return vec![Found::Skip("not configured (docs/discord.md)".to_owned())];
    }
    let settings = match Settings::load(options.config.as_deref(), &environment) {
        Ok(settings) => settings,
        Err(fault) => return vec![fail(fault.to_string(), fault.fix.clone())],
    };
    choose_cryptography();
    let mut found = vec![Found::Pass(match settings.allowed_users.len() {
        1 => "1 account may use the bot".to_owned(),
        count => format!("{count} accounts may use the bot"),
    })];
    found.extend(about_daemon(options, &settings).await);
    let rest = Rest::new(&settings.api_url, &settings.token);
    let application = match application_of(&rest).await {
        Ok(application) => application,
        Err(failed) => {
            found.push(failed);
            return found;
        }
    };
    found.push(Found::Pass(format!("the bot token is accepted (application {application})")));
    for path in command_paths(&settings, &application) {
        found.push(about_commands(&rest, &path).await);
    }
    found.push(about_channel(&rest, &settings).await);
    found
}

async fn about_daemon(options: &Options, settings: &Settings) -> Vec<Found> {
    let Some(place) = place(options, settings) else {
        return vec![fail("no token for the daemon is set", TOKEN_FIX)];
    };
    let not_taken = |fault| vec![fail(format!("the daemon does not take the bot's token: {fault}"), TOKEN_FIX)];
    let daemon = match Daemon::new(place) {
        Ok(daemon) => daemon,
        Err(fault) => return not_taken(fault),
    };
    match daemon.speaks_for_persons().await {
        Ok(()) => {
            let taken = Found::Pass("the daemon takes the bot's token, which is a relay's".to_owned());
            vec![taken, about_approvers(&daemon, settings).await]
        }
        Err(fault) => not_taken(fault),
    }
}

/// Whether anybody who is listed can do more than look.
async fn about_approvers(daemon: &Daemon, settings: &Settings) -> Found {
    let listed = settings.allowed_users.len();
    match daemon.approvers().await {
        Ok(approvers) => match settings.allowed_users.iter().filter(|user| approvers.contains(user)).count() {
            0 => fail(
                "none of the listed accounts is bound to somebody who may decide",
                "calt person add NAME --discord ID",
            ),
            some => Found::Pass(format!("{some} of {listed} listed accounts may decide")),
        },
        Err(fault) => fail(format!("who may decide is not known: {fault}"), "look at the daemon: calt doctor"),
    }
}

async fn application_of(rest: &Rest) -> Result<String, Found> {
    let told = tokio::time::timeout(CHECK_TIME_MAX, application(rest)).await;
    match told {
        Ok(Ok(application)) => Ok(application),
        Ok(Err(fault)) if fault.status == 401 => {
            Err(fail("Discord does not accept the bot token", "make a new one in the developer portal, page \"Bot\""))
        }
        Ok(Err(fault)) => Err(fail(fault.to_string(), "look at the bot in the developer portal")),
        Err(_) => Err(fail("Discord does not answer", "look at the network, and at discord.api_url")),
    }
}

async fn about_commands(rest: &Rest, path: &str) -> Found {
    let call = Call::new(Method::GET, path.to_owned(), path).within(CHECK_TIME_MAX);
    let listed = match rest.call(call).await {
        Ok(listed) => listed,
        Err(fault) => {
            return fail(
                format!("the commands cannot be seen: {fault}"),
                "invite the bot to the guild with the scope applications.commands",
            );
        }
    };
    let listed: Vec<_> = listed.as_array().into_iter().flatten().collect();
    let (mut missing, mut other) = (Vec::new(), Vec::new());
    let definitions = commands::definitions();
    for wanted in definitions.as_array().into_iter().flatten() {
        let name = wanted["name"].as_str().unwrap_or_default();
        match listed.iter().find(|known| known["name"] == name) {
            None => missing.push(name),
            Some(known) if !commands::is_same(known, wanted) => other.push(name),
            Some(_) => {}
        }
    }
    let fix = "start the bot, which registers them: calt discord";
    if !missing.is_empty() {
        fail(format!("these commands are not registered: {}", missing.join(", ")), fix)
    } else if !other.is_empty() {
        fail(format!("these commands are registered as another version has them: {}", other.join(", ")), fix)
    } else {
        let count = definitions.as_array().map_or(0, Vec::len);
        Found::Pass(format!("all {count} commands are registered"))
    }
}

/// Showing that somebody types is the one thing that needs the right to write and leaves nothing behind.
async fn about_channel(rest: &Rest, settings: &Settings) -> Found {
    let Some(channel) = &settings.channel else {
        return Found::Skip("no channel is set; nothing is posted by itself".to_owned());
    };
    let call = Call::new(Method::POST, format!("/channels/{channel}/typing"), &format!("{channel} typing"));
    match rest.call(call.within(CHECK_TIME_MAX)).await {
        Ok(Value::Null | _) => Found::Pass(format!("channel {channel} can be written")),
        Err(fault) => fail(
            format!("channel {channel} cannot be written: {fault}"),
            "give the bot View Channel, Send Messages, Embed Links, Attach Files and Read Message History there",
        ),
    }
}
