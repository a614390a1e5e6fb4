-- A pseudo-random run over journeys of every kind: what must hold at any moment
-- (DECISIONS 10) holds after it, and along the way.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
\set invariants `cat "$PG_ABS_SRCDIR"/t/invariants.sql`
CREATE VIEW violation AS :invariants;

CALL draw('cart', $${
  "key": "props->>'id'",
  "goal": {"event": "buy", "condition": "props->>'id' = key", "within": "3 days"},
  "exit": [{"event": "buy", "condition": "props->>'id' = key", "outcome": "bought"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "add", "condition": "props ? 'n'"}]},
    "hold": {"type": "wait", "for": "30 minutes", "reset": [{"event": "add", "condition": "props->>'id' = key"}]},
    "fork": {"type": "branch"},
    "one": {"type": "action", "destination": "mail", "payload": {"n": "{{ (context->>'n')::int }}"}},
    "two": {"type": "action", "destination": "mail"},
    "day": {"type": "wait", "for": "1 day"},
    "back": {"type": "branch"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"}, {"from": "hold", "to": "fork"},
    {"from": "fork", "to": "one", "condition": "(context->>'n')::int % 2 = 0"},
    {"from": "fork", "to": "two", "condition": "(context->>'n')::int % 3 = 0"},
    {"from": "fork", "to": "day", "wait": "10 minutes", "condition": "(context->>'n')::int % 5 = 0"},
    {"from": "one", "to": "day", "event": "view"}, {"from": "one", "to": "day", "wait": "2 hours"}, {"from": "two", "to": "day"},
    {"from": "day", "to": "back"}, {"from": "day", "to": "done", "event": "view"},
    {"from": "back", "to": "hold", "condition": "visits < 3"}, {"from": "back", "to": "done"}
  ]
}$$);
CALL draw('edges', $${
  "entry_rules": {"on_active": "restart"},
  "tiles": {
    "root": {"type": "entry"},
    "a": {"type": "wait"},
    "split": {"type": "branch"},
    "b": {"type": "update_profile", "set": {"last": "{{ event }}", "n": "{{ coalesce((traits->>'n')::int, 0) + 1 }}"}},
    "c": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "root", "to": "a", "event": "add", "wait": "15 minutes", "condition": "(props->>'n')::int < 6"},
    {"from": "root", "to": "done", "event": "view", "wait": "2 hours", "condition": "(props->>'n')::int < 2"},
    {"from": "root", "to": "c", "event": "buy", "condition": "(props->>'n')::int < 6"},
    {"from": "a", "to": "split", "event": "view"}, {"from": "a", "to": "done", "event": "add", "wait": "5 minutes"},
    {"from": "split", "to": "b", "percent": 50}, {"from": "split", "to": "c", "percent": 50, "wait": "20 minutes"},
    {"from": "b", "to": "c"}, {"from": "c", "to": "a", "event": "view"}, {"from": "c", "to": "done"}
  ]
}$$);
CALL draw('faulty', $${
  "key": "props->>'id'",
  "exit": [{"event": "view", "condition": "(props->>'n')::int > 1000", "outcome": "seen"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "view", "condition": "1000 / (props->>'n')::int > 1"}, {"event": "add"}]},
    "for": {"type": "wait", "for": "(context->>'for')::interval"},
    "ask": {"type": "branch"},
    "send": {"type": "action", "destination": "mail", "payload": {"n": "{{ 100 / ((context->>'n')::int % 4) }}"}},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "for", "condition": "100 / ((context->>'n')::int % 7) > 20"},
    {"from": "start", "to": "ask"},
    {"from": "for", "to": "ask"}, {"from": "for", "to": "send", "event": "view", "condition": "10 / ((props->>'n')::int % 2) > 0"},
    {"from": "ask", "to": "send", "condition": "length(repeat('x', CASE (context->>'n')::int % 3 WHEN 0 THEN 1073741824 ELSE 1 END)) = 1"},
    {"from": "ask", "to": "done", "condition": "(context->>'n')::int % 11 = 0", "wait": "1 hour"},
    {"from": "send", "to": "done"}
  ]
}$$);

-- The nth of the run's dice; and what it does.
CREATE FUNCTION dice(n int, salt text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || left(md5(n || salt), 7))::bit(28)::int % sides $$;
CREATE PROCEDURE act(n int) LANGUAGE plpgsql AS $$
DECLARE
	customer text := 'c' || dice(n, 'customer', 6);
	event text := (ARRAY['add', 'view', 'buy', 'other'])[1 + dice(n, 'event', 4)];
	props jsonb := jsonb_strip_nulls(jsonb_build_object('id', nullif(dice(n, 'id', 4), 3), 'n', dice(n, 'n', 30),
		'for', (ARRAY['10 minutes', 'soon', NULL, '3 hours'])[1 + dice(n, 'for', 4)]));
	now timestamptz := current_setting('journey.now');
BEGIN
	CASE dice(n, 'what', 16)
		WHEN 0 THEN PERFORM journey_enter('cart', customer, props);
		WHEN 1 THEN PERFORM journey_enter_many('faulty', ARRAY[customer, 'c0']), journey_enter('edges', customer);
		WHEN 2 THEN PERFORM journey_exit((ARRAY['cart', 'edges', 'faulty'])[1 + dice(n, 'journey', 3)], customer, 'told');
		WHEN 3 THEN PERFORM journey_enqueue(customer, event, props);
		WHEN 4 THEN PERFORM journey_enqueue(customer, event, props, now + dice(n, 'at', 6) * interval '1 minute');
		WHEN 5 THEN PERFORM journey_emit(customer, event, props, now - dice(n, 'at', 200) * interval '1 minute');
		WHEN 6 THEN PERFORM journey_emit(customer, event, props, now + dice(n, 'at', 300) * interval '1 second');
		WHEN 7 THEN PERFORM journey_emit_batch(ARRAY[customer, 'c1', customer], ARRAY[event, 'view', 'add'], ARRAY[props, props, props]);
		WHEN 8 THEN	-- an outage, and a tick of a few
			CALL at((now + dice(n, 'outage', 90) * interval '1 minute')::text);
			PERFORM journey_tick(1 + dice(n, 'tick', 5));
		WHEN 9 THEN	-- taken back
			BEGIN
				PERFORM journey_emit(customer, event, props);
				PERFORM journey_advance_to(now + interval '1 day');
				RAISE division_by_zero;
			EXCEPTION WHEN division_by_zero THEN
			END;
		WHEN 10, 11 THEN PERFORM journey_advance_to(now + dice(n, 'advance', 60) * interval '1 minute');
		ELSE PERFORM journey_emit(customer, event, props);
	END CASE;
END
$$;
CREATE PROCEDURE act(first int, last int) LANGUAGE plpgsql AS
$$ BEGIN FOR n IN first .. last LOOP CALL act(n); END LOOP; END $$;

CALL at('2025-03-04 00:00');
CALL act(1, 200);
TABLE violation;
SELECT count(*) AS due FROM journey.member WHERE due_at IS NOT NULL;
CALL act(201, 400);
TABLE violation;
CALL act(401, 800);
TABLE violation;

-- The run was worth something.
SELECT journey, state, outcome, count(*), count(converted_at) AS converted FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT journey, reason, count(*) FROM journey.transition GROUP BY 1, 2 ORDER BY 1, 2;
SELECT journey, tile, edge, sqlstate, sum(count) AS count FROM journey.failure GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT * FROM journey.status ORDER BY journey;
SELECT count(*) > 0 AS queued FROM journey.queue;

-- Time passes, and nobody is left waiting.
SELECT journey_advance_to(current_setting('journey.now')::timestamptz + interval '10 days') > 0 AS moved;
TABLE violation;
SELECT count(*) FROM journey.queue;
SELECT journey, state, tile, count(*), count(due_at) AS due FROM journey.member WHERE state <> 'exited' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- one moment for all counts, folded or not
SELECT journey.fold(everything => true) >= 0 AS folded;
TABLE violation;
ROLLBACK;
