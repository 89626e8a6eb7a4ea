-- The search index: derived from `events`, dropped and made again when INDEX_VERSION changes.
DROP TABLE IF EXISTS events_fts_terms;
DROP TABLE IF EXISTS events_fts;
DROP TABLE IF EXISTS index_times;
DROP TABLE IF EXISTS index_state;

CREATE TABLE index_state (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    last_id INTEGER NOT NULL -- every event up to this one is in the index
) STRICT;
INSERT INTO index_state (one, last_id) VALUES (1, 0);

-- Of each block of 1024 ids the earliest and the latest time, in microseconds since 1970: a clock can be set back.
CREATE TABLE index_times (
    block    INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT;

CREATE VIRTUAL TABLE events_fts USING fts5(tokens, content='', contentless_delete=1, tokenize='ascii');
CREATE VIRTUAL TABLE events_fts_terms USING fts5vocab('events_fts', 'instance');
