//! What runs now, below the events that are followed: a spinner, the time, step n of m. On a terminal only.

use std::collections::{BTreeMap, HashMap};
use std::io::IsTerminal as _;
use std::time::Duration;

use calt_api::client::Client;
use calt_api::endpoint;
use calt_api::visible::{clip, visible_line};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::Value;

use crate::context::Context;
use crate::fault::Fault;
use crate::look::{id, steps};
use crate::render::{self, EventsOf};
use crate::words::t;

/// How often the spinner turns.
const SPINNER_TURN: Duration = Duration::from_millis(80);
/// Columns of what runs; spinner and time stand beside it in 80.
const LABEL_COLUMNS: usize = 64;

/// The line below the events.
pub(super) struct Progress<'c> {
    context: &'c Context,
    client: &'c Client,
    of: EventsOf,
    bar: Option<ProgressBar>,
    /// What the terminal was like before, while Ctrl-C is not to be written into the line.
    unwritten: Option<Unwritten>,
    /// The steps of the plans that ran, by session and version.
    plans: HashMap<(String, u64), Vec<String>>,
    /// What runs, by session.
    running: BTreeMap<String, String>,
}

impl<'c> Progress<'c> {
    /// A line where a person follows: both streams on a terminal, and no data asked for.
    pub(super) fn new(context: &'c Context, client: &'c Client, of: EventsOf) -> Self {
        let is_watched = !context.json() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let bar = is_watched.then(|| {
            let bar = ProgressBar::new_spinner().with_message(idle());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(SPINNER_TURN);
            bar
        });
        let unwritten = bar.is_some().then(Unwritten::begin).flatten();
        Self { context, client, of, bar, unwritten, plans: HashMap::new(), running: BTreeMap::new() }
    }

    /// Prints above the line.
    pub(super) fn print(&self, line: &str) -> Result<(), Fault> {
        match &self.bar {
            Some(bar) => bar.suspend(|| render::out(line)),
            None => render::out(line),
        }
    }

    /// Takes in an event: what runs, or has ended.
    pub(super) async fn follow(&mut self, event: &Value) {
        let (Some(bar), Some(session)) = (self.bar.clone(), event["session_id"].as_str()) else { return };
        let begun = match event["event_type"].as_str().unwrap_or_default() {
            "step_started" => {
                let label = self.label(session, event).await;
                self.running.insert(session.to_owned(), label);
                event["created_at"].as_str().and_then(since)
            }
            "step_executed" | "step_failed" | "step_interrupted" | "session_stopped" => {
                if self.running.remove(session).is_none() {
                    return;
                }
                None
            }
            _ => return,
        };
        bar.set_message(shown(&self.running));
        bar.with_elapsed(begun.unwrap_or_default());
    }

    /// Takes the line away.
    pub(super) fn end(mut self) {
        drop(self.unwritten.take());
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// `step n of m: id`, and whose it is where all sessions are followed.
    async fn label(&mut self, session: &str, event: &Value) -> String {
        let step = event["facts"]["step"].as_str().unwrap_or_default();
        let names = self.names(session, event["facts"]["version"].as_u64().unwrap_or_default()).await;
        let place = names.iter().position(|name| name == step);
        let said = match place {
            Some(place) => {
                t!("step {number} of {count}: {step}", number = place + 1, count = names.len(), step = step)
            }
            None => t!("step: {step}", step = step),
        };
        let whose = if self.of == EventsOf::All { format!("{session} ") } else { String::new() };
        visible_line(&format!("{whose}{said}")).into_owned()
    }

    /// The ids of a plan's steps, asked for once.
    async fn names(&mut self, session: &str, version: u64) -> &[String] {
        let key = (session.to_owned(), version);
        if !self.plans.contains_key(&key) {
            let number = version.to_string();
            let plan = self.context.fetch(self.client, &endpoint::SHOW_PLAN, &[session, &number], &[]).await;
            // A plan that cannot be read costs the count, and not the events.
            let plan: Value = plan.unwrap_or_default();
            self.plans.insert(key.clone(), steps(&plan).map(|step| id(step).to_owned()).collect());
        }
        self.plans.get(&key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A terminal that does not write `^C` when it is pressed: behind a line as wide as the terminal it would break it.
struct Unwritten(Termios);

impl Unwritten {
    fn begin() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// What is said while nothing runs.
fn idle() -> String {
    t!("waiting for the next event; Ctrl-C ends this")
}

/// What runs, in one line.
fn shown(running: &BTreeMap<String, String>) -> String {
    let Some(one) = running.values().next() else { return idle() };
    let more = if running.len() > 1 { t!(" and {more} more", more = running.len() - 1) } else { String::new() };
    format!("{}{more}", clip(one, LABEL_COLUMNS))
}

/// How long ago something was.
fn since(at: &str) -> Option<Duration> {
    let at: jiff::Timestamp = at.parse().ok()?;
    jiff::Timestamp::now().duration_since(at).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_said_in_one_line() {
        let mut running = BTreeMap::new();
        assert_eq!(shown(&running), idle());
        running.insert("a".to_owned(), "step 1 of 3: look".to_owned());
        assert_eq!(shown(&running), "step 1 of 3: look");
        running.insert("b".to_owned(), "step 2 of 2: write".to_owned());
        assert_eq!(shown(&running), "step 1 of 3: look and 1 more");
    }
}
