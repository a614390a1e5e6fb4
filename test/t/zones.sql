-- For 011_zones.pl, in one transaction that is rolled back.  Everybody who
-- arrives enters each of these journeys and waits there, in a zone of his own.
CREATE TEMP TABLE wait (journey text COLLATE "C", tile jsonb);
INSERT INTO wait VALUES
('monday', '{"at": "09:00", "days": ["mon"]}'),
('night', '{"at": "02:30"}'),
('midnight', '{"at": "00:15"}'),
('weekend', '{"window": {"from": "23:30", "to": "00:30", "days": ["sat", "sun"]}}'),
('quarter', '{"window": {"from": "02:15", "to": "02:45"}}');

SELECT journey_create(journey, jsonb_build_object(
	'key', $$props->>'n'$$,
	'timezone', $$traits->>'zone'$$,
	'tiles', jsonb_build_object(
		'start', '{"type": "entry", "on": [{"event": "arrive"}]}'::jsonb,
		'wait', '{"type": "wait"}' || tile,
		'done', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "wait"}, {"from": "wait", "to": "done"}]'::jsonb)),
	journey_activate(journey)
  FROM wait;

-- ---- what must come out, by AT TIME ZONE ----

CREATE FUNCTION pg_temp.ahead(at timestamptz, zone text) RETURNS interval LANGUAGE sql STABLE
AS $$ SELECT (at AT TIME ZONE zone) - (at AT TIME ZONE 'UTC') $$;

CREATE TEMP TABLE zone AS
SELECT name COLLATE "C" AS zone FROM pg_timezone_names
 WHERE name !~ '^(posix|right)/' AND name NOT IN ('posixrules', 'localtime')
   AND name NOT IN (SELECT abbrev FROM pg_timezone_abbrevs);	-- which AT TIME ZONE prefers

-- Every change of the clock, to the second.
CREATE TEMP TABLE change AS
WITH RECURSIVE step AS (
	SELECT zone, at, ahead, lag(at) OVER w AS at_before, lag(ahead) OVER w AS before
	  FROM zone, generate_series('2020-01-01', '2031-01-01', interval '2 days') at,
		   pg_temp.ahead(at, zone) ahead
	WINDOW w AS (PARTITION BY zone ORDER BY at)
), narrowed AS (
	SELECT zone, at_before AS low, at AS high, before FROM step WHERE before <> ahead
	UNION ALL
	SELECT zone, CASE WHEN same THEN middle ELSE low END,
		   CASE WHEN same THEN high ELSE middle END, before
	  FROM narrowed,
		   LATERAL (SELECT low + extract(epoch FROM high - low)::int / 2 * interval '1 second' AS middle) m,
		   LATERAL (SELECT pg_temp.ahead(middle, zone) = before AS same) s
	 WHERE high - low > interval '1 second'
)
SELECT zone, high AS at, before, pg_temp.ahead(high, zone) AS after
  FROM narrowed WHERE high - low = interval '1 second';

-- Not every system has the old names of zones.
SELECT 'changes', count(*) >= 2000 FROM change;

-- A zone without any is looked at around some day.
INSERT INTO change
SELECT zone, at, ahead, ahead
  FROM zone, LATERAL (SELECT timestamptz '2025-06-01' AS at) t, pg_temp.ahead(at, zone) ahead
 WHERE zone NOT IN (SELECT zone FROM change);
ALTER TABLE change ADD customer text;
UPDATE change SET customer = zone || ' ' || at;
CREATE INDEX ON change (zone);
ANALYZE change;

-- When the clock first shows each time on each day near a change: one of the
-- zone's offsets takes it to a moment that reads so; if none does, the clock is
-- put forward over it.
CREATE TEMP TABLE moment AS
WITH day AS (
	SELECT DISTINCT zone, (at AT TIME ZONE zone)::date + n AS day
	  FROM change, generate_series(-5, 16) n
), known AS (
	SELECT zone, array_agg(DISTINCT o) AS offsets
	  FROM change, unnest(ARRAY[before, after]) o
	GROUP BY zone
)
SELECT zone, day, time, coalesce(shown, (
		SELECT c.at FROM change c
		 WHERE c.zone = day.zone
		   AND (c.at AT TIME ZONE 'UTC') + before <= day + time
		   AND (c.at AT TIME ZONE 'UTC') + after > day + time)) AS at
  FROM day JOIN known USING (zone),
	   unnest('{00:15,00:30,02:15,02:30,02:45,09:00,23:30}'::time[]) time,
	   LATERAL (
		SELECT min(at) AS shown
		  FROM unnest(offsets) o, LATERAL (SELECT (day + time - o) AT TIME ZONE 'UTC' AS at) a
		 WHERE at AT TIME ZONE zone = day + time) s;
CREATE UNIQUE INDEX ON moment (zone, time, day);
ANALYZE moment;

SELECT 'moments found', count(*) > 0 AND bool_and(at IS NOT NULL) FROM moment;

-- From when to when each is open; an "at" is so for no time at all.
CREATE TEMP TABLE opening AS
SELECT wait.journey, f.zone, f.at AS opens, t.at AS closes
  FROM (VALUES
		('monday', time '09:00', time '09:00', 0, '{1}'::int[]),
		('night', '02:30', '02:30', 0, '{0,1,2,3,4,5,6}'),
		('midnight', '00:15', '00:15', 0, '{0,1,2,3,4,5,6}'),
		('weekend', '23:30', '00:30', 1, '{0,6}'),
		('quarter', '02:15', '02:45', 0, '{0,1,2,3,4,5,6}')) w(journey, opens, closes, nights, days)
  JOIN wait USING (journey)
  JOIN moment f ON f.time = w.opens AND extract(dow FROM f.day) = ANY (days)
  JOIN moment t ON t.time = w.closes AND t.zone = f.zone AND t.day = f.day + nights
 WHERE w.opens = w.closes OR f.at < t.at;
CREATE INDEX ON opening (journey, zone, opens);
ANALYZE opening;

-- ---- who arrives ----

-- Around the change, and around what is to come then.
CREATE TEMP TABLE arrival AS
SELECT customer, zone, at, row_number() OVER ()::text AS n
  FROM (
	SELECT customer, zone, at + o::interval AS at
	  FROM change,
		   unnest('{-3 days,-25 hours,-1 hour,-20 minutes,-1 microsecond,0,20 minutes,1 hour,2 days}'::text[]) o
	UNION
	SELECT customer, zone, o.opens + n * interval '1 microsecond'
	  FROM change c JOIN opening o USING (zone), generate_series(-1, 1) n
	 WHERE o.opens BETWEEN c.at - interval '1 hour' AND c.at + interval '1 hour'
		OR o.journey = 'monday' AND o.opens BETWEEN c.at AND c.at + interval '7 days'
	UNION
	SELECT customer, zone, o.closes + n * interval '1 microsecond'
	  FROM change c JOIN opening o USING (zone), generate_series(-1, 0) n
	 WHERE o.closes BETWEEN c.at - interval '1 hour' AND c.at + interval '1 hour') a;
ANALYZE arrival;

INSERT INTO journey.customer (customer, traits, updated_at)
SELECT customer, jsonb_build_object('zone', zone), now() FROM change;

SELECT 'arrivals', journey_emit_batch(array_agg(customer), array_agg('arrive'::text),
	array_agg(jsonb_build_object('n', n)), array_agg(at)) = count(*)
  FROM arrival;

CREATE TEMP TABLE got AS
SELECT m.journey, a.zone, a.at, coalesce(m.due_at, m.exited_at) AS due
  FROM journey.member m JOIN arrival a ON a.customer = m.customer AND a.n = m.key;

-- ---- the comparison ----

SELECT 'zones', count(DISTINCT zone) >= 400 FROM got;
SELECT 'members', count(*) = (SELECT count(*) FROM arrival) * (SELECT count(*) FROM wait) FROM got;
SELECT 'no failures', count(*) = 0 FROM journey.failure;

CREATE TEMP TABLE wrong AS
SELECT *
  FROM (
	SELECT got.*, CASE
		WHEN EXISTS (
			SELECT FROM opening o
			 WHERE o.journey = got.journey AND o.zone = got.zone
			   AND o.opens BETWEEN got.at - interval '1 day' AND got.at AND o.closes > got.at)
		THEN got.at
		ELSE (
			SELECT min(o.opens) FROM opening o
			 WHERE o.journey = got.journey AND o.zone = got.zone AND o.opens >= got.at)
		END AS expected
	  FROM got) g
 WHERE due IS DISTINCT FROM expected;
SELECT 'due when they should be', count(*) = 0 FROM wrong;
SELECT * FROM wrong ORDER BY journey, zone, at LIMIT 20;

-- The same once more for Mondays, in simpler words.
CREATE TEMP VIEW monday AS
SELECT due >= at AS in_time,
	   to_char(due AT TIME ZONE zone, 'Dy HH24:MI:SS.US') = 'Mon 09:00:00.000000' AS at_nine,
	   due AT TIME ZONE zone < (at AT TIME ZONE zone) + interval '7 days 2 hours'
	   AND due - at < interval '7 days 2 hours' AS is_next
  FROM got WHERE journey = 'monday';
SELECT 'Monday is never early', bool_and(in_time) FROM monday;
SELECT 'Monday is a Monday at nine', bool_and(at_nine) FROM monday;
SELECT 'Monday is never skipped', bool_and(is_next) FROM monday;
