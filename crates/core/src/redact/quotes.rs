//! Quotes at any depth of escaping, and where what they open is closed.

use std::ops::Range;

/// How far behind its opening quote a closing quote is looked for on later lines, in bytes.
const QUOTED_LINES_BYTES_MAX: usize = 4 * 1024;

/// A quote sign and the backslashes before it: JSON within JSON has `\"`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) sign: u8,
    pub(super) backslashes: usize,
}

impl Quote {
    /// True when a sign after so many backslashes ends what this quote opened.
    pub(super) const fn is_closed_after(self, backslashes: usize) -> bool {
        backslashes < self.backslashes || (backslashes - self.backslashes).is_multiple_of(2 * (self.backslashes + 1))
    }
}

/// The quote that stands right before `at`.
pub(super) fn quote_before(bytes: &[u8], at: usize) -> Option<Quote> {
    let sign = *bytes.get(at.checked_sub(1)?)?;
    if !matches!(sign, b'"' | b'\'' | b'`') {
        return None;
    }
    let backslashes = bytes[..at - 1].iter().rev().take_while(|b| **b == b'\\').count();
    Some(Quote { sign, backslashes })
}

/// Where the text goes on when `quote` is closed right at `at`.
pub(super) fn closes_at(bytes: &[u8], at: usize, quote: Quote) -> Option<usize> {
    let backslashes = bytes[at..].iter().take_while(|b| **b == b'\\').count();
    let sign = at + backslashes;
    (bytes.get(sign) == Some(&quote.sign) && backslashes == quote.backslashes).then_some(sign + 1)
}

/// A quote that opens at `at`, perhaps after a prefix such as `b` or `$`, and where its content begins.
pub(super) fn opening_quote(bytes: &[u8], at: usize) -> Option<(Quote, usize)> {
    const PREFIX_BYTES_MAX: usize = 2;
    let prefix = bytes[at..]
        .iter()
        .take(PREFIX_BYTES_MAX)
        .take_while(|b| matches!(b, b'b' | b'B' | b'f' | b'F' | b'r' | b'R' | b'u' | b'U' | b'L' | b'@' | b'$'))
        .count();
    let from = at + prefix;
    let backslashes = bytes[from..].iter().take_while(|b| **b == b'\\').count();
    let sign = *bytes.get(from + backslashes)?;
    matches!(sign, b'"' | b'\'' | b'`').then_some((Quote { sign, backslashes }, from + backslashes + 1))
}

/// The content of a quote, and where the text goes on. Without a close: up to the line's end.
pub(super) fn closing_quote(text: &str, content: usize, quote: Quote) -> (Range<usize>, usize) {
    let bytes = text.as_bytes();
    let sign = quote.sign;
    if quote.backslashes == 0 && bytes[content..].starts_with(&[sign, sign]) {
        let inside = content + 2;
        if let Some(length) = bytes[inside..].windows(3).position(|three| three == [sign; 3]) {
            return (inside..inside + length, inside + length + 3);
        }
    }
    let (mut line, mut limit) = (None, bytes.len());
    let (mut at, mut backslashes) = (content, 0);
    while at < limit {
        if bytes[at] == b'\\' {
            backslashes += 1;
        } else {
            if bytes[at] == sign && quote.is_closed_after(backslashes) {
                // A doubled quote stands for itself in YAML and CSV.
                let doubled = backslashes == 0 && at > content && bytes.get(at + 1) == Some(&sign);
                if !doubled {
                    return (content..at - backslashes.min(quote.backslashes), at + 1);
                }
                at += 1;
            } else if bytes[at] == b'\n' && line.is_none() {
                line = Some(at);
                limit = limit.min(at + QUOTED_LINES_BYTES_MAX);
            }
            backslashes = 0;
        }
        at += 1;
    }
    let end = line.unwrap_or(bytes.len());
    (content..end, end)
}
