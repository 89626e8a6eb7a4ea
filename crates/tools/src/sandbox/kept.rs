//! A stream of which head and tail are kept, and the rest counted.

use std::collections::VecDeque;

/// Bytes of each stream that are kept: half from its beginning, half from its end.
pub(crate) const STREAM_BYTES_MAX: usize = 1024 * 1024;

/// What is kept of a stream.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Kept {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (STREAM_BYTES_MAX / 2).saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend(&bytes[room..]);
        let over = self.tail.len().saturating_sub(STREAM_BYTES_MAX / 2);
        self.tail.drain(..over);
    }

    /// How many bytes were not kept.
    pub(crate) fn dropped(&self) -> u64 {
        self.total - self.head.len() as u64 - self.tail.len() as u64
    }

    /// The text, with a line that says how much is missing in the middle; and whether it is not UTF-8.
    pub(crate) fn text(&self) -> (String, bool) {
        let dropped = self.dropped();
        let mut bytes = self.head.clone();
        if dropped > 0 {
            bytes.extend_from_slice(format!("\n(calt: {dropped} bytes are cut here)\n").as_bytes());
        }
        bytes.extend(&self.tail);
        match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_tail_are_kept_and_the_gap_is_named() {
        let mut kept = Kept::default();
        kept.take(b"begin");
        for _ in 0..64 {
            kept.take(&vec![b'x'; 64 * 1024]);
        }
        kept.take(b"end");
        let (text, lossy) = kept.text();
        assert!(!lossy && text.starts_with("begin") && text.ends_with("end"));
        assert_eq!(kept.dropped(), 64 * 64 * 1024 + 8 - STREAM_BYTES_MAX as u64);
        assert!(text.contains(&format!("(calt: {} bytes are cut here)", kept.dropped())));
    }
}
