//! What the screens call an event in Japanese is what a search knows it by.

use calt_api::Language;
use calt_engine::core::event::EVENT_TYPES;
use calt_engine::store::event_called;

/// Every summary the program records, by the type of its event.
const SUMMARIES: &[(&str, &str)] = &[
    ("session_created", "session created"),
    ("plan_imported", "plan v1 imported"),
    ("plan_approved", "plan v1 approved"),
    ("plan_rejected", "plan v1 rejected"),
    ("step_approved", "step a approved"),
    ("step_rejected", "step a rejected"),
    ("step_skipped", "step a skipped"),
    ("step_started", "step a started"),
    ("step_executed", "step a executed"),
    ("step_failed", "step a failed"),
    ("step_interrupted", "step a interrupted"),
    ("step_execution_rejected", "step a rejected"),
    ("step_execution_warning", "step a warned"),
    ("step_execution_warning", "step a runs without isolation"),
    ("artifact_saved", "artifact of step a saved"),
    ("session_stopped", "session stopped"),
    ("session_succeeded", "session succeeded"),
    ("daemon_started", "daemon 1.0.0 started"),
    ("person_added", "approver ann added"),
    ("person_removed", "approver ann removed"),
    ("token_created", "token tok_1 created for ann"),
    ("token_revoked", "token tok_1 revoked"),
    ("workspace_added", "workspace web (attach) added"),
    ("workspace_removed", "workspace web removed"),
    ("workspace_remounted", "workspace web is the same directory on another device"),
    ("access_refused", "access refused to ann 3 times: x"),
    ("access_refused", "access refused 3 times: x"),
    ("checkpoint_signed", "checkpoint over 5 events signed"),
    ("record_exported", "record of session_1 exported up to its event 5"),
    ("restored", "restored from a backup of 5 events, made 2026-01-01"),
    ("content_released", "what session_1 wrote was given out unmasked to ann"),
    ("loss_accepted", "the loss of 1 events after the first 5 was accepted"),
    ("payload_redacted", "text of event 5 redacted"),
    ("pin_set", "PIN of ann set"),
    ("pin_removed", "PIN of ann removed"),
    ("pin_accepted", "ann typed their PIN"),
    ("pin_refused", "a wrong PIN for ann"),
];

fn is_japanese(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}')
}

#[test]
fn an_event_is_found_by_every_piece_of_japanese_that_a_screen_says_of_it() {
    for (event_type, summary) in SUMMARIES {
        let said = Language::Japanese.event_summary(summary).unwrap_or_else(|| panic!("`{summary}` is not known"));
        let pieces: Vec<&str> = said.split(|c| !is_japanese(c)).filter(|piece| !piece.is_empty()).collect();
        assert!(!pieces.is_empty(), "{said}");
        for piece in pieces {
            let called = event_called(event_type);
            assert!(called.contains(piece), "{event_type} is called `{called}`, and a screen says `{said}`");
        }
    }
    let mut known: Vec<_> = SUMMARIES.iter().map(|(event_type, _)| *event_type).collect();
    known.dedup();
    assert_eq!(known, EVENT_TYPES);
}
