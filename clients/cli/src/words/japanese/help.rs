//! What the help of each command says, in Japanese: the English stands in the doc comments of the arguments.

/// English, Japanese.
pub(super) const SENTENCES: &[(&str, &str)] = &[
    // Of clap's own.
    ("Print help", "ヘルプを表示します"),
    ("Print help (see more with '--help')", "ヘルプを表示します"),
    ("Print version", "版を表示します"),
    (
        "New here: `calt quickstart` tries it in a minute, `calt guide` shows how it works on one screen",
        "はじめての方へ: `calt quickstart` で一分で試せます。`calt guide` はしくみを一画面で示します",
    ),
    (
        "Print this message or the help of the given subcommand(s)",
        "この説明、または指定したコマンドのヘルプを表示します",
    ),
    // Everywhere.
    (
        "Give work to programs you do not fully trust, and stay in charge: plan, approve, execute, record",
        "完全には信用できないプログラムに仕事を任せながら、主導権を手放さないための道具です: プラン、承認、実行、記録",
    ),
    ("Options of every command", "すべてのコマンドに共通のオプション"),
    (
        "Print data as JSON on standard output, and nothing else there",
        "標準出力にはデータを JSON で書き、ほかには何も書きません",
    ),
    (
        "The daemon's address; without it the daemon of the data root is found or started",
        "デーモンのアドレス。省くとデータディレクトリーのデーモンを探し、なければ起動します",
    ),
    (
        "The token to speak with; a stored one is sent to no other address",
        "使うトークン（だれの操作かはこれで決まります）。保存されたトークンをほかの宛先へ送ることはありません",
    ),
    (
        "Where calt keeps its data [default: `$XDG_DATA_HOME/calt`]",
        "calt がデータを置くディレクトリー [既定: `$XDG_DATA_HOME/calt`]",
    ),
    (
        "The name to record beside a decision; a claim, not a proof",
        "決定に添えて記録する名前。自己申告であり、証明ではありません",
    ),
    ("The surface you speak through", "操作の出どころとして記録する語"),
    ("The session's id, `session_…`", "セッションの id（`session_…`）"),
    ("The step's id in the plan", "プランの中のステップの id"),
    ("The plan, YAML or JSON; `-` reads standard input", "プラン（YAML か JSON）。`-` なら標準入力から読みます"),
    ("At most this many, up to 500", "最大の件数（500 まで）"),
    ("Go on from this cursor", "このカーソルの続きから"),
    ("Their name: letters, digits and `_-.@`", "その人の名前。英数字と `_-.@`"),
    ("Their name, as `calt person list` shows it", "`calt person list` に出る名前"),
    ("Its name, for `--workspace NAME`", "`--workspace NAME` で使う名前"),
    ("Its name, as `calt workspace list` shows it", "`calt workspace list` に出る名前"),
    ("The database [default: <data-root>/calt.sqlite3]", "データベース [既定: <data-root>/calt.sqlite3]"),
    (
        "The configuration file [default: `$XDG_CONFIG_HOME/calt/config.toml`]",
        "設定ファイル [既定: `$XDG_CONFIG_HOME/calt/config.toml`]",
    ),
    ("Why not; without it you are asked", "却下の理由。省くと尋ねます"),
    ("Only in this session", "このセッションのものだけ"),
    ("A directory of the repository", "リポジトリーの中のディレクトリー"),
    // Runs.
    (
        "Show a plan, ask, execute it step by step, and print the record",
        "プランを見せて尋ね、ステップを順に実行し、記録を表示します",
    ),
    (
        "The plan, YAML or JSON; `-` reads standard input. Left out: the newest plan of --session",
        "プラン（YAML か JSON）。`-` なら標準入力から読みます。省くと --session の最新のプラン",
    ),
    ("Go on in this session instead of a new one", "新しいセッションを作らず、このセッションの続きを行います"),
    (
        "Answer yes for low and medium risk; recorded as an unattended yes",
        "リスク低と中には「はい」と答えます。人の確認のない承認として記録されます",
    ),
    ("With --yes: answer yes for high risk too", "--yes とともに: 高リスクにも「はい」と答えます"),
    ("Show every write and leave it out", "書き込みは見せるだけで、行いません"),
    ("How strictly the new session is held", "新しいセッションの安全設定"),
    (
        "Approvals cover inputs as resolved; high risk is confirmed",
        "参照を解決した入力を承認し、高リスクは実行前にも確認します",
    ),
    (
        "Early approvals cover the template; what is missing is warned of",
        "早めの承認は書かれたとおりのプランに対して行い、足りないものは警告します",
    ),
    (
        "Work on this workspace: its name, or a directory, which as a git repository is copied [default: an empty one]",
        "使うワークスペース。名前かディレクトリー（git リポジトリーなら写しを作ります） [既定: 空のもの]",
    ),
    ("Take along what is not committed in the repository", "リポジトリーでコミットしていないものも含めます"),
    // What waits.
    (
        "List what waits for somebody, oldest first, over all sessions",
        "人を待っているものを、全セッションから古い順に一覧します",
    ),
    (
        "Go on: print what begins to wait, and what was settled",
        "続けて監視し、新しく待ち始めたものと、決着したものを表示します",
    ),
    (
        "Wait for your turn, a decision or the end; exit code 0: yes, 1: no, 75: still waiting",
        "自分の番か、決定か、終わりを待ちます。終了コード 0: 承認、1: 却下、75: まだ待っている",
    ),
    (
        "What ends the wait; left out: `decided` for an agent, and for who decides that it waits for them or has ended",
        "何を待つか。省くと、エージェントなら `decided`、決定できる人なら、自分を待つか終わるまで",
    ),
    ("Give up after this many seconds, at most 100", "この秒数であきらめます（100 まで）"),
    ("Nothing of it waits for a person's yes or no", "承認か却下を待つものがなくなった"),
    ("It has succeeded, was stopped, or needs a new plan", "成功した、停止された、または新しいプランが必要になった"),
    // Sessions.
    ("Make, list, show and stop sessions", "セッションを作成、一覧、表示、停止します"),
    ("Make a session", "セッションを作ります"),
    ("What it is for", "目標"),
    ("Apply nothing", "何も適用しません"),
    ("How strictly it is held", "安全設定"),
    ("The ticket it belongs to", "関係するチケット"),
    ("List sessions, newest first", "セッションを新しい順に一覧します"),
    ("Only those with this status", "この状態のものだけ"),
    ("Also the sessions that `calt doctor` made and stopped", "`calt doctor` が作って停止したセッションも含めます"),
    ("Show one session", "一つのセッションを表示します"),
    (
        "Print what a session wrote as one patch, as `git apply` takes it",
        "セッションが書いたものを、`git apply` できる一つのパッチとして出力します",
    ),
    ("With nothing masked; that is recorded", "何も伏せません。そのことは記録されます"),
    ("Stop a session for good", "セッションを停止します。再開はできません"),
    // Plans.
    ("Check, import, show, approve and reject plans", "プランを検査、取り込み、表示、承認、却下します"),
    ("Check a plan and show every problem at once", "プランを検査し、問題を一度にすべて表示します"),
    (
        "Turn a diff on standard input into a plan on standard output: a preview, an apply, and tests",
        "標準入力の差分を、プレビュー、適用、テストからなるプランにして標準出力へ書きます",
    ),
    (
        "Add a step that runs this command, such as `python -m pytest -q`; may be given more than once",
        "このコマンドを実行するステップを加えます（例: `python -m pytest -q`）。何度でも指定できます",
    ),
    ("The plan's title [default: the names of the files]", "プランの題 [既定: ファイルの名前]"),
    ("Hand a plan to a session", "プランをセッションに取り込みます"),
    ("Show a plan version", "ある版のプランを表示します"),
    ("The version [default: the newest]", "版 [既定: 最新]"),
    ("See a plan version and say yes to it", "ある版のプランを見て承認します"),
    ("The version; without it the newest", "版。省くと最新"),
    (
        "Say yes to its steps too, but for those that write, are of high risk, or use what is not there yet",
        "ステップも承認します。書き込むもの、高リスクのもの、まだないものを使うものは除きます",
    ),
    (
        "Say yes without being asked; recorded as an unattended yes",
        "質問なしに承認します。人の確認のない承認として記録されます",
    ),
    ("Say no to a plan version", "ある版のプランを却下します"),
    ("The plan's version, a number", "プランの版（数字）"),
    // Steps.
    ("Show, approve, reject, skip and execute steps", "ステップを表示、承認、却下、実行します。飛ばすこともできます"),
    ("Show a step as it would run now", "ステップを、今実行する場合の内容で表示します"),
    (
        "See steps as they are now and say yes to them, to all or to none",
        "ステップの今の内容を見て、まとめて承認します。一部だけの承認にはなりません",
    ),
    ("The step, or several; one of high risk stands alone", "ステップ。複数でも構いませんが、高リスクのものは単独で"),
    ("All that can be approved now, but for those of high risk", "今承認できるすべて。高リスクのものは除きます"),
    (
        "Say yes without being asked, for low and medium risk; recorded as an unattended yes",
        "リスク低と中を質問なしに承認します。人の確認のない承認として記録されます",
    ),
    ("With --yes: also for high risk", "--yes とともに: 高リスクも承認します"),
    ("Say no to a step", "ステップを却下します"),
    ("See a step and leave it out", "ステップを見て、飛ばします"),
    ("Why", "理由"),
    (
        "Leave it out without being asked; recorded as an unattended yes",
        "質問なしに飛ばします。人の確認のない承認として記録されます",
    ),
    ("Execute an approved step", "承認済みのステップを実行します"),
    ("Confirm high risk", "高リスクであることを確認済みとします"),
    // Logs.
    ("Search and follow the record", "記録を検索し、追います"),
    ("Find events by words, newest first", "イベントを語で検索し、新しい順に表示します"),
    (
        "The words, in English or Japanese; without any, the newest events",
        "語（英語でも日本語でも）。省くと最新のイベント",
    ),
    ("Only events of this type, such as `step_executed`", "この種類のイベントだけ（例: `step_executed`）"),
    ("Only events this principal caused", "この人やプログラムが起こしたイベントだけ"),
    (
        "Only from this time on: a date here (2026-07-01), or a time with its offset (2026-07-01T09:30:00+09:00)",
        "この時刻以降だけ。ここでの日付（2026-07-01）か、オフセット付きの時刻（2026-07-01T09:30:00+09:00）",
    ),
    ("Only before this time; a date is taken to its end", "この時刻より前だけ。日付ならその日の終わりまで"),
    ("Print events as they happen", "イベントを、起きるたびに表示します"),
    ("Begin after this event number", "この番号のイベントの後から始めます"),
    // Artifacts, tools.
    ("List and fetch what runs left behind", "実行が残した成果物を一覧し、取り出します"),
    ("List a session's artifacts", "セッションの成果物を一覧します"),
    ("Write an artifact's bytes to standard output or a file", "成果物の中身を標準出力かファイルに書きます"),
    ("The artifact's number", "成果物の番号"),
    ("Write here instead of standard output", "標準出力ではなくここに書きます"),
    ("List tools and what they may touch", "ツールと、その触れる範囲を一覧します"),
    ("List the tools", "ツールを一覧します"),
    ("Show what a tool may touch and what it takes", "ツールの触れる範囲と入力を表示します"),
    ("The tool's name, as `calt tools list` shows it", "`calt tools list` に出るツール名"),
    // The record.
    ("Verify, export, back up, restore and repair the record", "記録を検証、書き出し、バックアップ、復元、修復します"),
    (
        "Look whether the record is what it was: every event, the tree, checkpoints, files, the read model",
        "記録が元のままかを検証します: すべてのイベント、木、チェックポイント、ファイル、読み取り用の表",
    ),
    (
        "A session's exported record, instead of the whole log; `-` is standard input",
        "ログ全体の代わりに検証する、書き出したセッションの記録。`-` なら標準入力",
    ),
    (
        "Checkpoints that were kept elsewhere, one or more in a file; `-` is standard input",
        "別の場所に保管したチェックポイント。一つのファイルにいくつあっても構いません。`-` なら標準入力",
    ),
    ("Accept only this key's signatures (`NAME+ID+KEY`)", "この鍵（`NAME+ID+KEY`）の署名だけを認めます"),
    (
        "Write a backup to a new file, while the daemon works or without one",
        "新しいファイルにバックアップを書きます。デーモンが動いていても構いません",
    ),
    ("The file; an existing one is not overwritten", "ファイル。すでにあるものには上書きしません"),
    ("Leave the files of the workspaces out", "ワークスペースのファイルを除きます"),
    (
        "Fill an empty data root from a backup, once it has been checked",
        "バックアップを検証してから、空のデータディレクトリーに復元します",
    ),
    ("The backup", "バックアップ"),
    (
        "Make the read model again from the log; no daemon may run",
        "読み取り用の表をログから作り直します。デーモンは止めておきます",
    ),
    (
        "Make the search index again from the log; no daemon may run",
        "検索の索引をログから作り直します。デーモンは止めておきます",
    ),
    (
        "Take a log that lost acknowledged events as it is, so that the daemon writes again",
        "確定したイベントを失ったログをそのまま受け入れ、デーモンがまた書けるようにします",
    ),
    (
        "Write a session's record to a file that proves itself; `calt record verify FILE` checks it anywhere",
        "セッションの記録を、それだけで証明になるファイルに書き出します。`calt record verify FILE` でどこでも検証できます",
    ),
    (
        "The file; `-` is standard output [default: <session>.calt-record]",
        "ファイル。`-` なら標準出力 [既定: <session>.calt-record]",
    ),
    (
        "Let the text of one event go for good: out of the log, the index, the files, and the bytes on disk",
        "一つのイベントの文面を、ログ、索引、ファイル、ディスク上のバイトから完全に消します",
    ),
    ("The event's number", "イベントの番号"),
    ("Why; it is kept in the log", "理由。ログに残ります"),
    ("Do not ask; without a terminal nobody is asked", "質問しません。端末がなければ、だれにも質問しません"),
    (
        "Say from which session a commit came that `calt land` made, and whether it is what that session wrote",
        "`calt land` が作ったコミットがどのセッションから来たか、そのセッションが書いたとおりかを答えます",
    ),
    ("The commit", "コミット"),
    (
        "Sign a checkpoint over the log as it is and print it, to keep where nobody can change it",
        "今のログのチェックポイントに署名して表示します。だれも変更できない場所に保管してください",
    ),
    ("Print the newest that was signed instead of signing one", "署名せず、最新の署名済みのものを表示します"),
    // People, PINs, tokens.
    ("Add, list and remove people", "人を追加、一覧、削除します"),
    ("Add a person", "人を追加します"),
    ("What they may do", "役割"),
    ("The name they are shown by", "表示名"),
    ("The id of their Discord account", "Discord のアカウントの id"),
    ("List people, agents and surfaces", "人、エージェント、操作の出どころを一覧します"),
    ("Remove a person; their tokens end with it", "人を削除します。そのトークンも失効します"),
    (
        "Set, change and remove the PIN that a person's decisions ask for; no daemon may run",
        "決定のときに尋ねる PIN を設定、変更、削除します。デーモンは止めておきます",
    ),
    (
        "Set a first PIN: from then on every yes, no and skip of that person asks for it",
        "最初の PIN を設定します。以後、その人の決定のたびに尋ねます",
    ),
    ("Whose, instead of the owner's", "だれの PIN か。省くと所有者"),
    ("Set another PIN; the one that stands is asked for", "PIN を変更します。今の PIN を尋ねます"),
    ("Remove a PIN; it is asked for", "PIN を削除します。その PIN を尋ねます"),
    (
        "It is forgotten: the owner's is asked for instead; the first owner's own is removed by root alone",
        "忘れた場合に。代わりに所有者の PIN を尋ねます。最初の所有者自身の PIN は root だけが外せます",
    ),
    ("Make, list and revoke tokens", "トークンを作成、一覧、失効します"),
    ("Make a token; it is shown this once", "トークンを作ります。表示されるのは一度だけです"),
    (
        "Whom it proves, made when nobody has that name; without it a name of calt's own",
        "トークンの持ち主。いなければ作ります。省くと calt が名前を付けます",
    ),
    ("The person whom it proves, who is there already", "トークンの持ち主となる、すでに登録された人"),
    (
        "What it may do: viewer reads, agent also proposes and executes, approver decides, relay is for a chat, owner all",
        "役割: viewer は閲覧、agent は加えて提案と実行、approver は決定、relay はチャット用、owner はすべて",
    ),
    ("When it ends, such as 2026-12-31T18:00:00+09:00", "期限（例: 2026-12-31T18:00:00+09:00）"),
    ("List tokens by their public names", "トークンを公開名で一覧します"),
    ("Take a token back", "トークンを失効させます"),
    ("The token's public name", "トークンの公開名"),
    // Workspaces.
    (
        "Name, list and remove the directories sessions may work on",
        "セッションが使ってよいディレクトリーに名前を付け、一覧し、外します",
    ),
    ("Give a workspace a name", "ワークスペースに名前を付けます"),
    ("The directory; none for --kind own", "ディレクトリー。--kind own では不要です"),
    (
        "A new empty one each time, a copy of the git repository each time, or the directory itself",
        "毎回新しい空のもの（own）、毎回 git リポジトリーの写し（snapshot）、ディレクトリーそのもの（attach）",
    ),
    (
        "Files a snapshot takes along though git ignores them, such as '.venv/**'; may be given more than once",
        "git が無視していても写しに含めるファイル（例: '.venv/**'）。何度でも指定できます",
    ),
    ("List workspaces", "ワークスペースを一覧します"),
    (
        "Take a workspace's name away; its directory stays as it is",
        "ワークスペースから外します。ディレクトリーはそのままです",
    ),
    // The ways of a person.
    (
        "Say where a session stands, why, and what to do next",
        "セッションの今の状態、その理由、次に打つコマンドを表示します",
    ),
    (
        "Make a plan that takes back what calt wrote; nothing is written until you approve it",
        "calt が書いたものを元へ戻すプランを作ります。承認するまで何も書き込みません",
    ),
    (
        "One run of it; without it everything since the session first wrote",
        "その中の一つの実行。省くと、最初に書いてからのすべて",
    ),
    (
        "Land what a session wrote on the repository it began from; your working tree stays as it is",
        "セッションが書いたものを、元のリポジトリーに反映します。作業ツリーは元のままです",
    ),
    (
        "As what: a new branch, a commit under refs/calt, or a patch for `git am`",
        "反映の形: 新しいブランチ、refs/calt の下のコミット、`git am` のためのパッチ",
    ),
    ("A new branch on the base commit", "元のコミットの上の新しいブランチ"),
    ("A commit with no branch", "ブランチのないコミット"),
    ("A patch file", "パッチのファイル"),
    (
        "The commit it builds on [default: the one the workspace is a snapshot of]",
        "土台にするコミット [既定: ワークスペースの写しの元]",
    ),
    (
        "The new branch [default: calt/<end of the session's id>]",
        "新しいブランチ [既定: calt/<セッションの id の末尾>]",
    ),
    (
        "The commit's message, above the lines that lead back to the record [default: the session's goal]",
        "コミットのメッセージ。後に記録を指す行が続きます [既定: セッションの目標]",
    ),
    ("The file for a patch [default: standard output]", "パッチを書くファイル [既定: 標準出力]"),
    (
        "Also when the session has not succeeded, and without files that somebody else changed",
        "セッションが成功していなくても反映します。ほかで変更されたファイルは除きます",
    ),
    ("Show on one screen how calt works", "calt のしくみを一画面で示します"),
    ("Check what is set up and what is missing, with the fix", "整っているもの、足りないもの、その直し方を調べます"),
    ("Try calt on a small plan, with one refusal shown", "小さなプランで calt を試します。拒否される例も一つ見せます"),
    ("A plan of your own instead of the built-in one", "組み込みのものの代わりに使う自分のプラン"),
    ("Be led through a run, question by question", "質問に答えながら実行します"),
    ("Choose a plan and run it", "プランを選んで実行します"),
    // What works in its own process.
    (
        "Run the daemon in the foreground, or stop the one in the background",
        "デーモンをフォアグラウンドで動かすか、バックグラウンドのデーモンを終了します",
    ),
    ("The address to listen on [default: 127.0.0.1]", "待ち受けるアドレス [既定: 127.0.0.1]"),
    ("The port; 0 takes a free one [default: 8000]", "ポート。0 なら空いているもの [既定: 8000]"),
    (
        "Ask the daemon of this data root to end, and wait",
        "このデータディレクトリーのデーモンに終了を求め、終わるまで待ちます",
    ),
    (
        "Run the Discord bot in the foreground, with a relay's token (docs/discord.md)",
        "Discord のボットを、relay のトークンを使ってフォアグラウンドで動かします（docs/discord.md）",
    ),
    ("Print completions for a shell, or write the man pages", "シェルの補完を出力するか、man ページを書きます"),
    ("For which shell", "どのシェル用か"),
    ("Write one man page a command into this directory", "コマンドごとの man ページをこのディレクトリーに書きます"),
];
