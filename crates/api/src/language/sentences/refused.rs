//! Why a request, a setting or a directory is not taken, and why the daemon does not start: English, Japanese.

/// What is wrong with a value.
pub(super) const VALUES: &[(&str, &str)] = &[
    ("a name is 1 to 64 of letters, digits and `_-.@`", "名前は英字、数字、`_-.@` で 1 から 64 文字です"),
    (
        "it is a date (2026-07-01) or a time as RFC 3339 says (2026-07-01T09:30:00Z; in a URL a `+` is %2B)",
        "日付（2026-07-01）か、RFC 3339 の時刻（2026-07-01T09:30:00Z）を書いてください",
    ),
    ("a time is written as RFC 3339 says", "時刻は RFC 3339 の形で書いてください"),
    ("it is not a cursor of this list", "この一覧のカーソルではありません"),
    ("a digest is 64 hexadecimal digits", "ダイジェストは 64 桁の 16 進数です"),
    ("it is required: send the digest that was shown", "必要です。表示されたダイジェストを送ってください"),
    ("it is `probes` or left out", "`probes` と書くか、省いてください"),
    ("it is 1 to 32 of `a` to `z` and `_`", "`a` から `z` と `_` で 1 から 32 文字です"),
    ("`person` names whom the token proves", "トークンがだれのものかを `person` で指定してください"),
    ("`daemon` is the daemon's own", "`daemon` はデーモン自身の名前です"),
    ("somebody has that name already", "その名前の人がすでにいます"),
    ("the name was an agent's or a surface's", "エージェントか接続元が使っていた名前です"),
    ("the first owner cannot be removed", "最初の所有者を外すことはできません"),
    ("nobody removes themselves; another owner can", "自分を除くことはできません。ほかの所有者ならできます"),
    (
        "another one has that name; remove it first, or take another name",
        "その名前のものがすでにあります。先に除くか、別の名前にしてください",
    ),
    (
        "it is, holds or lies in the directory of workspace `{name}`",
        "ワークスペース `{name}` のディレクトリーと同じか、その上か中にあります",
    ),
    (
        "`{pattern}` is not a pattern of paths below the directory",
        "`{pattern}` はディレクトリーの下のパスのパターンではありません",
    ),
    ("a pattern looks like a secret, which is never recorded", "パターンが秘密のように見えます。秘密は記録しません"),
    ("{item} stands in the list twice", "{item} が一覧に二度あります"),
    ("the document is not UTF-8", "文書が UTF-8 ではありません"),
    (
        "the search index cannot be used ({reason}); the log was read instead",
        "検索の索引を使えないため（{reason}）、ログを直接読みました",
    ),
    ("the daemon is ending", "デーモンは終了処理中です"),
];

/// What is wrong with a directory that is to be a workspace.
pub(super) const DIRECTORIES: &[(&str, &str)] = &[
    ("the root of the file system can be no workspace", "ファイルシステムのルートはワークスペースにできません"),
    (
        "`{path}` is a link; name the directory it leads to",
        "`{path}` はリンクです。その先のディレクトリーを指定してください",
    ),
    ("`{path}` is not a directory", "`{path}` はディレクトリーではありません"),
    ("`{path}` cannot be reached: {error}", "`{path}` に届きません: {error}"),
    ("`{path}` cannot be opened: {error}", "`{path}` を開けません: {error}"),
    ("`{path}` has no identity: {error}", "`{path}` を見分けられません: {error}"),
    ("its path is too long, or is not UTF-8", "パスが長すぎるか、UTF-8 ではありません"),
    (
        "`{path}` belongs to another user than the daemon runs as",
        "`{path}` は、デーモンを動かすユーザーのものではありません",
    ),
    (
        "`{path}` holds or lies in `{own}`, where calt keeps its own files",
        "`{path}` は、calt が自分のファイルを置く `{own}` の上か中にあります",
    ),
    ("`{path}` lies in `{system}`, which is the system's own", "`{path}` はシステムの `{system}` の中にあります"),
    ("`{path}` holds `{system}`, which is the system's own", "`{path}` の中にシステムの `{system}` があります"),
    (
        "`{path}` is a place of many; name a directory below it",
        "`{path}` は大勢の使う場所です。その下のディレクトリーを指定してください",
    ),
    ("`{path}` holds the keys of a person", "`{path}` の中に人の鍵があります"),
    (
        "`{path}` holds the home directory `{home}`; name a directory below that",
        "`{path}` の中にホームディレクトリー `{home}` があります。その下のディレクトリーを指定してください",
    ),
    (
        "`{path}` is a home directory; name a directory below it",
        "`{path}` はホームディレクトリーです。その下のディレクトリーを指定してください",
    ),
    (
        "`{path}` is or lies in git's own directory of a repository",
        "`{path}` はリポジトリーの git 自身のディレクトリーか、その中です",
    ),
    ("its file system does not say when it was made", "ファイルシステムが作成の時刻を答えません"),
    ("at `{path}` stands a link now", "`{path}` が今はリンクになっています"),
    ("at `{path}` stands something that is no directory now", "`{path}` が今はディレクトリーではなくなっています"),
    ("at `{path}` is nothing now", "`{path}` には今は何もありません"),
    ("at `{path}` stands another directory now", "`{path}` が今は別のディレクトリーになっています"),
    ("at `{path}` a link leads elsewhere now", "`{path}` のリンクが今は別のところを指しています"),
    (
        "it is on another device since the daemon started; restart the daemon to accept that",
        "デーモンの起動の後、別のデバイスに移っています。受け入れるにはデーモンを起動し直してください",
    ),
    ("it is not a git repository", "git のリポジトリーではありません"),
    ("it has no commit yet; commit something first", "コミットがまだありません。先に何かをコミットしてください"),
    ("it is a bare repository; name a clone of it", "ベアリポジトリーです。その複製を指定してください"),
    ("its `.git` is no directory", "`.git` がディレクトリーではありません"),
    (
        "its `.git` is a file: it is a linked worktree or a submodule, whose objects lie elsewhere; name the main repository, or a clone of it",
        "`.git` がファイルです。リンクされた worktree かサブモジュールで、オブジェクトはほかの場所にあります。元のリポジトリーか、その複製を指定してください",
    ),
    (
        "git is not installed on this machine; the package `git` has it",
        "git がこのマシンに入っていません。パッケージ `git` にあります",
    ),
    (
        "its commit holds {files} files; the limit is {limit}",
        "コミットにファイルが {files} 件あります。上限は {limit} です",
    ),
    ("it took longer than a snapshot may take", "コピーの制限時間を超えました"),
    ("its name was removed, or is another's now", "名前が除かれたか、今は別のものの名前です"),
    ("the workspace is out of reach: {fault}", "ワークスペースに届きません: {fault}"),
];

/// Why a run ended as it did.
pub(super) const RUNS: &[(&str, &str)] = &[
    ("the command exited with {code}", "コマンドが終了コード {code} で終わりました"),
    (
        "tool_timeout: the command was ended after {seconds} s",
        "制限時間を超えたため、コマンドを {seconds} 秒で終わらせました",
    ),
    ("the session was stopped while the command ran", "コマンドの実行中にセッションが停止されました"),
    (
        "internal: the tool broke down; the daemon's own log says more",
        "ツールの内部で問題が起きました。詳しくはデーモンのログにあります",
    ),
    ("the artifact could not be written: {error}", "成果物を書き込めませんでした: {error}"),
    (
        "`{program}` is not installed on this machine; the package `{package}` has it",
        "`{program}` がこのマシンに入っていません。パッケージ `{package}` にあります",
    ),
    (
        "interrupted: the daemon ended during the run; {finding}",
        "実行中にデーモンが終わったため中断しました。{finding}",
    ),
    ("verify: {rule} does not hold: `{expression}`", "検証の規則 {rule} を満たしません: `{expression}`"),
    ("verify: the regular expression does not compile: {error}", "検証: 正規表現を読めません: {error}"),
    ("verify: the JSONPath does not parse: {error}", "検証: JSONPath を読めません: {error}"),
    ("verify: `{path}` cannot be looked for: {error}", "検証: `{path}` を探せません: {error}"),
    ("verify: the tool has no exit code", "検証: このツールに終了コードはありません"),
    (
        "`{path}` is not what the plan expects there: it was changed",
        "`{path}` がプランの想定と違います。変更されています",
    ),
    (
        "`{path}` exists already; a rename never replaces a file",
        "`{path}` はすでにあります。改名でファイルを置き換えることはありません",
    ),
    (
        "`{path}` would have {bytes} bytes; the limit is {limit}",
        "`{path}` が {bytes} バイトになります。上限は {limit} です",
    ),
    (
        "{count} files in one step; the limit is {limit}",
        "一つのステップにファイルが {count} 件あります。上限は {limit} です",
    ),
];

/// Parts of the sentences above.
pub(super) const PARTS: &[(&str, &str)] = &[
    ("it writes nothing", "何も書き込まないステップです"),
    ("its files are as it wanted them", "ファイルはステップの意図どおりです"),
    ("its files are as they were before", "ファイルは実行の前のままです"),
    ("a file has a content of neither before nor after", "実行の前とも後とも違う内容のファイルがあります"),
    ("there is a database `{path}`", "データベース `{path}` があります"),
    ("`{what}` is in it", "`{what}` があります"),
    ("a process that did not say its name", "名前を告げていないプロセス"),
    ("person `{person}`", "`{person}`"),
    ("token `{token}`", "トークン `{token}`"),
    ("workspace `{name}`", "ワークスペース `{name}`"),
    ("step `{step}`", "ステップ `{step}`"),
    ("plan v{version}", "プラン v{version}"),
    ("the goal", "目標"),
    ("the ref", "チケット"),
    ("the origin", "起こり"),
    ("a pattern", "パターン"),
    ("open sessions", "終わっていないセッション"),
    ("bytes", "バイト"),
    ("characters", "文字"),
    ("items", "件"),
    ("workspaces", "ワークスペース"),
    ("there is no command", "コマンドがありません"),
    ("`{program}` is none of {known}", "`{program}` は使えません。使えるのは {known} です"),
    (
        "option `{option}` of {program} needs a number directly behind it",
        "{program} の `{option}` のすぐ後に数が必要です",
    ),
    ("option `{option}` of {program} needs a value", "{program} の `{option}` には値が必要です"),
    ("option `{option}` of {program} takes no value", "{program} の `{option}` に値は付けられません"),
    ("`{word}` of find needs a value", "find の `{word}` には値が必要です"),
    ("`git` alone does nothing", "`git` だけでは何もしません"),
    ("the command has {bytes} bytes; the limit is {limit}", "コマンドが {bytes} バイトあります。上限は {limit} です"),
    (
        "`{shown}` is for a shell, and there is none; quote it if it is text",
        "`{shown}` はシェルの記号ですが、シェルは使いません。文字として渡すなら引用符で囲んでください",
    ),
    (
        "`{shown}` inside double quotes is for a shell; use single quotes if it is text",
        "二重引用符の中の `{shown}` はシェルの記号です。文字として渡すなら一重引用符で囲んでください",
    ),
    ("a quote `{quote}` that is not closed", "引用符 `{quote}` が閉じられていません"),
    ("a backslash at the end", "最後にバックスラッシュがあります"),
];

/// Why the daemon does not start, and what is wrong with its settings.
pub(super) const START: &[(&str, &str)] = &[
    ("cannot listen on {address}: {fault}", "{address} で待ち受けられません: {fault}"),
    ("cannot write a lock in `{path}`: {fault}", "`{path}` にロックを書き込めません: {fault}"),
    ("cannot write `{path}`: {fault}", "`{path}` に書き込めません: {fault}"),
    ("cannot make `{path}`: {fault}", "`{path}` を作れません: {fault}"),
    ("cannot look at `{path}`: {fault}", "`{path}` を調べられません: {fault}"),
    ("cannot tighten `{path}`: {fault}", "`{path}` の許可を狭められません: {fault}"),
    ("cannot open the lock `{path}`: {fault}", "ロック `{path}` を開けません: {fault}"),
    ("cannot lock `{path}`: {fault}", "`{path}` をロックできません: {fault}"),
    ("`{host}` is not a host this machine knows", "`{host}` というホストはこのマシンにありません"),
    (
        "`{host}` can be reached from other machines; set `allow_remote = true` under `[server]` if that is meant",
        "`{host}` はほかのマシンから届きます。そのつもりなら `[server]` に `allow_remote = true` と書いてください",
    ),
    (
        "`{path}` belongs to user {owner}; start its daemon as that user",
        "`{path}` は利用者 {owner} のものです。デーモンはその利用者として起動してください",
    ),
    (
        "`{path}` lies in `{place}`, which every command may read; choose another data root or database",
        "`{path}` は、どのコマンドも読める `{place}` の中にあります。ほかのデータディレクトリーかデータベースを選んでください",
    ),
    ("the owner's token could not be made again: {error}", "所有者のトークンを作り直せませんでした: {error}"),
    ("the runtime could not be set up: {error}", "実行環境を用意できませんでした: {error}"),
    ("the log could not take the start of the daemon: {error}", "デーモンの起動をログに書き込めませんでした: {error}"),
    (
        "`{path}` is the database of an earlier calt; this one cannot read it: choose another --db-path or --data-root",
        "`{path}` は以前の calt のデータベースで、この calt では読めません。ほかの --db-path か --data-root を選んでください",
    ),
    (
        "`{path}` has schema {found}; this calt knows schemas up to {known}: use a newer calt",
        "`{path}` のスキーマは {found} ですが、この calt の読めるスキーマは {known} までです。新しい calt を使ってください",
    ),
    ("a port is 0 to 65535", "ポートは 0 から 65535 までです"),
    ("it is an absolute path", "絶対パスを書いてください"),
    ("it is full, kernel-filter or none", "full、kernel-filter、none のどれかです"),
    ("it is token or pin", "token か pin です"),
    ("commands never run as root", "root でコマンドを実行することはありません"),
    (
        "a token never stands in a file; use `CALT_DAEMON_TOKEN`",
        "トークンはファイルに書けません。`CALT_DAEMON_TOKEN` を使ってください",
    ),
    (
        "it never stands in this file; name one of its own in `notify.secret_file`",
        "このファイルには書けません。専用のファイルを `notify.secret_file` で指定してください",
    ),
    ("others may read it; `{command}`", "ほかのユーザーが読めます。`{command}`"),
    (
        "it is missing; name a file in `notify.secret_file` or set CALT_NOTIFY_SECRET",
        "ありません。`notify.secret_file` でファイルを指定するか、CALT_NOTIFY_SECRET を設定してください",
    ),
    ("it has {bytes} bytes; use {least} or more", "{bytes} バイトしかありません。{least} バイト以上にしてください"),
    (
        "`{path}` does not hold 64 hexadecimal digits; move it away and a new key is made",
        "`{path}` の中身が 64 桁の 16 進数ではありません。よそへ移せば新しい鍵を作ります",
    ),
    ("it is not a regular file", "通常のファイルではありません"),
];

/// What names a file and says why, last: whatever stands before is said better there.
pub(super) const ANY: &[(&str, &str)] = &[("`{path}`: {error}", "`{path}`: {error}")];
