//! The looks of a run: what is shown before each question, and what the answer does.

use std::cell::RefCell;
use std::time::Duration;

use calt_api::client::{Body, Client};
use calt_api::endpoint;
use serde_json::{Value, json};

use crate::about;
use crate::applies::{self, ids, isolation, refusals, writes};
use crate::ask::{Answer, Terminal, Yes};
use crate::context::{Context, How};
use crate::fault::Fault;
use crate::hint;
use crate::render;
use crate::words::{daemon, t};

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
    /// Nobody here: whoever runs it may not decide.
    SomebodyElse,
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
    /// The plan, where a yes approves that too.
    plan: Option<Value>,
}

impl Look {
    /// What a yes approves without what is left out.
    fn approved(&self, left_out: &[String]) -> impl Iterator<Item = &Value> {
        self.covered.iter().filter(|detail| !left_out.iter().any(|name| name == id(detail)))
    }
}

/// One answer to everything in a list.
pub(crate) struct Said<'s> {
    pub(crate) decision: &'static str,
    pub(crate) items: Vec<Value>,
    pub(crate) how: How,
    pub(crate) shown: &'s str,
    pub(crate) reason: Option<String>,
}

impl Said<'_> {
    /// Sends it; all of the list is decided, or nothing.
    pub(crate) async fn send(
        self,
        context: &Context,
        client: &Client,
        session: &str,
        decision_id: Option<String>,
    ) -> Result<Value, Fault> {
        let mut words = context.decision(self.how, None, self.shown);
        words.reason = self.reason;
        words.decision_id = decision_id;
        let mut body = json!(words);
        body["decision"] = json!(self.decision);
        body["items"] = Value::from(self.items);
        context.decide(client, &endpoint::DECIDE, &[session], &body).await
    }
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
        hint::go_on(&self.session)
    }

    /// Look 1: the plan, with every read, preview and command whose inputs are known already.
    pub(crate) async fn first_look(&self, plan: &Value) -> Result<(), Fault> {
        self.leave_to_who_decides()?;
        let (mut covered, mut choices) = (Vec::new(), Vec::new());
        for step in steps(plan) {
            let detail = self.detail(id(step)).await?;
            if is_early(&detail) {
                covered.push(detail.clone());
            }
            choices.push(detail);
        }
        let question = match covered.as_slice() {
            [] => t!("Approve this plan?"),
            [only] => t!("Approve this plan, and its step {step}?", step = id(only)),
            some => t!(
                "Approve this plan, and {count} of its steps, which write nothing ({steps})?",
                count = some.len(),
                steps = ids(some)
            ),
        };
        let about = about::of(self.context, &self.client, plan).await?;
        let shown = format!("{}{}{}", render::plan_of(plan, &about), refusals(&choices), isolation(&covered));
        let look = Look { shown, question, covered, choices, plan: Some(item(self.version, None, plan)) };
        match self.verdict(&look).await? {
            Verdict::Yes { how, left_out } => self.decide(&look, how, &left_out).await,
            Verdict::No { reason } => self.reject(item(self.version, None, plan), &look.shown, reason).await,
        }
    }

    /// A later look: one cumulative diff of every apply that is ready and all else that can be known by
    /// now; or one step of high risk alone.
    pub(crate) async fn later_look(&self, step: Value, later: &[String]) -> Result<(), Fault> {
        self.leave_to_who_decides()?;
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
        let shown = applies::steps(&covered);
        let question = match covered.as_slice() {
            [_] if is_high => t!("Step {step} is HIGH RISK. Approve and execute it?", step = name),
            [only] => t!("Approve step {step}?", step = id(only)),
            some => t!("Approve these {count} steps ({steps})?", count = some.len(), steps = ids(some)),
        };
        let look = Look { shown, question, choices: covered.clone(), covered, plan: None };
        if is_high {
            self.stop_unless_high_risk_is_meant(&name)?;
        }
        match self.verdict(&look).await? {
            Verdict::Yes { how, left_out } => self.decide(&look, how, &left_out).await,
            Verdict::No { reason } => {
                let first = item(self.version, Some(&look.covered[0]), &look.covered[0]);
                self.reject(first, &look.shown, reason).await
            }
        }
    }

    /// A step that was approved before this run, of high risk: executing it is confirmed anew.
    pub(crate) async fn confirm(&self, step: &Value) -> Result<(), Fault> {
        self.leave_to_who_decides()?;
        let name = id(step);
        self.stop_unless_high_risk_is_meant(name)?;
        let Consent::Person(terminal) = self.consent else { return Ok(()) };
        self.show(&applies::steps(std::slice::from_ref(step)));
        match terminal.yes(&t!("\nStep {step} is HIGH RISK, and approved. Execute it?", step = name)).await? {
            Some(true) => Ok(()),
            Some(false) => Err(Fault::Gate {
                message: t!("step {step} was not executed; its approval stands", step = name),
                hint: format!("calt step reject {} {name} --reason WHY", self.session),
            }),
            None => Err(Fault::no_answer(self.again())),
        }
    }

    /// Ends here where an answer of whoever runs it would be refused. What a flag answers goes to the daemon all the
    /// same: the log counts whom it refuses.
    fn leave_to_who_decides(&self) -> Result<(), Fault> {
        match self.consent {
            Consent::SomebodyElse => Err(Fault::Gate {
                message: t!(
                    "plan v{version} waits for a person's yes; role `{role}` may not give it",
                    version = self.version,
                    role = self.context.caller().map(|caller| caller.role.as_str()).unwrap_or_default()
                ),
                hint: self.again(),
            }),
            Consent::Person(_) | Consent::Flag | Consent::FlagForHighRisk | Consent::Nobody => Ok(()),
        }
    }

    fn stop_unless_high_risk_is_meant(&self, step: &str) -> Result<(), Fault> {
        match self.consent {
            Consent::Person(_) | Consent::FlagForHighRisk => Ok(()),
            Consent::Flag if !self.context.may_decide() => Ok(()),
            Consent::Flag | Consent::Nobody | Consent::SomebodyElse => Err(Fault::Gate {
                message: t!("step {step} is of high risk, and `--yes` alone does not answer for it", step = step),
                hint: format!("{} --yes --confirm-high-risk", self.again()),
            }),
        }
    }

    /// Shows what is asked about. Whoever is asked sees it, even where the data is to be JSON.
    fn show(&self, shown: &str) {
        match self.consent {
            Consent::Person(_) => crate::ask::talk(shown),
            Consent::Flag | Consent::FlagForHighRisk | Consent::Nobody | Consent::SomebodyElse => {
                self.context.talk_as_it_is(shown);
            }
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
            Consent::Nobody | Consent::SomebodyElse => {
                let waiting = match look.choices.as_slice() {
                    [only] => id(only).to_owned(),
                    _ => t!("the plan"),
                };
                return Err(Fault::Gate {
                    message: t!(
                        "{waiting} waits for a yes, and there is no terminal to ask on: run it on one, or say yes unseen with `--yes`",
                        waiting = waiting
                    ),
                    hint: format!("{} --yes", self.again()),
                });
            }
        };
        let mut left_out: Vec<String> = Vec::new();
        loop {
            let without = if left_out.is_empty() {
                String::new()
            } else {
                t!(" Without {steps}.", steps = left_out.join(&t!(", ")))
            };
            let yes = Yes::to(applies::files_written(look.approved(&left_out)));
            let Some(answer) = terminal.look(&format!("\n{}{without}", look.question), yes).await? else {
                return Err(Fault::no_answer(self.again()));
            };
            match answer {
                Answer::Yes => return Ok(Verdict::Yes { how: How::Prompt, left_out }),
                Answer::No => {
                    let reason = terminal.text(&t!("Why not? ")).await?;
                    return reason
                        .map_or_else(|| Err(Fault::no_answer(self.again())), |reason| Ok(Verdict::No { reason }));
                }
                Answer::Details => crate::ask::talk(&look.choices.iter().map(render::details).collect::<String>()),
                Answer::Skip => self.choose_to_leave_out(terminal, look, &mut left_out).await?,
            }
            if look.plan.is_none() && left_out.len() == look.choices.len() {
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
            let asked = t!("Leave out which step ({steps})? ", steps = ids(&look.choices));
            terminal.text(&asked).await?.ok_or_else(|| Fault::no_answer(self.again()))?
        };
        if !look.choices.iter().any(|choice| id(choice) == name) {
            crate::ask::talk(&t!("{step} is not one of them.\n", step = calt_api::visible::visible_line(&name)));
        } else if left_out.contains(&name) {
            crate::ask::talk(&t!("{step} is left out already.\n", step = name));
        } else {
            crate::ask::talk(&t!("{step} will be left out, with what needs it; the rest goes on.\n", step = name));
            left_out.push(name);
        }
        Ok(())
    }

    /// Records a yes to what a look covered, and a skip of what was left out, under one decision.
    async fn decide(&self, look: &Look, how: How, left_out: &[String]) -> Result<(), Fault> {
        let mut approved: Vec<Value> = look.plan.iter().cloned().collect();
        approved.extend(look.approved(left_out).map(|detail| item(self.version, Some(detail), detail)));
        let mut decision_id = None;
        if !approved.is_empty() {
            let said = Said { decision: "approve", items: approved, how, shown: &look.shown, reason: None };
            decision_id = self.send(said, None).await?["decision_id"].as_str().map(str::to_owned);
        }
        let skipped = look.choices.iter().filter(|detail| left_out.iter().any(|name| name == id(detail)));
        let items: Vec<Value> = skipped.map(|detail| item(self.version, Some(detail), detail)).collect();
        if items.is_empty() {
            return Ok(());
        }
        let reason = Some(t!("left out at the look"));
        let said = Said { decision: "skip", items, how, shown: &look.shown, reason };
        self.send(said, decision_id).await.map(drop)
    }

    /// Sends one answer to everything in a list, and says what was left out with what.
    async fn send(&self, said: Said<'_>, decision_id: Option<String>) -> Result<Value, Fault> {
        let decided = said.send(self.context, &self.client, &self.session, decision_id).await?;
        for item in render::items(&decided["items"]).iter().filter(|item| item["depends_on"].is_string()) {
            let [step, needed] = ["step_id", "depends_on"].map(|name| render::word(&item[name]));
            self.show(&t!("{step} is left out with {needed}\n", step = step, needed = needed));
        }
        Ok(decided)
    }

    /// In a dry run the diff is shown, and the writes are left out: the flag said so. Gives what remains.
    async fn leave_out_writes(&self, covered: Vec<Value>) -> Result<Vec<Value>, Fault> {
        let (writing, remaining): (Vec<_>, Vec<_>) = covered.into_iter().partition(writes);
        if !writing.is_empty() {
            let shown = applies::steps(&writing);
            self.show(&shown);
            self.skip(&writing, How::Flag, &shown, t!("dry run: nothing is applied")).await?;
        }
        Ok(remaining)
    }

    async fn skip(&self, details: &[Value], how: How, shown: &str, reason: String) -> Result<(), Fault> {
        let items = details.iter().map(|detail| item(self.version, Some(detail), detail)).collect();
        let said = Said { decision: "skip", items, how, shown, reason: Some(reason) };
        self.send(said, None).await.map(drop)
    }

    /// A step whose inputs refer to what is not there: it can only be left out.
    async fn unresolved(&self, step: &Value) -> Result<(), Fault> {
        let (name, reason) = (id(step), daemon::told(&step["unresolved"]));
        let shown = format!("\n{}{}", render::step(step), t!("   ! not resolved: {reason}\n", reason = reason));
        self.show(&shown);
        if self.applies_nothing {
            let why = t!("dry run: what it refers to was left out");
            return self.skip(std::slice::from_ref(step), How::Flag, &shown, why).await;
        }
        if let Consent::Person(terminal) = self.consent {
            let asked =
                t!("\nStep {step} refers to what is not there, and cannot run. Leave it out and go on?", step = name);
            match terminal.yes(&asked).await? {
                Some(true) => {
                    let why = t!("what it refers to is not there");
                    return self.skip(std::slice::from_ref(step), How::Prompt, &shown, why).await;
                }
                Some(false) => {}
                None => return Err(Fault::no_answer(self.again())),
            }
        }
        Err(Fault::Gate {
            message: t!("step {step} cannot be approved: {reason}", step = name, reason = reason),
            hint: format!("calt step skip {} {name}", self.session),
        })
    }

    async fn reject(&self, item: Value, shown: &str, reason: String) -> Result<(), Fault> {
        let said = Said { decision: "reject", items: vec![item], how: How::Prompt, shown, reason: Some(reason) };
        self.send(said, None).await?;
        Err(self.said_no())
    }

    fn said_no(&self) -> Fault {
        Fault::Gate {
            message: t!(
                "you said no; your reason is in the record, and only a plan of version {version} leads on",
                version = self.version + 1
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

/// A thing to decide on, with the digest that was shown: a step, or the plan itself.
pub(crate) fn item(version: u32, step: Option<&Value>, shown: &Value) -> Value {
    let mut item = json!({"plan_version": version, "digest": shown["digest"]});
    if let Some(step) = step {
        item["step_id"] = step["id"].clone();
    }
    item
}

/// Whether a step can be approved with its plan: what it does stands in the plan, whole, and it writes nothing.
pub(crate) fn is_early(detail: &Value) -> bool {
    let does_little = detail["effect"] != "writes" && detail["risk"] != "high";
    detail["status"] == "pending" && does_little && detail["unresolved"].is_null()
}

/// Whether a step can be approved now, together with others.
pub(crate) fn is_ready(detail: &Value) -> bool {
    let is_known = detail["gate"] == "recorded" || !writes(detail);
    detail["status"] == "pending" && detail["unresolved"].is_null() && is_known && detail["risk"] != "high"
}
