-- The signed checkpoints are found without reading the log.
CREATE INDEX events_that_sign ON events (id) WHERE event_type = 'checkpoint_signed';

-- Who there is: all of the daemon's own events but those it writes again and again, so that a start reads few.
CREATE INDEX events_of_the_roster ON events (id)
WHERE session_id IS NULL
  AND event_type NOT IN ('daemon_started', 'access_refused', 'checkpoint_signed', 'record_exported');

PRAGMA user_version = 2;
