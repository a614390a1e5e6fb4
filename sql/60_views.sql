-- What users look at: the nouns by their names, and the counts.
--
-- Storage numbers journeys, tiles and states; these views show text.  Each resolves names by a look-up in two
-- small tables, LEFT JOINed on their keys so that the planner can leave out a join nobody asks about.

CREATE OR REPLACE VIEW journey.version AS
SELECT j.name AS journey, v.version, v.state, v.definition
  FROM journey.version_row v
  JOIN journey.journey j ON j.id = v.journey;

-- Tiles and edges are read out of the document: there is no second copy to differ from it.
CREATE OR REPLACE VIEW journey.tile AS
SELECT j.name AS journey, v.version, t.name AS tile, t.config ->> 'type' AS type, t.config - 'type' AS config
  FROM journey.version_row v
  JOIN journey.journey j ON j.id = v.journey
 CROSS JOIN LATERAL jsonb_each(v.definition -> 'tiles') AS t (name, config);

CREATE OR REPLACE VIEW journey.edge AS
SELECT j.name AS journey, v.version, (e.n - 1)::int AS position,
	   e.doc ->> 'from' AS from_tile, e.doc ->> 'to' AS to_tile,
	   e.doc ->> 'event' AS event, e.doc ->> 'condition' AS condition,
	   (e.doc ->> 'wait')::interval AS wait, (e.doc ->> 'percent')::numeric AS percent,
	   e.doc ->> 'label' AS label,
	   e.doc - '{from,to,event,condition,wait,percent}'::text[] AS config
  FROM journey.version_row v
  JOIN journey.journey j ON j.id = v.journey
 CROSS JOIN LATERAL jsonb_array_elements(v.definition -> 'edges') WITH ORDINALITY AS e (doc, n);

CREATE OR REPLACE VIEW journey.member AS
SELECT m.id, j.name AS journey, m.version, m.customer, m.key, v.tiles[m.tile + 1] AS tile,
	   CASE m.state WHEN 'a' THEN 'active'
					WHEN 't' THEN 'in_transit'
					WHEN 'f' THEN 'failed'
					WHEN 'x' THEN 'exited' END AS state,
	   m.entered_at, m.arrived_at, m.due_at, coalesce(m.context, '{}') AS context,
	   m.outcome, m.exited_at, m.converted_at
  FROM journey.member_row m
  LEFT JOIN journey.journey j ON j.id = m.journey
  LEFT JOIN journey.version_row v ON v.journey = m.journey AND v.version = m.version;

-- The one place that gives the letters of transition_row.reason their names.
CREATE OR REPLACE VIEW journey.transition AS
SELECT t.id, t.member, t.seq, j.name AS journey, t.version, t.customer,
	   v.tiles[t.from_tile + 1] AS from_tile, v.tiles[t.to_tile + 1] AS to_tile, t.edge,
	   CASE t.reason WHEN 'e' THEN 'entry'
					 WHEN 'v' THEN 'event'
					 WHEN 't' THEN 'timer'
					 WHEN 's' THEN 'step'
					 WHEN 'x' THEN 'exit_rule'
					 WHEN 'r' THEN 'restarted'
					 WHEN 'd' THEN 'expired'
					 WHEN 'n' THEN 'no_path'
					 WHEN 'm' THEN 'max_visits'
					 WHEN 'p' THEN 'stopped'
					 WHEN 'h' THEN 'holdout'
					 WHEN 'i' THEN 'migrated'
					 WHEN 'u' THEN 'manual'
					 WHEN 'g' THEN 'goal'
					 WHEN 'f' THEN 'failed'
					 WHEN 'b' THEN 'retried' END AS reason,
	   t.event_id, t.due_at, t.at
  FROM journey.transition_row t
  LEFT JOIN journey.journey j ON j.id = t.journey
  LEFT JOIN journey.version_row v ON v.journey = t.journey AND v.version = t.version;

-- The message and the customer are those of the last error in the minute.  A source stands where it is not a
-- journey that erred.
CREATE OR REPLACE VIEW journey.failure AS
SELECT j.name AS journey, f.version, v.tiles[f.tile + 1] AS tile, f.edge, f.sqlstate,
	   date_bin('1 minute', f.at, '2000-01-01 00:00+00') AS minute, count(*) AS count,
	   (array_agg(f.customer ORDER BY f.at DESC, f.customer))[1] AS last_customer,
	   (array_agg(f.message ORDER BY f.at DESC))[1] AS message, f.source
  FROM journey.failure_row f
  LEFT JOIN journey.journey j ON j.id = f.journey
  LEFT JOIN journey.version_row v ON v.journey = f.journey AND v.version = f.version
 GROUP BY j.name, f.version, v.tiles[f.tile + 1], f.edge, f.sqlstate, 6, f.source;

CREATE OR REPLACE VIEW journey.upcoming AS
SELECT j.name AS journey, m.hour, m.members
  FROM (SELECT journey, date_bin('1 hour', due_at, '2000-01-01 00:00+00') AS hour, count(*) AS members
		  FROM journey.member_row
		 WHERE due_at IS NOT NULL
		 GROUP BY 1, 2) m
  JOIN journey.journey j ON j.id = m.journey;

-- Counts.
--
-- No emit updates a count.  tile_total holds what the rows of the log below journey.watermark add up to; the
-- views below count the rows above it, of which there are few, and add.  journey.fold() moves the watermark up
-- to the oldest transaction still running: every row below it is committed or gone, and no more will come.
-- Whatever the snapshot, it sees either the totals before a fold with the rows, or those after it without.
--
-- What a row of the log counts as, at which tile:
--	  its to_tile is entered; if that is an exit tile, it is departed at once;
--	  its from_tile is departed, unless it is an exit tile: that was counted on the way there;
--	  the first row of a member (seq 1) with a from_tile enters the entry tile as well;
--	  goal, failed and retried rows move nobody; a failed row is an error at its tile;
--	  a migration's two rows leave a tile of the old version and enter one of the new.
-- Tile -1 stands for the journey as a whole: entered, exited (as departed), errors, members with a goal.  There a
-- migration counts only where the member was, or is, on its way to an exit tile: as exited (see exit_bound).

-- A row is settled, and may be folded, when every transaction up to its own has ended.
CREATE OR REPLACE VIEW journey.horizon AS
SELECT coalesce((SELECT w.xact FROM journey.watermark w), 0) AS folded,
	   g.base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS settled
  FROM journey.generation g;

-- The rows not folded yet.  The planner cannot know that they are few; both bounds of the range and the limit,
-- none of them constant on purpose, make it expect a two-thousandth of the log.  With the lower bound alone it
-- expects a third, reads all of it, and compiles the query first.
CREATE OR REPLACE VIEW journey.unfolded AS
SELECT t.xact < (SELECT h.settled FROM journey.horizon h) AS settled,
	   t.tableoid AS leaf, t.received_at, t.journey, t.version, t.customer, t.member, t.seq, t.from_tile, t.to_tile,
	   t.reason
  FROM journey.transition_row t
 WHERE t.xact >= (SELECT h.folded FROM journey.horizon h)
   AND t.xact < (SELECT 9223372036854775807)
 LIMIT (SELECT 9223372036854775807);

-- Counted by what they have in common.
CREATE OR REPLACE VIEW journey.recent_move AS
SELECT t.settled, t.journey, t.version, t.from_tile, t.to_tile, t.reason, t.seq = 1 AS is_entry, count(*) AS rows
  FROM journey.unfolded t
 GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- The same rows for journeys with a goal: which members pass a tile for the first time, which of those have
-- converted.  The pair of first visit and goal is counted at the later of the two rows, which always sees the
-- earlier one: a member's rows are written under its lock, one after the other.
CREATE OR REPLACE VIEW journey.recent_goal AS
SELECT t.settled, t.journey, c.version, c.tile,
	   count(*) FILTER (WHERE c.is_visit) AS passed, count(*) FILTER (WHERE c.is_converted) AS converted
  FROM journey.unfolded t
  JOIN journey.version_row v ON v.journey = t.journey AND v.version = t.version
 CROSS JOIN LATERAL (
		-- The entry tile of a member that leaves it in its first row.
		SELECT t.version, t.from_tile AS tile, true AS is_visit, false AS is_converted
		 WHERE t.seq = 1 AND t.from_tile IS NOT NULL AND t.from_tile IS DISTINCT FROM t.to_tile
		UNION ALL
		-- An arrival, unless an earlier row of the member arrived there.
		SELECT t.version, t.to_tile, true, before.has_goal
		  FROM (SELECT coalesce(bool_or(p.reason = 'g'), false) AS has_goal,
					   coalesce(bool_or(p.version = t.version AND p.reason NOT IN ('g', 'f', 'b')
										AND (p.to_tile = t.to_tile OR (p.seq = 1 AND p.from_tile = t.to_tile))),
								false) AS has_visit
				  FROM journey.transition_row p
				 WHERE t.seq > 1 AND p.customer = t.customer AND p.member = t.member AND p.seq < t.seq) before
		 WHERE t.to_tile IS NOT NULL AND t.reason NOT IN ('g', 'f', 'b') AND NOT before.has_visit
		UNION ALL
		-- A goal: every tile visited before it.
		(SELECT DISTINCT p.version, a.tile, false, true
		  FROM journey.transition_row p
		 CROSS JOIN LATERAL (VALUES (p.to_tile), (CASE WHEN p.seq = 1 THEN p.from_tile END)) a (tile)
		 WHERE t.reason = 'g' AND p.customer = t.customer AND p.member = t.member AND p.seq < t.seq
		   AND p.reason NOT IN ('g', 'f', 'b') AND a.tile IS NOT NULL)) c
 WHERE v.definition ? 'goal'
 GROUP BY 1, 2, 3, 4;

-- The one place that says what a row counts as, at each of the tiles it is about.
CREATE OR REPLACE FUNCTION journey.move_counts(
	definition jsonb, tiles text[], from_tile smallint, to_tile smallint, reason "char", is_entry bool)
RETURNS TABLE (tile int, entered int, departed int, errors int, converted int)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
	SELECT c.tile, c.entered, c.departed, c.errors, c.converted
	  FROM (SELECT move_counts.reason NOT IN ('g', 'f', 'b') AS is_move,
				   coalesce(definition #>> ARRAY['tiles', tiles[from_tile + 1], 'type'] = 'exit', false) AS from_exit,
				   coalesce(definition #>> ARRAY['tiles', tiles[to_tile + 1], 'type'] = 'exit', false) AS to_exit) x
	 CROSS JOIN LATERAL (
			VALUES (-1, is_entry::int,
					CASE reason WHEN 'i' THEN x.to_exit::int - x.from_exit::int
								ELSE (x.is_move AND (x.to_exit OR (to_tile IS NULL AND NOT x.from_exit)))::int END,
					(reason = 'f')::int, (reason = 'g')::int),
				   (to_tile, x.is_move::int, (x.is_move AND x.to_exit)::int, 0, 0),
				   (from_tile, (x.is_move AND is_entry)::int, (x.is_move AND NOT x.from_exit)::int,
					(reason = 'f')::int, 0)) c (tile, entered, departed, errors, converted)
	 WHERE c.tile IS NOT NULL;
END;
COMMENT ON FUNCTION journey.move_counts(jsonb, text[], smallint, smallint, "char", bool) IS
'Internal. What a row of transition_row with these tiles and reason, of a version with this definition, counts as at its tiles and (tile -1) for the journey; is_entry: it is its member''s first.';

-- What the rows not folded yet add to tile_total, in its columns; a tile may come more than once.
CREATE OR REPLACE VIEW journey.recent AS
SELECT m.settled, m.journey, m.version, c.tile::smallint AS tile, c.entered * m.rows AS entered,
	   c.departed * m.rows AS departed, c.errors * m.rows AS errors, 0::bigint AS passed, c.converted * m.rows AS converted
  FROM journey.recent_move m
  JOIN journey.version_row v ON v.journey = m.journey AND v.version = m.version
 CROSS JOIN LATERAL journey.move_counts(v.definition, v.tiles, m.from_tile, m.to_tile, m.reason, m.is_entry) c
UNION ALL
SELECT g.settled, g.journey, g.version, g.tile, 0, 0, 0, g.passed, g.converted
  FROM journey.recent_goal g;

-- Members on their way to an exit tile, by an event edge with a wait, are counted as departed from it by the row
-- of their departure and are not there yet.  Few journeys have such an edge; the others cost nothing here.
CREATE OR REPLACE VIEW journey.exit_bound AS
SELECT v.journey, v.version, m.tile, m.members
  FROM journey.version_row v
 CROSS JOIN LATERAL (
		SELECT r.tile, count(*) AS members
		  FROM journey.member_row r
		 WHERE r.journey = v.journey AND r.version = v.version AND r.due_at IS NOT NULL AND r.state = 't'
		   AND v.definition #>> ARRAY['tiles', v.tiles[r.tile + 1], 'type'] = 'exit'
		 GROUP BY r.tile) m
 WHERE EXISTS (SELECT FROM journey.version_row o
				WHERE o.journey = v.journey AND o.version <= v.version
				  AND o.definition @? '$.edges[*] ? (exists (@.event) && exists (@.wait))'
				  AND (o.version < v.version
					   OR EXISTS (SELECT FROM jsonb_array_elements(o.definition -> 'edges') AS e (doc)
								   WHERE e.doc ? 'event' AND e.doc ? 'wait'
									 AND o.definition #>> ARRAY['tiles', e.doc ->> 'to', 'type'] = 'exit')));

CREATE OR REPLACE VIEW journey.tile_count AS
SELECT c.journey, c.version, c.tile, sum(c.entered)::bigint AS entered, sum(c.departed)::bigint AS departed,
	   sum(c.errors)::bigint AS errors, sum(c.passed)::bigint AS passed, sum(c.converted)::bigint AS converted
  FROM (SELECT t.journey, t.version, t.tile, t.entered, t.departed, t.errors, t.passed, t.converted
		  FROM journey.tile_total t
		UNION ALL
		SELECT r.journey, r.version, r.tile, r.entered, r.departed, r.errors, r.passed, r.converted
		  FROM journey.recent r
		UNION ALL
		SELECT b.journey, b.version, a.tile, 0, - b.members, 0, 0, 0
		  FROM journey.exit_bound b
		 CROSS JOIN LATERAL (VALUES (b.tile), ((-1)::smallint)) a (tile)) c
 GROUP BY c.journey, c.version, c.tile;

CREATE OR REPLACE VIEW journey.status AS
SELECT j.name AS journey, j.state, j.version,
	   coalesce(c.entered - c.exited, 0) AS active, coalesce(c.entered, 0) AS entered,
	   coalesce(c.exited, 0) AS exited, coalesce(c.converted, 0) AS converted, coalesce(f.failed, 0) AS failed
  FROM journey.journey j
  LEFT JOIN (SELECT t.journey, sum(t.entered)::bigint AS entered, sum(t.departed)::bigint AS exited,
					sum(t.converted)::bigint AS converted
			   FROM journey.tile_count t
			  WHERE t.tile = -1
			  GROUP BY t.journey) c ON c.journey = j.id
  LEFT JOIN (SELECT m.journey, count(*) AS failed
			   FROM journey.member_row m
			  WHERE m.state = 'f'
			  GROUP BY m.journey) f ON f.journey = j.id;

CREATE OR REPLACE VIEW journey.tile_stats AS
SELECT j.name AS journey, v.version, t.name AS tile, t.config ->> 'type' AS type,
	   coalesce(c.entered, 0) AS entered, coalesce(c.entered - c.departed, 0) AS inside,
	   coalesce(c.departed, 0) AS departed, coalesce(c.errors, 0) AS errors,
	   CASE WHEN v.definition ? 'goal' THEN round(c.converted::numeric / nullif(c.passed, 0), 4) END AS conversion_rate
  FROM journey.version_row v
  JOIN journey.journey j ON j.id = v.journey
 CROSS JOIN LATERAL jsonb_each(v.definition -> 'tiles') WITH ORDINALITY AS t (name, config, n)
  LEFT JOIN journey.tile_count c ON c.journey = v.journey AND c.version = v.version AND c.tile = t.n - 1;
