//! Checkpoints: what the log was at one moment, signed, in a form that can leave the machine.
//!
//! The text is a C2SP checkpoint (`c2sp.org/tlog-checkpoint`): origin, size and root, a line each. It is signed as
//! a C2SP signed note (`c2sp.org/signed-note`) with Ed25519, so that tools which know nothing of calt can check it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Most signatures in a note that are looked at.
const SIGNATURES_MAX: usize = 16;
/// Bytes of an Ed25519 seed and of a public key.
const KEY_BYTES: usize = 32;
/// The signed note's number for Ed25519.
const ED25519: u8 = 0x01;
/// Begins a signature line: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// What a log was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a name no other log has.
    pub origin: String,
    /// How many events it held.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root.as_bytes()))
    }

    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = self.text();
        let mut signed = key.verifier().id().to_vec();
        signed.extend_from_slice(&key.secret.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{SIGNATURE_MARK}{} {}\n", key.name, BASE64.encode(signed))
    }
}

/// Why a text is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// It has another form.
    #[error("it is not a signed checkpoint: three lines, an empty one, and a line for each signature")]
    Form,
    /// It is too long.
    #[error("it is longer than 16 KiB")]
    Length,
    /// No signature of it is this key's.
    #[error("it bears no valid signature of this key")]
    Signature,
}

/// A note as it was read: nothing of it is believed before [`SignedCheckpoint::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    unproven: Checkpoint,
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    key: [u8; 4],
    signature: Vec<u8>,
}

impl SignedCheckpoint {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteFault::Form`] and [`NoteFault::Length`].
    pub fn parse(note: &str) -> Result<Self, NoteFault> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteFault::Length);
        }
        let at = note.find("\n\n").ok_or(NoteFault::Form)?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else { return Err(NoteFault::Form) };
        let number: u64 = size.parse().map_err(|_| NoteFault::Form)?;
        let root: [u8; KEY_BYTES] = decoded(root).and_then(|bytes| bytes.try_into().ok()).ok_or(NoteFault::Form)?;
        // One checkpoint, one text: another spelling of the same number would be another note.
        if origin.is_empty() || number.to_string() != size {
            return Err(NoteFault::Form);
        }
        let lines: Vec<&str> = signatures.lines().collect();
        if lines.is_empty() || lines.len() > SIGNATURES_MAX || !signatures.ends_with('\n') {
            return Err(NoteFault::Form);
        }
        let signatures = lines.into_iter().map(NoteSignature::parse).collect::<Option<_>>().ok_or(NoteFault::Form)?;
        let unproven = Checkpoint { origin: origin.to_owned(), size: number, root: Digest::from_bytes(root) };
        Ok(Self { unproven, text: text.to_owned(), signatures })
    }

    /// The checkpoint, if this key signed it.
    ///
    /// # Errors
    /// [`NoteFault::Signature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<&Checkpoint, NoteFault> {
        let is_ours = |signed: &&NoteSignature| signed.name == key.name && signed.key == key.id();
        let proves = |signed: &NoteSignature| {
            Signature::from_slice(&signed.signature)
                .is_ok_and(|signature| key.public.verify_strict(self.text.as_bytes(), &signature).is_ok())
        };
        let proven = self.signatures.iter().filter(is_ours).any(proves);
        if proven { Ok(&self.unproven) } else { Err(NoteFault::Signature) }
    }

    /// How many signatures it bears, valid or not.
    pub const fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// What it claims, unproven: for a sentence that says whose key would be needed.
    pub const fn claim(&self) -> &Checkpoint {
        &self.unproven
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let bytes = decoded(bytes)?;
        let (key, signature) = bytes.split_first_chunk::<4>()?;
        is_key_name(name).then(|| Self { name: name.to_owned(), key: *key, signature: signature.to_vec() })
    }
}

/// The key a daemon signs checkpoints with. It is never written anywhere but to its own file.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A key of this name from 32 bytes of chance; `None` for a name a note cannot bear.
    pub fn from_seed(name: &str, seed: &[u8; KEY_BYTES]) -> Option<Self> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        is_key_name(name).then(|| Self { name: name.to_owned(), secret })
    }

    /// Its public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), public: self.secret.verifying_key() }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.verifier())
    }
}

/// The public half of a signing key, written `NAME+ID+BASE64` as a signed note's verifier key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// Reads a key; `None` when it has another form, or another id than its bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (_, key) = rest.split_once('+')?;
        let bytes = decoded(key)?;
        let (&[ED25519], public) = bytes.split_first_chunk::<1>()? else { return None };
        let public = ed25519_dalek::VerifyingKey::from_bytes(public.try_into().ok()?).ok()?;
        let key = Self { name: name.to_owned(), public };
        (is_key_name(name) && key.to_string() == text).then_some(key)
    }

    /// The name that stands in its signatures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)`.
    fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ED25519]);
        hasher.update(self.public.as_bytes());
        let digest = hasher.finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.public.as_bytes());
        let id = u32::from_be_bytes(self.id());
        write!(formatter, "{}+{id:08x}+{}", self.name, BASE64.encode(bytes))
    }
}

/// A name stands between spaces in a note and between plus signs in a key.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|character: char| character.is_whitespace() || character == '+')
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// The name of a log: its first event's leaf makes it one no other log has.
pub fn origin(first_leaf: Digest) -> String {
    format!("calt/{}", &first_leaf.to_string()[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("calt/00ff", &[seed; KEY_BYTES]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "calt/00ff".to_owned(), size: 42, root: Digest::of_bytes(b"root") }
    }

    /// The key and the note of c2sp.org/signed-note and its Go reference (`golang.org/x/mod/sumdb/note`).
    #[test]
    fn a_note_of_the_reference_implementation_is_read() {
        let key = VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line =
            "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let signed = NoteSignature::parse(&format!("{SIGNATURE_MARK}{line}")).unwrap();
        assert_eq!(signed.key, key.id());
        let note = SignedCheckpoint { unproven: checkpoint(), text: text.to_owned(), signatures: vec![signed] };
        assert!(note.verify(&key).is_ok());
    }

    #[test]
    fn a_signed_checkpoint_is_read_again_and_no_changed_one() {
        let note = checkpoint().sign(&key(1));
        let read = SignedCheckpoint::parse(&note).unwrap();
        assert_eq!(read.verify(&key(1).verifier()), Ok(&checkpoint()));
        assert_eq!(read.verify(&key(2).verifier()), Err(NoteFault::Signature));
        for (one, other) in [("\n42\n", "\n43\n"), ("calt/00ff\n", "calt/00fe\n")] {
            let changed = SignedCheckpoint::parse(&note.replacen(one, other, 1)).unwrap();
            assert_eq!(changed.verify(&key(1).verifier()), Err(NoteFault::Signature), "{other}");
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let note = checkpoint().sign(&key(1));
        let root = note.lines().nth(2).unwrap().to_owned();
        for wrong in [
            String::new(),
            "a\n1\n\n".to_owned(),
            note.replace("\n42\n", "\n042\n"),
            note.replace("\n42\n", "\n+42\n"),
            note.replace(&root, "AAAA"),
            note.trim_end().to_owned(),
            note.replace(SIGNATURE_MARK, "- "),
            note.split_once("\n\n").unwrap().0.to_owned() + "\n\n",
        ] {
            assert_eq!(SignedCheckpoint::parse(&wrong), Err(NoteFault::Form), "{wrong:?}");
        }
        let long = format!("{note}{}", "x".repeat(NOTE_BYTES_MAX));
        assert_eq!(SignedCheckpoint::parse(&long), Err(NoteFault::Length));
    }

    #[test]
    fn a_key_reads_as_it_is_written() {
        let key = key(1).verifier();
        assert_eq!(VerifierKey::parse(&key.to_string()), Some(key.clone()));
        let text = key.to_string();
        for wrong in [text.replacen("calt", "colt", 1), text.replacen('+', " ", 1), "a+b".to_owned(), String::new()] {
            assert_eq!(VerifierKey::parse(&wrong), None, "{wrong}");
        }
        assert!(SigningKey::from_seed("a b", &[0; KEY_BYTES]).is_none());
        assert!(!format!("{:?}", super::tests::key(7)).contains("0707"));
    }
}
