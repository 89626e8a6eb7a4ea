//! What is looked for, as an expression for the index and as a matcher for what the index has not reached.

use super::called;
use super::token::{Piece, Place, Tokenizer};
use crate::error::StoreError;

/// Letters from which a word stands for every word that begins with it.
const PREFIX_CHARS_MIN: usize = 3;

/// What must occur, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    needles: Vec<Needle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Needle {
    /// This very word.
    Word(String),
    /// A word that begins so.
    Prefix(String),
    /// These characters in a row, inside a run.
    Run(Vec<char>),
}

impl Query {
    pub(super) fn read(text: &str) -> Self {
        let mut needles: Vec<Needle> = Vec::new();
        Tokenizer::default().each(text, |piece| {
            let needle = match piece {
                Piece::Word(word, _) if word.chars().count() < PREFIX_CHARS_MIN => Needle::Word(word.to_owned()),
                Piece::Word(word, _) => Needle::Prefix(word.to_owned()),
                Piece::Run(run, _) => Needle::Run(run.to_vec()),
            };
            if !needles.contains(&needle) {
                needles.push(needle);
            }
        });
        Self { needles }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The expression for FTS5. `words` may name the words of a prefix, which the index finds faster one by one.
    ///
    /// Quotes are safe: no token holds one, as a token is letters, digits and marks alone.
    pub(super) fn expression(
        &self,
        mut words: impl FnMut(&str) -> Result<Option<Vec<String>>, StoreError>,
    ) -> Result<String, StoreError> {
        let mut expression = String::new();
        for needle in &self.needles {
            let term = match needle {
                Needle::Word(word) => format!("\"{word}\""),
                Needle::Prefix(prefix) => match words(prefix)? {
                    Some(words) if words.is_empty() => format!("\"{prefix}\""),
                    Some(words) => format!("(\"{}\")", words.join("\" OR \"")),
                    None => format!("\"{prefix}\"*"),
                },
                Needle::Run(run) => {
                    let mut term = format!("\"{}\"", pairs(run));
                    called::terms(run).for_each(|called| term.push_str(&format!(" OR {}", called.quoted())));
                    format!("({term})")
                }
            };
            and(&mut expression, &term);
        }
        Ok(expression)
    }

    pub(super) fn matcher(&self) -> Matcher<'_> {
        Matcher { query: self, found: vec![false; self.needles.len()], tokenizer: Tokenizer::default() }
    }
}

/// A run as the index holds it: its overlapping pairs, or its one character.
fn pairs(run: &[char]) -> String {
    if let [one] = run {
        return one.to_string();
    }
    let pairs: Vec<String> = run.windows(2).map(|pair| pair.iter().collect()).collect();
    pairs.join(" ")
}

/// Adds a term that must hold as well.
pub(super) fn and(expression: &mut String, term: &str) {
    if !expression.is_empty() {
        expression.push_str(" AND ");
    }
    expression.push_str(term);
}

/// Says of a text whether the index would find it.
pub(super) struct Matcher<'q> {
    query: &'q Query,
    found: Vec<bool>,
    tokenizer: Tokenizer,
}

impl Matcher<'_> {
    pub(super) fn restart(&mut self) {
        self.found.fill(false);
    }

    pub(super) fn take_in(&mut self, text: &str) {
        if self.is_satisfied() {
            return;
        }
        let Self { query, found, tokenizer } = self;
        tokenizer.each(text, |piece| {
            for (needle, found) in query.needles.iter().zip(found.iter_mut()) {
                *found = *found || needle.is_in(piece);
            }
        });
    }

    pub(super) fn is_satisfied(&self) -> bool {
        self.found.iter().all(|found| *found)
    }
}

impl Needle {
    fn is_in(&self, piece: Piece<'_>) -> bool {
        match (self, piece) {
            (Self::Word(wanted), Piece::Word(word, _)) => wanted == word,
            (Self::Prefix(wanted), Piece::Word(word, _)) => word.starts_with(wanted.as_str()),
            (Self::Run(wanted), Piece::Run(run, _)) => run.windows(wanted.len()).any(|part| part == wanted),
            (Self::Word(_) | Self::Prefix(_), Piece::Run(..)) | (Self::Run(_), Piece::Word(..)) => false,
        }
    }

    /// Every place where it is in a piece: a whole word, or the characters of a run.
    fn places_in(&self, piece: Piece<'_>, mut found: impl FnMut(Place)) {
        match piece {
            Piece::Word(_, place) => {
                if self.is_in(piece) {
                    found(place);
                }
            }
            Piece::Run(run, places) => {
                let Self::Run(wanted) = self else { return };
                for (first, part) in run.windows(wanted.len()).enumerate() {
                    if part == wanted {
                        let last = first + wanted.len() - 1;
                        found(Place { start: places[first].start, end: places[last].end });
                    }
                }
            }
        }
    }
}

/// Where something that was looked for stands in a text, in bytes, and which of the things it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) place: Place,
    pub(super) needle: usize,
}

impl Query {
    /// How many things must occur.
    pub(super) fn needles(&self) -> usize {
        self.needles.len()
    }

    /// Marks in a text, in its order, at most so many.
    pub(super) fn marks(&self, tokenizer: &mut Tokenizer, text: &str, at_most: usize) -> Vec<Mark> {
        let mut marks = Vec::new();
        tokenizer.each(text, |piece| {
            for (needle, wanted) in self.needles.iter().enumerate() {
                if marks.len() < at_most {
                    wanted.places_in(piece, |place| marks.push(Mark { place, needle }));
                }
            }
        });
        marks.truncate(at_most);
        marks.sort_unstable_by_key(|mark| (mark.place.start, mark.place.end));
        marks
    }
}
