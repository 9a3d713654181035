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
