//! What the daemon says beside problems, in the languages calt speaks: what is wrong with a plan, remarks on a step,
//! tools, and the summaries of events.
//!
//! `None` stands for a language that needs no translation, and for what a newer daemon says.

use super::Language;

impl Language {
    /// What the code of a plan's problem means.
    pub fn plan_problem(self, code: &str) -> Option<&'static str> {
        self.found(PLAN_PROBLEMS, code)
    }

    /// What the code of a remark on a step means, or of a run that failed: a remark says ahead why a run would.
    pub fn cause(self, code: &str) -> Option<&'static str> {
        self.found(CAUSES, code)
    }

    /// What a tool does.
    pub fn tool(self, name: &str) -> Option<&'static str> {
        self.found(TOOLS, name)
    }

    /// How a session stands.
    pub fn session_status(self, status: &str) -> Option<&'static str> {
        self.found(SESSION_STATUSES, status)
    }

    /// How a step or a run stands, or what was decided about it.
    pub fn step_status(self, status: &str) -> Option<&'static str> {
        self.found(STEP_STATUSES, status)
    }

    /// What a step or a tool does to the workspace.
    pub fn effect(self, effect: &str) -> Option<&'static str> {
        self.found(EFFECTS, effect)
    }

    /// A word that a field has few of: kinds, roles, modes.
    pub fn kind(self, field: &str, value: &str) -> Option<&'static str> {
        match self {
            Self::English => None,
            Self::Japanese => {
                KINDS.iter().find(|(of, known, _)| (*of, *known) == (field, value)).map(|(.., said)| *said)
            }
        }
    }

    /// How a decision was made.
    pub fn how(self, how: &str) -> Option<&'static str> {
        self.found(HOWS, how)
    }

    /// What happened, by the type of an event that ended or refused something.
    pub fn ending(self, event_type: &str) -> Option<&'static str> {
        self.found(ENDINGS, event_type)
    }

    /// What a tier of isolation means.
    pub fn isolation(self, tier: &str) -> Option<&'static str> {
        self.found(TIERS, tier)
    }

    /// The summary of an event, which is recorded in English.
    pub fn event_summary(self, recorded: &str) -> Option<String> {
        match self {
            Self::English => None,
            Self::Japanese => {
                let value = |value: &str| self.found(REFUSALS, value).unwrap_or(value).to_owned();
                SUMMARIES.iter().find_map(|(english, japanese)| retold(english, japanese, recorded, &value))
            }
        }
    }

    fn found(self, table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
        match self {
            Self::English => None,
            Self::Japanese => table.iter().find(|(known, _)| *known == name).map(|(_, said)| *said),
        }
    }
}

/// Takes the values of a template's `{name}`s out of a sentence that was made of it, and puts them into another.
pub(super) fn retold(template: &str, other: &str, sentence: &str, value: &dyn Fn(&str) -> String) -> Option<String> {
    let mut values = Vec::new();
    let mut pieces = template.split('{');
    let mut rest = sentence.strip_prefix(pieces.next()?)?;
    let mut pieces = pieces.filter_map(|piece| piece.split_once('}')).peekable();
    while let Some((name, after)) = pieces.next() {
        // The last value reaches to the end; one before it ends where the next words begin.
        let end = if pieces.peek().is_some() { rest.find(after)? } else { rest.len().checked_sub(after.len())? };
        let (value, behind) = rest.split_at_checked(end)?;
        rest = behind.strip_prefix(after)?;
        values.push((name, value));
    }
    if !rest.is_empty() {
        return None;
    }
    let mut pieces = other.split('{');
    let mut text = pieces.next()?.to_owned();
    for (name, after) in pieces.filter_map(|piece| piece.split_once('}')) {
        text.push_str(&value(values.iter().find(|(known, _)| *known == name)?.1));
        text.push_str(after);
    }
    Some(text)
}

const PLAN_PROBLEMS: &[(&str, &str)] = &[
    ("document_too_large", "文書が 1 MiB を超えています"),
    ("syntax", "ここは YAML としても JSON としても読めません"),
    ("nul_character", "文字列に NUL 文字があります"),
    ("several_documents", "文書が二つ以上あります"),
    ("empty_document", "中身がありません"),
    ("not_a_mapping", "文書が一覧か単独の値になっています"),
    ("duplicate_key", "同じキーが二度書かれています"),
    ("merge_key", "マージキーは使えません。項目をすべて書いてください"),
    ("key_not_text", "キーが文字列ではありません"),
    ("tag", "タグは使えません。値はコアスキーマだけで読みます"),
    ("unknown_alias", "エイリアスの指す先がありません"),
    ("too_many_aliases", "エイリアスによって文書が見た目よりはるかに大きくなります"),
    ("too_many_values", "値が多すぎます"),
    ("nested_too_deep", "入れ子が 32 段を超えています"),
    ("string_too_long", "512 KiB を超える文字列です"),
    ("integer_out_of_range", "JSON では正確に扱えない整数です"),
    ("number_not_finite", "無限大か、数ではない値です"),
    ("unknown_key", "形式にないキーです"),
    ("workspace_root", "プランでワークスペースを指定することはできません"),
    ("missing_key", "必要な項目がありません"),
    ("wrong_type", "項目の型が違います"),
    ("empty_text", "空にできない文字列です"),
    ("text_too_long", "文字列が上限を超えています"),
    ("title_twice", "`title` と `plan_title` の両方があります"),
    ("version_range", "版は 1 から 1,000,000 までです"),
    ("no_steps", "プランには少なくとも一つのステップが必要です"),
    ("too_many_steps", "ステップが 1,000 を超えています"),
    ("step_id", "ステップの id の形が違います"),
    ("duplicate_step", "同じ id のステップが二つあります"),
    ("unknown_tool", "存在しないツールです"),
    ("unknown_risk", "リスクは low、medium、high のどれかです"),
    ("unknown_input", "ツールにない入力です"),
    ("missing_input", "ツールに必要な入力がありません"),
    ("input_type", "入力の型が違います"),
    ("input_value", "使えない値の入力です"),
    ("input_range", "数が範囲の外にあります"),
    ("input_empty", "空にできない入力です"),
    ("input_length", "入力が上限を超えています"),
    ("input_misfit", "形は合っていますが、使えることのない入力です"),
    ("change_and_tool", "`change` と `tool` か `inputs` の両方があります"),
    ("timeout_range", "制限時間は 1 から 120 秒までで、値をそのまま書きます"),
    ("conditions", "事前条件と事後条件は文字列の一覧です"),
    ("verify", "使えない検証の規則です"),
    ("reference_form", "参照を含む文字列は、全体が一つの参照でなければなりません"),
    ("reference_unknown", "プランにないステップへの参照です"),
    ("reference_later", "自分自身か、後のステップへの参照です"),
    ("preview_before_apply", "同じパスへの二つ目の書き込みが、一つ目の適用より前にプレビューされています"),
    ("more_problems", "ここに挙げていない問題がほかにもあります"),
];

const CAUSES: &[(&str, &str)] = &[
    ("masked", "伏せた箇所があります。表示より多くのものが使われます。内容を知っているときだけ承認してください"),
    ("risk_raised", "プランの記述にかかわらず、ツールによってリスクが決まります"),
    ("outside_workspace", "ワークスペースの外のパスです"),
    ("git_protected", "git の管理するファイルには書き込めません"),
    ("input_invalid", "使えない入力です"),
    ("command_refused", "実行できないコマンドです"),
    ("program_missing", "必要なプログラムが入っていません"),
    ("isolation_unavailable", "このマシンでは必要な隔離ができません"),
    ("tool_timeout", "制限時間を超えました"),
    ("cancelled", "セッションの停止によって終わりました"),
    ("file_not_found", "ファイルが見つかりません"),
    ("not_regular", "通常のファイルではありません"),
    ("too_large", "大きすぎます"),
    ("hard_link", "ほかにも名前のあるファイルには書き込めません"),
    ("preview_required", "プレビューが必要です"),
    ("preview_stale", "プレビューの後に変わっています"),
    ("patch_invalid", "パッチとして読めません"),
    ("patch_conflict", "パッチがファイルの内容に合いません"),
    ("pre_image_missing", "元の内容が残っていません"),
    ("pre_image_damaged", "元の内容が壊れています"),
    ("permission_changed", "許可が変わっています"),
    ("io", "ファイルの読み書きに失敗しました"),
    ("verify_failed", "検証の規則を満たしませんでした"),
    ("step_failed", "コマンドが失敗しました"),
    ("artifact_unwritable", "成果物を保存できませんでした"),
    ("box_failed", "サンドボックスを用意できませんでした"),
    ("internal", "calt の内部で問題が起きました"),
];

const TOOLS: &[(&str, &str)] = &[
    ("read_file", "ワークスペースの通常のファイルを文字列として読みます。"),
    ("list_dir", "ワークスペースのディレクトリーの一覧を、名前順に出します。"),
    ("write_file_preview", "一つのファイルへの書き込みで何が変わるかを、そのまま表示します。"),
    ("write_file_apply", "プレビューしたとおりに、一つのファイルを一度の名前変更で書き込みます。"),
    ("apply_patch", "複数のファイルをまとめて変えます。変更のプレビューと、プレビューしたとおりの適用ができます。"),
    (
        "run_shell_readonly",
        "許可されたコマンドを一つ、シェルを通さずに実行します: ls, cat, rg, find, git status, git diff, python -m pytest。",
    ),
];

const SESSION_STATUSES: &[(&str, &str)] = &[
    ("pending", "プラン待ち"),
    ("awaiting_plan_approval", "プランの承認待ち"),
    ("awaiting_step_approval", "ステップの承認待ち"),
    ("running", "実行中"),
    ("succeeded", "成功"),
    ("failed", "失敗"),
    ("cancelled", "停止"),
    ("needs_replan", "再計画が必要"),
];

const STEP_STATUSES: &[(&str, &str)] = &[
    ("pending", "未決定"),
    ("approved", "承認済み"),
    ("rejected", "却下"),
    ("skipped", "飛ばした"),
    ("running", "実行中"),
    ("succeeded", "成功"),
    ("failed", "失敗"),
    ("interrupted", "中断"),
    ("cancelled", "停止"),
];

const EFFECTS: &[(&str, &str)] = &[
    ("reads", "読み取り"),
    ("previews", "プレビュー"),
    ("writes", "書き込み"),
    ("spawns", "コマンドの実行"),
    ("by_inputs", "入力による"),
];

const KINDS: &[(&str, &str, &str)] = &[
    ("kind", "own", "専用"),
    ("kind", "snapshot", "写し"),
    ("kind", "attach", "直接"),
    ("kind", "of", "共用"),
    ("kind", "person", "人"),
    ("kind", "agent", "エージェント"),
    ("kind", "relay", "中継"),
    ("role", "owner", "所有者"),
    ("role", "approver", "承認者"),
    ("role", "agent", "エージェント"),
    ("role", "viewer", "閲覧者"),
    ("role", "relay", "中継"),
    ("pin", "none", "なし"),
    ("pin", "set", "あり"),
    ("pin", "unusable", "使用不可"),
    ("mode", "normal", "通常"),
    ("mode", "dry_run", "ドライラン（適用なし）"),
    ("safety_profile", "strict", "厳格（strict）"),
    ("safety_profile", "dev", "開発（dev）"),
];

const HOWS: &[(&str, &str)] = &[("prompt", "見て回答"), ("flag", "フラグ"), ("button", "ボタン")];

const ENDINGS: &[(&str, &str)] = &[
    ("plan_rejected", "プランを却下"),
    ("step_rejected", "ステップを却下"),
    ("step_skipped", "ステップを飛ばす"),
    ("step_failed", "ステップが失敗"),
    ("step_interrupted", "ステップが中断"),
    ("session_stopped", "セッションを停止"),
];

const TIERS: &[(&str, &str)] = &[
    ("full", "コマンドは Landlock と seccomp の下、専用の名前空間で実行します"),
    ("kernel-filter", "コマンドは Landlock と seccomp の下で実行しますが、専用の名前空間はありません"),
    ("none", "コマンドは拒否します。このカーネルでは隔離できません"),
];

/// Why access was refused: the codes that an event's summary ends with.
const REFUSALS: &[(&str, &str)] = &[
    ("not_allowed", "役割で許されていない操作"),
    ("token_missing", "トークンがない"),
    ("token_invalid", "トークンが無効"),
    ("person_unbound", "だれにも結び付いていないアカウント"),
    ("host_not_allowed", "許されていないホスト"),
];

const SUMMARIES: &[(&str, &str)] = &[
    ("session created", "セッションを作成"),
    ("session succeeded", "セッションが成功"),
    ("session stopped", "セッションを停止"),
    ("plan v{version} imported", "プラン v{version} を取り込み"),
    ("plan v{version} approved", "プラン v{version} を承認"),
    ("plan v{version} rejected", "プラン v{version} を却下"),
    ("artifact of step {step} saved", "ステップ {step} の成果物を保存"),
    ("step {step} runs without isolation", "ステップ {step} を隔離なしで実行"),
    ("step {step} approved", "ステップ {step} を承認"),
    ("step {step} rejected", "ステップ {step} を却下"),
    ("step {step} skipped", "ステップ {step} を飛ばす"),
    ("step {step} started", "ステップ {step} を開始"),
    ("step {step} warned", "ステップ {step} に警告"),
    ("step {step} executed", "ステップ {step} を実行"),
    ("step {step} failed", "ステップ {step} が失敗"),
    ("step {step} interrupted", "ステップ {step} が中断"),
    ("text of event {event} redacted", "イベント {event} の文面を削除"),
    ("daemon {version} started", "デーモン {version} が起動"),
    ("access refused to {whom} {count} times: {reason}", "{whom} のアクセスを {count} 回拒否: {reason}"),
    ("access refused {count} times: {reason}", "アクセスを {count} 回拒否: {reason}"),
    ("record of {session} exported up to its event {last}", "{session} の記録をイベント {last} まで書き出し"),
    ("what {session} wrote was given out unmasked to {whom}", "{session} が書いたものを伏せずに {whom} へ渡した"),
    (
        "restored from a backup of {events} events, made {at}",
        "{at} に作られた {events} 件のイベントのバックアップから復元",
    ),
    (
        "the loss of {missing} events after the first {events} was accepted",
        "最初の {events} 件より後の {missing} 件のイベントの喪失を受け入れ",
    ),
    ("token {token} created for {whom}", "{whom} のトークン {token} を作成"),
    ("a wrong PIN for {whom}", "{whom} の PIN が誤り"),
    ("PIN of {whom} removed", "{whom} の PIN を削除"),
    ("PIN of {whom} set", "{whom} の PIN を設定"),
    ("{whom} typed their PIN", "{whom} が PIN を入力"),
    ("token {token} revoked", "トークン {token} を失効"),
    ("checkpoint over {size} events signed", "{size} 件のイベントのチェックポイントに署名"),
    ("workspace {name} ({kind}) added", "ワークスペース {name}（{kind}）を追加"),
    ("workspace {name} removed", "ワークスペース {name} を除外"),
    (
        "workspace {name} is the same directory on another device",
        "ワークスペース {name} は別のデバイスにある同じディレクトリー",
    ),
    ("{role} {name} added", "{name} を {role} として追加"),
    ("{role} {name} removed", "{name}（{role}）を除外"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_of_a_plan_is_said_in_japanese() {
        let known: Vec<_> = calt_core::plan::check::CODES.iter().map(|(code, _)| *code).collect();
        let said: Vec<_> = PLAN_PROBLEMS.iter().map(|(code, _)| *code).collect();
        assert_eq!(said, known);
        assert_eq!(Language::Japanese.plan_problem("of_a_newer_calt"), None);
        assert_eq!(Language::English.plan_problem("syntax"), None);
    }

    #[test]
    fn a_summary_is_told_anew_with_its_values() {
        let said = |recorded: &str| Language::Japanese.event_summary(recorded);
        assert_eq!(said("step a_apply approved").unwrap(), "ステップ a_apply を承認");
        assert_eq!(said("artifact of step a saved").unwrap(), "ステップ a の成果物を保存");
        let refused = said("access refused to agent-1 3 times: step a approved").unwrap();
        assert_eq!(refused, "agent-1 のアクセスを 3 回拒否: step a approved");
        assert_eq!(said("access refused 2 times: no token").unwrap(), "アクセスを 2 回拒否: no token");
        let refused = said("access refused to owner 8 times: not_allowed").unwrap();
        assert_eq!(refused, "owner のアクセスを 8 回拒否: 役割で許されていない操作");
        let lost = said("the loss of 2 events after the first 40 was accepted").unwrap();
        assert_eq!(lost, "最初の 40 件より後の 2 件のイベントの喪失を受け入れ");
        for other in ["", "step a", "step a approved twice", "session created by hand", "a newer summary"] {
            assert_eq!(said(other), None, "{other}");
        }
        assert_eq!(Language::English.event_summary("session created"), None);
    }

    #[test]
    fn a_summary_holds_the_same_values_in_both_languages() {
        for (english, japanese) in SUMMARIES {
            let names = |text: &'static str| -> BTreeSet<&str> {
                text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
            };
            assert_eq!(names(english), names(japanese), "{english}");
        }
    }
}
