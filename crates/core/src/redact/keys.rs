//! Which key names announce a secret, and which values under them give nothing away.

/// What a key name says about its value.
/// In rising order: where words of one key disagree, the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// Nothing is said.
    Plain,
    /// The value is a secret if it looks random.
    Maybe,
    /// A counting word such as `tokens`: text under it is a secret, a number is an amount.
    Several,
    /// The value is a secret.
    Secret,
    /// The value is a secret that may hold blanks, such as a passphrase.
    Phrase,
    /// The value is a header's: a scheme and a credential, or several, up to the line's end.
    Header,
}

/// Keys calt's own record depends on: their values are never masked.
const KEPT: [&str; 3] = ["path", "step_key", "name_b64"];

/// Words that say the whole value is a secret, wherever they stand in the key.
const SECRET: &[&str] = &[
    "token",
    "key",
    "apikey",
    "authkey",
    "accesskey",
    "accountkey",
    "secretkey",
    "privatekey",
    "publickey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "sessionkey",
    "sshkey",
    "storagekey",
    "licensekey",
    "deploykey",
    "hmackey",
    "appkey",
    "userkey",
    "clientkey",
    "hostkey",
    "rootkey",
    "adminkey",
    "servicekey",
    "webkey",
    "subscriptionkey",
    "consumerkey",
    "passkey",
    "cred",
    "bearer",
    "jwt",
    "passcode",
    "pincode",
    "accesscode",
];

/// Words whose value may hold blanks.
const PHRASE: &[&str] = &["mnemonic", "passwort", "pswd", "psw"];

/// Words of header names.
const HEADER: &[&str] = &["authorization", "cookie"];

/// Words that count.
const SEVERAL: &[&str] = &["tokens", "keys", "apikeys", "creds", "cookies", "passcodes", "accesskeys"];

/// Words that say so only at the end of a key: elsewhere they are too common.
const SECRET_AT_END: &[&str] = &["auth", "pass", "pat", "pin", "otp", "totp", "psk", "dsn"];

/// Words after which a value is masked if it looks random.
const MAYBE: &[&str] = &["auth", "access", "oauth", "private", "signature", "sig", "webhook", "salt", "seed", "hmac"];

/// Last words of keys that hold amounts: a number under them is no secret.
const AMOUNTS: &[&str] = &[
    "count", "len", "length", "limit", "max", "min", "size", "index", "bytes", "bits", "ttl", "expires", "total",
    "number", "used", "left", "seconds", "ms",
];

/// Last words of names whose value is a message: `KeyError: 'x'` names what is missing, and no secret.
const FAULTS: &[&str] = &["error", "errors", "exception", "warning", "warnings"];

/// What keyword search looks for: each word above contains one of these.
pub(super) const ROOTS: &[&str] = &[
    "token",
    "key",
    "secret",
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "cred",
    "bearer",
    "jwt",
    "_pat",
    "-pat",
    "pincode",
    "accesscode",
    "mnemonic",
    "pswd",
    "psw",
    "authorization",
    "cookie",
    "auth",
    "pass",
    "pin",
    "otp",
    "psk",
    "dsn",
    "access",
    "private",
    "signature",
    "sig",
    "webhook",
    "salt",
    "seed",
    "hmac",
    "パスワード",
    "暗証番号",
    "秘密鍵",
    "トークン",
    "パスフレーズ",
    "シークレット",
    "認証情報",
];

/// What a key name says about its value.
pub(super) fn name(key: &str) -> Name {
    if is_kept(key) {
        return Name::Plain;
    }
    let mut said = Name::Plain;
    let mut words = Words { key, at: 0 }.peekable();
    while let Some(word) = words.next() {
        let last = words.peek().is_none();
        if last && is_one_of(word, FAULTS) {
            return Name::Plain;
        }
        said = said.max(word_says(word, last));
    }
    if said == Name::Plain && !key.is_ascii() && is_japanese_name(key) {
        return Name::Secret;
    }
    said
}

/// True when the value under this key must stay as it is, whatever stands around it.
pub(super) fn is_kept(key: &str) -> bool {
    KEPT.contains(&key)
}

/// True for a digest where a digest belongs: 64 hexadecimal digits under `…sha256` or `…digest`.
pub(super) fn is_kept_digest(key: &str, value: &str) -> bool {
    let hex = value.strip_prefix("sha256:").unwrap_or(value);
    hex.len() == 64
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && (ends_with(key, "sha256") || ends_with(key, "digest"))
}

/// True when a number under this key is an amount rather than a secret.
pub(super) fn is_amount(key: &str) -> bool {
    name(key) == Name::Several || Words { key, at: 0 }.last().is_some_and(|last| is_one_of(last, AMOUNTS))
}

/// True for values that give nothing away: nothing, a literal, a reference, a type's name.
pub(super) fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    let bare = value.trim_end_matches([',', ';', ')', ']', '}', '.', ':']);
    is_one_of(bare, HARMLESS)
        || is_reference(value)
        || is_reference(bare)
        || value
            .strip_prefix(super::MASK)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_punctuation() && b != b'*'))
        || is_punctuation(value)
}

const HARMLESS: &[&str] = &[
    "",
    "true",
    "false",
    "null",
    "none",
    "nil",
    "undefined",
    "~",
    "yes",
    "no",
    "string",
    "str",
    "&str",
    "&'static",
    "&mut",
    "bool",
    "boolean",
    "int",
    "integer",
    "number",
    "bytes",
    "any",
    "object",
    "float",
    "option<string>",
    "vec<string>",
    "vec<u8>",
    "required",
    "optional",
    "redacted",
    "[redacted]",
    "<redacted>",
    // Words of a sentence, never of a secret.
    "a",
    "an",
    "the",
    "is",
    "are",
    "was",
    "this",
    "that",
    "it",
    "to",
    "of",
    "for",
    "in",
    "and",
    "or",
    "not",
    "your",
    "must",
    "should",
    "can",
    "cannot",
    "with",
    "from",
    "if",
    "when",
    "invalid",
    "missing",
    "expired",
];

/// True for a string in a structure that gives nothing away; there, literals have types of their own.
pub(super) fn is_empty_or_reference(value: &str) -> bool {
    value.trim().is_empty() || is_reference(value.trim())
}

/// True for `${NAME}`, `$NAME`, `%NAME%`, `{{ name }}`, `${{ name }}`, `process.env.NAME`:
/// a name in place of the secret. `${NAME:-value}` is not one: its default is a value.
fn is_reference(value: &str) -> bool {
    // Most values are told apart by their first sign.
    if !value.starts_with(['$', '{', '%', 'p']) {
        return false;
    }
    let inside =
        |open: &str, close: &str| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).map(str::trim);
    let dotted = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '.')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(&b))
    };
    // Digits only at the end of a word: a secret may begin with `$` too.
    let shouted = |name: &str| {
        name.split('_')
            .all(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).bytes().all(|b| b.is_ascii_uppercase()))
            && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
    };
    inside("${{", "}}").or_else(|| inside("{{", "}}")).is_some_and(dotted)
        || inside("${", "}").is_some_and(|name| dotted(name) && !name.contains('-'))
        || inside("%", "%").is_some_and(shouted)
        || ["process.env.", "$env:", "$"].iter().any(|open| value.strip_prefix(open).is_some_and(shouted))
}

/// Up to three signs, or one sign over and over, as in `----` and `****`: layout, not a secret.
fn is_punctuation(value: &str) -> bool {
    let mut bytes = value.bytes();
    value.bytes().all(|b| b.is_ascii_punctuation())
        && (value.len() <= 3 || bytes.next().is_none_or(|first| bytes.all(|b| b == first)))
}

fn word_says(word: &str, last: bool) -> Name {
    let word = word.trim_matches(|c: char| c.is_ascii_digit());
    if word.len() < 3 {
        return Name::Plain;
    }
    let phrase = |root: &str| ends_with(word, root) || starts_with(word, root);
    if is_one_of(word, HEADER) {
        Name::Header
    } else if is_one_of(word, PHRASE)
        || ["password", "passwd", "passphrase", "secret", "credential"].into_iter().any(phrase)
        || ["passwords", "secrets", "credentials", "pwd"].iter().any(|root| ends_with(word, root))
    {
        Name::Phrase
    } else if is_one_of(word, SECRET)
        || ends_with(word, "token")
        || (last && (is_one_of(word, SECRET_AT_END) || ends_with(word, "dbpass")))
    {
        Name::Secret
    } else if is_one_of(word, SEVERAL) || ends_with(word, "tokens") {
        Name::Several
    } else if is_one_of(word, MAYBE) {
        Name::Maybe
    } else {
        Name::Plain
    }
}

fn is_japanese_name(key: &str) -> bool {
    ROOTS.iter().any(|root| !root.is_ascii() && key.contains(root))
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(word))
}

fn ends_with(text: &str, end: &str) -> bool {
    let (text, end) = (text.as_bytes(), end.as_bytes());
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

fn starts_with(text: &str, start: &str) -> bool {
    let (text, start) = (text.as_bytes(), start.as_bytes());
    text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start)
}

/// The words of a key: runs of letters and digits, split before a capital that starts a word
/// (`apiToken`, `APIToken`).
struct Words<'k> {
    key: &'k str,
    at: usize,
}

impl<'k> Iterator for Words<'k> {
    type Item = &'k str;

    fn next(&mut self) -> Option<&'k str> {
        let bytes = self.key.as_bytes();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || !b.is_ascii();
        let start = self.at + bytes[self.at..].iter().position(|b| is_word(*b))?;
        let mut end = start + 1;
        while end < bytes.len() && is_word(bytes[end]) {
            let starts_word = bytes[end].is_ascii_uppercase()
                && (bytes[end - 1].is_ascii_lowercase()
                    || bytes[end - 1].is_ascii_digit()
                    || (bytes[end - 1].is_ascii_uppercase() && bytes.get(end + 1).is_some_and(u8::is_ascii_lowercase)));
            if starts_word {
                break;
            }
            end += 1;
        }
        self.at = end;
        Some(&self.key[start..end])
    }
}
