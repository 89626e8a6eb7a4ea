//! Sentences that come whole, without a code for each: what is wrong with a plan and how to mend it, why a layer of
//! isolation does not hold, what was found in the record, how the bot is set up.
//!
//! They are recognized by their English, value by value. What is not recognized stays as it came.

mod bot;
mod plans;
mod record;
mod refused;
mod system;
mod work;

use serde_json::Value;

use super::Language;
use super::codes::retold;

impl Language {
    /// A sentence of the daemon, of the bot or of an offline command; `None` where it is not known or needs no translation.
    pub fn sentence(self, english: &str) -> Option<String> {
        match self {
            Self::English => None,
            Self::Japanese => SENTENCES.iter().flat_map(|group| *group).find_map(|(template, japanese)| {
                retold(template, japanese, english, &|value| japanese_part(value).unwrap_or_else(|| value.to_owned()))
            }),
        }
    }

    /// What the operating system says went wrong; `None` where it is not known or needs no translation.
    pub fn system_error(self, english: &str) -> Option<String> {
        let table = match self {
            Self::Japanese if english.ends_with(')') => system::ERRORS,
            Self::English | Self::Japanese => return None,
        };
        table.iter().find_map(|(template, japanese)| retold(template, japanese, english, &str::to_owned))
    }

    /// The same, where nothing has to be known: the sentence in this language, or as it came.
    pub fn told(self, english: &str) -> String {
        self.sentence(english).unwrap_or_else(|| english.to_owned())
    }

    /// Several lines, each a sentence of its own.
    pub fn told_lines(self, text: &str) -> String {
        text.split('\n').map(|line| self.told(line)).collect::<Vec<_>>().join("\n")
    }
}

/// The arguments of a problem, where they are sentences of the daemon and not names.
pub(super) fn arguments_in_japanese(args: &Value) -> Value {
    let mut args = args.clone();
    if let Some((_, act)) = ACTS.iter().find(|(act, _)| args["act"] == **act) {
        args["act"] = Value::from(*act);
    }
    if let Some(status) = args["status"].as_str().and_then(|status| Language::Japanese.session_status(status)) {
        args["status"] = Value::from(status);
    }
    for name in ["what", "reason", "unit"] {
        if let Some(text) = args[name].as_str() {
            let told = Language::Japanese.sentence(text).or_else(|| japanese_part(text));
            if let Some(told) = told {
                args[name] = Value::from(told);
            }
        }
    }
    args
}

/// What a role may or may not.
const ACTS: &[(&str, &str)] = &[
    ("read", "閲覧"),
    ("make a strict session", "strict のセッションの作成"),
    ("make a dev session", "dev のセッションの作成"),
    ("import a plan", "プランの取り込み"),
    ("approve, reject or skip", "承認、却下、ステップを飛ばすこと"),
    ("execute what is approved", "承認済みのものの実行"),
    ("confirm high risk", "高リスクの確認"),
    ("stop a session of its own", "自分のセッションの停止"),
    ("stop a session of somebody else", "ほかの人のセッションの停止"),
    ("take the record of a session away", "セッションの記録の持ち出し"),
    ("see unmasked what a session wrote", "セッションが書いた内容を伏せずに見ること"),
    ("speak for the persons of a chat", "チャットの人に代わって話すこと"),
    ("see or change people and tokens, or change workspaces", "人とトークンの閲覧と変更、ワークスペースの変更"),
    ("end a run or speak for the daemon", "実行を終わらせること、デーモンとして話すこと"),
    ("type the PIN of somebody else", "ほかの人の PIN の入力"),
];

/// Parts of sentences: types, and what something is in.
fn japanese_part(part: &str) -> Option<String> {
    let unchanged = |value: &str| japanese_part(value).unwrap_or_else(|| value.to_owned());
    let parts = PARTS.iter().chain(refused::PARTS).chain(record::FILE_FAULTS).chain(system::ERRORS);
    parts.into_iter().find_map(|(template, japanese)| retold(template, japanese, part, &unchanged))
}

const PARTS: &[(&str, &str)] = &[
    ("a list", "一覧"),
    ("a mapping", "マッピング"),
    ("an integer", "整数"),
    ("a number", "数"),
    ("a text", "文字列"),
    ("a value", "値"),
    ("`true` or `false`", "`true` か `false`"),
    ("a list or a mapping", "一覧かマッピング"),
    ("a text or a list", "文字列か一覧"),
    ("nothing", "空"),
    ("empty", "空"),
    ("a plan", "プラン"),
    ("a step", "ステップ"),
    ("`inputs` of {tool}", "{tool} の `inputs`"),
    ("entry {number} of {what}", "{what} の {number} 番目"),
    ("from {least} to {most}", "{least} から {most} まで"),
    ("of at least {least}", "{least} 以上"),
    ("of at most {most}", "{most} 以下"),
    ("the record", "記録"),
    ("the key", "鍵"),
    ("the checkpoint", "チェックポイント"),
    ("`{command}` makes it again", "`{command}` で作り直せます"),
    ("table", "テーブル"),
    ("trigger", "トリガー"),
    ("index", "インデックス"),
    ("view", "ビュー"),
    ("the body", "本文"),
    ("the directory", "ディレクトリー"),
    ("the list", "一覧"),
    ("the name", "名前"),
    ("the query", "検索の条件"),
    ("the reason", "理由"),
    ("the role", "役割"),
    ("principal `{name}`", "`{name}`"),
    ("session `{session}`", "セッション `{session}`"),
    ("process {pid}, which listens on {address}", "{address} で待ち受けるプロセス {pid}"),
    ("process {pid}, which is starting", "起動中のプロセス {pid}"),
    ("the database", "データベース"),
    ("the data root", "データディレクトリー"),
    ("the data directory", "データディレクトリー"),
];

const SENTENCES: &[&[(&str, &str)]] = &[
    work::FAILURES,
    work::INPUTS,
    work::REQUESTS,
    plans::PLANS,
    plans::FIXES_OF_PLANS,
    ISOLATION,
    bot::SET_UP,
    record::RECORD,
    SETTINGS,
    PINS,
    UNDO,
    refused::VALUES,
    refused::DIRECTORIES,
    refused::RUNS,
    refused::START,
    refused::ANY,
];

/// Layers of isolation.
const ISOLATION: &[(&str, &str)] = &[
    ("version {version}", "版 {version}"),
    ("this kernel has none", "このカーネルにはありません"),
    (
        "a kernel from 6.12 on parts signals and abstract sockets as well",
        "カーネル 6.12 以降なら、シグナルと抽象ソケットも分離されます",
    ),
    (
        "a kernel from 6.2 on, with `landlock` among its security modules (`lsm=`)",
        "カーネル 6.2 以降と、セキュリティーモジュール（`lsm=`）の `landlock` が必要です",
    ),
    (
        "the daemon runs as root; commands run as an unprivileged user",
        "デーモンが root で動いています。コマンドは権限のないユーザーで実行します",
    ),
    ("run calt as an ordinary user", "calt を一般ユーザーで動かしてください"),
    ("every probe was held", "試行はすべて阻止されました"),
    ("files are opened by the kernel's own walk", "ファイルはカーネル自身の探索（openat2）で開きます"),
    (
        "an AppArmor profile for calt with the line `userns,` (abi <abi/4.0>, flags=(unconfined))",
        "`userns,` の行がある calt の AppArmor プロファイルが必要です（abi <abi/4.0>、flags=(unconfined)）",
    ),
    (
        "allow user namespaces: user.max_user_namespaces above 0; in a container, a seccomp profile that allows clone and unshare with CLONE_NEWUSER, and unmasked /proc",
        "ユーザー名前空間を許可してください: user.max_user_namespaces を 0 より大きく。コンテナーでは、CLONE_NEWUSER 付きの clone と unshare を許す seccomp プロファイルと、隠されていない /proc も必要です",
    ),
    (
        "a data root that the user commands run as can reach; `isolation.run_as` names that user",
        "コマンドを実行するユーザーの届くデータディレクトリーにしてください。そのユーザーは `isolation.run_as` で決まります",
    ),
    ("layer `{layer}` did not come up: {reason}", "層 `{layer}` が有効になりません: {reason}"),
    (
        "this kernel has Landlock {abi}, and the box needs {least}",
        "このカーネルの Landlock は {abi} です。サンドボックスには {least} が必要です",
    ),
    ("the rules are not enforced in full", "規則の一部が効きません"),
    ("the helper cannot be started: {error}", "補助プロセスを起動できません: {error}"),
    ("the helper ended", "補助プロセスが終了しました"),
    ("the probe ended with {code}", "試行が {code} で終了しました"),
    ("the probe ended without a word", "試行が何も言わずに終了しました"),
    (
        "in the box `{name}` this works and must not: {what}",
        "サンドボックス `{name}` の中で、できてはならないことができます: {what}",
    ),
];

/// The plan that takes back what was written: what it is called, and why it leaves something alone.
const UNDO: &[(&str, &str)] = &[
    ("Take back run {run} of {session}", "{session} の実行 {run} を元へ戻す"),
    ("Take back what {session} wrote", "{session} が書いたものを元へ戻す"),
    (
        "a rename ties it to `{other}`, which is left alone",
        "名前の変更で `{other}` と結び付いていて、そちらはそのままにします",
    ),
    (
        "somebody changed it after run {run}; that and what was before it stays",
        "実行 {run} の後にほかで変更されています。その変更と、それより前の内容は残ります",
    ),
    ("what it was before run {run} cannot be had: {why}", "実行 {run} の前の内容を取り出せません: {why}"),
    ("run {run} wrote it after run {last}", "実行 {last} の後、実行 {run} が書き込みました"),
    ("somebody removed it since run {last}", "実行 {last} の後、ほかで削除されています"),
    ("somebody wrote it since run {last}", "実行 {last} の後、ほかで書き込まれています"),
    ("somebody changed its permission bits since run {last}", "実行 {last} の後、ほかで許可が変更されています"),
    ("somebody changed it since run {last}", "実行 {last} の後、ほかで変更されています"),
    ("its name would read as a reference in a plan", "名前が、プランの中では参照と読まれてしまいます"),
];

/// Settings that cannot be used.
const SETTINGS: &[(&str, &str)] = &[
    ("unknown setting `{key}` in {origin}", "{origin} の `{key}` という設定はありません"),
    ("setting `{key}` is not valid: {reason}", "設定 `{key}` が正しくありません: {reason}"),
    ("configuration file `{path}` cannot be read: {reason}", "設定ファイル `{path}` を読めません: {reason}"),
    (
        "no data directory: neither `--data-root` nor `XDG_DATA_HOME` nor `HOME` is set",
        "データの置き場所がありません。`--data-root` も `XDG_DATA_HOME` も `HOME` も設定されていません",
    ),
];

/// PINs, typed in the daemon's place.
const PINS: &[(&str, &str)] = &[
    ("`{person}` has a PIN already", "`{person}` にはすでに PIN があります"),
    ("Your PIN, as the owner: ", "所有者としてのあなたの PIN: "),
    ("The PIN of {person} as it is: ", "{person} の今の PIN: "),
    ("The PIN of {person}: ", "{person} の PIN: "),
    ("The new PIN of {person}, {least} to {most} characters: ", "{person} の新しい PIN（{least} から {most} 文字）: "),
    ("The same once more: ", "もう一度: "),
    (
        "the PIN of {person} stands; a yes, no or skip of theirs asks for it, once for each plan version and ten minutes",
        "{person} の PIN を設定しました。これからは、この人が決定するとき、プランの版ごとに一度 PIN を尋ねます（10 分間有効）",
    ),
    ("the PIN of {person} was changed", "{person} の PIN を変更しました"),
    (
        "{person} has no PIN any more; their token alone decides",
        "{person} の PIN を削除しました。これからはトークンだけで決定できます",
    ),
    (
        "a PIN has {least} to {most} characters; this one has {chars}",
        "PIN は {least} から {most} 文字です。これは {chars} 文字です",
    ),
    ("the two are not the same", "二つが一致しません"),
    (
        "nothing was changed: no PIN was typed that is long enough, twice the same",
        "十分な長さの同じ PIN が二回入力されなかったため、何も変更していません",
    ),
    ("too many wrong PINs: locked until {time}", "PIN の間違いが続いたため、{time} までロックされています"),
    ("the input ended without a PIN; nothing was changed", "PIN のないまま入力が終わりました。何も変更していません"),
    ("a PIN is typed on a terminal, and there is none: {error}", "PIN は端末で入力しますが、端末がありません: {error}"),
    ("run it in a terminal, with nothing piped in", "端末で、パイプを使わずに実行してください"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_act_is_told() {
        for act in calt_core::policy::Act::ALL {
            assert!(ACTS.iter().any(|(english, _)| *english == act.words()), "{}", act.words());
        }
        let args = arguments_in_japanese(&serde_json::json!({"role": "agent", "act": "read"}));
        assert_eq!(args["act"], "閲覧");
    }

    #[test]
    fn a_sentence_holds_the_same_values_in_both_languages() {
        for (english, japanese) in SENTENCES
            .iter()
            .flat_map(|group| *group)
            .chain(PARTS)
            .chain(refused::PARTS)
            .chain(record::FILE_FAULTS)
            .chain(system::ERRORS)
        {
            let names = |text: &'static str| -> BTreeSet<&str> {
                text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
            };
            assert_eq!(names(english), names(japanese), "{english}");
            assert_eq!(english.ends_with(' '), japanese.ends_with(' '), "{english}");
        }
    }

    #[test]
    fn no_sentence_is_taken_for_an_earlier_one() {
        let all: Vec<_> = SENTENCES.iter().flat_map(|group| *group).collect();
        for (place, (english, japanese)) in all.iter().enumerate() {
            let earlier =
                all[..place].iter().find(|(template, _)| retold(template, "", english, &str::to_owned).is_some());
            assert!(earlier.is_none(), "`{english}` ({japanese}) is read as `{}`", earlier.unwrap().0);
        }
    }

    /// The list is made by the tests of the plan reader, out of every plan that is refused there.
    #[test]
    fn what_is_said_of_malformed_plans_is_known() {
        const SNAPSHOT: &str = include_str!(
            "../../../core/tests/it/plans/snapshots/it__plans__malformed__what_is_said_of_malformed_plans_stands_in_a_list.snap"
        );
        // These quote the parser.
        const QUOTED: [&str; 2] = ["syntax", "unknown_alias"];
        let lines = SNAPSHOT.lines().filter_map(|line| {
            let (code, rest) = line.split_once('\t')?;
            let (message, fix) = rest.split_once('\t')?;
            Some((code, message, fix))
        });
        let lines: Vec<_> = lines.collect();
        assert!(lines.len() > 100, "{}", lines.len());
        let known = |english: &str| Language::Japanese.sentence(english).is_some();
        let unknown = lines.iter().filter(|(code, message, _)| !known(message) && !QUOTED.contains(code));
        let unknown: Vec<_> = unknown.chain(lines.iter().filter(|(_, _, fix)| !known(fix))).collect();
        assert!(unknown.is_empty(), "{unknown:#?}");
    }

    #[test]
    fn parts_of_a_sentence_are_told_too_and_what_is_unknown_stays() {
        let told = |english: &str| Language::Japanese.told(english);
        assert_eq!(told("`steps` is a text, not a list"), "`steps` が文字列になっています。必要なのは一覧です");
        assert_eq!(told("write a number from 1 to 5"), "1 から 5 までの数を書いてください");
        assert_eq!(
            told("`x` is not known in `inputs` of `read_file`"),
            "`read_file` の `inputs` に `x` という入力はありません"
        );
        assert_eq!(
            told("FAIL  line 3: the file is cut: its last line is missing"),
            "FAIL  3 行目: ファイルが途中で切れていて、最後の行がありません"
        );
        let key = "the key `x` cannot be used: a key reads NAME+ID+BASE64, as `calt record checkpoint` says it";
        assert_eq!(
            told(key),
            "鍵 `x` を使えません: 鍵は NAME+ID+BASE64 の形です（`calt record checkpoint` で表示されます）"
        );
        assert_eq!(told("a newer calt's sentence"), "a newer calt's sentence");
        assert_eq!(Language::Japanese.told_lines("root ab\n\nrest\n"), "ルート ab\n\nrest\n");
        assert_eq!(Language::English.told("write the value"), "write the value");
    }
}
