-- Quiet hours and caps when an action leaves: late consumers, retries, paused destinations.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE VIEW sends AS
SELECT customer, tile, state, attempts, created_at, next_attempt_at, delivered_at, last_error
  FROM journey.action ORDER BY created_at, customer, seq;
-- A journey that sends at once, with what else it says; enters on X.
CREATE PROCEDURE draw_send(name text, rest jsonb, tile jsonb DEFAULT '{}', event text DEFAULT 'X') LANGUAGE sql AS $$
CALL draw(name, jsonb_build_object(
	'tiles', jsonb_build_object(
		'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(jsonb_build_object('event', event))),
		'send', '{"type": "action", "destination": "mail", "tags": ["promo"]}'::jsonb || tile,
		'done', '{"type": "exit"}'::jsonb, 'lost', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "send"}, {"from": "send", "to": "lost", "condition": "outcome = ''suppressed''"}, {"from": "send", "to": "done"}]'::jsonb)
	|| rest)
$$;
CREATE FUNCTION claim(moment text, max int DEFAULT 100) RETURNS TABLE (customer text, tile text, attempts int) LANGUAGE plpgsql AS $$
BEGIN
	CALL at(moment);
	RETURN QUERY SELECT c.customer, c.tile, c.attempts FROM journey_claim('mail', max, '1 minute') c ORDER BY 1, 2, c.seq;
END
$$;
CREATE PROCEDURE ack(moment text, who text) LANGUAGE plpgsql AS $$
BEGIN
	CALL at(moment);
	PERFORM journey_ack(id) FROM journey.action WHERE customer = who AND state = 'in_flight';
END
$$;
CREATE PROCEDURE nack(moment text, who text, again interval) LANGUAGE plpgsql AS $$
BEGIN
	CALL at(moment);
	PERFORM journey_nack(id, 'no', again) FROM journey.action WHERE customer = who AND state = 'in_flight';
END
$$;
SAVEPOINT clean;

-- What an action keeps of its journey: only what touches it.
CALL draw_send('none', '{}');
CALL draw_send('quiet', '{"timezone": "Asia/Tokyo", "quiet_hours": {"from": "21:30", "to": "24:00"}}');
CALL draw_send('cap', '{"cap": {"tag": "promo", "max": 30, "per": "1 mon 2 days 03:04:05.5"}}');
CALL draw_send('both', '{"timezone": "traits->>''zone''", "quiet_hours": {"from": "22:00", "to": "08:00"}, "cap": {"tag": "promo", "max": 30, "per": "1 day"}}');
CALL draw_send('other', '{"cap": {"tag": "news", "max": 3, "per": "1 day"}}', '{"tags": ["promo", "bill"]}');
SELECT journey_identify('ann', '{"zone": "America/New_York"}');
SET LOCAL intervalstyle = 'sql_standard';
CALL emit('10:00', 'ann', 'X');
RESET intervalstyle;
SELECT journey, limits FROM journey.action ORDER BY journey;
-- a member without a zone of its own has the setting's
CALL emit('10:00', 'bob', 'X');
SELECT journey, limits->'zone' AS zone FROM journey.action WHERE customer = 'bob' ORDER BY journey;

-- A consumer that comes in quiet hours gets nothing, and what fails before them waits for their end.
ROLLBACK TO clean;
CALL draw_send('quiet', '{"timezone": "traits->>''zone''", "quiet_hours": {"from": "22:00", "to": "08:00"}}', '{"retry": {"max": 3}}');
SELECT journey_identify('tokyo', '{"zone": "Asia/Tokyo"}');
CALL emit('21:50', 'ann', 'X');
CALL emit('21:50', 'bob', 'X');
CALL emit('21:50', 'tokyo', 'X');
SELECT * FROM claim('21:59:59', 1);
CALL nack('21:59:59', 'ann', '10 minutes');
CALL nack('21:59:59', 'bob', '10 minutes');
SELECT customer, state, attempts, next_attempt_at FROM sends;
SELECT * FROM claim('22:00');
SELECT customer, state, attempts, next_attempt_at FROM sends;
SELECT * FROM claim('2025-03-05 07:59:59.999999');
SELECT * FROM claim('2025-03-05 08:00');
CALL nack('2025-03-05 08:00', 'ann', '13 hours');
CALL ack('2025-03-05 08:00', 'bob');
-- the zone is that of then
SELECT * FROM claim('2025-03-05 21:00');
CALL nack('2025-03-05 21:30', 'ann', '1 hour');
SELECT customer, state, attempts, next_attempt_at FROM sends;
-- what expires in them is not sent
ROLLBACK TO clean;
CALL draw_send('quiet', '{"quiet_hours": {"from": "22:00", "to": "08:00"}}', '{"expires": "2 hours", "await": true}');
CALL emit('21:50', 'ann', 'X');
SELECT * FROM claim('22:10');
CALL advance('23:50');
SELECT * FROM claim('2025-03-05 08:00');
SELECT customer, state, last_error FROM sends;
SELECT customer, tile, outcome FROM members;
-- an exit rule calls back what they hold, though it was due before
ROLLBACK TO clean;
CALL draw_send('quiet', '{"quiet_hours": {"from": "22:00", "to": "08:00"}, "exit": [{"event": "bought", "outcome": "bought"}]}', '{"await": true}');
CALL emit('21:50', 'ann', 'X');
SELECT * FROM claim('22:10');
CALL emit('22:20', 'ann', 'bought');
SELECT customer, state, next_attempt_at FROM sends;
-- a new version changes nothing about what is under way
ROLLBACK TO clean;
CALL draw_send('quiet', '{"quiet_hours": {"from": "22:00", "to": "08:00"}}');
CALL emit('21:50', 'ann', 'X');
SELECT journey_revise('quiet');
SELECT journey_update('quiet', journey_definition('quiet') - 'quiet_hours');
SELECT journey_activate('quiet');
SELECT * FROM claim('22:10');
CALL emit('22:11', 'bob', 'X');
SELECT * FROM claim('22:12');

-- Made in time, all at once: no more than the cap leaves, and the others' members go on.
ROLLBACK TO clean;
CALL draw_send('cap', '{"cap": {"tag": "promo", "max": 2, "per": "1 hour"}}', '{"await": true}');
CALL draw_send('free', '{}', '{}', 'Y');
CALL emit('10:00', 'ann', 'X');
CALL emit('10:00', 'bob', 'X');
CALL emit('10:30', 'ann', 'Y');
-- each alone has room when it is made
CALL at('11:10');
SELECT journey_exit('cap', 'ann', 'by hand');
CALL emit('11:10', 'ann', 'X');
SELECT journey_exit('cap', 'ann', 'by hand');
CALL emit('11:20', 'ann', 'X');
SELECT customer, tile, state, created_at FROM sends;
-- ann's first two fill it; one without a cap counts, and is not counted out
SELECT customer, count(*) FROM claim('11:30') GROUP BY 1 ORDER BY 1;
SELECT journey, customer, state, created_at FROM journey.action ORDER BY created_at, customer;
SELECT journey, customer, tile, state, outcome FROM members;
-- one by one it is the same
ROLLBACK TO clean;
CALL draw_send('cap', '{"key": "props->>''k''", "cap": {"tag": "promo", "max": 1, "per": "1 hour"}}');
CALL emit('10:00', 'ann', 'X', '{"k": "1"}');
CALL emit('11:00', 'ann', 'X', '{"k": "2"}');
CALL emit('12:00', 'ann', 'X', '{"k": "3"}');
SELECT count(*) FROM claim('12:30', 1);
SELECT count(*) FROM claim('12:30', 1);
SELECT state, attempts FROM sends;
-- in flight counts, until it is delivered or not; then the one before has its turn
ROLLBACK TO clean;
CALL draw_send('cap', '{"key": "props->>''k''", "cap": {"tag": "promo", "max": 1, "per": "1 hour"}}');
CALL emit('10:00', 'ann', 'X', '{"k": "1"}');
SELECT * FROM claim('10:00');
CALL nack('10:01', 'ann', '59 minutes');
CALL emit('11:00', 'ann', 'X', '{"k": "2"}');
SELECT * FROM claim('11:00', 1);
CALL nack('11:00', 'ann', '10 minutes');
SELECT state, attempts, next_attempt_at FROM sends;
SELECT * FROM claim('11:01', 1);
CALL ack('11:01', 'ann');
SELECT * FROM claim('11:10');
SELECT state, attempts, last_error FROM sends;

-- What came a little late does not cost the next: it waits for the rest of the span.
ROLLBACK TO clean;
CALL draw_send('weekly', '{"timezone": "Europe/Berlin", "cap": {"tag": "promo", "max": 1, "per": "7 days"}}');
CALL emit('2025-03-24 09:00', 'ann', 'X');
CALL emit('2025-03-24 09:00', 'bob', 'X');
SELECT * FROM claim('2025-03-24 09:00');
CALL ack('2025-03-24 09:00:01.5', 'ann');
CALL ack('2025-03-24 18:00', 'bob');
-- a week of the member's zone: the clock was put forward
CALL emit('2025-03-31 08:00', 'ann', 'X');
CALL emit('2025-03-31 08:00', 'bob', 'X');
SELECT * FROM claim('2025-03-31 08:00');
SELECT customer, state, created_at, next_attempt_at FROM sends WHERE created_at > '2025-03-30';
SELECT * FROM claim('2025-03-31 08:00:01.499999');
SELECT * FROM claim('2025-03-31 08:00:01.5');
-- at exactly the span there is room
CALL ack('2025-03-31 08:00:01.5', 'ann');
CALL emit('2025-04-07 08:00:01.5', 'ann', 'X');
SELECT * FROM claim('2025-04-07 08:00:01.5');

-- Its quiet hours first, then its cap.
ROLLBACK TO clean;
CALL draw_send('both', '{"key": "props->>''k''", "quiet_hours": {"from": "22:00", "to": "08:00"}, "cap": {"tag": "promo", "max": 1, "per": "1 hour"}}');
CALL emit('20:30', 'ann', 'X', '{"k": "1"}');
CALL emit('21:30', 'ann', 'X', '{"k": "2"}');
SELECT * FROM claim('22:00');
SELECT state, next_attempt_at FROM sends;
SELECT * FROM claim('2025-03-05 08:00', 1);
CALL ack('2025-03-05 08:00', 'ann');
SELECT * FROM claim('2025-03-05 08:01');
SELECT state, delivered_at FROM sends ORDER BY state;
ROLLBACK;
