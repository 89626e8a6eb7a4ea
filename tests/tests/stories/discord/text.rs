//! Text of others: it breaks out of nothing, pings nobody, hides nothing, is never cut silently, and tells no secret.

use serde_json::json;

use super::guild::Guild;
use crate::{apply, command, look, plan, preview, read};

#[test]
fn a_long_diff_comes_whole_as_a_file() {
    let guild = Guild::start();
    let lines: Vec<_> =
        (0..1_400).map(|number| format!("line {number} of a file that is long enough to matter\n")).collect();
    let lines = lines.concat();
    assert!(lines.len() > 60 * 1024);
    let (session, card) =
        guild.proposed(&plan(1, &[preview("p", "long.txt", &lines), apply("w", "long.txt", &lines, "p")]));
    assert!(
        card.files["plan-v1.txt"].len() > 120 * 1024 && card.text().contains("more lines"),
        "{:?}",
        card.files.keys()
    );
    guild.ann().click(&card, "Approve");
    let diff = guild.discord.message("+line 1399 of a file");
    let file = String::from_utf8(diff.files.values().next().unwrap().clone()).unwrap();
    assert_eq!(file.lines().filter(|line| line.starts_with("+line ")).count(), 1_400);
    let shown = diff.body["embeds"][0]["description"].as_str().unwrap();
    assert!(shown.contains("more lines; the whole of it is in the file"), "{shown}");
    guild.ann().click(&diff, "Approve");
    guild.reaches(&session, "succeeded");
    let decision = &guild.events("step_approved").last().unwrap()["facts"]["decision"].clone();
    assert_eq!(decision["view_cut"], false);
    // The digest stands for the bytes that were shown.
    assert_eq!(decision["view_digest"], calt_api::sha256(file.as_bytes()).as_str());
}

#[test]
fn what_several_steps_write_is_one_diff_in_which_each_file_stands_once() {
    let guild = Guild::start();
    let (one, why, two) = ("one\n", "why\n-- not a file\n", "two\n");
    let apply_two = apply("w2", "x.txt", two, "p2");
    let twice = [preview("p1", "x.txt", one), preview("p2", "x.txt", two), apply("w1", "x.txt", one, "p1")];
    // Two diffs of one file never stand in one look: the second is previewed on what the first left.
    let session = guild.world.owner().session();
    let refused =
        guild.world.owner().import(&session, &plan(1, &[&twice[..], std::slice::from_ref(&apply_two)].concat()));
    assert!(refused.expect(422).text().contains("preview_before_apply"));
    let steps = [
        preview("p1", "x.txt", one),
        preview("q", "y.txt", why),
        apply("w1", "x.txt", one, "p1"),
        apply("v", "y.txt", why, "q"),
        preview("p2", "x.txt", two),
        apply_two,
    ];
    let (session, card) = guild.proposed(&plan(1, &steps));
    guild.ann().click(&card, "Approve");
    let diff = guild.discord.message("+why");
    let shown = diff.body["embeds"][0]["description"].as_str().unwrap();
    assert_eq!(shown.matches("+++ b/").count(), 2, "{shown}");
    assert_eq!(diff.body["embeds"][0]["title"], "2 steps · 2 files written · +3 −0");
    guild.ann().click(&diff, "Approve");
    let last = guild.discord.message("+two");
    assert!(last.text().contains("-one") && last.text().contains("+1 −1"), "{}", last.text());
    guild.ann().click(&last, "Approve");
    guild.reaches(&session, "succeeded");
    let read = |name: &str| std::fs::read_to_string(guild.world.workspace(&session.id).join(name)).unwrap();
    assert_eq!((read("x.txt").as_str(), read("y.txt").as_str()), (two, why));
}

#[test]
fn japanese_is_spoken_to_who_reads_it() {
    let guild = Guild::with(&[("CALT_DISCORD_LANGUAGE", "ja")]);
    let mut step = look("調べる".len().to_string().as_str());
    step["title"] = json!("一覧を見る");
    let mut proposed = plan(1, &[step]);
    proposed["title"] = json!("議事録を調べる");
    let session = guild.world.agent().propose(&proposed);
    let card = guild.card_of(&session, "承認");
    assert!(
        card.content().contains("プランが確認を待っています") && card.text().contains("議事録を調べる"),
        "{}",
        card.text()
    );
    let reader = guild.discord.user(super::guild::ANN).reading("ja");
    let form = reader.click(&card, "却下");
    assert_eq!(form.first().1["title"], "却下");
    reader.click(&card, "承認");
    guild.says(&card, "承認: `ann` が Discord で");
    guild.says(&card, "🏁 完了");
    assert_eq!(guild.events("plan_approved")[0]["facts"]["decision"]["locale"], "ja");
    let again = reader.slash("step_approve", &json!({"session_id": session.id, "step_id": "nope"})).text();
    assert!(again.contains("ステップ `nope` はありません"), "{again}");
    // Who reads English is answered in English, beside Japanese cards.
    assert!(guild.ann().slash("inbox", &json!({})).text().contains("Nothing waits"));
    assert!(reader.slash("inbox", &json!({})).text().contains("待っているものはありません"));
}

/// No word of English but names, ids and commands: what stands in marks, in blocks of code, and after a command.
fn is_japanese(text: &str) -> bool {
    let plain = regex::Regex::new("`[^`]*`|<@[0-9]+>|session_[0-9a-f]+").unwrap().replace_all(text, "");
    let english = regex::Regex::new("[A-Za-z]{2,} [a-z]{2,}").unwrap();
    plain.lines().all(|line| line.contains("calt ") || !english.is_match(line))
}

#[test]
fn on_a_japanese_server_the_cards_are_japanese_from_the_plan_to_the_failure() {
    let guild = Guild::asleep(calt_tests::World::start(), &[]);
    guild.discord.speaks("ja");
    guild.wake_bot();
    let steps =
        [look("a"), preview("p", "x.txt", "一行目\n"), apply("w", "x.txt", "一行目\n", "p"), read("r", "../outside")];
    let mut proposed = plan(1, &steps);
    proposed["title"] = json!("議事録を書く");
    for step in proposed["steps"].as_array_mut().unwrap() {
        step["title"] = json!("題");
    }
    let session = guild.world.agent().propose(&proposed);
    let card = guild.card_of(&session, "承認");
    for said in [
        "📋 プランが確認を待っています。",
        "題: 議事録を書く",
        "list_dir · リスク低 · 読み取り",
        "書き込み",
        "ワークスペースの外のパスです",
    ] {
        assert!(card.text().contains(said), "{said}: {}", card.text());
    }
    let reader = guild.discord.user(super::guild::ANN).reading("ja");
    reader.click(&card, "承認");
    let diff = guild.discord.message("+一行目");
    assert!(is_japanese(diff.content()) && is_japanese(&diff.labels().join("\n")), "{}", diff.text());
    reader.click(&diff, "承認");
    guild.reaches(&session, "failed");
    let failure = guild.discord.message("新しいプランが必要です");
    for said in [
        "プラン v1: 議事録を書く",
        "パス `../outside` は `..` で上へ出ていて",
        "書き込み済み",
        "失敗",
        "プラン v1 は完了しませんでした",
    ] {
        assert!(failure.text().contains(said), "{said}: {}", failure.text());
    }
    assert_eq!(failure.labels(), ["元へ戻すプランを作る", "このままにする"]);
    guild.says(&diff, "承認: `ann` が Discord で");
    // Answers to who reads Japanese.
    let inbox = reader.slash("inbox", &json!({})).text();
    assert!(inbox.contains("新しい版のプラン") && !inbox.contains("new_plan"), "{inbox}");
    let found = reader.slash("logs_search", &json!({"query": "", "session_id": session.id})).text();
    assert!(found.contains("ステップ w を承認") && found.contains("ステップ r が失敗"), "{found}");
    let artifacts = reader.slash("artifacts_list", &json!({"session_id": session.id})).text();
    assert!(artifacts.contains("バイト") && artifacts.contains("実行 "), "{artifacts}");
    let tools = reader.slash("tools_permissions", &json!({"tool_name": "read_file"})).text();
    assert!(tools.contains("ワークスペースの通常のファイルを文字列として読みます"), "{tools}");
    let bad = b"title: x\nsteps:\n  - {id: a, title: b, tool: list_dirr}\n";
    let bad =
        reader.slash_with_file("plan_import", &json!({"session_id": session.id}), ("file", "bad.yaml"), bad).text();
    assert!(bad.contains("というツールはありません"), "{bad}");
    assert!(bad.contains("直し方: ") && !bad.contains("fix:"), "{bad}");
}

#[test]
fn a_card_on_demand_stays_in_the_language_of_who_asked() {
    let guild = Guild::start();
    let (session, english) = guild.proposed(&plan(1, &[look("a")]));
    let reader = guild.discord.user(super::guild::ANN).reading("ja");
    let card = reader.slash("plan_show", &json!({"session_id": session.id})).told();
    assert!(card.text().contains("プランが確認を待っています"), "{}", card.text());
    guild.bob().click(&english, "Approve");
    guild.says(&english, "Approved by `bob` in Discord");
    guild.says(&card, "承認: `bob` が Discord で");
    // Also where something is chosen in it, whoever chooses.
    let (session, posted) = guild.proposed(&plan(1, &[look("a"), look("b")]));
    let card = reader.slash("plan_show", &json!({"session_id": session.id})).told();
    assert_eq!(card.labels(), ["プランと 2 ステップを承認", "却下…"]);
    for (card, wanted) in [
        (&card, ["プランと 1 ステップを承認、1 件を飛ばす", "却下…", "飛ばすステップを選ぶ"]),
        (&posted, ["Approve the plan and 1 step, leave out 1", "Reject…", "Leave steps out"]),
    ] {
        let reader = guild.discord.user(super::guild::ANN).reading("ja");
        reader.choose(card, &["b"]);
        let chosen = guild.discord.until("the button counts", || {
            Some(guild.discord.again(card)).filter(|now| now.labels().first().is_some_and(|label| label == wanted[0]))
        });
        assert_eq!(chosen.labels(), wanted[..2]);
        assert!(chosen.body["components"].to_string().contains(wanted[2]), "{}", chosen.body["components"]);
    }
}

#[test]
fn hostile_text_stays_where_it_is() {
    let guild = Guild::start();
    let hostile = "```\n@everyone <@100000000000000002> <@&5> [click](https://evil.example)\n# big `tick` ````x\u{202e}gpj.exe\u{200b}\u{1b}[31m || spoiler || @here";
    let mut step = look("a");
    step["title"] = json!(hostile);
    step["expected_observation"] = json!(hostile);
    let mut proposed = plan(1, &[step, preview("p", "x.txt", hostile), apply("w", "x.txt", hostile, "p")]);
    proposed["title"] = json!(hostile);
    let (session, card) = guild.proposed(&proposed);
    guild.ann().click(&card, "Approve");
    let diff = guild.discord.message("+@everyone");
    let form = guild.ann().click(&diff, "Reject");
    guild.ann().fills_in(&diff, &form, hostile);
    guild.says(&diff, "Rejected by");
    let told = guild.ann().slash("logs_search", &json!({"query": "everyone", "session_id": session.id})).told();
    let mut texts: Vec<_> = guild.discord.messages();
    texts.push(told);
    for message in &texts {
        let description = message.body["embeds"][0]["description"].as_str().unwrap_or_default();
        // One block, and nothing of others outside of it.
        let outside: String = description.split("```").step_by(2).collect();
        assert!(description.matches("```").count() <= 2 && !outside.contains('@'), "{description}");
        let text = message.text();
        for hidden in ['\u{202e}', '\u{200b}', '\u{1b}'] {
            assert!(!text.contains(hidden), "{text:?}");
        }
        // Of the line above the card, only the bot's own pings are outside of marks.
        let outside: String = message.content().split('`').step_by(2).collect();
        assert!(!outside.contains("@everyone") && !outside.contains("@here") && !outside.contains("<@&"), "{outside}");
    }
    assert!(texts.iter().any(|message| message.text().contains("\\u{202e}gpj.exe")));
}

#[test]
fn a_secret_in_a_file_reaches_no_request() {
    let guild = Guild::start();
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
    let content = format!("github_token = {secret}\npassword: hunter2-and-more\n");
    let steps = [preview("p", "conf.ini", &content), apply("w", "conf.ini", &content, "p"), read("r", "conf.ini")];
    let (session, card) = guild.proposed(&plan(1, &steps));
    guild.ann().click(&card, "Approve");
    let diff = guild.discord.message("+github_token");
    guild.ann().click(&diff, "Approve");
    guild.reaches(&session, "succeeded");
    let shown = guild.ann().slash("logs_search", &json!({"query": "token", "session_id": session.id})).text();
    assert!(shown.contains("REDACTED"), "{shown}");
    guild.ann().slash("step_approve", &json!({"session_id": session.id, "step_id": "r"})).told();
    // What a read gives, and what a failed command had printed, is told masked too.
    let seen = [read("again", "conf.ini"), command("t", "cat conf.ini no-such-file")];
    let proposed = plan(1, &seen);
    let other = guild.world.owner().session_with(&json!({"goal": "look"}));
    std::fs::write(guild.world.workspace(&other.id).join("conf.ini"), &content).unwrap();
    guild.world.owner().import(&other, &proposed).expect(200);
    guild.world.owner().approve_plan(&other, 1).expect(200);
    let step = |step: &str| json!({"session_id": other.id, "step_id": step});
    for name in ["again", "t"] {
        guild.ann().slash("step_approve", &step(name)).told();
        let ran = guild.ann().slash("step_execute", &step(name));
        guild.discord.until("the output", || ran.text().contains("REDACTED").then_some(()));
    }
    let failure = guild.discord.message("needs a new plan");
    assert!(failure.text().contains("github_token = ") && failure.text().contains("REDACTED"), "{}", failure.text());
    let written = std::fs::read_to_string(guild.world.workspace(&session.id).join("conf.ini")).unwrap();
    assert_eq!(written, content);
    let relay = guild.environment().into_iter().find(|(name, _)| name == "CALT_DAEMON_TOKEN").unwrap().1;
    guild.discord.holds_nothing_of(&[secret, "hunter2", &relay, calt_tests::discord::BOT_TOKEN]);
}
