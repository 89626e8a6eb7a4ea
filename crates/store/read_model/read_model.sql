-- The read model: derived from `events`, dropped and made again when READ_MODEL_VERSION changes.
DROP VIEW IF EXISTS v_run_success_rate_by_tool;
DROP VIEW IF EXISTS v_step_duration_ms_p50_p95;
DROP VIEW IF EXISTS v_session_failure_reasons;
DROP TABLE IF EXISTS log_state;
DROP TABLE IF EXISTS approvals;
DROP TABLE IF EXISTS artifacts;
DROP TABLE IF EXISTS runs;
DROP TABLE IF EXISTS steps;
DROP TABLE IF EXISTS plans;
DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS tool_registry;

-- One row: the tree's frontier and the next numbers.
CREATE TABLE log_state (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    size          INTEGER NOT NULL,
    peaks         BLOB    NOT NULL,
    next_run      INTEGER NOT NULL,
    next_artifact INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id             TEXT    PRIMARY KEY,
    created_event  INTEGER NOT NULL UNIQUE,
    goal           TEXT,
    mode           TEXT    NOT NULL,
    safety_profile TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    plan_version   INTEGER,
    needs_replan   INTEGER NOT NULL,
    ref            TEXT,
    origin         TEXT,
    workspace      TEXT    NOT NULL,
    created_by     TEXT    NOT NULL,
    created_at     TEXT    NOT NULL,
    updated_at     TEXT    NOT NULL,
    waits_for      TEXT,   -- plan_approval, step_approval, risk_confirmation, new_plan; NULL: for nobody
    waits_step     TEXT,   -- the step it waits at
    waits_since    INTEGER -- the id of the event that made it wait
) STRICT;
CREATE INDEX sessions_by_status ON sessions (status, created_event);
CREATE INDEX sessions_waiting ON sessions (waits_since) WHERE waits_for IS NOT NULL;
CREATE INDEX sessions_by_workspace ON sessions (workspace) WHERE workspace <> '{"kind":"own"}';

CREATE TABLE plans (
    id              INTEGER PRIMARY KEY, -- the id of its `plan_imported`
    session_id      TEXT    NOT NULL REFERENCES sessions (id),
    version         INTEGER NOT NULL,
    title           TEXT    NOT NULL,
    session_goal    TEXT,
    ref             TEXT,
    digest          TEXT    NOT NULL,
    masked_digest   TEXT    NOT NULL,
    document_digest TEXT    NOT NULL,
    status          TEXT    NOT NULL, -- imported, approved, rejected
    raw             TEXT,             -- the masked canonical form; NULL when it is gone
    created_by      TEXT    NOT NULL,
    created_at      TEXT    NOT NULL,
    UNIQUE (session_id, version)
) STRICT;

CREATE TABLE steps (
    id           INTEGER PRIMARY KEY, -- plan_id * 1024 + position: the same however often it is made again
    session_id   TEXT    NOT NULL REFERENCES sessions (id),
    plan_id      INTEGER NOT NULL REFERENCES plans (id),
    version      INTEGER NOT NULL,
    position     INTEGER NOT NULL, -- from 1
    step_key     TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    tool_name    TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    risk         TEXT    NOT NULL,
    effect       TEXT    NOT NULL,
    digest       TEXT,
    run_id       INTEGER,          -- its run, when it was started
    payload_json TEXT    NOT NULL,
    UNIQUE (plan_id, step_key)
) STRICT;

CREATE TABLE runs (
    id             INTEGER PRIMARY KEY,
    session_id     TEXT    NOT NULL REFERENCES sessions (id),
    plan_version   INTEGER NOT NULL,
    step_key       TEXT    NOT NULL,
    tool_name      TEXT    NOT NULL,
    effect         TEXT    NOT NULL,
    status         TEXT    NOT NULL, -- running, succeeded, failed, interrupted, cancelled
    started_at     TEXT    NOT NULL,
    ended_at       TEXT,
    duration_ms    INTEGER,
    exit_code      INTEGER,
    failure_code   TEXT,
    failure_reason TEXT,
    output_sha256  TEXT,
    output_bytes   INTEGER,
    started_event  INTEGER NOT NULL,
    ended_event    INTEGER
) STRICT;
CREATE INDEX runs_by_session ON runs (session_id, id);
CREATE INDEX runs_without_end ON runs (id) WHERE status = 'running';

CREATE TABLE artifacts (
    id         INTEGER PRIMARY KEY,
    session_id TEXT    NOT NULL REFERENCES sessions (id),
    run_id     INTEGER NOT NULL REFERENCES runs (id),
    step_id    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    path       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    created_at TEXT    NOT NULL
) STRICT;
CREATE INDEX artifacts_by_session ON artifacts (session_id, id);
CREATE INDEX artifacts_by_run ON artifacts (run_id);

CREATE TABLE approvals (
    id           INTEGER PRIMARY KEY, -- the id of its event
    session_id   TEXT    NOT NULL REFERENCES sessions (id),
    plan_version INTEGER NOT NULL,
    step_key     TEXT,                -- NULL: the plan itself
    decision     TEXT    NOT NULL,    -- approved, rejected, skipped
    digest       TEXT    NOT NULL,
    decision_id  TEXT    NOT NULL,
    approved_by  TEXT    NOT NULL,
    principal    TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    reason       TEXT,
    how          TEXT    NOT NULL,
    assurance    TEXT    NOT NULL,
    created_at   TEXT    NOT NULL
) STRICT;
CREATE INDEX approvals_by_session ON approvals (session_id, plan_version, step_key);

CREATE TABLE tool_registry (
    tool_name          TEXT    PRIMARY KEY,
    permission_profile TEXT    NOT NULL,
    description        TEXT    NOT NULL,
    enabled            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW v_run_success_rate_by_tool AS
SELECT tool_name,
       COUNT(*) AS runs,
       SUM(status = 'succeeded') AS succeeded,
       1.0 * SUM(status = 'succeeded') / COUNT(*) AS success_rate
FROM runs
WHERE status <> 'running'
GROUP BY tool_name;

CREATE VIEW v_step_duration_ms_p50_p95 AS
WITH ranked AS (
    SELECT tool_name, duration_ms,
           ROW_NUMBER() OVER (PARTITION BY tool_name ORDER BY duration_ms) AS place,
           COUNT(*) OVER (PARTITION BY tool_name) AS runs
    FROM runs
    WHERE duration_ms IS NOT NULL
)
SELECT tool_name,
       MAX(runs) AS runs,
       MIN(CASE WHEN place * 100 >= runs * 50 THEN duration_ms END) AS p50_ms,
       MIN(CASE WHEN place * 100 >= runs * 95 THEN duration_ms END) AS p95_ms
FROM ranked
GROUP BY tool_name;

CREATE VIEW v_session_failure_reasons AS
SELECT session_id, id AS run_id, plan_version, step_key, tool_name, status, failure_code, failure_reason, ended_at
FROM runs
WHERE status IN ('failed', 'interrupted', 'cancelled');
