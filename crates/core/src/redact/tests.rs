//! What must be masked, what must not, and what holds for every text.

mod code;
mod logins;
mod private_keys;
mod properties;

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
