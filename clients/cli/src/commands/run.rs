//! `calt run PLAN`: the main job.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::time::Duration;

use calt_api::client::Client;
use calt_api::{Code, Language, Next, endpoint};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::outcome::{self, Seen};
use super::{PlanText, plan, read_plan, workspace};
use crate::arguments::{Profile, RunArguments, WorkspaceOption};
use crate::ask::{StandardInput, Terminal};
use crate::context::Context;
use crate::fault::Fault;
use crate::look::{self, Consent, Run, id, steps};
use crate::render::{self, Place};
use crate::words::{daemon, language, t};

/// How often the spinner turns.
const SPINNER_TURN: Duration = Duration::from_millis(80);

/// What a new session is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) applies_nothing: bool,
    pub(crate) profile: Profile,
    pub(crate) workspace: WorkspaceOption,
}

/// In which session a plan is run.
#[derive(Clone, Debug)]
pub(crate) enum Into {
    New(NewSession),
    Session(String),
}

/// Who answers: flags, the person at the terminal, or nobody.
pub(crate) fn consent(yes: bool, confirm_high_risk: bool, input: StandardInput) -> Consent {
    match (yes, confirm_high_risk) {
        (true, true) => Consent::FlagForHighRisk,
        (true, false) => Consent::Flag,
        (false, _) => Terminal::find(input).map_or(Consent::Nobody, Consent::Person),
    }
}

pub(crate) async fn run(context: &Context, arguments: RunArguments) -> Result<(), Fault> {
    let plan = arguments.plan.as_deref().map(read_plan).transpose()?;
    let is_piped = arguments.plan.as_deref().is_some_and(super::is_standard_input);
    let input = if is_piped { StandardInput::HoldsThePlan } else { StandardInput::Free };
    let consent = consent(arguments.yes, arguments.confirm_high_risk, input);
    let (applies_nothing, profile, workspace) = (arguments.dry_run, arguments.profile, arguments.workspace);
    if arguments.session.is_some() && workspace.workspace.is_some() {
        return Err(Fault::usage(t!(
            "a session has its workspace from the beginning: --workspace goes with a new one"
        )));
    }
    let new = NewSession { applies_nothing, profile, workspace };
    match (plan, arguments.session) {
        (Some(plan), None) => run_plan(context, &plan, Into::New(new), consent).await,
        (Some(plan), Some(session)) => run_plan(context, &plan, Into::Session(session), consent).await,
        (None, Some(session)) => go_on(context, session, consent).await,
        (None, None) => Err(Fault::usage(t!("name a plan, or a session to go on with"))),
    }
}

/// Imports a plan and runs it.
pub(crate) async fn run_plan(context: &Context, text: &PlanText, into: Into, consent: Consent) -> Result<(), Fault> {
    let client = context.client().await?;
    let known = match &into {
        Into::New(_) => None,
        Into::Session(session) => Some(session.as_str()),
    };
    let checked = plan::check_text(context, &client, text, known).await?;
    let (session, applies_nothing) = match into {
        Into::New(new) => {
            let applies_nothing = new.applies_nothing;
            (create(context, &client, new, plan::goal(&checked)).await?, applies_nothing)
        }
        Into::Session(session) => {
            let shown = show_session(context, &client, &session).await?;
            let applies_nothing = shown["mode"] == "dry_run";
            (session, applies_nothing)
        }
    };
    let imported = plan::import(context, &client, &session, text).await?;
    let version = number(&imported["version"]);
    let executing = RefCell::new(None);
    begin(Run { context, client, session, version, consent, applies_nothing, executing }).await
}

/// Goes on with the newest plan of a session.
pub(crate) async fn go_on(context: &Context, session: String, consent: Consent) -> Result<(), Fault> {
    let client = context.client().await?;
    let shown = show_session(context, &client, &session).await?;
    let refused = |message: String, hint: String| Err(Fault::Gate { message, hint });
    match shown["status"].as_str().unwrap_or_default() {
        "pending" => {
            return refused(
                t!("session {session} has no plan yet", session = session),
                format!("calt run PLAN --session {session}"),
            );
        }
        "failed" => {
            return refused(
                t!("session {session} needs a new plan version before anything more runs", session = session),
                format!("calt run PLAN --session {session}"),
            );
        }
        "cancelled" => {
            return refused(
                t!("session {session} was stopped for good", session = session),
                "calt run PLAN".to_owned(),
            );
        }
        _ => {}
    }
    let (version, applies_nothing) = (number(&shown["plan_version"]), shown["mode"] == "dry_run");
    begin(Run { context, client, session, version, consent, applies_nothing, executing: RefCell::new(None) }).await
}

async fn create(context: &Context, client: &Client, new: NewSession, goal: &Value) -> Result<String, Fault> {
    let body = json!({
        "goal": goal,
        "mode": if new.applies_nothing { "dry_run" } else { "normal" },
        "safety_profile": new.profile.word(),
        "source": context.source(),
    });
    let made = workspace::create_session(context, client, body, &new.workspace).await?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

pub(super) async fn show_session(context: &Context, client: &Client, session: &str) -> Result<Value, Fault> {
    Ok(context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?)
}

fn number(version: &Value) -> u32 {
    version.as_u64().and_then(|version| u32::try_from(version).ok()).unwrap_or_default()
}

/// Sees a run through, prints its record, and says what stopped it.
async fn begin(mut run: Run<'_>) -> Result<(), Fault> {
    if matches!(run.consent, Consent::Person(_) | Consent::Nobody) && !run.context.may_decide() {
        run.consent = Consent::SomebodyElse;
    }
    run.context.talk(&t!("session {session}\n\n", session = run.session));
    let done = tokio::select! {
        biased;
        done = see_through(&run) => done,
        () = interrupted() => return Err(given_up(&run)),
    };
    let done = done.map_err(|fault| and_back(&run, fault));
    let printed = outcome::print(&run, &done).await;
    match (done, printed) {
        (Ok(_), printed) => printed,
        (Err(fault), Ok(())) if run.context.json() => Err(Fault::Printed(Box::new(fault))),
        (Err(fault), Ok(()) | Err(_)) => Err(fault),
    }
}

/// A daemon that went away is started again by going on, unless its address was named. What this token may
/// not do, somebody who may does by going on; and so does who knows the PIN, once it is compared again.
fn and_back(run: &Run<'_>, fault: Fault) -> Fault {
    let fault = run.context.with_the_way_there(fault);
    if let Fault::Problem(mut problem) = fault {
        let of_who_asks = [Code::NotAllowed, Code::PinWrong, Code::PinLocked].map(Code::as_str);
        if of_who_asks.contains(&problem.code.as_str()) {
            problem.args["session"] = json!(run.session);
        }
        return Fault::Problem(problem);
    }
    if let Fault::Reach { message, .. } = &fault
        && run.context.base_url().is_none()
    {
        return Fault::Reach { message: message.clone(), hint: run.again() };
    }
    fault
}

/// Comes back when Ctrl-C was pressed.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without the handler Ctrl-C ends the process as it always does.
        std::future::pending::<()>().await;
    }
}

/// What a Ctrl-C leaves behind: the daemon goes on with a run that has begun, and with nothing else.
fn given_up(run: &Run<'_>) -> Fault {
    run.context.talk("\n");
    let message = match &*run.executing.borrow() {
        Some(step) => t!(
            "interrupted; step {step} goes on in the daemon, and nothing after it (`calt session stop {session}` ends it)",
            step = step,
            session = run.session
        ),
        None => t!("interrupted; no step runs until somebody goes on"),
    };
    Fault::Interrupted { message, hint: run.again() }
}

/// Asks and executes until every step is done or something says no.
async fn see_through(run: &Run<'_>) -> Result<Seen, Fault> {
    let plan = run.plan().await?;
    let is_done = |step: &Value| step["status"] == "succeeded" || step["status"] == "skipped";
    let seen = if steps(&plan).all(is_done) { Seen::DoneBefore } else { Seen::Now };
    if plan["approved"] != Value::Bool(true) {
        run.first_look(&plan).await?;
    }
    let names: Vec<String> = steps(&plan).map(|step| id(step).to_owned()).collect();
    for (place, name) in names.iter().enumerate() {
        let label = t!("step {number} of {count}: {step}", number = place + 1, count = names.len(), step = name);
        let mut step = run.detail(name).await?;
        let was_approved = step["status"] == "approved" && plan["approved"] == Value::Bool(true);
        if step["status"] == "pending" {
            run.later_look(step, &names[place + 1..]).await?;
            step = run.detail(name).await?;
        }
        match step["status"].as_str() {
            Some("approved") => {
                if was_approved && step["risk"] == "high" {
                    run.confirm(&step).await?;
                }
                follow(run, &label, name, run.execute(&step)).await?;
            }
            Some("running") => follow(run, &label, name, look::wait(&run.client, &step["run_id"])).await?,
            Some("skipped") => run.context.talk(&t!("{label} left out\n", label = label)),
            Some("succeeded") => {}
            Some(_) | None => {
                return Err(Fault::Gate {
                    message: t!("step {step} is {status}", step = name, status = daemon::step_status(&step["status"])),
                    hint: format!("calt explain {}", run.session),
                });
            }
        }
    }
    Ok(seen)
}

/// Shows a step while it runs, and what came of it.
async fn follow(
    run: &Run<'_>,
    label: &str,
    name: &str,
    running: impl Future<Output = Result<Value, Fault>>,
) -> Result<(), Fault> {
    run.executing.replace(Some(name.to_owned()));
    let spinner = spinner(run.context, label);
    let ended = running.await;
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let ended = ended?;
    run.executing.replace(None);
    let seconds = ended["duration_ms"].as_u64().unwrap_or_default() as f64 / 1e3;
    let state = render::word(&ended["state"]);
    let is_preview = ended["output"]["applied"] == Value::Bool(false);
    let output = if is_preview && run.is_shown_again(name).await? {
        String::new()
    } else {
        render::output(&ended["output"], Place::Talk)
    };
    let seconds = format_args!("{seconds:.2}").to_string();
    let told = daemon::step_status(&ended["state"]);
    let said = t!("{label} {state} ({seconds} s)\n", label = label, state = told, seconds = seconds);
    run.context.talk(&said);
    run.context.talk_as_it_is(&output);
    if state == "succeeded" {
        return Ok(());
    }
    let session = show_session(run.context, &run.client, &run.session).await?;
    let code = failure_code(run.context, &run.client, &run.session).await;
    Err(failed(&ended, &code, name, &session["next"]))
}

/// The code of the failure a session stands at: the daemon says its sentence in English only.
pub(crate) async fn failure_code(context: &Context, client: &Client, session: &str) -> Value {
    if language() == Language::English {
        return Value::Null;
    }
    let query = [("q", ""), ("event_type", "step_failed"), ("limit", "1")];
    let found = context.fetch(client, &endpoint::SEARCH_SESSION_EVENTS, &[session], &query).await;
    // Without it the sentence is told as it came.
    let found = found.unwrap_or_default();
    let payload = found["items"][0]["payload_text"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    payload.map(|payload| payload["code"].clone()).unwrap_or_default()
}

/// A step that failed. What it wrote stays, so the way back comes before the way on.
pub(crate) fn failed(ended: &Value, code: &Value, step: &str, of_session: &Value) -> Fault {
    let offered: Option<Next> = serde_json::from_value(ended["next"].clone()).ok();
    let stays = if offered.is_some() { t!("; what it wrote stays until it is taken back") } else { String::new() };
    let (state, error) = (daemon::step_status(&ended["state"]), daemon::failure(code, &ended["error"]));
    let next = offered.or_else(|| serde_json::from_value(of_session.clone()).ok());
    Fault::Work {
        message: t!("step {step} {state}: {error}", step = step, state = state, error = error) + &stays,
        next,
    }
}

/// Something that moves while one waits; nothing where nobody looks.
pub(crate) fn spinner(context: &Context, label: &str) -> Option<ProgressBar> {
    if context.json() || !std::io::stderr().is_terminal() {
        return None;
    }
    let spinner = ProgressBar::new_spinner().with_message(label.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(SPINNER_TURN);
    Some(spinner)
}
