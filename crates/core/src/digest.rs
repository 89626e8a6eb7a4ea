//! SHA-256 digests over bytes and over canonical JSON (RFC 8785).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Tag of the digest over a plan's canonical form.
pub const PLAN_TAG: &str = "calt plan v1";
/// Tag of the digest over one step as it is approved.
pub const STEP_TAG: &str = "calt step v1";
/// Tag of the digest over a box.
pub const BOX_TAG: &str = "calt box v1";
/// Tag of the digest over a step's inputs.
pub const INPUTS_TAG: &str = "calt inputs v1";
/// Tag of the digest over the files a preview shows or an apply writes.
pub const FILES_TAG: &str = "calt files v1";

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// A digest over bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Digesting(Sha256);

impl Digesting {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest over all pieces: [`Digest::of_bytes`] of them put together.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Digest {
    /// Takes 32 bytes that are a digest already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Digests bytes as they are, with no tag: what `sha256sum` prints for a file.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Digests the RFC 8785 form of a JSON value under a domain tag: `SHA-256(tag ‖ 0x00 ‖ JCS)`.
    ///
    /// The tag keeps a digest of one kind of thing from ever standing for another kind.
    pub fn of_json(tag: &str, value: &Value) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(tag.as_bytes());
        hasher.update([0]);
        hasher.update(canonical_json(value));
        Self(hasher.finalize().into())
    }

    /// Reads 64 hexadecimal digits, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = (pair[0] as char).to_digit(16)?;
            let low = (pair[1] as char).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Self(bytes))
    }

    /// The first twelve digits, for a person's eye.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// Serializes a JSON value in the form of RFC 8785.
///
/// # Panics
/// Never for a `Value`: its keys are strings and its numbers are finite.
pub fn canonical_json(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a JSON value has string keys and finite numbers")
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        formatter.write_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({})", self.short())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_untagged_digest_is_what_sha256sum_prints() {
        assert_eq!(
            Digest::of_bytes(b"").to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let mut pieces = Digesting::default();
        pieces.update(b"ab");
        pieces.update(b"c");
        assert_eq!(pieces.finish(), Digest::of_bytes(b"abc"));
    }

    #[test]
    fn key_order_does_not_change_a_digest_and_the_tag_does() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[1.0]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":[1],"a":1}"#).unwrap();
        assert_eq!(Digest::of_json(PLAN_TAG, &one), Digest::of_json(PLAN_TAG, &two));
        assert_ne!(Digest::of_json(PLAN_TAG, &one), Digest::of_json(STEP_TAG, &one));
    }

    #[test]
    fn text_and_digest_are_one_to_one() {
        let digest = Digest::of_json(BOX_TAG, &json!({}));
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse("xyz"), None);
        assert_eq!(Digest::parse(&"é".repeat(32)), None);
    }
}
