-- The store of wf. Times are nanoseconds since 1970 in tables, and ISO 8601 in views.
-- The views runs, steps, attempts, step_readiness, run_status, deeds and breaker_state are documented (docs/durable.md)
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
  tags        TEXT NOT NULL,       -- JSON
  started_by  TEXT NOT NULL,
  why         TEXT NOT NULL,
  state       TEXT NOT NULL,
  wake        INTEGER,             -- from when on it wants a worker; NULL: not by itself
  ended       INTEGER,
  code        TEXT NOT NULL,
  message     TEXT NOT NULL,
  worker      TEXT,                -- who has it; NULL: nobody
  fence       INTEGER NOT NULL     -- grows with every claim
);
CREATE UNIQUE INDEX run_key ON run (workflow, key) WHERE key IS NOT NULL;
CREATE INDEX run_due ON run (wake) WHERE worker IS NULL AND wake IS NOT NULL;
CREATE INDEX run_worker ON run (worker) WHERE worker IS NOT NULL;
CREATE INDEX run_state ON run (state, number);
CREATE INDEX run_definition ON run (definition);

-- What a run was given and what it returned, apart from its row, which is written more often.
CREATE TABLE payload (
  run    INTEGER PRIMARY KEY,
  input  BLOB NOT NULL,
  output BLOB
);

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

-- What bounds calls of services for all runs: places that are reserved, and calls that were made.
CREATE TABLE permit (
  number INTEGER PRIMARY KEY,
  name   TEXT NOT NULL,    -- of the service, or of the operation with it
  call   TEXT NOT NULL,    -- which attempt of which run
  at     INTEGER NOT NULL, -- when it was made, or may be
  state  INTEGER NOT NULL, -- 0: reserved, 1: under way, 2: over
  worker TEXT              -- who makes it
);
CREATE INDEX permit_name ON permit (name, at);
CREATE INDEX permit_call ON permit (call);

-- Who did what to a run, or to the store (run is NULL then).
CREATE TABLE deed (
  number INTEGER PRIMARY KEY,
  run    INTEGER,
  at     INTEGER NOT NULL,
  what   TEXT NOT NULL,
  did_by TEXT NOT NULL,
  why    TEXT NOT NULL
);
CREATE INDEX deed_run ON deed (run);
