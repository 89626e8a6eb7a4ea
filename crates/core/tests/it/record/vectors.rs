//! A small fixed log: English, Japanese, characters beyond the BMP, quotes, control characters, absent values, a large
//! number, and an event whose text was removed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use calt_core::digest::Digest;
use calt_core::event::{Envelope, Fact, SCHEMA, text_hash};
use calt_core::id::{EventId, RunId, SessionId};
use calt_core::principal::PrincipalId;
use calt_core::time::Timestamp;
use serde_json::{Value, json};

/// The seed of the key that signs: 0, 1, 2, … 31.
pub(super) const SEED: [u8; 32] = {
    let mut seed = [0; 32];
    let mut at = 0;
    while at < 32 {
        seed[at] = at as u8;
        at += 1;
    }
    seed
};
/// The session of the log.
pub(super) const SESSION: &str = "session_0001";
/// The event whose text was removed.
pub(super) const CLEARED: i64 = 8;

/// What step `read` gave.
const OUTPUT: &[u8] = b"{\"content\":\"\xe5\x90\x88\xe8\xa8\x88 42\\n\"}";
/// The masked plan, which its event could not hold.
const PLAN: &[u8] =
    b"{\"steps\":[{\"id\":\"read\",\"inputs\":{\"path\":\"notes.txt\"}}],\"title\":\"Read the notes\",\"version\":1}";

/// The files the events name.
pub(super) fn files() -> Vec<Value> {
    let file = |kind: &str, name: &str, bytes: &[u8]| json!({"kind": kind, "name": name, "sha256": Digest::of_bytes(bytes), "base64": BASE64.encode(bytes)});
    vec![file("plan", "plan v1", PLAN), file("artifact", "/data/sessions/session_0001/artifacts/1-read.json", OUTPUT)]
}

fn digest(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

fn decision(decided_on: Digest) -> Value {
    json!({
        "digest": decided_on, "decision_id": "decision_1", "how": "prompt", "assurance": "pin", "surface": "cli",
        "locale": "ja", "view_digest": digest("what was shown"), "view_cut": false,
        "shown_at": "2026-01-02T03:04:05.000006Z", "valid_until": null,
    })
}

/// Type, session's run, facts, summary and payload of each event.
type Told = (&'static str, Option<i64>, Value, &'static str, &'static str);

fn before_the_session() -> Vec<Told> {
    vec![
        (
            "daemon_started",
            None,
            json!({"version": "0.1.0", "binary_sha256": digest("binary"), "tier": "full", "config_sha256": digest("settings")}),
            "calt 0.1.0 started",
            "{}",
        ),
        (
            "person_added",
            None,
            json!({"principal": "hanako", "kind": "person", "role": "approver"}),
            "花子 was added",
            "{}",
        ),
    ]
}

fn session() -> Vec<Told> {
    let (plan, step) = (digest("plan"), digest("step"));
    let tool = json!({"version": 1, "step": "read", "tool": "read_file", "effect": "reads", "digest": step,
        "template_digest": step, "inputs": digest("inputs"), "covers": "resolved", "high_risk_confirmed": false,
        "tier": "full", "box_digest": null, "files": [], "gate": {"gate": "not_needed"}});
    vec![
        (
            "session_created",
            None,
            json!({"mode": "normal", "profile": "strict", "workspace":
                {"kind": "attach", "name": "家 🏠 \"home\"", "inode": "18446744073709551615", "born_micros": -1}}),
            "合計を直す 🧮",
            r#"{"goal":"合計を直す 🧮","ref":null}"#,
        ),
        (
            "plan_imported",
            None,
            json!({"version": 1, "digest": plan, "masked_digest": Digest::of_bytes(PLAN), "document_digest": digest("document"),
                "steps": [{"id": "read", "tool": "read_file", "effect": "reads", "risk": "low", "content": digest("content"),
                    "inputs": digest("inputs"), "has_references": false, "box_digest": null}]}),
            "plan v1 imported: Read the notes",
            r#"{"title":"Read the notes"}"#,
        ),
        ("plan_approved", None, json!({"version": 1, "decision": decision(plan)}), "plan v1 approved by 花子", "{}"),
        (
            "step_approved",
            None,
            json!({"version": 1, "step": "read", "covers": "resolved", "decision": decision(step)}),
            "step read approved",
            "{}",
        ),
        (
            "step_started",
            Some(1),
            tool,
            "quotes \" and \\ and /",
            "\u{0}\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f} \u{7f}\u{80}\u{2028}\u{feff}é\u{301}𝄞🏳\u{200d}🌈",
        ),
        (
            "step_executed",
            Some(1),
            json!({"version": 1, "step": "read", "duration_ms": 3, "exit_code": null,
                "output_sha256": Digest::of_bytes(OUTPUT), "output_bytes": OUTPUT.len(), "in_payload": true,
                "masked": ["api_key"], "not_whole": [], "preview": null, "applied": [], "tier": "full"}),
            "",
            "",
        ),
        (
            "artifact_saved",
            Some(1),
            json!({"artifact": 1, "step": "read", "kind": "output",
                "path": "/data/sessions/session_0001/artifacts/1-read.json", "sha256": Digest::of_bytes(OUTPUT),
                "bytes": OUTPUT.len()}),
            "1-read.json",
            "{}",
        ),
        ("session_succeeded", None, json!({"version": 1}), "Done", "{}"),
        ("payload_redacted", None, json!({"event": CLEARED}), "the text of event 8 was removed", "{}"),
    ]
}

fn after_the_session() -> Vec<Told> {
    vec![("record_exported", None, json!({"session": SESSION, "last_seq": 9}), "the record was taken away", "{}")]
}

/// The log.
pub(super) fn events() -> Vec<Envelope> {
    let told = [before_the_session(), session(), after_the_session()];
    let of_session = told[0].len()..told[0].len() + told[1].len();
    let first = of_session.start;
    let sealed = |(at, (event_type, run, facts, summary, payload)): (usize, Told)| {
        let in_session = of_session.contains(&at);
        let is_cleared = at as i64 + 1 == CLEARED;
        let salt = [at as u8 * 16 + 1; 16];
        let hash = if is_cleared { digest("the hash of what was here") } else { text_hash(&salt, summary, payload) };
        Envelope {
            id: EventId(at as i64 + 1),
            session: in_session.then(|| SessionId::parse(SESSION).unwrap()),
            seq: in_session.then(|| (at - first) as u64 + 1),
            run: run.map(RunId),
            schema: SCHEMA,
            source: if in_session { "discord" } else { "daemon" }.to_owned(),
            user_id: if in_session { "花子 <hanako@example.com>" } else { "" }.to_owned(),
            principal: PrincipalId::parse(if in_session { "hanako" } else { "daemon" }).unwrap(),
            message_id: in_session.then(|| "1199".to_owned()),
            created_at: Timestamp::from_micros(1_767_323_045_000_000 + at as i64),
            fact: Fact::read(event_type, facts).unwrap(),
            salt: (!is_cleared).then_some(salt),
            text_hash: hash,
            summary: summary.to_owned(),
            payload_text: payload.to_owned(),
        }
    };
    told.into_iter().flatten().enumerate().map(sealed).collect()
}
