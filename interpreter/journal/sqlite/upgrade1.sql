-- From version 1 to 2: what a run was given and returned has a table of its own, and its events are counted where they are.

CREATE TABLE payload (
  run    INTEGER PRIMARY KEY,
  input  BLOB NOT NULL,
  output BLOB
);
INSERT INTO payload SELECT number, input, output FROM run;
ALTER TABLE run DROP COLUMN input;
ALTER TABLE run DROP COLUMN output;
ALTER TABLE run DROP COLUMN events;

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
