//! What holds of every text.

use proptest::prelude::*;

use super::*;

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
