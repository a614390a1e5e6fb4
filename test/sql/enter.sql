-- By hand: journey_enter, journey_enter_many, journey_exit; keys and on_active.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CALL draw('keyed', $${
  "key": "props->>'id'",
  "goal": {"event": "goal"},
  "exit": [{"event": "leave", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go", "condition": "false"}]},
    "hold": {"type": "wait", "for": "(context->>'hold')::interval"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "done", "event": "end"},
    {"from": "hold", "to": "done"}
  ]
}$$);
CALL draw('listening', $${
  "tiles": {
    "start": {"type": "entry"},
    "heard": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "heard", "event": "go", "condition": "props ? 'yes'"},
    {"from": "heard", "to": "done", "event": "go"}
  ]
}$$);
SELECT journey_create('draft', '{}');
CREATE VIEW inside AS
SELECT journey, customer, key, tile, state, outcome, context FROM journey.member ORDER BY journey, customer, key, entered_at, id;
SAVEPOINT clean;

-- No trigger is asked; the key is asked of the context.
CALL at('10:00');
SELECT journey_enter('keyed', 'ann', '{"id": 1, "hold": "1 hour"}') AS id \gset
SELECT id = :id AS id FROM journey.member;
TABLE inside;
TABLE moves;
SELECT journey_enter('keyed', 'ann', '{"id": 1, "hold": "2 hours"}') IS NULL AS refused;
SELECT journey_enter('keyed', 'ann', '{"id": 2, "hold": "2 hours"}') IS NULL AS refused;
SELECT journey_enter('keyed', 'bob', '{"id": 1, "hold": "0"}') IS NULL AS refused;
TABLE inside;
-- no key, none that can be, one that is too long
SELECT journey_enter('keyed', 'ann'), journey_enter('keyed', 'ann', '{"id": null}'),
	   journey_enter('keyed', 'ann', jsonb_build_object('id', repeat('x', 257)));
SELECT journey_enter('keyed', 'cy', jsonb_build_object('id', repeat('x', 256), 'hold', '1 day')) > 0 AS id;
TABLE failures;
SELECT customer, length(key) FROM journey.member WHERE length(key) > 1;
CALL advance('13:00');
SELECT customer, left(key, 1) AS key, state, outcome FROM inside;
-- after the exit it may come again
SELECT journey_enter('keyed', 'ann', '{"id": 1, "hold": "1 hour"}') > 0 AS id;
SELECT journey, active, entered, exited, failed FROM journey.status ORDER BY 1;

-- On an entry tile that only listens the member stays until it hears.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_enter('listening', 'ann') > 0 AS id;
CALL emit('10:01', 'ann', 'go');
TABLE inside;
TABLE moves;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'listening' ORDER BY tile;
-- an event that would enter moves who is there
CALL emit('10:02', 'ann', 'go', '{"yes": 1}');
CALL emit('10:02', 'bob', 'go', '{"yes": 1}');
TABLE inside;
TABLE moves;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'listening' ORDER BY tile;

-- Many at once, in order; each is asked for itself.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_enter_many('listening', '{bob, ann, bob, cy}'), journey_enter_many('listening', '{}'), journey_enter_many('listening', '{cy, dan}');
SELECT row_number() OVER (ORDER BY id) AS n, customer FROM journey.member ORDER BY id;
SELECT journey_enter_many('keyed', '{ann}');
TABLE failures;
-- with a context, which the key reads, from a query; who is named twice enters once
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_enter_many('keyed', ARRAY(SELECT c FROM unnest('{dan, ann, dan}'::text[]) AS c), '{"id": "A"}');
SELECT journey_enter_many('keyed', '[5:6]={bob,cy}'::text[], '{"id": "B", "n": 1}'), journey_enter_many('keyed', ARRAY(SELECT 'x' WHERE false), '{}');
SELECT customer, key, context FROM journey.member WHERE journey = 'keyed' ORDER BY customer, key;
CALL draw('anew', $${"key": "props->>'id'", "entry_rules": {"on_active": "restart"}, "tiles": {"start": {"type": "entry"}, "hold": {"type": "wait", "for": "1 hour"}, "out": {"type": "exit"}},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "out"}]}$$);
SELECT journey_enter_many('anew', '{eve, eve}', '{"id": "A"}'), journey_enter_many('anew', '{eve}', '{"id": "A"}');
SELECT customer, state, outcome FROM journey.member WHERE journey = 'anew' ORDER BY state;

-- Restart: by event and by hand, whatever the old member's state.
ROLLBACK TO clean;
CALL draw('again', $${
  "key": "props->>'id'",
  "entry_rules": {"on_active": "restart"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "(context->>'hold')::interval"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end", "wait": "1 hour"}, {"from": "hold", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'go', '{"id": 1, "hold": "soon"}');
TABLE inside;
CALL at('10:10');
SELECT journey_enter('again', 'ann', '{"id": 1, "hold": "1 hour"}') > 0 AS id;
CALL emit('10:20', 'ann', 'end');
TABLE inside;
CALL emit('10:30', 'ann', 'go', '{"id": 1, "hold": "0"}');
CALL emit('10:40', 'ann', 'go', '{"id": 1, "hold": "0"}');
SELECT journey_enter('again', 'ann', '{"id": 1, "hold": "1 day"}') > 0 AS id;
TABLE inside;
TABLE moves;
SELECT active, entered, exited, failed FROM journey.status WHERE journey = 'again';
-- ignore: a failed member is inside
CALL emit('10:50', 'bob', 'go', '{"id": 1, "hold": "soon"}');
SELECT journey_enter('keyed', 'bob', '{"id": 1, "hold": "soon"}') > 0 AS id, journey_enter('keyed', 'bob', '{"id": 1, "hold": "1 hour"}') AS refused;
SELECT journey, state, context FROM inside WHERE customer = 'bob';

-- Out: of one key or all, in whatever state; how many.
ROLLBACK TO clean;
CALL at('10:00');
SELECT count(journey_enter('keyed', customer, jsonb_build_object('id', id, 'hold', hold))) FROM (VALUES
	('ann', 1, '1 hour'), ('ann', 2, '2 hours'), ('ann', 3, 'soon'), ('bob', 1, '1 hour')) AS v (customer, id, hold);
SELECT journey_exit('keyed', 'ann', 'by hand', '2'), journey_exit('keyed', 'ann', 'by hand', '2'), journey_exit('keyed', 'ann', 'by hand', 'none');
TABLE inside;
CALL at('10:05');
SELECT journey_exit('keyed', 'ann'), journey_exit('keyed', 'ann'), journey_exit('listening', 'ann', 'x'), journey_exit('keyed', 'nobody');
TABLE inside;
TABLE moves;
CALL advance('12:00');
SELECT customer, key, exited_at FROM journey.member ORDER BY 1, 2;
SELECT active, entered, exited, failed FROM journey.status WHERE journey = 'keyed';
-- a goal counts after it
CALL emit('12:00', 'ann', 'goal');
SELECT customer, key, converted_at FROM journey.member WHERE converted_at IS NOT NULL ORDER BY 2;

-- What they refuse.
ROLLBACK TO clean;
SELECT label, error_of('SELECT ' || call) AS error FROM (VALUES
	('unknown', $$journey_enter('nosuch', 'ann')$$),
	('draft', $$journey_enter('draft', 'ann')$$),
	('null journey', $$journey_enter(NULL, 'ann')$$),
	('null customer', $$journey_enter('keyed', NULL)$$),
	('empty customer', $$journey_enter('keyed', '')$$),
	('long customer', $$journey_enter('keyed', repeat('x', 257))$$),
	('null context', $$journey_enter('keyed', 'ann', NULL)$$),
	('scalar context', $$journey_enter('keyed', 'ann', '1')$$),
	('large context', $$journey_enter('keyed', 'ann', jsonb_build_object('a', repeat('x', 65536)))$$),
	('many: unknown', $$journey_enter_many('nosuch', '{ann}')$$),
	('many: draft', $$journey_enter_many('draft', '{ann}')$$),
	('many: null', $$journey_enter_many('keyed', NULL)$$),
	('many: null element', $$journey_enter_many('keyed', '{ann, NULL}')$$),
	('many: empty element', $$journey_enter_many('keyed', '{ann, ""}')$$),
	('many: long element', $$journey_enter_many('keyed', ARRAY[repeat('x', 257)])$$),
	('many: two dimensions', $$journey_enter_many('keyed', '{{ann, bob}, {cy, dan}}')$$),
	('many: null context', $$journey_enter_many('keyed', '{ann}', NULL)$$),
	('many: scalar context', $$journey_enter_many('keyed', '{ann}', '1')$$),
	('many: large context', $$journey_enter_many('keyed', '{ann}', jsonb_build_object('a', repeat('x', 65536)))$$),
	('exit: unknown', $$journey_exit('nosuch', 'ann')$$),
	('exit: draft', $$journey_exit('draft', 'ann')$$),
	('exit: null customer', $$journey_exit('keyed', NULL)$$),
	('exit: null outcome', $$journey_exit('keyed', 'ann', NULL)$$),
	('exit: empty outcome', $$journey_exit('keyed', 'ann', '')$$),
	('exit: long outcome', $$journey_exit('keyed', 'ann', repeat('x', 129))$$)) AS v (label, call);
SELECT count(*) FROM journey.member;
ROLLBACK;
