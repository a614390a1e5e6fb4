-- When actions are sent, and whether: quiet_hours, cap, expires, retry.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE VIEW sends AS
SELECT journey, customer, tile, state, attempts, created_at, next_attempt_at, expires_at, last_error
  FROM journey.action ORDER BY created_at, journey, customer, tile;
CREATE PROCEDURE emit_all(moment text, customers text[], event text) LANGUAGE sql AS
$$ CALL at(moment); SELECT journey_emit(c, event) FROM unnest(customers) AS c $$;
SAVEPOINT clean;

-- Quiet hours over midnight, by each customer's clock: [from, to).
CALL draw('quiet', $${
  "timezone": "traits->>'zone'",
  "quiet_hours": {"from": "22:00", "to": "08:00"},
  "exit": [{"event": "bought", "outcome": "bought"}, {"event": "asked", "outcome": "asked"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "more": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "more"}, {"from": "more", "to": "done", "event": "end"}]
}$$);
SELECT journey_identify(c, jsonb_build_object('zone', z)) FROM (VALUES
	('london', 'Europe/London'), ('tokyo', 'Asia/Tokyo'), ('new york', 'America/New_York'),
	('kathmandu', 'Asia/Kathmandu'), ('mars', 'Mars/Base')) AS v (c, z);
CALL emit_all('2025-03-04 21:59:59.999999', '{london,nobody,mars,tokyo,new york,kathmandu}', 'X');
TABLE sends;
SELECT journey_exit('quiet', c, 'again') FROM unnest('{london,nobody,mars,tokyo,new york,kathmandu}'::text[]) AS c;
CALL emit_all('2025-03-04 22:00', '{london,tokyo,new york,kathmandu}', 'X');
SELECT journey_exit('quiet', c, 'again') FROM unnest('{london,tokyo,new york,kathmandu}'::text[]) AS c;
CALL emit_all('2025-03-05 07:59:59.999999', '{london}', 'X');
SELECT journey_exit('quiet', 'london', 'again');
CALL emit_all('2025-03-05 08:00', '{london}', 'X');
SELECT customer, created_at, next_attempt_at FROM sends WHERE created_at > '2025-03-04 21:59:59.999999+00';
-- held means held
CALL at('2025-03-05 07:59:59');
SELECT count(*) FROM journey_claim('mail') WHERE customer = 'london' AND created_at > '2025-03-04 22:00';
CALL at('2025-03-05 08:00');
SELECT customer, created_at FROM journey_claim('mail') WHERE customer = 'london' ORDER BY created_at;

-- An exit rule cancels what is still held, and only that.
ROLLBACK TO clean;
CALL draw('quiet', $${
  "quiet_hours": {"from": "22:00", "to": "24:00"},
  "exit": [{"event": "bought", "outcome": "bought"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "early": {"type": "action", "destination": "mail"},
    "hold": {"type": "wait", "for": "1 hour"},
    "late": {"type": "action", "destination": "mail"},
    "more": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "early"},
    {"from": "early", "to": "hold"},
    {"from": "hold", "to": "late"},
    {"from": "late", "to": "more"},
    {"from": "more", "to": "done", "event": "end"}
  ]
}$$);
CALL emit_all('21:30', '{ann,bob,cy,dan,eve}', 'X');
CALL advance('22:45');
-- bob's is tried before, as if the hours had begun meanwhile
UPDATE journey.action SET attempts = 1 WHERE customer = 'bob' AND tile = 'late';
CALL emit('23:00', 'ann', 'bought');
CALL emit('23:00', 'bob', 'bought');
CALL emit('23:00', 'dan', 'end');
CALL at('23:00');
SELECT journey_exit('quiet', 'eve', 'by hand');
SELECT customer, tile, state, next_attempt_at, last_error FROM sends;
-- when they are over, nothing is held: cy's is due
CALL emit('2025-03-05 00:00', 'cy', 'bought');
SELECT customer, tile, state FROM sends WHERE customer = 'cy';
SELECT customer, state, outcome FROM members;
-- from a journey without quiet hours nothing is called back
ROLLBACK TO clean;
CALL draw('loud', $${
  "exit": [{"event": "bought", "outcome": "bought"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "more": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "more"}, {"from": "more", "to": "done", "event": "end"}]
}$$);
CALL emit('23:00', 'ann', 'X');
UPDATE journey.action SET next_attempt_at = '2025-03-04 23:30+00';
CALL emit('23:10', 'ann', 'bought');
SELECT customer, state, next_attempt_at FROM sends;

-- The clock put forward over the end of the hours, and back.
ROLLBACK TO clean;
CALL draw('night', $${
  "timezone": "America/New_York",
  "quiet_hours": {"from": "00:30", "to": "02:30"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
SELECT set_config('journey.now', '2025-03-09 01:00 America/New_York', true);
SELECT journey_emit('ann', 'X') > 0 AS spring;
SELECT set_config('journey.now', '2025-11-02 01:00 EDT', true);
SELECT journey_emit('bob', 'X') > 0 AS autumn;
SELECT customer, created_at, next_attempt_at FROM sends;

-- A cap counts a customer's actions with its tag over all journeys, within (now - per, now].
ROLLBACK TO clean;
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{one,two,uncapped}'::text[] LOOP
		CALL draw(name, jsonb_strip_nulls(jsonb_build_object(
			'timezone', 'Europe/Berlin',
			'cap', CASE WHEN name <> 'uncapped' THEN '{"tag": "promo", "max": 2, "per": "1 day"}'::jsonb END,
			'tiles', jsonb_build_object(
				'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(jsonb_build_object('event', name))),
				'send', '{"type": "action", "destination": "mail", "tags": ["news", "promo"]}'::jsonb,
				'bill', '{"type": "action", "destination": "mail", "tags": ["bill"]}'::jsonb,
				'done', '{"type": "exit"}'::jsonb),
			'edges', '[{"from": "start", "to": "send"}, {"from": "send", "to": "bill"}, {"from": "bill", "to": "done"}]'::jsonb)));
	END LOOP;
END
$$;
CALL emit('10:00', 'ann', 'one');
CALL emit('11:00', 'ann', 'two');
CALL emit('12:00', 'ann', 'one');
CALL emit('12:00', 'bob', 'two');
CALL emit('2025-03-05 09:59:59.999999', 'ann', 'two');
CALL emit('2025-03-05 10:00', 'ann', 'one');
CALL emit('2025-03-05 10:30', 'ann', 'uncapped');
CALL emit('2025-03-05 10:59:59', 'ann', 'two');
CALL emit('2025-03-05 11:00', 'ann', 'two');
CALL emit('2025-03-05 12:00', 'ann', 'two');
SELECT journey, customer, state, created_at, next_attempt_at FROM sends WHERE tile = 'send';
-- whoever is refused an action goes on
SELECT customer, tile, state, count(*) FROM members GROUP BY 1, 2, 3 ORDER BY 1;
SELECT journey, count(*) FROM sends WHERE tile = 'bill' AND state = 'pending' GROUP BY 1 ORDER BY 1;
-- those that were cancelled do not count, those that failed do; others' tags never
CALL emit('2025-03-06 09:58', 'ann', 'one');
UPDATE journey.action SET state = 'cancelled', next_attempt_at = NULL WHERE created_at = '2025-03-05 10:00+00' AND tile = 'send';
UPDATE journey.action SET state = 'dead', next_attempt_at = NULL WHERE created_at = '2025-03-05 10:30+00';
CALL emit('2025-03-06 09:59', 'ann', 'one');
CALL emit('2025-03-06 09:59:30', 'ann', 'one');
SELECT state, created_at FROM sends WHERE tile = 'send' AND created_at >= '2025-03-06';
-- a day is one of the member's zone: of 23 hours on 30 March
CALL emit('2025-03-29 12:00', 'cy', 'one');
CALL emit('2025-03-29 12:00', 'cy', 'two');
CALL emit('2025-03-30 10:59:59', 'cy', 'one');
CALL emit('2025-03-30 11:00', 'cy', 'one');
SELECT customer, state, created_at FROM sends WHERE tile = 'send' AND customer = 'cy';
-- two members of one step
ROLLBACK TO clean;
CALL draw('both', $${
  "key": "props->>'k'",
  "cap": {"tag": "promo", "max": 3, "per": "1 hour"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait"},
    "send": {"type": "action", "destination": "mail", "tags": ["promo"]},
    "again": {"type": "action", "destination": "mail", "tags": ["promo"]},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "send", "event": "go"},
    {"from": "send", "to": "again"},
    {"from": "again", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X', '{"k": "a"}');
CALL emit('10:00', 'ann', 'X', '{"k": "b"}');
CALL emit('10:01', 'ann', 'go');
SELECT state, count(*), count(next_attempt_at) AS due FROM sends GROUP BY 1 ORDER BY 1;
SELECT key, tile, state FROM members;
SELECT count(*) FROM journey_claim('mail');
-- what the step itself cancels does not count: it has expired, or an exit rule calls it back
ROLLBACK TO clean;
CALL draw('slow', $${
  "cap": {"tag": "promo", "max": 1, "per": "1 hour"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "tags": ["promo"], "expires": "5 minutes", "await": true},
    "again": {"type": "action", "destination": "mail", "tags": ["promo"]},
    "more": {"type": "action", "destination": "mail", "tags": ["promo"]},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "again"}, {"from": "again", "to": "more"}, {"from": "more", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL advance('10:05');
SELECT tile, state, last_error FROM sends;
ROLLBACK TO clean;
CALL draw('night', $${
  "key": "props->>'k'",
  "quiet_hours": {"from": "22:00", "to": "23:00"},
  "cap": {"tag": "promo", "max": 2, "per": "1 day"},
  "exit": [{"event": "go", "condition": "key IN ('a', 'c')", "outcome": "gone"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "tags": ["promo"]},
    "hold": {"type": "wait"},
    "again": {"type": "action", "destination": "mail", "tags": ["promo"]},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold", "condition": "key = 'b'"},
    {"from": "start", "to": "send"},
    {"from": "send", "to": "hold"},
    {"from": "hold", "to": "again", "event": "go"},
    {"from": "again", "to": "done"}
  ]
}$$);
-- a's counts: it was not held
CALL emit('21:00', 'ann', 'X', '{"k": "a"}');
CALL emit('22:00', 'ann', 'X', '{"k": "c"}');
CALL emit('22:01', 'ann', 'X', '{"k": "b"}');
CALL emit('22:02', 'ann', 'go');
SELECT tile, state, created_at, next_attempt_at FROM sends;
SELECT key, tile, outcome FROM members;

-- What expires is not sent: at that moment, and counted from the move, also where the hours hold it.
ROLLBACK TO clean;
CALL draw('brief', $${
  "quiet_hours": {"from": "22:00", "to": "23:00"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "expires": "10 minutes"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('10:05', 'bob', 'X');
CALL emit('10:06', 'cy', 'X');
CALL emit('22:30', 'dan', 'X');
CALL at('10:09:59.999999');
SELECT customer FROM journey_claim('mail', 1, '2 minutes');
CALL at('10:10');
SELECT customer, expires_at FROM journey_claim('mail', 1, '2 minutes');
-- one that is in flight can still be delivered, and nacked: then it expires
CALL at('10:15');
SELECT journey_nack(id, 'later') FROM journey.action WHERE customer = 'bob';
SELECT customer, expires_at FROM journey_claim('mail', 1, '30 minutes');
CALL at('10:20');
SELECT journey_ack(id) FROM journey.action WHERE customer = 'cy';
SELECT count(*) FROM journey_claim('mail');
CALL at('22:59');
SELECT count(*) FROM journey_claim('mail');
TABLE sends;
CALL at('23:00');
SELECT count(*) FROM journey_claim('mail');
SELECT customer, state, next_attempt_at, last_error FROM sends WHERE customer = 'dan';
-- all that has expired is out of the way at once, whatever the claim's size
ROLLBACK TO clean;
CALL draw('brief', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}, {"event": "Y"}]},
    "fork": {"type": "branch"},
    "send": {"type": "action", "destination": "mail", "expires": "10 minutes"},
    "keep": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "fork"},
    {"from": "fork", "to": "send", "condition": "customer LIKE 'c%'"},
    {"from": "fork", "to": "keep"},
    {"from": "send", "to": "done"},
    {"from": "keep", "to": "done"}
  ]
}$$);
CALL at('10:00');
SELECT count(journey_emit('c' || n, 'X')) FROM generate_series(1, 250) AS n;
CALL emit('10:01', 'ann', 'X');
CALL at('10:30');
SELECT customer FROM journey_claim('mail', 1);
SELECT state, last_error, count(*) FROM sends GROUP BY 1, 2 ORDER BY 1;

-- A tile's own retry schedule; what it leaves out is as usual.
ROLLBACK TO clean;
CALL draw('stubborn', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "all": {"type": "action", "destination": "mail", "retry": {"max": 6, "first": "10 seconds", "factor": 3, "longest": "5 minutes"}},
    "first": {"type": "action", "destination": "mail", "retry": {"first": "8 hours"}},
    "factor": {"type": "action", "destination": "mail", "retry": {"factor": 1.5}},
    "longest": {"type": "action", "destination": "mail", "retry": {"max": 3, "longest": "45 seconds"}},
    "once": {"type": "action", "destination": "mail", "retry": {"max": 1}},
    "none": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "all"},
    {"from": "all", "to": "first"},
    {"from": "first", "to": "factor"},
    {"from": "factor", "to": "longest"},
    {"from": "longest", "to": "once"},
    {"from": "once", "to": "none"},
    {"from": "none", "to": "done"}
  ]
}$$);
CALL emit('2025-03-04 00:00', 'ann', 'X');
SELECT tile, retry FROM journey.action ORDER BY tile;
-- the least and the most that each delay may be, from many throws
CREATE TABLE delays (tile text, attempt int, state text, delay interval);
CREATE PROCEDURE keep_failing(sought text) LANGUAGE plpgsql AS $$
DECLARE
	next timestamptz := '2025-03-04 00:00+00';
	last timestamptz;
	action journey.action;
BEGIN
	UPDATE journey.action a SET attempts = 0, state = 'pending', last_error = NULL,
		   next_attempt_at = CASE WHEN a.tile = sought THEN next END;
	WHILE next IS NOT NULL LOOP
		last := next;
		PERFORM set_config('journey.now', next::text, true);
		SELECT * INTO action FROM journey_claim('mail', 1);
		PERFORM journey_nack(action.id, 'no');
		SELECT a.* INTO action FROM journey.action a WHERE a.id = action.id;
		next := action.next_attempt_at;
		INSERT INTO delays VALUES (sought, action.attempts, action.state, next - last);
	END LOOP;
END
$$;
DO $$
DECLARE
	tile text;
BEGIN
	FOREACH tile IN ARRAY '{all,first,factor,longest,once,none}'::text[] LOOP
		FOR i IN 1 .. 30 LOOP
			CALL keep_failing(tile);
		END LOOP;
	END LOOP;
END
$$;
WITH schedule (tile, max, first, factor, longest) AS (VALUES
	('all', 6, 10.0, 3.0, 300.0), ('first', 10, 28800.0, 2.0, 28800.0), ('factor', 10, 30.0, 1.5, 21600.0),
	('longest', 3, 30.0, 2.0, 45.0), ('once', 1, 30.0, 2.0, 21600.0), ('none', 10, 30.0, 2.0, 21600.0)),
delay AS (
SELECT tile, attempt, max, least(longest, first * factor ^ (attempt - 1)) AS least,
	   extract(epoch FROM delay) AS seconds, state
  FROM delays JOIN schedule USING (tile))
SELECT tile, attempt, count(*), string_agg(DISTINCT state, ',') AS state, CASE WHEN attempt < max THEN round(least, 3) END AS least,
	   bool_and(seconds BETWEEN least AND least * 1.1) AS in_bounds, max(seconds) - min(seconds) > least * 0.05 AS jitter
  FROM delay GROUP BY tile, attempt, max, least ORDER BY tile, attempt;
-- a consumer that dies each time has as many attempts
UPDATE journey.action SET attempts = 0, state = 'pending', next_attempt_at = CASE WHEN tile IN ('all', 'once', 'none') THEN moment('10:00') END;
CALL at('10:00');
SELECT tile, attempts FROM journey_claim('mail', 10, '1 minute') ORDER BY tile;
CALL at('10:01');
SELECT tile, attempts FROM journey_claim('mail', 10, '1 minute') ORDER BY tile;
UPDATE journey.action SET attempts = attempts + 4;
CALL at('10:02');
SELECT tile, attempts FROM journey_claim('mail', 10, '1 minute') ORDER BY tile;
SELECT tile, state, attempts, last_error FROM sends WHERE tile IN ('all', 'once', 'none') ORDER BY tile;
-- no attempt beyond, whenever the consumer asks for it
UPDATE journey.action SET attempts = 0, state = 'pending', next_attempt_at = CASE WHEN tile = 'once' THEN moment('10:00') END;
SELECT journey_nack(id, 'again', '1 minute') FROM journey_claim('mail');
CALL at('10:03');
SELECT attempts FROM journey_claim('mail');
SELECT state, attempts, last_error FROM sends WHERE tile = 'once';

-- Nothing of a paused journey is claimed; what expires meanwhile does so after it.
ROLLBACK TO clean;
CALL draw('brief', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "expires": "10 minutes"},
    "keep": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "keep"}, {"from": "keep", "to": "done"}]
}$$);
CALL draw('other', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X');
SELECT journey_pause('brief');
CALL at('10:20');
SELECT journey, tile FROM journey_claim('mail');
SELECT journey, tile, state FROM sends;
SELECT journey_resume('brief');
SELECT journey, tile FROM journey_claim('mail');
SELECT journey, tile, state, last_error FROM sends;
ROLLBACK;
