-- Rule 8 of DESIGN 4 as a property: a pause at t1 and a resume at t2 with "shift" is
-- no pause, with every later stamp moved by t2 - t1.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
CALL draw('shift', $${
  "key": "props->>'id'",
  "on_resume": "shift",
  "max_duration": "9 hours",
  "exit": [{"event": "leave", "condition": "props->>'id' = key", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "literal": {"type": "wait", "for": "40 minutes"},
    "sql": {"type": "wait", "for": "(context->>'id')::int * interval '17 minutes'",
      "reset": [{"event": "again", "condition": "props->>'id' = key"}]},
    "send": {"type": "action", "destination": "mail"},
    "until": {"type": "wait", "until": "arrived_at + interval '65 minutes'"},
    "ears": {"type": "wait", "for": "90 minutes"},
    "on the way": {"type": "wait", "for": "20 minutes"},
    "delayed": {"type": "branch"},
    "both": {"type": "wait", "for": "30 minutes", "until": "arrived_at + interval '45 minutes'", "recheck": "25 minutes", "condition": "false"},
    "loop": {"type": "wait", "for": "visits * interval '10 minutes'", "max_visits": 4},
    "long": {"type": "wait", "for": "(context->>'id')::int * interval '1 hour'"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "literal", "wait": "5 minutes"},
    {"from": "literal", "to": "sql"},
    {"from": "sql", "to": "send"},
    {"from": "send", "to": "until"},
    {"from": "until", "to": "ears", "wait": "10 minutes"},
    {"from": "ears", "to": "on the way", "event": "call", "condition": "props->>'id' = key", "wait": "35 minutes"},
    {"from": "ears", "to": "delayed"},
    {"from": "on the way", "to": "delayed"},
    {"from": "delayed", "to": "both", "wait": "15 minutes"},
    {"from": "both", "to": "loop"},
    {"from": "loop", "to": "long", "on": "max_visits"},
    {"from": "loop", "to": "loop", "wait": "2 minutes"},
    {"from": "long", "to": "done"}
  ]
}$$);

-- What the world does, in minutes from midnight: six members enter, and some events
-- come for some of them.
CREATE TABLE happens (minute int, event text, id int);
INSERT INTO happens
SELECT 7 * id, 'go', id FROM generate_series(1, 6) AS id
UNION ALL VALUES (80, 'again', 3), (100, 'again', 5), (190, 'call', 1), (205, 'call', 2), (230, 'call', 4),
	(250, 'call', 1), (300, 'leave', 6), (420, 'call', 3);

-- What was recorded where the clock is stopped: during each pause the world
-- stands still, and goes on as if nothing had been.  The pauses are given in the
-- undisturbed world's minutes, and how long each took.
CREATE FUNCTION run(starts int[], lasts int[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	midnight timestamptz := '2025-03-04 00:00';
	moved int := 0;
	i int := 1;
	what record;
	result text[];
BEGIN
	PERFORM set_config('journey.now', midnight::text, true);
	FOR what IN
		SELECT * FROM (
			SELECT minute, event, id FROM happens UNION ALL
			SELECT s, 'pause', NULL FROM unnest(starts) AS s UNION ALL
			SELECT 3000, 'end', NULL) AS w
		 ORDER BY 1, (event = 'pause'), 3
	LOOP
		PERFORM journey_advance_to(midnight + (what.minute + moved) * interval '1 minute');
		IF what.event = 'pause' THEN
			PERFORM journey_pause('shift');
			moved := moved + lasts[i];
			i := i + 1;
			PERFORM journey_advance_to(midnight + (what.minute + moved) * interval '1 minute');
			PERFORM journey_resume('shift');
		ELSIF what.event <> 'end' THEN
			PERFORM journey_emit('ann', what.event, jsonb_build_object('id', what.id::text));
		END IF;
	END LOOP;
	result := ARRAY(
		SELECT concat_ws(' ', 'move', m.key, t.seq, t.from_tile, t.to_tile, t.edge, t.reason,
						 still(t.at, starts, lasts), still(t.due_at, starts, lasts))
		  FROM journey.transition t JOIN journey.member m ON m.id = t.member
		UNION ALL
		SELECT concat_ws(' ', 'sent', m.key, a.tile, still(a.created_at, starts, lasts))
		  FROM journey.action a JOIN journey.member_row m ON m.id = a.member
		UNION ALL
		SELECT concat_ws(' ', 'member', key, tile, state, outcome, still(exited_at, starts, lasts)) FROM journey.member);
	RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN result;
END
$$;

-- The minute of the undisturbed world at which something happened.
CREATE FUNCTION still(at timestamptz, starts int[], lasts int[]) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	minute numeric := extract(epoch FROM at - '2025-03-04 00:00'::timestamptz) / 60;
BEGIN
	FOR i IN 1 .. cardinality(starts) LOOP
		IF minute > starts[i] THEN
			IF minute < starts[i] + lasts[i] THEN
				RETURN -1;		-- nothing moves during a pause
			END IF;
			minute := minute - lasts[i];
		END IF;
	END LOOP;
	RETURN minute;
END
$$;

-- The undisturbed world has something of everything.
SELECT run('{}', '{}') AS undisturbed \gset
SELECT regexp_replace(line, '^member ', '') AS member FROM unnest(:'undisturbed'::text[]) AS line WHERE line ~ '^member' ORDER BY 1;
SELECT split_part(line, ' ', 1) AS what, count(*) FROM unnest(:'undisturbed'::text[]) AS line GROUP BY 1 ORDER BY 1;
-- twice the same
SELECT compare(run('{}', '{}'), :'undisturbed');

-- One pause, over the whole of it: at every 23rd minute, for a little, for longer
-- than any wait, and for days.
SELECT count(*) AS pauses, count(*) FILTER (WHERE verdict <> 'ok') AS differ, min('from ' || start || ' for ' || lasting || ': ' || verdict) FILTER (WHERE verdict <> 'ok') AS first
  FROM (SELECT start, lasting, compare(run(ARRAY[start], ARRAY[lasting]), :'undisturbed') AS verdict
		  FROM generate_series(0, 700, 23) AS start, unnest('{1, 200, 3000}'::int[]) AS lasting) AS grid;
-- at the very minutes of timers and events
SELECT count(*) AS pauses, count(*) FILTER (WHERE verdict <> 'ok') AS differ, min('from ' || start || ': ' || verdict) FILTER (WHERE verdict <> 'ok') AS first
  FROM (SELECT start, compare(run(ARRAY[start], ARRAY[60]), :'undisturbed') AS verdict
		  FROM (SELECT DISTINCT split_part(line, ' ', array_length(string_to_array(line, ' '), 1))::int FROM unnest(:'undisturbed'::text[]) AS line
				 WHERE line ~ '^sent' UNION SELECT minute FROM happens) AS v (start)) AS grid;
-- two pauses, and three
SELECT count(*) AS pauses, count(*) FILTER (WHERE verdict <> 'ok') AS differ, min('from ' || first || ' and ' || second || ': ' || verdict) FILTER (WHERE verdict <> 'ok') AS first
  FROM (SELECT first, second, compare(run(ARRAY[first, second], ARRAY[45, 500]), :'undisturbed') AS verdict
		  FROM generate_series(10, 600, 90) AS first, generate_series(11, 700, 80) AS second WHERE second > first) AS grid;
SELECT compare(run('{100, 101, 300}', '{10, 20, 1000}'), :'undisturbed');
ROLLBACK;
