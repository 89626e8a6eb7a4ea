//! Whoever changes, removes, adds or moves an event is found out: by the first event that does not fit, by the first
//! checkpoint that does not, or, when everything was forged with the log's own key, by a checkpoint kept elsewhere.

mod beside;
pub(crate) mod forger;
mod starting;

use calt_core::checkpoint::SignedCheckpoint;
use calt_store::{Against, Check, Verification};

use forger::{Forged, Log, check};

/// A tampering, and the first event it is about.
struct Tampering {
    what: String,
    sql: String,
    first: i64,
}

impl Tampering {
    fn new(what: &str, sql: String, first: i64) -> Self {
        Self { what: what.to_owned(), sql, first }
    }
}

/// Every column of an event, with another value of its kind.
fn columns(event: i64) -> Vec<(&'static str, Tampering)> {
    [
        ("session_id", "'session_other'"),
        ("session_id", "NULL"),
        ("seq", "99999"),
        ("seq", "NULL"),
        ("run_id", "run_id + 1"),
        ("run_id", "NULL"),
        ("schema", "2"),
        ("event_type", "'step_failed'"),
        ("event_type", "'checkpoint_signed'"),
        ("event_type", "'nonsense'"),
        ("source", "'elsewhere'"),
        ("user_id", "'somebody'"),
        ("principal", "'mika'"),
        ("principal", "'no such name!'"),
        ("message_id", "'7'"),
        ("created_at", "'2001-01-01T00:00:00.000000Z'"),
        ("created_at", "'yesterday'"),
        ("facts", "json_set(facts, '$.duration_ms', 4)"),
        ("facts", "json_set(facts, '$.added', 4)"),
        ("facts", "json_remove(facts, '$.step')"),
        ("facts", "facts || ' '"),
        ("facts", "'no json'"),
        ("facts", "'{}'"),
        ("salt", "randomblob(16)"),
        ("salt", "randomblob(15)"),
        ("salt", "NULL"),
        ("text_hash", "randomblob(32)"),
        ("text_hash", "x''"),
        ("summary", "summary || '!'"),
        ("summary", "''"),
        ("payload_text", "replace(payload_text, 'quoted', 'quOted')"),
        ("payload_text", "''"),
        ("leaf_hash", "randomblob(32)"),
        ("leaf_hash", "x''"),
    ]
    .into_iter()
    .map(|(column, value)| {
        let sql = format!("UPDATE events SET {column} = {value} WHERE id = {event}");
        (column, Tampering::new(&format!("{column} = {value}"), sql, event))
    })
    .collect()
}

/// Removed, added, moved, cut off.
fn others(log: &Log, event: i64) -> Vec<Tampering> {
    let last = log.number("SELECT MAX(id) FROM events");
    let columns = "session_id, NULL, run_id, schema, event_type, source, user_id, principal, message_id, created_at, \
                   facts, salt, text_hash, summary, payload_text, leaf_hash";
    let room = format!(
        "UPDATE events SET id = -id WHERE id >= {event}; UPDATE events SET id = 1 - id WHERE id < 0;
         INSERT INTO events SELECT {event}, {columns} FROM events WHERE id = {event} + 1;"
    );
    let swap = |one: i64, other: i64| {
        format!(
            "UPDATE events SET id = -1 WHERE id = {one}; UPDATE events SET id = {one} WHERE id = {other};
             UPDATE events SET id = {other} WHERE id = -1;"
        )
    };
    let close_gap =
        format!("UPDATE events SET id = 1 - id WHERE id > {event}; UPDATE events SET id = -id WHERE id < 0");
    vec![
        Tampering::new("removed, with a gap", format!("DELETE FROM events WHERE id = {event}"), event),
        Tampering::new("removed, renumbered", format!("DELETE FROM events WHERE id = {event}; {close_gap}"), event),
        Tampering::new("the first removed", "DELETE FROM events WHERE id = 1".to_owned(), 1),
        Tampering::new("the last removed", format!("DELETE FROM events WHERE id = {last}"), last),
        Tampering::new("cut off", format!("DELETE FROM events WHERE id >= {event}"), event),
        Tampering::new("all removed", "DELETE FROM events".to_owned(), 1),
        Tampering::new("added in the middle", room, event),
        Tampering::new(
            "added at the end",
            format!("INSERT INTO events SELECT {last} + 1, {columns} FROM events WHERE id = {event}"),
            last + 1,
        ),
        Tampering::new(
            "added below the first",
            format!("INSERT INTO events SELECT -5, {columns} FROM events WHERE id = {event}"),
            -5,
        ),
        Tampering::new(
            "moved far away",
            format!("UPDATE events SET id = 4611686018427387904 WHERE id = {last}"),
            4_611_686_018_427_387_904,
        ),
        Tampering::new("two swapped", swap(event, event + 1), event),
        Tampering::new("two far ones swapped", swap(event - 20, event + 20), event - 20),
    ]
}

/// What `record verify` finds in the events, the tree and the checkpoints: the first event, and all lines.
fn found(verified: &Verification) -> (Option<i64>, String) {
    let checks = ["events", "tree", "checkpoints"].map(|name| check(verified, name));
    let first_of = |check: &Check| check.findings.iter().filter_map(|finding| finding.event.map(|event| event.0)).min();
    // What a row says of itself is exact; a checkpoint only says that something before it is not as it was.
    let first = first_of(checks[0]).or_else(|| checks.iter().filter_map(|check| first_of(check)).min());
    let findings = checks.iter().flat_map(|check| &check.findings);
    let lines = findings.map(|finding| format!("{:?}: {}", finding.event, finding.what));
    (first, lines.collect::<Vec<_>>().join("\n"))
}

/// An event in the midst of the second session, between two checkpoints.
fn middle(log: &Log) -> i64 {
    log.number(
        "SELECT id FROM events WHERE event_type = 'step_executed' AND session_id = 'session_s1' ORDER BY id LIMIT 1 OFFSET 5",
    )
}

#[tokio::test]
async fn an_untouched_record_passes_and_so_it_does_against_what_was_kept() {
    let log = Log::new().await;
    let events = log.number("SELECT COUNT(*) FROM events") as u64;
    assert!(events > 200, "{events}");
    let verified = log.verify(&Against::default());
    assert!(verified.is_clean(), "{:#?}", verified.checks);
    assert_eq!(verified.events, events);
    let looked_at = |name: &str| check(&verified, name).looked_at;
    assert_eq!((looked_at("events"), looked_at("tree"), looked_at("checkpoints")), (events, events, 3));
    assert_eq!((looked_at("promises"), looked_at("artifacts"), looked_at("plans")), (4, 48, 4));
    let kept = SignedCheckpoint::parse(&log.kept).unwrap();
    let verified = log.verify(&Against { checkpoints: vec![kept], keys: vec![] });
    assert!(verified.is_clean(), "{:#?}", verified.checks);
}

#[tokio::test]
async fn a_change_that_left_its_leaf_stale_is_named_with_its_event() {
    let log = Log::new().await;
    let event = middle(&log);
    let all = columns(event).into_iter().map(|(_, tampering)| tampering).chain(others(&log, event));
    for tampering in all {
        let log = log.copy();
        log.tamper(&tampering.sql, Forged::Row);
        let (first, lines) = found(&log.verify(&Against::default()));
        assert_eq!(first, Some(tampering.first), "{}:\n{lines}", tampering.what);
    }
}

/// Whether a tampering is still one after its leaf was made again.
fn is_undone_by_sealing(column: &str, what: &str) -> bool {
    column == "leaf_hash" || column == "text_hash" || what == "facts = facts || ' '"
}

#[tokio::test]
async fn a_change_with_all_leaves_made_again_is_caught_by_the_next_checkpoint() {
    let log = Log::new().await;
    let event = middle(&log);
    let next =
        log.number(&format!("SELECT MIN(id) FROM events WHERE event_type = 'checkpoint_signed' AND id > {event}"));
    let before =
        log.number(&format!("SELECT MAX(id) FROM events WHERE event_type = 'checkpoint_signed' AND id < {event}"));
    let can_be_sealed = |(column, tampering): &(&str, Tampering)| {
        !is_undone_by_sealing(column, &tampering.what)
            && !["'no json'", "randomblob(15)"].iter().any(|no| tampering.sql.contains(no))
    };
    let changed = columns(event).into_iter().filter(can_be_sealed).map(|(_, tampering)| tampering);
    let inside = |tampering: &Tampering| tampering.first >= before && tampering.first < next;
    for tampering in changed.chain(others(&log, event).into_iter().filter(inside)) {
        let log = log.copy();
        log.tamper(&tampering.sql, Forged::Tree);
        let verified = log.verify(&Against::default());
        let (first, lines) = found(&verified);
        let has_signed_rest = log
            .number(&format!("SELECT COUNT(*) FROM events WHERE id >= {event} AND event_type = 'checkpoint_signed'"))
            > 0;
        if has_signed_rest {
            let first = first.unwrap_or_else(|| panic!("{}: nobody saw it", tampering.what));
            assert!(first >= before && first <= tampering.first, "{}: {first}\n{lines}", tampering.what);
            let is_exact = first == tampering.first;
            let is_signed_over = !check(&verified, "checkpoints").findings.is_empty();
            assert!(is_exact || is_signed_over, "{}:\n{lines}", tampering.what);
        } else {
            // What was cut off took its checkpoints along: only one kept elsewhere knows of it.
            let kept = SignedCheckpoint::parse(&log.kept).unwrap();
            let (first, lines) = found(&log.verify(&Against { checkpoints: vec![kept], keys: vec![] }));
            assert_eq!(first, Some(event), "{}:\n{lines}", tampering.what);
            assert!(lines.contains("the checkpoint given is over"), "{}:\n{lines}", tampering.what);
        }
    }
}

#[tokio::test]
async fn a_log_forged_with_its_own_key_is_caught_by_a_checkpoint_that_was_kept_elsewhere() {
    let log = Log::new().await;
    let event = middle(&log);
    let kept = SignedCheckpoint::parse(&log.kept).unwrap();
    let can_be_sealed = |(column, tampering): &(&str, Tampering)| {
        // An event that says it is a checkpoint and holds none cannot be signed.
        !is_undone_by_sealing(column, &tampering.what)
            && !["'no json'", "randomblob(15)", "checkpoint_signed"].iter().any(|no| tampering.sql.contains(no))
    };
    let changed = columns(event).into_iter().filter(can_be_sealed).map(|(_, tampering)| tampering);
    let covered = |tampering: &Tampering| (1..=kept.claim().size as i64).contains(&tampering.first);
    let gapless =
        |tampering: &Tampering| tampering.what != "removed, with a gap" && tampering.what != "the first removed";
    for tampering in changed.chain(others(&log, event).into_iter().filter(|other| covered(other) && gapless(other))) {
        let log = log.copy();
        log.tamper(&tampering.sql, Forged::Checkpoints);
        let (first, lines) = found(&log.verify(&Against::default()));
        // Text goes only where a later event says so, and that is seen in any case.
        let is_told = tampering.sql.contains("salt = NULL");
        assert!(is_told || first.is_none(), "{}: it was not forged well enough:\n{lines}", tampering.what);
        let key = log.number("SELECT COUNT(*) FROM events WHERE event_type = 'checkpoint_signed'");
        let keys = if key == 0 { vec![log.key().verifier()] } else { vec![] };
        let (first, lines) = found(&log.verify(&Against { checkpoints: vec![kept.clone()], keys }));
        assert!(first.is_some_and(|first| first <= tampering.first), "{}: {first:?}\n{lines}", tampering.what);
        assert!(is_told || lines.contains("the checkpoint given"), "{}:\n{lines}", tampering.what);
    }
}
