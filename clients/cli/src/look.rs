//! The looks of a run: what is shown before each question, and what the answer does.

use std::cell::RefCell;
use std::time::Duration;

use calt_api::client::{Body, Client};
use calt_api::endpoint;
use serde_json::{Value, json};

use crate::ask::{Answer, Terminal};
use crate::context::{Context, How};
use crate::fault::Fault;
use crate::render::{self, Place, Sheet};

/// How often a run in progress is looked at: soon at first, then less often, in milliseconds.
const FIRST_WAIT_MILLIS: u64 = 2;
const LONGEST_WAIT_MILLIS: u64 = 100;

/// Who answers the questions of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Consent {
    /// A person at a terminal.
    Person(Terminal),
    /// `--yes`, for low and medium risk.
    Flag,
    /// `--yes --confirm-high-risk`.
    FlagForHighRisk,
    /// Nobody: the gate stays closed.
    Nobody,
}

/// One run of a plan, with what its questions need.
pub(crate) struct Run<'c> {
    pub(crate) context: &'c Context,
    pub(crate) client: Client,
    pub(crate) session: String,
    pub(crate) version: u32,
    pub(crate) consent: Consent,
    pub(crate) applies_nothing: bool,
    /// The step that is executed now, for who interrupts it.
    pub(crate) executing: RefCell<Option<String>>,
}

/// What is put before a person at once.
struct Look {
    shown: String,
    question: String,
    /// What a yes approves.
    covered: Vec<Value>,
    /// What may be left out.
    choices: Vec<Value>,
}

/// What came of a look.
enum Verdict {
    Yes { how: How, left_out: Vec<String> },
    No { reason: String },
}

impl Run<'_> {
    pub(crate) async fn plan(&self) -> Result<Value, Fault> {
        let version = self.version.to_string();
        Ok(self.context.fetch(&self.client, &endpoint::SHOW_PLAN, &[&self.session, &version], &[]).await?)
    }

    pub(crate) async fn detail(&self, step: &str) -> Result<Value, Fault> {
        Ok(self.context.fetch(&self.client, &endpoint::SHOW_STEP, &[&self.session, step], &[]).await?)
    }

    /// Whether what a preview gave is shown by the look at a later step, which applies it and is not decided on yet.
    pub(crate) async fn is_shown_again(&self, preview: &str) -> Result<bool, Fault> {
        let reference = format!("${{steps.{preview}.output}}");
        let plan = self.plan().await?;
        let mut later = steps(&plan).skip_while(|step| id(step) != preview).skip(1);
        Ok(later.any(|step| step["status"] == "pending" && step["inputs"]["preview"] == reference.as_str()))
    }

    /// How this run goes on after a stop.
    pub(crate) fn again(&self) -> String {
        format!("calt run --session {}", self.session)
    }

    /// Look 1: the plan, with every read, preview and command whose inputs are known already.
    pub(crate) async fn first_look(&self, plan: &Value) -> Result<(), Fault> {
        let (mut covered, mut choices) = (Vec::new(), Vec::new());
        for step in steps(plan) {
            let detail = self.detail(id(step)).await?;
            let is_early = detail["status"] == "pending" && detail["effect"] != "writes" && detail["risk"] != "high";
            if is_early && detail["unresolved"].is_null() {
                covered.push(detail.clone());
            }
            choices.push(detail);
        }
        let question = match covered.as_slice() {
            [] => "Approve this plan?".to_owned(),
            [only] => format!("Approve this plan, and its step {}?", id(only)),
            some => format!("Approve this plan, and {} of its steps, which write nothing ({})?", some.len(), ids(some)),
        };
        let shown = format!("{}{}", render::plan(plan), isolation(&covered));
        let look = Look { shown, question, covered, choices };
        let version = self.version.to_string();
        match self.verdict(&look).await? {
            Verdict::Yes { how, left_out } => {
                let body = self.context.decision(how, digest(plan), &look.shown);
                let decided = self
                    .context
                    .send_decision(&self.client, &endpoint::APPROVE_PLAN, &[&self.session, &version], &body)
                    .await?;
                self.decide(&look, how, &left_out, decided["decision_id"].as_str()).await
            }
            Verdict::No { reason } => {
                let mut body = self.context.decision(How::Prompt, digest(plan), &look.shown);
                body.reason = Some(reason);
                self.context
                    .send_decision(&self.client, &endpoint::REJECT_PLAN, &[&self.session, &version], &body)
                    .await?;
                Err(self.said_no())
            }
        }
    }

    /// A later look: one cumulative diff of every apply that is ready and all else that can be known by
    /// now; or one step of high risk alone.
    pub(crate) async fn later_look(&self, step: Value, later: &[String]) -> Result<(), Fault> {
        if !step["unresolved"].is_null() {
            return self.unresolved(&step).await;
        }
        let name = id(&step).to_owned();
        let is_high = step["risk"] == "high";
        let mut covered = vec![step];
        if !is_high {
            for other in later {
                let detail = self.detail(other).await?;
                if is_ready(&detail) {
                    covered.push(detail);
                }
            }
        }
        if self.applies_nothing {
            covered = self.leave_out_writes(covered).await?;
        }
        if covered.is_empty() {
            return Ok(());
        }
        let shown = format!("{}{}", covered.iter().map(shown_step).collect::<String>(), isolation(&covered));
        let question = match covered.as_slice() {
            [_] if is_high => format!("Step {name} is HIGH RISK. Approve and execute it?"),
            [only] => format!("Approve step {}?", id(only)),
            some => format!("Approve these {} steps ({})?", some.len(), ids(some)),
        };
        let look = Look { shown, question, choices: covered.clone(), covered };
        if is_high {
            self.stop_unless_high_risk_is_meant(&name)?;
        }
        match self.verdict(&look).await? {
            Verdict::Yes { how, left_out } => self.decide(&look, how, &left_out, None).await,
            Verdict::No { reason } => self.reject(&look.covered[0], &look.shown, reason).await,
        }
    }

    /// A step that was approved before this run, of high risk: executing it is confirmed anew.
    pub(crate) async fn confirm(&self, step: &Value) -> Result<(), Fault> {
        let name = id(step);
        self.stop_unless_high_risk_is_meant(name)?;
        let Consent::Person(terminal) = self.consent else { return Ok(()) };
        self.show(&shown_step(step));
        match terminal.yes(&format!("\nStep {name} is HIGH RISK, and approved. Execute it?")).await? {
            Some(true) => Ok(()),
            Some(false) => Err(Fault::Gate {
                message: format!("step {name} was not executed; its approval stands"),
                hint: format!("calt step reject {} {name} --reason WHY", self.session),
            }),
            None => Err(Fault::no_answer(self.again())),
        }
    }

    fn stop_unless_high_risk_is_meant(&self, step: &str) -> Result<(), Fault> {
        match self.consent {
            Consent::Person(_) | Consent::FlagForHighRisk => Ok(()),
            Consent::Flag | Consent::Nobody => Err(Fault::Gate {
                message: format!("step {step} is of high risk, and `--yes` alone does not answer for it"),
                hint: format!("{} --yes --confirm-high-risk", self.again()),
            }),
        }
    }

    /// Shows what is asked about. Whoever is asked sees it, even where the data is to be JSON.
    fn show(&self, shown: &str) {
        match self.consent {
            Consent::Person(_) => crate::ask::talk(shown),
            Consent::Flag | Consent::FlagForHighRisk | Consent::Nobody => self.context.talk(shown),
        }
    }

    /// Shows a look and asks until there is a yes or a no with its reason.
    async fn verdict(&self, look: &Look) -> Result<Verdict, Fault> {
        self.show(&look.shown);
        let terminal = match self.consent {
            Consent::Person(terminal) => terminal,
            Consent::Flag | Consent::FlagForHighRisk => {
                self.context.talk("\n");
                return Ok(Verdict::Yes { how: How::Flag, left_out: Vec::new() });
            }
            Consent::Nobody => {
                let waiting = if look.choices.len() == 1 { id(&look.choices[0]) } else { "the plan" };
                return Err(Fault::Gate {
                    message: format!(
                        "{waiting} waits for a yes, and there is no terminal to ask on; on one, the same without `--yes` asks"
                    ),
                    hint: format!("{} --yes", self.again()),
                });
            }
        };
        let mut left_out: Vec<String> = Vec::new();
        loop {
            let without =
                if left_out.is_empty() { String::new() } else { format!(" Without {}.", left_out.join(", ")) };
            let Some(answer) = terminal.look(&format!("\n{}{without}", look.question)).await? else {
                return Err(Fault::no_answer(self.again()));
            };
            match answer {
                Answer::Yes => return Ok(Verdict::Yes { how: How::Prompt, left_out }),
                Answer::No => {
                    let reason = terminal.text("Why not? ").await?;
                    return reason
                        .map_or_else(|| Err(Fault::no_answer(self.again())), |reason| Ok(Verdict::No { reason }));
                }
                Answer::Details => crate::ask::talk(&details(&look.choices)),
                Answer::Skip => self.choose_to_leave_out(terminal, look, &mut left_out).await?,
            }
            if look.covered.len() == look.choices.len() && left_out.len() == look.choices.len() {
                return Ok(Verdict::Yes { how: How::Prompt, left_out });
            }
        }
    }

    async fn choose_to_leave_out(
        &self,
        terminal: Terminal,
        look: &Look,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let name = if let [only] = look.choices.as_slice() {
            id(only).to_owned()
        } else {
            let asked = format!("Leave out which step ({})? ", ids(&look.choices));
            terminal.text(&asked).await?.ok_or_else(|| Fault::no_answer(self.again()))?
        };
        if !look.choices.iter().any(|choice| id(choice) == name) {
            crate::ask::talk(&format!("{} is not one of them.\n", calt_api::visible::visible_line(&name)));
        } else if left_out.contains(&name) {
            crate::ask::talk(&format!("{name} is left out already.\n"));
        } else {
            crate::ask::talk(&format!("{name} will be left out.\n"));
            left_out.push(name);
        }
        Ok(())
    }

    /// Records a yes to what a look covered, and a skip of what was left out, under one decision.
    async fn decide(&self, look: &Look, how: How, left_out: &[String], decision_id: Option<&str>) -> Result<(), Fault> {
        let mut decision_id = decision_id.map(str::to_owned);
        for detail in &look.choices {
            let step = id(detail);
            let is_left_out = left_out.iter().any(|name| name == step);
            let is_covered = look.covered.iter().any(|covered| id(covered) == step);
            let (endpoint, reason) = match (is_left_out, is_covered) {
                (true, _) => (endpoint::SKIP_STEP, Some("left out at the look".to_owned())),
                (false, true) => (endpoint::APPROVE_STEP, None),
                (false, false) => continue,
            };
            let mut body = self.context.decision(how, digest(detail), &look.shown);
            body.reason = reason;
            body.decision_id.clone_from(&decision_id);
            let decided = self.context.send_decision(&self.client, &endpoint, &[&self.session, step], &body).await?;
            decision_id = decision_id.or_else(|| decided["decision_id"].as_str().map(str::to_owned));
        }
        Ok(())
    }

    /// In a dry run the diff is shown, and the writes are left out: the flag said so. Gives what remains.
    async fn leave_out_writes(&self, covered: Vec<Value>) -> Result<Vec<Value>, Fault> {
        let (writing, remaining): (Vec<_>, Vec<_>) = covered.into_iter().partition(writes);
        let shown: String = writing.iter().map(shown_step).collect();
        self.show(&shown);
        for detail in &writing {
            self.skip(detail, How::Flag, &shown, "dry run: nothing is applied").await?;
        }
        Ok(remaining)
    }

    async fn skip(&self, detail: &Value, how: How, shown: &str, reason: &str) -> Result<(), Fault> {
        let mut body = self.context.decision(how, digest(detail), shown);
        body.reason = Some(reason.to_owned());
        self.context.send_decision(&self.client, &endpoint::SKIP_STEP, &[&self.session, id(detail)], &body).await?;
        Ok(())
    }

    /// A step whose inputs refer to what is not there: it can only be left out.
    async fn unresolved(&self, step: &Value) -> Result<(), Fault> {
        let (name, reason) = (id(step), render::word(&step["unresolved"]));
        let shown = format!("\n{}   ! not resolved: {reason}\n", render::step(step));
        self.show(&shown);
        if self.applies_nothing {
            return self.skip(step, How::Flag, &shown, "dry run: what it refers to was left out").await;
        }
        if let Consent::Person(terminal) = self.consent {
            let asked = format!("\nStep {name} refers to what is not there, and cannot run. Leave it out and go on?");
            match terminal.yes(&asked).await? {
                Some(true) => return self.skip(step, How::Prompt, &shown, "what it refers to is not there").await,
                Some(false) => {}
                None => return Err(Fault::no_answer(self.again())),
            }
        }
        Err(Fault::Gate {
            message: format!("step {name} cannot be approved: {reason}"),
            hint: format!("calt step skip {} {name}", self.session),
        })
    }

    async fn reject(&self, step: &Value, shown: &str, reason: String) -> Result<(), Fault> {
        let mut body = self.context.decision(How::Prompt, digest(step), shown);
        body.reason = Some(reason);
        self.context.send_decision(&self.client, &endpoint::REJECT_STEP, &[&self.session, id(step)], &body).await?;
        Err(self.said_no())
    }

    fn said_no(&self) -> Fault {
        Fault::Gate {
            message: format!(
                "you said no; your reason is in the record, and only a plan of version {} leads on",
                self.version + 1
            ),
            hint: format!("calt run PLAN --session {}", self.session),
        }
    }

    /// Executes a step and waits for its end.
    pub(crate) async fn execute(&self, step: &Value) -> Result<Value, Fault> {
        // Whoever gets here with a step of high risk was asked for exactly this.
        let body = json!({"confirm_high_risk": step["risk"] == "high", "source": self.context.source()});
        let started = self.context.send_execution(&self.client, &[&self.session, id(step)], &body).await?;
        wait(&self.client, &started["run_id"]).await
    }
}

/// Waits for the end of a run.
pub(crate) async fn wait(client: &Client, run: &Value) -> Result<Value, Fault> {
    let run = run.to_string();
    let mut pause = FIRST_WAIT_MILLIS;
    loop {
        let shown: Value = client.call(&endpoint::SHOW_RUN, &[&run], &[], Body::Empty).await?;
        if shown["state"] != "running" {
            return Ok(shown);
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = (pause * 2).min(LONGEST_WAIT_MILLIS);
    }
}

/// The steps of a plan.
pub(crate) fn steps(plan: &Value) -> impl Iterator<Item = &Value> {
    render::items(&plan["steps"]).iter()
}

/// A step's id.
pub(crate) fn id(step: &Value) -> &str {
    step["id"].as_str().unwrap_or_default()
}

fn ids(steps: &[Value]) -> String {
    steps.iter().map(id).collect::<Vec<_>>().join(", ")
}

fn digest(shown: &Value) -> Option<String> {
    shown["digest"].as_str().map(str::to_owned)
}

fn writes(detail: &Value) -> bool {
    detail["effect"] == "writes"
}

/// Whether a step can be approved now, together with others.
fn is_ready(detail: &Value) -> bool {
    let is_known = detail["gate"] == "recorded" || !writes(detail);
    detail["status"] == "pending" && detail["unresolved"].is_null() && is_known && detail["risk"] != "high"
}

fn shown_step(detail: &Value) -> String {
    match detail["diff"].as_str() {
        Some(diff) if writes(detail) && detail["gate"] == "recorded" => {
            format!("\n{}", render::apply(detail, diff, Place::Talk))
        }
        Some(_) | None if writes(detail) => format!(
            "\n{}   ! no preview of exactly these files is recorded: the run will refuse\n",
            render::step(detail)
        ),
        Some(_) | None => format!("\n{}", render::step(detail)),
    }
}

fn details(steps: &[Value]) -> String {
    let mut sheet = Sheet::default();
    for step in steps {
        let text = serde_json::to_string_pretty(step).unwrap_or_default();
        sheet.line(calt_api::visible::visible(&text));
    }
    sheet.done()
}

/// How the commands of a look are isolated, in one line.
fn isolation(covered: &[Value]) -> String {
    let tier = covered.iter().find(|detail| detail["effect"] == "spawns").and_then(|detail| detail["tier"].as_str());
    match tier {
        Some(tier) => format!("\nCommands run with isolation {}.\n", calt_api::visible::visible_line(tier)),
        None => String::new(),
    }
}
