//! Filling the index, after the commit, in batches.

use calt_core::digest::Digest;
use calt_core::event::Envelope;
use calt_core::id::SessionId;
use calt_core::principal::PrincipalId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::called;
use super::query::and;
use super::spans::Times;
use super::spoken::heard;
use super::token::{Piece, Tokenizer};
use crate::error::StoreError;
use crate::files::Files;
use crate::log::{EventRow, event_columns, parsed};

/// Begins the term of a session. Private use: no text gives a token that begins so.
const SESSION_MARK: char = '\u{E000}';
/// Begins the term of an event type.
const TYPE_MARK: char = '\u{E001}';
/// Begins the term of a principal.
const PRINCIPAL_MARK: char = '\u{E002}';
/// Begins the term of what a run did to files.
const OUTCOME_MARK: char = '\u{E003}';
/// Most words a prefix is spelt out into. More, and one walk over all of them is cheaper.
const PREFIX_WORDS_MAX: usize = 64;

/// Terms that are not of the text.
pub(super) struct Terms(String);

impl Terms {
    pub(super) fn session(session: &SessionId) -> Self {
        let digest = Digest::of_bytes(session.as_str().as_bytes());
        Self(format!("{SESSION_MARK}{}", &digest.to_string()[..16]))
    }

    pub(super) fn event_type(event_type: &str) -> Self {
        let squeezed: String = event_type.chars().filter(char::is_ascii_alphanumeric).collect();
        Self(format!("{TYPE_MARK}{}", squeezed.to_ascii_lowercase()))
    }

    pub(super) fn principal(principal: &PrincipalId) -> Self {
        let digest = Digest::of_bytes(principal.as_str().as_bytes());
        Self(format!("{PRINCIPAL_MARK}{}", &digest.to_string()[..16]))
    }

    pub(super) fn outcome(outcome: &str) -> Self {
        Self(format!("{OUTCOME_MARK}{outcome}"))
    }

    pub(super) fn and(&self, expression: &mut String) {
        and(expression, &self.quoted());
    }

    /// The term in an expression.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// Up to which event the index has come.
pub(crate) fn indexed_up_to(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.prepare_cached("SELECT last_id FROM index_state WHERE one = 1")?.query_row([], |row| row.get(0))?)
}

/// Takes the text of an event out of the index, and its tokens out of what is on disk. What is not of its text stays.
///
/// A deleted row of a contentless table is only marked; its tokens go when the segments that hold them are merged.
pub(crate) fn forget(connection: &Connection, event: &Envelope) -> Result<(), StoreError> {
    if indexed_up_to(connection)? < event.id.0 {
        return Ok(());
    }
    connection.execute("DELETE FROM events_fts WHERE rowid = ?1", [event.id.0])?;
    connection.execute("INSERT INTO events_fts (events_fts) VALUES ('optimize')", [])?;
    let mut document = Document::default();
    let facts = event.fact.facts().to_string();
    document.begin((event.fact.event_type(), &facts), &event.principal, event.session.as_ref());
    document.take_in(event.fact.event_type());
    connection
        .execute("INSERT INTO events_fts (rowid, tokens) VALUES (?1, ?2)", params![event.id.0, document.finish()])?;
    Ok(())
}

/// Takes the next events into the index, in a transaction of the caller; gives up to which event it came.
pub(crate) fn index_some(connection: &Connection, files: &Files, limit: u32) -> Result<i64, StoreError> {
    let mut last = indexed_up_to(connection)?;
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE id > ?1 ORDER BY id LIMIT ?2"
    ))?;
    let mut insert = connection.prepare_cached("INSERT INTO events_fts (rowid, tokens) VALUES (?1, ?2)")?;
    let mut rows = select.query(params![last, limit])?;
    let (mut document, mut times) = (Document::default(), Times::default());
    while let Some(row) = rows.next()? {
        let event = EventRow::read(row)?;
        times.take_in(event.id.0, event.created_at);
        document.begin((&event.event_type, &event.facts), &event.principal, event.session.as_ref());
        each_written_text(connection, files, &event, |text| document.take_in(text))?;
        insert.execute(params![event.id.0, document.finish()])?;
        last = event.id.0;
    }
    times.write(connection)?;
    connection.prepare_cached("UPDATE index_state SET last_id = ?1 WHERE one = 1")?.execute([last])?;
    Ok(last)
}

/// Visits every text of an event that can be searched for: what it is called, and what is written of it.
pub(super) fn each_text(
    connection: &Connection,
    files: &Files,
    event: &EventRow,
    mut visit: impl FnMut(&str),
) -> Result<(), StoreError> {
    called::names(&event.event_type, &event.facts).for_each(&mut visit);
    each_written_text(connection, files, event, visit)
}

/// The same without what it is called, for which the index has terms: type, summary, payload, and the whole of a long
/// output.
fn each_written_text(
    connection: &Connection,
    files: &Files,
    event: &EventRow,
    mut visit: impl FnMut(&str),
) -> Result<(), StoreError> {
    visit(&event.event_type);
    visit(&event.summary);
    visit(&heard(&event.payload_text));
    if let Some(output) = long_output(connection, files, event)? {
        visit(&heard(&output));
    }
    Ok(())
}

/// The text of an output that was too long for its payload. A redacted event has none.
pub(super) fn long_output(
    connection: &Connection,
    files: &Files,
    event: &EventRow,
) -> Result<Option<String>, StoreError> {
    if event.event_type != "step_executed" || event.salt.is_none() || !event.facts.contains("\"in_payload\":false") {
        return Ok(None);
    }
    let found = connection
        .prepare_cached("SELECT path, sha256 FROM artifacts WHERE run_id = ?1 ORDER BY id LIMIT 1")?
        .query_row([event.run.map(|run| run.0)], |row| Ok((row.get::<_, String>(0)?, parsed(row, 1, Digest::parse)?)))
        .optional()?;
    let Some((path, sha256)) = found else { return Ok(None) };
    match files.read_artifact(&path, sha256) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) => {
            tracing::warn!(event.id = event.id.0, %error, "a long output cannot be searched");
            Ok(None)
        }
    }
}

/// The words in the index that begin so, or `None` when they are too many to spell out.
///
/// FTS5 answers a prefix by merging the lists of all its words before it gives the first row; it walks a
/// spelt-out OR lazily, so that the newest hundred cost the same in a log of a million events.
pub(super) fn words_with_prefix(connection: &Connection, prefix: &str) -> Result<Option<Vec<String>>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT term FROM events_fts_terms WHERE term >= ?1 ORDER BY term LIMIT 1")?;
    let mut words: Vec<String> = Vec::new();
    let mut from = prefix.to_owned();
    loop {
        let word: Option<String> = statement.query_row([&from], |row| row.get(0)).optional()?;
        let Some(word) = word.filter(|word| word.starts_with(prefix)) else { return Ok(Some(words)) };
        if words.len() == PREFIX_WORDS_MAX {
            return Ok(None);
        }
        // Tokens hold no control characters, so nothing lies between a word and this.
        from = format!("{word}\u{1}");
        words.push(word);
    }
}

/// The tokens of one event, as the index takes them.
///
/// Pairs stand in order, since a phrase of them is how a piece of a run is found. Words and single characters
/// only have to be there, so each stands once. The last character of a run stands after its pairs and keeps a
/// phrase from reaching into the next run.
#[derive(Default)]
struct Document {
    tokenizer: Tokenizer,
    text: String,
    words: Vec<String>,
    characters: Vec<char>,
}

impl Document {
    fn restart(&mut self) {
        self.text.clear();
        self.words.clear();
        self.characters.clear();
    }

    /// Begins the document of an event, with the terms that are not of its text.
    fn begin(&mut self, (event_type, facts): (&str, &str), principal: &PrincipalId, session: Option<&SessionId>) {
        self.restart();
        self.add_term(&Terms::event_type(event_type));
        for outcome in called::outcomes(facts) {
            self.add_term(&Terms::outcome(outcome));
        }
        self.add_term(&Terms::principal(principal));
        if let Some(session) = session {
            self.add_term(&Terms::session(session));
        }
    }

    fn add_term(&mut self, term: &Terms) {
        self.text.push_str(&term.0);
        self.text.push(' ');
    }

    fn take_in(&mut self, text: &str) {
        let Self { tokenizer, text: tokens, words, characters } = self;
        tokenizer.each(text, |piece| match piece {
            Piece::Word(word, _) => words.push(word.to_owned()),
            Piece::Run(run, _) => {
                for pair in run.windows(2) {
                    tokens.extend(pair);
                    tokens.push(' ');
                }
                if let [before @ .., last] = run {
                    tokens.extend([*last, ' ']);
                    characters.extend(before);
                }
            }
        });
    }

    fn finish(&mut self) -> &str {
        self.words.sort_unstable();
        self.words.dedup();
        for word in &self.words {
            self.text.push_str(word);
            self.text.push(' ');
        }
        self.characters.sort_unstable();
        self.characters.dedup();
        for character in &self.characters {
            self.text.extend([*character, ' ']);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::super::token::Tokenizer;
    use super::*;
    use proptest::prelude::*;

    const ALPHABET: &str = "[abcZ19 _.\"*'éß一二三承認待ちプランーﾌﾟ가각。、・\u{301}\u{3099}ñTEST-]{0,24}";

    fn index_of(texts: &[String]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../migrations/V1__log.sql")).unwrap();
        crate::schema::create_index(&connection).unwrap();
        let mut document = Document::default();
        for (id, text) in texts.iter().enumerate() {
            document.restart();
            document.take_in(text);
            connection
                .execute(
                    "INSERT INTO events_fts (rowid, tokens) VALUES (?1, ?2)",
                    params![id as i64 + 1, document.finish()],
                )
                .unwrap();
        }
        connection
    }

    fn found_by_index(connection: &Connection, query: &Query, spell_out: bool) -> Vec<i64> {
        let expression = query
            .expression(|prefix| if spell_out { words_with_prefix(connection, prefix) } else { Ok(None) })
            .unwrap();
        let mut statement =
            connection.prepare("SELECT rowid FROM events_fts WHERE events_fts MATCH ?1 ORDER BY rowid").unwrap();
        statement.query_map([expression], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn found_by_matcher(texts: &[String], query: &Query) -> Vec<i64> {
        let mut matcher = query.matcher();
        let ids = (1_i64..).zip(texts);
        ids.filter(|(_, text)| {
            matcher.restart();
            matcher.take_in(text);
            matcher.is_satisfied()
        })
        .map(|(id, _)| id)
        .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn the_matcher_finds_what_the_index_finds(
            texts in proptest::collection::vec(ALPHABET, 1..12),
            asked in ALPHABET,
            cut in (0_usize..12, 0_usize..8, 1_usize..6),
        ) {
            let connection = index_of(&texts);
            let part: String = texts[cut.0 % texts.len()].chars().skip(cut.1).take(cut.2).collect();
            for asked in [asked, part] {
                let query = Query::read(&asked);
                if !query.is_empty() {
                    let by_matcher = found_by_matcher(&texts, &query);
                    prop_assert_eq!(&found_by_index(&connection, &query, true), &by_matcher, "{:?}", query);
                    prop_assert_eq!(&found_by_index(&connection, &query, false), &by_matcher, "{:?}", query);
                }
            }
        }
    }

    const QUERY_WORDS: &[&str] = &[
        "\"",
        "*",
        "(",
        ")",
        " AND ",
        " OR ",
        " NOT ",
        "NEAR(",
        ":",
        "^",
        "-",
        "+",
        "'",
        ";",
        "--",
        "\\",
        "\u{0}",
        " ",
        "\n",
        "session_created",
        "deploy",
        "billing",
        "v2",
        "承認",
        "プラン",
        "ﾃﾞ",
        "ー",
        "é",
        "e\u{301}",
        "\u{3099}",
        "가",
        "👍🏽",
        "\u{202e}",
        "ß",
        "İ",
    ];

    /// Each target takes a second by default; CONTRIBUTING.md says how it takes longer.
    #[test]
    fn no_query_breaks_the_index() {
        let texts =
            ["deploy billing v2".to_owned(), "プランv2を承認しました。".to_owned(), "\"quoted\" AND (more)".to_owned()];
        let connection = std::panic::AssertUnwindSafe(index_of(&texts));
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let spelled: String =
                bytes.iter().map(|byte| QUERY_WORDS[usize::from(*byte) % QUERY_WORDS.len()]).collect();
            for asked in [spelled, String::from_utf8_lossy(bytes).into_owned()] {
                let query = Query::read(&asked);
                if query.is_empty() {
                    continue;
                }
                let found = found_by_matcher(&texts, &query);
                assert_eq!(found_by_index(&connection, &query, true), found, "{asked:?}");
                assert_eq!(found_by_index(&connection, &query, false), found, "{asked:?}");
                // What is looked for is in itself, and each mark cuts it between characters.
                assert_eq!(found_by_matcher(std::slice::from_ref(&asked), &query), [1], "{asked:?}");
                let marks = query.marks(&mut Tokenizer::default(), &asked, usize::MAX);
                assert!(!marks.is_empty(), "{asked:?}");
                for mark in marks {
                    assert!(
                        asked.get(mark.place.start..mark.place.end).is_some_and(|text| !text.is_empty()),
                        "{asked:?}"
                    );
                }
            }
        });
    }
}
