//! `calt wait SESSION`: until it is decided or done, told by its event stream.

use std::time::Duration;

use calt_api::Next;
use calt_api::client::Client;
use calt_api::endpoint;
use serde_json::{Value, json};

use super::{inbox, standing};
use crate::about;
use crate::arguments::Until;
use crate::context::Context;
use crate::fault::Fault;
use crate::hint;
use crate::render::{self, Sheet};
use crate::words::{daemon, t};

/// The role of the owner, whose token is taken where none is named.
const OWNER: &str = "owner";

/// What ends the wait.
#[derive(Clone, Debug)]
enum End {
    /// What was asked for.
    Asked(Until),
    /// It waits for somebody of this role, or has ended.
    Turn(String),
}

pub(crate) async fn run(context: &Context, session: &str, until: Option<Until>, seconds: u64) -> Result<(), Fault> {
    let client = context.client().await?;
    let end = match until {
        Some(until) => End::Asked(until),
        // Who decides waits for something to decide on; everybody else, for the decision.
        None if context.may_decide() => End::Turn(context.caller().map_or(OWNER, |caller| &caller.role).to_owned()),
        None => End::Asked(Until::Decided),
    };
    // What happens after this number wakes us; what happened before it shows in the first look.
    let query = [("q", ""), ("limit", "1")];
    let newest: Value = context.fetch(&client, &endpoint::SEARCH_SESSION_EVENTS, &[session], &query).await?;
    let seq = newest["items"][0]["seq"].as_u64();
    let mut stream = client.stream(&endpoint::SESSION_EVENTS, &[session], seq).await?;
    let settled = async {
        loop {
            let standing = look(context, &client, session).await?;
            if is_settled(&standing, &end)? || stream.next().await?.is_none() {
                return Ok::<_, Fault>(standing);
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(seconds), settled).await;
    let standing = match waited {
        Ok(standing) => standing?,
        Err(_) => look(context, &client, session).await?,
    };
    answer(context, session, &standing, &end)
}

/// Where the session stands, what waits, why somebody said no or a step failed, and what leads on.
async fn look(context: &Context, client: &Client, session: &str) -> Result<Value, Fault> {
    let inbox: Value = context.fetch(client, &endpoint::INBOX, &[], &[("session", session)]).await?;
    let shown: Value = context.fetch(client, &endpoint::SHOW_SESSION, &[session], &[]).await?;
    let mut reasons = Vec::new();
    if shown["needs_replan"] == Value::Bool(true) {
        let newest = shown["plan_version"].as_u64();
        reasons = about::reasons(context, client, session, |version| Some(version) == newest).await?;
    }
    let waits = render::items(&inbox["items"]).first().cloned().unwrap_or_default();
    let ways = standing::ways(context, client, &shown).await;
    let next_command = match serde_json::from_value(shown["next"].clone()).ok() {
        _ if ways.is_some() => ways.as_ref().map(|ways| ways.look.clone()),
        // Who waits hands in, and does not decide.
        Some(Next::ImportPlan { .. }) => Some(format!("calt plan import {session} PLAN")),
        next => next.and_then(|next| hint::command(&next, Some(session))),
    };
    Ok(json!({
        "session_id": session, "status": shown["status"], "plan_version": shown["plan_version"],
        "waits": waits, "reasons": reasons, "next": shown["next"], "next_command": next_command,
        "land_command": ways.and_then(|ways| ways.land),
    }))
}

/// Whether there is nothing left to wait for.
fn is_settled(standing: &Value, end: &End) -> Result<bool, Fault> {
    let status = standing["status"].as_str().unwrap_or_default();
    let is_done = ["succeeded", "failed", "cancelled"].contains(&status);
    if status == "pending" && matches!(end, End::Asked(_)) {
        let session = render::word(&standing["session_id"]);
        let hint = Some(format!("calt plan import {session} PLAN"));
        return Err(Fault::Usage { message: t!("session {session} has no plan to wait for", session = session), hint });
    }
    Ok(match end {
        End::Asked(Until::Decided) => standing["waits"].is_null() || standing["waits"]["waits_for"] == "new_plan",
        End::Asked(Until::Done) => is_done,
        End::Turn(role) => is_done || render::items(&standing["waits"]["roles"]).iter().any(|waited| waited == role),
    })
}

fn answer(context: &Context, session: &str, standing: &Value, end: &End) -> Result<(), Fault> {
    let is_settled = is_settled(standing, end)?;
    let status = standing["status"].as_str().unwrap_or_default();
    let shown = daemon::session_status(&standing["status"]);
    let said_no = ["failed", "cancelled"].contains(&status);
    let mut told = standing.clone();
    told["settled"] = json!(is_settled);
    context.show(&told, |_| {
        let mut sheet = Sheet::default();
        sheet.say(format!("{session}: {shown}"));
        if !standing["waits"].is_null() {
            sheet.say(inbox::what(&standing["waits"]));
        }
        for reason in render::items(&standing["reasons"]) {
            let of = reason["step_id"].as_str().map(|step| format!(" {step}")).unwrap_or_default();
            let (kind, why) =
                (daemon::ending(&reason["event_type"]), daemon::reason(&reason["event_type"], &reason["reason"]));
            let by = render::word(&reason["by"]);
            sheet.say(t!("{what} by {by}: {why}", what = kind + &of, by = by, why = why));
        }
        sheet.done()
    })?;
    let next = standing["next"].clone();
    let fault = if !is_settled {
        let (option, message) = match end {
            End::Asked(Until::Done) => (" --until done", t!("session {session} is not done yet", session = session)),
            End::Asked(Until::Decided) => {
                (" --until decided", t!("session {session} is not decided yet", session = session))
            }
            End::Turn(_) => ("", t!("nothing of session {session} waits for you yet", session = session)),
        };
        Fault::StillWaiting { message, hint: format!("calt wait {session}{option}") }
    } else if said_no {
        let next = serde_json::from_value(next).ok();
        let newest = &standing["reasons"][0];
        let is_no = ["plan_rejected", "step_rejected"].iter().any(|no| newest["event_type"] == **no);
        let shown = match daemon::reason(&newest["event_type"], &newest["reason"]) {
            why if is_no => t!("rejected: {why}", why = why),
            _ => shown,
        };
        Fault::Work { message: t!("session {session} is {status}", session = session, status = shown), next }
    } else {
        let to_decide = inbox::command(&standing["waits"]).filter(|_| matches!(end, End::Turn(_)));
        if let Some(next) = to_decide.as_deref().or_else(|| standing["next_command"].as_str()) {
            context.hint(next);
        }
        if let Some(land) = standing["land_command"].as_str() {
            context.talk(&t!("Land: {command}\n", command = land));
        }
        return Ok(());
    };
    if context.json() { Err(Fault::Printed(Box::new(fault))) } else { Err(fault) }
}
