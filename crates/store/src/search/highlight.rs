//! Where a found event holds what was looked for: marks in its fields, and an excerpt around the hit.

use rusqlite::Connection;

use super::index::long_output;
use super::query::{Mark, Query};
use super::spoken::{self, spoken};
use super::token::Tokenizer;
use crate::error::StoreError;
use crate::files::Files;
use crate::log::EventRow;

/// Most marks in one field.
const MARKS_MAX: usize = 32;
/// Characters of an excerpt.
const EXCERPT_CHARS: usize = 160;
/// Of these, characters before the first hit.
const EXCERPT_CHARS_BEFORE: usize = 40;
/// Long outputs that are read for the excerpts of one page, in bytes. What lies beyond has no excerpt.
const OUTPUT_BYTES_A_PAGE: usize = 8 * 1024 * 1024;

/// A text of an event that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The event type.
    EventType,
    /// The summary.
    Summary,
    /// The payload.
    PayloadText,
    /// An output that was too long for the payload.
    Output,
}

/// A stretch of text, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first character.
    pub start: usize,
    /// The character behind the last one.
    pub end: usize,
}

/// A hit in a field of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// Which field.
    pub field: Field,
    /// Where in it.
    pub at: Stretch,
}

/// A piece of a long field around a hit, JSON escapes resolved, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The payload or the output.
    pub field: Field,
    /// The piece.
    pub text: String,
    /// The hits in it.
    pub marks: Vec<Stretch>,
    /// Whether the field goes on before it.
    pub cut_before: bool,
    /// Whether the field goes on behind it.
    pub cut_after: bool,
}

/// An event that was found, and where the hit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvent {
    /// The event.
    pub event: EventRow,
    /// The hits in type, summary and payload.
    pub highlights: Vec<Highlight>,
    /// Around the hit in the payload or in the long output, if there is one.
    pub excerpt: Option<Excerpt>,
}

/// Finds the hits of a page's events.
pub(super) struct Highlighter<'q> {
    query: &'q Query,
    tokenizer: Tokenizer,
    output_bytes_left: usize,
}

impl<'q> Highlighter<'q> {
    pub(super) fn new(query: &'q Query) -> Self {
        Self { query, tokenizer: Tokenizer::default(), output_bytes_left: OUTPUT_BYTES_A_PAGE }
    }

    pub(super) fn found(
        &mut self,
        connection: &Connection,
        files: &Files,
        event: EventRow,
    ) -> Result<FoundEvent, StoreError> {
        if self.query.is_empty() {
            return Ok(FoundEvent { event, highlights: Vec::new(), excerpt: None });
        }
        let mut highlights = Vec::new();
        let mut seen = vec![false; self.query.needles()];
        for (field, text) in [(Field::EventType, &event.event_type), (Field::Summary, &event.summary)] {
            let marks = self.marks(text, &mut seen);
            add(&mut highlights, field, text, marks.iter().map(|mark| (mark.place.start, mark.place.end)));
        }
        let heard = spoken(&event.payload_text);
        let marks = self.marks(&heard.text, &mut seen);
        let source = |mark: &Mark| (heard.source(mark.place.start), heard.source(mark.place.end));
        add(&mut highlights, Field::PayloadText, &event.payload_text, marks.iter().map(source));
        let mut excerpt = excerpt(Field::PayloadText, &heard.text, &marks);
        if seen.contains(&false)
            && let Some(output) = self.output(connection, files, &event)?
        {
            let output = spoken::heard(&output);
            let marks = self.marks(&output, &mut seen);
            excerpt = self::excerpt(Field::Output, &output, &marks).or(excerpt);
        }
        Ok(FoundEvent { event, highlights, excerpt })
    }

    fn marks(&mut self, text: &str, seen: &mut [bool]) -> Vec<Mark> {
        let marks = self.query.marks(&mut self.tokenizer, text, MARKS_MAX);
        for mark in &marks {
            seen[mark.needle] = true;
        }
        marks
    }

    fn output(
        &mut self,
        connection: &Connection,
        files: &Files,
        event: &EventRow,
    ) -> Result<Option<String>, StoreError> {
        if self.output_bytes_left == 0 {
            return Ok(None);
        }
        let output = long_output(connection, files, event)?;
        let bytes = output.as_ref().map_or(0, String::len);
        self.output_bytes_left = self.output_bytes_left.saturating_sub(bytes);
        Ok(output)
    }
}

/// Adds marks of a field, given in bytes of its text, as stretches of characters; what overlaps becomes one.
fn add(highlights: &mut Vec<Highlight>, field: Field, text: &str, marks: impl Iterator<Item = (usize, usize)>) {
    highlights.extend(stretches(text, marks).into_iter().map(|at| Highlight { field, at }));
}

/// Marks in the order of their starts, in bytes, as stretches of characters; what overlaps becomes one.
fn stretches(text: &str, marks: impl Iterator<Item = (usize, usize)>) -> Vec<Stretch> {
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (start, end) in marks {
        match merged.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            Some(_) | None => merged.push((start, end)),
        }
    }
    let (mut bytes, mut chars) = (0, 0);
    let mut char_at = |at: usize| {
        chars += text[bytes..at].chars().count();
        bytes = at;
        chars
    };
    merged.into_iter().map(|(start, end)| Stretch { start: char_at(start), end: char_at(end) }).collect()
}

/// The piece of a text that holds most of what was looked for, from a little before its first hit.
fn excerpt(field: Field, text: &str, marks: &[Mark]) -> Option<Excerpt> {
    let reach = |first: usize| chars_after(text, first, EXCERPT_CHARS - EXCERPT_CHARS_BEFORE);
    let within = |first: &Mark| {
        let end = reach(first.place.start);
        let mut needles: Vec<usize> = marks
            .iter()
            .filter(|mark| first.place.start <= mark.place.start && mark.place.end <= end)
            .map(|mark| mark.needle)
            .collect();
        needles.sort_unstable();
        needles.dedup();
        needles.len()
    };
    // The first of the best: `max_by_key` would give the last.
    let best = marks.iter().rev().max_by_key(|mark| within(mark))?.place.start;
    let start = text[..best].char_indices().rev().nth(EXCERPT_CHARS_BEFORE - 1).map_or(0, |(at, _)| at);
    let end = chars_after(text, start, EXCERPT_CHARS);
    let piece = &text[start..end];
    let inside = marks
        .iter()
        .filter(|mark| start <= mark.place.start && mark.place.start < end)
        .map(|mark| (mark.place.start - start, mark.place.end.min(end) - start));
    Some(Excerpt {
        field,
        marks: stretches(piece, inside),
        text: piece.chars().map(|character| if character.is_control() { ' ' } else { character }).collect(),
        cut_before: start > 0,
        cut_after: end < text.len(),
    })
}

/// Where so many characters behind a place end, in bytes.
fn chars_after(text: &str, from: usize, chars: usize) -> usize {
    text[from..].char_indices().nth(chars).map_or(text.len(), |(at, _)| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(asked: &str, text: &str) -> Vec<String> {
        let marks = Query::read(asked).marks(&mut Tokenizer::default(), text, MARKS_MAX);
        let characters: Vec<char> = text.chars().collect();
        stretches(text, marks.iter().map(|mark| (mark.place.start, mark.place.end)))
            .into_iter()
            .map(|at| characters[at.start..at.end].iter().collect())
            .collect()
    }

    #[test]
    fn a_hit_is_marked_in_the_text_as_it_was_written() {
        assert_eq!(marked("bill v2", "Deploy the BILLING service, v2"), ["BILLING", "v2"]);
        assert_eq!(marked("承認", "東京の承認待ちを承認する"), ["承認", "承認"]);
        assert_eq!(marked("承", "東京の承認"), ["承"]);
        assert_eq!(marked("データ", "ﾃﾞｰﾀを確認、データ"), ["ﾃﾞｰﾀ", "データ"]);
        assert_eq!(marked("full", "Ｆｕｌｌ１２ と full"), ["Ｆｕｌｌ１２", "full"]);
        assert_eq!(marked("が", "か\u{3099}ある"), ["か\u{3099}"]);
        assert_eq!(marked("株式", "㍿と株式"), ["㍿", "株式"]);
        assert_eq!(marked("認待 承認", "承認待ち"), ["承認待"]);
        assert_eq!(marked("葛城", "葛\u{E0100}城山"), ["葛\u{E0100}城"]);
        assert_eq!(marked("nothing", "here"), Vec::<String>::new());
    }

    #[test]
    fn an_excerpt_stands_around_most_of_what_was_looked_for() {
        let far = "x ".repeat(400);
        let json = format!("{{\"a\":\"alpha {far}\\nalpha and 承認 here {far}\"}}");
        let heard = spoken::heard(&json);
        let marks = Query::read("alpha 承認").marks(&mut Tokenizer::default(), &heard, MARKS_MAX);
        let found = excerpt(Field::Output, &heard, &marks).unwrap();
        assert!(found.text.contains("alpha and 承認 here") && found.cut_before && found.cut_after, "{found:?}");
        assert_eq!(found.text.chars().count(), EXCERPT_CHARS);
        let characters: Vec<char> = found.text.chars().collect();
        let words: Vec<String> = found.marks.iter().map(|at| characters[at.start..at.end].iter().collect()).collect();
        assert_eq!(words, ["alpha", "承認"]);
        assert_eq!(excerpt(Field::Output, &heard, &[]), None);
    }
}
