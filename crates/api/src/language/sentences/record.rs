//! What was found in the record, and what was done with it: English, Japanese.

/// The record, verified, exported, kept and mended.
pub(super) const RECORD: &[(&str, &str)] = &[
    ("the record is what it was: 1 event", "記録は元のままです: イベント 1 件"),
    ("the record is what it was: {events} events", "記録は元のままです: イベント {events} 件"),
    ("the record is not what it was: 1 event", "記録は元のままではありません: イベント 1 件"),
    ("the record is not what it was: {events} events", "記録は元のままではありません: イベント {events} 件"),
    (
        "Held against itself only; a checkpoint kept elsewhere proves more: `--checkpoint FILE`",
        "記録自身とだけ突き合わせました。別の場所に保管したチェックポイントなら、より多くを証明できます: `--checkpoint FILE`",
    ),
    (
        "PASS  {events} events and {files} files of {session}",
        "PASS  {session} のイベント {events} 件とファイル {files} 件",
    ),
    ("signed over {events} events by {key}", "{events} 件のイベントへの署名: {key}"),
    (
        "note: the text of event {event} was removed before the export",
        "注: イベント {event} の文面は、書き出す前に削除されました",
    ),
    ("note: not in the file: {what}", "注: このファイルにないもの: {what}"),
    ("the file is not the record it says it is", "記録が書き換えられているか、壊れています"),
    ("FAIL  line {line}: {what}", "FAIL  {line} 行目: {what}"),
    (
        "it has the form of another calt; the next start of the daemon makes it again",
        "別のバージョンの calt の形です。デーモンが次に起動するときに作り直します",
    ),
    ("root {root}", "ルート {root}"),
    ("{events} events, {files} files, {bytes} bytes", "イベント {events} 件、ファイル {files} 件、{bytes} バイト"),
    ("made and checked: {file}", "作成して検証しました: {file}"),
    (
        "left out: {count} sockets, pipes, devices or unreadable things",
        "除いたもの: ソケット、パイプ、デバイス、読めないもの {count} 個",
    ),
    (
        "not in it: the attached directories of {count} sessions, which are yours",
        "含まないもの: {count} 件のセッションがその場で使う、あなたのディレクトリー",
    ),
    ("missing or changed before this backup: {path}", "このバックアップの前から、ないか変更されているもの: {path}"),
    ("… and {more} more", "… ほか {more} 件"),
    (
        "restored into {root}: {events} events, {files} files, as of {at}",
        "{root} に復元しました: イベント {events} 件、ファイル {files} 件、{at} 現在",
    ),
    ("the backup held no workspaces: they are empty", "バックアップにワークスペースのファイルはなく、空になっています"),
    (
        "made again from {events} events: {sessions} sessions, {plans} plans, {steps} steps, {runs} runs, {artifacts} artifacts",
        "{events} 件のイベントから作り直しました: セッション {sessions}、プラン {plans}、ステップ {steps}、実行 {runs}、成果物 {artifacts}",
    ),
    ("the search index was made again from {events} events", "検索の索引を {events} 件のイベントから作り直しました"),
    (
        "the database had damaged pages: a new one was made of its events, the old one is kept as {path}",
        "データベースのページが壊れていました。イベントから新しいものを作り、古いものは {path} に残しました",
    ),
    (
        "no event is missing: the log holds {events} events",
        "失われたイベントはありません。ログには {events} 件のイベントがあります",
    ),
    (
        "the log goes on from {events} events; {missing} that were acknowledged are lost",
        "ログは {events} 件のイベントから続きます。確定していた {missing} 件は失われました",
    ),
    ("there is no database `{path}`", "データベース `{path}` がありません"),
    (
        "`{path}` is not empty: {what}; nothing is ever restored over something else",
        "`{path}` は空ではありません（{what}）。すでにあるものの上には復元しません",
    ),
    (
        "a daemon works on {what} `{path}`, and this changes it: {holder}",
        "{what} `{path}` はデーモンが使用中で、この操作はそれを変更します: {holder}",
    ),
    ("another daemon already uses {what} `{path}`: {holder}", "{what} `{path}` は別のデーモンが使用中です: {holder}"),
    ("{what} `{name}` cannot be used: {why}", "{what} `{name}` を使えません: {why}"),
    ("`{path}` exists already and is not overwritten", "`{path}` はすでにあり、上書きしません"),
    (
        "`{path}` is not a backup that `calt record backup` made",
        "`{path}` は `calt record backup` が作ったバックアップではありません",
    ),
    (
        "`{path}` was made by a newer calt; use that one",
        "`{path}` は新しい calt が作ったものです。その calt を使ってください",
    ),
    ("the backup `{path}` is damaged: {reason}", "バックアップ `{path}` が壊れています: {reason}"),
    (
        "`{path}` is a backup; make a data root of it: calt record restore",
        "`{path}` はバックアップです。calt record restore でデータディレクトリーにしてください",
    ),
    (
        "a restore into `{path}` has not come to its end; begin it again: calt record restore",
        "`{path}` への復元が途中で終わっています。もう一度始めてください: calt record restore",
    ),
    (
        "`{path}` is not a calt database: it belongs to another program",
        "`{path}` は calt のデータベースではありません。別のプログラムのものです",
    ),
    ("the log in `{path}` is damaged: {reason}", "`{path}` のログが壊れています: {reason}"),
    ("the database `{path}` could not be opened: {reason}", "データベース `{path}` を開けませんでした: {reason}"),
    ("the storage is not available: {reason}", "保存先を使えません: {reason}"),
    ("the storage is full", "保存先がいっぱいです"),
    (
        "the log misses {missing} events that were acknowledged before",
        "ログに、確定していた {missing} 件のイベントがありません",
    ),
    ("the log does not fit: {reason}", "ログの内容に矛盾があります: {reason}"),
    // What a verification finds.
    ("the {kind} `{name}` is not calt's", "{kind} `{name}` は calt のものではありません"),
    ("the {kind} `{name}` is missing", "{kind} `{name}` が失われています"),
    ("event {event} is missing", "イベント {event} が失われています"),
    ("it does not have the leaf that stands beside it: it was changed", "隣にある葉と一致しません。変更されています"),
    ("its text is not the one that was recorded: it was changed", "文面が記録されたものと違います。変更されています"),
    ("the manifest of {session} is not what was recorded: {error}", "{session} の写しの一覧が記録と違います: {error}"),
    ("the search index cannot be read; {advice}", "検索の索引を読めません。{advice}"),
    (
        "it holds {held} events and says {indexed}; {advice}",
        "{held} 件のイベントがありますが、{indexed} 件と記されています。{advice}",
    ),
    ("a search for its own words does not find it; {advice}", "自身の語で検索しても見つかりません。{advice}"),
    (
        "the root over {events} events is not the one noted after their commit",
        "{events} 件のイベントのルートが、確定したときのものと違います",
    ),
    ("it and all up to event {event} are missing", "これからイベント {event} までがすべて失われています"),
    (
        "the hash of `{person}`'s PIN is not the one that was recorded: {error}",
        "`{person}` の PIN のハッシュが記録と違います: {error}",
    ),
    (
        "event {event} of {session} is missing or stands elsewhere",
        "{session} のイベント {event} がないか、別の場所にあります",
    ),
    ("it cannot be made from the log: {why}", "ログから作れません: {why}"),
    (
        "{what} of plan v{version} of {session} is not what was recorded: {error}",
        "{session} のプラン v{version} の{what}が記録と違います: {error}",
    ),
    ("no event has such an id: it was added", "その id のイベントはありません。後から加えられています"),
    ("events are missing before it", "その前のイベントが失われています"),
    ("its text was removed, and no event says so", "文面が削除されていますが、そのイベントがありません"),
    (
        "its column `{name}` holds no value of its kind: it was changed",
        "列 `{name}` の値の型が違います。変更されています",
    ),
    ("its checkpoint: {why}", "チェックポイント: {why}"),
    ("its checkpoint cannot be read", "チェックポイントを読めません"),
    (
        "its checkpoint is signed by another key than the given one",
        "チェックポイントの署名の鍵が、指定のものと違います",
    ),
    (
        "{who} is over {size} events; the log holds {held}: events were removed",
        "{who} は {size} 件のイベントのものですが、ログには {held} 件しかありません。イベントが削除されています",
    ),
    (
        "{missing} acknowledged events are missing at the end; `calt record accept-loss` goes on without them",
        "確定していたイベントが末尾で {missing} 件失われています。`calt record accept-loss` で、ないまま続けられます",
    ),
    (
        "artifact {artifact} (`{path}`) is not what was recorded: it was changed",
        "成果物 {artifact}（`{path}`）が記録と違います。変更されています",
    ),
    ("artifact {artifact} (`{path}`) cannot be read: {error}", "成果物 {artifact}（`{path}`）を読めません: {error}"),
    (
        "{rows} rows of `{table}` are missing or changed; `calt record rebuild` makes them again",
        "`{table}` の {rows} 行が失われたか変更されています。`calt record rebuild` で作り直せます",
    ),
    (
        "{rows} rows of `{table}` are not from the log; `calt record rebuild` makes them again",
        "`{table}` の {rows} 行はログにないものです。`calt record rebuild` で作り直せます",
    ),
    (
        "the stored tree is not the one of the leaves; `calt record rebuild` makes it again",
        "保存された木が葉と一致しません。`calt record rebuild` で作り直せます",
    ),
];

/// What is wrong with a line of an exported record, a key or a checkpoint: parts of the sentences above.
pub(super) const FILE_FAULTS: &[(&str, &str)] = &[
    ("it has no end: the file is cut", "行が途中で切れています"),
    ("it is no JSON: {error}", "JSON ではありません: {error}"),
    ("it is not in canonical form (RFC 8785): it was changed", "正規の形（RFC 8785）ではありません。変更されています"),
    ("it comes after the end", "記録の終わりより後にあります"),
    (
        "the file holds {events} events and {files} files, and says otherwise",
        "ファイルにはイベント {events} 件とファイル {files} 件がありますが、記された数と違います",
    ),
    (
        "it is neither an event, a file nor the end, or stands in the wrong place",
        "イベントでもファイルでも終わりの行でもないか、場所が違います",
    ),
    ("the file is empty", "ファイルが空です"),
    ("the file is cut: its last line is missing", "ファイルが途中で切れていて、最後の行がありません"),
    ("it holds no event", "イベントがありません"),
    ("its last event is no `record_exported`", "最後のイベントが `record_exported` ではありません"),
    (
        "`record_exported` names another session or more events than there are: a tail was cut",
        "`record_exported` が示すセッションかイベントの数と違います。末尾が削除されています",
    ),
    (
        "the text of event {event} was removed, and no event says so",
        "イベント {event} の文面が削除されていますが、そのイベントがありません",
    ),
    ("it is no header of the form `{form}`", "`{form}` の形の見出しではありません"),
    ("its header has other fields than it should", "見出しの項目が決まりと違います"),
    ("it names no session", "セッションが示されていません"),
    ("it names no key", "鍵が示されていません"),
    ("it is signed by another key than the given one: by {key}", "指定と違う鍵で署名されています: {key}"),
    ("its checkpoint bears more than one signature", "チェックポイントに署名が二つ以上あります"),
    ("its checkpoint is the one of another log", "チェックポイントが別のログのものです"),
    (
        "its checkpoint over {size} events is not the one given",
        "{size} 件のイベントのチェックポイントが、指定のものと違います",
    ),
    ("its checkpoint: {why}", "チェックポイント: {why}"),
    (
        "it is not event {due} of the session: events were left out, added or moved",
        "セッションのイベント {due} ではありません。イベントが除かれたか、加えられたか、移されています",
    ),
    (
        "the file does not have the digest {sha256}: it was changed",
        "ファイルのダイジェストが {sha256} ではありません。変更されています",
    ),
    ("event {event} has other fields than it should", "イベント {event} の項目が決まりと違います"),
    (
        "event {event} is not the one the checkpoint was signed over: it was changed",
        "イベント {event} が、署名されたチェックポイントのものと違います。変更されています",
    ),
    ("event {event} has no `{name}`", "イベント {event} に `{name}` がありません"),
    (
        "the text of event {event} is not the one that was recorded: it was changed",
        "イベント {event} の文面が記録されたものと違います。変更されています",
    ),
    ("event {event}: its `{name}` cannot be read", "イベント {event} の `{name}` を読めません"),
    (
        "a key reads NAME+ID+BASE64, as `calt record checkpoint` says it",
        "鍵は NAME+ID+BASE64 の形です（`calt record checkpoint` で表示されます）",
    ),
    ("it holds no signed checkpoint", "署名されたチェックポイントがありません"),
    ("a note in it is longer than 16 KiB", "16 KiB を超えるチェックポイントがあります"),
    (
        "it is not a signed checkpoint: three lines, an empty one, and a line for each signature",
        "署名されたチェックポイント（3 行、空行、署名ごとに 1 行）ではありません",
    ),
    ("it is longer than 16 KiB", "16 KiB を超えています"),
    ("it bears no valid signature of this key", "この鍵の正しい署名がありません"),
];
