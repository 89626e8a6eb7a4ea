//! Where the locale is Japanese the command line speaks Japanese, whole screens of it, and its data stays English.

use calt_api::Language;
use calt_tests::{Ran, Terminal, World};
use serde_json::json;

const LANG: &str = "ja_JP.UTF-8";
const FIRST_LOOK: &str = "[y] はい、[n] いいえ、[d] 詳細、[s] ステップを飛ばす: ";
const PLAN: &str = "title: 六つのファイルを書く
session_goal: 見てから書く
steps:
  - {id: look, title: 一覧を見る, tool: list_dir, inputs: {path: .}}
  - id: write
    title: 書く
    change:
      files:
        - {path: a, content: \"一行目\\n\"}
        - {path: b, content: \"1\\n\"}
        - {path: c, content: \"1\\n\"}
        - {path: d, content: \"1\\n\"}
        - {path: e, content: \"1\\n\"}
        - {path: f, content: \"1\\n\"}
  - id: test
    title: 読む
    tool: run_shell_readonly
    inputs: {command: cat a}
    expected_observation: 一行目
    preconditions: [ファイルがある]
";
const BAD: &str = "title: 悪いプラン\nsteps:\n  - {id: a, title: 一覧, tool: list_dirr}\n";
const OUTSIDE: &str =
    "title: 外を読む\nsteps:\n  - {id: a, title: 読む, tool: read_file, inputs: {path: ../x}, risk: low}\n";

fn world(language: &str) -> World {
    let world = World::with(&[("LANG", language)]);
    for (name, plan) in [("plan.yaml", PLAN), ("bad.yaml", BAD), ("outside.yaml", OUTSIDE)] {
        std::fs::write(world.home().join(name), plan).unwrap();
    }
    world
}

/// Words of a person's English: no id, no path, no number, no verdict in capitals.
fn english_words(text: &str) -> usize {
    let bare = |word: &str| word.trim_matches([':', ',', '.', ';', '?', '(', ')']).to_owned();
    let is_english = |word: &String| {
        let is_verdict = word.chars().all(|c| c.is_ascii_uppercase());
        word.len() > 1 && !is_verdict && word.chars().all(|c| c.is_ascii_alphabetic())
    };
    text.split_whitespace().map(bare).filter(is_english).count()
}

/// The lines that a reader of Japanese alone would not understand. Commands, fields of a plan, diffs, outputs and
/// single words (a status, a tool, what stands in a cell of a table) are nobody's sentences.
fn english_lines(screen: &str) -> Vec<&str> {
    let is_sentence = |line: &&str| {
        let bare = line.trim_start();
        let is_field =
            bare.split_whitespace().next().is_some_and(|word| word.ends_with(':') && bare.len() < line.len());
        let is_quoted = ["│", "|", "+", "-", "@", "$ "].iter().any(|sign| bare.starts_with(sign));
        let said = bare.split("calt ").next().unwrap_or_default();
        let is_labelled = ["error:", "hint:", "fix:", "goal:", "next:"].iter().any(|label| bare.starts_with(label));
        let is_japanese = said.chars().any(|c| ('ぁ'..='鿿').contains(&c));
        let has_words = said.split("  ").any(|cell| english_words(cell) > 1);
        is_labelled || (!is_field && !is_quoted && !is_japanese && has_words)
    };
    screen.lines().filter(is_sentence).collect()
}

fn speaks_japanese(ran: &Ran, code: i32) {
    assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
    let screen = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(english_lines(&screen), [""; 0], "{screen}");
}

#[test]
fn the_check_finds_english_sentences() {
    let ran = world("en_US.UTF-8").calt(&["run", "plan.yaml", "--yes"]);
    let screen = format!("{}{}", ran.stdout, ran.stderr);
    let found = english_lines(&screen);
    for line in ["Commands run with isolation", "step 1 of 4: look", "The record of", "the files are in"] {
        assert!(found.iter().any(|found| found.contains(line)), "{line}: {found:#?}");
    }
}

#[test]
fn a_whole_run_is_asked_and_told_in_japanese() {
    let world = world(LANG);
    let terminal = Terminal::run(&world, 80, &["run", "plan.yaml"]);
    terminal.waits_for(FIRST_LOOK, 1);
    terminal.types("何か");
    terminal.waits_for("y、n、d、s のどれかで答えてください。", 1);
    terminal.types("はい");
    let number = "6 件に書き込むなら 6 と入力、[n] いいえ、[d] 詳細、[s] ステップを飛ばす: ";
    terminal.waits_for(number, 1);
    terminal.types("はい");
    terminal.waits_for("承認するにはファイルの数 6 を入力してください。ほかは n、d、s のどれかです。", 1);
    terminal.types("６");
    terminal.waits_for("exit 0", 1);
    let screen = terminal.history();
    assert_eq!(english_lines(&screen), [""; 0], "{screen}");
    for said in [
        "プラン v1 — 六つのファイルを書く",
        "リスク中",
        "ファイル 6 件、+6 −0",
        "ステップ 4/4: test 成功（",
        "の記録（成功）",
        "ステップ write_apply を承認",
        "a に書き込み",
        "記録: calt logs search",
    ] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    let decided = world.owner().get("/api/v1/sessions").expect(200).json()["items"][0]["id"].clone();
    let events = world.owner().get(&format!("/api/v1/sessions/{}/events", decided.as_str().unwrap())).expect(200);
    assert!(events.text().contains("\"step write_apply approved\""), "the record itself is English");
    assert!(events.text().contains(LANG), "the record says in which language it was shown");
}

#[test]
fn a_no_and_its_reason_are_asked_for_in_japanese() {
    let world = world(LANG);
    let terminal = Terminal::run(&world, 80, &["run", "plan.yaml"]);
    terminal.waits_for(FIRST_LOOK, 1);
    terminal.types("いいえ");
    terminal.waits_for("却下の理由: ", 1);
    terminal.types("今ではない");
    let screen = terminal.waits_for("exit 3", 1);
    assert!(screen.contains("エラー: 却下しました。理由は記録に残ります。"), "{screen}");
    assert_eq!(english_lines(&terminal.history()), [""; 0], "{screen}");
}

#[test]
fn commands_and_refusals_are_said_in_japanese() {
    let world = world(LANG);
    speaks_japanese(&world.calt(&["session", "list"]), 0);
    speaks_japanese(&world.calt(&["run", "plan.yaml", "--yes"]), 0);
    let listed = world.owner().get("/api/v1/sessions").expect(200).json();
    let done = listed["items"][0]["id"].as_str().unwrap();
    let open = world.owner().session_with(&json!({"goal": "試す"})).id;
    speaks_japanese(&world.calt(&["explain", &open]), 0);
    speaks_japanese(&world.calt(&["plan", "import", &open, "plan.yaml"]), 0);
    speaks_japanese(&world.calt(&["step", "execute", &open, "look"]), 3);
    speaks_japanese(&world.calt(&["plan", "approve", &open]), 3);
    speaks_japanese(&world.calt(&["inbox"]), 0);
    speaks_japanese(&world.calt(&["explain", &open]), 0);
    speaks_japanese(&world.calt(&["plan", "approve", &open, "--yes"]), 0);
    speaks_japanese(&world.calt(&["step", "approve", &open, "look", "--yes"]), 0);
    speaks_japanese(&world.calt(&["step", "show", &open, "look"]), 0);
    speaks_japanese(&world.calt(&["step", "execute", &open, "look"]), 0);
    speaks_japanese(&world.calt(&["step", "skip", &open, "test", "--reason", "不要", "--yes"]), 0);
    // What a person wrote stays theirs, also where the daemon would say it in the same words.
    speaks_japanese(&world.calt(&["step", "reject", &open, "write_preview", "--reason", "remove it"]), 0);
    let record = world.calt(&["logs", "search", "--session", &open]);
    assert!(record.stdout.contains("ステップ write_preview を却下: remove it"), "{}", record.stdout);
    speaks_japanese(&world.calt(&["explain", &open]), 0);
    speaks_japanese(&world.calt(&["session", "stop", &open]), 0);
    speaks_japanese(&world.calt(&["explain", &open]), 0);
    for command in [
        &["explain", done] as &[&str],
        &["plan", "check", "plan.yaml"],
        &["plan", "show", done],
        &["session", "list"],
        &["session", "show", done],
        &["artifacts", "list", done],
        &["tools", "list"],
        &["tools", "permissions", "read_file"],
        &["person", "list"],
        &["token", "list"],
        &["workspace", "list"],
        &["workspace", "add", "docs", "--kind", "own"],
        &["workspace", "list"],
        &["workspace", "remove", "docs"],
        &["doctor"],
        &["guide"],
        &["quickstart", "--yes"],
    ] {
        speaks_japanese(&world.calt(command), 0);
    }
    let refused = world.calt(&["plan", "check", "bad.yaml"]);
    speaks_japanese(&refused, 2);
    for said in ["`list_dirr` というツールはありません [unknown_tool]", "直し方: `list_dir` のことではありませんか"]
    {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    speaks_japanese(&world.calt(&["plan", "check", "nowhere.yaml"]), 2);
    let failed = world.calt(&["run", "outside.yaml", "--yes"]);
    speaks_japanese(&failed, 1);
    assert!(
        failed.stderr.contains("エラー: ステップ a が失敗: パス `../x` は `..` で上へ出ていて"),
        "{}",
        failed.stderr
    );
    assert!(failed.stdout.contains("a  失敗  パス `../x` は `..` で上へ出ていて"), "{}", failed.stdout);
    let database = world.database();
    let mut statement = database.prepare("SELECT summary FROM events").unwrap();
    let summaries = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for summary in summaries.map(Result::unwrap) {
        assert!(Language::Japanese.event_summary(&summary).is_some(), "{summary}");
    }
}

/// Three words of English in a row, also in a line that is Japanese otherwise. What stands in marks, and a command
/// that is to be copied, is nobody's sentence.
fn english_in(told: &str) -> Vec<String> {
    let marked = regex::Regex::new("`[^`]*`|calt .*|export .*|YAML").unwrap();
    let english = regex::Regex::new("[A-Za-z]{2,}(?: [a-z]{2,}){2,}").unwrap();
    let plain = marked.replace_all(told, "");
    english.find_iter(&plain).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn what_goes_wrong_in_an_ordinary_week_is_said_in_japanese() {
    let world = world(LANG);
    assert_eq!(english_in("設定を読めません: No such file or directory (os error 2)"), ["No such file or directory"]);
    let step = |command: &str| {
        format!(
            "title: x\nsteps:\n  - {{id: a, title: b, tool: run_shell_readonly, inputs: {{command: {command:?}}}}}\n"
        )
    };
    let here = world.home().to_str().unwrap().to_owned();
    for (name, text) in [
        ("file", String::new()),
        ("fails.yaml", step("ls nope")),
        ("pipe.yaml", step("ls | wc")),
        ("mine.yaml", step("sleep 1")),
    ] {
        std::fs::write(world.home().join(name), text).unwrap();
    }
    std::fs::create_dir(world.home().join("empty")).unwrap();
    let empty = format!("{here}/empty");
    let reader = world.someone("vera", "viewer").token().to_owned();
    let session = world.owner().session();
    world.owner().stop(&session).expect(200);
    for arguments in [
        &["run", "nothere.yaml"][..],
        &["--data-root", "file", "inbox"],
        &["--token", "wrong", "inbox"],
        &["--token", &reader, "run", "plan.yaml"],
        &["plan", "import", &session.id, "plan.yaml"],
        &["logs", "search", "--since", "gestern"],
        &["person", "add", "a b"],
        &["person", "add", "owner"],
        &["workspace", "add", "web", "nothere", "--kind", "attach"],
        &["workspace", "add", "web", "file", "--kind", "attach"],
        &["workspace", "add", "web", "/", "--kind", "attach"],
        &["workspace", "add", "web", "/etc", "--kind", "attach"],
        &["workspace", "add", "web", &empty, "--kind", "snapshot"],
        &["record", "verify", "nothere"],
        &["record", "backup", "nothere/kept"],
        &["artifacts", "get", &session.id, "999", "-o", "x"],
        &["discord", "--config", "nothere.toml"],
        &["discord"],
        &["run", "--yes", "fails.yaml"],
        &["run", "--yes", "pipe.yaml"],
        &["run", "--yes", "mine.yaml"],
    ] {
        let ran = world.calt(arguments);
        assert_ne!(ran.code, 0, "{arguments:?}\n{}", ran.stdout);
        // Before it stand the outputs of programs, which speak as they do.
        let (_, told) = ran.stderr.rsplit_once("エラー: ").unwrap_or_else(|| panic!("{arguments:?}\n{}", ran.stderr));
        assert_eq!(english_in(told), [""; 0], "{arguments:?}\n{told}");
    }
    // A port that somebody has: said to the person at the terminal, while a log stays English.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let asked = ["daemon", "--port", &port, "--data-root", "other"];
    let screen = Terminal::run(&world, 120, &asked).waits_for("exit 69", 1);
    assert!(screen.contains("で待ち受けられません: アドレスはすでに使われています"), "{screen}");
    assert!(screen.contains("ヒント: calt daemon --port 0"), "{screen}");
    let logged = world.calt(&asked);
    assert!(logged.stderr.contains("ERROR the daemon did not start: cannot listen on"), "{}", logged.stderr);
}

/// The record is English, and what is looked for is what was read.
#[test]
fn what_the_screen_says_is_found_in_the_record() {
    let world = world(LANG);
    let no = world.owner().propose(&crate::plan(1, &[crate::look("a")]));
    world.owner().reject_plan(&no, 1, "not now").expect(200);
    assert_eq!(world.calt(&["run", "outside.yaml", "--yes"]).code, 1);
    assert_eq!(world.calt(&["run", "plan.yaml", "--yes"]).code, 0);
    for (words, wanted, other) in [
        ("承認", "ステップ write_apply を承認", "却下"),
        ("却下", "プラン v1 を却下: not now", "承認"),
        ("失敗", "ステップ a が失敗", "成功"),
        ("書き込み", "ステップ write_apply を実行: a に書き込み", "write_preview"),
        ("プラン 承認", "プラン v1 を承認", "ステップ"),
    ] {
        let found = world.calt(&["logs", "search", words]);
        speaks_japanese(&found, 0);
        assert!(found.stdout.contains(wanted), "{words}: {}", found.stdout);
        // Events whose text holds the very words are found with them, here the plan.
        let lines: Vec<_> = found.stdout.lines().filter(|line| !line.contains("plan_imported")).collect();
        assert!(lines.iter().all(|line| !line.contains(other)), "{words}: {lines:#?}");
    }
    // The words of the record itself find what they did.
    let english = world.calt(&["logs", "search", "rejected"]).stdout;
    assert!(english.lines().count() == 1 && english.contains("plan v1 rejected"), "{english}");
}

#[test]
fn the_record_is_verified_kept_and_restored_in_japanese() {
    let world = world(LANG);
    speaks_japanese(&world.calt(&["run", "plan.yaml", "--yes"]), 0);
    let kept = world.calt(&["record", "backup", "kept"]);
    speaks_japanese(&kept, 0);
    assert!(kept.stdout.contains("作成して検証しました: kept"), "{}", kept.stdout);
    let verified = world.calt(&["record", "verify"]);
    speaks_japanese(&verified, 0);
    assert!(verified.stdout.contains("記録は元のままです: イベント "), "{}", verified.stdout);
    let listed = world.owner().get("/api/v1/sessions").expect(200).json();
    let done = listed["items"][0]["id"].as_str().unwrap();
    speaks_japanese(&world.calt(&["record", "checkpoint"]), 0);
    speaks_japanese(&world.calt(&["record", "export", done, "-o", "exported"]), 0);
    speaks_japanese(&world.calt(&["record", "verify", "exported"]), 0);
    let file = world.home().join("exported");
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    std::fs::write(&file, lines[..lines.len() - 1].concat()).unwrap();
    let cut = world.calt(&["record", "verify", "exported"]);
    speaks_japanese(&cut, 6);
    assert!(cut.stdout.contains("最後の行がありません"), "{}", cut.stdout);
    let key = world.calt(&["record", "verify", "exported", "--key", "nobody"]);
    speaks_japanese(&key, 2);
    let first = world.calt(&["person", "remove", "owner"]);
    speaks_japanese(&first, 2);
    assert!(first.stderr.contains("`owner`: 最初の所有者を外すことはできません"), "{}", first.stderr);
    let there = world.calt(&["record", "backup", "kept"]);
    speaks_japanese(&there, 2);
    assert!(there.stderr.contains("エラー: `kept` はすでにあり、上書きしません"), "{}", there.stderr);
    speaks_japanese(&world.calt(&["record", "restore", "kept"]), 2);
    speaks_japanese(&world.calt(&["record", "restore", "kept", "--data-root", "elsewhere"]), 0);
    speaks_japanese(&world.calt(&["record", "rebuild", "--data-root", "elsewhere"]), 0);
    speaks_japanese(&world.calt(&["record", "rebuild-index", "--data-root", "elsewhere"]), 0);
    let json = world.calt(&["record", "verify", "--json"]);
    assert!(json.stdout.is_ascii(), "{}", json.stdout);
    world.end();
    let database = rusqlite::Connection::open(world.data_root().join("calt.sqlite3")).unwrap();
    // Somebody who changes the log takes away first what protects it.
    let protections = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'events'";
    let mut protections = database.prepare(protections).unwrap();
    let triggers: Vec<String> = protections.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    drop(protections);
    for trigger in triggers {
        database.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    database.execute("UPDATE events SET summary = 'x' WHERE id = 3", []).unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM sessions").unwrap();
    drop(database);
    let changed = world.calt(&["record", "verify"]);
    speaks_japanese(&changed, 6);
    assert!(changed.stdout.contains("記録は元のままではありません"), "{}", changed.stdout);
    let failed: Vec<_> = changed.stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(!failed.is_empty() && failed.iter().all(|line| line.ends_with("ます")), "{failed:#?}");
}

#[test]
fn the_configuration_decides_the_language_before_the_locale() {
    let world = world("en_US.UTF-8");
    let directory = world.home().join(".config/calt");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), "[cli]\nlanguage = \"ja\"\n").unwrap();
    speaks_japanese(&world.calt(&["session", "list"]), 0);
    let doctor = world.calt(&["doctor"]);
    speaks_japanese(&doctor, 0);
    assert!(doctor.stdout.contains("config.toml"), "{}", doctor.stdout);
    std::fs::write(directory.join("config.toml"), "[cli]\nlanguage = \"fr\"\n").unwrap();
    let doctor = world.calt(&["doctor"]);
    assert!(doctor.stdout.contains("`cli.language` is not `fr`"), "{}", doctor.stdout);
}

#[test]
fn help_and_what_is_misread_are_said_in_japanese() {
    let world = world(LANG);
    for command in [
        &["--help"] as &[&str],
        &["help", "run"],
        &["plan", "--help"],
        &["step", "approve", "-h"],
        &["help", "logs", "search"],
        &["record", "verify", "--help"],
        &["land", "--help"],
        &["wait", "--help"],
        &["daemon", "--help"],
    ] {
        let ran = world.calt(command);
        speaks_japanese(&ran, 0);
        assert!(ran.stdout.contains("使い方: calt") && ran.stdout.contains("ヘルプを表示します"), "{}", ran.stdout);
        for line in ran.stdout.lines().filter(|line| !line.starts_with("使い方: ")) {
            assert!(calt_api::visible::columns(line) <= 80, "{line}");
        }
    }
    for (command, said) in [
        (&["plan", "reject", "s"] as &[&str], "必要な引数がありません: <VERSION>\nヒント: calt plan reject --help"),
        (&["artifcts", "list"], "'artifcts' というコマンドはありません; 似たコマンド: 'artifacts'"),
        (&["session", "list", "--limit", "0"], "'--limit <COUNT>' に '0' という値は使えません: 1 から 500 までの数を"),
        (&["run", "--sesion", "s"], "'--sesion' という引数はありません; 似た引数: '--session'"),
        (&["plan"], "使い方: calt plan"),
    ] {
        let ran = world.calt(command);
        speaks_japanese(&ran, 2);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let data = world.calt(&["artifcts", "--json"]);
    assert!(data.stdout.is_ascii() && data.stdout.contains("unrecognized subcommand"), "{}", data.stdout);
}

#[test]
fn data_is_english_wherever_the_person_is() {
    let world = world(LANG);
    let ran = world.calt(&["--json", "run", "plan.yaml", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("\"step write_apply approved\""), "{}", ran.stdout);
    let ran = world.calt(&["--json", "run", "nowhere.yaml"]);
    assert!(ran.stdout.contains("there is no such file") && ran.stderr.starts_with("error: "), "{}", ran.stdout);
    let guide = world.calt(&["guide", "--json"]);
    assert!(guide.stdout.is_ascii(), "{}", guide.stdout);
}
