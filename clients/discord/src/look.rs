//! What a person is shown before a decision: all of it, and what it stands for.

use std::fmt::Write as _;

use calt_api::Language;
use calt_api::views::{ButtonItem, PlanView, StepDetailView, StepView};
use serde_json::Value;

use crate::text::harmless;

/// Something to look at, whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// The title above it; the bot's own words.
    pub(crate) title: String,
    /// What is shown, made harmless.
    pub(crate) text: String,
    /// The language a block of it is coloured in.
    pub(crate) coloured_as: &'static str,
    /// The name of the file when it is longer than a message.
    pub(crate) file: String,
    /// Names and values beside it.
    pub(crate) facts: Vec<(String, String)>,
    /// What a yes decides on.
    pub(crate) items: Vec<ButtonItem>,
    /// What may be left out: the step's id, its title, what it is.
    pub(crate) choices: Vec<(ButtonItem, String)>,
}

fn item(step: &StepDetailView) -> ButtonItem {
    ButtonItem { step_id: Some(step.id.clone()), digest: step.digest.clone() }
}

/// Whether a look at the plan covers a step too: it writes nothing, its risk is not high, and its inputs are known.
pub(crate) fn is_early(step: &StepDetailView) -> bool {
    step.status == "pending" && step.effect != "writes" && step.risk != "high" && step.unresolved.is_none()
}

/// The steps that can be decided together from a step on: none of high risk, each with known inputs, each write previewed.
pub(crate) fn together<'s>(steps: &'s [StepDetailView], first: &str) -> Vec<&'s StepDetailView> {
    let from = steps.iter().skip_while(|step| step.id != first);
    let ready = |step: &&StepDetailView| {
        step.risk != "high" && step.unresolved.is_none() && matches!(step.gate.as_str(), "not_needed" | "recorded")
    };
    from.filter(|step| step.status == "pending").take_while(ready).collect()
}

/// The plan, with every step it would approve at once.
pub(crate) fn plan(language: Language, plan: &PlanView, steps: &[StepDetailView]) -> Look {
    let mut text = String::new();
    let say = |english, japanese| crate::say::pick(language, english, japanese);
    let _ = writeln!(text, "{}: {}", say("title", "題"), language.titled(&plan.title));
    for (name, value) in [(say("goal", "目標"), &plan.session_goal), (say("ticket", "チケット"), &plan.r#ref)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    for (place, step) in plan.steps.iter().enumerate() {
        let _ = write!(text, "\n{}. ", place + 1);
        push_step(language, &mut text, step);
    }
    let covered: Vec<_> = steps.iter().filter(|step| is_early(step)).collect();
    let mut items = vec![ButtonItem { step_id: None, digest: plan.digest.clone() }];
    items.extend(covered.iter().map(|step| item(step)));
    let tier = steps.first().map_or("-", |step| step.tier.as_str()).to_owned();
    let plural = if plan.steps.len() == 1 { "" } else { "s" };
    let english = format!("Plan v{} · {} step{plural}", plan.version, plan.steps.len());
    let japanese = format!("プラン v{} · {} ステップ", plan.version, plan.steps.len());
    Look {
        title: crate::say::pick(language, &english, &japanese).to_owned(),
        text: harmless(&text),
        coloured_as: "yaml",
        file: format!("plan-v{}.txt", plan.version),
        facts: vec![
            fact(language, ("Approves", "承認の対象"), &covers(language, &covered)),
            fact(language, ("Isolation", "隔離"), &tier),
            fact(language, ("Digest", "ダイジェスト"), &plan.digest),
        ],
        items,
        choices: covered
            .iter()
            .map(|step| (item(step), format!("{} · {}", step.tool, risk(language, &step.risk))))
            .collect(),
    }
}

fn covers(language: Language, covered: &[&StepDetailView]) -> String {
    let ids: Vec<_> = covered.iter().map(|step| step.id.as_str()).collect();
    match (language, ids.as_slice()) {
        (Language::English, []) => "the plan alone".to_owned(),
        (Language::Japanese, []) => "プランのみ".to_owned(),
        (Language::English, [only]) => format!("the plan and 1 step that writes nothing: {only}"),
        (Language::English, ids) => format!("the plan and {} steps that write nothing: {}", ids.len(), ids.join(", ")),
        (Language::Japanese, ids) => format!("プランと、書き込まない {} ステップ: {}", ids.len(), ids.join(", ")),
    }
}

/// Steps that are decided together: which they are, and the cumulative diff of what they write, file by file.
pub(crate) fn steps(language: Language, steps: &[&StepDetailView]) -> Look {
    let mut text = String::new();
    for step in steps {
        let risk = risk(language, &step.risk);
        let _ = writeln!(text, "# {}: {} ({}, {risk})", step.id, language.titled(&step.title), step.tool);
        if step.diff.is_none() {
            push_inputs(&mut text, &step.inputs, "");
        }
        push_warnings(language, &mut text, step);
    }
    let diffs: Vec<_> = steps.iter().filter_map(|step| Some((step.id.as_str(), step.diff.as_deref()?))).collect();
    let change = crate::change::together(language, &diffs);
    if steps.len() > 1 && !diffs.is_empty() {
        text.push('\n');
    }
    text.push_str(&change.text);
    let (added, removed) = (change.added, change.removed);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let english = format!(
        "{} step{} · {} file{} written · +{added} −{removed}",
        steps.len(),
        plural(steps.len()),
        change.files,
        plural(change.files)
    );
    let japanese = format!("{} ステップ · {} ファイルに書き込み · +{added} −{removed}", steps.len(), change.files);
    let digests: Vec<_> = steps.iter().map(|step| step.digest.as_str()).collect();
    let digest = if let [only] = digests.as_slice() {
        (*only).to_owned()
    } else {
        calt_api::sha256(digests.concat().as_bytes())
    };
    Look {
        title: crate::say::pick(language, &english, &japanese).to_owned(),
        text: harmless(&text),
        coloured_as: "diff",
        file: "changes.diff".to_owned(),
        facts: vec![
            fact(language, ("Isolation", "隔離"), steps.first().map_or("-", |step| step.tier.as_str())),
            fact(language, ("Digest", "ダイジェスト"), &digest),
        ],
        items: steps.iter().map(|step| item(step)).collect(),
        choices: steps
            .iter()
            .map(|step| (item(step), format!("{} · {}", step.tool, risk(language, &step.risk))))
            .collect(),
    }
}

/// One step, as it would run.
pub(crate) fn step(language: Language, step: &StepDetailView) -> Look {
    let mut text = String::new();
    let _ = writeln!(text, "{}: {}", step.id, language.titled(&step.title));
    let say = |english, japanese| crate::say::pick(language, english, japanese);
    let _ = writeln!(text, "{}: {} ({})", say("tool", "ツール"), step.tool, effect(language, &step.effect));
    let _ = writeln!(text, "{}:", say("inputs", "入力"));
    push_inputs(&mut text, &step.inputs, "  ");
    if let Some(unresolved) = &step.unresolved {
        let _ = writeln!(text, "{}: {}", say("not resolved yet", "まだ解決できません"), language.told(unresolved));
    }
    push_warnings(language, &mut text, step);
    push_conditions(&mut text, (say("before", "事前条件"), &step.preconditions), "");
    push_conditions(&mut text, (say("after", "事後条件"), &step.postconditions), "");
    push_expected(language, &mut text, step.expected_observation.as_deref(), "");
    push_value(&mut text, say("verify", "検証"), &step.verify, "");
    push_value(&mut text, say("box", "サンドボックス"), &step.r#box["name"], "");
    push_remarks(language, &mut text, &step.remarks, "");
    push_value(&mut text, "meta", &step.meta, "");
    let _ = match language {
        Language::English => writeln!(text, "timeout: {} s", step.timeout_sec),
        Language::Japanese => writeln!(text, "制限時間: {} 秒", step.timeout_sec),
    };
    if let Some(diff) = &step.diff {
        let _ = write!(text, "\n{diff}");
    }
    let english = format!("Step · {} · risk {}", step.tool, step.risk);
    let risk = risk(language, &step.risk);
    let japanese = format!("ステップ · {} · リスク{risk}", step.tool);
    Look {
        title: crate::say::pick(language, &english, &japanese).to_owned(),
        text: harmless(&text),
        coloured_as: if step.diff.is_some() { "diff" } else { "yaml" },
        file: "step.txt".to_owned(),
        facts: vec![
            fact(language, ("Risk", "リスク"), &risk),
            fact(language, ("Isolation", "隔離"), &step.tier),
            fact(language, ("Digest", "ダイジェスト"), &step.digest),
        ],
        items: vec![item(step)],
        choices: Vec::new(),
    }
}

pub(crate) fn fact(language: Language, (english, japanese): (&str, &str), value: &str) -> (String, String) {
    (crate::say::pick(language, english, japanese).to_owned(), value.to_owned())
}

/// A risk in one word.
pub(crate) fn risk(language: Language, risk: &str) -> String {
    match (language, risk) {
        (Language::Japanese, "low") => "低",
        (Language::Japanese, "medium") => "中",
        (Language::Japanese, "high") => "高",
        (Language::English | Language::Japanese, risk) => risk,
    }
    .to_owned()
}

/// What a step does to the workspace, in one word.
fn effect(language: Language, effect: &str) -> &str {
    language.effect(effect).unwrap_or(effect)
}

fn push_step(language: Language, text: &mut String, step: &StepView) {
    let say = |english, japanese| crate::say::pick(language, english, japanese);
    let (risk, effect) = (risk(language, &step.risk), effect(language, &step.effect));
    let _ = match language {
        Language::English => writeln!(text, "{} · {} · {risk} · {effect}", step.id, step.tool),
        Language::Japanese => writeln!(text, "{} · {} · リスク{risk} · {effect}", step.id, step.tool),
    };
    let _ = writeln!(text, "   {}", language.titled(&step.title));
    push_inputs(text, &step.inputs, "   ");
    push_conditions(text, (say("before", "事前条件"), &step.preconditions), "   ");
    push_conditions(text, (say("after", "事後条件"), &step.postconditions), "   ");
    push_expected(language, text, step.expected_observation.as_deref(), "   ");
    push_value(text, say("verify", "検証"), &step.verify, "   ");
    push_value(text, say("box", "サンドボックス"), &step.r#box["name"], "   ");
    push_remarks(language, text, &step.remarks, "   ");
    push_value(text, "meta", &step.meta, "   ");
}

fn push_expected(language: Language, text: &mut String, expected: Option<&str>, indent: &str) {
    if let Some(expected) = expected {
        let _ = writeln!(text, "{indent}{}: {expected}", crate::say::pick(language, "expected", "期待する結果"));
    }
}

/// What the run would refuse although it can be approved.
fn push_warnings(language: Language, text: &mut String, step: &StepDetailView) {
    let say = |english, japanese| crate::say::pick(language, english, japanese);
    for path in &step.changed_since_preview {
        let what = say(
            "has changed since its preview: the run will refuse",
            "はプレビューの後に変わりました。実行は拒否されます",
        );
        let _ = writeln!(text, "! {path} {what}");
    }
    if step.effect == "writes" && step.gate == "missing" {
        text.push_str(say(
            "! no preview of exactly these files is recorded: the run will refuse\n",
            "! ちょうどこのファイルのプレビューが記録されていません。実行は拒否されます\n",
        ));
    }
}

/// Remarks, as they came, and before each what its code means in another language.
fn push_remarks(language: Language, text: &mut String, remarks: &Value, indent: &str) {
    for remark in remarks.as_array().into_iter().flatten() {
        if let Some(meaning) = language.cause(remark["code"].as_str().unwrap_or_default()) {
            let _ = writeln!(text, "{indent}! {meaning}");
        }
    }
    push_value(text, crate::say::pick(language, "remarks", "注意"), remarks, indent);
}

fn push_conditions(text: &mut String, (name, lines): (&str, &[String]), indent: &str) {
    for line in lines {
        let _ = writeln!(text, "{indent}{name}: {line}");
    }
}

fn push_value(text: &mut String, name: &str, value: &Value, indent: &str) {
    let is_empty = match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if !is_empty {
        let _ = writeln!(text, "{indent}{name}: {value}");
    }
}

/// Inputs, each whole; a text of several lines stands as it is, each line marked as the input's.
fn push_inputs(text: &mut String, inputs: &Value, indent: &str) {
    for (name, value) in inputs.as_object().into_iter().flatten() {
        match value {
            Value::String(long) if long.contains('\n') => {
                let _ = writeln!(text, "{indent}{name}:");
                for line in long.split('\n') {
                    let _ = writeln!(text, "{indent}| {line}");
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                let _ = writeln!(text, "{indent}{name}: {value}");
            }
        }
    }
}
