//! Answers that list something.

use std::fmt::Write as _;

use calt_api::Language;
use calt_api::client::CallError;
use calt_api::views::ExecuteReply;
use serde_json::Value;

use crate::answer::Answer;
use crate::bot::Bot;
use crate::card;
use crate::look::{Look, risk};
use crate::say::{pick, time};
use crate::state::Kind;
use crate::text::{harmless, inline, inline_within};

/// Longest summary in a list, in characters.
const SUMMARY_CHARS_MAX: usize = 300;

/// A look that only tells.
fn told(language: Language, (title, file): (&str, &str), text: &str, session: &str) -> Answer {
    let look = Look {
        title: title.to_owned(),
        text: harmless(text),
        coloured_as: "text",
        file: file.to_owned(),
        ..Look::default()
    };
    let shown = card::shown(language, &look, (session, Kind::Plan));
    Answer { content: String::new(), shown: Some(shown), components: Vec::new(), card: None, place: None }
}

fn nothing(language: Language) -> Answer {
    Answer::line(pick(language, "☑️ There is nothing.", "☑️ 何もありません。").to_owned())
}

/// `/inbox`: what waits, oldest first.
pub(crate) async fn inbox(bot: &Bot, language: Language) -> Result<Answer, CallError> {
    let page = bot.daemon.inbox().await?;
    if page.items.is_empty() {
        return Ok(Answer::line(pick(language, "☑️ Nothing waits.", "☑️ 待っているものはありません。").to_owned()));
    }
    let mut text = String::new();
    for item in &page.items {
        let _ =
            writeln!(text, "{} · {} · {}", time(&item.since), waited_for(language, &item.waits_for), item.session_id);
        let title = language.titled(item.title.as_deref().or(item.goal.as_deref()).unwrap_or("-"));
        let _ = write!(text, "  {title}");
        if let Some(step) = &item.step_id {
            let _ = write!(text, " · {step} · {}", risk(language, item.risk.as_deref().unwrap_or("-")));
        }
        let _ = writeln!(text, "\n  /plan_show session_id:{}", item.session_id);
    }
    if page.next_cursor.is_some() {
        let _ = writeln!(text, "{}", pick(language, "… more wait: calt inbox", "… ほかにもあります: calt inbox"));
    }
    let title = pick(language, "What waits", "待っているもの");
    Ok(told(language, (title, "inbox.txt"), &text, "inbox"))
}

/// What is waited for.
fn waited_for(language: Language, waits_for: &str) -> &str {
    match (language, waits_for) {
        (Language::Japanese, "plan_approval") => "プランの承認",
        (Language::Japanese, "step_approval") => "ステップの承認",
        (Language::Japanese, "risk_confirmation") => "高リスクの確認",
        (Language::Japanese, "new_plan") => "新しい版のプラン",
        (Language::English | Language::Japanese, other) => other,
    }
}

/// `/logs_search`: the newest hits.
pub(crate) async fn logs(
    bot: &Bot,
    language: Language,
    session: Option<String>,
    words: &str,
) -> Result<Answer, CallError> {
    let page = bot.daemon.search(session.as_deref(), words).await?;
    if page.items.is_empty() {
        return Ok(nothing(language));
    }
    let mut text = String::new();
    for found in &page.items {
        let event = &found.event;
        let _ = writeln!(text, "{} · {} · {}", time(&event.created_at), event.event_type, event.principal);
        let _ = writeln!(
            text,
            "  {}",
            cut(&language.event_summary(&event.summary).unwrap_or_else(|| event.summary.clone()))
        );
        if let Some(excerpt) = &found.excerpt {
            let _ = writeln!(text, "  … {}", cut(excerpt.text.trim()));
        }
        if let Some(session) = &event.session_id {
            let _ = writeln!(text, "  {session}");
        }
    }
    if page.next_cursor.is_some() {
        let _ = writeln!(
            text,
            "{}",
            pick(language, "… there are more: calt logs search", "… ほかにもあります: calt logs search")
        );
    }
    let title = pick(language, "Found, newest first", "検索結果（新しい順）");
    Ok(told(language, (title, "events.txt"), &text, session.as_deref().unwrap_or("all")))
}

fn cut(text: &str) -> String {
    calt_api::visible::clip(&calt_api::visible::visible_line(text), SUMMARY_CHARS_MAX).into_owned()
}

/// `/artifacts_list`.
pub(crate) async fn artifacts(bot: &Bot, language: Language, session: &str) -> Result<Answer, CallError> {
    let page = bot.daemon.artifacts(session).await?;
    if page.items.is_empty() {
        return Ok(nothing(language));
    }
    let mut text = String::new();
    for artifact in &page.items {
        let (id, step, run, bytes) = (artifact.id, &artifact.step_id, artifact.run_id, artifact.bytes);
        let _ = match language {
            Language::English => writeln!(text, "{id} · {step} · run {run} · {bytes} bytes"),
            Language::Japanese => writeln!(text, "{id} · {step} · 実行 {run} · {bytes} バイト"),
        };
        let _ = writeln!(text, "  {}\n  sha256 {}", artifact.path, artifact.sha256);
    }
    if page.next_cursor.is_some() {
        let _ = writeln!(text, "… calt artifacts list {session}");
    }
    let title = pick(language, "What runs left behind", "成果物");
    Ok(told(language, (title, "artifacts.txt"), &text, session))
}

/// `/tools_permissions`.
pub(crate) async fn tools(bot: &Bot, language: Language, tool: Option<String>) -> Result<Answer, CallError> {
    let tools = match tool {
        Some(tool) => vec![bot.daemon.tool(&tool).await?],
        None => bot.daemon.tools().await?,
    };
    let mut text = String::new();
    for tool in &tools {
        let _ = writeln!(
            text,
            "{} · {} · {}",
            tool.tool_name,
            tool.permission_profile,
            language.effect(&tool.effect).unwrap_or(&tool.effect)
        );
        let _ = writeln!(text, "  {}", language.tool(&tool.tool_name).unwrap_or(&tool.description));
        for (name, value) in tool.limits.as_object().into_iter().flatten() {
            let _ = writeln!(text, "  {name}: {value}");
        }
    }
    let title = pick(language, "Tools and what they may touch", "ツールと、その触れる範囲");
    Ok(told(language, (title, "tools.txt"), &text, "tools"))
}

/// Every problem of a plan.
pub(crate) fn problems(language: Language, problems: &Value) -> Answer {
    let mut text = String::new();
    for found in problems.as_array().into_iter().flatten() {
        let word = |name: &str| found[name].as_str().unwrap_or("-").to_owned();
        let _ = writeln!(
            text,
            "{}:{} {}: {}",
            found["line"],
            found["column"],
            word("code"),
            language.told(&word("message"))
        );
        let _ = writeln!(text, "  {}: {}", pick(language, "fix", "直し方"), language.told(&word("fix")));
    }
    let title =
        pick(language, "The plan has problems; nothing was imported", "プランに問題があり、取り込みませんでした");
    told(language, (title, "problems.txt"), &text, "plan")
}

/// The end of a run.
pub(crate) fn ended(language: Language, ended: &ExecuteReply) -> Answer {
    let step = inline_within(&ended.step_id, 80);
    let (english, japanese) = if ended.status == "succeeded" {
        (format!("✅ {step} succeeded (run {})", ended.run_id), format!("✅ {step} 成功（実行 {}）", ended.run_id))
    } else {
        (format!("❌ {step} failed (run {})", ended.run_id), format!("❌ {step} 失敗（実行 {}）", ended.run_id))
    };
    let mut content = pick(language, &english, &japanese).to_owned();
    if let Some(error) = &ended.error {
        let _ = write!(content, ": {}", inline_within(&language.told(error), 800));
    }
    let mut answer = told(
        language,
        (&inline(&ended.step_id).replace('`', ""), "output.txt"),
        &output(&ended.output),
        &ended.session_id,
    );
    answer.content = content;
    answer
}

/// An output as a person reads it: texts as they are, the rest as JSON.
fn output(output: &Value) -> String {
    let mut text = String::new();
    for (name, value) in output.as_object().into_iter().flatten() {
        match value {
            Value::String(long) if long.contains('\n') => {
                let _ = writeln!(text, "{name}:\n{}", long.trim_end());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                let _ = writeln!(text, "{name}: {value}");
            }
        }
    }
    if text.is_empty() { "-".to_owned() } else { text }
}
