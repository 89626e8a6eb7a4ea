//! The languages calt speaks to people, and each problem's sentence in them, made from its code and arguments.
//!
//! A problem's `detail` stays English: programs read it. What no template holds, a name or a reason, stays as it came.

mod codes;
mod sentences;
mod titles;

use serde_json::Value;

use crate::code::Code;
use crate::problem::Problem;

/// A language calt speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

impl Language {
    /// Reads a language tag (`ja`, `ja-JP`) or a locale of POSIX (`ja_JP.UTF-8`); everything else is English.
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("ja") { Self::Japanese } else { Self::English }
    }

    /// The tag of BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
        }
    }
}

impl Language {
    /// Until when a PIN is locked, by the clock of this machine. No lock is longer than a day, so the time alone says it.
    pub fn locked_until(self, until: &str) -> String {
        let time = until.parse::<jiff::Timestamp>().ok().map(|until| until.to_zoned(jiff::tz::TimeZone::system()));
        // A moment too early would be refused again.
        let whole = jiff::ZonedRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Ceil);
        let time = time.and_then(|time| time.round(whole).ok());
        let time = time.map_or_else(|| until.to_owned(), |time| time.strftime("%H:%M:%S").to_string());
        self.told(&format!("too many wrong PINs: locked until {time}"))
    }
}

impl Problem {
    /// The sentence for a person who reads this language.
    pub fn said_in(&self, language: Language) -> String {
        match (language, Code::parse(&self.code)) {
            (Language::Japanese, Some(code)) => {
                let args = sentences::arguments_in_japanese(&self.args);
                // Somebody who cannot be removed is no wrong name: the reason says all.
                let is_somebody = self.args["what"].as_str().is_some_and(|what| what.starts_with("person `"));
                let template =
                    if code == Code::InputInvalid && is_somebody { "{what}: {reason}" } else { japanese(code, &args) };
                let said = filled(template, &args);
                // A name in marks is set off by a space; a word of Japanese is not.
                match args["what"].as_str().filter(|what| args["what"] != self.args["what"] && !what.ends_with('`')) {
                    Some(what) => said.replacen(&format!("{what} "), what, 1),
                    None => said,
                }
            }
            // A newer daemon's code: its English is better than nothing.
            (Language::English, _) | (Language::Japanese, None) => self.detail.clone(),
        }
    }
}

/// Puts the arguments into the `{name}`s of a template. What an argument holds is never read as a template.
pub fn filled(template: &str, args: &Value) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        match &args[name] {
            Value::String(value) => text.push_str(value),
            Value::Null => text.push('-'),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                text.push_str(&value.to_string());
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The Japanese template of a code: a sentence with its arguments as `{name}`. Where a sentence depends on an argument that may be absent, the argument chooses.
#[allow(clippy::too_many_lines, reason = "a table: one line a code")]
pub fn japanese(code: Code, args: &Value) -> &'static str {
    match code {
        Code::Malformed => "リクエストを読み取れません: {reason}",
        Code::PlanInvalid => "プランに問題があります",
        Code::InputInvalid => "{what} が正しくありません: {reason}",
        Code::ReasonRequired => "却下には理由が必要です",
        Code::LimitExceeded => "{what} は {actual} {unit} です。上限は {limit} です",
        Code::MethodNotAllowed => "このパスに `{method}` はありません。使えるのは {allowed} です",
        Code::TooLarge => "本文が {limit_bytes} バイトを超えています",
        Code::UnsupportedMediaType => "この種類の本文は読めません。{expected} を送ってください",
        Code::PlanNotApproved => "実行にはプランとステップの承認が必要です: プラン v{version} は承認されていません",
        Code::StepNotApproved => "実行にはプランとステップの承認が必要です: ステップ `{step}` は承認されていません",
        Code::DigestRequired => {
            "ステップ `{step}` は以前の版では別の内容でした。どちらを指すのかダイジェストで示してください"
        }
        Code::DigestChanged => "{what} は表示されたときの内容と違います。今のダイジェストは {actual} です",
        Code::ReferenceUnresolved => "ステップの入力の参照を解決できません: {reference} ({reason})",
        Code::RiskUnconfirmed => "高リスクのステップ `{step}` の実行には確認が必要です",
        Code::DryRun => "dry_run のセッションでは書き込みを適用できません",
        Code::IsolationUnavailable => "隔離の段階 `{tier}` は strict のセッションのこのステップには足りません",
        Code::OutOfOrder => "ステップ `{step}` の番ではありません。先に `{next}` を実行します",
        Code::RunInProgress => "ステップ `{step}` の実行 {run} が進行中です",
        Code::AlreadyRan => "ステップ `{step}` はすでに実行されました",
        Code::HighRiskNotAlone => "ステップ `{step}` は高リスクです。ほかの承認とまとめず、単独で決定してください",
        Code::AlreadyDecided => "{what} はすでに `{by}` が決定しました",
        Code::PlanInUse => {
            "プラン v{version} はまだ実行されうるため、その文面は消せません。先にセッションを停止するか、新しい版を取り込んでください"
        }
        Code::SelfApproval => "プラン v{version} は `{proposer}` が提案したものです。承認は別の人が行います",
        Code::AssuranceTooLow if args["needs"] == "pin" => "これには PIN が必要です",
        Code::PinWrong => "PIN が違います。あと {left} 回間違えると、しばらく使えなくなります",
        Code::PinLocked => "PIN の間違いが続きました。{until} までは照合しません",
        Code::PinNotSet => "`{principal}` には PIN がありません",
        Code::PinUnusable => "`{principal}` の PIN のハッシュのファイルが記録と違います。どの PIN も使えません",
        Code::AssuranceTooLow => "ここでは人が内容を見て答えた承認だけが有効です。事前の一括承認は受け付けません",
        Code::NeedsReplan => "実行を続けるには新しい版のプランが必要です",
        Code::SessionClosed => "セッション `{session}` は終了しています ({status})",
        Code::PlanVersionExists => "プラン v{version} は別の内容で存在します。最新は v{newest} です",
        Code::PlanSuperseded => "プラン v{version} は v{newest} に置き換えられました",
        Code::NothingToTakeBack => "セッション `{session}` に元へ戻すものはありません",
        Code::WorkspaceInUse => "セッション `{session}` のワークスペースはセッション `{open}` が使用中です",
        Code::QuotaReached => {
            "`{principal}` はすでに {held} 件を持っています（承認できない者の上限は {limit} 件: {what}）"
        }
        Code::WorkspaceBusy => "ワークスペース `{name}` はセッション `{holder}` が書き込みに使っています",
        Code::WorkspaceMoved => "ワークスペース `{name}` のディレクトリーが登録時のものではありません: {reason}",
        Code::WorkspaceUnusable => "ワークスペース `{name}` は使えません: {reason}",
        Code::WorkspaceNotFound => "ワークスペース `{name}` が見つかりません",
        Code::SessionNotFound => "セッション `{session}` が見つかりません",
        Code::PlanNotFound => "セッション `{session}` にプラン v{version} はありません",
        Code::StepNotFound => "セッション `{session}` にステップ `{step}` はありません",
        Code::RunNotFound => "実行 {run} が見つかりません",
        Code::ArtifactNotFound => "成果物 {artifact} が見つかりません",
        Code::ArtifactRedacted => "成果物 {artifact} の文面は削除され、ファイルも残っていません",
        Code::EventNotFound => "イベント {event} が見つかりません",
        Code::ToolNotFound => "ツール `{tool}` が見つかりません",
        Code::TokenNotFound => "トークン `{token}` が見つかりません",
        Code::PersonNotFound => "`{person}` という人はいません",
        Code::ButtonNotFound => "ボタン `{button}` が見つかりません",
        Code::PathNotFound => "`{path}` には何もありません",
        Code::TokenMissing => "トークンが必要です",
        Code::TokenInvalid => "トークンが不明か、失効しています",
        Code::NotAllowed => "役割 `{role}` にはその権限がありません（{act}）",
        Code::PersonUnbound => {
            "アカウント `{account}` はだれにも結び付いていません。所有者が `calt person add NAME --discord {account}` で結び付けます"
        }
        Code::HostNotAllowed => "リクエストの宛先のホストは、このデーモンのものではありません",
        Code::DaemonUnreachable if args["address"].is_string() => "{address} のデーモンが応答しません",
        Code::DaemonUnreachable => "デーモンが応答しません",
        Code::TooManyRequests => "待っているリクエストが多すぎます",
        Code::StorageUnavailable => "ログに書き込めませんでした。何も変更されていません",
        Code::StorageFull => "ディスクがいっぱいです。何も変更されていません",
        Code::LogBehind => "ログが以前より {missing} 件短くなっています。デーモンは読み取りだけを行います",
        Code::LogCorrupt => "ログの内容に矛盾があります。デーモンは読み取りだけを行います",
        Code::Stopping => "デーモンは終了処理中です",
        Code::RequestTimeout => "リクエストの送信に時間がかかりすぎました",
        Code::Internal => "デーモンの内部で問題が起きました。詳しくはデーモンのログにあります",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::problem::Trouble;

    #[test]
    fn a_locale_names_a_language() {
        for (locale, language) in [
            ("ja_JP.UTF-8", Language::Japanese),
            ("ja", Language::Japanese),
            ("JA-jp", Language::Japanese),
            ("C.UTF-8", Language::English),
            ("en_US.UTF-8", Language::English),
            ("jav_ID", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale}");
        }
    }

    #[test]
    fn a_problem_is_said_in_both_languages() {
        let problem = Problem::from(&Trouble::PathNotFound { path: "/{x}".to_owned() });
        assert_eq!(problem.said_in(Language::English), problem.detail);
        assert_eq!(problem.said_in(Language::Japanese), "`/{x}` には何もありません");
        let args = json!({"what": "the name", "reason": "it exists already"});
        let invalid = Problem { code: "input_invalid".to_owned(), args, ..problem.clone() };
        assert_eq!(invalid.said_in(Language::Japanese), "名前が正しくありません: すでにあります");
        let newer = Problem { code: "of_a_newer_calt".to_owned(), ..problem };
        assert_eq!(newer.said_in(Language::Japanese), newer.detail);
    }

    #[test]
    fn a_lock_ends_at_a_time_of_the_clock_on_the_wall_and_never_too_early() {
        let until = jiff::civil::date(2026, 7, 1).at(23, 59, 58, 1_000).to_zoned(jiff::tz::TimeZone::system()).unwrap();
        let said = Language::English.locked_until(&until.timestamp().to_string());
        assert_eq!(said, "too many wrong PINs: locked until 23:59:59");
        let said = Language::Japanese.locked_until(&until.timestamp().to_string());
        assert!(said.contains("23:59:59 までロックされています"), "{said}");
    }

    #[test]
    fn every_template_is_whole() {
        for &code in Code::ALL {
            for args in [json!({}), json!({"address": "a"}), json!({"needs": "pin"})] {
                let template = japanese(code, &args);
                assert_eq!(template.matches('{').count(), template.matches('}').count(), "{template}");
                assert!(!template.ends_with('。'), "{template}");
            }
        }
    }
}
