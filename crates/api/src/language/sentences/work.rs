//! Why a run failed, what tools take, and what is wrong with a request: English, Japanese.

/// Why a run failed.
pub(super) const FAILURES: &[(&str, &str)] = &[
    ("`{path}` was not found, and the patch changes it", "パッチの変更する `{path}` が見つかりません"),
    ("`{path}` was not found", "`{path}` が見つかりません"),
    ("path `{path}` is absolute: outside the workspace", "パス `{path}` は絶対パスで、ワークスペースの外です"),
    (
        "path `{path}` goes up with `..`: outside the workspace",
        "パス `{path}` は `..` で上へ出ていて、ワークスペースの外です",
    ),
    ("path `{path}` names no file", "パス `{path}` はファイルを指していません"),
    ("path `{path}` is empty, too long, or holds a NUL", "パス `{path}` は空か、長すぎるか、NUL を含んでいます"),
    ("path `{path}` is a name calt keeps for itself", "パス `{path}` は calt が自分で使う名前です"),
    (
        "path `{path}` lies in `.git`, which is never written",
        "パス `{path}` は `.git` の中で、書き込むことはありません",
    ),
    (
        "`{path}` leads outside the workspace or through a link",
        "`{path}` はワークスペースの外に出るか、リンクを通ります",
    ),
    ("`{path}` lies below something that is no directory", "`{path}` はディレクトリーではないものの下にあります"),
    ("`{path}` is a directory", "`{path}` はディレクトリーです"),
    ("`{path}` is a socket or a device", "`{path}` はソケットかデバイスです"),
    ("`{path}` grew beyond {limit} bytes", "`{path}` が {limit} バイトを超えました"),
    ("`{path}` has {bytes} bytes; the limit is {limit}", "`{path}` は {bytes} バイトです。上限は {limit} です"),
    ("`{path}` cannot be used: {error}", "`{path}` を使えません: {error}"),
    ("`{path}` cannot be prepared: {error}", "`{path}` を準備できません: {error}"),
    ("`{path}` exists, and the patch makes it", "パッチの作る `{path}` がすでにあります"),
    ("`{path}` stands twice in one write", "一度の書き込みに `{path}` が二回あります"),
    ("`{path}` would not be empty, and the patch deletes it", "パッチの削除する `{path}` が空になりません"),
    ("mode `{mode}` is not from 0000 to 0777", "モード `{mode}` は 0000 から 0777 までではありません"),
    ("mode `{mode}` is neither 0644 nor 0755", "モード `{mode}` は 0644 でも 0755 でもありません"),
    ("tool_timeout: the step took too long", "制限時間を超えました"),
    ("the session was stopped", "セッションが停止されました"),
    ("preview is required for {tool}", "{tool} にはプレビューが必要です"),
    (
        "preview gate rejected: no run of this session recorded a preview of this write",
        "プレビューの記録がないため拒否しました: この書き込みのプレビューは、このセッションで一度も実行されていません",
    ),
    (
        "preview gate rejected: a file has changed since its preview",
        "プレビューと違うため拒否しました: プレビューの後にファイルが変わっています",
    ),
    (
        "preview gate rejected: a file has changed since the run was started",
        "プレビューと違うため拒否しました: 実行の開始後にファイルが変わっています",
    ),
    (
        "preview gate rejected: the preview given is of another write",
        "プレビューと違うため拒否しました: 別の書き込みのプレビューが渡されています",
    ),
    ("command is not allowlisted: there is no command", "許可されていないコマンドです: コマンドがありません"),
    (
        "command is not allowlisted: `{program}`: programs are named, not given by path",
        "許可されていないコマンドです: `{program}`: プログラムはパスではなく名前で指定します",
    ),
    (
        "command is not allowlisted: option `{option}` of {program} is not allowed",
        "許可されていないコマンドです: {program} の `{option}` は使えません",
    ),
    (
        "command is not allowlisted: `{word}` of find is not allowed",
        "許可されていないコマンドです: find の `{word}` は使えません",
    ),
    (
        "command is not allowlisted: `git {word}` is not allowed; only git status and git diff are",
        "許可されていないコマンドです: `git {word}` は使えません。使えるのは git status と git diff です",
    ),
    (
        "command is not allowlisted: `{path}` is absolute: outside the workspace",
        "許可されていないコマンドです: `{path}` は絶対パスで、ワークスペースの外です",
    ),
    (
        "command is not allowlisted: `{path}` goes up with `..`: outside the workspace",
        "許可されていないコマンドです: `{path}` は `..` で上へ出ていて、ワークスペースの外です",
    ),
    ("command is not allowlisted: {reason}", "許可されていないコマンドです: {reason}"),
    (
        "{reference}: step `{step}` has no recorded output",
        "{reference}: ステップ `{step}` の出力の記録がまだありません",
    ),
    ("{reference}: the output has no field `{field}`", "{reference}: 出力に `{field}` という項目がありません"),
    ("{reference}: the value is masked", "{reference}: 値が伏せられています"),
    (
        "the risk is {risk}, whatever the plan says: the tool implies it",
        "プランの記述にかかわらず、ツールによってリスクは {risk} です",
    ),
    ("high_risk_confirmation_required", "高リスクの確認がありません"),
];

/// What tools take.
pub(super) const INPUTS: &[(&str, &str)] = &[
    ("The file, below the workspace.", "ワークスペースの下のファイル。"),
    ("The directory, below the workspace.", "ワークスペースの下のディレクトリー。"),
    ("How its bytes are read as text.", "バイトを文字列として読む方法。"),
    ("Its whole new content.", "新しい内容の全体。"),
    ("The output of its preview; compared, never trusted.", "プレビューの出力。比較するだけで、信用はしません。"),
    (
        "One of ls, cat, rg, find, git status, git diff, python -m pytest, with its arguments.",
        "ls, cat, rg, find, git status, git diff, python -m pytest のどれかと、その引数。",
    ),
    ("Seconds the command may take; always literal.", "コマンドの制限時間（秒）。値をそのまま書きます。"),
    ("The files to change; this or `patch`.", "変更するファイル。これか `patch` のどちらか。"),
    ("Whether it is shown or done.", "変更を示すだけか、実際に適用するか。"),
    ("A unified or git patch; this or `files`.", "unified 形式か git 形式のパッチ。これか `files` のどちらか。"),
];

/// What is wrong with a request.
pub(super) const REQUESTS: &[(&str, &str)] = &[
    ("it is 1 to {limit} of letters, digits and `_-.@`", "英字、数字、`_-.@` で 1 から {limit} 文字です"),
    ("a principal's name is letters, digits and `_-.@`", "名前は英字、数字、`_-.@` です"),
    (
        "a workspace's name is 1 to 64 of letters, digits and `_-.`",
        "ワークスペースの名前は、英字、数字、`_-.` で 1 から 64 文字です",
    ),
    (
        "a workspace of kind `own` is a new, empty directory each time",
        "種類 `own` のワークスペースは毎回新しい空のディレクトリーです",
    ),
    ("a workspace of kind `{kind}` needs one", "種類 `{kind}` のワークスペースには必要です"),
    ("only a snapshot takes files along", "ファイルを含められるのは snapshot だけです"),
    ("only a snapshot takes along what is not committed", "コミットしていないものを含められるのは snapshot だけです"),
    ("its path looks like a secret, which is never recorded", "パスが秘密のように見えます。秘密は記録しません"),
    ("`{path}` cannot be looked at: {error}", "`{path}` を調べられません: {error}"),
    ("an account's id is 1 to 20 digits", "アカウントの id は 1 から 20 桁の数字です"),
    ("a person is viewer, approver or owner", "人の役割は viewer、approver、owner のどれかです"),
    ("a redaction says why", "文面の削除には理由が必要です"),
    ("it exists already", "すでにあります"),
    ("it has the role `{role}`, not `{other}`", "役割は `{role}` で、`{other}` ではありません"),
    ("it is not a status of a session", "セッションの状態ではありません"),
    ("it lies in the past", "過去の時刻です"),
    ("the account is `{person}`'s", "このアカウントは `{person}` のものです"),
    (
        "one no ends a plan; name the plan, or the one step that is wrong",
        "却下は一つでプランを終わらせます。プランか、問題のあるステップを一つだけ指定してください",
    ),
    ("a plan is approved or rejected; only steps are left out", "プランは承認か却下だけです。飛ばせるのはステップです"),
    ("the list is empty; name at least one", "一覧が空です。少なくとも一つ指定してください"),
    ("the role `{role}` decides nothing, and needs no PIN", "役割 `{role}` は何も決定しないため、PIN は要りません"),
];
