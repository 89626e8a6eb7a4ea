//! How text becomes what is searched for: words of alphabets, and runs of Chinese, Japanese and Korean.
//!
//! The index and the matcher both stand on [`Tokenizer`], so they cannot disagree about where a word ends.

use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// Longest word that is told apart, in characters: a hexadecimal digest is 64.
const WORD_CHARS_MAX: usize = 128;

/// Where a piece of folded text stands in the text as it was given, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A piece of folded text, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Letters and digits of alphabets, folded.
    Word(&'t str, Place),
    /// Characters written without spaces between words, each with its place.
    Run(&'t [char], &'t [Place]),
}

/// Folds text (NFKC, lower case) and cuts it into pieces. Kept between texts for its memory.
#[derive(Default)]
pub(super) struct Tokenizer {
    word: String,
    word_chars: usize,
    word_start: usize,
    word_end: usize,
    run: Vec<char>,
    places: Vec<Place>,
}

impl Tokenizer {
    /// Visits every piece of the text in order.
    pub(super) fn each(&mut self, text: &str, mut visit: impl FnMut(Piece<'_>)) {
        let mut at = 0;
        while at < text.len() {
            let plain = plain_bytes(&text[at..]);
            for (offset, byte) in text.as_bytes()[at..at + plain].iter().copied().enumerate() {
                self.push_ascii(byte, at + offset, &mut visit);
            }
            at += plain;
            // What is folded together never reaches over a boundary, so each cluster is folded alone and its
            // place is known.
            while at < text.len() {
                let mut next = text[at..].chars();
                let Some(first) = next.next() else { break };
                let mut end = at + first.len_utf8();
                for follower in next {
                    if begins_cluster(follower) {
                        break;
                    }
                    end += follower.len_utf8();
                }
                let place = Place { start: at, end };
                let alone = end == at + first.len_utf8();
                if alone && first.is_ascii() {
                    self.push_ascii(first as u8, at, &mut visit);
                } else if alone && folds_to_itself(first) {
                    self.push(first, place, &mut visit);
                } else {
                    for character in text[at..end].nfkc().flat_map(char::to_lowercase) {
                        self.push(character, place, &mut visit);
                    }
                }
                at = end;
                if text.as_bytes().get(at).is_some_and(u8::is_ascii) {
                    break;
                }
            }
        }
        self.end_word(&mut visit);
        self.end_run(&mut visit);
    }

    fn push_ascii(&mut self, byte: u8, at: usize, visit: &mut impl FnMut(Piece<'_>)) {
        if byte.is_ascii_alphanumeric() {
            self.end_run(visit);
            self.extend_word(byte.to_ascii_lowercase().into(), Place { start: at, end: at + 1 });
        } else {
            self.end_word(visit);
            self.end_run(visit);
        }
    }

    fn push(&mut self, character: char, place: Place, visit: &mut impl FnMut(Piece<'_>)) {
        if is_ignored(character) {
            return;
        }
        if is_in_runs(character) {
            self.end_word(visit);
            self.run.push(character);
            self.places.push(place);
        } else if character.is_alphanumeric() {
            self.end_run(visit);
            self.extend_word(character, place);
        } else if is_combining_mark(character) {
            if !self.word.is_empty() {
                self.extend_word(character, place);
            }
        } else {
            self.end_word(visit);
            self.end_run(visit);
        }
    }

    fn extend_word(&mut self, character: char, place: Place) {
        if self.word_chars == 0 {
            self.word_start = place.start;
        }
        self.word_end = place.end;
        if self.word_chars < WORD_CHARS_MAX {
            self.word.push(character);
            self.word_chars += 1;
        }
    }

    fn end_word(&mut self, visit: &mut impl FnMut(Piece<'_>)) {
        if !self.word.is_empty() {
            visit(Piece::Word(&self.word, Place { start: self.word_start, end: self.word_end }));
            self.word.clear();
            self.word_chars = 0;
        }
    }

    fn end_run(&mut self, visit: &mut impl FnMut(Piece<'_>)) {
        if !self.run.is_empty() {
            visit(Piece::Run(&self.run, &self.places));
            self.run.clear();
            self.places.clear();
        }
    }
}

/// How many leading bytes are ASCII and cannot be changed by what follows: an accent may follow the last one.
fn plain_bytes(text: &str) -> usize {
    let ascii = text.bytes().position(|byte| !byte.is_ascii()).unwrap_or(text.len());
    if ascii == text.len() { ascii } else { ascii.saturating_sub(1) }
}

/// Characters that NFKC and lower case leave alone and that nothing before them is changed by: by far most of
/// Japanese and Chinese. A mark that follows may still change one.
const fn folds_to_itself(character: char) -> bool {
    matches!(character, '\u{3001}'..='\u{3035}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FE}' | '\u{4E00}'..='\u{9FFF}')
        && !matches!(character, '\u{302A}'..='\u{302F}')
}

/// Whether folding can begin anew at a character: it neither joins what is before it nor moves before it
/// (UAX #15, stable code points: a starter that never composes with a character before it).
fn begins_cluster(character: char) -> bool {
    if character.is_ascii() || folds_to_itself(character) {
        return true;
    }
    let first = std::iter::once(character).nfkd().next().unwrap_or(character);
    canonical_combining_class(first) == 0 && !matches!(is_nfc_quick(std::iter::once(first)), IsNormalized::Maybe)
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
    use proptest::prelude::*;

    fn pieces(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Tokenizer::default().each(text, |piece| match piece {
            Piece::Word(word, _) => found.push(word.to_owned()),
            Piece::Run(run, _) => found.push(format!("[{}]", run.iter().collect::<String>())),
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

    /// Characters that fold, compose, reorder or stay, from every corner the folding knows.
    const ALPHABET: &str = "[a-zA-Z0-9 éß①Å²ｶﾞﾟガか\u{3099}\u{309A}\u{301}\u{323}\u{345}가각\u{1100}\u{1161}\u{11A8}한漢々ーﷺﬁ㍿\u{FE0F}\u{200D}สระ\u{E33}\u{95C}क\u{93C}\u{1E9B}İ]{0,16}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn clusters_fold_as_the_whole_does(text in ALPHABET) {
            let whole: String = text.nfkc().flat_map(char::to_lowercase).collect();
            let mut clusters = vec![String::new()];
            for (at, character) in text.char_indices() {
                if at > 0 && begins_cluster(character) {
                    clusters.push(String::new());
                }
                clusters.last_mut().unwrap().push(character);
            }
            let apart: String = clusters.iter().flat_map(|cluster| cluster.nfkc().flat_map(char::to_lowercase)).collect();
            prop_assert_eq!(&apart, &whole);
            for character in text.chars().filter(|character| folds_to_itself(*character)) {
                prop_assert_eq!(std::iter::once(character).nfkc().flat_map(char::to_lowercase).collect::<String>(), character.to_string());
            }
        }

        #[test]
        fn a_piece_is_what_stands_at_its_place(text in ALPHABET) {
            let mut at = Vec::new();
            Tokenizer::default().each(&text, |piece| match piece {
                Piece::Word(word, place) => at.push((word.to_owned(), place)),
                Piece::Run(run, places) => {
                    let place = Place { start: places[0].start, end: places[places.len() - 1].end };
                    at.push((format!("[{}]", run.iter().collect::<String>()), place));
                }
            });
            let mut last = 0;
            for (piece, place) in at {
                prop_assert!(last <= place.start && place.start < place.end, "{:?} {:?}", text, place);
                last = place.start;
                prop_assert!(pieces(&text[place.start..place.end]).contains(&piece), "{:?}: {:?} at {:?}", text, piece, place);
            }
        }
    }

    #[test]
    fn every_character_that_is_said_to_fold_to_itself_does() {
        for character in ('\u{3000}'..='\u{9FFF}').filter(|character| folds_to_itself(*character)) {
            let folded: String = std::iter::once(character).nfkc().flat_map(char::to_lowercase).collect();
            assert_eq!(folded, character.to_string());
            let begins = canonical_combining_class(character) == 0
                && !matches!(is_nfc_quick(std::iter::once(character)), IsNormalized::Maybe);
            assert!(begins, "{character:?}");
        }
    }
}
