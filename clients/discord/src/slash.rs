//! What a slash command does, and what is offered while one is typed.

use std::time::Duration;

use calt_api::Language;
use calt_api::client::CallError;
use calt_api::views::{ButtonItem, CreateSession, PlanView};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::bot::{Bot, FOR_ONE, Notice};
use crate::card;
use crate::click::ANSWER_LATER;
use crate::daemon::{By, Verdict, Viewed};
use crate::interaction::{Interaction, Kind as Did, focused, option};
use crate::list;
use crate::say::{self, pick};
use crate::show;
use crate::state::{Kind, Stand};
use crate::text::{inline, plain_within};
use crate::typed::{self, Typed};

/// Discord's type of the answer that offers choices.
const CHOICES: u8 = 8;
/// Most choices that are offered.
const CHOICES_MAX: usize = 25;
/// Largest plan that is taken, in bytes: the daemon's own limit.
const PLAN_BYTES_MAX: usize = 1024 * 1024;
/// Longest that a run waits until it is kept which message tells of it.
const KEPT_WITHIN: Duration = Duration::from_secs(2);
/// Where Discord keeps what people attach.
const ATTACHMENT_HOSTS: [&str; 2] = ["https://cdn.discordapp.com/", "https://media.discordapp.net/"];

/// Acts on a slash command.
pub(crate) async fn handle(bot: &Bot, asked: &Interaction) {
    let Did::Command { name, options, resolved } = &asked.kind else { return };
    let is_for_all = matches!(
        name.as_str(),
        "session_create" | "plan_import" | "plan_show" | "step_approve" | "step_execute" | "session_stop"
    );
    let flags = if is_for_all { json!({}) } else { json!({"flags": FOR_ONE}) };
    if !bot.answer(asked, ANSWER_LATER, flags).await {
        return;
    }
    let language = asked.language();
    let by = By { user: asked.user.clone(), message: asked.id.clone(), locale: asked.recorded_locale() };
    let given = |name: &str| option(options, name);
    let answer = match name.as_str() {
        "session_create" => create(bot, language, &by, options).await,
        "plan_import" => import(bot, language, &by, (given("session_id"), options, resolved)).await,
        "plan_show" => plan_show(bot, language, options).await,
        "step_approve" => step_approve(bot, language, &by, options).await,
        "step_execute" => step_execute(bot, asked, &by, options).await,
        "session_stop" => stop(bot, language, &by, &given("session_id").unwrap_or_default()).await,
        "logs_search" => list::logs(bot, language, given("session_id"), &given("query").unwrap_or_default()).await,
        "artifacts_list" => list::artifacts(bot, language, &given("session_id").unwrap_or_default()).await,
        "tools_permissions" => list::tools(bot, language, given("tool_name")).await,
        "inbox" => list::inbox(bot, language).await,
        _ => Err(CallError::Unexpected(format!("the command {name}"))),
    };
    let answer = answer.unwrap_or_else(|fault| Answer::line(say::refusal(language, &fault)));
    give(bot, asked, answer).await;
}

/// Gives the answer; a card that asks is remembered, so that it says later what became of it.
async fn give(bot: &Bot, asked: &Interaction, answer: Answer) {
    let body = card::body(&answer.content, answer.shown.as_ref(), &answer.components, &[]);
    let files = answer.shown.as_ref().map(|shown| shown.files.as_slice()).unwrap_or_default();
    let given = match &answer.place {
        Some((channel, message)) => bot.finish(asked, (channel, message), &body, files).await,
        None => bot.change(asked, &body, files).await,
    };
    if let Some((_, message)) = answer.place {
        bot.tell(Notice::Ended(message));
    }
    let Ok(message) = given else { return };
    let (Some(mut card), Some(id)) = (answer.card, message["id"].as_str()) else { return };
    let channel = message["channel_id"].as_str().map(str::to_owned).or_else(|| asked.channel.clone());
    card.message = Some(id.to_owned());
    card.channel = channel.unwrap_or_default();
    card.stand = Stand::Open;
    bot.tell(Notice::Shown(Box::new(card)));
}

async fn create(bot: &Bot, language: Language, by: &By, options: &Value) -> Result<Answer, CallError> {
    let wanted = CreateSession {
        goal: option(options, "goal"),
        mode: option(options, "mode"),
        safety_profile: option(options, "safety_profile"),
        workspace: option(options, "workspace"),
        r#ref: option(options, "ref"),
        ..CreateSession::default()
    };
    let made = bot.daemon.create_session(by, wanted).await?;
    let id = inline(&made.id);
    Ok(Answer::line(match language {
        Language::English => format!("🆕 Session {id} is made.\nA plan for it: `/plan_import`"),
        Language::Japanese => format!("🆕 セッション {id} を作りました。\nプランを渡す: `/plan_import`"),
    }))
}

async fn import(
    bot: &Bot,
    language: Language,
    by: &By,
    (session, options, resolved): (Option<String>, &Value, &Value),
) -> Result<Answer, CallError> {
    let file = option(options, "file").unwrap_or_default();
    let attachment = &resolved["attachments"][&file];
    let url = attachment["url"].as_str().unwrap_or_default();
    let size = attachment["size"].as_u64().unwrap_or_default();
    if size > PLAN_BYTES_MAX as u64 {
        let english = format!("⚠️ The file has {size} bytes; a plan has at most {PLAN_BYTES_MAX}.");
        let japanese = format!("⚠️ ファイルは {size} バイトです。プランは {PLAN_BYTES_MAX} バイトまでです。");
        return Ok(Answer::line(pick(language, &english, &japanese).to_owned()));
    }
    let document = if is_discords(bot, url) { bot.rest.fetch(url, PLAN_BYTES_MAX).await.ok() } else { None };
    let Some(document) = document.and_then(|bytes| String::from_utf8(bytes).ok()) else {
        let english = "⚠️ The file could not be read as text. Send the plan as YAML or JSON in UTF-8.";
        let japanese = "⚠️ ファイルを読めません。UTF-8 の YAML か JSON で送ってください。";
        return Ok(Answer::line(pick(language, english, japanese).to_owned()));
    };
    let session = if let Some(session) = session {
        session
    } else {
        // A plan that nobody can import makes no session.
        let checked = bot.daemon.check(&document).await?;
        if !checked.ok {
            return Ok(list::problems(language, &json!(checked.problems)));
        }
        // The plan says what the session is for, or else is what it is for.
        let goal = checked.session_goal.filter(|goal| !goal.trim().is_empty()).or(checked.title);
        bot.daemon.create_session(by, CreateSession { goal, ..CreateSession::default() }).await?.id
    };
    match bot.daemon.import(by, &session, &document).await {
        Ok(plan) => plan_card(bot, language, &plan).await,
        Err(CallError::Problem(problem)) if problem.code == "plan_invalid" => {
            Ok(list::problems(language, &problem.args["problems"]))
        }
        Err(fault) => Err(fault),
    }
}

/// Only what Discord keeps is fetched, whatever an interaction says.
fn is_discords(bot: &Bot, url: &str) -> bool {
    let own = bot.rest.base().trim_end_matches("/api/v10");
    let is_elsewhere = !own.starts_with("https://discord.com");
    ATTACHMENT_HOSTS.iter().any(|host| url.starts_with(host)) || (is_elsewhere && url.starts_with(&format!("{own}/")))
}

async fn plan_show(bot: &Bot, language: Language, options: &Value) -> Result<Answer, CallError> {
    let session = option(options, "session_id").unwrap_or_default();
    if let Some(step) = option(options, "step_id") {
        return step_card(bot, language, &session, &step).await;
    }
    let version = option(options, "version").and_then(|version| version.parse().ok());
    let newest = bot.daemon.session(&session).await?;
    let Some(version) = version.or(newest.plan_version) else {
        let english = "This session has no plan yet. Hand one in: `/plan_import`";
        let japanese = "このセッションにはまだプランがありません: `/plan_import`";
        return Ok(Answer::line(pick(language, english, japanese).to_owned()));
    };
    let plan = bot.daemon.plan(&session, version).await?;
    plan_card(bot, language, &plan).await
}

/// The plan, with what waits in its session to be decided.
async fn plan_card(bot: &Bot, language: Language, plan: &PlanView) -> Result<Answer, CallError> {
    let waits = bot.daemon.waiting(&plan.session_id).await?;
    let waits = waits.filter(|waits| waits.plan_version == Some(plan.version));
    let kind = match waits.as_ref().map(|waits| waits.waits_for.as_str()) {
        Some("step_approval") => Kind::Steps,
        Some("risk_confirmation") => Kind::Risk,
        Some("new_plan") => Kind::Failure,
        _ => Kind::Plan,
    };
    let step = waits.as_ref().and_then(|waits| waits.step_id.clone());
    let mut made = show::make(bot, language, (plan, show::Asked { kind, step: step.as_deref() })).await?;
    if waits.is_none() {
        // Nothing is asked: it is shown as it stands.
        made.components.clear();
        made.content = stands(language, plan);
        return Ok(Answer {
            content: made.content,
            shown: Some(made.shown),
            components: Vec::new(),
            card: None,
            place: None,
        });
    }
    let card = made.card("", &plan.session_id, kind, plan.version, step);
    Ok(Answer {
        content: made.content,
        shown: Some(made.shown),
        components: made.components,
        card: Some(card),
        place: None,
    })
}

fn stands(language: Language, plan: &PlanView) -> String {
    let count = |status: &str| plan.steps.iter().filter(|step| step.status == status).count();
    let (done, all) = (count("succeeded") + count("skipped"), plan.steps.len());
    match (language, plan.approved) {
        (Language::English, true) => format!("✅ Approved · {done} of {all} done"),
        (Language::Japanese, true) => format!("✅ 承認済み · {all} 件中 {done} 件完了"),
        (Language::English, false) => "☑️ Nothing is asked of this plan now.".to_owned(),
        (Language::Japanese, false) => "☑️ このプランで今決めることはありません。".to_owned(),
    }
}

async fn step_card(bot: &Bot, language: Language, session: &str, step: &str) -> Result<Answer, CallError> {
    let detail = bot.daemon.step(session, step).await?;
    let plan = bot.daemon.plan(session, detail.plan_version).await?;
    let kind = if detail.status == "approved" && detail.risk == "high" { Kind::Risk } else { Kind::Step };
    let mut made = show::make(bot, language, (&plan, show::Asked { kind, step: Some(step) })).await?;
    if detail.status == "approved" && detail.risk != "high" {
        let button = show::execute_button(bot, session, plan.version, step).await?;
        let label = card::label(language, card::Press::Execute);
        made.components = vec![card::row(&[card::button(card::Press::Execute, &button, label)])];
        made.buttons.push(button);
    } else if detail.status != "pending" && detail.status != "approved" {
        made.components.clear();
    }
    let card = made.card("", session, kind, plan.version, Some(step.to_owned()));
    let content = format!(
        "{}: {}",
        pick(language, "Status", "状態"),
        inline(language.step_status(&detail.status).unwrap_or(&detail.status))
    );
    Ok(Answer { content, shown: Some(made.shown), components: made.components, card: Some(card), place: None })
}

/// Approves a step as it is now, and shows what was approved.
async fn step_approve(bot: &Bot, language: Language, by: &By, options: &Value) -> Result<Answer, CallError> {
    let (session, step) =
        (option(options, "session_id").unwrap_or_default(), option(options, "step_id").unwrap_or_default());
    let detail = bot.daemon.step(&session, &step).await?;
    if detail.risk == "high" && bot.settings.high_risk_in_terminal_only {
        return Ok(Answer::line(say::terminal_only(language, &format!("calt step approve {session} {step}"))));
    }
    let look = crate::look::step(language, &detail);
    let shown = card::shown(language, &look, (&session, Kind::Step));
    let viewed = Viewed {
        how: "prompt",
        view_digest: Some(shown.view_digest.clone()),
        view_cut: Some(shown.is_cut),
        ..Viewed::default()
    };
    let items = [ButtonItem { step_id: Some(step.clone()), digest: detail.digest }];
    bot.daemon.decide(by, Verdict::Approve, (&session, detail.plan_version), &items, &viewed).await?;
    bot.tell(Notice::Look(session.clone()));
    let content = match language {
        Language::English => {
            format!("✅ Approved, as shown here. Execute it: `/step_execute session_id:{session} step_id:{step}`")
        }
        Language::Japanese => {
            format!("✅ この内容で承認しました。実行: `/step_execute session_id:{session} step_id:{step}`")
        }
    };
    Ok(Answer { content, shown: Some(shown), components: Vec::new(), card: None, place: None })
}

async fn step_execute(bot: &Bot, asked: &Interaction, by: &By, options: &Value) -> Result<Answer, CallError> {
    let language = asked.language();
    let (session, step) =
        (option(options, "session_id").unwrap_or_default(), option(options, "step_id").unwrap_or_default());
    let detail = bot.daemon.step(&session, &step).await?;
    if detail.risk == "high" && detail.status == "approved" {
        // A second question: the card has the button that asks it.
        return step_card(bot, language, &session, &step).await;
    }
    // The message has to be known before a long run: its end is told there, whatever became of the token.
    let place = match detail.status.as_str() {
        "approved" => running(bot, asked, (&session, detail.plan_version, &step)).await,
        _ => None,
    };
    let ended = {
        let _executing = bot.executing(&session);
        bot.daemon.execute(by, &session, &step, false).await
    };
    let answer = match ended {
        Ok(ended) => list::ended(language, &ended),
        Err(fault) => Answer::line(say::refusal(language, &fault)),
    };
    Ok(Answer { place, ..answer })
}

/// Says that a step runs; gives the channel and the message in which that is said, and remembers them: a bot that ends
/// here says after its next start what came of the run.
async fn running(
    bot: &Bot,
    asked: &Interaction,
    (session, version, step): (&str, u32, &str),
) -> Option<(String, String)> {
    let language = asked.language();
    let message = bot.change(asked, &card::body(&typed::runs(language, step), None, &[], &[]), &[]).await.ok()?;
    let channel = message["channel_id"].as_str().map(str::to_owned).or_else(|| asked.channel.clone())?;
    let message = message["id"].as_str()?.to_owned();
    let typed = Typed {
        session: session.to_owned(),
        version,
        step: step.to_owned(),
        channel: channel.clone(),
        message: message.clone(),
        language: language.tag().to_owned(),
    };
    // Kept before the run begins. A keeper that waits for Discord holds no run up for long.
    let (keeping, kept) = oneshot::channel();
    bot.tell(Notice::Runs(typed, keeping));
    let _ = tokio::time::timeout(KEPT_WITHIN, kept).await;
    Some((channel, message))
}

async fn stop(bot: &Bot, language: Language, by: &By, session: &str) -> Result<Answer, CallError> {
    bot.daemon.stop(by, session).await?;
    Ok(Answer::line(match language {
        Language::English => format!("⏹️ Session {} is stopped for good.", inline(session)),
        Language::Japanese => format!("⏹️ セッション {} を停止しました。", inline(session)),
    }))
}

/// Offers what fits what was typed so far. Who may not use the bot is offered nothing.
pub(crate) async fn complete(bot: &Bot, asked: &Interaction) {
    let Did::Autocomplete { options } = &asked.kind else { return };
    let offered = match focused(options) {
        Some((name, typed)) if bot.allows(&asked.user) => {
            offered(bot, asked.language(), options, (&name, &typed)).await.unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let choices: Vec<_> = offered
        .into_iter()
        .take(CHOICES_MAX)
        .map(|(value, told)| json!({"name": plain_within(&told, 100), "value": value}))
        .collect();
    bot.answer(asked, CHOICES, json!({"choices": choices})).await;
}

async fn offered(
    bot: &Bot,
    language: Language,
    options: &Value,
    (name, typed): (&str, &str),
) -> Result<Vec<(String, String)>, CallError> {
    let typed = typed.to_lowercase();
    let all = match name {
        "session_id" => {
            let told = |goal: Option<String>, status: &str, id: &str| {
                let status = language.session_status(status).unwrap_or(status);
                format!("{} · {status} · {id}", goal.unwrap_or_default())
            };
            let sessions = bot.daemon.sessions().await?;
            sessions.into_iter().map(|one| (one.id.clone(), told(one.goal, &one.status, &one.id))).collect()
        }
        "step_id" => {
            let session = bot.daemon.session(&option(options, "session_id").unwrap_or_default()).await?;
            let plan = bot.daemon.plan(&session.id, session.plan_version.unwrap_or_default()).await?;
            plan.steps
                .into_iter()
                .map(|step| {
                    let status = language.step_status(&step.status).unwrap_or(&step.status);
                    (step.id.clone(), format!("{} · {status} · {}", step.id, step.title))
                })
                .collect()
        }
        "tool_name" => {
            bot.daemon.tools().await?.into_iter().map(|tool| (tool.tool_name.clone(), tool.tool_name)).collect()
        }
        _ => Vec::new(),
    };
    // A value longer than Discord takes could not be sent back whole.
    let fits = |(value, told): &(String, String)| value.len() <= 100 && told.to_lowercase().contains(&typed);
    Ok(all.into_iter().filter(fits).collect())
}
