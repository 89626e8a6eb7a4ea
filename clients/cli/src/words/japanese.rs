//! The sentences of the command line in Japanese, by their English.

/// English, Japanese.
pub(super) const SENTENCES: &[(&str, &str)] = &[
    // Faults.
    ("error: {message}\n", "エラー: {message}\n"),
    ("error: {message}\nhint: {hint}\n", "エラー: {message}\nヒント: {hint}\n"),
    (
        "the input ended without an answer; nothing was decided",
        "回答のないまま入力が終わりました。何も決定していません",
    ),
    ("plan `{name}` has a problem and cannot be imported", "プラン `{name}` に問題があり、取り込めません"),
    (
        "plan `{name}` has {count} problems and cannot be imported",
        "プラン `{name}` に {count} 件の問題があり、取り込めません",
    ),
];
