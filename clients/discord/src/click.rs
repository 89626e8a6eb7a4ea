//! What a click does: first an answer within three seconds, then what the button stands for, then what came of it.

use calt_api::client::CallError;
use calt_api::views::{ButtonSubject, ButtonView};
use calt_api::{Language, Next, Problem};
use serde_json::{Value, json};

use crate::bot::{Bot, FOR_ONE, Notice};
use crate::card::{self, ASKED_AGAIN, FOR_A_REASON, LEAVING_OUT, MENU_OPTIONS_MAX, Press, WITH_A_REASON};
use crate::daemon::{By, Verdict, Viewed};
use crate::interaction::{Interaction, Kind};
use crate::outcome;
use crate::say::{self, pick};
use crate::text::inline_within;

/// Discord's types of a first answer.
pub(crate) const ANSWER_LATER: u8 = 5;
const CHANGE_LATER: u8 = 6;
const FORM: u8 = 9;
/// Longest reason that fits into the form, in characters: what the log takes.
const REASON_CHARS_MAX: usize = 4_000;

/// Acts on a button, a menu or a form.
pub(crate) async fn handle(bot: &Bot, click: &Interaction) {
    match &click.kind {
        Kind::Component { custom_id, .. } if custom_id.starts_with(FOR_A_REASON) => {
            let id = custom_id.trim_start_matches(FOR_A_REASON);
            bot.answer(click, FORM, form(click.language(), id)).await;
        }
        Kind::Component { custom_id, .. } if custom_id.starts_with(ASKED_AGAIN) => {
            if bot.answer(click, ANSWER_LATER, json!({"flags": FOR_ONE})).await {
                ask_again(bot, click, custom_id.trim_start_matches(ASKED_AGAIN)).await;
            }
        }
        Kind::Component { custom_id, values } if custom_id.starts_with(LEAVING_OUT) => {
            if bot.answer(click, CHANGE_LATER, json!({})).await {
                let told = leave_out(bot, click, custom_id.trim_start_matches(LEAVING_OUT), values).await;
                say_if_refused(bot, click, told).await;
            }
        }
        Kind::Component { custom_id, .. } => {
            if bot.answer(click, CHANGE_LATER, json!({})).await {
                let told = press(bot, click, custom_id, None).await;
                say_if_refused(bot, click, told).await;
            }
        }
        Kind::Modal { custom_id, text } => {
            if bot.answer(click, CHANGE_LATER, json!({})).await {
                let id = custom_id.trim_start_matches(WITH_A_REASON);
                let told = press(bot, click, id, Some(text.trim().to_owned())).await;
                say_if_refused(bot, click, told).await;
            }
        }
        Kind::Command { .. } | Kind::Autocomplete { .. } => {}
    }
}

/// A refusal is told to who clicked, and the message is brought to how things stand.
async fn say_if_refused(bot: &Bot, click: &Interaction, told: Result<(), CallError>) {
    let Err(fault) = told else { return };
    bot.follow_up(click, &say::refusal(click.language(), &fault), &[]).await;
    let CallError::Problem(problem) = &fault else { return };
    if is_stale(problem) {
        freshen(bot, click, problem).await;
    }
}

/// Whether the button asks for something that is decided or gone.
fn is_stale(problem: &Problem) -> bool {
    let stale = [
        "button_not_found",
        "already_decided",
        "already_ran",
        "plan_superseded",
        "session_closed",
        "needs_replan",
        "digest_changed",
        "session_not_found",
        "plan_not_found",
        "step_not_found",
    ];
    stale.contains(&problem.code.as_str())
}

/// Takes the buttons off a message that nobody keeps any more; one that is kept is edited by the keeper.
async fn freshen(bot: &Bot, click: &Interaction, problem: &Problem) {
    if let Some(session) = problem.args["session"].as_str() {
        bot.tell(Notice::Look(session.to_owned()));
    }
    if problem.code != "already_decided" && problem.code != "digest_changed" {
        let language = click.language();
        let content =
            format!("{} {}", outcome::no_longer_asked(language), inline_within(&problem.said_in(language), 600));
        let body = card::body(&content, None, &[], &[]);
        let _ = bot.change(click, &body, &[]).await;
    }
}

fn by(click: &Interaction) -> By {
    By { user: click.user.clone(), message: click.cause(), locale: click.recorded_locale() }
}

fn viewed(button: &ButtonView, reason: Option<String>) -> Viewed {
    Viewed {
        how: "button",
        reason,
        decision_id: None,
        view_digest: button.subject.view_digest.clone(),
        view_cut: button.subject.view_cut,
        shown_at: Some(button.created_at.clone()),
    }
}

/// Does what a button stands for.
async fn press(bot: &Bot, click: &Interaction, id: &str, reason: Option<String>) -> Result<(), CallError> {
    let button = bot.daemon.button(id).await?;
    let subject = &button.subject;
    let place = (subject.session_id.as_str(), subject.plan_version.unwrap_or_default());
    let by = by(click);
    let action = Press::parse(&subject.action);
    if matches!(action, Some(Press::Approve | Press::Confirm)) && is_for_the_terminal(bot, subject).await? {
        // The button may be older than the setting.
        bot.follow_up(click, &say::terminal_only(click.language(), "calt inbox"), &[]).await;
        return Ok(());
    }
    match action {
        Some(Press::Approve) => approve(bot, &by, &button).await,
        Some(Press::Reject) => {
            let first = subject.items.get(..1).unwrap_or_default();
            bot.daemon.decide(&by, Verdict::Reject, place, first, &viewed(&button, reason)).await.map(drop)
        }
        Some(Press::Execute) => bot.go_on(&by, place.0).await,
        Some(Press::Confirm) => {
            // Only who clicked sees this message; it asks no longer.
            let content = pick(click.language(), "▶️ It is being executed.", "▶️ 実行しています。");
            let _ = bot.change(click, &card::body(content, None, &[], &[]), &[]).await;
            confirm(bot, &by, subject).await
        }
        Some(Press::Undo) => {
            let undo = bot.daemon.undo(&by, place.0, None).await?;
            bot.tell(Notice::Look(undo.session_id));
            Ok(())
        }
        Some(Press::Leave) if !bot.approvers().await.contains(&click.user) => {
            // It takes the question away from those who may answer it.
            let words = say::next(click.language(), Some(&Next::AskApprover));
            bot.follow_up(click, &format!("⚠️ {words}"), &[]).await;
            Ok(())
        }
        Some(Press::Leave) => {
            let outcome = outcome::left(bot.language(), &click.user);
            if let Some(message) = &click.message {
                bot.tell(Notice::Settled { message: message.clone(), outcome });
            }
            Ok(())
        }
        Some(Press::LeaveOut) | None => Err(CallError::Unexpected(format!("a button of the kind {}", subject.action))),
    }
}

/// Whether a button decides on high risk where that is decided in the terminal only.
async fn is_for_the_terminal(bot: &Bot, subject: &ButtonSubject) -> Result<bool, CallError> {
    if !bot.settings.high_risk_in_terminal_only {
        return Ok(false);
    }
    let plan = bot.daemon.plan(&subject.session_id, subject.plan_version.unwrap_or_default()).await?;
    let is_high = |step: &&calt_api::views::StepView| step.risk == "high";
    Ok(plan
        .steps
        .iter()
        .filter(is_high)
        .any(|step| subject.items.iter().any(|item| item.step_id.as_ref() == Some(&step.id))))
}

/// Approves what was shown, leaves out what was left out, and goes on with what only has to be executed.
async fn approve(bot: &Bot, by: &By, button: &ButtonView) -> Result<(), CallError> {
    let subject = &button.subject;
    let session = subject.session_id.as_str();
    let place = (session, subject.plan_version.unwrap_or_default());
    let deciding = bot.deciding(session);
    let mut viewed = viewed(button, None);
    viewed.decision_id = bot.daemon.decide(by, Verdict::Approve, place, &subject.items, &viewed).await?;
    // What depends on what is left out goes with it, also when it was just approved.
    bot.daemon.decide(by, Verdict::Skip, place, &subject.left_out, &viewed).await?;
    // It executes before it no longer decides: in between, nobody is at work.
    let executing = bot.executing(session);
    drop(deciding);
    match executing {
        Some(executing) => bot.go_on_as(&executing, by).await,
        None => Ok(()),
    }
}

/// Executes a step of high risk, after it was asked a second time, and what follows it.
async fn confirm(bot: &Bot, by: &By, subject: &ButtonSubject) -> Result<(), CallError> {
    let Some(step) = subject.items.first().and_then(|item| item.step_id.as_deref()) else {
        return Err(CallError::Unexpected("a button without its step".to_owned()));
    };
    let Some(executing) = bot.executing(&subject.session_id) else { return Ok(()) };
    let ended = bot.daemon.execute(by, &subject.session_id, step, true).await?;
    if ended.status == "succeeded" { bot.go_on_as(&executing, by).await } else { Ok(()) }
}

/// Asks a second time before high risk; only who clicked sees it.
async fn ask_again(bot: &Bot, click: &Interaction, id: &str) {
    let language = click.language();
    let body = match bot.daemon.button(id).await {
        Ok(button) => {
            let step = button.subject.items.first().and_then(|item| item.step_id.clone()).unwrap_or_default();
            let step = inline_within(&step, 80);
            let english = format!("⚠️ High risk. Really execute {step}?");
            let japanese = format!("⚠️ 高リスクです。本当に {step} を実行しますか？");
            let yes = pick(language, "Yes, execute it", "はい、実行します");
            // The same opaque id, now without the second question before it.
            let button = json!({"type": 2, "style": 4, "label": yes, "custom_id": id});
            card::body(pick(language, &english, &japanese), None, &[card::row(&[button])], &[])
        }
        Err(fault) => card::body(&say::refusal(language, &fault), None, &[], &[]),
    };
    let _ = bot.change(click, &body, &[]).await;
}

/// Leaves the chosen steps out: the buttons of the message then stand for the rest.
async fn leave_out(bot: &Bot, click: &Interaction, place: &str, values: &[String]) -> Result<(), CallError> {
    let Some((menu, rest)) = place.split_once(':') else {
        return Err(CallError::Unexpected("a menu without its place".to_owned()));
    };
    // It stays in the language it was made in, which may be another than the channel's. A menu of an earlier calt does
    // not say which.
    let (language, id) = match rest.split_once(':') {
        Some((tag, id)) => (Language::of_locale(tag), id),
        None => (bot.language(), rest),
    };
    let first = menu.parse::<usize>().unwrap_or_default() * MENU_OPTIONS_MAX;
    let button = bot.daemon.button(id).await?;
    let subject = &button.subject;
    let all: Vec<_> = subject.items.iter().chain(&subject.left_out).cloned().collect();
    let plan = bot.daemon.plan(&subject.session_id, subject.plan_version.unwrap_or_default()).await?;
    // The order of the menu is the order of the plan.
    let mut steps: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| {
            let item = all.iter().find(|item| item.step_id.as_ref() == Some(&step.id))?;
            Some((item.clone(), format!("{} · {}", step.tool, crate::look::risk(language, &step.risk))))
        })
        .collect();
    let of_this_menu = first..first + MENU_OPTIONS_MAX;
    let is_out = |place: usize, item: &calt_api::views::ButtonItem| {
        if of_this_menu.contains(&place) {
            values.iter().any(|value| *value == place.to_string())
        } else {
            subject.left_out.contains(item)
        }
    };
    let chosen: Vec<_> =
        steps.iter().enumerate().filter(|(place, (item, _))| is_out(*place, item)).map(|(place, _)| place).collect();
    let mut kept: Vec<_> = all.iter().filter(|item| item.step_id.is_none()).cloned().collect();
    kept.extend(
        steps.iter().enumerate().filter(|(place, _)| !chosen.contains(place)).map(|(_, (item, _))| item.clone()),
    );
    let left_out: Vec<_> = chosen.iter().map(|place| steps[*place].0.clone()).collect();
    let standing = |press: Press| ButtonSubject {
        action: press.word().to_owned(),
        items: kept.clone(),
        left_out: left_out.clone(),
        shown_at: None,
        ..subject.clone()
    };
    let presses = [Press::Approve, Press::Reject, Press::LeaveOut];
    let ids = bot.daemon.make_buttons(presses.map(standing).to_vec()).await?;
    let look = crate::look::Look { choices: std::mem::take(&mut steps), ..crate::look::Look::default() };
    let mut components = card::menus(language, &look, &ids[2], &chosen);
    let approve = card::approve_label(language, &kept, left_out.len());
    let labels = [(Press::Approve, approve.as_str()), (Press::Reject, card::label(language, Press::Reject))];
    let buttons: Vec<_> = labels.iter().zip(&ids).map(|((press, label), id)| card::button(*press, id, label)).collect();
    components.push(card::row(&buttons));
    let body = json!({"components": components, "allowed_mentions": {"parse": []}});
    if let Err(fault) = bot.change(click, &body, &[]).await {
        tracing::warn!("a choice could not be shown: {fault}");
    }
    Ok(())
}

/// The form in which the reason for a no is written.
fn form(language: Language, id: &str) -> Value {
    let field = json!({
        "type": 4, "custom_id": "reason", "style": 2, "required": true, "min_length": 1,
        "max_length": REASON_CHARS_MAX,
        "label": pick(language, "Why not? The planner reads it.", "理由（計画者が読みます）"),
    });
    json!({
        "custom_id": format!("{WITH_A_REASON}{id}"),
        "title": pick(language, "Reject", "却下"),
        "components": [{"type": 1, "components": [field]}],
    })
}
