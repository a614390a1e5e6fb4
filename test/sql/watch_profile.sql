-- Changed rows of the bound table tell the profile.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE TABLE people (tenant int, id text, name text, visits int DEFAULT 0, at timestamptz, traits jsonb, PRIMARY KEY (tenant, id));
CREATE VIEW logged AS
SELECT row_number() OVER (ORDER BY id) AS n, customer, event, props FROM journey.event ORDER BY id;
CREATE VIEW failed AS
SELECT source, sqlstate, customer, message, count(*) FROM journey.failure_row GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT journey_bind_profile('people', 'tenant,id', 'traits');
CALL draw('known', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$profile_changed", "condition": "props->'changed' ? 'tier'"}]},
    "hold": {"type": "wait"},
    "gold": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"},
	{"from": "hold", "to": "gold", "event": "$profile_changed", "condition": "traits->>'tier' = 'gold'"}]
}$$);
CALL at('10:00');
SET LOCAL timezone = 'Asia/Tokyo';
SAVEPOINT clean;

-- A row comes, changes, changes nothing, gets another key, goes; of the traits each by its own name.
INSERT INTO people VALUES (1, 'ann', 'Ann', 0, '2025-03-04 09:00Z', '{"tier": "silver", "lang": "de"}'), (1, 'bob', 'Bob', 0, NULL, NULL);
UPDATE people SET traits = traits || '{"tier": "gold", "lang": "de"}' WHERE id = 'ann';
UPDATE people SET visits = visits + 1, traits = traits - 'lang' WHERE id = 'ann';
UPDATE people SET visits = visits, traits = '{}' WHERE id = 'bob';
UPDATE people SET visits = visits;
UPDATE people SET id = 'anne' WHERE id = 'ann';
DELETE FROM people;
TABLE logged;
TABLE members;
TABLE failed;
ROLLBACK TO clean;

-- What is too large to be told is told by its name; a customer that is none is recorded.
INSERT INTO people VALUES (1, 'ann', 'Ann');
UPDATE people SET name = repeat('x', 100000), visits = 1;
UPDATE people SET name = repeat('x', 1000000), visits = 2;
INSERT INTO people VALUES (1, repeat('x', 300), 'long');
TABLE logged;
TABLE failed;
ROLLBACK TO clean;

-- Unbound, nobody is told; but a watch of the same table goes on.
SELECT journey_watch('people', 'id', 'person', '{name}', always => true);
SELECT journey_unbind_profile();
INSERT INTO people VALUES (1, 'ann', 'Ann');
TABLE logged;
SELECT journey_unwatch('people');
SELECT count(*) FROM pg_trigger WHERE tgname = 'journey_source';
ROLLBACK TO clean;

-- A wait that asks its condition on whatever event ends by a change of the row alone.
CALL draw('ready', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "X"}]}, "hold": {"type": "wait", "condition": "profile.visits > 2"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]}$$);
INSERT INTO people VALUES (1, 'ann', 'Ann');
SELECT journey_emit('1:ann', 'X') > 0 AS id;
UPDATE people SET visits = 2;
SELECT tile, state FROM members WHERE journey = 'ready';
UPDATE people SET visits = 3;
SELECT tile, state FROM members WHERE journey = 'ready';
ROLLBACK TO clean;

-- A chain of the application's own triggers is the application's own.
SELECT journey_unbind_profile();
CREATE TABLE chain (id int PRIMARY KEY);
CREATE FUNCTION next() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO chain VALUES (new.id + 1); RETURN NULL; END $$;
CREATE TRIGGER next AFTER INSERT ON chain FOR EACH ROW WHEN (new.id < 100) EXECUTE FUNCTION next();
SELECT journey_watch('chain', 'id', 'link', '{}', always => true);
INSERT INTO chain VALUES (1);
SELECT count(*) FROM journey.event;
TABLE failed;
ROLLBACK;
