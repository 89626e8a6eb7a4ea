//! Every tool run can be found: by type, in English, in Japanese down to one character.

use calt_tests::{Terminal, World, encoded};

use crate::{apply, plan, preview, read};

#[test]
fn a_run_is_found_by_type_and_by_words_in_two_languages() {
    let world = World::start();
    let ada = world.person("ada");
    let content = "Quarterly report: deployment approved.\n東京支社の設計書を承認待ちに移す。\n";
    let session = ada.propose(&plan(
        1,
        &[preview("p", "memo.txt", content), apply("w", "memo.txt", content, "p"), read("r", "memo.txt")],
    ));
    ada.approve_plan(&session, 1).expect(200);
    for step in ["p", "w", "r"] {
        ada.carry_out(&session, step);
    }
    assert_eq!(ada.search(&session, "step_executed").len(), 3);
    for text in ["deployment", "Quarterly report", "承", "承認", "設計書を", "東京支社の設計"] {
        let found = ada.search(&session, text);
        assert!(found.contains(&"step_executed".to_owned()), "`{text}` finds {found:?}");
    }
    for text in ["京都", "nowhere-to-be-found", "承認済", "支設"] {
        assert!(ada.search(&session, text).is_empty(), "`{text}` is not there");
    }
    for hostile in ["\"", "NEAR(", "a* OR", "-", "*", "'; DROP TABLE events", "(((", "col:val"] {
        ada.get(&format!("/api/v1/sessions/{}/events/search?q={}", session.id, encoded(hostile))).expect(200);
    }
}

#[test]
fn newest_first_with_a_cursor() {
    let world = World::start();
    let ada = world.person("ada");
    let session = ada.session();
    for version in 1..=7 {
        ada.import(&session, &plan(version, &[read("r", "memo.txt")])).expect(200);
    }
    let base = format!("/api/v1/sessions/{}/events/search?q=plan_imported&limit=3", session.id);
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let path = cursor.as_ref().map_or_else(|| base.clone(), |cursor| format!("{base}&cursor={cursor}"));
        let page = ada.get(&path).expect(200).json();
        for item in page["items"].as_array().unwrap() {
            seen.push(item["summary"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = Some(next.to_owned());
    }
    let expected: Vec<_> = (1..=7).rev().map(|version| format!("plan v{version} imported")).collect();
    assert_eq!(seen, expected);
    let all = ada.get(&format!("/api/v1/events/search?q={}", encoded("plan v7"))).expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    let newest = ada.get(&format!("/api/v1/sessions/{}/events/search", session.id)).expect(200).json();
    assert_eq!(newest["items"].as_array().unwrap().len(), 8);
}

#[test]
fn the_command_line_narrows_a_search_and_shows_the_hit_with_what_stands_around_it() {
    let world = World::start();
    let ada = world.person("ada");
    let content = format!("{}\n東京支社の設計書を承認待ちに移す。approved by nobody\n", "前置き、".repeat(60));
    let session = ada.propose(&plan(1, &[preview("p", "memo.txt", &content), read("r", "memo.txt")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.carry_out(&session, "p");
    let narrowed = |more: &[&str]| {
        let mut arguments = vec!["logs", "search", "承認待ち"];
        arguments.extend(more);
        world.calt(&arguments)
    };
    let found = narrowed(&[
        "--type",
        "step_executed",
        "--principal",
        "daemon",
        "--since",
        "2001-01-01",
        "--until",
        "2999-12-31",
    ]);
    assert_eq!((found.stdout.lines().count(), found.code), (1, 0), "{found:?}");
    let said = "step p executed: diff: +東京支社の設計書を承認待ちに移す。approved by nobody (run 1)\n";
    assert!(found.stdout.ends_with(said), "{found:?}");
    assert!(!found.stdout.contains('\u{1b}') && !found.stdout.contains('\u{2061}'), "{found:?}");
    for nothing in [
        ["--principal", "bob"],
        ["--since", "2999-01-01"],
        ["--until", "2001-01-01T12:00"],
        ["--type", "session_stopped"],
    ] {
        let found = narrowed(&nothing);
        assert_eq!(
            (found.stdout.as_str(), found.stderr.as_str(), found.code),
            ("", "Nothing found.\n", 0),
            "{nothing:?}"
        );
    }
    let refused = narrowed(&["--type", "step_exekuted"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("it is one of session_created, "), "{refused:?}");
    let refused = narrowed(&["--since", "yesterday"]);
    assert!(refused.code == 2 && refused.stderr.contains("a date (2026-07-01)"), "{refused:?}");
}

#[test]
fn a_hit_stands_out_on_a_terminal_of_eighty_columns() {
    let world = World::start();
    let ada = world.person("ada");
    let content = format!("{}\n東京支社の設計書を承認待ちに移す。The deployment is approved.\n", "前置き、".repeat(60));
    let session = ada.propose(&plan(1, &[preview("p", "memo.txt", &content), read("r", "memo.txt")]));
    ada.approve_plan(&session, 1).expect(200);
    ada.carry_out(&session, "p");
    for text in ["承認待ち", "deployment"] {
        let terminal = Terminal::run(&world, 80, &["logs", "search", text]);
        let screen = terminal.waits_for("exit 0", 1);
        // The terminal broke no line: all of them fit.
        assert_eq!(screen.lines().collect::<Vec<_>>(), terminal.lines(), "{screen}");
        let coloured = terminal.coloured_screen();
        assert!(coloured.contains(&format!("\u{1b}[1;4m{text}")), "{coloured:?}");
        let plain = Terminal::shell(&world, 80, &format!("NO_COLOR=1 calt logs search {text}"));
        plain.waits_for("exit 0", 1);
        assert!(!plain.coloured_screen().contains("\u{1b}[1;4m"), "{}", plain.coloured_screen());
        assert!(plain.screen().contains(text));
    }
}
