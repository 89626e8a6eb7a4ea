//! One client among many: it works on sessions of its own and notes every answer it got.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use calt_tests::{Reply, try_send};
use serde_json::{Value, json};

use super::chance::Chance;
use crate::{command, look, plan, read};

/// Sessions a client works on at once.
const SESSIONS: usize = 3;
/// Plan versions of one session; at most five files come with each, and there are names for more.
const PLANS_OF_A_SESSION: u64 = 3;
/// A content of which an output is too long for its event, in bytes.
const LONG_BYTES: usize = 80 * 1024;

/// Where the daemon is, and whose credentials a client may use.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) address: String,
    pub(super) data_root: PathBuf,
    pub(super) owner: String,
    pub(super) agent: String,
    pub(super) approver: String,
}

/// What an answer said has happened. None of it may be gone afterwards.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Created {
        session: String,
    },
    Imported {
        session: String,
        version: u64,
    },
    /// A yes or no, by its decision id.
    Decided {
        decision: String,
        event_type: &'static str,
    },
    Started {
        run: i64,
    },
    Ended {
        run: i64,
        succeeded: bool,
    },
    Stopped {
        session: String,
    },
    Token {
        token: String,
    },
    /// An event that a page of the log showed.
    Seen {
        event: i64,
        event_type: String,
    },
}

/// The daemon did not answer: what was asked has happened, or it has not.
#[derive(Debug)]
pub(super) struct Gone;

pub(super) struct Client {
    name: String,
    chance: Chance,
    sessions: Vec<String>,
    made: usize,
    pub(super) notes: Vec<Note>,
    /// Answers that no request here should get.
    pub(super) complaints: Vec<String>,
}

impl Client {
    pub(super) fn new(name: String, seed: u64) -> Self {
        let chance = Chance::new(seed);
        Self { name, chance, sessions: Vec::new(), made: 0, notes: Vec::new(), complaints: Vec::new() }
    }

    /// Works until the daemon no longer answers or `goes_on` says no.
    pub(super) fn work(&mut self, site: &Site, goes_on: impl Fn() -> bool) {
        while goes_on() && self.act(site).is_ok() {}
    }

    fn act(&mut self, site: &Site) -> Result<(), Gone> {
        match self.chance.below(40) {
            0 => return self.make_token(site),
            1..4 => return self.page(site),
            _ => {}
        }
        if self.sessions.len() < SESSIONS {
            return self.create(site);
        }
        let session = self.chance.one_of(&self.sessions).clone();
        let shown = self.get(site, &format!("/api/v1/sessions/{session}"))?;
        let shown = shown.json();
        match shown["status"].as_str().unwrap_or_default() {
            "cancelled" => {
                self.sessions.retain(|known| *known != session);
                Ok(())
            }
            "pending" | "failed" | "succeeded" => self.import(site, &session, &shown),
            "awaiting_plan_approval" => self.decide_plan(site, &session, &shown["plan_version"]),
            _ if self.chance.percent(2) => self.stop(site, &session),
            _ => self.next_step(site, &session, &shown["plan_version"]),
        }
    }

    fn create(&mut self, site: &Site) -> Result<(), Gone> {
        self.made += 1;
        let goal = format!("errand {}x{}", self.name, self.made);
        let made = self.post(site, &site.agent, "/api/v1/sessions", &json!({ "goal": goal }))?;
        if let Some(session) = made.filter(|reply| reply["id"].is_string()).map(|reply| text(&reply["id"])) {
            self.notes.push(Note::Created { session: session.clone() });
            self.sessions.push(session);
        }
        Ok(())
    }

    fn import(&mut self, site: &Site, session: &str, shown: &Value) -> Result<(), Gone> {
        // A session that has come far makes room for another one.
        if shown["plan_version"].as_u64().unwrap_or_default() >= PLANS_OF_A_SESSION {
            return self.stop(site, session);
        }
        let files = files_below(&site.data_root.join("sessions").join(session).join("workspace"));
        let version = shown["plan_version"].as_u64().unwrap_or_default() + 1;
        let steps = self.steps(&files);
        let path = format!("/api/v1/sessions/{session}/plans/import");
        let body = plan(u32::try_from(version).unwrap(), &steps);
        if self.post(site, &site.agent, &path, &body)?.is_some() {
            self.notes.push(Note::Imported { session: session.to_owned(), version });
        }
        Ok(())
    }

    /// A look, a patch over several files with its preview, and a command.
    fn steps(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
        let patch = self.patch(files);
        let preview = json!({"id": "preview", "title": "preview", "tool": "apply_patch",
            "inputs": {"mode": "preview", "files": patch}});
        let apply = json!({"id": "apply", "title": "apply", "tool": "apply_patch",
            "inputs": {"mode": "apply", "files": patch, "preview": "${steps.preview.output}"}});
        let mut steps = vec![preview, apply];
        if self.chance.percent(30) {
            steps.insert(0, look("look"));
        }
        if self.chance.percent(15) {
            steps.push(command("command", "ls -l"));
        }
        if let Some(path) = files.keys().next().filter(|_| self.chance.percent(30)) {
            steps.insert(0, read("read", path));
        }
        steps
    }

    /// Creates, changes, deletes and renames a few files, each of them once.
    fn patch(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
        let mut there: Vec<&String> = files.keys().collect();
        let mut free: Vec<String> = (0..12).map(|n| format!("d{}/e{}/f{n}.txt", n % 3, n % 2)).collect();
        free.extend((0..20).map(|n| format!("g{n}.txt")));
        free.retain(|path| !files.contains_key(path));
        let mut patch = Vec::new();
        for _ in 0..2 + self.chance.below(4) {
            let new = free.swap_remove(self.chance.below(free.len()));
            if there.is_empty() || self.chance.percent(35) {
                patch.push(json!({"path": new, "content": self.content()}));
                continue;
            }
            let old = there.swap_remove(self.chance.below(there.len()));
            patch.push(match self.chance.below(5) {
                0 => json!({"path": old, "delete": true}),
                1 => json!({"path": old, "rename_to": new}),
                2 => json!({"path": old, "rename_to": new, "content": self.content()}),
                3 => json!({"path": old, "mode": *self.chance.one_of(&["0644", "0755"])}),
                _ => json!({"path": old, "content": self.content()}),
            });
        }
        patch
    }

    fn content(&mut self) -> String {
        let line = format!("{} wrote {:x}\n", self.name, self.chance.number());
        if self.chance.percent(2) { line.repeat(LONG_BYTES / line.len()) } else { line }
    }

    fn decide_plan(&mut self, site: &Site, session: &str, version: &Value) -> Result<(), Gone> {
        let path = format!("/api/v1/sessions/{session}/plans/{version}");
        if self.chance.percent(5) {
            return self.decide(site, &format!("{path}/reject"), &json!({"reason": "too wide"}), "plan_rejected");
        }
        self.decide(site, &format!("{path}/approve"), &json!({}), "plan_approved")
    }

    fn next_step(&mut self, site: &Site, session: &str, version: &Value) -> Result<(), Gone> {
        let shown = self.get(site, &format!("/api/v1/sessions/{session}/plans/{version}"))?.json();
        let steps = shown["steps"].as_array().cloned().unwrap_or_default();
        let done = |step: &Value| ["succeeded", "skipped"].contains(&step["status"].as_str().unwrap_or_default());
        let Some(step) = steps.iter().find(|step| !done(step)) else { return Ok(()) };
        let path = format!("/api/v1/sessions/{session}/steps/{}", text(&step["id"]));
        match step["status"].as_str().unwrap_or_default() {
            "pending" if self.chance.percent(4) => {
                self.decide(site, &format!("{path}/reject"), &json!({"reason": "not this"}), "step_rejected")
            }
            "pending" => {
                let digest = self.get(site, &path)?.json()["digest"].clone();
                self.decide(site, &format!("{path}/approve"), &json!({ "digest": digest }), "step_approved")?;
                self.execute(site, session, &path)
            }
            "approved" => self.execute(site, session, &path),
            _ => Ok(()),
        }
    }

    fn decide(&mut self, site: &Site, path: &str, body: &Value, event_type: &'static str) -> Result<(), Gone> {
        if let Some(decided) = self.post(site, &site.approver, path, body)? {
            self.notes.push(Note::Decided { decision: text(&decided["decision_id"]), event_type });
        }
        Ok(())
    }

    fn execute(&mut self, site: &Site, session: &str, path: &str) -> Result<(), Gone> {
        let path = format!("{path}/execute");
        if self.chance.percent(30) {
            let reply =
                self.call(site, &site.agent, "POST", &path, Some(&json!({})), &[("Prefer", "respond-async")])?;
            if reply.status == 202 {
                self.notes.push(Note::Started { run: number(&reply.json()["run_id"]) });
            }
            return if self.chance.percent(12) { self.stop(site, session) } else { Ok(()) };
        }
        if let Some(ended) = self.post(site, &site.agent, &path, &json!({}))? {
            let run = number(&ended["run_id"]);
            self.notes.push(Note::Ended { run, succeeded: ended["status"] == "succeeded" });
        }
        Ok(())
    }

    fn stop(&mut self, site: &Site, session: &str) -> Result<(), Gone> {
        let path = format!("/api/v1/sessions/{session}/stop");
        if self.call(site, &site.owner, "POST", &path, None, &[])?.status == 200 {
            self.notes.push(Note::Stopped { session: session.to_owned() });
        }
        Ok(())
    }

    fn make_token(&mut self, site: &Site) -> Result<(), Gone> {
        let body = json!({"name": format!("reader-{}", self.name), "role": "viewer"});
        if let Some(made) = self.post(site, &site.owner, "/api/v1/tokens", &body)? {
            self.notes.push(Note::Token { token: text(&made["id"]) });
        }
        Ok(())
    }

    fn page(&mut self, site: &Site) -> Result<(), Gone> {
        let page = self.get(site, "/api/v1/events/search?limit=20")?.json();
        for event in page["items"].as_array().into_iter().flatten() {
            self.notes.push(Note::Seen { event: number(&event["id"]), event_type: text(&event["event_type"]) });
        }
        Ok(())
    }

    fn get(&mut self, site: &Site, path: &str) -> Result<Reply, Gone> {
        self.call(site, &site.agent, "GET", path, None, &[])
    }

    /// The answer's body when it was a yes. A refusal is no fault: a crash may have changed what holds.
    fn post(&mut self, site: &Site, token: &str, path: &str, body: &Value) -> Result<Option<Value>, Gone> {
        let reply = self.call(site, token, "POST", path, Some(body), &[])?;
        Ok((reply.status == 200).then(|| reply.json()))
    }

    fn call(
        &mut self,
        site: &Site,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        more: &[(&str, &str)],
    ) -> Result<Reply, Gone> {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Authorization", bearer.as_str()), ("Accept", "application/json")];
        headers.extend_from_slice(more);
        let body = body.map(Value::to_string);
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let reply = try_send(&site.address, method, path, &headers, body.as_deref().map(str::as_bytes));
        let reply = reply.map_err(|_| Gone)?;
        if reply.status >= 500 || [400, 401, 403, 404, 422].contains(&reply.status) {
            self.complaints.push(format!("{method} {path}: {} {}", reply.status, reply.text()));
        }
        Ok(reply)
    }
}

/// The files of a workspace by their path below it.
pub(super) fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(here) = directories.pop() {
        for entry in std::fs::read_dir(here).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.insert(path.strip_prefix(directory).unwrap().to_string_lossy().into_owned(), bytes);
            }
        }
    }
    files
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no number: {value}"))
}
