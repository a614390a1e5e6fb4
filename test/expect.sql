-- Comparisons that say themselves what is wrong: "ok", or a line for each row that
-- is missing or too much.  So no expected file can hide a fault: there is no
-- WRONG in any of them.  Included after helpers.sql.
CREATE FUNCTION compare(expected text[], actual text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
WITH e AS (SELECT unnest(expected) AS line),
	 a AS (SELECT unnest(actual) AS line),
	 d AS (SELECT 'WRONG, missing: ' || line AS line FROM (TABLE e EXCEPT ALL TABLE a) AS missing
		   UNION ALL
		   SELECT 'WRONG, too much: ' || line FROM (TABLE a EXCEPT ALL TABLE e) AS surplus)
SELECT coalesce(string_agg(line, E'\n' ORDER BY line), 'ok') FROM d
$$;

-- The lines of a text, each without the spaces around it; none of an empty one.
CREATE FUNCTION lines(block text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
SELECT ARRAY(SELECT regexp_replace(trim(both E' \t\r' FROM line), '\s+', ' ', 'g')
			   FROM regexp_split_to_table(block, E'\n') AS line WHERE line !~ '^\s*$')
$$;

-- A line that begins with a time, as moment() reads it, with the time written out.
CREATE FUNCTION stamp(line text) RETURNS text LANGUAGE sql STABLE AS $$
SELECT moment(t)::text || substr(line, length(t) + 1)
  FROM substring(line FROM CASE WHEN line ~ '^\d{4}-' THEN '^\S+ \S+' ELSE '^\S+' END) AS t
$$;

-- Was exactly this sent to the customer: lines of time and tile?
CREATE FUNCTION sent(who text, expected text, of text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS $$
SELECT compare(ARRAY(SELECT stamp(line) FROM unnest(lines(expected)) AS line),
			   ARRAY(SELECT created_at || ' ' || tile FROM journey.action
					  WHERE customer = who AND state <> 'suppressed' AND (of IS NULL OR journey = of)))
$$;

-- Are the customer's members exactly these: lines of key (where there is one),
-- tile, state, outcome (where there is one)?
CREATE FUNCTION stands(who text, expected text, of text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS $$
SELECT compare(lines(expected),
			   ARRAY(SELECT concat_ws(' ', nullif(key, ''), tile, state, outcome) FROM journey.member
					  WHERE customer = who AND (of IS NULL OR journey = of)))
$$;

-- Were exactly these the moves: lines of time, from, to, reason?
CREATE FUNCTION moved(who text, expected text, of text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS $$
SELECT compare(ARRAY(SELECT stamp(line) FROM unnest(lines(expected)) AS line),
			   ARRAY(SELECT concat_ws(' ', at, coalesce(from_tile, '-'), coalesce(to_tile, '-'), reason)
					   FROM journey.transition WHERE customer = who AND (of IS NULL OR journey = of)))
$$;

-- Were exactly these the failures: lines of journey, tile, edge, sqlstate, count
-- (- where there is none)?
CREATE FUNCTION failed(expected text) RETURNS text LANGUAGE sql STABLE AS $$
SELECT compare(lines(expected),
			   ARRAY(SELECT concat_ws(' ', journey, coalesce(tile, '-'), coalesce(edge::text, '-'), sqlstate, sum(count))
					   FROM journey.failure GROUP BY journey, tile, edge, sqlstate))
$$;
