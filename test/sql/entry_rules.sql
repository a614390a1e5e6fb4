-- Who may enter, and how often: entry_rules, and customers named by a trigger.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "exit": [{"event": "leave", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go", "condition": "NOT props ? 'no'"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$::jsonb AS plain \gset
CREATE FUNCTION ruled(definition jsonb, rules jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT definition || jsonb_build_object('entry_rules', rules) $$;
SAVEPOINT clean;

-- Never again: per key, by event, by hand, and whatever became of the first run.
CALL draw('never', ruled(:'plain', '{"reentry": "never"}'));
CALL draw('always', ruled(:'plain', '{"reentry": "after_exit"}'));
CALL emit('10:00', 'ann', 'go', '{"id": 1}');
CALL emit('10:10', 'ann', 'go', '{"id": 1}');
SELECT stands('ann', '1 hold active', 'never');
CALL emit('10:20', 'ann', 'leave');
CALL emit('10:30', 'ann', 'go', '{"id": 1}');
CALL emit('10:30', 'ann', 'go', '{"id": 2}');
SELECT stands('ann', '1 hold exited left
	2 hold active', 'never');
SELECT stands('ann', '1 hold exited left
	1 hold active
	2 hold active', 'always');
SELECT journey_enter('never', 'ann', '{"id": 1}') IS NULL AS refused, journey_enter('never', 'ann', '{"id": 2}') IS NULL AS inside;
SELECT journey_enter_many('never', '{ann, bob}'), journey_enter_many('never', '{bob}');
SELECT journey_emit_batch('{bob, cy, cy}', '{go, go, go}', array_fill('{}'::jsonb, '{3}'));
SELECT journey, customer, count(*) FROM journey.member GROUP BY 1, 2 ORDER BY 1, 2;
-- a run that failed, or that a later version begins, counts like any other
SELECT journey_revise('never');
SELECT journey_activate('never');
CALL emit('2025-03-05 10:00', 'ann', 'go', '{"id": 1}');
SELECT count(*) FROM journey.member WHERE journey = 'never' AND version > 1;
ROLLBACK TO clean;

-- Never again, but on_active alone decides about who is inside.
CALL draw('never', ruled(:'plain', '{"reentry": "never", "on_active": "restart", "cooldown": "1 day"}'));
CALL emit('10:00', 'ann', 'go');
CALL emit('10:10', 'ann', 'go');
SELECT stands('ann', 'hold exited restarted
	hold active');
CALL advance('12:00');
CALL emit('2025-03-06 12:00', 'ann', 'go');
SELECT count(*) FROM journey.member;
ROLLBACK TO clean;

-- Cooldown: since the last entry, over all keys; at exactly the interval it is over.
CALL draw('cool', ruled(:'plain', '{"cooldown": "7 days"}'));
CALL emit('2025-03-01 10:00', 'ann', 'go', '{"id": 1}');
CALL advance('2025-03-02 00:00');
CALL emit('2025-03-02 10:00', 'ann', 'go', '{"id": 1}');
CALL emit('2025-03-08 09:59:59', 'ann', 'go', '{"id": 2}');
SELECT stands('ann', '1 done exited done');
CALL emit('2025-03-08 10:00', 'ann', 'go', '{"id": 3}');
SELECT stands('ann', '1 done exited done
	3 hold active');
-- while that one is inside, another key is refused by the cooldown, the same by on_active
CALL emit('2025-03-08 10:01', 'ann', 'go', '{"id": 4}');
SELECT count(*) FROM journey.member;
-- a refused entry begins no cooldown
CALL emit('2025-03-14 10:00', 'ann', 'go', '{"id": 5}');
CALL emit('2025-03-15 10:00', 'ann', 'go', '{"id": 6}');
SELECT key, entered_at FROM journey.member ORDER BY entered_at;
-- somebody else's is another
CALL emit('2025-03-15 10:00', 'bob', 'go');
SELECT stands('bob', 'hold active');
-- by hand and in a batch
SELECT journey_enter('cool', 'bob', '{"id": 7}') IS NULL AS refused;
SELECT journey_emit_batch('{bob, cy}', '{go, go}', '{"{\"id\": 8}", "{\"id\": 8}"}');
SELECT stands('bob', 'hold active'), stands('cy', '8 hold active');
ROLLBACK TO clean;
-- months and days by the zone's calendar: from Saturday 8 March 12:00 in New York (EST)
-- a day ends on Sunday 12:00 EDT, 23 hours later
CALL draw('cool', ruled(:'plain', '{"cooldown": "1 day"}') || '{"timezone": "America/New_York"}');
CALL emit('2025-03-08 17:00', 'ann', 'go', '{"id": 1}');
CALL emit('2025-03-09 15:59:59', 'ann', 'go', '{"id": 2}');
SELECT count(*) FROM journey.member;
CALL emit('2025-03-09 16:00', 'ann', 'go', '{"id": 3}');
SELECT count(*) FROM journey.member;
ROLLBACK TO clean;

-- Merge: the props come into the context, and the timer stays.
CALL draw('merge', ruled(:'plain', '{"on_active": "merge"}'));
CALL emit('10:00', 'ann', 'go', '{"total": 1, "a": 1}');
CALL emit('10:30', 'ann', 'go', '{"total": 2, "b": {"c": null}}');
SELECT stands('ann', 'hold active');
SELECT context, due_at, arrived_at FROM journey.member;
CALL at('10:40');
SELECT id AS inside FROM journey.member \gset
SELECT journey_enter('merge', 'ann', '{"total": 3}') = :inside AS the_same;
SELECT context FROM journey.member;
SELECT count(*) FROM journey.transition;
SELECT entered, active FROM journey.status WHERE journey = 'merge';
-- a trigger whose condition does not hold merges nothing
CALL emit('10:41', 'ann', 'go', '{"no": 1}');
SELECT context FROM journey.member;
-- whom the event exits does not come back by it
SAVEPOINT merged;
CALL draw('out', ruled(:'plain', '{"on_active": "merge"}') || '{"exit": [{"event": "go", "condition": "props ? ''out''", "outcome": "out"}]}');
CALL emit('10:42', 'cy', 'go');
CALL emit('10:43', 'cy', 'go', '{"out": 1}');
SELECT stands('cy', 'hold exited out', 'out');
ROLLBACK TO merged;
-- into one that failed too
CALL draw('fails', ruled(jsonb_set(:'plain', '{tiles,hold,for}', '"(context->>''for'')::interval"'), '{"on_active": "merge"}'));
CALL emit('10:50', 'bob', 'go', '{"for": "soon"}');
CALL emit('10:51', 'bob', 'go', '{"for": "1 hour"}');
SELECT state, context FROM journey.member WHERE journey = 'fails' AND customer = 'bob';
-- after the exit it enters
CALL advance('11:30');
CALL emit('11:30', 'ann', 'go', '{"total": 9}');
SELECT stands('ann', 'done exited done
	hold active', 'merge');
-- no larger than props may be
SET LOCAL journey.max_props = '1kB';
CALL emit('11:31', 'ann', 'go', jsonb_build_object('x', repeat('x', 600)));
CALL emit('11:32', 'ann', 'go', jsonb_build_object('y', repeat('y', 600)));
SELECT context ? 'x' AS x, context ? 'y' AS y FROM journey.member WHERE journey = 'merge' AND customer = 'ann' AND state = 'active';
ROLLBACK TO clean;

-- Holdout: a stable part of the customers enters and exits at once, and their goals
-- count all the same.
CREATE FUNCTION bucket(journey text, tile text, customer text) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT (('x' || left(md5(concat_ws(chr(31), journey, tile, customer)), 8))::bit(32)::bigint & 4294967295) % 10000 $$;
CALL draw('held', ruled(:'plain', '{"holdout": 12.5}') || '{"goal": {"event": "buy", "within": "1 day"}}');
CALL at('10:00');
SELECT count(journey_emit('c' || n, 'go')) FROM generate_series(1, 1000) AS n;
SELECT outcome, tile, state, count(*) BETWEEN 100 AND 150 AS an_eighth,
	   min(bucket('held', '', customer)) >= 1250 AS above, max(bucket('held', '', customer)) < 1250 AS below
  FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1;
SELECT reason, from_tile, to_tile, count(*) = count(DISTINCT customer) AS once
  FROM moves WHERE reason = 'entry' GROUP BY 1, 2, 3 ORDER BY 1, 2 NULLS FIRST, 3;
SELECT min('c' || n) AS held FROM generate_series(1, 1000) AS n WHERE bucket('held', '', 'c' || n) < 1250 \gset
SELECT min('c' || n) AS other FROM generate_series(1, 1000) AS n WHERE bucket('held', '', 'c' || n) >= 1250 \gset
SELECT moved(:'held', '10:00 - start entry
	10:00 start - holdout');
SELECT moved(:'other', '10:00 start hold entry');
CALL emit('11:00', :'held', 'buy');
CALL emit('11:00', :'other', 'buy');
CALL emit('2025-03-05 10:00:01', :'held', 'buy');
SELECT customer = :'held' AS held, outcome, converted_at FROM journey.member WHERE converted_at IS NOT NULL ORDER BY 1;
-- nothing is sent to them, nor does time move them; again it is the same ones
CALL advance('2025-03-06 00:00');
SELECT outcome, count(*) BETWEEN 800 AND 900 AS most FROM journey.member GROUP BY 1 ORDER BY 1;
CALL emit('2025-03-06 00:00', :'held', 'go');
SELECT stands(:'held', 'start exited holdout
	start exited holdout');
-- the cooldown and "never" count them too
ROLLBACK TO clean;
CALL draw('all', ruled(:'plain', '{"holdout": 100, "reentry": "never"}'));
CALL draw('none', ruled(:'plain', '{"holdout": 0}'));
CALL emit('10:00', 'ann', 'go');
CALL emit('10:01', 'ann', 'go');
SELECT stands('ann', 'start exited holdout', 'all'), stands('ann', 'hold active', 'none');
CALL at('10:02');
SELECT journey_enter('all', 'bob') IS NULL AS refused;
SELECT stands('bob', 'start exited holdout', 'all');
ROLLBACK TO clean;

-- Only: the members of an audience.
INSERT INTO journey.audience VALUES ('testers');
INSERT INTO journey.audience_member VALUES ('testers', 'ann'), ('testers', 'cy'), ('others', 'bob');
CALL draw('only', ruled(:'plain', '{"only": "testers"}'));
CALL at('10:00');
SELECT count(journey_emit(c, 'go')) FROM unnest('{ann, bob}'::text[]) AS c;
SELECT journey_enter('only', 'bob') IS NULL AS refused, journey_enter_many('only', '{bob, cy, dan}');
SELECT customer, state FROM journey.member ORDER BY 1;
-- who leaves it stays inside, but comes in no more
DELETE FROM journey.audience_member WHERE customer = 'ann';
CALL advance('11:00');
CALL emit('12:00', 'ann', 'go');
SELECT stands('ann', 'done exited done');
-- it is asked before what is to be done with one inside
ROLLBACK TO clean;
INSERT INTO journey.audience VALUES ('testers');
INSERT INTO journey.audience_member VALUES ('testers', 'ann');
CALL draw('only', ruled(:'plain', '{"only": "testers", "on_active": "restart"}'));
CALL emit('10:00', 'ann', 'go');
DELETE FROM journey.audience_member;
CALL emit('10:10', 'ann', 'go');
SELECT stands('ann', 'hold active');
ROLLBACK TO clean;

-- Customers whom somebody else's event enters: each once, none that is null.
CALL draw('fan', $${
  "key": "props->>'product'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "back_in_stock", "condition": "(props->>'stock')::int > 0",
      "customers": "(SELECT array_agg(v) FROM jsonb_array_elements_text(props->'waiting') AS v)"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "send": {"type": "action", "destination": "mail", "payload": {"product": "{{ key }}", "to": "{{ traits->>'email' }}", "stock": "{{ (context->>'stock')::int }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
SELECT journey_identify('ann', '{"email": "ann@example.com"}');
CALL emit('10:00', 'shop', 'back_in_stock', '{"product": "lamp", "stock": 0, "waiting": ["ann"]}');
SELECT count(*) FROM journey.member;
CALL emit('10:00', 'shop', 'back_in_stock', '{"product": "lamp", "stock": 7, "waiting": ["bob", "ann", null, "bob", "cy", "ann"]}');
SELECT customer, key, tile, state, context->>'stock' AS stock FROM journey.member ORDER BY customer;
SELECT stands('shop', '');
-- the rules hold for each: who is inside stays, the others come
CALL emit('10:10', 'shop', 'back_in_stock', '{"product": "lamp", "stock": 8, "waiting": ["ann", "dan"]}');
SELECT customer, entered_at FROM journey.member ORDER BY 1;
-- an event of the customer's own that names itself, and nobody
CALL emit('10:20', 'eve', 'back_in_stock', '{"product": "desk", "stock": 1, "waiting": ["eve"]}');
CALL emit('10:20', 'flo', 'back_in_stock', '{"product": "desk", "stock": 1, "waiting": []}');
CALL emit('10:20', 'flo', 'back_in_stock', '{"product": "desk", "stock": 1}');
SELECT stands('eve', 'desk hold active'), stands('flo', '');
CALL advance('12:00');
SELECT sent('ann', '11:00 send'), sent('dan', '11:10 send'), sent('eve', '11:20 send');
SELECT payload FROM journey.action WHERE customer = 'ann';
-- the entry stands to the event that caused it
SELECT DISTINCT e.customer, e.event FROM journey.transition t JOIN journey.event e ON e.id = t.event_id WHERE t.customer = 'bob' AND t.seq = 1;
-- the time limit is for what authors' SQL takes, not for entering many
SAVEPOINT many;
SET LOCAL journey.emit_budget = '100ms';
SELECT journey_emit('shop', 'back_in_stock', jsonb_build_object('product', 'bulb', 'stock', 1, 'waiting', (SELECT jsonb_agg('many' || i) FROM generate_series(1, 5000) AS i))) > 0 AS emitted;
SELECT count(*), count(due_at) FROM journey.member WHERE key = 'bulb';
TABLE failures;
ROLLBACK TO many;
-- what errs is recorded, and the event is logged all the same
CALL emit('12:00', 'shop', 'back_in_stock', '{"product": "lamp", "stock": 1, "waiting": "all"}');
SELECT sqlstate, count FROM journey.failure;
SELECT count(*) FROM journey.event WHERE at = moment('12:00');
-- names that cannot be customers
CALL emit('12:10', 'shop', 'back_in_stock', jsonb_build_object('product', 'x', 'stock', 1, 'waiting', jsonb_build_array('', repeat('x', 257), 'gil')));
SELECT customer FROM journey.member WHERE key = 'x';
SELECT sqlstate, message FROM journey.failure WHERE minute = moment('12:10') ORDER BY 2;
ROLLBACK TO clean;

-- Ten thousand of them, from a table, with a condition on the event.
CREATE TABLE watchers AS SELECT 'c' || (n * 7919) % 10007 AS customer, n % 4 AS product FROM generate_series(1, 20000) AS n;
CALL draw('fan', $${
  "key": "props->>'product'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "restocked", "condition": "props ? 'product'",
      "customers": "(SELECT array_agg(w.customer) FROM public.watchers w WHERE w.product <= (props->>'product')::int)"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CALL emit('10:00', 'shop', 'restocked', '{"product": 3}');
SELECT count(*), count(DISTINCT customer), count(*) = (SELECT count(DISTINCT customer) FROM watchers) AS all_of_them FROM journey.member;
-- sorted: so that two such events cannot deadlock
SELECT count(*) AS out_of_order FROM (SELECT customer < lag(customer) OVER (ORDER BY id) AS back FROM journey.member_row) AS o WHERE back;
CALL advance('11:00');
SELECT state, count(*) = (SELECT count(DISTINCT customer) FROM watchers) AS all_of_them FROM journey.member GROUP BY 1;
ROLLBACK;
