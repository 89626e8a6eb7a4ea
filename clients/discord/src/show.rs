//! What is put before a person, made from what the daemon says: card, file, buttons that the daemon keeps.

use std::fmt::Write as _;

use calt_api::Language;
use calt_api::client::CallError;
use calt_api::views::{ButtonItem, ButtonSubject, PlanView, StepDetailView};
use calt_api::visible::columns;
use serde_json::Value;

use crate::bot::Bot;
use crate::card::{self, Press, Shown};
use crate::look::{self, Look};
use crate::say::pick;
use crate::state::{Card, Kind, Stand};
use crate::text::{harmless, last_lines};

/// Columns of the longest word on what became of a step.
const LANDED_COLUMNS: usize = 12;
/// Lines of a failed run's output that are shown; the record has all.
const OUTPUT_LINES_MAX: usize = 30;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'s> {
    pub(crate) kind: Kind,
    pub(crate) step: Option<&'s str>,
}

/// Something to show, with what it decides on.
pub(crate) struct Made {
    pub(crate) content: String,
    pub(crate) shown: Shown,
    pub(crate) components: Vec<Value>,
    pub(crate) buttons: Vec<String>,
    pub(crate) look: Look,
    language: Language,
}

impl Made {
    /// The card that remembers it.
    pub(crate) fn card(&self, channel: &str, session: &str, kind: Kind, version: u32, step: Option<String>) -> Card {
        Card {
            session: session.to_owned(),
            kind,
            version,
            step,
            steps: self.look.items.iter().filter_map(|item| item.step_id.clone()).collect(),
            channel: channel.to_owned(),
            message: None,
            stand: Stand::Posting,
            buttons: self.buttons.clone(),
            outcome: None,
            told: None,
            sent: None,
            ready: None,
            language: Some(self.language.tag().to_owned()),
            number: 0,
        }
    }
}

/// Makes what is asked of a plan's session.
pub(crate) async fn make(
    bot: &Bot,
    language: Language,
    (plan, asked): (&PlanView, Asked<'_>),
) -> Result<Made, CallError> {
    let place = (plan.session_id.as_str(), plan.version);
    let look = match asked.kind {
        Kind::Plan => look::plan(language, plan, &details(bot, plan, None).await?),
        Kind::Steps => {
            let first = asked.step.unwrap_or_default();
            let steps = details(bot, plan, Some(first)).await?;
            match look::together(&steps, first).as_slice() {
                [] => steps.first().map(|step| look::step(language, step)).unwrap_or_default(),
                // What it writes is its diff; what else it is stood in the plan.
                [only] if only.diff.is_none() => look::step(language, only),
                some => look::steps(language, some),
            }
        }
        Kind::Step | Kind::Risk => {
            look::step(language, &bot.daemon.step(place.0, asked.step.unwrap_or_default()).await?)
        }
        Kind::Failure => failure(bot, language, plan).await?,
    };
    let shown = card::shown(language, &look, (place.0, asked.kind));
    let presses = presses(bot, asked.kind, &look, (plan, shown.is_cut));
    let (components, buttons) = components(bot, language, place, (&look, &shown), &presses).await?;
    let content = heading(language, asked.kind, bot.settings.high_risk_in_terminal_only).to_owned();
    Ok(Made { content, shown, components, buttons, look, language })
}

/// The steps of a plan as an approver should see them, from one on.
async fn details(bot: &Bot, plan: &PlanView, from: Option<&str>) -> Result<Vec<StepDetailView>, CallError> {
    let mut details = Vec::new();
    for step in plan.steps.iter().skip_while(|step| from.is_some_and(|from| step.id != from)) {
        details.push(bot.daemon.step(&plan.session_id, &step.id).await?);
    }
    Ok(details)
}

/// The buttons a look gets. What a person cannot see whole is not decided here.
fn presses(bot: &Bot, kind: Kind, look: &Look, (plan, is_cut): (&PlanView, bool)) -> Vec<Press> {
    let is_high = look
        .items
        .iter()
        .any(|item| plan.steps.iter().any(|step| item.step_id.as_ref() == Some(&step.id) && step.risk == "high"));
    let terminal_only = is_high && bot.settings.high_risk_in_terminal_only;
    match kind {
        Kind::Failure if plan.steps.iter().any(|step| step.status == "succeeded" && step.effect == "writes") => {
            vec![Press::Undo, Press::Leave]
        }
        Kind::Failure => vec![Press::Leave],
        _ if is_cut || terminal_only => vec![Press::Reject],
        Kind::Plan | Kind::Steps | Kind::Step => vec![Press::Approve, Press::Reject],
        Kind::Risk => vec![Press::Confirm, Press::Reject],
    }
}

/// Menus and buttons; the daemon keeps what they stand for.
async fn components(
    bot: &Bot,
    language: Language,
    (session, version): (&str, u32),
    (look, shown): (&Look, &Shown),
    presses: &[Press],
) -> Result<(Vec<Value>, Vec<String>), CallError> {
    let may_leave_out = presses.contains(&Press::Approve) && look.choices.len() > 1;
    let mut wanted = presses.to_vec();
    if may_leave_out {
        wanted.push(Press::LeaveOut);
    }
    let subjects = wanted.iter().map(|press| card::subject(*press, (session, version), look, shown)).collect();
    let ids = bot.daemon.make_buttons(subjects).await?;
    let approve = card::approve_label(language, &look.items, 0);
    let label = |press| if press == Press::Approve { &approve } else { card::label(language, press) };
    let buttons: Vec<_> = presses.iter().zip(&ids).map(|(press, id)| card::button(*press, id, label(*press))).collect();
    let row = card::row(&buttons);
    let mut components = match ids.last().filter(|_| may_leave_out) {
        Some(id) => card::menus(language, look, id, &[]),
        None => Vec::new(),
    };
    components.push(row);
    Ok((components, ids))
}

/// A button for a step that is approved and only has to be executed.
pub(crate) async fn execute_button(bot: &Bot, session: &str, version: u32, step: &str) -> Result<String, CallError> {
    let digest = bot.daemon.step(session, step).await?.digest;
    let subject = ButtonSubject {
        action: Press::Execute.word().to_owned(),
        session_id: session.to_owned(),
        plan_version: Some(version),
        items: vec![ButtonItem { step_id: Some(step.to_owned()), digest }],
        ..ButtonSubject::default()
    };
    let ids = bot.daemon.make_buttons(vec![subject]).await?;
    ids.into_iter().next().ok_or_else(|| CallError::Unexpected("no button was made".to_owned()))
}

pub(crate) const fn heading(language: Language, kind: Kind, terminal_only: bool) -> &'static str {
    match kind {
        Kind::Plan => pick(language, "📋 A plan waits for a look.", "📋 プランが確認を待っています。"),
        Kind::Steps => pick(language, "✏️ Steps wait for a look.", "✏️ ステップが確認を待っています。"),
        Kind::Step if terminal_only => pick(
            language,
            "🔒 A step of high risk waits. It is approved in the terminal only: `calt inbox`",
            "🔒 高リスクのステップが待っています。承認は端末でのみできます: `calt inbox`",
        ),
        Kind::Step => {
            pick(language, "⚠️ A step of high risk waits for a look.", "⚠️ 高リスクのステップが確認を待っています。")
        }
        Kind::Risk if terminal_only => pick(
            language,
            "🔒 A step of high risk is approved. It is executed from the terminal only: `calt inbox`",
            "🔒 高リスクのステップが承認されました。実行は端末でのみできます: `calt inbox`",
        ),
        Kind::Risk => pick(
            language,
            "⚠️ A step of high risk is approved. Shall it run?",
            "⚠️ 高リスクのステップが承認されました。実行しますか？",
        ),
        Kind::Failure => pick(language, "❌ The work needs a new plan.", "❌ 新しいプランが必要です。"),
    }
}

/// What landed, what did not, and the last lines of what failed.
async fn failure(bot: &Bot, language: Language, plan: &PlanView) -> Result<Look, CallError> {
    let mut text = String::new();
    let _ = writeln!(text, "{} v{}: {}", pick(language, "plan", "プラン"), plan.version, language.titled(&plan.title));
    let mut output = String::new();
    for step in &plan.steps {
        let (english, japanese) = match (step.status.as_str(), step.effect.as_str()) {
            ("succeeded", "writes") => ("landed", "書き込み済み"),
            ("succeeded", _) => ("done", "完了"),
            ("failed", _) => ("FAILED", "失敗"),
            ("skipped", _) => ("left out", "飛ばした"),
            _ => ("did not run", "未実行"),
        };
        let landed = pick(language, english, japanese);
        let gap = " ".repeat(LANDED_COLUMNS.saturating_sub(columns(landed)));
        let _ = writeln!(text, "{landed}{gap} {}: {}", step.id, language.titled(&step.title));
        if step.status == "failed"
            && let Some(run) = step.run_id
        {
            let run = bot.daemon.run(run).await?;
            if let Some(error) = &run.error {
                let _ = writeln!(output, "\n{}: {}", step.id, language.told(error));
            }
            for name in ["stdout", "stderr"] {
                let said = run.output[name].as_str().unwrap_or_default();
                if !said.trim().is_empty() {
                    let _ = writeln!(output, "{name}:\n{}", last_lines(said.trim_end(), OUTPUT_LINES_MAX));
                }
            }
        }
    }
    text.push_str(&output);
    let english = format!("Plan v{} did not work out", plan.version);
    let japanese = format!("プラン v{} は完了しませんでした", plan.version);
    Ok(Look {
        title: pick(language, &english, &japanese).to_owned(),
        text: harmless(&text),
        coloured_as: "text",
        file: "failure.txt".to_owned(),
        ..Look::default()
    })
}
