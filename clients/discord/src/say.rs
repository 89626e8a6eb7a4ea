//! The bot's own sentences, English and Japanese beside each other.

use calt_api::client::CallError;
use calt_api::{Language, Next, Problem};

use crate::text::{inline, inline_within, length, sentence};

/// Longest sentence of a refusal, in characters: Discord takes 2,000 with what leads on.
const SENTENCE_CHARS_MAX: usize = 1_500;

/// One of two texts.
pub(crate) const fn pick<'t>(language: Language, english: &'t str, japanese: &'t str) -> &'t str {
    match language {
        Language::English => english,
        Language::Japanese => japanese,
    }
}

/// `2026-11-26T12:03:04.123456Z` as a person reads it.
pub(crate) fn time(text: &str) -> String {
    let seconds = text.get(..19).unwrap_or(text).replace('T', " ");
    format!("{seconds} UTC")
}

/// Where something was decided.
pub(crate) fn surface(language: Language, source: &str) -> String {
    match source {
        "discord" => pick(language, "in Discord", "Discord で").to_owned(),
        "cli" => pick(language, "in the terminal", "端末で").to_owned(),
        // What a call that names no surface came by.
        "api" => pick(language, "over HTTP", "HTTP で").to_owned(),
        other => match language {
            Language::English => format!("from {}", inline(other)),
            Language::Japanese => format!("{} で", inline(other)),
        },
    }
}

/// Why a call gave nothing, and what would lead on.
pub(crate) fn refusal(language: Language, fault: &CallError) -> String {
    match fault {
        CallError::Problem(problem) => problem_words(language, problem),
        CallError::Unexpected(_) => pick(
            language,
            "⚠️ The daemon answered something the bot does not understand. Its versions may differ.",
            "⚠️ デーモンの応答を理解できません。版が違うかもしれません。",
        )
        .to_owned(),
    }
}

fn problem_words(language: Language, problem: &Problem) -> String {
    let said = problem.said_in(language);
    let sentence = Some(sentence(&said)).filter(|whole| length(whole) <= SENTENCE_CHARS_MAX);
    let sentence = sentence.unwrap_or_else(|| inline_within(&said, SENTENCE_CHARS_MAX));
    let next = match problem.code.as_str() {
        "person_unbound" => pick(
            language,
            "Ask the owner to bind your account to you.",
            "所有者に、アカウントの結び付けを頼んでください。",
        )
        .to_owned(),
        "button_not_found" => pick(
            language,
            "This button is not known any more. `/inbox` shows what waits now.",
            "このボタンはもう使えません。今待っているものは `/inbox` で見られます。",
        )
        .to_owned(),
        _ => next(language, problem.next.as_ref()),
    };
    if next.is_empty() { format!("⚠️ {sentence}") } else { format!("⚠️ {sentence}\n{next}") }
}

/// High risk where the settings keep it out of Discord.
pub(crate) fn terminal_only(language: Language, command: &str) -> String {
    match language {
        Language::English => format!("🔒 High risk is decided in the terminal only: {}", inline(command)),
        Language::Japanese => format!("🔒 高リスクの決定はターミナルでのみできます: {}", inline(command)),
    }
}

/// What would lead on, as something to do here.
pub(crate) fn next(language: Language, next: Option<&Next>) -> String {
    let (english, japanese) = match next {
        None | Some(Next::Nothing) => return String::new(),
        Some(Next::ApprovePlan { session, .. } | Next::ShowPlan { session, .. }) => (
            format!("Look at the plan: `/plan_show session_id:{session}`"),
            format!("プランを見る: `/plan_show session_id:{session}`"),
        ),
        Some(Next::ApproveStep { session, step, .. } | Next::ShowStep { session, step }) => (
            format!("Look at the step: `/plan_show session_id:{session} step_id:{step}`"),
            format!("ステップを見る: `/plan_show session_id:{session} step_id:{step}`"),
        ),
        Some(Next::ExecuteStep { session, step } | Next::ConfirmHighRisk { session, step }) => (
            format!("Execute the step: `/step_execute session_id:{session} step_id:{step}`"),
            format!("ステップを実行: `/step_execute session_id:{session} step_id:{step}`"),
        ),
        Some(Next::ImportPlan { session, .. }) => (
            format!("A new plan version leads on: `/plan_import session_id:{session}`"),
            format!("新しい版のプランが必要です: `/plan_import session_id:{session}`"),
        ),
        Some(Next::ShowSession { session }) => (
            format!("See how it stands: `/plan_show session_id:{session}`"),
            format!("状態を見る: `/plan_show session_id:{session}`"),
        ),
        Some(Next::CreateSession) => {
            ("Make a new session: `/session_create`".to_owned(), "新しいセッションを作る: `/session_create`".to_owned())
        }
        Some(Next::ListArtifacts { session }) => (
            format!("See what is there: `/artifacts_list session_id:{session}`"),
            format!("成果物を見る: `/artifacts_list session_id:{session}`"),
        ),
        Some(Next::ListTools) => {
            ("See the tools: `/tools_permissions`".to_owned(), "ツールを見る: `/tools_permissions`".to_owned())
        }
        // A PIN is typed on a terminal and nowhere else.
        Some(Next::Unlock { .. } | Next::SetPin { .. }) => (
            "Decide in the terminal, where you can give your PIN: `calt inbox`".to_owned(),
            "PIN を入力できる端末で決定してください: `calt inbox`".to_owned(),
        ),
        Some(Next::WaitRun { .. } | Next::WaitUntil { .. } | Next::RetryLater | Next::StartDaemon) => {
            ("Try again a little later.".to_owned(), "少し待ってからやり直してください。".to_owned())
        }
        Some(Next::GiveReason) => ("Give a reason.".to_owned(), "理由を書いてください。".to_owned()),
        Some(Next::AskApprover) => {
            ("Ask somebody who may do it.".to_owned(), "権限のある人に頼んでください。".to_owned())
        }
        Some(Next::CheckPlan) => {
            ("Mend the plan and send it again.".to_owned(), "プランを直して送り直してください。".to_owned())
        }
        Some(Next::TakeBack { session, .. }) => {
            (format!("It can be taken back: `calt undo {session}`"), format!("元へ戻せます: `calt undo {session}`"))
        }
        Some(
            Next::ListSessions
            | Next::GiveToken
            | Next::ListTokens
            | Next::ListPersons
            | Next::ListWorkspaces
            | Next::CorrectRequest
            | Next::RunDoctor
            | Next::VerifyRecord,
        ) => ("`/inbox` shows what waits.".to_owned(), "待っているものは `/inbox` で見られます。".to_owned()),
    };
    pick(language, &english, &japanese).to_owned()
}
