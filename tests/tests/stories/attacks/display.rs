//! Text that would deceive whoever reads it, or give away what is secret.

use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Value, json};

use super::ground::{Outside, Round, in_every_round};
use crate::secrets::files_below;
use crate::{command, plan, read};

/// Copies to the clipboard and clears the screen; turns the reading direction; hides; and other controls.
const HOSTILE: &str = "\u{1b}]52;c;cm0gLXJmIH4=\u{7}\u{1b}[2J\u{1b}[1;1Hall is well\u{202e}txt.exe\u{200b}\u{2066}x\u{2069}\
                       \u{9b}31m\u{7f}\u{8}\r\u{feff}\u{e0041}\u{ad}";
/// What of it may never stand in an answer or on a screen as it is.
const DANGEROUS: [char; 13] = [
    '\u{1b}',
    '\u{7}',
    '\u{202e}',
    '\u{200b}',
    '\u{2066}',
    '\u{2069}',
    '\u{9b}',
    '\u{7f}',
    '\u{8}',
    '\r',
    '\u{feff}',
    '\u{e0041}',
    '\u{ad}',
];

fn is_clean(text: &str, told: &str) {
    for dangerous in DANGEROUS {
        assert!(!text.contains(dangerous), "U+{:04X} stands in {told}: {text:?}", u32::from(dangerous));
    }
}

#[test]
fn no_control_character_reaches_a_reader_as_it_is() {
    let outside = Outside::new();
    let control = outside.plain_scene();
    control.put("esc", HOSTILE);
    let plain = control.without_calt("cat esc");
    assert_eq!(plain.stdout, HOSTILE.as_bytes(), "without calt it goes to the terminal as it is");
    in_every_round(|round| {
        // R04; as a file's content and name, a test's output, an error, and a diff.
        let name = "a\u{1b}[2J\u{202e}b";
        let lines = [
            "cat esc",
            "ls -1",
            "find . -type f",
            "rg -n well .",
            "git diff",
            "git status",
            "cat nofile esc",
            "python -m pytest -q -s",
        ];
        for line in lines {
            let (session, scene) = round.place();
            scene.repository();
            scene.put("f.txt", HOSTILE);
            scene.put("esc", HOSTILE);
            scene.put(name, HOSTILE);
            scene.put(
                "test_a.py",
                "def test_a():\n    text = open('esc').read()\n    print(text)\n    assert text == 'x'\n",
            );
            let attempt = round.runs(&session, line);
            let told = format!("the answer to `{line}` in {}", round.name);
            is_clean(&attempt.everything(), &told);
            // It is shown, and not left out: the text is whole once it is read as JSON.
            let whole = attempt.json()["output"].to_string();
            if line.starts_with("cat") {
                assert!(attempt.stdout().contains(HOSTILE), "{told}: {whole}");
            }
        }
        shown_by_the_command_line(round, name);
    });
}

/// A plan in which all but ASCII is escaped: some of it may not stand in a document as it is.
fn in_ascii(plan: &Value) -> String {
    let mut escaped = String::new();
    for character in plan.to_string().chars() {
        if (' '..='~').contains(&character) {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped += &format!("\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// The same through the program that people use.
fn shown_by_the_command_line(round: &Round, name: &str) {
    let owner = round.world.owner();
    let (session, scene) = round.place();
    scene.put("esc", HOSTILE);
    scene.put(name, "x\n");
    let mut step = command("c", "cat esc");
    step["title"] = json!(format!("harmless {HOSTILE}"));
    let listed = json!({"id": "l", "title": "l", "tool": "list_dir", "inputs": {"path": "."}});
    let path = format!("/api/v1/sessions/{}/plans/import", session.id);
    let body = in_ascii(&plan(1, &[read("r", "esc"), step, listed]));
    let json = [("Content-Type", "application/json")];
    let imported = owner.call("POST", &path, &json, Some(body.as_bytes()));
    is_clean(&imported.text(), "the answer to an import");
    imported.expect(200);
    owner.approve_plan(&session, 1).expect(200);
    for id in ["r", "c", "l"] {
        owner.carry_out(&session, id);
    }
    let id = session.id.as_str();
    for arguments in [
        vec!["plan", "show", id],
        vec!["step", "show", id, "c"],
        vec!["session", "show", id],
        vec!["session", "list"],
        vec!["logs", "search", "--session", id],
        vec!["logs", "search", "--session", id, "--json"],
        vec!["explain", id],
        vec!["artifacts", "list", id],
    ] {
        let ran = round.world.calt(&arguments);
        assert_eq!(ran.code, 0, "{arguments:?} in {}: {}", round.name, ran.stderr);
        is_clean(&ran.stdout, &format!("{arguments:?} in {}", round.name));
        is_clean(&ran.stderr, &format!("{arguments:?} in {}", round.name));
    }
    let file = round.world.home().join("plan.json");
    let mut step = command("c", "cat esc");
    step["title"] = json!(format!("harmless {HOSTILE}"));
    std::fs::write(&file, in_ascii(&plan(1, &[step]))).unwrap();
    let ran = round.world.calt(&["run", "plan.json", "--yes"]);
    is_clean(&ran.stdout, "a run by the command line");
    is_clean(&ran.stderr, "a run by the command line");
    assert!(ran.stdout.contains("harmless") || ran.stderr.contains("harmless"), "{ran:?}");
}

#[test]
fn output_that_is_no_text_is_shown_and_said_to_be_none() {
    in_every_round(|round| {
        let (session, scene) = round.place();
        scene.put("raw", b"\xff\xfe\x00\x80 text \xc3\x28");
        std::fs::write(scene.directory.join(std::ffi::OsStr::from_bytes(b"name-\xff")), "x").unwrap();
        let attempt = round.runs(&session, "cat raw");
        assert_eq!(attempt.json()["output"]["lossy"], true, "{}", attempt.json());
        assert!(attempt.stdout().contains(" text "), "{}", attempt.json());
        let (session, scene) = round.place();
        std::fs::write(scene.directory.join(std::ffi::OsStr::from_bytes(b"name-\xff")), "x").unwrap();
        let listed =
            round.tries(&session, &json!({"id": "l", "title": "l", "tool": "list_dir", "inputs": {"path": "."}}));
        assert_eq!(listed.json()["output"]["entries"][0]["name_b64"], "bmFtZS3/", "{}", listed.json());
    });
}

#[test]
fn keys_in_a_file_are_masked_before_anything_is_kept_or_sent() {
    // S01 and its neighbours.
    let keys = [
        "sk-proj-abcdef0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLQ",
        "ghp_0123456789abcdefghijABCDEFGHIJ456789",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzzzzz",
        "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Q",
    ];
    let file = format!(
        "OPENAI_API_KEY={}\nAWS_ACCESS_KEY_ID={}\nGH={}\nAWS_SECRET_ACCESS_KEY={}\n\
         -----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\nNAME=demo\n",
        keys[0], keys[1], keys[2], keys[3], keys[4]
    );
    let outside = Outside::new();
    let control = outside.plain_scene();
    control.put(".env", &file);
    let plain = control.without_calt("cat .env").stdout;
    assert!(keys.iter().all(|key| String::from_utf8_lossy(&plain).contains(key)));
    in_every_round(|round| {
        let owner = round.world.owner();
        let steps = [
            read("read_file", ".env"),
            command("cat", "cat .env"),
            command("rg", "rg --hidden -N . .env"),
            command("pytest", "python -m pytest -q -s"),
        ];
        let mut answers = Vec::new();
        for step in steps {
            let (session, scene) = round.place();
            scene.put(".env", &file);
            scene.put("test_a.py", "def test_a():\n    print(open('.env').read())\n");
            let attempt = round.tries(&session, &step);
            assert_eq!(attempt.status(), "succeeded", "{}: {}", round.name, attempt.json());
            assert!(attempt.everything().contains("NAME=demo"), "what is no secret is shown");
            answers.push(attempt.everything());
            answers.push(owner.step(&session, step["id"].as_str().unwrap()).to_string());
            let all = owner.get(&format!("/api/v1/sessions/{}/artifacts", session.id)).expect(200).json();
            for artifact in all["items"].as_array().unwrap() {
                let path = format!("/api/v1/sessions/{}/artifacts/{}", session.id, artifact["id"]);
                answers.push(owner.get(&path).expect(200).text());
            }
        }
        for key in keys {
            assert!(answers.iter().all(|answer| !answer.contains(key)), "`{key}` was sent in {}", round.name);
        }
        assert_eq!(round.world.end(), 0);
        for path in files_below(&round.world.data_root()) {
            if path.components().any(|part| part.as_os_str() == "workspace") {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for key in keys {
                let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
                assert!(!found, "`{key}` stands in {} in {}", path.display(), round.name);
            }
        }
    });
}
