-- The door for events: what it takes, what it refuses, and what it writes.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CALL draw('simple', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
SAVEPOINT clean;

-- What it refuses.
CALL at('10:00');
SELECT label, error_of(format('SELECT journey_emit(%s)', arguments)) AS error FROM (VALUES
	('null customer', $$NULL, 'X'$$),
	('empty customer', $$'', 'X'$$),
	('long customer', $$repeat('é', 128) || 'e', 'X'$$),
	('null event', $$'ann', NULL$$),
	('empty event', $$'ann', ''$$),
	('long event', $$'ann', repeat('x', 129)$$),
	('reserved event', $$'ann', '$journey_exited'$$),
	('null props', $$'ann', 'X', NULL$$),
	('array', $$'ann', 'X', '[1]'$$),
	('scalar', $$'ann', 'X', '1'$$),
	('JSON null', $$'ann', 'X', 'null'$$),
	('large props', $$'ann', 'X', jsonb_build_object('a', repeat('x', 65536))$$),
	('far ahead', $$'ann', 'X', at => '2025-03-04 10:05:00.001'$$),
	('infinite', $$'ann', 'X', at => 'infinity'$$),
	('minus infinite', $$'ann', 'X', at => '-infinity'$$),
	('empty dedupe key', $$'ann', 'X', dedupe_key => ''$$),
	('long dedupe key', $$'ann', 'X', dedupe_key => repeat('x', 257)$$)) AS v (label, arguments);
-- and so does journey_enqueue
SELECT bool_and(error_of(format('SELECT journey_enqueue(%s)', arguments)) = error_of(format('SELECT journey_emit(%s)', arguments))) AS same
  FROM unnest(ARRAY[$$NULL, 'X'$$, $$'', 'X'$$, $$'ann', '$x'$$, $$'ann', 'X', '[]'$$, $$'ann', 'X', at => 'infinity'$$,
	$$'ann', 'X', dedupe_key => ''$$]) AS arguments;
SELECT count(*) FROM journey.event;
TABLE members;

-- What is just within the limits.
SELECT label, error_of(format('SELECT journey_emit(%s)', arguments)) AS error FROM (VALUES
	('longest customer', $$repeat('é', 128), 'X'$$),
	('longest event', $$'ann', repeat('x', 128)$$),
	('five minutes ahead', $$'ann', 'X', at => '2025-03-04 10:05'$$),
	('long ago', $$'ann', 'X', at => '0044-03-15 12:00 BC'$$),
	('longest dedupe key', $$'ann', 'X', dedupe_key => repeat('x', 256)$$),
	('dollar within', $$'ann', 'a$'$$),
	('no props', $$'ann', 'X', '{}'$$)) AS v (label, arguments);
SET LOCAL journey.max_props = 100;
SELECT n, error_of(format('SELECT journey_emit(''ann'', ''X'', jsonb_build_object(''a'', repeat(''x'', %s)))', n))
  FROM unnest('{87, 88}'::int[]) AS n;
ROLLBACK TO clean;

-- The transaction's earlier work goes on after a savepoint.
CALL at('10:00');
CREATE TABLE orders (customer text, total int);
INSERT INTO orders VALUES ('ann', 1);
SAVEPOINT attempt;
SELECT journey_emit('ann', 'X', '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_emit('ann', 'X');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO attempt;
SELECT journey_emit('ann', 'X') > 0 AS id;
TABLE orders;
TABLE members;
-- not where nothing may be written
SAVEPOINT attempt;
SET LOCAL transaction_read_only = on;
SELECT journey_emit('ann', 'X');
ROLLBACK TO attempt;
SAVEPOINT attempt;
SET LOCAL transaction_read_only = on;
SELECT journey_enqueue('ann', 'X');
ROLLBACK TO clean;

-- What it logs, whether anybody listens or not.
SELECT journey_emit('ann', 'X', '{"a": [1, "é"]}', '2025-03-04 09:00') AS heard \gset
SELECT journey_emit('ann', 'unheard', '{"b": null}', '2025-03-04 09:30') AS unheard \gset
SELECT id = :heard AS heard, id = :unheard AS unheard, customer, event, props, at,
	   received_at BETWEEN transaction_timestamp() AND clock_timestamp() AS received
  FROM journey.event ORDER BY at;
-- without a time: the moment of the call, not the transaction's start
ROLLBACK TO clean;
SELECT count(journey_emit('ann', event)) FROM unnest('{X, unheard, X}'::text[]) AS event;
SELECT event, at > transaction_timestamp() AND at <= clock_timestamp() AS moment, at >= lag(at, 1, at) OVER (ORDER BY id) AS ascends
  FROM journey.event ORDER BY id;
SELECT m.entered_at = e.at AS entered, m.due_at - e.at AS due
  FROM journey.member m, (SELECT min(at) AS at FROM journey.event) AS e;

-- A repeated dedupe key of the customer: the first id, and nothing moves.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_emit('ann', 'other', dedupe_key => 'k') AS first \gset
SELECT journey_emit('ann', 'X', dedupe_key => 'k') = :first AS same, journey_emit('bob', 'X', dedupe_key => 'k') = :first AS bob,
	   journey_emit('ann', 'X', dedupe_key => 'K') = :first AS upper;
TABLE members;
SELECT customer, event FROM journey.event ORDER BY id;
-- its arguments are still checked
SELECT error_of($$SELECT journey_emit('ann', 'X', '[]', dedupe_key => 'k')$$);
-- what was rolled back can come again
SAVEPOINT attempt;
SELECT journey_emit('cy', 'X', dedupe_key => 'k') > 0 AS id;
ROLLBACK TO attempt;
SELECT journey_emit('cy', 'X', dedupe_key => 'k') > 0 AS id;
SELECT customer, count(*) FROM journey.event GROUP BY 1 ORDER BY 1;
-- a queued event takes the key as well
SELECT journey_enqueue('dan', 'X', dedupe_key => 'k') AS queued \gset
SELECT journey_emit('dan', 'X', dedupe_key => 'k') = :queued AS emitted, journey_enqueue('dan', 'X', dedupe_key => 'k') = :queued AS queued,
	   journey_enqueue('ann', 'X', dedupe_key => 'k') = :first AS first;
SELECT customer, event FROM journey.queue;
SELECT count(*) FROM journey.event WHERE customer = 'dan';

-- From statements, functions and triggers of the application; conditions see
-- the rows that the transaction has written.
ROLLBACK TO clean;
CREATE TABLE orders (customer text, total int);
CALL draw('rich', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ORDER", "condition": "(SELECT sum(o.total) FROM public.orders o WHERE o.customer = member.customer) >= 100"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CREATE FUNCTION ordered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM journey_emit(NEW.customer, 'ORDER', jsonb_build_object('total', NEW.total));
	RETURN NEW;
END
$$;
CREATE TRIGGER ordered AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION ordered();
CALL at('10:00');
INSERT INTO orders VALUES ('ann', 60), ('bob', 99), ('ann', 40), ('cy', 100);
TABLE members;
INSERT INTO orders SELECT customer, 1 FROM orders WHERE customer = 'bob';
TABLE members;
SELECT count(*) FROM journey.event;
WITH new AS (INSERT INTO orders VALUES ('dan', 200) RETURNING *)
SELECT journey_emit('eve', 'X', to_jsonb(new)) > 0 AS id FROM new;
TABLE members;

-- Rollback undoes all of it: rule 14.
ROLLBACK TO clean;
CALL draw('everything', $${
  "goal": {"event": "Y"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "set": {"type": "update_profile", "set": {"x": 1}},
    "send": {"type": "action", "destination": "mail"},
    "hold": {"type": "wait", "for": "1 hour"},
    "fails": {"type": "wait", "for": "customer::interval"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "set"}, {"from": "set", "to": "send"}, {"from": "send", "to": "hold"},
    {"from": "hold", "to": "fails"}, {"from": "hold", "to": "done", "event": "Y"}, {"from": "fails", "to": "done"}
  ]
}$$);
CREATE VIEW everything AS
SELECT (SELECT count(*) FROM journey.event) AS events, (SELECT count(*) FROM journey.member WHERE state = 'exited') AS exited,
	   (SELECT count(*) FROM journey.member WHERE state <> 'exited') AS open, (SELECT count(*) FROM journey.transition) AS transitions,
	   (SELECT count(*) FROM journey.action) AS actions, (SELECT count(*) FROM journey.customer) AS customers,
	   (SELECT count(*) FROM journey.failure) AS failures, (SELECT count(*) FROM journey.dedupe) AS keys,
	   (SELECT count(*) FROM journey.queue) AS queued, (SELECT sum(entered) FROM journey.status) AS entered;
CALL emit('10:00', 'ann', 'X');
TABLE everything;
SAVEPOINT more;
SELECT journey_emit('bob', 'X', dedupe_key => 'k') > 0 AS id;
CALL emit('10:30', 'ann', 'Y');
SELECT journey_enqueue('cy', 'X') > 0 AS id;
CALL advance('12:00');
TABLE everything;
ROLLBACK TO more;
TABLE everything;
TABLE members;
-- in a function too
CREATE FUNCTION attempt() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM journey_emit('ann', 'Y');
	PERFORM 1 / 0;
	RETURN 'never';
EXCEPTION WHEN division_by_zero THEN
	RETURN 'caught';
END
$$;
SELECT attempt();
TABLE everything;
TABLE members;
-- and after it, all goes on
CALL emit('10:30', 'ann', 'Y');
TABLE everything;
TABLE members;
ROLLBACK;
