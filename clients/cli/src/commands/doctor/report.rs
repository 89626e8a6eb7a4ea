//! What `doctor` found: line by line, each with its verdict and its fix, and the settings.

use serde_json::{Value, json};

use crate::render::{self, Sheet};
use crate::table::{padded, rows, table};
use crate::words::{daemon, t};

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as it should be.
    Pass,
    /// It works, and somebody should know about it.
    Warn,
    /// It does not work.
    Fail,
    /// It was not looked at, and why.
    Skip,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Pass, Self::Warn, Self::Fail, Self::Skip];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Pass => "32",
            Self::Warn => "33",
            Self::Fail => "31",
            Self::Skip => "2",
        }
    }
}

/// What a line is about; lines of one area stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Configuration,
    Daemon,
    Database,
    Machine,
    Isolation,
    Decisions,
    Calls,
    Discord,
}

impl Area {
    const ALL: [Self; 8] = [
        Self::Configuration,
        Self::Daemon,
        Self::Database,
        Self::Machine,
        Self::Isolation,
        Self::Decisions,
        Self::Calls,
        Self::Discord,
    ];

    fn word(self) -> String {
        match self {
            Self::Configuration => t!("configuration"),
            Self::Daemon => t!("daemon"),
            Self::Database => t!("database"),
            Self::Machine => t!("machine"),
            Self::Isolation => t!("isolation"),
            Self::Decisions => t!("decisions"),
            Self::Calls => t!("API calls"),
            Self::Discord => "Discord".to_owned(),
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    area: Area,
    pub(crate) verdict: Verdict,
    pub(crate) what: String,
    fix: Option<String>,
}

/// The name of a layer: a tier's, or one of the kernel's.
fn layer_name(name: &Value) -> String {
    match name.as_str().and_then(|name| name.strip_prefix("tier ")) {
        Some(tier) => t!("tier {tier}", tier = tier),
        None => render::word(name),
    }
}

/// What was found, the settings, and what each call said.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    settings: Vec<[String; 3]>,
    pub(crate) calls: Vec<Value>,
}

impl Report {
    pub(crate) fn pass(&mut self, area: Area, what: impl Into<String>) {
        self.add(area, Verdict::Pass, what.into(), None);
    }

    pub(crate) fn warn(&mut self, area: Area, what: impl Into<String>, fix: impl Into<String>) {
        self.add(area, Verdict::Warn, what.into(), Some(fix.into()));
    }

    pub(crate) fn fail(&mut self, area: Area, what: impl Into<String>, fix: impl Into<String>) {
        self.add(area, Verdict::Fail, what.into(), Some(fix.into()));
    }

    /// What was not looked at; the way to have it looked at, where there is one.
    pub(crate) fn skip(&mut self, area: Area, what: impl Into<String>, fix: Option<String>) {
        self.add(area, Verdict::Skip, what.into(), fix);
    }

    fn add(&mut self, area: Area, verdict: Verdict, what: String, fix: Option<String>) {
        self.lines.push(Line { area, verdict, what, fix });
    }

    /// A layer of the box. One that does not hold is a failure only where nothing else holds a command.
    pub(crate) fn layer(&mut self, layer: &Value, nothing_holds: bool) {
        let what =
            t!("layer {name}: {cause}", name = layer_name(&layer["name"]), cause = daemon::told(&layer["cause"]));
        let verdict = match layer["verdict"].as_str() {
            Some("PASS") => Verdict::Pass,
            // Without the kernel's walk no file tool works, whatever holds of commands.
            Some("FAIL") if nothing_holds || layer["name"] == "openat2" => Verdict::Fail,
            Some(_) | None => Verdict::Warn,
        };
        self.add(Area::Isolation, verdict, what, layer["fix"].as_str().map(|_| daemon::told(&layer["fix"])));
    }

    pub(crate) fn setting(&mut self, name: &str, value: impl Into<String>, from: &str) {
        self.settings.push([name.to_owned(), value.into(), from.to_owned()]);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.count(Verdict::Fail) > 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.lines.iter().filter(|line| line.verdict == verdict).count()
    }

    pub(crate) fn json(&self) -> Value {
        let line = |line: &Line| {
            let (verdict, area) = (line.verdict.word(), line.area.word());
            json!({"verdict": verdict, "area": area, "what": line.what, "fix": line.fix})
        };
        let setting = |[name, value, from]: &[String; 3]| json!({"name": name, "value": value, "from": from});
        json!({
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
            "settings": self.settings.iter().map(setting).collect::<Vec<_>>(),
            "calls": self.calls,
        })
    }

    /// Where each value came from; what nobody set in the daemon's configuration is counted.
    fn settings(&self) -> Sheet {
        let mut sheet = Sheet::default();
        let is_shown = |[name, _, from]: &&[String; 3]| from != "default" || !name.starts_with(OF_THE_DAEMON);
        let row = |[name, value, from]: &[String; 3]| vec![name.clone(), origin(from), value.clone()];
        let rows: Vec<_> = self.settings.iter().filter(is_shown).map(row).collect();
        sheet.add(&table(&[&t!("SETTING"), &t!("FROM"), &t!("VALUE")], &rows));
        let others = self.settings.len() - rows.len();
        if others > 0 {
            sheet.say(t!("{count} more of the daemon's settings at their default; --json names them", count = others));
        }
        sheet.line("");
        sheet
    }

    pub(crate) fn text(&self, is_coloured: bool) -> String {
        // The verdicts come last: that is what stands on the screen at the end.
        let mut sheet = self.settings();
        for area in Area::ALL {
            let lines: Vec<&Line> = self.lines.iter().filter(|line| line.area == area).collect();
            if !lines.is_empty() {
                sheet.line(area.word());
            }
            for line in lines {
                let word = line.verdict.word();
                // Each line is a table of its own, for its fix stands below it.
                let row = rows(&[vec![format!("  {word}"), line.what.clone()]]);
                sheet.add(&if is_coloured { coloured(&row, line.verdict) } else { row });
                if let Some(fix) = &line.fix {
                    sheet.add(&rows(&[vec![padded("", 6), t!("fix: {fix}", fix = fix)]]));
                }
            }
        }
        let counts = Verdict::ALL.map(|verdict| format!("{} {}", self.count(verdict), verdict.word()));
        sheet.line(format_args!("\n{}", counts.join(&t!(", "))));
        sheet.done()
    }
}

/// Where a value came from, in words.
fn origin(from: &str) -> String {
    match from {
        "flag" => t!("flag"),
        "environment" => t!("environment"),
        "default" => t!("default"),
        file => file.to_owned(),
    }
}

/// What the names of the daemon's settings begin with.
const OF_THE_DAEMON: &str = "daemon: ";

/// The verdict's word in its colour; the word alone carries the meaning.
fn coloured(row: &str, verdict: Verdict) -> String {
    let word = verdict.word();
    row.replacen(word, &format!("\u{1b}[{}m{word}\u{1b}[0m", verdict.colour()), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_area_stand_together_with_their_fixes_below() {
        let mut report = Report::default();
        report.pass(Area::Daemon, "a");
        report.warn(Area::Configuration, "b", "c");
        report.skip(Area::Daemon, "d", None);
        report.setting("token", "(set)", "flag");
        for (name, from) in [("daemon: server.port", "flag"), ("daemon: server.host", "default")] {
            report.setting(name, "x", from);
        }
        let settings = "SETTING              FROM  VALUE\ntoken                flag  (set)\ndaemon: server.port  flag  x\n1 more of the daemon's settings at their default; --json names them\n\n";
        let expected = "configuration\n  WARN  b\n        fix: c\ndaemon\n  PASS  a\n  SKIP  d\n\n1 PASS, 1 WARN, 0 FAIL, 1 SKIP\n";
        assert_eq!(report.text(false), format!("{settings}{expected}"));
        assert!(report.text(true).contains("  \u{1b}[33mWARN\u{1b}[0m  b\n"));
    }

    #[test]
    fn every_area_is_shown() {
        let mut report = Report::default();
        for area in Area::ALL {
            report.pass(area, "x");
        }
        assert_eq!(report.text(false).matches("  PASS  x\n").count(), Area::ALL.len());
    }

    #[test]
    fn a_layer_that_does_not_hold_fails_only_where_nothing_else_does() {
        for (nothing_holds, verdict) in [(true, Verdict::Fail), (false, Verdict::Warn)] {
            let mut report = Report::default();
            report.layer(&json!({"name": "pids", "verdict": "FAIL", "cause": "x", "fix": "y"}), nothing_holds);
            report.layer(&json!({"name": "user", "verdict": "DEGRADED", "cause": "x", "fix": "y"}), nothing_holds);
            let verdicts: Vec<_> = report.lines.iter().map(|line| line.verdict).collect();
            assert_eq!(verdicts, [verdict, Verdict::Warn]);
        }
    }
}
