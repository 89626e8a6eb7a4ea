//! Steps that somebody executes by typing: the message that says so says in the end what came of it, also when the bot
//! was away meanwhile.

use std::sync::Arc;
use std::time::Duration;

use calt_api::Language;
use calt_api::client::CallError;
use calt_api::views::ExecuteReply;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::bot::{Bot, Notice};
use crate::card;
use crate::list;
use crate::text::inline_within;

/// How long to wait before a run that goes on, or a daemon that is not there, is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Longest id of a step in a line, in characters.
const STEP_CHARS_MAX: usize = 100;

/// A message that says that a step is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Typed {
    pub(crate) session: String,
    pub(crate) version: u32,
    pub(crate) step: String,
    pub(crate) channel: String,
    pub(crate) message: String,
    /// The language of who typed it, as a tag.
    pub(crate) language: String,
}

/// What the message says first.
pub(crate) fn runs(language: Language, step: &str) -> String {
    let step = inline_within(step, STEP_CHARS_MAX);
    match language {
        Language::English => format!("▶️ {step} is running."),
        Language::Japanese => format!("▶️ {step} を実行中です。"),
    }
}

/// Waits for the end of what was running when the bot went away, and says it.
pub(crate) async fn settle(bot: Arc<Bot>, typed: Typed) {
    let answer = loop {
        match end(&bot, &typed).await {
            Ok(Some(answer)) => break answer,
            Ok(None) => {}
            Err(CallError::Problem(problem)) if is_gone(&problem.code) => {
                bot.tell(Notice::Ended(typed.message));
                return;
            }
            Err(fault) => tracing::warn!(step.id = typed.step, "a run could not be looked at: {fault}"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    };
    let body = card::body(&answer.content, answer.shown.as_ref(), &[], &[]);
    let files = answer.shown.as_ref().map(|shown| shown.files.as_slice()).unwrap_or_default();
    loop {
        match bot.edit(&typed.channel, &typed.message, &body, files).await {
            Err(fault) if !fault.is_final() => tokio::time::sleep(ASK_AGAIN).await,
            Ok(_) | Err(_) => break,
        }
    }
    bot.tell(Notice::Ended(typed.message));
}

/// Whether the daemon has no such thing: its data is another.
fn is_gone(code: &str) -> bool {
    ["session_not_found", "plan_not_found", "run_not_found"].contains(&code)
}

/// What came of it; `None` while it runs.
async fn end(bot: &Bot, typed: &Typed) -> Result<Option<Answer>, CallError> {
    let language = Language::of_locale(&typed.language);
    let plan = bot.daemon.plan(&typed.session, typed.version).await?;
    let run = plan.steps.into_iter().find(|step| step.id == typed.step).and_then(|step| step.run_id);
    let Some(run) = run else { return Ok(Some(Answer::line(never_begun(language, typed)))) };
    let run = bot.daemon.run(run).await?;
    Ok((run.state != "running").then(|| {
        let ended = ExecuteReply {
            session_id: run.session_id,
            step_id: run.step_id,
            status: run.state,
            run_id: run.run_id,
            output: run.output,
            error: run.error,
            artifacts: run.artifacts,
            duration_ms: run.duration_ms,
        };
        list::ended(language, &ended)
    }))
}

/// The bot went away before the daemon was asked to begin.
fn never_begun(language: Language, typed: &Typed) -> String {
    let (step, session) = (inline_within(&typed.step, STEP_CHARS_MAX), &typed.session);
    match language {
        Language::English => format!(
            "⏸️ {step} was not begun: the bot was away. Execute it: `/step_execute session_id:{session} step_id:{}`",
            typed.step
        ),
        Language::Japanese => format!(
            "⏸️ ボットが止まったため、{step} は始まっていません。実行: `/step_execute session_id:{session} step_id:{}`",
            typed.step
        ),
    }
}
