//! `record verify`: the whole log, or one exported record.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use calt_api::Language;
use calt_api::visible::{columns, visible_line};
use calt_engine::core::checkpoint::{NOTE_BYTES_MAX, SignedCheckpoint, VerifierKey};
use calt_engine::core::export::{ExportFault, ExportReader, ExportSummary};
use calt_engine::store::{self, Against, Check};
use serde_json::{Value, json};

use super::Done;
use super::fault::OfflineFault;
use super::progress::Line;
use crate::settings::Settings;

/// Longest file of checkpoints that is read, in bytes.
const CHECKPOINTS_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Checkpoints that do not hold and are named in text; JSON has as many as any check keeps.
const CHECKPOINTS_SHOWN: usize = 2;
/// Longest line of an exported record, in bytes: an artifact of 64 MiB in base64, and some.
const LINE_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// Verifies the log of these settings, beside a daemon or without one.
pub(super) fn log(
    settings: &Settings,
    checkpoints: &[PathBuf],
    keys: &[String],
    language: Language,
) -> Result<Done, OfflineFault> {
    if !settings.db_path.exists() {
        return Err(OfflineFault::NoDatabase { path: settings.db_path.clone() });
    }
    let mut against = Against { checkpoints: Vec::new(), keys: read_keys(keys)? };
    for path in checkpoints {
        against.checkpoints.extend(read_checkpoints(path)?);
    }
    let mut line = Line::new(language);
    let verified = store::verify(&super::store(settings), &against, |check| {
        let (name, counted) = named(check, language);
        line.looked_at(&format!("{name}: {counted}"));
    })?;
    // The line goes before what was found stands there.
    drop(line);
    let mut text = String::new();
    for check in &verified.checks {
        text.push_str(&shown(check, language));
    }
    let found = !verified.is_clean();
    let ending = if found { "the record is not what it was" } else { "the record is what it was" };
    let events = if verified.events == 1 { "1 event".to_owned() } else { format!("{} events", verified.events) };
    text.push_str(&format!("{ending}: {events}\nroot {}\n", verified.root));
    if against.checkpoints.is_empty() && !found {
        text.push_str("Held against itself only; a checkpoint kept elsewhere proves more: `--checkpoint FILE`\n");
    }
    let checks: Vec<Value> = verified.checks.iter().map(as_json).collect();
    let json = json!({"ok": !found, "events": verified.events, "root": verified.root, "checks": checks});
    Ok(Done { json, text, found })
}

/// Verifies one exported record by nothing but itself, and the key if one is given.
pub(super) fn file(path: &Path, checkpoints: &[PathBuf], keys: &[String]) -> Result<Done, OfflineFault> {
    let keys = read_keys(keys)?;
    let name = path.display().to_string();
    let given = |why: String| OfflineFault::Given { what: "the record", name: name.clone(), why };
    if keys.len() > 1 {
        return Err(given("it is signed by one key; give one `--key`".to_owned()));
    }
    let mut kept = Vec::new();
    for path in checkpoints {
        kept.extend(read_checkpoints(path)?);
    }
    let mut reader = ExportReader::new(keys.into_iter().next());
    let mut lines = opened(path).map_err(|error| given(error.to_string()))?;
    let mut read = || -> Result<Result<ExportSummary, ExportFault>, io::Error> {
        loop {
            let mut line = Vec::new();
            if (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(std::mem::take(&mut reader).finish());
            }
            if let Err(fault) = reader.line(&line) {
                return Ok(Err(fault));
            }
        }
    };
    let proven = read().map_err(|error| given(error.to_string()))?;
    Ok(match proven.and_then(|summary| held_against(&kept, summary)) {
        Ok(summary) => proven_file(&summary),
        Err(fault) => {
            let json = json!({"ok": false, "line": fault.line, "event": fault.event, "what": fault.what});
            Done {
                json,
                text: format!("FAIL  {}\nthe file is not the record it says it is\n", visible_line(&fault.to_string())),
                found: true,
            }
        }
    })
}

fn proven_file(summary: &ExportSummary) -> Done {
    let mut text = format!(
        "PASS  {} events and {} files of {}\nsigned over {} events by {}\n",
        summary.events, summary.files, summary.session, summary.checkpoint.size, summary.key
    );
    for event in &summary.cleared {
        text.push_str(&format!("note: the text of event {event} was removed before the export\n"));
    }
    for absent in &summary.absent {
        text.push_str(&format!("note: not in the file: {absent}\n"));
    }
    let json = json!({
        "ok": true, "session": summary.session, "events": summary.events, "files": summary.files,
        "size": summary.checkpoint.size, "root": summary.checkpoint.root, "key": summary.key,
        "cleared": summary.cleared, "absent": summary.absent,
    });
    Done { json, text, found: false }
}

/// A checkpoint that was kept elsewhere says something of the file only if it is over as many events.
fn held_against(kept: &[SignedCheckpoint], summary: ExportSummary) -> Result<ExportSummary, ExportFault> {
    let own = &summary.checkpoint;
    for kept in kept.iter().map(SignedCheckpoint::claim) {
        if kept.size == own.size && kept.root != own.root {
            let what = format!("its checkpoint over {} events is not the one given", own.size);
            return Err(ExportFault { line: 1, what, event: None });
        }
    }
    Ok(summary)
}

fn read_keys(keys: &[String]) -> Result<Vec<VerifierKey>, OfflineFault> {
    let read = |text: &String| {
        let why = "a key reads NAME+ID+BASE64, as `calt record checkpoint` says it".to_owned();
        VerifierKey::parse(text).ok_or_else(|| OfflineFault::Given { what: "the key", name: text.clone(), why })
    };
    keys.iter().map(read).collect()
}

/// Reads one note, or several with empty lines between them.
fn read_checkpoints(path: &Path) -> Result<Vec<SignedCheckpoint>, OfflineFault> {
    let given = |why: String| OfflineFault::Given { what: "the checkpoint", name: path.display().to_string(), why };
    let mut text = String::new();
    let mut lines = opened(path).map_err(|error| given(error.to_string()))?.take(CHECKPOINTS_BYTES_MAX);
    lines.read_to_string(&mut text).map_err(|error| given(error.to_string()))?;
    let mut found = Vec::new();
    let mut note = String::new();
    // A note holds one empty line itself; the signatures after it end with the next one.
    let mut in_signatures = false;
    for line in text.lines().chain([""]) {
        match (line.is_empty(), in_signatures) {
            (true, false) if note.is_empty() => {}
            (true, false) => {
                note.push('\n');
                in_signatures = true;
            }
            (true, true) => {
                found.push(SignedCheckpoint::parse(&note).map_err(|fault| given(fault.to_string()))?);
                note.clear();
                in_signatures = false;
            }
            (false, _) => {
                note.push_str(line);
                note.push('\n');
            }
        }
        if note.len() > NOTE_BYTES_MAX {
            return Err(given("a note in it is longer than 16 KiB".to_owned()));
        }
    }
    if found.is_empty() { Err(given("it holds no signed checkpoint".to_owned())) } else { Ok(found) }
}

fn opened(path: &Path) -> io::Result<Box<dyn io::BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// The checks, and what one of each looks at and many: in English, and in Japanese with the check's own name.
const CHECKS: [(&str, [&str; 2], [&str; 2]); 10] = [
    ("database", ["page", "pages"], ["データベース", "ページ"]),
    ("events", ["event", "events"], ["イベント", "件"]),
    ("index", ["event", "events"], ["索引", "件のイベント"]),
    ("tree", ["leaf", "leaves"], ["木", "枚の葉"]),
    ("checkpoints", ["signed", "signed"], ["チェックポイント", "個の署名"]),
    ("promises", ["session", "sessions"], ["約束", "件のセッション"]),
    ("pins", ["PIN", "PINs"], ["PIN", "個"]),
    ("artifacts", ["file", "files"], ["成果物", "個のファイル"]),
    ("plans", ["version", "versions"], ["プラン", "個の版"]),
    ("manifests", ["copy", "copies"], ["写しの一覧", "個"]),
];
/// Columns of the longest name, in Japanese.
const NAME_COLUMNS: usize = 16;

/// The name of a check, and how many it looked at.
fn named(check: &Check, language: Language) -> (String, String) {
    let known = CHECKS.iter().find(|(name, ..)| *name == check.name);
    match language {
        Language::English => {
            let [one, many] = known.map_or(["row", "rows"], |(_, english, _)| *english);
            (check.name.to_owned(), format!("{} {}", check.looked_at, if check.looked_at == 1 { one } else { many }))
        }
        Language::Japanese => {
            let [name, unit] = known.map_or(["読み取り用の表", "行"], |(.., japanese)| *japanese);
            (name.to_owned(), format!("{} {unit}", check.looked_at))
        }
    }
}

/// One line that says what passed, or one a finding.
fn shown(check: &Check, language: Language) -> String {
    let (name, counted) = named(check, language);
    if check.findings.is_empty() {
        let column = match language {
            Language::English => format!("{name:<12}"),
            Language::Japanese => format!("{name}{}", " ".repeat(NAME_COLUMNS.saturating_sub(columns(&name)))),
        };
        return match &check.skipped {
            None => format!("PASS  {column} {counted}\n"),
            Some(why) => format!("SKIP  {column} {}\n", language.told(why)),
        };
    }
    let mut text = String::new();
    // Each checkpoint after the first that does not hold says the same again.
    let shown = if check.name == "checkpoints" { CHECKPOINTS_SHOWN } else { usize::MAX };
    for finding in check.findings.iter().take(shown) {
        let place = match (finding.event, language) {
            (Some(event), Language::English) => format!("event {event}: "),
            (Some(event), Language::Japanese) => format!("イベント {event}: "),
            (None, _) => String::new(),
        };
        text.push_str(&format!("FAIL  {name}: {place}{}\n", visible_line(&language.told(&finding.what))));
    }
    let more = check.more + check.findings.len().saturating_sub(shown) as u64;
    if more > 0 {
        let more = match language {
            Language::English => format!("and {more} more"),
            Language::Japanese => format!("ほか {more} 件"),
        };
        text.push_str(&format!("FAIL  {name}: {more}\n"));
    }
    text
}

fn as_json(check: &Check) -> Value {
    let findings = check.findings.iter().map(|finding| json!({"event": finding.event, "what": finding.what}));
    json!({
        "name": check.name, "looked_at": check.looked_at, "findings": findings.collect::<Vec<_>>(), "more": check.more,
        "skipped": check.skipped,
    })
}

#[cfg(test)]
mod tests {
    use calt_engine::store::Finding;

    use super::*;

    #[test]
    fn many_checkpoints_that_do_not_hold_are_a_few_lines() {
        let findings: Vec<_> = (0..20).map(|_| Finding { event: None, what: "x".to_owned() }).collect();
        let check = |name| Check { name, looked_at: 30, findings: findings.clone(), more: 10, skipped: None };
        assert_eq!(
            shown(&check("checkpoints"), Language::English),
            "FAIL  checkpoints: x\nFAIL  checkpoints: x\nFAIL  checkpoints: and 28 more\n"
        );
        assert_eq!(shown(&check("events"), Language::English).lines().count(), 21);
    }
}
