-- The store of wf. Times are nanoseconds since 1970 in tables, and ISO 8601 in views.
-- The views runs, steps, attempts, step_readiness, run_status and breaker_state are documented (docs/durable.md)
-- and keep their columns; the tables may change with a new version of the store.

CREATE TABLE definition (
  hash        TEXT PRIMARY KEY,
  workflow    TEXT NOT NULL,
  version     TEXT NOT NULL,
  environment TEXT NOT NULL,
  graph       TEXT NOT NULL,
  main        TEXT NOT NULL,
  files       BLOB NOT NULL -- JSON: name -> base64
) WITHOUT ROWID;

CREATE TABLE run (
  number      INTEGER PRIMARY KEY, -- in the order of their beginning
  id          TEXT NOT NULL UNIQUE,
  key         TEXT,                -- business key; NULL: none
  workflow    TEXT NOT NULL,
  version     TEXT NOT NULL,
  definition  TEXT NOT NULL,
  correlation TEXT NOT NULL,
  seed        INTEGER NOT NULL,
  start       INTEGER NOT NULL,
  input       BLOB NOT NULL,
  tags        TEXT NOT NULL,       -- JSON
  started_by  TEXT NOT NULL,
  why         TEXT NOT NULL,
  state       TEXT NOT NULL,
  wake        INTEGER,             -- from when on it wants a worker; NULL: not by itself
  ended       INTEGER,
  code        TEXT NOT NULL,
  message     TEXT NOT NULL,
  output      BLOB,
  events      INTEGER NOT NULL,    -- how many there are
  worker      TEXT,                -- who has it; NULL: nobody
  fence       INTEGER NOT NULL     -- grows with every claim
);
CREATE UNIQUE INDEX run_key ON run (workflow, key) WHERE key IS NOT NULL;
CREATE INDEX run_due ON run (wake) WHERE worker IS NULL AND wake IS NOT NULL;
CREATE INDEX run_worker ON run (worker) WHERE worker IS NOT NULL;
CREATE INDEX run_state ON run (state, number);
CREATE INDEX run_definition ON run (definition);

CREATE TABLE event (
  run  INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE message (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  run    INTEGER NOT NULL,
  event  BLOB NOT NULL
);
CREATE INDEX message_run ON message (run);

CREATE TABLE step (
  run        INTEGER NOT NULL,
  name       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  nested    INTEGER NOT NULL, -- 1: of a group, loop or undo
  state      TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  granted    INTEGER NOT NULL, -- attempts that its policy grants; 0: unknown
  next_retry INTEGER,
  started    INTEGER,
  ended      INTEGER,
  code       TEXT NOT NULL,
  message    TEXT NOT NULL,
  needs      TEXT NOT NULL,    -- JSON: names of steps
  PRIMARY KEY (run, name)
) WITHOUT ROWID;

CREATE TABLE attempt (
  run       INTEGER NOT NULL,
  place     TEXT NOT NULL,
  number    INTEGER NOT NULL,
  step      TEXT NOT NULL,
  operation TEXT NOT NULL,
  key       TEXT NOT NULL,
  outcome   TEXT NOT NULL, -- '': no answer yet
  started   INTEGER NOT NULL,
  ended     INTEGER,
  PRIMARY KEY (run, place, number)
) WITHOUT ROWID;

CREATE TABLE worker (
  id    TEXT PRIMARY KEY,
  until INTEGER NOT NULL -- it is taken for dead if it has said nothing by then
) WITHOUT ROWID;

CREATE TABLE breaker (
  service TEXT PRIMARY KEY,
  state   TEXT NOT NULL, -- closed, open or half_open
  until   INTEGER,       -- when the next call may be made
  changed INTEGER NOT NULL
) WITHOUT ROWID;

CREATE VIEW breaker_state AS
SELECT service, CASE WHEN state = 'open' AND until <= unixepoch('subsec') * 1e9 THEN 'half_open' ELSE state END AS state,
       strftime('%Y-%m-%dT%H:%M:%fZ', until / 1e9, 'unixepoch') AS next_call_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', changed / 1e9, 'unixepoch') AS changed_at
FROM breaker;

CREATE VIEW runs AS
SELECT id, workflow, version, key AS business_key, state,
       strftime('%Y-%m-%dT%H:%M:%fZ', start / 1e9, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended / 1e9, 'unixepoch') AS ended_at,
       CASE WHEN state = 'waiting' THEN strftime('%Y-%m-%dT%H:%M:%fZ', wake / 1e9, 'unixepoch') END AS wake_at,
       code AS error_code, message AS error_message, correlation AS correlation_id, seed, tags, started_by, why, events, worker, definition
FROM run;

CREATE VIEW steps AS
SELECT run.id AS run_id, run.workflow, step.name, step.number, step.state, step.attempts, NULLIF(step.granted, 0) AS max_attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', step.next_retry / 1e9, 'unixepoch') AS next_retry_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', step.started / 1e9, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', step.ended / 1e9, 'unixepoch') AS ended_at,
       step.code AS error_code, step.message AS error_message, step.needs
FROM step JOIN run ON run.number = step.run;

CREATE VIEW attempts AS
SELECT run.id AS run_id, attempt.step, attempt.place, attempt.number, attempt.operation, attempt.key AS idempotency_key,
       NULLIF(attempt.outcome, '') AS outcome,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.started / 1e9, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.ended / 1e9, 'unixepoch') AS ended_at
FROM attempt JOIN run ON run.number = attempt.run;

-- What each step of a run waits for, as Tasker's function of that name tells it.
CREATE VIEW step_readiness AS
SELECT run_id, workflow, name, state, attempts, max_attempts, next_retry_at,
       CASE WHEN needed = 0 THEN 'no_dependencies' WHEN met = needed THEN 'all_satisfied' ELSE met || '/' || needed || '_satisfied' END AS dependency_status,
       CASE WHEN state = 'failed' THEN 'max_retries_reached' WHEN state = 'waiting' AND (due IS NULL OR due > now) THEN 'waiting_for_backoff' ELSE 'retry_eligible' END AS retry_status,
       CASE WHEN ready THEN NULL
            WHEN state = 'pending' THEN 'dependencies_not_satisfied'
            WHEN state IN ('failed', 'waiting') THEN 'retry_not_eligible'
            ELSE 'invalid_state' END AS blocking_reason,
       ready AS ready_for_execution,
       CASE WHEN state = 'waiting' AND due > now THEN (due - now) / 1e9 END AS seconds_until_ready
FROM (
  SELECT *, state = 'pending' AND met = needed OR state = 'waiting' AND due IS NOT NULL AND due <= now AS ready
  FROM (
    SELECT run.id AS run_id, run.workflow, step.name, step.number, step.state, step.attempts, NULLIF(step.granted, 0) AS max_attempts,
           strftime('%Y-%m-%dT%H:%M:%fZ', step.next_retry / 1e9, 'unixepoch') AS next_retry_at,
           step.next_retry AS due, unixepoch('subsec') * 1e9 AS now,
           (SELECT count(*) FROM json_each(step.needs)) AS needed,
           (SELECT count(*) FROM json_each(step.needs) AS need JOIN step AS other ON other.run = step.run AND other.name = need.value
            WHERE other.state IN ('completed', 'degraded', 'skipped', 'resolved')) AS met
    FROM step JOIN run ON run.number = step.run
    WHERE step.nested = 0))
ORDER BY run_id, number;

-- Where each run stands, as Tasker's execution context tells it.
CREATE VIEW run_status AS
SELECT run_id, workflow, total_steps, completed_steps, failed_steps, in_progress_steps, ready_steps,
       CASE WHEN ready_steps > 0 THEN 'has_ready_steps'
            WHEN in_progress_steps > 0 THEN 'processing'
            WHEN failed_steps > 0 THEN 'blocked_by_failures'
            WHEN total_steps > 0 AND completed_steps = total_steps THEN 'all_complete'
            ELSE 'waiting_for_dependencies' END AS execution_status,
       CASE WHEN ready_steps > 0 THEN 'execute_ready_steps'
            WHEN in_progress_steps > 0 THEN 'wait_for_completion'
            WHEN failed_steps > 0 THEN 'handle_failures'
            WHEN total_steps > 0 AND completed_steps = total_steps THEN 'finalize_task'
            ELSE 'wait_for_dependencies' END AS recommended_action,
       CASE WHEN failed_steps = 0 AND retrying_steps = 0 THEN 'healthy'
            WHEN failed_steps = 0 OR ready_steps > 0 THEN 'recovering'
            ELSE 'blocked' END AS health_status,
       CASE WHEN total_steps = 0 THEN 0.0 ELSE round(100.0 * completed_steps / total_steps, 2) END AS completion_percentage
FROM (
  SELECT run.id AS run_id, run.workflow,
         count(r.name) AS total_steps,
         count(*) FILTER (WHERE r.state IN ('completed', 'degraded', 'skipped', 'resolved')) AS completed_steps,
         count(*) FILTER (WHERE r.state = 'failed') AS failed_steps,
         count(*) FILTER (WHERE r.state = 'running') AS in_progress_steps,
         count(*) FILTER (WHERE r.state = 'waiting') AS retrying_steps,
         count(*) FILTER (WHERE r.ready_for_execution) AS ready_steps
  FROM run LEFT JOIN step_readiness AS r ON r.run_id = run.id
  GROUP BY run.number);

-- Two runs.
INSERT INTO definition VALUES ('h', 'w', '', '', 'g', 'w.wf', '{}');
INSERT INTO run VALUES (1, 'r1', 'k', 'w', '', 'h', 'c', 1, 1000, '{"n":1}', '{"team":"sales"}', 'ada', 'a test', 'completed', NULL, 2000, '', '', '{"m":2}', 2, NULL, 1);
INSERT INTO run VALUES (2, 'r2', NULL, 'w', '', 'h', 'c', 1, 1000, '{"n":1}', '{}', '', '', 'running', 0, NULL, '', '', NULL, 1, NULL, 1);
INSERT INTO event VALUES (1, 0, 'a'), (1, 1, 'b'), (2, 0, 'a');
INSERT INTO step VALUES (1, 's', 0, 0, 'completed', 1, 1, NULL, 1000, 2000, '', '', '[]');
PRAGMA application_id=2003173377;
PRAGMA user_version=1;
