//! Being written.
/// The text that stands where a secret stood.
pub const MASK: &str = "***REDACTED***";
/// True when the text is what a masker leaves behind.
pub fn is_masked(text: &str) -> bool { text.contains(MASK) }
