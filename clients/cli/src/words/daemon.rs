//! What the daemon says in English, in the language of the person, as far as its codes carry the meaning.

use calt_api::visible::visible_line;
use serde_json::Value;

use super::{language, t};
use crate::found;
use crate::render::{items, word};

/// A risk in words.
pub(crate) fn risk(risk: &Value) -> String {
    match risk.as_str() {
        Some("low") => t!("low risk"),
        Some("medium") => t!("medium risk"),
        Some("high") => t!("high risk"),
        // A newer daemon's.
        Some(_) | None => t!("{risk} risk", risk = word(risk)),
    }
}

/// Remarks that tell something and foretell no refusal.
const TELLING: &[&str] = &["risk_raised", "masked"];

/// Whether a remark says ahead that a run of the step is refused: its code is that of the failure.
pub(crate) fn says_refusal(remark: &Value) -> bool {
    !TELLING.iter().any(|code| remark["code"] == **code)
}

/// How a session stands.
pub(crate) fn session_status(status: &Value) -> String {
    status.as_str().and_then(|status| language().session_status(status)).map_or_else(|| word(status), str::to_owned)
}

/// The status of a step in its session: where nothing goes on, what was open will not run.
pub(crate) fn step_status_in(session: &Value, step: &Value) -> String {
    let has_ended = session["status"] == "failed" || session["status"] == "cancelled";
    let is_open = step["status"] == "pending" || step["status"] == "approved";
    if has_ended && is_open { t!("not run") } else { step_status(&step["status"]) }
}

/// How a step or a run stands, or what was decided about it.
pub(crate) fn step_status(status: &Value) -> String {
    status.as_str().and_then(|status| language().step_status(status)).map_or_else(|| word(status), str::to_owned)
}

/// A flag of something, in a word.
pub(crate) fn yes_or_no(flag: &Value) -> String {
    if flag == true { t!("yes") } else { t!("no") }
}

/// What a step or a tool does to the workspace.
pub(crate) fn effect(effect: &Value) -> String {
    effect.as_str().and_then(|effect| language().effect(effect)).map_or_else(|| word(effect), str::to_owned)
}

/// A word that the daemon has few of: what kind something is, whose part somebody has, whether a PIN is set.
pub(crate) fn kind(field: &str, value: &Value) -> String {
    value.as_str().and_then(|value| language().kind(field, value)).map_or_else(|| word(value), str::to_owned)
}

/// How a decision was made.
pub(crate) fn how(how: &Value) -> String {
    how.as_str().and_then(|how| language().how(how)).map_or_else(|| word(how), str::to_owned)
}

/// What happened, by the type of an event.
pub(crate) fn ending(event_type: &Value) -> String {
    event_type.as_str().and_then(|kind| language().ending(kind)).map_or_else(|| word(event_type), str::to_owned)
}

/// What a remark says, in the person's language first.
pub(crate) fn remark(remark: &Value) -> String {
    let said = failure(&remark["code"], &remark["message"]);
    if says_refusal(remark) { t!("will be refused when it runs: {why}", why = said) } else { said }
}

/// Why a run failed, by the code of its end, in the person's language first.
pub(crate) fn failure(code: &Value, error: &Value) -> String {
    let error = word(error);
    language()
        .sentence(&error)
        .unwrap_or_else(|| with_meaning(language().cause(code.as_str().unwrap_or_default()), error))
}

/// A reason in the record. What a person wrote stays as it is; a failure, and a refusal by its code, are the daemon's.
pub(crate) fn reason(event_type: &Value, reason: &Value) -> String {
    let is_code = |text: &str| text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_ours = event_type == "step_failed" || reason.as_str().is_some_and(is_code);
    if is_ours { told(reason) } else { word(reason) }
}

/// What is wrong with a plan, in the person's language; where its sentence is not known, what its code means.
pub(crate) fn plan_problem(problem: &Value) -> String {
    let message = word(&problem["message"]);
    language()
        .sentence(&message)
        .unwrap_or_else(|| with_meaning(language().plan_problem(problem["code"].as_str().unwrap_or_default()), message))
}

/// What would put something right, or what it is: a sentence that comes without a code.
pub(crate) fn told(sentence: &Value) -> String {
    language().told(&word(sentence))
}

/// A title or a goal: in the person's language where it is calt's own.
pub(crate) fn title(title: &Value) -> String {
    language().titled(&word(title))
}

/// An event's summary. Where what was searched for stands in it, it is shown as it was recorded, with the hits.
pub(crate) fn summary(event: &Value) -> String {
    let is_found = items(&event["highlights"]).iter().any(|hit| hit["field"] == "summary");
    let said = event["summary"].as_str().filter(|_| !is_found).and_then(|summary| language().event_summary(summary));
    said.map_or_else(|| found::field(event, "summary"), |said| visible_line(&said).into_owned())
}

/// A sentence of the daemon behind what its code means: the sentence alone has the values.
fn with_meaning(meaning: Option<&str>, sentence: String) -> String {
    match meaning {
        Some(meaning) => t!("{meaning} ({sentence})", meaning = meaning, sentence = sentence),
        None => sentence,
    }
}
