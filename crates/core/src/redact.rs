//! Replaces secrets by a mask before anything is stored, sent or shown.
//!
//! What counts as a secret: the value of a key whose name says so ([`keys`]), text in a known
//! format ([`rules`], [`shapes`]), either of them in base64 ([`encoded`]), and exact values the daemon knows ([`exact`]). Safety wins over
//! looks: what may be a secret is masked. The same text always gives the same result, and masking
//! a masked text changes nothing.

mod assigned;
mod code;
mod encoded;
mod exact;
mod json;
mod keys;
mod layout;
mod logins;
mod quotes;
mod records;
mod rules;
mod scan;
mod shapes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The text that stands where a secret stood.
pub const MASK: &str = "***REDACTED***";

/// How much of a word is dropped at the place where a text was cut, in bytes.
const CUT_WORD_BYTES_MAX: usize = 4 * 1024;
/// How often a text is read again because masking one secret laid open another.
const ROUNDS_MAX: usize = 8;

/// Finds secrets and puts [`MASK`] in their place. Cheap to clone.
#[derive(Clone, Default)]
pub struct Masker {
    exact: Option<Arc<exact::Exact>>,
}

/// A JSON value without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked {
    /// The value with every secret replaced.
    pub value: serde_json::Value,
    /// JSON pointers (RFC 6901) into `value`, of everything that was replaced or changed.
    pub pointers: Vec<String>,
}

impl Masker {
    /// A masker that goes by formats and key names only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds exact values, from 12 characters on; they are also found in base64, hexadecimal and URL-encoded.
    #[must_use]
    pub fn with_exact<I: IntoIterator<Item = String>>(self, secrets: I) -> Self {
        let known = self.exact.iter().flat_map(|exact| exact.values().iter().cloned());
        let values = known.chain(secrets).collect();
        Self { exact: exact::Exact::new(values).map(Arc::new) }
    }

    /// Masks the secrets in a text; borrows when there is none.
    pub fn mask_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.changed(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Masks the secrets in a JSON value: by key, and in every string.
    pub fn mask_json(&self, value: serde_json::Value) -> Masked {
        json::mask(self, value)
    }

    /// Masks a text that was cut at its end, and drops the word (up to 4 KiB) the cut went through:
    /// the beginning of a secret can't be told from any other word.
    pub fn mask_cut<'t>(&self, head: &'t str) -> Cow<'t, str> {
        let whole = head.trim_end_matches(|c: char| !c.is_whitespace()).len();
        let earliest = head.ceil_char_boundary(head.len().saturating_sub(CUT_WORD_BYTES_MAX));
        let kept = &head[..whole.max(earliest)];
        let phrase = self.exact.as_ref().map_or(0, |exact| exact.cut_at_end(head));
        self.mask_text(&kept[..kept.len().min(head.len() - phrase)])
    }

    /// The masked text, or `None` when it holds no secret.
    fn changed(&self, text: &str) -> Option<String> {
        let mut masked = self.changed_once(text)?;
        for _ in 1..ROUNDS_MAX {
            match self.changed_once(&masked) {
                Some(again) => masked = again,
                None => return Some(masked),
            }
        }
        // Only text made to that end gets here: nothing of it is worth a risk.
        Some(MASK.to_owned())
    }

    fn changed_once(&self, text: &str) -> Option<String> {
        let mut places = scan::secrets(text);
        places.append(&mut encoded::places(text));
        if let Some(exact) = &self.exact {
            places.append(&mut exact.places(text));
        }
        scan::replace(text, places)
    }
}

/// Shows nothing of the values it knows.
impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.exact.as_ref().map_or(0, |exact| exact.values().len());
        f.debug_struct("Masker").field("exact_values", &known).finish()
    }
}

/// True when the text is what a masker leaves behind: it holds the mask.
pub fn is_masked(text: &str) -> bool {
    text.contains(MASK)
}
