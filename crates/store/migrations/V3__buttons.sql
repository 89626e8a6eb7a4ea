-- What the buttons of a chat stand for: ids and digests, no text. They are no part of the log, and nothing is
-- decided by them: what a click asks for passes the gate like every other request.
CREATE TABLE buttons (
    id         TEXT PRIMARY KEY,
    relay      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
