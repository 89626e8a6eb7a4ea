//! How text becomes what is searched for: words of alphabets, and runs of Chinese, Japanese and Korean.
//!
//! The index and the matcher both stand on [`Tokenizer`], so they cannot disagree about where a word ends.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longest word that is told apart, in characters: a hexadecimal digest is 64.
const WORD_CHARS_MAX: usize = 128;

/// A piece of folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Letters and digits of alphabets, folded.
    Word(&'t str),
    /// Characters written without spaces between words.
    Run(&'t [char]),
}

/// Folds text (NFKC, lower case) and cuts it into pieces. Kept between texts for its memory.
#[derive(Default)]
pub(super) struct Tokenizer {
    word: String,
    word_chars: usize,
    run: Vec<char>,
}

impl Tokenizer {
    /// Visits every piece of the text in order.
    pub(super) fn each(&mut self, text: &str, mut visit: impl FnMut(Piece<'_>)) {
        let mut rest = text;
        while !rest.is_empty() {
            let plain = plain_bytes(rest);
            for byte in rest.as_bytes()[..plain].iter().copied() {
                self.push_ascii(byte, &mut visit);
            }
            rest = &rest[plain..];
            let folded = rest.char_indices().skip(1).find(|(_, next)| next.is_ascii()).map_or(rest.len(), |(at, _)| at);
            for character in rest[..folded].nfkc().flat_map(char::to_lowercase) {
                self.push(character, &mut visit);
            }
            rest = &rest[folded..];
        }
        self.end_word(&mut visit);
        self.end_run(&mut visit);
    }

    fn push_ascii(&mut self, byte: u8, visit: &mut impl FnMut(Piece<'_>)) {
        if byte.is_ascii_alphanumeric() {
            self.end_run(visit);
            self.extend_word(byte.to_ascii_lowercase().into());
        } else {
            self.end_word(visit);
            self.end_run(visit);
        }
    }

    fn push(&mut self, character: char, visit: &mut impl FnMut(Piece<'_>)) {
        if is_ignored(character) {
            return;
        }
        if is_in_runs(character) {
            self.end_word(visit);
            self.run.push(character);
        } else if character.is_alphanumeric() {
            self.end_run(visit);
            self.extend_word(character);
        } else if is_combining_mark(character) {
            if !self.word.is_empty() {
                self.extend_word(character);
            }
        } else {
            self.end_word(visit);
            self.end_run(visit);
        }
    }

    fn extend_word(&mut self, character: char) {
        if self.word_chars < WORD_CHARS_MAX {
            self.word.push(character);
            self.word_chars += 1;
        }
    }

    fn end_word(&mut self, visit: &mut impl FnMut(Piece<'_>)) {
        if !self.word.is_empty() {
            visit(Piece::Word(&self.word));
            self.word.clear();
            self.word_chars = 0;
        }
    }

    fn end_run(&mut self, visit: &mut impl FnMut(Piece<'_>)) {
        if !self.run.is_empty() {
            visit(Piece::Run(&self.run));
            self.run.clear();
        }
    }
}

/// How many leading bytes are ASCII and cannot be changed by what follows: an accent may follow the last one.
fn plain_bytes(text: &str) -> usize {
    let ascii = text.bytes().position(|byte| !byte.is_ascii()).unwrap_or(text.len());
    if ascii == text.len() { ascii } else { ascii.saturating_sub(1) }
}

/// Marks that change how a character looks and not which it is: variation selectors, joiners, soft hyphen.
const fn is_ignored(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Han, Hiragana, Katakana with its long mark, Bopomofo, Hangul: by Unicode's blocks.
const fn is_in_runs(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11FF}'
        | '\u{2E80}'..='\u{2FDF}'
        | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{302F}' | '\u{3031}'..='\u{3035}' | '\u{3038}'..='\u{303C}'
        | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309A}' | '\u{309D}'..='\u{309F}'
        | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}'
        | '\u{3105}'..='\u{312F}' | '\u{3131}'..='\u{318E}' | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Tokenizer::default().each(text, |piece| match piece {
            Piece::Word(word) => found.push(word.to_owned()),
            Piece::Run(run) => found.push(format!("[{}]", run.iter().collect::<String>())),
        });
        found
    }

    #[test]
    fn text_is_cut_where_a_reader_would() {
        assert_eq!(pieces("Step_001 was APPROVED!"), ["step", "001", "was", "approved"]);
        assert_eq!(pieces("プランv2を承認しました。"), ["[プラン]", "v2", "[を承認しました]"]);
        assert_eq!(pieces("ﾃﾞｰﾀﾍﾞｰｽ Ｆｕｌｌ１２"), ["[データベース]", "full12"]);
        assert_eq!(
            pieces("caf\u{65}\u{301} Café ПРИВЕТ"),
            ["café", "café", "привет"].map(|word| word.nfkc().collect::<String>())
        );
        assert_eq!(pieces("한국어 검색"), ["[한국어]", "[검색]"]);
        assert_eq!(pieces("葛\u{E0100}城・承認"), ["[葛城]", "[承認]"]);
        assert_eq!(pieces("สวัสดี ok"), ["สวัสดี".nfkc().collect::<String>(), "ok".to_owned()]);
        assert_eq!(pieces("\"*-' \u{1F600}"), Vec::<String>::new());
    }
}
