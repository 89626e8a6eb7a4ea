-- The log. Everything else in this file can be made again from it.
PRAGMA application_id = 1667329140; -- "calt" in ASCII
PRAGMA user_version = 1;

CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    session_id   TEXT,
    seq          INTEGER,
    run_id       INTEGER,
    schema       INTEGER NOT NULL,
    event_type   TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    principal    TEXT    NOT NULL,
    message_id   TEXT,
    created_at   TEXT    NOT NULL,
    facts        TEXT    NOT NULL,
    salt         BLOB,
    text_hash    BLOB    NOT NULL,
    summary      TEXT    NOT NULL,
    payload_text TEXT    NOT NULL,
    leaf_hash    BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_by_session ON events (session_id, seq) WHERE session_id IS NOT NULL;
CREATE INDEX events_of_the_daemon ON events (id) WHERE session_id IS NULL;
CREATE INDEX events_that_redact ON events (id) WHERE event_type = 'payload_redacted';

-- A plain INSERT OR REPLACE would slip past the two triggers below it: ids only ever grow by one.
CREATE TRIGGER events_are_dense BEFORE INSERT ON events
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM events)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: an event gets the next id');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: events are never deleted');
END;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
WHEN NOT (
    NEW.salt IS NULL AND NEW.summary = '' AND NEW.payload_text = ''
    AND NEW.id = OLD.id AND NEW.session_id IS OLD.session_id AND NEW.seq IS OLD.seq AND NEW.run_id IS OLD.run_id
    AND NEW.schema = OLD.schema AND NEW.event_type = OLD.event_type AND NEW.source = OLD.source
    AND NEW.user_id = OLD.user_id AND NEW.principal = OLD.principal AND NEW.message_id IS OLD.message_id
    AND NEW.created_at = OLD.created_at AND NEW.facts = OLD.facts AND NEW.text_hash = OLD.text_hash
    AND NEW.leaf_hash = OLD.leaf_hash
    AND EXISTS (
        SELECT 1 FROM events AS redaction
        WHERE redaction.event_type = 'payload_redacted' AND redaction.id > OLD.id
          AND json_extract(redaction.facts, '$.event') = OLD.id
    )
)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: only the text of an event that a payload_redacted event names may go');
END;

-- Which forms the derived tables have. They are dropped and made again when the program's differ.
CREATE TABLE derived (
    name    TEXT    PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
