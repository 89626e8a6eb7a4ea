//! Ways on in Japanese: what who may not decide is told, and what follows an end.

/// English, Japanese.
pub(super) const SENTENCES: &[(&str, &str)] = &[
    // Who may not decide.
    (
        "{name} has role `{role}`, which may not approve, reject or skip: a person decides",
        "{name} の役割は `{role}` で、承認も却下も飛ばすこともできません。決めるのは人です",
    ),
    (
        "plan v{version} waits for a person's yes; role `{role}` may not give it",
        "プラン v{version} は人の承認を待っています。役割 `{role}` では承認できません",
    ),
    ("A person decides now.\n", "ここからは人が決めます。\n"),
    ("Nothing has changed.\n", "まだ何も変わっていません。\n"),
    (
        "the token in CALT_DAEMON_TOKEN is {name}'s, of role {role}: nothing is approved with it",
        "CALT_DAEMON_TOKEN のトークンは {name}（役割 {role}）のもので、これでは何も承認できません",
    ),
    (
        "It belongs to the one program that it is for. Set it in no shell of yours: what is typed there would speak as {name}, which approves nothing.\n",
        "このトークンは、使うプログラムだけに渡してください。自分のシェルには設定しないでください。そこで打つコマンドが {name} のものになり、何も承認できなくなります。\n",
    ),
    ("nothing of session {session} waits for you yet", "セッション {session} に、あなたを待つものはまだありません"),
    // PINs.
    ("Your PIN, to be given every byte of it: ", "伏せた部分も含めて受け取るための PIN: "),
    // What was written.
    (
        "All that this session wrote has been taken back; there is nothing to land.\n",
        "このセッションが書き込んだものは、すべて元に戻りました。反映するものはありません。\n",
    ),
    (
        "what session {session} wrote has been taken back; nothing is left to land",
        "セッション {session} が書き込んだものは元に戻されていて、反映するものが残っていません",
    ),
    ("to land it: {command}", "リポジトリーに反映する: {command}"),
    // After a no.
    ("rejected by {by}: {why}", "{by} が却下: {why}"),
    ("step {step} rejected by {by}: {why}", "{by} がステップ {step} を却下: {why}"),
    ("step {step} failed: {why}", "ステップ {step} が失敗: {why}"),
    ("not run", "未実行"),
    ("rejected: {why}", "却下: {why}"),
    (
        "\nNothing was left to run: all of it was done before.\n",
        "\n実行するものは残っていませんでした。すべて実行済みです。\n",
    ),
    // Plans.
    (
        "edit {name} (line {lines}) as its `fix` says, then: {command}",
        "{name} の {lines} 行目を「直し方」のとおりに直してから: {command}",
    ),
    (
        "edit {name} (lines {lines}) as each `fix` says, then: {command}",
        "{name} の {lines} 行目をそれぞれ「直し方」のとおりに直してから: {command}",
    ),
    (
        "mend what wrote it (line {lines}), as its `fix` says",
        "これを書き出した側で、{lines} 行目を「直し方」のとおりに直してください",
    ),
    (
        "mend what wrote it (lines {lines}), as each `fix` says",
        "これを書き出した側で、{lines} 行目をそれぞれ「直し方」のとおりに直してください",
    ),
];
