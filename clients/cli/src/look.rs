//! The looks of a run: what is shown before each question, and what the answer does.

use std::collections::HashMap;

use calt_api::client::{Body, Client};
use calt_api::endpoint;
use serde_json::{Value, json};

use crate::arguments::RunArguments;
use crate::ask::{self, Answer};
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

/// One run of a plan, with what its questions need.
pub(crate) struct Run<'c> {
    pub(crate) context: &'c Context,
    pub(crate) client: Client,
    pub(crate) session: String,
    pub(crate) arguments: RunArguments,
    pub(crate) version: u32,
}

impl Run<'_> {
    pub(crate) async fn plan(&self) -> Result<Value, Fault> {
        let version = self.version.to_string();
        Ok(self.context.fetch(&self.client, &endpoint::SHOW_PLAN, &[&self.session, &version], &[]).await?)
    }

    pub(crate) async fn detail(&self, step: &str) -> Result<Value, Fault> {
        Ok(self.context.fetch(&self.client, &endpoint::SHOW_STEP, &[&self.session, step], &[]).await?)
    }

    /// Look 1: the plan, with every read, preview and command whose inputs are known already.
    pub(crate) async fn first_look(&self, plan: &Value) -> Result<(), Fault> {
        let mut covered = Vec::new();
        for step in steps(plan) {
            let early = step["status"] == "pending" && step["effect"] != "writes" && step["risk"] != "high";
            if early {
                let detail = self.detail(id(step)).await?;
                if detail["unresolved"].is_null() {
                    covered.push(detail);
                }
            }
        }
        let names: Vec<_> = covered.iter().map(|detail| id(detail).to_owned()).collect();
        let shown = format!("{}\n{}", render::plan(plan), isolation(&covered));
        if !self.context.json() {
            eprint!("{shown}");
        }
        let question = match names.len() {
            0 => "Approve this plan?".to_owned(),
            1 => format!("Approve this plan, and its step {}?", names[0]),
            count => format!("Approve this plan, and {count} of its steps that write nothing ({})?", names.join(", ")),
        };
        let mut left_out = Vec::new();
        let how = self.answered(&question, &covered, &mut left_out, || self.reject_plan(plan)).await?;
        if plan["approved"] != Value::Bool(true) {
            let body = self.context.decision(how, digest(plan), &shown);
            let version = self.version.to_string();
            let _: Value = self.client.send(&endpoint::APPROVE_PLAN, &[&self.session, &version], &body).await?;
        }
        self.decide(&covered, &left_out, how, &shown).await
    }

    /// A later look: one cumulative diff of every apply that is ready, or one step alone.
    pub(crate) async fn later_look(&self, plan: &Value, step: &str) -> Result<(), Fault> {
        let detail = self.detail(step).await?;
        if let Some(reason) = detail["unresolved"].as_str() {
            return Err(Fault::Bug(format!("step {step} cannot be shown: {reason}")));
        }
        let mut covered = vec![detail];
        if covered[0]["risk"] != "high" {
            for other in steps(plan).filter(|other| other["status"] == "pending" && id(other) != step) {
                let detail = self.detail(id(other)).await?;
                let ready = detail["unresolved"].is_null() && detail["gate"] == "recorded" && detail["risk"] != "high";
                if ready {
                    covered.push(detail);
                }
            }
        }
        let mut shown = String::new();
        for detail in &covered {
            shown.push_str(&format!("\n{}", render::step(detail)));
            match detail["diff"].as_str() {
                Some(diff) => shown.push_str(&render::diff(diff)),
                None if detail["effect"] == "writes" => {
                    shown.push_str("   ! no preview of exactly these files is recorded: the run will refuse\n");
                }
                None => {}
            }
        }
        if !self.context.json() {
            eprint!("{shown}");
        }
        let question = match (covered.len(), covered[0]["risk"] == "high") {
            (_, true) => format!("Step {step} is HIGH RISK. Approve and execute it?"),
            (1, false) => format!("Approve step {step}?"),
            (count, false) => format!("Approve these {count} steps?"),
        };
        if covered[0]["risk"] == "high" && self.arguments.yes && !self.arguments.confirm_high_risk {
            return Err(Fault::Gate {
                message: format!("step {step} is high risk and --yes does not answer for it"),
                hint: format!("calt step approve {} {step}, or add --confirm-high-risk", self.session),
            });
        }
        let mut left_out = Vec::new();
        let how = self.answered(&question, &covered, &mut left_out, || self.reject_step(step)).await?;
        self.decide(&covered, &left_out, how, &shown).await
    }

    /// Asks until yes; a no is recorded with its reason and ends the run.
    async fn answered<F: Future<Output = Result<Fault, Fault>>>(
        &self,
        question: &str,
        covered: &[Value],
        left_out: &mut Vec<String>,
        no: impl Fn() -> F,
    ) -> Result<&'static str, Fault> {
        if self.arguments.yes {
            return Ok("flag");
        }
        if !ask::is_possible() {
            return Err(Fault::Gate {
                message: format!("{question} Nobody can be asked here: standard input is no terminal"),
                hint: format!("calt explain {}, or run again with --yes", self.session),
            });
        }
        loop {
            match ask::look(&format!("\n{question}"))? {
                Answer::Yes => return Ok("prompt"),
                Answer::No => return Err(no().await?),
                Answer::Details => {
                    for detail in covered {
                        eprintln!(
                            "{}",
                            serde_json::to_string_pretty(detail)
                                .map(|text| calt_api::visible::visible(&text).into_owned())
                                .unwrap_or_default()
                        );
                    }
                }
                Answer::Skip => {
                    let Some(name) = ask::text("Leave out which step? ")? else { continue };
                    if covered.iter().any(|detail| id(detail) == name) {
                        eprintln!("{name} will be left out.");
                        left_out.push(name);
                    } else {
                        eprintln!("{name} is not among the steps of this look.");
                    }
                }
            }
        }
    }

    async fn decide(&self, covered: &[Value], left_out: &[String], how: &str, shown: &str) -> Result<(), Fault> {
        for detail in covered {
            let step = id(detail);
            let mut body = self.context.decision(how, digest(detail), shown);
            let endpoint = if left_out.iter().any(|name| name == step) {
                body.reason = Some("left out at the look".to_owned());
                endpoint::SKIP_STEP
            } else {
                endpoint::APPROVE_STEP
            };
            let _: Value = self.client.send(&endpoint, &[&self.session, step], &body).await?;
        }
        Ok(())
    }

    async fn reject_plan(&self, plan: &Value) -> Result<Fault, Fault> {
        let Some(reason) = ask::text("Why not? ")? else { return Ok(Fault::Quiet(crate::fault::EXIT_GATE)) };
        let mut body = self.context.decision("prompt", digest(plan), &render::plan(plan));
        body.reason = Some(reason);
        let version = self.version.to_string();
        let _: Value = self.client.send(&endpoint::REJECT_PLAN, &[&self.session, &version], &body).await?;
        Ok(self.said_no())
    }

    async fn reject_step(&self, step: &str) -> Result<Fault, Fault> {
        let Some(reason) = ask::text("Why not? ")? else { return Ok(Fault::Quiet(crate::fault::EXIT_GATE)) };
        let detail = self.detail(step).await?;
        let mut body = self.context.decision("prompt", digest(&detail), &render::step(&detail));
        body.reason = Some(reason);
        let _: Value = self.client.send(&endpoint::REJECT_STEP, &[&self.session, step], &body).await?;
        Ok(self.said_no())
    }

    fn said_no(&self) -> Fault {
        Fault::Gate {
            message: "you said no; your reason is in the record, and nothing more runs".to_owned(),
            hint: format!("calt run PLAN --session {}    (a plan with version {})", self.session, self.version + 1),
        }
    }

    /// Executes a step and waits for its end.
    pub(crate) async fn execute(&self, step: &str, confirm_high_risk: bool) -> Result<Value, Fault> {
        let body = json!({"confirm_high_risk": confirm_high_risk, "source": self.context.source()});
        let started: Value = self.client.send_async(&endpoint::EXECUTE_STEP, &[&self.session, step], &body).await?;
        wait(&self.client, &started).await
    }
}

/// Waits for the end of a run.
pub(crate) async fn wait(client: &Client, started: &Value) -> Result<Value, Fault> {
    const FIRST_WAIT_MILLIS: u64 = 2;
    const LONGEST_WAIT_MILLIS: u64 = 100;
    let run = started["run_id"].to_string();
    let mut pause = FIRST_WAIT_MILLIS;
    loop {
        let shown: Value = client.call(&endpoint::SHOW_RUN, &[&run], &[], Body::Empty).await?;
        if shown["state"] != "running" {
            return Ok(shown);
        }
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        pause = (pause * 2).min(LONGEST_WAIT_MILLIS);
    }
}

/// The steps of a plan.
pub(crate) fn steps(plan: &Value) -> impl Iterator<Item = &Value> {
    plan["steps"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// A step's id.
pub(crate) fn id(step: &Value) -> &str {
    step["id"].as_str().unwrap_or_default()
}

fn digest(shown: &Value) -> Option<String> {
    shown["digest"].as_str().map(str::to_owned)
}

/// How the commands of this look are isolated, in one line, and the colours of meaning in digests.
fn isolation(covered: &[Value]) -> String {
    let tier = covered.iter().find(|detail| detail["effect"] == "spawns").and_then(|detail| detail["tier"].as_str());
    let mut lines: HashMap<&str, &str> = HashMap::new();
    lines.insert(
        "unbuilt",
        "Commands run in a process group of their own; the kernel's box is not built yet (isolation: unbuilt).\n",
    );
    tier.map(|tier| {
        lines.get(tier).map_or_else(|| format!("Commands run with isolation {tier}.\n"), |line| (*line).to_owned())
    })
    .unwrap_or_default()
}
