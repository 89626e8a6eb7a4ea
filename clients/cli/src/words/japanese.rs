//! The sentences of the command line in Japanese, by their English.

mod first;
mod help;
mod ways;
mod work;

/// Every sentence: English, Japanese.
pub(super) fn sentences() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    AROUND.iter().chain(work::SENTENCES).chain(first::SENTENCES).chain(ways::SENTENCES)
}

/// Every sentence of the help: English, Japanese.
pub(super) const fn of_help() -> &'static [(&'static str, &'static str)] {
    help::SENTENCES
}

/// What is around the work: faults, the daemon, what waits, the record, people, landing.
const AROUND: &[(&str, &str)] = &[
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
    // Arguments that cannot be read, and the frame of the help.
    ("a command is missing", "コマンドがありません"),
    ("unexpected argument '{argument}' found", "'{argument}' という引数はありません"),
    ("unrecognized subcommand '{word}'", "'{word}' というコマンドはありません"),
    ("the following required arguments were not provided: {arguments}", "必要な引数がありません: {arguments}"),
    ("the argument '{argument}' cannot be used multiple times", "'{argument}' は一度だけ指定できます"),
    ("the argument '{argument}' cannot be used with '{prior}'", "'{argument}' は '{prior}' と一緒には使えません"),
    ("a value is required for '{argument}' but none was supplied", "'{argument}' には値が必要です"),
    ("invalid value '{value}' for '{argument}'", "'{argument}' に '{value}' という値は使えません"),
    ("invalid value '{value}' for '{argument}': {why}", "'{argument}' に '{value}' という値は使えません: {why}"),
    (
        "unexpected value '{value}' for '{argument}' found; no more were expected",
        "'{argument}' に '{value}' は余分です",
    ),
    ("invalid UTF-8 was detected in one or more arguments", "UTF-8 ではない引数があります"),
    ("tip: a similar subcommand exists: {near}", "似たコマンド: {near}"),
    ("tip: some similar subcommands exist: {near}", "似たコマンド: {near}"),
    ("tip: a similar argument exists: {near}", "似た引数: {near}"),
    ("tip: some similar arguments exist: {near}", "似た引数: {near}"),
    ("tip: a similar value exists: {near}", "似た値: {near}"),
    ("tip: some similar values exist: {near}", "似た値: {near}"),
    ("a number from {least} to {most} is expected", "{least} から {most} までの数を指定してください"),
    ("a number is expected", "数を指定してください"),
    ("the number is too large", "数が大きすぎます"),
    ("Usage: {usage}", "使い方: {usage}"),
    ("Commands", "コマンド"),
    ("Arguments", "引数"),
    ("Options", "オプション"),
    ("{heading}:", "{heading}:"),
    ("[OPTIONS]", "[オプション]"),
    ("<COMMAND>", "<コマンド>"),
    ("[COMMAND]", "[コマンド]"),
    (" [env: {name}]", " [環境変数: {name}]"),
    (" [default: {values}]", " [既定: {values}]"),
    (" [possible values: {values}]", " [使える値: {values}]"),
    // PINs.
    ("Your PIN, to decide on plan v{version} of {session}: ", "{session} のプラン v{version} を決定するための PIN: "),
    ("Your PIN, for this act of administration: ", "この管理操作のための PIN: "),
    ("no PIN was typed; nothing was decided", "PIN が入力されませんでした。何も決定していません"),
    ("no PIN was typed; nothing was done", "PIN が入力されませんでした。何も行っていません"),
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
    ("  who may hand in a new version: {roles}", "  新しい版を出せる役割: {roles}"),
    ("proposed by {by}, works on {workspace}", "提案者: {by}、対象: {workspace}"),
    ("works on {workspace}", "対象: {workspace}"),
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
    ("session {session} is {status}", "セッション {session} の状態: {status}"),
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
    (
        "Nothing has changed. To drop this plan:\n  {command}\n",
        "まだ何も変わっていません。このプランをやめるには:\n  {command}\n",
    ),
    ("\nIt leaves alone", "\n次のものはそのままにします"),
    // The record.
    ("no checkpoint was signed yet", "署名されたチェックポイントはまだありません"),
    ("Signed over {events}. Its key: {key}\n", "{events}に署名しました。鍵: {key}\n"),
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
    ("{path} ({events}, {files})\n", "{path}（{events}、{files}）\n"),
    (
        "To check it, here or on another machine: {command}\n",
        "このマシンでも別のマシンでも、次のコマンドで確かめられます: {command}\n",
    ),
    (
        "the daemon did not finish `{name}`; its own log says why",
        "デーモンが `{name}` を書き終えませんでした。理由はデーモンのログにあります",
    ),
    // People and tokens.
    (
        "git does not know who commits: your name or your address is not set",
        "git にはだれのコミットなのかがわかりません。名前かメールアドレスが設定されていません",
    ),
    ("{role} {name} added\n", "{name} を{role}として追加しました\n"),
    ("{name} removed; their tokens no longer open anything\n", "{name} を外しました。そのトークンはもう使えません\n"),
    ("This is the only time the token is shown:\n", "トークンが表示されるのは今だけです:\n"),
    ("token {token} revoked\n", "トークン {token} を失効させました\n"),
    // Lists and artifacts.
    (
        "Nothing yet: each run that succeeds leaves one artifact.\n",
        "まだありません。成功した実行ごとに成果物が一つ残ります。\n",
    ),
    ("{path} ({bytes})\n", "{path}（{bytes}）\n"),
    ("There is more: add --cursor {cursor}\n", "続きがあります: --cursor {cursor} を付けてください\n"),
    // Landing.
    ("there is no place for a temporary index: {error}", "一時的なインデックスを置く場所がありません: {error}"),
    ("`{directory}` is in no git repository", "`{directory}` は git リポジトリーの中にありません"),
    (
        "`{directory}` says that it is part of `{other}`, which knows nothing of it: git would write there",
        "`{directory}` は `{other}` の一部だと名乗っていますが、向こうはそれを知りません。git はそこへ書き込んでしまいます",
    ),
    ("git does not know who you are", "git にあなたの名前が設定されていません"),
    ("the patch does not fit commit {base}: {why}", "パッチはコミット {base} に合いません: {why}"),
    ("git names something that is not UTF-8", "git が UTF-8 でない名前を返しました"),
    ("git is not installed", "git が入っていません"),
    (
        "git gave no answer in {seconds} s: does `include.path` name a pipe?",
        "git が {seconds} 秒以内に応答しません。`include.path` がパイプを指していませんか",
    ),
    ("git cannot be started: {error}", "git を起動できません: {error}"),
    ("git {word}: {said}", "git {word}: {said}"),
    (
        "session {session} is {status}, not succeeded; `--unfinished` lands what there is",
        "セッション {session} はまだ成功していません（{status}）。`--unfinished` なら今あるものを反映します",
    ),
    (
        "not everything can land: `{path}`: {why} ({more} more); `--unfinished` leaves these out",
        "すべては反映できません: `{path}`: {why}（ほか {more} 件）。`--unfinished` ならこれらを除きます",
    ),
    (
        "plan v{newest} is {status} and has written nothing; what lands is of plan v{version}, which succeeded\n",
        "プラン v{newest}（{status}）は何も書き込んでいません。反映するのは成功したプラン v{version} の結果です\n",
    ),
    (
        "the session began from files that were not committed, so commit {base} has not what its patch leads on from: {paths}; commit these files as they were then, and name that commit",
        "このセッションはコミットされていないファイルから始まったので、コミット {base} にはパッチの元がありません: {paths}。始めたときのままコミットし、そのコミットを指定してください",
    ),
    ("session {session} wrote nothing", "セッション {session} は何も書いていません"),
    (
        "session {session} began from no commit; name one",
        "セッション {session} の元になったコミットがありません。指定してください",
    ),
    (
        "commit {commit} is not in the repository at `{directory}`",
        "コミット {commit} は `{directory}` のリポジトリーにありません",
    ),
    (
        "no signed checkpoint covers the session yet; wait for the next, or ask the owner to sign one",
        "セッションを含む署名済みのチェックポイントがまだありません。次を待つか、所有者に署名を頼んでください",
    ),
    (
        "the message of a patch cannot hold the line `{line}`",
        "パッチのメッセージには `{line}` という行を入れられません",
    ),
    ("`{name}` is no name for a branch", "`{name}` はブランチの名前になりません"),
    ("`{name}` is no name for a branch: {why}", "`{name}` はブランチの名前になりません: {why}"),
    ("it begins as an option does", "オプションと同じ始まり方です"),
    ("git reads it as where a working tree stands", "git は作業ツリーの現在位置と読みます"),
    (
        "it is a full name already; leave out what stands before the branch's own name",
        "すでに完全な名前です。ブランチ自身の名前の前にあるものを省いてください",
    ),
    ("it reads as the id of a commit", "コミットの ID と読めます"),
    (
        "`{name}` stands for another name, `{target}`, and is not followed",
        "`{name}` は別の名前 `{target}` を指すもので、その先はたどりません",
    ),
    (
        "`{name}` is checked out in a working tree, and stays as it is",
        "`{name}` は作業ツリーでチェックアウトされており、そのままにします",
    ),
    (
        "`{path}` is a link, and git would write to where it leads",
        "`{path}` はリンクで、git はその先に書き込むことになります",
    ),
    (
        "`{path}` is not the repository's alone, and git would add to it",
        "`{path}` はこのリポジトリーだけのものではなく、git はそこへ書き足すことになります",
    ),
    ("`{path}` cannot be read: {error}", "`{path}` を読めません: {error}"),
    ("`{name}` is there already, and stays as it is", "`{name}` はすでにあり、そのままにします"),
    (
        "`{path}` would not land as it stands in the workspace: it was another file at the base commit",
        "`{path}` はワークスペースと同じにはなりません。元のコミットでは別の内容でした",
    ),
    ("branch {branch}: commit {commit}, {files}\n", "ブランチ {branch}: コミット {commit}、{files}\n"),
    ("commit {commit}, {files}\n", "コミット {commit}、{files}\n"),
    (
        "Your working tree is as it was. To take it over: {command}\n",
        "作業ツリーは元のままです。マージするには: {command}\n",
    ),
    ("{path} ({files})\n", "{path}（{files}）\n"),
    ("It leads on from {base}. To take it over: {command}\n", "{base} に続くものです。適用するには: {command}\n"),
    ("Nothing was written.\n", "何も書かれていません。\n"),
    ("not in it: {path}: {why}\n", "含まれないもの: {path}: {why}\n"),
    (
        "Something is masked, so it applies nowhere; `--raw` gives every byte, and is recorded.\n",
        "伏せた箇所があるため、適用できません。`--raw` ならすべてのバイトを渡し、そのことを記録します。\n",
    ),
    // From a commit to the record.
    ("there is no commit `{commit}` in `{repo}`", "`{repo}` にコミット `{commit}` はありません"),
    (
        "commit {commit} does not say that it came out of calt",
        "コミット {commit} には calt から来たという記述がありません",
    ),
    ("plan v{version} has another digest", "プラン v{version} のダイジェストが違います"),
    ("event {event} is not one of this session", "イベント {event} はこのセッションのものではありません"),
    ("no checkpoint over {events} has this root", "{events}のチェックポイントに、このルートのものはありません"),
    ("it names nobody who approved it", "承認した人の名前がありません"),
    ("{name} approved nothing in this session", "{name} はこのセッションで何も承認していません"),
    (
        "the commit has {count} parents, and one landed has one",
        "コミットの親が {count} 個あります。反映されたものなら一つです",
    ),
    (
        "`{path}` was changed, and not by this session",
        "`{path}` が変更されていますが、このセッションによるものではありません",
    ),
    ("`{path}` is not as the session wrote it", "`{path}` はセッションが書いた内容と違います"),
    ("session {session}", "セッション {session}"),
    ("plan v{version}, approved by {people}", "プラン v{version}、承認: {people}"),
    ("event {event}, under a signed tree of {events}", "イベント {event}（{events}の署名された木の中）"),
    ("DIFFERS: {what}", "相違: {what}"),
    ("The commit is what the record says.", "コミットは記録のとおりです。"),
    // Man pages.
    ("the man pages are in {directory}\n", "man ページは {directory} にあります\n"),
    ("the man pages cannot be written to `{place}`: {error}", "man ページを `{place}` に書けません: {error}"),
];
