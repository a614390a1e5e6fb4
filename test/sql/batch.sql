-- Many events in one call.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "exit": [{"event": "END"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour", "reset": [{"event": "AGAIN"}]},
    "send": {"type": "action", "destination": "mail", "payload": "{{ context }}"},
    "late": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "send", "event": "GO"},
    {"from": "hold", "to": "late"},
    {"from": "send", "to": "done", "wait": "1 hour"},
    {"from": "late", "to": "done", "event": "GO"}
  ]
}$$::jsonb AS journey \gset
CALL draw('batch', :'journey');
SAVEPOINT clean;

-- What it refuses.
CALL at('10:00');
SELECT label, error_of(format('SELECT journey_emit_batch(%s)', arguments)) AS error FROM (VALUES
	('customers and events', $$'{a, b}', '{X}', ARRAY['{}', '{}']::jsonb[]$$),
	('props', $$'{a, b}', '{X, X}', ARRAY['{}']::jsonb[]$$),
	('times', $$'{a, b}', '{X, X}', ARRAY['{}', '{}']::jsonb[], ARRAY[now()]$$),
	('empty times', $$'{a}', '{X}', ARRAY['{}']::jsonb[], '{}'$$),
	('null customers', $$NULL, '{X}', ARRAY['{}']::jsonb[]$$),
	('null events', $$'{a}', NULL, ARRAY['{}']::jsonb[]$$),
	('null props', $$'{a}', '{X}', NULL$$),
	('null customer', $$'{a, NULL}', '{X, X}', ARRAY['{}', '{}']::jsonb[]$$),
	('null event', $$'{a, b}', '{X, NULL}', ARRAY['{}', '{}']::jsonb[]$$),
	('null prop', $$'{a, b}', '{X, X}', ARRAY['{}', NULL]::jsonb[]$$),
	('empty customer', $$'{a, ""}', '{X, X}', ARRAY['{}', '{}']::jsonb[]$$),
	('reserved event', $$'{a, b}', '{X, $x}', ARRAY['{}', '{}']::jsonb[]$$),
	('no object', $$'{a, b}', '{X, X}', ARRAY['{}', '[]']::jsonb[]$$),
	('far ahead', $$'{a, b}', '{X, X}', ARRAY['{}', '{}']::jsonb[], ARRAY[NULL, '2025-03-04 10:06+00']::timestamptz[]$$),
	('infinite', $$'{a, b}', '{X, X}', ARRAY['{}', '{}']::jsonb[], ARRAY[NULL, 'infinity']::timestamptz[]$$),
	('two dimensions', $$'{{a, b}}', '{X, X}', ARRAY['{}', '{}']::jsonb[]$$)) AS v (label, arguments);
-- the element is named, and nothing of the batch is done
SAVEPOINT attempt;
SELECT journey_emit_batch('{ann, bob, cy}', '{X, X, ""}', ARRAY['{}', '{}', '{}']::jsonb[]);
ROLLBACK TO attempt;
SELECT count(*) FROM journey.event;

-- None at all.
SELECT journey_emit_batch('{}', '{}', '{}'), journey_emit_batch('{}', '{}', '{}', '{}'), journey_emit_batch('{}', '{}', '{}', NULL);

-- Sorted by customer, in the order given within one; times as given, else now.
SELECT journey_emit_batch('{bob, ann, cy, ann, Bob, ann}', '{X, X, X, GO, X, GO}',
	ARRAY['{"n": 1}', '{"n": 2}', '{"n": 3}', '{"n": 4}', '{"n": 5}', '{"n": 6}']::jsonb[],
	ARRAY[NULL, '2025-03-04 09:00', '2025-03-04 09:30', NULL, NULL, NULL]::timestamptz[]);
SELECT row_number() OVER (ORDER BY id) AS n, customer, event, props, at FROM journey.event ORDER BY id;
TABLE members;
TABLE acts;

-- The same as one emit after the other.
ROLLBACK TO clean;
CREATE TABLE input AS
	SELECT n, 'c' || dice % 7 AS customer, (ARRAY['X', 'X', 'GO', 'AGAIN', 'END', 'OTHER'])[1 + dice / 7 % 6] AS event,
		   jsonb_build_object('id', dice / 42 % 2, 'n', n) AS props,
		   CASE WHEN dice / 84 % 3 = 0 THEN timestamptz '2025-03-04 09:00+00' + n * interval '1 minute' END AS at
	  FROM generate_series(1, 200) AS n, LATERAL (SELECT ('x' || left(md5('batch' || n), 7))::bit(28)::int) AS hash(dice);
CREATE VIEW outcome AS
SELECT (SELECT jsonb_agg(to_jsonb(m) ORDER BY customer, key, entered_at, context::text) FROM (
			SELECT customer, key, tile, state, outcome, entered_at, arrived_at, due_at, exited_at, context FROM journey.member) AS m) AS members,
	   (SELECT jsonb_agg(to_jsonb(t) ORDER BY at, customer, t::text) FROM (
			SELECT customer, seq, from_tile, to_tile, edge, reason, event, t.due_at, t.at FROM moves t) AS t) AS moves,
	   (SELECT jsonb_agg(to_jsonb(a) ORDER BY created_at, customer, payload) FROM acts AS a) AS acts,
	   (SELECT jsonb_agg(to_jsonb(e) - 'id' - 'received_at' ORDER BY at, customer, (props->>'n')::int) FROM journey.event AS e) AS events;
SAVEPOINT filled;
CALL at('13:00');
SELECT journey_emit_batch(array_agg(customer ORDER BY n), array_agg(event ORDER BY n), array_agg(props ORDER BY n), array_agg(at ORDER BY n)) FROM input;
CALL advance('13:30');
SELECT members, moves, acts, events FROM outcome \gset
SELECT state, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
ROLLBACK TO filled;
CALL at('13:00');
DO $$ DECLARE r record; BEGIN
	FOR r IN SELECT * FROM input ORDER BY n LOOP
		PERFORM journey_emit(r.customer, r.event, r.props, r.at);
	END LOOP;
END $$;
CALL advance('13:30');
SELECT members = :'members'::jsonb AS members, moves = :'moves'::jsonb AS moves, acts = :'acts'::jsonb AS acts, events = :'events'::jsonb AS events FROM outcome;
SELECT state, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
ROLLBACK;
