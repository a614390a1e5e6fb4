-- Versions: a draft beside a journey, published, copied, dropped.
\set SHOW_CONTEXT never
CREATE ROLE regress_version_author;
CREATE ROLE regress_version_operator;
CREATE ROLE regress_version_other;
SELECT journey_grant('regress_version_author', 'author'), journey_grant('regress_version_other', 'author'),
	   journey_grant('regress_version_operator', 'operate');
CREATE VIEW pg_temp.versions AS
SELECT j.name, j.owner, j.state, j.version AS newest, v.version, v.state AS version_state, v.tiles
  FROM journey.journey j JOIN journey.version_row v ON v.journey = j.id ORDER BY j.name, v.version;
GRANT SELECT ON pg_temp.versions TO PUBLIC;

SET ROLE regress_version_author;
SELECT journey_create('plan', '{
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "GO"}]},
		"hold": {"type": "wait", "for": "1 day"},
		"done": {"type": "exit", "outcome": "one"}},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]}');

-- A draft needs no second one.
SELECT journey_revise('plan');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_activate('plan');
SELECT journey_revise('plan');
SELECT journey_revise('plan');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pg_temp.versions;
SELECT journey_definition('plan', 2) = journey_definition('plan', 1) AS same;
SELECT journey_revise('plam');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_revise(NULL);
\echo :LAST_ERROR_SQLSTATE

-- Until it is activated nothing is different; then new members enter it and old ones stay where they are.
BEGIN;
RESET ROLE;
SET LOCAL TimeZone = 'UTC';
SET LOCAL journey.now = '2030-01-01 00:00 UTC';
SELECT journey_update('plan', '{
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "GO"}, {"event": "GO2"}]},
		"pause": {"type": "wait", "for": "2 days"},
		"done": {"type": "exit", "outcome": "two"}},
	"edges": [{"from": "start", "to": "pause"}, {"from": "pause", "to": "done"}]}');
SELECT journey_emit('old', 'GO') > 0 AS emitted;
SELECT journey_emit('nobody', 'GO2') > 0 AS emitted;
SELECT journey_activate('plan');
SELECT * FROM pg_temp.versions;
SELECT journey_emit('new', 'GO2') > 0 AS emitted;
SELECT journey_emit('old', 'GO') > 0 AS emitted;
SELECT customer, version, tile, state, due_at FROM journey.member ORDER BY customer;
SELECT journey_advance_to('2030-01-05 00:00 UTC');
SELECT customer, version, tile, state, outcome, exited_at FROM journey.member ORDER BY customer;
SELECT journey, version, tile, entered, inside, departed FROM journey.tile_stats ORDER BY version, tile;
SELECT journey, state, version, entered, exited FROM journey.status;
ROLLBACK;

-- Errors at activation leave the versions as they are, members of the first too.
SET ROLE regress_version_author;
SELECT journey_update('plan', '{"tiles": {"start": {"type": "entry"}}}');
SELECT journey_activate('plan');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pg_temp.versions;

-- Deleting drops the draft alone; a second time there is none to drop.
SELECT journey_delete('plan');
SELECT * FROM pg_temp.versions;
SELECT journey_delete('plan');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_update('plan', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_activate('plan');

-- The number is used again: nobody was ever on it.
SELECT journey_revise('plan');
SELECT journey_definition('plan') = journey_definition('plan', 1) AS same;
SELECT journey_activate('plan');
SELECT journey_revise('plan');
SELECT * FROM pg_temp.versions;
SELECT journey_delete('plan');

-- A version that is in force is never written again, whatever its number.
SELECT journey_update('plan', '{}');
SELECT journey_definition('plan', 1) = journey_definition('plan', 2) AS same;

-- Whatever the state: a paused journey stays paused, a completed or stopped one comes back.
RESET ROLE;
BEGIN;
UPDATE journey.journey SET state = 'paused';
SELECT journey_revise('plan'), journey_activate('plan');
SELECT name, state, version, stopped, sweep_after FROM journey.journey;
UPDATE journey.journey SET state = 'completed', stopped = true, sweep_after = 7;
SELECT journey_revise('plan');
SELECT name, state, version, stopped, sweep_after FROM journey.journey;
SELECT journey_activate('plan');
SELECT name, state, version, stopped, sweep_after FROM journey.journey;
ROLLBACK;

-- More versions than a number can tell.
BEGIN;
UPDATE journey.version_row SET version = 32767 WHERE version = 2;
SELECT journey_revise('plan');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Rights: as for the definition.
SET ROLE regress_version_other;
SELECT journey_revise('plan');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_duplicate('plan', 'copy');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT journey_create('mine', journey_definition('plan')), journey_activate('mine');
SET ROLE regress_version_operator;
SELECT journey_revise('mine');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_revise('plan'), journey_delete('plan');

-- A copy belongs to whoever makes it.
SELECT journey_duplicate('plan', 'copy');
SELECT journey_duplicate('mine', 'copy of mine');
SELECT * FROM pg_temp.versions;
SELECT journey_definition('copy') = journey_definition('plan') AS same;
SELECT journey_duplicate('plan', 'copy');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_duplicate('plan', 'plan');
SELECT journey_duplicate('plan', '');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_duplicate('plam', 'copy');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_duplicate(NULL, 'copy');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_duplicate('plan', NULL);
RESET ROLE;
SET journey.allow_superuser_owner = off;
SELECT journey_duplicate('plan', 'another');
\echo :LAST_ERROR_SQLSTATE
RESET journey.allow_superuser_owner;

-- The newest version is copied, a draft too; of a draft as well.
SET ROLE regress_version_author;
SELECT journey_revise('plan'), journey_add_tile('plan', 'more', 'exit');
SELECT journey_duplicate('plan', 'wider');
SELECT journey_definition('wider') = journey_definition('plan') AS same, journey_definition('wider') = journey_definition('plan', 2) AS as_active;
SELECT journey_duplicate('wider', 'widest'), journey_add_tile('widest', 'most', 'exit');
SELECT name, state, newest, tiles FROM pg_temp.versions WHERE name LIKE 'wide%';

-- Where nothing can be written, and where somebody else's hand may guide the call.
RESET ROLE;
BEGIN READ ONLY;
SELECT journey_revise('mine');
ROLLBACK;
BEGIN READ ONLY;
SELECT journey_duplicate('mine', 'x');
ROLLBACK;
CREATE MATERIALIZED VIEW trap AS SELECT journey_revise('mine')::text AS revised;
\echo :LAST_ERROR_SQLSTATE
CREATE MATERIALIZED VIEW trap AS SELECT journey_duplicate('mine', 'trap')::text AS copied;

-- Clean up.
DELETE FROM journey.version_row;
DELETE FROM journey.journey;
SELECT journey_revoke('regress_version_author', 'author'), journey_revoke('regress_version_other', 'author'),
	   journey_revoke('regress_version_operator', 'operate');
DROP VIEW pg_temp.versions;
DROP ROLE regress_version_author, regress_version_operator, regress_version_other;
