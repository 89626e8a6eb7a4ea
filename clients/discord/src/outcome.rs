//! What became of a card, in a line: who decided, where, when, and how the work goes on.

use calt_api::Language;
use calt_api::views::{PlanView, SessionView};
use serde_json::Value;

use crate::say::{pick, surface, time};
use crate::state::{Card, Kind};
use crate::text::inline_within;

/// Longest reason in a line, in characters; the log has all of it.
const REASON_CHARS_MAX: usize = 400;
/// Longest name in a line, in characters.
const NAME_CHARS_MAX: usize = 80;

/// Takes in an event; true when it says what became of the card.
pub(crate) fn note(language: Language, card: &mut Card, event: &Value) -> bool {
    let facts = &event["facts"];
    let version = facts["version"].as_u64();
    let of_version = version == Some(u64::from(card.version));
    let of_step = facts["step"]
        .as_str()
        .is_some_and(|step| card.steps.iter().any(|known| known == step) || card.step.as_deref() == Some(step));
    let asks_about_steps = matches!(card.kind, Kind::Steps | Kind::Step) && of_version && of_step;
    let asks_about_plan = card.kind == Kind::Plan && of_version;
    let told = match event["event_type"].as_str().unwrap_or_default() {
        "plan_approved" if asks_about_plan => approved(language, event),
        "plan_rejected" if asks_about_plan => rejected(language, event),
        "step_approved" if asks_about_steps => approved(language, event),
        "step_rejected" if of_version => rejected(language, event),
        "step_skipped" if asks_about_steps && card.outcome.is_none() => skipped(language, event),
        "step_started" if card.kind == Kind::Risk && of_version && of_step => confirmed(language, event),
        "plan_imported" if version > Some(u64::from(card.version)) && card.outcome.is_none() => {
            superseded(language, event, version.unwrap_or_default())
        }
        "plan_imported" if version > Some(u64::from(card.version)) && card.kind == Kind::Failure => {
            superseded(language, event, version.unwrap_or_default())
        }
        "session_stopped" if card.outcome.is_none() => stopped(language, event),
        _ => return false,
    };
    card.outcome = Some(told);
    true
}

/// Who, where and when.
fn by(language: Language, event: &Value) -> String {
    let who = inline_within(event["principal"].as_str().unwrap_or("-"), NAME_CHARS_MAX);
    let place = surface(language, event["source"].as_str().unwrap_or("-"));
    let when = time(event["created_at"].as_str().unwrap_or_default());
    match language {
        Language::English => format!("by {who} {place} · {when}"),
        Language::Japanese => format!("{who} が {place} · {when}"),
    }
}

fn reason(event: &Value) -> Option<String> {
    let payload: Value = serde_json::from_str(event["payload_text"].as_str()?).ok()?;
    payload["reason"].as_str().map(|reason| inline_within(reason, REASON_CHARS_MAX))
}

fn line(language: Language, (english, japanese): (&str, &str), event: &Value) -> String {
    format!("{} {}", pick(language, english, japanese), by(language, event))
}

fn approved(language: Language, event: &Value) -> String {
    line(language, ("✅ Approved", "✅ 承認:"), event)
}

fn skipped(language: Language, event: &Value) -> String {
    line(language, ("⏭️ Left out", "⏭️ 飛ばした:"), event)
}

fn confirmed(language: Language, event: &Value) -> String {
    line(language, ("✅ Confirmed and executed", "✅ 確認して実行:"), event)
}

fn stopped(language: Language, event: &Value) -> String {
    line(language, ("⏹️ The session was stopped", "⏹️ セッション停止:"), event)
}

fn rejected(language: Language, event: &Value) -> String {
    let said = line(language, ("❌ Rejected", "❌ 却下:"), event);
    match reason(event) {
        Some(reason) => format!("{said}\n{}: {reason}", pick(language, "Reason", "理由")),
        None => said,
    }
}

fn superseded(language: Language, event: &Value, version: u64) -> String {
    let english = format!("🔄 Plan v{version} took its place,");
    let japanese = format!("🔄 プラン v{version} に置き換え:");
    line(language, (&english, &japanese), event)
}

/// When the bot was not told what happened.
pub(crate) fn no_longer_asked(language: Language) -> String {
    pick(language, "☑️ Nothing is asked here any more.", "☑️ ここで決めることはもうありません。").to_owned()
}

/// What somebody decided to do about a failure, which is no event.
pub(crate) fn left(language: Language, user: &str) -> String {
    match language {
        Language::English => format!("👌 Left as it is by <@{user}>"),
        Language::Japanese => format!("👌 <@{user}> がこのままにしました"),
    }
}

/// How the work goes on.
pub(crate) fn progress(language: Language, session: &SessionView, plan: Option<&PlanView>) -> Option<String> {
    let plan = plan?;
    let count = |status: &str| plan.steps.iter().filter(|step| step.status == status).count();
    let (done, all) = (count("succeeded") + count("skipped"), plan.steps.len());
    let running = plan.steps.iter().find(|step| step.status == "running");
    let (english, japanese) = match (session.status.as_str(), running) {
        (_, Some(step)) => {
            let step = inline_within(&step.id, NAME_CHARS_MAX);
            (
                format!("▶️ Running {step} · {done} of {all} done"),
                format!("▶️ {step} を実行中 · {all} 件中 {done} 件完了"),
            )
        }
        ("succeeded", None) => {
            let skipped = count("skipped");
            (
                format!("🏁 Done: {all} {}, {skipped} left out", if all == 1 { "step" } else { "steps" }),
                format!("🏁 完了: {all} ステップ、うち飛ばしたもの {skipped}"),
            )
        }
        ("failed", None) => (
            format!("⚠️ {done} of {all} done; a new plan version leads on"),
            format!("⚠️ {all} 件中 {done} 件完了。新しい版のプランが必要です"),
        ),
        ("cancelled", None) => {
            (format!("⏹️ Stopped · {done} of {all} done"), format!("⏹️ 停止 · {all} 件中 {done} 件完了"))
        }
        _ if done > 0 => (format!("⏸️ {done} of {all} done"), format!("⏸️ {all} 件中 {done} 件完了")),
        _ => return None,
    };
    Some(pick(language, &english, &japanese).to_owned())
}
