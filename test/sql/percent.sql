-- Splits by percent: rule 5 of DESIGN 4, and the bucket of DECISIONS 23, computed
-- here once more in SQL.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE FUNCTION bucket(journey text, tile text, customer text) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT (('x' || left(md5(concat_ws(chr(31), journey, tile, customer)), 8))::bit(32)::bigint & 4294967295) % 10000 $$;
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "split": {"type": "branch"},
    "a": {"type": "exit"}, "b": {"type": "exit"}, "c": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "split"},
    {"from": "split", "to": "a", "percent": 33.33},
    {"from": "split", "to": "b", "percent": 0.01},
    {"from": "split", "to": "c", "percent": 66.66}
  ]
}$$::jsonb AS split \gset
CALL draw('split', :'split');
CALL draw('other', :'split');
SAVEPOINT drawn;

CALL at('10:00');
SELECT count(journey_emit('c' || n, 'X')) FROM generate_series(1, 1000) AS n;
SELECT journey, count(*), count(*) FILTER (WHERE tile = CASE
		WHEN bucket(journey, 'split', customer) < 3333 THEN 'a'
		WHEN bucket(journey, 'split', customer) < 3334 THEN 'b' ELSE 'c' END) AS equal
  FROM journey.member GROUP BY 1 ORDER BY 1;
-- the two journeys split independently
SELECT a.tile, b.tile, count(*) FROM journey.member a JOIN journey.member b USING (customer)
 WHERE a.journey = 'split' AND b.journey = 'other' AND a.tile <> 'b' AND b.tile <> 'b' GROUP BY 1, 2 ORDER BY 1, 2;
-- again, and with another key: the same path
SELECT count(journey_emit('c' || n, 'X', jsonb_build_object('id', n % 3))) FROM generate_series(1, 100) AS n;
SELECT count(journey_emit('c' || n, 'X')) FROM generate_series(1, 100) AS n;
SELECT max(paths), count(*) FROM (
	SELECT count(DISTINCT tile) AS paths FROM journey.member
	 GROUP BY journey, customer HAVING count(*) = 3) AS p;

-- From 80/20 to 70/30 a tenth of the customers moves, all of them one way.
SELECT round(avg((b < 8000 AND b >= 7000)::int) * 100, 0) AS moved,
	   abs(avg((b < 8000 AND b >= 7000)::int) * 100 - 10) <= 0.5 AS about_a_tenth,
	   abs(avg((b < 7000)::int) * 100 - 70) <= 0.5 AS about_seventy
  FROM (SELECT bucket('j', 't', 'customer-' || n) AS b FROM generate_series(1, 100000) AS n) AS buckets;
ROLLBACK TO drawn;
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "split": {"type": "branch"},
    "a": {"type": "exit"}, "b": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "split"},
    {"from": "split", "to": "a", "percent": 80},
    {"from": "split", "to": "b", "percent": 20}
  ]
}$$::jsonb AS eighty \gset
CALL draw('ratio', :'eighty');
CALL at('10:00');
SELECT journey_enter_many('ratio', ARRAY(SELECT 'customer-' || n FROM generate_series(1, 100000) AS n));
-- re-entry, with any key: the same path
SELECT count(journey_emit('customer-' || n, 'X', jsonb_build_object('id', id)))
  FROM generate_series(1, 2000) AS n, unnest('{1, 1, other}'::text[]) AS id;
SELECT runs, paths, count(*) FROM (
	SELECT count(*) AS runs, count(DISTINCT tile) AS paths FROM journey.member WHERE journey = 'ratio' GROUP BY customer) AS p
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT journey_revise('ratio');
SELECT journey_update('ratio', jsonb_set(jsonb_set(:'eighty', '{edges,1,percent}', '70'), '{edges,2,percent}', '30'));
SELECT journey_activate('ratio');
SELECT journey_enter_many('ratio', ARRAY(SELECT 'customer-' || n FROM generate_series(1, 100000) AS n));
SELECT was, became, abs(count(*) / 1000.0 - CASE was || became WHEN 'aa' THEN 70 WHEN 'ab' THEN 10 WHEN 'bb' THEN 20 END) <= 0.5 AS as_many,
	   min(bucket('ratio', 'split', customer)) AS lowest, max(bucket('ratio', 'split', customer)) AS highest
  FROM (SELECT customer, max(tile) FILTER (WHERE version = 1) AS was, max(tile) FILTER (WHERE version = 2) AS became
		  FROM journey.member WHERE journey = 'ratio' GROUP BY 1) AS pair
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT version, count(*), count(DISTINCT customer) FROM journey.member GROUP BY 1 ORDER BY 1;
ROLLBACK TO drawn;

-- All and nothing; with waits; and the customer's own bytes, whatever they are.
CALL draw('edges', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "Y"}]},
    "split": {"type": "branch"},
    "never": {"type": "exit"}, "a": {"type": "exit"}, "b": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "split"},
    {"from": "split", "to": "never", "percent": 0},
    {"from": "split", "to": "a", "percent": 50, "wait": "1 hour"},
    {"from": "split", "to": "b", "percent": 50}
  ]
}$$);
CALL at('10:00');
SELECT count(journey_emit(c, 'Y')) FROM (
	SELECT 'ünïcode-' || n FROM generate_series(1, 50) AS n UNION ALL SELECT repeat('x', 250) || n FROM generate_series(1, 50) AS n) AS v (c);
SELECT tile, state, due_at, count(*) FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1;
CALL advance('12:00');
SELECT tile, state, count(*), count(*) FILTER (WHERE tile = CASE WHEN bucket('edges', 'split', customer) < 5000 THEN 'a' ELSE 'b' END) AS equal
  FROM journey.member GROUP BY 1, 2 ORDER BY 1;
ROLLBACK;

-- What was rolled back would be in the way of the tests after this one.
VACUUM journey.member_row, journey.event, journey.transition_row;
