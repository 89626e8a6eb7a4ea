-- The signed checkpoints are found without reading the log.
CREATE INDEX events_that_sign ON events (id) WHERE event_type = 'checkpoint_signed';
PRAGMA user_version = 2;
