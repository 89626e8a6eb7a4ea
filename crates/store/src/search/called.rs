//! What events are called in Japanese, as the screens call them: the record is English, and people look for what they
//! read.
//!
//! None of these words stands in the index. The type of an event is a term there already, so that a piece of Japanese
//! stands for the types that are called so as well; what a run did to files is no type, and has a term of its own.

use serde_json::Value;

use super::index::Terms;

/// What the events of each type are called, without their values. Spaces part what stands apart on the screens, or is
/// said in another way there.
const TYPES: [(&str, &str); 35] = [
    ("session_created", "セッションを作成"),
    ("plan_imported", "プランを取り込み"),
    ("plan_approved", "プランを承認"),
    ("plan_rejected", "プランを却下"),
    ("step_approved", "ステップを承認"),
    ("step_rejected", "ステップを却下"),
    ("step_skipped", "ステップを飛ばす 飛ばした"),
    ("step_started", "ステップを開始"),
    ("step_executed", "ステップを実行 成功"),
    ("step_failed", "ステップが失敗"),
    ("step_interrupted", "ステップが中断"),
    ("step_execution_rejected", "ステップを却下"),
    ("step_execution_warning", "ステップに警告 ステップを隔離なしで実行"),
    ("artifact_saved", "ステップの成果物を保存"),
    ("session_stopped", "セッションを停止"),
    ("session_succeeded", "セッションが成功"),
    ("daemon_started", "デーモンが起動"),
    ("person_added", "をとして追加"),
    ("person_removed", "を除外"),
    ("token_created", "のトークンを作成"),
    ("token_revoked", "トークンを失効"),
    ("workspace_added", "ワークスペースを追加"),
    ("workspace_removed", "ワークスペースを除外"),
    ("workspace_remounted", "ワークスペースは別のデバイスにある同じディレクトリー"),
    ("access_refused", "のアクセスを回拒否 アクセスを拒否"),
    ("checkpoint_signed", "件のイベントのチェックポイントに署名"),
    ("record_exported", "の記録をイベントまで書き出し"),
    ("restored", "に作られた件のイベントのバックアップから復元"),
    ("content_released", "が書いたものを伏せずにへ渡した"),
    ("loss_accepted", "最初の件より後の件のイベントの喪失を受け入れ"),
    ("payload_redacted", "イベントの文面を削除"),
    ("pin_set", "のを設定"),
    ("pin_removed", "のを削除"),
    ("pin_accepted", "がを入力"),
    ("pin_refused", "のが誤り"),
];

/// What a run did to files: a word for the index, and what the screens call it.
const OUTCOMES: [(&str, &str); 3] = [(WROTE, "に書き込み"), (REMOVED, "を削除"), (RENAMED, "をに改名 改名して変更")];
const WROTE: &str = "wrote";
const REMOVED: &str = "removed";
const RENAMED: &str = "renamed";

/// What an event of this type is called; nothing where the type is not known.
pub fn event_called(event_type: &str) -> &'static str {
    TYPES.iter().find(|(known, _)| *known == event_type).map_or("", |(_, called)| called)
}

/// All that an event is called, by its type and by what its facts say of files.
pub(super) fn names(event_type: &str, facts: &str) -> impl Iterator<Item = &'static str> {
    let outcomes = outcomes(facts);
    let called = OUTCOMES.iter().filter(move |(outcome, _)| outcomes.contains(outcome)).map(|(_, called)| *called);
    std::iter::once(event_called(event_type)).chain(called)
}

/// What a run did to files, each once.
pub(super) fn outcomes(facts: &str) -> Vec<&'static str> {
    // Few events write, and their facts are the only ones that have to be read.
    if !facts.contains("\"applied\":[{") {
        return Vec::new();
    }
    let facts: Value = serde_json::from_str(facts).unwrap_or_default();
    let mut outcomes: Vec<_> = facts["applied"].as_array().into_iter().flatten().map(outcome).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    outcomes
}

fn outcome(file: &Value) -> &'static str {
    match (file["new_exists"] == Value::Bool(false), file["from"].is_string()) {
        (true, _) => REMOVED,
        (false, true) => RENAMED,
        (false, false) => WROTE,
    }
}

/// The terms of all events that are called so.
pub(super) fn terms(run: &[char]) -> impl Iterator<Item = Terms> {
    let run: String = run.iter().collect();
    let is_called = move |called: &str| called.contains(&run);
    let types = TYPES.iter().map(|(event_type, called)| (Terms::event_type(event_type), *called));
    let outcomes = OUTCOMES.iter().map(|(outcome, called)| (Terms::outcome(outcome), *called));
    types.chain(outcomes).filter(move |(_, called)| is_called(called)).map(|(term, _)| term)
}

#[cfg(test)]
mod tests {
    use super::super::token::{Piece, Tokenizer};
    use super::*;

    #[test]
    fn every_type_of_event_is_called_something() {
        let known: Vec<_> = TYPES.iter().map(|(event_type, _)| *event_type).collect();
        assert_eq!(known, calt_core::event::EVENT_TYPES);
    }

    /// The index asks by the characters of a run, and the matcher by the pieces of the text: they are the same.
    #[test]
    fn each_name_is_read_as_its_runs() {
        for (_, called) in TYPES.iter().chain(&OUTCOMES) {
            let mut read = Vec::new();
            Tokenizer::default().each(called, |piece| match piece {
                Piece::Run(run, _) => read.push(run.iter().collect::<String>()),
                Piece::Word(word, _) => panic!("`{word}` in `{called}` is no run"),
            });
            assert_eq!(read.join(" "), *called);
        }
    }

    #[test]
    fn what_was_done_to_files_is_read_from_the_facts() {
        let facts = r#"{"applied":[{"from":null,"new_exists":true},{"from":"a","new_exists":true},{"from":null,"new_exists":true}]}"#;
        assert_eq!(outcomes(facts), [RENAMED, WROTE]);
        assert_eq!(outcomes(r#"{"applied":[{"from":null,"new_exists":false}]}"#), [REMOVED]);
        assert_eq!(outcomes(r#"{"applied":[]}"#), [""; 0]);
        assert_eq!(
            names("step_executed", facts).collect::<Vec<_>>(),
            ["ステップを実行 成功", "に書き込み", "をに改名 改名して変更"]
        );
    }
}
