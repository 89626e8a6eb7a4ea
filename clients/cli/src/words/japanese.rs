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
    // The daemon and its place.
    ("the daemon did not start: {reason}", "デーモンを起動できませんでした: {reason}"),
    ("it said nothing in `{log}`", "`{log}` に何も残していません"),
    (
        "the daemon (process {pid}) cannot be told to end: {error}",
        "デーモン（プロセス {pid}）に終了を伝えられません: {error}",
    ),
    ("the daemon (process {pid}) does not end", "デーモン（プロセス {pid}）が終了しません"),
    ("the daemon (process {pid}) has ended\n", "デーモン（プロセス {pid}）は終了しました\n"),
    ("no daemon runs on this data root\n", "このデータディレクトリーで動いているデーモンはありません\n"),
    ("the data root `{root}` cannot be used: {error}", "データディレクトリー `{root}` を使えません: {error}"),
    (
        "there is no place for data: neither `HOME` nor `XDG_DATA_HOME` is set",
        "データの置き場所がありません。`HOME` も `XDG_DATA_HOME` も設定されていません",
    ),
    ("configuration file `{path}` cannot be read: {reason}", "設定ファイル `{path}` を読めません: {reason}"),
    (
        "there is no token for {address}: a stored one is sent to no other address",
        "{address} のトークンがありません。保存されたトークンをほかの宛先へ送ることはありません",
    ),
    // What waits.
    ("Nothing waits.\n", "待っているものはありません。\n"),
    ("settled: {session} {what}", "決着: {session} {what}"),
    ("  for {roles}", "  決められる役割: {roles}"),
    ("plan v{version} waits for a yes or a no", "プラン v{version} が承認か却下を待っています"),
    (
        "step {step} waits for a yes or a no, and {more} after it",
        "ステップ {step} が承認か却下を待っています（この後に {more} 件）",
    ),
    ("step {step} waits for a yes or a no", "ステップ {step} が承認か却下を待っています"),
    (
        "step {step} is approved; its high risk is to be confirmed",
        "ステップ {step} は承認済みです。高リスクの確認が必要です",
    ),
    ("plan v{version} cannot go on; a new version is needed", "プラン v{version} は先へ進めません。新しい版が必要です"),
    ("plan v{version}", "プラン v{version}"),
    ("step {step}", "ステップ {step}"),
    ("session {session} has no plan to wait for", "セッション {session} には待つべきプランがありません"),
    ("{what} by {by}: {why}", "{what}（{by}）: {why}"),
    ("session {session} is not done yet", "セッション {session} はまだ終わっていません"),
    ("session {session} is not decided yet", "セッション {session} はまだ決定されていません"),
    ("session {session} is {status}", "セッション {session} は {status} です"),
    ("hint: {command}\n", "ヒント: {command}\n"),
    // Taking back.
    ("Look at this plan now?", "このプランを今見ますか。"),
    ("plan v{version} of {session}", "{session} のプラン v{version}"),
    (
        "plan v{version} of {session}, made for it on the same files",
        "{session} のプラン v{version}（同じファイルの上に新しく作ったセッション）",
    ),
    ("\nIt would put back, once it is approved", "\n承認されると、次のものを元へ戻します"),
    ("  {path}: goes, as before run {run}", "  {path}: なくなります（実行 {run} の前と同じ）"),
    (
        "  {path}: gets its name back from {from}, as before run {run}",
        "  {path}: {from} から元の名前に戻ります（実行 {run} の前と同じ）",
    ),
    ("  {path}: as before run {run}", "  {path}: 実行 {run} の前と同じになります"),
    ("\nIt leaves alone", "\n次のものはそのままにします"),
    // The record.
    ("no checkpoint was signed yet", "署名されたチェックポイントはまだありません"),
    ("Signed over {events} events. Its key: {key}\n", "{events} 件のイベントに署名しました。鍵: {key}\n"),
    (
        "\nIts text goes for good, out of the log and the files. Is that meant?",
        "\nその文面はログからもファイルからも完全に消えます。よろしいですか。",
    ),
    ("Nothing was changed.\n", "何も変更していません。\n"),
    ("the text of event {event} ({kind}) is gone\n", "イベント {event}（{kind}）の文面を消しました\n"),
    (
        "What was copied before has it still: backups, exported records, workspaces.\n",
        "以前の写しには残っています（バックアップ、書き出した記録、ワークスペース）。\n",
    ),
    ("`{name}` cannot be written: {error}", "`{name}` に書き込めません: {error}"),
    ("{path} ({events} events, {files} files)\n", "{path}（イベント {events} 件、ファイル {files} 件）\n"),
    (
        "To check it, here or on another machine: {command}\n",
        "この機械でも別の機械でも、次のコマンドで確かめられます: {command}\n",
    ),
    (
        "the daemon did not finish `{name}`; its own log says why",
        "デーモンが `{name}` を書き終えませんでした。理由はデーモンのログにあります",
    ),
    // People and tokens.
    ("{role} {name} added\n", "{name} を {role} として追加しました\n"),
    ("{name} removed; their tokens no longer open anything\n", "{name} を外しました。そのトークンはもう使えません\n"),
    ("This is the only time the token is shown:\n", "トークンが表示されるのは今だけです:\n"),
    ("token {token} revoked\n", "トークン {token} を失効させました\n"),
    // Lists and artifacts.
    (
        "Nothing yet: each run that succeeds leaves one artifact.\n",
        "まだありません。成功した実行ごとに成果物が一つ残ります。\n",
    ),
    ("{path} ({bytes} bytes)\n", "{path}（{bytes} バイト）\n"),
    ("There is more: add --cursor {cursor}\n", "続きがあります: --cursor {cursor} を付けてください\n"),
];
