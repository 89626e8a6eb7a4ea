//! Making sessions and taking in plans.

use serde_json::{Value, json};

use super::approval::closed;
use super::{Answer, CreateSession, Decision, Facts, HomeFacts, ImportPlan, event, fitting};
use crate::digest::Digest;
use crate::event::{Fact, PAYLOAD_BYTES_MAX, StepFact, WorkspaceIdentity};
use crate::id::{SessionId, StepId};
use crate::isolation::BoxSpec;
use crate::plan::PlannedStep;
use crate::policy::{self, Act};
use crate::principal::Caller;
use crate::quota;
use crate::reference::PREVIEW_INPUT;
use crate::refusal::Refusal;
use crate::session::{PROBE_ORIGIN, Session, Stage, inputs_digest};
use crate::toolbox::Effect;

/// Longest goal, in characters.
const GOAL_CHARS_MAX: u64 = 4_000;
/// Most names of a list that `session_created` has of what was copied.
const COPIED_NAMES_MAX: usize = 100;
/// Longest `ref` and `origin`, in characters.
const LABEL_CHARS_MAX: u64 = 200;

pub(super) fn create_session(
    session: Option<&Session>,
    (caller, create): (&Caller, &CreateSession),
    facts: &Facts,
) -> Result<Decision, Refusal> {
    if session.is_some() {
        let what = format!("session `{}`", create.id);
        return Err(Refusal::InputInvalid { what, reason: "it exists already".to_owned() });
    }
    if let WorkspaceIdentity::Of { session: home } = &create.workspace {
        nobody_else_is_on(home, facts)?;
    }
    quota::room_for(caller, &create.workspace, &facts.holdings)?;
    bounded("the goal", create.goal.as_deref(), GOAL_CHARS_MAX)?;
    bounded("the ref", create.ticket.as_deref(), LABEL_CHARS_MAX)?;
    bounded("the origin", create.origin.as_deref(), LABEL_CHARS_MAX)?;
    // Nobody looks at what is left out of lists, so it is no proposer's to say.
    if create.origin.as_deref() == Some(PROBE_ORIGIN) && !policy::allows(caller.role, Act::Decide) {
        let reason = format!("`{PROBE_ORIGIN}` marks a probe, which lists leave out; only who may decide marks one");
        return Err(Refusal::InputInvalid { what: "the origin".to_owned(), reason });
    }
    let fact = Fact::SessionCreated { mode: create.mode, profile: create.profile, workspace: create.workspace.clone() };
    let mut payload = json!({
        "goal": create.goal,
        "mode": create.mode,
        "safety_profile": create.profile,
        "workspace": create.workspace,
        "ref": create.ticket,
        "origin": create.origin,
    });
    if let Some(copied) = &create.copied {
        payload["copied"] = json!({
            "entries": copied.entries,
            "bytes": copied.bytes,
            "left_out": named(&copied.left_out),
            "left_out_count": copied.left_out_count,
            "uncommitted": named(&copied.uncommitted),
            "uncommitted_count": copied.uncommitted_count,
            "lfs_pointers": named(&copied.lfs_pointers),
        });
        payload = fitting(payload, &["copied"]);
    }
    let created = event(fact, None, "session created".to_owned(), &payload);
    Ok(Decision::accept(Answer::SessionCreated { session: create.id.clone() }, vec![created]))
}

/// Two live sessions never write to one workspace: everyone else on it is stopped, and nothing runs there any more.
fn nobody_else_is_on(home: &SessionId, facts: &Facts) -> Result<(), Refusal> {
    let missing = || Refusal::SessionNotFound { session: home.to_string() };
    let HomeFacts { open, running } = facts.home.as_ref().ok_or_else(missing)?;
    if let Some(open) = open {
        return Err(Refusal::WorkspaceInUse { session: home.clone(), open: open.clone() });
    }
    match running.clone() {
        Some((session, step, run)) => Err(Refusal::RunInProgress { session, step, run }),
        None => Ok(()),
    }
}

/// The first of a list: the manifest has more.
fn named<T>(all: &[T]) -> &[T] {
    &all[..all.len().min(COPIED_NAMES_MAX)]
}

fn bounded(what: &str, text: Option<&str>, limit: u64) -> Result<(), Refusal> {
    let actual = text.map_or(0, |text| text.chars().count() as u64);
    if actual > limit {
        return Err(Refusal::LimitExceeded { what: what.to_owned(), actual, limit, unit: "characters" });
    }
    Ok(())
}

pub(super) fn import_plan(
    session: &Session,
    (caller, import): (&Caller, &ImportPlan),
    facts: &Facts,
) -> Result<Decision, Refusal> {
    let plan = &import.plan;
    let (version, digest) = (plan.version(), plan.digest());
    match session.stage() {
        Stage::Stopped(_) => {
            return Err(closed(session));
        }
        Stage::Drafting
        | Stage::AwaitingPlanApproval(_)
        | Stage::Working(..)
        | Stage::NeedsReplan(..)
        | Stage::Succeeded(..) => {}
    }
    if let Some(newest) = session.plan_version() {
        let known = if version == newest { session.plan_digest() } else { session.older_plan(version) };
        if known == Some(digest) {
            return Ok(Decision::accept(Answer::PlanImported { version, digest }, Vec::new()));
        }
        if version <= newest {
            return Err(Refusal::PlanVersionExists { session: session.id().clone(), version, newest });
        }
    }
    quota::version_for(caller, session.plan_versions(), facts.holdings.quota)?;
    if let Some((run, step)) = session.running() {
        return Err(Refusal::RunInProgress { session: session.id().clone(), step: step.clone(), run });
    }
    let fact = Fact::PlanImported {
        version,
        digest,
        masked_digest: Digest::of_bytes(import.masked.to_string().as_bytes()),
        document_digest: import.document_digest,
        steps: plan.steps().iter().map(step_fact).collect(),
    };
    let mut payload = json!({
        "version": version,
        "title": import.masked["title"],
        "session_goal": import.masked["session_goal"],
        "ref": import.masked["ref"],
        "digest": digest,
        "plan": import.masked.as_ref(),
    });
    if payload.to_string().len() > PAYLOAD_BYTES_MAX {
        let sha256 = Digest::of_bytes(import.masked.to_string().as_bytes());
        payload["plan"] = json!(null);
        payload["plan_sha256"] = json!(sha256);
    }
    let imported = event(fact, None, format!("plan v{version} imported"), &payload);
    Ok(Decision::accept(Answer::PlanImported { version, digest }, vec![imported]))
}

fn step_fact(step: &PlannedStep) -> StepFact {
    StepFact {
        id: step.id.clone(),
        tool: step.tool.clone(),
        effect: step.effect,
        risk: step.risk,
        content: Digest::of_json("calt step content v1", &step.canonical()),
        inputs: inputs_digest(&step.inputs),
        has_references: !step.references.is_empty(),
        refers_to: refers_to(step),
        change: change(step),
        box_digest: step.box_spec.as_ref().map(BoxSpec::digest),
    }
}

/// The steps whose output a step uses, each once.
fn refers_to(step: &PlannedStep) -> Vec<StepId> {
    let mut steps = Vec::new();
    for reference in &step.references {
        if !steps.contains(&reference.step) {
            steps.push(reference.step.clone());
        }
    }
    steps
}

/// What a preview shows and an apply writes, told by their inputs: all but how it is shown or done.
fn change(step: &PlannedStep) -> Option<Digest> {
    match step.effect {
        Effect::Previews | Effect::Writes => {}
        Effect::Reads | Effect::Spawns => return None,
    }
    let mut inputs = step.inputs.as_object()?.clone();
    inputs.retain(|name, value| !["mode", PREVIEW_INPUT].contains(&name.as_str()) && !value.is_null());
    Some(Digest::of_json("calt change v1", &Value::Object(inputs)))
}
