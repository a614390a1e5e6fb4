-- The nouns by their names, and counts that are exact at any moment.
\set VERBOSITY terse
\pset null -
\set home :DBNAME
CREATE DATABASE regress_views;
ALTER DATABASE regress_views SET jit = off;		-- the check below is a large query for few rows
\c regress_views
SET client_min_messages = warning;
CREATE EXTENSION journey CASCADE;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- A loop, an exit that takes a while to reach, an exit rule, a condition that errs, a goal.
SELECT journey_destination_create('mail', 'pull');
SELECT journey_create('loop', $${
  "goal": {"event": "bought"},
  "exit": [{"event": "left", "outcome": "gone"}],
  "tiles": {
    "in": {"type": "entry", "on": [{"event": "came"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "fork": {"type": "branch"},
    "tell": {"type": "action", "destination": "mail", "tags": ["x"], "ui": {"x": 1}},
    "out": {"type": "exit", "outcome": "told"},
    "slow": {"type": "exit"}
  },
  "edges": [
    {"from": "in", "to": "hold", "label": "at once"},
    {"from": "hold", "to": "slow", "event": "skip", "wait": "10 minutes"},
    {"from": "hold", "to": "fork"},
    {"from": "fork", "to": "tell", "condition": "1 / (context->>'n')::int > 0"},
    {"from": "fork", "to": "out", "condition": "(context->>'n')::int > 1"},
    {"from": "tell", "to": "hold", "event": "again"},
    {"from": "tell", "to": "out", "wait": "1 day"}
  ]
}$$);
SELECT journey_create('plain', $${
  "tiles": {"in": {"type": "entry", "on": [{"event": "came"}]}, "a": {"type": "branch"}, "b": {"type": "exit"}, "c": {"type": "exit"}},
  "edges": [{"from": "in", "to": "a"}, {"from": "a", "to": "b", "percent": 12.5}, {"from": "a", "to": "c", "percent": 87.5}]
}$$);
SELECT journey_create('draft', '{}');
SELECT journey_activate('loop');
SELECT journey_activate('plain');

SELECT name, owner = current_user AS ours, state, version FROM journey.journey ORDER BY name;
SELECT journey, version, state, definition ? 'tiles' AS has_tiles FROM journey.version ORDER BY journey;
SELECT * FROM journey.tile ORDER BY journey, tile;
SELECT * FROM journey.edge ORDER BY journey, position;
SELECT * FROM journey.status ORDER BY journey;
SELECT * FROM journey.tile_stats ORDER BY journey, tile;

-- What the counts must be, worked out from the log and the members; no rows where the views agree.
CREATE VIEW visit AS
SELECT journey, version, member, to_tile AS tile FROM journey.transition
 WHERE to_tile IS NOT NULL AND reason NOT IN ('goal', 'failed', 'retried')
UNION ALL
SELECT journey, version, member, from_tile FROM journey.transition WHERE seq = 1 AND from_tile IS NOT NULL;
CREATE VIEW wrong AS
SELECT s.*, w.entered AS want_entered, w.inside AS want_inside, w.errors AS want_errors, w.rate AS want_rate
  FROM journey.tile_stats s
 CROSS JOIN LATERAL (
		SELECT (SELECT count(*) FROM visit v
				 WHERE (v.journey, v.version, v.tile) = (s.journey, s.version, s.tile)) AS entered,
			   (SELECT count(*) FROM journey.member m
				 WHERE (m.journey, m.version, m.tile) = (s.journey, s.version, s.tile) AND m.state <> 'exited') AS inside,
			   (SELECT count(*) FROM journey.transition t
				 WHERE (t.journey, t.version, t.from_tile) = (s.journey, s.version, s.tile) AND t.reason = 'failed') AS errors,
			   (SELECT round(avg((m.converted_at IS NOT NULL)::int), 4) FROM journey.member m
				 WHERE s.journey = 'loop'
				   AND m.id IN (SELECT v.member FROM visit v
								 WHERE (v.journey, v.version, v.tile) = (s.journey, s.version, s.tile))) AS rate) w
 WHERE (s.entered, s.inside, s.departed, s.errors, s.conversion_rate)
	   IS DISTINCT FROM (w.entered, w.inside, w.entered - w.inside, w.errors, w.rate);
CREATE VIEW wrong_status AS
SELECT s.*
  FROM journey.status s
  LEFT JOIN (SELECT journey, count(*) AS entered, count(*) FILTER (WHERE state <> 'exited') AS active,
					count(*) FILTER (WHERE state = 'failed') AS failed, count(converted_at) AS converted
			   FROM journey.member GROUP BY journey) m USING (journey)
 WHERE (s.active, s.entered, s.exited, s.converted, s.failed) IS DISTINCT FROM
	   (coalesce(m.active, 0), coalesce(m.entered, 0), coalesce(m.entered - m.active, 0), coalesce(m.converted, 0),
		coalesce(m.failed, 0));
-- Folds until nothing is left that may be: an autovacuum may hold back a first attempt.
CREATE PROCEDURE fold() LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM journey.unfolded) LOOP
		PERFORM journey.fold(true);
		COMMIT;
	END LOOP;
END
$$;

SET journey.now = '2025-03-04 10:00+00';
SELECT journey_emit('ann', 'came', '{"n": 1}') > 0, journey_emit('bob', 'came', '{"n": 0}') > 0,
	   journey_emit('cat', 'came', '{"n": 2}') > 0, journey_emit('dan', 'came', '{"n": 1}') > 0,
	   journey_emit('eva', 'came', '{"n": 1}') > 0, journey_emit('fay', 'came') > 0;
TABLE wrong;
TABLE wrong_status;
SELECT customer, journey, version, key, tile, state, entered_at, arrived_at, due_at, context, outcome, exited_at, converted_at
  FROM journey.member ORDER BY customer, journey;
SELECT * FROM journey.upcoming;

-- Two on the way to the exit: counted there, and inside until they arrive or leave otherwise.
SET journey.now = '2025-03-04 10:20+00';
SELECT journey_emit('dan', 'skip') > 0, journey_emit('eva', 'skip') > 0;
TABLE wrong;
TABLE wrong_status;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'loop' AND type = 'exit' ORDER BY tile;
CALL fold();
TABLE wrong;
TABLE wrong_status;
SELECT journey_emit('dan', 'left') > 0;
SET journey.now = '2025-03-04 10:30+00';
SELECT journey_tick() AS moved;
TABLE wrong;
TABLE wrong_status;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'loop' AND type = 'exit' ORDER BY tile;

-- The hour is over: an error, a delivery, a short cut.  A goal after some visits, and before others.
SET journey.now = '2025-03-04 11:00+00';
SELECT journey_emit('ann', 'bought') > 0;
CALL fold();
SELECT journey_tick() AS moved;
TABLE wrong;
TABLE wrong_status;
SELECT journey, version, tile, edge, sqlstate, minute, count, last_customer, message FROM journey.failure ORDER BY edge;
SELECT journey_emit('ann', 'again') > 0, journey_emit('fay', 'left') > 0, journey_emit('fay', 'bought') > 0;
TABLE wrong;
TABLE wrong_status;
CALL fold();
TABLE wrong;
TABLE wrong_status;
SET journey.now = '2025-03-06 00:00+00';
SELECT journey_tick() AS moved;
SET journey.now = '2025-03-08 00:00+00';
SELECT journey_tick() AS moved;
TABLE wrong;
TABLE wrong_status;
SELECT * FROM journey.status ORDER BY journey;
SELECT * FROM journey.tile_stats ORDER BY journey, tile;
SELECT customer, seq, journey, version, from_tile, to_tile, edge, reason, event_id IS NOT NULL AS by_event, due_at, at
  FROM journey.transition WHERE journey = 'loop' ORDER BY customer, member, seq;

-- A transaction that is not over holds its rows, and those after it, above the watermark; they count all the same.
CALL fold();
BEGIN;
SELECT journey_emit('gil', 'came', '{"n": 1}') > 0;
TABLE wrong;
PREPARE TRANSACTION 'regress_views';
SELECT journey_emit('hal', 'came', '{"n": 1}') > 0;
TABLE wrong;
SELECT journey.fold(true);
TABLE wrong;
TABLE wrong_status;
COMMIT PREPARED 'regress_views';
SELECT journey, entered FROM journey.status ORDER BY journey;
TABLE wrong;
TABLE wrong_status;
CALL fold();
SELECT journey, entered FROM journey.status ORDER BY journey;
TABLE wrong;
TABLE wrong_status;

-- So do the rows of a fold under way, and those of one undone.
SELECT journey_emit('ida', 'came', '{"n": 1}') > 0;
BEGIN;
SELECT journey.fold(true) >= 0;
TABLE wrong;
ROLLBACK;
TABLE wrong;
TABLE wrong_status;

-- Few rows, none older than a minute: not yet.
SELECT journey.fold(), count(*) > 0 AS unfolded FROM journey.unfolded;

-- A restored dump: ids of transactions begin anew, and the watermark came along.
CALL fold();
UPDATE journey.generation SET base = base + 1000000000000;
\c
SET journey.now = '2025-03-08 00:00+00';
SELECT journey_emit('joe', 'came', '{"n": 1}') > 0;
TABLE wrong;
CALL fold();
TABLE wrong;
TABLE wrong_status;
SELECT xact < (SELECT settled FROM journey.horizon) AS below FROM journey.watermark;

-- A look at one customer goes through indexes alone, and leaves out the join that nobody asks about.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query;
END
$$;
SET enable_seqscan = off;
SELECT view, count(*) FILTER (WHERE line ~ 'Seq Scan') AS seq_scans,
	   count(*) FILTER (WHERE line ~ 'on journey j') AS joins_for_the_name
  FROM (VALUES ('member'), ('transition')) AS v (view)
 CROSS JOIN LATERAL plan(format('SELECT customer, version FROM journey.%I WHERE customer = %L', view, 'ann')) AS line
 GROUP BY view
 ORDER BY view;
RESET enable_seqscan;

\c :home
DROP DATABASE regress_views;
