-- Errors in authors' SQL: rule 12 of DESIGN 4.  They are recorded, never raised,
-- and keep nobody else from moving.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SAVEPOINT clean;

-- Edges that time opens: what errs counts as not met and the next one is asked.
-- Where none is left, data that a retry cannot mend fails the member at once,
-- and no_path it never is.
CALL draw('edges', $${
  "key": "props->>'case'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "next": {"type": "branch"}, "alone": {"type": "branch"}, "false": {"type": "branch"}, "ears": {"type": "branch"},
    "later": {"type": "branch"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "next", "condition": "key = 'next'"},
    {"from": "start", "to": "alone", "condition": "key = 'alone'"},
    {"from": "start", "to": "false", "condition": "key = 'false'"},
    {"from": "start", "to": "ears", "condition": "key = 'ears'"},
    {"from": "start", "to": "later", "condition": "key = 'later'"},
    {"from": "start", "to": "done", "condition": "key::int > 0"},
    {"from": "next", "to": "alone", "condition": "(context->>'case')::int > 0"},
    {"from": "next", "to": "done", "condition": "1 / (visits - 1) > 0"},
    {"from": "next", "to": "done"},
    {"from": "alone", "to": "done", "condition": "(context->>'case')::int > 0"},
    {"from": "false", "to": "done", "condition": "1 / (visits - 1) > 0"},
    {"from": "false", "to": "done", "condition": "false"},
    {"from": "ears", "to": "done", "condition": "key::int > 0"},
    {"from": "ears", "to": "done", "event": "end"},
    {"from": "later", "to": "done", "condition": "key::int > 0"},
    {"from": "later", "to": "done", "wait": "1 hour"}
  ]
}$$);
CALL at('10:00');
SELECT count(journey_emit('ann', 'X', jsonb_build_object('case', key))) FROM unnest('{next, alone, false, ears, later, start}'::text[]) AS key;
TABLE members;
TABLE failures;
SELECT * FROM moves WHERE seq > 1;
CALL advance('12:00');
TABLE members;
TABLE failures;
SELECT tile, entered, inside, departed, errors FROM journey.tile_stats WHERE journey = 'edges' ORDER BY tile;
SELECT active, entered, exited, failed FROM journey.status;
-- a failed member is out of reach of event edges
CALL emit('13:00', 'ann', 'end');
SELECT key, tile, state FROM members WHERE key = 'ears';

-- Errors of other classes: asked again after 1, 5 and 30 minutes, then failed.
ROLLBACK TO clean;
CALL draw('again', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"},
    {"from": "send", "to": "done", "condition": "length(repeat('x', (traits->>'n')::int)) = 1"}
  ]
}$$);
SELECT count(journey_identify(c, '{"n": 1073741824}')) FROM unnest('{ann, bob, cy}'::text[]) AS c;
CALL at('10:00');
SELECT count(journey_emit(c, 'X')) FROM unnest('{ann, bob, cy}'::text[]) AS c;
TABLE members;
CALL advance('10:05:59');
SELECT customer, state, due_at FROM members;
-- bob's is mended, and cy's comes to nothing
SELECT journey_identify('bob', '{"n": 1}'), journey_identify('cy', '{"n": 2}');
CALL advance('11:00');
TABLE members;
SELECT tile, edge, sqlstate, minute, count, message FROM failures;
TABLE moves;
-- the tile's own effect was not repeated
SELECT customer, tile, created_at FROM acts;

-- Tiles whose own SQL errs: fails at once, or is asked again and then takes effect.
ROLLBACK TO clean;
CALL draw('tiles', $${
  "key": "props->>'to'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "for": {"type": "wait", "for": "(context->>'for')::interval"},
    "send": {"type": "action", "destination": "mail", "payload": {"ok": "{{ key }}", "bad": "Hi {{ (context->>'n')::int }}"}},
    "set": {"type": "update_profile", "set": {"ok": 1, "bad": "{{ 1 / (visits - 1) }}"}},
    "sendx": {"type": "action", "destination": "mail", "payload": "{{ length(repeat('x', (traits->>'n')::int)) }}"},
    "forx": {"type": "wait", "for": "length(repeat('x', (traits->>'n')::int)) * interval '1 minute'"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "for", "condition": "key LIKE 'for-%'"},
    {"from": "start", "to": "send", "condition": "key = 'send'"},
    {"from": "start", "to": "set", "condition": "key = 'set'"},
    {"from": "start", "to": "sendx", "condition": "key = 'sendx'"},
    {"from": "start", "to": "forx", "condition": "key = 'forx'"},
    {"from": "for", "to": "done"}, {"from": "for", "to": "done", "event": "end"},
    {"from": "send", "to": "done"}, {"from": "set", "to": "done"}, {"from": "sendx", "to": "done"}, {"from": "forx", "to": "done"}
  ]
}$$);
SELECT journey_identify('ann', '{"n": 1073741824}');
CALL at('10:00');
SELECT count(journey_emit('ann', 'X', props)) FROM unnest(ARRAY['{"to": "for-null"}', '{"to": "for-soon", "for": "soon"}',
	'{"to": "for-ok", "for": "1 hour"}', '{"to": "send", "n": "many"}', '{"to": "set"}', '{"to": "sendx"}', '{"to": "forx"}']::jsonb[]) AS props;
SELECT key, tile, state, outcome, due_at FROM members;
TABLE failures;
TABLE acts;
SELECT customer, traits FROM journey.customer;
CALL advance('10:03');
SELECT journey_identify('ann', '{"n": 90}');
CALL advance('10:06');
SELECT key, tile, state, outcome, arrived_at, due_at FROM members WHERE key IN ('sendx', 'forx');
SELECT journey, tile, created_at, payload FROM acts;
-- and where nothing mends it
CALL emit('10:10', 'bob', 'X', '{"to": "sendx"}');
SELECT key, tile, state, due_at FROM members WHERE customer = 'bob';
SELECT journey_identify('cy', '{"n": 1073741824}');
CALL emit('10:10', 'cy', 'X', '{"to": "sendx"}');
CALL advance('12:00');
SELECT key, tile, state, due_at FROM members WHERE customer = 'cy';
SELECT at, reason FROM moves WHERE customer = 'cy';
SELECT tile, sqlstate, minute, count, last_customer FROM failures WHERE tile = 'sendx' AND last_customer = 'cy';

-- Asked by an event, the member stays: the next edge is tried, and nothing else
-- changes.
ROLLBACK TO clean;
CALL draw('heard', $${
  "goal": {"event": "end", "condition": "(props->>'goal')::int > 0"},
  "exit": [
    {"event": "end", "condition": "(props->>'exit')::int > 0", "outcome": "one"},
    {"event": "end", "condition": "props ? 'two'", "outcome": "two"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour", "reset": [
      {"event": "end", "condition": "(props->>'reset')::int > 0"},
      {"event": "end", "condition": "props ? 'again'"}]},
    "done": {"type": "exit"},
    "next": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "done", "event": "end", "condition": "(props->>'edge')::int > 0"},
    {"from": "hold", "to": "done", "event": "end", "condition": "length(repeat('x', (props->>'long')::int)) > 0"},
    {"from": "hold", "to": "next", "event": "end", "condition": "props ? 'next'"},
    {"from": "hold", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
SAVEPOINT inside;
CALL emit('10:10', 'ann', 'end', '{"goal": "a", "exit": "b", "reset": "c", "edge": "d", "long": 1073741824}');
TABLE members;
SELECT tile, edge, sqlstate, minute, count FROM failures;
TABLE moves;
CALL emit('10:20', 'ann', 'end', '{"edge": "d", "next": 1}');
TABLE members;
ROLLBACK TO inside;
CALL emit('10:20', 'ann', 'end', '{"exit": "b", "two": 1}');
TABLE members;
ROLLBACK TO inside;
CALL emit('10:20', 'ann', 'end', '{"reset": "c", "again": 1}');
TABLE members;

-- Triggers and keys that err: the next trigger is tried, nobody enters by a key
-- that errs; others' entries go on.
ROLLBACK TO clean;
CALL draw('entries', $${
  "key": "(props->>'id')::int",
  "tiles": {
    "start": {"type": "entry", "on": [
      {"event": "X", "condition": "(props->>'a')::int > 0"},
      {"event": "X", "condition": "(props->>'b')::int > 0"}]},
    "a": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a"},
    {"from": "start", "to": "done", "event": "X", "condition": "(props->>'c')::int > 0"},
    {"from": "a", "to": "done", "event": "end"}
  ]
}$$);
CALL draw('sound', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "X"}]}, "a": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "a"}, {"from": "a", "to": "done", "event": "end"}]
}$$);
CALL emit('10:00', 'ann', 'X', '{"id": 1, "a": "x", "b": 1}');
CALL emit('10:01', 'bob', 'X', '{"id": 1, "a": "x", "b": "x", "c": 1}');
CALL emit('10:02', 'cy', 'X', '{"id": 1, "a": "x", "b": "x", "c": "x"}');
CALL emit('10:03', 'dan', 'X', '{"id": "x", "a": 1}');
CALL emit('10:04', 'eve', 'X', '{"id": 1, "a": 1}');
TABLE members;
TABLE failures;

-- One line per minute, with the last customer and message; the zone's errors too.
ROLLBACK TO clean;
CALL draw('minutes', $${
  "timezone": "traits->>'a' || (1 / (traits->>'b')::int)",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X", "condition": "(props->>'n')::int = 1"}]},
    "hold": {"type": "wait", "for": "1 day"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
SELECT journey_identify('eve', '{"a": "Mars", "b": 0}');
CALL emit('10:00:00', 'ann', 'X', '{"n": "a"}');
CALL emit('10:00:30', 'bob', 'X', '{"n": "b"}');
CALL emit('10:00:59.999', 'cy', 'X', '{"n": "99999999999"}');
CALL emit('10:01:00', 'dan', 'X', '{"n": "d"}');
CALL emit('10:02:00', 'eve', 'X', '{"n": 1}');
TABLE failures;
SELECT customer, due_at FROM members;

-- What the database lacks meanwhile: a table, a right.
ROLLBACK TO clean;
CREATE ROLE regress_author;
SELECT journey_grant('regress_author', 'author', 'mail');
CREATE TABLE stock (n int);
INSERT INTO stock VALUES (1);
GRANT SELECT ON stock TO regress_author;
SET LOCAL ROLE regress_author;
SELECT journey_create('shop', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "fork": {"type": "branch"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "fork"}, {"from": "fork", "to": "done", "condition": "EXISTS (SELECT FROM public.stock s WHERE s.n > 0)"}]
}$$);
SELECT journey_activate('shop');
RESET ROLE;
CALL emit('10:00', 'ann', 'X');
SAVEPOINT shop;
REVOKE SELECT ON stock FROM regress_author;
CALL emit('10:01', 'bob', 'X');
DROP TABLE stock;
CALL emit('10:02', 'cy', 'X');
SELECT customer, tile, state, outcome FROM members;
TABLE failures;

-- Too slow: the application goes on after the limit, and its own limit is its own.
ROLLBACK TO clean;
CALL draw('slow', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "fork": {"type": "branch"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "fork"},
    {"from": "fork", "to": "done", "condition": "(SELECT count(*) FROM generate_series(1, (traits->>'n')::bigint)) = 1"}
  ]
}$$);
SELECT journey_identify('ann', '{"n": 10000000000}');
SET LOCAL journey.condition_timeout = '10ms';
CALL emit('10:00', 'ann', 'X');
SELECT customer, tile, state, due_at FROM members;
SELECT tile, edge, sqlstate FROM failures;
SELECT journey_identify('ann', '{"n": 1}');
CALL advance('10:01');
SELECT customer, tile, state, due_at FROM members;
SELECT journey_identify('ann', '{"n": 10000000000}');
SET LOCAL journey.condition_timeout = 0;
SET LOCAL journey.emit_budget = 0;
SAVEPOINT attempt;
SET LOCAL statement_timeout = '20ms';
SELECT journey_emit('ann', 'X');
ROLLBACK TO attempt;
SELECT count(*) FROM journey.event;
ROLLBACK;
