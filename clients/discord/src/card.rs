//! A look as a message: the line above it, the card, its file, its buttons.

use std::fmt::Write as _;

use calt_api::Language;
use calt_api::views::{ButtonItem, ButtonSubject};
use serde_json::{Value, json};

use crate::look::Look;
use crate::rest::{File, attachments};
use crate::say::pick;
use crate::state::Kind;
use crate::text::{BLOCK_CHARS_MAX, beginning, block, inline_within, length, plain_within};

/// Largest file that goes along, in bytes: Discord takes 10 MiB from a bot.
const FILE_BYTES_MAX: usize = 9 * 1024 * 1024;
/// Longest value of a fact, in characters.
const FACT_CHARS_MAX: usize = 900;
/// Options of a menu.
pub(crate) const MENU_OPTIONS_MAX: usize = 25;
/// Menus of a card: a row each, and one row is the buttons'.
pub(crate) const MENUS_MAX: usize = 4;
/// People pinged at once.
const PINGS_MAX: usize = 20;

/// What a custom id begins with when more than a click is needed first.
pub(crate) const FOR_A_REASON: &str = "why:";
/// The same, for a form that gave the reason.
pub(crate) const WITH_A_REASON: &str = "because:";
/// The same, for what is asked a second time.
pub(crate) const ASKED_AGAIN: &str = "sure:";
/// The same, for a menu of what to leave out.
pub(crate) const LEAVING_OUT: &str = "without:";

/// What a button does; the words under which the daemon keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    Approve,
    Reject,
    Execute,
    Confirm,
    Undo,
    Leave,
    LeaveOut,
}

impl Press {
    const ALL: [Self; 7] =
        [Self::Approve, Self::Reject, Self::Execute, Self::Confirm, Self::Undo, Self::Leave, Self::LeaveOut];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Execute => "execute",
            Self::Confirm => "confirm",
            Self::Undo => "undo",
            Self::Leave => "leave",
            Self::LeaveOut => "leave_out",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|press| press.word() == word)
    }

    /// What stands before the opaque id.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Reject => FOR_A_REASON,
            Self::Confirm => ASKED_AGAIN,
            Self::LeaveOut => LEAVING_OUT,
            Self::Approve | Self::Execute | Self::Undo | Self::Leave => "",
        }
    }

    /// Discord's style: 3 green, 4 red, 1 blue, 2 grey. The label says it too.
    const fn style(self) -> u8 {
        match self {
            Self::Approve => 3,
            Self::Reject => 4,
            Self::Execute | Self::Confirm => 1,
            Self::Undo | Self::Leave | Self::LeaveOut => 2,
        }
    }
}

/// The label of the button for a yes to these: it counts as the card does, where a plan is no step.
pub(crate) fn approve_label(language: Language, items: &[ButtonItem], left_out: usize) -> String {
    let steps = items.iter().filter(|item| item.step_id.is_some()).count();
    let plural = if steps == 1 { "" } else { "s" };
    let (mut english, mut japanese) = match (items.len() > steps, steps) {
        (true, 0) => ("Approve the plan".to_owned(), "プランを承認".to_owned()),
        (true, _) => (format!("Approve the plan and {steps} step{plural}"), format!("プランと {steps} ステップを承認")),
        (false, 1) => ("Approve".to_owned(), "承認".to_owned()),
        (false, _) => (format!("Approve {steps} step{plural}"), format!("{steps} ステップを承認")),
    };
    if left_out > 0 {
        english.push_str(&format!(", leave out {left_out}"));
        japanese.push_str(&format!("、{left_out} 件を飛ばす"));
    }
    pick(language, &english, &japanese).to_owned()
}

/// The label of a button that says nothing of what it is about.
pub(crate) const fn label(language: Language, press: Press) -> &'static str {
    let (english, japanese) = match press {
        Press::Approve => ("Approve", "承認"),
        Press::Reject => ("Reject…", "却下…"),
        Press::Execute => ("Execute", "実行"),
        Press::Confirm => ("Execute (high risk)…", "実行（高リスク）…"),
        Press::Undo => ("Plan an undo", "元へ戻すプランを作る"),
        Press::Leave => ("Leave as it is", "このままにする"),
        Press::LeaveOut => ("Leave out", "飛ばす"),
    };
    pick(language, english, japanese)
}

/// A button as Discord wants it.
pub(crate) fn button(press: Press, id: &str, label: &str) -> Value {
    json!({"type": 2, "style": press.style(), "label": label, "custom_id": format!("{}{id}", press.prefix())})
}

/// Rows of at most five buttons.
pub(crate) fn row(buttons: &[Value]) -> Value {
    json!({"type": 1, "components": buttons})
}

/// What is shown, ready to be sent.
pub(crate) struct Shown {
    pub(crate) embed: Value,
    pub(crate) files: Vec<File>,
    /// SHA-256 of the bytes that are shown.
    pub(crate) view_digest: String,
    /// Whether anything does not reach the person.
    pub(crate) is_cut: bool,
}

/// Puts a look into a card; what is longer than a message goes along whole as a file.
pub(crate) fn shown(language: Language, look: &Look, (session, kind): (&str, Kind)) -> Shown {
    let (description, files, is_cut) = described(language, look);
    let view_digest = calt_api::sha256(look.text.as_bytes());
    let facts = look.facts.iter().filter(|(_, value)| !value.is_empty()).map(
        |(name, value)| json!({"name": name, "value": inline_within(value, FACT_CHARS_MAX), "inline": length(value) < 30}),
    );
    let embed = json!({
        "title": plain_within(&look.title, 250),
        "description": description,
        "color": colour(kind),
        "fields": facts.collect::<Value>(),
        "footer": {"text": session},
    });
    Shown { embed, files, view_digest, is_cut }
}

fn described(language: Language, look: &Look) -> (String, Vec<File>, bool) {
    let room = BLOCK_CHARS_MAX
        - look.facts.iter().map(|(_, value)| length(value).min(FACT_CHARS_MAX)).sum::<usize>().min(1_500);
    if length(&look.text) <= room {
        return (block(look.coloured_as, &look.text), Vec::new(), false);
    }
    let bytes = look.text.clone().into_bytes();
    if bytes.len() > FILE_BYTES_MAX {
        let english = format!(
            "⚠️ This is {} bytes long, more than Discord takes. Look at it in the terminal: `calt inbox`",
            bytes.len()
        );
        let japanese =
            format!("⚠️ {} バイトあり、Discord では送れません。端末で見てください: `calt inbox`", bytes.len());
        return (pick(language, &english, &japanese).to_owned(), Vec::new(), true);
    }
    let (start, left) = beginning(&look.text, room);
    let (english, japanese) = (
        format!("… {left} more lines; the whole of it is in the file `{}`", look.file),
        format!("… 残り {left} 行。全文はファイル `{}` にあります", look.file),
    );
    let notice = pick(language, &english, &japanese);
    let description =
        if start.is_empty() { notice.to_owned() } else { format!("{}\n{notice}", block(look.coloured_as, start)) };
    (description, vec![File { name: look.file.clone(), bytes }], false)
}

const fn colour(kind: Kind) -> u32 {
    match kind {
        Kind::Plan => 0x3b_82_f6,
        Kind::Steps => 0x10_b9_81,
        Kind::Step | Kind::Risk => 0xf5_9e_0b,
        Kind::Failure => 0xef_44_44,
    }
}

/// A message's body. Nobody is pinged but those who are named.
pub(crate) fn body(content: &str, shown: Option<&Shown>, components: &[Value], pings: &[String]) -> Value {
    let pinged: Vec<_> = pings.iter().take(PINGS_MAX).collect();
    let mut line = String::new();
    for user in &pinged {
        let _ = write!(line, "<@{user}> ");
    }
    line.push_str(content);
    let mut body = json!({
        "content": line,
        "components": components,
        "allowed_mentions": {"parse": [], "users": pinged},
    });
    if let Some(shown) = shown {
        body["embeds"] = json!([shown.embed]);
        body["attachments"] = attachments(&shown.files);
    }
    body
}

/// The menus of what to leave out: as many as fit, 25 options each.
pub(crate) fn menus(language: Language, look: &Look, id: &str, chosen: &[usize]) -> Vec<Value> {
    if look.choices.len() < 2 {
        return Vec::new();
    }
    let options: Vec<_> = look
        .choices
        .iter()
        .enumerate()
        .map(|(place, (item, what))| {
            let step = item.step_id.as_deref().unwrap_or_default();
            json!({"label": plain_within(step, 100), "description": plain_within(what, 100), "value": place.to_string(),
            "default": chosen.contains(&place)})
        })
        .collect();
    let fit = MENUS_MAX * MENU_OPTIONS_MAX;
    let (english, japanese) = if options.len() > fit {
        (
            format!("Leave steps out (the first {fit} of {}; more: calt inbox)", options.len()),
            format!("飛ばすステップを選ぶ（{} 件中、最初の {fit} 件。ほかは calt inbox）", options.len()),
        )
    } else {
        ("Leave steps out".to_owned(), "飛ばすステップを選ぶ".to_owned())
    };
    let placeholder = pick(language, &english, &japanese);
    let menus = options.chunks(MENU_OPTIONS_MAX).take(MENUS_MAX).enumerate();
    menus
        .map(|(place, options)| {
            let menu = json!({"type": 3, "custom_id": format!("{LEAVING_OUT}{place}:{}:{id}", language.tag()), "placeholder": placeholder,
            "min_values": 0, "max_values": options.len(), "options": options});
            json!({"type": 1, "components": [menu]})
        })
        .collect()
}

/// What a button of this look stands for.
pub(crate) fn subject(press: Press, (session, version): (&str, u32), look: &Look, shown: &Shown) -> ButtonSubject {
    ButtonSubject {
        action: press.word().to_owned(),
        session_id: session.to_owned(),
        plan_version: Some(version),
        items: look.items.clone(),
        view_digest: Some(shown.view_digest.clone()),
        view_cut: Some(shown.is_cut),
        ..ButtonSubject::default()
    }
}
