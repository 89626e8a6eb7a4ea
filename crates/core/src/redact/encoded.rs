//! A word in base64 that reads as text with a secret in it, as in `cGFzc3dvcmQ9…` for `password=…`.
//!
//! One level of it, word by word: what is wrapped over lines is read line by line, and what is encoded twice, packed
//! or enciphered is not read at all.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::scan;

/// Shortest word that is read, in bytes: what is encoded has a name, a sign and a value.
const WORD_BYTES_MIN: usize = 18;
/// Longest word that is read, in bytes.
const WORD_BYTES_MAX: usize = 64 * 1024;
/// How much of a word is looked at first: most words of a text are out with it.
const BEGINNING_BYTES: usize = 12;
/// Most signs that fill a word up at its end.
const FILLING_MAX: usize = 2;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const FOR_ADDRESSES: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

/// The places of such words.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    words(text.as_bytes()).filter(|word| holds_a_secret(&text[word.clone()])).collect()
}

/// The words of a text that could be base64, with what fills them up.
fn words(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + bytes[from..].iter().position(is_sign)?;
            let end = start + bytes[start..].iter().take_while(|byte| is_sign(byte)).count();
            let filled = end + bytes[end..].iter().take(FILLING_MAX).take_while(|byte| **byte == b'=').count();
            from = filled;
            if (WORD_BYTES_MIN..=WORD_BYTES_MAX).contains(&(filled - start)) {
                return Some(start..filled);
            }
        }
    })
}

fn holds_a_secret(word: &str) -> bool {
    let engine = if word.contains(['-', '_']) { &FOR_ADDRESSES } else { &PLAIN };
    let reads_as_text = |bytes: &[u8]| bytes.iter().all(|byte| !byte.is_ascii_control() || b"\t\r\n".contains(byte));
    if !engine.decode(&word[..BEGINNING_BYTES]).is_ok_and(|bytes| reads_as_text(&bytes)) {
        return false;
    }
    let decoded = engine.decode(word).ok().filter(|bytes| reads_as_text(bytes));
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.is_some_and(|text| !scan::secrets(&text).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{MASK, Masker};

    fn mask(text: &str) -> String {
        Masker::new().mask_text(text).into_owned()
    }

    #[test]
    fn an_assigned_secret_in_base64_is_masked_in_both_alphabets_with_and_without_filling() {
        for secret in ["password=hunter2hunter2", "user: ann\npassword: tulip-7394\n", "API_KEY=\"a~?b>c?d~e\"\u{e9}"] {
            for word in [PLAIN.encode(secret), FOR_ADDRESSES.encode(secret)] {
                for shown in [word.as_str(), word.trim_end_matches('=')] {
                    assert_eq!(mask(&format!("data {shown}, and more")), format!("data {MASK}, and more"), "{secret}");
                    assert_eq!(mask(&mask(shown)), MASK);
                }
            }
        }
    }

    #[test]
    fn other_words_stay_as_they_are() {
        let harmless = [
            PLAIN.encode("nothing in here is anybody's to keep"),
            PLAIN.encode([0_u8, 159, 146, 150].repeat(9)),
            "crates/core/src/redact/encoded.rs".to_owned(),
            "a_function_with_quite_a_long_name_in_it".to_owned(),
            "0123456789abcdef0123456789abcdef01234567".to_owned(),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA====".to_owned(),
        ];
        for word in harmless {
            assert_eq!(mask(&word), word);
        }
    }
}
