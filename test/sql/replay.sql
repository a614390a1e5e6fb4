-- The replay of test/replay.sql on made-up purchases of 2,000 customers: up to
-- nine each, with many gaps of exactly 30 days, a day less, a day more, and none.
\getenv abs_srcdir PG_ABS_SRCDIR
BEGIN;
CREATE TABLE purchase AS
	SELECT row_number() OVER (ORDER BY bought_on, dice, customer COLLATE "C") AS line, customer, bought_on
	  FROM (SELECT 'c' || n AS customer, dice,
				   date '2024-01-01' + n % 97 +
				   sum((ARRAY[0, 1, 7, 29, 30, 31, 60, 90])[1 + dice % 8])
				   OVER (PARTITION BY n ORDER BY k)::int AS bought_on
			  FROM generate_series(1, 2000) AS n,
				   LATERAL generate_series(0, n % 9) AS k,
				   LATERAL (SELECT ('x' || left(md5(n || '/' || k), 7))::bit(28)::int) AS hash(dice)) AS p;
SELECT count(*), count(DISTINCT customer), max(bought_on) FROM purchase;
\set filename :abs_srcdir '/replay.sql'
\set ECHO none
\i :filename
\set ECHO all

-- Every member but those restarted by the next purchase was sent one.
SELECT outcome, count(*) FROM journey.member WHERE journey = 'win-back' GROUP BY 1 ORDER BY 1;
SELECT tile, entered, inside, departed, errors FROM journey.tile_stats WHERE journey = 'win-back' ORDER BY tile;
ROLLBACK;
