-- The store of wf. Times are nanoseconds since 1970 in tables, and ISO 8601 in views.
-- The views runs, steps, attempts and step_readiness are documented (docs/durable.md)
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
