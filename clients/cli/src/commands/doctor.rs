//! `calt doctor`: what is set up and what is missing, with the fix, and where each value came from.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use calt_api::client::Client;
use calt_api::endpoint;
use serde_json::{Value, json};

use crate::autostart;
use crate::chat::ChatFound;
use crate::context::Context;
use crate::fault::Fault;
use crate::place::{self, Sourced};
use crate::render::{self, Sheet};
use crate::table::{padded, rows, table};

/// Where the daemon keeps the owner's token, below the data root.
const OWNER_TOKEN_FILE: &str = "owner.token";

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Warn,
    Degraded,
    Fail,
    Skip,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Degraded => "DEGRADED",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        }
    }
}

/// What was found, line by line, and the configuration.
#[derive(Default)]
struct Report {
    lines: Vec<(Verdict, String, Option<String>)>,
    settings: Vec<[String; 3]>,
}

impl Report {
    fn pass(&mut self, what: impl Into<String>) {
        self.lines.push((Verdict::Pass, what.into(), None));
    }

    fn warn(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.lines.push((Verdict::Warn, what.into(), Some(fix.into())));
    }

    fn fail(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.lines.push((Verdict::Fail, what.into(), Some(fix.into())));
    }

    /// A layer of the box. One that does not hold is a failure only where nothing else holds a command.
    fn layer(&mut self, layer: &Value, nothing_holds: bool) {
        let what = format!("layer {}: {}", render::word(&layer["name"]), render::word(&layer["cause"]));
        let verdict = match layer["verdict"].as_str() {
            Some("PASS") => Verdict::Pass,
            Some("FAIL") if nothing_holds => Verdict::Fail,
            Some(_) | None => Verdict::Degraded,
        };
        self.lines.push((verdict, what, layer["fix"].as_str().map(str::to_owned)));
    }

    fn setting(&mut self, name: &str, value: impl Into<String>, from: &str) {
        self.settings.push([name.to_owned(), value.into(), from.to_owned()]);
    }

    fn json(&self) -> Value {
        let line = |(verdict, what, fix): &(Verdict, String, Option<String>)| json!({"verdict": verdict.word(), "what": what, "fix": fix});
        let setting = |[name, value, from]: &[String; 3]| json!({"name": name, "value": value, "from": from});
        json!({
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
            "settings": self.settings.iter().map(setting).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let mut sheet = Sheet::default();
        // Each line is a table of its own, for its fix stands below it; the verdicts are as wide as the widest.
        let width = self.lines.iter().map(|(verdict, ..)| verdict.word().len()).max().unwrap_or(0);
        for (verdict, what, fix) in &self.lines {
            sheet.add(&rows(&[vec![padded(verdict.word(), width), what.clone()]]));
            if let Some(fix) = fix {
                sheet.line(format_args!("{}  fix: {fix}", " ".repeat(width)));
            }
        }
        sheet.line("");
        let setting = |[name, value, from]: &[String; 3]| vec![name.clone(), from.clone(), value.clone()];
        sheet.add(&table(&["SETTING", "FROM", "VALUE"], &self.settings.iter().map(setting).collect::<Vec<_>>()));
        sheet.done()
    }
}

pub(crate) async fn run(context: &Context) -> Result<(), Fault> {
    let mut report = Report::default();
    if rustix::process::geteuid().is_root() {
        report.warn("calt runs as root", "run it as a user of its own");
    }
    match context.data_root() {
        Ok(root) => about_data_root(&mut report, context, &root),
        Err(fault) => report.fail(first_line(&fault), "export CALT_DATA_ROOT=DIR"),
    }
    about_options(&mut report, context);
    match context.client().await {
        Ok(client) => about_daemon(&mut report, context, &client).await,
        Err(fault) => report.fail(first_line(&fault), hint_of(&fault)),
    }
    about_discord(&mut report, context);
    context.show(&report.json(), |_| report.text())?;
    let has_failed = report.lines.iter().any(|(verdict, ..)| *verdict == Verdict::Fail);
    if has_failed { Err(Fault::Found) } else { Ok(()) }
}

/// The bot: is it set up, is its token taken, are its commands there, is its channel open.
fn about_discord(report: &mut Report, context: &Context) {
    let Ok(arguments) = crate::chat::arguments(context, None) else { return };
    for found in (context.chat)(&arguments) {
        match found {
            ChatFound::Pass(what) => report.pass(what),
            ChatFound::Fail(what, fix) => report.fail(what, fix),
            ChatFound::Skip(what) => report.lines.push((Verdict::Skip, what, None)),
        }
    }
}

fn about_data_root(report: &mut Report, context: &Context, root: &Sourced<std::path::PathBuf>) {
    let path = shown(&root.value);
    match std::fs::metadata(&root.value) {
        Err(_) => report.pass(format!("the data root {path} will be made by the first run")),
        Ok(found) if !found.is_dir() => {
            report.fail(format!("the data root {path} is no directory"), "export CALT_DATA_ROOT=DIR");
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            let fix = format!("chmod 700 {}", crate::hint::quoted(&root.value.display().to_string()));
            report.warn(format!("the data root {path} can be read by others"), fix);
        }
        Ok(_) => report.pass(format!("the data root {path} is yours alone")),
    }
    about_own_programs(report, &root.value);
    if context.base_url().is_none() {
        let runs = autostart::find(&root.value).is_some();
        report.pass(if runs { "a daemon runs" } else { "no daemon ran; one is started now" });
    }
    report.setting("data root", path, &root.from);
}

/// Which programs of this user could say yes in the owner's name, as things are now.
fn about_own_programs(report: &mut Report, root: &Path) {
    let token = root.join(OWNER_TOKEN_FILE);
    if std::fs::File::open(&token).is_ok() {
        report.warn(
            format!("every program of this user could approve now: it can read the owner's token in {}", shown(&token)),
            "run agents as another user, with a token of role agent: calt token create --role agent",
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

async fn about_daemon(report: &mut Report, context: &Context, client: &Client) {
    let sandbox = match context.fetch(client, &endpoint::SANDBOX, &[], &[]).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let fault = Fault::from(error);
            let fix = match context.token().map(|token| token.from.as_str()) {
                Some("environment") => "unset CALT_DAEMON_TOKEN, or set one that this daemon knows".to_owned(),
                Some(_) => "leave out --token, or give one that this daemon knows".to_owned(),
                None => hint_of(&fault),
            };
            return report.fail(format!("{}: {}", client.base(), first_line(&fault)), fix);
        }
    };
    report.pass(format!("the daemon answers at {}, and takes the token", client.base()));
    let isolation = format!("isolation {}: {}", render::word(&sandbox["tier"]), render::word(&sandbox["meaning"]));
    if sandbox["tier"] == "full" {
        report.pass(isolation);
    } else {
        report.warn(isolation, "see the lines below; approve only commands whose whole effect you can see");
    }
    for layer in render::items(&sandbox["layers"]) {
        report.layer(layer, sandbox["tier"] == "none");
    }
    for program in render::items(&sandbox["programs"]) {
        let name = render::word(&program["name"]);
        match program["path"].as_str() {
            Some(path) => report.pass(format!("{name} is {}", calt_api::visible::visible_line(path))),
            None => report.warn(
                format!("{name} is missing; steps that use it will fail"),
                format!("apt-get install {}", render::word(&program["package"])),
            ),
        }
    }
    for setting in render::items(&sandbox["settings"]) {
        let text = |name: &str| render::word(&setting[name]);
        let value = if setting["value"] == "" { "(none)".to_owned() } else { text("value") };
        report.setting(&format!("daemon: {}", text("name")), value, &text("from"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_of_any_length_stand_in_one_column_with_their_fixes_below() {
        let mut report = Report::default();
        report.pass("a");
        report.lines.push((Verdict::Degraded, "b".to_owned(), Some("c".to_owned())));
        assert!(report.text().starts_with("PASS      a\nDEGRADED  b\n          fix: c\n"), "{}", report.text());
    }
}
